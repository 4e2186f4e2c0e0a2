"""Largest balls against the simplex method of HiGHS, closed forms, and points of the balls themselves."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

import vitrail
from oracles.networks import he
from vitrail.errors import InvalidDomainError
from vitrail.local.halfspaces import LocalHalfspaces, halfspaces_at
from vitrail.local.insphere import Insphere, insphere
from vitrail.status import Status


def box(inputs: int, low: float = 0.0, high: float = 1.0) -> vitrail.Box:
    return vitrail.Box(np.full(inputs, low), np.full(inputs, high))


def region_of(widths: tuple[int, ...], seed: int, domain: vitrail.Box | vitrail.Space) -> LocalHalfspaces:
    """The region of a random point of the unit box in a He network."""
    point = np.random.default_rng(1000 + seed).uniform(0.05, 0.95, widths[0])
    return halfspaces_at(vitrail.Network.from_arrays(he(widths, seed)), point, domain)


def simplex_radius(region: LocalHalfspaces, low: float | None, high: float | None) -> float:
    """The largest radius by HiGHS' simplex method; infinite where it says so."""
    m, n = region.normals.shape
    rows, limits = [np.column_stack([region.normals, np.ones(m)])], [region.offsets]
    if low is not None and high is not None:
        rows += [np.column_stack([np.eye(n), np.ones(n)]), np.column_stack([-np.eye(n), np.ones(n)])]
        limits += [np.full(n, high), np.full(n, -low)]
    answer = linprog(
        np.r_[np.zeros(n), -1.0],
        A_ub=np.concatenate(rows),
        b_ub=np.concatenate(limits),
        bounds=[(None, None)] * (n + 1),
        method="highs-ds",
        # by its default of 1e-7 the answer may be as wrong as what is asked here
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return float("inf") if answer.status == 3 else float(answer.x[-1])


SHAPES = [(2, 16, 16, 1), (3, 12, 12, 12, 4), (5, 20, 2), (10, 30, 30, 3), (24, 40, 10), (64, 24, 24, 10)]
# 6 shapes x 30 seeds and 20 images in 784 dimensions: 200 regions
CASES = [(widths, seed) for widths in SHAPES for seed in range(30)]
CASES += [((784, width, width, 10), seed) for width in (8, 20) for seed in range(10)]


@pytest.mark.parametrize("part", range(10))
def test_equal_to_the_simplex_method(part: int) -> None:
    for widths, seed in CASES[part::10]:
        region = region_of(widths, seed, box(widths[0]))
        ball, expected = insphere(region), simplex_radius(region, 0.0, 1.0)
        assert ball.radius == pytest.approx(expected, rel=1e-7), (widths, seed)
        assert ball.status is Status.CERTIFIED, (widths, seed, ball)
        assert 0.0 <= ball.gap <= 1e-8
        assert ball.interval[0] <= ball.radius <= ball.upper <= ball.interval[1]
        check_ball(region, ball, widths[0])


def check_ball(region: LocalHalfspaces, ball: Insphere, inputs: int) -> None:
    """Every point of the ball has the region's pattern; the ball touches what it says, one row or side at least."""
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(50, inputs))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    points = ball.center + 0.999 * ball.radius * ways
    assert ((points > 0.0) & (points < 1.0)).all()
    for own, found in zip(region.pattern, region.net.graph.pieces_at(points), strict=True):
        assert (found == own).all()
    slacks = region.offsets - region.normals @ ball.center
    np.testing.assert_allclose(slacks[ball.active], ball.radius, rtol=1e-5)
    assert ball.active.size + ball.active_sides.size >= 2
    sides = np.stack([ball.center, 1.0 - ball.center], axis=1)
    if inputs > 2:
        np.testing.assert_allclose(sides.reshape(-1)[ball.active_sides], ball.radius, rtol=1e-5)
    # at least as large as the ball around the point
    assert ball.upper >= region.distance * (1 - 1e-9)


@pytest.mark.parametrize("widths", [(2, 16, 16, 1), (3, 12, 12, 12, 4), (5, 40, 40, 2), (40, 10, 60, 60, 5)])
@pytest.mark.parametrize("seed", range(8))
def test_equal_to_the_simplex_method_in_the_whole_space(widths: tuple[int, ...], seed: int) -> None:
    region = region_of(widths, seed, vitrail.Space(widths[0]))
    ball, expected = insphere(region), simplex_radius(region, None, None)
    assert ball.status is Status.CERTIFIED
    if np.isinf(expected):
        assert ball.radius == ball.upper == np.inf
        assert ball.gap == 0.0
        assert ball.direction is not None
        np.testing.assert_allclose(np.linalg.norm(ball.direction), 1.0, rtol=1e-12)
        assert (region.normals @ ball.direction < 0.0).all()
        return
    assert ball.direction is None
    assert ball.radius == pytest.approx(expected, rel=1e-7)
    assert ball.radius <= ball.upper <= ball.radius * (1 + 1e-8)
    assert np.abs(ball.center - region.point).max() <= ball.reach


def test_a_triangle_has_its_inscribed_circle() -> None:
    # units x, y and 1 - x - y, all on: the radius is (1 + 1 - sqrt 2) / 2
    net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [0.0, 0.0, 1.0]), ([[1.0] * 3], None)])
    radius = 1.0 - np.sqrt(0.5)
    for domain in (vitrail.Space(2), box(2, -1.0, 2.0)):
        ball = insphere(halfspaces_at(net, [0.3, 0.2], domain))
        assert ball.radius == pytest.approx(radius, rel=1e-9)
        assert ball.interval[0] <= radius <= ball.interval[1]
        np.testing.assert_allclose(ball.center, [radius, radius], rtol=1e-6)
        assert sorted(ball.active.tolist()) == [0, 1, 2]
        assert ball.active_sides.size == 0


def test_a_tube_has_a_radius_and_no_direction() -> None:
    # |x| < 1 in three dimensions: balls of radius 1, anywhere along the tube
    net = vitrail.Network.from_arrays([([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], [1.0, 1.0]), ([[1.0, 1.0]], None)])
    ball = insphere(halfspaces_at(net, [0.5, 7.0, -3.0]))
    assert ball.radius == pytest.approx(1.0, rel=1e-9)
    assert ball.direction is None
    np.testing.assert_allclose(ball.center, [0.0, 7.0, -3.0], atol=1e-6)
    within = insphere(halfspaces_at(net, [0.5, 7.0, -3.0]), vitrail.Box([-5.0, 6.0, -4.0], [5.0, 7.5, -2.0]))
    assert within.radius == pytest.approx(0.75, rel=1e-8)
    # sides 2 and 3 are those of the second input
    assert within.active_sides.tolist() == [2, 3]


def test_without_rows() -> None:
    net = vitrail.Network.from_arrays([([[0.0, 0.0]], [1.0]), ([[1.0]], None)])
    region = halfspaces_at(net, [0.5, 0.5], box(2))
    assert len(region) == 0
    assert insphere(region).radius == pytest.approx(0.5, rel=1e-8)
    endless = insphere(region, vitrail.Space(2))
    assert endless.radius == np.inf
    assert endless.direction is not None


def test_within_a_polytope() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 1.0, 1.0]], [5.0]), ([[1.0]], None)])
    corner = vitrail.Polytope(np.r_[-np.eye(3), np.ones((1, 3))], [0.0, 0.0, 0.0, 1.0])
    ball = insphere(halfspaces_at(net, [0.1, 0.2, 0.3], corner))
    # the simplex x, y, z >= 0, x + y + z <= 1
    assert ball.radius == pytest.approx(1.0 / (3.0 + np.sqrt(3.0)), rel=1e-8)
    assert ball.active.size == 0
    assert ball.active_sides.tolist() == [0, 1, 2, 3]
    assert ball.status is Status.CERTIFIED


def test_in_a_polygon_and_on_a_line() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0]], None)])
    triangle = vitrail.Polygon([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    ball = insphere(halfspaces_at(net, [0.25, 0.25], triangle))
    # the right half: legs of length 1
    assert ball.radius == pytest.approx(1.0 - np.sqrt(0.5), rel=1e-8)
    line = vitrail.Network.from_arrays([([[1.0], [-1.0]], [0.0, 3.0]), ([[1.0, 1.0]], None)])
    found = insphere(halfspaces_at(line, [1.0]))
    assert found.radius == pytest.approx(1.5, rel=1e-9)
    assert insphere(halfspaces_at(line, [-1.0])).radius == np.inf


def test_points_on_boundaries_corners_and_sides() -> None:
    net = vitrail.Network.from_arrays([(np.eye(3), None), (np.ones((1, 3)), None)])
    for point in itertools.product((0.0, 1.0), repeat=3):
        ball = insphere(halfspaces_at(net, point, box(3, -1.0, 1.0)))
        assert ball.radius == pytest.approx(0.5, rel=1e-8)
        assert ball.status is Status.CERTIFIED


@pytest.mark.parametrize("scale", [2.0**-30, 1e-3, 1e6])
def test_scales(scale: float) -> None:
    weights, biases = zip(*he((4, 12, 12, 2), 3), strict=True)
    # inputs in other units: the first weights divided, the box multiplied
    layers = [(weights[0] / scale, biases[0]), *zip(weights[1:], biases[1:], strict=True)]
    point = np.full(4, 0.4)
    plain = insphere(region_at_layers(he((4, 12, 12, 2), 3), point, box(4)))
    scaled = insphere(region_at_layers(layers, point * scale, box(4, 0.0, scale)))
    assert scaled.radius == pytest.approx(plain.radius * scale, rel=1e-7)
    assert scaled.gap <= 1e-8


def region_at_layers(layers: object, point: np.ndarray, domain: vitrail.Box) -> LocalHalfspaces:
    return halfspaces_at(vitrail.Network.from_arrays(layers), point, domain)  # type: ignore[arg-type]


def test_long_boxes() -> None:
    low, high = np.zeros(5), np.array([1e6, 1.0, 1e-3, 10.0, 1.0])
    net = vitrail.Network.from_arrays(he((5, 20, 20, 2), 1))
    region = halfspaces_at(net, (low + high) / 2, vitrail.Box(low, high))
    ball = insphere(region)
    assert 0.0 < ball.radius <= 0.5e-3 * (1 + 1e-8)
    assert ball.status is Status.CERTIFIED


def test_another_domain_must_hold_the_point() -> None:
    region = region_of((3, 8, 1), 0, vitrail.Space(3))
    assert insphere(region, box(3)).radius <= 0.5
    with pytest.raises(InvalidDomainError, match="outside the domain"):
        insphere(region, box(3, 2.0, 3.0))
    with pytest.raises(InvalidDomainError, match="3"):
        insphere(region, box(2))
    with pytest.raises(InvalidDomainError, match="Box"):
        insphere(region, vitrail.Segment(np.zeros(3), np.ones(3)))  # type: ignore[arg-type]


def test_what_is_not_proven_is_not_called_certified() -> None:
    region = region_of((3, 8, 8, 1), 0, box(3))
    unsure = dataclasses.replace(region, status=Status.UNCERTIFIED)
    assert insphere(unsure).status is Status.UNCERTIFIED
    # a row that may be off by much says so in the interval
    vague = dataclasses.replace(region, offset_errors=np.full(len(region), 0.01))
    ball = insphere(vague)
    assert ball.interval[0] <= ball.radius - 0.01 * (ball.active.size > 0) + 1e-9
    assert ball.interval[1] >= ball.upper
    unknown = dataclasses.replace(region, offset_errors=np.full(len(region), np.inf))
    assert insphere(unknown).interval[0] == 0.0


def test_a_region_that_is_wrong_gives_no_ball() -> None:
    region = region_of((3, 8, 8, 1), 0, box(3))
    empty = dataclasses.replace(region, offsets=region.offsets - 10.0)
    ball = insphere(empty)
    assert ball.radius == 0.0
    assert ball.status is Status.UNCERTIFIED


@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans())
def test_degenerate_networks(seed: int, inputs: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    layers = [(rng.integers(-1, 2, (5, inputs)).astype(float), rng.integers(-1, 2, 5).astype(float))]
    layers += [(rng.integers(-1, 2, (4, 5)).astype(float), None), (rng.integers(-1, 2, (1, 4)).astype(float), None)]
    point = rng.integers(-2, 3, inputs) / 2
    domain = vitrail.Space(inputs) if whole else box(inputs, -1.0, 1.0)
    region = halfspaces_at(vitrail.Network.from_arrays(layers), point, domain)
    ball = insphere(region)
    expected = simplex_radius(region, None if whole else -1.0, None if whole else 1.0)
    if np.isinf(expected):
        assert ball.radius == np.inf
    else:
        assert ball.radius == pytest.approx(expected, rel=1e-7, abs=1e-12)
    assert ball.radius > 0.0
    assert ball.status is Status.CERTIFIED
