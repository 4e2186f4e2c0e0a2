"""What the figures of the study share: panels, curves of seeds, the axis of epochs, and legends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.plots.palette import INK

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["draw_seeds", "finish", "new_figure", "over_epochs", "plain_ticks", "shades"]

_TICKS = (0.0, 0.0625, 0.25, 1.0, 4.0, 20.0, 50.0, 200.0)
_NAMES = ("0", "1/16", "1/4", "1", "4", "20", "50", "200")
_DOTS_PER_INCH = 150


def shades(color: Any, count: int) -> np.ndarray:
    """Shades of a color from light to itself, (count, 3).

    Example:
        >>> shades(np.zeros(3), 2).round(2).tolist()
        [[0.6, 0.6, 0.6], [0.0, 0.0, 0.0]]
    """
    white = np.linspace(0.6 if count > 1 else 0.0, 0.0, count)[:, None]
    return white + (1.0 - white) * np.asarray(color, dtype=np.float64)


def new_figure(
    panels: int, *, width: float | None = None, height: float | None = None, columns: int = 2
) -> tuple[Figure, list[Axes]]:
    """A figure with panels in rows, sizes in inches; pyplot does not know it.

    Example:
        >>> figure, axes = new_figure(4)
        >>> len(axes), figure.get_size_inches().tolist()
        (4, [9.0, 6.6])
    """
    from matplotlib.figure import Figure

    columns = min(panels, columns)
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(width or 4.5 * columns, height or 3.3 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8, colors=INK)
    return figure, axes


def draw_seeds(ax: Axes, table: pandas.DataFrame, color: Any, name: str) -> None:
    """Draw a table with a column per seed: thin lines, and their mean as a thick one.

    Example:
        >>> import pandas
        >>> (ax,) = new_figure(1)[1]
        >>> draw_seeds(ax, pandas.DataFrame({0: [1.0, 2.0], 1: [2.0, 3.0]}), "black", "two seeds")
        >>> len(ax.lines)
        3
    """
    for seed in table.columns:
        ax.plot(table.index, table[seed], color=color, linewidth=0.5, alpha=0.45)
    ax.plot(table.index, table.mean(axis=1), color=color, linewidth=1.8, label=name)


def over_epochs(ax: Axes, epochs: pandas.Series) -> None:
    """Let the horizontal axis be epochs, logarithmic but for the first part of the first one."""
    first = float(epochs[epochs > 0].min())
    ax.set_xscale("symlog", linthresh=first, linscale=0.5)
    inside = [(tick, name) for tick, name in zip(_TICKS, _NAMES, strict=True) if tick <= epochs.max()]
    inside = [(tick, name) for tick, name in inside if tick == 0 or tick >= first]
    ax.set_xticks([tick for tick, _ in inside], [name for _, name in inside])
    ax.minorticks_off()
    ax.set_xlim(0.0, float(epochs.max()))
    ax.set_xlabel("epoch")


def plain_ticks(axis: Axis, values: Sequence[float]) -> None:
    """Name these places of a logarithmic axis in plain numbers, as far as they are within its limits."""
    low, high = sorted(axis.get_view_interval())
    inside = [value for value in values if low <= value <= high]
    axis.set_ticks(inside, [f"{value:g}" for value in inside])
    axis.set_ticks([], minor=True)


def finish(figure: Figure, path: Path, legend_of: Axes | None, title: str) -> Path:
    """Write a figure, with the legend of one of its panels on its right."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            axis.label.set(color=INK, size=9)
    if legend_of is not None:
        handles, names = legend_of.get_legend_handles_labels()
        figure.legend(
            handles, names, loc="outside right center", frameon=False, fontsize=8, title=title, title_fontsize=8
        )
    figure.savefig(path, dpi=_DOTS_PER_INCH)
    return path
