"""Numbers of any size as people read them: decimal logarithms and short forms."""

from __future__ import annotations

import math
from fractions import Fraction

from flint import fmpz

__all__ = ["exact_text", "log10_of", "portable", "short"]

_PLAIN = 10**15
_PORTABLE = 2**53  # larger integers are rounded by many readers of JSON


def log10_of(value: int | Fraction | float) -> float:
    """The decimal logarithm of a number of any size; minus infinity for 0.

    Example:
        >>> log10_of(1000), round(log10_of(2**100000), 4)
        (3.0, 30102.9996)
    """
    if value <= 0:
        return -math.inf
    if isinstance(value, float):
        return math.log10(value)
    if isinstance(value, Fraction):
        return math.log10(value.numerator) - math.log10(value.denominator)
    return math.log10(value)


def short(value: int | Fraction | float) -> str:
    """A number in some twenty characters: whole up to 10^15, else as a power of ten, digits cut and not rounded.

    Example:
        >>> short(121), short(10**20), short(2**100000)
        ('121', '1.00e20', '9.99e30102')
    """
    if isinstance(value, int):
        if abs(value) < _PLAIN:
            return f"{value:,}"
        exponent = math.floor(math.log10(value))
        leading = int(fmpz(value) // fmpz(10) ** (exponent - 2))
        if not 100 <= leading < 1000:
            # the logarithm is rounded, and was on the wrong side of a whole number
            exponent += 1 if leading >= 1000 else -1
            leading = int(fmpz(value) // fmpz(10) ** (exponent - 2))
        return f"{leading // 100}.{leading % 100:02d}e{exponent}"
    if isinstance(value, Fraction) and abs(value) >= _PLAIN:
        return short(int(value))
    number = float(value)
    return f"{number:,.4f}" if abs(number) < 10_000 else f"{number:.6g}"


def exact_text(value: int) -> str:
    """All digits of an integer; Python's own conversion refuses more than some thousands.

    Example:
        >>> exact_text(12), len(exact_text(2**100000))
        ('12', 30103)
    """
    return str(fmpz(value))


def portable(value: int | Fraction | float) -> int | float | str:
    """A number that every reader of JSON gets right: integers beyond 2^53 become texts of all their digits.

    Example:
        >>> portable(7), portable(2**60), portable(Fraction(1, 2))
        (7, '1152921504606846976', 0.5)
    """
    if isinstance(value, int):
        return value if abs(value) <= _PORTABLE else exact_text(value)
    try:
        return float(value)
    except OverflowError:
        return math.inf
