"""Which facets of two polytopes are the same, from cuts and patterns; and which of their vertices are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from vitrail.cells.faces import NONE, mix
from vitrail.numerics.filters import VALUE_ROUNDING
from vitrail.patterns import PatternLayout, words_for

__all__ = ["FacetMatches", "VertexNumbers", "match_by_vertices", "number_vertices", "pair_facets"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}

_LONGEST_RUN = 64
"""Facets with one key that are compared pair by pair; where there are more, none is the only one of its side."""


@dataclass(frozen=True)
class FacetMatches:
    """Facets that are two sides of one, rows `pairs` (n, 2), positive side first; and the `open` rows (m,) of others.

    Sides of the domain are in neither.
    """

    pairs: np.ndarray
    open: np.ndarray

    def and_also(self, pairs: np.ndarray) -> FacetMatches:
        """The same with these pairs of open facets."""
        joined = np.concatenate([self.pairs, pairs])
        return FacetMatches(joined[np.argsort(joined[:, 0])], np.setdiff1d(self.open, pairs))


@dataclass(frozen=True)
class VertexNumbers:
    """The number of each vertex, (total,) int64 from 0 to `count` - 1, the same for the same vertex of several cells.

    `open` lists the pairs of facets whose vertices are not proven to be matched: the likeliest are, if they are one to
    one. `clashes` are cells two of whose vertices came to have the same number, which shows that some pair is wrong.
    """

    numbers: np.ndarray
    count: int
    open: np.ndarray
    clashes: np.ndarray

    @property
    def proven(self) -> bool:
        """Whether every pair of facets has its vertices matched beyond doubt."""
        return not (self.open.size or self.clashes.size)


@njit(**_OPTIONS)
def _facet_keys(words, unit_words, unit_masks, facet_offsets, facet_units, facet_cuts, keys):
    """A word for each inner facet from its cut and the pattern of its cell without the unit of the cut.

    The hash of a pattern is the sum of those of its words, so that a facet need only replace one of them.
    """
    salts = np.empty(words.shape[1], dtype=np.uint64)
    for word in range(words.shape[1]):
        salts[word] = mix(np.uint64(word))
    for cell in range(facet_offsets.shape[0] - 1):
        whole = NONE
        for word in range(words.shape[1]):
            whole += mix(words[cell, word] ^ salts[word])
        for facet in range(facet_offsets[cell], facet_offsets[cell + 1]):
            if facet_cuts[facet] < 0:
                continue
            word, mask = unit_words[facet_units[facet]], unit_masks[facet_units[facet]]
            rest = mix((words[cell, word] & ~mask) ^ salts[word]) - mix(words[cell, word] ^ salts[word])
            keys[facet] = whole + rest + mix(mix(np.uint64(facet_cuts[facet] >> 1)))


@njit(**_OPTIONS)
def _alike(f, g, words, unit_words, unit_masks, cell_of, facet_units, facet_cuts):
    """Whether two facets are of one cut, and the patterns of their cells the same but for its unit."""
    unit = facet_units[f]
    if facet_cuts[f] >> 1 != facet_cuts[g] >> 1 or unit != facet_units[g]:
        return False
    for word in range(words.shape[1]):
        differ = words[cell_of[f], word] ^ words[cell_of[g], word]
        if word == unit_words[unit]:
            differ &= ~unit_masks[unit]
        if differ != NONE:
            return False
    return True


@njit(**_OPTIONS)
def _partners(order, keys, words, unit_words, unit_masks, cell_of, facet_units, facet_cuts, partner):
    """Write the partner of each facet that is the only one of its cut and pattern on its side, as is the partner."""
    start = 0
    while start < order.shape[0]:
        stop = start + 1
        while stop < order.shape[0] and keys[order[stop]] == keys[order[start]]:
            stop += 1
        for i in range(start, stop if stop - start <= _LONGEST_RUN else start):
            f, found, same, opposite = order[i], -1, 0, 0
            for j in range(start, stop):
                g = order[j]
                if _alike(f, g, words, unit_words, unit_masks, cell_of, facet_units, facet_cuts):
                    if facet_cuts[f] == facet_cuts[g]:
                        same += 1
                    else:
                        found = g
                        opposite += 1
            if same == 1 and opposite == 1:
                partner[f] = found
        start = stop


def _fields(layout: PatternLayout) -> tuple[np.ndarray, np.ndarray]:
    """The word of each unit of the network, and the bits of it that hold the unit's piece, uint64."""
    words, masks = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    first = 0
    for units, bits in zip(layout.units, layout.bits, strict=True):
        position = np.arange(units) * bits
        words.append(first + position // 64)
        masks.append(np.uint64(2**bits - 1) << (position % 64).astype(np.uint64))
        first += words_for(units, bits)
    return np.concatenate(words), np.concatenate(masks)


def pair_facets(
    words: np.ndarray,
    layout: PatternLayout,
    facet_offsets: np.ndarray,
    facet_units: np.ndarray,
    facet_cuts: np.ndarray,
) -> FacetMatches:
    """Pair the facets of cells whose patterns differ in nothing but the unit whose cut made the facets.

    `words` (cells, words) are packed patterns, `facet_units` (facets,) the unit of each facet counted over the whole
    network, `facet_cuts` (facets,) 2 number + side, negative on the domain's sides. Such a pair is proven: on the
    hyperplane of the unit all other conditions of the two patterns agree, as the network is continuous. Facets on which
    several units vanish, and in a partial result those whose other cell is missing, stay open; so does what is not
    unique.

    Example:
        >>> words, layout = np.array([[0b01], [0b11]]), PatternLayout((2,), (1,))
        >>> found = pair_facets(words, layout, np.array([0, 2, 4]), np.array([-1, 1, 0, 1]), np.array([-1, 6, 2, 7]))
        >>> found.pairs.tolist(), found.open.tolist()
        ([[1, 3]], [2])
    """
    inner = np.flatnonzero(facet_cuts >= 0)
    unsigned = np.ascontiguousarray(words, dtype=np.int64).view(np.uint64)
    keys, partner = np.zeros(facet_cuts.size, dtype=np.uint64), np.full(facet_cuts.size, -1, dtype=np.int64)
    unit_words, unit_masks = _fields(layout)
    _facet_keys(unsigned, unit_words, unit_masks, facet_offsets, facet_units, facet_cuts, keys)
    order = inner[np.argsort(keys[inner])]
    cell_of = np.repeat(np.arange(facet_offsets.size - 1), np.diff(facet_offsets))
    _partners(order, keys, unsigned, unit_words, unit_masks, cell_of, facet_units, facet_cuts, partner)
    positive = inner[(facet_cuts[inner] & 1 == 0) & (partner[inner] >= 0)]
    return FacetMatches(np.stack([positive, partner[positive]], axis=1), inner[partner[inner] < 0])


def match_by_vertices(facets: np.ndarray, cuts: np.ndarray, keys: Sequence[Hashable]) -> np.ndarray:
    """Pairs (n, 2) of `facets` that are two sides of one cut with equal keys, such as sets of exact vertices.

    Facets of one side that have the same key are not told apart, and not paired.

    Example:
        >>> match_by_vertices(np.array([10, 20, 30]), np.array([4, 5, 4]), ["a", "b", "b"]).tolist()
        [[30, 20]]
    """
    sides: dict[tuple[int, Hashable], tuple[list[int], list[int]]] = {}
    for facet, cut, key in zip(facets.tolist(), cuts.tolist(), keys, strict=True):
        sides.setdefault((cut >> 1, key), ([], []))[cut & 1].append(facet)
    pairs = [[*positive, *negative] for positive, negative in sides.values() if len(positive) == len(negative) == 1]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@njit(**_OPTIONS)
def _root(parent, vertex):
    """The vertex that stands for all that are the same as this one; the way to it is halved."""
    while parent[vertex] != vertex:
        parent[vertex] = parent[parent[vertex]]
        vertex = parent[vertex]
    return vertex


@njit(**_OPTIONS)
def _vertices_of(facet, cell, offsets, incidence, facet_offsets, out):
    """Write the rows of the vertices of a facet to `out`, and return how many they are."""
    place = facet - facet_offsets[cell]
    word, shift = place >> 6, place & 63
    found = 0
    for vertex in range(offsets[cell], offsets[cell + 1]):
        if (incidence[vertex, word] >> shift) & 1 != 0:
            out[found] = vertex
            found += 1
    return found


@njit(**_OPTIONS)
def _may_be_same(a, b, vertices, errors, exact):
    """Whether two stored vertices may be the same true one: by their exact numbers, else within their errors."""
    if exact.size and exact[a] >= 0 and exact[b] >= 0:
        return exact[a] == exact[b]
    slack = (errors[a] + errors[b]) * (1.0 + VALUE_ROUNDING)
    near = True
    for i in range(vertices.shape[1]):
        near = near and abs(vertices[a, i] - vertices[b, i]) <= slack
    return near


@njit(**_OPTIONS)
def _match_proven(first, second, count, vertices, errors, exact, match, taken):
    """Whether every vertex of one facet can be just one of the other, each another one; which, is in `match`."""
    taken[:count] = False
    for i in range(count):
        match[i] = -1
        for j in range(count):
            if _may_be_same(first[i], second[j], vertices, errors, exact):
                if match[i] >= 0 or taken[j]:
                    return False
                match[i] = j
                taken[j] = True
        if match[i] < 0:
            return False
    return True


@njit(**_OPTIONS)
def _match_nearest(first, second, count, vertices, match, taken):
    """Whether the nearest vertices of the other facet are one to one; `match` says which they are."""
    taken[:count] = False
    for i in range(count):
        best = np.inf
        match[i] = -1
        for j in range(count):
            distance = 0.0
            for k in range(vertices.shape[1]):
                distance = max(distance, abs(vertices[first[i], k] - vertices[second[j], k]))
            if distance < best:
                best, match[i] = distance, j
        if match[i] < 0 or taken[match[i]]:
            return False
        taken[match[i]] = True
    return True


@njit(**_OPTIONS)
def _unite(offsets, vertices, errors, exact, incidence, facet_offsets, cell_of, pairs, parent, unproven):
    """Make the vertices of paired facets one, and mark the pairs where which they are is not proven."""
    most = 1
    for cell in range(offsets.shape[0] - 1):
        most = max(most, offsets[cell + 1] - offsets[cell])
    first, second, match = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    taken = np.empty(most, dtype=np.bool_)
    for p in range(pairs.shape[0]):
        f, g = pairs[p, 0], pairs[p, 1]
        count = _vertices_of(f, cell_of[f], offsets, incidence, facet_offsets, first)
        other = _vertices_of(g, cell_of[g], offsets, incidence, facet_offsets, second)
        same = count == other and count > 0
        unproven[p] = not (same and _match_proven(first, second, count, vertices, errors, exact, match, taken))
        if not same or (unproven[p] and not _match_nearest(first, second, count, vertices, match, taken)):
            continue
        for i in range(count):
            a, b = _root(parent, first[i]), _root(parent, second[match[i]])
            parent[max(a, b)] = min(a, b)


@njit(**_OPTIONS)
def _number(offsets, parent, numbers, clash):
    """Number the vertices in the order of their first rows; mark the cells that have one number twice."""
    count = 0
    for vertex in range(parent.shape[0]):
        root = _root(parent, vertex)
        if root == vertex:
            numbers[vertex] = count
            count += 1
        else:
            numbers[vertex] = numbers[root]
    last = np.full(count, -1, dtype=np.int64)
    for cell in range(offsets.shape[0] - 1):
        for vertex in range(offsets[cell], offsets[cell + 1]):
            clash[cell] |= last[numbers[vertex]] == cell
            last[numbers[vertex]] = cell
    return count


def number_vertices(
    offsets: np.ndarray,
    vertices: np.ndarray,
    errors: np.ndarray,
    incidence: np.ndarray,
    facet_offsets: np.ndarray,
    pairs: np.ndarray,
    exact: np.ndarray | None = None,
) -> VertexNumbers:
    """Number the vertices of all cells so that those of paired facets that are the same point have one number.

    Arrays as for `vitrail.cells.faces.count_faces`; `pairs` (n, 2) are rows of facets. Two vertices of a pair are the
    same where each may be the other within the errors (total,), in the maximum norm, and no third one may. `exact`
    (total,) int64 helps where vertices are too close together: rows with equal numbers are the same point, with
    different ones different points, and -1 says nothing.

    Example:
        >>> corners, bits = np.array([[0.0], [1.0], [1.0], [2.0]]), np.array([[1], [2], [1], [2]])
        >>> ends = np.array([0, 2, 4])
        >>> number_vertices(ends, corners, np.zeros(4), bits, ends, np.array([[1, 2]])).numbers.tolist()
        [0, 1, 1, 2]
    """
    total, cells = vertices.shape[0], offsets.shape[0] - 1
    parent, numbers = np.arange(total), np.empty(total, dtype=np.int64)
    unproven, clash = np.empty(pairs.shape[0], dtype=np.bool_), np.zeros(cells, dtype=np.bool_)
    known = np.empty(0, dtype=np.int64) if exact is None else exact
    cell_of = np.repeat(np.arange(cells), np.diff(facet_offsets))
    _unite(offsets, vertices, errors, known, incidence, facet_offsets, cell_of, pairs, parent, unproven)
    count = _number(offsets, parent, numbers, clash)
    return VertexNumbers(numbers, count, np.flatnonzero(unproven), np.flatnonzero(clash))
