"""Bounds on the mean over random networks: closed forms, tables, and means of counted networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, pairwise
from math import comb, factorial, prod

import numpy as np
import pytest

import vitrail
from vitrail.bounds import (
    Architecture,
    BoundKind,
    Constants,
    Setting,
    hanin2019complexity,
    hanin2019patterns,
    own,
    petersen2024,
)
from vitrail.bounds.architecture import Layer
from vitrail.bounds.registry import evaluate_in
from vitrail.bounds.statement import Statement
from vitrail.errors import InvalidOptionError, NotApplicableError

STATEMENTS: dict[str, Statement] = {
    statement.name: statement
    for statements in (hanin2019complexity.STATEMENTS, hanin2019patterns.STATEMENTS, own.STATEMENTS)
    for statement in statements
}
HE = Constants.he(1.0)
ROOT, NORMAL = 1.4142135623730951, 0.3989422804014327


def random_network(widths: list[int], seed: int, deviation: float) -> vitrail.Network:
    """He's weights, and normal biases."""
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in pairwise(widths):
        weights = rng.normal(0.0, math.sqrt(2 / inputs), (outputs, inputs))
        layers.append((weights, rng.normal(0.0, deviation, outputs)))
    return vitrail.Network.from_arrays(layers)


def mean_with_error(counts: list[int]) -> tuple[float, float]:
    return float(np.mean(counts)), float(np.std(counts) / math.sqrt(len(counts)))


def value(name: str, where: Setting) -> float:
    return float(evaluate_in(STATEMENTS[name], where).value)


# ---- segments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "start", "stop", "weights", "biases", "expected"),
    [
        (20, -2.0, 2.0, math.sqrt(2), 0.5, 18.772224919538726),
        (15, 0.0, 3.0, 1.0, 1.0, 6.963754264756499),
        (10, -1.0, 1.0, math.sqrt(2), 1.0, 7.0817),
        (0, -1.0, 1.0, 1.0, 1.0, 1.0),
    ],
)
def test_one_layer_on_a_line_exactly(
    units: int, start: float, stop: float, weights: float, biases: float, expected: float
) -> None:
    found = hanin2019complexity.line_exact(units, start, stop, weights, biases)
    assert found == pytest.approx(expected, rel=5e-6)
    rng = np.random.default_rng(1)
    zeros = -rng.normal(0.0, biases, (20_000, units)) / rng.normal(0.0, weights, (20_000, units))
    mean, error = mean_with_error((1 + ((zeros > start) & (zeros < stop)).sum(axis=1)).tolist())
    assert abs(mean - found) <= 4 * error


def test_one_layer_on_the_whole_line_crosses_every_unit() -> None:
    assert hanin2019complexity.line_exact(7, -1e12, 1e12, 1.0, 1.0) == pytest.approx(8)


@pytest.mark.parametrize(
    ("widths", "deviation", "expected"),
    [([10, 10], 1.0, 23.567583341910254), ([20, 20], 0.5, 91.27033336764102), ([10, 10, 10], 1.0, 34.8514)],
)
def test_segments_have_the_known_values(widths: list[int], deviation: float, expected: float) -> None:
    units = sum(widths)
    constants = Constants.he(deviation)
    found = hanin2019complexity.segment_upper(2.0, units, constants.gradient, constants.bias)
    assert float(found) == pytest.approx(expected, rel=2e-6)
    assert hanin2019complexity.he_segment_upper(2.0, 1, units, deviation) == pytest.approx(float(found), rel=1e-12)
    where = Setting(Architecture.of([1, *widths, 1]), lengths=(2.0,), constants=constants)
    assert value("hanin2019complexity", where) == float(found)


@pytest.mark.parametrize(("widths", "deviation"), [([8, 8], 1.0), ([12, 6, 4], 0.5)])
def test_means_on_segments_stay_below(widths: list[int], deviation: float) -> None:
    counts = [
        int(vitrail.count_regions(random_network([1, *widths, 1], seed, deviation), vitrail.Segment([-1.0], [1.0])))
        for seed in range(40)
    ]
    mean, error = mean_with_error(counts)
    constants = Constants.he(deviation)
    upper = float(hanin2019complexity.segment_upper(2.0, sum(widths), constants.gradient, constants.bias))
    assert mean - 4 * error > 1
    assert mean + 4 * error < upper


def test_breakpoints_add_up_over_units_of_several_kinds() -> None:
    layers = (Layer(((2, 3),), "relu", True), Layer(((1, 5), (2, 1), (3, 4)), "hardtanh", False))
    where = Setting(Architecture(1, layers, 1), lengths=(0.5,), constants=Constants(2.0, 3.0, 1))
    assert value("hanin2019complexity", where) == 1 + 0.5 * (3 + 1 + 8) * 6
    assert hanin2019complexity.segment_upper(0.5, 4, 2.0, 3.0, breakpoints=2) == 1 + Fraction(1, 2) * 8 * 6


# ---- volumes and distances -----------------------------------------------------------------------------------------


def test_densities_of_boundaries() -> None:
    density = hanin2019complexity.boundary_density
    for k in range(4):
        assert density(6, k, 0.5, 0.75) == comb(6, k) * Fraction(3, 8) ** k
        assert density(6, k, 0.5, 0.75, factor=2.0) == 2**k * density(6, k, 0.5, 0.75)
        assert density(6, k, 0.5, 0.75, breakpoints=3) == 3**k * density(6, k, 0.5, 0.75)
    assert density(2, 3, 1.0, 1.0) == 0


def test_distances_have_the_known_values() -> None:
    assert float(own.distance_lower(28.284271247461902, NORMAL)) == pytest.approx(0.022155673136318946, rel=1e-15)
    assert own.distance_lower(100.0, 1.0) == hanin2019complexity.distance_lower(100, 1.0, 1.0) == Fraction(1, 400)


def test_mean_distances_stay_above() -> None:
    """From the origin, where the first pre-activations are the biases: |b| / |w| for one layer."""
    rng = np.random.default_rng(3)
    weights, biases = rng.normal(size=(4000, 12, 3)), rng.normal(size=(4000, 12))
    norms = np.linalg.norm(weights, axis=2)
    distances = np.min(np.abs(biases) / norms, axis=1)
    bound = float(own.distance_lower(12 * float(norms.mean()), NORMAL))
    assert bound < distances.mean() - 4 * distances.std() / math.sqrt(4000)
    assert distances.mean() < 10 * bound


# ---- cubes and boxes -----------------------------------------------------------------------------------------------


def test_cubes_have_the_known_values() -> None:
    for units, ours, theirs in ((8, 218.8190957044511, 41721.51340188183), (12, 448.4596398512523, 93873.4051542341)):
        assert float(own.box_upper([2.0, 2.0], {1: units}, ROOT, NORMAL)) == pytest.approx(ours, rel=1e-13)
        assert float(hanin2019patterns.cube_upper(2, units, 2.0, ROOT, NORMAL)) == pytest.approx(theirs, rel=1e-13)
        where = Setting(Architecture.of([2, units // 2, units // 2, 1]), lengths=(2.0, 2.0), constants=HE)
        assert value("vitrail_cube", where) == pytest.approx(ours, rel=1e-13)
        assert value("hanin2019patterns", where) == pytest.approx(theirs, rel=1e-13)
    assert float(own.box_upper([2.0, 2.0], {1: 6}, ROOT, NORMAL)) == pytest.approx(134.6, rel=1e-3)


def test_the_scale_has_the_known_values_and_is_no_statement() -> None:
    assert [hanin2019patterns.unit_scale(2, 6), hanin2019patterns.unit_scale(3, 30)] == [18, 4500]
    assert hanin2019patterns.unit_scale(2, 6) < sum(comb(6, j) for j in range(3))
    assert [statement.name for statement in hanin2019patterns.STATEMENTS] == ["hanin2019patterns"]


def test_boxes_are_sums_over_faces() -> None:
    sides, breakpoints = [0.5, 3.0, 1.25, 3.0], [1, 1, 2, 2, 2]
    density = Fraction(3, 4) * Fraction(1, 2)
    expected = Fraction(0)
    for k in range(5):
        volume = sum(prod(map(Fraction, chosen)) for chosen in combinations(sides, k))
        zeros = sum(prod(chosen) for chosen in combinations(breakpoints, k))
        expected += 2**4 * volume * zeros * density**k
    assert own.box_upper(sides, {1: 2, 2: 3}, 0.75, 0.5) == expected
    assert own.box_upper(sides, {}, 0.75, 0.5) == 2**4
    layers = (Layer(((2, 2), (3, 3), (1, 4)), "hardtanh", False),)
    where = Setting(Architecture(4, layers, 1), lengths=tuple(sides), constants=Constants(0.75, 0.5, 4))
    assert evaluate_in(STATEMENTS["vitrail_cube"], where).value == expected


def test_the_published_cube_follows_from_ours() -> None:
    for inputs in range(1, 6):
        for units in range(inputs + 1, 20, 3):
            for side in (0.5, 0.75, 2.0, 30.0):
                ours = own.box_upper([side] * inputs, {1: units}, 1.0, 1.0)
                assert ours <= hanin2019patterns.cube_upper(inputs, units, side, 1.0, 1.0)
                if side >= 1:
                    assert ours <= Fraction(4 * units * side) ** inputs / factorial(inputs)


@pytest.mark.parametrize(("widths", "sides"), [([4, 4], (2.0, 2.0)), ([6, 3], (1.0, 3.0)), ([10], (0.5, 0.5))])
def test_means_in_boxes_stay_below(widths: list[int], sides: tuple[float, float]) -> None:
    box = vitrail.Box([-sides[0] / 2, -sides[1] / 2], [sides[0] / 2, sides[1] / 2])
    counts = [int(vitrail.count_regions(random_network([2, *widths, 1], seed, 1.0), box)) for seed in range(40)]
    mean, error = mean_with_error(counts)
    assert mean + 4 * error < float(own.box_upper(sides, {1: sum(widths)}, HE.gradient, HE.bias))


def test_few_units_have_all_patterns_at_most() -> None:
    assert hanin2019patterns.cube_upper(3, 3, 5.0, 1.0, 1.0) == 8
    with pytest.raises(NotApplicableError, match=r"expected a side of at least 0.5 = .*, found 0.49; use vitrail_cube"):
        hanin2019patterns.cube_upper(3, 5, 0.49, 1.0, 1.0)


def test_large_boxes_are_quick() -> None:
    rng = np.random.default_rng(0)
    sides = rng.uniform(0.5, 1.0, 784).tolist()
    small, large = own.box_upper(sides, {1: 50_000}, 1.4, 0.4), own.box_upper([1.0] * 784, {1: 50_000}, 1.4, 0.4)
    assert 1 < small < large < 2**10_000


# ---- fixed weights, uniform biases ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("widths", "derivative", "spread", "published", "ours"),
    [
        ([6, 6], 3.0, 1.0, 69.73, 25.0),
        ([5, 5, 5], 2.0, 0.5, 230.2068074395237, 46.0),
        ([8, 8], 1.0, 1.0, 39.18070977791825, 17.0),
        ([4], 2.0, 0.5, 5.0, 5.0),
        ([], 2.0, 0.5, 1.0, 1.0),
    ],
)
def test_pieces_on_the_unit_segment(
    widths: list[int], derivative: float, spread: float, published: float, ours: float
) -> None:
    assert petersen2024.upper(widths, derivative, spread) == pytest.approx(published, rel=5e-5)
    assert petersen2024.upper_without_logarithm(widths, derivative, spread) == ours


def test_mean_pieces_of_fixed_weights_stay_below() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=(6, 1)), rng.normal(size=(6, 6)) / 4
    steepest = float(np.max(np.abs(second) @ np.abs(first)))
    counts = []
    for _ in range(40):
        biases = rng.uniform(-0.5, 0.5, (2, 6))
        net = vitrail.Network.from_arrays([(first, biases[0]), (second, biases[1]), (np.ones((1, 6)), None)])
        counts.append(int(vitrail.count_regions(net, vitrail.Segment([0.0], [1.0]))))
    mean, error = mean_with_error(counts)
    assert mean > 2
    assert mean + 4 * error < petersen2024.upper_without_logarithm([6, 6], steepest, 1.0)


def test_wide_biases_need_the_form_without_the_logarithm() -> None:
    with pytest.raises(NotApplicableError, match=r"length 1 or less, found 2.0; use upper_without_logarithm"):
        petersen2024.upper([5, 5], 1.0, 2.0)
    assert petersen2024.upper_without_logarithm([5, 5], 1.0, 2.0) == 8.5


# ---- conditions and wrong numbers ----------------------------------------------------------------------------------


def setting(
    widths: str = "2-4-4-1",
    activation: str = "relu",
    lengths: tuple[float, ...] | None = (2.0, 2.0),
    constants: Constants | None = HE,
    *,
    biased: bool = True,
) -> Setting:
    rank = 3 if activation == "maxout" else None
    architecture = Architecture.of(widths, activation=activation, rank=rank, biased=biased)
    return Setting(architecture, lengths=lengths, constants=constants)


SHARED = Setting(Architecture(2, (Layer(((2, 4),), "relu", True, dense=False),), 1), lengths=(2.0, 2.0), constants=HE)


@pytest.mark.parametrize(
    ("name", "where", "message"),
    [
        ("hanin2019complexity", setting(), "expected one input, found 2"),
        ("hanin2019complexity", setting("1-4-1", lengths=None), "a box or a segment as domain"),
        ("hanin2019complexity", setting("1-4-1", lengths=(2.0,), constants=None), "constants of a distribution"),
        ("hanin2019complexity", setting("1-4-1", "maxout", (2.0,)), "that one pre-activation decides, found maxout"),
        ("hanin2019complexity", setting("1-4-1", lengths=(2.0,), biased=False), "expected biases"),
        ("hanin2019patterns", setting(activation="abs"), r"\(ReLU\), found abs in layer 1"),
        ("hanin2019patterns", setting(lengths=(2.0, 1.0)), "a cube as domain, found sides from 1.0 to 2.0"),
        ("hanin2019patterns", setting(lengths=(0.25, 0.25)), "found 0.25"),
        ("hanin2019patterns", setting("3-4-1", lengths=(2.0,) * 3), "found moment 2 for 3 inputs"),
        ("hanin2019patterns", SHARED, "every weight free, found weights that are shared"),
        ("vitrail_cube", setting("3-4-1", lengths=(2.0,) * 3), "found moment 2 for 3 inputs"),
        ("vitrail_cube", setting(lengths=(2.0,)), "a side length for every input, found 1 for 2 inputs"),
        ("vitrail_cube", setting(lengths=None), "a box or a segment as domain"),
        ("vitrail_cube", setting(constants=None), "constants of a distribution"),
        ("vitrail_cube", setting(activation="maxout"), "found maxout in layer 1"),
        ("vitrail_cube", SHARED, "every weight free"),
    ],
)
def test_conditions(name: str, where: Setting, message: str) -> None:
    with pytest.raises(NotApplicableError, match=message):
        evaluate_in(STATEMENTS[name], where)


def test_kinds() -> None:
    for name in ("hanin2019complexity", "hanin2019patterns", "vitrail_cube"):
        assert STATEMENTS[name].kind is BoundKind.UPPER_ON_EXPECTATION


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hanin2019complexity.segment_upper(0.0, 3, 1.0, 1.0), "length: expected a finite number above 0"),
        (lambda: hanin2019complexity.segment_upper(1.0, -1, 1.0, 1.0), "units: expected an integer of at least 0"),
        (lambda: hanin2019complexity.segment_upper(1.0, 3, math.nan, 1.0), "gradient: expected a finite number"),
        (lambda: hanin2019complexity.segment_upper(1.0, 3, 1.0, 1.0, 0), "breakpoints: expected an integer"),
        (lambda: hanin2019complexity.he_segment_upper(1.0, 0, 3, 1.0), "input_dimension: expected an integer"),
        (lambda: hanin2019complexity.line_exact(3, 1.0, 0.0, 1.0, 1.0), "stop: expected at least the start 1.0"),
        (lambda: hanin2019complexity.line_exact(3, -math.inf, 0.0, 1.0, 1.0), "start: expected a finite number"),
        (lambda: hanin2019complexity.line_exact(3, 0.0, 1.0, 1.0, 0.0), "bias_deviation: expected a finite number"),
        (lambda: hanin2019complexity.boundary_density(3, -1, 1.0, 1.0), "codimension: expected an integer"),
        (lambda: hanin2019complexity.distance_lower(0, 1.0, 1.0), "units: expected an integer of at least 1"),
        (lambda: hanin2019patterns.cube_upper(0, 3, 1.0, 1.0, 1.0), "input_dimension: expected an integer"),
        (lambda: hanin2019patterns.unit_scale(2, True), "units: expected an integer of at least 0, found True"),
        (lambda: own.box_upper([], {1: 2}, 1.0, 1.0), "sides: expected at least one side length, found none"),
        (lambda: own.box_upper([1.0, math.inf], {1: 2}, 1.0, 1.0), r"sides\[1\]: expected a finite number"),
        (lambda: own.box_upper([1.0], {0: 2}, 1.0, 1.0), "breakpoints: expected an integer of at least 1"),
        (lambda: own.distance_lower(0.0, 1.0), "gradients: expected a finite number above 0"),
        (lambda: petersen2024.upper([0], 1.0, 1.0), r"widths\[0\]: expected an integer of at least 1"),
        (lambda: petersen2024.upper([3], -1.0, 1.0), "derivative: expected a finite number above 0"),
        (lambda: petersen2024.upper_without_logarithm([3], 1.0, 0.0), "spread: expected a finite number above 0"),
    ],
)
def test_wrong_numbers_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        call()
