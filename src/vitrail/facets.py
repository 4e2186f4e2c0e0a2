"""Facets: which regions of a set share one, on lines, in planes and beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array

from vitrail.account import Account
from vitrail.cells.adjacency import facet_pairs, match_ends, next_vertex
from vitrail.cells.faces import count_faces
from vitrail.cells.pairing import match_by_vertices, number_vertices, pair_facets
from vitrail.cells.volumes import volumes
from vitrail.errors import InvalidOptionError
from vitrail.exact_facets import facet_point, lies_in
from vitrail.numerics.filters import VALUE_ROUNDING
from vitrail.numerics.predicates import Form
from vitrail.patterns import PatternLayout
from vitrail.source import Source

__all__ = [
    "Faces",
    "Facets",
    "Pieces",
    "adjacency_of",
    "facet_forms_of",
    "facet_pieces",
    "find_faces",
    "find_facets",
    "labels_of",
    "scaled_vertices",
    "settled_cuts",
]


@dataclass(frozen=True)
class Facets:
    """Pairs of regions that share a facet: `regions` (facets, 2), `rows` (facets, 2), `units` (facets,).

    `rows` are those of the two sides in the set's arrays of facets. `ends` (facets, 2, k) are there where k is 1 or 2:
    on a line a facet is a breakpoint, both of its ends the same. `open` are the rows of inner facets that were not
    paired beyond doubt.
    """

    regions: np.ndarray
    rows: np.ndarray
    units: np.ndarray
    ends: np.ndarray | None
    open: np.ndarray


@dataclass(frozen=True)
class Faces:
    """Number of faces of each dimension of a partition, (k + 1,), and whether which are the same is beyond doubt."""

    numbers: np.ndarray
    proven: bool


class Cells(Protocol):
    """What is asked of a set of regions; `vitrail.regions.RegionSet` has all of it, with these meanings."""

    @property
    def dimension(self) -> int:
        """Dimension k of the frame."""

    @property
    def on_a_line(self) -> bool:
        """Whether cells are intervals, from low to high, whose facets are their ends."""

    @property
    def polygonal(self) -> bool:
        """Whether cells are polygons, whose facets follow their vertices."""

    @property
    def offsets(self) -> np.ndarray:
        """Where each region's vertices begin, shape (regions + 1,)."""

    @property
    def vertices(self) -> np.ndarray:
        """Vertices in frame coordinates, shape (total, k)."""

    @property
    def vertex_errors(self) -> np.ndarray:
        """Error bound of each vertex, shape (total,)."""

    @property
    def facet_offsets(self) -> np.ndarray:
        """Where each region's facets begin, shape (regions + 1,)."""

    @property
    def facet_units(self) -> np.ndarray:
        """The unit behind each facet, negative on the domain's sides, shape (facets,)."""

    @property
    def facet_cuts(self) -> np.ndarray:
        """The cut behind each facet with its side, shape (facets,)."""

    @property
    def incidence(self) -> np.ndarray:
        """The facets through each vertex, shape (total, words)."""

    @property
    def account(self) -> Account:
        """How the regions were found."""

    @property
    def stored_witnesses(self) -> np.ndarray | None:
        """Inner points of cells without vertices, or None where cells have vertices."""

    @property
    def words(self) -> np.ndarray | None:
        """Packed patterns, or None."""

    @property
    def layout(self) -> PatternLayout:
        """How they are packed."""

    @property
    def source(self) -> Source | None:
        """What gives exact cells back, or None."""


def find_facets(cells: Cells) -> Facets:
    """All pairs of regions that share a facet.

    Raises:
        InvalidOptionError: beyond dimension 2 the patterns are needed, and were not kept.
    """
    if cells.on_a_line:
        return _on_a_line(cells)
    region_of = np.repeat(np.arange(len(cells.facet_offsets) - 1), np.diff(cells.facet_offsets))
    if cells.polygonal:
        found = facet_pairs(cells.offsets, cells.vertices, cells.vertex_errors, cells.facet_cuts)
        open_rows = found.open
        if found.open.size and _exact_at_hand(cells):
            pairs = match_ends(found.open, cells.facet_cuts[found.open], _exact_ends(cells, found.open))
            found = found.settled(pairs, cells.vertices, cells.vertices[next_vertex(cells.offsets)])
            open_rows = np.setdiff1d(open_rows, pairs)
        return Facets(region_of[found.pairs], found.pairs, cells.facet_units[found.pairs[:, 0]], found.ends, open_rows)
    if cells.words is None:
        raise InvalidOptionError("facets: the patterns were not kept; enumerate with patterns=True")
    matches = pair_facets(cells.words, cells.layout, cells.facet_offsets, cells.facet_units, cells.facet_cuts)
    if matches.open.size:
        matches = matches.and_also(_matched(cells, matches.open))
    return Facets(region_of[matches.pairs], matches.pairs, cells.facet_units[matches.pairs[:, 0]], None, matches.open)


def _matched(cells: Cells, rows: np.ndarray) -> np.ndarray:
    """Pairs of open facets: both facets of a cut that has no more, as in files and walks; else by exact geometry."""
    cuts = cells.facet_cuts[rows]
    if cells.source is None or cells.source.crossings:
        return match_by_vertices(rows, cuts, [()] * rows.size)
    if not _exact_at_hand(cells):
        return np.zeros((0, 2), dtype=np.int64)
    if len(cells.vertices):
        return match_by_vertices(rows, cuts, _exact_ends(cells, rows))
    return _matched_by_points(cells, rows)


def _matched_by_points(cells: Cells, rows: np.ndarray) -> np.ndarray:
    """Pairs of open facets of one cut where a point inside the one is a point of the region of the other.

    As cells meet face to face, these are the same facet.
    """
    owners = np.searchsorted(cells.facet_offsets, rows, side="right") - 1
    regions = np.unique(owners)
    forms = dict(zip(regions.tolist(), facet_forms_of(cells, regions), strict=True))
    sides: dict[int, tuple[list[int], list[int]]] = {}
    for at, cut in enumerate(cells.facet_cuts[rows].tolist()):
        sides.setdefault(cut >> 1, ([], []))[cut & 1].append(at)
    pairs = []
    for first, second in sides.values():
        for at in first:
            own = forms[int(owners[at])]
            point = facet_point(own, int(rows[at] - cells.facet_offsets[owners[at]]))
            across = [other for other in second if point is not None and lies_in(point, forms[int(owners[other])])]
            if len(across) == 1:
                pairs.append([rows[at], rows[across[0]]])
                second.remove(across[0])
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def facet_forms_of(cells: Cells, regions: np.ndarray) -> list[list[Form]]:
    """The exact forms of the facets of some regions."""
    if cells.words is None or cells.source is None:
        raise InvalidOptionError("exact facets: neither the network nor the patterns are at hand")
    return cells.source.facet_forms(cells.words[regions], labels_of(cells, regions))


def _on_a_line(cells: Cells) -> Facets:
    low, high = cells.vertices[2::2, 0], cells.vertices[1:-1:2, 0]
    # neighbors share an end, which each of them may have rounded for itself; a search that ended early has gaps
    slack = (cells.vertex_errors[2::2] + cells.vertex_errors[1:-1:2]) * (1 + VALUE_ROUNDING)
    shared = np.flatnonzero(np.abs(high - low) <= slack)
    rows = np.stack([2 * shared + 1, 2 * shared + 2], axis=1)
    ends = cells.vertices[rows[:, 0]][:, None, :].repeat(2, axis=1)
    return Facets(rows // 2, rows, cells.facet_units[rows[:, 0]], ends, np.zeros(0, dtype=np.int64))


def adjacency_of(facets: Facets, regions: int) -> csr_array:
    """The symmetric adjacency (regions, regions); an entry is 1 + the number of a facet that two regions share."""
    pairs = np.sort(facets.regions, axis=1)
    # undecided signs may pair two regions twice
    _, first = np.unique(pairs, axis=0, return_index=True)
    rows, columns = facets.regions[first].T
    both = np.concatenate([rows, columns]), np.concatenate([columns, rows])
    entries = np.concatenate([first, first]) + 1
    return csr_array((entries, both), shape=(regions, regions))


def scaled_vertices(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (total, k) and errors (total,) in coordinates divided by powers of two, and these, (k,).

    Thin domains become ordinary ones. Errors are stored in the coordinates of the widest direction.
    """
    scale = _extents(cells.vertices)
    return cells.vertices / scale, cells.vertex_errors / scale.max(initial=0.0), scale


def _extents(points: np.ndarray) -> np.ndarray:
    """Powers of two above the absolute coordinates of all points, (k,); 1 where these are all 0."""
    largest = np.abs(points).max(axis=0, initial=0.0)
    return np.where(largest > 0.0, np.ldexp(1.0, np.frexp(largest)[1]), 1.0)


def find_faces(cells: Cells, facets: Facets) -> Faces:
    """Faces of every dimension of a partition of dimension 3 or more, those that regions share counted once.

    Where facets are open, which faces are the same is not beyond doubt, unless the search ended early: then the region
    across may not have been found.

    Raises:
        InvalidOptionError: the regions have no vertices.
    """
    if not len(cells.vertices) and len(cells.offsets) > 1:
        raise InvalidOptionError('faces: these regions have no vertices; enumerate with cells="vertices"')
    vertices, errors, _ = scaled_vertices(cells)
    arrays = (cells.offsets, vertices, errors, cells.incidence, cells.facet_offsets)
    numbers, exact = number_vertices(*arrays, facets.rows), _exact_at_hand(cells)
    if not numbers.proven and exact:
        numbers = number_vertices(*arrays, facets.rows, _exact_numbers(cells, facets.rows[numbers.open]))
    counted = count_faces(cells.offsets, cells.incidence, cells.facet_offsets, numbers.numbers, cells.dimension)
    matched = not facets.open.size or (not cells.account.complete and (exact or cells.source is None))
    return Faces(counted.numbers, matched and numbers.proven and not counted.broken.size)


@dataclass(frozen=True)
class Pieces:
    """Some facets as polytopes: `vertices[offsets[i] : offsets[i + 1]]` (total, k), and `measures` in input units.

    On a line a piece is a point with measure 0, in a plane a segment, its ends in order; beyond, measures have the
    dimension k - 1. Facets of cells without vertices give no vertices, and the measure NaN.
    """

    offsets: np.ndarray
    vertices: np.ndarray
    measures: np.ndarray


def facet_pieces(cells: Cells, facets: Facets, which: np.ndarray, basis: np.ndarray) -> Pieces:
    """Some of the facets, by their numbers; `basis` (k, n) is that of the frame."""
    if facets.ends is not None:
        ends = facets.ends[which]
        if cells.dimension == 1:
            return Pieces(np.arange(len(ends) + 1), ends[:, 0], np.zeros(len(ends)))
        lengths = np.linalg.norm((ends[:, 1] - ends[:, 0]) @ basis, axis=1)
        return Pieces(2 * np.arange(len(ends) + 1), ends.reshape(-1, cells.dimension), lengths)
    rows = facets.rows[which, 0]
    owners = np.searchsorted(cells.facet_offsets, rows, side="right") - 1
    sizes = np.diff(cells.offsets)[owners]
    # all vertices of the cells, one after the other, of which those on the facet are kept
    piece = np.repeat(np.arange(len(rows)), sizes)
    vertex = np.arange(sizes.sum()) + np.repeat(cells.offsets[owners] - np.cumsum(sizes) + sizes, sizes)
    place = (rows - cells.facet_offsets[owners])[piece]
    words = np.take_along_axis(cells.incidence[vertex], (place >> 6)[:, None], axis=1)[:, 0] if vertex.size else vertex
    on = (words >> (place & 63)) & 1 == 1
    piece, vertex, place = piece[on], vertex[on], place[on]
    offsets = np.searchsorted(piece, np.arange(len(rows) + 1))
    measures = _facet_measures(cells, offsets, vertex, place, np.diff(cells.facet_offsets)[owners], basis)
    return Pieces(offsets, cells.vertices[vertex], measures)


def _facet_measures(
    cells: Cells, offsets: np.ndarray, vertex: np.ndarray, place: np.ndarray, sides: np.ndarray, basis: np.ndarray
) -> np.ndarray:
    """Measures of facets in input units: of their shadows on the coordinates that they face least, enlarged again."""
    if not len(cells.vertices):
        return np.full(len(offsets) - 1, np.nan)
    # coordinates in which lengths are those of the input space
    points = cells.vertices[vertex] @ np.linalg.cholesky(basis @ basis.T)
    normals = _normals(offsets, points)
    faced = np.abs(normals).argmax(axis=1)
    kept = np.stack([np.delete(np.arange(cells.dimension), axis) for axis in range(cells.dimension)])
    piece = np.repeat(np.arange(len(faced)), np.diff(offsets))
    shadows = np.take_along_axis(points, kept[faced[piece]], axis=1)
    incidence = cells.incidence[vertex].copy()
    rows = np.arange(len(vertex))
    incidence[rows, place >> 6] &= ~(np.int64(1) << (place & 63))
    scale = _extents(shadows)
    stretched = np.linalg.norm(basis) * cells.vertex_errors[vertex] / scale.max()
    found = volumes(offsets, shadows / scale, stretched, incidence, np.concatenate([[0], np.cumsum(sides)]))
    return found.volumes * scale.prod() / np.abs(normals[np.arange(len(faced)), faced])


def _normals(offsets: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Unit normals of facets given by their points, (facets, k): the direction in which these extend least."""
    sizes = np.diff(offsets)
    normals = np.zeros((len(sizes), points.shape[1]))
    for size in np.unique(sizes[sizes > 0]):
        own = np.flatnonzero(sizes == size)
        corners = points[offsets[own][:, None] + np.arange(size)]
        _, _, directions = np.linalg.svd(corners - corners.mean(axis=1, keepdims=True))
        normals[own] = directions[:, -1]
    return normals


def settled_cuts(cells: Cells, facets: Facets) -> np.ndarray:
    """The cuts of all facets, with a number of its own for each facet that cuts and patterns alone do not tell."""
    if cells.polygonal:
        found = facet_pairs(cells.offsets, cells.vertices, cells.vertex_errors, cells.facet_cuts)
        open_rows = found.open
    elif cells.words is None or cells.on_a_line:
        return cells.facet_cuts
    else:
        open_rows = pair_facets(
            cells.words, cells.layout, cells.facet_offsets, cells.facet_units, cells.facet_cuts
        ).open
    if not open_rows.size:
        return cells.facet_cuts
    pairs = facets.rows[np.isin(facets.rows[:, 0], open_rows)]
    result = cells.facet_cuts.copy()
    numbers = int(result.max()) // 2 + 1 + np.arange(len(pairs) + open_rows.size)
    result[open_rows] = 2 * numbers[len(pairs) :]
    result[pairs[:, 0]], result[pairs[:, 1]] = 2 * numbers[: len(pairs)], 2 * numbers[: len(pairs)] + 1
    return result


def _exact_at_hand(cells: Cells) -> bool:
    return cells.words is not None and cells.source is not None and cells.source.may_be_exact


def labels_of(cells: Cells, regions: np.ndarray) -> list[list[tuple[int, int]]]:
    """The hyperplane and the cut of each facet of some regions, which `Source` takes.

    Raises:
        InvalidOptionError: the hyperplanes are not at hand.
    """
    if cells.source is None:
        raise InvalidOptionError("facets: the network is not at hand; enumerate again instead of reading a file")
    rows, cuts, offsets = cells.source.rows, cells.facet_cuts, cells.facet_offsets
    return [
        list(zip(rows[a:b].tolist(), cuts[a:b].tolist(), strict=True))
        for a, b in zip(offsets[regions], offsets[regions + 1], strict=True)
    ]


def _exact_cells(cells: Cells, regions: np.ndarray) -> Sequence[Any]:
    """The exact cells of some regions, with facets and vertices in the order of the set's arrays."""
    if cells.words is None or cells.source is None:
        raise InvalidOptionError("exact cells: neither the network nor the patterns are at hand")
    masks = [
        [int.from_bytes(row.astype("<i8").tobytes(), "little") for row in cells.incidence[a:b]]
        for a, b in zip(cells.offsets[regions], cells.offsets[regions + 1], strict=True)
    ]
    return cells.source.exact_cells(cells.words[regions], labels_of(cells, regions), masks)


def _exact_ends(cells: Cells, rows: np.ndarray) -> list[tuple[tuple[int, ...], ...]]:
    """The vertices of some facets, exactly."""
    region_of = np.repeat(np.arange(len(cells.facet_offsets) - 1), np.diff(cells.facet_offsets))
    regions, place = np.unique(region_of[rows], return_inverse=True)
    exact = _exact_cells(cells, regions)
    first = cells.facet_offsets[regions][place]
    return [exact[i].facet_ends(int(row - start)) for i, row, start in zip(place, rows, first, strict=True)]


def _exact_numbers(cells: Cells, pairs: np.ndarray) -> np.ndarray:
    """Equal numbers for equal exact vertices of the regions that these facets belong to, -1 elsewhere."""
    region_of = np.repeat(np.arange(len(cells.facet_offsets) - 1), np.diff(cells.facet_offsets))
    regions = np.unique(region_of[pairs])
    known: dict[tuple[int, ...], int] = {}
    numbers = np.full(len(cells.vertices), -1, dtype=np.int64)
    for region, cell in zip(regions.tolist(), _exact_cells(cells, regions), strict=True):
        start = int(cells.offsets[region])
        for place, point in enumerate(cell.points):
            numbers[start + place] = known.setdefault(tuple(map(int, point)), len(known))
    return numbers
