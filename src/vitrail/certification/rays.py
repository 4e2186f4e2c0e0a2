"""Which halfspaces of a cell are facets, exactly, and a ray through each from a point inside.

Where a ray from an inner point meets one hyperplane before all others, all other halfspaces are strictly positive: the
hyperplane is a facet, and the point is in its relative interior. A halfspace that is a sum of non-negative multiples of
others is none. Floating point guesses rays and sums, integers decide; where guesses fail, exact linear programs do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpz, fmpz_mat
from scipy.optimize import nnls

from vitrail.numerics.predicates import Form, Point
from vitrail.numerics.programs import Outcome, Program

__all__ = ["Rays", "Through", "positive_at"]

_GUESS_BITS = 30
_BITS = (24, 53, None)
"""Directions are tried with few digits first: that also moves them off points where hyperplanes meet."""


@dataclass(frozen=True)
class Through:
    """A facet, by its `row`: the ray t = x / w + s * direction meets it where s is `length`, from the point (w, x)."""

    row: int
    direction: tuple[fmpz, ...]
    length: fmpq

    def beyond(self, point: Point, bits: int) -> Point:
        """A point of the ray beyond the facet by about `length` / 2 ** bits, its w a power of two if the point's is.

        Example:
            >>> facet = Through(0, (fmpz(3),), fmpq(1, 3))
            >>> facet.beyond((fmpz(2), fmpz(0)), 4)
            (256, 276)
        """
        n, d = self.length.p, self.length.q
        places = max(bits + 2 + int(d).bit_length() - int(n).bit_length(), 0)
        # at least length * (1 + 2 ** -bits), as it is rounded up
        length = -(-((n << places) * ((1 << bits) + 1)) // (d << bits))
        weight, *values = point
        steps = zip(values, self.direction, strict=True)
        return (weight << places, *((x << places) + weight * length * v for x, v in steps))


def positive_at(forms: Sequence[Form], point: Point) -> bool:
    """Whether all forms are positive at a finite point.

    Example:
        >>> positive_at([(fmpz(0), fmpz(1)), (fmpz(2), fmpz(-1))], (fmpz(2), fmpz(3)))
        True
    """
    return all(value > 0 for value in _products(forms, point))


class Rays:
    """Rays from a point inside the cell {t : all forms >= 0}; no two of the forms are the same halfspace.

    Example:
        >>> from vitrail.numerics.predicates import to_form
        >>> forms = [to_form(row) for row in ([0, 1, 0], [0, 0, 1], [4, -1, -1], [5, -1, -1])]
        >>> rays = Rays(forms, to_form([1, 1, 1]))
        >>> sorted(found.row for found in rays.facets())
        [0, 1, 2]
    """

    def __init__(self, forms: Sequence[Form], point: Point) -> None:
        """`point` is finite, and all forms are positive there."""
        self.forms, self.point = forms, point
        self._values = _products(forms, point)
        self._slopes = fmpz_mat(len(forms), len(point) - 1, [c for form in forms for c in form[1:]])

    def facets(self) -> list[Through]:
        """All facets, each once."""
        if not self.forms:
            return []
        table = self._rounded()
        found = {facet.row: facet for facet in self._across(table)}
        # distances of the order of 1, and the form that is 1 everywhere
        table[0] /= np.median(table[0])
        table = np.column_stack([table, np.eye(len(table), 1)])
        for row in range(len(self.forms)):
            while row not in found:
                own = list(found)
                factors, direction = _nearest(table[:, [*own, -1]], table[:, row])
                facet = self.first(_integers(direction))
                if facet is None or facet.row in found:
                    terms = [own[i] for i in np.flatnonzero(factors[:-1])]
                    facet = None if self._is_sum(row, terms) else self._alone(row, terms)
                if facet is None:
                    break
                found[facet.row] = facet
        return list(found.values())

    def first(self, direction: Sequence[fmpz]) -> Through | None:
        """What a ray meets first; None where that is nothing, or several hyperplanes at once."""
        slopes = (self._slopes * fmpz_mat(len(direction), 1, list(direction))).entries()
        best, tied = -1, False
        for row, slope in enumerate(slopes):
            if slope >= 0:
                continue
            # both slopes are negative, so that the larger product is the shorter way
            order = 1 if best < 0 else self._values[row] * slopes[best] - self._values[best] * slope
            if order > 0:
                best = row
            if order >= 0:
                tied = order == 0
        if best < 0 or tied:
            return None
        return Through(best, tuple(direction), fmpq(self._values[best], -slopes[best] * self.point[0]))

    def _rounded(self) -> np.ndarray:
        """Columns: the distance of the point from each hyperplane, and the normal of length 1."""
        columns = []
        for form, value in zip(self.forms, self._values, strict=True):
            size = fmpz(1) << max(int(abs(c)).bit_length() for c in form[1:])
            columns.append([_to_float(value, size * self.point[0]), *(_to_float(c, size) for c in form[1:])])
        table = np.array(columns).T
        return table / np.linalg.norm(table[1:], axis=0)

    def _across(self, table: np.ndarray) -> Iterator[Through]:
        """Facets that the rays straight across the hyperplanes meet."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            rate = table[1:].T @ table[1:]  # of ray i, towards hyperplane j
            way = np.where(rate > 0, table[0] / rate, np.inf)
        met = np.where(np.isnan(way), np.inf, way).argmin(axis=1)
        for row in np.unique(met):
            ray = row if met[row] == row else int(np.flatnonzero(met == row)[0])
            facet = self.first(_integers(-table[1:, ray]))
            if facet is not None and facet.row == row:
                yield facet

    def _is_sum(self, row: int, terms: Sequence[int]) -> bool:
        """Whether a form is a sum of non-negative multiples of these, and of a constant that is not negative."""
        # slopes determine up to k factors, which leave a constant; k + 1 are determined with the constants, and leave 0
        first = int(len(terms) < len(self.point))
        columns = [[self.forms[i][j] for i in [*terms, row]] for j in range(first, len(self.point))]
        reduced, denominator, rank = fmpz_mat(columns).rref()
        count = len(terms)
        if rank != count or any(reduced[i, i] == 0 for i in range(count)):
            return False
        factors = [fmpq(reduced[i, count], denominator) for i in range(count)]
        rest = self.forms[row][0] - sum((x * self.forms[i][0] for x, i in zip(factors, terms, strict=True)), fmpq(0))
        return all(x >= 0 for x in factors) and rest >= 0

    def _alone(self, row: int, terms: Iterable[int]) -> Through | None:
        """A ray through a row if it is a facet, by a linear program over all others, which starts from some of them."""
        others = [i for i in range(len(self.forms)) if i != row]
        start = [others.index(i) for i in terms]
        downward = tuple(-c for c in self.forms[row])
        best = Program([self.forms[i] for i in others], len(self.point) - 1, start).maximize(downward)
        if best.value is not None and best.value <= 0:
            return None
        # on the way to such a point all others are positive
        for direction in self._directions(best, downward):
            facet = self.first(direction)
            if facet is not None and facet.row == row:
                return facet
        raise ArithmeticError("facets: expected a ray to a point beyond a hyperplane to meet that first")

    def _directions(self, best: Outcome, objective: Form) -> Iterator[list[fmpz]]:
        """From the inner point to one where the objective is positive, rounded and exact."""
        target = best.point
        if target is None:
            raise ArithmeticError("facets: expected a point; the set has an interior")
        if best.ray is not None:
            value, rate = (sum((c * x for c, x in zip(objective, x, strict=True)), fmpz(0)) for x in (target, best.ray))
            steps = max(-value // rate + 1, fmpz(1))
            target = (target[0], *(x + steps * r for x, r in zip(target[1:], best.ray[1:], strict=True)))
        weight, *start = self.point
        exact = [y * weight - x * target[0] for x, y in zip(start, target[1:], strict=True)]
        size = max(int(abs(x)).bit_length() for x in exact)
        for bits in _BITS:
            if bits is None or size <= bits:
                yield exact
                return
            yield [x >> (size - bits) for x in exact]


def _products(forms: Sequence[Form], point: Point) -> list[fmpz]:
    if not forms:
        return []
    table = fmpz_mat(len(forms), len(point), [c for form in forms for c in form])
    return (table * fmpz_mat(len(point), 1, list(point))).entries()


def _nearest(columns: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Non-negative factors of the columns whose sum is nearest to the target, and what the slopes are too large by.

    That is a direction in which no column falls, and the target does, if it is no such sum.
    """
    try:
        factors, _ = nnls(columns, target)
    except RuntimeError:  # too many steps
        factors = np.zeros(columns.shape[1])
    return factors, (columns @ factors - target)[1:]


def _integers(direction: np.ndarray) -> list[fmpz]:
    """A direction in integers, all zero where it is not finite."""
    size = np.abs(direction).max()
    if not 0 < size < np.inf:
        return [fmpz(0)] * direction.size
    return [fmpz(round(x * 2.0**_GUESS_BITS)) for x in (direction / size).tolist()]


def _to_float(value: fmpz, by: fmpz) -> float:
    """A quotient in float64, infinite where it is out of range."""
    try:
        return int(value) / int(by)
    except OverflowError:
        return float("inf")
