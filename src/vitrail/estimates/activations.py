"""Activations of the networks that are sampled: values, slopes and breakpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.options import one_of

__all__ = ["ACTIVATIONS", "Activation", "activation_named"]

ACTIVATIONS = ("relu", "leaky_relu", "abs", "hardtanh")


@dataclass(frozen=True)
class Activation:
    """A piecewise-linear function of a number: `value` and `slope` of arrays, and where it bends.

    `may_close`: it has a piece of slope 0. `decay` is the mean of the squared slope over two opposite numbers, where
    that is one number for all of them, else None.

    Example:
        >>> relu = activation_named("relu")
        >>> relu.value(np.array([-1.0, 2.0])).tolist(), relu.slope(np.array([-1.0, 2.0])).tolist(), relu.breakpoints
        ([0.0, 2.0], [0.0, 1.0], (0.0,))
    """

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    breakpoints: tuple[float, ...]
    may_close: bool
    decay: float | None


def activation_named(name: str, negative_slope: float = 0.01) -> Activation:
    """The activation "relu", "leaky_relu" (with its slope below 0), "abs" or "hardtanh" (bends at -1 and 1).

    Raises:
        InvalidOptionError: another name; a slope that is not finite, or 1, which bends nothing.

    Example:
        >>> activation_named("hardtanh").breakpoints
        (-1.0, 1.0)
    """
    if one_of("activation", name, ACTIVATIONS) == "relu":
        return _two_pieces(name, 0.0)
    if name == "abs":
        return _two_pieces(name, -1.0)
    if name == "leaky_relu":
        given: object = negative_slope
        real = isinstance(given, int | float) and not isinstance(given, bool)
        if not real or not np.isfinite(negative_slope) or negative_slope == 1:
            raise InvalidOptionError(
                f"negative_slope: expected a finite number other than 1, found {negative_slope!r}; 0.01 is usual"
            )
        return _two_pieces(name, float(negative_slope))
    return Activation(
        name, lambda z: np.clip(z, -1.0, 1.0), lambda z: (np.abs(z) < 1.0).astype(np.float64), (-1.0, 1.0), True, None
    )


def _two_pieces(name: str, below: float) -> Activation:
    return Activation(
        name,
        lambda z: np.where(z > 0, z, below * z if below else 0.0),
        lambda z: np.where(z > 0, 1.0, below),
        (0.0,),
        below == 0.0,
        0.5 * (1.0 + below * below),
    )
