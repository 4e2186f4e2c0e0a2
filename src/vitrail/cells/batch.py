"""What every kind of cell offers to an engine: a batch that can be cut by the units of one op."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb
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
    from `first_row` on: breakpoint * units + unit, or (unit * candidates + winner) * candidates + other. `last` says
    that nothing cuts the children any more.
    """

    breakpoints: np.ndarray
    groups: np.ndarray | None
    bounds: np.ndarray
    first_row: int
    bits: int
    last: bool = False

    @cached_property
    def totals(self) -> np.ndarray:
        """Bounds of the values for |t| <= 1, shape (breakpoints or 1, forms)."""
        return self.bounds.sum(axis=0)

    @property
    def hyperplanes(self) -> int:
        """How many numbers the hyperplanes take."""
        return self.breakpoints.size if self.groups is None else self.groups.size * self.groups.shape[1]

    def most_children(self, dimension: int) -> int:
        """An upper bound on the children of one cell: the regions of that many hyperplanes in general position.

        Sum over j <= k of binomial(hyperplanes, j) (Zaslavsky 1975); one hyperplane for each breakpoint, and for each
        pair of candidates.

        Example:
            >>> table = CutTable(np.zeros((1, 3)), None, np.zeros((3, 1, 3)), 0, 1)
            >>> table.most_children(2), table.most_children(3)
            (7, 8)
        """
        if self.groups is None:
            hyperplanes = int(np.isfinite(self.breakpoints).sum())
        else:
            hyperplanes = sum(comb(int(candidates), 2) for candidates in (self.groups >= 0).sum(axis=1))
        return sum(comb(hyperplanes, j) for j in range(dimension + 1))

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
    memory of the cut: they are valid until the next children are asked for. `rehearsed` is how many children the parent
    at `done` is known to have where they are still to come.
    """

    cells: CellBatch
    parent: np.ndarray
    words: np.ndarray
    undecided: int
    done: int
    rehearsed: int = 0


@dataclass(frozen=True)
class Tally:
    """Children counted but not made: per parent, how many more, and how many of them an undecided sign touched."""

    children: np.ndarray
    dirty: np.ndarray
    undecided: int


@dataclass(frozen=True)
class Geometry:
    """Finished cells, flat arrays: `offsets` (cells + 1), `vertices` (total, k) and their `errors`, and the facets.

    Facets have `facet_offsets` (cells + 1), and `sources` and `cuts` (facets,): the hyperplane that made it, negative
    on the domain's boundary, and the number of the cut with its side, -1 where there is none. Bit i of `incidence`
    (total, words) says that a vertex lies on facet i of its cell. Intervals and polygons have no words: there facet i
    is the end i, or the edge that leaves vertex i. Cells without vertices have `witnesses` (cells, k) instead, and
    `unproven` (facets,): whether a facet may be none, but a hyperplane that touches the cell.
    """

    offsets: np.ndarray
    vertices: np.ndarray
    errors: np.ndarray
    facet_offsets: np.ndarray
    sources: np.ndarray
    cuts: np.ndarray
    incidence: np.ndarray
    witnesses: np.ndarray | None = None
    unproven: np.ndarray | None = None

    @classmethod
    def polygonal(
        cls, offsets: np.ndarray, vertices: np.ndarray, errors: np.ndarray, sources: np.ndarray, cuts: np.ndarray
    ) -> Geometry:
        """Intervals or polygons, whose facets follow their vertices."""
        return cls(offsets, vertices, errors, offsets, sources, cuts, np.zeros((len(vertices), 0), dtype=np.int64))

    def columns(self) -> dict[str, np.ndarray]:
        """The same as arrays whose rows may simply be joined with those of other cells."""
        columns = {"sizes": np.diff(self.offsets), "vertices": self.vertices, "errors": self.errors}
        columns |= {"sources": self.sources, "cuts": self.cuts}
        if self.facet_offsets is not self.offsets:
            columns |= {"facet_sizes": np.diff(self.facet_offsets), "incidence": self.incidence}
        beside = {"witnesses": self.witnesses, "unproven": self.unproven}
        return columns | {name: array for name, array in beside.items() if array is not None}

    @classmethod
    def from_columns(cls, take: Callable[[str, np.ndarray], np.ndarray], dimension: int) -> Geometry:
        """The cells of joined columns; `take` gives one by its name, or what stands for none of it."""
        none, points = np.zeros(0, dtype=np.int64), np.zeros((0, dimension))
        offsets = _offsets(take("sizes", none))
        facet_sizes = take("facet_sizes", none)
        vertices, witnesses = take("vertices", points), take("witnesses", points)
        incidence = take("incidence", np.zeros((len(vertices), 0), dtype=np.int64))
        return cls(
            offsets,
            vertices,
            take("errors", np.zeros(0)),
            _offsets(facet_sizes) if facet_sizes.size else offsets,
            take("sources", none),
            take("cuts", none),
            incidence,
            witnesses if len(witnesses) else None,
            take("unproven", np.zeros(0, dtype=bool)) if len(witnesses) else None,
        )


def _offsets(sizes: np.ndarray) -> np.ndarray:
    """Where the rows of each of some cells begin, and where the last end."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


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
        self,
        forms: np.ndarray,
        table: CutTable,
        work: Any,
        doubtful: np.ndarray = NO_DOUBTS,
        most: int | None = None,
    ) -> Iterator[Children]:
        """Cut every cell by every unit; forms have shape (rows, k + 1, units).

        With a place per cell in `doubtful`, int64, a cell with an undecided sign is marked there and has no children.
        Where a cell has more than `most` children, it may end with as many of them and leave the rest undone.
        """

    def compile(self, forms: np.ndarray, table: CutTable, work: Any) -> None:
        """Compile the kernels for such forms and a table, or load them, without cutting anything."""

    def tally(self, forms: np.ndarray, table: CutTable, work: Any, doubtful: np.ndarray = NO_DOUBTS) -> Iterator[Tally]:
        """Count the children of every cell without making them; yields what was counted since the last time.

        `doubtful` as for `cut`; what was counted of a cell that is marked in the end means nothing.
        """

    def take(self, start: int, stop: int) -> CellBatch:
        """The cells from `start` to `stop`, a view."""

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Centers and half widths, each (cells, k), of boxes that hold the true cells; infinite where unbounded."""

    def labels(self, cell: int) -> list[tuple[int, int]]:
        """The hyperplane and the cut of each facet of a cell; negative hyperplanes are sides of the domain."""

    def incidence(self, cell: int) -> list[int]:
        """The facets through each vertex of a cell as bit masks; none where they follow from the vertices' order."""

    def with_exact(self, exact: Sequence[Any], order: np.ndarray) -> CellBatch:
        """These cells and exact ones, rounded, in the order given by numbers into both, one after the other."""

    def joined(self, batches: Sequence[Any]) -> CellBatch:
        """The cells of several batches of this kind, one after the other, each with a row of forms of its own."""

    def copy(self) -> CellBatch:
        """The same cells in memory of their own."""

    def with_forms(self, form_of: np.ndarray) -> CellBatch:
        """The same cells with other rows of forms."""

    def geometry(self) -> Geometry:
        """The cells as finished geometry, in scaled frame coordinates."""
