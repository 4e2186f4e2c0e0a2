"""Pictures for print: a plane through three inputs, and the line between two of them, with the images themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.plots.envelope import Stretch, stretch_of
from vitrail.plots.lines import OTHER, draw_scores, draw_strip
from vitrail.plots.palette import INK, class_colors, pattern_shades, tint
from vitrail.plots.panes import draw_edges_by_layer, draw_panes, frame_axes, layer_handles
from vitrail.plots.placing import label_place
from vitrail.plots.view import BoundaryView, RegionsView, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot_line_with_images", "plot_plane_with_points"]

_WIDTH, _LINE_HEIGHT = 9.0, 5.6  # inches: at 100 dots per inch the width of a README
_WINDOW_WIDTH, _AROUND_WINDOW = 6.75, 1.05  # inches, of the plane and of title, labels and legend above and below it
_LOWEST, _HIGHEST = 4.6, 9.5
_IMAGE_MAP = "gray_r"
_WEAKEST, _STRONGEST = 0.26, 0.62  # how much of its class's color a pane has
_LABEL_ROOM = 0.035  # of the window's diagonal: a decision region with less room is not labelled
_BOUNDARY_WIDTH = 3.0
_TITLE: dict[str, Any] = {"loc": "left", "fontsize": 11.5, "fontweight": "bold", "color": INK}


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
    """Draw the plane through some inputs: panes in the color of their class, a shade per pattern, and the decision boundary.

    `points` (p, *input shape) are marked with `names`, of a letter or two. `images` (p, height, width) are shown beside the
    plane with `captions`; by default the points, if they have that shape. Returns `figure`, or a new one without pyplot.

    Raises:
        InvalidOptionError: regions of a line, no regions, or names, captions or images that do not match the points.
    """
    from matplotlib.figure import Figure as NewFigure
    from matplotlib.lines import Line2D

    flat, pictures = _points_and_images(points, images)
    _check_plane(regions, len(flat), names, captions, pictures)
    figure = figure or NewFigure(figsize=(_WIDTH, _plane_height(regions)), layout="constrained")
    grid = figure.add_gridspec(len(flat), 2 if pictures is not None else 1, width_ratios=(4.6, 1) if pictures is not None else None)
    ax = figure.add_subplot(grid[:, 0])
    cut, layers = boundary.regions, len(regions.layout.units)
    draw_panes(ax, cut, _class_shades(cut, boundary.region_classes, regions), lead=False)
    draw_edges_by_layer(ax, cut, layers)
    _draw_boundary(ax, boundary.ends)
    frame_axes(ax, regions)
    inverse = np.linalg.lstsq(regions.basis.T, (flat - regions.origin).T, rcond=None)[0].T
    _mark_points(ax, inverse, names)
    _name_decision_regions(ax, boundary, inverse, class_name)
    ax.set_title(f"{headline(regions)} on the plane through {_listed(names)}", **_TITLE)
    if pictures is not None:
        for i, picture in enumerate(pictures):
            _show_image(figure.add_subplot(grid[i, 1]), picture, f"{names[i]}: {captions[i]}" if captions else names[i])
    handles = [Line2D([], [], color=INK, linewidth=_BOUNDARY_WIDTH, label="decision boundary")]
    _legend(ax, [*handles, *layer_handles(regions, layers)], -0.115)
    return figure


def plot_line_with_images(
    regions: RegionsView,
    boundary: BoundaryView,
    *,
    image_shape: tuple[int, int],
    number: int = 7,
    names: Sequence[str] = ("a", "b"),
    class_name: Callable[[int], str] = str,
    figure: Figure | None = None,
) -> Figure:
    """Draw the outputs along a line with `number` inputs on it as images, the panes and the breakpoints of each layer.

    `names` are those of the two ends. The panes have the colors of `plot_plane_with_points`. Returns `figure`, or a new one
    without pyplot.

    Raises:
        InvalidOptionError: regions of a plane, no regions, an `image_shape` that does not fit the inputs, or fewer than two images.
    """
    from matplotlib.figure import Figure as NewFigure
    from matplotlib.lines import Line2D

    if regions.dimension != 1 or not len(regions):
        raise InvalidOptionError(f"regions: expected at least one region of a line, found {len(regions)} of dimension {regions.dimension}")
    if image_shape[0] * image_shape[1] != regions.origin.size or number < 2 or len(names) != 2:
        raise InvalidOptionError(
            f"image_shape {image_shape}, number {number}, names {list(names)!r}: expected {regions.origin.size} pixels, "
            "at least two images and two names"
        )
    figure = figure or NewFigure(figsize=(_WIDTH, _LINE_HEIGHT), layout="constrained")
    layers = len(regions.layout.units)
    scores, strip = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 0.5 + 0.22 * layers))
    stretch = stretch_of(regions)
    low, high = draw_scores(scores, regions, stretch, class_name)
    span = high - low if high > low else 1.0
    scores.set_ylim(low - 0.06 * span, high + 0.16 * span)
    cut = boundary.regions
    draw_strip(strip, cut, stretch_of(cut), _class_shades(cut, boundary.region_classes, regions), layers)
    scores.set_xlim(stretch.limits[0] * stretch.scale, stretch.limits[1] * stretch.scale)
    strip.set_xlabel("position along the line (input units)")
    _show_images(scores, regions, stretch, image_shape, number, names)
    wins = Line2D([], [], color=INK, linewidth=3.2, label="largest output")
    handles = [wins, Line2D([], [], color=INK, linewidth=1.3, label="the same output elsewhere")]
    _legend(strip, [*handles, Line2D([], [], color=OTHER, linewidth=1.0, label="outputs that are nowhere the largest")], -0.74)
    scores.set_title(f"{headline(regions)} on the line between {_listed(names)}", y=1.51, pad=0, **_TITLE)
    return figure


def _show_images(
    ax: Axes, regions: RegionsView, stretch: Stretch, shape: tuple[int, int], number: int, names: Sequence[str]
) -> None:
    """Inputs on the line as images above the Axes, each with a mark at its position."""
    width = min(0.118, 0.82 / number)
    for i, share in enumerate(np.linspace(0.0, 1.0, number)):
        t = (1 - share) * stretch.limits[0] + share * stretch.limits[1]
        caption = names[0] if i == 0 else names[1] if i == number - 1 else ""
        inset = ax.inset_axes((share - width / 2, 1.05, width, 0.35))
        _show_image(inset, (regions.origin + t * regions.basis[0]).reshape(shape), caption, anchor="S")
        ax.plot([share, share], [1.0, 1.05], transform=ax.transAxes, color=INK, linewidth=0.8, clip_on=False, zorder=6)


def _plane_height(regions: RegionsView) -> float:
    """Height of the figure, in inches, that fits the shape of the window."""
    extent = (regions.vertices.max(axis=0) - regions.vertices.min(axis=0)) * np.linalg.norm(regions.basis, axis=1)
    return float(np.clip(_WINDOW_WIDTH * extent[1] / extent[0] + _AROUND_WINDOW, _LOWEST, _HIGHEST))


def _check_plane(
    regions: RegionsView, count: int, names: Sequence[str], captions: Sequence[str] | None, images: np.ndarray | None
) -> None:
    if regions.dimension != 2 or not len(regions):
        raise InvalidOptionError(f"regions: expected at least one region of a plane, found {len(regions)} of dimension {regions.dimension}")
    found = {"names": len(names), "captions": len(captions or names), "images": count if images is None else len(images)}
    for option, number in found.items():
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


def _class_shades(cut: RegionsView, classes: np.ndarray, regions: RegionsView) -> np.ndarray:
    """The color of each class, mixed with white by a share that belongs to the pattern before the decision."""
    outputs = max(2, regions.affine_maps.shape[2])
    colors = class_colors(classes, outputs)
    if cut.words is None:
        return tint(colors, np.full(len(classes), 0.5 * (_WEAKEST + _STRONGEST)))
    shades = pattern_shades(cut.words[:, : regions.layout.words])
    return tint(colors, _WEAKEST + (_STRONGEST - _WEAKEST) * shades)


def _draw_boundary(ax: Axes, ends: np.ndarray) -> None:
    """The decision boundary, bold, with a white rim that lifts it off the lead."""
    from matplotlib.collections import LineCollection

    for color, width, zorder in (("white", _BOUNDARY_WIDTH + 2.4, 4), (INK, _BOUNDARY_WIDTH, 5)):
        ax.add_collection(LineCollection(ends, colors=[color], linewidths=width, capstyle="round", zorder=zorder))


def _mark_points(ax: Axes, places: np.ndarray, names: Sequence[str]) -> None:
    ax.plot(*places.T, "o", markersize=17, color="white", markeredgecolor=INK, markeredgewidth=1.6, zorder=8)
    for place, name in zip(places, names, strict=True):
        ax.text(*place, name, ha="center", va="center_baseline", fontsize=10.5, fontweight="bold", color=INK, zorder=9)


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
        place, room = label_place(regions, members, walls, points)
        if room > _LABEL_ROOM * float(np.linalg.norm(high - low)):
            ax.text(
                *place, class_name(int(boundary.region_classes[members[0]])), ha="center", va="center", fontsize=21,
                fontweight="bold", color=INK, zorder=7, path_effects=[withStroke(linewidth=4, foreground="white")],
            )  # fmt: skip


def _show_image(ax: Axes, image: np.ndarray, caption: str, anchor: str = "C") -> None:
    ax.imshow(image, cmap=_IMAGE_MAP, interpolation="nearest")
    ax.set_anchor(anchor)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(color=INK, linewidth=0.8)
    ax.set_title(caption, fontsize=10.5, color=INK)


def _legend(ax: Axes, handles: list[Line2D], below: float) -> None:
    """A legend in rows below the Axes."""
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(-0.012, below), ncols=4, frameon=False, fontsize=9.5,
        handlelength=1.8, columnspacing=1.6, borderaxespad=0.0, borderpad=0.2,
    )  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
