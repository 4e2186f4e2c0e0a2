"""The affine outputs of a region, one per class, and the halfspaces in which one of them is above others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vitrail.local.constraints import Constraints
from vitrail.local.decisions.map_errors import map_errors
from vitrail.local.gradients.columns import lengths_of
from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.network.network import Network
from vitrail.network.ops.base import AffineOp
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST, value_rounding

__all__ = ["Outputs", "with_rows"]

_MOST_STRETCH = 0.25
"""A difference of gradients that is off by a larger share of its length tells no distance."""


def with_rows(
    within: Constraints, normals: np.ndarray, offsets: np.ndarray, normal_errors: np.ndarray, offset_errors: np.ndarray
) -> Constraints:
    """Other rows within the same limits."""
    return replace(within, normals=normals, offsets=offsets, normal_errors=normal_errors, offset_errors=offset_errors)


@dataclass(frozen=True, eq=False)
class Outputs:
    """One affine function per class: `constants` (classes,) + `gradients` (classes, n) x, where `within` has limits.

    A single output f becomes two classes, 0 and f: its sign as class 0 or 1. At points x of the domain a function is
    off by `errors` + `slopes` |x| at most (classes,); the l2 norm of the error of a gradient is at most
    `gradient_errors` (classes,). `same` (classes,) is the first class with the same function.
    """

    within: Constraints
    constants: np.ndarray
    gradients: np.ndarray
    errors: np.ndarray
    slopes: np.ndarray
    gradient_errors: np.ndarray
    same: np.ndarray

    @classmethod
    def of(cls, region: LocalHalfspaces, within: Constraints) -> Outputs:
        """Those of a region."""
        point, gradients = region.point, np.ascontiguousarray(region.affine_map[1:].T)
        bounded = within.bounded
        extent = np.maximum(within.high - point, point - within.low) if bounded else np.ones(point.size)
        found = map_errors(region.net, region.pattern, point, PROOF_ROOM * extent)
        shift = gradients @ point
        length = float(np.linalg.norm(point))
        size = np.abs(found.outputs) + np.abs(gradients) @ np.abs(point)
        errors = found.values + value_rounding(point.size) * size + SMALLEST * (size > 0.0)
        # |x_i - p_i| is at most the extent in a bounded domain, and at most |x| + |p| anywhere
        errors = PROOF_ROOM * (errors + (found.slopes if bounded else found.slopes * length))
        slopes = np.zeros(len(gradients)) if bounded else PROOF_ROOM * found.slopes
        result = cls(
            within, found.outputs - shift, gradients, errors, slopes, PROOF_ROOM * found.gradients, np.zeros(0)
        )
        return replace(result, same=result._same(region.net)) if len(gradients) > 1 else result._with_zero()

    def _with_zero(self) -> Outputs:
        """A class whose output is 0 in front."""
        parts = self.constants, self.gradients, self.errors, self.slopes, self.gradient_errors
        constants, gradients, errors, slopes, far = (np.concatenate([np.zeros_like(part), part]) for part in parts)
        result = Outputs(self.within, constants, gradients, errors, slopes, far, np.zeros(0))
        return replace(result, same=result._same(None))

    def _same(self, net: Network | None) -> np.ndarray:
        """For each class the first one with the same function: by the last op, or computed without any error."""
        classes = np.arange(len(self))
        exact = (self.errors == 0.0) & (self.slopes == 0.0) & (self.gradient_errors == 0.0)
        rows = np.column_stack([self.constants, self.gradients])[exact]
        result = classes.copy()
        result[exact] = classes[exact][_first_equal(rows)]
        op = None if net is None else net.nodes[net.output].op
        if not isinstance(op, AffineOp) or op.weight is None or len(op.weight) != len(self):
            return result
        weight = op.weight.numpy()
        stored = weight if op.bias is None else np.column_stack([weight, op.bias.numpy()])
        return np.minimum(result, _first_equal(stored))

    def __len__(self) -> int:
        """Number of classes."""
        return self.constants.size

    def at(self, points: np.ndarray) -> np.ndarray:
        """Values at points (m, n), shape (m, classes)."""
        return points @ self.gradients.T + self.constants

    def scale(self, own: int, point: np.ndarray) -> float:
        """The largest distance of a point from where a class is level with others, of those that are level anywhere."""
        lengths = np.linalg.norm(self.gradients - self.gradients[own], axis=1)
        values = self.at(point[None])[0]
        gaps = np.abs(values - values[own])[lengths > 0.0] / lengths[lengths > 0.0]
        return float(gaps.max(initial=0.0))

    def leads(self, winner: int) -> tuple[np.ndarray, np.ndarray]:
        """Proven bounds (classes,) of how far a class is above each other one in the limits of the domain."""
        low, high = self.within.low, self.within.high
        slopes, gap = self.gradients[winner] - self.gradients, self.constants[winner] - self.constants
        with np.errstate(invalid="ignore"):
            ends = np.where(slopes == 0.0, 0.0, slopes * low), np.where(slopes == 0.0, 0.0, slopes * high)
        size = np.abs(gap) + np.maximum(np.abs(ends[0]), np.abs(ends[1])).sum(axis=1)
        # the differences are rounded too, and n + 1 terms are summed
        error = value_rounding(low.size + 2) * size + SMALLEST * (size > 0.0) + self.errors[winner] + self.errors
        # without limits any slope has no bounds
        endless = np.isinf(size) | (self.slopes[winner] + self.slopes > 0.0)
        error = np.where(endless, np.inf, PROOF_ROOM * error)
        with np.errstate(invalid="ignore"):
            least, most = gap + np.minimum(*ends).sum(axis=1) - error, gap + np.maximum(*ends).sum(axis=1) + error
        return np.where(endless, -np.inf, least), np.where(endless, np.inf, most)

    def above(self, winner: int, others: np.ndarray | list[int]) -> Constraints:
        """Unit rows that say that a class is not below each of others, with bounds of their errors.

        A row is all zeros where the gradients are equal; its slack is then the difference itself.
        """
        slopes, gap = self.gradients[others] - self.gradients[winner], self.constants[winner] - self.constants[others]
        lengths = _lengths(slopes)
        normals, offsets = slopes / lengths[:, None], gap / lengths
        relative = PROOF_ROOM * value_rounding(self.within.low.size + 2)
        far = PROOF_ROOM * (self.slopes[others] + self.slopes[winner]) / lengths
        near = PROOF_ROOM * (self.errors[others] + self.errors[winner]) / lengths
        return with_rows(self.within, normals, offsets, far + relative, near + relative * np.abs(offsets) + SMALLEST)

    def stretch(self, winner: int, others: np.ndarray | list[int]) -> float:
        """The largest share by which the gradient of a row of `above` may be longer or shorter; inf if that is much."""
        lengths = _lengths(self.gradients[others] - self.gradients[winner])
        shares = PROOF_ROOM * (self.gradient_errors[others] + self.gradient_errors[winner]) / lengths
        most = float(shares.max(initial=0.0)) + value_rounding(self.within.low.size + 2)
        return most if most < _MOST_STRETCH else float("inf")


def _lengths(slopes: np.ndarray) -> np.ndarray:
    """Lengths of rows, 1 for rows of zeros."""
    lengths = lengths_of(slopes)
    return np.where(lengths > 0.0, lengths, 1.0)


def _first_equal(rows: np.ndarray) -> np.ndarray:
    """For each row the first one that is equal."""
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    # no negative zeros
    _, first, group = np.unique(rows + 0.0, axis=0, return_index=True, return_inverse=True)
    return first[group.reshape(-1)]
