"""How much boundary there is at initialization: the volume of where units switch, per volume of the domain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrail.domains import Domain
from vitrail.errors import InvalidOptionError
from vitrail.estimates.estimate import Estimate
from vitrail.estimates.initialization import Initialization, Layers
from vitrail.estimates.integrands import pair_integrand, single_integrand, subset_integrand
from vitrail.estimates.places import bounded_domain, directions_of, uniform_coordinates
from vitrail.estimates.sampling import Ensemble
from vitrail.options import positive_integer

__all__ = ["expected_boundary_density"]

_SUBSETS = 64


def expected_boundary_density(
    widths: Sequence[int],
    initialization: Initialization,
    domain: Domain,
    *,
    codimension: int = 1,
    subsets: int | None = None,
    activation: str = "relu",
    negative_slope: float = 0.01,
    good: bool = False,
    networks: int = 100,
    points: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """Estimate the volume of where `codimension` units switch at once, per volume of the domain, over random networks.

    In a domain of dimension d that is a volume of dimension d - codimension: in a plane, length of boundaries per area
    for 1 and crossings of two boundaries per area for 2; its unit is (input unit)^-codimension. By Hanin and Rolnick
    2019 (ICML, theorem 3.4) it is the mean over points of the domain of a sum over sets of units. The sum has all units
    or all pairs of units, or from three units on, or where `subsets` is given, so many random sets of units at each
    point (64 if not given), which leaves it unbiased. A unit behind another one of its set is seen with that one at its
    breakpoint. With `good` (codimension 1) only boundaries count whose change comes through to the output. The interval
    is over networks, each with `points` uniform points.

    Raises:
        InvalidDomainError: a domain that is not bounded or not in the space of the inputs.
        InvalidOptionError: a codimension above the domain's dimension or the number of units, biases without density,
            or an option of another kind.

    Example:
        >>> from vitrail.domains import Box
        >>> he, square = Initialization.he(1.0), Box([-1.0, -1.0], [1.0, 1.0])
        >>> found = expected_boundary_density([2, 3, 3, 1], he, square, codimension=2, networks=20)
        >>> 0.0 < found.low < found.high < 15 * (2.0 / (2.0 * np.pi))  # all 15 pairs, C_grad^2 C_bias^2
        True
    """
    ensemble = Ensemble(widths, initialization, activation, negative_slope, networks, seed, confidence, progress)
    ensemble.require_densities()
    positive_integer("points", points)
    place = bounded_domain(domain, ensemble.inputs)
    order = _check_codimension(codimension, place, ensemble.units, bool(good))
    number = None if subsets is None else positive_integer("subsets", subsets)
    directions, bends = directions_of(place), ensemble.bends

    def measure(layers: Layers, rng: np.random.Generator) -> list[float]:
        inputs = place.frame.point(uniform_coordinates(place, points, rng, spread=True))
        common = (layers, initialization, bends, inputs, directions)
        if order == 1 and (good or number is None):
            found = single_integrand(*common, bool(good))
        elif order == 2 and number is None:
            found = pair_integrand(*common)
        else:
            found = subset_integrand(*common, order, _SUBSETS if number is None else number, rng)
        return [float(found.mean())]

    what = "boundaries that the output feels" if good else "boundaries of units"
    if order > 1:
        what = f"where boundaries of {order} units meet"
    return ensemble.mean(
        ensemble.values(measure)[:, 0], f"expected volume of {what} per volume of a {place.description}"
    )


def _check_codimension(codimension: object, place: Domain, units: int, good: bool) -> int:
    order, dimension = positive_integer("codimension", codimension), place.frame.dimension
    if order > dimension:
        raise InvalidOptionError(
            f"codimension: expected at most {dimension}, the dimension of the {place.description}, found {order}"
        )
    if order > units:
        raise InvalidOptionError(f"codimension: expected at most {units}, the number of units, found {order}")
    if good and order > 1:
        raise InvalidOptionError(
            f"good: goes with codimension 1, found codimension {order}; where several boundaries meet, a change may "
            "come through on some sides only"
        )
    return order
