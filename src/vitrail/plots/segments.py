"""A picture for print: the outputs along a line of inputs, with some of the inputs as images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.plots.envelope import Stretch, stretch_of
from vitrail.plots.lines import NAMED_ROWS, OTHER, draw_scores, draw_strip
from vitrail.plots.palette import INK
from vitrail.plots.sheet import TITLE, WIDTH, class_shades, legend_below, listed, place, show_image
from vitrail.plots.view import BoundaryView, RegionsView, headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_line_with_images"]

# inches: margins, an image, the title and the letters above it, the strip of panes and a row of breakpoints
_LEFT, _RIGHT, _BOTTOM, _HEIGHT = 0.95, 0.58, 0.92, 5.66
_IMAGE, _ABOVE, _BETWEEN, _MARK = 0.98, 0.62, 0.12, 0.12
_PANES, _ROW = 0.36, 0.21


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

    `names` are those of the two ends. The panes have the colors of `plot_plane_with_points`. Returns `figure`, or a new
    one that pyplot does not know.

    Raises:
        InvalidOptionError: regions of a plane, no regions, an `image_shape` that does not fit the inputs, or fewer than
            two images.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, -1.0], [0.0, 1.0]], None)])
        >>> line = vitrail.Segment([-1.0, 0.5], [1.0, -0.5])
        >>> regions, boundary = vitrail.enumerate_regions(net, line), vitrail.boundaries.decision_boundary(net, line)
        >>> len(plot_line_with_images(regions, boundary, image_shape=(1, 2), number=5).axes)  # outputs, strip, images
        7
    """
    from matplotlib.figure import Figure as NewFigure
    from matplotlib.lines import Line2D

    _check(regions, image_shape, number, names)
    figure = figure or NewFigure(figsize=(WIDTH, _HEIGHT))
    across, up = figure.get_size_inches()
    layers, stretch, cut = len(regions.layout.units), stretch_of(regions), boundary.regions
    low_part = _PANES + _ROW * min(layers, NAMED_ROWS)
    width, height = across - _LEFT - _RIGHT, up - _BOTTOM - low_part - _BETWEEN - _MARK - _IMAGE - _ABOVE
    scores = place(figure, _LEFT, _BOTTOM + low_part + _BETWEEN, width, height)
    strip = place(figure, _LEFT, _BOTTOM, width, low_part)
    low, high = draw_scores(scores, regions, stretch, class_name)
    span = high - low if high > low else 1.0
    scores.set_ylim(low - 0.06 * span, high + 0.16 * span)
    scores.tick_params(axis="x", bottom=False, labelbottom=False)
    draw_strip(strip, cut, stretch_of(cut), class_shades(cut, boundary.region_classes, regions), layers)
    for ax in (scores, strip):
        ax.set_xlim(stretch.limits[0] * stretch.scale, stretch.limits[1] * stretch.scale)
    strip.set_xlabel("position along the line (input units)")
    bottom = _BOTTOM + low_part + _BETWEEN + height
    _show_inputs(figure, regions, stretch, image_shape, (number, bottom, width), names)
    title = f"{headline(regions)} on the line between {listed(names)}"
    figure.text(_LEFT / across, 1 - 0.08 / up, title, va="top", **TITLE)
    handles = [
        Line2D([], [], color=INK, linewidth=3.2, label="largest output"),
        Line2D([], [], color=INK, linewidth=1.3, label="the same output elsewhere"),
        Line2D([], [], color=OTHER, linewidth=1.0, label="outputs that are nowhere the largest"),
    ]
    legend_below(figure, _LEFT, 0.12, handles)
    return figure


def _show_inputs(
    figure: Figure,
    regions: RegionsView,
    stretch: Stretch,
    shape: tuple[int, int],
    room: tuple[int, float, float],
    names: Sequence[str],
) -> None:
    """Inputs at equal distances as images above the outputs, each with a mark at its position."""
    from matplotlib.lines import Line2D

    number, bottom, width = room
    shares = np.linspace(0.0, 1.0, number)
    places = (1 - shares) * stretch.limits[0] + shares * stretch.limits[1]
    inputs = (regions.origin + places[:, None] * regions.basis[0]).reshape(number, *shape)
    side = min(_IMAGE, 0.9 * width / (number - 1))
    across, up = figure.get_size_inches()
    captions = [names[0], *[""] * (number - 2), names[1]]
    for share, image, caption in zip(shares, inputs, captions, strict=True):
        middle = _LEFT + share * width
        ax = place(figure, middle - side / 2, bottom + _MARK, side, side)
        show_image(ax, image, caption, (float(inputs.min()), float(inputs.max())), anchor="S")
        ends = [bottom / up, (bottom + _MARK) / up]
        figure.add_artist(Line2D([middle / across] * 2, ends, color=INK, linewidth=0.8, transform=figure.transFigure))


def _check(regions: RegionsView, image_shape: tuple[int, int], number: int, names: Sequence[str]) -> None:
    if regions.dimension != 1 or not len(regions):
        raise InvalidOptionError(
            f"regions: expected at least one region of a line, found {len(regions)} of dimension {regions.dimension}"
        )
    if image_shape[0] * image_shape[1] != regions.origin.size:
        raise InvalidOptionError(f"image_shape: expected {regions.origin.size} pixels in all, found {image_shape}")
    if number < 2 or len(names) != 2:
        raise InvalidOptionError(f"expected at least two images and two names, found {number} and {len(names)}")
