"""Upper bounds of regions in balls: never below what is there, for every engine alone, and tight where they can be."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

import vitrail
from oracles.networks import default_init, he
from oracles.random_networks import FAMILIES, random_case
from translate import to_network
from vitrail.balls import LocalBound, count_in_ball, local_bound, sampled_regions_in_ball
from vitrail.balls.affine import AffineMap
from vitrail.balls.bounding import ball_norm, tallies
from vitrail.balls.items import Items
from vitrail.balls.lines import touched
from vitrail.balls.operator_norms import factor_of, operator_norms, spectral_norm
from vitrail.balls.plan import BallPlan
from vitrail.balls.propagate import ENGINES, propagate, start
from vitrail.data import digits_network_path, digits_samples
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.network.graph import Graph, Node
from vitrail.network.network import Network
from vitrail.network.ops.arithmetic import Add, Scale, Sum
from vitrail.network.ops.base import Input, Op
from vitrail.network.ops.concat import Concat
from vitrail.network.ops.convolution import Convolution
from vitrail.network.ops.elementwise import Elementwise, absolute_value, clamp, leaky_relu, relu, relu6, soft_shrink
from vitrail.network.ops.linear import ConstantProduct, Linear
from vitrail.network.ops.maximum import Maximum
from vitrail.network.ops.shape import reshape, select
from vitrail.network.wiring import wiring_of

Array = NDArray[np.float64]
Forms = list[Array]

ALONE = (*((engine,) for engine in ENGINES), ENGINES)


# ---- networks with an evaluation of their own ------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A network, and the forms that decide its units at points (N, n), per piecewise op (N, forms)."""

    net: Network
    forms: Callable[[Array], Forms]

    @property
    def inputs(self) -> int:
        return math.prod(self.net.input_shape)


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _linear(rng: np.random.Generator, inputs: int, outputs: int, scale: float = 1.0) -> tuple[Linear, Array, Array]:
    w, b = rng.normal(0, scale * np.sqrt(2 / inputs), (outputs, inputs)), rng.normal(0, 0.3 * scale, outputs)
    return Linear(_tensor(w), _tensor(b)), w, b


def _network(nodes: Sequence[tuple[Op, tuple[int, ...]]]) -> Network:
    return Network(
        Graph(tuple(Node(op, inputs, f"n{i}") for i, (op, inputs) in enumerate(nodes)), len(nodes) - 1, "arrays")
    )


ACTIVATIONS: dict[str, tuple[Callable[[tuple[int, ...]], Op | None], Callable[[Array], Array]]] = {
    "relu": (relu, lambda z: np.maximum(z, 0)),
    "leaky": (lambda shape: leaky_relu(shape, 0.1), lambda z: np.maximum(z, 0.1 * z)),
    "abs": (absolute_value, np.abs),
    "hardtanh": (lambda shape: clamp(shape, -1.0, 1.0), lambda z: np.clip(z, -1, 1)),
    "relu6": (relu6, lambda z: np.clip(z, 0, 6)),
    "shrink": (lambda shape: soft_shrink(shape, 0.25), lambda z: np.sign(z) * np.maximum(np.abs(z) - 0.25, 0)),
}


def dense(seed: int, widths: Sequence[int], kind: str = "relu", scale: float = 1.0) -> Made:
    rng = np.random.default_rng([seed, 1])
    nodes: list[tuple[Op, tuple[int, ...]]] = [(Input((widths[0],)), ())]
    layers = []
    for inputs, outputs in pairwise(widths):
        op, w, b = _linear(rng, inputs, outputs, scale)
        nodes.append((op, (len(nodes) - 1,)))
        nodes.append((ACTIVATIONS[kind][0]((outputs,)), (len(nodes) - 1,)))  # type: ignore[arg-type]
        layers.append((w, b))

    def forms(x: Array) -> Forms:
        found = []
        for w, b in layers:
            z = x @ w.T + b
            found.append(z)
            x = ACTIVATIONS[kind][1](z)
        return found

    return Made(_network(nodes), forms)


def convolutional(seed: int) -> Made:
    """Normalization, convolution with padding, ReLU, max pooling, a strided convolution, hardtanh, a dense layer."""
    rng = np.random.default_rng([seed, 2])
    shift, scale = rng.normal(size=(2, 1, 1)), rng.uniform(0.5, 2.0, (2, 1, 1))
    first, own = rng.normal(0, 0.4, (3, 2, 3, 3)), rng.normal(0, 0.2, 3)
    second, other = rng.normal(0, 0.4, (4, 3, 2, 2)), rng.normal(0, 0.2, 4)
    corners = [(i, j) for i in range(3) for j in range(3)]
    window = [(a, b) for a in range(2) for b in range(2)]
    table = [[c * 36 + (2 * i + a) * 6 + 2 * j + b for a, b in window] for c in range(3) for i, j in corners]
    last, w, bias = _linear(rng, 16, 5)
    nodes: list[tuple[Op, tuple[int, ...]]] = [
        (Input((2, 6, 6)), ()),
        (Scale((2, 6, 6), _tensor(scale), _tensor(shift)), (0,)),
        (Convolution(_tensor(first), (2, 6, 6), _tensor(own), padding=((1, 1), (1, 1))), (1,)),
        (relu((3, 6, 6)), (2,)),
        (Maximum(np.array(table), 1, ((3, 6, 6),), (3, 3, 3)), (3,)),
        (Convolution(_tensor(second), (3, 3, 3), _tensor(other)), (4,)),
        (clamp((4, 2, 2), -0.5, 0.5), (5,)),  # type: ignore[list-item]
        (reshape((4, 2, 2), (16,)), (6,)),
        (last, (7,)),
        (relu((5,)), (8,)),
    ]

    def forms(x: Array) -> Forms:
        t = torch.from_numpy(x.reshape(-1, 2, 6, 6)) * _tensor(scale) + _tensor(shift)
        one = functional.conv2d(t, _tensor(first), _tensor(own), padding=1)
        hidden = one.clamp(min=0)
        two = functional.conv2d(functional.max_pool2d(hidden, 2), _tensor(second), _tensor(other))
        three = two.clamp(-0.5, 0.5).flatten(1).numpy() @ w.T + bias
        return [part.reshape(len(x), -1).numpy() for part in (one, hidden, two)] + [three]

    return Made(_network(nodes), forms)


def residual(seed: int, inputs: int = 5, width: int = 7) -> Made:
    """A dense stem, two residual blocks with subtraction, and the input passed on to the end."""
    rng = np.random.default_rng([seed, 3])
    parts = [_linear(rng, *sizes) for sizes in ((inputs, width), (width, 6), (6, width), (width + inputs, 6))]
    (stem, w0, b0), (up, w1, b1), (down, w2, b2), (end, w3, b3) = parts
    nodes: list[tuple[Op, tuple[int, ...]]] = [
        (Input((inputs,)), ()),
        (stem, (0,)),
        (relu((width,)), (1,)),
        (up, (2,)),
        (leaky_relu((6,), 0.2), (3,)),
        (down, (4,)),
        (Add(((width,), (width,)), (1, -1)), (2, 5)),
        (absolute_value((width,)), (6,)),
        (Concat(((inputs,), (width,)), 0), (0, 7)),
        (end, (8,)),
        (relu((6,)), (9,)),
    ]

    def forms(x: Array) -> Forms:
        z0 = x @ w0.T + b0
        h = np.maximum(z0, 0)
        z1 = h @ w1.T + b1
        z2 = h - (np.where(z1 > 0, z1, 0.2 * z1) @ w2.T + b2)
        z3 = np.concatenate([x, np.abs(z2)], axis=1) @ w3.T + b3
        return [z0, z1, z2, z3]

    return Made(_network(nodes), forms)


def maxout(seed: int, inputs: int = 4, sign: int = 1) -> Made:
    """Two layers of maxima of three candidates each, the second also over the first, then ReLU."""
    rng = np.random.default_rng([seed, 4])
    (one, w0, b0), (two, w1, b1), (three, w2, b2) = (_linear(rng, *s) for s in ((inputs, 9), (3, 4), (4, 4)))
    again = np.array([[0, 4, 1], [1, 5, 5], [6, 2, -1], [3, 2, 0]])
    nodes: list[tuple[Op, tuple[int, ...]]] = [
        (Input((inputs,)), ()),
        (one, (0,)),
        (Maximum(np.arange(9).reshape(3, 3), sign, ((9,),), (3,)), (1,)),
        (two, (2,)),
        (Maximum(again, -sign, ((4,), (3,)), (4,)), (3, 2)),
        (three, (4,)),
        (relu((4,)), (5,)),
    ]

    def forms(x: Array) -> Forms:
        z0 = x @ w0.T + b0
        h = sign * (sign * z0).reshape(-1, 3, 3).max(axis=2)
        z1 = np.concatenate([h @ w1.T + b1, h], axis=1)
        picked = np.where(again >= 0, -sign * z1[:, np.maximum(again, 0)], -np.inf)
        z2 = (-sign * picked.max(axis=2)) @ w2.T + b2
        return [z0, z1, z2]

    return Made(_network(nodes), forms)


def pooled(seed: int) -> Made:
    """Products with constants, means and permutations between layers of units."""
    rng = np.random.default_rng([seed, 5])
    left, order = rng.normal(size=(3, 2)), rng.permutation(12)
    last, w, b = _linear(rng, 3, 4)
    nodes: list[tuple[Op, tuple[int, ...]]] = [
        (Input((2, 4)), ()),
        (ConstantProduct(_tensor(left), (2, 4), left=True), (0,)),
        (relu6((3, 4)), (1,)),
        (select((3, 4), order.reshape(3, 4)), (2,)),
        (Sum((3, 4), (1,), 1 / 4, keep=False), (3,)),
        (last, (4,)),
        (soft_shrink((4,), 0.1), (5,)),  # type: ignore[list-item]
    ]

    def forms(x: Array) -> Forms:
        z0 = np.einsum("ab,nbc->nac", left, x.reshape(-1, 2, 4)).reshape(len(x), 12)
        h = np.clip(z0, 0, 6)[:, order].reshape(-1, 3, 4).mean(axis=2)
        return [z0, h @ w.T + b]

    return Made(_network(nodes), forms)


def some_network(seed: int) -> Made:
    """One of all families."""
    kinds = list(ACTIVATIONS)
    shapes = ((2, 8, 8), (3, 6, 6, 6), (10, 16, 16, 16), (5, 1, 5), (1, 4, 4), (30, 8, 8))
    if seed % 4 == 0:
        return dense(seed, shapes[seed // 4 % len(shapes)], "relu")
    if seed % 4 == 1:
        return dense(seed, shapes[seed // 4 % len(shapes)], kinds[seed // 4 % len(kinds)])
    others: list[Callable[[int], Made]] = [convolutional, residual, maxout, pooled, lambda s: maxout(s, 3, -1)]
    return others[(seed // 2) % len(others)](seed)


# ---- checkers --------------------------------------------------------------------------------------------------------


def points_in_ball(center: Array, radius: float, norm: str, count: int, seed: int) -> Array:
    """Points of a ball, a third of them near its rim, strictly inside whatever rounding does."""
    rng = np.random.default_rng([seed, 6])
    steps = rng.normal(size=(count, center.size)) if norm == "2" else rng.uniform(-1, 1, (count, center.size))
    size = np.linalg.norm(steps, axis=1) if norm == "2" else np.abs(steps).max(axis=1)
    share = np.where(np.arange(count) % 3 == 0, 1.0, rng.random(count) ** (1 / center.size))
    return center + steps / size[:, None] * (share * radius * (1 - 1e-6))[:, None]


def violations(made: Made, items: Items, plan: BallPlan, points: Sequence[Array], shrink: float = 0.0) -> int:
    """How many values of forms are outside their bounds, moved inward by a share `shrink` to see the check."""
    found = 0
    for ball, own in enumerate(points):
        for node, values in zip(plan.graph.piecewise, made.forms(own), strict=True):
            sources = plan.graph.nodes[node].inputs
            low = np.concatenate([items.low[source][ball] for source in sources])
            high = np.concatenate([items.high[source][ball] for source in sources])
            with np.errstate(invalid="ignore"):
                inward = shrink * (high - low) if shrink else 0.0
                slack = 1e-13 * (1 + np.abs(values)) * (shrink == 0)
                found += int(((values < low + inward - slack) | (values > high - inward + slack)).sum())
    return found


def patterns(made: Made, points: Array) -> Array:
    """The pieces of all units at points, (N, units), from the test's own values."""
    found = []
    for node, values in zip(made.net.piecewise, made.forms(points), strict=True):
        op = made.net.nodes[node].op
        if isinstance(op, Elementwise):
            found.append((values[:, None, :] > op.breakpoints[None]).sum(axis=1))
        else:
            assert isinstance(op, Maximum)
            candidates = np.where(op.candidates >= 0, op.sign * values[:, np.maximum(op.candidates, 0)], -np.inf)
            found.append(candidates.argmax(axis=2))
    return np.concatenate(found, axis=1)


def seen_units(made: Made, points: Array) -> list[int]:
    """Per piecewise op how many units take several pieces among points."""
    sizes = np.cumsum([made.net.nodes[node].op.units for node in made.net.piecewise])[:-1]  # type: ignore[attr-defined]
    return [int((part != part[:1]).any(axis=0).sum()) for part in np.split(patterns(made, points), sizes, axis=1)]


def checked(made: Made, seed: int, radius: float, norm: str, engines: Sequence[str]) -> tuple[Items, BallPlan, Array]:
    center = np.random.default_rng([seed, 7]).normal(size=made.inputs)
    plan = BallPlan(made.net.graph, norm)
    items = Items(start(plan, center[None]), np.zeros(1, dtype=np.int64), np.array([radius]))
    propagate(plan, items, engines)
    return items, plan, points_in_ball(center, radius, norm, 60, seed)


@pytest.mark.parametrize("engines", ALONE, ids="+".join)
def test_values_stay_within_bounds_of_every_engine(engines: tuple[str, ...]) -> None:
    seen = 0
    for seed in range(60):
        made = some_network(seed)
        radius, norm = (0.02, 0.2, 1.0, 5.0)[seed % 3 + seed % 2], ("2", "inf")[seed // 2 % 2]
        items, plan, points = checked(made, seed, radius, norm, engines)
        assert violations(made, items, plan, [points]) == 0, (seed, radius, norm)
        seen += violations(made, items, plan, [points], shrink=0.3) > 0
    assert seen > 15


def test_the_check_of_values_sees_slightly_wrong_bounds() -> None:
    made = dense(3, (4, 6, 6))
    items, plan, _ = checked(made, 3, 0.3, "2", ENGINES)
    steps = np.random.default_rng(0).normal(size=(20_000, 4))
    rim = items.points.centers[0] + 0.3 * (1 - 1e-9) * steps / np.linalg.norm(steps, axis=1)[:, None]
    assert violations(made, items, plan, [rim]) == 0
    assert violations(made, items, plan, [rim], shrink=1e-3) > 0


# ---- counts ----------------------------------------------------------------------------------------------------------


def test_bounds_hold_for_sampled_patterns_and_units() -> None:
    seen = 0
    for seed in range(80):
        made = some_network(seed)
        center = np.random.default_rng([seed, 7]).normal(size=(2, made.inputs))
        norm = ("2", "inf")[seed % 2]
        found = local_bound(made.net, center, [0.05, 0.5], norm)
        for row, column in product(range(2), range(2)):
            points = points_in_ball(center[row], found.radii[column], norm, 400, seed)
            there = len(np.unique(patterns(made, points), axis=0))
            assert there <= found.bounds[row, column] <= found.products[row, column], (seed, row, column)
            units = seen_units(made, points)
            assert (np.array(units) <= found.unstable[row, column]).all(), (seed, row, column)
            seen += there > 1
    assert seen > 100


@pytest.mark.parametrize("family", FAMILIES)
def test_bounds_hold_for_exact_counts(family: str) -> None:
    strict = 0
    for seed in range(14):
        case = random_case(seed, [family], dimensions=(1, 2), units=4)
        net = to_network(case.net)
        center = np.random.default_rng([seed, 8]).integers(-4, 5, case.dimension) / 4.0
        for radius in (0.25, 1.0):
            box = vitrail.Box(center - radius, center + radius)
            there = vitrail.count_regions(net, box)
            assert there.status.proven
            bound = local_bound(net, center, radius, "inf")
            assert there <= bound.bound, (family, seed, radius)
            strict += 1 < there == bound.bound
            inside = radius / math.sqrt(case.dimension)
            inner = vitrail.Box(center - inside * (1 - 1e-9), center + inside * (1 - 1e-9))
            assert vitrail.count_regions(net, inner) <= local_bound(net, center, radius).bound, (family, seed, radius)
    # bounds that are attained would be violated by anything smaller
    assert strict > 0


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_bounds_hold_for_two_thousand_networks(part: int) -> None:
    # small integers: units repeat, oppose, die and vanish; a polygon or interval inside the ball has no more regions
    above_one = 0
    for seed in range(500 * part, 500 * part + 500):
        net = to_network(random_case(seed).net)
        rng = np.random.default_rng(seed)
        center, radius = rng.uniform(-1.5, 1.5, net.input_shape), float(rng.uniform(0.05, 1.5))
        inside: vitrail.Polygon | vitrail.Segment
        inner = radius * (1 - 1e-9)
        if center.size == 1:
            inside = vitrail.Segment(center - inner, center + inner)
        else:
            angles = np.arange(16) * np.pi / 8
            inside = vitrail.Polygon(center + inner * np.stack([np.cos(angles), np.sin(angles)], axis=1))
        found = vitrail.count_regions(net, inside)
        assert found.status.proven
        for norm in (2, "inf"):
            assert local_bound(net, center, radius, norm).bound >= int(found), (seed, norm)
        above_one += int(found) > 1
    assert above_one > 200


@pytest.mark.slow
def test_bounds_hold_for_a_trained_network() -> None:
    net = vitrail.Network.from_file(digits_network_path())
    images = digits_samples()[0].reshape(20, 64) / 16
    radii = np.geomspace(0.05, 1.5, 6)
    bounds = local_bound(net, images, radii).bounds
    for number, image in enumerate(images):
        frame = np.random.default_rng(number).normal(size=(2, 64))
        for place, radius in enumerate(radii.tolist()):
            assert count_in_ball(net, image, radius, frame=frame).lower <= bounds[number, place]
            assert int(sampled_regions_in_ball(net, image, radius, 500)) <= bounds[number, place]


@pytest.mark.parametrize("scale", [1e8, 1e-8, 1e-160, 1e160])
@pytest.mark.parametrize("radius", [1e-12, 1e-3, 1e6])
def test_bounds_hold_at_extreme_numbers(scale: float, radius: float) -> None:
    for seed in range(6):
        made = dense(seed, (3, 5, 5), ("relu", "leaky")[seed % 2], scale)
        center = np.random.default_rng([seed, 9]).normal(size=3)
        with np.errstate(over="ignore", invalid="ignore"):
            found = local_bound(made.net, center, radius, "inf")
            points = points_in_ball(center, radius, "inf", 200, seed)
            usable = np.all([np.isfinite(part).all(axis=1) for part in made.forms(points)], axis=0)
            there = len(np.unique(patterns(made, points[usable]), axis=0))
        # a center's own rounding is larger than so small a ball
        assert there <= found.bound or radius < 1e-9
        if radius == 1e-12:
            assert found.bound == 1 or scale in (1e160, 1e-160)


def test_a_ball_that_reaches_no_boundary_has_one_region() -> None:
    missed = []
    for seed in range(200):
        widths = ((2, 6, 6), (4, 8, 8, 8), (12, 10, 10))[seed % 3]
        made = dense(seed, widths, ("relu", "leaky", "hardtanh", "abs")[seed // 3 % 4])
        center = np.random.default_rng([seed, 10]).normal(size=widths[0])
        norm, own = (("l2", 2), ("linf", "inf"))[seed % 2]
        distance = vitrail.distance_to_boundary(made.net, center, norm=norm).values.item()
        if local_bound(made.net, center, 0.999 * distance, own).bound != 1:
            missed.append(seed)
        assert local_bound(made.net, center, 1.001 * distance, own).bound > 1, seed
    assert missed == []


def test_pooling_and_blocks_reach_no_boundary_either() -> None:
    for seed in range(6):
        for made in (maxout(seed), residual(seed), pooled(seed)):
            center = np.random.default_rng([seed, 10]).normal(size=made.inputs)
            distance = vitrail.distance_to_boundary(made.net, center).values.item()
            assert local_bound(made.net, center, 0.999 * distance).bound == 1, (seed, made.net)
            assert local_bound(made.net, center, 1.001 * distance).bound > 1, (seed, made.net)


def test_the_intersection_is_never_above_one_engine() -> None:
    gains = 0
    for seed in range(24):
        made = some_network(seed)
        center = np.random.default_rng([seed, 7]).normal(size=(2, made.inputs))
        plan, radii = BallPlan(made.net.graph, ("2", "inf")[seed % 2]), np.array([0.1, 0.7])
        best = tallies(plan, center, radii, ENGINES).unstable
        for engine in ENGINES:
            alone = tallies(plan, center, radii, (engine,)).unstable
            assert (best <= alone).all(), (seed, engine)
            gains += int((best < alone).any())
    assert gains > 24


def test_bounds_of_each_engine_alone() -> None:
    strict = dict.fromkeys(ENGINES, 0)
    for seed in range(12):
        made = some_network(seed)
        centers, radii = np.random.default_rng([seed, 7]).normal(size=(2, made.inputs)), [1.5, 0.1, 0.7]
        found = local_bound(made.net, centers, radii, ("2", "inf")[seed % 2], engines="all")
        assert set(found.bounds_by_engine) == set(ENGINES)
        for engine, own in found.bounds_by_engine.items():
            assert own.shape == (2, 3) and all(type(value) is int for value in own.reshape(-1))
            assert (found.bounds <= own).all() and (own[:, 1] <= own[:, 2]).all() and (own[:, 2] <= own[:, 0]).all()
            # no unit that can switch: one region, and the other way round
            still = found.unstable_by_engine[engine].sum(axis=2) == 0
            assert ((own == 1) == still).all(), (seed, engine)
            strict[engine] += int((found.bounds < own).any())
        center, radius = centers[0], radii[0]
        for own in found.bounds_by_engine.values():
            assert sampled_regions_in_ball(made.net, center, radius, 300, ("2", "inf")[seed % 2]) <= own[0, 0]
    assert min(strict.values()) > 0


@pytest.mark.parametrize("scale", [1e-300, 1e155, 1e200, 1e307])
def test_overflow_is_no_warning(scale: float) -> None:
    for made in (dense(3, (3, 5, 5), "relu", scale), dense(4, (3, 5, 5), "abs", scale)):
        for radius in (1e-300, 1.0, 1e300, 1e308):
            for norm in (2, "inf"):
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    found = local_bound(made.net, [0.3, -0.2, 0.1], radius, norm)
                    seen = sampled_regions_in_ball(made.net, [0.3, -0.2, 0.1], radius, 100, norm)
                assert 1 <= seen <= found.bound, (scale, radius, norm)


def test_bounds_grow_with_the_radius() -> None:
    made = dense(5, (6, 12, 12, 12))
    radii = np.array([1.0, 0.01, 0.3, 0.1, 3.0])
    found = local_bound(made.net, np.ones((3, 6)), radii)
    order = np.argsort(radii)
    for row in range(3):
        bounds = found.bounds[row, order].tolist()
        assert bounds == sorted(bounds)
        assert (np.diff(found.unstable[row, order], axis=0) >= 0).all()
        alone = [local_bound(made.net, np.ones(6), float(radius)).bound for radius in radii[order]]
        assert all(together <= own * 1.5 for together, own in zip(bounds, alone, strict=True))


# ---- known numbers ---------------------------------------------------------------------------------------------------


def test_known_bounds() -> None:
    axes = Network.from_arrays([(np.eye(2), None), ([[1.0, 1.0]], None)])
    assert local_bound(axes, [0.5, 2.0], [0.4, 0.6, 5.0]).bounds.tolist() == [[1, 2, 4]]
    # three lines through a disc of the plane: at most 7 cells
    star = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 0.0, -0.1]), ([[1.0] * 3], None)])
    found = local_bound(star, [0.0, 0.0], 1.0)
    assert (found.bound, int(found), found.unstable.tolist()) == (7, 7, [[[3]]])
    assert found.dimensions.tolist() == [[[2]]]
    # within rounding of the rim a unit may count, beyond that it must not
    assert local_bound(star, [0.5, 3.0], 0.5 * (1 - 1e-14)).bound == 1
    assert local_bound(star, [0.5, 3.0], 0.5 * (1 + 1e-14)).bound == 2
    two = Network.from_arrays([([[1.0]], None), ([[1.0]], [-1.0]), ([[1.0]], None)])
    # off, on below 1, on above 1: the second unit cannot cut where the first is off
    assert local_bound(two, [0.0], 4.0).bound == 3
    assert local_bound(two, [0.0], 4.0).products.tolist() == [[4]]


def test_units_that_never_move_are_not_counted() -> None:
    dead = Network.from_arrays([([[0.0, 0.0], [1.0, 0.0]], [0.0, -5.0]), ([[1.0, 1.0]], [0.0]), ([[1.0]], None)])
    found = local_bound(dead, [0.0, 0.0], 1.0)
    assert (found.bound, found.unstable.sum(), found.steady.sum()) == (1, 0, 0)


def test_pooling_of_units_that_are_off() -> None:
    # all four candidates are the constant 0 in the ball: nothing competes
    op, table = Linear(_tensor(np.eye(4))), np.array([[0, 1, 2, 3]])
    net = _network([(Input((4,)), ()), (op, (0,)), (relu((4,)), (1,)), (Maximum(table, 1, ((4,),), (1,)), (2,))])
    assert local_bound(net, [-1.0] * 4, 0.5).bound == 1
    # one can be on: where it is off the first of the constants wins, unless it is the first itself
    assert local_bound(net, [-1.0, -1.0, -1.0, 0.4], 0.5).unstable.tolist() == [[[1, 1]]]
    assert local_bound(net, [0.4, -1.0, -1.0, -1.0], 0.5).unstable.tolist() == [[[1, 0]]]


def test_no_units_and_one_input() -> None:
    net = Network.from_arrays([([[2.0]], [1.0])])
    found = local_bound(net, [3.0], 2)
    assert (found.bound, found.unstable.shape, found.dimensions.shape) == (1, (1, 1, 0), (1, 1, 0))
    assert len(found.to_frame()) == 1 and "1 center" in repr(found)


def test_paper_like_table() -> None:
    """Mean log10 of the intersection is near that of reference experiments, and far below intervals for small balls."""
    rng = np.random.default_rng(0)
    means = []
    for widths, radius in (((2, 8, 8, 1), 0.2), ((10, 16, 16, 16, 1), 0.2), ((20, 32, 32, 1), 0.2)):
        own = [
            local_bound(Network.from_arrays(he(widths, seed)), rng.normal(size=(4, widths[0])), radius)
            for seed in range(6)
        ]
        means.append(np.mean([found.log10.mean() for found in own]))
    assert 0.3 < means[0] < 1.2 and 1.5 < means[1] < 3.5 and 2.0 < means[2] < 4.0


def test_bounds_of_wide_networks_are_python_integers() -> None:
    net = Network.from_arrays(default_init((20, 300, 300, 2), 0))
    found = local_bound(net, np.zeros((2, 20)), [0.001, 50.0])
    value = found.bounds[0, 1]
    assert type(value) is int and value > 2**63
    assert math.isclose(found.log10[0, 1], math.log10(value), rel_tol=1e-12)
    table = found.to_frame()
    assert table["bound"].tolist()[1] == str(value) and table["center"].tolist() == [0, 0, 1, 1]
    assert set(table.attrs["columns"]) == set(table.columns)
    # Python's own conversion of integers to text ends at 4300 digits
    longest = replace(found, bounds=np.array([[1, 10**5000]] * 2, dtype=object))
    assert longest.to_frame()["bound"].tolist()[:2] == ["1", "1" + "0" * 5000]


# ---- options ---------------------------------------------------------------------------------------------------------


def test_shapes_of_results() -> None:
    made = convolutional(0)
    x = np.random.default_rng(0).normal(size=(3, 2, 6, 6))
    found = local_bound(made.net, x, np.array([1, 2], dtype=np.int32), "2", engines="all")
    assert (
        found.bounds.shape == (3, 2) and found.unstable.shape == (3, 2, 4) and found.layers == ("n3", "n4", "n6", "n9")
    )
    assert {name: counts.shape for name, counts in found.unstable_by_engine.items()} == dict.fromkeys(
        ENGINES, (3, 2, 4)
    )
    assert (found.unstable + found.steady <= found.units).all()
    again = local_bound(made.net, torch.from_numpy(x.reshape(3, -1)), [1.0, 2.0], 2)
    assert again.bounds.tolist() == found.bounds.tolist() and again.unstable_by_engine == again.bounds_by_engine == {}
    with pytest.raises(InvalidOptionError, match="one center and one radius"):
        int(found)
    with pytest.raises(InvalidOptionError, match="read `bounds`"):
        _ = local_bound(made.net, x[:1], 1.0).bound
    assert local_bound(made.net, x[0], np.float64(1.0)).bound == found.bounds[0, 0]
    assert isinstance(found, LocalBound) and "\n" not in repr(found)


@pytest.mark.parametrize(
    "radius", [0, -1.0, math.nan, math.inf, True, "1", [], [[1.0]], [1.0, 0.0], None, 1j, [True], [[1.0], [1.0, 2.0]]]
)
def test_bad_radii(radius: object) -> None:
    with pytest.raises(InvalidOptionError, match="radius"):
        local_bound(dense(0, (2, 3)).net, [0.0, 0.0], radius)  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", [1, "l3", None, True, 2.5, math.nan, "infinity"])
def test_bad_norms(norm: object) -> None:
    with pytest.raises(InvalidOptionError, match="norm"):
        local_bound(dense(0, (2, 3)).net, [0.0, 0.0], 1.0, norm)


def test_norms_have_the_names_of_distances_too() -> None:
    assert ball_norm("l2") == "2" and ball_norm("linf") == "inf"


def test_good_norms() -> None:
    assert [ball_norm(n) for n in (2, 2.0, "2", np.int64(2), "inf", math.inf, np.inf)] == ["2"] * 4 + ["inf"] * 3


@pytest.mark.parametrize("center", [[0.0], [math.nan, 0.0], [[0.0, 0.0, 0.0]], [], ["a", "b"]])
def test_bad_centers(center: object) -> None:
    with pytest.raises(InvalidDomainError):
        local_bound(dense(0, (2, 3)).net, center, 1.0)  # type: ignore[arg-type]


def test_bad_engines() -> None:
    with pytest.raises(InvalidOptionError, match="did you mean 'intersection'"):
        local_bound(dense(0, (2, 3)).net, [0.0, 0.0], 1.0, engines="intersect")


# ---- parts -----------------------------------------------------------------------------------------------------------


def test_spectral_norms_are_bounds_and_tight() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 7), (40, 12), (64, 64)):
        for scale in (1.0, 1e-9, 1e12):
            w = rng.normal(0, scale, shape)
            true = np.linalg.svd(w, compute_uv=False)[0]
            assert true <= spectral_norm(w) <= true * (1 + 1e-9)
    assert spectral_norm(np.zeros((3, 2))) == 0.0


def test_operator_norms_and_transposes_against_matrices() -> None:
    rng = np.random.default_rng(1)
    ops = [
        Convolution(_tensor(rng.normal(size=(3, 2, 2, 2))), (2, 4, 4), stride=(2, 2)),
        Sum((3, 4), (1,), 0.25, keep=True),
        select((5,), np.array([0, 0, -1, 4])),
        ConstantProduct(_tensor(rng.normal(size=(3, 2))), (2, 4), left=True),
        Scale((4,), _tensor(rng.normal(size=4))),
        Add(((3,), (2, 3)), (1, -1)),
        Concat(((2,), (3,)), 0),
    ]
    for op in ops:
        own = AffineMap(op)
        for number, size in enumerate(own.sizes):
            parts = [np.eye(size) if k == number else np.zeros((size, n)) for k, n in enumerate(own.sizes)]
            matrix = own.linear(parts).T
            assert np.linalg.svd(matrix, compute_uv=False)[0] <= operator_norms(own, "2")[number] * (1 + 1e-12)
            assert np.abs(matrix).sum(axis=1).max() <= operator_norms(own, "inf")[number]
            assert np.allclose(own.transposed(np.eye(own.size))[number], matrix, atol=1e-14)
            assert np.allclose(own.squares(number, np.ones((1, size)))[0], np.square(matrix).sum(axis=1))


def test_triangular_factors_keep_norms() -> None:
    rng = np.random.default_rng(2)
    w, rows = rng.normal(size=(6, 30)), rng.normal(size=(50, 6))
    factor = factor_of(w)
    assert factor is not None and factor.matrix.shape == (6, 6) and 0 < factor.defect < 1e-9
    assert np.allclose(np.linalg.norm(rows @ w, axis=1), np.linalg.norm(rows @ factor.matrix, axis=1))
    assert factor_of(w.T) is None
    # equal rows have a singular factor, and rounding must still be covered
    doubled = factor_of(np.stack([w[0], w[0]]))
    assert doubled is not None
    gap = np.array([[1.0, -1.0]]) @ doubled.matrix
    assert np.linalg.norm(gap) ** 2 + doubled.defect * 2 >= 0.0 and doubled.defect > 0


def test_lines_enclose_functions() -> None:
    rng = np.random.default_rng(3)
    for build in (relu, absolute_value, relu6, lambda s: clamp(s, -1.0, 0.5), lambda s: leaky_relu(s, -0.5)):
        op = build((400,))
        assert isinstance(op, Elementwise)
        low = rng.normal(0, 3, (1, 400))
        high = low + rng.exponential(2, (1, 400))
        pieces, images, lines = np.empty((2, 1, 400), dtype=np.int64), np.empty((2, 1, 400)), np.empty((4, 1, 400))
        touched(low, high, op.breakpoints, np.stack([op.slopes, op.intercepts]), pieces, images, lines)
        for share in np.linspace(0, 1, 41):
            z = low + share * (high - low)
            value = op.forward(torch.from_numpy(z)).numpy()
            slack = 1e-14 * (1 + np.abs(z))
            assert (lines[0] * z + lines[1] <= value + slack).all() and (lines[2] * z + lines[3] >= value - slack).all()
            assert (images[0] <= value + slack).all() and (images[1] >= value - slack).all()
            piece = op.pieces_at(torch.from_numpy(z))
            if 0 < share < 1:
                assert (pieces[0] <= piece).all() and (piece <= pieces[1]).all()


def test_wiring() -> None:
    plain = wiring_of(dense(0, (5, 3, 4)).net.graph)
    assert plain.bottlenecks == {2, 4} and plain.reaches == {2: 3, 4: 3} and plain.before == {0, 1}
    blocks = wiring_of(residual(0).net.graph)
    # the input goes around all ops but the last; nothing comes after that
    assert blocks.bottlenecks == {10} and blocks.reaches == {2: 5, 4: 5, 7: 5, 10: 5}
    assert 10 not in blocks.feeding and 9 in blocks.feeding
