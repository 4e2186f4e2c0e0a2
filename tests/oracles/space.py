"""The patterns of a network in any number of dimensions, by linear programs decided in rationals: no vertices at all.

A cell is a set of strict integer inequalities with a point inside. A form that is not positive at that point is
positive somewhere in the cell unless its negative is a nonnegative combination of the cell's forms and 1 (Farkas): a
problem of nonnegative least squares. Floating point proposes the combination or the point, integers check it, and
where they refuse the same problem is solved in rationals. Unbounded domains are nothing special.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from operator import mul
from typing import Any, Protocol

import numpy as np
from scipy.optimize import nnls

from .neutral import Add, Affine, Concat, Elementwise, Input, Matrix, Maximum, Net, Node, Pattern, Vector, exact_matrix

Integers = tuple[int, ...]
"""A form c_0 + c_1 t_1 + ..., or a point (w, x_1, ..., x_k) that stands for x / w, w > 0."""

_GRIDS = (8, 20, 40, 80)
"""Points proposed in floating point are rounded to multiples of 2^-8 first, then finer."""


@dataclass
class Tally:
    """How often a form vanished on a cell or on one of its sides, and how programs were decided."""

    contacts: int = 0
    proposed: int = 0
    rational: int = 0


class Place(Protocol):
    """Where signs of forms are asked for."""

    def split(self, form: Integers) -> tuple[Any, Any]:
        """The places where a form is positive and negative, None where it is so nowhere."""


@dataclass(frozen=True)
class Part:
    """An open convex set: where all `rows` are positive; `scaled` are the same rounded, with largest entry 1."""

    rows: tuple[Integers, ...]
    scaled: np.ndarray
    point: Integers
    tally: Tally = field(repr=False)

    @classmethod
    def everything(cls, dimension: int, tally: Tally) -> Part:
        """The whole space."""
        return cls((), np.zeros((0, dimension + 1)), (1, *[0] * dimension), tally)

    def split(self, form: Integers) -> tuple[Part | None, Part | None]:
        """The parts where a form is positive and negative, None where there is none."""
        form = primitive(form)
        opposite = tuple(-c for c in form)
        if not any(form[1:]):
            self.tally.contacts += not form[0]
            return (self if form[0] > 0 else None), (self if form[0] < 0 else None)
        if form in self.rows or opposite in self.rows:
            self.tally.contacts += 1
            return (self, None) if form in self.rows else (None, self)
        value = at(form, self.point)
        above = self.point if value > 0 else self.somewhere(form)
        below = self.point if value < 0 else self.somewhere(opposite)
        if above is None or below is None:
            return (None if above is None else self), (None if below is None else self)
        return self.and_also(form, above), self.and_also(opposite, below)

    def and_also(self, form: Integers, point: Integers) -> Part:
        """The part where a form is positive, as it is at `point`, which lies in it."""
        return Part((*self.rows, form), np.vstack([self.scaled, _scaled(form)]), point, self.tally)

    def without(self, row: int) -> Part:
        """The set with one inequality less."""
        return replace(self, rows=self.rows[:row] + self.rows[row + 1 :], scaled=np.delete(self.scaled, row, axis=0))

    def somewhere(self, form: Integers) -> Integers | None:
        """A point of the set where a form that is not positive at `point` is positive, None where there is none."""
        last = np.eye(1, len(form))
        multipliers, rest = _nearest(np.vstack([self.scaled, last]), -_scaled(form))
        direction = -rest / max(np.abs(rest).max(), np.finfo(float).tiny)
        found = self._toward(form, direction)
        if found is None and not self._impossible(form, np.flatnonzero(multipliers)):
            self.tally.rational += 1
            exact = _nearest_exactly([*self.rows, (1, *[0] * (len(form) - 1))], [-c for c in form])
            return None if exact is None else self._between(form, exact)
        self.tally.proposed += 1
        return found

    def _toward(self, form: Integers, direction: np.ndarray) -> Integers | None:
        """A point between `point` and a proposed one (or direction), if integers confirm it."""
        height = float(_scaled(form) @ direction)
        if not height > 0:
            return None
        inside = np.array([value / self.point[0] for value in self.point])
        place = inside + direction * (1.0 + 2.0 * abs(float(_scaled(form) @ inside))) / height
        if not place[0] > 0 or not np.isfinite(place).all():
            return None
        for grid in _GRIDS:
            point = primitive((1 << grid, *(round(Fraction(float(x / place[0])) * (1 << grid)) for x in place[1:])))
            if self.holds(point) and at(form, point) > 0:
                return point
        return None

    def _between(self, form: Integers, far: Integers) -> Integers:
        """A point of the set between `point` and one of its closure (or a direction) where the form is positive."""
        a, b = at(form, far), 2 * abs(at(form, self.point)) + 1
        point = primitive(tuple(a * p + b * q for p, q in zip(self.point, far, strict=True)))
        if not self.holds(point) or at(form, point) <= 0:
            raise ArithmeticError("a solution of the rational program is none")
        return point

    def _impossible(self, form: Integers, chosen: np.ndarray) -> bool:
        """Whether minus the form is a nonnegative combination of these rows (the last stands for 1)."""
        rows = [*self.rows, (1, *[0] * (len(form) - 1))]
        solution = solve([rows[i] for i in chosen], [-c for c in form])
        return solution is not None and min(solution, default=Fraction(0)) >= 0

    def holds(self, point: Integers) -> bool:
        """Whether a point lies in the set."""
        return point[0] > 0 and all(at(row, point) > 0 for row in self.rows)


@dataclass(frozen=True)
class Germ:
    """What comes right after t = 0 on a line, where a form is (c_0, c_1)."""

    def split(self, form: Integers) -> tuple[Germ | None, Germ | None]:
        """Positive or negative by the first number that is not zero."""
        sign = next((c for c in form if c), 0)
        return (self if sign > 0 else None), (self if sign < 0 else None)


@dataclass(frozen=True)
class Cell:
    """One full-dimensional cell."""

    pattern: Pattern
    part: Part
    forms: Matrix

    @property
    def point(self) -> Vector:
        """A point inside, in frame coordinates."""
        return tuple(Fraction(value, self.part.point[0]) for value in self.part.point[1:])

    @property
    def rows(self) -> tuple[Integers, ...]:
        """Forms that are positive inside, redundant ones among them."""
        return self.part.rows

    @property
    def affine_map(self) -> Matrix:
        """Per output (constant, coefficient of t_1, ...): the exact output in frame coordinates."""
        return self.forms


@dataclass(frozen=True)
class Facet:
    """One facet of a cell: its inequality, a point inside it, the pattern beyond (None on the domain's boundary)."""

    form: Integers
    point: Vector
    beyond: Pattern | None


@dataclass
class Space:
    """The cells of a domain of any dimension."""

    net: Net
    frame: Matrix
    sides: tuple[Integers, ...]
    cells: list[Cell]
    tally: Tally

    def patterns(self) -> set[Pattern]:
        """The patterns, as many as cells."""
        return {cell.pattern for cell in self.cells}

    @cached_property
    def facets(self) -> dict[Pattern, list[Facet]]:
        """The facets of every cell."""
        return {cell.pattern: list(self._facets(cell)) for cell in self.cells}

    def adjacency(self) -> set[frozenset[Pattern]]:
        """The pairs of patterns whose cells share a facet."""
        found = self.facets.items()
        return {frozenset((p, f.beyond)) for p, facets in found for f in facets if f.beyond is not None}

    def _facets(self, cell: Cell) -> Iterator[Facet]:
        for i, row in enumerate(cell.part.rows):
            outside = cell.part.without(i).somewhere(tuple(-c for c in row))
            if outside is None:
                continue
            a, b = -at(row, outside), at(row, cell.part.point)
            where = tuple(a * p + b * q for p, q in zip(cell.part.point, outside, strict=True))
            point = tuple(Fraction(value, where[0]) for value in where[1:])
            far = tuple(Fraction(value, outside[0]) for value in outside[1:])
            beyond = None if row in self.sides else self.pattern_after(point, far)
            yield Facet(row, point, beyond)

    def pattern_after(self, point: Vector, toward: Vector) -> Pattern:
        """The pattern right after a point on the way to another one, in frame coordinates."""
        origin, *basis = self.frame
        start = tuple(_combined(point, column) + o for o, column in zip(origin, zip(*basis, strict=True), strict=True))
        along = tuple(b - a for a, b in zip(point, toward, strict=True))
        step = tuple(_combined(along, column) for column in zip(*basis, strict=True))
        return next(_patterns(self.net, (start, step), Germ()))[0]

    def linear_labels(self) -> dict[Pattern, Pattern]:
        """Per cell the lowest pattern of its linear region: cells with equal maps joined across facets."""
        parent = {cell.pattern: cell.pattern for cell in self.cells}
        maps = {cell.pattern: cell.affine_map for cell in self.cells}

        def root(pattern: Pattern) -> Pattern:
            while parent[pattern] != pattern:
                pattern = parent[pattern]
            return pattern

        for first, second in map(tuple, self.adjacency()):
            if maps[first] == maps[second]:
                low, high = sorted((root(first), root(second)))
                parent[high] = low
        return {pattern: root(pattern) for pattern in parent}

    def count(self, definition: str) -> int:
        """The number of `activation` regions, `linear` regions or `affine` pieces."""
        if definition == "activation":
            return len(self.cells)
        if definition == "linear":
            return len(set(self.linear_labels().values()))
        if definition == "affine":
            return len({cell.affine_map for cell in self.cells})
        raise ValueError(f"unknown definition {definition!r}")


def space(
    net: Net, halfspaces: Iterable[Sequence[Any]], frame: Sequence[Sequence[Any]] | None = None, most: int = 10**6
) -> Space:
    """The cells where all `halfspaces`, forms on frame coordinates, are positive; none: the whole frame.

    `frame` is (origin, basis vectors...), by default the input space itself.

    Raises:
        ValueError: an empty domain, or more than `most` cells.
    """
    size = net.sizes[0]
    rows = frame or [[0] * size, *([int(i == j) for j in range(size)] for i in range(size))]
    exact = exact_matrix(rows)
    tally = Tally()
    domain: Part | None = Part.everything(len(exact) - 1, tally)
    for form in exact_matrix([*halfspaces]):
        factor = lcm(*(c.denominator for c in form))
        row = primitive([int(c * factor) for c in form])
        before = domain
        domain = None if domain is None else domain.split(row)[0]
        if before is not None and domain is before and any(row[1:]) and row not in before.rows:
            # a side that holds everywhere is kept: a hyperplane that lies in it is the domain's
            domain = before.and_also(row, before.point)
    if domain is None:
        raise ValueError("expected a domain with an interior")
    tally.contacts = 0
    cells = []
    for pattern, part, output in _patterns(net, exact, domain):
        cells.append(Cell(pattern, part, output.exact()))
        if len(cells) > most:
            raise ValueError(f"more than {most} cells")
    return Space(net, exact, domain.rows, cells, tally)


# Forms carried through the nodes: integers (size, k + 1), and the positive integer that divides them.


@dataclass(frozen=True)
class _Forms:
    rows: np.ndarray
    scale: int

    def exact(self) -> Matrix:
        return tuple(tuple(Fraction(int(value), self.scale) for value in row) for row in self.rows)


def _patterns(net: Net, frame: Sequence[Vector], place: Any) -> Iterator[tuple[Pattern, Any, _Forms]]:
    columns = list(zip(*frame, strict=True))
    scale = lcm(*(value.denominator for column in columns for value in column))
    rows = _objects([[int(value * scale) for value in column] for column in columns])
    yield from _from(net, 0, [], _Forms(rows, scale), (), place)


def _from(
    net: Net, index: int, values: list[_Forms], inputs: _Forms, pattern: Pattern, place: Any
) -> Iterator[tuple[Pattern, Any, _Forms]]:
    if index == len(net.nodes):
        yield pattern, place, values[net.output]
        return
    node = net.nodes[index]
    if isinstance(node, Elementwise | Maximum):
        z = values[node.source]
        for pieces, part in _pieces(node, z, place):
            yield from _from(net, index + 1, [*values, _chosen(node, z, pieces)], inputs, (*pattern, *pieces), part)
    else:
        yield from _from(net, index + 1, [*values, _linear(node, values, inputs)], inputs, pattern, place)


def _linear(node: Node, values: list[_Forms], inputs: _Forms) -> _Forms:
    if isinstance(node, Input):
        return inputs
    if isinstance(node, Affine):
        z = values[node.source]
        factor = lcm(*(v.denominator for row in node.weight for v in row), *(v.denominator for v in node.bias))
        rows = _objects([[int(v * factor) for v in row] for row in node.weight]).dot(z.rows)
        rows[:, 0] += _objects([int(v * factor) * z.scale for v in node.bias])
        return _Forms(rows, z.scale * factor)
    if not isinstance(node, Add | Concat):
        raise TypeError(type(node).__name__)
    a, b = values[node.left], values[node.right]
    left, right = a.rows * b.scale, b.rows * a.scale
    return _Forms(left + right if isinstance(node, Add) else np.concatenate([left, right]), a.scale * b.scale)


def _pieces(node: Elementwise | Maximum, z: _Forms, place: Any) -> Iterator[tuple[Pattern, Any]]:
    """Every choice of pieces of a node's units that a part of the place has, with that part."""
    found: list[tuple[Pattern, Any]] = [((), place)]
    for unit in range(len(node.groups) if isinstance(node, Maximum) else len(node.breakpoints)):
        found = [
            ((*pieces, piece), part)
            for pieces, before in found
            for piece, part in (
                _winners(node, node.groups[unit], z, before)
                if isinstance(node, Maximum)
                else _between(node.breakpoints[unit], z.rows[unit], z.scale, before)
            )
        ]
    yield from found


def _between(points: Vector, form: np.ndarray, scale: int, place: Any) -> Iterator[tuple[int, Any]]:
    """The pieces of one elementwise unit: a form that stays on a breakpoint is below it."""
    rest = place
    for piece, point in enumerate(points):
        shifted = form * point.denominator
        shifted[0] -= point.numerator * scale
        above, below = rest.split(tuple(shifted))
        if above is None:
            yield piece, rest
            return
        if below is not None:
            yield piece, below
        rest = above
    yield len(points), rest


def _winners(node: Maximum, group: Sequence[int], z: _Forms, place: Any) -> Iterator[tuple[int, Any]]:
    """The candidates that win somewhere: among equal ones the first."""
    first: dict[Integers, int] = {}
    for position, i in enumerate(group):
        first.setdefault(tuple(node.sign * z.rows[i]), position)
    for form, position in first.items():
        part = place
        for other in first:
            if other != form and part is not None:
                part = part.split(tuple(a - b for a, b in zip(form, other, strict=True)))[0]
        if part is not None:
            yield position, part


def _chosen(node: Elementwise | Maximum, z: _Forms, pieces: Pattern) -> _Forms:
    if isinstance(node, Maximum):
        return _Forms(z.rows[[group[p] for group, p in zip(node.groups, pieces, strict=True)]], z.scale)
    slopes = [row[p] for row, p in zip(node.slopes, pieces, strict=True)]
    intercepts = [row[p] for row, p in zip(node.intercepts, pieces, strict=True)]
    factor = lcm(*(v.denominator for v in (*slopes, *intercepts)))
    rows = z.rows * _objects([[int(v * factor)] for v in slopes])
    rows[:, 0] += _objects([int(v * factor) * z.scale for v in intercepts])
    return _Forms(rows, z.scale * factor)


# Small linear algebra.


def at(form: Sequence[int], point: Sequence[int]) -> int:
    """The value of a form at a point, times the point's first number."""
    return sum(map(mul, form, point))


def primitive(numbers: Sequence[int]) -> Integers:
    """The numbers divided by their greatest common divisor."""
    divisor = gcd(*numbers)
    return tuple(int(c) // divisor for c in numbers) if divisor else tuple(map(int, numbers))


def solve(columns: Sequence[Sequence[Any]], target: Sequence[Any]) -> list[Fraction] | None:
    """Multipliers of the columns whose sum is the target, by elimination; None where there are none or many."""
    size = len(columns)
    rows = [[*map(Fraction, row)] for row in zip(*columns, target, strict=True)]
    for step in range(size):
        pivot = next((i for i in range(step, len(rows)) if rows[i][step]), None)
        if pivot is None:
            return None
        rows[step], rows[pivot] = rows[pivot], rows[step]
        for i in range(len(rows)):
            if i != step and rows[i][step]:
                factor = rows[i][step] / rows[step][step]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[step], strict=True)]
    if any(row[-1] for row in rows[size:]):
        return None
    return [row[-1] / row[i] for i, row in enumerate(rows[:size])]


def _combined(factors: Sequence[Fraction], column: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(factors, column, strict=True)), Fraction(0))


def _objects(values: Sequence[Any]) -> np.ndarray:
    return np.array(values, dtype=object)


def _scaled(form: Integers) -> np.ndarray:
    largest = max(map(abs, form))
    return np.array([c / largest for c in form])


def _nearest(rows: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nonnegative multipliers of the rows whose sum is nearest to the target, and what is missing; a proposal only."""
    try:
        multipliers, _ = nnls(rows.T, target)
    except RuntimeError:  # it gave up: the rational program decides
        return np.zeros(len(rows)), np.zeros_like(target)
    return multipliers, target - multipliers @ rows


def _nearest_exactly(rows: Sequence[Integers], target: Sequence[int]) -> Integers | None:
    """The same in rationals (Lawson and Hanson's method, which ends): minus what is missing, None where nothing is."""
    chosen: list[int] = []
    values: list[Fraction] = []
    while True:
        rest = [Fraction(t) - sum((v * rows[i][e] for v, i in zip(values, chosen, strict=True)), Fraction(0))
                for e, t in enumerate(target)]  # fmt: skip
        if not any(rest):
            return None
        gains = [_combined(rest, row) for row in rows]
        best = max(range(len(rows)), key=lambda i: (gains[i], -i))
        if gains[best] <= 0:
            factor = lcm(*(value.denominator for value in rest))
            return primitive([-int(value * factor) for value in rest])
        chosen, values = [*chosen, best], [*values, Fraction(0)]
        while True:
            products = [[Fraction(at(rows[i], rows[j])) for i in chosen] for j in chosen]
            wanted = solve(products, [Fraction(at(rows[i], target)) for i in chosen])
            if wanted is None:
                raise ArithmeticError("dependent rows in the rational program")
            if min(wanted) > 0:
                values = wanted
                break
            step = min(v / (v - w) for v, w in zip(values, wanted, strict=True) if w <= 0)
            values = [v + step * (w - v) for v, w in zip(values, wanted, strict=True)]
            kept = [i for i, value in enumerate(values) if value > 0]
            chosen, values = [chosen[i] for i in kept], [values[i] for i in kept]
