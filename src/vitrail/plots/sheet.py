"""What the pictures for print share: places in inches, images, legends, and the colors of panes by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.plots.palette import INK, class_colors, pattern_shades, tint
from vitrail.plots.view import RegionsView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["TITLE", "WIDTH", "class_shades", "legend_below", "listed", "place", "show_image"]

WIDTH = 9.0
"""Of a figure, in inches: at 100 dots per inch the width of a README."""

TITLE: dict[str, Any] = {"fontsize": 11.5, "fontweight": "bold", "color": INK}

_IMAGE_MAP = "gray_r"
_WEAKEST, _STRONGEST = 0.26, 0.62  # how much of its class's color a pane has


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """New Axes at a place given in inches from the lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def show_image(ax: Axes, image: np.ndarray, caption: str, limits: tuple[float, float], anchor: str = "C") -> None:
    """Show a grey image, dark where its values are high; `limits` are the values of white and black."""
    ax.imshow(image, cmap=_IMAGE_MAP, interpolation="nearest", vmin=limits[0], vmax=limits[1])
    ax.set_anchor(anchor)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(color=INK, linewidth=0.8)
    ax.set_title(caption, fontsize=10.5, color=INK, pad=4)


def legend_below(figure: Figure, left: float, bottom: float, handles: Sequence[Line2D]) -> None:
    """A legend in one row or more, its lower left corner at a place in inches."""
    across, up = figure.get_size_inches()
    figure.legend(
        handles=list(handles), loc="lower left", bbox_to_anchor=(left / across, bottom / up), ncols=4, frameon=False,
        fontsize=9.5, handlelength=1.8, columnspacing=1.6, borderaxespad=0.0, borderpad=0.0,
    )  # fmt: skip


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def class_shades(cut: RegionsView, classes: np.ndarray, regions: RegionsView) -> np.ndarray:
    """The color of each class mixed with white, by a share that belongs to the pattern; shape (cut regions, 3).

    `cut` are `regions` cut by class: both parts of a region that the decision boundary crosses have one share.
    """
    colors = class_colors(classes, max(2, regions.affine_maps.shape[2]))
    if cut.words is None:
        return tint(colors, np.full(len(classes), 0.5 * (_WEAKEST + _STRONGEST)))
    shares = pattern_shades(cut.words[:, : regions.layout.words])
    return tint(colors, _WEAKEST + (_STRONGEST - _WEAKEST) * shares)
