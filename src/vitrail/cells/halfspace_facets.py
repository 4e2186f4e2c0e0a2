"""Compiled questions about the rows of a cell of halfspaces: which are its facets, and which the others imply.

Forms are columns and probes are memory, as `halfspace_kernels` describes them.
"""

from __future__ import annotations

from numba import njit

from vitrail.cells.halfspace_kernels import (
    HERE,
    center_point,
    clear_marks,
    far_length,
    point_beyond,
    remember,
    step_limit,
)
from vitrail.cells.simplex import (
    COLUMN,
    DIRECTION,
    LEFT,
    OPTIMAL,
    OPTIONS,
    PIVOTED,
    ROWS,
    UNBOUNDED,
    begin,
    clearance,
    entering,
    exchange,
    leaving,
    present_point,
    proves_positive,
    reach_of,
    step,
    value_at,
)
from vitrail.numerics.filters import CLEAR


@njit(**OPTIONS)
def find_redundant(forms, size, point, bounded, probe, keep):
    """Set keep[i] to 0 for rows that the others are proven to imply; rows that some vertex needs are not looked at."""
    program, _, _, spots, marks, _ = probe
    for i in range(size):
        keep[i] = 2
    if not clearance(forms, size, point, bounded, -1) > 0.0:
        return
    begin(forms, size, point, program)
    limit = step_limit(program, point)
    for i in range(size):
        steps = 0
        while keep[i] == 2 and steps < 4 * limit:
            outcome = step(program, i, 1.0, steps > limit)
            steps += 1
            if outcome == PIVOTED:
                keep[program[4][LEFT]] = 1
            else:
                remember(program, point, spots, marks)
                keep[i] = 1
                if outcome == OPTIMAL and proves_positive(forms, forms, i, 1.0, program, i, point, bounded):
                    # it is basic, and from here on stops nothing, so no later proof can lean on it
                    keep[i], program[3][i] = 0, 0


@njit(**OPTIONS)
def place_of(program, name):
    """The position of a row if it is basic, else -1; and its column if it is not, else 0."""
    basic, nonbasic, numbers = program[1], program[2], program[4]
    for c in range(1, nonbasic.shape[0]):
        if nonbasic[c] == name:
            return -1, c
    for r in range(numbers[ROWS]):
        if basic[r] == name:
            return r, 0
    return -1, 0


@njit(**OPTIONS)
def step_out(program, column, direction, i, point, out):
    """Write a point on a row's far side to `out`: as far along a column as no other row forbids, half way to the next.

    The present point, on the row or before it, does not change.
    """
    table, _, _, blocks, numbers = program
    position, own = place_of(program, i)
    first = 0.0
    if own == 0:
        first = max(table[0, position], 0.0) / abs(table[column, position])
        blocks[position] = 0
    row = leaving(program, column, direction, False)
    if own == 0:
        blocks[position] = 1
    length = 2.0 * first + 1.0
    if row >= 0:
        length = 0.5 * (first + max(table[0, row], 0.0) / abs(table[column, row]))
    numbers[COLUMN], numbers[DIRECTION] = column, direction
    present_point(program, point, length, out)


@njit(**OPTIONS)
def facet_from_here(forms, size, i, point, bounded, probe, beyond):
    """Whether row i is a facet, from where the program stands; 1 with a point beyond, 0 with a proof, -1 if open."""
    program, spots = probe[0], probe[3]
    limit = step_limit(program, point)
    for steps in range(4 * limit):
        position, column = place_of(program, i)
        direction = -1
        if column == 0:
            column, direction = entering(program, position, 1.0, steps > limit)
            if column == 0:
                return 0 if proves_positive(forms, forms, i, 1.0, program, position, point, bounded) else -1
            row = leaving(program, column, direction, steps > limit)
            if row != position:
                if row < 0:
                    return -1
                exchange(program, column, row)
                continue
        step_out(program, column, direction, i, point, spots[HERE])
        found = point_beyond(forms, size, forms, i, i, point, spots[HERE], bounded, beyond)
        if position >= 0:
            exchange(program, column, position)
        return 1 if found else -1
    return -1


@njit(**OPTIONS)
def facet_without_row(forms, size, i, point, bounded, probe, beyond):
    """The same from the inner point, with a program that row i does not stop."""
    program, spots = probe[0], probe[3]
    last = forms.shape[0] - 1
    begin(forms, size, point, program)
    program[3][i] = 0
    limit = step_limit(program, point)
    for steps in range(4 * limit):
        outcome = step(program, i, 1.0, steps > limit)
        length = 0.0
        if outcome == UNBOUNDED:
            length = far_length(program, i, 1.0, value_at(forms, i, point) + 1.0)
        present_point(program, point, length, spots[HERE])
        low = value_at(forms, i, spots[HERE]) < -CLEAR * forms[last, i] * reach_of(spots[HERE], bounded)
        if low and point_beyond(forms, size, forms, i, i, point, spots[HERE], bounded, beyond):
            return 1
        if outcome != PIVOTED:
            proven = outcome == OPTIMAL and proves_positive(forms, forms, i, 1.0, program, i, point, bounded)
            return 0 if proven else -1
    return -1


@njit(**OPTIONS)
def set_aside(forms, i):
    """Replace a row that the others imply without its help by the constant 1, which forbids nothing."""
    for j in range(1, forms.shape[0]):
        forms[j, i] = 0.0
    forms[0, i] = 1.0


@njit(**OPTIONS)
def find_facets(forms, size, point, bounded, probe, facet, beyond):
    """Set facet[i] to 1 with a point beyond where row i alone is negative, to 0 where the others imply it, else to -1.

    `beyond` has shape (rows, n). Rows that are implied are replaced by the constant 1 in `forms`.
    """
    program = probe[0]
    for i in range(size):
        facet[i] = -1
    if not clearance(forms, size, point, bounded, -1) > 0.0:
        return
    begin(forms, size, point, program)
    for i in range(size):
        facet[i] = facet_from_here(forms, size, i, point, bounded, probe, beyond[i])
        if facet[i] == 0:
            program[3][place_of(program, i)[0]] = 0
            set_aside(forms, i)
    for i in range(size):
        # rows that are implied, and not known to be yet, may have been in the way
        if facet[i] < 0:
            facet[i] = facet_without_row(forms, size, i, point, bounded, probe, beyond[i])
            if facet[i] == 0:
                set_aside(forms, i)


@njit(**OPTIONS)
def facets_of_cells(offsets, floats, points, bounded, memory, state):
    """Write `find_facets` of every cell to `state`; `memory`: columns, probe, and points beyond."""
    columns, probe, beyond = memory
    for c in range(points.shape[0]):
        start, size = offsets[c], offsets[c + 1] - offsets[c]
        for i in range(size):
            for j in range(floats.shape[1]):
                columns[j, i] = floats[start + i, j]
        find_facets(columns, size, points[c], bounded, probe, state[start : start + size], beyond)


@njit(**OPTIONS)
def center_cell(forms, point, bounded, probe, keep):
    """`find_redundant` for one cell, whose inner point is then moved to where it has more room."""
    clear_marks(probe)
    find_redundant(forms, forms.shape[1], point, bounded, probe, keep)
    center_point(forms, forms.shape[1], point, bounded, probe[3], probe[4])
