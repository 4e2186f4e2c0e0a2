"""Exact numbers in arrays: fixed point in balanced digits, whose sums of products float64 computes without rounding.

A stored float64 is an integer times a power of two, and so is every sum of products of such numbers: no fraction ever
appears in a network's forms. `Fixed` holds such numbers as digits of 18 bits. A product of two digits has at most 34
bits, so a float64 sum of up to 2^19 of them is exact in any order: a matrix product, a convolution or a pooling of
digits by the ordinary float64 routines does not round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["DIGIT_BITS", "MOST_TERMS", "Fixed", "aligned", "to_integers"]

DIGIT_BITS = 18
_HALF = 1 << (DIGIT_BITS - 1)
_MOST_CARRIED = 4
"""Digits that a sum below 2^62 can reach beyond its own."""
_FEW = 1024
"""Numbers below which the calls cost more than the memory (measured)."""
_PIECES = 3
"""Digits that 53 bits fill."""

MOST_TERMS = 2**19
"""Products of two digits whose sum is exact in float64."""

_LEADING = 5
"""Digits that a float64 can see."""


@dataclass(frozen=True, eq=False)
class Fixed:
    """Exact numbers: the sum over i of digits[i] * 2^(18 (exponent + i)), digits int64 in [-2^17, 2^17).

    The first axis of `digits` counts the digits, the others are the array's own. No digits: all numbers are zero. The
    representation of a number is unique up to zero digits at both ends.

    Example:
        >>> number = Fixed.from_floats(torch.tensor([0.1, -3.0], dtype=torch.float64))
        >>> number.to_floats().tolist(), number.minus(number).signs().tolist()
        ([0.1, -3.0], [0, 0])
    """

    digits: Tensor
    exponent: int

    @classmethod
    def from_floats(cls, values: Tensor) -> Fixed:
        """The numbers, all finite, without rounding."""
        fractions, exponents = np.frexp(values.reshape(-1).numpy())
        mantissas = np.ldexp(fractions, 53).astype(np.int64)
        columns = np.flatnonzero(mantissas)
        if columns.size == 0:
            return cls.zeros(tuple(values.shape))
        signs, magnitudes = np.sign(mantissas[columns]), np.abs(mantissas[columns])
        positions, shifts = np.divmod(exponents[columns].astype(np.int64) - 53, DIGIT_BITS)
        low = int(positions.min())
        digits = np.zeros((int(positions.max()) - low + _PIECES, mantissas.size), dtype=np.int64)
        for piece in range(_PIECES):
            part = (magnitudes >> (DIGIT_BITS * piece)) & (2**DIGIT_BITS - 1)
            digits[positions - low + piece, columns] = signs * (part << shifts)
        return cls(torch.from_numpy(digits).reshape(-1, *values.shape), low).normalized()

    @classmethod
    def from_integers(cls, values: np.ndarray, power: int) -> Fixed:
        """Python integers, an array of objects, times 2 ** power.

        Example:
            >>> Fixed.from_integers(np.array([3, -(2**70)], dtype=object), -1).to_floats().tolist()
            [1.5, -5.902958103587057e+20]
        """
        exponent, shift = divmod(power, DIGIT_BITS)
        rest = np.abs(values) << shift
        signs, rows = np.where(values < 0, -1, 1).astype(np.int64), []
        while rest.any():
            rows.append((rest & (2**DIGIT_BITS - 1)).astype(np.int64) * signs)
            rest = rest >> DIGIT_BITS
        digits = np.stack(rows) if rows else np.zeros((0, *values.shape), dtype=np.int64)
        return cls(torch.from_numpy(digits), exponent).normalized()

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> Fixed:
        """All numbers zero.

        Example:
            >>> Fixed.zeros((2,)).to_floats().tolist()
            [0.0, 0.0]
        """
        return cls(torch.zeros((0, *shape), dtype=torch.int64), 0)

    @property
    def power(self) -> int:
        """2 ** power is the unit of the lowest digit: all numbers are integers times it."""
        return DIGIT_BITS * self.exponent

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of numbers."""
        return tuple(self.digits.shape[1:])

    def normalized(self) -> Fixed:
        """The same numbers with digits in range, from any int64 digits below 2^62, and no zero digits at both ends."""
        digits = torch.cat([self.digits, torch.zeros((_MOST_CARRIED, *self.shape), dtype=torch.int64)])
        numbers = math.prod(self.shape)
        if numbers < _FEW:
            _carry_everywhere(digits)
        else:
            _carry_upwards(digits)
        used = np.flatnonzero([row.any() for row in digits.numpy().reshape(len(digits), numbers)])
        if not used.size:
            return Fixed.zeros(self.shape)
        low, high = int(used[0]), int(used[-1]) + 1
        return Fixed(digits[low:high], self.exponent + low)

    def with_digits(self, digits: Tensor) -> Fixed:
        """Other digits in range at the same place: a selection or a reshape of these."""
        return Fixed(digits, self.exponent)

    def plus(self, other: Fixed) -> Fixed:
        """The sum, with numpy's broadcasting."""
        return _sum(self, other, 1)

    def minus(self, other: Fixed) -> Fixed:
        """The difference, with numpy's broadcasting."""
        return _sum(self, other, -1)

    def times(self, other: Fixed) -> Fixed:
        """The product entry by entry, with numpy's broadcasting."""
        shape = tuple(torch.broadcast_shapes(self.shape, other.shape))
        digits, others = self.digits, other.digits
        if digits.shape[0] == 0 or others.shape[0] == 0:
            return Fixed.zeros(shape)
        total = torch.zeros((digits.shape[0] + others.shape[0] - 1, *shape), dtype=torch.int64)
        for i in range(others.shape[0]):
            total[i : i + digits.shape[0]] += _spread(digits, shape) * others[i]
        return Fixed(total, self.exponent + other.exponent).normalized()

    def scaled(self, exponents: Sequence[int] | np.ndarray) -> Fixed:
        """The numbers times 2 ** exponents, one for all or an array that broadcasts against them."""
        powers = np.asarray(exponents, dtype=np.int64)
        positions, shifts = np.divmod(powers, DIGIT_BITS)
        if self.digits.shape[0] == 0:
            return self
        low = int(positions.min())
        total = torch.zeros((self.digits.shape[0] + int(positions.max()) - low, *self.shape), dtype=torch.int64)
        for position in np.unique(positions):
            at = torch.from_numpy(np.where(positions == position, 1 << shifts, 0))
            total[position - low : position - low + self.digits.shape[0]] += self.digits * at
        return Fixed(total, self.exponent + low).normalized()

    def signs(self) -> np.ndarray:
        """Sign of every number: -1, 0 or 1."""
        result = torch.zeros(self.shape, dtype=torch.int64)
        for (
            row
        ) in self.digits:  # the highest digit that is not zero decides, as the rest is less than half a unit of it
            result = torch.where(row != 0, row.sign(), result)
        return result.numpy()

    def to_floats(self) -> Tensor:
        """The nearest float64, or the one beside it: off by at most 2^-51 of the number, or 2^-1074 near zero."""
        count = self.digits.shape[0]
        if count == 0:
            return torch.zeros(self.shape, dtype=torch.float64)
        place = torch.arange(count).reshape(-1, *(1,) * len(self.shape))
        top = torch.where(self.digits != 0, place, -1).amax(dim=0)
        value = torch.zeros(self.shape, dtype=torch.float64)
        for step in range(_LEADING):
            index = top - step
            digit = self.digits.gather(0, index.clamp(min=0)[None])[0]
            # lowest digits last, so that each sum has the larger part exact
            value += torch.where(index >= 0, digit, 0).to(torch.float64) * 2.0 ** (-DIGIT_BITS * step)
        powers = DIGIT_BITS * (self.exponent + top.clamp(min=0).numpy())
        return torch.from_numpy(np.asarray(np.ldexp(value.numpy(), powers)))

    def keys(self) -> list[tuple[int, bytes]]:
        """One for each entry of the first axis: equal keys where all of its numbers are equal.

        Example:
            >>> a, b, c = Fixed.from_floats(torch.tensor([[0.1], [0.2], [0.1]], dtype=torch.float64)).keys()
            >>> a == b, a == c
            (False, True)
        """
        result = []
        for entry in self.digits.unbind(1):
            used = np.flatnonzero([bool(row.any()) for row in entry.numpy()])
            low, high = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
            result.append((self.exponent + low if used.size else 0, entry[low:high].numpy().tobytes()))
        return result

    def integers(self, low: int) -> np.ndarray:
        """The numbers divided by 2^(18 low), as Python integers in an object array; `low` is at most the exponent."""
        if self.digits.shape[0] == 0:
            return np.zeros(self.shape, dtype=object)
        total = np.zeros(self.shape, dtype=object)
        for row in self.digits.flip(0):
            total = (total << DIGIT_BITS) + row.numpy().astype(object)
        return total << (DIGIT_BITS * (self.exponent - low))


def to_integers(digits: np.ndarray) -> list[int]:
    """Python integers from their digits (places, numbers), in any int64 range: quicker than `Fixed` for a few.

    Example:
        >>> to_integers(np.array([[1, -1], [0, 1]]))
        [1, 262143]
    """
    values = [0] * digits.shape[1]
    for place in digits[::-1].tolist():
        values = [(value << DIGIT_BITS) + digit for value, digit in zip(values, place, strict=True)]
    return values


def _carry_everywhere(digits: Tensor) -> None:
    """Bring all digits into range at once, as often as it takes: few operations, each on everything."""
    while True:
        carry = (digits + _HALF) >> DIGIT_BITS
        if not bool(carry.any()):
            return
        digits -= carry << DIGIT_BITS
        digits[1:] += carry[:-1]


def _carry_upwards(digits: Tensor) -> None:
    """The same place by place: each is touched once, while it is in the cache."""
    carry = torch.zeros(digits.shape[1:], dtype=torch.int64)
    for row in digits:
        row += carry
        torch.add(row, _HALF, out=carry)
        carry >>= DIGIT_BITS
        row -= carry << DIGIT_BITS


def aligned(numbers: Sequence[Fixed]) -> tuple[list[Tensor], int]:
    """Digits of all arrays for one common range of places, and the exponent of the lowest.

    Example:
        >>> one = Fixed.from_floats(torch.ones(2, dtype=torch.float64))
        >>> digits, exponent = aligned([one, Fixed.zeros((3,))])
        >>> [tuple(d.shape) for d in digits], exponent
        ([(1, 2), (1, 3)], 0)
    """
    used = [number for number in numbers if number.digits.shape[0]]
    low = min((number.exponent for number in used), default=0)
    high = max((number.exponent + number.digits.shape[0] for number in used), default=0)
    result = []
    for number in numbers:
        digits = torch.zeros((high - low, *number.shape), dtype=torch.int64)
        if number.digits.shape[0]:
            start = number.exponent - low
            digits[start : start + number.digits.shape[0]] = number.digits
        result.append(digits)
    return result, low


def _spread(digits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Digits of an array that broadcasts to the shape."""
    own = digits.shape[1:]
    return digits.reshape(-1, *(1,) * (len(shape) - len(own)), *own)


def _sum(a: Fixed, b: Fixed, sign: int) -> Fixed:
    shape = tuple(torch.broadcast_shapes(a.shape, b.shape))
    (first, second), low = aligned([a, b])
    return Fixed(_spread(first, shape) + sign * _spread(second, shape), low).normalized()
