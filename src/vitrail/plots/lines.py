"""Regions of a line: the outputs as functions of the position, the panes as a strip, the breakpoints by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vitrail.plots.envelope import Bands, Stretch, bands_of, stretch_of
from vitrail.plots.palette import INK, LEAD, class_colors, layer_colors, tint
from vitrail.plots.panes import short_name
from vitrail.plots.strokes import draw_polygons, draw_strokes
from vitrail.plots.view import RegionsView, edge_layers, scores_known

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NAMED_ROWS", "OTHER", "draw_line", "draw_scores", "draw_strip"]

NAMED_ROWS = 8
OTHER = "#c3c6cd"
_BAND_STRENGTH = 0.13
_LABEL_SHARE, _WORD_SHARE = 0.035, 0.12  # of the width: shorter stretches get no label, or only the class's name
_PANE_ROWS = 1.6  # height of the strip of panes, in rows of breakpoints


def draw_line(ax: Axes, regions: RegionsView, colors: np.ndarray, boundaries: bool) -> None:
    """Draw the outputs above and the strip of regions below, in one Axes with one horizontal axis in input units."""
    stretch = stretch_of(regions)
    layers = len(regions.layout.units) if boundaries else 0
    share = min(0.12 + 0.06 * layers, 0.5)
    if scores_known(regions):
        low, high = draw_scores(ax, regions, stretch)
        _reserve(ax, low, high, share)
    else:
        share = 1.0
        ax.set_yticks([])
    strip = ax.inset_axes((0.0, 0.0, 1.0, share))
    draw_strip(strip, regions, stretch, colors, layers)
    strip.tick_params(axis="x", bottom=False, labelbottom=False)
    ax.set_xlim(stretch.limits[0] * stretch.scale, stretch.limits[1] * stretch.scale)
    strip.set_xlim(ax.get_xlim())
    ax.set_xlabel("position along the line (input units)")


def draw_scores(
    ax: Axes, regions: RegionsView, stretch: Stretch, name_of: Callable[[int], str] = str
) -> tuple[float, float]:
    """Draw every output, exact at every breakpoint, and return their range; the largest one is bold and named.

    Outputs that are nowhere the largest are grey. A single output is drawn with its zero, where the class changes.
    """
    maps = regions.affine_maps
    ends = np.stack([stretch.low, stretch.high], axis=1)
    values = maps[:, :1] + ends[:, :, None] * maps[:, 1:]
    outputs = maps.shape[2]
    winners: set[int] = {0}
    if outputs == 1:
        ax.axhline(0.0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    else:
        bands = bands_of(maps, stretch.low, stretch.high)
        winners = set(bands.winner.tolist())
        _draw_bands(ax, bands, stretch.scale, outputs, name_of)
    for output in range(outputs):
        wins = output in winners
        color = tuple(class_colors(np.array([output]), max(outputs, 2))[0]) if wins else OTHER
        segments = np.stack([ends * stretch.scale, values[:, :, output]], axis=2)
        width = 2.4 if outputs == 1 else 1.3 if wins else 0.8
        draw_strokes(ax, segments, [color], width, zorder=3 if wins else 2)
    ax.set_ylabel("output" if outputs == 1 else "outputs")
    low, high = float(values.min()), float(values.max())
    return (min(low, 0.0), max(high, 0.0)) if outputs == 1 else (low, high)


def draw_strip(ax: Axes, regions: RegionsView, stretch: Stretch, colors: np.ndarray, layers: int) -> None:
    """Draw the regions as panes of a strip and below it the breakpoints of the first `layers` ops, a row for each.

    An arrow at an end says that the line goes on.
    """
    low, high = stretch.low * stretch.scale, stretch.high * stretch.scale
    bottom = np.zeros(low.size)
    corners = np.stack([low, bottom, high, bottom, high, bottom + 1, low, bottom + 1], axis=1).reshape(-1, 4, 2)
    draw_polygons(ax, corners, colors, "face", 0.2)
    layer = edge_layers(regions)
    position = regions.vertices[:, 0] * stretch.scale
    height = 1.0 / _PANE_ROWS
    for number, color in enumerate(layer_colors(layers)):
        x = np.unique(position[layer == number])
        draw_strokes(ax, _ticks(x, 0.0, 1.0), LEAD, 0.6, zorder=2)
        draw_strokes(ax, _ticks(x, -(number + 0.78) * height, -number * height), [tuple(color)], 1.2, zorder=2)
    named = range(layers) if layers <= NAMED_ROWS else (0, layers - 1)
    texts = ["regions", *(short_name(regions.account.layers[i]) for i in named)]
    ax.set_yticks([0.5, *((-0.39 - i) * height for i in named)], texts)
    for text, i in zip(ax.get_yticklabels()[1:], named, strict=True):
        text.set_color(tuple(layer_colors(layers)[i]))
    ax.set_ylim(-layers * height - 0.06, 1.0)
    ax.tick_params(axis="y", length=0, labelsize="small")
    _arrows(ax, stretch)


def _ticks(x: np.ndarray, bottom: float, top: float) -> np.ndarray:
    return np.stack([x, np.full(x.size, bottom), x, np.full(x.size, top)], axis=1).reshape(-1, 2, 2)


def _draw_bands(ax: Axes, bands: Bands, scale: float, outputs: int, name_of: Callable[[int], str]) -> None:
    """Shade and name where each output is the largest, and draw it bold there."""
    colors = class_colors(bands.winner, outputs)
    segments = np.stack([bands.ends * scale, bands.values], axis=2)
    draw_strokes(ax, segments, colors, 3.2, zorder=4)
    whole = bands.merged()
    width = (whole[-1][1] - whole[0][0]) if whole else 0.0
    for start, stop, output in whole:
        color = class_colors(np.array([output]), outputs)
        shade = tuple(tint(color, np.array([_BAND_STRENGTH]))[0])
        ax.axvspan(start * scale, stop * scale, facecolor=shade, edgecolor="none", zorder=0)
        if stop - start > _LABEL_SHARE * width:
            word = "class " if stop - start > _WORD_SHARE * width else ""
            ax.text(
                0.5 * (start + stop) * scale, 0.98, word + name_of(output), transform=ax.get_xaxis_transform(),
                ha="center", va="top", color=INK, fontweight="bold", zorder=6, clip_on=True,
            )  # fmt: skip


def _reserve(ax: Axes, low: float, high: float, share: float) -> None:
    """Leave the lowest share of the Axes to the strip; ticks and label belong to the part above it."""
    from matplotlib.ticker import MaxNLocator

    span = high - low if high > low else 1.0
    bottom, top = low - 0.05 * span, high + 0.14 * span
    ax.set_ylim(bottom - (top - bottom) * share / (1 - share), top)
    ticks = MaxNLocator(6).tick_values(bottom, top)
    ax.set_yticks([tick for tick in ticks if bottom <= tick <= top])
    ax.yaxis.label.set(y=0.5 * (1 + share), horizontalalignment="center")


def _arrows(ax: Axes, stretch: Stretch) -> None:
    span = stretch.limits[1] - stretch.limits[0]
    style = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    for is_open, end, inward in ((stretch.open_low, stretch.limits[0], 1), (stretch.open_high, stretch.limits[1], -1)):
        if is_open:
            tip, tail = (end + inward * share * span for share in (0.004, 0.06))
            ends = ((tip * stretch.scale, 0.5), (tail * stretch.scale, 0.5))
            ax.annotate("", xy=ends[0], xytext=ends[1], arrowprops=style, annotation_clip=False, zorder=5)
