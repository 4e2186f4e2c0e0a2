"""Exact forms along cells' patterns, and the exact cells that they and the facets' hyperplanes make."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch

from vitrail.cells.batch import CutTable
from vitrail.cells.exact import ExactCell
from vitrail.engines.kinds import KINDS, FacetForms
from vitrail.engines.plan import Plan
from vitrail.engines.roots import Roots
from vitrail.network.exact import deciding_forms, exact_forms
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Form, to_form
from vitrail.status import Arithmetic, Cells

__all__ = ["ExactForms", "StageForms", "batch_size"]

_BATCH_BYTES = 2**25
_DIGITS = 16
"""Digits that forms are expected to have, to size a batch."""


@dataclass(frozen=True)
class StageForms:
    """The exact forms that decide one stage on a batch of cells: (cells, k + 1, forms)."""

    table: CutTable
    forms: Fixed

    @cached_property
    def rounded(self) -> np.ndarray:
        """The forms as float64, each within `EXACT_FORM_ROUNDING` of itself."""
        return self.forms.to_floats().numpy()

    @cached_property
    def _breakpoints(self) -> tuple[np.ndarray, int]:
        """Breakpoints as integers, flat; and the place of the unit of these and of the forms."""
        points = np.where(np.isfinite(self.table.breakpoints), self.table.breakpoints, 0.0)
        numbers = Fixed.from_floats(torch.from_numpy(points.reshape(-1)))
        low = min(numbers.exponent, self.forms.exponent)
        return numbers.integers(low), low

    def _integers(self, cells: np.ndarray, entries: np.ndarray) -> np.ndarray:
        """Forms of some (cell, entry) pairs as Python integers, shape (pairs, k + 1)."""
        digits = self.forms.digits.numpy()[:, cells, :, entries]  # the pairs come first
        return self.forms.with_digits(torch.from_numpy(digits).movedim(0, 1)).integers(self._breakpoints[1])

    def rows(self, cells: np.ndarray, rows: np.ndarray) -> list[Form]:
        """The forms of hyperplanes `rows`, one for each of `cells`."""
        offsets = rows - self.table.first_row
        if self.table.groups is None:
            breakpoints, _ = self._breakpoints
            values = self._integers(cells, offsets % self.table.units)
            values[:, 0] -= breakpoints[offsets]
        else:
            width = self.table.groups.shape[1]
            groups, pairs = np.divmod(offsets, width * width)
            winners, others = np.divmod(pairs, width)
            values = self._integers(cells, self.table.groups[groups, winners])
            values = values - self._integers(cells, self.table.groups[groups, others])
        return [to_form(row) for row in values]

    def candidates(self, cells: np.ndarray, entries: np.ndarray) -> list[Form]:
        """The forms of candidates `entries`, one for each of `cells`."""
        return [to_form(row) for row in self._integers(cells, entries)]


@dataclass(frozen=True)
class _Recent:
    """The forms of the last batch of cells: their keys, and how many stages and words of pattern these cover."""

    keys: list[bytes]
    stages: int
    words: int
    forms: dict[int, Fixed]


@dataclass(frozen=True)
class _Known:
    """Forms of the nodes of some first stages, and which row of these belongs to each cell."""

    forms: dict[int, Fixed]
    rows: np.ndarray
    stages: int


def _keys(frames: np.ndarray, history: np.ndarray) -> list[bytes]:
    """What tells cells apart: the frame and the packed pieces so far."""
    return [row.tobytes() for row in np.concatenate([frames[:, None], history], axis=1)]


def batch_size(entries: int, dimension: int) -> int:
    """Cells at a time where each has so many entries of forms of this dimension, at least 1.

    Example:
        >>> batch_size(64, 2), batch_size(10**7, 2)
        (1365, 1)
    """
    return max(1, _BATCH_BYTES // (8 * _DIGITS * (dimension + 1) * entries))


class ExactForms:
    """Exact forms of the cells of one search; those of the last batch are continued for its children."""

    def __init__(self, plan: Plan, roots: Roots) -> None:
        """For one search."""
        self.plan = plan
        self.roots = roots
        self._memory = threading.local()

    @property
    def batch(self) -> int:
        """Cells at a time: what their exact forms may take of memory."""
        return batch_size(max((stage.width for stage in self.plan.stages), default=1), self.roots.dimension)

    def along(self, frames: np.ndarray, history: np.ndarray) -> dict[int, Fixed]:
        """Exact forms of all nodes on cells with these frames and packed pieces of the first stages."""
        layout, patterns, start = self.plan.layout, [], 0
        for number in range(len(self.plan.stages)):
            width = self.plan.stages[number].table.words
            if start + width > history.shape[1]:
                break
            patterns.append(layout.unpack_stage(np.ascontiguousarray(history[:, start : start + width]), number))
            start += width
        known = self._known(frames, history)
        forms = exact_forms(self.plan.graph, known.forms, known.rows, patterns[known.stages :])
        self._memory.recent = _Recent(_keys(frames, history), len(patterns), start, forms)
        return forms

    def _known(self, frames: np.ndarray, history: np.ndarray) -> _Known:
        """What to start from: the cells before, if they are the parents of these, as depth-first search makes likely.

        Else the nodes before the first piecewise op.
        """
        recent: _Recent | None = getattr(self._memory, "recent", None)
        if recent is not None and recent.words <= history.shape[1]:
            rows = {key: row for row, key in enumerate(recent.keys)}
            found = [rows.get(key, -1) for key in _keys(frames, history[:, : recent.words])]
            if -1 not in found:
                return _Known(recent.forms, np.array(found), recent.stages)
        used, rows_of = np.unique(frames, return_inverse=True)
        before: tuple[np.ndarray, dict[int, Fixed]] | None = getattr(self._memory, "prologue", None)
        if before is None or not np.array_equal(before[0], used):
            roots = {0: self.roots.only(used).exact()}
            before = used, exact_forms(self.plan.graph, roots, np.arange(used.size), ())
            self._memory.prologue = before  # cells of one frame follow each other
        return _Known(before[1], rows_of, 0)

    def stage(self, number: int, forms: dict[int, Fixed]) -> StageForms:
        """The forms that decide a stage."""
        stage = self.plan.stages[number]
        return StageForms(stage.table, deciding_forms(self.plan.graph, stage.node, forms))

    def facet_forms(
        self, labels: Sequence[Sequence[tuple[int, int]]], frames: np.ndarray, forms: dict[int, Fixed]
    ) -> list[list[Form]]:
        """The exact form of each facet of each cell, from its hyperplane and cut; `forms` along the cells' patterns.

        They are not negative inside.
        """
        owners = np.repeat(np.arange(len(labels)), [len(own) for own in labels])
        rows = np.array([row for own in labels for row, _ in own], dtype=np.int64)
        cuts = np.array([cut for own in labels for _, cut in own], dtype=np.int64)
        facets: list[Form] = [()] * rows.size
        stages = self.plan.stage_of(rows)
        for stage in np.unique(stages[stages >= 0]):
            at = np.flatnonzero(stages == stage)
            found = self.stage(int(stage), forms).rows(owners[at], rows[at])
            # a unit's hyperplane has the number of its row on both sides, a winner's one of its own
            turned = cuts[at] & 1 if self.plan.stages[stage].table.groups is None else np.zeros_like(at)
            for place, form, minus in zip(at, found, turned, strict=True):
                facets[place] = tuple(-c for c in form) if minus else form
        sides = {int(frame): self.roots.side_forms(int(frame)) for frame in np.unique(frames)}
        for place in np.flatnonzero(rows < 0):
            facets[place] = sides[int(frames[owners[place]])][-1 - rows[place]]
        if self.plan.cells is Cells.INTERVALS:
            # ends have no cuts that tell the side: the form of the low one rises, that of the high one falls
            facets = [
                tuple(-c for c in form) if form[1] * (-1) ** (place % 2) < 0 else form
                for place, form in enumerate(facets)
            ]
        ends = np.cumsum([0, *(len(own) for own in labels)]).tolist()
        return [facets[a:b] for a, b in pairwise(ends)]

    def cells(
        self,
        labels: Sequence[Sequence[tuple[int, int]]],
        incidence: Sequence[list[int]],
        frames: np.ndarray,
        forms: dict[int, Fixed],
    ) -> list[ExactCell]:
        """The exact cells from the hyperplane and cut of each of their facets; `forms` along the cells' patterns."""
        filtered, kind = self.plan.arithmetic is not Arithmetic.EXACT, KINDS[self.plan.cells]
        facets = self.facet_forms(labels, frames, forms)
        return [
            kind.exact(self.roots, int(frame), FacetForms(own, mine, masks, filtered))
            for own, masks, frame, mine in zip(labels, incidence, frames, facets, strict=True)
        ]
