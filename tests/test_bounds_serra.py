"""The recursion over layers and the bounds of Serra et al.: sums over tuples, a plain recursion, counted networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations, pairwise, product
from math import comb, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import exact, neutral
from vitrail.bounds import Architecture, Setting, serra2018
from vitrail.bounds.architecture import Layer
from vitrail.bounds.layered import Stage, layered_bound
from vitrail.bounds.registry import evaluate_in
from vitrail.errors import InvalidOptionError, NotApplicableError

STATEMENTS = {statement.name: statement for statement in serra2018.STATEMENTS}


def tuples_off(n0: int, widths: Sequence[int], ranks: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The set J of numbers of units that are off, tuple by tuple."""
    for j in product(*(range(n + 1) for n in widths)):
        limits = [min([n0, *(widths[i] - j[i] for i in range(number)), ranks[number]]) for number in range(len(j))]
        if all(a <= b for a, b in zip(j, limits, strict=True)):
            yield j


def by_tuples(n0: int, widths: Sequence[int], ranks: Sequence[int] | None = None) -> int:
    chosen = tuples_off(n0, widths, widths if ranks is None else ranks)
    return sum(prod(comb(n, off) for n, off in zip(widths, j, strict=True)) for j in chosen)


def by_cases(stages: Sequence[Stage], dimension: int) -> int:
    """The bound by its definition: unit by unit which of them cut, and the dimension that remains."""

    @cache
    def after(number: int, d: int) -> int:
        if number == len(stages):
            return 1
        stage = stages[number]
        units = [extra for extra, count in stage.families for _ in range(count) if extra > 0]
        reach = d if stage.reach is None else min(d, stage.reach)
        total = 0
        for j in range(min(reach, len(units)) + 1):
            for cutting in combinations(units, j):
                kept = d
                if stage.bottleneck:
                    off = j if stage.switched_off else 0
                    kept = min(reach, stage.steady + len(units) - off)
                total += prod(cutting) * after(number + 1, kept)
        return total

    return after(0, dimension)


# ---- the recursion ----------------------------------------------------------------------------------------------


relu_stage = st.builds(
    lambda units, steady, bottleneck, reach: Stage(((1, units),), steady, True, bottleneck, reach),
    *(st.integers(0, 5), st.integers(0, 2), st.booleans(), st.none() | st.integers(0, 4)),
)
any_stage = st.builds(
    lambda families, steady, bottleneck, reach: Stage(
        tuple(sorted(families.items())), steady, False, bottleneck, reach
    ),
    st.dictionaries(st.integers(1, 3), st.integers(1, 2), max_size=3),
    *(st.integers(0, 2), st.booleans(), st.none() | st.integers(0, 4)),
)


@given(st.lists(relu_stage | any_stage, max_size=4), st.integers(0, 6))
def test_recursion_by_cases(stages: list[Stage], dimension: int) -> None:
    assert layered_bound(stages, dimension) == by_cases(stages, dimension)


@given(st.lists(relu_stage, min_size=1, max_size=4), st.integers(0, 6))
def test_recursion_of_relu_stages_by_cases(stages: list[Stage], dimension: int) -> None:
    assert layered_bound(stages, dimension) == by_cases(stages, dimension)


def test_the_reference_notices_what_a_stage_says() -> None:
    plain = [Stage(((1, 2),), switched_off=True)] * 2
    assert by_cases(plain, 2) == 11
    assert by_cases([Stage(((1, 2),), switched_off=True, bottleneck=False)] * 2, 2) == 16
    assert by_cases([Stage(((1, 2),), steady=1, switched_off=True)] * 2, 2) == 15
    assert by_cases([Stage(((1, 2),), switched_off=True), Stage(((1, 2),), switched_off=True, reach=1)], 2) == 10
    assert by_cases([Stage(((2, 2),))] * 2, 2) == 81


def test_orders_of_magnitude() -> None:
    many = [Stage(((1, 60),), switched_off=True) for _ in range(30)]
    assert layered_bound(many, 100) < 2 ** (30 * 60)
    assert layered_bound(many, 1) == 61**30
    assert layered_bound([Stage(((1, 5),), switched_off=True, steady=9)] * 3, 9) == 2**15
    assert layered_bound([], 3) == 1
    assert layered_bound(many, 0) == 1


def test_a_narrow_layer_beside_a_skip_connection_limits_itself_alone() -> None:
    # relu of relu, one unit each, beside the inputs, then three units that read both
    first, second = ([[-7, 4]], [8]), ([[-1]], [1])
    third = ([[24, -3, 6], [-13, 5, 5], [-21, 3, -9]], [5, 3, -9])
    nodes = [("input", 2), ("affine", *first, 0), (*neutral.activation("relu", 1), 1), ("affine", *second, 2)]
    nodes += [(*neutral.activation("relu", 1), 3), ("concat", 4, 0), ("affine", *third, 5)]
    net = neutral.Net.build([*nodes, (*neutral.activation("relu", 3), 6), ("affine", [[1, 3, 9]], [0], 7)])
    narrow = Stage(((1, 1),), switched_off=True, bottleneck=False, reach=1)
    bound = layered_bound([narrow, narrow, Stage(((1, 3),), switched_off=True, reach=2)], 2)
    assert len(exact.whole_plane_patterns(net)) == 21 <= bound == 2 * 2 * 7


# ---- the theorem ------------------------------------------------------------------------------------------------


VALUES = [
    (2, [4, 4], 121),
    (2, [2, 2], 11),
    (2, [3, 3], 40),
    (2, [3, 3, 3], 208),
    (3, [5, 4, 3], 2338),
    (10, [10, 10], 616666),
    (8, [4, 4, 4, 4], 16645),
    (784, [11, 11], 2449868),
    (784, [10, 12], 1744436),
    (784, [10, 10, 10, 10], 216643797580),
    (32, [16] * 5, 122120255553381931797668),
    (32, [12, 14, 16, 18, 20], 9566327768331595413869),
    (1, [3, 3, 3], 64),
    (2, [6, 6], 484),
    (2, [4, 4, 4], 1331),
    (2, [10, 10], 3136),
    (2, [20], 211),
    (3, [9, 9, 9], 2197000),
    (2, [32, 32, 32], 148035889),
    (2, [4, 1], 22),
    (2, [4, 2], 44),
    (2, [3, 1], 14),
    (2, [3, 2], 25),
    (3, [], 1),
    (0, [3], 1),
]


@pytest.mark.parametrize(("inputs", "widths", "expected"), VALUES)
def test_upper(inputs: int, widths: list[int], expected: int) -> None:
    assert serra2018.upper(inputs, widths) == expected


def test_curve_of_22_units_in_two_layers() -> None:
    # the values of the paper's figure for 784 inputs, from the sum over J
    curve = [serra2018.upper(784, [n, 22 - n]) for n in range(1, 12)]
    assert curve == [23, 254, 1794, 9109, 35443, 110056, 280600, 600370, 1097790, 1744436, 2449868]


@given(st.integers(0, 7), st.lists(st.integers(1, 5), max_size=4))
def test_upper_is_the_sum_over_tuples(inputs: int, widths: list[int]) -> None:
    assert serra2018.upper(inputs, widths) == by_tuples(inputs, widths)


@given(st.integers(0, 5), st.lists(st.tuples(st.integers(1, 5), st.integers(0, 6)), max_size=4))
def test_ranks_are_the_last_limits_of_the_tuples(inputs: int, layers: list[tuple[int, int]]) -> None:
    widths, ranks = [n for n, _ in layers], [min(n, r) for n, r in layers]
    found = serra2018.upper(inputs, widths, ranks)
    # behind a layer of lower rank the image is no larger, which the sum over J of the paper does not use
    assert found <= by_tuples(inputs, widths, ranks)
    assert found == by_cases([Stage(((1, n),), 0, True, True, r) for n, r in layers], inputs)
    assert serra2018.upper(inputs, widths, widths) == serra2018.upper(inputs, widths)


@pytest.mark.parametrize(
    ("inputs", "widths", "ranks", "expected"),
    [(3, [5, 5], [3, 2], 416), (4, [6, 6, 6], [4, 3, 2], 46068), (2, [4, 3], [2, 1], 44), (2, [4, 3], None, 77)],
)
def test_ranks(inputs: int, widths: list[int], ranks: list[int] | None, expected: int) -> None:
    assert serra2018.upper(inputs, widths, ranks) == expected
    where = Setting(Architecture.of([inputs, *widths, 1]), ranks=tuple(ranks or widths))
    assert int(evaluate_in(STATEMENTS["serra2018_ranks"], where)) == expected


def test_a_unit_moved_to_the_second_layer_lowers_the_bound() -> None:
    # Proposition 2 of the paper, for inputs that are no bottleneck
    for total in range(3, 14):
        curve = [serra2018.upper(total, [n, total - n]) for n in range(1, total)]
        assert curve == sorted(set(curve))


@given(st.integers(0, 2**32 - 1), st.integers(1, 2), st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_counted_networks_stay_below(seed: int, inputs: int, widths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    sizes = [inputs, *widths, 1]
    layers = [(rng.integers(-3, 4, (b, a)).tolist(), rng.integers(-3, 4, b).tolist()) for a, b in pairwise(sizes)]
    net = neutral.mlp(layers)
    counted = exact.whole_line(net, [0], [1]).cells if inputs == 1 else exact.whole_plane_patterns(net)
    assert len(counted) <= serra2018.upper(inputs, widths)


def test_a_network_that_attains_the_bound() -> None:
    layers = [([[-9, 16], [7, -9]], [12, 10]), ([[-1, -22], [-9, -28]], [20, 31]), ([[1, 1]], [0])]
    assert len(exact.whole_plane_patterns(neutral.mlp(layers))) == serra2018.upper(2, [2, 2]) == 11


def test_the_theorem_does_not_hold_for_absolute_values() -> None:
    # |x|, |y|, then | |x| + |y| - 2 | and | |x| - |y| |: 16 regions, the formula has 11
    layers = [([[1, 0], [0, 1]], [0, 0]), ([[1, 1], [2, -1]], [-2, -1]), ([[1, 1]], [0])]
    counted = len(exact.whole_plane_patterns(neutral.mlp(layers, "abs")))
    assert counted == 16 > serra2018.upper(2, [2, 2])
    with pytest.raises(NotApplicableError, match="found abs in layer 1"):
        evaluate_in(STATEMENTS["serra2018"], Setting(Architecture.of("2-2-2-1", activation="abs")))


# ---- the other theorems -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "arguments", "expected"),
    [
        (serra2018.exact_one_input, ([3, 3],), 16),
        (serra2018.exact_one_input, ([4, 5, 3],), 120),
        (serra2018.exact_one_input, ([10, 10, 10],), 1331),
        (serra2018.exact_one_input, ([3, 1],), 8),
        (serra2018.lower, (2, [6, 2]), 64),
        (serra2018.lower, (2, [6, 4]), 176),
        (serra2018.lower, (2, [6, 6]), 352),
        (serra2018.lower, (2, [6, 6, 2]), 1024),
        (serra2018.lower, (2, [7, 6]), 352),
        (serra2018.lower, (3, [9, 10, 12]), 1224704),
        (serra2018.lower, (1, [3, 3, 3]), 64),
        (serra2018.lower, (2, [10, 10]), 2016),
        (serra2018.lower, (3, [9, 9, 9]), 532480),
        (serra2018.lower, (2, [32, 32, 32]), 44182609),
        (serra2018.lower, (2, [20]), 211),
        (serra2018.zonotope_lower, (2, 2, 3, 2), 16),
        (serra2018.zonotope_lower, (2, 3, 3, 2), 24),
        (serra2018.zonotope_lower, (2, 2, 3, 3), 64),
        (serra2018.zonotope_lower, (2, 3, 4, 2), 30),
        (serra2018.zonotope_lower, (2, 4, 3, 3), 128),
        (serra2018.zonotope_lower, (3, 4, 5, 3), 504),
        (serra2018.maxout_upper, (2, [3], 3), 46),
        (serra2018.maxout_upper, (2, [2, 2], 3), 484),
        (serra2018.maxout_upper, (3, [4, 4], 3), 89401),
        (serra2018.maxout_upper, (3, [5, 4, 3], 2), 3120),
    ],
)
def test_published_values(formula: Callable[..., int], arguments: tuple[Any, ...], expected: int) -> None:
    assert formula(*arguments) == expected


@given(st.integers(1, 3), st.lists(st.integers(3, 20), min_size=1, max_size=4))
def test_lower_by_hand(inputs: int, widths: list[int]) -> None:
    *before, last = widths
    fitting = [d for d in range(1, inputs + 1) if all(n >= 3 * d for n in before)]
    sums = {d: sum(comb(last, j) for j in range(d + 1)) for d in fitting}
    assert serra2018.lower(inputs, widths) == max(prod((n // d + 1) ** d for n in before) * sums[d] for d in fitting)
    assert serra2018.lower(inputs, widths) <= serra2018.upper(inputs, widths)
    if inputs == 1:
        assert serra2018.lower(1, widths) == serra2018.exact_one_input(widths) == serra2018.upper(1, widths)


def test_units_of_different_ranks() -> None:
    layers = tuple(Layer(pieces, "maxout", False, maximum=True) for pieces in (((2, 3), (3, 1)), ((4, 1),)))
    where = Setting(Architecture(2, layers, 1))
    # 3 + 3 hyperplanes in the plane, then 6 on a line
    assert int(evaluate_in(STATEMENTS["serra2018_maxout"], where)) == 22 * 7


SKIPPING = Setting(Architecture(2, Architecture.of("2-3-3-1").layers, 1, sequential=False))
SHARED = Setting(Architecture(1, (Layer(((2, 3),), "relu", True, dense=False),) * 2, 1))


@pytest.mark.parametrize(
    ("name", "where", "message"),
    [
        ("serra2018", SKIPPING, "expected layers that read the layer before alone, found skip connections"),
        ("serra2018", Setting(Architecture.of("2-3-1", activation="leaky_relu")), "found leaky_relu in layer 1"),
        ("serra2018_ranks", Setting(Architecture.of("2-3-1")), "expected the ranks of the weights"),
        ("serra2018_one_input", Setting(Architecture.of("2-3-1")), "expected one input, found 2"),
        ("serra2018_one_input", Setting(Architecture.of("1-3-2-3-1")), "found 2 in layer 2"),
        ("serra2018_one_input", SHARED, "every weight free"),
        ("serra2018_lower", Setting(Architecture.of("2-2-3-1")), "found 2 in layer 1"),
        ("serra2018_lower", Setting(Architecture.of("2-1")), "expected a hidden layer, found none"),
        ("serra2018_lower", Setting(Architecture.of("2-3-3-1", biased=False)), "expected biases"),
        ("serra2018_zonotope", Setting(Architecture.of("2-4-2-2-1")), "found 2-4-2-2-1"),
        ("serra2018_zonotope", Setting(Architecture.of("2-1-3-1")), "found 2-1-3-1"),
        ("serra2018_maxout", Setting(Architecture.of("2-3-1")), "expected maxout units, found relu"),
    ],
)
def test_conditions_are_named(name: str, where: Setting, message: str) -> None:
    with pytest.raises(NotApplicableError) as caught:
        evaluate_in(STATEMENTS[name], where)
    assert str(caught.value).startswith(f"{name}: expected ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: serra2018.upper(2, [3, 0]), InvalidOptionError, r"widths\[1\]"),
        (lambda: serra2018.upper(-1, [3]), InvalidOptionError, "input_dimension"),
        (lambda: serra2018.upper(2, [3], [-1]), InvalidOptionError, "ranks"),
        (lambda: serra2018.exact_one_input([3, 2, 3]), NotApplicableError, "found 2 in layer 2"),
        (lambda: serra2018.lower(2, [2, 3]), NotApplicableError, "found 2-3"),
        (lambda: serra2018.lower(2, []), NotApplicableError, "no hidden layer"),
        (lambda: serra2018.zonotope_lower(2, 2, 2, 3), NotApplicableError, "found 2"),
        (lambda: serra2018.zonotope_lower(2, 0, 3, 2), InvalidOptionError, "half_width"),
        (lambda: serra2018.maxout_upper(2, [3], 0), InvalidOptionError, "rank"),
        (lambda: serra2018.upper(2, [3], [1, 1]), InvalidOptionError, "ranks"),
    ],
)
def test_what_formulas_refuse(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
