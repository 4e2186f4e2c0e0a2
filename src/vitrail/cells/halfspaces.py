"""A batch of convex cells by their halfspaces, any dimension, bounded or not; no vertices are ever enumerated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitrail.cells.batch import CutTable, Geometry
from vitrail.cells.cutting import CELLS_OUT, COUNTERS, FULL_OUTPUT, KEEP, VERTICES_OUT, Cutting
from vitrail.cells.exact_halfspaces import ExactHalfspaces
from vitrail.cells.halfspace_cut import cut_by_sign
from vitrail.cells.halfspace_facets import facets_of_cells
from vitrail.cells.halfspace_kernels import CHUNK, make_probe
from vitrail.cells.halfspace_winner import cut_by_winner
from vitrail.cells.simplex import inner_point, row_columns, row_rounding

__all__ = ["HalfspaceWork", "Halfspaces"]

_ROWS_PER_CELL = 4
_LEVELS = 64
_FINISHED = 2**17


class HalfspaceWork:
    """Preallocated memory of a cutting loop over cells of halfspaces; it grows when a cell does not fit."""

    def __init__(self, dimension: int, capacity: int = 1024) -> None:
        """Room for `capacity` children at first."""
        self.next_cut = 0
        self.dimension = dimension
        self._capacity = capacity
        self._scale = 1
        self._rows = 0
        self._output_for: tuple[int, ...] = ()
        self._scratch_for: tuple[int, ...] = ()
        self.tallies = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def prepare(self, table: CutTable, parents: int, rows: int) -> None:
        """Make the arrays for one op and cells of at most `rows` rows, unless they are there already."""
        width = 0 if table.groups is None else table.groups.shape[1]
        asked = max(table.breakpoints.size, table.units, 1) * max(width, 1) + width
        n, rows = self.dimension, max(-(-rows // 16) * 16, self._rows)
        self._rows = rows
        levels = min(asked, _LEVELS * self._scale) + 2 * width + 2
        deepest = rows + min(asked, levels * max(width, 1)) + 1
        if len(self.tallies[0]) < parents:
            self.tallies = (np.zeros(parents, dtype=np.int64), np.zeros(parents, dtype=np.int64))
        key = (table.words, deepest, self._capacity)
        if key != self._output_for:
            # few at a time where each takes long, to look at the budget in between
            self._output_for, capacity = key, min(self._capacity, max(4, _FINISHED // n**3))
            total = max(capacity * _ROWS_PER_CELL * n, deepest)
            self.output = (
                np.empty((total, n + 2)),
                np.empty((total, 2), dtype=np.int64),
                np.zeros(capacity + 1, dtype=np.int64),
                np.empty(capacity, dtype=np.int64),
                np.empty((capacity, table.words), dtype=np.int64),
                np.empty(capacity, dtype=np.int64),
                np.empty((capacity, n)),
            )
        if (asked, width, table.words, rows, self._scale) == self._scratch_for:
            return
        self._scratch_for = (asked, width, table.words, rows, self._scale)
        self.scratch = (
            (
                np.empty((levels, n + 2, deepest)),
                np.empty((levels, deepest, 2), dtype=np.int64),
                np.empty((levels, n)),
                np.empty((4, levels), dtype=np.int64),
                np.empty((levels, table.words), dtype=np.int64),
            ),
            np.empty((n + 2, asked)),
            np.empty(asked, dtype=np.int64),
            np.empty(4 * asked * self._scale + CHUNK, dtype=np.int64),
            make_probe(n, deepest),
            np.empty(deepest, dtype=np.int64),
            np.empty(4, dtype=np.int64),
            np.empty(COUNTERS, dtype=np.int64),
        )

    def grow(self, need: int) -> None:
        """Make room after a cell that did not fit: four times the output, or four times the scratch memory."""
        if need == FULL_OUTPUT:
            self._capacity *= 4
        else:
            self._scale *= 4


@dataclass(frozen=True)
class Halfspaces(Cutting[HalfspaceWork]):
    """Convex cells, each {t : all its rows >= 0}, a struct of arrays.

    `offsets` (cells + 1), `floats` (rows, k + 2), `integers` (rows, 2), `points` (cells, k).

    A row of `floats` holds the coefficients of an affine function, scaled by a power of two to the largest slope in
    [1/2, 1), and a threshold, which its value at an inner point of the true cell exceeds (see `simplex`). Its row of
    `integers` is (source, cut). A few rows may be implied by the others. `points` are inner points of the true cells,
    NaN where none is proven: such cells are not decided in floating point. `bounded` says that |t| <= 1.
    """

    offsets: np.ndarray
    floats: np.ndarray
    integers: np.ndarray
    points: np.ndarray
    form_of: np.ndarray
    dirty: np.ndarray
    bounded: bool

    @classmethod
    def root(cls, sides: np.ndarray, bounded: bool, count: int = 1) -> Halfspaces:
        """`count` times the domain {t : all sides >= 0}; sides (m, k + 1) are exact, side i has the source -1 - i.

        Example:
            >>> square = np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, -1.0]])
            >>> cells = Halfspaces.root(square, bounded=True)
            >>> len(cells), cells.labels(0)[-1], cells.points.tolist()
            (1, (-4, -1), [[0.0, 0.0]])
        """
        floats = row_columns(sides, np.zeros(len(sides))).T
        labels = np.stack([-1 - np.arange(len(sides)), np.full(len(sides), -1)], axis=1)
        point = inner_point(np.ascontiguousarray(floats.T), bounded)
        return cls(
            len(sides) * np.arange(count + 1),
            np.tile(floats, (count, 1)),
            np.tile(labels, (count, 1)).astype(np.int64),
            np.tile(point, (count, 1)),
            np.arange(count),
            np.zeros(count, dtype=np.int64),
            bounded,
        )

    @staticmethod
    def joined(batches: Sequence[Halfspaces]) -> Halfspaces:
        """The cells of several batches, one after the other, each with a row of forms of its own."""
        sizes = [np.diff(batch.offsets) for batch in batches]
        count = sum(len(batch) for batch in batches)
        return Halfspaces(
            np.concatenate([[0], np.cumsum(np.concatenate(sizes))]),
            np.concatenate([batch.floats for batch in batches]),
            np.concatenate([batch.integers for batch in batches]),
            np.concatenate([batch.points for batch in batches]),
            np.arange(count),
            np.concatenate([batch.dirty for batch in batches]),
            batches[0].bounded,
        )

    def __len__(self) -> int:
        """Number of cells."""
        return self.offsets.shape[0] - 1

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return self.points.shape[1]

    @property
    def most_rows(self) -> int:
        """The largest number of rows of a cell."""
        return int(np.diff(self.offsets).max(initial=1))

    @property
    def effort(self) -> int:
        """A few linear programs, k^2 for each pivot."""
        return 16 + 4 * self.dimension**2

    def run_kernel(
        self,
        first: int,
        forms: np.ndarray,
        table: CutTable,
        doubtful: np.ndarray,
        mode: int,
        work: HalfspaceWork,
        counters: np.ndarray,
    ) -> None:
        """Call the kernel on the cells from `first` on."""
        cells = (self.offsets, self.floats, self.integers, self.points, self.form_of, self.dirty)
        out = work.output
        output = out if mode == KEEP else (*out[:3], work.tallies[0], out[4], work.tallies[1], out[6])
        numbers = (table.first_row, table.bits, self.bounded)
        rest = (numbers, row_rounding(self.dimension), doubtful, mode, output, work.scratch, counters)
        if table.groups is not None:
            cut_by_winner(first, cells, forms, table.groups, table.bounds[:, 0], table.totals[0], *rest)
        else:
            cut_by_sign(first, cells, forms, table.breakpoints, table.bounds, table.totals, *rest)

    def finished(self, work: HalfspaceWork, counters: np.ndarray) -> tuple[Halfspaces, np.ndarray, np.ndarray]:
        """What the kernel wrote: cells, the parent of each, and their packed pieces."""
        n, v = counters[CELLS_OUT], counters[VERTICES_OUT]
        floats, integers, offsets, parent, words, dirty, points = work.output
        bounds = (np.arange(n), dirty[:n], self.bounded)
        cells = Halfspaces(offsets[: n + 1], floats[:v], integers[:v], points[:n], *bounds)
        return cells, parent[:n], words[:n]

    def take(self, start: int, stop: int) -> Halfspaces:
        """The cells from `start` to `stop`."""
        low, high = self.offsets[start], self.offsets[stop]
        return Halfspaces(
            self.offsets[start : stop + 1] - low,
            self.floats[low:high],
            self.integers[low:high],
            self.points[start:stop],
            self.form_of[start:stop],
            self.dirty[start:stop],
            self.bounded,
        )

    def copy(self) -> Halfspaces:
        """The same cells in memory of their own."""
        return Halfspaces(
            self.offsets.copy(),
            self.floats.copy(),
            self.integers.copy(),
            self.points.copy(),
            self.form_of.copy(),
            self.dirty.copy(),
            self.bounded,
        )

    def with_forms(self, form_of: np.ndarray) -> Halfspaces:
        """The same cells with other rows of forms."""
        return replace(self, form_of=form_of)

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """The whole domain's box for every cell: [-1, 1]^k, or infinite half widths."""
        return np.zeros(self.points.shape), np.full(self.points.shape, 1.0 if self.bounded else np.inf)

    def labels(self, cell: int) -> list[tuple[int, int]]:
        """What made each row."""
        rows = self.integers[self.offsets[cell] : self.offsets[cell + 1]]
        return [(int(source), int(cut)) for source, cut in rows]

    def incidence(self, cell: int) -> list[int]:
        """No vertices are known."""
        return []

    def with_exact(self, exact: Sequence[ExactHalfspaces], order: np.ndarray) -> Halfspaces:
        """These cells and exact ones, rounded."""
        floats, integers, points = [self.floats], [self.integers], [self.points]
        for cell in exact:
            rows, labels, point = cell.rounded(self.bounded)
            floats.append(rows)
            integers.append(labels)
            points.append(point[None])
        sizes = np.concatenate([np.diff(self.offsets), [len(rows) for rows in floats[1:]]]).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        offsets = np.concatenate([[0], np.cumsum(sizes[order])])
        # rows of the cells in their new order
        which = np.repeat(starts[:-1][order] - offsets[:-1], sizes[order]) + np.arange(offsets[-1])
        count = len(order)
        return Halfspaces(
            offsets,
            np.concatenate(floats)[which],
            np.concatenate(integers)[which],
            np.concatenate(points)[order],
            np.arange(count),
            np.zeros(count, dtype=np.int64),
            self.bounded,
        )

    def facets(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What bounds each cell: offsets (cells + 1), and per facet its source, its cut and whether it is proven.

        A proven facet has a point beyond it where no other row is negative. Rows that are proven to be implied by the
        others are left out; a row that is neither is kept, with False.

        Example:
            >>> sides = np.array([[1.0, 1.0], [1.0, -1.0], [3.0, 1.0]])
            >>> [part.tolist() for part in Halfspaces.root(sides, bounded=True).facets()]
            [[0, 2], [-1, -2], [-1, -1], [True, True]]
        """
        state = np.empty(len(self.floats), dtype=np.int64)
        rows, n = self.most_rows, self.dimension
        memory = (np.empty((n + 2, rows)), make_probe(n, rows), np.empty((rows, n)))
        facets_of_cells(self.offsets, self.floats, self.points, self.bounded, memory, state)
        kept = np.flatnonzero(state != 0)
        before = np.concatenate([[0], np.cumsum(state != 0)])
        return before[self.offsets], self.integers[kept, 0], self.integers[kept, 1], state[kept] > 0

    def geometry(self) -> Geometry:
        """The cells as finished geometry, in scaled frame coordinates: facets and inner points, but no vertices."""
        offsets, sources, cuts, proven = self.facets()
        none = np.zeros((0, self.dimension))
        return Geometry(
            np.zeros(len(self) + 1, dtype=np.int64),
            none,
            none[:, 0],
            offsets,
            sources,
            cuts,
            np.zeros((0, 0), dtype=np.int64),
            self.points,
            ~proven,
        )
