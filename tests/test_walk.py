"""Walks across facets: against an exact oracle, against the search by cuts, and by what must hold of any walk."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vitrail
from helpers import domain_of, he, patterns_of
from oracles import networks
from oracles.neutral import Pattern
from oracles.random_networks import FAMILIES, Case, random_case
from oracles.space import Space as Truth
from oracles.space import space
from translate import to_network
from vitrail.domains import Box, Domain, Line, Plane, Polytope, Segment, Slice, Space
from vitrail.engines import wide_facets
from vitrail.engines.bottleneck import find_bottleneck
from vitrail.engines.cell_facets import FACET, IMPLIED, CellRows, decide_exactly, examine, implies
from vitrail.engines.walk import Found, number_cuts
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.network.network import Network
from vitrail.numerics.predicates import form_at
from vitrail.regions import RegionSet
from vitrail.status import Status
from vitrail.walking import Walk, walk

# ---- what is compared ------------------------------------------------------------------------------------------------


def crossings(regions: RegionSet) -> list[tuple[int, int]]:
    """The pairs of regions whose facets share a cut, positive side first."""
    owner = np.repeat(np.arange(len(regions)), np.diff(regions.facet_offsets))
    at: dict[int, list[int]] = {}
    for cut, region in zip(regions.facet_cuts.tolist(), owner.tolist(), strict=True):
        if cut >= 0:
            at.setdefault(cut, []).append(region)
    assert all(len(there) == 1 for there in at.values()), "a cut occurs twice on one side"
    return [(at[cut][0], at[cut ^ 1][0]) for cut in sorted(at) if cut % 2 == 0 and cut ^ 1 in at]


def problems(truth: Truth, found: Walk) -> list[str]:
    """What is wrong with a walk that should have found everything."""
    regions, patterns = found.regions, patterns_of(found.regions)
    if len(set(patterns)) != len(patterns) or set(patterns) != truth.patterns():
        return [f"{len(set(patterns) - truth.patterns())} too many, {len(truth.patterns() - set(patterns))} missing"]
    out = [] if regions.status is Status.CERTIFIED else [f"status {regions.status.value}"]
    pairs = [frozenset((patterns[i], patterns[j])) for i, j in crossings(regions)]
    if len(set(pairs)) != len(pairs) or set(pairs) != truth.adjacency():
        out.append(f"{len(pairs)} pairs for {len(truth.adjacency())}")
    for i, pattern in enumerate(patterns):
        cuts = regions.facet_cuts[regions.facet_offsets[i] : regions.facet_offsets[i + 1]]
        outer = sum(facet.beyond is None for facet in truth.facets[pattern])
        if (int((cuts < 0).sum()), cuts.size) != (outer, len(truth.facets[pattern])):
            out.append(f"region {i} has {cuts.size} facets for {len(truth.facets[pattern])}")
    cells = {cell.pattern: cell for cell in truth.cells}
    for pattern, witness in zip(patterns, regions.witnesses, strict=True):
        point = [Fraction(1), *map(Fraction, witness.tolist())]
        if not all(sum(c * x for c, x in zip(row, point, strict=True)) > 0 for row in cells[pattern].rows):
            out.append(f"the witness {witness} lies outside its region")
    return out


def pieces_inside(found: Walk) -> list[np.ndarray]:
    """The patterns at the witnesses."""
    net = found.regions.source
    assert net is not None
    points = found.regions.witness_points.reshape(-1, *net.plan.graph.input_shape)
    return net.plan.graph.pieces_at(points)


def shells(truth: Truth, start: Sequence[Pattern]) -> dict[Pattern, int]:
    """How many facets lie between each pattern and the nearest of some."""
    distances, queue = dict.fromkeys(start, 0), deque(start)
    beyond: dict[Pattern, list[Pattern]] = {}
    for pair in truth.adjacency():
        a, b = pair
        beyond.setdefault(a, []).append(b)
        beyond.setdefault(b, []).append(a)
    while queue:
        here = queue.popleft()
        for there in beyond.get(here, []):
            if there not in distances:
                distances[there] = distances[here] + 1
                queue.append(there)
    return distances


def words_of(regions: RegionSet) -> set[bytes]:
    assert regions.words is not None
    return {row.tobytes() for row in np.ascontiguousarray(regions.words)}


def same_as_search(net: Network, seed: Any, domain: Domain) -> Walk:
    """A walk that found what cutting finds, and as much of it after every layer."""
    found, searched = walk(net, seed, domain), vitrail.enumerate_regions(net, domain)
    assert words_of(found.regions) == words_of(searched)
    assert len(found.regions) == len(searched)
    assert found.regions.account.per_layer == searched.account.per_layer
    assert found.regions.status is Status.CERTIFIED
    return found


@cache
def case_and_truth(seed: int, dimension: int, whole: bool) -> tuple[Case, Truth]:
    case = random_case(seed, (FAMILIES[seed % len(FAMILIES)],), dimensions=(dimension, dimension), units=3)
    return case, space(case.net, [] if whole else case.halfspaces)


def domain(case: Case, whole: bool) -> Domain:
    return Space(case.dimension) if whole else domain_of(case)


# ---- complete walks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("widths", "regions"),
    [((2, 8, 8, 1), 111), ((2, 16, 16, 1), 450), ((3, 8, 8, 1), 794), ((4, 8, 8, 1), 2375), ((3, 16, 16, 1), 4297)],
)
def test_counts_of_the_whole_space(widths: tuple[int, ...], regions: int) -> None:
    found = walk(Network.from_arrays(networks.golden(widths)), np.zeros(widths[0]))
    assert (len(found.regions), found.regions.status) == (regions, Status.CERTIFIED)
    assert int(found.regions.count()) == regions and found.distances[0] == 0


@pytest.mark.parametrize("whole", [False, True], ids=["box", "space"])
@pytest.mark.parametrize("seed", range(len(FAMILIES)), ids=FAMILIES)
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_everything_is_found(dimension: int, seed: int, whole: bool) -> None:
    case, truth = case_and_truth(seed, dimension, whole)
    start = np.random.default_rng(seed).integers(-8, 9, dimension) / 4
    assert problems(truth, walk(to_network(case.net), start, domain(case, whole))) == []


@pytest.mark.parametrize("seed", range(4))
def test_four_dimensions(seed: int) -> None:
    case, truth = case_and_truth(seed + 20, 4, False)
    assert problems(truth, walk(to_network(case.net), np.zeros(4), domain_of(case))) == []


DEGENERATE = networks.degenerate()


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("whole", [False, True], ids=["box", "space"])
def test_networks_that_are_not_in_general_position(name: str, whole: bool) -> None:
    same_as_search(
        Network.from_arrays(DEGENERATE[name]), [0.0, 0.0], Space(2) if whole else Box([-1.0, -1.0], [1.0, 1.0])
    )


@pytest.mark.parametrize("seed", range(6))
def test_int8_weights_zero_biases_and_dead_layers(seed: int) -> None:
    generator = np.random.default_rng(seed)
    layers = [generator.integers(-128, 128, (size, 3)).astype(float) for size in (4,)]
    first, dead = layers[0], -np.abs(generator.integers(1, 5, (3, 4)).astype(float))
    # the second layer is never above zero, so what follows is constant but for what goes past it
    both = np.concatenate([dead[:2], generator.integers(-3, 4, (2, 4))])
    net = Network.from_arrays([(first, None), (both, None), (generator.integers(-2, 3, (3, 4)), [0.0, 1.0, -1.0])])
    same_as_search(net, np.zeros(3), Space(3))
    same_as_search(net, np.ones(3), Box([-1.0] * 3, [1.0] * 3))


def test_other_domains() -> None:
    net = he(4, 6, 6, 1)
    generator = np.random.default_rng(0)
    a, b, c, d = generator.normal(size=(4, 4))
    sides = np.concatenate([np.eye(4), -np.eye(4), np.ones((1, 4))])
    same_as_search(net, a, Segment(a, b))
    same_as_search(net, a, Line(a, b))
    same_as_search(net, a, Plane(a, b, c, [-1.0, -1.0], [1.0, 1.0]))
    same_as_search(net, a, Slice(a, [b, c, d], [-1.0] * 3, [1.0] * 3))
    same_as_search(net, np.zeros(4), Polytope(sides, [1.0] * 8 + [2.0]))


def test_no_units() -> None:
    found = walk(Network.from_arrays([([[1.0, 2.0]], None)]), [3.0, 4.0])
    assert (len(found.regions), found.regions.facet_units.size, found.regions.status) == (1, 0, Status.CERTIFIED)


def test_the_checker_sees_what_is_wrong() -> None:
    case, truth = case_and_truth(11, 2, False)
    found = walk(to_network(case.net), [0.25, 0.5], domain_of(case))
    regions = found.regions
    assert regions.words is not None and problems(truth, found) == [] and len(regions) > 3
    turned = regions.words.copy()
    turned[0] = regions.words[1]
    far, missing = regions.witnesses[::-1].copy(), regions.facet_cuts.copy()
    inner = np.flatnonzero(missing >= 0)
    missing[inner[0]] = int(missing.max()) + 2
    for wrong in (
        replace(regions, words=turned),
        replace(regions, stored_witnesses=far),
        replace(regions, facet_cuts=missing),
        replace(regions, facet_cuts=np.where(np.arange(missing.size) == inner[0], -1, regions.facet_cuts)),
        replace(regions, account=replace(regions.account, undecided=1)),
    ):
        assert problems(truth, replace(found, regions=wrong)) != []


def test_neighbors_that_do_not_lead_back_are_reported() -> None:
    # three regions in a row, by the units 0 and 1
    good = Found(
        np.arange(3)[:, None],
        np.arange(3),
        np.zeros((3, 1)),
        np.array([0, 1, 3, 4]),
        np.array([0, 0, 1, 1]),
        np.array([-1, 1, -1, 1]),
        np.array([1, 0, 2, 1]),
        np.zeros(3, dtype=bool),
        True,
        0,
        0,
        0,
        3,
    )
    cuts, wrong = number_cuts(good, good.facet_rows)
    assert (cuts.tolist(), wrong.tolist()) == ([1, 0, 3, 2], [])
    assert number_cuts(replace(good, beyond=np.array([2, 0, 2, 1])), good.facet_rows)[1].tolist() == [0, 1]
    assert number_cuts(good, np.array([0, 1, 1, 1]))[1].tolist() == [0, 1]
    # what lies beyond may be missing
    cuts, wrong = number_cuts(replace(good, beyond=np.array([1, 0, -1, -1])), good.facet_rows)
    assert (sorted(cuts.tolist()), wrong.tolist(), len(set(cuts.tolist() + (cuts ^ 1).tolist()))) == (
        [0, 1, 3, 4],
        [],
        6,
    )


# ---- distances, seeds and budgets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [1, 3])
def test_shells(seed: int, count: int) -> None:
    case, truth = case_and_truth(seed, 2 + seed % 2, False)
    net, box = to_network(case.net), domain_of(case)
    starts = np.random.default_rng(seed).integers(-8, 9, (count, case.dimension)) / 4
    found = walk(net, starts, box)
    patterns = patterns_of(found.regions)
    distances = shells(truth, [patterns[i] for i in found.seeds])
    assert [distances[p] for p in patterns] == found.distances.tolist()
    assert found.distances.tolist() == sorted(found.distances.tolist())
    for most in range(int(found.distances.max()) + 2):
        part = walk(net, starts, box, max_distance=most)
        near = found.distances <= most
        # the same regions in the same order, with all of their facets
        assert patterns_of(part.regions) == [p for p, kept in zip(patterns, near, strict=True) if kept]
        assert part.regions.status is (Status.CERTIFIED if near.all() else Status.PARTIAL)
        sizes = np.diff(found.regions.facet_offsets)
        assert np.array_equal(np.diff(part.regions.facet_offsets), sizes[near])
        assert len(crossings(part.regions)) == sum(near[i] and near[j] for i, j in crossings(found.regions))


@pytest.mark.parametrize("seed", range(8))
def test_seeds_on_boundaries(seed: int) -> None:
    case, truth = case_and_truth(seed, 2, False)
    net, box = to_network(case.net), domain_of(case)
    # corners and middles of the box, and points of small numbers, where units of small integers vanish
    points = np.array([[x, y] for x in (-2.0, 0.0, 1.0, 2.0) for y in (-2.0, -0.5, 0.0, 2.0)])
    found = walk(net, points, box)
    cells = {cell.pattern: cell for cell in truth.cells}
    patterns = patterns_of(found.regions)
    for point, region in zip(points, found.seeds, strict=True):
        rows = np.array(cells[patterns[region]].rows, dtype=float)
        assert (rows[:, 0] + rows[:, 1:] @ point >= 0).all()
    assert np.array_equal(found.seeds, walk(net, points, box).seeds)
    one_by_one = [patterns_of(walk(net, point, box, max_distance=0).regions) for point in points]
    assert one_by_one == [[patterns[region]] for region in found.seeds]


def test_a_seed_where_everything_vanishes() -> None:
    net = Network.from_arrays([(np.eye(3), None), (np.ones((2, 3)), None), ([[1.0, 1.0]], None)])
    found = walk(net, np.zeros(3), Space(3))
    assert len(found.regions) == 8
    # moved along the first axis, then the second, ...
    assert [p[0].tolist() for p in found.regions.patterns()] == [[1, 1, 1], [1, 1]]


def test_seeds_are_inputs_of_any_shape() -> None:
    net = he(4, 5, 5, 1)
    flat = np.linspace(-1, 1, 8).reshape(2, 4)
    batch, single = walk(net, flat, max_distance=1), walk(net, flat[0], max_distance=1)
    assert batch.seeds.size == 2 and single.seeds.tolist() == [0]
    assert words_of(single.regions) <= words_of(batch.regions)
    for wrong in (np.zeros(3), np.zeros((2, 3)), np.zeros((0, 4)), [np.nan] * 4, "abc"):
        with pytest.raises(InvalidDomainError, match="seeds"):
            walk(net, wrong)


def test_seeds_outside_are_named() -> None:
    net = he(2, 4, 1)
    for domain in (Box([0.0, 0.0], [1.0, 1.0]), Polytope([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], [1.0, 0.0, 0.0])):
        with pytest.raises(InvalidDomainError, match="seed 1 is outside the domain"):
            walk(net, [[0.5, 0.25], [0.5, 1.0 + 2.0**-52], [3.0, 3.0]], domain)
    with pytest.raises(InvalidDomainError, match=r"seed 0 is .* away from the domain's own plane"):
        walk(net, [0.5, 0.25], Segment([0.0, 0.0], [1.0, 1.0]))
    with pytest.raises(InvalidDomainError, match="inputs"):
        walk(net, [0.5, 0.25], Space(3))


@pytest.mark.parametrize(
    "options", [{"max_distance": -1}, {"max_distance": True}, {"max_regions": 0}, {"time_limit": 0}]
)
def test_limits_that_are_none(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError, match=next(iter(options))):
        walk(he(2, 4, 1), [0.0, 0.0], **options)


def test_budgets() -> None:
    net = he(3, 8, 8, 1)
    full = walk(net, np.zeros(3))
    for most in (1, 2, 17, 100):
        part = walk(net, np.zeros(3), max_regions=most)
        assert (len(part.regions), part.regions.status) == (most, Status.PARTIAL)
        assert np.array_equal(part.regions.words, full.regions.words[:most])  # type: ignore[index]
        assert np.array_equal(part.distances, full.distances[:most])
        assert most <= part.regions.count().lower <= len(full.regions)
    enough = walk(net, np.zeros(3), max_regions=len(full.regions))
    assert enough.regions.status is Status.CERTIFIED
    late = walk(net, np.zeros(3), time_limit=1e-9)
    assert (len(late.regions), late.regions.status, late.seeds.tolist()) == (0, Status.PARTIAL, [-1])
    few = walk(net, np.random.default_rng(0).normal(size=(50, 3)), max_regions=3)
    assert len(few.regions) == 3 and set(few.seeds.tolist()) == {-1, 0, 1, 2}


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    walk(he(2, 4, 1), [0.0, 0.0], progress=True)
    assert "regions" in capsys.readouterr().err


# ---- floating point alone --------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 3), st.booleans())
@settings(max_examples=15, deadline=None)
def test_floating_point_says_what_it_does_not_know(seed: int, dimension: int, whole: bool) -> None:
    case = random_case(seed, dimensions=(dimension, dimension), units=3)
    net, there, start = to_network(case.net), domain(case, whole), np.full(dimension, 0.375)
    exact, rounded = walk(net, start, there), walk(net, start, there, exact=False)
    assert words_of(rounded.regions) <= words_of(exact.regions)
    if words_of(rounded.regions) != words_of(exact.regions):
        assert rounded.regions.status is Status.UNCERTIFIED
        assert rounded.regions.account.undecided


@pytest.mark.parametrize("widths", [(2, 16, 16, 1), (3, 8, 8, 1)])
def test_floating_point_is_enough_in_general_position(widths: tuple[int, ...]) -> None:
    net, box = he(*widths), Box([-1.0] * widths[0], [1.0] * widths[0])
    found = walk(net, np.zeros(widths[0]), box, exact=False)
    assert found.regions.status is Status.CERTIFIED
    assert int(vitrail.count_regions(net, box)) == len(found.regions)


# ---- many inputs -----------------------------------------------------------------------------------------------------


def first_beyond(net: Network, start: np.ndarray, direction: np.ndarray, far: float) -> bytes | None:
    """The pattern at the first point where a ray has left the pattern at its start, None if it never does."""

    def pattern(t: float) -> bytes:
        return b"".join(p.astype(np.uint8).tobytes() for p in net.pieces_at((start + t * direction)[None]))

    here = pattern(0.0)
    # the first of many points with another pattern, then a bisection
    steps = np.linspace(0.0, far, 400)[1:]
    low, high = 0.0, next((t for t in steps if pattern(t) != here), None)
    if high is None:
        return None
    low = high - steps[0]
    while high - low > 1e-12 * far:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if pattern(middle) == here else (low, middle)
    return pattern(high)


def images(*widths: int) -> tuple[Network, np.ndarray]:
    image = np.clip(np.random.default_rng(5).normal(size=widths[0]), 0.0, 1.0)
    return he(*widths, seed=3), image


def packed(found: Walk) -> list[bytes]:
    return [
        b"".join(part.astype(np.uint8).tobytes() for part in parts)
        for parts in zip(*found.regions.patterns(), strict=True)
    ]


def test_one_step_from_an_image() -> None:
    net, image = images(784, 30, 30, 10)
    found = walk(net, image, max_distance=1)
    assert (found.regions.account.undecided, found.regions.status) == (0, Status.PARTIAL)
    facets = np.diff(found.regions.facet_offsets)
    assert len(found.regions) == facets[0] + 1
    shown = packed(found)
    assert [b"".join(p.astype(np.uint8).tobytes() for p in net.pieces_at(image[None]))] == shown[:1]
    assert all(np.array_equal(a, b) for a, b in zip(pieces_inside(found), found.regions.patterns(), strict=True))
    generator, seen = np.random.default_rng(0), set()
    for direction in generator.normal(size=(40, 784)):
        beyond = first_beyond(net, image, direction, 1.0)
        seen.add(beyond)
        assert beyond is None or beyond in shown[1:]
    assert len(seen) > 5


def test_the_size_of_mnist() -> None:
    net, image = images(784, 100, 100, 10)
    found = walk(net, image, max_distance=0)
    assert (len(found.regions), found.regions.account.undecided) == (1, 0)
    assert found.regions.facet_units.size == np.unique(found.regions.facet_units).size > 100


def test_an_image_in_its_box() -> None:
    net, image = images(784, 60, 40, 10)
    box = Box(np.zeros(784), np.ones(784))
    found = walk(net, image, box, max_distance=1, max_regions=2)
    assert (len(found.regions), found.regions.account.undecided, found.regions.status) == (2, 0, Status.PARTIAL)
    assert ((found.regions.witnesses > 0) & (found.regions.witnesses < 1)).all()
    assert all(np.array_equal(a, b) for a, b in zip(pieces_inside(found), found.regions.patterns(), strict=True))
    # in the whole space a region has no fewer facets
    whole = walk(net, image, max_distance=0).regions
    units = found.regions.facet_units[: found.regions.facet_offsets[1]]
    assert set(units[units >= 0].tolist()) <= set(whole.facet_units.tolist())


def test_a_bottleneck_changes_nothing() -> None:
    generator = np.random.default_rng(2)
    narrow = he(3, 6, 6, 1)
    first = generator.integers(-3, 4, (3, 5)).astype(float)
    hidden = [node.op for node in narrow.nodes if getattr(node.op, "weight", None) is not None]
    weights = [(op.weight.numpy(), op.bias.numpy()) for op in hidden]  # type: ignore[union-attr]
    wide = Network.from_arrays([(weights[0][0] @ first, weights[0][1]), *weights[1:]])
    assert find_bottleneck(wide.graph) is None  # six units read five inputs
    few = Network.from_arrays([(first, [0.5, -0.25, 1.0]), *[(w, b) for w, b in weights]])
    found = find_bottleneck(few.graph)
    assert found is not None and found.graph.input_shape == (3,)
    walked, inside = walk(few, np.zeros(5)), walk(Network(found.graph), [0.5, -0.25, 1.0])
    assert np.array_equal(walked.regions.words, inside.regions.words)
    assert np.array_equal(walked.regions.facet_cuts, inside.regions.facet_cuts)
    assert all(np.array_equal(a, b) for a, b in zip(pieces_inside(walked), walked.regions.patterns(), strict=True))
    # not onto: two of the values are one
    flat = Network.from_arrays([(first[[0, 0, 1]], None), *[(w, b) for w, b in weights]])
    assert find_bottleneck(flat.graph) is None


# ---- which rows are facets -------------------------------------------------------------------------------------------


def polytope(seed: int, dimension: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that hold at the origin in the box [-1, 1]^n, sides last; and which of them are sides."""
    generator = np.random.default_rng(seed)
    own = np.column_stack([generator.uniform(0.2, 1.5, rows), generator.normal(size=(rows, dimension))])
    unit = np.column_stack([np.ones(dimension), np.eye(dimension)])
    sides = np.concatenate([unit, unit * np.where(np.arange(dimension + 1) == 0, 1, -1)])
    return np.concatenate([own, sides]), np.arange(rows + len(sides)) >= rows


@pytest.mark.parametrize("seed", range(10))
def test_three_ways_to_find_facets(seed: int) -> None:
    dimension = 2 + seed % 5
    values, is_side = polytope(seed, dimension, 12)
    errors = np.full(values.shape, 2.0**-52)
    found = examine(np.array([0, len(values)]), values, errors, True)
    forms = [form_at(row.tolist()) for row in values]
    exact, _ = decide_exactly(forms, np.full(len(values), -1), found.points[0], CellRows.of(values, errors))
    assert np.array_equal(found.states, exact) and {0, 1} == set(exact.tolist())
    limits = np.array([[-1.0] * dimension, [1.0] * dimension])
    wide, point = wide_facets.examine_wide(values, errors, is_side, limits)
    assert np.array_equal(wide[~is_side], exact[~is_side])
    assert (values[:, 0] + values[:, 1:] @ point > 0).all()
    # without rays, by programs alone
    dense = wide_facets._region(values[~is_side], errors[~is_side], limits)
    assert np.array_equal(wide_facets._by_programs(dense, point, np.arange(12)), exact[~is_side])


def test_proofs_that_prove_nothing() -> None:
    values, is_side = polytope(1, 4, 12)
    limits = np.array([[-1.0] * 4, [1.0] * 4])
    region = wide_facets._region(values[~is_side], np.zeros((12, 5)), limits)
    states = wide_facets._by_programs(region, np.zeros(4), np.arange(12))
    facets, implied = np.flatnonzero(states == FACET), np.flatnonzero(states == IMPLIED)
    assert facets.size and implied.size
    generator = np.random.default_rng(0)
    for row in facets:
        assert not any(wide_facets._implied(region, row, generator.exponential(size=12)) for _ in range(50))
    for row in range(12):
        assert not wide_facets._beyond(region, row, np.zeros(4))
        assert not any(wide_facets._beyond(region, i, 4 * generator.normal(size=4)) for i in implied)
    forms = [form_at(row.tolist()) for row in values]
    for row in facets:
        others = generator.choice([i for i in range(len(values)) if i != row], 4, replace=False)
        assert not implies([forms[i] for i in others], forms[row])
