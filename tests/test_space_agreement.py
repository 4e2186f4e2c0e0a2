"""Regions in three to five dimensions: against an oracle of linear programs, and one way of finding them by another.

The oracle knows no vertices and no engine: it is itself checked here, against brute force and the integer engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest

import vitrail
from helpers import domain_of, patterns_of
from oracles import brute, neutral, random_networks
from oracles import space as oracle
from oracles.float_networks import float_case
from oracles.neutral import Net
from oracles.random_networks import FAMILIES, Case, random_case
from oracles.space import Space, space
from space_comparison import DEFINITIONS, differences, structure_problems
from translate import to_network
from vitrail.domains import Domain, Polytope, Slice
from vitrail.domains import Space as WholeSpace
from vitrail.regions import RegionSet
from vitrail.status import Status
from vitrail.walking import walk

Rows = list[list[int]]
VERTICES, HALFSPACES = "vertices", "halfspaces"


@dataclass(frozen=True)
class Task:
    """A network with a domain, and the same domain for the oracle: forms that are positive inside, and the frame."""

    case: Case
    domain: Domain
    halfspaces: Rows
    frame: Rows | None = None

    @property
    def net(self) -> Net:
        """The network."""
        return self.case.net

    def truth(self) -> Space:
        """The oracle's cells."""
        return space(self.net, self.halfspaces, self.frame)

    def regions(self, **options: Any) -> RegionSet:
        """The package's regions."""
        return vitrail.enumerate_regions(to_network(self.net), self.domain, **options)


def in_box(case: Case) -> Task:
    return Task(case, domain_of(case), case.halfspaces)


def in_polytope(case: Case, seed: int) -> Task:
    """[-2, 2]^n with corners and edges cut off; some rows are repeated, redundant, or touch what is left."""
    generator, n = np.random.default_rng([seed, 51]), case.dimension
    extra = np.column_stack(
        [generator.integers(2, 2 * n + 1, 6), generator.integers(-2, 3, (6, n))]
    )  # these hold at the origin: 2 <= b
    rows = [*case.halfspaces, *extra.tolist(), [2 * int(v) for v in extra[0]], case.halfspaces[1]]
    sides = np.array(rows, dtype=float)
    kept = [row for row in rows if any(row[1:])]
    return Task(case, Polytope(-sides[:, 1:], sides[:, 0]), kept)


def in_slice(case: Case, seed: int, directions: int = 3) -> Task:
    """A window in as many directions through a space of more."""
    generator, n = np.random.default_rng([seed, 53]), case.dimension
    basis = np.eye(directions, n, dtype=int)
    basis[:, directions:] = generator.integers(-2, 3, (directions, n - directions))
    origin = generator.integers(-1, 2, n)
    unit = np.eye(directions, dtype=int)
    forms = np.concatenate([np.column_stack([np.full(directions, 2), s * unit]) for s in (1, -1)])
    domain = Slice(origin.astype(float), basis.astype(float), -2.0, 2.0)
    return Task(case, domain, forms.tolist(), [origin.tolist(), *basis.tolist()])


def in_space(case: Case) -> Task:
    return Task(case, WholeSpace(case.dimension), [])


# The oracle.


def test_the_oracle_against_elimination_of_variables() -> None:
    families = set()
    for seed in range(60):
        case = random_case(seed, dimensions=(3, 4), units=2)
        if case.patterns > 200:
            continue
        families.add(case.family)
        assert space(case.net, case.halfspaces).patterns() == brute.patterns_by_elimination(case.net, case.halfspaces)
        assert space(case.net, []).patterns() == brute.patterns_by_elimination(case.net, [])
    assert len(families) >= 10


def test_the_oracle_against_the_integer_engine() -> None:
    """In one and two dimensions, facets and counts included."""
    for seed in range(80):
        case = random_case(seed)
        found, truth = space(case.net, case.halfspaces), case.subdivide()
        names = [cell.pattern for cell in truth.cells]
        assert len(found.cells) == len(found.patterns())
        assert found.patterns() == set(names)
        assert found.adjacency() == {frozenset((names[i], names[j])) for i, j in truth.adjacency()}
        assert [found.count(d) for d in DEFINITIONS] == [truth.count(d) for d in DEFINITIONS]
        maps = {cell.pattern: cell.affine_map for cell in truth.cells}
        assert {cell.pattern: cell.affine_map for cell in found.cells} == maps


def test_programs_in_rationals_decide_as_those_in_floating_point(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [random_case(seed, dimensions=(3, 3), units=3) for seed in range(16)]
    first = [space(case.net, case.halfspaces) for case in cases]
    known = [(found.patterns(), found.adjacency()) for found in first]
    assert sum(found.tally.proposed for found in first) > 50 * sum(found.tally.rational for found in first)

    def give_up(matrix: np.ndarray, target: np.ndarray) -> None:
        raise RuntimeError("maximum number of iterations reached")

    monkeypatch.setattr(oracle, "nnls", give_up)
    again = [space(case.net, case.halfspaces) for case in cases]
    assert [(found.patterns(), found.adjacency()) for found in again] == known
    # what is left to propose is that nothing is missing
    assert sum(found.tally.rational for found in again) > 500

    def nonsense(matrix: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        return np.random.default_rng(len(target)).normal(size=matrix.shape[1]), 0.0

    monkeypatch.setattr(oracle, "nnls", nonsense)
    again = [space(case.net, case.halfspaces) for case in cases[:10]]
    assert [(found.patterns(), found.adjacency()) for found in again] == known[:10]


def test_points_of_the_oracle_have_the_patterns_it_says() -> None:
    for seed in range(30):
        case = random_case(seed, dimensions=(3, 4))
        found = space(case.net, case.halfspaces)
        points = np.random.default_rng(seed).uniform(-2, 2, (30, case.dimension))
        assert {neutral.forward(case.net, point.tolist())[0] for point in points} <= found.patterns()
        for cell in found.cells:
            pattern, output = neutral.forward(case.net, cell.point)
            assert pattern == cell.pattern
            ones = (1, *cell.point)
            assert output == tuple(sum(a * b for a, b in zip(form, ones, strict=True)) for form in cell.affine_map)


def test_an_empty_domain_is_refused() -> None:
    net = neutral.mlp([([[1, 1, 1]], [0]), ([[1]], [0])])
    for rows in ([[-1, 1, 0, 0], [0, -1, 0, 0]], [[0, 1, 0, 0], [0, -1, 0, 0]], [[-1, 0, 0, 0]]):
        with pytest.raises(ValueError, match="interior"):
            space(net, rows)


# The package against the oracle.


def boxes(seeds: range, units: int, dimensions: tuple[int, int] = (3, 4)) -> Iterator[Task]:
    for seed in seeds:
        yield in_box(random_case(seed, dimensions=dimensions, units=units))


def polytopes(seeds: range, units: int) -> Iterator[Task]:
    for seed in seeds:
        yield in_polytope(random_case(seed, dimensions=(3, 4), units=units), seed)


def slices(seeds: range, units: int, directions: int = 3) -> Iterator[Task]:
    for seed in seeds:
        yield in_slice(random_case(seed, dimensions=(directions + 1, directions + 3), units=units), seed, directions)


def whole_spaces(seeds: range, units: int) -> Iterator[Task]:
    for seed in seeds:
        yield in_space(random_case(seed, dimensions=(3, 4), units=units))


def disagreements(tasks: Iterator[Task], **options: Any) -> dict[int, Any]:
    """What differs by the number of the task; three in ten must be degenerate."""
    wrong, degenerate, total = {}, 0, 0
    families: Counter[str] = Counter()
    for number, task in enumerate(tasks):
        truth, regions = task.truth(), task.regions(**options)
        found = differences(truth, regions)
        if int(vitrail.count_regions(to_network(task.net), task.domain, **options)) != len(truth.cells):
            found.append("count_regions differs from enumerate_regions")
        if found:
            wrong[number] = (task.case.family, *found)
        degenerate += truth.tally.contacts > 0
        families[task.case.family] += 1
        total += 1
    assert degenerate >= 0.3 * total
    assert total < 60 or set(families) == set(FAMILIES)
    return wrong


def test_networks_in_boxes() -> None:
    assert disagreements(boxes(range(65), 4)) == {}


def test_wider_networks_in_boxes() -> None:
    assert disagreements(boxes(range(500, 508), 7, (3, 3))) == {}


def test_five_dimensions() -> None:
    assert disagreements(boxes(range(700, 706), 4, (5, 5))) == {}


def test_twenty_networks_in_polytopes() -> None:
    assert disagreements(polytopes(range(20), 4)) == {}


def test_twenty_networks_on_slices() -> None:
    assert disagreements(slices(range(20), 4)) == {}


def test_every_sign_exact() -> None:
    assert disagreements(boxes(range(900, 910), 4), exact="always") == {}
    assert disagreements(slices(range(900, 905), 3), exact="always") == {}


def test_networks_in_boxes_by_halfspaces() -> None:
    assert disagreements(boxes(range(24), 4), cells=HALFSPACES) == {}


def test_networks_in_the_whole_space() -> None:
    assert disagreements(whole_spaces(range(20), 4)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 11_000, 100))
def test_a_thousand_networks(first: int) -> None:
    wrong = disagreements(boxes(range(first, first + 60), 6, (3, 5)))
    wrong |= disagreements(polytopes(range(first + 60, first + 80), 5))
    assert wrong | disagreements(slices(range(first + 80, first + 100), 5)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(20_000, 20_200, 50))
def test_two_hundred_networks_by_halfspaces(first: int) -> None:
    wrong = disagreements(boxes(range(first, first + 30), 4), cells=HALFSPACES)
    assert wrong | disagreements(whole_spaces(range(first + 30, first + 50), 4)) == {}


@pytest.mark.parametrize("cells", [VERTICES, HALFSPACES])
def test_counts_hold_where_floating_point_decides_alone(cells: str) -> None:
    unsure = 0
    for task in [*boxes(range(40, 60), 4), *polytopes(range(40, 45), 4)]:
        truth, regions = task.truth(), task.regions(exact=False, cells=cells)
        count = regions.count()
        assert count.lower <= len(truth.cells)
        assert count.upper is None or len(truth.cells) <= count.upper
        if count.status.proven:
            assert set(patterns_of(regions)) == truth.patterns()
        else:
            unsure += 1
            assert count.status is Status.UNCERTIFIED
    assert unsure


# One way against another.


def random_task(seed: int, kind: str, dimensions: tuple[int, int] = (3, 5)) -> Task:
    return in_box(float_case(seed, kind, dimensions=dimensions, units=3))


def kinds_disagree(seeds: Sequence[int], kind: str) -> list[int]:
    """The seeds for which cells with vertices and cells of halfspaces are not of the same patterns."""
    wrong = []
    for seed in seeds:
        task = random_task(seed, kind)
        found = [task.regions(cells=cells) for cells in (VERTICES, HALFSPACES)]
        assert [regions.account.cells for regions in found] == [VERTICES, HALFSPACES]
        names = [sorted(patterns_of(regions)) for regions in found]
        words = [sorted(map(bytes, regions.words)) for regions in found if regions.words is not None]
        count = int(vitrail.count_regions(to_network(task.net), task.domain, cells=HALFSPACES))
        proven = {regions.status for regions in found} == {Status.CERTIFIED}
        if names[0] != names[1] or words[0] != words[1] or count != len(names[0]) or not proven:
            wrong.append(seed)
    return wrong


@pytest.mark.parametrize("kind", ["generic", "dyadic"])
def test_two_kinds_of_cell(kind: str) -> None:
    assert kinds_disagree(range(40), kind) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["generic", "dyadic", "nudged"])
def test_two_kinds_of_cell_on_two_hundred_networks(kind: str) -> None:
    assert kinds_disagree(range(1000, 1200), kind) == []


def engines_disagree(seeds: Sequence[int], kind: str) -> list[int]:
    """The seeds for which a walk from one point does not find what cutting finds, in a box and in the whole space."""
    wrong = []
    for seed in seeds:
        task = random_task(seed, kind)
        for other in (task, in_space(task.case)):
            walked = walk(to_network(task.net), np.zeros(task.case.dimension), other.domain).regions
            cut = other.regions(cells=HALFSPACES)
            names = [sorted(patterns_of(regions)) for regions in (walked, cut)]
            proven = {walked.status, cut.status} == {Status.CERTIFIED}
            if names[0] != names[1] or not proven or len(set(names[0])) != len(names[0]):
                wrong.append(seed)
    return wrong


@pytest.mark.parametrize("kind", ["generic", "dyadic"])
def test_two_engines(kind: str) -> None:
    assert engines_disagree(range(20), kind) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["generic", "dyadic", "nudged"])
def test_two_engines_on_two_hundred_networks(kind: str) -> None:
    assert engines_disagree(range(2000, 2200), kind) == []


@pytest.mark.parametrize("place", [in_box, in_space])
def test_what_a_walk_crosses_are_the_facets(place: Callable[[Case], Task]) -> None:
    wrong = {}
    for seed in range(24):
        task = place(random_case(seed, dimensions=(3, 3), units=3))
        found = walk(to_network(task.net), np.zeros(3), task.domain).regions
        problems = differences(task.truth(), found)
        if problems:
            wrong[seed] = (task.case.family, *problems)
    assert wrong == {}


def test_degenerate_networks_are_degenerate() -> None:
    """Those that the comparisons of kinds and engines draw."""
    truths = {kind: [random_task(seed, kind, (3, 3)).truth() for seed in range(40)] for kind in ("generic", "dyadic")}
    share = {kind: np.mean([truth.tally.contacts > 0 for truth in found]) for kind, found in truths.items()}
    assert share["dyadic"] >= 0.4


# The comparison itself.


@pytest.fixture(scope="module")
def found() -> tuple[Space, RegionSet]:
    """A network with several cells in a box, the oracle's result and ours."""
    for seed in range(100):
        task = in_box(random_case(seed, ["relu"], dimensions=(3, 3), units=5))
        truth = task.truth()
        if len(truth.cells) > 8 and truth.count("linear") > 4:
            return truth, task.regions()
    raise RuntimeError("no such network")


def test_nothing_is_found_where_nothing_is_wrong(found: tuple[Space, RegionSet]) -> None:
    assert differences(*found) == []


def rebuilt(regions: RegionSet, **changed: Any) -> RegionSet:
    """A copy without anything cached."""
    arrays = {field.name: getattr(regions, field.name) for field in fields(regions)}
    return RegionSet(**(arrays | changed))


def swapped(values: np.ndarray, first: int, second: int) -> np.ndarray:
    copy = values.copy()
    copy[[first, second]] = values[[second, first]]
    return copy


@pytest.mark.parametrize(
    "fault",
    ["missing", "pattern", "swapped", "moved", "vertex", "bounds", "map", "cuts", "unpaired", "incidence", "unsure"],
)
def test_planted_faults_are_found(found: tuple[Space, RegionSet], fault: str) -> None:
    truth, regions = found
    words = regions.words
    assert words is not None
    if fault == "missing":
        last, facet = regions.offsets[-2], regions.facet_offsets[-2]
        rows = {name: getattr(regions, name)[:last] for name in ("vertices", "vertex_errors", "incidence")}
        rows |= {name: getattr(regions, name)[:facet] for name in ("facet_units", "facet_cuts")}
        starts = {name: getattr(regions, name)[:-1] for name in ("offsets", "facet_offsets", "words", "dirty")}
        wrong = rebuilt(regions, **rows, **starts)
    elif fault == "pattern":
        wrong = rebuilt(regions, words=np.concatenate([words[:-1], words[-1:] ^ 1]))
    elif fault == "swapped":
        wrong = rebuilt(regions, words=swapped(words, 0, 1))
    elif fault == "moved":
        wrong = rebuilt(regions, vertices=regions.vertices + 0.01)
    elif fault == "vertex":
        vertices = regions.vertices.copy()
        vertices[3] += 2.0**-40
        wrong = rebuilt(regions, vertices=vertices)
    elif fault == "bounds":
        wrong = rebuilt(regions, vertices=regions.vertices * (1 + 2.0**-50), vertex_errors=0 * regions.vertex_errors)
    elif fault == "map":
        maps = regions.affine_maps.copy()
        maps[0] += 1e-6
        wrong = rebuilt(regions, stored_maps=maps)
    elif fault in ("cuts", "unpaired"):
        cuts = regions.facet_cuts.copy()
        inner = np.flatnonzero(cuts >= 0)
        cuts[inner[0]] = -1 if fault == "cuts" else cuts.max() + 2
        wrong = rebuilt(regions, facet_cuts=cuts)
    elif fault == "incidence":
        incidence = regions.incidence.copy()
        incidence[0] ^= incidence[0] & -incidence[0]
        wrong = rebuilt(regions, incidence=incidence)
    else:
        account = replace(regions.account, undecided=3, arithmetic="float")
        wrong = rebuilt(regions, account=account)
    assert differences(truth, wrong) != []


def test_another_network_is_found_out(found: tuple[Space, RegionSet]) -> None:
    """A constant moved by 2^-30 of a unit: patterns are the same, vertices are not."""
    truth, regions = found
    nodes = list(truth.net.nodes)
    at = next(i for i, node in enumerate(nodes) if isinstance(node, neutral.Affine))
    affine = nodes[at]
    assert isinstance(affine, neutral.Affine)
    unit = next(i for i, row in enumerate(affine.weight) if any(row))
    moved = tuple(b + (i == unit) * neutral.exact_number(2.0**-30) for i, b in enumerate(affine.bias))
    nodes[at] = replace(affine, bias=moved)
    other = space(Net(tuple(nodes), truth.net.output), truth.sides)
    assert differences(other, regions) != []


def test_the_structure_of_a_partial_result_is_not_that_of_a_partition(found: tuple[Space, RegionSet]) -> None:
    truth, _ = found
    case = Case("relu", truth.net)
    assert structure_problems(in_box(case).regions()) == []
    assert structure_problems(in_box(case).regions(max_regions=len(truth.cells) - 2)) != []


def test_cases_cover_all_families() -> None:
    drawn = Counter(random_case(seed, dimensions=(3, 4)).family for seed in range(65))
    assert set(drawn) == set(random_networks.FAMILIES)
