"""The architecture of a network, and what its weights add: dense layers, ranks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from flint import fmpz_mat, nmod_mat

from vitrail.bounds.architecture import Architecture, Kernel, Layer
from vitrail.bounds.setting import Constants, DenseLayer, Setting
from vitrail.domains import Box, Domain, Segment, Space
from vitrail.errors import InvalidDomainError
from vitrail.network.graph import Graph
from vitrail.network.network import Network
from vitrail.network.ops.base import AffineOp, Op, size_of
from vitrail.network.ops.convolution import Convolution
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.linear import Linear
from vitrail.network.ops.maximum import Maximum, as_maximum
from vitrail.network.ops.shape import Select
from vitrail.network.wiring import wiring_of
from vitrail.numerics.fixed import Fixed

__all__ = ["architecture_of", "rank_at_most", "setting_of"]

_PRIME = 2**61 - 1
_RANKED, _RANKED_EXACTLY = 2**24, 2**21
"""Products (rows x columns x the smaller of both) up to which ranks are computed, modulo a prime and exactly."""


def architecture_of(net: Network) -> Architecture:
    """The architecture of a network on its whole input space.

    Example:
        >>> net = Network.from_arrays([([[1.0, 2.0], [0.0, 1.0]], [1.0, 0.0]), ([[1.0, 1.0]], None)])
        >>> architecture_of(net), architecture_of(net).homogeneous
        (Architecture(2-2-1, relu), False)
    """
    graph, wiring = net.graph, wiring_of(net.graph)
    inputs = size_of(graph.input_shape)
    layers = []
    for node in graph.piecewise:
        path, only = _path(graph, node), _only_map(graph, node)
        op = graph.nodes[node].op
        pieces, switched_off = _pieces(op)
        layers.append(
            Layer(
                pieces,
                op.name,
                switched_off,
                bottleneck=node in wiring.bottlenecks,
                reach=wiring.reaches[node],
                biased=any(_has_constant(affine) for affine in path),
                dense=wiring.sequential and _dense_map(only) is not None and _own_candidates(op),
                maximum=isinstance(op, Maximum),
                kernel=_kernel(only) if wiring.sequential else None,
            )
        )
    return Architecture(
        inputs,
        tuple(layers),
        size_of(graph.output_shape),
        sequential=wiring.sequential,
        homogeneous=not any(_has_constant(graph.nodes[node].op) for node in wiring.needed),
        source="network",
    )


def setting_of(net: Network, domain: Domain | None = None, *, constants: Constants | None = None) -> Setting:
    """A network as bounds see it: its architecture, its weights where layers are dense, and its domain.

    Raises:
        InvalidDomainError: a domain in a space of another dimension.

    Example:
        >>> net = Network.from_arrays([([[1.0, 2.0], [2.0, 4.0]], [1.0, 0.0]), ([[1.0, 1.0]], None)])
        >>> setting_of(net).ranks, setting_of(net, Box([0.0, 0.0], [1.0, 2.0])).lengths
        ((1,), (1.0, 2.0))
    """
    if domain is not None and domain.frame.basis.shape[1] != size_of(net.input_shape):
        raise InvalidDomainError(
            f"the domain lies in a space of {domain.frame.basis.shape[1]} inputs, but the network takes "
            f"{size_of(net.input_shape)} (shape {net.input_shape}); give one of that many inputs"
        )
    architecture = architecture_of(net)
    dimension = architecture.input_dimension if domain is None else domain.frame.dimension
    maps = [_dense_map(_only_map(net.graph, node)) for node in net.piecewise] if architecture.sequential else []
    weights = [_arrays(op) for op in maps if op is not None]
    whole = len(weights) == len(architecture.layers) and all(layer.dense for layer in architecture.layers)
    if not _around_origin(domain):
        # the cones of a network without biases meet elsewhere
        architecture = replace(architecture, homogeneous=False)
    return Setting(
        architecture.seen_from(dimension),
        weights=tuple(weights) if whole else None,
        ranks=tuple(rank_at_most(matrix) for matrix, _ in weights) if whole else None,
        lengths=_lengths(domain),
        constants=constants,
    )


def rank_at_most(matrix: np.ndarray) -> int:
    """An upper bound of the rank of a matrix of floats: the rank itself up to sizes where that takes a second.

    The rank modulo a prime is never above the true one: where it is full it is the rank, else the rank is computed
    exactly.

    Example:
        >>> rank_at_most(np.array([[1.0, 2.0], [2.0, 4.0]])), rank_at_most(np.eye(3))
        (1, 3)
    """
    matrix = matrix[(matrix != 0).any(axis=1)][:, (matrix != 0).any(axis=0)]
    rows, columns = matrix.shape
    full = min(rows, columns)
    if rows * columns * full > _RANKED or not full:
        return full
    numbers = Fixed.from_floats(torch.from_numpy(np.ascontiguousarray(matrix)))
    integers = [int(value) for value in numbers.integers(numbers.exponent).reshape(-1)]
    if nmod_mat(rows, columns, [value % _PRIME for value in integers], _PRIME).rank() == full:
        return full
    return full if rows * columns * full > _RANKED_EXACTLY else int(fmpz_mat(rows, columns, integers).rank())


def _only_map(graph: Graph, node: int) -> Op | None:
    """The one affine op, but for reshapes, through which a node with units reads all that it reads; None for others."""
    ends = set[int]()
    for source in graph.nodes[node].inputs:
        while _is_reshape(graph.nodes[source].op):
            (source,) = graph.nodes[source].inputs
        ends.add(source)
    op = graph.nodes[ends.pop()].op if len(ends) == 1 else None
    return op if isinstance(op, AffineOp) and _path(graph, node) == [op] else None


def _is_reshape(op: Op) -> bool:
    return isinstance(op, Select) and op.index is None


def _path(graph: Graph, node: int) -> list[Op]:
    """The affine ops between a node and the nodes with units (or the input) that it reads, reshapes left out."""
    found, todo = set[int](), list(graph.nodes[node].inputs)
    while todo:
        index = todo.pop()
        if index not in found and isinstance(graph.nodes[index].op, AffineOp):
            found.add(index)
            todo += graph.nodes[index].inputs
    ops = [graph.nodes[index].op for index in sorted(found)]
    return [op for op in ops if not _is_reshape(op)]


def _dense_map(op: Op | None) -> Linear | None:
    """The op, if it is a matrix times a vector."""
    return op if isinstance(op, Linear) and op.weight is not None else None


def _kernel(op: Op | None) -> Kernel | None:
    """The shape of the op, if it is a convolution without padding, groups or dilation."""
    if not isinstance(op, Convolution) or op.groups > 1 or any(map(any, op.padding)) or max(op.dilation) > 1:
        return None
    if len(op.input_shape) != op.kernels.ndim - 1:
        return None
    return Kernel(op.input_shape, tuple(op.kernels.shape[2:]), op.stride, op.kernels.shape[0])


def _pieces(op: Op) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The kinds of units of an op, and whether all that switch have two pieces of which one is constant."""
    if isinstance(op, Elementwise):
        counts = np.isfinite(op.breakpoints).sum(axis=0) + 1
        two = counts == 2
        flat = (op.slopes[:2] == 0).sum(axis=0) == 1
        return _tally(counts), bool((flat | ~two).all() and (counts <= 2).all())
    counts = (as_maximum(op).candidates >= 0).sum(axis=1)
    return _tally(counts), False


def _tally(counts: np.ndarray) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(Counter(counts.tolist()).items()))


def _own_candidates(op: Op) -> bool:
    """Whether no two units of an op share a candidate."""
    if not isinstance(op, Maximum):
        return True
    listed = op.candidates[op.candidates >= 0]
    return len(np.unique(listed)) == len(listed)


def _has_constant(op: Op) -> bool:
    """Whether an op maps 0 to anything else, or has a breakpoint elsewhere."""
    if isinstance(op, AffineOp):
        return op.bias is not None and bool((op.bias != 0).any())
    if isinstance(op, Elementwise):
        points = op.breakpoints[np.isfinite(op.breakpoints)]
        return bool(points.any() or op.intercepts.any())
    return False


def _arrays(op: Linear) -> DenseLayer:
    matrix = op.matrix.numpy()
    return matrix, np.zeros(len(matrix)) if op.bias is None else op.bias.numpy()


def _around_origin(domain: Domain | None) -> bool:
    """Whether the origin is known to lie inside a domain of all dimensions."""
    if isinstance(domain, Box):
        low, high = domain.limits
        return bool((low < 0).all() and (high > 0).all())
    return domain is None or isinstance(domain, Space)


def _lengths(domain: Domain | None) -> tuple[float, ...] | None:
    if isinstance(domain, Segment):
        return (domain.measure,)
    if isinstance(domain, Box):
        low, high = domain.limits
        return tuple((high - low).tolist())
    return None
