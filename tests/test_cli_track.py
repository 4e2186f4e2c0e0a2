"""`vitrail track`, end to end: the order of models, records, pictures, and every wrong option."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitrail
from vitrail import probes
from vitrail.cli import main
from vitrail.cli.options_track import model_files
from vitrail.errors import InvalidOptionError, ModelFileError
from vitrail.probes import read_records

POINTS = np.random.default_rng(1).uniform(-1, 1, (10, 2))


def weights(step: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "W1": rng.normal(size=(6, 2)), "b1": rng.normal(size=6) / (1 + step), "W2": rng.normal(size=(2, 6)),
        "b2": np.zeros(2),
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """run/step2.npz, run/step10.npz and run/step1.npz, and points p.npy."""
    (tmp_path / "run").mkdir()
    for step in (10, 2, 1):
        np.savez(tmp_path / "run" / f"step{step}.npz", **weights(step))
    (tmp_path / "run" / "notes.txt").write_text("nothing")
    np.save(tmp_path / "p.npy", POINTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["track", *arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1
    document = json.loads(out)
    assert isinstance(document, dict)
    return document


@pytest.mark.usefixtures("folder")
def test_records_are_those_of_the_probes(capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "run", "--input", "p.npy", "--count", "20", "--seed", "3", "--out", "r.parquet")
    assert document["command"] == "track" and document["probes"] == ["lines", "plane", "distance", "patterns"]
    names = [record["checkpoint"] for record in document["records"]]
    assert names == ["run/step1.npz", "run/step2.npz", "run/step10.npz"] and document["errors"] == []
    frame = read_records("r.parquet")
    assert frame["step"].tolist() == [0, 1, 2] and frame["checkpoint"].tolist() == names
    for name, record in zip(names, document["records"], strict=True):
        net = vitrail.Network.from_file(name)
        assert record["network"] == net.digest
        assert record["lines_mean"] == probes.Lines(POINTS, count=20, seed=3)(net)["mean"]
        assert record["plane_activation"] == probes.Plane(*POINTS[:3])(net)["activation"]
        assert record["distance_median"] == probes.Distance(POINTS)(net)["median"]
        assert record["patterns_codes"] == probes.Patterns(POINTS)(net)["codes"]
    assert len({record["distance_mean"] for record in document["records"]}) == 3
    assert frame.attrs["information"]["inputs"] == ["p.npy"]


@pytest.mark.usefixtures("folder")
def test_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "--input", "p.npy", "--probes", "plane,boundary,inspheres", "--count", "5", "--plot", "r.png"]
    assert main(["track", *arguments, "--animate", "r.gif"]) == 0
    shown = capsys.readouterr().out
    assert "run/step10.npz" in shown and "plane_activation" in shown and "nothing: all are certified" in shown
    assert Path("r.png").read_bytes()[:4] == b"\x89PNG" and Path("r.gif").read_bytes()[:3] == b"GIF"
    assert sorted(path.name for path in Path().iterdir()) == ["p.npy", "r.gif", "r.png", "run"]


@pytest.mark.usefixtures("folder")
def test_order_as_given_and_rows(capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(
        capsys, "run/step10.npz", "run/step1.npz", "--input", "p.npy", "--rows", "0:4", "--probes", "distance"
    )
    assert [record["checkpoint"] for record in document["records"]] == ["run/step10.npz", "run/step1.npz"]
    net = vitrail.Network.from_file("run/step10.npz")
    assert document["records"][0]["distance_mean"] == probes.Distance(POINTS[:4])(net)["mean"]
    assert main(["track", "run", "--input", "p.npy", "--probes", "patterns", "--quiet"]) == 0
    assert capsys.readouterr().out == "3\n"


@pytest.mark.usefixtures("folder")
def test_a_model_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run/step3.npz").write_bytes(b"PK no")
    arguments = ["run", "--input", "p.npy", "--probes", "distance", "--out", "r.parquet"]
    assert main(["track", *arguments]) == 3
    out, err = capsys.readouterr()
    assert "1 measurements failed" in err and "step3.npz: network" in err and "step10.npz" in out
    frame = read_records("r.parquet")
    assert frame["network_error"].notna().tolist() == [False, False, True, False]
    assert frame["distance_mean"].notna().tolist() == [True, True, False, True]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["run"], 2, "--input"),
        (["run", "--input", "p.npy", "--probes", "line"], 2, "lines"),
        (["run", "--input", "p.npy", "--probes", "lines,lines"], 2, "once"),
        (["run", "--input", "p.npy", "--probes", "distance", "--count", "3"], 2, "--count"),
        (["run", "--input", "p.npy", "--count", "0"], 2, "--count"),
        (["run", "--input", "p.npy", "--rows", "0:2"], 3, "plane"),
        (["run", "--input", "p.npy", "--rows", "0:99"], 2, "--rows"),
        (["run", "--input", "p.npy", "--out", "r.csv"], 2, ".parquet"),
        (["run", "--input", "p.npy", "--plot", "r.gif"], 2, ".png"),
        (["run", "--input", "p.npy", "--animate", "r.png"], 2, ".gif"),
        (["run", "--input", "p.npy", "--probes", "lines", "--animate", "r.gif"], 2, "plane"),
        (["run", "run/step1.npz", "--input", "p.npy"], 2, "once"),
        (["no.npz", "--input", "p.npy"], 3, "no.npz"),
        (["run", "--input", "no.npy"], 3, "no.npy"),
        (["run", "--input", "p.npy", "--out", "no/r.parquet"], 6, "does not exist"),
    ],
)
def test_wrong_options(arguments: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path().rglob("*"))
    assert main(["track", *arguments]) == code
    assert text in capsys.readouterr().err and sorted(Path().rglob("*")) == before


def test_folders(tmp_path: Path) -> None:
    for name in ("b.onnx", "a10.npz", "a9.safetensors", "a9.txt", "a010.npz"):
        (tmp_path / name).touch()
    assert [path.name for path in model_files([str(tmp_path)])] == ["a9.safetensors", "a010.npz", "a10.npz", "b.onnx"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelFileError, match="none in it"):
        model_files([str(tmp_path / "empty")])
    with pytest.raises(InvalidOptionError, match="once"):
        model_files(["a.npz", "a.npz"])
