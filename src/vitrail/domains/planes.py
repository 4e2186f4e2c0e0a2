"""Windows in a plane through the input space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains.checks import real_inputs, real_limits
from vitrail.domains.frame import Frame
from vitrail.domains.polygons import rectangle
from vitrail.domains.windows import window_sides
from vitrail.errors import InvalidDomainError
from vitrail.numerics.filters import FLAT

__all__ = ["Plane"]


@dataclass(frozen=True, eq=False)
class Plane:
    """The parallelogram origin + s u + t v with lo <= (s, t) <= hi; u and v need not be orthonormal.

    Raises:
        InvalidDomainError: u and v parallel or zero, lo not below hi, different shapes, or numbers that are not finite.

    Example:
        >>> Plane([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]).measure
        8.0
    """

    origin: ArrayLike
    u: ArrayLike
    v: ArrayLike
    lo: ArrayLike = (-1.0, -1.0)
    hi: ArrayLike = (1.0, 1.0)

    def __post_init__(self) -> None:
        """Promote and check."""
        origin, u, v = real_inputs(("origin", self.origin), ("u", self.u), ("v", self.v))
        if not u.any() or not v.any():
            raise InvalidDomainError("plane: u or v is zero; expected two directions that are not parallel")
        a, b = u.ravel() / np.abs(u).max(), v.ravel() / np.abs(v).max()
        if np.linalg.norm(b - (a @ b) / (a @ a) * a) <= FLAT * np.linalg.norm(b):
            raise InvalidDomainError("plane: u and v are parallel; expected two directions that span a plane")
        for name, value in (("origin", origin), ("u", u), ("v", v)):
            object.__setattr__(self, name, value)
        lo, hi = real_limits("plane", self.lo, self.hi, 2)
        object.__setattr__(self, "lo", lo)
        object.__setattr__(self, "hi", hi)

    @classmethod
    def through(cls, a: ArrayLike, b: ArrayLike, c: ArrayLike, margin: float = 0.25) -> Plane:
        """The plane through three inputs, with orthonormal coordinates, so that areas are in input units.

        The origin is the centroid; the window is the bounding box of the three points in the plane, widened on every
        side by `margin` times its longer side, so that all three lie inside. The stored frame defines the domain: the
        points lie in it up to its rounding, so where many boundaries meet in one of them the plane may miss that point
        and have tiny regions beside it. `Plane(a, b - a, c - a)` goes through `a` itself.

        Raises:
            InvalidDomainError: points on one line, a margin that is not positive, different shapes.

        Example:
            >>> plane = Plane.through([0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0], margin=0.5)
            >>> round(plane.measure, 6)
            4.0
        """
        first, second, third = real_inputs(("a", a), ("b", b), ("c", c))
        if not (np.isfinite(margin) and margin > 0):
            raise InvalidDomainError(f"plane: the margin must be positive, found {margin!r}")
        shape = first.shape
        points = np.stack([first.ravel(), second.ravel(), third.ravel()])
        u, v = points[1] - points[0], points[2] - points[0]
        size = max(np.abs(u).max(), np.abs(v).max())
        if size > 0:
            u, v = u / size, v / size
        u_norm = np.linalg.norm(u)
        flat = u_norm == 0
        if not flat:
            u = u / u_norm
            length = np.linalg.norm(v)
            v = v - (u @ v) * u
            v = v - (u @ v) * u  # twice is enough: orthogonal to working precision
            flat = np.linalg.norm(v) <= FLAT * length
        if flat:
            raise InvalidDomainError("plane: the three points lie on one line; expected three points that span a plane")
        v = v / np.linalg.norm(v)
        origin = points.mean(axis=0)
        inside = np.stack([(points - origin) @ u, (points - origin) @ v], axis=1)
        lo, hi = inside.min(axis=0), inside.max(axis=0)
        room = margin * (hi - lo).max()
        return cls(origin.reshape(shape), u.reshape(shape), v.reshape(shape), lo - room, hi + room)

    @cached_property
    def frame(self) -> Frame:
        """Origin and basis as stored."""
        return Frame(np.ravel(self.origin), np.stack([np.ravel(self.u), np.ravel(self.v)]))

    @property
    def corners(self) -> np.ndarray:
        """The four corners in frame coordinates."""
        return rectangle(np.asarray(self.lo), np.asarray(self.hi))

    @property
    def limits(self) -> np.ndarray:
        """`lo` and `hi`."""
        return np.stack([np.asarray(self.lo), np.asarray(self.hi)])

    @property
    def sides(self) -> np.ndarray:
        """The four sides of the window, exact."""
        return window_sides(np.asarray(self.lo), np.asarray(self.hi))

    @cached_property
    def measure(self) -> float:
        """Area in input units."""
        sides = np.asarray(self.hi) - np.asarray(self.lo)
        return float(np.prod(sides)) * self.frame.measure_scale

    @cached_property
    def description(self) -> str:
        """The kind and the area."""
        return f"plane window of area {self.measure:.6g}"
