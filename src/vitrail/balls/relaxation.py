"""Linear functionals of nodes bounded over balls: units replaced by lines on the way back to the input.

H. Zhang, T.-W. Weng, P.-Y. Chen, C.-J. Hsieh and L. Daniel, Efficient neural network robustness certification with
general activation functions, NeurIPS 2018 (CROWN), for any wiring, with maxima, and rounded outward: every step is
linear, so what its rounding can change is at most |coefficients| times bounds of what they multiply, one more sum per
row and step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vitrail.balls.items import Items
from vitrail.balls.plan import BallPlan
from vitrail.balls.rows import concretized, through_lines, through_winners, weighed
from vitrail.balls.units import ElementwiseLines, MaximumLines
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, SMALLEST_NORM

__all__ = ["Relaxation"]

_CHUNK_ENTRIES = 2**20
"""Coefficients that are carried at a time."""


@dataclass(eq=False)
class _Rows:
    """Functionals, one per row: of a ball, with coefficients by node, a constant, and a bound of the error so far."""

    items: np.ndarray
    coefficients: dict[int, np.ndarray]
    constants: np.ndarray
    errors: np.ndarray

    def add(self, node: int, rows: np.ndarray) -> None:
        """Add coefficients of a node."""
        self.coefficients[node] = self.coefficients[node] + rows if node in self.coefficients else rows


@dataclass(eq=False)
class Relaxation:
    """Lines of the units that have been passed, and with them lower bounds of functionals over balls."""

    plan: BallPlan
    items: Items
    lines: dict[int, ElementwiseLines | MaximumLines] = field(default_factory=dict)
    _weights: dict[int, np.ndarray] = field(default_factory=dict)

    def entries(self, node: int, items: np.ndarray, places: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """Lower bounds of signs times entries of a node, one per row: ball, entry, sign."""
        own = self.plan.maps.get(node)
        found = np.empty(items.size)
        for part in self._parts(node, items.size):
            rows, sign = items[part], signs[part]
            if own is not None and own.weight is not None:
                (source,) = self.plan.graph.nodes[node].inputs
                start = {source: own.weight[places[part]] * sign[:, None]}
                constants = own.bias[places[part]] * sign
            else:
                one = np.zeros((rows.size, self.plan.sizes[node]))
                one[np.arange(rows.size), places[part]] = sign
                start, constants = {node: one}, np.zeros(rows.size)
            found[part] = self._lower(_Rows(rows, start, constants, np.zeros(rows.size)))
        return found

    def differences(self, node: int, items: np.ndarray, more: np.ndarray, less: np.ndarray) -> np.ndarray:
        """Lower bounds of differences of candidates of a maximum, entries `more` minus entries `less` side by side."""
        sources = self.plan.graph.nodes[node].inputs
        ends = np.cumsum([self.plan.sizes[source] for source in sources])
        sign = as_maximum(self.plan.graph.nodes[node].op).sign
        found = np.empty(items.size)
        for part in self._parts(node, items.size):
            rows = items[part]
            joined = np.zeros((rows.size, int(ends[-1])))
            joined[np.arange(rows.size), more[part]] += sign
            joined[np.arange(rows.size), less[part]] -= sign
            start = _Rows(rows, {}, np.zeros(rows.size), np.zeros(rows.size))
            for source, own in zip(sources, np.split(joined, ends[:-1], axis=1), strict=True):
                start.add(source, np.ascontiguousarray(own))
            found[part] = self._lower(start)
        return found

    def _parts(self, node: int, count: int) -> Iterator[slice]:
        widest = max(self.plan.sizes[index] for index in (0, *self.plan.nodes) if index <= node)
        step = max(16, _CHUNK_ENTRIES // widest)
        return (slice(start, min(start + step, count)) for start in range(0, count, step))

    def _lower(self, rows: _Rows) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            while True:
                node = max(rows.coefficients)
                if node == 0 or (len(rows.coefficients) == 1 and node in self.plan.factors):
                    return self._concretize(rows, node)
                own = np.ascontiguousarray(rows.coefficients.pop(node))
                if node in self.plan.maps:
                    self._affine(rows, node, own)
                elif isinstance(self.plan.graph.nodes[node].op, Elementwise):
                    self._elementwise(rows, node, own)
                else:
                    self._maximum(rows, node, own)

    def _affine(self, rows: _Rows, node: int, own: np.ndarray) -> None:
        op, sources = self.plan.maps[node], self.plan.graph.nodes[node].inputs
        if node not in self._weights:
            read = op.magnitudes([self.items.largest(source) for source in sources]) * op.pull_rounding
            size = np.abs(op.bias) + self.items.largest(node)
            self._weights[node] = read + self.plan.chain * size + SMALLEST
        weighed(own, rows.items, op.bias, self._weights[node], rows.constants, rows.errors)
        for source, part in zip(sources, op.transposed(own), strict=True):
            rows.add(source, part)

    def _elementwise(self, rows: _Rows, node: int, own: np.ndarray) -> None:
        lines, (source,) = self.lines[node], self.plan.graph.nodes[node].inputs
        if not isinstance(lines, ElementwiseLines):
            raise TypeError(f"node {node}: expected lines of elementwise units")
        if node not in self._weights:
            self._weights[node] = lines.weights + self.plan.chain * self.items.largest(node) + SMALLEST
        into = np.empty_like(own)
        weights = self._weights[node]
        through_lines(own, rows.items, lines.lines, weights, rows.constants, rows.errors, into)
        rows.add(source, into)

    def _maximum(self, rows: _Rows, node: int, own: np.ndarray) -> None:
        lines, sources = self.lines[node], self.plan.graph.nodes[node].inputs
        if not isinstance(lines, MaximumLines):
            raise TypeError(f"node {node}: expected lines of a maximum")
        if node not in self._weights:
            self._weights[node] = lines.weights + self.plan.chain * self.items.largest(node) + SMALLEST
        ends = np.cumsum([self.plan.sizes[source] for source in sources])
        into = np.zeros((len(own), int(ends[-1])))
        sign = as_maximum(self.plan.graph.nodes[node].op).sign
        tables = (lines.chosen, lines.excess, lines.ceilings, self._weights[node])
        through_winners(own, rows.items, sign, *tables, rows.constants, rows.errors, into)
        for source, part in zip(sources, np.split(into, ends[:-1], axis=1), strict=True):
            rows.add(source, part)

    def _concretize(self, rows: _Rows, node: int) -> np.ndarray:
        """The lower bound over the ball: the value at the center less the radius times the dual norm of the gradient.

        For the gradient a W of rows a of a dense op on the input the triangular factor of W is enough.
        """
        plan, items, chain = self.plan, self.items, self.plan.chain
        own = np.ascontiguousarray(rows.coefficients[node])
        values = items.points.centers if node == 0 else items.points.values[node]
        offsets = np.zeros_like(values) if node == 0 else items.points.errors[node]
        image = own if node == 0 else own @ plan.factors[node].matrix
        results = np.empty((4, len(own)))
        euclidean = plan.norm == "2"
        concretized(own, image, items.of[rows.items], values, offsets, chain, euclidean, results)
        total, error, size, length = results
        if node:
            factor = plan.factors[node]
            exact = np.sqrt(size) * (1.0 + chain) + factor.product * np.sqrt(length) * (1.0 + chain)
            dual = np.sqrt(np.square(exact) + factor.defect * length) * (1.0 + chain) + SMALLEST_NORM
        elif euclidean:
            dual = np.sqrt(size) * (1.0 + chain) + SMALLEST_NORM
        else:
            dual = size * (1.0 + chain) + SMALLEST
        away = items.radii[rows.items] * dual
        rounded = rows.errors + error + chain * (np.abs(rows.constants) + np.abs(total) + away)
        # products below the smallest normal number lose less than that, times what they multiply
        small = 4 * SMALLEST * (1.0 + items.total[rows.items])
        result = rows.constants + total - away - (rounded * PROOF_ROOM + small)
        return np.where(np.isfinite(result), result, -np.inf)
