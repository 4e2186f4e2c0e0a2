"""Families in three and more dimensions whose counts are theorems, most of them with nothing in general position.

Each is counted with vertices and by halfspaces, and again with units added that must not matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise, permutations, product
from typing import Any

import numpy as np
import pytest

import vitrail
from oracles import closed_forms
from oracles.neutral import Net, activation, mlp
from oracles.space import space
from space_comparison import differences, structure_problems
from translate import to_network
from vitrail.domains import Domain, Polytope, Slice, Space
from vitrail.regions import RegionSet
from vitrail.status import Status

Form = Sequence[Any]
SMALL, MEDIUM = 40, 500
"""Up to so many regions everything is computed in every way, or in most."""


def box(dimension: int, low: Any = -1, high: Any = 1) -> vitrail.Box:
    return vitrail.Box([float(low)] * dimension, [float(high)] * dimension)


def bounded(domain: Domain) -> bool:
    return math.isfinite(domain.measure)


def kinds(domain: Domain) -> list[str]:
    return ["vertices", "halfspaces"] if bounded(domain) and domain.frame.dimension <= 7 else ["halfspaces"]


def proven(net: Net, domain: Domain, expected: int) -> RegionSet | None:
    """Count in every way; the regions, if they are not too many, which must be a proper partition."""
    network = to_network(net)
    for cells in kinds(domain)[: None if expected <= MEDIUM else 1]:
        count = vitrail.count_regions(network, domain, cells=cells)
        assert (int(count), count.status) == (expected, Status.CERTIFIED), cells
    if expected > SMALL:
        return None
    always = vitrail.count_regions(network, domain, exact="always")
    assert (int(always), always.status) == (expected, Status.EXACT)
    found = [vitrail.enumerate_regions(network, domain, cells=cells) for cells in kinds(domain)]
    assert structure_problems(found[0]) == [] or found[0].account.cells == "halfspaces"
    assert len({tuple(sorted(map(bytes, regions.words))) for regions in found if regions.words is not None}) == 1
    return found[0]


def one_layer(forms: Sequence[Form], name: str = "relu") -> Net:
    """The network whose units are the forms (c, a_1, ..., a_n)."""
    layers = [("affine", [list(form[1:]) for form in forms], [form[0] for form in forms]), activation(name, len(forms))]
    return Net.chain(len(forms[0]) - 1, [*layers, ("affine", [list(range(1, len(forms) + 1))], [0])])


def crowded(forms: Sequence[Form], seed: int) -> list[Form]:
    """The forms among copies, opposites and multiples of some of them, and constant ones, in any order."""
    generator = np.random.default_rng([seed, 61])
    factors = [1, -1, 3, Fraction(-7, 2), 2**30, Fraction(1, 2**30)]
    chosen = [(forms[int(generator.integers(len(forms)))], factors[int(generator.integers(6))]) for _ in range(5)]
    more = [[factor * Fraction(v) for v in form] for form, factor in chosen]
    rest = [0] * (len(forms[0]) - 1)
    mixed = [*forms, *more, [0, *rest], [5, *rest], [-5, *rest]]
    return [mixed[i] for i in generator.permutation(len(mixed))]


def short_normal(generator: np.random.Generator, shape: tuple[int, int]) -> list[list[float]]:
    """Normal numbers of few enough digits that their multiples are float64."""
    rows: list[list[float]] = (np.round(generator.normal(size=shape) * 2.0**20) * 2.0**-20).tolist()
    return rows


def arrangement(forms: Sequence[Form], domain: Domain, expected: int) -> None:
    """The hyperplanes where forms vanish: alone, crowded, with another activation, with a layer that does nothing."""
    proven(one_layer(forms), domain, expected)
    if expected <= MEDIUM:
        proven(one_layer(crowded(forms, len(forms))), domain, expected)
    if expected <= SMALL:
        proven(one_layer(crowded(forms, 2 * len(forms)), "abs"), domain, expected)
        size = len(forms)
        identity = [[int(i == j) for j in range(size)] for i in range(size)]
        first = ([list(form[1:]) for form in forms], [form[0] for form in forms])
        again = mlp([first, (identity, [0] * size), ([[1] * size], [0])])
        proven(again, domain, expected)


# Hyperplanes through one point.


@pytest.mark.parametrize("dimension", [3, 4, 5])
def test_braid_arrangements(dimension: int) -> None:
    arrangement(closed_forms.braid_forms(dimension), box(dimension), math.factorial(dimension))


@pytest.mark.parametrize("dimension", [3, 4, pytest.param(5, marks=pytest.mark.slow)])
def test_reflection_arrangements(dimension: int) -> None:
    factorial = math.factorial(dimension)
    arrangement(closed_forms.type_b_forms(dimension), box(dimension), 2**dimension * factorial)
    without_axes = closed_forms.type_b_forms(dimension)[dimension:]
    arrangement(without_axes, box(dimension), 2 ** (dimension - 1) * factorial)


@pytest.mark.parametrize("dimension", [3, 4])
def test_reflection_arrangements_in_the_whole_space(dimension: int) -> None:
    """The braid arrangement has no vertex there, not even at the origin: a line lies in all of its hyperplanes."""
    factorial = math.factorial(dimension)
    arrangement(closed_forms.braid_forms(dimension), Space(dimension), factorial)
    arrangement(closed_forms.type_b_forms(dimension), Space(dimension), 2**dimension * factorial)


RESONANCE = {1: 2, 2: 6, 3: 32, 4: 370, 5: 11292}
"""OEIS A034997."""


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, pytest.param(5, marks=pytest.mark.slow)])
def test_resonance_arrangements(dimension: int) -> None:
    forms, expected = closed_forms.resonance_forms(dimension), RESONANCE[dimension]
    if dimension < 3:
        assert vitrail.count_regions(to_network(one_layer(forms)), box(dimension)) == expected
    else:
        arrangement(forms, box(dimension), expected)
        if dimension < 5:
            arrangement(forms, Space(dimension), expected)


@pytest.mark.parametrize(("dimension", "expected"), [(3, 8), (4, 46), (5, 332)])
def test_threshold_arrangements(dimension: int, expected: int) -> None:
    """x_i + x_j = 0: labeled threshold graphs, OEIS A005840."""
    forms = [[0, *(int(k in pair) for k in range(dimension))] for pair in combinations(range(dimension), 2)]
    arrangement(forms, box(dimension), expected)
    arrangement(forms, Space(dimension), expected)


@pytest.mark.parametrize("dimension", [3, 5, pytest.param(7, marks=pytest.mark.slow)])
def test_orthants(dimension: int) -> None:
    axes = [[0, *(int(i == j) for j in range(dimension))] for i in range(dimension)]
    arrangement(axes, box(dimension), 2**dimension)
    arrangement(axes, Space(dimension), 2**dimension)


@pytest.mark.parametrize(("dimension", "hyperplanes"), [(3, 4), (3, 9), (4, 7), (5, 8)])
def test_generic_hyperplanes_through_the_origin(dimension: int, hyperplanes: int) -> None:
    """Scaling the box changes nothing, and the whole space has as many regions."""
    generator = np.random.default_rng([dimension, hyperplanes])
    forms = [[0, *row] for row in short_normal(generator, (hyperplanes, dimension))]
    expected = closed_forms.central(hyperplanes, dimension)
    arrangement(forms, box(dimension), expected)
    arrangement(forms, Space(dimension), expected)
    for exponent in (-300, -20, 40, 300):
        assert (
            vitrail.count_regions(to_network(one_layer(forms)), box(dimension, -(2.0**exponent), 2.0**exponent))
            == expected
        )


def test_hyperplanes_through_a_corner_of_the_domain() -> None:
    """What meets in a corner counts inside only: x < y < z and the like, seen from the corner (1, 1, 1)."""
    forms = closed_forms.braid_forms(3)
    arrangement(forms, box(3, 0, 1), 6)
    simplex = Polytope([[-1.0, 1, 0], [0, -1, 1], [0, 0, -1], [1, 0, 0]], [0.0, 0, 0, 1])  # 0 <= z <= y <= x <= 1
    arrangement([*forms, [0, 1, 0, 0], [-1, 1, 0, 0]], simplex, 1)
    arrangement([*forms, [Fraction(-1, 2), 1, 0, 0]], simplex, 2)


# Parallel hyperplanes, and general position.


@pytest.mark.parametrize(("hyperplanes", "dimension"), [(2, 3), (4, 3), (9, 3), (7, 4), (7, 5), (8, 6)])
def test_general_position(hyperplanes: int, dimension: int) -> None:
    expected = closed_forms.zaslavsky(hyperplanes, dimension)
    forms = closed_forms.tangent_forms(hyperplanes, dimension)
    arrangement(forms, box(dimension, 0, 1), expected)
    generator = np.random.default_rng([hyperplanes, dimension, 1])
    random = one_layer(short_normal(generator, (hyperplanes, dimension + 1)))
    # intersections of Gaussian hyperplanes are heavy-tailed: a huge box holds all of these
    proven(random, box(dimension, -(2.0**30), 2.0**30), expected)
    proven(random, Space(dimension), expected)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 1, 3), (2, 2, 2, 1), (2, 2, 1, 1, 1)])
def test_parallel_classes(sizes: tuple[int, ...]) -> None:
    dimension = 3
    normals = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, 2, 4]]
    forms = [[5**i * (k + 1) + i * i * 7, *normals[i]] for i, size in enumerate(sizes) for k in range(size)]
    arrangement(forms, Space(dimension), closed_forms.parallel_classes(sizes, dimension))


@pytest.mark.parametrize("sizes", [(1, 2, 3), (2, 2, 2), (1, 1, 2, 1), (1, 1, 1, 1, 2), (1,) * 6, (2,) * 4])
def test_grids(sizes: tuple[int, ...]) -> None:
    forms = closed_forms.grid_forms(sizes)
    domain = vitrail.Box([0.0] * len(sizes), [size + 1.0 for size in sizes])
    arrangement(forms, domain, closed_forms.grid(sizes))
    found = vitrail.enumerate_regions(to_network(one_layer(forms)), domain)
    assert found.measures == pytest.approx(1.0)
    # faces of a grid: products of the vertices and edges of paths
    faces = np.ones(1, dtype=np.int64)
    for size in sizes:
        faces = np.convolve(faces, [size + 2, size + 1])
    assert found.f_vector.tolist() == faces.tolist()


def shifted_differences(n: int, shifts: dict[tuple[int, int], Sequence[int]]) -> list[list[int]]:
    """The hyperplanes x_i - x_j = s of R^n."""
    return [
        [-s, *(int(k == i) - int(k == j) for k in range(n))]
        for (i, j), all_shifts in shifts.items()
        for s in all_shifts
    ]


def sum_zero(n: int, half: float) -> Slice:
    """The hyperplane of sum zero, in the directions e_i - e_(i + 1)."""
    basis = [[float(k == i) - float(k == i + 1) for k in range(n)] for i in range(n - 1)]
    return Slice([0.0] * n, basis, -half, half)


@pytest.mark.parametrize(("n", "m"), [(3, 1), (4, 1), pytest.param(4, 2, marks=pytest.mark.slow)])
def test_catalan_and_shi_arrangements(n: int, m: int) -> None:
    """x_i - x_j = -m, ..., m: n! binom((m+1)n, n) / (mn+1); from -m + 1 on: (mn+1)^(n-1) (Athanasiadis, Shi)."""
    pairs = list(combinations(range(n), 2))
    catalan = shifted_differences(n, {pair: range(-m, m + 1) for pair in pairs})
    shi = shifted_differences(n, {pair: range(-m + 1, m + 1) for pair in pairs})
    expected = math.factorial(n) * math.comb((m + 1) * n, n) // (m * n + 1)
    for domain in (sum_zero(n, 8.0 * (m + 1)), Space(n))[n == 3 :]:
        proven(one_layer(catalan), domain, expected)
        proven(one_layer(crowded(shi, n)), domain, (m * n + 1) ** (n - 1))


@pytest.mark.parametrize(("n", "linial", "semiorders"), [(4, 36, 183)])
def test_linial_arrangement_and_semiorders(n: int, linial: int, semiorders: int) -> None:
    """x_i - x_j = 1 for i < j: 1, 2, 7, 36 (OEIS A007889); for all i and j: 1, 3, 19, 183 (OEIS A006531)."""
    pairs = list(combinations(range(n), 2))
    proven(one_layer(shifted_differences(n, {pair: [1] for pair in pairs})), sum_zero(n, 16.0), linial)
    both = shifted_differences(n, {pair: [-1, 1] for pair in pairs})
    proven(one_layer(both), sum_zero(n, 16.0), semiorders)
    proven(one_layer(both), Space(n), semiorders)


@pytest.mark.parametrize(("dimension", "n"), [(3, 1), (3, 2), (4, 1)])
def test_alcoves(dimension: int, n: int) -> None:
    """x_i = k and x_i - x_j = k on [0, n]^d: n^d d! simplices of equal volume."""
    walls = closed_forms.grid_forms([n + 1] * dimension)
    slanted = shifted_differences(dimension, {pair: range(-n, n + 1) for pair in combinations(range(dimension), 2)})
    expected = n**dimension * math.factorial(dimension)
    proven(one_layer(walls + slanted), box(dimension, 0, n), expected)
    found = vitrail.enumerate_regions(to_network(one_layer(walls + slanted)), box(dimension, 0, n))
    assert found.measures == pytest.approx(1 / math.factorial(dimension))
    assert set(np.diff(found.offsets)) == {dimension + 1}


@pytest.mark.parametrize("dimension", [3, 4, 5])
def test_hypersimplices(dimension: int) -> None:
    """The cube cut by sum x_i = k: d slabs whose volumes are Eulerian numbers over d!, for instance 1, 4, 1."""
    forms = [[-k, *[1] * dimension] for k in range(dimension + 1)]
    found = proven(one_layer(forms), box(dimension, 0, 1), dimension)
    assert found is not None
    descents = [sum(a > b for a, b in pairwise(p)) for p in permutations(range(dimension))]
    eulerian = [descents.count(k) for k in range(dimension)]
    assert sorted(found.measures * math.factorial(dimension)) == pytest.approx(sorted(eulerian))


# Depth.


def tents(dimension: int, compositions: int) -> Net:
    """The tent map composed with itself, in every coordinate by itself."""

    def repeated(block: Sequence[Sequence[int]]) -> list[list[int]]:
        return np.kron(np.eye(dimension, dtype=int), np.array(block)).tolist()

    first = (repeated([[2], [4]]), [0, -2] * dimension)
    later = (repeated([[2, -2], [4, -4]]), [0, -2] * dimension)
    return mlp([first, *[later] * (compositions - 1), (repeated([[1, -1]]), [0] * dimension)])


@pytest.mark.parametrize(("dimension", "compositions"), [(3, 1), (3, 2), (3, 3), (4, 2), (5, 1), (7, 1)])
def test_tent_maps_in_every_coordinate(dimension: int, compositions: int) -> None:
    expected = (2**compositions) ** dimension
    net = tents(dimension, compositions)
    proven(net, box(dimension, 0, 1), expected)
    if expected <= 512:
        regions = vitrail.enumerate_regions(to_network(net), box(dimension, 0, 1))
        assert [int(regions.count(d)) for d in ("activation", "linear", "affine")] == [expected] * 3
        assert regions.measures == pytest.approx(1 / expected)


@pytest.mark.parametrize(
    "case",
    [
        closed_forms.FoldCase(3, 2, 2, 4, 120),
        closed_forms.FoldCase(3, 2, 2, 5, 208),
        closed_forms.FoldCase(3, 3, 2, 4, 405),
        closed_forms.FoldCase(4, 2, 2, 5, 496),
        closed_forms.FoldCase(3, 2, 3, 4, 960),
    ],
    ids=str,
)
def test_folding_networks(case: closed_forms.FoldCase) -> None:
    assert case.predicted == case.activation
    for extra in (0, 2):
        width = case.dimension * case.folds + extra
        arguments = (case.dimension, case.folds, case.layers, case.last)
        net = closed_forms.folding_network(*arguments, sign_choice=False, width=width)
        proven(net, box(case.dimension, 0, 1), case.activation)


@pytest.mark.parametrize("size", [3, 4, 5])
def test_the_cross_polytope_with_the_coordinate_planes(size: int) -> None:
    """sum |x_i| = 1: 2^(d + 1) regions; in [-1, 1]^d its corners lie on the sides."""
    rows = [[s * int(i == j) for j in range(size)] for i in range(size) for s in (1, -1)]
    net = mlp([(rows, [0] * 2 * size), ([[1] * 2 * size], [-1]), ([[1]], [0])])
    for domain in (box(size, -2, 2), box(size), Space(size)):
        proven(net, domain, 2 ** (size + 1))
    absolute = [("affine", rows[::2], [0] * size), activation("abs", size), ("affine", [[1] * size], [-1])]
    again = Net.chain(size, [*absolute, activation("relu", 1), ("affine", [[1]], [0])])
    proven(again, box(size), 2 ** (size + 1))


@pytest.mark.parametrize("size", [3, 4])
def test_the_largest_coordinate(size: int) -> None:
    """max x_i has d regions, max |x_i| 2 d by facets of the cube, each cut by the signs of the others."""
    unit = [[int(i == j) for j in range(size)] for i in range(size)]
    maximum = [("affine", unit, [0] * size), ("max", [list(range(size))], 1)]
    for domain in (box(size), Space(size)):
        proven(Net.chain(size, maximum), domain, size)
        twice = [("affine", [*unit, *unit, *([-v for v in row] for row in unit)], [0] * 3 * size)]
        proven(Net.chain(size, [*twice, ("max", [list(range(3 * size))], 1)]), domain, 2 * size)
        absolute = [("affine", unit, [0] * size), activation("abs", size), ("max", [list(range(size))], 1)]
        proven(Net.chain(size, absolute), domain, 2**size * size)


@pytest.mark.parametrize("half", [0, 1])
def test_tangent_planes_of_a_paraboloid(half: int) -> None:
    """Each point of the grid has its cube of the Voronoi diagram, eight of which meet in every corner."""
    points = list(product(range(-half, half + 1), repeat=3))
    tangents = [[-Fraction(sum(c * c for c in p), 2), *p] for p in points]
    order = np.random.default_rng(half).permutation(len(points))
    for sign in (1, -1):
        forms = [[sign * v for v in tangents[k]] for k in order]
        layer = ("affine", [form[1:] for form in forms], [form[0] for form in forms])
        net = Net.chain(3, [layer, ("max", [list(range(len(points)))], sign)])
        for domain in (box(3, -half - 0.5, half + 0.5), Space(3)):
            found = proven(net, domain, len(points))
            assert found is not None
        cubes = vitrail.enumerate_regions(to_network(net), box(3, -half - 0.5, half + 0.5))
        assert cubes.measures == pytest.approx(1.0)


@pytest.mark.parametrize("depth", [1, 3, 8])
def test_identity_and_dead_layers(depth: int) -> None:
    identity = [[int(i == j) for j in range(3)] for i in range(3)]
    proven(mlp([*[(identity, [0] * 3)] * depth, ([[1, 2, 4]], [0])]), box(3), 8)
    dead = ([[0] * 3] * 3, [-1, 0, 2])
    proven(mlp([dead, *[(identity, [0] * 3)] * depth, ([[1, 2, 4]], [0])]), box(3), 1)
    proven(mlp([(identity, [0] * 3), dead, ([[1, 2, 4]], [0])]), Space(3), 8)


# Integer weights, against the oracle.


def integers(widths: Sequence[int], seed: int, largest: int, biases: bool) -> Net:
    generator = np.random.default_rng([seed, 31])
    layers = []
    for inputs, outputs in pairwise(widths):
        weight = generator.integers(-largest, largest + 1, (outputs, inputs)).tolist()
        layers.append((weight, (generator.integers(-largest, largest + 1, outputs) * biases).tolist()))
    return mlp(layers)


@pytest.mark.parametrize(("widths", "largest"), [((3, 5, 4, 1), 1), ((3, 4, 4, 4, 1), 127), ((4, 5, 3, 1), 2)], ids=str)
@pytest.mark.parametrize("biases", [True, False])
def test_integer_networks(widths: tuple[int, ...], largest: int, biases: bool) -> None:
    for seed in range(2):
        net, n = integers(widths, seed, largest, biases), widths[0]
        sides = [[2, *(s * int(i == j) for j in range(n))] for i in range(n) for s in (1, -1)]
        truth = space(net, sides)
        regions = proven(net, box(n, -2, 2), len(truth.cells))
        if regions is not None:
            assert differences(truth, regions) == []
        whole = space(net, [])
        proven(net, Space(n), len(whole.cells))
        if not biases:
            assert whole.patterns() == truth.patterns()
