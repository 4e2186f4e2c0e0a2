"""What must not change, or change in a known way, when a network or its domain is changed.

Networks are drawn from small integers and halves, so that most of them are degenerate; a counter makes sure of it. No
relation needs to know the right number, and every result is asked for twice: certified, and with every sign exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vitrail
from comparison import differences
from helpers import domain_of, patterns_of, square
from oracles import exact, networks, shapes
from oracles.carrying import Frame
from oracles.convert import exact_float
from oracles.float_networks import float_case
from oracles.neutral import Affine, Elementwise, Input, Maximum, Net, Node, Pattern, activation, parse_node, sources
from oracles.random_networks import FAMILIES, MLP_FAMILIES, Case, cases, is_degenerate
from translate import to_network
from vitrail.domains import Domain
from vitrail.regions import RegionSet
from vitrail.status import Status

Draw = Callable[[st.SearchStrategy[Any]], Any]

DEFINITIONS = ("activation", "linear", "affine")
CHAINS = (*MLP_FAMILIES, "mixed", "maxout", "pool")
NON_NEGATIVE = ("relu", "abs", "relu6")
"""The families whose units have no negative values."""

# every example is several searches, so fewer than the profile of conftest.py asks for
EXAMPLES = settings.default.max_examples // 9

# Vertices are off by some units of 2^-52 of the domain's size times the ratio of small integers' determinants: 1e-10 of
# the domain's measure is far above that, and far below the smallest region of such a network. The same goes for maps.
CLOSE = 1e-10
ROOM = 16 * CLOSE
"""The same for one region of a case's domain."""


def drawn(check: Callable[[Case, Draw], None], families: Sequence[str] = FAMILIES, **options: Any) -> None:
    """Try a relation on random cases, at least three in ten of which are degenerate."""
    degenerate: list[bool] = []

    @settings(max_examples=EXAMPLES)
    @given(cases(families, **options), st.data())
    def run(case: Case, data: st.DataObject) -> None:
        degenerate.append(is_degenerate(case))
        check(case, data.draw)

    run()
    assert sum(degenerate) >= 0.3 * len(degenerate)


@dataclass(frozen=True)
class Picture:
    """What a relation compares: measures, maps and neighbors by pattern, and the counts by definition."""

    measures: dict[Pattern, float]
    maps: dict[Pattern, np.ndarray]
    neighbors: set[frozenset[Pattern]]
    counts: tuple[int, ...]

    def renamed(self, name: Callable[[Pattern], Pattern]) -> Picture:
        """The same picture with other patterns."""
        measures = {name(pattern): value for pattern, value in self.measures.items()}
        maps = {name(pattern): value for pattern, value in self.maps.items()}
        neighbors = {frozenset(name(pattern) for pattern in pair) for pair in self.neighbors}
        return Picture(measures, maps, neighbors, self.counts)

    def assert_same(self, other: Picture, *, scale: float = 1.0, maps: bool = True) -> None:
        """Same patterns, neighbors and counts; the measures `scale` times the other's."""
        assert self.measures.keys() == other.measures.keys()
        expected = {pattern: scale * value for pattern, value in other.measures.items()}
        assert self.measures == pytest.approx(expected, rel=0, abs=CLOSE * sum(expected.values()))
        assert self.neighbors == other.neighbors
        assert self.counts == other.counts
        for pattern in self.maps if maps else ():
            np.testing.assert_allclose(self.maps[pattern], other.maps[pattern], rtol=CLOSE, atol=CLOSE)


def picture(net: Net | vitrail.Network, domain: Domain) -> Picture:
    """The regions of a domain: proven, and the same whichever way signs are decided."""
    network = to_network(net) if isinstance(net, Net) else net
    certified = vitrail.enumerate_regions(network, domain)
    always = vitrail.enumerate_regions(network, domain, exact="always")
    assert (certified.status, always.status) == (Status.CERTIFIED, Status.EXACT)
    result = picture_of(certified)
    result.assert_same(picture_of(always))
    return result


def picture_of(regions: RegionSet) -> Picture:
    """A result, which must be a proper partition."""
    names = patterns_of(regions)
    assert len(set(names)) == len(names)
    assert regions.euler_characteristic() == 1
    assert regions.measure_error < CLOSE
    return Picture(
        dict(zip(names, regions.measures.tolist(), strict=True)),
        dict(zip(names, regions.affine_maps, strict=True)),
        {frozenset((names[i], names[j])) for i, j in regions.facets.regions},
        tuple(int(regions.count(definition)) for definition in DEFINITIONS),
    )


# Changes of a network.


@dataclass(frozen=True)
class Layer:
    """An affine node, the elementwise node that alone reads it, and the nodes that read that."""

    net: Net
    affine: int
    units: int
    readers: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of units."""
        return self.net.sizes[self.units]

    @property
    def start(self) -> int:
        """Where the units begin in a pattern."""
        before = self.net.piecewise[: self.net.piecewise.index(self.units)]
        return sum(self.net.sizes[node] for node in before)


def layers(net: Net) -> list[Layer]:
    """The layers whose units can be moved: everything that reads them is affine or a maximum."""
    found = []
    for units, node in enumerate(net.nodes):
        if not isinstance(node, Elementwise) or not isinstance(net.nodes[node.source], Affine):
            continue
        readers = tuple(i for i, other in enumerate(net.nodes) if units in sources(other))
        alone = [i for i, other in enumerate(net.nodes) if node.source in sources(other)] == [units]
        if alone and all(isinstance(net.nodes[i], Affine | Maximum) for i in readers):
            found.append(Layer(net, node.source, units, readers))
    return found


def some_layer(net: Net, draw: Draw, *, only_affine: bool = False) -> Layer | None:
    """One of the layers, if there is one; `only_affine`: one that no maximum reads."""
    usable = [x for x in layers(net) if not only_affine or all(isinstance(net.nodes[i], Affine) for i in x.readers)]
    return draw(st.sampled_from(usable)) if usable else None


def with_units(layer: Layer, order: Sequence[int], rows: Sequence[Any], columns: Sequence[Any]) -> Net:
    """The network whose layer has the units `order` of the old one, row k times rows[k], outgoing weights columns[k].

    The breakpoints of a unit move with its row, so its values are those of the old one times rows[k].
    """
    nodes = list(layer.net.nodes)
    affine, units = nodes[layer.affine], nodes[layer.units]
    assert isinstance(affine, Affine)
    assert isinstance(units, Elementwise)
    factors = [Fraction(value) for value in rows]
    chosen = list(zip(order, factors, strict=True))
    nodes[layer.affine] = replace(
        affine,
        weight=tuple(tuple(c * value for value in affine.weight[i]) for i, c in chosen),
        bias=tuple(c * affine.bias[i] for i, c in chosen),
    )
    nodes[layer.units] = replace(
        units,
        breakpoints=tuple(tuple(c * value for value in units.breakpoints[i]) for i, c in chosen),
        slopes=tuple(units.slopes[i] for i in order),
        intercepts=tuple(tuple(c * value for value in units.intercepts[i]) for i, c in chosen),
    )
    for reader in layer.readers:
        node = nodes[reader]
        if isinstance(node, Affine):
            outgoing = list(zip(order, (Fraction(value) for value in columns), strict=True))
            nodes[reader] = replace(node, weight=tuple(tuple(c * row[i] for i, c in outgoing) for row in node.weight))
        else:
            assert isinstance(node, Maximum)
            place = {i: k for k, i in reversed(list(enumerate(order)))}
            nodes[reader] = replace(node, groups=tuple(tuple(place[i] for i in group) for group in node.groups))
    return Net(tuple(nodes), layer.net.output)


def repeated(layer: Layer, order: Sequence[int]) -> Callable[[Pattern], Pattern]:
    """The pattern of a layer with the units `order` from that of the old one."""
    start, stop = layer.start, layer.start + layer.size
    return lambda pattern: (*pattern[:start], *(pattern[start + i] for i in order), *pattern[stop:])


def after_input(net: Net, weight: Sequence[Sequence[Any]], bias: Sequence[Any]) -> Net:
    """The network of x -> net(weight x + bias)."""
    first = [Input(len(weight[0])), parse_node(("affine", weight, bias, 0))]
    return Net((*first, *(shifted(node, 1) for node in net.nodes[1:])), net.output + 1)


def shifted(node: Node, by: int, first: int = 0) -> Node:
    """The node with its sources from `first` on moved."""
    names = [name for name in ("source", "left", "right") if hasattr(node, name)]
    moved = {name: value + by * (value >= first) for name in names if (value := getattr(node, name)) is not None}
    return replace(node, **moved)


def then(net: Net, *raw: Sequence[Any]) -> Net:
    """The network with nodes at its end; each raw node without sources reads the one before it."""
    assert net.output == len(net.nodes) - 1
    nodes = list(net.nodes)
    for node in raw:
        chained = node[0] in ("affine", "elementwise") and not isinstance(node[-1], int)
        nodes.append(parse_node((*node, len(nodes) - 1) if chained else node))
    return Net(tuple(nodes), len(nodes) - 1)


def small_number(draw: Draw) -> Fraction:
    return Fraction(draw(st.integers(-6, 6)), 2)


# Units and layers.


def test_the_order_of_the_units_does_not_matter() -> None:
    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw)
        if layer is None:
            return
        order = draw(st.permutations(range(layer.size)))
        changed = with_units(layer, order, [1] * layer.size, [1] * layer.size)
        before = picture(case.net, domain_of(case)).renamed(repeated(layer, order))
        picture(changed, domain_of(case)).assert_same(before)

    drawn(check)


def test_a_unit_scaled_by_a_power_of_two_and_back() -> None:
    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw, only_affine=True)
        if layer is None:
            return
        factors = [
            Fraction(2) ** draw(st.sampled_from((-300, -60, -3, -1, 0, 1, 2, 40, 300))) for _ in range(layer.size)
        ]
        changed = with_units(layer, range(layer.size), factors, [1 / factor for factor in factors])
        picture(changed, domain_of(case)).assert_same(picture(case.net, domain_of(case)))

    drawn(check)


def test_a_unit_scaled_by_a_rational_and_back() -> None:
    """Rows times p and columns times q, against rows times q and columns times p."""

    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw, only_affine=True)
        if layer is None:
            return
        factor = st.sampled_from((1, 3, 5, 7, 10, 1001, 2**25 + 1))
        p, q = ([draw(factor) for _ in range(layer.size)] for _ in range(2))
        first, second = (with_units(layer, range(layer.size), *pair) for pair in ((p, q), (q, p)))
        picture(first, domain_of(case)).assert_same(picture(second, domain_of(case)))

    drawn(check)


def test_a_network_scaled_from_a_layer_on() -> None:
    """Scaling the biases and breakpoints from a layer on scales the output."""

    def check(case: Case, draw: Draw) -> None:
        first = draw(st.sampled_from([i for i, node in enumerate(case.net.nodes) if isinstance(node, Affine)]))
        factor = draw(st.sampled_from((3, 7, Fraction(5, 4), Fraction(1, 1024), Fraction(2**24 - 1, 2**10))))
        nodes = [
            *case.net.nodes[:first],
            *(scaled(node, factor, i == 0) for i, node in enumerate(case.net.nodes[first:])),
        ]
        before, after = picture(case.net, domain_of(case)), picture(Net(tuple(nodes), case.net.output), domain_of(case))
        after.assert_same(before, maps=False)
        for pattern, values in before.maps.items():
            np.testing.assert_allclose(after.maps[pattern], float(factor) * values, rtol=CLOSE, atol=CLOSE)

    drawn(check, CHAINS)


def scaled(node: Node, factor: Any, weights: bool) -> Node:
    if isinstance(node, Affine):
        weight = tuple(tuple(factor * v for v in row) for row in node.weight) if weights else node.weight
        return replace(node, weight=weight, bias=tuple(factor * v for v in node.bias))
    if isinstance(node, Elementwise):
        points, intercepts = (
            tuple(tuple(factor * v for v in row) for row in part) for part in (node.breakpoints, node.intercepts)
        )
        return replace(node, breakpoints=points, intercepts=intercepts)
    return node


def test_a_copy_of_a_unit_adds_nothing() -> None:
    """The copies share the outgoing weight; their number is odd, too."""

    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw, only_affine=True)
        if layer is None:
            return
        unit = draw(st.integers(0, layer.size - 1))
        copies = draw(st.sampled_from((1, 3)))
        order = [*range(layer.size), *[unit] * copies]
        columns = [Fraction(1, copies + 1) if i == unit else 1 for i in order]
        changed = with_units(layer, order, [1] * len(order), columns)
        before = picture(case.net, domain_of(case)).renamed(repeated(layer, order))
        picture(changed, domain_of(case)).assert_same(before)

    drawn(check)


def test_multiples_and_opposites_of_a_unit_that_nothing_reads() -> None:
    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw, only_affine=True)
        if layer is None:
            return
        unit = draw(st.integers(0, layer.size - 1))
        factors = draw(st.lists(st.sampled_from((1, 2, 3, Fraction(5, 8))), min_size=1, max_size=3))
        order = [*range(layer.size), *[unit] * len(factors)]
        silent = [1] * layer.size + [0] * len(factors)
        changed = with_units(layer, order, [1] * layer.size + factors, silent)
        before = picture(case.net, domain_of(case))
        picture(changed, domain_of(case)).assert_same(before.renamed(repeated(layer, order)))
        opposite = mirrored(changed, layer, range(layer.size, len(order)))
        after = picture(opposite, domain_of(case))
        assert after.counts == before.counts
        assert sorted(after.measures.values()) == pytest.approx(sorted(before.measures.values()), abs=ROOM)

    drawn(check)


def mirrored(net: Net, layer: Layer, which: Sequence[int]) -> Net:
    """The network whose units `which` have the opposite row, and breakpoints that make their values those of before."""
    nodes = list(net.nodes)
    affine, units = nodes[layer.affine], nodes[layer.units]
    assert isinstance(affine, Affine)
    assert isinstance(units, Elementwise)
    chosen = set(which)

    def rows(part: Any, change: Callable[[Any], Any]) -> tuple[Any, ...]:
        return tuple(change(row) if i in chosen else row for i, row in enumerate(part))

    nodes[layer.affine] = replace(
        affine,
        weight=rows(affine.weight, lambda row: tuple(-v for v in row)),
        bias=rows(affine.bias, lambda value: -value),
    )
    nodes[layer.units] = replace(
        units,
        breakpoints=rows(units.breakpoints, lambda row: tuple(-v for v in reversed(row))),
        slopes=rows(units.slopes, lambda row: tuple(-v for v in reversed(row))),
        intercepts=rows(units.intercepts, lambda row: tuple(reversed(row))),
    )
    return Net(tuple(nodes), net.output)


def test_mirrored_units_keep_the_function() -> None:
    """f(z) = g(-z): the pieces in reverse order, except where a unit rests on a breakpoint all over a cell."""

    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw)
        if layer is None:
            return
        which = draw(st.sets(st.integers(0, layer.size - 1), min_size=1))
        before = picture(case.net, domain_of(case))
        after = picture(mirrored(case.net, layer, sorted(which)), domain_of(case))
        assert after.counts == before.counts
        assert sorted(after.measures.values()) == pytest.approx(sorted(before.measures.values()), abs=ROOM)

    drawn(check)


def test_zero_dead_and_constant_units_add_nothing() -> None:
    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw, only_affine=True)
        if layer is None:
            return
        heights = draw(st.lists(st.sampled_from((0, -1, 5)), min_size=1, max_size=3))
        weights = [small_number(draw) for _ in heights]
        nodes = list(case.net.nodes)
        affine, units = nodes[layer.affine], nodes[layer.units]
        assert isinstance(affine, Affine)
        assert isinstance(units, Elementwise)
        zero = (Fraction(0),) * len(affine.weight[0])
        nodes[layer.affine] = replace(
            affine, weight=affine.weight + (zero,) * len(heights), bias=affine.bias + tuple(map(Fraction, heights))
        )
        relu = activation("relu", 1)
        added = [tuple(map(Fraction, part[0])) for part in relu[1:]]
        nodes[layer.units] = replace(
            units,
            breakpoints=units.breakpoints + (added[0],) * len(heights),
            slopes=units.slopes + (added[1],) * len(heights),
            intercepts=units.intercepts + (added[2],) * len(heights),
        )
        for reader in layer.readers:
            node = nodes[reader]
            assert isinstance(node, Affine)
            # what a constant unit sends on is taken off the bias
            sent = sum(w * max(h, 0) for w, h in zip(weights, heights, strict=True))
            nodes[reader] = replace(
                node,
                weight=tuple((*row, *weights) for row in node.weight),
                bias=tuple(value - sent for value in node.bias),
            )
        end = layer.start + layer.size
        pieces = tuple(int(h > 0) for h in heights)
        before = picture(case.net, domain_of(case)).renamed(lambda p: (*p[:end], *pieces, *p[end:]))
        picture(Net(tuple(nodes), case.net.output), domain_of(case)).assert_same(before)

    drawn(check)


def test_a_layer_of_identity_units_adds_nothing() -> None:
    """ReLU after values that are never negative: where they vanish on a whole cell, the new unit has one state."""

    def check(case: Case, draw: Draw) -> None:
        layer = draw(st.sampled_from(layers(case.net)))
        at, size = layer.units, layer.size
        identity = [[int(i == j) for j in range(size)] for i in range(size)]
        added = [parse_node(("affine", identity, [0] * size, at)), parse_node((*activation("relu", size), at + 1))]
        rest = [shifted(node, 2, at) for node in case.net.nodes[at + 1 :]]
        changed = Net((*case.net.nodes[: at + 1], *added, *rest), case.net.output + 2)
        start, stop = layer.start, layer.start + size
        before, after = picture(case.net, domain_of(case)), picture(changed, domain_of(case))
        shortened = after.renamed(lambda p: (*p[:stop], *p[stop + size :]))
        assert len(shortened.measures) == len(after.measures)
        shortened.assert_same(before)
        if case.family == "relu":
            assert all(p[start:stop] == p[stop : stop + size] for p in after.measures)

    drawn(check, NON_NEGATIVE)


def test_a_dead_layer_hides_the_maps_but_no_activation() -> None:
    def check(case: Case, draw: Draw) -> None:
        size = case.net.sizes[case.net.output]
        height = draw(st.sampled_from((-1, 0)))
        dead = ("affine", [[0] * size, [0] * size], [height, -2])
        changed = then(case.net, dead, activation("relu", 2), ("affine", [[1, -3]], [2]))
        before, after = picture(case.net, domain_of(case)), picture(changed, domain_of(case))
        assert after.counts == (before.counts[0], 1, 1)
        assert after.measures.keys() == {(*pattern, 0, 0) for pattern in before.measures}

    drawn(check)


def test_a_leaky_unit_of_slope_one_bends_nothing() -> None:
    """More activation regions, the same linear regions and maps."""

    def check(case: Case, draw: Draw) -> None:
        size = case.net.sizes[case.net.output]
        shift = [small_number(draw) for _ in range(size)]
        identity = [[int(i == j) for j in range(size)] for i in range(size)]
        bent = then(case.net, ("affine", identity, shift), activation("leaky_relu", size, 1))
        changed = then(bent, ("affine", identity, [-v for v in shift]))
        before, after = picture(case.net, domain_of(case)), picture(changed, domain_of(case))
        assert after.counts[1:] == before.counts[1:]
        assert after.counts[0] >= before.counts[0]
        assert {pattern[:-size] for pattern in after.measures} == before.measures.keys()

    drawn(check)


def test_a_unit_replaced_by_its_opposite_keeps_every_map() -> None:
    """relu(z) = z + relu(-z), with z passed on next to the units."""

    def check(case: Case, draw: Draw) -> None:
        layer = draw(st.sampled_from(layers(case.net)))
        unit = draw(st.integers(0, layer.size - 1))
        before = picture(case.net, domain_of(case))
        after = picture(with_opposite(layer, unit), domain_of(case))
        at = layer.start + unit
        assert after.counts == before.counts
        for pattern, values in before.maps.items():
            flipped = (*pattern[:at], 1 - pattern[at], *pattern[at + 1 :])
            found = flipped if flipped in after.maps else pattern  # on a breakpoint all over the cell: the lower piece
            np.testing.assert_allclose(after.maps[found], values, rtol=CLOSE, atol=CLOSE)
            assert after.measures[found] == pytest.approx(before.measures[pattern], abs=ROOM)

    drawn(check, ["relu"])


def with_opposite(layer: Layer, unit: int) -> Net:
    """The affine node, its copy with one row turned, ReLU of the copy, and both one after the other."""
    net, at, size = layer.net, layer.affine, layer.size
    affine = net.nodes[at]
    assert isinstance(affine, Affine)
    assert layer.units == at + 1
    sign = [-1 if i == unit else 1 for i in range(size)]
    turned = replace(
        affine,
        weight=tuple(tuple(s * v for v in row) for s, row in zip(sign, affine.weight, strict=True)),
        bias=tuple(s * v for s, v in zip(sign, affine.bias, strict=True)),
    )
    added = [turned, parse_node((*activation("relu", size), at + 1)), parse_node(("concat", at, at + 2))]
    rest = []
    for i, node in enumerate(net.nodes[at + 2 :], start=at + 2):
        moved = shifted(node, 2, at + 1)
        if i in layer.readers:
            assert isinstance(moved, Affine)
            passed = [[v if j == unit else Fraction(0) for j, v in enumerate(row)] for row in moved.weight]
            moved = replace(
                moved, weight=tuple((*p, *row) for p, row in zip(passed, moved.weight, strict=True)), source=at + 3
            )
        rest.append(moved)
    return Net((*net.nodes[: at + 1], *added, *rest), net.output + 2)


def test_adding_an_affine_function_moves_no_boundary() -> None:
    def check(case: Case, draw: Draw) -> None:
        size, last = case.net.sizes[case.net.output], len(case.net.nodes)
        weight = [[small_number(draw) for _ in range(case.dimension)] for _ in range(size)]
        bias = [small_number(draw) for _ in range(size)]
        changed = then(case.net, ("affine", weight, bias, 0), ("add", last - 1, last))
        before, after = picture(case.net, domain_of(case)), picture(changed, domain_of(case))
        after.assert_same(before, maps=False)
        added = np.array([bias, *zip(*weight, strict=True)], dtype=float)
        for pattern, values in before.maps.items():
            np.testing.assert_allclose(after.maps[pattern], values + added, rtol=CLOSE, atol=CLOSE)

    drawn(check)


# Domains.


def inverse(matrix: Sequence[Sequence[Fraction]]) -> list[list[Fraction]]:
    if len(matrix) == 1:
        return [[1 / matrix[0][0]]]
    (a, b), (c, d) = matrix
    determinant = a * d - b * c
    return [[d / determinant, -b / determinant], [-c / determinant, a / determinant]]


def apply(matrix: Sequence[Sequence[Fraction]], point: Sequence[Fraction]) -> list[Fraction]:
    return [sum((a * b for a, b in zip(row, point, strict=True)), Fraction(0)) for row in matrix]


def is_float(value: Fraction) -> bool:
    return Fraction(float(value)) == value


def floats(values: Sequence[Fraction]) -> list[float]:
    return [exact_float(Fraction(value)) for value in values]


def test_an_affine_map_of_the_input_with_the_domain_mapped_back() -> None:
    """Polygon, segment, and a frame in place of the map."""

    def check(case: Case, draw: Draw) -> None:
        n = case.dimension
        diagonal = [Fraction(2) ** draw(st.integers(-4, 4)) * draw(st.sampled_from((1, -1))) for _ in range(n)]
        matrix = [[d if i == j else Fraction(0) for j in range(n)] for i, d in enumerate(diagonal)]
        if n == 2 and draw(st.booleans()):
            k, m = (Fraction(draw(st.integers(-3, 3))) for _ in range(2))
            matrix = [[1 + k * m, k], [m, Fraction(1)]]
        shift = [Fraction(draw(st.integers(-5, 5)), 4) for _ in range(n)]
        back = inverse(matrix)
        corners = [apply(back, [c - s for c, s in zip(corner, shift, strict=True)]) for corner in case.corners]
        scale = float(abs(matrix[0][0] if n == 1 else matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0]))
        mapped: Domain = (
            vitrail.Segment(*map(floats, corners)) if n == 1 else vitrail.Polygon([floats(c) for c in corners])
        )
        before, changed = picture(case.net, domain_of(case)), after_input(case.net, matrix, shift)
        before.assert_same(picture(changed, mapped), scale=scale, maps=False)
        columns = [floats(column) for column in zip(*matrix, strict=True)]
        if n == 2:
            framed = picture(case.net, vitrail.Plane(floats(shift), *columns, [-2.0, -2.0], [2.0, 2.0]))
        else:
            ends = [[exact_float(t * matrix[0][0] + shift[0])] for t in (-2, 2)]
            framed = picture(case.net, vitrail.Segment(*ends))
        framed.assert_same(picture(changed, domain_of(case)), scale=scale, maps=False)

    drawn(check)


def test_splitting_the_domain() -> None:
    """The parts have the regions of the whole, and share those that the line cuts."""

    def check(case: Case, draw: Draw) -> None:
        position = st.integers(-15, 15).map(lambda k: Fraction(k, 8))
        if case.dimension == 1:
            cut = draw(position)
            form = (-cut, Fraction(1))
            parts: list[Domain] = [vitrail.Box([-2.0], [float(cut)]), vitrail.Box([float(cut)], [2.0])]
        else:
            low, high = draw(position), draw(position)
            form = (-(low + high) / 2, Fraction(1), (low - high) / 4)  # through (low, -2) and (high, 2)
            a, b = [float(low), -2.0], [float(high), 2.0]
            parts = [
                vitrail.Polygon([[-2.0, -2.0], a, b, [-2.0, 2.0]]),
                vitrail.Polygon([a, [2.0, -2.0], [2.0, 2.0], b]),
            ]
        whole = picture(case.net, domain_of(case))
        first, second = (picture(case.net, part) for part in parts)
        both = {name: first.measures.get(name, 0.0) + second.measures.get(name, 0.0) for name in whole.measures}
        assert first.measures.keys() | second.measures.keys() == whole.measures.keys()
        assert both == pytest.approx(whole.measures, abs=ROOM)
        crossed = 0
        for cell in case.subdivide().cells:
            heights = [form[0] + sum(c * v for c, v in zip(form[1:], vertex, strict=True)) for vertex in cell.vertices]
            crossed += min(heights) < 0 < max(heights)
        assert len(whole.measures) == len(first.measures) + len(second.measures) - crossed

    drawn(check)


def test_a_larger_domain_has_the_regions_of_the_smaller_and_more() -> None:
    def check(case: Case, draw: Draw) -> None:
        known: set[Pattern] = set()
        for half in (2, draw(st.integers(3, 9)), 2 ** draw(st.integers(4, 60))):
            low, high = [-float(half)] * case.dimension, [float(half)] * case.dimension
            found = picture(case.net, vitrail.Box(low, high)).measures.keys()
            assert known <= found
            known = set(found)

    drawn(check)


def test_one_region_alone_is_one_region() -> None:
    """Each region as a domain of its own where its vertices are float64, and half of it, strictly inside, where not."""

    def check(case: Case, draw: Draw) -> None:
        for cell in draw(st.permutations(case.subdivide().cells))[:4]:
            center = cell.shape.center()
            corners = cell.vertices
            if not all(is_float(value) for corner in corners for value in corner):
                half = [[(a + b) / 2 for a, b in zip(corner, center, strict=True)] for corner in corners]
                # rounding moves a corner by 2^-52, a cell of small integers and halves is far wider
                corners = [tuple(Fraction(float(value)) for value in corner) for corner in half]
            points = [floats(corner) for corner in corners]
            domain: Domain = vitrail.Segment(*points) if case.dimension == 1 else vitrail.Polygon(points)
            found = picture(case.net, domain)
            assert found.measures.keys() == {cell.pattern}
            assert found.counts == (1, 1, 1)

    drawn(check)


def crossed_by(cells: Sequence[exact.Cell], a: Sequence[Fraction], b: Sequence[Fraction]) -> dict[Pattern, Fraction]:
    """The cells whose interior a segment of the frame's coordinates meets, and how much of it lies there."""
    found = {}
    for cell in cells:
        low, high = Fraction(0), Fraction(1)
        assert isinstance(cell.shape, shapes.Polygon)
        for constant, c, d in cell.shape.lines:
            start, end = (constant + c * x + d * y for x, y in (a, b))
            if start <= 0 and end <= 0:
                high = low
            elif start < 0 or end < 0:
                root = start / (start - end)
                low, high = (max(low, root), high) if start < 0 else (low, min(high, root))
        if low < high:
            found[cell.pattern] = high - low
    return found


def test_a_line_in_a_plane_in_more_dimensions() -> None:
    """A segment has the regions of the plane's cells that it crosses, unless it runs along a boundary."""
    seen = [0, 0, 0]

    @settings(max_examples=EXAMPLES)
    @given(cases(dimensions=(2, 4)), st.data())
    def run(case: Case, data: st.DataObject) -> None:
        n = case.dimension
        basis = [[int(i == j) for j in range(n)] for i in range(2)]
        for row in basis:
            row[2:] = data.draw(st.lists(st.integers(-2, 2), min_size=n - 2, max_size=n - 2))
        origin = data.draw(st.lists(st.integers(-1, 1), min_size=n, max_size=n))
        frame = Frame.of(origin, basis)
        corners = [[Fraction(v) for v in corner] for corner in ((-2, -2), (2, -2), (2, 2), (-2, 2))]
        truth = exact.subdivide(case.net, shapes.polygon(corners), frame)
        plane = vitrail.Plane(*(np.array(row, dtype=float) for row in (origin, *basis)), [-2.0, -2.0], [2.0, 2.0])
        assert picture(case.net, plane).measures.keys() == truth.patterns()
        numbers = st.integers(-8, 8).map(lambda k: Fraction(k, 4))
        ends = [tuple(tuple(data.draw(numbers) for _ in range(2)) for _ in range(2))]
        ends += [
            facet.ends for facet in truth.facets if all(is_float(v) for end in facet.ends for v in frame.point(end))
        ]
        a, b = data.draw(st.sampled_from(ends))
        if a == b:
            return
        found = picture(case.net, vitrail.Segment(floats(frame.point(a)), floats(frame.point(b))))
        crossed = crossed_by(truth.cells, a, b)
        seen[0] += 1
        seen[1] += truth.is_degenerate
        if sum(crossed.values()) == 1:
            assert found.measures.keys() == crossed.keys()
        else:  # along a boundary, where the units on it have their lower piece
            seen[2] += 1
            line = exact.segment(case.net, frame.point(a), frame.point(b))
            assert found.measures.keys() == line.patterns()

    run()
    assert seen[1] >= 0.3 * seen[0]
    assert seen[2]  # and some run along a boundary


# The way of computing.


def digest(regions: RegionSet) -> str:
    """A number of everything that is found, in an order that does not depend on the search."""
    order = sorted(range(len(regions)), key=patterns_of(regions).__getitem__)
    result = sha256()
    for i in order:
        region = regions[i]
        turn = int(np.lexsort(region.vertices.T[::-1])[0])
        for part in (*region.pattern, np.roll(region.vertices, -turn, axis=0)):
            result.update(part.tobytes())
    return result.hexdigest()


@contextmanager
def executors() -> Iterator[list[Executor | None]]:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(4) as four, ProcessPoolExecutor(2) as processes:
        yield [None, one, four, processes]


@pytest.mark.parametrize("family", networks.DEGENERATE_FAMILIES)
def test_workers_and_chunks_do_not_change_degenerate_networks(family: str) -> None:
    network = vitrail.Network.from_arrays(networks.DEGENERATE_FAMILIES[family](6))
    first = vitrail.enumerate_regions(network, square())
    assert first.status is Status.CERTIFIED
    with executors() as several:
        for executor in several:
            for memory in (2**24, 2**30):
                other = vitrail.enumerate_regions(network, square(), executor=executor, memory=memory)
                assert digest(other) == digest(first)
                assert int(vitrail.count_regions(network, square(), executor=executor, memory=memory)) == len(first)


@pytest.mark.parametrize("cells", [1, 20])
def test_the_size_of_chunks_and_tasks_does_not_matter(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks fit into one chunk, and one task, unless these are made small."""
    monkeypatch.setattr("vitrail.engines.run._CHUNK_BYTES", 1)
    monkeypatch.setattr("vitrail.engines.run._MINIMUM_CHUNK", cells)
    with ThreadPoolExecutor(3) as threads:
        for family, make in networks.DEGENERATE_FAMILIES.items():
            truth = exact.box(networks.exact_of(make(6)), [-1, -1], [1, 1])
            network = vitrail.Network.from_arrays(make(6))
            first = vitrail.enumerate_regions(network, square())
            other = vitrail.enumerate_regions(network, square(), executor=threads)
            assert digest(first) == digest(other), family
            # forms may come from other siblings than with large chunks: equal up to their bounds, not bit for bit
            assert differences(truth, first).silent == (), family


def test_workers_do_not_change_small_networks() -> None:
    with ThreadPoolExecutor(3) as threads:

        def check(case: Case, draw: Draw) -> None:
            network, domain = to_network(case.net), domain_of(case)
            first = digest(vitrail.enumerate_regions(network, domain))
            assert digest(vitrail.enumerate_regions(network, domain, executor=threads)) == first
            assert digest(vitrail.enumerate_regions(network, domain, memory=2**24)) == first

        drawn(check)


def test_many_domains_at_once_or_one_by_one() -> None:
    def check(case: Case, draw: Draw) -> None:
        network = to_network(case.net)
        ends = [
            [[float(draw(st.integers(-8, 8))) / 4 for _ in range(case.dimension)] for _ in range(2)] for _ in range(5)
        ]
        domains = [vitrail.Segment(a, b) for a, b in ends if a != b]
        together = vitrail.count_regions(network, domains)
        assert [int(count) for count in together] == [int(vitrail.count_regions(network, d)) for d in domains]
        assert all(count.status is Status.CERTIFIED for count in together)
        always = vitrail.count_regions(network, domains, exact="always")
        assert [int(count) for count in always] == [int(count) for count in together]

    drawn(check)


def test_float32_numbers_are_those_numbers_in_float64() -> None:
    for seed in range(40):
        case = float_case(seed, families=["relu"])
        weights = [
            (np.array(node.weight, dtype=np.float64), np.array(node.bias, dtype=np.float64))
            for node in case.net.nodes
            if isinstance(node, Affine)
        ]
        small = [(w.astype(np.float32), b.astype(np.float32)) for w, b in weights]
        assert all((w == v).all() for (w, _), (v, _) in zip(weights, small, strict=True))
        wide = vitrail.enumerate_regions(vitrail.Network.from_arrays(weights), domain_of(case))
        narrow = vitrail.enumerate_regions(vitrail.Network.from_arrays(small), domain_of(case))
        assert digest(narrow) == digest(wide)


@pytest.mark.parametrize("kind", ["generic", "dyadic", "nudged"])
def test_a_float32_module_is_its_float64_copy(kind: str) -> None:
    case = float_case(2, kind, families=["relu"], dimensions=(2, 2), units=8)
    parts: list[torch.nn.Module] = []
    for node in case.net.nodes:
        if isinstance(node, Affine):
            layer = torch.nn.Linear(len(node.weight[0]), len(node.bias))
            with torch.no_grad():
                layer.weight.copy_(torch.tensor(np.array(node.weight, dtype=np.float64)))
                layer.bias.copy_(torch.tensor(np.array(node.bias, dtype=np.float64)))
            parts.append(layer)
        elif isinstance(node, Elementwise):
            parts.append(torch.nn.ReLU())
    module = torch.nn.Sequential(*parts).eval()
    narrow = vitrail.Network.from_torch(module, torch.zeros(1, 2))
    wide = vitrail.Network.from_torch(module.double(), torch.zeros(1, 2, dtype=torch.float64))
    found = [vitrail.enumerate_regions(network, domain_of(case)) for network in (narrow, wide)]
    assert digest(found[0]) == digest(found[1])
    assert len(found[0]) == len(case.subdivide().cells)
