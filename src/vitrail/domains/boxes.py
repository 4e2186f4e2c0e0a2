"""Domains of networks with one or two inputs: boxes and polygons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains.checks import real_array, real_limits
from vitrail.domains.frame import Frame
from vitrail.domains.polygons import convex_corners, rectangle
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
    """The box lo <= x <= hi of a network with one or two inputs.

    Raises:
        InvalidDomainError: lo not below hi in some coordinate, more than two inputs, different lengths, or not finite.

    Example:
        >>> Box([-1.0, -1.0], [1.0, 1.0]).measure
        4.0
    """

    lo: ArrayLike
    hi: ArrayLike

    def __post_init__(self) -> None:
        """Promote and check."""
        lo = real_array("box lo", self.lo)
        if lo.size > 2:
            raise InvalidDomainError(
                f"box: {lo.size} inputs, but boxes are supported for 1 or 2 inputs; use Segment, Line or Plane to slice"
            )
        lo, hi = real_limits("box", self.lo, self.hi, lo.size)
        object.__setattr__(self, "lo", lo)
        object.__setattr__(self, "hi", hi)

    @cached_property
    def frame(self) -> Frame:
        """The input space itself."""
        n = np.size(self.lo)
        return Frame(np.zeros(n), np.eye(n))

    @property
    def corners(self) -> np.ndarray:
        """The two ends or the four corners."""
        lo, hi = np.asarray(self.lo), np.asarray(self.hi)
        return np.stack([lo, hi]) if lo.size == 1 else rectangle(lo, hi)

    @cached_property
    def measure(self) -> float:
        """Length or area in input units."""
        return float(np.prod(np.asarray(self.hi) - np.asarray(self.lo)))

    @cached_property
    def description(self) -> str:
        """The limits."""
        limits = zip(np.asarray(self.lo), np.asarray(self.hi), strict=True)
        return "box " + " x ".join(f"[{low:.6g}, {high:.6g}]" for low, high in limits)
