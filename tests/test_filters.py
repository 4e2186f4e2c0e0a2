"""The floating-point filters against exact fractions, at values a few roundings from zero: never a wrong sign."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vitrail.cells.exact import at_vertices
from vitrail.cells.exact_polygon import ExactPolygon
from vitrail.cells.interval_cut import end_sign, root
from vitrail.cells.polygon_kernels import meet, vertex_signs
from vitrail.numerics.filters import SMALLEST, VALUE_ROUNDING
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import meeting_point, nearest, side, to_form

coefficients = st.floats(-4.0, 4.0).filter(lambda c: c == 0 or abs(c) > 1e-3)
places = st.floats(-1.0, 1.0)
ulps = st.integers(-12, 12)


def moved(value: float, steps: int) -> float:
    """The float so many units in the last place away."""
    return value + steps * math.ulp(value)


def sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


@given(coefficients, coefficients, places, places, ulps)
def test_signs_in_a_plane(c1: float, c2: float, x: float, y: float, steps: int) -> None:
    c0 = moved(-(c1 * x + c2 * y), steps)
    vertices, found = np.zeros((1, 7)), np.zeros(1, dtype=np.int8)
    vertices[0, :2] = x, y
    bounds = [VALUE_ROUNDING * abs(c) for c in (c0, c1, c2)]  # as the plan has them for forms without error
    _, _, undecided = vertex_signs(vertices, 0, 1, c0, c1, c2, *bounds, found)
    true = sign(Fraction(c0) + Fraction(c1) * Fraction(x) + Fraction(c2) * Fraction(y))
    assert undecided or found[0] == true
    if found[0]:
        assert found[0] == true


def test_these_values_are_often_undecided_and_ordinary_ones_never() -> None:
    """Else the test above would test nothing, or the filter would be useless."""
    generator, undecided = np.random.default_rng(0), 0
    found = np.zeros(1, dtype=np.int8)
    for _ in range(200):
        c1, c2, x, y = generator.uniform(-1, 1, 4)
        vertices = np.array([[x, y, 0.0, 0.0, 0.0, 0.0, 0.0]])
        c0 = -(c1 * x + c2 * y)
        bounds = [VALUE_ROUNDING * abs(c) for c in (c0, c1, c2)]
        undecided += vertex_signs(vertices, 0, 1, c0, c1, c2, *bounds, found)[2]
        assert not vertex_signs(vertices, 0, 1, c0 + 2.0**-40, c1, c2, *bounds, found)[2]
    assert undecided == 200


@given(coefficients, st.floats(-1e6, 1e6), ulps)
def test_signs_on_a_line(c1: float, t: float, steps: int) -> None:
    c0 = moved(-c1 * t, steps)
    found = end_sign(c0, c1, 0.0, 0.0, t, 0.0)
    assert found in (0, sign(Fraction(c0) + Fraction(c1) * Fraction(t)))


@given(coefficients.filter(bool), st.floats(-0.9, 0.9))
def test_roots_lie_within_their_error(c1: float, t: float) -> None:
    c0 = -c1 * t
    found, error = root(c0, c1, 0.0, 0.0, np.array([-1.0, 1.0, 0.0, 0.0]))
    assert abs(Fraction(found) + Fraction(c0) / Fraction(c1)) <= Fraction(error)


@given(st.lists(coefficients, min_size=3, max_size=3), st.floats(-0.9, 0.9))
def test_meeting_points_lie_within_their_error(line: list[float], y: float) -> None:
    """The edge from (-1, y) to (1, y) and a line that crosses it."""
    c0, c1, c2 = line
    left, right = (Fraction(c0) + Fraction(c1) * s + Fraction(c2) * Fraction(y) for s in (-1, 1))
    if left * right >= 0:
        return
    vertices, out = np.zeros((2, 7)), np.zeros((1, 7))
    vertices[:, :2] = (-1.0, y), (1.0, y)
    vertices[0, 3:6] = -y, 0.0, 1.0
    meet(vertices, 0, 1, c0, c1, c2, 0.0, out, 0)
    x = -(Fraction(c0) + Fraction(c2) * Fraction(y)) / Fraction(c1)
    assert abs(Fraction(float(out[0, 0])) - x) <= Fraction(float(out[0, 2]))
    assert abs(Fraction(float(out[0, 1])) - Fraction(y)) <= Fraction(float(out[0, 2]))


integers = st.integers(-(2**80), 2**80)


@given(st.lists(integers, min_size=3, max_size=3), st.lists(integers, min_size=6, max_size=6))
def test_screening_of_exact_cells(form: list[int], lines: list[int]) -> None:
    """Signs at the vertices of an exact polygon, from rounded forms: right where they are told."""
    sides = [to_form(lines[:3]), to_form(lines[3:])]
    point = meeting_point(sides)
    if point[0] == 0:
        return
    cell = ExactPolygon((point,), (sides[0],), ((-1, -1),))
    fixed = Fixed.from_integers(np.array(form, dtype=object), 0)
    rounded = fixed.to_floats().numpy()[:, None]
    values, reach = at_vertices(cell, rounded, np.abs(rounded))
    true = side(to_form(form), point)
    if values[0, 0] > reach[0, 0]:
        assert true == 1
    elif values[0, 0] < -reach[0, 0]:
        assert true == -1


@given(integers, integers.filter(bool))
def test_nearest_points_lie_within_their_error(numerator: int, denominator: int) -> None:
    (value,), error = nearest(to_form([abs(denominator), numerator]))
    assert abs(Fraction(numerator, abs(denominator)) - Fraction(value)) <= Fraction(error)
    assert error <= 2 * (math.ulp(value) + SMALLEST)
