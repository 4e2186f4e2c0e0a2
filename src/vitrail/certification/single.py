"""One region from its pattern: a point inside, and its facets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitrail.certification.halfspaces import Halfspaces
from vitrail.certification.points import inner_point
from vitrail.certification.rays import Rays, Through, positive_at
from vitrail.engines.roots import Roots
from vitrail.numerics.predicates import Form, Point, canonical, nearest, point_at, side, to_form
from vitrail.numerics.programs import interior

__all__ = ["Region", "Side", "region_of", "sides_of"]


@dataclass(frozen=True)
class Side:
    """A facet: a ray `through` it from the region's point, and all that is zero on it.

    `rows` are those of the pattern, `units` those behind them, negative for the domain's sides, on which `outer` facets
    lie. `plane` is the hyperplane's form in smallest integers, its first slope positive.
    """

    through: Through
    rows: tuple[int, ...]
    units: tuple[int, ...]
    outer: bool
    plane: tuple[int, ...]


@dataclass(frozen=True)
class Region:
    """A region with an interior: a `point` of it, w a power of two, its `facets`, and the rows that are `zero` on it.

    `stored_inside` says whether the stored point is inside; None where there is none.
    """

    point: Point
    facets: tuple[Side, ...]
    zero: tuple[int, ...]
    stored_inside: bool | None


def sides_of(roots: Roots) -> tuple[list[tuple[int, Form]], set[int]]:
    """The sides of the one domain, -1 - i and a form that is not negative inside; and the sides that are at infinity.

    Example:
        >>> from vitrail.domains import Segment
        >>> sides_of(Roots.of([Segment([0.0], [2.0])], (1,)))
        ([(-1, (0, 1)), (-2, (1, -1))], set())
    """
    forms = roots.side_forms(0)
    finite = [(-1 - i, form) for i, form in enumerate(forms) if any(form[1:])]
    if roots.corners and finite:
        # lines through corners may be either way around
        corners = [point_at(corner) for corner in roots.corners[0].tolist()]
        inside = [any(side(form, corner) > 0 for corner in corners) for _, form in finite]
        finite = [
            (number, form if right else tuple(-c for c in form))
            for (number, form), right in zip(finite, inside, strict=True)
        ]
    return finite, {-1 - i for i, form in enumerate(forms) if not any(form[1:])}


def region_of(
    halfspaces: Halfspaces, cell: int, sides: Sequence[tuple[int, Form]], stored: Point | None, dimension: int
) -> Region | str:
    """A region from its halfspaces, or why there is none with an interior; `stored` is a point that may be inside.

    `sides` are the domain's, as `sides_of` gives them.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    zero = []
    strict = set(halfspaces.strict(cell).tolist())
    present = halfspaces.present(cell).tolist()
    rows = [(row, canonical(halfspaces.integers[cell, row])) for row in present]
    for number, form in [*rows, *((number, canonical(form)) for number, form in sides)]:
        if any(form[1:]):
            groups.setdefault(form, []).append(number)
        elif form[0] < 0:
            return "no point of the domain has this pattern"
        elif form[0] == 0:
            if number in strict:
                return "a unit that is zero on the whole region has a piece above the lowest"
            zero.append(number)
    forms = [to_form(form) for form in groups]
    # a stored point is as good as any if all are positive there
    inside = None if stored is None else positive_at(forms, stored)
    point = stored if inside and stored is not None else _point_inside(forms, dimension)
    if point is None:
        return "no point of the domain has this pattern on a set with an interior"
    names, units = list(groups.items()), halfspaces.units
    facets = []
    for through in Rays(forms, point).facets():
        plane, own = names[through.row]
        first = next(c for c in plane[1:] if c)
        facets.append(
            Side(
                through,
                tuple(row for row in own if row >= 0),
                tuple(int(units[row]) if row >= 0 else row for row in own),
                any(row < 0 for row in own),
                plane if first > 0 else tuple(-c for c in plane),
            )
        )
    return Region(point, tuple(facets), tuple(zero), inside)


def _point_inside(forms: Sequence[Form], dimension: int) -> Point | None:
    found = interior(forms, dimension)
    if found.kind != "solid" or found.point is None:
        return None
    rounded = point_at(nearest(found.point)[0])
    return rounded if positive_at(forms, rounded) else inner_point(found.point, lambda point: positive_at(forms, point))
