"""Goujon, Etemadi, Unser: On the Number of Regions of Piecewise Linear Neural Networks.

Journal of Computational and Applied Mathematics 441 (2024).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import cells_of_families
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.status import Definition

__all__ = ["STATEMENTS", "beta", "upper", "upper_of"]

_PAPER = "Goujon, Etemadi, Unser 2024 (JCAM, arXiv 2206.08615)"


def beta(cells: Sequence[int], dimension: int) -> int:
    """The most cells that convex partitions with so many cells each have together: the sum of e_j(cells - 1), j <= d.

    Attained. (Number unknown; the paper calls it beta.) 1 for no partitions, and in dimension 0.

    Raises:
        InvalidOptionError: numbers that are not integers of at least 1 (cells) or 0 (dimension).

    Example:
        >>> beta([3, 3, 3], 2), beta([2, 4, 3], 2), beta([5, 5], 1)
        (19, 18, 9)
    """
    numbers = Counter(natural(f"cells[{place}]", value, 1) - 1 for place, value in enumerate(cells))
    return int(cells_of_families(numbers, natural("dimension", dimension)))


def upper(input_dimension: int, widths: Sequence[int], pieces: int) -> int:
    """The most regions of a network whose units have so many convex pieces each, elementwise or maxout.

    The product over layers of the sums of C(n_l, j) (pieces - 1)^j over j <= min(n_0, ..., n_(l-1)) (number unknown).
    It counts the cells of the convex partition, so activation regions. 1 for no hidden layers.

    Example:
        >>> upper(2, [4, 4], 3), upper(2, [3, 5], 2)
        (1089, 112)
    """
    room, total, extra = natural("input_dimension", input_dimension), 1, natural("pieces", pieces, 1) - 1
    for n in widths_of(widths):
        total *= cells_of_families({extra: n}, room)
        room = min(room, n)
    return int(total)


def upper_of(setting: Setting) -> int:
    """`upper` for units that may differ, in a setting."""
    room, total = setting.input_dimension, 1
    for layer in setting.layers:
        total *= cells_of_families(layer.families, room)
        room = min(room, layer.units)
    return int(total)


STATEMENTS = (
    Statement(
        name="goujon2024",
        title="Goujon et al. 2024",
        formula="prod over l of sum over j <= min(n_0, ..., n_(l-1)) of e_j(pieces of unit - 1)",
        reference=f"{_PAPER} (number unknown)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(conditions.SEQUENTIAL,),
        value=upper_of,
        remark="for units of any convex pieces",
    ),
)
