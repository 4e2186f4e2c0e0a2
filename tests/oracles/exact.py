"""The cells of a line or a convex polygon of a network, in integers: slow, plain and exact.

Only cells of positive length or area exist. Facets come from the geometry of the cells alone, not
from how they were cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from . import shapes
from .carrying import Cell, Contacts, Frame, carry
from .neutral import Net, Pattern, Vector, exact_vector
from .shapes import Integers, Shape


@dataclass(frozen=True)
class Facet:
    """A shared piece of positive length of two cells (2-D: its two ends; 1-D: one point)."""

    first: int
    second: int
    ends: tuple[Vector, ...]


@dataclass
class Subdivision:
    """The cells of a domain."""

    net: Net
    frame: Frame
    domain: Shape
    cells: list[Cell]
    contacts: int = field(default=0)

    @property
    def is_degenerate(self) -> bool:
        """Whether a unit vanished at a corner, a facet or a whole cell without cutting it there (see `Contacts`)."""
        return self.contacts > 0

    def patterns(self) -> set[Pattern]:
        """The patterns; as many as cells."""
        return {cell.pattern for cell in self.cells}

    @cached_property
    def facets(self) -> list[Facet]:
        """The shared facets of positive length (in 1-D: the points between neighbors), from the geometry alone."""
        if isinstance(self.domain, shapes.Interval):
            return list(_points_between(self.cells))
        return list(_shared_edges(self.cells))

    def adjacency(self) -> set[tuple[int, int]]:
        """The pairs of cells, lower index first, that share a facet."""
        return {(min(f.first, f.second), max(f.first, f.second)) for f in self.facets}

    def count(self, definition: str) -> int:
        """The number of `activation` regions, `linear` regions or `affine` pieces."""
        if definition == "activation":
            return len(self.cells)
        if definition == "linear":
            return len(set(self.linear_regions()))
        if definition == "affine":
            return len({cell.forms for cell in self.cells})
        raise ValueError(f"unknown definition {definition!r}")

    def linear_regions(self) -> list[int]:
        """Per cell the lowest cell of its linear region: cells with equal maps joined across facets."""
        parent = list(range(len(self.cells)))

        def root(i: int) -> int:
            while parent[i] != i:
                parent[i] = parent[parent[i]]
                i = parent[i]
            return i

        for first, second in self.adjacency():
            if self.cells[first].forms == self.cells[second].forms:
                a, b = sorted((root(first), root(second)))
                parent[b] = a
        return [root(i) for i in range(len(self.cells))]

    def measure(self) -> Fraction:
        """The sum of the cells' lengths or areas."""
        return total([cell.shape.measure() for cell in self.cells])


def total(values: Sequence[Fraction]) -> Fraction:
    """The sum, added in pairs so that numbers of like size meet."""
    row = list(values)
    while len(row) > 1:
        row = [sum(row[i : i + 2], Fraction(0)) for i in range(0, len(row), 2)]
    return row[0] if row else Fraction(0)


def subdivide(net: Net, domain: Shape, frame: Frame | None = None) -> Subdivision:
    """The cells of a domain of a frame (default: the input space itself) of a network."""
    frame = Frame.identity(net.sizes[0]) if frame is None else frame
    contacts = Contacts()
    cells = list(carry(net, frame, domain, contacts))
    return Subdivision(net, frame, domain, cells, contacts.count)


def segment(net: Net, a: Sequence[Any], b: Sequence[Any]) -> Subdivision:
    """The cells of the segment from a to b, with t in [0, 1]."""
    frame = _line(a, b)
    return subdivide(net, shapes.interval(Fraction(0), Fraction(1)), frame)


def whole_line(net: Net, a: Sequence[Any], b: Sequence[Any]) -> Subdivision:
    """The cells of the unbounded line through a (t = 0) and b (t = 1)."""
    return subdivide(net, shapes.interval(None, None), _line(a, b))


def box(net: Net, low: Sequence[Any], high: Sequence[Any]) -> Subdivision:
    """The cells of a box in the input space of a network with one or two inputs."""
    low, high = exact_vector(low), exact_vector(high)
    if len(low) == 1:
        return subdivide(net, shapes.interval(low[0], high[0]))
    (x0, y0), (x1, y1) = low, high
    return subdivide(net, shapes.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))


def whole_plane_patterns(net: Net, frame: Frame | None = None) -> set[Pattern]:
    """The patterns of the full-dimensional cells of an unbounded plane, as the union over its four quadrants."""
    frame = Frame.identity(net.sizes[0]) if frame is None else frame
    return {cell.pattern for quadrant in shapes.quadrants() for cell in carry(net, frame, quadrant, Contacts())}


def _line(a: Sequence[Any], b: Sequence[Any]) -> Frame:
    start, end = exact_vector(a), exact_vector(b)
    return Frame(start, (tuple(y - x for x, y in zip(start, end, strict=True)),))


# Adjacency from the geometry of the cells alone.

End = tuple[Fraction, Vector]
"""A position along a line, and the point there."""
Edge = tuple[End, End, int]
"""The lower and the upper end, and the cell."""


def _points_between(cells: Sequence[Cell]) -> Iterator[Facet]:
    starts = {cell.shape.points[0]: i for i, cell in enumerate(cells)}
    for i, cell in enumerate(cells):
        end = cell.shape.points[1]
        if end[0] and end in starts:
            yield Facet(i, starts[end], (shapes.rational(end),))


def _shared_edges(cells: Sequence[Cell]) -> Iterator[Facet]:
    edges: dict[Integers, tuple[list[Edge], list[Edge]]] = {}
    for i, cell in enumerate(cells):
        if not isinstance(cell.shape, shapes.Polygon):
            raise TypeError("expected polygons")
        for p, line in enumerate(cell.shape.lines):
            constant, a, b = line
            flipped = (a, b) < (0, 0)
            key = (-constant, -a, -b) if flipped else line
            along: list[End] = []
            for w, x, y in (cell.shape.points[p], cell.shape.points[(p + 1) % len(cell.shape.points)]):
                along.append((Fraction(key[1] * y - key[2] * x, w), (Fraction(x, w), Fraction(y, w))))
            low, high = sorted(along)
            edges.setdefault(key, ([], []))[flipped].append((low, high, i))
    for one_side, other_side in edges.values():
        yield from _overlaps(sorted(one_side), sorted(other_side))


def _overlaps(one_side: list[Edge], other_side: list[Edge]) -> Iterator[Facet]:
    i = j = 0
    while i < len(one_side) and j < len(other_side):
        (low_a, high_a, a), (low_b, high_b, b) = one_side[i], other_side[j]
        low, high = max(low_a, low_b), min(high_a, high_b)
        if low < high:
            yield Facet(a, b, (low[1], high[1]))
        if high_a <= high_b:
            i += 1
        else:
            j += 1
