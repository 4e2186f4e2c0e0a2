"""Programs over a region, its domain and some halfspaces more: points inside, and proofs that there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vitrail.local.constraints import Constraints
from vitrail.local.decisions.outputs import with_rows
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, VALUE_ROUNDING, value_rounding
from vitrail.numerics.interior_point import Iterate, Rows, below, climb

__all__ = ["Inside"]

_REACH = 1024.0
"""How many times farther than the rows points are looked for where no domain bounds them."""


def _joined(first: Constraints, second: Constraints) -> Constraints:
    """The rows of both, within the limits of the first."""
    return with_rows(
        first,
        np.concatenate([first.normals, second.normals]),
        np.concatenate([first.offsets, second.offsets]),
        np.concatenate([first.normal_errors, second.normal_errors]),
        np.concatenate([first.offset_errors, second.offset_errors]),
    )


@dataclass(frozen=True, eq=False)
class Inside:
    """A region within its domain, and a point inside.

    `center` (n,) is a point whose distance from every row and limit is proven to be `radius` at least; with radius 0
    none was found. Programs look at points whose coordinates are within `reach` of those of `point` (n,), which lies in
    the region: infinite in a bounded domain.
    """

    within: Constraints
    point: np.ndarray
    center: np.ndarray
    radius: float
    reach: float

    @classmethod
    def of(cls, within: Constraints, point: np.ndarray, scale: float) -> Inside:
        """Find a point inside, near the middle of the largest ball; `scale` is how far later rows are."""
        slack = within.offsets - within.normals @ point
        reach = float("inf") if within.bounded else _REACH * float(np.abs(slack).max(initial=scale or 1.0))
        found = cls(within, point, point, 0.0, reach)
        if not within.bounded and not len(within.normals):
            return replace(found, radius=float("inf"))
        rows, _ = found._rows(within, np.ones(len(within.normals)), float(within.bounded))
        # images have many entries on the limits themselves, from where first steps are short
        start = 0.1 * (0.5 * (within.low + within.high) - point) if within.bounded else np.zeros(point.size)
        ball = climb(rows, below(rows, start), None, stop=lambda it: it.value > 0.0 and it.upper <= 1.5 * it.value)
        center = point + ball.x
        return replace(found, center=center, radius=max(0.0, float(within.proven_distances(center).min())))

    def highest(
        self,
        cuts: Constraints,
        weights: np.ndarray,
        start: np.ndarray,
        proves: Callable[[np.ndarray], bool],
    ) -> tuple[np.ndarray | None, bool]:
        """Look for a point inside at which rows `cuts` with weight 1 have slack, until one `proves` what is asked.

        Maximizes the least slack of these rows from a start (n,) that is inside, with slack in the rows of weight 0.
        Returns the point, None where there is none, and whether it is proven that no point within reach has slack.
        """
        whole = _joined(self.within, cuts)
        rows, wrong = self._rows(whole, np.concatenate([np.zeros(len(self.within.normals)), weights]), 0.0)
        found: list[np.ndarray] = []

        def refuted(it: Iterate) -> bool:
            return it.upper < 0.0 and it.proven_upper(wrong) < 0.0

        def stop(it: Iterate) -> bool:
            if it.value > 0.0 and proves(self.point + it.x):
                found.append(self.point + it.x)
            return bool(found) or refuted(it)

        x = start - self.point
        least = float((rows.offsets - rows.normals @ x)[len(self.within.normals) :][weights > 0.0].min())
        step = max(self.radius if np.isfinite(self.radius) else 1.0, VALUE_ROUNDING * abs(least))
        last = climb(rows, (x, least - step), None, stop=stop)
        if np.isinf(last.value):
            return None, False
        if found:
            return found[0], False
        return None, refuted(last)

    def nearest(self, cuts: Constraints, start: np.ndarray, at_most: float) -> tuple[np.ndarray, float]:
        """The point inside with slack in all rows `cuts` that is nearest to `point`, and a proven lower bound for it.

        The start (n,) is such a point. Ends as soon as the bound passes `at_most`, which must be a distance at which
        there is a point, or more: points farther than that are not asked for.
        """
        far = 2.0 * max(self.reach, at_most, float(np.linalg.norm(start - self.point)))
        rows, wrong = replace(self, reach=far)._rows(_joined(self.within, cuts), None, 0.0)

        def bound(it: Iterate) -> float:
            upper = it.proven_upper(wrong)
            return float(np.sqrt(-2.0 * upper)) * (1.0 - VALUE_ROUNDING) if upper < 0.0 else 0.0

        def stop(it: Iterate) -> bool:
            return 2.0 * -it.upper > at_most**2 and bound(it) >= at_most

        none, x = np.zeros(self.point.size), start - self.point
        found = climb(rows, (x, 0.0), None, anchor=none, stop=stop)
        if np.isinf(found.value):
            return start, 0.0
        return self.point + found.x, bound(found)

    def _rows(self, whole: Constraints, weights: np.ndarray | None, shares: float) -> tuple[Rows, np.ndarray]:
        """Rows in coordinates t, x = point + t, and how far their right sides may be off, rounding included."""
        point, n = self.point, self.point.size
        offsets = whole.offsets - whole.normals @ point
        length = PROOF_ROOM * float(np.linalg.norm(point))
        rounding = value_rounding(n) * (length + np.abs(whole.offsets)) + SMALLEST
        if whole.bounded:
            # outward, so that no point of the domain is lost
            low, high = np.nextafter(whole.low - point, -np.inf), np.nextafter(whole.high - point, np.inf)
            far = float(np.linalg.norm(np.maximum(np.abs(whole.low), np.abs(whole.high))))
        else:
            high = np.full(n, self.reach)
            low, far = -high, length + float(np.sqrt(n)) * self.reach
        return Rows(whole.normals, offsets, low, high, weights, shares), whole.wrong(PROOF_ROOM * far) + rounding
