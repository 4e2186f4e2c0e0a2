"""The command line end to end: what it prints, writes and returns."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitrail
from vitrail.certification.certificate import Certificate, Check
from vitrail.cli import main
from vitrail.data import digits_network_path, digits_samples
from vitrail.domains import Slice, Space

DIGITS = str(digits_network_path())


@pytest.fixture(autouse=True)
def _wide_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables as wide as they like: what is asserted is their words, not where a narrow terminal breaks them."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def two(tmp_path: Path) -> str:
    """Three lines through the square: x = 0, y = 0, x + y = 1/2; 7 regions."""
    path = tmp_path / "two.npz"
    np.savez(path, W1=np.array([[1.0, 0], [0, 1], [1, 1]]), b1=np.array([0, 0, -0.5]), W2=np.ones((1, 3)))
    return str(path)


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not strict JSON")

    document = json.loads(out, parse_constant=refuse)
    assert isinstance(document, dict)
    return document


def test_box(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["regions", two, "--box", "-1,1"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for words in ("activation regions", "7 (exact)", "certified", "7 to 7", "box [-1, 1] x [-1, 1]", "layer1.relu"):
        assert words in out
    assert "of them exactly" in out and "undecided" not in out and "the sum of the areas differs" in out


@pytest.mark.parametrize("box", ["--box=-1,1", "--box=-1:1", "--box=[-1, 1]", "--box=-1:1,-1:1", "--box= -1.0 , +1e0 "])
def test_forms_of_a_box(box: str, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["regions", two, box, "--quiet"]) == 0
    assert capsys.readouterr() == ("7\n", "")


@pytest.mark.parametrize("definition", ["activation", "linear", "affine"])
@pytest.mark.parametrize("extra", [[], ["--count-only"]])
def test_definitions(definition: str, extra: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # |x| of both inputs, then a unit that only lifts the sum: the four quadrants have four maps
    path = tmp_path / "abs.npz"
    np.savez(path, W1=np.eye(2), W2=np.ones((1, 2)), W3=np.ones((1, 1)), b3=np.zeros(1))
    arguments = ["regions", str(path), "--box", "-1,1", "--activation", "abs", "--definition", definition, *extra]
    document = run_json(capsys, *arguments)
    net = vitrail.Network.from_file(path, activation="abs")
    expected = vitrail.enumerate_regions(net, vitrail.Box([-1, -1], [1, 1])).count(definition)
    assert document["count"] == {k: v for k, v in expected.to_dict().items() if k != "domain"}
    assert document["count"]["value"] >= 4


def test_json_of_a_plane(capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "regions", DIGITS, "--plane", "--random", "3", "--margin", "0.5")
    points = np.random.default_rng(3).random((3, 64))
    net = vitrail.Network.from_file(DIGITS)
    plane = vitrail.Plane.through(*points, margin=0.5)
    regions = vitrail.enumerate_regions(net, plane)
    assert document["count"]["value"] == document["activation_regions"] == len(regions) > 50
    assert document["domain"] == {"description": plane.description, "dimension": 2, "measure": plane.measure}
    assert [layer["regions"] for layer in document["by_layer"]] == list(regions.account.per_layer)
    assert (
        document["measure_sum"] == pytest.approx(plane.measure) and document["measure_error"] == regions.measure_error
    )
    assert (document["decisions"], document["count"]["undecided"]) == (regions.account.decisions, 0)
    assert (document["arithmetic"], document["exact_decisions"]) == ("filtered", regions.account.exact)
    assert document["certificate"] is None
    assert document["model"]["digest"] == net.digest and document["model"]["path"] == DIGITS
    assert document["files"] == {"out": None, "plot": None}


def test_a_line_is_unbounded(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "regions", two, "--line", "--random", "0")
    assert document["domain"]["measure"] == "inf" and document["measure_sum"] == "inf"
    assert document["measure_error"] is None and document["count"]["value"] == 4
    assert main(["regions", two, "--line", "--random", "0"]) == 0
    assert "the domain is unbounded" in capsys.readouterr().out


def test_points_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = digits_samples()[0].astype(np.float64) / 16
    np.save(tmp_path / "p.npy", images)
    np.savez(tmp_path / "p.npz", images=images, labels=np.arange(20))
    np.savez_compressed(tmp_path / "q.npz", images=images.astype(np.float32))
    np.savetxt(tmp_path / "p.csv", images.reshape(20, 64), delimiter=",")
    for i in (2, 5):
        np.save(tmp_path / f"{i}.npy", images[i])
    expected = run_json(capsys, "regions", DIGITS, "--segment", "--input", str(tmp_path / "p.npy"), "--rows", "2,5")
    net = vitrail.Network.from_file(DIGITS)
    segment = vitrail.Segment(images[2].ravel(), images[5].ravel())
    assert expected["count"]["value"] == len(vitrail.enumerate_regions(net, segment)) > 5
    for name in ("p.npz", "q.npz", "p.csv"):
        again = run_json(capsys, "regions", DIGITS, "--segment", "--input", str(tmp_path / name), "--rows=2, 5")
        assert again["count"] == expected["count"] and again["measure_sum"] == expected["measure_sum"], name
    two_files = ["--input", str(tmp_path / "2.npy"), "--input", str(tmp_path / "5.npy")]
    assert run_json(capsys, "regions", DIGITS, "--segment", *two_files)["count"] == expected["count"]


def test_points_from_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from matplotlib.image import imsave

    images = digits_samples()[0]
    for i in (2, 5):
        gray = (images[i].astype(np.uint16) * 255 // 16).astype(np.uint8)
        imsave(tmp_path / f"{i}.png", np.repeat(gray[:, :, None], 3, axis=2))
        np.save(tmp_path / f"{i}.npy", gray.astype(np.float32) / np.float32(255))
    found = [
        run_json(capsys, "regions", DIGITS, "--segment", *(f"--input={tmp_path / f'{i}.{kind}'}" for i in (2, 5)))
        for kind in ("png", "npy")
    ]
    assert found[0]["count"] == found[1]["count"]
    assert found[0]["measure_sum"] == pytest.approx(found[1]["measure_sum"], rel=1e-6)


def test_color_pictures(tmp_path: Path) -> None:
    from matplotlib.image import imsave

    from vitrail.cli.points import read_points

    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    imsave(tmp_path / "c.png", pixels)
    point = read_points(tmp_path / "c.png", (3, 4, 5))
    assert np.allclose(point[0], pixels.transpose(2, 0, 1) / 255, atol=1e-6) and point.shape == (1, 3, 4, 5)


@pytest.mark.parametrize("kind", ["parquet", "npz"])
def test_out(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"regions.{kind}"
    document = run_json(capsys, "regions", DIGITS, "--plane", "--random", "0", "--out", str(path))
    assert document["files"]["out"] == str(path)
    again = vitrail.RegionSet.read(path)
    assert len(again) == document["count"]["value"] and again.account.decisions == document["decisions"]


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a.svg", b"<?xml")], ids=["png", "pdf", "svg"]
)
def test_plot(name: str, start: bytes, two: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    document = run_json(capsys, "regions", two, "--box=-1,1", "--plot", str(path), "--color", "area")
    assert path.read_bytes().startswith(start) and document["files"]["plot"] == str(path)


def test_plot_of_a_line(two: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for domain in ("--line", "--segment"):
        path = tmp_path / f"{domain[2:]}.png"
        run_json(capsys, "regions", two, domain, "--random", "0", "--plot", str(path))
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("extra", [[], ["--count-only"]])
@pytest.mark.parametrize("require", ["complete", "certified"])
def test_partial(extra: list[str], require: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    layers = {"W1": rng.normal(size=(64, 2)), "W2": rng.normal(size=(64, 64)), "W3": rng.normal(size=(1, 64))}
    np.savez(tmp_path / "wide.npz", **layers, b1=rng.normal(size=64), b2=rng.normal(size=64))
    arguments = ["regions", str(tmp_path / "wide.npz"), "--box=-1,1", *extra]
    assert main([*arguments, "--max-regions", "20"]) == 0
    out = capsys.readouterr().out
    assert "(lower bound)" in out and "partial: " in out and re.search(r"bounds +[\d,]+ to [\d,]+ ", out)
    target = [] if extra else ["--out", str(tmp_path / "r.npz")]
    assert main([*arguments, "--max-regions", "20", "--require", require, "--json", *target]) == 5
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["count"]["status"] == "partial" and document["count"]["upper"] > 20
    assert err.startswith(f"error: --require {require}: the result is partial\nhint: ")
    if target:
        assert document["activation_regions"] == 20
        assert not vitrail.RegionSet.read(target[1]).account.complete
    assert main([*arguments, "--require", require]) == 0


def test_uncertified_is_complete(monkeypatch: pytest.MonkeyPatch, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    count = vitrail.Count(
        7,
        lower=5,
        upper=None,
        status=vitrail.Status.UNCERTIFIED,
        definition=vitrail.Definition.ACTIVATION,
        domain="box",
        undecided=2,
    )
    monkeypatch.setitem(vars(vitrail), "count_regions", lambda *arguments, **options: count)
    arguments = ["regions", two, "--box=-1,1", "--count-only"]
    assert main([*arguments, "--require", "complete"]) == 0
    out = capsys.readouterr().out
    assert "7 (estimate)" in out and "uncertified: " in out and "at least 5" in out
    assert main([*arguments, "--require", "certified"]) == 5


# ---- more dimensions -----------------------------------------------------------------------------------------------


def save_network(path: Path, *widths: int) -> vitrail.Network:
    rng = np.random.default_rng(len(widths))
    pairs = list(itertools.pairwise(widths))
    arrays = {f"W{i + 1}": rng.normal(size=(b, a)) for i, (a, b) in enumerate(pairs)}
    np.savez(path, **arrays, **{f"b{i + 1}": 0.3 * rng.normal(size=b) for i, (_, b) in enumerate(pairs)})
    return vitrail.Network.from_file(path)


@pytest.fixture
def three(tmp_path: Path) -> str:
    """Two layers on three inputs."""
    save_network(tmp_path / "three.npz", 3, 5, 4, 2)
    return str(tmp_path / "three.npz")


PROPERTY = """
(declare-const X_0 Real) (declare-const X_1 Real) (declare-const X_2 Real) (declare-const Y_0 Real)
(assert (and (>= X_0 -1) (<= X_0 1.0) (>= X_1 -1.0) (<= X_1 1.0) (>= X_2 {}) (<= X_2 1.0)))
(assert (>= Y_0 0.0))
"""


def test_a_box_in_space(three: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = vitrail.Network.from_file(three)
    regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0] * 3, [1.0] * 3))
    document = run_json(capsys, "regions", three, "--box=-1,1", "--certify")
    assert document["count"]["value"] == len(regions) > 20 and document["certificate"]["status"] == "exact"
    assert document["cells"] == "vertices" and document["unbounded_regions"] == 0
    assert document["f_vector"] == regions.f_vector.tolist() and document["euler_characteristic"] == 1
    spread = document["spread"]
    assert list(spread) == ["volume", "facets", "vertices"]
    for name, values in (("volume", regions.measures), ("facets", np.diff(regions.facet_offsets))):
        assert spread[name]["mean"] == pytest.approx(values.mean())
        assert spread[name]["quantiles"][::2] == pytest.approx([values.min(), np.median(values), values.max()])
    (tmp_path / "p.vnnlib").write_text(PROPERTY.format(-1))
    boxes = ["--box=-1:1,-1:1,-1:1"], ["--box=-1,1"] * 3, ["--box=-1,1", "--box=-1:1,-1:1"]
    for domain in (*boxes, ["--vnnlib", str(tmp_path / "p.vnnlib")], ["--box=-1,1", "--cells", "halfspaces"]):
        again = run_json(capsys, "regions", three, *domain)
        assert again["count"] == document["count"] and again["measure_sum"] == pytest.approx(8.0), domain
    assert main(["regions", three, "--box=-1,1", "--cells=vertices"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert err == "" and ["Euler", "characteristic", "1"] in rows and "vertices: polytopes" in out
    assert ["per", "region", "least", "5", "%", "median", "95", "%", "most", "mean"] in rows
    assert [row[0] for row in rows if row and row[0] in spread] == list(spread)
    assert "the sum of the volumes differs from the domain's" in out


def test_fixed_inputs_of_a_property(three: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.vnnlib").write_text(PROPERTY.format(1))
    document = run_json(capsys, "regions", three, "--vnnlib", str(tmp_path / "p.vnnlib"))
    plane = vitrail.Plane([0.0, 0.0, 1.0], [1.0, 0, 0], [0, 1.0, 0])
    assert document["count"]["value"] == len(vitrail.enumerate_regions(vitrail.Network.from_file(three), plane))
    assert document["domain"]["dimension"] == 2 and document["domain"]["measure"] == 4.0


def test_the_whole_space(three: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "regions", three, "--space")
    regions = vitrail.enumerate_regions(vitrail.Network.from_file(three), Space(3))
    assert document["count"]["value"] == len(regions) and document["domain"]["measure"] == "inf"
    assert document["cells"] == "halfspaces" and document["f_vector"] is None
    assert 0 < document["unbounded_regions"] < len(regions)
    assert main(["regions", three, "--space"]) == 0
    out = capsys.readouterr().out
    assert f"unbounded {document['unbounded_regions']}; " in out and "linear programs" in out and "f-vector" not in out


def test_a_slice_of_points(capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "regions", DIGITS, "--slice=3", "--random=4", "--margin=0", "--count-only")
    points = np.random.default_rng(4).random((4, 64))
    domain = Slice(points[0], points[1:] - points[0], 0.0, 1.0)
    assert document["count"]["value"] == vitrail.count_regions(vitrail.Network.from_file(DIGITS), domain) > 10
    assert document["domain"] == {"description": domain.description, "dimension": 3, "measure": domain.measure}
    assert document["cells"] is document["spread"] is None


def test_a_plot_in_space(three: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, color in (("a.png", "pattern"), ("b.pdf", "class")):
        document = run_json(capsys, "regions", three, "--box=-1,1", "--plot", str(tmp_path / name), "--color", color)
        assert document["files"]["plot"] == str(tmp_path / name) and (tmp_path / name).stat().st_size > 10_000


def test_a_partial_count_says_what_it_cannot_exceed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_network(tmp_path / "n.npz", 4, 30, 30, 30, 30, 2)
    assert main(["regions", str(tmp_path / "n.npz"), "--box=-1,1", "--max-regions=50"]) == 0
    out = capsys.readouterr().out
    assert "(lower bound)" in out and re.search(r"at least [\d,]+, at most \d\.\d\de\+\d+", out)
    assert "the regions found cover" in out and "f-vector" not in out


def test_many_dimensions_get_a_limit_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import vitrail.cli.regions

    asked: list[float | None] = []
    enumerate_regions = vitrail.enumerate_regions

    def spy(*arguments: Any, **options: Any) -> vitrail.RegionSet:
        asked.append(options["time_limit"])
        return enumerate_regions(*arguments, **options)

    monkeypatch.setitem(vars(vitrail), "enumerate_regions", spy)
    monkeypatch.setattr(vitrail.cli.regions, "_UNASKED_SECONDS", 30.0)
    save_network(tmp_path / "n.npz", 8, 2, 1)
    for extra, seconds in (([], 30.0), (["--time-limit=9"], 9.0), (["--max-regions=9"], None)):
        assert main(["regions", str(tmp_path / "n.npz"), "--box=-1,1", "--json", *extra]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["count"]["value"] >= 3 and asked.pop() == seconds
        assert err.count("\n") == (not extra) and ("stops after 30 seconds" in err) is not extra
    save_network(tmp_path / "m.npz", 7, 2, 1)
    assert run_json(capsys, "regions", str(tmp_path / "m.npz"), "--box=-1,1")["cells"] == "vertices"


def test_a_walk(three: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = np.array([[0.1, 0.2, 0.3], [0.5, -0.4, 0.2], [9.0, 9.0, 9.0]])
    np.save(tmp_path / "p.npy", points)
    walk = ["regions", three, "--walk-from", str(tmp_path / "p.npy")]
    found = vitrail.walk(vitrail.Network.from_file(three), points, max_distance=2)
    document = run_json(capsys, *walk, "--steps=2")
    numbers = [shell["regions"] for shell in document["walk"]["by_distance"]]
    assert numbers == np.bincount(found.distances).tolist() and document["walk"]["seeds"] == 3
    assert document["activation_regions"] == len(found.regions) == sum(numbers) <= document["count"]["value"]
    assert document["domain"]["description"] == "whole space of 3 inputs"
    one = run_json(capsys, *walk, "--rows=0,1", "--box=-1,1")
    assert [shell["distance"] for shell in one["walk"]["by_distance"]] == [0, 1] and one["walk"]["seeds"] == 2
    inside = vitrail.enumerate_regions(vitrail.Network.from_file(three), vitrail.Box([-1.0] * 3, [1.0] * 3))
    whole = run_json(capsys, *walk, "--rows=0", "--box=-1,1", "--steps=99")
    assert whole["count"]["value"] == len(inside) and whole["count"]["status"] == "certified"
    assert main([*walk, "--steps=0", "--out", str(tmp_path / "r.npz")]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert err == "" and ["facets", "crossed", "regions", "facets", "of", "each", "class:", "regions"] in rows
    assert len(vitrail.RegionSet.read(tmp_path / "r.npz")) == numbers[0]
    assert main([*walk, "--box=-1,1"]) == 3
    assert capsys.readouterr().err.startswith("error: ")


# ---- exact arithmetic and certificates -----------------------------------------------------------------------------

CHECKS = ["patterns", "witnesses", "vertices", "maps", "measure", "facets", "continuity", "Euler"]


@pytest.fixture
def degenerate(tmp_path: Path) -> str:
    """Three lines through the center of the square, one of them twice: 6 regions."""
    path = tmp_path / "degenerate.npz"
    np.savez(path, W1=np.array([[1.0, 0], [0, 1], [0.3, 0.7], [0.3, 0.7]]), W2=np.ones((1, 4)))
    return str(path)


@pytest.fixture
def hair(tmp_path: Path) -> str:
    """x = 1/2 and 3 x = 3/2 + one unit in the last place, y = 0, y = -1/4: 9 regions, three of them a hair wide."""
    path = tmp_path / "hair.npz"
    biases = np.array([-0.5, -np.nextafter(1.5, 2.0), 0.0, 0.25])
    np.savez(path, W1=np.array([[1.0, 0], [3, 0], [0, 1], [0, 1]]), b1=biases, W2=np.ones((1, 4)))
    return str(path)


@pytest.mark.parametrize("extra", [[], ["--count-only"], ["--definition", "linear"]])
@pytest.mark.parametrize(
    ("words", "status", "arithmetic"),
    [
        ([], "certified", "filtered"),
        (["--exact", "needed"], "certified", "filtered"),
        (["--exact", "never"], "uncertified", "float"),
        (["--exact", "always"], "exact", "exact"),
    ],
)
def test_a_degenerate_network(
    words: list[str],
    status: str,
    arithmetic: str,
    extra: list[str],
    degenerate: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["regions", degenerate, "--box=-1,1", *words, *extra]
    document = run_json(capsys, *arguments)
    proven = status != "uncertified"
    assert (document["count"]["value"], document["count"]["status"]) == (6, status)
    assert (document["count"]["undecided"] == 0) is proven
    if "--count-only" in extra:
        assert document["arithmetic"] is document["exact_decisions"] is None
    else:
        assert document["arithmetic"] == arithmetic
        assert document["exact_decisions"] == (document["decisions"] if proven else 0)
    assert main([*arguments, "--require", "certified", "--quiet"]) == (0 if proven else 5)
    out, err = capsys.readouterr()
    assert out == "6\n" and ("hint: leave out --exact never" in err) is not proven


def test_the_report_of_a_degenerate_network(degenerate: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["regions", degenerate, "--box=-1,1"]) == 0
    out = capsys.readouterr().out
    assert "4, 4 of them exactly" in out and "undecided" not in out
    assert main(["regions", degenerate, "--box=-1,1", "--exact", "never"]) == 0
    out = capsys.readouterr().out
    assert "4, 0 of them exactly; " in out and " signs undecided" in out


@pytest.mark.parametrize(
    ("word", "closest"), [("alway", "always"), ("Never", "never"), ("needs", "needed"), ("", ""), ("True", "")]
)
def test_bad_words_for_exact(word: str, closest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["regions", "missing.npz", "--box=-1,1", f"--exact={word}"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and f"--exact: expected one of needed, never, always, found {word!r}" in err
    assert f"did you mean '{closest}'" in err if closest else "did you mean" not in err


def test_certify(degenerate: str, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    for model, regions in ((degenerate, 6), (two, 7)):
        document = run_json(capsys, "regions", model, "--box=-1,1", "--certify")
        certificate = document["certificate"]
        assert certificate["status"] == "exact" and document["count"]["value"] == regions
        assert [check["name"] for check in certificate["checks"]] == CHECKS
        assert all(check["holds"] is True and check["found"] for check in certificate["checks"])
    assert document["count"]["status"] == "certified"  # a status is never upgraded
    assert main(["regions", two, "--box=-1,1", "--certify"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert err == "" and "certificate: exact" in out and ["check", "holds", "found"] in rows
    assert [row[0] for row in rows if row[1:2] == ["yes"]] == CHECKS
    assert main(["regions", two, "--box=-1,1", "--certify", "--quiet"]) == 0
    assert capsys.readouterr() == ("7\n", "")


def test_certify_says_what_it_could_not_check(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, "regions", two, "--box=-1,1", "--certify", "--max-regions", "3")
    unchecked = [check["name"] for check in document["certificate"]["checks"] if check["holds"] is None]
    assert document["certificate"]["status"] == "partial" and unchecked == ["facets", "Euler"]
    assert main(["regions", two, "--line", "--random=0", "--certify"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["measure", "-", "the", "domain", "is", "unbounded"] in rows


def test_certify_needs_the_regions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["regions", "missing.npz", "--box=-1,1", "--certify", "--count-only"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "--certify needs the regions" in err and "leave out one of them" in err


def test_certify_finds_what_floating_point_alone_misses(hair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_json(capsys, "regions", hair, "--box=-1,1", "--certify")["count"]["value"] == 9
    assert main(["regions", hair, "--box=-1,1", "--certify", "--exact=never", "--json"]) == 5
    out, err = capsys.readouterr()
    document = json.loads(out)
    wrong = [check["name"] for check in document["certificate"]["checks"] if check["holds"] is False]
    assert document["certificate"]["status"] == "uncertified" and "measure" in wrong
    assert err.startswith("error: --certify: the regions do not pass: ") and "hint: leave out --exact never" in err
    assert all(f"{name}: " in err for name in wrong)


@pytest.mark.parametrize("extra", [[], ["--json"], ["--quiet"]])
def test_a_failing_certificate_comes_last(
    extra: list[str],
    two: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "regions.npz"
    checks = (Check("maps", True, "fine"), Check("facets", False, "region 3: open"), Check("Euler", None, "not tried"))

    def certify(regions: vitrail.RegionSet, *, progress: bool) -> Certificate:
        assert path.exists() and len(regions) == 7 and progress is False
        return Certificate(7, checks)

    monkeypatch.setitem(vars(vitrail), "certify", certify)
    assert main(["regions", two, "--box=-1,1", "--certify", "--out", str(path), "--require=certified", *extra]) == 5
    out, err = capsys.readouterr()
    assert err.startswith("error: --certify: the regions do not pass: facets: region 3: open\nhint: ")
    assert "please report" in err and len(vitrail.RegionSet.read(path)) == 7
    if "--json" in extra:
        assert json.loads(out)["certificate"] == {
            "status": "uncertified",
            "checks": [
                {"name": "maps", "holds": True, "found": "fine"},
                {"name": "facets", "holds": False, "found": "region 3: open"},
                {"name": "Euler", "holds": None, "found": "not tried"},
            ],
        }
    elif "--quiet" in extra:
        assert out == "7\n"
    else:
        rows = [line.split() for line in out.splitlines()]
        assert "certificate: uncertified" in out and ["facets", "no", "region", "3:", "open"] in rows
        assert ["Euler", "-", "not", "tried"] in rows


@pytest.mark.parametrize(("extra", "shown"), [([], True), (["--json"], False), (["--quiet"], False)])
def test_progress_of_certify_is_for_terminals(
    extra: list[str], shown: bool, two: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["regions", two, "--box=-1,1", "--certify", *extra]) == 0
    assert ("7/7" in capsys.readouterr().err) is shown


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", DIGITS]) == 0
    out, err = capsys.readouterr()
    net = vitrail.Network.from_file(DIGITS)
    for words in ("npz", "48 in 2 layers", "2,410", net.digest, "layer2.relu", "relu is assumed"):
        assert words in out
    assert err == ""
    document = run_json(capsys, "info", DIGITS)
    assert document["parameters"] == 2410 and document["model"]["units"] == 48 and document["parity"] is None
    assert [node["op"] for node in document["nodes"]] == ["input", "linear", "relu", "linear", "relu", "linear"]
    assert document["notes"] == list(net.notes)


def test_info_of_onnx_tells_the_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import onnx
    from onnx import helper, numpy_helper

    weights = numpy_helper.from_array(np.array([[1.0, -1.0], [2.0, 0.5]], dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"], name="first"), helper.make_node("Relu", ["h"], ["y"], name="r")],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 2])],
        [weights],
    )
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    document = run_json(capsys, "info", str(path))
    assert document["parity"]["points"] > 0 and document["parity"]["value_error"] <= document["parity"]["value_bound"]
    assert main(["info", str(path)]) == 0
    assert "values differ by at most" in capsys.readouterr().out
    assert run_json(capsys, "regions", str(path), "--box", "-1,1")["count"]["value"] == 4


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vitrail {vitrail.__version__}\n"
    for arguments in (["--help"], ["-h"], ["regions", "--help"], ["info", "-h"], ["demo", "--help"]):
        assert main(arguments) == 0
        out, err = capsys.readouterr()
        assert "Usage: vitrail" in out and err == ""
    main(["--help"])
    out = capsys.readouterr().out
    assert "Exit codes:" in out and "\n    vitrail regions net.npz --box -1,1" in out
    assert main([]) == 2
    assert "Usage: vitrail" in capsys.readouterr().out


def test_the_demo_is_wired(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import vitrail.cli.demo

    called: list[object] = []

    def run_demo(*arguments: object) -> int:
        called.append(arguments)
        return 0

    monkeypatch.setattr(vitrail.cli.demo, "run_demo", run_demo)
    assert main(["demo", "--out", str(tmp_path), "--quiet"]) == 0
    assert called == [(tmp_path, True, False)]


# ---- streams and signals -------------------------------------------------------------------------------------------


def unread() -> io.TextIOWrapper:
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", encoding="utf-8")  # noqa: PTH123


@pytest.mark.parametrize("arguments", [["--help"], ["info", DIGITS], ["info", DIGITS, "--json"]])
def test_nobody_reads(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115, PTH123
    for stream, code in ((unread(), 141), (full, 6)):
        with stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert main(arguments) == code
    assert capsys.readouterr().err == "error: input or output failed: No space left on device\n"


def test_closed_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["info", DIGITS]) == 0
    assert main(["info", "missing.npz"]) == 3
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


@pytest.mark.parametrize("columns", ["20", "200"])
def test_widths_and_plain_text(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["regions", DIGITS, "--segment", "--random", "0"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= int(columns)


def test_an_ascii_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "é\udcff.npz"
    path.write_bytes(digits_network_path().read_bytes())
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    assert main(["info", str(path)]) == 0
    assert b"2,410" in raw.getvalue() and b"\\xe9" in raw.getvalue()
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(raw.getvalue().splitlines()[-1])["model"]["path"] == str(path)


def test_interrupted(monkeypatch: pytest.MonkeyPatch, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(vitrail), "enumerate_regions", interrupt)
    assert main(["regions", two, "--box=-1,1"]) == 130
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("interrupted") and err.count("\n") == 1


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug(debug: bool, monkeypatch: pytest.MonkeyPatch, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise TypeError("a\x1b[31m\nb")

    monkeypatch.setitem(vars(vitrail), "enumerate_regions", fail)
    monkeypatch.setenv("VITRAIL_DEBUG", "1" if debug else "0")
    assert main(["regions", two, "--box=-1,1"]) == 70
    err = capsys.readouterr().err
    assert ("Traceback" in err) is debug
    assert "error: this is a bug in Vitrail: TypeError: a\\x1b[31m\nhint: please report it" in err


def test_out_of_memory(monkeypatch: pytest.MonkeyPatch, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setitem(vars(vitrail), "enumerate_regions", fail)
    assert main(["regions", two, "--box=-1,1"]) == 3
    assert "error: out of memory\nhint: lower --max-regions" in capsys.readouterr().err


def test_a_real_process_is_interrupted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    widths = [2, 300, 300, 300, 1]
    arrays = {f"W{i + 1}": rng.normal(size=(widths[i + 1], widths[i])) / np.sqrt(widths[i]) for i in range(4)}
    arrays |= {f"b{i + 1}": 0.3 * rng.normal(size=widths[i + 1]) for i in range(4)}
    np.savez(tmp_path / "large.npz", **arrays)
    command = [sys.executable, "-m", "vitrail", "regions", "large.npz", "--box=-9,9", "--out", "r.npz"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(vitrail.__file__).parents[1])},
    )
    time.sleep(3.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == "" and err.startswith("interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["large.npz"]
