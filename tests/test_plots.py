"""Pictures: what is drawn, in which colors, and that nothing is left behind."""

from __future__ import annotations

import dataclasses
import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

import vitrail
from vitrail.boundaries import decision_boundary
from vitrail.errors import InvalidOptionError
from vitrail.plots.envelope import bands_of
from vitrail.plots.palette import class_colors, layer_colors, oklch, pattern_colors
from vitrail.plots.patches import NO_FACET, Patches, clipped, outer_patches, section_patches
from vitrail.plots.planes import plot_plane_with_points
from vitrail.plots.sections import plot_solid_with_sections
from vitrail.plots.segments import plot_line_with_images

matplotlib.use("agg")


pytestmark = pytest.mark.usefixtures("no_figures_left")


def classifier(inputs: int = 2, seed: int = 0) -> vitrail.Network:
    rng = np.random.default_rng(seed)
    sizes = [inputs, 8, 8, 3]
    layers = [(rng.normal(size=(b, a)), 0.3 * rng.normal(size=b)) for a, b in itertools.pairwise(sizes)]
    return vitrail.Network.from_arrays(layers)


NET = classifier()
SQUARE = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
SEGMENT = vitrail.Segment([-2.0, 0.3], [2.0, -0.1])


@pytest.fixture(scope="module")
def plane() -> vitrail.RegionSet:
    return vitrail.enumerate_regions(NET, SQUARE)


def new_axes():
    return Figure(layout="constrained").add_subplot()


def drawn(ax) -> None:
    """Really draw it: layout and legends run only then."""
    ax.figure.canvas.draw()


def panes(ax) -> PolyCollection:
    found = [c for c in ax.collections if isinstance(c, PolyCollection)]
    assert len(found) == 1
    return found[0]


# ---- planes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundaries", [True, False])
@pytest.mark.parametrize("color", ["pattern", "area", "class"])
def test_plane_draws_every_region_once(plane: vitrail.RegionSet, color: str, boundaries: bool) -> None:
    ax = new_axes()
    assert plane.plot(ax=ax, color=color, boundaries=boundaries) is ax
    drawn(ax)
    polygons = panes(ax)
    assert len(polygons.get_paths()) == len(plane) == len(polygons.get_facecolor())
    first = polygons.get_paths()[0].vertices[:-1]
    np.testing.assert_array_equal(first, plane[0].vertices)
    assert ax.get_aspect() == 1.0
    assert ax.get_xlim() == (-1.0, 1.0) and ax.get_ylim() == (-1.0, 1.0)
    assert ax.get_title() == f"{len(plane)} activation regions (certified)"


def test_layer_edges_have_the_color_of_their_layer(plane: vitrail.RegionSet) -> None:
    ax = plane.plot(ax=new_axes(), color="layer")
    drawn(ax)
    lines = [c for c in ax.collections if isinstance(c, LineCollection)]
    per_layer = [int(((plane.facet_units >= 8 * i) & (plane.facet_units < 8 * i + 8)).sum()) for i in range(2)]
    assert [len(c.get_segments()) for c in lines] == per_layer and min(per_layer) > 0
    for line, color in zip(lines, layer_colors(2), strict=True):
        np.testing.assert_allclose(line.get_color()[0][:3], color)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(plane.account.layers)


def test_pattern_colors_do_not_depend_on_window_order_or_run() -> None:
    def by_pattern(regions: vitrail.RegionSet) -> dict[bytes, tuple[float, ...]]:
        colors = panes(regions.plot(ax=new_axes())).get_facecolor()
        return {words.tobytes(): tuple(color) for words, color in zip(regions.words, colors, strict=True)}

    whole = by_pattern(vitrail.enumerate_regions(NET, SQUARE))
    again = by_pattern(vitrail.enumerate_regions(NET, SQUARE))
    part = by_pattern(vitrail.enumerate_regions(NET, vitrail.Box([-0.5, -0.4], [0.9, 1.0])))
    assert whole == again
    shared = whole.keys() & part.keys()
    assert len(shared) > 5 and all(whole[key] == part[key] for key in shared)
    assert len(set(whole.values())) == len(whole)


def test_pattern_colors_are_those_of_the_first_release() -> None:
    colors = pattern_colors(np.array([[0, 0], [1, 0], [0, 1], [-1, 7]]))
    expected = [[0.715, 0.514, 0.477], [0.699, 0.825, 0.643], [0.949, 0.710, 0.965], [0.376, 0.594, 0.665]]
    np.testing.assert_allclose(colors, expected, atol=0.001)


def lightness(colors: np.ndarray) -> np.ndarray:
    """L* of CIELAB, 0 to 100: what remains without any color vision."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(luminance) - 16


def test_pattern_colors_differ_without_color_vision() -> None:
    values = lightness(pattern_colors(np.arange(2000)[:, None]))
    assert values.min() > 50  # dark lead stands out
    assert np.percentile(values, 95) - np.percentile(values, 5) > 20
    assert np.std(values) > 6


def test_lines_stand_out_from_white() -> None:
    for count in (1, 6, 7, 40):
        assert layer_colors(count).shape == (count, 3)
        assert lightness(layer_colors(count)).max() < 80
    assert len(np.unique(class_colors(np.arange(10), 10), axis=0)) == 10
    assert len(np.unique(class_colors(np.arange(200), 1000), axis=0)) == 200


def test_oklch_known_colors() -> None:
    # sRGB red, green and blue in OKLCh, to the digits that are usually given
    lightnesses, chromas = np.array([0.6280, 0.8664, 0.4520]), np.array([0.2577, 0.2948, 0.3132])
    hues = np.array([29.23, 142.50, 264.05]) / 360
    np.testing.assert_allclose(oklch(lightnesses, chromas, hues), np.eye(3), atol=0.02)


def test_class_legend_and_colors(plane: vitrail.RegionSet) -> None:
    ax = plane.plot(ax=new_axes(), color="class")
    names = [int(text.get_text()) for text in ax.get_legend().get_texts()]
    assert names == sorted(set(plane.classes.tolist()))
    by_class = {tuple(c) for c in panes(ax).get_facecolor()}
    assert len(by_class) == len(names)


def test_callable_color(plane: vitrail.RegionSet) -> None:
    def vertices(regions: vitrail.RegionSet) -> np.ndarray:
        return np.diff(regions.offsets)

    ax = plane.plot(ax=new_axes(), color=vertices)
    drawn(ax)
    counts = vertices(plane)
    colors = panes(ax).get_facecolor()
    assert len(np.unique(colors, axis=0)) == len(np.unique(counts))
    assert ax.child_axes[0].get_ylabel() == "vertices"
    plane.plot(ax=new_axes(), color=lambda regions: np.full(len(regions), np.nan))
    plane.plot(
        ax=Figure().add_subplot(), color=lambda regions: regions.measures
    )  # no layout engine: takes its own room


@pytest.mark.parametrize("values", [np.zeros(2), np.zeros((1, 1)), "a"])
def test_callable_color_that_does_not_fit(plane: vitrail.RegionSet, values: object) -> None:
    with pytest.raises(InvalidOptionError, match="one number per region"):
        plane.plot(ax=new_axes(), color=lambda _: values)


def test_bad_options(plane: vitrail.RegionSet) -> None:
    with pytest.raises(InvalidOptionError, match="did you mean 'pattern'"):
        plane.plot(ax=new_axes(), color="patern")
    with pytest.raises(InvalidOptionError, match="boundaries"):
        plane.plot(ax=new_axes(), color="layer", boundaries=False)
    bare = vitrail.enumerate_regions(NET, SQUARE, patterns=False)
    with pytest.raises(InvalidOptionError, match="patterns were not kept"):
        bare.plot(ax=new_axes())
    for color in ("layer", "area", "class"):
        bare.plot(ax=new_axes(), color=color)


def test_frame_of_the_axes() -> None:
    skew = vitrail.enumerate_regions(NET, vitrail.Plane([0.0, 0.0], [1.0, 0.0], [1.0, 2.0]))
    ax = skew.plot(ax=new_axes())
    assert "oblique" in ax.get_xlabel() and ax.get_aspect() == "auto"
    stretched = vitrail.enumerate_regions(NET, vitrail.Plane([0.0, 0.0], [1.0, 0.0], [0.0, 2.0]))
    ax = stretched.plot(ax=new_axes())
    assert ax.get_aspect() == 2.0 and ax.get_ylabel() == "t (multiples of v, |v| = 2)"
    assert ax.get_xlabel() == "s (input units along u)"


def test_statuses_in_the_title(plane: vitrail.RegionSet) -> None:
    partial = dataclasses.replace(plane, account=dataclasses.replace(plane.account, complete=False))
    assert partial.plot(ax=new_axes()).get_title().startswith("at least")
    open_signs = dataclasses.replace(plane, account=dataclasses.replace(plane.account, undecided=3))
    assert "3 undecided" in open_signs.plot(ax=new_axes()).get_title()


def empty(regions: vitrail.RegionSet) -> vitrail.RegionSet:
    account = dataclasses.replace(regions.account, complete=False)
    no_rows = {name: vars(regions)[name][:0] for name in ("vertices", "vertex_errors", "facet_units", "facet_cuts")}
    return dataclasses.replace(
        regions,
        offsets=np.zeros(1, np.int64),
        dirty=regions.dirty[:0],
        words=regions.words[:0],
        account=account,
        **no_rows,
    )


@pytest.mark.parametrize("color", ["pattern", "layer", "area", "class", lambda regions: regions.measures])
@pytest.mark.parametrize("domain", [SQUARE, SEGMENT])
def test_no_regions(color: object, domain: vitrail.Box | vitrail.Segment) -> None:
    ax = empty(vitrail.enumerate_regions(NET, domain)).plot(ax=new_axes(), color=color)
    drawn(ax)
    assert [text.get_text() for text in ax.texts] == ["no regions"] and len(ax.collections) == 0
    with pytest.raises(InvalidOptionError):
        empty(vitrail.enumerate_regions(NET, domain)).plot(ax=ax, color="nothing")


def test_new_axes_are_made_where_none_are_given(plane: vitrail.RegionSet) -> None:
    import matplotlib.pyplot as plt

    ax = plane.plot()
    assert plt.get_fignums() and ax.figure is plt.gcf()
    plt.close(ax.figure)


# ---- lines ---------------------------------------------------------------------------------------------------------


def strip_of(ax):
    assert len(ax.child_axes) >= 1
    return ax.child_axes[0]


@pytest.mark.parametrize("color", ["pattern", "layer", "area", "class"])
def test_segment(color: str) -> None:
    regions = vitrail.enumerate_regions(NET, SEGMENT)
    ax = regions.plot(ax=new_axes(), color=color)
    drawn(ax)
    strip = strip_of(ax)
    assert len(panes(strip).get_paths()) == len(regions)
    np.testing.assert_allclose(ax.get_xlim(), (0.0, SEGMENT.measure))
    # the ticks of the layers are the breakpoints, in input units
    rows = [c for c in strip.collections if isinstance(c, LineCollection)]
    ticks = np.sort(np.concatenate([[s[0, 0] for s in c.get_segments()] for c in rows[1::2]]))
    np.testing.assert_allclose(ticks, regions.facets.ends[:, 0, 0] * SEGMENT.measure)
    assert [t.get_text() for t in strip.get_yticklabels()] == ["regions", *regions.account.layers]


def test_scores_are_those_of_the_network() -> None:
    regions = vitrail.enumerate_regions(NET, SEGMENT)
    ax = regions.plot(ax=new_axes())
    segments = [np.array(c.get_segments()) for c in ax.collections if isinstance(c, LineCollection)]
    start, stop = np.array(SEGMENT.start), np.array(SEGMENT.stop)

    def outputs(positions: np.ndarray) -> np.ndarray:
        return NET.forward(start + positions[:, None] / SEGMENT.measure * (stop - start)).numpy()

    envelope, single = segments[0].reshape(-1, 2), [s.reshape(-1, 2) for s in segments[1:]]
    assert len(single) == 3
    np.testing.assert_allclose(envelope[:, 1], outputs(envelope[:, 0]).max(axis=1), atol=1e-9)
    for i, points in enumerate(single):
        np.testing.assert_allclose(points[:, 1], outputs(points[:, 0])[:, i], atol=1e-9)


def test_bands_agree_with_a_fine_grid(rng: np.random.Generator) -> None:
    ends = np.sort(rng.uniform(-1, 1, 9))
    maps = rng.normal(size=(8, 2, 5))
    bands = bands_of(maps, ends[:-1], ends[1:])
    assert bands.merged()[0][0] == ends[0] and bands.merged()[-1][1] == ends[-1]
    for (start, stop), winner, region in zip(bands.ends, bands.winner, bands.region, strict=True):
        t = start + (stop - start) * np.linspace(0.01, 0.99, 20)
        values = maps[region, 0] + t[:, None] * maps[region, 1]
        assert (values.argmax(axis=1) == winner).all()
    np.testing.assert_allclose((bands.ends[:, 1] - bands.ends[:, 0]).sum(), ends[-1] - ends[0])


def test_bands_of_ties() -> None:
    same = np.zeros((2, 2, 4))
    assert bands_of(same, np.array([0.0, 1.0]), np.array([1.0, 2.0])).merged() == [(0.0, 2.0, 0)]
    crossing = np.array([[[0.0, 0.0, 0.0], [1.0, 2.0, -1.0]]])  # all three meet at 0
    assert bands_of(crossing, np.array([-1.0]), np.array([1.0])).merged() == [(-1.0, 0.0, 2), (0.0, 1.0, 1)]
    assert bands_of(np.zeros((0, 2, 3)), np.zeros(0), np.zeros(0)).merged() == []


@pytest.mark.parametrize("color", ["pattern", "layer", "area", "class"])
def test_unbounded_line(color: str) -> None:
    regions = vitrail.enumerate_regions(NET, vitrail.Line([0.0, 0.1], [3.0, 1.0]))
    assert np.isinf(regions.measures[[0, -1]]).all()
    ax = regions.plot(ax=new_axes(), color=color)
    drawn(ax)
    limits = np.array(ax.get_xlim())
    breakpoints = regions.facets.ends[:, 0, 0] * np.hypot(3.0, 1.0)
    assert np.isfinite(limits).all() and limits[0] < breakpoints.min() and breakpoints.max() < limits[1]
    assert len(strip_of(ax).texts) == 2  # an arrow at each end


def test_line_without_breakpoints_and_with_one_output() -> None:
    affine = vitrail.Network.from_arrays([([[1.0, 2.0]], [0.5])])
    for domain, arrows in ((vitrail.Line([0.0, 0.0], [1.0, 1.0]), 2), (SEGMENT, 0)):
        ax = vitrail.enumerate_regions(affine, domain).plot(ax=new_axes())
        drawn(ax)
        assert len(strip_of(ax).texts) == arrows
        assert ax.get_ylabel() == "output"


def test_line_read_from_a_file_without_maps() -> None:
    regions = dataclasses.replace(vitrail.enumerate_regions(NET, SEGMENT), source=None)
    ax = regions.plot(ax=new_axes())
    drawn(ax)
    assert len(panes(strip_of(ax)).get_paths()) == len(regions)
    assert not [c for c in ax.collections if isinstance(c, LineCollection)]


def test_many_layers_and_hostile_names() -> None:
    rng = np.random.default_rng(1)
    deep = vitrail.Network.from_arrays([(rng.normal(size=(4, 4)), rng.normal(size=4)) for _ in range(12)])
    for domain in (vitrail.Segment(-np.ones(4), np.ones(4)), vitrail.Plane(np.zeros(4), np.eye(4)[0], np.eye(4)[1])):
        regions = vitrail.enumerate_regions(deep, domain)
        names = ("$\\frac{$\x1b[31m" + "very long " * 9, *regions.account.layers[1:])
        regions = dataclasses.replace(regions, account=dataclasses.replace(regions.account, layers=names))
        drawn(regions.plot(ax=new_axes(), color="layer"))


# ---- three dimensions ----------------------------------------------------------------------------------------------

CUBE = vitrail.Box([-1.0] * 3, [1.0, 1.0, 1.5])


@pytest.fixture(scope="module")
def solid() -> vitrail.RegionSet:
    return vitrail.enumerate_regions(classifier(inputs=3, seed=5), CUBE)


def areas(patches: Patches) -> np.ndarray:
    """Twice the vector area of each polygon, by triangles from its first corner."""
    found = [np.zeros(3)]
    for points in patches.corners:
        edges = points[1:] - points[0]
        found.append(np.cross(edges[:-1], edges[1:]).sum(axis=0))
    return np.array(found[1:])


def same_sections(regions: vitrail.RegionSet, net: vitrail.Network, axis: int, at: float) -> None:
    """The section of the cells is what the search finds in the plane: regions, areas and patterns."""
    patches = section_patches(regions, axis, at)
    across, up = (axis + 1) % 3, (axis + 2) % 3
    origin = at * np.eye(3)[axis]
    low, high = (np.asarray(bound)[[across, up]] for bound in (CUBE.lo, CUBE.hi))
    flat = vitrail.enumerate_regions(net, vitrail.Plane(origin, np.eye(3)[across], np.eye(3)[up], low, high))
    assert len(patches.corners) == len(flat) > 20
    by_pattern = {words.tobytes(): area for words, area in zip(flat.words, flat.measures, strict=True)}
    for region, area, points in zip(patches.regions, areas(patches) / 2, patches.corners, strict=True):
        assert (points[:, axis] == at).all() and area[across] == area[up] == 0
        np.testing.assert_allclose(area[axis], by_pattern.pop(regions.words[region].tobytes()), rtol=1e-9, atol=1e-15)
    assert not by_pattern


@pytest.mark.parametrize(("axis", "at"), [(0, 0.125), (1, -0.37), (2, 0.81), (2, 0.25)])
def test_sections_are_those_of_the_plane(solid: vitrail.RegionSet, axis: int, at: float) -> None:
    net = classifier(inputs=3, seed=5)
    same_sections(solid, net, axis, at)
    with pytest.raises(AssertionError):
        same_sections(solid, classifier(inputs=3, seed=6), axis, at)


def test_labels_of_a_section_are_the_facets_of_its_edges(solid: vitrail.RegionSet) -> None:
    patches = section_patches(solid, 0, 0.125)
    # the ends of an edge lie in the plane through the vertices of its facet
    for points, labels, region in zip(patches.corners, patches.labels, patches.regions, strict=True):
        rows = slice(solid.offsets[region], solid.offsets[region + 1])
        bits = solid.incidence[rows, 0]
        assert len(set(labels)) == len(labels) and (labels != NO_FACET).all()
        for start, stop, row in zip(points, np.roll(points, -1, axis=0), labels, strict=True):
            on = (bits >> (row - solid.facet_offsets[region])) & 1 == 1
            flat = solid.vertices[rows][on]
            normal = np.linalg.svd(flat - flat.mean(axis=0))[2][2]
            assert np.abs((np.array([start, stop]) - flat.mean(axis=0)) @ normal).max() < 1e-9


def test_the_lower_cell_is_cut_where_a_facet_lies_in_the_plane() -> None:
    # x = 0, y = 0 and z = 0 exactly, and a duplicate: the middle planes are facets of all cells
    net = vitrail.Network.from_arrays([(np.eye(3)[[0, 1, 2, 2]], None), (np.ones((1, 4)), None)])
    regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0] * 3, [1.0] * 3))
    for axis in range(3):
        patches = section_patches(regions, axis, 0.0)
        assert len(patches.corners) == 4 and (regions.witnesses[patches.regions, axis] < 0).all()
        np.testing.assert_allclose(areas(patches)[:, axis], 2.0)
        assert not section_patches(regions, axis, -1.0).corners  # nothing is below
        np.testing.assert_allclose(areas(section_patches(regions, axis, 1.0))[:, axis].sum(), 8.0)


def test_the_outside_is_the_surface_of_the_domain(solid: vitrail.RegionSet) -> None:
    patches = outer_patches(solid)
    found = areas(patches) / 2
    sides = np.array([[2.0 * 2.5, 0, 0], [0, 2.0 * 2.5, 0], [0, 0, 2.0 * 2.0]])
    for axis in range(3):
        for sign in (-1, 1):
            mine = sign * found[:, axis] > np.abs(found).max(axis=1) / 2
            np.testing.assert_allclose(found[mine].sum(axis=0), sign * sides[axis], atol=1e-9)
            end = (CUBE.hi if sign > 0 else CUBE.lo)[axis]
            assert all((patches.corners[i][:, axis] == end).all() for i in np.flatnonzero(mine))
    assert len(patches.corners) == (solid.facet_units < 0).sum()


def test_clipping_keeps_areas_and_labels(solid: vitrail.RegionSet, rng: np.random.Generator) -> None:
    patches = section_patches(solid, 2, 0.3)
    for at in (*rng.uniform(-1, 1, 5), -1.0, 1.0, 7.0, *solid.vertices[:3, 0]):
        low, high = clipped(patches, 0, at, above=False), clipped(patches, 0, at, above=True)
        np.testing.assert_allclose((areas(low).sum(axis=0) + areas(high).sum(axis=0))[2], areas(patches)[:, 2].sum())
        for part, sign in ((low, -1), (high, 1)):
            for points, labels, region in zip(part.corners, part.labels, part.regions, strict=True):
                assert (sign * (points[:, 0] - at) >= 0).all() and len(points) == len(labels) >= 3
                whole = patches.labels[int(np.flatnonzero(patches.regions == region)[0])]
                assert set(labels) <= {*whole.tolist(), NO_FACET}
                cut = (points[:, 0] == at) & (np.roll(points[:, 0], -1) == at)
                assert (labels[~cut] != NO_FACET).all()


@pytest.mark.parametrize("color", ["pattern", "layer", "area", "class", lambda regions: regions.centroids[:, 0]])
def test_the_solid_is_drawn_without_gaps_and_overlaps(solid: vitrail.RegionSet, color: object) -> None:
    ax = solid.plot(ax=new_axes(), color=color)
    drawn(ax)
    assert ax.get_title() == f"{len(solid)} activation regions (certified)"
    filled = [path.vertices[:-1] for c in ax.collections if isinstance(c, PolyCollection) for path in c.get_paths()]
    flat = Patches([np.column_stack([points, np.zeros(len(points))]) for points in filled], [], np.zeros(0))
    total = areas(flat)[:, 2]
    assert (total > 0).all()  # every polygon is seen from its front
    # the hexagon around the picture of the box is covered once
    outline = np.concatenate(filled)
    from scipy.spatial import ConvexHull

    np.testing.assert_allclose(total.sum() / 2, ConvexHull(outline).volume, rtol=1e-9)
    names = [text.get_text() for text in ax.texts]
    assert {"input 0", "input 1", "input 2", "1.5", "−1"} <= set(names)


def test_the_colors_of_the_solid_are_those_of_the_regions(solid: vitrail.RegionSet) -> None:
    figure = plot_solid_with_sections(solid)
    figure.canvas.draw()
    assert [ax.get_title().partition(":")[0] for ax in figure.axes] == [
        "",
        "input 2 = 0.25",
        "input 1 = 0",
        "input 0 = 0",
    ]
    colors = pattern_colors(solid.words)
    for ax, axis, at in zip(figure.axes[1:], (2, 1, 0), (0.25, 0.0, 0.0), strict=True):
        patches = section_patches(solid, axis, at)
        np.testing.assert_allclose(panes(ax).get_facecolor()[:, :3], colors[patches.regions])
        assert f"{len(patches.corners)} regions" in ax.get_title()
        first = panes(ax).get_paths()[0].vertices[:-1]
        np.testing.assert_array_equal(first, np.delete(patches.corners[0], axis, axis=1))


def test_layers_in_three_dimensions(solid: vitrail.RegionSet) -> None:
    figure = plot_solid_with_sections(solid, "layer")
    figure.canvas.draw()
    lines = {tuple(c.get_color()[0][:3]): len(c.get_segments()) for c in figure.axes[1].collections[1:]}
    patches = section_patches(solid, 2, 0.25)
    units = solid.facet_units[np.concatenate(patches.labels)]
    for layer, color in enumerate(layer_colors(2)):
        assert lines[tuple(color)] == ((units >= 8 * layer) & (units < 8 * layer + 8)).sum() > 0
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()] == list(solid.account.layers)


def test_other_domains_of_three_dimensions() -> None:
    from vitrail.domains import Polytope, Slice

    net = classifier(inputs=4, seed=2)
    slab = Slice(np.zeros(4), [[1.0, 0, 0, 0], [0, 9.0, 0, 0], [0, 0, 1.0, 1.0]])
    figure = plot_solid_with_sections(vitrail.enumerate_regions(net, slab))
    figure.canvas.draw()
    assert figure.axes[1].get_xlabel() == "t1 (input units)" and figure.axes[1].get_ylabel() == "t2 (9 input units)"
    assert "t3" in [text.get_text() for text in figure.axes[0].texts]
    assert figure.axes[3].get_title().startswith("t1 = 0: ")
    corner = Polytope([*-np.eye(3), [1.0, 1.0, 1.0]], [0.0, 0.0, 0.0, 1.0])
    regions = vitrail.enumerate_regions(classifier(inputs=3), corner)
    drawn(regions.plot(ax=new_axes()))
    plot_solid_with_sections(regions).canvas.draw()
    partial = vitrail.enumerate_regions(classifier(inputs=3), CUBE, max_regions=5)
    drawn(partial.plot(ax=new_axes()))
    none = dataclasses.replace(
        empty(partial), incidence=partial.incidence[:0], facet_offsets=np.zeros(1, dtype=np.int64)
    )
    ax = none.plot(ax=new_axes())
    assert [text.get_text() for text in ax.texts] == ["no regions"]
    with pytest.raises(InvalidOptionError, match="found 0 of dimension 3"):
        plot_solid_with_sections(none)


def test_what_cannot_be_drawn(plane: vitrail.RegionSet, solid: vitrail.RegionSet) -> None:
    four = vitrail.enumerate_regions(
        vitrail.Network.from_arrays([(np.eye(4), None)]), vitrail.Box([-1.0] * 4, [1.0] * 4)
    )
    with pytest.raises(InvalidOptionError, match="dimension 1, 2 or 3, found 4; draw a section: enumerate a Plane"):
        four.plot(ax=new_axes())
    flat = vitrail.enumerate_regions(classifier(inputs=3), CUBE, cells="halfspaces")
    with pytest.raises(InvalidOptionError, match='no vertices; enumerate a bounded domain with cells="vertices"'):
        flat.plot(ax=new_axes())
    for regions in (plane, four, flat):
        with pytest.raises(InvalidOptionError, match="in three dimensions, found"):
            plot_solid_with_sections(regions)
    with pytest.raises(InvalidOptionError, match="did you mean 'layer'"):
        plot_solid_with_sections(solid, "layers")


# ---- pictures for print --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image_net() -> vitrail.Network:
    return classifier(inputs=6, seed=3)


def test_plane_with_points(image_net: vitrail.Network, rng: np.random.Generator) -> None:
    points = rng.uniform(-1, 1, (3, 2, 3))
    domain = vitrail.Plane.through(*points.reshape(3, 6))
    regions, boundary = vitrail.enumerate_regions(image_net, domain), decision_boundary(image_net, domain)
    figure = plot_plane_with_points(regions, boundary, points, captions=["x", "y", "z"])
    figure.canvas.draw()
    ax, *beside = figure.axes
    assert [image.get_title() for image in beside] == ["a: x", "b: y", "c: z"]
    for image, point in zip(beside, points, strict=True):
        np.testing.assert_array_equal(image.images[0].get_array(), point)
    assert len(panes(ax).get_paths()) == len(boundary.regions)
    marks = ax.lines[0].get_xydata()
    np.testing.assert_allclose(regions.origin + marks @ regions.basis, points.reshape(3, 6), atol=1e-9)
    assert f"{len(regions)} activation regions (certified)" in ax.get_title("left")
    letters = [text.get_text() for text in ax.texts]
    assert letters[:3] == ["a", "b", "c"]
    # a label stands in a region of its class
    for text in ax.texts[3:]:
        point = regions.origin + np.array(text.get_position()) @ regions.basis
        assert int(image_net.forward(point[None]).argmax()) == int(text.get_text())
    without = plot_plane_with_points(regions, boundary, points.reshape(3, 6))
    assert len(without.axes) == 1


def test_one_pattern_has_one_shade_on_both_sides_of_the_decision_boundary(image_net: vitrail.Network) -> None:
    domain = vitrail.Plane(np.zeros(6), np.eye(6)[0], np.eye(6)[1], (-2, -2), (2, 2))
    regions, boundary = vitrail.enumerate_regions(image_net, domain), decision_boundary(image_net, domain)
    ax = plot_plane_with_points(regions, boundary, np.zeros((1, 6)), names=["o"]).axes[0]
    colors = panes(ax).get_facecolor()[:, :3]
    full = class_colors(boundary.region_classes, 3)
    strength = ((1 - colors) / (1 - full)).mean(axis=1)
    split = boundary.regions.words[:, : regions.layout.words]
    _, group = np.unique(split, axis=0, return_inverse=True)
    assert group.max() + 1 == len(regions) < len(split)
    for i in range(len(regions)):
        assert np.ptp(strength[group.ravel() == i]) < 1e-9


def test_line_with_images(image_net: vitrail.Network, rng: np.random.Generator) -> None:
    start, stop = rng.uniform(-2, 2, (2, 6))
    domain = vitrail.Segment(start, stop)
    regions, boundary = vitrail.enumerate_regions(image_net, domain), decision_boundary(image_net, domain)
    figure = plot_line_with_images(regions, boundary, image_shape=(2, 3), number=5)
    figure.canvas.draw()
    scores, strip, *images = figure.axes
    assert len(images) == 5 and len(panes(strip).get_paths()) == len(boundary.regions)
    np.testing.assert_allclose(images[0].images[0].get_array().ravel(), start)
    np.testing.assert_allclose(images[2].images[0].get_array().ravel(), (start + stop) / 2)
    np.testing.assert_allclose(images[4].images[0].get_array().ravel(), stop)
    assert scores.get_xlim() == strip.get_xlim()


def test_pictures_for_print_refuse(image_net: vitrail.Network, plane: vitrail.RegionSet) -> None:
    line = vitrail.Segment(np.zeros(6), np.ones(6))
    on_line, line_boundary = vitrail.enumerate_regions(image_net, line), decision_boundary(image_net, line)
    boundary = decision_boundary(NET, SQUARE)
    points = np.zeros((2, 2))
    with pytest.raises(InvalidOptionError, match="names: expected one for each of the 2 points, found 3"):
        plot_plane_with_points(plane, boundary, points)
    with pytest.raises(InvalidOptionError, match="captions"):
        plot_plane_with_points(plane, boundary, points, names="ab", captions=["x"])
    with pytest.raises(InvalidOptionError, match="images"):
        plot_plane_with_points(plane, boundary, points, names="ab", images=np.zeros((3, 2, 2)))
    with pytest.raises(InvalidOptionError, match="images"):
        plot_plane_with_points(plane, boundary, points, names="ab", images=np.zeros((2, 2)))
    with pytest.raises(InvalidOptionError, match="plane"):
        plot_plane_with_points(on_line, line_boundary, np.zeros((3, 6)))
    with pytest.raises(InvalidOptionError, match="line"):
        plot_line_with_images(plane, boundary, image_shape=(1, 2))
    with pytest.raises(InvalidOptionError, match="6 pixels"):
        plot_line_with_images(on_line, line_boundary, image_shape=(2, 2))
    with pytest.raises(InvalidOptionError, match="two images"):
        plot_line_with_images(on_line, line_boundary, image_shape=(2, 3), number=1)
