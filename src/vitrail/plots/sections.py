"""A picture for print: a three-dimensional domain as a solid, and beside it its three sections through the middle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.options import one_of
from vitrail.plots.coloring import COLORS, coloring_of, explain
from vitrail.plots.palette import INK
from vitrail.plots.panes import add_layer_legend, axis_names
from vitrail.plots.patches import section_patches
from vitrail.plots.sheet import TITLE
from vitrail.plots.solids import draw_patches, draw_solid, middle_of
from vitrail.plots.view import RegionsView, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_section", "plot_solid_with_sections"]

_SIZE = (9.6, 8.6)
_MOST_TICKS = 5
_LONGEST_TO_SHORTEST = 4.0  # longer sections fill their Axes instead


def plot_solid_with_sections(
    regions: RegionsView, color: str | Callable[[Any], ArrayLike] = "pattern", figure: Figure | None = None
) -> Figure:
    """Draw the regions of a three-dimensional domain: the solid with a corner cut away, and the three sections there.

    The sections are at the middle of each coordinate; of two regions with a facet in such a plane the lower one is
    shown. Every polygon is a region's own section, computed from its edges, and has the region's color: one region is
    found again in all four pictures. `color` as in `plot_regions`. Returns `figure`, or a new one that pyplot does not
    know.

    Raises:
        InvalidOptionError: not three dimensions, no vertices, no regions, or an unknown color.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0, 0], [0, 1.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> figure = plot_solid_with_sections(vitrail.enumerate_regions(net, vitrail.Box([-1.0] * 3, [1.0] * 3)))
        >>> [ax.get_title() for ax in figure.axes]
        ['', 'input 2 = 0: 4 regions', 'input 1 = 0: 4 regions', 'input 0 = 0: 2 regions']
    """
    from matplotlib.figure import Figure as NewFigure

    if regions.dimension != 3 or not len(regions.vertices):
        raise InvalidOptionError(
            f"regions: expected at least one region with vertices in three dimensions, found {len(regions)} of "
            f"dimension {regions.dimension} with {len(regions.vertices)} vertices"
        )
    chosen = color if callable(color) else one_of("color", color, COLORS)
    coloring = coloring_of(regions, chosen)
    figure = figure or NewFigure(figsize=_SIZE, layout="constrained")
    solid, *flat = figure.subplots(2, 2).ravel()
    by_layer = chosen == "layer"
    draw_solid(solid, regions, coloring.colors, lead=not by_layer, by_layer=by_layer)
    middle = middle_of(regions)
    for ax, axis in zip(flat, (2, 1, 0), strict=True):
        draw_section(ax, regions, coloring.colors, axis, float(middle[axis]), by_layer)
    if by_layer:
        add_layer_legend(flat[0], regions)
    explain(flat[0], coloring)
    figure.suptitle(headline(regions), **TITLE)
    return figure


def draw_section(
    ax: Axes, regions: RegionsView, colors: np.ndarray, axis: int, at: float, by_layer: bool = False
) -> None:
    """Draw where the regions meet the plane t[axis] = `at`, with the other two coordinates as axes."""
    patches = section_patches(regions, axis, at)
    across, up = (other for other in range(3) if other != axis)
    flat = [points[:, [across, up]] for points in patches.corners]
    draw_patches(ax, regions, patches, flat, colors[patches.regions], (not by_layer, by_layer, False, len(flat)))
    names = axis_names(regions)
    ax.set_xlabel(names[across])
    ax.set_ylabel(names[up])
    number = len(np.unique(patches.regions))
    name = names[axis].partition(" (")[0]
    ax.set_title(f"{name} = {at:.4g}: {number:,} region{'' if number == 1 else 's'}", fontsize="medium", color=INK)
    ax.locator_params(nbins=_MOST_TICKS)
    low, high = regions.vertices.min(axis=0), regions.vertices.max(axis=0)
    ax.set_xlim(low[across], high[across])
    ax.set_ylim(low[up], high[up])
    lengths = np.linalg.norm(regions.basis, axis=1)
    extent = (high - low) * lengths
    if max(extent[[across, up]]) <= _LONGEST_TO_SHORTEST * min(extent[[across, up]]):
        ax.set_aspect(float(lengths[up] / lengths[across]))
