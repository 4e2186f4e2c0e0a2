"""Elementwise piecewise-linear ops: each unit's own pre-activation decides, by breakpoints."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.ops.base import Pieces, PiecewiseOp, Shape, cells_first, piece_dtype, piece_index, size_of
from vitrail.numerics.fixed import Fixed

__all__ = [
    "Elementwise",
    "absolute_value",
    "clamp",
    "leaky_relu",
    "relu",
    "relu6",
    "shifted_relu6",
    "soft_shrink",
]

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Elementwise(PiecewiseOp):
    """One continuous piecewise-linear function of one variable per unit.

    Piece p of unit u is slopes[p, u] * z + intercepts[p, u] for breakpoints[p-1, u] <= z <= breakpoints[p, u].
    Breakpoints increase strictly per unit; a unit with fewer of them has +inf in its last rows, never reached.
    Shapes: breakpoints (m, n), slopes and intercepts (m+1, n), n = number of units, m >= 1.

    Raises:
        InvalidModelError: shapes that do not fit, NaN, breakpoints out of order, or a jump at a breakpoint
            (checked exactly).

    Example:
        >>> op = relu((2,))
        >>> op.forward(torch.tensor([[-1.0, 2.0]], dtype=torch.float64)).tolist()
        [[0.0, 2.0]]
    """

    kind: str
    breakpoints: Array
    slopes: Array
    intercepts: Array
    shape: Shape
    input_shapes: tuple[Shape, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Make the arrays contiguous float64 and check them."""
        for field in ("breakpoints", "slopes", "intercepts"):
            array = np.array(getattr(self, field), dtype=np.float64, order="C", ndmin=2)
            array.setflags(write=False)
            object.__setattr__(self, field, array)
        object.__setattr__(self, "input_shapes", (self.shape,))
        _check_tables(self)

    @property
    def name(self) -> str:
        """The kind: relu, leaky_relu, clamp, ..."""
        return self.kind

    @property
    def units(self) -> int:
        """How many units: the entries of the output."""
        return self.breakpoints.shape[1]

    @property
    def pieces(self) -> int:
        """The largest number of pieces of a unit: breakpoints + 1."""
        return self.slopes.shape[0]

    @cached_property
    def _tables(self) -> tuple[Tensor, Tensor, Tensor]:
        arrays = (self.breakpoints, self.slopes, self.intercepts)
        return tuple(torch.from_numpy(array.copy()) for array in arrays)  # type: ignore[return-value]

    @cached_property
    def largest(self) -> tuple[Tensor, Tensor, bool]:
        """Largest |slope| and |intercept| of every unit, in the op's shape; whether applying a piece rounds."""
        slopes, intercepts = np.abs(self.slopes), np.abs(self.intercepts)
        rounds = bool(((slopes != 0) & (slopes != 1)).any() or intercepts.any())
        slope, intercept = (torch.from_numpy(table.max(axis=0)).reshape(self.shape) for table in (slopes, intercepts))
        return slope, intercept, rounds

    def pieces_at(self, values: Tensor) -> np.ndarray:
        """The piece of every unit at points: (N, *shape) to (N, units); on a breakpoint the lower piece."""
        flat = values.reshape(values.shape[0], self.units)
        counts = torch.zeros(flat.shape, dtype=torch.int64, device=flat.device)
        for row in self._tables[0].to(flat.device):
            counts += flat > row
        return counts.cpu().numpy().astype(piece_dtype(self.pieces))

    def apply(self, forms: Tensor, pieces: Pieces) -> Tensor:
        """Forms (B, c, *shape) along given pieces (B, units); returns (B, c, *shape)."""
        flat = cells_first(forms, self.units)
        chosen = piece_index(pieces, flat.device).reshape(flat.shape[0], self.units)
        _, slopes, intercepts = (table.to(flat.device) for table in self._tables)
        result = flat * slopes.gather(0, chosen)[:, None, :]
        result[:, 0] += intercepts.gather(0, chosen)
        return result.reshape(forms.shape)

    @cached_property
    def _exact_tables(self) -> tuple[Fixed, Fixed]:
        return Fixed.from_floats(self._tables[1]), Fixed.from_floats(self._tables[2])

    def apply_exact(self, forms: Fixed, pieces: Pieces) -> Fixed:
        """`apply` on exact forms."""
        cells, columns = forms.shape[:2]
        flat = forms.with_digits(forms.digits.reshape(-1, cells, columns, self.units))
        chosen = piece_index(pieces, flat.digits.device).reshape(cells, self.units)
        slopes, intercepts = (
            table.with_digits(table.digits.gather(1, chosen.expand(table.digits.shape[0], cells, self.units)))
            for table in self._exact_tables
        )
        result = flat.times(slopes.with_digits(slopes.digits[:, :, None]))
        first = torch.zeros((intercepts.digits.shape[0], cells, columns, self.units), dtype=torch.int64)
        first[:, :, 0] = intercepts.digits
        result = result.plus(intercepts.with_digits(first))
        return result.with_digits(result.digits.reshape(-1, *forms.shape))

    def pieces_exact(self, forms: Fixed) -> np.ndarray:
        """`pieces_at` on exact values (N, 1, *shape), to (N, units)."""
        flat = forms.with_digits(forms.digits.reshape(-1, forms.shape[0], self.units))
        above = np.zeros((forms.shape[0], self.units), dtype=np.int64)
        for row in self.breakpoints:
            there = np.isfinite(row)
            points = Fixed.from_floats(torch.from_numpy(np.where(there, row, 0.0)))
            above += (flat.minus(points).signs() > 0) & there
        return above

    def forward(self, values: Tensor) -> Tensor:
        """Values at points, (N, *shape) to (N, *shape)."""
        return self.apply(values[:, None], self.pieces_at(values))[:, 0]


def _check_tables(op: Elementwise) -> None:
    rows, units = op.breakpoints.shape
    if units != size_of(op.shape) or op.slopes.shape != (rows + 1, units) or op.intercepts.shape != (rows + 1, units):
        raise InvalidModelError(
            f"{op.kind}: expected breakpoints (m, {size_of(op.shape)}) and slopes, intercepts (m+1, n); found "
            f"{op.breakpoints.shape}, {op.slopes.shape}, {op.intercepts.shape}"
        )
    finite = np.isfinite(op.slopes).all() and np.isfinite(op.intercepts).all()
    if not finite or np.isnan(op.breakpoints).any() or np.isneginf(op.breakpoints).any():
        raise InvalidModelError(f"{op.kind}: slopes and intercepts must be finite, breakpoints finite or +inf")
    if rows > 1:
        lower, upper = op.breakpoints[:-1], op.breakpoints[1:]
        wrong = ~((lower < upper) | (np.isposinf(lower) & np.isposinf(upper)))
        if wrong.any():
            row, unit = np.argwhere(wrong)[0]
            raise InvalidModelError(
                f"{op.kind}: breakpoints must increase; unit {unit} has {op.breakpoints[row, unit]!r} then "
                f"{op.breakpoints[row + 1, unit]!r}"
            )
    _check_continuity(op)


def _check_continuity(op: Elementwise) -> None:
    for row, points in enumerate(op.breakpoints):
        columns = np.stack(
            [points, op.slopes[row], op.intercepts[row], op.slopes[row + 1], op.intercepts[row + 1]], axis=1
        )
        columns = columns[np.isfinite(points)]
        distinct = columns[:1] if (columns == columns[:1]).all() else np.unique(columns, axis=0)
        for point, slope, intercept, next_slope, next_intercept in distinct:
            at = Fraction(point)
            left = Fraction(slope) * at + Fraction(intercept)
            right = Fraction(next_slope) * at + Fraction(next_intercept)
            if left != right:
                raise InvalidModelError(
                    f"{op.kind}: the function jumps from {float(left)!r} to {float(right)!r} at {float(point)!r}; "
                    "only continuous piecewise-linear functions are supported"
                )


def _spread(value: ArrayLike, shape: Shape) -> Array:
    """One number per unit: broadcast to the shape and flatten."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).reshape(-1)


def _uniform(kind: str, shape: Shape, breakpoints: ArrayLike, slopes: ArrayLike, intercepts: ArrayLike) -> Elementwise:
    points, tilts, offsets = (
        np.repeat(np.asarray(table, dtype=np.float64)[:, None], size_of(shape), axis=1)
        for table in (breakpoints, slopes, intercepts)
    )
    return Elementwise(kind, points, tilts, offsets, shape)


def relu(shape: Shape) -> Elementwise:
    """max(z, 0).

    Example:
        >>> relu((3,)).units
        3
    """
    return _uniform("relu", shape, [0.0], [0.0, 1.0], [0.0, 0.0])


def leaky_relu(shape: Shape, slope: ArrayLike, kind: str = "leaky_relu") -> Elementwise | None:
    """Slope * z below 0 and z above; `slope` broadcasts to the shape (PReLU). None where no unit changes slope.

    A unit of slope 1 has no breakpoint, so it never switches.

    Raises:
        InvalidModelError: a slope that is not finite.

    Example:
        >>> leaky_relu((2,), [0.1, 1.0]).breakpoints.tolist()
        [[0.0, inf]]
    """
    slopes = _spread(slope, shape)
    if not np.isfinite(slopes).all():
        raise InvalidModelError(f"{kind}: the negative slope must be finite, found {slopes[~np.isfinite(slopes)][0]!r}")
    if (slopes == 1.0).all():
        return None
    points = np.where(slopes == 1.0, np.inf, 0.0)
    zeros = np.zeros_like(slopes)
    return Elementwise(kind, points[None], np.stack([slopes, np.ones_like(slopes)]), np.stack([zeros, zeros]), shape)


def clamp(shape: Shape, low: ArrayLike, high: ArrayLike, kind: str = "clamp") -> Elementwise | None:
    """min(max(z, low), high) with bounds that broadcast to the shape; None where no unit has a finite bound.

    Raises:
        InvalidModelError: a bound that is NaN, or low >= high (the output would be constant).

    Example:
        >>> clamp((1,), -np.inf, 2.0).breakpoints.tolist()
        [[2.0]]
    """
    lows, highs = _spread(low, shape), _spread(high, shape)
    if not (lows < highs).all() or np.isposinf(lows).any() or np.isneginf(highs).any():
        unit = int(np.flatnonzero(~(lows < highs) | np.isposinf(lows) | np.isneginf(highs))[0])
        raise InvalidModelError(f"{kind}: expected low < high, found {lows[unit]!r} and {highs[unit]!r} at unit {unit}")
    below, above = np.isfinite(lows), np.isfinite(highs)
    if not (below.any() or above.any()):
        return None
    low_value, high_value = np.where(below, lows, 0.0), np.where(above, highs, 0.0)
    one, zero = np.ones_like(lows), np.zeros_like(lows)
    # Units without a lower bound start at the middle piece, so that absent breakpoints are always the last ones.
    first = np.where(below, low_value, np.where(above, high_value, np.inf))
    second = np.where(below & above, high_value, np.inf)
    slopes = np.stack([np.where(below, zero, one), np.where(below, one, zero), zero])
    intercepts = np.stack([np.where(below, low_value, zero), np.where(below, zero, high_value), high_value])
    rows = 2 if (below & above).any() else 1
    return Elementwise(kind, np.stack([first, second])[:rows], slopes[: rows + 1], intercepts[: rows + 1], shape)


def relu6(shape: Shape) -> Elementwise:
    """min(max(z, 0), 6).

    Example:
        >>> relu6((1,)).breakpoints.ravel().tolist()
        [0.0, 6.0]
    """
    return _uniform("relu6", shape, [0.0, 6.0], [0.0, 1.0, 0.0], [0.0, 0.0, 6.0])


def shifted_relu6(shape: Shape) -> Elementwise:
    """min(max(z + 3, 0), 6): hard sigmoid times 6, free of the rounding of 1/6."""
    return _uniform("hard_sigmoid", shape, [-3.0, 3.0], [0.0, 1.0, 0.0], [0.0, 3.0, 6.0])


def soft_shrink(shape: Shape, threshold: float) -> Elementwise | None:
    """Z shrunk towards 0 by the threshold (>= 0); None where the threshold is 0.

    Raises:
        InvalidModelError: a threshold that is negative or not finite.

    Example:
        >>> soft_shrink((1,), 0.5).intercepts.ravel().tolist()
        [0.5, 0.0, -0.5]
    """
    if not (np.isfinite(threshold) and threshold >= 0):
        raise InvalidModelError(f"softshrink: the threshold must be finite and >= 0, found {threshold!r}")
    if threshold == 0:
        return None
    return _uniform("softshrink", shape, [-threshold, threshold], [1.0, 0.0, 1.0], [threshold, 0.0, -threshold])


def absolute_value(shape: Shape) -> Elementwise:
    """|z|.

    Example:
        >>> absolute_value((1,)).slopes.ravel().tolist()
        [-1.0, 1.0]
    """
    return _uniform("abs", shape, [0.0], [-1.0, 1.0], [0.0, 0.0])
