"""The columns that gradients are carried in, and the norms of gradients, summed up chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from vitrail.engines.bottleneck import narrowest_node
from vitrail.local.gradients.columns import add_columns, raised, root_of, spans
from vitrail.local.gradients.sweep import first_switch, linear, row_errors
from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp, size_of
from vitrail.network.ops.maximum import Maximum
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST_NORM, gamma

__all__ = ["Basis", "basis_of"]

_CHUNK_BYTES = 2**21
"""What the widest forms of a chunk take: they should stay in the cache."""
_LEAST_COLUMNS = 16
"""Fewer make convolutions slow (measured)."""
_MOST_BYTES = 2**28
"""What all forms of a chunk take at most."""
_KEPT_BYTES = 2**26
"""Forms before the first piecewise op are kept if they take no more, else computed for each chunk."""
_NARROWED_BYTES = 2**27
"""The first affine map is looked at as a matrix if that takes no more."""


@dataclass(frozen=True, eq=False)
class Basis:
    """Directions in the input space, as columns of forms at the node `first`.

    `root` (columns, entries of the node), None for the coordinates themselves. `root_errors` (entries,) bounds how far
    a gradient is from its columns times the directions. Lengths of the directions' combinations are off by the relative
    error `stretch`.
    """

    graph: Graph
    columns: int
    first: int
    root: Tensor | None
    root_errors: Tensor
    stretch: float

    @cached_property
    def stop(self) -> int:
        """The first node that depends on the pattern."""
        return first_switch(self.graph)

    @cached_property
    def _kept(self) -> tuple[int, ...]:
        """The nodes before it that are read from there on."""
        reads = {source for node in self.graph.nodes[self.stop : self.graph.output + 1] for source in node.inputs}
        return tuple(sorted({node for node in (*reads, self.graph.output) if node < self.stop}))

    def _run(self, start: int, end: int) -> dict[int, Tensor]:
        """Forms (1, columns, *shape) of all nodes from `first` before `stop`."""
        size = size_of(self.graph.shapes[self.first])
        if self.root is None:
            forms = torch.zeros((end - start, size), dtype=torch.float64)
            forms[torch.arange(end - start), torch.arange(start, end)] = 1.0
        else:
            forms = self.root[start:end]
        live = {self.first: forms.reshape(1, end - start, *self.graph.shapes[self.first])}
        for index in range(self.first + 1, self.stop):
            node = self.graph.nodes[index]
            if isinstance(node.op, AffineOp):
                live[index] = linear(node.op, [live[source] for source in node.inputs])
        return live

    def _parts(self) -> Iterator[tuple[int, int]]:
        """Runs of columns whose forms before `stop` take little memory."""
        return spans(
            self.columns, max(1, _CHUNK_BYTES // (8 * max(size_of(self.graph.shapes[n]) for n in range(self.stop))))
        )

    @cached_property
    def _stored(self) -> dict[int, Tensor] | None:
        entries = sum(size_of(self.graph.shapes[node]) for node in range(self.first, self.stop))
        if 8 * self.columns * entries > _KEPT_BYTES:
            return None
        live = self._run(0, self.columns)
        return {node: live[node].contiguous() for node in self._kept}

    def start(self, start: int, end: int) -> dict[int, Tensor]:
        """Forms (1, columns, *shape) of the nodes that the rest of the network reads, for some columns."""
        if self._stored is not None:
            return {node: forms[:, start:end] for node, forms in self._stored.items()}
        live = self._run(start, end)
        return {node: live[node] for node in self._kept}

    @cached_property
    def _known(self) -> dict[str, tuple[dict[int, Tensor], dict[int, Tensor]]]:
        return {}

    def bounds(self, norm: str) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Norms of the gradients of the nodes of `start`, and bounds of their errors, (1, 1, *shape) each."""
        if norm not in self._known:
            sums: dict[int, Tensor] = {}
            for start, end in self._parts():
                for node, forms in self._run(start, end).items():
                    add_columns(norm, sums, node, forms)
            norms = {node: root_of(norm, total)[:, None] for node, total in sums.items()}
            shape = (1, 1, *self.graph.shapes[self.first])
            _, errors = row_errors(
                self.graph,
                {self.first: self.root_errors.reshape(shape)},
                raised(norms, self.columns),
                (),
                range(self.first + 1, self.stop),
            )
            self._known[norm] = {n: norms[n] for n in self._kept}, {n: errors[n] for n in self._kept}
        return self._known[norm]

    def chunks(self, cells: int, held: int = 0) -> tuple[int, int]:
        """How many points and columns to carry at a time; `held` bytes per point are kept beside them."""
        sizes = [size_of(self.graph.shapes[node]) for node in (*self._kept, *range(self.stop, self.graph.output + 1))]
        for node in self.graph.piecewise:
            op = self.graph.nodes[node].op
            if isinstance(op, Maximum):
                sizes.append(2 * op.candidates.size)
        widest, total = 8 * max(sizes), 8 * sum(sizes)
        # forms that are not kept are computed again, from the input on
        before = (
            0
            if self._stored is not None
            else max(size_of(shape) for shape in self.graph.shapes[self.first : self.stop])
        )
        most = _CHUNK_BYTES // max(widest, 8 * before)
        columns = min(self.columns, max(_LEAST_COLUMNS, most), max(1, _MOST_BYTES // total))
        values = held + 4 * 8 * sum(size_of(shape) for shape in self.graph.shapes)
        points = min(cells, max(1, _CHUNK_BYTES // (columns * widest)), max(1, _MOST_BYTES // values))
        return points, columns


def basis_of(graph: Graph, norm: str) -> Basis:
    """The coordinates; for the l2 norm fewer orthonormal directions, if there are some that all gradients lie in.

    Where the input reaches the rest of the network through one affine map W of fewer outputs alone, gradients are sums
    of its rows; an orthonormal basis Q of these keeps their norms: |y W| = |y W Q|.
    """
    inputs = size_of(graph.input_shape)
    whole = Basis(graph, inputs, 0, None, torch.zeros(inputs, dtype=torch.float64), 0.0)
    node = narrowest_node(graph) if norm == "l2" else None
    if node is None or 8 * inputs * size_of(graph.shapes[node]) > _NARROWED_BYTES:
        return whole
    return _narrowed(whole, node, size_of(graph.shapes[node]))


def _narrowed(whole: Basis, node: int, size: int) -> Basis:
    """The basis of what one affine node reads, with bounds of all that is not exactly so."""
    graph, inputs = whole.graph, whole.columns
    matrix, sums = np.empty((inputs, size)), dict[int, Tensor]()
    for start, end in whole._parts():
        forms = whole._run(start, end)
        matrix[start:end] = forms[node].reshape(end - start, size).numpy()
        for number in range(node + 1):
            add_columns("l2", sums, number, forms[number])
    norms = {number: root_of("l2", total)[:, None] for number, total in sums.items()}
    zero = torch.zeros((1, 1, *graph.input_shape), dtype=torch.float64)
    _, errors = row_errors(graph, {0: zero}, raised(norms, inputs), (), range(1, node + 1))
    # columns of `matrix` are gradients
    directions, _ = np.linalg.qr(matrix)
    root = directions.T @ matrix
    left = np.linalg.norm(matrix - directions @ root, axis=0)
    columns = np.linalg.norm(np.abs(directions) @ np.abs(root), axis=0) + np.linalg.norm(matrix, axis=0)
    left += gamma(root.shape[0] + 4) * columns
    gram = directions.T @ directions - np.eye(root.shape[0])
    stretch = float(np.linalg.norm(gram) + gamma(inputs + 4) * root.shape[0])
    own = errors[node].reshape(size) + torch.from_numpy(left * PROOF_ROOM + SMALLEST_NORM)
    return Basis(graph, root.shape[0], node, torch.from_numpy(np.ascontiguousarray(root)), own, stretch * PROOF_ROOM)
