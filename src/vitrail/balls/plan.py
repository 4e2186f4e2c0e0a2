"""What is computed once per network for bounds over balls: affine maps, operator norms, and rows of the first units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vitrail.balls.affine import AffineMap
from vitrail.balls.operator_norms import Factor, factor_of, operator_norms
from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp, size_of
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.shape import Select
from vitrail.network.wiring import Wiring, wiring_of
from vitrail.numerics.filters import SMALLEST, SMALLEST_NORM, gamma

__all__ = ["BallPlan"]

_MOST_JACOBIAN = 2**22
"""The most entries of a Jacobian of nodes before the first units that is computed for their norms."""


@dataclass(frozen=True, eq=False)
class BallPlan:
    """A graph with what bounds over balls of a norm, "2" or "inf", need of it.

    Example:
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> plan = BallPlan(graph_from_arrays([([[3.0, 4.0]], None), ([[1.0]], None)]), "2")
        >>> bool(abs(plan.first_norms[1] - 5.0).max() < 0.001), plan.chain < 0.001
        (True, True)
    """

    graph: Graph
    norm: str

    @cached_property
    def sizes(self) -> list[int]:
        """Entries of every node."""
        return [size_of(shape) for shape in self.graph.shapes]

    @cached_property
    def wiring(self) -> Wiring:
        """Facts of the wiring."""
        return wiring_of(self.graph)

    @cached_property
    def nodes(self) -> list[int]:
        """The nodes, after the input, that lead to units, in order."""
        return [index for index in range(1, len(self.graph.nodes)) if index in self.wiring.needed]

    @cached_property
    def deciding(self) -> frozenset[int]:
        """The nodes that elementwise units read."""
        ops = [self.graph.nodes[index] for index in self.graph.piecewise]
        return frozenset(node.inputs[0] for node in ops if isinstance(node.op, Elementwise))

    @cached_property
    def maps(self) -> dict[int, AffineMap]:
        """The affine nodes among them."""
        ops = {index: self.graph.nodes[index].op for index in self.nodes}
        return {index: AffineMap(op) for index, op in ops.items() if isinstance(op, AffineOp)}

    @cached_property
    def entries(self) -> int:
        """Entries of all nodes that lead to units."""
        return self.sizes[0] + sum(self.sizes[index] for index in self.nodes)

    @cached_property
    def chain(self) -> float:
        """Relative error bound of any sum of terms, one or a few per entry of the network, in any order."""
        return gamma(4 * self.entries + 64)

    @cached_property
    def norms(self) -> dict[int, list[float]]:
        """Upper bounds of the operator norms of affine nodes, per input."""
        return {index: operator_norms(own, self.norm) for index, own in self.maps.items()}

    @cached_property
    def measure(self) -> Callable[[np.ndarray], np.ndarray]:
        """Upper bounds of the dual norms of columns, (n, entries) to (entries,)."""
        room = 1.0 + 2 * gamma(self.sizes[0] + 16)
        if self.norm == "inf":
            return lambda columns: np.abs(columns).sum(axis=0) * room
        return lambda columns: np.sqrt(np.square(columns).sum(axis=0)) * room + SMALLEST_NORM * columns.any(axis=0)

    @cached_property
    def first_norms(self) -> dict[int, np.ndarray]:
        """Upper bounds of the dual norms of gradients, (entries,), of affine nodes before the first units.

        Not where the Jacobian behind several ops would be large.
        """
        inputs = self.sizes[0]
        found: dict[int, np.ndarray] = {}
        jacobians: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for index, own in self.maps.items():
            sources = self.graph.nodes[index].inputs
            if index not in self.wiring.before:
                continue
            if self._flat(index):
                found[index] = self._direct(own)
            if inputs * max(self.sizes[index], inputs) > _MOST_JACOBIAN:
                continue
            if 0 in sources and 0 not in jacobians:
                jacobians[0] = np.eye(inputs), np.zeros((inputs, inputs))
            if all(source in jacobians for source in sources):
                jacobians[index] = _mapped(own, [jacobians[source] for source in sources])
                if index not in found:
                    rows, errors = jacobians[index]
                    found[index] = self.measure(rows) + self.measure(errors)
        return found

    def _flat(self, index: int) -> bool:
        """Whether a node reads the input alone, reshaped or not."""
        node = self.graph.nodes[index]
        while len(node.inputs) == 1 and node.inputs[0] != 0:
            node = self.graph.nodes[node.inputs[0]]
            if not isinstance(node.op, Select) or node.op.index is not None:
                return False
        return node.inputs == (0,)

    def _direct(self, own: AffineMap) -> np.ndarray:
        ones = np.ones((1, self.sizes[0]))
        room = 1.0 + 2 * gamma(self.sizes[0] + 16)
        if self.norm == "inf":
            return own.magnitudes(list(ones[None]))[0] * room
        some = own.reads([ones > 0])[0]
        return np.sqrt(own.squares(0, ones)[0]) * room + SMALLEST_NORM * some

    @cached_property
    def factors(self) -> dict[int, Factor]:
        """Triangular factors of dense ops on the input that have fewer units than inputs; none in the norm "inf"."""
        found = {}
        for index, own in self.maps.items():
            if self.norm == "2" and self._flat(index) and own.weight is not None:
                factor = factor_of(own.weight)
                if factor is not None:
                    found[index] = factor
        return found


def _mapped(own: AffineMap, parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Columns of a Jacobian and bounds of their errors, (n, in) each to (n, out)."""
    rows = own.linear([columns for columns, _ in parts])
    if own.rounding == 0.0 and not any(errors.any() for _, errors in parts):
        return rows, np.zeros_like(rows)
    mixed = [errors + own.rounding * np.abs(columns) for columns, errors in parts]
    some = own.reads([columns != 0 for columns, _ in parts])
    return rows, own.magnitudes(mixed) * (1.0 + 2 * own.rounding) + (own.lost + SMALLEST) * some
