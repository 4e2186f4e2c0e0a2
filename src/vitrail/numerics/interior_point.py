"""Dense linear programs and projections over many rows and a box, by a primal-dual interior point method.

The method is Mehrotra's (1992) predictor and corrector, started inside, so that every iterate is a point of the set and
bounds the optimum from below; its multipliers bound it from above. A caller may stop as soon as these tell it enough.
The equations of a step are reduced to the coordinates, where the box is diagonal, or to the rows where they are fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vitrail.numerics.equations import Equations
from vitrail.numerics.filters import FINE, GAP_TOLERANCE, PROOF_ROOM, TOUCHING, gamma

__all__ = ["Iterate", "Rows", "below", "climb"]

_MOST_STEPS = 80
_MOST_IDLE_STEPS = 8
"""Steps in a row without a better bound on either side."""

_TO_THE_WALL = 0.995
"""Share of the way to the nearest wall that a step goes."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The pairs (x, r) with normals x + weights r <= offsets and low + shares r <= x <= high - shares r.

    `normals` (m, n), `offsets` and `weights` (m,); `low` and `high` (n,), all finite or all infinite; `shares` is a
    number. With weights None there is no r. Without limits, upper bounds hold for points with |x| <= `reach`.

    Example:
        >>> square = Rows(np.zeros((0, 2)), np.zeros(0), np.zeros(2), np.ones(2))
        >>> square.slacks(np.array([0.25, 0.5]), 0.0).tolist()
        [0.75, 0.5, 0.25, 0.5]
    """

    normals: np.ndarray
    offsets: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weights: np.ndarray | None = None
    shares: float = 0.0
    reach: float = float("inf")

    @property
    def boxed(self) -> bool:
        """Whether there are limits."""
        return bool(np.isfinite(self.low).all())

    def slacks(self, x: np.ndarray, r: float) -> np.ndarray:
        """How far (x, r) is from breaking each row, then each upper and each lower limit if there are limits."""
        slack = self.offsets - self.normals @ x
        if self.weights is not None:
            slack -= self.weights * r
        if not self.boxed:
            return slack
        return np.concatenate([slack, self.high - x - self.shares * r, x - self.low - self.shares * r])

    def across(self, factors: np.ndarray) -> tuple[np.ndarray, float]:
        """The sum of all rows and limits times factors: the slopes of x (n,) and of r."""
        m, n = self.normals.shape
        own = factors[:m]
        x = self.normals.T @ own
        r = 0.0 if self.weights is None else float(self.weights @ own)
        if self.boxed:
            x = x + factors[m : m + n] - factors[m + n :]
            r += self.shares * float(factors[m:].sum())
        return x, r

    def along(self, dx: np.ndarray, dr: float) -> np.ndarray:
        """How the left sides of all rows and limits change with x and r."""
        change = self.normals @ dx
        if self.weights is not None:
            change += self.weights * dr
        if not self.boxed:
            return change
        return np.concatenate([change, dx + self.shares * dr, self.shares * dr - dx])

    def right_sides(self, factors: np.ndarray) -> float:
        """The sum of all right sides times factors."""
        m, n = self.normals.shape
        total = float(self.offsets @ factors[:m])
        if self.boxed:
            total += float(self.high @ factors[m : m + n] - self.low @ factors[m + n :])
        return total


@dataclass(frozen=True, eq=False)
class Iterate:
    """A point (x, r) strictly inside the rows, and multipliers of rows and limits, in the order of `Rows.slacks`.

    `value` is the goal at the point, a lower bound of its maximum. `upper` is an upper bound by the multipliers, `inf`
    where these prove none; both up to rounding (`proven_upper` includes it).
    """

    rows: Rows
    goal: np.ndarray | None
    anchor: np.ndarray | None
    x: np.ndarray
    r: float
    factors: np.ndarray
    value: float
    upper: float
    steps: int

    def proven_upper(self, wrong: np.ndarray | None = None) -> float:
        """`upper` with the rounding of its computation, valid if each right side is off by `wrong` (m,) at most.

        `inf` where nothing limits the points.
        """
        rows, (m, n) = self.rows, self.rows.normals.shape
        factors = _repaired(rows, self.goal, self.factors) if self.anchor is None else self.factors
        sizes = float(np.abs(rows.offsets) @ factors[:m])
        slopes = np.abs(rows.normals).T @ factors[:m]
        far, terms = np.full(n, rows.reach), m
        if rows.boxed:
            far, terms = np.maximum(np.abs(rows.low), np.abs(rows.high)), m + 2 * n
            sizes += float(np.abs(rows.high) @ factors[m : m + n] + np.abs(rows.low) @ factors[m + n :])
            slopes += factors[m : m + n] + factors[m + n :]
        if self.anchor is not None:
            across = float(slopes @ (slopes + np.abs(self.anchor)))
        else:
            across = float(far @ (slopes if self.goal is None else slopes + np.abs(self.goal)))
        # sums over rows and limits, the first divided by another such sum
        error = gamma(2 * terms + 16) * sizes + gamma(m + n + 16) * across
        error = PROOF_ROOM * (error + (0.0 if wrong is None else float(wrong @ factors[:m])))
        if not np.isfinite(error):
            return float("inf")
        return _dual_value(rows, self.goal, self.anchor, factors, error)

    def balanced(self) -> Iterate:
        """The same with multipliers of the largest r whose sum is 0 but for rounding, if that proves more.

        Close to the optimum the equations of a step lose digits. Here the multipliers of rows that matter are corrected
        where no limit can make up for it, in the directions that limits do not bear.
        """
        rows, m, factors = self.rows, len(self.rows.offsets), self.factors.copy()
        n = rows.low.size
        matters = factors > TOUCHING * factors.max(initial=0.0)
        free = ~(matters[m : m + n] | matters[m + n :]) if rows.boxed else np.ones(n, dtype=bool)
        bearing = np.flatnonzero(matters[:m])
        if not rows.boxed:
            # what is left of the others would count as far as the points may be
            factors[~matters] = 0.0
        scaled = rows.normals[np.ix_(bearing, free)] * factors[bearing, None]
        share = np.linalg.lstsq(scaled.T, rows.across(factors)[0][free], rcond=None)[0]
        if not (np.abs(share) < 1.0).all():
            return self
        factors[bearing] *= 1.0 - share
        upper = _dual_value(rows, self.goal, self.anchor, _repaired(rows, self.goal, factors), 0.0)
        return replace(self, factors=factors, upper=upper) if upper < self.upper else self


def below(rows: Rows, x: np.ndarray) -> tuple[np.ndarray, float]:
    """A start at x for the largest r: below the smallest slack by a share of how different the slacks are.

    Example:
        >>> half = Rows(np.zeros((0, 1)), np.zeros(0), np.zeros(1), np.ones(1), np.ones(0), 1.0)
        >>> below(half, np.array([0.5]))[1]
        -0.5
    """
    slacks = rows.slacks(x, 0.0)
    least, mean = float(slacks.min()), float(slacks.mean())
    return x, least - (0.3 * (mean - least) or 1.0)


def climb(
    rows: Rows,
    start: tuple[np.ndarray, float],
    goal: np.ndarray | None,
    *,
    anchor: np.ndarray | None = None,
    stop: Callable[[Iterate], bool] | None = None,
) -> Iterate:
    """Maximize r, or goal . x, or -|x - anchor|^2 / 2, from a start (x, r) strictly inside all rows and limits.

    With weights in the rows and no goal it is r. From a start that is not inside, where rounding may have moved it,
    nothing is found, and the value is -inf. Ends where `stop` says so, where value and upper bound agree to
    `GAP_TOLERANCE` of the value, or where rounding allows no more steps: look at the bounds of what is returned.

    Example:
        >>> corner = Rows(np.array([[1.0, 1.0]]), np.array([1.0]), np.zeros(2), np.ones(2))
        >>> found = climb(corner, (np.array([0.25, 0.25]), 0.0), np.array([2.0, 1.0]))
        >>> round(found.value, 6), round(found.upper, 6)
        (2.0, 2.0)
    """
    (x, r), state = start, _State(rows, goal, anchor)
    slacks = rows.slacks(x, r)
    if not (slacks > 0.0).all():
        # not even a bound from below
        none = np.zeros(slacks.size)
        return replace(state.iterate(x, r, none, 0), value=-np.inf)
    factors = _first_factors(rows, goal, slacks)
    best, idle, done = state.iterate(x, r, factors, 0), 0, False
    for step in range(1, _MOST_STEPS + 1):
        done = best.upper - best.value <= GAP_TOLERANCE * abs(best.value) or (stop is not None and stop(best))
        if done or idle > _MOST_IDLE_STEPS:
            break
        moved = state.step(x, r, slacks, factors)
        if moved is None:
            break
        x, r, factors = moved
        slacks = rows.slacks(x, r)
        if not (slacks > 0.0).all():
            break
        found = state.iterate(x, r, factors, step)
        better = found.value > best.value, found.upper < best.upper
        idle = 0 if any(better) else idle + 1
        point = found if better[0] else best
        bound = found if better[1] else best
        best = replace(point, factors=bound.factors, upper=bound.upper, steps=step)
    if done or rows.weights is None:
        return best
    # the last multipliers are the nearest to those of the optimum, but for digits that were lost
    last = replace(best, factors=factors, upper=float("inf")).balanced()
    return last if last.upper < best.upper else best


@dataclass(frozen=True, eq=False)
class _State:
    rows: Rows
    goal: np.ndarray | None
    anchor: np.ndarray | None

    def iterate(self, x: np.ndarray, r: float, factors: np.ndarray, step: int) -> Iterate:
        if self.anchor is not None:
            value = -0.5 * float((x - self.anchor) @ (x - self.anchor))
            upper = _dual_value(self.rows, self.goal, self.anchor, factors, 0.0)
        else:
            value = r if self.goal is None else float(self.goal @ x)
            upper = _dual_value(self.rows, self.goal, None, _repaired(self.rows, self.goal, factors), 0.0)
        return Iterate(self.rows, self.goal, self.anchor, x, r, factors, value, upper, step)

    def step(
        self, x: np.ndarray, r: float, slacks: np.ndarray, factors: np.ndarray
    ) -> tuple[np.ndarray, float, np.ndarray] | None:
        """The next point and multipliers; None where rounding has eaten the equations."""
        rows = self.rows
        curvature = 0.0 if self.anchor is None else 1.0
        equations = Equations.of(rows.normals, rows.weights, rows.shares, factors / slacks, curvature)
        if equations is None:
            return None
        across, across_r = rows.across(factors)
        missing = -across
        if self.anchor is not None:
            missing = missing - (x - self.anchor)
        elif self.goal is not None:
            missing = missing + self.goal
        missing_r = (1.0 if self.goal is None and self.anchor is None else 0.0) - across_r
        products = slacks * factors
        mean = float(products.mean())

        def direction(target: np.ndarray, refine: bool) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
            pull, pull_r = rows.across(target / slacks)
            dx, dr = equations.solve(missing - pull, missing_r - pull_r)
            change = -rows.along(dx, dr)
            lift = (target - factors * change) / slacks
            if not refine:
                return dx, dr, change, lift
            left, left_r = rows.across(lift)
            left = missing - left - (0.0 if self.anchor is None else dx)
            if np.abs(left).sum() > FINE * factors.sum():
                # what is left adds up in the upper bound, and nowhere else
                more, more_r = equations.solve(left, missing_r - left_r)
                dx, dr = dx + more, dr + more_r
                change = -rows.along(dx, dr)
                lift = (target - factors * change) / slacks
            return dx, dr, change, lift

        _, _, change, lift = direction(-products, False)
        reached = (slacks + _longest(slacks, change) * change) @ (factors + _longest(factors, lift) * lift)
        center = (float(reached) / slacks.size / mean) ** 3 * mean
        dx, dr, change, lift = direction(center - products - change * lift, True)
        if not np.isfinite(lift).all():
            return None
        far, high = (min(1.0, _TO_THE_WALL * _longest(v, d)) for v, d in ((slacks, change), (factors, lift)))
        if self.anchor is not None:
            # the point is part of the multipliers' condition, so both go as far
            far = high = min(far, high)
        return x + far * dx, r + far * dr, factors + high * lift


def _longest(values: np.ndarray, change: np.ndarray) -> float:
    """How many times a change fits before a positive value would be 0, at most once."""
    falling = change < -values
    return float((-values[falling] / change[falling]).min()) if falling.any() else 1.0


def _first_factors(rows: Rows, goal: np.ndarray | None, slacks: np.ndarray) -> np.ndarray:
    """Multipliers that balance the slacks, raised on the limits until their sum is the goal where there are limits."""
    factors = 1.0 / slacks
    if rows.weights is not None:
        if rows.boxed:
            lack = -rows.across(factors)[0]
            factors[len(rows.offsets) :] += np.concatenate([np.maximum(lack, 0.0), np.maximum(-lack, 0.0)])
        return factors / rows.across(factors)[1]
    across = float(np.abs(rows.across(factors)[0]).sum())
    size = 1.0 if goal is None else float(np.abs(goal).sum())
    return factors * (size / across if across > 0.0 else 1.0)


def _repaired(rows: Rows, goal: np.ndarray | None, factors: np.ndarray) -> np.ndarray:
    """Multipliers whose sum is the goal but for rounding: the limits make up for what the rows lack.

    First by a smaller multiplier of the limit across, which costs nothing.
    """
    if not rows.boxed:
        return factors
    m, n = rows.normals.shape
    lack = -rows.across(factors)[0] if goal is None else goal - rows.across(factors)[0]
    result = factors.copy()
    high, low = result[m : m + n], result[m + n :]
    for own, across, wanted in ((high, low, np.maximum(lack, 0.0)), (low, high, np.maximum(-lack, 0.0))):
        taken = np.minimum(wanted, across)
        across -= taken
        own += wanted - taken
    return result


def _dual_value(
    rows: Rows, goal: np.ndarray | None, anchor: np.ndarray | None, factors: np.ndarray, error: float
) -> float:
    """The bound of the maximum that multipliers prove, if the sum of right sides is off by an error at most."""
    total = rows.right_sides(factors) + error
    across, across_r = rows.across(factors)
    if anchor is None and not rows.boxed:
        lack = across if goal is None else across - goal
        total += rows.reach * float(np.abs(lack).sum()) if lack.any() else 0.0
    if anchor is not None:
        # the largest Lagrangian, at anchor - across
        return total + 0.5 * float(across @ across) - float(across @ anchor)
    if rows.weights is None:
        return total
    return total / across_r if across_r > 0.0 else float("inf")
