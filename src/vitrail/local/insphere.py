"""The largest ball in a region: a linear program, with a proof from either side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import qr

from vitrail.domains import Domain
from vitrail.local.constraints import Constraints, constraints_of
from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.numerics.filters import GAP_TOLERANCE, MOST_GAP, PROOF_ROOM, RANK_TOLERANCE, TOUCHING, value_rounding
from vitrail.numerics.interior_point import Iterate, Rows, below, climb
from vitrail.status import Status

__all__ = ["Insphere", "insphere"]

_REACH = 16.0
"""How many times farther than its rows centers are looked for where no domain bounds them."""


@dataclass(frozen=True, eq=False)
class Insphere:
    """The largest ball {x : |x - center| <= radius} in a region within a domain, and the proof of it.

    `center` has shape (n,). `radius` is proven to fit at that center between the stored halfspaces, `upper` that no
    larger ball fits whose center is within `reach` of the region's point (infinite in a bounded domain). Both are `inf`
    where balls grow without end: then `direction` (n,), of length 1, leads away from every row, and `center` is the
    region's point. `interval` holds the largest radius in the true region, whose rows are those of real arithmetic: it
    is wider than (radius, upper) by what the rows may be off.

    `active` are the rows of the region that the ball touches, `active_sides` the sides of the domain. The status is
    certified if the gap is at most 1e-8 and the region's own rows are proven.
    """

    center: np.ndarray
    radius: float
    upper: float
    interval: tuple[float, float]
    active: np.ndarray
    active_sides: np.ndarray
    direction: np.ndarray | None
    reach: float
    steps: int
    status: Status

    def __repr__(self) -> str:
        """Radius, gap and what it touches, in one line."""
        touched = f"{self.active.size} rows, {self.active_sides.size} sides"
        return f"Insphere(radius {self.radius:.6g}, gap {self.gap:.2g}, touches {touched}, {self.status.value})"

    @property
    def gap(self) -> float:
        """(upper - radius) / radius: how much larger a ball could be; 0 where both are infinite, inf for radius 0."""
        if np.isinf(self.radius):
            return 0.0
        return (self.upper - self.radius) / self.radius if self.radius > 0.0 else float("inf")


def insphere(region: LocalHalfspaces, domain: Domain | None = None) -> Insphere:
    """The largest ball in a region within a domain (its own if none is given): the Chebyshev ball.

    Maximizes r over A x + r <= b and the sides of the domain (Zhang and Wu 2020; the program is restated in later
    work) with an interior point method, whose iterates are balls inside and whose multipliers bound all balls. A region
    without rows in a whole space has radius `inf`, too.

    Raises:
        InvalidDomainError: a domain that is no box, polytope or whole space of the inputs, or lacks the point.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0]], None)])
        >>> region = vitrail.region_at(net, [1.0, 0.0], vitrail.Box([-2.0, -1.0], [4.0, 1.0]))
        >>> ball = insphere(region)
        >>> round(ball.radius, 6), bool(ball.gap < 1e-8), insphere(region, vitrail.Space(2)).radius
        (1.0, True, inf)
    """
    within = constraints_of(region, domain)
    if within.bounded:
        found, reach = _in_limits(within, region.point), float("inf")
        center, far = found.x, _farthest(within)
    else:
        reduced = _Reduced.of(within, region.point)
        direction = reduced.way_out(within)
        if direction is not None:
            return _endless(region, direction)
        found = reduced.climb()
        center = region.point + reduced.basis @ found.x
        # a proof about centers nearer than the one that was found would say nothing
        reach = max(reduced.reach, 2.0 * float(np.abs(center - region.point).max()))
        far = float(np.linalg.norm(region.point)) + float(np.sqrt(center.size)) * reach
        found = _whole(found, within, region.point, reach)
    radius, upper = max(0.0, float(within.distances(center).min())), _upper(found, within, 0.0)
    lower = max(0.0, float(within.proven_distances(center).min()))
    highest = _upper(found, within, far)
    rows, near = len(region), (1.0 + TOUCHING) * radius
    active = np.flatnonzero(within.offsets[:rows] - within.normals[:rows] @ center <= near)
    slacks, _ = within.sides.slacks(center[None], "l2")
    sides = np.flatnonzero(slacks[0] <= near)
    certified = region.status.proven and radius > 0.0 and upper - radius <= MOST_GAP * radius
    status = Status.CERTIFIED if certified else Status.UNCERTIFIED
    return Insphere(center, radius, upper, (lower, highest), active, sides, None, reach, found.steps, status)


def _endless(region: LocalHalfspaces, direction: np.ndarray) -> Insphere:
    """Balls of any size, farther and farther along a direction."""
    none, endless = np.zeros(0, dtype=np.int64), float("inf")
    status = Status.CERTIFIED if region.status.proven else Status.UNCERTIFIED
    return Insphere(region.point, endless, endless, (endless, endless), none, none, direction, endless, 0, status)


def _upper(found: Iterate, within: Constraints, far: float) -> float:
    """The proven upper bound; of the true region where its points have a length of at most `far`, else as stored."""
    return found.proven_upper(within.wrong(far) if far > 0.0 else None)


def _farthest(within: Constraints) -> float:
    """The largest length of a point of the domain."""
    return PROOF_ROOM * float(np.linalg.norm(np.maximum(np.abs(within.low), np.abs(within.high))))


def _in_limits(within: Constraints, point: np.ndarray) -> Iterate:
    rows = Rows(within.normals, within.offsets, within.low, within.high, np.ones(len(within.normals)), 1.0)
    # images have many entries on the limits themselves, from where first steps are short
    return climb(rows, below(rows, 0.9 * point + 0.05 * (within.low + within.high)), None)


@dataclass(frozen=True, eq=False)
class _Reduced:
    """Rows around a point in the coordinates t, x = point + basis t, of the directions along which any row changes."""

    rows: Rows
    basis: np.ndarray
    reach: float

    @classmethod
    def of(cls, within: Constraints, point: np.ndarray) -> _Reduced:
        offsets = within.offsets - within.normals @ point
        n = point.size
        # any direction will do where there are no rows
        basis = np.eye(n, 1)
        if len(within.normals):
            full, triangle, _ = qr(within.normals.T, mode="economic", pivoting=True)
            sizes = np.abs(np.diagonal(triangle))
            rank = int((sizes > RANK_TOLERANCE * sizes.max(initial=0.0)).sum())
            basis = np.eye(n) if rank == n else full[:, :rank]
        reach = _REACH * float(np.abs(offsets).max(initial=1.0))
        none = np.full(basis.shape[1], np.inf)
        rows = Rows(within.normals @ basis, offsets, -none, none, np.ones(len(offsets)), 0.0, reach)
        return cls(rows, basis, reach)

    def way_out(self, within: Constraints) -> np.ndarray | None:
        """A direction (n,) of length 1 that leads away from every row, proven; None if there seems to be none."""
        n, m = self.basis.shape[1], len(self.rows.normals)
        if not m:
            return self.basis[:, 0]
        cone = Rows(self.rows.normals, np.zeros(m), -np.ones(n), np.ones(n), np.ones(m))
        found = climb(cone, (np.zeros(n), -1.0), None, stop=lambda it: it.value > 0.0 or it.upper < GAP_TOLERANCE)
        if not found.value > 0.0:
            return None
        direction = self.basis @ found.x
        direction /= np.linalg.norm(direction)
        none = np.zeros(m)
        ahead = replace(within, offsets=none, offset_errors=none).proven_distances(direction)
        return direction if (ahead > 0.0).all() else None

    def climb(self) -> Iterate:
        """The largest ball."""
        return climb(self.rows, below(self.rows, np.zeros(self.basis.shape[1])), None).balanced()


def _whole(found: Iterate, within: Constraints, point: np.ndarray, reach: float) -> Iterate:
    """The same multipliers in all coordinates, around the point."""
    none = np.full(point.size, np.inf)
    rounding = value_rounding(point.size) * (np.abs(within.normals) @ np.abs(point) + np.abs(within.offsets))
    offsets = within.offsets - within.normals @ point + PROOF_ROOM * rounding
    rows = Rows(within.normals, offsets, -none, none, np.ones(len(offsets)), 0.0, reach)
    return replace(found, rows=rows, x=np.zeros(point.size))
