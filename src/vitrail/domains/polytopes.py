"""Bounded domains given by linear inequalities, checked exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from flint import fmpq, fmpz
from numpy.typing import ArrayLike

from vitrail.domains.checks import check_extent, real_array
from vitrail.domains.frame import Frame
from vitrail.errors import InvalidDomainError
from vitrail.numerics.filters import LARGEST
from vitrail.numerics.predicates import Form, Point, canonical, nearest, point_at, side, to_form, turn, unit_form
from vitrail.numerics.programs import Program, interior

__all__ = ["Polytope"]

_MOST_MEASURED = 6
"""Beyond this dimension the vertices are too many to measure a polytope by them."""


@dataclass(frozen=True, eq=False)
class Polytope:
    """The set of all inputs x with A x <= b, bounded and with an interior; `A` has shape (m, inputs), `b` (m,).

    The stored numbers define it, and the checks are exact: made for up to about 16 inputs and 200 rows. Rows of zeros
    say nothing and are left out; redundant rows stay. With one or two inputs it is defined by its ends or vertices,
    which must be float64 numbers.

    Raises:
        InvalidDomainError: rows that contradict each other, that leave the set unbounded, or that make it flat; shapes
            that do not fit; numbers that are not finite; a vertex that float64 cannot store, up to two inputs.

    Example:
        >>> corner = Polytope([[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 1.0, 1.0]], [0.0, 0, 0, 1])
        >>> corner.limits.tolist(), round(corner.measure, 6)
        ([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], 0.166667)
    """

    A: ArrayLike
    b: ArrayLike
    limits: np.ndarray = field(init=False, repr=False)
    """Lowest and highest value of each input, (2, inputs), rounded outward."""
    sides: np.ndarray = field(init=False, repr=False)
    """b - A x by row, (m, inputs + 1), exact; with one or two inputs only what bounds it, in the order of `corners`."""
    interior_point: Point = field(init=False, repr=False)
    """A point of the interior, exact: (w, x1, ..., xn) is the point x / w."""

    def __post_init__(self) -> None:
        """Promote and check."""
        matrix, limit = real_array("polytope A", self.A), real_array("polytope b", self.b)
        if matrix.ndim != 2 or limit.shape != matrix.shape[:1]:
            raise InvalidDomainError(
                f"polytope: expected A of shape (m, inputs) and b of shape (m,), found {matrix.shape} and {limit.shape}"
            )
        kept = np.flatnonzero(matrix.any(axis=1))
        for row in np.flatnonzero(~matrix.any(axis=1) & (limit < 0)).tolist():
            raise InvalidDomainError(f"polytope: empty; row {row} of A is zero and says 0 <= {limit[row]}")
        sides = np.column_stack([limit, -matrix])[kept] + 0.0  # no negative zeros
        forms = [point_at(row.tolist())[1:] for row in sides]
        point = _interior_point(forms, matrix.shape[1], kept.tolist())
        limits = _limits(forms, matrix.shape[1])
        if matrix.shape[1] <= 2:
            corners, bounding = _corners(forms, limits)
            object.__setattr__(self, "_corners", corners)
            sides = sides[bounding]
        stored = {"A": matrix[kept], "b": limit[kept], "sides": sides, "limits": limits, "interior_point": point}
        for name, value in stored.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    @cached_property
    def frame(self) -> Frame:
        """The input space itself."""
        inputs = self.limits.shape[1]
        return Frame(np.zeros(inputs), np.eye(inputs))

    @property
    def corners(self) -> np.ndarray:
        """The two ends, or the vertices, counter-clockwise; beyond two inputs they are not listed.

        Raises:
            InvalidDomainError: more than two inputs.
        """
        inputs = self.limits.shape[1]
        if inputs > 2:
            raise InvalidDomainError(
                f"polytope of {inputs} inputs: corners are listed for domains of dimension 1 or 2 only; "
                "use its limits and sides"
            )
        return np.asarray(vars(self)["_corners"])

    @cached_property
    def measure(self) -> float:
        """Length, area or volume in input units, computed in floating point from the vertices.

        NaN with more than 6 inputs, whose vertices are too many, or where it is too thin for floating point.
        """
        low, high = self.limits
        inputs = low.size
        if inputs == 1:
            return float(high[0] - low[0])
        if inputs == 2:
            x, y = (self.corners - self.corners[0]).T
            return float(0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))
        if inputs > _MOST_MEASURED:
            return float("nan")
        return _volume(self.sides, low, high)

    @cached_property
    def description(self) -> str:
        """The number of inputs and of sides."""
        inputs = self.limits.shape[1]
        return f"polytope of {inputs} input{'s' * (inputs > 1)} and {len(self.sides)} sides"


def _interior_point(forms: Sequence[Form], inputs: int, numbers: Sequence[int]) -> Point:
    """A point inside; `numbers` are those of the rows that the forms are of."""
    inside = interior(forms, inputs)
    if inside.kind == "solid" and inside.point is not None:
        return inside.point
    rows = _rows(numbers[i] for i in inside.multipliers)
    if inside.kind == "empty":
        raise InvalidDomainError(f"polytope: empty; {rows} contradict each other")
    raise InvalidDomainError(
        f"polytope: flat; {rows} hold with equality in all of it; expected an interior: use Slice to fix a combination"
    )


def _rows(numbers: Iterable[int]) -> str:
    names = [str(number) for number in numbers]
    shown = names if len(names) <= 20 else [*names[:19], f"{len(names) - 19} more"]
    return f"rows {', '.join(shown[:-1])} and {shown[-1]}"


def _limits(forms: Sequence[Form], inputs: int) -> np.ndarray:
    """The lowest and the highest value of every coordinate, rounded outward."""
    program = Program(forms, inputs)
    limits = np.zeros((2, inputs))
    for i in range(inputs):
        for row, sign in enumerate((-1, 1)):
            found = program.maximize(to_form([0, *(sign * (i == j) for j in range(inputs))]))
            if found.value is None:
                raise InvalidDomainError(
                    f"polytope: unbounded; it extends without end along {_direction(found.ray or ())}; expected a "
                    "bounded set: add rows that limit it, or use Space"
                )
            limits[row, i] = _outward(sign * found.value, sign)
    check_extent("polytope: the extent", limits[1], limits[0])
    return limits


def _direction(ray: Sequence[fmpz]) -> str:
    """A direction in a few numbers, the largest of them 1."""
    values = [int(value) for value in ray[1:]]
    largest = max(abs(value) for value in values)
    shown = [(i, value / largest) for i, value in enumerate(values) if value]
    if len(values) <= 6:
        return "(" + ", ".join(f"{value / largest:.3g}" for value in values) + ")"
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return "the direction of " + ", ".join(f"{value:.3g} in input {i}" for i, value in shown[:5]) + more


def _outward(value: fmpq, sign: int) -> float:
    """The smallest float64 at or beyond a number, seen in the direction of the sign."""
    (rounded,), _ = nearest((value.q, value.p))
    if sign * (fmpq(*rounded.as_integer_ratio()) - value) >= 0:
        return rounded
    return float(np.nextafter(rounded, sign * np.inf)) if abs(rounded) < LARGEST else sign * float("inf")


def _corners(forms: Sequence[Form], limits: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Ends or vertices, and the row of each end or of the side that leaves each vertex.

    Raises:
        InvalidDomainError: they are not float64 numbers.
    """
    if limits.shape[1] == 1:
        program = Program(forms, 1)
        points = [program.maximize(to_form([0, sign])).point or () for sign in (-1, 1)]
        ends: list[tuple[Point, ...]] = [(point,) for point in points]
        instead = "use Box or Segment with a rounded end"
    else:
        points = _clipped(forms, limits)
        ends = [*pairwise([*points, points[0]])]
        instead = "use Polygon with rounded vertices"
    corners = np.zeros((len(points), limits.shape[1]))
    for i, point in enumerate(points):
        corners[i], error = nearest(point)
        if error:
            place = ", ".join(f"{value:.6g}" for value in corners[i])
            raise InvalidDomainError(f"polytope: the vertex near ({place}) is not stored exactly in float64; {instead}")
    corners.setflags(write=False)
    return corners, [next(i for i, form in enumerate(forms) if not any(side(form, p) for p in end)) for end in ends]


def _clipped(forms: Sequence[Form], limits: np.ndarray) -> list[Point]:
    """The vertices of a polygon, counter-clockwise: its bounding box, clipped by one row after the other."""
    (x0, y0), (x1, y1) = limits.tolist()
    points = [point_at(corner) for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    for form in forms:
        values = [sum((c * x for c, x in zip(form, point, strict=True)), fmpz(0)) for point in points]
        clipped: list[Point] = []
        for i, (point, value) in enumerate(zip(points, values, strict=True)):
            before, past = points[i - 1], values[i - 1]
            if value * past < 0:
                there = [abs(past) * a + abs(value) * b for a, b in zip(point, before, strict=True)]
                clipped.append(to_form(canonical(tuple(there))))
            if value >= 0:
                clipped.append(to_form(canonical(point)))
        points = [point for i, point in enumerate(clipped) if point != clipped[i - 1]]
    after = [*points[1:], points[0]]
    return [point for i, point in enumerate(points) if turn(points[i - 1], point, after[i]) != 0]


def _volume(sides: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """The volume of the hull of the vertices, computed where the limits are 0 and 1; NaN where Qhull gives up."""
    from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError  # slow to import

    forms = [_in_unit_box(point_at(row.tolist())[1:], low, high) for row in sides]
    inside = interior(forms).point
    if inside is None:
        return float("nan")
    halfspaces = -np.array([np.roll(unit_form(form), -1) for form in forms])
    try:
        vertices = HalfspaceIntersection(halfspaces, np.array(nearest(inside)[0])).intersections
        share = ConvexHull(vertices).volume
    except QhullError:
        return float("nan")
    with np.errstate(over="ignore", under="ignore"):
        return float(share * np.prod(high - low))


def _in_unit_box(form: Form, low: np.ndarray, high: np.ndarray) -> Form:
    """The form in coordinates that run from 0 to 1 where x runs from low to high."""
    weight, *ends = point_at([*low.tolist(), *high.tolist()])
    lows, highs = ends[: low.size], ends[low.size :]
    start = form[0] * weight + sum(c * x for c, x in zip(form[1:], lows, strict=True))
    return (start, *(c * (b - a) for c, a, b in zip(form[1:], lows, highs, strict=True)))
