"""Petersen, Zech: Mathematical theory of deep learning (2024), chapter 6."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from vitrail.bounds.inputs import widths_of
from vitrail.errors import NotApplicableError
from vitrail.options import positive_number

__all__ = ["upper", "upper_without_logarithm"]


def upper(widths: Sequence[int], derivative: float, spread: float) -> float:
    """The mean number of pieces on the unit segment: 1 + d_1 + (C / delta) (1 + (L-1) ln(2 w)) (d_2 + ... + d_L).

    Theorem 6.9. A ReLU network of hidden widths d_1, ..., d_L, w the largest, with fixed weights; the biases are
    independent and uniform on an interval of length delta <= 1 (`spread`), C bounds the derivatives of all units along
    the segment. A float, rounded in its last digits; 1 for no hidden layers.

    Raises:
        NotApplicableError: delta > 1.
        InvalidOptionError: widths that are not integers of at least 1, or numbers that are not positive and finite.

    Example:
        >>> round(upper([5, 5, 5], 2.0, 0.5), 2)
        230.21
    """
    layers, slope, length = widths_of(widths), positive_number("derivative", derivative), _spread(spread)
    if length > 1:
        raise NotApplicableError(
            f"petersen2024: expected biases on an interval of length 1 or less, found {spread!r}; use "
            "upper_without_logarithm, which holds for every length"
        )
    if not layers:
        return 1.0
    logarithm = 1.0 + (len(layers) - 1) * math.log(2 * max(layers))
    return 1.0 + layers[0] + slope / length * logarithm * sum(layers[1:])


def upper_without_logarithm(widths: Sequence[int], derivative: float, spread: float) -> Fraction:
    """The same without the logarithm, for every delta: 1 + d_1 + (C / delta) (d_2 + ... + d_L).

    Not in the book. A unit of the first layer is affine on the segment and crosses zero once at most; a later one does
    so in the mean at most C / delta times, by the co-area formula: given all other biases, the mean number of zeros is
    the integral of |z'| over the bias's density. Exact for the floats given; 1 for no hidden layers.

    Example:
        >>> float(upper_without_logarithm([5, 5, 5], 2.0, 0.5))
        46.0
    """
    layers = widths_of(widths)
    ratio = Fraction(positive_number("derivative", derivative)) / Fraction(_spread(spread))
    return 1 + sum(layers[:1]) + ratio * sum(layers[1:])


def _spread(spread: float) -> float:
    return positive_number("spread", spread)
