"""Folding networks: every layer but the last lays the unit cube onto itself, several times."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

import torch

from vitrail.bounds.inputs import natural
from vitrail.constructions.affine import AffineMap, relu_network
from vitrail.constructions.folds import Bend, Fold, fold_together, folded_network
from vitrail.constructions.general_position import Copies
from vitrail.constructions.widths import check_size, checked_widths, dimension_of, flag

__all__ = ["folding_network", "sawtooth_network"]


def folding_network(input_dimension: int, widths: Sequence[int], *, distinct: bool = True) -> torch.nn.Sequential:
    """A ReLU network whose layers fold the unit cube, with one output.

    Predicted in the open cube (0, 1)^d, for d inputs and widths n_1, ..., n_L: the product of floor(n_l / d)^d over
    l < L, times C(n_L, 0) + ... + C(n_L, d) activation regions. This is the lower bound of Montufar, Pascanu, Cho and
    Bengio (2014); with floor(n_l / d) to the power of one it is that of Pascanu, Montufar and Bengio (2013), Theorem
    1. Outside the cube there are a few more.

    A layer before the last has p = floor(n_l / d) units per coordinate, relu(p y), relu(2p y - 2), ..., relu(2p y -
    2(p - 1)), whose alternating sum runs p times through (0, 1) as y does once; further units are always off. The last
    layer's hyperplanes are in general position and all their cells meet the cube.

    With `distinct` and n_L > d some units of the last layer face the other way, so that nowhere all are off: linear
    regions are as many as activation regions. So are the different affine maps, as long as float64 can hold weights
    generic enough: with up to 64 folds of a coordinate, up to 40 units in the last layer of one input, 28 with two, 7
    with three. Without it, or where n_L <= d, the cells in which all units of the last layer are off have one map, and
    merge where they touch.

    Raises:
        InvalidOptionError: no integers of at least 1, fewer units than inputs in a layer before the last, or so many
            units and inputs that float64 cannot hold the weights.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(folding_network(2, [4, 4]), torch.zeros(1, 2))
        >>> square = vitrail.Box([0.0, 0.0], [1.0, 1.0])
        >>> [vitrail.count_regions(net, square, definition=d).value for d in ("activation", "linear", "affine")]
        [44, 44, 44]
    """
    dimension = dimension_of(input_dimension)
    checked = checked_widths(widths, dimension, "a fold needs a unit for each input; ask for fewer inputs")
    check_size([dimension, *checked[:-1], max(checked[-1], dimension), 1])
    folds = [_fold(dimension, width) for width in checked[:-1]]
    copies = Copies(slabs=prod(width // dimension for width in checked[:-1]))
    return folded_network(dimension, folds, checked[-1], copies, distinct=flag("distinct", distinct))


def sawtooth_network(depth: int) -> torch.nn.Sequential:
    """The hat function composed with itself: 2^depth teeth's edges between 0 and 1 (Telgarsky 2015, 2016).

    Predicted on [0, 1]: 2^depth activation regions, linear regions and affine maps. On the whole line: 2^depth + 2
    activation and linear regions, and 2^depth + 1 affine maps, as the network is 0 on both sides. The hat is 2y up to
    1/2 and 2 - 2y from there: two units per layer, and a third one in the first layer that keeps it 0 beyond 1.

    Raises:
        InvalidOptionError: not an integer of at least 1.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(sawtooth_network(5), torch.zeros(1, 1))
        >>> vitrail.count_regions(net, vitrail.Segment([0.0], [1.0])).value
        32
    """
    rising, falling, flat = Bend(1, Fraction(0), 2), Bend(1, Fraction(-1, 2), -4), Bend(1, Fraction(-1), 2)
    first, later = fold_together([rising, falling, flat], 0, 1, 3), fold_together([rising, falling], 0, 1, 2)
    number = natural("depth", depth, 1)
    check_size([2, 2], number)
    layers, height = [], AffineMap.identity(1)
    for fold in [first] + [later] * (number - 1):
        layers.append(fold.units.after(height))
        height = fold.readout
    return relu_network(layers, height)


def _fold(dimension: int, width: int) -> Fold:
    """Each coordinate p times through (0, 1), up and down in turn, as many times as the width allows."""
    slabs = width // dimension
    bends = [Bend(slabs, Fraction(0), 1)]
    bends += [Bend(2 * slabs, Fraction(-2 * i), (-1) ** i) for i in range(1, slabs)]
    return fold_together(bends, 0, dimension, width)
