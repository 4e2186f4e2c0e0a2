"""Forms along patterns that are decided stage by stage, exactly or in floating point, for many cells at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from vitrail.cells.batch import Children, CutTable
from vitrail.cells.interval import Intervals
from vitrail.engines.carry import Carrier, prologue
from vitrail.engines.exact_forms import StageForms
from vitrail.engines.plan import Plan
from vitrail.network.exact import deciding_forms
from vitrail.network.ops.base import AffineOp, Op
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import as_maximum
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, SMALLEST, UNIT_ROUNDOFF
from vitrail.numerics.fixed import Fixed, to_integers
from vitrail.patterns import pack

__all__ = ["Along", "Deciding", "ExactAlong", "FloatAlong"]


class Deciding(Protocol):
    """The forms that decide one stage on some cells, and how far their float64 values may be off."""

    @property
    def table(self) -> CutTable:
        """The decisions of the stage."""

    @property
    def exact(self) -> StageForms | None:
        """The forms exactly, if they are known so."""

    @property
    def values(self) -> np.ndarray:
        """The forms in float64, (cells, columns, forms)."""

    def errors(self, cells: np.ndarray, entries: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Error bounds of the coefficients (pairs, columns) of (cell, entry) pairs, less their breakpoint `level`."""

    def column(self, cells: np.ndarray, columns: np.ndarray, entries: np.ndarray) -> tuple[list[Any], np.ndarray]:
        """One coefficient of each of some forms, as numbers to compare; and which are 0 only for want of proof."""


class Along(Protocol):
    """Carries forms through the stages; what it carries is its own."""

    def start(self, count: int) -> Any:
        """The forms of `count` cells before the first stage."""

    def deciding(self, number: int, live: Any) -> Deciding:
        """The forms that decide a stage."""

    def carry(self, number: int, live: Any, pieces: np.ndarray) -> Any:
        """The forms after a stage, along pieces (cells, units)."""


@dataclass(frozen=True)
class _ExactDeciding:
    exact: StageForms

    @property
    def table(self) -> CutTable:
        return self.exact.table

    @property
    def values(self) -> np.ndarray:
        return self.exact.rounded

    def errors(self, cells: np.ndarray, entries: np.ndarray, level: np.ndarray) -> np.ndarray:
        # twice the rounding of the coefficients covers that of one difference
        sizes = np.abs(self.values[cells, :, entries])
        sizes[:, 0] += np.abs(level)
        return 2 * EXACT_FORM_ROUNDING * sizes + SMALLEST

    def column(self, cells: np.ndarray, columns: np.ndarray, entries: np.ndarray) -> tuple[list[Any], np.ndarray]:
        return to_integers(self.exact.forms.digits.numpy()[:, cells, columns, entries]), np.zeros(
            cells.size, dtype=bool
        )


class ExactAlong:
    """Exact forms, from those of the input on one frame: any columns that affine ops map linearly."""

    def __init__(self, plan: Plan, root: Fixed) -> None:
        """`root` has shape (1, columns, *input_shape); the constants are column 0."""
        self.plan = plan
        live = {0: root}
        for node in plan.prologue:
            live[node] = _affine(plan, node, live)
        self._first = _still_read(plan, 0, live)

    def start(self, count: int) -> dict[int, Fixed]:
        """The forms of `count` cells before the first stage."""
        return {node: _repeated(forms, count) for node, forms in self._first.items()}

    def deciding(self, number: int, live: dict[int, Fixed]) -> Deciding:
        """The forms that decide a stage."""
        stage = self.plan.stages[number]
        return _ExactDeciding(StageForms(stage.table, deciding_forms(self.plan.graph, stage.node, live)))

    def carry(self, number: int, live: dict[int, Fixed], pieces: np.ndarray) -> dict[int, Fixed]:
        """The forms after a stage, along pieces (cells, units)."""
        stage = self.plan.stages[number]
        result = {node: live[node] for node in stage.keep}
        inputs = [live[source] for source in stage.sources]
        op: Op = stage.op
        result[stage.node] = (
            op.apply_exact(inputs[0], pieces)
            if isinstance(op, Elementwise)
            else as_maximum(op).apply_exact(inputs, pieces)
        )
        for node in stage.affine:
            result[node] = _affine(self.plan, node, result)
        return _still_read(self.plan, number + 1, result)


@dataclass(frozen=True)
class _FloatDeciding:
    table: CutTable
    values: np.ndarray
    exact: StageForms | None = None

    def errors(self, cells: np.ndarray, entries: np.ndarray, level: np.ndarray) -> np.ndarray:
        bounds = self.table.bounds.max(axis=1)[:, entries].T + SMALLEST
        bounds[:, 0] += 2 * UNIT_ROUNDOFF * np.abs(level)
        return bounds

    def column(self, cells: np.ndarray, columns: np.ndarray, entries: np.ndarray) -> tuple[list[Any], np.ndarray]:
        values = self.values[cells, columns, entries]
        known = np.abs(values) > self.table.bounds.max(axis=1)[columns, entries]
        return np.where(known, values, 0.0).tolist(), ~known


class FloatAlong:
    """Forms in float64, with the plan's error bounds."""

    def __init__(self, plan: Plan, root: np.ndarray) -> None:
        """`root` has shape (1, k + 1, *input_shape)."""
        self.plan = plan
        self._carrier = Carrier(1, ())
        self._first = prologue(plan, torch.from_numpy(root))

    def start(self, count: int) -> dict[int, Tensor]:
        """The forms of `count` cells before the first stage."""
        return {node: forms.expand(count, *forms.shape[1:]) for node, forms in self._first.items()}

    def deciding(self, number: int, live: dict[int, Tensor]) -> Deciding:
        """The forms that decide a stage."""
        return _FloatDeciding(self.plan.stages[number].table, Carrier.stage_forms(self.plan, number, live))

    def carry(self, number: int, live: dict[int, Tensor], pieces: np.ndarray) -> dict[int, Tensor]:
        """The forms after a stage, along pieces (cells, units)."""
        count = pieces.shape[0]
        # the cells themselves do not matter: forms follow the patterns alone
        cells = Intervals(np.empty((count, 4)), np.empty((count, 2), dtype=np.int64), np.arange(count), np.zeros(count))
        words = pack(pieces, self.plan.stages[number].table.bits)
        carried = self._carrier.carry(self.plan, number, live, Children(cells, np.arange(count), words, 0, count))
        # the carrier's memory is used again
        return {node: forms.clone() for node, forms in carried.items()}


def _affine(plan: Plan, node: int, live: dict[int, Fixed]) -> Fixed:
    op = plan.graph.nodes[node].op
    if not isinstance(op, AffineOp):
        raise TypeError(f"{plan.graph.nodes[node].name}: expected an affine op, found {op.name}")
    return op.apply_exact([live[source] for source in plan.graph.nodes[node].inputs])


def _still_read(plan: Plan, following: int, live: dict[int, Fixed]) -> dict[int, Fixed]:
    """The forms that the stage `following` and those after it read; none after the last."""
    if following == len(plan.stages):
        return {}
    stage = plan.stages[following]
    return {node: forms for node, forms in live.items() if node in (*stage.sources, *stage.keep)}


def _repeated(forms: Fixed, count: int) -> Fixed:
    digits = forms.digits
    return forms.with_digits(digits.expand(digits.shape[0], count, *digits.shape[2:]))
