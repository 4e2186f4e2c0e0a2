"""Pascanu, Montufar, Bengio: On the number of response regions of deep feed forward networks (ICLR 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import NotApplicableError
from vitrail.status import Definition

__all__ = ["DEEP_GROWTH", "SHALLOW_GROWTH", "STATEMENTS", "double_width_lower", "exact", "lower"]

_PAPER = "Pascanu, Montufar, Bengio 2013 (ICLR 2014, arXiv 1312.6098)"

SHALLOW_GROWTH = "O(k^n_0 n^n_0) for one layer of k n units, n_0 fixed"
"""How fast the regions of a shallow network grow (abstract)."""

DEEP_GROWTH = "Omega(floor(n / n_0)^(k-1) n^n_0) for k layers of n units, n_0 fixed"
"""How fast the regions of a deep network can grow (abstract)."""


def exact(input_dimension: int, width: int) -> int:
    """The largest number of linear regions of one layer of n_1 ReLU units: C(n_1, 0) + ... + C(n_1, n_0).

    Proposition 2 (number from memory). Attained in general position with readout weights in general position.

    Example:
        >>> exact(2, 3), exact(4, 6)
        (7, 57)
    """
    return arrangement_cells(natural("width", width, 1), natural("input_dimension", input_dimension, 1))


def lower(input_dimension: int, widths: Sequence[int]) -> int:
    """Some ReLU network has so many regions: floor(n_1/n_0) ... floor(n_(L-1)/n_0) cap(n_L, n_0).

    Theorem 1 (number from memory), for n_l >= n_0 in every layer; cap(n, d) = C(n, 0) + ... + C(n, d). They are
    activation regions, and linear regions too but for n_0 = n_L = 1 in a deep network: there the constant pieces of the
    one last unit join, and 1-6-1 units have at most 11 linear regions where the formula says 12.

    Raises:
        NotApplicableError: a layer with fewer units than inputs, or no hidden layer.

    Example:
        >>> lower(2, [4, 4]), lower(3, [7, 9, 5]), lower(1, [3, 3, 3])
        (22, 156, 36)
    """
    layers, n0 = widths_of(widths), natural("input_dimension", input_dimension, 1)
    narrow = [(n, number) for number, n in enumerate(layers, start=1) if n < n0]
    if narrow or not layers:
        found = f"{narrow[0][0]} in layer {narrow[0][1]}" if narrow else "no hidden layer"
        raise NotApplicableError(
            f"pascanu2013_lower: expected at least {n0} units, as many as inputs, in every layer, found {found}; "
            "use montufar2014_lower"
        )
    return prod(n // n0 for n in layers[:-1]) * arrangement_cells(layers[-1], n0)


def double_width_lower(input_dimension: int, layers: int) -> int:
    """Some ReLU network of k layers of 2 n_0 units has 2^((k-1) n_0) cap(2 n_0, n_0) linear regions.

    The special case of the paper (its printed form is not known for sure); the same as `montufar2014.lower` there.

    Example:
        >>> double_width_lower(1, 3), double_width_lower(2, 3), double_width_lower(3, 4)
        (12, 176, 21504)
    """
    n0, k = natural("input_dimension", input_dimension, 1), natural("layers", layers, 1)
    return arrangement_cells(2 * n0, n0) << ((k - 1) * n0)


_FREE_RELU = (conditions.RELU, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED)

STATEMENTS = (
    Statement(
        name="pascanu2013",
        title="Pascanu et al. 2013, one layer",
        formula="cap(n_1, n_0) = C(n_1, 0) + ... + C(n_1, n_0)",
        reference=f"{_PAPER}, Proposition 2 (number from memory)",
        counts=Definition.LINEAR,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.ONE_LAYER, *_FREE_RELU),
        value=lambda s: exact(s.input_dimension, s.widths[0]),
    ),
    Statement(
        name="pascanu2013_lower",
        title="Pascanu et al. 2013, deep",
        formula="prod_(l<L) floor(n_l / n_0) cap(n_L, n_0) for n_l >= n_0",
        reference=f"{_PAPER}, Theorem 1 (number from memory)",
        counts=Definition.LINEAR,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(*_FREE_RELU, conditions.HIDDEN, conditions.AS_WIDE),
            conditions.on_setting(
                "two inputs, or two units in the last layer, where there are several layers",
                lambda s: len(s.layers) <= 1 or s.input_dimension > 1 or s.widths[-1] > 1,
                lambda _: "one of each",
            ),
        ),
        value=lambda s: lower(s.input_dimension, s.widths),
    ),
    Statement(
        name="pascanu2013_double",
        title="Pascanu et al. 2013, width 2 n_0",
        formula="2^((L-1) n_0) cap(2 n_0, n_0) for n_l = 2 n_0",
        reference=f"{_PAPER}, special case (form derived)",
        counts=Definition.LINEAR,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(*_FREE_RELU, conditions.HIDDEN),
            conditions.on_setting(
                "layers of twice as many units as inputs",
                lambda s: set(s.widths) == {2 * s.input_dimension},
                lambda s: s.architecture.name,
            ),
        ),
        value=lambda s: double_width_lower(s.input_dimension, len(s.layers)),
    ),
)
