"""Merging activation regions with equal affine maps: linear regions (across facets), affine pieces (anywhere)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vitrail.account import Range
from vitrail.engines.plan import Plan
from vitrail.engines.replay import replay
from vitrail.engines.roots import Roots
from vitrail.network.reach import reaches_output
from vitrail.numerics.filters import gamma

__all__ = ["MapSource", "Merged", "merge_equal_maps"]

_PAIRS_AT_ONCE = 512


@dataclass(frozen=True)
class MapSource:
    """Affine maps of the regions of one frame from their patterns; `scale` (k,) are its powers of two."""

    plan: Plan
    roots: Roots
    scale: np.ndarray

    def maps(self, words: np.ndarray) -> np.ndarray:
        """Output forms in the domain's own frame coordinates, shape (regions, k + 1, outputs)."""
        maps = replay(self.plan, torch.from_numpy(self.roots.forms), words)
        maps[:, 1:] /= self.scale[:, None]
        return maps

    @property
    def tolerance(self) -> np.ndarray:
        """How far two computed maps that are equal may be apart, shape (k + 1, outputs)."""
        tolerance = 2.0 * self.plan.output_error
        return np.concatenate([tolerance[:1], tolerance[1:] / self.scale[:, None]])

    def differ(self, words: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """Whether the wiring lets the maps of two regions differ; False is a proof that they are equal."""
        answer = np.zeros(pairs.shape[0], dtype=bool)
        for start in range(0, pairs.shape[0], _PAIRS_AT_ONCE):
            part = pairs[start : start + _PAIRS_AT_ONCE]
            first, second = (self.plan.layout.unpack(words[part[:, side]]) for side in (0, 1))
            answer[start : start + _PAIRS_AT_ONCE] = reaches_output(self.plan.graph, first, second)
        return answer


@dataclass(frozen=True)
class Merged:
    """Numbers of linear regions and affine pieces with proven ranges; the linear region of each activation region."""

    linear: Range
    affine: Range
    labels: np.ndarray


def merge_equal_maps(maps: np.ndarray, words: np.ndarray | None, adjacency: np.ndarray, source: MapSource) -> Merged:
    """Merge regions with equal maps, across facets and then anywhere.

    Maps within the tolerance count as equal. A merge is proven when no unit in which the patterns differ reaches the
    output; the ranges say how many merges are not.
    """
    regions = maps.shape[0]
    if regions == 0:
        return Merged(Range(0, 0, 0), Range(0, 0, 0), np.zeros(0, dtype=np.int64))
    flat = maps.reshape(regions, -1)
    tolerance = source.tolerance.reshape(-1)
    close = (np.abs(flat[adjacency[:, 0]] - flat[adjacency[:, 1]]) <= tolerance).all(axis=1)
    pairs = adjacency[close]
    proven = pairs[~source.differ(words, pairs)] if words is not None else pairs[:0]
    linear, labels = _components(regions, pairs)
    linear_upper, proven_labels = _components(regions, proven)
    across = _close_pairs(flat, proven_labels, linear_upper, tolerance)
    across_proven = across[~source.differ(words, across)] if words is not None else across[:0]
    affine, _ = _components(regions, np.concatenate([pairs, across]))
    affine_upper, _ = _components(regions, np.concatenate([proven, across_proven]))
    return Merged(Range(linear, linear, linear_upper), Range(affine, affine, affine_upper), labels)


def _components(count: int, pairs: np.ndarray) -> tuple[int, np.ndarray]:
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    number, labels = connected_components(graph, directed=False)
    return int(number), labels


def _close_pairs(flat: np.ndarray, labels: np.ndarray, count: int, tolerance: np.ndarray) -> np.ndarray:
    """Pairs of representatives of different components whose maps are within the tolerance.

    The maps are sorted by a random combination of their coefficients: equal maps are neighbors there, up to the
    tolerance.
    """
    _, first = np.unique(labels, return_index=True)
    weights = np.random.default_rng(0).uniform(0.5, 1.0, flat.shape[1])
    keys = flat[first] @ weights
    # the second term covers the rounding of the keys
    reach = float(tolerance @ weights + 2 * gamma(flat.shape[1] + 2) * (np.abs(flat[first]) @ weights).max())
    order = np.argsort(keys, kind="stable")
    sorted_keys, rows = keys[order], first[order]
    found = []
    for step in range(1, count):
        near = np.flatnonzero(sorted_keys[step:] - sorted_keys[:-step] <= reach)
        if near.size == 0:
            break
        a, b = rows[near], rows[near + step]
        equal = (np.abs(flat[a] - flat[b]) <= tolerance).all(axis=1)
        found.append(np.stack([a[equal], b[equal]], axis=1))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)
