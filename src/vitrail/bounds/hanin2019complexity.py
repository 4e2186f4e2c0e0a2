"""Hanin, Rolnick: Complexity of Linear Regions in Deep Networks (ICML 2019)."""

from __future__ import annotations

import math
from fractions import Fraction
from math import comb

from vitrail.bounds import conditions
from vitrail.bounds.inputs import natural
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError
from vitrail.options import positive_number
from vitrail.status import Definition

__all__ = ["STATEMENTS", "boundary_density", "distance_lower", "he_segment_upper", "line_exact", "segment_upper"]

_PAPER = "Hanin, Rolnick 2019 (ICML, arXiv 1901.09021)"


def _finite(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidOptionError(f"{name}: expected a finite number, found {value!r}")
    return float(value)


def segment_upper(length: float, units: int, gradient: float, bias: float, breakpoints: int = 1) -> Fraction:
    """The mean number of regions on a segment is at most 1 + |I| T N C_grad C_bias (Corollary 4, number from memory).

    N units with T breakpoints each (1 for ReLU), `length` |I| in input units, `gradient` C_grad and `bias` C_bias as in
    `Constants`, with first moments. It counts activation regions: every crossing of a unit's boundary is counted,
    whether it reaches the output or not. The value is exact for the floats given.

    Raises:
        InvalidOptionError: a number that is not positive and finite, or not an integer where one is needed.

    Example:
        >>> round(float(segment_upper(2.0, 20, 2**0.5, 0.3989422804014327)), 4)
        23.5676
    """
    crossings = natural("units", units) * natural("breakpoints", breakpoints, 1)
    density = Fraction(positive_number("gradient", gradient)) * Fraction(positive_number("bias", bias))
    return 1 + Fraction(positive_number("length", length)) * crossings * density


def he_segment_upper(length: float, input_dimension: int, units: int, bias_deviation: float) -> float:
    """The same for ReLU, He's weights and normal biases: 1 + |I| N sqrt(2 / n_0) / (s sqrt(2 pi)).

    The derivative along a fixed direction has the second moment 2 / n_0 at every unit, s is the standard deviation of
    the biases. A float, rounded in its last digits.

    Example:
        >>> round(he_segment_upper(2.0, 1, 20, 1.0), 4), round(he_segment_upper(2.0, 784, 20, 1.0), 4)
        (23.5676, 1.806)
    """
    dimension, number = natural("input_dimension", input_dimension, 1), natural("units", units)
    deviation = positive_number("bias_deviation", bias_deviation)
    return 1.0 + positive_number("length", length) * number / (deviation * math.sqrt(math.pi * dimension))


def line_exact(units: int, start: float, stop: float, weight_deviation: float, bias_deviation: float) -> float:
    """The exact mean number of regions of one layer on a segment of a line through the origin.

    1 + n (atan(b s_w / s_b) - atan(a s_w / s_b)) / pi on a <= t <= b, for n units with normal weights along the line
    (deviation s_w) and independent normal biases (deviation s_b): the exact formula of the paper, integrated for this
    case. A float, rounded in its last digits.

    Raises:
        InvalidOptionError: numbers that are not finite, deviations that are not positive, or stop < start.

    Example:
        >>> round(line_exact(20, -2.0, 2.0, 2**0.5, 0.5), 4), line_exact(20, 1.0, 1.0, 1.0, 1.0)
        (18.7722, 1.0)
    """
    number, low, high = natural("units", units), _finite("start", start), _finite("stop", stop)
    ratio = positive_number("weight_deviation", weight_deviation) / positive_number("bias_deviation", bias_deviation)
    if high < low:
        raise InvalidOptionError(f"stop: expected at least the start {low!r}, found {high!r}; swap them")
    return 1.0 + number * (math.atan(high * ratio) - math.atan(low * ratio)) / math.pi


def boundary_density(
    units: int, codimension: int, gradient: float, bias: float, breakpoints: int = 1, factor: float = 1.0
) -> Fraction:
    """The mean volume of the boundaries of codimension k per volume of the domain: at most C(N, k) (T C_grad C_bias)^k.

    Theorem 3, with moments of the gradient up to k. The exact formula of the paper, Hadamard's and Hoelder's
    inequalities give it with `factor` = 1; as printed each of the k factors carries a further 2, which `factor` = 2
    reproduces. Volumes are in input units to the power n_0 - k, per volume to the power n_0. 1 for k = 0.

    Example:
        >>> float(boundary_density(10, 2, 1.0, 0.5)), float(boundary_density(10, 2, 1.0, 0.5, factor=2.0))
        (11.25, 45.0)
    """
    power = natural("codimension", codimension)
    base = Fraction(positive_number("gradient", gradient)) * Fraction(positive_number("bias", bias))
    base *= natural("breakpoints", breakpoints, 1) * Fraction(positive_number("factor", factor))
    return comb(natural("units", units), power) * base**power


def distance_lower(units: int, gradient: float, bias: float) -> Fraction:
    """The mean distance from a fixed point to the next boundary is at least 1 / (4 C_bias C_grad N).

    Corollary 5 (number from memory) has an unspecified constant; 1/4 is proved so: the distance to unit z within the
    region of x is |z(x)| / |grad z(x)|, so it is below e with a probability of at most 2 e C_bias E|grad z(x)|; sum
    over the units, and integrate what is left of 1 over e. `vitrail.bounds.own.distance_lower` takes the sum itself.

    Raises:
        InvalidOptionError: no units, or numbers that are not positive and finite.

    Example:
        >>> float(distance_lower(100, 1.0, 1.0))
        0.0025
    """
    number = natural("units", units, 1)
    return 1 / (4 * number * Fraction(positive_number("gradient", gradient)) * Fraction(positive_number("bias", bias)))


def _segment(setting: Setting) -> Fraction:
    """The bound where units may differ in their numbers of breakpoints: T N is their sum."""
    if setting.lengths is None or setting.constants is None:
        raise InvalidOptionError("setting: expected lengths and constants, found none; give both")
    crossings = sum(extra * number for layer in setting.layers for extra, number in layer.families.items())
    return segment_upper(setting.lengths[0], crossings, setting.constants.gradient, setting.constants.bias)


STATEMENTS = (
    Statement(
        name="hanin2019complexity",
        title="Hanin, Rolnick 2019, segments",
        formula="1 + |I| T N C_grad C_bias on a segment I, T breakpoints of a unit",
        reference=f"{_PAPER}, Corollary 4 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER_ON_EXPECTATION,
        needs=frozenset({Need.DISTRIBUTION, Need.DOMAIN}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.ELEMENTWISE, conditions.DENSE, conditions.BIASED, conditions.ONE_INPUT),
            *(conditions.BOX, conditions.CONSTANTS),
        ),
        value=_segment,
        remark="stated for linear regions; the proof counts every crossing, so it holds for activation regions",
    ),
)
