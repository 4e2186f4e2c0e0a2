"""Frames: the affine maps from the coordinates of a domain into the input space; and what a domain is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from vitrail.numerics.filters import SMALLEST_SQUARE

__all__ = ["Domain", "Frame"]


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
        """Length or area in input units of a unit of frame coordinates: the root of the Gram determinant."""
        if self.dimension == 1:
            square = float(self.basis[0] @ self.basis[0])
            if SMALLEST_SQUARE < square < np.inf:
                return math.sqrt(square)
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
