"""Numbers near the ends of float64, and the kernels' error bounds where they are easy to get wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitrail
from helpers import he, patterns_of, square
from oracles import networks
from vitrail.cells.interval_cut import end_sign
from vitrail.network.graph import Graph, Node
from vitrail.network.network import Network
from vitrail.network.ops.base import Input, Op
from vitrail.network.ops.elementwise import Elementwise, leaky_relu, relu
from vitrail.network.ops.linear import Linear
from vitrail.network.ops.maximum import Maximum
from vitrail.status import Status


def not_wrong(count: vitrail.Count, truth: int) -> None:
    """Check that a count is right, or says that it may not be, with bounds that hold."""
    if count.status.proven:
        assert int(count) == truth
    assert count.lower <= truth
    assert count.upper is None or truth <= count.upper


def test_products_that_underflow_are_not_certified_away() -> None:
    layers = [([[1e-200], [1e-200]], [0.0, -0.5e-200]), ([[1e-200, -3e-200]], None), ([[1.0]], None)]
    not_wrong(vitrail.count_regions(Network.from_arrays(layers), vitrail.Segment([-1.0], [1.0])), 4)


@pytest.mark.parametrize("scale", [1e-156, 1e-160, 1e-300])
def test_lines_whose_determinant_underflows(scale: float) -> None:
    weight = scale * np.array([[1.0, 0.3], [0.4, 1.0], [1.0, -1.0]])
    layers = [(weight, scale * np.array([0.1, 0.2, -0.3])), (np.ones((1, 3)), None)]
    regions = vitrail.enumerate_regions(Network.from_arrays(layers), square())
    not_wrong(regions.count(), 7)
    assert np.isfinite(regions.measures).all()


@pytest.mark.parametrize("exponent", [-500, -100, 100, 500])
def test_scaling_a_layer_by_a_power_of_two_changes_nothing(exponent: int) -> None:
    layers = networks.he((2, 12, 12, 1), 1)
    truth = int(vitrail.count_regions(Network.from_arrays(layers), square()))
    (w1, b1), (w2, b2), last = layers
    factor = 2.0**exponent
    scaled = [(w1 * factor, b1 * factor), (w2 / factor, b2), last]
    count = vitrail.count_regions(Network.from_arrays(scaled), square())
    not_wrong(count, truth)
    if abs(exponent) <= 100:
        assert count.status is Status.CERTIFIED
        assert int(count) == truth


def test_a_tiny_domain_far_from_the_origin() -> None:
    network = he(2, 30, 30, 1)
    domain = vitrail.Box([0.5, 0.25], [0.5 + 2.0**-30, 0.25 + 2.0**-30])
    regions = vitrail.enumerate_regions(network, domain)
    assert regions.measure_error < 1e-6  # corners are stored in units of 1, so 2^-52 of that against a side of 2^-30
    assert regions.count() >= 1


def test_the_sign_at_an_uncertain_end_allows_for_the_slope() -> None:
    # with errors 0.45 at the end and 1e-3 in the slope the true value may be -4.5e-4
    assert end_sign(0.550101, 1.0, 1e-9, 1e-3, -0.1, 0.45) == 0
    assert end_sign(0.5515, 1.0, 1e-9, 1e-3, -0.1, 0.45) == 1


# ---- numbers at the ends of the range, each once the cause of a wrong answer ----------------------------------------


def chain(size: int, *ops: Op) -> Network:
    """A network of ops one after the other."""
    nodes = [Node(Input((size,)), (), "input"), *(Node(op, (i,), f"op{i}") for i, op in enumerate(ops))]
    return Network(Graph(tuple(nodes), len(ops), "arrays"))


def linear(weight: object, bias: object = None) -> Linear:
    matrix = torch.tensor(weight, dtype=torch.float64)
    return Linear(matrix, None if bias is None else torch.tensor(bias, dtype=torch.float64))


def relu_net(size: int, *layers: Linear) -> Network:
    """ReLU after every layer."""
    return chain(size, *(op for layer in layers for op in (layer, relu((layer.matrix.shape[0],)))))


def leaky(slopes: list[float]) -> Elementwise:
    op = leaky_relu((len(slopes),), slopes)
    assert op is not None
    return op


H = 1e160  # its square overflows
LINE = vitrail.Line([0.0], [1.0])

# name: the network, the domain, and the patterns that its units have there by hand
CASES: dict[str, tuple[Network, vitrail.domains.Domain, set[tuple[int, ...]]]] = {
    # a unit without a breakpoint never switches, however far out
    "no breakpoint": (
        chain(1, linear([[1.0], [0.0]], [0.0, 1.0]), leaky([1.0, 0.25]), linear([[1.0, 1.0]])),
        LINE,
        {(0, 1)},
    ),
    # the second of two candidates t and t + 1 always wins; the first place of the group is empty
    "an absent candidate": (
        chain(
            1,
            linear([[1.0]]),
            leaky([0.25]),
            linear([[1.0], [1.0]], [0.0, 1.0]),
            Maximum(np.array([[-1, 0, 1]]), 1, ((2,),), (1,)),
            linear([[1.0]]),
        ),
        LINE,
        {(0, 2), (1, 2)},
    ),
    # relu(t - 1.2e308) - 0.15e308 changes its sign at 1.35e308, before the other unit at 1.5e308
    "the middle of a long interval": (
        relu_net(1, linear([[1.0], [1.0]], [-1.2e308, -1.5e308]), linear([[1.0, 0.0]], [-0.15e308])),
        LINE,
        {(0, 0, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1)},
    ),
    # at -1e309 and -2e309
    "roots out of range": (
        relu_net(1, linear([[1e-9], [1e-9]], [1e300, 2e300])),
        LINE,
        {(0, 0), (0, 1), (1, 1)},
    ),
    # the smallest number times s minus itself times t: the diagonal, and both directions are positive
    "the smallest numbers": (
        chain(3, relu((3,)), linear([[1.0, 1.0, 1.0]])),
        vitrail.Plane([0.0] * 3, [5e-324, 1.0, 0.0], [-5e-324, 0.0, 1.0], [0.6, 0.6], [0.9, 0.9]),
        {(0, 1, 1), (1, 1, 1)},
    ),
    # H (H x - H x) + y is y, though its bound is infinite
    "an infinite bound": (
        chain(
            2,
            linear([[1.0, 0.5], [1.0, 0.5], [0.0, 1.0]]),
            linear([[H, -H, 0.0], [0.0, 0.0, 1.0]]),
            linear([[H, 1.0]]),
            relu((1,)),
        ),
        square(),
        {(0,), (1,)},
    ),
    "coefficients whose sum overflows": (
        relu_net(2, linear([[1.5e308, 1.2e308]])),
        square(),
        {(0,), (1,)},
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("exact", [True, "always"])
def test_ends_of_the_range(name: str, exact: bool | str) -> None:
    network, domain, expected = CASES[name]
    regions = vitrail.enumerate_regions(network, domain, exact=exact)
    found = patterns_of(regions)
    assert regions.status.proven
    assert (len(found), set(found)) == (len(expected), expected)
    assert vitrail.count_regions(network, domain, exact=exact) == len(expected)
    assert vitrail.certify(regions).problems == []


@pytest.mark.parametrize("scale", [1e-150, 2.0**-400, 1e-30, 1e30, 1e150, 2.0**500, 1e200])
def test_scales_from_small_to_large(scale: float) -> None:
    """Scaling weights and biases of the first layer and undoing it in the next moves no boundary but by rounding."""
    (w1, b1), (w2, b2), last = networks.he((2, 8, 8, 1), 3)
    truth = int(vitrail.count_regions(Network.from_arrays([(w1, b1), (w2, b2), last]), square()))
    network = Network.from_arrays([(w1 * scale, b1 * scale), (w2 / scale, b2), last])
    regions = vitrail.enumerate_regions(network, square())
    assert (regions.status, len(regions)) == (Status.CERTIFIED, truth)
    assert vitrail.certify(regions).status is Status.EXACT


def test_absorption() -> None:
    """2^53 x + 1 at x = 1 + 2^-52: float64 forgets the 1, the function does not."""
    big = 2.0**53
    # max(2^53 x + 1, 2^53 x) is always the first; the difference is 1 everywhere
    network = relu_net(1, linear([[big], [big]], [1.0, 0.0]), linear([[1.0, -1.0]], [-1.0]))
    regions = vitrail.enumerate_regions(network, vitrail.Segment([0.5], [2.0]))
    assert patterns_of(regions) == [(1, 1, 0)]
    # one more in the bias and it is positive
    shifted = relu_net(1, linear([[big], [big]], [1.0, 0.0]), linear([[1.0, -1.0]], [-1.0 + 2.0**-52]))
    assert patterns_of(vitrail.enumerate_regions(shifted, vitrail.Segment([0.5], [2.0]))) == [(1, 1, 1)]


def test_subnormal_weights() -> None:
    tiny = 5e-324
    network = relu_net(2, linear([[3 * tiny, -2 * tiny], [tiny, tiny]], [0.0, -tiny]))
    # lines 3x = 2y and x + y = 1, which meet inside the square
    regions = vitrail.enumerate_regions(network, square())
    assert (len(regions), regions.status) == (4, Status.CERTIFIED)
    assert vitrail.certify(regions).status is Status.EXACT


def test_maps_that_overflow_are_compared_exactly() -> None:
    half = 2.0**-450
    network = chain(
        2,
        linear([[1.0, 0.0], [-1.0, 0.0]]),
        relu((2,)),
        linear([[2.0**600, -(2.0**600)]]),
        linear([[2.0**500]]),
    )
    regions = vitrail.enumerate_regions(network, square(half))
    # relu(x) - relu(-x) is x: two activation regions, one linear
    assert [int(regions.count(name)) for name in ("activation", "linear", "affine")] == [2, 1, 1]
    assert regions.count("linear").status is Status.CERTIFIED


def test_an_exactly_straight_corner_is_none() -> None:
    domain = vitrail.Polygon([[-0.1, 0.5], [0.1, 0.38], [0.4, 0.2], [0.9, 1.0]])
    assert domain.corners.shape == (3, 2)
    regions = vitrail.enumerate_regions(he(2, 5, 5, 1), domain)
    assert vitrail.certify(regions).status is Status.EXACT


def test_budgets_end_the_exact_cutting_of_one_cell() -> None:
    generator = np.random.default_rng(0)
    weight, bias = generator.integers(-3, 4, (60, 2)).astype(float), generator.integers(-3, 4, 60).astype(float)
    network = Network.from_arrays([(weight, bias), (np.ones((1, 60)), None)])
    whole = vitrail.enumerate_regions(network, square(2.0))
    assert whole.account.exact > 0
    few = vitrail.enumerate_regions(network, square(2.0), max_regions=5)
    assert (len(few), few.status) == (5, Status.PARTIAL)
    assert set(patterns_of(few)) <= set(patterns_of(whole))
    count = vitrail.count_regions(network, square(2.0), max_regions=5)
    assert (int(count), count.lower, count.status) == (5, 5, Status.PARTIAL)
    assert vitrail.count_regions(network, square(2.0), max_regions=len(whole)) == len(whole)
