"""Shapes of regions against closed forms: bounded or not, volumes, halfspaces, largest balls, facets and neighbors."""

from __future__ import annotations

import itertools

import networkx
import numpy as np
import pytest

import vitrail
from vitrail.engines.columns import Columns
from vitrail.errors import InvalidOptionError, VitrailError
from vitrail.exact_facets import facet_point, lies_in
from vitrail.numerics.predicates import to_form
from vitrail.shapes import largest_ball, true_facets


def planes(rows: list[list[float]], biases: list[float] | None = None) -> vitrail.Network:
    """A layer of ReLUs that cuts along these hyperplanes."""
    weights = np.array(rows, dtype=float)
    return vitrail.Network.from_arrays([(weights, biases), (np.ones((1, len(weights))), None)])


def grid(k: int) -> vitrail.Network:
    """Hyperplanes x_i = 0 and x_i = 1 in every direction: 3^k boxes, one of them bounded in the whole space."""
    rows = [[float(i == j) for j in range(k)] for i in range(k) for _ in range(2)]
    return planes(rows, [0.0, -1.0] * k)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_a_grid_in_the_whole_space(k: int) -> None:
    regions = vitrail.enumerate_regions(grid(k), vitrail.Space(k))
    assert len(regions) == 3**k and regions.account.cells == "halfspaces"
    assert regions.bounded.sum() == 1
    (inner,) = np.flatnonzero(regions.bounded)
    assert (
        regions.measures[inner] == pytest.approx(1.0, rel=1e-12) and np.isinf(np.delete(regions.measures, inner)).all()
    )
    np.testing.assert_allclose(regions.centroids[inner], 0.5)
    assert regions[inner].inradius == pytest.approx(0.5, rel=1e-9)
    assert len(regions[inner].facets) == 2 * k and all(other is not None for _, other in regions[inner].facets)
    # a corner of the grid is an orthant, a ball in it grows without end; beside the cube it is held on two sides
    radii = sorted(region.inradius for region in regions)
    assert np.isinf(radii).sum() == 2**k and radii[0] == pytest.approx(0.5, rel=1e-9)
    assert regions.adjacency().nnz == 2 * k * 2 * 3 ** (k - 1)


def test_halfspaces_hold_the_vertices_and_their_distances_are_those_of_the_input_space() -> None:
    """In a slice with directions that are neither of length one nor orthogonal."""
    basis = np.array([[2.0, 0, 0, 0, 0], [1.0, 1.0, 0, 0, 0], [0.0, 0.5, 3.0, 1.0, 0.0]])
    rng = np.random.default_rng(0)
    network = vitrail.Network.from_arrays([(rng.normal(size=(7, 5)), rng.normal(size=7)), (np.ones((1, 7)), None)])
    regions = vitrail.enumerate_regions(network, vitrail.Slice(np.zeros(5), basis))
    assert regions.measures.sum() == pytest.approx(8 * np.sqrt(np.linalg.det(basis @ basis.T)), rel=1e-12)
    for region in regions:
        normals, offsets = region.halfspaces
        slack = offsets - region.vertices @ normals.T
        assert slack.min() > -1e-12 and (np.abs(slack) < 1e-12).sum(axis=0).min() >= 3
        # the distance from the witness to each facet: the nearest point of the facet's hyperplane, in input units
        gram = basis @ basis.T
        inner = region.vertices.mean(axis=0)
        for normal, offset, depth in zip(normals, offsets, offsets - normals @ inner, strict=True):
            step = np.linalg.solve(gram, normal)
            step *= (offset - normal @ inner) / (normal @ step)
            assert np.linalg.norm(step @ basis) == pytest.approx(depth, rel=1e-9)
        assert 0.0 < region.inradius <= slack.max()


@pytest.mark.parametrize("k", [3, 4, 5])
def test_the_ball_of_a_simplex(k: int) -> None:
    """x_i >= 0 and sum x_i <= 1: the radius is 1 / (k + sqrt k)."""
    regions = vitrail.enumerate_regions(planes([[1.0] * k], [-1.0]), vitrail.Box([0.0] * k, [1.0] * k))
    below = int(np.argmin(regions.witnesses.sum(axis=1)))
    assert regions[below].inradius == pytest.approx(1 / (k + np.sqrt(k)), rel=1e-9)
    assert regions.measures[below] == pytest.approx(1 / np.prod(np.arange(1, k + 1)), rel=1e-12)
    np.testing.assert_allclose(regions.centroids[below], 1 / (k + 1))


def test_balls_without_bounds() -> None:
    center, radius = largest_ball(np.zeros((0, 3)), np.zeros(0))
    assert center.shape == (3,) and np.isinf(radius)
    _, radius = largest_ball(np.array([[1.0, 0.0]]), np.array([0.0]))
    assert np.isinf(radius)
    with pytest.raises(VitrailError, match="largest ball"):
        largest_ball(np.array([[1.0], [-1.0]]), np.array([-1.0, -1.0]))


def test_facets_and_neighbors_agree() -> None:
    regions = vitrail.enumerate_regions(grid(3), vitrail.Box([-1.0] * 3, [2.0] * 3))
    graph = regions.to_networkx()
    assert isinstance(graph, networkx.Graph) and graph.number_of_edges() == len(regions.facets.units) == 54
    for i, region in enumerate(regions):
        found = {other for _, other in region.facets if other is not None}
        assert found == set(graph.neighbors(i))
        assert sum(unit < 0 for unit, _ in region.facets) == 6 - len(found)


def test_a_plane_and_a_line_have_facets_and_halfspaces_too() -> None:
    for k in (1, 2):
        regions = vitrail.enumerate_regions(grid(k), vitrail.Box([-1.0] * k, [2.0] * k))
        assert len(regions) == 3**k
        assert [len(region.facets) for region in regions] == [2 * k] * 3**k
        np.testing.assert_allclose(regions.centroids, regions.witnesses)
    assert all(region.inradius == pytest.approx(0.5) for region in regions)


def test_what_needs_the_network_says_so(tmp_path: object) -> None:
    regions = vitrail.enumerate_regions(grid(3), vitrail.Box([-1.0] * 3, [2.0] * 3))
    stored = vitrail.RegionSet.read(regions.to_npz(f"{tmp_path}/grid.npz"))
    assert stored.f_vector.tolist() == regions.f_vector.tolist() == [64, 144, 108, 27]
    np.testing.assert_array_equal(stored.facet_neighbors, regions.facet_neighbors)
    with pytest.raises(InvalidOptionError, match="network is not at hand"):
        _ = stored[0].halfspaces
    bare = vitrail.enumerate_regions(grid(3), vitrail.Box([-1.0] * 3, [2.0] * 3), patterns=False)
    assert bare.measures.sum() == pytest.approx(27.0)
    with pytest.raises(InvalidOptionError, match="patterns"):
        _ = bare.facets


@pytest.mark.parametrize("k", [2, 3])
def test_exact_facets_of_cross_polytopes(k: int) -> None:
    """All 2^k sides are facets; one that touches a vertex is none, nor one that repeats a side."""
    sides = [to_form([1, *(-s for s in signs)]) for signs in itertools.product((1, -1), repeat=k)]
    touching, again = to_form([1, -1, *[0] * (k - 1)]), tuple(3 * c for c in sides[0])
    forms = [*sides, touching]
    for at in range(len(sides)):
        point = facet_point(forms, at)
        assert point is not None and lies_in(point, forms)
        zero = [i for i, form in enumerate(forms) if sum(c * x for c, x in zip(form, point, strict=True)) == 0]
        assert zero == [at]
    assert facet_point(forms, len(sides)) is None
    assert facet_point([*sides, again], 0) is None is facet_point([*sides, again], len(sides))


def test_unproven_rows_are_decided() -> None:
    """Of three planes through one line, the middle one touches the outer wedges' union only in that line."""
    regions = vitrail.enumerate_regions(
        planes([[1.0, 0, 0], [0, 1.0, 0], [1.0, 1.0, 0]]), vitrail.Space(3), cells="halfspaces"
    )
    assert len(regions) == 6 and [len(region.facets) for region in regions] == [2] * 6
    assert true_facets(regions, np.arange(regions.facet_units.size)).all()
    assert vitrail.certify(regions).require().status is vitrail.Status.EXACT


def test_columns_keep_rows_in_order_and_fill_up_widths() -> None:
    rng = np.random.default_rng(0)
    columns, other = Columns(), Columns()
    parts = [rng.integers(0, 9, size=(rows, 2)) for rows in (3, 0, 70_000, 5, 400_000, 1)]
    for part in parts[:3]:
        columns.append({"a": part, "b": part[:, 0].astype(float)})
    for part in parts[3:]:
        other.append({"a": part})
    wide = rng.integers(0, 9, size=(4, 3))
    other.append({"a": wide, "c": wide})
    columns.extend(other)
    columns.append({"a": parts[0]})
    whole = np.concatenate([np.pad(part, ((0, 0), (0, 3 - part.shape[1]))) for part in (*parts, wide, parts[0])])
    np.testing.assert_array_equal(columns.take("a", whole[:0]), whole)
    np.testing.assert_array_equal(columns.take("b", np.zeros(0)), np.concatenate(parts[:3])[:, 0])
    np.testing.assert_array_equal(columns.take("c", whole[:0]), wide)
    assert columns.take("a", whole[:0]).size == 0 and other.take("c", wide[:0]).size == 0


@pytest.mark.parametrize("thin", [30, 54, 80, 120])
def test_thin_boxes_have_volumes(thin: int) -> None:
    """Directions of very different sizes: volumes and areas are those of the box that is stretched to a cube."""
    sides = np.array([2.0**-thin, 2.0 ** (1 - thin), 0.25])
    rng = np.random.default_rng(3)
    weights, bias = rng.normal(size=(6, 3)), rng.normal(size=6) * 0.5
    cube = vitrail.enumerate_regions(planes(weights.tolist(), bias.tolist()), vitrail.Box([-1.0] * 3, [1.0] * 3))
    box = vitrail.enumerate_regions(planes((weights / sides).tolist(), bias.tolist()), vitrail.Box(-sides, sides))
    assert len(cube) == len(box) and box.measure_error < 1e-12
    shares = [np.sort(regions.measures) / regions.account.measure for regions in (cube, box)]
    np.testing.assert_allclose(shares[0], shares[1], rtol=1e-9)
    np.testing.assert_allclose(np.sort(box.centroids / sides, axis=0), np.sort(cube.centroids, axis=0), rtol=1e-9)
    assert box.f_vector.tolist() == cube.f_vector.tolist()


def test_a_sliver_without_a_float64_inside_is_kept_in_files(tmp_path: object) -> None:
    network = planes([[1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 1.0]], [0.0, 2.0**-60, 0.0])
    regions = vitrail.enumerate_regions(network, vitrail.Box([-1.0] * 3, [1.0] * 3), cells="halfspaces")
    assert len(regions) == 6 and regions.status is vitrail.Status.CERTIFIED
    for name in ("to_npz", "to_parquet"):
        stored = vitrail.RegionSet.read(getattr(regions, name)(f"{tmp_path}/slivers.{name[3:]}"))
        np.testing.assert_array_equal(stored.witnesses, regions.witnesses)


def test_a_region_of_more_facets_than_a_word_has_bits() -> None:
    """Ninety planes that touch the unit ball: the region around it has them all."""
    count = 90
    place = np.arange(count) + 0.5
    height, turn = 1 - 2 * place / count, np.pi * (1 + 5**0.5) * place
    around = np.sqrt(1 - height**2)
    normals = np.stack([around * np.cos(turn), around * np.sin(turn), height], axis=1)
    network, domain = planes(normals.tolist(), [-1.0] * count), vitrail.Box([-1.01] * 3, [1.01] * 3)
    regions = vitrail.enumerate_regions(network, domain)
    assert regions.status is vitrail.Status.CERTIFIED and regions.incidence.shape[1] == 2
    middle = int(np.argmin(np.linalg.norm(regions.witnesses, axis=1)))
    units = {unit for unit, _ in regions[middle].facets if unit >= 0}
    assert units == set(range(count)) and len(regions[middle].facets) > 64
    assert regions[middle].inradius == pytest.approx(1.0, rel=1e-9)
    assert regions.measure_error < 1e-12 and regions.euler_characteristic() == 1 and not regions.facets.open.size
    other = vitrail.enumerate_regions(network, domain, cells="halfspaces")
    assert sorted(map(bytes, other.words)) == sorted(map(bytes, regions.words))
    assert len(other.facets.units) == len(regions.facets.units)
    assert vitrail.count_regions(network, domain) == len(regions)


def test_a_walk_on_a_line_has_shapes() -> None:
    """Regions of one dimension without vertices: bounded or not, their lengths, and no numbers that are not known."""
    network = vitrail.Network.from_arrays([(np.ones((2, 1)), [0.0, -1.0]), (np.ones((1, 2)), None)])
    inside = vitrail.walk(network, [0.5], vitrail.Segment([-1.0], [3.0])).regions
    assert sorted(inside.measures.round(12)) == [1.0, 1.0, 2.0] and inside.bounded.tolist() == [True] * 3
    assert inside.adjacency().nnz == 4 and int(inside.count("linear")) == 3
    everywhere = vitrail.walk(network, [0.5]).regions
    assert sorted(everywhere.measures) == [pytest.approx(1.0), np.inf, np.inf] and everywhere.bounded.sum() == 1
    with pytest.raises(InvalidOptionError, match="vertices"):
        _ = everywhere.f_vector


@pytest.mark.parametrize("low", [-3.0, 0.5, 2.0])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_halfspaces_face_inwards_wherever_the_domain_lies(k: int, low: float) -> None:
    """Also where the origin is outside: every vertex is in all halfspaces of its region, and walks measure the same."""
    network, domain = grid(k), vitrail.Box([low] * k, [low + 2.5] * k)
    regions = vitrail.enumerate_regions(network, domain)
    for region in regions:
        normals, offsets = region.halfspaces
        assert (region.vertices @ normals.T <= offsets + 1e-9).all() and 0.0 < region.inradius <= 1.25 + 1e-9
    walked = vitrail.walk(network, [low + 1.0] * k, domain).regions
    assert len(walked) == len(regions)
    np.testing.assert_allclose(np.sort(walked.measures), np.sort(regions.measures), rtol=1e-12)
