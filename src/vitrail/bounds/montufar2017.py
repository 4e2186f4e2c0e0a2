"""Montufar: Notes on the number of linear regions of deep neural networks (SampTA 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.status import Definition

__all__ = ["STATEMENTS", "upper"]

_PAPER = "Montufar 2017 (SampTA)"


def upper(input_dimension: int, widths: Sequence[int]) -> int:
    """The most activation regions of units of two pieces: the product of cap(n_l, m_l), m_l = min(n_0, ..., n_(l-1)).

    cap(n, d) = C(n, 0) + ... + C(n, d). It holds for ReLU, leaky ReLU, absolute value, and maxout of rank 2, in layers
    one after the other.

    Example:
        >>> upper(2, [2, 2]), upper(3, [5, 4, 3]), upper(784, [10, 12])
        (16, 3120, 4180992)
    """
    factors, room = [], natural("input_dimension", input_dimension)
    for n in widths_of(widths):
        factors.append(arrangement_cells(n, room))
        room = min(room, n)
    return prod(factors)


STATEMENTS = (
    Statement(
        name="montufar2017",
        title="Montufar 2017",
        formula="prod cap(n_l, min(n_0, ..., n_(l-1)))",
        reference=f"{_PAPER}, Proposition 3 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.TWO_PIECES, conditions.SEQUENTIAL),
        value=lambda s: upper(s.input_dimension, s.widths),
    ),
)
