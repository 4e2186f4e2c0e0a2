"""Decision boundaries and decision regions on a domain: one more op, the winner among the outputs."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from vitrail.domains import Domain
from vitrail.errors import InvalidOptionError
from vitrail.facets import facet_pieces
from vitrail.network.graph import Graph, Node
from vitrail.network.network import Network
from vitrail.network.ops.elementwise import relu
from vitrail.network.ops.maximum import Maximum
from vitrail.regions import RegionSet
from vitrail.search import AUTO, Limits, enumerate_graph
from vitrail.status import Status

__all__ = ["DecisionBoundary", "decision_boundary"]


@dataclass(frozen=True, eq=False)
class DecisionBoundary:
    """Where the predicted class changes on a domain.

    Piece i is the polytope of dimension k - 1 with the vertices `vertices[offsets[i] : offsets[i + 1]]`, shape (total,
    k), in frame coordinates: a point on a line, a segment in a plane. `classes` (pieces, 2) are the classes on its two
    sides, the smaller first, `measures` (pieces,) its length, area or volume in input units, 0 for a point. `regions`
    is the partition refined by class, and `region_classes` (regions,) the class of each of its regions: the decision
    regions are its connected parts of one class, numbered by `decision_regions`. No piece means one class on the whole
    domain.
    """

    offsets: np.ndarray
    vertices: np.ndarray
    classes: np.ndarray
    measures: np.ndarray
    regions: RegionSet
    region_classes: np.ndarray

    @property
    def status(self) -> Status:
        """How sure the pieces are."""
        return self.regions.status

    def __repr__(self) -> str:
        """How many pieces, how sure and where, in one line."""
        return f"DecisionBoundary({len(self):,} pieces, {self.status.value}, {self.regions.account.domain})"

    def __len__(self) -> int:
        """Number of pieces."""
        return self.classes.shape[0]

    @property
    def measure(self) -> float:
        """Total length, area or volume in input units (0 on a line, where the boundary is points)."""
        return float(self.measures.sum())

    @property
    def ends(self) -> np.ndarray:
        """Both ends of each piece on a line, where they are the same, or in a plane, shape (pieces, 2, k).

        Raises:
            InvalidOptionError: pieces have more than two vertices.
        """
        k = self.vertices.shape[1]
        if k > 2:
            raise InvalidOptionError(
                f"ends: pieces of a boundary in {k} dimensions are polytopes; read their vertices and offsets"
            )
        return self.vertices.reshape(-1, k, k).repeat(3 - k, axis=1)

    @property
    def decision_regions(self) -> np.ndarray:
        """The decision region of each region: connected across facets and of one class, numbered from 0."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        pairs = self.regions.facets.regions
        same = pairs[self.region_classes[pairs[:, 0]] == self.region_classes[pairs[:, 1]]]
        count = len(self.regions)
        graph = coo_array((np.ones(len(same), dtype=np.int8), (same[:, 0], same[:, 1])), shape=(count, count))
        return connected_components(graph, directed=False)[1]


def decision_boundary(
    net: Network,
    domain: Domain,
    *,
    max_regions: int | None = None,
    time_limit: float | None = None,
    executor: Executor | None = None,
    progress: bool = False,
    exact: bool | str = True,
    cells: str = AUTO,
) -> DecisionBoundary:
    """Find the decision boundary of a classifier on a domain: the largest output wins, a single one by its sign.

    Options as for `enumerate_regions`. `exact` is True (exactly where floating point does not decide), False (never:
    the result may be uncertified) or "always". Where two outputs are equal on a whole region, the lower class is
    predicted there.

    Raises:
        InvalidDomainError: the domain does not fit the network's input.
        InvalidOptionError: a budget that is not a positive number, or another value of `exact` or `cells`.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None)])
        >>> boundary = decision_boundary(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
        >>> boundary.classes.tolist(), round(boundary.measure, 6), sorted(boundary.region_classes.tolist())
        ([[0, 1]], 2.828427, [0, 1])
        >>> boundary.status.value, decision_boundary(net, vitrail.Segment([0, 1], [1, 0]), exact="always").status.value
        ('certified', 'exact')
    """
    graph = with_decision(net.graph)
    limits = Limits(max_regions, time_limit, executor=executor, progress=progress, exact=exact, cells=cells)
    regions = enumerate_graph(graph, domain, True, limits)
    region_classes = regions.patterns()[-1][:, 0].astype(np.int64)
    facets = regions.facets
    sides = region_classes[facets.regions]
    at = sides[:, 0] != sides[:, 1]
    pieces = facet_pieces(regions, facets, np.flatnonzero(at), regions.basis)
    classes = np.sort(sides[at], axis=1)
    return DecisionBoundary(pieces.offsets, pieces.vertices, classes, pieces.measures, regions, region_classes)


def with_decision(graph: Graph) -> Graph:
    """The graph with one more op whose pieces are the classes: a maximum over the outputs, or the sign of a single one.

    Example:
        >>> import vitrail
        >>> with_decision(vitrail.Network.from_arrays([([[1.0]], None)]).graph).number_of_units
        1
    """
    shape = graph.output_shape
    outputs = int(np.prod(shape, dtype=np.int64))
    op = relu(shape) if outputs == 1 else Maximum(np.arange(outputs)[None], 1, (shape,), (1,))
    nodes = (*graph.nodes[: graph.output + 1], Node(op, (graph.output,), "decision"))
    return Graph(nodes, len(nodes) - 1, graph.source, graph.notes)
