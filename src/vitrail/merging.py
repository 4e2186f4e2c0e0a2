"""Merging activation regions with equal affine maps: linear regions (across facets), affine pieces (anywhere)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vitrail.account import Range
from vitrail.numerics.filters import gamma
from vitrail.source import Source

__all__ = ["Merged", "merge_equal_maps"]


@dataclass(frozen=True)
class Merged:
    """Numbers of linear regions and affine pieces with proven ranges; the linear region of each activation region."""

    linear: Range
    affine: Range
    labels: np.ndarray


def merge_equal_maps(maps: np.ndarray, words: np.ndarray | None, adjacency: np.ndarray, source: Source) -> Merged:
    """Merge regions with equal maps, across facets and then anywhere.

    Maps farther apart than the tolerance are different. Of others, exact maps are compared where the patterns and exact
    arithmetic are at hand. If not, they count as equal, which is proven only when no unit in which the patterns differ
    reaches the output; the ranges say how many merges are not.
    """
    regions = maps.shape[0]
    if regions == 0:
        return Merged(Range(0, 0, 0), Range(0, 0, 0), np.zeros(0, dtype=np.int64))
    flat = maps.reshape(regions, -1)
    tolerance = source.tolerance.reshape(-1)
    with np.errstate(invalid="ignore", over="ignore"):
        # what overflowed compares as neither: it counts as close
        apart = (np.abs(flat[adjacency[:, 0]] - flat[adjacency[:, 1]]) > tolerance).any(axis=1)
    pairs = adjacency[~apart]
    if words is not None and source.may_be_exact:
        return _exactly(flat, words, pairs, tolerance, source)
    proven = pairs[_wired_alike(words, pairs, source)]
    linear, labels = _components(regions, pairs)
    linear_upper, proven_labels = _components(regions, proven)
    across = _close_pairs(flat, proven_labels, tolerance)
    across_proven = across[_wired_alike(words, across, source)]
    affine, _ = _components(regions, np.concatenate([pairs, across]))
    affine_upper, _ = _components(regions, np.concatenate([proven, across_proven]))
    return Merged(Range(linear, linear, linear_upper), Range(affine, affine, affine_upper), labels)


def _exactly(flat: np.ndarray, words: np.ndarray, pairs: np.ndarray, tolerance: np.ndarray, source: Source) -> Merged:
    """Compare exact maps where rounded ones are close and the wiring does not make them equal."""
    equal = _wired_alike(words, pairs, source)
    asked, place = np.unique(pairs[~equal], return_inverse=True)
    numbers = source.map_numbers(words[asked])[place.reshape(-1, 2)]
    equal[~equal] = numbers[:, 0] == numbers[:, 1]
    linear, labels = _components(flat.shape[0], pairs[equal])
    order, keys, reach = _sorted(flat, labels, tolerance)
    with np.errstate(invalid="ignore"):
        near = ~(np.diff(keys) > reach)
    doubtful = order[np.concatenate([near, [False]]) | np.concatenate([[False], near])]
    affine = linear - doubtful.size + np.unique(source.map_numbers(words[doubtful])).size
    return Merged(Range(linear, linear, linear), Range(affine, affine, affine), labels)


def _wired_alike(words: np.ndarray | None, pairs: np.ndarray, source: Source) -> np.ndarray:
    """Whether the wiring alone makes the maps of each pair equal, shape (pairs,)."""
    return np.zeros(len(pairs), dtype=bool) if words is None else ~source.differ(words, pairs)


def _components(count: int, pairs: np.ndarray) -> tuple[int, np.ndarray]:
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    number, labels = connected_components(graph, directed=False)
    return int(number), labels


def _sorted(flat: np.ndarray, labels: np.ndarray, tolerance: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """A region of each component, in the order of a random combination of its map's coefficients.

    Also this combination, and how far it can be apart for equal maps.
    """
    _, first = np.unique(labels, return_index=True)
    weights = np.random.default_rng(0).uniform(0.5, 1.0, flat.shape[1])
    with np.errstate(invalid="ignore", over="ignore"):
        keys = flat[first] @ weights
        # the second term covers the rounding of the keys
        reach = float(tolerance @ weights + 2 * gamma(flat.shape[1] + 2) * (np.abs(flat[first]) @ weights).max())
        order = np.argsort(keys, kind="stable")
        return first[order], keys[order], reach


def _close_pairs(flat: np.ndarray, labels: np.ndarray, tolerance: np.ndarray) -> np.ndarray:
    """Pairs of representatives of different components whose maps are within the tolerance."""
    rows, keys, reach = _sorted(flat, labels, tolerance)
    found = []
    for step in range(1, rows.size):
        near = np.flatnonzero(keys[step:] - keys[:-step] <= reach)
        if near.size == 0:
            break
        a, b = rows[near], rows[near + step]
        equal = (np.abs(flat[a] - flat[b]) <= tolerance).all(axis=1)
        found.append(np.stack([a[equal], b[equal]], axis=1))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)
