"""Hinz, van de Geer: A Framework for the Construction of Upper Bounds on the Number of Affine Linear Regions (2019).

Histograms hold how many regions have how many active units, or an image of which dimension; they are lists, whose index
is that number. A family gives, for a layer of m ReLU units that reads n <= m dimensions, a histogram that none of the
layer's own exceeds, in the order of `dominates`; every admissible family gives an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from vitrail.bounds.combinatorics import arrangement_cells, binomial_row
from vitrail.bounds.inputs import natural, widths_of
from vitrail.errors import InvalidOptionError

__all__ = [
    "Family",
    "Histogram",
    "clip",
    "dominates",
    "final_dimension_histogram",
    "growth_rate",
    "montufar",
    "serra",
    "transition",
    "trivial",
    "upper",
]

Histogram = list[int]
"""How many regions have 0, 1, 2, ... active units or dimensions."""

Family = Callable[[int, int], Histogram]
"""The histogram of active units (0, ..., m) of a layer of m units on n <= m dimensions that none exceeds."""


def trivial(dimension: int, units: int) -> Histogram:
    """All 2^m patterns, each with all m units active: the family that bounds regions by 2^N.

    Example:
        >>> trivial(1, 3)
        [0, 0, 0, 8]
    """
    _checked(dimension, units)
    return [0] * units + [1 << units]


def montufar(dimension: int, units: int) -> Histogram:
    """cap(m, n) patterns, each with all m units active: the family of the bound of Montufar (2017).

    Example:
        >>> montufar(1, 3)
        [0, 0, 0, 4]
    """
    n, m = _checked(dimension, units)
    return [0] * m + [arrangement_cells(m, n)]


def serra(dimension: int, units: int) -> Histogram:
    """C(m, j) patterns with m - j active units for j <= n: the family of the bound of Serra et al. (2018).

    Example:
        >>> serra(1, 4), serra(2, 5), serra(3, 6)
        ([0, 0, 0, 4, 1], [0, 0, 0, 10, 5, 1], [0, 0, 0, 20, 15, 6, 1])
    """
    n, m = _checked(dimension, units)
    return [int(term) if m - active <= n else 0 for active, term in enumerate(reversed(binomial_row(m)))]


def dominates(larger: Sequence[int], smaller: Sequence[int]) -> bool:
    """Whether a histogram has at least as many regions at or above every index as another one.

    Example:
        >>> dominates([0, 2, 2], [1, 2, 1]), dominates([4, 0, 0], [0, 0, 1])
        (True, False)
    """
    size = max(len(larger), len(smaller))
    tails = [list(accumulate(reversed([*h, *[0] * (size - len(h))]))) for h in (larger, smaller)]
    return all(a >= b for a, b in zip(*tails, strict=True))


def clip(histogram: Sequence[int], top: int) -> Histogram:
    """The histogram with all that stands above an index moved to it.

    Example:
        >>> clip([1, 2, 3, 4], 2)
        [1, 2, 7]
    """
    return [*histogram[: natural("top", top)], sum(histogram[top:])]


def transition(histogram: Sequence[int], units: int, family: Family = serra) -> Histogram:
    """The histogram of dimensions behind a layer from that before it (the paper's phi).

    A region of dimension n turns into those of the family for min(n, m), none of a dimension above n.

    Example:
        >>> transition([0, 0, 1], 2), transition([0, 2, 1], 3)
        ([1, 2, 1], [0, 11, 4])
    """
    m = natural("units", units, 1)
    found = [0] * max(min(len(histogram), m + 1), 1)
    for dimension, regions in enumerate(histogram):
        if regions:
            room = min(dimension, m)
            for image, cells in enumerate(clip(family(room, m), room)):
                found[image] += regions * cells
    return found


def final_dimension_histogram(input_dimension: int, widths: Sequence[int], family: Family = serra) -> Histogram:
    """How many regions of a ReLU network have an image of dimension 0, 1, 2, ... behind the last layer.

    Its sums from any index up bound the numbers of regions whose image has that dimension or more.

    Example:
        >>> final_dimension_histogram(2, [2, 2]), final_dimension_histogram(2, [])
        ([2, 8, 1], [0, 0, 1])
    """
    histogram = [0] * natural("input_dimension", input_dimension) + [1]
    for units in widths_of(widths):
        histogram = transition(histogram, units, family)
    return histogram


def upper(input_dimension: int, widths: Sequence[int], family: Family = serra) -> int:
    """The most activation regions of a ReLU network: all regions of the final histogram.

    With the family `trivial` it is 2^N, with `montufar` the bound of Montufar (2017), with `serra` that of Serra et al.
    (2018), and with `hinz2021.improved` that of Hinz (2021).

    Example:
        >>> upper(2, [3, 3]), upper(2, [3, 3], montufar), upper(2, [3, 3], trivial)
        (40, 49, 64)
    """
    return sum(final_dimension_histogram(input_dimension, widths, family))


def growth_rate(width: int, family: Family = serra, input_dimension: int | None = None) -> int:
    """The factor by which a further layer of n units multiplies the bound in the end: the largest diagonal entry.

    With an input dimension only dimensions up to it occur. Where two entries are the largest (odd n), a factor linear
    in the number of layers comes on top. For Serra's family: 2^(n-1) + C(n, n/2) / 2 for even n, 2^(n-1) for odd n.

    Example:
        >>> growth_rate(4), growth_rate(5), growth_rate(6), growth_rate(8), growth_rate(8, input_dimension=2)
        (11, 16, 42, 163, 37)
    """
    n = natural("width", width, 1)
    top = n if input_dimension is None else min(n, natural("input_dimension", input_dimension))
    return max(sum(family(d, n)[d:]) for d in range(top + 1))


def _checked(dimension: int, units: int) -> tuple[int, int]:
    n, m = natural("dimension", dimension), natural("units", units)
    if n > m:
        raise InvalidOptionError(f"dimension: expected at most the {m} units, found {n}; take the smaller of the two")
    return n, m
