"""One network in three or more dimensions, the oracle's cells against the package's: everything that differs."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite

import numpy as np

from helpers import patterns_of
from oracles.neutral import Pattern
from oracles.space import Cell, Space
from vitrail.errors import InvalidOptionError
from vitrail.regions import RegionSet

DEFINITIONS = ("activation", "linear", "affine")

# Of maps, and of volumes over the domain's: a thousand times the rounding of a few layers of small numbers.
RELATIVE = 1e-9


def differences(truth: Space, regions: RegionSet) -> list[str]:
    """All that is wrong with a complete result."""
    found = patterns_of(regions)
    if len(set(found)) != len(found):
        return ["a pattern occurs twice"]
    if set(found) != truth.patterns():
        return [f"{len(set(found) - truth.patterns())} patterns too many, {len(truth.patterns() - set(found))} missing"]
    cells = {cell.pattern: cell for cell in truth.cells}
    order = [cells[pattern] for pattern in found]
    problems = [] if regions.status.proven else [f"status {regions.status.value}"]
    problems += facet_problems(truth, regions, found)
    problems += map_problems(order, regions)
    problems += [
        f"{name}: {int(regions.count(name))} for {truth.count(name)}"
        for name in DEFINITIONS
        if int(regions.count(name)) != truth.count(name) or not regions.count(name).status.proven
    ]
    problems += shape_problems(order, regions) if len(regions.vertices) else []
    outside = [i for i, cell in enumerate(order) if not _inside(cell, regions.witnesses[i])]
    return problems + ([f"{len(outside)} witnesses lie outside"] if outside else [])


def structure_problems(regions: RegionSet) -> list[str]:
    """What is wrong with a result by itself: no truth is needed."""
    facets = regions.facets
    out = ["facets are left open"] if facets.open.size else []
    inner = np.flatnonzero(regions.facet_cuts >= 0)
    if not np.array_equal(np.sort(facets.rows.ravel()), inner):
        out.append("an inner facet is not paired exactly once")
    matrix = regions.adjacency()
    if (abs(matrix - matrix.T)).nnz or matrix.diagonal().any() or matrix.nnz != 2 * len(facets.regions):
        out.append("adjacency is not symmetric")
    if len(regions.vertices):
        try:
            if regions.euler_characteristic() != 1:
                out.append(f"Euler characteristic {regions.euler_characteristic()}")
        except InvalidOptionError as error:
            out.append(str(error))
        if isfinite(regions.account.measure) and not regions.measure_error < RELATIVE:
            out.append(f"volumes are off by {regions.measure_error}")
    return out


def facet_problems(truth: Space, regions: RegionSet, found: list[Pattern]) -> list[str]:
    """Which regions share facets, and how many facets each has inside the domain and on its boundary."""
    out = structure_problems(regions)
    pairs = [frozenset((found[i], found[j])) for i, j in regions.facets.regions]
    if len(set(pairs)) != len(pairs) or set(pairs) != truth.adjacency():
        out.append(f"adjacency: {len(pairs)} facets for {len(truth.adjacency())}")
    starts = regions.facet_offsets
    for i, pattern in enumerate(found):
        cuts = regions.facet_cuts[starts[i] : starts[i + 1]]
        outer = sum(facet.beyond is None for facet in truth.facets[pattern])
        counted = int((cuts < 0).sum()), int((cuts >= 0).sum())
        if counted != (outer, len(truth.facets[pattern]) - outer):
            out.append(f"a region has {counted} outer and inner facets for {len(truth.facets[pattern])}, {outer} outer")
            break
    return out


def map_problems(order: list[Cell], regions: RegionSet) -> list[str]:
    """Whether the affine maps are those of the cells."""
    maps = np.array([[[float(v) for v in row] for row in cell.affine_map] for cell in order]).transpose(0, 2, 1)
    close = np.abs(maps - regions.affine_maps).max(initial=0) <= RELATIVE * (1 + np.abs(maps).max(initial=0))
    return [] if close else ["affine maps differ"]


def shape_problems(order: list[Cell], regions: RegionSet) -> list[str]:
    """Whether the vertices are, within their bounds, in the cells, on the facets they name, and those of the facets."""
    for i, cell in enumerate(order):
        start, stop = regions.offsets[i : i + 2]
        for vertex, error in zip(regions.vertices[start:stop], regions.vertex_errors[start:stop], strict=True):
            point = [Fraction(1), *(Fraction(float(v)) for v in vertex)]
            slack = Fraction(float(error))
            on = 0
            for row in cell.rows:
                value, reach = sum(a * b for a, b in zip(row, point, strict=True)), slack * sum(map(abs, row[1:]))
                if value < -reach:
                    return ["a vertex lies outside its region by more than its bound"]
                on += abs(value) <= reach
            if on < len(vertex):
                return ["a vertex is none within its bound"]
    return []


def _inside(cell: Cell, witness: np.ndarray) -> bool:
    if not np.isfinite(witness).all():
        return False
    point = [Fraction(1), *(Fraction(float(v)) for v in witness)]
    return all(sum(a * b for a, b in zip(row, point, strict=True)) > 0 for row in cell.rows)
