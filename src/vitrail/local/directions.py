"""Directions of the hyperplanes around a point: the angles between their normals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidOptionError
from vitrail.options import one_of, positive_integer

__all__ = ["Directions", "HasNormals", "directions", "isotropic_cosine", "merge_directions"]

_RIGHT_ANGLE = 90.0
_PAIRS = ("all", "within", "across")


@runtime_checkable
class HasNormals(Protocol):
    """A region at a point as this module sees it; `LocalHalfspaces` is one. Arrays as described there."""

    @property
    def normals(self) -> np.ndarray:
        """Normals of the rows, shape (rows, n)."""

    @property
    def layers(self) -> np.ndarray:
        """Piecewise-linear op of each row, shape (rows,)."""


@dataclass(frozen=True, eq=False)
class Directions:
    """Angles between the normals of a region's hyperplanes, over pairs of rows i < j; of several regions, summed.

    `dimension` is n. `rows` (regions,) are the rows used of each region, `means` (regions,) the mean |cos| over its
    pairs, NaN with fewer than two rows. `angle_counts` (bins,) counts the pairs by arccos |cos| between `angle_edges`
    (bins + 1,) in degrees, 0 to 90; `cosine_counts` (bins,) by cos of the outward normals between `cosine_edges`
    (bins + 1,), -1 to 1. Each bin holds its lower edge, the last one also the upper. `layer_pairs` (layers, layers)
    counts the pairs by the layers of both rows and `layer_sums` sums their |cos|; both are symmetric, and a pair of
    rows of different layers stands once on either side of the diagonal. Means over no pairs are NaN.

    Example:
        >>> found = directions(np.eye(3), layers=[0, 0, 1])
        >>> found, found.mean, found.within, found.angle_counts[-1].item()
        (Directions(3 pairs of 3 rows, mean |cos| 0, isotropic 0.5), 0.0, 0.0, 3)
    """

    dimension: int
    rows: np.ndarray
    means: np.ndarray
    angle_edges: np.ndarray
    angle_counts: np.ndarray
    cosine_edges: np.ndarray
    cosine_counts: np.ndarray
    layer_pairs: np.ndarray
    layer_sums: np.ndarray

    def __repr__(self) -> str:
        """Pairs, rows, mean and baseline, in one line."""
        rows = int(self.rows.sum())
        found = f"{self.pairs:,} pairs of {rows:,} rows, mean |cos| {self.mean:.3g}, isotropic {self.baseline:.3g}"
        return f"Directions({found})"

    @property
    def pairs(self) -> int:
        """How many pairs were counted."""
        return int(self.angle_counts.sum())

    @property
    def mean(self) -> float:
        """Mean |cos| over all pairs of all regions."""
        return _mean(np.triu(self.layer_sums), np.triu(self.layer_pairs))

    @property
    def within(self) -> float:
        """Mean |cos| over the pairs of rows of one layer."""
        return _mean(np.diag(self.layer_sums), np.diag(self.layer_pairs))

    @property
    def across(self) -> float:
        """Mean |cos| over the pairs of rows of different layers."""
        return _mean(np.triu(self.layer_sums, 1), np.triu(self.layer_pairs, 1))

    @property
    def layer_means(self) -> np.ndarray:
        """Mean |cos| by the layers of both rows, symmetric, shape (layers, layers)."""
        means = np.full(self.layer_sums.shape, np.nan)
        return np.divide(self.layer_sums, self.layer_pairs, out=means, where=self.layer_pairs > 0)

    @property
    def baseline(self) -> float:
        """Mean |cos| of independent directions, each uniform on the sphere."""
        return isotropic_cosine(self.dimension)


def directions(
    region: HasNormals | ArrayLike,
    *,
    layers: ArrayLike | None = None,
    rows: ArrayLike | None = None,
    pairs: str = "all",
    bins: int = 90,
    block: int = 1024,
) -> Directions:
    """The angles between the normals of a region's rows, or of the rows of an array (rows, n), over pairs i < j.

    For an array `layers` (rows,) gives the layer of each row, by default all 0. `rows` selects rows, as indices or as a
    mask (those of a region's facets, say); an index given twice is an error. `pairs` is "all", "within" (both rows of
    one layer) or "across". Rows need not have length 1. At most `block` x `block` cosines are kept at a time. Fewer
    than two rows give empty histograms and NaN means. The parallel rows of a unit with two breakpoints around its
    piece are a pair like others.

    This is our operational definition of the directions of hyperplanes that Zhang and Wu 2020 (Empirical Studies on the
    Properties of Linear Regions in Deep Neural Networks) study: the distribution and mean of arccos |v_i . v_j| over
    pairs of normals of a region; their own measure may differ. Computed in floating point, a statistic without error
    bound.

    Raises:
        InvalidOptionError: normals that are no finite numbers or zero, layers or rows that do not fit, or another value
            of an option.

    Example:
        >>> directions([[1.0, 0.0], [1.0, 1.0], [2.0, 2.0]], pairs="all", bins=2).angle_counts.tolist()
        [1, 2]
    """
    positive_integer("bins", bins)
    edges, cosine_edges = np.linspace(0.0, _RIGHT_ANGLE, bins + 1), np.linspace(-1.0, 1.0, bins + 1)
    chosen, size = one_of("pairs", pairs, _PAIRS), positive_integer("block", block)
    normals, layer = _selected(region, layers, rows)
    unit = _unit_rows(normals)
    count = int(layer.max(initial=-1)) + 1 if layer.size else 0
    groups = [unit[layer == number] for number in range(count)]
    angle_counts, cosine_counts = np.zeros((2, bins), dtype=np.int64)
    number, sums = np.zeros((count, count), dtype=np.int64), np.zeros((count, count))
    for a, b in _layer_pairs(count, chosen):
        for cosines in _cosines(groups[a], groups[b] if a != b else None, size):
            absolute = np.minimum(np.abs(cosines), 1.0)
            number[a, b] += cosines.size
            sums[a, b] += absolute.sum()
            angle_counts += _histogram(np.degrees(np.arccos(absolute)) / _RIGHT_ANGLE, bins)
            cosine_counts += _histogram(0.5 + 0.5 * np.clip(cosines, -1.0, 1.0), bins)
    number, sums = number + np.triu(number, 1).T, sums + np.triu(sums, 1).T
    mean = _mean(np.triu(sums), np.triu(number))
    own = np.array([len(unit)]), np.array([mean])
    return Directions(unit.shape[1], *own, edges, angle_counts, cosine_edges, cosine_counts, number, sums)


def merge_directions(parts: Iterable[Directions]) -> Directions:
    """The angles of several regions together: pairs are those within each region, in the order given.

    Raises:
        InvalidOptionError: no parts, other dimensions, or other bins.

    Example:
        >>> both = merge_directions(directions(matrix) for matrix in (np.eye(2), [[1.0, 0.0], [-1.0, 0.0]]))
        >>> both.pairs, both.mean, both.means.tolist()
        (2, 0.5, [0.0, 1.0])
    """
    merged: Directions | None = None
    rows, means = [], []
    for index, part in enumerate(parts):
        rows.append(part.rows)
        means.append(part.means)
        merged = part if merged is None else _sum(merged, part, index)
    if merged is None:
        raise InvalidOptionError("merge_directions: expected at least one Directions, found none")
    kept = (merged.angle_edges, merged.angle_counts, merged.cosine_edges, merged.cosine_counts)
    total = np.concatenate(rows), np.concatenate(means)
    return Directions(merged.dimension, *total, *kept, merged.layer_pairs, merged.layer_sums)


def isotropic_cosine(dimension: int) -> float:
    """E|cos| between two independent directions, uniform on the sphere in n dimensions, n >= 1.

    Gamma(n / 2) / (sqrt(pi) Gamma((n + 1) / 2)): the mean of |cos| under the density of the angle in Cai, Fan and Jiang
    2013, Distributions of angles in random packing on spheres, theorem 1. It is about sqrt(2 / (pi n)).

    Raises:
        InvalidOptionError: a dimension that is not a positive integer.

    Example:
        >>> round(isotropic_cosine(64), 4), round(isotropic_cosine(784), 4), round(isotropic_cosine(3), 12)
        (0.1001, 0.0285, 0.5)
    """
    half = 0.5 * positive_integer("dimension", dimension)
    return math.exp(math.lgamma(half) - math.lgamma(half + 0.5)) / math.sqrt(math.pi)


def _mean(sums: np.ndarray, counts: np.ndarray) -> float:
    total = int(counts.sum())
    return float(sums.sum()) / total if total else math.nan


def _layer_pairs(count: int, pairs: str) -> Iterator[tuple[int, int]]:
    for a in range(count):
        for b in range(a, count):
            if pairs == "all" or (pairs == "within") == (a == b):
                yield a, b


def _cosines(first: np.ndarray, second: np.ndarray | None, block: int) -> Iterator[np.ndarray]:
    """Products of each row of `first` with each of `second`, or with the later rows of `first`; flat, in blocks."""
    for i in range(0, len(first), block):
        if second is None:
            own = first[i : i + block] @ first[i : i + block].T
            yield own[np.triu_indices(len(own), 1)]
        others = first[i + block :] if second is None else second
        for j in range(0, len(others), block):
            yield (first[i : i + block] @ others[j : j + block].T).ravel()


def _histogram(shares: np.ndarray, bins: int) -> np.ndarray:
    """How many numbers of [0, 1] lie in each of equal bins."""
    return np.bincount(np.minimum((shares * bins).astype(np.int64), bins - 1), minlength=bins)


def _sum(one: Directions, other: Directions, index: int) -> Directions:
    if other.dimension != one.dimension or other.angle_counts.shape != one.angle_counts.shape:
        raise InvalidOptionError(
            f"merge_directions: part {index} has {other.dimension} dimensions and {len(other.angle_counts)} bins, the "
            f"parts before it {one.dimension} and {len(one.angle_counts)}; compute all of them alike"
        )
    layers = max(len(one.layer_sums), len(other.layer_sums))
    pairs, sums = (np.zeros((layers, layers), dtype=dtype) for dtype in (np.int64, np.float64))
    for part in (one, other):
        here = slice(0, len(part.layer_sums))
        pairs[here, here] += part.layer_pairs
        sums[here, here] += part.layer_sums
    angles, cosines = one.angle_counts + other.angle_counts, one.cosine_counts + other.cosine_counts
    own = one.dimension, one.rows, one.means
    return Directions(*own, one.angle_edges, angles, one.cosine_edges, cosines, pairs, sums)


def _selected(
    region: HasNormals | ArrayLike, layers: ArrayLike | None, rows: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """Normals and layers of the rows that were asked for."""
    if not isinstance(region, HasNormals):
        normals = np.asarray(region, dtype=np.float64)
        given = np.zeros(normals.shape[:1], dtype=np.int64) if layers is None else np.asarray(layers)
    elif layers is not None:
        raise InvalidOptionError("layers: a region brings its own; leave it out")
    else:
        normals, given = region.normals, region.layers
    if normals.ndim != 2 or normals.shape[1] < 1:
        raise InvalidOptionError(f"normals: expected an array (rows, n), found shape {normals.shape}")
    if given.shape != normals.shape[:1] or (given.size and (given.dtype.kind not in "iu" or given.min() < 0)):
        raise InvalidOptionError(
            f"layers: expected {len(normals)} integers from 0 on, one per row, found {given.dtype} of shape "
            f"{given.shape}"
        )
    if rows is None:
        return normals, given
    picked = np.arange(len(normals))[_index(rows, len(normals))]
    if len(np.unique(picked)) < len(picked):
        raise InvalidOptionError(f"rows: expected every row once, found {len(picked) - len(np.unique(picked))} repeats")
    return normals[picked], given[picked]


def _index(rows: ArrayLike, count: int) -> np.ndarray:
    index = np.asarray(rows)
    if index.size == 0 and index.dtype.kind != "b":
        return np.zeros(0, dtype=np.int64)
    mask = index.dtype.kind == "b" and index.shape == (count,)
    if not mask and (index.dtype.kind not in "iu" or index.ndim != 1 or index.min() < 0 or index.max() >= count):
        raise InvalidOptionError(
            f"rows: expected indices from 0 to {count - 1} or a mask of {count} rows, found {index.dtype} of shape "
            f"{index.shape}"
        )
    return index


def _unit_rows(normals: np.ndarray) -> np.ndarray:
    largest = np.abs(normals).max(axis=1, initial=0.0)
    wrong = np.flatnonzero(~np.isfinite(largest) | (largest == 0.0))
    if wrong.size:
        raise InvalidOptionError(
            f"normals: row {wrong[0]} is zero or not finite, so it has no direction; leave such rows out"
        )
    scaled = normals / largest[:, None]  # squares neither overflow nor vanish
    return scaled / np.linalg.norm(scaled, axis=1)[:, None]
