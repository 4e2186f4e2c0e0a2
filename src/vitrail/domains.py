"""Domains: convex sets of dimension one or two inside the input space, each with its frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidDomainError
from vitrail.numerics.filters import FLAT, UNIT_ROUNDOFF, VALUE_ROUNDING

__all__ = ["Box", "Domain", "Frame", "Line", "Plane", "Polygon", "Segment"]


@dataclass(frozen=True, eq=False)
class Frame:
    """The affine map x = origin + t @ basis from k coordinates to flattened inputs.

    `origin` has shape (n,), `basis` (k, n). `error` (k + 1, n) bounds what rounding did to origin and basis: zero
    where the domain is defined by the stored numbers themselves.

    Example:
        >>> frame = Frame(np.zeros(3), np.eye(3)[:2], np.zeros((3, 3)))
        >>> frame.point([0.5, 2.0]).tolist(), frame.measure_scale
        ([0.5, 2.0, 0.0], 1.0)
    """

    origin: np.ndarray
    basis: np.ndarray
    error: np.ndarray

    @property
    def dimension(self) -> int:
        """Number of coordinates k."""
        return self.basis.shape[0]

    @property
    def measure_scale(self) -> float:
        """Length or area in input units of a unit of frame coordinates: the root of the Gram determinant."""
        scale = np.abs(self.basis).max(initial=0.0)
        if scale == 0.0:
            return 0.0
        _, logarithm = np.linalg.slogdet((self.basis / scale) @ (self.basis / scale).T)
        return float(np.exp(0.5 * logarithm) * scale**self.dimension)

    def point(self, t: ArrayLike) -> np.ndarray:
        """Input points at frame coordinates t, shape (..., k); returns (..., n)."""
        return self.origin + np.asarray(t, dtype=np.float64) @ self.basis

    def coordinates(self, x: ArrayLike) -> np.ndarray:
        """Frame coordinates of the orthogonal projection of inputs x, shape (..., n); returns (..., k)."""
        flat = np.asarray(x, dtype=np.float64).reshape(-1, self.origin.size) - self.origin
        return np.linalg.lstsq(self.basis.T, flat.T, rcond=None)[0].T.reshape(*np.shape(x)[:-1], self.dimension)


class Domain(Protocol):
    """What an engine needs to know about a domain."""

    @property
    def frame(self) -> Frame:
        """The affine map from the coordinates of the domain into the input space."""

    @property
    def corners(self) -> np.ndarray:
        """Ends (2, 1), low first, possibly infinite, or vertices (m, 2), counter-clockwise, in frame coordinates."""

    @property
    def measure(self) -> float:
        """Length or area in input units; `inf` for a whole line."""

    @property
    def description(self) -> str:
        """The domain in a few words, for tables and files."""


@dataclass(frozen=True, eq=False)
class Segment:
    """The segment from `start` to `stop`, inputs of any one shape.

    Raises:
        InvalidDomainError: ends that are equal, of different shapes, or not finite.

    Example:
        >>> Segment([0.0, 0.0], [3.0, 4.0]).measure
        5.0
    """

    start: ArrayLike
    stop: ArrayLike

    def __post_init__(self) -> None:
        """Promote and check the ends."""
        start, stop = _inputs(("start", self.start), ("stop", self.stop))
        if np.array_equal(start, stop):
            raise InvalidDomainError("segment: start and stop are the same point; expected two different points")
        _difference("segment: stop - start", stop, start)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "stop", stop)

    @property
    def frame(self) -> Frame:
        """Origin at the start, t = 1 at the stop; the direction is one rounding away from stop - start."""
        start, stop = np.ravel(self.start), np.ravel(self.stop)
        direction = stop - start
        error = np.stack([np.zeros_like(direction), UNIT_ROUNDOFF * np.abs(direction)])
        return Frame(start, direction[None], error)

    @property
    def corners(self) -> np.ndarray:
        """0 and 1."""
        return np.array([[0.0], [1.0]])

    @property
    def measure(self) -> float:
        """Length in input units."""
        return self.frame.measure_scale

    @property
    def description(self) -> str:
        """The kind and the length."""
        return f"segment of length {self.measure:.6g}"


@dataclass(frozen=True, eq=False)
class Line:
    """The whole line through `point` along `direction`; the first and the last region are unbounded.

    Raises:
        InvalidDomainError: a zero direction, different shapes, or numbers that are not finite.

    Example:
        >>> Line([0.0, 0.0], [1.0, 0.0]).measure
        inf
    """

    point: ArrayLike
    direction: ArrayLike

    def __post_init__(self) -> None:
        """Promote and check."""
        point, direction = _inputs(("point", self.point), ("direction", self.direction))
        if not direction.any():
            raise InvalidDomainError("line: the direction is zero; expected a non-zero direction")
        object.__setattr__(self, "point", point)
        object.__setattr__(self, "direction", direction)

    @property
    def frame(self) -> Frame:
        """Origin at the point, basis the direction as given."""
        direction = np.ravel(self.direction)
        return Frame(np.ravel(self.point), direction[None], np.zeros((2, direction.size)))

    @property
    def corners(self) -> np.ndarray:
        """Minus and plus infinity."""
        return np.array([[-np.inf], [np.inf]])

    @property
    def measure(self) -> float:
        """Infinite."""
        return np.inf

    @property
    def description(self) -> str:
        """The kind."""
        return "whole line"


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
        origin, u, v = _inputs(("origin", self.origin), ("u", self.u), ("v", self.v))
        if not u.any() or not v.any():
            raise InvalidDomainError("plane: u or v is zero; expected two directions that are not parallel")
        a, b = u.ravel() / np.abs(u).max(), v.ravel() / np.abs(v).max()
        if np.linalg.norm(b - (a @ b) / (a @ a) * a) <= FLAT * np.linalg.norm(b):
            raise InvalidDomainError("plane: u and v are parallel; expected two directions that span a plane")
        for name, value in (("origin", origin), ("u", u), ("v", v)):
            object.__setattr__(self, name, value)
        lo, hi = _limits("plane", self.lo, self.hi, 2)
        object.__setattr__(self, "lo", lo)
        object.__setattr__(self, "hi", hi)

    @classmethod
    def through(cls, a: ArrayLike, b: ArrayLike, c: ArrayLike, margin: float = 0.25) -> Plane:
        """The plane through three inputs, with orthonormal coordinates, so that areas are in input units.

        The origin is the centroid; the window is the bounding box of the three points in the plane, widened on every
        side by `margin` times its longer side, so that all three lie inside. The stored frame defines the domain: the
        points lie in it up to its rounding.

        Raises:
            InvalidDomainError: points on one line, a margin that is not positive, different shapes.

        Example:
            >>> plane = Plane.through([0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0], margin=0.5)
            >>> round(plane.measure, 6)
            4.0
        """
        first, second, third = _inputs(("a", a), ("b", b), ("c", c))
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

    @property
    def frame(self) -> Frame:
        """Origin and basis as stored."""
        basis = np.stack([np.ravel(self.u), np.ravel(self.v)])
        return Frame(np.ravel(self.origin), basis, np.zeros((3, basis.shape[1])))

    @property
    def corners(self) -> np.ndarray:
        """The four corners in frame coordinates."""
        return _rectangle(np.asarray(self.lo), np.asarray(self.hi))

    @property
    def measure(self) -> float:
        """Area in input units."""
        sides = np.asarray(self.hi) - np.asarray(self.lo)
        return float(np.prod(sides)) * self.frame.measure_scale

    @property
    def description(self) -> str:
        """The kind and the area."""
        return f"plane window of area {self.measure:.6g}"


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
        vertices = _array("vertices", self.vertices)
        if vertices.ndim != 2 or vertices.shape[1] != 2:
            raise InvalidDomainError(f"polygon: expected vertices of shape (m, 2), found {vertices.shape}")
        object.__setattr__(self, "vertices", _convex(vertices))

    @property
    def frame(self) -> Frame:
        """The input space itself."""
        return Frame(np.zeros(2), np.eye(2), np.zeros((3, 2)))

    @property
    def corners(self) -> np.ndarray:
        """The vertices, counter-clockwise."""
        return np.asarray(self.vertices)

    @property
    def measure(self) -> float:
        """Area in input units."""
        x, y = (self.corners - self.corners[0]).T
        return float(0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))

    @property
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
        lo = _array("box lo", self.lo)
        if lo.size > 2:
            raise InvalidDomainError(
                f"box: {lo.size} inputs, but boxes are supported for 1 or 2 inputs; use Segment, Line or Plane to slice"
            )
        lo, hi = _limits("box", self.lo, self.hi, lo.size)
        object.__setattr__(self, "lo", lo)
        object.__setattr__(self, "hi", hi)

    @property
    def frame(self) -> Frame:
        """The input space itself."""
        n = np.size(self.lo)
        return Frame(np.zeros(n), np.eye(n), np.zeros((n + 1, n)))

    @property
    def corners(self) -> np.ndarray:
        """The two ends or the four corners."""
        lo, hi = np.asarray(self.lo), np.asarray(self.hi)
        return np.stack([lo, hi]) if lo.size == 1 else _rectangle(lo, hi)

    @property
    def measure(self) -> float:
        """Length or area in input units."""
        return float(np.prod(np.asarray(self.hi) - np.asarray(self.lo)))

    @property
    def description(self) -> str:
        """The limits."""
        limits = zip(np.asarray(self.lo), np.asarray(self.hi), strict=True)
        return "box " + " x ".join(f"[{low:.6g}, {high:.6g}]" for low, high in limits)


def side_lines(corners: np.ndarray) -> np.ndarray:
    """Lines (c0, c1, c2, error bound) through the sides that leave each vertex of a polygon, positive inside.

    Axis-parallel sides are exact, with bound 0.

    Example:
        >>> side_lines(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))[0].tolist()
        [0.0, 0.0, 1.0, 0.0]
    """
    lines = np.zeros((corners.shape[0], 4))
    for i, (a, b) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
        if a[0] == b[0]:
            sign = 1.0 if b[1] < a[1] else -1.0
            lines[i, :3] = -sign * a[0], sign, 0.0
        elif a[1] == b[1]:
            sign = 1.0 if b[0] > a[0] else -1.0
            lines[i, :3] = -sign * a[1], 0.0, sign
        else:
            c1, c2 = a[1] - b[1], b[0] - a[0]
            lines[i] = -(c1 * a[0] + c2 * a[1]), c1, c2, VALUE_ROUNDING * (abs(c1) + abs(c2))
    return lines + 0.0  # no negative zeros


def _rectangle(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    return np.array([[lo[0], lo[1]], [hi[0], lo[1]], [hi[0], hi[1]], [lo[0], hi[1]]])


def _array(name: str, value: ArrayLike) -> np.ndarray:
    if hasattr(value, "detach"):  # a tensor, without importing torch
        value = value.detach().cpu()
    try:
        array = np.array(value)
    except (TypeError, ValueError) as error:
        raise InvalidDomainError(
            f"{name}: expected numbers in a regular array, found {type(value).__name__} ({error})"
        ) from None
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise InvalidDomainError(f"{name}: expected real numbers, found {array.dtype} of shape {array.shape}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InvalidDomainError(f"{name}: {array[first]} at index {first}; expected finite numbers")
    array.setflags(write=False)
    return array


def _inputs(*named: tuple[str, ArrayLike]) -> list[np.ndarray]:
    arrays = [_array(name, value) for name, value in named]
    for (name, _), array in zip(named[1:], arrays[1:], strict=True):
        if array.shape != arrays[0].shape:
            raise InvalidDomainError(
                f"{named[0][0]} has shape {arrays[0].shape} but {name} has shape {array.shape}; expected one shape"
            )
    return arrays


def _difference(name: str, high: np.ndarray, low: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        if not np.isfinite(high - low).all():
            raise InvalidDomainError(f"{name} overflows float64; expected a domain whose extent is a finite number")


def _limits(kind: str, lo: ArrayLike, hi: ArrayLike, size: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = _array(f"{kind} lo", lo), _array(f"{kind} hi", hi)
    if low.shape != (size,) or high.shape != (size,):
        raise InvalidDomainError(f"{kind}: expected lo and hi of shape ({size},), found {low.shape} and {high.shape}")
    for i in range(size):
        if low[i] > high[i]:
            raise InvalidDomainError(f"{kind}: lo {low[i]} is above hi {high[i]} in coordinate {i}; swap them")
        if low[i] == high[i]:
            raise InvalidDomainError(
                f"{kind}: lo equals hi ({low[i]}) in coordinate {i}, a flat domain; use Segment to slice along a line"
            )
    _difference(f"{kind}: hi - lo", high, low)
    return low, high


def _convex(vertices: np.ndarray) -> np.ndarray:
    keep = [i for i in range(len(vertices)) if not np.array_equal(vertices[i], vertices[i - 1]) or len(vertices) == 1]
    if len(keep) < 3:
        raise InvalidDomainError(f"polygon: expected at least 3 different vertices, found {len(keep)}")
    corners = vertices[keep]
    _difference("polygon: the extent", corners.max(axis=0), corners.min(axis=0))
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    if np.abs(turns).max() == 0:
        raise InvalidDomainError("polygon: all vertices lie on one line; expected a polygon with an interior")
    if turns.sum() < 0:
        return _convex(corners[::-1].copy())
    angle = np.arctan2(turns, (sides * after).sum(axis=1)).sum()
    if (turns < 0).any() or angle > 3 * np.pi:
        where = keep[(int(np.argmin(turns)) + 1) % len(keep)]
        raise InvalidDomainError(
            f"polygon: not convex at vertex {where} {corners[(int(np.argmin(turns)) + 1) % len(keep)].tolist()}"
        )
    straight = np.roll(turns, 1) == 0
    if straight.any():
        return _convex(corners[~straight].copy())
    corners.setflags(write=False)
    return corners
