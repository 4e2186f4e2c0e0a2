"""A batch of convex polytopes by their vertices, dimension 3 and more, in frame coordinates scaled so that |x| <= 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitrail.cells.batch import CutTable, Geometry
from vitrail.cells.cutting import (
    CELLS_OUT,
    COUNTERS,
    FACETS_OUT,
    FULL_OUTPUT,
    FULL_SCRATCH,
    KEEP,
    VERTICES_OUT,
    Cutting,
)
from vitrail.cells.exact_polytope import ExactPolytope
from vitrail.cells.polytope_cut import STACK_ROWS, cut_by_sign
from vitrail.cells.polytope_winner import cut_by_winner
from vitrail.cells.screening import screening_flags
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, value_rounding
from vitrail.numerics.predicates import nearest, unit_form

__all__ = ["PolytopeWork", "Polytopes"]

_ARENA = 2048
"""Vertices of all nodes on the stack at first."""

_UNROLLED = 4
"""Dimensions that kernels are compiled for one by one: 1.4 times faster, and 8 s the first time (measured)."""


class PolytopeWork:
    """Preallocated memory of a cutting loop over polytopes of dimension k; it grows when a cell does not fit."""

    def __init__(self, dimension: int, capacity: int = 1024) -> None:
        """Room for `capacity` children at first."""
        self.next_cut = 0
        self.dimension = dimension
        self.words = 1
        self._capacity = capacity
        self._scale = 1
        self._output_for: tuple[int, ...] = ()
        self._scratch_for: tuple[int, ...] = ()
        self.tallies = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def prepare(self, table: CutTable, parents: int, rows: int) -> None:
        """Make the arrays for one op and bits for at least `rows` facets, unless they are there already."""
        k, self.words = self.dimension, max(self.words, -(-rows // 64))
        units = max(table.units, table.breakpoints.size)
        width = 0 if table.groups is None else table.groups.shape[1]
        if len(self.tallies[0]) < parents:
            self.tallies = (np.zeros(parents, dtype=np.int64), np.zeros(parents, dtype=np.int64))
        key = (table.words, self.words, table.last, self._capacity)
        if key != self._output_for:
            self._output_for, capacity = key, self._capacity
            vertices, facets = capacity * 2 ** min(k, 6), capacity * 3 * k
            self.output = (
                np.empty((vertices, k + 1)),
                np.empty((vertices, self.words), dtype=np.int64),
                np.zeros(capacity + 1, dtype=np.int64),
                np.empty(capacity, dtype=np.int64),
                np.empty((capacity, table.words), dtype=np.int64),
                np.empty(capacity, dtype=np.int64),
                np.zeros(capacity + 1, dtype=np.int64),
                np.empty((facets, 0 if table.last else k + 2)),
                np.empty((facets, 2), dtype=np.int64),
            )
        if (units, width, table.words, self.words, self._scale) == self._scratch_for:
            return
        self._scratch_for = (units, width, table.words, self.words, self._scale)
        arena, levels = _ARENA * self._scale * (width + 1), (units + 2) * max(width, 1) + 2
        forms = 2 * levels + 64 * self.words * self._scale
        self.scratch = (
            np.empty((arena, k + 1)),
            np.empty((arena, self.words), dtype=np.int64),
            np.empty((levels, 64 * self.words), dtype=np.int64),
            np.empty((forms, k + 2)),
            np.empty((forms, 2), dtype=np.int64),
            np.empty((2, k)),
            (
                np.empty(arena, dtype=np.int8),
                np.empty(arena),
                np.empty(arena, dtype=np.int64),
                np.empty((arena, k + 1)),
                np.empty((arena, self.words), dtype=np.int64),
                np.empty(self.words, dtype=np.int64),
                np.empty((k, 2 * k)),
                np.empty((k + 1, k + 2)),
            ),
            np.empty((STACK_ROWS, levels), dtype=np.int64),
            np.empty((levels, table.words), dtype=np.int64),
            np.empty(4 * units * self._scale + 64, dtype=np.int64),
            np.empty(self.words, dtype=np.int64),
            screening_flags(len(table.breakpoints), table.units),
            np.empty((max(units, 1), 2 * k + 4)),
            np.empty(COUNTERS, dtype=np.int64),
        )

    def grow(self, need: int) -> None:
        """Make room after a cell that did not fit: for the output, for the nodes of its tree, or for its facets."""
        if need == FULL_OUTPUT:
            self._capacity *= 4
        elif need == FULL_SCRATCH:
            self._scale *= 4
        else:
            self.words *= 2


def _loops(length: int, unrolled: int) -> tuple[int, ...] | np.ndarray:
    """What a kernel takes the length of: a tuple, which it is compiled for anew, or an array of any length."""
    return (0,) * length if length <= unrolled else np.zeros(length, dtype=np.int8)


@dataclass(frozen=True)
class Polytopes(Cutting[PolytopeWork]):
    """Convex polytopes, a struct of arrays; rows as `polytope_kernels` describes them.

    `offsets` and `facet_offsets` (cells + 1); `floats` (vertices, k + 1) and `bits` (vertices, words), bit i of a
    vertex for facet i of its own cell; `facet_floats` (facets, k + 2), or (facets, 0) where nothing cuts the cells any
    more; `facet_integers` (facets, 2).
    """

    offsets: np.ndarray
    floats: np.ndarray
    bits: np.ndarray
    facet_offsets: np.ndarray
    facet_floats: np.ndarray
    facet_integers: np.ndarray
    form_of: np.ndarray
    dirty: np.ndarray

    @classmethod
    def from_exact(cls, cells: Sequence[ExactPolytope], dimension: int) -> Polytopes:
        """Exact cells, rounded."""
        words = max([1, *(-(-len(cell.labels) // 64) for cell in cells)])
        floats: list[list[float]] = []
        bits: list[list[int]] = []
        forms: list[list[float]] = []
        labels: list[tuple[int, int]] = []
        for cell in cells:
            for point, mask in zip(cell.points, cell.incidence, strict=True):
                coordinates, error = nearest(point)
                floats.append([*coordinates, error])
                bits.append(_words(mask, words))
            forms += [[*unit_form(form), EXACT_FORM_ROUNDING * (dimension + 1)] for form in cell.forms]
            labels += cell.labels
        count = len(cells)
        return cls(
            np.cumsum([0, *(len(cell.points) for cell in cells)]),
            np.array(floats).reshape(-1, dimension + 1),
            np.array(bits, dtype=np.int64).reshape(-1, words),
            np.cumsum([0, *(len(cell.labels) for cell in cells)]),
            np.array(forms).reshape(-1, dimension + 2),
            np.array(labels, dtype=np.int64).reshape(-1, 2),
            np.arange(count),
            np.zeros(count, dtype=np.int64),
        )

    def __len__(self) -> int:
        """Number of cells."""
        return self.offsets.shape[0] - 1

    @property
    def dimension(self) -> int:
        """Dimension k of the cells."""
        return self.floats.shape[1] - 1

    @property
    def most_rows(self) -> int:
        """Facets that the bits of these cells' vertices have room for."""
        return 64 * self.bits.shape[1]

    @property
    def effort(self) -> int:
        """Pairs of vertices, 4^k."""
        return 4**self.dimension

    def run_kernel(
        self,
        first: int,
        forms: np.ndarray,
        table: CutTable,
        doubtful: np.ndarray,
        mode: int,
        work: PolytopeWork,
        counters: np.ndarray,
    ) -> None:
        """Call the kernel on the cells from `first` on."""
        k = self.dimension
        axes, parts = _loops(k, _UNROLLED), _loops(work.words, 1)
        vertices = (self.offsets, self.floats, self.bits, self.form_of, self.dirty)
        cells = (*vertices, self.facet_offsets, self.facet_floats, self.facet_integers)
        output = work.output
        if mode != KEEP:
            output = (*output[:3], work.tallies[0], output[4], work.tallies[1], *output[6:])
        rest = (table.first_row, table.bits, doubtful, mode, value_rounding(k), output, work.scratch, counters)
        if table.groups is not None:
            cut_by_winner(axes, parts, first, cells, forms, table.groups, table.bounds[:, 0], table.totals[0], *rest)
        else:
            cut_by_sign(axes, parts, first, cells, forms, table.breakpoints, table.bounds, table.totals, *rest)

    def finished(self, work: PolytopeWork, counters: np.ndarray) -> tuple[Polytopes, np.ndarray, np.ndarray]:
        """What the kernel wrote: cells, the parent of each, and their packed pieces."""
        n, v, f = counters[CELLS_OUT], counters[VERTICES_OUT], counters[FACETS_OUT]
        floats, bits, offsets, parent, words, dirty, facet_offsets, facet_floats, facet_integers = work.output
        facets = (facet_offsets[: n + 1], facet_floats[:f], facet_integers[:f])
        cells = Polytopes(offsets[: n + 1], floats[:v], bits[:v], *facets, np.arange(n), dirty[:n])
        return cells, parent[:n], words[:n]

    def take(self, start: int, stop: int) -> Polytopes:
        """The cells from `start` to `stop`."""
        low, high = self.offsets[start], self.offsets[stop]
        first, last = self.facet_offsets[start], self.facet_offsets[stop]
        return Polytopes(
            self.offsets[start : stop + 1] - low,
            self.floats[low:high],
            self.bits[low:high],
            self.facet_offsets[start : stop + 1] - first,
            self.facet_floats[first:last],
            self.facet_integers[first:last],
            self.form_of[start:stop],
            self.dirty[start:stop],
        )

    @staticmethod
    def joined(batches: Sequence[Polytopes]) -> Polytopes:
        """The cells of several batches, one after the other, each with a row of forms of its own."""
        words = max(batch.bits.shape[1] for batch in batches)
        return Polytopes(
            _joined_offsets([batch.offsets for batch in batches]),
            np.concatenate([batch.floats for batch in batches]),
            np.concatenate([_widened(batch.bits, words) for batch in batches]),
            _joined_offsets([batch.facet_offsets for batch in batches]),
            np.concatenate([batch.facet_floats for batch in batches]),
            np.concatenate([batch.facet_integers for batch in batches]),
            np.arange(sum(len(batch) for batch in batches)),
            np.concatenate([batch.dirty for batch in batches]),
        )

    def copy(self) -> Polytopes:
        """The same cells in memory of their own."""
        return Polytopes(*(values.copy() for values in vars(self).values()))

    def with_forms(self, form_of: np.ndarray) -> Polytopes:
        """The same cells with other rows of forms."""
        return replace(self, form_of=form_of)

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Centers and half widths, widened by the errors and the rounding."""
        starts, k = self.offsets[:-1], self.dimension
        low = np.minimum.reduceat(self.floats[:, :k], starts, axis=0)
        high = np.maximum.reduceat(self.floats[:, :k], starts, axis=0)
        slack = np.maximum.reduceat(self.floats[:, k:], starts, axis=0) + value_rounding(k)
        return 0.5 * (low + high), 0.5 * (high - low) + slack

    def labels(self, cell: int) -> list[tuple[int, int]]:
        """What made each facet."""
        rows = self.facet_integers[self.facet_offsets[cell] : self.facet_offsets[cell + 1]]
        return [(int(source), int(cut)) for source, cut in rows]

    def incidence(self, cell: int) -> list[int]:
        """The facets through each vertex, as bit masks."""
        return [
            sum((int(word) & (2**64 - 1)) << (64 * w) for w, word in enumerate(row))
            for row in self.bits[self.offsets[cell] : self.offsets[cell + 1]]
        ]

    def with_exact(self, exact: Sequence[ExactPolytope], order: np.ndarray) -> Polytopes:
        """These polytopes and exact ones, rounded."""
        more = Polytopes.from_exact(exact, self.dimension)
        words = max(self.bits.shape[1], more.bits.shape[1])
        vertices, offsets = _reordered(self.offsets, more.offsets, order)
        facets, facet_offsets = _reordered(self.facet_offsets, more.facet_offsets, order)
        count = len(order)
        return Polytopes(
            offsets,
            np.concatenate([self.floats, more.floats])[vertices],
            np.concatenate([_widened(self.bits, words), _widened(more.bits, words)])[vertices],
            facet_offsets,
            np.concatenate([self.facet_floats, more.facet_floats[:, : self.facet_floats.shape[1]]])[facets],
            np.concatenate([self.facet_integers, more.facet_integers])[facets],
            np.arange(count),
            np.zeros(count, dtype=np.int64),
        )

    def geometry(self) -> Geometry:
        """The cells as finished geometry, in scaled frame coordinates."""
        k = self.dimension
        sources, cuts = self.facet_integers.T
        return Geometry(
            self.offsets, self.floats[:, :k], self.floats[:, k], self.facet_offsets, sources, cuts, self.bits
        )


def _words(mask: int, words: int) -> list[int]:
    """A bit mask as words of 64 bits, signed as numpy's int64."""
    parts = [(mask >> (64 * w)) & (2**64 - 1) for w in range(words)]
    return [part - 2**64 if part >> 63 else part for part in parts]


def _widened(bits: np.ndarray, words: int) -> np.ndarray:
    """The same bits in more words."""
    return np.pad(bits, ((0, 0), (0, words - bits.shape[1])))


def _joined_offsets(offsets: Sequence[np.ndarray]) -> np.ndarray:
    """Offsets of rows that follow each other."""
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(own) for own in offsets]))])


def _reordered(first: np.ndarray, second: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two joined sets of cells in the new order of their cells, and the new offsets."""
    sizes = np.concatenate([np.diff(first), np.diff(second)]).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    offsets = np.concatenate([[0], np.cumsum(sizes[order])])
    return np.repeat(starts[:-1][order] - offsets[:-1], sizes[order]) + np.arange(offsets[-1]), offsets
