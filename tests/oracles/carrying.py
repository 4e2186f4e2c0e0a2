"""Cells carried through a network in integers: the forms of every node, and the cuts where a unit changes its piece.

The affine map of a node on a cell is a tuple of integer forms (c_0, ..., c_k), to be divided by the scale of the node,
which is the same on all cells. A maximum is cut by the winner (upper envelope). A form splits a shape only when it has
both strict signs at its corners.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import compress
from math import lcm
from operator import mul
from typing import Any

from . import shapes
from .neutral import (
    Add,
    Affine,
    Concat,
    Elementwise,
    Input,
    Matrix,
    Maximum,
    Net,
    Node,
    Pattern,
    Vector,
    exact_matrix,
    exact_vector,
    sources,
)
from .shapes import Integers, Shape

Forms = tuple[Integers, ...]


@dataclass(frozen=True)
class Frame:
    """The points origin + sum_i t_i basis[i]."""

    origin: Vector
    basis: Matrix

    @classmethod
    def of(cls, origin: Sequence[Any], basis: Sequence[Sequence[Any]]) -> Frame:
        """The frame of any exact numbers."""
        return cls(exact_vector(origin), exact_matrix(basis))

    @classmethod
    def identity(cls, size: int) -> Frame:
        """The input space itself."""
        rows = [[int(i == j) for j in range(size)] for i in range(size)]
        return cls.of([0] * size, rows)

    def point(self, t: Sequence[Fraction]) -> Vector:
        """The input at frame coordinates t."""
        columns = zip(self.origin, *self.basis, strict=True)
        return tuple(c[0] + sum(a * b for a, b in zip(c[1:], t, strict=True)) for c in columns)


@dataclass(frozen=True)
class Cell:
    """One full-dimensional cell: its pattern, its shape, and the output there as integer forms divided by `scale`."""

    pattern: Pattern
    shape: Shape
    forms: Forms
    scale: int

    @property
    def vertices(self) -> list[Vector]:
        """The corners (interval ends) in frame coordinates; ValueError at infinity."""
        if any(point[0] == 0 for point in self.shape.points):
            raise ValueError("an unbounded cell has corners at infinity")
        return [shapes.rational(point) for point in self.shape.points]

    @property
    def affine_map(self) -> Matrix:
        """Per output (constant, coefficient of t_1, ...): the exact output in frame coordinates."""
        return tuple(tuple(Fraction(value, self.scale) for value in form) for form in self.forms)

    def output(self, t: Sequence[Fraction]) -> Vector:
        """The affine map at frame coordinates t."""
        return tuple(row[0] + sum(a * b for a, b in zip(row[1:], t, strict=True)) for row in self.affine_map)


@dataclass
class Contacts:
    """How often a form that decides a piece vanished at a corner of a shape: never in general position."""

    count: int = 0

    def note(self, values: Sequence[int]) -> None:
        """Count the test when it touched."""
        if 0 in values:
            self.count += 1


# Integer steps, one per node, made once per network and frame.


def _common_denominator(*rows: Sequence[Vector]) -> int:
    return lcm(*{value.denominator for part in rows for row in part for value in row}, 1)


def _integers(values: Sequence[Fraction], factor: int) -> Integers:
    return tuple(int(value * factor) for value in values)


@dataclass(frozen=True)
class _Step:
    """A node in integers; `numbers` are its parameters times what makes them integers, `scale` divides its forms."""

    node: Node
    scale: int
    numbers: tuple[Any, ...]
    last_uses: tuple[int, ...]


def _steps(net: Net, frame: Frame) -> list[_Step]:
    last_use = {source: i for i, node in enumerate(net.nodes) for source in sources(node)}
    steps: list[_Step] = []
    for i, node in enumerate(net.nodes):
        unused = tuple(s for s in set(sources(node)) if last_use[s] == i and s != net.output)
        scale, numbers = _integer_node(node, [step.scale for step in steps], frame)
        steps.append(_Step(node, scale, numbers, unused))
    return steps


def _integer_node(node: Node, scales: Sequence[int], frame: Frame) -> tuple[int, tuple[Any, ...]]:
    if isinstance(node, Input):
        scale = _common_denominator([frame.origin], frame.basis)
        columns = zip(frame.origin, *frame.basis, strict=True)
        return scale, tuple(_integers(column, scale) for column in columns)
    if isinstance(node, Affine):
        before = scales[node.source]
        factor = _common_denominator(node.weight, [node.bias])
        rows = [_integers(row, factor) for row in node.weight]
        return before * factor, (rows, _integers(node.bias, factor * before))
    if isinstance(node, Elementwise):
        before = scales[node.source]
        factor = _common_denominator(node.breakpoints, node.slopes, node.intercepts)
        points = [_integers(row, factor * before) for row in node.breakpoints]
        slopes = [_integers(row, factor) for row in node.slopes]
        intercepts = [_integers(row, factor * before) for row in node.intercepts]
        return before * factor, (factor, points, slopes, intercepts)
    if isinstance(node, Maximum):
        return scales[node.source], ()
    left, right = scales[node.left], scales[node.right]
    scale = lcm(left, right)
    return scale, (scale // left, scale // right)


def carry(net: Net, frame: Frame, domain: Shape, contacts: Contacts) -> Iterator[Cell]:
    dimension = len(frame.basis)
    if len(domain.points[0]) != dimension + 1 or len(frame.origin) != net.sizes[0]:
        raise ValueError("the domain, the frame and the network's input do not fit together")
    steps = _steps(net, frame)
    stack: list[tuple[int, Shape, list[Forms | None], Pattern]] = [(0, domain, [None] * len(steps), ())]
    while stack:
        index, shape, forms, pattern = stack.pop()
        while index < len(steps):
            step = steps[index]
            if isinstance(step.node, Elementwise | Maximum):
                before = _read(forms, step.node.source)
                children = list(_children(step, before, shape, contacts))
                for part, pieces in children[1:]:
                    kept = _keep(forms, index, _chosen(step, before, pieces), step.last_uses)
                    stack.append((index + 1, part, kept, pattern + pieces))
                shape, pieces = children[0]
                result = _chosen(step, before, pieces)
                pattern = pattern + pieces
            else:
                result = _affine(step, forms, dimension)
            forms = _keep(forms, index, result, step.last_uses)
            index += 1
        yield Cell(pattern, shape, _read(forms, net.output), steps[net.output].scale)


def _read(forms: list[Forms | None], index: int) -> Forms:
    result = forms[index]
    if result is None:
        raise RuntimeError(f"the forms of node {index} were dropped too early")
    return result


def _keep(forms: list[Forms | None], index: int, result: Forms, unused: tuple[int, ...]) -> list[Forms | None]:
    copy = list(forms)
    copy[index] = result
    for source in unused:
        copy[source] = None
    return copy


def _affine(step: _Step, forms: list[Forms | None], dimension: int) -> Forms:
    node = step.node
    if isinstance(node, Input):
        return tuple(step.numbers)
    if isinstance(node, Affine):
        rows, bias = step.numbers
        return _matrix_product(rows, bias, _read(forms, node.source), dimension)
    if not isinstance(node, Add | Concat):
        raise TypeError(type(node).__name__)
    a, b = step.numbers
    left = tuple(tuple(a * value for value in form) for form in _read(forms, node.left))
    right = tuple(tuple(b * value for value in form) for form in _read(forms, node.right))
    if isinstance(node, Concat):
        return left + right
    return tuple(tuple(x + y for x, y in zip(f, g, strict=True)) for f, g in zip(left, right, strict=True))


def _matrix_product(rows: Sequence[Integers], bias: Integers, forms: Forms, dimension: int) -> Forms:
    alive = [any(form) for form in forms]  # the forms of switched-off units are zero and cost nothing
    columns = list(zip(*compress(forms, alive), strict=True)) or [()] * (dimension + 1)
    result = []
    for row, constant in zip(rows, bias, strict=True):
        weights = list(compress(row, alive))
        form = [sum(map(mul, weights, column)) for column in columns]
        form[0] += constant
        result.append(tuple(form))
    return tuple(result)


def _chosen(step: _Step, forms: Forms, pieces: Pattern) -> Forms:
    node = step.node
    if isinstance(node, Maximum):
        return tuple(forms[group[p]] for group, p in zip(node.groups, pieces, strict=True))
    _, _, slopes, intercepts = step.numbers
    result = []
    for u, p in enumerate(pieces):
        slope = slopes[u][p]
        constant, *others = (slope * value for value in forms[u])
        result.append((constant + intercepts[u][p], *others))
    return tuple(result)


# Cutting: yields the parts of a shape with the piece of every unit.


def _children(step: _Step, forms: Forms, shape: Shape, contacts: Contacts) -> Iterator[tuple[Shape, Pattern]]:
    if isinstance(step.node, Maximum):
        return _winners(step.node, forms, shape, contacts)
    return _elementwise_parts(step, forms, shape, contacts)


def _elementwise_parts(step: _Step, forms: Forms, shape: Shape, contacts: Contacts) -> Iterator[tuple[Shape, Pattern]]:
    factor, points, _, _ = step.numbers
    pieces = [0] * len(forms)
    cuts: list[tuple[int, Integers]] = []
    for u, form in enumerate(forms):
        scaled = tuple(factor * value for value in form) if factor != 1 else form
        for point in points[u]:
            test = (scaled[0] - point, *scaled[1:])
            values = shape.values(test)
            if min(values) < 0 < max(values):
                cuts.append((u, test))
                continue
            contacts.note(values)
            # A form that vanishes identically has maximum 0: the lower piece.
            pieces[u] += max(values) > 0
    parts = [(shape, pieces)]
    for u, test in cuts:
        parts = [child for part in parts for child in _cut_part(*part, u, test, contacts)]
    return ((part, tuple(found)) for part, found in parts)


def _cut_part(
    shape: Shape, pieces: list[int], u: int, test: Integers, contacts: Contacts
) -> list[tuple[Shape, list[int]]]:
    values = shape.values(test)
    contacts.note(values)
    raised = [*pieces[:u], pieces[u] + 1, *pieces[u + 1 :]]
    if max(values) <= 0:
        return [(shape, pieces)]
    if min(values) >= 0:
        return [(shape, raised)]
    below, above = shape.split(test, values)
    return [(below, pieces), (above, raised)]


def _winners(node: Maximum, forms: Forms, shape: Shape, contacts: Contacts) -> Iterator[tuple[Shape, Pattern]]:
    parts: list[tuple[Shape, Pattern]] = [(shape, ())]
    for group in node.groups:
        candidates = [tuple(node.sign * value for value in forms[i]) for i in group]
        first = {form: position for position, form in reversed(list(enumerate(candidates)))}
        contacts.count += len(candidates) - len(first)
        parts = [
            (winner, (*pieces, position))
            for part, pieces in parts
            for form, position in first.items()
            for winner in _where_greatest(part, form, first, contacts)
        ]
    return iter(parts)


def _where_greatest(shape: Shape, form: Integers, others: dict[Integers, int], contacts: Contacts) -> list[Shape]:
    """The part of a shape where `form` is the greatest of distinct forms: one shape, or none."""
    for other in others:
        if other == form:
            continue
        difference = tuple(a - b for a, b in zip(form, other, strict=True))
        values = shape.values(difference)
        contacts.note(values)
        if max(values) <= 0:
            return []
        if min(values) < 0:
            shape = shape.split(difference, values)[1]
    return [shape]
