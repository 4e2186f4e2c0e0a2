"""What `vitrail at` says about a table of points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.cli.output import Json, properties, rows_table, show, write_json, write_line
from vitrail.status import Status

if TYPE_CHECKING:
    from rich.table import Table

    from vitrail.domains import Domain

__all__ = ["AtReport", "counted", "summary_of"]

# numbers that name something: they have no median
_NAMES = frozenset({"point", "row", "prediction", "nearest_unit", "nearest_layer"})
_LOW, _HIGH = 0.05, 0.95
_BOUNDS = ("_lower", "_upper")  # say once more what is there: in the files and in JSON
_COLUMNS = ("measure", "group", "median", "5 %", "95 %", "infinite", "unknown")


def counted(number: int, noun: str) -> str:
    """So many of something.

    Example:
        >>> counted(1, "point"), counted(1200, "point")
        ('1 point', '1,200 points')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def summary_of(values: np.ndarray) -> dict[str, Json]:
    """Median, the range from 5 % to 95 %, and how many of the numbers are infinite or unknown (NaN).

    Unknown numbers have no rank and are left out; infinite ones have. Between two ranks it is interpolated. Of truth
    values there is only how many are true.

    Example:
        >>> summary_of(np.array([1.0, 1.0, 1.0, np.nan, np.inf]))
        {'median': 1.0, 'low': 1.0, 'high': inf, 'infinite': 1, 'unknown': 1}
        >>> summary_of(np.array([True, False]))
        {'true': 1, 'unknown': 0}
    """
    if values.dtype.kind == "b":
        return {"true": int(values.sum()), "unknown": 0}
    known = np.sort(values[~np.isnan(values)])
    return {
        "median": _quantile(known, 0.5),
        "low": _quantile(known, _LOW),
        "high": _quantile(known, _HIGH),
        "infinite": int(np.isinf(known).sum()),
        "unknown": int(values.size - known.size),
    }


def _quantile(ordered: np.ndarray, share: float) -> float:
    """As numpy does it by default, but infinite numbers are no error."""
    if not ordered.size:
        return math.nan
    place = share * (ordered.size - 1)
    below, above = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
    part = place - math.floor(place)
    return below if below == above else (1.0 - part) * below + part * above


@dataclass(frozen=True, eq=False)
class AtReport:
    """A table of points, the network and domain it is about, the measures in it, the seconds it took, and the files."""

    model: Mapping[str, Json]
    domain: Domain
    table: Any
    measures: list[str]
    seed: int
    seconds: float
    written: Mapping[str, Json]

    def write(self, as_json: bool, quiet: bool) -> None:
        """Write it as one JSON object, as the number of points, or as tables."""
        if as_json:
            write_json(self.document())
        elif quiet:
            write_line(str(len(self.table)))
        else:
            show(*self.tables())

    @property
    def statuses(self) -> dict[str, int]:
        """How many rows have each status; all of them are named."""
        return _statuses(self.table)

    @property
    def groups(self) -> dict[str, Any]:
        """The rows of each group, in the order of the table."""
        return {str(name): part for name, part in self.table.groupby("group", sort=False)}

    def document(self) -> dict[str, Json]:
        """Everything but the rows, as plain values."""
        groups: list[Json] = [
            {
                "group": name,
                "points": len(part),
                "status": _statuses(part),
                "summary": {column: summary_of(values) for column, values in _columns(part).items()},
            }
            for name, part in self.groups.items()
        ]
        return {
            "command": "at",
            "model": self.model,
            "domain": {"description": self.domain.description, "dimension": self.domain.frame.dimension},
            "points": len(self.table),
            "measures": self.measures,
            "seed": self.seed,
            "groups": groups,
            "columns": dict(self.table.attrs["columns"]),
            "status": self.statuses,
            "seconds": self.seconds,
            "files": self.written,
        }

    def tables(self) -> list[Table]:
        """The same for people."""
        rows = [("domain", self.domain.description)]
        rows += [(name, _overview(part)) for name, part in self.groups.items()]
        rows.append(("seconds", f"{self.seconds:.3g}"))
        rows += [("written", str(name)) for name in self.written.values() if name is not None]
        by_group = {name: _columns(part) for name, part in self.groups.items()}
        cells = []
        for column in next(iter(by_group.values())):
            if column.endswith(_BOUNDS):
                continue
            for i, (name, columns) in enumerate(by_group.items()):
                cells.append(("" if i else column, name, *_cells(columns[column])))
        head = properties(str(self.model["path"]), rows)
        return [head, rows_table("", _COLUMNS, cells, right=range(2, 7))] if cells else [head]


def _columns(table: Any) -> dict[str, np.ndarray]:
    """The columns that can be summed up: truth values, and numbers that are no names, as float64."""
    found = {}
    for name in table.columns:
        kind = table[name].dtype.kind
        if name not in _NAMES and kind in "biuf":
            found[str(name)] = table[name].to_numpy(dtype=bool if kind == "b" else np.float64)
    return found


def _statuses(table: Any) -> dict[str, int]:
    return {status.value: int((table["status"] == status.value).sum()) for status in Status}


def _overview(table: Any) -> str:
    """Points and regions of a group, how many rows are how sure, and which measures are not."""
    places = f" in {counted(table['region'].nunique(), 'region')}" if "region" in table else ""
    unsure = []
    for name in table.columns:
        measure, _, rest = str(name).rpartition("_")
        if measure and rest == "status":
            number = sum(not Status(word).proven for word in table[name])
            unsure += [f"{measure} {number:,}"] if number else []
    more = f" ({', '.join(unsure)})" if unsure else ""
    return f"{counted(len(table), 'point')}{places}: {_said(_statuses(table))}{more}"


def _said(statuses: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in statuses.items() if number)


def _cells(values: np.ndarray) -> tuple[str, ...]:
    """Median, range, infinite and unknown; of truth values the share that is true."""
    if values.dtype.kind == "b":
        return (f"{values.mean():.1%} yes", "", "", "", "")
    found: dict[str, Any] = summary_of(values)
    ranks = ("-" if math.isnan(found[name]) else f"{found[name]:.4g}" for name in ("median", "low", "high"))
    return (*ranks, *(f"{found[name]:,}" if found[name] else "" for name in ("infinite", "unknown")))
