"""Sums of binomials that all bounds are made of, in integers of any size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate

from flint import fmpz, fmpz_poly

__all__ = [
    "arrangement_cells",
    "binomial_row",
    "cells_of_families",
    "cells_up_to",
    "elementary_symmetric",
    "partial_sums",
    "symmetric_of_families",
]

_KEPT = 32  # rows of binomials that are kept: of thousands of units one takes megabytes


def binomial_row(n: int, last: int | None = None) -> tuple[fmpz, ...]:
    """The binomials C(n, 0), ..., C(n, last), by default up to C(n, n).

    Example:
        >>> binomial_row(4), binomial_row(4, 2)
        ((1, 4, 6, 4, 1), (1, 4, 6))
    """
    return _rows(n, n if last is None else min(n, last))[0]


def partial_sums(n: int, last: int | None = None) -> tuple[fmpz, ...]:
    """The sums C(n, 0) + ... + C(n, d) for d = 0, ..., last, by default up to d = n.

    Example:
        >>> partial_sums(4), partial_sums(4, 2)
        ((1, 5, 11, 15, 16), (1, 5, 11))
    """
    return _rows(n, n if last is None else min(n, last))[1]


@lru_cache(maxsize=_KEPT)
def _rows(n: int, last: int) -> tuple[tuple[fmpz, ...], tuple[fmpz, ...]]:
    row = [fmpz(1)]
    for j in range(last):
        row.append(row[-1] * (n - j) // (j + 1))
    return tuple(row), tuple(accumulate(row))


def arrangement_cells(hyperplanes: int, dimension: int) -> int:
    """The largest number of cells into which n hyperplanes cut a d-dimensional space: C(n, 0) + ... + C(n, d).

    Schlaefli (1901); 1 in dimension 0.

    Example:
        >>> arrangement_cells(3, 2), arrangement_cells(3, 0), arrangement_cells(0, 5)
        (7, 1, 1)
    """
    if dimension >= hyperplanes:
        return 1 << hyperplanes
    return _cells(hyperplanes, max(dimension, 0))


@lru_cache(maxsize=4096)
def _cells(hyperplanes: int, dimension: int) -> int:
    """Term by term: the whole row of binomials would be too large for many hyperplanes in few dimensions."""
    term = total = fmpz(1)
    for j in range(dimension):
        term = term * (hyperplanes - j) // (j + 1)
        total += term
    return int(total)


def elementary_symmetric(values: Iterable[int], degree: int) -> list[int]:
    """The elementary symmetric polynomials e_0, ..., e_degree of some integers.

    Example:
        >>> elementary_symmetric([1, 2, 3], 2)
        [1, 6, 11]
    """
    sums = [1] + [0] * degree
    for value in values:
        for j in range(degree, 0, -1):
            sums[j] += value * sums[j - 1]
    return sums


def cells_of_families(families: Mapping[int, int], dimension: int) -> int:
    """The largest number of cells that units with several pieces cut out of a d-dimensional space.

    `families` says how many units (value) have how many breakpoints, or pieces less one (key). For parallel
    hyperplanes this is Zaslavsky's theorem (1975), for units of any convex pieces, maxout units among them, the bound
    of Goujon, Etemadi and Unser (2024): the sum of e_j(pieces - 1) over j <= d.

    Example:
        >>> cells_of_families({1: 3}, 2), cells_of_families({2: 3}, 2), cells_of_families({}, 2)
        (7, 19, 1)
    """
    cutting = {extra: units for extra, units in families.items() if extra > 0 and units > 0}
    if set(cutting) <= {1}:
        return arrangement_cells(sum(cutting.values()), dimension)
    return int(cells_up_to(cutting, dimension)[dimension])


def cells_up_to(families: Mapping[int, int], dimension: int) -> list[fmpz]:
    """`cells_of_families` in 0, ..., d dimensions.

    Example:
        >>> cells_up_to({2: 3}, 3)
        [1, 7, 19, 27]
    """
    return list(accumulate(symmetric_of_families(families, dimension)))


def symmetric_of_families(families: Mapping[int, int], degree: int) -> list[fmpz]:
    """The elementary symmetric polynomials e_0, ..., e_degree of numbers (keys) that occur so often (values).

    Example:
        >>> symmetric_of_families({2: 3}, 4)
        [1, 6, 12, 8, 0]
    """
    # the coefficients of the product of 1 + number t; no power is computed beyond the degree
    product = fmpz_poly([1])
    for number, times in families.items():
        row = [fmpz(1)]
        for j in range(min(times, degree)):
            row.append(row[-1] * ((times - j) * number) // (j + 1))
        product = fmpz_poly((product * fmpz_poly(row)).coeffs()[: degree + 1])
    found = list(product.coeffs())
    return found + [fmpz(0)] * (degree + 1 - len(found))
