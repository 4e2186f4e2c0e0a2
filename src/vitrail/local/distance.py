"""The distance of points to the boundary of their region: values over norms of gradients, without any row kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from tqdm.auto import tqdm

from vitrail.domains import Domain
from vitrail.engines.row_places import tables_of
from vitrail.local.gradients.basis import basis_of
from vitrail.local.gradients.columns import spans
from vitrail.local.gradients.decide import Decider, present
from vitrail.local.gradients.nearest import Layer, Nearest
from vitrail.local.gradients.norms import DUAL, Norms
from vitrail.local.gradients.sweep import Stream, routes_of
from vitrail.local.gradients.values import Values, values_at
from vitrail.local.points import DomainSides, full_domain, points_in
from vitrail.network.network import Network
from vitrail.network.ops.base import size_of
from vitrail.options import one_of
from vitrail.status import Status

if TYPE_CHECKING:
    import pandas

__all__ = ["NO_BOUNDARY", "Distances", "distance_to_boundary"]

_BATCH_NUMBERS = 2**20
"""Values of points that are computed at a time."""

NO_BOUNDARY = int(np.iinfo(np.int64).min)
"""The unit of a point that has no boundary around it; its layer is -2."""


@dataclass(frozen=True, eq=False)
class Distances:
    """The distances of points to the boundaries of their regions within the domain; all arrays start with the points.

    `values` (m,) are in input units and in the norm `norm`; `inf` where a region is the whole space. The true distance
    lies in [`lower`, `upper`], proven, rounding included; where not even the pattern is proven that is [0, inf].
    `units` (m,) are the nearest units, numbered over the whole network, -1 - i for side i of the domain, `NO_BOUNDARY`
    for none; `layers` (m,) their piecewise-linear ops, -1 for sides, -2 for none. `unit_certain` (m,): it is proven
    that no other unit or side is as near. `by_layer` (m, layers) is the distance to the nearest row of each layer, also
    beyond other boundaries, without bounds; inf where none moves. `certified` (m,): pattern and distance are proven.

    Example:
        >>> net = Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> found = distance_to_boundary(net, [[0.25], [3.0]])
        >>> found, found.values.tolist(), found.units.tolist()
        (Distances(2 points, l2, certified), [0.25, 2.0], [0, 1])
    """

    norm: str
    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    units: np.ndarray
    layers: np.ndarray
    unit_certain: np.ndarray
    by_layer: np.ndarray
    certified: np.ndarray

    @property
    def status(self) -> Status:
        """Certified if all points are."""
        return Status.CERTIFIED if self.certified.all() else Status.UNCERTIFIED

    def __len__(self) -> int:
        """Number of points."""
        return self.values.size

    def __repr__(self) -> str:
        """How many points, the norm and how sure, in one line."""
        return f"Distances({len(self):,} point{'s' * (len(self) != 1)}, {self.norm}, {self.status.value})"

    def to_frame(self) -> pandas.DataFrame:
        """A table with one row per point; `attrs["columns"]` says what each column means, with its unit.

        point: its number. distance, distance_lower, distance_upper: in input units. nearest_unit, nearest_layer: as
        `units` and `layers`. nearest_certain, certified: proven or not. distance_layer_0, ...: `by_layer`.

        Example:
            >>> net = Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
            >>> table = distance_to_boundary(net, [[0.25], [3.0]]).to_frame()
            >>> table[["distance", "nearest_unit", "distance_layer_0"]].to_numpy().tolist()
            [[0.25, 0.0, 0.25], [2.0, 1.0, 2.0]]
        """
        import pandas  # slow to import

        away = f"{self.norm} distance, in input units,"
        columns: dict[str, tuple[np.ndarray, str]] = {
            "point": (np.arange(len(self)), "number of the point among those given"),
            "distance": (self.values, f"{away} to the boundary of the point's region in the domain"),
            "distance_lower": (self.lower, "proven lower bound of the distance, in input units"),
            "distance_upper": (self.upper, "proven upper bound of the distance, in input units"),
            "nearest_unit": (
                self.units,
                f"unit of the nearest boundary, numbered over the network; -1 - i: side i of the domain; "
                f"{NO_BOUNDARY}: none",
            ),
            "nearest_layer": (
                self.layers,
                "piecewise-linear op of that unit, 0 the first; -1: side of the domain; -2: none",
            ),
            "nearest_certain": (self.unit_certain, "whether it is proven that no other unit or side is as near"),
            "certified": (self.certified, "whether pattern and distance are proven"),
        }
        for layer in range(self.by_layer.shape[1]):
            text = f"{away} to the nearest row of layer {layer}, also beyond other boundaries"
            columns[f"distance_layer_{layer}"] = self.by_layer[:, layer], text
        frame = pandas.DataFrame({name: values for name, (values, _) in columns.items()})
        frame.attrs["columns"] = {name: text for name, (_, text) in columns.items()}
        return frame


def distance_to_boundary(
    net: Network,
    X: ArrayLike,
    domain: Domain | None = None,
    *,
    norm: str = "l2",
    progress: bool = False,
    exact: bool = True,
) -> Distances:
    """The distance of one input or a batch of them to the boundary of its region within a domain.

    That is the smallest |z - b| / |grad z| over the units' pre-activations z and breakpoints b (for a maximum over the
    differences to the winner), and over the sides of the domain; gradients are taken along the point's pattern, in the
    dual of `norm` ("l2", "l1" or "linf"). Units that are constant on the region bound nothing. `domain` is the whole
    input space if not given. A point on a boundary has the distance 0.

    What rounding may hide is decided exactly where the network is small enough for that, except with `exact=False`;
    what is not decided is not certified. No gradient of all units is kept: memory stays below a few hundred MiB.

    It is the quantity of Hanin and Rolnick 2019 (Complexity of linear regions in deep networks, corollary 5), with the
    boundaries of activation regions in place of those of linear regions.

    Raises:
        InvalidDomainError: inputs that do not fit the network, or outside the domain; a domain of fewer dimensions.
        InvalidOptionError: another norm.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[3.0, 4.0]], [0.0]), ([[1.0]], None)])
        >>> [distance_to_boundary(net, [1.0, 1.0], norm=norm).values.item() for norm in ("l2", "l1", "linf")]
        [1.4, 1.75, 1.0]
    """
    one_of("norm", norm, list(DUAL))
    domain = full_domain(net, domain)
    points = points_in(net, X, domain)
    graph, sides = net.graph, DomainSides.of(domain)
    tables = tables_of(graph)
    decider = Decider(graph, domain, tables, exact=exact)
    basis, stream = basis_of(graph, norm), Stream(graph, outputs=False)
    size, columns = basis.chunks(len(points), 8 * len(sides))
    entries = sum(size_of(shape) for shape in graph.shapes) + len(sides)
    # what is small for one point is computed for more of them than gradients are
    batch = size * max(1, _BATCH_NUMBERS // (entries * size))
    parts: list[Nearest] = []
    with tqdm(total=len(points), unit=" points", disable=not progress) as bar:
        for start in range(0, len(points), batch):
            part = points[start : start + batch]
            found = values_at(graph, torch.from_numpy(part.reshape(-1, *graph.input_shape).copy()), outputs=False)
            proven = decider.settle(part, found)
            routes = routes_of(graph, [torch.from_numpy(own) for own in found.pieces])
            bounds: list[list[tuple[Tensor, Tensor]]] = []
            for first, last in spans(len(part), size):
                norms = Norms(basis, DUAL[norm], [route[first:last] for route in routes])
                for low, high in spans(basis.columns, columns):
                    stream.run(basis.start(low, high), norms.routes, norms)
                bounds.append([_of_each(pair, last - first) for pair in norms.finished(stream.stop)])
                bar.update(last - first)
            rows = [
                Layer.of(number, table, found, *(torch.cat(own) for own in zip(*pairs, strict=True)))
                for number, (table, *pairs) in enumerate(zip(tables, *bounds, strict=True))
            ]
            slacks = sides.slacks(part, norm)
            settled = _look(decider, DUAL[norm], found, rows, slacks)
            parts.append(Nearest.of(rows, slacks, proven, settled))
    return _joined(norm, parts)


def _of_each(pair: tuple[Tensor, Tensor], count: int) -> tuple[Tensor, Tensor]:
    """Norms and errors of each of some points: those before the first switch are computed once for all."""
    norms, errors = pair
    return norms.expand(count, *norms.shape[1:]), errors.expand(count, *errors.shape[1:])


def _look(
    decider: Decider, norm: str, found: Values, rows: Sequence[Layer], sides: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Decide gradients that matter and may be zero or are not known well; which points (m,) have none of the first."""
    count = len(sides[0])
    upper = (sides[0] + sides[1]).min(axis=1, initial=np.inf)
    for layer in rows:
        upper = np.minimum(upper, layer.upper.reshape(count, -1).min(axis=1, initial=np.inf))
    near = [~(layer.lower > upper.reshape(-1, *(1,) * (layer.lower.ndim - 1))) for layer in rows]
    asked = [layer.vague & own for layer, own in zip(rows, near, strict=True)]
    at = np.flatnonzero(_any(asked, count))
    if at.size:
        moving = present(decider.graph, [torch.from_numpy(own[at]) for own in found.pieces])
        for i, cell in enumerate(at.tolist()):
            wanted = [
                (number, places)
                for number, layer in enumerate(rows)
                if (places := layer.without_constants(cell, asked[number][cell], moving[number][i].numpy())) is not None
            ]
            if wanted and decider.gradients_affordable:
                exact = decider.gradients([own[cell] for own in found.pieces], wanted)
                for (number, _), (gradients, moves) in zip(wanted, exact, strict=True):
                    rows[number].replace(cell, asked[number][cell], norm, gradients, moves)
    return ~_any([layer.poor & own for layer, own in zip(rows, near, strict=True)], count)


def _any(masks: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Which of some points have one marked in any of the masks (points, ...)."""
    result = np.zeros(count, dtype=bool)
    for mask in masks:
        result |= mask.reshape(count, -1).any(axis=1)
    return result


def _joined(norm: str, parts: Sequence[Nearest]) -> Distances:
    arrays = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Nearest)}
    arrays["units"] = np.where(arrays["layers"] == -2, NO_BOUNDARY, arrays["units"])
    return Distances(norm, **arrays)
