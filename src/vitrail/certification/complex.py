"""The complex that exact cells make: facets with their owners, vertices and faces by their exact places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vitrail.cells.exact import ExactCell
from vitrail.cells.lattice import bits, faces_by_dimension
from vitrail.numerics.predicates import canonical

__all__ = ["Complex", "Ends"]

Ends = tuple[tuple[int, ...], ...]
"""The vertices of a facet in smallest integers, sorted."""

_NAMES = "VEFC"
"""Vertices, edges, faces, cells: the letters that formulas up to three dimensions use."""


class Complex:
    """Cells of one dimension with exact vertices; every face is known by its vertices and counted once.

    Faces between the vertices and the facets are found from what the facets have in common, as closed sets. They are
    left out where `faces` is False: then there is no Euler characteristic.
    """

    def __init__(self, dimension: int, *, faces: bool) -> None:
        """Empty."""
        self.dimension = dimension
        self.cells = 0
        self.facets: dict[Ends, tuple[bool, list[int]]] = {}
        """For each facet, whether it is on the domain's boundary, and the numbers of its cells."""
        self._corners: dict[tuple[int, ...], int] = {}
        self._faces: list[set[tuple[int, ...]]] = [set() for _ in range(dimension - 2)] if faces else []
        """By dimension from 1 to k - 2, the numbers of the corners of each face."""

    def add(self, number: int, cell: ExactCell) -> Iterator[tuple[int, Ends, list[int]]]:
        """Add a cell; yields for each facet its number in the cell, its ends, and all its cells so far."""
        self.cells += 1
        for point in cell.points:
            self._corners.setdefault(canonical(point), len(self._corners))
        own = [cell.facet_ends(facet) for facet in range(len(cell.labels))]
        if self._faces:
            self._add_faces(own)
        for facet, (ends, (row, _)) in enumerate(zip(own, cell.labels, strict=True)):
            _, owners = self.facets.setdefault(ends, (row < 0, []))
            owners.append(number)
            yield facet, ends, owners

    def _add_faces(self, facets: Sequence[Ends]) -> None:
        on = [[self._corners[end] for end in ends] for ends in facets]
        corners = sorted({corner for some in on for corner in some})
        place = {corner: i for i, corner in enumerate(corners)}
        masks = [sum(1 << place[corner] for corner in some) for some in on]
        everything = (1 << len(corners)) - 1
        for dimension, face in faces_by_dimension(masks, self.dimension, everything, everything):
            if 0 < dimension < self.dimension - 1:
                self._faces[dimension - 1].add(tuple(corners[i] for i in bits(face)))

    @property
    def numbers(self) -> list[int]:
        """How many faces there are of each dimension from 0 to k."""
        return [len(self._corners), *(len(some) for some in self._faces), *self._top]

    @property
    def _top(self) -> list[int]:
        return [len(self.facets), self.cells] if self.dimension > 1 else [self.cells]

    @property
    def euler(self) -> int:
        """The alternating sum of the numbers of faces: 1 where the cells fill a convex domain, face to face."""
        return sum(-number if i % 2 else number for i, number in enumerate(self.numbers))

    @property
    def formula(self) -> str:
        """What `euler` sums, in letters: V - E + F in a plane."""
        names = _NAMES if self.dimension < len(_NAMES) else [f"f{i}" for i in range(self.dimension + 1)]
        return names[0] + "".join(f" {'+-'[i % 2]} {names[i]}" for i in range(1, self.dimension + 1))
