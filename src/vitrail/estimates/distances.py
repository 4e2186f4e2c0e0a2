"""How far points are from the nearest boundary at initialization, beside the bound that theory gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains import Domain
from vitrail.domains.checks import real_points
from vitrail.estimates.constants import gradient_lengths, second_moments
from vitrail.estimates.estimate import Estimate
from vitrail.estimates.initialization import Initialization, Layers
from vitrail.estimates.places import DOMAINS, bounded_domain, inputs_of
from vitrail.estimates.sampling import Ensemble
from vitrail.local.distance import distance_to_boundary
from vitrail.network.network import Network
from vitrail.options import positive_integer

__all__ = ["ExpectedDistance", "expected_distance"]


@dataclass(frozen=True)
class ExpectedDistance:
    """The mean l2 distance of points to the nearest boundary of a unit, and what it cannot be below; in input units.

    `distance` is counted on sampled networks. `lower` estimates the bound 1 / (4 T sum of C_bias E|grad z| over the
    units z), T the breakpoints of a unit. `proven` is the same with E|grad z| replaced by the larger root of the exact
    second moment, so that nothing in it is estimated; None where that is not known.
    """

    distance: Estimate
    lower: Estimate
    proven: float | None

    def to_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {"distance": self.distance.to_dict(), "lower": self.lower.to_dict(), "proven": self.proven}


def expected_distance(
    widths: Sequence[int],
    initialization: Initialization,
    where: Domain | ArrayLike,
    *,
    activation: str = "relu",
    negative_slope: float = 0.01,
    networks: int = 20,
    points: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> ExpectedDistance:
    """Estimate the mean distance of points to the boundary of their region, over random networks.

    `where` is an array of inputs (m, n), the same for all networks, or a bounded domain, of which `points` uniform ones
    are drawn for each network. Distances are those of `distance_to_boundary`, in the whole input space; sides of the
    domain do not count. A network gives one sample, the mean over its points.

    The bound: within a distance e of the point the unit z is at a breakpoint with probability at most 2 e T C_bias
    E|grad z| if no other boundary comes first; the sum over units bounds the probability of a distance below e, and the
    integral of what is left the mean from below (as in Hanin and Rolnick 2019, ICML, corollary 5, with the constant
    worked out).

    Raises:
        InvalidDomainError: no inputs of the network, or a domain that is not bounded or of another space.
        InvalidOptionError: biases without density, or an option of another kind.

    Example:
        >>> found = expected_distance([2, 8, 8, 1], Initialization.he(1.0), [[0.5, -0.5]])
        >>> found.proven < found.lower.value < found.distance.value
        True
    """
    ensemble = Ensemble(widths, initialization, activation, negative_slope, networks, seed, confidence, progress)
    ensemble.require_densities()
    shape, number = (ensemble.inputs,), positive_integer("points", points)
    if isinstance(where, DOMAINS):
        bounded_domain(where, ensemble.inputs)
    else:
        real_points("points", where, shape)  # type: ignore[arg-type]  # what is no domain is an array
    densities = [initialization.largest_bias_density(width) for width in ensemble.widths[:-2]]
    bends = len(ensemble.bends.breakpoints)
    every, unproven = np.eye(ensemble.inputs), 0

    def measure(layers: Layers, rng: np.random.Generator) -> list[float]:
        nonlocal unproven
        inputs = inputs_of(where, shape, number, rng)
        net = Network.from_arrays(layers, activation=activation, negative_slope=negative_slope)
        found = distance_to_boundary(net, inputs)
        unproven += int((~found.certified).sum())
        lengths = gradient_lengths(layers, ensemble.bends, inputs, every)
        rate = sum(bends * top * own.sum(axis=1).mean() for top, own in zip(densities, lengths, strict=True))
        return [float(found.values.mean()), float(rate)]

    values = ensemble.values(measure)
    doubts = [f"{unproven:,} distances are not certified"] if unproven else []
    distance = ensemble.mean(values[:, 0], "expected distance to the nearest boundary", doubts)
    rate = ensemble.mean(values[:, 1], "lower bound 1 / (4 T sum of C_bias E|grad z|) of the expected distance")
    lower = replace(
        rate,
        value=0.25 / rate.value,
        low=0.25 / rate.high,
        high=0.25 / rate.low if rate.low > 0 else np.inf,
        standard_error=0.25 * rate.standard_error / rate.value**2,
    )
    squares = second_moments(ensemble.widths, initialization, ensemble.bends, ensemble.inputs)
    if squares is None:
        return ExpectedDistance(distance, lower, None)
    hidden = ensemble.widths[1:-1]
    most = sum(width * top * square**0.5 for width, top, square in zip(hidden, densities, squares, strict=True))
    return ExpectedDistance(distance, lower, 0.25 / (bends * most))
