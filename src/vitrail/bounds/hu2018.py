"""Hu, Zhang: Nearly-tight bounds on linear regions of piecewise linear neural networks (arXiv 2018)."""

from __future__ import annotations

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import cells_of_families
from vitrail.bounds.inputs import natural
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.status import Definition

__all__ = ["STATEMENTS", "exact"]

_PAPER = "Hu, Zhang 2018 (arXiv 1810.13192)"


def exact(input_dimension: int, width: int, breakpoints: int) -> int:
    """The largest number of regions of one layer of n_1 units of p breakpoints: the sum of C(n_1, j) p^j over j <= n_0.

    Each unit has p parallel hyperplanes. For p = 1 it is cap(n_1, n_0), for p = 0 it is 1.

    Example:
        >>> exact(2, 3, 1), exact(2, 3, 2), exact(2, 2, 3)
        (7, 19, 16)
    """
    n0, n1 = natural("input_dimension", input_dimension), natural("width", width, 1)
    return cells_of_families({natural("breakpoints", breakpoints): n1}, n0)


STATEMENTS = (
    Statement(
        name="hu2018",
        title="Hu and Zhang 2018",
        formula="sum_(j<=n_0) C(n_1, j) p^j for one layer of units of p breakpoints",
        reference=f"{_PAPER}; Zaslavsky 1975 for parallel families",
        counts=Definition.ACTIVATION,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.ONE_LAYER, conditions.ELEMENTWISE, conditions.SEQUENTIAL, conditions.DENSE),
            conditions.BIASED,
        ),
        value=lambda s: cells_of_families(s.layers[0].families, s.input_dimension),
        remark="units of different numbers of breakpoints: elementary symmetric polynomials in place of C(n_1, j) p^j",
    ),
)
