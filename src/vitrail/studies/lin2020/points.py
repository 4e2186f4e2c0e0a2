"""The points that balls are laid around: images, adversarial ones, and random ones of several kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from vitrail.errors import InvalidOptionError
from vitrail.studies.training import Labeled

__all__ = ["GROUPS", "Group", "adversarial", "drawn_groups", "with_adversarial"]

GROUPS = ("train", "test", "adversarial", "gaussian", "uniform", "scaled")
"""Training images; test images; training images after a signed gradient step; normal pixels with the mean and standard
deviation of each pixel; uniform pixels; uniform pixels scaled to the length of a training image."""


@dataclass(frozen=True, eq=False)
class Group:
    """Points of one kind (m, inputs) with their classes (m,), none for random ones.

    `frames` (m, 2, inputs) are two orthonormal directions for each point, random ones.
    """

    name: str
    points: np.ndarray
    labels: np.ndarray | None
    frames: np.ndarray


def drawn_groups(data: Labeled, count: int, seed: int) -> list[Group]:
    """Points of each kind but the adversarial ones; images are drawn without replacement.

    Raises:
        InvalidOptionError: fewer images than points are asked for.

    Example:
        >>> x, y = torch.rand(9, 4), torch.zeros(9, dtype=torch.int64)
        >>> groups = drawn_groups(Labeled(x, y, x, y), 5, seed=0)
        >>> [group.name for group in groups], groups[0].points.shape, groups[0].frames.shape
        (['train', 'test', 'gaussian', 'uniform', 'scaled'], (5, 4), (5, 2, 4))
    """
    rng = np.random.default_rng([seed, 1])
    images = data.train_inputs.double().numpy()
    mean, std, size = images.mean(axis=0), images.std(axis=0), images.shape[1]
    chosen = _chosen(rng, len(images), count)
    tested = _chosen(rng, len(data.test_inputs), count)
    uniform = rng.random((count, size))
    lengths = np.linalg.norm(images[chosen], axis=1) / np.linalg.norm(uniform, axis=1)
    kinds: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
        "train": (images[chosen], data.train_labels.numpy()[chosen]),
        "test": (data.test_inputs.double().numpy()[tested], data.test_labels.numpy()[tested]),
        "gaussian": (mean + std * rng.standard_normal((count, size)), None),
        "uniform": (uniform, None),
        "scaled": (uniform * lengths[:, None], None),
    }
    return [Group(name, points, labels, _frames(rng, count, size)) for name, (points, labels) in kinds.items()]


def with_adversarial(groups: list[Group], module: nn.Module, step: float) -> Iterator[Group]:
    """All kinds of points in the order of `GROUPS`; adversarial ones have the planes of the training images."""
    named = {group.name: group for group in groups}
    train = named["train"]
    if train.labels is not None:
        moved = adversarial(module, train.points, train.labels, step)
        named["adversarial"] = replace(train, name="adversarial", points=moved)
    yield from (named[name] for name in GROUPS)


def adversarial(module: nn.Module, points: np.ndarray, labels: np.ndarray, step: float) -> np.ndarray:
    """Points (m, inputs) after one step along the sign of the gradient of the loss, clipped to [0, 1].

    The fast gradient sign method of Goodfellow, Shlens and Szegedy 2015.

    Example:
        >>> module = nn.Linear(2, 2)
        >>> _ = nn.init.eye_(module.weight), nn.init.zeros_(module.bias)
        >>> adversarial(module, np.array([[0.5, 0.25]]), np.array([0]), 0.125).tolist()
        [[0.375, 0.375]]
    """
    inputs = torch.from_numpy(points.astype(np.float32)).requires_grad_(True)
    loss = cross_entropy(module(inputs), torch.from_numpy(labels), reduction="sum")
    (gradient,) = torch.autograd.grad(loss, inputs)
    moved: np.ndarray = np.clip(points + step * np.sign(gradient.double().numpy()), 0.0, 1.0)
    return moved


def _chosen(rng: np.random.Generator, available: int, count: int) -> np.ndarray:
    if count > available:
        raise InvalidOptionError(f"centers: expected at most {available:,}, the number of images, found {count:,}")
    return rng.choice(available, size=count, replace=False)


def _frames(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    columns, _ = np.linalg.qr(rng.standard_normal((count, size, 2)))
    return np.ascontiguousarray(columns.transpose(0, 2, 1))
