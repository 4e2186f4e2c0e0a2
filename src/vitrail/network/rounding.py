"""Rounding-error bounds of every node's forms, valid for every cell of a domain (see `docs/numerics.md`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp, Op
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import Maximum, as_maximum
from vitrail.numerics.filters import SMALLEST, UNDERFLOW_SAFE, UNIT_ROUNDOFF, gamma

__all__ = ["FormBounds", "form_bounds"]


@dataclass(frozen=True)
class FormBounds:
    """Bounds per column of a node's forms, each of shape (k + 1, *shape).

    `magnitude` bounds every coefficient of every cell and every partial sum behind it; `error` bounds how far the
    computed coefficient is from the true one.
    """

    magnitude: Tensor
    error: Tensor


def form_bounds(graph: Graph, root: FormBounds) -> dict[int, FormBounds]:
    """Bounds of every node from those of the input.

    Affine ops map both through their absolute values, as any order of summation is covered: a sum of m products
    computed in float64 is off by at most gamma(m) times the sum of absolute products (Higham 2002, section 3.1).
    """
    bounds = {0: root}
    for index, node in enumerate(graph.nodes[1:], start=1):
        bounds[index] = _step(node.op, graph.absolute[index], [bounds[source] for source in node.inputs])
    return bounds


def _step(op: Op, absolute: AffineOp | None, inputs: Sequence[FormBounds]) -> FormBounds:
    if absolute is not None:
        magnitude = absolute.apply([bound.magnitude[None] for bound in inputs])[0]
        error = absolute.linear([bound.error for bound in inputs])
        operations = _operations(absolute)
        if not (magnitude > UNDERFLOW_SAFE).all():
            present = absolute.apply([(bound.magnitude[None] > 0).to(torch.float64) for bound in inputs])[0] > 0
            magnitude, error = _with_underflow(magnitude, error, present, operations)
    elif isinstance(op, Elementwise):
        slope, intercept, rounds = op.largest
        magnitude = inputs[0].magnitude * slope
        magnitude[0] += intercept
        error = inputs[0].error * slope
        operations = 3 if rounds else 0
        if rounds and not (magnitude > UNDERFLOW_SAFE).all():
            present = (inputs[0].magnitude > 0) & (slope > 0)
            present[0] |= intercept > 0
            magnitude, error = _with_underflow(magnitude, error, present, operations)
    else:
        winner = as_maximum(op)
        magnitude = _largest(winner, [bound.magnitude for bound in inputs])
        error = _largest(winner, [bound.error for bound in inputs])
        operations = 0
    if operations:
        # the last factor covers the rounding of the bounds themselves
        error = (error + gamma(operations) * magnitude) * (1 + 2.0**20 * UNIT_ROUNDOFF)
    return FormBounds(magnitude, error)


def _with_underflow(magnitude: Tensor, error: Tensor, present: Tensor, operations: int) -> tuple[Tensor, Tensor]:
    """Bounds where products may underflow: what the wiring does not make zero keeps a magnitude and an error."""
    return torch.where(present, magnitude.clamp(min=SMALLEST), magnitude), error + present * (operations + 1) * SMALLEST


def _operations(op: AffineOp) -> int:
    """Rounded operations behind one output entry, relative to the sum of its absolute terms.

    A sum in any order: one per product and one per addition, at most 2 per term in all. A dense op may be computed from
    a sibling instead: a product over the units, then at most two chains of rows as long as there are units, each row a
    slope difference, a product with the form, one with the weight and an addition, of terms up to twice as large.
    """
    if op.weight is not None:
        return 18 * op.weight.shape[1] + 16
    return 2 * op.terms + 8 if op.terms else 0


def _largest(op: Maximum, tensors: Sequence[Tensor]) -> Tensor:
    flat = torch.cat([tensor.reshape(tensor.shape[0], -1) for tensor in tensors], dim=1)
    candidates = torch.from_numpy(op.candidates.copy())
    values = torch.where(candidates >= 0, flat[:, candidates.clamp(min=0)], 0.0)
    return values.amax(dim=2).reshape(tensors[0].shape[0], *op.shape)
