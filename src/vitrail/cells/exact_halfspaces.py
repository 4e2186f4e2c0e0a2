"""Exact cells by their halfspaces, any dimension, bounded or not: linear programs decide what cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from flint import fmpq, fmpz

from vitrail.cells.halfspace_facets import center_cell
from vitrail.cells.halfspace_kernels import ACROSS, CUTS, KEEPS, make_probe, point_beyond, probe_form
from vitrail.cells.simplex import clearance, inner_point, row_columns
from vitrail.errors import InvalidDomainError
from vitrail.numerics.filters import EXACT_FORM_ROUNDING
from vitrail.numerics.predicates import Form, Point, canonical, nearest, point_at, side, to_form, unit_form
from vitrail.numerics.programs import Program, interior

__all__ = ["ExactHalfspaces"]

_ONLY = np.zeros(1, dtype=np.int64)
"""The list of the one form asked about."""


@dataclass(frozen=True)
class ExactHalfspaces:
    """The cell {t : all forms >= 0}, which has an interior; `labels` say what made each form's hyperplane.

    Forms that the others imply do no harm. `dimension` is that of t. With `filtered` a sign is first looked for in
    floating point, where a proof may be found; without it everything is decided on integers. `known` is an inner point,
    where one is known.

    Example:
        >>> cell = ExactHalfspaces((to_form([0, 1, 0]), to_form([0, 0, 1])), ((-1, -1), (-2, -1)), 2)
        >>> above, below = cell.split(to_form([-1, 1, 1]), 7, 0)
        >>> above.labels, below.labels[-1], cell.split(to_form([1, 1, 1]), 8, 1)[1] is None
        (((-1, -1), (-2, -1), (7, 0)), (7, 1), True)
    """

    forms: tuple[Form, ...]
    labels: tuple[tuple[int, int], ...]
    dimension: int
    filtered: bool = True
    known: Point | None = None

    def split(self, form: Form, number: int, cut: int) -> tuple[ExactHalfspaces | None, ExactHalfspaces | None]:
        """The parts where the form is positive and negative, None where there is no interior."""
        if not any(form[1:]):
            return (self, None) if form[0] > 0 else (None, self)
        here = side(form, self.center)
        across = self._filtered_across(form) if self.filtered and here else None
        if across is None:
            across = self._across(form, here)
        if across == ():
            return (self, None) if here > 0 else (None, self)
        points = (self.center, across) if here > 0 else (across, self.center)
        if here == 0:
            points = (across, self._step(form, -1))
        minus = tuple(-c for c in form)
        above, below = (
            replace(self, forms=(*self.forms, row), labels=(*self.labels, (number, label)), known=point)
            for row, label, point in zip((form, minus), (2 * cut, 2 * cut + 1), points, strict=True)
        )
        return above, below

    def facet_ends(self, facet: int) -> tuple[tuple[int, ...], ...]:
        """The facet's hyperplane, which stands for the vertices: both its cells agree on it."""
        form = canonical(self.forms[facet])
        first = next(c for c in form if c)
        return (form if first > 0 else tuple(-c for c in form),)

    def relabeled(self, labels: Sequence[tuple[int, int]]) -> ExactHalfspaces:
        """The same cell with other labels."""
        return replace(self, labels=tuple(labels))

    @property
    def points(self) -> tuple[Point, ...]:
        """None: vertices are not known."""
        return ()

    @cached_property
    def center(self) -> Point:
        """A point of the interior, no particular one.

        Raises:
            InvalidDomainError: there is none.
        """
        if self.known is not None:
            return self.known
        guess = inner_point(self._columns, False) if self.forms else np.zeros(self.dimension)
        if np.isfinite(guess).all() and self.holds(point_at(guess.tolist())):
            return point_at(guess.tolist())
        found = interior(self.forms, self.dimension)
        if found.kind != "solid" or found.point is None:
            raise InvalidDomainError(f"the {len(self.forms)} halfspaces of a cell meet in no interior: {found.kind}")
        return found.point

    def holds(self, point: Point) -> bool:
        """Whether a point lies in the interior."""
        return all(side(form, point) > 0 for form in self.forms)

    @property
    def measure(self) -> fmpq:
        """Not known: -1, as if the cell were unbounded."""
        return fmpq(-1)

    def rounded(self, bounded: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of a batch of `Halfspaces`, their labels, and an inner point, NaN if rounding hides the interior.

        Rows that the others are proven to imply are left out.
        """
        columns = self._columns
        point = np.array(nearest(self.center)[0])
        labels = np.array(self.labels, dtype=np.int64).reshape(-1, 2)
        if not clearance(columns, columns.shape[1], point, bounded, -1) > 0.0:
            return columns.T, labels, np.full(self.dimension, np.nan)
        keep = np.ones(columns.shape[1], dtype=np.int64)
        center_cell(columns, point, bounded, make_probe(self.dimension, columns.shape[1]), keep)
        return columns.T[keep != 0], labels[keep != 0], point

    @cached_property
    def _columns(self) -> np.ndarray:
        """The forms, rounded, as `simplex` wants them."""
        return _rounded(self.forms, self.dimension)

    @cached_property
    def _program(self) -> Program:
        return Program(self.forms, self.dimension)

    def _filtered_across(self, form: Form) -> Point | tuple[()] | None:
        """An inner point where the form has not its sign at the center, () if there is none; None if this is open."""
        point = np.array(nearest(self.center)[0])
        asked = _rounded((form,), self.dimension)
        probe = make_probe(self.dimension, len(self.forms) + 1)
        before = point.copy()
        state = probe_form(self._columns, asked, _ONLY, point, False, probe)
        if state == KEEPS and np.array_equal(point, before):
            return ()
        out = np.empty(self.dimension)
        if state == CUTS and point_beyond(
            self._columns, len(self.forms), asked, 0, -1, point, probe[3][ACROSS], False, out
        ):
            for found in (point_at(out.tolist()), point_at(point.tolist())):
                if side(form, found) == -side(form, self.center) and self.holds(found):
                    return found
        return None

    def _across(self, form: Form, here: int) -> Point | tuple[()]:
        """An inner point where the form has not its sign at the center, a positive one for 0; () if there is none."""
        if here == 0:
            return self._step(form, 1)
        objective = tuple(-here * c for c in form)
        found = self._program.maximize(objective)
        if found.point is None or (found.value is not None and found.value <= 0):
            return ()
        end = _rational(found.point)
        if found.ray is not None:
            ray = [fmpq(x) for x in found.ray[1:]]
            rate = sum((c * x for c, x in zip(objective[1:], ray, strict=True)), fmpq(0))
            length = (abs(_value(form, end)) + 1) / rate
            end = [x + length * r for x, r in zip(end, ray, strict=True)]
        start = _rational(self.center)
        a, b = _value(form, start), _value(form, end)
        share = (a / (a - b) + 1) / 2
        return self._shorter([x + share * (y - x) for x, y in zip(start, end, strict=True)], form, -here)

    def _step(self, form: Form, sign: int) -> Point:
        """An inner point near the center, where the form is 0, that is on one side of it."""
        start = _rational(self.center)
        length = fmpq(1)
        for row in self.forms:
            rate = abs(sum((a * b for a, b in zip(row[1:], form[1:], strict=True)), fmpz(0)))
            if rate != 0:
                length = min(length, _value(row, start) / (2 * rate))
        return self._shorter([x + sign * length * c for x, c in zip(start, form[1:], strict=True)], form, sign)

    def _shorter(self, coordinates: Sequence[fmpq], form: Form, sign: int) -> Point:
        """An inner point on one side of a form, rounded to float64 if that does: digits would pile up otherwise."""
        common = fmpz(1)
        for x in coordinates:
            common = common.lcm(x.q)
        point = (common, *(x.p * (common // x.q) for x in coordinates))
        short = point_at(nearest(point)[0])
        return short if side(form, short) == sign and self.holds(short) else to_form(canonical(point))


def _rounded(forms: Sequence[Form], dimension: int) -> np.ndarray:
    """Exact forms as columns; `unit_form` is off by 2^-54 per coefficient."""
    values = np.array([unit_form(form) for form in forms]).reshape(len(forms), dimension + 1)
    return row_columns(values, np.full(len(forms), EXACT_FORM_ROUNDING * (dimension + 1)))


def _rational(point: Point) -> list[fmpq]:
    return [fmpq(x, point[0]) for x in point[1:]]


def _value(form: Form, coordinates: Sequence[fmpq]) -> fmpq:
    return sum((c * x for c, x in zip(form[1:], coordinates, strict=True)), fmpq(form[0]))
