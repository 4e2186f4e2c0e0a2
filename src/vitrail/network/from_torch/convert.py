"""From a traced module to a graph: every operation through its handler, or refused with all others."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, nn

from vitrail.errors import InvalidModelError
from vitrail.network.builder import GraphBuilder, Refusal, Value, refuse_all
from vitrail.network.from_torch import affine, piecewise, shapes
from vitrail.network.from_torch.registry import DROPPABLE, HANDLERS, Call, refusal_for
from vitrail.network.from_torch.trace import Trace
from vitrail.network.graph import Graph
from vitrail.network.promote import promote

__all__ = ["HANDLER_MODULES", "convert", "output_before_activation"]

HANDLER_MODULES = (affine, piecewise, shapes)
"""Importing these registers the handlers."""

_IDENTITIES = {"aten.clone.default", "aten.contiguous.default", "aten.detach.default", "aten.alias.default"}


def output_before_activation(traced: Trace) -> torch.fx.Node | None:
    """The node whose result a final softmax, sigmoid, argmax, ... reads; None when the output is none of these."""
    node = traced.output
    while str(node.target) in _IDENTITIES and isinstance(node.args[0], torch.fx.Node):
        node = node.args[0]
    source = node.args[0] if str(node.target) in DROPPABLE else None
    return source if isinstance(source, torch.fx.Node) else None


def convert(module: nn.Module, traced: Trace, output: torch.fx.Node) -> Graph:
    """The graph that computes `output`.

    Raises:
        UnsupportedOpError: all operations that are not supported, by name and place.
        InvalidModelError: parameters that are not finite, an output that does not depend on the input or that lost
            the batch dimension.
    """
    builder = GraphBuilder("torch")
    known: dict[torch.fx.Node, Any] = {}
    refusals: list[tuple[str, str, Refusal]] = []
    wanted = _ancestors(output)
    parts = dict(module.named_modules())
    for node in traced.graph_module.graph.nodes:
        if node not in wanted:
            continue
        if node.op == "placeholder":
            known[node] = _placeholder(builder, traced, node)
            continue
        builder.place = _place(parts, node)
        try:
            known[node] = _evaluate(builder, node, known, last=node is traced.output)
        except Refusal as refusal:
            refusals.append((builder.place, str(node.target), refusal))
            known[node] = _stand_in(builder, node)
    refuse_all(refusals)
    result = known[output]
    if isinstance(result, Tensor):
        result = builder.constant(result)
        builder.note("the output does not depend on the input")
    if not isinstance(result, Value):
        raise InvalidModelError("the output of the module is not one tensor")
    if result.shape[:1] != (1,):
        raise InvalidModelError(
            f"the output has shape {result.shape} for a batch of one sample; the module must keep the batch dimension"
        )
    builder.place = "output"
    return builder.finish(result)


def _ancestors(output: torch.fx.Node) -> set[torch.fx.Node]:
    found, stack = {output}, [output]
    while stack:
        for source in stack.pop().all_input_nodes:
            if source not in found:
                found.add(source)
                stack.append(source)
    return found


def _placeholder(builder: GraphBuilder, traced: Trace, node: torch.fx.Node) -> Value | Tensor:
    if node.name == traced.input_name:
        return builder.input(tuple(node.meta["val"].shape))
    name, tensor = traced.constants[node.name]
    if tensor.dtype == torch.bool or not (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
        return tensor.detach().cpu().clone()
    if tensor.dtype != torch.float64:
        builder.note(f"{str(tensor.dtype).removeprefix('torch.')} parameters promoted exactly to float64")
    return promote(tensor, name)


def _place(parts: dict[str, nn.Module], node: torch.fx.Node) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0].split("@")[0] if stack else ""
    if not path:
        return node.name
    part = parts.get(path)
    leaf = part is not None and not any(part.children()) and type(part).__module__.startswith("torch.nn")
    return path if leaf else f"{path}.{node.name}"


def _evaluate(builder: GraphBuilder, node: torch.fx.Node, known: dict[torch.fx.Node, Any], last: bool) -> Any:
    target = node.target
    if target is operator.getitem:
        parent, index = node.args
        found = known[parent][index] if isinstance(parent, torch.fx.Node) else None
        if isinstance(found, Refusal):
            raise found
        return found
    if not isinstance(target, torch._ops.OpOverload):
        raise Refusal("control flow or a function outside torch's operators")
    arguments = _arguments(target, node, known)
    if not _depends(list(arguments.values())):
        return _fold(builder, target, node, known)
    family_handler = HANDLERS.get(str(target))
    if family_handler is None:
        raise refusal_for(str(target), last)
    shape = tuple(node.meta["val"].shape) if isinstance(node.meta["val"], Tensor) else ()
    result = family_handler[1](builder, Call(target, arguments, shape))
    _check_shape(node, result)
    return result


def _check_shape(node: torch.fx.Node, result: Any) -> None:
    results = result if isinstance(result, tuple) else (result,)
    metas = node.meta["val"] if isinstance(node.meta["val"], list | tuple) else (node.meta["val"],)
    for found, meta in zip(results, metas, strict=False):
        if isinstance(found, Value) and found.shape != tuple(meta.shape):
            raise Refusal(f"the result has shape {tuple(meta.shape)} in torch and {found.shape} here: please report it")


def _arguments(target: Any, node: torch.fx.Node, known: dict[torch.fx.Node, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for position, parameter in enumerate(target._schema.arguments):
        if position < len(node.args):
            given = node.args[position]
        elif parameter.name in node.kwargs:
            given = node.kwargs[parameter.name]
        elif parameter.has_default_value():
            given = parameter.default_value
        else:
            raise Refusal(f"argument '{parameter.name}' is missing")
        arguments[parameter.name] = torch.fx.node.map_arg(given, lambda source: known[source])
    return arguments


def _depends(arguments: list[Any]) -> bool:
    return any(
        isinstance(item, Value) or (isinstance(item, list | tuple) and _depends(list(item))) for item in arguments
    )


def _fold(builder: GraphBuilder, target: Any, node: torch.fx.Node, known: dict[torch.fx.Node, Any]) -> Any:
    """Evaluate an operation on constants, in float64."""
    if torch.Tag.nondeterministic_seeded in target.tags:
        raise Refusal("random numbers")
    args = torch.fx.node.map_arg(node.args, lambda source: known[source])
    kwargs = torch.fx.node.map_arg(dict(node.kwargs), lambda source: known[source])
    result = target(*args, **kwargs)

    def widen(item: Any) -> Any:
        return item.to(torch.float64) if isinstance(item, Tensor) and item.is_floating_point() else item

    if str(target) not in _IDENTITIES and not str(target).startswith(
        ("aten.lift", "aten.view", "aten.t.", "aten.slice")
    ):
        builder.note("constant expressions are evaluated in float64")
    return tuple(widen(item) for item in result) if isinstance(result, list | tuple) else widen(result)


def _stand_in(builder: GraphBuilder, node: torch.fx.Node) -> Any:
    """Something of the right shape for a refused node, so that later nodes are examined too."""
    meta = node.meta.get("val")
    if isinstance(meta, Tensor):
        return builder.constant(torch.zeros(tuple(meta.shape), dtype=torch.float64)) if meta.numel() else None
    if isinstance(meta, list | tuple):
        parts = [builder.constant(torch.zeros(tuple(part.shape), dtype=torch.float64)) for part in meta]
        return tuple(parts)
    return None
