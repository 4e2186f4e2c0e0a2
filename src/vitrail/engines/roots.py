"""Where a search starts: the forms of the input on every frame, and the corners of the domains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Form, Point, meeting_point, point_at

__all__ = ["Roots"]


@dataclass(frozen=True)
class Roots:
    """Forms of the input (frames, k + 1, *input_shape), and for every frame the corners of the domain.

    `remainder` is what the forms lost by rounding, exactly; None where nothing. `numbers` are the frames' numbers in
    the whole search, increasing.
    """

    forms: np.ndarray
    remainder: np.ndarray | None
    corners: tuple[np.ndarray, ...]
    numbers: np.ndarray

    def __len__(self) -> int:
        """Number of frames."""
        return self.numbers.size

    @property
    def dimension(self) -> int:
        """Dimension of the frames."""
        return self.forms.shape[1] - 1

    def only(self, numbers: np.ndarray) -> Roots:
        """The frames with these numbers, which increase."""
        if np.array_equal(numbers, self.numbers):
            return self
        rows = np.searchsorted(self.numbers, numbers)
        remainder = None if self.remainder is None else self.remainder[rows]
        return Roots(self.forms[rows], remainder, tuple(self.corners[row] for row in rows), numbers)

    def exact(self) -> Fixed:
        """The forms without rounding."""
        forms = Fixed.from_floats(torch.from_numpy(self.forms))
        return forms if self.remainder is None else forms.plus(Fixed.from_floats(torch.from_numpy(self.remainder)))

    def ends(self, number: int) -> list[Point]:
        """The corners of a frame's domain, exactly."""
        return [point_at(corner) for corner in self.corners[int(np.searchsorted(self.numbers, number))]]

    def sides(self, number: int) -> list[Form]:
        """In a plane, the lines through consecutive corners of a frame's domain: side i leaves corner i."""
        ends = self.ends(number)
        return [meeting_point([a, b]) for a, b in zip(ends, [*ends[1:], ends[0]], strict=True)]
