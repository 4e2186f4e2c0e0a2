"""The halfspaces of a region and of its domain together: as rows of a program, and what is proven of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.domains import Domain
from vitrail.errors import InvalidDomainError
from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.local.points import DomainSides, full_domain
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, UNIT_ROUNDOFF, value_rounding

__all__ = ["Constraints", "constraints_of"]


@dataclass(frozen=True, eq=False)
class Constraints:
    """Unit rows `normals` (rows, n) x <= `offsets` (rows,), and limits `low`, `high` (n,), infinite in a whole space.

    The first rows are those of the region, in its order; then come the sides of a polytope. `normal_errors` and
    `offset_errors` (rows,) bound how far the rows are from the true ones, which have length 1. `sides` are those of the
    domain.
    """

    normals: np.ndarray
    offsets: np.ndarray
    normal_errors: np.ndarray
    offset_errors: np.ndarray
    low: np.ndarray
    high: np.ndarray
    sides: DomainSides

    @property
    def bounded(self) -> bool:
        """Whether the domain is."""
        return bool(np.isfinite(self.low).all())

    def wrong(self, far: float) -> np.ndarray:
        """How far the slack of each row may be from the true one at points of length `far`, rounding aside."""
        return PROOF_ROOM * (self.offset_errors + self.normal_errors * far)

    def distances(self, point: np.ndarray) -> np.ndarray:
        """Lower bounds of how far a point is from each stored row, then from each upper and each lower limit."""
        terms = np.abs(self.normals) @ np.abs(point) + np.abs(self.offsets)
        slack = self.offsets - self.normals @ point - value_rounding(point.size) * terms - SMALLEST
        if not self.bounded:
            return slack
        limits = np.concatenate([self.high - point, point - self.low])
        return np.concatenate([slack, limits - 2 * UNIT_ROUNDOFF * np.abs(limits)])

    def proven_distances(self, point: np.ndarray) -> np.ndarray:
        """The same of the true rows."""
        distances = self.distances(point)
        distances[: len(self.normals)] -= self.wrong(float(np.linalg.norm(point)))
        return distances


def constraints_of(region: LocalHalfspaces, domain: Domain | None) -> Constraints:
    """The rows of a region within a domain, its own if none is given.

    Raises:
        InvalidDomainError: the domain is not one of the network's inputs in all their dimensions, or lacks the point.
    """
    domain = full_domain(region.net, region.domain if domain is None else domain)
    sides = DomainSides.of(domain)
    outside = int(sides.outside(region.point[None])[0])
    if outside >= 0:
        raise InvalidDomainError(
            f"the region's point is outside the domain ({domain.description}), beyond its side {outside}; "
            "give a domain that holds it"
        )
    low, high = domain.limits
    if sides.box is not None or not len(sides):
        errors = region.normal_errors, region.offset_errors
        return Constraints(region.normals, region.offsets, *errors, low, high, sides)
    normals, offsets = sides.halfspaces()
    rounding = np.full(len(offsets), value_rounding(low.size))
    return Constraints(
        np.concatenate([region.normals, normals]),
        np.concatenate([region.offsets, offsets]),
        np.concatenate([region.normal_errors, rounding]),
        np.concatenate([region.offset_errors, rounding * np.abs(offsets)]),
        low,
        high,
        sides,
    )
