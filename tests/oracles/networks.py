"""Deterministic networks of the published count tables, and six degenerate families, as numpy layers (W, b)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .neutral import Net, mlp

Layers = list[tuple[np.ndarray, np.ndarray]]


def he(widths: Sequence[int], seed: int = 0) -> Layers:
    """He-normal weights and N(0, 0.5^2) biases, stored as float32, one generator per layer."""
    layers = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        generator = np.random.default_rng([seed, i, 7])
        weight = generator.normal(0, np.sqrt(2 / inputs), (outputs, inputs))
        bias = generator.normal(0, 0.5, (outputs,))
        layers.append(_float32(weight, bias))
    return layers


def default_init(widths: Sequence[int], seed: int = 0) -> Layers:
    """torch's own initialisation of nn.Linear in float32, seeded per layer."""
    import torch

    layers = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 1000 + i)
            layer = torch.nn.Linear(inputs, outputs)
        layers.append(_float32(layer.weight.detach().numpy(), layer.bias.detach().numpy()))
    return layers


def golden(widths: Sequence[int], seed: int = 0) -> Layers:
    """He weights and N(0, 0.5^2) biases from one generator for all layers, stored as float32."""
    generator = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in pairwise(widths):
        weight = generator.normal(size=(outputs, inputs)) * np.sqrt(2 / inputs)
        bias = generator.normal(size=outputs) * 0.5
        layers.append(_float32(weight, bias))
    return layers


def _float32(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return weight.astype(np.float32).astype(np.float64), bias.astype(np.float32).astype(np.float64)


def image_points(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three points (3, 784) for a plane, and 1,000 segments (1000, 2, 784), in [0, 1]^784."""
    generator = np.random.default_rng([seed, 99])
    corners = generator.uniform(0, 1, (3, 784))
    return corners, generator.uniform(0, 1, (1000, 2, 784))


def image_plane(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Origin (784,) and basis (2, 784) in float64: the window [-1, 1]^2 holds the triangle of the three points."""
    corners, _ = image_points(seed)
    center = corners.mean(0)
    u = corners[1] - corners[0]
    u = u / np.linalg.norm(u)
    v = corners[2] - corners[0]
    v = v - (v @ u) * u
    v = v / np.linalg.norm(v)
    radius = max(np.abs((corners - center) @ u).max(), np.abs((corners - center) @ v).max())
    return center, radius * np.stack([u, v])


def exact_of(layers: Layers) -> Net:
    """The neutral ReLU network of layers."""
    return mlp(layers)


# Degenerate families, 2 inputs, box [-1, 1]^2.


def zero_biases(width: int = 16, seed: int = 0) -> Layers:
    """No biases: every boundary is a cone at the origin."""
    return [(weight, np.zeros_like(bias)) for weight, bias in he([2, width, width, width, 1], seed)]


def doubled(width: int = 8, seed: int = 0) -> Layers:
    """Every hidden unit twice: the counts are those of half the width."""
    return _paired(width, seed, 1.0)


def opposed(width: int = 8, seed: int = 0) -> Layers:
    """Every hidden unit with its negative: each boundary is shared by two units."""
    return _paired(width, seed, -1.0)


def _paired(width: int, seed: int, sign: float) -> Layers:
    layers = he([2, *[2 * width] * 3, 1], seed)
    result = []
    for i, (weight, bias) in enumerate(layers):
        if i < len(layers) - 1:
            weight = np.concatenate([weight[:width], sign * weight[:width]])
            bias = np.concatenate([bias[:width], sign * bias[:width]])
        result.append((weight, bias))
    return result


def small_integers(width: int = 12, seed: int = 0) -> Layers:
    """Weights in {-1, 0, 1} and biases in {-1, -1/2, 0, 1/2, 1}: parallel, repeated and concurrent boundaries."""
    generator = np.random.default_rng([seed, 5])
    widths = [2, width, width, width, 1]
    layers = []
    for inputs, outputs in pairwise(widths):
        weight = generator.integers(-1, 2, (outputs, inputs)).astype(np.float64)
        layers.append((weight, generator.integers(-2, 3, outputs) / 2.0))
    return layers


def on_the_box(width: int = 8, seed: int = 0) -> Layers:
    """First-layer boundaries on the four sides, both diagonals and both axes of the box, then generic layers."""
    weight = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [1, -1], [1, 0], [0, 1]], dtype=np.float64)
    bias = np.array([1, -1, 1, -1, 0, 0, 0, 0], dtype=np.float64)
    return [(weight, bias), *he([8, width, width, 1], seed)]


def near_pairs(width: int = 8, seed: int = 0, gap: float = 2.0**-20) -> Layers:
    """Every hidden unit with a twin whose bias differs by about 1e-6: narrow strips, yet in general position."""
    layers = _paired(width, seed, 1.0)
    hidden = [(weight, bias + np.repeat([0.0, gap], width)) for weight, bias in layers[:-1]]
    return [*hidden, layers[-1]]


DEGENERATE_FAMILIES = {
    "zero_biases": zero_biases,
    "doubled": doubled,
    "opposed": opposed,
    "small_integers": small_integers,
    "on_the_box": on_the_box,
    "near_pairs": near_pairs,
}

GOLDEN_COUNTS = {
    # widths: activation regions in [-1, 1]^2, in [-100, 100]^2, in the plane (several programs agreed)
    (2, 8, 8, 1): (38, 110, 111),
    (2, 16, 16, 1): (225, 447, 450),
    (2, 32, 32, 1): (1026, 2011, 2034),
    (2, 64, 64, 64, 1): (8161, None, None),
    (2, 128, 128, 128, 1): (33551, None, None),
}

HE_COUNTS = {16: 816, 32: 1352, 64: 10084, 128: 33063, 256: 141283}
"""`he` 2-W-W-W-1 in [-1, 1]^2, seed 0: integer arithmetic, or several programs agreeing."""

DEFAULT_COUNTS = {16: 206, 32: 1246, 64: 5476, 128: 21351}
"""`default_init` 2-W-W-W-1 in [-1, 1]^2, seed 0."""

IMAGE_WIDTHS = (784, 100, 100, 100, 10)
IMAGE_PLANE_COUNTS = {"he": (3275, 3696, 3081), "default_init": (4766, 4164, 4608)}
"""`image_plane` of seeds 0, 1, 2."""
IMAGE_LINE_COUNTS = {"he": (52950, 53138), "default_init": (64203, 61252)}
"""The pieces of all 1,000 segments of `image_points` of seeds 0, 1."""


def degenerate() -> dict[str, Layers]:
    """A small network of every family that is not in general position, by name."""
    return {
        "zero biases": zero_biases(6),
        "doubled": doubled(4),
        "opposed": opposed(4),
        "small integers": small_integers(8),
        "near pairs": near_pairs(4),
        "on the box": on_the_box(6),
    }
