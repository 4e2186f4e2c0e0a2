"""Exact cells of dimension one and two: integer points, never coordinates; cut by the same predicates in any dimension.

A cell knows its vertices as exact points and what made its facets. It is cut by `split`, the only thing that depends on
the dimension; `divide_by_signs` and `divide_by_winners` use nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import Protocol

import numpy as np
from flint import fmpq, fmpz

from vitrail.numerics.filters import EXACT_FORM_ROUNDING, LARGEST, SMALLEST, VALUE_ROUNDING
from vitrail.numerics.predicates import Form, Point, canonical, meeting_point, nearest, side, turn

__all__ = [
    "ExactCell",
    "ExactInterval",
    "ExactPolygon",
    "Groups",
    "Rows",
    "at_vertices",
    "divide_by_signs",
    "divide_by_winners",
]

_NEW = -2
"""The cut of a facet that has no number yet."""


@dataclass(frozen=True)
class Rows:
    """Sign decisions on one cell: the hyperplanes' numbers, the bit positions of their units, and the exact forms.

    `rounded` and `sizes` (k + 1, rows) are the forms in float64 and what their errors are relative to; None where
    nothing may be decided in floating point.
    """

    numbers: np.ndarray
    positions: np.ndarray
    forms: Sequence[Form]
    rounded: np.ndarray | None
    sizes: np.ndarray

    def screen(self, cell: ExactCell, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of some rows, those whose sign on a part of the cell is still open, and those that are surely positive."""
        if self.rounded is None or not rows.size:
            return rows, rows[:0]
        values, reach = at_vertices(cell, self.rounded[:, rows], self.sizes[:, rows])
        with np.errstate(invalid="ignore"):
            positive, negative = (values > reach).all(axis=0), (values < -reach).all(axis=0)
        return rows[~(positive | negative)], rows[positive]


@dataclass(frozen=True)
class Groups:
    """Maxima on one cell: numbers of the groups' first hyperplanes, bit positions of their units, and the candidates.

    `forms` holds by group the contenders' exact forms by place, `contenders` (groups, places) says which these are. The
    hyperplane between two places has the number first + places * winner + other. `rounded` and `sizes`
    (k + 1, groups, places) as for `Rows`.
    """

    numbers: np.ndarray
    positions: np.ndarray
    forms: Sequence[dict[int, Form]]
    contenders: np.ndarray
    rounded: np.ndarray | None
    sizes: np.ndarray

    def screen(self, cell: ExactCell, groups: np.ndarray) -> np.ndarray:
        """Which places may win in some of the groups on a part of the cell, (groups, places)."""
        possible = self.contenders[groups]
        if self.rounded is None or not groups.size:
            return possible
        forms, sizes = self.rounded[:, groups], self.sizes[:, groups]
        values, _ = at_vertices(cell, forms, sizes)
        with np.errstate(invalid="ignore"):
            # clipped, so that a place that cannot win never stands in for one whose values overflow
            best = np.where(possible, np.clip(values.sum(axis=0), -LARGEST, LARGEST), -np.inf).argmax(axis=1)[:, None]
            ahead, more = (np.take_along_axis(table, best[None], axis=2) for table in (forms, sizes))
            gaps, reach = at_vertices(cell, ahead - forms, more + sizes)
            beaten = (gaps > reach).all(axis=0)
        return possible & ~beaten


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


def at_vertices(cell: ExactCell, rounded: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of rounded forms (k + 1, ...) at the vertices of a cell, and how far they may be off, (vertices, ...).

    The forms are off by at most `EXACT_FORM_ROUNDING` of `sizes`. Where a vertex is infinite or a number overflows the
    second is infinite or NaN, which decides nothing; `SMALLEST` stands for all that underflow can lose.
    """
    known = [nearest(point) for point in cell.points]
    shape = (len(known), *(1,) * (rounded.ndim - 1))
    off = np.array([error for _, error in known]).reshape(shape)
    with np.errstate(over="ignore", invalid="ignore"):
        values, reach, far = np.broadcast_to(rounded[0], (len(known), *rounded.shape[1:])), sizes[0], np.ones(shape)
        for axis in range(1, rounded.shape[0]):
            t = np.array([point[axis - 1] for point, _ in known]).reshape(shape)
            values = values + rounded[axis] * t
            reach, far = reach + sizes[axis] * np.abs(t), far + np.abs(t)
        change = np.abs(rounded[1:]).sum(axis=0) + EXACT_FORM_ROUNDING * sizes[1:].sum(axis=0)
        return values, (EXACT_FORM_ROUNDING + VALUE_ROUNDING) * reach + 2.0 * change * off + SMALLEST * far


def divide_by_signs(cell: ExactCell, rows: Rows, cuts: Iterator[int]) -> Iterator[tuple[ExactCell, np.ndarray]]:
    """Cut a cell by the zero sets of the rows; yields the parts, each with rows (bit position, what to add there).

    A form that is zero on the whole cell adds nothing: it is in the lower piece.
    """
    stack = [(cell, np.arange(len(rows.forms)), np.zeros(0, dtype=np.int64))]
    cut = next(cuts)
    while stack:
        part, left, above = stack.pop()
        left, sure = rows.screen(part, left)
        above = np.concatenate([above, sure])
        for at, row in enumerate(left.tolist()):
            form = rows.forms[row]
            if not any(form):
                continue
            positive, negative = part.split(form, int(rows.numbers[row]), cut)
            if positive is not None and negative is not None:
                stack.append((negative, left[at + 1 :], above))
                stack.append((positive, left[at + 1 :], np.append(above, row)))
                cut = next(cuts)
                break
            if positive is not None:
                above = np.append(above, row)
        else:
            yield part, np.stack([rows.positions[above], np.ones_like(above)], axis=1)


def divide_by_winners(cell: ExactCell, groups: Groups, cuts: Iterator[int]) -> Iterator[tuple[ExactCell, np.ndarray]]:
    """Cut a cell by the winner of each group, the lowest place among equal candidates; yields as `divide_by_signs`."""
    stack: list[tuple[ExactCell, np.ndarray, list[tuple[int, int]]]] = [(cell, np.arange(len(groups.forms)), [])]
    while stack:
        part, left, chosen = stack.pop()
        possible = groups.screen(part, left)
        single = possible.sum(axis=1) == 1
        winners = possible.argmax(axis=1)
        chosen = chosen + list(zip(groups.positions[left[single]].tolist(), winners[single].tolist(), strict=True))
        left, possible = left[~single], possible[~single]
        for at, group in enumerate(left.tolist()):
            forms = {place: groups.forms[group][place] for place in np.flatnonzero(possible[at]).tolist()}
            found = _parts_by_winner(part, forms, int(groups.numbers[group]), groups.contenders.shape[1], cuts)
            position = int(groups.positions[group])
            if len(found) > 1:
                stack += [(child, left[at + 1 :], [*chosen, (position, winner)]) for child, winner in reversed(found)]
                break
            chosen = [*chosen, (position, found[0][1])]
        else:
            yield part, np.array(chosen, dtype=np.int64).reshape(-1, 2)


def _parts_by_winner(
    cell: ExactCell, forms: dict[int, Form], first: int, places: int, cuts: Iterator[int]
) -> list[tuple[ExactCell, int]]:
    """The part that each place wins; `first` and `places` number the hyperplanes."""
    first_of: dict[Form, int] = {}
    for place, form in forms.items():
        first_of.setdefault(form, place)
    result = []
    for winner_form, winner in first_of.items():
        part: ExactCell | None = cell
        for form, other in first_of.items():
            if other != winner and part is not None:
                gap = tuple(a - b for a, b in zip(winner_form, form, strict=True))
                part, _ = part.split(gap, first + places * winner + other, _NEW)
        if part is not None:
            result.append((part, winner))
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
