"""Boxes, in any number of inputs, and polygons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains.checks import real_array, real_limits
from vitrail.domains.frame import Frame
from vitrail.domains.polygons import convex_corners, side_lines
from vitrail.domains.windows import window_corners, window_measure, window_sides
from vitrail.errors import InvalidDomainError

__all__ = ["Box", "Polygon"]


@dataclass(frozen=True, eq=False)
class Polygon:
    """A convex polygon in a two-dimensional input space, vertices in either order; exact repeats are dropped.

    Raises:
        InvalidDomainError: fewer than three vertices, collinear, not convex, crossing itself, or not finite.

    Example:
        >>> Polygon([[0.0, 0.0], [0.0, 1.0], [2.0, 0.0]]).measure
        1.0
    """

    vertices: ArrayLike

    def __post_init__(self) -> None:
        """Promote, orient and check."""
        vertices = real_array("vertices", self.vertices)
        if vertices.ndim != 2 or vertices.shape[1] != 2:
            raise InvalidDomainError(f"polygon: expected vertices of shape (m, 2), found {vertices.shape}")
        object.__setattr__(self, "vertices", convex_corners(vertices))

    @cached_property
    def frame(self) -> Frame:
        """The input space itself."""
        return Frame(np.zeros(2), np.eye(2))

    @property
    def corners(self) -> np.ndarray:
        """The vertices, counter-clockwise."""
        return np.asarray(self.vertices)

    @property
    def limits(self) -> np.ndarray:
        """Lowest and highest coordinates of the vertices."""
        return np.stack([self.corners.min(axis=0), self.corners.max(axis=0)])

    @property
    def sides(self) -> np.ndarray:
        """The sides that leave the vertices; slanted ones are rounded."""
        return side_lines(self.corners)[:, :3]

    @cached_property
    def measure(self) -> float:
        """Area in input units."""
        x, y = (self.corners - self.corners[0]).T
        return float(0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))

    @cached_property
    def description(self) -> str:
        """The number of vertices and the area."""
        return f"polygon of {len(self.corners)} vertices and area {self.measure:.6g}"


@dataclass(frozen=True, eq=False)
class Box:
    """The box lo <= x <= hi of a network with any number of inputs.

    Raises:
        InvalidDomainError: lo not below hi in some coordinate, different lengths, or not finite.

    Example:
        >>> Box([-1.0, -1.0], [1.0, 1.0]).measure, Box([0.0] * 5, [2.0] * 5).description
        (4.0, 'box of 5 inputs and volume 32')
    """

    lo: ArrayLike
    hi: ArrayLike

    def __post_init__(self) -> None:
        """Promote and check."""
        lo, hi = real_limits("box", self.lo, self.hi, real_array("box lo", self.lo).size)
        object.__setattr__(self, "lo", lo)
        object.__setattr__(self, "hi", hi)

    @cached_property
    def frame(self) -> Frame:
        """The input space itself."""
        n = np.size(self.lo)
        return Frame(np.zeros(n), np.eye(n))

    @property
    def corners(self) -> np.ndarray:
        """The two ends or the four corners; beyond two inputs they are not listed.

        Raises:
            InvalidDomainError: more than two inputs.
        """
        return window_corners(np.asarray(self.lo), np.asarray(self.hi), "box")

    @property
    def limits(self) -> np.ndarray:
        """`lo` and `hi`."""
        return np.stack([np.asarray(self.lo), np.asarray(self.hi)])

    @property
    def sides(self) -> np.ndarray:
        """The sides, exact; beyond two inputs, side 2 i is x_i >= lo_i, and side 2 i + 1 is x_i <= hi_i."""
        return window_sides(np.asarray(self.lo), np.asarray(self.hi))

    @cached_property
    def measure(self) -> float:
        """Length, area or volume in input units; 0 or `inf` where that is out of float64's range."""
        return window_measure(np.asarray(self.lo), np.asarray(self.hi))

    @cached_property
    def description(self) -> str:
        """The limits; beyond three inputs their number and the volume."""
        if np.size(self.lo) > 3:
            return f"box of {np.size(self.lo)} inputs and volume {self.measure:.6g}"
        limits = zip(np.asarray(self.lo), np.asarray(self.hi), strict=True)
        return "box " + " x ".join(f"[{low:.6g}, {high:.6g}]" for low, high in limits)
