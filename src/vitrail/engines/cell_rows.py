"""What bounds regions: the rows of their patterns, not negative there, and which of them are one hyperplane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vitrail.engines.along import Along, Deciding
from vitrail.engines.plan import Plan
from vitrail.engines.row_places import places_of
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, FINE, PROOF_ROOM, SMALLEST, UNIT_ROUNDOFF
from vitrail.numerics.predicates import Form, canonical, unit_form

__all__ = ["Groups", "RegionRows", "Sides", "group_rows", "rows_of"]


@dataclass(frozen=True)
class Sides:
    """The sides of the domain, not negative inside: exact, and rounded with the errors of that, (sides, k + 1).

    `limits` (2, k) hold the domain: within [-1, 1], or infinite.
    """

    forms: tuple[Form, ...]
    values: np.ndarray
    errors: np.ndarray
    limits: np.ndarray

    @classmethod
    def of(cls, forms: Sequence[Form], limits: np.ndarray) -> Sides:
        """Sides of a domain with these limits; none of them may be constant."""
        dimension = limits.shape[1]
        values = np.array([unit_form(form) for form in forms]).reshape(len(forms), dimension + 1)
        return cls(tuple(forms), values, EXACT_FORM_ROUNDING * np.abs(values), limits)

    @property
    def bounded(self) -> bool:
        """Whether the domain is bounded."""
        return bool(np.isfinite(self.limits).all())


@dataclass(frozen=True)
class RegionRows:
    """Rows of some cells, in the order of the cells: row i is not negative on its cell, and not constant.

    `cells`, `numbers` (hyperplanes, negative for sides of the domain), `signs` (of the row against its hyperplane) have
    shape (rows,), `values` and `errors` (rows, k + 1). `zero` holds the same of rows that are 0 everywhere, (cell,
    hyperplane, sign) by rows (n, 3); where they are not exact, of rows that may be. `asked` rows were looked at
    exactly, for `open` ones floating point could not tell what they are, in the cells `doubted`.
    """

    cells: np.ndarray
    numbers: np.ndarray
    signs: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    zero: np.ndarray
    decidings: tuple[Deciding, ...]
    plan: Plan
    sides: Sides
    asked: int
    open: int
    doubted: np.ndarray

    def forms(self, rows: np.ndarray) -> list[Form]:
        """Some rows, exactly."""
        return _exact(self.plan, self.decidings, self.sides, self.cells[rows], self.numbers[rows], self.signs[rows])


@dataclass(frozen=True)
class Groups:
    """Rows that are one hyperplane: `of` (rows,) numbers the groups, `first` (groups,) are rows that stand for them.

    That is a side of the domain, else the row with the lowest number: both sides of a facet agree on its unit. `asked`
    rows were compared exactly; `open` groups may be more than one hyperplane, in the cells `doubted`.
    """

    of: np.ndarray
    first: np.ndarray
    sizes: np.ndarray
    asked: int
    open: int
    doubted: np.ndarray


def rows_of(plan: Plan, along: Along, sides: Sides, words: np.ndarray) -> RegionRows:
    """The rows of cells with these packed patterns, (cells, words): those of all stages, then the sides."""
    count = len(words)
    live, decidings, parts = along.start(count), [], []
    for number in range(len(plan.stages)):
        deciding = along.deciding(number, live)
        decidings.append(deciding)
        pieces = plan.layout.unpack_stage(np.ascontiguousarray(words[:, plan.layout.slice_of(number)]), number)
        parts.append(_rows(deciding, pieces))
        if number + 1 < len(plan.stages):
            live = along.carry(number, live, pieces.astype(np.int64))
    own = len(sides.forms)
    repeated = np.tile(np.arange(own), count)
    parts.append(
        (
            np.repeat(np.arange(count), own),
            -1 - repeated,
            np.ones(repeated.size, dtype=np.int64),
            sides.values[repeated],
            sides.errors[repeated],
        )
    )
    cells, numbers, signs, values, errors = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(cells, kind="stable")
    arrays = (cells[order], numbers[order], signs[order], values[order], errors[order])
    return _without_constants(plan, tuple(decidings), sides, arrays)


_Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _rows(deciding: Deciding, pieces: np.ndarray) -> _Part:
    """The rows of one stage."""
    places = places_of(deciding.table, pieces)
    cells, plus, minus = places.cells, places.plus, places.minus
    values = deciding.values[cells, :, plus]
    if minus is None:
        values[:, 0] -= places.levels
        values *= places.signs[:, None]
        errors = deciding.errors(cells, plus, places.levels)
    else:
        values = values - deciding.values[cells, :, minus]
        errors = deciding.errors(cells, plus, places.levels) + deciding.errors(cells, minus, places.levels)
        errors += 2 * UNIT_ROUNDOFF * np.abs(values)
    return cells, places.numbers, places.signs, values, errors


def _without_constants(plan: Plan, decidings: tuple[Deciding, ...], sides: Sides, arrays: _Part) -> RegionRows:
    """Drop rows without slopes: what is constant bounds nothing. Rows that rounding may hide are rounded once more."""
    cells, numbers, signs, values, errors = arrays
    keep = np.ones(cells.size, dtype=bool)
    rounded = bool(decidings) and decidings[0].exact is None
    # without exact forms to fall back on, anything will do that `PROOF_ROOM` covers
    poor = np.flatnonzero(_size(values[:, 1:]) * (PROOF_ROOM - 1.0 if rounded else FINE) <= _size(errors[:, 1:]))
    zero: list[int] = []
    doubted, is_open = np.zeros(0, dtype=np.int64), 0
    if rounded:
        # surely positive where |t| <= 1; in an unbounded domain only exact arithmetic can tell
        reach = errors[poor].sum(axis=1) + np.abs(values[poor, 1:]).sum(axis=1)
        lost = poor[~((values[poor, 0] > reach * PROOF_ROOM) & sides.bounded)]
        keep[poor] = False
        zero, doubted, is_open = lost.tolist(), cells[lost], lost.size
    elif poor.size:
        exact = _exact(plan, decidings, sides, cells[poor], numbers[poor], signs[poor])
        for row, form in zip(poor.tolist(), exact, strict=True):
            if any(form[1:]):
                values[row] = unit_form(form)
                errors[row] = EXACT_FORM_ROUNDING * np.abs(values[row]) + SMALLEST
            else:
                keep[row] = False
                zero += [row] * (form[0] == 0)
    return RegionRows(
        cells[keep],
        numbers[keep],
        signs[keep],
        values[keep],
        errors[keep],
        np.stack([cells[zero], numbers[zero], signs[zero]], axis=1).reshape(-1, 3),
        decidings,
        plan,
        sides,
        poor.size,
        is_open,
        doubted,
    )


def group_rows(rows: RegionRows, exact: bool) -> Groups:
    """Which rows of a cell are one hyperplane: proven to be different by rounded numbers, or compared exactly.

    Without `exact` those that may be equal are taken as equal.
    """
    of, doubted = np.arange(rows.cells.size), np.zeros(0, dtype=np.int64)
    clusters = list(_clusters(rows))
    members = np.concatenate([np.zeros(0, dtype=np.int64), *clusters])
    if not exact:
        for cluster in clusters:
            of[cluster] = cluster.min()
        doubted = rows.cells[of[members]]
    elif members.size:
        first: dict[tuple[int, tuple[int, ...]], int] = {}
        cells = rows.cells[members].tolist()
        # a cell's rows in their order, so that the first stands for the others
        for cell, row, form in sorted(zip(cells, members.tolist(), rows.forms(members), strict=True)):
            of[row] = first.setdefault((cell, canonical(form)), row)
    # sides, whose numbers are negative, come first
    order = np.lexsort((rows.numbers, of))
    names, starts, sizes = np.unique(of[order], return_index=True, return_counts=True)
    place = np.searchsorted(names, of)
    return Groups(place, order[starts], sizes, members.size, 0 if exact else len(clusters), doubted)


def _clusters(rows: RegionRows) -> Iterator[np.ndarray]:
    """Rows of one cell that may be multiples of each other, two or more: their images under a projection are as near.

    A row is divided by its largest slope first. Each image is an interval that holds the true one, and what does not
    overlap is different.
    """
    if not rows.cells.size:
        return
    columns = rows.values.shape[1]
    # any numbers that no network will know; the golden ratio's multiples are spread evenly
    weights = 0.5 + np.modf(np.arange(1, columns + 1) * 0.6180339887498949)[0]
    scale = _size(rows.values[:, 1:])
    with np.errstate(over="ignore", invalid="ignore"):
        image = rows.values @ weights / scale
        size = np.abs(rows.values) @ weights / scale
        # the error of the largest slope counts for all of them
        wrong = (rows.errors @ weights + _size(rows.errors[:, 1:]) * size) / scale
        wrong = PROOF_ROOM * wrong + 4 * (columns + 4) * UNIT_ROUNDOFF * size
        low, high = image - wrong, image + wrong
    order = np.lexsort((low, rows.cells))
    cells, low, high = rows.cells[order], low[order], high[order]
    # overflow and NaN say nothing, and overlap with everything
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    for a, b in zip(starts, [*starts[1:], cells.size], strict=True):
        apart = low[a + 1 : b] > np.maximum.accumulate(high[a:b])[:-1]
        if apart.all():
            continue
        ends = [a, *(a + 1 + np.flatnonzero(apart)), b]
        for first, last in pairwise(ends):
            if last - first > 1:
                yield order[first:last]


def _size(values: np.ndarray) -> np.ndarray:
    return np.abs(values).max(axis=1, initial=0.0)


def _exact(
    plan: Plan,
    decidings: Sequence[Deciding],
    sides: Sides,
    cells: np.ndarray,
    numbers: np.ndarray,
    signs: np.ndarray,
) -> list[Form]:
    """Rows of cells, exactly."""
    result: list[Form] = [()] * cells.size
    stages = plan.stage_of(numbers) if plan.stages else np.full(cells.size, -1)
    for stage in np.unique(stages[stages >= 0]).tolist():
        at, source = np.flatnonzero(stages == stage), decidings[stage].exact
        if source is None:
            raise TypeError("expected exact forms, found rounded ones")
        for place, form in zip(at.tolist(), source.rows(cells[at], numbers[at]), strict=True):
            result[place] = form if signs[place] > 0 else tuple(-c for c in form)
    for place in np.flatnonzero(numbers < 0).tolist():
        result[place] = sides.forms[-1 - numbers[place]]
    return result
