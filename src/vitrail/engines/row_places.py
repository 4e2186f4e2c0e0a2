"""Which forms of an op bound the region of a pattern, and what the hyperplanes are called: indices, no geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrail.cells.batch import CutTable
from vitrail.network.graph import Graph, piecewise_op
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import Maximum
from vitrail.patterns import PatternLayout, bits_for

__all__ = ["RowPlaces", "layout_of", "places_of", "tables_of"]


@dataclass(frozen=True)
class RowPlaces:
    """Rows of one op on some cells: row i is signs * (form `plus` - form `minus` - `levels`), not negative on its cell.

    All have shape (rows,). `minus` is None where a breakpoint takes its place, which is in `levels`, else 0.
    `numbers` are the hyperplanes' numbers, as `CutTable` gives them.
    """

    cells: np.ndarray
    plus: np.ndarray
    minus: np.ndarray | None
    levels: np.ndarray
    numbers: np.ndarray
    signs: np.ndarray


def places_of(table: CutTable, pieces: np.ndarray) -> RowPlaces:
    """The rows of cells with these pieces (cells, units) of one op.

    A unit is at least the breakpoint below its piece, and at most the one above it; the winner of a maximum is at least
    every other candidate.

    Example:
        >>> table = CutTable(np.array([[0.0, -1.0], [np.inf, 1.0]]), None, np.zeros((1, 2, 2)), 0, 2)
        >>> rows = places_of(table, np.array([[0, 1]]))
        >>> rows.plus.tolist(), rows.levels.tolist(), rows.signs.tolist(), rows.numbers.tolist()
        ([1, 0, 1], [-1.0, 0.0, 1.0], [1, -1, -1], [1, 0, 3])
    """
    return _by_breakpoints(table, pieces) if table.groups is None else _by_winner(table.groups, table.first_row, pieces)


def _by_breakpoints(table: CutTable, pieces: np.ndarray) -> RowPlaces:
    limits = np.concatenate([table.breakpoints, np.full((1, table.units), np.inf)])
    chosen, unit = pieces.astype(np.int64), np.arange(table.units)
    below, above = np.nonzero(chosen > 0), np.nonzero(np.isfinite(limits[chosen, unit]))
    cells, units = (np.concatenate([a, b]) for a, b in zip(below, above, strict=True))
    places = np.concatenate([chosen[below] - 1, chosen[above]])
    signs = np.repeat([1, -1], [below[0].size, above[0].size])
    numbers = table.first_row + places * table.units + units
    return RowPlaces(cells, units, None, table.breakpoints[places, units], numbers, signs)


def _by_winner(groups: np.ndarray, first_row: int, pieces: np.ndarray) -> RowPlaces:
    width, winners = groups.shape[1], pieces.astype(np.int64)
    cells, units, others = np.nonzero((groups >= 0) & (np.arange(width) != winners[:, :, None]))
    winner = winners[cells, units]
    numbers = first_row + (units * width + winner) * width + others
    ones = np.ones(cells.size, dtype=np.int64)
    return RowPlaces(cells, groups[units, winner], groups[units, others], np.zeros(cells.size), numbers, ones)


def tables_of(graph: Graph) -> tuple[CutTable, ...]:
    """The decisions of each piecewise-linear op, with the numbers of `plan.make_plan` and without bounds.

    Example:
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> [table.first_row for table in tables_of(graph_from_arrays([[[1.0], [2.0]], [[1.0, 1.0]], [[1.0]]]))]
        [0, 2]
    """
    tables: list[CutTable] = []
    first_row = 0
    for node in graph.piecewise:
        op = piecewise_op(graph, node)
        breakpoints = op.breakpoints if isinstance(op, Elementwise) else np.zeros((0, 0))
        groups = op.candidates if isinstance(op, Maximum) else None
        tables.append(CutTable(breakpoints, groups, np.zeros((0, 0, 0)), first_row, bits_for(op.pieces)))
        first_row += tables[-1].hyperplanes
    return tuple(tables)


def layout_of(tables: Sequence[CutTable]) -> PatternLayout:
    """Where the pieces of each op lie in packed patterns."""
    return PatternLayout(tuple(table.units for table in tables), tuple(table.bits for table in tables))
