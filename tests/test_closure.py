"""Certificates of regions without vertices, by their facets: right sets pass, and every planted fault is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vitrail
from helpers import domain_of, he, square
from oracles import networks
from oracles.random_networks import FAMILIES, Case, cases, random_case
from oracles.space import space
from translate import to_network
from vitrail.certification import rays
from vitrail.certification.points import inner_point, pieces_at, scaled_point
from vitrail.certification.rays import Rays, Through, positive_at
from vitrail.certification.single import sides_of
from vitrail.engines.roots import Roots
from vitrail.errors import InvalidOptionError
from vitrail.network.ops.elementwise import Elementwise
from vitrail.numerics.predicates import side, to_form
from vitrail.regions import RegionSet
from vitrail.status import Status
from vitrail.walking import walk

NAMES = ["patterns", "witnesses", "stored points", "maps", "measure", "facets", "continuity", "Euler"]
UNKNOWN = {"measure", "Euler"}


def certificate_of(regions: RegionSet) -> vitrail.Certificate:
    return vitrail.certify(regions, cells="halfspaces")


def found_wrong(regions: RegionSet) -> set[str]:
    """Names of the checks that a set does not pass."""
    return {check.name for check in certificate_of(regions).checks if check.holds is False}


def text_of(certificate: vitrail.Certificate, name: str) -> str:
    return next(check.found for check in certificate.checks if check.name == name)


def in_space(layers: networks.Layers, size: int) -> RegionSet:
    return vitrail.enumerate_regions(vitrail.Network.from_arrays(layers), vitrail.Space(size))


@pytest.fixture(scope="module", params=[3, 4])
def everywhere(request: pytest.FixtureRequest) -> RegionSet:
    size = request.param
    return vitrail.enumerate_regions(he(size, 5, 4, 2), vitrail.Space(size))


# ---- right sets ----------------------------------------------------------------------------------------------------


def test_generic_sets_pass(everywhere: RegionSet) -> None:
    certificate = vitrail.certify(everywhere)
    assert (certificate.status, certificate.problems) == (Status.EXACT, [])
    assert [check.name for check in certificate.checks] == NAMES
    assert {check.name for check in certificate.checks if check.holds is None} == UNKNOWN
    assert text_of(certificate, "measure") == text_of(certificate, "Euler") == "cells without vertices"


@pytest.mark.parametrize("family", FAMILIES)
def test_right_sets_in_whole_spaces_pass(family: str) -> None:
    for seed, size in enumerate((1, 2, 2, 3, 3, 4)):
        case = random_case(seed, [family], dimensions=(size, size), units=3)
        certificate = certificate_of(vitrail.enumerate_regions(to_network(case.net), vitrail.Space(size)))
        assert (certificate.status, certificate.problems) == (Status.EXACT, [])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(dimensions=(1, 3), units=3), st.booleans())
def test_degenerate_sets_pass(case: Case, bounded: bool) -> None:
    domain = domain_of(case) if bounded else vitrail.Space(case.dimension)
    certificate = certificate_of(vitrail.enumerate_regions(to_network(case.net), domain))
    assert (certificate.status, certificate.problems) == (Status.EXACT, [])


def test_many_boundaries_through_one_place() -> None:
    def without_biases(layers: networks.Layers) -> networks.Layers:
        return [(weight, np.zeros_like(bias)) for weight, bias in layers]

    generator = np.random.default_rng(3)
    small = [(generator.integers(-2, 3, (b, a)) / 1.0, generator.integers(-2, 3, b) / 1.0) for a, b in ((3, 6), (6, 4))]
    twice = [(np.concatenate([w, w, -w]), np.concatenate([b, b, -b])) for w, b in networks.he([3, 3])]
    cones = without_biases(networks.he([3, 5, 4, 1]))
    last = [(np.ones((1, 4)), np.zeros(1))]
    for layers in (cones, [*small, *last], [*twice, *networks.he([9, 3, 1])]):
        certificate = vitrail.certify(in_space(layers, 3))
        assert (certificate.status, certificate.problems) == (Status.EXACT, [])


def test_thin_regions_are_crossed() -> None:
    """Twins of boundaries that are 2^-40 and less apart, and inputs that are far from the rest."""
    weight, bias = np.array([[1.0, 0.0, 0.0]] * 3 + [[0.0, 1.0, 1.0]]), np.array([0.0, 2.0**-40, 2.0**-700, 2.0**60])
    regions = in_space([(weight, bias), *networks.he([4, 3, 1])], 3)
    certificate = vitrail.certify(regions)
    assert (certificate.status, certificate.problems) == (Status.EXACT, [])


def test_sets_with_vertices_pass_both_ways() -> None:
    triangle = vitrail.Polygon([[0.0, 0.1], [0.7, 0.3], [0.2, 0.9]])
    oblique = vitrail.Plane.through([0.1, 0.2, 0.3], [1.0, 0.5, 0.25], [-0.3, 0.7, 0.9])
    sets = [
        vitrail.enumerate_regions(he(2, 6, 6, 2), square(3.0)),
        vitrail.enumerate_regions(he(2, 6, 6, 1), triangle),
        vitrail.enumerate_regions(he(3, 6, 6, 1), oblique),
        vitrail.enumerate_regions(he(3, 8, 8, 2), vitrail.Segment([-1.0, 0.5, 0.0], [1.0, 0.25, 1.0])),
        vitrail.enumerate_regions(he(3, 8, 8, 1), vitrail.Line([0.1, 0.2, 0.3], [1.0, -0.5, 0.25])),
        vitrail.enumerate_regions(he(3, 5, 4, 1), vitrail.Box([-1.0, -2.0, 0.0], [1.0, 0.75, 5.0])),
    ]
    for regions in sets:
        certificate = certificate_of(regions)
        assert (certificate.status, vitrail.certify(regions).status) == (Status.EXACT, Status.EXACT)
        assert text_of(certificate, "stored points") == "not at hand"
        assert "touch" not in text_of(certificate, "facets")


def test_boxes_by_halfspaces_and_of_many_dimensions_pass() -> None:
    for size in (3, 8):
        box = vitrail.Box([-1.0] * size, [3.0, 0.75, *[1.0] * (size - 2)])
        certificate = vitrail.certify(vitrail.enumerate_regions(he(size, 4, 2, 1), box, cells="halfspaces"))
        assert (certificate.status, certificate.problems) == (Status.EXACT, [])


def test_without_vertices_and_points_sets_pass(everywhere: RegionSet) -> None:
    bare = dataclasses.replace(everywhere, stored_witnesses=None)
    certificate = vitrail.certify(bare)
    assert (certificate.status, text_of(certificate, "stored points")) == (Status.EXACT, "not at hand")


def test_without_units_there_is_one_region() -> None:
    affine = vitrail.Network.from_arrays([([[1.0, 2.0, 3.0]], None)])
    for domain in (vitrail.Space(3), vitrail.Box([0.0] * 3, [1.0] * 3)):
        regions = vitrail.enumerate_regions(affine, domain)
        assert certificate_of(regions).status is Status.EXACT
        twice = cut_out(regions, [0, 0])
        assert found_wrong(twice) == {"patterns"}


def test_walks_pass_complete_or_not() -> None:
    net = he(3, 6, 5, 2)
    for domain in (None, vitrail.Box([-1.0] * 3, [1.0] * 3)):
        complete = vitrail.certify(walk(net, [0.1, 0.2, 0.3], domain).regions)
        assert (complete.status, complete.problems) == (Status.EXACT, [])
        for limits in ({"max_distance": 2}, {"max_regions": 7}):
            certificate = vitrail.certify(walk(net, [0.1, 0.2, 0.3], domain, **limits).regions)
            assert (certificate.status, certificate.problems) == (Status.PARTIAL, [])
            assert "lead out of the set" in text_of(certificate, "facets")


def test_points_that_are_not_known_are_not_missed(everywhere: RegionSet) -> None:
    assert everywhere.stored_witnesses is not None
    points = everywhere.stored_witnesses.copy()
    points[[0, 3]] = np.nan
    certificate = vitrail.certify(dataclasses.replace(everywhere, stored_witnesses=points))
    assert (certificate.status, text_of(certificate, "stored points")) == (Status.EXACT, "all inside, 2 not known")
    certificate = vitrail.certify(dataclasses.replace(everywhere, stored_witnesses=np.full_like(points, np.nan)))
    assert (certificate.status, text_of(certificate, "stored points")) == (Status.EXACT, "none is known")


def test_sets_from_files_pass(everywhere: RegionSet, tmp_path: Path) -> None:
    again = RegionSet.read(everywhere.to_npz(tmp_path / "regions.npz"))
    size = everywhere.dimension
    certificate = vitrail.certify(again, he(size, 5, 4, 2), vitrail.Space(size))
    assert (certificate.status, certificate.problems) == (Status.EXACT, [])
    assert vitrail.certify(again, he(size, 5, 4, 2, seed=1), vitrail.Space(size)).status is Status.UNCERTIFIED


# ---- planted faults ------------------------------------------------------------------------------------------------


def cut_out(regions: RegionSet, order: list[int]) -> RegionSet:
    """These regions in this order."""
    starts, points = regions.facet_offsets, regions.stored_witnesses
    rows = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in order])
    assert regions.words is not None
    return dataclasses.replace(
        regions,
        words=regions.words[order],
        dirty=regions.dirty[order],
        stored_maps=regions.affine_maps[order],
        stored_witnesses=None if points is None else points[order],
        facet_units=regions.facet_units[rows],
        facet_cuts=regions.facet_cuts[rows],
        facet_offsets=np.concatenate([[0], np.cumsum(np.diff(starts)[order])]),
        offsets=np.zeros(len(order) + 1, dtype=np.int64),
    )


def missing(regions: RegionSet) -> RegionSet:
    return cut_out(regions, [i for i in range(len(regions)) if i != 2])


def duplicated(regions: RegionSet) -> RegionSet:
    return cut_out(regions, [0, 1, 2, 2, *range(3, len(regions))])


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


def map_of_no_numbers(regions: RegionSet) -> RegionSet:
    maps = regions.affine_maps.copy()
    maps[2, 1, 0] = np.nan
    return dataclasses.replace(regions, stored_maps=maps)


def another_point(regions: RegionSet) -> RegionSet:
    assert regions.stored_witnesses is not None
    points = regions.stored_witnesses.copy()
    points[2] = points[3]
    return dataclasses.replace(regions, stored_witnesses=points)


def point_at_infinity(regions: RegionSet) -> RegionSet:
    assert regions.stored_witnesses is not None
    points = regions.stored_witnesses.copy()
    points[2, 0] = np.inf
    return dataclasses.replace(regions, stored_witnesses=points)


def another_facet(regions: RegionSet) -> RegionSet:
    units, start = regions.facet_units.copy(), int(regions.facet_offsets[2])
    own = units[start : regions.facet_offsets[3]].tolist()
    units[start] = next(unit for unit in range(9) if unit not in own)
    return dataclasses.replace(regions, facet_units=units)


FAULTS: dict[Callable[[RegionSet], RegionSet], set[str]] = {
    missing: {"facets"},
    duplicated: {"patterns"},
    another_map: {"maps"},
    map_of_no_numbers: {"maps"},
    another_point: {"stored points"},
    point_at_infinity: {"stored points"},
    another_facet: {"facets"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_planted_faults_are_found(fault: Callable[[RegionSet], RegionSet], everywhere: RegionSet) -> None:
    certificate = vitrail.certify(fault(everywhere))
    assert {check.name for check in certificate.checks if check.holds is False} == FAULTS[fault]
    assert certificate.status is Status.UNCERTIFIED


def test_wrong_patterns_are_found(everywhere: RegionSet) -> None:
    assert {"stored points", "maps"} <= found_wrong(swapped_patterns(everywhere))
    # it may be the pattern of no cell, or of a neighbor
    assert "patterns" in found_wrong(another_pattern(everywhere))
    assert "facets" in found_wrong(another_pattern(everywhere))


def test_whichever_region_is_missed() -> None:
    regions = vitrail.enumerate_regions(he(3, 4, 3, 1), vitrail.Space(3))
    for left_out in range(0, len(regions), 5):
        certificate = vitrail.certify(cut_out(regions, [i for i in range(len(regions)) if i != left_out]))
        assert [problem.split(":")[0] for problem in certificate.problems] == ["facets"]


def test_a_partial_set_may_lack_regions_and_nothing_else(everywhere: RegionSet) -> None:
    account = dataclasses.replace(everywhere.account, complete=False)
    partial = dataclasses.replace(everywhere, account=account)
    assert vitrail.certify(missing(partial)).status is Status.PARTIAL
    assert "0 facets lead out of the set" in text_of(vitrail.certify(partial), "facets")
    assert found_wrong(another_facet(partial)) == {"facets"}
    assert found_wrong(duplicated(partial)) == {"patterns"}


def test_facets_stored_in_vain_are_counted(everywhere: RegionSet) -> None:
    starts, units = everywhere.facet_offsets, everywhere.facet_units
    changed = dataclasses.replace(
        everywhere,
        facet_units=np.insert(units, starts[3], [0, 8]),
        facet_offsets=starts + 2 * (np.arange(len(starts)) > 2),
    )
    before, after = (text_of(vitrail.certify(regions), "facets") for regions in (everywhere, changed))
    count = int(before.split("; ")[1].split()[0]) if "touch" in before else 0
    assert f"; {count + 2} stored facets only touch" in after
    assert vitrail.certify(changed).status is Status.EXACT


def test_nothing_is_not_everything(everywhere: RegionSet) -> None:
    none = dataclasses.replace(cut_out(everywhere, [0]), words=np.zeros((0, 2), dtype=np.int64))
    none = dataclasses.replace(none, offsets=np.zeros(1, dtype=np.int64), stored_witnesses=np.zeros((0, 3)))
    none = dataclasses.replace(none, facet_offsets=np.zeros(1, dtype=np.int64), facet_units=np.zeros(0, dtype=np.int64))
    assert vitrail.certify(none).status is Status.UNCERTIFIED
    early = dataclasses.replace(none, account=dataclasses.replace(none.account, complete=False))
    assert vitrail.certify(early).status is Status.PARTIAL


def test_a_network_that_jumps_is_found(everywhere: RegionSet) -> None:
    size = everywhere.dimension
    net = he(size, 5, 4, 2)
    op = net.graph.nodes[net.graph.piecewise[-1]].op
    assert isinstance(op, Elementwise)
    object.__setattr__(op, "intercepts", op.intercepts + np.array([[0.0], [1.0]]))
    certificate = vitrail.certify(everywhere, net, vitrail.Space(size))
    wrong = {check.name for check in certificate.checks if check.holds is False}
    assert wrong == {"maps", "continuity"}


def test_a_unit_that_is_zero_has_the_lower_piece() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.0, 0.0]], None), ([[1.0]], None), ([[1.0]], None)])
    regions = vitrail.enumerate_regions(net, vitrail.Space(3))
    assert vitrail.certify(regions).status is Status.EXACT
    assert regions.words is not None
    words = regions.words.copy()
    words[int(np.flatnonzero(words[:, 0] == 0)[0]), 1] = 1
    certificate = vitrail.certify(dataclasses.replace(regions, words=words))
    assert any("zero on the whole region" in problem for problem in certificate.problems)


def test_a_piece_that_does_not_exist_is_found() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.5, 0.0]], [0.1]), ([[1.0]], None)], activation="hardtanh")
    regions = vitrail.enumerate_regions(net, vitrail.Space(3))
    assert regions.words is not None
    words = regions.words.copy()
    words[0] |= 3
    certificate = vitrail.certify(dataclasses.replace(regions, words=words))
    assert any("does not exist" in problem for problem in certificate.problems)


def test_large_problems_and_unknown_cells_are_refused(everywhere: RegionSet) -> None:
    many = vitrail.enumerate_regions(he(17, 2, 1), vitrail.Space(17))
    with pytest.raises(InvalidOptionError, match="at most 16 dimensions and 512 halfspaces each, found 17 and up to 2"):
        vitrail.certify(many)
    wide = walk(he(2, 600, 1), [0.0, 0.1], max_regions=2).regions
    with pytest.raises(InvalidOptionError, match="found 2 and up to 600"):
        vitrail.certify(wide)
    with pytest.raises(InvalidOptionError, match="cells"):
        vitrail.certify(everywhere, cells="vertices")


# ---- parts ---------------------------------------------------------------------------------------------------------


def facets_agree(seeds: range) -> int:
    """How many facets were compared with those that the oracle finds."""
    compared = 0
    for seed in seeds:
        case = random_case(seed, dimensions=(2, 4), units=3)
        truth = space(case.net, case.halfspaces if seed % 2 else [])
        for cell in truth.cells:
            rows = sorted(set(cell.rows))
            if not rows:
                continue
            found = Rays([to_form(row) for row in rows], to_form(cell.part.point)).facets()
            expected = {facet.form for facet in truth.facets[cell.pattern]}
            assert len(found) == len(expected)
            assert {rows[facet.row] for facet in found} == expected
            compared += len(found)
            for facet in found:
                for bits in (3, 200):
                    beyond = facet.beyond(to_form(cell.part.point), bits)
                    assert side(to_form(rows[facet.row]), beyond) < 0
                    # so near, all others are still positive
                    assert bits < 200 or all(side(to_form(row), beyond) > 0 for row in rows if row != rows[facet.row])
    return compared


def test_facets_against_the_oracle() -> None:
    assert facets_agree(range(40)) > 800


def test_facets_by_programs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(columns: np.ndarray, target: np.ndarray) -> None:
        raise RuntimeError("maximum number of iterations reached")

    monkeypatch.setattr(rays, "nnls", give_up)
    assert facets_agree(range(40, 50)) > 200


def test_no_guess_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong factors and directions cost time, no more."""
    generator = np.random.default_rng(0)

    def nonsense(columns: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        return np.where(generator.random(columns.shape[1]) < 0.5, 1e300, 0.0) * generator.random(columns.shape[1]), 0.0

    monkeypatch.setattr(rays, "nnls", nonsense)
    monkeypatch.setattr(Rays, "_across", lambda self, table: iter(()))
    assert facets_agree(range(50, 60)) > 200


def test_rays_that_meet_nothing_or_two_at_once() -> None:
    corner = Rays([to_form([0, 1, 0]), to_form([0, 0, 1])], to_form([1, 1, 1]))
    assert corner.first(to_form([1, 0])) is None
    assert corner.first(to_form([-1, -1])) is None
    met = corner.first(to_form([-2, -1]))
    assert met is not None and (met.row, Fraction(int(met.length.p), int(met.length.q))) == (0, Fraction(1, 2))
    # three at once, then a nearer one
    meeting = [to_form(row) for row in ([0, 1, 0], [0, 0, 1], [0, 1, 1], [-1, 2, 2])]
    nearer = Rays(meeting, to_form([1, 1, 1])).first(to_form([-1, -1]))
    assert nearer is not None and nearer.row == 3
    assert Rays([], to_form([1, 1, 1])).facets() == []


def test_points_beyond_a_facet_are_beyond_it() -> None:
    for p, q in ((1, 3), (7, 1), (2**80 + 1, 3), (1, 2**90 + 1)):
        facet = Through(0, to_form([-3]), type(Rays([to_form([1, 1])], to_form([1, 0])).facets()[0].length)(p, q))
        for bits in (1, 30, 500):
            weight, x = facet.beyond(to_form([4, 5]), bits)
            length = (Fraction(5, 4) - Fraction(int(x), int(weight))) / 3
            assert Fraction(p, q) * (1 + Fraction(1, 2**bits)) <= length < Fraction(p, q) * (1 + Fraction(2, 2**bits))
            assert int(weight).bit_count() == 1


def test_points_are_exact() -> None:
    scale = np.array([4.0, 0.25])
    point = scaled_point(np.array([0.1, -3.0]), scale)
    weight = int(point[0])
    assert [Fraction(int(x), weight) for x in point[1:]] == [Fraction(0.1) / 4, Fraction(-12)]
    thin = [to_form([-1, 3]), to_form([2**200 + 1, -3 * 2**200])]
    near = inner_point(to_form([6 * 2**200, 2 * 2**200 + 1]), lambda at: positive_at(thin, at))
    assert positive_at(thin, near) and int(near[0]).bit_count() == 1
    roots = Roots.of([square(2.0)], (2,))
    graph = vitrail.Network.from_arrays([(np.eye(2), None), ([[1.0, 1.0]], None)]).graph
    found = pieces_at(graph, roots, [to_form([1, 1, 0]), to_form([2**80, -1, 1])])
    assert [pieces.tolist() for pieces in found] == [[[1, 0], [0, 1]]]


@pytest.mark.parametrize("turned", [False, True])
def test_sides_are_not_negative_inside(turned: bool) -> None:
    corners = [[0.0, 0.0], [4.0, 1.0], [3.0, 5.0], [1.0, 4.0]][:: -1 if turned else 1]
    roots = Roots.of([vitrail.Polygon(corners)], (2,))
    sides, nowhere = sides_of(roots)
    assert ([number for number, _ in sides], nowhere) == ([-1, -2, -3, -4], set())
    assert all(side(form, scaled_point(np.array([2.0, 2.5]), roots.scales[0])) > 0 for _, form in sides)
    line = Roots.of([vitrail.Line([0.0], [1.0])], (1,))
    assert sides_of(line) == ([], {-1, -2})
