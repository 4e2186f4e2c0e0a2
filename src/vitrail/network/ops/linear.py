"""Dense linear maps and products with a constant matrix."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from vitrail.errors import InvalidModelError
from vitrail.network.ops.base import AffineOp, Shape

__all__ = ["ConstantProduct", "Linear", "count_terms"]


def count_terms(weights: Tensor, bias: Tensor | None) -> int:
    """Terms of the longest sum behind one output: nonzero weights of a row (last axis) plus its bias; 0 = exact.

    A single product with a power of two does not round, so it counts 0.

    Example:
        >>> count_terms(torch.tensor([[1.5, 0.0, 3.0]]), None), count_terms(torch.tensor([[0.5, 0.0]]), None)
        (2, 0)
    """
    if weights.numel() == 0:
        return 0
    counts = (weights != 0).sum(dim=-1)
    if bias is not None:
        counts = counts + (bias != 0)
    longest = int(counts.max())
    if longest > 1:
        return longest
    mantissas = torch.frexp(weights).mantissa.abs()
    return 0 if bool(((mantissas == 0.5) | (mantissas == 0)).all()) else longest


@dataclasses.dataclass(frozen=True, eq=False)
class Linear(AffineOp):
    """y = matrix @ x + bias on the last axis; `lead` are axes in front of it that are left alone.

    Raises:
        InvalidModelError: a matrix that is not 2-D, or a bias of another length.

    Example:
        >>> Linear(torch.ones(1, 2, dtype=torch.float64), None).input_shapes
        ((2,),)
    """

    matrix: Tensor
    bias: Tensor | None = None
    lead: Shape = ()
    shape: Shape = dataclasses.field(init=False)
    input_shapes: tuple[Shape, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Derive the shapes and check the parameters."""
        if self.matrix.ndim != 2 or (self.bias is not None and self.bias.shape != self.matrix.shape[:1]):
            found = None if self.bias is None else tuple(self.bias.shape)
            raise InvalidModelError(
                f"linear: expected a weight (out, in) and a bias (out,), found {tuple(self.matrix.shape)} and {found}"
            )
        object.__setattr__(self, "shape", (*self.lead, self.matrix.shape[0]))
        object.__setattr__(self, "input_shapes", ((*self.lead, self.matrix.shape[1]),))

    @property
    def weight(self) -> Tensor | None:
        """The matrix when the input is a vector."""
        return self.matrix if not self.lead else None

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.matrix.numel() + (0 if self.bias is None else self.bias.numel())

    @cached_property
    def terms(self) -> int:
        """Nonzero weights of the fullest row plus its bias."""
        return count_terms(self.matrix, self.bias)

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Multiply by the matrix: (N, *lead, in) to (N, *lead, out)."""
        return functional.linear(tensors[0], self.matrix.to(tensors[0].device))

    @property
    def coefficients(self) -> Tensor | None:
        """The matrix."""
        return self.matrix

    def replaced(self, coefficients: Tensor, bias: Tensor | None) -> Linear:
        """Another matrix and bias."""
        return Linear(coefficients, bias, self.lead)


@dataclasses.dataclass(frozen=True, eq=False)
class ConstantProduct(AffineOp):
    """Matrix product with a constant stack of matrices: constant @ x (`left`) or x @ constant, numpy broadcasting.

    `constant` and the input have at least two axes, and the input at least as many as the constant.

    Raises:
        InvalidModelError: shapes that do not multiply.

    Example:
        >>> ConstantProduct(torch.ones(4, 3, dtype=torch.float64), (3, 2), left=True).shape
        (4, 2)
    """

    constant: Tensor
    input_shape: Shape
    left: bool
    shape: Shape = dataclasses.field(init=False)
    input_shapes: tuple[Shape, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Derive the shapes."""
        rows, columns = self.constant.shape[-2:]
        fits = columns == self.input_shape[-2] if self.left else self.input_shape[-1] == rows
        if not fits or len(self.input_shape) < self.constant.ndim:
            sides = (tuple(self.constant.shape), self.input_shape)
            raise InvalidModelError(
                f"matmul: shapes {sides[0] if self.left else sides[1]} and {sides[1] if self.left else sides[0]} "
                "do not multiply"
            )
        lead = torch.broadcast_shapes(self.constant.shape[:-2], self.input_shape[:-2])
        tail = (rows, self.input_shape[-1]) if self.left else (self.input_shape[-2], columns)
        object.__setattr__(self, "shape", (*lead, *tail))
        object.__setattr__(self, "input_shapes", (self.input_shape,))

    @property
    def name(self) -> str:
        """As users know it."""
        return "matmul"

    @property
    def parameters(self) -> int:
        """Entries of the constant."""
        return self.constant.numel()

    @cached_property
    def terms(self) -> int:
        """Nonzero entries of the fullest row (left) or column (right)."""
        return count_terms(self.constant if self.left else self.constant.mT, None)

    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Multiply: (N, *input_shape) to (N, *shape)."""
        constant = self.constant.to(tensors[0].device)
        return torch.matmul(constant, tensors[0]) if self.left else torch.matmul(tensors[0], constant)

    @property
    def coefficients(self) -> Tensor | None:
        """The constant."""
        return self.constant

    def replaced(self, coefficients: Tensor, bias: Tensor | None) -> ConstantProduct:
        """Another constant."""
        return ConstantProduct(coefficients, self.input_shape, self.left)
