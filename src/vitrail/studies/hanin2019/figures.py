"""The figures of the study: regions and distances against the epoch, noise, and a picture of the regions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.plots.palette import INK, layer_colors
from vitrail.studies.hanin2019.curves import draw_seeds, finish, new_figure, over_epochs, plain_ticks, shades
from vitrail.studies.hanin2019.plan import LABELS, PICTURE, POINTS, SAWTOOTH, TRAINING

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["figures"]

_FAINT = "#9aa0ab"
_EDGE = 5.0  # points, over the root of the number of regions: edges must not hide many small panes


def figures(results: pandas.DataFrame, out: Path) -> list[Path]:
    """Draw lines.png, planes.png, distances.png, labels.png, points.png, sawtooth.png and picture.png into a folder.

    Thin lines are seeds, thick ones their means.

    Raises:
        KeyError: results without one of the experiments.

    Example:
        >>> import pandas
        >>> figures(pandas.DataFrame({"experiment": []}), Path("nowhere"))
        Traceback (most recent call last):
        ...
        KeyError: 'training'
    """
    of = {name: group for name, group in results.groupby("experiment")}
    training = of[TRAINING]
    return [
        _lines(training, out / "lines.png"),
        _planes(training, out / "planes.png"),
        _distances(training, out / "distances.png"),
        _labels(of[LABELS], out / "labels.png"),
        _points(of[POINTS], out / "points.png"),
        _sawtooth(of[SAWTOOTH], out / "sawtooth.png"),
        _picture(of[PICTURE], out / "picture.png"),
    ]


def _networks(training: pandas.DataFrame) -> list[tuple[str, str, Any]]:
    """Widths, name and color of each network: a hue for each depth, darker with more units."""
    table = training[["widths", "units"]].drop_duplicates()
    table = table.assign(depth=table["widths"].str.count("-") + 1).sort_values(["depth", "units"])
    found = []
    for (_, group), color in zip(table.groupby("depth"), layer_colors(table["depth"].nunique()), strict=True):
        for widths, depth, shade in zip(group["widths"], group["depth"], shades(color, len(group)), strict=True):
            found.append((widths, f"{depth} x {widths.partition('-')[0]}", shade))
    return found


def _trainings(ax: Axes, training: pandas.DataFrame, values: pandas.Series, label: str) -> None:
    for widths, name, color in _networks(training):
        chosen = training["widths"] == widths
        own = training[chosen].assign(value=values[chosen])
        draw_seeds(ax, own.pivot_table(index="epoch", columns="seed", values="value"), color, name)
    over_epochs(ax, training["epoch"])
    ax.set_ylabel(label)


def _level(ax: Axes, value: float, text: str) -> None:
    ax.axhline(value, color=_FAINT, linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
    ax.annotate(
        text, (1.0, value), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
        ha="left", va="center", fontsize=8, color="#5b616d",
    )  # fmt: skip


def _lines(training: pandas.DataFrame, path: Path) -> Path:
    figure, (ax,) = new_figure(1, width=6.4)
    _trainings(ax, training, training["regions_line"] / training["units"], "regions on a line / units N")
    _level(ax, 1.0, "N")
    ax.set_ylim(bottom=0.0)
    return finish(figure, path, ax, "layers x width")


def _planes(training: pandas.DataFrame, path: Path) -> Path:
    planes = training.dropna(subset=["regions_plane"])
    figure, axes = new_figure(2)
    for ax, column, label in zip(axes, ("plane", "window"), ("large square", "square around images"), strict=True):
        _trainings(ax, planes, planes[f"regions_{column}"] / planes["units"] ** 2, f"regions, {label} / N$^2$")
        ax.set_ylim(bottom=0.0)
    _level(axes[0], 0.5, "N$^2$/2")
    return finish(figure, path, axes[-1], "layers x width")


def _distances(training: pandas.DataFrame, path: Path) -> Path:
    figure, axes = new_figure(2)
    scaled = training["distance_random"] * training["units"]
    _trainings(axes[0], training, scaled, "mean distance x N (input units)")
    axes[0].set_title("random points", fontsize=10, color=INK)
    axes[0].set_ylim(bottom=0.0)
    ax = axes[1]
    units = np.array(sorted(training["units"].unique()), dtype=np.float64)
    for scale, text in ((0.4, "0.4/N"), (2.0, "2/N")):
        ax.plot(units, scale / units, color=_FAINT, linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
        ax.annotate(text, (units[-1], scale / units[-1]), xytext=(3, 0), textcoords="offset points", fontsize=8)
    markers = {"train": "o", "test": "s", "random": "^"}
    for epoch, color in zip((0.0, 1.0), layer_colors(2), strict=True):
        at = training[training["epoch"] == epoch].groupby("units").mean(numeric_only=True)
        for kind, marker in markers.items():
            ax.plot(
                at.index, at[f"distance_{kind}"], marker, color=color, markersize=4.5, markerfacecolor="none",
                label=f"epoch {epoch:g}, {kind}",
            )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="units N", ylabel="mean distance (input units)")
    plain_ticks(ax.xaxis, (60, 100, 200, 500))
    plain_ticks(ax.yaxis, (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05))
    ax.legend(frameon=False, fontsize=8)
    return finish(figure, path, axes[0], "layers x width")


def _labels(labels: pandas.DataFrame, path: Path) -> Path:
    figure, axes = new_figure(2)
    fractions = sorted(labels["fraction"].unique())
    for fraction, color in zip(fractions, shades(layer_colors(3)[2], len(fractions)), strict=True):
        own = labels[labels["fraction"] == fraction]
        name = f"{100 * fraction:.0f} %"
        draw_seeds(axes[0], own.pivot_table(index="epoch", columns="seed", values="regions_line"), color, name)
        mean = own.groupby("epoch")[["train_accuracy", "regions_line"]].mean()
        axes[1].plot(100 * mean["train_accuracy"], mean["regions_line"], "o-", color=color, markersize=3, linewidth=1.4)
    over_epochs(axes[0], labels["epoch"])
    axes[1].set_xlabel("training images learned, mean of seeds (%)")
    for ax in axes:
        ax.set_ylabel("regions on a line")
        _level(ax, float(labels["units"].iloc[0]), "N")
    return finish(figure, path, axes[0], "labels replaced")


def _points(points: pandas.DataFrame, path: Path) -> Path:
    swept = [
        ("examples", "points"),
        ("learning_rate", "learning rate"),
        ("weight_variance", "variance of weights x inputs"),
        ("bias_std", "deviation of biases"),
    ]
    figure, axes = new_figure(4)
    share = points["regions_space"] / points["units"] ** 2
    for ax, (name, title) in zip(axes, swept, strict=True):
        kept = points["seed"] >= 0
        for other, _ in swept:
            if other != name:
                kept &= points[other] == points[other].mode().iloc[0]
        values = sorted(points.loc[kept, name].unique())
        for value, color in zip(values, shades(layer_colors(3)[2], len(values)), strict=True):
            chosen = kept & (points[name] == value)
            own = points[chosen].assign(value=share[chosen])
            draw_seeds(ax, own.pivot_table(index="step", columns="seed", values="value"), color, f"{value:g}")
        ax.set_xlabel("updates")
        ax.set_ylabel("regions, whole plane / N$^2$")
        _level(ax, 0.5, "N$^2$/2")
        ax.legend(title=title, frameon=False, fontsize=8, title_fontsize=8)
    top = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(0.0, top)
    return finish(figure, path, None, "")


def _sawtooth(sawtooth: pandas.DataFrame, path: Path) -> Path:
    figure, (ax,) = new_figure(1, width=6.0)
    depths = sorted(sawtooth["depth"].unique())
    for depth, color in zip(depths, shades(layer_colors(2)[1], len(depths)), strict=True):
        own = sawtooth[sawtooth["depth"] == depth]
        name = f"{own['units'].iloc[0]} units, {own['pieces_without_noise'].iloc[0]:g} pieces"
        draw_seeds(ax, own.pivot_table(index="noise", columns="seed", values="pieces"), color, name)
    ax.set(yscale="log", xlabel="standard deviation of the noise on weights and biases", ylabel="pieces on [0, 1]")
    plain_ticks(ax.yaxis, sorted(sawtooth["pieces_without_noise"].unique()))
    return finish(figure, path, ax, "without noise")


def _picture(picture: pandas.DataFrame, path: Path) -> Path:
    from matplotlib.collections import PolyCollection

    epochs = sorted(picture["epoch"].unique())
    figure, axes = new_figure(len(epochs), width=3.6 * len(epochs), height=3.9, columns=len(epochs))
    for ax, epoch in zip(axes, epochs, strict=True):
        own = picture[picture["epoch"] == epoch]
        corners = own[own["kind"] == "corner"]
        ends = np.flatnonzero(np.diff(corners["region"].to_numpy())) + 1
        polygons = np.split(corners[["x", "y"]].to_numpy(), ends)
        colors = corners[["red", "green", "blue"]].to_numpy()[np.concatenate([[0], ends])]
        ax.add_collection(
            PolyCollection(polygons, facecolors=colors, edgecolors=INK, linewidths=_EDGE / math.sqrt(len(polygons)))
        )
        images = own[own["kind"] == "image"]
        ax.plot(images["x"], images["y"], "o", color=INK, markersize=5, markeredgecolor="white")
        half = float(corners[["x", "y"]].abs().to_numpy().max())
        ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xlabel="input units")
        ax.set_title(f"epoch {epoch:g}: {len(polygons):,} regions", fontsize=10, color=INK)
    return finish(figure, path, None, "")
