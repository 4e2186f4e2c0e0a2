"""Concatenation along an axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.ops.base import AffineOp, Shape

__all__ = ["Concat"]


@dataclasses.dataclass(frozen=True, eq=False)
class Concat(AffineOp):
    """Tensors one after the other along `axis` (>= 0).

    Raises:
        InvalidModelError: shapes that differ elsewhere.

    Example:
        >>> Concat(((2, 3), (1, 3)), 0).shape
        (3, 3)
    """

    input_shapes: tuple[Shape, ...]
    axis: int
    shape: Shape = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Derive the shape."""
        first, axis = self.input_shapes[0], self.axis
        others = {(*shape[:axis], *shape[axis + 1 :]) for shape in self.input_shapes}
        if not 0 <= axis < len(first) or len(others) != 1 or len({len(shape) for shape in self.input_shapes}) != 1:
            raise InvalidModelError(f"concat: shapes {self.input_shapes} do not fit along axis {axis}")
        total = sum(shape[axis] for shape in self.input_shapes)
        object.__setattr__(self, "shape", (*first[:axis], total, *first[axis + 1 :]))

    @property
    def terms(self) -> int:
        """Exact: nothing is computed."""
        return 0

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Concatenate: (N, *input_shape) each to (N, *shape)."""
        return torch.cat(list(tensors), dim=self.axis + 1)
