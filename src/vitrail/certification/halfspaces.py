"""The halfspaces that patterns stand for: what every unit says about the points that have its piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrail.cells.exact import ExactCell, at_vertices
from vitrail.network.exact import deciding_forms
from vitrail.network.graph import Graph
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.fixed import Fixed, to_integers
from vitrail.numerics.predicates import Form, to_form

__all__ = ["Answer", "Halfspaces", "existing_pieces"]


@dataclass(frozen=True)
class _Rows:
    """Some halfspaces of every cell of a batch: sign * (form[plus] - form[minus] - level) >= 0.

    All arrays are (cells, rows). `minus` is -1 where nothing is subtracted, `level` a breakpoint or 0, `strict` says
    that the form must not be zero on the whole cell, `present` that the row says anything.
    """

    forms: Fixed
    plus: np.ndarray
    minus: np.ndarray
    level: np.ndarray
    sign: np.ndarray
    strict: np.ndarray
    present: np.ndarray

    def rounded(self) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients in float64, and the sizes that their errors are relative to, (cells, k + 1, rows)."""
        forms = self.forms.to_floats().numpy()
        plus = np.take_along_axis(forms, self.plus[:, None], axis=2)
        minus = np.take_along_axis(forms, np.maximum(self.minus, 0)[:, None], axis=2) * (self.minus >= 0)[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            values, sizes = plus - minus, np.abs(plus) + np.abs(minus)
            values[:, 0] -= self.level
            sizes[:, 0] += np.abs(self.level)
        return values * self.sign[:, None], sizes

    def form(self, cell: int, row: int) -> Form:
        """One of them, exactly."""
        digits, minus = self.forms.digits.numpy()[:, cell], int(self.minus[cell, row])
        own = digits[:, :, self.plus[cell, row]]
        values = to_integers(own if minus < 0 else own - digits[:, :, minus])
        numerator, denominator = float(self.level[cell, row]).as_integer_ratio()
        power, lowest = self.forms.power, 1 - denominator.bit_length()
        values = [value << max(0, power - lowest) for value in values]
        values[0] -= numerator << max(0, lowest - power)
        return to_form([int(self.sign[cell, row]) * value for value in values])


@dataclass(frozen=True)
class Answer:
    """What floating point can say of rows at some points: one that is `violated`, the most so, or None.

    `open` (points, rows) are signs that it cannot tell; `positive` (rows,) where it is sure of a positive value.
    """

    violated: int | None
    open: np.ndarray
    positive: np.ndarray


class Halfspaces:
    """The halfspaces of a batch of cells from their patterns, exact on demand.

    A unit with piece p is at least breakpoint p - 1 somewhere above it, and at most breakpoint p; the winner of a
    maximum is at least every other candidate, and above those with lower places somewhere.
    """

    def __init__(self, graph: Graph, forms: dict[int, Fixed], patterns: Sequence[np.ndarray]) -> None:
        """`forms` of all nodes along the patterns, arrays (cells, units), one for each piecewise op."""
        self._parts = [
            _by_breakpoints(op, deciding_forms(graph, node, forms), pieces)
            if isinstance(op := graph.nodes[node].op, Elementwise)
            else _by_winner(as_maximum(op).candidates, deciding_forms(graph, node, forms), pieces)
            for node, pieces in zip(graph.piecewise, patterns, strict=True)
        ]
        rounded = [part.rounded() for part in self._parts]
        self._starts = np.cumsum([0, *(part.plus.shape[1] for part in self._parts)])
        if not rounded:
            return
        self._values = np.concatenate([values for values, _ in rounded], axis=2)
        self._sizes = np.concatenate([sizes for _, sizes in rounded], axis=2)
        self._present = np.concatenate([part.present for part in self._parts], axis=1)
        self._strict = np.concatenate([part.strict & part.present for part in self._parts], axis=1)

    def strict(self, cell: int) -> np.ndarray:
        """The rows of a cell that must be positive somewhere."""
        return np.flatnonzero(self._strict[cell]) if self._parts else np.zeros(0, dtype=np.int64)

    def form(self, cell: int, row: int) -> Form:
        """One halfspace of a cell, exactly: the form is not negative there."""
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._parts[part].form(cell, row - int(self._starts[part]))

    def test(self, cell: int, part: ExactCell) -> Answer:
        """Test every row of a cell at the vertices of a polygon or interval."""
        if not self._parts:
            nothing = np.zeros((len(part.points), 0), dtype=bool)
            return Answer(None, nothing, nothing[0])
        values, reach = at_vertices(part, self._values[cell], self._sizes[cell])
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            negative, positive = values < -reach, values > reach
            depth = np.where(negative & self._present[cell], -values / self._sizes[cell].max(axis=0), 0.0).max(axis=0)
        worst = int(depth.argmax())
        return Answer(
            worst if depth[worst] > 0 else None,
            ~(negative | positive) & self._present[cell],
            np.asarray(positive.any(axis=0)),
        )


def existing_pieces(graph: Graph, patterns: Sequence[np.ndarray]) -> np.ndarray:
    """Whether every unit of each pattern has the piece that it names, shape (cells,)."""
    result = np.ones(patterns[0].shape[0] if patterns else 1, dtype=bool)
    for node, pieces in zip(graph.piecewise, patterns, strict=True):
        op = graph.nodes[node].op
        if isinstance(op, Elementwise):
            result &= (pieces <= np.isfinite(op.breakpoints).sum(axis=0)).all(axis=1)
        else:
            groups = as_maximum(op).candidates
            known = pieces < groups.shape[1]
            there = groups[np.arange(len(groups)), np.where(known, pieces, 0)] >= 0
            result &= (known & there).all(axis=1)
    return result


def _by_breakpoints(op: Elementwise, forms: Fixed, pieces: np.ndarray) -> _Rows:
    """At least the breakpoint below the piece, and at most the one above it."""
    units = pieces.shape[1]
    none = np.full((1, units), np.inf)
    limits, chosen, unit = np.concatenate([-none, op.breakpoints, none]), pieces.astype(np.int64), np.arange(units)
    level = np.concatenate([limits[chosen, unit], limits[chosen + 1, unit]], axis=1)
    below = np.broadcast_to(np.arange(2 * units) < units, level.shape)
    present = np.isfinite(level)
    return _Rows(
        forms,
        np.broadcast_to(np.concatenate([unit, unit]), level.shape),
        np.full(level.shape, -1),
        np.where(present, level, 0.0),
        np.where(below, 1.0, -1.0),
        below,
        present,
    )


def _by_winner(groups: np.ndarray, forms: Fixed, pieces: np.ndarray) -> _Rows:
    """The winner is at least every other candidate."""
    cells, shape = pieces.shape[0], groups.shape
    winner = np.broadcast_to(pieces.astype(np.int64)[:, :, None], (cells, *shape))
    place, others = np.arange(shape[1]), np.broadcast_to(groups, winner.shape)
    plus = np.take_along_axis(others, pieces.astype(np.int64)[:, :, None], axis=2).repeat(shape[1], axis=2)
    minus = np.maximum(others, 0)
    flat = (cells, shape[0] * shape[1])
    return _Rows(
        forms,
        plus.reshape(flat),
        minus.reshape(flat),
        np.zeros(flat),
        np.ones(flat),
        (place < winner).reshape(flat),
        ((others >= 0) & (place != winner)).reshape(flat),
    )
