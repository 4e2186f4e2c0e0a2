"""`vitrail at`, end to end: tables, summaries, pictures, and every wrong option; and rows as ranges everywhere."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vitrail
from vitrail.cli import main
from vitrail.cli.at import at
from vitrail.cli.at_report import summary_of
from vitrail.cli.options import rows_of
from vitrail.cli.options_at import MEASURES
from vitrail.errors import InvalidOptionError
from vitrail.local.directions import directions
from vitrail.local.measures import MEASURES as OF_REGIONS
from vitrail.plots.local import plot_report

# by name: a package may have a function of the name of its module
REPORT = importlib.import_module("vitrail.local.report")
SIDE = 4.0
BOX = f"--box=-{SIDE:g},{SIDE:g}"


@pytest.fixture(autouse=True)
def _wide_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """net.npz: the regions are the four quadrants, of two classes x and y; p.npy: 40 points, q.npy: one, s.npy: two."""
    np.savez(tmp_path / "net.npz", W1=np.eye(2), W2=np.eye(2))
    np.save(tmp_path / "p.npy", points())
    np.save(tmp_path / "q.npy", np.array([1.0, 3.0]))
    np.save(tmp_path / "s.npy", np.array([[2.0, 3.0], [1.0, 3.5]]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def points() -> np.ndarray:
    return np.random.default_rng(5).uniform(-SIDE, SIDE, (40, 2))


def to_axes(x: np.ndarray) -> np.ndarray:
    """The distance to the boundary of a quadrant."""
    return np.abs(x).min(axis=1)


def to_diagonal(x: np.ndarray) -> np.ndarray:
    """The distance to the decision boundary x = y in the first quadrant; there is none in the others."""
    return np.where((x > 0).all(axis=1), np.abs(x[:, 0] - x[:, 1]) / np.sqrt(2.0), np.inf)


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["at", "net.npz", *arguments, "--json"]) == code
    out, err = capsys.readouterr()
    assert (err == "") is (code == 0) and out.count("\n") == 1

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not strict JSON")

    document = json.loads(out, parse_constant=refuse)
    assert isinstance(document, dict)
    return document


def table_of(*arguments: str) -> pandas.DataFrame:
    assert main(["at", "net.npz", *arguments, "--quiet", "--out", "t.parquet"]) == 0
    return pandas.read_parquet("t.parquet")


# ---- what is measured ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_the_quadrants() -> None:
    x = points()
    table = table_of("--input", "p.npy")
    assert np.allclose(table["distance"], to_axes(x)) and (table["distance_lower"] <= table["distance_upper"]).all()
    assert table["nearest_unit"].tolist() == np.abs(x).argmin(axis=1).tolist()
    assert np.isinf(table["radius"]).all() and np.allclose(table["mean_cosine"], 0.0)
    assert np.allclose(table["decision_distance"], to_diagonal(x), rtol=1e-5)  # to where the gap of the bounds ends
    assert table["crossed"].tolist() == (x > 0).all(axis=1).tolist()
    assert table["prediction"].tolist() == np.maximum(x, 0.0).argmax(axis=1).tolist()
    assert table["row"].tolist() == list(range(40)) and set(table["group"]) == {"data"}
    inside = table_of("--input", "p.npy", BOX)
    # sides of the domain are no boundaries
    assert np.allclose(inside["distance"], to_axes(x))
    assert np.allclose(inside["radius"], SIDE / 2, rtol=1e-6)  # of interior-point programs


@pytest.mark.usefixtures("folder")
def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "--input", "p.npy")
    net, x = vitrail.Network.from_file("net.npz"), points()
    assert document["command"] == "at" and document["model"]["digest"] == net.digest and document["points"] == 40
    assert document["domain"] == {"description": "whole space of 2 inputs", "dimension": 2}
    assert document["measures"] == ["distance", "insphere", "directions", "decision"] and document["seed"] == 0
    assert document["files"] == {"out": None, "plot": None} and document["seconds"] > 0
    (group,) = document["groups"]
    assert group["group"] == "data" and group["points"] == 40 == sum(group["status"].values())
    assert group["status"] == document["status"] and set(group["status"]) == {s.value for s in vitrail.Status}
    distance, boundary = group["summary"]["distance"], group["summary"]["decision_distance"]
    expected = np.quantile(to_axes(x), [0.5, 0.05, 0.95])
    assert [distance[name] for name in ("median", "low", "high")] == pytest.approx(expected.tolist())
    assert distance["infinite"] == distance["unknown"] == 0
    infinite = int(np.isinf(to_diagonal(x)).sum())
    assert boundary["infinite"] == infinite > 20 and boundary["median"] == "inf"
    assert group["summary"]["crossed"] == {"true": 40 - infinite, "unknown": 0}
    assert not {"point", "row", "prediction", "nearest_unit", "status", "group"} & set(group["summary"])
    assert set(group["summary"]) < set(document["columns"]) and "input units" in document["columns"]["radius"]


@pytest.mark.usefixtures("folder")
def test_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    groups = ["--groups", "data,random", BOX, "--count=7", "--measures=distance,decision"]
    document = run_json(capsys, "--input", "p.npy", *groups)
    assert main(["at", "net.npz", "--input", "p.npy", *groups]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "net.npz" in out and "box [-4, 4] x [-4, 4]" in out
    rows = [line.split() for line in out.splitlines() if line.strip()]
    assert ["measure", "group", "median", "5", "%", "95", "%", "infinite", "unknown"] in rows
    for i, (name, number) in enumerate((("data", 40), ("random", 7))):
        # such as: data 40 points in 4 regions: 40 certified
        head = next(row for row in rows if row[0] == name and "points" in row)
        counts = {status: n for status, n in document["groups"][i]["status"].items() if n}
        # regions are the quadrants
        assert head[1:4] + head[5:6] == [str(number), "points", "in", "regions:"]
        assert head[4] == "4" if name == "data" else 1 <= int(head[4]) <= 4
        said = ", ".join(f"{n} {s}" for s, n in counts.items())
        unsure = counts.get("uncertified", 0)
        assert " ".join(head[6:]) == said + (f" (decision {unsure})" if unsure else "")
        summary = document["groups"][i]["summary"]["distance"]
        expected = [f"{summary[key]:.4g}" for key in ("median", "low", "high")]
        assert [name, *expected] in rows or ["distance", name, *expected] in rows
        share = document["groups"][i]["summary"]["crossed"]["true"] / number
        assert [name, f"{share:.1%}", "yes"] in [row[-3:] for row in rows]


@pytest.mark.usefixtures("folder")
def test_quiet_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["at", "net.npz", "--input", "p.npy", "--rows", "3:8", "--quiet", "--measures=distance"]) == 0
    assert capsys.readouterr() == ("5\n", "")


@pytest.mark.usefixtures("folder")
def test_domains(capsys: pytest.CaptureFixture[str]) -> None:
    limits = "(declare-const X_0 Real) (declare-const X_1 Real)" + "".join(
        f"(assert (>= X_{i} -{SIDE})) (assert (<= X_{i} {{}}))" for i in range(2)
    )
    Path("p.vnnlib").write_text(limits.format(SIDE, SIDE))
    few = ["--input", "p.npy", "--measures", "distance"]
    boxes = ([BOX], ["--box=-4:4,-4:4"], ["--box=-4,4", "--box=-4,4"], ["--vnnlib", "p.vnnlib"])
    found = [run_json(capsys, *few, *domain) for domain in (*boxes, ["--space"], [])]
    summaries = [(one["domain"], one["groups"][0]["summary"]["distance"]) for one in found]
    assert summaries[1:4] == summaries[:1] * 3 and summaries[4] == summaries[5] != summaries[0]
    Path("flat.vnnlib").write_text(limits.format(SIDE, -SIDE))
    assert main(["at", "net.npz", *few, "--vnnlib", "flat.vnnlib"]) == 3
    err = capsys.readouterr().err
    assert (
        err.startswith("error: --vnnlib: expected limits with room for every input, found 1 fixed") and "--box" in err
    )


def test_the_words_are_those_of_the_library() -> None:
    assert list(MEASURES) == ["distance", *OF_REGIONS]
    default = inspect.signature(REPORT.report).parameters["measures"].default
    assert inspect.signature(at).parameters["measures"].default == ",".join(default)


# ---- points --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_groups() -> None:
    x = points()
    options = ["--input", "p.npy", "--rows", "30:40,2", "--groups", "boundary,data,random", "--measures"]
    table = table_of(*options, "distance,decision")
    assert table["group"].tolist() == ["boundary"] * 11 + ["data"] * 11 + ["random"] * 11
    rows = [*range(30, 40), 2]
    data, near = table[table["group"] == "data"], table[table["group"] == "boundary"]
    assert data["row"].tolist() == rows and table["point"].tolist() == list(range(33))
    assert np.allclose(data["distance"], to_axes(x[rows]))
    assert set(near["row"]) <= set(rows) and table[table["group"] == "random"]["row"].isna().all()
    classes = np.maximum(x, 0.0).argmax(axis=1)
    assert near["prediction"].tolist() == classes[near["row"].to_numpy(dtype=int)].tolist()
    # next to the boundary x = y > 0, or to where one output turns positive and the other is 0: there on an axis
    assert (np.minimum(near["decision_distance"], near["distance"]) < 1e-9).all()
    assert table_of(*options, "distance")["distance"].equals(table["distance"])
    other = table_of(*options, "distance", "--seed=1", "--count=3")
    assert other["group"].tolist() == ["boundary"] * 3 + ["data"] * 11 + ["random"] * 3
    assert not set(other["distance"][-3:]) & set(table["distance"])


@pytest.mark.usefixtures("folder")
def test_random_points_need_no_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--groups=random", "--measures=distance"]
    document = run_json(capsys, *few, BOX, "--count=9", "--seed=2")
    assert document["points"] == 9 and document["seed"] == 2
    for wrong, code, words in (
        ([BOX], 2, "--groups random needs --count"),
        ([BOX, "--count=9", "--rows=0"], 2, "--rows goes with --input"),
        (["--count=9"], 3, "--groups random: expected --box LIMITS or --input FILE"),
        (["--input=q.npy"], 3, "single point"),
    ):
        assert main(["at", "net.npz", *few, *wrong]) == code
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("error: ") and words in err
    assert run_json(capsys, *few, "--input=q.npy", BOX)["points"] == 1


@pytest.mark.usefixtures("folder")
def test_several_files_count_on(capsys: pytest.CaptureFixture[str]) -> None:
    np.savetxt("p.csv", points(), delimiter=",")
    table = table_of("--input=q.npy", "--input=p.csv", "--rows=40,0:2", "--measures=distance")
    assert table["row"].tolist() == [40, 0, 1]
    assert np.allclose(table["distance"], to_axes(np.array([points()[39], [1.0, 3.0], points()[0]])))
    assert main(["at", "net.npz", "--input=q.npy", "--input=p.csv", "--rows=40:42"]) == 2
    assert "--rows: expected rows from 0 to 40, found 41" in capsys.readouterr().err


PARTS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)), min_size=1, max_size=5)


@given(PARTS, st.sampled_from(["", " "]))
def test_rows_are_those_of_python(parts: list[tuple[int, int]], space: str) -> None:
    words, expected = [], []
    for start, length in parts:
        words.append(f"{start}{space}:{space}{start + length}" if length else str(start))
        expected += list(range(1000))[start : start + length] if length else [start]
    text = f"{space},{space}".join(words)
    assert rows_of(text) == expected and rows_of(text, len(expected)) == expected
    with pytest.raises(InvalidOptionError, match=f"expected {len(expected) + 1} row numbers, found {len(expected)}"):
        rows_of(text, len(expected) + 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *(
            (text, "expected row numbers from 0 on")
            for text in ("", ",", ":", "1:", ":4", "1:2:3", "-1", "0:-1", "a:b")
        ),
        *((text, "expected row numbers from 0 on") for text in ("1.5", "0:1e3", "1;2", "9" * 5000, "0-5")),
        *((text, "start below stop") for text in ("5:5", "7:3", "0:1,2:2")),
        *((text, "at most 1,000,000 rows") for text in ("0:999999999999999999", "0:900000,0:200000")),
    ],
)
def test_wrong_rows(text: str, words: str) -> None:
    with pytest.raises(InvalidOptionError, match="--rows: ") as caught:
        rows_of(text)
    assert words in str(caught.value) and "found" in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.usefixtures("folder")
def test_ranges_of_rows_for_regions(capsys: pytest.CaptureFixture[str]) -> None:
    def quiet(*arguments: str) -> str:
        assert main(["regions", "net.npz", *arguments, "--quiet"]) == 0
        return capsys.readouterr().out

    assert quiet("--segment", "--input=p.npy", "--rows=4:6") == quiet("--segment", "--input=p.npy", "--rows=4,5")
    assert quiet("--plane", "--input=p.npy", "--rows=1:3,9") == quiet("--plane", "--input=p.npy", "--rows=1,2,9")
    walk = ["--walk-from=p.npy", "--steps=0"]
    visited = len(np.unique(points()[:20] > 0, axis=0))
    assert quiet(*walk, "--rows=0:20").strip() == quiet(*walk, "--rows=" + ",".join(map(str, range(20)))).strip()
    assert visited == 4 == int(quiet(*walk, "--rows=0:20"))
    for wrong, words in (
        (["--segment", "--input=p.npy", "--rows=0:3"], "expected 2 row numbers, found 3 in '0:3'"),
        (["--plane", "--input=p.npy", "--rows=0:2"], "expected 3 row numbers, found 2"),
        (["--segment", "--input=p.npy", "--rows=39:41"], "expected rows from 0 to 39, found 40"),
        ([*walk, "--rows=30:50"], "expected rows from 0 to 39, found 49"),
        ([*walk, "--rows=5:5"], "start below stop"),
    ):
        assert main(["regions", "net.npz", *wrong]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("error: --rows: ") and words in err


# ---- summaries -----------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(0, 3))
def test_summaries_are_quantiles(values: list[float], unknown: int) -> None:
    found = summary_of(np.array([np.nan] * unknown + values))
    expected = np.quantile(values, [0.5, 0.05, 0.95])
    # both interpolate in float64: a few roundings of the largest value
    assert [found["median"], found["low"], found["high"]] == pytest.approx(expected.tolist(), rel=1e-12, abs=1e-9)
    assert (found["infinite"], found["unknown"]) == (0, unknown)


def test_summaries_of_infinite_numbers() -> None:
    inf = float("inf")
    assert summary_of(np.array([inf, 1.0, inf])) == {
        "median": inf,
        "low": inf,  # nine tenths of the way from 1 down to its neighbor: between 1 and inf there is nothing else
        "high": inf,
        "infinite": 2,
        "unknown": 0,
    }
    found = summary_of(np.array([*([1.0] * 30), inf]))
    assert (found["median"], found["low"], found["high"], found["infinite"]) == (1.0, 1.0, 1.0, 1)
    empty = summary_of(np.array([np.nan]))
    assert all(np.isnan(empty[name]) for name in ("median", "low", "high")) and empty["unknown"] == 1


# ---- files ---------------------------------------------------------------------------------------------------------


def test_tables_survive_a_round_trip(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--input", "p.npy", "--groups=data,random", "--count=5", BOX, "--measures=distance,directions,decision"]
    document = run_json(capsys, *options, "--out", "t.parquet")
    assert document["files"] == {"out": "t.parquet", "plot": None}
    assert run_json(capsys, *options, "--out", "T.CSV")["files"]["out"] == "T.CSV"
    table, text = pandas.read_parquet("t.parquet"), pandas.read_csv("T.CSV", dtype=str, keep_default_na=False)
    assert list(table.columns) == list(text.columns) == list(document["columns"]) == list(table.attrs["columns"])
    assert table.attrs["columns"] == document["columns"]
    assert table.attrs["network"] == document["model"]["digest"] and "box" in table.attrs["domain"]
    for name in table.columns:
        if table[name].dtype.kind == "f":
            read = [float(word) if word else float("nan") for word in text[name]]
            np.testing.assert_array_equal(read, table[name].to_numpy(), name)
        else:
            assert text[name].tolist() == ["" if pandas.isna(value) else str(value) for value in table[name]], name
    assert text["row"].tolist() == [*map(str, range(40)), *([""] * 5)]
    assert np.isinf(table["decision_distance"]).any()
    assert sorted(path.name for path in folder.iterdir()) == [
        "T.CSV",
        "net.npz",
        "p.npy",
        "q.npy",
        "s.npy",
        "t.parquet",
    ]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_table_is_written_whole_or_not_at_all(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / f"t.{kind}").write_text("before")

    def fail(table: pandas.DataFrame, file: IO[bytes] | None = None, **options: object) -> str:
        if file is not None:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pandas.DataFrame, f"to_{kind}", fail)
    assert main(["at", "net.npz", "--input=q.npy", "--measures=distance", f"--out=t.{kind}"]) == 6
    out, err = capsys.readouterr()
    assert out == "" and "No space left on device" in err and "Traceback" not in err
    assert (folder / f"t.{kind}").read_text() == "before" and not list(folder.glob(".vitrail*"))


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a$b$.svg", b"<?xml")])
def test_pictures(name: str, start: bytes, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "--input=s.npy", "--groups=data,random", "--plot", name)
    assert (folder / name).read_bytes().startswith(start) and document["files"]["plot"] == name


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("measure", ["distance", "insphere", "directions", "decision"])
@pytest.mark.parametrize("file", ["q.npy", "p.npy"])
def test_a_picture_of_one_measure(measure: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    # in the whole space all radii are infinite, and one point has a single distance
    run_json(capsys, f"--input={file}", f"--measures={measure}", "--plot=a.png")
    assert Path("a.png").stat().st_size > 5000


@pytest.mark.usefixtures("folder")
def test_angles_of_some_regions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import vitrail.plots.local

    titles = []

    def spy(table: pandas.DataFrame, angles: Any, **options: Any) -> Any:
        titles.append((options["angles_title"], {name: found.pairs for name, found in angles.items()}))
        return plot_report(table, angles, **options)

    monkeypatch.setattr(vitrail.plots.local, "plot_report", spy)
    run_json(capsys, BOX, "--groups=random", "--count=51", "--measures=directions", "--plot=a.png")
    run_json(capsys, "--input=s.npy", BOX, "--groups=random,data", "--measures=directions", "--plot=a.png")
    # a quadrant has two rows: one pair
    assert titles[0] == ("regions of 50 points of random", {"random": 50})
    assert titles[1] == ("regions of 2 points of random, regions of 2 points of data", {"random": 2, "data": 2})


def test_panels() -> None:
    table = {
        "group": ["data", "data", "random"],
        "distance": [0.5, 0.5, 0.5],
        "radius": [float("inf")] * 3,
        "decision_distance": [1.0, float("nan"), float("inf")],
        "other": [1, 2, 3],
    }
    angles = {name: directions(np.eye(3)) for name in ("data", "random")}
    figure = plot_report(table, angles, title="x $ y " * 40, angles_title="one region each")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "b", "c", "d"]
    texts = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in figure.axes]
    assert texts[0] == ["data: 2, median 0.5", "random: 1, median 0.5"] and figure.axes[0].get_xscale() == "log"
    assert texts[1] == ["data: 2, median inf (2 infinite)", "random: 1, median inf (1 infinite)"]
    assert texts[2] == ["data: 2, median 1 (1 unknown)", "random: 1, median inf (1 infinite)"]
    assert texts[3][0].startswith("data: 3 pairs") and figure.axes[3].get_title() == "one region each"
    assert all("input units" in ax.get_xlabel() for ax in figure.axes[:3])
    figure.canvas.draw()  # a dollar sign is no formula, and a long title is broken
    title = figure.get_suptitle()
    assert title.count("\n") >= 1 and title.count(r"\$") == 40
    assert len(plot_report(table, angles).axes) == 4 and len(plot_report({"group": ["a"], "radius": [1.0]}).axes) == 1
    own = plot_report(table, figure=figure.__class__())
    assert len(own.axes) == 3
    for wrong in ({"group": ["a"], "facets": [1]}, {"group": [], "radius": []}):
        with pytest.raises(InvalidOptionError, match="expected points with at least one of distance, radius"):
            plot_report(wrong)


# ---- endings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [[], ["--json"], ["--quiet"]])
def test_require_comes_last(
    extra: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["at", "net.npz", "--input=p.npy", "--measures=distance", "--require=certified", *extra]
    assert main(command) == 0
    capsys.readouterr()
    real = REPORT.report

    def doubt(*arguments: Any, **options: Any) -> pandas.DataFrame:
        table = real(*arguments, **options)
        table.loc[[3, 4], "status"] = ["uncertified", "partial"]
        return table

    monkeypatch.setattr(REPORT, "report", doubt)
    assert main([*command, "--out=t.csv", "--plot=a.png"]) == 5
    out, err = capsys.readouterr()
    assert err.startswith("error: --require certified: 2 of 40 rows are not certified\nhint: ") and "--out" in err
    assert pandas.read_csv("t.csv")["status"].value_counts()["partial"] == 1 and (folder / "a.png").exists()
    if "--json" in extra:
        assert json.loads(out)["status"] == {"exact": 0, "certified": 38, "uncertified": 1, "partial": 1}
    elif "--quiet" in extra:
        assert out == "40\n"
    else:
        assert "40 points: 38 certified, 1 uncertified, 1 partial" in out
    assert main([word for word in command if word != "--require=certified"]) == 0


WRONG = {
    "": (2, "expected --input FILE|--groups random"),
    "--groups=random,data": (2, "expected --input FILE"),
    "--input=p.npy|--groups=dat": (2, "--groups|'dat'|'data'"),
    "--input=p.npy|--groups=data,data": (2, "--groups|'data' 2 times"),
    "--input=p.npy|--groups=": (2, "--groups|''"),
    "--input=p.npy|--measures=distances": (2, "--measures|'distances'|'distance'"),
    "--input=p.npy|--measures=distance,": (2, "--measures|''"),
    "--input=p.npy|--measures=radius,radius": (2, "--measures|'radius'"),
    "--input=p.npy|--measures=distance,distance": (2, "--measures|'distance' 2 times"),
    "--input=p.npy|--count=5": (2, "--count goes with --groups random or boundary"),
    "--input=p.npy|--seed=5": (2, "--seed goes with --groups random or boundary"),
    "--input=p.npy|--groups=random|--count=0": (2, "--count|'0'"),
    "--input=p.npy|--groups=random|--seed=-1": (2, "--seed|'-1'"),
    "--input=p.npy|--rows=x": (2, "--rows|'x'"),
    "--input=p.npy|--rows=40": (2, "--rows: expected rows from 0 to 39, found 40"),
    "--input=p.npy|--rows=3:3": (2, "--rows|start below stop"),
    "--input=p.npy|--box=-4,4|--space": (2, "at most one of --box, --vnnlib, --space, found --box and --space"),
    "--input=p.npy|--box=x": (2, "--box|'x'"),
    "--input=p.npy|--require=exact": (2, "--require|'exact'"),
    "--input=p.npy|--out=t.npz": (2, "--out|.parquet, .csv|'t.npz'"),
    "--input=p.npy|--plot=t.gif": (2, "--plot|.png|'t.gif'"),
    "--input=p.csv|--out=p.csv": (2, "--out|'p.csv' is an input file"),
    "--input=p.csv|--out=./p.csv|--rows=0": (2, "an input file"),
    "--input=p.npy|--plot=t.png|--measures=facets": (2, "--plot draws distance, insphere, directions, decision"),
    "--input=p.npy|--plane": (2, "No such option: --plane"),
    "--input=q.npy|--groups=boundary": (2, "--groups boundary|only class 1"),
    "--input=missing.npy": (3, "--input|missing.npy"),
    "--input=net.txt": (3, "--input|net.txt|.npy"),
    "--input=wide.npy": (3, "--input|wide.npy|(2,)"),
    "--input=nan.npy|--rows=1:3": (3, "--input: row 2 has nan for input 1"),
    "--input=p.npy|--box=0,1|--rows=1:9": (3, "rows are outside the domain, the first is row |larger domain"),
    "--input=p.npy|--box=0,1|--groups=random,data": (3, "outside the domain"),
    "--input=p.npy|--box=1,0": (3, "above hi"),
    "--input=p.npy|--box=-4:4,-4:4,-4:4": (3, "--box|3 inputs"),
    "--input=p.npy|--vnnlib=missing.vnnlib": (3, "missing.vnnlib"),
    "--input=p.npy|--out=no/t.csv": (6, "no/t.csv|does not exist"),
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_options(arguments: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savetxt("p.csv", points(), delimiter=",")
    np.save("wide.npy", np.ones((3, 5)))
    np.save("nan.npy", np.array([[0.0, 1.0], [1.0, 2.0], [0.0, np.nan]]))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, words = WRONG[arguments]
    assert main(["at", "net.npz", *filter(None, arguments.split("|"))]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and "Traceback" not in err and "bug" not in err
    for word in words.split("|"):
        assert word in err, (word, err)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_wrong_models(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.npz").write_bytes(b"PK")
    for model in ("missing.onnx", "bad.npz"):
        assert main(["at", model, "--input=p.npy"]) == 3
        assert capsys.readouterr().err.startswith("error: ")
    assert main(["at", "p.csv", "--input=p.npy", "--out=p.csv"]) == 2
    assert "'p.csv' is the model file" in capsys.readouterr().err


def test_regions_never_overwrite_their_inputs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "seven.png").write_bytes(b"")
    for arguments in (["--segment", "--input=seven.png", "--plot=seven.png"], ["--walk-from=s.npz", "--out=s.npz"]):
        assert main(["regions", "net.npz", *arguments]) == 2
        assert "is an input file; choose another name" in capsys.readouterr().err


@pytest.mark.parametrize(("extra", "shown"), [([], True), (["--json"], False), (["--quiet"], False)])
@pytest.mark.usefixtures("folder")
def test_progress_is_for_terminals(
    extra: list[str], shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["at", "net.npz", "--input=p.npy", "--measures=directions", *extra]
    assert main(command) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(command) == 0
    assert ("40/40" in capsys.readouterr().err) is shown


def test_interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    before = sorted(folder.iterdir())
    monkeypatch.setattr(REPORT, "report", interrupt)
    assert main(["at", "net.npz", "--input=p.npy", "--out=t.csv", "--plot=a.png"]) == 130
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("interrupted") and err.count("\n") == 1
    assert sorted(folder.iterdir()) == before


@pytest.mark.usefixtures("folder")
def test_nobody_reads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["at", "net.npz", "--input=q.npy", "--measures=distance", "--json"]) == 141
    assert capsys.readouterr().err == ""


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["at", "--help"]) == 0
    out, err = capsys.readouterr()
    assert (
        err == ""
        and "Usage: vitrail at" in out
        and "\n    vitrail at model.onnx --input images.npy --rows 0:100" in out
    )
    for word in ("--measures", "--groups", "--count", "--seed", "--require", "--out", "--plot", *MEASURES):
        assert word in out
    assert main(["--help"]) == 0
    assert "vitrail at model.onnx" in capsys.readouterr().out
