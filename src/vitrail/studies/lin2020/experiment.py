"""One run: a network in training, and what its regions are like around points of every kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from vitrail.balls import local_bound, sampled_regions_in_ball
from vitrail.domains import Plane
from vitrail.local.distance import distance_to_boundary
from vitrail.network.network import Network
from vitrail.search import count_regions
from vitrail.studies.lin2020.points import Group, drawn_groups, with_adversarial
from vitrail.studies.networks import fully_connected
from vitrail.studies.study import Context, Run
from vitrail.studies.training import Progress, Recipe, labeled_images, train

if TYPE_CHECKING:
    import pandas

__all__ = ["experiment", "measured", "squares"]

_CLASSES = 10
_QUARTILES = (25, 50, 75)
_HALF_SIDE = 0.7
"""Of a square in a ball of radius 1: just below sqrt(1 / 2), so that rounding does not let its corners out."""

_Row = dict[str, Any]


def experiment(run: Run, context: Context) -> pandas.DataFrame:
    """The table of one run: a row per report, kind of points and radius; see `measured` for the columns.

    Raises:
        InvalidOptionError: fewer images than points are asked for.
    """
    import pandas

    settings: Mapping[str, Any] = dict(run.settings)
    data = labeled_images(context.images(settings["data"]))
    size = data.train_inputs.shape[1]
    module = fully_connected(
        size, settings["widths"], _CLASSES, initialization=settings["initialization"], seed=settings["seed"]
    )
    recipe = Recipe(
        report_epochs=tuple(settings["epochs"]), learning_rate=settings["learning_rate"], batch=settings["batch"]
    )
    groups = drawn_groups(data, settings["centers"], settings["seed"])
    rows: list[_Row] = []
    for report in train(module, data, recipe, settings["seed"]):
        net = Network.from_torch(report.module, data.train_inputs[:1])
        about = _progress(report) | {"units": net.number_of_units}
        for group in with_adversarial(groups, report.module, settings["step"]):
            about["correct"] = _correct(report.module, group)
            rows += [about | row for row in measured(net, group, settings)]
    return pandas.DataFrame(rows)


def measured(net: Network, group: Group, settings: Mapping[str, Any]) -> Iterator[_Row]:
    """What is found around the points of a group: a row for each of the `radii`.

    `bound`: mean over the points of the decimal logarithm of the upper bound on regions in the ball; its quartiles
    `bound_25`, `bound_50`, `bound_75`; `switching`: mean number of units that can switch in the ball. `regions`: mean
    of the decimal logarithm of the exact number of activation regions in a square of the ball, in a random plane
    through the point; `regions_mean`: mean of the number itself. `distance`, `distance_50`: mean and median distance
    to the nearest boundary, in input units; `norm`: mean length of the points. For the first `sampled_centers` points:
    `sampled`, `sampled_bound`: means of the decimal logarithms of the regions seen at random points of the ball, and of
    the bound. `violations`: bounds below a number of regions that was counted or seen, so 0 unless something is wrong.
    `unproven`: counts and distances that are not proven.
    """
    radii = settings["radii"]
    bounds = local_bound(net, group.points, radii)
    away = distance_to_boundary(net, group.points)
    about = {
        "group": group.name,
        "norm": float(np.linalg.norm(group.points, axis=1).mean()),
        "distance": float(away.values.mean()),
        "distance_50": float(np.median(away.values)),
    }
    few = min(settings["sampled_centers"], len(group.points))
    for place, radius in enumerate(radii):
        counts = count_regions(net, squares(group, radius))
        regions = np.array([int(count) for count in counts], dtype=object)
        seen = np.array(
            [
                int(sampled_regions_in_ball(net, point, radius, settings["samples"], seed=settings["seed"]))
                for point in group.points[:few]
            ],
            dtype=object,
        )
        limits, logs = bounds.bounds[:, place], bounds.log10[:, place]
        quartiles = zip(_QUARTILES, np.percentile(logs, _QUARTILES).tolist(), strict=True)
        yield about | {
            "radius": float(radius),
            "bound": float(logs.mean()),
            **{f"bound_{share}": value for share, value in quartiles},
            "switching": float(bounds.unstable[:, place].sum(axis=1).mean()),
            "regions": _mean_log10(regions),
            "regions_mean": float(regions.astype(np.float64).mean()),
            # where no sample was proven the ball still has a region
            "sampled": _mean_log10(np.maximum(seen, 1)),
            "sampled_bound": float(logs[:few].mean()),
            "violations": int((regions > limits).sum() + (seen > limits[:few]).sum()),
            "unproven": sum(not count.status.proven for count in counts) + int((~away.certified).sum()),
        }


def squares(group: Group, radius: float) -> list[Plane]:
    """Squares inside of the balls of that radius around the points, in the planes of the group's directions.

    Example:
        >>> group = Group("train", np.zeros((1, 3)), None, np.eye(3)[None, :2])
        >>> [square.hi.tolist() for square in squares(group, 2.0)]
        [[1.4, 1.4]]
    """
    half = _HALF_SIDE * radius
    return [
        Plane(point, u, v, (-half, -half), (half, half))
        for point, (u, v) in zip(group.points, group.frames, strict=True)
    ]


def _progress(report: Progress) -> _Row:
    accuracies = {"train_accuracy": report.train_accuracy, "test_accuracy": report.test_accuracy}
    return {"epoch": float(report.epoch), "updates": report.step, "loss": report.loss, **accuracies}


def _correct(module: nn.Module, group: Group) -> float:
    """The share of points that are given their own class; NaN for random points."""
    if group.labels is None:
        return float("nan")
    with torch.no_grad():
        found = module(torch.from_numpy(group.points.astype(np.float32))).argmax(dim=1).numpy()
    return float((found == group.labels).mean())


def _mean_log10(counts: np.ndarray) -> float:
    return float(np.log10(counts.astype(np.float64)).mean())
