"""Bounds of no paper, and those for balls, graphs and neighbors: tables, orderings, and counted networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product
from math import comb, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import shortest_path

import vitrail
from vitrail.bounds import Architecture, BoundKind, Setting, chen2022, gaines2026, own, pham2024, zhu2020
from vitrail.bounds.architecture import Layer
from vitrail.bounds.goujon2024 import upper as goujon_upper
from vitrail.bounds.layered import Stage, layered_bound
from vitrail.bounds.registry import evaluate_in
from vitrail.bounds.serra2018 import upper as serra_upper
from vitrail.errors import InvalidOptionError, NotApplicableError

STATEMENTS = {statement.name: statement for statement in own.STATEMENTS}
Arrays = list[tuple[np.ndarray, np.ndarray | None]]


def cap(n: int, d: int) -> int:
    return sum(comb(n, j) for j in range(min(n, d) + 1))


def relu(widths: Sequence[int]) -> list[Stage]:
    return [Stage(((1, width),), switched_off=True) for width in widths]


def setting(widths: str, activation: str = "relu", *, biased: bool = True, rank: int | None = None) -> Setting:
    return Setting(Architecture.of(widths, activation=activation, biased=biased, rank=rank))


def value(name: str, where: Setting) -> int:
    found = evaluate_in(STATEMENTS[name], where).value
    assert isinstance(found, int)
    return found


def integers(widths: Sequence[int], seed: int, *, biased: bool = True, largest: int = 9) -> Arrays:
    """A random network of small integers, with a sum behind the last hidden layer."""
    rng = np.random.default_rng(seed)
    layers: Arrays = []
    for inputs, outputs in pairwise(widths):
        weights = rng.integers(-largest, largest + 1, (outputs, inputs)).astype(float)
        biases = rng.integers(-largest, largest + 1, outputs).astype(float) if biased else None
        layers.append((weights, biases))
    return [*layers, (np.ones((1, widths[-1])), None)]


def counted(layers: Arrays, domain: vitrail.Domain) -> int:
    count = vitrail.count_regions(vitrail.Network.from_arrays(layers), domain)
    assert count.kind.value == "exact"
    return int(count)


# ---- one input ------------------------------------------------------------------------------------------------------

# computed by hand from the recursion; 5, 7, 9, 11, 19 and 25 are attained by counted networks
NARROW = [
    *(([2, 3], 9), ([2, 2, 2], 19), ([2, 2, 3], 25), ([3, 2, 2], 28), ([3, 3, 3], 64), ([2, 3, 1], 18)),
    *(([2, 1], 5), ([2, 2], 7), ([2, 4], 11), ([], 1), ([1], 2), ([1, 1], 3)),
]


@pytest.mark.parametrize(("widths", "expected"), NARROW)
def test_narrow_layers_have_the_known_values(widths: list[int], expected: int) -> None:
    assert own.narrow_upper(widths) == expected
    assert value("vitrail_narrow", setting("-".join(map(str, [1, *widths, 1])))) == expected


def test_narrow_layers_only_sharpen() -> None:
    for depth in (1, 2, 3):
        for widths in product(range(1, 5), repeat=depth):
            full = prod(n + 1 for n in widths)
            assert own.narrow_upper(widths) <= serra_upper(1, widths) <= full
            if min(widths[:-1], default=3) >= 3:
                assert own.narrow_upper(widths) == full


def test_a_known_network_attains_seven() -> None:
    layers: Arrays = [
        (np.array([[34.0], [3.0]]), np.array([73.0, 18.0])),
        (np.array([[33.0, -15.0], [-24.0, 12.0]]), np.array([59.0, -34.0])),
        (np.ones((1, 2)), None),
    ]
    assert counted(layers, vitrail.Space(1)) == own.narrow_upper([2, 2]) == 7


@pytest.mark.parametrize("widths", [(2, 2), (1, 2, 2), (2, 2, 2), (3, 2, 2), (2, 1, 3)])
def test_random_networks_of_one_input_never_have_more(widths: tuple[int, ...]) -> None:
    counts = [counted(integers([1, *widths], seed), vitrail.Space(1)) for seed in range(25)]
    assert 2 < max(counts) <= own.narrow_upper(widths)


# ---- two inputs, three units and one --------------------------------------------------------------------------------


def test_thirteen_is_attained_and_below_the_recursion() -> None:
    layers: Arrays = [
        (np.array([[2.0, -4.0], [1.0, 0.0], [-1.0, -2.0]]), np.array([0.0, 4.0, 4.0])),
        (np.array([[-3.0, 4.0, 1.0]]), np.array([-4.0])),
        (np.ones((1, 1)), None),
    ]
    assert counted(layers, vitrail.Space(2)) == own.THREE_ONE == 13
    assert serra_upper(2, [3, 1]) == 14
    assert value("vitrail_three_one", setting("2-3-1-1")) == 13
    assert STATEMENTS["vitrail_three_one"].kind is BoundKind.EXACT_MAXIMUM


def test_random_networks_of_three_units_and_one_never_have_more() -> None:
    assert max(counted(integers([2, 3, 1], seed, largest=4), vitrail.Space(2)) for seed in range(40)) <= 13


# ---- any wiring -----------------------------------------------------------------------------------------------------


def test_the_recursion_is_serra_where_all_is_relu_and_sequential() -> None:
    for inputs, depth in product(range(1, 5), (1, 2, 3)):
        for widths in product(range(1, 5), repeat=depth):
            where = Setting(Architecture.of([inputs, *widths, 1]))
            found = value("vitrail_layered", where)
            assert found == serra_upper(inputs, widths) <= goujon_upper(inputs, widths, 2) <= 2 ** sum(widths)
            assert found <= prod(cap(n, inputs) for n in widths)


def test_the_recursion_has_no_conditions() -> None:
    layers = (
        Layer(((2, 1),), "relu", True, bottleneck=False, dense=False),
        Layer(((2, 2),), "relu", True, bottleneck=False, dense=False),
    )
    skips = Setting(Architecture(2, layers, 1, sequential=False))
    # counted: the second layer reads the input too, and eight regions occur
    assert value("vitrail_layered", skips) == cap(1, 2) * cap(2, 2) == 8
    mixed = Setting(Architecture(2, (Layer(((3, 3), (1, 4)), "hardtanh", False),), None))
    assert value("vitrail_layered", mixed) == 1 + 6 + 12


def test_ranks_are_further_limits() -> None:
    where = Setting(Architecture.of("3-5-5-1"), ranks=(3, 2))
    assert value("vitrail_layered_ranks", where) == 416 < value("vitrail_layered", where)
    assert value("vitrail_layered_ranks", Setting(Architecture.of("4-6-6-6-1"), ranks=(4, 3, 2))) == 46068


# ---- no biases ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("widths", "expected"), [("2-3-1", 8), ("2-3-3-1", 32), ("1-5-5-1", 2), ("3-4-1", 22), ("2-1", 1)]
)
def test_no_biases_have_the_known_values(widths: str, expected: int) -> None:
    assert value("vitrail_zero_bias", setting(widths, biased=False)) == expected
    stages = relu([int(n) for n in widths.split("-")][1:-1])
    assert own.zero_bias_upper(stages, int(widths[0])) == expected


@pytest.mark.parametrize("widths", [(1, 3, 2), (2, 3), (2, 3, 3), (3, 3, 2)])
def test_random_networks_without_biases_never_have_more(widths: tuple[int, ...]) -> None:
    most = own.zero_bias_upper(relu(widths[1:]), widths[0])
    counts = [counted(integers(widths, seed, biased=False), vitrail.Space(widths[0])) for seed in range(12)]
    assert 2 <= max(counts) <= most


# ---- stable units ---------------------------------------------------------------------------------------------------


def states(layers: Arrays, half: float) -> list[tuple[int, int]]:
    """The units that may switch and those that are always on, by interval arithmetic."""
    low, high = -half * np.ones(layers[0][0].shape[1]), half * np.ones(layers[0][0].shape[1])
    found = []
    for weights, biases in layers[:-1]:
        center, reach = weights @ (low + high) / 2 + biases, np.abs(weights) @ (high - low) / 2
        low, high = center - reach, center + reach
        found.append((int(((low < 0) & (high > 0)).sum()), int((low >= 0).sum())))
        low, high = np.maximum(low, 0), np.maximum(high, 0)
    return found


def test_stable_units_have_the_known_values() -> None:
    layers: Arrays = [
        (np.array([[2.0, 1], [1, -1], [1, 1]]), np.array([1.0, 5, -1])),
        (np.array([[1.0, 1, -1], [1, -2, 1]]), np.array([1.0, -2])),
        (np.ones((1, 2)), None),
    ]
    for half, expected in ((1.0, 4), (2.0, 15)):
        found = states(layers, half)
        assert own.stable_upper(2, found) == expected
        assert counted(layers, vitrail.Box([-half, -half], [half, half])) == 3
    assert states(layers, 1.0) == [(2, 1), (0, 1)]
    assert states(layers, 2.0) == [(2, 1), (2, 0)]


def test_boxes_never_have_more_than_stable_units_allow() -> None:
    sharper = 0
    for seed in range(30):
        layers = integers((2, 3, 3), seed)
        for half in (0.25, 1.0):
            most = own.stable_upper(2, states(layers, half))
            assert counted(layers, vitrail.Box([-half, -half], [half, half])) <= most
            assert most <= own.stable_upper(2, [(3, 0), (3, 0)]) == serra_upper(2, [3, 3]) == 40
            sharper += most < 40
    assert sharper > 30


def test_always_on_units_keep_the_dimension() -> None:
    assert own.stable_upper(1, [(0, 1), (2, 0)]) == 3
    assert own.stable_upper(1, [(0, 0), (2, 0)]) == 1
    assert own.stable_upper(2, []) == 1
    assert own.stable_upper(0, [(3, 0)]) == 1


# ---- balls ----------------------------------------------------------------------------------------------------------

WEIGHTS, BIASES = [[1, 0], [0, 1], [1, 1], [1, -2]], [-1, 1, 3, 5]


def test_balls_have_the_known_values() -> None:
    assert [zhu2020.one_layer_upper(WEIGHTS, BIASES, [0, 0], radius) for radius in (1, 2, 4)] == [1, 4, 11]
    assert [zhu2020.units_meeting(WEIGHTS, BIASES, [0, 0], radius) for radius in (1, 2, 4)] == [0, 2, 4]


finite = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(
    st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=4),
    st.tuples(finite, finite),
    st.floats(1e-3, 1e6),
)
def test_units_are_compared_exactly(
    units: list[tuple[float, float, float]], center: tuple[float, float], radius: float
) -> None:
    x, y = map(Fraction, center)
    inside = [
        (Fraction(a) * x + Fraction(b) * y + Fraction(c)) ** 2
        < Fraction(radius) ** 2 * (Fraction(a) ** 2 + Fraction(b) ** 2)
        for a, b, c in units
    ]
    rows = np.array(units)
    assert zhu2020.units_meeting(rows[:, :2], rows[:, 2], center, radius) == sum(inside)


def test_touching_units_do_not_count_and_one_ulp_decides() -> None:
    third = 1 / 3
    assert zhu2020.units_meeting([[third]], [-third], [0.0], 1.0) == 0
    assert zhu2020.units_meeting([[third]], [-third], [0.0], float(np.nextafter(1.0, 2.0))) == 1
    assert zhu2020.units_meeting([[0.0, 0.0]], [0.0], [0.0, 0.0], 1.0) == 0
    assert zhu2020.units_meeting([[1e-300, 1e300]], [1e299], [1.0, 0.0], 0.5) == 1
    assert zhu2020.units_meeting(np.zeros((0, 2)), np.zeros(0), [0.0, 0.0], 1.0) == 0


def test_discs_have_no_more_regions() -> None:
    """The square inside the disc: its regions are among those of the disc."""
    half = 1.0
    for seed in range(10):
        layers = integers((2, 5), seed, largest=4)
        weights, biases = layers[0]
        assert biases is not None
        most = zhu2020.one_layer_upper(weights, biases, [0.0, 0.0], float(np.nextafter(np.sqrt(2.0), 2.0)))
        assert counted(layers, vitrail.Box([-half, -half], [half, half])) <= most


# ---- graphs, neighbors ----------------------------------------------------------------------------------------------


def test_graph_networks_have_the_known_values() -> None:
    assert [chen2022.one_layer_exact(*case) for case in ((2, 1, 2), (2, 2, 3), (1, 2, 0))] == [9, 49, 1]
    assert [pham2024.upper(*case) for case in ((2, 2, [3]), (3, 1, [2]), (2, 1, [2]), (2, 2, []))] == [57, 42, 11, 1]
    assert chen2022.combined_upper(2, 1, [2, 2]) == 9 * 11
    assert pham2024.message_passing_upper(2, [2], [[3]]) == 57
    assert pham2024.message_passing_upper(3, [1, 2], [[2, 4], [3]]) == cap(6, 3) * cap(12, 3) * cap(9, 6)
    assert pham2024.message_passing_upper(3, [], []) == 1
    assert pham2024.maximum_factor(3, 2, 1) == 8


def test_shared_weights_of_a_graph_attain_the_maximum() -> None:
    rng = np.random.default_rng(2)
    for nodes, features, units in ((2, 1, 2), (2, 2, 2), (3, 1, 2)):
        adjacency = np.eye(nodes) + np.triu(np.ones((nodes, nodes)), 1)
        shared, bias = rng.integers(-9, 10, (units, features)).astype(float), rng.integers(1, 9, units).astype(float)
        layers: Arrays = [(np.kron(adjacency, shared), np.tile(bias, nodes)), (np.ones((1, nodes * units)), None)]
        assert counted(layers, vitrail.Space(nodes * features)) == chen2022.one_layer_exact(nodes, features, units)
    singular: Arrays = [
        (np.ones((4, 2)) * [[1.0], [2.0], [1.0], [2.0]], np.array([1.0, -3.0] * 2)),
        (np.ones((1, 4)), None),
    ]
    assert counted(singular, vitrail.Space(2)) < chen2022.one_layer_exact(2, 1, 2)


def test_combined_graph_bounds_only_sharpen() -> None:
    for nodes, features, first, second in product((1, 2, 3), (1, 2), (1, 2, 4), (1, 3)):
        combined = chen2022.combined_upper(nodes, features, [first, second])
        assert combined <= pham2024.upper(nodes, features, [first, second])
        assert chen2022.combined_upper(nodes, features, []) == 1


def test_neighbors() -> None:
    assert [gaines2026.average_degree_upper(n) for n in (1, 2, 3)] == [2, 4, 6]
    assert [gaines2026.diameter_upper(widths) for widths in ([4, 3], [], [2, 2, 5])] == [25, 1, 216]
    for seed in range(4):
        rng = np.random.default_rng(seed)
        layers: Arrays = [(rng.normal(size=(m, n)), rng.normal(size=m)) for n, m in pairwise((2, 5, 3, 1))]
        graph = vitrail.enumerate_regions(vitrail.Network.from_arrays(layers), vitrail.Space(2)).adjacency()
        assert 1 < graph.nnz / graph.shape[0] <= gaines2026.average_degree_upper(2)
        assert 1 < shortest_path(graph, unweighted=True).max() <= gaines2026.diameter_upper([5, 3])


# ---- conditions and wrong numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "where", "message"),
    [
        ("vitrail_layered_ranks", setting("2-3-1"), "the ranks of the weights, found an architecture alone"),
        ("vitrail_narrow", setting("2-3-1"), "expected one input, found 2"),
        ("vitrail_narrow", setting("1-3-1", "leaky_relu"), "found leaky_relu in layer 1"),
        ("vitrail_narrow", Setting(Architecture(1, (), 1, sequential=False)), "found skip connections"),
        ("vitrail_zero_bias", setting("2-3-1"), "expected a network without biases, found biases"),
        (
            "vitrail_zero_bias",
            setting("2-3-1", "hardtanh", biased=False),
            "pieces meet at 0, found hardtanh in layer 1",
        ),
        ("vitrail_three_one", setting("2-3-2-1"), "two inputs and hidden layers of three units and one, found 2-3-2-1"),
        ("vitrail_three_one", setting("2-3-1-1", "abs"), "found abs in layer 1"),
        ("vitrail_three_one", setting("2-3-1-1", biased=False), "expected biases"),
    ],
)
def test_conditions(name: str, where: Setting, message: str) -> None:
    with pytest.raises(NotApplicableError, match=message):
        evaluate_in(STATEMENTS[name], where)


def test_bounds_without_biases_hold_for_other_homogeneous_units() -> None:
    for activation, rank in (("abs", None), ("leaky_relu", None), ("maxout", 3)):
        where = setting("3-2-1", activation, biased=False, rank=rank)
        assert value("vitrail_zero_bias", where) == 2 * layered_bound(where.stages(), 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: own.narrow_upper([2, 0]), r"widths\[1\]: expected an integer of at least 1, found 0"),
        (lambda: own.zero_bias_upper([], 0), "dimension: expected an integer of at least 1, found 0"),
        (lambda: own.stable_upper(2, [(1, 2, 3)]), r"layers\[0\]: expected a pair"),  # type: ignore[list-item]
        (lambda: own.stable_upper(2, [(1, -1)]), r"layers\[0\]: expected an integer of at least 0, found -1"),
        (lambda: own.stable_upper(True, [(1, 1)]), "dimension: expected an integer of at least 0, found True"),
        (lambda: zhu2020.units_meeting([[1.0, 2.0]], [1.0, 2.0], [0.0, 0.0], 1.0), "weights: expected shape"),
        (lambda: zhu2020.units_meeting([[1.0, 2.0]], [1.0], [0.0], 1.0), "weights: expected shape"),
        (lambda: zhu2020.units_meeting([[1.0], [1.0, 2.0]], [1.0, 2.0], [0.0], 1.0), "expected a regular array"),
        (lambda: zhu2020.units_meeting([[float("nan")]], [1.0], [0.0], 1.0), "weights: expected finite real numbers"),
        (lambda: zhu2020.units_meeting([[1.0]], [1.0], [0.0], 0.0), "radius: expected a finite number above 0"),
        (lambda: zhu2020.units_meeting([1.0], [1.0], [0.0], 1.0), "weights: expected finite real numbers with 2 axes"),
        (lambda: zhu2020.units_meeting([[2**53 + 1]], [1], [0], 1), "weights: expected integers that float64 holds"),
        (lambda: chen2022.one_layer_exact(0, 1, 1), "nodes: expected an integer of at least 1, found 0"),
        (lambda: pham2024.upper(2, 1, [0]), r"widths\[0\]: expected an integer of at least 1"),
        (lambda: pham2024.message_passing_upper(2, [1], []), "expected one sequence for each of the 1 rounds"),
        (lambda: pham2024.message_passing_upper(2, [1], [[0]]), r"widths\[0\]\[0\]: expected an integer"),
        (lambda: pham2024.maximum_factor(1, 0, 1), "degree: expected an integer of at least 1"),
        (lambda: gaines2026.average_degree_upper(0), "input_dimension: expected an integer of at least 1"),
        (lambda: gaines2026.diameter_upper([0]), r"widths\[0\]: expected an integer of at least 1"),
    ],
)
def test_wrong_numbers_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        call()


def test_numpy_integers_are_integers() -> None:
    assert own.narrow_upper([np.int64(2), np.int32(3)]) == 9  # type: ignore[list-item]
    assert gaines2026.diameter_upper([np.int64(4)]) == 5  # type: ignore[list-item]
