"""The pieces of decision boundary inside a region, by the pairs of classes that they lie between."""

from __future__ import annotations

import numpy as np

from vitrail.local.constraints import Constraints
from vitrail.local.decisions.class_search import ClassSearch, proven_slacks
from vitrail.local.decisions.outputs import with_rows
from vitrail.numerics.filters import PROOF_ROOM, UNIT_ROUNDOFF

__all__ = ["find_pieces"]

_THIN, _SLABS = 1.0 / 64.0, 3
"""Half the thickness of the first slab in which a piece is looked for, as a share of the radius of the ball inside;
each one after it has that share of the thickness before."""


def find_pieces(search: ClassSearch) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of reachable classes with a piece inside, and those that are undecided."""
    classes = sorted(search.points)
    found: set[tuple[int, int]] = set()
    unsure: set[tuple[int, int]] = set()
    pairs = [(c, d) for i, c in enumerate(classes) for d in classes[i + 1 :]]
    for c, d in pairs:
        for a, b, point in _crossings(search, search.points[c], search.points[d]):
            if (a, b) not in found and _is_piece(search, a, b, point):
                found.add((a, b))
    for c, d in pairs:
        if (c, d) in found:
            continue
        answer = _look_for_piece(search, c, d)
        if answer is None:
            unsure.add((c, d))
        elif answer:
            found.add((c, d))
    return _as_pairs(found), _as_pairs(unsure)


def _as_pairs(pairs: set[tuple[int, int]]) -> np.ndarray:
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _crossings(search: ClassSearch, start: np.ndarray, end: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Where the largest output changes along a segment: the two classes, the smaller first, and the point."""
    first, last = search.outputs.at(np.stack([start, end]))
    rise = last - first
    found: list[tuple[int, int, np.ndarray]] = []
    share, own = 0.0, int(first.argmax())
    while True:
        faster = np.flatnonzero(rise > rise[own])
        meets = (first[own] - first[faster]) / (rise[faster] - rise[own])
        ahead = (meets >= share) & (meets < 1.0)
        if not ahead.any():
            return found
        faster, meets = faster[ahead], meets[ahead]
        share = float(meets.min())
        tied = faster[meets == share]
        other = int(tied[rise[tied].argmax()])
        found.append((min(own, other), max(own, other), start + share * (end - start)))
        own = other


def _is_piece(search: ClassSearch, c: int, d: int, point: np.ndarray) -> bool:
    """Whether a piece between two classes is proven, by a point next to it.

    The true hyperplane is no farther than `off`; its nearest point must be strictly inside and have all others below.
    """
    level = search.above(c, [d])
    slack = float(level.offsets[0] - level.normals[0] @ point)
    off = PROOF_ROOM * (abs(slack) + (slack - float(proven_slacks(level, point)[0])))
    others = _others(search, c, d)
    if others is None:
        return False
    # where gradients are shorter than stored the plane is farther, where longer slacks shrink faster
    off *= 1.0 + 4.0 * search.outputs.stretch(c, [d, *others.tolist()])
    return bool((proven_slacks(search.above(c, others), point) > off).all()) and search.strictly_inside(point, off)


def _others(search: ClassSearch, c: int, d: int) -> np.ndarray | None:
    """The classes that may be above two classes somewhere; None if there can be no piece between these."""
    first, second = search.rivals(c), search.rivals(d)
    if first is None or second is None or d not in first:
        return None
    return np.setdiff1d(np.intersect1d(first, second), [c, d])


def _look_for_piece(search: ClassSearch, c: int, d: int) -> bool | None:
    """Whether two reachable classes have a piece of boundary between them; None without a proof.

    Maximizes the lead over all others in a thin slab around f_c = f_d, which holds all of the piece.
    """
    others = _others(search, c, d)
    if others is None:
        return False
    ends = search.points[c], search.points[d]
    start = _level_point(search, c, d, *ends)
    if not others.size:
        return True if _is_piece(search, c, d, start) else None
    radius = search.inside.radius if np.isfinite(search.inside.radius) else 1.0
    weights = np.concatenate([np.ones(others.size), np.zeros(2)])

    def proves(point: np.ndarray) -> bool:
        values = search.outputs.at(point[None])[0]
        across = ends[1] if values[c] > values[d] else ends[0]
        return _is_piece(search, c, d, _level_point(search, c, d, point, across))

    for number in range(1, _SLABS + 1):
        slab = _slab(search, c, d, others, _THIN**number * radius)
        point, none = search.inside.highest(slab, weights, start, proves)
        if point is not None:
            return True
        if none:
            return False if search.inside.within.bounded else None
    return None


def _slab(search: ClassSearch, c: int, d: int, others: np.ndarray, half: float) -> Constraints:
    """The rows that say that a class is not below others, and near the level of another."""
    lead, level = search.above(c, others), search.above(c, [d])
    return with_rows(
        lead,
        np.concatenate([lead.normals, level.normals, -level.normals]),
        np.concatenate([lead.offsets, level.offsets + half, half - level.offsets]),
        np.concatenate([lead.normal_errors, np.tile(level.normal_errors, 2)]),
        np.concatenate([lead.offset_errors, np.tile(level.offset_errors + UNIT_ROUNDOFF * half, 2)]),
    )


def _level_point(search: ClassSearch, c: int, d: int, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The point of a segment where two classes are level."""
    values = search.outputs.at(np.stack([start, end]))
    gap = values[:, c] - values[:, d]
    share = gap[0] / (gap[0] - gap[1]) if gap[0] != gap[1] else 0.5
    return np.asarray(start + min(1.0, max(0.0, float(share))) * (end - start))
