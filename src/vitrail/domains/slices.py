"""Windows in slices of any dimension through the input space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains.checks import real_array, real_limits
from vitrail.domains.frame import Frame
from vitrail.domains.windows import size_name, window_corners, window_measure, window_sides
from vitrail.errors import InvalidDomainError
from vitrail.numerics.filters import FLAT

__all__ = ["Slice"]


@dataclass(frozen=True, eq=False)
class Slice:
    """The set of all origin + t @ basis with lo <= t <= hi, in k directions that need not be orthonormal.

    `origin` has the shape of an input, `basis` (k, *shape) or (k, inputs), with k from 1 to the number of inputs. `lo`
    and `hi` have shape (k,), or are numbers that stand for all directions.

    Raises:
        InvalidDomainError: directions that are zero or depend on each other, lo not below hi, shapes that do not fit,
            or numbers that are not finite.

    Example:
        >>> Slice([0.0, 0.0, 0.0, 5.0], [[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 2.0, 0]]).measure
        16.0
    """

    origin: ArrayLike
    basis: ArrayLike
    lo: ArrayLike = -1.0
    hi: ArrayLike = 1.0

    def __post_init__(self) -> None:
        """Promote and check."""
        origin, basis = real_array("slice origin", self.origin), real_array("slice basis", self.basis)
        if basis.ndim < 2 or basis.shape[1:] not in (origin.shape, (origin.size,)):
            raise InvalidDomainError(
                f"slice: expected a basis of shape (k, {', '.join(map(str, origin.shape))}) "
                f"for an origin of shape {origin.shape}, found {basis.shape}"
            )
        size = basis.shape[0]
        _check_independent(basis.reshape(size, -1))
        lo, hi = (
            np.full(size, value) if np.ndim(value) == 0 else value
            for value in (real_array("slice lo", self.lo), real_array("slice hi", self.hi))
        )
        lo, hi = real_limits("slice", lo, hi, size)
        for name, value in (("origin", origin), ("basis", basis), ("lo", lo), ("hi", hi)):
            object.__setattr__(self, name, value)

    @cached_property
    def frame(self) -> Frame:
        """Origin and basis as stored."""
        basis = np.asarray(self.basis)
        return Frame(np.ravel(self.origin), basis.reshape(basis.shape[0], -1))

    @property
    def corners(self) -> np.ndarray:
        """The two ends or the four corners in frame coordinates; beyond two directions they are not listed.

        Raises:
            InvalidDomainError: more than two directions.
        """
        return window_corners(np.asarray(self.lo), np.asarray(self.hi), "slice")

    @property
    def limits(self) -> np.ndarray:
        """`lo` and `hi`."""
        return np.stack([np.asarray(self.lo), np.asarray(self.hi)])

    @property
    def sides(self) -> np.ndarray:
        """The sides of the window, exact."""
        return window_sides(np.asarray(self.lo), np.asarray(self.hi))

    @cached_property
    def measure(self) -> float:
        """Length, area or volume in input units; 0 or `inf` where that is out of float64's range."""
        return window_measure(np.asarray(self.lo), np.asarray(self.hi)) * self.frame.measure_scale

    @cached_property
    def description(self) -> str:
        """The number of directions and the size."""
        size = self.frame.dimension
        return f"slice of {size} direction{'s' * (size > 1)} and {size_name(size)} {self.measure:.6g}"


def _check_independent(basis: np.ndarray) -> None:
    size, inputs = basis.shape
    if size > inputs:
        raise InvalidDomainError(f"slice: {size} directions in a space of {inputs} inputs depend on each other")
    largest = np.abs(basis).max(axis=1)
    if not largest.all():
        raise InvalidDomainError(f"slice: direction {int(largest.argmin())} is zero; expected independent directions")
    known = np.zeros((0, inputs))
    for i, direction in enumerate(basis / largest[:, None]):
        rest = direction
        for _ in range(2):  # twice is enough: orthogonal to working precision
            rest = rest - (known @ rest) @ known
        if np.linalg.norm(rest) <= FLAT * np.linalg.norm(direction):
            raise InvalidDomainError(
                f"slice: direction {i} depends on those before it; expected independent directions"
            )
        known = np.concatenate([known, rest[None] / np.linalg.norm(rest)])
