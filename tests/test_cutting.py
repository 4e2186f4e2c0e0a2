"""Cells whose children do not fit into the memory: they come in parts, or not at all if a sign is doubtful."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vitrail.cells import cutting
from vitrail.cells.batch import NO_DOUBTS, CutTable
from vitrail.cells.exact_polytope import ExactPolytope
from vitrail.cells.halfspaces import Halfspaces, HalfspaceWork
from vitrail.cells.polygon import Polygons, PolygonWork
from vitrail.cells.polytope import Polytopes, PolytopeWork
from vitrail.domains import side_lines
from vitrail.domains.polygons import rectangle
from vitrail.numerics.predicates import to_form

KINDS = ("polygons", "vertices", "halfspaces")


def dimension(kind: str) -> int:
    return 2 if kind == "polygons" else 3


def start(kind: str) -> Any:
    """Two copies of the box [-1, 1]^k, each with forms of its own."""
    if kind == "polygons":
        corners = rectangle(-np.ones(2), np.ones(2))
        rows = np.concatenate([corners, np.zeros((4, 1)), side_lines(corners)], axis=1)
        labels = np.stack([-1 - np.arange(4), np.full(4, -1)], axis=1)
        nothing = np.zeros(2, dtype=np.int64)
        return Polygons(np.array([0, 4, 8]), np.tile(rows, (2, 1)), np.tile(labels, (2, 1)), np.arange(2), nothing)
    if kind == "vertices":
        box = ExactPolytope.from_box(to_form([1, -1, -1, -1]), to_form([1, 1, 1, 1]))
        return Polytopes.from_exact([box, box], 3)
    sides = np.zeros((6, 4))
    sides[:, 0] = 1.0
    for axis in range(3):
        sides[2 * axis, 1 + axis], sides[2 * axis + 1, 1 + axis] = 1.0, -1.0
    return Halfspaces.root(sides, bounded=True, count=2)


def work(kind: str, capacity: int) -> Any:
    if kind == "polygons":
        return PolygonWork(capacity)
    return (PolytopeWork if kind == "vertices" else HalfspaceWork)(3, capacity)


def table(kind: str, units: int, groups: np.ndarray | None = None) -> CutTable:
    k = dimension(kind)
    if groups is None:
        return CutTable(np.zeros((1, units)), None, np.full((k + 1, 1, units), 1e-15), 7, 1)
    return CutTable(np.zeros((0, 0)), groups, np.full((k + 1, 1, units), 1e-15), 7, 2)


def questions(kind: str, winners: bool) -> tuple[np.ndarray, CutTable]:
    """Forms that cut the first box into many parts and the second into few; signs, or groups of three candidates."""
    k, units = dimension(kind), 12
    forms = np.random.default_rng(3).normal(size=(2, k + 1, units))
    forms[:, 0] *= 0.3
    forms[1, 0, 2:] = 9.0 + 0.3 * np.random.default_rng(4).normal(size=units - 2)
    forms[1, 1:] *= 0.2
    groups = np.arange(12).reshape(4, 3) if winners else None
    return forms, table(kind, units, groups)


def all_children(cells: Any, forms: np.ndarray, rows: CutTable, memory: Any, doubtful: np.ndarray) -> list[tuple]:
    """Every child as (parent, pieces, labels without the cuts' numbers, measure of its box)."""
    found = []
    for part in cells.cut(forms, rows, memory, doubtful):
        center, half = part.cells.boxes() if len(part.cells) else (np.zeros((0, 1)), np.zeros((0, 1)))
        for i in range(len(part.cells)):
            labels = sorted((source, cut & 1) for source, cut in part.cells.labels(i))
            found.append((int(part.parent[i]), part.words[i].tolist(), labels, center[i].tolist(), half[i].tolist()))
    return found


@pytest.mark.parametrize("winners", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_children_in_parts_are_all_children_in_order(kind: str, winners: bool) -> None:
    forms, rows = questions(kind, winners)
    doubtful = np.zeros(2, dtype=np.int64)
    whole = all_children(start(kind), forms, rows, work(kind, 4096), doubtful)
    assert len(whole) > 20 and len({parent for parent, *_ in whole}) == 2
    for capacity in (1, 2, 7, 33):
        assert all_children(start(kind), forms, rows, work(kind, capacity), doubtful) == whole
    assert not doubtful.any()


@pytest.mark.parametrize("winners", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_has_two_sides_when_children_come_in_parts(kind: str, winners: bool) -> None:
    forms, rows = questions(kind, winners)
    cuts: dict[int, set[int]] = {}
    memory = work(kind, 5)
    for part in start(kind).cut(forms, rows, memory):
        for i in range(len(part.cells)):
            for _, cut in part.cells.labels(i):
                if cut >= 0:
                    cuts.setdefault(cut >> 1, set()).add(cut & 1)
    assert cuts and all(sides == {0, 1} for sides in cuts.values())
    assert max(cuts) < memory.next_cut


@pytest.mark.parametrize("winners", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_pauses_do_not_change_the_count(kind: str, winners: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    forms, rows = questions(kind, winners)
    whole = all_children(start(kind), forms, rows, work(kind, 4096), NO_DOUBTS)
    expected = np.bincount([parent for parent, *_ in whole], minlength=2)
    for at_a_time in (1, 3, 10**6):
        monkeypatch.setattr(cutting, "_WORK", at_a_time * start(kind).effort)
        parts = list(start(kind).tally(forms, rows, work(kind, 8)))
        assert sum(part.children for part in parts).tolist() == expected.tolist()
        assert len(parts) > 5 or at_a_time > 3


@pytest.mark.parametrize("winners", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_doubtful_cell_gives_nothing_even_when_it_shows_late(kind: str, winners: bool) -> None:
    forms, rows = questions(kind, winners)
    # the last unit is zero on a whole facet of the box: nobody can decide it in floating point
    forms[0, :, -1] = 0.0
    forms[0, 0, -1], forms[0, 1, -1] = 1.0, -1.0
    if winners:
        forms[0, :, -3:-1] = 0.0
        forms[0, 0, -3:-1] = -9.0
        forms[0, :, -2] = forms[0, :, -1] * 2.0
        forms[0, :, -3] = forms[0, :, -1] * 3.0
    clean = all_children(start(kind), forms, rows, work(kind, 4096), np.zeros(2, dtype=np.int64))
    doubtful = np.zeros(2, dtype=np.int64)
    assert all_children(start(kind), forms, rows, work(kind, 3), doubtful) == clean
    assert doubtful.tolist() == [1, 0] and {parent for parent, *_ in clean} == {1}
    # without a place to mark doubts they are counted, and everything is there
    parts = list(start(kind).cut(forms, rows, work(kind, 3)))
    assert sum(part.undecided for part in parts) > 0
    assert {int(parent) for part in parts for parent in part.parent} >= {1}


def test_children_that_do_not_fit_one_by_one() -> None:
    """Room for no vertex at all: the output grows until one child fits, and the kernel's place is not lost."""
    forms, rows = questions("vertices", False)
    whole = all_children(start("vertices"), forms, rows, work("vertices", 4096), NO_DOUBTS)
    memory = work("vertices", 1)
    memory._capacity = 1
    assert all_children(start("vertices"), forms, rows, memory, NO_DOUBTS) == whole
    assert memory._capacity > 1
