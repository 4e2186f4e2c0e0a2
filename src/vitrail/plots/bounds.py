"""Pictures of bounds: side by side, against depth or width, and deep against shallow networks."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.plots.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BoundView", "GrowthView", "plot_growth", "plot_lines", "plot_values"]

_UPPER, _LOWER, _OTHER = "#0072b2", "#d55e00", "#6b7280"
_DASHES = ("solid", (0, (5, 1.5)), (0, (2, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (1, 1)), (0, (8, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P")
_ROW_HEIGHT = 0.27  # inches
_LETTERS = 34  # of a line of names


class BoundView(Protocol):
    """What is drawn of the value of a bound."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kind(self) -> str:
        """What it bounds, in words."""

    @property
    def confidence(self) -> str:
        """How sure the statement is: sure or likely."""

    @property
    def log10(self) -> float:
        """The decimal logarithm of its value."""


class GrowthView(Protocol):
    """What is drawn of bounds along a row of networks."""

    @property
    def along(self) -> str:
        """What grows: layers or width."""

    @property
    def sizes(self) -> Sequence[int]:
        """How many layers, or units in a layer."""

    @property
    def series(self) -> Mapping[str, Sequence[float | None]]:
        """Decimal logarithms by the name of the bound."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """What each one bounds, in words."""

    @property
    def confidences(self) -> Mapping[str, str]:
        """How sure each one is: sure or likely."""


def _labelled(name: str, confidence: str) -> str:
    return name if confidence == "sure" else f"{name} ({confidence})"


def _color(kind: str) -> str:
    if kind.startswith("lower"):
        return _LOWER
    return _UPPER if kind in ("upper bound", "exact maximum") else _OTHER


def plot_values(rows: Sequence[BoundView], ax: Axes | None = None, *, count: float | None = None) -> Axes:
    """Draw bounds as dots on a logarithmic line each, from the largest down; `count` is log10 of the exact number.

    Upper bounds are blue, exact maxima ringed, lower bounds on the maximum orange, bounds on means grey. Those of equal
    value and kind share a line. Returns the axes.

    Raises:
        InvalidOptionError: no bounds.

    Example:
        >>> from vitrail.bounds import table
        >>> ax = plot_values(table("2-4-4-1").rows)
        >>> ax.get_xlabel()
        'regions'
    """
    if not rows:
        raise InvalidOptionError("rows: expected at least one bound, found none")
    lines: dict[tuple[float, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: -row.log10):
        lines.setdefault((row.log10, row.kind), []).append(_labelled(row.name, row.confidence))
    if ax is None:
        ax = _new_axes(7.0, 1.2 + _ROW_HEIGHT * len(lines))
    for place, ((value, kind), _) in enumerate(lines.items()):
        exact = kind == "exact maximum"
        ax.plot(
            [value],
            [place],
            "o",
            color=_color(kind),
            markersize=9 if exact else 6,
            fillstyle="none" if exact else "full",
        )
        if exact:
            ax.plot([value], [place], "o", color=_color(kind), markersize=4)
    if count is not None:
        ax.axvline(count, color=INK, linewidth=1.2)
        ax.annotate("count", (count, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom", color=INK)
    labels = [textwrap.fill(", ".join(names), _LETTERS, break_long_words=False) for names in lines.values()]
    ax.set_yticks(range(len(lines)), labels, fontsize="small")
    ax.set_ylim(len(lines) - 0.5, -0.5)
    low, high = min(row.log10 for row in rows), max(row.log10 for row in rows)
    low = low if count is None else min(low, count)
    room = 0.05 * max(high - low, 1.0)
    ax.set_xlim(low - room, high + room)
    ax.grid(axis="both", color="#e5e7eb", linewidth=0.6)
    _powers(ax, "x")
    ax.set_xlabel("regions")
    return ax


def plot_growth(growth: GrowthView, ax: Axes | None = None, *, names: Sequence[str] | None = None) -> Axes:
    """Draw bounds against depth or width, upper ones blue, lower ones orange, on a logarithmic scale.

    `names` are the bounds to draw, by default all; equal ones share a line. Returns the axes.

    Raises:
        InvalidOptionError: none of the bounds is there.

    Example:
        >>> from vitrail.bounds.growing import growth
        >>> ax = plot_growth(growth(2, 8, 3), names=["serra2018"])
        >>> ax.get_xlabel()
        'hidden layers'
    """
    chosen = [name for name in (growth.series if names is None else names) if name in growth.series]
    same: dict[tuple[tuple[float | None, ...], str], list[str]] = {}
    for name in chosen:
        same.setdefault((tuple(growth.series[name]), _color(growth.kinds[name])), []).append(
            _labelled(name, growth.confidences[name])
        )
    lines = {", ".join(own): line for line, own in same.items()}
    text = "hidden layers" if growth.along == "layers" else "units per layer"
    return plot_lines(growth.sizes, lines, ax, xlabel=text)


def plot_lines(
    sizes: Sequence[int],
    lines: Mapping[str, tuple[Sequence[float | None], str]],
    ax: Axes | None = None,
    *,
    xlabel: str = "hidden layers",
) -> Axes:
    """Draw rows of decimal logarithms, each with its color, against sizes; gaps where a value is None.

    Raises:
        InvalidOptionError: no lines.

    Example:
        >>> plot_lines([1, 2], {"a": ([0.3, 0.6], "black")}).get_ylabel()
        'regions'
    """
    if not lines:
        raise InvalidOptionError("lines: expected at least one, found none")
    if ax is None:
        ax = _new_axes(6.4, 4.6)
    styles: dict[str, int] = {}
    for name, (values, color) in lines.items():
        number = styles.setdefault(color, 0)
        styles[color] += 1
        heights = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        ax.plot(
            sizes,
            heights,
            color=color,
            linestyle=_DASHES[number % len(_DASHES)],
            marker=_MARKERS[number % len(_MARKERS)] if len(sizes) <= 20 else None,
            markersize=3.5,
            linewidth=1.3,
            label=textwrap.fill(name, _LETTERS, break_long_words=False),
        )
    ax.set_xlabel(xlabel)
    ax.set_ylabel("regions")
    ax.grid(color="#e5e7eb", linewidth=0.6)
    ax.legend(fontsize="x-small", frameon=False)
    if len(sizes) <= 12:
        ax.set_xticks(list(sizes))
    _powers(ax, "y")
    return ax


def _powers(ax: Axes, which: str) -> None:
    """Powers of ten as labels of an axis that shows logarithms."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(MaxNLocator(7, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))


def _new_axes(width: float, height: float) -> Axes:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()
