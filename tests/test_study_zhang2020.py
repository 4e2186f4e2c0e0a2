"""The study of batch norm, dropout and optimizers: its runs, groups, measures and claims, on known networks."""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from torch import nn

from vitrail.errors import InvalidOptionError
from vitrail.local.groups import PointGroup
from vitrail.network.network import Network
from vitrail.studies import Claim, get_study, reproduce
from vitrail.studies.study import Context, Run
from vitrail.studies.training import Labeled
from vitrail.studies.zhang2020 import STUDY
from vitrail.studies.zhang2020.claims import OPTIMIZERS, STATEMENTS, claims
from vitrail.studies.zhang2020.experiment import classifier, experiment
from vitrail.studies.zhang2020.figures import figures
from vitrail.studies.zhang2020.groups import GROUPS, drawn_groups
from vitrail.studies.zhang2020.measures import around, at_regions, cuts, deeper, distances
from vitrail.studies.zhang2020.plan import plan
from vitrail.studies.zhang2020.summary import LOG_EACH, LOG_MEAN, at_end, by_seed, unproven

# ---- settings --------------------------------------------------------------------------------------------------------


def test_the_study_is_registered() -> None:
    assert get_study("zhang2020") is STUDY
    assert STUDY.configuration.hours["smoke"] < STUDY.configuration.hours["paper"]


@pytest.mark.parametrize("scale", ["smoke", "paper"])
def test_plan_has_every_network_and_seed(scale: str) -> None:
    settings: Mapping[str, Any] = STUDY.configuration.settings(scale)
    runs = STUDY.runs(settings)
    assert len(runs) == len(settings["networks"]) * settings["seeds"]
    by_name = {str(run["network"]): run for run in runs}
    assert {name for name, run in by_name.items() if run["batch_norm"]} == {"batch norm", "convolution, batch norm"}
    assert {name for name, run in by_name.items() if run["dropout"]} == {"dropout", "convolution, dropout"}
    assert [by_name[name]["optimizer"] for name in OPTIMIZERS] == ["adam", "sgd", "momentum", "rmsprop"]
    # whole seeds first, so that a study that was ended early can still be judged
    seeds = [run["seed"] for run in runs]
    assert seeds == sorted(seeds, key=lambda seed: int(str(seed)))


def test_the_paper_scale_has_five_seeds() -> None:
    assert STUDY.configuration.settings("paper")["seeds"] == 5


def test_plan_refuses_arrays_of_other_lengths() -> None:
    settings = dict(STUDY.configuration.settings("smoke")) | {"dropouts": (0.5,)}
    with pytest.raises(InvalidOptionError, match="one entry for each network"):
        list(plan(settings))


def tiny(**changes: Any) -> Run:
    """A run of seconds, on the images that come with scikit-learn."""
    settings: dict[str, Any] = {
        "network": "plain",
        "architecture": "fully connected",
        "batch_norm": False,
        "dropout": 0.0,
        "optimizer": "adam",
        "learning_rate": 0.01,
        "report_epochs": (0, 3),
        "train_images": 400,
        "points": 2,
        "early_points": 1,
        "deep_points": 1,
        "data": "digits",
        "initialization": "torch default",
        "hidden": (8, 8),
        "channels": (2,),
        "convolution_hidden": (8,),
        "pooling": "average",
        "batch": 64,
        "distance_points": 4,
        "segments": 3,
        "segment_length": 0.3,
        "targets": 10,
        "relevance_radii": (0.01, 1.0),
        "seed": 0,
    }
    return Run.of("zhang2020", 1, settings | changes)


def kinds_of(module: nn.Module) -> set[str]:
    return {type(layer).__name__ for layer in module.modules()}


def test_networks_are_those_of_the_settings() -> None:
    plain = classifier((64,), dict(tiny().settings))
    assert not kinds_of(plain) & {"BatchNorm1d", "Dropout"}
    assert "BatchNorm1d" in kinds_of(classifier((64,), dict(tiny(batch_norm=True).settings)))
    assert "Dropout" in kinds_of(classifier((64,), dict(tiny(dropout=0.5).settings)))
    convolutional = tiny(architecture="convolutional", batch_norm=True, dropout=0.5)
    found = kinds_of(classifier((1, 8, 8), dict(convolutional.settings)))
    assert {"Conv2d", "BatchNorm2d", "AvgPool2d", "Dropout"} <= found


# ---- one run ---------------------------------------------------------------------------------------------------------


def test_a_run_gives_every_quantity_of_every_group_and_depends_on_its_seed_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (experiment(tiny(seed=seed), Context()) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    pandas.testing.assert_frame_equal(first, again)
    assert not first["value"].equals(other["value"])
    last = first[first["epoch"] == 3.0]
    for quantity in ("distance", "radius", "unit_cosine", "angle", "gradient_cosine", "transfer", "crossed", "facets"):
        assert set(last[last["quantity"] == quantity]["group"]) == set(GROUPS)
    assert set(last[last["quantity"] == "cuts"]["group"]) == {"boundary", "test", "between"}
    counts = last.groupby(["quantity", "group"]).size()
    assert counts["distance", "random"] == 4 and counts["radius", "test"] == 2 and counts["crossed", "train"] == 1
    early = first[first["epoch"] == 0.0]
    assert not set(early["quantity"]) & {"transfer", "crossed", "gradient_cosine"}
    assert (early["quantity"] == "radius").sum() == early[early["quantity"] == "radius"]["group"].nunique()
    shares = last[last["quantity"] == "angle"].groupby("group")["value"].sum()
    assert np.allclose(shares, 1.0)


def test_convolutions_run_too_and_without_points_there_are_no_regions() -> None:
    run = tiny(
        architecture="convolutional", learning_rate=0.03, points=0, early_points=0, deep_points=0, report_epochs=(8,)
    )
    found = experiment(run, Context())
    assert set(found["quantity"]) == {"distance", "cuts"}


# ---- groups ----------------------------------------------------------------------------------------------------------


def labeled(train: np.ndarray, test: np.ndarray) -> Labeled:
    parts = []
    for points in (train, test):
        parts += [torch.tensor(points, dtype=torch.float32), torch.zeros(len(points), dtype=torch.int64)]
    return Labeled(*parts)


def cross(offset: float = 0.5) -> Network:
    """Units that switch where x = offset and y = offset; class 0 where the first is larger."""
    return Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], [-offset, -offset]), ([[1.0, 0.0], [0.0, 1.0]], None)])


def test_groups_share_images_and_random_points_between_networks() -> None:
    rng = np.random.default_rng(0)
    data = labeled(rng.random((30, 2)), rng.random((20, 2)))
    one, other = drawn_groups(cross(0.5), data, 5, seed=3), drawn_groups(cross(0.25), data, 5, seed=3)
    assert tuple(one) == tuple(other) == GROUPS
    for name in ("train", "test", "random"):
        assert np.array_equal(one[name].points, other[name].points) and one[name].group == name
    assert not np.array_equal(one["boundary"].points, other["boundary"].points)
    assert not np.array_equal(one["train"].points, drawn_groups(cross(), data, 5, seed=4)["train"].points)
    rows = one["test"].rows[:, 0]
    assert np.allclose(one["test"].points, data.test_inputs[rows].double().numpy())


def test_a_network_with_one_class_has_no_boundary_group() -> None:
    always = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[0.0, 0.0], [0.0, 0.0]], [1.0, 0.0])])
    data = labeled(np.random.default_rng(0).random((9, 2)), np.random.default_rng(1).random((9, 2)))
    assert tuple(drawn_groups(always, data, 2, seed=0)) == GROUPS[:-1]


# ---- measures --------------------------------------------------------------------------------------------------------


def group_of(points: Any, name: str = "test") -> PointGroup:
    points = np.array(points, dtype=np.float64)
    return PointGroup(name, points, np.zeros((len(points), 0), dtype=np.int64), np.full(len(points), np.nan))


def values(rows: Any, quantity: str) -> list[float]:
    return [row["value"] for row in rows if row["quantity"] == quantity]


def test_distances_are_those_to_units_not_to_the_box() -> None:
    found = list(distances(cross(), group_of([[0.0, 0.3], [0.9, 0.6]])))
    assert np.allclose(values(found, "distance"), [0.2, 0.1]) and all(row["certified"] for row in found)
    assert {row["group"] for row in found} == {"test"}


def test_regions_of_a_cross() -> None:
    found = list(at_regions(cross(), group_of([[0.1, 0.2], [0.7, 0.2], [0.9, 0.9]]), 2))
    assert np.allclose(values(found, "radius"), [0.25, 0.25])
    # two sides of the box and two units touch the ball
    assert values(found, "sides") == [0.5, 0.5]
    assert values(found, "unit_cosine") == [0.0, 0.0] and values(found, "layer_cosine") == [0.0, 0.0]
    angles = [row for row in found if row["quantity"] == "angle" and row["value"] > 0]
    assert [(row["at"], row["value"]) for row in angles] == [(89.0, 1.0)]
    assert all(row["certified"] == (row["quantity"] in ("radius", "sides")) for row in found)
    assert list(at_regions(cross(), group_of([[0.1, 0.2]]), 0)) == []


def test_cuts_are_counted_around_the_boundary_at_the_image_and_between() -> None:
    breaks = np.array([0.05, 0.3, 0.45, 0.48, 0.55, 0.9])
    # the first output grows with x alone, the second is constant: classes change at x = 0.5
    units = [([[1.0]] * 6, (-breaks).tolist()), ([[0.0] * 6, [0.0] * 6], [0.0, 1.0])]
    data = labeled(np.zeros((1, 1)), np.array([[0.0], [1.0]]))
    boundary = PointGroup("boundary", np.array([[0.5]]), np.array([[0, 1]]), np.zeros(1))
    found = list(cuts(Network.from_arrays(units), data, boundary, 5, 0.2))
    expected = {}
    for name, (low, high) in {"boundary": (0.4, 0.6), "test": (0.0, 0.2), "between": (0.0, 1.0)}.items():
        expected[name] = ((low < breaks) & (breaks < high)).sum() / (high - low)
    assert {row["group"]: row["value"] for row in found} == pytest.approx(expected)
    assert all(row["certified"] for row in found)


def test_cuts_stay_between_the_two_images() -> None:
    breaks = [-0.05, 0.05]
    units = [([[1.0]] * 2, [-at for at in breaks]), ([[0.0] * 2, [0.0] * 2], [0.0, 1.0])]
    data = labeled(np.zeros((1, 1)), np.array([[0.0], [1.0]]))
    boundary = PointGroup("boundary", np.array([[0.1]]), np.array([[0, 1]]), np.zeros(1))
    found = {row["group"]: row["value"] for row in cuts(Network.from_arrays(units), data, boundary, 1, 0.4)}
    # from 0 to 0.3, and not from -0.1: the cut at -0.05 is not on the way
    assert found["boundary"] == pytest.approx(1 / 0.3)


def test_surroundings_of_a_fold() -> None:
    # |x - 0.5|: the gradient turns around beyond the fold
    fold = Network.from_arrays([([[1.0], [-1.0]], [-0.5, 0.5]), ([[1.0, 1.0], [0.0, 0.0]], [0.0, 0.1])])
    targets = np.array([[1.0], [0.9]])
    found = list(around(fold, group_of([[0.2]]), 1, targets, (0.1, 0.5, 5.0)))
    assert np.array_equal(values(found, "gradient_cosine"), [1.0, -1.0, math.nan], equal_nan=True)
    assert np.array_equal(values(found, "switched"), [0.0, 1.0, math.nan], equal_nan=True)
    # at 0.2 and 0.7 the fold is higher than 0.1, so class 0; the map 0.5 - x of the left side gives class 1 at both
    assert np.array_equal(values(found, "same"), [1.0, 1.0, math.nan], equal_nan=True)
    assert values(found, "transfer") == [0.0]
    assert [row["at"] for row in found if row["quantity"] == "switched"] == [0.1, 0.5, 5.0]


def test_a_point_among_the_targets_is_no_direction() -> None:
    found = list(around(cross(), group_of([[0.2, 0.2]]), 1, np.array([[0.2, 0.2], [0.9, 0.2]]), (0.1,)))
    assert values(found, "switched") == [0.0]


def test_classes_and_facets_inside_regions() -> None:
    # class 0 above x = 0.75 on the right of 0.5, class 1 elsewhere
    net = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], [-0.5, -0.5]), ([[1.0, 0.0], [0.0, 0.0]], [0.0, 0.25])])
    found = list(deeper(net, group_of([[0.6, 0.2], [0.2, 0.2]]), 2))
    assert values(found, "crossed") == [1.0, 0.0] and values(found, "reachable") == [2.0, 1.0]
    assert values(found, "decision_distance") == pytest.approx([0.15, math.inf])
    assert values(found, "facets") == [2.0, 2.0] and values(found, "facet_cosine") == [0.0, 0.0]


# ---- summaries and claims --------------------------------------------------------------------------------------------

NETWORKS = [str(name) for name in STUDY.configuration.settings("paper")["networks"]]  # type: ignore[union-attr]
NOISE = 0.02


def table(of: Callable[[str, str, str], float], seeds: int = 5, accuracy: Mapping[str, float] | None = None) -> Any:
    """Results in which each quantity of a network and group has a known size, times noise of its seed."""
    rng, rows = np.random.default_rng(7), []
    groups = {"cuts": ("boundary", "test", "between")}
    for seed in range(seeds):
        for network in NETWORKS:
            reached = (accuracy or {}).get(network, 0.97) + 0.001 * rng.normal()
            for quantity in ("radius", "distance", "unit_cosine", "facet_cosine", "cuts", "crossed", "transfer"):
                for group in groups.get(quantity, GROUPS):
                    for epoch in (0.0, 8.0):
                        size = of(network, quantity, group) if epoch else 1.0
                        about = {"run": f"{network} {seed}", "network": network, "seed": seed, "quantity": quantity}
                        place = {"group": group, "epoch": epoch, "at": math.nan, "certified": True}
                        value = size * math.exp(NOISE * rng.normal())
                        rows.append(about | place | {"value": value, "test_accuracy": reached})
    return pandas.DataFrame(rows)


def as_claimed(network: str, quantity: str, group: str) -> float:
    """Numbers as the paper has it."""
    norm, drops = "batch norm" in network, "dropout" in network
    if quantity in ("radius", "distance"):
        optimizer = {"sgd": 1.2, "rmsprop": 0.7}.get(network, 1.0)
        at = {"random": 1.5, "boundary": 0.1 if drops else 1.0}.get(group, 1.0)
        return 0.1 * at * optimizer * (0.5 if norm else 1.0)
    if quantity == "cuts":
        return 40.0 if drops and group == "boundary" else 10.0
    return 0.2 * (0.5 if norm else 1.5 if drops else 1.0)


def labels(results: Any) -> dict[int, str]:
    return {claim.number: claim.label for claim in STUDY.claimed(results)}


def test_what_is_claimed_is_reproduced() -> None:
    found = labels(table(as_claimed))
    assert {number: label for number, label in found.items() if label != "reproduced"} == {
        21: "not testable",
        22: "not testable",
    }
    assert set(found) == {statement.number for statement in STATEMENTS}


def test_the_opposite_is_not_reproduced() -> None:
    def opposite(network: str, quantity: str, group: str) -> float:
        return 1.0 / as_claimed(network, quantity, group)

    found = labels(table(opposite))
    # two claims say only that things differ, and they do
    assert {number for number, label in found.items() if label == "not reproduced"} == {*range(1, 12), *range(15, 21)}
    assert found[12] == found[14] == "reproduced"


def test_without_any_effect_no_claim_is_reproduced_but_that_accuracies_are_similar() -> None:
    found = labels(table(lambda network, quantity, group: 0.3))
    assert {number for number, label in found.items() if label == "reproduced"} <= {13}
    assert found[13] == "reproduced"


@pytest.mark.parametrize(("off", "label"), [(0.02, "not reproduced"), (0.004, "reproduced")])
def test_one_optimizer_apart_decides_about_accuracies(off: float, label: str) -> None:
    assert labels(table(as_claimed, accuracy={"momentum": 0.97 - off}))[13] == label


def test_one_seed_is_not_testable() -> None:
    assert set(labels(table(as_claimed, seeds=1)).values()) == {"not testable"}


def claim_of(results: Any, number: int) -> Claim:
    return claims(results)[number - 1]


def test_optimizers_are_judged_with_room_for_the_choice_of_the_largest_difference() -> None:
    claim = claim_of(table(as_claimed), 12)
    assert claim.confidence == pytest.approx(1 - 0.05 / 6) and "sgd / rmsprop" in claim.ours
    assert claim.effect == pytest.approx(math.log10(1.2 / 0.7), abs=0.05)


def test_a_radius_of_zero_decides_nothing() -> None:
    results = table(as_claimed)
    one = (results["network"] == "plain") & (results["quantity"] == "radius") & (results["group"] == "test")
    results.loc[one & (results["epoch"] == 8.0) & (results["seed"] == 0), "value"] = 0.0
    assert claim_of(results, 1).label == "not reproduced (undecided)"


def test_numbers_that_are_not_proven_are_counted() -> None:
    results = table(as_claimed)
    assert "not proven" not in claim_of(results, 1).ours
    chosen = (results["quantity"] == "radius") & (results["network"] == "batch norm") & (results["epoch"] == 8.0)
    results.loc[chosen & (results["group"] == "test"), "certified"] = False
    assert "5 of 20 numbers not proven" in claim_of(results, 1).ours
    results.loc[chosen, "certified"] = False
    assert "10 of 20 numbers not proven" in claim_of(results, 1).ours
    assert unproven(results, "unit_cosine", NETWORKS, GROUPS) == ""


def test_a_seed_without_one_of_the_networks_is_left_out_of_its_pairs() -> None:
    results = table(as_claimed)
    kept = results[~((results["network"] == "batch norm") & (results["seed"] == 2))]
    assert (claim_of(kept, 1).seeds, claim_of(kept, 7).seeds) == (4, 5)


def test_the_last_report_alone_counts() -> None:
    results = table(as_claimed)
    assert set(at_end(results)["epoch"]) == {8.0}
    found = by_seed(at_end(results), "plain", "radius", ["test"], LOG_EACH)
    assert found.index.tolist() == [0, 1, 2, 3, 4] and np.allclose(found, -1.0, atol=0.05)


def test_segments_without_cuts_do_not_spoil_the_mean() -> None:
    rows = {"network": "plain", "quantity": "cuts", "group": "test", "seed": [0, 0], "value": [0.0, 2.0]}
    results = pandas.DataFrame(rows)
    assert by_seed(results, "plain", "cuts", ["test"], LOG_MEAN).tolist() == [0.0]
    assert by_seed(results, "plain", "cuts", ["test"], LOG_EACH).tolist() == [-math.inf]
    with pytest.raises(InvalidOptionError, match="how"):
        by_seed(results, "plain", "cuts", ["test"], "median")


# ---- figures, and the whole study ------------------------------------------------------------------------------------


def test_figures_are_drawn_of_tiny_runs(tmp_path: Path) -> None:
    def small(settings: Any) -> Any:
        for seed in (0, 1):
            for network, more in {"plain": {}, "batch norm": {"batch_norm": True}}.items():
                yield dict(tiny(network=network, seed=seed, points=1, early_points=0, deep_points=0, **more).settings)

    study = dataclasses.replace(STUDY, plan=small)
    report = reproduce(study, tmp_path)
    assert report.complete and len(report.claims) == len(STATEMENTS)
    assert {path.name for path in report.figures} == {
        f"{name}.png" for name in ("inspheres", "directions", "boundaries", "relevance", "optimizers")
    }
    assert all(10_000 < path.stat().st_size < 300_000 for path in report.figures)
    # claims about networks that nobody trained
    missing = {claim.number: claim.label for claim in report.claims}
    assert missing[7] == missing[15] == "not testable"


def test_figures_go_where_they_are_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        figures(table(as_claimed), tmp_path / "nowhere")


def test_nothing_heavy_is_imported_with_the_settings() -> None:
    module = importlib.import_module("vitrail.studies.zhang2020.plan")
    assert "torch" not in vars(module)


@pytest.mark.slow
def test_the_smoke_scale(tmp_path: Path) -> None:
    report = reproduce(STUDY, tmp_path, workers=2)
    assert report.complete and report.runs == 30
    found = {claim.number: claim for claim in report.claims}
    # directions that hold with three seeds already; intervals need more
    for number in (1, 5):
        effect = found[number].effect
        assert effect is not None and effect < 0
