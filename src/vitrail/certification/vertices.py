"""Whether stored vertices are those of an exact cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from vitrail.numerics.filters import SMALLEST, VALUE_ROUNDING
from vitrail.numerics.predicates import Point, nearest

__all__ = ["same_vertices"]


def same_vertices(stored: np.ndarray, errors: np.ndarray, points: Sequence[Point], scale: np.ndarray) -> bool:
    """Whether stored vertices (n, k) are these points, one to one, each within its error (n,) in every coordinate.

    The points are in coordinates divided by `scale` (k,), powers of two. On a line the order must be the same, in a
    plane it may be turned, in higher dimensions it does not matter.

    Example:
        >>> from vitrail.numerics.predicates import to_form
        >>> ends = [to_form([1, 0]), to_form([3, 1])]
        >>> same_vertices(np.array([[0.0], [0.3]]), np.array([0.0, 0.1]), ends, np.ones(1))
        True
    """
    count, dimension = stored.shape
    if count != len(points):
        return False
    near = _near(stored, errors, points, scale)
    if dimension <= 2:
        places = np.arange(count)
        turns = range(count) if dimension == 2 else (0,)
        return any(bool(near[places, (places + turn) % count].all()) for turn in turns)
    if (near.sum(axis=0) == 1).all() and (near.sum(axis=1) == 1).all():
        return True
    return bool((maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0).all())


def _near(stored: np.ndarray, errors: np.ndarray, points: Sequence[Point], scale: np.ndarray) -> np.ndarray:
    """Whether each stored vertex is each of the points within its error, shape (n, n)."""
    rounded = np.array([place for place, _ in map(nearest, points)]).reshape(stored.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        place = rounded * scale
        # twice what rounding can do to the point and to the distance: a pair beyond it need not be compared exactly
        reach = errors[:, None, None] * (1 + VALUE_ROUNDING) + VALUE_ROUNDING * np.abs(place) + SMALLEST
        near = ~(np.abs(stored[:, None] - place) > reach).any(axis=2)
    for i, j in zip(*np.nonzero(near), strict=True):
        near[i, j] = _within(points[j], stored[i], float(errors[i]), scale)
    return near


def _within(point: Point, stored: np.ndarray, error: float, scale: np.ndarray) -> bool:
    """Whether an exact point, in scaled coordinates, is a stored one up to its error."""
    if point[0] == 0:
        return bool(np.isinf(stored[0]) and (stored[0] > 0) == (point[1] > 0))
    if error == np.inf:
        return True
    if not np.isfinite(stored).all():
        return False
    bound = _rational(error)
    return all(
        abs(fmpq(x, point[0]) * _rational(s) - _rational(v)) <= bound
        for x, s, v in zip(point[1:], scale, stored, strict=True)
    )


def _rational(value: float) -> fmpq:
    return fmpq(*float(value).as_integer_ratio())
