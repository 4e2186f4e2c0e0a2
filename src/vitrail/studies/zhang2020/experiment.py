"""One run: a network in training, and what its regions are like at data, at random points and where classes meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from vitrail.network.network import Network
from vitrail.studies.networks import convolutional, fully_connected
from vitrail.studies.study import Context, Run
from vitrail.studies.training import Labeled, Recipe, labeled_images, train
from vitrail.studies.zhang2020.groups import drawn_groups
from vitrail.studies.zhang2020.measures import Row, around, at_regions, cuts, deeper, distances

if TYPE_CHECKING:
    import pandas

__all__ = ["classifier", "experiment"]

_CLASSES = 10
_TARGETS_SEED = 1000
"""Added to the seed for images that others are compared with: no group of points is drawn from it."""


def experiment(run: Run, context: Context) -> pandas.DataFrame:
    """The table of one run: a row per report, group of points, quantity, and point or place.

    `quantity` names what was measured (the functions of `measures` say what each is), `group` the kind of points, `at`
    is the place that the quantity belongs to (a radius, an angle, a layer; NaN without one), `value` the number, and
    `certified` says whether it is proven; statistics in floating point are not. `epoch`, `train_accuracy` and
    `test_accuracy` are those of the report. Of reports before the last one, regions are looked at around
    `early_points` points of each group; classes and facets, and what surrounds regions, at the last report only. A
    network that takes all test images for one class has no decision boundary to look at: no group "boundary", no cuts.

    Raises:
        InvalidOptionError: more images or points are asked for than there are.
    """
    import pandas

    settings: Mapping[str, Any] = dict(run.settings)
    flat = settings["architecture"] == "fully connected"
    images = context.images(settings["data"])
    data = labeled_images(images, flat=flat, train=settings["train_images"])
    module = classifier(tuple(data.train_inputs.shape[1:]), settings)
    recipe = Recipe(
        report_epochs=settings["report_epochs"],
        optimizer=settings["optimizer"],
        learning_rate=settings["learning_rate"],
        batch=settings["batch"],
    )
    rows: list[Row] = []
    for report in train(module, data, recipe, settings["seed"]):
        net = Network.from_torch(report.module, data.train_inputs[:1])
        about = {
            "epoch": float(report.epoch),
            "train_accuracy": report.train_accuracy,
            "test_accuracy": report.test_accuracy,
        }
        last = report.epoch == recipe.report_epochs[-1]
        rows += [about | row for row in _measured(net, data, settings, last)]
    columns = {"group": str, "quantity": str, "at": float, "value": float, "certified": bool}
    return pandas.DataFrame(rows).astype(columns)


def classifier(shape: tuple[int, ...], settings: Mapping[str, Any]) -> nn.Sequential:
    """The untrained network of a run for inputs of that shape: (features,), or (channels, height, width)."""
    common = {name: settings[name] for name in ("initialization", "batch_norm", "dropout", "seed")}
    if settings["architecture"] == "fully connected":
        return fully_connected(shape[0], settings["hidden"], _CLASSES, **common)
    return convolutional(
        shape,
        settings["channels"],
        _CLASSES,
        pooling=settings["pooling"],
        hidden=settings["convolution_hidden"],
        **common,
    )


def _measured(net: Network, data: Labeled, settings: Mapping[str, Any], last: bool) -> list[Row]:
    """Everything that is asked of one network."""
    seed, count = settings["seed"], settings["points"] if last else settings["early_points"]
    groups = drawn_groups(net, data, settings["distance_points"], seed)
    rows = [row for group in groups.values() for row in distances(net, group)]
    if "boundary" in groups:
        rows += cuts(net, data, groups["boundary"], settings["segments"], settings["segment_length"])
    test = data.test_inputs.double().flatten(1).numpy()
    chosen = np.random.default_rng(_TARGETS_SEED + seed).permutation(len(test))[: settings["targets"]]
    for group in groups.values():
        rows += at_regions(net, group, count)
        if last:
            rows += around(net, group, count, test[chosen], settings["relevance_radii"])
            rows += deeper(net, group, settings["deep_points"])
    return rows
