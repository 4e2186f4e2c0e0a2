"""Domains: what they say of themselves fits together, polytopes are what their rows say, bad ones are refused."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

import vitrail
from vitrail.domains import Box, Domain, Line, Plane, Polygon, Polytope, Segment, Slice, Space
from vitrail.errors import InvalidDomainError

NAN, INF = float("nan"), float("inf")
SIMPLEX = np.concatenate([-np.eye(3), np.ones((1, 3))])
CUBE = np.concatenate([np.eye(3), -np.eye(3)])

DOMAINS: dict[str, Domain] = {
    "segment": Segment([0.0, 0.0], [3.0, 4.0]),
    "line": Line([0.0, 0.0], [3.0, 4.0]),
    "plane": Plane(*np.eye(3), lo=[-1.0, 0.0], hi=[2.0, 0.5]),
    "polygon": Polygon([[0.0, 0.0], [4.0, 1.0], [2.0, 3.0], [-0.5, 2.0]]),
    "box 1": Box([-1.0], [0.25]),
    "box 2": Box([-1.0, 0.0], [0.25, 3.0]),
    "box 3": Box([-1.0, 0.0, 2.0], [0.25, 3.0, 7.0]),
    "box 6": Box(np.arange(-3, 3), np.arange(-1, 5)),
    "slice 1": Slice(np.zeros(4), np.ones((1, 4)), -2.0, [0.5]),
    "slice 2": Slice(np.zeros((2, 2)), np.eye(4)[:2].reshape(2, 2, 2), [0.0, -1.0], 2.0),
    "slice 4": Slice(np.zeros(7), np.eye(7)[1:5] * 3.0, [-1.0, -2.0, -3.0, -4.0], 5),
    "polytope 1": Polytope([[2.0], [-1.0], [1.0]], [1.0, 3.0, 9.0]),
    "polytope 2": Polytope([[1.0, 1.0], [9.0, 0.0], [-1.0, 0.0], [0.0, -1.0], [1.0, 0.0]], [1.0, 99.0, 0.0, 0.0, 0.5]),
    "polytope 3": Polytope(SIMPLEX, [0.0, 0.0, 0.0, 1.0]),
    "polytope 5": Polytope(np.concatenate([np.eye(5), -np.eye(5), np.ones((1, 5))]), [1.0] * 10 + [2.0]),
    "space 1": Space(1),
    "space 2": Space(2),
    "space 3": Space((1, 3)),
}


def exact_values(sides: np.ndarray, t: np.ndarray) -> list[Fraction]:
    """The sides at frame coordinates, exactly."""
    point = [Fraction(1), *map(Fraction, t.tolist())]
    terms = [[Fraction(c) * x for c, x in zip(row, point, strict=True)] for row in sides.tolist()]
    return [sum(row, Fraction(0)) for row in terms]


def check_corners(corners: np.ndarray, sides: np.ndarray) -> None:
    """Side i goes through corner i and the next one, and all other corners are inside it."""
    assert len(sides) == len(corners)
    for j, corner in enumerate(corners):
        for i, value in enumerate(exact_values(sides, corner)):
            assert value == 0 if j in (i, (i + 1) % len(corners)) else value > 0


@pytest.mark.parametrize("name", DOMAINS)
def test_shapes(name: str) -> None:
    domain = DOMAINS[name]
    k = domain.frame.dimension
    assert domain.frame.basis.shape == (k, domain.frame.origin.size)
    assert domain.limits.shape == (2, k) and (domain.limits[0] < domain.limits[1]).all()
    assert domain.sides.ndim == 2 and domain.sides.shape[1] == k + 1 and np.isfinite(domain.sides).all()
    assert domain.limits.dtype == domain.sides.dtype == np.float64
    assert domain.measure > 0 and math.isinf(domain.measure) == (not np.isfinite(domain.limits).all())
    assert domain.description.isprintable() and len(domain.description) < 100
    assert not (np.signbit(domain.sides) & (domain.sides == 0)).any()


@pytest.mark.parametrize("name", [name for name, domain in DOMAINS.items() if domain.frame.dimension == 1])
def test_ends(name: str) -> None:
    domain = DOMAINS[name]
    assert domain.corners.shape == (2, 1) and np.array_equal(domain.corners, domain.limits)
    assert len(domain.sides) in (0, 2)
    for i in range(len(domain.sides)):
        values = exact_values(domain.sides, domain.corners[i])
        assert values[i] == 0 and values[1 - i] > 0


@pytest.mark.parametrize(
    "name", [name for name, domain in DOMAINS.items() if domain.frame.dimension == 2 and name != "space 2"]
)
def test_corners(name: str) -> None:
    domain = DOMAINS[name]
    assert np.array_equal(domain.limits, [domain.corners.min(axis=0), domain.corners.max(axis=0)])
    check_corners(domain.corners, domain.sides)


def test_the_check_of_corners_sees() -> None:
    corners, sides = DOMAINS["box 2"].corners, DOMAINS["box 2"].sides
    for wrong in (np.roll(sides, 1, axis=0), -sides, sides[:3], np.nextafter(sides, INF)):
        with pytest.raises(AssertionError):
            check_corners(corners, wrong)
    with pytest.raises(AssertionError):
        check_corners(corners[::-1], sides)


@pytest.mark.parametrize("name", [name for name, domain in DOMAINS.items() if len(domain.sides)])
def test_sides_and_limits(name: str) -> None:
    """The largest and smallest coordinates that the sides allow are the limits, by another solver."""
    domain = DOMAINS[name]
    k = domain.frame.dimension
    for i in range(k):
        for row, sign in enumerate((1.0, -1.0)):
            found = linprog(sign * np.eye(k)[i], -domain.sides[:, 1:], domain.sides[:, 0], bounds=(None, None))
            assert found.status == 0 and sign * found.fun == pytest.approx(domain.limits[row, i], rel=1e-9, abs=1e-9)


def test_what_windows_hold() -> None:
    """Sides in the order that labels of facets count on, and exactly the points between the limits."""
    for name in ("box 3", "box 6", "slice 4"):
        domain = DOMAINS[name]
        (lo, hi), k = domain.limits, domain.frame.dimension
        generator = np.random.default_rng(0)
        for _ in range(50):
            ends = generator.choice([lo, hi, lo - 1, hi + 1])
            t = np.where(generator.random(k) < 0.5, generator.uniform(lo, hi), ends)
            pairs = zip(map(Fraction, t.tolist()), map(Fraction, lo.tolist()), map(Fraction, hi.tolist()), strict=True)
            assert exact_values(domain.sides, t) == [value for x, low, high in pairs for value in (x - low, high - x)]


def test_sizes() -> None:
    assert DOMAINS["box 6"].measure == 64.0
    assert DOMAINS["slice 1"].measure == 5.0
    assert DOMAINS["slice 4"].measure == pytest.approx(81.0 * 6 * 7 * 8 * 9)
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    assert Slice(np.zeros(6), turned[:3], 0.0, 2.0).measure == pytest.approx(8.0)
    with warnings.catch_warnings(action="error"):
        assert Box([0.0] * 4, [1e100] * 4).measure == INF and Box([0.0] * 4, [1e-100] * 4).measure == 0.0
        assert Slice(np.zeros(4), np.eye(4) * 1e100).measure == INF
        assert Slice(np.zeros(4), np.eye(4) * 1e-100).measure == 0.0
    assert Box([0.0] * 3, [1.0, 2.0, 3.0]).description == "box [0, 1] x [0, 2] x [0, 3]"
    assert Box([0.0] * 784, [1.0] * 784).description == "box of 784 inputs and volume 1"


@pytest.mark.parametrize("name", ["box 3", "box 6", "slice 4", "polytope 3", "polytope 5"])
def test_no_corners_beyond_two_dimensions(name: str) -> None:
    with pytest.raises(InvalidDomainError, match="limits and sides"):
        DOMAINS[name].corners  # noqa: B018


def test_space() -> None:
    image = Space((1, 28, 28))
    assert image.frame.origin.shape == (784,) and image.limits[0, 5] == -INF and image.limits[1, 5] == INF
    assert Space(np.int64(3)).shape == (3,) and Space(torch.Size([2, 2])).inputs == 4 and Space([2]).inputs == 2
    assert Space(2).corners.shape == (0, 2) and Space(1).description == "whole space of 1 input"


# ---- polytopes -----------------------------------------------------------------------------------------------------


def eulerian(n: int, k: int) -> int:
    return sum((-1) ** i * math.comb(n + 1, i) * (k + 1 - i) ** n for i in range(k + 1))


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_volumes(n: int) -> None:
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * n)).reshape(n, -1).T
    identity, ones = np.eye(n), np.ones((1, n))
    cube = np.concatenate([-identity, identity])
    unit = np.array([0.0] * n + [1.0] * n)
    simplex = Polytope(np.concatenate([-identity, ones]), [0.0] * n + [1.0])
    assert simplex.measure == pytest.approx(1 / math.factorial(n))
    if n < 6:
        cross = Polytope(signs, np.ones(2**n))
        assert cross.measure == pytest.approx(2**n / math.factorial(n))
        assert np.array_equal(cross.limits, [[-1.0] * n, [1.0] * n])
    for k in range(n):  # between two neighboring sums of a unit cube: a hypersimplex
        rows, limits = np.concatenate([cube, -ones, ones]), np.concatenate([unit, [-k, k + 1.0]])
        assert Polytope(rows, limits).measure == pytest.approx(eulerian(n, k) / math.factorial(n))


def test_volumes_that_are_not_known() -> None:
    n = 7
    cube = Polytope(np.concatenate([-np.eye(n), np.eye(n)]), np.ones(2 * n))
    assert math.isnan(cube.measure) and cube.description == "polytope of 7 inputs and 14 sides"


@pytest.mark.parametrize("power", [-300, -60, 0, 60, 300])
def test_polytopes_of_any_size_and_place(power: int) -> None:
    """A simplex scaled by powers of two in one direction, and one far from the origin."""
    scale = 2.0**power
    rows = SIMPLEX / [scale, 1.0, 1.0]
    found = Polytope(rows, [0.0, 0.0, 0.0, 1.0])
    assert found.limits.tolist() == [[0.0, 0.0, 0.0], [scale, 1.0, 1.0]]
    assert found.measure == pytest.approx(scale / 6)
    far = Polytope(SIMPLEX, [-(2.0**40), 0.0, 0.0, 2.0**40 + 1.0])
    assert far.measure == pytest.approx(1 / 6) and far.limits[0, 0] == 2.0**40


def test_limits_are_rounded_outward() -> None:
    """Thirds and sevenths, from both sides: never inside, and the next float is."""
    for divisor in (3.0, 7.0, -3.0):
        rows = np.concatenate([CUBE * abs(divisor)])
        found = Polytope(rows, [1.0, 2.0, 4.0, 5.0, 10.0, -1.0])
        for i, (high, low) in enumerate(((1, -5), (2, -10), (4, 1))):
            ends = (Fraction(low) / Fraction(abs(divisor)), Fraction(high) / Fraction(abs(divisor)))
            for sign, end, limit in zip((-1, 1), ends, found.limits[:, i].tolist(), strict=True):
                assert sign * Fraction(limit) >= sign * end > sign * Fraction(math.nextafter(limit, -sign * INF))


def test_rows_that_are_left_out_and_kept() -> None:
    rows = np.concatenate([CUBE, np.zeros((2, 3)), 5 * CUBE[:1]])
    found = Polytope(rows, [1.0] * 6 + [0.0, 7.0] + [100.0])
    assert len(found.sides) == 7 == len(np.asarray(found.A)) and found.measure == pytest.approx(8.0)
    assert found.sides[6].tolist() == [100.0, -5.0, 0.0, 0.0]


def test_random_polytopes() -> None:
    """A point inside by every row, in fractions, or no cube inside, and the extent, by another solver."""
    fine = 0
    for seed in range(120):
        generator = np.random.default_rng(seed)
        n = int(generator.integers(3, 6))
        rows = np.concatenate([generator.integers(-3, 4, (int(generator.integers(1, 12)), n)), np.eye(n), -np.eye(n)])
        limit = np.concatenate([generator.integers(-2, 5, len(rows) - 2 * n), np.full(2 * n, 4.0)])
        widened = np.column_stack([rows, np.abs(rows).sum(axis=1)])
        cube = linprog([0.0] * n + [-1.0], widened, limit, bounds=(None, None))
        if cube.status != 0 or cube.x[-1] < 1e-9:
            with pytest.raises(InvalidDomainError, match=r"empty|flat"):
                Polytope(rows, limit)
            continue
        found = Polytope(rows, limit)
        weight, *point = (int(value) for value in found.interior_point)
        for row, value in zip(rows.astype(int).tolist(), limit.astype(int).tolist(), strict=True):
            assert not any(row) or sum(a * x for a, x in zip(row, point, strict=True)) < value * weight
        for i in range(n):
            high = linprog(-np.eye(n)[i], rows, limit, bounds=(None, None))
            assert -high.fun == pytest.approx(found.limits[1, i], abs=1e-8)
        fine += 1
    assert 20 < fine < 110


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=9, unique=True))
@settings(deadline=None, max_examples=60)
def test_polytopes_in_a_plane(points: list[tuple[int, int]]) -> None:
    """From the sides of the hull of some points to its vertices, and the same polygon."""
    try:
        hull = ConvexHull(points)
    except RuntimeError:  # on one line
        return
    vertices = np.array(points, dtype=np.float64)[hull.vertices]
    sides = np.roll(vertices, -1, axis=0) - vertices
    rows = np.column_stack([sides[:, 1], -sides[:, 0]])
    order = np.random.default_rng(len(points)).permutation(len(rows))
    limit = (rows * vertices).sum(axis=1)
    found = Polytope(np.concatenate([rows[order], rows]), np.concatenate([limit[order], limit + 1]))
    polygon = Polygon(vertices)
    start = int(np.flatnonzero((found.corners == polygon.corners[0]).all(axis=1))[0])
    assert np.array_equal(np.roll(found.corners, -start, axis=0), polygon.corners)
    assert found.measure == pytest.approx(polygon.measure) and found.measure == pytest.approx(hull.volume)
    check_corners(found.corners, found.sides)


# ---- with the engines ----------------------------------------------------------------------------------------------

SQUARE = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]

SAME: dict[str, tuple[Domain, Domain]] = {
    "segment": (Slice([0.5, -1.0], [[2.0, 3.0]], 0.0, 1.0), Segment([0.5, -1.0], [2.5, 2.0])),
    "plane": (Slice([0.5, -1.0], [[2.0, 1.0], [0.0, 1.0]]), Plane([0.5, -1.0], [2.0, 1.0], [0.0, 1.0])),
    "box": (Polytope(SQUARE, [1.0, 2.0, 2.0, 1.5]), Box([-2.0, -1.5], [1.0, 2.0])),
    "polygon": (Polytope([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], [2.0, 0.0, 0.0]), Polygon([[0, 0], [2, 0], [0, 2]])),
}


@pytest.mark.parametrize("case", SAME)
def test_same_regions(case: str) -> None:
    one, other = SAME[case]
    generator = np.random.default_rng(1)
    layers = [(generator.standard_normal((8, 2)), generator.standard_normal(8))]
    layers.append((generator.standard_normal((4, 8)), generator.standard_normal(4)))
    net = vitrail.Network.from_arrays([*layers, (np.ones((1, 4)), None)])
    found, expected = (vitrail.enumerate_regions(net, domain) for domain in (one, other))
    assert len(found) == len(expected) > 5
    assert np.sort(found.measures) == pytest.approx(np.sort(expected.measures))


def test_same_regions_on_a_line() -> None:
    first = (np.array([[1.0], [2.0], [-1.0]]), np.array([0.5, -0.25, 1.0]))
    net = vitrail.Network.from_arrays([first, (np.ones((1, 3)), None)])
    part = Polytope([[4.0], [-1.0]], [1.0, 1.0])
    for one, other, expected in ((Space(1), Line([0.0], [1.0]), 4), (part, Box([-1.0], [0.25]), 3)):
        assert len(vitrail.enumerate_regions(net, one)) == len(vitrail.enumerate_regions(net, other)) == expected


# ---- bad ones ------------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "box nan": (lambda: Box([0.0, 0.0, NAN], [1.0] * 3), "nan at index .2"),
    "box infinite": (lambda: Box([0.0] * 3, [1.0, INF, 1.0]), "inf at index .1"),
    "box lengths": (lambda: Box([0.0] * 3, [1.0] * 4), r"\(3,\) and \(4,\)"),
    "box lo above hi": (lambda: Box([0.0, 0.0, 2.0], [1.0] * 3), "above hi 1.0 in coordinate 2"),
    "box lo equals hi": (lambda: Box([0.0, 0.0, 1.0], [1.0] * 3), "coordinate 2, a flat domain; use .*Slice"),
    "box overflow": (lambda: Box([-1.7e308] * 3, [1.7e308] * 3), "overflows"),
    "box text": (lambda: Box(["a"] * 3, ["b"] * 3), "real numbers"),
    "box matrix": (lambda: Box(np.zeros((1, 3)), np.ones((1, 3))), r"\(1, 3\)"),
    "slice nan": (lambda: Slice([0.0, NAN], np.eye(2)), "origin: nan"),
    "slice infinite": (lambda: Slice([0.0, 0.0], [[1.0, INF]]), "basis: inf"),
    "slice text": (lambda: Slice("here", [[1.0]]), "real numbers"),
    "slice text limits": (lambda: Slice(np.zeros(2), np.eye(2), "low"), "real numbers"),
    "slice one direction without its axis": (lambda: Slice([0.0, 0.0], [1.0, 0.0]), r"\(k, 2\).*found \(2,\)"),
    "slice shapes": (lambda: Slice([0.0, 0.0], np.eye(3)), r"\(k, 2\).*found \(3, 3\)"),
    "slice shapes of one size": (lambda: Slice(np.zeros((2, 2)), np.zeros((1, 4, 1))), r"\(k, 2, 2\)"),
    "slice without directions": (lambda: Slice([0.0, 0.0], np.zeros((0, 2))), "shape"),
    "slice zero": (lambda: Slice(np.zeros(3), [[1.0, 0, 0], [0, 0, 0]]), "direction 1 is zero"),
    "slice repeated": (lambda: Slice(np.zeros(3), [[1.0, 2, 3], [0, 1, 0], [-2, -4, -6]]), "direction 2 depends"),
    "slice dependent": (lambda: Slice(np.zeros(3), [[1.0, 2, 3], [0, 1, 0], [2, 5, 6]]), "direction 2 depends"),
    "slice nearly": (lambda: Slice(np.zeros(3), [[1.0, 1, 0], [1, 1 + 2.0**-50, 0]]), "direction 1 depends"),
    "slice too many": (lambda: Slice(np.zeros(2), [[1.0, 0], [0, 1], [1, 1]]), "3 directions in a space of 2"),
    "slice lo above hi": (lambda: Slice(np.zeros(3), np.eye(3), 1.0, [2.0, 2.0, 0.0]), "coordinate 2; swap"),
    "slice lo equals hi": (lambda: Slice(np.zeros(3), np.eye(3), 1.0, 1.0), "coordinate 0, a flat"),
    "slice limits": (lambda: Slice(np.zeros(3), np.eye(3), [0.0, 0.0]), r"\(3,\), found \(2,\)"),
    "slice limits infinite": (lambda: Slice(np.zeros(3), np.eye(3), -INF), "lo: -inf"),
    "slice limits nan": (lambda: Slice(np.zeros(3), np.eye(3), 0.0, NAN), "hi: nan"),
    "slice limits bool": (lambda: Slice(np.zeros(3), np.eye(3), False, True), "bool"),
    "polytope nan": (lambda: Polytope([[NAN, 0.0]], [1.0]), "A: nan"),
    "polytope infinite": (lambda: Polytope(SQUARE, [1.0, 1.0, INF, 1.0]), "b: inf at index .2"),
    "polytope text": (lambda: Polytope("x", "y"), "real numbers"),
    "polytope none": (lambda: Polytope([], []), "shape"),
    "polytope vector": (lambda: Polytope([1.0, 0.0], [1.0, 0.0]), r"\(m, inputs\).*\(2,\)"),
    "polytope lengths": (lambda: Polytope(SQUARE, [1.0] * 3), r"\(4, 2\) and \(3,\)"),
    "polytope column": (lambda: Polytope(SQUARE, np.ones((4, 1))), r"\(4, 2\) and \(4, 1\)"),
    "polytope zero row": (lambda: Polytope([*SQUARE, [0.0, 0.0]], [1.0] * 4 + [-0.5]), "row 4.*0 <= -0.5"),
    "polytope zero rows": (lambda: Polytope(np.zeros((2, 3)), [1.0, 0.0]), "unbounded"),
    "polytope empty": (lambda: Polytope(SQUARE, [1.0, 1.0, -2.0, 1.0]), "empty; rows 2 and 3 contradict"),
    "polytope empty by three": (lambda: Polytope(SIMPLEX, [0.0, 0.0, -1.0, 0.5]), "empty; rows 0, 1, 2 and 3"),
    "polytope hardly empty": (
        lambda: Polytope([*SQUARE, [-1.0, -1.0]], [1.0, 1.0, 1.0, 1.0, -2.0 - 2.0**-51]),
        "empty; rows 0, 2 and 4",
    ),
    "polytope empty after a zero row": (lambda: Polytope([[0.0], [1.0], [-1.0]], [1.0, 0.0, -1.0]), "rows 1 and 2"),
    "polytope unbounded": (lambda: Polytope(SQUARE[:3], [1.0] * 3), r"unbounded.*along \(0, -1\).*Space"),
    "polytope cone": (lambda: Polytope(-np.eye(3), np.zeros(3)), "unbounded"),
    "polytope strip": (lambda: Polytope([[1.0, 1.0], [-1.0, -1.0]], [1.0, 1.0]), r"along \((1, -1|-1, 1)\)"),
    "polytope unbounded in many": (
        lambda: Polytope(np.concatenate([np.eye(9), np.ones((1, 9))]), np.ones(10)),
        "the direction of .* in input",
    ),
    "polytope hardly unbounded": (lambda: Polytope([[1.0, 0.0], [-1.0, 2.0**-500], [0.0, -1.0]], [1.0] * 3), "float64"),
    "polytope flat": (lambda: Polytope(SQUARE, [1.0, -1.0, 1.0, 1.0]), "flat; rows 0 and 1 hold.*Slice"),
    "polytope a point": (lambda: Polytope([*SQUARE, [-1.0, -1.0]], [1.0] * 4 + [-2.0]), "flat; rows 0, 2 and 4"),
    "polytope overflow": (lambda: Polytope(CUBE * 1e-300, [1e300] * 6), "overflows"),
    "polytope thirds": (lambda: Polytope([[3.0, 0.0], *SQUARE[1:]], [1.0] * 4), "float64; use Polygon"),
    "polytope third": (lambda: Polytope([[3.0], [-1.0]], [1.0, 0.0]), "0.333333.*float64; use Box or Segment"),
    "space 0": (lambda: Space(0), "from 1 on.*'0'"),
    "space negative": (lambda: Space((2, -3)), "-3"),
    "space bool": (lambda: Space(True), "True"),
    "space bool in a shape": (lambda: Space((2, False)), "False"),
    "space float": (lambda: Space(2.0), "2.0"),  # type: ignore[arg-type]
    "space text": (lambda: Space("3"), "3"),  # type: ignore[arg-type]
    "space none": (lambda: Space(None), "None"),  # type: ignore[arg-type]
    "space empty": (lambda: Space(()), r"\(\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_domains(case: str) -> None:
    action, words = BAD[case]
    with warnings.catch_warnings(action="error"), pytest.raises(InvalidDomainError) as caught:
        action()
    message = str(caught.value)
    assert re.search(words, message), message
    assert message.isprintable() and len(message) <= 240, message
