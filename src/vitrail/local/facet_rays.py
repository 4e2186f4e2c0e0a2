"""Facets that rays meet: found from a region's rows alone, each with a proof, in as many dimensions as there are."""

from __future__ import annotations

import numpy as np

from vitrail.engines.wide_rays import Rays
from vitrail.local.constraints import Constraints
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, value_rounding
from vitrail.options import natural_integer

__all__ = ["rows_met"]

_AT_ONCE = 2**22
"""Slacks looked at together."""


def rows_met(
    within: Constraints, start: np.ndarray, rows: int, rays: int, seed: int, *, bent: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The first `rows` of the constraints that rays from a point inside prove to be facets, and a point on each.

    Rows come as indices (facets,), increasing, points have shape (facets, n). The first rays are aimed at rows, in
    random order: along their normals, or `bent` as in `engines.wide_rays`, which finds more and takes a matrix (n, n)
    and limits. When each row had its ray, more go in directions that are uniform on the sphere. A row is proven by a
    point beyond it, half way to what the ray meets next, where all others hold, rounding and the rows' errors included.
    Nothing is proven from a start that is not proven to lie inside.

    Example:
        >>> import vitrail
        >>> from vitrail.local.constraints import constraints_of
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.6, 0.8]], [0.5, 9.0]), ([[1.0, 1.0]], None)])
        >>> region = vitrail.region_at(net, [0.0, 0.0], vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
        >>> found, points = rows_met(constraints_of(region, None), region.point, 2, 10, 0)
        >>> found.tolist(), points[:, 0].tolist()
        ([0], [-0.5])
    """
    n = start.size
    found: dict[int, np.ndarray] = {}
    if rows and (within.proven_distances(start) > 0.0).all():
        generator = np.random.default_rng(natural_integer("seed", seed))
        order = generator.permutation(rows)[:rays]
        if bent:
            found.update(_bent(within, start, order))
        size = max(1, _AT_ONCE // (len(within.normals) + 2 * n))
        for first in range(order.size if bent else 0, rays, size):
            own = order[first : first + size]
            random = generator.normal(size=(min(size, rays - first) - own.size, n))
            # a row that is known needs no ray of its own any more
            aimed = within.normals[[row for row in own.tolist() if row not in found]]
            directions = np.concatenate([aimed, random / np.linalg.norm(random, axis=1)[:, None]])
            for row, point in zip(*_shot(within, start, rows, directions), strict=True):
                found.setdefault(int(row), point)
    names = sorted(found)
    return np.array(names, dtype=np.int64), np.array([found[row] for row in names]).reshape(len(names), n)


def _bent(within: Constraints, start: np.ndarray, rows: np.ndarray) -> dict[int, np.ndarray]:
    """The rows that are met by rays that go around other walls, and a point on each."""
    values = np.column_stack([within.offsets, -within.normals])
    places, beyond = Rays.of(values, within.low, within.high, start).toward(rows)
    names = rows[places]
    proven = _beyond(within, names, beyond)
    names, beyond = names[proven], beyond[proven]
    here = within.offsets[names] - within.normals[names] @ start
    there = within.offsets[names] - (within.normals[names] * beyond).sum(axis=1)
    points = start + (here / (here - there))[:, None] * (beyond - start)
    return dict(zip(names.tolist(), points, strict=True))


def _shot(within: Constraints, start: np.ndarray, rows: int, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which row each of some rays proves to be a facet, and where it meets it; other rays are left out."""
    rates = directions @ within.normals.T
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.where(rates > 0.0, (within.offsets - within.normals @ start) / rates, np.inf)
        room = np.where(directions > 0.0, within.high - start, start - within.low) / np.abs(directions)
    stop = np.where(directions != 0.0, room, np.inf).min(axis=1, initial=np.inf)
    rays, met = np.arange(len(directions)), lengths.argmin(axis=1)
    own = lengths[rays, met].copy()
    lengths[rays, met] = np.inf
    following = np.minimum(lengths.min(axis=1), stop)
    hit = np.flatnonzero((own < following) & (met < rows))
    # a wall that several rays met first is looked at once, where there is most room
    room_there = following[hit] - own[hit]
    order = hit[np.lexsort((-room_there, met[hit]))]
    names, places = np.unique(met[order], return_index=True)
    chosen = order[places]
    steps = 0.5 * own[chosen] + 0.5 * np.minimum(following[chosen], 3.0 * own[chosen])
    beyond = start + steps[:, None] * directions[chosen]
    proven = _beyond(within, names, beyond)
    return names[proven], (start + own[chosen, None] * directions[chosen])[proven]


def _beyond(within: Constraints, rows: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether each of some points proves that its row is a facet: it breaks that row, and no other one."""
    slacks, far = within.offsets - points @ within.normals.T, np.linalg.norm(points, axis=1)
    # rows of length 1 times a point are no larger, in sum, than the point is long
    rounding = value_rounding(points.shape[1]) * PROOF_ROOM * (far[:, None] + np.abs(within.offsets)) + SMALLEST
    wrong = PROOF_ROOM * (within.offset_errors + within.normal_errors * far[:, None]) + PROOF_ROOM * rounding
    own = np.arange(rows.size)
    broken = slacks[own, rows] < -wrong[own, rows]
    slacks[own, rows] = np.inf
    inside = ((points > within.low) & (points < within.high)).all(axis=1)
    return np.asarray(broken & inside & (slacks > wrong).all(axis=1))
