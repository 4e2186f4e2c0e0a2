"""What batches of polygons, polytopes and halfspaces share: calling a cutting kernel until all cells are cut.

A kernel keeps its place in the work memory. A cell whose children fill the output is first rehearsed, without making
them, so that an undecided sign or a lack of memory shows before any child is given out; then they come in parts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from vitrail.cells.batch import NO_DOUBTS, Children, CutTable, Tally

__all__ = [
    *("CELLS_DONE", "CELLS_OUT", "COUNT", "COUNTERS", "DIRTY_OUT", "FACETS_OUT", "FULL_BITS", "FULL_OUTPUT"),
    *("FULL_SCRATCH", "KEEP", "LISTED", "MOST", "NEXT_CUT", "REHEARSE", "RESUME", "UNDECIDED", "VERTICES_OUT"),
    *("WORK_FULL", "Cutting", "KernelWork"),
]

COUNTERS = 11
"""Length of a kernel's counters: see `polygon_cut`."""

(CELLS_DONE, CELLS_OUT, VERTICES_OUT, NEXT_CUT, UNDECIDED, DIRTY_OUT, WORK_FULL, FACETS_OUT, RESUME, LISTED, MOST) = (
    range(COUNTERS)
)
"""Positions in the vector of counters that a kernel reads and updates.

WORK_FULL says what was too small. RESUME is 1 + the node to go on from in the first cell, 0 to begin it; LISTED what
else a kernel needs for that. MOST is the number of cells after which to pause, 0 for never.
"""

COUNT, KEEP, REHEARSE = range(3)
"""What a kernel does with children: count them, write them, or count them with all that writing would need."""

FULL_OUTPUT, FULL_SCRATCH, FULL_BITS = range(3)
"""What was too small: the memory for children, for the nodes of a cell's tree, or for the bits of its facets."""

_WORK = 2**20
"""What may be done between two looks at the budget, in units of the simplest child."""


class KernelWork(Protocol):
    """Work memory of a cutting kernel."""

    next_cut: int
    tallies: tuple[np.ndarray, np.ndarray]

    def prepare(self, table: CutTable, parents: int, rows: int) -> None:
        """Make the memory for one op, so many parents to tally, and cells of so many rows, unless it is there."""

    def grow(self, need: int) -> None:
        """Make more of what was too small."""


Work = TypeVar("Work", bound=KernelWork)


class Cutting(ABC, Generic[Work]):
    """Cells that a kernel cuts; a kind of cell says how to call it and what its output is."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of cells."""

    @abstractmethod
    def take(self, start: int, stop: int) -> Cutting[Work]:
        """The cells from `start` to `stop`."""

    @abstractmethod
    def run_kernel(
        self,
        first: int,
        forms: np.ndarray,
        table: CutTable,
        doubtful: np.ndarray,
        mode: int,
        work: Work,
        counters: np.ndarray,
    ) -> None:
        """Call the kernel on the cells from `first` on."""

    @abstractmethod
    def finished(self, work: Work, counters: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
        """What the kernel wrote: cells, the parent of each, and their packed pieces."""

    @property
    def most_rows(self) -> int:
        """The largest number of rows that work memory depends on, 0 if on none."""
        return 0

    @property
    def effort(self) -> int:
        """About how much longer a child takes than the simplest one."""
        return 16

    def cut(
        self,
        forms: np.ndarray,
        table: CutTable,
        work: Work,
        doubtful: np.ndarray = NO_DOUBTS,
        most: int | None = None,
    ) -> Iterator[Children]:
        """Cut every cell by every unit; yields children as the output memory fills."""
        done = 0
        while done < len(self):
            work.prepare(table, 0, self.most_rows)
            counters = _counters(done, work.next_cut, 0, 0)
            self.run_kernel(done, forms, table, doubtful, KEEP, work, counters)
            need, reached = int(counters[WORK_FULL]), int(counters[CELLS_DONE])
            if reached > done:
                done, work.next_cut = reached, int(counters[NEXT_CUT])
                yield self._children(work, counters, done)
            elif need == FULL_OUTPUT:
                ended = 0
                for part in self.take(done, done + 1)._in_parts(forms, table, work, doubtful[done : done + 1], most):
                    ended = part.done
                    yield replace(part, parent=part.parent + done, done=part.done + done)
                if not ended:
                    return
                done += 1
                continue
            if done < len(self) and need != FULL_OUTPUT:
                work.grow(need)

    def compile(self, forms: np.ndarray, table: CutTable, work: Work) -> None:
        """Compile the kernels for such forms and a table, or load them, without cutting anything."""
        work.prepare(table, 1, self.most_rows)
        for mode in (COUNT, KEEP):
            doubtful = np.zeros(len(self), dtype=np.int64)
            self.run_kernel(len(self), forms, table, doubtful, mode, work, _counters(0, work.next_cut, 0, 0))

    def _in_parts(
        self, forms: np.ndarray, table: CutTable, work: Work, doubtful: np.ndarray, most: int | None
    ) -> Iterator[Children]:
        """The children of a single cell that do not fit into the output together, or the first ones if they are many.

        The last ones have `done` 1 if these are all.
        """
        rehearsed = given = resume = listed = done = 0
        whole = False
        for counters, tally in self._paused(forms, table, work, doubtful, REHEARSE):
            rehearsed += int(tally.children[0])
            whole = bool(counters[CELLS_DONE])
            counters[CELLS_OUT] = counters[VERTICES_OUT] = counters[FACETS_OUT] = counters[UNDECIDED] = 0
            if doubtful.any():
                yield self._children(work, counters, 1)
                return
            yield replace(self._children(work, counters, 0), rehearsed=rehearsed)
            if most is not None and rehearsed > most:
                break
        while not done and (whole or given < rehearsed):
            counters = _counters(0, work.next_cut, resume, listed)
            counters[MOST] = np.iinfo(np.int64).max if whole else rehearsed - given
            self.run_kernel(0, forms, table, doubtful, KEEP, work, counters)
            resume, listed, done = int(counters[RESUME]), int(counters[LISTED]), int(counters[CELLS_DONE])
            work.next_cut = int(counters[NEXT_CUT])
            given += int(counters[CELLS_OUT])
            if not done and not counters[CELLS_OUT]:
                # the output does not hold a single child; its size is no concern of the kernel's place
                work.grow(FULL_OUTPUT)
                work.prepare(table, 0, self.most_rows)
            yield self._children(work, counters, done)

    def _children(self, work: Work, counters: np.ndarray, done: int) -> Children:
        cells, parent, words = self.finished(work, counters)
        return Children(cells, parent, words, int(counters[UNDECIDED]), done)

    def _paused(
        self, forms: np.ndarray, table: CutTable, work: Work, doubtful: np.ndarray, mode: int
    ) -> Iterator[tuple[np.ndarray, Tally]]:
        """Count children, with a pause now and then: the kernel's counters, and what it counted since the last one."""
        done = resume = listed = 0
        given = np.zeros((2, len(self)), dtype=np.int64)
        while done < len(self):
            work.prepare(table, len(self), self.most_rows)
            for tally in work.tallies:
                tally[:] = 0
            counters = _counters(done, work.next_cut, resume, listed)
            counters[MOST] = max(1, _WORK // self.effort)
            self.run_kernel(done, forms, table, doubtful, mode, work, counters)
            done, resume, listed = int(counters[CELLS_DONE]), int(counters[RESUME]), int(counters[LISTED])
            found = np.stack([tally[: len(self)] for tally in work.tallies])
            if done < len(self) and not resume:
                # there was no room: all that the cell had counted is taken back, since it is done again
                found[:, done] = -given[:, done]
                work.grow(int(counters[WORK_FULL]))
            given += found
            yield counters, Tally(found[0], found[1], int(counters[UNDECIDED]))

    def tally(
        self, forms: np.ndarray, table: CutTable, work: Work, doubtful: np.ndarray = NO_DOUBTS
    ) -> Iterator[Tally]:
        """Count the children of every cell without making them; yields what was counted since the last time.

        What was counted of a cell that `doubtful` marks in the end means nothing.
        """
        for _, tally in self._paused(forms, table, work, doubtful, COUNT):
            yield tally


def _counters(done: int, next_cut: int, resume: int, listed: int) -> np.ndarray:
    counters = np.zeros(COUNTERS, dtype=np.int64)
    counters[CELLS_DONE], counters[NEXT_CUT], counters[RESUME], counters[LISTED] = done, next_cut, resume, listed
    return counters
