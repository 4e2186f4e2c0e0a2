"""Carrying forms from parents to children through one stage: the layer algebra of the loop, with its work memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vitrail.cells.batch import Children, CutWork
from vitrail.engines.plan import Dense, Plan, overflow_message
from vitrail.errors import InvalidModelError
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.elementwise_linear import children_forms, common_activations, group_starts
from vitrail.network.ops.maximum import Maximum, as_maximum
from vitrail.patterns import unpack

__all__ = ["Carrier", "prologue"]


def prologue(plan: Plan, roots: Tensor) -> dict[int, Tensor]:
    """Forms of the input, shape (frames, k + 1, *input_shape), carried to the first piecewise op, all at once."""
    live = {0: roots}
    for node in plan.prologue:
        live[node] = plan.affine_forms(node, live)
    return _needed(plan, 0, live)


def _needed(plan: Plan, following: int, live: dict[int, Tensor]) -> dict[int, Tensor]:
    """The forms that the stage `following` and those after it read, or after the last stage those of the output."""
    if following == len(plan.stages):
        return {plan.graph.output: live[plan.graph.output]}
    stage = plan.stages[following]
    return {node: forms for node, forms in live.items() if node in (*stage.sources, *stage.keep)}


class Carrier:
    """Computes children's forms chunk by chunk, in memory that is used again for every chunk of a stage."""

    def __init__(self, chunk: int, work: Sequence[CutWork]) -> None:
        """At most `chunk` cells at a time; `work` holds the cutting memory of each stage."""
        self.chunk = chunk
        self.work = work
        self._buffers: dict[tuple[int, str], np.ndarray] = {}

    @property
    def bytes(self) -> int:
        """Size of the memory for forms."""
        return sum(buffer.nbytes for buffer in self._buffers.values())

    @staticmethod
    def stage_forms(plan: Plan, number: int, live: dict[int, Tensor]) -> np.ndarray:
        """The forms that decide a stage's pieces, shape (rows, k + 1, forms), candidates of a minimum negated.

        Raises:
            InvalidModelError: the forms overflow float64.
        """
        stage = plan.stages[number]
        parts = [live[source].flatten(2) for source in stage.sources]
        forms = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        if isinstance(stage.op, Maximum) and stage.op.sign < 0:
            forms = -forms
        if stage.may_overflow and not forms.isfinite().all():
            raise InvalidModelError(overflow_message(plan.graph.nodes[stage.node].name))
        return np.ascontiguousarray(forms.numpy())

    def carry(self, plan: Plan, number: int, live: dict[int, Tensor], children: Children) -> dict[int, Tensor]:
        """Forms of every node that is still read, for the children of a stage; rows in the order of the children."""
        rows = torch.from_numpy(children.parent)
        if number < 0:
            return prologue(plan, live[0].index_select(0, rows))
        stage = plan.stages[number]
        result = {node: live[node].index_select(0, rows) for node in stage.keep}
        if stage.dense is not None:
            forms = live[stage.sources[0]]
            result[stage.dense.node] = self._fused(number, stage.dense, stage.table.bits, forms, children)
        else:
            inputs = [live[source].index_select(0, rows) for source in stage.sources]
            pieces = unpack(children.words, stage.table.units, stage.table.bits)
            if isinstance(stage.op, Elementwise):
                result[stage.node] = stage.op.apply(inputs[0], pieces)
            else:
                result[stage.node] = as_maximum(stage.op).apply(inputs, pieces)
        for node in stage.affine:
            if stage.dense is None or node != stage.dense.node:
                result[node] = plan.affine_forms(node, result)
        return _needed(plan, number + 1, result)

    def _fused(self, number: int, dense: Dense, bits: int, forms: Tensor, children: Children) -> Tensor:
        """Elementwise op and dense layer in one step: a product per parent, then a few rows per child."""
        weights = dense.weights
        parents = np.ascontiguousarray(forms.flatten(2).numpy())
        words, parent = children.words, children.parent
        groups = group_starts(parent)
        count, columns = groups.shape[0] - 1, parents.shape[1]
        units, outputs = weights.shape
        activations = self._buffer(number, "activations", (count, columns, units))
        scratch = self._buffer(number, "scratch", (2, max(units, columns)))
        varying = self._buffer(number, "varying", (count, words.shape[1]), np.int64)
        common_activations(
            parents, parent, groups, words, bits, dense.slopes, dense.intercepts, scratch, activations, varying
        )
        base = self._buffer(number, "base", (count, columns, outputs))
        torch.mm(
            torch.from_numpy(activations).view(-1, units),
            torch.from_numpy(weights),
            out=torch.from_numpy(base).view(-1, outputs),
        )
        if dense.bias is not None:
            base[:, 0] += dense.bias
        out = self._buffer(number, "out", (parent.shape[0], columns, outputs))
        tables = (dense.slopes, dense.intercepts, weights)
        children_forms(base, parents, parent, groups, words, bits, *tables, varying, units, scratch, out)
        return torch.from_numpy(out)

    def _buffer(self, number: int, name: str, shape: tuple[int, ...], dtype: type = np.float64) -> np.ndarray:
        """A C-contiguous array that lives until the same stage asks for it again."""
        size = math.prod(shape)
        flat = self._buffers.get((number, name))
        if flat is None or flat.size < size:
            flat = np.empty(size + size // 2, dtype=dtype)
            self._buffers[number, name] = flat
        return flat[:size].reshape(shape)

    @staticmethod
    def output(plan: Plan, live: dict[int, Tensor]) -> np.ndarray:
        """Forms of the network's output on finished cells, shape (cells, k + 1, outputs)."""
        return live[plan.graph.output].flatten(2).numpy().copy()
