"""What is measured of a network: regions on lines and planes through images, and distances to the next boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from vitrail.domains import Domain, Line, Plane
from vitrail.errors import InvalidOptionError
from vitrail.local.distance import distance_to_boundary
from vitrail.network.network import Network
from vitrail.search import count_regions

__all__ = ["Regions", "circle_plane", "distances", "image_plane", "network_of", "rays", "regions_on"]

_STRETCH = 1.25


@dataclass(frozen=True)
class Regions:
    """Regions counted on several domains: their mean and standard deviation, and how many counts are not proven."""

    mean: float
    std: float
    unproven: int


def network_of(module: nn.Module) -> Network:
    """The network of linear layers with ReLU between them that a module is, with the same weights.

    Example:
        >>> from vitrail.studies.networks import fully_connected
        >>> network_of(fully_connected(4, [3, 2], 2)).number_of_units
        5
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    return Network.from_arrays(
        [(layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()) for layer in layers]
    )


def rays(points: np.ndarray) -> list[Line]:
    """The whole lines through the origin and each of the points (m, n).

    Raises:
        InvalidDomainError: a point is the origin.

    Example:
        >>> [line.measure for line in rays(np.eye(2))]
        [inf, inf]
    """
    return [Line(np.zeros(point.size), point) for point in points]


def image_plane(first: np.ndarray, second: np.ndarray, half_side: float) -> Plane:
    """A large square around the origin in the plane through it and two points (n,).

    One coordinate has 1.25 times the longer point as its unit, the other one as long a part of the second point, at a
    right angle to it; both coordinates run from -half_side to half_side.

    Raises:
        InvalidDomainError: the points and the origin lie on one line.

    Example:
        >>> image_plane(np.array([0.0, 1.0]), np.array([4.0, 3.0]), 1.0).u.tolist()
        [5.0, 3.75]
    """
    longer, other = (first, second) if first @ first >= second @ second else (second, first)
    u = _STRETCH * longer
    v = other - (other @ u) / (u @ u) * u if u.any() else other
    length = np.linalg.norm(v)
    v = v * (np.linalg.norm(u) / length) if length > 0 else v
    return Plane(np.zeros(first.size), u, v, (-half_side, -half_side), (half_side, half_side))


def circle_plane(points: np.ndarray) -> Plane:
    """The square around the circle through three points (3, n), 1.25 times as large; coordinates in input units.

    Raises:
        InvalidOptionError: other shapes, or points on one line.

    Example:
        >>> plane = circle_plane(np.array([[0.0, 0.0, 5.0], [6.0, 0.0, 5.0], [0.0, 8.0, 5.0]]))
        >>> plane.origin.tolist(), plane.hi.tolist()
        ([3.0, 4.0, 5.0], [6.25, 6.25])
    """
    if points.ndim != 2 or len(points) != 3:
        raise InvalidOptionError(f"points: expected three points, (3, inputs), found shape {points.shape}; give three")
    a, b = points[1] - points[0], points[2] - points[0]
    gram = np.array([[a @ a, a @ b], [a @ b, b @ b]])
    # the same rule as for a plane through three points: what is parallel up to rounding spans nothing
    Plane.through(*points)
    s, t = np.linalg.solve(gram, 0.5 * np.diag(gram))
    center = s * a + t * b
    u = a / np.linalg.norm(a)
    v = b - (b @ u) * u
    v = v / np.linalg.norm(v)
    half = _STRETCH * float(np.linalg.norm(center))
    return Plane(points[0] + center, u, v, (-half, -half), (half, half))


def regions_on(net: Network, domains: Sequence[Domain]) -> Regions:
    """Count the activation regions on domains, lines together and planes one by one.

    Raises:
        InvalidOptionError: no domain.

    Example:
        >>> net = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], [0.0, 1.0]), ([[1.0, 1.0]], None)])
        >>> regions_on(net, rays(np.array([[1.0, 0.0], [1.0, 1.0]])))
        Regions(mean=2.5, std=0.5, unproven=0)
    """
    if not domains:
        raise InvalidOptionError("domains: expected at least one, found none; a mean needs something to count on")
    counts = count_regions(net, domains)
    values = np.array([int(count) for count in counts], dtype=np.float64)
    return Regions(float(values.mean()), float(values.std()), sum(not count.status.proven for count in counts))


def distances(net: Network, points: np.ndarray) -> tuple[np.ndarray, int]:
    """The distance of each point (m, n) to the boundary of its region, in input units, and how many are not proven.

    Example:
        >>> net = Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> found, unproven = distances(net, np.array([[0.25], [3.0]]))
        >>> found.tolist(), unproven
        ([0.25, 2.0], 0)
    """
    found = distance_to_boundary(net, points)
    return found.values, int((~found.certified).sum())
