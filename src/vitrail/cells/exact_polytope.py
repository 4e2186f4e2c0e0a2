"""Exact cells of any dimension: homogeneous integer points, and for each the facets that it lies on.

Nothing is asked of coordinates but the signs of forms; which points are joined by edges follows from the incidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import factorial, prod
from operator import mul

from flint import fmpq, fmpz, fmpz_mat

from vitrail.cells.lattice import bits, faces_by_dimension, simplices, transposed
from vitrail.errors import InvalidDomainError, VitrailError
from vitrail.numerics.predicates import Form, Point, canonical

__all__ = ["ExactPolytope"]


@dataclass(frozen=True)
class ExactPolytope:
    """A convex polytope in k dimensions: its vertices, what facets each lies on, and form and label of each facet.

    `points` are homogeneous and in smallest integers; bit i of the Python integer `incidence[j]` says that point j lies
    on facet i, whose form is zero there and not negative in the polytope. A vertex may lie on more than k facets. A
    point with w = 0 is a ray of an unbounded polytope, which must have a vertex; it lies on the facets it runs along.

    Example:
        >>> from vitrail.numerics.predicates import to_form
        >>> cube = ExactPolytope.from_box(to_form([1, 0, 0, 0]), to_form([1, 1, 1, 1]))
        >>> corner, rest = cube.split(to_form([1, -1, -1, -1]), 0, 0)
        >>> corner.measure, rest.measure, len(corner.points), len(rest.points)
        (1/6, 5/6, 4, 7)
    """

    points: tuple[Point, ...]
    incidence: tuple[int, ...]
    forms: tuple[Form, ...]
    labels: tuple[tuple[int, int], ...]

    @classmethod
    def from_box(cls, low: Point, high: Point, labels: Sequence[tuple[int, int]] | None = None) -> ExactPolytope:
        """The box between two finite points; facet 2 i is the side low_i, facet 2 i + 1 the side high_i.

        Labels are those of the sides of a domain, (-1, -1), (-2, -1) and so on, where none are given.

        Raises:
            InvalidDomainError: a coordinate of `low` is not below that of `high`.

        Example:
            >>> from vitrail.numerics.predicates import to_form
            >>> ExactPolytope.from_box(to_form([1, 0]), to_form([2, 5])).forms
            ((0, 1), (5, -2))
        """
        (v, *lows), (w, *highs) = low, high
        dimension = len(lows)
        if any(a * w >= b * v for a, b in zip(lows, highs, strict=True)):
            raise InvalidDomainError(f"box: expected lower limits below the upper ones, found {low} and {high}")
        forms, points, incidence = [], [], []
        for i in range(dimension):
            slopes = [fmpz(i == j) for j in range(dimension)]
            forms.append(_primitive([-lows[i], *(v * slope for slope in slopes)]))
            forms.append(_primitive([highs[i], *(-w * slope for slope in slopes)]))
        for corner in range(1 << dimension):
            upper = [corner >> i & 1 for i in range(dimension)]
            place = [b * v if up else a * w for a, b, up in zip(lows, highs, upper, strict=True)]
            points.append(_primitive([v * w, *place]))
            incidence.append(sum(1 << (2 * i + up) for i, up in enumerate(upper)))
        own = labels if labels is not None else [(-1 - i, -1) for i in range(2 * dimension)]
        return cls(tuple(points), tuple(incidence), tuple(forms), tuple(own))

    @classmethod
    def from_halfspaces(
        cls, sides: Sequence[Form], labels: Sequence[tuple[int, int]], low: Point, high: Point
    ) -> ExactPolytope:
        """The bounded polytope where no side is negative; `low` and `high` are corners of some box that holds it.

        Sides that touch it in less than a facet do not appear; of equal ones the first does.

        Raises:
            InvalidDomainError: it has no interior, or it is not bounded, or it reaches far beyond the box.

        Example:
            >>> from vitrail.numerics.predicates import to_form
            >>> sides = [to_form(row) for row in ([0, 1, 0], [0, 0, 1], [1, -1, -1], [2, -1, -1])]
            >>> names = [(-1 - i, -1) for i in range(len(sides))]
            >>> ExactPolytope.from_halfspaces(sides, names, to_form([1, 0, 0]), to_form([1, 1, 1])).labels
            ((-1, -1), (-2, -1), (-3, -1))
        """
        # a box three times as large has no side in common with the polytope, so that none of its own may remain
        v, w = low[0], high[0]
        below = [v * w, *(2 * a * w - b * v for a, b in zip(low[1:], high[1:], strict=True))]
        above = [v * w, *(2 * b * v - a * w for a, b in zip(low[1:], high[1:], strict=True))]
        start = cls.from_box(tuple(below), tuple(above))
        part: ExactPolytope | None = replace(start, labels=((-1, -1),) * len(start.labels))
        for number, form in enumerate(sides):
            if part is not None and any(form):
                part, _ = part.split(form, number, 0)
        if part is None:
            raise InvalidDomainError("polytope: the sides leave no interior; expected a full-dimensional polytope")
        if any(number < 0 for number, _ in part.labels):
            raise InvalidDomainError(
                f"polytope: the sides do not bound it near the box from {low} to {high}; expected limits that hold it"
            )
        return part.relabeled([labels[number] for number, _ in part.labels])

    @classmethod
    def from_facets(
        cls, forms: Sequence[Form], labels: Sequence[tuple[int, int]], incidence: Sequence[int]
    ) -> ExactPolytope:
        """The bounded polytope with facets of these forms, up to sign, and a vertex for each facet set in `incidence`.

        Raises:
            VitrailError: the facets of a vertex do not meet in one point, or some facet holds all vertices.

        Example:
            >>> from vitrail.numerics.predicates import to_form
            >>> triangle = [to_form(row) for row in ([0, 1, 0], [0, 0, 1], [-1, 1, 1])]
            >>> ExactPolytope.from_facets(triangle, [(0, 0), (1, 0), (2, 0)], [0b011, 0b110, 0b101]).forms
            ((0, 1, 0), (0, 0, 1), (1, -1, -1))
        """
        points = tuple(_common_point(forms, mask) for mask in incidence)
        inward = []
        for facet, form in enumerate(forms):
            off = next((i for i, mask in enumerate(incidence) if not mask >> facet & 1), None)
            value = sum(map(mul, form, points[off])) if off is not None else 0
            if value == 0:
                raise VitrailError(
                    f"exact cell: expected a vertex off facet {facet} of {len(forms)}, found none among {len(points)}; "
                    "the incidence is not that of a polytope"
                )
            inward.append(form if value > 0 else tuple(-c for c in form))
        return cls(points, tuple(incidence), tuple(inward), tuple(labels))

    @property
    def dimension(self) -> int:
        """The dimension k."""
        return len(self.points[0]) - 1

    def split(self, form: Form, number: int, cut: int) -> tuple[ExactPolytope | None, ExactPolytope | None]:
        """The parts where the form is positive and negative, None where there is no interior."""
        values = [sum(map(mul, form, point)) for point in self.points]
        above = [i for i, value in enumerate(values) if value > 0]
        below = [i for i, value in enumerate(values) if value < 0]
        if not (above and below):
            return (self, None) if above else (None, self)
        on = [i for i, value in enumerate(values) if value == 0]
        crossings = []
        for i, j, common in self._edges(above, below):
            up, down = values[i], values[j]
            point = [up * b - down * a for a, b in zip(self.points[i], self.points[j], strict=True)]
            crossings.append((_primitive(point), common))
        form = _primitive(form)
        opposite = tuple(-c for c in form)
        return (
            self._part(above, on, crossings, form, (number, 2 * cut)),
            self._part(below, on, crossings, opposite, (number, 2 * cut + 1)),
        )

    def _edges(self, above: Sequence[int], below: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """The edges from some points to some others, with the facets that they lie on."""
        masks, fewest = list(self.incidence), self.dimension - 1
        for i, point in enumerate(self.points):
            if point[0] == 0:  # infinity bounds a face of its own, which may have edges
                masks[i] |= 1 << len(self.forms)
        simple = [mask.bit_count() == fewest + 1 for mask in masks]
        for i in above:
            mine = masks[i]
            for j in below:
                common = mine & masks[j]
                count = common.bit_count()
                if count < fewest:
                    continue
                # all but one of the facets of a simple vertex always are those of an edge
                sure = count == fewest and (simple[i] or simple[j])
                if sure or sum(mask & common == common for mask in masks) == 2:
                    yield i, j, self.incidence[i] & self.incidence[j]

    def _part(
        self,
        own: Sequence[int],
        on: Sequence[int],
        crossings: Sequence[tuple[Point, int]],
        form: Form,
        label: tuple[int, int],
    ) -> ExactPolytope:
        """One side: its own points, those on the hyperplane, the crossings; and the facets of its own points."""
        used = 0
        for i in own:
            used |= self.incidence[i]
        lost = [facet for facet in range(len(self.forms)) if not used >> facet & 1]
        new = 1 << (len(self.forms) - len(lost))
        points = [self.points[i] for i in own]
        masks = [_without(self.incidence[i], lost) for i in own]
        for i in on:
            points.append(self.points[i])
            masks.append(_without(self.incidence[i], lost) | new)
        for point, common in crossings:
            points.append(point)
            masks.append(_without(common, lost) | new)
        kept = bits(used)
        return ExactPolytope(
            tuple(points),
            tuple(masks),
            (*(self.forms[facet] for facet in kept), form),
            (*(self.labels[facet] for facet in kept), label),
        )

    def facet_ends(self, facet: int) -> tuple[tuple[int, ...], ...]:
        """The vertices of a facet in smallest integers, sorted."""
        on = (point for point, mask in zip(self.points, self.incidence, strict=True) if mask >> facet & 1)
        return tuple(sorted(canonical(point) for point in on))

    def relabeled(self, labels: Sequence[tuple[int, int]]) -> ExactPolytope:
        """The same polytope with other labels."""
        return replace(self, labels=tuple(labels))

    @property
    def center(self) -> Point:
        """The mean of the vertices, beyond which an unbounded polytope goes on: it has the sum of its rays added."""
        weights = [point[0] for point in self.points if point[0] != 0]
        common = fmpz(1)
        for weight in weights:
            common = common.lcm(weight)
        # rays are not divided by the number of vertices
        shares = [common // point[0] if point[0] != 0 else common * len(weights) for point in self.points]
        place = [
            sum((share * point[i] for share, point in zip(shares, self.points, strict=True)), fmpz(0))
            for i in range(1, self.dimension + 1)
        ]
        return _primitive([common * len(weights), *place])

    def holds(self, point: Point) -> bool:
        """Whether a finite point is on the positive side of every facet."""
        return all(sum(map(mul, form, point)) > 0 for form in self.forms)

    @property
    def measure(self) -> fmpq:
        """The volume; -1 if unbounded."""
        if any(point[0] == 0 for point in self.points):
            return fmpq(-1)
        total = fmpq(0)
        for chosen in simplices(self._facet_points(), self.dimension, (1 << len(self.points)) - 1):
            corners = [self.points[i] for i in chosen]
            total += fmpq(abs(fmpz_mat(corners).det()), prod((corner[0] for corner in corners), start=fmpz(1)))
        return total / factorial(self.dimension)

    def faces(self) -> Iterator[tuple[int, frozenset[int]]]:
        """Every face of each dimension 0 to k, as its dimension and the numbers of its points, rays included.

        The polytope itself comes first, the vertices last; a ray alone is no face.
        """
        finite = sum(1 << i for i, point in enumerate(self.points) if point[0] != 0)
        everything = (1 << len(self.points)) - 1
        for dimension, face in faces_by_dimension(self._facet_points(), self.dimension, everything, finite):
            yield dimension, frozenset(bits(face))

    def _facet_points(self) -> list[int]:
        """The points of each facet as a bit mask."""
        return transposed(self.incidence, len(self.forms))


def _primitive(values: Sequence[fmpz]) -> Point:
    """The values without their common factor."""
    common = values[0]
    for value in values[1:]:
        common = common.gcd(value)
        if common == 1:
            return tuple(values)
    common = abs(common)
    return tuple(values) if common == 1 else tuple(value // common for value in values)


def _without(mask: int, lost: Sequence[int]) -> int:
    """The mask when some bits, in increasing order, are taken out and the higher ones move down."""
    for bit in reversed(lost):
        mask = (mask & ((1 << bit) - 1)) | (mask >> (bit + 1) << bit)
    return mask


def _common_point(forms: Sequence[Form], mask: int) -> Point:
    """The one finite point where the facets of a mask meet."""
    chosen = bits(mask)
    rows = [forms[facet] for facet in chosen]
    count, point = 0, [fmpz(0)]
    if rows:
        solutions, count = fmpz_mat(rows).nullspace()
        point = [solutions[i, 0] for i in range(len(rows[0]))]
    if count != 1 or point[0] == 0:
        raise VitrailError(
            f"exact cell: expected facets {chosen} to meet in one point, found solutions of {count} dimensions"
            f"{' at infinity' if count == 1 else ''}; the incidence is not that of a vertex"
        )
    return _primitive(point if point[0] > 0 else [-value for value in point])
