"""What a search keeps, column by column, so that joining the parts never takes the memory twice."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from itertools import groupby

import numpy as np

__all__ = ["Columns"]

_BLOCK_BYTES = 2**22


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
        self._blocks: dict[str, list[np.ndarray]] = {}
        self._loose: dict[str, list[np.ndarray]] = {}
        self._loose_bytes: dict[str, int] = {}

    def append(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Add rows, copied."""
        for name, array in arrays.items():
            self._loose.setdefault(name, []).append(array.copy())
            self._loose_bytes[name] = self._loose_bytes.get(name, 0) + array.nbytes
            if self._loose_bytes[name] >= _BLOCK_BYTES:
                self._pack(name)

    def extend(self, other: Columns) -> None:
        """Take over the rows of another, which is empty afterwards."""
        for name in {**other._blocks, **other._loose}:
            other._pack(name)
            self._pack(name)
            self._blocks.setdefault(name, []).extend(other._blocks.pop(name))

    def take(self, name: str, empty: np.ndarray) -> np.ndarray:
        """All rows of a column, which is empty afterwards; `empty` where it has none."""
        self._pack(name)
        blocks = self._blocks.pop(name)
        if not blocks:
            return empty
        width = max(block.shape[1:] for block in blocks)
        result = np.zeros((sum(len(block) for block in blocks), *width), dtype=blocks[0].dtype)
        start = len(result)
        while blocks:
            block = blocks.pop()
            start -= len(block)
            result[(slice(start, start + len(block)), *(slice(size) for size in block.shape[1:]))] = block
        return result

    def _pack(self, name: str) -> None:
        """Move loose rows to a block."""
        loose, blocks = self._loose.pop(name, []), self._blocks.setdefault(name, [])
        self._loose_bytes[name] = 0
        for width, group in groupby(loose, key=lambda part: part.shape[1:]):
            parts = list(group)
            block = _memory((sum(len(part) for part in parts), *width), parts[0].dtype)
            np.concatenate(parts, out=block)
            blocks.append(block)

    def __getstate__(self) -> dict[str, object]:
        """Blocks as ordinary arrays, for another process."""
        names = {**self._blocks, **self._loose}
        loose = {name: [*self._blocks.get(name, []), *self._loose.get(name, [])] for name in names}
        sizes = {name: sum(part.nbytes for part in parts) for name, parts in loose.items()}
        return {"_blocks": {}, "_loose": loose, "_loose_bytes": sizes}


def _memory(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    size = int(np.prod(shape)) * dtype.itemsize
    if size < _BLOCK_BYTES // 4:
        return np.empty(shape, dtype=dtype)
    return np.frombuffer(mmap.mmap(-1, size), dtype=dtype).reshape(shape)
