"""Layers that fold every coordinate onto itself, and the networks made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch

from vitrail.constructions.affine import AffineMap, relu_network
from vitrail.constructions.general_position import Copies, last_layer

__all__ = ["Bend", "Fold", "fold_then_cut", "fold_together", "folded_network"]


@dataclass(frozen=True)
class Bend:
    """A ReLU unit along one coordinate, relu(slope y + offset), and its weight in the sum that folds it."""

    slope: int
    offset: Fraction
    weight: int


@dataclass(frozen=True, eq=False)
class Fold:
    """A layer of units and the affine map that reads the folded coordinates off them."""

    units: AffineMap
    readout: AffineMap


def fold_together(bends: Sequence[Bend], constant: int, dimension: int, width: int) -> Fold:
    """The same bends along every coordinate, and units that are always off up to the width.

    Example:
        >>> fold = fold_together([Bend(1, Fraction(0), 1), Bend(-1, Fraction(0), 1)], 0, 1, 3)
        >>> fold.units.matrix.tolist(), fold.readout.matrix.tolist()
        ([[1], [-1], [0]], [[1, 1, 0]])
    """
    rows: list[list[int]] = []
    offsets: list[Fraction | int] = []
    readout = [[0] * width for _ in range(dimension)]
    for j in range(dimension):
        for bend in bends:
            readout[j][len(rows)] = bend.weight
            rows.append([bend.slope if i == j else 0 for i in range(dimension)])
            offsets.append(bend.offset)
    spare = width - len(rows)
    units = AffineMap.of(rows + [[0] * dimension] * spare, offsets + [-1] * spare)
    return Fold(units, AffineMap.of(readout, [constant] * dimension))


def fold_then_cut(
    first: AffineMap, folds: Sequence[Fold], width: int, copies: Copies, *, distinct: bool
) -> list[AffineMap]:
    """The affine maps of a network: coordinates from `first`, folded, then cut by a last layer; and its readout.

    Example:
        >>> maps = fold_then_cut(AffineMap.identity(2), [], 3, Copies(), distinct=True)
        >>> [affine.matrix.shape for affine in maps]
        [(3, 2), (1, 3)]
    """
    layers, coordinates = [], first
    for fold in folds:
        layers.append(fold.units.after(coordinates))
        coordinates = fold.readout
    units, readout = last_layer(first.offset.size, width, copies, flipped=distinct)
    return [*layers, units.after(coordinates), readout]


def folded_network(
    dimension: int, folds: Sequence[Fold], width: int, copies: Copies, *, distinct: bool
) -> torch.nn.Sequential:
    """The network that folds its inputs and cuts what it folded."""
    *layers, readout = fold_then_cut(AffineMap.identity(dimension), folds, width, copies, distinct=distinct)
    return relu_network(layers, readout)
