"""Compiled: which pieces of an elementwise unit bounds touch, what they map to, and the lines that enclose them."""

from __future__ import annotations

import numpy as np
from numba import njit

from vitrail.numerics.filters import SMALLEST, gamma

__all__ = ["touched"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
_ROUNDING = gamma(16)


@njit(**_OPTIONS)
def _gap(z: float, slope: float, own: float, constant: float) -> tuple[float, float]:
    """The sum own z + constant - slope z with a bound of its rounding error; own is the slope of the piece at z."""
    if own == slope:
        return constant, 0.0
    if np.isinf(z):
        return z * (own - slope), 0.0
    size = abs(own * z) + abs(slope * z) + abs(constant)
    return (own * z - slope * z) + constant, _ROUNDING * size + SMALLEST


@njit(**_OPTIONS)
def _range(
    slope: float, unit: int, first: int, last: int, low: float, high: float, breaks: np.ndarray, tables: np.ndarray
) -> tuple[float, float]:
    """Bounds of the function less slope times z between low and high, whose pieces are first to last."""
    least, most = np.inf, -np.inf
    for piece in range(first, last + 1):
        own, constant = tables[0, piece, unit], tables[1, piece, unit]
        for side in range(2):
            if side == 0:
                z = low if piece == first else breaks[piece - 1, unit]
            else:
                z = high if piece == last else breaks[piece, unit]
            value, error = _gap(z, slope, own, constant)
            if side == 1 and piece < last and tables[0, piece + 1, unit] == slope:
                # at a breakpoint both pieces have the same value, and this one knows it without rounding
                value, error = tables[1, piece + 1, unit], 0.0
            elif side == 0 and piece > first and tables[0, piece - 1, unit] == slope:
                value, error = tables[1, piece - 1, unit], 0.0
            least, most = min(least, value - error), max(most, value + error)
    return least, most


@njit(**_OPTIONS)
def touched(
    low: np.ndarray,
    high: np.ndarray,
    breaks: np.ndarray,
    tables: np.ndarray,
    pieces: np.ndarray,
    images: np.ndarray,
    lines: np.ndarray,
) -> None:
    """Fill pieces, images and lines of units whose values are between low and high (items, units).

    `breaks` (m, units), `tables` (2, m + 1, units) with slopes and intercepts. `pieces` (2, items, units) get the
    first and the last piece that more than a point of the range can have; `images` (2, items, units) bounds of the
    function. `lines` (4, items, units) get slope and intercept of a line below, and of one above: of the lines with
    the slope of the first piece, of the last, and of the chord, each moved until it touches, the one that is nearest
    at the middle of the range. Lines of infinite ranges mean nothing.
    """
    items, units = low.shape
    for item in range(items):
        for unit in range(units):
            bottom, top = low[item, unit], high[item, unit]
            first, last = 0, 0
            for row in range(breaks.shape[0]):
                point = breaks[row, unit]
                first += point <= bottom
                last += point < top
            last = max(first, last)
            pieces[0, item, unit], pieces[1, item, unit] = first, last
            least, most = _range(0.0, unit, first, last, bottom, top, breaks, tables)
            images[0, item, unit], images[1, item, unit] = least, most
            own, constant = tables[0, first, unit], tables[1, first, unit]
            lines[0, item, unit], lines[1, item, unit] = own, constant
            lines[2, item, unit], lines[3, item, unit] = own, constant
            if first == last or not (np.isfinite(bottom) and np.isfinite(top)):
                continue
            middle = 0.5 * bottom + 0.5 * top
            below, above = -np.inf, np.inf
            for choice in range(3):
                if choice == 2:
                    # any slope will do: the intercepts are computed for it
                    start = own * bottom + constant
                    end = tables[0, last, unit] * top + tables[1, last, unit]
                    slope = (end - start) / (top - bottom)
                    if not np.isfinite(slope):
                        continue
                else:
                    slope = tables[0, first if choice == 0 else last, unit]
                under, over = _range(slope, unit, first, last, bottom, top, breaks, tables)
                if slope * middle + under > below:
                    below = slope * middle + under
                    lines[0, item, unit], lines[1, item, unit] = slope, under
                if slope * middle + over < above:
                    above = slope * middle + over
                    lines[2, item, unit], lines[3, item, unit] = slope, over
