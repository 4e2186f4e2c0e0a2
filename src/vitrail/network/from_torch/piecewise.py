"""Handlers of piecewise-linear operations."""

from __future__ import annotations

import math
from typing import Any

import torch

from vitrail.errors import InvalidModelError
from vitrail.network import lowering, lowering_pool
from vitrail.network.builder import GraphBuilder, Refusal, Value, without_batch
from vitrail.network.from_torch.affine import per_axis
from vitrail.network.from_torch.registry import Call, handles
from vitrail.network.ops import elementwise
from vitrail.network.ops.pooling import adaptive_windows


@handles("relu", "relu.default")
def _relu(builder: GraphBuilder, call: Call) -> Value:
    return lowering.elementwise(builder, call.value("self"), elementwise.relu)


@handles("relu6", "relu6.default")
def _relu6(builder: GraphBuilder, call: Call) -> Value:
    return lowering.elementwise(builder, call.value("self"), elementwise.relu6)


@handles("leaky relu, rrelu in eval mode", "leaky_relu.default")
def _leaky_relu(builder: GraphBuilder, call: Call) -> Value:
    slope = float(call["negative_slope"])
    return lowering.elementwise(builder, call.value("self"), lambda shape: elementwise.leaky_relu(shape, slope))


@handles("leaky relu, rrelu in eval mode", "rrelu.default")
def _randomized_relu(builder: GraphBuilder, call: Call) -> Value:
    if call["training"]:
        raise InvalidModelError(f"rrelu at '{builder.place}' is in training mode; call model.eval() first")
    slope = (float(call["lower"]) + float(call["upper"])) / 2
    return lowering.elementwise(
        builder, call.value("self"), lambda shape: elementwise.leaky_relu(shape, slope, "rrelu")
    )


@handles("prelu", "prelu.default")
def _prelu(builder: GraphBuilder, call: Call) -> Value:
    value, slopes = call.value("self"), call.constant("weight")
    if slopes.numel() > 1 and (len(value.shape) < 2 or value.shape[1] != slopes.numel()):
        raise InvalidModelError(
            f"prelu at '{builder.place}': {slopes.numel()} slopes do not fit an input of shape {value.shape}"
        )
    column = slopes.reshape(()) if slopes.numel() == 1 else slopes.reshape(-1, *(1,) * (len(value.shape) - 2))
    spread = column.broadcast_to(value.shape).reshape(without_batch(value.shape)).numpy()
    return lowering.elementwise(builder, value, lambda shape: elementwise.leaky_relu(shape, spread, "prelu"))


@handles("hardtanh", "hardtanh.default")
def _hardtanh(builder: GraphBuilder, call: Call) -> Value:
    return lowering.bounded(builder, call.value("self"), float(call["min_val"]), float(call["max_val"]), "hardtanh")


@handles(
    "clamp", "clamp.default", "clamp.Tensor", "clip.default", "clip.Tensor",
    "clamp_min.default", "clamp_min.Tensor", "clamp_max.default", "clamp_max.Tensor",
)  # fmt: skip
def _clamp(builder: GraphBuilder, call: Call) -> Value:
    bounds = []
    for name, missing in (("min", -math.inf), ("max", math.inf)):
        bound = call.arguments.get(name)
        if isinstance(bound, Value):
            raise Refusal("a bound depends on the input", "Write it with torch.maximum and torch.minimum.")
        bounds.append(torch.tensor(missing) if bound is None else torch.as_tensor(bound, dtype=torch.float64))
    return lowering.bounded(builder, call.value("self"), bounds[0], bounds[1], "clamp")


@handles("hardsigmoid", "hardsigmoid.default")
def _hardsigmoid(builder: GraphBuilder, call: Call) -> Value:
    bent = lowering.elementwise(builder, call.value("self"), elementwise.shifted_relu6)
    return lowering.divide(builder, bent, torch.tensor(6.0))


@handles("softshrink", "softshrink.default")
def _softshrink(builder: GraphBuilder, call: Call) -> Value:
    threshold = float(call["lambd"])
    return lowering.elementwise(builder, call.value("self"), lambda shape: elementwise.soft_shrink(shape, threshold))


@handles("threshold, where continuous", "threshold.default")
def _threshold(builder: GraphBuilder, call: Call) -> Value:
    level, filling = float(call["threshold"]), float(call["value"])
    if level != filling:
        raise Refusal(f"discontinuous: threshold {level!r} with value {filling!r}; only equal numbers are continuous")
    return lowering.bounded(builder, call.value("self"), level, math.inf, "threshold")


@handles("abs", "abs.default")
def _absolute(builder: GraphBuilder, call: Call) -> Value:
    return lowering.elementwise(builder, call.value("self"), elementwise.absolute_value)


@handles("maximum, minimum of two tensors", "maximum.default", "minimum.default", "max.other", "min.other")
def _extreme_of(builder: GraphBuilder, call: Call) -> Value:
    sign = 1 if "max" in str(call.target) else -1
    left, right = call.operand("self"), call.operand("other")
    if isinstance(left, Value) and isinstance(right, Value):
        return lowering_pool.extreme_of(builder, [left, right], sign)
    value, bound = (left, right) if isinstance(left, Value) else (right, left)
    if not isinstance(value, Value) or isinstance(bound, Value):
        raise Refusal("both operands are constant")
    low, high = (bound, torch.tensor(math.inf)) if sign > 0 else (torch.tensor(-math.inf), bound)
    return lowering.bounded(builder, value, low, high, "clamp")


@handles("maximum, minimum over axes (maxout)", "amax.default", "amin.default", "max.default", "min.default")
def _extreme(builder: GraphBuilder, call: Call) -> Value:
    value = call.value("self")
    axes = lowering.normalize_axes(call.arguments.get("dim"), len(value.shape))
    sign = 1 if "max" in str(call.target) else -1
    return lowering_pool.extreme(builder, value, axes, call.arguments.get("keepdim", False), sign)


@handles("maximum, minimum over axes (maxout)", "max.dim", "min.dim")
def _extreme_with_index(builder: GraphBuilder, call: Call) -> tuple[Any, ...]:
    return (_extreme(builder, call), Refusal("the index of a maximum is discontinuous"))


@handles("max pooling", "max_pool1d.default", "max_pool2d.default")
def _max_pool(builder: GraphBuilder, call: Call) -> Value:
    value = call.value("self")
    axes = 1 if "max_pool1d" in str(call.target) else 2
    kernel = per_axis(call["kernel_size"], axes)
    stride = per_axis(call["stride"], axes) if call["stride"] else kernel
    padding = [(amount, amount) for amount in per_axis(call["padding"], axes)]
    dilation = per_axis(call["dilation"], axes)
    sizes = value.shape[-axes:]
    windows = lowering_pool.window_tables(sizes, kernel, stride, padding, dilation, call["ceil_mode"])
    return lowering_pool.max_pool(builder, value, windows)


@handles("max pooling", "max_pool1d_with_indices.default", "max_pool2d_with_indices.default")
def _max_pool_with_indices(builder: GraphBuilder, call: Call) -> tuple[Any, ...]:
    return (_max_pool(builder, call), Refusal("the index of a maximum is discontinuous"))


@handles("max pooling", "adaptive_max_pool1d.default", "adaptive_max_pool2d.default")
def _adaptive_max_pool(builder: GraphBuilder, call: Call) -> tuple[Any, ...]:
    value, counts = call.value("self"), list(call["output_size"])
    windows = [adaptive_windows(size, count) for size, count in zip(value.shape[-len(counts) :], counts, strict=True)]
    return (lowering_pool.max_pool(builder, value, windows), Refusal("the index of a maximum is discontinuous"))
