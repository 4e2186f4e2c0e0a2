"""Histograms of active units: their recursion, the framework around them, and layers counted exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, product
from math import comb, pi, tan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import exact, neutral
from vitrail.bounds import Architecture, Setting, hinz2019, hinz2021, montufar2017, serra2018
from vitrail.errors import InvalidOptionError

FAMILIES = (hinz2019.trivial, hinz2019.montufar, hinz2019.serra, hinz2021.improved)


@lru_cache
def by_recursion(n: int, m: int) -> tuple[int, ...]:
    """Regions with 0, 1, ..., m units off, one unit after the other, from the histograms in one and two dimensions."""
    if m == 0 or n == 0:
        return (1, *[0] * m)
    if n <= 2:
        step, left, found = (2, m)[n - 1], sum(comb(m, j) for j in range(n + 1)), []
        for off in range(m + 1):
            found.append(min(left, step if off else 1))
            left -= found[-1]
        return tuple(found)
    kept, cut = (*by_recursion(n, m - 1), 0), (0, *by_recursion(n - 1, m - 1))
    return tuple(a + b for a, b in zip(kept, cut, strict=True))


def by_matrices(inputs: int, widths: list[int], family: hinz2019.Family) -> int:
    """The published form: matrices of clipped histograms, and connectors between widths."""
    vector = np.zeros(inputs + 1, dtype=object)
    vector[inputs] = 1
    for width in widths:
        connector = np.array([[int(i == min(j, width)) for j in range(len(vector))] for i in range(width + 1)])
        matrix = np.zeros((width + 1, width + 1), dtype=object)
        for j in range(width + 1):
            for active, regions in enumerate(family(j, width)):
                matrix[min(active, j), j] += regions
        assert not np.tril(matrix, -1).any()
        vector = matrix @ (connector.astype(object) @ vector)
    return int(vector.sum())


def test_closed_form_of_the_recursion() -> None:
    for m in range(1, 15):
        for n in range(m + 1):
            assert hinz2021.improved(n, m) == list(by_recursion(n, m))[::-1], (n, m)


@pytest.mark.parametrize(
    ("family", "n", "m", "expected"),
    [
        (hinz2019.serra, 1, 4, [0, 0, 0, 4, 1]),
        (hinz2019.serra, 2, 5, [0, 0, 0, 10, 5, 1]),
        (hinz2019.serra, 3, 6, [0, 0, 0, 20, 15, 6, 1]),
        (hinz2021.improved, 1, 4, [0, 0, 2, 2, 1]),
        (hinz2021.improved, 2, 5, [0, 0, 5, 5, 5, 1]),
        (hinz2021.improved, 3, 6, [0, 0, 7, 13, 15, 6, 1]),
        (hinz2021.improved, 0, 3, [0, 0, 0, 1]),
        (hinz2021.improved, 0, 0, [1]),
        (hinz2019.montufar, 2, 3, [0, 0, 0, 7]),
        (hinz2019.trivial, 2, 3, [0, 0, 0, 8]),
    ],
)
def test_histograms(family: hinz2019.Family, n: int, m: int, expected: list[int]) -> None:
    assert family(n, m) == expected


def test_families_are_monotone_and_each_below_the_one_before() -> None:
    for m in range(1, 13):
        for n in range(m + 1):
            histograms = [family(n, m) for family in FAMILIES]
            assert all(sum(h) == sum(histograms[1]) for h in histograms[1:])
            assert all(hinz2019.dominates(a, b) for a, b in pairwise(histograms))
            if n:
                assert all(hinz2019.dominates(family(n, m), family(n - 1, m)) for family in FAMILIES)
    assert not hinz2019.dominates(hinz2021.improved(1, 4), hinz2019.serra(1, 4))


VALUES = [
    (2, [4, 4], 109),
    (2, [4, 4, 4], 1031),
    (3, [5, 4, 3], 2176),
    (8, [4, 4, 4, 4], 14485),
    (4, [8, 8, 8], 3596223),
    (784, [10, 10, 10, 10], 201237225232),
    (1, [4, 4], 25),
    (2, [2, 2], 11),
    (2, [3, 3], 40),
    (2, [3, 3, 3], 208),
    (10, [10, 10], 616666),
    (784, [11, 11], 2449868),
    (2, [4, 1], 22),
    (2, [4, 2], 42),
    (32, [16] * 5, 110658163939310922172924),
    (32, [20, 18, 16, 14, 12], 344410098747446494478672),
    (32, [12, 14, 16, 18, 20], 8761913440430165731773),
    (3, [], 1),
    (0, [3, 3], 1),
]


@pytest.mark.parametrize(("inputs", "widths", "expected"), VALUES)
def test_upper(inputs: int, widths: list[int], expected: int) -> None:
    assert hinz2021.upper(inputs, widths) == expected
    assert sum(hinz2021.final_dimension_histogram(inputs, widths)) == expected


@pytest.mark.parametrize(
    ("inputs", "widths", "expected"),
    [(2, [4, 4], [0, 28, 81]), (2, [2, 2], [2, 8, 1]), (2, [3, 3], [0, 24, 16]), (2, [3, 3, 3], [0, 144, 64])],
)
def test_final_dimensions(inputs: int, widths: list[int], expected: list[int]) -> None:
    assert hinz2021.final_dimension_histogram(inputs, widths) == expected


def test_growth_rates() -> None:
    assert [hinz2019.growth_rate(n) for n in range(4, 9)] == [11, 16, 42, 64, 163]
    assert [hinz2021.growth_rate(n) for n in range(4, 9)] == [9, 16, 35, 64, 138]
    for n in range(1, 40):
        expected = 2 ** (n - 1) + (comb(n, n // 2) // 2 if n % 2 == 0 else 0)
        assert hinz2019.growth_rate(n) == expected
        assert hinz2019.growth_rate(n, input_dimension=1) == (1 if n == 1 else n + 1)
    assert hinz2019.growth_rate(5, hinz2019.trivial) == 32
    assert hinz2021.growth_rate(8, 2) == 37


def test_growth_rate_is_that_of_many_layers() -> None:
    for width, rate in ((4, 9), (6, 35), (8, 138)):
        deep, deeper = hinz2021.upper(width, [width] * 200), hinz2021.upper(width, [width] * 201)
        assert abs(deeper / deep - rate) < rate / 1000


@given(st.integers(0, 9), st.lists(st.integers(1, 8), max_size=5))
def test_framework(inputs: int, widths: list[int]) -> None:
    assert hinz2019.upper(inputs, widths, hinz2019.trivial) == 2 ** sum(widths)
    assert hinz2019.upper(inputs, widths, hinz2019.montufar) == montufar2017.upper(inputs, widths)
    assert hinz2019.upper(inputs, widths) == serra2018.upper(inputs, widths)
    assert hinz2021.upper(inputs, widths) <= serra2018.upper(inputs, widths)
    assert hinz2021.upper(inputs, widths) == hinz2019.upper(inputs, widths, hinz2021.improved)
    for family in FAMILIES:
        assert hinz2019.upper(inputs, widths, family) == by_matrices(inputs, widths, family)


@given(st.integers(1, 60), st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_summation_by_parts_for_wider_layers(inputs: int, widths: list[int]) -> None:
    assert hinz2021.upper(inputs, widths) == hinz2019.upper(inputs, widths, hinz2021.improved)


def test_no_gain_for_few_inputs() -> None:
    for inputs, widths in product((1, 2, 3), ([12, 10], [9, 9, 9], [30])):
        assert hinz2021.upper(inputs, widths) == serra2018.upper(inputs, widths)


def active_units(forms: Sequence[Sequence[Any]]) -> list[int]:
    """The histogram of active units over the counted regions of a layer on the plane."""
    net = neutral.mlp([([list(form[1:]) for form in forms], [form[0] for form in forms]), ([[1] * len(forms)], [0])])
    found = [0] * (len(forms) + 1)
    for pattern in exact.whole_plane_patterns(net):
        found[sum(pattern)] += 1
    return found


lines = st.lists(st.tuples(*[st.integers(-9, 9)] * 3), min_size=2, max_size=6)


@given(lines)
def test_counted_layers_stay_below_every_family(layer: list[tuple[int, int, int]]) -> None:
    histogram = active_units(layer)
    for family in FAMILIES:
        assert hinz2019.dominates(family(2, len(layer)), histogram)


@pytest.mark.parametrize("m", [3, 5, 7])
def test_tangents_of_a_circle_attain_the_histogram_of_the_plane(m: int) -> None:
    halves = [Fraction(tan(pi * (i / m - 0.45))).limit_denominator(50) for i in range(m)]
    tangents = [[1 + s * s, s * s - 1, -2 * s] for s in halves]  # all units are on inside
    assert active_units(tangents) == hinz2021.improved(2, m)


@pytest.mark.parametrize("m", range(1, 8))
def test_points_attain_the_histogram_of_the_line(m: int) -> None:
    facing = [1 if i < m // 2 + m % 2 else -1 for i in range(m)]  # all units are on in the middle
    first = ([[f] for f in facing], [-f * i for i, f in enumerate(facing)])
    found = [0] * (m + 1)
    for cell in exact.whole_line(neutral.mlp([first, ([[1] * m], [0])]), [0], [1]).cells:
        found[sum(cell.pattern)] += 1
    assert found == hinz2021.improved(1, m)


@pytest.mark.parametrize("family", FAMILIES)
def test_more_dimensions_than_units_are_refused(family: hinz2019.Family) -> None:
    with pytest.raises(InvalidOptionError, match="dimension: expected at most the 3 units, found 4"):
        family(4, 3)
    with pytest.raises(InvalidOptionError, match="dimension: expected an integer of at least 0, found -1"):
        family(-1, 3)


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match=r"widths\[1\]"):
        hinz2021.upper(2, [3, 0])
    with pytest.raises(InvalidOptionError, match="input_dimension"):
        hinz2019.upper(-1, [3])
    with pytest.raises(InvalidOptionError, match="width: expected an integer of at least 1"):
        hinz2021.growth_rate(0)


def test_cost_follows_the_work() -> None:
    (statement,) = hinz2021.STATEMENTS
    costs = [statement.cost(Setting(Architecture.of([784, n, n, 10]))) for n in (10, 100, 1000)]
    assert costs == sorted(costs)
    assert costs[1] < 100_000
    assert statement.cost(Setting(Architecture.of([2, 1000, 1000, 1]))) < 100
    assert statement.cost(Setting(Architecture.of([784, *[1000] * 50, 10]))) > 2_000_000
