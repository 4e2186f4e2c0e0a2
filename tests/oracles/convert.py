"""Neutral networks as numpy layers (W, b) with a named activation, and point lists as numpy."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from .neutral import Affine, Elementwise, Matrix, Net, Vector, activation, exact_matrix

Layers = list[tuple[np.ndarray, np.ndarray]]
NAMES = ("relu", "abs", "hardtanh", "relu6")


def exact_float(value: Fraction) -> float:
    """The float64 that equals a rational; ValueError where none does."""
    rounded = float(value)
    if Fraction(rounded) != value:
        raise ValueError(f"{value} is not a float64")
    return rounded


def exact_array(values: Sequence[Fraction]) -> np.ndarray:
    """The float64 array that equals a rational vector; ValueError where none does."""
    return np.array([exact_float(value) for value in values], dtype=np.float64)


def to_layers(net: Net) -> tuple[Layers, str, float | None]:
    """The (W, b) of an MLP, the activation's name, and the slope of a leaky ReLU (else None).

    ValueError unless the network is affine layers in a row with one and the same named activation between them, and
    none after the last.
    """
    chain = list(enumerate(net.nodes))[1:]
    in_a_row = all(isinstance(node, Affine | Elementwise) and node.source == i - 1 for i, node in chain)
    if not in_a_row or net.output != len(net.nodes) - 1:
        raise ValueError("expected affine and elementwise nodes in a row")
    layers: Layers = []
    found: set[tuple[str, Fraction | None]] = set()
    for i, node in chain:
        if isinstance(node, Affine) and i % 2:
            layers.append((np.stack([exact_array(row) for row in node.weight]), exact_array(node.bias)))
        elif isinstance(node, Elementwise) and not i % 2 and i < len(net.nodes) - 1:
            found.add(_name(node))
        else:
            raise ValueError(f"expected affine and elementwise nodes in turn, found {type(node).__name__} at {i}")
    if len(found) > 1:
        raise ValueError(f"expected one activation, found {sorted(found, key=str)}")
    name, slope = found.pop() if found else ("relu", None)
    return layers, name, None if slope is None else exact_float(slope)


def _name(node: Elementwise) -> tuple[str, Fraction | None]:
    size = len(node.breakpoints)
    described = (node.breakpoints, node.slopes, node.intercepts)

    def named(name: str, slope: Fraction = Fraction(0)) -> tuple[Matrix, Matrix, Matrix]:
        _, points, slopes, intercepts = activation(name, size, slope)
        return exact_matrix(points), exact_matrix(slopes), exact_matrix(intercepts)

    for name in NAMES:
        if described == named(name):
            return name, None
    slope = node.slopes[0][0]
    if described == named("leaky_relu", slope):
        return "leaky_relu", slope
    raise ValueError("no named activation has these pieces")


def to_points(points: Sequence[Vector]) -> np.ndarray:
    """Rational points rounded to the nearest float64, (N, k)."""
    return np.array([[float(value) for value in point] for point in points], dtype=np.float64)
