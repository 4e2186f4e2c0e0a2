"""Montufar, Ren, Zhang: Sharp Bounds for the Number of Regions of Maxout Networks and Vertices of Minkowski Sums.

SIAM Journal on Applied Algebra and Geometry 6 (2022).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import comb, prod

from flint import fmpz

from vitrail.bounds import conditions, goujon2024
from vitrail.bounds.combinatorics import cells_of_families, symmetric_of_families
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import NotApplicableError
from vitrail.status import Definition

__all__ = ["STATEMENTS", "central_exact", "exact", "lower", "upper"]

_PAPER = "Montufar, Ren, Zhang 2022 (SIAGA, arXiv 2104.08135)"


def _ranks(ranks: Sequence[int]) -> Counter[int]:
    return Counter(natural(f"ranks[{place}]", rank, 1) for place, rank in enumerate(ranks))


def exact(input_dimension: int, ranks: Sequence[int]) -> int:
    """The largest number of regions of one layer of maxout units of given ranks: the sum of e_j(k - 1), j <= n_0.

    Theorem 3.7 (number from memory). The number of upper vertices of a Minkowski sum of polytopes with k_1, ..., k_m
    vertices in n_0 + 1 dimensions; all ranks 2 give the arrangement of hyperplanes. Units that are convex functions of
    one generic direction each attain it, as families of parallel hyperplanes. It counts activation regions.

    Raises:
        InvalidOptionError: numbers that are not integers of at least 0 (input dimension) or 1 (ranks).

    Example:
        >>> exact(2, [3, 3, 3]), exact(2, [2, 3, 5]), exact(1, [4, 4])
        (19, 22, 7)
    """
    families = {rank - 1: number for rank, number in _ranks(ranks).items()}
    return int(cells_of_families(families, natural("input_dimension", input_dimension)))


def central_exact(input_dimension: int, ranks: Sequence[int]) -> int:
    """The largest number of regions of one layer of maxout units without biases: vertices of a Minkowski sum.

    The product of the ranks for fewer units than inputs, else, with d = n_0 and a = 2 for odd d, 0 for even d,
    a + sum_(0<j<d) (-1)^(d-1-j) C(m-1-j, d-1-j) (e_j(k) - a C(m, j)), by Weibel's theorem (2012). Units of rank 1
    change nothing.

    Example:
        >>> central_exact(2, [4, 4, 4]), central_exact(3, [3, 3, 3, 3]), central_exact(3, [4, 4])
        (12, 36, 16)
    """
    dimension = natural("input_dimension", input_dimension)
    families = {rank: number for rank, number in _ranks(ranks).items() if rank > 1}
    return _central(families, dimension)


def _central(families: Mapping[int, int], dimension: int) -> int:
    units = sum(families.values())
    if dimension == 0:
        return 1
    if units < dimension:
        return prod(rank**number for rank, number in families.items())
    shift = 2 * (dimension % 2)
    sums = symmetric_of_families(families, dimension - 1)
    total, weight = fmpz(shift), fmpz(1)
    # C(m-1-j, d-1-j) and the sign, from j = d-1 downwards
    for j in range(dimension - 1, 0, -1):
        total += weight * (sums[j] - shift * comb(units, j))
        weight = -weight * (units - j) // (dimension - j)
    return int(total)


def upper(input_dimension: int, widths: Sequence[int], rank: int) -> int:
    """The most regions of a maxout network of rank k: the product of the sums of C(n_l, j) (k-1)^j, j <= d_(l-1).

    d_(l-1) is the smallest of n_0, ..., n_(l-1). Theorem 3.12 (number from memory). It counts activation regions; 1 for
    no hidden layers.

    Example:
        >>> upper(2, [2, 2], 3), upper(2, [2, 1], 3), upper(3, [4, 4, 4], 2)
        (81, 27, 3375)
    """
    return goujon2024.upper(input_dimension, widths, natural("rank", rank, 1))


def lower(input_dimension: int, widths: Sequence[int], rank: int) -> int:
    """Some maxout network of rank k has so many regions: the product of (n_l (k-1) / n + 1)^n.

    For n <= n_0 and even n_l / n (Theorem 3.12, number from memory). A network may leave inputs and units unused, so
    n_l is rounded down to a multiple of 2 n, and the best n is taken.

    Raises:
        NotApplicableError: a layer of one unit, rank 1, or no layers or inputs.

    Example:
        >>> lower(1, [2, 2], 3), lower(2, [4, 4, 4], 2), lower(1, [3, 2], 3)
        (25, 729, 25)
    """
    dimension, layers, k = natural("input_dimension", input_dimension), widths_of(widths), natural("rank", rank, 1)
    if dimension < 1 or not layers or min(layers) < 2 or k < 2:
        raise NotApplicableError(
            "montufar2022_lower: expected an input, a hidden layer, 2 units or more in every layer and rank 2 or more, "
            f"found {'-'.join(map(str, (dimension, *layers)))} of rank {k}; montufar2014 has bounds for narrow layers"
        )
    return _lower(dimension, layers, (k,) * len(layers))


def _lower(dimension: int, widths: Sequence[int], ranks: Sequence[int]) -> int:
    """The bound with a rank for every layer; a unit of higher rank does what one of lower rank does."""
    layers = Counter(zip(widths, ranks, strict=True))
    most = min(dimension, *(n // 2 for n in widths))
    return max(
        prod((n // (2 * d) * 2 * (k - 1) + 1) ** (d * times) for (n, k), times in layers.items())
        for d in range(1, most + 1)
    )


def _lower_of(setting: Setting) -> int:
    ranks = [min(pieces for pieces, _ in layer.pieces) for layer in setting.layers]
    return _lower(setting.input_dimension, setting.widths, ranks)


def _layer_families(setting: Setting) -> dict[int, int]:
    return {extra + 1: number for extra, number in setting.layers[0].families.items()}


_ONE = (conditions.MAXOUT, conditions.DENSE, conditions.ONE_LAYER)
_DEEP = (conditions.MAXOUT, conditions.SEQUENTIAL)

STATEMENTS = (
    Statement(
        name="montufar2022",
        title="Montufar et al. 2022, one layer",
        formula="sum over j <= n_0 of e_j(k_1 - 1, ..., k_m - 1)",
        reference=f"{_PAPER}, Theorem 3.7 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(*_ONE, conditions.BIASED),
        value=lambda s: int(cells_of_families(s.layers[0].families, s.input_dimension)),
    ),
    Statement(
        name="montufar2022_central",
        title="Montufar et al. 2022, no biases",
        formula="prod k_i for m < n_0, else a + sum_(0<j<n_0) (-1)^(n_0-1-j) C(m-1-j, n_0-1-j) (e_j(k) - a C(m, j))",
        reference=f"{_PAPER}, by Weibel 2012 (number unknown)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(*_ONE, conditions.UNBIASED),
        value=lambda s: _central(_layer_families(s), s.input_dimension),
    ),
    Statement(
        name="montufar2022_upper",
        title="Montufar et al. 2022, deep",
        formula="prod over l of sum over j <= min(n_0, ..., n_(l-1)) of C(n_l, j) (k-1)^j",
        reference=f"{_PAPER}, Theorem 3.12 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=_DEEP,
        value=goujon2024.upper_of,
    ),
    Statement(
        name="montufar2022_lower",
        title="Montufar et al. 2022, folds",
        formula="prod (n_l (k-1) / n + 1)^n, the best n <= n_0, n_l rounded down to multiples of 2 n",
        reference=f"{_PAPER}, Theorem 3.12 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(
            *(*_DEEP, conditions.DENSE, conditions.BIASED, conditions.HIDDEN),
            conditions.every_layer(
                "layers of 2 units or more, all of rank 2 or more",
                lambda a: a.units >= 2 and all(pieces >= 2 for pieces, _ in a.pieces),
                lambda a: f"{a.switching} such units",
            ),
        ),
        value=_lower_of,
    ),
)
