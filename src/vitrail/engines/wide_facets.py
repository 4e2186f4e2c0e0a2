"""Which rows of a region of very many inputs are facets: rays and programs propose, points and multipliers prove.

The tables of `cell_facets` grow with the square of what a box has of sides. Here these are bounds of the variables.
Nothing that rays or programs say is believed: a facet is proven by a point beyond it where no other row is negative,
and a row that is none by multipliers, whose residual is computed and is smallest in a corner of the domain's limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.engines.cell_facets import FACET, IMPLIED, OPEN
from vitrail.engines.wide_rays import Rays
from vitrail.numerics.filters import PROOF_ROOM, value_rounding
from vitrail.numerics.interior_point import Iterate, Rows, climb

__all__ = ["WIDE", "examine_sides", "examine_wide"]

WIDE = 2**16
"""Entries of a region's rows from which on this is quicker than `cell_facets` (measured)."""

_BEYOND = 1.0
"""How far below zero a row, whose largest slope is 1, is looked for."""

_ROOM = 2.0
"""The inner point is good enough where no ball is so many times larger than the one around it."""


@dataclass(frozen=True, eq=False)
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
    values: np.ndarray,
    errors: np.ndarray,
    is_side: np.ndarray,
    limits: np.ndarray,
    *,
    asked: np.ndarray | None = None,
    beyond: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The states of one region's rows (rows, k + 1), as `examine`, and a point inside it, NaN where none is proven.

    `limits` (2, k), all within [-1, 1], hold the domain. Its sides, which `is_side` marks, are not asked about, but
    taken as facets. Of the other rows those in the mask `asked` are, all by default. Points beyond facets are written
    to `beyond` (rows, k), where it is given.

    Example:
        >>> rows = np.array([[1.0, 1.0], [1.0, -1.0], [0.5, 1.0], [3.0, 1.0]])
        >>> sides = np.array([True, True, False, False])
        >>> examine_wide(rows, np.zeros((4, 2)), sides, np.array([[-1.0], [1.0]]))[0].tolist()
        [1, 1, 1, 0]
    """
    states = np.where(is_side, FACET, OPEN)
    dense = np.flatnonzero(~(is_side & _are_limits(values, limits)))
    region = _region(values[dense], errors[dense], limits)
    point = _inner_point(region)
    if np.isnan(point).any():
        return states, point
    left = np.flatnonzero(~is_side[dense] if asked is None else (asked & ~is_side)[dense])
    ends = np.full((dense.size, point.size), np.nan)
    places, points = _rays(region, point).toward(left)
    proven = _beyond_all(region, left[places], points)
    found = left[places[proven]]
    states[dense[found]], ends[found] = FACET, points[proven]
    left = np.setdiff1d(left, found)
    if left.size:
        states[dense[left]] = _by_programs(region, point, left, ends)
    if beyond is not None:
        beyond[dense] = ends
    return states, point


def examine_sides(
    values: np.ndarray, errors: np.ndarray, is_side: np.ndarray, limits: np.ndarray, point: np.ndarray
) -> np.ndarray:
    """The states of one region's rows (rows, k + 1), of which those of sides that rays prove are facets; others open.

    `point` lies inside the region.
    """
    states, count = np.full(len(values), OPEN), point.size
    single = is_side & _are_limits(values, limits)
    dense, sides = np.flatnonzero(~single), np.flatnonzero(is_side)
    region = _region(values[dense], errors[dense], limits)
    axis = np.abs(values[sides, 1:]).argmax(axis=1)
    lower = values[sides, 1 + axis] > 0
    walls = np.where(single[sides], dense.size + axis + lower * count, np.searchsorted(dense, sides))
    places, points = _rays(region, point).toward(walls)
    # how far each wall is broken, and whether the others surely hold: thresholds are those of |t| <= 1
    far = np.maximum(1.0, np.abs(points).max(axis=1, initial=0.0))[:, None] * PROOF_ROOM
    slacks = np.concatenate([region.at(points), region.high - points, points - region.low], axis=1)
    least = np.concatenate([region.thresholds * far, np.zeros((len(points), 2 * count))], axis=1)
    rays = np.arange(places.size)
    own, room = slacks[rays, walls[places]].copy(), least[rays, walls[places]]
    slacks[rays, walls[places]] = np.inf
    states[sides[places[(own < -room) & (slacks > least).all(axis=1)]]] = FACET
    return states


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


def _rays(region: _Region, point: np.ndarray) -> Rays:
    return Rays.of(region.values, region.low, region.high, point)


def _inner_point(region: _Region) -> np.ndarray:
    """A point proven to be inside, in the middle of a large ball; NaN if there is none."""
    slopes = region.values[:, 1:]
    rows = Rows(-slopes, region.values[:, 0], region.low, region.high, np.sqrt((slopes**2).sum(axis=1)), 1.0)
    start = 0.5 * (region.low + region.high)
    slacks = rows.slacks(start, 0.0)
    # below all slacks by their own size, the rows' being divided by lengths of 1 / 2 at least
    lowest = 2.0 * min(float(slacks.min()), 0.0) - float(np.abs(slacks).mean())

    def wide_enough(found: Iterate) -> bool:
        return found.value > 0.0 and found.upper < _ROOM * found.value

    point = climb(rows, (start, lowest), None, stop=wide_enough).x
    if region.inside(point) and (region.at(point) > region.thresholds).all():
        return point
    return np.full(point.size, np.nan)


def _beyond(region: _Region, row: int, point: np.ndarray) -> bool:
    """Whether a point proves that a row is a facet: all others are positive there and it is negative."""
    return bool(_beyond_all(region, np.array([row]), point[None])[0])


def _beyond_all(region: _Region, rows: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether each of some points proves that its row is a facet."""
    above, own = region.at(points), np.arange(rows.size)
    below = above[own, rows] < -region.thresholds[rows]
    above[own, rows] = np.inf
    return np.asarray(below & region.inside(points) & (above > region.thresholds).all(axis=1))


def _by_programs(region: _Region, point: np.ndarray, rows: np.ndarray, beyond: np.ndarray | None = None) -> np.ndarray:
    """The states of some rows, each from the least value that it has where the others are not negative.

    Points beyond facets are written to the rows of `beyond`.
    """
    normals, levels = -region.values[:, 1:], region.values[:, 0]
    states = np.full(rows.size, OPEN)
    for place, row in enumerate(rows.tolist()):
        offsets = levels.copy()
        offsets[row] += _BEYOND

        def decided(found: Iterate, row: int = row) -> bool:
            if found.value > levels[row]:
                return _beyond(region, row, found.x)
            return found.upper < levels[row] and _implied(region, row, _multipliers(found, row))

        found = climb(Rows(normals, offsets, region.low, region.high), (point, 0.0), normals[row], stop=decided)
        if found.value > levels[row]:
            here, there = (float(region.at(p)[row]) for p in (point, found.x))
            # half way from the row to the end, where the inner point keeps the others away from 0
            middle = point + 0.5 * (1.0 + here / (here - there)) * (found.x - point)
            for end in (found.x, middle):
                if _beyond(region, row, end):
                    states[place] = FACET
                    if beyond is not None:
                        beyond[row] = end
                    break
        elif _implied(region, row, _multipliers(found, row)):
            states[place] = IMPLIED
    return states


def _multipliers(found: Iterate, row: int) -> np.ndarray:
    """The multipliers of the rows without the row's own: it is on both sides of the sum, and leaves a share of itself.

    That is positive where the bound is below the row's level, as the inner point shows.
    """
    factors = found.factors[: len(found.rows.normals)].copy()
    share = 1.0 - factors[row]
    factors[row] = 0.0
    return factors / share if share > 0.0 else factors


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
