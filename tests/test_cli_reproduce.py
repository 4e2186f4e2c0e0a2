"""`vitrail reproduce`, end to end, on a toy study: tables, JSON, exit codes, and every wrong option."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vitrail.studies
from vitrail.cli import main
from vitrail.studies import registry

SETTINGS = """
[shared]
data = {value = "digits", source = "choice: comes with scikit-learn"}
[smoke]
seeds = {value = 3, source = "choice: quick"}
hours = {value = 0.001, source = "choice: measured"}
[paper]
seeds = {value = 30, source = "paper: figure 2"}
hours = {value = 2.5, source = "choice: measured"}
"""

STUDY = """
import os
from pathlib import Path

import pandas

from vitrail.studies import PaperClaim, Study, read_configuration

MORE = PaperClaim(1, "seeds are above -2", "section 3")
FASTER = PaperClaim(2, "it is faster", "figure 2")


def plan(settings):
    return [{"seed": seed, "data": settings["data"]} for seed in range(settings["seeds"])]


def experiment(run, context):
    if run["seed"] == 1 and os.environ.get("TOY_FAILS"):
        raise RuntimeError("red\\x1b[31m line\\nbreak")
    return pandas.DataFrame({"value": [float(run["seed"])]})


def claims(results):
    return [MORE.over_seeds("value", results["value"].to_numpy(), above=-2.0), FASTER.not_testable("nothing timed")]


STUDY = Study(
    name="toy2024", title="A toy", paper="A. Toy, 2024", schema=1,
    configuration=read_configuration(Path(__file__).parent / "configuration.toml", ["data", "seeds"]),
    statements=(MORE, FASTER), plan=plan, experiment=experiment, claims=claims, figures=lambda results, out: [],
)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder; the toy study is the only one that there is."""
    home = tmp_path / "home"
    (home / "toy2024").mkdir(parents=True)
    (home / "toy2024" / "configuration.toml").write_text(SETTINGS)
    (home / "toy2024" / "__init__.py").write_text(STUDY)
    (home / "unfinished").mkdir()
    monkeypatch.setattr(registry, "_HERE", home)
    monkeypatch.setattr(vitrail.studies, "__path__", [str(home)])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("TOY_FAILS", raising=False)
    monkeypatch.chdir(tmp_path)
    importlib.invalidate_caches()
    yield tmp_path
    sys.modules.pop("vitrail.studies.toy2024", None)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["reproduce", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_tables(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, err = run(capsys, "toy2024")
    assert (code, err) == (0, "")
    assert "toy2024: A toy" in out and "3: 3 done now, 0 kept, 0 failed" in out and "vitrail-toy2024-smoke" in out
    (row,) = [line for line in out.splitlines() if "seeds are above -2" in line]
    assert "reproduced" in row and "not reproduced" not in row
    assert "not testable" in out and "nothing timed" in out
    assert (folder / "vitrail-toy2024-smoke" / "claims.md").is_file()
    code, out, _ = run(capsys, "toy2024")
    assert code == 0 and "0 done now, 3 kept" in out


def test_json(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, err = run(capsys, "toy2024", "--json", "--out", "here")
    document = json.loads(out)
    assert (code, err, len(out.splitlines())) == (0, "", 1)
    assert (document["command"], document["study"], document["complete"]) == ("reproduce", "toy2024", True)
    assert [claim["verdict"] for claim in document["claims"]] == ["reproduced", "not testable"]
    assert document["claims"][0]["effect"] == 1.0 and document["claims"][0]["seeds"] == 3
    assert document["files"]["folder"] == "here" and (folder / "here" / "environment.json").is_file()


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "toy2024", "--quiet", "--out", "a") == (0, "a\n", "")
    assert run(capsys, "--list", "-q") == (0, "toy2024\n", "")


def test_list(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, err = run(capsys, "--list")
    assert (code, err) == (0, "")
    for text in ("toy2024: A toy", "A. Toy, 2024", "3 runs, about 4 s on one core", "30 runs, about 2.5 h on one core"):
        assert text in out
    assert "seeds are above -2 (section 3)" in out and "unfinished" not in out
    code, out, _ = run(capsys, "--list", "--json")
    (study,) = json.loads(out)["studies"]
    assert study["scales"]["paper"] == {"runs": 30, "hours_on_one_core": 2.5}
    assert [claim["number"] for claim in study["claims"]] == [1, 2]
    assert list(folder.iterdir()) == [folder / "home"]


def test_failed_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAILS", "1")
    code, out, err = run(capsys, "toy2024")
    assert (code, err) == (5, "")
    assert "1 failed" in out and "RuntimeError: red\\x1b[31m line\\nbreak" in out and "\x1b" not in out
    assert "incomplete: 1 of 3 runs failed" in out
    code, out, _ = run(capsys, "toy2024", "--json")
    assert code == 5 and json.loads(out)["failures"][0]["settings"]["seed"] == 1
    monkeypatch.delenv("TOY_FAILS")
    assert run(capsys, "toy2024")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "expected the name of a study"),
        (["toy2042"], 2, "did you mean 'toy2024'?"),
        (["unfinished"], 2, "expected one of toy2024"),
        (["toy2024", "--list"], 2, "leave out 'toy2024'"),
        (["toy2024", "--scale", "papers"], 2, "did you mean 'paper'?"),
        (["toy2024", "--workers", "0"], 2, "--workers"),
        (["toy2024", "--workers", "two"], 2, "--workers"),
        (["toy2024", "--workers", "99999"], 2, "at most 1024"),
        (["toy2024", "--out", "home/toy2024/__init__.py"], 6, "cannot be used as a folder"),
        (["toy2024", "--out", "home/toy2024/__init__.py/x"], 6, "cannot be used as a folder"),
        (["toy2024", "--speed", "1"], 2, "--speed"),
    ],
)
def test_wrong_options(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str) -> None:
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (code, "")
    assert err.startswith("error: ") and message in err and "Traceback" not in err


def test_a_folder_of_another_scale_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "toy2024", "--out", "a")[0] == 0
    code, _, err = run(capsys, "toy2024", "--out", "a", "--scale", "paper")
    assert code == 6 and "scale is 'smoke' there, 'paper' here" in err


def test_missing_images(capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VITRAIL_DATA", raising=False)
    path = folder / "home" / "toy2024" / "configuration.toml"
    path.write_text(path.read_text().replace('"digits"', '"mnist"'))
    code, _, err = run(capsys, "toy2024", "--data", "home")
    assert code == 3 and "train-images-idx3-ubyte" in err and "hint: Get them from" in err
    assert not (folder / "vitrail-toy2024-smoke").exists()


def test_settings_without_a_source_are_refused(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    path = folder / "home" / "toy2024" / "configuration.toml"
    path.write_text(path.read_text().replace(', source = "choice: quick"', ""))
    code, _, err = run(capsys, "toy2024")
    assert code == 2 and "[smoke]: seeds: expected a source" in err


def test_folders_without_a_study(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "home" / "toy2024" / "__init__.py").write_text("STUDY = 3\n")
    code, _, err = run(capsys, "toy2024")
    assert code == 2 and "export STUDY of that name, found 3" in err
    (folder / "home" / "toy2024" / "configuration.toml").unlink()
    code, out, _ = run(capsys, "--list")
    assert (code, out) == (0, "no studies in this installation\n")
    assert "has no studies" in run(capsys, "toy2024")[2]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for text in ("--scale", "--out", "--data", "--workers", "--list", "--json", "vitrail reproduce hanin2019"):
        assert text in out


def test_names_are_not_paths(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    names: list[Any] = ["../home/toy2024", "/etc", "toy2024/", "", "a\x1b[31m"]
    for name in names:
        code, _, err = run(capsys, name)
        assert code == 2 and "expected one of toy2024" in err and "\x1b" not in err
