"""Where a bound is evaluated: an architecture, and what else is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.bounds.architecture import Architecture, Layer
from vitrail.bounds.layered import Stage
from vitrail.options import positive_number

__all__ = ["Constants", "DenseLayer", "Setting"]

_NORMAL_PEAK = 0.3989422804014327  # of the density of a standard normal number

DenseLayer = tuple[np.ndarray, np.ndarray]
"""Weights (outputs, inputs) and biases (outputs,) of a dense layer."""


@dataclass(frozen=True)
class Constants:
    """What expectations need of a distribution of networks (Hanin and Rolnick 2019).

    `gradient` is C_grad: at every point and for every unit z the mean of |grad z|^m is at most C_grad^m, for all m up
    to `moment`. `bias` is C_bias: the density of every unit's bias, given all else, is at most that. For He's weights
    (variance 2 / inputs) and ReLU the second moment is exactly 2 at every unit; `activation` is the one that they hold
    for, None for any.

    Example:
        >>> Constants.he(1.0)
        Constants(gradient=1.4142135623730951, bias=0.3989422804014327, moment=2, activation='relu')
    """

    gradient: float
    bias: float
    moment: int = 2
    activation: str | None = None

    @classmethod
    def he(cls, bias_deviation: float) -> Constants:
        """The constants of He's weights with ReLU and normal biases of a standard deviation > 0.

        Raises:
            InvalidOptionError: a deviation that is not a finite number above 0, or so small that densities overflow.
        """
        density = _NORMAL_PEAK / positive_number("bias_deviation", bias_deviation)
        return cls(2**0.5, positive_number("bias density 0.4 / bias_deviation", density), activation="relu")

    def hold_for(self, architecture: Architecture) -> bool:
        """Whether they hold for the activations of an architecture."""
        return self.activation is None or all(layer.activation == self.activation for layer in architecture.layers)


@dataclass(frozen=True)
class Setting:
    """An architecture, and the weights, the domain and the distribution where they are known.

    `weights` are those of dense hidden layers one after the other, `ranks` upper bounds of the rank of what each layer
    does to the one before. `lengths` are the side lengths of a box, or the length of a segment; None for a domain that
    is no box. The architecture is already that seen from the domain.

    Example:
        >>> Setting(Architecture.of("2-3-1")).input_dimension
        2
    """

    architecture: Architecture
    weights: tuple[DenseLayer, ...] | None = None
    ranks: tuple[int, ...] | None = None
    lengths: tuple[float, ...] | None = None
    constants: Constants | None = None

    @property
    def input_dimension(self) -> int:
        """The number of coordinates of the domain."""
        return self.architecture.input_dimension

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of units."""
        return self.architecture.layers

    @property
    def widths(self) -> tuple[int, ...]:
        """The units of each layer."""
        return self.architecture.widths

    @property
    def work(self) -> int:
        """About how many 64-bit words a recursion over the layers multiplies: what a bound of many units costs.

        Example:
            >>> Setting(Architecture.of("2-16-16-1")).work < 1000
            True
            >>> Setting(Architecture.of("1000000-1000000-1")).work > 10**13
            True
        """
        total = words = 0
        for layer in self.layers:
            pieces = max(pieces for pieces, _ in layer.pieces)
            terms = min(layer.units, self.input_dimension)
            # a sum of binomials has no more digits than all patterns, and than a power of the units
            own = 1 + min(layer.units * pieces.bit_length(), terms * (layer.units * pieces).bit_length()) // 64
            words += own
            total += (1 + terms) * own
        return total * words

    def stages(self, *, ranked: bool = False) -> tuple[Stage, ...]:
        """The layers as stages of the recursion over layers, with the ranks of weights where asked for and known."""
        ranks = self.ranks if ranked and self.ranks is not None else (None,) * len(self.layers)
        return tuple(layer.stage(rank) for layer, rank in zip(self.layers, ranks, strict=True))
