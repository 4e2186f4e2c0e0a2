"""One run: a network in training, or a sawtooth, and what is measured of it; depends on settings and images only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitrail.constructions import folding_network
from vitrail.domains import Plane, Segment, Space
from vitrail.errors import InvalidOptionError
from vitrail.network.network import Network
from vitrail.options import one_of
from vitrail.plots.palette import pattern_colors
from vitrail.search import count_regions, enumerate_regions
from vitrail.studies.hanin2019.measure import circle_plane, distances, image_plane, network_of, rays, regions_on
from vitrail.studies.hanin2019.plan import LABELS, PICTURE, POINTS, SAWTOOTH, TRAINING
from vitrail.studies.networks import fully_connected
from vitrail.studies.study import Context, Run
from vitrail.studies.training import Labeled, Progress, Recipe, labeled_images, noisy_labels, train

if TYPE_CHECKING:
    import pandas

__all__ = ["experiment"]

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_CLASSES = 10

_Row = dict[str, Any]


def experiment(run: Run, context: Context) -> pandas.DataFrame:
    """The table of one run: a row per report of a training, per noise of a sawtooth, or per corner of a picture.

    `regions_line`, `regions_plane` are means over the run's lines and planes, `regions_window` the count in the square
    around three images, `regions_space` that on the whole plane of inputs, `pieces` a mean over the noises drawn;
    `distance_train`, `distance_test`, `distance_random` are means in input units. All of these count activation
    regions. `unproven` is how many of the row's counts and distances are not proven.

    Raises:
        InvalidOptionError: a run of another experiment.
    """
    import pandas

    known = {TRAINING: _training, LABELS: _labels, POINTS: _points, SAWTOOTH: _sawtooth, PICTURE: _picture}
    rows = known[one_of("experiment", run["experiment"], list(known))](dict(run.settings), context)
    return pandas.DataFrame(list(rows))


def _training(settings: Mapping[str, Any], context: Context) -> Iterator[_Row]:
    """Lines, planes and distances while a network learns the images."""
    data = labeled_images(context.images(settings["data"]))
    # the same images for all networks of a seed
    rng = np.random.default_rng([settings["seed"], 0])
    train_inputs, test_inputs = data.train_inputs.double().numpy(), data.test_inputs.double().numpy()
    lines = rays(_drawn(rng, train_inputs, settings["lines"]))
    count = settings["points"]
    mean, std = train_inputs.mean(axis=0), train_inputs.std(axis=0)
    points = {
        "train": _drawn(rng, train_inputs, count),
        "test": _drawn(rng, test_inputs, count),
        "random": mean + std * rng.standard_normal((count, mean.size)),
    }
    pairs = [_drawn(rng, train_inputs, 2) for _ in range(settings["planes"])]
    planes = [image_plane(first, second, settings["half_side"]) for first, second in pairs]
    window = circle_plane(_one_of_each(train_inputs, data.train_labels.numpy(), (0, 1, 2)))
    for report, net in _trained(settings, data):
        on_lines = regions_on(net, lines)
        row = _progress(report, net) | {"regions_line": on_lines.mean, "regions_line_std": on_lines.std}
        unproven = on_lines.unproven
        if planes:
            on_planes, in_window = regions_on(net, planes), regions_on(net, [window])
            row |= {"regions_plane": on_planes.mean, "regions_window": in_window.mean}
            unproven += on_planes.unproven + in_window.unproven
        for name, where in points.items():
            found, missing = distances(net, where)
            unproven += missing
            row[f"distance_{name}"] = float(found.mean())
            for share, value in zip(_QUANTILES, np.quantile(found, _QUANTILES), strict=True):
                row[f"distance_{name}_{100 * share:02.0f}"] = float(value)
        yield row | {"unproven": unproven}


def _labels(settings: Mapping[str, Any], context: Context) -> Iterator[_Row]:
    """Lines while a network learns images by heart whose labels are partly noise."""
    images = context.images(settings["data"])
    data = labeled_images(images, train=min(settings["images"], len(images.train_images)))
    # the noise is that of the seed, whatever the fraction: larger fractions replace more
    labels = noisy_labels(data.train_labels, settings["fraction"], _CLASSES, settings["seed"])
    noisy = Labeled(data.train_inputs, labels, data.test_inputs, data.test_labels)
    rng = np.random.default_rng([settings["seed"], 1])
    lines = rays(_drawn(rng, data.test_inputs.double().numpy(), settings["lines"]))
    for report, net in _trained(settings, noisy):
        found = regions_on(net, lines)
        counted = {"regions_line": found.mean, "regions_line_std": found.std, "unproven": found.unproven}
        yield _progress(report, net) | counted


def _points(settings: Mapping[str, Any], context: Context) -> Iterator[_Row]:
    """The whole plane while a network learns by heart random classes of random points in [-1, 1]^2."""
    rng = np.random.default_rng([settings["seed"], 2])
    count = settings["examples"]
    inputs = torch.from_numpy(rng.uniform(-1.0, 1.0, (count, 2)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(2, size=count))
    batch = min(settings["batch"], count)
    epochs = tuple(update / (count // batch) for update in settings["updates"])
    about = dict(settings) | {"batch": batch, "epochs": epochs}
    for report, net in _trained(about, Labeled(inputs, labels, inputs[:0], labels[:0]), classes=2):
        found = count_regions(net, Space(2))
        proven = {"regions_space": int(found), "unproven": int(not found.status.proven)}
        yield _progress(report, net) | proven


def _sawtooth(settings: Mapping[str, Any], context: Context) -> Iterator[_Row]:
    """Pieces of a network that folds the unit interval, with normal noise on all weights and biases."""
    depth, repeats = settings["depth"], settings["repeats"]
    fold = [layer for layer in folding_network(1, [2] * depth + [1]) if isinstance(layer, torch.nn.Linear)]
    arrays = [(layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()) for layer in fold]
    units = sum(len(bias) for _, bias in arrays[:-1])
    for number, noise in enumerate(settings["noises"]):
        counts, unproven = [], 0
        for repeat in range(repeats):
            rng = np.random.default_rng([settings["seed"], depth, number, repeat])
            noisy = [tuple(a + noise * rng.standard_normal(a.shape) for a in pair) for pair in arrays]
            found = count_regions(Network.from_arrays(noisy), Segment([0.0], [1.0]))
            counts.append(int(found))
            unproven += not found.status.proven
        pieces = {"pieces": float(np.mean(counts)), "pieces_without_noise": float(2 ** (depth + 1))}
        yield {"noise": noise, "units": units, **pieces, "unproven": unproven}


def _picture(settings: Mapping[str, Any], context: Context) -> Iterator[_Row]:
    """The corners of all regions in the square around the first images of the classes 0, 1 and 2."""
    data = labeled_images(context.images(settings["data"]))
    images = _one_of_each(data.train_inputs.double().numpy(), data.train_labels.numpy(), (0, 1, 2))
    window = circle_plane(images)
    for report, net in _trained(settings, data):
        regions = enumerate_regions(net, window)
        colors = pattern_colors(regions.words) if regions.words is not None else np.ones((len(regions), 3))
        about = _progress(report, net) | {"unproven": int(not regions.count().status.proven)}
        about["regions_window"] = float(len(regions))
        for place in _places(window, images):
            yield about | {"kind": "image", "region": -1, "x": place[0], "y": place[1]}
        for number, (corners, color) in enumerate(zip(_polygons(regions), colors.tolist(), strict=True)):
            shade = dict(zip(("red", "green", "blue"), color, strict=True))
            for x, y in corners.tolist():
                yield about | {"kind": "corner", "region": number, "x": x, "y": y, **shade}


def _polygons(regions: Any) -> Iterator[np.ndarray]:
    for first, last in zip(regions.offsets[:-1], regions.offsets[1:], strict=True):
        yield regions.vertices[first:last]


def _places(window: Plane, points: np.ndarray) -> np.ndarray:
    """Points of a plane with orthonormal coordinates in these coordinates."""
    frame = np.stack([np.asarray(window.u), np.asarray(window.v)])
    return (points - np.asarray(window.origin)) @ frame.T


def _trained(settings: Mapping[str, Any], data: Labeled, classes: int = _CLASSES) -> Iterator[tuple[Progress, Network]]:
    module = fully_connected(
        data.train_inputs.shape[1],
        settings["widths"],
        classes,
        weight_variance=settings["weight_variance"],
        bias_std=settings["bias_std"],
        seed=settings["seed"],
    )
    recipe = Recipe(
        report_epochs=tuple(settings["epochs"]), learning_rate=settings["learning_rate"], batch=settings["batch"]
    )
    for report in train(module, data, recipe, settings["seed"]):
        yield report, network_of(report.module)


def _progress(report: Progress, net: Network) -> _Row:
    accuracies = {"train_accuracy": report.train_accuracy, "test_accuracy": report.test_accuracy}
    about = {"epoch": float(report.epoch), "step": report.step, "loss": report.loss}
    return about | accuracies | {"units": net.number_of_units}


def _drawn(rng: np.random.Generator, inputs: np.ndarray, count: int) -> np.ndarray:
    """So many different inputs."""
    if count > len(inputs):
        raise InvalidOptionError(f"images: expected at least {count:,} to draw from, found {len(inputs):,}; draw fewer")
    return inputs[rng.choice(len(inputs), size=count, replace=False)]


def _one_of_each(inputs: np.ndarray, labels: np.ndarray, classes: tuple[int, ...]) -> np.ndarray:
    """The first input of each class."""
    return np.stack([inputs[np.flatnonzero(labels == label)[0]] for label in classes])
