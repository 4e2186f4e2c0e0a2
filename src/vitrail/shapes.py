"""The shapes of regions from their halfspaces: which are bounded, their vertices, volumes, and largest balls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq, fmpz, fmpz_mat
from scipy.optimize import linprog

from vitrail.cells.exact_polytope import ExactPolytope
from vitrail.cells.polytope import Polytopes
from vitrail.cells.volumes import Volumes, volumes
from vitrail.errors import InvalidOptionError, VitrailError
from vitrail.exact_facets import facet_point
from vitrail.facets import Cells, facet_forms_of
from vitrail.numerics.predicates import Form, Point, nearest, point_at, side, unit_form
from vitrail.numerics.programs import Program, interior

__all__ = [
    "MOST_EXACT_DIMENSIONS",
    "MOST_VOLUME_DIMENSIONS",
    "bounded_regions",
    "exact_shapes",
    "halfspaces_of",
    "inner_points",
    "largest_ball",
    "true_facets",
    "volumes_of",
]

MOST_EXACT_DIMENSIONS = 16
"""Exact linear programs take too long beyond."""

MOST_VOLUME_DIMENSIONS = 6
"""Volumes of regions without vertices are computed up to here: beyond they have too many vertices."""


def bounded_regions(cells: Cells) -> np.ndarray:
    """Whether each region is bounded, (regions,), decided exactly: no ray stays in all of its halfspaces."""
    count = len(cells.facet_offsets) - 1
    forms = facet_forms_of(cells, np.arange(count))
    return np.array([_is_bounded(own, cells.dimension) for own in forms], dtype=bool)


def exact_shapes(cells: Cells, which: np.ndarray) -> list[ExactPolytope]:
    """Some bounded regions as exact polytopes, in coordinates divided by the source's scale."""
    return [_polytope(own, cells.dimension) for own in facet_forms_of(cells, which)]


def volumes_of(cells: Cells, which: np.ndarray) -> Volumes:
    """Volumes and centroids of some bounded regions in frame coordinates, from their exact vertices."""
    source = cells.source
    if source is None:
        raise InvalidOptionError("volumes: the network is not at hand; enumerate again instead of reading a file")
    batch = Polytopes.from_exact(exact_shapes(cells, which), cells.dimension).geometry()
    scaled = volumes(batch.offsets, batch.vertices, batch.errors, batch.incidence, batch.facet_offsets)
    factor = float(np.prod(source.scale))
    return Volumes(scaled.volumes * factor, scaled.centroids * source.scale, scaled.bounds * factor)


def true_facets(cells: Cells, rows: np.ndarray) -> np.ndarray:
    """Whether each of some rows of facets, in increasing order, is a facet of its region; decided exactly.

    It is none where the other facets imply it: a hyperplane that touches the region in less than a facet. Of equal
    ones the last is a facet.
    """
    owners = np.searchsorted(cells.facet_offsets, rows, side="right") - 1
    regions, starts = np.unique(owners, return_index=True)
    result = np.ones(len(rows), dtype=bool)
    for region, forms, mine in zip(
        regions, facet_forms_of(cells, regions), np.split(np.arange(len(rows)), starts[1:]), strict=True
    ):
        kept = list(range(len(forms)))
        for at in mine.tolist():
            place = int(rows[at] - cells.facet_offsets[region])
            result[at] = facet_point([forms[i] for i in kept], kept.index(place)) is not None
            if not result[at]:
                kept.remove(place)
    return result


def inner_points(cells: Cells, which: np.ndarray) -> np.ndarray:
    """A float64 point inside each of some regions, in frame coordinates, shape (regions, k); NaN where none is found.

    Found exactly, rounded, and checked exactly.
    """
    if cells.source is None:
        raise InvalidOptionError("inner points: the network is not at hand; enumerate again instead of reading a file")
    result = np.full((len(which), cells.dimension), np.nan)
    for row, forms in enumerate(facet_forms_of(cells, which)):
        point = interior(forms, cells.dimension).point
        if point is None:
            continue
        rounded, _ = nearest(point)
        if np.isfinite(rounded).all() and all(side(form, point_at(rounded)) > 0 for form in forms):
            result[row] = np.array(rounded) * cells.source.scale
    return result


def halfspaces_of(cells: Cells, region: int, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The halfspaces `A t <= b` of a region in frame coordinates, a row per facet: (facets, k) and (facets,).

    Rows are scaled so that b - A t is the distance from a facet in input units, within the domain's frame; their
    coefficients are those of the exact forms, rounded.
    """
    if cells.source is None:
        raise InvalidOptionError("halfspaces: the network is not at hand; enumerate again instead of reading a file")
    forms = np.array([unit_form(form) for form in facet_forms_of(cells, np.array([region]))[0]])
    forms = forms.reshape(-1, cells.dimension + 1)
    forms = forms[forms[:, 1:].any(axis=1)]  # the infinite end of a line bounds nothing
    slopes = forms[:, 1:] / cells.source.scale
    # distance in the input space: the norm that is dual to that of the directions
    factor = np.linalg.cholesky(basis @ basis.T)
    lengths = np.linalg.norm(np.linalg.solve(factor, slopes.T), axis=0)
    return -slopes / lengths[:, None], forms[:, 0] / lengths


def largest_ball(normals: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, float]:
    """Center and radius of the largest ball in {t : normals t <= offsets}, rows as `halfspaces_of` gives them.

    The radius is the least distance from the center, so that the ball is inside up to rounding; it falls short of the
    largest by no more than the solver's relative tolerance. It is `inf` where balls grow without end, and the center is
    some inner point then.

    Raises:
        VitrailError: the set is empty, or the solver gave up.
    """
    k = normals.shape[1]
    if not len(normals):
        return np.zeros(k), float("inf")
    rows = np.concatenate([normals, np.ones((len(normals), 1))], axis=1)
    answer = linprog(np.r_[np.zeros(k), -1.0], A_ub=rows, b_ub=offsets, bounds=[(None, None)] * (k + 1))
    if answer.status == 3:
        inner = linprog(np.r_[np.zeros(k), -1.0], A_ub=rows, b_ub=offsets, bounds=[(None, None)] * k + [(None, 1.0)])
        return inner.x[:k], float("inf")
    if answer.x is None:
        raise VitrailError(f"largest ball: the linear program was not solved ({answer.message})")
    if answer.x[k] < 0.0:
        raise VitrailError("largest ball: the halfspaces have no point in common; expected those of a region")
    center = answer.x[:k]
    return center, max(0.0, float((offsets - normals @ center).min()))


def _is_bounded(forms: Sequence[Form], dimension: int) -> bool:
    if len(forms) <= dimension:
        return False
    slopes = [(fmpz(0), *form[1:]) for form in forms]
    total = tuple(sum(column, fmpz(0)) for column in zip(*slopes, strict=True))
    # of a cone without such a direction all rows vanish everywhere
    if Program(slopes, dimension).maximize(total).kind == "unbounded":
        return False
    return bool(fmpz_mat([list(form[1:]) for form in forms]).rank() == dimension)


def _polytope(forms: Sequence[Form], dimension: int) -> ExactPolytope:
    program = Program(forms, dimension)
    low, high = [], []
    for axis in range(dimension):
        direction = [fmpz(int(i == axis + 1)) for i in range(dimension + 1)]
        up, down = program.maximize(tuple(direction)).value, program.maximize(tuple(-c for c in direction)).value
        if up is None or down is None:
            raise InvalidOptionError("shapes: the region is unbounded; expected a bounded one")
        high.append(up)
        low.append(-down)
    labels = [(-1 - i, -1) for i in range(len(forms))]
    return ExactPolytope.from_halfspaces(forms, labels, _point(low), _point(high))


def _point(coordinates: Sequence[fmpq]) -> Point:
    weight = fmpz(1)
    for value in coordinates:
        weight = weight * value.q // weight.gcd(value.q)
    return (weight, *((value * weight).p for value in coordinates))
