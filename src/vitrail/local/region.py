"""The region around a point, and everything that can be asked about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from numpy.typing import ArrayLike

from vitrail.domains import Domain
from vitrail.local.decisions.decision import Decision, decision
from vitrail.local.directions import Directions, directions, merge_directions
from vitrail.local.facets import Facets, facets
from vitrail.local.halfspaces import LocalHalfspaces, all_halfspaces, halfspaces_at
from vitrail.local.insphere import Insphere, insphere
from vitrail.local.neighbors import Neighbors, neighbors
from vitrail.network.network import Network

__all__ = ["LocalRegion", "directions_at", "region_at", "regions_at"]


@dataclass(frozen=True, eq=False, repr=False)
class LocalRegion(LocalHalfspaces):
    """The activation region around a point, in all dimensions of the input.

    The methods are the functions of `vitrail.local` of the same names, which say what they return; a domain that is not
    given is the region's own.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], None)])
        >>> region = vitrail.region_at(net, [1.0, 3.0], vitrail.Box([-2.0, -2.0], [4.0, 4.0]))
        >>> region.distance, len(region.facets()), round(region.insphere().radius, 6)
        (1.0, 2, 2.0)
    """

    def insphere(self, domain: Domain | None = None) -> Insphere:
        """The largest ball inside."""
        return insphere(self, domain)

    def facets(
        self,
        domain: Domain | None = None,
        *,
        estimate: str | None = None,
        rays: int = 4096,
        seed: int = 0,
        exact: bool = True,
    ) -> Facets:
        """The rows that are facets: all of them, which are found once and kept, or those that random rays meet."""
        if domain is None and estimate is None and exact:
            return self._own_facets
        return facets(self, domain, estimate=estimate, rays=rays, seed=seed, exact=exact)

    @cached_property
    def _own_facets(self) -> Facets:
        return facets(self)

    def neighbors(self, domain: Domain | None = None, *, facets: Facets | None = None) -> Neighbors:
        """The regions across the facets."""
        return neighbors(self, domain, facets=self._own_facets if domain is None and facets is None else facets)

    def directions(self, *, rows: ArrayLike | None = None, pairs: str = "all", bins: int = 90) -> Directions:
        """The angles between the normals of its rows, or of some of them."""
        return directions(self, rows=rows, pairs=pairs, bins=bins)

    def decision(self, domain: Domain | None = None, *, pieces: bool = True, distance: bool = True) -> Decision:
        """The decision boundary inside."""
        return decision(self, domain, pieces=pieces, distance=distance)


def region_at(net: Network, x: ArrayLike, domain: Domain | None = None) -> LocalRegion:
    """The region around one input x, within a box, a polytope or the whole space (where no domain is given).

    An input on a boundary stands for the region that it enters when it moves a little towards the middle of the domain,
    and infinitely less along each coordinate in turn, as in `walk`.

    Raises:
        InvalidDomainError: x is not one input of the network or not in the domain; a domain of fewer dimensions.
        InvalidModelError: the network's numbers overflow.

    Example:
        >>> net = Network.from_arrays([([[3.0, 4.0]], [5.0]), ([[2.0]], None)])
        >>> region = region_at(net, [0.0, 0.0])
        >>> region.halfspaces[0].tolist(), region.halfspaces[1].tolist(), region.affine_map[:, 0].tolist()
        ([[-0.6, -0.8]], [1.0], [10.0, 6.0, 8.0])
    """
    return halfspaces_at(net, x, domain, kind=LocalRegion)


def regions_at(
    net: Network, X: ArrayLike, domain: Domain | None = None, *, progress: bool = False
) -> Iterator[LocalRegion]:
    """The regions around the inputs X, one input or a batch, one after the other; as `region_at`.

    They are computed as they are asked for, some at a time, so that their rows (units x inputs numbers each) never lie
    in memory all at once. `progress` shows a bar.

    Raises:
        InvalidDomainError: as `region_at`, with the number of the input, before the first region.
        InvalidModelError: the network's numbers overflow.

    Example:
        >>> net = Network.from_arrays([([[1.0]], None), ([[2.0]], None)])
        >>> [region.prediction for region in regions_at(net, [[-1.0], [1.0]])]
        [0, 1]
    """
    return all_halfspaces(net, X, domain, kind=LocalRegion, progress=progress)


def directions_at(
    net: Network,
    X: ArrayLike,
    domain: Domain | None = None,
    *,
    facets: bool = False,
    pairs: str = "all",
    bins: int = 90,
    progress: bool = False,
) -> Directions:
    """The angles between the normals of the rows of the regions around the inputs X, of all regions together.

    With `facets` only rows that are facets count. `pairs` and `bins` as in `directions`; pairs are those within one
    region.

    Raises:
        InvalidDomainError: as `regions_at`.
        InvalidOptionError: as `directions`.

    Example:
        >>> net = Network.from_arrays([([[1.0, 0.0], [1.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> found = directions_at(net, [[1.0, 2.0], [-3.0, 1.0]])
        >>> found.pairs, round(found.mean, 6)
        (2, 0.707107)
    """
    regions = regions_at(net, X, domain, progress=progress)
    return merge_directions(
        region.directions(rows=region.facets().rows if facets else None, pairs=pairs, bins=bins) for region in regions
    )
