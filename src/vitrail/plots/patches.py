"""Flat convex polygons in space: facets of three-dimensional cells, plane sections of them, and parts of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.plots.view import RegionsView

__all__ = ["NO_FACET", "Patches", "clipped", "outer_patches", "section_patches"]

NO_FACET = -1
"""The label of an edge that no facet makes: where a polygon was clipped."""

_FACETS_OF_AN_EDGE = 2  # of a polytope in space: two of its facets have no more than an edge in common


@dataclass(frozen=True)
class Patches:
    """Convex polygons in frame coordinates, each (corners, 3) and counter-clockwise seen from outside.

    `labels` has for each polygon the row of the facet that makes the edge after each corner, in the set's arrays of
    facets, or `NO_FACET`. `regions` (polygons,) are the regions that they belong to.
    """

    corners: list[np.ndarray]
    labels: list[np.ndarray]
    regions: np.ndarray


def outer_patches(regions: RegionsView) -> Patches:
    """The facets of three-dimensional cells that lie on the domain's own boundary, seen from outside."""
    rows = np.flatnonzero(regions.facet_units < 0)
    owners = np.searchsorted(regions.facet_offsets, rows, side="right") - 1
    found = _Collector()
    for row, region in zip(rows.tolist(), owners.tolist(), strict=True):
        points, masks = _cell(regions, region)
        on = masks[:, row - regions.facet_offsets[region]]
        if on.sum() >= 3:
            middle = points[on].mean(axis=0)
            # it is wide in the first direction and flat in the last, which is to point away from the cell
            first, _, normal = np.linalg.svd(points[on] - middle)[2]
            normal = normal if normal @ (middle - points.mean(axis=0)) > 0 else -normal
            axes = np.stack([first, np.cross(normal, first)], axis=1)
            found.add(region, points[on], masks[on], axes, int(regions.facet_offsets[region]))
    return found.patches()


def section_patches(regions: RegionsView, axis: int, at: float) -> Patches:
    """Where three-dimensional cells meet the plane t[axis] = `at`, seen from the side of greater t[axis].

    Of two cells with a facet in that plane it is the one below. Corners are those of the cells' own edges, so the
    polygons are right up to rounding.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], None), ([[1.0, 1, 1]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0] * 3, [1.0] * 3))
        >>> patches = section_patches(regions, 2, 0.0)
        >>> len(patches.corners), bool((regions.witnesses[patches.regions, 2] < 0).all())
        (4, True)
    """
    heights = regions.vertices[:, axis] - at
    sides = np.sign(heights) * (np.abs(heights) > regions.vertex_errors)
    starts = regions.offsets[:-1]
    low, high = np.minimum.reduceat(sides, starts), np.maximum.reduceat(sides, starts)
    along = [(axis + 1) % 3, (axis + 2) % 3]
    axes = np.eye(3)[:, along]
    found = _Collector()
    for region in np.flatnonzero((low < 0) & (high >= 0)).tolist():
        points, masks = _cell(regions, region)
        side = sides[regions.offsets[region] : regions.offsets[region + 1]]
        below, above = np.flatnonzero(side < 0), np.flatnonzero(side > 0)
        shared = masks[below][:, None] & masks[above][None]
        first, second = np.nonzero(shared.sum(axis=2) >= _FACETS_OF_AN_EDGE)
        start, stop = points[below[first]], points[above[second]]
        share = (at - start[:, axis]) / (stop[:, axis] - start[:, axis])
        corners = np.concatenate([points[side == 0], start + share[:, None] * (stop - start)])
        corners[:, axis] = at
        if len(corners) >= 3:
            made_by = np.concatenate([masks[side == 0], shared[first, second]])
            found.add(region, corners, made_by, axes, int(regions.facet_offsets[region]))
    return found.patches()


def clipped(patches: Patches, axis: int, at: float, above: bool) -> Patches:
    """The parts of the polygons with t[axis] >= `at`, or <= it."""
    corners, labels, regions = [], [], []
    for points, names, region in zip(patches.corners, patches.labels, patches.regions.tolist(), strict=True):
        height = points[:, axis] - at if above else at - points[:, axis]
        if (height <= 0).all():
            continue
        part = (points, names) if (height >= 0).all() else _cut(points, names, height)
        corners.append(part[0])
        labels.append(part[1])
        regions.append(region)
    return Patches(corners, labels, np.array(regions, dtype=np.int64))


def _cut(points: np.ndarray, names: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of a convex polygon where `height`, linear and given at the corners, is not negative."""
    kept: list[np.ndarray] = []
    labels: list[int] = []
    following = np.roll(np.arange(len(points)), -1)
    for i, j in enumerate(following.tolist()):
        here, there = float(height[i]), float(height[j])
        if here >= 0:
            kept.append(points[i])
            # from the last corner inside the way leads along the cut
            labels.append(NO_FACET if here == 0 and there < 0 else int(names[i]))
        if here * there < 0:
            kept.append(points[i] + here / (here - there) * (points[j] - points[i]))
            labels.append(int(names[i]) if here < 0 else NO_FACET)
    return np.array(kept), np.array(labels, dtype=np.int64)


def _cell(regions: RegionsView, region: int) -> tuple[np.ndarray, np.ndarray]:
    """The vertices of a cell (v, 3), and which facets go through each, booleans (v, facets)."""
    rows = slice(regions.offsets[region], regions.offsets[region + 1])
    facets = int(regions.facet_offsets[region + 1] - regions.facet_offsets[region])
    octets = np.ascontiguousarray(regions.incidence[rows].astype("<i8")).view(np.uint8)
    return regions.vertices[rows], np.unpackbits(octets, axis=1, count=facets, bitorder="little").astype(bool)


class _Collector:
    """Polygons as they are found."""

    def __init__(self) -> None:
        self.corners: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.regions: list[int] = []

    def add(self, region: int, points: np.ndarray, masks: np.ndarray, axes: np.ndarray, first_facet: int) -> None:
        """Put the points in order around their middle, in the plane of the two axes, and find what makes the edges."""
        flat = (points - points.mean(axis=0)) @ axes
        order = np.argsort(np.arctan2(flat[:, 1], flat[:, 0]), kind="stable")
        around = masks[order] & ~masks.all(axis=0)
        made_by = around & np.roll(around, -1, axis=0)
        self.corners.append(points[order])
        self.labels.append(np.where(made_by.any(axis=1), first_facet + made_by.argmax(axis=1), NO_FACET))
        self.regions.append(region)

    def patches(self) -> Patches:
        """All of them."""
        return Patches(self.corners, self.labels, np.array(self.regions, dtype=np.int64))
