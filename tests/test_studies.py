"""The frame of the studies: settings, claims, statistics, training, and a toy study that resumes, fails and dies."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from vitrail.data.mnist import ImageData, load_images
from vitrail.errors import InvalidOptionError, ModelFileError, StoreError
from vitrail.estimates.estimate import Estimate
from vitrail.network.network import Network
from vitrail.studies import PaperClaim, Run, Study, Verdict, get_study, read_configuration, reproduce, study_names
from vitrail.studies.claims import claims_frame, claims_markdown
from vitrail.studies.configuration import SCALES, Origin
from vitrail.studies.networks import convolutional, fully_connected, own_random_numbers
from vitrail.studies.statistics import (
    bootstrap,
    mean_over_seeds,
    paired_difference,
    paired_signs,
    slope_over_seeds,
    wilson,
)
from vitrail.studies.training import Labeled, Recipe, labeled_images, noisy_labels, report_steps, train
from vitrail.studies.workers import read_results

# ---- a toy study -----------------------------------------------------------------------------------------------------

SETTINGS = """
[shared]
data = {value = "digits", source = "choice: comes with scikit-learn"}
widths = {value = [4, 4], source = "paper: section 3"}
[smoke]
seeds = {value = 4, source = "choice: quick"}
hours = {value = 0.001, source = "choice: measured"}
[paper]
seeds = {value = 40, source = "memory: not sure"}
hours = {value = 0.01, source = "choice: measured"}
"""

EXPERIMENT = """
import os
import time

import numpy as np
import pandas
import torch


def experiment(run, context):
    mood = run.get("mood", "good")
    flaky = mood == "flaky" and os.environ.get("TOY_FAILS") == "1"
    if (mood == "bad" or flaky) and run["seed"] == 1:
        raise ValueError("seed 1 is bad")
    if mood == "deadly" and run["seed"] == 1:
        os._exit(9)
    if mood == "empty":
        return pandas.DataFrame()
    if mood == "wrong":
        return [1.0]
    if mood == "slow":
        time.sleep(0.15)
    rng = np.random.default_rng(run["seed"])
    values = 5.0 + rng.normal(size=3)
    if run.get("data") is not None:
        images = context.images(run["data"]).train_images
        values += images[rng.integers(len(images), size=3)].mean(axis=(1, 2))
    return pandas.DataFrame({"place": [0, 1, 2], "value": values, "threads": torch.get_num_threads()})
"""

STUDY = """
from pathlib import Path

from vitrail.studies import PaperClaim, Study, read_configuration
from toy2024.experiment import experiment

MORE = PaperClaim(1, "values are above 0", "section 3")
LESS = PaperClaim(2, "values are below 0", "section 4")


def plan(settings):
    for seed in range(settings["seeds"]):
        yield {"seed": seed, "data": settings["data"], "widths": settings["widths"]}


def claims(results):
    values = results.groupby("seed")["value"].mean().to_numpy()
    return [LESS.over_seeds("value", values, below=0.0), MORE.over_seeds("value", values, above=0.0)]


def figures(results, out):
    path = out / "values.txt"
    path.write_text(str(len(results)))
    return [path]


STUDY = Study(
    name="toy2024",
    title="A toy",
    paper="A. Toy, 2024",
    schema=1,
    configuration=read_configuration(Path(__file__).parent / "configuration.toml", ["data", "widths", "seeds"]),
    statements=(MORE, LESS),
    plan=plan,
    experiment=experiment,
    claims=claims,
    figures=figures,
)
"""


@pytest.fixture(scope="module")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the path of this process and of those that it starts, with the package toy2024."""
    base = tmp_path_factory.mktemp("studies")
    package = base / "toy2024"
    package.mkdir()
    files = {"configuration.toml": SETTINGS, "experiment.py": EXPERIMENT, "__init__.py": STUDY}
    for name, text in files.items():
        (package / name).write_text(text)
    sys.path.insert(0, str(base))
    yield base
    sys.path.remove(str(base))
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy2024"]:
        del sys.modules[name]


@pytest.fixture
def toy(toy_folder: Path) -> Study:
    return importlib.import_module("toy2024").STUDY


def in_mood(study: Study, mood: str, seeds: int = 4) -> Study:
    def plan(settings: Any) -> Iterator[dict[str, object]]:
        for seed in range(seeds):
            # without images: processes start faster
            yield {"seed": seed, "mood": mood}

    return dataclasses.replace(study, plan=plan)


def results_of(out: Path) -> pandas.DataFrame:
    return pandas.read_parquet(out / "results.parquet")


# ---- running ---------------------------------------------------------------------------------------------------------


def test_a_study_from_beginning_to_end(toy: Study, tmp_path: Path) -> None:
    report = reproduce(toy, tmp_path / "a")
    assert (report.runs, report.done, report.kept, report.complete) == (4, 4, 0, True)
    assert [claim.label for claim in report.claims] == ["reproduced", "not reproduced"]
    assert [path.read_text() for path in report.figures] == ["12"]
    results = results_of(report.out)
    assert list(results.columns) == ["run", "data", "seed", "widths", "place", "value", "threads"]
    assert results["seed"].tolist() == [seed for seed in range(4) for _ in range(3)]
    assert set(results["widths"]) == {"4-4"} and set(results["threads"]) == {1}
    about = json.loads((report.out / "environment.json").read_text())
    packages = about["sessions"][0]["packages"]
    assert packages["torch"] == torch.__version__ and packages["numpy"] == np.__version__
    assert sorted(about["seconds"]) == sorted(results["run"].unique()) and not about["failures"]
    page = (report.out / "claims.md").read_text()
    assert "| 1 | values are above 0 (section 3) |" in page and "A. Toy, 2024" in page
    table = pandas.read_csv(report.out / "claims.csv")
    assert list(table.columns)[:4] == ["number", "paper", "ours", "verdict"]
    assert table["verdict"].tolist() == ["reproduced", "not reproduced"]
    json.dumps(report.to_dict())


def test_progress_is_shown_when_asked(toy: Study, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reproduce(toy, tmp_path / "a")
    assert capfd.readouterr() == ("", "")
    reproduce(toy, tmp_path / "b", progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "toy2024" in err and "4/4" in err


def test_finished_runs_are_not_repeated(toy: Study, tmp_path: Path) -> None:
    first = reproduce(toy, tmp_path)
    files = sorted((tmp_path / "runs").iterdir())
    before = [path.stat().st_mtime_ns for path in files]
    one = results_of(tmp_path)
    files[0].unlink()
    again = reproduce(toy, tmp_path)
    assert (first.kept, again.kept, again.done) == (0, 3, 1)
    assert [path.stat().st_mtime_ns for path in files[1:]] == before[1:]
    pandas.testing.assert_frame_equal(results_of(tmp_path), one)
    assert len(json.loads((tmp_path / "environment.json").read_text())["sessions"]) == 2


def test_workers_give_the_results_of_one(toy: Study, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    study = in_mood(toy, "good")
    reproduce(study, tmp_path / "one")
    report = reproduce(study, tmp_path / "two", workers=2)
    assert report.complete and report.done == 4 and len(list((tmp_path / "two" / "runs").iterdir())) == 4
    pandas.testing.assert_frame_equal(results_of(tmp_path / "one"), results_of(tmp_path / "two"))
    assert torch.get_num_threads() == threads


def test_a_run_that_fails_loses_nothing_else(toy: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAILS", "1")
    study = in_mood(toy, "flaky")
    report = reproduce(study, tmp_path)
    assert (report.done, report.kept, report.complete) == (3, 0, False)
    assert [failure.run["seed"] for failure in report.failures] == [1]
    assert report.failures[0].problem == "ValueError: seed 1 is bad"
    assert "incomplete: 1 of 4 runs failed" in report.notes[0] and "incomplete" in (tmp_path / "claims.md").read_text()
    (about,) = json.loads((tmp_path / "environment.json").read_text())["failures"].values()
    assert about["settings"]["seed"] == 1 and "experiment.py" in about["details"]
    assert sorted(results_of(tmp_path)["seed"].unique()) == [0, 2, 3]
    monkeypatch.setenv("TOY_FAILS", "0")
    again = reproduce(study, tmp_path)
    assert (again.done, again.kept, again.complete) == (1, 3, True)
    assert json.loads((tmp_path / "environment.json").read_text())["failures"] == {}


@pytest.mark.slow
def test_a_process_that_dies_takes_its_own_run_only(toy: Study, tmp_path: Path) -> None:
    report = reproduce(in_mood(toy, "deadly"), tmp_path, workers=2)
    assert [failure.run["seed"] for failure in report.failures] == [1] and report.done == 3
    assert "died" in report.failures[0].problem


@pytest.mark.parametrize(("mood", "found"), [("empty", "an empty table"), ("wrong", "list")])
def test_experiments_give_tables(toy: Study, tmp_path: Path, mood: str, found: str) -> None:
    report = reproduce(in_mood(toy, mood, 2), tmp_path)
    assert len(report.failures) == 2 and found in report.failures[0].problem
    assert report.claims == () and not (tmp_path / "claims.md").exists()


def test_claims_that_need_a_failed_run_are_left_out_with_a_note(toy: Study, tmp_path: Path) -> None:
    def claims(results: pandas.DataFrame) -> list[Any]:
        raise KeyError("seed 1")

    broken = dataclasses.replace(toy, claims=claims)
    report = reproduce(dataclasses.replace(in_mood(toy, "bad"), claims=claims), tmp_path / "a")
    assert report.claims == () and any("no claims" in note for note in report.notes)
    with pytest.raises(KeyError):
        reproduce(broken, tmp_path / "b")


def test_an_experiment_that_other_processes_cannot_import(toy: Study, tmp_path: Path) -> None:
    lost = dataclasses.replace(toy, experiment=lambda run, context: pandas.DataFrame({"value": [1.0]}))
    with pytest.raises(InvalidOptionError, match="no function of a module"):
        reproduce(lost, tmp_path, workers=2)


# ---- interruptions ---------------------------------------------------------------------------------------------------

SCRIPT = """
import dataclasses, sys
from pathlib import Path
from toy2024 import STUDY
from vitrail.studies import reproduce

def plan(settings):
    for seed in range(10):
        yield {"seed": seed, "mood": "slow"}

if __name__ == "__main__":
    study = dataclasses.replace(STUDY, plan=plan)
    try:
        reproduce(study, sys.argv[1], workers=int(sys.argv[2]))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def start(toy_folder: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    script = toy_folder / "script.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(toy_folder), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(script), str(out), str(workers)], env=environment, start_new_session=True
    )


def wait_for_results(out: Path, count: int, limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while len(list(out.glob("runs/*.parquet"))) < count:
        assert time.monotonic() < end, "the study does not get on"
        time.sleep(0.02)


def members(group: int) -> list[int]:
    """The processes of a group, from /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


SLOW_INTERRUPTS = [pytest.param(signal.SIGINT, workers, marks=pytest.mark.slow) for workers in (1, 2)]


@pytest.mark.parametrize(("ending", "workers"), [(signal.SIGKILL, 1), *SLOW_INTERRUPTS])
def test_an_interrupted_study_goes_on(
    toy: Study, toy_folder: Path, tmp_path: Path, ending: signal.Signals, workers: int
) -> None:
    out = tmp_path / "out"
    process = start(toy_folder, out, workers)
    wait_for_results(out, 2)
    process.send_signal(ending)
    assert process.wait(timeout=30) == (130 if ending == signal.SIGINT else -ending)
    if Path("/proc/self/stat").exists():
        # the helper process of multiprocessing needs a moment to see that it is alone
        end = time.monotonic() + 10
        while members(process.pid) and time.monotonic() < end:
            time.sleep(0.05)
        assert members(process.pid) == []
    finished = len(list(out.glob("runs/*.parquet")))
    assert 2 <= finished < 10
    if ending == signal.SIGINT:
        assert list(out.glob("**/*.partial")) == []
        assert len(json.loads((out / "environment.json").read_text())["seconds"]) >= finished - workers
    study = in_mood(toy, "slow", 10)
    report = reproduce(study, out)
    assert (report.kept, report.done, report.complete) == (finished, 10 - finished, True)
    assert len(json.loads((out / "environment.json").read_text())["seconds"]) == 10
    reproduce(study, tmp_path / "fresh")
    pandas.testing.assert_frame_equal(results_of(out), results_of(tmp_path / "fresh"))


# ---- folders that are refused ----------------------------------------------------------------------------------------


def test_a_folder_of_something_else_is_refused(toy: Study, tmp_path: Path) -> None:
    reproduce(toy, tmp_path)
    one = {name: dict(toy.configuration.scales[name]) for name in SCALES}
    one["smoke"]["widths"] = dataclasses.replace(one["smoke"]["widths"], value=(5, 5))
    other = dataclasses.replace(toy.configuration, scales=one)
    cases: list[tuple[Study, str, str]] = [
        (dataclasses.replace(toy, name="other2024"), "smoke", "study is 'toy2024' there, 'other2024' here"),
        (dataclasses.replace(toy, schema=2), "smoke", "schema is 1 there, 2 here"),
        (toy, "paper", "scale is 'smoke' there, 'paper' here"),
        (dataclasses.replace(toy, configuration=other), "smoke", r"setting widths is \[4, 4\] there, \[5, 5\] here"),
    ]
    for study, scale, message in cases:
        with pytest.raises(StoreError, match=message):
            reproduce(study, tmp_path, scale=scale)
    assert reproduce(toy, tmp_path).kept == 4


def test_other_images_are_refused(toy: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reproduce(toy, tmp_path)
    about = tmp_path / "environment.json"
    document = json.loads(about.read_text())
    assert document["data"] == {"digits": load_images("digits").digest}
    document["data"]["digits"] = "0" * 64
    about.write_text(json.dumps(document))
    with pytest.raises(StoreError, match="data is"):
        reproduce(toy, tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1}', "\xff", "[" * 100_000])
def test_a_damaged_environment_is_refused(toy: Study, tmp_path: Path, text: str) -> None:
    (tmp_path / "environment.json").write_text(text, "latin-1")
    with pytest.raises(StoreError, match=r"environment\.json"):
        reproduce(toy, tmp_path)


def test_stray_runs_and_files_in_the_way_are_refused(toy: Study, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.parquet").write_bytes(b"")
    with pytest.raises(StoreError, match=r"runs but no environment\.json"):
        reproduce(toy, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used as a folder"):
        reproduce(toy, tmp_path / "file")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "swapped", "empty"])
def test_damaged_results_are_refused_by_name(toy: Study, tmp_path: Path, damage: str) -> None:
    reproduce(toy, tmp_path)
    path, other = sorted((tmp_path / "runs").iterdir())[:2]
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[:-20])
    elif damage == "flipped":
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    elif damage == "foreign":
        pandas.DataFrame({"a": [1]}).to_parquet(path)
    elif damage == "swapped":
        path.write_bytes(other.read_bytes())
    else:
        path.write_bytes(b"")
    with pytest.raises(StoreError, match=path.name):
        reproduce(toy, tmp_path)
    path.unlink()
    assert reproduce(toy, tmp_path).done == 1


def test_measured_columns_win_over_settings(toy: Study, tmp_path: Path) -> None:
    reproduce(toy, tmp_path)
    run = toy.runs(toy.configuration.settings("smoke"))[0]
    frame, seconds = read_results(tmp_path / "runs" / f"{run.key}.parquet", run)
    assert seconds > 0 and frame["run"].unique().tolist() == [run.key]
    assert "value" in frame.columns


def test_missing_images_are_an_error_before_the_first_run(toy: Study, tmp_path: Path) -> None:
    def plan(settings: Any) -> Iterator[dict[str, object]]:
        yield {"data": "mnist"}

    with pytest.raises(ModelFileError, match="--data"):
        reproduce(dataclasses.replace(toy, plan=plan), tmp_path / "out", data=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_workers_are_positive_integers(toy: Study, tmp_path: Path, workers: Any) -> None:
    with pytest.raises(InvalidOptionError, match="workers"):
        reproduce(toy, tmp_path, workers=workers)


# ---- studies and runs ------------------------------------------------------------------------------------------------


def test_keys_depend_on_what_they_name_alone() -> None:
    settings = {"a": 1, "b": [1, 2], "c": "x", "d": 0.5}
    run = Run.of("s", 1, settings)
    assert run.key == Run.of("s", 1, dict(reversed(settings.items()))).key
    others = [
        *(Run.of("t", 1, settings), Run.of("s", 2, settings), Run.of("s", 1, settings | {"a": 2})),
        *(Run.of("s", 1, settings | {"a": True}), Run.of("s", 1, settings | {"a": 1.0}), Run.of("s", 1, {"a": 1})),
    ]
    assert len({run.key, *(other.key for other in others)}) == 7
    # stable between versions and machines: files are named by it
    assert Run.of("toy2024", 1, {"seed": 3, "widths": [16, 16]}).key == KNOWN_KEY
    with pytest.raises(InvalidOptionError, match="no setting 'e'"):
        run["e"]


def test_numbers_of_numpy_are_numbers() -> None:
    plain = Run.of("s", 1, {"a": 1, "b": (0.5, True)})
    assert Run.of("s", 1, {"a": np.int64(1), "b": [np.float64(0.5), np.bool_(True)]}).key == plain.key
    assert type(Run.of("s", 1, {"a": np.int64(1)})["a"]) is int


KNOWN_KEY = "5cd257e316c8610d6be454c1b109edd8"


@pytest.mark.parametrize("value", [None, math.nan, math.inf, {"a": 1}, [None], object()])
def test_settings_are_plain_values(value: object) -> None:
    with pytest.raises(InvalidOptionError, match="expected a flag"):
        Run.of("s", 1, {"a": value})


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ([], "at least one run"),
        ([{"a": 1}, {"a": 1}], "twice"),
        ([{"a": 1}, {"a": "x"}], "one kind"),
        ([{"a": True}, {"a": 1}], "one kind"),
    ],
)
def test_plans_that_are_not_sound(toy: Study, plan: list[dict[str, object]], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        dataclasses.replace(toy, plan=lambda _: plan).runs({})
    assert len(dataclasses.replace(toy, plan=lambda _: [{"a": 1}, {"a": 0.5}, {"b": "x"}]).runs({})) == 3


def test_statements_and_claims_fit(toy: Study) -> None:
    with pytest.raises(InvalidOptionError, match="numbered"):
        dataclasses.replace(toy, statements=toy.statements[::-1])
    with pytest.raises(InvalidOptionError, match="numbered"):
        dataclasses.replace(toy, statements=())
    lacking = dataclasses.replace(toy, claims=lambda _: [toy.statements[0].not_testable("no")])
    with pytest.raises(InvalidOptionError, match="one claim for each of 2"):
        lacking.claimed(pandas.DataFrame())


def test_studies_that_ship_are_sound() -> None:
    for name in study_names():
        study = get_study(name)
        for scale in SCALES:
            runs = study.runs(study.configuration.settings(scale))
            assert runs and study.configuration.hours[scale] > 0
            assert all(Origin(source.partition(":")[0]) for source in study.configuration.sources(scale).values())
        assert study.configuration.hours["smoke"] <= 2 / 30, "smoke scale: at most two minutes on two cores"


# ---- settings --------------------------------------------------------------------------------------------------------


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "configuration.toml"
    path.write_text(text)
    return path


def test_configuration(tmp_path: Path) -> None:
    found = read_configuration(settings_file(tmp_path, SETTINGS), ["data", "widths", "seeds"])
    assert dict(found.settings("smoke")) == {"data": "digits", "widths": (4, 4), "seeds": 4}
    assert found.settings("paper")["seeds"] == 40
    assert found.sources("paper")["seeds"] == "memory: not sure"
    assert found.scales["paper"]["widths"].origin is Origin.PAPER
    assert found.hours == {"smoke": 0.001, "paper": 0.01}
    with pytest.raises(InvalidOptionError, match="scale: expected one of smoke, paper"):
        found.settings("full")
    with pytest.raises(TypeError):
        found.settings("smoke")["seeds"] = 3  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('{value = 4, source = "choice: quick"}', "4", r"\[smoke\]: seeds: expected \{value"),
        ('{value = 4, source = "choice: quick"}', "{value = 4}", "seeds: expected a source, found None"),
        ('"choice: quick"', '""', "first word of the source"),
        ('"choice: quick"', '"choice"', "where or why"),
        ('"choice: quick"', '"choice:  "', "where or why"),
        ('"choice: quick"', '"guess: quick"', "expected one of paper, script, memory, choice"),
        ('"choice: quick"', "3", "expected a source, found 3"),
        ("value = 4,", "value = 4, unit = 3,", "key: expected one of value, source"),
        ("value = 4, ", "", "expected a value"),
        ("value = 4,", "value = nan,", "finite"),
        ("value = 4,", "value = 2024-01-01,", "expected a flag"),
        ("[smoke]", "[smoke]\nsteps = {value = 1, source = 'choice: x'}", "no setting 'steps'"),
        ("[smoke]", "[smoke]\nwidths = {value = 1, source = 'choice: x'}", r"stands in \[shared\] too"),
        ("[smoke]", "[small]", "name of a table"),
        ('seeds = {value = 4, source = "choice: quick"}', "", "expected the setting 'seeds'"),
        ('hours = {value = 0.001, source = "choice: measured"}', "", "hours above 0"),
        ("value = 0.001,", "value = 0,", "hours above 0"),
        ("value = 0.001,", 'value = "one",', "hours above 0"),
        ("[shared]", "[shared", "not a TOML file"),
        ("[shared]", "shared = 3\n[other]", "name of a table"),
    ],
)
def test_configurations_that_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert SETTINGS.count(old) == 1
    with pytest.raises(InvalidOptionError, match=message):
        read_configuration(settings_file(tmp_path, SETTINGS.replace(old, new)), ["data", "widths", "seeds"])


def test_configurations_that_cannot_be_read(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "none.toml", "cannot be read"),
        (tmp_path, "cannot be read"),
        (settings_file(tmp_path, "#" * 2**21), "at most"),
    ):
        with pytest.raises(InvalidOptionError, match=message):
            read_configuration(path, [])
    (tmp_path / "configuration.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidOptionError, match="not a TOML"):
        read_configuration(tmp_path / "configuration.toml", [])
    (tmp_path / "configuration.toml").write_text("shared = 3\n")
    with pytest.raises(InvalidOptionError, match="table of settings"):
        read_configuration(tmp_path / "configuration.toml", [])


# ---- statistics ------------------------------------------------------------------------------------------------------

VALUES = [0.31, 0.44, 0.29, 0.40, 0.38, 0.35]
OTHERS = [0.30, 0.41, 0.30, 0.33, 0.35, 0.29]


def test_intervals_agree_with_scipy() -> None:
    mean = scipy.stats.ttest_1samp(VALUES, 0.0).confidence_interval(0.9)
    found = mean_over_seeds(VALUES, "v", 0.9)
    np.testing.assert_allclose([found.low, found.high], mean, rtol=1e-12)
    pairs = scipy.stats.ttest_rel(VALUES, OTHERS).confidence_interval(0.95)
    paired = paired_difference(VALUES, OTHERS, "d")
    np.testing.assert_allclose([paired.low, paired.high], pairs, rtol=1e-12)
    unpaired = scipy.stats.ttest_ind(VALUES, OTHERS).confidence_interval(0.95)
    assert paired.high - paired.low < 0.9 * (unpaired.high - unpaired.low)


@given(trials=st.integers(2, 60), data=st.data(), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_shares_agree_with_scipy(trials: int, data: st.DataObject, confidence: float) -> None:
    hits = data.draw(st.integers(0, trials))
    test = scipy.stats.binomtest(hits, trials)
    found = wilson(hits, trials, "share", confidence)
    np.testing.assert_allclose([found.low, found.high], test.proportion_ci(confidence, "wilson"), atol=1e-12)
    signs = paired_signs([1.0] * hits + [-1.0] * (trials - hits), [0.0] * trials, "share", confidence)
    np.testing.assert_allclose([signs.low, signs.high], test.proportion_ci(confidence, "exact"), atol=1e-12)
    assert found.value == signs.value == hits / trials


def test_equal_pairs_are_counted() -> None:
    found = paired_signs([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0], "wins")
    assert (found.samples, found.value) == (3, 1.0) and "1 of 4 seeds left out" in found.warnings[0]


def test_slopes_are_over_seeds() -> None:
    rng = np.random.default_rng(3)
    x = np.array([0.0, 1.0, 2.0, 5.0])
    y = 2.0 * x + rng.normal(size=(7, 4))
    slopes = [scipy.stats.linregress(x, row).slope for row in y]
    found = slope_over_seeds(x, y, "slope")
    interval = scipy.stats.ttest_1samp(slopes, 0.0).confidence_interval(0.95)
    np.testing.assert_allclose([found.value, found.low, found.high], [np.mean(slopes), *interval], rtol=1e-10)
    assert found.samples == 7


def test_bootstrap() -> None:
    sample = np.random.default_rng(0).exponential(size=(40, 2))

    def ratio(rows: np.ndarray) -> float:
        return float(rows[:, 0].mean() / rows[:, 1].mean())

    found, again = bootstrap(sample, ratio, "ratio"), bootstrap(sample, ratio, "ratio")
    assert found == again and found.low < ratio(sample) < found.high
    assert bootstrap(sample, ratio, "ratio", seed=1) != found
    reference = scipy.stats.bootstrap(
        (sample[:, 0], sample[:, 1]),
        lambda a, b: a.mean() / b.mean(),
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=1999,
        random_state=5,
    ).confidence_interval
    np.testing.assert_allclose([found.low, found.high], reference, rtol=0.05)
    assert "too narrow" in bootstrap(sample[:5], ratio, "ratio").warnings[0]


@pytest.mark.parametrize(
    "ask",
    [
        *(lambda: mean_over_seeds([1.0], "x"), lambda: mean_over_seeds([], "x")),
        *(lambda: paired_difference([1.0], [2.0], "x"), lambda: paired_signs([1.0], [2.0], "x")),
        *(lambda: paired_signs([1.0, 1.0], [1.0, 2.0], "x"), lambda: wilson(1, 1, "x")),
        *(lambda: bootstrap([1.0], np.mean, "x"), lambda: bootstrap(np.float64(1.0), np.mean, "x")),
        lambda: slope_over_seeds([0.0, 1.0], [[1.0, 2.0]], "x"),
    ],
)
def test_no_interval_from_one_seed(ask: Callable[[], Estimate]) -> None:
    with pytest.raises(InvalidOptionError, match="at least 2"):
        ask()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: mean_over_seeds([[1.0, 2.0]], "x"), "one number per seed"),
        (lambda: mean_over_seeds([1.0, 2.0], "x", 1.0), "confidence"),
        (lambda: paired_difference([1.0, 2.0], [1.0], "x"), "pairs"),
        (lambda: paired_signs([1.0, math.nan], [0.0, 0.0], "x"), "NaN"),
        (lambda: wilson(3, 2, "x"), "at most 2 successes"),
        (lambda: wilson(True, 2, "x"), "successes"),
        (lambda: bootstrap([1.0, 2.0], np.mean, "x", resamples=0), "resamples"),
        (lambda: bootstrap([1.0, 2.0], np.mean, "x", seed=-1), "seed"),
        (lambda: slope_over_seeds([1.0, 1.0], [[1.0, 2.0]] * 3, "x"), "different finite places"),
        (lambda: slope_over_seeds([1.0, 2.0], [1.0, 2.0], "x"), "shapes"),
    ],
)
def test_statistics_refuse(ask: Callable[[], Estimate], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        ask()


# ---- verdicts --------------------------------------------------------------------------------------------------------

CLAIM = PaperClaim(1, "more", "abstract")


def estimate(low: float, high: float) -> Estimate:
    return Estimate(0.5 * (low + high), low, high, 0.95, 1.0, 5, "effect")


@pytest.mark.parametrize(
    ("low", "high", "above", "below", "label"),
    [
        (0.1, 0.2, 0.0, None, "reproduced"),
        (-0.2, -0.1, 0.0, None, "not reproduced"),
        (-0.1, 0.2, 0.0, None, "not reproduced (undecided)"),
        (0.0, 0.2, 0.0, None, "not reproduced (undecided)"),
        (-0.2, 0.0, 0.0, None, "not reproduced"),
        (-0.2, -0.1, None, 0.0, "reproduced"),
        (0.1, 0.2, None, 0.0, "not reproduced"),
        (-0.1, 0.1, None, 0.0, "not reproduced (undecided)"),
        (0.9, 1.1, 0.5, 2.0, "reproduced"),
        (0.4, 1.1, 0.5, 2.0, "not reproduced (undecided)"),
        (0.4, 2.1, 0.5, 2.0, "not reproduced (undecided)"),
        (2.1, 2.2, 0.5, 2.0, "not reproduced"),
        (0.1, 0.2, 0.5, 2.0, "not reproduced"),
        (0.3, 0.3, 0.0, None, "not reproduced (undecided)"),
        (-math.inf, math.inf, 0.0, None, "not reproduced (undecided)"),
        (math.nan, math.nan, 0.0, None, "not reproduced (undecided)"),
    ],
)
def test_the_rule(low: float, high: float, above: float | None, below: float | None, label: str) -> None:
    claim = CLAIM.judge(estimate(low, high), above=above, below=below)
    assert claim.label == label
    assert claim.decided is ("undecided" not in label) and ("undecided" in claim.why) is not claim.decided
    assert claim.seeds == 5


@given(low=st.floats(-5, 5), width=st.floats(0.001, 5), limit=st.floats(-5, 5), gap=st.none() | st.floats(0.001, 5))
def test_never_reproduced_with_a_number_outside(low: float, width: float, limit: float, gap: float | None) -> None:
    below = None if gap is None else limit + gap
    claim = CLAIM.judge(estimate(low, low + width), above=limit, below=below)
    points = np.linspace(low, low + width, 50)
    inside = (points > limit) & (points < (math.inf if below is None else below))
    if claim.verdict is Verdict.REPRODUCED:
        assert inside.all()
    elif claim.decided:
        assert not inside.any()
    swapped = CLAIM.judge(estimate(-low - width, -low), above=None if below is None else -below, below=-limit)
    assert swapped.label == claim.label


def test_one_run_is_no_evidence() -> None:
    for claim in (
        CLAIM.over_seeds("x", [7.0], above=0.0),
        CLAIM.over_seeds("x", [], above=0.0),
        CLAIM.over_pairs("x", [7.0], [1.0], above=0.0),
    ):
        assert claim.verdict is Verdict.NOT_TESTABLE and "one run" in claim.why and claim.effect is None
    assert CLAIM.over_seeds("x", [7.0, 7.0], above=0.0).label == "not reproduced (undecided)"


def test_warnings_of_the_statistics_are_passed_on() -> None:
    skewed = [1.0] * 9 + [40.0]
    assert "skewed" in CLAIM.over_seeds("x", skewed, above=0.0).why


def test_exact_and_paired_claims() -> None:
    assert CLAIM.check("44", True, "count").verdict is Verdict.REPRODUCED
    assert CLAIM.check("43", False, "count").label == "not reproduced"
    assert CLAIM.check("44", np.bool_(True), "count").verdict is Verdict.REPRODUCED  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="True or False"):
        CLAIM.check("44", 44, "count")  # type: ignore[arg-type]
    assert CLAIM.over_pairs("x", VALUES, OTHERS, above=0.0).label == "reproduced"
    assert CLAIM.over_pairs("x", OTHERS, VALUES, above=0.0).label == "not reproduced"
    with pytest.raises(InvalidOptionError, match="pairs"):
        CLAIM.over_pairs("x", [1.0], [1.0, 2.0], above=0.0)


@pytest.mark.parametrize(("above", "below"), [(None, None), (1.0, 1.0), (2.0, 1.0), (math.nan, None), (None, math.inf)])
def test_limits_are_checked(above: float | None, below: float | None) -> None:
    for ask in (CLAIM.over_seeds, lambda w, v, **limits: CLAIM.judge(estimate(0.0, 1.0), **limits)):
        with pytest.raises(InvalidOptionError, match=r"limit|above"):
            ask("x", [1.0], above=above, below=below)


def test_tables_of_claims() -> None:
    claims = [CLAIM.over_seeds("a\nb | c", [1.0, 2.0, 4.0], above=0.0), CLAIM.not_testable("no data")]
    frame = claims_frame(claims)
    assert frame["verdict"].tolist() == ["not reproduced", "not testable"] and frame["decided"].tolist() == [False] * 2
    page = claims_markdown("T", claims, ["note"])
    rows = [line for line in page.splitlines() if line.startswith("| 1")]
    assert len(rows) == 2 and all(row.replace("\\|", "").count("|") == 6 for row in rows)
    assert claims_frame([]).empty


# ---- networks and training -------------------------------------------------------------------------------------------


def blobs(count: int = 240, classes: int = 3, seed: int = 0) -> Labeled:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    inputs = rng.normal(size=(count, 2)) + 3.0 * np.stack([np.cos(2.1 * labels), np.sin(2.1 * labels)], axis=1)
    x, y = torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(labels)
    return Labeled(x[40:], y[40:], x[:40], y[:40])


def parameters(module: nn.Module) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])


def test_he_normal_weights_and_biases() -> None:
    net = fully_connected(400, [300, 200], 10, bias_std=0.1, weight_variance=3.0, seed=4)
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    for layer in layers[:2]:
        weight = layer.weight.detach().numpy().ravel()
        np.testing.assert_allclose(weight.std(), math.sqrt(3.0 / layer.in_features), rtol=0.02)
        # not truncated: a normal one goes beyond three deviations in 0.27 % of the cases
        beyond = np.mean(np.abs(weight) > 3 * math.sqrt(3.0 / layer.in_features))
        assert 0.002 < beyond < 0.0035
    biases = np.concatenate([layer.bias.detach().numpy() for layer in layers])
    np.testing.assert_allclose(biases.std(), 0.1, rtol=0.1)
    assert np.abs(layers[2].bias.detach().numpy()).max() > 0
    same, other = (fully_connected(400, [300, 200], 10, bias_std=0.1, weight_variance=3.0, seed=s) for s in (4, 5))
    assert np.array_equal(parameters(net), parameters(same))
    assert not np.array_equal(parameters(net), parameters(other))


def test_torch_default_is_what_torch_does() -> None:
    net = fully_connected(5, [7], 3, initialization="torch default", seed=9)
    state = torch.get_rng_state()
    try:
        torch.manual_seed(9)
        plain = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    finally:
        torch.set_rng_state(state)
    assert np.array_equal(parameters(net), parameters(plain))


def test_layers_of_the_networks() -> None:
    names = [type(layer).__name__ for layer in fully_connected(2, [3, 4], 2, batch_norm=True, dropout=0.5)]
    assert names == ["Linear", "BatchNorm1d", "ReLU", "Dropout"] * 2 + ["Linear"]
    assert [type(layer).__name__ for layer in fully_connected(2, [], 2)] == ["Linear"]
    images = convolutional((3, 12, 8), [4, 6], 5, hidden=[7], batch_norm=True, dropout=0.1, pooling="average")
    names = [type(layer).__name__ for layer in images]
    assert names == ["Conv2d", "BatchNorm2d", "ReLU", "AvgPool2d"] * 2 + [
        *("Flatten", "Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear")
    ]
    assert images.eval()(torch.zeros(2, 3, 12, 8)).shape == (2, 5)
    assert convolutional((1, 5, 5), [2], 3, pooling="none")(torch.zeros(2, 1, 5, 5)).shape == (2, 3)


@pytest.mark.parametrize("kind", ["plain", "norm", "convolutional"])
def test_trained_networks_can_be_analyzed(kind: str) -> None:
    images = load_images("digits")
    data = labeled_images(images, flat=kind != "convolutional", train=256, test=50)
    if kind == "convolutional":
        module: nn.Module = convolutional((1, 8, 8), [3], 10, seed=1)
    else:
        module = fully_connected(64, [8, 8], 10, batch_norm=kind == "norm", dropout=0.2, seed=1)
    for report in train(module, data, Recipe(report_epochs=(2,), batch=64), seed=0):
        network = Network.from_torch(report.module, data.test_inputs[:1])
        values = network.forward(data.test_inputs.double().numpy()).numpy()
        with torch.no_grad():
            expected = report.module(data.test_inputs).numpy()
        np.testing.assert_allclose(values, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": "64"}, "hidden"),
        ({"hidden": 64}, "hidden"),
        ({"hidden": [0]}, "widths"),
        ({"hidden": [True]}, "widths"),
        ({"hidden": [2.5]}, "widths"),
        ({"outputs": 0}, "widths"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"bias_std": -1.0}, "bias_std"),
        ({"bias_std": math.nan}, "bias_std"),
        ({"weight_variance": 0.0}, "weight_variance"),
        ({"initialization": "he"}, "initialization"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.0}, "seed"),
    ],
)
def test_networks_refuse(change: dict[str, Any], message: str) -> None:
    before = torch.get_rng_state()
    options: dict[str, Any] = {"inputs": 2, "hidden": [3], "outputs": 2}
    with pytest.raises(InvalidOptionError, match=message):
        fully_connected(**(options | change))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (8, 8)}, "channels, height, width"),
        ({"kernel": 4}, "odd"),
        ({"pooling": "sum"}, "pooling"),
        ({"channels": [2, 2, 2, 2]}, "at most 3 poolings"),
    ],
)
def test_convolutional_networks_refuse(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        convolutional(**({"image_shape": (1, 8, 8), "channels": [2], "outputs": 2} | options))
    assert fully_connected(2, np.array([3, 4]), 2)[0].out_features == 3  # type: ignore[arg-type]


def test_report_steps() -> None:
    epochs = (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2)
    assert report_steps(epochs, 468) == [0, 14, 29, 58, 117, 234, 468, 936]
    assert report_steps((0.29,), 100) == [29]
    for wrong in ((), (1, 1), (2, 1), (-1,), (math.nan,), (math.inf,), (True,), ("1",)):
        with pytest.raises(InvalidOptionError, match="report_epochs"):
            report_steps(wrong, 10)  # type: ignore[arg-type]
        with pytest.raises(InvalidOptionError, match="report_epochs"):
            Recipe(report_epochs=wrong)  # type: ignore[arg-type]


def by_hand(weights: np.ndarray, data: Labeled, name: str, rate: float, decay: float, steps: int) -> np.ndarray:
    """Full-batch training of a linear classifier without hidden layers, in numpy and float64."""
    x, y = data.train_inputs.double().numpy(), data.train_labels.numpy()
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    w = weights.astype(np.float64)
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, steps + 1):
        logits = x @ w.T
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(len(y)), y] -= 1.0
        g = shares.T @ x / len(x) + decay * w
        if name == "sgd":
            w = w - rate * g
        elif name == "momentum":
            m = 0.9 * m + g
            w = w - rate * m
        elif name == "rmsprop":
            v = 0.99 * v + 0.01 * g * g
            w = w - rate * g / (np.sqrt(v) + 1e-8)
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            w = w - rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    return w


@pytest.mark.parametrize("name", ["adam", "sgd", "momentum", "rmsprop"])
def test_optimizers_do_what_their_formulas_say(name: str) -> None:
    data = blobs()
    module = fully_connected(2, [], 3, bias_std=0.5, seed=2)
    layer = module[0]
    assert isinstance(layer, nn.Linear)
    start = np.concatenate([layer.weight.detach().numpy(), layer.bias.detach().numpy()[:, None]], axis=1).copy()
    recipe = Recipe(report_epochs=(7,), optimizer=name, learning_rate=0.05, weight_decay=0.01, batch=200)
    (report,) = train(module, data, recipe, seed=0)
    end = np.concatenate([layer.weight.detach().numpy(), layer.bias.detach().numpy()[:, None]], axis=1)
    np.testing.assert_allclose(end, by_hand(start, data, name, 0.05, 0.01, 7), rtol=2e-4, atol=2e-5)
    assert np.abs(end - by_hand(start, data, name, 0.05, 0.01, 6)).max() > 1e-3
    assert report.step == 7


class Recorder(nn.Module):
    """Remembers the inputs that it saw in training mode; each input is its own number."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 2)
        self.seen: list[list[int]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.seen.append(x[:, 0].int().tolist())
        return self.layer(x / 100.0)


def test_batches_are_drawn_without_replacement_and_anew() -> None:
    x = torch.arange(23, dtype=torch.float32)[:, None]
    y = torch.zeros(23, dtype=torch.int64)
    data = Labeled(x, y, x[:0], y[:0])
    module = Recorder()
    reports = list(train(module, data, Recipe(report_epochs=(0, 0.5, 2), batch=5), seed=1))
    assert [report.step for report in reports] == [0, 2, 8] and math.isnan(reports[0].test_accuracy)
    assert [len(batch) for batch in module.seen] == [5] * 8
    first, second = ([x for batch in module.seen[i : i + 4] for x in batch] for i in (0, 4))
    assert len(set(first)) == len(set(second)) == 20 and first != second
    assert first != sorted(first)
    # pauses change nothing
    other = Recorder()
    list(train(other, data, Recipe(report_epochs=(2,), batch=5), seed=1))
    assert other.seen == module.seen


def test_training_is_repeatable_and_leaves_global_numbers_alone() -> None:
    data = blobs()
    before, found = torch.get_rng_state(), []
    for seed in (0, 0, 1):
        module = fully_connected(2, [16], 3, dropout=0.5, seed=3)
        reports = train(module, data, Recipe(report_epochs=(0, 3), batch=50), seed=seed)
        torch.rand(1, generator=torch.Generator())
        found.append([(r.loss, r.train_accuracy, r.test_accuracy) for r in reports])
        found[-1].append(tuple(parameters(module)))
    assert found[0] == found[1] != found[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_global_numbers_used_between_reports_change_nothing() -> None:
    data, ends = blobs(), []
    state = torch.get_rng_state()
    try:
        for disturb in (False, True):
            module = fully_connected(2, [16], 3, dropout=0.5, seed=3)
            for _ in train(module, data, Recipe(report_epochs=(0, 1, 2), batch=50), seed=0):
                if disturb:
                    torch.rand(17)
            ends.append(parameters(module))
    finally:
        torch.set_rng_state(state)
    assert np.array_equal(*ends)
    other = fully_connected(2, [16], 3, seed=3)
    list(train(other, data, Recipe(report_epochs=(0, 1, 2), batch=50), seed=0))
    assert not np.array_equal(parameters(other), ends[0]), "dropout has no effect"


def test_own_random_numbers_survive_errors() -> None:
    before, generator = torch.get_rng_state(), torch.Generator().manual_seed(1)
    with pytest.raises(RuntimeError), own_random_numbers(generator):
        torch.rand(3)
        raise RuntimeError
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(generator.get_state(), torch.Generator().manual_seed(1).get_state())


def test_reports_are_those_of_the_network() -> None:
    data = blobs()
    recipe = Recipe(report_epochs=(0, 5), batch=32, learning_rate=0.05)
    for report in train(fully_connected(2, [8], 3, batch_norm=True), data, recipe, 0):
        assert not report.module.training
        with torch.no_grad():
            outputs = report.module(data.train_inputs).double().numpy()
            test = report.module(data.test_inputs).numpy()
        assert report.train_accuracy == np.mean(outputs.argmax(1) == data.train_labels.numpy())
        assert report.test_accuracy == np.mean(test.argmax(1) == data.test_labels.numpy())
        logs = scipy.special.log_softmax(outputs, axis=1)[np.arange(200), data.train_labels.numpy()]
        np.testing.assert_allclose(report.loss, -logs.mean(), rtol=1e-4)
    assert report.train_accuracy > 0.9  # the angles between the three centers are wide


def test_training_refuses() -> None:
    data = blobs()
    net = fully_connected(2, [4], 3)
    with pytest.raises(InvalidOptionError, match="batch: expected at most 200"):
        next(train(net, data, Recipe(report_epochs=(1,), batch=201), 0))
    with pytest.raises(InvalidOptionError, match="labels from 0 to 1"):
        next(train(fully_connected(2, [4], 2), data, Recipe(report_epochs=(1,)), 0))
    with pytest.raises(InvalidOptionError, match="seed"):
        next(train(net, data, Recipe(report_epochs=(1,)), -1))
    for change in (
        *({"optimizer": "adamw"}, {"learning_rate": 0.0}, {"learning_rate": math.nan}, {"batch": 0}, {"batch": True}),
        *({"weight_decay": -1.0}, {"weight_decay": math.inf}),
    ):
        with pytest.raises(InvalidOptionError, match=next(iter(change))):
            Recipe(report_epochs=(1,), **change)  # type: ignore[arg-type]
    x, y = data.train_inputs, data.train_labels
    for inputs, labels in ((x.double(), y), (x, y.int()), (x[:, 0], y), (x[:3], y), (x, y[:, None])):
        with pytest.raises(InvalidOptionError, match="train: expected"):
            Labeled(inputs, labels, x, y)


def test_noisy_labels() -> None:
    labels = torch.arange(5000) % 10
    for fraction in (0.0, 0.2, 1.0):
        noisy = noisy_labels(labels, fraction, 10, seed=1)
        changed = int((noisy != labels).sum())
        # a tenth of the replaced ones are the true ones again
        expected = 0.9 * fraction * 5000
        assert abs(changed - expected) <= 4 * math.sqrt(5000 * 0.09 * fraction)
        assert set(noisy.tolist()) <= set(range(10))
    assert torch.equal(labels, torch.arange(5000) % 10)
    one, two, three = (noisy_labels(labels, 0.5, 10, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, three)
    for wrong in (-0.1, 1.1, math.nan, True, "0.5"):
        with pytest.raises(InvalidOptionError, match="fraction"):
            noisy_labels(labels, wrong, 10, seed=0)  # type: ignore[arg-type]


def test_images_become_tensors() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    images = ImageData(pixels, np.array([1, 2], np.uint8), pixels[:1], np.array([3], np.uint8), "a", white=23)
    flat, square = labeled_images(images), labeled_images(images, flat=False, train=1)
    assert flat.train_inputs.shape == (2, 12) and square.train_inputs.shape == (1, 1, 3, 4)
    np.testing.assert_allclose(flat.train_inputs.numpy().ravel(), np.arange(24) / 23, rtol=1e-6)
    assert torch.equal(square.train_inputs[0, 0].ravel(), flat.train_inputs[0])
    with pytest.raises(InvalidOptionError, match="at most 2 images"):
        labeled_images(images, train=3)
