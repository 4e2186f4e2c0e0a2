"""Domains of dimension one: segments and whole lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains.checks import check_extent, real_inputs
from vitrail.domains.frame import Frame
from vitrail.errors import InvalidDomainError
from vitrail.numerics.differences import exact_difference

__all__ = ["Line", "Segment"]


@dataclass(frozen=True, eq=False)
class Segment:
    """The segment from `start` to `stop`, inputs of any one shape.

    Raises:
        InvalidDomainError: ends that are equal, of different shapes, or not finite.

    Example:
        >>> Segment([0.0, 0.0], [3.0, 4.0]).measure
        5.0
    """

    start: ArrayLike
    stop: ArrayLike

    def __post_init__(self) -> None:
        """Promote and check the ends."""
        start, stop = real_inputs(("start", self.start), ("stop", self.stop))
        if np.array_equal(start, stop):
            raise InvalidDomainError("segment: start and stop are the same point; expected two different points")
        check_extent("segment: stop - start", stop, start)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "stop", stop)

    @cached_property
    def frame(self) -> Frame:
        """Origin at the start, t = 1 at the stop; the direction is one rounding away from stop - start."""
        start, stop = np.ravel(self.start), np.ravel(self.stop)
        difference, remainder = exact_difference(stop, start)
        return Frame(start, difference[None], remainder[None] if remainder.any() else None)

    @property
    def corners(self) -> np.ndarray:
        """0 and 1."""
        return np.array([[0.0], [1.0]])

    @property
    def limits(self) -> np.ndarray:
        """0 and 1."""
        return self.corners

    @property
    def sides(self) -> np.ndarray:
        """From 0 on, and up to 1."""
        return np.array([[0.0, 1.0], [1.0, -1.0]])

    @cached_property
    def measure(self) -> float:
        """Length in input units."""
        return self.frame.measure_scale

    @cached_property
    def description(self) -> str:
        """The kind and the length."""
        return f"segment of length {self.measure:.6g}"


@dataclass(frozen=True, eq=False)
class Line:
    """The whole line through `point` along `direction`; the first and the last region are unbounded.

    Raises:
        InvalidDomainError: a zero direction, different shapes, or numbers that are not finite.

    Example:
        >>> Line([0.0, 0.0], [1.0, 0.0]).measure
        inf
    """

    point: ArrayLike
    direction: ArrayLike

    def __post_init__(self) -> None:
        """Promote and check."""
        point, direction = real_inputs(("point", self.point), ("direction", self.direction))
        if not direction.any():
            raise InvalidDomainError("line: the direction is zero; expected a non-zero direction")
        object.__setattr__(self, "point", point)
        object.__setattr__(self, "direction", direction)

    @cached_property
    def frame(self) -> Frame:
        """Origin at the point, basis the direction as given."""
        return Frame(np.ravel(self.point), np.ravel(self.direction)[None])

    @property
    def corners(self) -> np.ndarray:
        """Minus and plus infinity."""
        return np.array([[-np.inf], [np.inf]])

    @property
    def limits(self) -> np.ndarray:
        """Minus and plus infinity."""
        return self.corners

    @property
    def sides(self) -> np.ndarray:
        """None, shape (0, 2)."""
        return np.zeros((0, 2))

    @cached_property
    def measure(self) -> float:
        """Infinite."""
        return np.inf

    @cached_property
    def description(self) -> str:
        """The kind."""
        return "whole line"
