"""Hinz: Using activation histograms to bound the number of affine regions in ReLU feed-forward networks (2021).

The family of histograms comes from adding one unit at a time: a region that the new unit's hyperplane cuts appears once
with it active and once with it off, and the regions that it cuts are those of one dimension less. It starts from the
best possible histograms in one and two dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import comb

from flint import fmpz

from vitrail.bounds import conditions, hinz2019
from vitrail.bounds.combinatorics import arrangement_cells, partial_sums
from vitrail.bounds.hinz2019 import Histogram
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError
from vitrail.status import Definition

__all__ = ["STATEMENTS", "final_dimension_histogram", "growth_rate", "improved", "upper"]

_PAPER = "Hinz 2021 (arXiv 2103.17174)"
_KEPT = 1024  # pairs of dimension and width whose sums are kept


def improved(dimension: int, units: int) -> Histogram:
    """The histogram of active units (0, ..., m) of a layer of m ReLU units on n <= m dimensions that none exceeds.

    In one dimension one region has all units active, and two have one unit less each, down to m + 1 in all; in two
    dimensions one, and then m each, down to cap(m, 2). For n >= 3 it follows from m - 1 units and n and n - 1
    dimensions; here in closed form.

    Raises:
        InvalidOptionError: more dimensions than units.

    Example:
        >>> improved(1, 4), improved(2, 5), improved(3, 6)
        ([0, 0, 2, 2, 1], [0, 0, 5, 5, 5, 1], [0, 0, 7, 13, 15, 6, 1])
    """
    n, m = natural("dimension", dimension), natural("units", units)
    if n > m:
        raise InvalidOptionError(f"dimension: expected at most the {m} units, found {n}; take the smaller of the two")
    sums = [int(_at_most_off(n, m, off)) for off in range(m + 1)]
    return [sums[0], *(after - before for before, after in pairwise(sums))][::-1]


def final_dimension_histogram(input_dimension: int, widths: Sequence[int]) -> Histogram:
    """How many regions of a ReLU network have an image of dimension 0, 1, 2, ... behind the last layer.

    Its sums from any index up bound the numbers of regions whose image has that dimension or more.

    Example:
        >>> final_dimension_histogram(2, [4, 4]), final_dimension_histogram(2, [3, 3])
        ([0, 28, 81], [0, 24, 16])
    """
    return hinz2019.final_dimension_histogram(input_dimension, widths, improved)


def growth_rate(width: int, input_dimension: int | None = None) -> int:
    """The factor by which a further layer of n units multiplies the bound in the end (see `hinz2019.growth_rate`).

    Example:
        >>> growth_rate(4), growth_rate(5), growth_rate(6)
        (9, 16, 35)
    """
    return hinz2019.growth_rate(width, improved, input_dimension)


def upper(input_dimension: int, widths: Sequence[int]) -> int:
    """The most activation regions of a ReLU network, by the family `improved`.

    Never above Serra et al. (2018), and below it where some layer is narrower than about twice its input's dimension.

    Example:
        >>> upper(2, [4, 4]), upper(2, [4, 4, 4]), upper(784, [10, 10, 10, 10])
        (109, 1031, 201237225232)
    """
    values = [fmpz(1)] * (natural("input_dimension", input_dimension) + 1)
    for units in reversed(widths_of(widths)):
        top = min(units, len(values) - 1)
        found = [_regions(dimension, units, values) for dimension in range(top + 1)]
        values = found + [found[-1]] * (len(values) - 1 - top)
    return int(values[-1])


def _regions(dimension: int, units: int, after: Sequence[fmpz]) -> fmpz:
    """The sum over numbers j of units off of the histogram's entry times after[min(n, m - j)], by parts.

    With the sums of the histogram up to j in place of its entries only those j count at which the dimension falls.
    """
    cells, n, m = arrangement_cells(units, dimension), dimension, units
    if n == 0:
        return after[0]
    first = m - n  # with so many units off the dimension is still n
    end = min(_all_off(n, m), m)
    total = cells * after[m - end if end > first else n]
    if end > first:
        falls = [after[m - off] - after[m - off - 1] for off in range(first, end)]
        total += sum((s * fall for s, fall in zip(_sums(n, m), falls, strict=True) if fall != 0), start=fmpz(0))
    return total


@lru_cache(maxsize=_KEPT)
def _sums(dimension: int, units: int) -> tuple[fmpz, ...]:
    """The regions with at most j units off, for j from m - n to where all regions are among them."""
    n, m = dimension, units
    first, end = m - n, min(_all_off(n, m), m)
    if first >= n or n <= 2:
        return tuple(fmpz(_at_most_off(n, m, off)) for off in range(first, end))
    plain = list(partial_sums(m, min(n, end) - 1))[first:] if min(n, end) else []
    return (*(fmpz(s) for s in plain), *_corrected(n, m, max(n, first), end))


def _corrected(n: int, m: int, start: int, end: int) -> list[fmpz]:
    """`_at_most_off` for j from `start` >= n up to `end`, with binomials that follow from one another."""
    if start >= end:
        return []
    cells, i = fmpz(arrangement_cells(m, n)), start - n + 2
    left = m - 2 * i
    lowest = fmpz(comb(left, n - 2)) if left >= 0 else fmpz(0)
    found = []
    while i - 2 + n < end:
        middle = lowest * (left - n + 2) // (n - 1)
        highest = middle * (left - n + 1) // n
        found.append(cells - highest - (i + 1) * middle - i * lowest)
        lowest = lowest * ((left - n + 2) * (left - n + 1)) // (left * (left - 1)) if left > 1 else fmpz(0)
        i, left = i + 1, left - 2
    return found


def _all_off(dimension: int, units: int) -> int:
    """The least number of units off that no region exceeds."""
    n, m = dimension, units
    if n == 1:
        return (m + 1) // 2
    # the correction of `_at_most_off` vanishes where m - 2 i < n - 2
    return max((m - n + 2) // 2 + n - 1, n - 1) if n else 0


def _at_most_off(dimension: int, units: int, off: int) -> int:
    """How many regions have at most j units off: cap(m, j) for j < n, and cap(m, n) less a correction from there on."""
    n, m, j = dimension, units, off
    if n == 0:
        return 1
    if n == 1:
        return min(1 + 2 * j, m + 1)
    if j < n:
        return arrangement_cells(m, j)
    i = j - n + 2
    left = m - 2 * i
    if left < 0:
        return arrangement_cells(m, n)
    return arrangement_cells(m, n) - comb(left, n) - (i + 1) * comb(left, n - 1) - i * comb(left, n - 2)


def _cost(setting: Setting) -> int:
    """The products of `upper`: for each dimension of each layer one per number of units off that matters."""
    total, room = 0, setting.input_dimension
    for m in setting.widths:
        dimensions = range(max(m // 3, 1), min(room, m) + 1)
        total += 2 * sum(max((m + n) // 2 - (m - n), 0) for n in dimensions) + min(room, m)
    return total


STATEMENTS = (
    Statement(
        name="hinz2021",
        title="Hinz 2021",
        formula="the regions of phi_(n_L) ... phi_(n_1) e_(n_0), phi_m the layer's histogram of active units",
        reference=f"{_PAPER}; the recursion from one and two dimensions, proved independently",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(conditions.RELU, conditions.SEQUENTIAL),
        value=lambda s: upper(s.input_dimension, s.widths),
        cost=_cost,
        remark="that it is the paper's bound is likely; that it is a bound is proved",
    ),
)
