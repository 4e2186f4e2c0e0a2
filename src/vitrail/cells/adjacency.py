"""Which polygons share a facet, from the numbers of the cuts that made their edges."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vitrail.numerics.filters import VALUE_ROUNDING

__all__ = ["FacetPairs", "facet_pairs", "match_ends", "next_vertex", "polygon_faces"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@dataclass(frozen=True)
class FacetPairs:
    """Edges that are two sides of one facet, rows (facets, 2); and the edges of cuts whose order is not proven.

    `ends` (facets, 2, 2) are the ends of the facets. `pairs` has the likeliest partners of the `open` edges too.
    """

    pairs: np.ndarray
    ends: np.ndarray
    open: np.ndarray

    def settled(self, pairs: np.ndarray, first: np.ndarray, second: np.ndarray) -> FacetPairs:
        """The same with these pairs for the open edges; `first` and `second` are both ends of every edge."""
        kept = ~np.isin(self.pairs[:, 0], self.open)
        ends = np.stack([first[pairs[:, 0]], second[pairs[:, 0]]], axis=1)
        none = self.open[:0]
        return FacetPairs(np.concatenate([self.pairs[kept], pairs]), np.concatenate([self.ends[kept], ends]), none)


@njit(**_OPTIONS)
def _overlaps(groups, low, high, slack, pairs, spans):
    """Two-pointer sweep over both sides of every cut: positions along the cut are sorted."""
    found = 0
    for g in range(groups.shape[0]):
        i, i_end, j, j_end = groups[g, 0], groups[g, 1], groups[g, 1], groups[g, 2]
        while i < i_end and j < j_end:
            start, stop = max(low[i], low[j]), min(high[i], high[j])
            if stop - start > slack[i] + slack[j]:
                pairs[found, 0], pairs[found, 1] = i, j
                spans[found, 0], spans[found, 1] = start, stop
                found += 1
            if high[i] < high[j]:
                i += 1
            else:
                j += 1
    return found


@njit(**_OPTIONS)
def _in_order(groups, low, high, error, pairs):
    """Pair both sides of every cut in their order; mark the cuts where the errors leave the order open."""
    found = 0
    open_cuts = np.zeros(groups.shape[0], dtype=np.bool_)
    for g in range(groups.shape[0]):
        first, second, stop = groups[g, 0], groups[g, 1], groups[g, 2]
        count = second - first
        proper = count == stop - second
        for start in (first, second):
            for i in range(start, start + count - 1):
                proper = proper and low[i + 1] - low[i] > error[i] + error[i + 1]
        for i in range(first, second):
            if not proper:
                break
            # both sides break at the same points, unless the search ended early
            most = error[i] + error[i + count]
            proper = abs(low[i] - low[i + count]) <= most and abs(high[i] - high[i + count]) <= most
        open_cuts[g] = not proper and count > 0 and stop > second
        if proper:
            for i in range(first, second):
                pairs[found, 0], pairs[found, 1] = i, i + count
                found += 1
    return found, open_cuts


def facet_pairs(offsets: np.ndarray, vertices: np.ndarray, errors: np.ndarray, cuts: np.ndarray) -> FacetPairs:
    """Pair the edges on the two sides of each cut.

    `cuts` is 2 number + side, negative on the domain's sides. In a complete partition both sides of a cut break at the
    same points, so their edges match in order. The order is proven where coordinates differ by more than the vertices'
    errors; elsewhere edges that overlap are paired, and are listed as open.

    Example:
        >>> offsets, cuts = np.array([0, 3, 6]), np.array([4, -1, -1, 5, -1, -1])
        >>> corners = np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> found = facet_pairs(offsets, corners, np.zeros(6), cuts)
        >>> found.pairs.tolist(), found.ends.tolist(), found.open.tolist()
        ([[0, 3]], [[[0.0, 1.0], [0.0, 0.0]]], [])
    """
    inner = np.flatnonzero(cuts >= 0)
    if inner.size == 0:
        return FacetPairs(np.empty((0, 2), dtype=np.int64), np.empty((0, 2, 2)), inner)
    first, second = vertices[inner], vertices[next_vertex(offsets)[inner]]
    number, group = np.unique(cuts[inner] >> 1, return_inverse=True)
    positions = _positions(first, second, group, number.size)
    low, high = positions.min(axis=1), positions.max(axis=1)
    # a little more than the errors, which covers the rounding of their sums
    error = np.maximum(errors[inner], errors[next_vertex(offsets)[inner]]) * (1 + VALUE_ROUNDING)
    order = np.lexsort((low, cuts[inner]))
    low, high, error, sides = low[order], high[order], error[order], cuts[inner][order]
    groups = np.stack([np.searchsorted(sides, 2 * number + step) for step in range(3)], axis=1)
    pairs = np.empty((2 * inner.size, 2), dtype=np.int64)
    found, open_cuts = _in_order(groups, low, high, error, pairs)
    ends = np.stack([first, second], axis=1)[order][pairs[:found, 0]]
    open_edges = inner[open_cuts[group]]
    if open_edges.size:
        slack, spans = np.minimum(error, 0.25 * (high - low)), np.empty((2 * inner.size, 2))
        more = _overlaps(groups[open_cuts], low, high, slack, pairs[found:], spans)
        edge = order[pairs[found : found + more, 0]]
        start, length = positions[edge, :1], positions[edge, 1:] - positions[edge, :1]
        share = ((spans[:more] - start) / length)[:, :, None]
        ends = np.concatenate([ends, first[edge][:, None] + share * (second - first)[edge][:, None]])
        found += more
    return FacetPairs(inner[order][pairs[:found]], ends, open_edges)


def match_ends(edges: np.ndarray, cuts: np.ndarray, ends: Sequence[Hashable]) -> np.ndarray:
    """Pairs (facets, 2) of `edges` that are two sides of one cut and have the same ends.

    Example:
        >>> match_ends(np.array([10, 20, 30]), np.array([4, 5, 4]), ["a", "b", "b"]).tolist()
        [[30, 20]]
    """
    other = {(cut >> 1, end): edge for edge, cut, end in zip(edges, cuts, ends, strict=True) if cut & 1}
    pairs = [
        (edge, other[cut >> 1, end])
        for edge, cut, end in zip(edges, cuts, ends, strict=True)
        if not cut & 1 and (cut >> 1, end) in other
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def next_vertex(offsets: np.ndarray) -> np.ndarray:
    """The row of the vertex that follows each, around its polygon."""
    after = np.arange(1, offsets[-1] + 1)
    after[offsets[1:] - 1] = offsets[:-1]
    return after


def _positions(first: np.ndarray, second: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Positions of both ends of each edge along its cut, (edges, 2): a coordinate as it is, so nothing is rounded.

    It is the coordinate in which the edges of the cut extend further.
    """
    lowest, highest = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    for points in (first, second):
        np.minimum.at(lowest, group, points)
        np.maximum.at(highest, group, points)
    axis = (highest - lowest).argmax(axis=1)[group][:, None]
    return np.concatenate([np.take_along_axis(points, axis, 1) for points in (first, second)], axis=1)


def polygon_faces(offsets: np.ndarray, cuts: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Vertices, edges and polygons of a polygonal complex, (3,), from its shared edges alone, not from coordinates.

    Corners that shared edges identify are one vertex. V - E + F is 1 for a disk whose edges all match one to one.

    Example:
        >>> offsets, cuts = np.array([0, 3, 6]), np.array([4, -1, -1, 5, -1, -1])
        >>> none = np.empty((0, 2), dtype=int)
        >>> polygon_faces(offsets, cuts, np.array([[0, 3]])).tolist(), polygon_faces(offsets, cuts, none).tolist()
        ([4, 5, 2], [6, 6, 2])
    """
    total = cuts.shape[0]
    after = next_vertex(offsets)
    i, j = pairs.T
    rows, columns = np.concatenate([i, after[i]]), np.concatenate([after[j], j])
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(total, total))
    vertices, _ = connected_components(graph, directed=False)
    unmatched = total - np.unique(pairs).size
    return np.array([int(vertices), pairs.shape[0] + unmatched, offsets.shape[0] - 1])
