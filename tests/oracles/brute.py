"""Every pattern of a tiny network tried one by one, in rationals: two methods, nothing shared with the integer engine.

For a pattern the network is affine, so its cell is the domain cut by one halfspace per breakpoint or rival candidate.
Clipping decides whether that has positive length or area; Fourier-Motzkin elimination decides whether all strict
inequalities hold together, in any dimension.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from .neutral import Add, Affine, Elementwise, Input, Maximum, Net, Pattern, Vector, exact_matrix, exact_vector

Form = Vector
"""(c_0, ..., c_k): c_0 + sum_i c_i t_i."""

MOST_PATTERNS = 20_000


def patterns_by_elimination(
    net: Net, halfspaces: Sequence[Sequence[Any]], frame: Sequence[Sequence[Any]] | None = None
) -> set[Pattern]:
    """The patterns whose open cell meets the open domain where every form in `halfspaces` is positive."""
    domain = exact_matrix(halfspaces)
    return {
        pattern
        for pattern, constraints in _every_pattern(net, _frame(net, frame))
        if strictly_feasible([*domain, *constraints])
    }


def areas_by_clipping(
    net: Net, corners: Sequence[Sequence[Any]], frame: Sequence[Sequence[Any]] | None = None
) -> dict[Pattern, Fraction]:
    """The area of every full-dimensional cell of a convex polygon (corners in order) by pattern."""
    domain = list(exact_matrix(corners))
    areas = {}
    for pattern, constraints in _every_pattern(net, _frame(net, frame)):
        part = domain
        for form in constraints:
            part = clip(part, form)
        if area(part) > 0:
            areas[pattern] = area(part)
    return areas


def intervals_by_clipping(
    net: Net, low: Any, high: Any, frame: Sequence[Sequence[Any]] | None = None
) -> dict[Pattern, tuple[Fraction, Fraction]]:
    """The ends of every full-dimensional cell of a segment by pattern."""
    intervals = {}
    for pattern, constraints in _every_pattern(net, _frame(net, frame)):
        ends = list(exact_vector([low, high]))
        for constant, slope in constraints:
            if slope > 0:
                ends[0] = max(ends[0], -constant / slope)
            else:
                ends[1] = min(ends[1], -constant / slope)
        if ends[0] < ends[1]:
            intervals[pattern] = (ends[0], ends[1])
    return intervals


def clip(corners: list[Vector], form: Form) -> list[Vector]:
    """The part of a convex polygon where a form is at least zero (may come out flat)."""
    heights = [form[0] + form[1] * x + form[2] * y for x, y in corners]
    result: list[Vector] = []
    for i, corner in enumerate(corners):
        before, height = heights[i - 1], heights[i]
        if (before < 0 < height) or (height < 0 < before):
            previous = corners[i - 1]
            share = before / (before - height)
            result.append(tuple(p + share * (c - p) for p, c in zip(previous, corner, strict=True)))
        if height >= 0:
            result.append(corner)
    return result


def area(corners: Sequence[Vector]) -> Fraction:
    """The area of a polygon in either order, 0 when it is flat or empty."""
    doubled = sum(
        (a[0] * b[1] - a[1] * b[0] for a, b in zip(corners, [*corners[1:], *corners[:1]], strict=True)), Fraction(0)
    )
    return abs(doubled) / 2


def strictly_feasible(forms: Sequence[Form]) -> bool:
    """Whether all forms can be positive at one point, by Fourier-Motzkin elimination."""
    rows = {_scaled(form) for form in forms}
    while rows:
        if any(not any(row[1:]) and row[0] <= 0 for row in rows):
            return False
        rows = {row for row in rows if any(row[1:])}
        if not rows:
            return True
        variable = next(i for i in range(len(next(iter(rows))) - 1, 0, -1) if any(row[i] for row in rows))
        rising = [row for row in rows if row[variable] > 0]
        falling = [row for row in rows if row[variable] < 0]
        rows = {row for row in rows if row[variable] == 0}
        for up, down in product(rising, falling):
            a, b = -down[variable], up[variable]
            rows.add(_scaled(tuple(a * x + b * y for x, y in zip(up, down, strict=True))))
    return True


def _scaled(form: Form) -> Form:
    """The form with largest coefficient 1 in absolute value, so that equal halfspaces are found equal."""
    size = max(abs(value) for value in form)
    return tuple(value / size for value in form) if size else form


def _frame(net: Net, frame: Sequence[Sequence[Any]] | None) -> list[Form]:
    """The forms of the input; `frame` is (origin, basis vectors...), default the input space."""
    if frame is not None:
        return list(zip(*exact_matrix(frame), strict=True))
    size = net.sizes[0]
    return [tuple(Fraction(int(i + 1 == column)) for column in range(size + 1)) for i in range(size)]


def _every_pattern(net: Net, inputs: list[Form]) -> Iterator[tuple[Pattern, list[Form]]]:
    """Every pattern whose constant conditions hold, with its other conditions (forms that have to be positive)."""
    if prod(net.pieces_per_unit) > MOST_PATTERNS:
        raise ValueError(f"expected at most {MOST_PATTERNS} patterns, found {prod(net.pieces_per_unit)}")
    return _from_node(net, 0, inputs, [])


def _from_node(
    net: Net, index: int, inputs: list[Form], values: list[list[Form]]
) -> Iterator[tuple[Pattern, list[Form]]]:
    if index == len(net.nodes):
        yield (), []
        return
    for pieces, result, conditions in _choices(net, index, inputs, values):
        remaining = _nonconstant(conditions)
        if remaining is None:
            continue
        for pattern, more in _from_node(net, index + 1, inputs, [*values, result]):
            yield pieces + pattern, remaining + more


def _nonconstant(conditions: list[tuple[Form, bool]]) -> list[Form] | None:
    """The forms that vary; None when a constant one fails (the flag: zero is allowed)."""
    for form, zero_allowed in conditions:
        if not any(form[1:]) and (form[0] < 0 or (form[0] == 0 and not zero_allowed)):
            return None
    return [form for form, _ in conditions if any(form[1:])]


def _choices(
    net: Net, index: int, inputs: list[Form], values: list[list[Form]]
) -> Iterator[tuple[Pattern, list[Form], list[tuple[Form, bool]]]]:
    node = net.nodes[index]
    if isinstance(node, Input):
        yield (), inputs, []
    elif isinstance(node, Affine):
        rows = zip(node.weight, node.bias, strict=True)
        yield (), [_combination(row, values[node.source], bias) for row, bias in rows], []
    elif isinstance(node, Elementwise):
        z = values[node.source]
        for pieces in product(*(range(len(slopes)) for slopes in node.slopes)):
            conditions = []
            for u, p in enumerate(pieces):
                points = node.breakpoints[u]
                if p > 0:  # above the breakpoint, strictly
                    conditions.append((_shifted(z[u], -points[p - 1]), False))
                if p < len(points):  # a unit that stays on the breakpoint belongs here
                    conditions.append((_shifted(_times(-1, z[u]), points[p]), True))
            chosen = [_shifted(_times(node.slopes[u][p], z[u]), node.intercepts[u][p]) for u, p in enumerate(pieces)]
            yield pieces, chosen, conditions
    elif isinstance(node, Maximum):
        z = values[node.source]
        for pieces in product(*(range(len(group)) for group in node.groups)):
            conditions = []
            for group, p in zip(node.groups, pieces, strict=True):
                for rival, i in enumerate(group):
                    if rival != p:
                        gap = _sum(_times(node.sign, z[group[p]]), _times(-node.sign, z[i]))
                        conditions.append((gap, p < rival))  # equal candidates: the lowest position
            yield pieces, [z[group[p]] for group, p in zip(node.groups, pieces, strict=True)], conditions
    elif isinstance(node, Add):
        yield (), [_sum(a, b) for a, b in zip(values[node.left], values[node.right], strict=True)], []
    else:
        yield (), values[node.left] + values[node.right], []


def _times(factor: Fraction | int, form: Form) -> Form:
    return tuple(factor * value for value in form)


def _sum(a: Form, b: Form) -> Form:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _shifted(form: Form, constant: Fraction) -> Form:
    return (form[0] + constant, *form[1:])


def _combination(row: Vector, forms: list[Form], bias: Fraction) -> Form:
    columns = zip(*forms, strict=True)
    return _shifted(
        tuple(sum((w * v for w, v in zip(row, column, strict=True)), Fraction(0)) for column in columns), bias
    )
