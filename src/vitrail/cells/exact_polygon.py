"""Exact cells of dimension one and two: integer points, never coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key

from flint import fmpq, fmpz

from vitrail.numerics.predicates import Form, Point, canonical, meeting_point, side, turn

__all__ = ["ExactInterval", "ExactPolygon"]


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
