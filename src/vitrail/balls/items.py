"""Balls that are worked on together, and what is known of every node over each of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Items", "Points"]


@dataclass(eq=False)
class Points:
    """Centers (m, n) with the values of nodes at them (m, entries) and bounds of their errors."""

    centers: np.ndarray
    values: dict[int, np.ndarray] = field(default_factory=dict)
    errors: dict[int, np.ndarray] = field(default_factory=dict)


@dataclass(eq=False)
class Items:
    """Balls, each with the row `of` of its center and its radius, and bounds over each, by node.

    `low` and `high` (balls, entries) bound values, `growth` how far an entry can be from its value at the center, and
    `spreads` (balls,) the norm of that for the whole node. `live` (balls, entries): entries that may not be constant.
    `sizes` (balls, entries) are bounds of magnitudes that may be known better than those of `low` and `high`.
    `sound` (balls,): all bounds so far are finite; `total` (balls,): the sum of the magnitudes of all entries so far.
    """

    points: Points
    of: np.ndarray
    radii: np.ndarray
    low: dict[int, np.ndarray] = field(default_factory=dict)
    high: dict[int, np.ndarray] = field(default_factory=dict)
    growth: dict[int, np.ndarray] = field(default_factory=dict)
    spreads: dict[int, np.ndarray] = field(default_factory=dict)
    live: dict[int, np.ndarray] = field(default_factory=dict)
    sizes: dict[int, np.ndarray] = field(default_factory=dict)
    sound: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    total: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        """Number of balls."""
        return self.of.size

    def value(self, node: int) -> np.ndarray:
        """Values of a node at the centers, (balls, entries)."""
        return self.points.values[node][self.of]

    def error(self, node: int) -> np.ndarray:
        """Bounds of their errors."""
        return self.points.errors[node][self.of]

    def largest(self, node: int) -> np.ndarray:
        """Bounds of the magnitudes of a node, (balls, entries)."""
        most = np.maximum(np.abs(self.low[node]), np.abs(self.high[node]))
        return np.fmin(most, self.sizes[node]) if node in self.sizes else most

    def narrow(self, node: int, low: np.ndarray, high: np.ndarray) -> None:
        """Intersect what is known with other bounds; NaN says nothing."""
        self.low[node] = np.fmax(self.low[node], low)
        self.high[node] = np.fmin(self.high[node], high)
