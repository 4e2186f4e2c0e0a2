"""Zonotope networks: a gauge with many cones, and zigzags along its height."""

from __future__ import annotations

import torch

from vitrail.bounds.inputs import natural
from vitrail.constructions.affine import AffineMap, relu_network
from vitrail.constructions.folds import fold_then_cut
from vitrail.constructions.general_position import Copies
from vitrail.constructions.widths import check_size, dimension_of, flag
from vitrail.constructions.zigzag import zigzag
from vitrail.errors import InvalidOptionError

__all__ = ["zonotope_network"]


def zonotope_network(
    input_dimension: int, half_width: int, width: int, layers: int, *, distinct: bool = True
) -> torch.nn.Sequential:
    """A ReLU network that measures its input by the gauge of a zonotope, then runs zigzags along that number.

    Predicted on the whole space, for d inputs, 2m units in the first layer and w in each of the L - 1 others: 2 (C(m -
    1, 0) + ... + C(m - 1, d - 1)) (w + 1)^(L - 1) activation regions. The family is that of Arora, Basu, Mianjy and
    Mukherjee (2018), Theorem 2.11, with w instead of w + 1; Serra, Tjandraatmadja and Ramalingam (2018) have w + 1.

    The first layer holds a_i x and -a_i x for m vectors a_i on the moment curve, of which any d are independent. The
    sum of the |a_i x| is linear on each cone of their hyperplanes and takes all values from 0 on. With `distinct` and
    w >= 2 some units of the last layer face the other way, so that nowhere all are off: linear regions are as many as
    activation regions. The number of different affine maps is not predicted.

    Raises:
        InvalidOptionError: no integers of at least 1, fewer than two layers, fewer than three units in a layer between
            the first and the last, or so many units and inputs that float64 cannot hold the weights.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(zonotope_network(2, 3, 4, 2), torch.zeros(1, 2))
        >>> vitrail.count_regions(net, vitrail.Space(2)).value
        30
    """
    dimension, vectors = dimension_of(input_dimension), natural("half_width", half_width, 1)
    depth, units = natural("layers", layers, 2), natural("width", width, 1)
    if depth > 2 and units < 3:
        raise InvalidOptionError(
            f"width: expected at least 3 units in every layer between the first and the last, found {units}; "
            "a zigzag needs three; ask for layers=2, or a larger width"
        )
    check_size([dimension, 2 * vectors, units, 1])
    check_size([units, units], depth - 1)
    places = range(-(vectors // 2), vectors - vectors // 2)
    rows = [[sign * place**k for k in range(dimension)] for place in places for sign in (1, -1)]
    gauge = AffineMap.of([[1] * len(rows)], [0])
    folds = [zigzag(1, units) for _ in range(depth - 2)]
    copies = Copies((units + 1) ** len(folds), len(folds))
    *later, readout = fold_then_cut(gauge, folds, units, copies, distinct=flag("distinct", distinct))
    return relu_network([AffineMap.of(rows, [0] * len(rows)), *later], readout)
