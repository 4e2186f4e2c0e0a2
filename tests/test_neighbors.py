"""The regions beyond facets: their patterns against exact cells and walks, their maps against the networks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn

from helpers import domain_of, he, square
from oracles import networks
from oracles.random_networks import FAMILIES, Case, random_case
from oracles.space import Space as Truth
from oracles.space import space
from translate import to_network
from vitrail.domains import Box, Domain, Space
from vitrail.local.facets import facets
from vitrail.local.halfspaces import LocalHalfspaces, halfspaces_at
from vitrail.local.neighbors import Neighbors, neighbors
from vitrail.network.network import Network
from vitrail.status import Kind, Status
from vitrail.walking import walk

# the package names the function as its module
neighbors_module = import_module("vitrail.local.neighbors")


@cache
def case_and_truth(seed: int, dimension: int, whole: bool) -> tuple[Case, Truth]:
    case = random_case(seed, (FAMILIES[seed % len(FAMILIES)],), dimensions=(dimension, dimension), units=3)
    return case, space(case.net, [] if whole else case.halfspaces)


def joined(pattern: object) -> np.ndarray:
    """The pieces of one region, or of several, side by side."""
    arrays = [np.asarray(own) for own in pattern]  # type: ignore[attr-defined]
    return np.concatenate(arrays, axis=-1).astype(int) if arrays else np.zeros(0, dtype=int)


def gradients(net: Network, pattern: list[np.ndarray]) -> np.ndarray:
    """The affine maps (regions, n + 1, outputs) along patterns, by unit vectors and one pass each."""
    size = int(np.prod(net.input_shape))
    forms = torch.from_numpy(np.concatenate([np.zeros((1, size)), np.eye(size)]).reshape(1, -1, *net.input_shape))
    count = len(pattern[0])
    maps = [net.follow(forms, [own[i : i + 1] for own in pattern]).reshape(size + 1, -1) for i in range(count)]
    return torch.stack(maps).numpy()


def problems(found: Neighbors, *, step: float = 1e-6) -> list[str]:
    """What is wrong with neighbors in general position: maps, and what switches when one steps across."""
    region, rows, net = found.region, found.facets.rows, found.region.net
    out = [] if found.status is Status.CERTIFIED else [repr(found)]
    patterns, own = found.patterns(), joined(region.pattern)
    truth = gradients(net, patterns)
    for i in range(len(found)):
        change = truth[i] - region.affine_map
        size = max(1.0, np.abs(truth[i]).max())
        if np.abs(found.affine_map(i) - truth[i]).max() > 1e-10 * size:
            out.append(f"map of neighbor {i}")
        if np.abs(change[1:] - np.outer(region.normals[rows[i]], found.jumps[i])).max() > 1e-10 * size:
            out.append(f"jump of neighbor {i}")
        point = found.facets.witnesses[i] + step * region.normals[rows[i]]
        beyond = joined(net.pieces_at(point.reshape(1, *net.input_shape)))[0]
        if np.flatnonzero(beyond != own).tolist() != found.flips[i].tolist():
            out.append(f"flips of neighbor {i}")
        if (beyond != joined(patterns)[i]).any():
            out.append(f"pattern of neighbor {i}")
    if len(found) and found.residuals.max() > 1e-13:
        out.append(f"residual {found.residuals.max()}")
    return out


# ---- patterns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["box", "space"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("seed", range(len(FAMILIES)), ids=FAMILIES)
def test_patterns_and_maps_are_those_of_exact_cells(seed: int, dimension: int, whole: bool) -> None:
    case, truth = case_and_truth(seed, dimension, whole)
    net, domain = to_network(case.net), Space(dimension) if whole else domain_of(case)
    maps = {cell.pattern: np.array(cell.affine_map, dtype=float).T for cell in truth.cells}
    for cell in truth.cells[::5]:
        region = halfspaces_at(net, [float(x) for x in cell.point], domain)
        if tuple(joined(region.pattern).tolist()) != cell.pattern:
            continue
        found = neighbors(region)
        patterns = [tuple(row.tolist()) for row in joined(found.patterns()).reshape(len(found), len(cell.pattern))]
        wanted = {facet.beyond for facet in truth.facets[cell.pattern] if facet.beyond is not None}
        assert set(patterns) == wanted and len(set(patterns)) == len(patterns) == len(found.facets)
        assert found.status is Status.CERTIFIED
        for i, pattern in enumerate(patterns):
            # numbers up to about 100, so this is many times their rounding
            np.testing.assert_allclose(found.affine_map(i), maps[pattern], rtol=0, atol=1e-10)
            differ = np.flatnonzero(np.array(pattern) != np.array(cell.pattern))
            assert found.flips[i].tolist() == differ.tolist()


DEGENERATE = {"generic": networks.default_init((2, 8, 8, 2))} | networks.degenerate()


def same_as_walk(region: LocalHalfspaces, domain: Domain) -> Neighbors:
    found, walked = neighbors(region), walk(region.net, region.point, domain, max_distance=1)
    assert walked.regions.words is not None
    wanted = {row.tobytes() for row in np.ascontiguousarray(walked.regions.words)} - {region.words.tobytes()}
    assert {row.tobytes() for row in np.ascontiguousarray(found.words)} == wanted and len(found) == len(wanted)
    return found


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("whole", [False, True], ids=["box", "space"])
def test_patterns_are_those_of_a_walk(name: str, whole: bool) -> None:
    net, domain = Network.from_arrays(DEGENERATE[name]), Space(2) if whole else square()
    for point in ([0.5, -0.25], [-0.7, 0.3], [0.1, 0.9]):
        found = same_as_walk(halfspaces_at(net, point, domain), domain)
        several = max((flips.size for flips in found.flips), default=0) > 1
        assert several == (name in ("doubled", "opposed")) or name in ("small integers", "zero biases")
        assert found.status is Status.CERTIFIED and (found.residuals < 1e-13).all()
        # maps of facets where several units switch are compared with those along the patterns
        for i, truth in enumerate(gradients(net, found.patterns()) if len(found) else []):
            np.testing.assert_allclose(found.affine_map(i), truth, rtol=0, atol=1e-10)


# ---- general position ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(2, 8, 8, 1), (3, 9, 9, 4), (6, 12, 12, 12, 3), (12, 16, 10)], ids=str)
@pytest.mark.parametrize("whole", [False, True], ids=["box", "space"])
def test_one_unit_switches(widths: tuple[int, ...], whole: bool) -> None:
    net, inputs = Network.from_arrays(networks.default_init(widths, 1)), widths[0]
    domain = Space(inputs) if whole else Box([-1.0] * inputs, [1.0] * inputs)
    for point in np.random.default_rng(1).uniform(-0.9, 0.9, (3, inputs)):
        found = neighbors(halfspaces_at(net, point, domain))
        assert problems(found) == [] and len(found) > 2
        assert all(flips.tolist() == [unit] for flips, unit in zip(found.flips, found.units, strict=True))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.last = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first(x))
        y = nn.functional.hardtanh(self.second(y) + y)
        return self.last(torch.flatten(nn.functional.max_pool2d(y, 2), 1))


MODULES = {
    "residual": (Residual, (1, 4, 4)),
    "pool": (
        lambda: nn.Sequential(
            *(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.LeakyReLU(0.1), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(8, 6), nn.ReLU6(), nn.Linear(6, 3)),
        ),
        (1, 6, 6),
    ),
    "relu last": (lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), nn.ReLU()), (4,)),
}


@pytest.mark.parametrize("name", MODULES)
def test_other_networks(name: str) -> None:
    torch.manual_seed(0)
    build, shape = MODULES[name]
    net = Network.from_torch(build().double().eval(), torch.zeros(1, *shape, dtype=torch.float64))
    inputs = int(np.prod(shape))
    for point in np.random.default_rng(0).uniform(-1, 1, (2, inputs)):
        region = halfspaces_at(net, point, Box([-1.5] * inputs, [1.5] * inputs))
        assert problems(neighbors(region)) == []


class Minimum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 5), nn.Linear(3, 5), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.minimum(self.first(x), torch.relu(self.second(x))))


def test_a_minimum() -> None:
    torch.manual_seed(1)
    net = Network.from_torch(Minimum().double().eval(), torch.zeros(1, 3, dtype=torch.float64))
    found = neighbors(halfspaces_at(net, [0.3, -0.2, 0.5], Box([-3.0] * 3, [3.0] * 3)))
    layers = found.region.layers[found.facets.rows].tolist()
    assert problems(found) == [] and {0, 1} == set(layers)


def test_candidates_that_tie_on_a_facet() -> None:
    # max(x, 2 x, 3 x): at x < 0 that is x, beyond 0 it is 3 x, and 2 x is met at the same place
    module = nn.Sequential(nn.Linear(1, 3, bias=False), nn.Unflatten(1, (1, 3)), nn.MaxPool1d(3), nn.Flatten())
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[1.0], [2.0], [3.0]]))
    net = Network.from_torch(module.double().eval(), torch.zeros(1, 1, dtype=torch.float64))
    found = neighbors(halfspaces_at(net, [-0.5]))
    assert joined(found.patterns()).tolist() == [[2]] and found.flips[0].tolist() == [0]
    assert found.jumps.round(12).tolist() == [[2.0]] and found.affine_map(0).round(12).tolist() == [[0.0], [3.0]]
    assert found.status is Status.CERTIFIED


def test_the_checker_sees_what_is_wrong() -> None:
    found = neighbors(halfspaces_at(he(3, 9, 9, 2), [0.1, -0.2, 0.3], Box([-1.0] * 3, [1.0] * 3)))
    assert problems(found) == [] and len(found) > 2
    words, flips = found.words.copy(), list(found.flips)
    words[0], flips[0] = found.words[1], found.flips[1]
    for wrong in (
        replace(found, words=words),
        replace(found, flips=flips),
        replace(found, jumps=-found.jumps),
        replace(found, jumps=found.jumps * (1.0 + 1e-6)),
        replace(found, status=Status.UNCERTIFIED),
        replace(found, residuals=found.residuals + 1e-6),
    ):
        assert problems(wrong) != []


# ---- what is said about maps -----------------------------------------------------------------------------------------


def test_cosines_are_those_of_gradients() -> None:
    net = he(5, 10, 10, 4)
    for point in np.random.default_rng(5).uniform(-1, 1, (3, 5)):
        region = halfspaces_at(net, point)
        found, own = neighbors(region), region.affine_map[1:, region.prediction]
        others = gradients(net, found.patterns())[:, 1:, region.prediction]
        wanted = others @ own / np.linalg.norm(others, axis=1) / np.linalg.norm(own)
        np.testing.assert_allclose(found.gradient_cosines, wanted, rtol=0, atol=1e-12)


def test_gradients_that_are_zero() -> None:
    # |x| turns around at 0; relu(x) + relu(x) is flat there
    around = neighbors(halfspaces_at(Network.from_arrays([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)]), [0.7]))
    flat = neighbors(halfspaces_at(Network.from_arrays([([[0.1], [0.3]], None), ([[0.7, 0.9]], None)]), [0.7]))
    beyond = neighbors(halfspaces_at(Network.from_arrays([([[0.1], [0.3]], None), ([[0.7, 0.9]], None)]), [-0.7]))
    assert around.gradient_cosines.tolist() == [-1.0] and around.jumps.round(12).tolist() == [[2.0]]
    assert np.isnan(flat.gradient_cosines).tolist() == np.isnan(beyond.gradient_cosines).tolist() == [True]
    assert [flips.tolist() for flips in flat.flips] == [[0, 1]]
    np.testing.assert_allclose(flat.affine_map(0), 0.0, atol=1e-15)


def test_predictions_beyond() -> None:
    net = he(3, 12, 12, 4)
    changed = 0
    for point in np.random.default_rng(6).uniform(-1, 1, (12, 3)):
        region = halfspaces_at(net, point, Box([-1.0] * 3, [1.0] * 3))
        found = neighbors(region)
        # the network itself, far nearer to the facet than the next one
        points = found.facets.witnesses + 1e-9 * region.normals[found.facets.rows]
        wanted = net.forward(points).argmax(dim=1).numpy()
        assert (found.predictions == wanted).mean() > 0.9
        assert np.array_equal(found.changes, found.predictions != region.prediction)
        changed += int(found.changes.sum())
    assert changed > 0


def test_a_single_output_is_predicted_by_its_sign() -> None:
    # f = relu(x) - 1/2 at x = 1: 1; beyond the facet x = 0 it is -1/2: 0
    found = neighbors(halfspaces_at(Network.from_arrays([([[1.0]], None), ([[1.0]], [-0.5])]), [1.0]))
    assert (found.predictions.tolist(), found.changes.tolist(), found.region.prediction) == ([0], [True], 1)


def test_a_facet_without_a_witness_has_no_class() -> None:
    edge = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    net = Network.from_arrays([(edge, [0.0, 0.0, -(2.0**-60)]), ([[1.0, 1.0, 1.0]], None)])
    found = neighbors(halfspaces_at(net, [0.5, 0.5]))
    unknown = np.isnan(found.facets.witnesses).any(axis=1)
    assert unknown.any() and (found.predictions[unknown] == -1).all() and not found.changes[unknown].any()
    assert len(found) == 3 and found.status is Status.CERTIFIED


# ---- facets that are given, and what is not sure ---------------------------------------------------------------------


def test_facets_that_rays_met() -> None:
    for name in ("generic", "doubled"):
        region = halfspaces_at(Network.from_arrays(DEGENERATE[name]), [0.5, -0.25], square())
        every, some = neighbors(region), facets(region, estimate="rays")
        found = neighbors(region, facets=some)
        at = np.searchsorted(every.facets.rows, some.rows)
        assert np.array_equal(found.words, every.words[at]) and found.status is Status.CERTIFIED
        np.testing.assert_allclose(found.jumps, every.jumps[at], rtol=0, atol=1e-12)


def test_wrong_jumps_are_not_called_certified(monkeypatch: pytest.MonkeyPatch) -> None:
    region = halfspaces_at(he(3, 9, 9, 2), [0.1, -0.2, 0.3])
    true = neighbors_module.jumps_of

    def wrong(*arguments: object) -> np.ndarray:
        jumps = true(*arguments)  # type: ignore[arg-type]
        jumps[0] *= 1.0 + 1e-9
        return jumps

    assert neighbors(region).status is Status.CERTIFIED
    monkeypatch.setattr(neighbors_module, "jumps_of", wrong)
    found = neighbors(region)
    assert found.status is Status.UNCERTIFIED and found.residuals.argmax() == 0


def test_what_is_not_proven_is_not_called_certified() -> None:
    region = halfspaces_at(Network.from_arrays(DEGENERATE["generic"]), [0.4, -0.3], square())
    assert neighbors(region).status is Status.CERTIFIED
    guessed = replace(facets(region), kind=Kind.ESTIMATE)
    assert neighbors(region, facets=guessed).status is Status.UNCERTIFIED
    unsure = replace(region, status=Status.UNCERTIFIED)
    assert neighbors(unsure).status is Status.UNCERTIFIED


@pytest.mark.parametrize("domain", [None, square()], ids=["space", "box"])
def test_no_facets_no_neighbors(domain: Box | None) -> None:
    linear = Network.from_arrays([([[1.0, 2.0]], None)])
    dead = Network.from_arrays([(np.zeros((3, 2)), -np.ones(3)), (np.ones((1, 3)), None)])
    for net in (linear, dead):
        found = neighbors(halfspaces_at(net, [0.5, 0.25], domain))
        assert (len(found), found.flips, found.jumps.shape) == (0, [], (0, 1))
        assert found.residuals.size == found.gradient_cosines.size == found.predictions.size == found.changes.size == 0
        assert repr(found) == "Neighbors(0 regions beyond facets, certified)"


def test_another_domain_than_the_own() -> None:
    region = halfspaces_at(he(2, 12, 12, 2), [0.1, 0.2])
    near, far = neighbors(region, Box([0.05, 0.15], [0.15, 0.25])), neighbors(region)
    assert {row.tobytes() for row in near.words} < {row.tobytes() for row in far.words}
