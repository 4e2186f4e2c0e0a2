"""Exact cells of dimension one and two: integer points, never coordinates; cut by the same predicates in any dimension.

A cell knows its vertices as exact points and what made its facets. It is cut by `split`, the only thing that depends on
the dimension; `divide_by_signs` and `divide_by_winners` use nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import Protocol

from flint import fmpq, fmpz

from vitrail.numerics.predicates import Form, Point, canonical, meeting_point, side, turn

__all__ = [
    "Candidate",
    "ExactCell",
    "ExactInterval",
    "ExactPolygon",
    "Group",
    "Row",
    "divide_by_signs",
    "divide_by_winners",
]

_NEW = -2
"""The cut of a facet that has no number yet."""


@dataclass(frozen=True)
class Row:
    """One sign decision: the hyperplane's number, the bit position of its unit, and the form that is decided."""

    number: int
    position: int
    form: Form


@dataclass(frozen=True)
class Candidate:
    """One candidate of a maximum: its place in the group and its form."""

    place: int
    form: Form


@dataclass(frozen=True)
class Group:
    """The candidates of one maximum, by place; `number` + width * winner + other numbers their hyperplanes."""

    number: int
    position: int
    width: int
    candidates: tuple[Candidate, ...]


class ExactCell(Protocol):
    """What the cutting needs to know about a cell; facets are labelled (hyperplane, cut)."""

    @property
    def labels(self) -> tuple[tuple[int, int], ...]:
        """Hyperplane and cut of each facet."""

    def split(self, form: Form, number: int, cut: int) -> tuple[ExactCell | None, ExactCell | None]:
        """The parts where the form is positive and negative, None where there is no interior.

        The new facet has the label (number, 2 cut) on the positive and (number, 2 cut + 1) on the negative side.
        """

    def facet_ends(self, facet: int) -> tuple[tuple[int, ...], ...]:
        """The vertices of a facet, in an order and form that both its cells agree on."""

    def relabeled(self, labels: Sequence[tuple[int, int]]) -> ExactCell:
        """The same cell with other labels."""

    @property
    def points(self) -> tuple[Point, ...]:
        """The vertices."""

    @property
    def center(self) -> Point:
        """A point of the interior: the mean of the vertices, on an unbounded interval one beyond its finite end."""

    def holds(self, point: Point) -> bool:
        """Whether a point lies in the interior."""

    @property
    def measure(self) -> fmpq:
        """Length or area in frame coordinates; -1 if unbounded."""


@dataclass(frozen=True)
class ExactInterval:
    """An interval: its two ends, low first, each with the label of what made it."""

    points: tuple[Point, Point]
    labels: tuple[tuple[int, int], ...]

    def split(self, form: Form, number: int, cut: int) -> tuple[ExactInterval | None, ExactInterval | None]:
        """The parts where the form is positive and negative."""
        low, high = (side(form, point) for point in self.points)
        if low * high >= 0:
            return (self, None) if low + high > 0 else (None, self)
        middle = meeting_point([form])
        below = replace(self, points=(self.points[0], middle), labels=(self.labels[0], (number, -1)))
        above = replace(self, points=(middle, self.points[1]), labels=((number, -1), self.labels[1]))
        return (below, above) if low > 0 else (above, below)

    def facet_ends(self, facet: int) -> tuple[tuple[int, ...], ...]:
        """The end itself."""
        return (canonical(self.points[facet]),)

    def relabeled(self, labels: Sequence[tuple[int, int]]) -> ExactInterval:
        """Ends have no cuts."""
        return replace(self, labels=tuple((number, -1) for number, _ in labels))

    @property
    def center(self) -> Point:
        """The middle; one beyond the finite end, or 0, where the interval is unbounded."""
        (v, low), (w, high) = self.points
        if v != 0 and w != 0:
            return (2 * v * w, low * w + high * v)
        return (v, low + v) if v != 0 else (w, high - w) if w != 0 else (fmpz(1), fmpz(0))

    def holds(self, point: Point) -> bool:
        """Whether the point lies between the ends."""
        (v, low), (w, high) = self.points
        return bool(point[1] * v > low * point[0] and point[1] * w < high * point[0])

    @property
    def measure(self) -> fmpq:
        """The length; -1 if unbounded."""
        (v, low), (w, high) = self.points
        return fmpq(-1) if v == 0 or w == 0 else fmpq(high, w) - fmpq(low, v)

    @staticmethod
    def ordered(intervals: Sequence[ExactInterval]) -> list[int]:
        """Positions of the intervals, which do not overlap, from low to high."""

        def compare(i: int, j: int) -> int:
            a, b = intervals[i].points[0], intervals[j].points[0]
            if a[0] == 0 or b[0] == 0:  # only one interval begins at minus infinity
                return -1 if a[0] == 0 else 1
            difference = a[1] * b[0] - b[1] * a[0]
            return int((difference > 0) - (difference < 0))

        return sorted(range(len(intervals)), key=cmp_to_key(compare))


@dataclass(frozen=True)
class ExactPolygon:
    """A convex polygon, counter-clockwise: vertices, and for the edge that leaves each its line and label."""

    points: tuple[Point, ...]
    lines: tuple[Form, ...]
    labels: tuple[tuple[int, int], ...]

    @classmethod
    def from_lines(cls, lines: Sequence[Form], labels: Sequence[tuple[int, int]]) -> ExactPolygon:
        """The polygon whose edges lie on these lines, in order."""
        points = tuple(meeting_point([lines[i - 1], lines[i]]) for i in range(len(lines)))
        return cls(points, tuple(lines), tuple(labels))

    def split(self, form: Form, number: int, cut: int) -> tuple[ExactPolygon | None, ExactPolygon | None]:
        """The parts where the form is positive and negative."""
        signs = [side(form, point) for point in self.points]
        if not (1 in signs and -1 in signs):
            return (self, None) if 1 in signs else (None, self)
        after = [*signs[1:], signs[0]]
        crossings = {i: meeting_point([self.lines[i], form]) for i in range(len(signs)) if signs[i] * after[i] < 0}
        return (
            self._part(signs, after, 1, crossings, form, (number, 2 * cut)),
            self._part(signs, after, -1, crossings, form, (number, 2 * cut + 1)),
        )

    def _part(
        self,
        signs: Sequence[int],
        after: Sequence[int],
        wanted: int,
        crossings: dict[int, Point],
        form: Form,
        label: tuple[int, int],
    ) -> ExactPolygon:
        corners = []
        for i, (here, there) in enumerate(zip(signs, after, strict=True)):
            own = (self.lines[i], self.labels[i])
            if here * wanted >= 0:
                corners.append((self.points[i], *((form, label) if here == 0 and there * wanted < 0 else own)))
            if here * there < 0:
                corners.append((crossings[i], *((form, label) if here * wanted > 0 else own)))
        points, lines, labels = zip(*corners, strict=True)
        return ExactPolygon(points, lines, labels)

    def facet_ends(self, facet: int) -> tuple[tuple[int, ...], ...]:
        """Both ends of the edge, the smaller first."""
        ends = (self.points[facet], self.points[(facet + 1) % len(self.points)])
        return tuple(sorted(canonical(end) for end in ends))

    def relabeled(self, labels: Sequence[tuple[int, int]]) -> ExactPolygon:
        """The same polygon with other labels."""
        return replace(self, labels=tuple(labels))

    @property
    def center(self) -> Point:
        """The mean of the vertices."""
        count = len(self.points)
        x, y = (sum((fmpq(p[i], p[0]) for p in self.points), fmpq(0)) / count for i in (1, 2))
        weight = x.q * y.q
        return (weight, x.p * y.q, y.p * x.q)

    def holds(self, point: Point) -> bool:
        """Whether the point is on the left of every edge."""
        after = [*self.points[1:], self.points[0]]
        return all(turn(a, b, point) > 0 for a, b in zip(self.points, after, strict=True))

    @property
    def measure(self) -> fmpq:
        """The area."""
        corners = [(fmpq(x, w), fmpq(y, w)) for w, x, y in self.points]
        after = [*corners[1:], corners[0]]
        twice = sum((a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, after, strict=True)), fmpq(0))
        return twice / 2


def divide_by_signs(
    cell: ExactCell, rows: Sequence[Row], cuts: Iterator[int]
) -> Iterator[tuple[ExactCell, list[tuple[int, int]]]]:
    """Cut a cell by the zero sets of the rows; yields the parts, each with what to add at which bit positions.

    A form that is zero on the whole cell adds nothing: it is in the lower piece.
    """
    stack: list[tuple[ExactCell, int, list[tuple[int, int]]]] = [(cell, 0, [])]
    while stack:
        part, at, chosen = stack.pop()
        while at < len(rows):
            row = rows[at]
            at += 1
            if not any(row.form):
                continue
            positive, negative = part.split(row.form, row.number, next(cuts))
            if positive is None and negative is not None:
                part = negative
                continue
            if positive is not None and negative is not None:
                stack.append((negative, at, chosen))
            if positive is not None:
                part, chosen = positive, [*chosen, (row.position, 1)]
        yield part, chosen


def divide_by_winners(
    cell: ExactCell, groups: Sequence[Group], cuts: Iterator[int]
) -> Iterator[tuple[ExactCell, list[tuple[int, int]]]]:
    """Cut a cell by the winner of each group, the lowest place among equal candidates; yields as `divide_by_signs`."""
    parts: list[tuple[ExactCell, list[tuple[int, int]]]] = [(cell, [])]
    for group in groups:
        parts = [
            (child, [*chosen, (group.position, winner)])
            for part, chosen in parts
            for child, winner in _parts_by_winner(part, group, cuts)
        ]
    yield from parts


def _parts_by_winner(cell: ExactCell, group: Group, cuts: Iterator[int]) -> list[tuple[ExactCell, int]]:
    first_of: dict[Form, Candidate] = {}
    for candidate in group.candidates:
        first_of.setdefault(candidate.form, candidate)
    different = list(first_of.values())
    result = []
    for winner in different:
        part: ExactCell | None = cell
        for other in different:
            if other is winner or part is None:
                continue
            gap = tuple(a - b for a, b in zip(winner.form, other.form, strict=True))
            part, _ = part.split(gap, group.number + group.width * winner.place + other.place, _NEW)
        if part is not None:
            result.append((part, winner.place))
    return _with_cuts(result, cuts)


def _with_cuts(parts: Sequence[tuple[ExactCell, int]], cuts: Iterator[int]) -> list[tuple[ExactCell, int]]:
    """Number the new facets: the two sides of one are where the vertices are the same."""
    numbers: dict[tuple[tuple[int, ...], ...], int] = {}
    result = []
    for part, winner in parts:
        labels = list(part.labels)
        for facet, (number, cut) in enumerate(labels):
            if cut != 2 * _NEW:
                continue
            ends = part.facet_ends(facet)
            known = ends in numbers
            if not known:
                numbers[ends] = next(cuts)
            labels[facet] = (number, 2 * numbers[ends] + known)
        result.append((part.relabeled(labels), winner))
    return result
