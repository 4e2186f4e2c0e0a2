"""The study of both papers of Hanin and Rolnick 2019: domains and counts by closed forms, claims on made-up results."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitrail.data.mnist import load_images
from vitrail.errors import InvalidDomainError, InvalidOptionError, ModelFileError
from vitrail.network.network import Network
from vitrail.studies import Configuration, Context, Run, Study, Verdict, get_study, reproduce
from vitrail.studies.configuration import Setting
from vitrail.studies.hanin2019 import STUDY
from vitrail.studies.hanin2019.claims import STATEMENTS, claims, common_epochs
from vitrail.studies.hanin2019.measure import circle_plane, distances, image_plane, network_of, rays, regions_on
from vitrail.studies.hanin2019.plan import LABELS, PICTURE, POINTS, SAWTOOTH, TRAINING
from vitrail.studies.networks import fully_connected

FIGURES = ["lines", "planes", "distances", "labels", "points", "sawtooth", "picture"]


def with_settings(study: Study, changes: Mapping[str, Any]) -> Study:
    """The study with other settings at its smoke scale."""
    scales = {
        scale: MappingProxyType(
            dict(settings) | {name: Setting(value, "choice: test") for name, value in chosen.items()}
        )
        for scale, settings in study.configuration.scales.items()
        for chosen in [changes if scale == "smoke" else {}]
    }
    return dataclasses.replace(study, configuration=Configuration(scales, study.configuration.hours))


def only(study: Study, experiment: str) -> list[Run]:
    return [run for run in study.runs(study.configuration.settings("smoke")) if run["experiment"] == experiment]


TINY = with_settings(
    STUDY,
    {
        "seeds": 2,
        "architectures": ((4, 4), (6, 6), (3, 3, 3)),
        "plane_architectures": ((4, 4),),
        "long_architectures": ((4, 4), (6, 6)),
        "long_epochs": (0, 1, 2),
        "short_epochs": (0, 1),
        "lines": 3,
        "planes": 1,
        "points": 4,
        "noise_widths": (4, 4),
        "noise_epochs": (0, 2),
        "noise_images": 200,
        "random_widths": (4, 4),
        "random_points": (16, 32),
        "random_updates": (0, 3),
        "sawtooth_depths": (2, 3),
        "sawtooth_repeats": 2,
        "picture_widths": (4, 4),
        "picture_epochs": (0, 1),
    },
)


# ---- domains ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_the_large_square_holds_both_points_at_the_sides_that_are_written(seed: int, inputs: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=inputs), 0.5 * rng.normal(size=inputs)
    for one, other in ((first, second), (second, first)):
        plane = image_plane(one, other, 20.0)
        u, v = np.asarray(plane.u), np.asarray(plane.v)
        longest = max(np.linalg.norm(one), np.linalg.norm(other))
        np.testing.assert_allclose([np.linalg.norm(u), np.linalg.norm(v)], 1.25 * longest, rtol=1e-12)
        assert abs(u @ v) <= 1e-12 * longest**2 and not np.any(plane.origin)
        assert np.asarray(plane.lo).tolist() == [-20, -20] and np.asarray(plane.hi).tolist() == [20, 20]
        for point in (one, other):
            places = np.linalg.lstsq(np.stack([u, v], axis=1), point, rcond=None)[0]
            np.testing.assert_allclose(places[0] * u + places[1] * v, point, atol=1e-12 * float(longest))
            assert np.abs(places).max() <= 0.8 + 1e-12


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_the_square_around_three_points(seed: int, inputs: int) -> None:
    points = np.random.default_rng(seed).normal(size=(3, inputs))
    plane = circle_plane(points)
    u, v, center = np.asarray(plane.u), np.asarray(plane.v), np.asarray(plane.origin)
    radii = np.linalg.norm(points - center, axis=1)
    np.testing.assert_allclose(radii, radii[0], rtol=1e-6)
    np.testing.assert_allclose([u @ u, v @ v, u @ v], [1.0, 1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(np.asarray(plane.hi), 1.25 * radii[0], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(plane.lo), -1.25 * radii[0], rtol=1e-6)
    places = np.stack([(points - center) @ u, (points - center) @ v], axis=1)
    np.testing.assert_allclose(places @ np.stack([u, v]) + center, points, atol=1e-6 * radii[0])


def test_the_radius_is_that_of_the_law_of_sines() -> None:
    points = np.array([[0.0, 0.0, 1.0], [3.0, 1.0, 0.0], [1.0, 4.0, 2.0]])
    a, b, c = (np.linalg.norm(points[i] - points[j]) for i, j in ((1, 2), (0, 2), (0, 1)))
    cosine = (b * b + c * c - a * a) / (2 * b * c)
    radius = a / (2 * math.sqrt(1 - cosine**2))
    np.testing.assert_allclose(np.asarray(circle_plane(points).hi), 1.25 * float(radius), rtol=1e-12)


def test_domains_refuse() -> None:
    with pytest.raises(InvalidDomainError):
        image_plane(np.ones(3), 2.0 * np.ones(3), 1.0)
    with pytest.raises(InvalidDomainError):
        image_plane(np.zeros(3), np.zeros(3), 1.0)
    with pytest.raises(InvalidDomainError):
        circle_plane(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
    with pytest.raises(InvalidOptionError, match="three points"):
        circle_plane(np.eye(2))
    with pytest.raises(InvalidDomainError):
        rays(np.zeros((1, 2)))


# ---- measuring -------------------------------------------------------------------------------------------------------


def test_one_layer_has_as_many_regions_as_its_lines_allow() -> None:
    rng = np.random.default_rng(3)
    weights, biases = rng.normal(size=(9, 5)), 1e-3 * rng.normal(size=9)
    net = Network.from_arrays([(weights, biases), (rng.normal(size=(2, 9)), None)])
    points = rng.normal(size=(4, 5))
    found = regions_on(net, rays(points))
    assert (found.mean, found.std, found.unproven) == (10.0, 0.0, 0)
    planes = [image_plane(points[0], points[1], 1e4), image_plane(points[2], points[3], 1e4)]
    assert regions_on(net, planes).mean == 1 + 9 + 36
    # near the origin only: a square so small that it meets none of the lines
    tiny = image_plane(points[0], points[1], 1e-9)
    assert regions_on(net, [tiny]).mean == 1
    # a plane and a sum: the mean and the deviation are those of the counts
    both = regions_on(net, [planes[0], tiny])
    assert (both.mean, both.std) == (23.5, 22.5)
    with pytest.raises(InvalidOptionError, match="at least one"):
        regions_on(net, [])


def test_distances_of_one_layer() -> None:
    rng = np.random.default_rng(4)
    weights, biases, points = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=(20, 3))
    found, unproven = distances(Network.from_arrays([(weights, biases), (np.ones((1, 6)), None)]), points)
    expected = (np.abs(points @ weights.T + biases) / np.linalg.norm(weights, axis=1)).min(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert unproven == 0


def test_the_network_is_the_module() -> None:
    module = fully_connected(5, [4, 3], 2, bias_std=0.5, seed=1).eval()
    points = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(points)).double().numpy()
    values = np.asarray(network_of(module).forward(points.astype(np.float64)))
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    assert network_of(module).number_of_units == 7


def test_biases_on_another_scale_leave_whole_lines_as_they_are() -> None:
    """A line or plane without ends sees the network at every scale: N(x; s b) = s N(x / s; b)."""
    lines = rays(np.random.default_rng(1).normal(size=(6, 4)))
    counts = []
    for scale in (1.0, 0.25):
        layers = [
            layer for layer in fully_connected(4, [8, 8], 2, bias_std=0.5, seed=5) if isinstance(layer, torch.nn.Linear)
        ]
        arrays = [(x.weight.detach().double().numpy(), scale * x.bias.detach().double().numpy()) for x in layers]
        counts.append(regions_on(Network.from_arrays(arrays), lines).mean)
    assert counts[0] == counts[1] > 1


# ---- runs ------------------------------------------------------------------------------------------------------------


def test_the_plan() -> None:
    assert get_study("hanin2019") is STUDY
    runs = STUDY.runs(STUDY.configuration.settings("paper"))
    kinds = {kind: [run for run in runs if run["experiment"] == kind] for kind in {run["experiment"] for run in runs}}
    assert {kind: len(found) for kind, found in kinds.items()} == {
        **{TRAINING: 60, LABELS: 30, POINTS: 45, SAWTOOTH: 20, PICTURE: 1}
    }
    planes = {run["widths"] for run in kinds[TRAINING] if run["planes"] == 5}
    assert len(planes) == 7 and (128,) * 4 not in planes and (64,) * 4 in planes
    long = {run["widths"] for run in kinds[TRAINING] if run["epochs"][-1] == 20}  # type: ignore[index]
    assert len(long) == len({run["widths"] for run in kinds[TRAINING]}) == 12
    # one thing at a time
    names = ("examples", "learning_rate", "weight_variance", "bias_std")
    base = (1000, 0.001, 2.0, 0.001)
    for run in kinds[POINTS]:
        assert sum(run[name] != value for name, value in zip(names, base, strict=True)) <= 1


@pytest.mark.parametrize(
    ("long", "short"),
    [((0, 1), (0, 1)), ((0, 2), (0, 2)), ((0, 1, 2), (0, 0.5)), ((1, 2), (0, 1)), ((0, 1, 2), (1, 2))],
)
def test_epochs_that_claims_cannot_be_made_of_are_refused_before_training(long: Any, short: Any) -> None:
    study = with_settings(TINY, {"long_epochs": long, "short_epochs": short})
    with pytest.raises(InvalidOptionError, match="expected 0, 1 and a later epoch"):
        study.runs(study.configuration.settings("smoke"))


def test_every_setting_has_a_source() -> None:
    for scale in ("smoke", "paper"):
        sources = STUDY.configuration.sources(scale)
        assert all(source.partition(":")[2].strip() for source in sources.values())
    assert STUDY.configuration.settings("paper")["bias_std"] == 0.001


def test_a_tiny_study_from_beginning_to_end(tmp_path: Path) -> None:
    report = reproduce(TINY, tmp_path)
    assert report.complete and [claim.number for claim in report.claims] == list(range(1, len(STATEMENTS) + 1))
    assert [path.name for path in report.figures] == [f"{name}.png" for name in FIGURES]
    assert all(path.stat().st_size > 5000 for path in report.figures)
    results = pandas.read_parquet(tmp_path / "results.parquet")
    assert results["unproven"].sum() == 0
    saw = results[results["experiment"] == SAWTOOTH]
    clean = saw[saw["noise"] == 0]
    assert (clean["pieces"] == clean["pieces_without_noise"]).all() and set(clean["pieces"]) == {8.0, 16.0}
    assert not (saw["pieces"] == saw["pieces_without_noise"]).all()
    training = results[results["experiment"] == TRAINING]
    assert common_epochs(training) == [0.0, 1.0]
    assert set(training.loc[training["regions_plane"].notna(), "widths"]) == {"4-4"}
    assert (training["regions_line"] <= 2 ** training["units"]).all() and (training["regions_line"] > 1).all()
    for kind in ("train", "test", "random"):
        quantiles = training[[f"distance_{kind}_{share}" for share in ("05", "25", "50", "75", "95")]].to_numpy()
        assert (np.diff(quantiles, axis=1) >= 0).all() and (quantiles >= 0).all()
    # the regions of a picture are whole: their areas add up to the square
    picture = results[(results["experiment"] == PICTURE) & (results["epoch"] == 0)]
    corners = picture[picture["kind"] == "corner"]
    areas = [area_of(own[["x", "y"]].to_numpy()) for _, own in corners.groupby("region")]
    side = 2 * corners["x"].max()
    assert sum(areas) == pytest.approx(side * side, rel=1e-9) and len(areas) == picture["regions_window"].iloc[0]
    images = picture.loc[picture["kind"] == "image", ["x", "y"]].to_numpy()
    np.testing.assert_allclose(1.25 * np.linalg.norm(images, axis=1), side / 2, rtol=1e-9)


def area_of(corners: np.ndarray) -> float:
    """The shoelace formula, positive counter-clockwise."""
    x, y = corners.T
    return float(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def test_runs_are_repeatable_and_differ_by_seed() -> None:
    for kind in (TRAINING, LABELS, POINTS, SAWTOOTH):
        runs = only(TINY, kind)
        first = runs[0]
        other = next(run for run in runs if run["seed"] != first["seed"] and _same_but_seed(run, first))
        one, again, different = (TINY.experiment(run, Context()) for run in (first, first, other))
        pandas.testing.assert_frame_equal(one, again)
        assert not one.equals(different)


def _same_but_seed(one: Run, other: Run) -> bool:
    return {k: v for k, v in one.settings if k != "seed"} == {k: v for k, v in other.settings if k != "seed"}


def test_unknown_experiments_and_too_few_images_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="experiment"):
        STUDY.experiment(Run.of("hanin2019", 1, {"experiment": "tea"}), Context())
    run = only(TINY, TRAINING)[0]
    wrong = Run.of("hanin2019", 1, dict(run.settings) | {"lines": 10**6})
    with pytest.raises(InvalidOptionError, match="images: expected at least 1,000,000"):
        STUDY.experiment(wrong, Context())


def test_labels_are_those_of_the_fraction() -> None:
    runs = only(TINY, LABELS)
    clean = next(run for run in runs if run["fraction"] == 0.0)
    noisy = Run.of("hanin2019", 1, dict(clean.settings) | {"fraction": 1.0})
    settings: dict[str, Any] = {"epochs": (0, 300), "widths": (32, 32)}
    ends = [
        STUDY.experiment(Run.of("hanin2019", 1, dict(run.settings) | settings), Context()).iloc[-1]
        for run in (clean, noisy)
    ]
    # what is learned of noise does not hold for other images
    assert ends[0]["test_accuracy"] > 0.6 > 0.3 > ends[1]["test_accuracy"]


# ---- claims ----------------------------------------------------------------------------------------------------------

SHAPES = {"16-16-16-16": 64, "32-32-32-32": 128, "20-20-20": 60, "60-60-60": 180, "25-25-25-25-25": 125}
SEEDS = range(5)


def as_claimed() -> pandas.DataFrame:
    """Results of a world in which all claims hold."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    plane = {0.0: 0.5, 1.0: 0.4, 20.0: 0.45}
    for seed, (widths, units) in itertools.product(SEEDS, SHAPES.items()):
        about = {"experiment": TRAINING, "run": f"{widths} {seed}", "seed": seed, "widths": widths, "units": units}
        for epoch, share in plane.items():
            luck = 1 + 0.01 * rng.normal(size=4)
            scaled = {0.0: 0.6, 1.0: 0.55, 20.0: 1.2}[epoch]
            if widths.count("-") == 4 and epoch > 1:
                continue
            rows.append(
                about
                | {
                    "epoch": epoch,
                    "regions_line": units * luck[0],
                    "regions_plane": math.nan if widths.count("-") == 4 else share * units**2 * luck[1],
                    "regions_window": math.nan if widths.count("-") == 4 else 0.3 * share * units**2 * luck[1],
                    "distance_random": scaled / units * luck[2],
                    "test_accuracy": 0.97 + 0.001 * luck[3],
                }
            )
    for seed, fraction, epoch in itertools.product(SEEDS, (0.0, 0.5, 1.0), (0, 100)):
        regions = 96 * (1 + 0.1 * fraction * (epoch > 0) + 0.01 * rng.normal())
        own = {"experiment": LABELS, "seed": seed, "fraction": fraction, "epoch": epoch, "units": 96}
        rows.append(own | {"regions_line": regions})
    sweep = {(0.01, 2.0): (0.3, 0.5), (0.001, 2.0): (0.6, 0.9), (0.0001, 2.0): (0.5, 0.6), (0.001, 8.0): (0.7, 0.99)}
    for seed, ((rate, variance), (share, right)), step in itertools.product(SEEDS, sweep.items(), (0, 1000)):
        own = {"experiment": POINTS, "seed": seed, "learning_rate": rate, "weight_variance": variance, "step": step}
        noise = 1 + 0.01 * rng.normal(size=2)
        found = {"regions_space": share * 96**2 * noise[0], "train_accuracy": right * noise[1], "units": 96}
        rows.append(own | found | {"examples": 1000, "bias_std": 0.001})
    for seed, depth, noise_std in itertools.product(SEEDS, (3, 9), (0.0, 0.3)):
        left = 1.0 if noise_std == 0 else 0.1 + 0.01 * rng.random()
        pieces = float(2 ** (depth + 1))
        own = {"experiment": SAWTOOTH, "seed": seed, "depth": depth, "noise": noise_std}
        rows.append(own | {"pieces": left * pieces, "pieces_without_noise": pieces})
    return pandas.DataFrame(rows)


def verdicts(results: pandas.DataFrame) -> dict[int, Verdict]:
    return {claim.number: claim.verdict for claim in claims(results)}


def test_all_claims_hold_where_they_hold() -> None:
    found = verdicts(as_claimed())
    assert found.pop(16) is Verdict.NOT_TESTABLE
    assert set(found.values()) == {Verdict.REPRODUCED}, found


def change(column: str, by: Callable[[pandas.DataFrame], Any]) -> Callable[[pandas.DataFrame], pandas.DataFrame]:
    return lambda frame: frame.assign(**{column: by(frame)})


def later(frame: pandas.DataFrame) -> pandas.Series:
    return frame["epoch"] > 0


WRONG = {
    "three times the regions on lines": (change("regions_line", lambda f: 3 * f["regions_line"]), {1, 2, 18}),
    "lines that grow with the square": (
        change("regions_line", lambda f: f["regions_line"].where(f["experiment"] != TRAINING, f["units"] ** 2 / 100)),
        {3},
    ),
    "deep networks have twice as many": (
        change("regions_line", lambda f: f["regions_line"] * (1 + (f["widths"].str.count("-") == 4))),
        {4},
    ),
    "planes with twice the regions": (change("regions_plane", lambda f: 2.2 * f["regions_plane"]), {5, 6}),
    "planes that only gain": (
        change("regions_plane", lambda f: (0.4 + 0.01 * f["epoch"].clip(upper=15)) * f["units"] ** 2 * jitter(f)),
        {7},
    ),
    "planes that only lose": (
        change("regions_plane", lambda f: (0.5 - 0.015 * f["epoch"]) * f["units"] ** 2 * jitter(f)), {8}
    ),
    "windows that only gain": (
        change("regions_window", lambda f: (0.1 + 0.01 * f["epoch"]) * f["units"] ** 2 * jitter(f)), {9}
    ),
    "windows that only lose": (
        change("regions_window", lambda f: (0.5 - 0.02 * f["epoch"]) * f["units"] ** 2 * jitter(f)), {10}
    ),
    "short distances": (change("distance_random", lambda f: 0.3 * f["distance_random"]), {11}),
    "distances that do not depend on the units": (
        change("distance_random", lambda f: (0.01 + 0.001 * later(f)) * jitter(f)), {12, 13}
    ),
    "distances that grow at once": (
        change("distance_random", lambda f: f["distance_random"] * (1 + 0.5 * (f["epoch"] == 1))), {14}
    ),
    "distances that shrink at the end": (
        change("distance_random", lambda f: f["distance_random"] * (1 - 0.7 * (f["epoch"] == 20))), {15}
    ),
    "noise that costs regions": (
        change("regions_line", lambda f: f["regions_line"] * (1 - 0.3 * f["fraction"].fillna(0) * later(f))), {17}
    ),
    "many regions of random points": (change("regions_space", lambda f: 2 * f["regions_space"]), {19}),
    "the largest rate wins": (
        change("regions_space", lambda f: f["regions_space"] * (1 + 2 * (f["learning_rate"] == 0.01))), {20}
    ),
    "the largest rate learns": (
        change("train_accuracy", lambda f: f["train_accuracy"] * (1 + (f["learning_rate"] == 0.01))), {21}
    ),
    "a sawtooth of steel": (change("pieces", lambda f: 0.9 * f["pieces_without_noise"] * jitter(f)), {22}),
    "untrained networks": (change("test_accuracy", lambda f: 0.5 * f["test_accuracy"]), {23}),
}  # fmt: skip


def jitter(frame: pandas.DataFrame) -> np.ndarray:
    return 1 + 0.01 * np.random.default_rng(7).normal(size=len(frame))


@pytest.mark.parametrize("name", WRONG)
def test_claims_fail_where_they_do_not_hold(name: str) -> None:
    worse, expected = WRONG[name]
    found = verdicts(worse(as_claimed()))
    assert {number for number in expected if found[number] is Verdict.NOT_REPRODUCED} == expected


def test_every_claim_can_fail() -> None:
    failing = set().union(*(expected for _, expected in WRONG.values()))
    assert failing == {statement.number for statement in STATEMENTS} - {16}


def test_one_seed_proves_nothing() -> None:
    results = as_claimed()
    with pytest.raises(InvalidOptionError, match="at least 2 seeds"):
        claims(results[results["seed"] == 0])


# ---- at full size ----------------------------------------------------------------------------------------------------


def real_images() -> Path | None:
    """The folder of MNIST, where this machine has one."""
    named = os.environ.get("VITRAIL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    try:
        load_images("mnist", folder)
    except ModelFileError:
        return None
    return folder


@pytest.mark.slow
def test_the_smoke_scale_runs_on_real_images_where_there_are_some(tmp_path: Path) -> None:
    folder = real_images()
    changes: dict[str, Any] = {"data": "digits" if folder is None else "mnist", "seeds": 2}
    if folder is not None:
        # sixty thousand images instead of fourteen hundred
        changes["long_epochs"] = (0, 1, 2)
        changes["picture_epochs"] = (0, 1)
    report = reproduce(with_settings(STUDY, changes), tmp_path, data=folder)
    assert report.complete and not report.notes and len(report.figures) == len(FIGURES)
    found = {claim.number: claim for claim in report.claims}
    assert found[6].effect is not None and found[6].effect < 1 and found[18].effect is not None
    assert found[18].effect < 2


@pytest.mark.slow
def test_untrained_networks_have_the_numbers_that_are_known() -> None:
    """Digits enlarged to 28 x 28, of a mean norm of 11.6; He's weights, deviations of biases of 0.001."""
    images = np.kron(load_images("digits").train_images / 16.0, np.ones((3, 3)))
    # the distance goes as the norm of a point over the root of the number of inputs, so that must be MNIST's
    points = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(len(images), -1)
    rng = np.random.default_rng(0)
    lines, planes, scaled = [], [], []
    for seed in range(12):
        chosen = points[rng.choice(len(points), 40, replace=False)]
        for widths in ([20] * 3, [16] * 4, [40] * 3):
            net = network_of(fully_connected(points.shape[1], widths, 10, seed=seed))
            units = sum(widths)
            lines.append(regions_on(net, rays(chosen[:20])).mean / units)
            planes.append(regions_on(net, [image_plane(chosen[0], chosen[1], 20.0)]).mean / units**2)
            scaled.append(distances(net, chosen)[0].mean() * units)
    assert 0.85 <= np.mean(lines) <= 1.15
    assert 0.4 <= np.mean(planes) <= 0.6
    assert 0.4 <= np.mean(scaled) <= 0.65
