"""Compiled loops over rows of coefficients on their way back to the input."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["concretized", "through_lines", "through_winners", "weighed"]

_OPTIONS = {"nogil": True, "cache": True, "fastmath": {"nsz", "contract", "reassoc"}, "error_model": "numpy"}
"""Sums in any order: their error bounds hold for every order."""


@njit(**_OPTIONS)
def through_lines(
    rows: np.ndarray,
    items: np.ndarray,
    lines: np.ndarray,
    weights: np.ndarray,
    constants: np.ndarray,
    errors: np.ndarray,
    into: np.ndarray,
) -> None:
    """Replace outputs of units by lines below them where their coefficient is positive, above where it is negative.

    `rows` (rows, units), `items` (rows,), `lines` (4, items, units) as `touched` makes them, `weights` (items, units):
    the error that each unit of coefficient adds. Adds to `constants` and `errors` (rows,), writes `into` (rows, units).
    """
    count, units = rows.shape
    for row in range(count):
        item = items[row]
        own, out, weight = rows[row], into[row], weights[item]
        low_slope, low_constant = lines[0, item], lines[1, item]
        high_slope, high_constant = lines[2, item], lines[3, item]
        total, error = 0.0, 0.0
        for unit in range(units):
            value = own[unit]
            up = value > 0.0
            out[unit] = value * (low_slope[unit] if up else high_slope[unit])
            total += value * (low_constant[unit] if up else high_constant[unit])
            error += abs(value) * weight[unit]
        constants[row] += total
        errors[row] += error


@njit(**_OPTIONS)
def through_winners(
    rows: np.ndarray,
    items: np.ndarray,
    sign: int,
    chosen: np.ndarray,
    excess: np.ndarray,
    ceilings: np.ndarray,
    weights: np.ndarray,
    constants: np.ndarray,
    errors: np.ndarray,
    into: np.ndarray,
) -> None:
    """Replace maxima by a candidate where that bounds them from the right side, else by it plus an excess, or a number.

    `chosen` (items, groups) are entries of `into` (rows, entries), which the coefficients are added to; `excess` what
    the maximum can have more than the candidate, `ceilings` its upper bounds where they are better, NaN where not.
    """
    count, groups = rows.shape
    for row in range(count):
        item = items[row]
        total, error = 0.0, 0.0
        for group in range(groups):
            value = rows[row, group]
            if value == 0.0:
                continue
            ceiling = ceilings[item, group]
            if value * sign > 0.0 or np.isnan(ceiling):
                into[row, chosen[item, group]] += value
                if value * sign < 0.0:
                    total += value * sign * excess[item, group]
            else:
                total += value * sign * ceiling
            error += abs(value) * weights[item, group]
        constants[row] += total
        errors[row] += error


@njit(**_OPTIONS)
def weighed(
    rows: np.ndarray,
    items: np.ndarray,
    bias: np.ndarray,
    weights: np.ndarray,
    constants: np.ndarray,
    errors: np.ndarray,
) -> None:
    """Add rows times the bias (entries,) to `constants`, and |rows| times the weights (items, entries) to `errors`."""
    count, entries = rows.shape
    for row in range(count):
        own, weight = rows[row], weights[items[row]]
        total, error = 0.0, 0.0
        for entry in range(entries):
            total += own[entry] * bias[entry]
            error += abs(own[entry]) * weight[entry]
        constants[row] += total
        errors[row] += error


@njit(**_OPTIONS)
def concretized(
    rows: np.ndarray,
    images: np.ndarray,
    centers: np.ndarray,
    values: np.ndarray,
    offsets: np.ndarray,
    rounding: float,
    euclidean: bool,
    results: np.ndarray,
) -> None:
    """Fill `results` (4, rows): rows times values, error bounds of that, norms of the images, and of the rows.

    `rows` (rows, entries), `images` (rows, n) the gradients whose norms count; `centers` (rows,) the rows of `values`
    and `offsets` (centers, entries): values at the centers and their errors. Norms are squared where `euclidean`.
    """
    count, entries = rows.shape
    for row in range(count):
        own, image = rows[row], images[row]
        value, offset = values[centers[row]], offsets[centers[row]]
        total, error, size, length = 0.0, 0.0, 0.0, 0.0
        for entry in range(entries):
            total += own[entry] * value[entry]
            error += abs(own[entry]) * (offset[entry] + rounding * abs(value[entry]))
            length += own[entry] * own[entry]
        if euclidean:
            for entry in range(image.shape[0]):
                size += image[entry] * image[entry]
        else:
            for entry in range(image.shape[0]):
                size += abs(image[entry])
        results[0, row], results[1, row], results[2, row], results[3, row] = total, error, size, length
