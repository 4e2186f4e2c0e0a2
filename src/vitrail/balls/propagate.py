"""One pass through a network over some balls: bounds node by node, and what units can do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrail.balls.deciding import contest, tighten_elementwise, tighten_maximum
from vitrail.balls.interval import affine_range
from vitrail.balls.items import Items, Points
from vitrail.balls.plan import BallPlan
from vitrail.balls.relaxation import Relaxation
from vitrail.balls.sphere import affine_growth, spread_of
from vitrail.balls.units import Layer, elementwise_units, maximum_units
from vitrail.network.ops.elementwise import Elementwise

__all__ = ["ENGINES", "propagate", "start"]

ENGINES = ("interval", "sphere", "relaxation")
"""The ways to bound values over a ball; each alone is sound."""


def start(plan: BallPlan, centers: np.ndarray) -> Points:
    """Centers (m, n) with the values of all nodes at them."""
    points = Points(centers)
    points.values[0], points.errors[0] = centers, np.zeros_like(centers)
    low, high = {0: centers}, {0: centers}
    for index in plan.nodes:
        sources = plan.graph.nodes[index].inputs
        if index in plan.maps:
            lows, highs = [low[source] for source in sources], [high[source] for source in sources]
            value, error, low[index], high[index] = affine_range(plan.maps[index], lows, highs)
        else:
            low[index], high[index] = _images(plan, index, low, high)
            with np.errstate(over="ignore", invalid="ignore"):
                value = low[index] + 0.5 * (high[index] - low[index])
                error = np.nextafter(np.maximum(high[index] - value, value - low[index]), np.inf)
            error = np.where(low[index] == high[index], 0.0, error)
        points.values[index], points.errors[index] = value, error
    return points


def _images(
    plan: BallPlan, index: int, low: dict[int, np.ndarray], high: dict[int, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the outputs of units from those of what they read."""
    count = len(low[0])
    alone = Items(Points(low[0]), np.arange(count), np.zeros(count), low, high)
    for source in plan.graph.nodes[index].inputs:
        alone.live[source] = np.ones_like(low[source], dtype=bool)
        alone.points.values[source], alone.points.errors[source] = low[source], np.zeros_like(low[source])
    if isinstance(plan.graph.nodes[index].op, Elementwise):
        elementwise_units(plan, alone, index, sphere=False)
    else:
        open_ones = contest(plan, alone, index)
        maximum_units(plan, alone, index, open_ones.rivals, open_ones.chosen, open_ones.excess, sphere=False)
    return alone.low[index], alone.high[index]


def propagate(
    plan: BallPlan, items: Items, engines: Sequence[str] = ENGINES, smaller: dict[int, Layer] | None = None
) -> dict[int, Layer]:
    """Bound all nodes over the balls by the intersection of some engines; what units can do, by piecewise-linear op.

    `smaller` is what was found for smaller balls around the same centers: the relaxation does not try to settle units
    again that were open there.
    """
    _begin(plan, items)
    relaxation, found = Relaxation(plan, items), {}
    hopeless, wanted = _prospects(plan, items, smaller)
    sphere = "sphere" in engines
    for index in plan.nodes:
        sources = plan.graph.nodes[index].inputs
        if index in plan.maps:
            _affine(plan, items, index, engines)
        elif isinstance(plan.graph.nodes[index].op, Elementwise):
            if "relaxation" in engines:
                tighten_elementwise(plan, items, relaxation, index, hopeless[index], wanted[index])
            _settle(items, sources)
            found[index], relaxation.lines[index] = elementwise_units(plan, items, index, sphere=sphere)
        else:
            open_ones = contest(plan, items, index)
            if "relaxation" in engines:
                asked = hopeless[index], wanted[index]
                open_ones = tighten_maximum(plan, items, relaxation, index, open_ones, *asked)
            _settle(items, sources)
            tables = (open_ones.rivals, open_ones.chosen, open_ones.excess)
            found[index], relaxation.lines[index] = maximum_units(plan, items, index, *tables, sphere=sphere)
        items.total = items.total + items.largest(index).sum(axis=1)
    return found


def _prospects(
    plan: BallPlan, items: Items, smaller: dict[int, Layer] | None
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Per op which units (balls, units) were open over smaller balls, and for which balls (balls,) not all later ones.

    Later ones are taken in order, not only those that read the op.
    """
    hopeless, wanted = {}, {}
    some = np.zeros(len(items), dtype=bool)
    for index in reversed(plan.graph.piecewise):
        shape = (len(items), plan.sizes[index])
        hopeless[index] = np.zeros(shape, dtype=bool) if smaller is None else smaller[index].extra > 0
        wanted[index] = some
        some = some | ~hopeless[index].all(axis=1)
    return hopeless, wanted


def _begin(plan: BallPlan, items: Items) -> None:
    centers, radii = items.value(0), items.radii[:, None]
    with np.errstate(over="ignore"):
        low, high = np.nextafter(centers - radii, -np.inf), np.nextafter(centers + radii, np.inf)
    items.low[0], items.high[0] = low, high
    items.growth[0] = np.broadcast_to(radii, centers.shape)
    items.spreads[0] = items.radii
    items.live[0] = np.ones(centers.shape, dtype=bool)
    items.sound = np.isfinite(low).all(axis=1) & np.isfinite(high).all(axis=1)
    items.total = items.largest(0).sum(axis=1)


def _affine(plan: BallPlan, items: Items, index: int, engines: Sequence[str]) -> None:
    own, sources = plan.maps[index], plan.graph.nodes[index].inputs
    items.live[index] = own.reads([items.live[source] for source in sources])
    value, error = items.value(index), items.error(index)
    bounds = affine_range(own, [items.low[source] for source in sources], [items.high[source] for source in sources])
    items.low[index], items.high[index] = bounds[2:]
    items.sizes[index] = items.largest(index)
    first = index in plan.first_norms
    if "interval" not in engines and index in plan.deciding and not first:
        items.low[index], items.high[index] = np.full_like(value, -np.inf), np.full_like(value, np.inf)
    if "sphere" in engines:
        affine_growth(plan, items, index)
        _around(items, index, value, error, items.growth[index])
    if first:
        with np.errstate(over="ignore", invalid="ignore"):
            growth = items.radii[:, None] * plan.first_norms[index] * items.live[index]
        _around(items, index, value, error, np.where(np.isnan(growth), np.inf, np.nextafter(growth, np.inf)))
    if "sphere" in engines:
        with np.errstate(over="ignore", invalid="ignore"):
            away = np.maximum(items.high[index] - value, value - items.low[index]) + error
            moved = np.fmin(items.growth[index], np.nextafter(away, np.inf))
        items.growth[index] = np.where(items.live[index], moved, 0.0)
        spread_of(items, index, plan.norm, items.spreads[index])


def _around(items: Items, index: int, value: np.ndarray, error: np.ndarray, growth: np.ndarray) -> None:
    """Intersect with values at the centers and how far they can move."""
    with np.errstate(over="ignore", invalid="ignore"):
        away = np.nextafter(error + growth, np.inf)
        items.narrow(index, np.nextafter(value - away, -np.inf), np.nextafter(value + away, np.inf))


def _settle(items: Items, sources: Sequence[int]) -> None:
    """Only balls whose bounds are finite are left to the relaxation from here on."""
    for source in sources:
        finite = np.isfinite(items.low[source]) & np.isfinite(items.high[source])
        items.sound = items.sound & finite.all(axis=1)
