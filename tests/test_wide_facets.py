"""Facets in many dimensions: against linear programs of HiGHS, exact arithmetic, and proofs that are fed nonsense."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from scipy.optimize import linprog

from oracles import networks
from vitrail.engines import wide_facets
from vitrail.engines.cell_facets import FACET, IMPLIED, OPEN
from vitrail.engines.wide_facets import examine_sides, examine_wide
from vitrail.engines.wide_rays import Rays
from vitrail.numerics.interior_point import Iterate, Rows


def limits_of(inputs: int) -> np.ndarray:
    return np.array([[-1.0] * inputs, [1.0] * inputs])


@cache
def region(widths: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the region of a point in [-1, 1]^n, not negative inside, the box's sides last; and which are sides."""
    inputs, layers = widths[0], networks.default_init(widths, seed)
    point = np.random.default_rng(seed).uniform(-0.9, 0.9, inputs)
    slopes, constants, rows = np.eye(inputs), np.zeros(inputs), []
    for weight, bias in layers[:-1]:
        slopes, constants = weight @ slopes, weight @ constants + (0.0 if bias is None else bias)
        on = slopes @ point + constants > 0
        rows.append(np.where(on, 1.0, -1.0)[:, None] * np.column_stack([constants, slopes]))
        slopes, constants = slopes * on[:, None], constants * on
    unit = np.column_stack([np.ones(inputs), np.eye(inputs)])
    sides = np.concatenate([unit, unit * np.where(np.arange(inputs + 1) == 0, 1.0, -1.0)])
    own = np.concatenate(rows)
    return np.concatenate([own, sides]), np.arange(len(own) + 2 * inputs) >= len(own)


def lowest(values: np.ndarray, row: int) -> float:
    """The least value of a row over the others and its own value -1 (HiGHS)."""
    level = values[:, 0].copy()
    level[row] += 1.0
    scale = np.abs(values[row, 1:]).max()
    found = linprog(values[row, 1:] / scale, -values[:, 1:], level, bounds=(None, None), method="highs-ds")
    assert found.status == 0
    return float(found.fun + values[row, 0] / scale)


def errors_of(values: np.ndarray) -> np.ndarray:
    return np.full(values.shape, 2.0**-50)


REGIONS = [((30, 40, 40, 2), 0), ((48, 48, 48, 2), 1), ((40, 30, 30, 30, 2), 2), ((60, 40, 40, 2), 3)]


@pytest.mark.parametrize(("widths", "seed"), REGIONS, ids=str)
def test_states_are_those_of_linear_programs(widths: tuple[int, ...], seed: int) -> None:
    values, is_side = region(widths, seed)
    beyond = np.full((len(values), widths[0]), np.nan)
    states, point = examine_wide(values, errors_of(values), is_side, limits_of(widths[0]), beyond=beyond)
    assert (values[:, 0] + values[:, 1:] @ point > 0).all()
    for row in np.flatnonzero(~is_side).tolist():
        least = lowest(values, row)
        # HiGHS answers to about 1e-9; nothing here is nearer to 0
        assert abs(least) > 1e-6
        assert states[row] == (FACET if least < 0 else IMPLIED), row
    assert np.isnan(beyond).any(axis=1).tolist() == (is_side | (states != FACET)).tolist()
    # programs alone find the same
    single = wide_facets._region(values[~is_side], errors_of(values[~is_side]), limits_of(widths[0]))
    rows = np.arange(0, (~is_side).sum(), 4)
    assert np.array_equal(wide_facets._by_programs(single, point, rows), states[rows])


def test_a_point_beyond_breaks_one_row_exactly() -> None:
    values, is_side = region(*REGIONS[0])
    beyond = np.full((len(values), 30), np.nan)
    states, point = examine_wide(values, errors_of(values), is_side, limits_of(30), beyond=beyond)
    exact = [[Fraction(c) for c in row] for row in values.tolist()]
    for row in [-1, *np.flatnonzero(states[~is_side] == FACET)[::8].tolist()]:
        end = [Fraction(1), *map(Fraction, (point if row < 0 else beyond[row]).tolist())]
        broken = [i for i, form in enumerate(exact) if sum(c * x for c, x in zip(form, end, strict=True)) <= 0]
        assert broken == ([] if row < 0 else [row])


def test_rows_left_out_and_rows_not_asked() -> None:
    values, is_side = region(*REGIONS[2])
    limits = limits_of(40)
    everything, _ = examine_wide(values, errors_of(values), is_side, limits)
    asked = np.arange(len(values)) % 3 == 0
    some, _ = examine_wide(values, errors_of(values), is_side, limits, asked=asked)
    assert np.array_equal(some[asked], everything[asked])
    assert (some[~asked & ~is_side] == OPEN).all() and (some[is_side] == FACET).all()
    # what is implied may be left out, and then changes nothing
    kept = everything != IMPLIED
    fewer, _ = examine_wide(values[kept], errors_of(values[kept]), is_side[kept], limits)
    assert (fewer == FACET).all()


def test_sides_that_are_facets() -> None:
    values, is_side = region((30, 40, 40, 2), 4)
    # one limit is cut off, and one side is no limit
    cut = np.zeros((2, 31))
    cut[0, :2], cut[1, :3] = [0.5, -1.0], [1.25, -1.0, -0.75]
    values = np.concatenate([values, cut])
    is_side = np.append(is_side, [True, True])
    _, point = examine_wide(values, errors_of(values), is_side, limits_of(30))
    states = examine_sides(values, errors_of(values), is_side, limits_of(30), point)
    assert (states[~is_side] == OPEN).all()
    least = np.array([lowest(values, row) for row in np.flatnonzero(is_side)])
    # the least value of the limit that is cut off is 1/2 less what the box allows beyond: nothing proves it here
    assert ((states[is_side] == FACET) <= (least < -1e-9)).all()
    assert (states[is_side] == FACET).sum() >= 0.9 * (least < -1e-9).sum() > 50
    assert (least >= -1e-9).sum() >= 1 and states[-2] == FACET


def test_what_touches_stays_open() -> None:
    # the last row is the sum of two others: it meets the region in their corner, and no rounded number proves that
    values, is_side = region((30, 20, 2), 5)
    limits = limits_of(30)
    states, _ = examine_wide(values, errors_of(values), is_side, limits)
    first, second = np.flatnonzero(~is_side & (states == FACET))[:2]
    touching = np.concatenate([values[first] + values[second] + [0.0] * 31])[None]
    both, marks = np.concatenate([values, touching]), np.append(is_side, False)
    found, _ = examine_wide(both, errors_of(both), marks, limits)
    assert found[-1] == OPEN and np.array_equal(found[:-1], states)
    # a hair lower it is a facet, a hair higher it is none
    for change, state in ((-1e-6, FACET), (1e-6, IMPLIED)):
        both[-1, 0] = touching[0, 0] + change
        assert examine_wide(both, errors_of(both), marks, limits)[0][-1] == state


def test_a_region_without_room() -> None:
    values, is_side = region((30, 20, 2), 6)
    flat = np.concatenate([-values[:1], values])
    marks = np.append(False, is_side)
    states, point = examine_wide(flat, errors_of(flat), marks, limits_of(30))
    assert np.isnan(point).all() and (states[~marks] == OPEN).all()


# ---- proofs that are fed something wrong -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known() -> tuple[wide_facets._Region, np.ndarray, np.ndarray]:
    """A region of dense rows, a point inside and the states of the rows."""
    values, is_side = region(*REGIONS[0])
    states, point = examine_wide(values, errors_of(values), is_side, limits_of(30))
    own = ~is_side
    return wide_facets._region(values[own], errors_of(values[own]), limits_of(30)), point, states[own]


def test_multipliers_that_prove_nothing(known: tuple[wide_facets._Region, np.ndarray, np.ndarray]) -> None:
    dense, point, states = known
    generator = np.random.default_rng(0)
    for row in np.flatnonzero(states == FACET).tolist():
        for size in (0.0, 0.01, 1.0):
            assert not wide_facets._implied(dense, row, size * generator.exponential(size=len(states)))
        # a row does not prove itself
        assert not wide_facets._implied(dense, row, np.eye(len(states))[row])
    row = int(np.flatnonzero(states == IMPLIED)[0])
    good = multipliers(dense, point, row)
    assert wide_facets._implied(dense, row, good)
    assert not wide_facets._implied(dense, row, -good)
    assert not wide_facets._implied(dense, row, 100.0 * good)
    # errors of the rows are part of the proof
    blurred = replace(dense, errors=dense.errors + 1.0)
    assert not wide_facets._implied(blurred, row, good)


def multipliers(dense: wide_facets._Region, point: np.ndarray, row: int) -> np.ndarray:
    """Those of a program's optimum."""
    levels = dense.values[:, 0].copy()
    levels[row] += 1.0
    program = Rows(-dense.values[:, 1:], levels, dense.low, dense.high)
    return wide_facets._multipliers(wide_facets.climb(program, (point, 0.0), -dense.values[row, 1:]), row)


def test_points_that_prove_nothing(known: tuple[wide_facets._Region, np.ndarray, np.ndarray]) -> None:
    dense, point, states = known
    generator = np.random.default_rng(1)
    for row in range(len(states)):
        assert not wide_facets._beyond(dense, row, point)
        assert not wide_facets._beyond(dense, row, np.full(point.size, np.nan))
    for row in np.flatnonzero(states == IMPLIED).tolist():
        falls = -dense.values[row, 1:]
        for length in np.geomspace(0.01, 10.0, 20):
            assert not wide_facets._beyond(dense, row, point + length * falls)
            assert not wide_facets._beyond(dense, row, point + length * generator.normal(size=point.size))


def test_points_that_break_several_rows(known: tuple[wide_facets._Region, np.ndarray, np.ndarray]) -> None:
    dense, _, states = known
    points = np.random.default_rng(3).uniform(-1.0, 1.0, (200, dense.low.size))
    broken = dense.at(points) < 0
    several = np.flatnonzero(broken.sum(axis=1) > 1)
    assert several.size > 50
    for place in several.tolist():
        assert not any(wide_facets._beyond(dense, row, points[place]) for row in range(len(states)))
        # without the others it would be a proof
        row = int(np.flatnonzero(broken[place])[0])
        alone = replace(
            dense, values=dense.values[[row]], thresholds=dense.thresholds[[row]], errors=dense.errors[[row]]
        )
        assert wide_facets._beyond(alone, 0, points[place])


def test_liars_about_sides_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    values, is_side = region(*REGIONS[0])
    _, point = examine_wide(values, errors_of(values), is_side, limits_of(30))
    right = examine_sides(values, errors_of(values), is_side, limits_of(30), point)
    normals = np.concatenate([-np.eye(30), np.eye(30)])

    def rays(length: float) -> object:
        return lambda _, walls: (np.arange(60), point + length * normals)

    # far beyond each side there are other rows, just before it there is nothing
    for length in (0.0, 20.0, 1e9):
        monkeypatch.setattr(Rays, "toward", rays(length))
        states = examine_sides(values, errors_of(values), is_side, limits_of(30), point)
        slacks = values[:, 0] + (point + length * normals) @ values[:, 1:].T
        alone = (slacks < 0).sum(axis=1) == 1
        assert (states[is_side] == FACET).sum() <= alone.sum() < 30 < (right == FACET).sum()


def test_liars_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    values, is_side = region(*REGIONS[0])
    limits = limits_of(30)
    right, point = examine_wide(values, errors_of(values), is_side, limits)
    generator = np.random.default_rng(2)

    def rays(_: Rays, walls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # every wall is said to be met, somewhere
        return np.arange(walls.size), point + generator.normal(size=(walls.size, 30))

    def programs(rows: Rows, start: tuple[np.ndarray, float], goal: np.ndarray | None, **_: object) -> Iterate:
        x = start[0] + generator.normal(size=30)
        value = start[1] if goal is None else float(goal @ x)
        bound = value + generator.normal()
        return Iterate(rows, goal, None, x, 0.0, generator.exponential(size=len(rows.normals) + 60), value, bound, 1)

    monkeypatch.setattr(Rays, "toward", rays)
    states, _ = examine_wide(values, errors_of(values), is_side, limits)
    assert np.array_equal(states, right), "programs find what rays do not"
    monkeypatch.setattr(wide_facets, "_inner_point", lambda _: point)
    monkeypatch.setattr(wide_facets, "climb", programs)
    states, _ = examine_wide(values, errors_of(values), is_side, limits)
    asked = ~is_side & (states != OPEN)
    assert np.array_equal(states[asked], right[asked]) and asked.sum() < 40


# ---- rays ------------------------------------------------------------------------------------------------------------


def test_rays_find_most_facets_and_break_their_wall() -> None:
    values, is_side = region((60, 40, 40, 2), 7)
    rows, (low, high) = values[~is_side], limits_of(60)
    states, point = examine_wide(values, errors_of(values), is_side, limits_of(60))
    rays = Rays.of(rows, low, high, point)
    places, ends = rays.toward(np.arange(len(rows)))
    assert set(places) <= set(np.flatnonzero(states[~is_side] == FACET))
    # none of the numbers is certain, but far fewer would make the programs' work long
    assert len(places) > 0.8 * (states[~is_side] == FACET).sum()
    slacks = ends @ rows[:, 1:].T + rows[:, 0]
    assert np.array_equal(slacks < 0, places[:, None] == np.arange(len(rows)))
    # in any order, and one by one
    some = np.array([5, 3, 60 + len(rows)])
    found, _ = rays.toward(some)
    alone = [place for place, wall in enumerate(some.tolist()) if rays.toward(np.array([wall]))[0].size]
    assert found.tolist() == alone and rays.toward(np.zeros(0, dtype=np.int64))[0].size == 0
