"""The demo from end to end: pictures, table, JSON, and the numbers against independent ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vitrail.cli.demo import run_demo
from vitrail.data import digits_network_path, digits_samples
from vitrail.errors import StoreError

PNG = b"\x89PNG\r\n\x1a\n"


def size_of(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == PNG
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("demo") / "deep" / "folder"
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("sys.stdout.write", written.append)
        assert run_demo(out, False, True) == 0
    return json.loads("".join(written))


def test_pictures(report: dict) -> None:
    plane, line = (Path(name) for name in report["files"])
    assert (plane.name, line.name) == ("plane.png", "line.png")
    for path in (plane, line):
        assert path.stat().st_size > 20_000
        assert size_of(path)[0] == 1620
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_numbers_hold_together(report: dict) -> None:
    for name in ("plane", "line"):
        facts = report[name]
        activation, linear, affine = (count["value"] for count in facts["counts"])
        assert affine <= linear <= activation
        assert list(facts["regions_after_layer"].values())[-1] == activation
        assert facts["status"] == "certified" and facts["undecided"] == 0 < facts["decisions"]
        assert facts["euler_characteristic"] == 1
        np.testing.assert_allclose(facts["measure_of_regions"], facts["measure"], rtol=1e-12)
    assert report["plane"]["decision_boundary"]["length"] > 0
    assert report["line"]["decision_boundary"]["pieces"] == report["line"]["decision_regions"] - 1
    assert set(report["line"]["classes"]) <= set(report["plane"]["classes"])


def test_line_agrees_with_a_fine_grid(report: dict) -> None:
    """Patterns and classes along the segment, from the stored arrays alone."""
    images, labels = digits_samples()
    three, four = (images[labels == digit].reshape(-1, 64) / 16 for digit in report["digits"][:2])
    with np.load(digits_network_path(), allow_pickle=False) as arrays:
        weights = [(arrays[f"W{i}"].astype(float), arrays[f"b{i}"].astype(float)) for i in (1, 2, 3)]
    found = []
    for start in three:
        for stop in four:
            share = np.linspace(0.0, 1.0, 200_001)[:, None]
            values, patterns = start + share * (stop - start), []
            for weight, bias in weights[:-1]:
                values = values @ weight.T + bias
                patterns.append(values > 0)
                values = np.maximum(values, 0.0)
            pattern = np.concatenate(patterns, axis=1)
            regions = 1 + int((pattern[1:] != pattern[:-1]).any(axis=1).sum())
            classes = (values @ weights[-1][0].T + weights[-1][1]).argmax(axis=1)
            found.append((regions, sorted(set(classes.tolist()))))
    line = report["line"]
    assert (line["counts"][0]["value"], line["classes"]) in found


def test_table_and_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_demo(tmp_path, False, False) == 0
    shown = capsys.readouterr()
    for words in ("activation regions", "exact, certified", "Euler characteristic", "decision boundary", "plane.png"):
        assert words in shown.out
    assert "first run" in shown.err
    assert run_demo(tmp_path, True, False) == 0
    quiet = capsys.readouterr()
    assert quiet.out.split() == [str(tmp_path / "plane.png"), str(tmp_path / "line.png")] and quiet.err == ""


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="another folder"):
        run_demo(tmp_path / "taken", True, False)
