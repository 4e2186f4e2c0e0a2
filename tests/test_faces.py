"""Faces of partitions into polytopes, against closed forms and a slow lattice of frozen sets.

The partitions are made here by brute force: a cell's vertices are all the points in which k of its rows meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations, permutations, product
from math import comb, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from vitrail.cells.faces import FaceCounts, count_faces, euler_characteristic
from vitrail.cells.pairing import number_vertices, pair_facets
from vitrail.patterns import PatternLayout, pack

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Partition:
    """Cells as the arrays that the functions under test take; `keys` has every vertex rounded."""

    offsets: np.ndarray
    vertices: np.ndarray
    incidence: np.ndarray
    facet_offsets: np.ndarray
    units: np.ndarray
    cuts: np.ndarray
    words: np.ndarray
    layout: PatternLayout = field(repr=False)

    @property
    def dimension(self) -> int:
        return self.vertices.shape[1]

    @property
    def errors(self) -> np.ndarray:
        return np.full(len(self.vertices), 1e-12)

    @property
    def keys(self) -> list[tuple[float, ...]]:
        return [tuple(row) for row in (np.round(self.vertices, 7) + 0.0).tolist()]

    def facet_keys(self) -> list[frozenset[tuple[float, ...]]]:
        keys = self.keys
        return [
            frozenset(keys[v] for v in range(*self.offsets[c : c + 2]) if self.incidence[v, f // 64] >> (f % 64) & 1)
            for c in range(len(self.offsets) - 1)
            for f in range(self.facet_offsets[c + 1] - self.facet_offsets[c])
        ]

    def without(self, cell: int) -> Partition:
        """The same without one cell."""
        v, f = slice(*self.offsets[cell : cell + 2]), slice(*self.facet_offsets[cell : cell + 2])
        return Partition(
            np.delete(self.offsets, cell + 1) - (np.arange(len(self.offsets) - 1) > cell) * (v.stop - v.start),
            np.delete(self.vertices, v, axis=0),
            np.delete(self.incidence, v, axis=0),
            np.delete(self.facet_offsets, cell + 1) - (np.arange(len(self.offsets) - 1) > cell) * (f.stop - f.start),
            np.delete(self.units, f),
            np.delete(self.cuts, f),
            np.delete(self.words, cell, axis=0),
            self.layout,
        )


def brute_vertices(rows: np.ndarray) -> np.ndarray:
    """All points in which k of the rows (m, k + 1) meet and no row is negative."""
    k = rows.shape[1] - 1
    chosen = np.array(list(combinations(range(len(rows)), k)))
    matrices = rows[chosen][:, :, 1:]
    regular = np.abs(np.linalg.det(matrices)) > TOLERANCE
    points = np.linalg.solve(matrices[regular], -rows[chosen][regular][:, :, :1])[:, :, 0]
    points = points[(rows[:, 0] + points @ rows[:, 1:].T >= -TOLERANCE).all(axis=1)]
    _, first = np.unique(np.round(points, 7) + 0.0, axis=0, return_index=True)
    return points[first]


def incidence_words(touching: np.ndarray) -> np.ndarray:
    """Bits (n, m) as words (n, words)."""
    return pack(touching.astype(np.int64), 1)


@dataclass(frozen=True)
class Cell:
    rows: np.ndarray
    labels: list[tuple[int, int]]
    signs: tuple[int, ...] = ()

    def tight(self) -> tuple[np.ndarray, np.ndarray, Cell]:
        """Vertices, which facets they lie on, and the cell with nothing but its facets."""
        points = brute_vertices(self.rows)
        touching = np.abs(self.rows[:, 0] + points @ self.rows[:, 1:].T) < TOLERANCE
        k = points.shape[1]
        ranks = [np.linalg.matrix_rank(p - p[0], TOLERANCE) if len(p) else -1 for p in (points[t] for t in touching.T)]
        facets = [i for i, rank in enumerate(ranks) if rank == k - 1]
        labels = [self.labels[i] for i in facets]
        return points, touching[:, facets], Cell(self.rows[facets], labels, self.signs)

    def cut(self, row: np.ndarray, unit: int, cuts: Iterator[int]) -> Iterator[Cell]:
        """The parts of the cell on both sides of a row, each cut with a number of its own."""
        points, _, cell = self.tight()
        values = row[0] + points @ row[1:]
        both = values.max() > TOLERANCE and values.min() < -TOLERANCE
        number = next(cuts) if both else -1
        for side, sign in enumerate((1, -1)):
            if (sign * values).max() > TOLERANCE:
                rows = np.vstack([cell.rows, sign * row]) if both else cell.rows
                labels = [*cell.labels, (unit, 2 * number + side)] if both else cell.labels
                yield Cell(rows, labels, (*cell.signs, 1 - side))


def cube_rows(k: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    eye = np.eye(k)
    return np.concatenate([np.hstack([np.full((k, 1), -low), eye]), np.hstack([np.full((k, 1), high), -eye])])


def partition(planes: Sequence[Sequence[float]], sides: np.ndarray, seed: int = 0) -> Partition:
    """The cells that planes (m, k + 1) make of a polytope; cells, vertices and facets in random order."""
    cells = [Cell(sides, [(-1 - i, -1) for i in range(len(sides))])]
    numbers = iter(range(10**6))
    for unit, row in enumerate(np.array(planes, dtype=float).reshape(-1, sides.shape[1])):
        cells = [child for cell in cells for child in cell.cut(row, unit, numbers)]
    return with_patterns(cells, len(planes) // 2, seed)


def deep_partition(first: np.ndarray, second: np.ndarray, sides: np.ndarray, seed: int = 0) -> Partition:
    """The cells of two layers of ReLU: `first` (m, k + 1) and `second` (units, m + 1) have the bias in column 0."""
    cells = [Cell(sides, [(-1 - i, -1) for i in range(len(sides))])]
    numbers = iter(range(10**6))
    for unit in range(len(first) + len(second)):
        rows = []
        for cell in cells:
            if unit < len(first):
                rows.append(first[unit])
                continue
            bias, *weights = second[unit - len(first)]
            active = np.array(cell.signs[: len(first)])
            rows.append((weights * active) @ first + bias * (np.arange(sides.shape[1]) == 0))
        cells = [child for cell, row in zip(cells, rows, strict=True) for child in cell.cut(row, unit, numbers)]
    return with_patterns(cells, len(first), seed)


def with_patterns(cells: Sequence[Cell], split_at: int, seed: int) -> Partition:
    """The arrays of some cells; their units belong to two ops with 2 bits and 1 bit per unit."""
    units = len(cells[0].signs)
    layout = PatternLayout((split_at, units - split_at), (2, 1))
    pieces = np.array([cell.signs for cell in cells], dtype=np.int64).reshape(len(cells), units)
    split = np.split(pieces, [split_at], axis=1)
    words = np.concatenate([pack(p, b) for p, b in zip(split, layout.bits, strict=True)], axis=1)
    return assemble([cell.tight() for cell in cells], words, layout, seed)


def assemble(
    parts: Sequence[tuple[np.ndarray, np.ndarray, Cell]], words: np.ndarray, layout: PatternLayout, seed: int
) -> Partition:
    rng = np.random.default_rng(seed)
    vertices, touching, labels = [], [], []
    order = rng.permutation(len(parts))
    for points, incident, cell in (parts[i] for i in order):
        v, f = rng.permutation(len(points)), rng.permutation(incident.shape[1])
        vertices.append(points[v])
        touching.append(incident[v][:, f])
        labels.append(np.array(cell.labels, dtype=np.int64)[f])
    width = max(t.shape[1] for t in touching)
    bits = np.concatenate([np.pad(t, ((0, 0), (0, width - t.shape[1]))) for t in touching])
    every = np.concatenate(labels)
    return Partition(
        np.cumsum([0, *map(len, vertices)]),
        np.concatenate(vertices),
        incidence_words(bits),
        np.cumsum([0, *map(len, labels)]),
        every[:, 0],
        every[:, 1],
        words[order],
        layout,
    )


def single(rows: np.ndarray) -> Partition:
    """One polytope {rows >= 0}."""
    return partition([], rows)


def simplex_rows(k: int) -> np.ndarray:
    return np.vstack([np.hstack([np.zeros((k, 1)), np.eye(k)]), [1.0, *([-1.0] * k)]])


def cross_polytope_rows(k: int) -> np.ndarray:
    return np.array([[1.0, *signs] for signs in product([1.0, -1.0], repeat=k)])


def hypersimplex_rows(k: int, total: int) -> np.ndarray:
    """The part of the unit cube with total - 1 <= sum <= total, an affine image of the hypersimplex (k + 1, total)."""
    return np.vstack([cube_rows(k, 0.0, 1.0), [1.0 - total, *([1.0] * k)], [float(total), *([-1.0] * k)]])


def cell_24_rows() -> np.ndarray:
    """The polytope with the vertices (+-1, +-1, 0, 0) in all orders."""
    rows = [[1.0, *(s * (i == j) for j in range(4))] for i in range(4) for s in (1.0, -1.0)]
    return np.array(rows + [[2.0, *signs] for signs in product([1.0, -1.0], repeat=4)])


def grid(counts: Sequence[int]) -> Partition:
    """Boxes of a grid: counts[i] of them along axis i of [0, 1]^k."""
    k = len(counts)
    planes = [[-j / n, *(float(a == i) for a in range(k))] for i, n in enumerate(counts) for j in range(1, n)]
    return partition(planes, cube_rows(k, 0.0, 1.0))


def braid(k: int) -> Partition:
    """The unit cube cut by x_i = x_j."""
    planes = [[0.0, *(float(a == i) - float(a == j) for a in range(k))] for i, j in combinations(range(k), 2)]
    return partition(planes, cube_rows(k, 0.0, 1.0))


def counted(cells: Partition, pairs: np.ndarray | None = None) -> FaceCounts:
    """What the functions under test say, from patterns and coordinates to faces."""
    if pairs is None:
        pairs = pair_facets(cells.words, cells.layout, cells.facet_offsets, cells.units, cells.cuts).pairs
    found = number_vertices(cells.offsets, cells.vertices, cells.errors, cells.incidence, cells.facet_offsets, pairs)
    assert found.proven
    return count_faces(cells.offsets, cells.incidence, cells.facet_offsets, found.numbers, cells.dimension)


def slow_faces(cells: Partition) -> list[int]:
    """All intersections of facets, as sets of rounded points; their dimensions are ranks."""
    facets, faces = cells.facet_keys(), set()
    for c in range(len(cells.offsets) - 1):
        whole = frozenset(cells.keys[cells.offsets[c] : cells.offsets[c + 1]])
        own = {whole}
        for facet in facets[cells.facet_offsets[c] : cells.facet_offsets[c + 1]]:
            own |= {face & facet for face in own}
        faces |= own - {frozenset()}
    ranks = Counter(int(np.linalg.matrix_rank(np.array([*f]) - np.array([*f])[0], 1e-6)) for f in faces)
    return [ranks[d] for d in range(cells.dimension + 1)]


def random_planes(rng: np.random.Generator, k: int, count: int) -> np.ndarray:
    normals = rng.standard_normal((count, k))
    return np.hstack([0.5 * rng.uniform(-1.0, 1.0, (count, 1)), normals / np.linalg.norm(normals, axis=1)[:, None]])


# ---- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7])
def test_cube_and_simplex(k: int) -> None:
    cube, simplex = counted(single(cube_rows(k))), counted(single(simplex_rows(k)))
    assert cube.numbers.tolist() == [comb(k, d) * 2 ** (k - d) for d in range(k + 1)]
    assert simplex.numbers.tolist() == [comb(k + 1, d + 1) for d in range(k + 1)]
    assert cube.broken.size == simplex.broken.size == 0


def cross_polytope(k: int) -> Partition:
    """From its vertices, which are known: too many facets for brute force."""
    rows, points = cross_polytope_rows(k), np.vstack([np.eye(k), -np.eye(k)])
    touching = np.abs(1.0 + points @ rows[:, 1:].T) < TOLERANCE
    cell = Cell(rows, [(-1 - i, -1) for i in range(len(rows))])
    return assemble([(points, touching, cell)], np.zeros((1, 0), dtype=np.int64), PatternLayout((), ()), 0)


@pytest.mark.parametrize("k", [3, 4, 5, 7])
def test_cross_polytope(k: int) -> None:
    """Up to 128 facets, and 2^(k - 1) of them through each vertex."""
    found = counted(cross_polytope(k))
    assert found.numbers.tolist() == [comb(k, d + 1) * 2 ** (d + 1) for d in range(k)] + [1]
    assert found.broken.size == 0


def test_24_cell_and_octahedra() -> None:
    found = counted(single(cell_24_rows()))
    assert found.numbers.tolist() == [24, 96, 96, 24, 1] and found.broken.size == 0
    assert counted(single(hypersimplex_rows(3, 2))).numbers.tolist() == [6, 12, 8, 1]


@pytest.mark.parametrize("counts", [(3, 3, 3), (1, 2, 4), (2, 2, 2, 2), (3, 1, 2, 2)])
def test_grid(counts: tuple[int, ...]) -> None:
    """Products of paths: n + 1 points and n edges each."""
    product_of_paths = np.polynomial.Polynomial([1])
    for n in counts:
        product_of_paths *= np.polynomial.Polynomial([n + 1, n])
    found = counted(grid(counts))
    assert found.numbers.tolist() == np.rint(product_of_paths.coef).astype(int).tolist()
    assert euler_characteristic(found.numbers) == 1 and found.broken.size == 0


@pytest.mark.parametrize("k", [3, 4])
def test_braid_arrangement(k: int) -> None:
    """Simplices of dimension d: chains of d + 1 subsets of k elements; each element enters at some step, or never."""
    chains = [sum((-1) ** i * comb(d, i) * (d + 2 - i) ** k for i in range(d + 1)) for d in range(k + 1)]
    found = counted(braid(k))
    assert found.numbers.tolist() == chains and found.broken.size == 0


def flats_inside(planes: np.ndarray, k: int) -> Iterator[tuple[int, int]]:
    """For every face G of the cube and every set T of planes that meet in its interior: dimension of G, and |T|."""
    for face in product([-1, 0, 1], repeat=k):
        inside = [i for i in range(k) if face[i] == 0]
        constant = planes[:, 0] + planes[:, 1:] @ np.array(face, dtype=float)
        for size in range(len(inside) + 1):
            for chosen in combinations(range(len(planes)), size):
                normals, right = planes[list(chosen)][:, 1:][:, inside], -constant[list(chosen)]
                if size == len(inside):
                    met = size == 0 or bool((np.abs(np.linalg.solve(normals, right)) < 1.0).all())
                elif size == 0:
                    met = True
                else:  # the smallest maximum norm on the flat
                    n = len(inside)
                    upper = np.vstack([np.hstack([s * np.eye(n), -np.ones((n, 1))]) for s in (1, -1)])
                    equal = np.hstack([normals, np.zeros((size, 1))])
                    bounds = [(None, None)] * n + [(0, None)]
                    done = linprog([0.0] * n + [1.0], upper, np.zeros(2 * n), equal, right, bounds)
                    met = done.fun < 1.0
                if met:
                    yield len(inside), size


@pytest.mark.parametrize(("k", "count"), [(3, 4), (3, 5), (4, 3)])
def test_simple_arrangement(k: int, count: int) -> None:
    """Planes in general position: a flat in a convex set has as many regions as there are flats in it, itself included.

    So a face of dimension d in G is counted by choosing which planes of T it lies on, dim G - d of them.
    """
    planes = random_planes(np.random.default_rng(count), k, count)
    expected = [0] * (k + 1)
    for dimension, size in flats_inside(planes, k):
        for d in range(dimension + 1):
            expected[d] += comb(size, dimension - d)
    found = counted(partition(planes.tolist(), cube_rows(k)))
    assert found.numbers.tolist() == expected and found.broken.size == 0


# ---- any arrangement against the slow lattice ------------------------------------------------------------------------


@pytest.mark.parametrize("k", [3, 4])
def test_octahedra_in_a_cube(k: int) -> None:
    """All planes +-x +-y ... = 1, each once: cells with vertices on more than k facets beside simple ones."""
    cells = partition(cross_polytope_rows(k).tolist() if k == 3 else cross_polytope_rows(k)[::3].tolist(), cube_rows(k))
    found = counted(cells)
    assert found.numbers.tolist() == slow_faces(cells)
    assert euler_characteristic(found.numbers) == 1 and found.broken.size == 0


@pytest.mark.parametrize(("k", "seed"), [(3, 0), (3, 1), (4, 2)])
def test_two_layers(k: int, seed: int) -> None:
    """Bent hyperplanes."""
    rng = np.random.default_rng(seed)
    cells = deep_partition(random_planes(rng, k, 4), rng.standard_normal((3, 5)) * [0.3, 1, 1, 1, 1], cube_rows(k))
    found = counted(cells)
    assert len(cells.offsets) > 20 and (cells.units >= 4).any()
    assert found.numbers.tolist() == slow_faces(cells)
    assert euler_characteristic(found.numbers) == 1 and found.broken.size == 0


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 4).filter(lambda row: any(row[1:])), min_size=1, max_size=4))
def test_small_integer_planes(planes: list[tuple[int, ...]]) -> None:
    """Degenerate more often than not; parallel and equal planes are left out, as they need exact matching."""
    reduced = {tuple(Fraction(v, next(x for x in row[1:] if x)) for v in row): row for row in planes}
    cells = partition([list(map(float, row)) for row in reduced.values()], cube_rows(3))
    found = counted(cells)
    assert found.numbers.tolist() == slow_faces(cells)
    assert euler_characteristic(found.numbers) == 1 and found.broken.size == 0


def test_no_cells() -> None:
    none = np.zeros(0, dtype=np.int64)
    found = count_faces(np.zeros(1, dtype=np.int64), np.zeros((0, 1), dtype=np.int64), np.zeros(1, np.int64), none, 3)
    assert found.numbers.tolist() == [0, 0, 0, 0] and found.broken.size == 0


def test_many_cells_grow_the_table() -> None:
    """Copies of one box that share nothing, and copies that share everything."""
    box, copies = single(cube_rows(3)), 3000
    ends, incidence = np.arange(copies + 1), np.tile(box.incidence, (copies, 1))
    apart = count_faces(8 * ends, incidence, 6 * ends, np.arange(8 * copies), 3)
    same = count_faces(8 * ends, incidence, 6 * ends, np.tile(np.arange(8), copies), 3)
    assert apart.numbers.tolist() == [8 * copies, 12 * copies, 6 * copies, copies]
    assert same.numbers.tolist() == [8, 12, 6, copies]


# ---- what is wrong is seen -------------------------------------------------------------------------------------------


def test_dropped_cell_is_seen() -> None:
    cells = grid((3, 3, 3))
    middle = int(np.argmin(np.abs(np.add.reduceat(cells.vertices, cells.offsets[:-1]) / 8 - 0.5).sum(axis=1)))
    found = counted(cells.without(middle))
    assert found.numbers.tolist() == [64, 144, 108, 26]
    assert euler_characteristic(found.numbers) == 2


def test_missing_pairs_are_seen() -> None:
    """Cells that are not glued, or in part, are not one complex."""
    cells = grid((2, 2, 2))
    pairs = pair_facets(cells.words, cells.layout, cells.facet_offsets, cells.units, cells.cuts).pairs
    assert counted(cells, pairs[:0]).numbers.tolist() == [64, 96, 48, 8]
    assert euler_characteristic(counted(cells, pairs[:0]).numbers) == 8
    across = pairs[cells.units[pairs[:, 0]] != 0]
    assert euler_characteristic(counted(cells, across).numbers) == 2
    whole = grid((3, 3, 3))
    pairs = pair_facets(whole.words, whole.layout, whole.facet_offsets, whole.units, whole.cuts).pairs
    keys = whole.facet_keys()
    hidden = next(i for i, f in enumerate(pairs[:, 0]) if all(0 < x < 1 for corner in keys[f] for x in corner))
    # around a facet that touches no side, its vertices are glued through its neighbors
    assert counted(whole, np.delete(pairs, hidden, axis=0)).numbers.tolist() == counted(whole).numbers.tolist()


@pytest.mark.parametrize("rows", [cube_rows(3), cube_rows(4), cell_24_rows(), hypersimplex_rows(3, 2)], ids=len)
def test_flipped_incidence_is_seen(rows: np.ndarray) -> None:
    """Every single bit that is set or taken away, and facets exchanged at one vertex."""
    cell = single(rows)
    numbers, facets = np.arange(len(cell.vertices)), len(cell.cuts)

    def broken(incidence: np.ndarray) -> bool:
        return bool(count_faces(cell.offsets, incidence, cell.facet_offsets, numbers, cell.dimension).broken.size)

    assert not broken(cell.incidence)
    for vertex, facet in product(range(len(numbers)), range(facets)):
        wrong = cell.incidence.copy()
        wrong[vertex] ^= 1 << facet
        assert broken(wrong), (vertex, facet)
        if cell.incidence[vertex, 0] >> facet & 1:
            swapped = wrong.copy()
            swapped[vertex] |= 1 << next(f for f in range(facets) if not cell.incidence[vertex, 0] >> f & 1)
            assert broken(swapped), (vertex, facet)
    beyond = cell.incidence.copy()
    beyond[0] |= 1 << facets
    assert broken(beyond)


def test_cells_without_vertices_are_broken() -> None:
    found = count_faces(np.zeros(3, np.int64), np.zeros((0, 1), np.int64), np.zeros(3, np.int64), np.zeros(0, int), 3)
    assert found.broken.tolist() == [0, 1] and found.numbers.tolist() == [0, 0, 0, 2]


def test_slow_lattice_and_builder() -> None:
    """The oracle itself, where the answer is known by heart."""
    cells = grid((2, 1, 1))
    assert slow_faces(cells) == [12, 20, 11, 2]
    assert slow_faces(replace(cells, vertices=cells.vertices * [1.0, 1.0, 0.0])) != [12, 20, 11, 2]
    assert sorted(map(tuple, brute_vertices(cube_rows(2)))) == [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    assert len({tuple(p) for p in permutations((1, 1, 0, 0))}) * 4 == len(brute_vertices(cell_24_rows()))
    assert prod(np.diff(cells.offsets)) == 64
