"""Evidence for regions without vertices: every facet of every region leads to another one of them.

Each region's facets are found from the halfspaces of its pattern, and on each a point in its relative interior. Beyond
it there is one region only: a unit or a winner that changed along the facet on the other side would, by continuity,
change on this side too. So a pattern whose closed region holds the point on the facet and a point beyond it is that
region's. A set that no facet leaves is everything: a way from one of its regions to any other region of the domain,
which is convex, can be moved off all faces of lower dimensions, and then it crosses facets alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from vitrail.certification.check import Check
from vitrail.certification.findings import Findings, digest_of
from vitrail.certification.halfspaces import Halfspaces, existing_pieces
from vitrail.certification.maps import StoredMaps
from vitrail.certification.points import pieces_at, scaled_point, widest
from vitrail.certification.single import Region, Side, region_of, sides_of
from vitrail.engines.exact_forms import batch_size
from vitrail.engines.roots import Roots
from vitrail.network.exact import exact_forms
from vitrail.network.graph import Graph
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Point
from vitrail.patterns import pack
from vitrail.regions import RegionSet

__all__ = ["Closure"]

_MOST_AT_ONCE = 128
"""Regions of a batch; larger ones save no time."""

_FIRST_BITS, _MOST_BITS = 3, 2**13
"""A point beyond a facet is tried at 2 ** -bits of the way to the facet, with bits doubled until it is near enough."""


@dataclass
class Closure:
    """What is gathered of each region and of its facets, and what is found wrong.

    `words` are the packed patterns of the regions, `roots` has the one frame of their domain.
    """

    regions: RegionSet
    words: np.ndarray
    graph: Graph
    roots: Roots
    left: int = 0
    """Facets beyond which there is no region of the set."""
    touching: int = 0
    """Stored facets that are none."""
    open: dict[tuple[int, int], tuple[int, tuple[int, ...], bytes]] = field(default_factory=dict)
    """Facets found from one side: the regions, lower number first, to which one, its hyperplane and the map on it."""

    def gather(self) -> Iterator[int]:
        """Go through all regions in batches; yields how many were done."""
        self.findings = Findings(len(self.regions))
        self.prologue = exact_forms(self.graph, {0: self.roots.exact()}, np.zeros(1, dtype=np.int64), ())
        self.maps = StoredMaps.of(self.regions, self.graph, self.roots)
        self.sides, self.at_infinity = sides_of(self.roots)
        self.numbers: dict[bytes, int] = {}
        size = min(_MOST_AT_ONCE, batch_size(widest(self.graph), self.roots.dimension))
        starts = range(0, len(self.regions), size)
        fresh = [self._numbered(start, min(size, len(self.regions) - start)) for start in starts]
        for start, own in zip(starts, fresh, strict=True):
            patterns = [pieces[own - start] for pieces in self._patterns(start, size)]
            if own.size:
                self._batch(own, patterns)
            yield min(size, len(self.regions) - start)
        for (low, high), (owner, _, _) in self.open.items():
            self.findings.note("facets", owner, f"a facet leads to region {low + high - owner}, which has none there")

    def _patterns(self, start: int, size: int) -> list[np.ndarray]:
        return self.regions.layout.unpack(self.words[start : start + size])

    def _numbered(self, start: int, count: int) -> np.ndarray:
        """Of consecutive regions, those whose patterns may be and were not there before; they are known then."""
        patterns = self._patterns(start, count)
        exist = existing_pieces(self.graph, patterns) if patterns else np.ones(count, dtype=bool)
        keys = self._keys(patterns, count)
        own = []
        for number in range(start, start + count):
            if not exist[number - start]:
                self.findings.note("patterns", number, "a unit has a piece that does not exist")
            elif (other := self.numbers.setdefault(keys[number - start], number)) != number:
                self.findings.note("patterns", number, f"the pattern of region {other} again")
            else:
                own.append(number)
        return np.array(own, dtype=np.int64)

    def _keys(self, patterns: Sequence[np.ndarray], count: int) -> list[bytes]:
        words = [pack(pieces, bits) for pieces, bits in zip(patterns, self.regions.layout.bits, strict=True)]
        return [row.tobytes() for row in np.concatenate([np.zeros((count, 0), dtype=np.int64), *words], axis=1)]

    def _batch(self, numbers: np.ndarray, patterns: Sequence[np.ndarray]) -> None:
        forms = exact_forms(self.graph, self.prologue, np.zeros(len(numbers), dtype=np.int64), patterns)
        halfspaces = Halfspaces(self.graph, forms, patterns)
        output = forms[self.graph.output]
        output = output.with_digits(output.digits.flatten(3))
        for number in self.maps.wrong(numbers, output).tolist():
            self.findings.note("maps", number, "the affine map is not the one of the pattern")
        found: dict[int, Region] = {}
        for at, number in enumerate(numbers.tolist()):
            region = region_of(halfspaces, at, self.sides, self._stored_point(number), self.roots.dimension)
            if isinstance(region, str):
                self.findings.note("patterns", number, region)
                continue
            found[at] = region
            if region.stored_inside is False:
                self.findings.note("stored points", number, "the stored point is not inside")
            self._stored_facets(number, region)
        if found:
            self._witnesses(numbers, patterns, found)
            self._facets(numbers, halfspaces, found, output)

    def _stored_point(self, number: int) -> Point | None:
        """The stored point of a region in scaled coordinates; None where none is known."""
        if self.regions.stored_witnesses is None:
            return None
        point = self.regions.stored_witnesses[number]
        if np.isinf(point).any():
            self.findings.note("stored points", number, "the stored point is not inside")
        return scaled_point(point, self.roots.scales[0]) if np.isfinite(point).all() else None

    def _stored_facets(self, number: int, region: Region) -> None:
        """Whether every facet's unit, or another one that is zero on it, is among those that are stored."""
        stored = self.regions.facet_units[slice(*self.regions.facet_offsets[number : number + 2])].tolist()
        if not self.regions.facet_units.size:
            return
        for facet in region.facets:
            if not set(facet.units) & set(stored):
                self.findings.note("facets", number, f"the facet of unit {facet.units[0]} is not stored")
        self.touching += max(sum(unit not in self.at_infinity for unit in stored) - len(region.facets), 0)

    def _witnesses(self, numbers: np.ndarray, patterns: Sequence[np.ndarray], found: dict[int, Region]) -> None:
        rows = list(found)
        pieces = pieces_at(self.graph, self.roots, [region.point for region in found.values()])
        for there, stored in zip(pieces, patterns, strict=True):
            for i in np.flatnonzero((there != stored[rows]).any(axis=1)):
                self.findings.note("witnesses", int(numbers[rows[i]]), "an inner point has another pattern")

    def _facets(self, numbers: np.ndarray, halfspaces: Halfspaces, found: dict[int, Region], output: Fixed) -> None:
        """Look beyond every inner facet of these regions."""
        coefficients = output.integers(output.exponent)
        pending = [(at, region, facet) for at, region in found.items() for facet in region.facets if not facet.outer]
        bits = _FIRST_BITS
        while pending and bits <= _MOST_BITS:
            points = [facet.through.beyond(region.point, bits) for _, region, facet in pending]
            pieces = pieces_at(self.graph, self.roots, points)
            zero = np.zeros((len(pending), halfspaces.count), dtype=bool)
            for i, (_, region, facet) in enumerate(pending):
                zero[i, facet.rows] = zero[i, region.zero] = True
            cells = np.array([at for at, _, _ in pending])
            reached = halfspaces.reaches(cells, zero, pieces)
            for i, key in enumerate(self._keys(pieces, len(pending))):
                if reached[i]:
                    at, _, facet = pending[i]
                    self._cross(int(numbers[at]), facet, self.numbers.get(key), coefficients[at], output.power)
            pending = [facet for facet, done in zip(pending, reached, strict=True) if not done]
            bits *= 2
        for at, _, facet in pending:
            unit = facet.units[0]
            self.findings.note("facets", int(numbers[at]), f"no region was found beyond the facet of unit {unit}")

    def _cross(self, number: int, facet: Side, other: int | None, coefficients: np.ndarray, power: int) -> None:
        """Compare the two sides of a facet, once both have been seen."""
        if other is None:
            self.left += 1
            if self.regions.account.complete:
                unit = facet.units[0]
                self.findings.note("facets", number, f"the region beyond the facet of unit {unit} is missing")
            return
        # maps agree on a hyperplane where their difference is a multiple of its form: where it has no part across it
        plane = facet.plane
        lead = next(i for i in range(1, len(plane)) if plane[i])
        across = coefficients * plane[lead] - np.multiply.outer(np.array(plane, dtype=object), coefficients[lead])
        here = (number, plane, digest_of(across.ravel().tolist(), power))
        key = min(number, other), max(number, other)
        there = self.open.pop(key, None)
        if there is None or there[0] == number:
            self.open[key] = here
        elif there[1] != plane:
            self.findings.note("facets", number, f"its facet to region {other} is not the one of that")
        elif there[2] != here[2]:
            self.findings.note("continuity", number, f"its map differs from that of region {other} on their facet")

    def checks(self) -> Iterator[Check]:
        """All checks, in order."""
        check, complete = self.findings.check, self.regions.account.complete
        yield check("patterns", "all distinct, all have an interior in the domain")
        yield check("witnesses", "an inner point of each region has its pattern")
        yield self._points()
        yield (
            Check("maps", None, "not at hand")
            if self.maps.maps is None
            else check("maps", "all within their error bounds")
        )
        yield Check("measure", None, "cells without vertices")
        yield self._closed(complete)
        yield check("continuity", "neighboring maps agree on their facet")
        yield Check("Euler", None, "cells without vertices")

    def _points(self) -> Check:
        stored = self.regions.stored_witnesses
        if stored is None:
            return Check("stored points", None, "not at hand")
        unknown = int(np.isnan(stored).any(axis=1).sum())
        if unknown == len(stored) > 0:
            return Check("stored points", None, "none is known")
        return self.findings.check("stored points", "all inside" + (f", {unknown} not known" if unknown else ""))

    def _closed(self, complete: bool) -> Check:
        more = f"; {self.touching} stored facets only touch their regions" if self.touching else ""
        if complete and not len(self.regions):
            return Check("facets", False, "a complete set has a region")
        found = self.findings.check("facets", "every facet leads to a region of the set, or lies on the domain's side")
        if complete or found.holds is not True:
            return Check("facets", found.holds, found.found + more)
        return Check("facets", None, f"the search ended early: {self.left} facets lead out of the set{more}")
