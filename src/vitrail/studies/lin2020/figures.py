"""Pictures of the study: training, training points against others, and how loose the bound is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.plots.palette import INK, class_colors
from vitrail.studies.lin2020.points import GROUPS
from vitrail.studies.lin2020.tables import contrast_table, image_sets, per_seed, reports

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["figures"]

_NAMES = {
    "train": "training images",
    "test": "test images",
    "adversarial": "adversarial",
    "gaussian": "normal pixels",
    "uniform": "uniform pixels",
    "scaled": "uniform, as long as an image",
}
_SETS = {"mnist": "MNIST", "digits": "small digits"}
_MARKERS = dict(zip(GROUPS, ("o", "s", "^", "D", "v", "P"), strict=True))
_TICKS = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
_COLUMN, _ROW = 3.5, 2.9  # inches


def figures(results: pandas.DataFrame, out: Path) -> list[Path]:
    """Write the pictures as PNG into a folder that exists, and return their paths.

    `training.png`: bound, exact counts and distance over training. `contrasts.png`: training points against the other
    kinds, after training. `looseness.png`: bound, counts and samples over radii. Differences need two seeds.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    drawn = {"training": _training, "contrasts": _contrasts, "looseness": _looseness}
    paths = []
    for name, draw in drawn.items():
        sets = image_sets(results)
        columns = 3 if name == "training" else 2
        figure = Figure(
            figsize=(_COLUMN * columns + 0.4, _ROW * len(sets) + 0.7), layout=ConstrainedLayoutEngine(h_pad=0.1)
        )
        rows = figure.subplots(len(sets), columns, squeeze=False)
        for data, axes in zip(sets, rows, strict=True):
            draw(results[results["data"] == data], data, list(axes))
            for ax in axes:
                _clean(ax)
        entries: dict[str, Any] = {}
        for handle, label in zip(*rows[0][0].get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
        if entries:
            figure.legend(
                entries.values(), entries, loc="outside upper center", ncols=3, fontsize="small", frameon=False
            )
        path = out / f"{name}.png"
        figure.savefig(path, dpi=100)
        paths.append(path)
    return paths


def _training(results: pandas.DataFrame, data: str, axes: list[Axes]) -> None:
    radius, epochs = float(results["claim_radius"].iloc[0]), reports(results, data)
    titles = {
        "bound": f"bound, ball of radius {radius:g}\nlog10, mean over points",
        "regions": "exact count, square in the ball\nlog10, mean over points",
        "distance": "distance to the nearest boundary\ninput units, mean over points",
    }
    for ax, (measure, title) in zip(axes, titles.items(), strict=True):
        for group in GROUPS:
            values = np.stack([per_seed(results, data, measure, group, epoch, radius) for epoch in epochs])
            values = 10.0**values if measure == "distance" else values
            places, color = np.arange(len(epochs)), _color(group)
            ax.plot(places, values, color=color, linewidth=0.4, alpha=0.25)
            ax.plot(
                places,
                values.mean(axis=1),
                color=color,
                marker=_MARKERS[group],
                markersize=4,
                linewidth=1.5,
                label=_NAMES[group],
            )
        if measure == "distance":
            _plain_log(ax)
        ax.set_xticks(range(len(epochs)), [f"{epoch:g}" for epoch in epochs])
        ax.set_xlabel("epochs of training")
        ax.set_ylabel(title, fontsize="small")
        ax.set_title(_SETS.get(data, data), fontsize="medium")


def _contrasts(results: pandas.DataFrame, data: str, axes: list[Axes]) -> None:
    table = contrast_table(results)
    titles = {"bound": "bound", "regions": "exact count in squares"}
    for ax, (measure, title) in zip(axes, titles.items(), strict=True):
        ax.axhline(0.0, color=INK, linewidth=0.8)
        radii = sorted(set(results["radius"]))
        if len(table):
            last = table[(table["measure"] == measure) & (table["epoch"] == table["epoch"].max())]
            for number, group in enumerate(GROUPS[1:]):
                rows = last[last["group"] == group].sort_values("radius")
                value = rows["difference"].to_numpy()
                ax.errorbar(
                    np.arange(len(rows)) + 0.13 * (number - 2),
                    value,
                    np.stack([value - rows["low"].to_numpy(), rows["high"].to_numpy() - value]),
                    fmt=_MARKERS[group],
                    color=_color(group),
                    markersize=4,
                    linewidth=1.2,
                    capsize=2,
                    label=f"minus {_NAMES[group]}",
                )
        ax.set_xticks(range(len(radii)), [f"{radius:g}" for radius in radii])
        ax.set_xlabel("radius, input units")
        ax.set_ylabel(f"training images minus others\nlog10 of {title}", fontsize="small")
        ax.set_title(f"{_SETS.get(data, data)}, epoch {reports(results, data)[-1]:g}", fontsize="medium")


def _looseness(results: pandas.DataFrame, data: str, axes: list[Axes]) -> None:
    epochs, radii = reports(results, data), sorted(set(results["radius"]))
    names = {
        "bound": ("bound", class_colors(np.array([0]), 10)[0], "o"),
        "sampled": ("patterns of random points in the ball", class_colors(np.array([1]), 10)[0], "s"),
        "regions": ("exact count in a square in the ball", class_colors(np.array([4]), 10)[0], "^"),
    }
    for ax, epoch in zip(axes, (epochs[0], epochs[-1]), strict=True):
        for measure, (label, color, marker) in names.items():
            values = np.stack([per_seed(results, data, measure, "train", epoch, radius) for radius in radii])
            ax.plot(radii, values, color=color, linewidth=0.4, alpha=0.25)
            ax.plot(radii, values.mean(axis=1), color=color, marker=marker, markersize=4, linewidth=1.5, label=label)
        ax.set_xscale("log")
        # linear up to 1, so that a single region has a place
        ax.set_yscale("symlog", linthresh=1.0)
        top = ax.get_ylim()[1]
        ax.set_ylim(0.0, top)
        ticks = [tick for tick in _TICKS if tick <= top]
        ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.set_yticks([], minor=True)
        ax.set_xlabel("radius, input units")
        ax.set_ylabel("log10 of regions around training images\nmean over points", fontsize="small")
        ax.set_title(f"{_SETS.get(data, data)}, epoch {epoch:g}", fontsize="medium")


def _plain_log(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _color(group: str) -> Any:
    order = (0, 2, 7, 1, 4, 3)
    return class_colors(np.array([order[GROUPS.index(group)]]), 10)[0]


def _clean(ax: Axes) -> None:
    ax.grid(color="#e5e7eb", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize="small")
