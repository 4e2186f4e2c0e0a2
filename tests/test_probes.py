"""Probes: every number against a closed form or a direct call, and what they refuse."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vitrail
from helpers import he, square
from vitrail import probes
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.probes.reading import check_probes, settings_of

POINTS = np.random.default_rng(3).normal(size=(12, 2))


def one_layer(units: int = 6, inputs: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, vitrail.Network]:
    rng = np.random.default_rng(seed)
    weights, biases = rng.normal(size=(units, inputs)), rng.normal(size=units)
    return weights, biases, vitrail.Network.from_arrays([(weights, biases), (rng.normal(size=(2, units)), None)])


def crossings(weights: np.ndarray, biases: np.ndarray, start: np.ndarray, stop: np.ndarray) -> int:
    """How many units of one layer change their sign between two points."""
    return int(((weights @ start + biases) * (weights @ stop + biases) < 0).sum())


# ---- lines and planes ----------------------------------------------------------------------------------------------


def test_segments_have_a_region_more_than_units_change_sign() -> None:
    weights, biases, net = one_layer()
    probe = probes.Lines(POINTS, count=40, seed=2)
    expected = [
        1 + crossings(weights, biases, np.asarray(own.start), np.asarray(own.stop))
        for own in probe.domains(net)
        if isinstance(own, vitrail.Segment)
    ]
    found = probe(net)
    assert len(expected) == found["count"] == 40
    assert found["mean"] == pytest.approx(np.mean(expected)) and found["sd"] == pytest.approx(np.std(expected, ddof=1))
    assert found["mean_per_unit"] == pytest.approx(np.mean(expected) / 6) and found["median"] == np.median(expected)
    assert (found["min"], found["max"], found["unproven"]) == (min(expected), max(expected), 0)
    assert found["status"] == "certified" and len(set(expected)) > 1


def test_lines_from_the_origin_are_infinite() -> None:
    weights, _, net = one_layer()
    found = probes.Lines(POINTS, count=100, kind="origin")(net)
    # every unit of a single layer with a bias is crossed once, wherever the line goes
    assert found["count"] == len(POINTS) and found["min"] == found["max"] == len(weights) + 1
    assert found["sd"] == 0.0


@pytest.mark.parametrize("definition", ["activation", "linear", "affine"])
def test_lines_by_definition(definition: str) -> None:
    net = he(2, 8, 8, 2)
    probe = probes.Lines(POINTS, count=7, definition=definition)
    counts = [int(vitrail.count_regions(net, own, definition)) for own in probe.domains(net)]
    assert probe(net)["mean"] == pytest.approx(np.mean(counts))


def test_lines_without_points_lie_in_the_unit_cube() -> None:
    net = he(3, 5, 2)
    ends = [np.stack([own.start, own.stop]) for own in probes.Lines(count=50, seed=4).domains(net)]  # type: ignore[attr-defined]
    assert np.min(ends) >= 0 and np.max(ends) <= 1 and np.ptp(ends) > 0.9


def test_the_same_lines_every_time() -> None:
    net = he(2, 16, 16, 2)
    first, again = probes.Lines(POINTS, count=9, seed=1), probes.Lines(POINTS, count=9, seed=1)
    assert first(net) == again(net) == first(net)
    assert probes.Lines(POINTS, count=9, seed=2)(net) != first(net)


def test_one_line_has_no_deviation() -> None:
    found = probes.Lines(POINTS, count=1)(he(2, 4, 2))
    assert math.isnan(found["sd"]) and found["mean"] >= 1  # type: ignore[arg-type, operator]


def test_duplicate_points_never_make_a_segment() -> None:
    nearly = np.concatenate([np.zeros((2000, 2)), POINTS[:1]])
    assert probes.Lines(nearly, count=30)(he(2, 4, 2))["count"] == 30
    repeated = np.repeat(POINTS[:2], 50, axis=0)
    assert probes.Lines(repeated, count=30)(he(2, 4, 2))["count"] == 30
    with pytest.raises(InvalidDomainError, match="two different"):
        probes.Lines(np.ones((5, 2)))(he(2, 4, 2))
    with pytest.raises(InvalidDomainError, match="not the origin"):
        probes.Lines(np.zeros((5, 2)), kind="origin")(he(2, 4, 2))


def test_a_budget_shows() -> None:
    net = he(2, 16, 16, 2)
    lines = probes.Lines(POINTS * 5, count=5, max_regions=1)(net)
    assert lines["status"] == "partial" and lines["unproven"] == 5
    plane = probes.Plane(window=square(3.0), max_regions=2)(net)
    assert plane["activation_status"] == plane["boundary_status"] == "partial"
    # it stops at the next chance, which may be late
    assert 2 <= int(plane["activation"] or 0) <= int(vitrail.count_regions(net, square(3.0)))


def test_plane_through_three_points() -> None:
    net = he(4, 10, 10, 3)
    a, b, c = np.random.default_rng(0).normal(size=(3, 4))
    window = vitrail.Plane.through(a, b, c, margin=0.5)
    found = probes.Plane(a, b, c, margin=0.5)(net)
    for definition in ("activation", "linear", "affine"):
        assert found[definition] == int(vitrail.count_regions(net, window, definition))
        assert found[f"{definition}_status"] == "certified"
    assert found["per_unit_squared"] == pytest.approx(int(found["activation"] or 0) / 400)
    assert found["area"] == pytest.approx(window.measure)
    boundary = vitrail.boundaries.decision_boundary(net, window)
    assert found["boundary_length"] == pytest.approx(boundary.measure)
    assert found["boundary_per_area"] == pytest.approx(boundary.measure / window.measure)


def test_boundary_of_two_classes_is_the_diagonal() -> None:
    net = vitrail.Network.from_arrays([(np.eye(2), None)])
    found = probes.Plane(window=square(), definitions="activation")(net)
    assert found["boundary_length"] == pytest.approx(2 * math.sqrt(2)) and math.isnan(found["per_unit_squared"])  # type: ignore[arg-type]
    assert "linear" not in found and found["activation"] == 1
    places = probes.DecisionBoundary([square(), square(0.5)])(net)
    assert places["size"] == pytest.approx(1.5 * math.sqrt(2)) and places["density"] == pytest.approx(
        3 * math.sqrt(2) / 5
    )
    assert (places["crossed"], places["pieces"], places["count"], places["unproven"]) == (1.0, 1.0, 2, 0)


def test_boundary_on_lines() -> None:
    net = vitrail.Network.from_arrays([(np.eye(2), None)])
    lines = [vitrail.Line([0.0, 1.0], [1.0, 0.0]), vitrail.Line([0.0, 1.0], [1.0, 1.0])]
    found = probes.DecisionBoundary(lines)(net)
    assert (found["crossed"], found["pieces"]) == (0.5, 0.5) and math.isnan(found["density"])  # type: ignore[arg-type]
    assert probes.DecisionBoundary(lines[0])(net)["crossed"] == 1.0


def test_plane_keeps_regions_where_asked() -> None:
    net = he(2, 6, 2)
    kept = probes.Plane(window=square(), keep=True).measure(net).regions
    assert kept is not None and len(kept) == probes.Plane(window=square())(net)["activation"]
    assert probes.Plane(window=square()).measure(net).regions is None


# ---- around points -------------------------------------------------------------------------------------------------


def test_distance_is_that_to_the_nearest_line() -> None:
    weights, biases, net = one_layer()
    expected = np.abs(POINTS @ weights.T + biases) / np.linalg.norm(weights, axis=1)
    found = probes.Distance(POINTS)(net)
    assert found["mean"] == pytest.approx(expected.min(axis=1).mean())
    assert found["median"] == pytest.approx(np.median(expected.min(axis=1)))
    assert found["mean_times_units"] == pytest.approx(6 * expected.min(axis=1).mean())
    assert (found["infinite"], found["unproven"], found["status"]) == (0, 0, "certified")
    largest = np.abs(POINTS @ weights.T + biases) / np.abs(weights).sum(axis=1)
    assert probes.Distance(POINTS, norm="linf")(net)["mean"] == pytest.approx(largest.min(axis=1).mean())


def test_distance_where_there_is_no_boundary() -> None:
    net = vitrail.Network.from_arrays([([[0.0, 0.0]], [1.0]), ([[1.0]], None)])
    found = probes.Distance(POINTS)(net)
    assert found["infinite"] == len(POINTS) and math.isnan(found["mean"])  # type: ignore[arg-type]


def test_inspheres() -> None:
    net = vitrail.Network.from_arrays([(np.eye(2), None), ([[1.0, 1.0]], None)])
    found = probes.Inspheres([[1.0, 1.0], [-1.0, 1.0]], square(4.0))(net)
    assert found["mean"] == pytest.approx(2.0, rel=1e-6) and found["infinite"] == 0
    assert probes.Inspheres(POINTS)(net)["infinite"] == len(POINTS)


def test_local_bound_means_and_soundness() -> None:
    weights, biases, net = one_layer()
    radii = [0.01, 0.5, 4.0]
    found = probes.LocalBound(POINTS, radii)(net)
    near = np.abs(POINTS @ weights.T + biases) / np.linalg.norm(weights, axis=1)
    for radius in radii:
        # lines that a disc meets in general position cut it into at most 1 + m + m (m - 1) / 2 parts, at least 1 + m
        met = (near < radius).sum(axis=1)
        low, high = np.log10(1 + met), np.log10(1 + met + met * (met - 1) / 2)
        mean = found[f"log10_at_{radius:g}"]
        assert low.mean() - 1e-9 <= mean <= high.mean() + 1e-9  # type: ignore[operator]


# ---- patterns ------------------------------------------------------------------------------------------------------


def brute_force(codes: np.ndarray, labels: list[int]) -> tuple[float, float, float]:
    """Mean share of differing units over all pairs, those of one class, and those of two."""
    groups: dict[bool, list[float]] = {True: [], False: []}
    for i, j in itertools.combinations(range(len(codes)), 2):
        groups[labels[i] == labels[j]].append(float((codes[i] != codes[j]).mean()))
    mean = [
        float(np.mean(own)) if own else math.nan for own in (groups[True] + groups[False], groups[True], groups[False])
    ]
    return mean[0], mean[1], mean[2]


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 2), min_size=1, max_size=9))
def test_hamming_distances(seed: int, labels: list[int]) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(len(labels), 3))
    layers = [(rng.normal(size=(5, 3)), rng.normal(size=5)), (rng.normal(size=(4, 5)), rng.normal(size=4))]
    net = vitrail.Network.from_arrays([*layers, (np.ones((1, 4)), None)])
    first = points @ layers[0][0].T + layers[0][1]
    second = np.maximum(first, 0) @ layers[1][0].T + layers[1][1]
    codes = np.concatenate([first, second], axis=1) > 0
    found = probes.Patterns(points, labels, layers=True)(net)
    names = ("hamming", "hamming_same", "hamming_other")
    assert [found[name] for name in names] == pytest.approx(brute_force(codes, labels), nan_ok=True)
    distinct, counts = np.unique(codes, axis=0, return_counts=True)
    assert found["codes"] == len(distinct) and found["redundancy"] == pytest.approx(1 - len(distinct) / len(labels))
    shares = counts / counts.sum()
    assert found["entropy"] == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-12)
    assert found["dead"] == (~codes).all(axis=0).sum() and found["always_on"] == codes.all(axis=0).sum()
    assert found["status"] == "certified" and found["unproven"] == 0


def test_equal_inputs_share_one_code() -> None:
    found = probes.Patterns(np.ones((8, 2)), layers=True)(he(2, 5, 2))
    assert found["redundancy"] == 7 / 8 and found["hamming"] == 0.0 and found["entropy_0"] == 0.0


def test_a_leaky_unit_is_never_dead_and_a_maximum_never_constant() -> None:
    import torch

    layers = [([[1.0], [1.0]], [-9.0, 9.0]), ([[1.0, 1.0]], None)]
    points = [[0.0], [1.0]]
    relu = probes.Patterns(points)(vitrail.Network.from_arrays(layers))
    leaky = probes.Patterns(points)(vitrail.Network.from_arrays(layers, activation="leaky_relu"))
    assert (relu["dead"], relu["always_on"], leaky["dead"], leaky["always_on"]) == (1, 1, 0, 2)
    pool = vitrail.Network.from_torch(torch.nn.MaxPool1d(2), torch.zeros(1, 1, 4))
    found = probes.Patterns([[0.0, 1.0, 0.0, 1.0], [0.0, 2.0, 3.0, 1.0]])(pool)
    assert (found["dead"], found["always_on"], found["codes"]) == (0, 1, 2)


def test_patterns_without_units() -> None:
    found = probes.Patterns(POINTS, layers=True)(vitrail.Network.from_arrays([(np.eye(2), None)]))
    assert found["codes"] == 1 and math.isnan(found["hamming"]) and found["entropy"] == 0.0  # type: ignore[arg-type]


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: probes.Lines([[math.nan, 0.0]]), InvalidDomainError, "nan"),
        (lambda: probes.Lines(count=0), InvalidOptionError, "count"),
        (lambda: probes.Lines(count=True), InvalidOptionError, "count"),
        (lambda: probes.Lines(kind="line"), InvalidOptionError, "segments"),
        (lambda: probes.Lines(definition="afine"), InvalidOptionError, "affine"),
        (lambda: probes.Lines(seed=-1), InvalidOptionError, "seed"),
        (lambda: probes.Lines(POINTS)(he(3, 2)), InvalidDomainError, "shape"),
        (lambda: probes.Plane(), InvalidOptionError, "0 inputs and no window"),
        (lambda: probes.Plane([0.0], [1.0]), InvalidOptionError, "2 inputs"),
        (lambda: probes.Plane([0.0], [1.0], [2.0], window=square()), InvalidOptionError, "a window"),
        (lambda: probes.Plane([0.0, 0.0], [1.0, 1.0], [2.0, 2.0]), InvalidDomainError, "one line"),
        (lambda: probes.Plane(window=vitrail.Segment([0.0], [1.0])), InvalidOptionError, "dimension 1"),
        (lambda: probes.Plane(window=3), InvalidOptionError, "int"),  # type: ignore[arg-type]
        (lambda: probes.Plane(window=square(), definitions=["all"]), InvalidOptionError, "definitions"),
        (lambda: probes.DecisionBoundary([]), InvalidOptionError, "none"),
        (lambda: probes.DecisionBoundary([1]), InvalidOptionError, "int"),  # type: ignore[list-item]
        (
            lambda: probes.DecisionBoundary([square(), vitrail.Segment([0.0, 0.0], [1.0, 1.0])]),
            InvalidOptionError,
            "several dimensions",
        ),
        (lambda: probes.Distance([[0.0]], norm="l3"), InvalidOptionError, "norm"),
        (lambda: probes.Distance([]), InvalidDomainError, "points"),
        (lambda: probes.LocalBound([[0.0]], [0.0]), InvalidOptionError, "radii"),
        (lambda: probes.LocalBound([[0.0]], [1.0, 1.0]), InvalidOptionError, "different"),
        (lambda: probes.Patterns([[0.0]], [0.5]), InvalidOptionError, "whole numbers"),
        (lambda: probes.Patterns([[0.0]], [0, 1])(he(1, 2, 1)), InvalidOptionError, "labels"),
    ],
)
def test_bad_options(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


@dataclass(frozen=True)
class Own:
    name: str = "own"

    def measure(self, net: vitrail.Network) -> probes.Reading:
        return probes.Reading({"units": net.number_of_units})


@pytest.mark.parametrize(
    ("given_probes", "text"),
    [
        ([], "at least one"),
        (Own(), "a list of probes"),
        ([Own], "the class Own"),
        ([3], "int at 0"),
        ([Own("a b")], "letters"),
        ([Own(), Own()], "told apart"),
        ([Own("a"), Own("a_b")], "told apart"),
    ],
)
def test_bad_lists_of_probes(given_probes: Any, text: str) -> None:
    with pytest.raises(InvalidOptionError, match=text):
        check_probes(given_probes)


def test_settings_tell_probes_apart() -> None:
    a = settings_of(probes.Lines(POINTS))
    assert a == settings_of(probes.Lines(POINTS.copy())) and a["class"] == "Lines" and a["count"] == 100
    assert a != settings_of(probes.Lines(POINTS + 1)) and a != settings_of(probes.Lines(POINTS, seed=1))
    assert settings_of(probes.Plane(window=square())) != settings_of(probes.Plane(window=square(2.0)))
    assert settings_of(Own()) == {"class": "Own", "name": "own"}
