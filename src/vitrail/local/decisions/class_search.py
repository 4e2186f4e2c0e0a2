"""The classes that are predicted somewhere inside a region: for each a point, or a proof that there is none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vitrail.local.constraints import Constraints
from vitrail.local.decisions.inside import Inside
from vitrail.local.decisions.outputs import Outputs

__all__ = ["ClassSearch", "proven_slacks"]


@dataclass(frozen=True, eq=False)
class ClassSearch:
    """What is known of the classes: `points` inside at which a class is proven to be the largest, by class.

    `undecided` are those without such a point or a proof that there is none; `far` are those of them without a point
    within reach. `known` keeps the answers of `rivals`.
    """

    inside: Inside
    outputs: Outputs
    prediction: int
    points: dict[int, np.ndarray] = field(default_factory=dict)
    undecided: set[int] = field(default_factory=set)
    far: set[int] = field(default_factory=set)
    known: dict[int, np.ndarray | None] = field(default_factory=dict)

    @classmethod
    def of(cls, inside: Inside, outputs: Outputs, prediction: int) -> ClassSearch:
        """Settle every class, as far as proofs are found."""
        found = cls(inside, outputs, prediction)
        found._settle()
        return found

    def rivals(self, winner: int) -> np.ndarray | None:
        """The classes that may be above a class somewhere in the limits; None if one is above, or first, everywhere."""
        if winner not in self.known:
            low, high = self.outputs.leads(winner)
            equal = self.outputs.same == self.outputs.same[winner]
            beaten = self.outputs.same[winner] < winner or ((high < 0.0) & ~equal).any()
            self.known[winner] = None if beaten else np.flatnonzero(~(low > 0.0) & ~equal)
        return self.known[winner]

    def above(self, winner: int, others: np.ndarray | list[int]) -> Constraints:
        """The rows that say that a class is not below others."""
        return self.outputs.above(winner, others)

    def _settle(self) -> None:
        candidates = [winner for winner in range(len(self.outputs)) if self.rivals(winner) is not None]
        if not self.inside.radius > 0.0:
            self.undecided.update(candidates)
            return
        for point in self._first_points():
            winner = int(self.outputs.same[self.outputs.at(point[None])[0].argmax()])
            if winner in candidates and winner not in self.points and self._largest(self._cuts(winner), point):
                self.points[winner] = point
        for winner in candidates:
            if winner not in self.points:
                self._find(winner, self._cuts(winner))

    def _cuts(self, winner: int) -> Constraints:
        rivals = self.rivals(winner)
        return self.above(winner, np.zeros(0, dtype=np.int64) if rivals is None else rivals)

    def _first_points(self) -> list[np.ndarray]:
        """The center, and a point next to the region's own that is strictly inside, with the class predicted there."""
        center, point, own = self.inside.center, self.inside.point, self._cuts(self.prediction)
        lead = float((own.offsets - own.normals @ point).min(initial=np.inf))
        away = float(np.linalg.norm(center - point))
        share = 0.5 * min(1.0, lead / away) if away > 0.0 and lead > 0.0 else 1.0
        return [center, point + share * (center - point)]

    def _find(self, winner: int, cuts: Constraints) -> None:
        if not len(cuts.normals):
            self.points[winner] = self.inside.center
            return
        weights = np.ones(len(cuts.normals))
        point, none = self.inside.highest(cuts, weights, self.inside.center, lambda y: self._largest(cuts, y))
        if point is not None:
            self.points[winner] = point
            return
        if none and self.inside.within.bounded:
            return
        self.undecided.add(winner)
        if none:
            self.far.add(winner)

    def _largest(self, cuts: Constraints, point: np.ndarray) -> bool:
        """Whether a point is proven to be strictly inside, and in all rows of a class."""
        return self.strictly_inside(point, 0.0) and bool((proven_slacks(cuts, point) > 0.0).all())

    def strictly_inside(self, point: np.ndarray, room: float) -> bool:
        """Whether a point is proven to be farther than `room` from every row of the region and domain."""
        return bool((self.inside.within.proven_distances(point) > room).all())


def proven_slacks(cuts: Constraints, point: np.ndarray) -> np.ndarray:
    """Proven lower bounds of how far a point is inside each row."""
    return cuts.proven_distances(point)[: len(cuts.normals)]
