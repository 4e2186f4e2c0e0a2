"""Means of exact counts: over random networks, and over random lines and planes through one network's inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from vitrail.count import Count
from vitrail.domains import Domain, Line, Plane, Segment
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.estimates.estimate import Estimate, check_confidence, mean_estimate
from vitrail.estimates.initialization import Initialization, Layers
from vitrail.estimates.places import DOMAINS, bounded_domain, inputs_of, is_domain, uniform_coordinates
from vitrail.estimates.sampling import Ensemble
from vitrail.network.network import Network
from vitrail.network.ops.base import size_of
from vitrail.options import natural_integer, one_of, positive_integer, positive_number
from vitrail.search import count_regions
from vitrail.status import Definition

__all__ = ["expected_count", "mean_regions_in_planes", "mean_regions_on_lines"]

_MOST_TRIES = 100


def expected_count(
    widths: Sequence[int],
    initialization: Initialization,
    domain: Domain | Sequence[Domain],
    definition: str | Definition = Definition.ACTIVATION,
    *,
    activation: str = "relu",
    negative_slope: float = 0.01,
    networks: int = 20,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """Estimate the expected number of regions on a domain: the mean of exact counts on sampled networks.

    `domain` is any that `count_regions` takes, whole lines and spaces too, or some of one dimension, whose mean count
    is taken first: on one network counts depend on each other, so the interval is over networks. Biases may all be 0.
    All estimates draw the same networks from the same seed: to compare two of them as independent, change the seed.

    Raises:
        InvalidDomainError: a domain of another space, or none.
        InvalidOptionError: an unknown definition, or an option of another kind.

    Example:
        >>> found = expected_count([1, 10, 1], Initialization.he(1.0), Line([0.0], [1.0]))
        >>> found.value  # each unit switches once
        11.0
    """
    ensemble = Ensemble(widths, initialization, activation, negative_slope, networks, seed, confidence, progress)
    chosen = Definition(one_of("definition", definition, [d.value for d in Definition]))
    domains: list[Domain] = list(domain) if isinstance(domain, Sequence) else [domain]
    if not domains or not all(is_domain(one) for one in domains):
        raise InvalidDomainError("domain: expected a domain or a list of some, found none; give Line(...) or Box(...)")
    counts: list[Count] = []

    def measure(layers: Layers, _: np.random.Generator) -> list[float]:
        net = Network.from_arrays(layers, activation=activation, negative_slope=negative_slope)
        found = count_regions(net, domains, chosen)
        counts.extend(found)
        return [float(np.mean(found))]

    values = ensemble.values(measure)[:, 0]
    place = f"a {domains[0].description}" if len(domains) == 1 else f"one of {len(domains)} domains"
    return ensemble.mean(values, f"expected number of {chosen.value} regions on {place}", _doubts(counts))


def mean_regions_on_lines(
    net: Network,
    where: Domain | ArrayLike,
    definition: str | Definition = Definition.ACTIVATION,
    *,
    lines: int = 100,
    extent: str | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """Estimate the mean number of regions of one network on random lines, by exact counts.

    A line goes through two random points: uniform ones of a bounded domain, or different rows of an array of inputs
    (m, n). Regions count on its `extent`: "chord", the part in the domain (what a domain gives if nothing is said),
    "line", all of it (what inputs give), or "segment", between the two points. Pairs are drawn independently, so the
    interval is over lines; it says nothing about other networks.

    Raises:
        InvalidDomainError: no inputs of the network, fewer than two different ones, or a domain that is not bounded.
        InvalidOptionError: another extent, a chord without a domain, or an option of another kind.

    Example:
        >>> net = Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0]], None)])
        >>> mean_regions_on_lines(net, [[1.0, 0.0], [2.0, 1.0]], lines=5).value
        2.0
    """
    bounded = isinstance(where, DOMAINS)
    default = "chord" if bounded else "line"
    chosen = one_of("extent", default if extent is None else extent, ["chord", "line", "segment"])
    if chosen == "chord" and not bounded:
        raise InvalidOptionError("extent: a chord needs a domain, found inputs; give a domain, or ask for 'line'")

    def make(points: np.ndarray) -> Domain:
        if isinstance(where, DOMAINS) and chosen == "chord":
            return Segment(*where.frame.point(_chord(where, points)))
        ends = where.frame.point(points) if isinstance(where, DOMAINS) else points
        return Segment(*ends) if chosen == "segment" else Line(ends[0], ends[1] - ends[0])

    drawn = _draw(net, where, 2, positive_integer("lines", lines), seed, make)
    return _mean_count(net, drawn, definition, f"random {chosen}s", "lines", confidence, progress)


def mean_regions_in_planes(
    net: Network,
    where: Domain | ArrayLike,
    definition: str | Definition = Definition.ACTIVATION,
    *,
    planes: int = 20,
    margin: float = 0.25,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """Estimate the mean number of regions of one network in windows of random planes, by exact counts.

    A plane goes through three random points: uniform ones of a bounded domain, or different rows of an array of inputs
    (m, n). Its window is that of `Plane.through`, with the `margin`, whatever of it lies in the domain. Triples are
    drawn independently, so the interval is over planes; it says nothing about other networks.

    Raises:
        InvalidDomainError: no inputs of the network, too few that span a plane, or a domain that is not bounded.
        InvalidOptionError: a margin that is not positive, or an option of another kind.

    Example:
        >>> net = Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0]], None)])
        >>> mean_regions_in_planes(net, [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], planes=3).value
        2.0
    """
    room = positive_number("margin", margin)

    def make(points: np.ndarray) -> Domain:
        ends = where.frame.point(points) if isinstance(where, DOMAINS) else points
        return Plane.through(ends[0], ends[1], ends[2], margin=room)

    drawn = _draw(net, where, 3, positive_integer("planes", planes), seed, make)
    return _mean_count(net, drawn, definition, "windows of random planes", "planes", confidence, progress)


def _draw(
    net: Network,
    where: Domain | ArrayLike,
    size: int,
    number: int,
    seed: int,
    make: Callable[[np.ndarray], Domain],
) -> list[Domain]:
    """So many domains through `size` random points each; points that give none are drawn again."""
    if number < 2:
        raise InvalidOptionError("expected at least 2 lines or planes for an interval, found 1; take more")
    rng = np.random.default_rng(natural_integer("seed", seed))
    inputs = size_of(net.input_shape)
    if isinstance(where, DOMAINS):
        place = bounded_domain(where, inputs)
        if size > place.frame.dimension + 1:
            raise InvalidDomainError(f"domain: expected one of dimension 2 at least, found a {place.description}")
        draw = partial(uniform_coordinates, place, size, rng)
    else:
        data = inputs_of(where, net.input_shape, 1, rng)
        if len(data) < size:
            raise InvalidDomainError(f"points: expected at least {size} inputs, found {len(data)}; give more")
        draw = partial(rng.choice, data, size, replace=False)
    found: list[Domain] = []
    failed = 0
    while len(found) < number:
        points = draw()
        try:
            found.append(make(points))
        except InvalidDomainError:
            failed += 1
            if failed > _MOST_TRIES * (len(found) + 1):
                span = "are different" if size == 2 else "span a plane"
                raise InvalidDomainError(
                    f"points: no {size} of them that {span} were found in {failed} draws; give others"
                ) from None
    return found


def _chord(domain: Domain, points: np.ndarray) -> np.ndarray:
    """The ends, in frame coordinates, of the part in the domain of the line through two of its points (2, k)."""
    forms = domain.sides
    first, second = forms[:, 0] + points @ forms[:, 1:].T
    change = second - first
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        meets = -first / change
    low = np.max(meets, where=change > 0, initial=-np.inf)
    high = np.min(meets, where=change < 0, initial=np.inf)
    return points[0] + np.array([[min(low, 0.0)], [max(high, 1.0)]]) * (points[1] - points[0])


def _mean_count(
    net: Network,
    domains: Sequence[Domain],
    definition: str | Definition,
    name: str,
    over: str,
    confidence: float,
    progress: bool,
) -> Estimate:
    chosen = Definition(one_of("definition", definition, [d.value for d in Definition]))
    level = check_confidence(confidence)
    counts = count_regions(net, domains, chosen, progress=progress)
    what = f"mean number of {chosen.value} regions of the network on {name}"
    return mean_estimate(np.array(counts, dtype=np.float64), what, over, level, _doubts(counts))


def _doubts(counts: Sequence[Count]) -> list[str]:
    unproven = sum(not count.status.proven for count in counts)
    return [f"{unproven:,} of {len(counts):,} counts are not certified"] if unproven else []
