"""How far the affine map of one region serves: other points classified with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from vitrail.domains.checks import real_points
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.local.classes import batches, class_of, classes_at
from vitrail.network.network import Network

__all__ = ["Proportions", "Transfer", "proportions", "transfer"]


class Proportions(NamedTuple):
    """Shares of successes with exact binomial intervals, one per bin; NaN and the interval 0 to 1 without trials.

    `edges` (bins + 1,) are those of the bins, `trials` and `successes` (bins,) their counts, `lower` and `upper` the
    Clopper-Pearson interval.
    """

    edges: np.ndarray
    trials: np.ndarray
    successes: np.ndarray
    share: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True, eq=False)
class Transfer:
    """Targets classified by the network and by the affine map of the region of one point.

    Arrays (targets,): `distances` are l2, in input units, `transferred` the classes by the map, `predictions` those of
    the network, `labels` the true ones, None where they were not given.

    Example:
        >>> net = Network.from_arrays([([[1.0], [-1.0]], None), ([[1.0, 1.0], [0.0, 0.0]], [-1.0, 0.0])])  # |x| - 1 > 0
        >>> found = transfer(net, [2.0], [[3.0], [0.5], [-2.0]])
        >>> found.agrees.tolist(), found.agreement(edges=[0, 2, 4]).share.tolist()
        ([True, True, False], [1.0, 0.0])
    """

    distances: np.ndarray
    transferred: np.ndarray
    predictions: np.ndarray
    labels: np.ndarray | None

    def __repr__(self) -> str:
        """Targets and agreement, in one line."""
        return f"Transfer({len(self.distances):,} targets, {int(self.agrees.sum()):,} agree with the network)"

    @property
    def agrees(self) -> np.ndarray:
        """Whether the map and the network predict the same class."""
        return self.transferred == self.predictions

    @property
    def correct(self) -> np.ndarray:
        """Whether the map predicts the label.

        Raises:
            InvalidOptionError: no labels were given.
        """
        if self.labels is None:
            raise InvalidOptionError("accuracy: expected labels, found none; give labels= with the targets")
        return self.transferred == self.labels

    def agreement(self, edges: ArrayLike | int = 1, *, level: float = 0.95) -> Proportions:
        """The share of targets on which map and network agree, by distance; `edges` as in `proportions`."""
        return proportions(self.distances, self.agrees, edges, level=level)

    def accuracy(self, edges: ArrayLike | int = 1, *, level: float = 0.95) -> Proportions:
        """The share of targets that the map classifies as labeled, by distance; `edges` as in `proportions`.

        Raises:
            InvalidOptionError: no labels were given.
        """
        return proportions(self.distances, self.correct, edges, level=level)


def transfer(net: Network, x: ArrayLike, targets: ArrayLike, *, labels: ArrayLike | None = None) -> Transfer:
    """Classify targets (m, n) with the affine map of the region of x, the network continued as if it never switched.

    The largest output wins; a single one by its sign, 1 above 0. The pattern of x is that of a forward pass, in which a
    unit on its breakpoint takes the lower piece. Computed in floating point. Our operational definition of one measure
    of the relevance of surrounding regions (Zhang and Wu 2020); theirs may differ.

    Raises:
        InvalidDomainError: x is not one input, or targets are no inputs.
        InvalidOptionError: labels that are not one integer per target.
    """
    point, points = real_points("x", x, net.input_shape), real_points("targets", targets, net.input_shape)
    if len(point) != 1:
        raise InvalidDomainError(f"x: expected one input, found {len(point)}")
    given = None if labels is None else np.asarray(labels)
    if given is not None and (given.shape != (len(points),) or given.dtype.kind not in "iu"):
        raise InvalidOptionError(
            f"labels: expected {len(points)} integers, one per target, found {given.dtype} of shape {given.shape}"
        )
    pieces = net.pieces_at(point.reshape(1, *net.input_shape))
    found = np.empty(len(points), dtype=np.int64)
    for part in batches(net, len(points)):
        # along a pattern the constant column alone is the value at the point
        forms = torch.from_numpy(points[part].reshape(-1, 1, *net.input_shape).copy())
        found[part] = class_of(net.follow(forms, [np.repeat(row, len(forms), axis=0) for row in pieces])[:, 0])
    return Transfer(np.linalg.norm(points - point, axis=1), found, classes_at(net, points), given)


def proportions(
    values: np.ndarray, successes: np.ndarray, edges: ArrayLike | int = 1, *, level: float = 0.95
) -> Proportions:
    """Shares of successes among the values in each bin, with intervals that hold the true share with the given level.

    `edges` are those of the bins, or a number of bins with equally many values. Bins hold their lower edge, the last
    one also the upper; values outside all bins are left out, as `trials` shows. The interval is that of Clopper and
    Pearson 1934 (The use of confidence or fiducial limits illustrated in the case of the binomial): it never covers
    less than its level where the trials are independent.

    Raises:
        InvalidOptionError: edges that do not increase, or a level outside 0 to 1.

    Example:
        >>> found = proportions(np.arange(10.0), np.ones(10, dtype=bool))
        >>> found.share.tolist(), found.lower.round(4).tolist(), found.upper.tolist()
        ([1.0], [0.6915], [1.0])
    """
    if not 0.0 < level < 1.0:
        raise InvalidOptionError(f"level: expected a number between 0 and 1, found {level}")
    bounds = _edges(values, edges)
    index = np.searchsorted(bounds, values, side="right") - 1
    index[values == bounds[-1]] = len(bounds) - 2
    known = (index >= 0) & (index < len(bounds) - 1)
    trials = np.bincount(index[known], minlength=len(bounds) - 1)
    hits = np.bincount(index[known & successes], minlength=len(bounds) - 1)
    tail = 0.5 * (1.0 - level)
    with np.errstate(invalid="ignore"):
        share = hits / trials
        lower = np.where(hits > 0, betaincinv(np.maximum(hits, 1), trials - hits + 1, tail), 0.0)
        upper = np.where(hits < trials, betaincinv(hits + 1, np.maximum(trials - hits, 1), 1.0 - tail), 1.0)
    return Proportions(bounds, trials, hits, share, lower, upper)


def _edges(values: np.ndarray, edges: ArrayLike | int) -> np.ndarray:
    if isinstance(edges, int):
        if edges < 1 or values.size == 0:
            raise InvalidOptionError(f"edges: expected at least one bin and one value, found {edges} and {values.size}")
        return np.quantile(values, np.linspace(0.0, 1.0, edges + 1))
    bounds = np.asarray(edges, dtype=np.float64)
    if bounds.ndim != 1 or bounds.size < 2 or not (np.diff(bounds) > 0).all():
        raise InvalidOptionError(f"edges: expected at least two numbers that increase, found {str(bounds)[:80]}")
    return bounds
