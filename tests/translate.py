"""The oracles' plain description of a network as a graph of the package's ops, number for number."""

from __future__ import annotations

import numpy as np
import torch

from oracles import neutral
from oracles.convert import exact_array, exact_float
from vitrail.network.graph import Graph, Node
from vitrail.network.network import Network
from vitrail.network.ops.arithmetic import Add
from vitrail.network.ops.base import Input, Op
from vitrail.network.ops.concat import Concat
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.linear import Linear
from vitrail.network.ops.maximum import Maximum


def to_network(net: neutral.Net) -> Network:
    """The same network; every number must be a float64."""
    nodes = []
    for index, node in enumerate(net.nodes):
        op = _op(net, node, index)
        nodes.append(Node(op, tuple(neutral.sources(node)), f"node{index}"))
    return Network(Graph(tuple(nodes), net.output, "arrays"))


def _op(net: neutral.Net, node: object, index: int) -> Op:
    size = net.sizes[index]
    if isinstance(node, neutral.Input):
        return Input((size,))
    if isinstance(node, neutral.Affine):
        weight = np.array([[exact_float(v) for v in row] for row in node.weight])
        return Linear(torch.from_numpy(weight), torch.from_numpy(exact_array(node.bias)))
    if isinstance(node, neutral.Elementwise):
        return _elementwise(node, size)
    if isinstance(node, neutral.Maximum):
        width = max(len(group) for group in node.groups)
        groups = np.array([[*group, *[-1] * (width - len(group))] for group in node.groups])
        return Maximum(groups, node.sign, ((net.sizes[node.source],),), (size,))
    if isinstance(node, neutral.Add):
        return Add(((size,), (size,)), (1, 1))
    assert isinstance(node, neutral.Concat)
    return Concat(((net.sizes[node.left],), (net.sizes[node.right],)), 0)


def _elementwise(node: neutral.Elementwise, size: int) -> Op:
    rows = max(len(points) for points in node.breakpoints)

    def table(parts: object, length: int, fill: float | None) -> np.ndarray:
        columns = [[exact_float(v) for v in part] for part in parts]  # type: ignore[attr-defined]
        padded = [c + [c[-1] if fill is None else fill] * (length - len(c)) for c in columns]
        return np.array(padded).reshape(size, length).T

    return Elementwise(
        "elementwise",
        table(node.breakpoints, rows, np.inf),
        table(node.slopes, rows + 1, None),
        table(node.intercepts, rows + 1, None),
        (size,),
    )
