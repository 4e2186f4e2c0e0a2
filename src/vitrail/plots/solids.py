"""Regions of a three-dimensional domain as a solid of colored glass with one corner cut away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vitrail.plots.palette import INK, LEAD, layer_colors
from vitrail.plots.panes import axis_names, layer_widths, lead_width
from vitrail.plots.patches import NO_FACET, Patches, clipped, outer_patches, section_patches
from vitrail.plots.strokes import draw_polygons, draw_strokes
from vitrail.plots.view import RegionsView, edge_layers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_patches", "draw_solid", "middle_of"]

_AZIMUTH, _ELEVATION = np.radians(32.0), np.radians(27.0)
_LONGEST_TO_SHORTEST = 4.0  # longer boxes are drawn as cubes
_LIGHT = np.array([0.94, 0.87, 1.0])  # on faces towards the three axes
_BODY_WIDTH, _SEAM_WIDTH = 0.9, 0.7  # in points
# in diagonals of the picture: the length of a tick, how far a number stands off beside one, the room that numbers take,
# and how far the name of an axis stands off
_TICK, _GAP, _NUMBER, _NAME = 0.016, 0.024, 0.045, 0.11
_MOST_TICKS = 5


@dataclass(frozen=True)
class _View:
    """Frame coordinates to the picture: sides as long as in the input space, seen from where all of them grow."""

    scale: np.ndarray

    @classmethod
    def of(cls, regions: RegionsView) -> _View:
        """True proportions unless the domain is far longer in one direction than in another."""
        extent = np.ptp(regions.vertices, axis=0)
        lengths = np.linalg.norm(regions.basis, axis=1)
        true = extent * lengths
        return cls(lengths if true.max() <= _LONGEST_TO_SHORTEST * true.min() else true.max() / extent)

    def flat(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in the picture, (..., 2)."""
        sine, cosine = np.sin(_AZIMUTH), np.cos(_AZIMUTH)
        rise, fall = np.cos(_ELEVATION), np.sin(_ELEVATION)
        across, up = [-sine, cosine, 0.0], [-fall * cosine, -fall * sine, rise]
        return points * self.scale @ np.array([across, up]).T

    def light(self, points: np.ndarray) -> float:
        """How bright a polygon is, by the direction of its normal."""
        around = points * self.scale
        normal = np.cross(around, np.roll(around, -1, axis=0)).sum(axis=0)
        length = float(np.linalg.norm(normal))
        return float(np.sqrt(_LIGHT**2 @ (normal / length) ** 2)) if length > 0 else 1.0


def middle_of(regions: RegionsView) -> np.ndarray:
    """The middle of the smallest box around all regions in frame coordinates, shape (3,)."""
    return 0.5 * (regions.vertices.min(axis=0) + regions.vertices.max(axis=0))


def draw_solid(ax: Axes, regions: RegionsView, colors: np.ndarray, lead: bool, by_layer: bool) -> None:
    """Draw the domain from outside, without the corner in which all three coordinates are above the middle.

    `lead` draws the edges of the regions, `by_layer` each in the color of the op that makes it. What is seen of a
    convex domain from outside hides nothing else of it, and the corner is cut away towards the eye: so every polygon is
    seen as a whole, and their order does not matter.
    """
    view, middle = _View.of(regions), middle_of(regions)
    outside, inside = _surface(regions, view, middle)
    number = len(outside.corners) + len(inside.corners)
    for patches, body in ((outside, False), (inside, True)):
        flat = [view.flat(points) for points in patches.corners]
        light = np.array([view.light(points) for points in patches.corners])
        draw_patches(
            ax, regions, patches, flat, colors[patches.regions] * light[:, None], (lead, by_layer, body, number)
        )
    _draw_axes(ax, regions, view)
    ax.set_aspect("equal")
    ax.set_axis_off()


def draw_patches(
    ax: Axes,
    regions: RegionsView,
    patches: Patches,
    flat: list[np.ndarray],
    colors: np.ndarray,
    style: tuple[bool, bool, bool, int],
) -> None:
    """Fill polygons whose corners `flat` lie in the picture, and draw their edges.

    The style: whether edges are drawn, whether in the colors of the layers, whether also those that no facet makes, and
    how many polygons the picture has in all, by which the lines are thinner.
    """
    lead, by_layer, cuts, number = style
    if not flat:
        return
    width = lead_width(number)
    # edges of the polygon's own color close the seams where one was clipped into parts
    draw_polygons(ax, flat, colors, "face", min(_SEAM_WIDTH, 1.5 * width))
    rows = np.concatenate(patches.labels)
    ends = np.concatenate([np.stack([points, np.roll(points, -1, axis=0)], axis=1) for points in flat])
    layer = edge_layers(regions)[rows]
    inner = (rows != NO_FACET) & (layer >= 0)
    body = (rows != NO_FACET) & (layer < 0) | ((rows == NO_FACET) & cuts)
    draw_strokes(ax, ends[body], INK, max(_BODY_WIDTH, width), zorder=4)
    if not lead and not by_layer:
        return
    if not by_layer:
        draw_strokes(ax, ends[inner], LEAD, width, zorder=3)
        return
    layers = len(regions.layout.units)
    for i, (color, thick) in enumerate(zip(layer_colors(layers), layer_widths(layers, number), strict=True)):
        draw_strokes(ax, ends[inner & (layer == i)], [tuple(color)], thick, zorder=3 - i / layers)


def _surface(regions: RegionsView, view: _View, middle: np.ndarray) -> tuple[Patches, Patches]:
    """What is seen of the outside without the corner, and of the three sections that bound the corner."""
    outside = outer_patches(regions)
    seen = [i for i, points in enumerate(outside.corners) if _area(view.flat(points)) > 0]
    rest = _chosen(outside, seen)
    parts = []
    for axis in range(3):
        parts.append(clipped(rest, axis, middle[axis], above=False))
        rest = clipped(rest, axis, middle[axis], above=True)
    sections = []
    for axis in range(3):
        part = section_patches(regions, axis, middle[axis])
        for other in ((axis + 1) % 3, (axis + 2) % 3):
            part = clipped(part, other, middle[other], above=True)
        sections.append(part)
    return _joined(parts), _joined(sections)


def _area(flat: np.ndarray) -> float:
    """Twice the area of a polygon in the picture, positive where it is counter-clockwise."""
    x, y = (flat - flat[0]).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _chosen(patches: Patches, rows: list[int]) -> Patches:
    return Patches([patches.corners[i] for i in rows], [patches.labels[i] for i in rows], patches.regions[rows])


def _joined(parts: list[Patches]) -> Patches:
    return Patches(
        [points for part in parts for points in part.corners],
        [names for part in parts for names in part.labels],
        np.concatenate([part.regions for part in parts]),
    )


def _draw_axes(ax: Axes, regions: RegionsView, view: _View) -> None:
    """Ticks, their numbers and a name along three edges of the box around the solid that nothing hides."""
    low, high = regions.vertices.min(axis=0), regions.vertices.max(axis=0)
    corners = np.array([[(low, high)[(i >> k) & 1][k] for k in range(3)] for i in range(8)])
    flat = view.flat(corners)
    size, center = float(np.linalg.norm(np.ptp(flat, axis=0))), flat.mean(axis=0)
    taken = [flat]
    # in front at the bottom, and on the left
    edges = np.array([[0.0, high[1], low[2]], [high[0], 0.0, low[2]], [high[0], low[1], 0.0]])
    for axis, (base, name) in enumerate(zip(edges, axis_names(regions), strict=True)):
        ticks = _ticks(low[axis], high[axis])
        places = np.repeat(base[None], len(ticks) + 2, axis=0)
        places[:, axis] = [low[axis], high[axis], *ticks]
        start, stop, *marks = view.flat(places)
        along = (stop - start) / np.linalg.norm(stop - start)
        outward = np.array([along[1], -along[0]])
        outward = outward if outward @ (0.5 * (start + stop) - center) > 0 else -outward
        strokes = [(start, stop), *((mark, mark + _TICK * size * outward) for mark in marks)]
        draw_strokes(ax, np.array(strokes), INK, 0.7, zorder=4)
        for value, mark in zip(ticks.tolist(), marks, strict=True):
            place = mark + (_GAP if axis == 2 else _TICK) * size * outward
            text, align = f"{value:.4g}".replace("-", "−"), "left" if outward[0] > 0 else "right"
            level = "center" if axis == 2 else "top"
            ax.text(place[0], place[1], text, ha=align, va=level, fontsize="small", color=INK)
        angle = float(np.degrees(np.arctan2(along[1], along[0])))
        upright = 90.0 - (90.0 - angle) % 180.0
        place, short = 0.5 * (start + stop) + _NAME * size * outward, name.partition(" (")[0]
        ax.text(place[0], place[1], short, ha="center", va="center", rotation=upright, color=INK)
        taken += [np.array(marks).reshape(-1, 2) + _NUMBER * size * outward, place[None]]
    everything = np.concatenate(taken)
    room = _NUMBER * size
    ax.set_xlim(everything[:, 0].min() - room, everything[:, 0].max() + room)
    ax.set_ylim(everything[:, 1].min() - room, everything[:, 1].max() + 0.2 * room)


def _ticks(low: float, high: float) -> np.ndarray:
    from matplotlib.ticker import MaxNLocator

    ticks = np.asarray(MaxNLocator(_MOST_TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    return ticks[(ticks >= low) & (ticks <= high)]
