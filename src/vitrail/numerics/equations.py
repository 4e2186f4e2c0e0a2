"""The linear equations of a step of the interior point method, in coordinates, or in rows where they are fewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpotrf, dpotrs

from vitrail.numerics.filters import GAP_TOLERANCE, RIDGE

__all__ = ["Equations"]

_MOST_COORDINATES = 2**14
"""Equations between more coordinates would take more than 2 GiB; programs end where those between rows do."""


@dataclass(frozen=True, eq=False)
class Equations:
    """(curvature + normals^T D normals + limits) dx + border dr = f, border . dx + corner dr = g."""

    inverse: Callable[[np.ndarray], np.ndarray]
    border: np.ndarray | None
    bent: np.ndarray | None
    corner: float

    @classmethod
    def of(
        cls, normals: np.ndarray, weights: np.ndarray | None, shares: float, ratios: np.ndarray, curvature: float
    ) -> Equations | None:
        """Those of rows, then upper and lower limits if there are limits, with these ratios of multiplier and slack.

        None where rounding has made them singular, or where they are too large.
        """
        m, n = normals.shape
        boxed = ratios.size > m
        own, diagonal = ratios[:m], np.full(n, curvature)
        if boxed:
            diagonal = diagonal + ratios[m : m + n] + ratios[m + n :]
        inverse = _by_rows(normals, own, diagonal) if 2 * m <= n and (diagonal > 0.0).all() else None
        inverse = inverse or _by_coordinates(normals, own, diagonal)
        if inverse is None:
            return None
        if weights is None:
            return cls(inverse, None, None, 1.0)
        border, corner = normals.T @ (own * weights), float(own @ weights**2)
        if boxed and shares:
            border = border + shares * (ratios[m : m + n] - ratios[m + n :])
            corner += shares**2 * float(ratios[m:].sum())
        bent = inverse(border)
        left = corner - float(border @ bent)
        return cls(inverse, border, bent, left) if left > 0.0 else None

    def solve(self, f: np.ndarray, g: float) -> tuple[np.ndarray, float]:
        """Both unknowns; dr is 0 where there is no r."""
        dx = self.inverse(f)
        if self.border is None or self.bent is None:
            return dx, 0.0
        dr = (g - float(self.border @ dx)) / self.corner
        return dx - self.bent * dr, dr


_Inverse = Callable[[np.ndarray], np.ndarray]


def _by_coordinates(normals: np.ndarray, ratios: np.ndarray, diagonal: np.ndarray) -> _Inverse | None:
    if diagonal.size > _MOST_COORDINATES:
        return None
    scaled = normals * np.sqrt(ratios)[:, None]
    # the transpose of a row-major array is what the library takes without copying
    matrix = dsyrk(1.0, scaled.T, lower=1) if len(scaled) else np.zeros((diagonal.size,) * 2, order="F")
    matrix[np.diag_indices(diagonal.size)] += diagonal
    inverse = _factored(matrix.copy(order="F"))
    if inverse is not None:
        return inverse
    # near optima that are not unique rounding eats small eigenvalues; along those little is left to gain
    matrix[np.diag_indices(diagonal.size)] += RIDGE * matrix.diagonal().max()
    return _factored(matrix)


def _by_rows(normals: np.ndarray, ratios: np.ndarray, diagonal: np.ndarray) -> _Inverse | None:
    """The same inverse by Woodbury's identity; close to the optimum it may be lost to rounding."""
    scaled = normals / np.sqrt(diagonal)
    matrix = dsyrk(1.0, scaled.T, lower=1, trans=1) if len(scaled) else np.zeros((0, 0), order="F")
    matrix[np.diag_indices(ratios.size)] += 1.0 / ratios
    inner = _factored(matrix)
    if inner is None:
        return None

    def inverse(f: np.ndarray) -> np.ndarray:
        plain = f / diagonal
        return plain - (normals.T @ inner(normals @ plain)) / diagonal

    probe = np.sqrt(diagonal)
    found = inverse(probe)
    back = diagonal * found + normals.T @ (ratios * (normals @ found))
    return inverse if np.abs(back - probe).max() <= GAP_TOLERANCE * probe.max() else None


def _factored(matrix: np.ndarray) -> _Inverse | None:
    if not matrix.size:
        return lambda f: f
    factor, failed = dpotrf(matrix, lower=1, overwrite_a=1, clean=0)
    if failed:
        return None

    def inverse(f: np.ndarray) -> np.ndarray:
        found: Any = dpotrs(factor, f, lower=1)[0]
        return np.asarray(found)

    return inverse
