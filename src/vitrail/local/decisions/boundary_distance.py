"""The nearest point of a decision boundary inside a region, between proven bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from vitrail.local.constraints import Constraints
from vitrail.local.decisions.class_search import ClassSearch, proven_slacks
from vitrail.numerics.filters import MOST_DISTANCE_GAP, PROOF_ROOM, VALUE_ROUNDING

__all__ = ["Nearest", "find_nearest"]

_UP = 1.0 + VALUE_ROUNDING
"""Covers the rounding of a distance, of a share, and of a product and a sum with these."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The point found, in the class `other`, and the distance: computed, and its proven bounds."""

    distance: float
    lower: float
    upper: float
    point: np.ndarray
    other: int

    def or_nearer(self, other: Nearest) -> Nearest:
        """The nearer one of two, and the lower upper bound."""
        nearer = other if other.distance < self.distance else self
        return replace(nearer, upper=min(self.upper, other.upper))


def find_nearest(search: ClassSearch) -> Nearest:
    """The nearest point inside where another class is above the prediction; infinitely far where there is none.

    The classes that are predicted inside suffice: where some class is above the prediction, one of these is, too.
    """
    own, point = search.prediction, search.inside.point
    best = Nearest(np.inf, np.inf, np.inf, np.full(point.size, np.nan), -1)
    rivals = sorted((_Rival.of(search, c) for c in search.points if c != own), key=lambda rival: rival.apart.lower)
    for rival in rivals:
        best = best.or_nearer(rival.beyond(point, np.inf))
    lower = np.inf
    for rival in rivals:
        apart = rival.apart
        if apart.computed == 0.0:
            # the way to any point where the class is above leads through such points only
            best = replace(best, distance=0.0)
        elif apart.lower < best.upper:
            near = rival.beyond(point - apart.computed * apart.row.normals[0], apart.computed)
            if near.upper - apart.lower > MOST_DISTANCE_GAP * near.upper:
                place, bound = search.inside.nearest(apart.row, rival.deep, best.upper)
                near = rival.beyond(place, math.dist(place, point))
                apart = replace(apart, lower=max(bound, apart.lower))
            best = best.or_nearer(near)
        lower = min(lower, apart.lower)
    for c in search.undecided - {own}:
        lower = min(lower, max(_Apart.of(search, c).lower, search.inside.reach if c in search.far else 0.0))
    lower = min(lower, best.upper)
    return replace(best, distance=max(lower, min(best.distance, best.upper)), lower=lower)


@dataclass(frozen=True, eq=False)
class _Apart:
    """The halfspace `row` where a class is above the prediction, and how far the point is from it: computed, proven."""

    row: Constraints
    computed: float
    lower: float

    @classmethod
    def of(cls, search: ClassSearch, other: int) -> _Apart:
        row, point = search.above(other, [search.prediction]), search.inside.point
        away = float(row.normals[0] @ point - row.offsets[0])
        error = PROOF_ROOM * (-away - float(proven_slacks(row, point)[0]))
        least = (away - error) / (1.0 + search.outputs.stretch(other, [search.prediction]))
        return cls(row, max(0.0, away), max(0.0, least))


@dataclass(frozen=True, eq=False)
class _Rival:
    """A class that is predicted inside; `deep` is a point where it is above, `room` its distances from all around."""

    search: ClassSearch
    other: int
    apart: _Apart
    deep: np.ndarray
    room: np.ndarray

    @classmethod
    def of(cls, search: ClassSearch, other: int) -> _Rival:
        apart, known, center = _Apart.of(search, other), search.points[other], search.inside.center
        row = apart.row
        here, there = (float(row.offsets[0] - row.normals[0] @ x) for x in (known, center))
        # towards the center while half of the slack in the row is left
        share = 0.5 * min(1.0, here / (here - there)) if here > there else 0.5
        found = cls(search, other, apart, known + share * (center - known), np.zeros(0))
        room = found.slacks(found.deep)
        if not (room > 0.0).all():
            return replace(found, deep=known, room=found.slacks(known))
        return replace(found, room=room)

    def slacks(self, x: np.ndarray) -> np.ndarray:
        """Proven distances of a point from everything around."""
        return np.append(self.search.inside.within.proven_distances(x), proven_slacks(self.apart.row, x))

    def beyond(self, start: np.ndarray, distance: float) -> Nearest:
        """A point that is proven to be inside and in the halfspace: on the way from a start to the one deep in it.

        Slacks are affine on the way, so bounds at both ends tell how far to go; the point itself need not be stored.
        """
        if not (self.room > 0.0).all():
            return Nearest(np.inf, 0.0, np.inf, start, self.other)
        lack = np.maximum(0.0, -self.slacks(start))
        share = _UP * float((lack / (lack + self.room)).max())
        upper = _UP * (math.dist(start, self.search.inside.point) + _UP * share * math.dist(self.deep, start))
        return Nearest(min(distance, upper), 0.0, upper, start + min(1.0, share) * (self.deep - start), self.other)
