"""The regions that a search found, as a struct of arrays, and one region as a view into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail import files
from vitrail.account import Account
from vitrail.cells.adjacency import euler_characteristic, facet_pairs, match_ends, next_vertex
from vitrail.cells.polygon import polygon_areas
from vitrail.count import Count
from vitrail.errors import InvalidOptionError, NotCertifiedError
from vitrail.merging import merge_equal_maps
from vitrail.numerics.filters import VALUE_ROUNDING
from vitrail.options import one_of
from vitrail.patterns import PatternLayout
from vitrail.plots import regions as plots
from vitrail.source import Source
from vitrail.status import Definition, Status

if TYPE_CHECKING:
    import networkx
    import pandas
    from matplotlib.axes import Axes

__all__ = ["Facets", "Region", "RegionSet"]


@dataclass(frozen=True)
class Facets:
    """Pairs of regions that share a facet: `regions` (facets, 2), `ends` (facets, 2, k), `units` (facets,).

    `edges` (facets, 2) are the rows of the two edges in the set's arrays. On a line a facet is a breakpoint, both of
    its ends the same.
    """

    regions: np.ndarray
    edges: np.ndarray
    ends: np.ndarray
    units: np.ndarray


@dataclass(frozen=True, eq=False)
class RegionSet:
    """Activation regions of a network on one domain, with an account of how they were found.

    Region i has the vertices `vertices[offsets[i] : offsets[i + 1]]` in frame coordinates, shape (total, k):
    counter-clockwise in a plane, the two ends on a line. `edge_units` is the unit that makes the edge leaving each
    vertex (on a line: the end itself), negative on the domain's own boundary. `words` are the packed patterns, or None
    if they were not kept.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Segment([-1.0], [3.0]))
        >>> len(regions), regions.measures.tolist(), regions.count().status.value
        (3, [1.0, 1.0, 2.0], 'certified')
    """

    origin: np.ndarray
    basis: np.ndarray
    offsets: np.ndarray
    vertices: np.ndarray
    vertex_errors: np.ndarray
    edge_units: np.ndarray
    edge_cuts: np.ndarray
    dirty: np.ndarray
    words: np.ndarray | None
    layout: PatternLayout
    account: Account
    source: Source | None = field(default=None, repr=False)
    stored_maps: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Number of regions found."""
        return self.offsets.shape[0] - 1

    def __getitem__(self, index: int) -> Region:
        """One region, a view."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"region {index} of {len(self)}")
        return Region(self, index % len(self))

    def __iter__(self) -> Iterator[Region]:
        """The regions in order: along a line, or by cuts in a plane."""
        return (Region(self, i) for i in range(len(self)))

    @property
    def dimension(self) -> int:
        """1 on a line, 2 in a plane."""
        return self.basis.shape[0]

    @property
    def status(self) -> Status:
        """How sure the set is."""
        return self.account.status

    @cached_property
    def measures(self) -> np.ndarray:
        """Length or area of each region in input units, shape (regions,); `inf` if unbounded."""
        if self.dimension == 1:
            frame_measures = self.vertices[1::2, 0] - self.vertices[::2, 0]
        else:
            frame_measures = polygon_areas(self.offsets, self.vertices)
        return frame_measures * self.account.measure_scale

    @cached_property
    def witnesses(self) -> np.ndarray:
        """A point inside each region, in frame coordinates, shape (regions, k).

        The mean of the vertices; on an unbounded interval one unit beyond its finite end.
        """
        if self.dimension == 2:
            counts = np.diff(self.offsets)[:, None]
            return np.add.reduceat(self.vertices, self.offsets[:-1], axis=0) / counts if len(self) else np.zeros((0, 2))
        low, high = self.vertices[::2, 0], self.vertices[1::2, 0]
        with np.errstate(invalid="ignore"):
            middle = low + 0.5 * (high - low)
        middle = np.where(np.isinf(low), np.where(np.isinf(high), 0.0, high - 1.0), middle)
        return np.where(np.isinf(high) & np.isfinite(low), low + 1.0, middle)[:, None]

    @cached_property
    def witness_points(self) -> np.ndarray:
        """The witnesses as flattened inputs, shape (regions, n)."""
        return self.origin + self.witnesses @ self.basis

    @cached_property
    def affine_maps(self) -> np.ndarray:
        """The output on each region as forms, shape (regions, k + 1, outputs): f(t) = m[0] + t @ m[1:].

        Computed from the patterns when first asked for.

        Raises:
            InvalidOptionError: neither the maps nor the network with the patterns is at hand.
        """
        if self.stored_maps is not None:
            return self.stored_maps
        if self.source is None or self.words is None:
            raise InvalidOptionError("affine maps: neither maps nor patterns were kept; enumerate with patterns=True")
        return self.source.maps(self.words)

    @cached_property
    def classes(self) -> np.ndarray:
        """The predicted class at each witness, shape (regions,): largest output; for one output its sign as 0 or 1.

        A region that the decision boundary crosses has points of other classes too; `boundaries.decision_boundary`
        splits it.
        """
        values = self.affine_maps[:, 0] + np.einsum("rk,rko->ro", self.witnesses, self.affine_maps[:, 1:])
        return values.argmax(axis=1) if values.shape[1] > 1 else (values[:, 0] > 0).astype(np.int64)

    def patterns(self) -> list[np.ndarray]:
        """The piece of every unit in every region, one array (regions, units) per piecewise-linear op.

        Raises:
            InvalidOptionError: the patterns were not kept.
        """
        if self.words is None:
            raise InvalidOptionError("patterns were not kept; enumerate with patterns=True")
        return self.layout.unpack(self.words)

    @cached_property
    def facets(self) -> Facets:
        """All pairs of regions that share a facet."""
        if self.dimension == 1:
            low, high = self.vertices[2::2, 0], self.vertices[1:-1:2, 0]
            # neighbors share an end, which each of them may have rounded for itself; a search that ended early has gaps
            slack = (self.vertex_errors[2::2] + self.vertex_errors[1:-1:2]) * (1 + VALUE_ROUNDING)
            shared = np.flatnonzero(np.abs(high - low) <= slack)
            edges = np.stack([2 * shared + 1, 2 * shared + 2], axis=1)
            ends = self.vertices[edges[:, 0]][:, None, :].repeat(2, axis=1)
            return Facets(edges // 2, edges, ends, self.edge_units[edges[:, 0]])
        found = facet_pairs(self.offsets, self.vertices, self.vertex_errors, self.edge_cuts)
        if found.open.size and self.words is not None and self.source is not None and self.source.may_be_exact:
            after = next_vertex(self.offsets)
            pairs = match_ends(found.open, self.edge_cuts[found.open], self._exact_ends(found.open))
            found = found.settled(pairs, self.vertices, self.vertices[after])
        return Facets(self._region_of[found.pairs], found.pairs, found.ends, self.edge_units[found.pairs[:, 0]])

    @cached_property
    def _region_of(self) -> np.ndarray:
        """The region of each vertex."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def _exact_ends(self, edges: np.ndarray) -> list[tuple[tuple[int, ...], ...]]:
        """Both ends of some edges, exactly."""
        if self.words is None or self.source is None:
            raise InvalidOptionError("exact ends: neither the network nor the patterns are at hand")
        regions, place = np.unique(self._region_of[edges], return_inverse=True)
        labels = [
            list(zip(self.source.rows[a:b].tolist(), self.edge_cuts[a:b].tolist(), strict=True))
            for a, b in zip(self.offsets[regions], self.offsets[regions + 1], strict=True)
        ]
        cells = self.source.exact_cells(self.words[regions], labels)
        first = self.offsets[regions][place]
        return [cells[i].facet_ends(int(edge - start)) for i, edge, start in zip(place, edges, first, strict=True)]

    @cached_property
    def facet_cuts(self) -> np.ndarray:
        """`edge_cuts` with a number of its own for each facet that coordinates alone do not tell."""
        if self.dimension == 1:
            return self.edge_cuts
        found = facet_pairs(self.offsets, self.vertices, self.vertex_errors, self.edge_cuts)
        if not found.open.size:
            return self.edge_cuts
        pairs = self.facets.edges[np.isin(self.facets.edges[:, 0], found.open)]
        result = self.edge_cuts.copy()
        numbers = int(result.max()) // 2 + 1 + np.arange(len(pairs) + found.open.size)
        result[found.open] = 2 * numbers[len(pairs) :]
        result[pairs[:, 0]], result[pairs[:, 1]] = 2 * numbers[: len(pairs)], 2 * numbers[: len(pairs)] + 1
        return result

    def adjacency(self) -> np.ndarray:
        """Pairs of regions that share a facet, shape (facets, 2)."""
        return self.facets.regions

    def count(self, definition: str | Definition = Definition.ACTIVATION) -> Count:
        """The number of regions by one definition, with its bounds, kind and status.

        `linear` merges activation regions across facets where the affine map is the same; `affine` counts different
        maps. Maps that floating point cannot tell apart are compared exactly; where the patterns were not kept or exact
        arithmetic was not allowed they are merged, and unless the wiring proves them equal, the count is uncertified.

        Raises:
            InvalidOptionError: an unknown definition.
        """
        chosen = Definition(one_of("definition", definition, [d.value for d in Definition]))
        if chosen is Definition.ACTIVATION:
            return self.account.count(len(self), int(self.dirty.sum()))
        merged = self._merged
        number = merged.linear if chosen is Definition.LINEAR else merged.affine
        return self.account.merged_count(number, chosen, len(self), self._paired)

    @cached_property
    def _paired(self) -> bool:
        """Whether every inner edge was matched with exactly one other: then adjacency can be relied on."""
        inner = int((self.edge_cuts >= 0).sum())
        edges = self.facets.edges
        return self.dimension == 1 or (edges.size == inner and np.unique(edges).size == inner)

    @cached_property
    def _merged(self) -> Any:
        if self.source is None:
            raise InvalidOptionError(
                "linear and affine counts need the network; enumerate again instead of reading a file"
            )
        return merge_equal_maps(self.affine_maps, self.words, self.adjacency(), self.source)

    @property
    def linear_labels(self) -> np.ndarray:
        """The linear region that each activation region belongs to, shape (regions,), numbered from 0."""
        return self._merged.labels

    @property
    def measure_error(self) -> float:
        """Relative difference between the sum of the measures and the domain's measure; NaN if unbounded or partial."""
        if not np.isfinite(self.account.measure) or not self.account.complete:
            return float("nan")
        return float(abs(self.measures.sum() - self.account.measure) / self.account.measure)

    def euler_characteristic(self) -> int:
        """V - E + F of the partition, from the shared facets: 1 for a proper complex."""
        if self.dimension == 1:
            return len(self.facets.units) + 2 - len(self)
        return euler_characteristic(self.offsets, self.edge_cuts, self.facets.edges)

    def require_complete(self) -> RegionSet:
        """This set, if the search reached its end.

        Raises:
            NotCertifiedError: it was stopped by a budget.
        """
        if not self.account.complete:
            raise NotCertifiedError(f"partial result: at least {len(self)} regions; {Status.PARTIAL.advice}")
        return self

    def require_certified(self) -> RegionSet:
        """This set, if every sign decision was proven.

        Raises:
            NotCertifiedError: it is partial or uncertified.
        """
        self.require_complete()
        if not self.status.proven:
            raise NotCertifiedError(f"uncertified result ({self.account.undecided} undecided): {self.status.advice}")
        return self

    def to_frame(self) -> pandas.DataFrame:
        """A table with a row per region: measure, witness, vertices, class, pattern as hexadecimal, dirty."""
        return files.to_frame(self)

    def to_parquet(self, path: str | Path) -> Path:
        """Write everything to a parquet file; `RegionSet.read` reads it back, without the network."""
        return files.write_parquet(self, Path(path))

    def to_npz(self, path: str | Path) -> Path:
        """Write everything to an npz file of plain arrays; `RegionSet.read` reads it back, without the network."""
        return files.write_npz(self, Path(path))

    @classmethod
    def read(cls, path: str | Path) -> RegionSet:
        """Read what `to_parquet` or `to_npz` wrote; nothing in the file is executed.

        Raises:
            StoreError: a file that is missing, damaged, or not written by Vitrail.
        """
        return cls(**files.read(Path(path)))

    def to_networkx(self) -> networkx.Graph:
        """The graph of regions and facets: nodes with measure and witness, edges with unit (needs networkx)."""
        return files.to_networkx(self)

    def plot(self, ax: Axes | None = None, color: Any = "pattern", boundaries: bool = True) -> Axes:
        """Draw the regions and return the Axes; a plane as polygons, a line as breakpoints under the outputs.

        `color` is "pattern" (stable for one pattern), "layer", "area", "class", or a function from a RegionSet to one
        number per region. `boundaries` draws the edges.

        Raises:
            InvalidOptionError: an unknown color.
        """
        return plots.plot_regions(self, ax=ax, color=color, boundaries=boundaries)


@dataclass(frozen=True, eq=False)
class Region:
    """One region of a set: a view, made when asked for.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0]], [0.0]), ([[1.0]], None)])
        >>> region = vitrail.enumerate_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))[0]
        >>> region.measure, region.vertices.shape
        (2.0, (4, 2))
    """

    regions: RegionSet
    index: int

    @property
    def vertices(self) -> np.ndarray:
        """Frame coordinates, shape (vertices, k)."""
        start, stop = self.regions.offsets[self.index : self.index + 2]
        return self.regions.vertices[start:stop]

    @property
    def measure(self) -> float:
        """Length or area in input units."""
        return float(self.regions.measures[self.index])

    @property
    def witness(self) -> np.ndarray:
        """A point inside, flattened input, shape (n,)."""
        return self.regions.witness_points[self.index]

    @property
    def pattern(self) -> list[np.ndarray]:
        """The piece of every unit, one array per piecewise-linear op."""
        if self.regions.words is None:
            raise InvalidOptionError("patterns were not kept; enumerate with patterns=True")
        return [p[0] for p in self.regions.layout.unpack(self.regions.words[self.index : self.index + 1])]

    @property
    def affine_map(self) -> np.ndarray:
        """The output as forms in frame coordinates, shape (k + 1, outputs)."""
        return self.regions.affine_maps[self.index]
