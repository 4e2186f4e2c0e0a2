"""Affine maps with rational numbers, and the torch layers that hold them without rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from vitrail.errors import InvalidOptionError

__all__ = ["AffineMap", "fits_float64", "linear_layer", "relu_network"]


@dataclass(frozen=True, eq=False)
class AffineMap:
    """The map x -> matrix x + offset; both arrays hold Python integers and fractions: (rows, columns) and (rows,).

    Example:
        >>> double = AffineMap.of([[2]], [1])
        >>> double.after(double).matrix.tolist(), double.after(double).offset.tolist()
        ([[4]], [3])
    """

    matrix: np.ndarray
    offset: np.ndarray

    @classmethod
    def of(cls, matrix: Sequence[Sequence[int | Fraction]], offset: Sequence[int | Fraction]) -> AffineMap:
        """The map with these rows and offsets."""
        return cls(np.array(matrix, dtype=object).reshape(len(offset), -1), np.array(offset, dtype=object))

    @classmethod
    def identity(cls, dimension: int) -> AffineMap:
        """The map that changes nothing."""
        return cls.of([[int(i == j) for j in range(dimension)] for i in range(dimension)], [0] * dimension)

    def after(self, inner: AffineMap) -> AffineMap:
        """This map of what the inner one gives."""
        return AffineMap(self.matrix @ inner.matrix, self.matrix @ inner.offset + self.offset)


def fits_float64(affine: AffineMap) -> bool:
    """Whether float64 holds every number of the map exactly.

    Example:
        >>> fits_float64(AffineMap.of([[2**60]], [Fraction(1, 4)])), fits_float64(AffineMap.of([[2**60 + 1]], [0]))
        (True, False)
    """
    numbers = [*affine.matrix.ravel().tolist(), *affine.offset.tolist()]
    return all(_holds(number) for number in numbers)


def _holds(number: int | Fraction) -> bool:
    try:
        return Fraction(float(number)) == number
    except OverflowError:
        return False


def linear_layer(affine: AffineMap) -> torch.nn.Linear:
    """The map as a torch layer in float64.

    Raises:
        InvalidOptionError: float64 does not hold one of its numbers.

    Example:
        >>> linear_layer(AffineMap.of([[1, Fraction(1, 2)]], [-3])).weight.tolist()
        [[1.0, 0.5]]
    """
    if not fits_float64(affine):
        raise InvalidOptionError(
            f"weights: expected numbers that float64 holds exactly, found a layer of {affine.offset.size} units and "
            f"{affine.matrix.shape[1]} inputs that needs longer ones; ask for fewer units or fewer inputs"
        )
    rows, columns = affine.matrix.shape
    layer = torch.nn.Linear(columns, rows, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(affine.matrix.astype(np.float64)))
        layer.bias.copy_(torch.from_numpy(affine.offset.astype(np.float64)))
    return layer


def relu_network(layers: Sequence[AffineMap], readout: AffineMap) -> torch.nn.Sequential:
    """The maps with ReLU behind all but the last, in evaluation mode.

    Raises:
        InvalidOptionError: float64 does not hold one of the numbers.

    Example:
        >>> relu_network([AffineMap.of([[1], [-1]], [0, 0])], AffineMap.of([[1, 1]], [0]))
        Sequential(
          (0): Linear(in_features=1, out_features=2, bias=True)
          (1): ReLU()
          (2): Linear(in_features=2, out_features=1, bias=True)
        )
    """
    modules: list[torch.nn.Module] = []
    for layer in layers:
        modules += [linear_layer(layer), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules, linear_layer(readout)).eval()
