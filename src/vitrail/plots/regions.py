"""One picture of a set of regions: outputs and breakpoints on a line, panes of glass in a plane, a solid of glass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.options import one_of
from vitrail.plots.coloring import COLORS, coloring_of, explain
from vitrail.plots.lines import draw_line
from vitrail.plots.panes import add_layer_legend, draw_edges_by_layer, draw_panes, frame_axes
from vitrail.plots.solids import draw_solid
from vitrail.plots.view import RegionsView, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_regions"]


def plot_regions(
    regions: RegionsView,
    ax: Axes | None = None,
    color: str | Callable[[Any], ArrayLike] = "pattern",
    boundaries: bool = True,
) -> Axes:
    """Draw the regions and return the Axes, new ones of pyplot where `ax` is None.

    A plane is drawn as polygons in frame coordinates, three dimensions as a solid with one corner cut away, where its
    sections through the middle are seen (`vitrail.plots.sections` shows them beside it). A line is drawn as its outputs
    over the position in input units, the largest in bold, with the regions as a strip below and the breakpoints in one
    row per layer; an arrow marks an end that is unbounded. No regions give Axes that say so. Legends and scales stand
    beside the Axes: a figure with `layout="compressed"` makes room for them.

    `color` is "pattern" (one soft color per pattern, the same in every picture), "layer" (edges in the color of the op
    that makes them), "area" (length, area or volume, logarithmic), "class" (the largest output at the middle of each
    region), or a function from the set to one number per region, drawn on a scale. `boundaries` draws the edges.

    Raises:
        InvalidOptionError: an unknown color, "pattern" without patterns, "layer" without boundaries, a function that
            does not give one number per region, more than three dimensions, or regions without vertices.

    Example:
        >>> import vitrail
        >>> from matplotlib.figure import Figure
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
        >>> ax = plot_regions(regions, ax=Figure().add_subplot(), color="area")
        >>> ax.get_title(), len(ax.collections[0].get_paths())
        ('4 activation regions (certified)', 4)
    """
    chosen = color if callable(color) else one_of("color", color, COLORS)
    by_layer = chosen == "layer"
    if by_layer and not boundaries:
        raise InvalidOptionError("color='layer' colors the boundaries, but boundaries=False; ask for boundaries=True")
    _check_can_be_drawn(regions)
    if ax is not None and ax.name == "3d":
        raise InvalidOptionError(
            "plot: expected plane Axes, found 3-D ones; solids are projected before they are drawn"
        )
    coloring = coloring_of(regions, chosen) if len(regions) else None
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.figure(layout="compressed").add_subplot()
    ax.set_title(headline(regions))
    if coloring is None:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "no regions", ha="center", va="center", transform=ax.transAxes)
    elif regions.dimension == 1:
        draw_line(ax, regions, coloring.colors, boundaries)
    elif regions.dimension == 3:
        draw_solid(ax, regions, coloring.colors, boundaries and not by_layer, by_layer)
        if by_layer:
            add_layer_legend(ax, regions)
    else:
        draw_panes(ax, regions, coloring.colors, lead=boundaries and not by_layer)
        if by_layer:
            draw_edges_by_layer(ax, regions, len(regions.layout.units))
            add_layer_legend(ax, regions)
        frame_axes(ax, regions)
    if coloring is not None:
        explain(ax, coloring)
    return ax


def _check_can_be_drawn(regions: RegionsView) -> None:
    if regions.dimension > 3:
        raise InvalidOptionError(
            f"plot: expected regions of dimension 1, 2 or 3, found {regions.dimension}; draw a section: enumerate a "
            "Plane or a Slice of three directions through the same inputs and plot that"
        )
    if len(regions) and not len(regions.vertices):
        raise InvalidOptionError(
            "plot: these regions have no vertices; enumerate a bounded domain"
            + (' with cells="vertices"' if regions.dimension == 3 else "")
        )
