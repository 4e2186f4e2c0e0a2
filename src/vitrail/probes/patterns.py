"""Which activation patterns data have: how many different ones, how different, and which units never switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from vitrail.domains import Space
from vitrail.domains.checks import real_array, real_points
from vitrail.engines.row_places import tables_of
from vitrail.errors import InvalidOptionError
from vitrail.local.gradients.decide import Decider
from vitrail.local.gradients.values import values_at
from vitrail.network.graph import Graph
from vitrail.network.network import Network
from vitrail.network.ops.elementwise import Elementwise
from vitrail.probes.reading import ProbeBase, Reading
from vitrail.status import Status
from vitrail.store import Value

__all__ = ["Patterns"]

_AT_ONCE = 2**22
"""Values that are computed at a time."""


@dataclass(frozen=True, eq=False)
class Patterns(ProbeBase):
    """Look at the activation patterns of data points, (m, *input shape), flattened or not.

    Numbers: `codes`, how many different patterns there are; `redundancy` = (points - codes) / points, 0 where every
    point has its own (He, Lei, Ji and Tao 2021, Neural networks behave as hash encoders); `hamming`, the share of units
    whose pieces differ, on average over all pairs of points; with `labels` (m,), whole numbers, also `hamming_same` and
    `hamming_other`: over pairs of one class and of two. `dead` units have one piece at all points, and it is constant;
    `always_on` have one piece at all points, and it is not (of a maximum: one winner). `points`, `unproven` ones, whose
    pattern rounding may hide, and `status`.

    With `layers`, for each layer `entropy_<i>`: of its patterns over the points, in bits (i = 0 is the first), and
    `entropy` of the whole pattern.

    Hamming distances are exact: they follow from how often each piece occurs, without drawing pairs. Where there is no
    pair they are NaN.

    Raises:
        InvalidDomainError: points that are not numbers, or (when measured) do not fit the network.
        InvalidOptionError: not one label, a whole number, for each point.

    Example:
        >>> net = Network.from_arrays([([[1.0], [1.0], [0.0]], [0.0, -1.0, 1.0]), ([[1.0, 1.0, 1.0]], None)])
        >>> found = Patterns([[-1.0], [0.5], [0.75], [2.0]], labels=[0, 0, 1, 1])(net)
        >>> found["codes"], found["redundancy"], found["dead"], found["always_on"], found["hamming_same"]
        (3, 0.25, 0, 1, 0.3333333333333333)
    """

    points: ArrayLike
    labels: ArrayLike | None = None
    layers: bool = False
    name: str = "patterns"

    def __post_init__(self) -> None:
        """Check points and labels."""
        object.__setattr__(self, "points", real_array("points", self.points))
        if self.labels is None:
            return
        labels = real_array("labels", self.labels)
        if labels.ndim != 1 or (labels != np.round(labels)).any():
            raise InvalidOptionError(f"labels: expected whole numbers, one for each point, found shape {labels.shape}")
        object.__setattr__(self, "labels", labels.astype(np.int64))

    def measure(self, net: Network) -> Reading:
        """Compute the patterns."""
        points = real_points("points", self.points, net.input_shape)
        labels = None if self.labels is None else np.asarray(self.labels)
        if labels is not None and len(labels) != len(points):
            raise InvalidOptionError(f"labels: expected one for each of {len(points)} points, found {len(labels)}")
        pieces, proven = _pieces(net.graph, points)
        joined = np.concatenate([np.zeros((len(points), 0), dtype=np.int32), *pieces], axis=1)
        codes = _frequencies(joined)
        dead, always_on = _steady(net.graph, pieces)
        numbers: dict[str, Value] = {"codes": codes.size, "redundancy": (len(points) - codes.size) / len(points)}
        everything, pairs = _differences(joined)
        numbers["hamming"] = _share(everything, pairs, net.number_of_units)
        if labels is not None:
            same, same_pairs = 0, 0
            for label in np.unique(labels):
                of_class = _differences(joined[labels == label])
                same, same_pairs = same + of_class[0], same_pairs + of_class[1]
            numbers["hamming_same"] = _share(same, same_pairs, net.number_of_units)
            numbers["hamming_other"] = _share(everything - same, pairs - same_pairs, net.number_of_units)
        numbers |= {"dead": dead, "always_on": always_on}
        if self.layers:
            numbers["entropy"] = _entropy(codes)
            numbers |= {f"entropy_{i}": _entropy(_frequencies(own)) for i, own in enumerate(pieces)}
        status = Status.CERTIFIED if proven.all() else Status.UNCERTIFIED
        numbers |= {"points": len(points), "unproven": int((~proven).sum()), "status": status.value}
        return Reading(numbers)


def _pieces(graph: Graph, points: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The pieces of each layer, (points, units) each, and whether each point's are proven."""
    decider = Decider(graph, Space(graph.input_shape or 1), tables_of(graph))
    batch = max(1, _AT_ONCE // max(1, points.shape[1] + graph.number_of_units))
    found: list[list[np.ndarray]] = []
    proven = []
    for start in range(0, len(points), batch):
        own = points[start : start + batch]
        values = values_at(graph, torch.from_numpy(own.reshape(-1, *graph.input_shape).copy()), outputs=False)
        proven.append(decider.settle(own, values))
        found.append([pieces.astype(np.int32) for pieces in values.pieces])
    return [np.concatenate(parts) for parts in zip(*found, strict=True)], np.concatenate(proven)


def _frequencies(pieces: np.ndarray) -> np.ndarray:
    """How often each different row occurs."""
    if not pieces.shape[1]:
        return np.array([len(pieces)])
    return np.unique(pieces, axis=0, return_counts=True)[1]


def _steady(graph: Graph, pieces: Sequence[np.ndarray]) -> tuple[int, int]:
    """Units with one piece at all points: those where it is constant, and the others."""
    dead = always_on = 0
    for index, own in zip(graph.piecewise, pieces, strict=True):
        at = np.flatnonzero((own == own[0]).all(axis=0))
        op = graph.nodes[index].op
        constant = int((op.slopes[own[0, at], at] == 0).sum()) if isinstance(op, Elementwise) else 0
        dead, always_on = dead + constant, always_on + at.size - constant
    return dead, always_on


def _differences(pieces: np.ndarray) -> tuple[int, int]:
    """Over all pairs of rows, how many entries differ; and how many pairs there are."""
    rows = len(pieces)
    equal = 0
    for piece in range(int(pieces.max(initial=-1)) + 1):
        equal += sum(n * n for n in (pieces == piece).sum(axis=0).tolist())
    return (rows * rows * pieces.shape[1] - equal) // 2, rows * (rows - 1) // 2


def _share(differences: int, pairs: int, units: int) -> float:
    return differences / (pairs * units) if pairs and units else float("nan")


def _entropy(frequencies: np.ndarray) -> float:
    shares = frequencies / frequencies.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0
