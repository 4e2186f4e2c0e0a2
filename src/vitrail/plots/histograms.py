"""Histograms by group: of distances and radii, and of the angles between hyperplanes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.options import positive_integer
from vitrail.plots.palette import INK, class_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DirectionsView", "plot_angles", "plot_histogram"]

_DECADES = 100.0  # values that span more are drawn on a logarithmic axis unless the caller says otherwise
_FILL, _LINE = 0.16, 1.8
_ORDER = np.array([0, 1, 4, 3, 6, 7, 8, 9, 2, 5])  # neighbors in this order of the class colors differ most
_ENTRY, _MARGIN = 0.065, 0.05  # height of a legend's entry and what stays free above, in shares of the Axes
_LEGEND_END = 60.0  # degrees: legends of angles stand to the left of this
_SMOOTH = 721  # points of the isotropic line: eight for each degree


class DirectionsView(Protocol):
    """Angles between hyperplanes as the pictures see them; `Directions` is one. Arrays as described there."""

    @property
    def dimension(self) -> int:
        """Number of inputs."""

    @property
    def angle_edges(self) -> np.ndarray:
        """Edges of the bins in degrees, shape (bins + 1,)."""

    @property
    def angle_counts(self) -> np.ndarray:
        """Pairs in each bin, shape (bins,)."""

    @property
    def mean(self) -> float:
        """Mean |cos|."""

    @property
    def baseline(self) -> float:
        """Mean |cos| of isotropic directions."""


class _Group(NamedTuple):
    """The values of a group that can be drawn, and what the legend says of it."""

    drawn: np.ndarray
    total: int
    label: str


def plot_histogram(
    values_by_group: Mapping[str, ArrayLike],
    ax: Axes | None = None,
    *,
    xlabel: str,
    log: bool | None = None,
    bins: int = 30,
) -> Axes:
    """Draw the histograms of several groups of numbers in shared bins and return the Axes, new ones where `ax` is None.

    Heights are shares of all numbers of a group, so groups of different sizes compare. `log` draws a logarithmic axis,
    by default where all numbers are at least 0 and the positive ones span more than a factor of 100. What has no place
    on the axis is not drawn: infinite and unknown (NaN) numbers, and on a logarithmic axis those not above 0. It still
    counts in the shares, and the legend says how many there are. The legend has the size and median of each group; NaN
    has no rank and is left out of the median. Nothing to draw gives Axes that say so.

    Raises:
        InvalidOptionError: no group, or fewer than one bin.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = plot_histogram({"data": [0.0, 0.1, 20.0]}, Figure().add_subplot(), xlabel="distance")
        >>> ax.get_xscale(), [text.get_text() for text in ax.get_legend().get_texts()]
        ('log', ['data: 3, median 0.1 (1 at 0)'])
    """
    positive_integer("bins", bins)
    arrays = _arrays(values_by_group)
    numbers = np.concatenate(list(arrays.values()))
    finite = numbers[np.isfinite(numbers)]
    scaled = _spans_decades(finite) if log is None else log
    groups = [_group(name, array, scaled) for name, array in arrays.items()]
    ax = _new_axes() if ax is None else ax
    edges = _edges(np.concatenate([group.drawn for group in groups]), scaled, bins)
    highest = 0.0
    for group, color in zip(groups, _colors(len(groups)), strict=True):
        counts = np.zeros(len(edges) - 1) if not group.drawn.size else np.histogram(group.drawn, edges)[0]
        heights = counts / max(group.total, 1)
        _draw_steps(ax, heights, edges, color, group.label)
        highest = max(highest, float(heights.max()))
    if scaled:
        ax.set_xscale("log")
    _finish(ax, (xlabel, "share of the points"), highest, highest)
    if not any(group.drawn.size for group in groups):
        ax.text(0.5, 0.5, "nothing to draw", ha="center", va="center", transform=ax.transAxes)
    else:
        ax.set_xlim(edges[0], edges[-1])
    return ax


def plot_angles(directions_by_group: Mapping[str, DirectionsView], ax: Axes | None = None) -> Axes:
    """Draw the angles between hyperplanes of several groups as densities, with that of isotropic directions as a line.

    Angles run from 0 to 90 degrees, as hyperplanes have no sides. The isotropic density in n dimensions is proportional
    to sin(angle)^(n - 2) (Cai, Fan and Jiang 2013, Distributions of angles in random packing on spheres, theorem 1); in
    one dimension all angles are 0 and it is not drawn. The legend has the mean |cos| of each group. Groups without
    pairs are named and not drawn. Returns the Axes, new ones where `ax` is None.

    Raises:
        InvalidOptionError: no group.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from vitrail.local.directions import directions
        >>> ax = plot_angles({"axes": directions([[1.0, 0.0], [0.0, 1.0]])}, Figure().add_subplot())
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['axes: 1 pairs, mean |cos| 0', 'isotropic, n = 2: mean |cos| 0.637']
    """
    if not directions_by_group:
        raise InvalidOptionError("directions_by_group: expected at least one group, found none")
    ax = _new_axes() if ax is None else ax
    baselines: dict[int, float] = {}
    highest = below_legend = 0.0
    for (name, found), color in zip(directions_by_group.items(), _colors(len(directions_by_group)), strict=True):
        pairs = int(found.angle_counts.sum())
        mean = f", mean |cos| {found.mean:.3g}" if pairs else ""
        heights = found.angle_counts / np.diff(found.angle_edges) / max(pairs, 1)
        _draw_steps(ax, heights, found.angle_edges, color, f"{name}: {pairs:,} pairs{mean}")
        baselines[found.dimension] = found.baseline
        highest = max(highest, float(heights.max()))
        below_legend = max(below_legend, float(heights[found.angle_edges[:-1] < _LEGEND_END].max()))
    angles = np.linspace(0.0, 90.0, _SMOOTH)
    styles = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (4, 1.5, 1, 1.5)))
    drawn = [dimension for dimension in sorted(baselines) if dimension > 1]
    for i, dimension in enumerate(drawn):
        label = f"isotropic, n = {dimension:,}: mean |cos| {baselines[dimension]:.3g}"
        density = _isotropic_density(angles, dimension)
        ax.plot(angles, density, color=INK, linewidth=1.3, linestyle=styles[i % len(styles)], label=label)
        highest = max(highest, float(density.max()))
        below_legend = max(below_legend, float(density[angles < _LEGEND_END].max()))
    _finish(ax, ("angle between hyperplanes (degrees)", "density (per degree)"), highest, below_legend)
    ax.set_xlim(0.0, 90.0)
    ax.set_xticks(np.arange(0.0, 91.0, 15.0))
    return ax


def _isotropic_density(angles: np.ndarray, dimension: int) -> np.ndarray:
    """Density per degree of the angle, 0 to 90, between isotropic lines in n >= 2 dimensions."""
    half = 0.5 * dimension
    constant = 2.0 * math.exp(math.lgamma(half) - math.lgamma(half - 0.5)) / math.sqrt(math.pi)
    return constant * np.sin(np.radians(angles)) ** (dimension - 2) * math.pi / 180.0


def _arrays(values_by_group: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    if not values_by_group:
        raise InvalidOptionError("values_by_group: expected at least one group, found none")
    return {name: np.asarray(values, dtype=np.float64).ravel() for name, values in values_by_group.items()}


def _spans_decades(finite: np.ndarray) -> bool:
    positive = finite[finite > 0]
    return bool(positive.size and (finite >= 0).all() and positive.max() > _DECADES * positive.min())


def _group(name: str, values: np.ndarray, log: bool) -> _Group:
    usable = np.isfinite(values) & ((values > 0) | (not log))
    known = values[~np.isnan(values)]
    low = known[(known <= 0) & np.isfinite(known)] if log else known[:0]
    notes = [
        (int((low == 0).sum()), "at 0"),
        (int((low < 0).sum()), "below 0"),
        (int(np.isinf(known).sum()), "infinite"),
        (int(np.isnan(values).sum()), "unknown"),
    ]
    left = ", ".join(f"{count:,} {what}" for count, what in notes if count)
    median = f", median {np.median(known):.3g}" if known.size else ""
    return _Group(values[usable], values.size, f"{name}: {values.size:,}{median}" + (f" ({left})" if left else ""))


def _edges(values: np.ndarray, log: bool, bins: int) -> np.ndarray:
    low, high = (float(values.min()), float(values.max())) if values.size else (1.0, 1.0)
    if low == high:  # bins need a width
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    edges = np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)
    edges[[0, -1]] = low, high  # rounding must not leave the extremes out
    return edges


def _new_axes() -> Axes:
    import matplotlib.pyplot as plt

    return plt.figure(layout="compressed").add_subplot()


def _draw_steps(ax: Axes, heights: np.ndarray, edges: np.ndarray, color: tuple[float, ...], label: str) -> None:
    ax.stairs(heights, edges, fill=True, color=color, alpha=_FILL, linewidth=0.0)
    ax.stairs(heights, edges, color=color, linewidth=_LINE, label=label)


def _colors(count: int) -> list[tuple[float, ...]]:
    order = _ORDER[:count] if count <= len(_ORDER) else np.arange(count)
    return [tuple(color) for color in class_colors(order, max(count, len(_ORDER)))]


def _finish(ax: Axes, labels: tuple[str, str], highest: float, below_legend: float) -> None:
    """Label the Axes and leave room for the legend above what is drawn below it."""
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    entries = len(ax.get_legend_handles_labels()[0])
    share = max(1.0 - _MARGIN - _ENTRY * entries, 0.25)
    ax.set_ylim(0.0, max(highest / (1.0 - _MARGIN), below_legend / share) or 1.0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", frameon=False, fontsize="small", handlelength=1.4, borderaxespad=0.2)
