"""The figures of the study: every dot or thin line is a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.plots.palette import INK, class_colors
from vitrail.studies.zhang2020.claims import OPTIMIZERS
from vitrail.studies.zhang2020.groups import GROUPS
from vitrail.studies.zhang2020.summary import DATA, LOG_EACH, LOG_MEAN, MEAN, at_end, by_seed

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figures"]

_FULL = ("plain", "batch norm", "dropout")
_CONVOLUTIONS = ("convolution", "convolution, batch norm", "convolution, dropout")
_KINDS = {"fully connected": _FULL, "convolutional": _CONVOLUTIONS}
_PLACES = {"test": "next to\nan image", "between": "whole\nway", "boundary": "around decision\nboundary"}
_RIGHT_ANGLE = 90.0
_DOTS_PER_INCH = 150
_WIDE = 100.0
"""Ratio of the ends of an axis beyond which only powers of ten have a label."""


def figures(results: pandas.DataFrame, out: Path) -> list[Path]:
    """Draw inspheres, directions, boundaries, relevance and optimizers; returns the files."""
    end = at_end(results)
    drawn = {
        "inspheres": _inspheres(end),
        "directions": _directions(results, end),
        "boundaries": _boundaries(end),
        "relevance": _relevance(end),
        "optimizers": _optimizers(end),
    }
    paths = []
    for name, figure in drawn.items():
        path = out / f"{name}.png"
        figure.savefig(path, dpi=_DOTS_PER_INCH)
        paths.append(path)
    return paths


def _inspheres(end: pandas.DataFrame) -> Figure:
    figure, axes = _panels(_KINDS)
    for ax, networks in zip(axes, _KINDS.values(), strict=True):
        _by_place(ax, end, networks, GROUPS, lambda name, group: by_seed(end, name, "radius", (group,), LOG_EACH))
        ax.set_xticks(range(len(GROUPS)), ["training\nimages", "test\nimages", "random\npoints", "decision\nboundary"])
    axes[0].set_ylabel("radius of the largest ball\nin a region (input units)")
    _legend(figure, axes[0], 3)
    return figure


def _boundaries(end: pandas.DataFrame) -> Figure:
    figure, axes = _panels(_KINDS)
    for ax, networks in zip(axes, _KINDS.values(), strict=True):
        _by_place(ax, end, networks, _PLACES, lambda name, group: by_seed(end, name, "cuts", (group,), LOG_MEAN))
        ax.set_xticks(range(len(_PLACES)), list(_PLACES.values()))
    axes[0].set_ylabel("boundaries of regions per input unit,\non the way between two images")
    _legend(figure, axes[0], 3)
    return figure


def _directions(results: pandas.DataFrame, end: pandas.DataFrame) -> Figure:
    figure, axes = _panels(("angles after training", "in training"))
    for name, color in _colors(_FULL).items():
        rows = _of(end, name, "angle", DATA)
        for place, (_, own) in enumerate(rows.groupby("seed")):
            means = own.groupby("at")["value"].mean()
            label = name if place == 0 else None
            axes[0].plot(means.index, 100.0 * means, color=color, linewidth=0.9, alpha=0.8, label=label)
        for _, own in _of(results, name, "unit_cosine", DATA).groupby("seed"):
            means = own.groupby("epoch")["value"].mean()
            axes[1].plot(means.index, means, color=color, linewidth=0.9, alpha=0.8, marker="o", markersize=3)
    axes[0].set_xlim(0.0, _RIGHT_ANGLE)
    axes[0].set_xlabel("angle between two normals (degrees)")
    axes[0].set_ylabel("pairs of units in a bin of 2 degrees (%)")
    _legend(figure, axes[0], 3)
    axes[1].set_xlabel("epoch")
    axes[1].set_ylabel("mean |cos| of the angles, at images")
    axes[1].set_ylim(bottom=0)
    return figure


def _relevance(end: pandas.DataFrame) -> Figure:
    labels = {
        "gradient_cosine": "mean cosine with the gradient at the image",
        "switched": "units that switched (%)",
    }
    figure, axes = _panels(("gradients", "patterns"))
    for ax, (quantity, label) in zip(axes, labels.items(), strict=True):
        scale = 100.0 if quantity == "switched" else 1.0
        for name, color in _colors(_FULL).items():
            for place, (_, own) in enumerate(_of(end, name, quantity, DATA).groupby("seed")):
                means = scale * own.groupby("at")["value"].mean()
                shown = name if place == 0 else None
                ax.plot(means.index, means, color=color, linewidth=0.9, alpha=0.8, label=shown)
        ax.set_xscale("log")
        ax.set_xlabel("distance from an image, towards another (input units)")
        ax.set_ylabel(label)
    axes[0].set_ylim(top=1.02)
    _legend(figure, axes[0], 3)
    return figure


def _optimizers(end: pandas.DataFrame) -> Figure:
    names = (*OPTIMIZERS, "slow adam", *_FULL[1:])
    figure, axes = _panels(("size and accuracy", "directions and accuracy"))
    accuracy = 100.0 * end.groupby(["network", "seed"])["test_accuracy"].first()
    for name, color in _colors(names).items():
        if name not in accuracy.index.get_level_values(0):
            continue
        across = accuracy.loc[name].sort_index()
        radius, cosine = by_seed(end, name, "radius", DATA, LOG_EACH), by_seed(end, name, "unit_cosine", DATA, MEAN)
        shown: dict[str, Any] = {"color": color, "s": 26, "alpha": 0.85, "linewidths": 0}
        axes[0].scatter(across, 10.0**radius, label="adam" if name == "plain" else name, **shown)
        axes[1].scatter(across, cosine, **shown)
    axes[0].set_ylabel("radius of the largest ball,\nat images (input units)")
    axes[1].set_ylabel("mean |cos| of the angles, at images")
    for ax in axes:
        ax.set_xlabel("test accuracy (%)")
        ax.set_ylim(bottom=0)
    _legend(figure, axes[0], 4)
    return figure


def _by_place(
    ax: Axes,
    end: pandas.DataFrame,
    networks: Sequence[str],
    groups: Sequence[str] | Mapping[str, str],
    of: Callable[[str, str], pandas.Series],
) -> None:
    """Columns of dots for each group and network, a dot per seed and a line at their mean; logarithms are undone."""
    from matplotlib.ticker import LogLocator, NullFormatter

    for place, (name, color) in enumerate(_colors(networks).items()):
        shift = 0.22 * (place - 0.5 * (len(networks) - 1))
        for column, group in enumerate(groups):
            values = of(name, group).to_numpy(dtype=np.float64)
            values = 10.0 ** values[np.isfinite(values)]
            if values.size:
                middle = 10.0 ** np.log10(values).mean()
                ax.scatter(np.full(values.size, column + shift), values, s=16, color=color, alpha=0.7, linewidths=0)
                ax.hlines(middle, column + shift - 0.09, column + shift + 0.09, color=color)
        ax.plot([], [], color=color, label=name)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < _WIDE * low else (1.0,)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, ax: Axes, columns: int) -> None:
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False)


def _of(rows: pandas.DataFrame, network: str, quantity: str, groups: Sequence[str]) -> pandas.DataFrame:
    chosen = (rows["network"] == network) & (rows["quantity"] == quantity) & rows["group"].isin(list(groups))
    return rows[chosen]


def _panels(titles: Sequence[str] | Mapping[str, object]) -> tuple[Figure, np.ndarray]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    axes = figure.subplots(1, len(titles), squeeze=False)[0]
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, loc="left", fontsize="medium", color=INK)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _colors(names: Sequence[str]) -> dict[str, Any]:
    # black and white too: neighbors differ in lightness
    return dict(zip(names, class_colors(np.array([0, 1, 4, 3, 6, 7, 2, 5])[: len(names)], 10), strict=True))
