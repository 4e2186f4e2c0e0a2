"""What is measured at the points of a group; each function gives rows of a quantity, a place, a value, and how sure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vitrail.domains import Segment
from vitrail.local.directions import merge_directions
from vitrail.local.distance import distance_to_boundary
from vitrail.local.groups import PointGroup
from vitrail.local.region import LocalRegion, regions_at
from vitrail.local.relevance import relevance
from vitrail.local.transfer import transfer
from vitrail.network.network import Network
from vitrail.search import count_regions
from vitrail.studies.training import Labeled
from vitrail.studies.zhang2020.groups import pixels

__all__ = ["Row", "around", "at_regions", "cuts", "deeper", "distances"]

_BINS = 45
"""Of the angles between 0 and 90 degrees."""

_DIRECTIONS = 16
"""Images that lead away from a point."""

Row = dict[str, Any]
"""Group, quantity, place, value, and whether it is proven."""


def distances(net: Network, group: PointGroup) -> Iterator[Row]:
    """`distance`: of each point to the nearest boundary of a unit, in input units, wherever the box ends."""
    # a point exactly on a boundary is left without proof: exact arithmetic for hundreds of points takes too long
    found = distance_to_boundary(net, group.points, exact=False)
    for value, certified in zip(found.values, found.certified, strict=True):
        yield _row(group.group, "distance", value, certified)


def cuts(net: Network, data: Labeled, boundary: PointGroup, count: int, length: float) -> Iterator[Row]:
    """`cuts`: boundaries of regions per input unit, on `count` segments between two test images of different classes.

    Group "boundary": on the part of that length with the decision boundary in its middle (less where the segment ends
    before); "test": on the part of that length next to the image at the start; "between": on the whole segment.
    """
    images = data.test_inputs.double().numpy()
    shape = net.input_shape
    parts: dict[str, list[Segment]] = {"boundary": [], "test": [], "between": []}
    for point, (start, stop) in zip(boundary.points[:count], boundary.rows[:count], strict=True):
        a, b, middle = images[start].reshape(shape), images[stop].reshape(shape), point.reshape(shape)
        whole = float(np.linalg.norm(b - a))
        away = (b - a) / whole
        before = min(0.5 * length, float(np.linalg.norm(middle - a)))
        after = min(0.5 * length, float(np.linalg.norm(b - middle)))
        parts["boundary"].append(Segment(middle - before * away, middle + after * away))
        parts["test"].append(Segment(a, a + min(length, whole) * away))
        parts["between"].append(Segment(a, b))
    for name, segments in parts.items():
        for segment, found in zip(segments, count_regions(net, segments), strict=True):
            yield _row(name, "cuts", (found - 1) / segment.measure, found.status.proven)


def at_regions(net: Network, group: PointGroup, count: int) -> Iterator[Row]:
    """What the regions of the first `count` points are like, in the box of all pixels.

    `radius`: of the largest ball, in input units; `sides`: share of the box among the rows and sides that it touches.
    `unit_cosine`: mean |cos| of the angles between the normals of all units; `layer_cosine`: the same over pairs of
    one layer, at = layer. `angle`: share of the pairs of all regions whose angle is in a bin, at = its middle in
    degrees.
    """
    parts = []
    for region in _regions(net, group, count):
        ball, found = region.insphere(), region.directions(bins=_BINS)
        touched = ball.active.size + ball.active_sides.size
        parts.append(found)
        yield _row(group.group, "radius", ball.radius, ball.status.proven)
        yield _row(group.group, "sides", ball.active_sides.size / max(touched, 1), ball.status.proven)
        yield _row(group.group, "unit_cosine", found.mean)
        for layer, mean in enumerate(np.diag(found.layer_means)):
            yield _row(group.group, "layer_cosine", mean, at=layer)
    if parts:
        merged = merge_directions(parts)
        middles = 0.5 * (merged.angle_edges[:-1] + merged.angle_edges[1:])
        for middle, pairs in zip(middles, merged.angle_counts, strict=True):
            yield _row(group.group, "angle", pairs / max(merged.pairs, 1), at=middle)


def around(net: Network, group: PointGroup, count: int, targets: np.ndarray, radii: Sequence[float]) -> Iterator[Row]:
    """How far what holds at the first `count` points holds around them; targets are images (targets, n).

    On the way to some of the targets, at = radius in input units, means over these: `gradient_cosine` of the gradients
    there and at the point, `switched` share of units, `same` share with the same predicted class. Points beyond the box
    are left out, and so is what has no value. `transfer`: share of all targets on which the affine map of the point's
    region predicts the class that the network predicts.
    """
    for point in group.points[:count]:
        others = targets[(targets != point).any(axis=1)]
        found = relevance(net, point, (others - point)[:_DIRECTIONS], radii, domain=pixels(net))
        series = {"gradient_cosine": found.mean_cosine, "switched": found.mean_switched, "same": found.same_share}
        for name, means in series.items():
            for radius, mean in zip(radii, means, strict=True):
                yield _row(group.group, name, mean, at=radius)
        yield _row(group.group, "transfer", float(transfer(net, point, others).agrees.mean()))


def deeper(net: Network, group: PointGroup, count: int) -> Iterator[Row]:
    """What takes seconds for a region, of the first `count` points, in the box of all pixels.

    `crossed`: 1 where a decision boundary crosses the region, else 0; `reachable`: classes predicted somewhere inside;
    `decision_distance`: of the point to the nearest decision boundary inside, in input units, inf without one.
    `facets`: rows that are facets; `facet_cosine`: mean |cos| of the angles between their normals, NaN with fewer than
    two.
    """
    for region in _regions(net, group, count):
        decision = region.decision(pieces=False)
        proven = decision.status.proven
        yield _row(group.group, "crossed", float(decision.crossed), proven)
        yield _row(group.group, "reachable", decision.reachable.size, proven)
        yield _row(group.group, "decision_distance", decision.distance, proven)
        facets = region.facets()
        yield _row(group.group, "facets", len(facets), facets.status.proven)
        yield _row(group.group, "facet_cosine", region.directions(rows=facets.rows).mean)


def _regions(net: Network, group: PointGroup, count: int) -> Iterator[LocalRegion]:
    return regions_at(net, group.points[:count], pixels(net)) if count else iter(())


def _row(group: str, quantity: str, value: float, certified: bool = False, at: float = math.nan) -> Row:
    return {
        "group": group,
        "quantity": quantity,
        "at": float(at),
        "value": float(value),
        "certified": bool(certified),
    }
