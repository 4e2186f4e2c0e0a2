"""Regions of a plane as panes of glass, and the lead between them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from vitrail.plots.coloring import add_legend
from vitrail.plots.palette import LEAD, layer_colors
from vitrail.plots.strokes import draw_polygons, draw_strokes
from vitrail.plots.view import RegionsView, edge_layers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = [
    "add_layer_legend",
    "axis_names",
    "draw_edges_by_layer",
    "draw_panes",
    "frame_axes",
    "layer_handles",
    "layer_widths",
    "lead_width",
    "short_name",
]

_LISTED_LAYERS = 8
_THINNING = 0.82  # each layer's lines are a little thinner than those of the layer before
_THINNEST_SHARE = 0.4


def lead_width(count: int) -> float:
    """Line width in points between `count` regions: 1.1 for a few, thinner for many.

    Example:
        >>> lead_width(10), round(lead_width(100_000), 2)
        (1.1, 0.14)
    """
    return float(np.clip(1.1 * (200 / max(count, 1)) ** 0.33, 0.1, 1.1))


def draw_panes(ax: Axes, regions: RegionsView, colors: np.ndarray, lead: bool) -> None:
    """Fill every region with its color in one collection; `lead` draws thin dark edges."""
    polygons = [regions.vertices[start:stop] for start, stop in itertools.pairwise(regions.offsets)]
    # without lead every pane gets an edge of its own color: else the background shines through the seams
    width = lead_width(len(regions)) if lead else min(0.3, lead_width(len(regions)))
    draw_polygons(ax, polygons, colors, LEAD if lead else "face", width)


def draw_edges_by_layer(ax: Axes, regions: RegionsView, layers: int) -> None:
    """Draw the edges that the first `layers` piecewise-linear ops make, each op in its own color and width."""
    after = np.arange(1, regions.vertices.shape[0] + 1)
    after[regions.offsets[1:] - 1] = regions.offsets[:-1]
    layer = edge_layers(regions)
    for number, (color, width) in enumerate(zip(layer_colors(layers), layer_widths(layers, len(regions)), strict=True)):
        rows = np.flatnonzero(layer == number)
        segments = np.stack([regions.vertices[rows], regions.vertices[after[rows]]], axis=1)
        draw_strokes(ax, segments, [tuple(color)], width, zorder=3 - number / layers)


def layer_handles(regions: RegionsView, layers: int) -> list[Line2D]:
    """What a legend needs to name the layers; of very many only the first ones and the last."""
    from matplotlib.lines import Line2D

    names, colors, widths = regions.account.layers, layer_colors(layers), layer_widths(layers, 1)
    listed = range(layers) if layers <= _LISTED_LAYERS else [*range(_LISTED_LAYERS - 1), layers - 1]
    return [
        Line2D([], [], color=tuple(colors[i]), linewidth=1.6 * widths[i], label=short_name(names[i])) for i in listed
    ]


def short_name(name: str, longest: int = 18) -> str:
    """A layer's name, its end where it is long, without control characters or mathtext."""
    text = "".join(c if c.isprintable() else "?" for c in name).replace("$", r"\$")
    return text if len(text) <= longest else "…" + text[1 - longest :]


def add_layer_legend(ax: Axes, regions: RegionsView) -> None:
    """Name the layers to the right of the Axes."""
    add_legend(ax, list(layer_handles(regions, len(regions.layout.units))), "edges by layer")


def frame_axes(ax: Axes, regions: RegionsView) -> None:
    """Limits, aspect and labels of a plane: true angles where the basis is orthogonal."""
    if len(regions):
        low, high = regions.vertices.min(axis=0), regions.vertices.max(axis=0)
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(low[1], high[1])
    lengths = np.linalg.norm(regions.basis, axis=1)
    orthogonal = np.isclose(regions.basis[0] @ regions.basis[1] / lengths.prod(), 0.0)
    if orthogonal:
        ax.set_aspect(float(lengths[1] / lengths[0]))
    if regions.origin.size == 2 and np.array_equal(regions.basis, np.eye(2)) and not regions.origin.any():
        ax.set_xlabel("input 0")
        ax.set_ylabel("input 1")
        return
    oblique = "" if orthogonal else "; oblique"
    ax.set_xlabel(f"s ({_unit('u', lengths[0])}{oblique})")
    ax.set_ylabel(f"t ({_unit('v', lengths[1])}{oblique})")


def _unit(name: str, length: float) -> str:
    return f"input units along {name}" if np.isclose(length, 1.0) else f"multiples of {name}, |{name}| = {length:.4g}"


def layer_widths(layers: int, regions: int) -> np.ndarray:
    """Line width in points for each layer's edges between so many regions, shape (layers,)."""
    return 1.15 * lead_width(regions) * np.maximum(_THINNING ** np.arange(layers), _THINNEST_SHARE)


def axis_names(regions: RegionsView) -> list[str]:
    """What the axes of a domain of three dimensions are called: inputs where its frame is the input space itself."""
    size = regions.dimension
    if regions.origin.size == size and np.array_equal(regions.basis, np.eye(size)) and not regions.origin.any():
        return [f"input {i}" for i in range(size)]
    lengths = np.linalg.norm(regions.basis, axis=1)
    angles = regions.basis @ regions.basis.T / np.outer(lengths, lengths)
    oblique = "" if np.allclose(angles, np.eye(size)) else "; oblique"
    units = ["input units" if np.isclose(length, 1.0) else f"{length:.4g} input units" for length in lengths]
    return [f"t{i + 1} ({unit}{oblique})" for i, unit in enumerate(units)]
