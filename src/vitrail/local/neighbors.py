"""The regions beyond the facets of a region: their patterns, and how their affine maps differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrail.domains import Domain
from vitrail.engines.neighbors import neighbors_across
from vitrail.errors import InvalidOptionError
from vitrail.local.facets import Facets
from vitrail.local.facets import facets as facets_of
from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.local.jumps import followed, jumps_of, maps_along
from vitrail.local.plans import crossing_of
from vitrail.numerics.filters import MAP_ESTIMATE_OPERATIONS, UNIT_ROUNDOFF
from vitrail.patterns import PatternLayout
from vitrail.status import Kind, Status

__all__ = ["Neighbors", "neighbors"]

_DIRECTIONS = 3
"""Directions along which maps are checked."""

_STEP = 1.0 / 1024.0
"""How far beyond a facet a neighbor's class is looked at, of the distance of the inner point."""

_SAME = MAP_ESTIMATE_OPERATIONS * UNIT_ROUNDOFF
"""Residuals up to this are taken for rounding."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The regions beyond the facets of a region, in the order of `facets`; arrays have an entry for each.

    `words` (facets, words) are their packed patterns, `units` (facets,) the units of the facets' rows, and `flips` all
    units that switch, one array each: several where forms vanish together.

    Across a facet the slopes change by a matrix of rank one, J+ - J- = outer(normal, u): `jumps` (facets, outputs) are
    the u, so that the neighbor's output is the region's plus u times the distance beyond the facet. `residuals`
    (facets,) compare the neighbor's map by that formula with the network followed along the neighbor's pattern, at the
    region's point and in a few seeded directions, relative to the largest of these numbers.

    `gradient_cosines` (facets,) are those of the angles between the gradients on both sides of the output of the class
    that is predicted at the region's point (of a single output), NaN where one of them is zero.

    `predictions` (facets,) are the classes of the neighbors' maps at the facet's witness, moved beyond the facet along
    the normal by 1 / 1,024 of the inner point's distance: our operational definition of a neighbor's class, which may
    differ elsewhere in that region. -1 where there is no witness. `changes` (facets,) says which of these are not the
    region's own prediction.

    The status is uncertified where facets or patterns are not proven, or a residual is above 4,096 rounding units;
    maps, cosines and predictions have no error bound.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[3.0, 4.0], [1.0, 0.0]], None), ([[1.0, 2.0]], None)])
        >>> found = neighbors(vitrail.region_at(net, [1.0, 1.0]))
        >>> found, found.jumps.tolist(), found.affine_map(0).ravel().round(6).tolist()
        (Neighbors(2 regions beyond facets, certified), [[5.0], [2.0]], [0.0, 2.0, 0.0])
    """

    region: LocalHalfspaces
    facets: Facets
    layout: PatternLayout
    words: np.ndarray
    units: np.ndarray
    flips: list[np.ndarray]
    jumps: np.ndarray
    residuals: np.ndarray
    gradient_cosines: np.ndarray
    predictions: np.ndarray
    status: Status

    def __len__(self) -> int:
        """Number of neighbors."""
        return len(self.words)

    def __repr__(self) -> str:
        """How many, and how sure, in one line."""
        return f"Neighbors({len(self):,} regions beyond facets, {self.status.value})"

    @property
    def changes(self) -> np.ndarray:
        """Where the neighbor's prediction is not the region's, (facets,)."""
        return (self.predictions >= 0) & (self.predictions != self.region.prediction)

    def patterns(self) -> list[np.ndarray]:
        """The piece of every unit, an array (facets, units) per op."""
        return self.layout.unpack(self.words)

    def affine_map(self, i: int) -> np.ndarray:
        """The affine map (n + 1, outputs) of neighbor i, f(x) = m[0] + x @ m[1:], by the rank-one formula."""
        row = self.facets.rows[i]
        across = np.append(-self.region.offsets[row], self.region.normals[row])
        return self.region.affine_map + across[:, None] * self.jumps[i]


def neighbors(region: LocalHalfspaces, domain: Domain | None = None, *, facets: Facets | None = None) -> Neighbors:
    """The regions beyond the facets of a region in a domain (its own if none is given), or beyond known `facets`.

    Patterns are decided from forms alone, as in `walk`. The changes of the map are those of one unit carried to the
    output, for all facets of a layer at once; where several units switch, the map is computed along the neighbor's
    pattern. Compare Zhang and Wu 2020 on the relevance of surrounding regions: the cosines are one measure of it.

    Raises:
        InvalidDomainError: as `facets`.
        InvalidModelError: the network's numbers overflow on the domain.
        InvalidOptionError: facets of another region, or of another domain than is given.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> found = neighbors(vitrail.region_at(net, [0.25]))
        >>> [flips.tolist() for flips in found.flips], found.gradient_cosines.tolist()
        ([[0], [1]], [nan, 1.0])
    """
    if facets is None:
        facets = facets_of(region, domain)
    if facets.region is not region or domain not in (None, facets.domain):
        raise InvalidOptionError(
            "facets: expected those of this region in this domain, as region.facets(domain) gives them, found "
            f"{facets!r} of another region or domain"
        )
    crossing = crossing_of(region, facets.domain, facets.rows)
    layout, own = crossing.rows.plan.layout, region.words[None]
    across = neighbors_across(crossing.along, own, crossing.rows, crossing.groups, crossing.facets)
    patterns = layout.unpack(across.words)
    flips = _flips(region, patterns)
    alone = np.array([part.size == 1 for part in flips], dtype=bool) & (crossing.groups.sizes[crossing.facets] == 1)
    jumps = _jumps(region, facets, patterns, alone)
    residuals = _residuals(region, facets, patterns, jumps)
    sure = crossing.proven and not across.open and region.status.proven and facets.kind is not Kind.ESTIMATE
    sure = sure and bool((residuals <= _SAME).all())
    return Neighbors(
        region,
        facets,
        layout,
        across.words,
        region.units[facets.rows],
        flips,
        jumps,
        residuals,
        _cosines(region, facets, jumps),
        _predictions(region, facets, jumps),
        Status.CERTIFIED if sure else Status.UNCERTIFIED,
    )


def _flips(region: LocalHalfspaces, patterns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The units, numbered over the whole network, whose pieces differ beyond each facet."""
    if not patterns:
        return []
    differ = np.concatenate([own != here for own, here in zip(patterns, region.pattern, strict=True)], axis=1)
    return [np.flatnonzero(row) for row in differ]


def _jumps(region: LocalHalfspaces, facets: Facets, patterns: Sequence[np.ndarray], alone: np.ndarray) -> np.ndarray:
    """The u of each facet, from the one unit that switches `alone`, else from both maps."""
    result = np.zeros((len(facets), region.affine_map.shape[1]))
    result[alone] = jumps_of(region, facets.rows[alone], [own[alone] for own in patterns])
    for place in np.flatnonzero(~alone).tolist():
        beyond = maps_along(region.net.graph, [own[place : place + 1] for own in patterns])[0]
        normal = region.normals[facets.rows[place]]
        result[place] = normal @ (beyond - region.affine_map)[1:] / (normal @ normal)
    return result


def _residuals(
    region: LocalHalfspaces, facets: Facets, patterns: Sequence[np.ndarray], jumps: np.ndarray
) -> np.ndarray:
    """How far the maps by the formula are from those along the neighbors' patterns."""
    if not len(facets):
        return np.zeros(0)
    directions = np.random.default_rng(0).normal(size=(_DIRECTIONS, region.point.size))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    columns = np.concatenate([region.point[None], directions])
    found = followed(region.net.graph, columns, patterns)
    here = columns @ region.affine_map[1:]
    here[0] += region.affine_map[0]
    beyond = region.normals[facets.rows] @ columns.T
    beyond[:, 0] -= region.offsets[facets.rows]
    changes = beyond[:, :, None] * jumps[:, None]
    sizes = np.maximum(np.abs(here), np.maximum(np.abs(found), np.abs(changes))).max(axis=(1, 2))
    wrong = np.abs(here + changes - found).max(axis=(1, 2))
    return np.divide(wrong, sizes, out=np.zeros_like(wrong), where=sizes > 0.0)


def _cosines(region: LocalHalfspaces, facets: Facets, jumps: np.ndarray) -> np.ndarray:
    """Cosines of the gradients of the predicted class's output on both sides."""
    column = region.prediction if jumps.shape[1] > 1 else 0
    own = region.affine_map[1:, column]
    changes = jumps[:, column, None] * region.normals[facets.rows]
    others = own + changes
    length, lengths = np.linalg.norm(own), np.linalg.norm(others, axis=1)
    # a difference that is only rounding is zero
    zero = (lengths <= _SAME * (length + np.linalg.norm(changes, axis=1))) | (length == 0.0)
    products = np.where(zero, 1.0, lengths * length)
    return np.where(zero, np.nan, np.clip(others @ own / products, -1.0, 1.0))


def _predictions(region: LocalHalfspaces, facets: Facets, jumps: np.ndarray) -> np.ndarray:
    """The class right beyond each facet, -1 where it has no witness."""
    normals = region.normals[facets.rows]
    steps = _STEP * np.maximum(region.offsets[facets.rows] - normals @ facets.inner, 0.0)
    points = facets.witnesses + steps[:, None] * normals
    outputs = region.affine_map[0] + points @ region.affine_map[1:] + steps[:, None] * jumps
    known = np.isfinite(outputs).all(axis=1)
    classes = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).astype(np.int64)
    return np.where(known, classes, -1)
