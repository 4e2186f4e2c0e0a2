"""Pham, Garg: What do graph neural networks learn? Insights from tropical geometry (NeurIPS 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.bounds.inputs import natural, widths_of
from vitrail.errors import InvalidOptionError

__all__ = ["maximum_factor", "message_passing_upper", "upper"]


def upper(nodes: int, features: int, widths: Sequence[int]) -> int:
    """The most regions of a graph convolutional network: the product of cap(N d_t, N d_0) (Corollary 2).

    N nodes with d_0 features each, ReLU layers of `widths` d_t per node. It counts activation regions of all features
    of all nodes together; 1 for no layers.

    Raises:
        InvalidOptionError: numbers that are not integers of at least 1.

    Example:
        >>> upper(2, 2, [3]), upper(3, 1, [2])
        (57, 42)
    """
    number, dimension = natural("nodes", nodes, 1), natural("features", features, 1)
    return int(prod(arrangement_cells(number * n, number * dimension) for n in widths_of(widths)))


def message_passing_upper(nodes: int, features: Sequence[int], widths: Sequence[Sequence[int]]) -> int:
    """The most regions of message passing by sums: the product over t and l of cap(N n_(t,l), N d_t).

    Theorem 4 and Corollary 4 (isomorphism networks). `features` are the d_t that round t reads at each of N nodes,
    `widths` the hidden ReLU layers n_(t,1), n_(t,2), ... of its perceptron, one sequence for each round.

    Raises:
        InvalidOptionError: numbers that are not integers of at least 1, or another number of rounds in the two.

    Example:
        >>> message_passing_upper(2, [2], [[3]]), message_passing_upper(2, [1, 2], [[2], [2, 2]])
        (57, 2816)
    """
    number = natural("nodes", nodes, 1)
    read = widths_of(features, "features")
    if len(read) != len(widths):
        raise InvalidOptionError(
            f"widths: expected one sequence for each of the {len(read)} rounds in features, found {len(widths)}"
        )
    layers = [widths_of(row, f"widths[{place}]") for place, row in enumerate(widths)]
    return int(
        prod(arrangement_cells(number * n, number * d) for d, row in zip(read, layers, strict=True) for n in row)
    )


def maximum_factor(nodes: int, degree: int, features: int) -> int:
    """The factor by which one aggregation by maxima can multiply the regions: S^(N d) for a largest degree S.

    Each of the N d maxima is taken by one of at most S neighbors. The paper's factor is the smaller of this and a sum
    of binomials.

    Example:
        >>> maximum_factor(3, 2, 1)
        8
    """
    choices = natural("degree", degree, 1)
    return int(choices ** (natural("nodes", nodes, 1) * natural("features", features, 1)))
