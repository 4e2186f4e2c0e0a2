"""Arora, Basu, Mianjy, Mukherjee: Understanding Deep Neural Networks with Rectified Linear Units (ICLR 2018)."""

from __future__ import annotations

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.bounds.inputs import natural
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import NotApplicableError
from vitrail.status import Definition

__all__ = ["STATEMENTS", "lower"]

_PAPER = "Arora, Basu, Mianjy, Mukherjee 2018 (ICLR, arXiv 1611.01491)"


def lower(input_dimension: int, half_width: int, width: int, layers: int) -> int:
    """Some ReLU network with n_1 = 2 m and then layers of w >= 2 units has 2 sum_(j<n_0) C(m-1, j) w^(L-1) regions.

    Theorem 2.11 (i), as other papers quote it: a zonotope's gauge, and a sawtooth of it.

    Raises:
        NotApplicableError: w < 2 with two layers or more.

    Example:
        >>> lower(2, 2, 3, 2), lower(2, 3, 3, 2), lower(3, 4, 5, 3)
        (12, 18, 350)
    """
    n0, m = natural("input_dimension", input_dimension, 1), natural("half_width", half_width, 1)
    w, depth = natural("width", width, 1), natural("layers", layers, 1)
    if w < 2 and depth > 1:
        raise NotApplicableError(
            f"arora2018: expected layers of at least 2 units after the first, found {w}; use montufar2014_lower"
        )
    return int(2 * arrangement_cells(m - 1, n0 - 1) * w ** (depth - 1))


def _arguments(setting: Setting) -> tuple[int, int, int] | None:
    """m, w and L of the largest such network inside; None where there is none."""
    first, *later = setting.widths
    width = min(later, default=2)
    return (first // 2, width, len(later) + 1) if first >= 2 and width >= 2 else None


STATEMENTS = (
    Statement(
        name="arora2018",
        title="Arora et al. 2018",
        formula="2 sum_(j<n_0) C(m-1, j) w^(L-1) for n_1 >= 2 m and n_l >= w >= 2 after it",
        reference=f"{_PAPER}, Theorem 2.11 (i), as quoted by Serra et al. 2018",
        counts=Definition.ACTIVATION,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.RELU, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED_BEHIND, conditions.HIDDEN),
            conditions.on_setting(
                "two units or more in every layer",
                lambda s: not s.layers or _arguments(s) is not None,
                lambda s: s.architecture.name,
            ),
        ),
        value=lambda s: lower(s.input_dimension, *(_arguments(s) or (1, 1, 1))),
        remark="units beyond 2 m and w are left unused",
    ),
)
