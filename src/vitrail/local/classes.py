"""The classes that a network predicts at points, and which points lie in a domain."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vitrail.domains import Domain
from vitrail.local.points import DomainSides, full_domain
from vitrail.network.network import Network
from vitrail.network.ops.base import size_of

__all__ = ["batches", "class_of", "classes_at", "inside"]

_BATCH_NUMBERS = 2**23


def batches(net: Network, count: int) -> list[slice]:
    """Slices of `count` points that bound the memory of an evaluation."""
    largest = sum(size_of(shape) for shape in net.shapes)
    step = max(1, _BATCH_NUMBERS // largest)
    return [slice(start, start + step) for start in range(0, count, step)]


def class_of(outputs: Tensor) -> np.ndarray:
    """The largest of the outputs (m, *shape), the first among equals; of a single output 1 above 0, else 0."""
    flat = outputs.reshape(outputs.shape[0], -1)
    return ((flat[:, 0] > 0).to(torch.int64) if flat.shape[1] == 1 else flat.argmax(dim=1)).numpy()


def classes_at(net: Network, points: np.ndarray) -> np.ndarray:
    """The class that the network predicts at each of the points (m, n), shape (m,).

    Example:
        >>> net = Network.from_arrays([([[1.0], [-1.0]], None)])
        >>> classes_at(net, np.array([[2.0], [-2.0]])).tolist()
        [0, 1]
    """
    found = np.empty(len(points), dtype=np.int64)
    for part in batches(net, len(points)):
        found[part] = class_of(net.forward(points[part].reshape(-1, *net.input_shape)))
    return found


def inside(net: Network, domain: Domain | None, points: np.ndarray) -> np.ndarray:
    """Whether each of the points (m, n) lies in the domain, sides included, decided exactly; None is the whole space.

    Raises:
        InvalidDomainError: a domain of fewer dimensions, or another number of inputs.

    Example:
        >>> from vitrail.domains import Box
        >>> net = Network.from_arrays([([[1.0]], None)])
        >>> inside(net, Box([0.0], [1.0]), np.array([[0.0], [1.5]])).tolist()
        [True, False]
    """
    sides = DomainSides.of(full_domain(net, domain))
    found = np.ones(len(points), dtype=bool)
    for part in batches(net, len(points)) if len(sides) else ():
        found[part] = sides.outside(points[part]) < 0
    return found
