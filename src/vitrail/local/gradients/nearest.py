"""Distances of points to the rows of each layer, as intervals, and the nearest row of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from vitrail.cells.batch import CutTable
from vitrail.engines.row_places import RowPlaces
from vitrail.local.gradients.columns import lengths_of
from vitrail.local.gradients.values import Values
from vitrail.numerics.filters import (
    ESTIMATE_OPERATIONS,
    EXACT_FORM_ROUNDING,
    LARGE,
    SMALLEST,
    UNIT_ROUNDOFF,
    VAGUE,
)

__all__ = ["Layer", "Nearest"]

_ABOVE, _BELOW = 1.0 + 8 * UNIT_ROUNDOFF, 1.0 - 8 * UNIT_ROUNDOFF


@dataclass(eq=False)
class Layer:
    """Distances of some points to the rows of one layer: (points, units), or (points, units, candidates).

    `values` are the best known, `lower` and `upper` proven for rows that are not constant; infinite where there is no
    row. `poor` says where a gradient may be zero, `vague` where its norm is not known well, and `gaps` with
    `gap_errors` are |z - b|.
    """

    table: CutTable
    gaps: np.ndarray
    gap_errors: np.ndarray
    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    poor: np.ndarray
    vague: np.ndarray
    winners: np.ndarray

    @classmethod
    def of(cls, number: int, table: CutTable, found: Values, norms: Tensor, norm_errors: Tensor) -> Layer:
        """From values and norms of gradients with their error bounds, (points or 1, units[, candidates])."""
        values, errors, pieces = found.values[number], found.errors[number], found.pieces[number]
        winners = pieces.astype(np.int64)
        if table.groups is None:
            gaps, off = _to_breakpoints(table.breakpoints, values, errors)
        else:
            gaps, off = _to_others(table.groups, winners, values, errors)
        length, wrong = norms.numpy(), norm_errors.numpy()
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            poor = ~((length > wrong) & (length + wrong < LARGE) & (off < LARGE)) & np.isfinite(gaps)
            vague = poor | (~(wrong <= VAGUE * length) & np.isfinite(gaps))
            lower = np.maximum((gaps - off) / (length + wrong) * _BELOW - SMALLEST, 0.0)
            upper = np.where(poor, np.inf, (gaps + off) / (length - wrong) * _ABOVE + SMALLEST)
            # without proof, what looks like rounding is taken for zero
            axes = tuple(range(1, length.ndim))
            few = ESTIMATE_OPERATIONS * (number + 1) * UNIT_ROUNDOFF * length.max(axis=axes, keepdims=True, initial=0.0)
            best = np.where(poor & ~(length > few), np.inf, gaps / length)
        lower, best, upper = (np.where(np.isfinite(gaps), part, np.inf) for part in (lower, best, upper))
        # no number: no bound
        lower = np.where(np.isnan(lower), 0.0, lower)
        return cls(table, gaps, off, np.where(np.isnan(best), np.inf, best), lower, upper, poor, vague, winners)

    def places(self, cell: int, asked: np.ndarray) -> RowPlaces:
        """The forms behind some rows of a point, all of them with the sign 1."""
        at = np.nonzero(asked)
        count = at[0].size
        rest = (np.zeros(count), np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.int64))
        cells = np.full(count, cell)
        if self.table.groups is None:
            return RowPlaces(cells, at[0], None, *rest)
        groups = self.table.groups
        return RowPlaces(cells, groups[at[0], self.winners[cell, at[0]]], groups[at], *rest)

    def without_constants(self, cell: int, asked: np.ndarray, reads: np.ndarray) -> RowPlaces | None:
        """Drop rows of a point that are constant by the wiring, from `asked` too; the places of the others, if any.

        `reads` (forms,) says which forms read the input.
        """
        if not asked.any():
            return None
        places = self.places(cell, asked)
        there = reads[places.plus] if places.minus is None else reads[places.plus] | reads[places.minus]
        self.drop(cell, asked, ~there)
        asked[tuple(part[~there] for part in np.nonzero(asked))] = False
        return self.places(cell, asked) if there.any() else None

    def drop(self, cell: int, asked: np.ndarray, constant: np.ndarray) -> None:
        """Some of a point's rows are constant: no boundary."""
        at = tuple(part[constant] for part in np.nonzero(asked))
        for array in (self.values, self.lower, self.upper):
            array[(cell, *at)] = np.inf
        self.poor[(cell, *at)] = self.vague[(cell, *at)] = False

    def replace(self, cell: int, asked: np.ndarray, norm: str, gradients: np.ndarray, moves: np.ndarray) -> None:
        """The gradients (rows, n) of some rows are these, rounded from exact ones, and some of them are not zero."""
        self.drop(cell, asked, ~moves)
        at = (cell, *(part[moves] for part in np.nonzero(asked)))
        size = np.abs(gradients[moves])
        if norm == "l2":
            length = lengths_of(size)
        else:
            length = size.sum(axis=1) if norm == "l1" else size.max(axis=1, initial=0.0)
        room = (EXACT_FORM_ROUNDING + (size.shape[1] + 8) * UNIT_ROUNDOFF) * length + SMALLEST
        gaps, off = self.gaps[at], self.gap_errors[at]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            self.values[at] = gaps / length
            self.lower[at] = np.maximum((gaps - off) / (length + room) * _BELOW - SMALLEST, 0.0)
            self.upper[at] = np.where(length > room, (gaps + off) / (length - room) * _ABOVE + SMALLEST, np.inf)
        self.poor[at] = self.vague[at] = ~(length > room)

    def by_unit(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values, lower and upper bounds of the nearest row of each unit, (points, units)."""
        if self.table.groups is None:
            return self.values, self.lower, self.upper
        return self.values.min(axis=2), self.lower.min(axis=2), self.upper.min(axis=2)


def _to_breakpoints(breakpoints: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gap between each value and its nearest breakpoint, which borders its piece, and bounds of the error."""
    gaps = np.full(values.shape, np.inf)
    for row in breakpoints:
        np.minimum(gaps, np.abs(values - row), out=gaps)
    return gaps, errors + UNIT_ROUNDOFF * np.where(np.isfinite(gaps), gaps, 0.0)


def _to_others(
    groups: np.ndarray, winners: np.ndarray, values: np.ndarray, errors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The gap between each winner and every other candidate; infinite for the winner itself and for none."""
    best = groups[np.arange(len(groups)), winners]
    others = np.maximum(groups, 0)
    gaps = np.abs(np.take_along_axis(values, best, axis=1)[:, :, None] - values[:, others])
    off = np.take_along_axis(errors, best, axis=1)[:, :, None] + errors[:, others]
    there = (groups >= 0) & (np.arange(groups.shape[1]) != winners[:, :, None])
    return np.where(there, gaps, np.inf), off + UNIT_ROUNDOFF * gaps


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest boundary of some points: see `distance.Distances`."""

    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    units: np.ndarray
    layers: np.ndarray
    unit_certain: np.ndarray
    by_layer: np.ndarray
    certified: np.ndarray

    @classmethod
    def of(
        cls, rows: Sequence[Layer], sides: tuple[np.ndarray, np.ndarray], proven: np.ndarray, settled: np.ndarray
    ) -> Nearest:
        """From the rows of all layers and the sides' distances with errors; `settled`: no gradient is in doubt."""
        slacks, wrong = sides
        low = [np.maximum(slacks * _BELOW - wrong, 0.0)]
        best, high = [slacks], [slacks * _ABOVE + wrong]
        by_layer = np.full((len(slacks), len(rows)), np.inf)
        for number, layer in enumerate(rows):
            values, lower, upper = layer.by_unit()
            best.append(values)
            low.append(lower)
            high.append(upper)
            by_layer[:, number] = values.min(axis=1, initial=np.inf)
        values, lower, upper = (np.concatenate(part, axis=1) for part in (best, low, high))
        first = np.cumsum([slacks.shape[1], *(part.shape[1] for part in best[1:])])
        nothing = np.full((len(slacks), 1), np.inf)
        # sides first: where a unit is as near as a side, the side is named
        values, lower, upper = (np.concatenate([part, nothing], axis=1) for part in (values, lower, upper))
        at = values.argmin(axis=1)
        each = np.arange(len(at))
        value, top = values[each, at], upper.min(axis=1)
        bottom = lower.min(axis=1)
        own_low = lower[each, at].copy()
        lower[each, at] = np.inf
        second = lower.min(axis=1)
        lower[each, at] = own_low
        is_side = at < slacks.shape[1]
        layers = np.where(is_side, -1, np.searchsorted(first, at, side="right") - 1)
        layers = np.where(np.isfinite(value), layers, -2)
        certified = proven & settled
        return cls(
            value,
            np.where(proven, bottom, 0.0),
            np.where(proven, top, np.inf),
            np.where(is_side, -1 - at, at - slacks.shape[1]),
            layers,
            certified & (upper[each, at] < second) & np.isfinite(value),
            by_layer,
            certified,
        )
