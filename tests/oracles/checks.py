"""Checkers of a subdivision. Each returns the list of what is wrong, empty when all is right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import hypot
from typing import Any

from . import shapes
from .exact import Subdivision
from .neutral import Pattern, Vector, forward


def pattern_problems(expected: Iterable[Pattern], found: Iterable[Sequence[int]]) -> list[str]:
    """Patterns that are missing, invented or listed more than once."""
    counts = Counter(tuple(int(piece) for piece in pattern) for pattern in found)
    wanted = set(expected)
    problems = [f"missing pattern {pattern}" for pattern in sorted(wanted - set(counts))]
    problems += [f"invented pattern {pattern}" for pattern in sorted(set(counts) - wanted)]
    return problems + [f"pattern {pattern} listed {n} times" for pattern, n in sorted(counts.items()) if n > 1]


def witness_problems(subdivision: Subdivision) -> list[str]:
    """Cells whose interior point has another pattern or output in a forward pass, or a pattern listed twice."""
    problems = []
    for i, cell in enumerate(subdivision.cells):
        t = cell.shape.center()
        pattern, output = forward(subdivision.net, subdivision.frame.point(t))
        if pattern != cell.pattern:
            problems.append(f"cell {i}: the pattern at its center is {pattern}, listed {cell.pattern}")
        if output != cell.output(t):
            problems.append(f"cell {i}: the output at its center is {output}, its map gives {cell.output(t)}")
    return problems + pattern_problems(subdivision.patterns(), [cell.pattern for cell in subdivision.cells])


def measure_problems(subdivision: Subdivision) -> list[str]:
    """Cells without length or area, or a sum that is not the domain's."""
    problems = [f"cell {i} is flat" for i, cell in enumerate(subdivision.cells) if cell.shape.measure() <= 0]
    expected, found = subdivision.domain.measure(), subdivision.measure()
    if expected != found:
        problems.append(f"the cells measure {float(found)!r} together, the domain {float(expected)!r}")
    return problems


def euler_problems(subdivision: Subdivision) -> list[str]:
    """An alternating sum of faces (corners, edges, cells) of a bounded domain other than 1."""
    corners = {point for cell in subdivision.cells for point in cell.shape.points}
    if isinstance(subdivision.domain, shapes.Interval):
        characteristic = len(corners) - len(subdivision.cells)
    else:
        edges = {frozenset(pair) for cell in subdivision.cells for pair in _pairs(cell.shape.points)}
        characteristic = len(corners) - len(edges) + len(subdivision.cells)
    return [] if characteristic == 1 else [f"Euler characteristic {characteristic}, expected 1"]


def closure_problems(subdivision: Subdivision) -> list[str]:
    """Edges (ends) of cells neither on the domain's boundary nor wholly shared, or a graph of cells in parts."""
    is_line = isinstance(subdivision.domain, shapes.Interval)
    return (_open_ends(subdivision) if is_line else _open_edges(subdivision)) + _disconnected(subdivision)


def continuity_problems(subdivision: Subdivision) -> list[str]:
    """Facets at whose ends the maps of the two cells differ."""
    return [
        f"cells {facet.first} and {facet.second} differ at {end}"
        for facet in subdivision.facets
        for end in facet.ends
        if subdivision.cells[facet.first].output(end) != subdivision.cells[facet.second].output(end)
    ]


def all_problems(subdivision: Subdivision) -> list[str]:
    """The findings of every checker, for a bounded domain."""
    checkers = (witness_problems, measure_problems, euler_problems, closure_problems, continuity_problems)
    return [problem for checker in checkers for problem in checker(subdivision)]


def corner_distance(exact: Sequence[Vector], found: Iterable[Iterable[Any]]) -> float:
    """The largest distance from a corner of either list to the nearest of the other (Hausdorff), in frame units."""
    sharp = [tuple(float(value) for value in corner) for corner in exact]
    rounded = [tuple(float(value) for value in corner) for corner in found]

    def gap(corner: tuple[float, ...], others: list[tuple[float, ...]]) -> float:
        return min(hypot(*(a - b for a, b in zip(corner, other, strict=True))) for other in others)

    return max([gap(c, rounded) for c in sharp] + [gap(c, sharp) for c in rounded])


def _pairs(points: Sequence[Any]) -> list[tuple[Any, Any]]:
    return list(zip(points, [*points[1:], *points[:1]], strict=True))


def _open_ends(subdivision: Subdivision) -> list[str]:
    ends = Counter(point for cell in subdivision.cells for point in cell.shape.points)
    inner = {point: n for point, n in ends.items() if point not in subdivision.domain.points}
    problems = [f"the end {point} belongs to {n} cells, expected 2" for point, n in inner.items() if n != 2]
    outer = [point for point in subdivision.domain.points if ends[point] != 1]
    return problems + [f"the domain's end {point} belongs to {ends[point]} cells, expected 1" for point in outer]


def _open_edges(subdivision: Subdivision) -> list[str]:
    if not isinstance(subdivision.domain, shapes.Polygon):
        raise TypeError("expected a polygon")
    shared: dict[tuple[int, Any], Fraction] = defaultdict(Fraction)
    for facet in subdivision.facets:
        line = shapes.cross(*(shapes.homogeneous(end) for end in facet.ends))
        for side in (facet.first, facet.second):
            shared[side, _unsigned(line)] += _one_norm(facet.ends)
    problems = []
    for i, cell in enumerate(subdivision.cells):
        if not isinstance(cell.shape, shapes.Polygon):
            raise TypeError("expected a polygon")
        for line, (a, b) in zip(cell.shape.lines, _pairs(cell.shape.points), strict=True):
            length = _one_norm((shapes.rational(a), shapes.rational(b)))
            expected = 0 if line in subdivision.domain.lines else length
            if shared[i, _unsigned(line)] != expected:
                problems.append(f"cell {i}: the edge on the line {line} is not shared exactly once along its length")
    return problems


def _unsigned(line: shapes.Integers) -> shapes.Integers:
    """One representative of a line and its opposite."""
    return max(line, tuple(-value for value in line))


def _one_norm(ends: Sequence[Vector]) -> Fraction:
    """The one-norm of a difference: adds up exactly along one line, which is all that is needed."""
    return sum((abs(a - b) for a, b in zip(*ends, strict=True)), Fraction(0))


def _disconnected(subdivision: Subdivision) -> list[str]:
    neighbors: dict[int, list[int]] = {i: [] for i in range(len(subdivision.cells))}
    for a, b in subdivision.adjacency():
        neighbors[a].append(b)
        neighbors[b].append(a)
    seen: set[int] = set()
    waiting = [0] if subdivision.cells else []
    while waiting:
        cell = waiting.pop()
        if cell not in seen:
            seen.add(cell)
            waiting.extend(neighbors[cell])
    missing = len(subdivision.cells) - len(seen)
    return [f"{missing} of {len(subdivision.cells)} cells cannot be reached across facets"] if missing else []
