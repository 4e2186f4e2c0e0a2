"""How many boundaries a segment is expected to cross at initialization, and how many regions a window has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vitrail.domains import Domain, Line
from vitrail.errors import InvalidDomainError
from vitrail.estimates.estimate import Estimate
from vitrail.estimates.initialization import Initialization, Layers
from vitrail.estimates.integrands import pair_integrand, single_integrand
from vitrail.estimates.places import bounded_domain, directions_of, uniform_coordinates
from vitrail.estimates.sampling import Ensemble
from vitrail.options import positive_integer

__all__ = ["expected_crossings", "expected_regions"]


def expected_crossings(
    widths: Sequence[int],
    initialization: Initialization,
    domain: Domain,
    *,
    activation: str = "relu",
    negative_slope: float = 0.01,
    good: bool = False,
    networks: int = 100,
    points: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """Estimate how many boundaries of units a segment crosses, on average over random networks.

    Each point where a unit of a fully connected network of these `widths` [inputs, hidden, ..., outputs] is at a
    breakpoint counts. With `good` only those where a change of the unit comes through to the output: where the gradient
    jumps. By the identity of Hanin and Rolnick 2019 (ICML, theorem 3.4) that is the sum over units of the integral of
    the mean of |dz/dt| rho(breakpoint - z), z without its own bias and rho the density of that bias: nothing is
    counted, and each of the `points` of every network, one in each of equal parts of the segment, tells about all
    units. The interval is over networks.

    `domain` is a bounded domain of dimension 1, or a whole line. A unit with a small slope crosses far away, and the
    mean square of what is integrated falls with the distance t as t^-3; so t = u / (1 - u^2)^2 for -1 < u < 1, whose
    density falls as t^-1.5: the tangent, whose density falls as t^-2, would leave no finite variance. Where the line
    passes the origin much farther away than biases reach, few points meet what counts, and the interval is wide.

    Raises:
        InvalidDomainError: not a domain of dimension 1 in the space of the inputs.
        InvalidOptionError: biases without density, or an option of another kind.

    Example:
        >>> from vitrail.domains import Segment
        >>> found = expected_crossings([1, 10, 1], Initialization.he(1.0), Segment([-1.0], [1.0]))
        >>> bool(found.low < 10 * 2 * np.arctan(2.0**0.5) / np.pi < found.high)
        True
    """
    ensemble = Ensemble(widths, initialization, activation, negative_slope, networks, seed, confidence, progress)
    ensemble.require_densities()
    positive_integer("points", points)
    draw, directions = _places_along(domain, ensemble, points)

    def measure(layers: Layers, rng: np.random.Generator) -> list[float]:
        inputs, weights = draw(rng)
        found = single_integrand(layers, initialization, ensemble.bends, inputs, directions, bool(good))
        return [float(np.mean(weights * found))]

    kind = "jumps of the gradient" if good else "boundaries of units crossed"
    return ensemble.mean(ensemble.values(measure)[:, 0], f"expected number of {kind} on a {domain.description}")


_Draw = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]


def _places_along(domain: Domain, ensemble: Ensemble, points: int) -> tuple[_Draw, np.ndarray]:
    """How to draw inputs (points, n) along a line, with the length that each stands for; and its direction."""
    if not isinstance(domain, Line):
        place = bounded_domain(domain, ensemble.inputs, (1,))

        def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            inputs = place.frame.point(uniform_coordinates(place, points, rng, spread=True))
            return inputs, np.full(points, place.measure)

        return draw, directions_of(place)
    frame, initialization = domain.frame, ensemble.initialization
    if frame.origin.size != ensemble.inputs:
        raise InvalidDomainError(
            f"domain: expected one in a space of {ensemble.inputs} inputs, found {frame.origin.size} (whole line)"
        )
    directions = directions_of(domain)
    nearest = frame.origin - (frame.origin @ directions[0]) * directions[0]
    # there the first layer's pre-activations have the spread that their slopes make up for over this length
    own = np.hypot(initialization.bias_std_of(ensemble.inputs), max(ensemble.bends.breakpoints))
    scale = float(np.hypot(np.linalg.norm(nearest), own * (ensemble.inputs / initialization.weight_variance) ** 0.5))

    def draw_line(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        u = 2.0 * (np.arange(points) + rng.random(points)) / points - 1.0
        rest = 1.0 - u * u
        t = scale * u / rest**2
        return nearest + t[:, None] * directions, 2.0 * scale * (1.0 + 3.0 * u * u) / rest**3

    return draw_line, directions


def expected_regions(
    widths: Sequence[int],
    initialization: Initialization,
    domain: Domain,
    *,
    activation: str = "relu",
    negative_slope: float = 0.01,
    networks: int = 100,
    points: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """Estimate the number of activation regions on a segment or in a convex window of a plane, without counting any.

    On a segment or a whole line that is 1 + the expected crossings. In a window it is 1 + (where boundaries of two
    units cross) + (where boundaries meet the window's border) / 2: almost surely a boundary bends only where it crosses
    another, four edges meet at each crossing and three at each point of the border, and no boundary is surrounded by a
    region, as regions are convex, so that all of them hang together with the border; Euler's formula gives the rest.
    Both numbers have integral formulas (Hanin and Rolnick 2019, ICML, theorem 3.4); `points` of each network are drawn
    in the window, and as many on its border. The interval is over networks.

    Raises:
        InvalidDomainError: not a line or a bounded domain of dimension 1 or 2 in the space of the inputs.
        InvalidOptionError: biases without density, or an option of another kind.

    Example:
        >>> from vitrail.domains import Box
        >>> found = expected_regions([2, 3, 1], Initialization.he(1.0), Box([-1.0, -1.0], [1.0, 1.0]))
        >>> 1.0 < found.value < 7.0  # at most 7 regions with three lines
        True
    """
    ensemble = Ensemble(widths, initialization, activation, negative_slope, networks, seed, confidence, progress)
    place = domain if isinstance(domain, Line) else bounded_domain(domain, ensemble.inputs, (1, 2))
    what = f"expected number of activation regions on a {place.description}"
    if place.frame.dimension == 1:
        crossings = expected_crossings(
            widths,
            initialization,
            place,
            activation=activation,
            negative_slope=negative_slope,
            networks=networks,
            points=points,
            confidence=confidence,
            seed=seed,
            progress=progress,
        )
        return crossings.scaled(1.0, 1.0, what=f"{what}, {ensemble.name}")
    ensemble.require_densities()
    positive_integer("points", points)
    directions = directions_of(place)

    def measure(layers: Layers, rng: np.random.Generator) -> list[float]:
        inside = place.frame.point(uniform_coordinates(place, points, rng))
        pairs = pair_integrand(layers, initialization, ensemble.bends, inside, directions).mean()
        border = _border(place, points, rng, layers, ensemble)
        return [1.0 + place.measure * float(pairs) + 0.5 * border]

    return ensemble.mean(ensemble.values(measure)[:, 0], what)


def _border(place: Domain, points: int, rng: np.random.Generator, layers: Layers, ensemble: Ensemble) -> float:
    """An estimate of how often boundaries of units meet the border of a window."""
    corners = place.frame.point(place.corners)
    each, total = -(-points // len(corners)), 0.0
    for first, last in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        share = (np.arange(each) + rng.random(each)) / each
        length = float(np.linalg.norm(last - first))
        along = first + share[:, None] * (last - first)
        direction = ((last - first) / length)[None]
        found = single_integrand(layers, ensemble.initialization, ensemble.bends, along, direction)
        total += length * float(found.mean())
    return total
