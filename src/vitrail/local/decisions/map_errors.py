"""How far the affine map of a region, as computed, may be from the true one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vitrail.network.network import Network
from vitrail.network.ops.base import AffineOp
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, gamma

__all__ = ["MapErrors", "map_errors"]


class MapErrors(NamedTuple):
    """The outputs at a point along a pattern, (outputs,), and bounds of errors of these and of the gradients there.

    With d the difference of a computed gradient and the true one, sum |d_i| extent_i is at most `slopes` (outputs,),
    and sum |d_i| is at most `gradients` (outputs,).
    """

    outputs: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    gradients: np.ndarray


def map_errors(net: Network, pattern: Sequence[np.ndarray], point: np.ndarray, extent: np.ndarray) -> MapErrors:
    """Bounds for forms along a pattern, an array of pieces per op, computed op by op with sums in any order.

    As `network.rounding.form_bounds` (`docs/numerics.md`, section 3), but along one pattern. What these bounds are of
    is linear in the magnitudes at the input, so one column of magnitudes `extent` (n,) stands for all inputs at once.

    Example:
        >>> net = Network.from_arrays([([[1.0, 1.0]], [0.5]), ([[3.0]], None)])
        >>> found = map_errors(net, [np.array([1])], np.array([1.0, 2.0]), np.ones(2))
        >>> found.outputs.tolist(), bool((0 < found.values).all() and (found.values < 1 / 2**40).all())
        ([10.5], True)
        >>> dead = map_errors(net, [np.array([0])], np.array([1.0, 2.0]), np.ones(2))
        >>> dead.outputs.tolist(), dead.values.tolist(), dead.slopes.tolist()
        ([0.0], [0.0], [0.0])
    """
    pieces = [own[None] for own in pattern]
    place = torch.from_numpy(point.reshape(1, 1, *net.input_shape).copy())
    outputs = net.follow(place, pieces).reshape(-1).numpy()
    start = np.stack([np.abs(point), np.abs(extent), np.ones(point.size)]).reshape(3, *net.input_shape)
    live: dict[int, tuple[Tensor, Tensor]] = {
        0: (torch.from_numpy(start), torch.zeros(start.shape, dtype=torch.float64))
    }
    number = 0
    for index in range(1, net.output + 1):
        node, absolute = net.nodes[index], net.graph.absolute[index]
        sizes, errors = ([live[source][part] for source in node.inputs] for part in (0, 1))
        if absolute is not None and isinstance(node.op, AffineOp):
            live[index] = _affine(node.op, absolute, sizes, errors)
            continue
        chosen = pieces[number]
        number += 1
        if isinstance(node.op, Elementwise):
            live[index] = _elementwise(node.op, chosen[0].astype(np.int64), sizes[0], errors[0])
        else:
            op = as_maximum(node.op)
            live[index] = op.apply([s[None] for s in sizes], chosen)[0], op.apply([e[None] for e in errors], chosen)[0]
    values, slopes, gradients = live[net.output][1].reshape(3, -1).numpy()
    return MapErrors(outputs, values, slopes, gradients)


def _affine(
    op: AffineOp, absolute: AffineOp, sizes: Sequence[Tensor], errors: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    size, error = absolute.apply([part[None] for part in sizes])[0], absolute.linear(errors)
    if op.coefficients is None and op.terms == 0:
        return size, error
    terms = op.terms if op.weight is None else op.weight.shape[1] + 1
    # what is not 0 by its wiring may have lost something to underflow
    there = absolute.apply([(part > 0.0).to(torch.float64)[None] for part in sizes])[0] > 0.0
    size = torch.where(there, size.clamp(min=SMALLEST), size)
    rounds = 2 * terms + 8
    return size, (error + gamma(rounds) * size) * PROOF_ROOM + there * (rounds * SMALLEST)


def _elementwise(op: Elementwise, pieces: np.ndarray, size: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
    units = np.arange(op.units)
    slopes, intercepts = (np.abs(table[pieces, units]).reshape(op.shape) for table in (op.slopes, op.intercepts))
    size, error = size * torch.from_numpy(slopes), error * torch.from_numpy(slopes)
    size[0] += torch.from_numpy(intercepts)
    if not op.largest[2]:
        return size, error
    return size, (error + gamma(3) * size) * PROOF_ROOM + (size > 0.0) * SMALLEST
