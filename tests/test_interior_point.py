"""The interior point method against the simplex method of HiGHS, closed forms, and weak duality for any multipliers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from vitrail.numerics.filters import GAP_TOLERANCE
from vitrail.numerics.interior_point import Iterate, Rows, climb


def polytope(seed: int, dimension: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit rows around a point that is strictly inside them and the box [-1, 1]^n, and that point."""
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(rows, dimension))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    point = rng.uniform(-0.5, 0.5, dimension)
    return normals, normals @ point + rng.uniform(0.01, 0.6, rows), point


def boxed(normals: np.ndarray, offsets: np.ndarray, ball: bool = False) -> Rows:
    """The rows within [-1, 1]^n; with a ball around each point, or for points alone."""
    m, n = normals.shape
    return Rows(normals, offsets, -np.ones(n), np.ones(n), np.ones(m) if ball else None, float(ball))


def simplex_optimum(normals: np.ndarray, offsets: np.ndarray, goal: np.ndarray | None) -> float:
    """The largest goal . x, or the largest radius, by HiGHS."""
    m, n = normals.shape
    if goal is not None:
        return -linprog(-goal, A_ub=normals, b_ub=offsets, bounds=[(-1, 1)] * n, method="highs-ds").fun
    rows = np.block([[normals, np.ones((m, 1))], [np.eye(n), np.ones((n, 1))], [-np.eye(n), np.ones((n, 1))]])
    limits = np.concatenate([offsets, np.ones(2 * n)])
    bounds = [(None, None)] * (n + 1)
    return -linprog(np.r_[np.zeros(n), -1.0], A_ub=rows, b_ub=limits, bounds=bounds, method="highs-ds").fun


SIZES = [(1, 0), (1, 3), (2, 5), (5, 2), (8, 40), (30, 10), (60, 20), (40, 90)]


@pytest.mark.parametrize(("dimension", "rows"), SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_largest_balls_equal_the_simplex_method(dimension: int, rows: int, seed: int) -> None:
    normals, offsets, point = polytope(seed, dimension, rows)
    found = climb(boxed(normals, offsets, ball=True), (point, -1.0), None)
    expected = simplex_optimum(normals, offsets, None)
    assert found.value <= expected * (1 + 1e-7)
    assert found.value == pytest.approx(expected, rel=1e-8)
    assert found.proven_upper() == pytest.approx(expected, rel=1e-8)
    assert found.proven_upper() >= found.value
    # the point and the radius are a ball inside
    assert (found.rows.slacks(found.x, found.r) > 0.0).all()


@pytest.mark.parametrize(("dimension", "rows"), SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_linear_goals_equal_the_simplex_method(dimension: int, rows: int, seed: int) -> None:
    normals, offsets, point = polytope(seed, dimension, rows)
    goal = np.random.default_rng(seed + 100).normal(size=dimension)
    found = climb(boxed(normals, offsets), (point, 0.0), goal)
    expected = simplex_optimum(normals, offsets, goal)
    assert found.value == pytest.approx(expected, rel=1e-7, abs=1e-9)
    assert found.proven_upper() == pytest.approx(expected, rel=1e-7, abs=1e-9)
    assert found.value <= found.proven_upper()


@pytest.mark.parametrize(("dimension", "rows"), SIZES)
def test_projections_satisfy_the_conditions_of_the_nearest_point(dimension: int, rows: int) -> None:
    normals, offsets, point = polytope(7, dimension, rows)
    anchor = point + 2.0 * np.random.default_rng(8).normal(size=dimension)
    found = climb(boxed(normals, offsets), (point, 0.0), None, anchor=anchor)
    # no point of the set is on the far side of the plane through the projection (Moreau 1962)
    away = anchor - found.x
    gap = simplex_optimum(normals, offsets, away) - away @ found.x
    assert abs(gap) <= 1e-6 * (1.0 + away @ away)
    assert found.proven_upper() >= found.value
    assert found.proven_upper() == pytest.approx(-0.5 * float(away @ away), rel=1e-6, abs=1e-9)


def test_projection_onto_a_disk_like_polygon_equals_a_general_solver() -> None:
    angles = np.linspace(0, 2 * np.pi, 17)[:-1]
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rows = boxed(normals, np.full(16, 0.5))
    anchor = np.array([0.9, 0.77])
    found = climb(rows, (np.zeros(2), 0.0), None, anchor=anchor)
    constraint = {"type": "ineq", "fun": lambda x: 0.5 - normals @ x}
    other = minimize(lambda x: 0.5 * ((x - anchor) ** 2).sum(), np.zeros(2), constraints=[constraint], tol=1e-12)
    np.testing.assert_allclose(found.x, other.x, atol=1e-6)


def test_a_projection_of_a_point_inside_is_that_point() -> None:
    normals, offsets, point = polytope(3, 6, 12)
    found = climb(boxed(normals, offsets), (point, 0.0), None, anchor=point)
    np.testing.assert_allclose(found.x, point, atol=1e-4)
    assert found.proven_upper() >= 0.0 >= found.value


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 9), st.booleans())
def test_any_multipliers_bound_the_optimum(seed: int, dimension: int, rows: int, ball: bool) -> None:
    normals, offsets, point = polytope(seed, dimension, rows)
    rng = np.random.default_rng(seed)
    goal = None if ball else rng.normal(size=dimension)
    factors = rng.exponential(size=rows + 2 * dimension) * (rng.uniform(size=rows + 2 * dimension) < 0.5)
    made_up = Iterate(boxed(normals, offsets, ball), goal, None, point, 0.0, factors, 0.0, 0.0, 0)
    assert made_up.proven_upper() >= simplex_optimum(normals, offsets, goal) - 1e-9
    wrong = np.full(rows, 0.1)
    assert made_up.proven_upper(wrong) >= simplex_optimum(normals, offsets + wrong, goal) - 1e-9


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, 8))
def test_any_multipliers_bound_the_distance(seed: int, dimension: int, rows: int) -> None:
    normals, offsets, point = polytope(seed, dimension, rows)
    rng = np.random.default_rng(seed)
    anchor = point + rng.normal(size=dimension)
    factors = rng.exponential(size=rows + 2 * dimension)
    made_up = Iterate(boxed(normals, offsets), None, anchor, point, 0.0, factors, 0.0, 0.0, 0)
    # the point is inside, so that no bound may be below its own value
    assert made_up.proven_upper() >= -0.5 * float((point - anchor) @ (point - anchor))


def test_multipliers_of_the_wrong_rows_prove_nothing() -> None:
    normals, offsets, point = polytope(5, 8, 40)
    found = climb(boxed(normals, offsets, ball=True), (point, -1.0), None)
    shuffled = dataclasses.replace(found, factors=np.roll(found.factors, 3))
    assert shuffled.proven_upper() > found.value * (1 + 1e-3)


def test_a_search_ends_where_the_caller_has_seen_enough() -> None:
    normals, offsets, point = polytope(6, 20, 60)
    rows, goal = boxed(normals, offsets), np.ones(20)
    whole = climb(rows, (point, 0.0), goal)
    asked = 0.5 * (goal @ point + whole.value)
    early = climb(rows, (point, 0.0), goal, stop=lambda iterate: iterate.value > asked)
    assert early.steps < whole.steps
    assert asked < early.value <= whole.value * (1 + 1e-9)


def test_without_limits_bounds_hold_within_reach() -> None:
    # a triangle around the origin, whose inscribed circle has radius 1
    angles = np.array([0.5, 2.5, 4.4])
    normals, none = np.stack([np.cos(angles), np.sin(angles)], axis=1), np.full(2, np.inf)
    rows = Rows(normals, np.ones(3), -none, none, np.ones(3), 0.0, 100.0)
    found = climb(rows, (np.array([0.1, 0.2]), -1.0), None)
    assert found.value == pytest.approx(1.0, rel=1e-8)
    assert found.value <= 1.0 <= found.proven_upper() <= 1.0 + 1e-8


def test_the_gap_is_small_where_the_method_ends() -> None:
    normals, offsets, point = polytope(9, 50, 120)
    found = climb(boxed(normals, offsets, ball=True), (point, -1.0), None)
    assert 0.0 <= found.upper - found.value <= 2 * GAP_TOLERANCE * found.value


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**40])
def test_scales_do_not_matter(factor: float) -> None:
    normals, offsets, point = polytope(11, 10, 25)
    rows = boxed(normals, offsets, ball=True)
    scaled = dataclasses.replace(rows, offsets=offsets * factor, low=rows.low * factor, high=rows.high * factor)
    found = climb(scaled, (point * factor, -factor), None)
    assert found.value == pytest.approx(simplex_optimum(normals, offsets, None) * factor, rel=1e-7)
