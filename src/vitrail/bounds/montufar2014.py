"""Montufar, Pascanu, Cho, Bengio: On the Number of Linear Regions of Deep Neural Networks (NIPS 2014)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import prod

from flint import fmpz

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import arrangement_cells, partial_sums
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import NotApplicableError
from vitrail.status import Definition

__all__ = [
    "STATEMENTS",
    "linear_lower",
    "lower",
    "maxout_deep_lower",
    "maxout_lower",
    "maxout_upper",
    "upper",
]

_PAPER = "Montufar, Pascanu, Cho, Bengio 2014 (NIPS, arXiv 1402.1869)"


def upper(widths: Sequence[int], pieces: int = 2) -> int:
    """The number of patterns of N units of k pieces: k^N, or 2^N for ReLU (Proposition 3, number from memory).

    Example:
        >>> upper([2, 2]), upper([4, 4, 4]), upper([2], 3)
        (16, 4096, 9)
    """
    return int(fmpz(natural("pieces", pieces, 1)) ** sum(widths_of(widths)))


def lower(input_dimension: int, widths: Sequence[int]) -> int:
    """Some ReLU network has so many activation regions: the product of floor(n_l / d)^d (l < L) times cap(n_L, d).

    Theorem 4 or 5, by version, for d = n_0 <= n_l; cap(n, d) = C(n, 0) + ... + C(n, d). A network may ignore inputs, so
    the largest value over d <= n_0 is taken, with n_l >= d in all layers but the last. For linear regions see
    `linear_lower`.

    Raises:
        NotApplicableError: no hidden layer.

    Example:
        >>> lower(1, [4, 4, 4]), lower(2, [6, 4]), lower(3, [7, 9, 5])
        (80, 99, 5616)
    """
    layers, n0 = _checked(input_dimension, widths)
    cells = partial_sums(layers[-1], n0)
    return max(int(copies * cells[min(d, layers[-1])]) for d, copies in _copies(n0, layers))


def linear_lower(input_dimension: int, widths: Sequence[int]) -> int:
    """Some ReLU network has so many linear regions: as `lower`, with one region less per copy where n_L <= d.

    With more units than d in the last layer, their signs can be chosen so that none of its cells has all units off, and
    all regions have different affine functions. With d or fewer a cell without active units exists in each of the
    copies, where the function is constant, and these may join: 1-6-1 units have at most 11 linear regions, `lower` says
    12. Then P (cap - 1) + 1 regions are certain for P copies.

    Raises:
        NotApplicableError: no hidden layer.

    Example:
        >>> linear_lower(2, [6, 4]), linear_lower(1, [6, 1]), linear_lower(3, [4])
        (99, 7, 15)
    """
    layers, n0 = _checked(input_dimension, widths)
    last, best = layers[-1], fmpz(0)
    sums = partial_sums(last, n0)
    for d, copies in _copies(n0, layers):
        cells = sums[min(d, last)]
        best = max(best, copies * cells if last > d else copies * (cells - 1) + 1)
    return int(best)


def maxout_lower(input_dimension: int, width: int, rank: int) -> int:
    """Some layer of m maxout units of rank k has so many linear regions: k^min(n_0, m).

    Proposition 7 (number from memory).

    Example:
        >>> maxout_lower(2, 3, 2), maxout_lower(3, 5, 4)
        (4, 64)
    """
    n0, m = natural("input_dimension", input_dimension), natural("width", width, 1)
    return int(natural("rank", rank, 1) ** min(n0, m))


def maxout_upper(input_dimension: int, width: int, rank: int) -> int:
    """No layer of m maxout units of rank k has more regions: min(cap(k^2 m, n_0), k^m).

    Proposition 7 (number from memory).

    Example:
        >>> maxout_upper(2, 3, 2), maxout_upper(3, 5, 4)
        (8, 1024)
    """
    n0, m, k = natural("input_dimension", input_dimension), natural("width", width, 1), natural("rank", rank, 1)
    return min(arrangement_cells(k * k * m, n0), int(k**m))


def maxout_deep_lower(input_dimension: int, layers: int, rank: int) -> int:
    """Some network of L layers of n_0 maxout units of rank k has so many linear regions: k^(L-1) k^n_0.

    Theorem 8 (number from memory). With one input and rank 3 or more it does not hold for two layers or more: the
    maximum of affine functions of one variable takes a value at most twice, so (1; 1, 1) of rank 3 has at most 7
    regions, not 9. Such calls are refused.

    Raises:
        NotApplicableError: one input and rank >= 3 in several layers.

    Example:
        >>> maxout_deep_lower(2, 3, 3), maxout_deep_lower(4, 5, 2)
        (81, 256)
    """
    n0, depth = natural("input_dimension", input_dimension, 1), natural("layers", layers, 1)
    k = natural("rank", rank, 1)
    if n0 == 1 and k > 2 and depth > 1:
        raise NotApplicableError(
            f"montufar2014_maxout_deep: expected two inputs or more, or rank 2, found one input and rank {k}; use "
            "the bounds of networks of one input"
        )
    return int(k ** (depth - 1 + n0))


def _checked(input_dimension: int, widths: Sequence[int]) -> tuple[tuple[int, ...], int]:
    layers = widths_of(widths)
    if not layers:
        raise NotApplicableError(
            "montufar2014_lower: expected a hidden layer, found none; a network without any is one affine function"
        )
    return layers, natural("input_dimension", input_dimension, 1)


def _copies(input_dimension: int, layers: Sequence[int]) -> Iterator[tuple[int, fmpz]]:
    """For each number d of inputs in use onto how many copies of a cube the layers before the last fold it."""
    counted = Counter(layers[:-1])
    for d in range(1, min((input_dimension, *counted)) + 1):
        yield d, prod((fmpz(n // d) ** (d * number) for n, number in counted.items()), start=fmpz(1))


def _patterns(setting: Setting) -> int:
    units: Counter[int] = Counter()
    for layer in setting.layers:
        for pieces, number in layer.pieces:
            units[pieces] += number
    return int(prod((fmpz(pieces) ** number for pieces, number in units.items()), start=fmpz(1)))


def _ranks(setting: Setting) -> list[int]:
    """The ranks of a layer's units, the highest first, as many as there are inputs."""
    pieces = sorted(setting.layers[0].pieces, reverse=True)
    ranks: list[int] = []
    for rank, number in pieces:
        ranks += [rank] * min(number, setting.input_dimension - len(ranks))
    return ranks


def _one_maxout_layer(setting: Setting) -> int:
    pieces = setting.layers[0].pieces
    pairs = sum(rank * rank * number for rank, number in pieces)
    return min(arrangement_cells(pairs, setting.input_dimension), _patterns(setting))


def _deep_arguments(setting: Setting) -> tuple[int, int, int]:
    """Inputs, layers and rank of the largest network of equal widths and ranks inside."""
    rank = min(pieces for layer in setting.layers for pieces, number in layer.pieces if number)
    return min(setting.input_dimension, *setting.widths), len(setting.layers), rank


def _deep_applies(setting: Setting) -> bool:
    if not setting.layers:
        return True
    inputs, layers, rank = _deep_arguments(setting)
    return inputs > 1 or rank <= 2 or layers == 1


_FREE_MAXOUT = (conditions.MAXOUT, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED)

STATEMENTS = (
    Statement(
        name="montufar2014",
        title="Montufar et al. 2014, patterns",
        formula="2^N for N units of two pieces; the product of the units' pieces in general",
        reference=f"{_PAPER}, Proposition 3 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(),
        value=_patterns,
        cost=lambda s: s.architecture.number_of_units,
        remark="the paper says linear regions; its proof counts patterns",
    ),
    Statement(
        name="montufar2014_lower",
        title="Montufar et al. 2014, folding",
        formula="prod_(l<L) floor(n_l / d)^d cap(n_L, d), the best d <= n_0 with n_l >= d",
        reference=f"{_PAPER}, Theorem 4 or 5 by version",
        counts=Definition.LINEAR,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(*(conditions.RELU, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED, conditions.HIDDEN),),
        value=lambda s: linear_lower(s.input_dimension, s.widths),
        remark="cap - 1 in place of cap, plus 1, for d >= n_L, where constant pieces may join",
    ),
    Statement(
        name="montufar2014_maxout_lower",
        title="Montufar et al. 2014, one maxout layer, from below",
        formula="k^min(n_0, m); the product of the min(n_0, m) largest ranks in general",
        reference=f"{_PAPER}, Proposition 7 (number from memory)",
        counts=Definition.LINEAR,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.ONE_LAYER, *_FREE_MAXOUT),
        value=lambda s: prod(_ranks(s)),
    ),
    Statement(
        name="montufar2014_maxout",
        title="Montufar et al. 2014, one maxout layer",
        formula="min(cap(k^2 m, n_0), k^m)",
        reference=f"{_PAPER}, Proposition 7 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.ONE_LAYER, conditions.MAXOUT),
        value=_one_maxout_layer,
    ),
    Statement(
        name="montufar2014_maxout_deep",
        title="Montufar et al. 2014, deep maxout",
        formula="k^(L-1) k^d for L layers of d = min(n_0, n_1, ..., n_L) units or more",
        reference=f"{_PAPER}, Theorem 8 (number from memory)",
        counts=Definition.LINEAR,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(
            *(*_FREE_MAXOUT, conditions.HIDDEN),
            conditions.on_setting(
                "two inputs and two units per layer, or rank 2, or one layer", _deep_applies, lambda _: "neither"
            ),
        ),
        value=lambda s: maxout_deep_lower(*_deep_arguments(s)),
        remark="d = 1 with a rank of 3 or more is left out: the theorem fails there",
    ),
)
