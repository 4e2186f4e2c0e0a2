"""Sampling estimates on a given network: against exact counts, exact volumes, and closed forms."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import scipy.spatial
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import vitrail
from helpers import he
from vitrail import estimates
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.estimates import Initialization
from vitrail.estimates.places import uniform_coordinates
from vitrail.estimates.volumes import volume_of
from vitrail.status import Kind, Status

SQUARE = vitrail.Box([-1.0, -1.0], [1.0, 1.0])


def random_net(*widths: int, seed: int = 0, activation: str = "relu") -> vitrail.Network:
    return Initialization.he(0.5).sample(widths, seed, activation=activation)


def cube(inputs: int, half: float = 1.0) -> vitrail.Box:
    return vitrail.Box([-half] * inputs, [half] * inputs)


# ---- volumes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [1, 2, 3, 5, 7])
def test_volume_of_boxes_and_simplices(dimension: int) -> None:
    box = np.vstack([np.column_stack([np.ones(dimension), sign * np.eye(dimension)]) for sign in (1.0, -1.0)])
    assert volume_of(box) == pytest.approx(2.0**dimension, rel=1e-9)
    simplex = np.vstack([np.eye(dimension + 1)[1:], np.r_[1.0, -np.ones(dimension)]])
    factorial = float(np.prod(np.arange(1, dimension + 1)))
    assert volume_of(simplex) == pytest.approx(1.0 / factorial, rel=1e-9)
    # the same long and thin, and far away
    stretch = np.r_[1.0, np.full(dimension, 1000.0)]
    stretch[-1] = 0.001
    moved = simplex / stretch
    moved[:, 0] -= moved[:, 1:].sum(axis=1)
    assert volume_of(moved) == pytest.approx(stretch.prod() / factorial, rel=1e-6)


@given(seed=st.integers(0, 10**6), dimension=st.integers(2, 5))
def test_volume_is_that_of_the_hull_of_the_vertices(seed: int, dimension: int) -> None:
    """Random hyperplanes around the origin, degenerate ones among them; vertices from all sets of rows."""
    rng = np.random.default_rng(seed)
    rows = np.vstack([np.eye(dimension), -np.eye(dimension), rng.integers(-2, 3, (4, dimension)).astype(float)])
    rows = rows[rows.any(axis=1)]
    forms = np.column_stack([np.r_[np.ones(2 * dimension), rng.integers(1, 3, len(rows) - 2 * dimension)], rows])
    vertices = []
    for chosen in combinations_of(len(rows), dimension):
        matrix = rows[chosen]
        if abs(np.linalg.det(matrix)) > 1e-9:
            point = np.linalg.solve(matrix, -forms[chosen, 0])
            if (forms[:, 0] + rows @ point > -1e-9).all():
                vertices.append(point)
    assert volume_of(forms) == pytest.approx(scipy.spatial.ConvexHull(vertices, qhull_options="QJ").volume, rel=1e-5)


def combinations_of(count: int, size: int) -> list[list[int]]:
    return [list(chosen) for chosen in combinations(range(count), size)]


def test_volume_of_what_is_flat_or_empty_is_not_known() -> None:
    flat = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, -1.0]])
    assert np.isnan(volume_of(flat)) and np.isnan(volume_of(flat - [[0.5, 0, 0]] * 4))
    assert np.isnan(volume_of(np.array([[-1.0, 1.0], [-1.0, -1.0]])))


# ---- the number of regions from volumes ----------------------------------------------------------------------------


def weights_of(net: vitrail.Network, domain: Any, samples: int, seed: int) -> np.ndarray:
    """The weight of each point by the region of an exact enumeration that has its pattern."""
    regions = vitrail.enumerate_regions(net, domain)
    measures = {
        tuple(np.concatenate(pieces)): measure
        for *pieces, measure in zip(*regions.patterns(), regions.measures, strict=True)
    }
    points = domain.frame.point(uniform_coordinates(domain, samples, np.random.default_rng(seed)))
    keys = zip(*net.pieces_at(points), strict=True)
    return np.array([domain.measure / measures[tuple(np.concatenate(key))] for key in keys])


@pytest.mark.parametrize(
    ("net", "domain"),
    [
        (random_net(1, 6, 5, 1), vitrail.Box([-2.0], [1.0])),
        (random_net(2, 6, 6, 1), SQUARE),
        (random_net(2, 4, 4, 1, activation="hardtanh"), SQUARE),
        (random_net(2, 5, 5, 1, seed=1), vitrail.Polygon([[0.0, 0.0], [2.0, 0.0], [0.5, 1.5]])),
        (random_net(3, 5, 4, 1, activation="abs"), cube(3)),
        (random_net(4, 4, 3, 1), cube(4)),
        (random_net(5, 6, 6, 1), vitrail.Plane([0.0] * 5, [1.0] * 5, [1.0, -1.0, 0.0, 0.0, 2.0])),
        (random_net(5, 6, 6, 1), vitrail.Segment([-1.0] * 5, [1.0] * 5)),
        (random_net(4, 5, 5, 1), vitrail.Slice([0.0] * 4, np.eye(4)[:3] + 0.1, -1.0, 1.0)),
        (random_net(2, 4, 1), vitrail.Polytope([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], [1.0, 1.0, 2.0])),
    ],
)
def test_weights_are_those_of_the_exact_regions(net: vitrail.Network, domain: Any) -> None:
    """Then the mean weight is unbiased: it is the sum over regions of share / share."""
    weights = weights_of(net, domain, 150, 4)
    found = estimates.estimate_regions(net, domain, samples=150, seed=4)
    assert found.value == pytest.approx(weights.mean(), rel=1e-8)
    assert found.standard_error == pytest.approx(weights.std(ddof=1) / 150**0.5, rel=1e-7)
    assert found.value != pytest.approx(weights_of(net, domain, 150, 5).mean(), rel=1e-6)


@pytest.mark.parametrize(("widths", "inputs"), [((2, 4, 1), 2), ((3, 4, 1), 3), ((1, 6, 4, 1), 1)])
def test_estimates_agree_with_exact_counts(widths: tuple[int, ...], inputs: int) -> None:
    """Means over many seeds, against the exact count: within three standard errors, and 1.2 times it is not."""
    net = random_net(*widths, seed=2)
    true = int(vitrail.count_regions(net, cube(inputs, 2.0)))
    found = [estimates.estimate_regions(net, cube(inputs, 2.0), samples=200, seed=seed).value for seed in range(40)]
    error = float(np.std(found, ddof=1)) / 40**0.5
    assert abs(np.mean(found) - true) < 3 * error < 0.2 * true


def test_one_region_and_equal_regions_have_no_spread() -> None:
    affine = vitrail.Network.from_arrays([[[1.0, 1.0]]])
    found = estimates.estimate_regions(affine, SQUARE, samples=10)
    assert found.value == pytest.approx(1.0) and "no width" in found.warnings[0]
    quarters = vitrail.Network.from_arrays([(np.eye(3), None), (np.ones((1, 3)), None)])
    assert estimates.estimate_regions(quarters, cube(3), samples=20).value == pytest.approx(8.0, rel=1e-9)
    # a dead unit, and one twice
    odd = vitrail.Network.from_arrays([([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]], None), ([[1.0, 1.0, 1.0]], None)])
    assert estimates.estimate_regions(odd, SQUARE, samples=10).value == pytest.approx(2.0, rel=1e-9)


def test_domains_of_any_size() -> None:
    net = vitrail.Network.from_arrays([(np.eye(2), None), (np.ones((1, 2)), None)])
    for half in (1e-150, 1e150):
        assert estimates.estimate_regions(net, cube(2, half), samples=10).value == pytest.approx(4.0, rel=1e-9)


def test_heavy_tails_are_warned_of() -> None:
    """A strip of 1 / 1000 of the square: one point in it weighs as much as all others together."""
    thin = vitrail.Network.from_arrays([([[1.0, 0.0]], [-0.998]), ([[1.0]], None)])
    warned = met = 0
    for seed in range(30):
        found = estimates.estimate_regions(thin, SQUARE, samples=300, seed=seed)
        met += found.value > 1.01
        warned += any("do not trust" in text for text in found.warnings)
    assert 0 < met == warned < 30
    fine = vitrail.Network.from_arrays([([[1.0, 0.0]], [0.1]), ([[1.0]], None)])
    assert estimates.estimate_regions(fine, SQUARE, samples=300).warnings == ()


def test_too_many_regions_for_the_samples() -> None:
    found = estimates.estimate_regions(he(6, 10, 10, 1), cube(6), samples=30)
    assert any("alone" in text for text in found.warnings) and found.value > 30 and "cannot know" in found.method
    # here even the interval is too low, and says why that may be
    net = random_net(2, 16, 16, 1)
    low = estimates.estimate_regions(net, SQUARE, samples=100)
    assert low.high < vitrail.count_regions(net, SQUARE) and any("alone" in text for text in low.warnings)


@pytest.mark.parametrize(
    "domain",
    [vitrail.Space(2), vitrail.Line([0.0, 0.0], [1.0, 0.0]), cube(3), [[0.0, 0.0]], None],
)
def test_domains_that_do_not_fit(domain: Any) -> None:
    with pytest.raises(InvalidDomainError):
        estimates.estimate_regions(he(2, 4, 1), domain)


def test_bad_options_of_estimates() -> None:
    with pytest.raises(InvalidDomainError, match="7 dimensions"):
        estimates.estimate_regions(he(8, 4, 1), cube(8))
    for options in ({"samples": 1}, {"samples": 2.0}, {"samples": True}, {"seed": -1}, {"confidence": 2.0}):
        with pytest.raises(InvalidOptionError):
            estimates.estimate_regions(he(2, 4, 1), SQUARE, **options)


# ---- occupied regions ----------------------------------------------------------------------------------------------


def test_occupied_regions_count_patterns() -> None:
    net = random_net(2, 6, 6, 1)
    found = estimates.occupied_regions(net, SQUARE, samples=400, seed=3)
    points = uniform_coordinates(SQUARE, 400, np.random.default_rng(3))
    patterns, counts = np.unique(np.concatenate(net.pieces_at(points), axis=1), axis=0, return_counts=True)
    assert int(found.regions) == found.regions.lower == len(patterns)
    assert (found.singletons, found.doubletons) == ((counts == 1).sum(), (counts == 2).sum())
    assert found.coverage.value == pytest.approx(1 - (counts == 1).mean() * len(counts) / 400)
    assert found.regions.kind is Kind.LOWER_BOUND and found.regions.upper is None
    assert found.regions <= vitrail.count_regions(net, SQUARE)
    again = estimates.occupied_regions(net, points)
    assert int(again.regions) == int(found.regions) and again.singletons == found.singletons
    assert "400 inputs" in again.regions.domain and found.to_dict()["samples"] == 400 and "\n" not in repr(found)


def shares(count: int, kind: str) -> np.ndarray:
    size = np.ones(count) if kind == "equal" else 1.0 / np.arange(1, count + 1) ** 1.5
    return size / size.sum()


def steps(share: np.ndarray) -> vitrail.Network:
    """A network on [0, 1] with one region for each share, in order."""
    inner = np.cumsum(share)[:-1]
    return vitrail.Network.from_arrays([(np.ones((inner.size, 1)), -inner), (np.ones((1, inner.size)), None)])


@pytest.mark.parametrize("kind", ["equal", "skewed"])
@pytest.mark.parametrize("samples", [30, 300])
def test_coverage_is_within_its_interval(kind: str, samples: int) -> None:
    """The share of the regions that were met is known here."""
    share = shares(60, kind)
    net, unit, covered, inside = steps(share), vitrail.Box([0.0], [1.0]), [], []
    for seed in range(40):
        found = estimates.occupied_regions(net, unit, samples=samples, seed=seed)
        points = uniform_coordinates(unit, samples, np.random.default_rng(seed))[:, 0]
        met = np.unique(np.searchsorted(np.cumsum(share)[:-1], points))
        assert len(met) == int(found.regions)
        covered.append(found.coverage.value - share[met].sum())
        inside.append(found.coverage.low <= share[met].sum() <= found.coverage.high)
        assert found.coverage.low <= found.coverage.value <= found.coverage.high
        assert found.coverage.low < found.coverage.high
    # nearly unbiased, and an interval that holds for any distribution
    assert abs(np.mean(covered)) < 3 * np.std(covered) / 40**0.5 + 0.5 / samples
    assert np.mean(inside) >= 0.95


def test_chao_is_between_what_was_met_and_what_there_is() -> None:
    net, unit = steps(shares(60, "equal")), vitrail.Box([0.0], [1.0])
    found = [estimates.occupied_regions(net, unit, samples=90, seed=seed) for seed in range(40)]
    met, chao = np.array([[int(one.regions), one.chao.value] for one in found]).T
    assert (met <= chao).all() and met.mean() < 50 and abs(chao.mean() - 60) < 3 * chao.std() / 40**0.5 + 1
    assert np.mean([one.chao.low <= 60 <= one.chao.high for one in found]) > 0.85
    assert all("from below" in one.chao.what for one in found)
    whole = estimates.occupied_regions(net, unit, samples=3000)
    assert whole.chao.value == 60 and whole.singletons < 2 and "no width" in whole.chao.warnings[0]


def test_saturation_is_warned_of() -> None:
    many = estimates.occupied_regions(he(20, 30, 30, 2), cube(20), samples=100)
    assert many.regions > 90 and "saturated" in many.warnings[0] and many.chao.warnings == many.warnings
    assert many.coverage.high < 0.7
    few = estimates.occupied_regions(he(2, 3, 1), SQUARE, samples=100)
    assert few.warnings == () and few.regions <= 7


def test_points_on_boundaries_stand_for_one_region() -> None:
    net = vitrail.Network.from_arrays([(np.eye(2), None), (np.ones((1, 2)), None)])
    found = estimates.occupied_regions(net, [list(p) for p in product([-1.0, 0.0, 1.0], repeat=2)])
    assert found.regions.lower == 4 and found.regions.status is Status.PARTIAL
    affine = vitrail.Network.from_arrays([[[1.0, 1.0]]])
    assert int(estimates.occupied_regions(affine, [[1.0, 2.0]]).regions) == 1


def test_bad_options_of_occupied_regions() -> None:
    net = he(2, 4, 1)
    with pytest.raises(InvalidOptionError, match="samples"):
        estimates.occupied_regions(net, [[0.0, 0.0]], samples=3)
    for where in ([[0.0]], [], [[np.inf, 0.0]], vitrail.Space(2), cube(3)):
        with pytest.raises(InvalidDomainError):
            estimates.occupied_regions(net, where)
    for options in ({"samples": 0}, {"confidence": 0.0}, {"seed": 1.5}):
        with pytest.raises(InvalidOptionError):
            estimates.occupied_regions(net, SQUARE, **options)


# ---- lines and planes ----------------------------------------------------------------------------------------------


def test_mean_over_chords_of_one_boundary() -> None:
    """The chord through two random points of a square crosses x = 0: the points' sides, or the chord beyond them."""
    net = vitrail.Network.from_arrays([([[1.0, 0.0]], None), ([[1.0]], None)])
    ends = np.random.default_rng(8).uniform(-1.0, 1.0, (200000, 2, 2))
    # a chord is cut unless it leaves the square before it reaches x = 0
    slope = ends[:, 0] - ends[:, 1]
    at_zero = ends[:, 0, 1] - ends[:, 0, 0] * slope[:, 1] / slope[:, 0]
    for extent, true in (
        ("chord", 1 + np.mean(np.abs(at_zero) <= 1)),
        ("segment", 1 + np.mean(ends[:, 0, 0] * ends[:, 1, 0] < 0)),
        ("line", 2.0),
    ):
        found = estimates.mean_regions_on_lines(net, SQUARE, lines=1500, extent=extent)
        assert abs(found.value - true) <= 3 * found.standard_error + 0.005
        assert found.samples == 1500 and "lines" in found.method and extent in found.what
    assert abs(true - (1 + np.mean(np.abs(at_zero) <= 1))) > 0.1


def test_chords_end_on_the_border() -> None:
    """Many boundaries just inside the sides are met by chords, mostly not by segments."""
    sides = np.vstack([np.eye(3), -np.eye(3)])
    net = vitrail.Network.from_arrays([(sides, np.full(6, -0.999)), (np.ones((1, 6)), None)])
    chord = estimates.mean_regions_on_lines(net, cube(3), lines=200)
    segment = estimates.mean_regions_on_lines(net, cube(3), lines=200, extent="segment")
    assert 2.9 < chord.value <= 4.0 and segment.value < 1.1


def test_lines_through_data_are_whole() -> None:
    net, points = random_net(4, 6, 6, 1), np.random.default_rng(0).standard_normal((5, 4))
    counts = [
        int(vitrail.count_regions(net, vitrail.Line(points[i], points[j] - points[i])))
        for i in range(5)
        for j in range(i)
    ]
    found = estimates.mean_regions_on_lines(net, points, lines=400)
    assert min(counts) <= found.value <= max(counts) and abs(found.value - np.mean(counts)) < 3 * found.standard_error
    assert found == estimates.mean_regions_on_lines(net, points, lines=400)
    assert found != estimates.mean_regions_on_lines(net, points, lines=400, seed=1)
    linear = estimates.mean_regions_on_lines(net, points, "linear", lines=10)
    assert linear.value <= estimates.mean_regions_on_lines(net, points, lines=10).value and "linear" in linear.what


def test_lines_in_slices_stay_there() -> None:
    net = random_net(4, 6, 6, 1)
    plane = vitrail.Plane([0.0] * 4, [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0])
    flat = vitrail.Network.from_arrays(
        [([[1.0, 0, 0, 0], [0, 0.5, 0.5, 0]], None), *((np.eye(2), np.full(2, 9.0)), np.ones((1, 2)))]
    )
    assert 1.0 < estimates.mean_regions_on_lines(net, plane, lines=50).value <= 30
    assert 1.0 < estimates.mean_regions_on_lines(flat, plane, lines=50).value <= 3


def test_mean_over_planes() -> None:
    """Windows hold their three points, and three points are enough for one plane."""
    net, points = random_net(4, 6, 6, 1), np.random.default_rng(0).standard_normal((3, 4))
    for margin in (0.25, 1.0):
        # which corner comes first turns the window
        counts = [
            int(vitrail.count_regions(net, vitrail.Plane.through(*points[list(order)], margin=margin)))
            for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        ]
        found = estimates.mean_regions_in_planes(net, points, planes=60, margin=margin)
        assert min(counts) <= found.value <= max(counts)
        assert abs(found.value - np.mean(counts)) <= 3 * found.standard_error
    box = estimates.mean_regions_in_planes(net, cube(4), planes=10)
    assert box.samples == 10 and "planes" in box.method and box.value > 1


def test_equal_points_are_drawn_again() -> None:
    net = he(2, 4, 1)
    found = estimates.mean_regions_on_lines(net, [[1.0, 2.0], [1.0, 2.0], [3.0, 1.0]], lines=20)
    assert found.samples == 20
    with pytest.raises(InvalidDomainError, match="are different"):
        estimates.mean_regions_on_lines(net, [[1.0, 2.0]] * 3, lines=5)
    with pytest.raises(InvalidDomainError, match="span a plane"):
        estimates.mean_regions_in_planes(net, [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], planes=5)


@pytest.mark.parametrize("where", [[[1.0, 2.0]], [[1.0]], [], vitrail.Space(2), vitrail.Box([0.0], [1.0]), None, "x"])
def test_places_that_do_not_fit(where: Any) -> None:
    for ask in (estimates.mean_regions_on_lines, estimates.mean_regions_in_planes):
        with pytest.raises(InvalidDomainError):
            ask(he(2, 4, 1), where)


def test_bad_options_of_lines_and_planes() -> None:
    net = he(2, 4, 1)
    with pytest.raises(InvalidOptionError, match="chord"):
        estimates.mean_regions_on_lines(net, [[0.0, 0.0], [1.0, 1.0]], extent="chord")
    with pytest.raises(InvalidOptionError, match="extent"):
        estimates.mean_regions_on_lines(net, SQUARE, extent="ray")
    with pytest.raises(InvalidDomainError, match="dimension 2"):
        estimates.mean_regions_in_planes(he(1, 4, 1), vitrail.Box([0.0], [1.0]))
    for options in ({"lines": 1}, {"lines": 0}, {"seed": True}, {"confidence": -1.0}, {"definition": "all"}):
        with pytest.raises(InvalidOptionError):
            estimates.mean_regions_on_lines(net, SQUARE, **options)
    for options in ({"planes": 1}, {"margin": 0.0}, {"margin": float("inf")}, {"margin": True}):
        with pytest.raises(InvalidOptionError):
            estimates.mean_regions_in_planes(net, SQUARE, **options)


def test_progress_goes_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    net = he(2, 4, 1)
    for show in (False, True):
        estimates.estimate_regions(net, SQUARE, samples=5, progress=show)
        estimates.occupied_regions(net, SQUARE, samples=5, progress=show)
        estimates.mean_regions_on_lines(net, SQUARE, lines=3, progress=show)
        shown = capsys.readouterr()
        assert shown.out == "" and bool(shown.err) == show
