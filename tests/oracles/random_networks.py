"""Small random networks in which degeneracy is common: small integers and halves; units repeat, oppose, die, vanish.

`random_case(seed)` is deterministic; `cases()` is the same generator driven by hypothesis, which shrinks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, Protocol

import numpy as np
from hypothesis import strategies as st

from . import exact
from .neutral import ElementwiseLayer, Net, activation

FAMILIES = (
    "relu",
    "leaky_relu",
    "abs",
    "hardtanh",
    "relu6",
    "mixed",
    "maxout",
    "pool",
    "extremes",
    "residual",
    "concat",
)
MLP_FAMILIES = ("relu", "leaky_relu", "abs", "hardtanh", "relu6")


class Chooser(Protocol):
    """Where the choices come from."""

    def integer(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""


@dataclass(frozen=True)
class Seeded:
    """Choices of a numpy generator."""

    generator: np.random.Generator

    def integer(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return int(self.generator.integers(low, high + 1))


@dataclass(frozen=True)
class Drawn:
    """Choices of hypothesis."""

    draw: Callable[[st.SearchStrategy[int]], int]

    def integer(self, low: int, high: int) -> int:
        """An integer from low to high, both included; shrinks towards low."""
        return self.draw(st.integers(low, high))


@dataclass(frozen=True)
class Case:
    """A network with the domain [-2, 2]^n."""

    family: str
    net: Net

    @property
    def dimension(self) -> int:
        """The number of inputs."""
        return self.net.sizes[0]

    @property
    def patterns(self) -> int:
        """The number of patterns that brute force has to try."""
        return prod(self.net.pieces_per_unit)

    @property
    def corners(self) -> list[tuple[int, ...]]:
        """The corners of the domain in order (2-D), or its two ends (1-D)."""
        return [(-2,), (2,)] if self.dimension == 1 else [(-2, -2), (2, -2), (2, 2), (-2, 2)]

    @property
    def halfspaces(self) -> list[list[int]]:
        """The forms (c, a_1, ..., a_n) that are positive inside the domain."""
        unit = [[int(i == j) for j in range(self.dimension)] for i in range(self.dimension)]
        return [[2, *(s * v for v in row)] for row in unit for s in (1, -1)]

    def subdivide(self) -> exact.Subdivision:
        """The exact cells of the domain (one or two inputs)."""
        return exact.box(self.net, [-2] * self.dimension, [2] * self.dimension)


def is_degenerate(case: Case) -> bool:
    """Whether a unit vanishes at a corner, on a facet or on a whole cell without cutting it there, found exactly."""
    return case.subdivide().is_degenerate


def random_case(
    seed: int, families: Sequence[str] = FAMILIES, *, dimensions: tuple[int, int] = (1, 2), units: int = 4
) -> Case:
    """The case of a seed; `units` bounds the width of a layer."""
    return _case(Seeded(np.random.default_rng([seed, 11])), families, dimensions, units)


@st.composite
def cases(draw: Any, families: Sequence[str] = FAMILIES, dimensions: tuple[int, int] = (1, 2), units: int = 4) -> Case:
    """Random cases for hypothesis."""
    return _case(Drawn(draw), families, dimensions, units)


def _case(chooser: Chooser, families: Sequence[str], dimensions: tuple[int, int], units: int) -> Case:
    family = families[chooser.integer(0, len(families) - 1)]
    low, high = dimensions
    dimension = high if chooser.integer(0, 2) else low
    if family in MLP_FAMILIES or family == "mixed":
        return Case(family, Net.chain(dimension, _mlp(chooser, family, dimension, units)))
    return Case(family, _BUILDERS[family](chooser, dimension, units))


def _number(chooser: Chooser) -> Fraction:
    """Small integers and halves; one in six is 0."""
    return Fraction((0, 0, 2, -2, 1, -1, 4, -4, 2, -2, 3, -3)[chooser.integer(0, 11)], 2)


def _affine(chooser: Chooser, inputs: int, outputs: int) -> tuple[str, list[list[Fraction]], list[Fraction]]:
    """A layer whose rows are sometimes zero, a copy, an opposite or a double of an earlier one, or dead."""
    rows: list[list[Fraction]] = []
    for _ in range(outputs):
        kind = chooser.integer(0, 14)
        if kind <= 9 or (kind <= 12 and not rows):
            rows.append([_number(chooser) for _ in range(inputs + 1)])
        elif kind <= 12:
            earlier = rows[chooser.integer(0, len(rows) - 1)]
            rows.append([(1, -1, 2)[kind - 10] * value for value in earlier])
        elif kind == 13:
            rows.append([Fraction(0)] * (inputs + 1))
        else:
            rows.append([*([Fraction(0)] * inputs), _number(chooser)])
    return "affine", [row[:-1] for row in rows], [row[-1] for row in rows]


def _elementwise(chooser: Chooser, family: str, size: int) -> ElementwiseLayer:
    if family != "mixed":
        return activation(family, size)
    parts = [activation(MLP_FAMILIES[chooser.integer(0, len(MLP_FAMILIES) - 1)], 1) for _ in range(size)]
    return "elementwise", [p[1][0] for p in parts], [p[2][0] for p in parts], [p[3][0] for p in parts]


def _mlp(chooser: Chooser, family: str, inputs: int, units: int) -> list[Sequence[Any]]:
    """Up to three hidden layers, at most 2 * units units (units for three pieces)."""
    budget = units if family in ("hardtanh", "relu6", "mixed") else 2 * units
    layers: list[Sequence[Any]] = []
    for _ in range(chooser.integer(1, 3)):
        size = min(budget, chooser.integer(2, units))
        if not size:
            break
        budget -= size
        layers += [_affine(chooser, inputs, size), _elementwise(chooser, family, size)]
        inputs = size
    return [*layers, _affine(chooser, inputs, chooser.integer(1, 2))]


def _maxout(chooser: Chooser, inputs: int, units: int) -> Net:
    """Groups of two or three affine candidates, then ReLU units."""
    rank = chooser.integer(2, 3)
    groups = chooser.integer(1, max(1, units // 2))
    blocks = [list(range(g * rank, (g + 1) * rank)) for g in range(groups)]
    sign = (1, -1)[chooser.integer(0, 1)]
    last = chooser.integer(1, 2)
    hidden = [_affine(chooser, inputs, groups * rank), ("max", blocks, sign)]
    return Net.chain(
        inputs, [*hidden, _affine(chooser, groups, last), activation("relu", last), _affine(chooser, last, 1)]
    )


def _pool(chooser: Chooser, inputs: int, units: int) -> Net:
    """ReLU units, then overlapping windows: whole windows are often all zero, hence identical."""
    size = chooser.integer(2, max(2, units))
    width = chooser.integer(2, min(3, size))
    stride = chooser.integer(1, 2)
    windows = [list(range(start, start + width)) for start in range(0, size - width + 1, stride)]
    hidden = [_affine(chooser, inputs, size), activation("relu", size), ("max", windows, 1)]
    return Net.chain(inputs, [*hidden, _affine(chooser, len(windows), 1)])


def _extremes(chooser: Chooser, inputs: int, units: int) -> Net:
    """The maximum and the minimum of two tensors, subtracted by an affine node, then ReLU."""
    size = chooser.integer(1, max(1, units // 2))
    pairs = [[i, size + i] for i in range(size)]
    nodes: list[Sequence[Any]] = [
        ("input", inputs),
        (*_affine(chooser, inputs, size), 0),
        (*_affine(chooser, inputs, size), 0),
    ]
    nodes += [("concat", 1, 2), ("max", pairs, 1, 3), ("max", pairs, -1, 3), ("concat", 4, 5)]
    last = chooser.integer(1, 2)
    nodes += [(*_affine(chooser, 2 * size, last), 6), (*activation("relu", last), 7), (*_affine(chooser, last, 1), 8)]
    return Net.build(nodes)


def _residual(chooser: Chooser, inputs: int, units: int) -> Net:
    """relu(x + block(x)) with a block of one hidden layer, read out."""
    size = chooser.integer(1, max(1, units // 2))
    inner = chooser.integer(1, max(1, units // 2))
    nodes: list[Sequence[Any]] = [
        ("input", inputs),
        (*_affine(chooser, inputs, size), 0),
        (*activation("relu", size), 1),
    ]
    nodes += [(*_affine(chooser, size, inner), 2), (*activation("relu", inner), 3), (*_affine(chooser, inner, size), 4)]
    nodes += [("add", 2, 5), (*activation("leaky_relu", size), 6), (*_affine(chooser, size, 1), 7)]
    return Net.build(nodes)


def _concat(chooser: Chooser, inputs: int, units: int) -> Net:
    """The input passed on next to a hidden layer, with a ReLU of both."""
    size = chooser.integer(1, max(1, units // 2))
    last = chooser.integer(1, max(1, units // 2))
    nodes: list[Sequence[Any]] = [
        ("input", inputs),
        (*_affine(chooser, inputs, size), 0),
        (*activation("abs", size), 1),
    ]
    nodes += [("concat", 0, 2), (*_affine(chooser, inputs + size, last), 3), (*activation("relu", last), 4)]
    return Net.build([*nodes, (*_affine(chooser, last, 1), 5)])


_BUILDERS: dict[str, Callable[[Chooser, int, int], Net]] = {
    "maxout": _maxout,
    "pool": _pool,
    "extremes": _extremes,
    "residual": _residual,
    "concat": _concat,
}
