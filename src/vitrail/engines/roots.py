"""Where a search starts: the forms of the input on every frame, and the corners of the domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vitrail.cells.exact import ExactCell
from vitrail.cells.exact_polygon import ExactInterval, ExactPolygon
from vitrail.cells.exact_polytope import ExactPolytope
from vitrail.domains import Domain
from vitrail.domains.frame import Frame
from vitrail.errors import InvalidDomainError
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Form, Point, form_at, meeting_point, point_at, side

__all__ = ["Roots"]


@dataclass(frozen=True)
class Roots:
    """Forms of the input (frames, k + 1, *input_shape), and for every frame what bounds its domain.

    That is `corners` on a line and in a bounded plane, and `sides` (m, k + 1) elsewhere. `limits` (2, k) hold the
    domain. Coordinates are those of the domains divided by `scales` (frames, k), powers of two that bring bounded
    domains into [-1, 1]. `remainder` is what the forms lost by rounding, exactly; None where nothing. `numbers` are the
    frames' numbers in the whole search, increasing.
    """

    forms: np.ndarray
    remainder: np.ndarray | None
    corners: tuple[np.ndarray, ...]
    sides: tuple[np.ndarray, ...]
    limits: tuple[np.ndarray, ...]
    scales: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, domains: Sequence[Domain], input_shape: tuple[int, ...]) -> Roots:
        """The frames of domains of one dimension, in scaled coordinates.

        Raises:
            InvalidDomainError: a domain that does not fit the input, domains of different dimensions, or numbers that
                scaling takes out of the range of float64.
        """
        frames = [domain.frame for domain in domains]
        _check_frames(frames, input_shape)
        limits = [domain.limits for domain in domains]
        # corners define bounded domains of dimension 1 and 2, and the whole line
        flat = frames[0].dimension <= 2 and all(len(domain.corners) for domain in domains)
        largest = np.stack([np.abs(limit).max(axis=0) for limit in limits])
        # 1 where unbounded
        mantissas, exponents = np.frexp(np.where(np.isfinite(largest), largest, 1.0))
        scales = np.ldexp(1.0, exponents - (mantissas == 0.5))
        forms = np.empty((len(domains), frames[0].dimension + 1, frames[0].origin.size))
        lost = np.zeros_like(forms) if any(frame.remainder is not None for frame in frames) else None
        for i, (frame, scale) in enumerate(zip(frames, scales, strict=True)):
            forms[i, 0], forms[i, 1:] = frame.origin, _scaled(frame.basis, scale[:, None])
            if lost is not None and frame.remainder is not None:
                lost[i, 1:] = _scaled(frame.remainder, scale[:, None])
        shape = (*forms.shape[:2], *input_shape)
        remainder = None if lost is None else lost.reshape(shape)
        with np.errstate(over="ignore"):  # which `_scaled` refuses
            inverse = 1.0 / scales
        return cls(
            forms.reshape(shape),
            remainder,
            tuple(_scaled(domain.corners, by) for domain, by in zip(domains, inverse, strict=True) if flat),
            tuple(
                _scaled_forms(domain.sides, scale) for domain, scale in zip(domains, scales, strict=True) if not flat
            ),
            tuple(_scaled(limit, by) for limit, by in zip(limits, inverse, strict=True)),
            scales,
            np.arange(len(domains)),
        )

    def __len__(self) -> int:
        """Number of frames."""
        return self.numbers.size

    @property
    def dimension(self) -> int:
        """Dimension of the frames."""
        return self.forms.shape[1] - 1

    @property
    def bounded(self) -> bool:
        """Whether all domains are bounded."""
        return all(bool(np.isfinite(limit).all()) for limit in self.limits)

    def only(self, numbers: np.ndarray) -> Roots:
        """The frames with these numbers, which increase."""
        if np.array_equal(numbers, self.numbers):
            return self
        rows = np.searchsorted(self.numbers, numbers)
        remainder = None if self.remainder is None else self.remainder[rows]
        corners, sides, limits = (
            tuple(own[row] for row in rows) if own else () for own in (self.corners, self.sides, self.limits)
        )
        return Roots(self.forms[rows], remainder, corners, sides, limits, self.scales[rows], numbers)

    def exact(self) -> Fixed:
        """The forms without rounding."""
        forms = Fixed.from_floats(torch.from_numpy(self.forms))
        return forms if self.remainder is None else forms.plus(Fixed.from_floats(torch.from_numpy(self.remainder)))

    def ends(self, number: int) -> list[Point]:
        """The corners of a frame's domain of dimension 1 or 2, exactly."""
        return [point_at(corner) for corner in self.corners[int(np.searchsorted(self.numbers, number))]]

    def side_forms(self, number: int) -> list[Form]:
        """The sides of a frame's domain, exactly, not negative inside; a constant at an infinite end.

        With corners in a plane, the lines through consecutive ones, side i leaves corner i; on a line, each end's own.
        """
        if not self.corners:
            return [form_at(side) for side in self.sides[int(np.searchsorted(self.numbers, number))]]
        ends = self.ends(number)
        if self.dimension == 1:
            (v, low), (w, high) = ends
            return [(-low, v), (high, -w)]
        lines = [meeting_point([a, b]) for a, b in zip(ends, [*ends[1:], ends[0]], strict=True)]
        # a convex polygon lies on one side of each
        return [
            line if all(side(line, end) >= 0 for end in ends) else tuple(-value for value in line) for line in lines
        ]

    def cell(self, number: int) -> ExactCell:
        """A frame's domain, bounded or a line, as an exact cell; its facets are labeled with negative numbers."""
        sides = self.side_forms(number)
        labels = tuple((-1 - i, -1) for i in range(len(sides)))
        if not self.corners:
            low, high = self.limits[int(np.searchsorted(self.numbers, number))]
            return ExactPolytope.from_halfspaces(sides, labels, point_at(low), point_at(high))
        ends = self.ends(number)
        if self.dimension == 1:
            return ExactInterval((ends[0], ends[1]), labels)
        return ExactPolygon(tuple(ends), tuple(sides), labels)


def _check_frames(frames: Sequence[Frame], input_shape: tuple[int, ...]) -> None:
    dimension, size = frames[0].dimension, int(np.prod(input_shape, dtype=np.int64))
    for i, frame in enumerate(frames):
        if frame.dimension != dimension:
            raise InvalidDomainError(
                f"domains of dimensions {dimension} and {frame.dimension} (number {i}); count each kind separately"
            )
        if frame.origin.size != size:
            raise InvalidDomainError(
                f"the domain lies in a space of {frame.origin.size} inputs, but the network takes {size} "
                f"(shape {input_shape}); give points of that shape"
            )


def _scaled_forms(forms: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Forms in coordinates divided by powers of two."""
    return np.concatenate([forms[:, :1], _scaled(forms[:, 1:], scale)], axis=1)


def _scaled(values: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Values times powers of two, none of which may lose anything."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        result = values * powers
        kept = result / powers == values
    if not (np.isfinite(powers).all() and kept.all()):
        raise InvalidDomainError(
            "the domain's window times its directions is out of float64's range; expected directions of ordinary size, "
            "or a window within 1e-140 to 1e140"
        )
    return result
