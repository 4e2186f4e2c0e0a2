"""Cutting cells exactly where the floating-point filter does not decide: exact forms along each cell's pattern."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch

from vitrail.cells.batch import CellBatch, Children, CutTable
from vitrail.cells.exact import (
    ExactCell,
    ExactInterval,
    ExactPolygon,
    Groups,
    Rows,
    divide_by_signs,
    divide_by_winners,
)
from vitrail.engines.budget import Budget
from vitrail.engines.plan import Plan
from vitrail.engines.roots import Roots
from vitrail.network.exact import deciding_forms, exact_forms, exact_prologue
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, LARGEST, SMALLEST, VALUE_ROUNDING
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Form, meeting_point, to_form
from vitrail.patterns import pack
from vitrail.status import Arithmetic

__all__ = ["ExactCutter", "Parts", "StageForms", "Uncut"]

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
    """Cuts cells of a search without rounding; knows the plan and the frames."""

    def __init__(self, plan: Plan, roots: Roots) -> None:
        """For one search."""
        self.plan = plan
        self.roots = roots
        self._memory = threading.local()

    @property
    def batch(self) -> int:
        """Cells at a time: what their exact forms may take of memory."""
        widest = max((stage.width for stage in self.plan.stages), default=1)
        return int(max(1, _BATCH_BYTES // (8 * _DIGITS * (self.roots.dimension + 1) * widest)))

    def forms(self, frames: np.ndarray, history: np.ndarray) -> dict[int, Fixed]:
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
            before = used, exact_prologue(self.plan.graph, self.roots.only(used).exact())
            self._memory.prologue = before  # cells of one frame follow each other
        return _Known(before[1], rows_of, 0)

    def stage(self, number: int, forms: dict[int, Fixed]) -> StageForms:
        """The forms that decide a stage."""
        stage = self.plan.stages[number]
        return StageForms(stage.table, deciding_forms(self.plan.graph, stage.node, forms))

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
        for start in range(0, which.size, self.batch):
            batch = which[start : start + self.batch]
            forms = self.forms(uncut.frames[batch], uncut.history[batch])
            exact = self.cells([uncut.cells.labels(int(cell)) for cell in batch], uncut.frames[batch], forms)
            stage = self.stage(uncut.number, forms)
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

    def cells(
        self, labels: Sequence[Sequence[tuple[int, int]]], frames: np.ndarray, forms: dict[int, Fixed]
    ) -> list[ExactCell]:
        """The exact cells from the hyperplane and cut of each of their facets; `forms` along the cells' patterns."""
        owners = np.repeat(np.arange(len(labels)), [len(own) for own in labels])
        rows = np.array([row for own in labels for row, _ in own], dtype=np.int64)
        lines: list[Form | None] = [None] * rows.size
        stages = self.plan.stage_of(rows)
        for stage in np.unique(stages[stages >= 0]):
            at = np.flatnonzero(stages == stage)
            found = self.stage(int(stage), forms).rows(owners[at], rows[at])
            for place, line in zip(at, found, strict=True):
                lines[place] = line
        result: list[ExactCell] = []
        first = 0
        for own, frame in zip(labels, frames, strict=True):
            mine = lines[first : first + len(own)]
            first += len(own)
            result.append(self._cell(own, mine, int(frame)))
        return result

    def _cell(self, labels: Sequence[tuple[int, int]], lines: Sequence[Form | None], frame: int) -> ExactCell:
        if self.roots.dimension == 1:
            ends = self.roots.ends(frame)
            low, high = (
                meeting_point([line]) if line is not None else ends[-1 - label[0]]
                for label, line in zip(labels, lines, strict=True)
            )
            return ExactInterval((low, high), tuple(labels))
        sides = self.roots.sides(frame)
        complete = [sides[-1 - label[0]] if line is None else line for label, line in zip(labels, lines, strict=True)]
        polygon = ExactPolygon.from_lines(complete, labels)
        corners = self.roots.ends(frame)
        # where two sides of the domain meet is known, also where they are one line
        points = [
            corners[-1 - labels[i][0]] if labels[i - 1][0] < 0 and labels[i][0] < 0 else point
            for i, point in enumerate(polygon.points)
        ]
        return ExactPolygon(tuple(points), polygon.lines, polygon.labels)

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
