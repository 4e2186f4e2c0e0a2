"""Refine: run the network once on a batch of regions, cutting the regions where a unit switches, depth first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from vitrail.cells.batch import CellBatch, Children
from vitrail.engines.budget import Budget
from vitrail.engines.carry import Carrier
from vitrail.engines.plan import Plan

__all__ = ["Found", "Pending", "Wants", "expand", "refine"]


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
        return cls(-1, Children(cells, np.arange(count), nothing, 0), {0: forms}, np.arange(count), nothing, count)

    def take(self, start: int, stop: int) -> Pending:
        """The children from `start` to `stop`, a view."""
        cells, parent = self.children.cells.take(start, stop), self.children.parent[start:stop]
        children = Children(cells, parent, self.children.words[start:stop], 0)
        return Pending(self.stage, children, self.live, self.root[start:stop], self.history[start:stop], self.roots)


class Found:
    """What a search found: finished cells as arrays, or counts only, and the account of its decisions."""

    def __init__(self, roots: int, stages: int) -> None:
        """Nothing yet."""
        self.per_stage = np.zeros((stages, roots), dtype=np.int64)
        self.regions = np.zeros(roots, dtype=np.int64)
        self.dirty = np.zeros(roots, dtype=np.int64)
        self.undecided = 0
        self.decisions = 0
        self.complete = True
        self.batches: list[tuple[CellBatch, np.ndarray, np.ndarray, np.ndarray | None]] = []

    def count_stage(self, stage: int, root: np.ndarray) -> None:
        """Add children made by one stage."""
        self.per_stage[stage] += np.bincount(root, minlength=self.regions.size)

    def add(self, other: Found) -> None:
        """Take over what another search found, in order."""
        self.per_stage += other.per_stage
        self.regions += other.regions
        self.dirty += other.dirty
        self.undecided += other.undecided
        self.decisions += other.decisions
        self.complete = self.complete and other.complete
        self.batches += other.batches


def expand(plan: Plan, pending: Pending, wants: Wants, carrier: Carrier, found: Found) -> list[Pending]:
    """Carry children through one stage and copy what comes out: the breadth-first step that makes tasks."""
    result = []
    for part in _advance(plan, pending, wants, carrier, Budget(None, None), found):
        children = Children(part.children.cells.copy(), part.children.parent.copy(), part.children.words.copy(), 0)
        # the prologue's forms are new, those of a stage lie in the carrier's memory
        live = part.live if pending.stage < 0 else {node: forms.clone() for node, forms in part.live.items()}
        result.append(replace(part, children=children, live=live))
    return result


def refine(plan: Plan, start: Pending, wants: Wants, carrier: Carrier, budget: Budget, found: Found) -> None:
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
        last = pending.stage + 1 == len(plan.stages)
        if last and not wants.maps:
            _finish(pending, wants, None, budget, found)
        else:
            stack.append(_advance(plan, pending, wants, carrier, budget, found))


def _advance(
    plan: Plan, pending: Pending, wants: Wants, carrier: Carrier, budget: Budget, found: Found
) -> Iterator[Pending]:
    """The children's children, chunk by chunk."""
    size = carrier.chunk
    total = len(pending.children.cells)
    pieces = max(1, -(-total // size))
    for p in range(pieces):
        part = pending.take(p * total // pieces, (p + 1) * total // pieces)
        if budget.spent():
            found.complete = False
            return
        live = carrier.carry(plan, part.stage, part.live, part.children)
        history = np.concatenate([part.history, part.children.words], axis=1) if wants.patterns else part.history
        number = part.stage + 1
        if number == len(plan.stages):
            maps = carrier.output(plan, live)
            _finish(part, wants, maps, budget, found)
            continue
        stage = plan.stages[number]
        cells = part.children.cells.with_forms(np.arange(len(part.children.cells)))
        forms = Carrier.stage_forms(plan, number, live)
        found.decisions += stage.table.rows * len(cells)
        work = carrier.work[number]
        if not wants.geometry and number + 1 == len(plan.stages):
            tally = cells.tally(forms, stage.table, work)
            found.undecided += tally.undecided
            made = int(tally.children.sum())
            allowed = budget.allow(made)
            # a budget that ends here counts the children of the first cells only
            counted = tally.children
            if allowed < made:
                counted = np.diff(np.minimum(np.cumsum(counted), allowed), prepend=0)
                found.complete = False
            regions = _per_root(part.root, counted, found)
            found.per_stage[number] += regions
            found.regions += regions
            found.dirty += _per_root(part.root, np.minimum(tally.dirty, counted), found)
            continue
        for children in cells.cut(forms, stage.table, work):
            found.undecided += children.undecided
            root = part.root[children.parent]
            found.count_stage(number, root)
            yield Pending(number, children, live, root, history[children.parent], part.roots)


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
        history = pending.history
        if wants.patterns:
            history = np.concatenate([history, pending.children.words], axis=1)
        found.batches.append(
            (cells.copy(), pending.root.copy(), history.copy() if history.base is not None else history, maps)
        )


def _per_root(root: np.ndarray, weights: np.ndarray | None, found: Found) -> np.ndarray:
    """Sums per frame; exact, as the counts stay far below 2^53."""
    if found.regions.size == 1:
        return np.array([root.size if weights is None else weights.sum()], dtype=np.int64)
    return np.bincount(root, weights=weights, minlength=found.regions.size).astype(np.int64)
