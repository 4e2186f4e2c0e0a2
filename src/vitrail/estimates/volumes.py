"""The number of regions from the volumes of those that random points lie in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tqdm.auto import tqdm

from vitrail.cells.volumes import volumes
from vitrail.domains import Domain
from vitrail.engines.along import FloatAlong
from vitrail.engines.cell_rows import rows_of
from vitrail.engines.plan import Plan
from vitrail.engines.roots import Roots
from vitrail.engines.run import threads
from vitrail.engines.seeds import domain_sides
from vitrail.errors import InvalidDomainError, InvalidOptionError, VitrailError
from vitrail.estimates.estimate import Estimate, mean_estimate
from vitrail.estimates.places import bounded_domain, uniform_coordinates
from vitrail.network.network import Network
from vitrail.network.ops.base import size_of
from vitrail.options import natural_integer, positive_integer
from vitrail.patterns import pack
from vitrail.shapes import largest_ball
from vitrail.status import Arithmetic
from vitrail.walking import plan_of

__all__ = ["estimate_regions", "volume_of"]

_MOST_DIMENSIONS = 7
_HEAVY, _FEW, _ALONE = 0.1, 30, 0.2
_CELLS_AT_ONCE = 64


def estimate_regions(
    net: Network,
    domain: Domain,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """Estimate the number of activation regions of a network in a bounded domain of at most 7 dimensions.

    Points are drawn uniformly; each weighs (volume of the domain) / (volume of the point's region in the domain). The
    inverse of the weight is the probability to meet the region, so the expected weight is the number of regions.
    Volumes are computed in floating point, from halfspaces. Points are independent and the network is fixed: the
    interval is over points.

    Small regions are seldom met and weigh much. Where they matter, the mean is mostly too low, and the interval too
    narrow; the warnings say so when one weight is a tenth of all, when the weights are worth fewer than 30 equal ones,
    when a fifth of the points are alone in their regions, or when more regions were met than the interval holds.

    Raises:
        InvalidDomainError: a domain that is not bounded, of another space, or of more than 7 dimensions.
        InvalidModelError: the network's numbers overflow on the domain.
        InvalidOptionError: an option of another kind.

    Example:
        >>> from vitrail.domains import Box
        >>> net = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> round(estimate_regions(net, Box([-1.0, -1.0], [1.0, 1.0]), samples=20).value, 6)
        4.0
    """
    number = positive_integer("samples", samples)
    if number < 2:
        raise InvalidOptionError("samples: expected at least 2 for an interval, found 1; take more")
    rng = np.random.default_rng(natural_integer("seed", seed))
    place = bounded_domain(domain, size_of(net.input_shape))
    if place.frame.dimension > _MOST_DIMENSIONS:
        raise InvalidDomainError(
            f"domain: expected at most {_MOST_DIMENSIONS} dimensions, found {place.frame.dimension} "
            f"({place.description}): volumes of polytopes take too long beyond; give a Slice or a Plane"
        )
    with threads(1):
        plan, roots = plan_of(net.graph, place, Arithmetic.FLOAT)
        points = uniform_coordinates(place, number, rng)
        words = _words(plan, net, place.frame.point(points))
        different, owner, counts = np.unique(words, axis=0, return_inverse=True, return_counts=True)
        shares = _shares(plan, roots, different, progress)
    weights = 1.0 / shares[owner.reshape(-1)]
    warnings = _warnings(weights, int(np.isnan(shares).sum()), int((counts == 1).sum()))
    # the smallest weight that a region can have
    weights = np.where(np.isnan(weights), 1.0, weights)
    what = f"number of activation regions on a {place.description}"
    found = mean_estimate(weights, what, "points", confidence, warnings)
    found = replace(found, method=f"{found.method}; it cannot know of regions too small for any point to meet")
    if len(different) < found.high + 0.5:  # half a region is no rounding
        return found
    more = f"{len(different):,} different regions were met, more than the interval holds; take more samples"
    return replace(found, warnings=(*found.warnings, more))


def _words(plan: Plan, net: Network, inputs: np.ndarray) -> np.ndarray:
    """The packed patterns of inputs, in floating point, (points, words); one word of nothing if there are no units."""
    pieces = net.pieces_at(inputs.reshape(-1, *net.input_shape))
    parts = [pack(own.astype(np.int64), bits) for own, bits in zip(pieces, plan.layout.bits, strict=True)]
    return np.concatenate([*parts, np.zeros((len(inputs), int(not parts)), dtype=np.int64)], axis=1)


def _shares(plan: Plan, roots: Roots, words: np.ndarray, progress: bool) -> np.ndarray:
    """The share of the domain's volume that each region has, (regions,); NaN where it is not known."""
    sides, _ = domain_sides(roots)
    whole = volume_of(sides.values)
    along, found = FloatAlong(plan, roots.forms), np.empty(len(words))
    with tqdm(total=len(words), unit=" regions", disable=not progress) as bar:
        for start in range(0, len(words), _CELLS_AT_ONCE):
            part = words[start : start + _CELLS_AT_ONCE]
            rows = rows_of(plan, along, sides, part)
            ends = np.searchsorted(rows.cells, np.arange(len(part) + 1))
            for cell in range(len(part)):
                own = rows.values[ends[cell] : ends[cell + 1]]
                found[start + cell] = min(volume_of(own) / whole, 1.0)
                bar.update()
    return found


def volume_of(forms: np.ndarray) -> float:
    """The volume of the bounded set where all forms (rows, k + 1) are not negative; NaN where it is too thin for that.

    Example:
        >>> volume_of(np.array([[1.0, 1.0], [1.0, -2.0]]))
        1.5
    """
    lengths = np.linalg.norm(forms[:, 1:], axis=1)
    normals, offsets = -forms[:, 1:] / lengths[:, None], forms[:, 0] / lengths
    if normals.shape[1] == 1:
        ends = offsets * normals[:, 0]
        up = normals[:, 0] > 0
        return float(max(ends[up].min() - ends[~up].max(), 0.0)) or float("nan")
    from scipy.spatial import HalfspaceIntersection, QhullError  # slow to import

    try:
        center, radius = largest_ball(normals, offsets)
        if not 0 < radius < np.inf:
            return float("nan")
        # with the largest ball as unit ball Qhull's own tolerances fit
        rows = np.column_stack([normals, -(offsets - normals @ center) / radius])
        found = HalfspaceIntersection(rows, np.zeros(len(center)))
    except (QhullError, VitrailError):
        return float("nan")
    return _volume(found.intersections, found.dual_facets) * radius ** len(center)


def _volume(vertices: np.ndarray, facets: list[list[int]]) -> float:
    """The volume of the polytope with these vertices, each of which lies on the facets listed; NaN if it is none."""
    vertex = np.repeat(np.arange(len(facets)), [len(own) for own in facets])
    known, facet = np.unique(np.concatenate(facets), return_inverse=True)
    incidence = np.zeros((len(vertices), (len(known) + 63) // 64), dtype=np.int64)
    np.bitwise_or.at(incidence, (vertex, facet // 64), np.int64(1) << (facet % 64))
    ends, errors = np.array([0, len(vertices)]), np.zeros(len(vertices))
    volume = float(volumes(ends, vertices, errors, incidence, np.array([0, len(known)])).volumes[0])
    return volume if volume > 0 else float("nan")


def _warnings(weights: np.ndarray, unknown: int, alone: int) -> list[str]:
    known = weights[~np.isnan(weights)]
    found = []
    if unknown:
        found.append(
            f"the volumes of {unknown:,} regions were not found, too thin for floating point: their points have the "
            "weight 1, so the number is too low"
        )
    if not known.size:
        return found
    total = known.sum()
    if known.max() > _HEAVY * total:
        found.append(
            f"one point makes up {known.max() / total:.0%} of the sum of weights: small regions decide, and those that "
            "no point met are missing; do not trust the interval, count exactly or take more samples"
        )
    effective = total**2 / (known**2).sum()
    if effective < min(_FEW, weights.size):
        found.append(f"the weights are worth {effective:.1f} equal ones: too few for an interval; take more samples")
    if alone > _ALONE * weights.size:
        found.append(
            f"{alone:,} of {weights.size:,} points are alone in their region: there may be many smaller ones that none "
            "met, and the interval would be too low; take more samples"
        )
    return found
