"""The region of a point and the distance to its boundary, in rationals: forms carried along the point's pattern.

And a second, cruder way for any function that gives patterns: rays in many directions, bisected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .neutral import Add, Affine, Elementwise, Input, Maximum, Net, Pattern, Vector, exact_vector, forward

Form = Vector
"""(c_0, ..., c_n): c_0 + sum_i c_i x_i."""

STEP = Fraction(1, 2**60)
"""What a point on a boundary is moved by, and again for each coordinate in turn: less than anything else of the small
networks that this is for."""


@dataclass(frozen=True)
class Row:
    """A condition of a pattern: `form` is not negative on its region."""

    unit: int
    layer: int
    form: Form

    @property
    def is_constant(self) -> bool:
        """Whether it bounds nothing."""
        return not any(self.form[1:])


def entered(net: Net, x: Sequence[Any], middle: Sequence[Any]) -> Pattern:
    """The pattern of the region that a point enters when it moves a little towards the middle, then along each axis."""
    point, goal = exact_vector(x), exact_vector(middle)
    moved = [a + STEP * (b - a) + STEP ** (i + 2) for i, (a, b) in enumerate(zip(point, goal, strict=True))]
    return forward(net, moved)[0]


def rows_of(net: Net, pattern: Pattern) -> list[Row]:
    """All conditions of a pattern, constant ones too: the breakpoints around each piece, the rivals of each winner."""
    pieces = iter(net.split_pattern(pattern))
    forms: list[list[Form]] = []
    rows: list[Row] = []
    unit = layer = 0
    for node in net.nodes:
        if isinstance(node, Elementwise | Maximum):
            own = next(pieces)
            source = forms[node.source]
            for number, piece in enumerate(own):
                made = _around(node, number, piece, source) if isinstance(node, Elementwise) else None
                made = _against(node, number, piece, source) if isinstance(node, Maximum) else made
                rows += [Row(unit + number, layer, form) for form in made or ()]
            forms.append(_along(node, own, source))
            unit, layer = unit + len(own), layer + 1
        else:
            forms.append(_affine(node, forms, net.sizes[0]))
    return rows


def output_forms(net: Net, pattern: Pattern) -> list[Form]:
    """The affine map of the output on the region of a pattern."""
    pieces = iter(net.split_pattern(pattern))
    forms: list[list[Form]] = []
    for node in net.nodes:
        if isinstance(node, Elementwise | Maximum):
            forms.append(_along(node, next(pieces), forms[node.source]))
        else:
            forms.append(_affine(node, forms, net.sizes[0]))
    return forms[net.output]


def _around(node: Elementwise, unit: int, piece: int, source: list[Form]) -> list[Form]:
    points, form = node.breakpoints[unit], source[unit]
    made = []
    if piece > 0:
        made.append((form[0] - points[piece - 1], *form[1:]))
    if piece < len(points):
        made.append((points[piece] - form[0], *(-c for c in form[1:])))
    return made


def _against(node: Maximum, unit: int, piece: int, source: list[Form]) -> list[Form]:
    group = node.groups[unit]
    best = source[group[piece]]
    rivals = [source[other] for place, other in enumerate(group) if place != piece]
    return [tuple(node.sign * (a - b) for a, b in zip(best, rival, strict=True)) for rival in rivals]


def _along(node: Elementwise | Maximum, pieces: Pattern, source: list[Form]) -> list[Form]:
    if isinstance(node, Maximum):
        return [source[group[piece]] for group, piece in zip(node.groups, pieces, strict=True)]
    result = []
    for unit, piece in enumerate(pieces):
        slope, intercept = node.slopes[unit][piece], node.intercepts[unit][piece]
        result.append((slope * source[unit][0] + intercept, *(slope * c for c in source[unit][1:])))
    return result


def _affine(node: object, forms: list[list[Form]], size: int) -> list[Form]:
    if isinstance(node, Input):
        return [tuple(Fraction(int(i == j + 1)) for i in range(size + 1)) for j in range(size)]
    if isinstance(node, Affine):
        source = forms[node.source]
        columns = range(len(source[0]))
        return [
            tuple(sum((w * form[i] for w, form in zip(row, source, strict=True)), bias * (i == 0)) for i in columns)
            for row, bias in zip(node.weight, node.bias, strict=True)
        ]
    if isinstance(node, Add):
        pairs = zip(forms[node.left], forms[node.right], strict=True)
        return [tuple(a + b for a, b in zip(left, right, strict=True)) for left, right in pairs]
    return forms[node.left] + forms[node.right]  # type: ignore[attr-defined]


def value_at(form: Form, x: Sequence[Any]) -> Fraction:
    """The value of a form at a point."""
    return form[0] + sum((c * v for c, v in zip(form[1:], exact_vector(x), strict=True)), Fraction(0))


def power(form: Form, x: Sequence[Any], norm: str) -> Fraction:
    """The distance of a point to a form's hyperplane in a norm; squared for l2."""
    slopes = [abs(c) for c in form[1:]]
    value = abs(value_at(form, x))
    if norm == "l2":
        return value**2 / sum(c * c for c in slopes)
    return value / (max(slopes) if norm == "l1" else sum(slopes))


def distance(
    rows: Sequence[Row], sides: Sequence[Form], x: Sequence[Any], norm: str
) -> tuple[Fraction | None, set[int]]:
    """The distance to the nearest condition or side (squared for l2), None for none, and all units that are as near.

    Side i of the domain is -1 - i.
    """
    labels = [(row.unit, row.form) for row in rows if not row.is_constant]
    labels += [(-1 - i, exact_vector(side)) for i, side in enumerate(sides)]
    if not labels:
        return None, set()
    found = [(power(form, x, norm), unit) for unit, form in labels]
    best = min(value for value, _ in found)
    return best, {unit for value, unit in found if value == best}


def first_change(
    pattern: Callable[[np.ndarray], np.ndarray], x: np.ndarray, directions: np.ndarray, reach: float
) -> np.ndarray:
    """How far (directions,) the pattern at x goes on along rays, up to `reach`: bisection, as regions are convex.

    `pattern` gives the patterns (points, units) of points (points, n).
    """
    home = pattern(x[None])[0]
    low, high = np.zeros(len(directions)), np.full(len(directions), reach)
    inside = (pattern(x + high[:, None] * directions) == home).all(axis=1)
    for _ in range(60):
        middle = (low + high) / 2
        same = (pattern(x + middle[:, None] * directions) == home).all(axis=1)
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.where(inside, np.inf, low)
