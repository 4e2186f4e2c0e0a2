"""Zigzag networks: a layer of n units runs n + 1 times through the unit interval, and the ends count too."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

import torch

from vitrail.constructions.folds import Bend, Fold, fold_together, folded_network
from vitrail.constructions.general_position import Copies
from vitrail.constructions.widths import check_size, checked_widths, dimension_of, flag

__all__ = ["folded_zigzag_network", "zigzag", "zigzag_network"]


def zigzag_network(widths: Sequence[int], *, distinct: bool = True) -> torch.nn.Sequential:
    """A ReLU network of one input with as many regions as its widths allow.

    Predicted on the whole line: the product of n_l + 1 over all layers, for n_l >= 3 before the last layer, which is
    the largest number there is (Serra, Tjandraatmadja and Ramalingam 2018, Theorem 5 of the first version). All of the
    activation regions meet (0, 1). `distinct` is as in `folded_zigzag_network`, of which this is the case of one input.

    Raises:
        InvalidOptionError: no integers of at least 1, or fewer than three units in a layer before the last.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(zigzag_network([4, 5, 3]), torch.zeros(1, 1))
        >>> vitrail.count_regions(net, vitrail.Space(1)).value
        120
    """
    return folded_zigzag_network(1, widths, distinct=distinct)


def folded_zigzag_network(input_dimension: int, widths: Sequence[int], *, distinct: bool = True) -> torch.nn.Sequential:
    """A ReLU network that folds every coordinate once more than it has units for.

    Predicted on the whole space, and in the open cube (0, 1)^d as well, for d inputs and widths n_1, ..., n_L: the
    product of (floor(n_l / d) + 1)^d over l < L, times C(n_L, 0) + ... + C(n_L, d) activation regions. This is the
    lower bound of Serra, Tjandraatmadja and Ramalingam (2018), for n_l >= 3d before the last layer.

    With `distinct` and n_L > d some units of the last layer face the other way, so that nowhere all are off: linear
    regions are as many as activation regions. So are the different affine maps, as long as float64 can hold weights
    generic enough: with one layer before the last and up to 8 pieces per coordinate, up to 20 units in the last layer
    of one input, 16 with two, 5 with three; with more layers, fewer. Without it, or where n_L <= d, the cells in which
    all units of the last layer are off have one map, and merge where they touch.

    Raises:
        InvalidOptionError: no integers of at least 1, fewer than three units for each input in a layer before the last,
            or so many units and inputs that float64 cannot hold the weights.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(folded_zigzag_network(2, [6, 2]), torch.zeros(1, 2))
        >>> vitrail.count_regions(net, vitrail.Space(2)).value
        64
    """
    dimension = dimension_of(input_dimension)
    checked = checked_widths(
        widths,
        3 * dimension,
        "a zigzag needs three units for each input; ask for fewer inputs, or take folding_network",
    )
    check_size([dimension, *checked[:-1], max(checked[-1], dimension), 1])
    folds = [zigzag(dimension, width) for width in checked[:-1]]
    copies = Copies(prod(width // dimension + 1 for width in checked[:-1]), len(folds))
    return folded_network(dimension, folds, checked[-1], copies, distinct=flag("distinct", distinct))


def zigzag(dimension: int, width: int) -> Fold:
    """A fold whose p = floor(width / dimension) units per coordinate make p + 1 pieces, each through all of (0, 1).

    The third unit faces the other way and carries the piece on the left; slopes are p times -2, 2, -1, 1, -1, ...

    Example:
        >>> zigzag(1, 3).readout.matrix.tolist()
        [[4, -3, 2]]
    """
    units = width // dimension
    bends = [Bend(units, Fraction(-1, 2), 4), Bend(units, Fraction(-1), -3), Bend(-units, Fraction(2), 2)]
    bends += [Bend(units, Fraction(-i), 2 * (-1) ** i) for i in range(3, units)]
    return fold_together(bends, -3, dimension, width)
