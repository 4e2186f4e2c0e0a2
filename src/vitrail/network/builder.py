"""Building a graph while importing: values with the source's own shapes, nodes without the batch dimension."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from vitrail.errors import InvalidModelError, UnsupportedOpError
from vitrail.network.graph import Graph, Node
from vitrail.network.ops.arithmetic import Scale
from vitrail.network.ops.base import Input, Op, Shape, check_size
from vitrail.network.ops.shape import reshape, select
from vitrail.network.promote import check_finite, quoted

__all__ = ["GraphBuilder", "Refusal", "Value", "refuse_all"]


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor of the imported program that depends on the input.

    `shape` is its shape in that program run on one sample, so its first axis usually is the batch of size 1; the
    node holds the same entries in the same order, usually without that axis.
    """

    node: int
    shape: Shape


class Refusal(Exception):
    """An operation that cannot be imported: why, and what to do. Importers collect these and raise one error."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


def without_batch(shape: Shape) -> Shape:
    """The shape of a node for a value's shape: a first axis of size 1 is the batch.

    Example:
        >>> without_batch((1, 3)), without_batch((5,))
        ((3,), (5,))
    """
    return shape[1:] if shape[:1] == (1,) else shape


class GraphBuilder:
    """Collects nodes in topological order; `place` is the name that the next nodes get."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.place = "input"
        self.nodes: list[Node] = []
        self.notes: list[str] = []
        self._reshaped: dict[tuple[int, Shape], int] = {}

    def note(self, text: str) -> None:
        """Remember something the user should know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def input(self, shape: Shape) -> Value:
        """The input, of the source's shape."""
        self.nodes.append(Node(Input(without_batch(shape)), (), self.place))
        return Value(0, shape)

    def emit(self, op: Op, values: Sequence[Value], shape: Shape) -> Value:
        """Add an op; its inputs are reshaped to what it expects, its output gets the source's shape."""
        check_size(op.shape, op.name)
        if math.prod(shape) != math.prod(op.shape):
            raise InvalidModelError(f"{quoted(self.place)}: {op.name} gives shape {op.shape}, the model says {shape}")
        for field in dataclasses.fields(op):  # type: ignore[arg-type]
            constant = getattr(op, field.name)
            if isinstance(constant, Tensor) and constant.is_floating_point():
                check_finite(constant, f"{field.name} of {op.name} at {quoted(self.place)}")
        wanted = zip(values, op.input_shapes, strict=True)
        inputs = tuple(self._as_shape(value, expected) for value, expected in wanted)
        self.nodes.append(Node(op, inputs, self.place))
        return Value(len(self.nodes) - 1, shape)

    def _as_shape(self, value: Value, shape: Shape) -> int:
        found = self.nodes[value.node].op.shape
        if found == shape:
            return value.node
        key = (value.node, shape)
        if key not in self._reshaped:
            self.nodes.append(Node(reshape(found, shape), (value.node,), f"{self.place}.reshape"))
            self._reshaped[key] = len(self.nodes) - 1
        return self._reshaped[key]

    def rearrange(self, value: Value, move: Callable[[np.ndarray], np.ndarray]) -> Value:
        """Anything that only moves entries: `move` acts on the table of flat positions; -1 stands for a 0."""
        positions = np.arange(math.prod(value.shape), dtype=np.int64).reshape(value.shape)
        return self.place_table(value, move(positions))

    def place_table(self, value: Value, table: np.ndarray) -> Value:
        """Entries by a table of flat positions in the value, of the result's shape; -1 stands for a 0."""
        positions = np.arange(math.prod(value.shape), dtype=np.int64)
        if table.size == positions.size and (table.reshape(-1) == positions).all():
            return Value(value.node, tuple(table.shape))
        size = self.nodes[value.node].op.shape
        return self.emit(select(size, table.reshape(without_batch(table.shape))), [value], tuple(table.shape))

    def constant(self, tensor: Tensor) -> Value:
        """A constant as a value: zero times the input, plus the constant."""
        check_finite(tensor, f"constant at {quoted(self.place)}")
        shape = tuple(tensor.shape)
        own = without_batch(shape)
        size = self.nodes[0].op.shape
        zero = self.emit(select(size, np.full(own, -1, dtype=np.int64)), [Value(0, size)], shape)
        bias = tensor.to(torch.float64).reshape(own).clone()
        return self.emit(Scale(own, None, bias, "constant"), [zero], shape)

    def finish(self, value: Value) -> Graph:
        """The graph with this output, without nodes that it does not need."""
        output = self._as_shape(value, without_batch(value.shape))
        needed = {0, output}
        for index in range(output, 0, -1):
            if index in needed:
                needed.update(self.nodes[index].inputs)
        order = sorted(needed)
        renumber = {old: new for new, old in enumerate(order)}
        nodes = [self.nodes[index] for index in order]
        moved = tuple(
            dataclasses.replace(node, inputs=tuple(renumber[source] for source in node.inputs)) for node in nodes
        )
        return Graph(moved, renumber[output], self.source, tuple(self.notes))


def refuse_all(refusals: Sequence[tuple[str, str, Refusal]]) -> None:
    """Raise one error for all refused nodes, given as (place, op, refusal); nothing when there are none.

    Raises:
        UnsupportedOpError: the first line has the number and the first node; the others follow, one per line.
    """
    if not refusals:
        return
    count = len(refusals)
    place, op, first = refusals[0]
    head = f"{count} unsupported operation{'s' if count > 1 else ''}: {op} at {quoted(place)}: {first.reason}"
    lines = [f"  {op} at {quoted(place)}: {refusal.reason}" for place, op, refusal in refusals[1:]]
    advice = dict.fromkeys(refusal.advice for _, _, refusal in refusals if refusal.advice)
    raise UnsupportedOpError("\n".join([head, *lines, *advice]))
