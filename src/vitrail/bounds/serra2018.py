"""Serra, Tjandraatmadja, Ramalingam: Bounding and Counting Linear Regions of Deep Neural Networks (ICML 2018)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb, prod

from flint import fmpz

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import arrangement_cells, partial_sums
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.layered import Stage, layered_bound
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Condition, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError, NotApplicableError
from vitrail.status import Definition

__all__ = ["STATEMENTS", "exact_one_input", "lower", "maxout_upper", "upper", "zonotope_lower"]

_PAPER = "Serra, Tjandraatmadja, Ramalingam 2018 (ICML, arXiv 1711.02114)"


def _wide_before_last(least: int) -> Condition:
    def failure(setting: Setting) -> str | None:
        narrow = [(n, layer) for layer, n in enumerate(setting.widths[:-1], start=1) if n < least]
        return f"{narrow[0][0]} in layer {narrow[0][1]}" if narrow else None

    return Condition(f"at least {least} units in every layer but the last", failure)


def _zonotope_arguments(setting: Setting) -> tuple[int, int, int] | None:
    """m, w and L of the largest zonotope network inside; None where there is none."""
    first, later = sum(setting.widths[:1]), setting.widths[1:]
    width = min(later, default=3)
    if first < 2 or width < (2 if len(later) <= 1 else 3):
        return None
    return first // 2, width, len(later) + 1


def _maxout(setting: Setting) -> int:
    """The theorem with ranks that may differ between units: a unit of rank k has k (k - 1) / 2 hyperplanes."""
    room, total = setting.input_dimension, 1
    for layer in setting.layers:
        room = min(room, layer.units)
        total *= arrangement_cells(sum(comb(pieces, 2) * number for pieces, number in layer.pieces), room)
    return total


def upper(input_dimension: int, widths: Sequence[int], ranks: Sequence[int] | None = None) -> int:
    """The most activation regions of a ReLU network: the sum over J of the product of C(n_l, j_l) (Theorem 1).

    J are the tuples of numbers of units that are off, 0 <= j_l <= min(n_0, n_1 - j_1, ..., n_(l-1) - j_(l-1), n_l).
    With `ranks` of the weight matrices n_l is replaced by them as the last of these (remark after the theorem).
    `widths` are those of the hidden layers.

    Raises:
        InvalidOptionError: numbers that are not integers of at least 0 (ranks) or 1.

    Example:
        >>> upper(2, [4, 4]), upper(2, [3, 3]), upper(3, [5, 5], [3, 2])
        (121, 40, 416)
    """
    layers, dimension = widths_of(widths), natural("input_dimension", input_dimension)
    limits = (None,) * len(layers) if ranks is None else tuple(natural("ranks", rank) for rank in ranks)
    if len(limits) != len(layers):
        raise InvalidOptionError(f"ranks: expected one per layer, {len(layers)}, found {len(limits)}")
    stages = [Stage(((1, n),), switched_off=True, reach=r) for n, r in zip(layers, limits, strict=True)]
    return layered_bound(stages, dimension)


def exact_one_input(widths: Sequence[int]) -> int:
    """The largest number of regions of a ReLU network of one input: the product of n_l + 1 (Theorem 7).

    All layers but the last need three units or more; for narrower ones the product is not attained.

    Raises:
        NotApplicableError: a layer before the last with one or two units.

    Example:
        >>> exact_one_input([4, 5, 3])
        120
    """
    layers = widths_of(widths)
    for number, n in enumerate(layers[:-1], start=1):
        if n < 3:
            raise NotApplicableError(
                f"serra2018_one_input: expected at least 3 units in every layer but the last, found {n} in layer "
                f"{number}; use vitrail_narrow, which bounds such networks"
            )
    return prod(n + 1 for n in layers)


def lower(input_dimension: int, widths: Sequence[int]) -> int:
    """Some ReLU network has so many regions: the product of (floor(n_l / n_0) + 1)^n_0 times cap(n_L, n_0) (Theorem 8).

    All layers but the last need 3 n_0 units or more. A network may ignore inputs, so the largest value over all
    d <= n_0 in place of n_0 is returned.

    Raises:
        NotApplicableError: no d >= 1 with n_l >= 3 d in all layers but the last.

    Example:
        >>> lower(2, [6, 6]), lower(2, [6, 6, 2])
        (352, 1024)
    """
    layers, dimension = widths_of(widths), natural("input_dimension", input_dimension)
    most = min([dimension, *(n // 3 for n in layers[:-1])])
    if most < 1 or not layers:
        raise NotApplicableError(
            "serra2018_lower: expected at least 3 units in every layer but the last, found "
            f"{'-'.join(map(str, layers)) or 'no hidden layer'}; use pascanu2013_lower or montufar2014_lower"
        )
    counted, cells, last = Counter(layers[:-1]), partial_sums(layers[-1], most), layers[-1]
    return max(
        int(prod((fmpz(n // d + 1) ** (d * times) for n, times in counted.items()), start=cells[min(d, last)]))
        for d in range(1, most + 1)
    )


def zonotope_lower(input_dimension: int, half_width: int, width: int, layers: int) -> int:
    """Some ReLU network with n_1 = 2 m and then layers of w units has 2 sum_(j<n_0) C(m-1, j) (w+1)^(L-1) regions.

    Theorem 9; for w = 2 and L >= 3 the construction is not certain, and the call is refused.

    Raises:
        NotApplicableError: w < 3 with three layers or more, or w < 2.

    Example:
        >>> zonotope_lower(2, 2, 3, 3)
        64
    """
    n0, m = natural("input_dimension", input_dimension, 1), natural("half_width", half_width, 1)
    w, depth = natural("width", width, 1), natural("layers", layers, 1)
    if w < 2 or (w < 3 and depth >= 3):
        raise NotApplicableError(
            f"serra2018_zonotope: expected layers of at least 3 units (2 in one layer alone), found {w}; use arora2018"
        )
    return 2 * arrangement_cells(m - 1, n0 - 1) * (w + 1) ** (depth - 1)


def maxout_upper(input_dimension: int, widths: Sequence[int], rank: int) -> int:
    """The most activation regions of a maxout network of rank k: the product of cap(k (k-1) / 2 n_l, d_l) (Theorem 10).

    d_l is the smallest of n_0, ..., n_l.

    Example:
        >>> maxout_upper(2, [3], 3), maxout_upper(3, [4, 4], 3)
        (46, 89401)
    """
    layers, room, total = widths_of(widths), natural("input_dimension", input_dimension), 1
    pairs = comb(natural("rank", rank, 1), 2)
    for n in layers:
        room = min(room, n)
        total *= arrangement_cells(pairs * n, room)
    return total


STATEMENTS = (
    Statement(
        name="serra2018",
        title="Serra et al. 2018",
        formula="sum over j in J of prod C(n_l, j_l), J: 0 <= j_l <= min(n_0, n_1 - j_1, ..., n_(l-1) - j_(l-1), n_l)",
        reference=f"{_PAPER}, Theorem 1",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.RELU, conditions.SEQUENTIAL),
        value=lambda s: upper(s.input_dimension, s.widths),
    ),
    Statement(
        name="serra2018_ranks",
        title="Serra et al. 2018, ranks",
        formula="as serra2018, with rank(W_l) in place of n_l as the last bound of j_l",
        reference=f"{_PAPER}, remark after Theorem 1",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.WEIGHTS}),
        confidence=Confidence.SURE,
        conditions=(conditions.RELU, conditions.SEQUENTIAL, conditions.RANKS),
        value=lambda s: upper(s.input_dimension, s.widths, s.ranks),
    ),
    Statement(
        name="serra2018_one_input",
        title="Serra et al. 2018, one input",
        formula="prod (n_l + 1) for n_0 = 1 and n_l >= 3 before the last layer",
        reference=f"{_PAPER}, Theorem 7 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.RELU, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED, conditions.ONE_INPUT),
            _wide_before_last(3),
        ),
        value=lambda s: exact_one_input(s.widths),
    ),
    Statement(
        name="serra2018_lower",
        title="Serra et al. 2018, zigzags",
        formula="prod_(l<L) (floor(n_l / d) + 1)^d cap(n_L, d), the best d <= n_0 with n_l >= 3 d",
        reference=f"{_PAPER}, Theorem 8 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.RELU, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED, conditions.HIDDEN),
            _wide_before_last(3),
        ),
        value=lambda s: lower(s.input_dimension, s.widths),
    ),
    Statement(
        name="serra2018_zonotope",
        title="Serra et al. 2018, zonotope",
        formula="2 sum_(j<n_0) C(m-1, j) (w+1)^(L-1) for n_1 >= 2 m and n_l >= w >= 3 after it",
        reference=f"{_PAPER}, Theorem 9 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.RELU, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED_BEHIND, conditions.HIDDEN),
            conditions.on_setting(
                "two units or more in the first layer and three or more in each later one (two in a second and last)",
                lambda s: _zonotope_arguments(s) is not None,
                lambda s: s.architecture.name,
            ),
        ),
        value=lambda s: zonotope_lower(s.input_dimension, *(_zonotope_arguments(s) or (1, 1, 1))),
        remark="units beyond 2 m and w are left unused",
    ),
    Statement(
        name="serra2018_maxout",
        title="Serra et al. 2018, maxout",
        formula="prod cap(k (k-1) / 2 n_l, d_l), d_l = min(n_0, ..., n_l)",
        reference=f"{_PAPER}, Theorem 10 (number from memory)",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.MAXOUT, conditions.SEQUENTIAL),
        value=_maxout,
    ),
)
