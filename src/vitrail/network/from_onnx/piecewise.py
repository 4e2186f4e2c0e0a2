"""Handlers of piecewise-linear ONNX operators."""

from __future__ import annotations

import functools
import math

import torch

from vitrail.network import lowering, lowering_pool
from vitrail.network.builder import GraphBuilder, Refusal, Value, without_batch
from vitrail.network.from_onnx.affine import paddings
from vitrail.network.from_onnx.registry import Call, handles
from vitrail.network.ops import elementwise


@handles("relu", "Relu")
def _relu(builder: GraphBuilder, call: Call) -> Value:
    return lowering.elementwise(builder, call.value(0), elementwise.relu)


@handles("leaky relu, rrelu in eval mode", "LeakyRelu")
def _leaky_relu(builder: GraphBuilder, call: Call) -> Value:
    slope = call.real("alpha", 0.01)
    return lowering.elementwise(builder, call.value(0), lambda shape: elementwise.leaky_relu(shape, slope))


@handles("prelu", "PRelu")
def _prelu(builder: GraphBuilder, call: Call) -> Value:
    value, slopes = call.value(0), call.constant(1)
    if torch.broadcast_shapes(slopes.shape, value.shape) != value.shape:
        raise Refusal(f"slopes of shape {tuple(slopes.shape)} do not fit an input of shape {value.shape}")
    spread = slopes.broadcast_to(value.shape).reshape(without_batch(value.shape)).numpy()
    return lowering.elementwise(builder, value, lambda shape: elementwise.leaky_relu(shape, spread, "prelu"))


@handles("clamp", "Clip")
def _clip(builder: GraphBuilder, call: Call) -> Value:
    low, high = call.number("min", 1, -math.inf), call.number("max", 2, math.inf)
    # the old default bounds are the largest float32 numbers: no bound
    largest = float(torch.finfo(torch.float32).max)
    low, high = (-math.inf if low <= -largest else low), (math.inf if high >= largest else high)
    return lowering.bounded(builder, call.value(0), low, high, "clamp")


@handles("hardsigmoid", "HardSigmoid")
def _hardsigmoid(builder: GraphBuilder, call: Call) -> Value:
    alpha, beta = (torch.tensor(call.real(*option), dtype=torch.float64) for option in (("alpha", 0.2), ("beta", 0.5)))
    scaled = lowering.scale_and_shift(builder, call.value(0), alpha, beta, "scale")
    return lowering.bounded(builder, scaled, 0.0, 1.0, "hard_sigmoid")


@handles("softshrink", "Shrink")
def _shrink(builder: GraphBuilder, call: Call) -> Value:
    threshold, bias = call.real("lambd", 0.5), call.real("bias", 0.0)
    if threshold != bias:
        raise Refusal(f"discontinuous: lambd {threshold!r} with bias {bias!r}; only equal numbers are continuous")
    return lowering.elementwise(builder, call.value(0), lambda shape: elementwise.soft_shrink(shape, threshold))


@handles("abs", "Abs")
def _absolute(builder: GraphBuilder, call: Call) -> Value:
    return lowering.elementwise(builder, call.value(0), elementwise.absolute_value)


@handles("maximum, minimum of two tensors", "Max", "Min")
def _extreme_of(builder: GraphBuilder, call: Call) -> Value:
    sign = 1 if call.operator == "Max" else -1
    operands = [call.operand(position) for position in range(len(call.inputs))]
    values = [operand for operand in operands if isinstance(operand, Value)]
    constants = [operand for operand in operands if not isinstance(operand, Value)]
    result = values[0] if len(values) == 1 else lowering_pool.extreme_of(builder, values, sign)
    if not constants:
        return result
    bound = functools.reduce(torch.maximum if sign > 0 else torch.minimum, constants)
    infinite = torch.tensor(sign * math.inf)
    low, high = (bound, infinite) if sign > 0 else (infinite, bound)
    return lowering.bounded(builder, result, low, high, "clamp")


@handles("maximum, minimum over axes (maxout)", "ReduceMax", "ReduceMin")
def _extreme(builder: GraphBuilder, call: Call) -> Value:
    value, axes = call.value(0), call.integers("axes", 1)
    if not axes and call.attributes.get("noop_with_empty_axes", 0):
        return value
    keep = bool(call.attributes.get("keepdims", 1))
    numbers = lowering.normalize_axes(axes, len(value.shape))
    return lowering_pool.extreme(builder, value, numbers, keep, 1 if call.operator == "ReduceMax" else -1)


@handles("max pooling", "MaxPool")
def _max_pool(builder: GraphBuilder, call: Call) -> tuple[Value | Refusal, ...]:
    value, kernel = call.value(0), list(call.attributes["kernel_shape"])
    axes = len(kernel)
    stride = list(call.attributes.get("strides", [1] * axes))
    dilation = list(call.attributes.get("dilations", [1] * axes))
    sizes = value.shape[-axes:]
    pads = paddings(call, sizes, kernel, stride, dilation)
    ceil = bool(call.attributes.get("ceil_mode", 0))
    windows = lowering_pool.window_tables(sizes, kernel, stride, pads, dilation, ceil)
    return lowering_pool.max_pool(builder, value, windows), Refusal("the index of a maximum is discontinuous")


@handles("max pooling", "GlobalMaxPool")
def _global_max(builder: GraphBuilder, call: Call) -> Value:
    value = call.value(0)
    return lowering_pool.extreme(builder, value, tuple(range(2, len(value.shape))), keep=True, sign=1)
