"""The points that local questions are asked at, and the sides of their domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains import Box, Domain, Polygon, Polytope, Space
from vitrail.domains.checks import real_points
from vitrail.engines.roots import Roots
from vitrail.errors import InvalidDomainError
from vitrail.network.network import Network
from vitrail.network.ops.base import size_of
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, PROOF_ROOM, SMALLEST, UNIT_ROUNDOFF, value_rounding
from vitrail.numerics.predicates import Form, point_at, side, unit_form

__all__ = ["DomainSides", "full_domain", "points_in"]


@dataclass(frozen=True, eq=False)
class DomainSides:
    """The sides of a domain of full dimension, in the order of their labels -1, -2, ...

    Of a box the limits `low` and `high` (n,) are kept, of other domains forms that are not negative inside, exact in
    `forms` and rounded in `values` (sides, n + 1).
    """

    box: Box | None
    forms: tuple[Form, ...]
    values: np.ndarray

    @classmethod
    def of(cls, domain: Domain) -> DomainSides:
        """The sides of a domain; none of a whole space."""
        inputs = domain.limits.shape[1]
        none = np.zeros((0, inputs + 1))
        if isinstance(domain, Space):
            return cls(None, (), none)
        if isinstance(domain, Box):
            return cls(domain, (), none)
        # scaled coordinates are powers of two away from inputs, which is exact
        roots = Roots.of([domain], (inputs,))
        scaled = roots.side_forms(0)
        scales = [1, *(int(scale) if scale >= 1 else float(scale) for scale in roots.scales[0])]
        forms = tuple(_divided(form, scales) for form in scaled)
        return cls(None, forms, np.array([unit_form(form) for form in forms]).reshape(len(forms), inputs + 1))

    def __len__(self) -> int:
        """Number of sides."""
        return len(self.forms) if self.box is None else 2 * int(np.size(self.box.lo))

    def outside(self, points: np.ndarray) -> np.ndarray:
        """The first side that each point (m, n) lies strictly beyond, exactly; -1 where it lies in the domain."""
        found = np.full(len(points), -1)
        if self.box is not None:
            slacks, _ = self._box_slacks(points)
            beyond = slacks < 0
        else:
            values, errors = self._form_values(points)
            beyond = values < 0
            for i, j in np.argwhere(~(np.abs(values) > errors)).tolist():
                beyond[i, j] = side(self.forms[j], point_at(points[i].tolist())) < 0
        at = np.flatnonzero(beyond.any(axis=1))
        if at.size:
            found[at] = beyond[at].argmax(axis=1)
        return found

    def slacks(self, points: np.ndarray, norm: str) -> tuple[np.ndarray, np.ndarray]:
        """Distances of points (m, n) of the domain to the sides, and bounds of their errors, (m, sides) each."""
        if self.box is not None:
            return self._box_slacks(points)
        values, errors = self._form_values(points)
        slopes = np.abs(self.values[:, 1:])
        sizes = {
            "l2": np.linalg.norm(slopes, axis=1),
            "l1": slopes.max(axis=1, initial=0.0),
            "linf": slopes.sum(axis=1),
        }
        length = sizes[norm]
        # coefficients and the norm round, relative to themselves; the division once
        relative = 2 * EXACT_FORM_ROUNDING + (slopes.shape[1] + 8) * UNIT_ROUNDOFF
        slacks = np.maximum(values, 0.0) / length
        return slacks, (errors / length + relative * slacks) * PROOF_ROOM

    def halfspaces(self) -> tuple[np.ndarray, np.ndarray]:
        """The sides as A x <= b with unit rows, (sides, n) and (sides,), rounded."""
        if self.box is not None:
            order, signs, limits = self._box_order()
            normals = np.zeros((order.size, int(np.size(self.box.lo))))
            normals[np.arange(order.size), order] = -signs
            return normals, -signs * limits
        length = np.linalg.norm(self.values[:, 1:], axis=1)
        return -self.values[:, 1:] / length[:, None], self.values[:, 0] / length

    def _form_values(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self.forms:
            return np.zeros((len(points), 0)), np.zeros((len(points), 0))
        values = self.values[:, 0] + points @ self.values[:, 1:].T
        sizes = np.abs(self.values[:, 0]) + np.abs(points) @ np.abs(self.values[:, 1:]).T
        return values, (value_rounding(points.shape[1]) + EXACT_FORM_ROUNDING) * sizes * PROOF_ROOM + SMALLEST

    def _box_order(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinate, sign (1 for a lower limit) and limit of each side; in a plane side i leaves corner i."""
        if self.box is None:
            raise TypeError("expected the sides of a box")
        low, high = np.asarray(self.box.lo), np.asarray(self.box.hi)
        if low.size == 2:
            order, signs = np.array([1, 0, 1, 0]), np.array([1.0, -1.0, -1.0, 1.0])
        else:
            order, signs = np.repeat(np.arange(low.size), 2), np.tile([1.0, -1.0], low.size)
        return order, signs, np.where(signs > 0, low[order], high[order])

    def _box_slacks(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        order, signs, limits = self._box_order()
        slacks = signs * (points[:, order] - limits)
        return slacks, UNIT_ROUNDOFF * np.abs(slacks)


def _divided(form: Form, scales: list[int | float]) -> Form:
    """A form whose coefficient i is divided by a power of two, times a power of two that keeps integers."""
    exponents = [round(np.log2(scale)) for scale in scales]
    least = max(exponents)
    return tuple(value * (1 << (least - exponent)) for value, exponent in zip(form, exponents, strict=True))


def full_domain(net: Network, domain: Domain | None) -> Domain:
    """The domain, the whole input space for None.

    Raises:
        InvalidDomainError: it does not fit the network's input, or has fewer dimensions.

    Example:
        >>> net = Network.from_arrays([([[1.0, 1.0]], None), ([[1.0]], None)])
        >>> full_domain(net, None).description
        'whole space of 2 inputs'
    """
    domain = Space(net.input_shape or 1) if domain is None else domain
    if not isinstance(domain, Box | Polygon | Polytope | Space):
        raise InvalidDomainError(
            f"expected a domain of as many dimensions as the input has, found {type(domain).__name__}; "
            "use Box, Polytope or Space (or none, for the whole input space)"
        )
    inputs = size_of(net.input_shape)
    if domain.limits.shape[1] != inputs:
        raise InvalidDomainError(
            f"the domain lies in a space of {domain.limits.shape[1]} inputs, but the network takes {inputs} "
            f"(shape {net.input_shape}); give one of that many inputs"
        )
    return domain


def points_in(net: Network, inputs: ArrayLike, domain: Domain) -> np.ndarray:
    """One input or a batch of them, flattened or not, as an array (m, n).

    Raises:
        InvalidDomainError: inputs that are not real numbers of the network's shape, none at all, or outside the domain;
            as `full_domain`.

    Example:
        >>> net = Network.from_arrays([([[1.0, 1.0]], None), ([[1.0]], None)])
        >>> points_in(net, [1.0, 2.0], Box([0.0, 0.0], [2.0, 2.0])).tolist()
        [[1.0, 2.0]]
    """
    domain, points = full_domain(net, domain), real_points("inputs", inputs, net.input_shape)
    outside = DomainSides.of(domain).outside(points)
    for i in np.flatnonzero(outside >= 0).tolist():
        found = f"input {i} is outside the domain ({domain.description}), beyond its side {outside[i]}"
        if isinstance(domain, Box):
            low, high = domain.limits
            away = np.maximum(low - points[i], points[i] - high)
            worst = int(away.argmax())
            found = (
                f"input {i} is outside the domain ({domain.description}): number {worst} is {points[i, worst]:.6g}, "
                f"expected {low[worst]:.6g} to {high[worst]:.6g}"
            )
        raise InvalidDomainError(f"{found}; give points of the domain, in its units")
    return points
