"""Tseran, Montufar: On the Expected Complexity of Maxout Networks (NeurIPS 2021)."""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

from vitrail.bounds import conditions
from vitrail.bounds.hanin2019patterns import CUBE, LARGE_CUBE, MOMENTS, SIDES, smallest_side
from vitrail.bounds.inputs import natural
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError, NotApplicableError
from vitrail.options import positive_number
from vitrail.status import Definition

__all__ = ["STATEMENTS", "boundary_growth", "boundary_upper", "expected_upper", "growth"]

_PAPER = "Tseran, Montufar 2021 (NeurIPS, arXiv 2107.00379)"
_FACTOR, _BOUNDARY_FACTOR = 2**5, 2**4


def growth(input_dimension: int, units: int, rank: int | None = None) -> Fraction:
    """The growth of the bound in units and rank: (K N)^n_0 C(K n_0, 2 n_0) / n_0!, or N^n_0 / n_0! without a rank.

    What counts are plotted against; no bound.

    Example:
        >>> growth(2, 20, 2), growth(2, 20)
        (Fraction(800, 1), Fraction(200, 1))
    """
    dimension, number = natural("input_dimension", input_dimension, 1), natural("units", units)
    return _growth(dimension, number, rank, dimension)


def boundary_growth(input_dimension: int, units: int, rank: int | None = None) -> Fraction:
    """The same for pieces of the boundary between two classes, which has one dimension less.

    Example:
        >>> boundary_growth(2, 20, 2), boundary_growth(2, 20)
        (Fraction(40, 1), Fraction(20, 1))
    """
    dimension, number = natural("input_dimension", input_dimension, 1), natural("units", units)
    return _growth(dimension - 1, number, rank, dimension - 1)


def _growth(dimension: int, units: int, rank: int | None, power: int) -> Fraction:
    if rank is None:
        return Fraction(units**power, factorial(power))
    k = natural("rank", rank, 2)
    return Fraction((k * units) ** power * comb(k * dimension, 2 * dimension), factorial(power))


def _checked_side(side: float, gradient: float, bias: float) -> Fraction:
    length, least = Fraction(positive_number("side", side)), smallest_side(gradient, bias)
    if length < least:
        raise NotApplicableError(
            f"tseran2021: expected a side of at least {float(least):.6g} = 1 / (2 C_grad C_bias), found {side!r}; use "
            "montufar2022_upper, which holds everywhere"
        )
    return length


def expected_upper(input_dimension: int, units: int, rank: int, side: float, gradient: float, bias: float) -> Fraction:
    """The mean number of activation regions of a maxout network in a cube: (T K N side)^n_0 C(K n_0, 2 n_0) / n_0!.

    N units of rank K, T = 2^5 C_grad C_bias; K^N for N <= n_0. Theorem 9 (number from memory; the conditions on the
    cube and the moments too). The constants bound the gradients and the densities of the biases of every candidate of
    a unit. Exact for the floats given.

    Raises:
        NotApplicableError: a cube with sides below 1 / (2 C_grad C_bias).
        InvalidOptionError: numbers that are not positive and finite, or not integers where these are needed.

    Example:
        >>> float(expected_upper(2, 12, 3, 1.0, 1.0, 1.0)), float(expected_upper(3, 10, 4, 1.0, 1.0, 0.5))
        (9953280.0, 40370176000.0)
    """
    dimension, number = natural("input_dimension", input_dimension, 1), natural("units", units)
    k, length = natural("rank", rank, 2), _checked_side(side, gradient, bias)
    if number <= dimension:
        return Fraction(k**number)
    density = _FACTOR * Fraction(gradient) * Fraction(bias)
    return (density * length) ** dimension * _growth(dimension, number, k, dimension)


def boundary_upper(input_dimension: int, units: int, rank: int, side: float, gradient: float, bias: float) -> Fraction:
    """The mean number of pieces of the boundary between two classes in a cube.

    T^n_0 (2 K N)^(n_0-1) C(K (n_0-1), 2 (n_0-1)) / (n_0-1)! side^n_0 with T = 2^4 C_grad C_bias, for N >= n_0 (from
    memory).

    Raises:
        NotApplicableError: fewer units than inputs, or a cube with sides below 1 / (2 C_grad C_bias).

    Example:
        >>> float(boundary_upper(2, 20, 2, 1.0, 1.0, 1.0))
        20480.0
    """
    dimension, number = natural("input_dimension", input_dimension, 1), natural("units", units)
    length = _checked_side(side, gradient, bias)
    if number < dimension:
        raise NotApplicableError(
            f"tseran2021: expected at least as many units as inputs, found {number} for {dimension}; count instead"
        )
    density = _BOUNDARY_FACTOR * Fraction(gradient) * Fraction(bias)
    return (density * length) ** dimension * 2 ** (dimension - 1) * _growth(dimension - 1, number, rank, dimension - 1)


def _one_rank(setting: Setting) -> set[int]:
    return {pieces for layer in setting.layers for pieces, number in layer.pieces if number}


def _expected(setting: Setting) -> Fraction:
    if setting.lengths is None or setting.constants is None:
        raise InvalidOptionError("setting: expected lengths and constants, found none; give both")
    constants, units, (rank,) = setting.constants, setting.architecture.number_of_units, _one_rank(setting)
    return expected_upper(setting.input_dimension, units, rank, setting.lengths[0], constants.gradient, constants.bias)


STATEMENTS = (
    Statement(
        name="tseran2021",
        title="Tseran, Montufar 2021",
        formula="(T K N)^n_0 C(K n_0, 2 n_0) / n_0! side^n_0 with T = 2^5 C_grad C_bias for N > n_0, else K^N",
        reference=f"{_PAPER}, Theorem 9 (number and conditions from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER_ON_EXPECTATION,
        needs=frozenset({Need.DISTRIBUTION, Need.DOMAIN}),
        confidence=Confidence.LIKELY,
        conditions=(
            *(conditions.MAXOUT, conditions.DENSE, conditions.BIASED, conditions.HIDDEN),
            *(conditions.BOX, conditions.CONSTANTS, SIDES, CUBE, LARGE_CUBE, MOMENTS),
            conditions.on_setting(
                "units of one rank of at least 2",
                lambda s: len(_one_rank(s)) <= 1 and min(_one_rank(s), default=2) >= 2,
                lambda s: f"ranks {', '.join(map(str, sorted(_one_rank(s))))}",
            ),
        ),
        value=_expected,
        remark="the constants are those of every candidate of a unit",
    ),
)
