"""The groups of points that regions are compared at."""

from __future__ import annotations

import numpy as np

from vitrail.domains import Box
from vitrail.local.classes import classes_at
from vitrail.local.groups import PointGroup, sample_points
from vitrail.network.network import Network
from vitrail.studies.training import Labeled

__all__ = ["GROUPS", "drawn_groups", "pixels"]

GROUPS = ("train", "test", "random", "boundary")
"""Training images, test images, uniform points of the box of all pixels, and points next to a decision boundary."""

_LOOKED_THROUGH = 2000
"""Images that points are drawn from; more would take longer to classify."""


def pixels(net: Network) -> Box:
    """The box [0, 1]^n of all images.

    Example:
        >>> pixels(Network.from_arrays([([[1.0, 2.0]], None)])).description
        'box [0, 1] x [0, 1]'
    """
    inputs = int(np.prod(net.input_shape))
    return Box(np.zeros(inputs), np.ones(inputs))


def drawn_groups(net: Network, data: Labeled, count: int, seed: int) -> dict[str, PointGroup]:
    """The points of each group, by name, in the order of `GROUPS`.

    Images and random points are the same for all networks with one seed; points next to the boundary lie between two
    test images that the network takes for different classes, so they depend on the network. Where it takes all for
    one class that group is left out.

    Raises:
        InvalidOptionError: more points than images.
    """
    box, found = pixels(net), {}
    images = {"train": data.train_inputs, "test": data.test_inputs}
    points = {name: own[:_LOOKED_THROUGH].double().flatten(1).numpy() for name, own in images.items()}
    for name in images:
        drawn = sample_points(net, points[name], "data", count, domain=box, seed=seed)
        found[name] = PointGroup(name, drawn.points, drawn.rows, drawn.gaps)
    found["random"] = sample_points(net, None, "random", count, domain=box, seed=seed)
    if np.unique(classes_at(net, points["test"])).size > 1:
        found["boundary"] = sample_points(net, points["test"], "boundary", count, domain=box, seed=seed)
    return found
