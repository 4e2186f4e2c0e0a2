"""Packed activation patterns: the piece of every unit in a few bits, 64 bits to a word.

The units of one op take the same number of bits, a power of two, so that no unit crosses a word; every op starts a new
word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["PatternLayout", "bits_for", "pack", "unpack", "words_for"]


def bits_for(pieces: int) -> int:
    """Bits per unit that hold `pieces` different pieces: 1, 2, 4, 8, 16 or 32.

    Example:
        >>> [bits_for(p) for p in (2, 3, 4, 9, 257)]
        [1, 2, 2, 4, 16]
    """
    bits = 1
    while 2**bits < pieces:
        bits *= 2
    return bits


def words_for(units: int, bits: int) -> int:
    """64-bit words that hold `units` fields of `bits` bits.

    Example:
        >>> words_for(64, 1), words_for(65, 1), words_for(10, 16)
        (1, 2, 3)
    """
    return -(-units * bits // 64)


def pack(pieces: np.ndarray, bits: int) -> np.ndarray:
    """Pack pieces of shape (batch, units) into words of shape (batch, words), int64.

    Example:
        >>> pack(np.array([[1, 0, 1]]), 1)
        array([[5]])
    """
    batch, units = pieces.shape
    per_word = 64 // bits
    words = words_for(units, bits)
    padded = np.zeros((batch, words * per_word), dtype=np.uint64)
    padded[:, :units] = pieces
    shifts = np.arange(per_word, dtype=np.uint64) * np.uint64(bits)
    return np.bitwise_or.reduce(padded.reshape(batch, words, per_word) << shifts, axis=2).view(np.int64)


def unpack(words: np.ndarray, units: int, bits: int) -> np.ndarray:
    """Undo `pack`: pieces of shape (batch, units), in the smallest unsigned type that holds them.

    Example:
        >>> unpack(np.array([[5]]), 3, 1)
        array([[1, 0, 1]], dtype=uint8)
    """
    if bits == 1:
        octets = np.ascontiguousarray(words).astype("<i8", copy=False).view(np.uint8)
        return np.unpackbits(octets, axis=1, count=units, bitorder="little")
    per_word = 64 // bits
    shifts = np.arange(per_word, dtype=np.uint64) * np.uint64(bits)
    fields = (words.view(np.uint64)[:, :, None] >> shifts) & np.uint64(2**bits - 1)
    small = np.uint8 if bits <= 8 else np.uint16 if bits == 16 else np.uint32
    return fields.reshape(words.shape[0], words.shape[1] * per_word)[:, :units].astype(small)


@dataclass(frozen=True)
class PatternLayout:
    """Where the pattern of each op lies in the words of a region: units and bits per op, in the order of the network.

    Example:
        >>> layout = PatternLayout((3, 2), (1, 4))
        >>> layout.words, layout.slice_of(1)
        (2, slice(1, 2, None))
    """

    units: tuple[int, ...]
    bits: tuple[int, ...]

    @property
    def words(self) -> int:
        """Words of a whole pattern."""
        return sum(words_for(u, b) for u, b in zip(self.units, self.bits, strict=True))

    def slice_of(self, op: int) -> slice:
        """The words of one op."""
        start = sum(words_for(u, b) for u, b in zip(self.units[:op], self.bits[:op], strict=True))
        return slice(start, start + words_for(self.units[op], self.bits[op]))

    def unpack(self, words: np.ndarray) -> list[np.ndarray]:
        """Pieces of each op, arrays of shape (batch, units of the op)."""
        return [self.unpack_stage(words[:, self.slice_of(i)], i) for i in range(len(self.units))]

    def unpack_stage(self, words: np.ndarray, op: int) -> np.ndarray:
        """Pieces of one op from its own words, (batch, units of the op)."""
        return unpack(words, self.units[op], self.bits[op])
