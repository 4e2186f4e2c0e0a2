"""How far nodes can move from their values at the center: Lipschitz bounds, entry by entry and for whole nodes."""

from __future__ import annotations

import numpy as np

from vitrail.balls.items import Items
from vitrail.balls.plan import BallPlan
from vitrail.network.ops.concat import Concat
from vitrail.numerics.filters import SMALLEST, SMALLEST_NORM, gamma

__all__ = ["affine_growth", "node_norm", "spread_of"]


def node_norm(rows: np.ndarray, norm: str) -> np.ndarray:
    """Upper bounds of the norms of rows (balls, entries) of numbers that are not negative.

    Example:
        >>> bool(5.0 <= node_norm(np.array([[3.0, 4.0]]), "2")[0] < 5.001)
        True
    """
    if norm == "inf":
        return rows.max(axis=1, initial=0.0)
    with np.errstate(over="ignore"):
        return np.sqrt(np.square(rows).sum(axis=1)) * (1.0 + gamma(rows.shape[1] + 8)) + SMALLEST_NORM


def spread_of(items: Items, node: int, norm: str, bound: np.ndarray) -> None:
    """Store how far a node moves as a whole: at most a bound (balls,), and at most what its entries allow."""
    items.spreads[node] = np.fmin(bound, node_norm(items.growth[node], norm))


def affine_growth(plan: BallPlan, items: Items, node: int) -> None:
    """Store how far the entries of an affine node and the node move over each ball.

    An entry w x moves by at most the spread of x times the dual norm of w, restricted to the entries of x that are not
    constant; the node by at most the spread of x times the norm of the op.
    """
    own, sources = plan.maps[node], plan.graph.nodes[node].inputs
    room = 1.0 + 2 * gamma(max(plan.sizes) + 16)
    growth = np.zeros((len(items), own.size))
    parts = []
    with np.errstate(over="ignore", invalid="ignore"):
        for number, source in enumerate(sources):
            spread, live = items.spreads[source], items.live[source]
            if plan.norm == "inf":
                rows = own.magnitudes_of(number, live.astype(np.float64)) * room
            else:
                rows = np.sqrt(own.squares(number, live.astype(np.float64))) * room
            # what reads nothing that moves stays, whatever underflow took
            growth += (rows + SMALLEST_NORM) * spread[:, None] * items.live[node]
            parts.append(spread * plan.norms[node][number])
        growth = np.where(np.isnan(growth), np.inf, growth * room)
        if plan.norm == "2" and isinstance(own.op, Concat):
            whole = np.sqrt(np.square(np.stack(parts)).sum(axis=0))
        elif isinstance(own.op, Concat):
            whole = np.max(parts, axis=0)
        else:
            whole = np.sum(parts, axis=0)
        whole = whole * room + SMALLEST
    items.growth[node] = growth
    spread_of(items, node, plan.norm, np.where(np.isnan(whole), np.inf, whole))
