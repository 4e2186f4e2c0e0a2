"""Exact geometric predicates on integers, for any dimension k: points from hyperplanes, and sides of hyperplanes.

A *form* (c0, c1, ..., ck) is the affine function c0 + c1 t1 + ... + ck tk up to a positive factor. A *point*
(w, x1, ..., xk) with w > 0 is the point x / w; with w = 0 it is the direction x, a point at infinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from flint import fmpz, fmpz_mat

from vitrail.numerics.filters import LARGEST, SMALLEST, UNIT_ROUNDOFF

__all__ = [
    *("Form", "Point", "canonical", "form_at", "meeting_point", "nearest", "point_at", "side", "to_form", "turn"),
    "unit_form",
]

Form = tuple[fmpz, ...]
Point = tuple[fmpz, ...]


def to_form(integers: Sequence[int]) -> Form:
    """Python integers as a form or point.

    Example:
        >>> to_form([1, -2])
        (1, -2)
    """
    return tuple(fmpz(int(value)) for value in integers)


def side(form: Form, point: Point) -> int:
    """Sign of the form at the point: 1, 0 or -1; at infinity that of the slope, and of the constant where it is 0.

    Example:
        >>> side(to_form([-1, 2]), to_form([1, 1])), side(to_form([-1, 0]), to_form([0, 1]))
        (1, -1)
    """
    if len(form) == 3:  # the case that matters for speed
        value = form[0] * point[0] + form[1] * point[1] + form[2] * point[2]
    else:
        value = sum((c * x for c, x in zip(form, point, strict=True)), fmpz(0))
    if value == 0 and point[0] == 0:
        value = form[0]
    return (value > 0) - (value < 0)


def meeting_point(forms: Sequence[Form]) -> Point:
    """The point where k hyperplanes in k dimensions meet; they do so in one point, or w is 0.

    Example:
        >>> meeting_point([to_form([-1, 2, 0]), to_form([3, 0, 1])])
        (2, 1, -6)
    """
    if len(forms) == 1:
        (c0, c1) = forms[0]
        point: Point = (c1, -c0)
    elif len(forms) == 2:
        (a0, a1, a2), (b0, b1, b2) = forms
        point = (a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0)
    else:
        size = len(forms)
        columns = [[row[j] for row in forms] for j in range(size + 1)]
        minors = [fmpz_mat([c for i, c in enumerate(columns) if i != j]).det() for j in range(size + 1)]
        point = tuple(-minor if j % 2 else minor for j, minor in enumerate(minors))
    return tuple(-value for value in point) if point[0] < 0 else point


def turn(a: Point, b: Point, c: Point) -> int:
    """1 where the finite points a, b, c of a plane turn to the left, -1 to the right, 0 where they lie on one line.

    Example:
        >>> turn(to_form([1, 0, 0]), to_form([1, 2, 0]), to_form([1, 1, 3]))
        1
    """
    (w, x, y), (u, p, q), (v, r, s) = a, b, c
    value = w * (p * s - q * r) - x * (u * s - q * v) + y * (u * r - p * v)
    return int(value > 0) - int(value < 0)


def canonical(point: Point) -> tuple[int, ...]:
    """The same point in smallest integers, so that equal points are equal tuples.

    Example:
        >>> canonical(to_form([4, 2, -6]))
        (2, 1, -3)
    """
    values = [int(value) for value in point]
    common = gcd(*values) or 1
    return tuple(value // common for value in values)


def point_at(coordinates: Sequence[float]) -> Point:
    """The point with these float64 coordinates, one of which may be infinite where k is 1.

    Example:
        >>> point_at([0.5, -2.0]), point_at([float("-inf")])
        ((2, 1, -4), (0, -1))
    """
    if len(coordinates) == 1 and coordinates[0] in (float("inf"), float("-inf")):
        return to_form([0, 1 if coordinates[0] > 0 else -1])
    ratios = [float(value).as_integer_ratio() for value in coordinates]
    common = max(denominator for _, denominator in ratios)  # powers of two
    return to_form([common, *(numerator * (common // denominator) for numerator, denominator in ratios)])


def form_at(coefficients: Sequence[float]) -> Form:
    """The form with these finite float64 coefficients, times a power of two.

    Example:
        >>> form_at([0.5, -2.0, 0.0])
        (1, -4, 0)
    """
    return point_at([0.0, *coefficients])[2:]


def unit_form(form: Form) -> list[float]:
    """The form times a power of two, rounded to float64, largest coefficient in [1/2, 1]; none is off by over 2^-54.

    Example:
        >>> unit_form(to_form([3, -8, 0]))
        [0.1875, -0.5, 0.0]
    """
    integers = [int(value) for value in form]
    scale = 1 << max(value.bit_length() for value in integers)
    return [value / scale for value in integers]


def nearest(point: Point) -> tuple[list[float], float]:
    """Coordinates rounded to float64, and a bound on how far they are off (0: exactly there), in the maximum norm.

    Coordinates beyond the range of float64 give the largest number and an infinite bound.

    Example:
        >>> nearest(to_form([2, 1, -4])), nearest(to_form([3, 1, 0]))[1] < 1e-16
        (([0.5, -2.0], 0.0), True)
    """
    weight = int(point[0])
    result, error = [], 0.0
    for value in point[1:]:
        number = int(value)
        if weight == 0:
            result.append(float("inf") if number > 0 else float("-inf"))
            continue
        try:
            rounded = number / weight
        except OverflowError:
            result.append(LARGEST if number > 0 else -LARGEST)
            error = float("inf")
            continue
        numerator, denominator = rounded.as_integer_ratio()
        if numerator * weight != number * denominator:
            error = max(error, UNIT_ROUNDOFF * abs(rounded) + SMALLEST)
        result.append(rounded)
    return result, error
