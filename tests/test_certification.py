"""Certificates: right sets pass, and every planted fault is found by the check that it belongs to."""

from __future__ import annotations

import dataclasses
import itertools
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
from vitrail.cells.exact_polytope import ExactPolytope
from vitrail.certification.complex import Complex
from vitrail.certification.vertices import same_vertices
from vitrail.errors import InvalidOptionError, NotCertifiedError
from vitrail.numerics.predicates import point_at, to_form
from vitrail.regions import RegionSet
from vitrail.status import Status

NAMES = ["patterns", "witnesses", "vertices", "maps", "measure", "facets", "continuity", "Euler"]
EDGES = ("vertices", "vertex_errors", "facet_units", "facet_cuts")


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


# ---- three and more dimensions -------------------------------------------------------------------------------------


def grid(dimension: int, steps: int) -> list[ExactPolytope]:
    """The unit cells of [0, steps]^d."""
    result = []
    for low in itertools.product(range(steps), repeat=dimension):
        labels = [(-1 if i + side in (0, steps) else 1, 0) for i in low for side in (0, 1)]
        result.append(ExactPolytope.from_box(to_form([1, *low]), to_form([1, *(i + 1 for i in low)]), labels))
    return result


def complex_of(cells: list[ExactPolytope]) -> Complex:
    found = Complex(cells[0].dimension, faces=True)
    for number, cell in enumerate(cells):
        assert [facet for facet, _, _ in found.add(number, cell)] == list(range(len(cell.labels)))
    return found


def open_facets(found: Complex) -> int:
    return sum(len(owners) != (1 if outer else 2) for outer, owners in found.facets.values())


@pytest.mark.parametrize(
    ("dimension", "formula"),
    [(1, "V - E"), (2, "V - E + F"), (3, "V - E + F - C"), (4, "f0 - f1 + f2 - f3 + f4")],
)
def test_faces_of_a_grid(dimension: int, formula: str) -> None:
    """Products of faces of a path of three edges: (4 + 3 z)^d."""
    cells = grid(dimension, 3)
    found = complex_of(cells)
    assert found.numbers == np.polynomial.polynomial.polypow([4, 3], dimension).astype(int).tolist()
    assert (found.euler, found.formula, open_facets(found)) == (1, formula, 0)
    middle = len(cells) // 2
    without = complex_of(cells[:middle] + cells[middle + 1 :])
    assert without.euler == 1 - (-1) ** dimension
    assert open_facets(without) == 2 * dimension
    if dimension > 1:
        masks = cells[middle].incidence
        wrong = dataclasses.replace(cells[middle], incidence=(masks[0] ^ 1, *masks[1:]))
        assert open_facets(complex_of([*cells[:middle], wrong, *cells[middle + 1 :]])) > 0


def test_vertices_in_space_match_in_any_order_but_one_to_one() -> None:
    points = [point_at(place) for place in itertools.product([0.0, 0.5], repeat=3)]
    scale = np.array([2.0, 1.0, 1.0])
    stored = np.array(list(itertools.product([0.0, 0.5], repeat=3)))[::-1] * scale
    exact, wide = np.zeros(8), np.full(8, 10.0)
    assert same_vertices(stored, exact, points, scale)
    assert same_vertices(stored, wide, points, scale)
    assert same_vertices(stored, np.full(8, np.inf), points, scale)
    off = stored + np.array([0.0, 2.0**-30, 0.0])
    assert not same_vertices(off, exact, points, scale)
    assert same_vertices(off, np.full(8, 2.0**-30), points, scale)
    assert not same_vertices(off, np.nextafter(np.full(8, 2.0**-30), 0), points, scale)
    twice = stored.copy()
    twice[0] = twice[1]
    assert not same_vertices(twice, exact, points, scale)
    # one wide error cannot stand for two vertices, but may for the one that is missing
    assert same_vertices(twice, np.where(np.arange(8) == 0, 10.0, 0.0), points, scale)
    assert not same_vertices(twice, np.where(np.arange(8) == 2, 10.0, 0.0), points, scale)
    assert not same_vertices(stored[:7], exact[:7], points, scale)
    assert not same_vertices(np.full((8, 3), np.nan), exact, points, scale)


@pytest.fixture(scope="module", params=[3, 4])
def space(request: pytest.FixtureRequest) -> RegionSet:
    size = request.param
    return vitrail.enumerate_regions(he(size, 5, 4, 2), vitrail.Box([-1.0] * size, [1.0, 0.75, *[1.0] * (size - 2)]))


def test_generic_networks_in_space_pass(space: RegionSet) -> None:
    certificate = vitrail.certify(space)
    assert (certificate.status, certificate.problems) == (Status.EXACT, [])
    assert [check.name for check in certificate.checks] == NAMES
    assert certificate.checks[-1].found.startswith("V - E + F - C is 1" if space.dimension == 3 else "f0 - f1")
    assert found_wrong(reversed_order(space)) == set()
    partial = vitrail.certify(dataclasses.replace(space, account=dataclasses.replace(space.account, complete=False)))
    assert partial.status is Status.PARTIAL


@pytest.mark.parametrize("family", FAMILIES)
def test_right_sets_in_space_pass(family: str) -> None:
    for seed in range(3):
        case = random_case(seed, [family], dimensions=(3, 4), units=3)
        certificate = vitrail.certify(vitrail.enumerate_regions(to_network(case.net), domain_of(case)))
        assert (certificate.status, certificate.problems) == (Status.EXACT, [])


@pytest.mark.parametrize("dimension", [3, 4])
def test_where_many_boundaries_meet_in_space_sets_pass(dimension: int) -> None:
    """All x_i = x_j, through the corners of the box; a second layer that is zero on whole regions and along facets."""
    pairs = list(itertools.combinations(range(dimension), 2))
    first = [[float((i == a) - (i == b)) for i in range(dimension)] for a, b in pairs]
    second = [[1.0] * len(pairs), [float(i == 0) - float(i == 1) for i in range(len(pairs))]]
    net = vitrail.Network.from_arrays([(first, None), (second, None), ([[1.0, 1.0]], None)])
    certificate = vitrail.certify(vitrail.enumerate_regions(net, vitrail.Box([0.0] * dimension, [1.0] * dimension)))
    assert (certificate.status, certificate.problems) == (Status.EXACT, [])


def cut_out(regions: RegionSet, order: list[int]) -> RegionSet:
    """These regions in this order, for `certify`, which does not look at stored facets."""
    rows = np.concatenate([np.arange(regions.offsets[i], regions.offsets[i + 1]) for i in order])
    assert regions.words is not None
    return dataclasses.replace(
        regions,
        words=regions.words[order],
        stored_maps=regions.affine_maps[order],
        vertices=regions.vertices[rows],
        vertex_errors=regions.vertex_errors[rows],
        offsets=np.concatenate([[0], np.cumsum(np.diff(regions.offsets)[order])]),
    )


def test_planted_faults_in_space_are_found(space: RegionSet) -> None:
    everything = list(range(len(space)))
    faults = {
        "missing": (cut_out(space, [0, 1, *everything[3:]]), FAULTS[missing]),
        "duplicated": (cut_out(space, [0, 1, 2, *everything[2:]]), FAULTS[duplicated]),
        "moved": (moved(space), FAULTS[moved]),
        "swapped": (swapped_patterns(space), FAULTS[swapped_patterns]),
        "map": (another_map(space), FAULTS[another_map]),
    }
    for name, (wrong, expected) in faults.items():
        assert found_wrong(wrong) - {"Euler"} == expected, name
    wrong_pattern = found_wrong(another_pattern(space))
    assert "patterns" in wrong_pattern or "vertices" in wrong_pattern


def test_sets_that_have_lost_their_vertices_are_certified_by_their_facets(space: RegionSet) -> None:
    bare = dataclasses.replace(space, offsets=np.zeros_like(space.offsets))
    certificate = vitrail.certify(bare)
    assert (certificate.status, certificate.checks[2].name) == (Status.EXACT, "stored points")


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
