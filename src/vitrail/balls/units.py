"""What units do over balls: pieces they can take, bounds of what they write, and how their counts are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.balls.items import Items
from vitrail.balls.lines import touched
from vitrail.balls.plan import BallPlan
from vitrail.balls.sphere import spread_of
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import Maximum
from vitrail.numerics.filters import SMALLEST, gamma

__all__ = ["ElementwiseLines", "Layer", "MaximumLines", "elementwise_units", "maximum_units"]


@dataclass(frozen=True, eq=False)
class Layer:
    """What the units of one op can do over each ball.

    `extra` (balls, units) are the pieces that a unit can take beyond the first; `steady` (balls, units) units cannot
    switch and are not constant; `one_constant` (balls,): every unit that can switch has two pieces, exactly one of them
    constant.
    """

    extra: np.ndarray
    steady: np.ndarray
    one_constant: np.ndarray


@dataclass(frozen=True, eq=False)
class ElementwiseLines:
    """Lines (4, balls, units) as `touched` makes them, and the error that each unit of coefficient adds."""

    lines: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class MaximumLines:
    """Per ball and group a candidate below the maximum, what the maximum can have more, and the error of that.

    `chosen` are entries of the candidates side by side; `ceilings` are constants above, NaN where the candidate plus
    `excess` is better.
    """

    chosen: np.ndarray
    excess: np.ndarray
    ceilings: np.ndarray
    weights: np.ndarray


def elementwise_units(plan: BallPlan, items: Items, node: int, *, sphere: bool) -> tuple[Layer, ElementwiseLines]:
    """Follow elementwise units: their pieces, and bounds of their outputs, which are stored."""
    op, (source,) = plan.graph.nodes[node].op, plan.graph.nodes[node].inputs
    if not isinstance(op, Elementwise):
        raise TypeError(f"node {node}: expected an elementwise op, found {op.name}")
    low, high = items.low[source], items.high[source]
    shape = (len(items), op.units)
    pieces, images, lines = np.empty((2, *shape), dtype=np.int64), np.empty((2, *shape)), np.empty((4, *shape))
    touched(low, high, op.breakpoints, np.stack([op.slopes, op.intercepts]), pieces, images, lines)
    first, last = pieces
    live = items.live[source]
    columns = np.arange(op.units)
    at_first, at_last = op.slopes[first, columns], op.slopes[last, columns]
    steep, moving = np.maximum(np.abs(at_first), np.abs(at_last)), (at_first != 0) | (at_last != 0)
    if op.pieces > 2:
        for piece, slopes in enumerate(op.slopes):
            between = (first < piece) & (piece < last)
            steep = np.where(between, np.maximum(steep, np.abs(slopes)), steep)
            moving |= between & (slopes != 0)
    extra = np.where(live, last - first, 0)
    constant = (extra == 1) & ((at_first == 0) != (at_last == 0))
    items.live[node] = live & moving
    items.low[node] = np.where(np.isnan(images[0]), -np.inf, images[0])
    items.high[node] = np.where(np.isnan(images[1]), np.inf, images[1])
    if sphere:
        _elementwise_growth(plan, items, node, steep)
    with np.errstate(over="ignore", invalid="ignore"):
        slope = np.maximum(np.abs(lines[0]), np.abs(lines[2]))
        size = slope * items.largest(source) + np.maximum(np.abs(lines[1]), np.abs(lines[3]))
        weights = plan.chain * size
    layer = Layer(extra, items.live[node] & (extra == 0), (constant | (extra == 0)).all(axis=1))
    return layer, ElementwiseLines(lines, weights)


def _elementwise_growth(plan: BallPlan, items: Items, node: int, steep: np.ndarray) -> None:
    (source,) = plan.graph.nodes[node].inputs
    with np.errstate(over="ignore", invalid="ignore"):
        growth = np.where(items.live[node], steep * items.growth[source] * (1.0 + gamma(4)) + SMALLEST, 0.0)
        most = np.where(items.live[node], steep, 0.0).max(axis=1, initial=0.0)
        bound = items.spreads[source] * most * (1.0 + gamma(4)) + SMALLEST
    items.growth[node] = np.where(np.isnan(growth), np.inf, growth)
    spread_of(items, node, plan.norm, np.where(np.isnan(bound), np.inf, bound))


def maximum_units(
    plan: BallPlan, items: Items, node: int, rivals: np.ndarray, chosen: np.ndarray, excess: np.ndarray, *, sphere: bool
) -> tuple[Layer, MaximumLines]:
    """Follow groups of candidates, of which `rivals` (balls, groups, places) can win.

    `chosen` (balls, groups) is the place of a candidate, `excess` what the maximum can have more than that.
    """
    op, sources = plan.graph.nodes[node].op, plan.graph.nodes[node].inputs
    if not isinstance(op, Maximum):
        raise TypeError(f"node {node}: expected a maximum, found {op.name}")
    columns = np.maximum(op.candidates, 0)
    own_live = np.concatenate([items.live[source] for source in sources], axis=1)[:, columns] & rivals
    # of constant candidates only the largest can win, whichever it is
    extra = own_live.sum(axis=2) + (rivals & ~own_live).any(axis=2) - 1
    items.live[node] = own_live.any(axis=2)
    low, high = signed(items, op, sources)
    floor, ceiling = _best(low[:, columns], rivals), _best(high[:, columns], rivals)
    groups = np.arange(op.units)
    entries = op.candidates[groups, chosen]
    with np.errstate(over="ignore", invalid="ignore"):
        lead = np.take_along_axis(low, entries, axis=1), np.take_along_axis(high, entries, axis=1)
        middle = 0.5 * lead[0] + 0.5 * lead[1] + excess
        ceilings = np.where(middle <= ceiling, np.nan, ceiling)
        top = np.fmin(ceiling, np.nextafter(lead[1] + excess, np.inf))
        bounds = (floor, top) if op.sign > 0 else (-top, -floor)
        size = np.maximum(np.abs(lead[0]), np.abs(lead[1])) + np.abs(excess) + np.abs(ceiling)
        weights = plan.chain * size
    items.low[node] = np.where(np.isnan(bounds[0]), -np.inf, bounds[0])
    items.high[node] = np.where(np.isnan(bounds[1]), np.inf, bounds[1])
    if sphere:
        _maximum_growth(plan, items, node, op, rivals)
    steady = items.live[node] & (extra == 0)
    layer = Layer(extra, steady, ~(extra > 0).any(axis=1))
    return layer, MaximumLines(entries, excess, ceilings, weights)


def signed(items: Items, op: Maximum, sources: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of all candidates side by side, negated for a minimum."""
    low = np.concatenate([items.low[source] for source in sources], axis=1)
    high = np.concatenate([items.high[source] for source in sources], axis=1)
    return (low, high) if op.sign > 0 else (-high, -low)


def _best(values: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    return np.where(rivals, values, -np.inf).max(axis=2)


def _maximum_growth(plan: BallPlan, items: Items, node: int, op: Maximum, rivals: np.ndarray) -> None:
    sources = plan.graph.nodes[node].inputs
    joined = np.concatenate([items.growth[source] for source in sources], axis=1)
    moves = np.where(rivals, joined[:, np.maximum(op.candidates, 0)], 0.0).max(axis=2)
    # an entry that is constant over the ball stays whatever its bound says
    items.growth[node] = np.where(items.live[node], moves, 0.0)
    present = op.candidates[op.candidates >= 0]
    with np.errstate(over="ignore"):
        if plan.norm == "inf":
            bound = np.max([items.spreads[source] for source in sources], axis=0)
        else:
            together = np.sqrt(np.square([items.spreads[source] for source in sources]).sum(axis=0))
            bound = together * np.sqrt(np.bincount(present).max()) * (1.0 + gamma(16)) + SMALLEST
    spread_of(items, node, plan.norm, bound)
