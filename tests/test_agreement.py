"""Random networks with float32 weights against the exact engine, and the comparison itself against planted faults."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vitrail
from comparison import agree, differences
from helpers import domain_of
from oracles.exact import Subdivision
from oracles.float_networks import KINDS, float_case
from oracles.neutral import Affine, exact_number
from oracles.random_networks import FAMILIES, Case
from translate import to_network
from vitrail.regions import RegionSet
from vitrail.status import Status

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "agreement.py"


def disagreements(seeds: range, exact: bool | str = True, units: int = 4) -> dict[int, tuple[str, ...]]:
    """What differs, by seed; every result must be proven, and three in ten networks degenerate."""
    found = {}
    families: Counter[str] = Counter()
    degenerate = 0
    for seed in seeds:
        case = float_case(seed, units=units)
        result = agree(case, exact)
        families[case.family] += 1
        degenerate += result.exact.is_degenerate
        proven = () if result.regions.status.proven or exact is False else (f"{result.regions.status}",)
        if proven or result.silent or (result.announced and exact is not False):
            found[seed] = (case.family, *proven, *result.silent, *result.announced)
    assert degenerate >= 0.3 * len(seeds)
    assert set(families) == set(FAMILIES)
    return found


def test_a_hundred_float32_networks() -> None:
    assert disagreements(range(120)) == {}


def test_bounds_hold_where_floating_point_decides_alone() -> None:
    assert disagreements(range(120), exact=False) == {}


@pytest.mark.slow
def test_two_thousand_float32_networks() -> None:
    assert disagreements(range(20_000, 22_000)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, "always"])
def test_float32_networks_decided_in_other_ways(exact: bool | str) -> None:
    assert disagreements(range(30_000, 30_300), exact, units=8) == {}


def test_the_numbers_are_float32() -> None:
    kinds = {}
    for seed in range(40):
        case = float_case(seed)
        numbers = [v for node in case.net.nodes if isinstance(node, Affine) for row in node.weight for v in row]
        assert all(exact_number(np.float32(float(v))) == v for v in numbers)
        kinds.setdefault(KINDS[seed % len(KINDS)], []).append(max(v.denominator for v in numbers))
    assert max(kinds["dyadic"]) <= 2
    assert min(kinds["generic"]) > 2**10
    assert max(kinds["nudged"]) > 2**20


@pytest.fixture(scope="module")
def found() -> tuple[Case, Subdivision, RegionSet]:
    """A network with several cells in a plane, the exact result and ours."""
    for seed in range(100):
        case = float_case(seed, "generic", families=["relu"], dimensions=(2, 2), units=6)
        truth = case.subdivide()
        if len(truth.cells) > 6 and truth.count("linear") > 2:
            return case, truth, vitrail.enumerate_regions(to_network(case.net), domain_of(case))
    raise RuntimeError("no such network")


def test_nothing_is_found_where_nothing_is_wrong(found: tuple[Case, Subdivision, RegionSet]) -> None:
    _, truth, regions = found
    result = differences(truth, regions)
    assert (result.silent, result.announced) == ((), ())


@pytest.mark.parametrize("fault", ["missing", "doubled", "pattern", "moved", "vertex", "map", "cuts", "one ulp"])
def test_planted_faults_are_found(found: tuple[Case, Subdivision, RegionSet], fault: str) -> None:
    _, truth, regions = found
    assert regions.words is not None
    last, whole = regions.offsets[-2:]
    rows = ("vertices", "vertex_errors", "facet_units", "facet_cuts")
    if fault == "missing":
        kept = {name: getattr(regions, name)[:last] for name in rows}
        wrong = replace(
            regions, offsets=regions.offsets[:-1], words=regions.words[:-1], dirty=regions.dirty[:-1], **kept
        )
    elif fault == "doubled":
        more = {name: np.concatenate([getattr(regions, name), getattr(regions, name)[last:]]) for name in rows}
        offsets = np.append(regions.offsets, 2 * whole - last)
        words = np.concatenate([regions.words, regions.words[-1:]])
        wrong = replace(regions, offsets=offsets, words=words, dirty=np.append(regions.dirty, False), **more)
    elif fault == "pattern":
        words = regions.words.copy()
        words[0] ^= 1
        wrong = replace(regions, words=words)
    elif fault == "moved":
        wrong = replace(regions, vertices=regions.vertices + 0.01)
    elif fault == "vertex":
        # a hundred times the bound: still far too little to see
        vertices = regions.vertices.copy()
        at = int(np.argmax(regions.vertex_errors))
        vertices[at] += 100 * regions.vertex_errors[at]
        wrong = replace(regions, vertices=vertices)
    elif fault == "map":
        maps = regions.affine_maps.copy()
        maps[0] += 1e-6
        wrong = replace(regions, stored_maps=maps)
    elif fault == "cuts":
        cuts = regions.facet_cuts.copy()
        cuts[int(np.argmax(cuts >= 0))] = -1
        wrong = replace(regions, facet_cuts=cuts)
    else:
        wrong = replace(regions, vertex_errors=np.zeros_like(regions.vertex_errors))
    assert differences(truth, wrong).silent != ()


def test_another_network_is_found_out() -> None:
    """One weight changed by one unit in its last place moves vertices by more than their bounds."""
    case = float_case(0, "generic", families=["relu"], dimensions=(2, 2), units=6)
    network = to_network(case.net)
    changed = to_network(case.net)
    weight = next(node.op.weight for node in changed.nodes if hasattr(node.op, "weight"))
    weight[0, 0] = float(np.nextafter(np.float32(weight[0, 0]), np.float32(np.inf)))
    truth = case.subdivide()
    assert differences(truth, vitrail.enumerate_regions(network, domain_of(case))).silent == ()
    assert differences(truth, vitrail.enumerate_regions(changed, domain_of(case))).silent != ()


def test_what_is_wrong_and_said_to_be_unsure_is_announced(found: tuple[Case, Subdivision, RegionSet]) -> None:
    _, truth, regions = found
    unsure = replace(regions.account, undecided=3, arithmetic="float")
    cut_short = replace(
        regions,
        account=unsure,
        offsets=regions.offsets[:-1],
        words=None if regions.words is None else regions.words[:-1],
        dirty=regions.dirty[:-1],
        **{
            name: getattr(regions, name)[: regions.offsets[-2]]
            for name in ("vertices", "vertex_errors", "facet_units", "facet_cuts")
        },
    )
    assert cut_short.status is Status.UNCERTIFIED
    result = differences(truth, cut_short)
    assert result.silent == ()
    assert any("patterns" in problem for problem in result.announced)


def test_the_script_reports_what_it_compared() -> None:
    command = [sys.executable, str(SCRIPT), "--networks", "24", "--first-seed", "500"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("24 networks, ")
    assert "by kind: dyadic 6, generic 12, nudged 6" in done.stdout
    assert "activation: 24 certified" in done.stdout
    assert "0 silent disagreements" in done.stdout
