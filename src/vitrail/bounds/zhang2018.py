"""Zhang, Naitzat, Lim: Tropical Geometry of Deep Neural Networks (ICML 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import NotApplicableError
from vitrail.status import Definition

__all__ = ["STATEMENTS", "upper"]

_PAPER = "Zhang, Naitzat, Lim 2018 (ICML, arXiv 1805.07091)"


def upper(input_dimension: int, widths: Sequence[int]) -> int:
    """The most regions of a ReLU network with n_l >= n_0: the product of cap(n_l, n_0), by tropical polynomials.

    Theorem 6.3 (number from memory). The same as `raghu2017.upper` where it holds.

    Raises:
        NotApplicableError: a layer of fewer units than inputs.

    Example:
        >>> upper(2, [4, 4]), upper(3, [5, 4, 3])
        (121, 3120)
    """
    n0, layers = natural("input_dimension", input_dimension), widths_of(widths)
    for number, n in enumerate(layers, start=1):
        if n < n0:
            raise NotApplicableError(
                f"zhang2018: expected at least {n0} units, as many as inputs, in every layer, found {n} in layer "
                f"{number}; use montufar2017 or serra2018"
            )
    return prod(arrangement_cells(n, n0) for n in layers)


STATEMENTS = (
    Statement(
        name="zhang2018",
        title="Zhang et al. 2018",
        formula="prod cap(n_l, n_0) for n_l >= n_0",
        reference=f"{_PAPER}, Theorem 6.3 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(conditions.RELU, conditions.SEQUENTIAL, conditions.AS_WIDE),
        value=lambda s: upper(s.input_dimension, s.widths),
        remark="the paper has integer weights; with real ones the same product is raghu2017",
    ),
)
