"""Checking of options: one message for one mistake, with the closest allowed value."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

from vitrail.errors import InvalidOptionError

__all__ = ["natural_integer", "one_of", "positive_integer", "positive_number"]


def one_of(name: str, value: object, allowed: Sequence[str]) -> str:
    """The value, if it is one of the allowed words.

    Raises:
        InvalidOptionError: it is not; the message names the closest one.

    Example:
        >>> one_of("definition", "linear", ["linear", "affine"])
        'linear'
    """
    text = str(value)
    if text in allowed:
        return text
    close = difflib.get_close_matches(text, allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InvalidOptionError(f"{name}: expected one of {', '.join(allowed)}, found {text!r}{hint}")


def positive_integer(name: str, value: object) -> int:
    """The value, if it is an integer of at least 1.

    Raises:
        InvalidOptionError: it is not an integer (booleans and floats are not), or it is below 1.

    Example:
        >>> positive_integer("max_regions", 10)
        10
    """
    return _integer(name, value, 1)


def natural_integer(name: str, value: object) -> int:
    """The value, if it is an integer of at least 0: a seed, say.

    Raises:
        InvalidOptionError: it is not an integer (booleans and floats are not), or it is below 0.

    Example:
        >>> natural_integer("seed", 0)
        0
    """
    return _integer(name, value, 0)


def _integer(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidOptionError(f"{name}: expected an integer of at least {least}, found {value!r}")
    return value


def positive_number(name: str, value: object) -> float:
    """The value, if it is a finite number above 0.

    Raises:
        InvalidOptionError: it is not.

    Example:
        >>> positive_number("time_limit", 2)
        2.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise InvalidOptionError(f"{name}: expected a finite number above 0, found {value!r}")
    return float(value)
