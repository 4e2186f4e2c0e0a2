"""The whole input space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vitrail.domains.frame import Frame
from vitrail.errors import InvalidDomainError

__all__ = ["Space"]


@dataclass(frozen=True, eq=False)
class Space:
    """All inputs of a network; `shape` is the number of inputs, or the shape of one input.

    Raises:
        InvalidDomainError: not a number from 1 on or a shape of such numbers.

    Example:
        >>> Space((1, 28, 28)).description
        'whole space of 784 inputs'
    """

    shape: int | Sequence[int]

    def __post_init__(self) -> None:
        """Promote and check."""
        given = self.shape
        shape = tuple(given) if isinstance(given, list | tuple) else (given,)
        whole = all(isinstance(size, int | np.integer) and not isinstance(size, bool) for size in shape)
        if not shape or not whole or min(shape) < 1:
            raise InvalidDomainError(
                f"space: expected a number of inputs from 1 on, or a shape of such numbers, found {str(given)[:80]!r}"
            )
        object.__setattr__(self, "shape", tuple(int(size) for size in shape))

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.shape if isinstance(self.shape, int) else math.prod(self.shape)

    @cached_property
    def frame(self) -> Frame:
        """The input space itself."""
        return Frame(np.zeros(self.inputs), np.eye(self.inputs))

    @property
    def corners(self) -> np.ndarray:
        """Minus and plus infinity where there is one input; else none, shape (0, inputs)."""
        return self.limits if self.inputs == 1 else np.zeros((0, self.inputs))

    @property
    def limits(self) -> np.ndarray:
        """Minus and plus infinity."""
        return np.repeat([[-np.inf], [np.inf]], self.inputs, axis=1)

    @property
    def sides(self) -> np.ndarray:
        """None, shape (0, inputs + 1)."""
        return np.zeros((0, self.inputs + 1))

    @property
    def measure(self) -> float:
        """Infinite."""
        return np.inf

    @property
    def description(self) -> str:
        """The number of inputs."""
        return f"whole space of {self.inputs} input{'s' * (self.inputs > 1)}"
