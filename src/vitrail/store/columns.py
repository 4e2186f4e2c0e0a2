"""Columns that rows are appended to: each keeps the one type that holds all its values, and fills up with missing."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.errors import InvalidOptionError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Columns", "Value", "plain_value"]

Value = bool | int | float | str | None
"""What a record holds under one name; None where it was not measured."""

_LARGEST = 2**63 - 1
_WIDER = {("bool", "int"): "int", ("bool", "float"): "float", ("int", "float"): "float"}
_BLOCK = 512  # rows that are turned into arrays once and for all


def plain_value(name: str, value: object) -> Value:
    """A value as Python has it: numbers of numpy and tensors of one number become numbers.

    Whole numbers beyond 64 bits become floats, the nearest or infinity. NaN and infinity stay.

    Raises:
        InvalidOptionError: something else than one number, a truth value, a text or None.

    Example:
        >>> plain_value("loss", np.float32(0.5)), plain_value("right", np.bool_(True)), plain_value("count", 3)
        (0.5, True, 3)
    """
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if not isinstance(value, numbers.Number | np.bool_) and math.prod(getattr(value, "shape", (0,))) == 1:
        item = getattr(value, "item", None)
        value = item() if callable(item) else value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value) if abs(int(value)) <= _LARGEST else _as_float(int(value))
    if isinstance(value, numbers.Real):
        return float(value)
    raise InvalidOptionError(f"{name}: expected one number, found {type(value).__name__}; give {name}.item(), say")


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _kind(value: bool | int | float | str) -> str:
    return type(value).__name__


class Columns:
    """Rows of values by name, kept by column.

    Example:
        >>> columns = Columns()
        >>> columns.append({"step": 0, "loss": 1})
        >>> columns.append({"step": 1, "loss": 0.5, "note": "a"})
        >>> columns.table().to_pylist()
        [{'step': 0, 'loss': 1.0, 'note': None}, {'step': 1, 'loss': 0.5, 'note': 'a'}]
    """

    def __init__(self) -> None:
        self._kinds: dict[str, str | None] = {}
        self._tail: list[dict[str, Value]] = []
        self._blocks: list[pyarrow.Table] = []
        self._rows = 0

    def __len__(self) -> int:
        """Number of rows."""
        return self._rows

    def append(self, row: Mapping[str, Value]) -> None:
        """Add one row; a name that is new gets a column, missing in the rows before.

        Raises:
            InvalidOptionError: a text in a column of numbers, or the other way round; nothing is added then.
        """
        kinds = {name: self.kind_with(name, value) for name, value in row.items()}
        self._kinds |= kinds
        self._tail.append(dict(row))
        self._rows += 1
        if len(self._tail) == _BLOCK:
            self._blocks.append(self._tail_table())
            self._tail = []

    def kind_with(self, name: str, value: Value) -> str | None:
        """The kind of a column once it holds a value, too; None while all are missing.

        Raises:
            InvalidOptionError: a text in a column of numbers, or the other way round.
        """
        before = self._kinds.get(name)
        if value is None:
            return before
        found = _kind(value)
        if before is None or before == found:
            return found
        wider = _WIDER.get((before, found)) or _WIDER.get((found, before))
        if wider is None:
            raise InvalidOptionError(
                f"{name}: expected {before} as in the records before, found {found} ({value!r}); use another name"
            )
        return wider

    def table(self) -> pyarrow.Table:
        """All rows as a table of arrow."""
        import pyarrow

        schema = self._schema()
        parts = [_fitted(block, schema) for block in self._blocks]
        if self._tail or not parts:
            parts.append(self._tail_table())
        return pyarrow.concat_tables(parts)

    def _schema(self) -> pyarrow.Schema:
        import pyarrow

        types = {"bool": pyarrow.bool_(), "int": pyarrow.int64(), "float": pyarrow.float64(), "str": pyarrow.string()}
        return pyarrow.schema([(name, types[kind or "float"]) for name, kind in self._kinds.items()])

    def _tail_table(self) -> pyarrow.Table:
        import pyarrow

        schema = self._schema()
        convert: dict[str | None, Any] = {"float": float, "int": int}
        arrays = []
        for field in schema:
            make = convert.get(self._kinds[field.name])
            values = [row.get(field.name) for row in self._tail]
            if make is not None:
                values = [None if value is None else make(value) for value in values]
            arrays.append(pyarrow.array(values, type=field.type, from_pandas=False))
        return pyarrow.Table.from_arrays(arrays, schema=schema)


def _fitted(block: pyarrow.Table, schema: pyarrow.Schema) -> pyarrow.Table:
    """A block of earlier rows with the columns and types that there are by now."""
    import pyarrow

    if block.schema.equals(schema):
        return block
    known = set(block.column_names)
    arrays = [
        block[field.name].cast(field.type, safe=False) if field.name in known else pyarrow.nulls(len(block), field.type)
        for field in schema
    ]
    return pyarrow.Table.from_arrays(arrays, schema=schema)
