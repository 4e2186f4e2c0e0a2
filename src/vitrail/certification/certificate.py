"""Certifying a set of regions: exact cells from the patterns alone, and what must hold among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from vitrail.certification.check import Check
from vitrail.certification.closure import Closure
from vitrail.certification.evidence import Evidence
from vitrail.domains import Domain, domain_digest
from vitrail.domains.frame import Frame
from vitrail.engines.kinds import MOST_VERTEX_DIMENSIONS
from vitrail.engines.roots import Roots
from vitrail.errors import InvalidOptionError, NotCertifiedError
from vitrail.network.graph import Graph, piecewise_op
from vitrail.network.network import Network
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.options import one_of
from vitrail.regions import RegionSet
from vitrail.status import Cells, Status

__all__ = ["Certificate", "certify"]

_AUTO = "auto"
"""The value of `cells` that takes vertices where the regions have them."""

_MOST_DIMENSIONS = 16
_MOST_ROWS = 512
"""Beyond, exact linear programs take too long to be of use."""


@dataclass(frozen=True)
class Certificate:
    """What a second, independent look at a set of so many `regions` found: `checks`, a `Check` for each property.

    `status` is exact where everything holds: then the set is the set of all activation regions of the domain. It is
    partial where everything holds that a search which ended early can offer, and uncertified where something does not.

    Example:
        >>> Certificate(4, (Check("facets", True, "all match"),)).status.value
        'exact'
    """

    regions: int
    checks: tuple[Check, ...]

    @property
    def problems(self) -> list[str]:
        """What does not hold, a line each."""
        return [f"{check.name}: {check.found}" for check in self.checks if check.holds is False]

    @property
    def status(self) -> Status:
        """Exact, partial or uncertified."""
        if self.problems:
            return Status.UNCERTIFIED
        covered = any(check.holds for check in self.checks if check.name == "facets")
        return Status.EXACT if covered else Status.PARTIAL

    def require(self) -> Certificate:
        """This certificate, if everything holds.

        Raises:
            NotCertifiedError: something does not; the message says what.
        """
        if self.problems:
            raise NotCertifiedError("the regions do not pass: " + "; ".join(self.problems))
        return self


def certify(
    regions: RegionSet,
    net: Network | None = None,
    domain: Domain | None = None,
    *,
    cells: str = _AUTO,
    progress: bool = False,
) -> Certificate:
    """Check a set of regions exactly, with nothing but the network, the domain, and each region's pattern.

    Every cell is built again from the halfspaces of its pattern, in exact arithmetic. Then it is checked that patterns
    are distinct and an inner point of each cell, sent through the network exactly, has the cell's pattern; that the
    stored vertices and affine maps are those of the cells, within their error bounds; that the exact measures sum to
    the domain's; that every inner facet belongs to exactly two cells and every outer one to one; that the maps of
    neighbors agree on it; and that the numbers of faces of each dimension, with alternating signs, sum to 1: V - E + F
    in a plane. A set that was read from a file needs `net` and `domain`.

    Regions without vertices, and all with `cells="halfspaces"`, are certified by their facets, in at most 16 dimensions
    with at most 512 halfspaces each. "stored points" says that the stored inner points are inside, in place of
    "vertices"; measure and Euler are None. "facets" says that every facet of each region, found anew by exact linear
    programs, is among the stored ones, and that the region beyond it is in the set: domains are connected, so a set
    that no facet leaves is all of them. Facets of partial sets may lead out. Stored facets that are none, as may be
    where a region is only touched, are counted in the text.

    Raises:
        InvalidOptionError: arguments of other kinds, or the patterns were not kept, or network and domain are neither
            known nor given, or are not those of the regions, or regions without vertices have too many dimensions or
            halfspaces.
        ResourceLimitError: the network has sums of more terms than can be exact.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
        >>> certificate = vitrail.certify(regions)
        >>> certificate.status.value, [check.name for check in certificate.checks]
        ('exact', ['patterns', 'witnesses', 'vertices', 'maps', 'measure', 'facets', 'continuity', 'Euler'])
        >>> vitrail.certify(vitrail.enumerate_regions(net, vitrail.Space(2))).status.value
        'exact'
    """
    _check_arguments(regions, net, domain)
    one_of("cells", cells, [_AUTO, Cells.HALFSPACES.value])
    if regions.words is None:
        raise InvalidOptionError("certify: the patterns were not kept; enumerate with patterns=True")
    graph, roots = _origin(regions, net, domain)
    evidence: Evidence | Closure
    if cells == _AUTO and _with_vertices(regions, roots):
        evidence = Evidence(regions, regions.words, graph, roots)
    else:
        _check_size(graph, roots)
        evidence = Closure(regions, regions.words, graph, roots)
    with tqdm(total=len(regions), unit=" regions", disable=not progress) as bar:
        for count in evidence.gather():
            bar.update(count)
    return Certificate(len(regions), tuple(evidence.checks()))


def _check_arguments(regions: object, net: object, domain: object) -> None:
    for name, value, expected in (("regions", regions, RegionSet), ("net", net, Network)):
        if not isinstance(value, expected) and (value is not None or name == "regions"):
            raise InvalidOptionError(f"certify: {name}: expected a {expected.__name__}, found {type(value).__name__}")
    if domain is not None and not isinstance(getattr(domain, "frame", None), Frame):
        raise InvalidOptionError(f"certify: domain: expected a domain, found {type(domain).__name__}")


def _origin(regions: RegionSet, net: Network | None, domain: Domain | None) -> tuple[Graph, Roots]:
    source = regions.source
    graph = net.graph if net is not None else None if source is None else source.plan.graph
    place = domain if domain is not None else None if source is None else source.roots
    if graph is None or place is None:
        missing = " and the ".join(name for name, given in (("network", graph), ("domain", place)) if given is None)
        raise InvalidOptionError(f"certify: regions that were read from a file need the {missing} as well")
    units = tuple(piecewise_op(graph, node).units for node in graph.piecewise)
    outputs, inputs = (math.prod(shape) for shape in (graph.output_shape, graph.input_shape))
    at_hand = regions.stored_maps is not None or source is not None
    own = (regions.layout.units, regions.affine_maps.shape[2] if at_hand else outputs, regions.origin.size)
    if own != (units, outputs, inputs):
        raise InvalidOptionError(
            f"certify: the network has {units} units by layer, {outputs} outputs and {inputs} inputs, the regions "
            f"{own[0]}, {own[1]} and {own[2]}; give the network that they belong to"
        )
    return graph, place if isinstance(place, Roots) else _own_roots(regions, place, graph)


def _with_vertices(regions: RegionSet, roots: Roots) -> bool:
    if regions.stored_witnesses is not None or (len(regions) > 0 and regions.offsets[-1] == 0):
        return False
    return bool(roots.corners) or (roots.bounded and roots.dimension <= MOST_VERTEX_DIMENSIONS)


def _check_size(graph: Graph, roots: Roots) -> None:
    """Refuse what exact linear programs cannot do in a useful time."""
    rows = len(roots.side_forms(0))
    for op in (graph.nodes[node].op for node in graph.piecewise):
        if isinstance(op, Elementwise):
            rows += int(np.minimum(np.isfinite(op.breakpoints).sum(axis=0), 2).sum())
        else:
            rows += int((as_maximum(op).candidates >= 0).sum()) - as_maximum(op).units
    if roots.dimension > _MOST_DIMENSIONS or rows > _MOST_ROWS:
        raise InvalidOptionError(
            f"certify: regions without vertices: expected at most {_MOST_DIMENSIONS} dimensions and {_MOST_ROWS} "
            f"halfspaces each, found {roots.dimension} and up to {rows}; certify slices through the domain, of fewer "
            "dimensions"
        )


def _own_roots(regions: RegionSet, domain: Domain, graph: Graph) -> Roots:
    frame, account = domain.frame, regions.account
    same_frame = np.array_equal(frame.origin, regions.origin) and np.array_equal(frame.basis, regions.basis)
    if domain_digest(domain) != account.domain_digest:
        raise InvalidOptionError(
            f"certify: expected the domain of the regions, {account.domain}, found {domain.description}"
            + ("" if same_frame else " in another frame")
        )
    return Roots.of([domain], graph.input_shape)
