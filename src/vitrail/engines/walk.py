"""Walking from region to region across facets, breadth first from given ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from vitrail.engines.along import Along
from vitrail.engines.budget import Budget
from vitrail.engines.cell_bounds import bounds_of
from vitrail.engines.cell_rows import Sides
from vitrail.engines.exact_forms import batch_size
from vitrail.engines.neighbors import neighbors_across
from vitrail.engines.plan import Plan

__all__ = ["Found", "Limits", "number_cuts", "walk_regions"]

_MOST_CELLS = 512
"""Cells at a time: more gain nothing, and make budgets coarse."""


@dataclass(frozen=True)
class Limits:
    """How far to walk: facets crossed, a budget of regions and one of seconds; and whom to tell."""

    max_distance: int | None
    regions: Budget
    seconds: Budget
    report: Callable[[int, int], None] | None = None


@dataclass
class Found:
    """What a walk found, and the account of it.

    `words` (regions, words), `distances` (regions,) and `points` (regions, k), NaN where none is known, belong to the
    regions whose facets are known, the first of those found. `facet_offsets` (regions + 1,), `facet_rows` (facets,),
    negative on sides of the domain, `facet_signs`, that of the row on the region, and `beyond`, the region on the other
    side, -1 where it is not among them. `known` regions were seen, those behind a limit included.
    """

    words: np.ndarray
    distances: np.ndarray
    points: np.ndarray
    facet_offsets: np.ndarray
    facet_rows: np.ndarray
    facet_signs: np.ndarray
    beyond: np.ndarray
    dirty: np.ndarray
    complete: bool
    decisions: int
    exact: int
    undecided: int
    known: int


@dataclass
class _Walk:
    """The state of a walk; regions are numbered in the order in which they are found."""

    plan: Plan
    along: Along
    sides: Sides
    limits: Limits
    numbers: dict[bytes, int] = field(default_factory=dict)
    words: list[np.ndarray] = field(default_factory=list)
    distances: list[int] = field(default_factory=list)
    points: list[np.ndarray] = field(default_factory=list)
    counts: list[np.ndarray] = field(default_factory=list)
    facets: list[np.ndarray] = field(default_factory=list)
    signs: list[np.ndarray] = field(default_factory=list)
    beyond: list[list[int | bytes]] = field(default_factory=list)
    dirty: set[int] = field(default_factory=set)
    complete: bool = True
    done: int = 0
    decisions: int = 0
    exact: int = 0
    undecided: int = 0

    def add(self, words: np.ndarray, distance: int) -> int | bytes:
        """The number of a region, a new one if it is not known; its key where the limits forbid a new one."""
        key = words.tobytes()
        number = self.numbers.get(key)
        if number is not None:
            return number
        limit = self.limits.max_distance
        if (limit is not None and distance > limit) or not self.limits.regions.allow(1):
            self.complete = False
            return key
        self.numbers[key] = len(self.words)
        self.words.append(words)
        self.distances.append(distance)
        return self.numbers[key]


def walk_regions(plan: Plan, along: Along, sides: Sides, seeds: np.ndarray, limits: Limits) -> tuple[Found, np.ndarray]:
    """All regions that facets connect with those of the packed patterns `seeds` (m, words), and the region of each.

    A seed whose region was not taken, because there were too many, has -1.
    """
    walk = _Walk(plan, along, sides, limits)
    first = [walk.add(words, 0) for words in seeds]
    widest = max((stage.width for stage in plan.stages), default=1)
    batch = min(_MOST_CELLS, batch_size(widest, sides.values.shape[1] - 1))
    while walk.done < len(walk.words):
        if limits.seconds.spent():
            walk.complete = False
            break
        _expand(walk, walk.done, min(len(walk.words), walk.done + batch))
        if limits.report is not None:
            limits.report(walk.done, len(walk.words))
    found = _found(walk, seeds.shape[1])
    numbers = [number if isinstance(number, int) and number < walk.done else -1 for number in first]
    return found, np.array(numbers, dtype=np.int64)


def _expand(walk: _Walk, start: int, stop: int) -> None:
    """Find the facets of some regions, and the regions beyond them."""
    words = np.stack(walk.words[start:stop])
    bounds = bounds_of(walk.plan, walk.along, walk.sides, words)
    rows, groups, facets, doubted = bounds.rows, bounds.groups, bounds.facets, bounds.doubted
    first = groups.first[facets]
    # what is not known to bound a region may hide what is beyond its facets
    crossed = np.flatnonzero((rows.numbers[first] >= 0) & ~np.isin(rows.cells[first], doubted))
    across = neighbors_across(walk.along, words, rows, groups, facets[crossed])
    walk.decisions += rows.cells.size + len(rows.zero)
    walk.exact += bounds.exact
    walk.undecided += bounds.undecided + across.open
    dirty = np.concatenate([doubted, bounds.decided.dirty, rows.cells[first[crossed[across.doubted]]]])
    walk.dirty.update((start + dirty).tolist())
    beyond: list[int | bytes] = [-1] * facets.size
    owners, unknown = rows.cells[first[crossed]].tolist(), set(across.doubted.tolist())
    for place, (facet, cell) in enumerate(zip(crossed.tolist(), owners, strict=True)):
        if place not in unknown:
            beyond[facet] = walk.add(across.words[place], walk.distances[start + cell] + 1)
    walk.points.append(bounds.decided.points)
    walk.counts.append(np.bincount(rows.cells[first], minlength=len(words)))
    walk.facets.append(rows.numbers[first])
    walk.signs.append(rows.signs[first])
    walk.beyond.append(beyond)
    walk.done = stop


def _found(walk: _Walk, width: int) -> Found:
    """The regions whose facets are known."""
    done, dimension = walk.done, walk.sides.values.shape[1] - 1
    none = np.zeros(0, dtype=np.int64)
    counts = np.concatenate([none, *walk.counts])
    beyond = []
    for number in (number for part in walk.beyond for number in part):
        # what was too much when it was seen may have been found later
        known = walk.numbers.get(number, -1) if isinstance(number, bytes) else number
        beyond.append(known if known < done else -1)
    return Found(
        np.array(walk.words[:done], dtype=np.int64).reshape(done, width),
        np.array(walk.distances[:done], dtype=np.int64),
        np.concatenate([np.zeros((0, dimension)), *walk.points]),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([none, *walk.facets]),
        np.concatenate([none, *walk.signs]),
        np.array(beyond, dtype=np.int64),
        np.isin(np.arange(done), list(walk.dirty)),
        walk.complete,
        walk.decisions,
        walk.exact,
        walk.undecided,
        len(walk.numbers.keys() | {key for part in walk.beyond for key in part if isinstance(key, bytes)}),
    )


def number_cuts(found: Found, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cut of each facet, (facets,): 2 c and 2 c + 1 on its two sides, -1 on sides of the domain.

    Of two sides the positive one, or the first, is even. A facet beyond which no region was found has a number of its
    own. Also the facets, `units` (facets,) being the units that make them, that lead to a region from which none of
    that unit leads back: there are none where everything is proven.
    """
    cuts = np.full(units.size, -1, dtype=np.int64)
    inner = np.flatnonzero(found.facet_rows >= 0)
    count = len(found.words)
    own, other = np.repeat(np.arange(count), np.diff(found.facet_offsets))[inner], found.beyond[inner]
    signs = found.facet_signs[inner]
    # the two regions name a facet, as they share one at most
    key = np.where(other < 0, count * count + inner, np.minimum(own, other) * count + np.maximum(own, other))
    _, pair, sizes = np.unique(key, return_inverse=True, return_counts=True)
    order = np.lexsort((-signs, pair))
    again = pair[order[1:]] == pair[order[:-1]]
    second = (sizes[pair] == 1) & (signs < 0)
    second[order[1:]] |= again
    cuts[inner] = 2 * pair + second
    agree = np.zeros(inner.size, dtype=bool)
    same = again & (units[inner][order[1:]] == units[inner][order[:-1]]) & (own[order[1:]] != own[order[:-1]])
    agree[order[1:]] |= same
    agree[order[:-1]] |= same
    return cuts, inner[(other >= 0) & ~(agree & (sizes[pair] == 2))]
