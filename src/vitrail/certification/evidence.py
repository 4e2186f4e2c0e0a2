"""What a certificate rests on: each region's exact cell, and what is gathered of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from flint import fmpq

from vitrail.cells.exact import ExactCell
from vitrail.certification.cells import cell_of
from vitrail.certification.check import Check
from vitrail.certification.complex import Complex, Ends
from vitrail.certification.findings import Findings, digest_of
from vitrail.certification.halfspaces import Halfspaces, existing_pieces
from vitrail.certification.maps import StoredMaps
from vitrail.certification.points import inner_point, pieces_at, widest
from vitrail.certification.vertices import same_vertices
from vitrail.engines.exact_forms import batch_size
from vitrail.engines.roots import Roots
from vitrail.network.exact import exact_forms
from vitrail.network.graph import Graph
from vitrail.regions import RegionSet

__all__ = ["Evidence"]


@dataclass
class Evidence:
    """What is gathered of each cell, and what is found wrong by the name of the check.

    `words` are the packed patterns of the regions, `roots` has the one frame of their domain.
    """

    regions: RegionSet
    words: np.ndarray
    graph: Graph
    roots: Roots
    measures: list[fmpq] = field(default_factory=list)
    values: dict[Ends, bytes] = field(default_factory=dict)

    def gather(self) -> Iterator[int]:
        """Go through all regions in batches; yields how many were done."""
        self.findings = Findings(len(self.regions))
        self.prologue = exact_forms(self.graph, {0: self.roots.exact()}, np.zeros(1, dtype=np.int64), ())
        self.maps = StoredMaps.of(self.regions, self.graph, self.roots)
        self.domain = self.roots.cell(0)
        self.complex = Complex(self.roots.dimension, faces=self.regions.account.complete)
        size = batch_size(widest(self.graph), self.roots.dimension)
        for start in range(0, len(self.regions), size):
            stop = min(start + size, len(self.regions))
            patterns = self.regions.layout.unpack(self.words[start:stop])
            self._batch(start, patterns)
            yield stop - start

    def _batch(self, start: int, patterns: Sequence[np.ndarray]) -> None:
        exist = existing_pieces(self.graph, patterns)
        for i in np.flatnonzero(~exist):
            self.findings.note("patterns", start + int(i), "a unit has a piece that does not exist")
        numbers = start + np.flatnonzero(exist) if patterns else np.array([start])
        patterns = [pieces[exist] for pieces in patterns]
        forms = exact_forms(self.graph, self.prologue, np.zeros(len(numbers), dtype=np.int64), patterns)
        halfspaces = Halfspaces(self.graph, forms, patterns)
        output = forms[self.graph.output]
        output = output.with_digits(output.digits.flatten(3))
        cells: dict[int, ExactCell] = {}
        for at, number in enumerate(numbers.tolist()):
            cell = cell_of(halfspaces, at, self.domain)
            if isinstance(cell, str):
                self.findings.note("patterns", number, cell)
            else:
                cells[at] = cell
        if not cells:
            return
        self._witnesses(numbers, patterns, cells)
        for number in self.maps.wrong(numbers, output).tolist():
            self.findings.note("maps", number, "the affine map is not the one of the pattern")
        coefficients = output.integers(output.exponent)
        for at, cell in cells.items():
            self._cell(int(numbers[at]), cell, coefficients[at], output.power)

    def _witnesses(self, numbers: np.ndarray, patterns: Sequence[np.ndarray], cells: dict[int, ExactCell]) -> None:
        points = [inner_point(cell.center, cell.holds) for cell in cells.values()]
        found = pieces_at(self.graph, self.roots, points)
        rows = list(cells)
        for pieces, stored in zip(found, patterns, strict=True):
            for i in np.flatnonzero((pieces != stored[rows]).any(axis=1)):
                self.findings.note("witnesses", int(numbers[rows[i]]), "an inner point has another pattern")

    def _cell(self, number: int, cell: ExactCell, coefficients: np.ndarray, power: int) -> None:
        self.measures.append(cell.measure)
        own = slice(*self.regions.offsets[number : number + 2])
        stored, errors = self.regions.vertices[own], self.regions.vertex_errors[own]
        if not same_vertices(stored, errors, cell.points, self.roots.scales[0]):
            self.findings.note("vertices", number, "the stored vertices are not those of the pattern's cell")
        for facet, ends, owners in self.complex.add(number, cell):
            if cell.labels[facet][0] < 0:
                continue
            value = _values_at(ends, coefficients, power)
            if self.values.setdefault(ends, value) != value:
                text = f"its map differs from that of region {owners[0]} on their facet"
                self.findings.note("continuity", number, text)

    def checks(self) -> Iterator[Check]:
        """All checks, in order."""
        complete = self.regions.account.complete
        self._repeated()
        yield self.findings.check("patterns", "all distinct, all have an interior in the domain")
        yield self.findings.check("witnesses", "an inner point of each region has its pattern")
        yield self.findings.check("vertices", "all within their error bounds")
        if self.maps.maps is None:
            yield Check("maps", None, "not at hand")
        else:
            yield self.findings.check("maps", "all within their error bounds")
        yield self._measure(complete)
        self._facets(complete)
        closed = self.findings.check("facets", "every inner facet has two regions, every outer one")
        yield closed if complete or closed.holds is False else Check("facets", None, "the search ended early")
        yield self.findings.check("continuity", "neighboring maps agree on their facet")
        yield self._euler(complete)

    def _repeated(self) -> None:
        seen: dict[bytes, int] = {}
        for number, row in enumerate(self.words):
            other = seen.setdefault(row.tobytes(), number)
            if other != number:
                self.findings.note("patterns", number, f"the pattern of region {other} again")

    def _measure(self, complete: bool) -> Check:
        whole = self.domain.measure
        if whole < 0:
            return Check("measure", None, "the domain is unbounded")
        if not complete and not self.measures:
            return Check("measure", None, "no regions")
        total = _sum(self.measures)
        if total == whole if complete else total <= whole:
            return Check("measure", True, "equals the domain's" if complete else "at most the domain's")
        off = (total - whole) / whole
        return Check("measure", False, f"the sum is off by {int(off.p) / int(off.q):.3g} of the domain's")

    def _facets(self, complete: bool) -> None:
        for outer, owners in self.complex.facets.values():
            expected = 1 if outer else 2
            if len(owners) > expected or (complete and len(owners) < expected):
                text = f"a facet has {len(owners)} regions {owners}, expected {expected}"
                self.findings.note("facets", owners[0], text)

    def _euler(self, complete: bool) -> Check:
        if not complete:
            return Check("Euler", None, "the search ended early")
        value = self.complex.euler
        return Check("Euler", value == 1, f"{self.complex.formula} is {value}")


def _values_at(ends: Ends, coefficients: np.ndarray, power: int) -> bytes:
    """A digest of the outputs at the vertices of a facet: equal where all of them are."""
    values = (
        int(column[0] * weight + sum(c * x for c, x in zip(column[1:], place, strict=True)))
        for weight, *place in ends
        for column in coefficients.T
    )
    return digest_of(values, power)


def _sum(values: Sequence[fmpq]) -> fmpq:
    """The sum, in pairs, so that numbers of like size meet."""
    row = list(values)
    while len(row) > 1:
        row = [a + b for a, b in zip(row[::2], row[1::2], strict=False)] + (row[-1:] if len(row) % 2 else [])
    return row[0] if row else fmpq(0)
