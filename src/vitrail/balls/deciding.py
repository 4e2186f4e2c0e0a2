"""Bounds of the forms that decide units, tightened by the relaxation where intervals and spheres leave them open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.balls.items import Items
from vitrail.balls.plan import BallPlan
from vitrail.balls.relaxation import Relaxation
from vitrail.balls.units import signed
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import Maximum

__all__ = ["Contest", "contest", "first_of_each", "tighten_elementwise", "tighten_maximum"]


def tighten_elementwise(
    plan: BallPlan, items: Items, relaxation: Relaxation, node: int, hopeless: np.ndarray, wanted: np.ndarray
) -> None:
    """Bound the values of units that may still switch, first from the side that can settle it.

    Where the value at the center is above a breakpoint only a lower bound can say that the breakpoint is not met, and
    the other way round; not for `hopeless` (balls, units), which switch for all that is known. What stays open gets the
    other bound too where later units see it, on `wanted` (balls,).
    """
    op, (source,) = plan.graph.nodes[node].op, plan.graph.nodes[node].inputs
    if source in plan.first_norms or source == 0 or not isinstance(op, Elementwise):
        return
    value, error = items.value(source), items.error(source)
    there = items.live[source] & items.sound[:, None]
    below, above = _open_sides(op, items, source, value - error, value + error)
    below, above = below & there & ~hopeless, above & there & ~hopeless
    _improve(items, relaxation, source, below, above)
    if node not in plan.wiring.feeding:
        return
    nowhere = np.full_like(value, np.inf)
    still, _ = _open_sides(op, items, source, -nowhere, nowhere)
    there = items.sound[:, None] & wanted[:, None]
    low_missing = (still & items.live[source] & ~below) | ~np.isfinite(items.low[source])
    high_missing = (still & items.live[source] & ~above) | ~np.isfinite(items.high[source])
    _improve(items, relaxation, source, low_missing & there, high_missing & there)


def _open_sides(
    op: Elementwise, items: Items, source: int, least: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Units with a breakpoint inside their range that is not above `most`, and with one that is not below `least`."""
    low, high = items.low[source], items.high[source]
    below, above = np.zeros(low.shape, dtype=bool), np.zeros(low.shape, dtype=bool)
    for points in op.breakpoints:
        inside = (low < points) & (points < high)
        below |= inside & ~(points > most)
        above |= inside & ~(points < least)
    return below, above


def _improve(items: Items, relaxation: Relaxation, source: int, below: np.ndarray, above: np.ndarray) -> None:
    (first, low_places), (second, high_places) = np.nonzero(below), np.nonzero(above)
    if not first.size + second.size:
        return
    signs = np.concatenate([np.ones(first.size), -np.ones(second.size)])
    balls, places = np.concatenate([first, second]), np.concatenate([low_places, high_places])
    found = relaxation.entries(source, balls, places, signs)
    low, high = np.full(below.shape, -np.inf), np.full(below.shape, np.inf)
    low[first, low_places], high[second, high_places] = found[: first.size], -found[first.size :]
    items.narrow(source, low, high)


@dataclass(frozen=True, eq=False)
class Contest:
    """Which candidates (balls, groups, places) can win, the place (balls, groups) of one, and what others have more."""

    rivals: np.ndarray
    chosen: np.ndarray
    excess: np.ndarray


def contest(plan: BallPlan, items: Items, node: int) -> Contest:
    """Candidates that can be largest as far as the bounds of their values say; the chosen one wins at the center."""
    op, sources = plan.graph.nodes[node].op, plan.graph.nodes[node].inputs
    if not isinstance(op, Maximum):
        raise TypeError(f"node {node}: expected a maximum, found {op.name}")
    low, high = signed(items, op, sources)
    columns = np.maximum(op.candidates, 0)
    lows, highs = low[:, columns], high[:, columns]
    rivals = np.broadcast_to(first_of_each(op), lows.shape).copy()
    for place in range(op.pieces):
        others = rivals.copy()
        others[:, :, place] = False
        # of two that are equal on a region the earlier one wins
        later = np.arange(op.pieces) > place
        rival, floor = rivals[:, :, place, None], lows[:, :, place, None]
        beaten = rival & others & ((highs < floor) | ((highs <= floor) & later))
        rivals &= ~beaten
    values = np.concatenate([items.value(source) for source in sources], axis=1)[:, columns] * op.sign
    values = np.where(rivals, np.where(np.isnan(values), -np.inf, values), -np.inf)
    chosen = np.where(np.isneginf(values).all(axis=2), rivals.argmax(axis=2), values.argmax(axis=2))
    return Contest(rivals, chosen, _excess(lows, highs, rivals, chosen))


def first_of_each(op: Maximum) -> np.ndarray:
    """Candidates that are there and no copy of an earlier one, (groups, places)."""
    table = op.candidates
    first = table >= 0
    for place in range(1, op.pieces):
        first[:, place] &= ~(table[:, :place] == table[:, place, None]).any(axis=1)
    return first


def _excess(lows: np.ndarray, highs: np.ndarray, rivals: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        floor = np.take_along_axis(lows, chosen[:, :, None], axis=2)
        more = np.nextafter(highs - floor, np.inf)
    others = rivals & (np.arange(rivals.shape[2]) != chosen[:, :, None])
    more = np.where(others, np.where(np.isnan(more), np.inf, more), 0.0)
    return np.maximum(more.max(axis=2), 0.0)


def tighten_maximum(
    plan: BallPlan,
    items: Items,
    relaxation: Relaxation,
    node: int,
    before: Contest,
    hopeless: np.ndarray,
    wanted: np.ndarray,
) -> Contest:
    """Bound the candidates that can win less the chosen one; drop those that cannot win after all.

    Groups that are `hopeless` (balls, groups) are looked at only on `wanted` balls (balls,), where later units see
    them.
    """
    op, sources = plan.graph.nodes[node].op, plan.graph.nodes[node].inputs
    if not isinstance(op, Maximum):
        raise TypeError(f"node {node}: expected a maximum, found {op.name}")
    rivals, chosen = before.rivals.copy(), before.chosen
    seen = wanted & (node in plan.wiring.feeding)
    asked = items.sound[:, None] & (~hopeless | seen[:, None])
    others = rivals & (np.arange(op.pieces) != chosen[:, :, None]) & asked[:, :, None]
    balls, groups, places = np.nonzero(others)
    if not balls.size:
        return before
    leaders = op.candidates[groups, chosen[balls, groups]]
    more = np.zeros(rivals.shape)
    more[balls, groups, places] = -relaxation.differences(node, balls, leaders, op.candidates[groups, places])
    later = np.arange(op.pieces) > chosen[:, :, None]
    rivals &= ~(others & ((more < 0) | ((more <= 0) & later)))
    more = np.where(others & rivals, more, 0.0).max(axis=2)
    excess = np.where(asked, np.minimum(before.excess, np.maximum(more, 0.0)), before.excess)
    if seen.any():
        _bound_candidates(plan, items, relaxation, op, sources, rivals & seen[:, None, None])
    return Contest(rivals, chosen, excess)


def _bound_candidates(
    plan: BallPlan, items: Items, relaxation: Relaxation, op: Maximum, sources: tuple[int, ...], rivals: np.ndarray
) -> None:
    """Bounds of affine candidates of groups that are open, for what comes later."""
    start = 0
    for source in sources:
        size = plan.sizes[source]
        if source in plan.maps and source not in plan.first_norms:
            wanted = np.zeros((len(items), size), dtype=bool)
            balls, groups, places = np.nonzero(rivals & (rivals.sum(axis=2) > 1)[:, :, None])
            entries = op.candidates[groups, places] - start
            own = (entries >= 0) & (entries < size)
            wanted[balls[own], entries[own]] = True
            wanted &= items.live[source] & items.sound[:, None]
            _improve(items, relaxation, source, wanted, wanted)
        start += size
