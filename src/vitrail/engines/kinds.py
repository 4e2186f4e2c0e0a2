"""Which kind of cell a search uses, and what depends on that: work memory, the first cells, and exact cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vitrail.cells.batch import CellBatch, CutWork
from vitrail.cells.exact import ExactCell
from vitrail.cells.exact_halfspaces import ExactHalfspaces
from vitrail.cells.exact_polygon import ExactInterval, ExactPolygon
from vitrail.cells.exact_polytope import ExactPolytope
from vitrail.cells.halfspaces import Halfspaces, HalfspaceWork
from vitrail.cells.interval import Intervals, IntervalWork
from vitrail.cells.polygon import Polygons, PolygonWork
from vitrail.cells.polytope import Polytopes, PolytopeWork
from vitrail.domains import side_lines
from vitrail.engines.roots import Roots
from vitrail.errors import InvalidOptionError
from vitrail.numerics.predicates import Form, Point, meeting_point
from vitrail.status import Cells

__all__ = ["KINDS", "MOST_VERTEX_DIMENSIONS", "CellKind", "FacetForms", "kind_of"]

MOST_VERTEX_DIMENSIONS = 7
"""Beyond, a cell has so many vertices that linear programs cost less."""

MOST_COUNTED_DIMENSIONS = 5
"""The same where cells are only counted, which linear programs do without finding the facets (both measured)."""


@dataclass(frozen=True)
class FacetForms:
    """What an exact cell is made of: labels and exact forms of its facets, and masks of the facets through each vertex.

    Forms are not negative inside. `filtered` says whether rounded numbers may decide what they can.
    """

    labels: Sequence[tuple[int, int]]
    forms: Sequence[Form]
    incidence: Sequence[int]
    filtered: bool


class CellKind(Protocol):
    """What a search asks of a kind of cell; `name` is what the result calls it."""

    name: Cells

    def work(self, dimension: int, capacity: int) -> CutWork:
        """Work memory of a cutting loop."""

    def start(self, roots: Roots) -> CellBatch:
        """The domains of all frames as cells."""

    def exact(self, roots: Roots, frame: int, facets: FacetForms) -> ExactCell:
        """The exact cell with these facets; on the domain's own sides their forms are what `Roots.side_forms` gives."""


class _IntervalKind:
    name = Cells.INTERVALS

    def work(self, dimension: int, capacity: int) -> CutWork:
        return IntervalWork(capacity)

    def start(self, roots: Roots) -> CellBatch:
        count = len(roots.corners)
        floats = np.zeros((count, 4))
        floats[:, :2] = np.stack(roots.corners)[:, :, 0]
        sources = np.tile(np.array([[-1, -2]]), (count, 1))
        return Intervals(floats, sources, np.arange(count), np.zeros(count, dtype=np.int64))

    def exact(self, roots: Roots, frame: int, facets: FacetForms) -> ExactCell:
        ends = roots.ends(frame)
        low, high = (
            ends[-1 - number] if number < 0 else meeting_point([form])
            for (number, _), form in zip(facets.labels, facets.forms, strict=True)
        )
        return ExactInterval((low, high), tuple(facets.labels))


class _PolygonKind:
    name = Cells.POLYGONS

    def work(self, dimension: int, capacity: int) -> CutWork:
        return PolygonWork(capacity)

    def start(self, roots: Roots) -> CellBatch:
        corners = roots.corners
        sizes = [len(c) for c in corners]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        floats = np.concatenate([np.concatenate([c, np.zeros((len(c), 1)), side_lines(c)], axis=1) for c in corners])
        sources = np.concatenate([-1 - np.arange(size) for size in sizes])
        integers = np.stack([sources, np.full_like(sources, -1)], axis=1)
        count = len(corners)
        return Polygons(offsets, floats, integers, np.arange(count), np.zeros(count, dtype=np.int64))

    def exact(self, roots: Roots, frame: int, facets: FacetForms) -> ExactCell:
        polygon, labels = ExactPolygon.from_lines(facets.forms, facets.labels), facets.labels
        corners = roots.ends(frame)
        # where two sides of the domain meet is known, also where they are one line
        points: list[Point] = [
            corners[-1 - labels[i][0]] if labels[i - 1][0] < 0 and labels[i][0] < 0 else point
            for i, point in enumerate(polygon.points)
        ]
        return ExactPolygon(tuple(points), polygon.lines, polygon.labels)


class _VertexKind:
    name = Cells.VERTICES

    def work(self, dimension: int, capacity: int) -> CutWork:
        return PolytopeWork(dimension, capacity)

    def start(self, roots: Roots) -> CellBatch:
        cells = [roots.cell(int(number)) for number in roots.numbers]
        return Polytopes.from_exact([cell for cell in cells if isinstance(cell, ExactPolytope)], roots.dimension)

    def exact(self, roots: Roots, frame: int, facets: FacetForms) -> ExactCell:
        return ExactPolytope.from_facets(facets.forms, facets.labels, facets.incidence)


class _HalfspaceKind:
    name = Cells.HALFSPACES

    def work(self, dimension: int, capacity: int) -> CutWork:
        return HalfspaceWork(dimension, capacity)

    def start(self, roots: Roots) -> CellBatch:
        return Halfspaces.joined([Halfspaces.root(sides, roots.bounded) for sides in roots.sides])

    def exact(self, roots: Roots, frame: int, facets: FacetForms) -> ExactCell:
        return ExactHalfspaces(tuple(facets.forms), tuple(facets.labels), roots.dimension, filtered=facets.filtered)


KINDS: dict[Cells, CellKind] = {
    kind.name: kind for kind in (_IntervalKind(), _PolygonKind(), _VertexKind(), _HalfspaceKind())
}
"""The kinds by name."""


def kind_of(roots: Roots, forced: Cells | None = None, *, geometry: bool = True) -> Cells:
    """The kind of cell for these domains, or the forced one; `geometry` says whether it will be kept.

    Raises:
        InvalidOptionError: the forced one does not do for them.
    """
    dimension, flat = roots.dimension, bool(roots.corners)
    if forced is None:
        if flat:
            return (Cells.INTERVALS, Cells.POLYGONS)[dimension - 1]
        most = MOST_VERTEX_DIMENSIONS if geometry else MOST_COUNTED_DIMENSIONS
        return Cells.VERTICES if roots.bounded and dimension <= most else Cells.HALFSPACES
    if flat or (forced is Cells.VERTICES and not roots.bounded):
        raise InvalidOptionError(
            f"cells: {forced.value!r} is for {'bounded ' if forced is Cells.VERTICES else ''}domains of dimension 3 "
            f"and more, found dimension {dimension}{'' if roots.bounded else ', unbounded'}; leave it to 'auto'"
        )
    return forced
