"""Handlers of affine operations: linear maps, convolutions, normalisation, average pooling, arithmetic."""

from __future__ import annotations

import math
from typing import Any

import torch

from vitrail.errors import InvalidModelError
from vitrail.network import lowering, lowering_pool
from vitrail.network.builder import GraphBuilder, Refusal, Value
from vitrail.network.from_torch.registry import Call, handles

__all__ = ["per_axis"]


def per_axis(option: Any, axes: int, default: int | None = None) -> list[int]:
    """One number per axis from a number, a list of one, or a list; an empty list gives the default."""
    listed = [option] if isinstance(option, int) else list(option)
    if not listed and default is not None:
        listed = [default]
    return listed * axes if len(listed) == 1 else listed


@handles("linear", "linear.default")
def _linear(builder: GraphBuilder, call: Call) -> Value:
    return lowering.linear(builder, call.value("input"), call.constant("weight"), call.optional("bias"))


@handles("matmul by a constant", "matmul.default", "mm.default", "bmm.default", "mv.default", "dot.default")
def _matmul(builder: GraphBuilder, call: Call) -> Value:
    left, right = (name for name in call.arguments)
    return lowering.matmul(builder, call.operand(left), call.operand(right))


@handles("matmul by a constant", "addmm.default", "baddbmm.default", "addmv.default")
def _addmm(builder: GraphBuilder, call: Call) -> Any:
    _, left, right = list(call.arguments)[:3]
    if call["beta"] != 1 or call["alpha"] != 1:
        raise Refusal(f"beta={call['beta']} and alpha={call['alpha']}; only 1 is supported")
    if isinstance(call[left], Value) or isinstance(call[right], Value):
        product: lowering.Operand = lowering.matmul(builder, call.operand(left), call.operand(right))
    else:
        product = torch.matmul(call.constant(left), call.constant(right))
    return lowering.add(builder, call.operand("self"), product)


@handles("conv1d, conv2d", "conv1d.default", "conv2d.default", "conv1d.padding", "conv2d.padding")
def _conv(builder: GraphBuilder, call: Call) -> Value:
    kernels = call.constant("weight")
    axes = kernels.ndim - 2
    dilation = per_axis(call["dilation"], axes)
    if call["padding"] == "same":
        reach = [step * (size - 1) for step, size in zip(dilation, kernels.shape[2:], strict=True)]
        padding = [(total // 2, total - total // 2) for total in reach]
    elif call["padding"] == "valid":
        padding = [(0, 0)] * axes
    else:
        padding = [(amount, amount) for amount in per_axis(call["padding"], axes)]
    return lowering.convolve(
        builder,
        call.value("input"),
        kernels,
        call.optional("bias"),
        stride=per_axis(call["stride"], axes),
        padding=padding,
        dilation=dilation,
        groups=call["groups"],
    )


@handles("conv1d, conv2d", "convolution.default")
def _convolution(builder: GraphBuilder, call: Call) -> Value:
    if call["transposed"]:
        raise Refusal("transposed convolution is not supported (transposed=True)")
    axes = call.constant("weight").ndim - 2
    return lowering.convolve(
        builder,
        call.value("input"),
        call.constant("weight"),
        call.optional("bias"),
        stride=per_axis(call["stride"], axes),
        padding=[(amount, amount) for amount in per_axis(call["padding"], axes)],
        dilation=per_axis(call["dilation"], axes),
        groups=call["groups"],
    )


@handles("batch norm (eval mode)", "batch_norm.default")
def _batch_norm(builder: GraphBuilder, call: Call) -> Value:
    if call["training"] or call["running_mean"] is None or call["running_var"] is None:
        raise InvalidModelError(
            f"batch norm at '{builder.place}' uses statistics of the batch; call model.eval(), and give the layer "
            "running statistics (track_running_stats=True)"
        )
    return _fold(builder, call, call["eps"])


@handles("batch norm (eval mode)", "_native_batch_norm_legit_no_training.default")
def _native_batch_norm(builder: GraphBuilder, call: Call) -> tuple[Value]:
    return (_fold(builder, call, call["eps"]),)


def _fold(builder: GraphBuilder, call: Call, epsilon: float) -> Value:
    constants = (call.optional("weight"), call.optional("bias"))
    statistics = (call.constant("running_mean"), call.constant("running_var"))
    return lowering.batch_norm(builder, call.value("input"), *constants, *statistics, epsilon)


@handles("average pooling", "avg_pool1d.default", "avg_pool2d.default")
def _average_pool(builder: GraphBuilder, call: Call) -> Value:
    value = call.value("self")
    axes = 1 if "avg_pool1d" in str(call.target) else 2
    kernel = per_axis(call["kernel_size"], axes)
    stride = per_axis(call["stride"], axes) if call["stride"] else kernel
    amounts = per_axis(call["padding"], axes)
    sizes = value.shape[-axes:]
    pads = [(amount, amount) for amount in amounts]
    one = [1] * axes
    windows = lowering_pool.window_tables(sizes, kernel, stride, pads, one, call["ceil_mode"])
    counts = None
    if call["count_include_pad"]:
        # torch counts the padding that a window covers, but nothing beyond the padding (ceil_mode)
        ends = [size + amount for size, amount in zip(sizes, amounts, strict=True)]
        options = zip(windows, kernel, stride, amounts, ends, strict=True)
        counts = [lowering_pool.covered(len(table), *option) for table, *option in options]
    divisor = call.arguments.get("divisor_override")
    return lowering_pool.average_pool(builder, value, windows, counts=counts, divisor=divisor)


@handles("adaptive and global average pooling", "adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default")
def _adaptive_average(builder: GraphBuilder, call: Call) -> Value:
    return lowering_pool.adaptive_average(builder, call.value("self"), list(call["output_size"]))


@handles("sum and mean over axes", "mean.dim", "sum.dim_IntList", "mean.default", "sum.default")
def _total(builder: GraphBuilder, call: Call) -> Value:
    value = call.value("self")
    axes = lowering.normalize_axes(call.arguments.get("dim"), len(value.shape))
    keep = call.arguments.get("keepdim", False)
    return lowering.total(builder, value, axes, keep, "mean" in str(call.target))


@handles("add, subtract", "add.Tensor", "add.Scalar", "sub.Tensor", "sub.Scalar")
def _add(builder: GraphBuilder, call: Call) -> Value:
    alpha = call.arguments.get("alpha", 1)
    other = call.operand("other")
    sign = -1 if "aten.sub" in str(call.target) else 1
    if alpha != 1:
        factor = torch.tensor(float(alpha), dtype=torch.float64)
        other = lowering.multiply(builder, other, factor) if isinstance(other, Value) else other * factor
    return lowering.add(builder, call.operand("self"), other, sign)


@handles("add, subtract", "rsub.Scalar", "rsub.Tensor")
def _reverse_subtract(builder: GraphBuilder, call: Call) -> Value:
    if call["alpha"] != 1:
        raise Refusal(f"alpha={call['alpha']}; only 1 is supported")
    return lowering.add(builder, call.operand("other"), call.operand("self"), -1)


@handles("multiply, divide by constants", "mul.Tensor", "mul.Scalar")
def _multiply(builder: GraphBuilder, call: Call) -> Value:
    return lowering.multiply(builder, call.operand("self"), call.operand("other"))


@handles("multiply, divide by constants", "div.Tensor", "div.Scalar")
def _divide(builder: GraphBuilder, call: Call) -> Value:
    if isinstance(call["other"], Value):
        raise Refusal("division by a variable is not piecewise linear")
    return lowering.divide(builder, call.value("self"), call.constant("other"))


@handles("negate", "neg.default")
def _negate(builder: GraphBuilder, call: Call) -> Value:
    minus = torch.tensor(-1.0, dtype=torch.float64)
    return lowering.scale_and_shift(builder, call.value("self"), minus, None, "negate")


@handles("dropout (eval mode)", "dropout.default", "feature_dropout.default", "alpha_dropout.default")
def _dropout(builder: GraphBuilder, call: Call) -> Value:
    if call["train"] and call["p"] > 0:
        raise InvalidModelError(
            f"dropout at '{builder.place}' is active; call model.eval() first (or pass training=self.training)"
        )
    builder.note(f"dropout at {builder.place} is the identity in evaluation mode")
    return call.value("input")


@handles(
    "identity, casts between floating types",
    "clone.default",
    "contiguous.default",
    "detach.default",
    "alias.default",
    "lift_fresh_copy.default",
    "positive.default",
    "to.dtype",
    "to.device",
    "to.dtype_layout",
    "to.other",
    "_to_copy.default",
    "type_as.default",
)
def _identity(builder: GraphBuilder, call: Call) -> Value:
    dtype = call.arguments.get("dtype")
    if dtype is not None and not dtype.is_floating_point:
        raise Refusal(f"cast to {dtype} is discontinuous")
    if dtype is not None:
        builder.note(
            f"cast to {str(dtype).removeprefix('torch.')} at {builder.place} is the identity in real arithmetic"
        )
    value = call.value("self")
    if math.prod(value.shape) != math.prod(call.shape):
        raise Refusal("the result has another size than the input")
    return value
