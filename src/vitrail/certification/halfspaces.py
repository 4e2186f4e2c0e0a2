"""The halfspaces that patterns stand for: what every unit says about the points that have its piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

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

    def integers(self) -> np.ndarray:
        """All of them, exactly, times a power of two: Python integers (cells, rows, k + 1)."""
        levels = Fixed.from_floats(torch.from_numpy(np.ascontiguousarray(self.level)))
        low = min(self.forms.exponent, levels.exponent)
        forms = self.forms.integers(low)
        values = np.take_along_axis(forms, self.plus[:, None], axis=2)
        subtracted = self.minus >= 0
        if subtracted.any():
            others = np.take_along_axis(forms, np.maximum(self.minus, 0)[:, None], axis=2)
            values = values - np.where(subtracted[:, None], others, 0)
        values[:, 0] -= levels.integers(low)
        return np.where(self.sign[:, None] < 0, -values, values).transpose(0, 2, 1)


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
        self._patterns = [pieces.astype(np.int64) for pieces in patterns]
        self._by_winner = [not isinstance(graph.nodes[node].op, Elementwise) for node in graph.piecewise]
        self._starts = np.cumsum([0, *(part.plus.shape[1] for part in self._parts)])
        if not self._parts:
            return
        self._present = np.concatenate([part.present for part in self._parts], axis=1)
        self._strict = np.concatenate([part.strict & part.present for part in self._parts], axis=1)

    @cached_property
    def _rounded(self) -> tuple[np.ndarray, np.ndarray]:
        values, sizes = zip(*(part.rounded() for part in self._parts), strict=True)
        return np.concatenate(values, axis=2), np.concatenate(sizes, axis=2)

    @property
    def count(self) -> int:
        """The rows of every cell, those that say nothing included."""
        return int(self._starts[-1])

    @cached_property
    def units(self) -> np.ndarray:
        """The unit behind each row, numbered over the whole network, shape (rows,)."""
        result, first = np.empty(self.count, dtype=np.int64), 0
        for pieces, winner, start, stop in zip(
            self._patterns, self._by_winner, self._starts[:-1], self._starts[1:], strict=True
        ):
            units, own = pieces.shape[1], np.arange(stop - start)
            result[start:stop] = first + (own // max((stop - start) // max(units, 1), 1) if winner else own % units)
            first += units
        return result

    def present(self, cell: int) -> np.ndarray:
        """The rows of a cell that say anything."""
        return np.flatnonzero(self._present[cell]) if self._parts else np.zeros(0, dtype=np.int64)

    @cached_property
    def integers(self) -> np.ndarray:
        """All rows of all cells exactly, each times a power of two: Python integers (cells, rows, k + 1)."""
        return np.concatenate([part.integers() for part in self._parts], axis=1)

    def reaches(self, cells: np.ndarray, zero: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
        """Whether points of some cells are in the closed regions of other patterns too, shape (points,).

        `zero` (points, rows) says which rows of its cell are 0 at each point, `others` are arrays (points, units) for
        each piecewise op. A network is continuous: as long as the units before have a piece that holds the point, its
        value is the one that the cell's own forms have there.

        Example:
            >>> from vitrail.network.exact import exact_forms
            >>> from vitrail.network.network import Network
            >>> graph = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)]).graph
            >>> root = Fixed.from_floats(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64))
            >>> own = [np.array([[1, 1]])]
            >>> halfspaces = Halfspaces(graph, exact_forms(graph, {0: root}, np.array([0]), own), own)
            >>> on_the_first = np.array([[True, False, False, False]] * 2)
            >>> halfspaces.reaches(np.array([0, 0]), on_the_first, [np.array([[0, 1], [1, 0]])]).tolist()
            [True, False]
        """
        result = np.ones(len(cells), dtype=bool)
        for at, (pieces, winner) in enumerate(zip(self._patterns, self._by_winner, strict=True)):
            own, other = pieces[cells], others[at].astype(np.int64)
            free = zero[:, self._starts[at] : self._starts[at + 1]]
            if winner:
                table = free.reshape(*own.shape, -1)
                there = np.take_along_axis(table, other[:, :, None], axis=2)[:, :, 0]
                allowed = (other == own) | there
            else:
                below, above = np.split(free, 2, axis=1)
                allowed = (other == own) | ((other == own - 1) & below) | ((other == own + 1) & above)
            result &= allowed.all(axis=1)
        return result

    def strict(self, cell: int) -> np.ndarray:
        """The rows of a cell that must be positive somewhere."""
        return np.flatnonzero(self._strict[cell]) if self._parts else np.zeros(0, dtype=np.int64)

    def form(self, cell: int, row: int) -> Form:
        """One halfspace of a cell, exactly: the form is not negative there."""
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._parts[part].form(cell, row - int(self._starts[part]))

    def test(self, cell: int, part: ExactCell) -> Answer:
        """Test every row of a cell at the vertices of a part of the domain."""
        if not self._parts:
            nothing = np.zeros((len(part.points), 0), dtype=bool)
            return Answer(None, nothing, nothing[0])
        rounded, sizes = (table[cell] for table in self._rounded)
        values, reach = at_vertices(part, rounded, sizes)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            negative, positive = values < -reach, values > reach
            depth = np.where(negative & self._present[cell], -values / sizes.max(axis=0), 0.0).max(axis=0)
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
