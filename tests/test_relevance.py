"""Relevance of surrounding regions, transfer of an affine map, and the groups of points that are looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import nn

import vitrail
from helpers import he
from oracles import networks
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.local import classes
from vitrail.local.groups import sample_points
from vitrail.local.relevance import relevance
from vitrail.local.transfer import proportions, transfer

FOLD = vitrail.Network.from_arrays(
    [([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [0.0, 0.0, 9.0]), ([[3.0, 3.0, 4.0]], None)]
)  # 3 |x| + 4 y + 36 where y > -9


class Layers:
    """A ReLU network by hand: forms carried layer by layer."""

    def __init__(self, *widths: int, seed: int = 0) -> None:
        self.layers = [(np.asarray(w, float), np.asarray(b, float)) for w, b in networks.he(widths, seed)]
        self.net = he(*widths, seed=seed)

    def at(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Values, Jacobian, pattern, and signed distances to the hyperplanes divided into normals."""
        value, jacobian, pattern, rows = x, np.eye(x.size), [], []
        for weight, bias in self.layers[:-1]:
            value, jacobian = weight @ value + bias, weight @ jacobian
            on = value > 0
            rows.append(value[:, None] * jacobian / (jacobian**2).sum(axis=1)[:, None])  # from x against it: to the row
            value, jacobian = value * on, jacobian * on[:, None]
            pattern.append(on)
        weight, bias = self.layers[-1]
        return weight @ value + bias, weight @ jacobian, np.concatenate(pattern), np.concatenate(rows)


# ---- gradients, patterns and classes around a point ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_inside_the_region_nothing_changes(seed: int) -> None:
    oracle = Layers(5, 12, 9, 3, seed=seed)
    x = np.random.default_rng(seed).normal(size=5)
    steps = -oracle.at(x)[3]
    lengths = np.linalg.norm(steps, axis=1)
    lengths[~np.isfinite(lengths)] = np.inf
    nearest, distance = steps[lengths.argmin()], float(lengths.min())
    directions = np.vstack([np.random.default_rng(seed + 99).normal(size=(20, 5)), nearest])
    below = relevance(oracle.net, x, directions, distance * np.array([0.01, 0.5, 0.999]))
    assert (below.cosines == 1.0).all() and (below.switched == 0.0).all()
    above = relevance(oracle.net, x, nearest[None], [1.001 * distance])
    assert above.switched[0, 0] >= 1 / 21


@pytest.mark.parametrize("seed", range(4))
def test_everything_by_hand(seed: int) -> None:
    oracle = Layers(4, 10, 8, 3, seed=seed)
    x = np.random.default_rng(seed).normal(size=4)
    found = relevance(oracle.net, x, directions=12, radii=[0.1, 1.0, 10.0], seed=seed)
    values, jacobian, pattern, _ = oracle.at(x)
    own = int(values.argmax())
    assert found.prediction == own
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1.0, rtol=1e-14)
    for i, direction in enumerate(found.directions):
        for j, radius in enumerate(found.radii):
            there, slopes, other, _ = oracle.at(x + radius * direction)
            g, h = jacobian[own], slopes[own]
            cosine = g @ h / np.linalg.norm(g) / np.linalg.norm(h) if g.any() and h.any() else np.nan
            np.testing.assert_allclose(found.cosines[i, j], cosine, atol=1e-12, equal_nan=True)
            assert found.switched[i, j] == pytest.approx(np.mean(other != pattern), abs=1e-15)
            assert found.same[i, j] == (there.argmax() == own)
    assert 0 < np.nanmean(found.switched) < 1 and np.nanmin(found.cosines) < 0.99


def test_a_known_fold() -> None:
    x, across = [2.0, 0.0], [[-1.0, 0.0], [1.0, 0.0], [0.0, 5.0], [0.0, -2.0]]
    found = relevance(FOLD, x, across, [1.0, 3.0, 20.0])
    turned, flat = (16 - 9) / 25, 3 / 5  # (3, 4) against (-3, 4), and against (3, 0)
    expected = [[1, turned, turned], [1, 1, 1], [1, 1, 1], [1, 1, flat]]
    np.testing.assert_allclose(found.cosines, expected, rtol=1e-14)
    np.testing.assert_allclose(found.switched, np.array([[0, 2, 2], [0, 0, 0], [0, 0, 0], [0, 0, 1]]) / 3, rtol=1e-14)
    assert found.prediction == 1 and (found.same == 1).all()


def test_means_and_standard_errors() -> None:
    box = vitrail.Box([-1.0] * 3, [1.0] * 3)
    found = relevance(he(3, 6, 2, seed=1), [0.1, 0.2, 0.3], directions=40, radii=[0.2, 0.9, 1.2, 9.0], domain=box)
    pairs = ((found.cosines, found.mean_cosine, found.cosine_error), (found.same, found.same_share, found.same_error),
             (found.switched, found.mean_switched, found.switched_error))  # fmt: skip
    for values, mean, error in pairs:
        for j in range(3):
            known = values[~np.isnan(values[:, j]), j]
            assert mean[j] == pytest.approx(known.mean(), rel=1e-12)
            assert error[j] == pytest.approx(known.std(ddof=1) / math.sqrt(known.size), rel=1e-9, abs=1e-15)
        assert np.isnan(mean[3]) and np.isnan(error[3])
    assert found.outside.tolist()[0] == 0 < found.outside[2] < 40 == found.outside[3]
    # outside means outside
    points = np.array([0.1, 0.2, 0.3]) + found.radii[None, :, None] * found.directions[:, None, :]
    np.testing.assert_array_equal(found.inside, (np.abs(points) <= 1).all(axis=2))
    np.testing.assert_array_equal(np.isnan(found.switched), ~found.inside)


def test_zero_gradients_are_counted() -> None:
    dead = vitrail.Network.from_arrays([([[1.0]], [-1.0]), ([[1.0]], None)])  # max(x - 1, 0)
    found = relevance(dead, [2.0], [[1.0], [-1.0]], [0.5, 3.0])
    np.testing.assert_array_equal(found.cosines, [[1.0, 1.0], [1.0, np.nan]])
    assert found.zero_gradients.tolist() == [0, 1] and "1 zero gradients" in repr(found)
    nowhere = relevance(dead, [0.0], [[1.0], [-1.0]], [0.5, 3.0])
    assert np.isnan(nowhere.cosines).all() and nowhere.zero.all() and (nowhere.switched == [[0, 1], [0, 0]]).all()


def test_a_network_without_units_is_one_region() -> None:
    found = relevance(vitrail.Network.from_arrays([([[1.0, 2.0], [0.0, 1.0]], None)]), [1.0, 1.0], 5)
    assert (found.cosines == 1.0).all() and (found.switched == 0.0).all()
    assert found.radii[-1] == pytest.approx(math.sqrt(2)) and found.radii.shape == (25,)


def test_huge_and_tiny_gradients_have_cosines() -> None:
    for scale in (1e-200, 1e200):
        layers = [([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [0.0, 0.0, 9.0]), ([[3 * scale, 3 * scale, 4 * scale]], None)]
        found = relevance(vitrail.Network.from_arrays(layers), [2.0, 0.0], [[-1.0, 0.0]], [3.0])
        assert found.cosines[0, 0] == pytest.approx(7 / 25, rel=1e-14)


class Residual(nn.Module):
    """Convolution, batch norm, max pooling, a residual connection and a leaky ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.second, self.last = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(27, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = torch.relu(self.norm(self.first(x)))
        inner = nn.functional.leaky_relu(self.second(inner) + inner, 0.2)
        return self.last(nn.functional.max_pool2d(inner, 2).flatten(1))


def test_gradients_of_a_convolutional_network() -> None:
    torch.manual_seed(3)
    module = Residual().double().eval()
    net = vitrail.Network.from_torch(module, torch.zeros(1, 1, 6, 6))
    x = np.random.default_rng(5).normal(size=(1, 6, 6))
    found = relevance(net, x, directions=6, radii=[0.01, 1.0, 5.0])

    def gradient(point: np.ndarray) -> np.ndarray:
        inputs = torch.from_numpy(point.reshape(1, 1, 6, 6)).requires_grad_()
        module(inputs)[0, found.prediction].backward()
        return inputs.grad.numpy().ravel()

    own = gradient(x)
    for i, direction in enumerate(found.directions):
        for j, radius in enumerate(found.radii):
            other = gradient(x.ravel() + radius * direction)
            cosine = own @ other / np.linalg.norm(own) / np.linalg.norm(other)
            assert found.cosines[i, j] == pytest.approx(cosine, abs=1e-12)
    assert found.cosines.min() < 0.99


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, targets = he(4, 9, 9, 3), np.ones(4), np.random.default_rng(0).normal(size=(11, 4))
    whole = relevance(net, x, 7, targets=targets)
    monkeypatch.setattr(classes, "_BATCH_NUMBERS", 40)
    parts = relevance(net, x, 7, targets=targets)
    np.testing.assert_allclose(parts.cosines, whole.cosines, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(parts.switched, whole.switched)
    assert whole.transfer is not None and parts.transfer is not None
    np.testing.assert_array_equal(parts.transfer.transferred, whole.transfer.transferred)


def test_seeds_decide() -> None:
    one, again, other = (relevance(FOLD, [1.0, 1.0], 5, seed=seed).directions for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any()


def test_default_radii_follow_the_domain() -> None:
    box = vitrail.Box([-3.0, -4.0], [3.0, 4.0])
    radii = relevance(FOLD, [0.5, 0.0], 2, domain=box).radii
    assert radii[-1] == pytest.approx(5.0) and radii[0] == pytest.approx(5 / 4096)
    np.testing.assert_allclose(radii[1:] / radii[:-1], math.sqrt(2), rtol=1e-12)
    assert relevance(FOLD, [0.0, 0.0], 2, domain=vitrail.Space(2)).radii[-1] == 1.0


TRIANGLE = vitrail.Polytope([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], [0.0, 0.0, 1.0])


def test_polytopes_have_slanted_sides() -> None:
    found = relevance(FOLD, [0.25, 0.25], [[1.0, 1.0], [1.0, -1.0]], [0.2, 0.5], domain=TRIANGLE)
    np.testing.assert_array_equal(found.inside, [[True, False], [True, False]])


@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        ([1.0], {}, InvalidDomainError, "x: expected one input"),
        ([[1.0, 2.0], [3.0, 4.0]], {}, InvalidDomainError, "found 2"),
        ([np.nan, 0.0], {}, InvalidDomainError, "x"),
        ([5.0, 0.0], {"domain": TRIANGLE}, InvalidDomainError, "outside"),
        ([0.0, 0.0], {"domain": vitrail.Space(3)}, InvalidDomainError, "takes 2"),
        ([0.0, 0.0], {"domain": vitrail.Segment([0.0, 0.0], [1.0, 0.0])}, InvalidDomainError, "Box, Polytope or Space"),
        ([0.0, 0.0], {"directions": 0}, InvalidOptionError, "directions"),
        ([0.0, 0.0], {"directions": [[1.0]]}, InvalidOptionError, "directions"),
        ([0.0, 0.0], {"directions": [[1.0, 0.0], [0.0, 0.0]]}, InvalidOptionError, "row 1"),
        ([0.0, 0.0], {"radii": []}, InvalidOptionError, "radii"),
        ([0.0, 0.0], {"radii": [0.0]}, InvalidOptionError, "radii"),
        ([0.0, 0.0], {"radii": [np.inf]}, InvalidOptionError, "radii"),
        ([0.0, 0.0], {"labels": [1]}, InvalidOptionError, "targets"),
        ([0.0, 0.0], {"targets": [[0.0, 1.0]], "labels": [1, 2]}, InvalidOptionError, "labels"),
    ],
)
def test_wrong_inputs(x: list[float], options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        relevance(FOLD, x, **options)


# ---- transfer ------------------------------------------------------------------------------------------------------


def test_transfer_is_the_affine_map_of_the_region() -> None:
    oracle, rng = Layers(4, 10, 8, 3, seed=2), np.random.default_rng(7)
    x, targets = rng.normal(size=4), 2 * rng.normal(size=(60, 4))
    values, jacobian, _, _ = oracle.at(x)
    labels = rng.integers(3, size=60)
    found = transfer(oracle.net, x, targets, labels=labels)
    by_map = (values + (targets - x) @ jacobian.T).argmax(axis=1)
    np.testing.assert_array_equal(found.transferred, by_map)
    np.testing.assert_array_equal(found.predictions, [oracle.at(t)[0].argmax() for t in targets])
    np.testing.assert_allclose(found.distances, np.linalg.norm(targets - x, axis=1), rtol=1e-12)
    assert found.agreement().successes[0] == (by_map == found.predictions).sum() < 60
    assert found.accuracy().successes[0] == (by_map == labels).sum()
    assert transfer(oracle.net, x, x + 1e-9 * targets).agrees.all()


def test_accuracy_needs_labels() -> None:
    with pytest.raises(InvalidOptionError, match="labels"):
        transfer(FOLD, [0.0, 1.0], [[0.0, 1.0]]).accuracy()
    with pytest.raises(InvalidDomainError, match="x: expected one input"):
        transfer(FOLD, np.zeros((2, 2)), [[0.0, 1.0]])


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (0, 9), (3, 9), (9, 9), (40, 100)])
def test_intervals_are_clopper_pearson(hits: int, trials: int, level: float) -> None:
    found = proportions(np.arange(trials, dtype=float), np.arange(trials) < hits, level=level)
    expected = binomtest(hits, trials).proportion_ci(level, method="exact")
    assert (found.lower[0], found.upper[0]) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.share[0] == hits / trials


def test_bins_by_distance() -> None:
    values, hits = np.array([0.0, 1.0, 1.5, 2.0, 5.0, 3.0]), np.array([1, 0, 1, 1, 1, 0], dtype=bool)
    found = proportions(values, hits, [0.0, 1.0, 2.0])
    assert found.trials.tolist() == [1, 3] and found.successes.tolist() == [1, 2]
    equal = proportions(values, hits, 3)
    assert equal.trials.tolist() == [2, 2, 2] and equal.edges[[0, -1]].tolist() == [0.0, 5.0]
    empty = proportions(values, hits, [6.0, 7.0])
    assert empty.trials.tolist() == [0] and np.isnan(empty.share[0]) and (empty.lower[0], empty.upper[0]) == (0.0, 1.0)


@pytest.mark.parametrize("options", [{"edges": 0}, {"edges": [1.0]}, {"edges": [2.0, 1.0]}, {"level": 1.0}])
def test_wrong_bins(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOptionError, match=next(iter(options))):
        proportions(np.ones(3), np.ones(3, dtype=bool), **options)


# ---- groups of points ----------------------------------------------------------------------------------------------


def cloud(count: int = 50, n: int = 4) -> np.ndarray:
    return np.random.default_rng(11).normal(size=(count, n))


def test_data_are_different_rows() -> None:
    net, data = he(4, 8, 3), cloud()
    found = sample_points(net, data, count=30, seed=4)
    assert len(set(found.rows[:, 0].tolist())) == len(found) == 30 and np.isnan(found.gaps).all()
    np.testing.assert_array_equal(found.points, data[found.rows[:, 0]])
    np.testing.assert_array_equal(found.points, sample_points(net, data, count=30, seed=4).points)
    assert (found.points != sample_points(net, data, count=30, seed=5).points).any()
    half = vitrail.Box([0.0, -9.0, -9.0, -9.0], [9.0] * 4)
    assert (sample_points(net, data, count=10, domain=half).points[:, 0] >= 0).all()


def test_random_points_fill_the_box() -> None:
    net, data = he(4, 8, 3), cloud()
    box = vitrail.Box([0.0, 0.0, -5.0, 1.0], [1.0, 2.0, 5.0, 1.5])
    points = sample_points(net, None, "random", 4000, domain=box).points
    share = (points - box.limits[0]) / (box.limits[1] - box.limits[0])
    assert ((share >= 0) & (share <= 1)).all()
    # the standard error of a mean of uniform numbers
    assert np.abs(share.mean(axis=0) - 0.5).max() < 5 / math.sqrt(12 * 4000)
    for domain in (None, vitrail.Space(4)):
        points = sample_points(net, data, "random", 500, domain=domain).points
        assert ((points >= data.min(axis=0)) & (points <= data.max(axis=0))).all()


def test_boundary_points_lie_next_to_another_class() -> None:
    oracle, data = Layers(4, 10, 8, 3, seed=2), cloud()
    found = sample_points(oracle.net, data, "boundary", 40, seed=1)
    first, second = data[found.rows[:, 0]], data[found.rows[:, 1]]
    predicted = [[int(oracle.at(x)[0].argmax()) for x in part] for part in (first, second, found.points)]
    assert all(a != b for a, b, _ in zip(*predicted, strict=True))
    for point, a, b, own, gap in zip(found.points, first, second, predicted[0], found.gaps, strict=True):
        values = oracle.at(point)[0]
        # the margin that the gap allows, and rounding
        assert values[own] >= values.max() - 1e-13 * np.abs(values).max()
        assert np.sort(values)[-1] - np.sort(values)[-2] < 1e-9 * max(1.0, np.abs(values).max())
        assert gap <= 2.0**-39 * np.linalg.norm(b - a)
        share = (point - a) @ (b - a) / ((b - a) @ (b - a))
        assert 0 <= share < 1 and np.linalg.norm(a + share * (b - a) - point) < 1e-12
    middle = 0.5 * (first + second)
    margins = [np.sort(oracle.at(x)[0])[-1] - np.sort(oracle.at(x)[0])[-2] for x in middle]
    assert max(margins) > 0.01


def test_boundary_of_a_known_classifier() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None)])  # the diagonal
    found = sample_points(net, [[2.0, 0.0], [0.0, 1.0], [0.5, 3.0]], "boundary", 30)
    assert np.abs(found.points[:, 0] - found.points[:, 1]).max() < 1e-11
    assert set(map(tuple, found.rows.tolist())) == {(0, 1), (0, 2), (1, 0), (2, 0)}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, "data", 1), InvalidOptionError, "needs data"),
        ((None, "boundary", 1), InvalidOptionError, "needs data"),
        ((None, "random", 1), InvalidDomainError, "limits"),
        (([[1.0, 2.0]], "data", 2), InvalidOptionError, "at most 1"),
        (([[1.0, 2.0]], "data", 0), InvalidOptionError, "count"),
        (([[1.0, 0.0], [2.0, 0.0]], "boundary", 2), InvalidOptionError, "only class 1"),
        (([[1.0, 0.0]], "date", 2), InvalidOptionError, "did you mean 'data'"),
        (([[1.0, 0.0, 3.0]], "data", 1), InvalidDomainError, "X: expected"),
    ],
)
def test_impossible_groups(arguments: tuple[object, str, int], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sample_points(FOLD, *arguments)


@pytest.mark.parametrize(
    ("domain", "message"),
    [(TRIANGLE, "bounding box"), (vitrail.Box([0.0], [1.0]), "takes 2"), (vitrail.Space(3), "takes 2")],
)
def test_random_points_need_a_box_that_fits(domain: object, message: str) -> None:
    with pytest.raises(InvalidDomainError, match=message):
        sample_points(FOLD, [[0.0, 1.0]], "random", 1, domain=domain)


def test_no_data_inside_the_domain() -> None:
    with pytest.raises(InvalidOptionError, match="no rows inside"):
        sample_points(FOLD, [[5.0, 5.0]], "boundary", 1, domain=TRIANGLE)
