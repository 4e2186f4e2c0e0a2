"""Corners and sides of convex polygons in the coordinates of a frame."""

from __future__ import annotations

import numpy as np

from vitrail.domains.checks import check_extent
from vitrail.errors import InvalidDomainError
from vitrail.numerics.filters import VALUE_ROUNDING
from vitrail.numerics.predicates import point_at, turn

__all__ = ["convex_corners", "rectangle", "side_lines"]


def side_lines(corners: np.ndarray) -> np.ndarray:
    """Lines (c0, c1, c2, error bound) through the sides that leave each vertex of a polygon, positive inside.

    Axis-parallel sides are exact, with bound 0.

    Example:
        >>> side_lines(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))[0].tolist()
        [0.0, 0.0, 1.0, 0.0]
    """
    lines = np.zeros((corners.shape[0], 4))
    for i, (a, b) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
        if a[0] == b[0]:
            sign = 1.0 if b[1] < a[1] else -1.0
            lines[i, :3] = -sign * a[0], sign, 0.0
        elif a[1] == b[1]:
            sign = 1.0 if b[0] > a[0] else -1.0
            lines[i, :3] = -sign * a[1], 0.0, sign
        else:
            c1, c2 = a[1] - b[1], b[0] - a[0]
            lines[i] = -(c1 * a[0] + c2 * a[1]), c1, c2, VALUE_ROUNDING * (abs(c1) + abs(c2))
    return lines + 0.0  # no negative zeros


def rectangle(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """The four corners, counter-clockwise.

    Example:
        >>> rectangle(np.array([0, 0]), np.array([1, 2])).tolist()
        [[0, 0], [1, 0], [1, 2], [0, 2]]
    """
    return np.array([[lo[0], lo[1]], [hi[0], lo[1]], [hi[0], hi[1]], [lo[0], hi[1]]])


def convex_corners(vertices: np.ndarray) -> np.ndarray:
    """The corners counter-clockwise, without exact repeats and without vertices in the middle of a side.

    Raises:
        InvalidDomainError: fewer than three corners, collinear, not convex, or crossing itself.
    """
    keep = [i for i in range(len(vertices)) if not np.array_equal(vertices[i], vertices[i - 1]) or len(vertices) == 1]
    if len(keep) < 3:
        raise InvalidDomainError(f"polygon: expected at least 3 different vertices, found {len(keep)}")
    corners = vertices[keep]
    check_extent("polygon: the extent", corners.max(axis=0), corners.min(axis=0))
    points = [point_at(corner) for corner in corners]
    # exactly: how it turns at the end of each side
    turns = np.array([turn(points[i - 2], points[i - 1], point) for i, point in enumerate(points)])
    turns = np.roll(turns, -2)
    if not turns.any():
        raise InvalidDomainError("polygon: all vertices lie on one line; expected a polygon with an interior")
    if turns.sum() < 0:
        return convex_corners(corners[::-1].copy())
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    crosses = np.abs(sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0])
    angle = np.arctan2(turns * crosses, (sides * after).sum(axis=1)).sum()
    if (turns < 0).any() or angle > 3 * np.pi:
        where = keep[(int(np.argmin(turns)) + 1) % len(keep)]
        raise InvalidDomainError(
            f"polygon: not convex at vertex {where} {corners[(int(np.argmin(turns)) + 1) % len(keep)].tolist()}"
        )
    straight = np.roll(turns, 1) == 0
    if straight.any():
        return convex_corners(corners[~straight].copy())
    corners.setflags(write=False)
    return corners
