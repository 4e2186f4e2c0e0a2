"""What is shown of a line, and where along it which output is the largest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.plots.view import RegionsView

__all__ = ["Bands", "Stretch", "bands_of", "stretch_of"]

_ROOM = 0.12  # of the span of the breakpoints, shown beyond them where the line does not end


@dataclass(frozen=True)
class Stretch:
    """The ends of each region in frame coordinates, cut where it is unbounded; the limits; input units per coordinate.

    `open_low` and `open_high` say whether the line goes on beyond the limits.
    """

    low: np.ndarray
    high: np.ndarray
    limits: tuple[float, float]
    scale: float
    open_low: bool
    open_high: bool


def stretch_of(regions: RegionsView) -> Stretch:
    """The part of the line that is shown: all of it, or all breakpoints and some room where it is unbounded."""
    scale = float(np.linalg.norm(regions.basis[0]))
    low, high = regions.vertices[::2, 0], regions.vertices[1::2, 0]
    ends = np.concatenate([low, high])
    finite = ends[np.isfinite(ends)]
    first, last = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    room = _ROOM * (last - first) if last > first else 1.0 / scale
    open_low, open_high = bool(np.isneginf(low).any()), bool(np.isposinf(high).any())
    limits = first - room * open_low, last + room * open_high
    return Stretch(np.maximum(low, limits[0]), np.minimum(high, limits[1]), limits, scale, open_low, open_high)


@dataclass(frozen=True)
class Bands:
    """Stretches on which one output is the largest: ends in frame coordinates, values there, output, region."""

    ends: np.ndarray
    values: np.ndarray
    winner: np.ndarray
    region: np.ndarray

    def merged(self) -> list[tuple[float, float, int]]:
        """Start, stop and output of the stretches, neighbors with the same output joined."""
        whole: list[tuple[float, float, int]] = []
        for (start, stop), output in zip(self.ends.tolist(), self.winner.tolist(), strict=True):
            if whole and whole[-1][2] == output and whole[-1][1] == start:
                whole[-1] = (whole[-1][0], stop, output)
            else:
                whole.append((start, stop, output))
        return whole


def bands_of(maps: np.ndarray, low: np.ndarray, high: np.ndarray) -> Bands:
    """The upper envelope of the outputs: `maps` (regions, 2, outputs), `low` and `high` (regions,), finite.

    Within a region the outputs are lines, so the largest one changes only where two of them cross.

    Example:
        >>> bands = bands_of(np.array([[[0.0, 1.0], [1.0, -1.0]]]), np.array([0.0]), np.array([1.0]))
        >>> bands.merged()
        [(0.0, 0.5, 1), (0.5, 1.0, 0)]
    """
    found: list[Bands] = []
    rows = np.flatnonzero(high > low)
    at = low[rows]
    values = maps[rows, 0] + at[:, None] * maps[rows, 1]
    # of several largest ones the steepest goes on
    now = np.where(values == values.max(axis=1, keepdims=True), maps[rows, 1], -np.inf).argmax(axis=1)
    while rows.size:
        constant, slope = maps[rows, 0], maps[rows, 1]
        own_constant, own_slope = (np.take_along_axis(part, now[:, None], axis=1) for part in (constant, slope))
        steeper = slope > own_slope
        meets = np.full(slope.shape, np.inf)
        np.divide(own_constant - constant, slope - own_slope, out=meets, where=steeper)
        meets = np.maximum(meets, at[:, None])
        until = np.minimum(meets.min(axis=1), high[rows])
        ends = np.stack([at, until], axis=1)
        found.append(Bands(ends, own_constant + ends * own_slope, now, rows))
        following = np.where(steeper & (meets == until[:, None]), slope, -np.inf).argmax(axis=1)
        go = until < high[rows]
        rows, at, now = rows[go], until[go], following[go]
    if not found:
        return Bands(np.empty((0, 2)), np.empty((0, 2)), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    ends, values = np.concatenate([b.ends for b in found]), np.concatenate([b.values for b in found])
    winner, region = np.concatenate([b.winner for b in found]), np.concatenate([b.region for b in found])
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    order = order[ends[order, 1] > ends[order, 0]]
    return Bands(ends[order], values[order], winner[order], region[order])
