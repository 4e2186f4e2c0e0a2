"""How many regions random points of a ball lie in: a certified lower bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from vitrail.balls.bounding import ball_norm
from vitrail.balls.deciding import first_of_each
from vitrail.balls.items import Points
from vitrail.balls.plan import BallPlan
from vitrail.balls.propagate import start
from vitrail.count import Count
from vitrail.domains.checks import real_points
from vitrail.engines.run import threads
from vitrail.errors import InvalidDomainError
from vitrail.network.network import Network
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.filters import gamma
from vitrail.options import natural_integer, positive_integer, positive_number
from vitrail.status import Definition, Status

__all__ = ["sampled_regions_in_ball"]

_CHUNK_NUMBERS = 2**20


def sampled_regions_in_ball(
    net: Network, center: ArrayLike, radius: float, samples: int = 1000, norm: object = 2, *, seed: int = 0
) -> Count:
    """Count the different activation patterns of points drawn uniformly from the open ball: a lower bound, at least 1.

    `norm`: 2, or "inf" for a box. Only points whose pattern is proven count, every unit's value farther from its
    breakpoints than its error bound, so each lies inside a region; so do units that are constant around the point. The
    others are `undecided`, as are points that rounding may put outside the ball. Where no point is proven the count is
    still 1, since every ball meets a region. The same seed gives the same points.

    Raises:
        InvalidDomainError: a center that is no input of the network.
        InvalidOptionError: another norm, or a radius, number of samples or seed that is not allowed.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> sampled_regions_in_ball(net, [0.1, 0.1], 1.0)
        Count(4, lower bound, partial, activation, ball of radius 1 (l2))
    """
    kind, size = ball_norm(norm), positive_number("radius", radius)
    number, rng = positive_integer("samples", samples), np.random.default_rng(natural_integer("seed", seed))
    points = real_points("center", center, net.input_shape)
    if len(points) != 1:
        raise InvalidDomainError(f"center: expected one input, found {len(points)}; sample around one at a time")
    plan = BallPlan(net.graph, kind)
    step = max(1, _CHUNK_NUMBERS // plan.entries)
    seen: set[bytes] = set()
    kept = 0
    # values that overflow prove nothing, and are counted as undecided
    with threads(1), np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, number, step):
            inside = _drawn(rng, points[0], size, min(step, number - first), kind)
            if len(inside):
                pieces, proven = _proven_pieces(plan, start(plan, inside))
                kept += int(proven.sum())
                seen.update(row.tobytes() for row in np.ascontiguousarray(pieces[proven]))
    least = max(1, len(seen))
    return Count(
        least,
        lower=least,
        upper=None,
        status=Status.PARTIAL,
        definition=Definition.ACTIVATION,
        domain=f"ball of radius {size:.6g} ({'l2' if kind == '2' else 'linf'})",
        undecided=number - kept,
    )


def _drawn(rng: np.random.Generator, center: np.ndarray, radius: float, count: int, norm: str) -> np.ndarray:
    """Uniform points of the ball, without those that are not proven to lie in it."""
    if norm == "inf":
        steps = rng.uniform(-1.0, 1.0, (count, center.size))
    else:
        steps = rng.normal(size=(count, center.size))
        length = np.linalg.norm(steps, axis=1, keepdims=True)
        steps = steps / length * rng.random((count, 1)) ** (1.0 / center.size)
    with np.errstate(over="ignore", invalid="ignore"):
        points = center + radius * steps
        away = np.abs((points - center) / radius)
        size = away.max(axis=1) if norm == "inf" else np.linalg.norm(away, axis=1)
        return points[size * (1.0 + gamma(center.size + 16)) < 1.0]


def _proven_pieces(plan: BallPlan, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Pieces (points, units) and whether all of them are proven, (points,).

    A unit that is constant around the point needs no proof: its piece follows from the others, and is left out, as 0.
    """
    count = len(points.centers)
    live = {0: np.ones(points.centers.shape, dtype=bool)}
    proven, found = np.ones(count, dtype=bool), [np.zeros((count, 0), dtype=np.int32)]
    for node in plan.nodes:
        op, sources = plan.graph.nodes[node].op, plan.graph.nodes[node].inputs
        if node in plan.maps:
            live[node] = plan.maps[node].reads([live[source] for source in sources])
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            values, errors = (
                np.concatenate([own[source] for source in sources], axis=1) for own in (points.values, points.errors)
            )
            low, high = np.nextafter(values - errors, -np.inf), np.nextafter(values + errors, np.inf)
        moving = np.concatenate([live[source] for source in sources], axis=1)
        if isinstance(op, Elementwise):
            below, above = np.zeros(low.shape, dtype=np.int32), np.zeros(low.shape, dtype=np.int32)
            for row in op.breakpoints:
                below += row < low
                # a bound that is not a number proves nothing
                above += ~(row > high)
            decided, pieces = below == above, np.where(moving, below, 0)
            live[node] = moving & (op.slopes[below, np.arange(op.units)] != 0)
        else:
            maximum = as_maximum(op)
            low, high = (low, high) if maximum.sign > 0 else (-high, -low)
            columns = np.maximum(maximum.candidates, 0)
            there = np.broadcast_to(first_of_each(maximum), (count, *columns.shape))
            floor = np.where(there, low[:, columns], -np.inf).max(axis=2)
            rivals = there & ~(high[:, columns] < floor[:, :, None])
            moving = moving[:, columns] & rivals
            number = moving.sum(axis=2)
            decided = rivals.sum(axis=2) == 1
            live[node] = number > 0
            moving, pieces = live[node], np.where(live[node], moving.argmax(axis=2), 0).astype(np.int32)
        proven &= (decided | ~moving).all(axis=1)
        found.append(pieces)
    return np.concatenate(found, axis=1), proven
