"""Replaying known patterns: the affine maps of many regions at once, without cutting."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from vitrail.cells.batch import Children
from vitrail.cells.interval import Intervals
from vitrail.engines.carry import Carrier, prologue
from vitrail.engines.plan import Plan

__all__ = ["replay"]

_CHUNK_BYTES = 2**23


def replay(plan: Plan, roots: Tensor, words: np.ndarray) -> np.ndarray:
    """Output forms of regions of one frame from their packed patterns.

    `roots` has shape (1, k + 1, *input_shape), `words` (regions, words); returns (regions, k + 1, outputs).
    """
    columns, outputs = roots.shape[1], int(np.prod(plan.graph.output_shape, dtype=np.int64))
    result = np.empty((words.shape[0], columns, outputs))
    widest = max((stage.width for stage in plan.stages), default=1)
    chunk = max(1, _CHUNK_BYTES // (8 * columns * widest))
    carrier = Carrier(chunk, ())
    start = prologue(plan, roots)
    if not plan.stages:
        result[:] = start[plan.graph.output].flatten(2).numpy()
        return result
    for first in range(0, words.shape[0], chunk):
        part = words[first : first + chunk]
        count = part.shape[0]
        # the cells themselves do not matter: forms follow the patterns alone
        cells = Intervals(np.empty((count, 4)), np.empty((count, 2), dtype=np.int64), np.arange(count), np.zeros(count))
        parent = np.zeros(count, dtype=np.int64)
        live = start
        for number in range(len(plan.stages)):
            stage_words = np.ascontiguousarray(part[:, plan.layout.slice_of(number)])
            live = carrier.carry(plan, number, live, Children(cells, parent, stage_words, 0, count))
            parent = np.arange(count)
        result[first : first + count] = live[plan.graph.output].flatten(2).numpy()
    return result
