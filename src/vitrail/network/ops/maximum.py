"""Maximum (or minimum) over groups of candidates: max pooling, maxout, maximum of two tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitrail.errors import InvalidModelError, ResourceLimitError
from vitrail.network.ops.base import Op, Pieces, PiecewiseOp, Shape, check_size, piece_dtype, piece_index, size_of
from vitrail.numerics.fixed import Fixed, aligned

__all__ = ["Maximum", "as_maximum", "pool_windows"]


@dataclasses.dataclass(frozen=True, eq=False)
class Maximum(PiecewiseOp):
    """Each output entry is the largest (sign +1) or smallest (-1) of its group of candidates.

    `candidates` (G, K) indexes the concatenation of the flattened inputs; -1 = absent (padding with -inf).
    A unit is a group; its piece is the position 0..K-1 of the winner, the lowest one among equals.

    Raises:
        InvalidModelError: shapes that do not fit, an index out of range, or a group without a candidate.
        ResourceLimitError: more than 65,536 candidates in a group.

    Example:
        >>> op = Maximum(np.array([[0, 1]]), 1, ((2,),), (1,))
        >>> op.forward([torch.tensor([[3.0, 5.0]], dtype=torch.float64)]).tolist()
        [[5.0]]
    """

    candidates: NDArray[np.int64]
    sign: int
    input_shapes: tuple[Shape, ...]
    shape: Shape

    def __post_init__(self) -> None:
        """Make the table contiguous int64 and check it."""
        table = np.array(self.candidates, dtype=np.int64, order="C")
        table.setflags(write=False)
        object.__setattr__(self, "candidates", table)
        total = sum(size_of(shape) for shape in self.input_shapes)
        if self.sign not in (1, -1) or table.ndim != 2 or table.shape[0] != size_of(self.shape):
            raise InvalidModelError(
                f"maximum: expected sign +1 or -1 and {size_of(self.shape)} groups, found {self.sign} and {table.shape}"
            )
        if table.shape[1] > 65536:
            raise ResourceLimitError(f"maximum: {table.shape[1]} candidates in a group, at most 65536 are supported")
        if table.size and (table.min() < -1 or table.max() >= total):
            raise InvalidModelError(f"maximum: candidates must be -1 or below {total}, found {table.max()}")
        if (table < 0).all(axis=1).any():
            group = int(np.flatnonzero((table < 0).all(axis=1))[0])
            raise InvalidModelError(f"maximum: group {group} has no candidate; the window lies in the padding")

    @property
    def name(self) -> str:
        """Maximum or minimum."""
        return "maximum" if self.sign > 0 else "minimum"

    @property
    def units(self) -> int:
        """How many groups: the entries of the output."""
        return self.candidates.shape[0]

    @property
    def pieces(self) -> int:
        """The largest number of candidates of a group."""
        return self.candidates.shape[1]

    @cached_property
    def _table(self) -> Tensor:
        return torch.from_numpy(self.candidates.copy())

    def _join(self, tensors: Sequence[Tensor], lead: int) -> Tensor:
        return torch.cat([t.reshape(*t.shape[:lead], size_of(tuple(t.shape[lead:]))) for t in tensors], dim=lead)

    def pieces_at(self, tensors: Sequence[Tensor]) -> np.ndarray:
        """The winner of every group at points: (N, *input_shape) each to (N, units)."""
        flat = self._join(tensors, 1) * self.sign
        best = torch.full((flat.shape[0], self.units), -torch.inf, dtype=flat.dtype, device=flat.device)
        winner = torch.from_numpy((self.candidates >= 0).argmax(axis=1)).to(flat.device).repeat(flat.shape[0], 1)
        for position, column in enumerate(self._table.T.to(flat.device)):
            value = torch.where(column >= 0, flat[:, column.clamp(min=0)], -torch.inf)
            better = value > best
            winner[better] = position
            best = torch.where(better, value, best)
        return winner.cpu().numpy().astype(piece_dtype(self.pieces))

    def apply(self, forms: Sequence[Tensor], pieces: Pieces) -> Tensor:
        """Forms (B, c, *input_shape) along given winners (B, units); returns (B, c, *shape)."""
        flat = self._join(forms, 2)
        cells, columns, _ = flat.shape
        chosen = piece_index(pieces, flat.device).reshape(cells, self.units)
        index = self._table.T.to(flat.device).gather(0, chosen)
        result = flat.gather(2, index[:, None, :].expand(cells, columns, self.units))
        return result.reshape(cells, columns, *self.shape)

    def apply_exact(self, forms: Sequence[Fixed], pieces: Pieces) -> Fixed:
        """`apply` on exact forms."""
        digits, exponent = aligned(forms)
        count, cells = digits[0].shape[:2]
        flat = [part.flatten(0, 1) for part in digits]
        chosen = piece_index(pieces, flat[0].device).reshape(cells, self.units).repeat(count, 1)
        return Fixed(self.apply(flat, chosen).unflatten(0, (count, cells)), exponent)

    def forward(self, tensors: Sequence[Tensor]) -> Tensor:
        """Values at points, (N, *input_shape) each to (N, *shape)."""
        return self.apply([tensor[:, None] for tensor in tensors], self.pieces_at(tensors))[:, 0]


def as_maximum(op: Op) -> Maximum:
    """The op, which is a maximum if it is neither affine nor elementwise.

    Raises:
        InvalidModelError: it is of no known family.
    """
    if not isinstance(op, Maximum):
        raise InvalidModelError(f"unknown op {type(op).__name__}; ops are affine, Elementwise or Maximum")
    return op


def pool_windows(
    size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int, *, ceil: bool = False
) -> NDArray[np.int64]:
    """Input positions of every pooling window along one axis, (windows, kernel); -1 = outside.

    With `ceil`, the last window may reach beyond the padded input if it starts inside the input or the left padding.

    Raises:
        InvalidModelError: a kernel that is larger than the padded input.

    Example:
        >>> pool_windows(3, 2, 2, (1, 0), 1).tolist()
        [[-1, 0], [1, 2]]
    """
    if min(kernel, stride, dilation) < 1 or min(padding) < 0:
        raise InvalidModelError(
            "pooling: expected kernel, stride, dilation >= 1 and padding >= 0, found "
            f"{(kernel, stride, dilation, padding)}"
        )
    reach = dilation * (kernel - 1) + 1
    room = size + sum(padding) - reach
    if room < 0:
        raise InvalidModelError(f"pooling: the kernel spans {reach} entries, the padded input {size + sum(padding)}")
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= size + padding[0]:
        count -= 1
    check_size((count, kernel), "pooling")
    positions = np.arange(count)[:, None] * stride - padding[0] + np.arange(kernel)[None, :] * dilation
    return np.where((positions >= 0) & (positions < size), positions, -1).astype(np.int64)
