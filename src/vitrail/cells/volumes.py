"""Volumes and centroids of polytopes, by recursive triangulation, with proven error bounds.

J. Cohen and T. Hickey, Two algorithms for determining volumes of convex polyhedra, Journal of the ACM 26 (1979): every
face is the cone from its first vertex over those of its facets that do not hold it. Faces are sets of vertices, found
from incidences alone, so the simplices are those of the true polytope whatever the vertices' errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, sqrt

import numpy as np
from numba import njit

from vitrail.cells.bits import lowest_bit, popcount
from vitrail.cells.faces import facet_sets
from vitrail.numerics.filters import SMALLEST, UNIT_ROUNDOFF, gamma

__all__ = ["Volumes", "volumes"]

OPTIONS = {"nogil": True, "cache": True, "fastmath": {"nsz", "contract"}, "error_model": "numpy"}


@dataclass(frozen=True)
class Volumes:
    """Volumes (cells,), centroids (cells, k) and error bounds of the volumes (cells,), in the vertices' coordinates.

    The true volume is within the bound if the incidences are right and the vertices within their errors. The centroids
    have no bound. A cell without vertices, or whose incidences are not those of a polytope as far as they were needed,
    has NaN; a cell too small for float64 may have the volume 0 with a bound above it, and its vertices' mean as
    centroid.

    Example:
        >>> Volumes(np.array([0.5]), np.array([[0.0, 0.0]]), np.array([0.0])).volumes.tolist()
        [0.5]
    """

    volumes: np.ndarray
    centroids: np.ndarray
    bounds: np.ndarray


@njit(**OPTIONS)
def _eliminate(vector, rows, columns, level, out):
    """Take the earlier rows out of a vector; returns the largest entry left, and scales the rest by it as a new row.

    Rows are scaled so that their pivot, their largest entry, is 1: a vector at most doubles with each.
    """
    size = vector.shape[0]
    for i in range(size):
        out[i] = vector[i]
    for row in range(1, level):
        column = columns[row]
        factor = out[column]
        for i in range(size):
            out[i] -= factor * rows[row, i]
        out[column] = 0.0
    best = 0
    for i in range(1, size):
        if abs(out[i]) > abs(out[best]):
            best = i
    pivot = out[best]
    columns[level] = best
    if pivot != 0.0:
        for i in range(size):
            out[i] /= pivot
    return abs(pivot)


@njit(**OPTIONS)
def _seen_before(face, sets, facet, words, common):
    """Whether an earlier facet meets the face in the same vertices."""
    for other in range(facet):
        same = True
        for word in range(words):
            same = same and face[word] & sets[other, word] == common[word]
        if same:
            return True
    return False


@njit(**OPTIONS)
def _first(face, words):
    """The first vertex of a face."""
    for word in range(words):
        if face[word] != 0:
            return 64 * word + lowest_bit(face[word])
    return -1


@njit(**OPTIONS)
def _climb(level, apex, points, sizes, slacks, rows, columns, products, sums):
    """Add an apex to the chain: determinant so far, product of lengths, how far that may be off, and the sum.

    By Hadamard's inequality a determinant is off by at most the product of (length + slack) less that of the lengths;
    the third product is that difference, without the cancellation.
    """
    pivot = _eliminate(points[apex], rows, columns, level, rows[level])
    products[level, 0] = products[level - 1, 0] * pivot
    products[level, 1] = products[level - 1, 1] * sizes[apex]
    products[level, 2] = products[level - 1, 2] * (sizes[apex] + slacks[apex]) + products[level - 1, 1] * slacks[apex]
    for i in range(points.shape[1]):
        sums[level, i] = sums[level - 1, i] + points[apex, i]


@njit(**OPTIONS)
def _triangulate(simple, sets, facets, words, points, sizes, slacks, stack, following, apexes, work):
    """Sum over the simplices of one cell: k! volume, (k + 1)! first moment in `moment`, k! bound, and their number.

    Level l of the stack is a face of dimension k - l or less; one of less has no chain of k + 1 vertices, so that it
    adds nothing. The number is -1 where an edge has more than two vertices.
    """
    rows, columns, products, sums, moment = work
    dimension = points.shape[1]
    volume = bound = 0.0
    count = 0
    level = 0
    following[0], apexes[0] = 0, 0
    while level >= 0:
        if level == dimension - 1:
            # an edge: its other end completes a simplex
            bit = 1 << (apexes[level] & 63)
            stack[level, apexes[level] >> 6] &= ~bit
            last = _first(stack[level], words)
            _climb(dimension, last, points, sizes, slacks, rows, columns, products, sums)
            volume += products[dimension, 0]
            bound += products[dimension, 2]
            for i in range(dimension):
                moment[i] += products[dimension, 0] * sums[dimension, i]
            count += 1
            level -= 1
            continue
        facet = following[level]
        if facet == facets:
            level -= 1
            continue
        following[level] += 1
        apex = apexes[level]
        if (sets[facet, apex >> 6] >> (apex & 63)) & 1 != 0:
            continue
        size = np.int64(0)
        for word in range(words):
            stack[level + 1, word] = stack[level, word] & sets[facet, word]
            size += popcount(stack[level + 1, word])
        # a face of dimension d has d + 1 vertices or more; of a simple cell no two facets give the same one
        if size < dimension - level or (
            not simple and _seen_before(stack[level], sets, facet, words, stack[level + 1])
        ):
            continue
        level += 1
        if level == dimension - 1 and size != 2:
            return volume, bound, -1
        following[level], apexes[level] = 0, _first(stack[level], words)
        _climb(level, apexes[level], points, sizes, slacks, rows, columns, products, sums)
    return volume, bound, count


@njit(**OPTIONS)
def _place(vertices, errors, start, stop, rounding, points, sizes, slacks):
    """Vertices relative to the cell's first one, their distances from it, and how far these vectors may be off."""
    dimension = vertices.shape[1]
    spread = np.sqrt(np.float64(dimension))
    for vertex in range(stop - start):
        square = 0.0
        for i in range(dimension):
            points[vertex, i] = vertices[start + vertex, i] - vertices[start, i]
            square += points[vertex, i] * points[vertex, i]
        sizes[vertex] = np.sqrt(square) * (1.0 + rounding) + SMALLEST
        slacks[vertex] = (
            spread * (errors[start + vertex] + errors[start]) * (1.0 + rounding) + rounding * sizes[vertex] + SMALLEST
        )


@njit(**OPTIONS)
def _measure(offsets, vertices, errors, incidence, facet_offsets, scale, rounding, volume, centroid, bound):
    """Volume, centroid and bound of every cell."""
    dimension = vertices.shape[1]
    most, facets = 1, 1
    for cell in range(offsets.shape[0] - 1):
        most = max(most, offsets[cell + 1] - offsets[cell])
        facets = max(facets, facet_offsets[cell + 1] - facet_offsets[cell])
    sets = np.empty((facets, (most + 63) // 64), dtype=np.int64)
    stack = np.empty((dimension + 1, sets.shape[1]), dtype=np.int64)
    following, apexes = np.empty(dimension + 1, dtype=np.int64), np.empty(dimension + 1, dtype=np.int64)
    points, sizes, slacks = np.empty((most, dimension)), np.empty(most), np.empty(most)
    rows, columns = np.empty((dimension + 1, dimension)), np.empty(dimension + 1, dtype=np.int64)
    products, sums, moment = np.empty((dimension + 1, 3)), np.zeros((dimension + 1, dimension)), np.empty(dimension)
    products[0] = np.array([1.0, 1.0, 0.0])
    for cell in range(offsets.shape[0] - 1):
        start, stop = offsets[cell], offsets[cell + 1]
        volume[cell] = bound[cell] = centroid[cell] = np.nan
        facets, words = facet_offsets[cell + 1] - facet_offsets[cell], (stop - start + 63) // 64
        least, through = facet_sets(incidence, start, stop, facets, sets)
        if stop == start or least < dimension:
            continue
        _place(vertices, errors, start, stop, rounding, points, sizes, slacks)
        stack[0, :words] = 0
        for vertex in range(stop - start):
            stack[0, vertex >> 6] |= 1 << (vertex & 63)
        moment[:] = 0.0
        work = (rows, columns, products, sums, moment)
        simple = through == dimension
        total, off, count = _triangulate(
            simple, sets, facets, words, points, sizes, slacks, stack, following, apexes, work
        )
        if count < 1:
            continue
        # the sums, the products and this bound's own evaluation
        more = 2.0 * (count + 8.0 * dimension + 16.0) * UNIT_ROUNDOFF
        volume[cell] = total / scale
        bound[cell] = (off * (1.0 + more) + more * total) / scale + count * SMALLEST
        for i in range(dimension):
            if total > 0.0:
                centroid[cell, i] = vertices[start, i] + moment[i] / total / (dimension + 1.0)
            else:
                centroid[cell, i] = vertices[start:stop, i].mean()


def volumes(
    offsets: np.ndarray, vertices: np.ndarray, errors: np.ndarray, incidence: np.ndarray, facet_offsets: np.ndarray
) -> Volumes:
    """Volume, centroid and a bound of the volume's error of every cell, vertices on more than k facets allowed.

    `offsets` (cells + 1,), `vertices` (total, k), `errors` (total,) in the maximum norm, `incidence` (total, words):
    bit i for facet i of the vertex's own cell; `facet_offsets` (cells + 1,). The time grows with the number of
    simplices, k! for a cube: meant for k up to 6, slow beyond.

    Example:
        >>> corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
        >>> ends = np.array([0, 3])
        >>> found = volumes(ends, corners, np.zeros(3), np.array([[3], [5], [6]]), ends)
        >>> found.volumes.tolist(), found.centroids.round(3).tolist(), bool(found.bounds[0] < 2.0**-40)
        ([1.0], [[0.667, 0.333]], True)
    """
    cells, dimension = offsets.shape[0] - 1, vertices.shape[1]
    if not cells:
        return Volumes(np.zeros(0), np.zeros((0, dimension)), np.zeros(0))
    # backward error of the elimination, |L| |U| <= 2^k |row| (Higham 2002, theorem 9.3), and that of the differences
    rounding = sqrt(dimension) * 2.0**dimension * gamma(3 * dimension + 8)
    volume, centroid, bound = np.empty(cells), np.empty((cells, dimension)), np.empty(cells)
    scale = float(factorial(dimension))
    _measure(offsets, vertices, errors, incidence, facet_offsets, scale, rounding, volume, centroid, bound)
    return Volumes(volume, centroid, bound)
