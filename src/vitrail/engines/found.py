"""What a search keeps, and the account of what it did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.engines.columns import Columns
from vitrail.engines.plan import Plan

__all__ = ["Found", "Wants", "per_root"]

_VAST = 2**1000
"""An upper bound beyond this says nothing, and is too long to write."""


@dataclass(frozen=True)
class Wants:
    """What a search keeps of each region: nothing but the count, or geometry, with or without patterns and maps."""

    geometry: bool = True
    patterns: bool = True
    maps: bool = False


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


def per_root(root: np.ndarray, weights: np.ndarray | None, found: Found) -> np.ndarray:
    """Sums per frame; exact, as the counts stay far below 2^53."""
    if found.regions.size == 1:
        return np.array([root.size if weights is None else weights.sum()], dtype=np.int64)
    return np.bincount(root, weights=weights, minlength=found.regions.size).astype(np.int64)
