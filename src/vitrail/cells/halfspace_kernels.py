"""Compiled questions about a cell of halfspaces: which forms change their sign on it, and which rows are its facets.

All functions work on forms in columns, as `simplex` describes them. A *probe* is (program, sides, states, spots, marks,
depths): the memory of a program; for each of up to `CHUNK` forms its sign at the cell's inner point and what is known
about it; rows of coordinates; and the form that is cut deepest so far, with how deep.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from vitrail.cells.simplex import (
    COLUMN,
    DIRECTION,
    OPTIONS,
    PIVOTED,
    PIVOTS,
    TOTAL,
    UNBOUNDED,
    begin,
    clearance,
    include,
    make_program,
    present_point,
    proves_positive,
    reach_of,
    step,
    value_at,
)
from vitrail.numerics.filters import CLEAR, LARGE, SMALLEST, UNDERFLOW_SAFE

CHUNK = 64
"""Forms asked about at once: each is one more row to carry through every pivot."""

UNKNOWN, CUTS, KEEPS, OPEN = range(4)
"""What is known about a form: nothing yet; it has both signs on the cell, one sign, or this is not decided."""

ACROSS, SUM, TRIAL, HERE = range(4)
"""Rows of coordinates: a point where the deepest cut has its other sign, the sum of points seen, a new inner point, and
scratch."""

DEEPEST, SEEN = range(2)
"""Marks: the number of the form that is cut deepest, -1 for none, and the number of points in the sum."""


def make_probe(dimension: int, capacity: int) -> tuple[Any, ...]:
    """Memory to ask about cells of up to `capacity` rows.

    Example:
        >>> make_probe(3, 10)[3].shape
        (4, 3)
    """
    return (
        make_program(dimension, capacity + CHUNK),
        np.zeros(CHUNK),
        np.zeros(CHUNK, dtype=np.int64),
        np.zeros((HERE + 1, dimension)),
        np.zeros(SEEN + 1, dtype=np.int64),
        np.zeros(1),
    )


@njit(**OPTIONS)
def normalize(forms, k, bound, rounding):
    """Scale form k by a power of two to the largest slope in [1/2, 1); set its threshold from `bound`, for |t| <= 1.

    Returns 0; 1 where it is a constant that is surely positive, -1 where it is one that is surely not; 2 where floating
    point cannot decide it.
    """
    n = forms.shape[0] - 2
    slope, size = 0.0, abs(forms[0, k])
    for j in range(1, n + 1):
        slope = max(slope, abs(forms[j, k]))
        size += abs(forms[j, k])
    threshold = bound + rounding * size
    if not (size < LARGE and bound < LARGE):
        return 2
    if slope == 0.0:
        if abs(forms[0, k]) > threshold or threshold == 0.0:
            return 1 if forms[0, k] > 0.0 else -1
        return 2
    if slope < UNDERFLOW_SAFE:
        return 2
    scale = math.ldexp(1.0, -math.frexp(slope)[1])
    for j in range(n + 1):
        forms[j, k] *= scale
    forms[n + 1, k] = threshold * scale + SMALLEST
    return 0


@njit(**OPTIONS)
def copy_point(source, target):
    """target[:] = source, which would allocate."""
    for j in range(source.shape[0]):
        target[j] = source[j]


@njit(**OPTIONS)
def blend(share, a, b, out):
    """(1 - share) a + share b."""
    for j in range(a.shape[0]):
        out[j] = a[j] + share * (b[j] - a[j])


@njit(**OPTIONS)
def far_length(program, position, sign, wanted):
    """How far along the last step, which no row blocks, sign * the form is below -`wanted`."""
    table, numbers = program[0], program[4]
    rate = abs(table[numbers[COLUMN], position])
    return 2.0 * (abs(table[0, position]) + wanted) / rate


@njit(**OPTIONS)
def look(asked, listed, at, count, point, length, bounded, probe):
    """Note which forms have their other sign at the present point, or at `length` along the last step.

    Every point of a program lies in the closed cell, so points between it and the inner point are inner points.
    """
    program, sides, states, spots, marks, depths = probe
    table, numbers = program[0], program[4]
    first, last = numbers[TOTAL] - count, asked.shape[0] - 1
    along, column = length * numbers[DIRECTION], numbers[COLUMN]
    reach = 1.0
    if not bounded:
        present_point(program, point, length, spots[HERE])
        reach = reach_of(spots[HERE], False)
    for i in range(count):
        if states[i] <= CUTS:
            value = table[0, first + i]
            if length > 0.0:
                value += along * table[column, first + i]
            value *= sides[i]
            if value < -CLEAR * reach * asked[last, listed[at + i]]:
                states[i] = CUTS
                if value < depths[0]:
                    depths[0], marks[DEEPEST] = value, listed[at + i]
                    present_point(program, point, length, spots[ACROSS])


@njit(**OPTIONS)
def clear_marks(probe):
    """Nothing is known about any form, and no point is seen."""
    _, _, _, spots, marks, depths = probe
    marks[DEEPEST], marks[SEEN], depths[0] = -1, 0, 0.0
    for j in range(spots.shape[1]):
        spots[SUM, j] = 0.0


@njit(**OPTIONS)
def remember(program, point, spots, marks):
    """Add the present point to the sum of points seen."""
    present_point(program, point, 0.0, spots[HERE])
    for j in range(point.shape[0]):
        spots[SUM, j] += spots[HERE, j]
    marks[SEEN] += 1


@njit(**OPTIONS)
def step_limit(program, point):
    """Pivots of one program after which only Bland's rule is used; four times as many end it."""
    return 2 * (program[4][TOTAL] + point.shape[0]) + 16


@njit(**OPTIONS)
def settle(forms, asked, listed, at, count, i, point, bounded, probe):
    """Find out whether form i of a chunk changes its sign, from where the program stands; False if it remains open."""
    program, sides, states, spots, marks, _ = probe
    position, sign = program[4][TOTAL] - count + i, sides[i]
    limit = step_limit(program, point)
    for steps in range(4 * limit):
        outcome = step(program, position, sign, steps > limit)
        if outcome == PIVOTED:
            look(asked, listed, at, count, point, 0.0, bounded, probe)
        elif outcome == UNBOUNDED:
            if bounded:
                return False
            wanted = abs(value_at(asked, listed[at + i], point)) + 1.0
            look(asked, listed, at, count, point, far_length(program, position, sign, wanted), bounded, probe)
            return states[i] == CUTS
        else:
            remember(program, point, spots, marks)
            if proves_positive(forms, asked, listed[at + i], sign, program, position, point, bounded):
                states[i] = KEEPS
            return states[i] != UNKNOWN
        if states[i] == CUTS:
            remember(program, point, spots, marks)
            return True
    return False


@njit(**OPTIONS)
def restart(forms, size, asked, listed, at, count, point, program):
    """Begin the program of a chunk again at the inner point."""
    begin(forms, size, point, program)
    for i in range(count):
        include(asked, listed[at + i], point, program)


@njit(**OPTIONS)
def evade(forms, size, position, threshold, point, bounded, probe):
    """Move the inner point to where the form at `position`, undecided there, has a sign; False where none was found."""
    program, _, _, spots, _, _ = probe
    limit = step_limit(program, point)
    for sign in (-1.0, 1.0):
        for steps in range(4 * limit):
            outcome = step(program, position, sign, steps > limit)
            length = 0.0
            if outcome == UNBOUNDED:
                if bounded:
                    return False
                length = far_length(program, position, sign, 1.0)
            present_point(program, point, length, spots[HERE])
            value = abs(program[0][0, position]) if length == 0.0 else 1.0
            wanted = 4.0 * CLEAR * threshold * reach_of(spots[HERE], bounded)
            if outcome != PIVOTED or value > wanted:
                blend(0.5, point, spots[HERE], spots[TRIAL])
                if value > wanted and clearance(forms, size, spots[TRIAL], bounded, -1) > 0.0:
                    copy_point(spots[TRIAL], point)
                    return True
                break
    return False


@njit(**OPTIONS)
def take_sides(forms, size, asked, listed, at, count, point, bounded, probe):
    """Begin a chunk's program at an inner point where every form has a proven sign; forms without one are open."""
    program, sides, states, _, _, _ = probe
    last = forms.shape[0] - 1
    tries = 0
    while True:
        restart(forms, size, asked, listed, at, count, point, program)
        reach = reach_of(point, bounded)
        lost = -1
        for i in range(count):
            value = program[0][0, size + i]
            if abs(value) > asked[last, listed[at + i]] * reach:
                sides[i] = 1.0 if value > 0.0 else -1.0
            elif states[i] != OPEN:
                lost = i
        if lost < 0:
            return
        threshold = asked[last, listed[at + lost]]
        if tries > count or not evade(forms, size, size + lost, threshold, point, bounded, probe):
            states[lost] = OPEN
        tries += 1


@njit(**OPTIONS)
def probe_chunk(forms, size, asked, listed, at, count, point, bounded, probe):
    """Find out for `count` listed forms whether they change their sign on the cell, as states; may move `point`."""
    program, sides, states, _, _, _ = probe
    for i in range(count):
        states[i], sides[i] = UNKNOWN, 1.0
    if not clearance(forms, size, point, bounded, -1) > 0.0:
        for i in range(count):
            states[i] = OPEN
        return
    take_sides(forms, size, asked, listed, at, count, point, bounded, probe)
    for i in range(count):
        if states[i] == UNKNOWN:
            used = program[4][PIVOTS]
            if not settle(forms, asked, listed, at, count, i, point, bounded, probe):
                # rounding of many pivots may be all that is wrong: once more from the rows themselves
                if used > 0:
                    restart(forms, size, asked, listed, at, count, point, program)
                if used == 0 or not settle(forms, asked, listed, at, count, i, point, bounded, probe):
                    states[i] = OPEN


@njit(**OPTIONS)
def center_point(forms, size, point, bounded, spots, marks):
    """Move the inner point half way to the mean of the points seen, if it is farther from the rows there."""
    if marks[SEEN] > 0:
        for j in range(point.shape[0]):
            spots[TRIAL, j] = 0.5 * (point[j] + spots[SUM, j] / marks[SEEN])
        if clearance(forms, size, spots[TRIAL], bounded, -1) > clearance(forms, size, point, bounded, -1):
            copy_point(spots[TRIAL], point)
            return True
    return False


@njit(**OPTIONS)
def point_beyond(forms, size, asked, k, skip, point, across, bounded, out):
    """An inner point on the way to `across` where form k has the other proven sign than at the inner point `point`.

    Row `skip` is left out (-1: none). False where this is not proven.
    """
    here, there = value_at(asked, k, point), value_at(asked, k, across)
    if not here * there < 0.0:
        return False
    root = here / (here - there)
    blend(0.5 + 0.5 * root, point, across, out)
    threshold = asked[asked.shape[0] - 1, k]
    value = value_at(asked, k, out)
    return (
        value * there > 0.0
        and abs(value) > threshold * reach_of(out, bounded)
        and abs(here) > threshold * reach_of(point, bounded)
        and clearance(forms, size, out, bounded, skip) > 0.0
    )


@njit(**OPTIONS)
def probe_form(forms, asked, listed, point, bounded, probe):
    """What is known about the one form asked about, on one cell; may move the inner point."""
    clear_marks(probe)
    probe_chunk(forms, forms.shape[1], asked, listed, 0, 1, point, bounded, probe)
    return probe[2][0]
