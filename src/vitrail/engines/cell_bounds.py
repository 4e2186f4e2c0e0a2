"""What bounds some regions: their rows, which of them are one hyperplane, and which of these are facets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vitrail.engines.along import Along
from vitrail.engines.cell_facets import FACET, IMPLIED, OPEN, CellRows, decide_exactly, examine
from vitrail.engines.cell_rows import Groups, RegionRows, Sides, group_rows, rows_of
from vitrail.engines.plan import Plan
from vitrail.engines.wide_facets import WIDE, examine_sides, examine_wide

__all__ = ["CellBounds", "Decided", "bounds_of", "bounds_of_rows", "decide", "grouped_rows"]


@dataclass(frozen=True, eq=False)
class Decided:
    """Whether each of some groups is a facet: `states` (groups,), and how that is known.

    `points` (cells, k) lie inside the cells, `beyond` (groups, k) beyond each facet, where only its own row is
    negative; NaN where none is proven. `exact` groups were left to exact arithmetic. Groups of the cells `dirty` are
    still open. Where `is_wide`, sides of the domain were not asked about, but taken as facets.
    """

    states: np.ndarray
    points: np.ndarray
    beyond: np.ndarray
    exact: int
    dirty: np.ndarray
    is_wide: bool


@dataclass(frozen=True, eq=False)
class CellBounds:
    """The rows of some cells, grouped by hyperplanes, and the state of each group, all of which were asked about."""

    rows: RegionRows
    groups: Groups
    decided: Decided
    is_exact: bool

    @property
    def doubted(self) -> np.ndarray:
        """Cells of which floating point could not tell what their rows are, some of them twice."""
        return np.concatenate([self.rows.doubted, self.groups.doubted])

    @property
    def facets(self) -> np.ndarray:
        """The groups that are facets."""
        return np.flatnonzero(self.decided.states == FACET)

    def side_states(self) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the sides around the one cell, and their states, a facet only with a proof."""
        first = self.groups.first
        is_side = self.rows.numbers[first] < 0
        states, point = self.decided.states, self.decided.points[0]
        if self.decided.is_wide:
            states = np.full(first.size, OPEN)
            if not np.isnan(point).any():
                states = examine_sides(
                    self.rows.values[first], self.rows.errors[first], is_side, self.rows.sides.limits, point
                )
        return -1 - self.rows.numbers[first[is_side]], states[is_side]

    @property
    def exact(self) -> int:
        """How often exact arithmetic was asked."""
        return self.decided.exact + (self.rows.asked + self.groups.asked if self.is_exact else 0)

    @property
    def undecided(self) -> int:
        """How many questions are open."""
        return self.rows.open + self.groups.open + int((self.decided.states == OPEN).sum())


def bounds_of(plan: Plan, along: Along, sides: Sides, words: np.ndarray) -> CellBounds:
    """What bounds the cells with the packed patterns (cells, words)."""
    return bounds_of_rows(*grouped_rows(plan, along, sides, words), len(words))


def grouped_rows(plan: Plan, along: Along, sides: Sides, words: np.ndarray) -> tuple[RegionRows, Groups]:
    """The rows of cells with these packed patterns, and which of them are one hyperplane: exactly, if forms are."""
    rows = rows_of(plan, along, sides, words)
    return rows, group_rows(rows, _is_exact(rows))


def bounds_of_rows(rows: RegionRows, groups: Groups, count: int) -> CellBounds:
    """The same from the rows of `count` cells."""
    exact = _is_exact(rows)
    decided = decide(rows, groups, np.arange(groups.first.size), count, exact)
    return CellBounds(rows, groups, decided, exact)


def _is_exact(rows: RegionRows) -> bool:
    return not rows.decidings or rows.decidings[0].exact is not None


def decide(
    rows: RegionRows, groups: Groups, chosen: np.ndarray, count: int, exact: bool, asked: np.ndarray | None = None
) -> Decided:
    """Which of the `chosen` groups, increasing, are facets of what these alone leave of each of `count` cells.

    `asked` is a mask (chosen,): where many rows make it worth while only these groups are asked about.
    """
    # groups are numbered in the order of their first rows, hence of the cells
    first = groups.first[chosen]
    values, errors, cells = rows.values[first], rows.errors[first], rows.cells[first]
    offsets = np.searchsorted(cells, np.arange(count + 1))
    wide = rows.sides.bounded and values.size > WIDE * count
    if wide:
        states, points, beyond = _wide(rows, first, offsets, asked)
    else:
        found = examine(offsets, values, errors, rows.sides.bounded)
        states, points, beyond = found.states, found.points, found.beyond
    open_cells = np.unique(cells[states == OPEN]) if exact and not wide else np.zeros(0, dtype=np.int64)
    own = np.flatnonzero(np.isin(cells, open_cells) & (states != IMPLIED))
    left = int((states[own] == OPEN).sum())
    forms = rows.forms(first[own]) if own.size else []
    ends = np.searchsorted(cells[own], [*open_cells, count])
    for cell, a, b in zip(open_cells.tolist(), ends[:-1], ends[1:], strict=True):
        part = own[a:b]
        hints = CellRows.of(values[part], errors[part])
        states[part], points[cell] = decide_exactly(forms[a:b], states[part], points[cell], hints)
    return Decided(states, points, beyond, left, cells[states == OPEN], wide)


def _wide(
    rows: RegionRows, first: np.ndarray, offsets: np.ndarray, asked: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States, points and points beyond for cells of many rows in many dimensions, one after the other."""
    values, errors, is_side = rows.values[first], rows.errors[first], rows.numbers[first] < 0
    states, points, beyond = [], [], np.full((first.size, values.shape[1] - 1), np.nan)
    for a, b in pairwise(offsets.tolist()):
        wanted = None if asked is None else asked[a:b]
        found, point = examine_wide(
            values[a:b], errors[a:b], is_side[a:b], rows.sides.limits, asked=wanted, beyond=beyond[a:b]
        )
        states.append(found)
        points.append(point)
    return np.concatenate(states), np.stack(points), beyond
