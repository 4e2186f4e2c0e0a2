"""Average pooling: fixed windows, adaptive windows, global."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.ops.base import AffineOp, Shape, check_size

__all__ = ["AveragePool", "adaptive_windows", "membership"]


@dataclasses.dataclass(frozen=True, eq=False)
class AveragePool(AffineOp):
    """Sums over separable windows of the last one or two axes, times stored float64 reciprocals.

    `windows` has one 0/1 matrix (out, in) per pooled axis; `reciprocals` (*out) holds fl(1/count) per position:
    the analysed network is the one with these stored numbers.

    Raises:
        InvalidModelError: shapes that do not fit.

    Example:
        >>> half = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
        >>> AveragePool((3, 2), (half,), torch.tensor([0.5], dtype=torch.float64)).shape
        (3, 1)
    """

    input_shape: Shape
    windows: tuple[Tensor, ...]
    reciprocals: Tensor
    shape: Shape = dataclasses.field(init=False)
    input_shapes: tuple[Shape, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Derive the shapes."""
        axes = len(self.windows)
        inner = tuple(window.shape[1] for window in self.windows)
        outer = tuple(window.shape[0] for window in self.windows)
        if axes not in (1, 2) or self.input_shape[-axes:] != inner or tuple(self.reciprocals.shape) != outer:
            raise InvalidModelError(
                f"average pooling: windows over {inner} do not fit an input {self.input_shape}; at most 2 axes"
            )
        object.__setattr__(self, "shape", (*self.input_shape[:-axes], *outer))
        object.__setattr__(self, "input_shapes", (self.input_shape,))

    @property
    def terms(self) -> int:
        """Entries of the largest window, plus one for the reciprocal."""
        count = 1
        for window in self.windows:
            count *= int(window.sum(dim=1).max())
        return count + 1

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Pool: (N, *input_shape) to (N, *shape)."""
        device = tensors[0].device
        result = torch.matmul(tensors[0], self.windows[-1].to(device).T)
        if len(self.windows) == 2:
            result = torch.matmul(self.windows[0].to(device), result)
        return result * self.reciprocals.to(device)

    @property
    def coefficients(self) -> Tensor | None:
        """The reciprocals."""
        return self.reciprocals

    def replaced(self, coefficients: Tensor, bias: Tensor | None) -> AveragePool:
        """Other factors in place of the reciprocals."""
        return dataclasses.replace(self, reciprocals=coefficients)


def membership(positions: NDArray[np.int64], size: int) -> Tensor:
    """Window positions (out, kernel), -1 = outside, as a 0/1 matrix (out, size).

    Example:
        >>> membership(np.array([[-1, 0], [1, 2]]), 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    check_size((positions.shape[0], size), "average pooling")
    matrix = np.zeros((positions.shape[0], size))
    rows, columns = np.nonzero(positions >= 0)
    matrix[rows, positions[rows, columns]] = 1.0
    return torch.from_numpy(matrix)


def adaptive_windows(size: int, count: int) -> NDArray[np.int64]:
    """Positions of adaptive pooling windows: window i covers floor(i * size / count) up to ceil((i+1) * size / count).

    Example:
        >>> adaptive_windows(5, 2).tolist()
        [[0, 1, 2], [2, 3, 4]]
    """
    starts = [index * size // count for index in range(count)]
    stops = [-(-(index + 1) * size // count) for index in range(count)]
    longest = max(stop - start for start, stop in zip(starts, stops, strict=True))
    table = np.full((count, longest), -1, dtype=np.int64)
    for index, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        table[index, : stop - start] = np.arange(start, stop)
    return table
