"""Rows of one region: gradients and values with bounds of their errors, and the halfspaces they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrail.cells.batch import CutTable
from vitrail.engines.row_places import RowPlaces
from vitrail.local.gradients.columns import lengths_of
from vitrail.local.gradients.norms import Norms
from vitrail.local.gradients.values import Values
from vitrail.numerics.filters import (
    ESTIMATE_OPERATIONS,
    EXACT_FORM_ROUNDING,
    LARGE,
    PROOF_ROOM,
    SMALLEST,
    UNIT_ROUNDOFF,
    gamma,
)

__all__ = ["Rows"]


@dataclass(eq=False)
class Rows:
    """Rows of one region before they are scaled: gradients g and values r >= 0 at the point, both with error bounds.

    `errors` bounds the norm of each gradient's error and of the error of its norm `lengths`; `starts` is where each
    layer begins.
    """

    gradients: np.ndarray
    lengths: np.ndarray
    errors: np.ndarray
    values: np.ndarray
    value_errors: np.ndarray
    layers: np.ndarray
    starts: np.ndarray
    constant: np.ndarray

    @classmethod
    def of(
        cls,
        tables: Sequence[CutTable],
        places: Sequence[RowPlaces],
        gradients: Sequence[np.ndarray],
        norms: Norms,
        found: Values,
        cell: int,
    ) -> Rows:
        """The rows at `places` with these gradients, of the point number `cell` of `found`."""
        bounds = norms.finished(norms.basis.graph.output)
        errors, values, value_errors = [], [], []
        for number, own in enumerate(places):
            value, off = found.values[number][cell], found.errors[number][cell]
            spread = bounds[number][1][0 if len(bounds[number][1]) == 1 else cell].numpy()
            if own.minus is None:
                difference = own.signs * (value[own.plus] - own.levels)
                errors.append(spread[own.plus])
                value_errors.append(off[own.plus] + UNIT_ROUNDOFF * np.abs(difference))
            else:
                difference = value[own.plus] - value[own.minus]
                others = (own.numbers - tables[number].first_row) % spread.shape[1]
                errors.append(spread[tables[number].unit_of(own.numbers), others])
                value_errors.append(off[own.plus] + off[own.minus] + UNIT_ROUNDOFF * np.abs(difference))
            values.append(difference)
        none = np.zeros(0)
        sizes = [own.cells.size for own in places]
        matrix = np.concatenate([np.zeros((0, norms.basis.columns)), *gradients])
        return cls(
            matrix,
            lengths_of(matrix),
            np.concatenate([none, *errors]),
            np.concatenate([none, *values]),
            np.concatenate([none, *value_errors]),
            np.repeat(np.arange(len(sizes)), sizes),
            np.cumsum([0, *sizes]),
            np.zeros(len(matrix), dtype=bool),
        )

    def replace(self, rows: np.ndarray, gradients: np.ndarray, moves: np.ndarray) -> None:
        """Exact gradients of some rows, rounded; those that are zero are constant."""
        self.gradients[rows] = gradients
        self.lengths[rows] = lengths_of(gradients)
        room = EXACT_FORM_ROUNDING + (gradients.shape[1] + 8) * UNIT_ROUNDOFF
        self.errors[rows] = room * self.lengths[rows] + SMALLEST
        self.constant[rows] = ~moves

    def guess(self, rows: np.ndarray) -> None:
        """Without proof, take gradients that look like rounding for zero, and give up the bounds of the others."""
        for layer in np.unique(self.layers[rows]).tolist():
            own = rows[self.layers[rows] == layer]
            largest = self.lengths[self.layers == layer].max(initial=0.0)
            few = ESTIMATE_OPERATIONS * (layer + 1) * UNIT_ROUNDOFF * largest
            self.constant[own] = ~(self.lengths[own] > few)
            self.errors[own] = np.inf

    def scaled(self, kept: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Outward unit normals, offsets, and bounds of the errors of both."""
        lengths, errors = self.lengths[kept], self.errors[kept]
        # values of open units that were decided are not negative; rounding may leave them below
        values, off = np.maximum(self.values[kept], 0.0), self.value_errors[kept]
        normals = -self.gradients[kept] / lengths[:, None]
        inner = normals @ point
        slacks = values / lengths
        offsets = inner + slacks
        with np.errstate(divide="ignore", invalid="ignore"):
            least = lengths - errors
            usable = (least > 0) & (lengths < LARGE) & (off < LARGE)
            normal_errors = (errors / least + gamma(point.size + 8)) * PROOF_ROOM
            spread = (values + off) / least - values / (lengths + errors) + off / least
        size = np.linalg.norm(point)
        offset_errors = normal_errors * size + gamma(point.size + 4) * size + spread
        offset_errors = (offset_errors + 4 * UNIT_ROUNDOFF * (np.abs(inner) + slacks)) * PROOF_ROOM
        return (
            normals,
            offsets,
            np.where(usable, normal_errors, np.inf),
            np.where(usable, offset_errors, np.inf),
        )
