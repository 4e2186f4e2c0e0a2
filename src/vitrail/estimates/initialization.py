"""Distributions of networks at initialization: fully connected, weights and biases independent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.network.network import Network
from vitrail.options import natural_integer, one_of, positive_number

__all__ = ["Initialization", "Layers", "check_widths", "generator_of", "uniform_bound"]

_LAWS = ("normal", "uniform")
_TORCH = "torch default"

Layers = list[tuple[np.ndarray, np.ndarray]]
"""Weights (outputs, inputs) and biases (outputs,) of each layer, the output's last."""


@dataclass(frozen=True, kw_only=True)
class Initialization:
    """A distribution of fully connected networks: all weights and biases independent, with mean 0.

    Weights of a layer have the variance `weight_variance` / (its inputs), and are "normal" or "uniform". Biases have
    the standard deviation `bias_std` and are "normal" or "uniform", in the output's layer too; or they are "torch
    default", uniform within 1 / sqrt(inputs of the layer), without `bias_std`. A `bias_std` of 0 can be sampled, but
    then biases have no density, which the formulas of Hanin and Rolnick need.

    Raises:
        InvalidOptionError: numbers that are not of that kind, another law, or a standard deviation too many or few.

    Example:
        >>> Initialization.he(0.1)
        Initialization(weight_variance=2.0, bias_std=0.1, weights='normal', biases='normal')
        >>> [weight.shape for weight, _ in Initialization.he(0.1).layers([2, 5, 1], np.random.default_rng(0))]
        [(5, 2), (1, 5)]
    """

    weight_variance: float = 2.0
    bias_std: float | None = None
    weights: str = "normal"
    biases: str = "normal"

    def __post_init__(self) -> None:
        """Check the numbers."""
        positive_number("weight_variance", self.weight_variance)
        one_of("weights", self.weights, _LAWS)
        std: object = self.bias_std
        if one_of("biases", self.biases, (*_LAWS, _TORCH)) == _TORCH:
            if std is not None:
                raise InvalidOptionError(
                    f"bias_std: biases of {_TORCH!r} are given by the widths, found {std!r}; leave it out"
                )
        elif isinstance(std, bool) or not isinstance(std, int | float) or not 0 <= std < math.inf:
            raise InvalidOptionError(
                f"bias_std: expected a finite number of at least 0, found {std!r}; Hanin and Rolnick use 0.001"
            )

    @classmethod
    def he(cls, bias_std: float) -> Initialization:
        """Normal weights of variance 2 / inputs, and normal biases (He et al. 2015).

        Raises:
            InvalidOptionError: a standard deviation that is negative or not finite.
        """
        return cls(bias_std=bias_std)

    @classmethod
    def torch_default(cls) -> Initialization:
        """What `torch.nn.Linear` starts with: weights and biases uniform within 1 / sqrt(inputs).

        Example:
            >>> Initialization.torch_default().weight_variance == 1 / 3
            True
        """
        return cls(weight_variance=1.0 / 3.0, weights="uniform", biases=_TORCH)

    def bias_std_of(self, inputs: int) -> float:
        """The standard deviation of the biases of a layer with so many inputs.

        Example:
            >>> round(Initialization.torch_default().bias_std_of(3), 6)
            0.333333
        """
        return 1.0 / math.sqrt(3.0 * inputs) if self.bias_std is None else float(self.bias_std)

    def bias_density(self, values: np.ndarray, inputs: int) -> np.ndarray:
        """The density of a bias at values of any shape, in a layer with so many inputs.

        Raises:
            InvalidOptionError: biases that are all 0.

        Example:
            >>> Initialization.he(1.0).bias_density(np.array([0.0]), 5).round(4).tolist()
            [0.3989]
        """
        highest, std = self.largest_bias_density(inputs), self.bias_std_of(inputs)
        if self.biases == "normal":
            with np.errstate(over="ignore"):
                return np.asarray(highest * np.exp(-0.5 * np.square(values / std)))
        return np.where(np.abs(values) <= uniform_bound(std), highest, 0.0)

    def largest_bias_density(self, inputs: int) -> float:
        """The largest density of a bias in a layer with so many inputs: the constant C_bias of the formulas.

        Raises:
            InvalidOptionError: biases that are all 0.

        Example:
            >>> Initialization.torch_default().largest_bias_density(4)
            1.0
        """
        std = self.bias_std_of(inputs)
        if std == 0.0:
            raise InvalidOptionError(
                "bias_std: expected a number above 0, found 0: the formulas need biases with a bounded density given "
                "all weights (conditions 1 and 4 of Hanin and Rolnick 2019), and biases that are all 0 have none; "
                "count on sampled networks instead, with expected_count"
            )
        return 1.0 / (std * math.sqrt(2.0 * math.pi)) if self.biases == "normal" else 0.5 / uniform_bound(std)

    def layers(self, widths: Sequence[int], rng: np.random.Generator) -> Layers:
        """Draw one network: weights (outputs, inputs) and biases (outputs,) of every layer.

        `widths` are those of input, hidden layers and output.

        Raises:
            InvalidOptionError: fewer than three widths, or some that are no positive integers.
        """
        sizes = check_widths(widths)
        found = []
        for inputs, outputs in pairwise(sizes):
            weight = _draw(self.weights, math.sqrt(self.weight_variance / inputs), (outputs, inputs), rng)
            found.append((weight, _draw(self.biases, self.bias_std_of(inputs), (outputs,), rng)))
        return found

    def sample(
        self, widths: Sequence[int], seed: int = 0, *, activation: str = "relu", negative_slope: float = 0.01
    ) -> Network:
        """Draw one network of widths [inputs, hidden, ..., outputs]: the first of the estimates with the same seed.

        Raises:
            InvalidOptionError: widths or a seed of another kind.
            UnsupportedOpError: an activation that `Network.from_arrays` does not know.

        Example:
            >>> Initialization.he(0.1).sample([2, 5, 5, 1])
            Network((2,) to (1,), 10 units in 2 layers)
        """
        layers = self.layers(widths, generator_of(natural_integer("seed", seed), 0))
        return Network.from_arrays(layers, activation=activation, negative_slope=negative_slope)


def check_widths(widths: Sequence[int]) -> tuple[int, ...]:
    """Widths of input, hidden layers and output, as integers.

    Raises:
        InvalidOptionError: fewer than three, or some that are no positive integers.

    Example:
        >>> check_widths([784, 100, 10])
        (784, 100, 10)
    """
    given: object = widths
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        raise InvalidOptionError(f"widths: expected numbers such as [784, 100, 100, 10], found {given!r}")
    each: Sequence[object] = list(given)
    for i, width in enumerate(each):
        if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
            raise InvalidOptionError(f"widths: expected integers of at least 1, found {width!r} at place {i}")
    if len(widths) < 3:
        raise InvalidOptionError(
            f"widths: expected input, at least one hidden layer and output, found {len(widths)} "
            f"number{'s' * (len(widths) != 1)}; [784, 100, 10] has one hidden layer"
        )
    return tuple(int(width) for width in widths)


def generator_of(seed: int, *place: int) -> np.random.Generator:
    """Random numbers that depend on the seed and the place alone: independent for different places.

    Example:
        >>> float(generator_of(1, 2).random()) == float(generator_of(1, 2).random()) != generator_of(1, 3).random()
        True
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=place))


def uniform_bound(std: float) -> float:
    """Half the width of the uniform distribution with mean 0 and a standard deviation.

    Example:
        >>> round(uniform_bound(1.0), 4)
        1.7321
    """
    return std * math.sqrt(3.0)


def _draw(law: str, std: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if law == "normal":
        return std * rng.standard_normal(shape)
    bound = uniform_bound(std)
    return rng.uniform(-bound, bound, shape)
