"""Points whose coordinates are integers over a power of two: made from others, and sent through the network exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from flint import fmpz

from vitrail.engines.exact_forms import batch_size
from vitrail.engines.roots import Roots
from vitrail.network.exact import exact_pieces
from vitrail.network.graph import Graph
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Point, point_at, to_form

__all__ = ["inner_point", "pieces_at", "scaled_point", "widest"]

_FIRST_BITS = 32


def widest(graph: Graph) -> int:
    """The largest number of entries of a node."""
    return max(int(np.prod(shape, dtype=np.int64)) for shape in graph.shapes)


def scaled_point(coordinates: np.ndarray, scale: np.ndarray) -> Point:
    """Finite coordinates divided by powers of two, exactly.

    Example:
        >>> scaled_point(np.array([0.5, 3.0]), np.array([1.0, 4.0]))
        (4, 2, 3)
    """
    if (scale == 1.0).all():
        return point_at(coordinates.tolist())
    values = [Fraction(float(x)) / Fraction(float(by)) for x, by in zip(coordinates, scale, strict=True)]
    common = max(value.denominator for value in values)  # powers of two
    return to_form([common, *(value.numerator * (common // value.denominator) for value in values)])


def inner_point(center: Sequence[fmpz], holds: Callable[[Point], bool]) -> Point:
    """A point near a finite one, (w, x) with any w, that is in an open set which holds that; its w is a power of two.

    Example:
        >>> inner_point(to_form([3, 1]), lambda point: 0 < 3 * point[1] < 2 * point[0])
        (4294967296, 1431655765)
    """
    weight, *values = center
    bits = _FIRST_BITS
    while True:
        point = (fmpz(1) << bits, *(((2 * x << bits) + weight) // (2 * weight) for x in values))
        if holds(point):
            return point
        bits *= 2


def pieces_at(graph: Graph, roots: Roots, points: Sequence[Point]) -> list[np.ndarray]:
    """The piece of every unit at points of the frame whose w are powers of two: (points, units) for each piecewise op.

    Raises:
        ResourceLimitError: a sum of more terms than can be exact.
    """
    parts = []
    size = batch_size(widest(graph), 0)
    for start in range(0, len(points), size):
        part = points[start : start + size]
        bits = max(int(point[0]).bit_length() for point in part) - 1
        scaled = [[int(x) << (bits + 1 - int(w).bit_length()) for x in values] for w, *values in part]
        t = Fixed.from_integers(np.array(scaled, dtype=object).reshape(len(part), -1), -bits)
        parts.append(exact_pieces(graph, _inputs(roots, t)))
    return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]


def _inputs(roots: Roots, t: Fixed) -> Fixed:
    """Inputs (points, *input_shape) at coordinates (points, k)."""
    frame = roots.exact()
    position = frame.with_digits(frame.digits[:, :, 0])
    shape = (-1, t.shape[0], *(1,) * (len(frame.shape) - 2))
    for axis in range(roots.dimension):
        direction = frame.with_digits(frame.digits[:, :, 1 + axis])
        position = position.plus(direction.times(t.with_digits(t.digits[:, :, axis].reshape(shape))))
    return position
