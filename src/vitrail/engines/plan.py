"""The plan of a search: what depends only on the network and the frames, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vitrail.cells.batch import CutTable
from vitrail.errors import InvalidModelError
from vitrail.network.graph import Graph, piecewise_op
from vitrail.network.ops.base import AffineOp, PiecewiseOp
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import Maximum, as_maximum
from vitrail.network.rounding import FormBounds, form_bounds
from vitrail.numerics.filters import (
    ESTIMATE_OPERATIONS,
    HOPELESS,
    LARGE,
    MAP_ESTIMATE_OPERATIONS,
    OVERFLOWING,
    UNIT_ROUNDOFF,
    value_rounding,
)
from vitrail.patterns import PatternLayout, bits_for
from vitrail.status import Arithmetic, Cells

__all__ = ["Dense", "Plan", "Stage", "bound_table", "make_plan", "overflow_message"]


@dataclass(frozen=True)
class Dense:
    """An elementwise op and the dense node that alone reads it: both are computed in one step.

    `slopes` and `intercepts` (pieces, inputs) belong to the op, `weights` (inputs, outputs) and `bias` to the node.
    """

    node: int
    slopes: np.ndarray
    intercepts: np.ndarray
    weights: np.ndarray
    bias: np.ndarray | None


@dataclass(frozen=True)
class Stage:
    """One piecewise-linear op and the affine ops up to the next one.

    `sources` are the nodes whose forms the op reads, `affine` the nodes to compute after it, `keep` the nodes whose
    forms a child still needs, `width` the number of entries of all these forms. `dense` is there when the op is
    elementwise and a dense node alone reads it. `may_overflow` asks for a look at the forms, because their bound does
    not exclude an overflow.
    """

    node: int
    op: PiecewiseOp
    table: CutTable
    proven: bool
    sources: tuple[int, ...]
    affine: tuple[int, ...]
    keep: tuple[int, ...]
    dense: Dense | None
    width: int
    may_overflow: bool


@dataclass(frozen=True)
class Plan:
    """The stages of a network on frames of one dimension; `prologue` are the affine nodes before the first stage.

    `arithmetic` says what happens where a rounding-error bound does not decide, `cells` how cells are represented.

    `output_error` (k + 1, outputs) bounds the error of the output's forms, or estimates it where a stage is not proven.
    """

    graph: Graph
    prologue: tuple[int, ...]
    stages: tuple[Stage, ...]
    layout: PatternLayout
    output_error: np.ndarray
    arithmetic: Arithmetic
    cells: Cells

    def stage_of(self, rows: np.ndarray) -> np.ndarray:
        """The stage of each hyperplane; -1 for the sides of the domain."""
        return np.searchsorted([stage.table.first_row for stage in self.stages], rows, side="right") - 1

    def unit_of(self, rows: np.ndarray) -> np.ndarray:
        """The unit of each hyperplane, numbered over the whole network; sides of the domain stay as they are."""
        if all(stage.table.hyperplanes == stage.table.units for stage in self.stages):
            return rows
        stages, result, first_unit = self.stage_of(rows), rows.copy(), 0
        for number, stage in enumerate(self.stages):
            own = stages == number
            result[own] = first_unit + stage.table.unit_of(rows[own])
            first_unit += stage.table.units
        return result

    @property
    def unproven(self) -> int:
        """Units in stages whose rounding-error bound is too large to decide anything."""
        return sum(stage.table.units for stage in self.stages if not stage.proven)

    def affine_forms(self, node: int, live: dict[int, Tensor]) -> Tensor:
        """Forms of an affine node from those it reads."""
        op = self.graph.nodes[node].op
        if not isinstance(op, AffineOp):
            raise InvalidModelError(f"{self.graph.nodes[node].name}: expected an affine op, found {op.name}")
        return op.apply([live[source] for source in self.graph.nodes[node].inputs])


def make_plan(
    graph: Graph, roots: Tensor, root_bounds: FormBounds, bounded: bool, arithmetic: Arithmetic, cells: Cells
) -> Plan:
    """Plan the search on frames with forms `roots` (frames, k + 1, *input_shape) and the bounds of those.

    Raises:
        InvalidModelError: a bound overflows float64: the weights are too large to compute with.
    """
    bounds = form_bounds(graph, root_bounds)
    scales = _local_scales(graph, roots[:1])
    uses = _last_uses(graph)
    nodes = graph.piecewise
    stages, first_row = [], 0
    for i, node in enumerate(nodes):
        op = piecewise_op(graph, node)
        stop = nodes[i + 1] if i + 1 < len(nodes) else graph.output + 1
        affine = tuple(range(node + 1, max(stop, node + 1)))
        sources = graph.nodes[node].inputs
        guess = i if arithmetic is Arithmetic.FLOAT else None
        table, proven = _table(
            op, [bounds[s] for s in sources], [scales[s] for s in sources], first_row, bounded, guess
        )
        may_overflow = not all(bool((bounds[s].magnitude < OVERFLOWING).all()) for s in sources)
        dense = _dense_reader(graph, node, affine)
        last = stop - 1
        keep = tuple(n for n in range(node) if uses.get(n, -1) > node)
        width = sum(int(np.prod(graph.shapes[n], dtype=np.int64)) for n in (*keep, *range(node, last + 1)))
        table = replace(table, last=i + 1 == len(nodes))
        stages.append(Stage(node, op, table, proven, sources, affine, keep, dense, width, may_overflow))
        first_row += table.hyperplanes
    prologue = tuple(range(1, nodes[0] if nodes else graph.output + 1))
    layout = PatternLayout(tuple(s.op.units for s in stages), tuple(s.table.bits for s in stages))
    output_error = bounds[graph.output].error.flatten(1).numpy()
    if not all(stage.proven for stage in stages):
        estimate = MAP_ESTIMATE_OPERATIONS * UNIT_ROUNDOFF * scales[graph.output].reshape(-1)
        output_error = np.broadcast_to(estimate, output_error.shape)
    return Plan(graph, prologue, tuple(stages), layout, output_error, arithmetic, cells)


def overflow_message(place: str) -> str:
    """What to say where forms exceed the range of float64."""
    return (
        f"{place}: forms overflow float64 on this domain; rescale weights or domain so that products stay below 1e308"
    )


def _table(
    op: PiecewiseOp,
    bounds: Sequence[FormBounds],
    scales: Sequence[np.ndarray],
    first_row: int,
    bounded: bool,
    guess: int | None,
) -> tuple[CutTable, bool]:
    """The op's decisions with their bounds.

    Where these are hopeless and `guess` is the number of layers so far, not None, with an estimate instead, and then
    not proven.
    """
    columns = bounds[0].error.shape[0]
    error = _joined([b.error for b in bounds], columns)
    magnitude = _joined([b.magnitude for b in bounds], columns)
    table, proven = bound_table(op, error, magnitude, bounded), True
    if guess is not None:
        scale = np.concatenate([s.reshape(-1) for s in scales])
        total = table.sum(axis=0)
        proven = bool(_middle(total) <= HOPELESS * _middle(scale)) or not total.any()
        if not proven:
            extra = _extra(op)
            with np.errstate(invalid="ignore", over="ignore"):
                estimate = ESTIMATE_OPERATIONS * (guess + 1) * UNIT_ROUNDOFF * (scale + extra)
                table[0], table[1:] = estimate, 0.0 if bounded else estimate
                table[:, ~((magnitude.sum(axis=0) + extra).reshape(table.shape[1:]) < LARGE)] = OVERFLOWING
    breakpoints = op.breakpoints if isinstance(op, Elementwise) else np.zeros((0, 0))
    groups = op.candidates if isinstance(op, Maximum) else None
    return CutTable(breakpoints, groups, table, first_row, bits_for(op.pieces)), proven


def bound_table(op: PiecewiseOp, error: np.ndarray, magnitude: np.ndarray, bounded: bool) -> np.ndarray:
    """The bounds of a `CutTable` from those of the forms' coefficients and their magnitudes, (k + 1, forms).

    With the rounding of a value, where |t| <= 1; without it elsewhere, as it grows with t there.
    """
    columns, extra = error.shape[0], _extra(op)
    with np.errstate(invalid="ignore", over="ignore"):
        rounding = value_rounding(columns - 1)
        per_column = error + rounding * magnitude if bounded else error
        shape = np.broadcast_shapes(extra.shape, error.shape[1:])
        table = np.stack([np.broadcast_to(column, shape) for column in per_column])
        table[0] += rounding * extra
        # a form that is so large, or a bound that overflows, decides nothing, and that is all
        size = (magnitude.sum(axis=0) + extra).reshape(table.shape[1:])
        table[:, ~(size < LARGE)] = OVERFLOWING
    return table


def _extra(op: PiecewiseOp) -> np.ndarray:
    """Sizes of the breakpoints, (breakpoints or 1, units or 1)."""
    if not isinstance(op, Elementwise):
        return np.zeros((1, 1))
    return np.where(np.isfinite(op.breakpoints), np.abs(op.breakpoints), 0.0)


def _middle(values: np.ndarray) -> float:
    """The upper median, faster than numpy's on small arrays."""
    return float(np.partition(values.reshape(-1), values.size // 2)[values.size // 2])


def _joined(tensors: Sequence[Tensor], columns: int) -> np.ndarray:
    """The forms of all candidates side by side, (columns, forms)."""
    return np.concatenate([tensor.numpy().reshape(columns, -1) for tensor in tensors], axis=1)


def _local_scales(graph: Graph, root: Tensor) -> dict[int, np.ndarray]:
    """Size of every form near the origin of the first frame: what it is worth, not what it could be."""
    forms: dict[int, Tensor] = {0: root}
    for index, node in enumerate(graph.nodes[1:], start=1):
        inputs = [forms[source] for source in node.inputs]
        if isinstance(node.op, AffineOp):
            forms[index] = node.op.apply(inputs)
        elif isinstance(node.op, Elementwise):
            # one cell, so plain indexing beats the op's batched way
            pieces = (inputs[0][0, 0].numpy().reshape(-1) > node.op.breakpoints).sum(axis=0)
            slopes = node.op.slopes[pieces, np.arange(pieces.size)]
            forms[index] = inputs[0] * torch.from_numpy(slopes).reshape(node.op.shape)
            intercepts = node.op.intercepts[pieces, np.arange(pieces.size)]
            forms[index][:, 0] += torch.from_numpy(intercepts).reshape(node.op.shape)
        else:
            winner = as_maximum(node.op)
            forms[index] = winner.apply(inputs, winner.pieces_at([form[:, 0] for form in inputs]))
    with np.errstate(over="ignore"):
        return {index: np.abs(form[0].numpy()).sum(axis=0) for index, form in forms.items()}


def _last_uses(graph: Graph) -> dict[int, int]:
    uses = {graph.output: len(graph.nodes)}
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            uses[source] = max(uses.get(source, -1), index)
    return uses


def _dense_reader(graph: Graph, node: int, affine: tuple[int, ...]) -> Dense | None:
    """The dense node that alone reads an elementwise node, if it comes before the next piecewise op."""
    op = graph.nodes[node].op
    readers = [i for i, n in enumerate(graph.nodes) if node in n.inputs]
    if not isinstance(op, Elementwise) or node == graph.output or len(readers) != 1 or readers[0] not in affine:
        return None
    reader = graph.nodes[readers[0]].op
    if not isinstance(reader, AffineOp) or reader.weight is None or len(graph.nodes[readers[0]].inputs) != 1:
        return None
    weights = np.ascontiguousarray(reader.weight.numpy().T)
    bias = None if reader.bias is None else reader.bias.numpy()
    return Dense(readers[0], op.slopes, op.intercepts, weights, bias)
