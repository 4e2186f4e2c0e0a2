"""Differences without loss: the rounded difference and what the rounding lost."""

from __future__ import annotations

import numpy as np

__all__ = ["exact_difference"]


def exact_difference(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A - b rounded to float64, and the exact rest; both of the arrays' shape.

    The rest of a rounded sum is a float64, found by six operations (Knuth 1969, section 4.2.2, theorem B); it is right
    where nothing overflows.

    Example:
        >>> difference, rest = exact_difference(np.array([1.0]), np.array([-(2.0**-60)]))
        >>> difference.tolist(), (rest * 2.0**60).tolist()
        ([1.0], [1.0])
    """
    difference = a - b
    back = difference - a
    return difference, (a - (difference - back)) - (b + back)
