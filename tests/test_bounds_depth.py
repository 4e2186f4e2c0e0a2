"""Deep against shallow: the published table, sums by hand, and what has no answer."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrail.bounds.depth import compare, parameters, smallest_winning_depth
from vitrail.errors import InvalidOptionError, ResourceLimitError


def cap(n: int, d: int) -> int:
    return sum(comb(n, j) for j in range(d + 1))


def counted_parameters(widths: list[int]) -> int:
    return sum((a + 1) * b for a, b in pairwise(widths))


def lower_by_hand(bound: str, n0: int, n: int, k: int) -> int:
    if bound == "pascanu2013":
        return (n // n0) ** (k - 1) * cap(n, n0) if n >= n0 else 0
    if bound == "montufar2014":
        return max((n // d) ** (d * (k - 1)) * cap(n, d) for d in range(1, n0 + 1) if d <= n or k == 1)
    if bound == "serra2018":
        dimensions = [d for d in range(1, n0 + 1) if 3 * d <= n or k == 1]
        return max(((n // d + 1) ** (d * (k - 1)) * cap(n, d) for d in dimensions), default=0)
    return max(lower_by_hand(name, n0, n, k) for name in ("pascanu2013", "montufar2014", "serra2018"))


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [(1, [2, 2, 2]), (2, [6, 3, 2]), (3, [12, 6, 4]), (5, [25, 13, 10]), (10, [63, 35, 25])],
)
def test_table_of_smallest_depths(inputs: int, expected: list[int]) -> None:
    assert [smallest_winning_depth(inputs, times * inputs) for times in (2, 3, 4)] == expected


@pytest.mark.parametrize("bound", ["pascanu2013", "montufar2014", "serra2018", "best"])
@pytest.mark.parametrize("equal", ["units", "parameters"])
def test_smallest_depths_by_hand(bound: str, equal: str) -> None:
    for n0 in range(1, 6):
        for n in range(1, 4 * n0 + 1):
            found = smallest_winning_depth(n0, n, bound, equal=equal)
            for k in range(1, 41 if found is None else found + 1):
                total = counted_parameters([n0, *[n] * k, 1])
                units = k * n if equal == "units" else max(u for u in range(total) if (n0 + 2) * u + 1 <= total)
                wins = lower_by_hand(bound, n0, n, k) > cap(units, n0)
                assert wins == (k == found), (n0, n, k)


@pytest.mark.parametrize(
    ("inputs", "width", "bound"),
    [
        *((n0, n, "pascanu2013") for n0, n in ((1, 1), (2, 3), (5, 9), (4, 2))),
        *((n0, 1, "montufar2014") for n0 in (1, 3)),
        *((n0, n, "serra2018") for n0, n in ((1, 2), (3, 1))),
        (7, 1, "best"),
    ],
)
@pytest.mark.parametrize("equal", ["units", "parameters"])
def test_no_depth_will_do(inputs: int, width: int, bound: str, equal: str) -> None:
    assert smallest_winning_depth(inputs, width, bound, equal=equal) is None


def test_a_depth_beyond_the_limit_is_not_called_none() -> None:
    with pytest.raises(ResourceLimitError, match="limit=62 layers, found none up to there"):
        smallest_winning_depth(10, 20, limit=62)
    assert smallest_winning_depth(10, 20, limit=63) == 63


@given(st.integers(1, 6), st.integers(1, 12), st.integers(1, 6))
def test_comparison(n0: int, n: int, k: int) -> None:
    found = compare(n0, n, k)
    assert found.deep_parameters == counted_parameters([n0, *[n] * k, 1]) == parameters(n0, n, k)
    assert found.shallow_parameters == counted_parameters([n0, k * n, 1])
    assert found.equal_parameters == counted_parameters([n0, found.equal_units, 1]) <= found.deep_parameters
    assert counted_parameters([n0, found.equal_units + 1, 1]) > found.deep_parameters
    assert (found.units, found.shallow_regions) == (k * n, cap(k * n, n0))
    assert found.equal_regions == cap(found.equal_units, n0)
    by_hand = {name: lower_by_hand(name, n0, n, k) for name in ("pascanu2013", "montufar2014", "serra2018")}
    assert found.lower_bounds == {name: value for name, value in by_hand.items() if value}
    assert found.deep_lower == max(by_hand.values()) <= found.deep_upper <= 2 ** (k * n)
    assert found.deep_per_parameter == Fraction(found.deep_lower, found.deep_parameters)
    assert found.shallow_per_parameter == Fraction(found.shallow_regions, found.shallow_parameters)
    if k == 1:
        assert found.deep_lower == found.deep_upper == found.shallow_regions == found.equal_regions
        assert found.deep_wins is False


def test_who_wins() -> None:
    assert compare(2, 4, 6).deep_wins is True
    assert compare(2, 4, 6).deep_wins_at_equal_parameters is True
    # wide inputs: every pattern of one layer, and never so many of two (Serra et al. 2018, Corollary 3)
    assert compare(784, 11, 2).deep_wins is False
    assert compare(784, 11, 2).deep_upper == 2449868 < compare(784, 11, 2).shallow_regions == 2**22
    assert compare(2, 3, 2).deep_wins is None


def test_growth_per_parameter() -> None:
    deep = [compare(2, 8, k) for k in (2, 4, 8)]
    assert all(a.deep_per_parameter < b.deep_per_parameter for a, b in pairwise(deep))
    assert deep[-1].deep_per_parameter > 1000 * deep[-1].shallow_per_parameter


def test_repr_is_one_line() -> None:
    expected = "DepthComparison(2-4x6: 15,625 to 1,771,561 regions, 117 parameters; 2-24: 301, 97; 2-29: 436, 117)"
    assert repr(compare(2, 4, 6)) == expected
    assert compare(2, 4, 6).deep_upper == 11**6


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((2, 4, "pascanu"), {}, "did you mean 'pascanu2013'"),
        ((2, 4), {"equal": "weights"}, "equal: expected one of units, parameters"),
        ((0, 4), {}, "input_dimension"),
        ((2, True), {}, "width"),
        ((2, 4), {"limit": 0}, "limit"),
    ],
)
def test_wrong_options_are_refused(arguments: tuple[object, ...], options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        smallest_winning_depth(*arguments, **options)  # type: ignore[arg-type]


def test_wrong_comparisons_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="layers: expected an integer of at least 1, found 0"):
        compare(2, 4, 0)
