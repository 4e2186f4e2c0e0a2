"""Pictures of a table of bounds: the bounds side by side, and how they grow with depth and width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrail.bounds.architecture import Architecture
from vitrail.bounds.bounds_table import BoundsTable, on_expectation
from vitrail.bounds.depth import DepthComparison, compare
from vitrail.bounds.growing import growth
from vitrail.bounds.values import log10_of
from vitrail.plots.bounds import plot_growth, plot_lines
from vitrail.plots.palette import INK
from vitrail.plots.sheet import TITLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["picture", "picture_of_growth"]

_DRAWN = (
    *("montufar2014", "raghu2017", "montufar2017", "serra2018", "hinz2021", "vitrail_narrow"),
    *("goujon2024", "montufar2022_upper", "montufar2022_lower"),
    *("serra2018_lower", "montufar2014_lower", "pascanu2013_lower"),
)
"""Bounds that are drawn against depth and width."""
_MOST_STEPS, _LEAST_LAYERS = 12, 6
_DEEP, _SHALLOW = "#8a63b0", "#117733"


def picture(table: BoundsTable) -> Figure:
    """Draw all bounds of a table on the number of regions, and the count.

    Raises:
        InvalidOptionError: no bounds.

    Example:
        >>> from vitrail.bounds import table
        >>> len(picture(table("2-4-4-1")).axes)
        1
    """
    from matplotlib.figure import Figure

    rows = [row for row in table if not on_expectation(row)]
    figure = Figure(figsize=(8.0, 2.0 + 0.3 * len({(row.value, row.kind) for row in rows})), layout="constrained")
    table.plot(figure.subplots())
    figure.suptitle(_title(table), **TITLE)
    return figure


def picture_of_growth(table: BoundsTable) -> Figure:
    """Draw the bounds of fully connected layers: side by side, against depth, against width, deep against shallow.

    The rows of networks have layers as wide as the widest of the table's; deep networks stand against shallow ones of
    as many units, and of as many parameters, for ReLU. Without hidden layers there are bounds alone.

    Raises:
        InvalidOptionError: no bounds.

    Example:
        >>> from vitrail.bounds import table
        >>> [ax.get_xlabel() for ax in picture_of_growth(table("2-4-4-1")).axes]
        ['regions', 'hidden layers', 'units per layer', 'hidden layers']
    """
    from matplotlib.figure import Figure

    architecture = table.setting.architecture
    if not architecture.layers:
        return picture(table)
    relu = all(layer.switched_off for layer in architecture.layers)
    figure = Figure(figsize=(13.0, 10.0), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    table.plot(axes[0])
    _draw_growth(architecture, axes[1], "layers")
    _draw_growth(architecture, axes[2], "width")
    if relu:
        _draw_depth(architecture, axes[3])
    else:
        axes[3].remove()
    for ax, part in zip(figure.axes, "abcd", strict=False):
        ax.set_title(part, loc="left", fontweight="bold", color=INK)
    figure.suptitle(_title(table), **TITLE)
    return figure


def _title(table: BoundsTable) -> str:
    architecture = table.setting.architecture
    return f"{architecture.name} ({architecture.activation}): bounds on the number of {table.definition.value} regions"


def _draw_growth(architecture: Architecture, ax: Axes, along: str) -> None:
    width, depth = max(architecture.widths), len(architecture.layers)
    ranks = {pieces for layer in architecture.layers for pieces, _ in layer.pieces}
    options = {"activation": architecture.layers[0].activation}
    rank = max(ranks) if options["activation"] == "maxout" else None
    most = max(depth, _LEAST_LAYERS) if along == "layers" else max(2 * width, _LEAST_LAYERS)
    stride = -(-most // _MOST_STEPS)
    steps = list(range(stride, most + 1, stride)) if stride > 1 else list(range(1, most + 1))
    found = growth(architecture.input_dimension, width, depth, along=along, sizes=steps, rank=rank, **options)
    plot_growth(found, ax, names=_DRAWN)
    count = "layer" if depth == 1 else "layers"
    text = f"layers of {width:,} units" if along == "layers" else f"{depth:,} {count} of as many units"
    ax.set_title(f"{architecture.input_dimension:,} inputs, {text}", fontsize="medium", color=INK)


def _draw_depth(architecture: Architecture, ax: Axes) -> None:
    width = max(architecture.widths)
    depths = list(range(1, max(len(architecture.layers), _LEAST_LAYERS) + 1))
    found = [compare(architecture.input_dimension, width, depth) for depth in depths]
    lines = {
        "deep, at most (Serra et al.)": ([log10_of(one.deep_upper) for one in found], _DEEP),
        "deep, at least (best lower bound)": ([log10_of(one.deep_lower) for one in found], _DEEP),
        "one layer of as many units, maximum": ([log10_of(one.shallow_regions) for one in found], _SHALLOW),
        "one layer of as many parameters, maximum": ([log10_of(one.equal_regions) for one in found], _SHALLOW),
    }
    plot_lines(depths, lines, ax)
    ax.set_title(_winner(found), fontsize="medium", color=INK)


def _winner(found: list[DepthComparison]) -> str:
    """From which depth on deep networks have more regions at equal units, as far as it is drawn."""
    wins = [one.layers for one in found if one.deep_wins]
    if wins:
        return f"layers of {found[0].width:,} units: {wins[0]} of them beat one layer of as many units"
    loses = all(one.deep_wins is False for one in found)
    verdict = "one layer of as many units has more" if loses else "not decided at as many units"
    return f"1 to {found[-1].layers} layers of {found[0].width:,} units: {verdict}"
