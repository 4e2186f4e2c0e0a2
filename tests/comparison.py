"""One network of the oracles against the package: everything in which the two results differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

import vitrail
from helpers import domain_of, patterns_of
from oracles.exact import Subdivision
from oracles.neutral import Vector
from oracles.random_networks import Case
from translate import to_network
from vitrail.count import Count
from vitrail.regions import RegionSet

DEFINITIONS = ("activation", "linear", "affine")

# Coordinates of size 4 and weights of ordinary size: a thousand times the rounding of maps of up to three layers, and
# far below the difference of two maps that are not equal.
RELATIVE = 1e-9


@dataclass(frozen=True)
class Agreement:
    """The exact result, ours, and how they differ: `silent` differences contradict what the result says of itself."""

    exact: Subdivision
    regions: RegionSet
    silent: tuple[str, ...]
    announced: tuple[str, ...]


def agree(case: Case, exact: bool | str = True) -> Agreement:
    """Compare a case on its domain."""
    return differences(case.subdivide(), vitrail.enumerate_regions(to_network(case.net), domain_of(case), exact=exact))


def differences(exact: Subdivision, regions: RegionSet) -> Agreement:
    """Compare two results for one network on one domain."""
    wrong = _pattern_problems(exact, regions)
    # maps and facets of a set with other regions mean nothing
    counts = {name: regions.count(name) for name in (DEFINITIONS[:1] if wrong else DEFINITIONS)}
    silent = [problem for name, count in counts.items() for problem in _broken(count, exact, name)]
    announced = [
        f"{name}: {int(count)} for {exact.count(name)}, {count.status.value}"
        for name, count in counts.items()
        if int(count) != exact.count(name) and not count.status.proven
    ]
    (silent if regions.status.proven else announced).extend(wrong or _shape_problems(exact, regions))
    return Agreement(exact, regions, tuple(silent), tuple(announced))


def _broken(count: Count, exact: Subdivision, definition: str) -> list[str]:
    """Whether a count is outside its own bounds, or proven and wrong."""
    truth = exact.count(definition)
    if not count.lower <= truth or (count.upper is not None and truth > count.upper):
        return [f"{definition}: {truth} is outside [{count.lower}, {count.upper}]"]
    return [f"{definition}: {int(count)} for {truth}"] if count.status.proven and int(count) != truth else []


def _pattern_problems(exact: Subdivision, regions: RegionSet) -> list[str]:
    found, truth = patterns_of(regions), exact.patterns()
    if len(set(found)) != len(found):
        return ["a pattern occurs twice"]
    if set(found) != truth:
        return [f"{len(set(found) - truth)} patterns too many, {len(truth - set(found))} missing"]
    return []


def _shape_problems(exact: Subdivision, regions: RegionSet) -> list[str]:
    """Adjacency, Euler characteristic, vertices and maps of regions with the right patterns."""
    index = {cell.pattern: i for i, cell in enumerate(exact.cells)}
    order = [index[pattern] for pattern in patterns_of(regions)]
    out = []
    pairs = ((order[i], order[j]) for i, j in regions.facets.regions)
    if {(min(pair), max(pair)) for pair in pairs} != exact.adjacency():
        out.append("adjacency differs")
    if regions.euler_characteristic() != 1:
        out.append(f"Euler characteristic {regions.euler_characteristic()}")
    if any(not _vertices_agree(exact.cells[i].vertices, regions, r) for r, i in enumerate(order)):
        out.append("a vertex is farther off than its error bound")
    maps = np.array([[[float(v) for v in row] for row in exact.cells[i].affine_map] for i in order]).transpose(0, 2, 1)
    if np.abs(maps - regions.affine_maps).max(initial=0) > RELATIVE * (1 + np.abs(maps).max(initial=0)):
        out.append("affine maps differ")
    return out


def _vertices_agree(exact: list[Vector], regions: RegionSet, region: int) -> bool:
    """Whether every stored vertex is within its error bound of an exact one, and every exact one has such a vertex."""
    start, stop = regions.offsets[region : region + 2]
    stored = [tuple(Fraction(float(v)) for v in vertex) for vertex in regions.vertices[start:stop]]
    # one unit in the last place more: the bound is stored without the rounding of the scaling back
    bounds = [Fraction(float(e)) for e in regions.vertex_errors[start:stop]]
    near = [
        [j for j, vertex in enumerate(exact) if _distance(s, vertex) <= e] for s, e in zip(stored, bounds, strict=True)
    ]
    return all(near) and {j for row in near for j in row} == set(range(len(exact)))


def _distance(a: Iterable[Fraction], b: Iterable[Fraction]) -> Fraction:
    return max(abs(x - y) for x, y in zip(a, b, strict=True))
