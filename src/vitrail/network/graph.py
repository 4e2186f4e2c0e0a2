"""The frozen graph of ops: wiring, values at points, and affine maps along given patterns."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.ops.base import AffineOp, Input, Op, Pieces, PiecewiseOp, Shape
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.network.promote import quoted

__all__ = ["Graph", "Node", "SummaryRow", "piecewise_op"]


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """An op, the nodes it reads, and its place in the user's model.

    Example:
        >>> from vitrail.network.ops.base import Input
        >>> Node(Input((2,)), (), "input").op.shape
        (2,)
    """

    op: Op
    inputs: tuple[int, ...]
    name: str


class SummaryRow(NamedTuple):
    """One line of `Graph.summary`."""

    node: int
    name: str
    op: str
    inputs: tuple[int, ...]
    shape: Shape
    units: int
    pieces: int
    parameters: int


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in topological order; node 0 is the input, `output` the index of the output node.

    Shapes are without the batch dimension. `source` says where the graph comes from, `notes` what the user should know.

    Raises:
        InvalidModelError: wiring or shapes that do not fit, or a node without entries.

    Example:
        >>> from vitrail.network.ops.base import Input
        >>> from vitrail.network.ops.elementwise import relu
        >>> graph = Graph((Node(Input((2,)), (), "x"), Node(relu((2,)), (0,), "relu")), 1, "arrays")
        >>> graph.forward([[-1.0, 2.0]]).tolist(), graph.number_of_units
        ([[0.0, 2.0]], 2)
    """

    nodes: tuple[Node, ...]
    output: int
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the wiring."""
        if not self.nodes or not isinstance(self.nodes[0].op, Input) or not 0 <= self.output < len(self.nodes):
            raise InvalidModelError("a graph needs an input as node 0 and an output among its nodes")
        for index, node in enumerate(self.nodes):
            _check_node(self.nodes, index, node)

    @property
    def input_shape(self) -> Shape:
        """The shape of one input."""
        return self.nodes[0].op.shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one output."""
        return self.nodes[self.output].op.shape

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of every node's tensor."""
        return tuple(node.op.shape for node in self.nodes)

    @cached_property
    def piecewise(self) -> tuple[int, ...]:
        """Indices of the nodes that have units, in order; patterns list one array for each."""
        return tuple(index for index, node in enumerate(self.nodes) if isinstance(node.op, PiecewiseOp))

    @cached_property
    def number_of_units(self) -> int:
        """How many units the network has."""
        return sum(node.op.units for node in self.nodes if isinstance(node.op, PiecewiseOp))

    @cached_property
    def digest(self) -> str:
        """The sha256 of ops, parameters and wiring as 64 hex digits; names and notes do not count."""
        digest = hashlib.sha256(b"vitrail network 1")
        for node in self.nodes:
            digest.update(node.op.fingerprint() + repr(node.inputs).encode())
        digest.update(repr(self.output).encode())
        return digest.hexdigest()

    @cached_property
    def absolute(self) -> tuple[AffineOp | None, ...]:
        """Every affine op with absolute parameters, None for the others: maps magnitudes and errors."""
        return tuple(node.op.absolute() if isinstance(node.op, AffineOp) else None for node in self.nodes)

    def summary(self) -> list[SummaryRow]:
        """One row per node: place, op, shape, units, largest number of pieces, stored numbers."""
        rows = []
        for index, node in enumerate(self.nodes):
            units, pieces = (node.op.units, node.op.pieces) if isinstance(node.op, PiecewiseOp) else (0, 0)
            row = (node.op.name, node.inputs, node.op.shape, units, pieces, node.op.parameters)
            rows.append(SummaryRow(index, node.name, *row))
        return rows

    def forward(self, x: ArrayLike | Tensor) -> Tensor:
        """Values in float64: x (N, *input_shape), any real type, to (N, *output_shape).

        Raises:
            InvalidModelError: x of another shape.
        """
        values = self._points(x)

        def step(op: Op, tensors: Sequence[Tensor], _: int) -> Tensor:
            if isinstance(op, AffineOp):
                return op.forward(tensors)
            return op.forward(tensors[0]) if isinstance(op, Elementwise) else as_maximum(op).forward(tensors)

        return self._sweep(values, step, self.output)

    def pieces_at(self, x: ArrayLike | Tensor) -> list[np.ndarray]:
        """The patterns of points x (N, *input_shape): one array (N, units) per node of `piecewise`.

        A unit exactly on a breakpoint gets the lower piece, equal candidates of a maximum the lowest index.

        Raises:
            InvalidModelError: x of another shape.
        """
        found: dict[int, np.ndarray] = {}

        def step(op: Op, tensors: Sequence[Tensor], index: int) -> Tensor:
            if isinstance(op, AffineOp):
                return op.forward(tensors)
            if isinstance(op, Elementwise):
                found[index] = op.pieces_at(tensors[0])
                return op.apply(tensors[0][:, None], found[index])[:, 0]
            maximum = as_maximum(op)
            found[index] = maximum.pieces_at(tensors)
            return maximum.apply([tensor[:, None] for tensor in tensors], found[index])[:, 0]

        self._sweep(self._points(x), step, None)
        return [found[index] for index in self.piecewise]

    def follow(self, forms: Tensor, pieces: Sequence[Pieces]) -> Tensor:
        """Forms (B, c, *input_shape) along patterns (one array (B, units) per node of `piecewise`).

        Column 0 is the constant, the others are coefficients; returns the forms (B, c, *output_shape) of the output.

        Raises:
            InvalidModelError: forms or patterns of another shape.
        """
        if forms.ndim < 2 or tuple(forms.shape[2:]) != self.input_shape:
            raise InvalidModelError(f"follow: expected forms (B, c, *{self.input_shape}), found {tuple(forms.shape)}")
        if len(pieces) != len(self.piecewise):
            raise InvalidModelError(f"follow: expected {len(self.piecewise)} arrays of pieces, found {len(pieces)}")
        given = dict(zip(self.piecewise, pieces, strict=True))

        def step(op: Op, tensors: Sequence[Tensor], index: int) -> Tensor:
            if isinstance(op, AffineOp):
                return op.apply(tensors)
            if isinstance(op, Elementwise):
                return op.apply(tensors[0], given[index])
            return as_maximum(op).apply(tensors, given[index])

        return self._sweep(forms, step, self.output)

    def _points(self, x: ArrayLike | Tensor) -> Tensor:
        tensor = x.detach() if isinstance(x, Tensor) else torch.from_numpy(np.array(x, dtype=np.float64))
        tensor = tensor.to(torch.float64)
        if tensor.ndim != len(self.input_shape) + 1 or tuple(tensor.shape[1:]) != self.input_shape:
            raise InvalidModelError(
                f"expected points of shape (N, *{self.input_shape}), found {tuple(tensor.shape)}; "
                "add a batch dimension to a single point: x[None]"
            )
        return tensor

    @cached_property
    def _last_use(self) -> dict[int, int]:
        last: dict[int, int] = {}
        for index, node in enumerate(self.nodes):
            last.update(dict.fromkeys(node.inputs, index))
        return last

    def _sweep(self, start: Tensor, step: Callable[[Op, Sequence[Tensor], int], Tensor], output: int | None) -> Tensor:
        """Visit the nodes in order, dropping every tensor after its last use; returns the output's (or the last)."""
        live: dict[int, Tensor] = {0: start}
        for index, node in self._wanted(output):
            live[index] = step(node.op, [live[source] for source in node.inputs], index)
            for source in set(node.inputs):
                if self._last_use[source] == index and source != output:
                    del live[source]
        return live[output] if output is not None else start

    def _wanted(self, output: int | None) -> Iterator[tuple[int, Node]]:
        stop = len(self.nodes) if output is None else output + 1
        return ((index, self.nodes[index]) for index in range(1, stop))


def piecewise_op(graph: Graph, node: int) -> PiecewiseOp:
    """The op of a node that has units.

    Raises:
        InvalidModelError: the node has none.
    """
    op = graph.nodes[node].op
    if not isinstance(op, PiecewiseOp):
        raise InvalidModelError(f"node {node} ({op.name}) has no units")
    return op


def _check_node(nodes: tuple[Node, ...], index: int, node: Node) -> None:
    place = f"node {index} ({quoted(node.name)}, {node.op.name})"
    if 0 in node.op.shape:
        raise InvalidModelError(f"{place}: the tensor has no entries, shape {node.op.shape}")
    if index and isinstance(node.op, Input):
        raise InvalidModelError(f"{place}: a second input; exactly one is supported")
    if any(not 0 <= source < index for source in node.inputs):
        raise InvalidModelError(f"{place}: reads nodes {node.inputs}, which do not all come before it")
    found = tuple(nodes[source].op.shape for source in node.inputs)
    if found != node.op.input_shapes:
        raise InvalidModelError(f"{place}: expects inputs of shapes {node.op.input_shapes}, found {found}")
