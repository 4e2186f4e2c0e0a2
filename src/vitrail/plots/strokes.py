"""Many straight strokes, or many filled polygons, as one collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_polygons", "draw_strokes"]


def draw_strokes(ax: Axes, segments: np.ndarray, colors: Any, width: float, zorder: float) -> None:
    """Draw segments (n, 2, 2) with round ends, in one color or in one for each."""
    from matplotlib.collections import LineCollection

    paths: Any = segments  # an array is several times faster than the sequence of arrays that the types ask for
    ax.add_collection(LineCollection(paths, colors=colors, linewidths=width, capstyle="round", zorder=zorder))


def draw_polygons(
    ax: Axes, polygons: np.ndarray | Sequence[np.ndarray], colors: np.ndarray, edge: str, width: float
) -> None:
    """Fill polygons, each of shape (vertices, 2), with a color for each; `edge` is a color or "face", the same one."""
    from matplotlib.collections import PolyCollection

    paths: Any = polygons
    ax.add_collection(PolyCollection(paths, facecolors=colors, edgecolors=edge, linewidths=width, zorder=1))
