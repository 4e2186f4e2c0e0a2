"""Pictures of bounds: side by side, against depth or width, and deep against shallow networks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

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
_NAMES = 3  # of bounds that share a line
_FEW_DECADES = 2.5
_MOST_DIGITS = 12


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
    for row in sorted(rows, key=lambda row: (-row.log10, _color(row.kind) == _LOWER)):
        lines.setdefault((row.log10, row.kind), []).append(_labelled(row.name, row.confidence))
    if ax is None:
        ax = _new_axes(7.0, 1.4 + _ROW_HEIGHT * len(lines))
    for place, (value, kind) in enumerate(lines):
        ax.plot([value], [place], linestyle="none", **_marker(kind))
    low, high = min(row.log10 for row in rows), max(row.log10 for row in rows)
    if count is not None:
        low = min(low, count)
        ax.axvline(count, color=INK, linewidth=1.2)
        text = f"count {10**count:,.0f}" if count < _MOST_DIGITS else "count"
        ax.annotate(text, (count, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom", color=INK)
    ax.set_yticks(range(len(lines)), [_listed(names) for names in lines.values()], fontsize="small")
    ax.set_ylim(len(lines) - 0.4, -0.6)
    room = 0.06 * max(high - low, 0.5)
    ax.set_xlim(low - room, high + room)
    ax.grid(axis="both", color="#e5e7eb", linewidth=0.6)
    ax.set_axisbelow(True)
    _numbers(ax, "x", low - room, high + room)
    ax.set_xlabel("regions")
    _explain(ax, [kind for _, kind in lines])
    return ax


def _marker(kind: str) -> dict[str, Any]:
    """How a bound is drawn: exact maxima are ringed."""
    if kind == "exact maximum":
        return {"marker": "o", "color": _UPPER, "markersize": 8, "markerfacecolor": "white", "markeredgewidth": 2.2}
    return {"marker": "o", "color": _color(kind), "markersize": 6}


def _explain(ax: Axes, kinds: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    shown = list(dict.fromkeys(kinds))
    handles = [Line2D([], [], linestyle="none", label=kind, **_marker(kind)) for kind in shown]
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.05), ncols=3, frameon=False, fontsize="small")


def _listed(names: Sequence[str]) -> str:
    """Names in one line, those beyond the first ones counted."""
    kept = names if len(names) <= _NAMES else names[: _NAMES - 1]
    more = len(names) - len(kept)
    return ", ".join(kept) + (f" and {more} more" if more else "")


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
    low, high = ax.get_ylim()
    _numbers(ax, "y", low, high)
    ax.set_ylim(low, high)
    return ax


def _numbers(ax: Axes, which: str, low: float, high: float) -> None:
    """Numbers as labels of an axis that shows their logarithms from low to high: 1, 2, 5, 10, ... or powers of ten."""
    if high - low < _FEW_DECADES:
        decades = range(math.floor(low), math.ceil(high) + 1)
        ticks = [(math.log10(m) + k, f"{m * 10.0**k:,g}") for k in decades for m in (1, 2, 5)]
    else:
        step = max(1, math.ceil((high - low) / 7))
        ticks = [(float(k), f"$10^{{{k}}}$") for k in range(math.ceil(low), math.floor(high) + 1, step)]
    kept = [(place, label) for place, label in ticks if low <= place <= high]
    set_ticks = ax.set_xticks if which == "x" else ax.set_yticks
    set_ticks([place for place, _ in kept], [label for _, label in kept])


def _new_axes(width: float, height: float) -> Axes:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()
