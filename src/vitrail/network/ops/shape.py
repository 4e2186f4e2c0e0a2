"""Moving entries around: one gather by flat index covers every reshaping, slicing, permuting and padding."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.ops.base import AffineOp, Shape, size_of

__all__ = ["Select", "reshape", "select"]


@dataclasses.dataclass(frozen=True, eq=False)
class Select(AffineOp):
    """Output entry i is input entry index[i], or 0 where index[i] = -1; index None = a reshape, which is free.

    Raises:
        InvalidModelError: an index out of range, or a size that does not fit.

    Example:
        >>> select((3,), np.array([[2, -1]])).forward([torch.tensor([[1.0, 2.0, 3.0]])]).tolist()
        [[[3.0, 0.0]]]
    """

    input_shape: Shape
    shape: Shape
    index: Tensor | None = None
    input_shapes: tuple[Shape, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Check the index."""
        object.__setattr__(self, "input_shapes", (self.input_shape,))
        size, entries = size_of(self.input_shape), size_of(self.shape)
        if self.index is None:
            fits = size == entries
        else:
            low, high = (int(self.index.min()), int(self.index.max())) if entries else (0, -1)
            fits = self.index.shape == (entries,) and low >= -1 and high < size
        if not fits:
            raise InvalidModelError(f"select: the index does not fit shapes {self.input_shape} and {self.shape}")

    @property
    def name(self) -> str:
        """Reshape, or select when entries move."""
        return "reshape" if self.index is None else "select"

    @property
    def terms(self) -> int:
        """Exact: nothing is computed."""
        return 0

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Gather: (N, *input_shape) to (N, *shape)."""
        values = tensors[0]
        if self.index is None:
            return values.reshape(values.shape[0], *self.shape)
        index = self.index.to(values.device)
        result = values.reshape(values.shape[0], -1).index_select(1, index.clamp(min=0))
        result[:, index < 0] = 0.0
        return result.reshape(values.shape[0], *self.shape)


def reshape(input_shape: Shape, shape: Shape) -> Select:
    """The free op that changes only the shape.

    Example:
        >>> reshape((2, 3), (6,)).name
        'reshape'
    """
    return Select(input_shape, shape)


def select(input_shape: Shape, index: np.ndarray) -> Select:
    """Gather by a table of flat input positions (-1 = 0); the output has the table's shape. The identity is free.

    Example:
        >>> select((2, 2), np.array([[0, 2], [1, 3]])).shape
        (2, 2)
    """
    flat = np.ascontiguousarray(index, dtype=np.int64).reshape(-1)
    if flat.size == size_of(input_shape) and (flat == np.arange(flat.size)).all():
        return Select(input_shape, index.shape)
    return Select(input_shape, index.shape, torch.from_numpy(flat.copy()))
