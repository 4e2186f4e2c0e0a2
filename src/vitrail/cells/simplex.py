"""Small dense linear programs in floating point, whose answers are checked: signs of affine functions on a cell.

A cell is {t : row_i(t) >= 0}. *Forms* are stored by columns, an array (n + 2, capacity): column i holds the
coefficients c0, ..., cn of row i, scaled by a power of two so that the largest of c1, ..., cn is in [1/2, 1], and its
*threshold*: a bound on everything that can be wrong with a value of it, |true form - stored form| and the rounding of
the evaluation, for |t| <= 1. Where t is unbounded the bound is threshold * max(1, |t1|, ..., |tn|).

A *program* is a dictionary: every row and every form asked about, expressed in n nonbasic variables. It starts at a
point of the interior, where the nonbasic variables are the steps t_j - point_j, which are free; so there is no phase
one. A pivot moves the point along one nonbasic variable until a row stops it. `table` has shape (n + 1, capacity):
table[0] are values at the present point, table[c] the coefficients of nonbasic variable c.

Nothing that a program says is believed. That a form takes a sign is shown by a point where every row is above its
threshold; that it is positive everywhere by non-negative multipliers, whose residual is computed from the stored forms.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from vitrail.numerics.filters import (
    COST_TOLERANCE,
    PIVOT_TOLERANCE,
    PROOF_ROOM,
    SMALLEST,
    UNIT_ROUNDOFF,
    value_rounding,
)

OPTIONS = {"nogil": True, "cache": True, "fastmath": {"nsz", "contract"}, "error_model": "numpy", "_nrt": False}

ROWS, TOTAL, PIVOTS, COLUMN, DIRECTION, LEFT = range(6)
"""Positions in the numbers of a program: rows, rows and forms, pivots since the start; the column and direction of the
last step, and the name of the variable that left."""

PIVOTED, OPTIMAL, UNBOUNDED = range(3)


def make_program(dimension: int, capacity: int) -> tuple[np.ndarray, ...]:
    """Memory of a program: table, names of the basic and nonbasic variables, which of the first block, and numbers.

    Row i has the name i, coordinate j has -1 - j.

    Example:
        >>> [part.shape for part in make_program(3, 20)]
        [(4, 20), (20,), (4,), (20,), (6,)]
    """
    return (
        np.zeros((dimension + 1, capacity)),
        np.zeros(capacity, dtype=np.int64),
        np.zeros(dimension + 1, dtype=np.int64),
        np.zeros(capacity, dtype=np.int64),
        np.zeros(LEFT + 1, dtype=np.int64),
    )


@njit(**OPTIONS)
def begin(forms, size, point, program):
    """Start a program over the first `size` rows, at a point of the interior."""
    table, basic, nonbasic, blocks, numbers = program
    for i in range(size):
        table[0, i] = forms[0, i]
        basic[i], blocks[i] = i, 1
    for j in range(point.shape[0]):
        nonbasic[j + 1] = -1 - j
        for i in range(size):
            table[j + 1, i] = forms[j + 1, i]
            table[0, i] += forms[j + 1, i] * point[j]
    numbers[ROWS], numbers[TOTAL], numbers[PIVOTS] = size, size, 0


@njit(**OPTIONS)
def include(forms, i, point, program):
    """Add form i of some forms to a program that has just begun; it blocks nothing and keeps its position."""
    table, _, _, _, numbers = program
    at = numbers[TOTAL]
    value = forms[0, i]
    for j in range(point.shape[0]):
        table[j + 1, at] = forms[j + 1, i]
        value += forms[j + 1, i] * point[j]
    table[0, at] = value
    numbers[TOTAL] = at + 1


@njit(**OPTIONS)
def entering(program, position, sign, lowest):
    """The nonbasic variable that lowers sign * the form at `position` most per unit, 0 for none, and its direction.

    With `lowest` the first by name among those that lower it, so that no cycle can go on (Bland 1977).
    """
    table, _, nonbasic, _, _ = program
    best, column, direction = COST_TOLERANCE, 0, 1
    for c in range(1, nonbasic.shape[0]):
        cost = sign * table[c, position]
        gain = abs(cost) if nonbasic[c] < 0 else -cost
        if gain > best and not (lowest and column > 0 and nonbasic[c] > nonbasic[column]):
            best, column, direction = (COST_TOLERANCE if lowest else gain), c, (-1 if cost > 0 else 1)
    return column, direction


@njit(**OPTIONS)
def leaving(program, column, direction, lowest):
    """The position of the row that a step along the column meets first, -1 for none."""
    table, basic, _, blocks, numbers = program
    row, best, pivot = -1, np.inf, 0.0
    for r in range(numbers[ROWS]):
        slope = -direction * table[column, r]
        if blocks[r] and slope > PIVOT_TOLERANCE:
            value = max(table[0, r], 0.0)
            if value <= best * slope:
                ratio = value / slope
                better = basic[r] < basic[row] if lowest and row >= 0 else slope > pivot
                if ratio < best or better:
                    row, best, pivot = r, ratio, slope
    return row


@njit(**OPTIONS)
def exchange(program, column, row):
    """Pivot: the basic variable at `row` and the nonbasic one of `column` change places."""
    table, basic, nonbasic, blocks, numbers = program
    total = numbers[TOTAL]
    inverse = 1.0 / table[column, row]
    for r in range(total):
        table[column, r] *= inverse
    table[column, row] = inverse
    for c in range(table.shape[0]):
        factor = table[c, row]
        if c != column and factor != 0.0:
            for r in range(total):
                table[c, r] -= factor * table[column, r]
            table[c, row] = -factor * inverse
    basic[row], nonbasic[column] = nonbasic[column], basic[row]
    blocks[row] = basic[row] >= 0
    numbers[PIVOTS] += 1


@njit(**OPTIONS)
def step(program, position, sign, lowest):
    """One step that lowers sign * the form at `position`: PIVOTED, or OPTIMAL, or UNBOUNDED where no row blocks it."""
    numbers = program[4]
    column, direction = entering(program, position, sign, lowest)
    numbers[COLUMN], numbers[DIRECTION] = column, direction
    if column == 0:
        return OPTIMAL
    row = leaving(program, column, direction, lowest)
    if row < 0:
        return UNBOUNDED
    numbers[LEFT] = program[1][row]
    exchange(program, column, row)
    return PIVOTED


@njit(**OPTIONS)
def present_point(program, start, length, out):
    """Write the present point to `out`, or one at `length` from it along the last step; `start` is where it began."""
    table, basic, nonbasic, _, numbers = program
    along = length * numbers[DIRECTION]
    column = numbers[COLUMN]
    for j in range(start.shape[0]):
        out[j] = start[j]
    for r in range(numbers[ROWS]):
        if basic[r] < 0:
            out[-1 - basic[r]] += table[0, r]
            if length > 0.0:
                out[-1 - basic[r]] += along * table[column, r]
    if length > 0.0 and nonbasic[column] < 0:
        out[-1 - nonbasic[column]] += along


@njit(**OPTIONS)
def value_at(forms, i, point):
    """Value of form i."""
    value = forms[0, i]
    for j in range(point.shape[0]):
        value += forms[j + 1, i] * point[j]
    return value


@njit(**OPTIONS)
def reach_of(point, bounded):
    """What thresholds are multiplied with at a point: 1, or its largest coordinate where these are not bounded."""
    reach = 1.0
    if not bounded:
        for j in range(point.shape[0]):
            reach = max(reach, abs(point[j]))
    return reach


@njit(**OPTIONS)
def clearance(forms, size, point, bounded, skip):
    """The least that a row other than `skip` is above its threshold at a point; positive: it is a proven inner point.

    NaN coordinates give -infinity.
    """
    reach = reach_of(point, bounded)
    last = forms.shape[0] - 1
    least = np.inf
    for i in range(size):
        if i != skip:
            above = value_at(forms, i, point) - forms[last, i] * reach
            if not above >= least:
                least = above if above < least else -np.inf
    return least


@njit(**OPTIONS)
def proves_positive(forms, asked, k, sign, program, position, start, bounded):
    """Whether the multipliers at `position` prove that sign * form k of `asked` is positive on the whole true cell.

    With multipliers l_c >= 0 of the nonbasic rows and the residual R = sign * form - sum l_c row_c, every point of the
    true cell has row_c >= -threshold_c, hence sign * form >= R0 - |R1| - ... - |Rn| - threshold - sum l_c threshold_c
    for |t| <= 1. The thresholds hold `gamma` of twice the dimension times the sum of the absolute coefficients, which
    is more than the rounding of R, whose entries are sums of n + 1 products.
    """
    table, _, nonbasic, _, _ = program
    n, last = start.shape[0], forms.shape[0] - 1
    constant, wrong = sign * asked[0, k], asked[last, k]
    for c in range(1, n + 1):
        if nonbasic[c] >= 0:
            factor = max(sign * table[c, position], 0.0)
            constant -= factor * forms[0, nonbasic[c]]
            wrong += factor * forms[last, nonbasic[c]]
    for j in range(1, n + 1):
        residual = sign * asked[j, k]
        for c in range(1, n + 1):
            if nonbasic[c] >= 0:
                residual -= max(sign * table[c, position], 0.0) * forms[j, nonbasic[c]]
        wrong += abs(residual)
    wrong *= PROOF_ROOM
    if bounded:
        return constant > wrong
    return _outgrows(forms, sign, program, position, start, constant, wrong)


@njit(**OPTIONS)
def _outgrows(forms, sign, program, position, start, constant, wrong):
    """Whether constant + sum l_c row_c exceeds wrong * max(1, |t1|, ...) on an unbounded cell.

    The nonbasic rows span: t_j = v_j + sum a_jc row_c(t) + r_j(t), where the residual r_j is computed, and all r_j
    together are at most rho * (1 + |t|_1). If rho <= 1/2, then 1 + |t|_1 <= 2 (1 + |v|_1 + sum_c A_c slack_c) with A_c
    the sum of |a_jc|, and it suffices that constant > 2 wrong (1 + |v|_1) and l_c >= 2 wrong A_c.
    """
    table, basic, nonbasic, _, numbers = program
    n, last = start.shape[0], forms.shape[0] - 1
    for c in range(1, n + 1):
        if nonbasic[c] < 0:
            return False
    far, rho = 1.0, 0.0
    for r in range(numbers[ROWS]):
        j = -1 - basic[r]
        if j < 0:
            continue
        vertex = start[j] + table[0, r]
        far += abs(vertex)
        rho += 4.0 * (n + 2) * UNIT_ROUNDOFF * (1.0 + abs(vertex))
        for i in range(n + 1):
            residual = -vertex if i == 0 else (1.0 if i == j + 1 else 0.0)
            for c in range(1, n + 1):
                residual -= table[c, r] * forms[i, nonbasic[c]]
            rho += abs(residual)
        for c in range(1, n + 1):
            rho += abs(table[c, r]) * forms[last, nonbasic[c]]
    if not (2.0 * rho <= 1.0 and constant > 2.0 * PROOF_ROOM * wrong * far):
        return False
    for c in range(1, n + 1):
        spread = 0.0
        for r in range(numbers[ROWS]):
            if basic[r] < 0:
                spread += abs(table[c, r])
        if not sign * table[c, position] >= 2.0 * PROOF_ROOM * wrong * spread:
            return False
    return True


def row_rounding(dimension: int) -> float:
    """The share of a form's absolute coefficients that its threshold holds for rounding.

    It covers a value (n products, n sums) and the residual of a proof (n + 1 products and sums per entry) together.

    Example:
        >>> row_rounding(8) < 1e-14
        True
    """
    return value_rounding(2 * dimension + 8)


def row_columns(forms: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Forms (m, n + 1), whose values are known within `bounds` (m,), as scaled columns with thresholds (n + 2, m).

    None may have slopes of 0 only.

    Example:
        >>> row_columns(np.array([[1.0, -4.0]]), np.zeros(1))[:2].ravel().tolist()
        [0.125, -0.5]
    """
    slopes = np.abs(forms[:, 1:]).max(axis=1, initial=0.0)
    exponents = np.frexp(slopes)[1]
    thresholds = bounds + row_rounding(forms.shape[1] - 1) * np.abs(forms).sum(axis=1)
    columns = np.ldexp(np.column_stack([forms, thresholds]), -exponents[:, None]).T
    columns[-1] += SMALLEST
    return np.ascontiguousarray(columns)


def inner_point(columns: np.ndarray, bounded: bool) -> np.ndarray:
    """A point where all rows, columns (n + 2, m), are proven positive, far from them all; NaN if none is found.

    The linear program is that of the largest ball, at most of radius 1, with one more coordinate for its radius: it
    starts at the origin with a radius that all rows allow.

    Example:
        >>> inner_point(row_columns(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, -1.0, -1.0]]), np.zeros(3)), True)
        array([0.292..., 0.292...])
    """
    n, m = columns.shape[0] - 2, columns.shape[1]
    lengths = np.sqrt((columns[1 : n + 1] ** 2).sum(axis=0))
    lifted = np.zeros((n + 3, m + 1))
    lifted[: n + 1, :m], lifted[n + 1, :m] = columns[: n + 1], -lengths
    lifted[0, m], lifted[n + 1, m] = 1.0, -1.0
    start = np.zeros(n + 1)
    start[n] = min((columns[0] / lengths).min(initial=1.0), 1.0) - 1.0
    goal = np.zeros((n + 3, 1))
    goal[n + 1] = -1.0
    program, found = make_program(n + 1, m + 2), np.empty(n + 1)
    widest(lifted, goal, start, program, found)
    point = np.ascontiguousarray(found[:n])
    return point if clearance(columns, m, point, bounded, -1) > 0.0 else np.full(n, np.nan)


@njit(**OPTIONS)
def widest(forms, goal, start, program, found):
    """Lower the goal over the rows, a bounded program, as far as rounding lets it; write the last point to `found`."""
    size = forms.shape[1]
    begin(forms, size, start, program)
    include(goal, 0, start, program)
    limit = 2 * (size + start.shape[0]) + 16
    for steps in range(4 * limit):
        if step(program, size, 1.0, steps > limit) != PIVOTED:
            break
    present_point(program, start, 0.0, found)
