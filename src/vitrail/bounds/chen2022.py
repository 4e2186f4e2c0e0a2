"""Chen, Wang, Xiong: Lower and Upper Bounds for Numbers of Linear Regions of Graph Convolutional Networks (2022)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.bounds.inputs import natural, widths_of

__all__ = ["combined_upper", "one_layer_exact"]


def one_layer_exact(nodes: int, features: int, units: int) -> int:
    """The largest number of regions of one graph convolution relu(A H W + b): cap(d_1, d_0)^N.

    N nodes with d_0 features each, d_1 units per node, weights and biases shared over the nodes, an invertible
    adjacency matrix A: the substitution Y = A H separates the nodes, each cut by the same d_1 hyperplanes. A singular A
    has fewer. It counts activation regions of all features of all nodes together (attribution from memory).

    Raises:
        InvalidOptionError: numbers that are not integers of at least 0 (units) or 1.

    Example:
        >>> one_layer_exact(2, 1, 2), one_layer_exact(2, 2, 3)
        (9, 49)
    """
    number, dimension = natural("nodes", nodes, 1), natural("features", features, 1)
    return int(arrangement_cells(natural("units", units), dimension)) ** number


def combined_upper(nodes: int, features: int, widths: Sequence[int]) -> int:
    """The most regions of a graph convolutional network: the first layer exactly, later ones as cap(N d_t, N d_0).

    Never more than `vitrail.bounds.pham2024.upper`, because cells of one arrangement per node are cells of one
    arrangement of N d_1 hyperplanes. Layers relu(A H W + b) of `widths` d_t per node, for any adjacency matrix. 1 for
    no layers.

    Example:
        >>> combined_upper(2, 1, [2]), combined_upper(2, 1, [2, 2])
        (9, 99)
    """
    layers, number, dimension = widths_of(widths), natural("nodes", nodes, 1), natural("features", features, 1)
    if not layers:
        return 1
    later = prod(arrangement_cells(number * n, number * dimension) for n in layers[1:])
    return int(one_layer_exact(number, dimension, layers[0]) * later)
