"""Raghu, Poole, Kleinberg, Ganguli, Sohl-Dickstein: On the Expressive Power of Deep Neural Networks (ICML 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import cells_of_families
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.status import Definition

__all__ = ["GROWTH", "HARD_TANH_GROWTH", "STATEMENTS", "along", "hard_tanh_upper", "upper"]

_PAPER = "Raghu, Poole, Kleinberg, Ganguli, Sohl-Dickstein 2017 (ICML, arXiv 1606.05336)"

GROWTH = "O(k^(m n)) for n layers of k ReLU units on m inputs"
"""How fast activation patterns can grow (Theorem 1)."""

HARD_TANH_GROWTH = "O((2 k)^(m n)) for n layers of k hard-tanh units on m inputs"
"""The same for hard tanh."""


def upper(input_dimension: int, widths: Sequence[int], pieces: int = 2) -> int:
    """The most activation regions: the product over layers of the sum of C(n_l, j) (t-1)^j over j <= n_0.

    The explicit form behind Theorem 1, for units of t pieces; the product of cap(n_l, n_0) for t = 2. Narrow layers do
    not lower it, so it holds for skip connections too.

    Example:
        >>> upper(2, [4, 4]), upper(2, [6, 6, 6]), upper(3, [5, 4, 3])
        (121, 10648, 3120)
    """
    n0, extra = natural("input_dimension", input_dimension), natural("pieces", pieces, 1) - 1
    return prod(cells_of_families({extra: n}, n0) for n in widths_of(widths))


def hard_tanh_upper(input_dimension: int, widths: Sequence[int]) -> int:
    """The same for hard tanh, whose units have three pieces, between two parallel hyperplanes.

    Example:
        >>> hard_tanh_upper(2, [4, 4]), hard_tanh_upper(3, [5, 4, 3])
        (1089, 229905)
    """
    return upper(input_dimension, widths, 3)


def along(widths: Sequence[int], segments: int = 1, pieces: int = 2) -> int:
    """The most activation regions that a path of straight segments crosses, each crossing counted: `upper` for n_0 = 1.

    Times the number of segments. The paper's theorem on the length of trajectories bounds an expected length instead.

    Example:
        >>> along([4, 4]), along([4, 4], 3), along([4, 4], pieces=3)
        (25, 75, 81)
    """
    return natural("segments", segments) * upper(1, widths, pieces)


def _value(setting: Setting) -> int:
    return prod(cells_of_families(layer.families, setting.input_dimension) for layer in setting.layers)


STATEMENTS = (
    Statement(
        name="raghu2017",
        title="Raghu et al. 2017",
        formula="prod cap(n_l, n_0); prod sum_(j<=n_0) C(n_l, j) (t-1)^j for units of t pieces",
        reference=f"{_PAPER}, Theorem 1 (explicit form of its proof)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.ELEMENTWISE,),
        value=_value,
        remark="holds for any wiring",
    ),
)
