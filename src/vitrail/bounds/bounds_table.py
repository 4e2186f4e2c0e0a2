"""The table of bounds as an object: rows in order, the tightest marked, what was left out and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrail.bounds.registry import BoundValue
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Statement
from vitrail.bounds.values import log10_of, portable, short
from vitrail.count import Count
from vitrail.errors import NotApplicableError
from vitrail.options import one_of
from vitrail.plots.bounds import plot_values
from vitrail.status import Definition

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["BoundsTable", "LeftOut", "on_expectation"]


def on_expectation(row: BoundValue) -> bool:
    """Whether a value speaks of the mean over random networks."""
    return row.kind in (BoundKind.EXACT_EXPECTATION, BoundKind.UPPER_ON_EXPECTATION)


def _plain(row: BoundValue) -> int | float:
    return row.value if isinstance(row.value, int) else float(row)


def _doubt(row: BoundValue) -> int:
    return int(row.confidence is not Confidence.SURE)


@dataclass(frozen=True)
class LeftOut:
    """A bound that a table does not have, and why."""

    statement: Statement
    reason: str


@dataclass(frozen=True)
class BoundsTable:
    """The values of all bounds that apply, in ascending order, those on expectations last; `left_out` are the others.

    They bound the number of regions of one `definition`. `count` is the number itself where it is known. `str(table)`
    prints it. `count_note` says why the count was given up, if it was.

    Example:
        >>> from vitrail.bounds import table
        >>> found = table("2-4-4-1")
        >>> int(found.tightest_lower), int(found.tightest_upper), found.tightest_upper.name
        (44, 109, 'hinz2021')
    """

    setting: Setting
    definition: Definition
    rows: tuple[BoundValue, ...]
    left_out: tuple[LeftOut, ...]
    count: Count | None = None
    count_note: str = ""

    def __repr__(self) -> str:
        """What it bounds, and the tightest ones, in one line."""
        architecture, upper, lower = self.setting.architecture, self.tightest_upper, self.tightest_lower
        parts = [
            f"{architecture.name}, {architecture.activation}, {len(self)} bounds on {self.definition.value} regions"
        ]
        parts += [] if upper is None else [f"at most {short(upper.value)}"]
        parts += [] if lower is None else [f"some network has {short(lower.value)}"]
        parts += [] if self.count is None else [f"count {int(self.count):,}"]
        return f"BoundsTable({', '.join(parts)})"

    def __iter__(self) -> Iterator[BoundValue]:
        """The rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def __getitem__(self, name: str) -> BoundValue:
        """The row of a bound's name.

        Raises:
            NotApplicableError: the bound does not apply here; the message says why.
            InvalidOptionError: there is no bound of that name.
        """
        for row in self.rows:
            if row.name == name:
                return row
        for left in self.left_out:
            if left.statement.name == name:
                raise NotApplicableError(f"{name}: {left.reason}")
        names = [row.name for row in self.rows] + [left.statement.name for left in self.left_out]
        return self[one_of("name", name, names)]

    @property
    def tightest_upper(self) -> BoundValue | None:
        """The smallest bound that no network in question exceeds; of equal ones a sure one."""
        return min(self._of(above=True), key=lambda row: (row.value, _doubt(row)), default=None)

    @property
    def tightest_sure_upper(self) -> BoundValue | None:
        """The smallest such bound whose statement is sure."""
        sure = [row for row in self._of(above=True) if row.confidence is Confidence.SURE]
        return min(sure, key=lambda row: row.value, default=None)

    @property
    def tightest_lower(self) -> BoundValue | None:
        """The largest number of regions that some network of the architecture is known to have."""
        return max(self._of(above=False), key=lambda row: (row.value, -_doubt(row)), default=None)

    def _of(self, *, above: bool) -> list[BoundValue]:
        return [row for row in self.rows if (row.kind.above if above else row.kind.below)]

    def mark(self, row: BoundValue) -> str:
        """Tightest upper, tightest lower, both or nothing; of rows of equal value one has the mark."""
        marks = [(self.tightest_upper, "tightest upper"), (self.tightest_lower, "tightest lower")]
        return ", ".join(word for tightest, word in marks if tightest is row)

    def to_dict(self) -> dict[str, object]:
        """Everything, for JSON; integers beyond 2^53 as texts of all their digits."""
        return {
            "architecture": self.setting.architecture.name,
            "activation": self.setting.architecture.activation,
            "definition": self.definition.value,
            "count": None if self.count is None else self.count.to_dict(),
            "count_note": self.count_note,
            "tightest_upper": None if self.tightest_upper is None else self.tightest_upper.name,
            "tightest_sure_upper": None if self.tightest_sure_upper is None else self.tightest_sure_upper.name,
            "tightest_lower": None if self.tightest_lower is None else self.tightest_lower.name,
            "bounds": [self._row_dict(row) for row in self.rows],
            "left_out": [{"name": left.statement.name, "reason": left.reason} for left in self.left_out],
        }

    def _row_dict(self, row: BoundValue) -> dict[str, object]:
        statement = row.statement
        return {
            "name": row.name,
            "title": statement.title,
            "value": portable(row.value),
            "log10": row.log10,
            "kind": row.kind.value,
            "counts": row.counts.value,
            "needs": ", ".join(sorted(need.value for need in statement.needs)),
            "confidence": row.confidence.value,
            "mark": self.mark(row),
            "formula": statement.formula,
            "reference": statement.reference,
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per bound; values are Python integers of any size, or floats."""
        import pandas as pd

        columns = ("name", "title", "value", "log10", "kind", "counts", "needs", "confidence", "mark")
        rows = [self._row_dict(row) | {"value": _plain(row)} for row in self.rows]
        series = {column: pd.Series([row[column] for row in rows], dtype=object) for column in columns}
        series["log10"] = series["log10"].astype(float)
        return pd.DataFrame(series)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the bounds on the number of regions as dots on a logarithmic axis, and the count; see `plot_values`."""
        rows = [row for row in self.rows if not on_expectation(row)]
        return plot_values(rows, ax, count=None if self.count is None else log10_of(int(self.count)))

    def lines(self) -> list[tuple[str, str, str, str, str]]:
        """The rows as texts: value, log10, kind and confidence, name, mark."""
        found = []
        for row in self.rows:
            likely = "" if row.confidence is Confidence.SURE else f" ({row.confidence.value})"
            found.append((short(row.value), f"{row.log10:.2f}", f"{row.kind.value}{likely}", row.name, self.mark(row)))
        if self.count is not None:
            kind = f"count: {self.count.kind.value}, {self.count.status.value}"
            place = sum(not on_expectation(row) and row.value < int(self.count) for row in self.rows)
            found.insert(place, (short(int(self.count)), f"{log10_of(int(self.count)):.2f}", kind, "this network", ""))
        return found

    def __str__(self) -> str:
        """A line per bound."""
        lines = [("regions", "log10", "kind", "bound", ""), *self.lines()]
        sizes = [max(len(line[column]) for line in lines) for column in range(5)]
        architecture = self.setting.architecture
        head = f"{architecture.name} ({architecture.activation}), {self.definition.value} regions"
        body = [
            f"{a:>{sizes[0]}}  {b:>{sizes[1]}}  {c:<{sizes[2]}}  {d:<{sizes[3]}}  {e}".rstrip()
            for a, b, c, d, e in lines
        ]
        note = [f"not counted: {self.count_note}"] if self.count_note else []
        return "\n".join([head, *body, *note])
