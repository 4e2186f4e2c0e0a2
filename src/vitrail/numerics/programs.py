"""Exact linear programs of a few variables: optima, rays and infeasibility, each with the multipliers that prove it.

The simplex method on a dictionary: k variables are *cobasic* and every other one is an affine function of them. The
variables are the slacks of the rows and the coordinates t; cobasic slacks are 0 at the current point. Coordinates are
free, so they leave the cobasis first and never come back. All coefficients are integers over one common denominator,
minors of the rows, so that a pivot divides without remainder (Edmonds 1967).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from flint import fmpq, fmpz

from vitrail.numerics.predicates import Form, Point, canonical, to_form

__all__ = ["Interior", "Outcome", "Program", "interior", "maximize"]

_ZERO = fmpz(0)
_ONE = fmpz(1)


@dataclass(frozen=True)
class Outcome:
    """The answer to a linear program; multipliers are positive, and rows that are not named have 0.

    * optimal: `point` is finite, `value` the objective there, and value - objective is the sum of the rows times
      `multipliers`, identically in t.
    * unbounded: `point` is in the set, and along `ray`, a point at infinity, the objective grows without end.
    * infeasible: there is no point; the sum of the rows times `multipliers` is -1, identically in t.
    """

    kind: Literal["optimal", "unbounded", "infeasible"]
    point: Point | None
    ray: Point | None
    value: fmpq | None
    multipliers: dict[int, fmpq]


@dataclass(frozen=True)
class Interior:
    """Whether the set where no row is negative has an interior; multipliers as for `Outcome`.

    * solid: all points within `radius` > 0 of `point`, in the maximum norm, are in the set; radii end at 1.
    * flat: `point` is in the set, and the sum of the rows times `multipliers` is 0, identically in t: so each of these
      rows is 0 on the whole set.
    * empty: there is no point; the sum of the rows times `multipliers` is -1, identically in t.
    """

    kind: Literal["solid", "flat", "empty"]
    point: Point | None
    radius: fmpq
    multipliers: dict[int, fmpq]


class Program:
    """The set of all t in R^k where no row is negative, to maximize one objective after the other over it.

    Each search starts where the last one ended, so which of several optimal points comes out depends on what was asked
    before. `basis` names the rows to start from, such as the `basis` of a similar program: any numbers will do.

    Example:
        >>> square = Program([to_form(row) for row in ([0, 1, 0], [0, 0, 1], [1, -1, 0], [1, 0, -1])])
        >>> best = square.maximize(to_form([5, 1, -1]))
        >>> best.kind, best.value, best.point, best.multipliers
        ('optimal', 6, (1, 1, 0), {1: 1, 2: 1})
    """

    def __init__(self, rows: Sequence[Form], dimension: int | None = None, basis: Iterable[int] = ()) -> None:
        """Find a first point of the set; `dimension` is k, needed only where there are no rows."""
        self._size = len(rows[0]) - 1 if dimension is None else dimension
        # slack i is variable i, coordinate j is -1 - j; column 0 of the table holds the constants
        self._cobasic = [0, *(-1 - j for j in range(self._size))]
        self._basic: list[int] = []
        self._table: list[list[fmpz]] = []
        self._denominator = _ONE
        self._contents: list[fmpz] = []
        self._contradiction: dict[int, fmpq] = {}
        self._append(rows, [i for i in basis if 0 <= i < len(rows)])

    @property
    def basis(self) -> list[int]:
        """The rows that are zero at the current point and determine it."""
        return [variable for variable in self._cobasic[1:] if variable >= 0]

    def extended(self, rows: Sequence[Form]) -> Program:
        """The set with more rows, numbered on from these; the search for its first point starts from this one's.

        Example:
            >>> half = Program([to_form([0, 1])]).extended([to_form([3, -2])])
            >>> half.maximize(to_form([0, 1])).value
            3/2
        """
        program = Program.__new__(Program)
        program._size, program._denominator = self._size, self._denominator
        program._cobasic, program._basic = list(self._cobasic), list(self._basic)
        # a pivot makes new lists and changes none
        program._table, program._contents = list(self._table), list(self._contents)
        program._contradiction = self._contradiction
        program._append(rows, [])
        return program

    def maximize(self, objective: Form) -> Outcome:
        """The largest value of the objective over the set; its slopes must be integers, like its constant."""
        if self._contradiction:
            return Outcome("infeasible", None, None, None, dict(self._contradiction))
        self._table.append(self._express(objective))
        self._basic.append(len(self._contents))  # no row's slack, and as such never chosen to leave
        free = self._climb(len(self._table) - 1, to_zero=False)
        row = self._table.pop()
        self._basic.pop()
        if free:
            return Outcome("unbounded", self._point(), self._ray(free, row[free] > 0), None, {})
        multipliers = self._multipliers(row, -self._denominator)
        return Outcome("optimal", self._point(), None, fmpq(row[0], self._denominator), multipliers)

    def _append(self, rows: Sequence[Form], first: list[int]) -> None:
        """Add rows, bring the coordinates that they depend on into the basis, and move to where none is negative."""
        for row in rows:
            content = _ZERO
            for value in row:
                content = content.gcd(value)
            content = content if content != 0 else _ONE
            self._table.append(self._express(tuple(value // content for value in row)))
            self._basic.append(len(self._contents))
            self._contents.append(content)
        free = [c for c, variable in enumerate(self._cobasic) if variable < 0]
        place = {variable: at for at, variable in enumerate(self._basic)}
        for at in [*(place[i] for i in first), *range(len(self._basic))] if free else []:
            column = next((c for c in free if self._table[at][c] != 0), None)
            if self._basic[at] >= 0 and column is not None:
                self._pivot(at, column)
                free.remove(column)
        self._repair()

    def _repair(self) -> None:
        """Raise the rows that are negative, one after the other, until none is, or one cannot be."""
        while not self._contradiction:
            at = next((i for i, v in enumerate(self._basic) if v >= 0 and self._table[i][0] < 0), -1)
            if at < 0:
                return
            self._climb(at, to_zero=True)
            row, variable = self._table[at], self._basic[at]
            if variable >= 0 and row[0] < 0:
                own = {variable: fmpq(self._denominator, -row[0] * self._contents[variable])}
                self._contradiction = dict(sorted((own | self._multipliers(row, row[0])).items()))

    def _express(self, form: Form) -> list[fmpz]:
        """The row of the table for a form in t."""
        d = self._denominator
        result = [form[0] * d, *([_ZERO] * self._size)]
        for variable, values in zip(self._basic, self._table, strict=True):
            if variable < 0 and (slope := form[-variable]) != 0:
                result = [a + slope * b for a, b in zip(result, values, strict=True)]
        for column, variable in enumerate(self._cobasic):
            if variable < 0:
                result[column] += form[-variable] * d
        return result

    def _climb(self, at: int, to_zero: bool) -> int:
        """Pivot until the variable of a row of the table is largest, or zero; the column where it grows without end.

        Only rows that are not negative now limit it. The steepest column enters; after a pivot that did not move, the
        first one does, until one moves: no basis comes again (Bland 1977).
        """
        bland = False
        while True:
            row, column = self._table[at], 0
            for c in range(1, self._size + 1):
                if self._cobasic[c] < 0:
                    if row[c] != 0:
                        return c
                elif row[c] > 0 and (
                    not column or (self._cobasic[c] < self._cobasic[column] if bland else row[c] > row[column])
                ):
                    column = c
            if not column:
                return 0
            leaving, value, slope = (at, -row[0], row[column]) if to_zero else (-1, _ZERO, _ZERO)
            for i, (variable, limit) in enumerate(zip(self._basic, self._table, strict=True)):
                if variable < 0 or i == at or limit[column] >= 0 or limit[0] < 0:
                    continue
                order = -1 if leaving < 0 else limit[0] * slope + value * limit[column]
                if order < 0 or (order == 0 and leaving != at and variable < self._basic[leaving]):
                    leaving, value, slope = i, limit[0], -limit[column]
            if leaving < 0:
                return column
            self._pivot(leaving, column)
            if leaving == at:
                return 0
            bland = value == 0

    def _pivot(self, at: int, column: int) -> None:
        """Exchange a basic and a cobasic variable."""
        chosen = self._table[at]
        old, new = self._denominator, chosen[column]
        sign = 1 if new > 0 else -1  # the denominator stays positive
        if sign < 0:
            chosen, new = [-value for value in chosen], -new
        for i, row in enumerate(self._table):
            factor = row[column]
            if i == at:
                changed = [-value for value in chosen]
                changed[column] = sign * old
            elif factor != 0:
                changed = [(new * a - factor * b) // old for a, b in zip(row, chosen, strict=True)]
                changed[column] = sign * factor
            else:
                changed = [new * a // old for a in row] if new != old else row
            self._table[i] = changed
        self._denominator = new
        self._basic[at], self._cobasic[column] = self._cobasic[column], self._basic[at]

    def _multipliers(self, row: Sequence[fmpz], divisor: fmpz) -> dict[int, fmpq]:
        """The factors of the cobasic slacks in a row of the table, over a divisor."""
        slacks = sorted((i, value) for i, value in zip(self._cobasic[1:], row[1:], strict=True) if i >= 0)
        return {i: fmpq(value, divisor * self._contents[i]) for i, value in slacks if value != 0}

    def _point(self) -> Point:
        """The current point."""
        values = [self._denominator, *([_ZERO] * self._size)]
        for variable, row in zip(self._basic, self._table, strict=True):
            if variable < 0:
                values[-variable] = row[0]
        return to_form(canonical(tuple(values)))

    def _ray(self, column: int, upward: bool) -> Point:
        """The direction in which the current point moves when a cobasic variable grows, or a coordinate falls."""
        sign = 1 if upward else -1
        values = [_ZERO] * (self._size + 1)
        for variable, row in zip(self._basic, self._table, strict=True):
            if variable < 0:
                values[-variable] = sign * row[column]
        if self._cobasic[column] < 0:
            values[-self._cobasic[column]] = sign * self._denominator
        return to_form(canonical(tuple(values)))


def maximize(objective: Form, rows: Sequence[Form], basis: Iterable[int] = ()) -> Outcome:
    """The largest value of an affine function where no row is negative, exactly; all variables are free.

    Made for up to about 16 variables and 200 rows. `basis` names rows to start from, where a similar program ended. To
    ask several questions about the same rows, use `Program`.

    Example:
        >>> found = maximize(to_form([0, 1]), [to_form([-1, 1])])
        >>> found.kind, found.point, found.ray
        ('unbounded', (1, 1), (0, 1))
        >>> maximize(to_form([0, 1]), [to_form([-3, 1]), to_form([1, -1])]).multipliers
        {0: 1/2, 1: 1/2}
    """
    return Program(rows, len(objective) - 1, basis).maximize(objective)


def interior(rows: Sequence[Form], dimension: int | None = None) -> Interior:
    """Whether the set where no row is negative has an interior, with a point of it or the proof that it has not.

    The point is the center of a largest cube of radius 1 at most. Rows that are zero everywhere say nothing.
    `dimension` is needed only where there are no rows.

    Example:
        >>> interior([to_form([0, 1]), to_form([1, -1])])
        Interior(kind='solid', point=(2, 1), radius=1/2, multipliers={})
        >>> interior([to_form([-1, 1]), to_form([2, -2])]).multipliers
        {0: 1/2, 1: 1/4}
    """
    size = len(rows[0]) - 1 if dimension is None else dimension
    kept = []
    for i, row in enumerate(rows):
        norm = sum((abs(slope) for slope in row[1:]), _ZERO)
        if norm != 0:
            kept.append((i, (*row, -norm)))
        elif row[0] < 0:
            return Interior("empty", None, fmpq(0), {i: fmpq(-1) / row[0]})
    # a row is at least its norm times the radius, in the center; the radius is the last variable
    largest = (_ONE, *([_ZERO] * size), -_ONE)
    found = maximize((*([_ZERO] * (size + 1)), _ONE), [*(form for _, form in kept), largest])
    point, radius = found.point, found.value
    if point is None or radius is None:
        raise ArithmeticError("interior: expected an optimum; every set has a radius, if a negative one")
    proof = {kept[i][0]: multiplier for i, multiplier in found.multipliers.items() if i < len(kept)}
    if radius < 0:
        return Interior("empty", None, fmpq(0), {i: -multiplier / radius for i, multiplier in proof.items()})
    center = to_form(canonical(point[:-1]))
    return Interior("solid", center, radius, {}) if radius > 0 else Interior("flat", center, radius, proof)
