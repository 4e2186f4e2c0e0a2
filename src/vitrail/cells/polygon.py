"""A batch of convex polygons in frame coordinates, scaled so that |x|, |y| <= 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitrail.cells.batch import NO_DOUBTS, Children, CutTable, Geometry, Tally
from vitrail.cells.exact import ExactPolygon
from vitrail.cells.polygon_cut import (
    CELLS_DONE,
    CELLS_OUT,
    NEXT_CUT,
    UNDECIDED,
    VERTICES_OUT,
    WORK_FULL,
    cut_by_sign,
)
from vitrail.cells.polygon_kernels import FLOATS, INTEGERS
from vitrail.cells.polygon_winner import cut_by_winner
from vitrail.cells.screening import screening_flags
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, VALUE_ROUNDING
from vitrail.numerics.predicates import Form, Point, nearest, unit_form

__all__ = ["PolygonWork", "Polygons", "polygon_areas"]

_VERTICES_PER_CELL = 6


class PolygonWork:
    """Preallocated memory of a cutting loop over polygons; it grows when a cell does not fit."""

    def __init__(self, capacity: int = 1024) -> None:
        """Room for `capacity` children at first."""
        self.next_cut = 0
        self._capacity = capacity
        self._scale = 1
        self._made_for: tuple[int, ...] = ()
        self.tallies = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def prepare(self, table: CutTable, parents: int) -> None:
        """Make the arrays for one op, unless they are there already."""
        rows = max(table.units, table.breakpoints.size)
        width = 0 if table.groups is None else table.groups.shape[1]
        key = (rows, width, table.words, self._capacity, self._scale)
        if key == self._made_for and len(self.tallies[0]) >= parents:
            return
        self._made_for = key
        capacity, vertices = self._capacity, self._capacity * _VERTICES_PER_CELL
        arena = 4096 * self._scale * (width + 1)
        levels = (rows + 2) * max(width, 1)
        self.output = (
            np.empty((vertices, FLOATS)),
            np.empty((vertices, INTEGERS), dtype=np.int64),
            np.zeros(capacity + 1, dtype=np.int64),
            np.empty(capacity, dtype=np.int64),
            np.empty((capacity, table.words), dtype=np.int64),
            np.empty(capacity, dtype=np.int64),
        )
        self.tallies = (np.zeros(max(parents, 1), dtype=np.int64), np.zeros(max(parents, 1), dtype=np.int64))
        self.scratch = (
            np.empty((arena, FLOATS)),
            np.empty((arena, INTEGERS), dtype=np.int64),
            np.empty((arena, FLOATS)),
            np.empty((arena, INTEGERS), dtype=np.int64),
            np.empty(arena, dtype=np.int8),
            np.empty((8, levels), dtype=np.int64),
            np.empty((levels, table.words), dtype=np.int64),
            np.empty(4 * rows * self._scale + 64, dtype=np.int64),
            (screening_flags(len(table.breakpoints), table.units), np.empty((rows, 7))),
            np.empty(WORK_FULL + 1, dtype=np.int64),
        )

    def grow(self, output: bool) -> None:
        """Make room after a cell that did not fit: four times the output, or four times the scratch memory."""
        if output:
            self._capacity *= 4
        else:
            self._scale *= 4


@dataclass(frozen=True)
class Polygons:
    """Convex polygons, counter-clockwise: `offsets` (cells + 1), and rows as `polygon_kernels` describes them."""

    offsets: np.ndarray
    floats: np.ndarray
    integers: np.ndarray
    form_of: np.ndarray
    dirty: np.ndarray

    def __len__(self) -> int:
        """Number of cells."""
        return self.offsets.shape[0] - 1

    def _run(
        self,
        first: int,
        forms: np.ndarray,
        table: CutTable,
        doubtful: np.ndarray,
        keep: bool,
        work: PolygonWork,
        counters: np.ndarray,
    ) -> None:
        cells = (self.offsets, self.floats, self.integers, self.form_of, self.dirty)
        output = work.output if keep else (*work.output[:3], work.tallies[0], work.output[4], work.tallies[1])
        if table.groups is not None:
            rows = (table.groups, table.bounds[:, 0], table.totals[0], table.first_row, table.bits, doubtful)
            cut_by_winner(first, cells, forms, *rows, keep, output, work.scratch, counters)
        else:
            rows = (table.breakpoints, table.bounds, table.totals, table.first_row, table.bits, doubtful)
            cut_by_sign(first, cells, forms, *rows, keep, output, work.scratch, counters)

    def cut(
        self, forms: np.ndarray, table: CutTable, work: PolygonWork, doubtful: np.ndarray = NO_DOUBTS
    ) -> Iterator[Children]:
        """Cut every cell by every unit; yields children as the output memory fills."""
        done = 0
        while done < len(self):
            work.prepare(table, 0)
            counters = np.zeros(WORK_FULL + 1, dtype=np.int64)
            counters[CELLS_DONE], counters[NEXT_CUT] = done, work.next_cut
            self._run(done, forms, table, doubtful, True, work, counters)
            if counters[CELLS_DONE] == done:
                work.grow(output=not counters[WORK_FULL])
                continue
            done = int(counters[CELLS_DONE])
            work.next_cut = int(counters[NEXT_CUT])
            n, v = counters[CELLS_OUT], counters[VERTICES_OUT]
            floats, integers, offsets, parent, words, dirty = work.output
            cells = Polygons(offsets[: n + 1], floats[:v], integers[:v], np.arange(n), dirty[:n])
            yield Children(cells, parent[:n], words[:n], int(counters[UNDECIDED]), done)
            if counters[WORK_FULL]:
                work.grow(output=False)

    def tally(self, forms: np.ndarray, table: CutTable, work: PolygonWork, doubtful: np.ndarray = NO_DOUBTS) -> Tally:
        """Count the children of every cell without making them."""
        work.prepare(table, len(self))
        children, dirty = work.tallies
        children[:], dirty[:] = 0, 0
        undecided, done = 0, 0
        while done < len(self):
            counters = np.zeros(WORK_FULL + 1, dtype=np.int64)
            counters[CELLS_DONE], counters[NEXT_CUT] = done, work.next_cut
            self._run(done, forms, table, doubtful, False, work, counters)
            done = int(counters[CELLS_DONE])
            undecided += int(counters[UNDECIDED])
            if done < len(self):
                partial = children.copy(), dirty.copy()
                # what the unfinished cell had counted is taken back before it is done again
                partial[0][done], partial[1][done] = 0, 0
                work.grow(output=False)
                work.prepare(table, len(self))
                children, dirty = work.tallies
                children[: len(self)], dirty[: len(self)] = partial[0][: len(self)], partial[1][: len(self)]
        return Tally(children[: len(self)].copy(), dirty[: len(self)].copy(), undecided)

    def take(self, start: int, stop: int) -> Polygons:
        """The cells from `start` to `stop`."""
        low, high = self.offsets[start], self.offsets[stop]
        return Polygons(
            self.offsets[start : stop + 1] - low,
            self.floats[low:high],
            self.integers[low:high],
            self.form_of[start:stop],
            self.dirty[start:stop],
        )

    def copy(self) -> Polygons:
        """The same cells in memory of their own."""
        return Polygons(
            self.offsets.copy(), self.floats.copy(), self.integers.copy(), self.form_of.copy(), self.dirty.copy()
        )

    def with_forms(self, form_of: np.ndarray) -> Polygons:
        """The same cells with other rows of forms."""
        return replace(self, form_of=form_of)

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Centers and half widths, widened by the errors and the rounding."""
        starts = self.offsets[:-1]
        low = np.minimum.reduceat(self.floats[:, :2], starts, axis=0)
        high = np.maximum.reduceat(self.floats[:, :2], starts, axis=0)
        slack = np.maximum.reduceat(self.floats[:, 2:3], starts, axis=0) + VALUE_ROUNDING
        return 0.5 * (low + high), 0.5 * (high - low) + slack

    def labels(self, cell: int) -> list[tuple[int, int]]:
        """What made each edge."""
        rows = self.integers[self.offsets[cell] : self.offsets[cell + 1]]
        return [(int(source), int(cut)) for source, cut in rows]

    def with_exact(self, exact: Sequence[ExactPolygon], order: np.ndarray) -> Polygons:
        """These polygons and exact ones, rounded."""
        floats, integers = [self.floats], [self.integers]
        sizes = np.concatenate([np.diff(self.offsets), [len(polygon.points) for polygon in exact]]).astype(np.int64)
        for polygon in exact:
            floats.append(np.array([_rounded(*corner) for corner in zip(polygon.points, polygon.lines, strict=True)]))
            integers.append(np.array(polygon.labels, dtype=np.int64))
        starts = np.concatenate([[0], np.cumsum(sizes)])
        offsets = np.concatenate([[0], np.cumsum(sizes[order])])
        # rows of the cells in their new order
        rows = np.repeat(starts[:-1][order] - offsets[:-1], sizes[order]) + np.arange(offsets[-1])
        count = len(order)
        return Polygons(
            offsets,
            np.concatenate(floats)[rows],
            np.concatenate(integers)[rows],
            np.arange(count),
            np.zeros(count, dtype=np.int64),
        )

    def geometry(self) -> Geometry:
        """The cells as finished geometry, in scaled frame coordinates."""
        return Geometry(self.offsets, self.floats[:, :2], self.floats[:, 2], self.integers[:, 0], self.integers[:, 1])


def _rounded(point: Point, line: Form) -> list[float]:
    """A row of a polygon: vertex, error, line, bound on the line's error over |x|, |y| <= 1."""
    coordinates, error = nearest(point)
    return [*coordinates, error, *unit_form(line), EXACT_FORM_ROUNDING]


def polygon_areas(offsets: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Areas of counter-clockwise polygons given as flat vertices, shape (total, 2), and offsets, shape (polygons + 1,).

    Example:
        >>> polygon_areas(np.array([0, 3]), np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
        array([1.])
    """
    if offsets.shape[0] == 1:
        return np.zeros(0)
    first = np.repeat(offsets[:-1], np.diff(offsets))
    # relative to each polygon's first vertex: small polygons far from the origin keep their digits
    x, y = (vertices - vertices[first]).T
    after = np.arange(1, vertices.shape[0] + 1)
    after[offsets[1:] - 1] = offsets[:-1]
    return 0.5 * np.add.reduceat(x * y[after] - x[after] * y, offsets[:-1])
