"""What bounds over a ball need of an affine op: its magnitudes, squares, and transposed, on flat arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from vitrail.local.gradients.sweep import lost, rounding_of, with_ones
from vitrail.network.ops.base import AffineOp, size_of
from vitrail.network.ops.concat import Concat
from vitrail.network.ops.shape import Select
from vitrail.numerics.filters import gamma

__all__ = ["AffineMap"]

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class AffineMap:
    """An affine op on flat arrays (rows, entries), one per input.

    Example:
        >>> from vitrail.network.ops.linear import Linear
        >>> matrix = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
        >>> own = AffineMap(Linear(matrix))
        >>> own.forward([np.ones((1, 2))]).tolist(), own.transposed(np.ones((1, 1)))[0].tolist()
        ([[-1.0]], [[1.0, -2.0]])
    """

    op: AffineOp

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Entries of each input."""
        return tuple(size_of(shape) for shape in self.op.input_shapes)

    @cached_property
    def size(self) -> int:
        """Entries of the output."""
        return size_of(self.op.shape)

    @cached_property
    def moves(self) -> bool:
        """Whether each output entry is one input entry or 0: then bounds move along as they are."""
        return isinstance(self.op, Select | Concat)

    @cached_property
    def weight(self) -> np.ndarray | None:
        """The matrix (out, in) of a dense op."""
        return None if self.op.weight is None else self.op.weight.numpy()

    @cached_property
    def bias(self) -> np.ndarray:
        """The constant part (out,)."""
        if self.op.bias is None:
            return np.zeros(self.size)
        return np.ascontiguousarray(self.op.bias.expand(self.op.shape).reshape(-1).numpy())

    @cached_property
    def rounding(self) -> float:
        """Relative rounding error of an output entry, 0 if none."""
        return rounding_of(self.op)

    @cached_property
    def lost(self) -> float:
        """What underflow can take from an output entry."""
        return lost(self.op)

    @cached_property
    def _magnitudes(self) -> AffineOp:
        return self.op.absolute()

    @cached_property
    def _squares(self) -> AffineOp:
        coefficients = self.op.coefficients
        return self._magnitudes if coefficients is None else self.op.replaced(coefficients * coefficients, None)

    @cached_property
    def _ones(self) -> AffineOp:
        return with_ones(self._magnitudes)

    def linear(self, arrays: Arrays) -> np.ndarray:
        """The linear part: (rows, in) each to (rows, out)."""
        return _applied(self.op, arrays)

    def forward(self, arrays: Arrays) -> np.ndarray:
        """Values: (rows, in) each to (rows, out)."""
        return self.linear(arrays) + self.bias

    def magnitudes(self, arrays: Arrays) -> np.ndarray:
        """Sums of |coefficient| times entries, without the bias."""
        return _applied(self._magnitudes, arrays)

    def squares(self, number: int, array: np.ndarray) -> np.ndarray:
        """Sums of squared coefficients of one input times its entries."""
        return _applied(self._squares, self._alone(number, array))

    def magnitudes_of(self, number: int, array: np.ndarray) -> np.ndarray:
        """Sums of |coefficient| of one input times its entries."""
        return self.magnitudes(self._alone(number, array))

    def reads(self, marked: Arrays) -> np.ndarray:
        """Which outputs have a coefficient that is not 0 at a marked entry, (rows, out) bool."""
        return _applied(self._ones, [array.astype(np.float64) for array in marked]) > 0

    def transposed(self, rows: np.ndarray) -> list[np.ndarray]:
        """Coefficients (rows, out) of the outputs as coefficients (rows, in) of each input."""
        if isinstance(self.op, Select) and self.op.index is None:
            return [rows]
        return _pulled(self.op, rows)

    @cached_property
    def column_sums(self) -> tuple[float, ...]:
        """Per input the largest sum of |coefficient| of one of its entries, computed."""
        return _largest(_pulled(self._magnitudes, np.ones((1, self.size))))

    @cached_property
    def readers(self) -> int:
        """The most outputs that read one entry."""
        return int(max(_largest(_pulled(self._ones, np.ones((1, self.size))))))

    @cached_property
    def pull_rounding(self) -> float:
        """Relative rounding error of `transposed`, 0 if none."""
        exact = self.moves and self.readers <= 1
        return 0.0 if exact else gamma(2 * self.readers + 8)

    def _alone(self, number: int, array: np.ndarray) -> list[np.ndarray]:
        return [array if k == number else np.zeros((len(array), size)) for k, size in enumerate(self.sizes)]


def _largest(arrays: Arrays) -> tuple[float, ...]:
    return tuple(float(array.max(initial=0.0)) for array in arrays)


def _applied(op: AffineOp, arrays: Arrays) -> np.ndarray:
    if op.weight is not None:
        # numpy's product is quicker than torch's for float64 on some processors
        return arrays[0] @ op.weight.numpy().T
    rows = len(arrays[0])
    tensors = [_tensor(array).reshape(rows, *shape) for array, shape in zip(arrays, op.input_shapes, strict=True)]
    return _array(op.linear(tensors).reshape(rows, -1))


def _pulled(op: AffineOp, rows: np.ndarray) -> list[np.ndarray]:
    """The transposed by reverse differentiation, which is exact for a linear map up to the rounding of its sums."""
    if op.weight is not None:
        return [rows @ op.weight.numpy()]
    grad: Callable[..., tuple[Tensor, ...]] = torch.autograd.grad
    with torch.enable_grad():
        inputs = [
            torch.zeros((len(rows), *shape), dtype=torch.float64, requires_grad=True) for shape in op.input_shapes
        ]
        found = grad(op.linear(inputs), inputs, _tensor(rows).reshape(len(rows), *op.shape))
    return [_array(tensor.reshape(len(rows), -1)) for tensor in found]


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())
