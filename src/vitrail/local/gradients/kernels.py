"""Compiled loops over columns of gradients: follow a piece and add to the sums behind norms in one pass."""

from __future__ import annotations

import numpy as np
from numba import njit

from vitrail.cells.simplex import OPTIONS

__all__ = ["follow", "spread"]


@njit(**OPTIONS)
def follow(forms: np.ndarray, slopes: np.ndarray, sums: np.ndarray, kind: int, write: bool) -> None:
    """Add columns of forms (cells, columns, units) to sums (cells, units), and then multiply them by slopes in place.

    Kind 0 adds squares, 1 magnitudes, 2 takes the largest magnitude; without `write` the forms stay as they are.
    """
    cells, columns, units = forms.shape
    for cell in range(cells):
        total, slope = sums[cell], slopes[cell]
        for column in range(columns):
            row = forms[cell, column]
            if kind == 0:
                for unit in range(units):
                    total[unit] += row[unit] * row[unit]
            elif kind == 1:
                for unit in range(units):
                    total[unit] += abs(row[unit])
            else:
                for unit in range(units):
                    total[unit] = max(total[unit], abs(row[unit]))
            if write:
                for unit in range(units):
                    row[unit] *= slope[unit]


@njit(**OPTIONS)
def spread(forms: np.ndarray, slopes: np.ndarray, result: np.ndarray) -> None:
    """Columns of forms (1, columns, units) times the slopes (cells, units) of each cell, (cells, columns, units)."""
    cells, columns, units = result.shape
    for cell in range(cells):
        slope = slopes[cell]
        for column in range(columns):
            row, into = forms[0, column], result[cell, column]
            for unit in range(units):
                into[unit] = row[unit] * slope[unit]
