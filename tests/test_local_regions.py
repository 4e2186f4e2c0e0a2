"""Regions of points: pattern, halfspaces and affine map against rationals, enumerated regions and the network."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import vitrail
from helpers import he, square
from oracles import local, random_networks
from oracles.neutral import Net, mlp
from oracles.random_networks import Case, cases
from translate import to_network
from vitrail.errors import InvalidDomainError, ResourceLimitError
from vitrail.local import halfspaces
from vitrail.local.distance import distance_to_boundary
from vitrail.local.gradients import basis, decide
from vitrail.local.halfspaces import LocalHalfspaces, all_halfspaces, halfspaces_at
from vitrail.status import Status

Extended = np.longdouble


def rational_rows(net: Net, pattern: Sequence[int]) -> list[tuple[int, int, np.ndarray, Extended]]:
    """Unit, layer, outward unit normal and offset of each condition that is not constant, in extended precision."""
    rows = []
    for row in local.rows_of(net, tuple(pattern)):
        if row.is_constant:
            continue
        form = np.array([Extended(c.numerator) / Extended(c.denominator) for c in row.form])
        length = np.sqrt((form[1:] ** 2).sum())
        rows.append((row.unit, row.layer, -form[1:] / length, form[0] / length))
    return rows


def row_problems(region: LocalHalfspaces, net: Net) -> list[str]:
    """What is wrong with the rows of a certified region, compared with rationals along the same pattern."""
    pattern = [int(piece) for own in region.pattern for piece in own]
    left = rational_rows(net, pattern)
    found = []
    if len(left) != len(region):
        found.append(f"{len(region)} rows, not {len(left)}")
    for i in range(len(region)):
        # the exact numbers are rounded to extended precision
        room = 64 * np.finfo(Extended).eps
        fits = [
            j
            for j, (unit, layer, normal, offset) in enumerate(left)
            if (unit, layer) == (region.units[i], region.layers[i])
            and np.sqrt(((region.normals[i] - normal) ** 2).sum()) <= region.normal_errors[i] + room
            and abs(region.offsets[i] - offset) <= region.offset_errors[i] + room * (1 + abs(offset))
        ]
        if fits:
            left.pop(fits[0])
        else:
            found.append(f"row {i} is none of the pattern's")
    return found


def ball_problems(
    net: vitrail.Network, region: LocalHalfspaces, rng: np.random.Generator, count: int = 64
) -> list[str]:
    """Whether the ball of radius 0.999 distance has one pattern, and a step of 1.001 to the nearest row another."""
    found, home = [], np.concatenate(region.pattern)

    def patterns(points: np.ndarray) -> np.ndarray:
        return np.concatenate(net.pieces_at(points.reshape(-1, *net.input_shape)), axis=1)

    away = rng.normal(size=(count, region.point.size))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    inside = np.concatenate([away, region.normals]) * 0.999 * region.distance
    if not (patterns(region.point + inside) == home).all():
        found.append("another pattern inside the ball")
    step = region.normals[region.slacks.argmin()] * 1.001 * region.distance
    if (patterns((region.point + step)[None]) == home).all():
        found.append("the same pattern beyond the nearest row")
    if not (region.slacks > 0).all():
        found.append("the point is not inside")
    return found


def points_of(case: Case, choices: Sequence[int]) -> np.ndarray:
    """A point of the domain [-2, 2]^n with quarters as coordinates."""
    return np.array([choices[i % len(choices)] for i in range(case.dimension)]) / 4


@settings(max_examples=150)
@given(case=cases(dimensions=(1, 3)), choices=st.lists(st.integers(-8, 8), min_size=3, max_size=3))
def test_pattern_and_rows_are_those_of_rationals(case: Case, choices: list[int]) -> None:
    net, point = to_network(case.net), points_of(case, choices)
    for domain in (None, vitrail.Box([-2.0] * case.dimension, [2.0] * case.dimension)):
        region = halfspaces_at(net, point, domain)
        assert region.status is Status.CERTIFIED
        # the middle of the box, and the origin of the space, is 0
        pattern = local.entered(case.net, point.tolist(), [0] * case.dimension)
        assert tuple(np.concatenate([np.zeros(0, int), *region.pattern])) == pattern
        assert row_problems(region, case.net) == []
        constants = [row.layer for row in local.rows_of(case.net, pattern) if row.is_constant]
        assert region.constant.tolist() == np.bincount(constants, minlength=len(region.pattern)).tolist()
        exact = np.array([[float(c) for c in form] for form in local.output_forms(case.net, pattern)]).T
        np.testing.assert_allclose(region.affine_map, exact, rtol=0, atol=1e-12 * (1 + np.abs(exact).max()))
        assert (region.slacks >= -1e-15 * (1 + np.abs(region.offsets))).all()


def test_row_check_sees() -> None:
    layers = [([[1.0, 2.0], [3.0, -1.0]], [0.5, 0.25]), ([[1.0, 1.0]], [0.0])]
    net = vitrail.Network.from_arrays(layers)
    region = halfspaces_at(net, [0.3, 0.4])
    assert row_problems(region, mlp(layers)) == []
    wrong = [
        dataclasses.replace(region, normals=region.normals + 1e-12),
        dataclasses.replace(region, offsets=region.offsets * (1 + 1e-12)),
        dataclasses.replace(region, units=region.units[::-1]),
        dataclasses.replace(region, normals=region.normals[:1], offsets=region.offsets[:1]),
    ]
    assert all(row_problems(changed, mlp(layers)) for changed in wrong)


def random_float_case(rng: np.random.Generator) -> vitrail.Network:
    """A ReLU network of up to three hidden layers with Gaussian weights and biases."""
    widths = [int(rng.integers(2, 9)), *rng.integers(3, 12, int(rng.integers(1, 4))).tolist(), 2]
    return vitrail.Network.from_arrays(
        [(rng.normal(size=(b, a)) * np.sqrt(2 / a), rng.normal(size=b) * 0.5) for a, b in pairwise(widths)]
    )


def test_balls_of_two_hundred_random_networks(rng: np.random.Generator) -> None:
    for _ in range(200):
        net = random_float_case(rng)
        region = halfspaces_at(net, rng.normal(size=net.input_shape))
        assert region.status is Status.CERTIFIED
        assert ball_problems(net, region, rng) == []
        np.testing.assert_allclose(region.output, net.forward(region.point[None])[0], atol=1e-12)


def test_ball_check_sees(rng: np.random.Generator) -> None:
    net = he(3, 8, 8, 1)
    region = halfspaces_at(net, [0.1, 0.2, 0.3])
    assert ball_problems(net, region, rng) == []
    assert ball_problems(net, dataclasses.replace(region, offsets=region.offsets + 2 * region.distance), rng)
    assert ball_problems(net, dataclasses.replace(region, offsets=region.offsets - region.distance / 2), rng)


def modules() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Networks of all families, with the shape of their input."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
            self.norm, self.last = nn.BatchNorm2d(2), nn.Linear(32, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(self.norm(self.first(x)))
            return self.last(torch.relu(self.second(y) + x).flatten(1))

    class Maxout(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(torch.minimum(torch.maximum(self.first(x), self.second(x)), self.second(x) + 1))

    def dense(make: type[nn.Module]) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 7), make(), nn.Linear(7, 5), make(), nn.Linear(5, 2))

    pooled = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 2, 2), nn.AvgPool2d(1), nn.ReLU(), nn.Flatten(),
        nn.Linear(2, 2),
    )  # fmt: skip
    return {
        "conv": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)), (1, 5, 6)),
        "residual": (Residual(), (2, 4, 4)),
        "max_pool": (pooled, (1, 6, 6)),
        "maxout": (Maxout(), (4,)),
        "hardtanh": (dense(nn.Hardtanh), (4,)),
        "leaky_relu": (dense(nn.LeakyReLU), (4,)),
        "output_relu": (nn.Sequential(nn.Linear(3, 4), nn.ReLU()), (3,)),
        "flatten_first": (nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 2)), (3, 2, 2)),
    }


@pytest.mark.parametrize("name", list(modules()))
def test_regions_of_torch_modules(name: str, rng: np.random.Generator) -> None:
    torch.manual_seed(3)
    module, shape = modules()[name]
    net = vitrail.Network.from_torch(module.double().eval(), torch.zeros(1, *shape, dtype=torch.float64))
    points = rng.normal(size=(5, *shape))
    found = distance_to_boundary(net, points)
    assert found.status is Status.CERTIFIED
    for i, region in enumerate(all_halfspaces(net, points)):
        assert region.status is Status.CERTIFIED
        assert ball_problems(net, region, rng) == []
        assert np.isclose(found.values[i], region.distance, rtol=1e-10)
        assert region.units[region.slacks.argmin()] == found.units[i]
        values = module(torch.from_numpy(points[i][None])).detach().numpy().reshape(-1)
        np.testing.assert_allclose(region.output, values, atol=1e-10)
        # the map inside the ball is the network
        step = region.normals[-1] * region.distance / 2
        moved = net.forward((region.point + step).reshape(1, *shape)).numpy().reshape(-1)
        np.testing.assert_allclose(
            region.affine_map[0] + (region.point + step) @ region.affine_map[1:], moved, atol=1e-10
        )


@pytest.mark.parametrize("name", list(modules()))
def test_values_of_rows_are_those_of_units(name: str, rng: np.random.Generator) -> None:
    """Slack times length is what decides the unit; the number of a row names its breakpoint or its two candidates."""
    torch.manual_seed(3)
    module, shape = modules()[name]
    net = vitrail.Network.from_torch(module.double().eval(), torch.zeros(1, *shape, dtype=torch.float64))
    point = rng.normal(size=shape)
    region = halfspaces_at(net, point)
    graph, values = net.graph, {0: torch.from_numpy(point[None])}
    first_row, at = 0, 0
    for index, node in enumerate(graph.nodes[1:], start=1):
        inputs = [values[source] for source in node.inputs]
        if index in graph.piecewise:
            own = region.layers == graph.piecewise.index(index)
            flat = torch.cat([value.reshape(-1) for value in inputs]).numpy()
            slack, offset = region.slacks[own] * region.lengths[own], region.numbers[own] - first_row
            if hasattr(node.op, "breakpoints"):
                row, unit = np.divmod(offset, node.op.units)
                expected = np.abs(flat[unit] - node.op.breakpoints[row, unit])
                first_row += node.op.breakpoints.size
                values[index] = node.op.forward(inputs[0])
            else:
                width = node.op.candidates.shape[1]
                unit, pair = np.divmod(offset, width * width)
                winner, other = np.divmod(pair, width)
                expected = np.abs(flat[node.op.candidates[unit, winner]] - flat[node.op.candidates[unit, other]])
                first_row += node.op.candidates.size * width
                values[index] = node.op.forward(inputs)
            np.testing.assert_allclose(slack, expected, atol=1e-12)
            assert (region.units[own] == at + unit).all()
            at += node.op.units
        else:
            values[index] = node.op.forward(inputs)


def test_halfspaces_are_the_enumerated_regions(rng: np.random.Generator) -> None:
    net, box = he(2, 10, 10, 1, seed=4), square()
    regions = vitrail.enumerate_regions(net, box)
    patterns = np.concatenate(regions.patterns(), axis=1)
    points = rng.uniform(-1, 1, (60, 2))
    for region in all_halfspaces(net, points, box):
        own = int(np.flatnonzero((patterns == np.concatenate(region.pattern)).all(axis=1)).item())
        vertices = regions.vertices[regions.offsets[own] : regions.offsets[own + 1]]
        values = region.offsets - vertices @ region.normals.T
        assert (values >= -1e-9).all()
        # every edge is a row or a side: the region is not smaller than the halfspaces' polygon
        ends = np.stack([values, np.roll(values, -1, axis=0)])
        on_row = (np.abs(ends) < 1e-9).all(axis=0).any(axis=1)
        on_side = (
            (np.abs(np.abs(np.stack([vertices, np.roll(vertices, -1, axis=0)])) - 1) < 1e-12).all(axis=0).any(axis=1)
        )
        assert (on_row | on_side).all()


def test_words_are_those_of_a_walk(rng: np.random.Generator) -> None:
    net = he(5, 9, 70, 3, seed=1)
    points = rng.normal(size=(4, 5))
    found = vitrail.walk(net, points, max_distance=0)
    for seed, region in zip(found.seeds, all_halfspaces(net, points), strict=True):
        assert (region.words == found.regions.words[seed]).all()


def test_origin_of_a_network_without_biases() -> None:
    layers = [
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], None),
        ([[1.0, 1.0, 0.0], [1.0, 1.0, -1.0]], None),
        ([[1.0, 1.0]], None),
    ]
    net = vitrail.Network.from_arrays(layers)
    region = halfspaces_at(net, [0.0, 0.0])
    # all units on after a step along the first axis, then the second; the last unit of layer 1 cancels exactly
    assert [own.tolist() for own in region.pattern] == [[1, 1, 1], [1, 0]]
    assert region.constant.tolist() == [0, 1]
    assert len(region) == 4
    assert region.distance == 0.0
    assert region.status is Status.CERTIFIED
    towards = halfspaces_at(net, [0.0, 0.0], vitrail.Box([-3.0, -2.0], [1.0, 1.0]))
    assert [own.tolist() for own in towards.pattern] == [[0, 0, 0], [0, 0]]


def test_constant_units_have_no_rows() -> None:
    # a dead layer, a unit that reads nothing, and twins that cancel
    net = vitrail.Network.from_arrays(
        [
            ([[1.0], [1.0], [0.0]], [0.3, 0.3, 0.0]),
            ([[1.0, -1.0, 0.0], [-1.0, 0.0, 5.0]], [0.0, -1.0]),
            ([[1.0, 1.0]], None),
        ]
    )
    on = halfspaces_at(net, [0.1])
    assert on.units.tolist() == [0, 1, 4]
    assert on.constant.tolist() == [1, 1]
    off = halfspaces_at(net, [-0.5])
    assert off.units.tolist() == [0, 1]
    assert off.constant.tolist() == [1, 2]
    assert on.status is off.status is Status.CERTIFIED


@pytest.mark.parametrize("layers", [[([[1.0, 2.0]], [3.0])], [([[0.0, 0.0]], [1.0]), ([[1.0]], None)]])
def test_no_rows(layers: list[object]) -> None:
    net = vitrail.Network.from_arrays(layers)
    region = halfspaces_at(net, [1.0, 1.0])
    assert region.normals.shape == (0, 2)
    assert region.offsets.shape == region.units.shape == (0,)
    assert region.distance == np.inf
    # sides of the domain are no boundaries of the region
    assert halfspaces_at(net, [1.0, 1.0], vitrail.Box([0.0, 0.0], [4.0, 3.0])).distance == np.inf
    np.testing.assert_allclose(region.output, net.forward([[1.0, 1.0]])[0])


def test_too_large_for_exact_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    net = vitrail.Network.from_arrays([([[1.0], [1.0]], None), ([[1.0, -1.0]], None), ([[1.0]], None)])
    monkeypatch.setattr(decide, "_MOST_EXACT_ENTRIES", 3)
    at_boundary = halfspaces_at(net, [0.0])
    # lower pieces, and no claim
    assert [own.tolist() for own in at_boundary.pattern] == [[0, 0], [0]]
    assert at_boundary.status is Status.UNCERTIFIED
    cancelled = halfspaces_at(net, [1.0])
    assert cancelled.status is Status.UNCERTIFIED
    assert cancelled.constant.tolist() == [0, 1]
    assert np.isfinite(cancelled.normal_errors).all()
    monkeypatch.setattr(halfspaces, "_MOST_ENTRIES", 1)
    with pytest.raises(ResourceLimitError, match=r"2 rows|3 rows"):
        halfspaces_at(net, [1.0])


def test_rows_without_proof_are_kept_and_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Running bounds of a deep network prove nothing; its gradients are no rounding all the same."""
    net = he(6, *[40] * 30, 1, seed=2)
    point = np.random.default_rng(3).normal(size=6)
    decided = halfspaces_at(net, point)
    assert decided.status is Status.CERTIFIED
    monkeypatch.setattr(decide, "_MOST_EXACT_ENTRIES", 6 * 1200)
    found = halfspaces_at(net, point)
    assert found.status is Status.UNCERTIFIED
    assert found.numbers.tolist() == decided.numbers.tolist()
    assert (found.words == decided.words).all()
    unproven = np.isinf(found.normal_errors)
    assert unproven.any()
    assert not unproven.all()
    assert (
        np.linalg.norm(found.normals - decided.normals, axis=1) <= found.normal_errors + decided.normal_errors
    ).all()
    np.testing.assert_allclose(found.normals, decided.normals, atol=1e-9)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    nets = [he(20, 9, 9, 9, 2)]
    nets += [
        to_network(random_networks.random_case(seed, ("pool", "residual", "concat"), dimensions=(3, 3)).net)
        for seed in (1, 2, 3)
    ]
    for net in nets:
        points = rng.normal(size=(7, *net.input_shape))
        whole, found = list(all_halfspaces(net, points)), distance_to_boundary(net, points)
        with monkeypatch.context() as patch:
            for name, value in (("_CHUNK_BYTES", 200), ("_LEAST_COLUMNS", 2), ("_KEPT_BYTES", 0)):
                patch.setattr(basis, name, value)
            for one, other in zip(whole, all_halfspaces(net, points), strict=True):
                np.testing.assert_allclose(one.normals, other.normals, atol=1e-14)
                np.testing.assert_allclose(one.affine_map, other.affine_map, atol=1e-13)
            np.testing.assert_allclose(distance_to_boundary(net, points).values, found.values, rtol=1e-12)


def test_a_subclass_is_made() -> None:
    class Own(LocalHalfspaces):
        pass

    region = halfspaces_at(he(2, 3, 1), [0.5, 0.5], kind=Own)
    assert type(region) is Own
    assert repr(region) == "Own(3 halfspaces of 2 inputs, certified)"


def test_a_batch_and_its_order(rng: np.random.Generator) -> None:
    net = he(3, 6, 6, 2)
    points = rng.normal(size=(9, 3))
    for point, region in zip(points, all_halfspaces(net, points, progress=False), strict=True):
        assert (region.point == point).all()
        assert region.prediction == int(net.forward(point[None])[0].argmax())
    with pytest.raises(InvalidDomainError, match="expected one input, found 9"):
        halfspaces_at(net, points)


@pytest.mark.parametrize(
    ("inputs", "domain", "message"),
    [
        ([1.0], None, "expected one input of shape"),
        ([[[1.0, 2.0]]], None, "expected one input of shape"),
        ([1.0, np.nan], None, "expected finite numbers"),
        (np.zeros((0, 2)), None, "expected real numbers"),
        (["a", "b"], None, "expected real numbers"),
        ([3.0, 0.0], vitrail.Box([-1.0, -1.0], [1.0, 1.0]), "input 0 is outside the domain"),
        ([[0.0, 0.0], [-1.5, 0.0]], vitrail.Polygon([[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]]), "input 1 is outside"),
        ([0.0, 0.0], vitrail.Segment([0.0, 0.0], [1.0, 1.0]), "Box, Polytope or Space"),
        ([0.0, 0.0], vitrail.Plane.through([0.0, 0.0], [1.0, 0.0], [0.0, 1.0]), "Box, Polytope or Space"),
        ([0.0, 0.0], vitrail.Box([0.0] * 3, [1.0] * 3), "the network takes 2"),
        ([0.0, 0.0], vitrail.Space(3), "the network takes 2"),
    ],
)
def test_wrong_inputs(inputs: object, domain: vitrail.Box | None, message: str) -> None:
    with pytest.raises(InvalidDomainError, match=message):
        halfspaces_at(he(2, 3, 1), inputs, domain)  # type: ignore[arg-type]
    with pytest.raises(InvalidDomainError, match=message):
        distance_to_boundary(he(2, 3, 1), inputs, domain)  # type: ignore[arg-type]


def test_images_of_a_trained_network(data_folder: Path, rng: np.random.Generator) -> None:
    net = vitrail.Network.from_onnx(data_folder / "onnx" / "mnistfc" / "mnist-net_256x2.onnx")
    with gzip.open(data_folder / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(16 + 784 * 6)[16:], dtype=np.uint8).reshape(6, 784) / 255
    points = images.reshape(6, *net.input_shape)
    found = distance_to_boundary(net, points)
    assert found.status is Status.CERTIFIED
    for i, region in enumerate(all_halfspaces(net, points)):
        assert region.status is Status.CERTIFIED
        assert ball_problems(net, region, rng, 16) == []
        assert np.isclose(region.distance, found.values[i], rtol=1e-8)
        np.testing.assert_allclose(region.output, net.forward(points[i][None]).numpy().reshape(-1), atol=1e-9)


def test_windows_of_units_that_are_off_need_no_exact_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates that are all 0 on a region are equal by the wiring: the first one wins, and there is no boundary."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2)).double()
    net = vitrail.Network.from_torch(module.eval(), torch.zeros(1, 1, 6, 6, dtype=torch.float64))
    points = np.random.default_rng(1).normal(size=(20, 1, 6, 6))
    decided = list(all_halfspaces(net, points))
    assert any((region.pattern[0].reshape(4, 2, 2, 2, 2).max(axis=(2, 4)) == 0).any() for region in decided)
    monkeypatch.setattr(decide, "_MOST_EXACT_ENTRIES", 0)
    for region, own in zip(decided, all_halfspaces(net, points), strict=True):
        assert own.status is Status.CERTIFIED
        assert (own.words == region.words).all()
        assert (own.normals == region.normals).all()
    # equal, but not constant
    assert halfspaces_at(net, np.zeros((1, 6, 6))).status is Status.UNCERTIFIED
