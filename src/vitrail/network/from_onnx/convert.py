"""From a checked ONNX program to a graph: every node through its handler, or refused with all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vitrail.errors import InvalidModelError, ModelFileError, ResourceLimitError, VitrailError
from vitrail.network.builder import GraphBuilder, Refusal, Value, refuse_all
from vitrail.network.from_onnx import affine, piecewise, shapes
from vitrail.network.from_onnx.fold import fold
from vitrail.network.from_onnx.read import MAXIMUM_ENTRIES, Program, read_tensor
from vitrail.network.from_onnx.registry import DROPPABLE, HANDLERS, Call, refusal_for
from vitrail.network.graph import Graph
from vitrail.network.promote import quoted

__all__ = ["HANDLER_MODULES", "convert", "resolve_input", "without_activation"]

HANDLER_MODULES = (affine, piecewise, shapes)
"""Importing these registers the handlers."""


def resolve_input(program: Program, input_shape: Sequence[int] | None) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The concrete shape that the program is analysed with (its batch axis 1), and notes about it.

    `input_shape` is the shape of one sample without the batch axis.

    Raises:
        InvalidModelError: unknown dimensions without `input_shape`, or one that does not fit.
    """
    dims, name = program.input_dims, program.input_name
    given = None if input_shape is None else tuple(int(size) for size in input_shape)
    if given is not None and any(size < 1 for size in given):
        raise InvalidModelError(f"input_shape must have positive sizes, found {given}")
    if dims is None:
        if given is None:
            raise InvalidModelError(
                f"the ONNX input {name!r} has no shape; give input_shape=(...) without the batch axis"
            )
        return (1, *given), ()
    if given is not None:
        for shape, known in (((1, *given), (None, *dims[1:])), (given, dims)):
            if len(shape) == len(known) and all(a is None or a == b for a, b in zip(known, shape, strict=True)):
                return shape, ()
        raise InvalidModelError(f"input_shape {given} does not fit the ONNX input {name!r} of shape {list(dims)}")
    if any(dim is None for dim in dims[1:]) or (len(dims) == 1 and dims[0] is None):
        raise InvalidModelError(
            f"the ONNX input {name!r} has unknown dimensions {list(dims)}; give input_shape=(...) without the batch "
            "axis"
        )
    rest = tuple(dim for dim in dims[1:] if dim is not None)
    first = 1 if dims and dims[0] is None else (dims[0] if dims else None)
    notes: tuple[str, ...] = ()
    if len(dims) > 1 and first != 1:
        notes = (
            f"the first axis of the input (fixed size {first}) is read as part of one sample; if it is a batch, pass "
            f"input_shape={rest}",
        )
    return (() if first is None else (first, *rest)), notes


def without_activation(program: Program) -> str | None:
    """What a final Softmax, Sigmoid, ArgMax, ... reads; None when the output is none of these."""
    last = program.nodes[-1] if program.nodes else None
    if last is None or last.op_type not in DROPPABLE or last.domain not in ("", "ai.onnx"):
        return None
    return str(last.input[0])


def convert(program: Program, shape: tuple[int, ...], output_name: str) -> Graph:
    """The graph that computes `output_name` on an input of the given shape.

    Raises:
        UnsupportedOpError: all nodes that are not supported, by name and place.
        InvalidModelError: an output that is no tensor, numbers that are not finite.
    """
    builder = GraphBuilder("onnx")
    builder.place = program.input_name
    known: dict[str, Any] = dict(program.constants)
    known[program.input_name] = builder.input(shape)
    if any(tensor.dtype == torch.float64 for tensor in program.constants.values()):
        builder.note("parameters promoted exactly to float64")
    refusals: list[tuple[str, str, Refusal]] = []
    for node in program.nodes:
        if output_name in known and isinstance(known[output_name], Value | Tensor):
            break
        builder.place = node.name or (node.output[0] if node.output else node.op_type)
        try:
            results = _evaluate(builder, program, node, known)
        except Refusal as refusal:
            operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
            refusals.append((builder.place, operator, refusal))
            results = tuple(_stand_in(known, node) for _ in node.output)
        known.update({name: result for name, result in zip(node.output, results, strict=False) if name})
    refuse_all(refusals)
    result = known.get(output_name)
    if isinstance(result, Refusal):
        refuse_all([(output_name, "output", result)])
    if isinstance(result, Tensor):
        result = builder.constant(result)
        builder.note("the output does not depend on the input")
    if not isinstance(result, Value):
        raise InvalidModelError(f"the output {output_name!r} is not one tensor")
    builder.place = "output"
    return builder.finish(result)


def _evaluate(builder: GraphBuilder, program: Program, node: Any, known: dict[str, Any]) -> tuple[Any, ...]:
    operator = node.op_type
    if node.domain not in ("", "ai.onnx"):
        raise Refusal(
            f"operators of the domain {node.domain!r} are not supported", "Export with standard ONNX operators."
        )
    attributes = _attributes(node)
    inputs = tuple(known[name] if name else None for name in node.input)
    for item in inputs:
        if isinstance(item, Refusal):
            raise item
    last = program.output_name in node.output
    if operator in ("Constant", "ConstantOfShape"):
        return (_constant(operator, attributes, inputs),)
    depends = any(isinstance(item, Value | _Unknown) for item in inputs) or (operator in ("Shape", "Size"))
    if not depends:
        return fold(builder, program.model, node, inputs)
    if any(item is _UNKNOWN for item in inputs):
        if operator in HANDLERS:
            return tuple(_UNKNOWN for _ in node.output)
        raise refusal_for(operator, last)
    if operator not in HANDLERS:
        raise refusal_for(operator, last)
    call = Call(operator, attributes, inputs, len(node.output), program.opset)
    try:
        result = HANDLERS[operator][1](builder, call)
    except VitrailError:
        raise
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InvalidModelError(
            f"{operator} at {quoted(builder.place)} has attributes or inputs that do not fit: {type(error).__name__}\n"
            "If onnxruntime runs the model, please report it."
        ) from error
    return result if isinstance(result, tuple) else (result,)


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import AttributeProto, helper

    graphs = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    if any(attribute.type in graphs for attribute in node.attribute):
        raise Refusal("control flow (it contains a sub-graph)", "Export the model without control flow.")
    found = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value for name, value in found.items()
    }


def _constant(operator: str, attributes: dict[str, Any], inputs: tuple[Any, ...]) -> Tensor:
    if operator == "ConstantOfShape":
        if not isinstance(inputs[0], Tensor):
            raise Refusal("its shape depends on the input")
        sizes = [int(size) for size in inputs[0].reshape(-1).tolist()]
        if any(size < 0 for size in sizes) or math.prod(sizes) > MAXIMUM_ENTRIES:
            raise ResourceLimitError(f"ConstantOfShape asks for {sizes}; the limit is {MAXIMUM_ENTRIES:,} entries")
        filling = (
            read_tensor(attributes["value"], "value").reshape(-1)[0] if "value" in attributes else torch.tensor(0.0)
        )
        dtype = torch.float64 if filling.is_floating_point() else torch.int64
        return torch.full(sizes, filling.item(), dtype=dtype)
    if "value" in attributes:
        return read_tensor(attributes["value"], "constant")
    for name, dtype in (("value_float", torch.float64), ("value_floats", torch.float64), ("value_int", torch.int64),
                        ("value_ints", torch.int64)):  # fmt: skip
        if name in attributes:
            return torch.tensor(attributes[name], dtype=dtype)
    raise ModelFileError(f"a Constant node has no numeric value, only {sorted(attributes)}")


class _Unknown:
    """The result of a refused node."""


_UNKNOWN = _Unknown()


def _stand_in(known: dict[str, Any], node: Any) -> Any:
    """For a refused node: a value of the first input's shape where the operator keeps it, else unknown."""
    same = {"Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Gelu", "Elu", "Selu", "Celu", "Softplus", "Exp", "HardSwish"}
    first = known.get(node.input[0]) if node.input else None
    return first if node.op_type in same and isinstance(first, Value) else _UNKNOWN
