"""Facets of cells of halfspaces, decided exactly from the integer forms of their rows."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq, fmpz

from vitrail.numerics.predicates import Form, Point, side
from vitrail.numerics.programs import Program, interior

__all__ = ["facet_point", "lies_in"]


def facet_point(forms: Sequence[Form], at: int) -> Point | None:
    """A point where form `at` is zero and all others are positive, on a cell {all forms >= 0} with an interior.

    None where there is none: the others imply it, and it touches the cell in less than a facet, or is one of them.

    Example:
        >>> from vitrail.numerics.predicates import to_form
        >>> square = [to_form(row) for row in ([0, 1, 0], [0, 0, 1], [2, -1, 0], [2, 0, -1], [4, -1, -1])]
        >>> point = facet_point(square, 0)
        >>> point[1] == 0, facet_point(square, 4) is None
        (True, True)
    """
    form, dimension = forms[at], len(forms[at]) - 1
    best = Program([*forms[:at], *forms[at + 1 :]], dimension).maximize(tuple(-c for c in form))
    if best.kind == "infeasible" or (best.value is not None and best.value <= 0):
        return None
    inside = interior(forms, dimension).point
    if inside is None or best.point is None:
        return None
    x, y = _coordinates(inside), _coordinates(best.point)
    if best.ray is not None:
        # along the ray until the form is below zero
        ray = [fmpq(value) for value in best.ray[1:]]
        slope = sum((c * r for c, r in zip(form[1:], ray, strict=True)), fmpq(0))
        step = (abs(_value(form, y)) + 1) / -slope
        y = [a + step * r for a, r in zip(y, ray, strict=True)]
    above, below = _value(form, x), _value(form, y)
    place = [(above * b - below * a) / (above - below) for a, b in zip(x, y, strict=True)]
    weight = fmpz(1)
    for value in place:
        weight = weight.lcm(value.q)
    return (weight, *((value * weight).p for value in place))


def lies_in(point: Point, forms: Sequence[Form]) -> bool:
    """Whether no form is negative at the point.

    Example:
        >>> from vitrail.numerics.predicates import to_form
        >>> lies_in(to_form([1, 2]), [to_form([-2, 1])]), lies_in(to_form([1, 1]), [to_form([-2, 1])])
        (True, False)
    """
    return all(side(form, point) >= 0 for form in forms)


def _coordinates(point: Point) -> list[fmpq]:
    return [fmpq(value, point[0]) for value in point[1:]]


def _value(form: Form, coordinates: Sequence[fmpq]) -> fmpq:
    return sum((c * x for c, x in zip(form[1:], coordinates, strict=True)), fmpq(form[0]))
