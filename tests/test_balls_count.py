"""Counts of regions in balls: exact ones against cells in rationals, samples below them, upper bounds above."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch

import vitrail
from oracles.networks import he
from oracles.random_networks import FAMILIES, Case, random_case
from oracles.shapes import Interval, Polygon, rational
from translate import to_network
from vitrail.balls import count_in_ball, local_bound, sampled_regions_in_ball
from vitrail.balls.closest import closest_point, meets_ball
from vitrail.errors import InvalidDomainError, InvalidModelError, InvalidOptionError
from vitrail.network.graph import Graph, Node
from vitrail.network.network import Network
from vitrail.network.ops.base import Input
from vitrail.network.ops.elementwise import relu
from vitrail.network.ops.linear import Linear
from vitrail.network.ops.maximum import Maximum
from vitrail.status import Kind, Status

Point = tuple[Fraction, ...]


def axes(n: int) -> Network:
    """One unit per coordinate: the regions are the orthants."""
    return Network.from_arrays([(np.eye(n), None), (np.ones((1, n)), None)])


def square_distance(points: list[Point], center: Point) -> Fraction:
    """The squared distance of a convex polygon, counterclockwise, or an interval from a point, in rationals."""
    moved = [tuple(a - c for a, c in zip(point, center, strict=True)) for point in points]
    if len(center) == 1:
        (low,), (high,) = moved
        return max(low, -high, Fraction(0)) ** 2
    found, inside = [], True
    for (x, y), (u, v) in zip(moved, [*moved[1:], moved[0]], strict=True):
        dx, dy = u - x, v - y
        inside &= dx * -y - dy * -x >= 0
        share = max(Fraction(0), min(Fraction(1), -(x * dx + y * dy) / (dx * dx + dy * dy)))
        found.append((x + share * dx) ** 2 + (y + share * dy) ** 2)
    return Fraction(0) if inside else min(found)


def cells_in_ball(case: Case, center: Point, radius: Fraction) -> tuple[int, bool]:
    """How many cells of a domain around the open ball meet it, and whether none of them merely touches it."""
    distances = []
    for cell in case.subdivide().cells:
        assert isinstance(cell.shape, Interval | Polygon)
        distances.append(square_distance([rational(point) for point in cell.shape.points], center))
    return sum(d < radius**2 for d in distances), all(d != radius**2 for d in distances)


@pytest.mark.parametrize("family", FAMILIES)
def test_counts_in_discs_are_those_of_rational_cells(family: str) -> None:
    larger = 0
    for seed in range(7):
        case = random_case(seed, [family], dimensions=(1, 2), units=4)
        rng = np.random.default_rng([seed, 20])
        center = [Fraction(int(k), 16) for k in rng.integers(-16, 17, case.dimension)]
        for radius in (Fraction(1, 4), Fraction(15, 16)):
            net, point = to_network(case.net), [float(value) for value in center]
            found = count_in_ball(net, point, float(radius))
            true, clear = cells_in_ball(case, tuple(center), radius)
            assert found.upper is not None and found.lower <= true <= found.upper, (family, seed, radius)
            if clear:
                assert found.status is Status.CERTIFIED and found == true, (family, seed, radius)
            else:
                assert found == true or not found.status.proven
            assert true <= local_bound(net, point, float(radius)).bound
            sampled = sampled_regions_in_ball(net, point, float(radius), 200)
            assert sampled <= true and sampled.upper is None, (family, seed, radius)
            # the check would see a radius that is a little wrong
            larger += cells_in_ball(case, tuple(center), radius * Fraction(5, 4))[0] != true
    assert larger > 0


def test_orthants_in_balls_of_three_to_five_inputs() -> None:
    for n in (3, 4, 5):
        for radius in (0.05, 0.15, 0.21, 0.35, 0.5):
            expected = sum(math.comb(n, k) for k in range(n + 1) if 0.1 * math.sqrt(k) < radius)
            found = count_in_ball(axes(n), [0.1] * n, radius)
            assert (found, found.kind, found.upper) == (expected, Kind.EXACT, expected)
            assert found == local_bound(axes(n), [0.1] * n, radius, "inf").bound or radius < 0.35
            assert count_in_ball(axes(n), [0.1] * n, radius, norm="inf") == (2**n if radius > 0.1 else 1)


def test_a_disc_in_a_plane_of_many_inputs() -> None:
    n = 12
    frame = np.zeros((2, n))
    frame[0, 0], frame[1, 1], frame[1, 0] = 3.0, 0.5, 1.0
    center = np.full(n, -7.0)
    center[:2] = 0.1
    for radius, expected in ((0.09, 1), (0.12, 3), (0.15, 4)):
        found = count_in_ball(axes(n), center, radius, frame=frame)
        assert (found, found.status) == (expected, Status.CERTIFIED) and "disc" in found.domain
    net = Network.from_arrays(he((n, 10, 10, 1), 3))
    rng = np.random.default_rng(1)
    for seed in range(5):
        point, plane = rng.normal(size=n), rng.normal(size=(2, n))
        found = count_in_ball(net, point, 0.8, frame=plane)
        inner = count_in_ball(net, point, 0.8 * 0.999, frame=plane)
        u = plane[0] / np.linalg.norm(plane[0])
        v = plane[1] - plane[1] @ u * u
        window = vitrail.Plane(point, u, v / np.linalg.norm(v), (-0.5, -0.5), (0.5, 0.5))
        assert vitrail.count_regions(net, window) <= found <= local_bound(net, point, 0.8).bound, seed
        assert inner <= found and found.status is Status.CERTIFIED


def test_budgets_leave_lower_bounds() -> None:
    net = Network.from_arrays(he((2, 20, 20, 1), 0))
    full = count_in_ball(net, [0.0, 0.0], 1.0)
    part = count_in_ball(net, [0.0, 0.0], 1.0, max_regions=5)
    assert part.status is Status.PARTIAL and part.kind is Kind.LOWER_BOUND and part <= full and part.upper is None
    assert full.status is Status.CERTIFIED and full > 20


def test_touching_regions_are_left_open() -> None:
    found = count_in_ball(axes(2), [0.5, 2.0], 0.5)
    assert (found.lower, found.upper, found.status, found.undecided) == (1, 2, Status.UNCERTIFIED, 1)
    assert count_in_ball(axes(2), [0.5, 2.0], 0.5 + 1e-12).status is Status.CERTIFIED


@pytest.mark.parametrize("exponent", [-450, -60, 400, 540, 1015])
def test_counts_do_not_depend_on_units_of_length(exponent: int) -> None:
    # a network of ReLU with biases, center and radius times s has the same regions, s times as large
    counts = set()
    for inputs, seed in ((1, 0), (2, 1), (2, 2), (3, 3)):
        layers = he((inputs, 5, 4, 1), seed)
        biases = np.random.default_rng(seed).normal(size=(3, 5))
        center = np.random.default_rng(seed + 10).normal(size=inputs)
        for radius in (0.3, 1.0):
            found = []
            for scale in (1.0, 2.0**exponent):
                own = [(w, scale * bias[: len(w)]) for (w, _), bias in zip(layers, biases, strict=True)]
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    found.append(count_in_ball(Network.from_arrays(own), scale * center, scale * radius))
            plain, scaled = found
            assert plain.status is Status.CERTIFIED
            assert scaled.upper is not None and scaled.lower <= plain <= scaled.upper and scaled == plain
            assert scaled.status is Status.CERTIFIED or scaled.undecided
            counts.add(int(plain))
    assert len(counts) > 3


def test_every_ball_meets_a_region() -> None:
    line = Network.from_arrays([([[1.0, 1.0]], [-1.0]), ([[1.0]], None)])
    for center in ([0.3, 0.0], [0.5, 0.5]):
        for radius in (1e-300, 1e-200, 1e-30, 1e-17):
            count = count_in_ball(line, center, radius)
            assert count.upper is not None and 1 <= count.lower <= count <= count.upper
            # away from the boundary one region fills the window, which settles it
            assert count.status.proven == (center[0] == 0.3) and count.upper <= 2
    none = count_in_ball(line, [0.3, 0.0], 1.0, time_limit=1e-9)
    assert (none, none.lower, none.upper, none.kind) == (1, 1, None, Kind.LOWER_BOUND)


def test_beyond_the_range_of_floats_balls_are_refused() -> None:
    with pytest.raises(InvalidDomainError, match="float64"):
        count_in_ball(axes(2), [0.0, 0.0], 1e308)
    huge = Network.from_arrays([([[1e200, 1.0], [1.0, 1.0]], None), ([[1e200, -1e200]], None), ([[1.0]], None)])
    with pytest.raises(InvalidModelError, match="overflow"):
        count_in_ball(huge, [0.0, 0.0], 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sampled_regions_in_ball(huge, [1.0, 1.0], 0.5, 100)
    assert (int(found), found.lower, found.undecided) == (1, 1, 100)


def test_boxes_are_counted_as_domains() -> None:
    for seed in range(8):
        net = Network.from_arrays(he((2, 8, 8, 1), seed))
        found = count_in_ball(net, [0.25, -0.5], 0.75, norm="inf")
        assert found == vitrail.count_regions(net, vitrail.Box([-0.5, -1.25], [1.0, 0.25])) and found.status.proven


def test_closest_points_satisfy_the_conditions_of_optimality() -> None:
    rng = np.random.default_rng(0)
    for k in (1, 2, 3, 5, 7):
        for count in (1, 2, k + 1, 40):
            for shift in (0.0, 1.0, 3.0):
                vertices = rng.normal(size=(count, k)) + shift
                weights = closest_point(vertices)
                point = weights @ vertices
                assert (weights >= 0).all() and math.isclose(weights.sum(), 1.0)
                size = np.square(vertices).sum(axis=1).max()
                assert (vertices @ point >= point @ point - 1e-9 * size).all(), (k, count, shift)


@pytest.mark.parametrize("norm", ["2", "inf"])
def test_decisions_about_polytopes(norm: str) -> None:
    rng = np.random.default_rng(1)
    answers = []
    for k in (2, 3, 6):
        for _ in range(60):
            vertices = rng.normal(size=(k + 4, k)) * 0.5 + rng.normal(size=k) * 2
            errors = np.full(len(vertices), 1e-12)
            weights = rng.dirichlet(np.full(len(vertices), 0.3), 3000)
            mixed = weights @ vertices
            seen = (np.linalg.norm(mixed, axis=1) if norm == "2" else np.abs(mixed).max(axis=1)).min()
            meets, misses, _ = meets_ball(vertices, errors, 1.0, norm)
            assert not (meets and misses) and not (misses and seen < 1 - 1e-9)
            answers.append((meets, misses))
            for exponent in (-900, -600, 505, 1000):
                scale = 2.0**exponent
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    found = meets_ball(scale * vertices, scale * errors, scale, norm)
                plain = meets_ball(vertices, errors, 1.0, norm)
                assert found[:2] == plain[:2] and found[2] == scale * plain[2], (k, exponent)
    assert answers.count((True, False)) > 15 and answers.count((False, True)) > 20
    # vertices that are known badly prove nothing
    assert meets_ball(np.array([[1.0, 0.0], [2.0, 1.0], [2.0, -1.0]]), np.full(3, 0.1), 1.05, norm)[:2] == (
        False,
        False,
    )


def test_samples_prove_patterns_of_pooled_units_that_are_off() -> None:
    # most candidates are the constant 0, which competes with nothing
    eye, table = Linear(torch.eye(4, dtype=torch.float64)), np.array([[0, 1, 2, 3]])
    nodes = (
        Node(Input((4,)), (), "x"),
        Node(eye, (0,), "linear"),
        Node(relu((4,)), (1,), "relu"),
        Node(Maximum(table, 1, ((4,),), (1,)), (2,), "pool"),
    )
    net = Network(Graph(nodes, 3, "arrays"))
    found = sampled_regions_in_ball(net, [-0.5, -0.5, -0.5, 0.1], 0.3, 300)
    # one unit changes sign; where it is on it wins
    assert (int(found), found.kind) == (2, Kind.LOWER_BOUND)
    assert found <= count_in_ball(net, [-0.5, -0.5, -0.5, 0.1], 0.3)


def test_samples_are_proven_or_counted() -> None:
    net = axes(2)
    everything = sampled_regions_in_ball(net, [0.0, 0.0], 1.0, 500, seed=3)
    assert (int(everything), everything.undecided) == (4, 0)
    assert sampled_regions_in_ball(net, [0.0, 0.0], 1.0, 500, "inf", seed=3) == 4
    # a ball below the resolution of its center: rounding may leave it, and no point proves more than it can
    tiny = sampled_regions_in_ball(net, [1e8, 1e8], 1e-9, 100)
    assert int(tiny) <= 1 and tiny.undecided >= 0
    # units that vanish everywhere are constant, not undecided
    zero = Network.from_arrays([([[0.0, 0.0], [1.0, 0.0]], None), ([[1.0, 1.0]], None)])
    found = sampled_regions_in_ball(zero, [0.0, 0.0], 1.0, 200)
    assert (int(found), found.undecided) == (2, 0)


def test_samples_lie_in_the_ball() -> None:
    # units whose boundaries the ball does not reach never switch, however many points there are
    rows = [[math.cos(a), math.sin(a)] for a in np.linspace(0, 2 * math.pi, 64, endpoint=False)]
    net = Network.from_arrays([(rows, [-1.0] * 64), ([[1.0] * 64], None)])
    assert sampled_regions_in_ball(net, [0.0, 0.0], 0.99999, 5000) == 1
    assert sampled_regions_in_ball(net, [0.0, 0.0], 1.1, 5000) > 20


@pytest.mark.parametrize("frame", [[[1.0, 0.0]], np.zeros((2, 3)), [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]], np.eye(3)])
def test_bad_frames(frame: object) -> None:
    with pytest.raises(InvalidDomainError):
        count_in_ball(axes(3), [0.0] * 3, 1.0, frame=frame)  # type: ignore[arg-type]


def test_bad_options() -> None:
    for ask in (count_in_ball, sampled_regions_in_ball):
        for radius in (0.0, -1.0, math.nan, math.inf, True, "1"):
            with pytest.raises(InvalidOptionError, match="radius"):
                ask(axes(2), [0.0, 0.0], radius)  # type: ignore[operator]
        with pytest.raises(InvalidOptionError, match="norm"):
            ask(axes(2), [0.0, 0.0], 1.0, norm="l1")  # type: ignore[operator]
        with pytest.raises(InvalidDomainError, match="one at a time"):
            ask(axes(2), np.zeros((3, 2)), 1.0)  # type: ignore[operator]
    with pytest.raises(InvalidOptionError, match="more than 7"):
        count_in_ball(axes(8), [0.0] * 8, 1.0)
    with pytest.raises(InvalidOptionError, match="leave out the frame"):
        count_in_ball(axes(3), [0.0] * 3, 1.0, frame=np.eye(3)[:2], norm="inf")
    for bad in (0, 1.5, True):
        with pytest.raises(InvalidOptionError, match="samples"):
            sampled_regions_in_ball(axes(2), [0.0, 0.0], 1.0, bad)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="seed"):
        sampled_regions_in_ball(axes(2), [0.0, 0.0], 1.0, seed=-1)


def test_the_rational_distance_against_known_ones() -> None:
    box = [(Fraction(x), Fraction(y)) for x, y in ((1, 1), (2, 1), (2, 2), (1, 2))]
    assert square_distance(box, (Fraction(0), Fraction(0))) == 2
    assert square_distance(box, (Fraction(3, 2), Fraction(0))) == 1
    assert square_distance(box, (Fraction(3, 2), Fraction(3, 2))) == 0
    assert square_distance([(Fraction(1),), (Fraction(2),)], (Fraction(4),)) == 4
