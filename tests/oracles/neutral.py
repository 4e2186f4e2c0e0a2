"""A plain description of piecewise-linear networks, and their value at a point in exact rationals.

A network is a list of nodes in topological order; every tensor is a flat vector:

    ("input", size)
    ("affine", W, b, i)                                   W x + b of node i
    ("elementwise", breakpoints, slopes, intercepts, i)   piece p of unit u is slopes[u][p] z + intercepts[u][p]
    ("max", groups, sign, i)                              unit g is the maximum (minimum for sign -1) of groups[g]
    ("add", i, j)      ("concat", i, j)

Numbers are promoted without rounding. Pieces: a unit exactly on a breakpoint has the lower piece, equal candidates the
lowest position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

Number = Any  # int, Fraction, float or a numpy scalar
Vector = tuple[Fraction, ...]
Matrix = tuple[Vector, ...]
Pattern = tuple[int, ...]
ElementwiseLayer = tuple[str, list[list[Number]], list[list[Number]], list[list[Number]]]


def exact_number(value: Number) -> Fraction:
    """The rational that the stored number is, without rounding."""
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if isinstance(value, np.integer):
        return Fraction(int(value))
    if isinstance(value, float | np.float16 | np.float32):
        return Fraction(float(value))  # raises on nan and infinities
    raise TypeError(f"expected an int, Fraction or float up to 64 bits, found {type(value).__name__}")


def exact_vector(values: Sequence[Number]) -> Vector:
    """The rationals of a vector."""
    return tuple(exact_number(value) for value in values)


def exact_matrix(rows: Sequence[Sequence[Number]]) -> Matrix:
    """The rationals of a matrix."""
    return tuple(exact_vector(row) for row in rows)


@dataclass(frozen=True)
class Affine:
    """W x + b of one node."""

    weight: Matrix
    bias: Vector
    source: int


@dataclass(frozen=True)
class Elementwise:
    """A continuous piecewise-linear function of each entry of one node."""

    breakpoints: Matrix
    slopes: Matrix
    intercepts: Matrix
    source: int

    def __post_init__(self) -> None:
        for points, slopes, intercepts in zip(self.breakpoints, self.slopes, self.intercepts, strict=True):
            if not len(points) + 1 == len(slopes) == len(intercepts):
                raise ValueError("expected one more slope and intercept than breakpoints")
            if any(a >= b for a, b in pairwise(points)):
                raise ValueError("expected increasing breakpoints")
            for p, z in enumerate(points):
                if slopes[p] * z + intercepts[p] != slopes[p + 1] * z + intercepts[p + 1]:
                    raise ValueError(f"expected a continuous function, found a jump at {z}")


@dataclass(frozen=True)
class Maximum:
    """The maximum (sign 1) or minimum (sign -1) of groups of entries of one node."""

    groups: tuple[tuple[int, ...], ...]
    sign: int
    source: int


@dataclass(frozen=True)
class Add:
    """The sum of two nodes."""

    left: int
    right: int


@dataclass(frozen=True)
class Concat:
    """Two nodes one after the other."""

    left: int
    right: int


@dataclass(frozen=True)
class Input:
    """The input vector."""

    size: int


Node = Input | Affine | Elementwise | Maximum | Add | Concat


def sources(node: Node) -> tuple[int, ...]:
    """The nodes that a node reads."""
    if isinstance(node, Input):
        return ()
    if isinstance(node, Add | Concat):
        return (node.left, node.right)
    return (node.source,)


def parse_node(raw: Sequence[Any]) -> Node:
    """The checked node of a plain tuple."""
    kind = raw[0]
    if kind == "input":
        return Input(int(raw[1]))
    if kind == "affine":
        return Affine(exact_matrix(raw[1]), exact_vector(raw[2]), int(raw[3]))
    if kind == "elementwise":
        return Elementwise(exact_matrix(raw[1]), exact_matrix(raw[2]), exact_matrix(raw[3]), int(raw[4]))
    if kind == "max":
        return Maximum(tuple(tuple(int(i) for i in group) for group in raw[1]), int(raw[2]), int(raw[3]))
    if kind == "add":
        return Add(int(raw[1]), int(raw[2]))
    if kind == "concat":
        return Concat(int(raw[1]), int(raw[2]))
    raise ValueError(f"unknown kind of node {kind!r}")


def output_size(node: Node, sizes: Sequence[int]) -> int:
    """The length of a node's vector; ValueError where its parts do not fit together."""
    if isinstance(node, Input):
        return node.size
    if isinstance(node, Affine):
        fits = len(node.weight) == len(node.bias) and all(len(row) == sizes[node.source] for row in node.weight)
        size = len(node.bias)
    elif isinstance(node, Elementwise):
        fits = len(node.breakpoints) == sizes[node.source]
        size = sizes[node.source]
    elif isinstance(node, Maximum):
        fits = node.sign in (1, -1) and all(
            group and all(0 <= i < sizes[node.source] for i in group) for group in node.groups
        )
        size = len(node.groups)
    elif isinstance(node, Add):
        fits = sizes[node.left] == sizes[node.right]
        size = sizes[node.left]
    else:
        fits = True
        size = sizes[node.left] + sizes[node.right]
    if not fits:
        raise ValueError(f"the parts of {type(node).__name__} do not fit its inputs of sizes {list(sizes)}")
    return size


@dataclass(frozen=True)
class Net:
    """A piecewise-linear network as exact numbers; `output` defaults to the last node."""

    nodes: tuple[Node, ...]
    output: int

    @classmethod
    def build(cls, raw: Sequence[Sequence[Any]], output: int | None = None) -> Net:
        """The network of plain tuples (see the module's text)."""
        nodes = tuple(parse_node(node) for node in raw)
        return cls(nodes, len(nodes) - 1 if output is None else output)

    @classmethod
    def chain(cls, size: int, layers: Sequence[Sequence[Any]]) -> Net:
        """The network of layers without input indices, each reading the one before."""
        return cls.build([("input", size), *((*layer, i) for i, layer in enumerate(layers))])

    def __post_init__(self) -> None:
        sizes: list[int] = []
        for index, node in enumerate(self.nodes):
            if isinstance(node, Input) != (index == 0) or any(not 0 <= i < index for i in sources(node)):
                raise ValueError(f"node {index} is out of order")
            sizes.append(output_size(node, sizes))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The length of every node's vector."""
        sizes: list[int] = []
        for node in self.nodes:
            sizes.append(output_size(node, sizes))
        return tuple(sizes)

    @cached_property
    def piecewise(self) -> tuple[int, ...]:
        """The nodes with units, in order; a pattern is the concatenation of their pieces."""
        return tuple(i for i, node in enumerate(self.nodes) if isinstance(node, Elementwise | Maximum))

    @cached_property
    def pieces_per_unit(self) -> tuple[int, ...]:
        """The number of pieces of every unit of a pattern."""
        counts: list[int] = []
        for index in self.piecewise:
            node = self.nodes[index]
            if isinstance(node, Elementwise):
                counts.extend(len(slopes) for slopes in node.slopes)
            elif isinstance(node, Maximum):
                counts.extend(len(group) for group in node.groups)
        return tuple(counts)

    def split_pattern(self, pattern: Pattern) -> list[Pattern]:
        """The pieces of each piecewise node."""
        parts = []
        start = 0
        for index in self.piecewise:
            parts.append(pattern[start : start + self.sizes[index]])
            start += self.sizes[index]
        return parts


def forward(net: Net, x: Sequence[Number]) -> tuple[Pattern, Vector]:
    """The pattern and the output at a point."""
    values: list[Vector] = []
    pattern: list[int] = []
    for node in net.nodes:
        values.append(_value(node, values, exact_vector(x), pattern))
    return tuple(pattern), values[net.output]


def _value(node: Node, values: list[Vector], x: Vector, pattern: list[int]) -> Vector:
    if isinstance(node, Input):
        if len(x) != node.size:
            raise ValueError(f"expected {node.size} inputs, found {len(x)}")
        return x
    if isinstance(node, Affine):
        z = values[node.source]
        rows = zip(node.weight, node.bias, strict=True)
        return tuple(sum((w * v for w, v in zip(row, z, strict=True) if w and v), b) for row, b in rows)
    if isinstance(node, Elementwise):
        z = values[node.source]
        pieces = [sum(1 for point in points if point < v) for points, v in zip(node.breakpoints, z, strict=True)]
        pattern.extend(pieces)
        return tuple(node.slopes[u][p] * z[u] + node.intercepts[u][p] for u, p in enumerate(pieces))
    if isinstance(node, Maximum):
        z = values[node.source]
        winners = []
        for group in node.groups:
            scores = [node.sign * z[i] for i in group]
            winners.append(scores.index(max(scores)))
        pattern.extend(winners)
        return tuple(z[group[p]] for group, p in zip(node.groups, winners, strict=True))
    if isinstance(node, Add):
        return tuple(a + b for a, b in zip(values[node.left], values[node.right], strict=True))
    return values[node.left] + values[node.right]


def activation(name: str, size: int, slope: Number = Fraction(1, 4)) -> ElementwiseLayer:
    """The elementwise layer of a named activation, the same for `size` units.

    Names: relu, leaky_relu (with `slope`), abs, hardtanh (clamp to [-1, 1]), relu6.
    """
    table: dict[str, tuple[list[Number], list[Number], list[Number]]] = {
        "relu": ([0], [0, 1], [0, 0]),
        "leaky_relu": ([0], [slope, 1], [0, 0]),
        "abs": ([0], [-1, 1], [0, 0]),
        "hardtanh": ([-1, 1], [0, 1, 0], [-1, 0, 1]),
        "relu6": ([0, 6], [0, 1, 0], [0, 0, 6]),
    }
    points, slopes, intercepts = table[name]
    return "elementwise", [points] * size, [slopes] * size, [intercepts] * size


def mlp(layers: Sequence[tuple[Any, Any]], name: str = "relu", slope: Number = Fraction(1, 4)) -> Net:
    """The network with one activation between affine layers (W, b), and none after the last."""
    rows: list[Sequence[Any]] = []
    for i, (weight, bias) in enumerate(layers):
        if i:
            rows.append(activation(name, len(layers[i - 1][1]), slope))
        rows.append(("affine", weight, bias))
    return Net.chain(len(layers[0][0][0]), rows)
