"""How bounds grow with depth or with width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitrail.bounds.architecture import Architecture
from vitrail.bounds.inputs import natural
from vitrail.bounds.registry import available
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need
from vitrail.bounds.values import log10_of
from vitrail.errors import InvalidOptionError
from vitrail.options import one_of

__all__ = ["Growth", "growth"]

_MOST_OPERATIONS, _MOST_WORDS = 200_000, 400_000_000


@dataclass(frozen=True)
class Growth:
    """Decimal logarithms of bounds along a row of networks.

    `along` is "layers" or "width", `sizes` are the numbers of layers or units. `series` has a row of logarithms for
    each bound by name, None where it does not apply or would take long; `kinds` says what each one bounds,
    `confidences` how sure it is.

    Example:
        >>> found = growth(1, 3, 2, along="layers", sizes=[1, 2])
        >>> [round(10**value) for value in found.series["serra2018"]]
        [4, 16]
    """

    along: str
    sizes: tuple[int, ...]
    series: dict[str, tuple[float | None, ...]]
    kinds: dict[str, BoundKind]
    confidences: dict[str, Confidence]


def growth(
    input_dimension: int,
    width: int,
    layers: int,
    *,
    along: str = "layers",
    sizes: Sequence[int] | None = None,
    activation: str = "relu",
    rank: int | None = None,
) -> Growth:
    """The bounds of fully connected networks of equal layers, for several depths or widths.

    Along "layers" the width is fixed and `sizes` are numbers of hidden layers, by default 1 to `layers`; along "width"
    the depth is fixed and sizes are widths, by default 1 to `width`.

    Raises:
        InvalidOptionError: numbers that are not positive integers, no sizes, or another word.

    Example:
        >>> sorted(growth(2, 4, 3, along="width", sizes=[4, 8]).series)[-1] in growth(2, 4, 3).kinds
        True
    """
    word = one_of("along", along, ["layers", "width"])
    inputs, units = natural("input_dimension", input_dimension, 1), natural("width", width, 1)
    depth = natural("layers", layers, 1)
    default = range(1, (depth if word == "layers" else units) + 1)
    steps = tuple(natural("sizes", size, 1) for size in (default if sizes is None else sizes))
    if not steps:
        raise InvalidOptionError("sizes: expected at least one, found none")
    settings = []
    for size in steps:
        hidden = [units] * size if word == "layers" else [size] * depth
        settings.append(Setting(Architecture.of([inputs, *hidden, 1], activation=activation, rank=rank)))
    series, kinds, confidences = {}, {}, {}
    for statement in available():
        if statement.needs != {Need.ARCHITECTURE}:
            continue
        row = tuple(
            None
            if setting.work > _MOST_WORDS or statement.failures(setting) or statement.cost(setting) > _MOST_OPERATIONS
            else log10_of(statement.value(setting))
            for setting in settings
        )
        if any(value is not None for value in row):
            series[statement.name], kinds[statement.name] = row, statement.kind
            confidences[statement.name] = statement.confidence
    return Growth(word, steps, series, kinds, confidences)
