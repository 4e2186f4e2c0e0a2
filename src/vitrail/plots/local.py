"""One picture of a report about many points: what their regions look like, by group."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.plots.histograms import DirectionsView, plot_angles, plot_histogram
from vitrail.plots.palette import INK
from vitrail.plots.sheet import TITLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DRAWN", "plot_report"]

DRAWN = {
    "distance": "distance to the region's boundary (input units)",
    "radius": "radius of the largest ball in the region (input units)",
    "decision_distance": "distance to the decision boundary in the region (input units)",
}
"""Columns that have a histogram, with the text below it."""

_SIZES = {1: (6.4, 4.6), 2: (11.0, 4.6), 3: (15.6, 4.6), 4: (11.0, 8.8)}
_PARTS = "abcd"
_LETTERS_PER_INCH = 11.0  # of a title


def plot_report(
    table: Mapping[str, ArrayLike],
    directions_by_group: Mapping[str, DirectionsView] | None = None,
    *,
    title: str = "",
    angles_title: str = "",
    figure: Figure | None = None,
) -> Figure:
    """Draw the histograms of distances, radii, angles and decision boundaries by group, as far as they were measured.

    `table` has a column `group` and some of the columns of `DRAWN`, one number per point, as the table of `report`;
    `directions_by_group` has the angles of each group, without which there is no panel of angles, and `angles_title`
    stands above that panel. See `plot_histogram` and `plot_angles` for infinite and unknown numbers. Returns `figure`,
    or a new one that pyplot does not know.

    Raises:
        InvalidOptionError: nothing to draw: none of these columns and no directions, or no points.

    Example:
        >>> table = {"group": ["data", "data", "random"], "distance": [0.1, 0.2, 0.3], "radius": [1.0, 2.0, 3.0]}
        >>> figure = plot_report(table, title="three points")
        >>> [ax.get_title(loc="left") for ax in figure.axes]
        ['a', 'b']
    """
    from matplotlib.figure import Figure as NewFigure

    names = [str(name) for name in np.asarray(table["group"], dtype=object)]
    columns = [name for name in DRAWN if name in table]
    count = len(columns) + (1 if directions_by_group else 0)
    if not count or not names:
        raise InvalidOptionError(
            f"table: expected points with at least one of {', '.join(DRAWN)}, or directions, found {len(names)} points "
            f"with {len(columns)} of these columns"
        )
    if figure is None:
        figure = NewFigure(figsize=_SIZES[count], layout="constrained")
    axes = figure.subplots(*((2, 2) if count == len(_PARTS) else (1, count)), squeeze=False).ravel()
    of_group = {name: np.array([own == name for own in names]) for name in dict.fromkeys(names)}
    for ax, column in zip(axes, columns, strict=False):
        values = np.asarray(table[column], dtype=np.float64)
        finite = values[np.isfinite(values)]
        # around a single number a linear axis would reach far below 0
        log = True if finite.size and 0 < finite.min() == finite.max() else None
        plot_histogram({name: values[own] for name, own in of_group.items()}, ax, xlabel=DRAWN[column], log=log)
    if directions_by_group:
        plot_angles(directions_by_group, axes[-1])
        axes[-1].set_title(angles_title, fontsize="small", color=INK)
    if count > 1:
        for ax, part in zip(axes, _PARTS, strict=False):
            ax.set_title(part, loc="left", fontweight="bold", color=INK)
    if title:
        width = int(_LETTERS_PER_INCH * figure.get_figwidth())
        figure.suptitle(textwrap.fill(title, width).replace("$", r"\$"), **TITLE)
    return figure
