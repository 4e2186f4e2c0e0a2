"""Which differences of patterns can reach the output: the structural proof that two affine maps are equal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vitrail.network.graph import Graph
from vitrail.network.ops.base import Op, piece_index
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum

__all__ = ["reaches_output"]


def reaches_output(graph: Graph, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """Whether the units in which two patterns differ are joined to the output by a path that is not switched off.

    Patterns as `Graph.pieces_at` gives them, arrays (pairs, units). Where the answer is False (shape (pairs,)) both
    patterns have the same affine map, in real arithmetic: every path from a differing unit meets a zero weight or a
    zero slope.

    Example:
        >>> from vitrail.network.network import Network
        >>> net = Network.from_arrays([([[1.0], [-1.0]], None), ([[1.0, 0.0]], None)])
        >>> on_off, both, neither = np.array([[1, 0]]), np.array([[1, 1]]), np.array([[0, 0]])
        >>> reaches_output(net.graph, [on_off], [both]).tolist()
        [False]
        >>> reaches_output(net.graph, [on_off], [neither]).tolist()
        [True]
    """
    pairs = first[0].shape[0] if first else 0
    patterns = dict(zip(graph.piecewise, zip(first, second, strict=True), strict=True))
    reached: dict[int, Tensor] = {0: torch.zeros(pairs, *graph.input_shape, dtype=torch.float64)}
    for index, node in enumerate(graph.nodes[1 : graph.output + 1], start=1):
        inputs = [reached[source] for source in node.inputs]
        absolute = graph.absolute[index]
        if absolute is not None:
            value = absolute.linear(inputs)
        else:
            a, b = patterns[index]
            value = _through(node.op, inputs, a) + _through(node.op, inputs, b)
            value = value + torch.from_numpy(a != b).reshape(value.shape)
        reached[index] = (value > 0).to(torch.float64)
    return reached[graph.output].flatten(1).any(dim=1).numpy()


def _through(op: Op, inputs: Sequence[Tensor], pieces: np.ndarray) -> Tensor:
    """What passes along the given pieces: through slopes that are not zero, or from the winner."""
    if not isinstance(op, Elementwise):
        return as_maximum(op).apply([tensor[:, None] for tensor in inputs], pieces)[:, 0]
    chosen = piece_index(pieces, inputs[0].device).reshape(pieces.shape)
    open_slopes = torch.from_numpy(np.asarray(op.slopes != 0)).to(torch.float64).gather(0, chosen)
    return inputs[0] * open_slopes.reshape(inputs[0].shape)
