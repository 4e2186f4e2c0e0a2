"""The patterns of the regions beyond facets, from forms alone: no point of a facet is ever computed.

A row that is not a multiple of the facet's own form keeps its sign near an inner point of the facet, because the
network is continuous and no hyperplane of another row contains the facet. What vanishes on the facet, or on the whole
region, is decided stage by stage from its form along the neighbor's pattern so far. That form vanishes on the facet as
well, so it is a multiple c of the facet's form, which is negative beyond: -c is its sign there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrail.engines.along import Along, Deciding
from vitrail.engines.cell_rows import Groups, RegionRows
from vitrail.engines.exact_forms import batch_size
from vitrail.engines.plan import Plan
from vitrail.patterns import pack

__all__ = ["Neighbors", "neighbors_across"]


@dataclass(frozen=True)
class Neighbors:
    """Packed patterns beyond some facets, (facets, words); `open` signs had no proof, beyond the facets `doubted`."""

    words: np.ndarray
    open: int
    doubted: np.ndarray


@dataclass(frozen=True)
class _Vanishing:
    """Rows that vanish on facets: the facet (its place among those asked about) and the hyperplane of each."""

    facets: np.ndarray
    numbers: np.ndarray
    signs: np.ndarray


def neighbors_across(
    along: Along, words: np.ndarray, rows: RegionRows, groups: Groups, facets: np.ndarray
) -> Neighbors:
    """The patterns beyond `facets`, numbers of groups none of which is a side of the domain.

    `words` (cells, words) are the patterns of the cells that the rows belong to.
    """
    plan, first = rows.plan, groups.first[facets]
    cells, stages = rows.cells[first], plan.stage_of(rows.numbers[first])
    # what vanishes on a whole region stays so beyond a facet of its own stage, or of a later one
    last_zero = np.full(len(words), -1)
    np.maximum.at(last_zero, rows.zero[:, 0], plan.stage_of(rows.zero[:, 1]))
    several = (groups.sizes[facets] > 1) | (last_zero[cells] > stages)
    result, is_open, doubted = words[cells], 0, [np.zeros(0, dtype=np.int64)]
    for stage in np.unique(stages[~several]).tolist():
        own = np.flatnonzero(~several & (stages == stage))
        _flip(plan, stage, result, own, rows.numbers[first[own]], rows.signs[first[own]])
    left = np.flatnonzero(several)
    # a facet costs as much as a cell
    size = batch_size(max((stage.width for stage in plan.stages), default=1), rows.values.shape[1] - 1)
    for part in np.split(left, np.arange(size, left.size, size)) if left.size else []:
        found = _decide(along, result[part], rows, groups, facets[part])
        result[part] = found.words
        is_open += found.open
        doubted.append(part[found.doubted])
    return Neighbors(result, is_open, np.concatenate(doubted))


def _flip(plan: Plan, stage: int, words: np.ndarray, own: np.ndarray, numbers: np.ndarray, signs: np.ndarray) -> None:
    """Put what is beyond their one hyperplane into the words of some facets."""
    table = plan.stages[stage].table
    offsets = numbers - table.first_row
    if table.groups is None:
        places, units = np.divmod(offsets, table.units)
        pieces = places + (signs < 0)
    else:
        units, pieces = offsets // table.groups.shape[1] ** 2, offsets % table.groups.shape[1]
    bits = table.bits
    places, shifts = np.divmod(units * bits, 64)
    places += plan.layout.slice_of(stage).start
    mask = np.uint64(2**bits - 1) << shifts.astype(np.uint64)
    fields = words.view(np.uint64)
    fields[own, places] = fields[own, places] & ~mask | pieces.astype(np.uint64) << shifts.astype(np.uint64)


def _decide(along: Along, words: np.ndarray, rows: RegionRows, groups: Groups, facets: np.ndarray) -> Neighbors:
    """The patterns beyond facets on which several rows vanish, stage by stage; `words` are those of the regions."""
    plan = rows.plan
    first = groups.first[facets]
    # where the facet's form is steepest its sign is beyond doubt
    steepest = 1 + np.abs(rows.values[first, 1:]).argmax(axis=1)
    falling = -np.sign(rows.values[first, steepest]).astype(np.int64)
    vanishing = _vanishing(rows, groups, facets)
    at_stage = plan.stage_of(vanishing.numbers)
    live, is_open, doubted = along.start(facets.size), 0, np.zeros(facets.size, dtype=bool)
    result = words.copy()
    for number, stage in enumerate(plan.stages):
        own = plan.layout.slice_of(number)
        pieces = plan.layout.unpack_stage(np.ascontiguousarray(words[:, own]), number).astype(np.int64)
        asked = np.flatnonzero(at_stage == number)
        if asked.size:
            deciding = along.deciding(number, live)
            own_rows = _Vanishing(*(part[asked] for part in (vanishing.facets, vanishing.numbers, vanishing.signs)))
            unproven = (_by_breakpoints if stage.table.groups is None else _by_winner)(
                deciding, own_rows, steepest, falling, pieces
            )
            is_open += len(unproven)
            doubted[unproven] = True
            result[:, own] = pack(pieces, stage.table.bits)
        if (at_stage > number).any():
            live = along.carry(number, live, pieces)
    return Neighbors(result, is_open, np.flatnonzero(doubted))


def _vanishing(rows: RegionRows, groups: Groups, facets: np.ndarray) -> _Vanishing:
    """What vanishes on each facet: the rows of its group, and those that are 0 on its whole region."""
    place = np.full(groups.first.size, -1)
    place[facets] = np.arange(facets.size)
    members = np.flatnonzero(place[groups.of] >= 0)
    by_cell = np.argsort(rows.zero[:, 0], kind="stable")
    cells = rows.cells[groups.first[facets]]
    low, high = (np.searchsorted(rows.zero[by_cell, 0], cells, side=side) for side in ("left", "right"))
    counts = high - low
    owners = np.repeat(np.arange(facets.size), counts)
    within = np.arange(owners.size) - np.repeat(np.cumsum(counts) - counts, counts)
    zero = rows.zero[by_cell[np.repeat(low, counts) + within]]
    return _Vanishing(
        np.concatenate([place[groups.of[members]], owners]),
        np.concatenate([rows.numbers[members], zero[:, 1]]),
        np.concatenate([rows.signs[members], zero[:, 2]]),
    )


def _by_breakpoints(
    deciding: Deciding, rows: _Vanishing, steepest: np.ndarray, falling: np.ndarray, pieces: np.ndarray
) -> list[int]:
    """Write the pieces of units one of whose breakpoints is met; the facets where one had no proof."""
    table = deciding.table
    places, units = np.divmod(rows.numbers - table.first_row, table.units)
    values, unproven = deciding.column(rows.facets, steepest[rows.facets], units)
    above = np.array([(value > 0) - (value < 0) for value in values], dtype=np.int64) * falling[rows.facets] > 0
    # a form that is zero beyond is in the lower piece
    pieces[rows.facets, units] = places + above
    return rows.facets[unproven].tolist()


def _by_winner(
    deciding: Deciding, rows: _Vanishing, steepest: np.ndarray, falling: np.ndarray, pieces: np.ndarray
) -> list[int]:
    """Write the winners of groups whose candidates tie on a facet: the first of those that are largest beyond."""
    groups = deciding.table.groups
    if groups is None:
        raise TypeError("expected a table of groups, found one of breakpoints")
    width = groups.shape[1]
    units, pairs = np.divmod(rows.numbers - deciding.table.first_row, width * width)
    tied: dict[tuple[int, int], set[int]] = {}
    for facet, unit, pair in zip(rows.facets.tolist(), units.tolist(), pairs.tolist(), strict=True):
        tied.setdefault((facet, unit), set()).update(divmod(pair, width))
    unproven: list[int] = []
    for (facet, unit), candidates in tied.items():
        order = np.array(sorted(candidates))
        at = np.full(order.size, facet)
        values, doubts = deciding.column(at, steepest[at], groups[unit, order])
        slopes = [int(falling[facet]) * value for value in values]
        pieces[facet, unit] = order[slopes.index(max(slopes))]
        unproven += [facet] * bool(doubts.any())
    return unproven
