"""Bounds where they were found wrong: wiring, ranks, no layers, many units, odd balls, and what commands make of it."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vitrail
from vitrail.balls import count_in_ball
from vitrail.bounds import Architecture, Constants, Setting, available, table
from vitrail.bounds.layered import Stage, layered_bound
from vitrail.cli.entry import main
from vitrail.errors import InvalidOptionError, VitrailError
from vitrail.plots.bounds import plot_values


class _MaximumWithItsInput(nn.Module):
    """max(W x + b, x): its units read x itself beside W x."""

    def __init__(self, weight: list[list[float]]) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(2, 2).double(), nn.Linear(2, 1).double()
        with torch.no_grad():
            self.inner.weight.copy_(torch.tensor(weight))
            self.inner.bias.copy_(torch.tensor([0.1, -0.3]))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.last(torch.maximum(self.inner(x), x))
        return result


@pytest.mark.parametrize("weight", [[[0.0, 0.0], [0.0, 0.0]], [[0.0, 2.0], [0.0, 4.0]]])
def test_ranks_say_nothing_where_units_read_something_else_too(weight: list[list[float]]) -> None:
    net = vitrail.Network.from_torch(_MaximumWithItsInput(weight), torch.zeros(1, 2, dtype=torch.float64))
    count = int(vitrail.count_regions(net, vitrail.Space(2)))
    assert count == 4
    too_low = {row.name: row.value for row in table(net, count=None) if row.kind.above and row.value < count}
    assert not too_low


def test_units_that_read_something_without_weights_are_not_free() -> None:
    net = vitrail.Network.from_torch(
        _MaximumWithItsInput([[0.5, 1.0], [1.0, 2.0]]), torch.zeros(1, 2, dtype=torch.float64)
    )
    assert not any(layer.dense for layer in Setting(table(net, count=None).setting.architecture).layers)


@pytest.mark.parametrize("widths", ["1-1", "2-1", "1-7"])
def test_networks_without_hidden_layers_have_one_region(widths: str) -> None:
    assert int(table(widths).tightest_upper or 0) == 1
    assert main(["bounds", widths, "--quiet"]) == 0


@pytest.mark.parametrize("name", [statement.name for statement in available()])
def test_every_condition_can_be_asked_without_layers(name: str) -> None:
    statement = vitrail.bounds.find(name)
    for inputs in (1, 2):
        statement.failures(Setting(Architecture.of([inputs, 1])))
        statement.failures(Setting(Architecture.of([inputs, 1], biased=False)))


def test_many_units_in_few_dimensions_take_little_memory() -> None:
    stages = [Stage(((1, 12_345),), switched_off=True)]
    tracemalloc.start()
    found = layered_bound(stages, 2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == 1 + 12_345 + 12_345 * 12_344 // 2
    assert peak < 2**20


def test_a_ball_beyond_the_range_of_squares_is_counted_or_refused() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 1.0]], [-1.3e163]), ([[1.0]], None)])
    try:
        count = count_in_ball(net, [0.0, 0.0], 1e163)
    except VitrailError:
        return
    assert count.upper is not None
    assert count.lower <= 2 <= count.upper


@pytest.mark.parametrize("radius", [1e-200, 1e145])
def test_no_ball_is_said_to_meet_no_region(radius: float) -> None:
    net = vitrail.Network.from_arrays([([[1.0, 1.0]], [-1.0]), ([[1.0]], None)])
    assert count_in_ball(net, [0.3, 0.0], radius).value >= 1


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    widths = (2, 4, 4, 1)
    arrays: dict[str, Any] = {}
    for number, (inputs, units) in enumerate(pairwise(widths), start=1):
        arrays[f"W{number}"], arrays[f"b{number}"] = rng.normal(size=(units, inputs)), rng.normal(size=units)
    np.savez(tmp_path / "net.npz", **arrays)
    np.savez(tmp_path / "huge.npz", **{name: array * 1e200 for name, array in arrays.items()})
    np.savetxt(tmp_path / "points.csv", rng.normal(size=(2, 2)), delimiter=",")
    return tmp_path


def test_samples_are_drawn_though_nothing_is_counted(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = ["--input", str(files / "points.csv"), "--radii", "1", "--json"]
    assert main(["local", str(files / "net.npz"), *points, "--samples", "50", "--count-seconds", "0"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(row["sampled"] is not None and row["sampled"] >= 1 for row in rows)


@pytest.mark.parametrize("command", ["bounds", "local"])
def test_a_count_that_fails_does_not_take_the_bounds_along(
    command: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = ["--input", str(files / "points.csv"), "--radii", "1"] if command == "local" else []
    assert main([command, str(files / "huge.npz"), *points, "--quiet"]) == 0
    assert int(capsys.readouterr().out) >= 1


def test_the_constants_of_he_are_those_of_relu() -> None:
    rng = np.random.default_rng(0)
    shapes = [(8, 2), (8, 8), (8, 8), (1, 8)]
    net = vitrail.Network.from_arrays([(rng.normal(size=s), rng.normal(size=s[0])) for s in shapes], activation="abs")
    found = table(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]), constants=Constants.he(1.0), count=None)
    # behind l layers of absolute values the second moment of the gradient is 2^l, not 2
    sure = [row.name for row in found if "expectation" in row.kind.value and row.confidence.value == "sure"]
    assert not sure


@pytest.mark.parametrize("deviation", [0.0, -1.0, float("nan"), float("inf")])
def test_deviations_are_checked(deviation: float) -> None:
    with pytest.raises(InvalidOptionError):
        Constants.he(deviation)


@pytest.mark.parametrize("target", [5, None, np.array([2, 3, 1])])
def test_other_targets_are_refused(target: object) -> None:
    try:
        found = table(target)  # type: ignore[arg-type]
    except InvalidOptionError:
        return
    assert found.setting.widths == (3,)


def test_a_table_is_shown_in_some_lines() -> None:
    assert len(repr(table("2-4-4-1"))) < 2000


def test_pictures_say_what_is_likely() -> None:
    rows = table("2-4-4-1").rows
    assert any(row.confidence.value == "likely" for row in rows)
    ax = plot_values(rows)
    labels = " ".join(label.get_text() for label in ax.get_yticklabels())
    assert "likely" in labels
