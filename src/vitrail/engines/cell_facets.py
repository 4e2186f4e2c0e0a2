"""Which rows of regions are facets, and a point inside each: linear programs in floating point, exactly where open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import fmpq, fmpz_mat
from numba import njit

from vitrail.cells.halfspace_facets import find_facets
from vitrail.cells.halfspace_kernels import make_probe, step_limit
from vitrail.cells.simplex import (
    OPTIMAL,
    OPTIONS,
    PIVOTED,
    begin,
    clearance,
    include,
    make_program,
    present_point,
    row_columns,
    step,
)
from vitrail.numerics.predicates import Form, nearest
from vitrail.numerics.programs import Program, interior

__all__ = ["FACET", "IMPLIED", "OPEN", "CellFacets", "CellRows", "decide_exactly", "examine", "implies"]

FACET, IMPLIED, OPEN = 1, 0, -1
"""What is known about a row."""

MOST_EXACT_DIMENSIONS = 16
"""Beyond, an exact linear program takes too long to be of use."""


@dataclass(frozen=True)
class CellFacets:
    """The state of each row, (rows,), and an inner point of each cell, (cells, k): NaN where none is proven.

    `beyond` (rows, k) are the points that prove facets: only their own row is negative there. NaN for other rows.
    """

    states: np.ndarray
    points: np.ndarray
    beyond: np.ndarray


def examine(offsets: np.ndarray, values: np.ndarray, errors: np.ndarray, bounded: bool) -> CellFacets:
    """Ask about the rows `offsets[c]` to `offsets[c + 1]` of each cell; no two of them are one hyperplane.

    `values` and `errors` have shape (rows, k + 1); no row is constant. With `bounded` all |t| <= 1.

    Example:
        >>> rows = np.array([[1.0, 1.0], [1.0, -1.0], [3.0, 1.0]])
        >>> found = examine(np.array([0, 3]), rows, np.zeros((3, 2)), True)
        >>> found.states.tolist(), found.points.tolist()
        ([1, 1, 0], [[0.0]])
    """
    dimension, most = values.shape[1] - 1, int(np.diff(offsets).max(initial=1))
    floats = np.ascontiguousarray(row_columns(values, errors.sum(axis=1)).T)
    points, states = np.empty((offsets.size - 1, dimension)), np.empty(len(values), dtype=np.int64)
    beyond = np.empty((len(values), dimension))
    _examine(offsets, floats, bounded, _memory(dimension, most), points, states, beyond)
    beyond[states != FACET] = np.nan
    return CellFacets(states, points, beyond)


def _memory(dimension: int, rows: int) -> tuple[Any, ...]:
    goal = np.zeros((dimension + 3, 1))
    goal[dimension + 1] = -1.0
    return (
        np.empty((dimension + 2, rows)),
        np.zeros((dimension + 3, rows + 1)),
        goal,
        make_program(dimension + 1, rows + 2),
        np.empty(dimension + 1),
        np.empty(dimension + 1),
        make_probe(dimension, rows),
    )


@njit(**OPTIONS)
def _examine(
    offsets: np.ndarray,
    floats: np.ndarray,
    bounded: bool,
    memory: Any,
    points: np.ndarray,
    states: np.ndarray,
    beyond: np.ndarray,
) -> None:
    """Write a point of each cell to `points`, and `find_facets` of it to `states` and `beyond`."""
    columns, lifted, goal, program, begun, found, probe = memory
    n = points.shape[1]
    for c in range(points.shape[0]):
        start, size = offsets[c], offsets[c + 1] - offsets[c]
        for i in range(size):
            for j in range(n + 2):
                columns[j, i] = floats[start + i, j]
        _widest(columns, size, lifted, goal, program, begun, found)
        for j in range(n):
            points[c, j] = found[j]
        if not clearance(columns, size, points[c], bounded, -1) > 0.0:
            for j in range(n):
                points[c, j] = np.nan
        find_facets(
            columns, size, points[c], bounded, probe, states[start : start + size], beyond[start : start + size]
        )


@njit(**OPTIONS)
def _widest(
    columns: np.ndarray,
    size: int,
    lifted: np.ndarray,
    goal: np.ndarray,
    program: Any,
    begun: np.ndarray,
    found: np.ndarray,
) -> None:
    """Write the center and the radius of a largest ball in a cell, of radius 1 at most, to `found`."""
    n = found.shape[0] - 1
    radius = 1.0
    for i in range(size):
        length = 0.0
        for j in range(1, n + 1):
            length += columns[j, i] * columns[j, i]
        length = np.sqrt(length)
        for j in range(n + 1):
            lifted[j, i] = columns[j, i]
        lifted[n + 1, i] = -length
        radius = min(radius, columns[0, i] / length)
    # the last row keeps the radius below 1
    for j in range(n + 2):
        lifted[j, size] = 0.0
    lifted[0, size], lifted[n + 1, size] = 1.0, -1.0
    for j in range(n):
        begun[j] = 0.0
    begun[n] = radius - 1.0
    begin(lifted, size + 1, begun, program)
    include(goal, 0, begun, program)
    limit = 2 * (size + n) + 16
    for steps in range(4 * limit):
        if step(program, size + 1, 1.0, steps > limit) != PIVOTED:
            break
    present_point(program, begun, 0.0, found)


@dataclass(frozen=True)
class CellRows:
    """The rounded rows of one cell, to ask where exact arithmetic should look: columns as `simplex` describes them."""

    columns: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, errors: np.ndarray) -> CellRows:
        """Rows (rows, k + 1) and their errors."""
        return cls(row_columns(values, errors.sum(axis=1)))

    def basis_below(self, row: int, others: Sequence[int], point: np.ndarray) -> list[int] | None:
        """The rows of `others` that meet where `row` is smallest over them; None if rounding finds no such place."""
        if np.isnan(point).any():
            return None
        chosen = np.ascontiguousarray(self.columns[:, [*others, row]])
        names = np.empty(point.size, dtype=np.int64)
        program = make_program(point.size, len(others) + 1)
        if not _lowest(chosen, len(others), point, program, names):
            return None
        return [others[name] for name in names.tolist() if name >= 0]


def decide_exactly(
    forms: Sequence[Form], known: np.ndarray, point: np.ndarray, rows: CellRows
) -> tuple[np.ndarray, np.ndarray]:
    """The states of a cell's rows where all but some are known, and a point inside it where floating point has none.

    `forms` are the rows exactly, `known` (rows,) their states so far, `rows` the same rounded. What is still open then
    is beyond what exact programs can do.
    """
    states, dimension = known.copy(), point.size
    if np.isnan(point).any() and dimension <= MOST_EXACT_DIMENSIONS:
        inner = interior(forms, dimension)
        if inner.point is not None and inner.kind == "solid":
            point = np.array(nearest(inner.point)[0])
    for row in np.flatnonzero(known == OPEN).tolist():
        others = [i for i in np.flatnonzero(states != IMPLIED).tolist() if i != row]
        basis = rows.basis_below(row, others, point)
        if basis is not None and implies([forms[i] for i in basis], forms[row]):
            states[row] = IMPLIED
        elif dimension <= MOST_EXACT_DIMENSIONS:
            start = [others.index(i) for i in basis] if basis is not None else []
            program = Program([forms[i] for i in others], dimension, start)
            best = program.maximize(tuple(-c for c in forms[row]))
            states[row] = FACET if best.value is None or best.value > 0 else IMPLIED
    return states, point


def implies(rows: Sequence[Form], form: Form) -> bool:
    """Whether the form is a sum of non-negative multiples of the rows and of a constant that is not negative.

    False where the rows depend on each other, too.

    Example:
        >>> from vitrail.numerics.predicates import to_form
        >>> rows = [to_form([0, 1, 0]), to_form([0, 0, 1])]
        >>> implies(rows, to_form([0, 2, 3])), implies(rows, to_form([1, 2, -3]))
        (True, False)
    """
    if not rows:
        return not any(form[1:]) and form[0] >= 0
    slopes = [[row[j] for row in rows] + [form[j]] for j in range(1, len(form))]
    reduced, denominator, rank = fmpz_mat(slopes).rref()
    count = len(rows)
    if rank != count or any(reduced[i, i] == 0 for i in range(count)):
        return False
    factors = [fmpq(reduced[i, count], denominator) for i in range(count)]
    rest = form[0] - sum((x * row[0] for x, row in zip(factors, rows, strict=True)), fmpq(0))
    return all(x >= 0 for x in factors) and rest >= 0


@njit(**OPTIONS)
def _lowest(columns: np.ndarray, size: int, point: np.ndarray, program: Any, names: np.ndarray) -> bool:
    """Lower the last column over the others and write the names of the nonbasic variables; False if there is no end."""
    begin(columns, size, point, program)
    include(columns, size, point, program)
    limit = step_limit(program, point)
    for steps in range(4 * limit):
        outcome = step(program, size, 1.0, steps > limit)
        if outcome != PIVOTED:
            for j in range(names.shape[0]):
                names[j] = program[2][j + 1]
            return outcome == OPTIMAL
    return False
