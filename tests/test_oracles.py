"""The oracles are right: three methods agree, theorems hold, and every checker notices something wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import brute, checks, closed_forms, convert, exact, networks, shapes
from oracles import random_networks as random
from oracles.carrying import Cell, Frame
from oracles.neutral import Net, activation, exact_number, forward, mlp

SQUARE = [(-1, -1), (1, -1), (1, 1), (-1, 1)]


def in_square(net: Net) -> exact.Subdivision:
    """The cells of [-1, 1]^2."""
    return exact.box(net, [-1, -1], [1, 1])


def agree(case: random.Case) -> exact.Subdivision:
    """The exact cells, after subdivision, clipping and elimination agreed on patterns and exact geometry."""
    found = case.subdivide()
    assert checks.all_problems(found) == []
    if case.dimension == 1:
        ends = brute.intervals_by_clipping(case.net, -2, 2)
        assert {cell.pattern: tuple(x for (x,) in cell.vertices) for cell in found.cells} == ends
    else:
        areas = brute.areas_by_clipping(case.net, case.corners)
        assert {cell.pattern: cell.shape.measure() for cell in found.cells} == areas
    assert brute.patterns_by_elimination(case.net, case.halfspaces) == found.patterns()
    return found


# Agreement.


@pytest.mark.parametrize("start", range(0, 300, 50))
def test_three_methods_agree_on_random_networks(start: int) -> None:
    degenerate = sum(agree(random.random_case(seed)).is_degenerate for seed in range(start, start + 50))
    assert degenerate >= 15  # at least 30 % of the networks are not generic


@given(random.cases())
def test_three_methods_agree_on_hypothesis_networks(case: random.Case) -> None:
    agree(case)


@given(random.cases(dimensions=(3, 3), units=3), st.integers(0, 2**32 - 1))
def test_planes_and_lines_through_three_inputs(case: random.Case, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(-3, 4, (3, 3))
    origin, first, second = ([Fraction(int(v), 3) for v in row] for row in numbers)
    corners = [(-2, -1), (3, -2), (1, Fraction(5, 3))]
    plane = exact.subdivide(case.net, shapes.polygon(corners_of(corners)), Frame.of(origin, [first, second]))
    assert checks.all_problems(plane) == []
    areas = brute.areas_by_clipping(case.net, corners, (origin, first, second))
    assert {cell.pattern: cell.shape.measure() for cell in plane.cells} == areas

    end = [a + b for a, b in zip(origin, first, strict=True)]
    line = exact.segment(case.net, origin, end)
    assert {c.pattern: tuple(x for (x,) in c.vertices) for c in line.cells} == brute.intervals_by_clipping(
        case.net, 0, 1, (origin, first)
    )


def corners_of(corners: list[Any]) -> list[tuple[Fraction, ...]]:
    """Corners as rationals."""
    return [tuple(Fraction(v) for v in corner) for corner in corners]


def test_random_networks_cover_every_family_and_kind_of_degeneracy() -> None:
    cases = [random.random_case(seed) for seed in range(300)]
    assert set(Counter(case.family for case in cases)) == set(random.FAMILIES)
    found = [case.subdivide() for case in cases]
    assert sum(len(s.cells) >= 6 for s in found) >= 60
    assert any(s.count("linear") < s.count("activation") for s in found)
    assert any(s.count("affine") < s.count("linear") for s in found)


def test_random_cases_are_deterministic() -> None:
    assert random.random_case(5) == random.random_case(5)
    assert random.random_case(5) != random.random_case(6)


@pytest.mark.parametrize("seed", range(20))
def test_line_in_the_plane_crosses_the_cells_of_the_plane(seed: int) -> None:
    case = random.random_case(seed, dimensions=(2, 2))
    plane = case.subdivide()
    a, b = (Fraction(-7, 4), Fraction(-13, 11)), (Fraction(19, 10), Fraction(5, 3))
    line = exact.segment(case.net, a, b)
    crossed = {cell.pattern for cell in plane.cells if strictly_crosses(a, b, cell)}
    # A segment inside a boundary has patterns of its own; this slanted one is in none of these networks' boundaries.
    assert crossed == line.patterns()


def strictly_crosses(a: tuple[Fraction, ...], b: tuple[Fraction, ...], cell: Cell) -> bool:
    """Whether a segment meets the open polygon of a cell in positive length."""
    low, high = Fraction(0), Fraction(1)
    for c, x, y in cell.shape.lines:  # type: ignore[union-attr]
        start, end = c + x * a[0] + y * a[1], c + x * b[0] + y * b[1]
        if start == end:
            if start <= 0:
                return False
        elif end > start:
            low = max(low, start / (start - end))
        else:
            high = min(high, start / (start - end))
    return low < high


# Theorems.


@pytest.mark.parametrize("case", closed_forms.FOLD_CASES, ids=str)
def test_folding_networks(case: closed_forms.FoldCase) -> None:
    size, corner = case.dimension, [1] * case.dimension
    plain = closed_forms.folding_network(size, case.folds, case.layers, case.last, sign_choice=False)
    found = exact.box(plain, [0] * size, corner)
    assert found.count("activation") == case.predicted == case.activation
    signed = exact.box(closed_forms.folding_network(size, case.folds, case.layers, case.last), [0] * size, corner)
    assert [signed.count(name) for name in ("activation", "linear", "affine")] == [case.predicted] * 3
    if case.affine_unsigned is not None:
        assert found.count("affine") == case.affine_unsigned
        assert found.count("affine") == case.predicted - case.folds ** (size * (case.layers - 1)) + 1
    if case.whole is not None:
        assert exact.whole_line(plain, [0], [1]).count("activation") == case.whole


def test_surplus_units_of_a_folding_network_are_dead() -> None:
    narrow, wide = (closed_forms.folding_network(2, 2, 2, 4, width=width) for width in (4, 5))
    assert wide.sizes[1] == 5
    assert exact.box(wide, [0, 0], [1, 1]).count("activation") == exact.box(narrow, [0, 0], [1, 1]).count("activation")


def test_folding_sign_choice_needs_a_missing_pattern() -> None:
    with pytest.raises(ValueError, match="more last units"):
        closed_forms.folding_network(2, 2, 2, 2)


@pytest.mark.parametrize("compositions", range(1, 8))
def test_tent_map(compositions: int) -> None:
    found = exact.segment(closed_forms.tent_network(compositions), [0], [1])
    assert [found.count(name) for name in ("activation", "linear", "affine")] == [2**compositions] * 3


@pytest.mark.parametrize(("lines", "expected"), [(3, 7), (4, 11), (5, 16), (6, 22), (8, 37), (20, 211)])
def test_lines_in_general_position(lines: int, expected: int) -> None:
    net = closed_forms.one_layer(closed_forms.tangent_forms(lines, 2))
    assert closed_forms.zaslavsky(lines, 2) == expected
    assert len(exact.whole_plane_patterns(net)) == expected
    assert exact.box(net, [0, 0], [1, 1]).count("activation") == expected


def test_general_position_in_three_dimensions() -> None:
    forms = closed_forms.tangent_forms(5, 3)
    cube = [[s < 0, *(s * int(i == j) for i in range(3))] for j in range(3) for s in (1, -1)]
    found = brute.patterns_by_elimination(closed_forms.one_layer(forms), [[int(v) for v in row] for row in cube])
    assert len(found) == closed_forms.zaslavsky(5, 3) == 26


@pytest.mark.parametrize("count", range(1, 8))
def test_central_lines(count: int) -> None:
    net = closed_forms.one_layer([[0, 1, 3 * i - 7] for i in range(count)])
    assert in_square(net).count("activation") == closed_forms.central(count, 2) == 2 * count


def test_counting_formulas() -> None:
    assert [closed_forms.central(n, d) for n, d in ((3, 2), (5, 3), (10, 4))] == [6, 22, 260]
    assert [closed_forms.parallel_classes(m, 2) for m in ([2, 2], [2, 2, 2], [3, 1, 2])] == [9, 19, 18]
    assert closed_forms.parallel_classes([1] * 6, 2) == closed_forms.zaslavsky(6, 2)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 2), (4, 5)])
def test_grids(sizes: tuple[int, int]) -> None:
    net = closed_forms.one_layer(closed_forms.grid_forms(sizes))
    found = exact.box(net, [0, 0], [size + 1 for size in sizes])
    assert found.count("activation") == closed_forms.grid(sizes)
    assert {cell.shape.measure() for cell in found.cells} == {Fraction(1)}
    assert len(found.facets) == sizes[0] * (sizes[1] + 1) + sizes[1] * (sizes[0] + 1)


@pytest.mark.parametrize("dimension", [2, 3])
def test_reflection_and_resonance_arrangements(dimension: int) -> None:
    cube = [[2, *(s * int(i == j) for i in range(dimension))] for j in range(dimension) for s in (1, -1)]
    families = (
        (closed_forms.braid_forms(dimension), factorial(dimension)),
        (closed_forms.resonance_forms(dimension), {2: 6, 3: 32}[dimension]),
        (closed_forms.type_b_forms(dimension), 2**dimension * factorial(dimension)),
    )
    for forms, expected in families:
        net = closed_forms.one_layer(forms)
        assert len(brute.patterns_by_elimination(net, cube)) == expected
        if dimension == 2:
            assert len(exact.whole_plane_patterns(net)) == in_square(net).count("activation") == expected


@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=1, max_size=12))
def test_line_arrangements_in_a_window(forms: list[tuple[int, int, int]]) -> None:
    """Concurrent, repeated, parallel, missing and boundary lines, counted by multiplicities."""
    found = in_square(closed_forms.one_layer(forms))
    assert found.count("activation") == closed_forms.lines_in_window(forms, SQUARE)
    assert checks.all_problems(found) == []


def test_published_example_of_six_definitions() -> None:
    found = in_square(closed_forms.published_example())
    assert [found.count(name) for name in ("activation", "linear", "affine")] == [5, 3, 3]


def test_equal_maps_that_touch_in_a_corner_are_two_linear_regions() -> None:
    pools = [("affine", [[1, 0], [0, 1], [-1, 0], [0, -1]], [0] * 4), ("max", [[0, 1], [2, 3]], -1)]
    net = Net.chain(2, [*pools, activation("relu", 2), ("affine", [[1, 1]], [0])])
    found = in_square(net)
    assert (found.count("linear"), found.count("affine")) == (6, 5)


def test_absolute_values_have_all_signs() -> None:
    net = closed_forms.absolute_network([[0, 1, 0], [0, 0, 1], [0, 1, 1]])
    assert in_square(net).count("activation") == 6


# Published counts.


@pytest.mark.parametrize("widths", [(2, 8, 8, 1), (2, 16, 16, 1), (2, 32, 32, 1)], ids=str)
def test_golden_counts(widths: tuple[int, ...]) -> None:
    net = networks.exact_of(networks.golden(widths))
    near = in_square(net)
    far = exact.box(net, [-100, -100], [100, 100])
    counts = near.count("activation"), far.count("activation"), len(exact.whole_plane_patterns(net))
    assert counts == networks.GOLDEN_COUNTS[widths]
    assert not near.is_degenerate
    assert checks.measure_problems(near) == checks.euler_problems(near) == checks.closure_problems(near) == []


def test_he_and_default_counts() -> None:
    assert in_square(networks.exact_of(networks.he([2, 16, 16, 16, 1]))).count("activation") == networks.HE_COUNTS[16]
    pytest.importorskip("torch")
    net = networks.exact_of(networks.default_init([2, 16, 16, 16, 1]))
    assert in_square(net).count("activation") == networks.DEFAULT_COUNTS[16]


@pytest.mark.parametrize("name", networks.DEGENERATE_FAMILIES)
def test_degenerate_families(name: str) -> None:
    layers = networks.DEGENERATE_FAMILIES[name]()
    found = in_square(networks.exact_of(layers))
    assert checks.all_problems(found) == []
    assert found.is_degenerate == (name != "near_pairs")
    assert found.count("activation") >= 20


def test_doubled_units_count_as_their_halves() -> None:
    """Twins merged into one unit with the sum of their outgoing weights: the same cells and maps."""
    twice = networks.doubled()
    merged = []
    for i, (weight, bias) in enumerate(twice):
        half = len(bias) if i == len(twice) - 1 else len(bias) // 2
        rows = [[exact_number(value) for value in row] for row in weight[:half]]
        if i:
            rows = [[a + b for a, b in zip(row[: len(row) // 2], row[len(row) // 2 :], strict=True)] for row in rows]
        merged.append((rows, bias[:half]))
    found, doubled = in_square(mlp(merged)), in_square(networks.exact_of(twice))
    assert found.count("activation") == doubled.count("activation") > 50
    assert {cell.affine_map for cell in found.cells} == {cell.affine_map for cell in doubled.cells}


# Rules of patterns.


def test_unit_that_stays_on_a_breakpoint_has_the_lower_piece() -> None:
    net = mlp([([[0], [1]], [0, 0]), ([[1, 1]], [0])])
    assert exact.segment(net, [-1], [1]).patterns() == {(0, 0), (0, 1)}
    clamp = mlp([([[0], [0]], [1, -1]), ([[1, 1]], [0])], "hardtanh")
    assert exact.segment(clamp, [-1], [1]).patterns() == {(1, 0)}
    assert set(brute.intervals_by_clipping(clamp, -1, 1)) == {(1, 0)}


def test_equal_candidates_have_the_lowest_position() -> None:
    rows = ("affine", [[1], [1], [-1], [-1]], [0] * 4)
    assert exact.segment(Net.chain(1, [rows, ("max", [[2, 0, 1, 3]], 1)]), [-1], [1]).patterns() == {(0,), (1,)}
    assert exact.segment(Net.chain(1, [rows, ("max", [[0, 1, 3, 2]], -1)]), [-1], [1]).patterns() == {(0,), (2,)}


def test_a_maximum_is_cut_by_the_winner_only() -> None:
    """Three planes over the square: the line where the two lower ones cross is no boundary."""
    net = Net.chain(2, [("affine", [[1, 0], [-1, 0], [0, 0]], [0, 0, 5]), ("max", [[0, 1, 2]], 1)])
    assert in_square(net).patterns() == {(2,)}


def test_whole_line_has_unbounded_cells() -> None:
    net = mlp([([[1], [1]], [0, -3]), ([[1, 1]], [0])])
    found = exact.whole_line(net, [0], [1])
    assert [cell.shape.points for cell in sorted(found.cells, key=lambda c: c.pattern)] == [
        ((0, -1), (1, 0)),
        ((1, 0), (1, 3)),
        ((1, 3), (0, 1)),
    ]
    assert len(found.facets) == 2
    assert checks.witness_problems(found) == []
    with pytest.raises(ValueError, match="infinity"):
        _ = found.cells[0].vertices if found.cells[0].shape.points[0][0] == 0 else found.cells[-1].vertices


def test_constants_on_the_whole_line() -> None:
    net = mlp([([[0], [0], [0]], [1, -1, 0]), ([[1, 1, 1]], [0])])
    assert exact.whole_line(net, [0], [1]).patterns() == {(1, 0, 0)}


def test_promotion_is_exact() -> None:
    assert exact_number(np.float32(0.1)) == Fraction(13421773, 2**27)
    assert exact_number(0.1) != Fraction(1, 10)
    assert exact_number(np.int8(-128)) == -128
    with pytest.raises(ValueError, match="NaN"):
        exact_number(float("nan"))
    with pytest.raises(TypeError):
        exact_number("1")


def test_a_gap_below_the_spacing_of_floats_is_a_cell() -> None:
    net = mlp([([[3], [1]], [-1, -Fraction(1, 3) - Fraction(1, 10**40)]), ([[1, 1]], [0])])
    found = exact.segment(net, [0], [1])
    assert len(found.cells) == 3
    assert min(cell.shape.measure() for cell in found.cells) == Fraction(1, 10**40)


DEGENERACIES = {
    "identically zero": [[0, 0, 0]],
    "along a side": [[1, 1, 0]],
    "touching a corner": [[-2, 1, 1]],
    "through two corners": [[0, 1, 1]],
    "twins": [[0, 3, 1], [0, 3, 1]],
    "opposites": [[0, 3, 1], [0, -6, -2]],
    "three through one point": [[0, 3, 1], [0, 1, 3], [0, 1, -2]],
}


@pytest.mark.parametrize("kind", DEGENERACIES)
def test_every_kind_of_degeneracy_is_noticed(kind: str) -> None:
    assert in_square(closed_forms.one_layer(DEGENERACIES[kind])).is_degenerate


def test_degeneracy_of_maxima_and_later_layers() -> None:
    rows = ("affine", [[1, 0], [1, 0], [0, 1], [3, 2]], [0, 0, 0, -1])
    assert in_square(Net.chain(2, [rows, ("max", [[0, 1]], 1)])).is_degenerate
    assert in_square(Net.chain(2, [rows, ("max", [[0, 2], [1, 2]], 1)])).is_degenerate
    assert not in_square(Net.chain(2, [rows, ("max", [[0, 3]], 1)])).is_degenerate
    dead = mlp([([[1, 0]], [-5]), ([[1]], [0]), ([[1]], [0])])
    assert in_square(dead).is_degenerate


def test_general_position_is_not_degenerate() -> None:
    generic = [[0, 3, 1], [Fraction(1, 2), 1, 3], [3, 1, 1], [Fraction(1, 7), 1, -2], [1, 0, 0]]
    assert not in_square(closed_forms.one_layer(generic)).is_degenerate


# Refusals of the description.


@pytest.mark.parametrize(
    "raw",
    [
        [("affine", [[1]], [0], 0)],
        [("input", 1), ("affine", [[1, 1]], [0], 0)],
        [("input", 1), ("affine", [[1]], [0], 1)],
        [("input", 1), ("elementwise", [[0]], [[0, 1]], [[0, 1]], 0)],
        [("input", 1), ("elementwise", [[0, 0]], [[0, 1, 1]], [[0, 0, 0]], 0)],
        [("input", 1), ("elementwise", [[0]], [[0]], [[0]], 0)],
        [("input", 1), ("max", [[0, 1]], 1, 0)],
        [("input", 1), ("max", [[]], 1, 0)],
        [("input", 1), ("max", [[0]], 2, 0)],
        [("input", 1), ("concat", 0, 0), ("add", 0, 1)],
        [("input", 1), ("sine", 0)],
    ],
)
def test_impossible_descriptions_are_refused(raw: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|order|fit|unknown"):
        Net.build(raw)


@pytest.mark.parametrize("corners", [SQUARE[::-1], [(0, 0), (1, 0), (2, 0)], [(0, 0), (1, 0)], [*SQUARE, (-1, 0)]])
def test_polygons_are_convex_and_counterclockwise(corners: list[Any]) -> None:
    with pytest.raises(ValueError, match="convex"):
        shapes.polygon(corners_of(corners))


def test_brute_force_is_bounded() -> None:
    with pytest.raises(ValueError, match="patterns"):
        brute.intervals_by_clipping(networks.exact_of(networks.he([1, 16, 1])), 0, 1)


# The checkers notice what is wrong.


@pytest.fixture(scope="module")
def right() -> exact.Subdivision:
    """A subdivision that is right."""
    found = in_square(networks.exact_of(networks.small_integers(6)))
    assert len(found.cells) > 8
    assert checks.all_problems(found) == []
    return found


def with_cells(found: exact.Subdivision, cells: list[Cell]) -> exact.Subdivision:
    """The same subdivision with other cells."""
    return exact.Subdivision(found.net, found.frame, found.domain, cells)


def test_a_missing_cell_is_noticed(right: exact.Subdivision) -> None:
    wrong = with_cells(right, right.cells[1:])
    assert checks.measure_problems(wrong)
    assert checks.closure_problems(wrong)
    assert checks.pattern_problems(right.patterns(), [cell.pattern for cell in wrong.cells])


def test_a_repeated_cell_is_noticed(right: exact.Subdivision) -> None:
    wrong = with_cells(right, [*right.cells, right.cells[0]])
    assert checks.measure_problems(wrong)
    assert checks.witness_problems(wrong)
    assert checks.euler_problems(wrong)
    assert checks.closure_problems(wrong)


def test_a_wrong_pattern_is_noticed(right: exact.Subdivision) -> None:
    first = right.cells[0]
    flipped = replace(first, pattern=(1 - first.pattern[0], *first.pattern[1:]))
    assert checks.witness_problems(with_cells(right, [flipped, *right.cells[1:]]))
    assert checks.pattern_problems(right.patterns(), [flipped.pattern])


def test_a_wrong_map_is_noticed(right: exact.Subdivision) -> None:
    first = right.cells[0]
    constant, *others = first.forms[0]
    shifted = replace(first, forms=((constant + 1, *others), *first.forms[1:]))
    wrong = with_cells(right, [shifted, *right.cells[1:]])
    assert checks.witness_problems(wrong)
    assert checks.continuity_problems(wrong)


def test_a_needless_cut_is_noticed(right: exact.Subdivision) -> None:
    """A cell cut in two leaves the areas right; its pattern repeats, and the cut ends inside neighbors' edges."""
    index, cell = max(enumerate(right.cells), key=lambda pair: pair[1].shape.measure())
    x = cell.shape.center()[0]
    form = (-x.numerator, x.denominator, 0)
    parts = cell.shape.split(form, cell.shape.values(form))
    others = [*right.cells[:index], *right.cells[index + 1 :]]
    wrong = with_cells(right, [*others, *(replace(cell, shape=part) for part in parts)])
    assert checks.measure_problems(wrong) == []
    assert checks.witness_problems(wrong)
    assert checks.euler_problems(wrong)


def test_a_cell_that_is_too_large_is_noticed(right: exact.Subdivision) -> None:
    wrong = with_cells(right, [replace(right.cells[0], shape=right.domain), *right.cells[1:]])
    assert checks.measure_problems(wrong)
    assert checks.closure_problems(wrong)


def test_wrong_segments_are_noticed() -> None:
    net = mlp([([[1], [1]], [-1, -2]), ([[1, 1]], [0])])
    found = exact.segment(net, [0], [3])
    assert checks.all_problems(found) == []
    missing = with_cells(found, found.cells[1:])
    assert checks.measure_problems(missing)
    assert checks.closure_problems(missing)
    assert len(found.facets) == 2


def test_pattern_problems_name_each_kind() -> None:
    problems = checks.pattern_problems([(0, 1), (1, 1)], [(0, 1), (0, 1), (1, 0)])
    assert [problem.split()[0] for problem in problems] == ["missing", "invented", "pattern"]
    assert checks.pattern_problems([(0, 1)], np.array([[0, 1]], dtype=np.uint8)) == []


def test_corner_distance() -> None:
    square = corners_of(SQUARE)
    assert checks.corner_distance(square, np.array(SQUARE)) == 0
    assert checks.corner_distance(square, SQUARE[:3]) == 2
    assert checks.corner_distance(square, [(-1, -1), (1, -1), (1, 1), (-1, 1.25)]) == 0.25


# Conversion.


@pytest.mark.parametrize("seed", range(20))
def test_layers_describe_the_same_function(seed: int) -> None:
    case = random.random_case(seed, random.MLP_FAMILIES, dimensions=(2, 2))
    layers, name, slope = convert.to_layers(case.net)
    assert (name == "leaky_relu") == (slope is not None)
    assert mlp(layers, name, 0 if slope is None else slope) == case.net
    x = [Fraction(1, 2), Fraction(-5, 4)]
    value = np.array([float(v) for v in x])
    kinks: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "relu": lambda z: np.maximum(z, 0),
        "leaky_relu": lambda z: np.where(z > 0, z, (slope or 0) * z),
        "abs": np.abs,
        "hardtanh": lambda z: np.clip(z, -1, 1),
        "relu6": lambda z: np.clip(z, 0, 6),
    }
    for i, (weight, bias) in enumerate(layers):
        value = weight @ (kinks[name](value) if i else value) + bias
    assert [Fraction(v) for v in value] == list(forward(case.net, x)[1])  # dyadic and small: floats are exact here


def test_conversion_refuses_what_is_no_mlp_or_no_float() -> None:
    with pytest.raises(ValueError, match="in a row"):
        convert.to_layers(random.random_case(0, ["residual"]).net)
    with pytest.raises(ValueError, match="not a float64"):
        convert.to_layers(mlp([([[Fraction(1, 3)]], [0])]))
    with pytest.raises(ValueError, match="in turn"):
        convert.to_layers(Net.chain(1, [activation("relu", 1), activation("relu", 1)]))
