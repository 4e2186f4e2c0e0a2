"""Decision boundaries inside regions: against exact polygons, linear programs, projections, and the boundary engine."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vitrail
from helpers import he, square
from oracles import decision as oracle
from oracles import exact, networks
from oracles.neutral import Net, activation, mlp
from oracles.random_networks import random_case
from translate import to_network
from vitrail.boundaries import decision_boundary
from vitrail.data import digits_network_path, digits_samples
from vitrail.domains import Domain
from vitrail.errors import InvalidDomainError
from vitrail.local.decisions.decision import Decision, decision
from vitrail.local.decisions.map_errors import map_errors
from vitrail.local.halfspaces import halfspaces_at
from vitrail.status import Status

# coordinates and distances here are of size 1 to 10, and rounding of maps and rows is below 1e-13 of them
CLOSE = 1e-9
# `decision` calls bounds that agree to 2^-17 certified
AGREES = 2.0**-16


def at(net: vitrail.Network, point: object, domain: Domain | None = None, **options: bool) -> Decision:
    return decision(halfspaces_at(net, point, domain), **options)


def problems(found: Decision, expected: oracle.PlaneDecision) -> list[str]:
    """Everything in which a result contradicts the exact one."""
    classes, pairs = set(found.reachable.tolist()), {tuple(pair) for pair in found.pieces.tolist()}
    unsure = set(found.undecided.tolist())
    unsure_pairs = {tuple(pair) for pair in found.undecided_pieces.tolist()}
    unsure_pairs |= {pair for pair in combinations(sorted(classes | unsure), 2) if unsure & {*pair}}
    out = []
    if not classes <= expected.parts.keys() <= classes | unsure:
        out.append(f"classes {classes} and perhaps {unsure}, expected {set(expected.parts)}")
    if not pairs <= expected.pieces <= pairs | unsure_pairs:
        out.append(f"pieces {pairs} and perhaps {unsure_pairs}, expected {expected.pieces}")
    if found.crossed != bool(classes - {found.prediction}):
        out.append("crossed")
    room = CLOSE * (1.0 + expected.distance) if np.isfinite(expected.distance) else 0.0
    if not (found.lower <= expected.distance + room and expected.distance - room <= found.upper):
        out.append(f"distance {expected.distance} outside [{found.lower}, {found.upper}]")
    if not found.lower <= found.distance <= found.upper:
        out.append("the distance is outside its bounds")
    if found.status.proven and (unsure or len(found.undecided_pieces)):
        out.append("certified with open ends")
    if found.status.proven and found.upper - found.lower > AGREES * max(1.0, found.upper):
        out.append("certified with bounds far apart")
    return out


def plane_problems(net: Net, half: int, network: vitrail.Network) -> tuple[list[str], int, int]:
    """The problems in all cells of a square, in how many of them something is open, and how many are crossed."""
    out: list[str] = []
    open_cells = crossed = 0
    for cell in exact.box(net, [-half] * 2, [half] * 2).cells:
        point = np.array([float(x) for x in cell.shape.center()])
        forms = oracle.classes_of(cell.affine_map)
        expected = oracle.in_polygon(cell.vertices, forms, tuple(Fraction(float(x)) for x in point))
        found = at(network, point, square(float(half)))
        out += [f"{point}: {problem}" for problem in problems(found, expected)]
        open_cells += not found.status.proven
        crossed += found.crossed
    return out, open_cells, crossed


def centered(layers: networks.Layers) -> networks.Layers:
    """The same layers, but all outputs are level, or 0, near the origin: so boundaries cross many regions."""
    values = np.zeros(layers[0][0].shape[1])
    for weight, bias in layers[:-1]:
        values = np.maximum(weight @ values + bias, 0.0)
    weight, bias = layers[-1]
    return [*layers[:-1], (weight, (0.5 * bias - weight @ values).round(3))]


@pytest.mark.parametrize("widths", [(2, 5, 2), (2, 6, 1), (2, 5, 4, 3), (2, 4, 4, 6)])
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_every_region_of_a_square(widths: tuple[int, ...], seed: int) -> None:
    layers = centered(networks.he(widths, seed))
    found, open_cells, crossed = plane_problems(mlp(layers), 2, vitrail.Network.from_arrays(layers))
    assert found == []
    # in general position everything is proven
    assert open_cells == 0 and crossed > 0


@st.composite
def small_networks(draw: st.DrawFn) -> Net:
    """Integer networks with up to five outputs, of which some are often equal, level or opposite."""
    hidden, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    small = st.integers(-2, 2)
    first = [[draw(small) for _ in range(2)] for _ in range(hidden)], [draw(small) for _ in range(hidden)]
    last = [[draw(small) for _ in range(hidden)] for _ in range(outputs)], [draw(small) for _ in range(outputs)]
    return Net.chain(2, [("affine", *first), activation("relu", hidden), ("affine", *last)])


@given(small_networks())
@settings(max_examples=60)
def test_degenerate_networks(net: Net) -> None:
    assert plane_problems(net, 2, to_network(net))[0] == []


@pytest.mark.parametrize("seed", range(12))
def test_families_of_units(seed: int) -> None:
    case = random_case(seed, dimensions=(2, 2), units=3)
    assert plane_problems(case.net, 2, to_network(case.net))[0] == []


def test_the_check_sees() -> None:
    layers = centered(networks.he((2, 5, 4, 4), 0))
    best, point = oracle.PlaneDecision({}, set(), 0.0), np.zeros(2)
    for cell in exact.box(mlp(layers), [-2, -2], [2, 2]).cells:
        center = np.array([float(x) for x in cell.shape.center()])
        here = oracle.in_polygon(cell.vertices, cell.affine_map, tuple(Fraction(float(x)) for x in center))
        best, point = (here, center) if len(here.pieces) > len(best.pieces) else (best, point)
    expected = best
    found = at(vitrail.Network.from_arrays(layers), point, square(2.0))
    assert len(found.pieces) >= 2 and found.reachable.size < 4 and problems(found, expected) == []
    wrong = (
        {"reachable": found.reachable[:1], "crossed": False},
        {"reachable": np.arange(4)},
        {"crossed": False},
        {"pieces": found.pieces[1:]},
        {"pieces": np.array([[0, 1], [0, 2], [1, 2], [2, 3]])},
        {"lower": 1.01 * found.upper, "distance": 1.01 * found.upper, "upper": 1.02 * found.upper},
        {"upper": 0.99 * found.lower, "distance": 0.98 * found.lower, "lower": 0.97 * found.lower},
        {"distance": 2.0 * found.upper},
        {"lower": 0.0},
        {"undecided": np.array([0])},
    )
    for change in wrong:
        assert problems(dataclasses.replace(found, **change), expected) != [], change


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_boundary_of_the_square(seed: int) -> None:
    net = vitrail.Network.from_arrays(centered(networks.he((2, 8, 6, 4), seed)))
    boundary = decision_boundary(net, square())
    middles = boundary.ends.mean(axis=1)
    regions = vitrail.enumerate_regions(net, square())
    seen = np.zeros(len(boundary), dtype=int)
    for number in range(len(regions)):
        corners = regions.vertices[regions.offsets[number] : regions.offsets[number + 1]]
        region = halfspaces_at(net, corners.mean(axis=0), square())
        inside = (region.offsets[:, None] - region.normals @ middles.T > 0).all(axis=0)
        seen += inside
        expected = {tuple(pair) for pair in boundary.classes[inside].tolist()}
        assert {tuple(pair) for pair in decision(region).pieces.tolist()} == expected
    assert (seen == 1).all()


# ---- any dimension -------------------------------------------------------------------------------------------------


def check_by_programs(layers: networks.Layers, point: np.ndarray, domain: vitrail.Box | vitrail.Space) -> Decision:
    """Compare a region with linear programs and projections, wherever these are clear."""
    found = at(vitrail.Network.from_arrays(layers), point, domain)
    rows, offsets, forms = oracle.relu_rows(layers, point)
    limits, n = domain.limits.T, point.size
    bounds = [(None, None) if np.isinf(low) else (low, high) for low, high in limits]
    leads = [oracle.most_lead(rows, offsets, bounds, forms, c) for c in range(len(forms))]
    assert min(abs(lead) for lead in leads) > CLOSE
    assert found.reachable.tolist() == [c for c, lead in enumerate(leads) if lead > 0]
    pairs = {}
    for c, d in combinations(found.reachable.tolist(), 2):
        pairs[c, d] = oracle.most_common_lead(rows, offsets, bounds, forms, (c, d))
    assert min((abs(lead) for lead in pairs.values()), default=1.0) > CLOSE
    assert [tuple(pair) for pair in found.pieces.tolist()] == [pair for pair, lead in pairs.items() if lead > 0]
    if domain.measure < np.inf:
        rows = np.concatenate([rows, np.eye(n), -np.eye(n)])
        offsets = np.concatenate([offsets, limits[:, 1], -limits[:, 0]])
    own = found.prediction
    distances = []
    for c in set(found.reachable.tolist()) - {own}:
        gap = forms[own] - forms[c]
        distances.append(oracle.projected_distance(np.vstack([rows, gap[1:]]), np.append(offsets, -gap[0]), point))
    nearest = min(distances, default=np.inf)
    assert found.distance == nearest or abs(found.distance - nearest) < 1e-6 * nearest
    assert found.lower <= nearest * (1 + CLOSE) and nearest * (1 - CLOSE) <= found.upper
    return found


@pytest.mark.parametrize(
    ("widths", "scale"), [((3, 8, 8, 5), 1.0), ((6, 12, 12, 4), 1.0), ((20, 16, 10), 0.5), ((60, 24, 24, 10), 0.5)]
)
@pytest.mark.parametrize("seed", range(3))
def test_regions_in_boxes(widths: tuple[int, ...], scale: float, seed: int) -> None:
    n = widths[0]
    point = scale * np.random.default_rng(seed).uniform(-1, 1, n)
    # some entries on the limits, as those of images are
    point[::3] = scale
    found = check_by_programs(centered(networks.he(widths, seed)), point, vitrail.Box([-scale] * n, [scale] * n))
    assert found.status is Status.CERTIFIED and found.reach == np.inf
    assert not found.undecided.size and not found.undecided_pieces.size


@pytest.mark.parametrize("widths", [(3, 8, 8, 4), (6, 4, 5), (12, 20, 20, 5)])
@pytest.mark.parametrize("seed", range(3))
def test_regions_in_the_whole_space(widths: tuple[int, ...], seed: int) -> None:
    point = np.random.default_rng(seed).normal(size=widths[0])
    found = check_by_programs(centered(networks.he(widths, seed)), point, vitrail.Space(widths[0]))
    # that a class is not there is proven within reach only, and said so
    missing = np.setdiff1d(np.arange(widths[-1]), found.reachable)
    assert found.undecided.tolist() == missing.tolist() and 0 < found.reach < np.inf
    assert found.status.proven == (not missing.size and not len(found.undecided_pieces))


def test_points_that_are_found_are_there(rng: np.random.Generator) -> None:
    net = he(10, 20, 20, 6, seed=3)
    box = vitrail.Box([-1.0] * 10, [1.0] * 10)
    for point in rng.uniform(-1, 1, (6, 10)):
        region = halfspaces_at(net, point, box)
        found = decision(region)
        if not found.crossed:
            continue
        assert (np.abs(found.nearest) <= 1.0).all()
        assert (region.normals @ found.nearest <= region.offsets + CLOSE).all()
        values = net.forward(found.nearest[None])[0].numpy()
        assert values[found.nearest_class] >= values[found.prediction] - CLOSE
        assert abs(np.linalg.norm(found.nearest - point) - found.distance) < 1e-5 * found.distance
        assert found.ratio == pytest.approx(region.slacks.min() / found.distance)


def test_the_digits_network_is_crossed_everywhere() -> None:
    # as in a reproduction of Zhang and Wu 2020 with twice as many units, where on average 8.5 others are reachable
    net = vitrail.Network.from_file(digits_network_path())
    images = digits_samples()[0].reshape(-1, 64) / 16
    found = [at(net, image, vitrail.Box([0.0] * 64, [1.0] * 64)) for image in images[:12]]
    assert all(each.status is Status.CERTIFIED and each.crossed for each in found)
    assert max(each.reachable.size for each in found) >= 8


# ---- special cases -------------------------------------------------------------------------------------------------

IDENTITY = ([[1.0, 0.0], [0.0, 1.0]], None)


def test_one_output_is_a_sign() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0]], [-1.0])])  # relu(x) - 1
    found = at(net, [3.0, 0.0], square(4.0))
    assert (found.prediction, found.crossed, found.reachable.tolist()) == (1, True, [0, 1])
    assert found.pieces.tolist() == [[0, 1]]
    assert found.distance == pytest.approx(2.0, abs=CLOSE) and found.ratio == pytest.approx(1.5, abs=CLOSE)
    assert found.nearest == pytest.approx([1.0, 0.0], abs=1e-5) and found.nearest_class == 0
    left = at(net, [-1.0, 0.0], square(4.0))
    assert (left.prediction, left.crossed, left.reachable.tolist(), len(left.pieces)) == (0, False, [0], 0)
    assert left.distance == left.lower == left.upper == np.inf and left.ratio == 0.0
    assert np.isnan(left.nearest).all() and left.nearest_class == -1
    assert left.status is Status.CERTIFIED


def test_an_output_that_is_zero_is_class_0() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0]], [0.0])])
    found = at(net, [-1.0, 0.0], square())
    assert (found.prediction, found.reachable.tolist(), found.status) == (0, [0], Status.CERTIFIED)


def test_equal_outputs_go_to_the_lowest_class() -> None:
    weights = [[1.0, 0.3], [-0.7, 1.0], [1.0, 0.3], [-0.7, 1.0]]
    found = at(
        vitrail.Network.from_arrays([IDENTITY, (weights, None)]), [2.0, 1.0], vitrail.Box([0.0, 0.0], [3.0, 3.0])
    )
    assert found.prediction == 0 and found.reachable.tolist() == [0, 1] and found.pieces.tolist() == [[0, 1]]
    # the boundary is 1.7 x = 0.7 y, and the nearest point of it is in the box
    normal = np.array([1.7, -0.7]) / np.hypot(1.7, 0.7)
    assert found.distance == pytest.approx(normal @ [2.0, 1.0], abs=CLOSE)
    assert found.status is Status.CERTIFIED


def test_equal_outputs_of_a_point_that_rounds() -> None:
    # outputs 0 and 5 are equal, but their constants come out different at a point with thirds
    first = [[-2, 0], [0, 2], [-2, -2]]
    last = [[-1, 3, 3], [1, -1, 1], [-1, -3, 3], [-1, 2, 3], [2, 0, 1], [-1, 3, 3]], [1, 3, 0, 0, -3, 1]
    net = Net.chain(2, [("affine", first, [0, 0, 0]), activation("relu", 3), ("affine", *last)])
    assert plane_problems(net, 2, to_network(net))[0] == []


@pytest.mark.parametrize("seed", range(4))
def test_errors_of_maps_are_bounds(seed: int) -> None:
    layers = networks.he((2, 6, 5, 3), seed)
    net = vitrail.Network.from_arrays(layers)
    for cell in exact.box(mlp(layers), [-2, -2], [2, 2]).cells:
        point = np.array([float(x) for x in cell.shape.center()])
        region = halfspaces_at(net, point, square(2.0))
        found = map_errors(net, region.pattern, point, np.array([1.0, 3.0]))
        at_point = [oracle.at(form, tuple(map(Fraction, point.tolist()))) for form in cell.affine_map]
        for number, form in enumerate(cell.affine_map):
            assert abs(Fraction(float(found.outputs[number])) - at_point[number]) <= found.values[number] < CLOSE
            off = [abs(Fraction(float(v)) - c) for v, c in zip(region.affine_map[1:, number], form[1:], strict=True)]
            assert off[0] + 3 * off[1] <= found.slopes[number] < CLOSE
            assert off[0] + off[1] <= found.gradients[number] < CLOSE


def test_three_classes_level_along_a_line_are_not_decided() -> None:
    net = vitrail.Network.from_arrays([IDENTITY, ([[0.0, 0.0], [2.0, 0.0], [1.0, 0.0]], [0.0, -2.0, -1.0])])
    found = at(net, [0.5, 0.5], vitrail.Box([0.0, 0.0], [2.0, 1.0]))
    assert found.reachable.tolist() == [0, 1] and found.undecided.tolist() == [2]
    assert found.pieces.tolist() == [] and found.undecided_pieces.tolist() == [[0, 1]]
    assert found.distance == pytest.approx(0.5, abs=CLOSE) and found.status is Status.UNCERTIFIED


@pytest.mark.parametrize("point", [[1.0, 1.0], [1.0, 0.0], [2.0, 2.0], [0.25, 0.25]])
def test_a_point_on_the_boundary_is_0_away(point: list[float]) -> None:
    # both outputs are x_0 at the point, which may also be on a side of the box
    net = vitrail.Network.from_arrays([IDENTITY, ([[1.0, 0.0], [0.0, 1.0]], [0.0, point[0] - point[1]])])
    found = at(net, point, vitrail.Box([0.0, 0.0], [2.0, 2.0]))
    assert found.distance == 0.0 == found.lower and found.upper < 1e-12
    assert found.crossed and found.prediction == 0


def test_an_obtuse_corner_is_nearer_than_the_hyperplane() -> None:
    # f_1 > f_0 is x + y > 3
    net = vitrail.Network.from_arrays([IDENTITY, ([[0.0, 0.0], [1.0, 1.0]], [3.0, 0.0])])
    found = at(net, [0.5, 0.0], vitrail.Box([0.0, 0.0], [1.0, 3.0]))
    # the projection (1.75, 1.25) is outside; the nearest point is the corner (1, 2)
    assert found.distance == pytest.approx(np.hypot(0.5, 2.0), rel=1e-6)
    assert found.lower <= np.hypot(0.5, 2.0) <= found.upper and found.status is Status.CERTIFIED
    assert found.nearest == pytest.approx([1.0, 2.0], abs=1e-4)


def test_a_network_without_rows() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], None)])
    found = at(net, [3.0, 1.0])
    assert found.reachable.tolist() == [0, 1, 2] and found.pieces.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert found.distance == pytest.approx(np.sqrt(2.0), abs=CLOSE) and found.status is Status.CERTIFIED
    assert found.ratio == np.inf
    constant = at(vitrail.Network.from_arrays([([[0.0, 0.0], [0.0, 0.0]], [1.0, 2.0])]), [3.0, 1.0])
    assert constant.reachable.tolist() == [1] == [constant.prediction] and constant.status is Status.CERTIFIED


def test_another_domain_and_a_polytope() -> None:
    net = vitrail.Network.from_arrays([IDENTITY, ([[1.0, 0.0], [0.0, 1.0]], None)])
    region = halfspaces_at(net, [3.0, 1.0])
    assert decision(region).crossed
    assert not decision(region, vitrail.Box([2.0, 0.5], [4.0, 1.5])).crossed
    triangle = vitrail.Polytope([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], [-0.5, -0.5, 6.0])
    found = decision(region, triangle)
    assert found.status is Status.CERTIFIED and found.distance == pytest.approx(np.sqrt(2.0), abs=CLOSE)
    small = vitrail.Polytope([[-1.0, 0.0], [0.0, -1.0], [1.0, 4.0]], [-2.5, -0.5, 9.0])
    assert decision(region, small).reachable.tolist() == [0]
    with pytest.raises(InvalidDomainError, match="outside"):
        decision(region, vitrail.Box([0.0, 0.0], [1.0, 1.0]))


def test_parts_can_be_left_out() -> None:
    net = he(4, 8, 8, 4, seed=2)
    region = halfspaces_at(net, np.zeros(4), vitrail.Box([-1.0] * 4, [1.0] * 4))
    whole, classes = decision(region), decision(region, pieces=False, distance=False)
    assert (
        classes.pieces.shape == (0, 2)
        and np.isnan([classes.distance, classes.lower, classes.upper, classes.ratio]).all()
    )
    assert classes.reachable.tolist() == whole.reachable.tolist() and classes.nearest_class == -1
    assert "pieces" not in repr(classes) and "distance" not in repr(classes)
    assert repr(whole).count("\n") == 0 and f"class {whole.prediction}" in repr(whole)


def test_without_proven_rows_nothing_is_certified() -> None:
    net = he(3, 8, 8, 3, seed=0)
    region = halfspaces_at(net, np.zeros(3), vitrail.Box([-1.0] * 3, [1.0] * 3))
    loose = dataclasses.replace(region, normal_errors=np.full(len(region), np.inf), status=Status.UNCERTIFIED)
    first, second = decision(region), decision(loose)
    assert first.status is Status.CERTIFIED and second.status is Status.UNCERTIFIED
    assert first.reachable.tolist() == second.reachable.tolist()
    # rows that may be off by more than the region is wide prove nothing
    vague = dataclasses.replace(region, offset_errors=np.full(len(region), 10.0))
    third = decision(vague)
    assert third.reachable.size == 0 and third.undecided.size and third.status is Status.UNCERTIFIED


def test_many_classes() -> None:
    layers = centered(networks.he((8, 6, 60), 1))
    found = check_by_programs(layers, np.full(8, 0.1), vitrail.Box([-3.0] * 8, [3.0] * 8))
    assert found.status is Status.CERTIFIED and 10 < found.reachable.size < 60 and len(found.pieces) > 50


def test_convolutions() -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Flatten(), torch.nn.Linear(27, 4)),
    )
    net = vitrail.Network.from_torch(model, torch.zeros(1, 1, 6, 6))
    rng = np.random.default_rng(5)
    region = halfspaces_at(net, rng.uniform(0, 1, (1, 6, 6)), vitrail.Box([0.0] * 36, [1.0] * 36))
    found = decision(region)
    assert found.status is Status.CERTIFIED
    # walks inside the region meet only classes that are reachable
    x, seen = region.point, set()
    for _ in range(400):
        step = rng.normal(size=36)
        with np.errstate(divide="ignore"):
            ends = np.concatenate([region.offsets - region.normals @ x, 1 - x, x])
            rates = np.concatenate([region.normals @ step, step, -step])
        ahead = (ends[rates > 0] / rates[rates > 0]).min()
        x = x + rng.uniform(0, 1) * ahead * step
        seen.add(int(net.forward(x.reshape(1, 1, 6, 6)).argmax()))
    assert seen <= set(found.reachable.tolist())
