"""What a report measures at a point: groups of columns, each with its meaning and unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vitrail.local.region import LocalRegion
from vitrail.status import Status

__all__ = ["MEASURES", "Measure"]

_Values = Mapping[str, object]


@dataclass(frozen=True)
class Measure:
    """A group of columns: `describe` gives name and meaning of each for so many layers, `of` their values of a region.

    `of` also gives the status of what it computed; `covers` says what that is a promise about, and what it is not.
    """

    describe: Callable[[int], dict[str, str]]
    of: Callable[[LocalRegion], tuple[_Values, Status]]
    covers: str


def _insphere_columns(_: int) -> dict[str, str]:
    return {
        "radius": "radius of the largest ball in the region and domain; input units, inf without end",
        "radius_lower": "proven lower bound of the largest radius in the true region, rounding of its rows included",
        "radius_upper": "proven upper bound of it; input units",
        "touched_rows": "rows of the region that the ball touches",
        "touched_sides": "sides of the domain that the ball touches",
    }


def _insphere(region: LocalRegion) -> tuple[_Values, Status]:
    ball = region.insphere()
    values = (ball.radius, *ball.interval, ball.active.size, ball.active_sides.size)
    return dict(zip(_insphere_columns(0), values, strict=True)), ball.status


def _directions_columns(_: int) -> dict[str, str]:
    return {
        "mean_cosine": "mean |cos| of the angles between the normals of all rows",
        "mean_cosine_within": "the same over pairs of one layer; NaN without pairs",
        "mean_cosine_across": "the same over pairs of different layers; NaN without pairs",
        "isotropic_cosine": "mean |cos| of random directions in as many dimensions",
    }


def _directions(region: LocalRegion) -> tuple[_Values, Status]:
    found = region.directions()
    values = (found.mean, found.within, found.across, found.baseline)
    return dict(zip(_directions_columns(0), values, strict=True)), region.status


def _decision_columns(_: int) -> dict[str, str]:
    return {
        "crossed": "whether a decision boundary crosses the region in the domain",
        "reachable": "classes that are predicted somewhere in the region and domain",
        "decision_pieces": "pairs of classes with a piece of decision boundary between them in the region and domain",
        "decision_distance": "distance to the nearest decision boundary inside; input units, inf if there is none",
        "decision_distance_lower": "proven lower bound of it; input units",
        "decision_distance_upper": "proven upper bound of it; input units",
        "decision_ratio": "distance to the nearest boundary of a unit / distance to the nearest decision boundary",
    }


def _decision(region: LocalRegion) -> tuple[_Values, Status]:
    found = region.decision()
    values = (
        *(found.crossed, found.reachable.size, len(found.pieces)),
        *(found.distance, found.lower, found.upper, found.ratio),
    )
    return dict(zip(_decision_columns(0), values, strict=True)), found.status


def _facets_columns(layers: int) -> dict[str, str]:
    return {
        "facets": "facets of the region in the domain, without the domain's own sides",
        "facets_open": "rows that were not decided: there may be as many facets more",
        **{f"facets_layer_{i}": f"facets made by units of layer {i}" for i in range(layers)},
        **{f"kept_layer_{i}": f"rows of layer {i} that cut what the layers up to it leave" for i in range(layers)},
        "facet_cosine": "mean |cos| of the angles between the normals of the facets; NaN with fewer than two",
    }


def _facets(region: LocalRegion) -> tuple[_Values, Status]:
    found = region.facets()
    cosine = region.directions(rows=found.rows).mean
    values = (len(found), len(found.open), *found.by_layer.tolist(), *found.kept.tolist(), cosine)
    return dict(zip(_facets_columns(len(region.pattern)), values, strict=True)), found.status


def _neighbors_columns(_: int) -> dict[str, str]:
    return {
        "gradient_cosine": "mean cosine of the gradients of the predicted class's output on both sides of a facet",
        "gradient_unknown": "facets left out of that mean, as a gradient is zero",
        "class_changes": "facets beyond which another class is predicted, right behind them",
        "class_unknown": "facets of which no point is known to look behind",
        "most_flips": "largest number of units that switch at one facet",
    }


def _neighbors(region: LocalRegion) -> tuple[_Values, Status]:
    found = region.neighbors()
    cosines = found.gradient_cosines[np.isfinite(found.gradient_cosines)]
    values = (
        float(cosines.mean()) if cosines.size else float("nan"),
        len(found) - cosines.size,
        int(found.changes.sum()),
        int((found.predictions < 0).sum()),
        max((own.size for own in found.flips), default=0),
    )
    return dict(zip(_neighbors_columns(0), values, strict=True)), found.status


MEASURES: dict[str, Measure] = {
    "insphere": Measure(_insphere_columns, _insphere, "the radius and its bounds"),
    "directions": Measure(_directions_columns, _directions, "the rows; means are floating point, without error bound"),
    "decision": Measure(_decision_columns, _decision, "classes, pieces, and the bounds of the distance"),
    "facets": Measure(
        _facets_columns, _facets, "which rows are facets; the mean is floating point, without error bound"
    ),
    "neighbors": Measure(
        _neighbors_columns,
        _neighbors,
        "facets and patterns; cosines and classes are floating point, without error bound",
    ),
}
"""What can be measured of a region, by name; `report` adds "distance", which needs no region."""
