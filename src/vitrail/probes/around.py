"""How far boundaries are from some points, and how large the regions around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains import Domain
from vitrail.domains.checks import real_array, real_points
from vitrail.errors import InvalidOptionError
from vitrail.local.distance import distance_to_boundary
from vitrail.local.gradients.norms import DUAL
from vitrail.local.insphere import insphere
from vitrail.local.region import regions_at
from vitrail.network.network import Network
from vitrail.options import one_of, positive_number
from vitrail.probes.reading import ProbeBase, Reading, spread, worst
from vitrail.status import Status
from vitrail.store import Value

__all__ = ["Distance", "Inspheres", "LocalBound"]


@dataclass(frozen=True, eq=False)
class Distance(ProbeBase):
    """Measure how far the boundary of its region is from each of some points, (m, *input shape), flattened or not.

    Numbers: `mean`, `sd`, `median`, `min`, `max` of the distances that are finite, in input units, `mean_times_units`:
    the mean times the number of units, the quantity of Hanin and Rolnick 2019 (ICML, corollary 5); `infinite`: points
    without any boundary, `unproven` ones, and `status`.

    Raises:
        InvalidDomainError: points that are not numbers, or (when measured) do not fit the network or the domain.
        InvalidOptionError: another norm.

    Example:
        >>> net = Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> found = Distance([[0.25], [3.0]])(net)
        >>> found["mean"], found["mean_times_units"], found["infinite"], found["status"]
        (1.125, 2.25, 0, 'certified')
    """

    points: ArrayLike
    domain: Domain | None = None
    norm: str = "l2"
    name: str = "distance"

    def __post_init__(self) -> None:
        """Check the options."""
        object.__setattr__(self, "points", real_array("points", self.points))
        one_of("norm", self.norm, list(DUAL))

    def measure(self, net: Network) -> Reading:
        """Measure all points."""
        found = distance_to_boundary(net, self.points, self.domain, norm=self.norm)
        near = found.values[np.isfinite(found.values)]
        numbers = spread(near)
        mean = float(near.mean()) if near.size else float("nan")
        numbers |= {
            "mean_times_units": mean * net.number_of_units,
            "infinite": len(found) - near.size,
            "unproven": int((~found.certified).sum()),
            "status": found.status.value,
        }
        return Reading(numbers)


@dataclass(frozen=True, eq=False)
class Inspheres(ProbeBase):
    """Find the largest ball in the region around each of a few points, (m, *input shape), flattened or not.

    Each point takes a program with as many rows as the network has units: some are enough. Without a `domain` many
    regions have balls of any size.

    Numbers: `mean`, `sd`, `median`, `min`, `max` of the radii that are finite, in input units; `infinite` ones,
    `unproven` ones, and `status` of the least sure (see `vitrail.local.insphere`).

    Raises:
        InvalidDomainError: points that are not numbers, or (when measured) do not fit the network or the domain.

    Example:
        >>> from vitrail.domains import Box
        >>> net = Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0]], None)])
        >>> found = Inspheres([[1.0, 0.0]], Box([-2.0, -1.0], [4.0, 1.0]))(net)
        >>> round(found["mean"], 6), found["status"], Inspheres([[1.0, 0.0]])(net)["infinite"]
        (1.0, 'certified', 1)
    """

    points: ArrayLike
    domain: Domain | None = None
    name: str = "inspheres"

    def __post_init__(self) -> None:
        """Check the points."""
        object.__setattr__(self, "points", real_array("points", self.points))

    def measure(self, net: Network) -> Reading:
        """Solve a program for each point."""
        balls = [insphere(region) for region in regions_at(net, self.points, self.domain)]
        radii = np.array([ball.radius for ball in balls])
        finite = radii[np.isfinite(radii)]
        numbers = spread(finite) | {
            "infinite": radii.size - finite.size,
            "unproven": sum(not ball.status.proven for ball in balls),
            "status": worst(ball.status for ball in balls).value,
        }
        return Reading(numbers)


@dataclass(frozen=True, eq=False)
class LocalBound(ProbeBase):
    """Bound the number of regions in balls around some points, (m, *input shape), flattened or not.

    Numbers: `log10_at_<radius>`: the mean over the points of the decimal logarithm of the bound, for each of `radii`
    (in input units, of the Euclidean norm or, with norm="inf", of the largest difference); `status`.

    Raises:
        InvalidDomainError: points that are not numbers, or (when measured) do not fit the network.
        InvalidOptionError: radii that are not positive or not different.

    Example:
        >>> net = Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> found = LocalBound([[0.25]], radii=[0.125, 2.0])(net)
        >>> found["log10_at_0.125"], round(10 ** found["log10_at_2"])
        (0.0, 3)
    """

    points: ArrayLike
    radii: Sequence[float] = (0.1, 1.0)
    norm: str | float = 2
    name: str = "local_bound"

    def __post_init__(self) -> None:
        """Check points and radii."""
        object.__setattr__(self, "points", real_array("points", self.points))
        radii = tuple(float(radius) for radius in np.ravel(real_array("radii", self.radii)))
        for radius in radii:
            positive_number("radii", radius)
        if len({f"{radius:g}" for radius in radii}) < len(radii):
            raise InvalidOptionError(f"radii: expected different ones (to six digits), found {list(radii)}")
        object.__setattr__(self, "radii", radii)

    def measure(self, net: Network) -> Reading:
        """Bound every ball."""
        from vitrail.balls import local_bound

        points = real_points("points", self.points, net.input_shape).reshape(-1, *net.input_shape)
        found = local_bound(net, points, np.array(self.radii), norm=self.norm)
        means = np.asarray(found.log10, dtype=np.float64).reshape(len(points), len(self.radii)).mean(axis=0)
        numbers: dict[str, Value] = {
            f"log10_at_{radius:g}": float(mean) for radius, mean in zip(self.radii, means, strict=True)
        }
        return Reading(numbers | {"status": Status(found.status).value})
