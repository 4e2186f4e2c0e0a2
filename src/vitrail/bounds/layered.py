"""The recursion over layers behind most upper bounds: how often a cell is cut, and how flat its image becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from flint import fmpz

from vitrail.bounds.combinatorics import binomial_row, cells_of_families, cells_up_to, partial_sums

__all__ = ["Stage", "layered_bound"]


@dataclass(frozen=True)
class Stage:
    """What one layer of units can do to a cell of the layers before it.

    `families` says how many of its units (second) can switch between how many pieces more than one (first), as pairs.
    `steady` units never switch and are not constant. `switched_off`: every unit that can switch has two pieces, one of
    them constant (ReLU). `bottleneck`: all that comes later sees the input through this layer alone. `reach` bounds the
    dimension of what this layer reads, for reasons of wiring and ranks; None for no bound.

    Example:
        >>> Stage(((1, 3),), switched_off=True).switching
        3
    """

    families: tuple[tuple[int, int], ...]
    steady: int = 0
    switched_off: bool = False
    bottleneck: bool = True
    reach: int | None = None

    @property
    def switching(self) -> int:
        """How many units can switch."""
        return sum(units for extra, units in self.families if extra > 0)


def layered_bound(stages: Sequence[Stage], dimension: int) -> int:
    """An upper bound on the activation regions of layers in a domain of a dimension.

    On a cell of the layers before it a layer of units is cut by hyperplanes of a space of d dimensions, d the dimension
    of what it reads; behind a ReLU layer d is at most the number of units that are not off. That is the theorem of
    Serra, Tjandraatmadja and Ramalingam (2018, Theorem 1) where all layers are of ReLU, and Montufar's (2017) where a
    layer has no constant pieces. 1 for no stages.

    Example:
        >>> relu = [Stage(((1, width),), switched_off=True) for width in (2, 2)]
        >>> layered_bound(relu, 2), layered_bound([Stage(((1, 2),)), Stage(((1, 2),))], 2)
        (11, 16)
    """
    return _layered(tuple(stages), dimension)


@lru_cache(maxsize=4096)
def _layered(stages: tuple[Stage, ...], dimension: int) -> int:
    if _never_flat(stages, dimension):
        return 1 << sum(stage.switching for stage in stages)
    if not any(stage.switched_off and stage.bottleneck for stage in stages):
        return _product(stages, dimension)
    # GMP's integers multiply large numbers faster than Python's
    values = [fmpz(1)] * (dimension + 1)
    for stage in reversed(stages):
        values = _backwards(stage, values)
    return int(values[dimension])


def _never_flat(stages: Sequence[Stage], dimension: int) -> bool:
    """Whether no dimension limits anything: every pattern of two-piece units is possible as far as this bound knows."""
    room = dimension
    for stage in stages:
        room = room if stage.reach is None else min(room, stage.reach)
        if room < stage.switching or any(extra > 1 for extra, _ in stage.families):
            return False
        if stage.bottleneck:
            room = min(room, stage.steady)
    return True


def _product(stages: Sequence[Stage], dimension: int) -> int:
    """The bound where the dimension behind a layer does not depend on which of its units are on."""
    room, total = dimension, 1
    for stage in stages:
        reach = room if stage.reach is None else min(room, stage.reach)
        total *= cells_of_families(dict(stage.families), reach)
        if stage.bottleneck:
            room = min(reach, stage.switching + stage.steady)
    return total


def _backwards(stage: Stage, after: list[fmpz]) -> list[fmpz]:
    """The bounds for dimensions 0, ..., D before a stage from those behind it."""
    top = len(after) - 1
    reach = top if stage.reach is None else min(stage.reach, top)
    units, steady = stage.switching, stage.steady
    if not stage.bottleneck:
        # later layers see past this one: what it reads may be flat, what they read need not be
        cells = cells_up_to(dict(stage.families), reach)
        return [cells[min(d, reach)] * after[d] for d in range(top + 1)]
    if not stage.switched_off:
        cells, live = cells_up_to(dict(stage.families), reach), units + steady
        found = [cells[d] * after[min(d, live)] for d in range(reach + 1)]
    else:
        found = _switched_off(units, steady, after, reach)
    return found + [found[-1]] * (top - reach)


def _switched_off(units: int, steady: int, after: list[fmpz], reach: int) -> list[fmpz]:
    """Sums over the number j of units that are off, C(units, j) after[min(d, steady + units - j)] for j <= d.

    Up to j = steady + units - d the dimension stays d, and the binomials are summed once for all; beyond, the terms
    depend on j alone, and their partial sums serve every d.
    """
    row, sums = binomial_row(units, reach), partial_sums(units, reach)
    live = steady + units
    # no d needs a term before this one
    low = min(max(live - reach + 1, 0), len(row))
    terms = [term * after[min(live - j, len(after) - 1)] for j, term in enumerate(row[low : reach + 1], start=low)]
    tails: list[fmpz] = [fmpz(0), *accumulate(terms)]
    found: list[fmpz] = []
    for d in range(reach + 1):
        last, kept = min(d, units), live - d
        if kept >= last:
            found.append(sums[last] * after[min(d, live)])
        elif kept < 0:
            found.append(tails[last + 1 - low])
        else:
            found.append(sums[kept] * after[d] + tails[last + 1 - low] - tails[kept + 1 - low])
    return found
