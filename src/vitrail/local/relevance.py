"""Relevance of the surrounding regions: how gradient and pattern change with the distance from a point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from vitrail.domains import Domain
from vitrail.domains.checks import real_array, real_points
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.local.classes import batches, class_of, inside
from vitrail.local.transfer import Transfer, transfer
from vitrail.network.network import Network
from vitrail.options import natural_integer, positive_integer

__all__ = ["Relevance", "relevance"]

_RADII = 25
_SMALLEST_RADIUS = 1 / 4096  # of the scale: the default radii are then a factor of the root of 2 apart


@dataclass(frozen=True, eq=False)
class Relevance:
    """How a network differs from the region of a point x at the points x + t u, by direction u and radius t.

    `point` (n,), `prediction` the class there, `radii` (radii,) in input units, `directions` (directions, n) of length
    1. Arrays (directions, radii), NaN outside the domain: `cosines` between the gradients of the output of that class
    at x and x + t u, NaN also where one of them is zero; `switched` the share of the network's units whose piece
    differs (Hamming distance of the patterns divided by the units); `same` 1 where the predicted class is the same and
    0 where not. `inside` and `zero` (directions, radii) say which points are in the domain, and at which of them a
    gradient is zero. `transfer` has the targets that were given, else None.

    Means over the directions are (radii,), NaN where there is none; their standard errors need two.
    """

    point: np.ndarray
    prediction: int
    radii: np.ndarray
    directions: np.ndarray
    cosines: np.ndarray
    switched: np.ndarray
    same: np.ndarray
    inside: np.ndarray
    zero: np.ndarray
    transfer: Transfer | None = None

    def __repr__(self) -> str:
        """Directions, radii and what was left out, in one line."""
        left = f"{int((~self.inside).sum()):,} points outside the domain, {int(self.zero.sum()):,} zero gradients"
        return f"Relevance({len(self.directions)} directions, {len(self.radii)} radii, {left})"

    @property
    def outside(self) -> np.ndarray:
        """Points outside the domain by radius, (radii,): they count nowhere."""
        return (~self.inside).sum(axis=0)

    @property
    def zero_gradients(self) -> np.ndarray:
        """Points inside whose cosine has no value by radius, (radii,)."""
        return self.zero.sum(axis=0)

    @property
    def mean_cosine(self) -> np.ndarray:
        """Mean cosine of the gradients."""
        return _moments(self.cosines)[0]

    @property
    def cosine_error(self) -> np.ndarray:
        """Standard error of `mean_cosine`."""
        return _moments(self.cosines)[1]

    @property
    def mean_switched(self) -> np.ndarray:
        """Mean share of units that switched."""
        return _moments(self.switched)[0]

    @property
    def switched_error(self) -> np.ndarray:
        """Standard error of `mean_switched`."""
        return _moments(self.switched)[1]

    @property
    def same_share(self) -> np.ndarray:
        """Share of the points with the same predicted class."""
        return _moments(self.same)[0]

    @property
    def same_error(self) -> np.ndarray:
        """Standard error of `same_share`."""
        return _moments(self.same)[1]


def relevance(
    net: Network,
    x: ArrayLike,
    directions: int | ArrayLike = 64,
    radii: ArrayLike | None = None,
    *,
    seed: int = 0,
    targets: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    domain: Domain | None = None,
) -> Relevance:
    """Compare gradient, pattern and prediction at x with those at random points around, and classify targets by x.

    `directions` is a number of random ones, uniform on the sphere, or an array (d, n) of any nonzero lengths. `radii`
    are 25 by default, each the root of 2 times the last, the largest half the diagonal of a bounded domain, else the
    length of x (1 where x = 0). From a point on a side of the domain most directions leave it at once: give directions
    that point inward (`targets - x`). `targets` and `labels` as in `transfer`.

    These are our operational definitions of the relevance of surrounding regions, after Zhang and Wu 2020 (Empirical
    Studies on the Properties of Linear Regions in Deep Neural Networks); their own measure may differ. Everything is
    computed in floating point, without error bound; where the patterns are equal the gradients are, and the cosine is
    1 without computing. A unit on its breakpoint takes the lower piece.

    Raises:
        InvalidDomainError: x is not one input or not in the domain, or the domain has not the inputs' dimension.
        InvalidOptionError: directions or radii that are not finite, not above 0, or of another shape.

    Example:
        >>> net = Network.from_arrays([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])  # |x|
        >>> found = relevance(net, [1.0], [[1.0], [-1.0]], radii=[0.5, 2.0])
        >>> found.cosines.tolist(), found.switched.tolist(), found.mean_cosine.tolist()
        ([[1.0, 1.0], [1.0, -1.0]], [[0.0, 0.0], [0.0, 1.0]], [1.0, 0.0])
    """
    point = real_points("x", x, net.input_shape)
    if len(point) != 1 or not inside(net, domain, point)[0]:
        what = f"found {len(point)}" if len(point) != 1 else "found one outside it"
        raise InvalidDomainError(f"x: expected one input in the domain, {what}")
    steps, lengths = _directions(directions, point.shape[1], seed), _radii(radii, domain, point)
    points = (point + lengths[None, :, None] * steps[:, None, :]).reshape(-1, point.shape[1])
    if targets is None and labels is not None:
        raise InvalidOptionError("labels: expected targets with them, found none")
    here = inside(net, domain, points)
    if not here.any():
        raise InvalidDomainError(
            "relevance: all points around x are outside the domain, as x lies on many of its sides; give directions "
            "that point inwards (targets - x), smaller radii, or no domain"
        )
    pieces, prediction, gradient = _at(net, point, None)
    wanted = int(prediction[0])
    cosines, switched, same = np.full((3, len(points)), np.nan)
    zero = np.zeros(len(points), dtype=bool)
    chosen = np.flatnonzero(here)
    for part in batches(net, len(chosen)):
        rows = chosen[part]
        there, classes, gradients = _at(net, points[rows], wanted)
        changed = sum(((a != b).sum(axis=1) for a, b in zip(there, pieces, strict=True)), np.zeros(len(rows)))
        switched[rows] = changed / max(net.number_of_units, 1)
        same[rows] = classes == wanted
        gradients[changed == 0] = gradient[0]
        cosines[rows], zero[rows] = _cosines(gradients, gradient[0])
        cosines[rows[(changed == 0) & ~zero[rows]]] = 1.0
    shape = len(steps), len(lengths)
    cosines, switched, same = cosines.reshape(shape), switched.reshape(shape), same.reshape(shape)
    here, zero = here.reshape(shape), zero.reshape(shape)
    served = None if targets is None else transfer(net, point, targets, labels=labels)
    return Relevance(point[0], wanted, lengths, steps, cosines, switched, same, here, zero, served)


def _at(net: Network, points: np.ndarray, output: int | None) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Pattern, predicted class, and gradient of one output (by default the predicted class's) at each point."""
    inputs = points.reshape(-1, *net.input_shape)
    pieces = net.pieces_at(inputs)
    # along given pieces every op is linear in its forms, so one backward pass has the gradients of all points
    forms = torch.from_numpy(inputs[:, None].copy()).requires_grad_()
    with torch.enable_grad():
        outputs = net.follow(forms, pieces)[:, 0].reshape(len(points), -1)
        classes = class_of(outputs.detach())
        column = 0 if outputs.shape[1] == 1 else int(classes[0]) if output is None else output
        total = outputs[:, column].sum()
        (gradient,) = torch.autograd.grad(total, forms) if total.requires_grad else (torch.zeros_like(forms),)
    return pieces, classes, gradient.reshape(points.shape).numpy()


def _cosines(gradients: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of each gradient with one, NaN where one of them is zero, and where that is."""
    largest, own_largest = np.abs(gradients).max(axis=1), np.abs(own).max()
    zero = (largest == 0.0) | (own_largest == 0.0)
    scaled = gradients / np.where(zero, 1.0, largest)[:, None]
    reference = own / (own_largest or 1.0)
    lengths = np.linalg.norm(scaled, axis=1) * np.linalg.norm(reference)
    cosines = np.clip(scaled @ reference / np.where(zero, 1.0, lengths), -1.0, 1.0)
    return np.where(zero, np.nan, cosines), zero


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the directions and its standard error, by radius, of what is not NaN."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        spread = np.where(known, values - mean, 0.0)
        error = np.sqrt((spread**2).sum(axis=0) / (count - 1) / count)
    return mean, np.where(count > 1, error, np.nan)


def _directions(given: int | ArrayLike, inputs: int, seed: int) -> np.ndarray:
    if isinstance(given, int):
        generator = np.random.default_rng(natural_integer("seed", seed))
        steps = generator.normal(size=(positive_integer("directions", given), inputs))
    else:
        steps = real_array("directions", given)
    if steps.ndim != 2 or steps.shape[1] != inputs or not len(steps):
        raise InvalidOptionError(f"directions: expected a number or an array (d, {inputs}), found shape {steps.shape}")
    largest = np.abs(steps).max(axis=1)
    if not (np.isfinite(largest) & (largest > 0)).all():
        row = int(np.flatnonzero(~np.isfinite(largest) | (largest == 0))[0])
        raise InvalidOptionError(f"directions: row {row} is zero or not finite; leave such rows out")
    steps = steps / largest[:, None]
    return steps / np.linalg.norm(steps, axis=1)[:, None]


def _radii(given: ArrayLike | None, domain: Domain | None, point: np.ndarray) -> np.ndarray:
    if given is None:
        low, high = domain.limits if domain is not None else np.full((2, 1), np.inf)
        half = 0.5 * float(np.linalg.norm(high - low)) if np.isfinite([low, high]).all() else math.inf
        scale = half if math.isfinite(half) else float(np.linalg.norm(point)) or 1.0
        return scale * np.geomspace(_SMALLEST_RADIUS, 1.0, _RADII)
    radii = np.asarray(given, dtype=np.float64)
    if radii.ndim != 1 or not radii.size or not (np.isfinite(radii) & (radii > 0)).all():
        raise InvalidOptionError(f"radii: expected finite numbers above 0, found {str(radii)[:80]}")
    return radii
