"""What must hold in three and more dimensions whatever the right numbers are: changes that change nothing, and files.

Networks are drawn from small integers and halves; the relations are those of `test_metamorphic`, in more dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vitrail
from helpers import domain_of, he, patterns_of
from oracles.neutral import Net, Pattern, activation
from oracles.random_networks import FAMILIES, Case, cases, random_case
from oracles.space import space
from space_comparison import structure_problems
from test_metamorphic import CLOSE, Draw, Picture, after_input, picture, repeated, some_layer, with_units
from translate import to_network
from vitrail.boundaries import decision_boundary
from vitrail.domains import Domain, Polytope, Slice, Space
from vitrail.regions import RegionSet
from vitrail.status import Status

EXAMPLES = max(10, settings.default.max_examples // 8)
ROOM = 16 * CLOSE
"""How much the volume of a region may differ, relative to the domain's."""

MORE = {"vertices": {"cells": "vertices"}, "halfspaces": {"cells": "halfspaces"}}


def drawn(check: Callable[[Case, Draw], None], families: Sequence[str] = FAMILIES) -> None:
    """Try a relation on random cases of three or four inputs, at least one in five of which are degenerate.

    Only forms that vanish on a whole cell or along one of its sides count here, the worst of what may happen.
    """
    degenerate: list[bool] = []

    @settings(max_examples=EXAMPLES)
    @given(cases(families, dimensions=(4, 3), units=3), st.data())
    def run(case: Case, data: st.DataObject) -> None:
        degenerate.append(space(case.net, case.halfspaces).tally.contacts > 0)
        check(case, data.draw)

    run()
    assert sum(degenerate) >= 0.2 * len(degenerate)


def volume(dimension: int) -> float:
    """Of the domain [-2, 2]^n."""
    return float(4**dimension)


# Networks.


def test_the_order_of_the_units_does_not_matter() -> None:
    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw)
        if layer is None:
            return
        order = draw(st.permutations(range(layer.size)))
        changed = with_units(layer, order, [1] * layer.size, [1] * layer.size)
        before = picture(case.net, domain_of(case)).renamed(repeated(layer, order))
        picture(changed, domain_of(case)).assert_same(before)

    drawn(check)


def test_a_unit_scaled_by_a_power_of_two_and_back() -> None:
    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw, only_affine=True)
        if layer is None:
            return
        exponents = st.sampled_from((-300, -60, -3, -1, 0, 1, 2, 40, 300))
        factors = [Fraction(2) ** draw(exponents) for _ in range(layer.size)]
        changed = with_units(layer, range(layer.size), factors, [1 / factor for factor in factors])
        picture(changed, domain_of(case)).assert_same(picture(case.net, domain_of(case)))

    drawn(check)


def test_a_copy_of_a_unit_adds_nothing() -> None:
    def check(case: Case, draw: Draw) -> None:
        layer = some_layer(case.net, draw, only_affine=True)
        if layer is None:
            return
        unit = draw(st.integers(0, layer.size - 1))
        order = [*range(layer.size), unit]
        columns = [Fraction(1, 2) if i == unit else 1 for i in order]
        changed = with_units(layer, order, [1] * len(order), columns)
        before = picture(case.net, domain_of(case)).renamed(repeated(layer, order))
        picture(changed, domain_of(case)).assert_same(before)

    drawn(check)


# Domains.


def unimodular(draw: Draw, n: int) -> list[list[int]]:
    """An integer matrix of determinant 1 or -1."""
    matrix = np.eye(n, dtype=int)[list(draw(st.permutations(range(n))))]
    for _ in range(draw(st.integers(0, 3))):
        i, j = draw(st.permutations(range(n)))[:2]
        matrix[i] += draw(st.integers(-2, 2)) * matrix[j]
    rows: list[list[int]] = matrix.tolist()
    return rows


def mapped_box(matrix: Sequence[Sequence[int]], shift: Sequence[float]) -> Polytope:
    """The points y with -2 <= matrix y + shift <= 2 in every coordinate."""
    rows, move = np.array(matrix, dtype=float), np.array(shift)
    return Polytope(np.concatenate([rows, -rows]), np.concatenate([2 - move, 2 + move]))


def test_a_unimodular_map_of_the_input_with_the_domain_mapped_back() -> None:
    def check(case: Case, draw: Draw) -> None:
        n = case.dimension
        matrix = unimodular(draw, n)
        shift = [Fraction(draw(st.integers(-5, 5)), 4) for _ in range(n)]
        changed = after_input(case.net, matrix, shift)
        before = picture(case.net, domain_of(case))
        picture(changed, mapped_box(matrix, [float(v) for v in shift])).assert_same(before, maps=False)
        # a frame in place of the map: the columns are the directions
        columns = np.array(matrix, dtype=float).T
        framed = Slice([float(v) for v in shift], columns, -2.0, 2.0)
        picture(case.net, framed).assert_same(picture(changed, domain_of(case)))

    drawn(check)


def test_splitting_a_box_at_a_hyperplane() -> None:
    """The parts have the regions of the whole, and share those that the hyperplane cuts."""

    def check(case: Case, draw: Draw) -> None:
        n = case.dimension
        form = [draw(st.integers(-2, 2)), 1, *(draw(st.integers(-2, 2)) for _ in range(n - 1))]
        whole = picture(case.net, domain_of(case))
        parts = []
        for sign in (1, -1):
            sides = np.array([*case.halfspaces, [sign * v for v in form]], dtype=float)
            try:
                parts.append(picture(case.net, Polytope(-sides[:, 1:], sides[:, 0])))
            except vitrail.errors.InvalidDomainError:  # nothing on this side
                continue
        names = set().union(*(part.measures for part in parts))
        assert names == whole.measures.keys()
        sums = {name: sum(part.measures.get(name, 0.0) for part in parts) for name in names}
        assert sums == pytest.approx(whole.measures, rel=0, abs=ROOM * volume(n))
        crossed = sum(
            all(half is not None for half in cell.part.split(tuple(form)))
            for cell in space(case.net, case.halfspaces).cells
        )
        assert len(whole.measures) + crossed == sum(len(part.measures) for part in parts)
        # across the hyperplane, a region's neighbors are those of its two halves
        assert set().union(*(part.neighbors for part in parts)) <= whole.neighbors

    drawn(check)


def test_a_larger_domain_has_the_regions_of_the_smaller_and_more() -> None:
    def check(case: Case, draw: Draw) -> None:
        known: set[Pattern] = set()
        network, n = to_network(case.net), case.dimension
        for half in (2.0, float(draw(st.integers(3, 9))), 2.0 ** draw(st.integers(4, 60))):
            found = set(patterns_of(vitrail.enumerate_regions(network, vitrail.Box([-half] * n, [half] * n))))
            assert known <= found
            known = found
        whole = vitrail.enumerate_regions(network, Space(n))
        assert whole.status is Status.CERTIFIED
        assert known <= set(patterns_of(whole))

    drawn(check)


def test_a_slice_is_the_box_of_the_restricted_network() -> None:
    """k directions in n inputs, k from 1 to n: whatever kind of cell they take."""

    def check(case: Case, draw: Draw) -> None:
        n = case.dimension
        k = draw(st.integers(1, n))
        basis = np.eye(k, n, dtype=int)
        basis[:, k:] = draw(
            st.lists(st.lists(st.integers(-2, 2), min_size=n - k, max_size=n - k), min_size=k, max_size=k)
        )
        basis = basis[:, draw(st.permutations(range(n)))]
        origin = draw(st.lists(st.integers(-1, 1), min_size=n, max_size=n))
        window = Slice(np.array(origin, dtype=float), basis.astype(float), -2.0, 2.0)
        inside = picture(case.net, window)
        restricted = after_input(case.net, basis.T.tolist(), origin)
        outside = picture(restricted, vitrail.Box([-2.0] * k, [2.0] * k))
        inside.assert_same(outside, scale=float(np.sqrt(np.linalg.det((basis @ basis.T).astype(float)))))

    drawn(check)


# Counts.


@pytest.mark.parametrize("options", MORE.values(), ids=str)
def test_fewer_linear_regions_than_activation_regions_and_fewer_maps(options: dict[str, str]) -> None:
    def check(case: Case, draw: Draw) -> None:
        regions = vitrail.enumerate_regions(to_network(case.net), domain_of(case), **options)
        counts = [regions.count(name) for name in ("affine", "linear", "activation")]
        values = [int(count) for count in counts]
        assert values == sorted(values)
        for count in counts:
            assert count.lower <= count
            assert count.upper is None or count <= count.upper
        truth = space(case.net, case.halfspaces)
        for name, count in zip(("affine", "linear", "activation"), counts, strict=True):
            assert count.lower <= truth.count(name) <= (truth.count(name) if count.upper is None else count.upper)
            assert not count.status.proven or int(count) == truth.count(name)

    drawn(check)


def touching(name: str = "abs") -> Net:
    """|x|, |z| and relu(|z| - |x|): the plane z = 0 touches the cells beyond the last unit in one line only."""
    first = [("affine", [[1, 0, 0], [0, 0, 1]], [0, 0]), activation(name, 2)]
    return Net.chain(3, [*first, ("affine", [[-1, 1]], [0]), activation("relu", 1), ("affine", [[1]], [0])])


@pytest.mark.parametrize("domain", [vitrail.Box([-1.0] * 3, [1.0] * 3), Space(3)], ids=["box", "space"])
@pytest.mark.parametrize("cells", ["auto", "halfspaces"])
def test_a_hyperplane_that_touches_a_region_is_no_facet_of_it(domain: Domain, cells: str) -> None:
    """Eight wedges around one line, each next to two others."""
    regions = vitrail.enumerate_regions(to_network(touching()), domain, cells=cells)
    assert len(regions) == 8
    assert len(regions.facets.regions) == 8
    assert regions.facets.open.size == 0
    assert structure_problems(regions) == []
    assert [int(regions.count(name)) for name in ("activation", "linear", "affine")] == [8, 6, 5]


# Ways of computing.


def arrays(regions: RegionSet) -> dict[str, np.ndarray]:
    values = {field.name: getattr(regions, field.name) for field in fields(regions)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def assert_identical(first: RegionSet, second: RegionSet) -> None:
    """Every array, bit for bit."""
    a, b = arrays(first), arrays(second)
    assert a.keys() == b.keys()
    for name, value in a.items():
        np.testing.assert_array_equal(value, b[name], err_msg=name)


@pytest.fixture(scope="module")
def executors() -> Iterator[list[Executor]]:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(3) as three, ProcessPoolExecutor(2) as processes:
        yield [one, three, processes]


def unit_box(n: int) -> vitrail.Box:
    return vitrail.Box([-1.0] * n, [1.0] * n)


@pytest.mark.parametrize("options", MORE.values(), ids=str)
@pytest.mark.parametrize("generic", [True, False], ids=["generic", "degenerate"])
def test_workers_do_not_change_anything(executors: list[Executor], options: dict[str, str], generic: bool) -> None:
    case = random_case(3, ["relu"], dimensions=(3, 3), units=8)
    network, domain = (he(3, 12, 12, 1), unit_box(3)) if generic else (to_network(case.net), domain_of(case))
    first = vitrail.enumerate_regions(network, domain, **options)
    assert first.status is Status.CERTIFIED
    for executor in executors:
        assert_identical(vitrail.enumerate_regions(network, domain, executor=executor, **options), first)
        assert int(vitrail.count_regions(network, domain, executor=executor, **options)) == len(first)
    again = vitrail.enumerate_regions(network, domain, **options)
    assert_identical(again, first)


@pytest.mark.parametrize("options", MORE.values(), ids=str)
def test_small_chunks_and_tasks_find_the_same(
    executors: list[Executor], options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, domain = he(3, 12, 12, 1), unit_box(3)
    first = vitrail.enumerate_regions(network, domain, **options)
    monkeypatch.setattr("vitrail.engines.run._CHUNK_BYTES", 1)
    monkeypatch.setattr("vitrail.engines.run._MINIMUM_CHUNK", 7)
    results = [vitrail.enumerate_regions(network, domain, executor=e, **options) for e in (None, *executors[:2])]
    for other in results:
        assert_identical(other, results[0])
        assert sorted(map(bytes, words(other))) == sorted(map(bytes, words(first)))
        assert structure_problems(other) == []


def words(regions: RegionSet) -> np.ndarray:
    assert regions.words is not None
    return regions.words


@pytest.mark.parametrize("options", MORE.values(), ids=str)
def test_budgets_of_regions(options: dict[str, str]) -> None:
    """Exactly as many as were asked for, all of them true regions; facets between them are paired."""
    network, domain = he(3, 8, 8, 1), unit_box(3)
    whole = vitrail.enumerate_regions(network, domain, **options)
    known, total = set(map(bytes, words(whole))), len(whole)
    pairs = {frozenset(bytes(words(whole)[i]) for i in pair) for pair in whole.facets.regions}
    # whether a search that has just found all that it may notices that it is done depends on the threads
    for budget in (1, 2, 3, 17, total - 1, total + 1):
        part = vitrail.enumerate_regions(network, domain, max_regions=budget, **options)
        count = vitrail.count_regions(network, domain, max_regions=budget, **options)
        found = set(map(bytes, words(part)))
        assert len(part) == len(found) == min(budget, total)
        # cells that are not yet cut by all layers hold regions too, so a count may know of more
        assert len(part) <= int(count) <= total
        assert found <= known
        assert count.status is part.status is (Status.CERTIFIED if budget >= total else Status.PARTIAL)
        assert int(count) <= count.lower <= total
        assert count.upper is None or count.upper >= total
        near = {frozenset(bytes(words(part)[i]) for i in pair) for pair in part.facets.regions}
        assert near == {pair for pair in pairs if pair <= found}
        assert np.isnan(part.measure_error) == (budget < total)


@pytest.mark.parametrize("options", MORE.values(), ids=str)
def test_budgets_on_degenerate_networks(options: dict[str, str]) -> None:
    def check(case: Case, draw: Draw) -> None:
        network, truth = to_network(case.net), space(case.net, case.halfspaces).patterns()
        budget = draw(st.integers(1, len(truth) + 1))
        part = vitrail.enumerate_regions(network, domain_of(case), max_regions=budget, **options)
        found = patterns_of(part)
        assert len(found) == len(set(found)) == min(budget, len(truth))
        assert set(found) <= truth
        always = vitrail.enumerate_regions(network, domain_of(case), max_regions=budget, exact="always", **options)
        assert len(always) == len(found)
        assert set(patterns_of(always)) <= truth

    drawn(check)


@pytest.mark.parametrize("options", MORE.values(), ids=str)
def test_time_limits(options: dict[str, str]) -> None:
    """No time at all gives a partial result; much time the whole one."""
    network, domain = he(3, 16, 16, 16, 1), unit_box(3)
    whole = vitrail.enumerate_regions(network, domain, time_limit=600.0, **options)
    assert (len(whole), whole.status) == (4856, Status.CERTIFIED)
    known = set(map(bytes, words(whole)))
    for limit in (1e-6, 0.005):
        part = vitrail.enumerate_regions(network, domain, time_limit=limit, **options)
        assert set(map(bytes, words(part))) <= known
        assert len(part) == 4856 or part.status is Status.PARTIAL
        count = vitrail.count_regions(network, domain, time_limit=limit, **options)
        assert count.lower <= 4856
        assert count.upper is None or count.upper >= 4856


# Files.


def domains() -> list[tuple[Domain, dict[str, Any]]]:
    simplex = Polytope([[-1.0, 0, 0], [0, -1, 0], [0, 0, -1], [1, 1, 1]], [1.0, 1, 1, 1])
    slanted = Slice([0.0, 0.25, 0.0], [[1.0, 0, 0.5], [0, 1, 0], [0, 0.5, 1]])
    return [
        (unit_box(3), MORE["vertices"]),
        (simplex, {}),
        (slanted, {}),
        (unit_box(3), MORE["halfspaces"]),
        (Space(3), {}),
    ]


@pytest.mark.parametrize("number", range(5), ids=["box", "polytope", "slice", "halfspaces", "space"])
@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_files_keep_everything(tmp_path: Path, number: int, suffix: str) -> None:
    domain, options = domains()[number]
    regions = vitrail.enumerate_regions(he(3, 6, 6, 1), domain, **options)
    path = tmp_path / f"regions.{suffix}"
    getattr(regions, f"to_{suffix}")(path)
    stored = vitrail.RegionSet.read(path)
    before, after = arrays(regions), arrays(stored)
    maps = after.pop("stored_maps", regions.affine_maps)
    assert before.keys() - {"stored_maps"} == after.keys()
    for name, value in after.items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    np.testing.assert_array_equal(maps, regions.affine_maps)
    assert stored.account == regions.account
    if len(regions.vertices) or not stored.facets.open.size:
        assert (stored.adjacency() - regions.adjacency()).nnz == 0
        for name in ("regions", "rows", "units", "open"):
            np.testing.assert_array_equal(getattr(stored.facets, name), getattr(regions.facets, name))
    else:
        # without the network some facets of cells of halfspaces stay open
        assert set(map(tuple, stored.facets.regions.tolist())) <= set(map(tuple, regions.facets.regions.tolist()))
    np.testing.assert_array_equal(stored.witnesses, regions.witnesses)
    np.testing.assert_array_equal(stored.classes, regions.classes)
    assert patterns_of(stored) == patterns_of(regions)
    assert int(stored.count()) == len(regions)
    if len(regions.vertices):
        assert stored.f_vector.tolist() == regions.f_vector.tolist()
        assert stored.euler_characteristic() == 1
        np.testing.assert_array_equal(stored.measures, regions.measures)
        np.testing.assert_array_equal(stored.centroids, regions.centroids)
        assert structure_problems(stored) == []


def test_files_of_degenerate_networks(tmp_path: Path) -> None:
    """Without the network nothing can be decided exactly: so it is decided when the file is written."""
    for seed in range(8):
        case = random_case(seed, dimensions=(3, 3))
        regions = vitrail.enumerate_regions(to_network(case.net), domain_of(case))
        stored = vitrail.RegionSet.read(regions.to_npz(tmp_path / f"{seed}.npz"))
        kept = {f.name: getattr(stored, f.name) for f in fields(stored) if f.name != "stored_maps"}
        assert_identical(RegionSet(**kept), replace(regions, facet_cuts=regions.settled_cuts))
        true = {tuple(sorted(pair)) for pair in regions.facets.regions.tolist()}
        found = {tuple(sorted(pair)) for pair in stored.facets.regions.tolist()}
        assert found == true and not stored.facets.open.size
        try:
            assert stored.f_vector.tolist() == regions.f_vector.tolist()
        except vitrail.errors.InvalidOptionError as error:
            assert "f_vector" in str(error)


@pytest.mark.parametrize("copied", [2, -1])
@pytest.mark.parametrize("stored", [True, False], ids=["read", "float"])
def test_faces_are_not_numbered_where_facets_are_open(tmp_path: Path, copied: int, stored: bool) -> None:
    """Two units change across x = 0 at once: whose facet it is, floating point alone does not tell."""
    network = vitrail.Network.from_arrays([(np.array([[1.0, 0, 0], [copied, 0, 0]]), None), (np.ones((1, 2)), None)])
    exact = vitrail.enumerate_regions(network, unit_box(3))
    assert exact.f_vector.tolist() == [12, 20, 11, 2]
    if stored:
        unsure = vitrail.RegionSet.read(exact.to_npz(tmp_path / "two.npz"))
    else:
        unsure = vitrail.enumerate_regions(network, unit_box(3), exact=False)
    if unsure.facets.open.size:
        with pytest.raises(vitrail.errors.InvalidOptionError, match="f_vector"):
            unsure.euler_characteristic()
    else:
        assert unsure.f_vector.tolist() == exact.f_vector.tolist()


# Decision boundaries.


def affine_classifier(rows: Sequence[Sequence[float]], biases: Sequence[float]) -> vitrail.Network:
    return vitrail.Network.from_arrays([(np.array(rows, dtype=float), np.array(biases, dtype=float))])


def test_the_area_of_a_plane_in_a_cube() -> None:
    """x + y + z = 0 cuts [-1, 1]^3 in a regular hexagon of side sqrt 2."""
    boundary = decision_boundary(affine_classifier([[1, 1, 1]], [0]), unit_box(3))
    assert len(boundary) == 1
    assert len(boundary.vertices) == 6
    assert boundary.measure == pytest.approx(3 * np.sqrt(3))
    assert boundary.classes.tolist() == [[0, 1]]
    assert len(set(boundary.decision_regions)) == 2
    # in a frame with longer directions the area is that in the input space
    slanted = Slice([0.0] * 3, 2 * np.eye(3), -1.0, 1.0)
    assert decision_boundary(affine_classifier([[1, 1, 1]], [0]), slanted).measure == pytest.approx(12 * np.sqrt(3))


@pytest.mark.parametrize("n", [3, 4])
def test_the_surface_of_the_cross_polytope(n: int) -> None:
    """sum |x_i| = 1: 2^n simplices of the volume sqrt n / (n - 1)!."""
    unit = [[int(i == j) for j in range(n)] for i in range(n)]
    net = Net.chain(n, [("affine", unit, [0] * n), activation("abs", n), ("affine", [[1] * n], [-1])])
    boundary = decision_boundary(to_network(net), vitrail.Box([-2.0] * n, [2.0] * n))
    assert len(boundary) == 2**n
    assert boundary.measures == pytest.approx(np.sqrt(n) / np.prod(range(1, n)))
    assert len(set(boundary.decision_regions)) == 2
    assert boundary.status is Status.CERTIFIED


@pytest.mark.parametrize("n", [3, 4])
def test_the_largest_of_the_coordinates(n: int) -> None:
    """x_i = x_j, both at least the others: the walls between n cones."""
    boundary = decision_boundary(affine_classifier(np.eye(n).tolist(), [0.0] * n), unit_box(n))
    assert sorted(map(tuple, boundary.classes.tolist())) == [(i, j) for i in range(n) for j in range(i + 1, n)]
    assert len(boundary.regions) == len(set(boundary.decision_regions)) == n
    # a wall is sqrt 2 times its projection {t, rest <= t} of the volume 2^(n - 1) / (n - 1)
    assert boundary.measures == pytest.approx(np.sqrt(2) * 2 ** (n - 1) / (n - 1))


def test_boundaries_are_where_the_class_changes() -> None:
    for seed in range(10):
        case = random_case(seed, dimensions=(3, 3))
        network = to_network(case.net)
        boundary = decision_boundary(network, domain_of(case))
        assert structure_problems(boundary.regions) == []
        pairs = boundary.regions.facets.regions
        changed = boundary.region_classes[pairs[:, 0]] != boundary.region_classes[pairs[:, 1]]
        assert len(boundary) == changed.sum()
        values = boundary.regions.affine_maps
        assert values.shape[0] == len(boundary.region_classes)
        start = boundary.offsets
        assert (np.diff(start) >= 3).all()
        assert (boundary.measures > 0).all()
        plain = vitrail.enumerate_regions(network, domain_of(case))
        assert len(boundary.regions) >= len(plain)
        assert {p[: len(patterns_of(plain)[0])] for p in patterns_of(boundary.regions)} == set(patterns_of(plain))


# The relations themselves.


def test_pictures_of_different_networks_differ() -> None:
    first, second = (random_case(seed, ["relu"], dimensions=(3, 3), units=4) for seed in (1, 5))
    before, after = picture(first.net, domain_of(first)), picture(second.net, domain_of(second))
    with pytest.raises(AssertionError):
        after.assert_same(before)
    name = next(iter(before.measures))
    heavier = Picture(
        before.measures | {name: before.measures[name] + 1e-3}, before.maps, before.neighbors, before.counts
    )
    lonelier = Picture(before.measures, before.maps, set(list(before.neighbors)[1:]), before.counts)
    for wrong in (heavier, lonelier):
        with pytest.raises(AssertionError):
            wrong.assert_same(before)
