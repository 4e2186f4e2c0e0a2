"""Bounds of affine nodes from bounds of what they read, entry by entry, rounded outward."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrail.balls.affine import AffineMap
from vitrail.numerics.filters import SMALLEST, gamma

__all__ = ["affine_range"]


def affine_range(own: AffineMap, lows: Sequence[np.ndarray], highs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Middles, half widths and outward bounds (rows, out) of an affine op over boxes (rows, in), one per input.

    With middle m and half width h of what it reads, the op maps the box into W m + b -+ (|W| h + e), e a bound of the
    rounding error of the computed W m + b. What is not finite is unbounded.

    Example:
        >>> import torch
        >>> from vitrail.network.ops.linear import Linear
        >>> own = AffineMap(Linear(torch.tensor([[1.0, -2.0]], dtype=torch.float64)))
        >>> _, _, low, high = affine_range(own, [np.zeros((1, 2))], [np.ones((1, 2))])
        >>> bool(-2.001 < low[0, 0] <= -2.0), bool(1.0 <= high[0, 0] < 1.001)
        (True, True)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if own.moves:
            low, high = own.linear(lows), own.linear(highs)
            middle = low + 0.5 * (high - low)
            return middle, np.maximum(high - middle, middle - low) * (1.0 + gamma(4)), _low(low), _high(high)
        middles = [low + 0.5 * (high - low) for low, high in zip(lows, highs, strict=True)]
        halves = [
            np.maximum(high - middle, middle - low) * (1.0 + gamma(4))
            for middle, low, high in zip(middles, lows, highs, strict=True)
        ]
        middle = own.forward(middles)
        mixed = [half + own.rounding * np.abs(m) for half, m in zip(halves, middles, strict=True)]
        wide = own.magnitudes(mixed) * (1.0 + own.rounding + gamma(8))
        small = own.lost
        if small:
            # where all that is read is 0, nothing is lost
            moving = [(m != 0) | (half > 0) for m, half in zip(middles, halves, strict=True)]
            wide = wide + (small + SMALLEST) * (True if wide.all() else own.reads(moving))
        wide = wide + own.rounding * np.abs(own.bias)
        exact = wide == 0
        low = np.where(exact, middle, np.nextafter(middle - wide, -np.inf))
        high = np.where(exact, middle, np.nextafter(middle + wide, np.inf))
    return middle, wide, _low(low), _high(high)


def _low(bounds: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(bounds), -np.inf, bounds)


def _high(bounds: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(bounds), np.inf, bounds)
