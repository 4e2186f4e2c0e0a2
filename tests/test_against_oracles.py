"""Pattern sets, geometry, maps and adjacency against the exact engine and brute force, which share no code."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

import vitrail
from helpers import domain_of, patterns_of
from oracles import brute, random_networks
from oracles.exact import Subdivision
from oracles.random_networks import Case, cases, random_case
from translate import to_network
from vitrail.regions import RegionSet
from vitrail.status import Status

SEEDS = 150
# random cases have coordinates of size 4 and small integer weights: 1e-9 is a thousand times the vertices' error bounds
CLOSE = 1e-9


def problems(exact: Subdivision, regions: RegionSet) -> list[str]:
    """Everything in which a result differs from the exact one."""
    found = patterns_of(regions)
    if len(set(found)) != len(found):
        return ["a pattern occurs twice"]
    if set(found) != exact.patterns():
        return [f"{len(set(found) - exact.patterns())} patterns too many, {len(exact.patterns() - set(found))} missing"]
    index = {cell.pattern: i for i, cell in enumerate(exact.cells)}
    order = [index[pattern] for pattern in found]
    out = []
    measures = np.array([float(exact.cells[i].shape.measure()) for i in order])
    if np.abs(measures - regions.measures).max(initial=0) > CLOSE:
        out.append("measures differ")
    maps = np.array([[[float(v) for v in row] for row in exact.cells[i].affine_map] for i in order]).transpose(0, 2, 1)
    if np.abs(maps - regions.affine_maps).max(initial=0) > CLOSE:
        out.append("affine maps differ")
    adjacency = {(min(a, b), max(a, b)) for a, b in ((order[i], order[j]) for i, j in regions.facets.regions)}
    if adjacency != exact.adjacency():
        out.append("adjacency differs")
    if regions.euler_characteristic() != 1:
        out.append("Euler characteristic is not 1")
    for definition in ("activation", "linear", "affine"):
        count, truth = regions.count(definition), exact.count(definition)
        if int(count) != truth:
            out.append(f"{definition}: {int(count)} for {truth}")
        if not count.lower <= truth or (count.upper is not None and truth > count.upper):
            out.append(f"{definition}: {truth} outside [{count.lower}, {count.upper}]")
    return out


def check(case: Case) -> RegionSet:
    exact = case.subdivide()
    network = to_network(case.net)
    regions = vitrail.enumerate_regions(network, domain_of(case))
    assert problems(exact, regions) == []
    assert int(vitrail.count_regions(network, domain_of(case))) == len(exact.cells)
    return regions


def test_random_networks_of_every_family() -> None:
    families: Counter[str] = Counter()
    degenerate = 0
    for seed in range(SEEDS):
        case = random_case(seed)
        check(case)
        families[case.family] += 1
        degenerate += random_networks.is_degenerate(case)
    assert len(families) >= 10
    assert degenerate >= 0.3 * SEEDS


@pytest.mark.parametrize("seed", range(1000, 1015))
def test_wider_random_networks(seed: int) -> None:
    check(random_case(seed, units=8))


@settings(max_examples=60)
@given(cases())
def test_any_small_network(case: Case) -> None:
    check(case)


@pytest.mark.slow
def test_two_thousand_networks() -> None:
    wrong = {}
    for seed in range(5000, 7000):
        case = random_case(seed)
        regions = vitrail.enumerate_regions(to_network(case.net), domain_of(case))
        found = problems(case.subdivide(), regions)
        if found:
            wrong[seed] = (case.family, regions.status, [text.split(":")[0] for text in found])
    assert wrong == {}


@pytest.mark.parametrize("family", sorted(random_networks.FAMILIES))
def test_every_family_against_brute_force(family: str) -> None:
    for seed in range(6):
        case = random_case(seed, [family], units=2)
        if case.patterns > 3000:
            continue
        regions = vitrail.enumerate_regions(to_network(case.net), domain_of(case))
        if case.dimension == 1:
            truth = brute.intervals_by_clipping(case.net, -2, 2)
            measures = {pattern: float(high - low) for pattern, (low, high) in truth.items()}
        else:
            measures = {
                pattern: float(area) for pattern, area in brute.areas_by_clipping(case.net, case.corners).items()
            }
        assert dict(zip(patterns_of(regions), regions.measures, strict=True)) == pytest.approx(measures)


def test_networks_are_certified() -> None:
    drawn = [random_case(seed) for seed in range(60)]
    statuses = [vitrail.enumerate_regions(to_network(c.net), domain_of(c)).status for c in drawn]
    assert set(statuses) == {Status.CERTIFIED}


@pytest.fixture
def case_with_several_cells() -> Case:
    return next(
        c for c in (random_case(s, units=6) for s in range(100)) if c.dimension == 2 and len(c.subdivide().cells) > 6
    )


@pytest.mark.parametrize("fault", ["missing", "pattern", "moved"])
def test_the_comparison_finds_planted_faults(case_with_several_cells: Case, fault: str) -> None:
    case = case_with_several_cells
    regions = vitrail.enumerate_regions(to_network(case.net), domain_of(case))
    fields = {name: getattr(regions, name) for name in regions.__dataclass_fields__}
    if fault == "missing":
        last = fields["offsets"][-2]
        fields["offsets"] = fields["offsets"][:-1]
        for name in ("vertices", "vertex_errors", "facet_units", "facet_cuts"):
            fields[name] = fields[name][:last]
        fields["words"] = fields["words"][:-1]
    elif fault == "pattern":
        fields["words"] = fields["words"].copy()
        fields["words"][0] ^= 1
    else:
        fields["vertices"] = fields["vertices"].copy()
        fields["vertices"][0] += 0.01
    assert problems(case.subdivide(), RegionSet(**fields)) != []
