"""Exact numbers in digits against Python's integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitrail.numerics.fixed import DIGIT_BITS, Fixed

floats = st.floats(allow_nan=False, allow_infinity=False)


def fractions_of(number: Fixed) -> list[Fraction]:
    """The numbers, one by one from their digits."""
    digits = number.digits.reshape(len(number.digits), math.prod(number.shape)).T.tolist()
    places = [Fraction(2) ** (DIGIT_BITS * (number.exponent + i)) for i in range(len(number.digits))]
    return [sum((d * p for d, p in zip(row, places, strict=True)), Fraction(0)) for row in digits]


def fixed(values: list[float]) -> Fixed:
    return Fixed.from_floats(torch.tensor(values, dtype=torch.float64))


@given(st.lists(floats, min_size=1, max_size=4), st.lists(floats, min_size=4, max_size=4))
def test_arithmetic(first: list[float], second: list[float]) -> None:
    second = second[: len(first)]
    a, b = fixed(first), fixed(second)
    x, y = ([Fraction(v) for v in values] for values in (first, second))
    assert fractions_of(a) == x
    assert fractions_of(a.plus(b)) == [p + q for p, q in zip(x, y, strict=True)]
    assert fractions_of(a.minus(b)) == [p - q for p, q in zip(x, y, strict=True)]
    assert fractions_of(a.times(b)) == [p * q for p, q in zip(x, y, strict=True)]
    assert a.minus(b).signs().tolist() == [(p > q) - (p < q) for p, q in zip(x, y, strict=True)]
    for value in (a, a.plus(b), a.times(b)):
        assert int(value.digits.abs().max()) <= 2 ** (DIGIT_BITS - 1) if value.digits.numel() else True
    assert (a.plus(b).keys() == b.plus(a).keys()) and ((a.keys() == b.keys()) == (x == y))


@given(st.lists(st.integers(-(2**200), 2**200), min_size=1, max_size=3), st.integers(-300, 300))
def test_integers_there_and_back(values: list[int], power: int) -> None:
    number = Fixed.from_integers(np.array(values, dtype=object), power)
    assert fractions_of(number) == [Fraction(2) ** power * v for v in values]
    low = min(number.exponent, -20)
    assert number.integers(low).tolist() == [v * Fraction(2) ** (power - DIGIT_BITS * low) for v in values]
    for rounded, true in zip(number.to_floats().tolist(), fractions_of(number), strict=True):
        # 2^-51 of the number: what `EXACT_FORM_ROUNDING` promises
        assert abs(Fraction(rounded) - true) <= abs(true) / 2**51 + Fraction(1, 2**1074)


@pytest.mark.parametrize("numbers", [1, 7, 1023, 1024, 5000])
def test_carries_of_few_and_of_many_numbers(numbers: int) -> None:
    """Digits of any size below 2^62, also those that carry through all places."""
    generator = np.random.default_rng(numbers)
    digits = generator.integers(-(2**61), 2**61, (5, numbers))
    digits[:, 0] = 2 ** (DIGIT_BITS - 1) - 1
    digits[0, 0] += 1
    number = Fixed(torch.from_numpy(digits), -2)
    result = number.normalized()
    chosen = slice(0, min(numbers, 40))
    before, after = (Fixed(n.digits[:, chosen], n.exponent) for n in (number, result))
    assert fractions_of(after) == fractions_of(before)
    assert int(result.digits.max()) < 2 ** (DIGIT_BITS - 1)
    assert int(result.digits.min()) >= -(2 ** (DIGIT_BITS - 1))
    assert result.digits[0].any() and result.digits[-1].any()


def test_nothing() -> None:
    zero = fixed([0.0, -0.0])
    assert (len(zero.digits), zero.signs().tolist(), zero.to_floats().tolist()) == (0, [0, 0], [0.0, 0.0])
    assert zero.plus(fixed([1.0, 2.0])).to_floats().tolist() == [1.0, 2.0]
    assert zero.times(fixed([1.0, 2.0])).keys() == zero.keys()
    assert Fixed.from_floats(torch.zeros((0, 3), dtype=torch.float64)).shape == (0, 3)
    assert Fixed.from_floats(torch.tensor(1.5, dtype=torch.float64)).to_floats().item() == 1.5
