"""How the affine map changes across facets: by the one unit that switches, carried to the output, or by its value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.network.graph import Graph, piecewise_op
from vitrail.network.ops.base import AffineOp, size_of
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum

__all__ = ["followed", "jumps_of", "maps_along"]

_MOST_NUMBERS = 2**23
"""Numbers of the largest tensor of a batch."""


def jumps_of(region: LocalHalfspaces, rows: np.ndarray, beyond: Sequence[np.ndarray]) -> np.ndarray:
    """The u of each change J+ - J- = outer(normal, u) of the slopes (n, outputs) across some rows: (rows, outputs).

    Only the row's unit switches there, to its piece in `beyond`, an array (rows, units) per op. What it then gives
    differs by a multiple of the row's own form, and later ops, whose pieces are the same on both sides, carry that to
    the output as u = W_L D_(L-1) ... W_(l+1) e_i times the change of slope (chain rule; continuity allows no other
    change).
    """
    graph, result = region.net.graph, np.zeros((rows.size, region.affine_map.shape[1]))
    first = 0
    for layer, node in enumerate(graph.piecewise):
        op = piecewise_op(graph, node)
        own = np.flatnonzero(region.layers[rows] == layer)
        units, lengths = region.units[rows[own]] - first, region.lengths[rows[own]]
        first += op.units
        if isinstance(op, Elementwise):
            here, there = region.pattern[layer][units].astype(np.int64), beyond[layer][own, units].astype(np.int64)
            steps = (op.slopes[there, units] - op.slopes[here, units]) * (there - here) * lengths
        else:
            steps = as_maximum(op).sign * lengths
        size = max(1, _MOST_NUMBERS // max(size_of(shape) for shape in graph.shapes))
        for start in range(0, own.size, size):
            part = slice(start, start + size)
            result[own[part]] = _carried(graph, node, units[part], steps[part], region.pattern)
    return result


def _carried(
    graph: Graph, node: int, units: np.ndarray, steps: np.ndarray, pattern: Sequence[np.ndarray]
) -> np.ndarray:
    """What the outputs change by, (columns, outputs), when one unit of a node each changes by a step."""
    # the constant, column 0, is not looked at: it takes what ops add
    columns = torch.zeros((1, units.size + 1, size_of(graph.shapes[node])), dtype=torch.float64)
    columns[0, torch.arange(1, units.size + 1), torch.from_numpy(units)] = torch.from_numpy(steps)
    live: dict[int, Tensor] = {node: columns.reshape(1, -1, *graph.shapes[node])}
    pieces = dict(zip(graph.piecewise, pattern, strict=True))
    for index in range(node + 1, graph.output + 1):
        own = graph.nodes[index]
        if not any(source in live for source in own.inputs):
            continue
        shapes = {source: (1, units.size + 1, *graph.shapes[source]) for source in own.inputs}
        inputs = [live.get(source, torch.zeros(shapes[source], dtype=torch.float64)) for source in own.inputs]
        if isinstance(own.op, AffineOp):
            live[index] = own.op.apply(inputs)
        elif isinstance(own.op, Elementwise):
            live[index] = own.op.apply(inputs[0], pieces[index][None])
        else:
            live[index] = as_maximum(own.op).apply(inputs, pieces[index][None])
    if graph.output not in live:
        return np.zeros((units.size, size_of(graph.output_shape)))
    return live[graph.output][0, 1:].reshape(units.size, -1).numpy()


def followed(graph: Graph, columns: np.ndarray, patterns: Sequence[np.ndarray]) -> np.ndarray:
    """What inputs (columns, n) become along patterns, (cells, units) per op: (cells, columns, outputs).

    The first column is a point, the others are directions.
    """
    count, outputs = len(patterns[0]) if patterns else 1, size_of(graph.output_shape)
    result = np.empty((count, len(columns), outputs))
    largest = len(columns) * max(size_of(shape) for shape in graph.shapes)
    forms = torch.from_numpy(columns.reshape(1, len(columns), *graph.input_shape).copy())
    for start in range(0, count, max(1, _MOST_NUMBERS // largest)):
        part = slice(start, min(count, start + max(1, _MOST_NUMBERS // largest)))
        size = part.stop - start
        given = forms.expand(size, *forms.shape[1:])
        found = graph.follow(given, [own[part] for own in patterns])
        result[part] = found.reshape(size, len(columns), outputs).numpy()
    return result


def maps_along(graph: Graph, patterns: Sequence[np.ndarray]) -> np.ndarray:
    """The affine maps (cells, n + 1, outputs) along patterns, (cells, units) per op."""
    inputs = size_of(graph.input_shape)
    return followed(graph, np.concatenate([np.zeros((1, inputs)), np.eye(inputs)]), patterns)
