"""Pictures of deep against shallow networks: what formulas promise, what was constructed, what usual networks do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vitrail.bounds import pascanu2013
from vitrail.bounds.depth import compare
from vitrail.files.whole import write_whole
from vitrail.plots.palette import INK, class_colors

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figures"]

_BLUE, _ORANGE, _SKY, _YELLOW, _GREEN = (tuple(color) for color in class_colors(np.arange(5), 10))
_GREY = "#9ca3af"
_BAND = "#e5e7eb"
_RESOLUTION = 130  # pixels per inch
_FAMILIES = (
    ("one fold", _SKY, "v", "one fold, counted"),
    ("folding", _ORANGE, "o", "folding, counted"),
    ("zigzag", _GREEN, "^", "zigzag, counted"),
)
_DEPTH_STYLES = (
    ("pascanu2013", "solid", "o", "bound of 2013"),
    ("montufar2014", (0, (4, 1.5)), "s", "bound of 2014"),
)


def figures(results: pandas.DataFrame, out: Path) -> list[Path]:
    """Draw what the results have, as PNG files in the folder."""
    drawings: tuple[tuple[str, str, Callable[[pandas.DataFrame], Figure]], ...] = (
        ("deep", "constructed", _constructed),
        ("deep", "per_parameter", _per_parameter),
        ("depths", "depths", _depths),
        ("random", "usual", _usual),
        ("perturbed", "perturbed", _perturbed),
    )
    paths = []
    for part, name, draw in drawings:
        rows = results[results["part"].isin((part, "trained") if part == "random" else (part,))]
        if not rows[rows["part"] == part].empty:
            figure, path = draw(rows), out / f"{name}.png"
            write_whole(path, partial(figure.savefig, format="png", dpi=_RESOLUTION))
            paths.append(path)
    return paths


def _sheet(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _clean(ax: Axes) -> None:
    ax.grid(color=_BAND, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _constructed(rows: pandas.DataFrame) -> Figure:
    """Regions against depth, for each number of inputs and the two smallest widths."""
    rows = rows.assign(width=(rows["units"] // rows["layers"]).astype(int))
    inputs = sorted(int(n0) for n0 in rows["inputs"].unique())
    figure = _sheet(3.3 * len(inputs) + 0.4, 5.6)
    axes = figure.subplots(2, len(inputs), squeeze=False, sharex=True)
    for column, n0 in enumerate(inputs):
        for row, ratio in enumerate((2, 3)):
            ax, own = axes[row, column], rows[(rows["inputs"] == n0) & (rows["width"] == ratio * n0)]
            depths = np.arange(1, max(int(own["layers"].max()), 2) + 1)
            bounds = [compare(n0, ratio * n0, int(k)) for k in depths]
            upper, shallow = [float(b.deep_upper) for b in bounds], [float(b.shallow_regions) for b in bounds]
            ax.plot(depths, upper, color=_GREY, linestyle=(0, (1, 1)), label="upper bound, deep (2018)")
            ax.plot(depths, shallow, color=INK, linewidth=1.6, label="exact maximum, shallow")
            lower = [float(pascanu2013.lower(n0, [ratio * n0] * int(k))) for k in depths]
            ax.plot(depths, lower, color=_BLUE, linewidth=1.6, label="lower bound, deep (2013)")
            for name, color, marker, label in _FAMILIES:
                found = own[own["network"] == name]
                style = {"color": color, "linestyle": "none", "markersize": 4.5}
                ax.plot(found["layers"], found["affine"], marker=marker, label=label, **style)
            ax.set_yscale("log")
            # the upper bound would leave no room for the rest
            ax.set_ylim(1.5, 10 * max(*shallow, *lower, float(own["affine"].max())))
            ax.set_title(f"{n0} input{'s' * (n0 > 1)}, {ratio * n0} units per layer", fontsize="medium")
            _clean(ax)
        axes[1, column].set_xlabel("hidden layers k")
    ticks = range(2, int(rows["layers"].max()) + 1, 2)
    axes[0, 0].set_xticks(list(ticks))
    for ax in axes[:, 0]:
        ax.set_ylabel("linear regions")
    _legend_below(figure, axes[1, -1], 3)
    return figure


def _legend_below(figure: Figure, ax: Axes, columns: int) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize="small")


def _per_parameter(rows: pandas.DataFrame) -> Figure:
    """Regions per weight and bias against depth for two inputs."""
    n0 = 2 if (rows["inputs"] == 2).any() else int(rows["inputs"].iloc[0])
    rows = rows[(rows["inputs"] == n0) & (rows["network"] == "folding")].sort_values("layers")
    figure = _sheet(6.6, 4.6)
    ax = figure.subplots()
    for (width, group), color in zip(
        rows.groupby(rows["units"] // rows["layers"]), (_BLUE, _ORANGE, _GREEN), strict=False
    ):
        depths = np.arange(1, int(rows["layers"].max()) + 1)
        shallow = [float(compare(n0, int(width), int(k)).shallow_per_parameter) for k in depths]
        deep = group["affine"] / group["parameters"]
        ax.plot(
            group["layers"], deep, color=color, marker="o", markersize=4, label=f"k layers of {int(width)}, counted"
        )
        ax.plot(depths, shallow, color=color, linestyle=(0, (4, 1.5)), label=f"one layer of {int(width)} k, maximum")
    ax.set_yscale("log")
    ax.set_xlabel("hidden layers k")
    ax.set_ylabel("linear regions per parameter")
    ax.set_title(f"{n0} inputs", fontsize="medium")
    ax.set_xticks(list(range(1, int(rows["layers"].max()) + 1)))
    _clean(ax)
    _legend_below(figure, ax, 3)
    return figure


def _depths(rows: pandas.DataFrame) -> Figure:
    """The smallest depths at which formulas say that depth wins, against the number of inputs."""
    figure = _sheet(8.4, 3.9)
    rows = rows.assign(
        ratio=[int(width) // int(n0) for width, n0 in rows[["widths", "inputs"]].itertuples(index=False)]
    )
    axes = figure.subplots(1, 2, sharey=True)
    for ax, equal in zip(axes, ("units", "parameters"), strict=True):
        for ratio, color in zip(sorted(rows["ratio"].unique()), (_BLUE, _ORANGE, _GREEN), strict=False):
            for bound, dashes, marker, label in _DEPTH_STYLES:
                own = rows[(rows["question"] == f"equal {equal}") & (rows["bound"] == bound) & (rows["ratio"] == ratio)]
                style = {"color": color, "linestyle": dashes, "marker": marker, "markersize": 3.5, "linewidth": 1.2}
                own = own.sort_values("inputs")
                ax.plot(own["inputs"], own["depth"], label=f"n = {ratio} n$_0$, {label}", **style)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ticks = [1, 2, 3, 5, 10, 20, 30]
        ax.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
        ax.set_xticks([], minor=True)
        ax.set_xlim(0.9, 1.1 * float(rows["inputs"].max()))
        ax.set_xlabel("inputs n$_0$")
        ax.set_title(f"shallow network of as many {equal}", fontsize="medium")
        _clean(ax)
    heights = [2, 3, 5, 10, 20, 50, 100, 200]
    axes[0].set_yticks(heights, [str(height) for height in heights])
    axes[0].set_yticks([], minor=True)
    axes[0].set_ylabel("smallest winning depth k")
    _legend_below(figure, axes[0], 3)
    return figure


def _usual(rows: pandas.DataFrame) -> Figure:
    """Regions of drawn and trained networks against depth at equal units, below what the best weights have."""
    rows = rows[rows["inputs"] == 2]
    layered = rows.groupby("units")["layers"].nunique()
    totals = [int(units) for units, depths in layered.items() if depths > 1]
    figure = _sheet(4.1 * len(totals) + 0.6, 4.8)
    axes = figure.subplots(1, len(totals), squeeze=False, sharey=True)[0]
    for ax, units in zip(axes, totals, strict=True):
        own = rows[rows["units"] == units]
        depths = sorted(int(k) for k in own["layers"].unique())
        bounds = [compare(2, units // k, k) for k in depths]
        ax.plot(
            depths,
            [float(b.deep_upper) for b in bounds],
            color=_GREY,
            linestyle=(0, (1, 1)),
            label="upper bound (2018)",
        )
        ax.plot(
            depths,
            [float(b.deep_lower) for b in bounds],
            color=_ORANGE,
            marker="o",
            markersize=4,
            label="best weights: at least",
        )
        ax.axhline(bounds[0].shallow_regions, color=INK, linewidth=1.2, label="exact maximum, one layer")
        drawn = own[own["part"] == "random"]
        for name, color in (("he normal", _BLUE), ("torch default", _YELLOW)):
            _seeds(ax, drawn[drawn["network"] == name], "layers", "activation", color, f"as initialized, {name}")
        trained = own[own["part"] == "trained"]
        if not trained.empty:
            last = trained[(trained["place"] == "space") & (trained["epoch"] == trained["epoch"].max())]
            _seeds(ax, last, "layers", "activation", _GREEN, f"trained, {last['epoch'].iloc[0]:g} epochs")
        ax.set_yscale("log")
        ax.set_xticks(depths)
        ax.set_xlabel("hidden layers k")
        ax.set_title(f"2 inputs, {units} hidden units in k layers", fontsize="medium")
        _clean(ax)
    axes[0].set_ylabel("activation regions of the plane")
    _legend_below(figure, axes[-1], 1 + len(totals))
    return figure


def _seeds(ax: Axes, rows: pandas.DataFrame, x: str, y: str, color: tuple[float, ...], label: str) -> None:
    """A thin line for each seed and a thick one for the geometric mean."""
    for _, group in rows.groupby("seed"):
        group = group.sort_values(x)
        ax.plot(group[x], group[y], color=color, linewidth=0.6, alpha=0.35)
    means = np.exp(np.log(rows[y]).groupby(rows[x]).mean())
    ax.plot(means.index, means, color=color, linewidth=1.8, label=label)


def _perturbed(rows: pandas.DataFrame) -> Figure:
    """The regions that a folding network has left when its weights get noise."""
    figure = _sheet(6.0, 4.4)
    ax = figure.subplots()
    widths, whole = str(rows["widths"].iloc[0]), float(rows.loc[rows["noise"] == 0.0, "activation"].iloc[0])
    noisy = rows[rows["noise"] > 0.0]
    bounds = compare(2, int(widths.split("-")[0]), len(widths.split("-")))
    ax.axhline(whole, color=_ORANGE, linewidth=1.2, label="without noise")
    ax.axhline(bounds.lower_bounds["pascanu2013"], color=_BLUE, linewidth=1.2, label="lower bound of 2013")
    ax.axhline(bounds.shallow_regions, color=INK, linewidth=1.2, label="exact maximum, one layer")
    _seeds(ax, noisy, "noise", "activation", _GREEN, "with noise; thin: seeds")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("standard deviation of the noise, share of a layer's rms weight")
    ax.set_ylabel("activation regions in the square")
    ax.set_title(f"folding network of 2 inputs, layers {widths}", fontsize="medium")
    _clean(ax)
    _legend_below(figure, ax, 2)
    return figure
