"""Gradients carried along patterns through a network, column by column, with bounds of their errors.

Bounds are Higham's running ones (2002, section 3.3). With e a bound of the error of every number that an affine op
reads, |W| (e + gamma |v|) bounds that of the numbers it writes; and by the triangle inequality the same holds with
norms of rows and of their errors in place of |v| and e (`docs/numerics.md`, section "Regions at points").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vitrail.local.gradients.kernels import spread
from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp, PiecewiseOp
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, gamma

__all__ = [
    "Stream",
    "Visitor",
    "first_switch",
    "joined",
    "last_reads",
    "linear",
    "mapped_errors",
    "routes_of",
    "row_errors",
]


def linear(op: AffineOp, forms: Sequence[Tensor]) -> Tensor:
    """The linear part of an op on forms (cells or 1, columns, *shape)."""
    cells = max(len(form) for form in forms)
    columns = forms[0].shape[1]
    flat = [form.expand(cells, *form.shape[1:]).reshape(cells * columns, *form.shape[2:]) for form in forms]
    return op.linear(flat).reshape(cells, columns, *op.shape)


def joined(op: PiecewiseOp, forms: Sequence[Tensor]) -> Tensor:
    """The forms that decide an op, (cells, columns, forms): candidates side by side, those of a minimum negated."""
    if isinstance(op, Elementwise):
        return forms[0].reshape(*forms[0].shape[:2], op.units)
    cells = max(len(form) for form in forms)
    flat = [form.expand(cells, *form.shape[1:]).reshape(cells, form.shape[1], -1) for form in forms]
    result = torch.cat(flat, dim=2) if len(flat) > 1 else flat[0]
    return result if as_maximum(op).sign > 0 else -result


def mapped_errors(op: AffineOp, absolute: AffineOp, sizes: Sequence[Tensor], errors: Sequence[Tensor]) -> Tensor:
    """Bounds of the errors (cells, columns, *shape) behind an affine op without its bias.

    `sizes` and `errors` are of what it reads: magnitudes, or norms of rows.
    """
    rounding = rounding_of(op)
    mixed = list(errors)
    if rounding:
        mixed = [torch.add(error, size, alpha=rounding) for size, error in zip(sizes, errors, strict=True)]
    result, small = linear(absolute, mixed) * PROOF_ROOM, lost(op)
    if small and not result.all():
        # where all that is read is 0, nothing is lost
        read = linear(with_ones(absolute), [(part != 0).to(torch.float64) for part in mixed])
        return result + small * (read > 0)
    return result + small if small else result


def with_ones(absolute: AffineOp) -> AffineOp:
    """An op of magnitudes with 1 for each coefficient that is not 0: what reads what, and no product underflows."""
    if absolute.coefficients is None:
        return absolute
    return absolute.replaced((absolute.coefficients != 0).to(torch.float64), absolute.bias)


def rounding_of(op: AffineOp) -> float:
    """The relative rounding error of a sum of so many products as the op makes, whatever their order; 0 for none."""
    terms = op.terms if op.weight is None else op.weight.shape[1] + 1
    return gamma(2 * terms + 8) if op.terms else 0.0


def lost(op: AffineOp) -> float:
    """What underflow can take from all products behind one number, or from those of all columns: far less."""
    return 0.0 if op.coefficients is None else (2 * op.terms + 10) * SMALLEST


def first_switch(graph: Graph) -> int:
    """The first node that has units; the number after the output's where there is none."""
    return graph.piecewise[0] if graph.piecewise else graph.output + 1


def last_reads(graph: Graph) -> dict[int, int]:
    """The last node that reads each node."""
    last: dict[int, int] = {}
    for index, node in enumerate(graph.nodes[: graph.output + 1]):
        last.update(dict.fromkeys(node.inputs, index))
    return last


def routes_of(graph: Graph, pieces: Sequence[Tensor]) -> list[Tensor]:
    """What pieces (cells, units) do to gradients: slopes (cells, units) of elementwise ops, else the pieces."""
    routes = []
    for node, own in zip(graph.piecewise, pieces, strict=True):
        op = graph.nodes[node].op
        routes.append(torch.from_numpy(op.slopes.copy()).gather(0, own) if isinstance(op, Elementwise) else own)
    return routes


def along(op: PiecewiseOp, forms: Sequence[Tensor], route: Tensor, into: Tensor | None = None) -> Tensor:
    """Gradients (cells or 1, columns, *shape) along a route: times slopes, or those of the winners.

    The result of a product may be written `into` memory of (cells, columns, units).
    """
    if not isinstance(op, Elementwise):
        return as_maximum(op).apply([form.expand(len(route), *form.shape[1:]) for form in forms], route)
    if into is None:
        return forms[0] * route.reshape(len(route), 1, *op.shape)
    spread(forms[0].reshape(1, forms[0].shape[1], op.units).contiguous().numpy(), route.numpy(), into.numpy())
    return into.reshape(*into.shape[:2], *op.shape)


class Visitor(Protocol):
    """What looks at gradients while they are carried."""

    def affine(self, node: int, forms: Tensor) -> None:
        """Columns of an affine node."""

    def deciding(self, number: int, forms: Tensor) -> None:
        """Columns of the forms (cells, columns, forms) that decide a piecewise op."""

    def fused(self, node: int, forms: Tensor, slopes: Tensor, last: bool) -> bool:
        """Do `affine` and multiply by slopes (cells, units), in place, if that is possible; else nothing.

        `forms` belong to `node` and are read by one elementwise op alone; after the `last` op nothing is read.
        """


class Stream:
    """Carries gradients through one graph; memory of dense layers is used again for the next columns."""

    def __init__(self, graph: Graph, *, outputs: bool) -> None:
        """Without `outputs` it ends with the last piecewise op."""
        self.graph = graph
        self.stop = graph.output if outputs else max(graph.piecewise, default=-1)
        self._last = last_reads(graph)
        self._memory: dict[int, Tensor] = {}
        readers: dict[int, list[int]] = {}
        for index, node in enumerate(graph.nodes[: self.stop + 1]):
            for source in node.inputs:
                readers.setdefault(source, []).append(index)
        self._alone = {
            source: own[0]
            for source, own in readers.items()
            if len(own) == 1
            and isinstance(graph.nodes[own[0]].op, Elementwise)
            and source >= first_switch(graph)
            and source != graph.output
            and getattr(graph.nodes[source].op, "coefficients", None) is not None
        }

    def run(self, start: dict[int, Tensor], routes: Sequence[Tensor], visitor: Visitor) -> Tensor | None:
        """Carry columns along routes; returns those of the output, in memory that the next call may write to.

        `start` has the forms (1, columns, *shape) of the nodes before the first piecewise op that are read later.
        """
        graph, live = self.graph, dict(start)
        numbers = {node: number for number, node in enumerate(graph.piecewise)}
        for index in range(first_switch(graph), self.stop + 1):
            node = graph.nodes[index]
            if index in live:
                continue
            inputs = [live[source] for source in node.inputs]
            if isinstance(node.op, AffineOp):
                live[index] = self._affine(index, node.op, inputs)
                after = self._alone.get(index, -1)
                if after >= 0 and visitor.fused(index, live[index], routes[numbers[after]], after == self.stop):
                    live[after] = live.pop(index)
                else:
                    visitor.affine(index, live[index])
            elif isinstance(node.op, PiecewiseOp):
                visitor.deciding(numbers[index], joined(node.op, inputs))
                if index < self.stop or index == graph.output:
                    live[index] = self._piecewise(index, node.op, inputs, routes[numbers[index]])
            for source in set(node.inputs):
                if self._last[source] == index and source != graph.output:
                    del live[source]
        return live.get(graph.output)

    def _room(self, index: int, *shape: int) -> Tensor:
        """Memory of a shape that belongs to a node."""
        entries = int(np.prod(shape, dtype=np.int64))
        own = self._memory.get(index)
        if own is None or own.numel() < entries:
            own = self._memory[index] = torch.empty(entries, dtype=torch.float64)
        return own[:entries].reshape(shape)

    def _affine(self, index: int, op: AffineOp, inputs: Sequence[Tensor]) -> Tensor:
        if op.weight is None:
            return linear(op, inputs)
        cells, columns = inputs[0].shape[:2]
        result = self._room(index, cells * columns, op.weight.shape[0])
        # numpy's product is quicker than torch's for float64 on some processors, and as quick on the others
        np.matmul(inputs[0].reshape(cells * columns, -1).numpy(), op.weight.numpy().T, out=result.numpy())
        return result.reshape(cells, columns, -1)

    def _piecewise(self, index: int, op: PiecewiseOp, inputs: Sequence[Tensor], route: Tensor) -> Tensor:
        if isinstance(op, Elementwise) and len(inputs[0]) == 1:
            return along(op, inputs, route, self._room(index, len(route), inputs[0].shape[1], op.units))
        return along(op, inputs, route)


def row_errors(
    graph: Graph, start: dict[int, Tensor], norms: dict[int, Tensor], routes: Sequence[Tensor], nodes: range
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Norms of the gradients of all nodes, and bounds of the norms of their errors, (cells or 1, 1, *shape) each.

    `start` has the bounds of all that `nodes` read of earlier ones, and `norms` the norms of these and of affine nodes.
    """
    sizes, errors = dict(norms), dict(start)
    number = 0
    for index in nodes:
        node = graph.nodes[index]
        absolute = graph.absolute[index]
        off, size = ([part[source] for source in node.inputs] for part in (errors, sizes))
        if isinstance(node.op, AffineOp) and absolute is not None:
            errors[index] = mapped_errors(node.op, absolute, size, off)
        elif isinstance(node.op, PiecewiseOp):
            route = routes[number].abs()
            errors[index], sizes[index] = along(node.op, off, route), along(node.op, size, route)
            if isinstance(node.op, Elementwise) and node.op.largest[2]:
                errors[index] = (errors[index] + gamma(3) * sizes[index]) * PROOF_ROOM + SMALLEST
            number += 1
    return sizes, errors
