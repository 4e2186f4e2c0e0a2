"""Which polytopes, given by their vertices, meet an open ball around the origin: with proofs for either answer."""

from __future__ import annotations

import numpy as np

from vitrail.numerics.filters import COST_TOLERANCE, PROOF_ROOM, gamma

__all__ = ["closest_point", "meets_ball"]

_MOST_STEPS = 500


def closest_point(vertices: np.ndarray) -> np.ndarray:
    """The weights (m,) of the point nearest to the origin in the convex hull of vertices (m, k), up to rounding.

    P. Wolfe, Finding the nearest point in a polytope, Mathematical Programming 11 (1976).

    Example:
        >>> closest_point(np.array([[1.0, 1.0], [1.0, -1.0], [3.0, 0.0]])).round(6).tolist()
        [0.5, 0.5, 0.0]
    """
    squares = np.square(vertices).sum(axis=1)
    held = [int(squares.argmin())]
    weights = np.ones(1)
    for _ in range(_MOST_STEPS):
        point = weights @ vertices[held]
        heights = vertices @ point
        best = int(heights.argmin())
        if best in held or heights[best] >= point @ point - COST_TOLERANCE * squares.max():
            break
        held, weights = _reduced(vertices, [*held, best], np.append(weights, 0.0))
    result = np.zeros(len(vertices))
    result[held] = weights
    return result


def _reduced(vertices: np.ndarray, held: list[int], weights: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Move towards the nearest point of the affine hull of some vertices, and drop those that reach weight 0."""
    while True:
        size = len(held)
        matrix = np.ones((size + 1, size + 1))
        matrix[0, 0], matrix[1:, 1:] = 0.0, vertices[held] @ vertices[held].T
        right = np.zeros(size + 1)
        right[0] = 1.0
        target = np.linalg.lstsq(matrix, right, rcond=None)[0][1:]
        down = target <= 0
        if not down.any():
            return held, target / target.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.where(down & (weights > target), weights / (weights - target), 1.0)
        moved = weights + steps.min() * (target - weights)
        moved[int(steps.argmin())] = 0.0
        kept = np.flatnonzero(moved > 0)
        held, weights = [held[i] for i in kept], moved[kept] / moved[kept].sum()
        if len(held) == size or len(held) == 1:
            return held, weights


def meets_ball(vertices: np.ndarray, errors: np.ndarray, radius: float, norm: str) -> tuple[bool, bool, float]:
    """Whether a polytope is proven to meet the open ball, whether it is proven not to, and its distance, computed.

    `errors` (m,) bound the error of every coordinate of a vertex. A convex combination of the vertices that lies inside
    by more than all errors proves the first; a halfspace beyond the ball that holds all vertices the second. A polytope
    that touches the ball in boundary points alone does not meet it. All is scaled by a power of two first, so that
    numbers near the ends of float64's range decide as others do.

    Example:
        >>> square = np.array([[1.0, -1.0], [2.0, -1.0], [2.0, 1.0], [1.0, 1.0]])
        >>> [meets_ball(square, np.zeros(4), radius, "2")[:2] for radius in (0.9, 1.1)]
        [(False, True), (True, False)]
    """
    _, exponent = np.frexp(np.abs(vertices).max(initial=0.0))
    with np.errstate(over="ignore", under="ignore"):
        # what underflows is far below the room for rounding
        vertices, errors, size = (np.ldexp(values, -exponent) for values in (vertices, errors, np.float64(radius)))
        meets, misses, distance = _meets_ball(vertices, errors, float(size), norm)
        return meets, misses, float(np.ldexp(distance, exponent))


def _meets_ball(vertices: np.ndarray, errors: np.ndarray, radius: float, norm: str) -> tuple[bool, bool, float]:
    k = vertices.shape[1]
    if norm == "inf":
        sizes, direction = np.abs(vertices).max(axis=1), None
    else:
        sizes, direction = np.linalg.norm(vertices, axis=1), vertices.mean(axis=0)
    worst = float(errors.max(initial=0.0)) * np.sqrt(k) * PROOF_ROOM
    room = worst + gamma(4 * k + 4 * len(vertices) + 32) * float(sizes.max()) * PROOF_ROOM
    if sizes.min() + room < radius:
        return True, False, float(sizes.min())
    if direction is None:
        outside = max(float((side * vertices).min(axis=0).max()) for side in (1.0, -1.0)) - room >= radius
        center = float(np.abs(vertices.mean(axis=0)).max())
        return center + room < radius, outside, center
    if _separates(vertices, direction, radius, room):
        return False, True, float(sizes.min())
    point = closest_point(vertices) @ vertices
    distance = float(np.linalg.norm(point))
    if distance + room < radius:
        return True, False, distance
    return False, _separates(vertices, point, radius, room), distance


def _separates(vertices: np.ndarray, direction: np.ndarray, radius: float, room: float) -> bool:
    length = float(np.linalg.norm(direction))
    return length > 0 and float((vertices @ (direction / length)).min()) - room >= radius
