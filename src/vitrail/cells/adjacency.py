"""Which cells share a facet, from the numbers of the cuts that made their edges."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vitrail.numerics.filters import SMALLEST

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def _overlaps(groups, low, high, slack, pairs, spans):
    """Two-pointer sweep over both sides of every cut: positions along the cut are sorted."""
    found = 0
    for g in range(groups.shape[0]):
        i, i_end, j, j_end = groups[g, 0], groups[g, 1], groups[g, 1], groups[g, 2]
        # in a proper complex both sides break at the same points; positions matter only where they do not
        ordered = i_end - i == j_end - j
        while i < i_end and j < j_end:
            start, stop = max(low[i], low[j]), min(high[i], high[j])
            if ordered or stop - start > slack[i] + slack[j]:
                if found >= pairs.shape[0]:
                    return -1
                pairs[found, 0], pairs[found, 1] = i, j
                spans[found, 0], spans[found, 1] = start, stop
                found += 1
            if ordered:
                i += 1
                j += 1
            elif high[i] < high[j]:
                i += 1
            else:
                j += 1
    return found


def facet_pairs(
    offsets: np.ndarray, vertices: np.ndarray, errors: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of edges (rows of `vertices`) that lie on two sides of one cut and overlap, and the ends of the overlap.

    `cuts` is 2 number + side, negative on the domain's sides. Returns pairs (facets, 2) and ends (facets, 2, 2).

    Example:
        >>> offsets, cuts = np.array([0, 3, 6]), np.array([4, -1, -1, 5, -1, -1])
        >>> corners = np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> facet_pairs(offsets, corners, np.zeros(6), cuts)[0].tolist()
        [[0, 3]]
    """
    after = np.arange(1, vertices.shape[0] + 1)
    after[offsets[1:] - 1] = offsets[:-1]
    inner = np.flatnonzero(cuts >= 0)
    if inner.size == 0:
        return np.empty((0, 2), dtype=np.int64), np.empty((0, 2, 2))
    number, first = np.unique(cuts[inner] >> 1, return_index=True)
    group = np.searchsorted(number, cuts[inner] >> 1)
    anchor = vertices[inner[first]]
    direction = vertices[after[inner[first]]] - anchor
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), SMALLEST)
    start = ((vertices[inner] - anchor[group]) * direction[group]).sum(axis=1)
    stop = ((vertices[after[inner]] - anchor[group]) * direction[group]).sum(axis=1)
    low, high = np.minimum(start, stop), np.maximum(start, stop)
    order = np.lexsort((low, cuts[inner]))
    sides = cuts[inner][order]
    # twice: errors are in the maximum norm, positions along the cut are not
    slack = np.minimum(2 * (errors[inner] + errors[after[inner]])[order], 0.5 * (high - low)[order])
    starts = np.searchsorted(sides, 2 * number)
    groups = np.stack([starts, np.searchsorted(sides, 2 * number + 1), np.searchsorted(sides, 2 * number + 2)], axis=1)
    pairs, spans = np.empty((2 * inner.size, 2), dtype=np.int64), np.empty((2 * inner.size, 2))
    found = _overlaps(groups, low[order], high[order], slack, pairs, spans)
    pairs, spans = pairs[:found], spans[:found]
    base, along = anchor[group[order][pairs[:, 0]]], direction[group[order][pairs[:, 0]]]
    ends = base[:, None, :] + spans[:, :, None] * along[:, None, :]
    return inner[order][pairs], ends


def euler_characteristic(offsets: np.ndarray, cuts: np.ndarray, pairs: np.ndarray) -> int:
    """V - E + F of a polygonal complex, from its shared edges alone: coordinates do not matter.

    Corners that shared edges identify are one vertex. The result is 1 for a disk whose edges all match one to one.

    Example:
        >>> offsets, cuts = np.array([0, 3, 6]), np.array([4, -1, -1, 5, -1, -1])
        >>> none = np.empty((0, 2), dtype=int)
        >>> euler_characteristic(offsets, cuts, np.array([[0, 3]])), euler_characteristic(offsets, cuts, none)
        (1, 2)
    """
    total = cuts.shape[0]
    after = np.arange(1, total + 1)
    after[offsets[1:] - 1] = offsets[:-1]
    i, j = pairs.T
    rows, columns = np.concatenate([i, after[i]]), np.concatenate([after[j], j])
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(total, total))
    vertices, _ = connected_components(graph, directed=False)
    unmatched = total - np.unique(pairs).size
    edges = pairs.shape[0] + unmatched
    return int(vertices) - edges + (offsets.shape[0] - 1)
