"""Zhu, Lin, Tang: Bounding the Number of Linear Regions in Local Area for Neural Networks (2020)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.errors import InvalidOptionError
from vitrail.options import positive_number

__all__ = ["one_layer_upper", "units_meeting"]

_MANTISSA = 53


def units_meeting(weights: ArrayLike, biases: ArrayLike, center: ArrayLike, radius: float) -> int:
    """How many units of one layer switch inside an open Euclidean ball: those with (w.x + b)^2 < r^2 |w|^2.

    `weights` (outputs, inputs), `biases` (outputs,), `center` (inputs,), `radius` in input units; compared exactly for
    the floats given. A unit without weights never switches.

    Raises:
        InvalidOptionError: shapes that do not fit, numbers that are not finite, or a radius that is not positive.

    Example:
        >>> W, b = [[1, 0], [0, 1], [1, 1], [1, -2]], [-1, 1, 3, 5]
        >>> [units_meeting(W, b, [0, 0], radius) for radius in (1, 2, 4)]
        [0, 2, 4]
    """
    rows, shifts, point = _array("weights", weights, 2), _array("biases", biases, 1), _array("center", center, 1)
    if shifts.shape != rows.shape[:1] or point.shape != rows.shape[1:]:
        raise InvalidOptionError(
            f"weights: expected shape (outputs, inputs) with biases (outputs,) and a center (inputs,), found "
            f"{rows.shape}, {shifts.shape} and {point.shape}"
        )
    place, place_unit = _integers(point)
    (size,), size_unit = _integers(np.array([positive_number("radius", radius)]))
    return sum(
        _meets(row, shift, (place, place_unit), (size, size_unit)) for row, shift in zip(rows, shifts, strict=True)
    )


def one_layer_upper(weights: ArrayLike, biases: ArrayLike, center: ArrayLike, radius: float) -> int:
    """The most regions of one layer of given weights inside a ball: cap(m, n_0) for the m units that switch in it.

    A sound form of the paper's idea; its own algorithm is not reproduced. It counts activation regions that meet the
    open ball; deep networks are bounded in a ball by `vitrail.local_bound`. Arguments as for `units_meeting`.

    Example:
        >>> W, b = [[1, 0], [0, 1], [1, 1], [1, -2]], [-1, 1, 3, 5]
        >>> [one_layer_upper(W, b, [0, 0], radius) for radius in (1, 2, 4)]
        [1, 4, 11]
    """
    meeting = units_meeting(weights, biases, center, radius)
    return int(arrangement_cells(meeting, np.asarray(weights).shape[1]))


def _array(name: str, value: ArrayLike, axes: int) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidOptionError(f"{name}: expected a regular array of numbers, found rows that differ") from error
    if array.ndim != axes or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise InvalidOptionError(
            f"{name}: expected finite real numbers with {axes} {'axis' if axes == 1 else 'axes'}, found {array.dtype} "
            f"of shape {array.shape}"
        )
    floats = array.astype(np.float64)
    if array.dtype.kind in "iu" and any(int(x) != int(y) for x, y in zip(array.flat, floats.flat, strict=True)):
        raise InvalidOptionError(f"{name}: expected integers that float64 holds, found larger ones; give floats")
    return floats


def _integers(values: np.ndarray) -> tuple[list[int], int]:
    """Integers m and an exponent e with values = m 2^e, exactly."""
    mantissas, exponents = np.frexp(values)
    whole = np.ldexp(mantissas, _MANTISSA).astype(np.int64).tolist()
    powers = [int(e) - _MANTISSA for e in exponents]
    least = min(powers, default=0)
    return [m << (e - least) for m, e in zip(whole, powers, strict=True)], least


def _meets(row: np.ndarray, shift: float, center: tuple[list[int], int], radius: tuple[int, int]) -> bool:
    weights, unit = _integers(row)
    (offset,), offset_unit = _integers(np.array([shift]))
    inner, inner_unit = sum(w * x for w, x in zip(weights, center[0], strict=True)), unit + center[1]
    value_unit = min(inner_unit, offset_unit)
    value = (inner << (inner_unit - value_unit)) + (offset << (offset_unit - value_unit))
    reach, reach_unit = radius[0] ** 2 * sum(w * w for w in weights), 2 * (radius[1] + unit)
    least = min(2 * value_unit, reach_unit)
    return value**2 << (2 * value_unit - least) < reach << (reach_unit - least)
