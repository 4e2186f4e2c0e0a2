"""Cells of halfspaces: counts against HiGHS and known ones, the arrays, and exact cells against closed forms."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from scipy.optimize import linprog

from vitrail.cells.batch import NO_DOUBTS, Children, CutTable, Tally
from vitrail.cells.exact import Groups, Rows, divide_by_signs, divide_by_winners
from vitrail.cells.exact_halfspaces import ExactHalfspaces
from vitrail.cells.halfspaces import Halfspaces, HalfspaceWork
from vitrail.errors import InvalidDomainError
from vitrail.numerics.predicates import side, to_form

Layers = list[tuple[np.ndarray, np.ndarray]]


def cube(n: int) -> np.ndarray:
    sides = np.zeros((2 * n, n + 1))
    sides[:, 0] = 1.0
    for j in range(n):
        sides[2 * j, j + 1], sides[2 * j + 1, j + 1] = 1.0, -1.0
    return sides


def he_layers(widths: list[int]) -> Layers:
    """He-normal weights in float32, biases N(0, 1/4); the last layer, which cuts nothing, is left out."""
    layers = []
    for i in range(len(widths) - 1):
        generator = np.random.default_rng([0, i, 7])
        weights = generator.normal(0, np.sqrt(2 / widths[i]), (widths[i + 1], widths[i]))
        bias = generator.normal(0, 0.5, (widths[i + 1],))
        layers.append((weights.astype(np.float32).astype(float), bias.astype(np.float32).astype(float)))
    return layers[:-1]


def sign_table(n: int, units: int, first: int = 0, bound: float = 1e-14) -> CutTable:
    return CutTable(np.zeros((1, units)), None, np.full((n + 1, 1, units), bound), first, 1)


def total(tallies: Iterable[Tally]) -> Tally:
    """Everything that was counted, of cells that are not doubtful."""
    parts = list(tallies)
    children, dirty = sum(part.children for part in parts), sum(part.dirty for part in parts)
    return Tally(np.asarray(children), np.asarray(dirty), sum(part.undecided for part in parts))


def join(children: list[Children]) -> tuple[Halfspaces, np.ndarray, np.ndarray]:
    """Cells, parents and words of all children; the arrays of each are valid only until the next."""
    cells = [child.cells for child in children]
    sizes = np.concatenate([np.diff(part.offsets) for part in cells])
    joined = Halfspaces(
        np.concatenate([[0], np.cumsum(sizes)]),
        *(np.concatenate([getattr(part, name) for part in cells]) for name in ("floats", "integers", "points")),
        np.arange(len(sizes)),
        np.concatenate([part.dirty for part in cells]),
        cells[0].bounded,
    )
    return joined, np.concatenate([c.parent for c in children]), np.concatenate([c.words for c in children])


def cut_all(
    cells: Halfspaces, forms: np.ndarray, table: CutTable, work: HalfspaceWork, doubtful: np.ndarray = NO_DOUBTS
) -> tuple[Halfspaces, np.ndarray, np.ndarray, int]:
    kept, undecided = [], 0
    for child in cells.cut(forms, table, work, doubtful):
        undecided += child.undecided
        own = Children(child.cells.copy(), child.parent.copy(), child.words.copy(), 0, 0)
        kept.append(own)
    return *join(kept), undecided


def bits(words: np.ndarray, units: int) -> np.ndarray:
    at = np.arange(units)
    return (words[:, at >> 6] >> (at & 63)) & 1


def network_cells(layers: Layers, start: Halfspaces, capacity: int = 1024) -> tuple[list[Halfspaces], int]:
    """The cells before each layer and after the last, and how many signs were not decided."""
    n, cells, undecided = start.dimension, start, 0
    weights, bias = layers[0]
    forms, stages = np.concatenate([bias[None], weights.T])[None], [start]
    for i, (weights, bias) in enumerate(layers):
        if i > 0:
            forms = forms @ weights.T
            forms[:, 0] += bias
        table = sign_table(n, forms.shape[2], 1000 * i)
        work = HalfspaceWork(n, capacity)
        work.next_cut = 10**6 * i
        tally = total(cells.tally(forms, table, HalfspaceWork(n, capacity)))
        cells, parent, words, missed = cut_all(cells, forms, table, work)
        assert np.array_equal(tally.children, np.bincount(parent, minlength=len(tally.children)))
        assert tally.undecided == missed
        undecided += missed
        forms = forms[parent] * bits(words, forms.shape[2])[:, None, :]
        stages.append(cells)
    return stages, undecided


# ---- an oracle: depth first over the units, one program per sign --------------------------------------------------


def has_interior(rows: list[np.ndarray], n: int) -> bool:
    if not rows:
        return True
    below = np.array([np.r_[-row[1:], np.linalg.norm(row[1:])] for row in rows])
    goal = np.r_[np.zeros(n), -1.0]
    found = linprog(goal, A_ub=below, b_ub=[row[0] for row in rows], bounds=[(None, None)] * n + [(None, 1.0)])
    return found.status == 0 and found.x[-1] > 1e-9


def count_by_highs(layers: Layers, n: int, sides: np.ndarray) -> int:
    def walk(layer: int, forms: np.ndarray, unit: int, rows: list[np.ndarray], pattern: list[bool]) -> int:
        if unit == forms.shape[1]:
            if layer == len(layers) - 1:
                return 1
            weights, bias = layers[layer + 1]
            after = (forms * np.array(pattern)) @ weights.T
            after[0] += bias
            return walk(layer + 1, after, 0, rows, [])
        total = 0
        for sign in (1.0, -1.0):
            form = sign * forms[:, unit]
            if np.abs(form[1:]).max() < 1e-13:
                if form[0] > 0:
                    total += walk(layer, forms, unit + 1, rows, [*pattern, sign > 0])
            elif has_interior([*rows, form], n):
                total += walk(layer, forms, unit + 1, [*rows, form], [*pattern, sign > 0])
        return total

    weights, bias = layers[0]
    return walk(0, np.concatenate([bias[None], weights.T]), 0, list(sides), [])


# ---- counts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [[1, 5, 4, 1], [2, 5, 4, 1], [3, 5, 4, 1], [4, 5, 3, 1], [5, 4, 3, 1]])
@pytest.mark.parametrize("bounded", [True, False])
def test_counts_against_highs(widths: list[int], bounded: bool) -> None:
    n, layers = widths[0], he_layers(widths)
    sides = cube(n) if bounded else np.zeros((0, n + 1))
    stages, undecided = network_cells(layers, Halfspaces.root(sides, bounded))
    assert len(stages[-1]) == count_by_highs(layers, n, sides)
    assert undecided == 0 or not bounded


@pytest.mark.parametrize(
    ("widths", "known"), [([8, 10, 10, 1], 13788), ([10, 8, 8, 1], 6517), ([3, 16, 16, 16, 1], 4856)]
)
def test_known_counts(widths: list[int], known: int) -> None:
    """Counts that several other programs agree on."""
    stages, undecided = network_cells(he_layers(widths), Halfspaces.root(cube(widths[0]), True))
    assert (len(stages[-1]), undecided) == (known, 0)


def test_domain_with_slanted_sides() -> None:
    simplex = np.concatenate([[[0.75, -1.0, -1.0, -1.0]], np.eye(4)[1:] + 0.25 * np.eye(4)[:1]])
    layers = he_layers([3, 6, 4, 1])
    stages, undecided = network_cells(layers, Halfspaces.root(simplex, True))
    assert (len(stages[-1]), undecided) == (count_by_highs(layers, 3, simplex), 0)


def test_little_memory() -> None:
    """Memory that is too small at first changes nothing."""
    layers = he_layers([4, 9, 7, 1])
    start = Halfspaces.root(cube(4), True)
    (*_, small), _ = network_cells(layers, start, capacity=1)
    (*_, large), _ = network_cells(layers, start)
    for name in ("offsets", "floats", "integers", "points", "dirty"):
        assert np.array_equal(getattr(small, name), getattr(large, name)), name


def test_many_units() -> None:
    """More units than are asked about at once, and more cuts along one path than levels at first."""
    forms = np.zeros((1, 2, 200))
    forms[0, 0], forms[0, 1] = np.linspace(-0.99, 0.99, 200), 1.0
    cells, _, words, undecided = cut_all(Halfspaces.root(cube(1), True), forms, sign_table(1, 200), HalfspaceWork(1, 4))
    assert (len(cells), undecided) == (201, 0)
    assert sorted(bits(words, 200).sum(axis=1)) == list(range(201))
    assert (np.diff(cells.offsets) == 2).all()  # the redundant rows are gone


def test_no_bias() -> None:
    """All hyperplanes pass the point where the search starts, so many touch cells in it: found, but not proven."""
    generator = np.random.default_rng(1)
    forms = np.zeros((1, 4, 6))
    forms[0, 1:] = generator.normal(size=(3, 6))
    start, table = Halfspaces.root(cube(3), True), sign_table(3, 6)
    cells, _, _, undecided = cut_all(start, forms, table, HalfspaceWork(3))
    assert len(cells) == 2 * (1 + 5 + 10) and undecided > 0  # 2 (C(5, 0) + C(5, 1) + C(5, 2))
    few = np.ascontiguousarray(forms[:, :, :3])
    cells, _, _, undecided = cut_all(start, few, sign_table(3, 3), HalfspaceWork(3))
    assert (len(cells), undecided) == (8, 0)


# ---- what the arrays say -------------------------------------------------------------------------------------------


def test_points_rows_and_labels() -> None:
    layers = he_layers([4, 8, 6, 1])
    stages, _ = network_cells(layers, Halfspaces.root(cube(4), True))
    cells = stages[-1]
    sides_of: dict[int, set[int]] = {}
    for c in range(len(cells)):
        rows = cells.floats[cells.offsets[c] : cells.offsets[c + 1]]
        point = [Fraction(x) for x in cells.points[c]]
        hidden = [np.maximum(layers[0][0] @ cells.points[c] + layers[0][1], 0.0)]
        values = [layers[0][0] @ cells.points[c] + layers[0][1], layers[1][0] @ hidden[0] + layers[1][1]]
        for row, (source, cut) in zip(rows, cells.labels(c), strict=True):
            exact = Fraction(row[0]) + sum(Fraction(a) * x for a, x in zip(row[1:-1], point, strict=True))
            assert exact > Fraction(row[-1])
            assert 0.5 <= np.abs(row[1:-1]).max() < 1.0
            if source < 0:
                assert cut == -1
                continue
            sides_of.setdefault(cut >> 1, set()).add(cut & 1)
            assert (values[source // 1000][source % 1000] < 0) == (cut & 1)
    assert all(both == {0, 1} for both in sides_of.values())
    center, half = cells.boxes()
    assert (np.abs(cells.points - center) <= half).all()


def test_facets_against_highs() -> None:
    (*_, cells), _ = network_cells(he_layers([3, 7, 5, 1]), Halfspaces.root(cube(3), True))
    offsets, sources, cuts, proven = cells.facets()
    assert proven.all()
    for c in range(len(cells)):
        rows = cells.floats[cells.offsets[c] : cells.offsets[c + 1], :-1]
        needed = []
        for i, label in enumerate(cells.labels(c)):
            others = np.delete(rows, i, axis=0)
            low = linprog(rows[i, 1:], A_ub=-others[:, 1:], b_ub=others[:, 0], bounds=(-100, 100))
            if low.fun + rows[i, 0] < 0:
                needed.append(label)
        mine = slice(offsets[c], offsets[c + 1])
        assert list(zip(sources[mine].tolist(), cuts[mine].tolist(), strict=True)) == needed
    geometry = cells.geometry()
    assert geometry.vertices.shape == (0, 3) and geometry.offsets.tolist() == [0] * (len(cells) + 1)
    assert geometry.witnesses is cells.points and np.array_equal(geometry.facet_offsets, offsets)


def test_take_copy_and_forms() -> None:
    (_, cells, _), _ = network_cells(he_layers([3, 7, 5, 1]), Halfspaces.root(cube(3), True))
    part = cells.take(3, 6).with_forms(np.array([5, 6, 7]))
    assert len(part) == 3 and part.form_of.tolist() == [5, 6, 7]
    assert [part.labels(i) for i in range(3)] == [cells.labels(3 + i) for i in range(3)]
    assert np.shares_memory(part.floats, cells.floats) and not np.shares_memory(part.copy().floats, cells.floats)
    assert part.incidence(0) == []


# ---- undecided signs ----------------------------------------------------------------------------------------------


def braid(n: int) -> np.ndarray:
    """Forms t_i - t_j, (1, n + 1, pairs)."""
    pairs = list(itertools.combinations(range(n), 2))
    forms = np.zeros((1, n + 1, len(pairs)))
    for u, (i, j) in enumerate(pairs):
        forms[0, i + 1, u], forms[0, j + 1, u] = 1.0, -1.0
    return forms


def test_touching_is_left_open() -> None:
    """Hyperplanes that meet in one line: the third touches what the first two leave."""
    cells, forms, table = Halfspaces.root(cube(3), True), braid(3), sign_table(3, 3)
    doubtful = np.zeros(1, dtype=np.int64)
    assert [len(child.cells) for child in cells.cut(forms, table, HalfspaceWork(3), doubtful)] == [0]
    assert doubtful.tolist() == [1]
    doubtful[:] = 0
    tally = total(cells.tally(forms, table, HalfspaceWork(3), doubtful))
    assert doubtful.tolist() == [1] and tally.children.tolist() == [0]
    guessed, _, _, undecided = cut_all(cells, forms, table, HalfspaceWork(3))
    assert undecided > 0 and guessed.dirty.any() and len(guessed) >= 6


def test_constants() -> None:
    forms = np.zeros((1, 3, 4))
    forms[0, 0] = [1.0, -1.0, 1e-20, 0.0]
    bounds = np.zeros((3, 1, 4))
    bounds[0, 0, :3] = 1e-15
    table = CutTable(np.zeros((1, 4)), None, bounds, 0, 1)
    cells = Halfspaces.root(cube(2), True)
    found, _, words, undecided = cut_all(cells, forms, table, HalfspaceWork(2))
    assert (len(found), undecided, found.dirty.tolist(), int(words[0, 0]) & 3) == (1, 1, [1], 1)
    bounds[0, 0, 2] = 0.0
    table = CutTable(np.zeros((1, 4)), None, bounds, 0, 1)
    found, _, words, undecided = cut_all(cells, forms, table, HalfspaceWork(2))
    assert (undecided, words.tolist()) == (0, [[1 + 4]])
    # far away a constant with unsure slopes may have any sign
    bounds[1, 0, 0] = 1e-15
    table = CutTable(np.zeros((1, 4)), None, bounds, 0, 1)
    assert cut_all(Halfspaces.root(np.zeros((0, 3)), False), forms, table, HalfspaceWork(2))[3] == 1
    table = CutTable(np.full((1, 4), np.inf), None, bounds, 0, 1)  # no breakpoints
    assert cut_all(cells, forms, table, HalfspaceWork(2))[2].tolist() == [[0]]


def test_unknown_inner_point() -> None:
    """A flat domain has no inner point, and then nothing is decided."""
    flat = np.concatenate([cube(2), [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]])
    cells = Halfspaces.root(flat, True)
    assert np.isnan(cells.points).all()
    doubtful = np.zeros(1, dtype=np.int64)
    tally = total(cells.tally(np.ones((1, 3, 2)), sign_table(2, 2), HalfspaceWork(2), doubtful))
    assert tally.children.tolist() == [0]
    assert doubtful.tolist() == [1] and not cells.facets()[3].any()


# ---- winners -------------------------------------------------------------------------------------------------------


def winners_by_highs(n: int, sides: np.ndarray, forms: np.ndarray, groups: np.ndarray) -> int:
    def walk(g: int, rows: list[np.ndarray]) -> int:
        if g == len(groups):
            return 1
        total = 0
        units = set(groups[g][groups[g] >= 0].tolist())
        for winner in units:
            more = [*rows, *(forms[:, winner] - forms[:, u] for u in units - {winner})]
            total += walk(g + 1, more) if has_interior(more, n) else 0
        return total

    return walk(0, list(sides))


@pytest.mark.parametrize(("n", "count", "width"), [(1, 3, 4), (2, 3, 3), (3, 3, 4), (4, 2, 4), (8, 2, 3)])
@pytest.mark.parametrize("bounded", [True, False])
def test_winners(n: int, count: int, width: int, bounded: bool) -> None:
    generator = np.random.default_rng([n, count, width])
    forms = generator.normal(size=(1, n + 1, count * width))
    groups = generator.permutation(count * width).reshape(count, width)
    groups[0, 1], groups[1, 2] = -1, groups[1, 0]  # a place without a candidate, and one that comes twice
    table = CutTable(np.zeros((0, count * width)), groups, np.full((n + 1, 1, count * width), 1e-14), 100, 2)
    sides = cube(n) if bounded else np.zeros((0, n + 1))
    start = Halfspaces.root(sides, bounded)
    doubtful = np.zeros(1, dtype=np.int64)
    cells, _, words, _ = cut_all(start, forms, table, HalfspaceWork(n, 1), doubtful)
    assert doubtful.tolist() == [0]
    assert len(cells) == winners_by_highs(n, sides, forms[0], groups)
    tally = total(start.tally(forms, table, HalfspaceWork(n), doubtful))
    assert tally.children.tolist() == [len(cells)]
    values = forms[0, 0] + cells.points @ forms[0, 1:]
    sides_of: dict[int, set[int]] = {}
    for g, group in enumerate(groups):
        own = np.where(group >= 0, values[:, group], -np.inf)
        assert (own.argmax(axis=1) == (words[:, 0] >> (2 * g) & 3)).all()
    for c in range(len(cells)):
        for source, cut in cells.labels(c):
            if source >= 0:
                g, rest = divmod(source - 100, width * width)
                winner, other = divmod(rest, width)
                assert words[c, 0] >> (2 * g) & 3 == winner != other
                sides_of.setdefault(cut >> 1, set()).add(cut & 1)
    facet_cuts = cells.facets()[2]
    assert all(sides_of[cut >> 1] == {0, 1} for cut in facet_cuts[facet_cuts >= 0].tolist())


def test_equal_candidates() -> None:
    forms = np.ones((1, 3, 2))
    table = CutTable(np.zeros((0, 2)), np.array([[0, 1]]), np.full((3, 1, 2), 1e-14), 0, 1)
    cells, doubtful = Halfspaces.root(cube(2), True), np.zeros(1, dtype=np.int64)
    total(cells.tally(forms, table, HalfspaceWork(2), doubtful))
    assert doubtful.tolist() == [1]
    table = CutTable(np.zeros((0, 2)), np.array([[0, 1]]), np.zeros((3, 1, 2)), 0, 1)
    found, _, words, undecided = cut_all(cells, forms * 0.0, table, HalfspaceWork(2))
    assert (len(found), undecided, words.tolist()) == (1, 0, [[0]])


# ---- exact cells ---------------------------------------------------------------------------------------------------


def exact_cube(n: int, filtered: bool) -> ExactHalfspaces:
    sides = cube(n).astype(int)
    labels = tuple((-1 - i, -1) for i in range(len(sides)))
    return ExactHalfspaces(tuple(to_form(side) for side in sides.tolist()), labels, n, filtered)


def exact_rows(forms: list[list[int]]) -> Rows:
    numbers = np.arange(len(forms))
    return Rows(numbers, numbers, [to_form(form) for form in forms], None, np.zeros((len(forms[0]), len(forms))))


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_exact_braid(n: int, filtered: bool) -> None:
    forms = braid(n)[0].T.astype(int).tolist()
    parts = list(divide_by_signs(exact_cube(n, filtered), exact_rows(forms), itertools.count()))
    assert len(parts) == factorial(n)
    for part, chosen in parts:
        assert part.holds(part.center)
        above = set(chosen[:, 0].tolist())
        assert all((side(to_form(form), part.center) > 0) == (u in above) for u, form in enumerate(forms))
        for form, (number, cut) in zip(part.forms, part.labels, strict=True):
            if number >= 0:
                assert side(form, part.center) > 0 and (cut & 1) == (number not in above)


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize(("n", "known"), [(1, 2), (2, 6), (3, 32)])
def test_exact_resonance(n: int, known: int, filtered: bool) -> None:
    """The whole space, cut by the sums of all sets of coordinates."""
    forms = [[0, *normal] for normal in itertools.product((0, 1), repeat=n) if any(normal)]
    parts = list(divide_by_signs(ExactHalfspaces((), (), n, filtered), exact_rows(forms), itertools.count()))
    assert len(parts) == known and all(part.holds(part.center) for part, _ in parts)


@pytest.mark.parametrize("filtered", [True, False])
def test_exact_winners(filtered: bool) -> None:
    """The largest of the coordinates and 0: each wins once, and meets each other in one facet."""
    n = 3
    places = {i: to_form([0, *np.eye(n, dtype=int)[i].tolist()]) for i in range(n)} | {n: to_form([0] * (n + 1))}
    places[n + 1] = places[0]  # comes twice: the lower place wins
    groups = Groups(
        np.array([50]), np.array([0]), [places], np.ones((1, n + 2), dtype=bool), None, np.zeros((n + 1, 1, n + 2))
    )
    parts = list(divide_by_winners(exact_cube(n, filtered), groups, itertools.count()))
    assert sorted(int(chosen[0, 1]) for _, chosen in parts) == [0, 1, 2, 3]
    cuts = sorted(cut for part, _ in parts for number, cut in part.labels if number >= 0)
    assert len(cuts) == len(set(cuts)) and sorted({cut >> 1 for cut in cuts}) == list(range(6)) and len(cuts) == 12


def test_exact_split() -> None:
    cell = exact_cube(2, True)
    assert cell.split(to_form([2, 1, 1]), 0, 0)[1] is None  # touches in a corner
    assert cell.split(to_form([-2, 1, 1]), 0, 0)[0] is None
    assert cell.split(to_form([-5, 0, 0]), 0, 0)[0] is None
    thin = to_form([2 * 10**40 - 1, 10**40, 10**40])  # cuts off a corner that float64 cannot see
    above, below = cell.split(thin, 3, 7)
    assert above is not None and below is not None
    assert above.labels[-1] == (3, 14) and below.labels[-1] == (3, 15)
    assert above.facet_ends(4) == below.facet_ends(4) and side(thin, below.center) < 0 and below.holds(below.center)
    rows, labels, point = below.rounded(True)
    assert np.isnan(point).all() and len(rows) == len(labels) == 5
    assert not cell.holds(to_form([1, 1, 0])) and cell.points == () and cell.measure == -1
    assert cell.relabeled([(9, 9)] * 4).labels == ((9, 9),) * 4


def test_exact_without_interior() -> None:
    cell = ExactHalfspaces((to_form([0, 1]), to_form([0, -1])), ((-1, -1), (-2, -1)), 1)
    with pytest.raises(InvalidDomainError, match="2 halfspaces of a cell meet in no interior: flat"):
        _ = cell.center


def test_exact_cells_among_others() -> None:
    """What exact arithmetic made of a doubtful cell goes on in floating point, in the place of its parent."""
    (_, cells, _), _ = network_cells(he_layers([3, 7, 5, 1]), Halfspaces.root(cube(3), True))
    forms = braid(3)[0].T.astype(int).tolist()
    parts = [part for part, _ in divide_by_signs(exact_cube(3, True), exact_rows(forms), itertools.count())]
    count = len(cells)
    order = np.array([0, *range(count, count + 6), *range(1, count)])
    mixed = cells.with_exact(parts, order)
    assert len(mixed) == count + 6 and mixed.form_of.tolist() == list(range(count + 6))
    assert mixed.labels(0) == cells.labels(0) and mixed.labels(count + 5) == cells.labels(count - 1)
    for i, part in enumerate(parts, start=1):
        assert mixed.labels(i) == list(part.labels)  # the rows that are no facets touch the cell
        assert part.holds(to_form([2**60, *(int(x * 2**60) for x in mixed.points[i])]))
    offsets, _, _, proven = mixed.facets()
    assert [proven[offsets[i] : offsets[i + 1]].sum() for i in range(1, 7)] == [4] * 6
    # each simplex x > y > z is cut by the plane x + y + z = 1/4
    cut = np.tile(np.array([[-0.25], [1.0], [1.0], [1.0]]), (count + 6, 1, 1))
    doubtful = np.zeros(count + 6, dtype=np.int64)
    tally = total(mixed.tally(cut, sign_table(3, 1), HalfspaceWork(3), doubtful))
    assert tally.children[1:7].tolist() == [2] * 6 and not doubtful.any()
