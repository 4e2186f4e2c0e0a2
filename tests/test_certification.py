"""Certificates: right sets pass, and every planted fault is found by the check that it belongs to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitrail
from helpers import domain_of, he, square
from oracles.closed_forms import crossing_within_an_ulp
from oracles.random_networks import FAMILIES, random_case
from translate import to_network
from vitrail.errors import InvalidOptionError, NotCertifiedError
from vitrail.regions import RegionSet
from vitrail.status import Status

NAMES = ["patterns", "witnesses", "vertices", "maps", "measure", "facets", "continuity", "Euler"]
EDGES = ("vertices", "vertex_errors", "edge_units", "edge_cuts")


def found_wrong(regions: RegionSet) -> set[str]:
    """Names of the checks that a set does not pass."""
    return {check.name for check in vitrail.certify(regions).checks if check.holds is False}


@pytest.fixture(scope="module")
def plane() -> RegionSet:
    return vitrail.enumerate_regions(he(2, 6, 6, 2), square())


@pytest.fixture(scope="module")
def line() -> RegionSet:
    return vitrail.enumerate_regions(he(3, 8, 8, 2), vitrail.Segment([-1.0, 0.5, 0.0], [1.0, 0.25, 1.0]))


@pytest.mark.parametrize("family", FAMILIES)
def test_right_sets_pass(family: str) -> None:
    for seed in range(12):
        case = random_case(seed, [family])
        certificate = vitrail.certify(vitrail.enumerate_regions(to_network(case.net), domain_of(case)))
        assert (certificate.status, certificate.problems) == (Status.EXACT, [])
        assert [check.name for check in certificate.checks] == NAMES
        assert all(check.holds for check in certificate.checks)
        assert certificate.require() is certificate


def test_generic_networks_and_slanted_domains_pass(plane: RegionSet, line: RegionSet) -> None:
    triangle = vitrail.Polygon([[0.0, 0.1], [0.7, 0.3], [0.2, 0.9]])
    oblique = vitrail.Plane.through([0.1, 0.2, 0.3], [1.0, 0.5, 0.25], [-0.3, 0.7, 0.9])
    sets = [
        plane,
        line,
        vitrail.enumerate_regions(he(2, 7, 7, 1), triangle),
        vitrail.enumerate_regions(he(3, 7, 7, 1), oblique),
        vitrail.boundaries.decision_boundary(he(2, 6, 6, 3), square()).regions,
        vitrail.enumerate_regions(vitrail.Network.from_arrays([([[1.0, 2.0]], None)]), square()),
    ]
    assert [vitrail.certify(regions).status for regions in sets] == [Status.EXACT] * len(sets)


def test_a_whole_line_has_no_measure_but_passes() -> None:
    regions = vitrail.enumerate_regions(he(3, 8, 8, 1), vitrail.Line([0.1, 0.2, 0.3], [1.0, -0.5, 0.25]))
    certificate = vitrail.certify(regions)
    assert certificate.status is Status.EXACT
    assert [check.name for check in certificate.checks if check.holds is None] == ["measure"]


def test_partial_sets_are_not_called_complete(plane: RegionSet) -> None:
    regions = vitrail.enumerate_regions(he(2, 6, 6, 2), square(), max_regions=5)
    certificate = vitrail.certify(regions)
    assert (certificate.status, certificate.problems) == (Status.PARTIAL, [])
    assert vitrail.certify(dataclasses.replace(plane, account=regions.account)).status is Status.PARTIAL


# ---- planted faults ------------------------------------------------------------------------------------------------


def with_rows(regions: RegionSet, order: list[int]) -> RegionSet:
    """The set with these regions, in this order."""
    parts = [np.arange(regions.offsets[i], regions.offsets[i + 1]) for i in order]
    rows = np.concatenate(parts)
    fields: dict[str, Any] = {name: getattr(regions, name)[rows] for name in EDGES}
    fields |= {"offsets": np.concatenate([[0], np.cumsum([len(part) for part in parts])])}
    assert regions.words is not None
    return dataclasses.replace(
        regions,
        words=regions.words[order],
        dirty=regions.dirty[order],
        stored_maps=regions.affine_maps[order],
        **fields,
    )


def missing(regions: RegionSet) -> RegionSet:
    return with_rows(regions, [i for i in range(len(regions)) if i != 2])


def duplicated(regions: RegionSet) -> RegionSet:
    return with_rows(regions, [0, 1, 2, 2, *range(3, len(regions))])


def moved(regions: RegionSet) -> RegionSet:
    vertices = regions.vertices.copy()
    vertices[regions.offsets[2]] += 4 * regions.vertex_errors.max() + 1e-12
    return dataclasses.replace(regions, vertices=vertices)


def reversed_order(regions: RegionSet) -> RegionSet:
    vertices = regions.vertices.copy()
    start, stop = regions.offsets[2:4]
    vertices[start:stop] = vertices[start:stop][::-1]
    return dataclasses.replace(regions, vertices=vertices)


def another_pattern(regions: RegionSet) -> RegionSet:
    assert regions.words is not None
    words = regions.words.copy()
    words[2, -1] ^= 1
    return dataclasses.replace(regions, words=words, stored_maps=regions.affine_maps)


def swapped_patterns(regions: RegionSet) -> RegionSet:
    assert regions.words is not None
    words = regions.words.copy()
    words[[1, 2]] = words[[2, 1]]
    return dataclasses.replace(regions, words=words, stored_maps=regions.affine_maps)


def another_map(regions: RegionSet) -> RegionSet:
    maps = regions.affine_maps.copy()
    maps[2, 1, 0] += 1e-6
    return dataclasses.replace(regions, stored_maps=maps)


FAULTS: dict[Callable[[RegionSet], RegionSet], set[str]] = {
    missing: {"measure", "facets"},
    duplicated: {"patterns", "measure", "facets"},
    moved: {"vertices"},
    reversed_order: {"vertices"},
    swapped_patterns: {"vertices", "maps"},
    another_map: {"maps"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_planted_faults_are_found(fault: Callable[[RegionSet], RegionSet], plane: RegionSet, line: RegionSet) -> None:
    for regions in (plane, line):
        assert found_wrong(regions) == set()
        wrong = fault(regions)
        # V - E + F depends on where the missing cell was
        assert found_wrong(wrong) - {"Euler"} == FAULTS[fault]
        certificate = vitrail.certify(wrong)
        assert certificate.status is Status.UNCERTIFIED
        with pytest.raises(NotCertifiedError, match="do not pass"):
            certificate.require()


def test_a_wrong_pattern_is_found(plane: RegionSet, line: RegionSet) -> None:
    """It may be the pattern of no cell, or of a neighbor: either way it is not the one of this cell."""
    for regions in (plane, line):
        wrong = found_wrong(another_pattern(regions))
        assert "patterns" in wrong or "vertices" in wrong
        assert "measure" in wrong or "facets" in wrong or "patterns" in wrong


def test_a_unit_that_is_zero_has_the_lower_piece() -> None:
    # the second layer's only unit is zero where the first is off
    net = vitrail.Network.from_arrays([([[1.0, 0.0]], None), ([[1.0]], None), ([[1.0]], None)])
    regions = vitrail.enumerate_regions(net, square())
    assert vitrail.certify(regions).status is Status.EXACT
    assert regions.words is not None
    words = regions.words.copy()
    off = int(np.flatnonzero(words[:, 0] == 0)[0])
    words[off, 1] = 1
    certificate = vitrail.certify(dataclasses.replace(regions, words=words))
    assert any("zero on the whole region" in problem for problem in certificate.problems)


def test_a_piece_that_does_not_exist_is_found() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.5]], [0.1]), ([[1.0]], None)], activation="hardtanh")
    regions = vitrail.enumerate_regions(net, square())
    assert regions.words is not None
    words = regions.words.copy()
    words[0] |= 3
    certificate = vitrail.certify(dataclasses.replace(regions, words=words))
    assert any("does not exist" in problem for problem in certificate.problems)


def test_what_floating_point_alone_leaves_wrong_is_found() -> None:
    """Boundaries within one unit in the last place: without exact arithmetic some regions are not found."""
    wrong = 0
    for seed in range(12):
        network = to_network(crossing_within_an_ulp(seed))
        truth = len(vitrail.enumerate_regions(network, square()))
        regions = vitrail.enumerate_regions(network, square(), exact=False)
        if len(regions) != truth:
            wrong += 1
            assert vitrail.certify(regions).status is Status.UNCERTIFIED
    assert wrong > 0


# ---- where regions come from ---------------------------------------------------------------------------------------


def test_sets_from_files_need_network_and_domain(plane: RegionSet, tmp_path: Path) -> None:
    again = RegionSet.read(plane.to_npz(tmp_path / "regions.npz"))
    with pytest.raises(InvalidOptionError, match="need the network and the domain"):
        vitrail.certify(again)
    with pytest.raises(InvalidOptionError, match="need the domain"):
        vitrail.certify(again, he(2, 6, 6, 2))
    assert vitrail.certify(again, he(2, 6, 6, 2), square()).status is Status.EXACT
    with pytest.raises(InvalidOptionError, match=r"units by layer"):
        vitrail.certify(again, he(2, 6, 5, 2), square())
    with pytest.raises(InvalidOptionError, match="another frame"):
        vitrail.certify(again, he(2, 6, 6, 2), vitrail.Plane([1.0, 0.0], [1.0, 0.0], [0.0, 1.0]))
    other = vitrail.certify(again, he(2, 6, 6, 2, seed=1), square())
    assert other.status is Status.UNCERTIFIED
    with pytest.raises(InvalidOptionError, match=r"expected the domain of the regions, box \[-1, 1\]"):
        vitrail.certify(again, he(2, 6, 6, 2), square(2.0))
    with pytest.raises(InvalidOptionError, match=r"3 outputs and 2 inputs, the regions \(6, 6\), 2 and 2"):
        vitrail.certify(again, he(2, 6, 6, 3), square())
    with pytest.raises(InvalidOptionError, match=r"and 3 inputs"):
        vitrail.certify(again, he(3, 6, 6, 2), square())


def test_arguments_of_another_kind_are_refused(plane: RegionSet) -> None:
    network = he(2, 6, 6, 2)
    for arguments in ((network,), (plane.count(),), (plane, square(), network), (plane, network, "box")):
        with pytest.raises(InvalidOptionError, match="expected a"):
            vitrail.certify(*arguments)  # type: ignore[arg-type]


def test_nothing_found_is_nothing_shown() -> None:
    regions = vitrail.enumerate_regions(he(2, 6, 6, 2), square(), time_limit=1e-9)
    certificate = vitrail.certify(regions)
    assert (len(regions), certificate.status) == (0, Status.PARTIAL)
    assert {check.holds for check in certificate.checks} == {None}


def test_without_patterns_there_is_nothing_to_certify() -> None:
    regions = vitrail.enumerate_regions(he(2, 6, 6, 2), square(), patterns=False)
    with pytest.raises(InvalidOptionError, match="patterns were not kept"):
        vitrail.certify(regions)
