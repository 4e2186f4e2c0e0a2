"""Telgarsky: Representation Benefits of Deep Feedforward Networks (arXiv 2015), Benefits of Depth (COLT 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from vitrail.bounds import conditions
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.status import Definition

__all__ = ["STATEMENTS", "composed", "sawtooth", "summed", "upper"]

_PAPER = "Telgarsky 2015 (arXiv 1509.08101), 2016 (COLT, arXiv 1602.04485)"


def upper(widths: Sequence[int], pieces: int = 2) -> int:
    """The most regions of a network of one input: the product of t n_l, (t m)^L for L layers of m units of t pieces.

    Each unit has convex pieces. For ReLU it is (2 m)^L, always above the product of n_l + 1.

    Example:
        >>> upper([3, 3]), upper([5, 5, 5, 5]), upper([4, 4, 4], 3)
        (36, 10000, 1728)
    """
    t = natural("pieces", pieces, 1)
    return prod(t * n for n in widths_of(widths))


def sawtooth(layers: int) -> int:
    """The affine pieces of the tent map composed k times with itself, on [0, 1]: 2^k, by k layers of two ReLU units.

    On the whole line there are two more, where each layer's tent is 0 outside [0, 1].

    Example:
        >>> sawtooth(1), sawtooth(3), sawtooth(10)
        (2, 8, 1024)
    """
    return 1 << natural("layers", layers)


def summed(first: int, second: int) -> int:
    """The most affine pieces of the sum of functions of one variable with s and t pieces: s + t - 1.

    The paper has s + t.

    Example:
        >>> summed(3, 4)
        6
    """
    return natural("first", first, 1) + natural("second", second, 1) - 1


def composed(first: int, second: int) -> int:
    """The most affine pieces of a function of s pieces applied to one of t pieces, in one variable: s t.

    Example:
        >>> composed(3, 4)
        12
    """
    return natural("first", first, 1) * natural("second", second, 1)


def _value(setting: Setting) -> int:
    """The theorem with the largest number of pieces that a layer's units have, as t of that layer."""
    layers = [(max((t for t, number in layer.pieces if number), default=1), layer.units) for layer in setting.layers]
    return prod(max(t * units, 1) for t, units in layers)


STATEMENTS = (
    Statement(
        name="telgarsky2015",
        title="Telgarsky 2015",
        formula="prod (t n_l) for n_0 = 1 and units of t pieces: (t m)^L for L layers of m units",
        reference=f"{_PAPER}, Lemma 2.3 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.ONE_INPUT,),
        value=_value,
        remark="the paper counts affine pieces of the function; cuts of intervals give the same for activation regions",
    ),
)
