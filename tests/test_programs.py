"""Exact linear programs: every answer proves itself in fractions, and floating point (HiGHS) agrees on which it is."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from vitrail.numerics.predicates import Form, to_form
from vitrail.numerics.programs import Interior, Outcome, Program, interior, maximize

Integers = Sequence[int]


def forms(rows: Sequence[Integers]) -> list[Form]:
    return [to_form(row) for row in rows]


def fraction(value: fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def value_at(form: Integers, point: Sequence[object]) -> Fraction:
    """At a finite point the value, at infinity the growth along it."""
    weight, *x = (int(v) for v in point)  # type: ignore[call-overload]
    total = sum((c * t for c, t in zip(form[1:], x, strict=True)), 0)
    return Fraction(total) if weight == 0 else Fraction(form[0]) + Fraction(total, weight)


def combination(rows: Sequence[Integers], multipliers: dict[int, fmpq], size: int) -> list[Fraction]:
    assert all(multiplier > 0 for multiplier in multipliers.values())
    return [sum((fraction(m) * rows[i][j] for i, m in multipliers.items()), Fraction(0)) for j in range(size)]


def check(objective: Integers, rows: Sequence[Integers], found: Outcome) -> None:
    """That the outcome is proven by what it carries."""
    size = len(objective)
    total = combination(rows, found.multipliers, size)
    if found.kind == "infeasible":
        assert total == [-1] + [0] * (size - 1) and found.point is None and found.ray is None and found.value is None
        return
    assert found.point is not None and len(found.point) == size and found.point[0] > 0
    assert all(value_at(row, found.point) >= 0 for row in rows)
    if found.kind == "optimal":
        assert found.value is not None and found.ray is None
        value = fraction(found.value)
        assert value_at(objective, found.point) == value
        assert total == [value - objective[0], *(-c for c in objective[1:])]
    else:
        assert found.kind == "unbounded" and found.ray is not None and found.ray[0] == 0 and not found.multipliers
        assert found.value is None and value_at(objective, found.ray) > 0
        assert all(value_at([0, *row[1:]], found.ray) >= 0 for row in rows)


def check_interior(rows: Sequence[Integers], found: Interior) -> None:
    size = len(rows[0])
    total = combination(rows, found.multipliers, size)
    if found.kind == "empty":
        assert found.point is None and total == [-1] + [0] * (size - 1)
        return
    assert found.point is not None and found.point[0] > 0 and len(found.point) == size
    radius = fraction(found.radius)
    assert all(value_at(row, found.point) >= radius * sum(abs(c) for c in row[1:]) for row in rows)
    if found.kind == "flat":
        assert total == [0] * size and any(any(rows[i]) for i in found.multipliers)
    else:
        assert found.kind == "solid" and 0 < radius <= 1 and not found.multipliers


def by_highs(objective: Integers, rows: Sequence[Integers]) -> tuple[str, float]:
    """The same program in floating point."""
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(objective))
    given = (-table[:, 1:], table[:, 0]) if rows else (None, None)
    slopes = -np.array(objective[1:], dtype=np.float64)
    options = {"presolve": False}
    answer = linprog(slopes, *given, bounds=(None, None), options=options)
    if answer.status == 0:
        return "optimal", objective[0] - answer.fun
    if answer.status == 3 or linprog(0 * slopes, *given, bounds=(None, None), options=options).status == 0:
        return "unbounded", np.inf
    return "infeasible", np.nan


def agree(objective: Integers, rows: Sequence[Integers], found: Outcome) -> None:
    kind, value = by_highs(objective, rows)
    assert found.kind == kind
    if found.value is not None:
        assert float(fraction(found.value)) == pytest.approx(value, rel=1e-7, abs=1e-7)


# ---- random programs -----------------------------------------------------------------------------------------------


def random_program(seed: int) -> tuple[list[int], list[list[int]]]:
    """Small integers; some seeds give few rows, some many, some rows through one point."""
    generator = np.random.default_rng(seed)
    k = int(generator.integers(1, 6))
    count = int(generator.integers(1, 4 * k + 4))
    rows = generator.integers(-3, 4, (count, k + 1))
    if seed % 3 == 0:
        rows[:, 0] = np.abs(rows[:, 0])
    if seed % 5 == 0:
        rows[:, 0] = 0
    if seed % 7 == 0:
        rows = np.concatenate([rows, rows[: count // 2 + 1] * [-1, *[1] * k]])
    return generator.integers(-3, 4, k + 1).tolist(), rows.tolist()


def test_random_programs() -> None:
    kinds: set[str] = set()
    for seed in range(400):
        objective, rows = random_program(seed)
        found = maximize(to_form(objective), forms(rows))
        check(objective, rows, found)
        agree(objective, rows, found)
        kinds.add(found.kind)
    assert kinds == {"optimal", "unbounded", "infeasible"}


def test_random_interiors() -> None:
    kinds: set[str] = set()
    for seed in range(300):
        _, rows = random_program(seed)
        found = interior(forms(rows))
        check_interior(rows, found)
        kinds.add(found.kind)
        if found.kind == "solid":  # a largest cube, as far as the radius 1
            lifted = [[*row, -sum(abs(c) for c in row[1:])] for row in rows]
            kind, radius = by_highs([0] * len(rows[0]) + [1], [*lifted, [1, *[0] * (len(rows[0]) - 1), -1]])
            assert kind == "optimal" and float(fraction(found.radius)) == pytest.approx(radius, abs=1e-7)
    assert kinds == {"solid", "flat", "empty"}


small = st.integers(-2, 2)


@st.composite
def programs(draw: Callable[..., list[int]]) -> tuple[list[int], list[list[int]]]:
    k = draw(st.integers(1, 4))
    row = st.lists(small, min_size=k + 1, max_size=k + 1)
    return draw(row), draw(st.lists(row, max_size=9))


@given(programs(), st.integers(0, 9), st.lists(st.integers(-1, 9), max_size=5))
@settings(deadline=None)
def test_the_way_does_not_matter(program: tuple[list[int], list[list[int]]], cut: int, basis: list[int]) -> None:
    """From any start, in two steps, after other objectives, and for the same rows in other numbers: one value."""
    objective, rows = program
    form, k = to_form(objective), len(objective) - 1
    found = maximize(form, forms(rows))
    check(objective, rows, found)
    started = maximize(form, forms(rows), basis)
    check(objective, rows, started)
    parts = Program(forms(rows[:cut]), k)
    parts.maximize(to_form([0, *[1] * k]))
    whole = parts.extended(forms(rows[cut:]))
    later = whole.maximize(form)
    check(objective, rows, later)
    check(objective, rows[:cut], parts.maximize(form))  # the shorter one stays as it was
    again = Program(forms(rows), k, whole.basis).maximize(form)
    longer = [[6 * c for c in row] for row in rows]
    scaled = maximize(form, forms(longer))
    check(objective, longer, scaled)
    for other in (started, later, again, scaled):
        assert (other.kind, other.value) == (found.kind, found.value)


# ---- families with known answers -----------------------------------------------------------------------------------


def chain(order: Sequence[int]) -> list[list[int]]:
    """x[order[0]] <= x[order[1]] <= ... as rows."""
    rows = []
    for low, high in itertools.pairwise(order):
        rows.append([0] * (len(order) + 1))
        rows[-1][1 + low], rows[-1][1 + high] = -1, 1
    return rows


def box(k: int) -> list[list[int]]:
    """0 <= x <= 1."""
    low = [[0, *(int(i == j) for j in range(k))] for i in range(k)]
    return low + [[1, *(-c for c in row[1:])] for row in low]


@pytest.mark.parametrize("k", [3, 4])
def test_braid_arrangement(k: int) -> None:
    """In [0, 1]^k: the simplex of an order has its corners at suffixes of ones; all k! meet along the diagonal."""
    for order in itertools.permutations(range(k)):
        rows = box(k) + chain(order)
        inside = interior(forms(rows))
        check_interior(rows, inside)
        assert inside.kind == "solid"
        objective = [0, *(3 * i - 4 for i in range(k))]
        found = maximize(to_form(objective), forms(rows))
        check(objective, rows, found)
        best = max(sum(objective[1 + i] for i in order[start:]) for start in range(k + 1))
        assert found.value == best
        back = rows + chain(order[::-1])
        flat = interior(forms(back))
        check_interior(back, flat)
        assert flat.kind == "flat" and len(flat.multipliers) == 2


@pytest.mark.parametrize("k", [2, 5, 9])
def test_lineality(k: int) -> None:
    """The cone x1 <= x2 <= ... holds a whole line; an objective may be constant on it, or not."""
    rows = chain(range(k))
    constant = [7, 1, *[0] * (k - 2), -1]
    found = maximize(to_form(constant), forms(rows))
    check(constant, rows, found)
    assert found.kind == "optimal" and found.value == 7
    for objective in ([0] * k + [1], [0] * k + [-1], [1, -1, *[0] * (k - 2), 1], [0, *[1] * k]):
        found = maximize(to_form(objective), forms(rows))
        check(objective, rows, found)
        assert found.kind == "unbounded"
    inside = interior(forms(rows))
    check_interior(rows, inside)
    assert inside.kind == "solid" and inside.radius == 1


def test_all_orders_at_once_are_a_line() -> None:
    """Every comparison both ways leaves the diagonal."""
    rows = [row for order in itertools.permutations(range(4)) for row in chain(order)]
    assert interior(forms(rows)).kind == "flat"
    objective = [0, 1, 2, -4, 1]
    found = maximize(to_form(objective), forms(rows))
    check(objective, rows, found)
    assert found.kind == "optimal" and found.value == 0


@pytest.mark.parametrize("k", [3, 6])
def test_klee_minty(k: int) -> None:
    """A cube on which the steepest column may visit every corner."""
    rows = [[0, *(int(i == j) for j in range(k))] for i in range(k)]
    for i in range(k):
        rows.append([5 ** (i + 1), *(-(2 ** (i - j + 1)) if j < i else -int(i == j) for j in range(k))])
    objective = [0, *(2 ** (k - 1 - j) for j in range(k))]
    found = maximize(to_form(objective), forms(rows))
    check(objective, rows, found)
    assert found.value == 5**k


def test_programs_that_cycle_without_a_rule() -> None:
    """Beale's example, for which the steepest column alone goes around for ever."""
    rows = [[0, *(int(i == j) for j in range(4))] for i in range(4)]
    rows += [[0, -1, 32, 4, -36], [0, -1, 24, 1, -6], [1, 0, 0, -1, 0]]
    objective = [0, 3, -80, 2, -24]
    found = maximize(to_form(objective), forms(rows), range(4))
    check(objective, rows, found)
    assert found.value == 5


def test_coordinates_without_rows() -> None:
    nothing = maximize(to_form([3, 0, 0]), [])
    assert nothing.kind == "optimal" and nothing.value == 3 and nothing.point == to_form([1, 0, 0])
    assert maximize(to_form([3, 0, -1]), []).ray == to_form([0, 0, -1])
    assert interior([], 2).kind == "solid" and interior([], 2).radius == 1
    assert interior(forms([[0, 0, 0]])).kind == "solid"
    for rows in ([[-2, 0, 0]], [[0, 1, 0], [-2, 0, 0]]):
        check_interior(rows, interior(forms(rows)))
        check([0, 1, 1], rows, maximize(to_form([0, 1, 1]), forms(rows)))
        assert interior(forms(rows)).kind == maximize(to_form([0, 1, 1]), forms(rows)).kind.replace(
            "infeasible", "empty"
        )


def test_large_and_small_numbers() -> None:
    """x >= 2^900 and y >= 2^-900 as far apart as float64 goes: nothing is rounded."""
    rows = [[-(2**900), 1, 0], [-1, 0, 2**900], [2**901 + 1, -1, -1]]
    objective = [0, 1, 1]
    found = maximize(to_form(objective), forms(rows))
    check(objective, rows, found)
    assert found.value == 2**901 + 1
    check_interior(rows, interior(forms(rows)))
    thin = [[-(2**900), 2**900], [2**900 + 1, -(2**900)]]
    check_interior(thin, interior(forms(thin)))
    assert interior(forms(thin)).radius == fmpq(1, 2**901)


# ---- the checks see ------------------------------------------------------------------------------------------------

SQUARE = box(2)
WRONG: dict[str, tuple[Integers, Sequence[Integers], dict[str, object]]] = {
    "value": ([0, 1, 1], SQUARE, {"value": fmpq(3)}),
    "point outside": ([0, 1, 1], SQUARE, {"point": to_form([1, 2, 0])}),
    "point not the best": ([0, 1, 1], SQUARE, {"point": to_form([1, 0, 1])}),
    "multipliers missing": ([0, 1, 1], SQUARE, {"multipliers": {2: fmpq(1)}}),
    "multipliers negative": ([0, 1, 1], SQUARE, {"multipliers": {2: fmpq(1), 3: fmpq(2), 1: fmpq(1), 0: fmpq(-1)}}),
    "ray back": ([0, 1, 1], SQUARE[:2], {"ray": to_form([0, -1, 0])}),
    "ray out of the set": ([0, 1, 1], SQUARE[:2], {"ray": to_form([0, 2, -1])}),
    "a ray with an end": ([0, 1, 1], SQUARE[:2], {"ray": to_form([1, 1, 0])}),
    "unbounded": ([0, 1, 1], SQUARE, {"kind": "unbounded"}),
    "infeasible": ([0, 1, 1], SQUARE, {"kind": "infeasible", "point": None, "value": None}),
    "infeasible by too little": ([0, 1], [[-1, 1], [0, -1]], {"multipliers": {0: fmpq(1), 1: fmpq(2)}}),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_check_of_outcomes_sees(case: str) -> None:
    objective, rows, changes = WRONG[case]
    found = maximize(to_form(objective), forms(rows))
    check(objective, rows, found)
    with pytest.raises(AssertionError):
        check(objective, rows, dataclasses.replace(found, **changes))  # type: ignore[arg-type]


def test_the_check_of_interiors_sees() -> None:
    inside = interior(forms(SQUARE))
    flat = interior(forms([[0, 1], [0, -1]]))
    empty = interior(forms([[0, 1], [-1, -1]]))
    for rows, found, changes in (
        (SQUARE, inside, {"radius": fmpq(2, 3)}),
        (SQUARE, inside, {"point": to_form([1, 1, 0])}),
        (SQUARE, inside, {"kind": "flat"}),
        ([[0, 1], [0, -1]], flat, {"multipliers": {0: fmpq(1)}}),
        ([[0, 1], [0, -1]], flat, {"kind": "solid"}),
        ([[0, 1], [-1, -1]], empty, {"multipliers": {1: fmpq(1)}}),
    ):
        check_interior(rows, found)
        with pytest.raises(AssertionError):
            check_interior(rows, dataclasses.replace(found, **changes))  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        agree([0, 1, 1], SQUARE, maximize(to_form([0, 1, 2]), forms(SQUARE)))
