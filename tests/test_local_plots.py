"""Pictures of points' surroundings: what is drawn, what the legends say, and that nothing is left out in silence."""

from __future__ import annotations

import dataclasses
import math

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from scipy.integrate import trapezoid

import vitrail
from helpers import he
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.local.directions import directions, isotropic_cosine
from vitrail.local.relevance import relevance
from vitrail.plots.histograms import plot_angles, plot_histogram
from vitrail.plots.relevance import plot_relevance

matplotlib.use("agg")


pytestmark = pytest.mark.usefixtures("no_figures_left")


def new_axes():
    return Figure(layout="constrained").add_subplot()


def outlines(ax) -> list[StepPatch]:
    """The outline of each histogram, and that the fill below it has its heights."""
    ax.figure.canvas.draw()
    steps = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    fills, lines = steps[::2], steps[1::2]
    for fill, line in zip(fills, lines, strict=True):
        np.testing.assert_array_equal(fill.get_data().values, line.get_data().values)
    return lines


def legend(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


# ---- distances and radii -------------------------------------------------------------------------------------------


def test_every_number_is_drawn_or_counted() -> None:
    values = {"data": [0.0, 0.5, 1.0, 201.0, np.inf, np.inf, np.nan], "random": [0.01, 0.02], "none": []}
    ax = plot_histogram(values, new_axes(), xlabel="distance")
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "distance"
    drawn = [line.get_data().values.sum() for line in outlines(ax)]
    assert drawn == pytest.approx([3 / 7, 1.0, 0.0])
    assert legend(ax) == [
        "data: 7, median 101 (1 at 0, 2 infinite, 1 unknown)",
        "random: 2, median 0.015",
        "none: 0",
    ]
    edges = [line.get_data().edges for line in outlines(ax)]
    assert all((edge == edges[0]).all() for edge in edges) and (edges[0][0], edges[0][-1]) == (0.01, 201.0)
    assert ax.get_xlim() == (0.01, 201.0)


def test_scale_follows_the_numbers_or_the_caller() -> None:
    decades, narrow, signed = [0.01, 2.0], [0.1, 2.0], [-1.0, 0.001, 2.0]
    scales = [plot_histogram({"a": v}, new_axes(), xlabel="x").get_xscale() for v in (decades, narrow, signed)]
    assert scales == ["log", "linear", "linear"]
    forced = plot_histogram({"a": signed}, new_axes(), xlabel="x", log=True)
    assert forced.get_xscale() == "log" and legend(forced) == ["a: 3, median 0.001 (1 below 0)"]
    assert plot_histogram({"a": decades}, new_axes(), xlabel="x", log=False).get_xscale() == "linear"


def test_heights_are_those_of_a_histogram() -> None:
    values = np.random.default_rng(0).exponential(size=300)
    ax = plot_histogram({"a": values}, new_axes(), xlabel="x", bins=12, log=False)
    (line,) = outlines(ax)
    counts, edges = np.histogram(values, 12)
    np.testing.assert_allclose(line.get_data().edges, edges)
    np.testing.assert_allclose(line.get_data().values, counts / 300)
    assert ax.get_ylim()[1] > counts.max() / 300


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("values", [[0.3, 0.3], [], [np.inf], [np.nan]])
def test_one_value_or_none(values: list[float], log: bool) -> None:
    ax = plot_histogram({"a": values}, new_axes(), xlabel="x", log=log)
    (line,) = outlines(ax)
    empty = values != [0.3, 0.3]
    assert line.get_data().values.sum() == (0.0 if empty else 1.0)
    assert [text.get_text() for text in ax.texts] == ["nothing to draw"] * empty


def test_the_legend_covers_no_histogram() -> None:
    values = {f"group {i}": np.random.default_rng(i).normal(size=200) for i in range(6)}
    ax = plot_histogram(values, new_axes(), xlabel="x", log=False)
    top = max(line.get_data().values.max() for line in outlines(ax))
    box = ax.get_legend().get_window_extent()
    assert ax.transData.transform((0.0, top))[1] <= box.y0 + 1  # within a pixel
    colors = {line.get_edgecolor() for line in outlines(ax)}
    assert len(colors) == 6


def test_many_groups_have_many_colors() -> None:
    ax = plot_histogram({str(i): [i, i + 1.0] for i in range(12)}, new_axes(), xlabel="x")
    assert len({line.get_edgecolor() for line in outlines(ax)}) == 12


def test_wrong_histograms() -> None:
    with pytest.raises(InvalidOptionError, match="at least one group"):
        plot_histogram({}, new_axes(), xlabel="x")
    with pytest.raises(InvalidOptionError, match="bins"):
        plot_histogram({"a": [1.0]}, new_axes(), xlabel="x", bins=0)


# ---- angles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 784])
def test_angles_are_densities_beside_the_isotropic_one(n: int) -> None:
    rows = np.random.default_rng(2).normal(size=(40, n))
    ax = plot_angles({"rows": directions(rows)}, new_axes())
    (line,) = outlines(ax)
    assert (line.get_data().values * np.diff(line.get_data().edges)).sum() == pytest.approx(1.0)
    angles, density = ax.lines[0].get_data()
    assert trapezoid(density, angles) == pytest.approx(1.0, abs=1e-4)
    mean = trapezoid(density * np.cos(np.radians(angles)), angles)
    assert mean == pytest.approx(isotropic_cosine(n), abs=1e-4)
    assert legend(ax)[0].startswith("rows: 780 pairs, mean |cos| ")
    assert legend(ax)[1] == f"isotropic, n = {n}: mean |cos| {isotropic_cosine(n):.3g}"
    assert ax.get_xlim() == (0.0, 90.0) and ax.get_ylim()[1] > max(density.max(), line.get_data().values.max())


def test_each_dimension_has_its_line() -> None:
    found = {str(n): directions(np.random.default_rng(n).normal(size=(9, n))) for n in (1, 2, 5)}
    ax = plot_angles(found | {"few": directions(np.eye(5), rows=[0])}, new_axes())
    outlines(ax)
    assert len(ax.lines) == 2  # none in one dimension
    assert legend(ax)[:4] == ["1: 36 pairs, mean |cos| 1", legend(ax)[1], legend(ax)[2], "few: 0 pairs"]
    with pytest.raises(InvalidOptionError, match="at least one group"):
        plot_angles({}, new_axes())


# ---- relevance -----------------------------------------------------------------------------------------------------


def test_curves_are_the_means_and_bands_their_errors() -> None:
    net = he(3, 9, 9, 3, seed=2)
    found = relevance(net, [0.2, 0.1, 0.0], 30, radii=[3.0, 0.1, 1.0], domain=vitrail.Box([-1.5] * 3, [1.5] * 3))
    ax = plot_relevance(found, new_axes())
    ax.figure.canvas.draw()
    order = [1, 2, 0]
    for line, mean in zip(ax.lines, (found.mean_cosine, found.same_share, found.mean_switched), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), found.radii[order])
        np.testing.assert_array_equal(line.get_ydata(), mean[order])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    top = np.minimum(found.mean_cosine + 2 * found.cosine_error, 1.0)[order]
    assert found.cosine_error[2] > 0 and np.isclose(heights, top[1]).any()
    assert legend(ax) == ["cosine of the gradients", "same predicted class", "units that switched"]
    title = ax.get_legend().get_title().get_text()
    assert title.startswith(f"30 directions\n(at most {found.outside.max()} outside the domain")
    assert ax.get_ylim()[0] < np.nanmin(found.mean_switched) and ax.get_ylim()[1] > 1.0


def test_negative_cosines_are_in_the_picture() -> None:
    net = vitrail.Network.from_arrays([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
    ax = plot_relevance(relevance(net, [1.0], [[-1.0]], [0.5, 3.0]), new_axes())
    ax.figure.canvas.draw()
    assert ax.get_ylim()[0] < -1.0 == min(ax.lines[0].get_ydata())


def test_one_radius_and_nothing_inside() -> None:
    net, box = he(2, 4, 2), vitrail.Box([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(InvalidDomainError, match="point inwards"):
        relevance(net, [0.5, 0.5], 3, [9.0], domain=box)
    near = relevance(net, [0.5, 0.5], 3, [0.25], domain=box)
    nothing = np.full((3, 1), np.nan)
    away = {"inside": np.zeros((3, 1), dtype=bool), "cosines": nothing, "switched": nothing, "same": nothing}
    ax = plot_relevance(dataclasses.replace(near, **away), new_axes())
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.texts] == ["no points inside the domain"]
    assert ax.get_legend().get_title().get_text() == "3 directions\n(at most 3 outside the domain)"
    assert all(math.isfinite(limit) for limit in (*ax.get_xlim(), *ax.get_ylim()))


# ---- new figures ---------------------------------------------------------------------------------------------------


def test_new_axes_come_from_pyplot() -> None:
    import matplotlib.pyplot as plt

    found = relevance(he(2, 4, 2), [0.5, 0.5], 3)
    made = [
        plot_histogram({"a": [1.0, 2.0]}, xlabel="x"),
        plot_angles({"a": directions(np.eye(3))}),
        plot_relevance(found),
    ]
    assert [ax.figure.number for ax in made] == plt.get_fignums()
    plt.close("all")
