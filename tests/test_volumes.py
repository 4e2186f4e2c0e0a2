"""Volumes and centroids against closed forms, scipy's hulls and exact rationals; the bound holds the truth."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from test_faces import (
    Partition,
    braid,
    cell_24_rows,
    cross_polytope,
    cross_polytope_rows,
    cube_rows,
    grid,
    hypersimplex_rows,
    partition,
    random_planes,
    simplex_rows,
    single,
)
from vitrail.cells.volumes import Volumes, volumes


def measured(cells: Partition, errors: float = 0.0) -> Volumes:
    slack = np.full(len(cells.vertices), errors)
    return volumes(cells.offsets, cells.vertices, slack, cells.incidence, cells.facet_offsets)


def check(found: Volumes, volume: float, centroid: np.ndarray) -> None:
    assert abs(found.volumes[0] - volume) <= found.bounds[0] + 1e-13 * volume
    assert found.bounds[0] <= 1e-8 * volume
    np.testing.assert_allclose(found.centroids[0], centroid, atol=1e-12)


def eulerian(k: int, below: int) -> int:
    """Permutations of k with this many descents."""
    return sum(sum(a > b for a, b in pairwise(p)) == below for p in permutations(range(k)))


# ---- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7])
def test_cube_simplex_cross_polytope(k: int) -> None:
    check(measured(single(cube_rows(k, 0.25, 1.0))), 0.75**k, np.full(k, 0.625))
    check(measured(single(simplex_rows(k))), 1 / factorial(k), np.full(k, 1 / (k + 1)))
    if k >= 2:
        check(measured(cross_polytope(k)), 2**k / factorial(k), np.zeros(k))


def test_24_cell() -> None:
    check(measured(single(cell_24_rows())), 8.0, np.zeros(4))


@pytest.mark.parametrize(("k", "total"), [(3, 2), (4, 2), (4, 3), (5, 3)])
def test_hypersimplex(k: int, total: int) -> None:
    found = measured(single(hypersimplex_rows(k, total)))
    assert found.volumes[0] == pytest.approx(eulerian(k, total - 1) / factorial(k), rel=1e-12)


@pytest.mark.parametrize("k", [3, 4])
def test_braid_arrangement(k: int) -> None:
    cells = braid(k)
    found = measured(cells)
    assert found.volumes == pytest.approx(np.full(factorial(k), 1 / factorial(k)), rel=1e-12)
    means = np.add.reduceat(cells.vertices, cells.offsets[:-1]) / (k + 1)
    np.testing.assert_allclose(found.centroids, means, atol=1e-13)


def test_more_vertices_than_bits_in_a_word() -> None:
    """A prism over a polygon with 70 sides: 140 vertices, 72 facets."""
    angles = 2 * np.pi * np.arange(70) / 70
    sides = np.stack([np.ones(70), np.cos(angles), np.sin(angles), np.zeros(70)], axis=1)
    prism = single(np.vstack([sides, [[1.0, 0.0, 0.0, 1.0], [2.0, 0.0, 0.0, -1.0]]]))
    assert len(prism.vertices) == 140 and prism.incidence.shape[1] == 2
    check(measured(prism), 3 * 70 * np.tan(np.pi / 70), np.array([0.0, 0.0, 0.5]))


# ---- against hulls and sums ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "count"), [(3, 8), (4, 4), (5, 2)])
def test_random_cells(k: int, count: int) -> None:
    cells = partition(random_planes(np.random.default_rng(k), k, count).tolist(), cube_rows(k))
    found = measured(cells, 1e-12)
    for i, (start, stop) in enumerate(pairwise(cells.offsets)):
        hull = ConvexHull(cells.vertices[start:stop])
        assert abs(hull.volume - found.volumes[i]) <= found.bounds[i] + 1e-13
        inside = hull.equations[:, :-1] @ found.centroids[i] + hull.equations[:, -1]
        assert (inside < 0).all()
    assert abs(found.volumes.sum() - 2.0**k) <= found.bounds.sum() + 1e-13
    assert found.volumes @ found.centroids == pytest.approx(np.zeros(k), abs=1e-11)


def test_cells_that_are_not_simple() -> None:
    cells = partition(cross_polytope_rows(3).tolist(), cube_rows(3))
    found = measured(cells, 1e-15)
    for i, (start, stop) in enumerate(pairwise(cells.offsets)):
        assert found.volumes[i] == pytest.approx(ConvexHull(cells.vertices[start:stop]).volume, rel=1e-10)
    assert found.volumes.max() == pytest.approx(4 / 3)
    assert abs(found.volumes.sum() - 8.0) <= found.bounds.sum()


@pytest.mark.parametrize("rows", [cube_rows(4), cell_24_rows(), hypersimplex_rows(4, 3)], ids=len)
def test_affine_maps(rows: np.ndarray) -> None:
    """Which vertex is the first plays no part, nor does where the polytope lies; order and maps change nothing else."""
    cell = single(rows)
    rng = np.random.default_rng(0)
    matrix, shift = rng.standard_normal((4, 4)), rng.standard_normal(4)
    base = measured(cell)
    for _ in range(5):
        order = rng.permutation(len(cell.vertices))
        moved = cell.vertices[order] @ matrix + shift
        found = volumes(cell.offsets, moved, np.zeros(len(moved)), cell.incidence[order], cell.facet_offsets)
        assert found.volumes[0] == pytest.approx(base.volumes[0] * abs(np.linalg.det(matrix)), rel=1e-12)
        np.testing.assert_allclose(found.centroids[0], base.centroids[0] @ matrix + shift, atol=1e-12)


# ---- the bound -------------------------------------------------------------------------------------------------------


def exact_simplex(points: list[list[Fraction]]) -> Fraction:
    """Volume of a simplex by elimination."""
    rows = [[a - b for a, b in zip(p, points[0], strict=True)] for p in points[1:]]
    result = Fraction(1, factorial(len(rows)))
    for i in range(len(rows)):
        pivot = next((r for r in range(i, len(rows)) if rows[r][i]), None)
        if pivot is None:
            return Fraction(0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        result *= rows[i][i]
        for r in range(i + 1, len(rows)):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    return abs(result)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(0, 10**6), st.integers(0, 90), st.sampled_from([0.0, 2.0**-50, 2.0**-30]))
def test_bound_holds_the_true_volume(k: int, seed: int, smaller: int, error: float) -> None:
    """Simplices, down to 2^-90 in some directions, slanted or not, and far from the origin."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(-1.0, 1.0, (k + 1, k)) * 2.0 ** -(smaller * rng.random(k))
    if seed % 2:
        shape = shape @ rng.uniform(-1.0, 1.0, (k, k)) / k
    stored = np.clip(shape + rng.uniform(-1.0, 1.0, k), -1.0, 1.0)
    true = [
        [Fraction(float(x)) + Fraction(error) * Fraction(float(s)) for x, s in zip(row, signs, strict=True)]
        for row, signs in zip(stored, rng.choice([-1.0, 0.5, 1.0], (k + 1, k)), strict=True)
    ]
    incidence = ((1 << (k + 1)) - 1 ^ (1 << np.arange(k + 1)))[:, None]
    ends = np.array([0, k + 1])
    found = volumes(ends, stored, np.full(k + 1, error), incidence, ends)
    assert abs(Fraction(float(found.volumes[0])) - exact_simplex(true)) <= Fraction(float(found.bounds[0]))


def test_small_cells_far_from_the_origin_keep_their_digits() -> None:
    side = 2.0**-40
    corners = 0.875 + side * np.vstack([np.zeros(4), np.eye(4)])
    ends, incidence = np.array([0, 5]), (31 ^ (1 << np.arange(5)))[:, None]
    found = volumes(ends, corners, np.zeros(5), incidence, ends)
    assert found.volumes[0] == side**4 / 24 and found.bounds[0] < 2.0**-36 * found.volumes[0]
    assert (found.centroids[0] == 0.875 + side / 5).all()


def test_underflow_is_in_the_bound() -> None:
    side = 2.0**-300
    ends, incidence = np.array([0, 5]), (31 ^ (1 << np.arange(5)))[:, None]
    found = volumes(ends, side * np.vstack([np.zeros(4), np.eye(4)]), np.zeros(5), incidence, ends)
    assert found.volumes[0] == 0.0 < found.bounds[0]
    assert (found.centroids[0] == side / 5).all()


# ---- what is wrong or not there --------------------------------------------------------------------------------------


def test_nothing() -> None:
    none = volumes(
        np.zeros(1, np.int64), np.zeros((0, 3)), np.zeros(0), np.zeros((0, 1), np.int64), np.zeros(1, np.int64)
    )
    assert none.volumes.shape == (0,) and none.centroids.shape == (0, 3)
    zeros = np.zeros(3, np.int64)
    found = volumes(zeros, np.zeros((0, 3)), np.zeros(0), np.zeros((0, 1), np.int64), zeros)
    assert np.isnan(found.volumes).all() and np.isnan(found.centroids).all() and np.isnan(found.bounds).all()


def test_a_dropped_cell_is_missed() -> None:
    cells = grid((2, 3, 2))
    found = measured(cells.without(4))
    assert found.volumes.sum() == pytest.approx(11 / 12)
    assert found.volumes.sum() + found.bounds.sum() < 1.0


@pytest.mark.parametrize("rows", [cube_rows(3), cube_rows(4), hypersimplex_rows(3, 2)], ids=len)
def test_flipped_incidence_changes_the_volume(rows: np.ndarray) -> None:
    """A vertex taken off one of its facets: too few facets, or simplices are missing."""
    cell = single(rows)
    right = measured(cell)
    changed = 0
    for vertex in range(len(cell.vertices)):
        for facet in range(len(cell.cuts)):
            if cell.incidence[vertex, 0] >> facet & 1:
                wrong = cell.incidence.copy()
                wrong[vertex, 0] ^= 1 << facet
                found = volumes(cell.offsets, cell.vertices, cell.errors, wrong, cell.facet_offsets)
                changed += not abs(found.volumes[0] - right.volumes[0]) <= found.bounds[0]
    simple = len(cell.vertices) == 2**cell.dimension
    assert changed == cell.dimension * len(cell.vertices) if simple else changed > 0


def test_incidence_with_a_facet_that_is_not_there() -> None:
    cell = single(cube_rows(3))
    wrong = cell.incidence.copy()
    wrong[0, 0] |= 1 << 6
    found = volumes(cell.offsets, cell.vertices, cell.errors, wrong, cell.facet_offsets)
    assert np.isnan(found.volumes[0]) and np.isnan(found.bounds[0])
