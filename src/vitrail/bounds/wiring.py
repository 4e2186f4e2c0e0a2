"""How layers of units are wired: what each one reads, and the narrow places through which everything passes."""

from __future__ import annotations

from dataclasses import dataclass

from vitrail.network.graph import Graph
from vitrail.network.ops.base import PiecewiseOp, size_of

__all__ = ["Wiring"]


@dataclass(frozen=True)
class Wiring:
    """The wiring of the nodes that have units, in order.

    `sources` are the nodes with units (or the input, 0) that each one reads through affine ops alone. `reach` is the
    size of the narrowest tensor that everything that it reads has passed; `bottleneck` says whether all later ones see
    the input through it alone.

    Example:
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> layers = [([[1.0, 2.0]], None), ([[1.0], [2.0]], None), ([[1.0, 1.0]], None)]
        >>> wiring = Wiring.of(graph_from_arrays(layers))
        >>> wiring.sequential, wiring.reach, wiring.bottleneck
        (True, (1, 1), (True, True))
    """

    nodes: tuple[int, ...]
    sources: tuple[frozenset[int], ...]
    reach: tuple[int, ...]
    bottleneck: tuple[bool, ...]

    @classmethod
    def of(cls, graph: Graph) -> Wiring:
        """The wiring of a graph; nodes that the output does not depend on count as well, for their units switch."""
        read: list[frozenset[int]] = []
        dominators: list[frozenset[int]] = []
        sizes = [size_of(shape) for shape in graph.shapes]
        for index, node in enumerate(graph.nodes):
            carries = isinstance(node.op, PiecewiseOp) or index == 0
            behind = frozenset[int]().union(*(read[source] for source in node.inputs))
            read.append(frozenset({index}) if carries else behind)
            passed = [dominators[source] for source in node.inputs]
            common = frozenset.intersection(*passed) if passed else frozenset[int]()
            dominators.append(common | {index})
        nodes = graph.piecewise
        sources = [frozenset[int]().union(*(read[source] for source in graph.nodes[node].inputs)) for node in nodes]
        reach = [min(sizes[passed] for passed in dominators[node] - {node}) for node in nodes]
        bottleneck = [
            all(node in dominators[later] for later in nodes[number + 1 :]) for number, node in enumerate(nodes)
        ]
        return cls(nodes, tuple(sources), tuple(reach), tuple(bottleneck))

    @property
    def sequential(self) -> bool:
        """Whether each one reads the one before it alone."""
        return all(own == {before} for own, before in zip(self.sources, (0, *self.nodes), strict=False))
