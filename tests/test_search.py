"""The search as a whole: budgets, executors, chunks, shapes of inputs, unbounded lines, decision boundaries."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import torch

import vitrail
from helpers import he, patterns_of, square
from vitrail.boundaries import decision_boundary
from vitrail.engines.budget import Budget
from vitrail.engines.plan import make_plan
from vitrail.errors import InvalidDomainError, InvalidModelError, InvalidOptionError, NotCertifiedError
from vitrail.network.network import Network
from vitrail.network.rounding import FormBounds
from vitrail.regions import RegionSet
from vitrail.status import Arithmetic, Cells, Kind, Status


@pytest.fixture(scope="module")
def network() -> Network:
    return he(2, 24, 24, 24, 3)


@pytest.fixture(scope="module")
def regions(network: Network) -> RegionSet:
    return vitrail.enumerate_regions(network, square())


def test_counting_equals_enumerating(network: Network, regions: RegionSet) -> None:
    count = vitrail.count_regions(network, square())
    assert int(count) == len(regions)
    assert count.status is regions.status is Status.CERTIFIED
    assert regions.account.per_layer[-1] == len(regions)


def same(a: RegionSet, b: RegionSet) -> bool:
    names = ("offsets", "vertices", "facet_units", "words")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def test_no_executor_changes_the_result(network: Network, regions: RegionSet) -> None:
    with ThreadPoolExecutor(3) as threads:
        assert same(regions, vitrail.enumerate_regions(network, square(), executor=threads))
    small = vitrail.enumerate_regions(network, square(), memory=2**24)
    assert sorted(patterns_of(small)) == sorted(patterns_of(regions))


def test_a_process_pool_gives_the_same_regions(network: Network, regions: RegionSet) -> None:
    with ProcessPoolExecutor(2) as processes:
        other = vitrail.enumerate_regions(network, square(), executor=processes)
    assert same(regions, other)
    assert np.array_equal(regions.facet_cuts, other.facet_cuts)


def test_max_regions_holds_in_other_processes(network: Network) -> None:
    with ProcessPoolExecutor(2) as processes:
        part = vitrail.enumerate_regions(network, square(), max_regions=7, executor=processes)
    assert len(part) == 7
    assert part.status is Status.PARTIAL


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_max_regions_stops_with_what_is_there(network: Network, regions: RegionSet, limit: int) -> None:
    part = vitrail.enumerate_regions(network, square(), max_regions=limit)
    assert len(part) == limit
    assert part.status is Status.PARTIAL
    assert set(patterns_of(part)) <= set(patterns_of(regions))
    count = part.count()
    assert count.kind is Kind.LOWER_BOUND
    assert limit <= count == count.lower <= len(regions) <= count.upper
    with pytest.raises(NotCertifiedError, match="partial"):
        part.require_complete()
    counted = vitrail.count_regions(network, square(), max_regions=limit)
    assert counted.status is Status.PARTIAL
    assert limit <= counted == counted.lower <= len(regions) <= counted.upper


def test_time_limit_stops_in_time() -> None:
    network = he(2, 200, 200, 200, 200, 1)
    vitrail.count_regions(he(2, 8, 8, 1), square())  # compile first
    started = time.monotonic()
    count = vitrail.count_regions(network, square(), time_limit=0.2)
    assert time.monotonic() - started < 5  # seconds; one chunk and the first stage come on top of the limit
    assert count.status is Status.PARTIAL
    assert count.kind is Kind.LOWER_BOUND


def test_a_budget_that_is_enough_changes_nothing(network: Network, regions: RegionSet) -> None:
    whole = vitrail.enumerate_regions(network, square(), max_regions=10**6, time_limit=600.0)
    assert whole.require_complete().status is Status.CERTIFIED
    assert same(whole, regions)


@pytest.mark.parametrize(
    "option",
    [{"max_regions": 0}, {"max_regions": 2.5}, {"max_regions": True}, {"time_limit": -1}, {"time_limit": float("nan")}],
)
def test_budgets_that_make_no_sense(network: Network, option: dict[str, object]) -> None:
    with pytest.raises(InvalidOptionError, match=next(iter(option))):
        vitrail.count_regions(network, square(), **option)  # type: ignore[arg-type]


def test_budget_is_shared() -> None:
    budget = Budget(5, None)
    assert (budget.allow(3), budget.allow(3), budget.spent()) == (3, 2, True)


def test_definition_names_the_closest(network: Network) -> None:
    with pytest.raises(InvalidOptionError, match="did you mean 'linear'"):
        vitrail.count_regions(network, square(), "linaer")


def test_an_affine_network_is_one_region() -> None:
    network = Network.from_arrays([([[1.0, 2.0]], [0.5])])
    found = vitrail.enumerate_regions(network, square())
    assert len(found) == 1 == vitrail.count_regions(network, square()) == found.count("affine")
    assert found.affine_maps.tolist() == [[[0.5], [1.0], [2.0]]]
    assert found.euler_characteristic() == 1


def test_an_empty_list_of_domains_gives_no_counts(network: Network) -> None:
    assert vitrail.count_regions(network, []) == []


def test_domains_that_do_not_fit(network: Network) -> None:
    with pytest.raises(InvalidDomainError, match="space of 3 inputs, but the network takes 2"):
        vitrail.count_regions(network, vitrail.Segment([0, 0, 0], [1, 1, 1]))
    with pytest.raises(InvalidDomainError, match="dimensions 1 and 2"):
        vitrail.count_regions(network, [vitrail.Segment([0, 0], [1, 1]), square()])


def test_weights_that_overflow_are_refused() -> None:
    network = Network.from_arrays([([[1e200]], [0.0]), ([[1e200]], [0.0]), ([[1.0]], None)])
    with pytest.raises(InvalidModelError, match="overflow"):
        vitrail.count_regions(network, vitrail.Segment([-1.0], [1.0]))


def test_image_shaped_inputs(rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(48, 4))
    network = Network.from_torch(model.eval(), torch.zeros(1, 1, 6, 6))
    a, b, c = rng.uniform(size=(3, 1, 6, 6))
    plane = vitrail.enumerate_regions(network, vitrail.Plane.through(a, b, c))
    flat = vitrail.enumerate_regions(network, vitrail.Plane.through(a.ravel(), b.ravel(), c.ravel()))
    assert same(plane, flat)
    assert plane.measure_error < 1e-12


def lines_in(plane: vitrail.Plane, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(4)
    return [tuple(generator.uniform(plane.lo, plane.hi, (2, 2))) for _ in range(count)]


@pytest.mark.parametrize("widths", [(2, 20, 20, 1), (6, 16, 16, 2)])
def test_a_line_in_a_plane_crosses_its_regions(widths: tuple[int, ...], rng: np.random.Generator) -> None:
    network = he(*widths)
    plane = vitrail.Plane.through(*rng.uniform(-1, 1, (3, widths[0])))
    whole = vitrail.enumerate_regions(network, plane)
    known = set(patterns_of(whole))
    for s, t in lines_in(plane, 10):
        segment = vitrail.enumerate_regions(network, vitrail.Segment(*plane.frame.point([s, t])))
        on_line = patterns_of(segment)
        assert set(on_line) <= known
        # regions are convex: a line meets each one in one piece
        assert len(set(on_line)) == len(on_line)


def test_points_lie_in_the_region_of_their_pattern(
    network: Network, regions: RegionSet, rng: np.random.Generator
) -> None:
    points = rng.uniform(-1, 1, (2000, 2))
    index = {pattern: i for i, pattern in enumerate(patterns_of(regions))}
    pieces = np.concatenate(network.pieces_at(points), axis=1)
    for point, row in zip(points, pieces, strict=True):
        corners = regions[index[tuple(int(p) for p in row)]].vertices
        sides = np.roll(corners, -1, axis=0) - corners
        offsets = point - corners
        # counter-clockwise: inside is to the left of every side, up to rounding of the cross product
        assert (sides[:, 0] * offsets[:, 1] - sides[:, 1] * offsets[:, 0]).min() > -1e-12


def test_maps_reproduce_the_network(network: Network, regions: RegionSet) -> None:
    values = regions.affine_maps[:, 0] + np.einsum("rk,rko->ro", regions.witnesses, regions.affine_maps[:, 1:])
    np.testing.assert_allclose(values, network.forward(regions.witness_points).numpy(), atol=1e-12)
    kept = vitrail.enumerate_regions(network, square(), patterns=False)
    np.testing.assert_allclose(kept.affine_maps, regions.affine_maps, atol=1e-12)
    with pytest.raises(InvalidOptionError, match="patterns"):
        kept.patterns()


def test_whole_lines_are_unbounded_at_both_ends(rng: np.random.Generator) -> None:
    network = he(3, 12, 12, 2)
    line = vitrail.enumerate_regions(network, vitrail.Line(rng.normal(size=3), rng.normal(size=3)))
    assert np.isinf(line.measures).sum() == 2
    assert np.isnan(line.measure_error)
    values = line.affine_maps[:, 0] + np.einsum("rk,rko->ro", line.witnesses, line.affine_maps[:, 1:])
    np.testing.assert_allclose(values, network.forward(line.witness_points).numpy(), rtol=1e-9)


def test_decision_boundary_of_three_classes(network: Network, rng: np.random.Generator) -> None:
    boundary = decision_boundary(network, square())
    middle = boundary.ends.mean(axis=1)
    outputs = np.sort(network.forward(middle).numpy(), axis=1)
    np.testing.assert_allclose(outputs[:, -1], outputs[:, -2], atol=1e-9)
    assert boundary.regions.measure_error < 1e-12
    points = rng.uniform(-1, 1, (500, 2))
    truth = network.forward(points).numpy().argmax(axis=1)
    split = boundary.regions
    index = {pattern: i for i, pattern in enumerate(patterns_of(split)) for pattern in [pattern[:-1] + pattern[-1:]]}
    pieces = np.concatenate([*network.pieces_at(points), truth[:, None]], axis=1)
    assert all(tuple(int(v) for v in row) in index for row in pieces)
    assert boundary.measure == pytest.approx(boundary.measures.sum())
    assert set(boundary.classes.ravel()) <= {0, 1, 2}
    assert boundary.decision_regions.max() >= len(np.unique(truth)) - 1


def test_decision_boundary_of_one_output_on_a_line() -> None:
    network = Network.from_arrays([([[1.0]], [-0.25])])
    boundary = decision_boundary(network, vitrail.Segment([0.0], [1.0]))
    assert boundary.ends.tolist() == [[[0.25], [0.25]]]
    assert (boundary.classes.tolist(), boundary.measure) == ([[0, 1]], 0.0)


def test_a_decision_that_never_changes_has_no_boundary() -> None:
    network = Network.from_arrays([([[0.0, 0.0], [0.0, 0.0]], [1.0, 0.0])])
    boundary = decision_boundary(network, square())
    assert boundary.ends.shape == (0, 2, 2)
    assert boundary.region_classes.tolist() == [0]


def test_deep_narrow_and_wide_networks() -> None:
    deep = he(2, *[4] * 200, 1)
    assert vitrail.count_regions(deep, square()) >= 1
    wide = he(1, 5000, 1)
    count = vitrail.count_regions(wide, vitrail.Segment([-1.0], [1.0]))
    breakpoints = -wide.nodes[1].op.bias.numpy() / wide.nodes[1].op.weight.numpy()[:, 0]  # type: ignore[attr-defined, union-attr]
    assert count == 1 + (np.abs(breakpoints) < 1).sum()


def test_a_layer_that_cannot_be_proven_says_so() -> None:
    generator = np.random.default_rng(0)
    layers = [(generator.normal(size=(40, 40)) / 6, generator.normal(size=40)) for _ in range(30)]
    network = Network.from_arrays([*layers, (np.ones((1, 40)), None)])
    domain = vitrail.Segment(np.zeros(40), np.ones(40))
    found = vitrail.enumerate_regions(network, domain, exact=False)
    assert found.account.unproven > 0
    assert found.status is Status.UNCERTIFIED
    with pytest.raises(NotCertifiedError, match="uncertified"):
        found.require_certified()
    certified = vitrail.enumerate_regions(network, domain)
    assert certified.status is Status.CERTIFIED
    assert certified.account.exact > 0


def test_plan_bounds_hold_for_the_forms_of_cells() -> None:
    network = he(2, 30, 30, 30, 2)
    found = vitrail.enumerate_regions(network, square())
    assert found.source is not None
    roots = torch.from_numpy(found.source.roots.forms)
    root = FormBounds(roots[0].abs(), torch.zeros_like(roots[0]))
    plan = make_plan(network.graph, roots, root, True, Arithmetic.FLOAT, Cells.POLYGONS)
    reference = found.affine_maps.astype(np.longdouble)
    exact = exact_maps(network, found)
    assert (np.abs(reference - exact) <= plan.output_error.astype(np.longdouble)).all()


def exact_maps(network: Network, found: RegionSet) -> np.ndarray:
    """The affine maps in 80-bit arithmetic, eleven bits more than float64, by following the patterns."""
    patterns = found.patterns()
    weights = [(n.op.weight, n.op.bias) for n in network.nodes if getattr(n.op, "weight", None) is not None]
    out = []
    for r in range(len(found)):
        forms = np.array([[0, 0], [1, 0], [0, 1]], dtype=np.longdouble)
        for layer, (weight, bias) in enumerate(weights):
            forms = forms @ weight.numpy().astype(np.longdouble).T
            forms[0] += bias.numpy()
            if layer < len(patterns):
                forms = forms * patterns[layer][r]
        out.append(forms)
    return np.array(out)
