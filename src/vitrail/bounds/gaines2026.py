"""Gaines, Bi: on the graph of neighboring regions of ReLU networks (ICLR 2026); bounds on its degrees and diameter."""

from __future__ import annotations

from collections.abc import Sequence

from vitrail.bounds.inputs import natural, widths_of

__all__ = ["average_degree_upper", "diameter_upper"]


def average_degree_upper(input_dimension: int) -> int:
    """The mean number of neighbors of a region, for almost all weights: at most 2 n_0 (number unknown, from memory).

    Over all activation regions of a ReLU network on the whole space: there are at most n_0 facets between them for
    each region. The mean tends to it as regions become many.

    Raises:
        InvalidOptionError: not an integer of at least 1.

    Example:
        >>> average_degree_upper(2)
        4
    """
    return 2 * natural("input_dimension", input_dimension, 1)


def diameter_upper(widths: Sequence[int]) -> int:
    """The most steps from one region to another: (max n_l + 1)^L for L hidden layers (number unknown, from memory).

    `widths` are those of the hidden layers; 1 for none.

    Example:
        >>> diameter_upper([4, 3])
        25
    """
    layers = widths_of(widths)
    return int((max(layers, default=0) + 1) ** len(layers))
