"""From the option `color` to one color per region, with what explains it: a legend or a color bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.plots.palette import class_colors, pattern_colors, tint
from vitrail.plots.view import RegionsView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

__all__ = ["COLORS", "Coloring", "coloring_of", "explain"]

COLORS = ("pattern", "layer", "area", "class")

_PALE = 0.985
_MISSING = 0.8
_CLASS_STRENGTH = 0.55
_LEGEND_ENTRIES = 12
_SLIVERS = 0.05  # the share of the smallest regions below the end of a logarithmic scale


@dataclass(frozen=True)
class Coloring:
    """A color per region, shape (regions, 3), and what explains it.

    A legend of labels and colors, or a scale: normalization, color map, label, and the end that is extended.
    """

    colors: np.ndarray
    legend: tuple[tuple[str, np.ndarray], ...] = ()
    legend_title: str = ""
    scale: tuple[Normalize, str, str, str] | None = None


def coloring_of(regions: RegionsView, color: str | Callable[[Any], ArrayLike]) -> Coloring:
    """The colors that the option asks for: a word of `COLORS`, or a function.

    Raises:
        InvalidOptionError: patterns that were not kept, or a function that gives no number per region.
    """
    if callable(color):
        name = color.__name__ if isinstance(color, FunctionType) and color.__name__ != "<lambda>" else "value"
        return _by_value(_checked(color(regions), len(regions)), "cividis", name)
    if color == "layer":
        return Coloring(np.full((len(regions), 3), _PALE))
    if color == "area":
        names = ("length (input units)", "area (input units²)", "volume (input units³)")
        unit = names[min(regions.dimension, len(names)) - 1]
        return _by_value(regions.measures, "cividis", unit, logarithmic=True)
    if color == "class":
        return _by_class(regions)
    if regions.words is None:
        raise InvalidOptionError(
            "color='pattern': the patterns were not kept; enumerate with patterns=True, or use color='area'"
        )
    return Coloring(pattern_colors(regions.words))


def explain(ax: Axes, coloring: Coloring) -> None:
    """Add the legend or the color bar of a coloring to its Axes."""
    if coloring.scale is not None:
        from matplotlib.cm import ScalarMappable

        norm, name, label, extend = coloring.scale
        # an inset keeps to the height of Axes of fixed aspect; only a layout engine makes room for it
        place: dict[str, Any] = {"cax": ax.inset_axes((1.03, 0.0, 0.04, 1.0))} if has_room(ax) else {"ax": ax}
        ax.figure.colorbar(ScalarMappable(norm, name), label=label, extend=extend, **place)
    if coloring.legend:
        from matplotlib.patches import Patch

        patches = [Patch(facecolor=tuple(c), edgecolor="none", label=text) for text, c in coloring.legend]
        add_legend(ax, patches, coloring.legend_title)


def has_room(ax: Axes) -> bool:
    """Whether the figure makes room for what stands beside the Axes."""
    return ax.figure.get_layout_engine() is not None


def add_legend(ax: Axes, handles: list[Any], title: str) -> None:
    """A legend to the right of the Axes, where it covers nothing; in their corner where the figure makes no room."""
    legend = ax.legend(
        handles=handles, title=title, loc="upper right", framealpha=0.92, edgecolor="none", alignment="left",
        fontsize="small", title_fontsize="small", handlelength=1.4, borderaxespad=0.4,
    )  # fmt: skip
    legend.set_zorder(6)
    if has_room(ax):
        legend.set_loc("upper left")
        legend.set_bbox_to_anchor((1.005, 1.02), transform=ax.transAxes)


def _checked(values: ArrayLike, count: int) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != (count,) or array.dtype.kind not in "biuf":
        raise InvalidOptionError(
            f"color: the function must give one number per region, shape ({count},); "
            f"found {array.dtype} of shape {array.shape}"
        )
    return array.astype(np.float64)


def _by_value(values: np.ndarray, name: str, label: str, logarithmic: bool = False) -> Coloring:
    """Colors on a scale; what is not finite (or not positive, on a logarithmic scale) is grey."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm, Normalize

    usable = np.isfinite(values) & ((values > 0) | (not logarithmic))
    low, high = (values[usable].min(), values[usable].max()) if usable.any() else (1.0, 1.0)
    extend = "neither"
    if logarithmic and usable.any():  # slivers, many powers of ten smaller, would leave no color for the rest
        typical = np.quantile(values[usable], _SLIVERS)
        low, extend = typical, "min" if typical > low else "neither"
    if low == high:  # a scale needs two ends
        low, high = (low / 2, high * 2) if logarithmic else (low - 1, high + 1)
    norm = (LogNorm if logarithmic else Normalize)(low, high)
    colors = np.full((values.size, 3), _MISSING)
    colors[usable] = colormaps[name](norm(values[usable]))[:, :3]
    return Coloring(colors, scale=(norm, name, label, extend))


def _by_class(regions: RegionsView) -> Coloring:
    classes = regions.classes
    outputs = max(2, regions.affine_maps.shape[2])
    present, index = np.unique(classes, return_inverse=True)
    colors = tint(class_colors(present, outputs), np.full(present.size, _CLASS_STRENGTH))
    weight = np.where(np.isfinite(regions.measures), regions.measures, np.inf)
    largest = np.argsort(-np.bincount(index, weights=weight, minlength=present.size), kind="stable")[:_LEGEND_ENTRIES]
    legend = [(str(present[i]), colors[i]) for i in np.sort(largest)]
    if present.size > _LEGEND_ENTRIES:
        legend.append((f"and {present.size - _LEGEND_ENTRIES} more", np.full(3, 1.0)))
    return Coloring(colors[index], tuple(legend), "class at the\nmiddle of\neach region")
