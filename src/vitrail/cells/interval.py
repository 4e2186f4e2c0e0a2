"""A batch of intervals in frame coordinates; the ends may be infinite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitrail.cells.batch import NO_DOUBTS, Children, CutTable, Geometry, Tally
from vitrail.cells.exact_polygon import ExactInterval
from vitrail.cells.interval_cut import CELLS_DONE, CELLS_OUT, DIRTY_OUT, UNDECIDED, cut_intervals
from vitrail.cells.screening import screening_flags
from vitrail.numerics.filters import VALUE_ROUNDING
from vitrail.numerics.predicates import nearest

__all__ = ["IntervalWork", "Intervals"]

_NO_GROUPS = np.zeros((0, 0), dtype=np.int64)


class IntervalWork:
    """Preallocated memory of a cutting loop over intervals; it grows when a cell does not fit."""

    def __init__(self, capacity: int = 1024) -> None:
        """Room for `capacity` children at first."""
        self.next_cut = 0
        self._capacity = capacity
        self._made_for: tuple[int, ...] = ()

    def prepare(self, table: CutTable) -> None:
        """Make the arrays for one op, unless they are there already."""
        events = table.rows + 1
        key = (events, table.words, self._capacity)
        if key == self._made_for:
            return
        self._made_for = key
        capacity = self._capacity
        self.output = (
            np.empty((capacity, 4)),
            np.empty((capacity, 2), dtype=np.int64),
            np.empty(capacity, dtype=np.int64),
            np.empty((capacity, table.words), dtype=np.int64),
            np.empty(capacity, dtype=np.int64),
        )
        self.scratch = (
            np.empty(table.words, dtype=np.int64),
            np.empty((events, 2)),
            np.empty((events, 3), dtype=np.int64),
            np.empty(events, dtype=np.int64),
            screening_flags(1, table.units),
        )

    def grow(self) -> None:
        """Four times the room."""
        self._capacity *= 4


@dataclass(frozen=True)
class Intervals:
    """Intervals, rows as `interval_cut` describes them."""

    floats: np.ndarray
    integers: np.ndarray
    form_of: np.ndarray
    dirty: np.ndarray

    def __len__(self) -> int:
        """Number of cells."""
        return self.floats.shape[0]

    def cut(
        self,
        forms: np.ndarray,
        table: CutTable,
        work: IntervalWork,
        doubtful: np.ndarray = NO_DOUBTS,
        most: int | None = None,
    ) -> Iterator[Children]:
        """Cut every cell by every unit; yields children, from low to high, as the output memory fills."""
        done = 0
        cells = (self.floats, self.integers, self.form_of, self.dirty)
        by_winner = table.groups is not None
        rows = (_NO_GROUPS if table.groups is None else table.groups, table.breakpoints)
        unit = (table.bounds, table.first_row, table.bits, doubtful)
        while done < len(self):
            work.prepare(table)
            counters = np.zeros(DIRTY_OUT + 1, dtype=np.int64)
            counters[CELLS_DONE] = done
            cut_intervals(done, cells, forms, by_winner, rows, *unit, work.output, work.scratch, counters)
            if counters[CELLS_DONE] == done:
                work.grow()
                continue
            done = int(counters[CELLS_DONE])
            n = counters[CELLS_OUT]
            floats, integers, parent, words, dirty = work.output
            children = Intervals(floats[:n], integers[:n], np.arange(n), dirty[:n])
            yield Children(children, parent[:n], words[:n], int(counters[UNDECIDED]), done)

    def compile(self, forms: np.ndarray, table: CutTable, work: IntervalWork) -> None:
        """Compile the kernels for such forms and a table, or load them, without cutting anything."""
        for _ in self.cut(forms, table, work):
            pass

    def tally(
        self, forms: np.ndarray, table: CutTable, work: IntervalWork, doubtful: np.ndarray = NO_DOUBTS
    ) -> Iterator[Tally]:
        """Count the children of every cell."""
        for batch in self.cut(forms, table, work, doubtful):
            children = np.bincount(batch.parent, minlength=len(self))
            dirty = np.bincount(batch.parent, weights=batch.cells.dirty, minlength=len(self)).astype(np.int64)
            yield Tally(children, dirty, batch.undecided)

    def take(self, start: int, stop: int) -> Intervals:
        """The cells from `start` to `stop`."""
        return Intervals(
            self.floats[start:stop], self.integers[start:stop], self.form_of[start:stop], self.dirty[start:stop]
        )

    @staticmethod
    def joined(batches: Sequence[Intervals]) -> Intervals:
        """The cells of several batches, one after the other, each with a row of forms of its own."""
        return Intervals(
            np.concatenate([batch.floats for batch in batches]),
            np.concatenate([batch.integers for batch in batches]),
            np.arange(sum(len(batch) for batch in batches)),
            np.concatenate([batch.dirty for batch in batches]),
        )

    def copy(self) -> Intervals:
        """The same cells in memory of their own."""
        return Intervals(self.floats.copy(), self.integers.copy(), self.form_of.copy(), self.dirty.copy())

    def with_forms(self, form_of: np.ndarray) -> Intervals:
        """The same cells with other rows of forms."""
        return replace(self, form_of=form_of)

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Middle and half length, widened by the errors and the rounding; NaN or infinite where unbounded."""
        low, high = self.floats[:, :1], self.floats[:, 1:2]
        error = self.floats[:, 2:].max(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", over="ignore"):
            reach = np.maximum(np.abs(low), np.abs(high)) + error
            return 0.5 * (low + high), 0.5 * (high - low) + error + VALUE_ROUNDING * reach

    def labels(self, cell: int) -> list[tuple[int, int]]:
        """What made the low and the high end."""
        return [(int(source), -1) for source in self.integers[cell]]

    def incidence(self, cell: int) -> list[int]:
        """Nothing, as facets follow the vertices."""
        return []

    def with_exact(self, exact: Sequence[ExactInterval], order: np.ndarray) -> Intervals:
        """These intervals and exact ones, rounded."""
        floats, integers = np.empty((len(exact), 4)), np.empty((len(exact), 2), dtype=np.int64)
        for i, interval in enumerate(exact):
            for end in range(2):
                (floats[i, end],), floats[i, 2 + end] = nearest(interval.points[end])
                integers[i, end] = interval.labels[end][0]
        count = len(order)
        return Intervals(
            np.concatenate([self.floats, floats])[order],
            np.concatenate([self.integers, integers])[order],
            np.arange(count),
            np.zeros(count, dtype=np.int64),
        )

    def geometry(self) -> Geometry:
        """The cells as finished geometry, in scaled frame coordinates."""
        ends, errors = self.floats[:, :2].reshape(-1, 1), self.floats[:, 2:].reshape(-1)
        sources = self.integers.reshape(-1)
        return Geometry.polygonal(np.arange(0, 2 * len(self) + 1, 2), ends, errors, sources, np.full(sources.shape, -1))
