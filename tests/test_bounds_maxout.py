"""Bounds for maxout units and others of several convex pieces: tables, subsets one by one, and counted networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise, product
from math import comb, prod

import pytest
import torch

import vitrail
from vitrail.bounds import Architecture, Constants, Setting, goujon2024, montufar2022, tseran2021
from vitrail.bounds.architecture import Layer
from vitrail.bounds.registry import evaluate_in
from vitrail.bounds.serra2018 import maxout_upper
from vitrail.bounds.statement import Statement
from vitrail.errors import InvalidOptionError, NotApplicableError

STATEMENTS: dict[str, Statement] = {
    statement.name: statement
    for module in (montufar2022, goujon2024, tseran2021)
    for statement in module.STATEMENTS  # type: ignore[attr-defined]
}


def symmetric(values: Sequence[int], degree: int) -> int:
    """The elementary symmetric polynomial, subset by subset."""
    return sum(prod(chosen) for chosen in combinations(values, degree))


def mixed(*layers: Sequence[int], inputs: int = 2, biased: bool = True, maximum: bool = True) -> Setting:
    """A network of units with the given ranks, one sequence per layer."""
    found = []
    for ranks in layers:
        pieces = tuple((rank, list(ranks).count(rank)) for rank in sorted(set(ranks)))
        found.append(Layer(pieces, "maxout" if maximum else "hardtanh", False, biased=biased, maximum=maximum))
    return Setting(Architecture(inputs, tuple(found), 1, homogeneous=not biased))


def value(name: str, where: Setting) -> int:
    found = evaluate_in(STATEMENTS[name], where).value
    assert isinstance(found, int)
    return found


class Maxout(torch.nn.Module):
    """Layers of maxout units of one rank; the weights are normal, or those that `fill` writes."""

    def __init__(self, widths: Sequence[int], rank: int, *, bias: bool = True, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.rank = rank
        self.maps = torch.nn.ModuleList(torch.nn.Linear(a, b * rank, bias=bias).double() for a, b in pairwise(widths))
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for one in self.maps:
            x = one(x).unflatten(1, (-1, self.rank)).amax(2)
        return x

    def count(self) -> int:
        inputs = self.maps[0].in_features
        net = vitrail.Network.from_torch(self.eval(), torch.zeros(1, inputs).double())
        found = vitrail.count_regions(net, vitrail.Space(inputs))
        assert found.kind.value == "exact"
        return int(found)


def convex_unit(slope: float, breakpoints: Sequence[float]) -> list[tuple[float, float]]:
    """Slopes and intercepts of a convex function of one variable: its slope rises by 2 at each breakpoint."""
    found = [(slope, 0.0)]
    for point in breakpoints:
        last_slope, last = found[-1]
        found.append((last_slope + 2, last - 2 * point))
    return found


# ---- one layer -----------------------------------------------------------------------------------------------------

EXACT = [
    *((2, [3, 3], 9), (1, [4, 4], 7), (2, [2, 3, 5], 22), (3, [3, 3, 3, 3], 65), (2, [3, 3, 3], 19), (2, [4, 4], 16)),
    *((0, [3, 3], 1), (2, [], 1), (2, [1, 1], 1)),
]
CENTRAL = [
    *((2, [4, 4, 4], 12), (3, [3, 3, 3], 20), (3, [3, 3, 3, 3], 36), (3, [4, 4], 16), (3, [2, 2, 2, 2], 14)),
    *((0, [3], 1), (1, [3, 3], 2), (2, [], 1), (2, [1, 5], 5)),
]


@pytest.mark.parametrize(("inputs", "ranks", "expected"), EXACT)
def test_one_layer_has_the_known_maxima(inputs: int, ranks: list[int], expected: int) -> None:
    assert montufar2022.exact(inputs, ranks) == expected
    assert goujon2024.beta(ranks, inputs) == expected
    if inputs and ranks:
        assert value("montufar2022", mixed(ranks, inputs=inputs)) == expected


@pytest.mark.parametrize(("inputs", "ranks", "expected"), CENTRAL)
def test_one_layer_without_biases_has_the_known_maxima(inputs: int, ranks: list[int], expected: int) -> None:
    assert montufar2022.central_exact(inputs, ranks) == expected
    if inputs and ranks:
        assert value("montufar2022_central", mixed(ranks, inputs=inputs, biased=False)) == expected


def test_beta_has_the_known_values() -> None:
    assert [goujon2024.beta(*case) for case in (([2, 4, 3], 2), ([3] * 5, 3), ([5, 5], 1))] == [18, 131, 9]


def test_sums_over_subsets() -> None:
    for inputs in range(5):
        for ranks in product((1, 2, 3, 5), repeat=4):
            upper = sum(symmetric([rank - 1 for rank in ranks], j) for j in range(inputs + 1))
            assert montufar2022.exact(inputs, ranks) == upper
            if inputs and 1 not in ranks:
                shift, m = 2 * (inputs % 2), 4
                terms = (
                    (-1) ** (inputs - 1 - j)
                    * comb(m - 1 - j, inputs - 1 - j)
                    * sum(prod(chosen) - shift for chosen in combinations(ranks, j))
                    for j in range(1, inputs)
                )
                assert montufar2022.central_exact(inputs, ranks) == (prod(ranks) if m < inputs else shift + sum(terms))


def test_rank_two_is_an_arrangement_of_hyperplanes() -> None:
    for inputs, units in product(range(1, 6), range(1, 8)):
        assert montufar2022.exact(inputs, [2] * units) == sum(comb(units, j) for j in range(inputs + 1))
        assert montufar2022.central_exact(inputs, [2] * units) == 2 * sum(comb(units - 1, j) for j in range(inputs))


def test_symmetric_polynomials() -> None:
    for values in ([], [3], [2, 2, 2], [1, 4, 4, 2]):
        families = {number: values.count(number) for number in values}
        found = montufar2022.symmetric_of_families(families, 5)
        assert found == [symmetric(values, j) for j in range(6)]


@pytest.mark.parametrize(("inputs", "ranks"), [(1, [4, 4]), (2, [3, 3]), (2, [3, 3, 3]), (3, [3, 3, 3]), (2, [4, 4])])
def test_convex_functions_of_one_direction_each_attain_the_maximum(inputs: int, ranks: list[int]) -> None:
    net = Maxout((inputs, len(ranks)), ranks[0])
    directions = torch.tensor([[3.0, 1.0, 2.0], [-1.0, 4.0, 1.0], [1.0, 2.0, -5.0]])[:, :inputs].double()
    with torch.no_grad():
        for unit, rank in enumerate(ranks):
            for place, (slope, shift) in enumerate(convex_unit(0.0, [7.0 * j + unit**2 / 4 for j in range(1, rank)])):
                net.maps[0].weight[unit * rank + place] = slope * directions[unit]
                net.maps[0].bias[unit * rank + place] = shift
    assert net.count() == montufar2022.exact(inputs, ranks)


@pytest.mark.parametrize(
    ("inputs", "units", "rank", "bias"),
    [(1, 2, 3, True), (2, 3, 3, True), (3, 2, 3, True), (2, 3, 2, True), (3, 3, 3, False), (2, 3, 3, False)],
)
def test_random_layers_never_have_more(inputs: int, units: int, rank: int, bias: bool) -> None:
    most = (montufar2022.exact if bias else montufar2022.central_exact)(inputs, [rank] * units)
    counts = [Maxout((inputs, units), rank, bias=bias, seed=seed).count() for seed in range(6)]
    assert max(counts) <= most
    if rank == 2 or (inputs == 2 and not bias):
        assert counts == [most] * 6


# ---- several layers ------------------------------------------------------------------------------------------------


def test_deep_bounds_have_the_known_values() -> None:
    cases = [((2, [2, 2], 3), 81), ((2, [2, 1], 3), 27), ((3, [4, 4, 4], 2), 3375), ((2, [], 3), 1)]
    for arguments, expected in cases:
        assert montufar2022.upper(*arguments) == goujon2024.upper(*arguments) == expected
    assert montufar2022.lower(1, [2, 2], 3) == montufar2022.upper(1, [2, 2], 3) == 25
    assert montufar2022.lower(2, [4, 4, 4], 2) == 729
    assert goujon2024.upper(2, [4, 4], 3) == 1089
    assert goujon2024.upper(2, [3, 5], 2) == 112


def test_statements_agree_with_the_functions() -> None:
    for inputs, widths, rank in product((1, 2, 4), ((3,), (2, 4), (4, 3, 2), (6, 6)), (2, 3, 5)):
        where = Setting(Architecture.of([inputs, *widths, 1], activation="maxout", rank=rank))
        assert value("montufar2022_upper", where) == montufar2022.upper(inputs, widths, rank)
        assert value("goujon2024", where) == goujon2024.upper(inputs, widths, rank)
        assert value("montufar2022_lower", where) == montufar2022.lower(inputs, widths, rank)
    tanh = Setting(Architecture.of("2-4-4-1", activation="hardtanh"))
    assert value("goujon2024", tanh) == 1089


def test_layers_of_mixed_ranks() -> None:
    where = mixed([2, 3, 5, 1], [3, 3, 2], inputs=3)
    layers = [([1, 2, 4, 0], 3), ([2, 2, 1], 3)]
    expected = prod(sum(symmetric(extra, j) for j in range(room + 1)) for extra, room in layers)
    assert value("montufar2022_upper", where) == value("goujon2024", where) == expected
    narrow = mixed([2, 3], [3, 3, 2], inputs=3)
    by_hand = (1 + 3 + 2) * (1 + 5 + symmetric([2, 2, 1], 2))
    assert value("montufar2022_upper", narrow) == by_hand
    low = value("montufar2022_lower", mixed([2, 3], [3, 3, 3], inputs=2))
    assert low == montufar2022.lower(2, [2], 2) * montufar2022.lower(2, [3], 3) == 3 * 5


def test_orderings() -> None:
    for inputs, rank, depth in product(range(1, 5), (2, 3), (1, 2, 3)):
        for widths in product(range(1, 5), repeat=depth):
            upper = montufar2022.upper(inputs, widths, rank)
            assert upper <= maxout_upper(inputs, widths, rank)
            assert upper <= rank ** sum(widths)
            if min(widths) >= 2:
                assert montufar2022.lower(inputs, widths, rank) <= upper
            central = montufar2022.central_exact(inputs, [rank] * widths[0])
            assert central <= montufar2022.exact(inputs, [rank] * widths[0])


@pytest.mark.parametrize(("inputs", "units", "rank"), [(1, 2, 3), (1, 4, 2), (2, 4, 2)])
def test_folds_attain_the_lower_bound(inputs: int, units: int, rank: int) -> None:
    """Units of one coordinate zigzag over integer points: convex ones turn up, subtracted ones turn down."""
    each = units // inputs
    pieces = each * (rank - 1) + 1
    turns = [list(range(1 + parity, pieces, 2)) for parity in (0, 1)]
    net = Maxout((inputs, units, units), rank)
    candidates = []
    for unit in range(each):
        start = (unit // 2) * (rank - 1)
        candidates.append(convex_unit(-1.0 if unit == 0 else 0.0, turns[unit % 2][start : start + rank - 1]))
    signs = [1.0 if unit % 2 == 0 else -1.0 for unit in range(each)]
    at_zero = sum(sign * max(shift for _, shift in unit) for sign, unit in zip(signs, candidates, strict=True))
    with torch.no_grad():
        for layer in net.maps:
            layer.weight.zero_()
            layer.bias.zero_()
        for coordinate, unit, place in product(range(inputs), range(each), range(rank)):
            slope, shift = candidates[unit][place]
            row = (coordinate * each + unit) * rank + place
            net.maps[0].weight[row, coordinate] = slope
            net.maps[0].bias[row] = shift
            for other, sign in enumerate(signs):
                net.maps[1].weight[row, coordinate * each + other] = slope * pieces * sign
            net.maps[1].bias[row] = slope * pieces * (1 - at_zero) + shift
    assert montufar2022.lower(inputs, [units, units], rank) == pieces ** (2 * inputs)
    assert pieces ** (2 * inputs) <= net.count() <= montufar2022.upper(inputs, [units, units], rank)


@pytest.mark.parametrize(("widths", "rank"), [((2, 2, 2), 3), ((2, 3, 2), 2), ((1, 2, 2), 3)])
def test_random_networks_never_have_more(widths: tuple[int, ...], rank: int) -> None:
    most = montufar2022.upper(widths[0], widths[1:], rank)
    assert 1 < max(Maxout(widths, rank, seed=seed).count() for seed in range(4)) <= most


# ---- expectations --------------------------------------------------------------------------------------------------


def test_expected_numbers_have_the_known_values() -> None:
    assert float(tseran2021.expected_upper(2, 12, 3, 1.0, 1.0, 1.0)) == 9953280.0
    assert float(tseran2021.expected_upper(3, 10, 4, 1.0, 1.0, 0.5)) == 40370176000.0
    assert [tseran2021.growth(2, 20, 2), tseran2021.growth(2, 20)] == [800, 200]
    assert [tseran2021.boundary_growth(2, 20, 2), tseran2021.boundary_growth(2, 20)] == [40, 20]
    assert tseran2021.expected_upper(3, 2, 4, 1.0, 1.0, 1.0) == 16
    assert tseran2021.boundary_upper(2, 20, 2, 1.0, 1.0, 1.0) == 16**2 * 2 * 40


def test_the_expectation_grows_with_the_volume_and_holds_for_large_cubes_alone() -> None:
    one, two = (tseran2021.expected_upper(2, 12, 3, side, 1.0, 1.0) for side in (1.0, 2.0))
    assert two == 4 * one
    with pytest.raises(NotApplicableError, match=r"expected a side of at least 0.5 = .*, found 0.4"):
        tseran2021.expected_upper(2, 12, 3, 0.4, 1.0, 1.0)
    with pytest.raises(NotApplicableError, match="found 1 for 2"):
        tseran2021.boundary_upper(2, 1, 3, 1.0, 1.0, 1.0)


def random_setting(
    lengths: tuple[float, ...] | None = (1.0, 1.0), moment: int = 2, rank: int = 3, constants: bool = True
) -> Setting:
    architecture = Architecture.of("2-6-6-1", activation="maxout", rank=rank)
    return Setting(architecture, lengths=lengths, constants=Constants(1.0, 1.0, moment) if constants else None)


def test_the_statement_of_the_expectation() -> None:
    found = evaluate_in(STATEMENTS["tseran2021"], random_setting())
    assert found.value == tseran2021.expected_upper(2, 12, 3, 1.0, 1.0, 1.0)


CONDITIONS: list[tuple[str, Setting, str]] = [
    ("tseran2021", random_setting(None), "a box or a segment as domain"),
    ("tseran2021", random_setting((1.0, 2.0)), "a cube as domain, found sides from 1.0 to 2.0"),
    ("tseran2021", random_setting((1.0,)), "a side length for every input, found 1 for 2 inputs"),
    ("tseran2021", random_setting((0.25, 0.25)), r"at least 1 / \(2 C_grad C_bias\), found 0.25"),
    ("tseran2021", random_setting(moment=1), "found moment 1 for 2 inputs"),
    ("tseran2021", random_setting(constants=False), "the constants of a distribution"),
    ("tseran2021", mixed([2, 3]), "expected units of one rank of at least 2, found ranks 2, 3"),
    ("tseran2021", Setting(Architecture.of("2-6-1")), "expected maxout units, found relu in layer 1"),
    ("montufar2022", Setting(Architecture.of("2-6-1")), "expected maxout units, found relu in layer 1"),
    ("montufar2022", mixed([3, 3], [3]), "expected one hidden layer, found 2"),
    ("montufar2022", mixed([3, 3], biased=False), "expected biases in every layer"),
    ("montufar2022_central", mixed([3, 3]), "expected a network without biases, found biases"),
    ("montufar2022_central", mixed([3, 3], maximum=False, biased=False), "expected maxout units, found hardtanh"),
    ("montufar2022_upper", Setting(Architecture.of("2-6-1", activation="abs")), "found abs in layer 1"),
    ("montufar2022_lower", mixed([3, 3], [3]), "found 1 such units in layer 2"),
    ("montufar2022_lower", mixed([3, 3, 1]), "all of rank 2 or more, found 2 such units in layer 1"),
    ("montufar2022_lower", Setting(Architecture.of("2-1")), "expected a hidden layer"),
    ("montufar2022_lower", mixed([3, 3], biased=False), "expected biases in every layer"),
    ("goujon2024", Setting(Architecture(2, (), 1, sequential=False)), "layers that read the layer before alone"),
]


@pytest.mark.parametrize(("name", "where", "message"), CONDITIONS)
def test_conditions(name: str, where: Setting, message: str) -> None:
    with pytest.raises(NotApplicableError, match=message):
        evaluate_in(STATEMENTS[name], where)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: montufar2022.exact(2, [3, 0]), r"ranks\[1\]: expected an integer of at least 1, found 0"),
        (lambda: montufar2022.exact(-1, [3]), "input_dimension: expected an integer of at least 0, found -1"),
        (lambda: montufar2022.exact(2, [True]), r"ranks\[0\]: .* found True"),
        (lambda: montufar2022.central_exact(2, [2.5]), r"ranks\[0\]: .* found 2.5"),  # type: ignore[list-item]
        (lambda: montufar2022.upper(2, [0], 3), r"widths\[0\]: expected an integer of at least 1"),
        (lambda: montufar2022.upper(2, [2], 0), "rank: expected an integer of at least 1, found 0"),
        (lambda: goujon2024.beta([0], 2), r"cells\[0\]"),
        (lambda: goujon2024.upper(2, [2], 0), "pieces: expected an integer of at least 1, found 0"),
        (lambda: tseran2021.growth(2, 3, 1), "rank: expected an integer of at least 2, found 1"),
        (lambda: tseran2021.expected_upper(0, 3, 2, 1.0, 1.0, 1.0), "input_dimension"),
        (lambda: tseran2021.expected_upper(2, 3, 2, float("nan"), 1.0, 1.0), "side: expected a finite number above 0"),
        (lambda: tseran2021.expected_upper(2, 3, 2, 1.0, 0.0, 1.0), "gradient: expected a finite number above 0"),
    ],
)
def test_wrong_numbers_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        call()


def test_the_lower_bound_says_where_it_holds() -> None:
    for arguments in ((0, [2], 3), (2, [], 3), (2, [2, 1], 3), (2, [2, 2], 1)):
        with pytest.raises(NotApplicableError, match="2 units or more in every layer and rank 2 or more, found"):
            montufar2022.lower(*arguments)
