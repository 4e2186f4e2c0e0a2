"""What the runs say, seed by seed and with intervals: changes in training, and training points against others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.estimates.estimate import Estimate
from vitrail.studies.lin2020.points import GROUPS
from vitrail.studies.statistics import paired_difference

if TYPE_CHECKING:
    import pandas

__all__ = ["MEASURES", "change_table", "contrast_table", "image_sets", "per_seed", "reports"]

MEASURES = ("bound", "regions", "distance")
"""Decimal logarithms of the bound over the ball, of the regions counted in a square of it, both means over points; and
of the mean distance to the nearest boundary, which has no radius."""


def image_sets(results: pandas.DataFrame) -> list[str]:
    """The names of the image sets in the results, in the order of the runs."""
    return list(dict.fromkeys(results["data"]))


def reports(results: pandas.DataFrame, data: str) -> list[float]:
    """The epochs at which networks on these images were measured, in order."""
    return sorted(set(results.loc[results["data"] == data, "epoch"].tolist()))


def per_seed(results: pandas.DataFrame, data: str, measure: str, group: str, epoch: float, radius: float) -> np.ndarray:
    """One number for each seed, (seeds,), in the order of the seeds: a measure around points of a group.

    Raises:
        InvalidOptionError: nothing was measured there.
    """
    place = (
        (results["data"] == data)
        & (results["group"] == group)
        & (results["epoch"] == epoch)
        & (results["radius"] == radius)
    )
    found = results[place].sort_values("seed")[measure].to_numpy(dtype=np.float64)
    if not found.size:
        raise InvalidOptionError(
            f"results: expected rows of {data} at epoch {epoch:g}, group {group}, radius {radius:g}, found none; "
            f"there are epochs {reports(results, data)} and radii {sorted(set(results['radius']))}"
        )
    return np.log10(found) if measure == "distance" else found


def change_table(results: pandas.DataFrame) -> pandas.DataFrame:
    """How much each measure is larger at the end of training than at each earlier report, for every kind of points.

    A row per image set, measure, radius (the first one for distances), group and earlier epoch `since`: the mean over
    seeds of the difference, with its interval `low`, `high`. Networks with a single seed give no rows.
    """
    import pandas

    rows = []
    for data, measure, radius in _places(results):
        *earlier, last = reports(results, data)
        for group in GROUPS:
            after = per_seed(results, data, measure, group, last, radius)
            for since in earlier if after.size > 1 else ():
                before = per_seed(results, data, measure, group, since, radius)
                found = paired_difference(after, before, measure)
                rows.append(_row(data, measure, radius, group, found) | {"since": since, "until": last})
    return pandas.DataFrame(rows)


def contrast_table(results: pandas.DataFrame) -> pandas.DataFrame:
    """How much larger each measure is around training points than around points of each other kind, at every report.

    A row per image set, measure, radius (the first one for distances), other group and epoch: the mean over seeds of
    the difference, with its interval `low`, `high`. Networks with a single seed give no rows.
    """
    import pandas

    rows = []
    for data, measure, radius in _places(results):
        for epoch in reports(results, data):
            own = per_seed(results, data, measure, "train", epoch, radius)
            for group in GROUPS[1:] if own.size > 1 else ():
                other = per_seed(results, data, measure, group, epoch, radius)
                found = paired_difference(own, other, measure)
                rows.append(_row(data, measure, radius, group, found) | {"epoch": epoch})
    return pandas.DataFrame(rows)


def _places(results: pandas.DataFrame) -> Iterator[tuple[str, str, float]]:
    for data in image_sets(results):
        radii = sorted(set(results.loc[results["data"] == data, "radius"].tolist()))
        for measure in MEASURES:
            for radius in radii[:1] if measure == "distance" else radii:
                yield data, measure, radius


def _row(data: str, measure: str, radius: float, group: str, found: Estimate) -> dict[str, object]:
    place = {"data": data, "measure": measure, "radius": radius, "group": group}
    return place | {"difference": found.value, "low": found.low, "high": found.high, "seeds": found.samples}
