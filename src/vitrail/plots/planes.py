"""A picture for print: the plane through some inputs, with the inputs themselves as images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.plots.palette import INK
from vitrail.plots.panes import draw_edges_by_layer, draw_panes, frame_axes, layer_handles
from vitrail.plots.placing import label_place
from vitrail.plots.sheet import TITLE, WIDTH, class_shades, legend_below, listed, place, show_image
from vitrail.plots.strokes import draw_strokes
from vitrail.plots.view import BoundaryView, RegionsView, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_plane_with_points"]

# inches: around the window, the column of images, the line of a caption; least and greatest height of the window
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.75, 0.12, 0.36, 0.92
_GAP, _IMAGE, _CAPTION = 0.22, 1.45, 0.26
_LOWEST, _HIGHEST = 3.5, 8.0
_LABEL_ROOM = 0.035  # of the window's diagonal: a decision region with less room is not labelled
_BOUNDARY_WIDTH = 3.0


def plot_plane_with_points(
    regions: RegionsView,
    boundary: BoundaryView,
    points: ArrayLike,
    *,
    images: ArrayLike | None = None,
    names: Sequence[str] = ("a", "b", "c"),
    captions: Sequence[str] | None = None,
    class_name: Callable[[int], str] = str,
    figure: Figure | None = None,
) -> Figure:
    """Draw the plane through some inputs: panes colored by class, shaded by pattern, and the decision boundary.

    `points` (p, *input shape) are marked with `names`, of a letter or two. `images` (p, height, width) are shown beside
    the plane with `captions`; by default the points, if they have that shape. Decision regions with room are labelled
    with `class_name`. Returns `figure`, or a new one that pyplot does not know.

    Raises:
        InvalidOptionError: regions of a line, no regions, or names, captions or images that do not match the points.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, -1.0], [0.0, 1.0]], None)])
        >>> box = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
        >>> regions, boundary = vitrail.enumerate_regions(net, box), vitrail.boundaries.decision_boundary(net, box)
        >>> figure = plot_plane_with_points(regions, boundary, [[0.5, 0.5]], names=["a"])
        >>> figure.axes[0].get_title("left")
        '4 activation regions (certified) on the plane through a'
    """
    from matplotlib.figure import Figure as NewFigure
    from matplotlib.lines import Line2D

    flat, pictures = _points_and_images(points, images)
    _check(regions, len(flat), names, captions, pictures)
    column = _GAP + _IMAGE if pictures is not None else 0.0
    if figure is None:
        figure = NewFigure(figsize=(WIDTH, _height(regions, WIDTH - _LEFT - _RIGHT - column)))
    across, up = figure.get_size_inches()
    width, height = across - _LEFT - _RIGHT - column, up - _TOP - _BOTTOM
    ax = place(figure, _LEFT, _BOTTOM, width, height)
    cut, layers = boundary.regions, len(regions.layout.units)
    draw_panes(ax, cut, class_shades(cut, boundary.region_classes, regions), lead=False)
    draw_edges_by_layer(ax, cut, layers)
    _draw_boundary(ax, boundary.ends)
    frame_axes(ax, regions)
    ax.set_anchor("W")
    marks = np.linalg.lstsq(regions.basis.T, (flat - regions.origin).T, rcond=None)[0].T
    _mark_points(ax, marks, names)
    _name_decision_regions(ax, boundary, marks, class_name)
    ax.set_title(f"{headline(regions)} on the plane through {listed(names)}", loc="left", **TITLE)
    handles = [Line2D([], [], color=INK, linewidth=_BOUNDARY_WIDTH, label="decision boundary")]
    legend_below(figure, _LEFT, 0.12, [*handles, *layer_handles(regions, layers)])
    if pictures is not None:
        limits = float(pictures.min()), float(pictures.max())
        each = (height + _CAPTION) / len(pictures)
        for i, picture in enumerate(pictures):
            bottom = _BOTTOM + height + _CAPTION - (i + 1) * each
            beside = place(figure, across - _RIGHT - _IMAGE, bottom, _IMAGE, each - _CAPTION)
            show_image(beside, picture, f"{names[i]}: {captions[i]}" if captions else names[i], limits)
    return figure


def _height(regions: RegionsView, width: float) -> float:
    """Height of the figure, in inches, that fits the shape of the window."""
    extent = (regions.vertices.max(axis=0) - regions.vertices.min(axis=0)) * np.linalg.norm(regions.basis, axis=1)
    return float(np.clip(width * extent[1] / extent[0], _LOWEST, _HIGHEST)) + _TOP + _BOTTOM


def _check(
    regions: RegionsView, count: int, names: Sequence[str], captions: Sequence[str] | None, images: np.ndarray | None
) -> None:
    if regions.dimension != 2 or not len(regions):
        raise InvalidOptionError(
            f"regions: expected at least one region of a plane, found {len(regions)} of dimension {regions.dimension}"
        )
    found = [("names", len(names)), ("captions", len(captions or names))]
    found.append(("images", count if images is None else len(images)))
    for option, number in found:
        if number != count:
            raise InvalidOptionError(f"{option}: expected one for each of the {count} points, found {number}")


def _points_and_images(points: ArrayLike, images: ArrayLike | None) -> tuple[np.ndarray, np.ndarray | None]:
    array = np.asarray(points, dtype=np.float64)
    pictures = None if images is None else np.asarray(images, dtype=np.float64)
    if pictures is None and array.ndim == 3:
        pictures = array
    if pictures is not None and pictures.ndim != 3:
        raise InvalidOptionError(f"images: expected shape (points, height, width), found {pictures.shape}")
    return array.reshape(len(array), -1), pictures


def _draw_boundary(ax: Axes, ends: np.ndarray) -> None:
    """The decision boundary, bold, with a white rim that lifts it off the lead."""
    draw_strokes(ax, ends, "white", _BOUNDARY_WIDTH + 2.4, zorder=4)
    draw_strokes(ax, ends, INK, _BOUNDARY_WIDTH, zorder=5)


def _mark_points(ax: Axes, places: np.ndarray, names: Sequence[str]) -> None:
    ax.plot(*places.T, "o", markersize=17, color="white", markeredgecolor=INK, markeredgewidth=1.6, zorder=8)
    for (x, y), name in zip(places.tolist(), names, strict=True):
        ax.text(x, y, name, ha="center", va="center_baseline", fontsize=10.5, fontweight="bold", color=INK, zorder=9)


def _name_decision_regions(
    ax: Axes, boundary: BoundaryView, points: np.ndarray, class_name: Callable[[int], str]
) -> None:
    """Write the class into every decision region that has room for it."""
    from matplotlib.patheffects import withStroke

    regions, labels = boundary.regions, boundary.decision_regions
    low, high = regions.vertices.min(axis=0), regions.vertices.max(axis=0)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    walls = np.concatenate([boundary.ends, np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)])
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        at, room = label_place(regions, members, walls, points)
        if room > _LABEL_ROOM * float(np.linalg.norm(high - low)):
            name = class_name(int(boundary.region_classes[members[0]]))
            text = ax.text(
                at[0], at[1], name, ha="center", va="center", fontsize=21, fontweight="bold", color=INK, zorder=7
            )
            text.set_path_effects([withStroke(linewidth=4, foreground="white")])
