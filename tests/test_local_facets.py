"""Facets of the region of a point: against exact cells, walks, the edges of polygons, and networks that end early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import vitrail
from helpers import domain_of, he, patterns_of, square
from oracles import networks
from oracles.random_networks import FAMILIES, Case, cases, random_case
from oracles.space import Cell, space
from oracles.space import Facet as TrueFacet
from oracles.space import Space as Truth
from translate import to_network
from vitrail.data import digits_network_path, digits_samples
from vitrail.domains import Box, Domain, Polytope, Space
from vitrail.engines import cell_bounds
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.local.constraints import constraints_of
from vitrail.local.facet_rays import _beyond, rows_met
from vitrail.local.facets import Facets, facets
from vitrail.local.halfspaces import LocalHalfspaces, halfspaces_at
from vitrail.network.network import Network
from vitrail.status import Kind, Status
from vitrail.walking import walk

# ---- what is compared ------------------------------------------------------------------------------------------------


def problems(region: LocalHalfspaces, found: Facets, cell: Cell, facets_of_cell: list[TrueFacet]) -> list[str]:
    """What is wrong with the facets of a region whose exact cell is known."""
    outer = [facet for facet in facets_of_cell if facet.beyond is None]
    inner = [facet for facet in facets_of_cell if facet.beyond is not None]
    out = [] if found.status is Status.CERTIFIED and found.kind is Kind.EXACT else [repr(found)]
    out += [f"{found.open.size} open, {found.missing} missing"] if found.open.size or found.missing else []
    if (len(found), len(found.sides), found.open_sides.size) != (len(inner), len(outer), 0):
        return [*out, f"{len(found)} and {len(found.sides)} facets for {len(inner)} and {len(outer)}"]
    forms = np.array([facet.form for facet in inner], dtype=float).reshape(
        len(inner), len(cell.rows[0]) if cell.rows else 1
    )
    lengths = np.linalg.norm(forms[:, 1:], axis=1)[:, None]
    wanted = np.column_stack([forms[:, :1], -forms[:, 1:]]) / lengths
    mine = np.column_stack([region.offsets, region.normals])[found.rows]
    # small integers: different hyperplanes are far apart
    near = np.abs(mine[:, None] - wanted[None]).max(axis=2, initial=0.0) < 1e-9
    out += [] if (near.sum(axis=0) == 1).all() and (near.sum(axis=1) == 1).all() else ["other hyperplanes"]
    if found.by_layer.sum() != len(found) or (found.kept < found.by_layer).any():
        out.append(f"{found.by_layer} by layer, {found.kept} kept")
    rows = np.array(cell.rows, dtype=float).reshape(len(cell.rows), region.point.size + 1)
    for point in (found.inner, *found.witnesses):
        known = np.isfinite(point).all()
        slack = (rows[:, 0] + rows[:, 1:] @ point) / np.linalg.norm(rows[:, 1:], axis=1) if known else np.zeros(0)
        out += [f"{point} lies outside"] if (slack < -1e-9).any() else []
    return out


def on_facets(region: LocalHalfspaces, found: Facets) -> bool:
    """Whether witnesses lie on their own rows, and inside of all others that are no multiples."""
    slack = region.offsets - found.witnesses @ region.normals.T
    own = slack[np.arange(len(found)), found.rows]
    return bool((np.abs(own) < 1e-9).all() and (slack > -1e-9).all())


@cache
def case_and_truth(seed: int, dimension: int, whole: bool) -> tuple[Case, Truth]:
    case = random_case(seed, (FAMILIES[seed % len(FAMILIES)],), dimensions=(dimension, dimension), units=3)
    return case, space(case.net, [] if whole else case.halfspaces)


def numbers_of_walk(net: Network, point: np.ndarray, domain: Domain | None) -> list[int]:
    """The hyperplanes that a walk which goes nowhere names as facets."""
    source = walk(net, point, domain, max_distance=0).regions.source
    assert source is not None
    return sorted(source.rows[source.rows >= 0].tolist())


def same_as_walk(net: Network, point: np.ndarray, domain: Domain | None = None) -> Facets:
    region = halfspaces_at(net, point, domain)
    found = facets(region)
    assert sorted(region.numbers[found.rows].tolist()) == numbers_of_walk(net, point, domain)
    assert found.status is Status.CERTIFIED and found.rows.tolist() == sorted(set(found.rows.tolist()))
    return found


# ---- exact -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["box", "space"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("seed", range(len(FAMILIES)), ids=FAMILIES)
def test_facets_of_exact_cells(seed: int, dimension: int, whole: bool) -> None:
    case, truth = case_and_truth(seed, dimension, whole)
    net, domain = to_network(case.net), Space(dimension) if whole else domain_of(case)
    for cell in truth.cells[::4]:
        region = halfspaces_at(net, [float(x) for x in cell.point], domain)
        if tuple(np.concatenate([np.zeros(0, dtype=int), *region.pattern]).tolist()) == cell.pattern:
            # the float next to a point of the cell may lie elsewhere, where the cell is very small
            assert problems(region, facets(region), cell, truth.facets[cell.pattern]) == []


@settings(max_examples=40)
@given(cases(dimensions=(2, 3), units=3), st.integers(0, 30))
def test_facets_of_degenerate_cells(case: Case, which: int) -> None:
    truth = space(case.net, case.halfspaces)
    cell = truth.cells[which % len(truth.cells)]
    region = halfspaces_at(to_network(case.net), [float(x) for x in cell.point], domain_of(case))
    pattern = tuple(np.concatenate([np.zeros(0, dtype=int), *region.pattern]).tolist())
    cell = next(cell for cell in truth.cells if cell.pattern == pattern)
    assert problems(region, facets(region), cell, list(truth.facets[pattern])) == []


def test_the_checker_sees_what_is_wrong() -> None:
    case, truth = case_and_truth(5, 3, False)
    cell = max(truth.cells, key=lambda cell: len(truth.facets[cell.pattern]))
    region = halfspaces_at(to_network(case.net), [float(x) for x in cell.point], domain_of(case))
    found, true = facets(region), truth.facets[cell.pattern]
    assert problems(region, found, cell, true) == [] and 2 < len(found) < len(region.offsets)
    other = np.setdiff1d(np.arange(len(region.offsets)), found.rows)
    for wrong in (
        replace(found, rows=found.rows[1:]),
        replace(found, rows=np.append(found.rows[1:], other[0])),
        replace(found, rows=np.append(found.rows[1:], found.rows[-1])),
        replace(found, sides=found.sides[1:]),
        replace(found, open=other),
        replace(found, status=Status.UNCERTIFIED),
        replace(found, by_layer=found.by_layer + 1),
        replace(found, kept=found.by_layer - 1),
        replace(found, inner=found.inner + 9.0),
        replace(found, witnesses=found.witnesses - 9.0),
    ):
        assert problems(region, wrong, cell, true) != []


def test_edges_of_polygons() -> None:
    net = he(2, 12, 12, 3)
    cells = vitrail.enumerate_regions(net, square())
    for i in range(0, len(cells), 7):
        region = halfspaces_at(net, cells.witnesses[i], square())
        assert np.concatenate(region.pattern).tolist() == list(patterns_of(cells)[i])
        units = cells.facet_units[cells.facet_offsets[i] : cells.facet_offsets[i + 1]]
        found = facets(region)
        assert sorted(region.units[found.rows]) == sorted(units[units >= 0])
        assert sorted((-1 - units[units < 0]).tolist()) == found.sides.tolist()
        assert on_facets(region, found)


# ---- walks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["box", "space"])
@pytest.mark.parametrize("inputs", [3, 5, 8])
def test_rows_are_those_of_a_walk(inputs: int, whole: bool) -> None:
    generator = np.random.default_rng(inputs)
    for seed in range(4):
        net = Network.from_arrays(networks.default_init((inputs, 9, 9, 3), seed))
        point = generator.uniform(-1, 1, inputs)
        found = same_as_walk(net, point, None if whole else Box([-1.0] * inputs, [1.0] * inputs))
        assert on_facets(halfspaces_at(net, point), found)


def test_a_space_that_is_read_through_fewer_numbers() -> None:
    # the region is a cylinder: the walk goes on in three dimensions, of which rays know nothing
    net, point = Network.from_arrays(networks.default_init((6, 3, 9, 2), 2)), np.linspace(-1, 1, 6)
    found, region = same_as_walk(net, point), halfspaces_at(net, point)
    assert on_facets(region, found) and (region.offsets - region.normals @ found.inner > 0).all()
    assert set(facets(region, estimate="rays").rows) <= set(found.rows) and len(found) > 3


def test_a_polygon() -> None:
    net, triangle = he(2, 10, 10, 2), vitrail.Polygon([[-1.0, -1.0], [1.0, -0.8], [0.2, 0.9]])
    found = same_as_walk(net, np.array([0.1, 0.2]), triangle)
    region = halfspaces_at(net, [0.1, 0.2], triangle)
    assert on_facets(region, found) and set(facets(region, estimate="rays").rows) <= set(found.rows)


DEGENERATE = networks.degenerate()


@pytest.mark.parametrize("name", DEGENERATE)
def test_networks_that_are_not_in_general_position(name: str) -> None:
    net = Network.from_arrays(DEGENERATE[name])
    for point in ([0.0, 0.0], [0.5, -0.25], [-0.7, 0.3]):
        same_as_walk(net, np.array(point), square())
        same_as_walk(net, np.array(point))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.last = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first(x))
        y = torch.relu(self.second(y) + y)
        return self.last(torch.flatten(nn.functional.max_pool2d(y, 2), 1))


def residual() -> Network:
    torch.manual_seed(0)
    return Network.from_torch(Residual().double().eval(), torch.zeros(1, 1, 4, 4, dtype=torch.float64))


def test_convolution_pooling_and_residual() -> None:
    net, point = residual(), np.random.default_rng(0).uniform(-1, 1, 16)
    found = same_as_walk(net, point, Box([-1.0] * 16, [1.0] * 16))
    # max pooling makes rows of its own
    assert found.by_layer[2] > 0 and len(found) > 20


# ---- layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_what_layers_keep(seed: int) -> None:
    inputs = 2 + seed % 2
    layers = networks.default_init((inputs, 5, 5, 5, 2), seed)
    point = np.random.default_rng(seed).uniform(-1, 1, inputs)
    domain = Box([-1.5] * inputs, [1.5] * inputs)
    found = facets(halfspaces_at(Network.from_arrays(layers), point, domain))
    for layer in range(3):
        # the network that ends after the layer; its exact cell, and in which layers patterns change beyond its facets
        cut = [*layers[: layer + 1], (np.ones((1, 5)), np.zeros(1))]
        sides = [[1.5, *(s * v for v in row)] for row in np.eye(inputs) for s in (1.0, -1.0)]
        truth = space(networks.exact_of(cut), sides)
        pattern = tuple(np.concatenate(Network.from_arrays(cut).pieces_at(point[None]), axis=1)[0].tolist())
        flips = [
            np.flatnonzero(np.array(pattern) != np.array(facet.beyond))[0] // 5
            for facet in truth.facets[pattern]
            if facet.beyond is not None
        ]
        assert found.kept[layer] == flips.count(layer)
        if layer == 2:
            assert found.by_layer.tolist() == [flips.count(number) for number in range(3)]
    assert (found.kept >= found.by_layer).all()


def test_a_row_that_only_deeper_layers_cut_off() -> None:
    # x < 3, then relu(3 - x) > 1, that is x < 2
    net = Network.from_arrays([([[-1.0]], [3.0]), ([[1.0]], [-1.0]), ([[1.0]], None)])
    found = facets(halfspaces_at(net, [0.0]))
    assert (found.rows.tolist(), found.by_layer.tolist(), found.kept.tolist()) == ([1], [0, 1], [1, 1])
    assert found.witnesses.tolist() == [[2.0]]


def test_many_rows_in_many_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = networks.default_init((20, 30, 30, 30, 2), 2)
    point, box = np.random.default_rng(2).uniform(-0.9, 0.9, 20), Box([-1.0] * 20, [1.0] * 20)
    region = halfspaces_at(Network.from_arrays(layers), point, box)
    tables = facets(region)
    # what is quicker for thousands of rows must find the same
    monkeypatch.setattr(cell_bounds, "WIDE", 0)
    found = same_as_walk(Network.from_arrays(layers), point, box)
    assert np.array_equal(found.rows, tables.rows) and np.array_equal(found.kept, tables.kept)
    assert on_facets(region, found) and on_facets(region, tables) and (found.kept > found.by_layer).any()
    assert set(found.sides) <= set(tables.sides) and len(found.sides) > 30
    assert set(tables.sides) <= {*found.sides, *found.open_sides} and not tables.open_sides.size
    for layer in range(3):
        cut = Network.from_arrays([*layers[: layer + 1], (np.ones((1, 30)), np.zeros(1))])
        assert facets(halfspaces_at(cut, point, box)).by_layer[layer] == found.kept[layer]


def test_a_trained_network() -> None:
    net = Network.from_file(digits_network_path())
    images, _ = digits_samples()
    size = int(np.prod(net.input_shape))
    point = images[0].reshape(-1)[:size] / 16.0
    region = halfspaces_at(net, point, Box([0.0] * size, [1.0] * size))
    found, some = facets(region), facets(region, estimate="rays")
    assert found.status is Status.CERTIFIED and on_facets(region, found) and not found.open.size
    assert set(some.rows) <= set(found.rows) and len(some) > len(found) // 2


# ---- rays ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["box", "space"])
@pytest.mark.parametrize("inputs", [2, 4, 8])
def test_rays_meet_facets_alone(inputs: int, whole: bool) -> None:
    for seed in range(5):
        net = Network.from_arrays(networks.default_init((inputs, 10, 10, 2), seed))
        point = np.random.default_rng(seed).uniform(-1, 1, inputs)
        region = halfspaces_at(net, point, None if whole else Box([-1.0] * inputs, [1.0] * inputs))
        every, some = facets(region), facets(region, estimate="rays", rays=200, seed=seed)
        assert set(some.rows) <= set(every.rows) and some.rows.tolist() == sorted(some.rows)
        assert some.kind is Kind.LOWER_BOUND and some.status is Status.CERTIFIED and on_facets(region, some)
        assert sorted([*some.rows, *some.open]) == list(range(len(region.offsets)))
        assert (some.kept <= every.kept).all() and len(some) > 0
        again = facets(region, estimate="rays", rays=200, seed=seed)
        assert np.array_equal(again.rows, some.rows) and np.array_equal(again.witnesses, some.witnesses)
        assert len(facets(region, estimate="rays", rays=1)) <= 1


def test_rays_from_a_point_where_the_ball_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    region = halfspaces_at(he(6, 10, 10, 2), [0.1, -0.2, 0.3, 0.0, 0.5, 0.4], Box([-1.0] * 6, [1.0] * 6))
    monkeypatch.setattr(import_module("vitrail.local.facets"), "_MOST_FOR_A_BALL", 1)
    some = facets(region, estimate="rays")
    assert np.array_equal(some.inner, region.point) and set(some.rows) <= set(facets(region).rows) and len(some) > 3


@pytest.mark.parametrize("bent", [False, True])
def test_rays_prove_nothing_without_room(bent: bool) -> None:
    region = halfspaces_at(he(3, 8, 2), [0.1, -0.2, 0.3], Box([-1.0] * 3, [1.0] * 3))
    within = constraints_of(region, None)
    found, _ = rows_met(within, region.point, 8, 100, 0, bent=bent)
    assert found.size > 2
    # from outside, from a wall, and with rows that may be off by more than there is room
    blurred = replace(within, offset_errors=within.offset_errors + 1.0)
    wall = region.point + region.slacks[0] * region.normals[0]
    for constraints, start in ((within, region.point + 5.0), (within, wall), (blurred, region.point)):
        assert rows_met(constraints, start, 8, 100, 0, bent=bent)[0].size == 0
    # a little too uncertain to tell two rows apart that meet
    twins = replace(
        within,
        normals=np.concatenate([within.normals[:1], within.normals]),
        offsets=np.concatenate([within.offsets[:1], within.offsets]),
        normal_errors=np.append(0.0, within.normal_errors),
        offset_errors=np.append(0.0, within.offset_errors),
    )
    assert not {0, 1} & set(rows_met(twins, region.point, 9, 100, 0, bent=bent)[0])


def test_points_that_break_several_rows() -> None:
    region = halfspaces_at(he(4, 12, 2), [0.1, -0.2, 0.3, 0.0], Box([-1.0] * 4, [1.0] * 4))
    within = constraints_of(region, None)
    points = np.random.default_rng(0).uniform(-1, 1, (3000, 4))
    broken = points @ region.normals.T > region.offsets
    for count in (0, 1, 2):
        chosen = points[broken.sum(axis=1) == count]
        rows = broken[broken.sum(axis=1) == count].argmax(axis=1)
        # one broken row is a proof for that row, none or two are for nobody
        assert len(chosen) > 5 and _beyond(within, rows, chosen).all() == (count == 1)
        assert _beyond(within, rows, chosen).any() == (count == 1) and not _beyond(within, rows - 1, chosen).any()
    outside = np.array([[1.5, 0.0, 0.0, 0.0]])
    assert not any(_beyond(within, np.array([row]), outside).any() for row in range(12))


# ---- domains, and what is open ---------------------------------------------------------------------------------------


def test_polytopes_and_other_domains_than_the_own() -> None:
    net, point = he(3, 8, 8, 2), np.array([0.1, -0.2, 0.3])
    sides = np.concatenate([np.eye(3), -np.eye(3), np.ones((1, 3))])
    small = Polytope(sides, [0.4] * 6 + [0.3])
    region = halfspaces_at(net, point, Box([-4.0] * 3, [4.0] * 3))
    inside = facets(region, small)
    assert np.array_equal(inside.rows, facets(halfspaces_at(net, point, small)).rows)
    assert set(inside.rows) < set(facets(region).rows) and 6 in inside.sides
    assert set(facets(region, small, estimate="rays").rows) <= set(inside.rows)
    for wrong in (Box([0.2] * 3, [1.0] * 3), Space(4), vitrail.Segment(point, -point)):
        with pytest.raises(InvalidDomainError):
            facets(region, wrong)


def test_options_that_do_not_fit() -> None:
    region = halfspaces_at(he(2, 4, 1), [0.1, 0.2])
    for options in ({"rays": 0}, {"estimate": "guess"}):
        with pytest.raises(InvalidOptionError, match=next(iter(options))):
            facets(region, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("domain", [None, square()], ids=["space", "box"])
def test_no_rows_have_no_facets(domain: Box | None) -> None:
    linear = Network.from_arrays([([[1.0, 2.0]], None)])
    dead = Network.from_arrays([(np.zeros((3, 2)), -np.ones(3)), (np.ones((1, 3)), None)])
    for net in (linear, dead):
        region = halfspaces_at(net, [0.5, 0.25], domain)
        found, some = facets(region), facets(region, estimate="rays")
        assert (len(found), len(some), found.status) == (0, 0, Status.CERTIFIED)
        assert found.sides.tolist() == ([] if domain is None else [0, 1, 2, 3])
        assert found.witnesses.shape == some.witnesses.shape == (0, 2) and not found.kept.sum()


@pytest.mark.parametrize("name", ["doubled", "opposed"])
def test_without_exact_arithmetic_nothing_is_claimed(name: str) -> None:
    net = Network.from_arrays(DEGENERATE[name])
    region = halfspaces_at(net, [0.4, -0.3], square())
    every, some = facets(region), facets(region, exact=False)
    assert some.status is Status.UNCERTIFIED and some.kind is not Kind.EXACT and some.open.size
    assert set(every.rows) <= {*some.rows, *some.open}
    if some.kind is Kind.LOWER_BOUND:
        assert set(some.rows) <= set(every.rows)


def test_a_facet_that_rounding_hides() -> None:
    # the second unit cuts off a corner that is 2^-60 long: exact arithmetic alone sees that
    edge = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    net = Network.from_arrays([(edge, [0.0, 0.0, -(2.0**-60)]), ([[1.0, 1.0, 1.0]], None)])
    region = halfspaces_at(net, [0.5, 0.5])
    found = facets(region)
    assert (found.rows.tolist(), found.status) == ([0, 1, 2], Status.CERTIFIED)
    assert np.isnan(found.witnesses).any(axis=1).sum() >= 1
    assert facets(region, exact=False).open.size >= 1


def test_in_one_line() -> None:
    region = halfspaces_at(he(2, 6, 1), [0.1, 0.2])
    assert repr(facets(region)).startswith("Facets(") and "of 6 rows, exact, certified" in repr(facets(region))
    assert "lower bound" in repr(facets(region, estimate="rays")) and "\n" not in repr(facets(region))


def test_exact_fractions_of_a_trapezoid() -> None:
    # x > 0, y > 0, x + y < 1, x < 3/4, and y < 5, which is none
    weights = [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [-1.0, 0.0], [0.0, -1.0]]
    net = Network.from_arrays([(weights, [0.0, 0.0, 1.0, 0.75, 5.0]), (np.ones((1, 5)), None)])
    found = facets(halfspaces_at(net, [0.25, 0.25]))
    assert found.rows.tolist() == [0, 1, 2, 3]
    corners: list[Callable[[Fraction, Fraction], Fraction]] = [
        lambda x, y: x,
        lambda x, y: y,
        lambda x, y: 1 - x - y,
        lambda x, y: Fraction(3, 4) - x,
    ]
    for place, form in enumerate(corners):
        x, y = map(Fraction, found.witnesses[place].tolist())
        assert abs(form(x, y)) < Fraction(1, 2**40)
        assert all(other(x, y) > 0 for i, other in enumerate(corners) if i != place)
