"""How a graph is wired: which nodes feed units, what each layer of units reads, and where everything passes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vitrail.network.graph import Graph
from vitrail.network.ops.base import size_of

__all__ = ["Wiring", "wiring_of"]


@dataclass(frozen=True)
class Wiring:
    """Facts about the nodes of a graph, by their numbers; units of which the output knows nothing count as well.

    `needed` nodes lead to one with units, itself included; `feeding` ones lead to a later one. `before` the first
    units: nodes that are affine in the input. `sources`: for each node with units the earlier ones (0: the input) that
    it reads through affine ops alone. `bottlenecks`: nodes with units through which alone all later units see the
    input. `reaches`: for each node with units the size of the narrowest node before it through which alone it sees the
    input, the input included.
    """

    needed: frozenset[int]
    feeding: frozenset[int]
    before: frozenset[int]
    sources: dict[int, frozenset[int]]
    bottlenecks: frozenset[int]
    reaches: dict[int, int]

    @property
    def sequential(self) -> bool:
        """Whether every layer of units reads the one before it alone."""
        layers = sorted(self.sources)
        return all(self.sources[layer] == {read} for layer, read in zip(layers, (0, *layers), strict=False))


def wiring_of(graph: Graph) -> Wiring:
    """The facts about a graph.

    Example:
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> found = wiring_of(graph_from_arrays([([[1.0, 2.0]], None), ([[1.0]], None), ([[1.0]], None)]))
        >>> sorted(found.bottlenecks), found.reaches, found.sequential
        ([2, 4], {2: 1, 4: 1}, True)
    """
    layers, sizes = set(graph.piecewise), [size_of(shape) for shape in graph.shapes]
    dominators, read = _dominators(graph), _sources(graph)
    return Wiring(
        needed=_behind(graph, layers) | layers,
        feeding=_behind(graph, layers),
        before=_affine_in_input(graph),
        sources={layer: _union(read[source] for source in graph.nodes[layer].inputs) for layer in graph.piecewise},
        bottlenecks=frozenset(
            layer for layer in layers if all(layer in dominators[later] for later in layers if later > layer)
        ),
        reaches={layer: min(sizes[node] for node in dominators[layer] - {layer}) for layer in graph.piecewise},
    )


def _union(sets: Iterable[frozenset[int]]) -> frozenset[int]:
    return frozenset[int]().union(*sets)


def _behind(graph: Graph, nodes: set[int]) -> frozenset[int]:
    """All that some nodes read, directly or through others."""
    found, todo = set[int](), [source for node in nodes for source in graph.nodes[node].inputs]
    while todo:
        index = todo.pop()
        if index not in found:
            found.add(index)
            todo += graph.nodes[index].inputs
    return frozenset(found)


def _affine_in_input(graph: Graph) -> frozenset[int]:
    found, layers = {0}, set(graph.piecewise)
    for index, node in enumerate(graph.nodes[1:], start=1):
        if index not in layers and found.issuperset(node.inputs):
            found.add(index)
    return frozenset(found)


def _sources(graph: Graph) -> list[frozenset[int]]:
    """Per node the nodes with units (0: the input) whose values it is an affine map of; of such a node, itself."""
    found: list[frozenset[int]] = []
    layers = {0, *graph.piecewise}
    for index, node in enumerate(graph.nodes):
        found.append(frozenset({index}) if index in layers else _union(found[source] for source in node.inputs))
    return found


def _dominators(graph: Graph) -> list[frozenset[int]]:
    """Per node the nodes, itself included, that lie on every path from the input to it."""
    found: list[frozenset[int]] = []
    for index, node in enumerate(graph.nodes):
        passed = [found[source] for source in node.inputs]
        found.append((frozenset.intersection(*passed) if passed else frozenset()) | {index})
    return found
