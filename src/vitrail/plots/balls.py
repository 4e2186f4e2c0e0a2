"""A picture of bounds inside balls: how many regions meet them, against the radius."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.plots.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_local_bound"]

_UPPER, _EXACT, _SAMPLED = "#0072b2", INK, "#d55e00"
_FEW = 3  # centers that are drawn one by one
_ROOM = 1.2
_LARGEST_DRAWN = 1e100


def plot_local_bound(
    radii: ArrayLike,
    log10: ArrayLike,
    ax: Axes | None = None,
    *,
    counted: ArrayLike | None = None,
    sampled: ArrayLike | None = None,
    counted_label: str = "count",
) -> Axes:
    """Draw decimal logarithms of bounds (centers, radii) against radii, with counts and sampled lower bounds.

    Of more than three centers the median and the range from 5 % to 95 % are drawn. `counted` and `sampled` are numbers
    of regions (centers, radii), NaN where there is none. Returns the axes.

    Raises:
        InvalidOptionError: no center or radius, arrays of another shape, or a radius too large for an axis.

    Example:
        >>> ax = plot_local_bound([0.1, 1.0], [[0.0, 1.2]], sampled=[[1, 9]])
        >>> ax.get_xlabel(), len(ax.lines)
        ('radius of the ball (input units)', 2)
    """
    x, values = np.asarray(radii, dtype=np.float64), np.asarray(log10, dtype=np.float64)
    if values.ndim != 2 or values.shape[1:] != x.shape or not values.size:
        raise InvalidOptionError(
            f"log10: expected an array (centers, {x.size}) of one center or more, found shape {values.shape}; "
            "give LocalBound.log10"
        )
    if x.max() > _LARGEST_DRAWN or x.min() < 1 / _LARGEST_DRAWN:
        raise InvalidOptionError(
            f"radii: expected {1 / _LARGEST_DRAWN:g} to {_LARGEST_DRAWN:g} to draw, found {x.min():g} to {x.max():g}"
        )
    order = np.argsort(x)
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(6.4, 4.6), layout="constrained").subplots()
    _draw(ax, x[order], values[:, order], _UPPER, "upper bound", "o")
    for numbers, color, label, marker in (
        (counted, _EXACT, counted_label, "s"),
        (sampled, _SAMPLED, "seen in samples (lower bound)", "^"),
    ):
        if numbers is not None:
            found = np.asarray(numbers, dtype=np.float64)
            if found.shape != values.shape:
                raise InvalidOptionError(f"{label}: expected an array of shape {values.shape}, found {found.shape}")
            with np.errstate(divide="ignore"):
                _draw(ax, x[order], np.log10(found[:, order]), color, label, marker)
    # of a single radius a linear axis would reach far below 0, or overflow
    ax.set_xscale("log")
    ax.set_xlim(x.min() / _ROOM, x.max() * _ROOM)
    ax.set_xlabel("radius of the ball (input units)")
    ax.set_ylabel("regions")
    _powers(ax)
    ax.grid(color="#e5e7eb", linewidth=0.6)
    ax.legend(frameon=False, fontsize="small")
    return ax


def _draw(ax: Axes, x: np.ndarray, values: np.ndarray, color: str, label: str, marker: str) -> None:
    if np.isnan(values).all():
        return
    if len(values) <= _FEW:
        for number, row in enumerate(values):
            ax.plot(x, row, color=color, marker=marker, markersize=4, label=label if number == 0 else None)
        return
    known = ~np.isnan(values).all(axis=0)
    low, middle, high = np.nanquantile(values[:, known], (0.05, 0.5, 0.95), axis=0)
    ax.fill_between(x[known], low, high, color=color, alpha=0.18, linewidth=0)
    ax.plot(x[known], middle, color=color, marker=marker, markersize=4, label=f"{label}: median, 5 to 95 %")


def _powers(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(7, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))
