"""Handlers of affine ONNX operators."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch

from vitrail.network import lowering, lowering_pool
from vitrail.network.builder import GraphBuilder, Refusal, Value
from vitrail.network.from_onnx.registry import Call, handles

__all__ = ["paddings"]


def paddings(
    call: Call, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """Padding (before, after) per spatial axis from `pads` or `auto_pad`."""
    axes = len(kernel)
    mode = call.attributes.get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        flat = list(call.attributes.get("pads", [0] * 2 * axes))
        return list(zip(flat[:axes], flat[axes:], strict=True))
    if mode == "VALID":
        return [(0, 0)] * axes
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise Refusal(f"auto_pad={mode!r}; supported: NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    result = []
    for size, window, step, spread in zip(sizes, kernel, stride, dilation, strict=True):
        reach = spread * (window - 1) + 1
        needed = max((math.ceil(size / step) - 1) * step + reach - size, 0)
        small, large = needed // 2, needed - needed // 2
        result.append((small, large) if mode == "SAME_UPPER" else (large, small))
    return result


@handles("linear", "Gemm")
def _gemm(builder: GraphBuilder, call: Call) -> Value:
    value, weight = call.value(0), call.constant(1)
    alpha, beta = call.real("alpha", 1.0), call.real("beta", 1.0)
    if call.attributes.get("transA", 0):
        value = builder.rearrange(value, lambda table: table.T)
    matrix = weight if call.attributes.get("transB", 0) else weight.mT
    shift = call.optional(2)
    if (alpha != 1.0) or (beta != 1.0 and shift is not None):
        builder.note(f"Gemm at {builder.place}: alpha and beta are multiplied into the constants in float64")
    matrix = matrix if alpha == 1.0 else matrix * alpha
    shift = shift if shift is None or beta == 1.0 else shift * beta
    rows = matrix.shape[0]
    simple = shift is None or shift.numel() == 1 or tuple(shift.shape) in ((rows,), (1, rows))
    result = lowering.linear(builder, value, matrix, shift if simple else None)
    return result if simple else lowering.scale_and_shift(builder, result, None, shift, "shift")


@handles("matmul by a constant", "MatMul")
def _matmul(builder: GraphBuilder, call: Call) -> Value:
    return lowering.matmul(builder, call.operand(0), call.operand(1))


@handles("conv1d, conv2d", "Conv")
def _conv(builder: GraphBuilder, call: Call) -> Value:
    value, kernels = call.value(0), call.constant(1)
    axes = kernels.ndim - 2
    stride = call.attributes.get("strides", [1] * axes)
    dilation = call.attributes.get("dilations", [1] * axes)
    return lowering.convolve(
        builder,
        value,
        kernels,
        call.optional(2),
        stride=stride,
        padding=paddings(call, value.shape[2:], kernels.shape[2:], stride, dilation),
        dilation=dilation,
        groups=call.attributes.get("group", 1),
    )


@handles("batch norm (eval mode)", "BatchNormalization")
def _batch_norm(builder: GraphBuilder, call: Call) -> Value:
    if call.attributes.get("training_mode", 0):
        raise Refusal("training_mode=1 uses statistics of the batch", "Export the model in evaluation mode.")
    if call.attributes.get("spatial", 1) == 0:
        raise Refusal("spatial=0 is not supported")
    gamma, beta, mean, variance = (call.constant(position) for position in range(1, 5))
    epsilon = call.real("epsilon", 1 / 100_000)
    return lowering.batch_norm(builder, call.value(0), gamma, beta, mean, variance, epsilon)


@handles("average pooling", "AveragePool")
def _average_pool(builder: GraphBuilder, call: Call) -> Value:
    value, kernel = call.value(0), list(call.attributes["kernel_shape"])
    axes = len(kernel)
    stride = list(call.attributes.get("strides", [1] * axes))
    dilation = list(call.attributes.get("dilations", [1] * axes))
    sizes = value.shape[-axes:]
    pads = paddings(call, sizes, kernel, stride, dilation)
    ceil = bool(call.attributes.get("ceil_mode", 0))
    windows = lowering_pool.window_tables(sizes, kernel, stride, pads, dilation, ceil)
    counts = None
    if call.attributes.get("count_include_pad", 0):
        if ceil or any(step > 1 for step in dilation):
            raise Refusal("count_include_pad together with ceil_mode or dilations")
        options = zip(windows, kernel, stride, pads, sizes, strict=True)
        counts = [
            lowering_pool.covered(len(table), window, step, before, size + after)
            for table, window, step, (before, after), size in options
        ]
    return lowering_pool.average_pool(builder, value, windows, counts=counts)


@handles("adaptive and global average pooling", "GlobalAveragePool")
def _global_average(builder: GraphBuilder, call: Call) -> Value:
    value = call.value(0)
    return lowering.total(builder, value, tuple(range(2, len(value.shape))), keep=True, mean=True)


@handles("sum and mean over axes", "ReduceMean", "ReduceSum")
def _reduce(builder: GraphBuilder, call: Call) -> Value:
    value, axes = call.value(0), call.integers("axes", 1)
    if not axes and call.attributes.get("noop_with_empty_axes", 0):
        return value
    keep = bool(call.attributes.get("keepdims", 1))
    numbers = lowering.normalize_axes(axes, len(value.shape))
    return lowering.total(builder, value, numbers, keep, call.operator == "ReduceMean")


@handles("add, subtract", "Add", "Sub")
def _add(builder: GraphBuilder, call: Call) -> Value:
    return lowering.add(builder, call.operand(0), call.operand(1), -1 if call.operator == "Sub" else 1)


@handles("add, subtract", "Sum")
def _sum(builder: GraphBuilder, call: Call) -> Value:
    operands = [call.operand(position) for position in range(len(call.inputs))]
    values = [operand for operand in operands if isinstance(operand, Value)]
    constants = [operand for operand in operands if not isinstance(operand, Value)]
    result = functools.reduce(lambda left, right: lowering.add(builder, left, right), values)
    return functools.reduce(lambda left, right: lowering.add(builder, left, right), constants, result)


@handles("multiply, divide by constants", "Mul")
def _multiply(builder: GraphBuilder, call: Call) -> Value:
    return lowering.multiply(builder, call.operand(0), call.operand(1))


@handles("multiply, divide by constants", "Div")
def _divide(builder: GraphBuilder, call: Call) -> Value:
    if isinstance(call.inputs[1], Value):
        raise Refusal("division by a variable is not piecewise linear")
    return lowering.divide(builder, call.value(0), call.constant(1))


@handles("negate", "Neg")
def _negate(builder: GraphBuilder, call: Call) -> Value:
    minus = torch.tensor(-1.0, dtype=torch.float64)
    return lowering.scale_and_shift(builder, call.value(0), minus, None, "negate")


@handles("dropout (eval mode)", "Dropout")
def _dropout(builder: GraphBuilder, call: Call) -> Value:
    training = call.optional(2)
    if training is not None and bool(training):
        raise Refusal("training_mode is on", "Export the model in evaluation mode.")
    builder.note(f"dropout at {builder.place} is the identity in evaluation mode")
    return call.value(0)


@handles("identity, casts between floating types", "Identity")
def _identity(builder: GraphBuilder, call: Call) -> Value:
    del builder
    return call.value(0)


@handles("identity, casts between floating types", "Cast", "CastLike")
def _cast(builder: GraphBuilder, call: Call) -> Value:
    if call.operator == "Cast" and call.attributes["to"] not in (1, 10, 11, 16):
        raise Refusal(f"a cast to type {call.attributes['to']} is discontinuous")
    builder.note(f"cast at {builder.place} is the identity in real arithmetic")
    return call.value(0)
