"""Networks that attain the bounds: their regions counted exactly, in all definitions, against formulas written here."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vitrail
from vitrail.constructions import (
    AbsoluteValue,
    Maxout,
    SkipConnection,
    absolute_value_network,
    folded_zigzag_network,
    folding_network,
    general_position_network,
    maxout_zigzag_network,
    sawtooth_network,
    skip_connection_network,
    zigzag_network,
    zonotope_network,
)
from vitrail.errors import InvalidOptionError, ResourceLimitError

# ---- what is expected: formulas of this file's own ------------------------------------------------------------------


def cap(hyperplanes: int, dimension: int) -> int:
    """Cells of a generic arrangement, by deletion and restriction."""
    if hyperplanes == 0 or dimension == 0:
        return 1
    return cap(hyperplanes - 1, dimension) + cap(hyperplanes - 1, dimension - 1)


def cones(hyperplanes: int, dimension: int) -> int:
    """Cells of a generic arrangement through the origin, by deletion and restriction."""
    if dimension == 1:
        return 2
    if hyperplanes == 1:
        return 2
    return cones(hyperplanes - 1, dimension) + cones(hyperplanes - 1, dimension - 1)


def folded(dimension: int, widths: Sequence[int], more: int) -> int:
    """Copies of the last layer's cells: slabs per coordinate and layer are the units per coordinate and `more`."""
    total = cap(widths[-1], dimension)
    for width in widths[:-1]:
        for _ in range(dimension):
            total *= width // dimension + more
    return total


def serra(dimension: int, widths: Sequence[int]) -> int:
    """The upper bound of Serra et al. (2018) as their sum over dimension tuples."""
    total = 0
    for chosen in itertools.product(*(range(min(width, dimension) + 1) for width in widths)):
        left = [width - j for width, j in zip(widths, chosen, strict=True)]
        if all(j <= min([dimension, *left[:place]]) for place, j in enumerate(chosen)):
            total += math.prod(math.comb(width, j) for width, j in zip(widths, chosen, strict=True))
    return total


def imported(model: torch.nn.Module, dimension: int) -> vitrail.Network:
    return vitrail.Network.from_torch(model, torch.zeros(1, dimension, dtype=torch.float64))


def counts(model: torch.nn.Module, dimension: int, domain: vitrail.domains.Domain) -> tuple[int, int, int]:
    """Activation regions, linear regions and affine maps, all of them proven."""
    regions = vitrail.enumerate_regions(imported(model, dimension), domain)
    found = [regions.count(definition) for definition in ("activation", "linear", "affine")]
    assert all(count.status.proven and count.lower == count.upper == count.value for count in found)
    return found[0].value, found[1].value, found[2].value


def number(model: torch.nn.Module, dimension: int, domain: vitrail.domains.Domain) -> int:
    """Activation regions alone, proven."""
    count = vitrail.count_regions(imported(model, dimension), domain)
    assert count.status.proven
    return count.value


def cube(dimension: int) -> vitrail.Box:
    return vitrail.Box([0.0] * dimension, [1.0] * dimension)


def segment() -> vitrail.Segment:
    return vitrail.Segment([0.0], [1.0])


def linears(model: torch.nn.Module) -> list[torch.nn.Linear]:
    return [module for module in model.modules() if isinstance(module, torch.nn.Linear)]


def test_formulas() -> None:
    assert [cap(3, 2), cap(5, 3), cap(10, 4)] == [7, 26, 386]
    assert [cones(3, 2), cones(5, 3), cones(10, 4)] == [6, 22, 260]
    assert [serra(2, [2, 2]), serra(2, [3, 3]), serra(3, [5, 4, 3]), serra(1, [3, 3])] == [11, 40, 2338, 16]


# ---- general position -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dimension", "width"), [(1, 1), (1, 7), (2, 1), (2, 2), (2, 6), (3, 2), (3, 5), (3, 6), (4, 3), (4, 5), (5, 2)]
)
def test_general_position(dimension: int, width: int) -> None:
    expected = cap(width, dimension)
    assert counts(general_position_network(dimension, width), dimension, vitrail.Space(dimension)) == (expected,) * 3
    inside = general_position_network(dimension, width, in_unit_cube=True)
    assert number(inside, dimension, vitrail.Space(dimension)) == expected
    if dimension > 1:
        assert counts(inside, dimension, cube(dimension)) == (expected,) * 3


def exact_vertices(rows: list[list[Fraction]], dimension: int) -> list[tuple[tuple[int, ...], list[Fraction]]]:
    """The points where hyperplanes (normal, offset) meet, d at a time, by Cramer's rule over the rationals."""

    def determinant(matrix: list[list[Fraction]]) -> Fraction:
        if len(matrix) == 1:
            return matrix[0][0]
        minors = ([[*row[:j], *row[j + 1 :]] for row in matrix[1:]] for j in range(len(matrix)))
        return sum(((-1) ** j * matrix[0][j] * determinant(minor) for j, minor in enumerate(minors)), Fraction(0))

    found = []
    for chosen in itertools.combinations(range(len(rows)), dimension):
        matrix = [rows[i][:-1] for i in chosen]
        whole = determinant(matrix)
        assert whole != 0, f"hyperplanes {chosen} do not meet in one point"
        replaced = ([[*rows[i][:j], -rows[i][-1], *rows[i][j + 1 : -1]] for i in chosen] for j in range(dimension))
        found.append((chosen, [determinant(part) / whole for part in replaced]))
    return found


def degenerate(model: torch.nn.Module, dimension: int, bounded: bool) -> bool:
    """Whether some vertex lies on a further hyperplane, or, if asked, outside the open cube."""
    layer = linears(model)[0]
    stacked = torch.cat([layer.weight, layer.bias[:, None]], dim=1)
    rows = [[Fraction(value) for value in row] for row in stacked.tolist()]
    for chosen, point in exact_vertices(rows, dimension):
        if bounded and not all(0 < value < 1 for value in point):
            return True
        for i in set(range(len(rows))) - set(chosen):
            if sum(a * x for a, x in zip(rows[i], [*point, Fraction(1)], strict=True)) == 0:
                return True
    return False


@pytest.mark.parametrize(("dimension", "width"), [(1, 12), (2, 12), (3, 8), (4, 6), (5, 6)])
@pytest.mark.parametrize("inside", [False, True])
def test_general_position_is_exact(dimension: int, width: int, inside: bool) -> None:
    model = general_position_network(dimension, width, in_unit_cube=inside)
    assert not degenerate(model, dimension, inside)


def test_degenerate_check_sees() -> None:
    model = general_position_network(2, 4, in_unit_cube=True)
    with torch.no_grad():  # the third line through the meeting point of the first two
        layer = linears(model)[0]
        layer.weight[2], layer.bias[2] = layer.weight[0] + layer.weight[1], layer.bias[0] + layer.bias[1]
    assert degenerate(model, 2, False)
    assert number(model, 2, vitrail.Space(2)) == cap(4, 2) - 1
    assert degenerate(general_position_network(2, 4), 2, True)


# ---- folding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("widths", "expected", "merged"),
    [
        ([4, 4], 44, 41),
        ([4, 5], 64, 61),
        ([6, 6], 198, 190),
        ([4, 4, 4], 176, 161),
        ([4, 4, 6], 352, 337),
        ([8, 8], 592, 577),
        ([16, 4], 704, 641),  # with scales that are powers of two the maps of some copies coincide
    ],
)
def test_folding_in_the_square(widths: list[int], expected: int, merged: int) -> None:
    assert expected == folded(2, widths, 0)
    assert counts(folding_network(2, widths), 2, cube(2)) == (expected,) * 3
    activation, linear, affine = counts(folding_network(2, widths, distinct=False), 2, cube(2))
    assert (activation, affine) == (expected, merged)
    assert affine <= linear <= expected


@pytest.mark.parametrize(
    ("widths", "expected", "on_the_line"),
    [([2, 2], 6, 7), ([3, 3, 3], 36, 37), ([2, 2, 2, 2, 2], 48, 50), ([5, 5, 5, 5], 750, 751), ([4, 4, 4], 80, 82)],
)
def test_folding_on_the_line(widths: list[int], expected: int, on_the_line: int) -> None:
    model = folding_network(1, widths)
    assert expected == folded(1, widths, 0)
    assert counts(model, 1, segment()) == (expected,) * 3
    assert number(model, 1, vitrail.Space(1)) == on_the_line


@pytest.mark.parametrize("widths", [[5], [3, 4], [6, 4], [7, 4], [6, 2], [6, 6, 1]])
def test_folding_in_three_dimensions(widths: list[int]) -> None:
    expected = folded(3, widths, 0)
    activation, linear, affine = counts(folding_network(3, widths), 3, cube(3))
    assert activation == expected
    if widths[-1] > 3:
        assert (linear, affine) == (expected, expected)
    else:
        assert affine < expected


def test_folding_in_four_dimensions() -> None:
    assert number(folding_network(4, [8, 2]), 4, cube(4)) == folded(4, [8, 2], 0) == 64


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.booleans())
def test_folding_of_any_widths(widths: list[int], distinct: bool) -> None:
    found = counts(folding_network(1, widths, distinct=distinct), 1, segment())
    copies = folded(1, [*widths[:-1], 0], 0)
    expected = copies * (widths[-1] + 1)
    assert found[0] == expected
    if distinct and widths[-1] > 1:
        assert found == (expected,) * 3
    else:
        assert found[2] == expected - (copies - 1)


# ---- zigzags --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("widths", "expected"), [([3, 3], 16), ([4, 5, 3], 120), ([3, 3, 3], 64), ([6], 7)])
def test_zigzag(widths: list[int], expected: int) -> None:
    assert expected == folded(1, widths, 1) == math.prod(width + 1 for width in widths) == serra(1, widths)
    assert counts(zigzag_network(widths), 1, vitrail.Space(1)) == (expected,) * 3
    assert counts(zigzag_network(widths), 1, segment()) == (expected,) * 3


@pytest.mark.parametrize(("widths", "expected"), [([3, 3], (16, 14, 13)), ([4, 5, 3], (120, 105, 91))])
def test_zigzag_whose_last_units_face_the_same_way(widths: list[int], expected: tuple[int, int, int]) -> None:
    assert counts(zigzag_network(widths, distinct=False), 1, vitrail.Space(1)) == expected


def test_zigzag_with_one_last_unit() -> None:
    activation, linear, _ = counts(zigzag_network([3, 1]), 1, vitrail.Space(1))
    assert activation == 8
    assert linear < 8


@pytest.mark.parametrize(("widths", "expected"), [([6, 4], 176), ([6, 6], 352), ([7, 6], 352)])
def test_folded_zigzag_in_the_plane(widths: list[int], expected: int) -> None:
    assert expected == folded(2, widths, 1) <= serra(2, widths)
    assert counts(folded_zigzag_network(2, widths), 2, vitrail.Space(2)) == (expected,) * 3
    assert counts(folded_zigzag_network(2, widths), 2, cube(2)) == (expected,) * 3


@pytest.mark.parametrize(("widths", "expected"), [([6, 2], 64), ([6, 6, 2], 1024)])
def test_folded_zigzag_with_a_narrow_last_layer(widths: list[int], expected: int) -> None:
    assert expected == folded(2, widths, 1)
    assert number(folded_zigzag_network(2, widths), 2, vitrail.Space(2)) == expected
    activation, linear, affine = counts(folded_zigzag_network(2, widths), 2, cube(2))
    assert activation == expected
    assert affine <= linear < expected


def test_folded_zigzag_through_two_folds_in_the_plane() -> None:
    assert counts(folded_zigzag_network(2, [6, 6, 3]), 2, cube(2)) == (folded(2, [6, 6, 3], 1),) * 3


def test_folded_zigzag_in_three_dimensions() -> None:
    assert number(folded_zigzag_network(3, [9, 2]), 3, vitrail.Space(3)) == folded(3, [9, 2], 1) == 256
    assert counts(folded_zigzag_network(3, [9, 4]), 3, cube(3)) == (folded(3, [9, 4], 1),) * 3


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 10])
def test_sawtooth(depth: int) -> None:
    model = sawtooth_network(depth)
    assert counts(model, 1, segment()) == (2**depth,) * 3
    assert counts(model, 1, vitrail.Space(1)) == (2**depth + 2, 2**depth + 2, 2**depth + 1)


def test_sawtooth_is_the_composed_hat() -> None:
    points = torch.linspace(-1, 2, 3 * 64 + 1, dtype=torch.float64)
    expected = points.clamp(0, 1)
    for _ in range(4):
        expected = 1 - (2 * expected - 1).abs()
    assert torch.equal(sawtooth_network(4)(points[:, None]).flatten(), expected)


# ---- zonotopes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("half_width", "width", "layers", "expected"),
    [(2, 3, 2, 16), (3, 3, 2, 24), (2, 3, 3, 64), (3, 4, 2, 30), (4, 3, 3, 128), (1, 2, 2, 6)],
)
def test_zonotope(half_width: int, width: int, layers: int, expected: int) -> None:
    assert expected == cones(half_width, 2) * (width + 1) ** (layers - 1)
    model = zonotope_network(2, half_width, width, layers)
    assert counts(model, 2, vitrail.Space(2))[:2] == (expected, expected)
    plain = counts(zonotope_network(2, half_width, width, layers, distinct=False), 2, vitrail.Space(2))
    assert plain[0] == expected > plain[1]


@pytest.mark.parametrize(("dimension", "half_width"), [(1, 1), (1, 3), (3, 2), (3, 4), (4, 4)])
def test_zonotope_of_other_dimensions(dimension: int, half_width: int) -> None:
    model = zonotope_network(dimension, half_width, 2, 2)
    found = counts(model, dimension, vitrail.Space(dimension))
    assert found[:2] == (cones(half_width, dimension) * 3,) * 2


# ---- maxout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("widths", "rank"),
    [([2, 2], 3), ([4, 3], 2), ([1, 1, 1], 2), ([3, 5, 2], 2), ([2, 4, 1], 4), ([4, 2, 3], 3), ([3], 5), ([2, 2], 5)],
)
def test_maxout_zigzag(widths: list[int], rank: int) -> None:
    expected = math.prod(width * (rank - 1) + 1 for width in widths)
    model = maxout_zigzag_network(widths, rank)
    assert counts(model, 1, vitrail.Space(1)) == (expected,) * 3
    assert counts(model, 1, segment()) == (expected,) * 3


# ---- beyond ReLU ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dimension", "layers"), [(1, 1), (1, 2), (1, 6), (2, 1), (2, 2), (2, 3), (3, 2)])
def test_absolute_values(dimension: int, layers: int) -> None:
    expected = 2 ** (dimension * layers)
    model = absolute_value_network(dimension, layers)
    assert counts(model, dimension, vitrail.Space(dimension)) == (expected,) * 3
    if layers > 1:
        assert expected > serra(dimension, [dimension] * layers)


def test_absolute_value_defaults() -> None:
    assert number(absolute_value_network(), 2, vitrail.Space(2)) == 16
    assert serra(2, [2, 2]) == 11


def test_skip_connection() -> None:
    assert counts(skip_connection_network(), 2, vitrail.Space(2)) == (8, 8, 7)
    assert serra(2, [1, 2]) == 4
    # without the connection, the second layer sees one number
    model = skip_connection_network()
    with torch.no_grad():
        linears(model)[1].weight[:, 1:] = 0
    assert number(model, 2, vitrail.Space(2)) <= 4


# ---- wrong networks -------------------------------------------------------------------------------------------------


def _parallel(model: torch.nn.Module) -> None:
    """The last two units become one."""
    layer = linears(model)[-2]
    layer.weight[-1], layer.bias[-1] = layer.weight[-2], layer.bias[-2]


def _unfold(model: torch.nn.Module) -> None:
    """The first layer no longer folds."""
    layer = linears(model)[0]
    layer.weight.zero_()
    layer.weight[0, 0] = 1.0


def _dead(model: torch.nn.Module) -> None:
    """The first layer is off everywhere in the cube."""
    linears(model)[0].bias[:] -= 1000.0


@pytest.mark.parametrize("break_it", [_parallel, _unfold, _dead])
@pytest.mark.parametrize(
    ("make", "dimension"),
    [
        (lambda: folding_network(2, [4, 4]), 2),
        (lambda: folded_zigzag_network(2, [6, 3]), 2),
        (lambda: zigzag_network([3, 3]), 1),
        (lambda: folding_network(1, [2, 3]), 1),
    ],
)
def test_counts_see_a_wrong_network(
    make: Callable[[], torch.nn.Module], dimension: int, break_it: Callable[[torch.nn.Module], None]
) -> None:
    model = make()
    domain = cube(dimension) if dimension > 1 else segment()
    right, broken = number(model, dimension, domain), copy.deepcopy(model)
    with torch.no_grad():
        break_it(broken)
    assert number(broken, dimension, domain) < right


def test_maxout_zigzag_with_a_wrong_sign() -> None:
    model = maxout_zigzag_network([2, 2], 3)
    with torch.no_grad():
        linears(model)[1].weight.abs_()
    assert number(model, 1, vitrail.Space(1)) < 25


# ---- modules and options --------------------------------------------------------------------------------------------

EVERY = {
    "folding": lambda: folding_network(2, [5, 4]),
    "general position": lambda: general_position_network(3, 5),
    "general position in the cube": lambda: general_position_network(3, 5, in_unit_cube=True),
    "sawtooth": lambda: sawtooth_network(3),
    "zigzag": lambda: zigzag_network([3, 4]),
    "folded zigzag": lambda: folded_zigzag_network(2, [7, 3]),
    "zonotope": lambda: zonotope_network(3, 3, 3, 3),
    "maxout": lambda: maxout_zigzag_network([2, 2], 3),
    "absolute values": absolute_value_network,
    "skip connection": skip_connection_network,
}


@pytest.mark.parametrize("name", EVERY)
def test_modules_are_float64_in_evaluation_mode(name: str) -> None:
    before = torch.get_rng_state()
    torch.manual_seed(1)
    first = EVERY[name]()
    torch.manual_seed(2)
    second = EVERY[name]()
    torch.set_rng_state(before)
    assert isinstance(first, torch.nn.Sequential)
    assert not any(module.training for module in first.modules())
    assert all(parameter.dtype == torch.float64 for parameter in first.parameters())
    states = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in states)
    inputs = linears(first)[0].in_features
    assert first(torch.zeros(4, inputs, dtype=torch.float64)).shape == (4, 1)


def test_spare_units_are_off() -> None:
    layer = linears(folding_network(2, [5, 4]))[0]
    assert layer.weight[-1].tolist() == [0.0, 0.0]
    assert layer.bias[-1].item() < 0


def test_small_modules() -> None:
    values = torch.tensor([[1.0, -3.0, 2.0, 0.0]])
    assert Maxout(2)(values).tolist() == [[1.0, 2.0]]
    assert AbsoluteValue()(values).tolist() == [[1.0, 3.0, 2.0, 0.0]]
    assert SkipConnection(Maxout(4))(values).tolist() == [[2.0, 1.0, -3.0, 2.0, 0.0]]
    assert repr(Maxout(3)) == "Maxout(rank=3)"


def test_integers_and_sequences_of_any_type() -> None:
    reference = folding_network(2, [4, 4]).state_dict()
    for widths in ((4, 4), np.array([4, 4]), [np.int64(4), np.int32(4)], range(4, 6)):
        state = folding_network(np.int64(2), widths).state_dict()  # type: ignore[arg-type]
        assert torch.equal(state["0.weight"], reference["0.weight"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: folding_network(0, [4, 4]),
        lambda: folding_network(2.0, [4, 4]),
        lambda: folding_network(True, [4, 4]),
        lambda: folding_network(2, []),
        lambda: folding_network(2, 4),
        lambda: folding_network(2, "44"),
        lambda: folding_network(2, [4, 0]),
        lambda: folding_network(2, [4, -1]),
        lambda: folding_network(2, [4, math.nan]),
        lambda: folding_network(2, [4, None]),
        lambda: folding_network(2, [1, 4]),
        lambda: folding_network(2, [4, 4], distinct=1),
        lambda: folding_network(40, [80, 80]),
        lambda: general_position_network(2, 0),
        lambda: general_position_network(30, 60),
        lambda: general_position_network(30, 60, in_unit_cube=True),
        lambda: general_position_network(2, 3, in_unit_cube=None),
        lambda: sawtooth_network(0),
        lambda: sawtooth_network(1.5),
        lambda: zigzag_network([2, 3]),
        lambda: folded_zigzag_network(2, [5, 3]),
        lambda: zonotope_network(2, 0, 3, 2),
        lambda: zonotope_network(2, 2, 3, 1),
        lambda: zonotope_network(2, 2, 2, 3),
        lambda: zonotope_network(2, 2, 2, 2, distinct="yes"),
        lambda: maxout_zigzag_network([2, 2], 1),
        lambda: maxout_zigzag_network([3, 2], 3),
        lambda: maxout_zigzag_network([], 3),
        lambda: absolute_value_network(0),
        lambda: absolute_value_network(2, 0),
        lambda: absolute_value_network(1, 2000),
    ],
)
def test_wrong_options(call: Callable[[], object]) -> None:
    with pytest.raises(InvalidOptionError, match=r"expected .*found "):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: folding_network(1, [10**9, 3]),
        lambda: folding_network(1, [3, 10**30]),
        lambda: folding_network(10**6, [1]),
        lambda: general_position_network(1, 10**9),
        lambda: sawtooth_network(10**9),
        lambda: zigzag_network([10**9, 3]),
        lambda: zigzag_network([3] * 10**6),
        lambda: zonotope_network(2, 10**9, 3, 2),
        lambda: zonotope_network(2, 2, 3, 10**9),
        lambda: maxout_zigzag_network([2, 2], 10**9),
        lambda: absolute_value_network(10**6, 1),
        lambda: absolute_value_network(1, 10**9),
    ],
)
def test_networks_that_are_too_large(call: Callable[[], object]) -> None:
    with pytest.raises(ResourceLimitError, match=r"expected at most .*found "):
        call()
