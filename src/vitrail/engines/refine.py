"""Refine: run the network once on a batch of regions, cutting the regions where a unit switches, depth first."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from torch import Tensor

from vitrail.cells.batch import CellBatch, Children, CutTable
from vitrail.cells.interval import Intervals
from vitrail.engines.budget import Budget
from vitrail.engines.carry import Carrier
from vitrail.engines.columns import Columns
from vitrail.engines.exact import ExactCutter, Uncut
from vitrail.engines.plan import Plan
from vitrail.engines.sharper import Sharper
from vitrail.status import Arithmetic

__all__ = ["Found", "Means", "Pending", "Wants", "expand", "refine"]

_VAST = 2**1000
"""An upper bound beyond this says nothing, and is too long to write."""


@dataclass(frozen=True)
class Wants:
    """What a search keeps of each region: nothing but the count, or geometry, with or without patterns and maps."""

    geometry: bool = True
    patterns: bool = True
    maps: bool = False


@dataclass(frozen=True)
class Pending:
    """Children of a stage whose forms are not computed yet: they share their parents'. What a task is made of.

    `live` maps a node to the parents' forms (rows, k + 1, *shape), for every node that is still read; `root` is the
    frame that each child lies in, of `roots` frames; `history` the packed pieces of the stages before this one, shape
    (children, words). The whole domain is the child of stage -1, which is what comes before the first piecewise op.
    """

    stage: int
    children: Children
    live: dict[int, Tensor]
    root: np.ndarray
    history: np.ndarray
    roots: int

    @classmethod
    def start(cls, cells: CellBatch, forms: Tensor) -> Pending:
        """One cell per frame, and the forms of the input (frames, k + 1, *input_shape)."""
        count = len(cells)
        nothing = np.zeros((count, 0), dtype=np.int64)
        return cls(
            -1, Children(cells, np.arange(count), nothing, 0, count), {0: forms}, np.arange(count), nothing, count
        )

    def take(self, start: int, stop: int) -> Pending:
        """The children from `start` to `stop`, a view."""
        cells, parent = self.children.cells.take(start, stop), self.children.parent[start:stop]
        children = Children(cells, parent, self.children.words[start:stop], 0, stop - start)
        return Pending(self.stage, children, self.live, self.root[start:stop], self.history[start:stop], self.roots)


class Found:
    """What a search found: finished cells as columns, or counts only, and the account of its decisions.

    `kept` are the columns of `Geometry`, and `dirty`, `words` and `maps`, as far as they are wanted. Of the `decisions`
    signs, `exact` were decided from exact forms and `undecided` not at all. `per_stage` (stages, frames) are cells that
    a stage made, `expanded` those that it has cut completely, and `known` those that it is known to make of one cell.
    """

    def __init__(self, roots: int, stages: int, kept: Columns | None = None) -> None:
        """Nothing yet; `kept` is memory to keep it in."""
        self.per_stage = np.zeros((stages, roots), dtype=np.int64)
        self.expanded = np.zeros((stages, roots), dtype=np.int64)
        self.known = np.zeros((stages, roots), dtype=np.int64)
        self.regions = np.zeros(roots, dtype=np.int64)
        self.dirty = np.zeros(roots, dtype=np.int64)
        self.undecided = 0
        self.exact = 0
        self.decisions = 0
        self.complete = True
        self.kept = Columns() if kept is None else kept

    def count_stage(self, stage: int, root: np.ndarray) -> None:
        """Add children made by one stage."""
        self.per_stage[stage] += np.bincount(root, minlength=self.regions.size)

    def know(self, stage: int, root: int, children: int) -> None:
        """A cell is known to have so many children, which are still to come."""
        self.known[stage, root] = max(self.known[stage, root], children)

    def lower_bounds(self) -> list[int]:
        """What the number of regions of each frame is at least, if all signs were decided.

        The cells after each stage do not overlap, and every one of them holds a region.
        """
        rows = [self.regions, *self.per_stage, *self.known]
        return [int(number) for number in np.max(rows, axis=0)]

    def upper_bounds(self, plan: Plan, dimension: int) -> list[int]:
        """What the number of regions of each frame cannot exceed, if all signs were decided; 0 where that is vast.

        Those found, and for every cell that was not cut completely the most children it can have at each stage to come.
        """
        most, bounds = 1, [int(number) for number in self.regions]
        for number in range(len(plan.stages) - 1, -1, -1):
            if number + 1 == len(plan.stages):
                bounds = [b + int(m) for b, m in zip(bounds, self.per_stage[number] - self.regions, strict=True)]
            most *= plan.stages[number].table.most_children(dimension)
            entering = self.per_stage[number - 1] if number else np.ones_like(self.regions)
            open_cells = entering - self.expanded[number]
            bounds = [b + most * int(cells) for b, cells in zip(bounds, open_cells, strict=True)]
        return [bound if bound < _VAST else 0 for bound in bounds]

    def add(self, other: Found) -> None:
        """Take over what another search found, in order."""
        self.per_stage += other.per_stage
        self.expanded += other.expanded
        self.known = np.maximum(self.known, other.known)
        self.regions += other.regions
        self.dirty += other.dirty
        self.undecided += other.undecided
        self.exact += other.exact
        self.decisions += other.decisions
        self.complete = self.complete and other.complete
        self.kept.extend(other.kept)


@dataclass(frozen=True)
class Means:
    """What a search works with: the plan, the memory, sharper bounds, the exact arithmetic, and what to keep."""

    plan: Plan
    carrier: Carrier
    sharper: Sharper
    cutter: ExactCutter
    wants: Wants


def expand(means: Means, pending: Pending, budget: Budget, found: Found) -> Iterator[Pending]:
    """Carry children through one stage and copy what comes out: the breadth-first step that makes tasks."""
    for part in _advance(means, pending, budget, found):
        cells = part.children.cells.copy()
        children = Children(cells, part.children.parent.copy(), part.children.words.copy(), 0, len(cells))
        # the prologue's forms are new, those of a stage lie in the carrier's memory
        live = part.live if pending.stage < 0 else {node: forms.clone() for node, forms in part.live.items()}
        yield replace(part, children=children, live=live)


def refine(means: Means, start: Pending, budget: Budget, found: Found) -> None:
    """Carry the children of `start` through the remaining stages, depth first in chunks; add what is found.

    At any moment one chunk per stage is in memory. Stops early, and says so, when the budget is spent.
    """
    stack: list[Iterator[Pending]] = [iter([start])]
    while stack:
        pending = next(stack[-1], None)
        if pending is None:
            stack.pop()
            continue
        if budget.spent():
            found.complete = False
            return
        last = pending.stage + 1 == len(means.plan.stages)
        if last and not means.wants.maps:
            _finish(pending, means.wants, None, budget, found)
        else:
            stack.append(_advance(means, pending, budget, found))


def _advance(means: Means, pending: Pending, budget: Budget, found: Found) -> Iterator[Pending]:
    """The children's children, chunk by chunk."""
    plan, carrier, wants = means.plan, means.carrier, means.wants
    size = carrier.chunk
    total = len(pending.children.cells)
    pieces = max(1, -(-total // size))
    for p in range(pieces):
        part = pending.take(p * total // pieces, (p + 1) * total // pieces)
        if budget.spent():
            found.complete = False
            return
        live = carrier.carry(plan, part.stage, part.live, part.children)
        # exact arithmetic needs the pattern even where nobody asks for it
        history = np.concatenate([part.history, part.children.words], axis=1)
        number = part.stage + 1
        if number == len(plan.stages):
            maps = carrier.output(plan, live)
            _finish(part, wants, maps, budget, found)
            continue
        stage = plan.stages[number]
        cells = part.children.cells.with_forms(np.arange(len(part.children.cells)))
        forms = Carrier.stage_forms(plan, number, live)
        found.decisions += stage.table.rows * len(cells)
        uncut = Uncut(number, cells, part.root, history)
        frontier = _Frontier(means, uncut, forms, stage.table, sharp=False)
        if not wants.geometry and number + 1 == len(plan.stages):
            _count(frontier, budget, found)
            continue
        for children in _cut(frontier, budget, found):
            found.undecided += children.undecided
            root = part.root[children.parent]
            found.count_stage(number, root)
            yield Pending(number, children, live, root, history[children.parent], part.roots)


@dataclass(frozen=True)
class _Frontier:
    """Cells before the cut of a stage, their forms and the table that decides their pieces.

    `sharp` says that the bounds are those of these cells, and cannot be made smaller.
    """

    means: Means
    uncut: Uncut
    forms: np.ndarray
    table: CutTable
    sharp: bool

    def sharpened(self, which: np.ndarray) -> Iterator[tuple[np.ndarray, _Frontier | None]]:
        """Some of the cells, batch by batch, with forms and bounds of their own; None where that is not to be had.

        On a line children stay in their order, so that cells are not cut again; before the first stage is nothing to
        sharpen.
        """
        uncut = self.uncut
        filtered = self.means.plan.arithmetic is Arithmetic.FILTERED
        if self.sharp or not filtered or uncut.number == 0 or isinstance(uncut.cells, Intervals):
            yield which, None
            return
        start = 0
        batches = self.means.sharper.batches(uncut.number, uncut.frames[which], uncut.history[which])
        for batch in batches:
            if batch is None:
                yield which[start:], None
                return
            part, forms, table = batch
            own = which[part]
            cells = uncut.cells.with_exact([], own)
            again = Uncut(uncut.number, cells, uncut.frames[own], uncut.history[own])
            yield own, _Frontier(self.means, again, forms, table, sharp=True)
            start = part.stop


def _cut(frontier: _Frontier, budget: Budget, found: Found) -> Iterator[Children]:
    """Cut in floating point; where an undecided sign occurs, with sharper bounds, and then exactly."""
    ended = yield from _all_children(frontier, budget, found)
    if ended:
        found.complete = False
    else:
        found.expanded[frontier.uncut.number] += _per_root(frontier.uncut.frames, None, found)


def _all_children(frontier: _Frontier, budget: Budget, found: Found) -> Generator[Children, None, bool]:
    """The children of all cells; returns whether the budget ended before they were all there."""
    number, doubtful, done = frontier.uncut.number, _doubtful(frontier), 0
    for children in _float_children(frontier, doubtful, budget.remaining[0]):
        if children.rehearsed:
            found.know(number, frontier.uncut.frames[children.done], children.rehearsed)
        which = done + np.flatnonzero(doubtful[done : children.done])
        done = children.done
        batches = list(frontier.sharpened(which)) if which.size else []
        exact = np.concatenate([own for own, again in batches if again is None] or [which[:0]])
        ended = not len(children.cells) and budget.spent()
        if exact.size:
            children, ended = _with_exact(frontier, exact, children, budget, found)
        if len(children.cells):
            yield children
        if ended:
            return True
        for own, again in batches:
            if again is not None:
                ended = yield from _renamed(_all_children(again, budget, found), own)
                if ended:
                    return True
    return done < len(frontier.uncut.cells)  # more children than the budget has regions


def _renamed(parts: Generator[Children, None, bool], numbers: np.ndarray) -> Generator[Children, None, bool]:
    """The same children with other numbers for their parents; returns the same."""
    while True:
        try:
            part = next(parts)
        except StopIteration as end:
            return bool(end.value)
        yield replace(part, parent=numbers[part.parent])


def _with_exact(
    frontier: _Frontier, which: np.ndarray, children: Children, budget: Budget, found: Found
) -> tuple[Children, bool]:
    """The children with those of some cells that are cut exactly; and whether the budget ended before all were."""
    means, number = frontier.means, frontier.uncut.number
    work = means.carrier.work[number]
    cuts = count(work.next_cut)
    parts = means.cutter.cut(frontier.uncut, which, cuts, budget)
    work.next_cut = next(cuts)
    found.exact += which.size * means.plan.stages[number].table.rows
    return ExactCutter.children(parts, children), parts.ended


def _doubtful(frontier: _Frontier) -> np.ndarray:
    """A place per cell to mark it as one for exact arithmetic, or none where that is not asked for."""
    arithmetic, cells = frontier.means.plan.arithmetic, len(frontier.uncut.cells)
    return np.full(0 if arithmetic is Arithmetic.FLOAT else cells, arithmetic is Arithmetic.EXACT, dtype=np.int64)


def _float_children(frontier: _Frontier, doubtful: np.ndarray, most: int | None) -> Iterator[Children]:
    """What floating point makes of the cells: nothing where everything is to be exact."""
    plan, number, cells = frontier.means.plan, frontier.uncut.number, frontier.uncut.cells
    table, work = frontier.table, frontier.means.carrier.work[number]
    if plan.arithmetic is not Arithmetic.EXACT:
        yield from cells.cut(frontier.forms, table, work, doubtful, most)
        return
    size = frontier.means.cutter.forms.batch
    for done in range(0, len(cells), size):
        nothing = np.zeros((0, table.words), dtype=np.int64)
        yield Children(cells.take(0, 0), nothing[:, 0], nothing, 0, min(done + size, len(cells)))


def _count(frontier: _Frontier, budget: Budget, found: Found) -> None:
    """Count the children of the last stage without making them; never more than the budget allows."""
    number = frontier.uncut.number
    counted, dirty, ended = _tally(frontier, budget, found)
    found.complete = found.complete and not ended
    made = int(counted.sum())
    allowed = budget.allow(made)
    # a budget that ends here counts the children of the first cells only
    if allowed == made and not ended:
        found.expanded[number] += _per_root(frontier.uncut.frames, None, found)
    if allowed < made:
        counted = np.diff(np.minimum(np.cumsum(counted), allowed), prepend=0)
        found.complete = False
    regions = _per_root(frontier.uncut.frames, counted, found)
    found.per_stage[number] += regions
    found.regions += regions
    found.dirty += _per_root(frontier.uncut.frames, np.minimum(dirty, counted), found)


def _tally(frontier: _Frontier, budget: Budget, found: Found) -> tuple[np.ndarray, np.ndarray, bool]:
    """Children of each cell, how many of them an undecided sign touched, and whether the budget ended before all."""
    means, number, cells = frontier.means, frontier.uncut.number, frontier.uncut.cells
    work, doubtful = means.carrier.work[number], _doubtful(frontier)
    counted, dirty = np.zeros(len(cells), dtype=np.int64), np.zeros(len(cells), dtype=np.int64)
    exact = means.plan.arithmetic is Arithmetic.EXACT
    for tally in () if exact else cells.tally(frontier.forms, frontier.table, work, doubtful):
        counted, dirty = counted + tally.children, dirty + tally.dirty
        found.undecided += tally.undecided
        if budget.ends(int(counted[doubtful == 0].sum() if doubtful.size else counted.sum())):
            return counted, dirty, True
    which = np.flatnonzero(doubtful)
    counted[which] = 0
    for own, again in frontier.sharpened(which) if which.size else ():
        if again is not None:
            counted[own], _, ended = _tally(again, budget, found)
        else:
            parts = means.cutter.cut(frontier.uncut, own, count(work.next_cut), budget)
            counted += np.bincount(parts.parents, minlength=len(counted))
            found.exact += own.size * frontier.table.rows
            ended = parts.ended
        if ended or budget.ends(int(counted.sum())):
            return counted, dirty, True
    return counted, dirty, False


def _finish(pending: Pending, wants: Wants, maps: np.ndarray | None, budget: Budget, found: Found) -> None:
    """Keep finished cells, or only their number; never more than the budget allows."""
    total = len(pending.children.cells)
    allowed = budget.allow(total)
    if allowed < total:
        found.complete = False
        pending = pending.take(0, allowed)
        maps = None if maps is None else maps[:allowed]
    cells = pending.children.cells
    found.regions += _per_root(pending.root, None, found)
    found.dirty += _per_root(pending.root, cells.dirty, found)
    if wants.geometry:
        found.kept.append(cells.geometry().columns() | {"dirty": cells.dirty.astype(bool)})
        if wants.patterns:
            found.kept.append({"words": np.concatenate([pending.history, pending.children.words], axis=1)})
        if maps is not None:
            found.kept.append({"maps": maps})


def _per_root(root: np.ndarray, weights: np.ndarray | None, found: Found) -> np.ndarray:
    """Sums per frame; exact, as the counts stay far below 2^53."""
    if found.regions.size == 1:
        return np.array([root.size if weights is None else weights.sum()], dtype=np.int64)
    return np.bincount(root, weights=weights, minlength=found.regions.size).astype(np.int64)
