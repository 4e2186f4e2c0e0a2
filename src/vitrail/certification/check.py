"""One property that a certificate has looked at."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """One property that was checked: whether it holds (None: not to be had from this set), and what was found.

    Example:
        >>> Check("measure", False, "the sum is off by -0.25 of the domain's").holds
        False
    """

    name: str
    holds: bool | None
    found: str
