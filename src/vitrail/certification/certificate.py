"""Certifying a set of regions: exact cells from the patterns alone, and what must hold among them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from flint import fmpq
from tqdm.auto import tqdm

from vitrail.cells.exact import ExactCell
from vitrail.certification.cells import cell_of, witness
from vitrail.certification.halfspaces import Halfspaces, existing_pieces
from vitrail.domains import Domain
from vitrail.domains.frame import Frame
from vitrail.engines.exact_forms import batch_size
from vitrail.engines.roots import Roots
from vitrail.errors import InvalidOptionError, NotCertifiedError
from vitrail.network.exact import exact_forms, exact_pieces
from vitrail.network.graph import Graph, piecewise_op
from vitrail.network.network import Network
from vitrail.network.rounding import FormBounds, form_bounds
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, SMALLEST
from vitrail.numerics.fixed import Fixed
from vitrail.numerics.predicates import Point, canonical
from vitrail.regions import RegionSet
from vitrail.status import Status

__all__ = ["Certificate", "certify"]

_SHOWN = 3
"""Regions that a message names."""


@dataclass(frozen=True)
class Check:
    """One property that was checked: whether it holds (None: not to be had from this set), and what was found.

    Example:
        >>> Check("measure", False, "the sum is off by -0.25 of the domain's").holds
        False
    """

    name: str
    holds: bool | None
    found: str


@dataclass(frozen=True)
class Certificate:
    """What a second, independent look at a set of so many `regions` found: `checks`, a `Check` for each property.

    `status` is exact where everything holds: then the set is the set of all activation regions of the domain. It is
    partial where everything holds that a search which ended early can offer, and uncertified where something does not.

    Example:
        >>> Certificate(4, (Check("facets", True, "all match"),)).status.value
        'exact'
    """

    regions: int
    checks: tuple[Check, ...]

    @property
    def problems(self) -> list[str]:
        """What does not hold, a line each."""
        return [f"{check.name}: {check.found}" for check in self.checks if check.holds is False]

    @property
    def status(self) -> Status:
        """Exact, partial or uncertified."""
        if self.problems:
            return Status.UNCERTIFIED
        covered = any(check.holds for check in self.checks if check.name == "facets")
        return Status.EXACT if covered else Status.PARTIAL

    def require(self) -> Certificate:
        """This certificate, if everything holds.

        Raises:
            NotCertifiedError: something does not; the message says what.
        """
        if self.problems:
            raise NotCertifiedError("the regions do not pass: " + "; ".join(self.problems))
        return self


def certify(
    regions: RegionSet, net: Network | None = None, domain: Domain | None = None, *, progress: bool = False
) -> Certificate:
    """Check a set of regions exactly, with nothing but the network, the domain, and each region's pattern.

    Every cell is built again from the halfspaces of its pattern, in exact arithmetic. Then it is checked that patterns
    are distinct and an inner point of each cell, sent through the network exactly, has the cell's pattern; that the
    stored vertices and affine maps are those of the cells, within their error bounds; that the exact measures sum to
    the domain's; that every inner facet belongs to exactly two cells and every outer one to one; that the maps of
    neighbors agree on it; and that V - E + F = 1. A set that was read from a file needs `net` and `domain`.

    Raises:
        InvalidOptionError: arguments of other kinds, or the patterns were not kept, or network and domain are neither
            known nor given, or are not those of the regions.
        ResourceLimitError: the network has sums of more terms than can be exact.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
        >>> certificate = vitrail.certify(regions)
        >>> certificate.status.value, [check.name for check in certificate.checks]
        ('exact', ['patterns', 'witnesses', 'vertices', 'maps', 'measure', 'facets', 'continuity', 'Euler'])
    """
    _check_arguments(regions, net, domain)
    if regions.words is None:
        raise InvalidOptionError("certify: the patterns were not kept; enumerate with patterns=True")
    evidence = _Evidence(regions, regions.words, *_origin(regions, net, domain))
    with tqdm(total=len(regions), unit=" regions", disable=not progress) as bar:
        for count in evidence.gather():
            bar.update(count)
    return Certificate(len(regions), tuple(evidence.checks()))


def _check_arguments(regions: object, net: object, domain: object) -> None:
    for name, value, expected in (("regions", regions, RegionSet), ("net", net, Network)):
        if not isinstance(value, expected) and (value is not None or name == "regions"):
            raise InvalidOptionError(f"certify: {name}: expected a {expected.__name__}, found {type(value).__name__}")
    if domain is not None and not isinstance(getattr(domain, "frame", None), Frame):
        raise InvalidOptionError(f"certify: domain: expected a domain, found {type(domain).__name__}")


def _origin(regions: RegionSet, net: Network | None, domain: Domain | None) -> tuple[Graph, Roots]:
    source = regions.source
    graph = net.graph if net is not None else None if source is None else source.plan.graph
    place = domain if domain is not None else None if source is None else source.roots
    if graph is None or place is None:
        missing = " and the ".join(name for name, given in (("network", graph), ("domain", place)) if given is None)
        raise InvalidOptionError(f"certify: regions that were read from a file need the {missing} as well")
    units = tuple(piecewise_op(graph, node).units for node in graph.piecewise)
    outputs, inputs = (math.prod(shape) for shape in (graph.output_shape, graph.input_shape))
    at_hand = regions.stored_maps is not None or source is not None
    own = (regions.layout.units, regions.affine_maps.shape[2] if at_hand else outputs, regions.origin.size)
    if own != (units, outputs, inputs):
        raise InvalidOptionError(
            f"certify: the network has {units} units by layer, {outputs} outputs and {inputs} inputs, the regions "
            f"{own[0]}, {own[1]} and {own[2]}; give the network that they belong to"
        )
    return graph, place if isinstance(place, Roots) else _own_roots(regions, place, graph)


def _own_roots(regions: RegionSet, domain: Domain, graph: Graph) -> Roots:
    frame, account = domain.frame, regions.account
    same_frame = np.array_equal(frame.origin, regions.origin) and np.array_equal(frame.basis, regions.basis)
    if not same_frame or (domain.measure, domain.description) != (account.measure, account.domain):
        raise InvalidOptionError(
            f"certify: expected the domain of the regions, {account.domain}, found {domain.description}"
            + ("" if same_frame else " in another frame")
        )
    return Roots.of([domain], graph.input_shape)


@dataclass
class _Evidence:
    """What is gathered of each cell, and what is found wrong by the name of the check."""

    regions: RegionSet
    words: np.ndarray
    graph: Graph
    roots: Roots
    wrong: dict[str, list[str]] = field(default_factory=dict)
    measures: list[fmpq] = field(default_factory=list)
    facets: dict[tuple[tuple[int, ...], ...], list[int]] = field(default_factory=dict)
    values: dict[tuple[tuple[int, ...], ...], bytes] = field(default_factory=dict)
    corners: set[tuple[int, ...]] = field(default_factory=set)

    def note(self, name: str, region: int, text: str) -> None:
        """Something wrong with a region."""
        self.wrong.setdefault(name, []).append(f"region {region}: {text}")

    def gather(self) -> Iterator[int]:
        """Go through all regions in batches; yields how many were done."""
        self.prologue = exact_forms(self.graph, {0: self.roots.exact()}, np.zeros(1, dtype=np.int64), ())
        self.error, self.maps = self._stored_maps()
        widest = max(int(np.prod(shape, dtype=np.int64)) for shape in self.graph.shapes)
        size = batch_size(widest, self.roots.dimension)
        for start in range(0, len(self.regions), size):
            stop = min(start + size, len(self.regions))
            patterns = self.regions.layout.unpack(self.words[start:stop])
            self._batch(start, patterns)
            yield stop - start

    def _stored_maps(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The bound on the error of the stored maps, and these, in scaled coordinates; None where there are none."""
        forms = self.roots.forms[0]
        lost = np.zeros_like(forms) if self.roots.remainder is None else self.roots.remainder[0]
        root = FormBounds(torch.from_numpy(np.abs(forms)), torch.from_numpy(np.abs(lost)))
        error = form_bounds(self.graph, root)[self.graph.output].error.flatten(1).numpy()
        if self.regions.stored_maps is None and self.regions.source is None:
            return error, None
        maps = self.regions.affine_maps.copy()
        maps[:, 1:] *= self.roots.scales[0][:, None]
        return error, maps

    def _batch(self, start: int, patterns: Sequence[np.ndarray]) -> None:
        exist = existing_pieces(self.graph, patterns)
        for i in np.flatnonzero(~exist):
            self.note("patterns", start + int(i), "a unit has a piece that does not exist")
        numbers = start + np.flatnonzero(exist) if patterns else np.array([start])
        patterns = [pieces[exist] for pieces in patterns]
        forms = exact_forms(self.graph, self.prologue, np.zeros(len(numbers), dtype=np.int64), patterns)
        halfspaces = Halfspaces(self.graph, forms, patterns)
        output = forms[self.graph.output]
        output = output.with_digits(output.digits.flatten(3))
        cells: dict[int, ExactCell] = {}
        domain = self.roots.cell(0)
        for at, number in enumerate(numbers.tolist()):
            cell = cell_of(halfspaces, at, domain)
            if isinstance(cell, str):
                self.note("patterns", number, cell)
            else:
                cells[at] = cell
        if not cells:
            return
        self._witnesses(numbers, patterns, cells)
        self._maps(numbers, output)
        coefficients = output.integers(output.exponent)
        for at, cell in cells.items():
            self._cell(int(numbers[at]), cell, coefficients[at], output.power)

    def _witnesses(self, numbers: np.ndarray, patterns: Sequence[np.ndarray], cells: dict[int, ExactCell]) -> None:
        points = [witness(cell) for cell in cells.values()]
        bits = max(power for _, power in points)
        scaled = np.array([[x << (bits - power) for x in values] for values, power in points], dtype=object)
        frame = self.roots.exact()
        t = Fixed.from_integers(scaled.reshape(len(points), -1), -bits)
        position = frame.with_digits(frame.digits[:, :, 0])
        for axis in range(self.roots.dimension):
            direction = frame.with_digits(frame.digits[:, :, 1 + axis])
            shape = (-1, len(points), *(1,) * len(self.graph.input_shape))
            position = position.plus(direction.times(t.with_digits(t.digits[:, :, axis].reshape(shape))))
        found = exact_pieces(self.graph, position)
        rows = list(cells)
        for pieces, stored in zip(found, patterns, strict=True):
            for i in np.flatnonzero((pieces != stored[rows]).any(axis=1)):
                self.note("witnesses", int(numbers[rows[i]]), "an inner point has another pattern")

    def _maps(self, numbers: np.ndarray, output: Fixed) -> None:
        if self.maps is None:
            return
        exact = output.to_floats().numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            # one rounding more, of the exact map
            off = np.abs(self.maps[numbers] - exact) > self.error + np.abs(exact) * 2 * EXACT_FORM_ROUNDING + SMALLEST
        for i in np.flatnonzero(off.any(axis=(1, 2))):
            self.note("maps", int(numbers[i]), "the affine map is not the one of the pattern")

    def _cell(self, number: int, cell: ExactCell, coefficients: np.ndarray, power: int) -> None:
        self.measures.append(cell.measure)
        if not self._near(number, cell.points):
            self.note("vertices", number, "the stored vertices are not those of the pattern's cell")
        self.corners.update(canonical(point) for point in cell.points)
        for facet, (row, _) in enumerate(cell.labels):
            ends = cell.facet_ends(facet)
            owners = self.facets.setdefault(ends, [int(row < 0)])
            owners.append(number)
            if row < 0:
                continue
            value = _values_at(ends, coefficients, power)
            if self.values.setdefault(ends, value) != value:
                self.note("continuity", number, f"its map differs from that of region {owners[1]} on their facet")

    def _near(self, number: int, points: Sequence[Point]) -> bool:
        """Whether the stored vertices are these, in some rotation, within their errors."""
        start, stop = self.regions.offsets[number : number + 2]
        if stop - start != len(points):
            return False
        stored, errors = self.regions.vertices[start:stop], self.regions.vertex_errors[start:stop]
        scale = self.roots.scales[0]
        turns = range(len(points)) if self.roots.dimension == 2 else (0,)
        near = [[_within(p, s, float(e), scale) for p in points] for s, e in zip(stored, errors, strict=True)]
        return any(all(near[i][(i + turn) % len(points)] for i in range(len(points))) for turn in turns)

    def checks(self) -> Iterator[Check]:
        """All checks, in order."""
        complete = self.regions.account.complete
        self._repeated()
        yield self._check("patterns", "all distinct, all have an interior in the domain")
        yield self._check("witnesses", "an inner point of each region has its pattern")
        yield self._check("vertices", "all within their error bounds")
        if self.maps is None:
            yield Check("maps", None, "not at hand")
        else:
            yield self._check("maps", "all within their error bounds")
        yield self._measure(complete)
        self._facets(complete)
        closed = self._check("facets", "every inner facet has two regions, every outer one")
        yield closed if complete or closed.holds is False else Check("facets", None, "the search ended early")
        yield self._check("continuity", "neighboring maps agree on their facet")
        yield self._euler(complete)

    def _check(self, name: str, success: str) -> Check:
        found = self.wrong.get(name, [])
        if not found:
            return Check(name, True, success) if len(self.regions) else Check(name, None, "no regions")
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return Check(name, False, "; ".join(found[:_SHOWN]) + more)

    def _repeated(self) -> None:
        seen: dict[bytes, int] = {}
        for number, row in enumerate(self.words):
            other = seen.setdefault(row.tobytes(), number)
            if other != number:
                self.note("patterns", number, f"the pattern of region {other} again")

    def _measure(self, complete: bool) -> Check:
        whole = self.roots.cell(0).measure
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
        for outer, *owners in self.facets.values():
            expected = 1 if outer else 2
            if len(owners) > expected or (complete and len(owners) < expected):
                self.note("facets", owners[0], f"a facet has {len(owners)} regions {owners}, expected {expected}")

    def _euler(self, complete: bool) -> Check:
        if not complete:
            return Check("Euler", None, "the search ended early")
        edges = len(self.facets) if self.roots.dimension == 2 else 0
        cells = len(self.measures) if self.roots.dimension == 2 else -len(self.measures)
        value = len(self.corners) - edges + cells
        return Check("Euler", value == 1, f"V - E + F is {value}" if edges else f"V - E is {value}")


def _within(point: Point, stored: np.ndarray, error: float, scale: np.ndarray) -> bool:
    """Whether an exact point, in scaled coordinates, is a stored one up to its error."""
    if point[0] == 0:
        return bool(np.isinf(stored[0]) and (stored[0] > 0) == (point[1] > 0))
    if error == np.inf:
        return True
    if not np.isfinite(stored).all():
        return False
    bound = _rational(error)
    return all(
        abs(fmpq(x, point[0]) * _rational(s) - _rational(v)) <= bound
        for x, s, v in zip(point[1:], scale, stored, strict=True)
    )


def _rational(value: float) -> fmpq:
    return fmpq(*float(value).as_integer_ratio())


def _values_at(ends: Sequence[tuple[int, ...]], coefficients: np.ndarray, power: int) -> bytes:
    """A digest of the outputs at both ends of a facet: equal where all of them are."""
    digest = hashlib.blake2b(digest_size=16)
    for weight, *place in ends:
        for column in coefficients.T:
            value = int(column[0] * weight + sum(c * x for c, x in zip(column[1:], place, strict=True)))
            zeros = (value & -value).bit_length() - 1 if value else 0
            digest.update(f"{value >> zeros}:{power + zeros if value else 0};".encode())
    return digest.digest()


def _sum(values: Sequence[fmpq]) -> fmpq:
    """The sum, in pairs, so that numbers of like size meet."""
    row = list(values)
    while len(row) > 1:
        row = [a + b for a, b in zip(row[::2], row[1::2], strict=False)] + (row[-1:] if len(row) % 2 else [])
    return row[0] if row else fmpq(0)
