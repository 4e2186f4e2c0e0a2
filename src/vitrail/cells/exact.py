"""What an exact cell is, in any dimension, and how it is divided by the units of one op.

A cell knows its vertices as exact points and what made its facets. It is cut by `split`, the only thing that depends on
the dimension; `divide_by_signs` and `divide_by_winners` use nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from flint import fmpq

from vitrail.numerics.filters import EXACT_FORM_ROUNDING, LARGEST, SMALLEST, VALUE_ROUNDING
from vitrail.numerics.predicates import Form, Point, nearest

__all__ = [
    "ExactCell",
    "Groups",
    "Rows",
    "at_vertices",
    "divide_by_signs",
    "divide_by_winners",
]

_NEW = -2
"""The cut of a facet that has no number yet."""


@dataclass(frozen=True)
class Rows:
    """Sign decisions on one cell: the hyperplanes' numbers, the bit positions of their units, and the exact forms.

    `rounded` and `sizes` (k + 1, rows) are the forms in float64 and what their errors are relative to; None where
    nothing may be decided in floating point.
    """

    numbers: np.ndarray
    positions: np.ndarray
    forms: Sequence[Form]
    rounded: np.ndarray | None
    sizes: np.ndarray

    def screen(self, cell: ExactCell, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of some rows, those whose sign on a part of the cell is still open, and those that are surely positive."""
        if self.rounded is None or not rows.size:
            return rows, rows[:0]
        values, reach = at_vertices(cell, self.rounded[:, rows], self.sizes[:, rows])
        with np.errstate(invalid="ignore"):
            positive, negative = (values > reach).all(axis=0), (values < -reach).all(axis=0)
        return rows[~(positive | negative)], rows[positive]


@dataclass(frozen=True)
class Groups:
    """Maxima on one cell: numbers of the groups' first hyperplanes, bit positions of their units, and the candidates.

    `forms` holds by group the contenders' exact forms by place, `contenders` (groups, places) says which these are. The
    hyperplane between two places has the number first + places * winner + other. `rounded` and `sizes`
    (k + 1, groups, places) as for `Rows`.
    """

    numbers: np.ndarray
    positions: np.ndarray
    forms: Sequence[dict[int, Form]]
    contenders: np.ndarray
    rounded: np.ndarray | None
    sizes: np.ndarray

    def screen(self, cell: ExactCell, groups: np.ndarray) -> np.ndarray:
        """Which places may win in some of the groups on a part of the cell, (groups, places)."""
        possible = self.contenders[groups]
        if self.rounded is None or not groups.size:
            return possible
        forms, sizes = self.rounded[:, groups], self.sizes[:, groups]
        values, _ = at_vertices(cell, forms, sizes)
        with np.errstate(invalid="ignore"):
            # clipped, so that a place that cannot win never stands in for one whose values overflow
            best = np.where(possible, np.clip(values.sum(axis=0), -LARGEST, LARGEST), -np.inf).argmax(axis=1)[:, None]
            ahead, more = (np.take_along_axis(table, best[None], axis=2) for table in (forms, sizes))
            gaps, reach = at_vertices(cell, ahead - forms, more + sizes)
            beaten = (gaps > reach).all(axis=0)
        return possible & ~beaten


class ExactCell(Protocol):
    """What the cutting needs to know about a cell; facets are labelled (hyperplane, cut)."""

    @property
    def labels(self) -> tuple[tuple[int, int], ...]:
        """Hyperplane and cut of each facet."""

    def split(self, form: Form, number: int, cut: int) -> tuple[ExactCell | None, ExactCell | None]:
        """The parts where the form is positive and negative, None where there is no interior.

        The new facet has the label (number, 2 cut) on the positive and (number, 2 cut + 1) on the negative side.
        """

    def facet_ends(self, facet: int) -> tuple[tuple[int, ...], ...]:
        """The vertices of a facet in an order and form that both its cells agree on."""

    def relabeled(self, labels: Sequence[tuple[int, int]]) -> ExactCell:
        """The same cell with other labels."""

    @property
    def points(self) -> tuple[Point, ...]:
        """The vertices, those at infinity included; none where the cell is not known by them."""

    @property
    def center(self) -> Point:
        """A point of the interior: the mean of the vertices where they bound the cell."""

    def holds(self, point: Point) -> bool:
        """Whether a point lies in the interior."""

    @property
    def measure(self) -> fmpq:
        """Length, area or volume in frame coordinates; -1 if unbounded."""


def at_vertices(cell: ExactCell, rounded: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of rounded forms (k + 1, ...) at the vertices of a cell, and how far they may be off, (vertices, ...).

    The forms are off by at most `EXACT_FORM_ROUNDING` of `sizes`. Where a vertex is infinite or a number overflows the
    second is infinite or NaN, which decides nothing; `SMALLEST` stands for all that underflow can lose. A cell without
    vertices gives one row that decides nothing: what holds at all of them must not hold for want of any.
    """
    if not cell.points:
        nothing = np.zeros((1, *rounded.shape[1:]))
        return nothing, nothing + np.inf
    known = [nearest(point) for point in cell.points]
    shape = (len(known), *(1,) * (rounded.ndim - 1))
    off = np.array([error for _, error in known]).reshape(shape)
    with np.errstate(over="ignore", invalid="ignore"):
        values, reach, far = np.broadcast_to(rounded[0], (len(known), *rounded.shape[1:])), sizes[0], np.ones(shape)
        for axis in range(1, rounded.shape[0]):
            t = np.array([point[axis - 1] for point, _ in known]).reshape(shape)
            values = values + rounded[axis] * t
            reach, far = reach + sizes[axis] * np.abs(t), far + np.abs(t)
        change = np.abs(rounded[1:]).sum(axis=0) + EXACT_FORM_ROUNDING * sizes[1:].sum(axis=0)
        return values, (EXACT_FORM_ROUNDING + VALUE_ROUNDING) * reach + 2.0 * change * off + SMALLEST * far


def divide_by_signs(cell: ExactCell, rows: Rows, cuts: Iterator[int]) -> Iterator[tuple[ExactCell, np.ndarray]]:
    """Cut a cell by the zero sets of the rows; yields the parts, each with rows (bit position, what to add there).

    A form that is zero on the whole cell adds nothing: it is in the lower piece.
    """
    stack = [(cell, np.arange(len(rows.forms)), np.zeros(0, dtype=np.int64))]
    cut = next(cuts)
    while stack:
        part, left, above = stack.pop()
        left, sure = rows.screen(part, left)
        above = np.concatenate([above, sure])
        for at, row in enumerate(left.tolist()):
            form = rows.forms[row]
            if not any(form):
                continue
            positive, negative = part.split(form, int(rows.numbers[row]), cut)
            if positive is not None and negative is not None:
                stack.append((negative, left[at + 1 :], above))
                stack.append((positive, left[at + 1 :], np.append(above, row)))
                cut = next(cuts)
                break
            if positive is not None:
                above = np.append(above, row)
        else:
            yield part, np.stack([rows.positions[above], np.ones_like(above)], axis=1)


def divide_by_winners(cell: ExactCell, groups: Groups, cuts: Iterator[int]) -> Iterator[tuple[ExactCell, np.ndarray]]:
    """Cut a cell by the winner of each group, the lowest place among equal candidates; yields as `divide_by_signs`."""
    stack: list[tuple[ExactCell, np.ndarray, list[tuple[int, int]]]] = [(cell, np.arange(len(groups.forms)), [])]
    while stack:
        part, left, chosen = stack.pop()
        possible = groups.screen(part, left)
        single = possible.sum(axis=1) == 1
        winners = possible.argmax(axis=1)
        chosen = chosen + list(zip(groups.positions[left[single]].tolist(), winners[single].tolist(), strict=True))
        left, possible = left[~single], possible[~single]
        for at, group in enumerate(left.tolist()):
            forms = {place: groups.forms[group][place] for place in np.flatnonzero(possible[at]).tolist()}
            found = _parts_by_winner(part, forms, int(groups.numbers[group]), groups.contenders.shape[1], cuts)
            position = int(groups.positions[group])
            if len(found) > 1:
                stack += [(child, left[at + 1 :], [*chosen, (position, winner)]) for child, winner in reversed(found)]
                break
            chosen = [*chosen, (position, found[0][1])]
        else:
            yield part, np.array(chosen, dtype=np.int64).reshape(-1, 2)


def _parts_by_winner(
    cell: ExactCell, forms: dict[int, Form], first: int, places: int, cuts: Iterator[int]
) -> list[tuple[ExactCell, int]]:
    """The part that each place wins; `first` and `places` number the hyperplanes."""
    first_of: dict[Form, int] = {}
    for place, form in forms.items():
        first_of.setdefault(form, place)
    result = []
    for winner_form, winner in first_of.items():
        part: ExactCell | None = cell
        for form, other in first_of.items():
            if other != winner and part is not None:
                gap = tuple(a - b for a, b in zip(winner_form, form, strict=True))
                part, _ = part.split(gap, first + places * winner + other, _NEW)
        if part is not None:
            result.append((part, winner))
    return _with_cuts(result, cuts)


def _with_cuts(parts: Sequence[tuple[ExactCell, int]], cuts: Iterator[int]) -> list[tuple[ExactCell, int]]:
    """Number the new facets: the two sides of one are where the ends are the same.

    The places need not be: where three are equal on a facet, each side may name another one of its rivals.
    """
    numbers: dict[tuple[Any, ...], int] = {}
    result = []
    for part, winner in parts:
        labels = list(part.labels)
        for facet, (number, cut) in enumerate(labels):
            if cut != 2 * _NEW:
                continue
            key = part.facet_ends(facet)
            known = key in numbers
            if not known:
                numbers[key] = next(cuts)
            labels[facet] = (number, 2 * numbers[key] + known)
        result.append((part.relabeled(labels), winner))
    return result
