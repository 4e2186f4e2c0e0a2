"""Facets and vertices that cells share, against sets of rounded vertices; wrong input stays open."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from test_faces import Partition, braid, cube_rows, deep_partition, grid, partition, random_planes
from vitrail.cells import pairing
from vitrail.cells.pairing import FacetMatches, match_by_vertices, number_vertices, pair_facets
from vitrail.facets import Facets, adjacency_of
from vitrail.patterns import PatternLayout, pack


def paired(cells: Partition) -> FacetMatches:
    return pair_facets(cells.words, cells.layout, cells.facet_offsets, cells.units, cells.cuts)


def cells_of(cells: Partition, facets: np.ndarray) -> np.ndarray:
    return np.searchsorted(cells.facet_offsets, facets, side="right") - 1


def true_pairs(cells: Partition) -> set[frozenset[int]]:
    """Facets with the same vertices."""
    places: dict[frozenset[tuple[float, ...]], list[int]] = {}
    for facet, key in enumerate(cells.facet_keys()):
        places.setdefault(key, []).append(facet)
    return {frozenset(facets) for facets in places.values() if len(facets) == 2}


def as_sets(pairs: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(pair) for pair in pairs.tolist()}


def random_cells(seed: int, k: int = 3, count: int = 6) -> Partition:
    return partition(random_planes(np.random.default_rng(seed), k, count).tolist(), cube_rows(k), seed)


def double_plane() -> Partition:
    """Units 1 and 2 vanish together, with opposite signs."""
    planes = [[0.1, 1.0, 1.0, 0.0], [0.2, 0.0, 1.0, -1.0], [-0.4, 0.0, -2.0, 2.0], [-0.1, 1.0, 0.0, 0.0]]
    return partition(planes, cube_rows(3))


# ---- facets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "k", "count"), [(0, 3, 7), (1, 3, 5), (2, 4, 4), (3, 5, 2), (4, 3, 0)])
def test_random_planes(seed: int, k: int, count: int) -> None:
    cells = random_cells(seed, k, count)
    found = paired(cells)
    assert as_sets(found.pairs) == true_pairs(cells)
    assert found.open.size == 0 and 2 * len(found.pairs) == (cells.cuts >= 0).sum()
    assert (cells.cuts[found.pairs] & 1 == [0, 1]).all()


@pytest.mark.parametrize(("k", "seed"), [(3, 0), (3, 1), (3, 2), (4, 3)])
def test_two_layers(k: int, seed: int) -> None:
    """Both sides of a facet are cut again by other planes, which meet on it, in cuts with other numbers."""
    rng = np.random.default_rng(seed)
    cells = deep_partition(random_planes(rng, k, 4), rng.standard_normal((3, 5)) * [0.3, 1, 1, 1, 1], cube_rows(k))
    found = paired(cells)
    assert as_sets(found.pairs) == true_pairs(cells)
    assert found.open.size == 0 and 2 * len(found.pairs) == (cells.cuts >= 0).sum()


def test_concurrent_planes() -> None:
    """Planes that share a line are no trouble: on a facet just one of them vanishes."""
    cells = braid(4)
    found = paired(cells)
    assert as_sets(found.pairs) == true_pairs(cells) and len(found.pairs) == 36 and found.open.size == 0


def test_units_that_vanish_together_stay_open() -> None:
    cells = double_plane()
    found = paired(cells)
    assert found.open.tolist() == np.flatnonzero((cells.cuts >= 0) & (cells.units == 1)).tolist() != []
    keys = cells.facet_keys()
    more = match_by_vertices(found.open, cells.cuts[found.open], [keys[f] for f in found.open])
    whole = found.and_also(more)
    assert as_sets(whole.pairs) == true_pairs(cells)
    assert whole.open.size == 0 and (np.diff(whole.pairs[:, 0]) > 0).all()


def test_dropped_cell_leaves_its_neighbors_open() -> None:
    cells = random_cells(5)
    before = paired(cells)
    missing = 3
    inner = (cells.cuts[slice(*cells.facet_offsets[missing : missing + 2])] >= 0).sum()
    after = paired(cells.without(missing))
    assert after.open.size == inner > 0
    assert len(after.pairs) == len(before.pairs) - inner


def test_wrong_pattern_is_open() -> None:
    """A cell with another's bit, one that none of its facets makes: no partner has it."""
    cells = random_cells(6)
    own = [set(cells.units[a:b].tolist()) for a, b in pairwise(cells.facet_offsets)]
    cell, unit = next((c, u) for c, units in enumerate(own) for u in range(6) if u not in units)
    words = cells.words.copy()
    words[cell, unit // 3] ^= 1 << (unit % 3 * cells.layout.bits[unit // 3])
    found = paired(replace(cells, words=words))
    inner = (cells.cuts[slice(*cells.facet_offsets[cell : cell + 2])] >= 0).sum()
    assert found.open.size == 2 * inner
    assert as_sets(found.pairs) < true_pairs(cells)


def test_two_candidates_are_open() -> None:
    """A cell that comes twice, as it may in no partition: its facets are not told apart."""
    words, cuts, units = np.array([[0], [1], [1]]), np.array([3, 2, 2]), np.zeros(3, dtype=np.int64)
    found = pair_facets(words, PatternLayout((1,), (1,)), np.array([0, 1, 2, 3]), units, cuts)
    assert found.pairs.shape == (0, 2) and found.open.tolist() == [0, 1, 2]


def test_equal_hashes_are_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one hash for all facets, the patterns still tell them apart, or they stay open."""
    monkeypatch.setattr(pairing, "_facet_keys", lambda *arguments: None)
    few, many = random_cells(7, count=4), random_cells(7, count=6)
    assert 24 <= (few.cuts >= 0).sum() <= 64 < (many.cuts >= 0).sum()
    assert as_sets(paired(few).pairs) == true_pairs(few) and paired(few).open.size == 0
    assert len(paired(many).pairs) == 0 and paired(many).open.size == (many.cuts >= 0).sum()


stages = st.lists(st.tuples(st.integers(1, 70), st.sampled_from([1, 2, 4, 16])), min_size=1, max_size=3)


@given(stages, st.data())
def test_a_unit_is_masked_where_its_bits_lie(stages: list[tuple[int, int]], data: st.DataObject) -> None:
    """Two cells that differ in one unit are paired across it; as soon as they differ in another one, they are not."""
    layout = PatternLayout(tuple(u for u, _ in stages), tuple(b for _, b in stages))
    total = sum(layout.units)
    unit = data.draw(st.integers(0, total - 1))
    other = data.draw(st.integers(0, total - 1).filter(lambda u: u != unit or total == 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    pieces = [rng.integers(0, 2**b, u) for u, b in stages]

    def words(changed: list[int]) -> np.ndarray:
        rows = []
        for i, (own, (_, bits)) in enumerate(zip(pieces, stages, strict=True)):
            first = sum(layout.units[:i])
            row = own.copy()
            for u in changed:
                if 0 <= u - first < row.size:
                    row[u - first] = (row[u - first] + 1) % 2**bits
            rows.append(pack(row[None], bits))
        return np.concatenate(rows, axis=1)

    def pairs(changed: list[int]) -> list[list[int]]:
        both = np.concatenate([words([]), words(changed)])
        facets = np.array([unit, unit]), np.array([9, 8])
        return pair_facets(both, layout, np.array([0, 1, 2]), *facets).pairs.tolist()

    assert pairs([unit]) == [[1, 0]]
    if other != unit:
        assert pairs([unit, other]) == []


def test_match_by_vertices_needs_one_of_each_side() -> None:
    facets, cuts = np.array([1, 2, 3, 4, 5, 6]), np.array([4, 5, 4, 6, 7, 7])
    assert match_by_vertices(facets, cuts, ["a", "a", "b", "c", "c", "c"]).tolist() == [[1, 2]]
    assert match_by_vertices(facets[:0], cuts[:0], []).shape == (0, 2)


# ---- adjacency -------------------------------------------------------------------------------------------------------


def facets_of(pairs: np.ndarray) -> Facets:
    none = np.zeros(0, dtype=np.int64)
    return Facets(pairs, pairs, none, None, none)


def test_adjacency_matrix() -> None:
    cells = random_cells(8)
    pairs = cells_of(cells, paired(cells).pairs)
    count = len(cells.offsets) - 1
    matrix = adjacency_of(facets_of(pairs), count)
    assert matrix.shape == (count, count) and (matrix != matrix.T).nnz == 0 and matrix.nnz == 2 * len(pairs)
    rows, columns = matrix.nonzero()
    assert np.sort(pairs[matrix.data - 1], axis=1).tolist() == np.sort(np.stack([rows, columns], 1), axis=1).tolist()
    assert connected_components(matrix)[0] == 1
    assert adjacency_of(facets_of(np.zeros((0, 2), dtype=np.int64)), 4).nnz == 0


def test_two_regions_that_are_paired_twice_are_adjacent_once() -> None:
    matrix = adjacency_of(facets_of(np.array([[0, 1], [1, 2], [1, 0]])), 3)
    assert matrix.toarray().tolist() == [[0, 1, 0], [1, 0, 2], [0, 2, 0]]


# ---- vertices --------------------------------------------------------------------------------------------------------


def numbered(
    cells: Partition, errors: np.ndarray, pairs: np.ndarray, exact: np.ndarray | None = None
) -> pairing.VertexNumbers:
    return number_vertices(cells.offsets, cells.vertices, errors, cells.incidence, cells.facet_offsets, pairs, exact)


def exact_numbers(cells: Partition) -> np.ndarray:
    places: dict[tuple[float, ...], int] = {}
    return np.array([places.setdefault(key, len(places)) for key in cells.keys])


@pytest.mark.parametrize("cells", [random_cells(9), random_cells(10, 4, 3), grid((2, 3, 1)), braid(3)], ids=str)
def test_vertices_are_the_points(cells: Partition) -> None:
    found = numbered(cells, cells.errors, paired(cells).pairs)
    assert found.proven and found.count == len(set(cells.keys)) == found.numbers.max() + 1
    assert len(set(zip(found.numbers.tolist(), cells.keys, strict=True))) == found.count
    assert (np.unique(found.numbers, return_index=True)[1][1:] > 0).all()


def test_vertices_within_errors_of_each_other() -> None:
    """Errors as large as the cells prove nothing: every pair is open, still matched by what is nearest."""
    cells = grid((2, 2, 2))
    pairs = paired(cells).pairs
    found = numbered(cells, np.full(len(cells.vertices), 0.3), pairs)
    assert found.open.tolist() == list(range(len(pairs))) and not found.proven
    assert found.count == 27 and found.clashes.size == 0
    known = numbered(cells, np.full(len(cells.vertices), 0.3), pairs, exact_numbers(cells))
    assert known.proven and known.count == 27


def test_vertices_farther_than_errors() -> None:
    cells = grid((2, 2, 2))
    pairs = paired(cells).pairs
    moved = cells.vertices.copy()
    moved[slice(*cells.offsets[:2])] += 2.0**-20
    apart = replace(cells, vertices=moved)
    own = np.flatnonzero((cells_of(cells, pairs) == 0).any(axis=1))
    assert numbered(apart, cells.errors, pairs).open.tolist() == own.tolist()
    assert numbered(apart, np.full(len(moved), 2.0**-21), pairs).proven
    assert not numbered(apart, np.full(len(moved), 2.0**-22), pairs).proven
    assert not numbered(apart, np.full(len(moved), np.nan), pairs).proven


def test_wrong_pairs_are_open() -> None:
    cells = grid((2, 2, 2))
    pairs = paired(cells).pairs
    wrong = np.stack([pairs[:, 0], np.roll(pairs[:, 1], 1)], axis=1)
    assert numbered(cells, cells.errors, wrong).open.size >= len(wrong) - 1
    other = random_cells(11)
    sizes = [len(key) for key in other.facet_keys()]
    triangle, other_kind = sizes.index(3), next(f for f, size in enumerate(sizes) if size > 3)
    found = numbered(other, other.errors, np.array([[triangle, other_kind]]))
    assert found.open.tolist() == [0] and found.count == len(other.vertices)


def test_numbers_twice_in_a_cell_clash() -> None:
    """Intervals [0, 1], [1, 2]: glued at 1 and, wrongly, at 0 and 1."""
    corners, bits, ends = np.array([[0.0], [1.0], [1.0], [2.0]]), np.array([[1], [2], [1], [2]]), np.array([0, 2, 4])
    pairs = np.array([[1, 2], [0, 2]])
    good = number_vertices(ends, corners, np.zeros(4), bits, ends, pairs[:1])
    assert good.proven and good.numbers.tolist() == [0, 1, 1, 2]
    bad = number_vertices(ends, corners, np.zeros(4), bits, ends, pairs)
    assert bad.clashes.tolist() == [0] and bad.open.tolist() == [1] and not bad.proven
    sure = number_vertices(ends, corners, np.zeros(4), bits, ends, pairs, np.array([5, 5, 5, 6]))
    assert sure.open.size == 0 and sure.clashes.tolist() == [0] and not sure.proven


def test_exact_numbers_decide() -> None:
    """Two vertices of a facet closer together than their errors; told apart by exact numbers, in part or wrongly."""
    corners = np.array([[0.0, 0.0], [0.0, 2.0**-52], [1.0, 0.0]])
    both = np.concatenate([corners, corners * [-1.0, 1.0]])
    bits, ends = np.array([[0b101], [0b110], [0b011]] * 2), np.array([0, 3, 6])
    # facet 0 has the vertices 0 and 2, facet 1 has 1 and 2, facet 2 has 0 and 1
    pairs, errors = np.array([[2, 5]]), np.full(6, 2.0**-52)
    assert number_vertices(ends, both, errors, bits, ends, pairs).open.tolist() == [0]
    right = number_vertices(ends, both, errors, bits, ends, pairs, np.array([0, 1, 2, 0, 1, 3]))
    assert right.proven and right.numbers.tolist() == [0, 1, 2, 0, 1, 3]
    crossed = number_vertices(ends, both, errors, bits, ends, pairs, np.array([0, 1, 2, 1, 0, 3]))
    assert crossed.proven and crossed.numbers.tolist() == [0, 1, 2, 1, 0, 3]
    assert number_vertices(ends, both, errors, bits, ends, pairs, np.array([0, 1, 2, 7, 8, 3])).open.tolist() == [0]
    assert number_vertices(ends, both, errors, bits, ends, pairs, np.full(6, -1)).open.tolist() == [0]
