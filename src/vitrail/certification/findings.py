"""What is found wrong, by the name of the check that it belongs to; and digests of exact numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from vitrail.certification.check import Check

__all__ = ["Findings", "digest_of"]

_SHOWN = 3
"""Regions that a message names."""


@dataclass
class Findings:
    """What is wrong with some of so many `regions`.

    Example:
        >>> findings = Findings(8)
        >>> findings.note("maps", 3, "not the one of the pattern")
        >>> findings.check("maps", "all right").found, findings.check("facets", "all match").holds
        ('region 3: not the one of the pattern', True)
    """

    regions: int
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def note(self, name: str, region: int, text: str) -> None:
        """Something wrong with a region."""
        self.wrong.setdefault(name, []).append(f"region {region}: {text}")

    def check(self, name: str, success: str) -> Check:
        """What a check has found: the first few things that are wrong, or the text for success."""
        found = self.wrong.get(name, [])
        if not found:
            return Check(name, True, success) if self.regions else Check(name, None, "no regions")
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return Check(name, False, "; ".join(found[:_SHOWN]) + more)


def digest_of(values: Iterable[int], power: int) -> bytes:
    """A digest of integers times 2 ** power: equal where all of these numbers are equal.

    Example:
        >>> digest_of([4, -6], 0) == digest_of([2, -3], 1) != digest_of([2, 3], 1)
        True
    """
    digest = hashlib.blake2b(digest_size=16)
    for value in values:
        zeros = (value & -value).bit_length() - 1 if value else 0
        digest.update(f"{value >> zeros}:{power + zeros if value else 0};".encode())
    return digest.digest()
