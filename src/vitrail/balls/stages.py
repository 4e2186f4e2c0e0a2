"""From what units can do over balls to upper bounds of the number of regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitrail.balls.plan import BallPlan
from vitrail.balls.units import Layer
from vitrail.bounds.layered import Stage, layered_bound

__all__ = ["Tally", "bounds_of", "interleaved", "joined", "tally"]


@dataclass(frozen=True, eq=False)
class Tally:
    """Per ball the stages of its layers; `unstable` and `steady` (balls, layers) units, `dimensions` (balls, layers).

    `dimensions` bound the dimension of what each layer reads on a region of the layers before it.
    """

    stages: list[tuple[Stage, ...]]
    unstable: np.ndarray
    steady: np.ndarray
    dimensions: np.ndarray


def tally(plan: BallPlan, found: dict[int, Layer], balls: int) -> Tally:
    """Count units per ball and layer."""
    wiring, ops = plan.wiring, plan.graph.piecewise
    unstable, steady, room = (np.zeros((balls, len(ops)), dtype=np.int64) for _ in range(3))
    left = np.full(balls, plan.sizes[0])
    columns: list[list[Stage]] = []
    for number, node in enumerate(ops):
        layer, bottleneck, reach = found[node], node in wiring.bottlenecks, wiring.reaches[node]
        unstable[:, number], steady[:, number] = (layer.extra > 0).sum(axis=1), layer.steady.sum(axis=1)
        room[:, number] = np.minimum(left, reach)
        if bottleneck:
            left = np.minimum(room[:, number], unstable[:, number] + steady[:, number])
        families = _families(layer.extra)
        rows = zip(families, steady[:, number].tolist(), layer.one_constant.tolist(), strict=True)
        columns.append([Stage(own, kept, off, bottleneck, reach) for own, kept, off in rows])
    stages = [tuple(column[ball] for column in columns) for ball in range(balls)]
    return Tally(stages, unstable, steady, room)


def joined(parts: Sequence[Tally]) -> Tally:
    """The tallies of parts of the balls, one after the other."""
    stages = [own for part in parts for own in part.stages]
    unstable, steady, room = (
        np.concatenate(arrays)
        for arrays in zip(*((part.unstable, part.steady, part.dimensions) for part in parts), strict=True)
    )
    return Tally(stages, unstable, steady, room)


def interleaved(levels: Sequence[Tally]) -> Tally:
    """The tallies of one set of centers at several radii, with the radii of a center one after the other."""
    stages = [own for group in zip(*(level.stages for level in levels), strict=True) for own in group]
    unstable, steady, room = (
        np.stack(arrays, axis=1).reshape(len(stages), arrays[0].shape[1])
        for arrays in zip(*((level.unstable, level.steady, level.dimensions) for level in levels), strict=True)
    )
    return Tally(stages, unstable, steady, room)


def _families(extra: np.ndarray) -> list[tuple[tuple[int, int], ...]]:
    """Per ball how many units have how many pieces beyond the first, as pairs."""
    most = int(extra.max(initial=0))
    counts = [(more, (extra == more).sum(axis=1).tolist()) for more in range(1, most + 1) if (extra == more).any()]
    return [tuple((more, own[ball]) for more, own in counts if own[ball]) for ball in range(len(extra))]


def bounds_of(plan: BallPlan, stages: Sequence[tuple[Stage, ...]]) -> tuple[list[int], list[int]]:
    """Per ball the recursion over layers, and the product formula, which forgets that units that are off are flat."""
    # beyond the widest layer a dimension limits nothing
    dimension = min(plan.sizes[0], max((plan.sizes[node] for node in plan.graph.piecewise), default=1))
    memory: dict[tuple[Stage, ...], tuple[int, int]] = {}
    for own in stages:
        if own not in memory:
            plain = tuple(replace(stage, switched_off=False) for stage in own)
            product = layered_bound(plain, dimension)
            memory[own] = min(product, layered_bound(own, dimension)), product
    found = [memory[own] for own in stages]
    return [best for best, _ in found], [product for _, product in found]
