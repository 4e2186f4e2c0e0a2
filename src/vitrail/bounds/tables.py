"""All bounds that apply to a network or an architecture, side by side with the exact count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vitrail.bounds.architecture import Architecture
from vitrail.bounds.bounds_table import BoundsTable, LeftOut, on_expectation
from vitrail.bounds.registry import BoundValue, available
from vitrail.bounds.setting import Constants, Setting
from vitrail.bounds.statement import Statement
from vitrail.count import Count
from vitrail.errors import InvalidOptionError, VitrailError
from vitrail.options import one_of, positive_number
from vitrail.status import Definition

if TYPE_CHECKING:
    from vitrail.domains import Domain
    from vitrail.network.network import Network

__all__ = ["table"]

_MOST_OPERATIONS = 2_000_000
_MOST_WORDS = 4_000_000_000
_FEW, _PLANE, _MOST_REGIONS = 20_000, 2, 500_000


def table(
    target: str | Sequence[int] | Architecture | Setting | Network,
    domain: Domain | None = None,
    *,
    activation: str = "relu",
    rank: int | None = None,
    definition: str = "activation",
    constants: Constants | None = None,
    count: Count | str | None = "affordable",
    time_limit: float = 5.0,
) -> BoundsTable:
    """All bounds on the number of regions that apply to a target, in order.

    `target` is widths ("784-100-100-10" or integers: input, hidden layers, output; with `activation` and `rank` as in
    `Architecture.of`), an architecture, a setting, or a network, whose weights are used too. On a `domain` of fewer
    dimensions than the input has, bounds are those of networks that read its coordinates; on a bounded domain of all
    dimensions those of the whole space. With `constants` of a distribution, bounds on expectations are listed as well.

    `count` is put beside them: a count (of the same definition), None for none, or "affordable", which counts the
    regions of a network on lines, in planes and where the bounds promise at most 20,000, within `time_limit` seconds.

    Raises:
        InvalidOptionError: widths, activation, rank or definition that are none; a domain without a network.
        InvalidDomainError: a domain that does not fit the network's input.

    Example:
        >>> found = table("784-100-100-10")
        >>> found.tightest_upper.name, round(found.tightest_upper.log10, 2), found.tightest_lower is None
        ('serra2018', 59.93, False)
        >>> table([1, 3, 3, 1])["serra2018_one_input"].value
        16
    """
    counted = Definition(one_of("definition", definition, [word.value for word in Definition]))
    setting, net = _resolve(target, domain, activation, rank)
    if constants is not None:
        setting = replace(setting, constants=constants)
    rows, left_out = _evaluate(setting, counted)
    found = BoundsTable(setting, counted, tuple(rows), tuple(left_out))
    if isinstance(count, str):
        one_of("count", count, ["affordable"])
        return found if net is None else _affordable(found, net, domain, positive_number("time_limit", time_limit))
    if count is None or isinstance(count, Count):
        return replace(found, count=count)
    raise InvalidOptionError(f"count: expected a Count, None or 'affordable', found {count!r}")


def _resolve(
    target: str | Sequence[int] | Architecture | Setting | Network,
    domain: Domain | None,
    activation: str,
    rank: int | None,
) -> tuple[Setting, Network | None]:
    if isinstance(target, np.ndarray):
        target = target.tolist()
    if isinstance(target, Architecture | Setting | str | Sequence):
        if domain is not None:
            raise InvalidOptionError(
                "domain: goes with a network, found an architecture alone; for a plane give widths that start with 2"
            )
        if isinstance(target, Setting):
            return target, None
        if not isinstance(target, Architecture):
            target = Architecture.of(target, activation=activation, rank=rank)
        return Setting(target), None
    from vitrail.bounds.from_network import setting_of
    from vitrail.network.network import Network

    if not isinstance(target, Network):
        raise InvalidOptionError(
            f"target: expected widths such as '784-100-10', an architecture, a setting or a network, found {target!r}"
        )
    return setting_of(target, domain), target


def _evaluate(setting: Setting, definition: Definition) -> tuple[list[BoundValue], list[LeftOut]]:
    rows, left_out = [], []
    for statement in available():
        reason = _reason(statement, setting, definition)
        if reason is None:
            rows.append(BoundValue(statement, statement.value(setting), setting, definition))
        else:
            left_out.append(LeftOut(statement, reason))
    return sorted(rows, key=lambda row: (on_expectation(row), row.value, row.kind.above)), left_out


def _reason(statement: Statement, setting: Setting, definition: Definition) -> str | None:
    """Why a bound is not in the table; None where it is."""
    if statement.kind_for(definition) is None:
        return f"{statement.kind.value} on {statement.counts.value} regions says nothing about {definition.value} ones"
    failures = statement.failures(setting)
    if failures:
        return "; ".join(failures)
    if setting.work > _MOST_WORDS:
        return f"about {setting.work:.0e} words of large integers to multiply; ask for fewer units, inputs or layers"
    cost = statement.cost(setting)
    if cost > _MOST_OPERATIONS:
        return f"about {cost:,} products of large integers; vitrail.bounds.evaluate computes it"
    return None


def _affordable(found: BoundsTable, net: Network, domain: Domain | None, time_limit: float) -> BoundsTable:
    """The table with the count beside it where that can be had; the bounds stand without it."""
    from vitrail.domains import Space
    from vitrail.search import count_regions

    upper = found.tightest_upper
    few = upper is not None and upper.value <= _FEW
    if not few and found.setting.input_dimension > _PLANE:
        return found
    whole = Space(net.input_shape) if domain is None else domain
    try:
        count = count_regions(net, whole, found.definition, max_regions=_MOST_REGIONS, time_limit=time_limit)
    except VitrailError as error:
        return replace(found, count_note=str(error).partition("\n")[0])
    return replace(found, count=count)
