"""Checking of the integers that formulas take."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from vitrail.errors import InvalidOptionError

__all__ = ["natural", "widths_of"]


def natural(name: str, value: object, least: int = 0) -> int:
    """The value as an integer of at least `least`, whatever type of integer it is.

    Raises:
        InvalidOptionError: it is none, or below.

    Example:
        >>> natural("k", 3)
        3
    """
    if not isinstance(value, bool):
        try:
            number = index(value)  # type: ignore[arg-type]
        except TypeError:
            number = least - 1
        if number >= least:
            return number
    raise InvalidOptionError(f"{name}: expected an integer of at least {least}, found {value!r}")


def widths_of(widths: Sequence[int], name: str = "widths") -> tuple[int, ...]:
    """Widths of hidden layers as integers of at least 1; none are allowed.

    Raises:
        InvalidOptionError: one is not.

    Example:
        >>> widths_of([3, 4])
        (3, 4)
    """
    return tuple(natural(f"{name}[{place}]", width, 1) for place, width in enumerate(widths))
