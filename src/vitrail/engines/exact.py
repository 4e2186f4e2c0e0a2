"""Cutting cells exactly where the floating-point filter does not decide, from exact forms along their patterns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vitrail.cells.batch import CellBatch, Children
from vitrail.cells.exact import (
    ExactCell,
    Groups,
    Rows,
    divide_by_signs,
    divide_by_winners,
)
from vitrail.cells.exact_polygon import ExactInterval
from vitrail.engines.budget import Budget
from vitrail.engines.exact_forms import ExactForms, StageForms
from vitrail.engines.plan import Plan
from vitrail.engines.roots import Roots
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, LARGEST, SMALLEST, VALUE_ROUNDING
from vitrail.numerics.predicates import Form
from vitrail.patterns import pack
from vitrail.status import Arithmetic

__all__ = ["ExactCutter", "Parts", "Uncut"]


@dataclass(frozen=True)
class Uncut:
    """Cells before the cut of stage `number`, with their frames and packed pieces of the stages before."""

    number: int
    cells: CellBatch
    frames: np.ndarray
    history: np.ndarray


@dataclass(frozen=True)
class Parts:
    """Parts of exactly cut cells, the cell that each belongs to (not decreasing), and their packed pieces.

    `ended` says that the budget did: there are more.
    """

    cells: list[ExactCell]
    parents: np.ndarray
    words: np.ndarray
    ended: bool


_Divided = tuple[np.ndarray, list[ExactCell], np.ndarray, list[Iterator[tuple[ExactCell, np.ndarray]]]]


class ExactCutter:
    """Cuts cells of a search without rounding, or with the filter once more where the search has one."""

    def __init__(self, plan: Plan, roots: Roots) -> None:
        """For one search."""
        self.plan = plan
        self.forms = ExactForms(plan, roots)

    def cut(self, uncut: Uncut, which: np.ndarray, cuts: Iterator[int], budget: Budget) -> Parts:
        """Cut some of the cells, until the budget ends: every part holds a region at least."""
        parts: list[ExactCell] = []
        parents: list[int] = []
        words: list[np.ndarray] = []
        for batch, exact, base, divided in self._divided(uncut, which, cuts):
            for i, cell in enumerate(exact):
                found = list(_within(budget, len(parts), divided[i]))
                if isinstance(cell, ExactInterval):
                    found = [found[j] for j in ExactInterval.ordered([part for part, _ in found])]  # type: ignore
                parts += [part for part, _ in found]
                parents += [int(batch[i])] * len(found)
                words += [_with_pieces(base[i], chosen) for _, chosen in found]
                if budget.ends(len(parts)):
                    return _parts(parts, parents, words, base.shape[1], ended=True)
        return _parts(parts, parents, words, self.plan.stages[uncut.number].table.words, ended=False)

    def _divided(self, uncut: Uncut, which: np.ndarray, cuts: Iterator[int]) -> Iterator[_Divided]:
        """The cells in batches: exact, with the pieces that are sure, and divided by what is not."""
        for start in range(0, which.size, self.forms.batch):
            batch = which[start : start + self.forms.batch]
            forms = self.forms.along(uncut.frames[batch], uncut.history[batch])
            labels, masks = zip(
                *((uncut.cells.labels(cell), uncut.cells.incidence(cell)) for cell in batch.tolist()), strict=True
            )
            exact = self.forms.cells(labels, masks, uncut.frames[batch], forms)
            stage = self.forms.stage(uncut.number, forms)
            center, half = (values[batch] for values in uncut.cells.boxes())
            divided: list[Iterator[tuple[ExactCell, np.ndarray]]]
            if stage.table.groups is None:
                pieces, rows = self._rows(stage, center, half)
                divided = [divide_by_signs(cell, own, cuts) for cell, own in zip(exact, rows, strict=True)]
            else:
                pieces, groups = self._groups(stage, stage.table.groups, center, half)
                divided = [divide_by_winners(cell, own, cuts) for cell, own in zip(exact, groups, strict=True)]
            yield batch, exact, pack(pieces, stage.table.bits), divided

    @staticmethod
    def children(parts: Parts, others: Children) -> Children:
        """Parts and the children of other cells together, in the order of the parents."""
        parent = np.concatenate([others.parent, parts.parents])
        order = np.argsort(parent, kind="stable")
        return Children(
            others.cells.with_exact(parts.cells, order),
            parent[order],
            np.concatenate([others.words, parts.words])[order],
            others.undecided,
            others.done,
        )

    def _rows(self, stage: StageForms, center: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, list[Rows]]:
        """Pieces from the signs that rounded exact forms decide over a cell's box, and the rows that they do not."""
        table = stage.table
        pieces = np.zeros((len(center), table.units), dtype=np.int64)
        open_cells, open_rows = [], []
        for m, breakpoints in enumerate(table.breakpoints):
            value, reach = _over_box(stage.rounded, breakpoints, center, half)
            sure = np.abs(value) > reach
            if self.plan.arithmetic is Arithmetic.EXACT:
                sure[:] = False
            sure |= np.isinf(breakpoints)  # stands for none
            pieces += sure & (value > 0)
            cell, unit = np.nonzero(~sure)
            open_cells.append(cell)
            open_rows.append(m * table.units + unit)
        cells, rows = np.concatenate(open_cells), np.concatenate(open_rows)
        order = np.argsort(cells, kind="stable")
        cells, rows = cells[order], rows[order]
        forms = stage.rows(cells, table.first_row + rows) if cells.size else []
        units = rows % table.units
        values = stage.rounded[cells, :, units].T
        sizes = np.abs(values)
        values[0] -= table.breakpoints.reshape(-1)[rows]
        sizes[0] += np.abs(table.breakpoints.reshape(-1)[rows])
        ends = np.searchsorted(cells, np.arange(len(center) + 1))
        filtered = self.plan.arithmetic is not Arithmetic.EXACT
        return pieces, [
            Rows(
                table.first_row + rows[a:b],
                units[a:b] * table.bits,
                forms[a:b],
                values[:, a:b] if filtered else None,
                sizes[:, a:b],
            )
            for a, b in pairwise(ends.tolist())
        ]

    def _groups(
        self, stage: StageForms, groups: np.ndarray, center: np.ndarray, half: np.ndarray
    ) -> tuple[np.ndarray, list[Groups]]:
        """The same for maxima: the winners that are sure, and the groups with more than one contender."""
        table, forms, present = stage.table, stage.rounded, groups >= 0
        value, _ = _over_box(forms, np.zeros(forms.shape[2]), center, half)
        best = np.where(present, np.clip(value[:, groups], -LARGEST, LARGEST), -np.inf).argmax(axis=2)
        contender = np.broadcast_to(present, (len(center), *groups.shape)).copy()
        filtered = self.plan.arithmetic is not Arithmetic.EXACT
        if filtered:
            contender &= ~_beaten(forms, groups, best, center, half)
        np.put_along_axis(contender, best[:, :, None], True, axis=2)
        open_group = contender.sum(axis=2) > 1
        questions = []
        for cell, asked in enumerate(open_group):
            own = np.flatnonzero(asked)
            at, places = np.nonzero(contender[cell, own])
            exact = stage.candidates(np.full(at.size, cell), groups[own[at], places]) if at.size else []
            by_place: list[dict[int, Form]] = [{} for _ in own]
            for group, place, form in zip(at.tolist(), places.tolist(), exact, strict=True):
                by_place[group][place] = form
            rounded = forms[cell][:, groups[own]]
            first = table.first_row + own * groups.shape[1] ** 2
            mine = contender[cell, own]
            known = rounded if filtered else None
            questions.append(Groups(first, own * table.bits, by_place, mine, known, np.abs(rounded)))
        return np.where(open_group, 0, best), questions


def _within(
    budget: Budget, before: int, found: Iterator[tuple[ExactCell, np.ndarray]]
) -> Iterator[tuple[ExactCell, np.ndarray]]:
    """Parts until the budget ends."""
    for number, part in enumerate(found, start=before + 1):
        yield part
        if budget.ends(number):
            return


def _parts(cells: list[ExactCell], parents: list[int], words: list[np.ndarray], width: int, *, ended: bool) -> Parts:
    return Parts(
        cells, np.array(parents, dtype=np.int64), np.array(words, dtype=np.int64).reshape(len(cells), width), ended
    )


def _with_pieces(words: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Packed pieces with more at some places, rows (bit position, value); they are 0 there."""
    result = words.copy()
    np.add.at(result, chosen[:, 0] >> 6, chosen[:, 1] << (chosen[:, 0] & 63))
    return result


def _beaten(
    forms: np.ndarray, groups: np.ndarray, best: np.ndarray, center: np.ndarray, half: np.ndarray
) -> np.ndarray:
    """Candidates that are surely below the best one everywhere in the box, (cells, groups, places)."""
    leader = np.take_along_axis(np.broadcast_to(groups, (len(center), *groups.shape)), best[:, :, None], axis=2)
    ahead = np.take_along_axis(forms, leader[:, None, :, 0].repeat(forms.shape[1], 1), axis=2)[:, :, :, None]
    others = forms[:, :, groups]
    gap, reach = _over_box(ahead - others, np.zeros(1), center, half)
    size, far = np.abs(ahead) + np.abs(others), np.maximum(1.0, np.abs(center) + half)
    with np.errstate(invalid="ignore", over="ignore"):
        reach = reach + 2 * EXACT_FORM_ROUNDING * (size[:, 0] + np.einsum("ci,cigk->cgk", far, size[:, 1:]))
        return np.asarray(gap > reach)


def _over_box(
    forms: np.ndarray, breakpoints: np.ndarray, center: np.ndarray, half: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values at the center of a box, and how far values in the box may be from them, rounding included.

    Where a cell is unbounded or a number overflows, the second is infinite or NaN, which decides nothing; `SMALLEST`
    stands for all that underflow can lose.
    """
    tail = (1,) * (forms.ndim - 2)
    x, h = center.reshape(*center.shape, *tail), half.reshape(*half.shape, *tail)
    with np.errstate(invalid="ignore", over="ignore"):
        value = forms[:, 0] - breakpoints + (forms[:, 1:] * x).sum(axis=1)
        size = np.abs(forms[:, 0]) + np.abs(breakpoints) + (np.abs(forms[:, 1:]) * np.abs(x)).sum(axis=1)
        change = (np.abs(forms[:, 1:]) * h).sum(axis=1)
        reach = change * (1 + 2 * EXACT_FORM_ROUNDING + VALUE_ROUNDING) + (EXACT_FORM_ROUNDING + VALUE_ROUNDING) * size
        reach += SMALLEST * (1 + (np.abs(x) + h).sum(axis=1))
    return value, reach
