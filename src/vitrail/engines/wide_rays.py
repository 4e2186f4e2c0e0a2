"""Rays from inside a region to each of its walls, in the metric of a barrier that follows them: they propose facets.

Nothing here is a proof. A ray that is stopped by other walls goes on from there, and only what it came close to is
brought up to date in its metric: a few rows of a matrix that is inverted once (as Karmarkar 1984 does, and by
Woodbury's identity), where a step of a solver would begin again with all rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Rays"]

_ALMOST = 0.9
"""How far a ray goes of what the first wall allows that it meets."""

_NEAR = 0.5
"""The share of its first slack from which on a wall is brought up to date."""

_ROUNDS = 12
"""Rays in a row for one wall."""

_MOST_NEAR = 2
"""A ray is given up where more than 1 wall per so many coordinates is near: a solver is as quick then."""

_FEW = 64
"""Walls that are never too many."""

_AT_ONCE = 256
"""Walls looked for at a time, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Rays:
    """Rows (m, k + 1), not negative inside, and limits (k,), seen from an inner `point` (k,).

    Walls are numbered: the rows, then the upper limits, then the lower ones. The metric is that of the logarithmic
    barrier at the point (Dikin 1967), `inverse` (k, k) its inverse and `pulls` (m, k) the rows' slopes in it.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    point: np.ndarray
    slacks: np.ndarray
    inverse: np.ndarray
    pulls: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, low: np.ndarray, high: np.ndarray, point: np.ndarray) -> Rays:
        """Rays from a point that is strictly inside."""
        scaled = values[:, 1:] / (values[:, 1:] @ point + values[:, 0])[:, None]
        metric = scaled.T @ scaled
        metric[np.diag_indices_from(metric)] += 1.0 / (point - low) ** 2 + 1.0 / (high - point) ** 2
        inverse = np.linalg.inv(metric)
        rays = cls(values, low, high, point, np.zeros(0), inverse, values[:, 1:] @ inverse)
        return cls(values, low, high, point, rays._slacks_at(point[None])[0], inverse, rays.pulls)

    def toward(self, walls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The walls that are met first by a ray toward them, as places in `walls`, and a point (found, k) beyond each.

        Half way from the wall to the next one, or as far beyond it as the ray's start is inside.

        Example:
            >>> rays = Rays.of(np.array([[1.0, -1.0], [3.0, -1.0]]), np.array([-2.0]), np.array([2.0]), np.zeros(1))
            >>> places, beyond = rays.toward(np.array([0, 1, 3]))
            >>> places.tolist(), beyond.round(6).tolist()
            ([0, 2], [[1.5], [-4.0]])
        """
        places, points = [np.zeros(0, dtype=np.int64)], [np.zeros((0, self.point.size))]
        for start in range(0, walls.size, _AT_ONCE):
            found, beyond = self._toward(walls[start : start + _AT_ONCE])
            places.append(start + found)
            points.append(beyond)
        return np.concatenate(places), np.concatenate(points)

    def _toward(self, walls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places, left = [], np.arange(walls.size)
        result = np.full((walls.size, self.point.size), np.nan)
        points, slacks = np.tile(self.point, (walls.size, 1)), np.tile(self.slacks, (walls.size, 1))
        directions = -self._pulls(walls)
        for _ in range(_ROUNDS):
            own, others = _first_met(slacks, self._falls(directions), walls[left])
            hit = own < others
            steps = 0.5 * own[hit] + 0.5 * np.minimum(others[hit], 3.0 * own[hit])
            result[left[hit]] = points[hit] + steps[:, None] * directions[hit]
            places.append(left[hit])
            # nothing stops a ray that has no direction left
            lengths = np.where(np.isfinite(others[~hit]), _ALMOST * others[~hit], 0.0)
            points = points[~hit] + lengths[:, None] * directions[~hit]
            left, slacks = left[~hit], self._slacks_at(points)
            bent = [self._bent(wall, slack) for wall, slack in zip(walls[left].tolist(), slacks, strict=True)]
            stays = np.array([direction is not None for direction in bent], dtype=bool)
            if not stays.any():
                break
            left, points, slacks = left[stays], points[stays], slacks[stays]
            directions = np.stack([direction for direction in bent if direction is not None])
        found = np.sort(np.concatenate(places))
        return found, result[found]

    def _bent(self, wall: int, slacks: np.ndarray) -> np.ndarray | None:
        """The direction in which a wall comes nearer where walls have these slacks; None where too many are near."""
        near = np.flatnonzero(slacks < _NEAR * self.slacks)
        near = near[near != wall]
        # rounding may end a ray on a wall
        if near.size * _MOST_NEAR > self.point.size + _FEW or not (slacks[near] > 0.0).all():
            return None
        pull, pulls = self._pulls(np.array([wall]))[0], self._pulls(near)
        middle = self._across(near, pulls).T
        middle[np.diag_indices(near.size)] += 1.0 / (1.0 / slacks[near] ** 2 - 1.0 / self.slacks[near] ** 2)
        try:
            return pulls.T @ np.linalg.solve(middle, self._across(near, pull[None])[0]) - pull
        except np.linalg.LinAlgError:
            # walls that are one hyperplane, or parallel
            return None

    def _pulls(self, walls: np.ndarray) -> np.ndarray:
        """The slopes of some walls in the metric, (walls, k)."""
        rows, count = len(self.values), self.point.size
        result = np.empty((walls.size, count))
        own, upper, lower = walls < rows, (walls >= rows) & (walls < rows + count), walls >= rows + count
        result[own] = self.pulls[walls[own]]
        result[upper] = -self.inverse[walls[upper] - rows]
        result[lower] = self.inverse[walls[lower] - rows - count]
        return result

    def _across(self, walls: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """How the slacks of some walls change along vectors (vectors, k): (vectors, walls)."""
        rows, count = len(self.values), self.point.size
        result = np.empty((len(vectors), walls.size))
        own, upper, lower = walls < rows, (walls >= rows) & (walls < rows + count), walls >= rows + count
        result[:, own] = vectors @ self.values[walls[own], 1:].T
        result[:, upper] = -vectors[:, walls[upper] - rows]
        result[:, lower] = vectors[:, walls[lower] - rows - count]
        return result

    def _slacks_at(self, points: np.ndarray) -> np.ndarray:
        """Slacks of all walls at points (points, k): (points, walls)."""
        own = points @ self.values[:, 1:].T + self.values[:, 0]
        return np.concatenate([own, self.high - points, points - self.low], axis=1)

    def _falls(self, directions: np.ndarray) -> np.ndarray:
        """How fast the slacks of all walls fall along directions."""
        return np.concatenate([-(directions @ self.values[:, 1:].T), directions, -directions], axis=1)


def _first_met(slacks: np.ndarray, falls: np.ndarray, walls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far it is along each ray to its own wall, and to the first of the others."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lengths = np.where(falls > 0.0, slacks / falls, np.inf)
    rays = np.arange(walls.size)
    own = lengths[rays, walls].copy()
    lengths[rays, walls] = np.inf
    return own, lengths.min(axis=1, initial=np.inf)
