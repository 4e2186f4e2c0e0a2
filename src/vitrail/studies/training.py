"""Training of small classifiers on images in memory: fast, and the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from vitrail.data.mnist import ImageData
from vitrail.errors import InvalidOptionError
from vitrail.options import natural_integer, one_of, positive_integer, positive_number
from vitrail.studies.networks import own_random_numbers

__all__ = ["OPTIMIZERS", "Labeled", "Progress", "Recipe", "labeled_images", "noisy_labels", "report_steps", "train"]

OPTIMIZERS = ("adam", "sgd", "momentum", "rmsprop")
"""Names of optimizers; "momentum" is sgd with momentum 0.9."""

_MOMENTUM = 0.9
_EVALUATED_AT_ONCE = 4096
_LARGEST_DENOMINATOR = 10_000


@dataclass(frozen=True, eq=False)
class Labeled:
    """Inputs with their classes, to train on and to test on.

    Inputs are float32, (count, features) or (count, channels, height, width); labels are int64, (count,). Without test
    inputs the test accuracy is NaN.

    Raises:
        InvalidOptionError: tensors of other types, or lengths that do not fit each other.

    Example:
        >>> x, y = torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64)
        >>> len(Labeled(x, y, x[:1], y[:1]).train_labels)
        3
    """

    train_inputs: torch.Tensor
    train_labels: torch.Tensor
    test_inputs: torch.Tensor
    test_labels: torch.Tensor

    def __post_init__(self) -> None:
        """Check types and lengths."""
        pairs = {
            "train": (self.train_inputs, self.train_labels),
            "test": (self.test_inputs, self.test_labels),
        }
        for name, (inputs, labels) in pairs.items():
            if inputs.dtype != torch.float32 or labels.dtype != torch.int64 or labels.ndim != 1 or inputs.ndim < 2:
                raise InvalidOptionError(
                    f"{name}: expected float32 inputs (count, ...) and int64 labels (count,), found {inputs.dtype} "
                    f"{tuple(inputs.shape)} and {labels.dtype} {tuple(labels.shape)}"
                )
            if len(inputs) != len(labels):
                raise InvalidOptionError(
                    f"{name}: expected as many labels as inputs, {len(inputs)}, found {len(labels)}"
                )


def labeled_images(
    images: ImageData, *, flat: bool = True, train: int | None = None, test: int | None = None
) -> Labeled:
    """Images as float32 in [0, 1] with nothing else subtracted or divided; the first `train` and `test` of them.

    `flat` gives (count, height * width), otherwise (count, 1, height, width).

    Raises:
        InvalidOptionError: more images are asked for than there are, or a number below 1.

    Example:
        >>> from vitrail.data.mnist import load_images
        >>> data = labeled_images(load_images("digits"), train=100)
        >>> tuple(data.train_inputs.shape), tuple(data.test_inputs.shape), float(data.train_inputs.max())
        ((100, 64), (359, 64), 1.0)
    """
    tensors = []
    for name, count, pixels, labels in (
        ("train", train, images.train_images, images.train_labels),
        ("test", test, images.test_images, images.test_labels),
    ):
        kept = len(pixels) if count is None else positive_integer(name, count)
        if kept > len(pixels):
            raise InvalidOptionError(
                f"{name}: expected at most {len(pixels):,} images of {images.name}, found {kept:,}"
            )
        shape = (kept, -1) if flat else (kept, 1, *pixels.shape[1:])
        scaled = torch.from_numpy(pixels[:kept].reshape(shape).astype(np.float32)).div_(images.white)
        tensors += [scaled, torch.from_numpy(labels[:kept].astype(np.int64))]
    return Labeled(*tensors)


def noisy_labels(labels: torch.Tensor, fraction: float, classes: int, seed: int) -> torch.Tensor:
    """A copy of the labels in which a fraction, chosen at random, is replaced by uniform classes.

    A replaced label may be the true one again: of 10 classes one in ten is. The number replaced is the fraction of
    all, rounded; the same seed gives the same labels.

    Raises:
        InvalidOptionError: a fraction outside [0, 1], or a number of classes or seed of another kind.

    Example:
        >>> labels = torch.zeros(1000, dtype=torch.int64)
        >>> int((noisy_labels(labels, 0.5, 10, seed=0) != 0).sum())
        453
    """
    given: object = fraction
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise InvalidOptionError(f"fraction: expected a number from 0 to 1, found {fraction!r}")
    positive_integer("classes", classes)
    generator = torch.Generator().manual_seed(natural_integer("seed", seed))
    count = round(fraction * len(labels))
    chosen = torch.randperm(len(labels), generator=generator)[:count]
    noisy = labels.clone()
    noisy[chosen] = torch.randint(classes, (count,), generator=generator)
    return noisy


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train: the loss is the softmax cross-entropy, batches are drawn without replacement in each epoch.

    `report_epochs` are increasing numbers from 0 on, fractions too; training ends at the last one. `weight_decay` is
    added to the gradients (the L2 penalty, for Adam as well).

    Raises:
        InvalidOptionError: numbers of another kind, or an unknown optimizer.

    Example:
        >>> Recipe(report_epochs=(0, 0.5, 1)).optimizer
        'adam'
    """

    report_epochs: tuple[float, ...]
    optimizer: str = "adam"
    learning_rate: float = 0.001
    batch: int = 128
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        positive_number("learning_rate", self.learning_rate)
        positive_integer("batch", self.batch)
        decay: object = self.weight_decay
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < math.inf:
            raise InvalidOptionError(f"weight_decay: expected a finite number of at least 0, found {decay!r}")
        report_steps(self.report_epochs, 1)


@dataclass(frozen=True, eq=False)
class Progress:
    """Where training stands at a report: accuracies and mean training loss in evaluation mode, and the network.

    `module` is the network that goes on training, here in evaluation mode: measure before taking the next report, or
    copy it. A training that diverged shows as a loss that is NaN or infinite.
    """

    epoch: float
    step: int
    module: nn.Module
    loss: float
    train_accuracy: float
    test_accuracy: float


def report_steps(epochs: Sequence[float], batches: int) -> list[int]:
    """The number of batches seen at each epoch: floor(epoch * batches).

    Epochs are taken as the fractions they were meant to be, so 0.1 of 30 batches are 3, and 1/3 of 468 are 156.

    Raises:
        InvalidOptionError: no epoch, or numbers that are not finite, not from 0 on, or not increasing.

    Example:
        >>> report_steps((0, 1 / 32, 0.1, 1 / 3, 1, 20), 468)
        [0, 14, 46, 156, 468, 9360]
    """
    each: Sequence[Any] = list(epochs)
    for epoch in each:
        if isinstance(epoch, bool) or not isinstance(epoch, int | float) or not 0 <= epoch < math.inf:
            raise InvalidOptionError(f"report_epochs: expected finite numbers from 0 on, found {epoch!r}")
    if not each or any(later <= earlier for earlier, later in pairwise(each)):
        raise InvalidOptionError(f"report_epochs: expected increasing numbers, at least one, found {tuple(each)!r}")
    exact = [Fraction(epoch).limit_denominator(_LARGEST_DENOMINATOR) for epoch in each]
    return [math.floor(epoch * batches) for epoch in exact]


def train(module: nn.Module, data: Labeled, recipe: Recipe, seed: int) -> Iterator[Progress]:
    """Train a network in place and pause at each report; the same seed, network and data give the same numbers.

    The order of the batches, new in each epoch, and what dropout drops come from random numbers of the seed's own;
    global ones are left alone. The last, incomplete batch of an epoch is left out. Computed on the CPU in float32; bits
    can differ between machines and numbers of threads.

    Raises:
        InvalidOptionError: fewer training inputs than a batch, labels that the network has no output for, or a seed of
            another kind.

    Example:
        >>> from vitrail.data.mnist import load_images
        >>> from vitrail.studies.networks import fully_connected
        >>> data = labeled_images(load_images("digits"))
        >>> reports = list(train(fully_connected(64, [32], 10), data, Recipe(report_epochs=(0, 20)), seed=0))
        >>> [report.step for report in reports], reports[-1].test_accuracy > 0.9, reports[-1].module.training
        ([0, 220], True, False)
    """
    count, batches = len(data.train_inputs), len(data.train_inputs) // recipe.batch
    if batches == 0:
        raise InvalidOptionError(
            f"batch: expected at most {count}, the number of training inputs, found {recipe.batch}"
        )
    steps = report_steps(recipe.report_epochs, batches)
    shuffling = torch.Generator().manual_seed(natural_integer("seed", seed))
    # dropout has numbers of its own, so that the order of the batches does not depend on it
    dropping = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=shuffling)))
    _check_outputs(module, data)
    optimizer = _optimizer(module, recipe)
    order, done = torch.empty(0, dtype=torch.int64), 0
    for epoch, target in zip(recipe.report_epochs, steps, strict=True):
        module.train()
        with own_random_numbers(dropping):
            while done < target:
                place = done % batches
                if place == 0:
                    order = torch.randperm(count, generator=shuffling)
                chosen = order[place * recipe.batch : (place + 1) * recipe.batch]
                optimizer.zero_grad(set_to_none=True)
                outputs = module(data.train_inputs.index_select(0, chosen))
                cross_entropy(outputs, data.train_labels.index_select(0, chosen)).backward()
                optimizer.step()
                done += 1
        module.eval()
        loss, train_accuracy = _evaluate(module, data.train_inputs, data.train_labels)
        _, test_accuracy = _evaluate(module, data.test_inputs, data.test_labels)
        yield Progress(epoch, done, module, loss, train_accuracy, test_accuracy)


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    make: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "adam": torch.optim.Adam,
        "sgd": torch.optim.SGD,
        "momentum": torch.optim.SGD,
        "rmsprop": torch.optim.RMSprop,
    }
    # one fused kernel, or one loop in C, over all parameters: networks are small, and calls cost more than numbers
    fast = {"foreach": True} if recipe.optimizer == "rmsprop" else {"fused": True}
    further: dict[str, Any] = {"momentum": _MOMENTUM} if recipe.optimizer == "momentum" else {}
    options = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay} | fast | further
    return make[recipe.optimizer](module.parameters(), **options)


def _check_outputs(module: nn.Module, data: Labeled) -> None:
    was_training = module.training
    module.eval()
    with torch.no_grad():
        outputs = module(data.train_inputs[:1])
    module.train(was_training)
    classes = outputs.shape[-1] if outputs.ndim == 2 else 0
    for name, labels in (("train", data.train_labels), ("test", data.test_labels)):
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise InvalidOptionError(
                f"{name}: expected labels from 0 to {classes - 1}, one output each, "
                f"found {int(labels.min())} to {int(labels.max())}"
            )


def _evaluate(module: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Mean loss and accuracy; NaN without inputs."""
    loss, hits = 0.0, 0
    with torch.no_grad():
        for batch, truth in zip(inputs.split(_EVALUATED_AT_ONCE), labels.split(_EVALUATED_AT_ONCE), strict=True):
            outputs = module(batch)
            loss += float(cross_entropy(outputs, truth, reduction="sum"))
            hits += int((outputs.argmax(dim=1) == truth).sum())
    count = len(labels)
    return (loss / count, hits / count) if count else (math.nan, math.nan)
