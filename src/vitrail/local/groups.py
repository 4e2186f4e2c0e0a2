"""Groups of points to look at: data, random points, and points next to the decision boundary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains import Box, Domain, Space
from vitrail.domains.checks import real_points
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.local.classes import classes_at, inside
from vitrail.local.points import full_domain
from vitrail.network.network import Network
from vitrail.options import natural_integer, one_of, positive_integer

__all__ = ["PointGroup", "sample_points"]

_GROUPS = ("data", "random", "boundary")
_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class PointGroup:
    """Points of one group.

    `group` is its name, `points` (count, n). `rows` are the rows of X that each point comes from: (count, 1) in a group
    of data, (count, 2) next to the boundary, where the point lies between them on the side of the first, (count, 0)
    for random points. `gaps` (count,) are the l2 distances to a point with another predicted class, in input units; NaN
    where none was looked for.
    """

    group: str
    points: np.ndarray
    rows: np.ndarray
    gaps: np.ndarray

    def __repr__(self) -> str:
        """Name and size, in one line."""
        return f"PointGroup({self.group}, {len(self.points):,} points)"

    def __len__(self) -> int:
        """Number of points."""
        return len(self.points)


def sample_points(
    net: Network,
    X: ArrayLike | None = None,
    group: str = "data",
    count: int = 100,
    *,
    domain: Domain | None = None,
    seed: int = 0,
) -> PointGroup:
    """Draw points of a group: "data", "random" or "boundary".

    Data: different rows of X (m, n). Random: uniform in the box `domain`, or in the bounding box of X where there is no
    domain or the whole space. Boundary: two rows of X with different predicted classes, drawn at random for each point
    (a row may serve again), and 40 halvings of the segment between them: the point is predicted as its first row, and
    a point 2^-40 of the segment further is not. That is near the resolution of float64; where the outputs differ by
    less than their rounding on the way, the boundary is where floating point sees it. Of data and boundary only rows
    of X inside `domain` are used. The same seed gives the same points.

    Raises:
        InvalidDomainError: no box to draw from, X that are no inputs, or a domain that does not fit.
        InvalidOptionError: another group, no X where it is needed, fewer rows of X than points, or only one class.

    Example:
        >>> net = Network.from_arrays([([[1.0], [-1.0]], None)])
        >>> found = sample_points(net, [[-1.0], [3.0]], "boundary", 2)
        >>> bool((abs(found.points) < 0.001).all()), bool((found.gaps < 0.001).all())
        (True, True)
    """
    name, number = one_of("group", group, _GROUPS), positive_integer("count", count)
    data = None if X is None else real_points("X", X, net.input_shape)
    rng = np.random.default_rng(natural_integer("seed", seed))
    if name == "random":
        low, high = _limits(net, data, domain)
        share = rng.random((number, low.size))
        points = np.clip(low + share * (high - low), low, high)
        return PointGroup(name, points, np.zeros((number, 0), dtype=np.int64), np.full(number, np.nan))
    if data is None:
        raise InvalidOptionError(f"X: group {name!r} needs data, found none; give X, or ask for group='random'")
    usable = np.flatnonzero(inside(net, domain, data))
    if name == "boundary":
        return _next_to_boundary(net, data, usable, number, rng)
    if usable.size < number:
        raise InvalidOptionError(
            f"count: expected at most {usable.size}, the rows of X inside the domain, found {number}; "
            "give more data or ask for fewer points"
        )
    rows = rng.choice(usable, number, replace=False)
    return PointGroup(name, data[rows], rows[:, None], np.full(number, np.nan))


def _limits(net: Network, data: np.ndarray | None, domain: Domain | None) -> np.ndarray:
    """Lowest and highest inputs of the box to draw from, (2, n)."""
    domain = full_domain(net, domain)
    if not isinstance(domain, Box | Space):
        raise InvalidDomainError(f"domain: random points need a Box, found {domain.description}; give its bounding box")
    if isinstance(domain, Box):
        return domain.limits
    if data is None:
        raise InvalidDomainError(
            "domain: random points need limits, found neither a Box nor X; give domain=Box(lo, hi), or X for its "
            "bounding box"
        )
    return np.stack([data.min(axis=0), data.max(axis=0)])


def _next_to_boundary(
    net: Network, data: np.ndarray, usable: np.ndarray, count: int, rng: np.random.Generator
) -> PointGroup:
    classes = classes_at(net, data[usable])
    order = np.argsort(classes, kind="stable")
    present, first, number = np.unique(classes[order], return_index=True, return_counts=True)
    if present.size < 2:
        what = f"only class {present[0]}" if present.size else "no rows inside the domain"
        raise InvalidOptionError(
            f"X: group 'boundary' needs rows with two predicted classes, found {what}; give other data"
        )
    start = rng.integers(usable.size, size=count)
    own = np.searchsorted(present, classes[start])
    # the others stand before and after the own class in the order
    other = rng.integers(usable.size - number[own])
    stop = order[other + np.where(other >= first[own], number[own], 0)]
    rows = usable[np.stack([start, stop], axis=1)]
    a, b = data[rows[:, 0]], data[rows[:, 1]]
    near, far = np.zeros(count), np.ones(count)
    for _ in range(_HALVINGS):
        middle = 0.5 * (near + far)
        stays = classes_at(net, _between(a, b, middle)) == classes[start]
        near, far = np.where(stays, middle, near), np.where(stays, far, middle)
    points = _between(a, b, near)
    return PointGroup("boundary", points, rows, np.linalg.norm(_between(a, b, far) - points, axis=1))


def _between(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (1.0 - share)[:, None] * a + share[:, None] * b
