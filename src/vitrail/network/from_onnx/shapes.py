"""Handlers of ONNX operators that only move entries, and of shapes as constants."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from vitrail.network import lowering
from vitrail.network.builder import GraphBuilder, Refusal, Value
from vitrail.network.from_onnx.registry import Call, handles

_RESHAPES = "reshape, view, flatten, squeeze, unsqueeze"
_MOVES = "transpose, permute, slice, select, expand, flip, roll, index by constants"


@handles(_RESHAPES, "Flatten")
def _flatten(builder: GraphBuilder, call: Call) -> Value:
    del builder
    value = call.value(0)
    axis = call.attributes.get("axis", 1)
    axis = axis + len(value.shape) if axis < 0 else axis
    return Value(value.node, (math.prod(value.shape[:axis]), math.prod(value.shape[axis:])))


@handles(_RESHAPES, "Reshape")
def _reshape(builder: GraphBuilder, call: Call) -> Value:
    del builder
    value = call.value(0)
    wanted = [int(size) for size in call.constant(1).reshape(-1).tolist()]
    if not call.attributes.get("allowzero", 0):
        if any(size == 0 and axis >= len(value.shape) for axis, size in enumerate(wanted)):
            raise Refusal(f"shape {wanted} copies an axis that {value.shape} does not have")
        wanted = [value.shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    known = math.prod(size for size in wanted if size != -1)
    size = math.prod(value.shape)
    if wanted.count(-1) > 1 or known == 0 or size % known or (-1 not in wanted and known != size):
        raise Refusal(f"an input of shape {value.shape} does not reshape to {wanted}")
    return Value(value.node, tuple(size // known if entry == -1 else entry for entry in wanted))


@handles(_RESHAPES, "Squeeze")
def _squeeze(builder: GraphBuilder, call: Call) -> Value:
    del builder
    value, axes = call.value(0), call.integers("axes", 1)
    rank = len(value.shape)
    gone = {axis for axis in range(rank) if value.shape[axis] == 1} if axes is None else {axis % rank for axis in axes}
    if any(value.shape[axis] != 1 for axis in gone):
        raise Refusal(f"axes {sorted(gone)} of shape {value.shape} are not all of size 1")
    return Value(value.node, tuple(size for axis, size in enumerate(value.shape) if axis not in gone))


@handles(_RESHAPES, "Unsqueeze")
def _unsqueeze(builder: GraphBuilder, call: Call) -> Value:
    del builder
    value, axes = call.value(0), call.integers("axes", 1) or []
    rank = len(value.shape) + len(axes)
    new = {axis % rank for axis in axes}
    old = iter(value.shape)
    return Value(value.node, tuple(1 if axis in new else next(old) for axis in range(rank)))


@handles(_MOVES, "Transpose")
def _transpose(builder: GraphBuilder, call: Call) -> Value:
    order = call.attributes.get("perm")
    return builder.rearrange(call.value(0), lambda table: table.transpose(order))


@handles(_MOVES, "Slice")
def _slice(builder: GraphBuilder, call: Call) -> Value:
    value = call.value(0)
    starts, ends = call.integers("starts", 1), call.integers("ends", 2)
    if starts is None or ends is None:
        raise Refusal("starts or ends are missing")
    axes = call.integers("axes", 3) or list(range(len(starts)))
    steps = call.integers("steps", 4) or [1] * len(starts)
    slices = [slice(None)] * len(value.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = value.shape[axis]
        # numpy reads -1 as the last entry, ONNX reads anything below -size as "before the first"
        stop = None if step < 0 and end < -size else end
        slices[axis] = slice(start, stop, step)
    return builder.rearrange(value, lambda table: table[tuple(slices)])


@handles(_MOVES, "Gather")
def _gather(builder: GraphBuilder, call: Call) -> Value:
    value, indices = call.value(0), call.constant(1).numpy()
    axis = call.attributes.get("axis", 0) % len(value.shape)
    size = value.shape[axis]
    if ((indices < -size) | (indices >= size)).any():
        raise Refusal(f"an index is outside axis {axis} of size {size}")
    return builder.rearrange(value, lambda table: np.take(table, indices % size, axis=axis))


@handles(_MOVES, "Expand")
def _expand(builder: GraphBuilder, call: Call) -> Value:
    value = call.value(0)
    wanted = tuple(int(size) for size in call.constant(1).tolist())
    return lowering.broadcast(builder, value, tuple(torch.broadcast_shapes(value.shape, wanted)))


@handles("padding: constant", "Pad")
def _pad(builder: GraphBuilder, call: Call) -> Value:
    value, flat = call.value(0), call.integers("pads", 1)
    mode = call.attributes.get("mode", "constant")
    if flat is None or mode not in ("constant", "reflect", "edge", "wrap"):
        raise Refusal(f"mode {mode!r} or missing pads; supported modes: constant, reflect, edge, wrap")
    axes = call.integers("axes", 3) or list(range(len(value.shape)))
    widths = [(0, 0)] * len(value.shape)
    for position, axis in enumerate(axes):
        widths[axis] = (flat[position], flat[position + len(axes)])
    return lowering.pad(builder, value, widths, mode, call.number("value", 2, 0.0))


@handles("cat, stack", "Concat")
def _concat(builder: GraphBuilder, call: Call) -> Value:
    operands = [call.operand(position) for position in range(len(call.inputs))]
    return lowering.concat(builder, operands, call.attributes["axis"])


@handles("split, chunk, unbind", "Split")
def _split(builder: GraphBuilder, call: Call) -> tuple[Value, ...]:
    value = call.value(0)
    axis = call.attributes.get("axis", 0) % len(value.shape)
    sizes = call.integers("split", 1)
    if sizes is None:
        chunk = -(-value.shape[axis] // call.outputs)
        sizes = [min(chunk, value.shape[axis] - index * chunk) for index in range(call.outputs)]
    if sum(sizes) != value.shape[axis] or min(sizes) <= 0:
        raise Refusal(f"parts {sizes} do not add up to axis {axis} of shape {value.shape}")
    positions = np.arange(math.prod(value.shape), dtype=np.int64).reshape(value.shape)
    parts = np.split(positions, np.cumsum(sizes)[:-1], axis=axis)
    return tuple(builder.place_table(value, part) for part in parts)


@handles("shapes as constants", "Shape")
def _shape(builder: GraphBuilder, call: Call) -> Tensor:
    del builder
    found = call.inputs[0]
    shape = list(found.shape) if found is not None else []
    return torch.tensor(shape[call.attributes.get("start", 0) : call.attributes.get("end")], dtype=torch.int64)


@handles("shapes as constants", "Size")
def _size(builder: GraphBuilder, call: Call) -> Tensor:
    del builder
    return torch.tensor(math.prod(call.value(0).shape), dtype=torch.int64)
