"""The example that draws bounds: its numbers against closed forms and counts, and the page that quotes it."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
from fractions import Fraction
from math import comb, log10
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import vitrail
from vitrail.bounds import available
from vitrail.cli import main
from vitrail.data import digits_network_path
from vitrail.estimates import Initialization
from vitrail.status import Status

REPOSITORY = Path(__file__).resolve().parents[1]
PNG = b"\x89PNG\r\n\x1a\n"
# `vitrail bounds 2-16-1`: 137 by `zaslavsky1975`
CLAIM = re.compile(r"`vitrail (bounds [^`]+)`: ([\d,]+) by `(\w+)`")
LISTED = re.compile(r"^\| `(\w+)` \|", flags=re.MULTILINE)
DEPTH_ROW = re.compile(r"^\| (\d+) \| (\d+) \((\d+)\) \| (\d+) \((\d+)\) \| (\d+) \((\d+)\) \|$", flags=re.MULTILINE)
FILES = ("regimes", "random", "depth", "balls")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "examples"))
        return importlib.import_module("which_bound")


@pytest.fixture(scope="module")
def page() -> str:
    return (REPOSITORY / "docs" / "bounds.md").read_text("utf-8")


def cells(units: int, dimension: int) -> int:
    """Cells of hyperplanes in general position."""
    return sum(comb(units, j) for j in range(min(units, dimension) + 1))


# ---- the example -----------------------------------------------------------------------------------------------------


def test_run(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "DEPTHS", (1, 2))
    monkeypatch.setattr(example, "SAMPLES", 200)
    monkeypatch.setattr(example, "RADII_PLANE", np.array([0.05, 0.5]))
    monkeypatch.setattr(example, "RADII_DIGITS", np.array([0.05, 0.5]))
    folder = tmp_path / "new" / "folder"
    example.main(["--networks", "2", "--out", str(folder)])
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"bounds-{name}.png" for name in FILES)
    assert all(path.read_bytes().startswith(PNG) for path in folder.iterdir())
    shown = capsys.readouterr().out
    # in general position one layer has as many regions as there can be
    assert "plane, 1 x 8: 37 to 37, median 37, bound 37, 1 times the median" in shown
    assert shown.count("radius") == 4


def test_pictures_are_there(page: str) -> None:
    named = re.findall(r"\]\((images/bounds-(\w+)\.png)\)", page)
    assert sorted(name for _, name in named) == sorted(FILES)
    assert all((REPOSITORY / "docs" / path).read_bytes().startswith(PNG) for path, _ in named)


def test_ratios(example: ModuleType) -> None:
    """One layer: bounds of its cells are exact, patterns are 2^n, and the bound of Pascanu et al. needs n >= n_0."""
    found = example.ratios([4], [2, 6], ["serra2018", "montufar2014", "pascanu2013_lower"])
    assert found["serra2018"] == [0.0, 0.0]
    assert found["montufar2014"] == pytest.approx([log10(16 / cells(4, 2)), 0.0])
    assert found["pascanu2013_lower"] == [0.0, None]


def test_lower_bounds_stay_below(example: ModuleType) -> None:
    found = example.ratios(example.NECK, example.INPUTS, [*example.UPPER_NAMES, *example.LOWER_NAMES])
    for name, row in found.items():
        known = [value for value in row if value is not None]
        assert known, name
        # logarithms of the same integer are the same float
        assert all(value <= 0 for value in known) if name in example.LOWER_NAMES else min(known) >= 0, name
    assert max(found["raghu2017"]) > max(found["montufar2017"]) > max(found["serra2018"])


def test_random_counts(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "DEPTHS", (1,))
    monkeypatch.setattr(example, "WIDTH", 5)
    assert example.random_counts(0.1, vitrail.Space(2), 3).tolist() == [[cells(5, 2)] * 3]


def test_mean_in_a_square(example: ModuleType) -> None:
    """(2^2) (1 + 2 N a s + C(N, 2) (a s)^2) for N units, a the product of the constants, s the side."""
    a = Fraction(2**0.5) * Fraction(0.3989422804014327)
    expected = 4 * (1 + 2 * 16 * a * 2 + comb(16, 2) * (2 * a) ** 2)
    assert example.on_mean("vitrail_cube", 2, 1.0, (2.0, 2.0)) == pytest.approx(log10(expected), rel=1e-12)


def test_ways_in_balls(example: ModuleType) -> None:
    """No way alone is below all together, and all are above what points of the ball see."""
    net = Initialization.he(0.5).sample([2, 6, 6, 1], 0)
    centers, radii = np.array([[0.1, 0.2], [1.0, -1.0]]), np.array([0.1, 0.7])
    found = example.in_balls(net, centers, radii)
    assert set(found) == {"interval", "sphere", "relaxation", "all"}
    for place, center in enumerate(centers):
        for column, radius in enumerate(radii):
            seen = int(vitrail.balls.sampled_regions_in_ball(net, center, radius, 200))
            best = found["all"][place, column]
            assert log10(seen) <= best
            assert all(rows[place, column] >= best for rows in found.values())


def test_only_proven_counts_are_drawn(example: ModuleType) -> None:
    net = Initialization.he(0.5).sample([2, 6, 6, 1], 0)
    count = vitrail.count_regions(net, vitrail.Space(2), max_regions=3)
    assert count.status is Status.PARTIAL
    with pytest.raises(SystemExit, match="expected a proven count"):
        example.proven(count)
    assert example.proven(vitrail.count_regions(net, vitrail.Space(2))) > 3


def test_wrong_options(example: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        example.main(["--networks", "0"])
    assert "expected at least 1, found 0" in capsys.readouterr().err


# ---- the page --------------------------------------------------------------------------------------------------------


def wrong_list(page: str, expected: str) -> list[str]:
    """Bounds that a page lists wrongly, or not, or twice, or that there are none of."""
    lines = expected.splitlines()[2:]
    names, own = LISTED.findall(page.partition("## All bounds")[2]), LISTED.findall(expected)
    missing = [line for line in lines if line not in page.splitlines()]
    twice = [name for name in set(names) if names.count(name) > 1]
    return missing + [name for name in names if name not in own] + twice


def test_list_is_complete(example: ModuleType, page: str, capsys: pytest.CaptureFixture[str]) -> None:
    example.main(["--list"])
    shown = capsys.readouterr().out
    assert LISTED.findall(shown) == [statement.name for statement in available()]
    assert wrong_list(page, shown) == []


def test_list_check_sees(example: ModuleType, page: str) -> None:
    expected = example.list_of_bounds()
    line = next(line for line in expected.splitlines() if line.startswith("| `hinz2021`"))
    assert wrong_list(page.replace(line, ""), expected) == [line]
    assert wrong_list(page.replace(line, line.replace("likely", "sure", 1)), expected) == [line]
    assert wrong_list(f"{page}\n| `nobody1999` | upper bound |", expected) == ["nobody1999"]
    assert wrong_list(f"{page}\n{line}\n", expected) == ["hinz2021"]


def wrong_claims(text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """How many claims there are that a bound is the tightest, and those that are wrong."""
    wrong, claims = [], CLAIM.findall(text)
    for command, number, name in claims:
        assert main([*shlex.split(command), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        above = [row for row in document["bounds"] if row["kind"] in ("upper bound", "exact maximum")]
        least = min(above, key=lambda row: row["log10"])
        assert "tightest upper" in "".join(row["mark"] for row in above if row["value"] == least["value"])
        tightest = [row["name"] for row in above if row["value"] == least["value"]]
        values = {int(row["value"]) for row in document["bounds"] if row["name"] == name}
        if name not in tightest or values != {int(number.replace(",", ""))}:
            wrong.append(f"{command}: {number} by {name}, found {tightest}")
    return len(claims), wrong


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(digits_network_path(), tmp_path / "digits.npz")


def test_claims_of_tightest(page: str, digits: None, capsys: pytest.CaptureFixture[str]) -> None:
    number, wrong = wrong_claims(page, capsys)
    assert wrong == [] and number >= 12


@pytest.mark.parametrize(
    "text",
    ["`vitrail bounds 2-16-1`: 138 by `zaslavsky1975`", "`vitrail bounds 2-2-2-1`: 16 by `montufar2017`"],
)
def test_claim_check_sees(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    number, wrong = wrong_claims(text, capsys)
    assert number == 1 and len(wrong) == 1


def test_means_on_a_segment(page: str, digits: None, capsys: pytest.CaptureFixture[str]) -> None:
    """91.1 in the mean, 625 at most, 8 counted."""
    command = "bounds digits.npz --segment --random 0 --he-bias 1"
    assert f"`vitrail {command}` shows 91.1 beside 625 in the worst case, and 8 counted" in " ".join(page.split())
    assert main([*shlex.split(command), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    values = {row["name"]: row["value"] for row in document["bounds"]}
    assert round(values["hanin2019complexity"], 1) == 91.1
    assert values[document["tightest_upper"]] == 625
    assert document["count"]["value"] == 8


def first_winning_depth(n0: int, n: int) -> int:
    """By the bound of Pascanu et al., from its formula."""
    k = 1
    while (n // n0) ** (k - 1) * cells(n, n0) <= cells(k * n, n0):
        k += 1
    return k


def test_depths(example: ModuleType, page: str) -> None:
    rows = [[int(number) for number in row] for row in DEPTH_ROW.findall(page)]
    assert [row[0] for row in rows] == list(example.INPUT_NUMBERS) == [1, 2, 3, 5, 10]
    best = example.winning_depths("best")
    for n0, *numbers in rows:
        assert numbers[::2] == [first_winning_depth(n0, factor * n0) for factor in example.FACTORS]
        assert numbers[1::2] == best[n0]
        assert all(new <= old for old, new in zip(numbers[::2], numbers[1::2], strict=True))
