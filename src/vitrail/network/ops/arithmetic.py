"""Adding tensors, scaling and shifting by constants, sums and means over axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.ops.base import AffineOp, Shape, size_of
from vitrail.network.ops.linear import count_terms

__all__ = ["Add", "Scale", "Sum"]


@dataclasses.dataclass(frozen=True, eq=False)
class Add(AffineOp):
    """Sum of tensors with signs +1 or -1 and numpy broadcasting.

    Raises:
        InvalidModelError: shapes that do not broadcast, or another number of signs than inputs.

    Example:
        >>> Add(((2, 3), (3,)), (1, -1)).shape
        (2, 3)
    """

    input_shapes: tuple[Shape, ...]
    signs: tuple[int, ...]
    shape: Shape = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Derive the shape."""
        if len(self.signs) != len(self.input_shapes) or not set(self.signs) <= {1, -1}:
            raise InvalidModelError(f"add: expected a sign +1 or -1 per input, found {self.signs}")
        try:
            shape = tuple(torch.broadcast_shapes(*self.input_shapes))
        except RuntimeError as error:
            raise InvalidModelError(f"add: shapes {self.input_shapes} do not broadcast") from error
        object.__setattr__(self, "shape", shape)

    @property
    def name(self) -> str:
        """Add, or subtract when a sign is negative."""
        return "subtract" if -1 in self.signs else "add"

    @property
    def terms(self) -> int:
        """One per input; a single input is exact."""
        return len(self.signs) if len(self.signs) > 1 else 0

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Add up: (N, *input_shape) each to (N, *shape)."""
        rank = len(self.shape)
        total = torch.zeros((), dtype=tensors[0].dtype, device=tensors[0].device)
        for index, (tensor, sign) in enumerate(zip(tensors, self.signs, strict=True)):
            own = self.input_shapes[index]
            spread = tensor.reshape(tensor.shape[0], *(1,) * (rank - len(own)), *own)
            total = spread * sign if index == 0 else total.add(spread, alpha=sign)
        return total.expand(tensors[0].shape[0], *self.shape)

    def absolute(self) -> Add:
        """The sum of the magnitudes."""
        return Add(self.input_shapes, (1,) * len(self.signs))


@dataclasses.dataclass(frozen=True, eq=False)
class Scale(AffineOp):
    """y = scale * x + bias, entry by entry; scale and bias broadcast to `shape` and are stored in float64.

    Batch normalisation, multiplication, division, addition and subtraction of constants, and negation.

    Raises:
        InvalidModelError: a scale or bias that does not broadcast to the shape.

    Example:
        >>> Scale((2,), torch.tensor(-1.0, dtype=torch.float64)).terms
        0
    """

    shape: Shape
    scale: Tensor | None = None
    bias: Tensor | None = None
    label: str = "scale"
    input_shapes: tuple[Shape, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Check that the constants fit."""
        for constant in (self.scale, self.bias):
            if constant is None:
                continue
            try:
                fits = tuple(torch.broadcast_shapes(constant.shape, self.shape)) == self.shape
            except RuntimeError:
                fits = False
            if not fits:
                raise InvalidModelError(
                    f"{self.label}: a constant of shape {tuple(constant.shape)} does not fit {self.shape}"
                )
        object.__setattr__(self, "input_shapes", (self.shape,))

    @property
    def name(self) -> str:
        """The label: scale, batch_norm, negate, ..."""
        return self.label

    @property
    def parameters(self) -> int:
        """Entries of scale and bias."""
        return sum(constant.numel() for constant in (self.scale, self.bias) if constant is not None)

    @cached_property
    def terms(self) -> int:
        """2 with a scale and a bias (or a bias alone), 1 with a scale, 0 when it is a power of two."""
        scale = torch.ones((), dtype=torch.float64) if self.scale is None else self.scale
        if self.bias is None:
            return count_terms(scale.reshape(-1, 1), None)
        scale, bias = torch.broadcast_tensors(scale, self.bias)
        return count_terms(scale.reshape(-1, 1), bias.reshape(-1))

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Scale: (N, *shape) to (N, *shape)."""
        return tensors[0] if self.scale is None else tensors[0] * self.scale.to(tensors[0].device)

    @property
    def coefficients(self) -> Tensor | None:
        """The scale."""
        return self.scale

    def replaced(self, coefficients: Tensor, bias: Tensor | None) -> Scale:
        """Another scale and bias."""
        return dataclasses.replace(self, scale=coefficients, bias=bias)

    def absolute(self) -> Scale:
        """The same op with |scale| and |bias|."""
        scale = None if self.scale is None else self.scale.abs()
        return dataclasses.replace(self, scale=scale, bias=None if self.bias is None else self.bias.abs())


@dataclasses.dataclass(frozen=True, eq=False)
class Sum(AffineOp):
    """Sum over axes, times a stored float64 factor: 1 for a sum, fl(1/count) for a mean.

    Example:
        >>> Sum((2, 3), (1,), 1.0, keep=False).shape
        (2,)
    """

    input_shape: Shape
    axes: tuple[int, ...]
    factor: float
    keep: bool
    shape: Shape = dataclasses.field(init=False)
    input_shapes: tuple[Shape, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Derive the shapes."""
        if len(set(self.axes)) != len(self.axes) or not all(0 <= axis < len(self.input_shape) for axis in self.axes):
            raise InvalidModelError(f"sum: axes {self.axes} do not fit shape {self.input_shape}")
        sizes = enumerate(self.input_shape)
        shape = tuple(1 if axis in self.axes else size for axis, size in sizes if self.keep or axis not in self.axes)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "input_shapes", (self.input_shape,))

    @property
    def name(self) -> str:
        """Sum or mean."""
        return "sum" if self.factor == 1.0 else "mean"

    @property
    def terms(self) -> int:
        """Entries of a sum, plus one for a factor that rounds."""
        count = size_of(tuple(self.input_shape[axis] for axis in self.axes))
        rounds = count_terms(torch.tensor([[self.factor]], dtype=torch.float64), None)
        return count + rounds if count > 1 else rounds

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Sum: (N, *input_shape) to (N, *shape)."""
        if not self.axes:
            return tensors[0] * self.factor
        return tensors[0].sum(dim=tuple(axis + 1 for axis in self.axes), keepdim=self.keep) * self.factor

    @property
    def coefficients(self) -> Tensor | None:
        """The factor."""
        return torch.tensor(self.factor, dtype=torch.float64)

    def replaced(self, coefficients: Tensor, bias: Tensor | None) -> Sum:
        """Another factor."""
        return dataclasses.replace(self, factor=float(coefficients))
