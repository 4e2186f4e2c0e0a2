"""The region of a point as halfspaces, with its affine map: what every local question starts from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, overload

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from tqdm.auto import tqdm

from vitrail.domains import Domain
from vitrail.engines.row_places import RowPlaces, layout_of, places_of, tables_of
from vitrail.errors import InvalidDomainError, ResourceLimitError
from vitrail.local.gradients.basis import Basis, basis_of
from vitrail.local.gradients.columns import spans
from vitrail.local.gradients.decide import Decider, present
from vitrail.local.gradients.norms import Norms
from vitrail.local.gradients.rows import Rows
from vitrail.local.gradients.sweep import Stream, routes_of
from vitrail.local.gradients.values import Values, values_at
from vitrail.local.points import full_domain, points_in
from vitrail.network.graph import Graph, piecewise_op
from vitrail.network.network import Network
from vitrail.network.ops.base import piece_dtype, size_of
from vitrail.numerics.filters import VAGUE
from vitrail.patterns import pack
from vitrail.status import Status

__all__ = ["LocalHalfspaces", "all_halfspaces", "halfspaces_at"]

_MOST_ENTRIES = 2**28
"""Numbers in the rows of one region, 2 GiB."""


@dataclass(frozen=True, eq=False)
class LocalHalfspaces:
    """The region of one point: where the network follows one pattern, {x : A x <= b} within the domain.

    `normals` is A (rows, n), unit rows that point outward, and `offsets` b (rows,). An elementwise unit has a row for
    each breakpoint that borders its piece, a maximum one for each other candidate. `units` numbers their units over the
    whole network, `layers` the piecewise-linear ops, `numbers` the hyperplanes, and `lengths` are the norms of the
    gradients before they were divided. Rows of the domain are not among them, nor rows that are constant on the region:
    `constant` (layers,) counts these.

    `normal_errors` and `offset_errors` (rows,) bound the norm of the error of each row of A, and the error of b;
    infinite where there is no proof. `pattern` has the piece of every unit, an array per op. `affine_map` is
    (n + 1, outputs): f(x) = m[0] + x @ m[1:]. The status is certified if pattern and rows are proven.

    Example:
        >>> net = Network.from_arrays([([[1.0, 1.0], [1.0, 0.0]], None), ([[1.0, 1.0]], None)])
        >>> region = halfspaces_at(net, [3.0, 1.0])
        >>> region.normals.round(3).tolist(), region.affine_map.tolist()
        ([[-0.707, -0.707], [-1.0, -0.0]], [[0.0], [2.0], [1.0]])
    """

    net: Network
    point: np.ndarray
    domain: Domain
    pattern: tuple[np.ndarray, ...]
    normals: np.ndarray
    offsets: np.ndarray
    units: np.ndarray
    layers: np.ndarray
    numbers: np.ndarray
    lengths: np.ndarray
    normal_errors: np.ndarray
    offset_errors: np.ndarray
    constant: np.ndarray
    affine_map: np.ndarray
    status: Status

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.offsets)

    def __repr__(self) -> str:
        """Rows, inputs and how sure, in one line."""
        return f"{type(self).__name__}({len(self):,} halfspaces of {self.point.size:,} inputs, {self.status.value})"

    @property
    def halfspaces(self) -> tuple[np.ndarray, np.ndarray]:
        """A and b."""
        return self.normals, self.offsets

    @cached_property
    def slacks(self) -> np.ndarray:
        """The distance of the point to each row, (rows,): b - A x, not negative but for rounding."""
        return self.offsets - self.normals @ self.point

    @cached_property
    def distance(self) -> float:
        """The l2 distance of the point to the nearest row, inf without rows; sides of the domain do not count."""
        return float(max(0.0, self.slacks.min(initial=np.inf)))

    @property
    def output(self) -> np.ndarray:
        """The network's outputs at the point, (outputs,)."""
        return self.affine_map[0] + self.point @ self.affine_map[1:]

    @property
    def prediction(self) -> int:
        """The class with the largest output; of one output, 1 where it is positive."""
        output = self.output
        return int(output.argmax()) if output.size > 1 else int(output[0] > 0)

    @property
    def words(self) -> np.ndarray:
        """The packed pattern, (words,)."""
        layout = layout_of(tables_of(self.net.graph))
        parts = [pack(own[None], bits)[0] for own, bits in zip(self.pattern, layout.bits, strict=True)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


Kind = TypeVar("Kind", bound=LocalHalfspaces)


@overload
def halfspaces_at(net: Network, x: ArrayLike, domain: Domain | None = None) -> LocalHalfspaces: ...
@overload
def halfspaces_at(net: Network, x: ArrayLike, domain: Domain | None = None, *, kind: type[Kind]) -> Kind: ...
def halfspaces_at(
    net: Network, x: ArrayLike, domain: Domain | None = None, *, kind: type[LocalHalfspaces] = LocalHalfspaces
) -> LocalHalfspaces:
    """The region of one input, flattened or not, in a domain (the whole input space if not given).

    An input on a boundary stands for the region that it enters when it moves a little towards the middle of the domain,
    and infinitely less along each coordinate in turn. Pieces and zero gradients that rounding may hide are decided
    exactly, unless the network is too large for that: then the status is uncertified.

    Raises:
        InvalidDomainError: no input of the network, or outside the domain; a domain of fewer dimensions than the input.
        ResourceLimitError: rows of more than 2 GiB.
    """
    domain = full_domain(net, domain)
    points = points_in(net, x, domain)
    if len(points) != 1:
        raise InvalidDomainError(
            f"expected one input, found {len(points)}; ask for the regions of a batch, or give one"
        )
    return next(_Maker(net, domain).regions(points, kind, progress=False))


@overload
def all_halfspaces(
    net: Network, inputs: ArrayLike, domain: Domain | None = None, *, progress: bool = False
) -> Iterator[LocalHalfspaces]: ...
@overload
def all_halfspaces(
    net: Network, inputs: ArrayLike, domain: Domain | None = None, *, progress: bool = False, kind: type[Kind]
) -> Iterator[Kind]: ...
def all_halfspaces(
    net: Network,
    inputs: ArrayLike,
    domain: Domain | None = None,
    *,
    progress: bool = False,
    kind: type[LocalHalfspaces] = LocalHalfspaces,
) -> Iterator[LocalHalfspaces]:
    """The region of each of some inputs, one after the other, as `halfspaces_at`; checks are made at once.

    Raises:
        InvalidDomainError: as `halfspaces_at`.
        ResourceLimitError: rows of more than 2 GiB.

    Example:
        >>> net = Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> [region.distance for region in all_halfspaces(net, [[0.25], [3.0]])]
        [0.25, 2.0]
    """
    domain = full_domain(net, domain)
    points = points_in(net, inputs, domain)
    return _Maker(net, domain).regions(points, kind, progress)


class _Maker:
    """Regions of one network in one domain."""

    def __init__(self, net: Network, domain: Domain) -> None:
        self.net, self.domain = net, domain
        self.graph: Graph = net.graph
        self.tables = tables_of(self.graph)
        self.decider = Decider(self.graph, domain, self.tables)
        # fewer directions would not give the rows themselves
        self.basis: Basis = basis_of(self.graph, "linf")
        self.stream = Stream(self.graph, outputs=True)
        self.small = [piece_dtype(piecewise_op(self.graph, node).pieces) for node in self.graph.piecewise]
        self.first_units = np.cumsum([0, *(table.units for table in self.tables)])

    def regions(self, points: np.ndarray, kind: type[Kind], progress: bool) -> Iterator[Kind]:
        size, columns = self.basis.chunks(len(points))
        with tqdm(total=len(points), unit=" regions", disable=not progress) as bar:
            for start in range(0, len(points), size):
                part = points[start : start + size]
                found = values_at(self.graph, torch.from_numpy(part.reshape(-1, *self.graph.input_shape).copy()))
                proven = self.decider.settle(part, found)
                for cell in range(len(part)):
                    yield self.region(part[cell], found, cell, bool(proven[cell]), columns, kind)
                    bar.update()

    def region(self, point: np.ndarray, found: Values, cell: int, proven: bool, columns: int, kind: type[Kind]) -> Kind:
        pattern = [own[cell : cell + 1] for own in found.pieces]
        places = [places_of(table, own) for table, own in zip(self.tables, pattern, strict=True)]
        gradients, norms, slopes = self._carried(places, pattern, columns)
        rows = Rows.of(self.tables, places, gradients, norms, found, cell)
        # a constant must be proven; a gradient must not be rounding
        vague = np.flatnonzero(~(rows.errors <= VAGUE * rows.lengths))
        if vague.size:
            proven &= self._look(rows, vague, pattern, places)
        return self._made(kind, point, found, cell, rows, slopes, proven, pattern, places)

    def _carried(
        self, places: Sequence[RowPlaces], pattern: Sequence[np.ndarray], columns: int
    ) -> tuple[list[np.ndarray], Norms, np.ndarray]:
        """Gradients of rows per op (rows, n), norms of everything, and the slopes of the outputs (n, outputs)."""
        inputs, graph = self.basis.columns, self.graph
        total = sum(own.cells.size for own in places)
        if total * inputs > _MOST_ENTRIES:
            raise ResourceLimitError(
                f"the region has {total:,} rows of {inputs:,} inputs, {8 * total * inputs / 2**30:.1f} GiB; the limit "
                f"is {8 * _MOST_ENTRIES / 2**30:.0f} GiB; `distance_to_boundary` needs no rows"
            )
        routes = routes_of(graph, [torch.from_numpy(own) for own in pattern])
        norms, slopes = Norms(self.basis, "l2", routes), np.empty((inputs, size_of(graph.output_shape)))
        keeper = _Keeper(norms, places, [np.empty((own.cells.size, inputs)) for own in places])
        for start, end in spans(inputs, columns):
            keeper.start = start
            output = self.stream.run(self.basis.start(start, end), routes, keeper)
            if output is not None:
                slopes[start:end] = output[0].reshape(end - start, -1).numpy()
        gradients = keeper.gradients
        return gradients, norms, slopes

    def _look(self, rows: Rows, vague: np.ndarray, pattern: Sequence[np.ndarray], places: Sequence[RowPlaces]) -> bool:
        """Decide rows whose gradients may be zero or are not known well; whether all are proven not to be rounding.

        By the wiring, and exactly if that is possible.
        """
        moving = present(self.graph, [torch.from_numpy(own) for own in pattern])
        left: list[np.ndarray] = []
        for number, own in enumerate(places):
            mine = vague[rows.layers[vague] == number]
            place = mine - rows.starts[number]
            reads = moving[number][0].numpy()
            there = reads[own.plus[place]]
            if own.minus is not None:
                there = there | reads[own.minus[place]]
            rows.constant[mine[~there]] = True
            left.append(mine[there])
        undecided = np.concatenate([np.zeros(0, dtype=np.int64), *left])
        if not undecided.size:
            return True
        if not self.decider.gradients_affordable:
            poor = undecided[~(rows.errors[undecided] < rows.lengths[undecided])]
            rows.guess(poor)
            return not poor.size
        wanted = [
            (number, _some(places[number], mine - rows.starts[number])) for number, mine in enumerate(left) if mine.size
        ]
        exact = self.decider.gradients([own[0] for own in pattern], wanted)
        for (number, _), (gradients, moves) in zip(wanted, exact, strict=True):
            rows.replace(left[number], gradients, moves)
        return True

    def _made(
        self,
        kind: type[Kind],
        point: np.ndarray,
        found: Values,
        cell: int,
        rows: Rows,
        slopes: np.ndarray,
        proven: bool,
        pattern: Sequence[np.ndarray],
        places: Sequence[RowPlaces],
    ) -> Kind:
        kept = np.flatnonzero(~rows.constant)
        numbers = np.concatenate([np.zeros(0, dtype=np.int64), *(own.numbers for own in places)])[kept]
        units = np.concatenate([np.zeros(0, dtype=np.int64), *self._units(places)])[kept]
        normals, offsets, normal_errors, offset_errors = rows.scaled(kept, point)
        output = found.outputs[cell]
        affine_map = np.concatenate([(output - point @ slopes)[None], slopes])
        return kind(
            self.net,
            point,
            self.domain,
            tuple(own[0].astype(small) for own, small in zip(pattern, self.small, strict=True)),
            normals,
            offsets,
            units,
            rows.layers[kept],
            numbers,
            rows.lengths[kept],
            normal_errors,
            offset_errors,
            np.bincount(rows.layers[rows.constant], minlength=len(self.tables)).astype(np.int64),
            affine_map,
            Status.CERTIFIED if proven and np.isfinite(normal_errors + offset_errors).all() else Status.UNCERTIFIED,
        )

    def _units(self, places: Sequence[RowPlaces]) -> list[np.ndarray]:
        firsts = self.first_units[:-1]
        return [
            first + table.unit_of(own.numbers) for first, table, own in zip(firsts, self.tables, places, strict=True)
        ]


@dataclass(eq=False)
class _Keeper:
    """Keeps the gradients of rows, and has the norms of all nodes taken."""

    norms: Norms
    places: Sequence[RowPlaces]
    gradients: list[np.ndarray]
    start: int = 0

    def affine(self, node: int, forms: Tensor) -> None:
        self.norms.affine(node, forms)

    def fused(self, node: int, forms: Tensor, slopes: Tensor, last: bool) -> bool:
        return False

    def deciding(self, number: int, forms: Tensor) -> None:
        self.norms.deciding(number, forms)
        own, flat = self.places[number], forms[0].numpy()
        rows = flat[:, own.plus] if own.minus is None else flat[:, own.plus] - flat[:, own.minus]
        self.gradients[number][:, self.start : self.start + len(flat)] = (rows * own.signs).T


def _some(places: RowPlaces, rows: np.ndarray) -> RowPlaces:
    minus = None if places.minus is None else places.minus[rows]
    return RowPlaces(
        places.cells[rows], places.plus[rows], minus, places.levels[rows], places.numbers[rows], places.signs[rows]
    )
