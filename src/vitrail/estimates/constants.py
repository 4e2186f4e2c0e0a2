"""The constants of the expectation bounds: how long gradients of units are, and how dense biases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from vitrail.bounds.setting import Constants
from vitrail.domains import Domain
from vitrail.estimates.activations import Activation
from vitrail.estimates.estimate import Estimate, quantile
from vitrail.estimates.initialization import Initialization, Layers, generator_of
from vitrail.estimates.places import DOMAINS, directions_of, inputs_of
from vitrail.estimates.sampling import Ensemble
from vitrail.estimates.sweep import parts_of, start, sweep
from vitrail.options import positive_integer, positive_number

__all__ = ["EstimatedConstants", "estimate_constants", "gradient_lengths", "second_moments"]

_SKEWED = "skewed over networks, so that t intervals may be too narrow; take more networks"


@dataclass(frozen=True)
class EstimatedConstants:
    """What the expectation bounds of Hanin and Rolnick 2019 ask of a distribution of networks.

    `gradient` estimates C_grad, the largest E[|grad z|^moment]^(1/moment) over the units z and the points that were
    looked at; its interval holds for all of these points together, not for others. `bias` is C_bias, exact: the largest
    density of a bias. `second_moments` are E[|grad z|^2] in each layer, exact and the same at all points, or None where
    that is not known in closed form. `dimension` is that of the domain within which gradients were taken.
    """

    gradient: Estimate
    bias: float
    moment: float
    second_moments: tuple[float, ...] | None
    dimension: int

    @property
    def product(self) -> Estimate:
        """C_grad C_bias, which is what the bounds use; per input unit.

        Example:
            >>> he = Initialization.he(1.0)
            >>> found = estimate_constants([2, 4, 1], he, [[0.5, 0.5]])
            >>> round(found.product.value / found.gradient.value, 4)
            0.3989
        """
        return self.gradient.scaled(self.bias, what=f"C_grad C_bias; {self.gradient.what}")

    @property
    def constants(self) -> Constants:
        """The constants that bounds take, with the upper end of the interval for C_grad: not certified.

        Example:
            >>> found = estimate_constants([2, 4, 1], Initialization.he(1.0), [[0.5, 0.5]])
            >>> found.constants.moment
            2
        """
        return Constants(self.gradient.high, self.bias, int(self.moment))

    def to_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        exact = None if self.second_moments is None else list(self.second_moments)
        return {
            "gradient": self.gradient.to_dict(),
            "bias": self.bias,
            "moment": self.moment,
            "second_moments": exact,
            "dimension": self.dimension,
        }


def estimate_constants(
    widths: Sequence[int],
    initialization: Initialization,
    where: Domain | ArrayLike,
    moment: float = 2.0,
    *,
    activation: str = "relu",
    negative_slope: float = 0.01,
    networks: int = 100,
    points: int = 16,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> EstimatedConstants:
    """Estimate C_grad at points, and give C_bias.

    `where` is a bounded domain, of which `points` uniform ones are drawn and whose directions alone the gradients take,
    or an array of inputs (m, n), where gradients are whole. Units of a layer are alike, so their mean is one sample of
    a network; the interval is over networks, for all layers and points together (Bonferroni). A largest mean of noisy
    ones is rather too large: more networks bring it down.

    Conditions 3 and 4 of Hanin and Rolnick 2019; bounds for codimension k use the moment k.

    Raises:
        InvalidDomainError: no inputs of the network, or a domain that is not bounded or of another space.
        InvalidOptionError: biases without density, a moment that is not positive, or an option of another kind.

    Example:
        >>> found = estimate_constants([2, 20, 20, 1], Initialization.he(1.0), [[0.5, -0.5], [2.0, 1.0]])
        >>> found.second_moments, round(found.bias, 4), found.gradient.low < 2.0**0.5 < found.gradient.high
        ((2.0, 2.0), 0.3989, True)
    """
    ensemble = Ensemble(widths, initialization, activation, negative_slope, networks, seed, confidence, progress)
    ensemble.require_densities()
    order = positive_number("moment", moment)
    rng = generator_of(seed, 0, 2)
    inputs = inputs_of(where, (ensemble.inputs,), positive_integer("points", points), rng)
    directions = directions_of(where) if isinstance(where, DOMAINS) else np.eye(ensemble.inputs)

    def measure(layers: Layers, _: np.random.Generator) -> list[float]:
        lengths = gradient_lengths(layers, ensemble.bends, inputs, directions)
        return [float(mean) for own in lengths for mean in (own**order).mean(axis=1)]

    what = f"largest E[|grad z|^{order:g}]^(1/{order:g}) over units and {len(inputs)} point{'s' * (len(inputs) > 1)}"
    gradient = _largest(ensemble, ensemble.values(measure), order, what)
    bias = max(initialization.largest_bias_density(width) for width in ensemble.widths[:-2])
    exact = second_moments(ensemble.widths, initialization, ensemble.bends, len(directions))
    return EstimatedConstants(gradient, bias, order, exact, len(directions))


def _largest(ensemble: Ensemble, values: np.ndarray, order: float, what: str) -> Estimate:
    """The root of the largest mean of columns (networks, columns), with an interval for all of them together."""
    means, errors = values.mean(axis=0), values.std(axis=0, ddof=1) / len(values) ** 0.5
    factor = quantile(0.5 * (1.0 - ensemble.confidence) / means.size, len(values))
    best = int(means.argmax())
    found = ensemble.mean(values[:, best], what)
    low, high = max(0.0, float((means - factor * errors).max())), float((means + factor * errors).max())
    value = float(means[best] ** (1.0 / order))
    # the derivative of the root
    error = float(errors[best]) * value / (order * float(means[best])) if means[best] else 0.0
    return replace(
        found,
        value=value,
        low=low ** (1.0 / order),
        high=high ** (1.0 / order),
        standard_error=error,
        method=f"simultaneous t intervals over independent networks for {means.size} means, root of the largest",
        warnings=(*found.warnings, *([_SKEWED] if found.method.startswith("bootstrap") else [])),
    )


def gradient_lengths(
    layers: Layers, activation: Activation, inputs: np.ndarray, directions: np.ndarray
) -> list[np.ndarray]:
    """The lengths of the gradients of each hidden layer's units along directions, at inputs (points, n).

    Example:
        >>> from vitrail.estimates.activations import activation_named
        >>> layers = [(np.array([[3.0, 4.0]]), np.array([1.0])), (np.array([[1.0]]), np.array([0.0]))]
        >>> gradient_lengths(layers, activation_named("relu"), np.array([[0.0, 0.0]]), np.eye(2))[0].tolist()
        [[5.0]]
    """
    found = [np.empty((len(inputs), bias.size)) for _, bias in layers[:-1]]
    widest = max(bias.size for _, bias in layers)
    for part in parts_of(len(inputs), widest * (len(directions) + 1)):
        states = sweep(layers, activation, start(layers[0][0], inputs[part], directions))
        for own, state in zip(found, states, strict=True):
            own[part] = np.sqrt(np.einsum("kpu,kpu->pu", state.slopes, state.slopes))
    return found


def second_moments(
    widths: Sequence[int], initialization: Initialization, activation: Activation, dimension: int
) -> tuple[float, ...] | None:
    """E[|grad z|^2] of the units of each hidden layer, along `dimension` orthonormal directions; None if not known.

    In the first layer it is the variance of the weights, times the share of the directions among the inputs. Then each
    layer multiplies it by the variance times the mean squared slope over both signs of a pre-activation, as the
    opposite weights and bias of a unit are as likely: by 1 for relu and He's variance of 2. For hardtanh it depends on
    the point.

    Example:
        >>> from vitrail.estimates.activations import activation_named
        >>> second_moments([4, 8, 8, 1], Initialization.he(1.0), activation_named("relu"), 1)
        (0.5, 0.5)
    """
    if activation.decay is None:
        return None
    variance, found = initialization.weight_variance, []
    moment = variance * dimension / widths[0]
    for _ in widths[1:-1]:
        found.append(moment)
        moment *= variance * activation.decay
    return tuple(found)
