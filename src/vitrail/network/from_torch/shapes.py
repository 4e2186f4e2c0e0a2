"""Handlers of operations that only move entries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitrail.network import lowering
from vitrail.network.builder import GraphBuilder, Refusal, Value
from vitrail.network.from_torch.registry import Call, handles


@handles(
    "reshape, view, flatten, squeeze, unsqueeze",
    "view.default", "_unsafe_view.default", "reshape.default", "flatten.using_ints", "unflatten.int", "squeeze.default",
    "squeeze.dim", "squeeze.dims", "unsqueeze.default", "view_as.default", "reshape_as.default",
)  # fmt: skip
def _reshape(builder: GraphBuilder, call: Call) -> Value:
    value = call.value("self")
    if math.prod(value.shape) != math.prod(call.shape):
        raise Refusal(f"shape {value.shape} does not reshape to {call.shape}")
    return Value(value.node, call.shape)


@handles(
    "transpose, permute, slice, select, expand, flip, roll, index by constants",
    "transpose.int", "permute.default", "t.default", "numpy_T.default", "mT.default", "swapaxes.default",
    "movedim.int", "movedim.intlist", "slice.Tensor", "select.int", "narrow.default", "expand.default",
    "repeat.default", "tile.default", "flip.default", "roll.default", "index_select.default", "index.Tensor",
    "pixel_shuffle.default", "pixel_unshuffle.default", "channel_shuffle.default", "repeat_interleave.self_int",
    "upsample_nearest2d.default", "upsample_nearest1d.default", "upsample_nearest2d.vec", "upsample_nearest1d.vec",
    "diagonal.default", "unfold.default",
)  # fmt: skip
@handles(
    "split, chunk, unbind", "split.Tensor", "split_with_sizes.default", "split.sizes", "chunk.default", "unbind.int"
)
@handles(
    "padding: reflect, replicate",
    "reflection_pad1d.default", "reflection_pad2d.default", "replication_pad1d.default", "replication_pad2d.default",
)  # fmt: skip
def _move(builder: GraphBuilder, call: Call) -> Any:
    """Run the operation itself on a table of positions."""
    first = next(iter(call.arguments))
    value = call.value(first)
    positions = torch.arange(math.prod(value.shape), dtype=torch.float64).reshape(value.shape)
    others = {name: _plain(name, argument) for name, argument in call.arguments.items() if name != first}
    moved = call.target(positions, **others)
    if isinstance(moved, Tensor):
        return builder.place_table(value, moved.to(torch.int64).numpy())
    tables = [part.to(torch.int64).numpy() for part in moved]
    return tuple(builder.place_table(value, table) for table in tables)


def _plain(name: str, argument: Any) -> Any:
    listed = argument if isinstance(argument, list | tuple) else [argument]
    if any(isinstance(item, Value) for item in listed):
        raise Refusal(f"argument '{name}' depends on the input")
    return argument


@handles("padding: constant", "constant_pad_nd.default", "pad.default")
def _pad(builder: GraphBuilder, call: Call) -> Any:
    mode = call.arguments.get("mode", "constant")
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode not in modes:
        raise Refusal(f"padding mode {mode!r}; supported: {', '.join(modes)}")
    value, flat = call.value("self"), list(call["pad"])
    pairs = [(flat[index], flat[index + 1]) for index in range(0, len(flat), 2)]
    widths = [(0, 0)] * (len(value.shape) - len(pairs)) + pairs[::-1]
    fill = call.arguments.get("value")
    return lowering.pad(builder, value, widths, modes[mode], 0.0 if fill is None else float(fill))


@handles("cat, stack", "cat.default", "concat.default")
def _concat(builder: GraphBuilder, call: Call) -> Value:
    return lowering.concat(builder, call["tensors"], call["dim"])


@handles("cat, stack", "stack.default")
def _stack(builder: GraphBuilder, call: Call) -> Value:
    values = [lowering.as_value(builder, item) for item in call["tensors"]]
    axis = call["dim"] % (len(values[0].shape) + 1)
    widened = [Value(value.node, (*value.shape[:axis], 1, *value.shape[axis:])) for value in values]
    return lowering.concat(builder, widened, axis)


@handles("writing into a slice", "select_scatter.default", "slice_scatter.default", "copy.default")
def _scatter(builder: GraphBuilder, call: Call) -> Value:
    base, source = (lowering.as_value(builder, call.operand(name)) for name in ("self", "src"))
    options = {name: argument for name, argument in call.arguments.items() if name not in ("self", "src")}

    def move(tables: list[np.ndarray]) -> np.ndarray:
        first, second = (torch.from_numpy(table) for table in tables)
        return call.target(first, second, **options).numpy()

    return lowering.gather(builder, [base, source], move)


@handles("selection by a constant mask", "where.self", "masked_fill.Scalar", "masked_fill.Tensor")
def _where(builder: GraphBuilder, call: Call) -> Value:
    masked = "masked_fill" in str(call.target)
    condition = call["mask" if masked else "condition"]
    if isinstance(condition, Value):
        raise Refusal("a selection that depends on the input", "Write it with relu, clamp, maximum or abs.")
    names = ("value", "self") if masked else ("self", "other")
    values = [lowering.as_value(builder, call.operand(name)) for name in names]

    def move(tables: list[np.ndarray]) -> np.ndarray:
        return np.where(condition.numpy(), *tables)

    return lowering.gather(builder, values, move)


@handles(
    "constants shaped like a tensor",
    "zeros_like.default", "ones_like.default", "full_like.default", "fill.Scalar", "fill.Tensor",
    "new_zeros.default", "new_ones.default", "new_full.default", "zero.default",
)  # fmt: skip
def _constant(builder: GraphBuilder, call: Call) -> Any:
    name = str(call.target)
    filling = call.arguments.get("fill_value", call.arguments.get("value", 1.0 if "ones" in name else 0.0))
    if isinstance(filling, Value):
        return lowering.broadcast(builder, filling, call.shape)
    return torch.full(call.shape, float(filling), dtype=torch.float64)
