"""One picture of a run: what was recorded, panel by panel, against the epoch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.plots.palette import INK, class_colors
from vitrail.plots.sheet import TITLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Panel", "panels_of", "plot_records"]

_ACROSS, _WIDTH, _HEIGHT = 3, 4.1, 3.0  # panels side by side, inches of each
_OWN = ("step", "epoch", "checkpoint", "network", "network_error", "seconds")
_SPREAD = 20  # an axis is logarithmic from where its numbers differ by more
_MOST_PANELS = 24

_BOUNDS = "bound on regions in a ball"
_RECIPES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "Lines": (("regions on a line: mean ± sd", ("mean",)),),
    "Plane": (
        ("regions in the plane", ("activation", "linear", "affine")),
        ("decision boundary (input units)", ("boundary_length",)),
    ),
    "DecisionBoundary": (("share of places crossed", ("crossed",)), ("decision boundary per size", ("density",))),
    "Distance": (("distance to the region's boundary", ("mean", "median")),),
    "Inspheres": (("radius of the largest ball", ("mean", "median")),),
    "Patterns": (
        ("share of units that differ", ("hamming", "hamming_same", "hamming_other")),
        ("redundancy of patterns", ("redundancy",)),
        ("units that never switch", ("dead", "always_on")),
    ),
}


@dataclass(frozen=True)
class Panel:
    """What stands in one panel: the text of its axis, and columns with the name of each in the legend."""

    label: str
    columns: tuple[tuple[str, str], ...]


def panels_of(table: Any) -> list[Panel]:
    """The panels of a table of records: those of each kind of probe, then the caller's own numbers.

    Example:
        >>> import pandas
        >>> table = pandas.DataFrame({"step": [0, 1], "lines_mean": [3.0, 4.0], "loss": [2.0, 1.0]})
        >>> table.attrs["settings"] = {"probes": {"lines": {"class": "Lines"}}}
        >>> [panel.label for panel in panels_of(table)]
        ['lines: regions on a line: mean ± sd', 'loss']
    """
    probes: Mapping[str, Mapping[str, Any]] = dict(table.attrs.get("settings", {})).get("probes", {})
    numeric = [name for name in table.columns if table[name].dtype.kind in "biuf" and table[name].notna().any()]
    found = []
    for probe, settings in probes.items():
        own = [name for name in numeric if name.startswith(f"{probe}_")]
        recipe = _RECIPES.get(str(settings.get("class")))
        if recipe is None:
            rest = [(name, name.removeprefix(f"{probe}_")) for name in own]
            rest = [(name, key) for name, key in rest if key not in ("seconds", "unproven")]
            label = f"{probe}: {_BOUNDS}" if settings.get("class") == "LocalBound" else probe
            found += [Panel(label, tuple(rest))] if rest else []
            continue
        for text, names in recipe:
            columns = tuple((f"{probe}_{name}", name) for name in names if f"{probe}_{name}" in own)
            found += [Panel(f"{probe}: {text}", columns)] if columns else []
    taken = tuple(f"{probe}_" for probe in probes)
    found += [Panel(n, ((n, n),)) for n in numeric if n not in _OWN and not n.startswith(taken or ("\0",))]
    return found


def plot_records(table: Any, columns: Sequence[str] | None = None, *, figure: Figure | None = None) -> Figure:
    """Draw a table of records (see `vitrail.store.read_records`) against the epoch, or the step where that is unknown.

    Each probe has its panels, numbers of the caller's own follow; `columns` draws these instead, a panel each. A mean
    of counts has a band of one standard deviation, and points without proof are hollow. Axes are logarithmic where
    numbers are far apart. Missing numbers leave gaps. Returns `figure`, or a new one that pyplot does not know.

    Raises:
        InvalidOptionError: no records, nothing to draw, or columns that there are not.

    Example:
        >>> import pandas
        >>> figure = plot_records(pandas.DataFrame({"step": [0, 1, 2], "loss": [2.0, 1.0, 0.5]}))
        >>> figure.axes[0].get_ylabel(), figure.axes[0].get_xlabel()
        ('loss', 'step')
    """
    from matplotlib.figure import Figure as NewFigure

    panels = panels_of(table) if columns is None else _chosen(table, columns)
    if not len(table) or not panels:
        raise InvalidOptionError(
            f"records: expected at least one with a number to draw, found {len(table)} records and {len(panels)} panels"
        )
    if len(panels) > _MOST_PANELS:
        raise InvalidOptionError(
            f"records: expected at most {_MOST_PANELS} panels, found {len(panels)}; name some columns"
        )
    across = min(_ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    if figure is None:
        figure = NewFigure(figsize=(_WIDTH * across + 0.3, _HEIGHT * down + 0.4), layout="constrained")
    epochs = "epoch" in table and bool(table["epoch"].notna().all())
    at = table["epoch" if epochs else "step"].to_numpy(dtype=np.float64)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax, panel in zip(axes, panels, strict=False):
        _draw(ax, table, at, panel)
        ax.set_xlabel("epoch" if epochs else "step")
    for ax in axes[len(panels) :]:
        ax.remove()
    units = dict(table.attrs.get("settings", {})).get("units")
    title = f"{len(table):,} record{'s' * (len(table) != 1)}" + (f", {units:,} units" if units is not None else "")
    figure.suptitle(title, **TITLE)
    return figure


def _chosen(table: Any, columns: Sequence[str]) -> list[Panel]:
    for name in columns:
        if name not in table or table[name].dtype.kind not in "biuf":
            raise InvalidOptionError(f"columns: expected columns of numbers, found {name!r}, which is none")
    return [Panel(name, ((name, name),)) for name in columns]


def _draw(ax: Axes, table: Any, at: np.ndarray, panel: Panel) -> None:
    colors = class_colors(np.arange(len(panel.columns)) % 10, 10)
    several, unsure, lowest, highest = len(panel.columns) > 1, False, math.inf, 0.0
    rim = 1.3 if _coincide(table, panel) else 0.0
    for i, ((column, name), color) in enumerate(zip(panel.columns, colors, strict=True)):
        extra = rim * (len(panel.columns) - 1 - i)
        values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        ax.plot(
            at,
            values,
            color=tuple(color),
            linewidth=1.5 + extra,
            label=name.replace("_", " "),
            zorder=3,
        )
        proven = _proven(table, column)
        for mask, face in ((proven, tuple(color)), (~proven, "white")):
            ax.plot(
                at[mask], values[mask], "o", markersize=4 + extra, color=tuple(color),
                markerfacecolor=face, markeredgewidth=1.2, zorder=4,
            )  # fmt: skip
        unsure = unsure or bool((~proven & np.isfinite(values)).any())
        spread = f"{column.removesuffix('_mean')}_sd"
        if column.endswith("_mean") and not several and spread in table:
            width = table[spread].to_numpy(dtype=np.float64, na_value=np.nan)
            ax.fill_between(at, values - width, values + width, color=tuple(color), alpha=0.18, linewidth=0)
        finite = values[np.isfinite(values)]
        lowest, highest = min(lowest, finite.min(initial=math.inf)), max(highest, finite.max(initial=0.0))
    if unsure:
        ax.plot([], [], "o", markersize=4, color=INK, markerfacecolor="white", label="not proven")
    if several or unsure:
        ax.legend(fontsize="small", frameon=False, markerscale=0.8)
    _scale(ax, at, lowest > 0 and highest > _SPREAD * lowest)
    ax.set_ylabel(panel.label.replace("$", r"\$").replace(": ", ":\n", 1), fontsize="small")
    ax.spines[["top", "right"]].set_visible(False)


def _coincide(table: Any, panel: Panel) -> bool:
    """Whether curves lie on each other: then the first ones are wider, and shine through as a rim."""
    values = [table[column].to_numpy(dtype=np.float64, na_value=np.nan) for column, _ in panel.columns]
    return any((a == b).mean() > 0.5 for a, b in itertools.combinations(values, 2))


def _scale(ax: Axes, at: np.ndarray, logarithmic: bool) -> None:
    """Scales that show what happens early in a run, and numbers of several sizes."""
    if logarithmic:
        ax.set_yscale("log")
    positive = at[at > 0]
    if positive.size > 1 and positive.max() > _SPREAD * positive.min():
        low, high = float(positive.min()), float(positive.max())
        ax.set_xscale("symlog", linthresh=low)
        decades = 10.0 ** np.arange(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        ticks = np.concatenate([at[at == 0][:1], decades])
        ax.set_xticks(ticks, [f"{value:g}" for value in ticks])
        ax.minorticks_off()
    first, last = float(at.min()), float(at.max())
    room = 0.03 * (last - first) if last > first else 0.5
    right = 1.15 * last if ax.get_xscale() == "symlog" else last + room
    ax.set_xlim(first - (room if first > 0 or last == first else 0.0), right)


def _proven(table: Any, column: str) -> np.ndarray:
    """Which numbers of a column have a proof: by its own column of statuses, else by all of the probe's, if any."""
    words = [f"{column}_status", f"{column.rpartition('_')[0]}_status"]
    names = [word for word in words if word in table][:1]
    if not names:
        probes = dict(table.attrs.get("settings", {})).get("probes", {})
        own = [f"{probe}_" for probe in probes if column.startswith(f"{probe}_")]
        names = [word for word in table.columns if own and word.startswith(own[0]) and word.endswith("_status")]
    proven = np.ones(len(table), dtype=bool)
    for name in names:
        proven &= np.array([str(word) in ("exact", "certified") for word in table[name]])
    return proven
