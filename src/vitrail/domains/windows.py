"""Windows lo <= t <= hi in the coordinates of a frame: their corners, limits, sides and sizes in any dimension."""

from __future__ import annotations

import numpy as np

from vitrail.domains.polygons import rectangle, side_lines
from vitrail.errors import InvalidDomainError

__all__ = ["size_name", "window_corners", "window_measure", "window_sides"]


def size_name(dimension: int) -> str:
    """What the measure of a domain of this dimension is called.

    Example:
        >>> size_name(1), size_name(5)
        ('length', 'volume')
    """
    return {1: "length", 2: "area"}.get(dimension, "volume")


def window_corners(lo: np.ndarray, hi: np.ndarray, kind: str) -> np.ndarray:
    """The two ends or, counter-clockwise, the four corners; `kind` is what the message calls the domain.

    Raises:
        InvalidDomainError: more than two dimensions.

    Example:
        >>> window_corners(np.array([0.0]), np.array([2.0]), "box").tolist()
        [[0.0], [2.0]]
    """
    if lo.size > 2:
        raise InvalidDomainError(
            f"{kind} of {lo.size} inputs: corners are listed for domains of dimension 1 or 2 only; "
            "use its limits and sides"
        )
    return np.stack([lo, hi]) if lo.size == 1 else rectangle(lo, hi)


def window_sides(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """The forms (2 k, k + 1) of a window, not negative inside, exact.

    Side 2 i is t_i >= lo_i, side 2 i + 1 is t_i <= hi_i; where k is 2, side i leaves corner i.

    Example:
        >>> window_sides(np.array([0.0]), np.array([2.0])).tolist()
        [[0.0, 1.0], [2.0, -1.0]]
    """
    if lo.size == 2:
        return side_lines(rectangle(lo, hi))[:, :3]
    identity = np.eye(lo.size)
    lower, upper = np.column_stack([-lo, identity]), np.column_stack([hi, -identity])
    return np.stack([lower, upper], axis=1).reshape(2 * lo.size, lo.size + 1) + 0.0  # no negative zeros


def window_measure(lo: np.ndarray, hi: np.ndarray) -> float:
    """Length, area or volume in frame coordinates; 0 or `inf` where that is out of float64's range.

    Example:
        >>> window_measure(np.zeros(3), np.full(3, 2.0))
        8.0
    """
    with np.errstate(over="ignore", under="ignore"):
        return float(np.prod(hi - lo))
