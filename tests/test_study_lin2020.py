"""The study of bounds in balls around points: its points, measures, tables and claims, on networks known by heart."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from vitrail.errors import InvalidOptionError
from vitrail.network.network import Network
from vitrail.studies import Verdict, get_study, reproduce
from vitrail.studies.lin2020 import STUDY
from vitrail.studies.lin2020.claims import STATEMENTS, claims
from vitrail.studies.lin2020.figures import figures
from vitrail.studies.lin2020.plan import plan
from vitrail.studies.lin2020.points import GROUPS, Group, adversarial, drawn_groups, with_adversarial
from vitrail.studies.lin2020.tables import change_table, contrast_table, image_sets, per_seed, reports
from vitrail.studies.study import Context, Run
from vitrail.studies.training import Labeled

MODULE = importlib.import_module("vitrail.studies.lin2020.experiment")

# ---- settings --------------------------------------------------------------------------------------------------------


def test_the_study_is_registered() -> None:
    assert get_study("lin2020") is STUDY
    assert STUDY.configuration.hours["smoke"] < STUDY.configuration.hours["paper"]


def test_plan_has_every_network_and_seed() -> None:
    settings = dict(STUDY.configuration.settings("paper"))
    runs = STUDY.runs(settings)
    seeds: Any = settings["seeds"]
    assert len(runs) == sum(seeds) and min(seeds) >= 5
    assert {(run["data"], run["widths"], run["batch"]) for run in runs} == {
        ("mnist", (128, 128), 128),
        ("digits", (32, 32), 64),
    }
    for run in runs:
        epochs: Any = run["epochs"]
        assert epochs[0] == 0 and list(epochs) == sorted(epochs)


@pytest.mark.parametrize(
    ("change", "message"), [({"seeds": (1,)}, "one entry for each network"), ({"claim_radius": 0.2}, "claim_radius")]
)
def test_plan_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        list(plan(dict(STUDY.configuration.settings("paper")) | change))


# ---- points ----------------------------------------------------------------------------------------------------------


def images(count: int = 300, size: int = 6) -> Labeled:
    rng = np.random.default_rng(0)
    pixels = rng.beta(0.5, 2.0, (2 * count, size)) * np.linspace(0.1, 1.0, size)
    x, y = torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(rng.integers(10, size=2 * count))
    return Labeled(x[:count], y[:count], x[count:], y[count:])


def test_points_are_what_they_are_said_to_be() -> None:
    data = images()
    groups = {group.name: group for group in drawn_groups(data, 200, seed=3)}
    for name, inputs, labels in (
        ("train", data.train_inputs, data.train_labels),
        ("test", data.test_inputs, data.test_labels),
    ):
        rows = {tuple(row): int(label) for row, label in zip(inputs.double().tolist(), labels, strict=True)}
        found = groups[name]
        assert found.labels is not None
        assert [rows[tuple(row)] for row in found.points.tolist()] == found.labels.tolist()
        assert len({tuple(row) for row in found.points.tolist()}) == 200
    pixels = data.train_inputs.double().numpy()
    # four standard errors
    np.testing.assert_array_less(
        np.abs(groups["gaussian"].points.mean(axis=0) - pixels.mean(axis=0)), 4 * pixels.std(axis=0) / 200**0.5
    )
    np.testing.assert_allclose(groups["gaussian"].points.std(axis=0), pixels.std(axis=0), rtol=0.2)
    uniform, scaled = groups["uniform"].points, groups["scaled"].points
    assert 0 <= uniform.min() < 0.01 and 0.99 < uniform.max() <= 1
    lengths = np.linalg.norm(groups["train"].points, axis=1)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), lengths)
    np.testing.assert_allclose(scaled / lengths[:, None], uniform / np.linalg.norm(uniform, axis=1)[:, None])


def test_directions_are_orthonormal_and_differ() -> None:
    groups = drawn_groups(images(), 20, seed=0)
    frames = np.concatenate([group.frames for group in groups])
    products = frames @ frames.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(2), products.shape), atol=1e-12)
    assert len({tuple(row) for row in frames[:, 0].tolist()}) == len(frames)


def test_points_depend_on_the_seed_alone() -> None:
    one, same, other = (drawn_groups(images(), 20, seed=seed) for seed in (1, 1, 2))
    for a, b, c in zip(one, same, other, strict=True):
        assert np.array_equal(a.points, b.points) and np.array_equal(a.frames, b.frames)
        assert not np.array_equal(a.points, c.points)
    with pytest.raises(InvalidOptionError, match="at most 300"):
        drawn_groups(images(), 301, seed=0)


def test_adversarial_points_raise_the_loss() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 10)).eval()
    groups = drawn_groups(images(), 100, seed=0)
    found = list(with_adversarial(groups, module, 0.02))
    assert tuple(group.name for group in found) == GROUPS
    train, moved = found[0], found[2]
    assert train.labels is not None and np.array_equal(moved.frames, train.frames)
    assert 0 < np.abs(moved.points - train.points).max() <= 0.02 + 1e-9
    assert moved.points.min() >= 0 and moved.points.max() <= 1

    def losses(points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            outputs = module(torch.from_numpy(points.astype(np.float32)))
            return cross_entropy(outputs, torch.from_numpy(train.labels), reduction="none").numpy()

    before, after = losses(train.points), losses(moved.points)
    assert np.mean(after > before) > 0.95
    away = adversarial(module, train.points, train.labels, -0.02)
    assert np.mean(losses(away) > before) < 0.05
    assert all(parameter.grad is None for parameter in module.parameters())


# ---- measures --------------------------------------------------------------------------------------------------------

SMALL: dict[str, Any] = {"radii": (0.2, 1.0), "sampled_centers": 3, "samples": 300, "seed": 0}


def small_network(seed: int = 0) -> tuple[Network, list[tuple[np.ndarray, np.ndarray]]]:
    rng = np.random.default_rng(seed)
    arrays = [(rng.normal(size=(m, n)), 0.3 * rng.normal(size=m)) for n, m in ((2, 5), (5, 4), (4, 3))]
    return Network.from_arrays(arrays), arrays


def patterns_on_a_grid(arrays: list[tuple[np.ndarray, np.ndarray]], points: np.ndarray) -> int:
    signs = []
    for weight, bias in arrays[:-1]:
        points = points @ weight.T + bias
        signs.append(points > 0)
        points = np.maximum(points, 0)
    bits = np.concatenate(signs, axis=1)
    return len(np.unique(bits @ 2 ** np.arange(bits.shape[1])))


def test_measures_against_grids_and_closed_forms() -> None:
    net, arrays = small_network()
    points = np.random.default_rng(1).normal(size=(4, 2))
    group = Group("train", points, None, np.broadcast_to(np.eye(2), (4, 2, 2)))
    rows = list(MODULE.measured(net, group, SMALL))
    assert [row["radius"] for row in rows] == [0.2, 1.0]
    for row in rows:
        side = np.linspace(-0.7, 0.7, 201) * row["radius"]
        grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        seen = np.array([patterns_on_a_grid(arrays, point + grid) for point in points])
        # a grid misses slivers, and no more
        assert 0 <= row["regions_mean"] - seen.mean() <= 0.5
        assert row["regions"] >= np.log10(seen).mean() - 1e-12
        assert row["bound"] >= row["regions"] and row["bound_25"] <= row["bound_50"] <= row["bound_75"]
        assert row["sampled"] <= row["sampled_bound"]
        assert row["violations"] == row["unproven"] == 0
        assert row["norm"] == pytest.approx(np.hypot(points[:, 0], points[:, 1]).mean())
    assert rows[0]["bound"] < rows[1]["bound"] and rows[0]["switching"] < rows[1]["switching"]


def test_distances_of_one_layer() -> None:
    rng = np.random.default_rng(2)
    weight, bias = rng.normal(size=(7, 2)), rng.normal(size=7)
    net = Network.from_arrays([(weight, bias), (np.ones((1, 7)), np.zeros(1))])
    points = rng.normal(size=(9, 2))
    away = (np.abs(points @ weight.T + bias) / np.linalg.norm(weight, axis=1)).min(axis=1)
    group = Group("test", points, None, np.broadcast_to(np.eye(2), (9, 2, 2)))
    row = next(iter(MODULE.measured(net, group, SMALL)))
    assert row["distance"] == pytest.approx(away.mean()) and row["distance_50"] == pytest.approx(np.median(away))


def test_squares_lie_in_the_balls() -> None:
    group = drawn_groups(images(), 5, seed=0)[0]
    for square, point in zip(MODULE.squares(group, 0.37), group.points, strict=True):
        corners = [np.asarray(square.origin) + a * square.u + b * square.v for a in square.hi for b in square.lo]
        assert 0.98 * 0.37 < max(np.linalg.norm(corner - point) for corner in corners) < 0.37


def test_a_bound_that_is_too_small_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    net, _ = small_network()
    points = np.random.default_rng(1).normal(size=(4, 2))
    group = Group("train", points, None, np.broadcast_to(np.eye(2), (4, 2, 2)))
    right = MODULE.local_bound

    def wrong(*arguments: Any) -> Any:
        found = right(*arguments)
        return dataclasses.replace(found, bounds=found.bounds * 0)

    monkeypatch.setattr(MODULE, "local_bound", wrong)
    assert [row["violations"] for row in MODULE.measured(net, group, SMALL)] == [7, 7]


# ---- the experiment --------------------------------------------------------------------------------------------------


def tiny_run(seed: int = 0) -> Run:
    settings = dict(next(iter(plan(STUDY.configuration.settings("smoke")))))
    small: dict[str, Any] = {"widths": (8, 8), "epochs": (0, 2), "centers": 6, "radii": (0.1, 0.3)}
    return Run.of("lin2020", 1, settings | small | {"sampled_centers": 1, "samples": 20, "seed": seed})


def test_a_tiny_run() -> None:
    before = torch.get_rng_state()
    table, same, other = (MODULE.experiment(tiny_run(seed), Context()) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    pandas.testing.assert_frame_equal(table, same)
    assert not table["bound"].equals(other["bound"])
    assert len(table) == 2 * len(GROUPS) * 2
    assert not set(table.columns) & {name for name, _ in tiny_run().settings}
    assert table["violations"].sum() == table["unproven"].sum() == 0
    assert set(table["units"]) == {16}
    labeled = table["group"].isin(["train", "test", "adversarial"])
    assert table.loc[labeled, "correct"].between(0, 1).all() and table.loc[~labeled, "correct"].isna().all()


@pytest.mark.slow
def test_smoke_scale(tmp_path: Path) -> None:
    report = reproduce(STUDY, tmp_path)
    assert report.complete and len(report.figures) == 3
    verdicts = {claim.number: claim for claim in report.claims}
    falls = next(
        number for number, claim in verdicts.items() if "small digits: in training, the bound" in claim.paper_says
    )
    assert verdicts[falls].verdict is Verdict.REPRODUCED
    assert verdicts[1].verdict is Verdict.NOT_TESTABLE and "no run on MNIST" in verdicts[1].why


# ---- tables, claims and figures --------------------------------------------------------------------------------------


def made_up(seeds: int = 6, fall: float = -3.0, more: float = 1.0, sets: tuple[str, ...] = ("mnist",)) -> Any:
    """Results in which training changes log10 of bounds by `fall`, and training points have `more` than others."""
    rows = []
    for data in sets:
        for seed in range(seeds):
            noise = np.random.default_rng(seed)
            for epoch in (0.0, 1.0, 5.0):
                for group in GROUPS:
                    for radius in (0.1, 0.3):
                        shift = fall * epoch / 5 + more * (group == "train" and epoch > 0) + 0.1 * noise.normal()
                        bound = 6.0 + 10 * radius + shift
                        rows.append(
                            {
                                **{"data": data, "seed": seed, "epoch": epoch, "group": group, "radius": radius},
                                **{"claim_radius": 0.3, "centers": 10, "sampled_centers": 2, "violations": 0},
                                **{"bound": bound, "regions": bound / 4, "sampled": bound / 3},
                                "distance": 10.0 ** (-0.2 * shift),
                            }
                        )
    return pandas.DataFrame(rows)


def test_tables_give_the_differences_back() -> None:
    results = made_up(sets=("digits", "mnist"))
    assert image_sets(results) == ["digits", "mnist"] and reports(results, "mnist") == [0.0, 1.0, 5.0]
    change, contrast = change_table(results), contrast_table(results)
    # bound and regions at two radii, distance once
    assert len(change) == 2 * 5 * len(GROUPS) * 2 and len(contrast) == 2 * 5 * (len(GROUPS) - 1) * 3
    for measure, factor in (("bound", 1.0), ("regions", 0.25), ("distance", -0.2)):
        rows = change[(change["measure"] == measure) & (change["since"] == 0)]
        expected = factor * np.where(rows["group"] == "train", -2.0, -3.0)
        np.testing.assert_allclose(rows["difference"], expected, atol=0.2)
        assert (rows["low"] <= rows["difference"]).all() and (rows["difference"] <= rows["high"]).all()
        rows = contrast[contrast["measure"] == measure]
        np.testing.assert_allclose(rows["difference"], factor * (rows["epoch"] > 0), atol=0.2)
    one = change[(change["data"] == "mnist") & (change["group"] == "train") & (change["measure"] == "bound")].iloc[0]
    by_hand = [
        made.set_index(["epoch", "group", "radius"]).loc[(5.0, "train", 0.1), "bound"]
        - made.set_index(["epoch", "group", "radius"]).loc[(0.0, "train", 0.1), "bound"]
        for _, made in results[results["data"] == "mnist"].groupby("seed")
    ]
    assert one["difference"] == pytest.approx(np.mean(by_hand)) and one["seeds"] == 6
    with pytest.raises(InvalidOptionError, match="found none"):
        per_seed(results, "mnist", "bound", "train", 7.0, 0.1)


def verdicts(results: pandas.DataFrame) -> list[Verdict]:
    return [claim.verdict for claim in STUDY.claimed(results)]


def test_claims_follow_the_results() -> None:
    yes, no, open_ = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.NOT_TESTABLE
    assert len(STATEMENTS) == 26
    # six on changes in training, six on training points against others, for each set of images
    assert verdicts(made_up()) == [*[yes] * 12, *[open_] * 12, yes, open_]
    assert verdicts(made_up(sets=("digits",))) == [*[open_] * 12, *[yes] * 12, yes, open_]
    assert verdicts(made_up(fall=3.0)) == [*[no] * 6, *[yes] * 6, *[open_] * 12, yes, open_]
    assert verdicts(made_up(more=-1.0)) == [*[yes] * 6, *[no] * 6, *[open_] * 12, yes, open_]
    assert verdicts(made_up(seeds=1)) == [*[open_] * 24, yes, open_]
    # it falls by 3 in the first steps and rises by 2 afterwards
    back = made_up(fall=2.5, more=0.0)
    start = back["epoch"] == 0
    back.loc[start, ["bound", "regions"]] += 5.0
    back.loc[start, "distance"] /= 10.0
    assert verdicts(back)[:6] == [yes, no] * 3
    short = claims(back[back["epoch"] != 1.0])[:2]
    assert short[0].verdict is yes and short[1].verdict is open_ and "only 2 reports" in short[1].why
    undecided = claims(made_up(more=0.0))[6]
    assert undecided.verdict is no and not undecided.decided
    wrong = made_up()
    wrong.loc[5, "violations"] = 1
    found = claims(wrong)[24]
    assert found.verdict is no and found.ours.startswith("1 of ")


@pytest.mark.parametrize("seeds", [1, 4])
def test_figures(tmp_path: Path, seeds: int) -> None:
    paths = figures(made_up(seeds, sets=("mnist", "digits")), tmp_path)
    assert [path.name for path in paths] == ["training.png", "contrasts.png", "looseness.png"]
    for path in paths:
        assert path.read_bytes()[:4] == b"\x89PNG" and 10_000 < path.stat().st_size < 400_000
