"""Forms of single cells computed again along their patterns, with error bounds of their own.

The plan's bounds hold for every cell of the domain, so they grow with the norms of all layers. Along one pattern errors
grow with the numbers that are really there: far less in deep networks, and at the price of three products per layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vitrail.cells.batch import CutTable
from vitrail.engines.carry import Carrier
from vitrail.engines.plan import Plan, bound_table
from vitrail.engines.roots import Roots
from vitrail.network.ops.base import AffineOp
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.filters import LARGE, UNDERFLOW_SAFE, UNIT_ROUNDOFF, gamma

__all__ = ["Sharper"]

_BATCH_BYTES = 2**24


class Sharper:
    """Forms with running error bounds (Higham 2002, section 3.3), for some cells of a search at a time."""

    def __init__(self, plan: Plan, roots: Roots) -> None:
        """For one search."""
        self.plan = plan
        self.roots = roots

    def batches(
        self, number: int, frames: np.ndarray, history: np.ndarray
    ) -> Iterator[tuple[slice, np.ndarray, CutTable] | None]:
        """The forms (cells, k + 1, forms) that decide a stage, and the stage's table with bounds for these cells.

        `frames` and the packed pieces `history` of the stages before belong to the cells; batches are slices of them.
        None where numbers are so small or large that the bounds would not hold.
        """
        widest = max(stage.width for stage in self.plan.stages)
        size = max(1, _BATCH_BYTES // (8 * 3 * (self.roots.dimension + 1) * widest))
        for start in range(0, len(frames), size):
            part = slice(start, min(start + size, len(frames)))
            found = self._forms(number, frames[part], history[part])
            yield None if found is None else (part, *found)

    def _forms(self, number: int, frames: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, CutTable] | None:
        plan, stage = self.plan, self.plan.stages[number]
        rows = np.searchsorted(self.roots.numbers, frames)
        lost = self.roots.remainder
        values = {0: torch.from_numpy(self.roots.forms[rows])}
        errors = {0: torch.zeros_like(values[0]) if lost is None else torch.from_numpy(np.abs(lost[rows]))}
        done = 0
        for node in range(1, stage.node):
            if not self._step(node, values, errors, history, done):
                return None
            done += not isinstance(plan.graph.nodes[node].op, AffineOp)
        forms = Carrier.stage_forms(plan, number, values)
        off = torch.cat([errors[source].flatten(2) for source in stage.sources], dim=2).amax(dim=0)
        size = torch.from_numpy(np.abs(forms)).amax(dim=0) + off
        bounds = bound_table(stage.op, off.numpy(), size.numpy(), self.roots.bounded)
        return forms, replace(stage.table, bounds=bounds)

    def _step(
        self, node: int, values: dict[int, Tensor], errors: dict[int, Tensor], history: np.ndarray, done: int
    ) -> bool:
        """Carry values and errors through one node; False where a bound would not hold."""
        graph = self.plan.graph
        op, sources = graph.nodes[node].op, graph.nodes[node].inputs
        inputs, off = [values[source] for source in sources], [errors[source] for source in sources]
        absolute = graph.absolute[node]
        if isinstance(op, AffineOp) and absolute is not None:
            values[node] = op.apply(inputs)
            terms = op.terms if op.weight is None else op.weight.shape[1] + 1
            rounding = gamma(2 * terms + 8) if terms else 0.0
            sizes, carried = absolute.apply([value.abs() for value in inputs]), _without_bias(absolute, off)
            errors[node] = (carried + rounding * sizes) * (1.0 + 2.0**20 * UNIT_ROUNDOFF)
            return _kept(sizes, absolute.apply([_present(value) for value in inputs])) and _kept(
                carried, _without_bias(absolute, [_present(error) for error in off])
            )
        layout = self.plan.layout
        words = np.ascontiguousarray(history[:, layout.slice_of(done)])
        pieces = layout.unpack_stage(words, done)
        if isinstance(op, Elementwise):
            values[node] = op.apply(inputs[0], pieces)
            at = np.arange(pieces.shape[1])
            slopes = torch.from_numpy(np.abs(op.slopes[pieces, at])).reshape(-1, 1, *op.shape)
            errors[node] = off[0] * slopes
            if op.largest[2]:
                sizes = inputs[0].abs() * slopes
                kept = _kept(sizes, _present(inputs[0]) * _present(slopes)) and _kept(
                    errors[node], _present(off[0]) * _present(slopes)
                )
                sizes[:, 0] += torch.from_numpy(np.abs(op.intercepts[pieces, at])).reshape(-1, *op.shape)
                errors[node] = (errors[node] + gamma(3) * sizes) * (1.0 + 2.0**20 * UNIT_ROUNDOFF)
                return kept
            return True
        winner = as_maximum(op)
        values[node], errors[node] = winner.apply(inputs, pieces), winner.apply(off, pieces)
        return True


def _without_bias(op: AffineOp, forms: Sequence[Tensor]) -> Tensor:
    """The linear part of an op, of arrays (cells, k + 1, *shape)."""
    result = op.linear([form.flatten(0, 1) for form in forms])
    return result.reshape(*forms[0].shape[:2], *result.shape[1:])


def _present(tensor: Tensor) -> Tensor:
    """1 where a number is not zero."""
    return (tensor != 0).to(torch.float64)


def _kept(sizes: Tensor, present: Tensor) -> bool:
    """Whether no sum of absolute products lost anything that matters to underflow or overflow.

    `present` is the same sum over ones in place of numbers: positive where some product is not zero.
    """
    ordinary = (sizes > UNDERFLOW_SAFE) & (sizes < LARGE)
    return bool((ordinary | (present == 0)).all())
