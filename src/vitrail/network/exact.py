"""Exact forms of a network along given patterns: nothing is rounded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp, Op
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.fixed import Fixed, aligned

__all__ = ["deciding_forms", "exact_forms", "exact_pieces"]


def exact_forms(
    graph: Graph, known: dict[int, Fixed], rows: np.ndarray, patterns: Sequence[np.ndarray]
) -> dict[int, Fixed]:
    """Exact forms (cells, k + 1, *shape) of every node, as far as the patterns reach.

    `known` has the forms of some first nodes, of the input (node 0) at least, and `rows` says which row of these
    belongs to each cell; `patterns` are one array (cells, units) for each of the first piecewise ops that are not
    known. Stops before the next piecewise op; with a pattern for each the output's node is there.

    Raises:
        ResourceLimitError: a sum of more terms than can be exact.

    Example:
        >>> from vitrail.network.network import Network
        >>> graph = Network.from_arrays([([[3.0], [-1.0]], None), ([[1.0, 1.0]], None)]).graph
        >>> root = Fixed.from_floats(torch.tensor([[[0.0], [1.0]]], dtype=torch.float64))
        >>> forms = exact_forms(graph, {0: root}, np.array([0]), [np.array([[1, 0]])])
        >>> forms[graph.output].to_floats().tolist()
        [[[0.0], [3.0]]]
    """
    index = torch.from_numpy(np.asarray(rows))
    forms = {node: form.with_digits(form.digits.index_select(1, index)) for node, form in known.items()}
    given = iter(patterns)
    for number, node in enumerate(graph.nodes[: graph.output + 1]):
        if number in forms:
            continue
        inputs = [forms[source] for source in node.inputs]
        if isinstance(node.op, AffineOp):
            forms[number] = node.op.apply_exact(inputs)
            continue
        pieces = next(given, None)
        if pieces is None:
            break
        forms[number] = _along(node.op, inputs, pieces)
    return forms


def exact_pieces(graph: Graph, points: Fixed) -> list[np.ndarray]:
    """The piece of every unit at points (N, *input_shape), an array (N, units) per piecewise op: nothing is rounded.

    On a breakpoint it is the lower piece, among equal candidates the first.

    Raises:
        ResourceLimitError: a sum of more terms than can be exact.

    Example:
        >>> from vitrail.network.network import Network
        >>> graph = Network.from_arrays([([[3.0], [-1.0]], None), ([[1.0, 1.0]], None)]).graph
        >>> exact_pieces(graph, Fixed.from_floats(torch.tensor([[0.5], [0.0]], dtype=torch.float64)))[0].tolist()
        [[1, 0], [0, 0]]
    """
    # a point's values are forms with nothing but the constant
    forms = {0: points.with_digits(points.digits[:, :, None])}
    result = []
    for number, node in enumerate(graph.nodes[: graph.output + 1]):
        if number == 0:
            continue
        inputs = [forms[source] for source in node.inputs]
        if isinstance(node.op, AffineOp):
            forms[number] = node.op.apply_exact(inputs)
            continue
        pieces = node.op.pieces_exact(inputs[0]) if isinstance(node.op, Elementwise) else _winners(node.op, inputs)
        result.append(pieces)
        forms[number] = _along(node.op, inputs, pieces)
    return result


def _winners(op: Op, inputs: Sequence[Fixed]) -> np.ndarray:
    """The first of the largest candidates of each group, shape (N, units)."""
    maximum = as_maximum(op)
    digits, exponent = aligned(inputs)
    flat = torch.cat([part.flatten(2) for part in digits], dim=2) * maximum.sign
    groups = torch.from_numpy(maximum.candidates.copy())
    winner = (groups >= 0).int().argmax(dim=1).repeat(flat.shape[1], 1)
    for place in range(groups.shape[1]):
        best = flat.gather(2, groups[torch.arange(len(groups)), winner].expand(flat.shape[0], -1, -1))
        other = flat[:, :, groups[:, place].clamp(min=0)]
        larger = torch.from_numpy(Fixed(other - best, exponent).normalized().signs() > 0) & (groups[:, place] >= 0)
        winner = torch.where(larger, place, winner)
    return winner.numpy()


def _along(op: Op, inputs: Sequence[Fixed], pieces: np.ndarray) -> Fixed:
    return (
        op.apply_exact(inputs[0], pieces) if isinstance(op, Elementwise) else as_maximum(op).apply_exact(inputs, pieces)
    )


def deciding_forms(graph: Graph, node: int, forms: dict[int, Fixed]) -> Fixed:
    """The forms that decide a piecewise node's pieces, (cells, k + 1, forms), candidates of a minimum negated."""
    op = graph.nodes[node].op
    digits, exponent = aligned([forms[source] for source in graph.nodes[node].inputs])
    joined = torch.cat([part.flatten(3) for part in digits], dim=3)
    sign = 1 if isinstance(op, Elementwise) else as_maximum(op).sign
    return Fixed(sign * joined, exponent).normalized()
