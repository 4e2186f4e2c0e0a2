"""Refine: run the network once on a batch of regions, cutting the regions where a unit switches, depth first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from vitrail.cells.batch import CellBatch, Children
from vitrail.engines.budget import Budget
from vitrail.engines.carry import Carrier
from vitrail.engines.exact import Uncut
from vitrail.engines.found import Found, Wants, per_root
from vitrail.engines.frontier import Frontier, Means, all_children, tally_children

__all__ = ["Pending", "expand", "refine"]


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
        frontier = Frontier(means, uncut, forms, stage.table, sharp=False)
        if not wants.geometry and number + 1 == len(plan.stages):
            _count(frontier, budget, found)
            continue
        for children in _cut(frontier, budget, found):
            found.undecided += children.undecided
            root = part.root[children.parent]
            found.count_stage(number, root)
            yield Pending(number, children, live, root, history[children.parent], part.roots)


def _cut(frontier: Frontier, budget: Budget, found: Found) -> Iterator[Children]:
    """Cut in floating point; where an undecided sign occurs, with sharper bounds, and then exactly."""
    ended = yield from all_children(frontier, budget, found)
    if ended:
        found.complete = False
    else:
        found.expanded[frontier.uncut.number] += per_root(frontier.uncut.frames, None, found)


def _count(frontier: Frontier, budget: Budget, found: Found) -> None:
    """Count the children of the last stage without making them; never more than the budget allows."""
    number = frontier.uncut.number
    counted, dirty, ended = tally_children(frontier, budget, found)
    found.complete = found.complete and not ended
    made = int(counted.sum())
    allowed = budget.allow(made)
    # a budget that ends here counts the children of the first cells only
    if allowed == made and not ended:
        found.expanded[number] += per_root(frontier.uncut.frames, None, found)
    if allowed < made:
        counted = np.diff(np.minimum(np.cumsum(counted), allowed), prepend=0)
        found.complete = False
    regions = per_root(frontier.uncut.frames, counted, found)
    found.per_stage[number] += regions
    found.regions += regions
    found.dirty += per_root(frontier.uncut.frames, np.minimum(dirty, counted), found)


def _finish(pending: Pending, wants: Wants, maps: np.ndarray | None, budget: Budget, found: Found) -> None:
    """Keep finished cells, or only their number; never more than the budget allows."""
    total = len(pending.children.cells)
    allowed = budget.allow(total)
    if allowed < total:
        found.complete = False
        pending = pending.take(0, allowed)
        maps = None if maps is None else maps[:allowed]
    cells = pending.children.cells
    found.regions += per_root(pending.root, None, found)
    found.dirty += per_root(pending.root, cells.dirty, found)
    if wants.geometry:
        found.kept.append(cells.geometry().columns() | {"dirty": cells.dirty.astype(bool)})
        if wants.patterns:
            found.kept.append({"words": np.concatenate([pending.history, pending.children.words], axis=1)})
        if maps is not None:
            found.kept.append({"maps": maps})
