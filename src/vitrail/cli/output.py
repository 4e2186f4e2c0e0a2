"""What commands write: tables for people, one strict JSON object for programs."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Json", "printable", "properties", "rows_table", "show", "write_json", "write_line"]

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

_WIDE = 160


def printable(text: str) -> str:
    r"""The text on one line, with everything escaped that a terminal could take as a command.

    Example:
        >>> printable("a\x1b[31m\n")
        'a\\x1b[31m\\n'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def write_line(text: str) -> None:
    """One line on stdout."""
    sys.stdout.write(f"{text}\n")


def write_json(value: Json) -> None:
    """One JSON object on stdout; infinities become the strings "inf" and "-inf", NaN becomes null.

    Example:
        >>> write_json({"measure": float("inf"), "error": float("nan")})
        {"measure": "inf", "error": null}
    """
    write_line(json.dumps(_strict(value), allow_nan=False))


def _strict(value: Json) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_strict(item) for item in value]
    return value


def properties(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """A table of two columns, name and value."""
    return rows_table(title, ("", ""), rows, right=())


def rows_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int]) -> Table:
    """A table; the columns numbered in `right` are numbers, aligned to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(title)), title_justify="left", box=box.SIMPLE, show_header=any(columns))
    for i, name in enumerate(columns):
        table.add_column(Text(name), justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def show(*tables: Table) -> None:
    """Tables on stdout, as wide as the terminal; plain text where it is none."""
    from rich.console import Console

    # a file or a pipe has no width of its own: wide enough that nothing is folded that a program may look for
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE
    console = Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)
    for table in tables:
        console.print(table)
