"""What a search keeps, column by column, so that joining the parts never takes the memory twice."""

from __future__ import annotations

import mmap
from collections.abc import Mapping

import numpy as np

__all__ = ["Columns"]

_BLOCK_BYTES = 2**22
_SMALL_BYTES = 2**16
"""Blocks below this are as large as what they hold: many searches keep little."""


class _Column:
    """Rows in blocks; the last block may have room left."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []
        self.used = 0  # rows of the last block

    def append(self, rows: np.ndarray) -> None:
        while len(rows):
            if not self.blocks or self.used == len(self.blocks[-1]) or self.blocks[-1].shape[1:] != rows.shape[1:]:
                self._open(rows)
            fits = min(len(rows), len(self.blocks[-1]) - self.used)
            self.blocks[-1][self.used : self.used + fits] = rows[:fits]
            self.used += fits
            rows = rows[fits:]

    def _open(self, rows: np.ndarray) -> None:
        self.close()
        width = int(np.prod(rows.shape[1:], dtype=np.int64)) * rows.dtype.itemsize
        if len(rows) * width < _SMALL_BYTES:
            self.blocks.append(np.empty(rows.shape, dtype=rows.dtype))
            return
        count = max(len(rows), _BLOCK_BYTES // width)
        memory = np.frombuffer(mmap.mmap(-1, count * width), dtype=rows.dtype)
        self.blocks.append(memory.reshape(count, *rows.shape[1:]))

    def close(self) -> None:
        """Leave the room in the last block unused: it was never touched, so it takes no memory."""
        if self.blocks:
            self.blocks[-1] = self.blocks[-1][: self.used]
        self.used = 0


class Columns:
    """Named arrays that grow by their first axis.

    Rows are gathered in blocks of memory that goes back to the system as soon as a block is dropped, which numpy's own
    memory need not. Columns may differ in length; rows of a column may grow wider, the earlier ones filled up with 0.

    Example:
        >>> columns = Columns()
        >>> columns.append({"a": np.array([1, 2])})
        >>> columns.append({"a": np.array([3])})
        >>> columns.take("a", np.zeros(0, dtype=np.int64)).tolist(), columns.take("b", np.zeros(0)).tolist()
        ([1, 2, 3], [])
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._columns: dict[str, _Column] = {}

    def append(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Add rows, copied."""
        for name, array in arrays.items():
            self._columns.setdefault(name, _Column()).append(array)

    def extend(self, other: Columns) -> None:
        """Take over the rows of another, which is empty afterwards."""
        for name, column in other._columns.items():
            own = self._columns.setdefault(name, _Column())
            own.close()
            column.close()
            own.blocks += column.blocks
            own.used = len(own.blocks[-1]) if own.blocks else 0
        other._columns = {}

    def take(self, name: str, empty: np.ndarray) -> np.ndarray:
        """All rows of a column, which is empty afterwards; `empty` where it has none."""
        column = self._columns.pop(name, None)
        if column is None or not column.blocks:
            return empty
        column.close()
        blocks = column.blocks
        width = max(block.shape[1:] for block in blocks)
        # not zeros, as numpy asks for large pages only here, and touching small ones takes longer than the search
        result = np.empty((sum(len(block) for block in blocks), *width), dtype=blocks[0].dtype)
        start = len(result)
        while blocks:
            block = blocks.pop()
            start -= len(block)
            rows = result[start : start + len(block)]
            if block.shape[1:] != width:
                rows[:] = 0
            rows[(slice(None), *(slice(size) for size in block.shape[1:]))] = block
        return result

    def __getstate__(self) -> dict[str, dict[str, list[np.ndarray]]]:
        """Blocks as ordinary arrays, for another process."""
        for column in self._columns.values():
            column.close()
        return {"blocks": {name: [block.copy() for block in column.blocks] for name, column in self._columns.items()}}

    def __setstate__(self, state: dict[str, dict[str, list[np.ndarray]]]) -> None:
        """The same columns in memory of this process."""
        self._columns = {}
        for name, blocks in state["blocks"].items():
            column = self._columns[name] = _Column()
            column.blocks = blocks
            column.used = len(blocks[-1]) if blocks else 0
