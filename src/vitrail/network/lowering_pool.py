"""Pooling and maxima over axes, for both importers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from vitrail.network.builder import GraphBuilder, Refusal, Value, without_batch
from vitrail.network.lowering import broadcast
from vitrail.network.ops.base import Shape, check_size
from vitrail.network.ops.maximum import Maximum, pool_windows
from vitrail.network.ops.pooling import AveragePool, adaptive_windows, membership

__all__ = ["adaptive_average", "average_pool", "covered", "extreme", "extreme_of", "max_pool", "window_tables"]

Table = NDArray[np.int64]


def window_tables(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    ceil: bool,
) -> list[Table]:
    """Window positions along every pooled axis."""
    axes = zip(sizes, kernel, stride, padding, dilation, strict=True)
    return [pool_windows(*axis, ceil=ceil) for axis in axes]


def max_pool(builder: GraphBuilder, value: Value, windows: Sequence[Table]) -> Value:
    """The maximum of every window of the last axes; padding never wins."""
    axes = len(windows)
    sizes = value.shape[-axes:]
    lead = value.shape[:-axes]
    check_size((*lead, *(table.size for table in windows)), "max pooling")
    flat = np.zeros([table.shape[0] for table in windows] + [table.shape[1] for table in windows], dtype=np.int64)
    absent = np.zeros_like(flat, dtype=bool)
    for axis, table in enumerate(windows):
        shape = [1] * (2 * axes)
        shape[axis], shape[axes + axis] = table.shape
        flat = flat * sizes[axis] + table.clip(min=0).reshape(shape)
        absent |= (table < 0).reshape(shape)
    counts = tuple(table.shape[0] for table in windows)
    group = np.where(absent, -1, flat).reshape(math.prod(counts), -1)
    offsets = (np.arange(math.prod(lead)) * math.prod(sizes))[:, None, None]
    candidates = np.where(group < 0, -1, group + offsets).reshape(-1, group.shape[1])
    return _emit_maximum(builder, [value], candidates, 1, (*lead, *counts))


def extreme(builder: GraphBuilder, value: Value, axes: tuple[int, ...], keep: bool, sign: int) -> Value:
    """Maximum (sign +1) or minimum (-1) over axes."""
    rest = tuple(axis for axis in range(len(value.shape)) if axis not in axes)
    positions = np.arange(math.prod(value.shape), dtype=np.int64).reshape(value.shape)
    table = positions.transpose(*rest, *axes).reshape(math.prod(value.shape[axis] for axis in rest), -1)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape) if keep or axis not in axes)
    return _emit_maximum(builder, [value], table, sign, shape)


def extreme_of(builder: GraphBuilder, values: Sequence[Value], sign: int) -> Value:
    """Entrywise maximum or minimum of several values, with broadcasting."""
    shape = tuple(torch.broadcast_shapes(*(value.shape for value in values)))
    spread = [broadcast(builder, value, shape) for value in values]
    size = math.prod(shape)
    check_size((size, len(values)), "a maximum")
    table = np.arange(size, dtype=np.int64)[:, None] + size * np.arange(len(values), dtype=np.int64)[None, :]
    return _emit_maximum(builder, spread, table, sign, shape)


def _emit_maximum(builder: GraphBuilder, values: Sequence[Value], table: Table, sign: int, shape: Shape) -> Value:
    if table.shape[1] == 1:
        return builder.place_table(values[0], table.reshape(shape))
    shapes = tuple(builder.nodes[value.node].op.shape for value in values)
    return builder.emit(Maximum(table, sign, shapes, without_batch(shape)), values, shape)


def average_pool(
    builder: GraphBuilder,
    value: Value,
    windows: Sequence[Table],
    *,
    counts: Sequence[Table] | None = None,
    divisor: int | None = None,
) -> Value:
    """The average of every window of the last axes.

    A window is divided by `divisor`, else by its `counts` (per axis: how many positions), else by its own entries.
    """
    axes = len(windows)
    if axes not in (1, 2):
        raise Refusal(f"average pooling over {axes} axes; 1 and 2 are supported")
    sizes = value.shape[-axes:]
    counted = [(table >= 0).sum(axis=1) for table in windows] if counts is None else counts
    divisors = counted[0] if axes == 1 else counted[0][:, None] * counted[1][None, :]
    if divisor is not None:
        divisors = np.full_like(divisors, divisor)
    if any((table < 0).all(axis=1).any() for table in windows):
        raise Refusal("an average pooling window lies entirely in the padding")
    matrices = tuple(membership(table, size) for table, size in zip(windows, sizes, strict=True))
    rounding = sorted({int(count) for count in divisors.ravel() if count & (count - 1)})
    for count in itertools.islice(rounding, 3):
        builder.note(f"average pooling at {builder.place}: 1/{count} is rounded once to float64")
    own = without_batch(value.shape) if len(value.shape) > axes else value.shape
    op = AveragePool(own, matrices, torch.from_numpy(1.0 / divisors))
    return builder.emit(op, [value], (*value.shape[:-axes], *(table.shape[0] for table in windows)))


def covered(windows: int, kernel: int, stride: int, padding: int, end: int) -> Table:
    """How many positions before `end` each window covers along one axis, padding included.

    Example:
        >>> covered(2, 3, 2, 1, 4).tolist()
        [3, 3]
    """
    starts = np.arange(windows) * stride - padding
    return np.minimum(starts + kernel, end) - starts


def adaptive_average(builder: GraphBuilder, value: Value, counts: Sequence[int | None]) -> Value:
    """Adaptive average pooling to the given sizes of the last axes; None keeps a size."""
    sizes = value.shape[-len(counts) :]
    targets = [size if count is None else count for size, count in zip(sizes, counts, strict=True)]
    tables = [adaptive_windows(size, count) for size, count in zip(sizes, targets, strict=True)]
    return average_pool(builder, value, tables)
