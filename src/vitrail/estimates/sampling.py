"""One number for each of many sampled networks, and the mean of these with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm.auto import tqdm

from vitrail.errors import InvalidOptionError
from vitrail.estimates.activations import Activation, activation_named
from vitrail.estimates.estimate import Estimate, check_confidence, mean_estimate
from vitrail.estimates.initialization import Initialization, Layers, check_widths, generator_of
from vitrail.options import natural_integer, positive_integer

__all__ = ["Ensemble"]


@dataclass(frozen=True)
class Ensemble:
    """Random networks of one distribution: network i depends on the seed and on i alone.

    Samples on one network depend on each other, so intervals are over networks: each gives one number.

    Raises:
        InvalidOptionError: widths, an activation, a number of networks, a confidence or a seed of another kind.

    Example:
        >>> some = Ensemble([1, 4, 1], Initialization.he(1.0), networks=3)
        >>> some.values(lambda layers, rng: [layers[0][0].shape[0]])[:, 0].tolist()
        [4.0, 4.0, 4.0]
    """

    widths: Sequence[int]
    initialization: Initialization
    activation: str = "relu"
    negative_slope: float = 0.01
    networks: int = 100
    seed: int = 0
    confidence: float = 0.95
    progress: bool = False
    bends: Activation = field(init=False)

    def __post_init__(self) -> None:
        """Check everything."""
        object.__setattr__(self, "widths", check_widths(self.widths))
        if not isinstance(self.initialization, Initialization):
            raise InvalidOptionError(
                f"initialization: expected an Initialization, found {type(self.initialization).__name__}; "
                "Initialization.he(0.001), say"
            )
        object.__setattr__(self, "bends", activation_named(self.activation, self.negative_slope))
        if positive_integer("networks", self.networks) < 2:
            raise InvalidOptionError(
                "networks: expected at least 2 for an interval, found 1; samples on one network depend on each other"
            )
        natural_integer("seed", self.seed)
        check_confidence(self.confidence)

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.widths[0]

    @property
    def units(self) -> int:
        """The number of hidden units."""
        return sum(self.widths[1:-1])

    @property
    def name(self) -> str:
        """Widths and activation, for a sentence."""
        return f"{'-'.join(map(str, self.widths))} {self.activation} networks at initialization"

    def require_densities(self) -> None:
        """Check that biases have a bounded density.

        Raises:
            InvalidOptionError: they are all 0.
        """
        for inputs in self.widths[:-2]:
            self.initialization.largest_bias_density(inputs)

    def values(self, measure: Callable[[Layers, np.random.Generator], Sequence[float]]) -> np.ndarray:
        """What is measured on each network, (networks, numbers); the generator is the network's, for points."""
        return np.array(
            [
                measure(
                    self.initialization.layers(self.widths, generator_of(self.seed, number)),
                    generator_of(self.seed, number, 1),
                )
                for number in tqdm(range(self.networks), unit=" networks", disable=not self.progress)
            ],
            dtype=np.float64,
        )

    def mean(self, values: np.ndarray, what: str, warnings: Sequence[str] = ()) -> Estimate:
        """The mean over networks of one number of each, (networks,)."""
        return mean_estimate(values, f"{what}, {self.name}", "networks", self.confidence, warnings)
