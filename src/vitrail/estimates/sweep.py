"""Pre-activations and their gradients at many points of one sampled network, with units held at a breakpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vitrail.estimates.activations import Activation
from vitrail.estimates.initialization import Initialization, Layers

__all__ = ["Pins", "State", "densities", "parts_of", "reached", "start", "sweep"]

_NUMBERS_AT_ONCE = 2**20


@dataclass(frozen=True, eq=False)
class State:
    """What a layer of units sees at some points, and what it gives.

    `values` (rows, units) are pre-activations without the units' own biases, `slopes` (k, rows, units) their
    derivatives along k directions. `outputs` and `output_slopes` have the same shapes, after bias and activation.
    """

    values: np.ndarray
    slopes: np.ndarray
    outputs: np.ndarray
    output_slopes: np.ndarray


@dataclass(frozen=True, eq=False)
class Pins:
    """Units that are held at a breakpoint: `units` (rows, m) numbered over the layers, at `breakpoints` (rows, m).

    A point lies on the boundary of a unit when its bias has one certain value. Then the unit's output is that of the
    breakpoint, and its slope one of two; it is taken as 0, as any other changes the gradients of later units only by
    multiples of the unit's own, which no volume spanned together with that one can tell.
    """

    units: np.ndarray
    breakpoints: np.ndarray


def start(weight: np.ndarray, points: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (points, units) and slopes (k, points, units) of the first layer at inputs (points, n)."""
    slopes = directions @ weight.T
    return points @ weight.T, np.broadcast_to(slopes[:, None], (len(slopes), len(points), len(weight)))


def sweep(
    layers: Layers,
    activation: Activation,
    first: tuple[np.ndarray, np.ndarray],
    pins: Pins | None = None,
) -> Iterator[State]:
    """The states of the hidden layers in turn, the last of `layers` being the output's, which has no units.

    `first` are the values and slopes of the first of them; its weights are not looked at.
    """
    (values, slopes), offset = first, 0
    for (_, bias), (following, _) in pairwise(layers):
        before = values + bias
        outputs, output_slopes = activation.value(before), activation.slope(before) * slopes
        if pins is not None:
            local = pins.units - offset
            row, place = np.nonzero((local >= 0) & (local < bias.size))
            unit = local[row, place]
            outputs[row, unit] = activation.value(pins.breakpoints[row, place])
            output_slopes[:, row, unit] = 0.0
        yield State(values, slopes, outputs, output_slopes)
        offset += bias.size
        values, slopes = outputs @ following.T, output_slopes @ following.T


def reached(layers: Layers, activation: Activation, values: np.ndarray) -> np.ndarray:
    """Whether a change of the first of these layers' values (rows, units) can come through to the output, (rows,).

    That asks each hidden layer for a unit with a slope other than 0: all weights are other than 0. `layers` end with
    the output's; their first weights are not looked at.
    """
    result = np.ones(len(values), dtype=bool)
    for (_, bias), (following, _) in pairwise(layers):
        before = values + bias
        result &= (activation.slope(before) != 0).any(axis=1)
        values = activation.value(before) @ following.T
    return result


def densities(
    values: np.ndarray, initialization: Initialization, activation: Activation, inputs: int
) -> tuple[np.ndarray, ...]:
    """The density of the own bias with which units are at each breakpoint, one array like `values` for each."""
    return tuple(initialization.bias_density(level - values, inputs) for level in activation.breakpoints)


def parts_of(count: int, numbers: int) -> Sequence[slice]:
    """Slices of `count` rows of so many numbers each that bound the memory of a sweep.

    Example:
        >>> len(parts_of(10, 2**19))
        5
    """
    step = max(1, _NUMBERS_AT_ONCE // max(1, numbers))
    return [slice(first, min(first + step, count)) for first in range(0, count, step)]
