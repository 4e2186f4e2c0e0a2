"""Values of a network at points, with running error bounds, and the pieces that these prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vitrail.local.gradients.sweep import joined, last_reads, lost, mapped_errors, rounding_of
from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import Maximum, as_maximum
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, SMALLEST_NORM, gamma

__all__ = ["Values", "values_at"]


@dataclass(frozen=True)
class Values:
    """What decides the pieces at points: per piecewise op the values (points, forms) and bounds of their errors.

    Candidates of a minimum are negated. `pieces` (points, units), int64, are those of the values, and `open` (points,
    units) says where the bounds do not prove them. `outputs` (points, outputs) with `output_errors` are the network's;
    of no outputs where they were not asked for.
    """

    values: list[np.ndarray]
    errors: list[np.ndarray]
    pieces: list[np.ndarray]
    open: list[np.ndarray]
    outputs: np.ndarray
    output_errors: np.ndarray


_Tracked = tuple[Tensor, Tensor | None]
"""Values and bounds of their errors; None where they are exact."""


def values_at(graph: Graph, points: Tensor, *, outputs: bool = True) -> Values:
    """Values at points (m, *input_shape), with bounds of their errors that hold whatever the true pieces are.

    Without `outputs` it ends with the last piecewise op.
    """
    live: dict[int, _Tracked] = {0: (points, None)}
    found: list[tuple[np.ndarray, ...]] = []
    last = last_reads(graph)
    stop = graph.output if outputs else max(graph.piecewise, default=0)
    for index in range(1, stop + 1):
        node, absolute = graph.nodes[index], graph.absolute[index]
        inputs = [live[source] for source in node.inputs]
        if isinstance(node.op, AffineOp) and absolute is not None:
            values = [value for value, _ in inputs]
            live[index] = node.op.forward(values), _affine_errors(node.op, absolute, inputs)
        else:
            if isinstance(node.op, Elementwise):
                live[index], decided = _elementwise(node.op, inputs[0])
            else:
                live[index], decided = _maximum(as_maximum(node.op), inputs)
            found.append(decided)
        for source in set(node.inputs):
            if last[source] == index and source != graph.output:
                del live[source]
    none = torch.zeros((len(points), 0), dtype=torch.float64)
    value, error = _with_errors(live[graph.output]) if outputs else (none, none)
    each = [[decided[part] for decided in found] for part in range(4)]
    ends = (value.reshape(len(points), -1).numpy(), error.reshape(len(points), -1).numpy())
    return Values(each[0], each[1], each[2], each[3], *ends)


def _with_errors(tracked: _Tracked) -> tuple[Tensor, Tensor]:
    value, error = tracked
    return value, torch.zeros_like(value) if error is None else error


def _affine_errors(op: AffineOp, absolute: AffineOp, inputs: Sequence[_Tracked]) -> Tensor | None:
    rounding = rounding_of(op)
    exact = all(error is None for _, error in inputs)
    if exact and op.coefficients is None and rounding == 0.0:
        return None
    if exact and absolute.weight is not None:
        # |w| |x| is at most the product of the norms, which is cheaper
        sizes = torch.linalg.vector_norm(inputs[0][0], dim=1, keepdim=True)
        lengths = torch.linalg.vector_norm(absolute.weight, dim=1)
        # either norm may have lost squares to underflow
        error = (sizes + SMALLEST_NORM) * (lengths + SMALLEST_NORM) * (rounding * PROOF_ROOM) + lost(op)
    else:
        tracked = [_with_errors(own) for own in inputs]
        error = mapped_errors(op, absolute, [v.abs()[:, None] for v, _ in tracked], [e[:, None] for _, e in tracked])
        error = error[:, 0]
    return error if op.bias is None else error.add_(rounding * op.bias.abs())


_Step = tuple[tuple[Tensor, Tensor], tuple[np.ndarray, ...]]


def _elementwise(op: Elementwise, tracked: _Tracked) -> _Step:
    shape = tracked[0].shape
    value, error = (part.reshape(-1, op.units) for part in _with_errors(tracked))
    pieces = torch.zeros(value.shape, dtype=torch.int64)
    unsure = torch.zeros(value.shape, dtype=torch.bool)
    room = error * PROOF_ROOM
    for row in op.breakpoints:
        level = torch.from_numpy(row.copy())
        pieces += value > level
        # an infinite breakpoint is none, and infinitely far
        unsure |= ~((value - level).abs() > room)
    slopes = torch.from_numpy(op.slopes.copy()).gather(0, pieces)
    result = value * slopes
    steep = slopes.abs()
    if unsure.any():
        # a continuous function moves by no more than its largest slope
        steep = torch.where(unsure, op.largest[0].reshape(-1), steep)
    after = error * steep
    if op.largest[2]:
        result += torch.from_numpy(op.intercepts.copy()).gather(0, pieces)
        sizes = value.abs() * steep + torch.from_numpy(np.abs(op.intercepts).max(axis=0))
        exact = (sizes == 0) & (error == 0)
        after = (after + gamma(3) * sizes) * PROOF_ROOM + SMALLEST * ~exact
    decided = (value.numpy(), error.numpy(), pieces.numpy(), unsure.numpy())
    return (result.reshape(shape), after.reshape(shape)), decided


def _maximum(op: Maximum, inputs: Sequence[_Tracked]) -> _Step:
    values, errors = zip(*(_with_errors(own) for own in inputs), strict=True)
    value = joined(op, [tensor[:, None] for tensor in values])[:, 0]
    error = joined(op, [tensor[:, None] for tensor in errors])[:, 0].abs()
    pieces = op.pieces_at(values).astype(np.int64)
    groups = torch.from_numpy(op.candidates.copy())
    there = groups >= 0
    each, off = value[:, groups.clamp(min=0)], error[:, groups.clamp(min=0)]
    chosen = torch.from_numpy(pieces)[:, :, None]
    gap = each.gather(2, chosen) - each
    near = ~(gap > (off.gather(2, chosen) + off) * PROOF_ROOM) & there
    near.scatter_(2, chosen, False)
    unsure = near.any(dim=2)
    # the largest of some numbers moves by no more than each of them may
    widest = torch.where(there, off, 0.0).amax(dim=2)
    after = torch.where(unsure, widest, off.gather(2, chosen)[:, :, 0])
    result = op.apply([tensor[:, None] for tensor in values], pieces)[:, 0]
    return (result, after.reshape(result.shape)), (value.numpy(), error.numpy(), pieces, unsure.numpy())
