"""Linear programs in floating point: verdicts against HiGHS and exact programs, and proofs that must not be given."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from vitrail.cells.halfspace_facets import find_facets
from vitrail.cells.halfspace_kernels import (
    ACROSS,
    CUTS,
    KEEPS,
    OPEN,
    make_probe,
    normalize,
    point_beyond,
    probe_form,
)
from vitrail.cells.simplex import (
    OPTIMAL,
    TOTAL,
    begin,
    clearance,
    include,
    inner_point,
    make_program,
    proves_positive,
    row_columns,
    row_rounding,
    step,
)

ONE = np.zeros(1, dtype=np.int64)


def cube(n: int) -> np.ndarray:
    """The sides of [-1, 1]^n."""
    sides = np.zeros((2 * n, n + 1))
    sides[:, 0] = 1.0
    for j in range(n):
        sides[2 * j, j + 1], sides[2 * j + 1, j + 1] = 1.0, -1.0
    return sides


def range_of(sides: np.ndarray, form: np.ndarray) -> tuple[float, float]:
    """Lowest and highest value of a form by HiGHS, infinite where it has none."""
    ends = []
    for sign in (1.0, -1.0):
        found = linprog(sign * form[1:], A_ub=-sides[:, 1:], b_ub=sides[:, 0], bounds=(None, None))
        ends.append(sign * found.fun + form[0] if found.status == 0 else -sign * np.inf)
    return ends[0], ends[1]


def ask(
    sides: np.ndarray, form: np.ndarray, bounded: bool, bound: float = 1e-14
) -> tuple[int, np.ndarray | None, np.ndarray | None]:
    """The verdict on a form, and inner points on both its sides where it cuts."""
    n = sides.shape[1] - 1
    columns, asked = row_columns(sides, np.zeros(len(sides))), row_columns(form[None], np.array([bound]))
    point = inner_point(columns, bounded)
    probe, out = make_probe(n, len(sides)), np.empty(n)
    state = probe_form(columns, asked, ONE, point, bounded, probe)
    if state != CUTS or not point_beyond(columns, len(sides), asked, 0, -1, point, probe[3][ACROSS], bounded, out):
        return state, None, None
    return state, point, out


def exact_value(form: np.ndarray, point: np.ndarray) -> Fraction:
    return Fraction(form[0]) + sum(
        (Fraction(c) * Fraction(x) for c, x in zip(form[1:], point, strict=True)), Fraction(0)
    )


def polytope(generator: np.random.Generator, n: int, more: int, bounded: bool) -> np.ndarray:
    """Halfspaces around a point near the origin."""
    center = generator.uniform(-0.5, 0.5, n)
    slopes = generator.normal(size=(more, n))
    own = np.column_stack([generator.uniform(0.02, 0.5, more) - slopes @ center, slopes])
    return np.concatenate([cube(n), own]) if bounded else own


# ---- verdicts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 10, 16])
def test_verdicts_against_highs(n: int, bounded: bool) -> None:
    generator = np.random.default_rng([n, bounded])
    decided = 0
    for _ in range(15):
        sides = polytope(generator, n, 2 * n + 4, bounded)
        form = generator.normal(size=n + 1) * np.r_[3.0, np.ones(n)]
        low, high = range_of(sides, form)
        state, here, there = ask(sides, form, bounded)
        if state == OPEN:
            assert not bounded  # far away a form may have any sign within its bounds
            continue
        decided += 1
        assert state == (CUTS if low < 0 < high else KEEPS)
        if here is not None and there is not None:
            assert exact_value(form, here) * exact_value(form, there) < 0
            assert all(exact_value(side, point) > 0 for side in sides for point in (here, there))
    assert decided >= 12


def test_wide_program() -> None:
    generator = np.random.default_rng(7)
    sides = polytope(generator, 120, 60, True)
    form = generator.normal(size=121)
    assert ask(sides, form, True)[0] == CUTS
    form[0] = 200.0
    assert ask(sides, form, True)[0] == KEEPS


@settings(max_examples=150, deadline=None)
@given(
    st.integers(2, 4).flatmap(
        lambda n: st.tuples(
            st.lists(st.lists(st.integers(-2, 2), min_size=n + 1, max_size=n + 1), max_size=5),
            st.lists(st.integers(-3, 3), min_size=n + 1, max_size=n + 1),
        )
    )
)
def test_degenerate_integers(problem: tuple[list[list[int]], list[int]]) -> None:
    """Small integers meet in many rows at once; a form that touches the cell is never decided."""
    rows, numbers = problem
    form = np.array(numbers, dtype=float)
    n = form.size - 1
    own = [row for row in rows if any(row[1:]) and row[0] > 0]
    sides = np.concatenate([cube(n), np.array(own, dtype=float).reshape(-1, n + 1)])
    if not form[1:].any():
        return
    low, high = range_of(sides, form)
    state, _, _ = ask(sides, form, True)
    if min(abs(low), abs(high)) < 1e-9:
        assert state == OPEN
    else:
        assert state == (CUTS if low < 0 < high else KEEPS)


def test_form_through_the_inner_point() -> None:
    """Where the form is 0 at the inner point, another one is found."""
    state, here, there = ask(cube(4), np.array([0.0, 1.0, -2.0, 0.5, 3.0]), True)
    assert state == CUTS and here is not None and there is not None


def test_bounds_leave_signs_open() -> None:
    form = np.array([2.0 + 1e-9, 1.0, 1.0])
    assert ask(cube(2), form, True, bound=1e-12)[0] == KEEPS
    assert ask(cube(2), form, True, bound=1e-8)[0] == OPEN
    form[0] = 2.0 - 1e-9
    assert ask(cube(2), form, True, bound=1e-12)[0] == CUTS
    assert ask(cube(2), form, True, bound=1e-8)[0] == OPEN


def test_unbounded() -> None:
    quadrant = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert ask(quadrant, np.array([1.0, 1.0, 1.0]), False)[0] == KEEPS
    assert ask(quadrant, np.array([1.0, 1.0, -1e-3]), False)[0] == CUTS
    assert ask(quadrant, np.array([-1e4, 1.0, 1.0]), False)[0] == CUTS
    # along the side the form has no slope, so its error grows and its value does not
    assert ask(quadrant, np.array([1.0, 1.0, 0.0]), False)[0] == OPEN
    assert ask(np.zeros((0, 3)), np.array([1.0, 1.0, 0.0]), False)[0] == CUTS


# ---- proofs that must fail ----------------------------------------------------------------------------------------


def solved(columns: np.ndarray, asked: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, ...]:
    program = make_program(len(start), columns.shape[1] + 1)
    begin(columns, columns.shape[1], start, program)
    include(asked, 0, start, program)
    while step(program, program[4][TOTAL] - 1, 1.0, False) != OPTIMAL:
        pass
    return program


@pytest.mark.parametrize("bounded", [True, False])
def test_tampered_proof(bounded: bool) -> None:
    generator = np.random.default_rng(3)
    sides, form = polytope(generator, 5, 8, True), np.array([0.0, 1.0, -1.0, 2.0, 0.5, 1.5])
    form[0] = 0.01 - range_of(sides, form)[0]
    columns, asked = row_columns(sides, np.zeros(18)), row_columns(form[None], np.array([1e-13]))
    start = inner_point(columns, True)
    program = solved(columns, asked, start)
    position = program[4][TOTAL] - 1

    def proof(rows: np.ndarray, form: np.ndarray) -> bool:
        return bool(proves_positive(rows, form, 0, 1.0, program, position, start, bounded))

    assert proof(columns, asked)
    lower = asked.copy()
    lower[0] -= program[0][0, position]  # now its least value is 0
    assert not proof(columns, lower)
    unsure = asked.copy()
    unsure[-1] = 1e3
    assert not proof(columns, unsure)
    for row in range(1, 5):
        turned = asked.copy()
        turned[row] += 40.0
        assert not proof(columns, turned)
    loose = columns.copy()
    loose[0, program[2][1:]] += 100.0  # the rows that the proof leans on allow much more
    assert not proof(loose, asked)
    program[0][1:, position] *= -1.0
    assert not proof(columns, asked)


def test_clearance() -> None:
    columns = row_columns(cube(2), np.zeros(4))
    assert clearance(columns, 4, np.zeros(2), True, -1) > 0.49
    assert clearance(columns, 4, np.array([1.0, 0.0]), True, -1) < 0
    assert clearance(columns, 4, np.array([2.0, 0.0]), True, 1) > 0  # but for the side that it is beyond
    assert clearance(columns, 4, np.array([np.nan, 0.0]), True, -1) == -np.inf


def test_inner_point() -> None:
    flat = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, -1.0]])
    empty = np.array([[-1.0, 1.0], [-1.0, -1.0]])
    for sides in (flat, empty):
        assert np.isnan(inner_point(row_columns(sides, np.zeros(len(sides))), True)).all()
    thin = np.array([[0.0, 1.0, 0.0], [1e-6, -1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, -1.0]])
    assert 0 < inner_point(row_columns(thin, np.zeros(4)), True)[0] < 1e-6
    away = np.array([[-0.9, 1.0, 0.0], [1.0, -1.0, 0.0], [-0.9, 0.0, 1.0], [1.0, 0.0, -1.0]])
    assert inner_point(row_columns(away, np.zeros(4)), True) == pytest.approx([0.95, 0.95])
    assert (inner_point(np.zeros((5, 0)), False) == 0).all()


@pytest.mark.parametrize(
    ("form", "bound", "verdict"),
    [
        ([3.0, 0.0], 1.0, 1),
        ([-3.0, 0.0], 1.0, -1),
        ([0.0, 0.0], 0.0, -1),
        ([0.0, 0.0], 1e-20, 2),
        ([1e-20, 0.0], 1e-20, 2),
        ([1.0, 4.0], 0.0, 0),
        ([1.0, np.inf], 0.0, 2),
        ([np.nan, 1.0], 0.0, 2),
        ([1.0, 1.0], 2.0**1000, 2),
        ([1.0, 1e-300], 0.0, 2),
        ([1e200, 1.0], 0.0, 2),
    ],
)
def test_normalize(form: list[float], bound: float, verdict: int) -> None:
    columns = np.array([[*form, 0.0]]).T.copy()
    assert normalize(columns, 0, bound, row_rounding(1)) == verdict
    if verdict == 0:
        assert columns[:2, 0].tolist() == [0.125, 0.5] and columns[2, 0] > 0


# ---- facets --------------------------------------------------------------------------------------------------------


def facets(sides: np.ndarray, bounded: bool) -> tuple[list[int], np.ndarray]:
    columns = row_columns(sides, np.zeros(len(sides)))
    n = sides.shape[1] - 1
    state, beyond = np.empty(len(sides), dtype=np.int64), np.empty((len(sides), n))
    point = inner_point(columns, bounded)
    find_facets(columns, len(sides), point, bounded, make_probe(n, len(sides)), state, beyond)
    return state.tolist(), beyond


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_facets_against_highs(n: int, bounded: bool) -> None:
    generator = np.random.default_rng([n, bounded, 5])
    for _ in range(6):
        sides = polytope(generator, n, 3 * n, bounded)
        state, beyond = facets(sides, bounded)
        for i, known in enumerate(state):
            low, _ = range_of(np.delete(sides, i, axis=0), sides[i])
            assert known == (1 if low < 0 else 0) or (known == -1 and not bounded)
            if known == 1:
                others = [exact_value(sides[j], beyond[i]) for j in range(len(sides)) if j != i and state[j] != 0]
                assert exact_value(sides[i], beyond[i]) < 0 < min(others)


def test_facets_that_meet_in_one_vertex() -> None:
    """A cross-polytope: 2^n facets, half of them through every vertex."""
    n = 4
    sides = np.array([[1.0, *signs] for signs in itertools.product((-1.0, 1.0), repeat=n)])
    assert facets(sides, True)[0] == [1] * 2**n


def test_facets_twice_and_touching() -> None:
    square = cube(2)
    state, _ = facets(np.concatenate([square, square[:1]]), True)
    assert state == [-1, 1, 1, 1, -1]
    state, _ = facets(np.concatenate([square, [[2.0, 1.0, 1.0], [5.0, 1.0, 1.0]]]), True)
    assert state == [1, 1, 1, 1, -1, 0]
