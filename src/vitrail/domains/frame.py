"""Frames: the affine maps from the coordinates of a domain into the input space; and what a domain is."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from vitrail.numerics.filters import SMALLEST_SQUARE

__all__ = ["Domain", "Frame", "domain_digest"]


@dataclass(frozen=True, eq=False)
class Frame:
    """The affine map x = origin + t @ basis from k coordinates to flattened inputs.

    `origin` has shape (n,), `basis` (k, n). `remainder` (k, n) is what the basis lost by one rounding, exactly: None
    where the domain is defined by the stored numbers themselves.

    Example:
        >>> frame = Frame(np.zeros(3), np.eye(3)[:2])
        >>> frame.point([0.5, 2.0]).tolist(), frame.measure_scale
        ([0.5, 2.0, 0.0], 1.0)
    """

    origin: np.ndarray
    basis: np.ndarray
    remainder: np.ndarray | None = None

    @property
    def dimension(self) -> int:
        """Number of coordinates k."""
        return self.basis.shape[0]

    @property
    def measure_scale(self) -> float:
        """Length, area or volume in input units of a unit of frame coordinates: the root of the Gram determinant."""
        if self.dimension == 1:
            square = float(self.basis[0] @ self.basis[0])
            if SMALLEST_SQUARE < square < np.inf:
                return math.sqrt(square)
        scale = np.abs(self.basis).max(initial=0.0)
        if scale == 0.0:
            return 0.0
        _, logarithm = np.linalg.slogdet((self.basis / scale) @ (self.basis / scale).T)
        with np.errstate(over="ignore", under="ignore"):
            return float(np.exp(0.5 * logarithm) * scale**self.dimension)

    def point(self, t: ArrayLike) -> np.ndarray:
        """Input points at frame coordinates t, shape (..., k); returns (..., n)."""
        return self.origin + np.asarray(t, dtype=np.float64) @ self.basis

    def coordinates(self, x: ArrayLike) -> np.ndarray:
        """Frame coordinates of the orthogonal projection of inputs x, shape (..., n); returns (..., k)."""
        flat = np.asarray(x, dtype=np.float64).reshape(-1, self.origin.size) - self.origin
        return np.linalg.lstsq(self.basis.T, flat.T, rcond=None)[0].T.reshape(*np.shape(x)[:-1], self.dimension)


class Domain(Protocol):
    """What an engine needs to know about a domain.

    Side i is called -1 - i in the labels of facets: on a line, side 0 is the low and side 1 the high end; in a plane,
    side i leaves corner i; beyond, it is row i of `sides`.
    """

    @property
    def frame(self) -> Frame:
        """The affine map from the coordinates of the domain into the input space."""

    @property
    def corners(self) -> np.ndarray:
        """Ends (2, 1), low first, possibly infinite, or vertices (m, 2), counter-clockwise, in frame coordinates.

        They define a domain of dimension 1 or 2, and only those have it; a whole plane has none, shape (0, 2).
        """

    @property
    def limits(self) -> np.ndarray:
        """Lowest and highest frame coordinates, shape (2, k): not inside the domain, and infinite where it is."""

    @property
    def sides(self) -> np.ndarray:
        """Forms (m, k + 1) in frame coordinates, all of them not negative on the domain; a whole space has none.

        Beyond dimension 2 they define the domain. In a plane slanted sides may be rounded where corners define it.
        """

    @property
    def measure(self) -> float:
        """Length, area or volume in input units; `inf` where unbounded or beyond float64, NaN where not known."""

    @property
    def description(self) -> str:
        """The domain in a few words, for tables and files."""


def domain_digest(domain: Domain) -> str:
    """Sixteen hexadecimal digits that tell domains apart: of the frame's numbers, and of what bounds the domain.

    Example:
        >>> from vitrail.domains import Box
        >>> domain_digest(Box([0.0], [1.0])) == domain_digest(Box([0], [1])) != domain_digest(Box([0.0], [2.0]))
        True
    """
    frame = domain.frame
    digest = hashlib.sha256()
    bounds = domain.corners if frame.dimension <= 2 and len(domain.corners) else domain.sides
    remainder = np.zeros_like(frame.basis) if frame.remainder is None else frame.remainder
    for array in (frame.origin, frame.basis, remainder, bounds):
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array + 0.0, dtype="<f8").tobytes())
    return digest.hexdigest()[:16]
