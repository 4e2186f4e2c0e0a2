"""Compare an imported graph with its module: values and directional derivatives at seeded points."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vitrail.errors import InvalidModelError
from vitrail.network.evaluation import Evaluation, evaluate
from vitrail.network.from_torch.trace import Trace, double_copy
from vitrail.network.graph import Graph
from vitrail.network.parity import Parity, agree, seeded_points
from vitrail.numerics.filters import ROUNDOFFS, SINGLE_ROUNDOFF

__all__ = ["compare", "run_traced"]

_DIRECTIONS = 2
_MANY_UNITS = 50_000

Function = Callable[[Tensor], Tensor]


def compare(graph: Graph, module: nn.Module, traced: Trace, output: torch.fx.Node, example: Tensor) -> Parity:
    """Check values on a batch and derivatives along random directions against a float64 copy of the module.

    Where the copy cannot run in float64, the module itself is used, with a bound for its own precision. With a dropped
    output activation the traced program up to there is the reference for derivatives, and the activation of our output
    is compared with the module.

    Raises:
        InvalidModelError: they disagree; the message has the largest difference and where.
    """
    points = seeded_points(example.cpu(), 8 if graph.number_of_units < _MANY_UNITS else 4)
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn((len(points), _DIRECTIONS, *points.shape[1:]), generator=generator, dtype=torch.float64)
    directions = directions.to(example.dtype).to(torch.float64)
    state = torch.random.get_rng_state()
    try:
        function, dtype, label = _reference(module, points, example)
        unit = ROUNDOFFS[str(dtype).removeprefix("torch.")]
        found = evaluate(graph, points.to(torch.float64), directions, unit, max(unit, _derivative_unit(traced)))
        if output is not traced.output:
            _check_activation(traced, output, found, function, points.to(dtype))
            function, dtype, label = _truncated(traced, output), torch.float64, "torch float64, traced"
        else:
            _check_batch(function, points.to(dtype), found)
        values = function(points.to(dtype)).detach().to(torch.float64).cpu()
        maps = _derivatives(function, points.to(dtype), directions.to(dtype))
    finally:
        torch.random.set_rng_state(state)
    return agree(found, values, maps, label)


def _derivative_unit(traced: Trace) -> float:
    """Torch differentiates hardsigmoid with 1/6 rounded to float32, also in float64 (seen in 2.13)."""
    single = any(str(node.target).startswith("aten.hardsigmoid") for node in traced.graph_module.graph.nodes)
    return SINGLE_ROUNDOFF if single else 0.0


def run_traced(traced: Trace, output: torch.fx.Node, sample: Tensor) -> Tensor:
    """Run the traced program in float64 on one sample, up to a node."""
    known: dict[torch.fx.Node, Any] = {}
    for node in traced.graph_module.graph.nodes:
        if node.op == "placeholder":
            constant = None if node.name == traced.input_name else traced.constants[node.name][1].detach().cpu()
            known[node] = sample if constant is None else constant
            if constant is not None and constant.is_floating_point():
                known[node] = constant.to(torch.float64)
        elif node.op == "call_function":
            args, kwargs = torch.fx.node.map_arg((node.args, dict(node.kwargs)), lambda source: known[source])
            known[node] = node.target(*args, **kwargs)
        if node is output:
            break
    return known[output]


def _truncated(traced: Trace, output: torch.fx.Node) -> Function:
    return lambda batch: torch.cat([run_traced(traced, output, batch[i : i + 1]) for i in range(len(batch))])


def _reference(module: nn.Module, points: Tensor, example: Tensor) -> tuple[Function, torch.dtype, str]:
    copied = double_copy(module)
    if copied is not None:
        try:
            with torch.no_grad():
                result = copied(points[:1].to(torch.float64))
            if result.dtype in (torch.float64, torch.int64):
                return copied, torch.float64, "torch float64"
        except Exception as error:  # whatever the module raises, its own precision is the way out
            del error

    def own(batch: Tensor) -> Tensor:
        return module(batch.to(device=example.device, dtype=example.dtype))

    return own, example.dtype, f"torch {str(example.dtype).removeprefix('torch.')} (no float64 copy could run)"


def _check_batch(function: Function, points: Tensor, found: Evaluation) -> None:
    """The module must treat the samples of a batch one by one."""
    expected = tuple(found.forms[:, 0].shape)
    try:
        with torch.no_grad():
            together = function(points)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:80]
        raise InvalidModelError(
            f"the module runs on one sample but fails on a batch of {len(points)}: {first}; it must treat samples apart"
        ) from error
    if tuple(together.shape) != expected:
        raise InvalidModelError(
            f"the module mixes the samples of a batch: {len(points)} samples give shape {tuple(together.shape)}, "
            f"expected {expected}\nWrite reshapes as x.flatten(1) or x.view(x.shape[0], -1)."
        )


def _check_activation(
    traced: Trace, output: torch.fx.Node, found: Evaluation, function: Function, points: Tensor
) -> None:
    """The dropped activation of our output must be the module's output."""
    node: Any = traced.output
    while node.args[0] is not output:
        node = node.args[0]
    ours = node.target(found.forms[:, 0], *node.args[1:], **dict(node.kwargs))
    with torch.no_grad():
        theirs = function(points).cpu()
    if not theirs.is_floating_point():
        return
    theirs = theirs.to(torch.float64)
    difference = float((ours - theirs).abs().max()) if ours.shape == theirs.shape else float("nan")
    allowed = 4 * float(found.bound[:, 0].max()) + 64 * 2 * ROUNDOFFS[str(theirs.dtype).removeprefix("torch.")] * float(
        theirs.abs().max()
    )
    if not difference <= allowed:
        raise InvalidModelError(
            f"the import disagrees with the module behind the dropped activation: difference {difference:.3g}, "
            f"allowed {allowed:.3g}; does the module mix the samples of a batch?"
        )


def _derivatives(function: Function, points: Tensor, directions: Tensor) -> Tensor | None:
    """Directional derivatives (N, k, *output_shape) by forward differentiation; None where torch cannot."""
    columns = []
    try:
        with warnings.catch_warnings():
            # torch's own forward differentiation still uses deprecated parts of torch
            warnings.simplefilter("ignore")
            for index in range(directions.shape[1]):
                tangent = torch.func.jvp(function, (points,), (directions[:, index],))[1]
                columns.append(tangent.detach().to(torch.float64).cpu())
    except Exception:  # operators without forward derivatives, custom functions, modules that detach
        return None
    return torch.stack(columns, dim=1)
