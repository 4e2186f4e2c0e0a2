"""Proven upper bounds of the norms of affine ops, and the triangular factor of a wide matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.balls.affine import AffineMap
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, SMALLEST_NORM, gamma

__all__ = ["Factor", "factor_of", "operator_norms", "spectral_norm"]

_MOST_ROWS = 1024
"""Matrices whose smaller side is longer get no spectral norm: its proof takes a cube of products."""


def operator_norms(own: AffineMap, norm: str) -> list[float]:
    """Upper bounds of the norm of an op with respect to each of its inputs; norm "2" or "inf" on both sides.

    The spectral norm is at most the root of the largest row sum times the largest column sum, and at most the Frobenius
    norm; of a dense op of moderate size a tighter bound is proven (`spectral_norm`).
    """
    found = []
    for number, size in enumerate(own.sizes):
        ones = np.ones((1, size))
        room = 1.0 + 2 * gamma(size + own.size + 16)
        with np.errstate(over="ignore", invalid="ignore"):
            rows = float(own.magnitudes_of(number, ones).max()) * room + SMALLEST * size
            if norm == "inf":
                found.append(rows)
                continue
            columns = own.column_sums[number] * room + SMALLEST * own.size
            frobenius = float(np.sqrt(own.squares(number, ones).sum())) * room + SMALLEST_NORM
            bound = min(np.sqrt(rows) * np.sqrt(columns) * room, frobenius)
        if own.weight is not None and min(own.weight.shape) <= _MOST_ROWS:
            bound = min(bound, spectral_norm(own.weight))
        found.append(float(bound) if np.isfinite(bound) else np.inf)
    return found


def spectral_norm(matrix: np.ndarray) -> float:
    """An upper bound of the largest singular value, proven whatever the eigenvalues computed on the way are.

    With G = W W^T, V of any kind and a diagonal D, the norm of G is at most that of V D V^T plus that of the residual
    G - V D V^T, and the norm of V D V^T at most max |D| times that of V^T V. Infinite if that overflows.

    Example:
        >>> 5.0 <= spectral_norm(np.array([[3.0, 0.0], [4.0, 0.0]])) < 5.0001
        True
    """
    largest = float(np.abs(matrix).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    scale = 2.0 ** np.floor(np.log2(largest))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        w = matrix / scale if matrix.shape[0] <= matrix.shape[1] else matrix.T / scale
    if not np.isfinite(w).all():
        return np.inf
    rows, columns = w.shape
    gram = w @ w.T
    values, vectors = np.linalg.eigh(gram)
    product = (vectors * values) @ vectors.T
    square, size = _frobenius(w) ** 2, _frobenius(vectors)
    residual = _frobenius(gram - product)
    # entries below the smallest normal number lose at most that, which the last term of the sum covers
    rounding = gamma(columns + 4) * square + gamma(rows + 8) * size**2 * float(np.abs(values).max())
    skewed = _frobenius(vectors.T @ vectors - np.eye(rows)) + gamma(rows + 8) * size**2
    bound = float(np.abs(values).max()) * (1.0 + skewed) + residual + rounding + SMALLEST_NORM
    return float(np.sqrt(bound) * (1.0 + gamma(rows + columns + 64)) * scale)


def _frobenius(matrix: np.ndarray) -> float:
    return float(np.sqrt(np.square(matrix).sum())) * (1.0 + gamma(matrix.size + 8)) + SMALLEST_NORM


@dataclass(frozen=True, eq=False)
class Factor:
    """A matrix L (n, n) with |a W| <= sqrt((|a L| + `product` |a|)^2 + `defect` |a|^2) for rows a, computed a L."""

    matrix: np.ndarray
    product: float
    defect: float


def factor_of(matrix: np.ndarray) -> Factor | None:
    """The triangular factor of a matrix with fewer rows than columns; None where it saves nothing or overflows.

    From W^T = Q R with Q orthogonal up to rounding: L = R^T, and `defect` is a bound of the spectral norm of
    W W^T - L L^T that is computed from both products.

    Example:
        >>> found = factor_of(np.array([[3.0, 4.0, 0.0]]))
        >>> abs(found.matrix).tolist()
        [[5.0]]
    """
    rows, columns = matrix.shape
    if rows >= columns:
        return None
    lower = np.ascontiguousarray(np.asarray(np.linalg.qr(matrix.T, mode="r")).T)
    gap = _frobenius(matrix @ matrix.T - lower @ lower.T)
    size = _frobenius(lower)
    defect = (gap + gamma(columns + 8) * (_frobenius(matrix) ** 2 + size**2)) * PROOF_ROOM + SMALLEST_NORM
    return Factor(lower, gamma(rows + 8) * size * PROOF_ROOM, defect) if np.isfinite(defect) else None
