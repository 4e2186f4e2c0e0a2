"""Screening: a byte per row of the forms says whether a sign is positive, another whether it is still open."""

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"nogil": True, "cache": True, "_nrt": False}


def screening_flags(breakpoints: int, units: int) -> tuple[np.ndarray, ...]:
    """Two bytes per row, and both again seen as 64-bit words; the rows of each breakpoint start at a multiple of 64.

    Example:
        >>> [flags.shape for flags in screening_flags(1, 65)]
        [(128,), (128,), (16,), (16,)]
    """
    length = max(breakpoints, 1) * (-(-units // 64) * 64)
    positive, unsure = np.zeros(length, dtype=np.uint8), np.zeros(length, dtype=np.uint8)
    return positive, unsure, positive.view(np.int64), unsure.view(np.int64)


@njit(**_OPTIONS)
def padded(units):
    """The next multiple of 64."""
    return (units + 63) // 64 * 64


@njit(**_OPTIONS)
def pack_octet(octet):
    """Eight bytes 0 or 1, seen as a word, as eight bits: the product moves the lowest bit of byte i to bit 56 + i."""
    return ((octet * 0x0102040810204080) >> 56) & 255
