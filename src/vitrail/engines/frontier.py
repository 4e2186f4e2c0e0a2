"""Cutting the cells before a stage: in floating point, with bounds of their own where signs are open, then exactly."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from vitrail.cells.batch import Children, CutTable
from vitrail.engines.budget import Budget
from vitrail.engines.carry import Carrier
from vitrail.engines.exact import ExactCutter, Uncut
from vitrail.engines.found import Found, Wants
from vitrail.engines.plan import Plan
from vitrail.engines.sharper import Sharper
from vitrail.status import Arithmetic

__all__ = ["Frontier", "Means", "all_children", "tally_children"]


@dataclass(frozen=True)
class Means:
    """What a search works with: the plan, the memory, sharper bounds, the exact arithmetic, and what to keep."""

    plan: Plan
    carrier: Carrier
    sharper: Sharper
    cutter: ExactCutter
    wants: Wants


@dataclass(frozen=True)
class Frontier:
    """Cells before the cut of a stage, their forms and the table that decides their pieces.

    `sharp` says that the bounds are those of these cells, and cannot be made smaller.
    """

    means: Means
    uncut: Uncut
    forms: np.ndarray
    table: CutTable
    sharp: bool

    def sharpened(self, which: np.ndarray) -> Iterator[tuple[np.ndarray, Frontier | None]]:
        """Some of the cells, batch by batch, with forms and bounds of their own; None where that is not to be had.

        Before the first stage is nothing to sharpen.
        """
        uncut = self.uncut
        filtered = self.means.plan.arithmetic is Arithmetic.FILTERED
        if self.sharp or not filtered or uncut.number == 0:
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
            yield own, Frontier(self.means, again, forms, table, sharp=True)
            start = part.stop


def all_children(frontier: Frontier, budget: Budget, found: Found) -> Generator[Children, None, bool]:
    """The children of all cells; returns whether the budget ended before they were all there."""
    number, doubtful, done = frontier.uncut.number, _doubtful(frontier), 0
    for children in _float_children(frontier, doubtful, budget.remaining[0]):
        if children.rehearsed:
            found.know(number, frontier.uncut.frames[children.done], children.rehearsed)
        which = done + np.flatnonzero(doubtful[done : children.done])
        done = children.done
        ended = not len(children.cells) and budget.spent()
        if which.size:
            children, ended = _with_doubtful(frontier, which, children, budget, found)
        if len(children.cells):
            yield children
        if ended:
            return True
    return done < len(frontier.uncut.cells)  # more children than the budget has regions


def _with_doubtful(
    frontier: Frontier, which: np.ndarray, children: Children, budget: Budget, found: Found
) -> tuple[Children, bool]:
    """Children with those of doubtful cells, in the order of their parents; and whether the budget ended before all.

    They are cut again with sharper bounds, and exactly where these do not decide either.
    """
    batches = list(frontier.sharpened(which))
    parts, ended = [_copied(children)], False
    for own, again in batches:
        if again is not None and not ended:
            cutting = all_children(again, budget, found)
            while True:
                try:
                    more = next(cutting)
                except StopIteration as end:
                    ended = end.value
                    break
                parts.append(replace(_copied(more), parent=own[more.parent]))
    children = _in_order(parts)
    exact = np.concatenate([own for own, again in batches if again is None] or [which[:0]])
    if exact.size and not ended:
        children, ended = _with_exact(frontier, exact, children, budget, found)
    return children, ended


def _copied(children: Children) -> Children:
    """The same children in memory of their own."""
    return replace(children, cells=children.cells.copy(), parent=children.parent.copy(), words=children.words.copy())


def _in_order(parts: Sequence[Children]) -> Children:
    """Several children, whose parents differ, in the order of the parents."""
    if len(parts) == 1:
        return parts[0]
    parent = np.concatenate([part.parent for part in parts])
    order = np.argsort(parent, kind="stable")
    cells = parts[0].cells.joined([part.cells for part in parts]).with_exact([], order)
    words = np.concatenate([part.words for part in parts])[order]
    return Children(cells, parent[order], words, sum(part.undecided for part in parts), parts[0].done)


def _with_exact(
    frontier: Frontier, which: np.ndarray, children: Children, budget: Budget, found: Found
) -> tuple[Children, bool]:
    """The children with those of some cells that are cut exactly; and whether the budget ended before all were."""
    means, number = frontier.means, frontier.uncut.number
    work = means.carrier.work[number]
    cuts = count(work.next_cut)
    parts = means.cutter.cut(frontier.uncut, which, cuts, budget)
    work.next_cut = next(cuts)
    found.exact += which.size * means.plan.stages[number].table.rows
    return ExactCutter.children(parts, children), parts.ended


def _doubtful(frontier: Frontier) -> np.ndarray:
    """A place per cell to mark it as one for exact arithmetic, or none where that is not asked for."""
    arithmetic, cells = frontier.means.plan.arithmetic, len(frontier.uncut.cells)
    return np.full(0 if arithmetic is Arithmetic.FLOAT else cells, arithmetic is Arithmetic.EXACT, dtype=np.int64)


def _float_children(frontier: Frontier, doubtful: np.ndarray, most: int | None) -> Iterator[Children]:
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


def tally_children(frontier: Frontier, budget: Budget, found: Found) -> tuple[np.ndarray, np.ndarray, bool]:
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
            counted[own], _, ended = tally_children(again, budget, found)
        else:
            parts = means.cutter.cut(frontier.uncut, own, count(work.next_cut), budget)
            counted += np.bincount(parts.parents, minlength=len(counted))
            found.exact += own.size * frontier.table.rows
            ended = parts.ended
        if ended or budget.ends(int(counted.sum())):
            return counted, dirty, True
    return counted, dirty, False
