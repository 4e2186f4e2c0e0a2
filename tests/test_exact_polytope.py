"""Exact polytopes: closed forms, brute force over rational vertices, and arrangements whose cells are known numbers."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrail.cells.exact import Groups, Rows, at_vertices, divide_by_signs, divide_by_winners
from vitrail.cells.exact_polytope import ExactPolytope
from vitrail.errors import InvalidDomainError, VitrailError
from vitrail.numerics.predicates import Form, point_at, to_form

Vector = tuple[Fraction, ...]


def box(dimension: int, low: int = 0, high: int = 1) -> ExactPolytope:
    return ExactPolytope.from_box(to_form([1, *[low] * dimension]), to_form([1, *[high] * dimension]))


# ---- oracles: rational linear algebra and closed forms ---------------------------------------------------------------


def eliminated(rows: Sequence[Sequence[Fraction]]) -> list[list[Fraction]]:
    """The non-zero rows of the reduced echelon form."""
    left, done = [list(row) for row in rows], []
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in left if row[column] != 0), None)
        if pivot is None:
            continue
        left.remove(pivot)
        pivot = [value / pivot[column] for value in pivot]
        left = [[a - row[column] * b for a, b in zip(row, pivot, strict=True)] for row in left]
        done = [[a - row[column] * b for a, b in zip(row, pivot, strict=True)] for row in done]
        done.append(pivot)
    return done


def brute_vertices(forms: Sequence[Sequence[int]], dimension: int) -> set[Vector]:
    """The vertices of {form >= 0 for all}: every k of the forms, where they meet in one point that all others allow."""
    found = set()
    for chosen in itertools.combinations(forms, dimension):
        solved = eliminated([[Fraction(c) for c in (*form[1:], -form[0])] for form in chosen])
        if len(solved) == dimension and all(row[i] == 1 for i, row in enumerate(solved)):
            point = tuple(row[-1] for row in solved)
            if all(value_at(form, point) >= 0 for form in forms):
                found.add(point)
    return found


def value_at(form: Sequence[int], point: Vector) -> Fraction:
    return int(form[0]) + sum((int(c) * x for c, x in zip(form[1:], point, strict=True)), Fraction(0))


def places(cell: ExactPolytope) -> list[Vector]:
    return [tuple(Fraction(int(x), int(w)) for x in rest) for w, *rest in cell.points]


def affine_dimension(points: Sequence[Vector]) -> int:
    return len(eliminated([[Fraction(1), *point] for point in points])) - 1


def brute_faces(cell: ExactPolytope) -> Counter[int]:
    """How many faces of each dimension: all intersections of facets as point sets, dimensions by rank."""
    at = places(cell)
    facets = [frozenset(i for i, p in enumerate(at) if value_at(form, p) == 0) for form in cell.forms]
    closed = {frozenset(range(len(at)))}
    for facet in facets:
        closed |= {face & facet for face in closed}
    return Counter(affine_dimension([at[i] for i in face]) for face in closed if face)


def check(cell: ExactPolytope) -> None:
    """Incidence, facets and vertices are what the coordinates say, and the faces satisfy Euler's formula."""
    dimension, at = len(cell.forms[0]) - 1, places(cell)
    assert len(set(at)) == len(at) and len(cell.labels) == len(cell.forms)
    for point, own, mask in zip(cell.points, at, cell.incidence, strict=True):
        assert math.gcd(*map(int, point)) == 1 and point[0] > 0
        values = [value_at(form, own) for form in cell.forms]
        assert min(values) >= 0
        assert [value == 0 for value in values] == [bool(mask >> i & 1) for i in range(len(values))]
        assert mask >> len(values) == 0
    for facet in range(len(cell.forms)):
        ends = cell.facet_ends(facet)
        on = [p for p, mask in zip(at, cell.incidence, strict=True) if mask >> facet & 1]
        assert affine_dimension(on) == dimension - 1
        assert list(ends) == sorted(ends) and len(ends) == len(on)
    faces = list(cell.faces())
    assert len({face for _, face in faces}) == len(faces)
    numbers = Counter(d for d, _ in faces)
    assert numbers == brute_faces(cell)
    assert sum((-1) ** d * n for d, n in numbers.items()) == 1
    assert cell.holds(cell.center)


def f_vector(cell: ExactPolytope) -> list[int]:
    numbers = Counter(d for d, _ in cell.faces())
    return [numbers[d] for d in range(cell.dimension + 1)]


def rows_of(forms: Sequence[Form], *, rounded: bool) -> Rows:
    table = np.array([[float(int(c)) for c in form] for form in forms]).T
    count = len(forms)
    return Rows(np.arange(count), np.arange(count), forms, table if rounded else None, np.abs(table))


def arrangement(domain: ExactPolytope, forms: Sequence[Form], *, rounded: bool = True) -> list[ExactPolytope]:
    """The cells of the domain cut by all hyperplanes."""
    parts = list(divide_by_signs(domain, rows_of(forms, rounded=rounded), itertools.count()))
    cells = [part for part, _ in parts]
    for cell, chosen in parts:  # the signs are those at the center
        center = tuple(Fraction(int(x), int(cell.center[0])) for x in cell.center[1:])
        assert {i for i, _ in chosen.tolist()} == {i for i, form in enumerate(forms) if value_at(form, center) > 0}
    return cells  # type: ignore[return-value]


def total(cells: Sequence[ExactPolytope]) -> fmpq:
    return sum((cell.measure for cell in cells), fmpq(0))


def stirling(n: int, k: int) -> int:
    """Partitions of n things into k sets."""
    return sum((-1) ** i * math.comb(k, i) * (k - i) ** n for i in range(k + 1)) // math.factorial(k)


def eulerian(n: int, k: int) -> int:
    """Permutations of n things with k descents."""
    return sum((-1) ** i * math.comb(n + 1, i) * (k + 1 - i) ** n for i in range(k + 1))


# ---- shapes with closed forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", range(1, 6))
def test_cubes(dimension: int) -> None:
    cube = box(dimension, -1, 2)
    check(cube)
    assert cube.measure == 3**dimension
    assert f_vector(cube) == [2 ** (dimension - d) * math.comb(dimension, d) for d in range(dimension + 1)]
    assert cube.labels[:2] == ((-1, -1), (-2, -1))


@pytest.mark.parametrize("dimension", range(1, 7))
def test_simplices(dimension: int) -> None:
    sides = [to_form([0, *(int(i == j) for j in range(dimension))]) for i in range(dimension)]
    sides.append(to_form([1, *[-1] * dimension]))
    names = [(-1 - i, -1) for i in range(len(sides))]
    simplex = ExactPolytope.from_halfspaces(sides, names, point_at([0.0] * dimension), point_at([1.0] * dimension))
    check(simplex)
    assert simplex.measure == fmpq(1, math.factorial(dimension))
    assert f_vector(simplex) == [math.comb(dimension + 1, d + 1) for d in range(dimension + 1)]
    assert sorted(simplex.labels) == sorted(names)


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_cross_polytopes_have_many_facets_at_a_vertex(dimension: int) -> None:
    sides = [to_form([1, *signs]) for signs in itertools.product([-1, 1], repeat=dimension)]
    names = [(i, 2 * i) for i in range(len(sides))]
    low, high = point_at([-1.0] * dimension), point_at([1.0] * dimension)
    cross = ExactPolytope.from_halfspaces(sides, names, low, high)
    check(cross)
    assert cross.measure == fmpq(2**dimension, math.factorial(dimension))
    assert f_vector(cross)[:-1] == [2 ** (d + 1) * math.comb(dimension, d + 1) for d in range(dimension)]
    assert {mask.bit_count() for mask in cross.incidence} == {2 ** (dimension - 1)}
    if dimension == 4:
        assert f_vector(cross) == [8, 24, 32, 16, 1]
    # cut through vertices, and beside them
    for form in ([0, *[1] * dimension], [0, 1, *[0] * (dimension - 1)], [-1, 2, *[1] * (dimension - 1)]):
        parts = [part for part in cross.split(to_form(form), 99, 7) if part is not None]
        assert len(parts) == 2 and total(parts) == cross.measure
        for part, cut in zip(parts, (14, 15), strict=True):
            check(part)
            assert part.labels[-1] == (99, cut)


@pytest.mark.parametrize(("dimension", "step"), [(3, 1), (3, 2), (4, 1), (4, 2), (4, 3), (5, 2)])
def test_slabs_of_the_cube_are_hypersimplices(dimension: int, step: int) -> None:
    """step - 1 <= sum <= step in [0, 1]^d is, up to an affine map, the hypersimplex of step ones among d + 1."""
    part, _ = box(dimension).split(to_form([1 - step, *[1] * dimension]), 0, 0)
    part = part or box(dimension)
    part, _ = part.split(to_form([step, *[-1] * dimension]), 1, 1)
    assert part is not None
    check(part)
    vertices = math.comb(dimension + 1, step)
    numbers = f_vector(part)
    assert part.measure == fmpq(eulerian(dimension, step - 1), math.factorial(dimension))
    assert numbers[0] == vertices and numbers[1] == vertices * step * (dimension + 1 - step) // 2
    assert numbers[-2] == (2 * (dimension + 1) if 1 < step < dimension else dimension + 1)


@pytest.mark.parametrize("size", [3, 4, 5])
def test_permutohedra(size: int) -> None:
    """The sum of any coordinates is at least 1 + 2 + ...; the last coordinate is what the total leaves."""
    whole, sides = size * (size + 1) // 2, []
    for chosen in itertools.product([0, 1], repeat=size):
        least = sum(chosen) * (sum(chosen) + 1) // 2
        if 0 < sum(chosen) < size:
            slopes = [own - chosen[-1] for own in chosen[:-1]]
            sides.append(to_form([chosen[-1] * whole - least, *slopes]))
    low, high = point_at([1.0] * (size - 1)), point_at([float(size)] * (size - 1))
    cell = ExactPolytope.from_halfspaces(sides, [(i, 0) for i in range(len(sides))], low, high)
    check(cell)
    assert cell.measure == size ** (size - 2)
    assert f_vector(cell) == [math.factorial(size - d) * stirling(size, size - d) for d in range(size)]


# ---- arrangements ----------------------------------------------------------------------------------------------------


def braid(dimension: int) -> list[Form]:
    pairs = itertools.combinations(range(dimension), 2)
    return [to_form([0, *((i == a) - (i == b) for i in range(dimension))]) for a, b in pairs]


@pytest.mark.parametrize("dimension", [3, 4, 5])
def test_the_braid_arrangement_cuts_the_cube_into_equal_simplices(dimension: int) -> None:
    cells = arrangement(box(dimension), braid(dimension), rounded=dimension != 3)
    assert len(cells) == math.factorial(dimension)
    assert {cell.measure for cell in cells} == {fmpq(1, math.factorial(dimension))}
    assert {len(cell.points) for cell in cells} == {dimension + 1}
    for cell in cells[:6]:
        check(cell)


def test_type_b() -> None:
    ones = [to_form([0, *(int(i == j) for j in range(3))]) for i in range(3)]
    sums = [tuple(abs(c) for c in form) for form in braid(3)]
    cells = arrangement(box(3, -1, 1), [*ones, *braid(3), *sums])
    assert len(cells) == 48
    assert {cell.measure for cell in cells} == {fmpq(1, 6)}
    for cell in cells[::7]:
        check(cell)


@pytest.mark.parametrize(("dimension", "regions"), [(1, 2), (2, 6), (3, 32), (4, 370)])
def test_the_resonance_arrangement(dimension: int, regions: int) -> None:
    normals = [to_form([0, *row]) for row in itertools.product([0, 1], repeat=dimension) if any(row)]
    cells = arrangement(box(dimension, -1, 1), normals)
    assert len(cells) == regions
    assert total(cells) == 2**dimension
    for cell in cells[:: max(1, regions // 12)]:
        check(cell)


@pytest.mark.parametrize(("dimension", "count"), [(3, 6), (3, 9), (4, 7)])
@pytest.mark.parametrize("central", [False, True])
def test_hyperplanes_in_general_position(dimension: int, count: int, central: bool) -> None:
    """Zaslavsky: sum of C(n, i) for i <= k, through one point 2 sum of C(n - 1, i) for i < k."""
    random = np.random.default_rng(count)
    slopes = random.integers(-99, 100, (count, dimension))
    constants = random.integers(-99, 100, (count, 1)) * (not central)
    forms = [to_form(row) for row in np.concatenate([constants, slopes], axis=1)]
    for chosen in itertools.combinations(forms, dimension):  # general position: any k of them meet in one point
        assert len(eliminated([[Fraction(int(c)) for c in form[1:]] for form in chosen])) == dimension
    for more in itertools.combinations(forms, dimension + 1):
        assert central or len(eliminated([[Fraction(int(c)) for c in form] for form in more])) == dimension + 1
    cells = arrangement(box(dimension, -(10**9), 10**9), forms)
    expected = sum(math.comb(count, i) for i in range(dimension + 1))
    if central:
        expected = 2 * sum(math.comb(count - 1, i) for i in range(dimension))
    assert len(cells) == expected
    assert total(cells) == (2 * 10**9) ** dimension


def test_both_sides_of_a_cut_have_the_same_facets() -> None:
    forms = [*braid(3), to_form([-1, 1, 1, 1]), to_form([-1, 2, 0, 0])]
    cells = arrangement(box(3), forms)
    sides: dict[int, list[tuple[tuple[int, ...], ...]]] = {}
    for cell in cells:
        for facet, (number, cut) in enumerate(cell.labels):
            assert (number < 0) == (cut < 0)
            sides.setdefault(cut, []).append(cell.facet_ends(facet))
    cuts = {cut // 2 for cut in sides if cut >= 0}
    assert cuts
    for cut in cuts:
        assert sorted(sides[2 * cut]) == sorted(sides[2 * cut + 1])


# ---- random cuts -----------------------------------------------------------------------------------------------------


@st.composite
def small_forms(draw: st.DrawFn, dimension: int, most: int) -> list[list[int]]:
    row = st.lists(st.integers(-2, 2), min_size=dimension + 1, max_size=dimension + 1)
    return draw(st.lists(row, min_size=1, max_size=most))


def cut_down(start: ExactPolytope, rows: Sequence[Sequence[int]]) -> ExactPolytope:
    """What is left on the positive sides, or on the negative where there is no positive."""
    return cut_with_sides(start, rows)[0]


def cut_with_sides(start: ExactPolytope, rows: Sequence[Sequence[int]]) -> tuple[ExactPolytope, list[list[int]]]:
    """The same, and all sides that it should have, redundant ones included."""
    sides = [[int(c) for c in form] for form in start.forms]
    for number, row in enumerate(rows):
        if any(row):
            above, below = start.split(to_form(row), number, number)
            sides.append(list(row) if above else [-c for c in row])
            start = above or below  # type: ignore[assignment]
    return start, sides


@settings(max_examples=60, deadline=None)
@given(small_forms(3, 5))
def test_degenerate_cuts_in_space_leave_the_right_vertices(rows: list[list[int]]) -> None:
    cell, sides = cut_with_sides(box(3, -1, 1), rows)
    check(cell)
    assert set(places(cell)) == brute_vertices(sides, 3)


@settings(max_examples=15, deadline=None)
@given(small_forms(4, 3))
def test_degenerate_cuts_in_four_dimensions(rows: list[list[int]]) -> None:
    cell, sides = cut_with_sides(box(4, -1, 1), rows)
    check(cell)
    assert set(places(cell)) == brute_vertices(sides, 4)


@settings(max_examples=40, deadline=None)
@given(small_forms(3, 4), st.lists(st.integers(-3, 3), min_size=4, max_size=4))
def test_parts_fill_the_cell(rows: list[list[int]], last: list[int]) -> None:
    cell = cut_down(box(3, -1, 1), rows)
    above, below = cell.split(to_form(last), 50, 3)
    parts = [part for part in (above, below) if part is not None]
    assert total(parts) == cell.measure
    values = [value_at(last, p) for p in places(cell)]
    assert (above is not None, below is not None) == (max(values) > 0, min(values) < 0 or not any(values))
    for part in parts:
        if part is not cell:
            check(part)


@settings(max_examples=40, deadline=None)
@given(small_forms(3, 5))
def test_from_facets_gives_the_cell_back(rows: list[list[int]]) -> None:
    cell = cut_down(box(3, -1, 1), rows)
    flipped = [tuple(-c for c in form) if i % 2 else form for i, form in enumerate(cell.forms)]
    assert ExactPolytope.from_facets(flipped, cell.labels, cell.incidence) == cell


@settings(max_examples=40, deadline=None)
@given(small_forms(3, 6))
def test_from_halfspaces_needs_no_order_and_no_irredundant_sides(rows: list[list[int]]) -> None:
    cell = cut_down(box(3, -1, 1), rows)
    redundant = [(2 * f[0] + 5, *(2 * c for c in f[1:])) for f in cell.forms[:2]]
    sides = [*redundant, *reversed(cell.forms), *cell.forms]
    names = [(-1 - i, -1) for i in range(len(sides))]
    again = ExactPolytope.from_halfspaces(sides, names, point_at([-1.0] * 3), point_at([1.0] * 3))
    check(again)
    assert set(again.points) == set(cell.points) and len(again.forms) == len(cell.forms)
    assert all(label in names[2 : 2 + len(cell.forms)] for label in again.labels)


# ---- maxima ----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(small_forms(3, 5), st.booleans())
def test_winners_in_space(rows: list[list[int]], rounded: bool) -> None:
    cell, forms = box(3, -1, 1), [to_form(row) for row in rows]
    table = np.array([[float(c) for c in row] for row in rows]).T[:, None, :]
    contenders = np.ones((1, len(rows)), dtype=bool)
    groups = Groups(
        np.array([10]),
        np.array([0]),
        [dict(enumerate(forms))],
        contenders,
        table if rounded else None,
        np.abs(table),
    )
    parts = list(divide_by_winners(cell, groups, itertools.count()))
    assert total([part for part, _ in parts]) == 8  # type: ignore[misc]
    ends: dict[int, tuple[tuple[int, ...], ...]] = {}
    for part, chosen in parts:
        assert isinstance(part, ExactPolytope)
        check(part)
        winner = int(chosen[0, 1])
        center = tuple(Fraction(int(x), int(part.center[0])) for x in part.center[1:])
        values = [value_at(row, center) for row in rows]
        assert winner == values.index(max(values))
        for facet, (number, cut) in enumerate(part.labels):
            if number >= 0:
                assert (number - 10) // len(rows) == winner and cut not in ends
                ends[cut] = part.facet_ends(facet)
    assert all(ends[cut ^ 1] == own for cut, own in ends.items())


# ---- unbounded cells -------------------------------------------------------------------------------------------------


def orthant(dimension: int) -> ExactPolytope:
    """All coordinates at least 0: one vertex and a ray along each axis."""
    points = [[1, *[0] * dimension], *([0, *(int(i == j) for j in range(dimension))] for i in range(dimension))]
    everything = (1 << dimension) - 1
    masks = [everything, *(everything ^ (1 << i) for i in range(dimension))]
    forms = [[0, *(int(i == j) for j in range(dimension))] for i in range(dimension)]
    labels = tuple((-1 - i, -1) for i in range(dimension))
    return ExactPolytope(tuple(map(to_form, points)), tuple(masks), tuple(map(to_form, forms)), labels)


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_rays(dimension: int) -> None:
    cells = arrangement(orthant(dimension), braid(dimension), rounded=False)
    assert len(cells) == math.factorial(dimension)
    for cell in cells:
        assert cell.measure == -1 and cell.holds(cell.center)
        assert f_vector(cell) == [math.comb(dimension, d) for d in range(dimension + 1)]
    corner, rest = orthant(dimension).split(to_form([1, *[-1] * dimension]), 0, 0)
    assert corner is not None and corner.measure == fmpq(1, math.factorial(dimension))
    assert rest is not None and rest.measure == -1 and len(rest.points) == 2 * dimension
    assert rest.holds(rest.center) and not corner.holds(rest.center)
    values, reach = at_vertices(rest, np.ones((dimension + 1, 1)), np.ones((dimension + 1, 1)))
    assert not (np.abs(values) > reach).all()


def test_a_plane_along_a_ray_splits() -> None:
    """The rays on it go to both parts, and the facet on infinity has edges of its own."""
    above, below = orthant(3).split(to_form([-1, 0, 0, 1]), 0, 0)
    assert above is not None and below is not None
    rays = [[point for point in part.points if point[0] == 0] for part in (above, below)]
    assert [len(own) for own in rays] == [3, 2]
    assert [len(part.points) for part in (above, below)] == [4, 4]


@pytest.mark.parametrize("seed", range(4))
def test_unbounded_cells_are_as_many_as_in_a_large_box(seed: int) -> None:
    random = np.random.default_rng(seed)
    forms = [to_form(row) for row in random.integers(-2, 3, (6, 4)) if row[1:].any()]
    large = box(3, 0, 10**6)
    assert len(arrangement(orthant(3), forms, rounded=False)) == len(arrangement(large, forms, rounded=False))


# ---- what is wrong is seen -------------------------------------------------------------------------------------------


def octahedron() -> ExactPolytope:
    sides = [to_form([1, *signs]) for signs in itertools.product([-1, 1], repeat=3)]
    return ExactPolytope.from_halfspaces(sides, [(i, 0) for i in range(8)], point_at([-1.0] * 3), point_at([1.0] * 3))


@pytest.mark.parametrize("bit", range(8))
def test_the_check_sees_wrong_incidence(bit: int) -> None:
    for cell in (box(3), octahedron()):
        if bit < len(cell.forms):
            wrong = dataclasses.replace(cell, incidence=(cell.incidence[0] ^ (1 << bit), *cell.incidence[1:]))
            with pytest.raises(AssertionError):
                check(wrong)


def test_from_facets_refuses_what_is_no_vertex() -> None:
    cube = box(3)
    for masks, text in (([0b000011], "at infinity|dimensions"), ([0b000101], "2 dimensions"), ([0], "0 dimensions")):
        with pytest.raises(VitrailError, match=text):
            ExactPolytope.from_facets(cube.forms, cube.labels, [*cube.incidence[:-1], *masks])
    with pytest.raises(VitrailError, match="off facet 0"):
        ExactPolytope.from_facets(cube.forms, cube.labels, [m for m in cube.incidence if m & 1])


def test_sides_that_bound_nothing_are_refused() -> None:
    low, high, names = point_at([0.0] * 3), point_at([1.0] * 3), [(-1 - i, -1) for i in range(8)]
    ones = list(box(3).forms)
    with pytest.raises(InvalidDomainError, match="do not bound"):
        ExactPolytope.from_halfspaces(ones[:5], names, low, high)
    with pytest.raises(InvalidDomainError, match="no interior"):
        ExactPolytope.from_halfspaces([*ones, to_form([-3, 1, 1, 1])], names, low, high)
    with pytest.raises(InvalidDomainError, match="lower limits"):
        ExactPolytope.from_box(high, high)


def test_no_vertices_decide_nothing() -> None:
    @dataclasses.dataclass(frozen=True)
    class Bare:
        points: tuple[()] = ()

    rows = rows_of([to_form([5, 1, 1, 1])], rounded=True)
    left, sure = rows.screen(Bare(), np.array([0]))  # type: ignore[arg-type]
    assert left.tolist() == [0] and sure.size == 0
    assert rows.screen(box(3), np.array([0]))[1].tolist() == [0]
