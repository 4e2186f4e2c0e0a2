"""What floating point leaves open at points, decided exactly: pieces, values and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from vitrail.cells.batch import CutTable
from vitrail.domains import Domain
from vitrail.engines.exact_forms import batch_size
from vitrail.engines.plan import Plan
from vitrail.engines.roots import Roots
from vitrail.engines.row_places import RowPlaces, layout_of
from vitrail.engines.seeds import domain_sides, patterns_at
from vitrail.local.gradients.standing import standing_at
from vitrail.local.gradients.sweep import along, linear, routes_of, with_ones
from vitrail.local.gradients.values import Values
from vitrail.network.exact import deciding_forms, exact_forms
from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp, PiecewiseOp, size_of
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, PROOF_ROOM, SMALLEST
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Point
from vitrail.status import Arithmetic
from vitrail.walking import plan_of

__all__ = ["Decider", "exact_columns", "present"]

_MOST_EXACT_ENTRIES = 20_000_000
"""Columns times entries that are carried exactly for one point; beyond, what is open stays open."""


def exact_columns(graph: Graph) -> int:
    """How many columns of exact forms may be carried through a network for one point."""
    return _MOST_EXACT_ENTRIES // (size_of(graph.input_shape) + graph.number_of_units)


class Decider:
    """Exact answers for one network and domain."""

    def __init__(self, graph: Graph, domain: Domain, tables: Sequence[CutTable], *, exact: bool = True) -> None:
        """Without `exact` nothing is decided."""
        self.graph, self.domain, self.tables = graph, domain, tuple(tables)
        columns = exact_columns(graph) if exact else 0
        self.values_affordable = columns >= 1
        self.gradients_affordable = columns >= size_of(graph.input_shape) + 2

    @cached_property
    def _setup(self) -> tuple[Plan, Roots, Point]:
        plan, roots = plan_of(self.graph, self.domain, Arithmetic.FILTERED)
        return plan, roots, domain_sides(roots)[1]

    def settle(self, points: np.ndarray, found: Values) -> np.ndarray:
        """Decide pieces that are open at points (m, n), and put exact values there; returns which points are proven.

        A point on a boundary gets the pieces of the region that it enters when it moves a little towards the middle of
        the domain, and infinitely less along each coordinate in turn (as `walk` has it).
        """
        proven = np.ones(len(points), dtype=bool)
        at = self._open(found)
        if not self.values_affordable:
            proven[at] = False
            return proven
        batch = batch_size(size_of(self.graph.input_shape) + self.graph.number_of_units, 0)
        for start in range(0, at.size, batch):
            own = at[start : start + batch]
            proven[own] = self._settle(points[own], own, found)
        return proven

    def _open(self, found: Values) -> np.ndarray:
        """The points with open pieces, but for those of forms that are constant and known exactly: wired to be equal.

        Windows of a max pooling over units that are off are of that kind.
        """
        is_open = np.zeros(len(found.outputs), dtype=bool)
        for unsure in found.open:
            is_open |= unsure.any(axis=1)
        at = np.flatnonzero(is_open)
        if not at.size:
            return at
        still = np.ones(at.size, dtype=bool)
        # along pieces of which all earlier ones are proven, or the point stays open
        moving = present(self.graph, [torch.from_numpy(own[at]) for own in found.pieces])
        for number, table in enumerate(self.tables):
            known = (found.errors[number][at] == 0) & ~moving[number].numpy()
            parts = (found.values[number][at], found.errors[number][at], found.pieces[number][at], known)
            still &= (~found.open[number][at] | (known if table.groups is None else _clear(table.groups, *parts))).all(
                axis=1
            )
        return at[~still]

    def _settle(self, points: np.ndarray, at: np.ndarray, found: Values) -> np.ndarray:
        exact = standing_at(self.graph, self.tables, points)
        met = np.zeros(len(points), dtype=bool)
        moving = present(self.graph, [torch.from_numpy(own) for own in exact.pieces])
        for number, table in enumerate(self.tables):
            met |= _meets(table, exact.ties[number], exact.pieces[number], moving[number].numpy())
            values = exact.values[number]
            found.values[number][at] = values
            found.errors[number][at] = np.where(
                exact.zero[number], 0.0, EXACT_FORM_ROUNDING * np.abs(values) + SMALLEST
            )
            found.pieces[number][at] = exact.pieces[number]
            found.open[number][at] = False
        if found.outputs.shape[1]:
            found.outputs[at] = exact.outputs
            found.output_errors[at] = EXACT_FORM_ROUNDING * np.abs(exact.outputs) + SMALLEST
        return self._enter(points, at, found, np.flatnonzero(met))

    def _enter(self, points: np.ndarray, at: np.ndarray, found: Values, met: np.ndarray) -> np.ndarray:
        """The pieces of the regions that points on boundaries enter."""
        proven = np.ones(len(points), dtype=bool)
        if not met.size:
            return proven
        if not self.gradients_affordable:
            proven[met] = False
            return proven
        plan, roots, middle = self._setup
        words = patterns_at(plan, roots, np.ascontiguousarray(points[met] / roots.scales[0]), middle)
        layout = layout_of(self.tables)
        for number, own in enumerate(layout.unpack(words)):
            found.pieces[number][at[met]] = own
        return proven

    def gradients(
        self, pattern: Sequence[np.ndarray], wanted: Sequence[tuple[int, RowPlaces]]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Gradients of rows of one region in the inputs, (rows, n), each number correctly rounded or next to it.

        `wanted` are numbers of piecewise ops with rows of theirs. Second, which are not zero.
        """
        graph = self.graph
        inputs = size_of(graph.input_shape)
        root = torch.zeros((1, inputs + 1, inputs), dtype=torch.float64)
        root[0, torch.arange(1, inputs + 1), torch.arange(inputs)] = 1.0
        start = {0: Fixed.from_floats(root.reshape(1, inputs + 1, *graph.input_shape))}
        forms = exact_forms(graph, start, np.zeros(1, dtype=np.int64), [own[None] for own in pattern])
        result = []
        for number, places in wanted:
            deciding = deciding_forms(graph, graph.piecewise[number], forms)
            plus = deciding.with_digits(deciding.digits[:, 0, 1:, places.plus])
            if places.minus is not None:
                plus = plus.minus(deciding.with_digits(deciding.digits[:, 0, 1:, places.minus]))
            signs = torch.from_numpy(places.signs)[:, None]
            result.append((plus.to_floats().T.mul(signs).numpy(), (plus.signs() != 0).any(axis=0)))
        return result


def present(graph: Graph, pieces: Sequence[Tensor]) -> list[Tensor]:
    """Which deciding forms of each piecewise op read the input through weights and slopes that are not zero.

    (cells, forms) bool each, along pieces (cells, units): where False, the form is constant on the region, proven.
    """
    cells = len(pieces[0]) if pieces else 1
    live: dict[int, Tensor] = {0: torch.ones((cells, 1, *graph.input_shape), dtype=torch.float64)}
    routes = [route.abs() for route in routes_of(graph, pieces)]
    result: list[Tensor] = []
    for index in range(1, graph.output + 1):
        node, absolute = graph.nodes[index], graph.absolute[index]
        inputs = [live[source] for source in node.inputs]
        if isinstance(node.op, AffineOp) and absolute is not None:
            live[index] = (linear(with_ones(absolute), inputs) > 0).to(torch.float64)
            continue
        if isinstance(node.op, PiecewiseOp):
            live[index] = (along(node.op, inputs, routes[len(result)]) > 0).to(torch.float64)
            result.append(torch.cat([form.reshape(cells, -1) for form in inputs], dim=1) > 0)
    return result


def _clear(
    groups: np.ndarray, values: np.ndarray, errors: np.ndarray, pieces: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Whether each winner (points, units) is above every other candidate, or both are `known` (points, forms)."""
    best, others = groups[np.arange(len(groups)), pieces], np.maximum(groups, 0)
    top, off = (np.take_along_axis(part, best, axis=1)[:, :, None] for part in (values, errors))
    both = np.take_along_axis(known, best, axis=1)[:, :, None] & known[:, others]
    above = top - values[:, others] > (off + errors[:, others]) * PROOF_ROOM
    none = (groups < 0) | (np.arange(groups.shape[1]) == pieces[:, :, None])
    return np.asarray((above | both | none).all(axis=2))


def _meets(table: CutTable, ties: np.ndarray, pieces: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Which points lie on a boundary of one op: ties of forms that are `moving` (points, forms), not constant."""
    if table.groups is None:
        return (ties & moving).any(axis=1)
    best = np.take_along_axis(moving, table.groups[np.arange(table.units), pieces], axis=1)
    return (ties & (best[:, :, None] | moving[:, np.maximum(table.groups, 0)])).any(axis=(1, 2))
