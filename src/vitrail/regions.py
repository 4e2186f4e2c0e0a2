"""The regions that a search found, as a struct of arrays, and one region as a view into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail import files
from vitrail.count import Count
from vitrail.errors import InvalidOptionError, NotCertifiedError
from vitrail.merging import merge_equal_maps
from vitrail.options import one_of
from vitrail.partition import Partition
from vitrail.plots import regions as plots
from vitrail.shapes import halfspaces_of, largest_ball
from vitrail.status import Definition, Status

if TYPE_CHECKING:
    import networkx
    import pandas
    from matplotlib.axes import Axes

__all__ = ["Region", "RegionSet"]


@dataclass(frozen=True, eq=False)
class RegionSet(Partition):
    """Activation regions of a network on one domain, with an account of how they were found.

    Region i has the vertices `vertices[offsets[i] : offsets[i + 1]]` in frame coordinates, shape (total, k):
    counter-clockwise in a plane, the two ends on a line; none where cells are halfspaces. Its facets are rows
    `facet_offsets[i]` to `facet_offsets[i + 1]` of `facet_units`, the unit that makes each, negative on the domain's
    own boundary, and `facet_cuts`, which both sides of a facet share. In a plane facet i is the edge that leaves vertex
    i, on a line the end i; beyond, bit i of `incidence` (total, words) says that a vertex lies on facet i of its
    region. `words` are the packed patterns, or None if they were not kept.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Segment([-1.0], [3.0]))
        >>> len(regions), regions.measures.tolist(), regions.count().status.value
        (3, [1.0, 1.0, 2.0], 'certified')
    """

    def __repr__(self) -> str:
        """How many, how sure and where, in one line."""
        return f"RegionSet({len(self):,} activation regions, {self.status.value}, {self.account.domain})"

    def __getitem__(self, index: int) -> Region:
        """One region, a view."""
        if isinstance(index, slice):
            raise TypeError("regions: expected one number, found a slice; loop over the set, or index its arrays")
        if not -len(self) <= index < len(self):
            raise IndexError(f"region {index} of {len(self)}")
        return Region(self, index % len(self))

    def __iter__(self) -> Iterator[Region]:
        """The regions in order: along a line, or by cuts."""
        return (Region(self, i) for i in range(len(self)))

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
    def _merged(self) -> Any:
        if self.source is None:
            raise InvalidOptionError(
                "linear and affine counts need the network; enumerate again instead of reading a file"
            )
        return merge_equal_maps(self.affine_maps, self.words, self.facets.regions, self.source)

    @property
    def linear_labels(self) -> np.ndarray:
        """The linear region that each activation region belongs to, shape (regions,), numbered from 0."""
        return self._merged.labels

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
        """Draw the regions, return Axes: lines as breakpoints under the outputs, planes as polygons, 3-D as a solid.

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

    def __repr__(self) -> str:
        """Its number and size, in one line."""
        start, stop = self.regions.facet_offsets[self.index : self.index + 2]
        return f"Region({self.index} of {len(self.regions):,}, {stop - start} facets)"

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
    def facets(self) -> list[tuple[int, int | None]]:
        """The unit behind each facet, negative on the domain's sides, and the region across it, None if not found."""
        rows = np.arange(self.regions.facet_offsets[self.index], self.regions.facet_offsets[self.index + 1])
        across = self.regions.facet_neighbors[rows]
        units = self.regions.facet_units[rows]
        return [(int(unit), int(other) if other >= 0 else None) for unit, other in zip(units, across, strict=True)]

    @property
    def halfspaces(self) -> tuple[np.ndarray, np.ndarray]:
        """A and b of the halfspaces A t <= b in frame coordinates, a row per facet: (facets, k) and (facets,).

        b - A t is the distance from a facet in input units, within the domain's frame.

        Raises:
            InvalidOptionError: the patterns were not kept, or the set was read from a file.
        """
        return halfspaces_of(self.regions, self.index, self.regions.basis)

    @property
    def inradius(self) -> float:
        """Radius in input units, within the domain's frame, of the largest ball in the region; `inf` without bound.

        The ball is inside up to rounding; a linear program finds it, so it may be smaller by that solver's tolerance.

        Raises:
            InvalidOptionError: as `halfspaces`.
        """
        factor = np.linalg.cholesky(self.regions.basis @ self.regions.basis.T)
        normals, offsets = self.halfspaces
        # coordinates in which lengths are those of the input space
        return largest_ball(np.linalg.solve(factor, normals.T).T, offsets)[1]

    @property
    def affine_map(self) -> np.ndarray:
        """The output as forms in frame coordinates, shape (k + 1, outputs)."""
        return self.regions.affine_maps[self.index]
