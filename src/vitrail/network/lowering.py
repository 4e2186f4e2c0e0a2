"""From the meaning of an imported operation to ops of the graph; shared by the torch and the ONNX importer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from vitrail.network.builder import GraphBuilder, Refusal, Value, without_batch
from vitrail.network.ops.arithmetic import Add, Scale, Sum
from vitrail.network.ops.base import Shape, check_size
from vitrail.network.ops.concat import Concat
from vitrail.network.ops.convolution import Convolution
from vitrail.network.ops.elementwise import Elementwise, clamp
from vitrail.network.ops.linear import ConstantProduct, Linear
from vitrail.network.ops.normalization import batch_norm_scale

__all__ = [
    "Operand",
    "add",
    "as_value",
    "batch_norm",
    "bounded",
    "broadcast",
    "concat",
    "convolve",
    "divide",
    "elementwise",
    "gather",
    "linear",
    "matmul",
    "multiply",
    "normalize_axes",
    "pad",
    "scale_and_shift",
    "total",
]

Operand = Value | Tensor


def normalize_axes(axes: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Axes as sorted non-negative numbers; None or empty = all.

    Example:
        >>> normalize_axes([-1], 3), normalize_axes(None, 2)
        ((2,), (0, 1))
    """
    if axes is None or (not isinstance(axes, int) and len(axes) == 0):
        return tuple(range(rank))
    listed = [axes] if isinstance(axes, int) else list(axes)
    if any(not -rank <= axis < max(rank, 1) for axis in listed):
        raise Refusal(f"axes {listed} do not exist in a tensor of {rank} axes")
    return tuple(sorted({axis % max(rank, 1) for axis in listed}))


def broadcast(builder: GraphBuilder, value: Value, shape: Shape) -> Value:
    """Repeat entries as numpy broadcasting does."""
    if value.shape == shape:
        return value
    check_size(shape, "broadcasting")
    return builder.rearrange(value, lambda table: np.broadcast_to(table, shape))


def as_value(builder: GraphBuilder, operand: Operand) -> Value:
    """The operand itself, or a constant made a value."""
    return operand if isinstance(operand, Value) else builder.constant(operand)


def scale_and_shift(
    builder: GraphBuilder, value: Value, scale: Tensor | None, shift: Tensor | None, label: str
) -> Value:
    """Scale * value + shift with numpy broadcasting, which may enlarge the shape."""
    shapes = [tuple(constant.shape) for constant in (scale, shift) if constant is not None]
    shape = tuple(torch.broadcast_shapes(value.shape, *shapes))
    value = broadcast(builder, value, shape)
    own = without_batch(shape)

    def fit(constant: Tensor | None) -> Tensor | None:
        if constant is None:
            return None
        constant = constant.to(torch.float64)
        if constant.numel() == 1:
            return constant.reshape(())
        aligned = constant.reshape(*(1,) * (len(shape) - constant.ndim), *constant.shape)
        # drop the batch axis, along which the constant has size 1 like the value
        return aligned.reshape(aligned.shape[1:]) if len(own) < len(shape) else aligned

    return builder.emit(Scale(own, fit(scale), fit(shift), label), [value], shape)


def add(builder: GraphBuilder, left: Operand, right: Operand, sign: int = 1) -> Value:
    """Left + sign * right; at least one is a value."""
    if isinstance(left, Value) and isinstance(right, Value):
        shape = tuple(torch.broadcast_shapes(left.shape, right.shape))
        rank = len(shape)
        padded = [(1,) * (rank - len(value.shape)) + value.shape for value in (left, right)]
        own = tuple(padded_shape[1:] if shape[:1] == (1,) else padded_shape for padded_shape in padded)
        return builder.emit(Add(own, (1, sign)), [left, right], shape)
    if isinstance(left, Value) and isinstance(right, Tensor):
        return scale_and_shift(builder, left, None, sign * right, "shift")
    if isinstance(left, Tensor) and isinstance(right, Value):
        return scale_and_shift(builder, right, torch.tensor(-1.0) if sign < 0 else None, left, "shift")
    raise Refusal("both operands are constant")


def gather(builder: GraphBuilder, values: Sequence[Value], move: Callable[[list[np.ndarray]], np.ndarray]) -> Value:
    """Entries of several values in a new arrangement: `move` acts on tables of positions in their concatenation."""
    tables, start = [], 0
    for value in values:
        size = math.prod(value.shape)
        tables.append(np.arange(start, start + size, dtype=np.int64).reshape(value.shape))
        start += size
    flat = [Value(value.node, (math.prod(value.shape),)) for value in values]
    joined = builder.emit(Concat(tuple(value.shape for value in flat), 0), flat, (start,))
    return builder.place_table(joined, move(tables))


def multiply(builder: GraphBuilder, left: Operand, right: Operand) -> Value:
    """A product of which one factor is constant."""
    if isinstance(left, Value) and isinstance(right, Value):
        raise Refusal("product of two variables is not piecewise linear")
    if isinstance(left, Tensor) and isinstance(right, Value):
        return scale_and_shift(builder, right, left, None, "scale")
    if isinstance(left, Value) and isinstance(right, Tensor):
        return scale_and_shift(builder, left, right, None, "scale")
    raise Refusal("both operands are constant")


def linear(builder: GraphBuilder, value: Value, weight: Tensor, bias: Tensor | None) -> Value:
    """Value @ weight.T + bias on the last axis."""
    own = without_batch(value.shape) if len(value.shape) > 1 else value.shape
    if weight.ndim != 2 or own[-1] != weight.shape[1]:
        raise Refusal(f"a weight of shape {tuple(weight.shape)} does not fit an input of shape {value.shape}")
    if bias is not None:
        bias = bias.reshape(-1).expand(weight.shape[0]).contiguous() if bias.numel() == 1 else bias.reshape(-1)
    op = Linear(weight.contiguous(), bias, own[:-1])
    return builder.emit(op, [value], (*value.shape[:-1], weight.shape[0]))


def matmul(builder: GraphBuilder, left: Operand, right: Operand) -> Value:
    """Numpy's matmul with one constant side."""
    if isinstance(left, Value) and isinstance(right, Value):
        raise Refusal("product of two variables is not piecewise linear")
    value = left if isinstance(left, Value) else right
    constant = right if isinstance(left, Value) else left
    if not isinstance(value, Value) or not isinstance(constant, Tensor):
        raise Refusal("both operands are constant")
    constant_left = value is right
    if constant.ndim <= 2 and not constant_left:
        result = linear(builder, value, (constant.reshape(-1, 1) if constant.ndim == 1 else constant).mT, None)
        return Value(result.node, result.shape[:-1]) if constant.ndim == 1 else result
    if constant_left and len(value.shape) == 1:
        flat = constant.reshape(-1, constant.shape[-1])
        return Value(linear(builder, value, flat, None).node, tuple(constant.shape[:-1]))
    return _batched_matmul(builder, value, constant, constant_left)


def _batched_matmul(builder: GraphBuilder, value: Value, constant: Tensor, constant_left: bool) -> Value:
    if constant.ndim == 1:
        result = _batched_matmul(builder, value, constant[None], True)
        return Value(result.node, (*result.shape[:-2], result.shape[-1]))
    added = len(value.shape) == 1
    shape: Shape = (1, *value.shape) if added else value.shape
    shape = (1,) * (constant.ndim - len(shape)) + shape
    op = ConstantProduct(constant.contiguous(), shape, constant_left)
    result_shape = op.shape[:-2] + op.shape[-1:] if added else op.shape
    return builder.emit(op, [value], result_shape)


def convolve(
    builder: GraphBuilder,
    value: Value,
    kernels: Tensor,
    bias: Tensor | None,
    *,
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
) -> Value:
    """A convolution over the last axes with zero padding."""
    axes = kernels.ndim - 2
    if axes not in (1, 2):
        raise Refusal(f"convolution over {axes} spatial axes; 1 and 2 are supported")
    own = without_batch(value.shape) if len(value.shape) > axes + 1 else value.shape
    options = (tuple(stride), tuple(padding), tuple(dilation), groups)
    op = Convolution(kernels.contiguous(), own, bias, *options)
    return builder.emit(op, [value], op.shape if len(own) == len(value.shape) else (1, *op.shape))


def batch_norm(
    builder: GraphBuilder,
    value: Value,
    gamma: Tensor | None,
    beta: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    epsilon: float,
) -> Value:
    """Batch normalisation in evaluation mode; channels are axis 1."""
    scale = batch_norm_scale(gamma, variance, epsilon)
    builder.note(f"batch norm at {builder.place}: gamma / sqrt(variance + eps) is rounded once to float64")
    column = (-1, *(1,) * (len(value.shape) - 2))
    # in two steps, so that mean and shift stay the stored numbers: one scale and shift would round their combination
    if bool((mean != 0).any()):
        value = scale_and_shift(builder, value, None, -mean.reshape(column), "batch_norm")
    shift = None if beta is None or not bool((beta != 0).any()) else beta.reshape(column)
    return scale_and_shift(builder, value, scale.reshape(column), shift, "batch_norm")


def elementwise(builder: GraphBuilder, value: Value, make: Callable[[Shape], Elementwise | None]) -> Value:
    """An elementwise op; where it never changes slope it is the identity."""
    op = make(without_batch(value.shape))
    if op is None:
        builder.note(f"{builder.place}: no unit has a breakpoint, the identity")
        return value
    return builder.emit(op, [value], value.shape)


def bounded(builder: GraphBuilder, value: Value, low: Tensor | float, high: Tensor | float, kind: str) -> Value:
    """min(max(value, low), high) with bounds that broadcast (they may enlarge the shape)."""
    low, high = torch.as_tensor(low, dtype=torch.float64), torch.as_tensor(high, dtype=torch.float64)
    shape = tuple(torch.broadcast_shapes(value.shape, low.shape, high.shape))
    value = broadcast(builder, value, shape)
    own = without_batch(shape)
    lows, highs = (bound.broadcast_to(shape).reshape(own).numpy() for bound in (low, high))
    return elementwise(builder, value, lambda units: clamp(units, lows, highs, kind))


def total(builder: GraphBuilder, value: Value, axes: tuple[int, ...], keep: bool, mean: bool) -> Value:
    """Sum or mean over axes."""
    count = math.prod(value.shape[axis] for axis in axes)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape) if keep or axis not in axes)
    if count & (count - 1) and mean:
        builder.note(f"mean at {builder.place}: 1/{count} is rounded once to float64")
    if value.shape[:1] == (1,) and len(value.shape) > 1:
        # a sum over the batch of one changes nothing
        inner = tuple(axis - 1 for axis in axes if axis > 0)
        op = Sum(value.shape[1:], inner, 1.0 / count if mean else 1.0, keep)
    else:
        op = Sum(value.shape, axes, 1.0 / count if mean else 1.0, keep)
    return builder.emit(op, [value], shape)


def concat(builder: GraphBuilder, operands: Sequence[Operand], axis: int) -> Value:
    """Concatenate along an axis; constants among the operands become values."""
    values = [as_value(builder, operand) for operand in operands]
    # torch ignores empty tensors of one axis
    rank = max(len(value.shape) for value in values)
    values = [value for value in values if math.prod(value.shape) and len(value.shape) == rank]
    axis %= rank
    strip = axis > 0 and all(value.shape[0] == 1 for value in values)
    shapes = tuple(value.shape[1:] if strip else value.shape for value in values)
    if len(values) == 1:
        return values[0]
    op = Concat(shapes, axis - 1 if strip else axis)
    return builder.emit(op, values, (1, *op.shape) if strip else op.shape)


def pad(builder: GraphBuilder, value: Value, widths: Sequence[tuple[int, int]], mode: str, fill: float) -> Value:
    """Pad (or, with negative widths, crop) every axis; mode is numpy's: constant, reflect, edge or wrap."""
    crops = tuple(
        slice(max(-before, 0), size - max(-after, 0)) for (before, after), size in zip(widths, value.shape, strict=True)
    )
    grow = [(max(before, 0), max(after, 0)) for before, after in widths]

    def move(table: np.ndarray) -> np.ndarray:
        if mode == "constant":
            return np.pad(table[crops], grow, mode="constant", constant_values=-1)
        if mode == "reflect":
            return np.pad(table[crops], grow, mode="reflect")
        return np.pad(table[crops], grow, mode="wrap" if mode == "wrap" else "edge")

    sizes = zip(value.shape, widths, strict=True)
    check_size(tuple(size + max(before, 0) + max(after, 0) for size, (before, after) in sizes), "padding")
    result = builder.rearrange(value, move)
    if mode == "constant" and fill != 0.0:
        positions = np.arange(math.prod(value.shape), dtype=np.int64).reshape(value.shape)
        outside = torch.from_numpy(np.where(move(positions) < 0, fill, 0.0))
        result = scale_and_shift(builder, result, None, outside, "shift")
    return result


def divide(builder: GraphBuilder, value: Value, divisor: Tensor) -> Value:
    """Division by a constant: multiplication by its float64 reciprocal (exact for powers of two)."""
    divisor = divisor.to(torch.float64)
    if bool((divisor == 0).any()):
        raise Refusal("division by a constant 0")
    reciprocal = 1.0 / divisor
    if bool((torch.frexp(divisor).mantissa.abs() != 0.5).any()):
        builder.note(f"division at {builder.place}: multiplication by the reciprocal, rounded once to float64")
    return scale_and_shift(builder, value, reciprocal, None, "scale")
