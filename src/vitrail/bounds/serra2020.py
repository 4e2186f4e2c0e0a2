"""Serra, Ramalingam: Empirical Bounds on Linear Regions of Deep Rectifier Networks (AAAI 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from flint import fmpz

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import binomial_row
from vitrail.bounds.inputs import natural
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError
from vitrail.status import Definition

__all__ = ["STATEMENTS", "Coverage", "coverage", "upper"]

_PAPER = "Serra, Ramalingam 2020 (AAAI, arXiv 1810.03370)"
_ENUMERATED = 12  # widths up to which all sets of active units are tried


@dataclass(frozen=True)
class Coverage:
    """What a layer's units can do for the number k = 0, 1, ..., n of active units before it.

    `cut[k]`: the most units whose pre-activation can have both signs; `on[k]`: the most units that can be active.
    `exact`: whether both are attained by some set of k units or fewer, or only bounds of that.

    Example:
        >>> coverage([[1, 2], [3, 1]], [-1, 1])
        Coverage(cut=(0, 1, 1), on=(1, 2, 2), exact=True)
    """

    cut: tuple[int, ...]
    on: tuple[int, ...]
    exact: bool


def coverage(weights: Any, biases: Any) -> Coverage:
    """How many units of a layer k active ReLU units before it can reach, from the signs of the weights alone.

    Behind ReLU units all inputs are >= 0, so a unit can be cut only where both signs occur among its bias and its
    weights on active units, and it can be on only where a positive one occurs. Up to 12 inputs all sets of active units
    are tried; beyond, the k largest shares of single units are added up. `weights` (m, n), `biases` (m,).

    Raises:
        InvalidOptionError: shapes that do not fit together, or numbers that are not finite.

    Example:
        >>> coverage([[1, 1, 1], [1, -1, 2], [-1, -2, -1]], [1, -1, -1]).cut
        (0, 1, 1, 1)
    """
    matrix, vector = _layer(weights, biases, 0)
    inputs = matrix.shape[1]
    return _enumerated(matrix, vector) if inputs <= _ENUMERATED else _summed(matrix, vector)


def upper(layers: Sequence[tuple[Any, Any]], dimension: int | None = None) -> int:
    """The most activation regions of a ReLU network with given weights, on all of its input space.

    R(l, k, d), the sum of C(A(k), j) R(l+1, T(k) - j, min(d, T(k) - j)) over j <= min(d, A(k)), from the first layer,
    where A = T = n_1 and d = n_0. k active units cut at most A(k) units of the next layer and leave at most T(k) on
    (`coverage`), d bounds the dimension. `layers` are pairs of weights (n_l, n_(l-1)) and biases (n_l,) of the hidden
    layers; `dimension` that of the domain, the input dimension if None. The form of the recursion is proved
    independently; that it is the paper's is likely. 1 for no layers.

    Raises:
        InvalidOptionError: shapes that do not fit together, or numbers that are not finite.

    Example:
        >>> upper([([[1, 0], [0, 1]], [0, 0]), ([[1, 2], [3, 1]], [-1, -1])])
        11
    """
    read: list[tuple[np.ndarray, np.ndarray]] = []
    for place, (weights, biases) in enumerate(layers):
        matrix, vector = _layer(weights, biases, place)
        if read and matrix.shape[1] != len(read[-1][1]):
            raise InvalidOptionError(
                f"layers: expected weights of {len(read[-1][1])} columns, the units of the layer before, in layer "
                f"{place + 1}, found {matrix.shape[1]}"
            )
        read.append((matrix, vector))
    if not read:
        return 1
    top = read[0][0].shape[1]
    dimension = top if dimension is None else min(natural("dimension", dimension), top)
    # after[k][d] bounds what later layers make of a cell with k active units and an image of d <= k dimensions
    width = len(read[-1][1])
    after = [[fmpz(1)] * (min(k, dimension) + 1) for k in range(width + 1)]
    for matrix, vector in reversed(read[1:]):
        found = coverage(matrix, vector)
        before = matrix.shape[1]
        after = [_row(found.cut[k], found.on[k], min(k, dimension), after) for k in range(before + 1)]
    first = len(read[0][1])
    return int(_row(first, first, dimension, after)[dimension])


def _row(cut: int, on: int, top: int, after: Sequence[Sequence[fmpz]]) -> list[fmpz]:
    """The recursion for one number of active units and the dimensions 0, ..., top."""
    binomials = binomial_row(cut, top)
    # once so many units are off that they bound the dimension, terms depend on their number alone
    flat = [after[on - j][min(on - j, len(after[on - j]) - 1)] * term for j, term in enumerate(binomials)]
    tails: list[fmpz] = [fmpz(0), *accumulate(flat)]
    found = []
    for d in range(top + 1):
        last = min(d, cut)
        kept = min(on - d, last)  # up to here the dimension stays d
        total = sum((after[on - j][d] * binomials[j] for j in range(kept + 1)), start=fmpz(0))
        found.append(total + tails[last + 1] - tails[max(kept, -1) + 1])
    return found


def _layer(weights: Any, biases: Any, place: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        matrix, vector = np.asarray(weights, dtype=np.float64), np.asarray(biases, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidOptionError(f"layers: expected arrays of numbers, found others in layer {place + 1}") from None
    if matrix.ndim != 2 or vector.shape != (len(matrix),) or not matrix.size:
        raise InvalidOptionError(
            f"layers: expected weights of shape (units, inputs) and biases of shape (units,) in layer {place + 1}, "
            f"found shapes {matrix.shape} and {vector.shape}"
        )
    if not (np.isfinite(matrix).all() and np.isfinite(vector).all()):
        raise InvalidOptionError(f"layers: expected finite weights and biases, found others in layer {place + 1}")
    return matrix, vector


def _enumerated(matrix: np.ndarray, vector: np.ndarray) -> Coverage:
    """The exact coverage: every set of inputs from the set without its last input."""
    inputs = matrix.shape[1]
    up, down = [_mask(vector > 0)], [_mask(vector < 0)]
    sizes, cut, on = [0], [0] * (inputs + 1), [0] * (inputs + 1)
    for i in range(inputs):
        rises, falls = _mask(matrix[:, i] > 0), _mask(matrix[:, i] < 0)
        up += [units | rises for units in up]
        down += [units | falls for units in down]
        sizes += [size + 1 for size in sizes]
    for size, positive, negative in zip(sizes, up, down, strict=True):
        cut[size] = max(cut[size], (positive & negative).bit_count())
        on[size] = max(on[size], positive.bit_count())
    return Coverage(tuple(accumulate(cut, max)), tuple(accumulate(on, max)), exact=True)


def _mask(units: np.ndarray) -> int:
    return sum(1 << int(place) for place in np.flatnonzero(units))


def _summed(matrix: np.ndarray, vector: np.ndarray) -> Coverage:
    """Bounds of the coverage: the k largest shares of single inputs, at most what all inputs together reach."""
    rises, falls = matrix > 0, matrix < 0
    positive, negative = vector > 0, vector < 0
    neither = ~(positive | negative)
    # a unit without bias needs two inputs, of both signs: each of its inputs has half a share
    halves = 2 * (rises & negative[:, None]) + 2 * (falls & positive[:, None]) + ((rises | falls) & neither[:, None])
    cut_all = int(((positive | rises.any(axis=1)) & (negative | falls.any(axis=1))).sum())
    shares = sorted((int(share) for share in halves.sum(axis=0)), reverse=True)
    cut = [min(total // 2, cut_all) for total in accumulate(shares, initial=0)]
    new = sorted((int(share) for share in (rises & ~positive[:, None]).sum(axis=0)), reverse=True)
    on_all = int((positive | rises.any(axis=1)).sum())
    on = [min(int(positive.sum()) + total, on_all) for total in accumulate(new, initial=0)]
    return Coverage(tuple(cut), tuple(max(a, b) for a, b in zip(cut, on, strict=True)), exact=False)


def _cost(setting: Setting) -> int:
    """The products of `upper`, and the sets that `coverage` tries."""
    total = 0
    for before, n in zip(setting.widths, setting.widths[1:], strict=False):
        room = min(setting.input_dimension, before) + 1
        # some quarter of the combinations of k, d and j keep their dimension
        total += (before + 1) * room * min(room, n + 1) // 4 + (1 << before if before <= _ENUMERATED else before * n)
    return total


_PLAIN_RELU = conditions.every_layer(
    "plain ReLU units, whose outputs are never negative",
    lambda layer: layer.activation == "relu",
    lambda a: a.activation,
)

STATEMENTS = (
    Statement(
        name="serra2020",
        title="Serra and Ramalingam 2020",
        formula="R(l, k, d) = sum_(j<=min(d, A(k))) C(A(k), j) R(l+1, T(k)-j, min(d, T(k)-j)), A and T from signs",
        reference=f"{_PAPER}; form derived and proved independently",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.WEIGHTS}),
        confidence=Confidence.LIKELY,
        conditions=(conditions.RELU, _PLAIN_RELU, conditions.SEQUENTIAL, conditions.WEIGHTS),
        value=lambda s: upper(s.weights or (), s.input_dimension),
        cost=_cost,
        remark="from the signs of weights and biases; that it is the paper's is likely, that it is a bound is proved",
    ),
)
