"""`vitrail bounds` and `vitrail local`, end to end: tables, JSON, pictures, and every wrong option."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import vitrail
from vitrail.bounds import table
from vitrail.cli import main
from vitrail.cli.local import _in_turn, _table
from vitrail.cli.options_local import radii_of
from vitrail.errors import InvalidOptionError


@pytest.fixture(autouse=True)
def _wide_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "net.npz"
    np.savez(path, W1=np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), b1=np.array([0.0, 0.0, -0.5]), W2=np.ones((1, 3)))
    return str(path)


@pytest.fixture
def wide_model(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    path = tmp_path / "wide.npz"
    np.savez(path, W1=rng.normal(size=(6, 9)), b1=rng.normal(size=6), W2=rng.normal(size=(4, 6)), W3=np.ones((1, 4)))
    return str(path)


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


# ---- bounds --------------------------------------------------------------------------------------------------------


def test_widths_give_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bounds", "2-4-4-1"]) == 0
    shown = capsys.readouterr().out
    assert "hinz2021" in shown and "109" in shown and "tightest upper" in shown and "(likely)" in shown
    found = document(capsys, "bounds", "2-4-4-1")
    expected = table("2-4-4-1")
    assert [row["name"] for row in found["bounds"]] == [row.name for row in expected]
    assert {row["confidence"] for row in found["bounds"]} == {"sure", "likely"}
    assert found["tightest_upper"] == "hinz2021" and found["tightest_lower"] == expected.tightest_lower.name  # type: ignore[union-attr]


def test_the_depth_from_which_deep_wins_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "bounds", "5-10-10-1")["smallest_winning_depth"]
    assert found == {
        equal: vitrail.bounds.depth.smallest_winning_depth(5, 10, "best", equal=equal)
        for equal in ("units", "parameters")
    }
    assert main(["bounds", "5-10-10-1"]) == 0
    assert f"as many units: from {found['units']} layers on" in capsys.readouterr().out
    assert document(capsys, "bounds", "2-3-1", "--activation", "abs")["smallest_winning_depth"] == {}
    assert document(capsys, "bounds", "784-100-10")["smallest_winning_depth"] == {}


def test_numbers_of_any_size_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    widths = "-".join(["500", *["500"] * 40, "1"])
    found = document(capsys, "bounds", widths)
    largest = max(found["bounds"], key=lambda row: row["log10"])
    assert len(largest["value"]) == int(largest["log10"]) + 1 > 5000
    assert main(["bounds", widths]) == 0
    assert "e6020" in capsys.readouterr().out
    assert main(["bounds", widths, "--quiet"]) == 0
    assert len(capsys.readouterr().out) > 5000


def test_maxout_takes_a_rank(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "bounds", "2-3-1", "--activation", "maxout", "--rank", "3")
    assert {row["name"]: row["value"] for row in found["bounds"]}["montufar2022"] == 19


def test_a_model_is_counted_beside(capsys: pytest.CaptureFixture[str], model: str) -> None:
    found = document(capsys, "bounds", model, "--box", "-1,1")
    assert found["count"]["value"] == 7 and found["count"]["kind"] == "exact"
    assert {row["name"]: row["value"] for row in found["bounds"]}["zaslavsky1975"] == 7
    assert document(capsys, "bounds", model, "--count-seconds", "0")["count"] is None
    assert main(["bounds", model]) == 0
    assert "this network" in capsys.readouterr().out


def test_planes_and_definitions(capsys: pytest.CaptureFixture[str], wide_model: str) -> None:
    found = document(capsys, "bounds", wide_model, "--plane", "--random", "0", "--definition", "linear")
    assert found["definition"] == "linear" and found["architecture"].startswith("2-6-4")
    assert int(found["count"]["value"]) <= min(row["value"] for row in found["bounds"] if "upper" in row["kind"])


def test_reasons_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bounds", "2-4-1", "--activation", "abs", "--all"]) == 0
    shown = capsys.readouterr().out
    assert "serra2018" in shown and "found abs in layer 1" in shown


def test_bounds_on_means_need_a_box(capsys: pytest.CaptureFixture[str], model: str) -> None:
    names = {row["name"] for row in document(capsys, "bounds", model, "--box", "-1,1", "--he-bias", "1")["bounds"]}
    assert "vitrail_cube" in names
    assert "vitrail_cube" not in {row["name"] for row in document(capsys, "bounds", model)["bounds"]}


@pytest.mark.parametrize("target", ["2-4-4-1", "3-5", "2-3-3-1 --activation abs"])
def test_bounds_are_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path, target: str) -> None:
    path = tmp_path / "bounds.png"
    assert main(["bounds", *target.split(), "--plot", str(path)]) == 0
    assert path.read_bytes()[:4] == b"\x89PNG" and str(path) in capsys.readouterr().out


def test_bounds_of_a_model_are_drawn(model: str, tmp_path: Path) -> None:
    path = tmp_path / "bounds.svg"
    assert main(["bounds", model, "--plot", str(path), "--quiet"]) == 0
    assert b"this" not in path.read_bytes()[:100] and path.stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["2-0-1"], 2, "each 1 or more"),
        (["2-3-1", "--rank", "3"], 2, "rank: goes with activation maxout"),
        (["2-3-1", "--activation", "maxout"], 2, "rank: expected"),
        (["2-3-1", "--activation", "tanh"], 2, "activation: expected one of"),
        (["2-3-1", "--definition", "open"], 2, "--definition: expected one of"),
        (["2-3-1", "--box", "0,1"], 2, "goes with a model file"),
        (["2-3-1", "--input-shape", "3"], 2, "goes with a model file"),
        (["2-3-1", "--plot", "a.txt"], 2, "--plot: expected a file name"),
        (["MODEL", "--he-bias", "0"], 2, "--he-bias: expected a deviation above 0"),
        (["MODEL", "--he-bias", "x"], 2, "--he-bias: expected a finite number"),
        (["2-3-1", "--he-bias", "1"], 2, "goes with a model file"),
        (["2-3-1", "--activation", "maxout"], 2, "--rank: expected"),
        (["2-3-1", "--count-seconds", "-1"], 2, "--count-seconds: expected seconds from 0 on"),
        (["nowhere.npz"], 3, "nowhere.npz"),
        (["MODEL", "--rank", "3"], 2, "--rank goes with widths"),
        (["MODEL", "--box", "0,1,2"], 2, "--box: expected lo,hi"),
        (["MODEL", "--plane"], 2, "--plane needs points"),
        (["MODEL", "--plot", "MODEL"], 2, "--plot: expected a file name"),
        ([], 2, "Missing argument"),
    ],
)
def test_wrong_options_of_bounds(
    capsys: pytest.CaptureFixture[str], model: str, arguments: list[str], code: int, message: str
) -> None:
    assert main(["bounds", *(model if word == "MODEL" else word for word in arguments)]) == code
    shown = capsys.readouterr()
    assert message in shown.err and shown.out == "" and "Traceback" not in shown.err


# ---- local ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def points(tmp_path: Path) -> str:
    path = tmp_path / "points.npy"
    np.save(path, np.array([[0.6, 2.0], [0.1, 0.1]]))
    return str(path)


def test_balls_are_bounded_and_counted(capsys: pytest.CaptureFixture[str], model: str, points: str) -> None:
    found = document(capsys, "local", model, "--input", points, "--radii", "0.2,1")
    net = vitrail.Network.from_file(model)
    bounds = vitrail.local_bound(net, np.load(points), [0.2, 1.0]).bounds.reshape(-1).tolist()
    assert [row["bound"] for row in found["rows"]] == bounds and found["status"] == "certified"
    for row in found["rows"]:
        assert row["sampled"] <= row["counted_lower"] == row["counted_upper"] <= row["bound"]
    assert main(["local", model, "--input", points, "--radii", "0.2,1"]) == 0
    assert "counted in the ball" in capsys.readouterr().out
    assert main(["local", model, "--input", points, "--quiet"]) == 0
    assert int(capsys.readouterr().out) >= max(bounds)


def test_of_many_inputs_planes_are_counted(capsys: pytest.CaptureFixture[str], wide_model: str, tmp_path: Path) -> None:
    path, out, plot = tmp_path / "p.npy", tmp_path / "out.parquet", tmp_path / "out.png"
    np.save(path, np.zeros((5, 9)))
    arguments = ["local", wide_model, "--input", str(path), "--rows", "1:4", "--radii", "0.1:1:log3"]
    assert main([*arguments, "--out", str(out), "--plot", str(plot)]) == 0
    shown = capsys.readouterr().out
    assert "random plane" in shown and str(out) in shown and plot.read_bytes()[:4] == b"\x89PNG"
    frame = pandas.read_parquet(out)
    assert len(frame) == 9 and frame["row"].tolist() == [1] * 3 + [2] * 3 + [3] * 3
    assert (frame["counted_lower"] <= frame["bound"]).all() and (frame["sampled"] <= frame["bound"]).all()


def test_boxes_that_are_sampled_alone(capsys: pytest.CaptureFixture[str], model: str, points: str) -> None:
    found = document(capsys, "local", model, "--input", points, "--norm", "inf", "--count-seconds", "0")
    assert len(found["rows"]) == 20 and found["norm"] == "inf"
    assert all(1 <= row["sampled"] <= row["bound"] and row["counted_lower"] is None for row in found["rows"])
    assert found["notes"] == []


def test_boxes_of_many_inputs_are_not_counted_and_that_is_told(
    capsys: pytest.CaptureFixture[str], wide_model: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.npy"
    np.save(path, np.zeros((2, 9)))
    arguments = ["local", wide_model, "--input", str(path), "--norm", "inf", "--radii", "0.5"]
    assert document(capsys, *arguments)["notes"] == ["not counted: boxes of more than 3 inputs"]
    assert document(capsys, *arguments, "--count-seconds", "0")["notes"] == []


def test_what_is_left_out_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: str, points: str
) -> None:
    monkeypatch.setattr("vitrail.cli.local._SAMPLE_SECONDS", 0.0)
    arguments = ["local", model, "--input", points, "--radii", "0.2,1", "--count-seconds", "1e-12"]
    found = document(capsys, *arguments)
    assert all(row["sampled"] is None and row["counted_lower"] is None for row in found["rows"])
    assert found["notes"] == [
        "not sampled, 4 of 4 balls: the 0 seconds for that ran out",
        "not counted, 4 of 4 balls: the 1e-12 seconds for that ran out",
    ]
    assert main(arguments) == 0
    assert all(note in capsys.readouterr().out for note in found["notes"][:1])


@pytest.mark.parametrize(("scale", "radius"), [(1e200, "1"), (1.0, "1e308")])
def test_bounds_stand_where_counts_fail(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, points: str, scale: float, radius: str
) -> None:
    rng = np.random.default_rng(0)
    arrays = {"W1": rng.normal(size=(4, 2)), "b1": rng.normal(size=4), "W2": rng.normal(size=(4, 4))}
    path = tmp_path / "huge.npz"
    np.savez(path, **{name: array * scale for name, array in arrays.items()}, W3=np.ones((1, 4)))
    arguments = ["local", str(path), "--input", points, "--radii", radius]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = document(capsys, *arguments)
        assert main(arguments) == 0
    shown = capsys.readouterr()
    (note,) = found["notes"]
    assert note.startswith("not counted, 2 of 2 balls: ") and "float64" in note and note in shown.out
    assert shown.err == ""
    assert all(row["bound"] >= row["sampled"] >= 1 and row["counted_lower"] is None for row in found["rows"])


def test_images_are_counted_in_planes() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(3, 2, 2)).double()
    centers = np.random.default_rng(0).normal(size=(2, 1, 3, 3))
    net = vitrail.Network.from_torch(model, torch.from_numpy(centers[:1]))
    found, frame = _table(net, centers, np.array([2.0, 0.1]), "2", 50, 10.0)
    assert found.bounds.shape == (2, 2) and frame["counted_lower"].notna().all() and frame.attrs["notes"] == []
    assert (frame["counted_lower"] == frame["counted_upper"]).all() and (frame["counted_lower"] <= frame["bound"]).all()
    assert frame["counted_lower"].max() > 1 and (frame["sampled"] <= frame["bound"]).all()


def test_reasons_are_few_and_complete() -> None:
    def look(row: int, left: float) -> None:
        if row % 2:
            raise InvalidOptionError(f"reason {row if row < 12 else 1}\nmore")

    notes = _in_turn(list(range(20)), look, 60.0, "not counted")
    assert notes[0] == "not counted, 5 of 20 balls: reason 1" and len(notes) == 4
    assert sum(int(note.split()[2]) for note in notes) == 10
    assert notes[-1] == "not counted, 3 of 20 balls: for other reasons"
    assert _in_turn([1], lambda row, left: None, 60.0, "not counted") == []


def test_counts_that_are_lower_bounds_are_called_so(
    capsys: pytest.CaptureFixture[str], model: str, tmp_path: Path
) -> None:
    # this ball touches a region
    path = tmp_path / "p.npy"
    np.save(path, np.array([[0.5, 2.0]]))
    for radius, head in (("0.5", "counted in the ball, at least"), ("0.51", "counted in the ball")):
        assert main(["local", model, "--input", str(path), "--radii", radius]) == 0
        shown = capsys.readouterr().out
        assert head in shown and ("at least" in shown) == (radius == "0.5")


@pytest.mark.parametrize("units", [50, 55, 70])
def test_integers_that_readers_of_json_round_are_texts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, units: int
) -> None:
    path, centers = tmp_path / "axes.npz", tmp_path / "centers.npy"
    np.savez(path, W1=np.eye(units), W2=np.ones((1, units)))
    np.save(centers, np.stack([np.zeros(units), np.full(units, 5.0)]))
    arguments = ["--radii", "1", "--samples", "0", "--count-seconds", "0"]
    rows = document(capsys, "local", str(path), "--input", str(centers), *arguments)["rows"]
    # every orthant meets the first ball; the second lies in one
    expected = 2**units if 2**units < 2**53 else str(2**units)
    assert [row["bound"] for row in rows] == [row["product"] for row in rows] == [expected, 1]


def test_no_samples(capsys: pytest.CaptureFixture[str], model: str, points: str) -> None:
    rows = document(capsys, "local", model, "--input", points, "--samples", "0", "--radii", "0.5")["rows"]
    assert all(row["sampled"] is None and row["counted_lower"] >= 1 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["MODEL"], 2, "expected centers"),
        (["MODEL", "--input", "nowhere.npy"], 3, "nowhere.npy"),
        (["MODEL", "--input", "POINTS", "--radii", "0"], 2, "--radii: expected"),
        (["MODEL", "--input", "POINTS", "--radii", "1:0.1:log3"], 2, "--radii: expected low:high:log10"),
        (["MODEL", "--input", "POINTS", "--radii", "0.1:1:log1"], 2, "--radii: expected low:high:log10"),
        (["MODEL", "--input", "POINTS", "--radii", "a"], 2, "--radii: expected"),
        (["MODEL", "--input", "POINTS", "--radii", "0.1:1:log9999"], 2, "--radii: expected"),
        (["MODEL", "--input", "POINTS", "--norm", "1"], 2, "--norm: expected one of 2, inf"),
        (["MODEL", "--input", "POINTS", "--rows", "7"], 2, "--rows: expected rows from 0 to 1"),
        (["MODEL", "--input", "POINTS", "--samples", "-1"], 2, "--samples: expected"),
        (["MODEL", "--input", "POINTS", "--count-seconds", "-1"], 2, "--count-seconds: expected"),
        (["MODEL", "--input", "POINTS", "--out", "a.txt"], 2, "--out: expected a file name"),
        (["MODEL", "--input", "POINTS", "--plot", "POINTS"], 2, "--plot: expected a file name"),
    ],
)
def test_wrong_options_of_local(
    capsys: pytest.CaptureFixture[str], model: str, points: str, arguments: list[str], code: int, message: str
) -> None:
    words = {"MODEL": model, "POINTS": points}
    assert main(["local", *(words.get(word, word) for word in arguments)]) == code
    shown = capsys.readouterr()
    assert message in shown.err and shown.out == "" and "Traceback" not in shown.err


def test_radii_are_read() -> None:
    assert radii_of("0.01:1:log10").size == 10 and radii_of("1:3:lin3").tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(InvalidOptionError):
        radii_of(",".join(["1"] * 1001))
