"""Which rows of a region of very many inputs are facets: an LP solver proposes, points and multipliers prove.

The tables of `cell_facets` grow with the square of what a box has of sides. Here these are bounds of the variables.
Nothing that the solver says is believed: a facet is proven by a point beyond it where no other row is negative, and a
row that is none by multipliers, whose residual is computed and is smallest in a corner of the domain's limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from vitrail.engines.cell_facets import FACET, IMPLIED, OPEN
from vitrail.numerics.filters import PROOF_ROOM, value_rounding

__all__ = ["WIDE", "examine_wide"]

WIDE = 2**16
"""Entries of a region's rows from which on this is quicker than `cell_facets` (measured)."""

_BEYOND = 1.0
"""How far below zero a row, whose largest slope is 1, is looked for."""

_ALMOST = 0.9
"""How far a ray goes of what the first row or limit allows that it meets."""

_RAYS = 12
"""Rays in a row before the solver is asked."""


@dataclass(frozen=True)
class _Region:
    """Dense rows (rows, k + 1) with largest slope 1 and thresholds for |t| <= 1; and the limits of all coordinates."""

    values: np.ndarray
    thresholds: np.ndarray
    errors: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """Values of the rows at points (..., k)."""
        return points @ self.values[:, 1:].T + self.values[:, 0]

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Whether points lie between the limits, which no rounding blurs."""
        return np.asarray(((points > self.low) & (points < self.high)).all(axis=-1))


def examine_wide(
    values: np.ndarray, errors: np.ndarray, is_side: np.ndarray, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The states of one region's rows (rows, k + 1), as `examine`, and a point inside it, NaN where none is proven.

    `limits` (2, k), all within [-1, 1], hold the domain. Its sides, which `is_side` marks, are not asked about, but
    taken as facets.
    """
    states = np.where(is_side, FACET, OPEN)
    single = is_side & _are_limits(values, limits)
    dense = np.flatnonzero(~single)
    region = _region(values[dense], errors[dense], limits)
    point = _inner_point(region)
    if np.isnan(point).any():
        return states, point
    asked = np.flatnonzero(~is_side[dense])
    found = _by_rays(region, point, asked)
    left = asked[~found]
    states[dense[asked[found]]] = FACET
    if left.size:
        states[dense[left]] = _by_programs(region, point, left)
    return states, point


def _are_limits(values: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Which rows say just what the limits say, without rounding: their one slope is a power of two."""
    rows, axis = np.arange(len(values)), np.abs(values[:, 1:]).argmax(axis=1)
    slopes = values[rows, 1 + axis]
    limit = limits[(slopes < 0).astype(np.int64), axis]
    alone = (values[:, 1:] != 0).sum(axis=1) == 1
    return np.asarray(alone & (np.abs(np.frexp(slopes)[0]) == 0.5) & (values[:, 0] == -slopes * limit))


def _region(values: np.ndarray, errors: np.ndarray, limits: np.ndarray) -> _Region:
    scale = np.ldexp(1.0, -np.frexp(np.abs(values[:, 1:]).max(axis=1, initial=0.0))[1])[:, None]
    values, wrong = values * scale, (errors * scale).sum(axis=1)
    rounding = value_rounding(values.shape[1]) * np.abs(values).sum(axis=1)
    return _Region(values, wrong + rounding, wrong, limits[0], limits[1])


def _solver(region: _Region) -> highspy.Highs:
    """A solver with the rows and limits, and nothing to minimize yet."""
    rows, columns = region.values.shape[0], region.values.shape[1] - 1
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = columns, rows
    program.col_cost_ = np.zeros(columns)
    program.col_lower_, program.col_upper_ = region.low, region.high
    program.row_lower_, program.row_upper_ = -region.values[:, 0], np.full(rows, np.inf)
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_ = columns * np.arange(rows + 1)
    program.a_matrix_.index_ = np.tile(np.arange(columns), rows)
    program.a_matrix_.value_ = region.values[:, 1:].reshape(-1)
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in (("output_flag", False), ("threads", 1), ("presolve", "off"), ("solver", "simplex")):
        solver.setOptionValue(name, value)
    solver.passModel(program)
    return solver


def _inner_point(region: _Region) -> np.ndarray:
    """A point proven to be inside, near the center of a largest ball; NaN if there is none."""
    solver = _solver(region)
    columns = region.values.shape[1] - 1
    lengths = np.sqrt((region.values[:, 1:] ** 2).sum(axis=1))
    # one more variable, the radius; the limits become rows
    rows = len(region.values)
    solver.addCol(-1.0, 0.0, 1.0, rows, np.arange(rows, dtype=np.int32), -lengths)
    for j in range(columns):
        solver.addRow(region.low[j], np.inf, 2, np.array([j, columns], dtype=np.int32), np.array([1.0, -1.0]))
        solver.addRow(-np.inf, region.high[j], 2, np.array([j, columns], dtype=np.int32), np.array([1.0, 1.0]))
    solver.run()
    point = np.array(solver.getSolution().col_value[:columns])
    if point.size == columns and region.inside(point) and (region.at(point) > region.thresholds).all():
        return point
    return np.full(columns, np.nan)


def _descents(region: _Region, point: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Directions (rows, k) in which rows fall while the others and the limits stay far, from an inner point.

    They are the slopes in the metric H of the logarithmic barrier (Dikin 1967), whose largest part, that of the limits,
    is diagonal. A row's own part of H only changes the length.
    """
    slopes, values = region.values[:, 1:], region.at(point)
    scaled = slopes / (1.0 / (point - region.low) ** 2 + 1.0 / (region.high - point) ** 2)
    middle = slopes @ scaled.T
    middle[np.diag_indices_from(middle)] += values**2
    unit = np.zeros((len(values), rows.size))
    unit[rows, np.arange(rows.size)] = 1.0
    return -np.linalg.solve(middle, unit).T @ scaled


def _shot(region: _Region, point: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of some rows a ray from an inner point meets before all others, proven by a point beyond; and its end.

    The end is just before what it meets first, (rows, k).
    """
    directions = _descents(region, point, rows)
    rates, here = directions @ region.values[:, 1:].T, region.at(point)
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.where(rates < 0, -here / rates, np.inf)
        room = np.where(directions < 0, point - region.low, region.high - point) / np.abs(directions)
    own = lengths[np.arange(rows.size), rows].copy()
    lengths[np.arange(rows.size), rows] = np.inf
    others = np.minimum(lengths.min(axis=1, initial=np.inf), np.where(directions != 0, room, np.inf).min(axis=1))
    steps = np.where(others > own, 0.5 * own + 0.5 * np.minimum(others, 3.0 * own), _ALMOST * others)
    ends = point + steps[:, None] * directions
    shot = [own[i] < others[i] and _beyond(region, row, ends[i]) for i, row in enumerate(rows.tolist())]
    return np.array(shot, dtype=bool), ends


def _by_rays(region: _Region, point: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Which of some rows rays prove to be facets: one ray each from the inner point, then a few more where it ends."""
    found, ends = _shot(region, point, rows)
    for place in np.flatnonzero(~found).tolist():
        end = ends[place]
        for _ in range(_RAYS):
            if not (region.inside(end) and (region.at(end) > 0).all()):
                break
            shot, (end,) = _shot(region, end, rows[place : place + 1])
            if shot[0]:
                found[place] = True
                break
    return found


def _beyond(region: _Region, row: int, point: np.ndarray) -> bool:
    """Whether a point proves that a row is a facet: all others are positive there and it is negative."""
    above = region.at(point)
    below, above[row] = above[row] < -region.thresholds[row], np.inf
    return bool(below and region.inside(point) and (above > region.thresholds).all())


def _by_programs(region: _Region, point: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The states of some rows, each from the least value that it has where the others are not negative."""
    solver = _solver(region)
    columns = np.arange(region.values.shape[1] - 1, dtype=np.int32)
    states = np.full(rows.size, OPEN)
    for place, row in enumerate(rows.tolist()):
        level = -region.values[row, 0]
        solver.changeColsCost(columns.size, columns, region.values[row, 1:])
        solver.changeRowBounds(row, level - _BEYOND, np.inf)
        solver.run()
        found = solver.getSolution()
        solver.changeRowBounds(row, level, np.inf)
        if len(found.col_value) != columns.size:
            continue
        end = np.clip(np.array(found.col_value), region.low, region.high)
        here, there = (region.at(p)[row] for p in (point, end))
        if there < 0 < here:
            # half way from the row to the end, where the inner point keeps the others away from 0
            middle = point + 0.5 * (1.0 + here / (here - there)) * (end - point)
            states[place] = FACET if _beyond(region, row, middle) else OPEN
        elif _implied(region, row, np.array(found.row_dual)):
            states[place] = IMPLIED
    return states


def _implied(region: _Region, row: int, multipliers: np.ndarray) -> bool:
    """Whether multipliers prove that a row is positive where the others are not negative, within the limits."""
    factors = np.maximum(multipliers, 0.0)
    factors[row] = 0.0
    rest = region.values[row] - factors @ region.values
    least = rest[0] + np.minimum(rest[1:] * region.low, rest[1:] * region.high).sum()
    sizes = np.abs(region.values).sum(axis=1)
    terms = sum(region.values.shape)
    wrong = region.errors[row] + factors @ region.errors + value_rounding(terms) * (sizes[row] + factors @ sizes)
    return bool(least > PROOF_ROOM * wrong)
