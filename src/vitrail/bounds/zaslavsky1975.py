"""Zaslavsky: Facing up to Arrangements (Memoirs of the AMS, 1975); Schlaefli (1901) and Cover (1965) before him."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb, gcd, lcm
from typing import Any

import numpy as np
from flint import fmpz_mat

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import arrangement_cells, elementary_symmetric
from vitrail.bounds.inputs import natural
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError, ResourceLimitError
from vitrail.status import Definition

__all__ = [
    "STATEMENTS",
    "arrangement_bounded_regions",
    "arrangement_cost",
    "arrangement_regions",
    "bounded",
    "central",
    "characteristic_polynomial",
    "exact",
    "faces",
    "parallel",
    "unbounded",
]

_PAPER = "Zaslavsky 1975 (Memoirs of the American Mathematical Society 154)"
_MOST_HYPERPLANES = 1_000_000

Form = tuple[int, ...]
"""A hyperplane b + a x = 0 as integers (b, a_1, ..., a_d) without a common factor, the first a_i != 0 positive."""


def exact(hyperplanes: int, dimension: int) -> int:
    """The largest number of regions of n hyperplanes in d dimensions: C(n, 0) + ... + C(n, d).

    Attained in general position. It is the largest number of activation regions of a layer of n units of two pieces.

    Example:
        >>> exact(3, 2), exact(5, 3), exact(6, 10)
        (7, 26, 64)
    """
    return arrangement_cells(natural("hyperplanes", hyperplanes), natural("dimension", dimension))


def central(hyperplanes: int, dimension: int) -> int:
    """The largest number of regions of n hyperplanes through the origin: 2 (C(n-1, 0) + ... + C(n-1, d-1)).

    Cover (1965); 1 for no hyperplanes or no dimensions. It is that of a layer of n units without biases.

    Example:
        >>> central(3, 2), central(5, 3), central(4, 6)
        (6, 22, 16)
    """
    n, d = natural("hyperplanes", hyperplanes), natural("dimension", dimension)
    return 2 * arrangement_cells(n - 1, d - 1) if n and d else 1


def bounded(hyperplanes: int, dimension: int) -> int:
    """The bounded regions of n hyperplanes in general position in d >= 1 dimensions: C(n-1, d).

    Example:
        >>> bounded(3, 2), bounded(10, 4), bounded(4, 6)
        (1, 126, 0)
    """
    n, d = natural("hyperplanes", hyperplanes), natural("dimension", dimension, 1)
    return comb(n - 1, d) if n else 0


def unbounded(hyperplanes: int, dimension: int) -> int:
    """The unbounded regions of n hyperplanes in general position in d >= 1 dimensions: `exact` less `bounded`.

    As many as n hyperplanes through the origin have regions.

    Example:
        >>> unbounded(3, 2), unbounded(5, 3), unbounded(10, 4)
        (6, 22, 260)
    """
    return exact(hyperplanes, dimension) - bounded(hyperplanes, dimension)


def faces(hyperplanes: int, dimension: int, k: int) -> int:
    """The k-dimensional faces of n hyperplanes in general position: C(n, d-k) cap(n-d+k, k), 0 <= k <= d.

    cap(n, d) stands for C(n, 0) + ... + C(n, d); faces of dimension d are the regions.

    Raises:
        InvalidOptionError: k above the dimension.

    Example:
        >>> faces(4, 2, 0), faces(4, 2, 2), faces(6, 3, 1)
        (6, 11, 75)
    """
    n, d = natural("hyperplanes", hyperplanes), natural("dimension", dimension)
    if natural("k", k) > d:
        raise InvalidOptionError(f"k: expected a dimension of faces of at most {d}, found {k}")
    return comb(n, d - k) * arrangement_cells(n - d + k, k) if n >= d - k else 0


def parallel(families: Sequence[int], dimension: int) -> int:
    """The regions of families of m_1, ..., m_r parallel hyperplanes, in general directions: the sum of e_j for j <= d.

    e_j is the elementary symmetric polynomial of the m_i. Units with m_i breakpoints have such families.

    Example:
        >>> parallel([2, 2], 2), parallel([3, 1, 2], 2), parallel([1, 1, 1, 1], 2)
        (9, 18, 11)
    """
    sizes = [natural(f"families[{place}]", size) for place, size in enumerate(families)]
    return sum(elementary_symmetric(sizes, min(natural("dimension", dimension), len(sizes))))


def arrangement_regions(normals: Any, offsets: Any, *, limit: int = _MOST_HYPERPLANES) -> int:
    """The regions of given hyperplanes a x + b = 0 in d dimensions, in any position, without rounding.

    `normals` (n, d) and `offsets` (n,) are finite floats, integers or fractions, and taken as the rationals that they
    are. Equal hyperplanes count once; zero normals are none. Zaslavsky's theorem, by deletion and restriction.

    Raises:
        InvalidOptionError: shapes that do not fit together, or numbers that are not finite.
        ResourceLimitError: more than `limit` hyperplanes to intersect on the way (see `arrangement_cost`).

    Example:
        >>> arrangement_regions([[1, 0], [0, 1], [1, 1]], [0, 0, -1]), arrangement_regions([[1, 0], [2, 0]], [0, 0])
        (7, 2)
    """
    polynomial = characteristic_polynomial(normals, offsets, limit=limit)
    return abs(sum(term * (-1) ** power for power, term in enumerate(polynomial)))


def arrangement_bounded_regions(normals: Any, offsets: Any, *, limit: int = _MOST_HYPERPLANES) -> int:
    """The bounded regions of given hyperplanes; 0 where their normals do not span the space.

    Arguments and errors are those of `arrangement_regions`.

    Example:
        >>> arrangement_bounded_regions([[1, 0], [0, 1], [1, 1]], [0, 0, -1])
        1
    """
    polynomial = characteristic_polynomial(normals, offsets, limit=limit)
    # where normals span fewer dimensions, every region has a line in it: then t divides the polynomial
    dimension = len(polynomial) - 1
    if dimension and not _spans(_forms(normals, offsets)[0], dimension):
        return 0
    return abs(sum(polynomial))


def characteristic_polynomial(normals: Any, offsets: Any, *, limit: int = _MOST_HYPERPLANES) -> list[int]:
    """The coefficients of t^0, ..., t^d of the characteristic polynomial of given hyperplanes.

    Up to signs its value at -1 is the number of regions, at 1 that of (relatively) bounded ones. Arguments and errors
    are those of `arrangement_regions`.

    Example:
        >>> characteristic_polynomial([[1, 0], [0, 1], [1, 1]], [0, 0, -1])
        [3, -3, 1]
    """
    forms, dimension = _forms(normals, offsets)
    rank = _rank(forms)
    if rank == len(forms):  # independent normals: (t - 1)^rank t^(d - rank)
        kept = [comb(rank, power) * (-1) ** (rank - power) for power in range(rank + 1)]
    else:
        steps = arrangement_cost(len(forms), rank)
        if steps > limit:
            raise ResourceLimitError(
                f"regions of an arrangement: expected at most {limit:,} intersections of hyperplanes, found up to "
                f"{steps:,} for {len(forms)} hyperplanes of rank {rank}; raise limit, or take the largest number that "
                "an arrangement can have"
            )
        kept = _polynomial(_essential(forms, rank), rank)
    return [0] * (dimension - rank) + kept


def arrangement_cost(hyperplanes: int, dimension: int) -> int:
    """How many hyperplanes deletion and restriction intersect at most: C(n, 2) + ... + C(n, d).

    Example:
        >>> arrangement_cost(5, 2), arrangement_cost(5, 3)
        (10, 20)
    """
    return max(arrangement_cells(hyperplanes, dimension) - hyperplanes - 1, 0)


def _forms(normals: Any, offsets: Any) -> tuple[list[Form], int]:
    """The different hyperplanes, and the dimension."""
    matrix, vector = np.array(normals, dtype=object), np.array(offsets, dtype=object)
    if matrix.ndim != 2 or vector.shape != (len(matrix),):
        raise InvalidOptionError(
            "hyperplanes: expected normals of shape (n, d) and offsets of shape (n,), found shapes "
            f"{matrix.shape} and {vector.shape}"
        )
    forms: dict[Form, None] = {}
    for place, (normal, offset) in enumerate(zip(matrix.tolist(), vector.tolist(), strict=True)):
        try:
            numbers = [Fraction(number) for number in (offset, *normal)]
        except (TypeError, ValueError, OverflowError):
            raise InvalidOptionError(
                f"hyperplanes: expected finite numbers, found {[offset, *normal]!r} in row {place}"
            ) from None
        scale = lcm(*(number.denominator for number in numbers))
        form = _primitive([int(number * scale) for number in numbers])
        if form is not None:
            forms[form] = None
    return list(forms), matrix.shape[1]


def _primitive(form: Sequence[int]) -> Form | None:
    """The form without common factors, with a positive first coefficient; None where its normal is zero."""
    lead = next((number for number in form[1:] if number), 0)
    if not lead:
        return None
    factor = gcd(*form) if lead > 0 else -gcd(*form)
    return tuple(number // factor for number in form)


def _rank(forms: Sequence[Form]) -> int:
    return int(fmpz_mat([list(form[1:]) for form in forms]).rank()) if forms else 0


def _spans(forms: Sequence[Form], dimension: int) -> bool:
    return _rank(forms) == dimension


def _essential(forms: Sequence[Form], rank: int) -> list[Form]:
    """The hyperplanes in coordinates along which they change, as many as their rank.

    On the coordinates of the pivots of the row space the normals keep their rank and the hyperplanes all their
    intersections.
    """
    if rank == len(forms[0]) - 1:
        return list(forms)
    reduced, _, _ = fmpz_mat([list(form[1:]) for form in forms]).rref()
    rows = [[int(reduced[row, column]) for column in range(reduced.ncols())] for row in range(rank)]
    pivots = [next(column for column, number in enumerate(row) if number) for row in rows]
    kept = [_primitive([form[0], *(form[1 + column] for column in pivots)]) for form in forms]
    return [form for form in kept if form is not None]


def _polynomial(forms: Sequence[Form], dimension: int) -> list[int]:
    """t^d less the polynomials of what each hyperplane meets of those before it."""
    coefficients = [0] * dimension + [1]
    if dimension == 1:
        coefficients[0] = -len(forms)
        return coefficients
    for number, form in enumerate(forms):
        restricted = list(dict.fromkeys(_restricted(forms[:number], form)))
        for power, term in enumerate(_polynomial(restricted, dimension - 1)):
            coefficients[power] -= term
    return coefficients


def _restricted(forms: Sequence[Form], onto: Form) -> list[Form]:
    """What hyperplanes cut out of another one, in all coordinates but the first that its normal has."""
    pivot = next(place for place in range(1, len(onto)) if onto[place])
    lead, found = onto[pivot], []
    for form in forms:
        factor = form[pivot]
        rest = [lead * a - factor * b for place, (a, b) in enumerate(zip(form, onto, strict=True)) if place != pivot]
        cut = _primitive(rest)
        if cut is not None:
            found.append(cut)
    return found


def _cost(setting: Setting) -> int:
    """The numbers that deletion and restriction compute for the first layer of the given weights."""
    weights = setting.weights or ()
    units, inputs = weights[0][0].shape if weights else (0, 0)
    return arrangement_cost(units, min(units, inputs)) * 4 * (inputs + 1)


_AT_ZERO = conditions.every_layer(
    "units that switch where a pre-activation is 0 (ReLU, leaky ReLU, absolute value)",
    lambda layer: layer.activation in ("relu", "leaky_relu", "abs"),
    lambda layer: layer.activation,
)

STATEMENTS = (
    Statement(
        name="zaslavsky1975",
        title="Zaslavsky 1975",
        formula="cap(n_1, n_0) = C(n_1, 0) + ... + C(n_1, n_0)",
        reference=f"{_PAPER}; Schlaefli 1901",
        counts=Definition.ACTIVATION,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.ONE_LAYER, conditions.TWO_PIECES, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED),
        ),
        value=lambda s: exact(s.widths[0], s.input_dimension),
    ),
    Statement(
        name="zaslavsky1975_central",
        title="Zaslavsky 1975, no biases",
        formula="2 (C(n_1 - 1, 0) + ... + C(n_1 - 1, n_0 - 1))",
        reference=f"{_PAPER}; Cover 1965",
        counts=Definition.ACTIVATION,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.ONE_LAYER, conditions.TWO_PIECES, conditions.SEQUENTIAL, conditions.DENSE),
            conditions.UNBIASED,
        ),
        value=lambda s: central(s.widths[0], s.input_dimension),
    ),
    Statement(
        name="zaslavsky1975_weights",
        title="Zaslavsky 1975, given weights",
        formula="|chi(-1)|, chi the characteristic polynomial of the hyperplanes W_1 x + b_1 = 0",
        reference=f"{_PAPER}, Theorem A",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.WEIGHTS}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.ONE_LAYER, conditions.TWO_PIECES, conditions.SEQUENTIAL, conditions.WEIGHTS),
            _AT_ZERO,
        ),
        value=lambda s: arrangement_regions(*(s.weights or ())[0]),
        cost=_cost,
        remark="exactly the activation regions of the given network on the whole input space",
    ),
)
