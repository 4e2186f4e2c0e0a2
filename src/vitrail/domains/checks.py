"""Checks of the numbers that users give for domains: one message for one mistake."""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from vitrail.errors import InvalidDomainError

__all__ = ["check_extent", "real_array", "real_inputs", "real_limits", "real_points"]


@runtime_checkable
class _Detachable(Protocol):
    """A tensor, recognized without importing torch."""

    def detach(self) -> Any:
        """The values alone, without their history."""


def real_array(name: str, value: ArrayLike) -> np.ndarray:
    """The value as a read-only float64 array of finite numbers.

    Raises:
        InvalidDomainError: not real numbers, not a regular array, empty, NaN or infinite.
    """
    if isinstance(value, _Detachable):
        value = value.detach().cpu().numpy()
    try:
        array = np.array(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidDomainError(
            f"{name}: expected numbers in a regular array, found {type(value).__name__} ({error})"
        ) from None
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise InvalidDomainError(f"{name}: expected real numbers, found {array.dtype} of shape {array.shape}")
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InvalidDomainError(f"{name}: {array[first]} at index {first}; expected finite numbers")
    array.setflags(write=False)
    return array


def real_inputs(*named: tuple[str, ArrayLike]) -> list[np.ndarray]:
    """Arrays of one shape.

    Raises:
        InvalidDomainError: as `real_array`, or different shapes.
    """
    arrays = [real_array(name, value) for name, value in named]
    for (name, _), array in zip(named[1:], arrays[1:], strict=True):
        if array.shape != arrays[0].shape:
            raise InvalidDomainError(
                f"{named[0][0]} has shape {arrays[0].shape} but {name} has shape {array.shape}; expected one shape"
            )
    return arrays


def real_points(name: str, value: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """One input of a shape or a batch of them, each flattened or not, as an array (m, n).

    Raises:
        InvalidDomainError: as `real_array`, or another shape.

    Example:
        >>> real_points("seeds", [[1.0, 2.0], [3.0, 4.0]], (2, 1)).shape, real_points("seeds", [1.0, 2.0], (2,)).shape
        ((2, 2), (1, 2))
    """
    array = real_array(name, value)
    size = math.prod(shape)
    if array.shape in (shape, (size,)) or array.shape[1:] in (shape, (size,)):
        return array.reshape(-1, size)
    raise InvalidDomainError(
        f"{name}: expected one input of shape {shape} or a batch of them, (m, {', '.join(map(str, shape))}), "
        f"found shape {array.shape}"
    )


def check_extent(name: str, high: np.ndarray, low: np.ndarray) -> None:
    """Check that high - low does not overflow.

    Raises:
        InvalidDomainError: it does.
    """
    with np.errstate(over="ignore"):
        if not np.isfinite(high - low).all():
            raise InvalidDomainError(f"{name} overflows float64; expected a domain whose extent is a finite number")


def real_limits(kind: str, lo: ArrayLike, hi: ArrayLike, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits of so many coordinates.

    Raises:
        InvalidDomainError: as `real_array`, another shape, or lo not below hi.
    """
    low, high = real_array(f"{kind} lo", lo), real_array(f"{kind} hi", hi)
    if low.shape != (size,) or high.shape != (size,):
        raise InvalidDomainError(f"{kind}: expected lo and hi of shape ({size},), found {low.shape} and {high.shape}")
    for i in range(size):
        if low[i] > high[i]:
            raise InvalidDomainError(f"{kind}: lo {low[i]} is above hi {high[i]} in coordinate {i}; swap them")
        if low[i] == high[i]:
            raise InvalidDomainError(
                f"{kind}: lo equals hi ({low[i]}) in coordinate {i}, a flat domain; use Segment, Plane or Slice"
            )
    check_extent(f"{kind}: hi - lo", high, low)
    return low, high
