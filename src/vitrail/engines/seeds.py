"""The regions that given points lie in, or next to: patterns decided exactly, by value and then by direction.

A point on a boundary belongs to the region that it enters when it moves a little towards the middle of the domain, and
infinitely less along each coordinate in turn. Such a move leaves every hyperplane, so no point is without a region.
"""

from __future__ import annotations

import numpy as np
import torch

from vitrail.domains import Domain
from vitrail.engines.along import ExactAlong
from vitrail.engines.cell_rows import Sides
from vitrail.engines.exact_forms import batch_size
from vitrail.engines.plan import Plan
from vitrail.engines.roots import Roots
from vitrail.errors import InvalidDomainError
from vitrail.network.exact import deciding_forms
from vitrail.numerics.filters import FLAT, PROOF_ROOM, value_rounding
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Point, point_at, side
from vitrail.numerics.programs import interior
from vitrail.patterns import pack

__all__ = ["domain_sides", "patterns_at", "seed_coordinates", "strictly_inside"]


def domain_sides(roots: Roots) -> tuple[Sides, Point]:
    """The sides of the one domain, not negative inside, and a point inside it: the origin where it has no sides."""
    dimension = roots.dimension
    # at infinity there is none
    forms = [form for form in roots.side_forms(0) if any(form[1:])]
    middle = np.zeros(dimension)
    if roots.bounded:
        middle = roots.corners[0].mean(axis=0) if roots.corners else roots.limits[0].mean(axis=0)
    point = point_at(middle.tolist())
    if roots.corners:
        # lines through corners may be either way around
        forms = [form if side(form, point) > 0 else tuple(-c for c in form) for form in forms]
    sides = Sides.of(forms, roots.limits[0])
    if not (_signs(sides, middle) > 0).all():
        point = interior(forms, dimension).point or point
    return sides, point


def _signs(sides: Sides, point: np.ndarray) -> np.ndarray:
    """The sign of each side at a point, (sides,): exactly where rounding may hide it."""
    size = np.abs(sides.values)
    values = sides.values[:, 0] + sides.values[:, 1:] @ point
    far = np.concatenate([[1.0], np.abs(point)])
    known = np.abs(values) > PROOF_ROOM * (sides.errors + value_rounding(point.size) * size) @ far
    signs = np.sign(values).astype(np.int64)
    exact = point_at(point.tolist())
    for i in np.flatnonzero(~known).tolist():
        signs[i] = side(sides.forms[i], exact)
    return signs


def seed_coordinates(domain: Domain, roots: Roots, sides: Sides, points: np.ndarray) -> np.ndarray:
    """Coordinates of inputs (m, n) in the scaled frame, (m, k), those on the domain's boundary included.

    An input that is only near the plane of a domain of fewer dimensions stands for the nearest point of it.

    Raises:
        InvalidDomainError: an input that is not in the domain.
    """
    frame = domain.frame
    whole = not frame.origin.any() and np.array_equal(frame.basis, np.eye(frame.origin.size))
    coordinates = points if whole else frame.coordinates(points)
    if not whole:
        away = np.linalg.norm(points - frame.point(coordinates), axis=1)
        size = np.linalg.norm(points, axis=1) + np.linalg.norm(frame.origin)
        for i in np.flatnonzero(away > FLAT * size).tolist():
            raise InvalidDomainError(f"seed {i} is {away[i]:.3g} away from the domain's own plane; give points of it")
    scaled = coordinates / roots.scales[0]
    for i, point in enumerate(scaled):
        outside = np.flatnonzero(_signs(sides, point) < 0)
        if outside.size:
            raise InvalidDomainError(
                f"seed {i} is outside the domain ({domain.description}), beyond its side {outside[0]}; "
                "give points of the domain"
            )
    return np.ascontiguousarray(scaled)


def patterns_at(plan: Plan, roots: Roots, coordinates: np.ndarray, middle: Point) -> np.ndarray:
    """Packed patterns (points, words) of the regions at scaled frame coordinates (points, k) of the one domain."""
    words = np.zeros((len(coordinates), plan.layout.words), dtype=np.int64)
    if not plan.stages:
        return words
    inputs, left = roots.exact(), []
    batch = batch_size(max(stage.width for stage in plan.stages), 0)
    # values alone, as long as none of them is on a boundary
    for start in range(0, len(coordinates), batch):
        part = coordinates[start : start + batch]
        words[start : start + batch], met = _patterns(plan, _combined(inputs, _standing(part)))
        left += (start + met).tolist()
    for i in left:
        words[i : i + 1], _ = _patterns(plan, _combined(inputs, _moving(coordinates[i], middle)))
    return words


def _standing(coordinates: np.ndarray) -> Fixed:
    """Weights of the columns of the input's forms (points, 1, k + 1): the points alone."""
    weights = np.column_stack([np.ones(len(coordinates)), coordinates])[:, None]
    return Fixed.from_floats(torch.from_numpy(weights))


def _moving(coordinates: np.ndarray, middle: Point) -> Fixed:
    """Weights of the columns of the input's forms (1, k + 2, k + 1): a point, the way to the middle, and all axes."""
    size = coordinates.size
    rows = torch.zeros((1, size + 2, size + 1), dtype=torch.float64)
    rows[0, 0, 0] = 1.0
    rows[0, 0, 1:] = torch.from_numpy(coordinates)
    rows[0, 2:, 1:] = torch.eye(size)
    back = torch.zeros_like(rows)
    back[0, 1, 1:] = rows[0, 0, 1:]
    to = np.zeros(rows.shape, dtype=object)
    to[0, 1, 1:] = [int(x) for x in middle[1:]]
    weight = Fixed.from_integers(np.array(int(middle[0]), dtype=object).reshape(1, 1, 1), 0)
    return Fixed.from_floats(rows).plus(Fixed.from_integers(to, 0)).minus(Fixed.from_floats(back).times(weight))


def _near(coordinates: np.ndarray, sign: float) -> Fixed:
    """Weights of the columns of the input's forms (1, k + 1, k + 1): a point, and all axes, forward or backward."""
    rows = torch.eye(coordinates.size + 1, dtype=torch.float64)[None] * sign
    rows[0, 0, 0] = 1.0
    rows[0, 0, 1:] = torch.from_numpy(coordinates)
    return Fixed.from_floats(rows)


def _combined(inputs: Fixed, weights: Fixed) -> Fixed:
    """Sums (cells, columns, *input_shape) of the columns of forms (1, k + 1, *input_shape), with exact weights."""
    shape = inputs.shape[2:]
    flat = inputs.digits[:, 0].flatten(2).to(torch.float64)
    places = (inputs.digits.shape[0], weights.digits.shape[0])
    total = torch.zeros((max(sum(places) - 1, 0), *weights.shape[:2], flat.shape[2]), dtype=torch.int64)
    for i in range(places[0]):
        for j in range(places[1]):
            total[i + j] += (weights.digits[j].to(torch.float64) @ flat[i]).to(torch.int64)
    result = Fixed(total, inputs.exponent + weights.exponent).normalized()
    return result.with_digits(result.digits.reshape(-1, *weights.shape[:2], *shape))


def _patterns(plan: Plan, inputs: Fixed) -> tuple[np.ndarray, np.ndarray]:
    """Packed patterns by the first column of each form that is not zero; and the cells where some form had none."""
    cells = inputs.shape[0]
    along = ExactAlong(plan, inputs)
    live, words, met = along.start(cells), [], np.zeros(cells, dtype=bool)
    for number, stage in enumerate(plan.stages):
        forms = deciding_forms(plan.graph, stage.node, live)
        if stage.table.groups is None:
            pieces, zero = _pieces(stage.table.breakpoints, forms)
        else:
            pieces, zero = _winners(stage.table.groups, forms)
        met |= zero
        words.append(pack(pieces, stage.table.bits))
        if number + 1 < len(plan.stages):
            live = along.carry(number, live, pieces)
    return np.concatenate(words, axis=1), np.flatnonzero(met)


def _pieces(breakpoints: np.ndarray, forms: Fixed) -> tuple[np.ndarray, np.ndarray]:
    """The number of breakpoints below each form (cells, units), and the cells where one is met."""
    pieces, met = np.zeros((forms.shape[0], forms.shape[2]), dtype=np.int64), np.zeros(forms.shape[0], dtype=bool)
    for row in breakpoints:
        level = torch.zeros((1, *forms.shape[1:]), dtype=torch.float64)
        level[0, 0] = torch.from_numpy(np.where(np.isfinite(row), row, 0.0))
        signs = _first_signs(forms.minus(Fixed.from_floats(level)))
        pieces += (signs > 0) & np.isfinite(row)
        met |= ((signs == 0) & np.isfinite(row)).any(axis=1)
    return pieces, met


def _winners(groups: np.ndarray, forms: Fixed) -> tuple[np.ndarray, np.ndarray]:
    """The first of the largest candidates (cells, units), and the cells where one is met by another."""
    cells, unit = forms.shape[0], np.arange(len(groups))
    winners, met = np.tile((groups >= 0).argmax(axis=1), (cells, 1)), np.zeros(cells, dtype=bool)
    digits, cell = forms.digits.numpy(), np.arange(cells)[:, None]
    for place in range(groups.shape[1]):
        # cell and unit come first where both are indexed
        best = digits[:, cell, :, groups[unit, winners]]
        other = digits[:, cell, :, np.broadcast_to(np.maximum(groups[:, place], 0), winners.shape)]
        difference = torch.from_numpy((other - best).transpose(2, 0, 3, 1))
        signs = _first_signs(Fixed(difference, forms.exponent).normalized())
        asked = (groups[:, place] >= 0) & (winners != place)
        met |= ((signs == 0) & asked).any(axis=1)
        winners = np.where((signs > 0) & asked, place, winners)
    return winners, met


def _first_signs(forms: Fixed) -> np.ndarray:
    """The sign of the first column that is not zero, (cells, entries); 0 where there is none."""
    signs = forms.signs()
    first = (signs != 0).argmax(axis=1)
    return np.take_along_axis(signs, first[:, None], axis=1)[:, 0]


def strictly_inside(plan: Plan, roots: Roots, coordinates: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Whether scaled frame coordinates (points, k) lie inside the regions of packed patterns (points, words)."""
    finite = np.isfinite(coordinates).all(axis=1)
    known = _standing(np.where(finite[:, None], coordinates, 0.0))
    found, met = _patterns(plan, _combined(roots.exact(), known))
    result = np.asarray(finite & (found == words).all(axis=1))
    # where a form is zero, on a boundary or everywhere: a boundary would be left one way or the other
    for i in met[result[met]].tolist():
        for sign in (1.0, -1.0):
            moved, _ = _patterns(plan, _combined(roots.exact(), _near(coordinates[i], sign)))
            result[i] &= bool((moved[0] == words[i]).all())
    return result
