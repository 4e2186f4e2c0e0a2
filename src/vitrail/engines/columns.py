"""What a search keeps, column by column, in memory that grows in place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["Columns"]

_LEAST_BYTES, _MOST_BYTES = 2**16, 2**22
"""A column grows by as much as it has, within these: numpy touches all memory that it adds, used or not."""


class Columns:
    """Named arrays that grow by their first axis.

    A large array grows by moving its pages, without a copy, and touching new memory takes longer than anything else
    that is done with it: so rows are written once to where they stay. Columns may differ in length; rows of a column
    may grow wider, the earlier ones filled up with 0.

    Example:
        >>> columns = Columns()
        >>> columns.append({"a": np.array([1, 2])})
        >>> columns.append({"a": np.array([3])})
        >>> columns.take("a", np.zeros(0, dtype=np.int64)).tolist(), columns.take("b", np.zeros(0)).tolist()
        ([1, 2, 3], [])
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._arrays: dict[str, np.ndarray] = {}
        self._used: dict[str, int] = {}

    def append(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Add rows, copied."""
        for name, rows in arrays.items():
            used = self._used.get(name, 0)
            stop = used + len(rows)
            own = self._with_room(name, rows, stop)
            own[(slice(used, stop), *(slice(size) for size in rows.shape[1:]))] = rows
            if own.shape[1:] != rows.shape[1:]:
                for axis, size in enumerate(rows.shape[1:], start=1):
                    np.moveaxis(own[used:stop], axis, 0)[size:] = 0
            self._used[name] = stop

    def _with_room(self, name: str, rows: np.ndarray, stop: int) -> np.ndarray:
        """The column's array, with at least so many rows, as wide as these or wider."""
        own = self._arrays.get(name)
        if own is None:
            own = np.empty((0, *rows.shape[1:]), dtype=rows.dtype)
        if any(mine < theirs for mine, theirs in zip(own.shape[1:], rows.shape[1:], strict=True)):
            wider = np.zeros((len(own), *np.maximum(own.shape[1:], rows.shape[1:])), dtype=own.dtype)
            wider[tuple(slice(size) for size in own.shape)] = own
            own = wider
        if stop > len(own):
            width = max(1, own.dtype.itemsize * int(np.prod(own.shape[1:], dtype=np.int64)))
            more = min(max(len(own), min(_LEAST_BYTES // width, 4 * stop)), _MOST_BYTES // width)
            own.resize((max(stop, len(own) + more), *own.shape[1:]), refcheck=False)  # nobody else has seen the array
        self._arrays[name] = own
        return own

    def extend(self, other: Columns) -> None:
        """Add the rows of another, which is empty afterwards and keeps its memory."""
        self.append({name: array[: other._used[name]] for name, array in other._arrays.items()})
        other._used = dict.fromkeys(other._used, 0)

    def take(self, name: str, empty: np.ndarray) -> np.ndarray:
        """All rows of a column, which is gone afterwards; `empty` where it has none."""
        own, used = self._arrays.pop(name, None), self._used.pop(name, 0)
        if own is None or not used:
            return empty
        own.resize((used, *own.shape[1:]), refcheck=False)
        return own

    def __getstate__(self) -> dict[str, dict[str, np.ndarray]]:
        """The rows alone, for another process."""
        return {"rows": {name: array[: self._used[name]].copy() for name, array in self._arrays.items()}}

    def __setstate__(self, state: dict[str, dict[str, np.ndarray]]) -> None:
        """The same columns in memory of this process."""
        self._arrays = state["rows"]
        self._used = {name: len(rows) for name, rows in state["rows"].items()}
