"""Exact convex shapes in homogeneous integers: intervals of a line and convex polygons of a plane.

A point is (W, T_1, ..., T_k) with W > 0 (W = 0: the point at infinity in that direction); a form (c_0, ..., c_k) has
the sign of c_0 W + c_1 T_1 + ... there. A polygon remembers the line of every edge, and a new vertex is the meeting of
two lines, never an interpolation, so that numbers do not grow with the number of cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

Integers = tuple[int, ...]


def primitive(values: Integers) -> Integers:
    """The integers divided by their greatest common divisor."""
    divisor = gcd(*values)
    return tuple(value // divisor for value in values) if divisor > 1 else values


def homogeneous(point: Sequence[Fraction]) -> Integers:
    """The homogeneous integers of a rational point."""
    scale = lcm(*(value.denominator for value in point))
    return primitive((scale, *(int(value * scale) for value in point)))


def rational(point: Integers) -> tuple[Fraction, ...]:
    """The rational coordinates of a point that is not at infinity."""
    return tuple(Fraction(value, point[0]) for value in point[1:])


def cross(a: Integers, b: Integers) -> Integers:
    """The meeting point of two lines, or the line through two points."""
    return primitive((a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]))


@dataclass(frozen=True, slots=True)
class Interval:
    """The points between `points[0]` and `points[1]`, increasing; (0, -1) and (0, 1) are the infinities."""

    points: tuple[Integers, ...]

    def values(self, form: Integers) -> list[int]:
        """Numbers with the signs of a form at the ends (towards infinity for an unbounded end)."""
        constant, slope = form
        if slope == 0:
            return [constant, constant]
        return [constant * w + slope * t for w, t in self.points]

    def split(self, form: Integers, values: Sequence[int]) -> tuple[Interval, Interval]:
        """The parts where the form is negative and positive; it has both signs at the ends."""
        constant, slope = form
        root = primitive((slope, -constant) if slope > 0 else (-slope, constant))
        left, right = Interval((self.points[0], root)), Interval((root, self.points[1]))
        return (left, right) if values[0] < 0 else (right, left)

    def measure(self) -> Fraction:
        """The length; ValueError where it is infinite."""
        (w0, t0), (w1, t1) = self.points
        if w0 == 0 or w1 == 0:
            raise ValueError("an unbounded interval has no length")
        return Fraction(t1, w1) - Fraction(t0, w0)

    def center(self) -> tuple[Fraction, ...]:
        """An interior point."""
        (w0, t0), (w1, t1) = self.points
        if w0 == 0 and w1 == 0:
            return (Fraction(0),)
        if w0 == 0:
            return (Fraction(t1, w1) - 1,)
        if w1 == 0:
            return (Fraction(t0, w0) + 1,)
        return ((Fraction(t0, w0) + Fraction(t1, w1)) / 2,)


@dataclass(frozen=True, slots=True)
class Polygon:
    """A convex polygon, counterclockwise: `lines[i]`, positive inside, vanishes from point i to point i + 1."""

    points: tuple[Integers, ...]
    lines: tuple[Integers, ...]

    def values(self, form: Integers) -> list[int]:
        """Numbers with the signs of a form at the corners."""
        constant, a, b = form
        return [constant * w + a * x + b * y for w, x, y in self.points]

    def split(self, form: Integers, values: Sequence[int]) -> tuple[Polygon, Polygon]:
        """The parts where the form is negative and positive; it has both signs at the corners."""
        line = primitive(form)
        opposite = tuple(-value for value in line)
        return self._part(opposite, [-value for value in values]), self._part(line, values)

    def _part(self, line: Integers, values: Sequence[int]) -> Polygon:
        """The part where `line` is positive."""
        points: list[Integers] = []
        lines: list[Integers] = []
        for i, value in enumerate(values):
            following = values[(i + 1) % len(values)]
            if value > 0:
                points.append(self.points[i])
                lines.append(self.lines[i])
                if following < 0:
                    points.append(cross(self.lines[i], line))
                    lines.append(line)
            elif value == 0:
                points.append(self.points[i])
                lines.append(self.lines[i] if following > 0 else line)
            elif following > 0:
                points.append(cross(line, self.lines[i]))
                lines.append(self.lines[i])
        return Polygon(tuple(points), tuple(lines))

    def measure(self) -> Fraction:
        """The area."""
        corners = [rational(point) for point in self.points]
        (ox, oy), *others = corners
        shifted = [(x - ox, y - oy) for x, y in others]
        doubled = sum(a[0] * b[1] - a[1] * b[0] for a, b in pairwise(shifted))
        return Fraction(doubled) / 2

    def center(self) -> tuple[Fraction, ...]:
        """An interior point: the mean of the corners."""
        corners = [rational(point) for point in self.points]
        return tuple(sum(values, Fraction(0)) / len(corners) for values in zip(*corners, strict=True))


Shape = Interval | Polygon


def polygon(corners: Sequence[Sequence[Fraction]]) -> Polygon:
    """The polygon of rational corners in counterclockwise order; ValueError unless strictly convex."""
    points = tuple(homogeneous(corner) for corner in corners)
    count = len(points)
    lines = tuple(cross(points[i], points[(i + 1) % count]) for i in range(count))
    for i, (constant, a, b) in enumerate(lines):
        others = [points[j] for j in range(count) if j not in (i, (i + 1) % count)]
        if not others or any(constant * w + a * x + b * y <= 0 for w, x, y in others):
            raise ValueError("expected the corners of a strictly convex polygon in counterclockwise order")
    return Polygon(points, lines)


def interval(low: Fraction | None, high: Fraction | None) -> Interval:
    """The interval between two rationals; None is an infinite end."""
    if low is not None and high is not None and low >= high:
        raise ValueError(f"expected low < high, found {low} and {high}")
    left = (0, -1) if low is None else homogeneous((low,))
    right = (0, 1) if high is None else homogeneous((high,))
    return Interval((left, right))


def quadrants() -> list[Polygon]:
    """The four quadrants of the plane, each with two corners at infinity."""
    axes = [((0, 1, 0), (0, 0, 1)), ((0, 0, 1), (0, -1, 0)), ((0, -1, 0), (0, 0, -1)), ((0, 0, -1), (0, 1, 0))]
    result = []
    for first, second in axes:
        points = ((1, 0, 0), first, second)
        result.append(Polygon(points, tuple(cross(points[i], points[(i + 1) % 3]) for i in range(3))))
    return result
