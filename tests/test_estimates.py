"""Expectations at initialization: closed forms, counts of other engines, and formulas worked out unit by unit."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from math import atan, comb, pi, sqrt
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch

import vitrail
from vitrail import estimates
from vitrail.errors import InvalidDomainError, InvalidOptionError, VitrailError
from vitrail.estimates import Estimate, Initialization
from vitrail.estimates.activations import activation_named
from vitrail.estimates.estimate import mean_estimate
from vitrail.estimates.initialization import check_widths, generator_of
from vitrail.estimates.integrands import pair_integrand, single_integrand, subset_integrand
from vitrail.estimates.places import uniform_coordinates

HE = Initialization.he(1.0)
SQUARE = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
UNIT = vitrail.Segment([-1.0], [1.0])
NAMES = ("relu", "leaky_relu", "abs", "hardtanh")
SLOPE = 0.3


def apart(first: Estimate, second: Estimate | float, shift: float = 0.0) -> float:
    """The difference of two estimates, or of one and a number, in standard errors."""
    other = second if isinstance(second, float) else second.value
    error = 0.0 if isinstance(second, float) else second.standard_error
    return abs(first.value - other - shift) / float(np.hypot(first.standard_error, error))


# ---- the interval of a mean ----------------------------------------------------------------------------------------


def test_interval_is_students() -> None:
    sample = np.random.default_rng(0).standard_normal(40)
    found = mean_estimate(sample, "number", "lines", 0.9)
    low, high = scipy.stats.t.interval(0.9, 39, sample.mean(), scipy.stats.sem(sample))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert found.samples == 40 and "lines" in found.method and not found.warnings
    assert found.high != pytest.approx(mean_estimate(sample, "number", "lines", 0.95).high, rel=1e-3)


@pytest.mark.parametrize("count", [20, 60])
def test_skewed_means_are_covered(count: int) -> None:
    """Lognormal means: the bootstrap covers more often than Student's interval, which is often too low."""
    hits = students = 0
    for seed in range(300):
        sample = np.exp(np.random.default_rng([seed, count]).standard_normal(count))
        found = mean_estimate(sample, "number", "lines")
        hits += found.low <= np.exp(0.5) <= found.high
        low, high = scipy.stats.t.interval(0.95, count - 1, sample.mean(), scipy.stats.sem(sample))
        students += low <= np.exp(0.5) <= high
    assert students < hits and hits / 300 > 0.89


def test_intervals_say_when_they_mean_nothing() -> None:
    same = mean_estimate([3.0, 3.0, 3.0], "number", "lines")
    assert (same.low, same.value, same.high) == (3.0, 3.0, 3.0) and "no width" in same.warnings[0]
    endless = mean_estimate([1.0, np.inf], "number", "lines")
    assert (endless.low, endless.high) == (-np.inf, np.inf) and endless.warnings
    few = mean_estimate([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0], "number", "lines")
    assert "skewed" in few.warnings[0]
    # most resamples of one odd number among many are all equal
    odd = mean_estimate([0.0] * 29 + [1.0], "number", "lines")
    assert odd.low <= odd.value < odd.high == np.inf and "bootstrap" in odd.method and "very few" in odd.warnings[0]
    with pytest.raises(InvalidOptionError, match="at least 2"):
        mean_estimate([1.0], "number", "lines")


@pytest.mark.parametrize("confidence", [0, 1, 1.5, -0.1, float("nan"), True, "high"])
def test_confidence_is_checked(confidence: Any) -> None:
    with pytest.raises(InvalidOptionError, match="confidence"):
        mean_estimate([1.0, 2.0], "number", "lines", confidence)


def test_estimates_say_what_they_are() -> None:
    found = mean_estimate([1.0, 2.0, 4.0], "mean number", "networks")
    assert "\n" not in repr(found) and "mean number" in repr(found) and "95%" in repr(found)
    kept = found.to_dict()
    assert kept["kind"] == "estimate" and kept["samples"] == 3 and kept["value"] == found.value
    half = found.scaled(0.5, 1.0, what="half")
    assert half.value == 0.5 * found.value + 1 and half.high - half.low == pytest.approx(0.5 * (found.high - found.low))
    assert half.what == "half" and half.standard_error == 0.5 * found.standard_error
    for factor in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(InvalidOptionError):
            found.scaled(factor)


# ---- distributions of networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "variance", "std"),
    [
        (Initialization.he(0.3), 2.0, 0.3),
        (Initialization(weight_variance=1.0, bias_std=2.0, weights="uniform", biases="uniform"), 1.0, 2.0),
        (Initialization.torch_default(), 1.0 / 3.0, 1.0 / sqrt(3.0 * 50)),
    ],
)
def test_draws_have_the_moments(chosen: Initialization, variance: float, std: float) -> None:
    (weight, bias), *_ = chosen.layers([50, 4000, 1], np.random.default_rng(1))
    assert weight.var() * 50 == pytest.approx(variance, rel=0.02) and abs(weight.mean()) < 0.01
    assert bias.std() == pytest.approx(std, rel=0.05)
    uniform = chosen.weights == "uniform"
    assert (np.abs(weight).max() * sqrt(50) <= sqrt(3 * variance) * (1 + 1e-12)) == uniform


def test_torch_default_is_torchs() -> None:
    (weight, bias), *_ = Initialization.torch_default().layers([7, 3000, 1], np.random.default_rng(0))
    torch.manual_seed(0)
    layer = torch.nn.Linear(7, 3000)
    for own, theirs in ((weight, layer.weight), (bias, layer.bias)):
        assert scipy.stats.ks_2samp(own.ravel(), theirs.detach().numpy().ravel()).pvalue > 0.01
    assert scipy.stats.ks_2samp(1.1 * weight.ravel(), layer.weight.detach().numpy().ravel()).pvalue < 0.01


@pytest.mark.parametrize(
    "chosen",
    [HE, Initialization.he(0.01), Initialization(bias_std=2.0, biases="uniform"), Initialization.torch_default()],
)
def test_densities_are_those_of_the_draws(chosen: Initialization) -> None:
    std = chosen.bias_std_of(5)
    total, _ = scipy.integrate.quad(
        lambda b: float(chosen.bias_density(np.array(b), 5)), -9 * std, 9 * std, points=[-std * 3**0.5, std * 3**0.5]
    )
    grid = chosen.bias_density(np.linspace(-2 * std, 2 * std, 401), 5)
    assert total == pytest.approx(1.0, rel=1e-6) and grid.max() == pytest.approx(chosen.largest_bias_density(5))
    biases = chosen.layers([5, 20000, 1], np.random.default_rng(3))[0][1]
    near = np.mean(np.abs(biases) < 0.2 * std) / (0.4 * std)
    assert near == pytest.approx(grid[200], rel=0.06)


def test_samples_are_reproducible_and_leave_global_states() -> None:
    np.random.seed(5)  # noqa: NPY002  the global state is what is watched
    torch.manual_seed(5)
    before = np.random.get_state()[1].copy(), torch.get_rng_state().clone()  # noqa: NPY002
    first, again, other = (HE.sample([2, 4, 1], seed) for seed in (3, 3, 4))
    assert first.digest == again.digest != other.digest
    one = estimates.expected_crossings([2, 4, 1], HE, vitrail.Segment([0.0, 0.0], [1.0, 0.0]), networks=5)
    assert one == estimates.expected_crossings([2, 4, 1], HE, vitrail.Segment([0.0, 0.0], [1.0, 0.0]), networks=5)
    assert one != estimates.expected_crossings(
        [2, 4, 1], HE, vitrail.Segment([0.0, 0.0], [1.0, 0.0]), networks=5, seed=1
    )
    assert (np.random.get_state()[1] == before[0]).all() and torch.equal(torch.get_rng_state(), before[1])  # noqa: NPY002


def test_streams_differ() -> None:
    seen = {
        generator_of(seed, *place).random() for seed in (0, 1, 2**40) for place in ((0,), (1,), (0, 1), (1, 0), (1, 1))
    }
    assert len(seen) == 15


def test_widths_may_be_numpy_integers() -> None:
    assert check_widths(np.array([2, 3, 1])) == check_widths((2, np.int64(3), 1)) == (2, 3, 1)


@pytest.mark.parametrize(
    "widths", ["2-3-1", 5, [2, 3], [2], [], [2, 0, 1], [2, 3.0, 1], [2, True, 1], [2, -1, 1], None]
)
def test_bad_widths(widths: Any) -> None:
    with pytest.raises(InvalidOptionError, match="widths"):
        check_widths(widths)


@pytest.mark.parametrize(
    "options",
    [
        *({}, {"bias_std": -1.0}, {"bias_std": float("nan")}, {"bias_std": True}, {"bias_std": "0.1"}),
        *({"bias_std": 1.0, "weight_variance": 0.0}, {"bias_std": 1.0, "weight_variance": float("inf")}),
        *({"bias_std": 1.0, "weights": "cauchy"}, {"bias_std": 1.0, "biases": "constant"}),
        {"bias_std": 1.0, "biases": "torch default"},
    ],
)
def test_bad_initializations(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError):
        Initialization(**options)


def test_zero_biases_fail_the_conditions_but_can_be_counted() -> None:
    zero = Initialization.he(0.0)
    for ask in (estimates.expected_crossings, estimates.expected_regions, estimates.expected_boundary_density):
        with pytest.raises(InvalidOptionError, match="conditions 1 and 4"):
            ask([1, 4, 1], zero, UNIT)
    for ask in (estimates.estimate_constants, estimates.expected_distance):
        with pytest.raises(InvalidOptionError, match="conditions 1 and 4"):
            ask([1, 4, 1], zero, UNIT)
    # all boundaries of the first layer are at 0, and cones of a line are two
    found = estimates.expected_count([1, 4, 4, 1], zero, vitrail.Line([0.0], [1.0]), networks=4)
    assert found.value == 2.0


# ---- crossings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "variance", "std", "ends"),
    [(10, 2.0, 1.0, (-1.0, 1.0)), (20, 2.0, 0.5, (-2.0, 2.0)), (15, 1.0, 1.0, (0.0, 3.0))],
)
def test_one_layer_has_a_closed_form(units: int, variance: float, std: float, ends: tuple[float, float]) -> None:
    chosen = Initialization(weight_variance=variance, bias_std=std)
    ratio = sqrt(variance) / std
    true = units * (atan(ends[1] * ratio) - atan(ends[0] * ratio)) / pi
    found = estimates.expected_crossings([1, units, 1], chosen, vitrail.Segment([ends[0]], [ends[1]]), networks=300)
    assert apart(found, true) < 3 < apart(found, 1.1 * true)
    regions = estimates.expected_regions([1, units, 1], chosen, vitrail.Segment([ends[0]], [ends[1]]), networks=300)
    assert regions.value == found.value + 1 and "regions" in regions.what


@pytest.mark.parametrize(
    ("hidden", "std", "counted", "error"),
    [
        ((16,), 1.0, 9.75, 0.05),
        ((16, 16), 1.0, 17.28, 0.10),
        ((16, 16, 16), 1.0, 23.88, 0.14),
        ((16, 16, 16), 0.3, 38.49, 0.21),
        ((8,) * 6, 1.0, 17.24, 0.24),
    ],
)
def test_crossings_agree_with_counts_made_elsewhere(
    hidden: tuple[int, ...], std: float, counted: float, error: float
) -> None:
    """Means of counts of breakpoints on [-1, 1], with their standard errors, from an unrelated program."""
    chosen = Initialization.he(std)
    found = estimates.expected_crossings([1, *hidden, 1], chosen, UNIT, networks=200, points=20, seed=1)
    assert abs(found.value - counted) < 3 * np.hypot(found.standard_error, error)
    constants = estimates.estimate_constants([1, *hidden, 1], chosen, UNIT, 1.0, networks=50)
    assert found.high < 2.0 * sum(hidden) * constants.product.value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "chosen", [Initialization.he(0.5), Initialization.torch_default(), Initialization(bias_std=0.4, biases="uniform")]
)
def test_crossings_agree_with_counts(name: str, chosen: Initialization) -> None:
    widths, segment = [3, 5, 4, 1], vitrail.Segment([-2.0, 0.0, 1.0], [2.0, 1.0, 1.0])
    common: dict[str, Any] = {"activation": name, "negative_slope": SLOPE}
    integral = estimates.expected_crossings(widths, chosen, segment, points=20, networks=100, **common)
    counted = estimates.expected_count(widths, chosen, segment, networks=50, seed=1, **common)
    assert apart(counted, integral, 1.0) < 3.5


@pytest.mark.parametrize("std", [0.001, 1.0])
@pytest.mark.parametrize("name", ["relu", "hardtanh"])
def test_crossings_of_whole_lines(name: str, std: float) -> None:
    """Through the origin the scale of the biases says nothing; one layer of ReLU crosses once for each unit."""
    chosen, line = Initialization.he(std), vitrail.Line([0.0] * 5, [1.0, 2.0, 0.0, -1.0, 0.5])
    common: dict[str, Any] = {"activation": name, "networks": 80}
    one = estimates.expected_crossings([5, 7, 1], chosen, line, points=40, **common)
    far = name == "hardtanh" and std < 1  # boundaries are near breakpoints alone, and few points see them
    assert apart(one, 7.0 * (1 + (name == "hardtanh"))) < 3 and (far or one.standard_error < 0.2)
    found = estimates.expected_regions([5, 6, 6, 1], chosen, line, points=40, **common)
    counted = estimates.expected_count([5, 6, 6, 1], chosen, line, seed=1, **common)
    assert apart(found, counted) < 3 and (far or found.standard_error < 0.5)
    beside = vitrail.Line([0.0, 1.0, 0.0, 0.0, 0.0], [1.0, 2.0, 0.0, -1.0, 0.5])
    assert apart(estimates.expected_regions([5, 6, 6, 1], chosen, beside, **common), counted) < 4


def test_good_crossings_are_jumps_of_the_gradient() -> None:
    widths, chosen = [1, 3, 2, 2, 1], Initialization.he(0.5)
    good = estimates.expected_crossings(widths, chosen, UNIT, good=True, networks=200, points=12)
    everything = estimates.expected_crossings(widths, chosen, UNIT, networks=200, points=12)
    counted = estimates.expected_count(widths, chosen, UNIT, "linear", networks=250, seed=1)
    assert apart(counted, good, 1.0) < 3 < apart(counted, everything, 1.0)
    # where no unit is ever closed, all of them are good
    options: dict[str, Any] = {"activation": "abs", "networks": 20}
    kept = estimates.expected_crossings(widths, chosen, UNIT, good=True, **options)
    assert kept == replace(estimates.expected_crossings(widths, chosen, UNIT, **options), what=kept.what)


# ---- integrands, unit by unit --------------------------------------------------------------------------------------


class Plain:
    """A network evaluated with torch's own derivatives, in which biases can be set: an oracle for one point."""

    def __init__(self, layers: list[tuple[np.ndarray, np.ndarray]], name: str) -> None:
        self.layers = [(torch.from_numpy(w), torch.from_numpy(b.copy())) for w, b in layers]
        self.act = {
            "relu": torch.relu,
            "leaky_relu": lambda z: torch.nn.functional.leaky_relu(z, SLOPE),
            "abs": torch.abs,
            "hardtanh": torch.nn.functional.hardtanh,
        }[name]
        self.bends = (-1.0, 1.0) if name == "hardtanh" else (0.0,)
        self.names = [(i, j) for i, (_, b) in enumerate(self.layers[:-1]) for j in range(len(b))]

    def before(self, x: torch.Tensor, unit: tuple[int, int]) -> torch.Tensor:
        """The pre-activation of a unit without its own bias."""
        for number, (weight, bias) in enumerate(self.layers):
            z = weight @ x
            if number == unit[0]:
                return z[unit[1]]
            x = self.act(z + bias)
        raise AssertionError

    def output(self, x: torch.Tensor) -> torch.Tensor:
        for weight, bias in self.layers[:-1]:
            x = self.act(weight @ x + bias)
        return self.layers[-1][0][0] @ x

    def seen(self, x: np.ndarray, unit: tuple[int, int]) -> tuple[float, np.ndarray]:
        point = torch.from_numpy(x).requires_grad_()
        value = self.before(point, unit)
        return value.item(), torch.autograd.grad(value, point)[0].numpy()

    def slope(self, x: np.ndarray) -> np.ndarray:
        point = torch.from_numpy(x).requires_grad_()
        return torch.autograd.grad(self.output(point), point)[0].numpy()

    def density(
        self, chosen: Initialization, x: np.ndarray, size: int, side: float = 1e-10, pinned: bool = True
    ) -> float:
        """Sum over sets of units and breakpoints: biases are set to put one unit after the other at its breakpoint."""
        total, kept = 0.0, [b.clone() for _, b in self.layers]
        for units in combinations(self.names, size):
            for levels in product(self.bends, repeat=size):
                rho, gradients = 1.0, []
                for unit, level in zip(units, levels, strict=True):
                    value, gradient = self.seen(x, unit)
                    rho *= float(chosen.bias_density(np.array(level - value), self.layers[unit[0]][0].shape[1]))
                    gradients.append(gradient)
                    if pinned:
                        self.layers[unit[0]][1][unit[1]] = level - value + side
                for (_, bias), old in zip(self.layers, kept, strict=True):
                    bias[:] = old
                jacobian = np.array(gradients)
                total += rho * sqrt(max(0.0, float(np.linalg.det(jacobian @ jacobian.T))))
        return total

    def good_density(self, chosen: Initialization, x: np.ndarray) -> float:
        total = 0.0
        for unit in self.names:
            for level in self.bends:
                value, gradient = self.seen(x, unit)
                bias = self.layers[unit[0]][1]
                old = bias[unit[1]].item()
                slopes = []
                for side in (-1e-9, 1e-9):
                    bias[unit[1]] = level - value + side
                    slopes.append(self.slope(x))
                bias[unit[1]] = old
                if not np.allclose(*slopes, rtol=1e-12, atol=1e-13):
                    rho = float(chosen.bias_density(np.array(level - value), self.layers[unit[0]][0].shape[1]))
                    total += rho * float(np.linalg.norm(gradient))
        return total


def case(name: str, widths: list[int], seed: int) -> tuple[Any, Any, np.ndarray, Plain]:
    layers = Initialization.he(0.7).layers(widths, np.random.default_rng(seed))
    points = np.random.default_rng(seed + 100).uniform(-1.5, 1.5, (4, widths[0]))
    return layers, activation_named(name, SLOPE), points, Plain(layers, name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_integrands_unit_by_unit(name: str, seed: int) -> None:
    chosen = Initialization.he(0.7)
    layers, bends, points, plain = case(name, [3, 3, 2, 2, 1], seed)
    every = np.eye(3)
    single = single_integrand(layers, chosen, bends, points, every)
    assert single == pytest.approx([plain.density(chosen, x, 1) for x in points], rel=1e-7)
    pairs = pair_integrand(layers, chosen, bends, points, every)
    for side in (1e-10, -1e-10):
        assert pairs == pytest.approx([plain.density(chosen, x, 2, side) for x in points], rel=1e-6)


def test_units_behind_others_see_them_at_their_breakpoints() -> None:
    """With the sampled bias of the unit in front, the density would be another."""
    chosen = Initialization.he(0.7)
    layers, bends, points, plain = case("abs", [3, 3, 2, 2, 1], 0)
    pairs = pair_integrand(layers, chosen, bends, points, np.eye(3))
    assert pairs != pytest.approx([plain.density(chosen, x, 2, pinned=False) for x in points], rel=0.05)


@pytest.mark.parametrize("name", ["relu", "hardtanh"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_good_integrand_unit_by_unit(name: str, seed: int) -> None:
    chosen = Initialization.he(0.7)
    layers, bends, points, plain = case(name, [2, 3, 2, 1, 1], seed)
    found = single_integrand(layers, chosen, bends, points, np.eye(2), good=True)
    assert found == pytest.approx([plain.good_density(chosen, x) for x in points], rel=1e-6)
    whole = single_integrand(layers, chosen, bends, points, np.eye(2))
    assert (found <= whole * (1 + 1e-12)).all() and (found < 0.99 * whole).any()


@pytest.mark.parametrize("name", NAMES)
def test_subsets_give_all_there_is(name: str) -> None:
    """With as many units as the set has there is one set, and breakpoints alone are drawn."""
    chosen = Initialization.he(0.7)
    layers, bends, points, plain = case(name, [3, 1, 1, 1, 1], 3)
    number = 1 if len(bends.breakpoints) == 1 else 20000
    found = subset_integrand(layers, chosen, bends, points[:1], np.eye(3), 3, number, np.random.default_rng(0))
    assert found == pytest.approx([plain.density(chosen, points[0], 3)], rel=1e-6 if number == 1 else 0.05)
    layers, bends, points, plain = case(name, [3, 2, 2, 1], 4)
    found = subset_integrand(layers, chosen, bends, points[:1], np.eye(3), 2, 20000, np.random.default_rng(0))
    assert found == pytest.approx([plain.density(chosen, points[0], 2)], rel=0.05)
    assert found == pytest.approx(pair_integrand(layers, chosen, bends, points[:1], np.eye(3)), rel=0.05)


def test_directions_are_those_of_the_slice() -> None:
    """On a plane only the part of a gradient within it counts, whatever basis spans it."""
    layers, bends, points, _ = case("relu", [4, 3, 3, 1], 5)
    chosen, rng = Initialization.he(0.7), np.random.default_rng(0)
    plane = np.linalg.qr(rng.standard_normal((4, 2)))[0].T
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    for integrand in (single_integrand, pair_integrand):
        first = integrand(layers, chosen, bends, points, plane)
        assert first == pytest.approx(integrand(layers, chosen, bends, points, turn @ plane), rel=1e-7)
        assert (first < integrand(layers, chosen, bends, points, np.eye(4))).all()


# ---- densities and windows -----------------------------------------------------------------------------------------


def inner_vertices(net: vitrail.Network, window: vitrail.Box) -> tuple[int, int, int, float]:
    """Regions, vertices strictly inside a square, vertices on its sides but not corners, and the boundaries' length."""
    regions = vitrail.enumerate_regions(net, window)
    points = np.unique(regions.vertices.round(9), axis=0)
    (low, _), (high, _) = window.limits
    on_side = ((np.abs(points - low) < 1e-8) | (np.abs(points - high) < 1e-8)).sum(axis=1)
    length = 0.0
    for region in regions:
        corners = region.vertices
        length += float(np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum())
    return len(regions), int((on_side == 0).sum()), int((on_side == 1).sum()), 0.5 * (length - 4 * (high - low))


@pytest.mark.parametrize("name", NAMES)
def test_eulers_formula_for_windows(name: str) -> None:
    """Regions = 1 + crossings + points on the border / 2, on every network: what `expected_regions` rests on."""
    for seed in range(4):
        net = Initialization.he(0.5).sample([2, 4, 3, 3, 1], seed, activation=name, negative_slope=SLOPE)
        regions, inside, border, _ = inner_vertices(net, SQUARE)
        assert 2 * regions == 2 + 2 * inside + border
        assert 2 * regions != 2 + 2 * inside + 2 * border


@pytest.mark.parametrize("name", NAMES)
def test_densities_agree_with_counted_vertices_and_lengths(name: str) -> None:
    widths, chosen = [2, 3, 3, 1], Initialization.he(0.5)
    counted = []
    for seed in range(60):
        net = chosen.sample(widths, seed, activation=name, negative_slope=SLOPE)
        _, inside, _, length = inner_vertices(net, SQUARE)
        counted.append((inside / 4.0, length / 4.0))
    vertices, lengths = (mean_estimate(own, "counted", "networks") for own in np.array(counted).T)
    common: dict[str, Any] = {"activation": name, "negative_slope": SLOPE, "networks": 60, "seed": 77}
    pairs = estimates.expected_boundary_density(widths, chosen, SQUARE, codimension=2, points=30, **common)
    drawn = estimates.expected_boundary_density(widths, chosen, SQUARE, codimension=2, points=30, subsets=20, **common)
    single = estimates.expected_boundary_density(widths, chosen, SQUARE, points=30, **common)
    assert apart(vertices, pairs) < 3 and apart(vertices, drawn) < 3 and apart(lengths, single) < 3
    assert apart(pairs, 1.5 * vertices.value) > 3 and apart(single, 1.5 * lengths.value) > 3


@pytest.mark.parametrize(
    "window",
    [
        SQUARE,
        vitrail.Plane([0.0, 0.5], [1.0, 0.0], [1.0, 2.0], [-1.0, -0.5], [0.5, 0.5]),
        vitrail.Polygon([[0.0, 0.0], [2.0, 0.0], [0.5, 1.5]]),
        vitrail.Polytope([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], [0.0, 0.0, 2.0]),
    ],
)
def test_expected_regions_agree_with_counts(window: Any) -> None:
    widths, chosen = [2, 4, 4, 1], Initialization.he(0.5)
    found = estimates.expected_regions(widths, chosen, window, networks=70, points=30)
    counted = estimates.expected_count(widths, chosen, window, networks=100, seed=1)
    assert apart(found, counted) < 3 and found.value > 3


def test_a_line_in_a_window_meets_its_border_twice() -> None:
    """Of one unit nothing but half of the crossings of the four sides is left."""
    corners = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
    sides = [vitrail.Segment(corners[i - 1], corners[i]) for i in range(4)]
    crossings = [
        estimates.expected_crossings([2, 1, 1], HE, side, networks=300, seed=i) for i, side in enumerate(sides)
    ]
    found = estimates.expected_regions([2, 1, 1], HE, SQUARE, networks=300, seed=9)
    total, error = sum(one.value for one in crossings), sum(one.standard_error**2 for one in crossings) ** 0.5
    assert abs(found.value - 1 - total / 2) < 3 * np.hypot(found.standard_error, error / 2) < 0.1 * total / 2


def test_expected_regions_in_a_slice_of_many_inputs() -> None:
    rng = np.random.default_rng(2)
    window = vitrail.Plane.through(*rng.standard_normal((3, 30)))
    found = estimates.expected_regions([30, 8, 8, 2], Initialization.he(0.5), window, networks=100)
    counted = estimates.expected_count([30, 8, 8, 2], Initialization.he(0.5), window, networks=100, seed=1)
    assert apart(found, counted) < 3


def test_one_layer_density_has_a_closed_form() -> None:
    """At 0 the pre-activation is 0: k units meet with density C(n, k) E[volume of k Gaussian vectors] rho(0)^k."""
    tiny = vitrail.Box([-0.01] * 3, [0.01] * 3)
    options: dict[str, Any] = {"networks": 400, "points": 5}
    for k, volume in ((1, sqrt(8 / pi)), (2, 2.0), (3, sqrt(8 / pi))):
        # products of chi variables: of 3; of 3 and 2; of 3, 2 and 1
        true = comb(5, k) * (2.0 / 3.0) ** (k / 2) * volume / (2 * pi) ** (k / 2)
        found = estimates.expected_boundary_density([3, 5, 1], HE, tiny, codimension=k, **options)
        assert apart(found, true) < 3 < apart(found, 1.3 * true)
        assert found.high < comb(5, k) * (sqrt(2.0) / sqrt(2 * pi)) ** k


@pytest.mark.parametrize("value", [0, 3, 1.0, True])
def test_bad_codimension(value: Any) -> None:
    with pytest.raises(InvalidOptionError, match="codimension"):
        estimates.expected_boundary_density([2, 4, 1], HE, SQUARE, codimension=value)


def test_more_bad_densities() -> None:
    with pytest.raises(InvalidDomainError, match="bounded"):
        estimates.expected_boundary_density([2, 4, 1], HE, vitrail.Line([0.0, 0.0], [1.0, 0.0]))
    with pytest.raises(InvalidOptionError, match="number of units"):
        estimates.expected_boundary_density([2, 1, 1], HE, SQUARE, codimension=2)
    with pytest.raises(InvalidOptionError, match="good"):
        estimates.expected_boundary_density([2, 4, 1], HE, SQUARE, codimension=2, good=True)
    with pytest.raises(InvalidOptionError, match="subsets"):
        estimates.expected_boundary_density([2, 4, 1], HE, SQUARE, codimension=2, subsets=0)


@pytest.mark.parametrize(
    "domain", [vitrail.Line([0.0], [1.0]), vitrail.Space(2), vitrail.Box([0.0], [1.0]), [[0.0, 0.0]], None]
)
def test_domains_that_do_not_fit(domain: Any) -> None:
    for ask in (estimates.expected_crossings, estimates.expected_regions, estimates.expected_boundary_density):
        with pytest.raises(InvalidDomainError):
            ask([2, 4, 1], HE, domain, networks=2)
    with pytest.raises(InvalidDomainError):
        estimates.expected_crossings([2, 4, 1], HE, SQUARE)
    with pytest.raises(InvalidDomainError):
        estimates.expected_regions([3, 4, 1], HE, vitrail.Box([0.0] * 3, [1.0] * 3))


@pytest.mark.parametrize(
    "options",
    [
        *({"networks": 1}, {"networks": 0}, {"networks": 2.5}, {"points": 0}, {"points": True}, {"seed": -1}),
        *({"confidence": 1.0}, {"activation": "tanh"}, {"activation": "leaky_relu", "negative_slope": 1.0}),
        {"activation": "leaky_relu", "negative_slope": float("nan")},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    for ask in (estimates.expected_crossings, estimates.expected_regions, estimates.expected_boundary_density):
        with pytest.raises(InvalidOptionError):
            ask([1, 4, 1], HE, UNIT, **options)
    with pytest.raises(InvalidOptionError, match="Initialization"):
        estimates.expected_crossings([1, 4, 1], 2.0, UNIT)  # type: ignore[arg-type]


def test_extreme_numbers() -> None:
    """Lengths far from 1 scale as they must, and nothing overflows into NaN."""
    plain = estimates.expected_crossings([1, 4, 4, 1], HE, UNIT, networks=20)
    large = estimates.expected_crossings(
        [1, 4, 4, 1], Initialization.he(1e150), vitrail.Segment([-1e150], [1e150]), networks=20
    )
    small = estimates.expected_crossings(
        [1, 4, 4, 1], Initialization.he(1e-150), vitrail.Segment([-1e-150], [1e-150]), networks=20
    )
    assert plain.value == pytest.approx(large.value, rel=1e-9) and plain.value == pytest.approx(small.value, rel=1e-9)
    far = estimates.expected_crossings([1, 4, 1], Initialization.he(1e-200), vitrail.Segment([1.0], [2.0]), networks=5)
    assert far.value == 0.0 and far.warnings


# ---- uniform points ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "inside"),
    [
        (vitrail.Polygon([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), lambda t: t[:, 0] + 2 * t[:, 1] <= 2),
        (
            vitrail.Polytope(np.vstack([-np.eye(3), np.ones((1, 3))]), [0.0, 0.0, 0.0, 1.0]),
            lambda t: t.sum(axis=1) <= 1,
        ),
    ],
)
def test_points_are_uniform(domain: Any, inside: Any) -> None:
    found = uniform_coordinates(domain, 3000, np.random.default_rng(0))
    assert found.shape == (3000, domain.limits.shape[1]) and inside(found).all() and (found >= 0).all()
    # of a simplex with sides along the axes the coordinates have a known law
    share = found[:, 0] / domain.limits[1, 0]
    assert scipy.stats.kstest(1 - (1 - share) ** found.shape[1], "uniform").pvalue > 0.01
    assert scipy.stats.kstest(share, "uniform").pvalue < 0.01


def test_spread_points_lie_one_in_each_part() -> None:
    found = uniform_coordinates(vitrail.Box([2.0], [4.0]), 10, np.random.default_rng(0), spread=True)[:, 0]
    assert (np.floor((found - 2.0) * 5) == np.arange(10)).all()


# ---- constants and distances ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variance", "true"),
    [
        ("relu", 2.0, (2.0, 2.0, 2.0)),
        ("relu", 1.0, (1.0, 0.5, 0.25)),
        ("abs", 1.0, (1.0, 1.0, 1.0)),
        ("leaky_relu", 2.0, (2.0, 2.0 * 1.09, 2.0 * 1.09**2)),
    ],
)
def test_second_moments_are_exact(name: str, variance: float, true: tuple[float, ...]) -> None:
    chosen = Initialization(weight_variance=variance, bias_std=0.5)
    inputs = [[1.0, -0.5], [0.0, 3.0]]
    found = estimates.estimate_constants(
        [2, 12, 12, 12, 1], chosen, inputs, activation=name, negative_slope=SLOPE, networks=400
    )
    assert found.second_moments == pytest.approx(true)
    assert found.gradient.low < sqrt(max(true)) < found.gradient.high < 1.4 * sqrt(max(true))
    assert "simultaneous" in found.gradient.method and found.dimension == 2


def test_constants_along_a_segment_are_directional() -> None:
    found = estimates.estimate_constants([50, 12, 12, 1], HE, vitrail.Segment([0.0] * 50, [1.0] * 50), networks=200)
    assert found.second_moments == pytest.approx((0.04, 0.04)) and found.dimension == 1
    assert found.gradient.low < 0.2 < found.gradient.high < 0.3
    assert found.to_dict()["bias"] == found.bias == pytest.approx(1 / sqrt(2 * pi))
    crossings = estimates.expected_crossings([50, 12, 12, 1], HE, vitrail.Segment([0.0] * 50, [1.0] * 50))
    assert crossings.high < sqrt(50.0) * 24 * found.product.value


def test_moments_of_one_layer() -> None:
    """E|w|^m of a Gaussian vector in the plane is a moment of the chi distribution."""
    for moment in (1, 3.0, 0.5):
        found = estimates.estimate_constants([2, 30, 1], HE, [[0.3, 0.4]], moment, networks=300)
        true = scipy.stats.chi(2).moment(moment) if moment == 3.0 else 2 ** (moment / 2) * gamma_ratio(moment)
        assert found.gradient.low < true ** (1 / moment) < found.gradient.high
    assert estimates.estimate_constants([2, 3, 1], HE, SQUARE, activation="hardtanh", networks=5).second_moments is None
    deep = estimates.estimate_constants([2, 8, 8, 8, 1], HE, [[1.0, 1.0]], 6.0, networks=50)
    assert "skewed" in deep.gradient.warnings[0]


def gamma_ratio(moment: float) -> float:
    return float(scipy.special.gamma(1 + moment / 2))


@pytest.mark.parametrize(("widths", "true"), [([4, 9, 16, 1], 1.5), ([16, 9, 16, 1], 2.0)])
def test_largest_bias_density_is_that_of_the_widest_input(widths: list[int], true: float) -> None:
    found = estimates.estimate_constants(widths, Initialization.torch_default(), [[0.0] * widths[0]], networks=3)
    assert found.bias == pytest.approx(true)


@pytest.mark.parametrize("moment", [0, -1.0, float("nan"), "two", True])
def test_bad_moments(moment: Any) -> None:
    with pytest.raises(InvalidOptionError, match="moment"):
        estimates.estimate_constants([2, 3, 1], HE, [[0.0, 0.0]], moment)


@pytest.mark.parametrize(
    "where", [[[1.0, 2.0, 3.0]], [[np.nan, 0.0]], [], vitrail.Space(2), vitrail.Box([0.0], [1.0]), "x"]
)
def test_bad_places(where: Any) -> None:
    for ask in (estimates.estimate_constants, estimates.expected_distance):
        with pytest.raises(InvalidDomainError):
            ask([2, 3, 1], HE, where, networks=2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chosen", [Initialization.he(0.5), Initialization.torch_default()])
def test_distances_are_those_of_the_nearest_unit_and_above_the_bound(name: str, chosen: Initialization) -> None:
    widths, inputs = [3, 5, 4, 1], np.random.default_rng(0).standard_normal((6, 3))
    common: dict[str, Any] = {"activation": name, "negative_slope": SLOPE, "networks": 30}
    found = estimates.expected_distance(widths, chosen, inputs, **common)
    means = []
    for number in range(30):
        plain = Plain(chosen.layers(widths, generator_of(0, number)), name)
        nearest = np.full(6, np.inf)
        for unit, level, (i, x) in product(plain.names, plain.bends, enumerate(inputs)):
            value, gradient = plain.seen(x, unit)
            length = float(np.linalg.norm(gradient))
            if length > 0:
                away = abs(value + plain.layers[unit[0]][1][unit[1]].item() - level) / length
                nearest[i] = min(nearest[i], away)
        means.append(nearest.mean())
    assert found.distance.value == pytest.approx(np.mean(means), rel=1e-9)
    assert found.lower.high < found.distance.low
    assert (found.proven is None) == (name == "hardtanh")
    assert found.proven is None or found.proven < found.lower.high
    assert found.lower.low <= found.lower.value <= found.lower.high
    assert found.to_dict()["proven"] == found.proven


def test_distance_bound_of_one_unit() -> None:
    """One unit on a line: sqrt of the second moment is 1.41, its mean 1.13, and C_bias 0.399."""
    found = estimates.expected_distance([1, 1, 1], HE, vitrail.Box([-1.0], [1.0]), networks=200, points=5)
    assert found.proven == pytest.approx(0.25 * sqrt(2 * pi) / sqrt(2.0))
    assert apart(found.lower, 0.25 * sqrt(2 * pi) / sqrt(4 / pi)) < 3


# ---- counts on sampled networks ------------------------------------------------------------------------------------


def test_scaling_the_biases_leaves_counts_of_lines_alone() -> None:
    lines = [vitrail.Line([0.0] * 6, list(d)) for d in np.random.default_rng(0).standard_normal((3, 6))]
    first, second = (
        estimates.expected_count([6, 8, 8, 1], Initialization.he(std), lines, networks=5) for std in (2.0**-10, 2.0)
    )
    assert first.value == second.value and first.standard_error == second.standard_error
    segment = vitrail.Segment([0.0] * 6, [1.0] * 6)
    near, far = (
        estimates.expected_count([6, 8, 8, 1], Initialization.he(std), segment, networks=5) for std in (2.0**-10, 2.0)
    )
    assert near.value != far.value


def data(count: int, inputs: int = 784) -> np.ndarray:
    """Sparse points in the unit cube with a mean norm of about 10, as images have."""
    rng = np.random.default_rng(9)
    found = rng.random((count, inputs)) * (rng.random((count, inputs)) < 0.3)
    return found * 10.0 / np.linalg.norm(found, axis=1).mean()


@pytest.mark.parametrize("hidden", [(20, 20, 20), (32, 32, 32, 32), (25,) * 5])
def test_whole_lines_have_about_as_many_regions_as_units(hidden: tuple[int, ...]) -> None:
    lines = [vitrail.Line(np.zeros(784), x) for x in data(4)]
    found = estimates.expected_count([784, *hidden, 10], Initialization.he(0.001), lines, networks=12)
    assert 0.85 < found.scaled(1.0 / sum(hidden)).value < 1.15
    assert found.samples == 12


def test_planes_have_about_half_the_square() -> None:
    first, second = data(2)
    u = first / np.linalg.norm(first)
    v = second - (second @ u) * u
    plane = vitrail.Plane(np.zeros(784), 15.0 * u, 15.0 * v / np.linalg.norm(v), [-20.0] * 2, [20.0] * 2)
    found = estimates.expected_count([784, 16, 16, 16, 10], Initialization.he(0.001), plane, networks=10)
    assert 0.4 < found.scaled(1.0 / 48**2).value < 0.6


def test_distances_times_units_are_about_a_half() -> None:
    found = estimates.expected_distance([784, 20, 20, 20, 10], Initialization.he(0.001), data(20), networks=12)
    assert 0.4 < found.distance.scaled(60.0).value < 0.65


@pytest.mark.parametrize("domain", [[], [None], "line", None, [[0.0], [1.0]]])
def test_counts_need_domains(domain: Any) -> None:
    with pytest.raises(InvalidDomainError):
        estimates.expected_count([1, 3, 1], HE, domain)


def test_counts_of_another_space_or_definition() -> None:
    with pytest.raises(VitrailError):
        estimates.expected_count([2, 3, 1], HE, UNIT)
    with pytest.raises(InvalidOptionError, match="definition"):
        estimates.expected_count([1, 3, 1], HE, UNIT, "lines")


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    estimates.expected_crossings([1, 3, 1], HE, UNIT, networks=3)
    assert capsys.readouterr() == ("", "")
    estimates.expected_crossings([1, 3, 1], HE, UNIT, networks=3, progress=True)
    shown = capsys.readouterr()
    assert shown.out == "" and "3/3" in shown.err
