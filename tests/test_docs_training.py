"""The table of probes in docs/training.md has the numbers that the probes give, no more and no fewer."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import vitrail
from vitrail import probes
from vitrail.domains import Box, Segment

PAGE = Path(__file__).resolve().parents[1] / "docs" / "training.md"
POINTS = np.array([[-0.5, 0.25], [0.75, 0.5], [0.125, -0.75]])
PROBES: list[probes.Probe] = [
    probes.Lines(POINTS, count=2),
    probes.Plane(window=Box([-1.0, -1.0], [1.0, 1.0])),
    probes.DecisionBoundary([Segment(POINTS[0], POINTS[1])]),
    probes.Distance(POINTS),
    probes.Inspheres(POINTS[:1]),
    probes.Patterns(POINTS, labels=[0, 1, 1]),
    probes.LocalBound(POINTS[:1]),
]


def numbers_in(page: str) -> dict[str, set[str]]:
    """For each probe of the table the numbers that it names, without statuses and options."""
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        name = re.fullmatch(r"`([A-Z]\w*)`", cells[0])
        if name and len(cells) == 4:
            found[name[1]] = set(re.findall(r"`([a-z][a-z0-9_<>]*)`", cells[2]))
    return found


def numbers_of(probe: probes.Probe) -> set[str]:
    net = vitrail.Network.from_arrays([([[1.0, 0.5], [-0.25, 1.0]], [0.125, -0.125]), ([[1.0, -1.0]], None)])
    names = {re.sub(r"_at_.*", "_at_<radius>", name) for name in probe.measure(net).numbers}
    return {name for name in names if name not in ("status", "unproven") and not name.endswith("_status")}


def test_the_table_has_all_probes() -> None:
    named = {name for name in probes.__all__ if hasattr(getattr(probes, name), "measure")} - {"Probe"}
    assert set(numbers_in(PAGE.read_text("utf-8"))) == {type(probe).__name__ for probe in PROBES} == named


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_the_table_has_all_numbers(probe: probes.Probe) -> None:
    assert numbers_in(PAGE.read_text("utf-8"))[type(probe).__name__] == numbers_of(probe)


def test_the_check_sees() -> None:
    page = "| `Distance` | how far | `mean`, `<x>`, `mode`; `sd` with `layers=True` | 0.1 |\n| `a` | b | `c` | 1 |\n"
    assert numbers_in(page) == {"Distance": {"mean", "mode", "sd"}}
    assert numbers_in(page)["Distance"] - numbers_of(PROBES[3]) == {"mode"}
    assert numbers_of(PROBES[3]) - numbers_in(page)["Distance"] >= {"median", "infinite"}
