"""Checking of what constructions are asked for, with one message for one mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from vitrail.bounds.inputs import natural, widths_of
from vitrail.errors import InvalidOptionError, ResourceLimitError

__all__ = ["check_size", "checked_widths", "dimension_of", "flag"]

_MOST_WEIGHTS = 2**20
"""Above this the rational numbers that weights are made of take gigabytes."""


def checked_widths(widths: Sequence[int], least: int, reason: str) -> tuple[int, ...]:
    """Widths of at least one layer, all before the last at least `least`, for a reason that the message gives.

    Raises:
        InvalidOptionError: no widths, one that is no integer of at least 1, or one before the last below `least`.

    Example:
        >>> checked_widths([4, 1], 2, "a fold needs 2 units")
        (4, 1)
    """
    given: object = widths
    if isinstance(given, str) or not isinstance(given, Iterable) or not (listed := list(given)):
        raise InvalidOptionError(f"widths: expected a list of at least one width, found {given!r}; give [4, 4], say")
    checked = widths_of(listed)
    for place, width in enumerate(checked[:-1]):
        if width < least:
            raise InvalidOptionError(
                f"widths[{place}]: expected at least {least} units in every layer before the last, found {width}; "
                f"{reason}"
            )
    return checked


def flag(name: str, value: object) -> bool:
    """The value, if it is True or False.

    Raises:
        InvalidOptionError: it is neither.

    Example:
        >>> flag("distinct", True)
        True
    """
    if not isinstance(value, bool):
        raise InvalidOptionError(f"{name}: expected True or False, found {value!r}; give one of the two")
    return value


def dimension_of(value: object) -> int:
    """The input dimension as an integer of at least 1."""
    return natural("input_dimension", value, 1)


def check_size(sizes: Sequence[int], repeated: int = 1) -> None:
    """Refuse a network whose layers, from inputs of the first size to outputs of the last, have too many weights.

    `repeated` says how often they stand one behind the other.

    Raises:
        ResourceLimitError: it is more than 2^20 weights; nothing was allocated.

    Example:
        >>> check_size([2, 4, 4, 1])
    """
    weights = repeated * sum(inputs * outputs for inputs, outputs in pairwise(sizes))
    if weights > _MOST_WEIGHTS:
        raise ResourceLimitError(
            f"network: expected at most {_MOST_WEIGHTS:,} weights, found {weights:,}; ask for fewer units, layers or "
            "inputs"
        )
