"""Faces of a partition into polytopes, of every dimension, as bit sets: counted, each once, however many cells it has.

A face of a cell is the set of the vertices that lie on some of its facets, a *closed* set. Two cells share a face where
the sets have the same vertex numbers (`vitrail.cells.pairing.number_vertices`); coordinates play no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from vitrail.cells.bits import lowest_bit, popcount

__all__ = ["FaceCounts", "count_faces", "euler_characteristic", "facet_sets", "mix"]

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}

# numba makes a float of an int64 with a uint64, so that hashing keeps to one type
NONE, ONE = np.uint64(0), np.uint64(1)
STEP, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)


@dataclass(frozen=True)
class FaceCounts:
    """How many faces of each dimension a partition has, and which cells cannot be what they seem.

    `numbers` (k + 1,) int64: vertices, edges, ..., cells. `broken`: cells whose incidences are not those of a polytope
    as far as this is looked at (k facets or more through a vertex, two ends of an edge, polygons closed, Euler's
    relation), and cells without vertices, whose faces are not known. Where there are any, the numbers mean nothing.

    Example:
        >>> FaceCounts(np.array([4, 6, 4, 1]), np.zeros(0, dtype=np.int64)).numbers.tolist()
        [4, 6, 4, 1]
    """

    numbers: np.ndarray
    broken: np.ndarray


@njit(**OPTIONS)
def mix(value):
    """A word in which every bit depends on every bit of `value`; different values give different words."""
    value += STEP
    value = (value ^ (value >> SHIFTS[0])) * FACTORS[0]
    value = (value ^ (value >> SHIFTS[1])) * FACTORS[1]
    return value ^ (value >> SHIFTS[2])


@njit(**OPTIONS)
def facet_sets(incidence, start, stop, facets, sets):
    """Write the vertices of each facet of one cell to `sets`, bit v of word v // 64 for the vertex in row start + v.

    Returns the smallest and the largest number of facets through a vertex; -1, -1 where an incidence names a facet that
    the cell does not have.
    """
    words = (stop - start + 63) // 64
    sets[:facets, :words] = 0
    least, most = facets, 0
    for vertex in range(stop - start):
        bit = 1 << (vertex & 63)
        through = 0
        for word in range(incidence.shape[1]):
            bits = incidence[start + vertex, word]
            while bits != 0:
                facet = 64 * word + lowest_bit(bits)
                if facet >= facets:
                    return -1, -1
                sets[facet, vertex >> 6] |= bit
                bits &= bits - 1
                through += 1
        least, most = min(least, through), max(most, through)
    return least, most


@njit(**OPTIONS)
def _size(face, words):
    """Number of vertices of a face."""
    total = np.int64(0)
    for word in range(words):
        total += popcount(face[word])
    return total


@njit(**OPTIONS)
def _meet(face, facet, words, out):
    """Write the vertices that a face has on a facet to `out`, and return how many they are."""
    total = np.int64(0)
    for word in range(words):
        out[word] = face[word] & facet[word]
        total += popcount(out[word])
    return total


@njit(**OPTIONS)
def _within(face, facet, words):
    """Whether the whole face lies on the facet."""
    outside = np.int64(0)
    for word in range(words):
        outside |= face[word] & ~facet[word]
    return outside == 0


@njit(**OPTIONS)
def _insert(table, first, second):
    """Put a key into the table, whose size is a power of two; whether it is new there."""
    mask = np.int64(table.shape[0] - 1)
    slot = np.int64(first) & mask
    while True:
        if table[slot, 0] == NONE and table[slot, 1] == NONE:
            table[slot, 0], table[slot, 1] = first, second
            return True
        if table[slot, 0] == first and table[slot, 1] == second:
            return False
        slot = (slot + 1) & mask


@njit(**OPTIONS)
def _add(face, words, mixes, dimension, table, used, counts):
    """Count a face unless its vertices were seen before; returns the table, which may have grown.

    The key has 128 bits, sums over the vertices: for 10^8 faces the chance that any two have the same is below 10^-22.
    """
    first, second = NONE, NONE
    for word in range(words):
        bits = face[word]
        while bits != 0:
            vertex = 64 * word + lowest_bit(bits)
            first += mixes[vertex, 0]
            second += mixes[vertex, 1]
            bits &= bits - 1
    if first == NONE and second == NONE:  # the mark of an empty place
        first = ONE
    if _insert(table, first, second):
        counts[dimension] += 1
        used[0] += 1
        if 2 * used[0] > table.shape[0]:
            larger = np.zeros((2 * table.shape[0], 2), dtype=np.uint64)
            for slot in range(table.shape[0]):
                if table[slot, 0] != NONE or table[slot, 1] != NONE:
                    _insert(larger, table[slot, 0], table[slot, 1])
            return larger
    return table


@njit(**OPTIONS)
def _simple_faces(sets, facets, words, stack, following, mixes, table, used, counts, own):
    """Count the faces of a simple cell of dimensions 1 to k - 1: facets in rising order that have a vertex in common.

    A face of codimension c of a simple polytope lies on exactly c facets, so every face comes up once. `own` counts the
    faces of this cell, and in its last place the edges that do not have two ends.
    """
    dimension = own.shape[0] - 1
    level = 0
    following[0] = 0
    while level >= 0:
        facet = following[level]
        if facet == facets or level == dimension - 1:
            level -= 1
            continue
        following[level] += 1
        size = _meet(stack[level], sets[facet], words, stack[level + 1])
        if size == 0:
            continue
        level += 1
        following[level] = facet + 1
        own[dimension - level] += 1
        if level == dimension - 1 and size != 2:
            own[dimension] += 1
        table = _add(stack[level], words, mixes, dimension - level, table, used, counts)
    return table


@njit(**OPTIONS)
def _dimension(face, sets, facets, words, part, trial):
    """Dimension of a face: the length of a chain of facets of facets down to a vertex; -1 if there is none.

    The largest of the sets in which other facets meet the face is contained in no other, so it is a facet of the face.
    """
    part[:words] = face[:words]
    size = _size(face, words)
    steps = 0
    while size > 1:
        best, which = 0, -1
        for facet in range(facets):
            common = _meet(part, sets[facet], words, trial)
            if best < common < size:
                best, which = common, facet
        if which < 0:
            return -1
        _meet(part, sets[which], words, part)
        size = best
        steps += 1
    return steps


@njit(**OPTIONS)
def _sides(face, sets, facets, words, common):
    """In how many different pairs of vertices other facets meet a face."""
    total = 0
    for facet in range(facets):
        if _meet(face, sets[facet], words, common) == 2:
            total += 1
            for other in range(facet):
                outside = np.int64(0)
                for word in range(words):
                    outside |= (face[word] & sets[other, word]) ^ common[word]
                if outside == 0:
                    total -= 1
                    break
    return total


@njit(**OPTIONS)
def _new_before(stack, level, sets, facet, words):
    """Whether a facet before `facet` holds the face of level + 1 and not that of the level: it comes up there too."""
    for other in range(facet):
        if _within(stack[level + 1], sets[other], words) and not _within(stack[level], sets[other], words):
            return True
    return False


@njit(**OPTIONS)
def _closed_faces(sets, facets, words, stack, following, mixes, table, used, counts, own, part, trial):
    """`_simple_faces` for any cell: closed sets, each from the one order of facets in which none comes too late.

    The last place of `own` counts sets that are no faces: no rank, edges without two ends, open polygons.
    """
    dimension = own.shape[0] - 1
    level = 0
    following[0] = 0
    while level >= 0:
        facet = following[level]
        if facet == facets:
            level -= 1
            continue
        following[level] += 1
        if _within(stack[level], sets[facet], words):
            continue
        size = _meet(stack[level], sets[facet], words, stack[level + 1])
        if size < 2 or _new_before(stack, level, sets, facet, words):
            continue
        rank = _dimension(stack[level + 1], sets, facets, words, part, trial)
        if not 1 <= rank < dimension or (rank == 1) != (size == 2) or level + 1 == dimension:
            own[dimension] += 1
            continue
        if rank == 2 and _sides(stack[level + 1], sets, facets, words, trial) != size:
            own[dimension] += 1
        own[rank] += 1
        level += 1
        following[level] = facet + 1
        table = _add(stack[level], words, mixes, rank, table, used, counts)
    return table


@njit(**OPTIONS)
def _count(offsets, incidence, facet_offsets, numbers, counts, broken):
    """Count the faces of dimensions 1 to k - 1 of all cells, and mark the cells that are not polytopes."""
    dimension = counts.shape[0] - 1
    vertices = facets = 1
    for cell in range(offsets.shape[0] - 1):
        vertices = max(vertices, offsets[cell + 1] - offsets[cell])
        facets = max(facets, facet_offsets[cell + 1] - facet_offsets[cell])
    sets = np.empty((facets, (vertices + 63) // 64), dtype=np.int64)
    stack = np.empty((dimension + 1, sets.shape[1]), dtype=np.int64)
    following = np.empty(dimension + 1, dtype=np.int64)
    part, trial = np.empty(sets.shape[1], dtype=np.int64), np.empty(sets.shape[1], dtype=np.int64)
    mixes = np.empty((vertices, 2), dtype=np.uint64)
    own, used = np.empty(dimension + 1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    table = np.zeros((1 << 10, 2), dtype=np.uint64)
    for cell in range(offsets.shape[0] - 1):
        start, stop = offsets[cell], offsets[cell + 1]
        facets, words = facet_offsets[cell + 1] - facet_offsets[cell], (stop - start + 63) // 64
        least, most = facet_sets(incidence, start, stop, facets, sets)
        if stop == start or least < dimension:
            broken[cell] = True
            continue
        stack[0, :words] = 0
        for vertex in range(stop - start):
            stack[0, vertex >> 6] |= 1 << (vertex & 63)
            mixes[vertex, 0] = mix(np.uint64(numbers[start + vertex]))
            mixes[vertex, 1] = mix(mixes[vertex, 0] ^ SECOND)
        own[:] = 0
        own[0] = stop - start
        if most == dimension:
            table = _simple_faces(sets, facets, words, stack, following, mixes, table, used, counts, own)
        else:
            table = _closed_faces(sets, facets, words, stack, following, mixes, table, used, counts, own, part, trial)
        euler, sign = 0, 1
        for rank in range(dimension):
            euler += sign * own[rank]
            sign = -sign
        broken[cell] = own[dimension] > 0 or euler + sign != 1 or own[dimension - 1] != facets


def count_faces(
    offsets: np.ndarray, incidence: np.ndarray, facet_offsets: np.ndarray, numbers: np.ndarray, dimension: int
) -> FaceCounts:
    """Number of faces of each dimension 0 to k of the whole partition, faces that cells share counted once.

    `offsets` (cells + 1,) and `incidence` (total, words) are those of the vertices, bit i of an incidence for facet i
    of the vertex's own cell; `numbers` (total,), from 0 without gaps, say which vertices are the same. Vertices may lie
    on more than k facets. Faces are one where all their vertices are. So in a partial result, or where facets have no
    partner, the numbers are those of the cells glued along their pairs: what only touches otherwise is counted on
    either side. No cells give zeros. Memory beyond the input is proportional to the number of different faces.

    Example:
        >>> triangles = np.array([[3], [5], [6], [3], [5], [6]])  # two, glued along an edge
        >>> faces = count_faces(np.array([0, 3, 6]), triangles, np.array([0, 3, 6]), np.array([0, 1, 2, 0, 1, 3]), 2)
        >>> faces.numbers.tolist(), faces.broken.tolist()
        ([4, 5, 2], [])
    """
    counts, broken = np.zeros(dimension + 1, dtype=np.int64), np.zeros(offsets.shape[0] - 1, dtype=np.bool_)
    _count(offsets, incidence, facet_offsets, numbers, counts, broken)
    counts[0] = numbers.max(initial=-1) + 1
    counts[dimension] = offsets.shape[0] - 1
    return FaceCounts(counts, np.flatnonzero(broken))


def euler_characteristic(numbers: np.ndarray) -> int:
    """Vertices - edges + ... of face numbers (k + 1,): 1 where the cells fill a convex domain and all facets match.

    It is 1 for some faulty partitions too, such as one that lacks a cell at the boundary.

    Example:
        >>> euler_characteristic(np.array([8, 12, 6, 1]))
        1
    """
    return int(numbers[::2].sum() - numbers[1::2].sum())
