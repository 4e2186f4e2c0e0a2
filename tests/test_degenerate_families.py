"""Families of networks where nothing is in general position, for many sizes.

Expected numbers are closed forms, or come from the exact engine of `oracles`, which shares no code with the package.
Every result is asked for twice, certified and with every sign exact, and must be a proper partition of its domain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import torch

import vitrail
from comparison import differences
from oracles import closed_forms, exact, networks, shapes
from oracles.carrying import Frame
from oracles.convert import exact_array, exact_float
from oracles.exact import Subdivision
from oracles.neutral import Net, activation, exact_matrix, mlp
from translate import to_network
from vitrail.domains import Domain
from vitrail.regions import RegionSet
from vitrail.status import Status

Form = Sequence[Any]
SQUARE = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
# the vertices' errors are some units of 2^-52 of the domain's size, a region has few of them
MEASURE = 1e-10


def proven(network: Net | vitrail.Network, domain: Domain, truth: Subdivision | None = None) -> RegionSet:
    """The regions: proven, a partition of the domain, the same with every sign exact, and those of the exact engine."""
    network = to_network(network) if isinstance(network, Net) else network
    found = vitrail.enumerate_regions(network, domain)
    always = vitrail.enumerate_regions(network, domain, exact="always")
    assert (found.status, always.status) == (Status.CERTIFIED, Status.EXACT)
    assert len(found) == len(always) == int(vitrail.count_regions(network, domain))
    for regions in (found, always):
        assert regions.euler_characteristic() == 1
        if math.isfinite(domain.measure):
            assert regions.measure_error < MEASURE
        if truth is not None:
            result = differences(truth, regions)
            assert (result.silent, result.announced) == ((), ())
    return found


def one_layer(forms: Sequence[Form], name: str = "relu") -> Net:
    """As in `closed_forms`, with read-out weights that are float64 for any number of units."""
    layers = [("affine", [list(form[1:]) for form in forms], [form[0] for form in forms]), activation(name, len(forms))]
    return Net.chain(len(forms[0]) - 1, [*layers, ("affine", [list(range(1, len(forms) + 1))], [0])])


def box(low: Sequence[float], high: Sequence[float]) -> vitrail.Box:
    return vitrail.Box([float(v) for v in low], [float(v) for v in high])


def window(corners: Sequence[Sequence[Any]]) -> vitrail.Polygon:
    return vitrail.Polygon([[float(v) for v in corner] for corner in corners])


def on_box(net: Net, half: Any = 1) -> RegionSet:
    """A network of one or two inputs on [-half, half]^n, against the exact engine."""
    low, high = [-half] * net.sizes[0], [half] * net.sizes[0]
    return proven(net, box(low, high), exact.box(net, low, high))


def counts(regions: RegionSet) -> tuple[int, ...]:
    return tuple(int(regions.count(definition)) for definition in ("activation", "linear", "affine"))


def lifted(net: Net, seed: int) -> tuple[Net, list[list[int]]]:
    """The network behind a projection of three to six inputs, and a frame there that the projection undoes.

    The frame is an origin and one direction per input of the network, all of small integers.
    """
    generator = np.random.default_rng([seed, 3])
    n, extra = net.sizes[0], int(generator.integers(2, 5))
    fold = generator.integers(-3, 4, (n, extra))
    # the kernel of [1 | fold] is [-fold; 1]: directions may be moved along it
    kernel = np.concatenate([-fold, np.eye(extra, dtype=int)])
    directions = np.eye(n, n + extra, dtype=int) + (kernel @ generator.integers(-2, 3, (extra, n))).T
    projection = np.concatenate([np.eye(n, dtype=int), fold], axis=1)
    origin = generator.integers(-5, 6, n + extra)
    first = ("affine", projection.tolist(), (-projection @ origin).tolist())
    raw: list[Sequence[Any]] = [first]
    for node in net.nodes[1:]:
        if hasattr(node, "weight"):
            raw.append(("affine", node.weight, node.bias))
        else:
            raw.append(("elementwise", node.breakpoints, node.slopes, node.intercepts))  # type: ignore[union-attr]
    return Net.chain(n + extra, raw), [origin.tolist(), *directions.tolist()]


def in_more_dimensions(net: Net, low: Any, high: Any, seed: int = 0) -> RegionSet:
    """A chain on the box [low, high]^n of its inputs, seen as a segment or plane in a space of more."""
    wide, (origin, *directions) = lifted(net, seed)
    frame = Frame.of(origin, directions)
    if len(directions) == 1:
        ends = [[exact_float(v) for v in frame.point((Fraction(t),))] for t in (low, high)]
        return proven(
            wide, vitrail.Segment(*ends), exact.segment(wide, *(frame.point((Fraction(t),)) for t in (low, high)))
        )
    plane = vitrail.Plane(
        *(np.array(row, dtype=float) for row in (origin, *directions)), [float(low)] * 2, [float(high)] * 2
    )
    corners = [(Fraction(x), Fraction(y)) for x, y in ((low, low), (high, low), (high, high), (low, high))]
    return proven(wide, plane, exact.subdivide(wide, shapes.polygon(corners), frame))


# Arrangements of lines: one layer.


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 7, 10, 14])
def test_generic_lines(lines: int) -> None:
    for dimension in (1, 2):
        net = one_layer(closed_forms.tangent_forms(lines, dimension))
        expected = closed_forms.zaslavsky(lines, dimension)
        assert len(proven(net, box([0] * dimension, [1] * dimension))) == expected
        assert len(in_more_dimensions(net, 0, 1, lines)) == expected


def central_forms(lines: int) -> list[list[int]]:
    """Different directions with small integers."""
    directions = [(a, b) for size in range(1, 9) for a in range(size + 1) for b in (size - a, a - size)]
    primitive = [d for d in dict.fromkeys(directions) if math.gcd(*d) == 1 and (d[0] > 0 or d[1] > 0)]
    return [[0, a, b] for a, b in primitive[:lines]]


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 8, 12, 20])
def test_lines_through_one_point(lines: int) -> None:
    forms = central_forms(lines)
    expected = closed_forms.central(lines, 2)
    net = one_layer(forms)
    assert len(on_box(net)) == expected
    assert len(in_more_dimensions(net, -1, 1, lines)) == expected
    for exponent in (-400, -30, 30, 400):
        half = 2.0**exponent
        assert vitrail.count_regions(to_network(net), vitrail.Box([-half] * 2, [half] * 2)) == expected
    # the meeting point in a corner, on a side, inside but not a float64 number
    moved = [[-a * Fraction(1, 4) - b * Fraction(1, 2), a, b] for _, a, b in forms]
    for low in ((Fraction(1, 4), Fraction(1, 2)), (-1, Fraction(1, 2)), (-1, -1)):
        corners = [(low[0], low[1]), (2, low[1]), (2, 2), (low[0], 2)]
        found = proven(one_layer(moved), window(corners))
        assert len(found) == closed_forms.lines_in_window(moved, corners)
    thirds = [[-a - b, 3 * a, 3 * b] for _, a, b in forms]
    assert len(on_box(one_layer(thirds))) == expected


WINDOWS = {
    "square": [(-4, -4), (4, -4), (4, 4), (-4, 4)],
    "triangle": [(-3, -2), (5, -1), (0, 4)],
    "hexagon": [(-3, -1), (-1, -3), (2, -3), (4, 0), (3, 3), (-2, 3)],
    "narrow": [(-4, -4), (4, 3), (4, 4)],
}


@pytest.mark.parametrize("shape", WINDOWS)
def test_small_integer_lines_in_a_window(shape: str) -> None:
    corners = WINDOWS[shape]
    concurrent = 0
    for seed in range(12):
        generator = np.random.default_rng([seed, 17])
        forms = generator.integers(-2, 3, (int(generator.integers(3, 25)), 3)).tolist()
        factors = generator.integers(1, 100, len(forms)) * generator.choice([-1, 1], len(forms))
        expected = closed_forms.lines_in_window(forms, corners)
        assert len(proven(one_layer(forms), window(corners))) == expected
        assert len(proven(closed_forms.absolute_network(forms), window(corners))) == expected
        scaled = [[factor * v for v in form] for factor, form in zip(factors.tolist(), forms, strict=True)]
        assert len(proven(one_layer(scaled), window(corners))) == expected
        distinct = {tuple(Fraction(v, next(w for w in form[1:] if w)) for v in form) for form in forms if any(form[1:])}
        concurrent += expected < 1 + len(distinct) + math.comb(len(distinct), 2)
    assert concurrent >= 6


def test_braid_type_b_and_resonance_arrangements() -> None:
    for forms, expected in (
        (closed_forms.braid_forms(2), 2),
        (closed_forms.type_b_forms(2), 8),
        (closed_forms.resonance_forms(2), 6),
    ):
        assert len(on_box(one_layer(forms))) == expected
    # one input: R itself for type B and resonance
    assert len(on_box(one_layer(closed_forms.type_b_forms(1)))) == 2
    assert len(on_box(one_layer(closed_forms.resonance_forms(1)))) == 2


def differences_in(shifts: dict[tuple[int, int], Sequence[int]]) -> list[list[int]]:
    """The hyperplanes x_i - x_j = shift of R^3."""
    return [
        [-s, *(int(k == i) - int(k == j) for k in range(3))]
        for (i, j), all_shifts in shifts.items()
        for s in all_shifts
    ]


PAIRS = ((0, 1), (0, 2), (1, 2))


@pytest.mark.parametrize("m", [0, 1, 2, 3, 5])
def test_deformations_of_the_braid_arrangement(m: int) -> None:
    """x_i - x_j = -m, ..., m: n! binom((m+1)n, n) / (mn+1); from -m + 1 on: (mn+1)^(n-1) (Athanasiadis, Shi)."""
    plane = vitrail.Plane([0.0] * 3, [1.0, -1.0, 0.0], [0.0, 1.0, -1.0], [-8.0 * (m + 1)] * 2, [8.0 * (m + 1)] * 2)
    catalan = differences_in({pair: range(-m, m + 1) for pair in PAIRS})
    assert len(proven(one_layer(catalan), plane)) == 6 * math.comb(3 * (m + 1), 3) // (3 * m + 1)
    line = vitrail.Line([0.0, 0.0], [1.0, -1.0])
    points = [[-s, 1, -1] for s in range(-m, m + 1)]
    assert len(proven(one_layer(points), line)) == 2 * math.comb(2 * (m + 1), 2) // (2 * m + 1)
    if m:
        shi = differences_in({pair: range(-m + 1, m + 1) for pair in PAIRS})
        assert len(proven(one_layer(shi), plane)) == (3 * m + 1) ** 2
        assert len(proven(one_layer(points[1:]), line)) == 2 * m + 1


def test_the_linial_arrangement() -> None:
    plane = vitrail.Plane([0.0] * 3, [1.0, -1.0, 0.0], [0.0, 1.0, -1.0], [-16.0] * 2, [16.0] * 2)
    linial = differences_in({pair: [1] for pair in PAIRS})
    assert len(proven(one_layer(linial), plane)) == 7
    assert len(proven(one_layer([[-1, 1, -1]]), vitrail.Line([0.0, 0.0], [1.0, -1.0]))) == 2


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_alcoves(n: int) -> None:
    """x_i = k and x_1 - x_2 = k on [0, n]^2: n^d d! alcoves, lines through all four corners and along two diagonals."""
    walls = [[-k, *axis] for k in range(n + 1) for axis in ((1, 0), (0, 1))]
    slanted = [[-k, 1, -1] for k in range(-n, n + 1)]
    net = one_layer(walls + slanted)
    assert len(proven(net, box([0, 0], [n, n]))) == 2 * n * n
    assert len(in_more_dimensions(net, 0, n, n)) == 2 * n * n
    assert len(proven(one_layer([[-k, 1] for k in range(n + 1)]), box([0], [n]))) == n
    # hypersimplices: x_1 + x_2 = k cut every cell of the grid [0, n]^2 once more
    sums = [[-k, 1, 1] for k in range(1, 2 * n)]
    assert len(proven(one_layer(walls + slanted + sums), box([0, 0], [n, n]))) == 4 * n * n


@pytest.mark.parametrize("lines", [1, 2, 5, 9])
def test_fans_at_the_corners_of_the_box(lines: int) -> None:
    """Lines through a corner: each adds one region; those along the sides none."""
    fan = [[k - lines - 1, lines + 1, -k] for k in range(1, lines + 1)]  # through (1, 1)
    sides = [[1, 1, 0], [-1, 1, 0], [1, 0, 1], [-1, 0, 1], [2, 1, 1], [-2, 1, 1]]
    assert len(on_box(one_layer(fan + sides))) == 1 + sum(
        min(f[0] + f[1] * x + f[2] * y for x, y in SQUARE) < 0 < max(f[0] + f[1] * x + f[2] * y for x, y in SQUARE)
        for f in fan
    )
    everywhere = [*fan, *([f[0], -f[1], f[2]] for f in fan), *([f[0], f[1], -f[2]] for f in fan), *sides]
    expected = closed_forms.lines_in_window(everywhere, SQUARE)
    assert len(on_box(one_layer(everywhere))) == expected


@pytest.mark.parametrize("sizes", [(3, 4), (5, 5), (2, 2, 2), (1, 2, 3), (4, 1, 2, 3), (2, 2, 2, 2, 2)])
def test_parallel_classes(sizes: tuple[int, ...]) -> None:
    directions = [(1, 0), (0, 1), (1, 1), (1, -1), (2, 1)]
    # powers of three as constants: no three of these lines meet, which the second count makes sure of
    forms = [[Fraction(3 ** (7 * i + k), 2**20), *directions[i]] for i, size in enumerate(sizes) for k in range(size)]
    half = 2**40
    corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    expected = closed_forms.parallel_classes(sizes, 2)
    assert closed_forms.lines_in_window(forms, corners) == expected
    assert len(proven(one_layer(forms), window(corners))) == expected


@pytest.mark.parametrize("sizes", [(1, 1), (2, 7), (12, 12)])
def test_grids_and_doubled_grids(sizes: tuple[int, int]) -> None:
    forms = closed_forms.grid_forms(sizes)
    domain = box([0, 0], [size + 1 for size in sizes])
    assert len(proven(one_layer(forms), domain)) == closed_forms.grid(sizes)
    doubled = [*forms, *([-v for v in form] for form in forms), *([3 * v for v in form] for form in forms)]
    assert len(proven(one_layer(doubled), domain)) == closed_forms.grid(sizes)
    line = one_layer(closed_forms.grid_forms(sizes[:1]))
    assert len(proven(line, box([0], [sizes[0] + 1]))) == sizes[0] + 1


@pytest.mark.parametrize("seed", range(6))
def test_copies_opposites_multiples_and_dead_units(seed: int) -> None:
    generator = np.random.default_rng([seed, 29])
    forms = generator.integers(-3, 4, (7, 3)).tolist()
    expected = closed_forms.lines_in_window(forms, SQUARE)
    factors = [1, -1, 3, Fraction(-7, 2), 2**30, Fraction(1, 2**30)]
    chosen = [(form, factors[int(generator.integers(6))]) for form in forms for _ in range(3)]
    constant = [[0, 0, 0], [5, 0, 0], [-5, 0, 0]]
    mixed = [*forms, *([factor * v for v in form] for form, factor in chosen), *constant]
    shuffled = [mixed[i] for i in generator.permutation(len(mixed))]
    for name in ("relu", "leaky_relu", "abs"):
        assert len(proven(one_layer(shuffled, name), window(SQUARE))) == expected


# Depth.


@pytest.mark.parametrize(
    "compositions", [1, 3, 9, 12, 20, *(pytest.param(k, marks=pytest.mark.slow) for k in (30, 40, 52, 60))]
)
def test_tent_maps_of_any_depth(compositions: int) -> None:
    """2^k pieces on [0, 1]; 2^j on an interval of length 2^(j - k) between dyadic neighbors, wherever it begins."""
    net = closed_forms.tent_network(compositions)
    inner = min(compositions, 6 if compositions <= 12 else 2)
    parts = 2 ** (compositions - inner)
    # the last start that makes both ends float64
    for start in sorted({0, min(parts // 3, 2**50)}):
        ends = Fraction(start, parts), Fraction(start + 1, parts)
        domain = vitrail.Segment(*([exact_float(end)] for end in ends))
        found = proven(net, domain, exact.segment(net, *([end] for end in ends)))
        assert found.count("linear") == 2**inner
    # an interval that begins and ends within pieces
    ends = Fraction(0.1) / parts, Fraction(0.7) / parts
    proven(net, vitrail.Segment(*([exact_float(end)] for end in ends)), exact.segment(net, *([end] for end in ends)))


@pytest.mark.parametrize("compositions", [10, 11])
def test_tent_maps_on_the_whole_interval(compositions: int) -> None:
    net = closed_forms.tent_network(compositions)
    assert proven(net, vitrail.Segment([0.0], [1.0])).count("linear") == 2**compositions
    assert in_more_dimensions(closed_forms.tent_network(5), 0, 1, 3).count("linear") == 2**5


@pytest.mark.parametrize("depth", [1, 2, 5, 16])
def test_identity_layers_on_dead_regions(depth: int) -> None:
    """ReLU of ReLU: where the first is off, all later ones vanish identically, in one state."""
    identity = [[1, 0], [0, 1]]
    deep = mlp([*[(identity, [0, 0])] * depth, ([[1, 2]], [0])])
    assert counts(on_box(deep)) == (4, 4, 4)
    assert counts(on_box(mlp([*[([[1]], [0])] * depth, ([[1]], [0])]))) == (2, 2, 2)
    # with a constant layer in front: everything is decided, nothing is cut
    dead = mlp([([[0, 0], [0, 0]], [-1, 0]), *[(identity, [0, 0])] * depth, ([[1, 2]], [0])])
    assert counts(on_box(dead)) == (1, 1, 1)


@pytest.mark.parametrize("turn", [1, -1, 3])
def test_units_that_touch_zero_without_crossing(turn: int) -> None:
    absolute = ("affine", [[1], [turn]], [0, 0]), activation("abs", 2)
    for sign in (1, -1):
        net = Net.chain(1, [*absolute, ("affine", [[sign, sign]], [0]), activation("relu", 1), ("affine", [[1]], [0])])
        assert on_box(net).count() == 2
    plane = ("affine", [[1, 0], [0, turn]], [0, 0]), activation("abs", 2)
    for row, expected in (([1, 1], 4), ([-1, -1], 4), ([-1, 0], 4), ([1, -abs(turn)], 8 if abs(turn) == 1 else None)):
        net = Net.chain(2, [*plane, ("affine", [row], [0]), activation("relu", 1), ("affine", [[1]], [0])])
        found = on_box(net)
        if expected is not None:
            assert found.count() == expected


@pytest.mark.parametrize("size", [1, 2])
def test_the_cross_polytope_with_the_coordinate_planes(size: int) -> None:
    """sum |x_i| = 1 in [-2, 2]^d: 2^(d + 1); in [-1, 1]^d its corners lie on the sides, all of it for d = 1."""
    rows = [[s * int(i == j) for j in range(size)] for i in range(size) for s in (1, -1)]
    net = mlp([(rows, [0] * 2 * size), ([[1] * 2 * size], [-1]), ([[1]], [0])])
    assert len(on_box(net, 2)) == 2 ** (size + 1)
    assert len(on_box(net, 1)) == (2 ** (size + 1) if size > 1 else 2)
    absolute = [("affine", rows[::2], [0] * size), activation("abs", size), ("affine", [[1] * size], [-1])]
    again = Net.chain(size, [*absolute, activation("relu", 1), ("affine", [[1]], [0])])
    assert len(on_box(again, 2)) == 2 ** (size + 1)
    assert len(in_more_dimensions(net, -2, 2, size)) == 2 ** (size + 1)


def integers(widths: Sequence[int], seed: int, largest: int, biases: bool = True) -> Net:
    """A ReLU network with integer weights."""
    generator = np.random.default_rng([seed, 31])
    layers = []
    for inputs, outputs in pairwise(widths):
        weight = generator.integers(-largest, largest + 1, (outputs, inputs)).tolist()
        layers.append((weight, (generator.integers(-largest, largest + 1, outputs) * biases).tolist()))
    return mlp(layers)


@pytest.mark.parametrize("widths", [(1, 8, 8, 8, 1), (2, 6, 6, 1), (2, 4, 4, 4, 4, 2)])
@pytest.mark.parametrize("largest", [1, 2])
def test_small_integer_networks(widths: tuple[int, ...], largest: int) -> None:
    for seed in range(4):
        net = integers(widths, seed, largest)
        expected = len(on_box(net, 2))
        assert len(in_more_dimensions(net, -2, 2, seed)) == expected


@pytest.mark.parametrize("widths", [(1, 6, 6, 1), (2, 7, 1), (2, 5, 5, 5, 1)])
def test_zero_biases_make_cones(widths: tuple[int, ...]) -> None:
    """Scaling the box changes nothing, and on a line through the origin there are at most two regions."""
    for seed in range(4):
        for largest in (1, 9):
            net = integers(widths, seed, largest, biases=False)
            found = on_box(net)
            if widths[0] == 1:
                assert len(found) <= 2
            for exponent in (-300, -20, 20, 300):
                half = 2.0**exponent
                domain = box([-half] * widths[0], [half] * widths[0])
                for chosen in (True, "always"):
                    assert vitrail.count_regions(to_network(net), domain, exact=chosen) == len(found)


@pytest.mark.parametrize("widths", [(1, 6, 6, 6, 6, 1), (2, 5, 5, 5, 1), (1, *[4] * 10, 1), (2, *[3] * 10, 1)])
def test_int8_networks(widths: tuple[int, ...]) -> None:
    """Depth ten: exact forms of more than 53 bits, that cancel."""
    for seed in range(3):
        assert len(on_box(integers(widths, seed, 127))) >= 1


@pytest.mark.parametrize("scale", [1 / 127, 0.1, 3.0])
def test_int8_networks_with_a_scale_per_layer(scale: float) -> None:
    """The stored products are rounded, each for itself: equal integers stay equal, concurrent lines need not."""
    for seed in range(3):
        net = integers((2, 6, 6, 1), seed, 3)
        rounded = mlp(
            [
                ([[scale * float(v) for v in row] for row in node.weight], [scale * float(v) for v in node.bias])
                for node in net.nodes
                if hasattr(node, "weight")
            ]
        )
        on_box(rounded)


@pytest.mark.parametrize("family", sorted(networks.DEGENERATE_FAMILIES))
def test_degenerate_float32_networks(family: str) -> None:
    for seed in range(2):
        on_box(networks.exact_of(networks.DEGENERATE_FAMILIES[family](5, seed)))


# Maxima.


def maximum(candidates: Sequence[Form], sign: int = 1) -> Net:
    """The maximum of forms."""
    layer = ("affine", [list(f[1:]) for f in candidates], [f[0] for f in candidates])
    return Net.chain(len(candidates[0]) - 1, [layer, ("max", [list(range(len(candidates)))], sign)])


@pytest.mark.parametrize("half", [0, 1, 2, 3])
def test_tangent_planes_of_a_paraboloid(half: int) -> None:
    """Each point of the grid has its square of the Voronoi diagram, four of which meet in every corner."""
    points = [(i, j) for i in range(-half, half + 1) for j in range(-half, half + 1)]
    order = np.random.default_rng(half).permutation(len(points))
    tangents = [[-Fraction(i * i + j * j, 2), i, j] for i, j in (points[k] for k in order)]
    side = 2 * half + 1
    for sign in (1, -1):
        net = maximum([[sign * v for v in tangent] for tangent in tangents], sign)
        for reach in (half + Fraction(1, 2), half + 1):
            assert counts(on_box(net, reach)) == (side * side,) * 3
        # once more every candidate, and the averages of neighbors, which never win alone
        repeated = (
            tangents + [[(a + b) / 2 for a, b in zip(s, t, strict=True)] for s, t in combinations(tangents, 2)][:40]
        )
        assert (
            counts(on_box(maximum([[sign * v for v in t] for t in repeated + tangents], sign), half + 1))
            == (side * side,) * 3
        )
    line = maximum([[-Fraction(i * i, 2), i] for i in range(-half, half + 1)])
    assert counts(on_box(line, half + 1)) == (side,) * 3


def test_ties_of_maxima() -> None:
    assert counts(on_box(maximum([[0, 1, 0]] * 3))) == (1, 1, 1)
    assert counts(on_box(maximum([[0, 1, 0], [0, 0, 1], [0, -1, -1]]))) == (3, 3, 3)
    assert counts(on_box(maximum([[0, 1, 0], [0, Fraction(1, 2), Fraction(1, 2)], [0, 0, 1]]))) == (2, 2, 2)
    assert counts(on_box(maximum([[0, 1], [0, -1], [0, 0], [0, 1]]))) == (2, 2, 2)
    three = ("affine", [[1, 0], [0, 1], [-1, -1], [1, 1]], [0, 0, 0, 0])
    # windows over ReLU units: both zero on whole cells, and equal on others
    for groups in ([[0, 1], [1, 2], [2, 3]], [[0, 0], [1, 1]], [[0, 1, 2, 3], [3, 2, 1, 0]], [[0], [1], [2]]):
        for sign in (1, -1):
            on_box(Net.chain(2, [three, activation("relu", 4), ("max", groups, sign)]))


@pytest.mark.parametrize("windows", [2, 3])
def test_pooling_and_maxout_layers(windows: int) -> None:
    for seed in range(6):
        generator = np.random.default_rng([seed, windows])
        size = 6

        def layer(inputs: int, outputs: int, generator: np.random.Generator = generator) -> tuple[str, Any, Any]:
            weight = generator.integers(-1, 2, (outputs, inputs)).tolist()
            return "affine", weight, generator.integers(-1, 2, outputs).tolist()

        groups = [list(range(start, start + windows)) for start in range(0, size - windows + 1)]
        pooled = [layer(2, size), activation("relu", size), ("max", groups, 1), layer(len(groups), 3)]
        on_box(Net.chain(2, [*pooled, activation("relu", 3), layer(3, 1)]))
        maxout = [layer(2, size), ("max", groups[::windows], 1), layer(len(groups[::windows]), size)]
        on_box(Net.chain(2, [*maxout, ("max", groups[::windows], -1)]))
        on_box(Net.chain(1, [layer(1, size), *maxout[1:], ("max", groups, 1)]))


@pytest.mark.parametrize("lines", [1, 4, 9])
def test_a_slope_of_one_bends_nothing(lines: int) -> None:
    forms = closed_forms.tangent_forms(lines, 2)
    flat = [("affine", [f[1:] for f in forms], [f[0] for f in forms]), activation("leaky_relu", lines, 1)]
    net = Net.chain(2, [*flat, ("affine", [[3**i for i in range(lines)]], [0])])
    found = proven(net, box([0, 0], [1, 1]))
    assert counts(found) == (closed_forms.zaslavsky(lines, 2), 1, 1)
    points = Net.chain(1, [("affine", [[1]] * lines, list(range(lines))), *flat[1:], ("affine", [[1] * lines], [0])])
    assert counts(on_box(points, lines)) == (lines + 1, 1, 1)


# Modules of torch.


def with_numbers(layer: torch.nn.Linear | torch.nn.Conv2d, generator: np.random.Generator) -> Any:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.from_numpy(generator.integers(-2, 3, tuple(parameter.shape))))
    return layer


@pytest.mark.parametrize("seed", range(4))
def test_batch_norm_with_zero_and_negative_weights(seed: int) -> None:
    """With variance 4 and no epsilon the layer is gamma (z - mean) / 2 + beta without rounding."""
    generator = np.random.default_rng([seed, 37])
    first, last = (with_numbers(torch.nn.Linear(*size), generator) for size in ((2, 6), (6, 1)))
    norm = torch.nn.BatchNorm1d(6, eps=0.0)
    gamma, beta, mean = ([0, -1, 2, 0, -3, 1], generator.integers(-1, 2, 6), generator.integers(-2, 3, 6))
    with torch.no_grad():
        norm.weight.copy_(torch.tensor(gamma))
        norm.bias.copy_(torch.from_numpy(beta))
    norm.running_mean = torch.from_numpy(mean).float()
    norm.running_var = torch.full((6,), 4.0)
    module = torch.nn.Sequential(first, norm, torch.nn.ReLU(), last).eval()
    weight, bias = (p.detach().numpy().astype(int).tolist() for p in first.parameters())
    scaled = [[Fraction(g, 2) * v for v in row] for g, row in zip(gamma, weight, strict=True)]
    shifted = [Fraction(g, 2) * int(b - m) + int(t) for g, b, m, t in zip(gamma, bias, mean, beta, strict=True)]
    net = mlp([(scaled, shifted), tuple(p.detach().numpy().astype(int).tolist() for p in last.parameters())])
    network = vitrail.Network.from_torch(module, torch.zeros(1, 2))
    found = proven(network, box([-2, -2], [2, 2]), exact.box(net, [-2, -2], [2, 2]))
    forms = [[c, *row] for c, row in zip(shifted, scaled, strict=True)]
    assert len(found) == closed_forms.lines_in_window(forms, [(2 * x, 2 * y) for x, y in SQUARE])


def test_batch_norm_that_rounds_keeps_lines_through_one_point() -> None:
    """Without means and shifts only the sign of gamma matters, whatever the rounding of gamma / sqrt(variance)."""
    forms = central_forms(7)
    first = torch.nn.Linear(2, 7, bias=False)
    norm = torch.nn.BatchNorm1d(7)
    generator = np.random.default_rng(0)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([form[1:] for form in forms]))
        norm.weight.copy_(torch.from_numpy(generator.normal(size=7)))
        norm.weight[3] = 0.0
    norm.running_var = torch.from_numpy(generator.uniform(0.1, 9.0, 7)).float()
    module = torch.nn.Sequential(first, norm, torch.nn.ReLU(), torch.nn.Linear(7, 1)).eval()
    network = vitrail.Network.from_torch(module, torch.zeros(1, 2))
    assert len(proven(network, box([-1, -1], [1, 1]))) == closed_forms.central(6, 2)


@pytest.mark.parametrize("seed", range(3))
def test_batch_norm_keeps_its_means(seed: int) -> None:
    """Without shifts a unit switches where z is its mean, exactly, whatever the rounding of the factor."""
    generator = np.random.default_rng([seed, 43])
    forms = generator.integers(-3, 4, (6, 3))
    first, norm = torch.nn.Linear(2, 6, bias=False), torch.nn.BatchNorm1d(6)
    with torch.no_grad():
        first.weight.copy_(torch.from_numpy(forms[:, 1:]))
        norm.weight.copy_(torch.from_numpy(generator.uniform(0.5, 2.0, 6)))
    norm.running_mean = -torch.from_numpy(forms[:, 0]).float()
    norm.running_var = torch.from_numpy(generator.uniform(0.1, 9.0, 6)).float()
    module = torch.nn.Sequential(first, norm, torch.nn.ReLU(), torch.nn.Linear(6, 1)).eval()
    network = vitrail.Network.from_torch(module, torch.zeros(1, 2))
    lines = closed_forms.lines_in_window(forms.tolist(), [(2 * x, 2 * y) for x, y in SQUARE])
    assert len(proven(network, box([-2, -2], [2, 2]))) == lines


@pytest.mark.parametrize("pool", [False, True])
def test_small_integer_convolutions_on_planes(pool: bool) -> None:
    """The same layers as matrices, from the images of the unit vectors: sums of small integers do not round."""
    for seed in range(3):
        generator = np.random.default_rng([seed, 41])
        convolution = with_numbers(torch.nn.Conv2d(1, 2, 2, padding=1), generator)
        last = with_numbers(torch.nn.Linear(8 if pool else 32, 2), generator)
        middle = [torch.nn.MaxPool2d(2)] if pool else []
        module = torch.nn.Sequential(convolution, torch.nn.ReLU(), *middle, torch.nn.Flatten(), last).eval()
        with torch.no_grad():
            zero = convolution(torch.zeros(1, 1, 3, 3)).reshape(-1)
            columns = convolution(torch.eye(9).reshape(9, 1, 3, 3)).reshape(9, -1) - zero
        layers: list[Sequence[Any]] = [
            ("affine", columns.T.int().tolist(), zero.int().tolist()),
            activation("relu", 32),
        ]
        if pool:
            corners = [c * 16 + 4 * i + j for c in range(2) for i in (0, 2) for j in (0, 2)]
            layers.append(("max", [[k, k + 1, k + 4, k + 5] for k in corners], 1))
        weight, bias = (p.detach().int().tolist() for p in last.parameters())
        net = Net.chain(9, [*layers, ("affine", weight, bias)])
        origin, u, v = generator.integers(-2, 3, (3, 9)).tolist()
        plane = vitrail.Plane(*(np.array(row, dtype=float).reshape(1, 3, 3) for row in (origin, u, v)))
        truth = exact.subdivide(net, shapes.polygon(exact_matrix(SQUARE)), Frame.of(origin, [u, v]))
        proven(vitrail.Network.from_torch(module, torch.zeros(1, 1, 3, 3)), plane, truth)


# Gaps below one unit in the last place, absorption, and the ends of float64.


def breakpoints(forms: Sequence[Form], low: Any, high: Any) -> int:
    """One more than the different roots strictly between two numbers."""
    roots = {-Fraction(c) / Fraction(a) for c, a in forms if a}
    return 1 + sum(low < root < high for root in roots)


def test_decimals_that_are_not_binary() -> None:
    """0.1 + 0.2 is not 0.3, and 3 / 10 is neither."""
    for forms in (
        [[-0.3, 1.0], [-(0.1 + 0.2), 1.0]],
        [[-0.3, 1.0], [-3.0, 10.0]],
        [[-0.3, 1.0], [-(0.1 + 0.2), 1.0], [-3.0, 10.0], [-0.9, 3.0], [-0.1 * 3, 1.0], [-1.5, 5.0]],
        [[-k * 0.1, float(k)] for k in range(1, 40)],
        [[-k / 10, float(k)] for k in range(1, 40)],
        [[-float(k), k / 0.1] for k in range(1, 40)],
    ):
        net = one_layer(forms)
        assert len(on_box(net)) == breakpoints(forms, -1, 1)
        strips = one_layer([*([c, a, 0.0] for c, a in forms), [0.0, 1.0, 1.0], [-0.25, 0.0, 1.0]])
        planar = [*([c, a, 0.0] for c, a in forms), [0.0, 1.0, 1.0], [-0.25, 0.0, 1.0]]
        assert len(on_box(strips)) == closed_forms.lines_in_window(planar, SQUARE)


@pytest.mark.parametrize("gap", [0.0, 2.0**-30, 2.0**-52, 2.0**-60, 2.0**-200, 2.0**-1000, 5e-324])
def test_lines_that_nearly_meet(gap: float) -> None:
    for lines in (
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-gap, 1.0, 1.0]],
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-gap, 1.0, 1.0], [0.0, 1.0, -1.0], [gap, 2.0, 1.0]],
        [[0.0, 1.0, 0.0], [gap, 1.0, 0.0], [-gap, 1.0, 0.0], [0.0, 1.0, 3.0]],
        [[0.1, 1.0, 0.0], [0.2, 0.0, 1.0], [0.1 + 0.2, 1.0, 1.0], [0.3, 1.0, 1.0]],
        [[gap, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0 + 2.0**-52], [gap, 1.0, 1.0 - 2.0**-53]],
    ):
        expected = closed_forms.lines_in_window(lines, SQUARE)
        assert len(on_box(one_layer(lines))) == expected


def test_random_bundles_of_lines_that_nearly_meet() -> None:
    """All lines through one point, but for the rounding of their constants."""
    for seed in range(12):
        generator = np.random.default_rng([seed, 43])
        x, y = generator.uniform(-0.9, 0.9, 2)
        slopes = generator.integers(-9, 10, (8, 2)) / np.float64(generator.integers(1, 10))
        forms = [[-(a * x + b * y), a, b] for a, b in slopes.tolist()]
        assert len(on_box(one_layer(forms))) == closed_forms.lines_in_window(forms, SQUARE)


def test_nearly_parallel_lines() -> None:
    forms = [[k * 2.0**-54, 1.0, 1.0 + k * 2.0**-52] for k in range(-3, 4)]
    corners = [(-(2**60), -(2**60)), (2**60, -(2**60)), (2**60, 2**60), (-(2**60), 2**60)]
    for where in (SQUARE, corners):
        assert len(proven(one_layer(forms), window(where))) == closed_forms.lines_in_window(forms, where)


def test_absorption() -> None:
    """2^53 x + 1, where 1 is lost beside 2^53 x for most x."""
    big = 2.0**53
    forms = [[1.0, big], [0.0, big], [-1.0, big], [1.0, -big], [0.0, 1.0], [1.0, 2 * big]]
    assert len(on_box(one_layer(forms))) == breakpoints(forms, -1, 1)
    for last in (-0.5, 0.0, 0.5, 1.0, 3.0):
        deep = mlp([([[big], [big]], [1.0, 0.0]), ([[1.0, -1.0], [1.0, -1.0]], [last, -1.0]), ([[1.0, 1.0]], [0.0])])
        on_box(deep)
    planar = mlp(
        [([[big, 1.0], [big, -1.0]], [1.0, 0.0]), ([[1.0, -1.0], [-1.0, 1.0]], [0.5, -1.0]), ([[1.0, 1.0]], [0.0])]
    )
    on_box(planar)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-150, 1e-30, 1e30, 1e150])
def test_weights_at_the_ends_of_float64(scale: float) -> None:
    forms = [[0.1, 1.0, 0.3], [0.2, 0.4, 1.0], [-0.3, 1.0, -1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    small = [[scale * v for v in form] for form in forms]
    expected = closed_forms.lines_in_window(small, SQUARE)
    assert len(on_box(one_layer(small))) == expected
    mixed = [[scale * v for v in form] if i % 2 else form for i, form in enumerate(forms)]
    assert len(on_box(one_layer(mixed))) == closed_forms.lines_in_window(mixed, SQUARE)
    one = [[scale * c, scale * a] for c, a, _ in forms]
    assert len(on_box(one_layer(one))) == breakpoints(one, -1, 1)


def test_subnormal_weights() -> None:
    tiny = 5e-324
    forms = [[tiny, 3 * tiny, tiny], [-tiny, 2 * tiny, 5 * tiny], [0.0, tiny, -tiny], [0.0, 7 * tiny, -7 * tiny]]
    for extra in ([], [[-0.25, 1.0, 0.0]], [[0.0, 1.0, 0.0], [0.0, 1e-310, 1e-310]]):
        lines = forms + extra
        assert len(on_box(one_layer(lines))) == closed_forms.lines_in_window(lines, SQUARE)
    one = [[tiny, 3 * tiny], [-tiny, 3 * tiny], [2 * tiny, 3e-322], [0.0, 1.0]]
    assert len(on_box(one_layer(one))) == breakpoints(one, -1, 1)
    # products of subnormal numbers are far below the smallest float64
    deep = mlp([([[tiny], [-tiny]], [0.0, tiny]), ([[tiny, -tiny], [1.0, -3.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    on_box(deep)


@pytest.mark.parametrize("exponent", [-100, -30, 30, 100])
def test_domains_of_any_size(exponent: int) -> None:
    """x -> 2^k x with the constants scaled along: the same lines."""
    forms = np.random.default_rng(5).integers(-3, 4, (9, 3)).tolist()
    expected = closed_forms.lines_in_window(forms, SQUARE)
    half = Fraction(2) ** exponent
    scaled = [[c * half, a, b] for c, a, b in forms]
    assert len(on_box(one_layer(scaled), half)) == expected
    thin = [[c, a / half, b] for c, a, b in forms]
    corners = [(x * half, y) for x, y in SQUARE]
    assert len(proven(one_layer(thin), window(corners))) == expected


def test_a_bias_that_is_exact_in_float64_only_as_a_whole() -> None:
    """The constants of a layer as an array of float64 are taken as they are."""
    constants = exact_array([Fraction(1, 2**k) for k in range(0, 1000, 50)])
    network = vitrail.Network.from_arrays(
        [(np.ones((len(constants), 1)), -constants), (np.ones((1, len(constants))), None)]
    )
    assert len(proven(network, vitrail.Segment([-1.0], [2.0]))) == len(constants) + 1
    assert len(proven(network, vitrail.Line([0.0], [1.0]))) == len(constants) + 1
