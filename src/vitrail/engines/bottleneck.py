"""Networks that read their input through an affine map onto fewer coordinates: the same regions in a smaller space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import nmod_mat

from vitrail.domains import Space
from vitrail.engines.roots import Roots
from vitrail.network.exact import exact_forms
from vitrail.network.graph import Graph, Node
from vitrail.network.ops.base import AffineOp, Input, size_of

__all__ = ["Bottleneck", "find_bottleneck", "narrowest_node"]

_PRIME = 2**61 - 1


@dataclass(frozen=True)
class Bottleneck:
    """The rest of a network behind an affine map y = constant + t @ slopes of all inputs onto all y.

    `constant` has shape (m,), `slopes` (inputs, m), rounded. Because the map is onto, regions and facets in the space
    of y are those in the space of inputs.
    """

    graph: Graph
    constant: np.ndarray
    slopes: np.ndarray

    def inputs(self, points: np.ndarray) -> np.ndarray:
        """Inputs (points, n) that are mapped to y (points, m), the shortest ones up to rounding."""
        return np.linalg.lstsq(self.slopes.T, (points - self.constant).T, rcond=None)[0].T


def narrowest_node(graph: Graph) -> int | None:
    """The narrowest affine node before all units through which alone the input is read, if it is narrower than that.

    Example:
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> narrowest_node(graph_from_arrays([([[1.0, 2.0, 3.0]], None), ([[1.0]], None)]))
        1
    """
    sizes = [size_of(shape) for shape in graph.shapes]
    stop = graph.piecewise[0] if graph.piecewise else graph.output + 1
    alone = [
        node
        for node in range(1, stop)
        if isinstance(graph.nodes[node].op, AffineOp)
        and all(source >= node for later in graph.nodes[node + 1 :] for source in later.inputs)
        and sizes[node] < sizes[0]
    ]
    return min(alone, key=lambda number: sizes[number], default=None)


def find_bottleneck(graph: Graph) -> Bottleneck | None:
    """The network behind its `narrowest_node`; None where there is none, no unit, or not all of its values are taken.

    Example:
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> find_bottleneck(graph_from_arrays([([[1.0, 2.0, 3.0]], None), ([[1.0]], None)])).graph.input_shape
        (1,)
    """
    node = narrowest_node(graph) if graph.piecewise else None
    if node is None:
        return None
    sizes = [size_of(shape) for shape in graph.shapes]
    inputs = Roots.of([Space(graph.input_shape)], graph.input_shape).exact()
    forms = exact_forms(graph, {0: inputs}, np.zeros(1, dtype=np.int64), ())[node]
    integers = forms.integers(forms.exponent).reshape(sizes[0] + 1, sizes[node])
    # a rank modulo a prime is never above the true one
    flat = [int(value) % _PRIME for value in integers[1:].reshape(-1)]
    if nmod_mat(sizes[0], sizes[node], flat, _PRIME).rank() < sizes[node]:
        return None
    rest = [Node(Input(graph.shapes[node]), (), graph.nodes[node].name)]
    rest += [Node(later.op, tuple(s - node for s in later.inputs), later.name) for later in graph.nodes[node + 1 :]]
    rounded = forms.to_floats().numpy().reshape(sizes[0] + 1, sizes[node])
    return Bottleneck(Graph(tuple(rest), graph.output - node, graph.source), rounded[0], rounded[1:])
