"""Distances to the boundary: rationals, rays and balls; and what has no boundary, or stands on one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vitrail
from helpers import he
from oracles import local
from oracles.random_networks import Case, cases
from translate import to_network
from vitrail.errors import InvalidOptionError
from vitrail.local.distance import NO_BOUNDARY, Distances, distance_to_boundary
from vitrail.local.gradients import decide
from vitrail.local.halfspaces import all_halfspaces
from vitrail.status import Status

NORMS = ("l2", "l1", "linf")


def problems(found: Distances, i: int, exact: Fraction | None, units: set[int]) -> list[str]:
    """What is wrong with one certified distance; `exact` is squared for l2, None where there is no boundary."""
    if exact is None:
        right = found.values[i] == found.lower[i] == np.inf and found.units[i] == NO_BOUNDARY and found.layers[i] == -2
        return [] if right else ["a boundary where there is none"]
    power = 2 if found.norm == "l2" else 1
    wrong = []
    if not Fraction(found.lower[i]) ** power <= exact <= Fraction(found.upper[i]) ** power:
        wrong.append(f"{float(exact)} is not in [{found.lower[i]}, {found.upper[i]}], power {power}")
    if not np.isclose(found.values[i] ** power, float(exact), rtol=1e-9, atol=1e-28):
        wrong.append(f"{found.values[i]} is not {float(exact)}, power {power}")
    # nearly equal distances may be told apart wrongly, but not if the unit is certain
    if found.unit_certain[i] and units != {int(found.units[i])}:
        wrong.append(f"unit {found.units[i]} is not the nearest one, {units}")
    return wrong


@settings(max_examples=200)
@given(
    case=cases(dimensions=(1, 3)),
    choices=st.lists(st.integers(-8, 8), min_size=3, max_size=3),
    norm=st.sampled_from(NORMS),
    bounded=st.booleans(),
)
def test_distances_are_those_of_rationals(case: Case, choices: list[int], norm: str, bounded: bool) -> None:
    n = case.dimension
    point = np.array(choices[:n]) / 4
    box = vitrail.Box([-2.0] * n, [2.0] * n)
    found = distance_to_boundary(to_network(case.net), point, box if bounded else None, norm=norm)
    pattern = local.entered(case.net, point.tolist(), [0] * n)
    rows = local.rows_of(case.net, pattern)
    sides = box.sides.tolist() if bounded else []
    exact, units = local.distance(rows, sides, point.tolist(), norm)
    assert found.status is Status.CERTIFIED
    assert problems(found, 0, exact, units) == []
    if exact == 0:
        assert found.values[0] == found.lower[0] == 0
        assert found.units[0] in units
    for layer in range(found.by_layer.shape[1]):
        own, _ = local.distance([row for row in rows if row.layer == layer], [], point.tolist(), norm)
        expected = np.inf if own is None else float(own) ** (0.5 if norm == "l2" else 1.0)
        assert np.isclose(found.by_layer[0, layer], expected, rtol=1e-9, atol=1e-14)


def test_check_of_distances_sees() -> None:
    net = vitrail.Network.from_arrays([([[3.0, 4.0], [1.0, 0.0]], [0.0, 5.0]), ([[1.0, 1.0]], None)])
    found = distance_to_boundary(net, [1.0, 1.0])
    exact = Fraction(49, 25)
    assert problems(found, 0, exact, {0}) == []
    assert problems(found, 0, exact, {0, 1})
    assert problems(found, 0, exact * (1 + Fraction(1, 2**40)), {0})
    assert problems(found, 0, None, set())


@pytest.mark.parametrize("norm", NORMS)
def test_worst_steps_of_random_networks(norm: str, rng: np.random.Generator) -> None:
    for _ in range(70):
        n = int(rng.integers(2, 7))
        net = he(n, *rng.integers(3, 10, int(rng.integers(1, 4))).tolist(), 2, seed=int(rng.integers(1000)))
        point = rng.normal(size=n)
        found = distance_to_boundary(net, point, norm=norm)
        assert found.status is Status.CERTIFIED
        assert found.unit_certain[0]
        region = next(all_halfspaces(net, point))
        normal = region.normals[region.units == found.units[0]][0]

        def patterns(points: np.ndarray, net: vitrail.Network = net) -> np.ndarray:
            return np.concatenate(net.pieces_at(points), axis=1)

        directions = rng.normal(size=(200, n))
        sizes = {"l2": np.linalg.norm(directions, axis=1), "l1": np.abs(directions).sum(axis=1)}
        directions /= sizes.get(norm, np.abs(directions).max(axis=1))[:, None]
        worst = {
            "l2": normal,
            "linf": np.sign(normal),
            "l1": np.sign(normal) * (np.abs(normal) == np.abs(normal).max()),
        }
        home = patterns(point[None])
        ball = np.concatenate([directions, worst[norm][None]])
        assert (patterns(point + 0.999 * found.values[0] * ball) == home).all()
        assert (patterns((point + 1.001 * found.values[0] * worst[norm])[None]) != home).any()


def test_rays_never_end_earlier(rng: np.random.Generator) -> None:
    """A sample of rays bounds the distance from above, and the ray to the nearest row meets it."""
    net = he(3, 12, 12, 2, seed=5)
    points = rng.normal(size=(12, 3))
    found = distance_to_boundary(net, points)

    def patterns(at: np.ndarray) -> np.ndarray:
        return np.concatenate(net.pieces_at(at), axis=1)

    for i, region in enumerate(all_halfspaces(net, points)):
        directions = rng.normal(size=(3000, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        nearest = region.normals[region.slacks.argmin()]
        far = local.first_change(patterns, points[i], np.concatenate([directions, nearest[None]]), 100.0)
        assert far.min() >= found.values[i] * (1 - 1e-12)
        assert np.isclose(far[-1], found.values[i], rtol=1e-9)
        # 3,000 directions on the sphere leave no gap wider than a few degrees
        assert far[:-1].min() <= 1.1 * found.values[i] + 1e-9


def test_rays_see_a_boundary() -> None:
    def patterns(at: np.ndarray) -> np.ndarray:
        return (at[:, :1] > 1).astype(int)

    far = local.first_change(patterns, np.zeros(2), np.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]]), 10.0)
    np.testing.assert_allclose(far, [1.0, 1 / 0.6, np.inf])


def test_first_layer_is_read_in_fewer_directions(rng: np.random.Generator) -> None:
    """Where a narrow layer alone reads the input, gradients are carried in a basis of its rows: the norms are equal."""
    weights = rng.normal(size=(6, 40))
    weights[3] = weights[1] - 2 * weights[0]
    weights[5] = 0.0
    layers = [(weights, rng.normal(size=6)), (rng.normal(size=(9, 6)), rng.normal(size=9)), (np.ones((1, 9)), None)]
    net, points = vitrail.Network.from_arrays(layers), rng.normal(size=(20, 40))
    found = distance_to_boundary(net, points)
    for i, region in enumerate(all_halfspaces(net, points)):
        assert np.isclose(found.values[i], region.distance, rtol=1e-10)
        assert found.lower[i] <= region.distance * (1 + 1e-12)
        assert region.distance <= found.upper[i] * (1 + 1e-12)
        for layer in range(2):
            np.testing.assert_allclose(found.by_layer[i, layer], region.slacks[region.layers == layer].min(), rtol=1e-9)


def test_dead_and_cancelling_units_are_no_boundary() -> None:
    # unit 2 is 0 on the whole region where units 0 and 1 are the same, unit 3 where both are off
    layers = [([[0.1], [0.1]], [0.3, 0.3]), ([[1.0, -1.0], [1.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], None)]
    net = vitrail.Network.from_arrays(layers)
    found = distance_to_boundary(net, [[0.7], [-10.0]])
    assert found.status is Status.CERTIFIED
    np.testing.assert_allclose(found.values, [3.7, 7.0])
    assert found.by_layer[0, 1] == pytest.approx(3.7)
    assert found.by_layer[1, 1] == np.inf
    # twins: neither is the nearest alone
    assert not found.unit_certain.any()
    floating = distance_to_boundary(net, [[0.7], [-10.0]], exact=False)
    assert floating.certified.tolist() == [False, True]
    np.testing.assert_allclose(floating.values, found.values)
    assert floating.lower[0] <= 3.7 <= floating.upper[0]


def test_points_on_boundaries() -> None:
    net = he(4, 5, 5, 1)
    weight = net.graph.nodes[1].op.weight.numpy()  # type: ignore[union-attr]
    aligned = vitrail.Network.from_arrays(
        [([[1.0, 0.5], [1.0, -2.0]], [0.25, 0.0]), ([[1.0, 3.0]], [1.0]), ([[1.0]], None)]
    )
    found = distance_to_boundary(aligned, [[0.5, 0.25], [0.0, -0.5]])
    assert found.values.tolist() == found.lower.tolist() == [0.0, 0.0]
    assert found.units.tolist() == [1, 0]
    assert found.certified.all()
    # unless it is affordable to decide it
    floating = distance_to_boundary(aligned, [[0.5, 0.25]], exact=False)
    assert not floating.certified[0]
    assert (floating.lower[0], floating.upper[0]) == (0.0, np.inf)
    assert weight.shape == (5, 4)


def test_no_boundary_at_all() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 2.0]], [3.0])])
    for norm in NORMS:
        found = distance_to_boundary(net, [[0.0, 0.0], [1.0, 2.0]], norm=norm)
        assert found.values.tolist() == [np.inf, np.inf]
        assert found.units.tolist() == [NO_BOUNDARY] * 2
        assert found.layers.tolist() == [-2, -2]
        assert found.by_layer.shape == (2, 0)
        assert found.certified.all()
        assert not found.unit_certain.any()


def test_sides_of_domains() -> None:
    net = vitrail.Network.from_arrays([([[0.0, 0.0]], [1.0]), ([[1.0]], None)])
    box = vitrail.Box([0.0, 0.0], [4.0, 3.0])
    found = distance_to_boundary(net, [[1.5, 0.5], [3.75, 1.0], [2.0, 2.5], [0.25, 1.0], [0.0, 1.0]], box)
    assert found.values.tolist() == [0.5, 0.25, 0.5, 0.25, 0.0]
    # side i leaves corner i, counter-clockwise from the lowest
    assert found.units.tolist() == [-1, -2, -3, -4, -4]
    assert found.layers.tolist() == [-1] * 5
    assert found.unit_certain.all()
    line = vitrail.Network.from_arrays([([[0.0]], [1.0]), ([[1.0]], None)])
    assert distance_to_boundary(line, [[0.25], [0.9]], vitrail.Box([0.0], [1.0])).units.tolist() == [-1, -2]
    solid = vitrail.Network.from_arrays([([[0.0] * 3], [1.0]), ([[1.0]], None)])
    cube = vitrail.Box([0.0] * 3, [1.0] * 3)
    assert distance_to_boundary(solid, [[0.5, 0.9, 0.5], [0.5, 0.5, 0.1]], cube).units.tolist() == [-4, -5]


@pytest.mark.parametrize("norm", NORMS)
def test_sides_that_are_slanted(norm: str) -> None:
    net = vitrail.Network.from_arrays([([[0.0, 0.0]], [1.0]), ([[1.0]], None)])
    triangle = vitrail.Polygon([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    found = distance_to_boundary(net, [1.4, 1.9], triangle, norm=norm)
    # 4 x + 3 y = 12 is 0.7 away from the value 11.3
    assert found.values[0] == pytest.approx(0.7 / {"l2": 5, "l1": 4, "linf": 7}[norm])
    assert found.lower[0] <= found.values[0] <= found.upper[0]
    assert found.units[0] == -2
    simplex = vitrail.Polytope([[-1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0], [1.0, 2.0, 3.0]], [0.0, 0, 0, 6.0])
    space = vitrail.Network.from_arrays([([[0.0] * 3], [1.0]), ([[1.0]], None)])
    near = distance_to_boundary(space, [1.0, 1.0, 0.9], simplex, norm=norm)
    assert near.values[0] == pytest.approx(0.3 / {"l2": np.sqrt(14), "l1": 3, "linf": 6}[norm])
    assert near.units[0] == -4


def test_deep_networks_lose_their_bounds_not_their_values(rng: np.random.Generator) -> None:
    """Running bounds grow with every layer; where they prove nothing, exact arithmetic does."""
    net = he(6, *[40] * 30, 1, seed=2)
    points = rng.normal(size=(2, 6))
    floating, exact = (distance_to_boundary(net, points, exact=option) for option in (False, True))
    assert exact.certified.all()
    assert not floating.certified.any()
    assert (exact.upper <= exact.lower * (1 + 1e-6)).all()
    np.testing.assert_allclose(floating.values, exact.values, rtol=1e-6)
    assert (floating.lower <= exact.upper).all()
    assert (exact.lower <= floating.upper).all()


def test_huge_and_tiny_weights(rng: np.random.Generator) -> None:
    """Powers of two change neither patterns nor distances, whatever they do to exponents."""
    layers = [
        (rng.normal(size=(5, 3)), rng.normal(size=5)),
        (rng.normal(size=(4, 5)), rng.normal(size=4)),
        (np.ones((1, 4)), None),
    ]
    points = rng.normal(size=(6, 3))
    plain = distance_to_boundary(vitrail.Network.from_arrays(layers), points)
    for power in (2.0**-300, 2.0**300):
        (w0, b0), (w1, b1), last = layers
        net = vitrail.Network.from_arrays([(w0 * power, b0 * power), (w1 / power, b1), last])
        found = distance_to_boundary(net, points)
        np.testing.assert_allclose(found.values, plain.values, rtol=1e-12)
        assert (found.lower <= plain.upper).all()
        assert (plain.lower <= found.upper).all()


def test_uncertified_where_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    net = vitrail.Network.from_arrays([([[1.0, 1.0]], None), ([[1.0]], None)])
    monkeypatch.setattr(decide, "_MOST_EXACT_ENTRIES", 0)
    found = distance_to_boundary(net, [[0.1, -0.1], [1.0, 1.0]])
    assert found.certified.tolist() == [False, True]
    assert found.status is Status.UNCERTIFIED
    assert (found.lower[0], found.upper[0]) == (0.0, np.inf)


def test_table_and_repr() -> None:
    net = he(3, 4, 4, 1)
    found = distance_to_boundary(net, [[0.1, 0.2, 0.3], [1.0, 1.0, 1.0]])
    table = found.to_frame()
    assert list(table.columns) == list(table.attrs["columns"])
    assert (table["distance"] == found.values).all()
    assert table["distance_layer_1"].tolist() == found.by_layer[:, 1].tolist()
    assert len(found) == len(table) == 2
    assert repr(found) == "Distances(2 points, l2, certified)"


def test_wrong_norm() -> None:
    with pytest.raises(InvalidOptionError, match="norm: expected one of l2, l1, linf"):
        distance_to_boundary(he(2, 3, 1), [0.0, 0.0], norm="max")


def test_tensors_are_taken() -> None:
    net = he(2, 3, 1)
    point = torch.tensor([[0.5, 0.25]], requires_grad=True)
    assert distance_to_boundary(net, point).values == distance_to_boundary(net, [0.5, 0.25]).values
