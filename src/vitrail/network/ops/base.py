"""What an op is: an affine op maps forms linearly, a piecewise op chooses one affine piece per unit."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from vitrail.errors import ResourceLimitError
from vitrail.numerics.fixed import MOST_TERMS, Fixed, aligned

__all__ = [
    "MAXIMUM_ENTRIES",
    "AffineOp",
    "Input",
    "Op",
    "Pieces",
    "PiecewiseOp",
    "Shape",
    "cells_first",
    "check_size",
    "piece_dtype",
    "piece_index",
    "size_of",
]

Shape = tuple[int, ...]
Pieces = np.ndarray | Tensor


class Op(ABC):
    """One operation of a network: it knows its shapes and its parameters, and nothing about regions.

    Every op is a frozen dataclass; shapes never include the batch dimension.
    """

    input_shapes: tuple[Shape, ...]
    shape: Shape

    @property
    def name(self) -> str:
        """The op in one word, as shown by `vitrail info`."""
        return type(self).__name__.lower()

    @property
    def parameters(self) -> int:
        """How many stored numbers the op has (index tables excluded)."""
        return 0

    def __getstate__(self) -> dict[str, object]:
        """The fields, tensors as arrays: sending an op to a process must not move memory, as torch's own way does."""
        names = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        return {name: _to_arrays(self.__dict__[name]) for name in names}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Make tensors of the arrays again."""
        for name, value in state.items():
            object.__setattr__(self, name, _to_tensors(value))

    def fingerprint(self) -> bytes:
        """A sha256 over the class name and every field, independent of machine and session."""
        digest = hashlib.sha256(type(self).__name__.encode())
        if not dataclasses.is_dataclass(self):
            raise TypeError(f"{type(self).__name__} must be a frozen dataclass")
        for field in dataclasses.fields(self):
            digest.update(b"\0" + field.name.encode() + b"=")
            digest.update(_encode(getattr(self, field.name)))
        return digest.digest()


@dataclasses.dataclass(frozen=True, eq=False)
class _Stored:
    """A tensor's numbers on their way to another process."""

    array: np.ndarray


def _to_arrays(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_to_arrays(item) for item in value)
    return _Stored(value.numpy()) if isinstance(value, Tensor) else value


def _to_tensors(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_to_tensors(item) for item in value)
    return torch.from_numpy(value.array) if isinstance(value, _Stored) else value


def _encode(value: object) -> bytes:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        return f"{little.dtype.str}{value.shape}".encode() + little.tobytes()
    if isinstance(value, tuple):
        return b"(" + b",".join(_encode(item) for item in value) + b")"
    if isinstance(value, float):
        return value.hex().encode()
    if value is None or isinstance(value, int | str):
        return repr(value).encode()
    raise TypeError(f"cannot fingerprint a field of type {type(value).__name__}")


class AffineOp(Op):
    """output = (linear map of each input, summed) + bias.

    The numbers an op stores are float64, and the op *is* the real affine map with those numbers: `linear` of a unit
    vector returns the stored weights without rounding (each entry is one product with 1).
    """

    @abstractmethod
    def linear(self, tensors: Sequence[Tensor]) -> Tensor:
        """Apply the linear part to tensors (N, *input_shape), one per input; returns (N, *shape)."""

    @property
    def coefficients(self) -> Tensor | None:
        """The stored numbers that multiply; None where the op only moves, adds and subtracts entries."""
        return None

    def replaced(self, coefficients: Tensor, bias: Tensor | None) -> AffineOp:
        """The same op with other coefficients and bias; not for an op without coefficients."""
        raise NotImplementedError(f"{self.name} has no coefficients")

    def absolute(self) -> AffineOp:
        """The same op with |weights| and |bias|: maps magnitudes, and so rounding-error bounds."""
        coefficients = self.coefficients
        if coefficients is None:
            return self
        return self.replaced(coefficients.abs(), None if self.bias is None else self.bias.abs())

    @property
    @abstractmethod
    def terms(self) -> int:
        """The longest sum of products (bias included) behind one output entry; 0 = the op never rounds."""

    @property
    def bias(self) -> Tensor | None:
        """The constant part, broadcastable to `shape`; None = zero."""
        return None

    @property
    def weight(self) -> Tensor | None:
        """The (out, in) matrix when the op is a dense linear map of a vector to a vector, else None."""
        return None

    def forward(self, tensors: Sequence[Tensor]) -> Tensor:
        """Values at points: tensors (N, *input_shape) to (N, *shape)."""
        result = self.linear(tensors)
        return result if self.bias is None else result + self.bias.to(result.device)

    def apply(self, forms: Sequence[Tensor]) -> Tensor:
        """Forms (B, c, *input_shape), one per input, to (B, c, *shape); the bias goes to column 0 alone.

        The result may share memory with an input (a reshape does), so do not write into it.
        """
        cells, columns = forms[0].shape[:2]
        flat = [form.reshape(cells * columns, *form.shape[2:]) for form in forms]
        result = self.linear(flat).reshape(cells, columns, *self.shape)
        if self.bias is None:
            return result
        if any(result.data_ptr() == form.data_ptr() for form in forms):
            result = result.clone()
        result[:, 0] += self.bias.to(result.device)
        return result

    @cached_property
    def _digits(self) -> tuple[tuple[AffineOp, ...], int]:
        """The op without bias once per digit of its coefficients, and the exponent of the lowest digit."""
        coefficients = self.coefficients
        if self.terms > MOST_TERMS:
            raise ResourceLimitError(
                f"{self.name}: sums of {self.terms:,} terms, exact ones have at most {MOST_TERMS:,}"
            )
        if coefficients is None:
            return (self,), 0
        numbers = Fixed.from_floats(coefficients)
        return tuple(self.replaced(digit.to(torch.float64), None) for digit in numbers.digits), numbers.exponent

    def apply_exact(self, forms: Sequence[Fixed]) -> Fixed:
        """`apply` without rounding, on exact forms.

        Raises:
            ResourceLimitError: a sum of more terms than can be exact.
        """
        (ops, exponent), (digits, low) = self._digits, aligned(forms)
        places, cells, columns = digits[0].shape[:3]
        flat = [part.to(torch.float64).reshape(places * cells * columns, *part.shape[3:]) for part in digits]
        total = torch.zeros((max(places + len(ops) - 1, 0), cells, columns, *self.shape), dtype=torch.int64)
        if places:
            for i, op in enumerate(ops):
                product = op.linear(flat).to(torch.int64)
                total[i : i + places] += product.reshape(places, cells, columns, *self.shape)
        result = Fixed(total, low + exponent).normalized()
        if self.bias is None:
            return result
        bias = Fixed.from_floats(self.bias.expand(self.shape))
        first = torch.zeros((bias.digits.shape[0], 1, columns, *self.shape), dtype=torch.int64)
        first[:, 0, 0] = bias.digits
        return result.plus(bias.with_digits(first))


class PiecewiseOp(Op):
    """An op of units, each of which follows one of a few affine pieces.

    The two families are `Elementwise` (one form decides, by breakpoints) and `Maximum` (several candidates compete).
    """

    @property
    @abstractmethod
    def units(self) -> int:
        """How many units the op has: the number of entries of its output."""

    @property
    @abstractmethod
    def pieces(self) -> int:
        """The largest number of pieces that one unit can have."""


@dataclasses.dataclass(frozen=True, eq=False)
class Input(Op):
    """The input of the network; node 0 of every graph.

    Example:
        >>> Input((2,)).shape
        (2,)
    """

    shape: Shape
    input_shapes: tuple[Shape, ...] = ()


def piece_dtype(pieces: int) -> type[np.uint8] | type[np.uint16]:
    """The smallest unsigned integer type that numbers so many pieces (at most 65,536).

    Example:
        >>> piece_dtype(2).__name__, piece_dtype(300).__name__
        ('uint8', 'uint16')
    """
    return np.uint8 if pieces <= 256 else np.uint16


def piece_index(pieces: Pieces, device: torch.device) -> Tensor:
    """Pieces of any integer type (numpy or torch) as an int64 tensor on a device."""
    if isinstance(pieces, Tensor):
        return pieces.to(device=device, dtype=torch.int64)
    return torch.from_numpy(np.asarray(pieces).astype(np.int64)).to(device)


def cells_first(forms: Tensor, size: int) -> Tensor:
    """Forms (B, c, *shape) as (B, c, size) with the tensor's own shape flattened."""
    return forms.reshape(forms.shape[0], forms.shape[1], size)


MAXIMUM_ENTRIES = 50_000_000
"""The most entries of one tensor or index table."""


def check_size(shape: Shape, what: str) -> None:
    """Refuse a table that is too large, before it is allocated.

    Raises:
        ResourceLimitError: more than 50 million entries.

    Example:
        >>> check_size((2, 3), "padding")
    """
    if math.prod(shape) > MAXIMUM_ENTRIES:
        raise ResourceLimitError(f"{what} needs a table of shape {shape}; the limit is {MAXIMUM_ENTRIES:,} entries")


def size_of(shape: Shape) -> int:
    """The number of entries of a shape; 1 for ().

    Example:
        >>> size_of((2, 3)), size_of(())
        (6, 1)
    """
    return math.prod(shape)
