"""What every kind of cell offers to an engine: a batch that can be cut by the units of one op."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from vitrail.patterns import words_for

__all__ = ["NO_DOUBTS", "CellBatch", "Children", "CutTable", "CutWork", "Geometry", "Tally"]


NO_DOUBTS = np.zeros(0, dtype=np.int64)
"""What to pass for `doubtful` where undecided signs are only counted."""


@dataclass(frozen=True)
class CutTable:
    """How the forms of one op decide its pieces, and how far their signs can be trusted.

    `breakpoints` has shape (breakpoints, units): piece p of a unit is the number of its breakpoints below the form.
    For a maximum it is empty, and `groups` has shape (units, candidates): indices into the forms, -1 for none; the
    piece is the winner. `bounds` has shape (k + 1, breakpoints or 1, forms): the error bound of a form's value at t is
    bounds[0] + bounds[1] |t1| + ...; `totals` are their sums, which hold for |t| <= 1. Every hyperplane has a number
    from `first_row` on: breakpoint * units + unit, or (unit * candidates + winner) * candidates + other.
    """

    breakpoints: np.ndarray
    groups: np.ndarray | None
    bounds: np.ndarray
    first_row: int
    bits: int

    @cached_property
    def totals(self) -> np.ndarray:
        """Bounds of the values for |t| <= 1, shape (breakpoints or 1, forms)."""
        return self.bounds.sum(axis=0)

    @property
    def hyperplanes(self) -> int:
        """How many numbers the hyperplanes take."""
        return self.breakpoints.size if self.groups is None else self.groups.size * self.groups.shape[1]

    def unit_of(self, rows: np.ndarray) -> np.ndarray:
        """The unit of each hyperplane, counted from the op's first."""
        if self.groups is None:
            return (rows - self.first_row) % max(self.units, 1)
        return (rows - self.first_row) // self.groups.shape[1] ** 2

    @property
    def units(self) -> int:
        """Number of units of the op."""
        return self.breakpoints.shape[1] if self.groups is None else self.groups.shape[0]

    @property
    def words(self) -> int:
        """Words of the packed pieces of one cell."""
        return words_for(self.units, self.bits)

    @property
    def rows(self) -> int:
        """Sign decisions that one cell asks for: breakpoints, or candidates beyond the first of each group."""
        return self.breakpoints.size if self.groups is None else int((self.groups >= 0).sum()) - len(self.groups)


@dataclass(frozen=True)
class Children:
    """Children of some parents: their cells, the parent of each (not decreasing), its packed pieces; undecided signs.

    They are all the children of the parents before `done` that were not given out before. The arrays belong to the work
    memory of the cut: they are valid until the next children are asked for.
    """

    cells: CellBatch
    parent: np.ndarray
    words: np.ndarray
    undecided: int
    done: int


@dataclass(frozen=True)
class Tally:
    """Children counted but not made: per parent, their number and how many of them an undecided sign touched."""

    children: np.ndarray
    dirty: np.ndarray
    undecided: int


@dataclass(frozen=True)
class Geometry:
    """Finished cells, flat arrays: `offsets` (cells + 1), `vertices` (total, k) `errors`, and what made the edges.

    `sources` and `cuts` (total,) belong to the edge that leaves a vertex, on a line to the end itself: the unit,
    negative on the domain's boundary, and the number of the cut with its side, -1 where there is none.
    """

    offsets: np.ndarray
    vertices: np.ndarray
    errors: np.ndarray
    sources: np.ndarray
    cuts: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[Geometry], dimension: int) -> Geometry:
        """The cells of all parts, in order; no parts give no cells."""
        none = np.zeros(0, dtype=np.int64)
        empty = cls(np.zeros(1, dtype=np.int64), np.zeros((0, dimension)), np.zeros(0), none, none)
        parts = [empty, *parts]
        sizes = np.concatenate([np.diff(part.offsets) for part in parts])
        return cls(
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.errors for part in parts]),
            np.concatenate([part.sources for part in parts]),
            np.concatenate([part.cuts for part in parts]),
        )


class CutWork(Protocol):
    """Preallocated memory of one cutting loop, and the number of the next cut."""

    next_cut: int


class CellBatch(Protocol):
    """A batch of convex cells, a struct of arrays; `work` is the memory that belongs to its kind of cell."""

    @property
    def form_of(self) -> np.ndarray:
        """Row of the forms that belongs to each cell, shape (cells,)."""

    @property
    def dirty(self) -> np.ndarray:
        """1 where an undecided sign touched the cell or an ancestor of it, shape (cells,)."""

    def __len__(self) -> int:
        """Number of cells."""

    def cut(
        self, forms: np.ndarray, table: CutTable, work: Any, doubtful: np.ndarray = NO_DOUBTS
    ) -> Iterator[Children]:
        """Cut every cell by every unit; forms have shape (rows, k + 1, units).

        With a place per cell in `doubtful`, int64, a cell with an undecided sign is marked there and has no children.
        """

    def tally(self, forms: np.ndarray, table: CutTable, work: Any, doubtful: np.ndarray = NO_DOUBTS) -> Tally:
        """Count the children of every cell without making them; `doubtful` as for `cut`."""

    def take(self, start: int, stop: int) -> CellBatch:
        """The cells from `start` to `stop`, a view."""

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Centers and half widths, each (cells, k), of boxes that hold the true cells; infinite where unbounded."""

    def labels(self, cell: int) -> list[tuple[int, int]]:
        """The hyperplane and the cut of each facet of a cell; negative hyperplanes are sides of the domain."""

    def with_exact(self, exact: Sequence[Any], order: np.ndarray) -> CellBatch:
        """These cells and exact ones, rounded, in the order given by numbers into both, one after the other."""

    def copy(self) -> CellBatch:
        """The same cells in memory of their own."""

    def with_forms(self, form_of: np.ndarray) -> CellBatch:
        """The same cells with other rows of forms."""

    def geometry(self) -> Geometry:
        """The cells as finished geometry, in scaled frame coordinates."""
