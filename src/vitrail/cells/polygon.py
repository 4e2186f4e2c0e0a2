"""A batch of convex polygons in frame coordinates, scaled so that |x|, |y| <= 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitrail.cells.batch import CutTable, Geometry
from vitrail.cells.cutting import CELLS_OUT, COUNTERS, FULL_OUTPUT, KEEP, VERTICES_OUT, Cutting
from vitrail.cells.exact_polygon import ExactPolygon
from vitrail.cells.polygon_cut import cut_by_sign
from vitrail.cells.polygon_kernels import FLOATS, INTEGERS
from vitrail.cells.polygon_winner import cut_by_winner
from vitrail.cells.screening import screening_flags
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, VALUE_ROUNDING
from vitrail.numerics.predicates import Form, Point, nearest, unit_form

__all__ = ["PolygonWork", "Polygons", "polygon_areas", "polygon_centroids"]

_VERTICES_PER_CELL = 6


class PolygonWork:
    """Preallocated memory of a cutting loop over polygons; it grows when a cell does not fit."""

    def __init__(self, capacity: int = 1024) -> None:
        """Room for `capacity` children at first."""
        self.next_cut = 0
        self._capacity = capacity
        self._scale = 1
        self._output_for: tuple[int, ...] = ()
        self._scratch_for: tuple[int, ...] = ()
        self.tallies = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def prepare(self, table: CutTable, parents: int, rows: int) -> None:
        """Make the arrays for one op, unless they are there already."""
        units = max(table.units, table.breakpoints.size)
        width = 0 if table.groups is None else table.groups.shape[1]
        if len(self.tallies[0]) < parents:
            self.tallies = (np.zeros(parents, dtype=np.int64), np.zeros(parents, dtype=np.int64))
        key = (table.words, self._capacity)
        if key != self._output_for:
            self._output_for = key
            capacity, vertices = self._capacity, self._capacity * _VERTICES_PER_CELL
            self.output = (
                np.empty((vertices, FLOATS)),
                np.empty((vertices, INTEGERS), dtype=np.int64),
                np.zeros(capacity + 1, dtype=np.int64),
                np.empty(capacity, dtype=np.int64),
                np.empty((capacity, table.words), dtype=np.int64),
                np.empty(capacity, dtype=np.int64),
            )
        if (units, width, table.words, self._scale) == self._scratch_for:
            return
        self._scratch_for = (units, width, table.words, self._scale)
        arena = 4096 * self._scale * (width + 1)
        levels = (units + 2) * max(width, 1)
        self.scratch = (
            np.empty((arena, FLOATS)),
            np.empty((arena, INTEGERS), dtype=np.int64),
            np.empty((arena, FLOATS)),
            np.empty((arena, INTEGERS), dtype=np.int64),
            np.empty(arena, dtype=np.int8),
            np.empty((8, levels), dtype=np.int64),
            np.empty((levels, table.words), dtype=np.int64),
            np.empty(4 * units * self._scale + 64, dtype=np.int64),
            (screening_flags(len(table.breakpoints), table.units), np.empty((units, 7))),
            np.empty(COUNTERS, dtype=np.int64),
        )

    def grow(self, need: int) -> None:
        """Make room after a cell that did not fit: four times the output, or four times the scratch memory."""
        if need == FULL_OUTPUT:
            self._capacity *= 4
        else:
            self._scale *= 4


@dataclass(frozen=True)
class Polygons(Cutting[PolygonWork]):
    """Convex polygons, counter-clockwise: `offsets` (cells + 1), and rows as `polygon_kernels` describes them."""

    offsets: np.ndarray
    floats: np.ndarray
    integers: np.ndarray
    form_of: np.ndarray
    dirty: np.ndarray

    def __len__(self) -> int:
        """Number of cells."""
        return self.offsets.shape[0] - 1

    def run_kernel(
        self,
        first: int,
        forms: np.ndarray,
        table: CutTable,
        doubtful: np.ndarray,
        mode: int,
        work: PolygonWork,
        counters: np.ndarray,
    ) -> None:
        """Call the kernel on the cells from `first` on."""
        cells = (self.offsets, self.floats, self.integers, self.form_of, self.dirty)
        output = work.output if mode == KEEP else (*work.output[:3], work.tallies[0], work.output[4], work.tallies[1])
        rest = (table.first_row, table.bits, doubtful, mode, output, work.scratch, counters)
        if table.groups is not None:
            cut_by_winner(first, cells, forms, table.groups, table.bounds[:, 0], table.totals[0], *rest)
        else:
            cut_by_sign(first, cells, forms, table.breakpoints, table.bounds, table.totals, *rest)

    def finished(self, work: PolygonWork, counters: np.ndarray) -> tuple[Polygons, np.ndarray, np.ndarray]:
        """What the kernel wrote: cells, the parent of each, and their packed pieces."""
        n, v = counters[CELLS_OUT], counters[VERTICES_OUT]
        floats, integers, offsets, parent, words, dirty = work.output
        cells = Polygons(offsets[: n + 1], floats[:v], integers[:v], np.arange(n), dirty[:n])
        return cells, parent[:n], words[:n]

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

    @staticmethod
    def joined(batches: Sequence[Polygons]) -> Polygons:
        """The cells of several batches, one after the other, each with a row of forms of its own."""
        sizes = np.concatenate([np.diff(batch.offsets) for batch in batches])
        return Polygons(
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate([batch.floats for batch in batches]),
            np.concatenate([batch.integers for batch in batches]),
            np.arange(len(sizes)),
            np.concatenate([batch.dirty for batch in batches]),
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

    def incidence(self, cell: int) -> list[int]:
        """Nothing, as facets follow the vertices."""
        return []

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
        return Geometry.polygonal(
            self.offsets, self.floats[:, :2], self.floats[:, 2], self.integers[:, 0], self.integers[:, 1]
        )


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


def polygon_centroids(offsets: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Centers of mass of such polygons, (polygons, 2); the mean of the vertices where the area is 0.

    Example:
        >>> polygon_centroids(np.array([0, 3]), np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])).tolist()
        [[1.0, 1.0]]
    """
    if offsets.shape[0] == 1:
        return np.zeros((0, 2))
    starts = vertices[offsets[:-1]]
    here = vertices - np.repeat(starts, np.diff(offsets), axis=0)
    after = np.arange(1, vertices.shape[0] + 1)
    after[offsets[1:] - 1] = offsets[:-1]
    cross = here[:, 0] * here[after, 1] - here[after, 0] * here[:, 1]
    twice = np.add.reduceat(cross, offsets[:-1])[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        center = np.add.reduceat((here + here[after]) * cross[:, None], offsets[:-1], axis=0) / (3.0 * twice)
    mean = np.add.reduceat(here, offsets[:-1], axis=0) / np.diff(offsets)[:, None]
    return starts + np.where(np.isfinite(center), center, mean)
