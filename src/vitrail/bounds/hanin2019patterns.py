"""Hanin, Rolnick: Deep ReLU Networks Have Surprisingly Few Activation Patterns (NeurIPS 2019)."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

from vitrail.bounds import conditions
from vitrail.bounds.inputs import natural
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError, NotApplicableError
from vitrail.options import positive_number
from vitrail.status import Definition

__all__ = ["CUBE", "LARGE_CUBE", "MOMENTS", "SIDES", "STATEMENTS", "cube_upper", "smallest_side", "unit_scale"]

_PAPER = "Hanin, Rolnick 2019 (NeurIPS, arXiv 1906.00904)"
_FACTOR = 2**5

SIDES = conditions.on_setting(
    "a side length for every input",
    lambda s: s.lengths is None or len(s.lengths) == s.input_dimension,
    lambda s: f"{len(s.lengths or ())} for {s.input_dimension} inputs",
)
CUBE = conditions.on_setting(
    "a cube as domain",
    lambda s: s.lengths is None or len(set(s.lengths)) == 1,
    lambda s: f"sides from {min(s.lengths or (0,))} to {max(s.lengths or (0,))}",
)
MOMENTS = conditions.on_setting(
    "a bound on the moments of the gradient up to the number of inputs",
    lambda s: s.constants is None or s.constants.moment >= s.input_dimension,
    lambda s: f"moment {0 if s.constants is None else s.constants.moment} for {s.input_dimension} inputs",
)


def _large(setting: Setting) -> bool:
    if setting.lengths is None or setting.constants is None:
        return True
    return Fraction(min(setting.lengths)) >= smallest_side(setting.constants.gradient, setting.constants.bias)


LARGE_CUBE = conditions.on_setting(
    "sides of at least 1 / (2 C_grad C_bias)", _large, lambda s: str(min(s.lengths or (0,)))
)


def smallest_side(gradient: float, bias: float) -> Fraction:
    """The side length from which the bound holds: 1 / (2 C_grad C_bias) (from memory).

    Example:
        >>> float(smallest_side(2.0, 0.5))
        0.5
    """
    return 1 / (2 * Fraction(positive_number("gradient", gradient)) * Fraction(positive_number("bias", bias)))


def cube_upper(input_dimension: int, units: int, side: float, gradient: float, bias: float) -> Fraction:
    """The mean number of activation regions in a cube is at most (T N side)^n_0 / n_0!, T = 2^5 C_grad C_bias.

    2^N for N <= n_0 units. Theorem 5 (statement and T from memory, up to the constants). The bound per volume is
    multiplied by the volume side^n_0. It follows from `vitrail.bounds.own.box_upper`, which is proved with constants,
    for every side of at least `smallest_side` and moments of the gradient up to n_0. Exact for the floats given.

    Raises:
        NotApplicableError: a cube smaller than that.
        InvalidOptionError: numbers that are not positive and finite, or not integers where these are needed.

    Example:
        >>> round(float(cube_upper(2, 8, 2.0, 2**0.5, 0.3989422804014327)), 1), cube_upper(3, 2, 2.0, 1.0, 1.0)
        (41721.5, Fraction(4, 1))
    """
    dimension, number = natural("input_dimension", input_dimension, 1), natural("units", units)
    length, least = Fraction(positive_number("side", side)), smallest_side(gradient, bias)
    if length < least:
        raise NotApplicableError(
            f"hanin2019patterns: expected a side of at least {float(least):.6g} = 1 / (2 C_grad C_bias), found {side!r}"
            "; use vitrail_cube, which holds for every side"
        )
    if number <= dimension:
        return Fraction(2**number)
    base = _FACTOR * Fraction(gradient) * Fraction(bias) * number * length
    return base**dimension / factorial(dimension)


def unit_scale(input_dimension: int, units: int) -> Fraction:
    """The scale N^n_0 / n_0! against which counts are plotted.

    No bound: six lines of one layer cut a plane into 22 regions, and the scale is 18. It has the order of the mean
    count of a random network where units are many.

    Example:
        >>> unit_scale(2, 6), unit_scale(3, 30), unit_scale(2, 96)
        (Fraction(18, 1), Fraction(4500, 1), Fraction(4608, 1))
    """
    dimension = natural("input_dimension", input_dimension, 1)
    return Fraction(natural("units", units) ** dimension, factorial(dimension))


def _cube(setting: Setting) -> Fraction:
    if setting.lengths is None or setting.constants is None:
        raise InvalidOptionError("setting: expected lengths and constants, found none; give both")
    constants, units = setting.constants, setting.architecture.number_of_units
    return cube_upper(setting.input_dimension, units, setting.lengths[0], constants.gradient, constants.bias)


STATEMENTS = (
    Statement(
        name="hanin2019patterns",
        title="Hanin, Rolnick 2019, cubes",
        formula="(T N)^n_0 / n_0! side^n_0 with T = 2^5 C_grad C_bias for N > n_0, else 2^N",
        reference=f"{_PAPER}, Theorem 5 (constants from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER_ON_EXPECTATION,
        needs=frozenset({Need.DISTRIBUTION, Need.DOMAIN}),
        confidence=Confidence.LIKELY,
        conditions=(
            *(conditions.RELU, conditions.DENSE, conditions.BIASED, conditions.BOX, conditions.CONSTANTS),
            *(SIDES, CUBE, LARGE_CUBE, MOMENTS),
        ),
        value=_cube,
        remark="follows from vitrail_cube whatever the paper's constants",
    ),
)
