"""Values of a network at points without any rounding, one op after the other, and which units are on a boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vitrail.cells.batch import CutTable
from vitrail.local.gradients.sweep import last_reads
from vitrail.network.exact import deciding_forms
from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.fixed import Fixed

__all__ = ["Standing", "standing_at"]


@dataclass(frozen=True)
class Standing:
    """What decides the pieces at points, exactly: per piecewise op `values` (points, forms), rounded once.

    `zero` (points, forms) says which are 0, and `pieces` (points, units) are the lower ones, or the first winners.
    `ties` are where a value is a breakpoint, (points, units), or equals the winner's, (points, units, candidates).
    `outputs` (points, outputs) are rounded once too.
    """

    values: list[np.ndarray]
    zero: list[np.ndarray]
    pieces: list[np.ndarray]
    ties: list[np.ndarray]
    outputs: np.ndarray


def standing_at(graph: Graph, tables: Sequence[CutTable], points: np.ndarray) -> Standing:
    """Exact values at points (m, n); nodes that are not read any more are dropped.

    Raises:
        ResourceLimitError: a sum of more terms than can be exact.

    Example:
        >>> from vitrail.engines.row_places import tables_of
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> graph = graph_from_arrays([[[1.0], [-1.0]], [[1.0, 1.0]]])
        >>> found = standing_at(graph, tables_of(graph), np.array([[0.5], [0.0]]))
        >>> found.pieces[0].tolist(), found.ties[0].tolist()
        ([[1, 0], [0, 0]], [[False, False], [True, True]])
    """
    start = Fixed.from_floats(torch.from_numpy(points.reshape(-1, *graph.input_shape)))
    live = {0: start.with_digits(start.digits[:, :, None])}
    result = Standing([], [], [], [], np.zeros((len(points), 0)))
    last = last_reads(graph)
    for index in range(1, graph.output + 1):
        op, sources = graph.nodes[index].op, graph.nodes[index].inputs
        inputs = [live[source] for source in sources]
        if isinstance(op, AffineOp):
            live[index] = op.apply_exact(inputs)
        else:
            values = deciding_forms(graph, index, live)
            table = tables[len(result.pieces)]
            if isinstance(op, Elementwise):
                pieces = op.pieces_exact(inputs[0])
                live[index] = op.apply_exact(inputs[0], pieces)
                ties = _on_breakpoints(table.breakpoints, values)
            else:
                differences = _Differences(as_maximum(op).candidates, values)
                pieces = differences.winners()
                live[index] = as_maximum(op).apply_exact(inputs, pieces)
                ties = differences.ties(pieces)
            result.values.append(values.to_floats().numpy()[:, 0])
            result.zero.append(values.signs()[:, 0] == 0)
            result.pieces.append(pieces)
            result.ties.append(ties)
        for source in set(sources):
            if last[source] == index and source != graph.output:
                del live[source]
    outputs = live[graph.output].to_floats().numpy().reshape(len(points), -1)
    return Standing(result.values, result.zero, result.pieces, result.ties, outputs)


def _on_breakpoints(breakpoints: np.ndarray, values: Fixed) -> np.ndarray:
    ties = np.zeros((values.shape[0], values.shape[2]), dtype=bool)
    for row in breakpoints:
        there = np.isfinite(row)
        level = Fixed.from_floats(torch.from_numpy(np.where(there, row, 0.0)))
        ties |= (values.minus(level).signs()[:, 0] == 0) & there
    return ties


class _Differences:
    """Differences of the candidates of groups (units, candidates) of exact values (points, 1, forms)."""

    def __init__(self, groups: np.ndarray, values: Fixed) -> None:
        self.groups, self.values = groups, values
        self.digits = values.digits.numpy()[:, :, 0]
        self.points = np.arange(values.shape[0])[:, None]

    def signs(self, place: int, winners: np.ndarray) -> np.ndarray:
        """The sign of one candidate of each group less the winner; -1 where there is none."""
        other = np.broadcast_to(np.maximum(self.groups[:, place], 0), winners.shape)
        best = self.groups[np.arange(len(self.groups)), winners]
        digits = self.digits[:, self.points, other] - self.digits[:, self.points, best]
        signs = Fixed(torch.from_numpy(digits), self.values.exponent).normalized().signs()
        return np.where(self.groups[:, place] >= 0, signs, -1)

    def winners(self) -> np.ndarray:
        """The first of the largest candidates, (points, units)."""
        winners = np.tile((self.groups >= 0).argmax(axis=1), (len(self.points), 1))
        for place in range(self.groups.shape[1]):
            winners = np.where(self.signs(place, winners) > 0, place, winners)
        return winners

    def ties(self, winners: np.ndarray) -> np.ndarray:
        """Which candidates equal the winner, other than itself, (points, units, candidates)."""
        each = [(self.signs(place, winners) == 0) & (winners != place) for place in range(self.groups.shape[1])]
        return np.stack(each, axis=2)
