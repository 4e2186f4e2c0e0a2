"""A partition into cells as a struct of arrays, and its geometry: measures, facets, neighbors, faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vitrail.account import Account
from vitrail.cells.adjacency import polygon_faces
from vitrail.cells.faces import euler_characteristic
from vitrail.cells.polygon import polygon_areas, polygon_centroids
from vitrail.cells.volumes import Volumes, volumes
from vitrail.errors import InvalidOptionError
from vitrail.facets import Facets, adjacency_of, find_faces, find_facets, scaled_vertices, settled_cuts
from vitrail.patterns import PatternLayout
from vitrail.shapes import MOST_VOLUME_DIMENSIONS, bounded_regions, volumes_of
from vitrail.source import Source
from vitrail.status import Status

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Partition"]


@dataclass(frozen=True, eq=False)
class Partition:
    """Cells of a domain, a struct of arrays, and their geometry: `vitrail.regions.RegionSet` says what the arrays are.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([(np.eye(3), None), ([[1.0, 1.0, 1.0]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0] * 3, [1.0] * 3))
        >>> isinstance(regions, Partition), regions.f_vector.tolist(), bool(regions.bounded.all())
        (True, [27, 54, 36, 8], True)
    """

    origin: np.ndarray
    basis: np.ndarray
    offsets: np.ndarray
    vertices: np.ndarray
    vertex_errors: np.ndarray
    facet_offsets: np.ndarray
    facet_units: np.ndarray
    facet_cuts: np.ndarray
    incidence: np.ndarray
    dirty: np.ndarray
    words: np.ndarray | None
    layout: PatternLayout
    account: Account
    source: Source | None = field(default=None, repr=False)
    stored_maps: np.ndarray | None = field(default=None, repr=False)
    stored_witnesses: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Number of regions found."""
        return self.offsets.shape[0] - 1

    @property
    def dimension(self) -> int:
        """Dimension k of the frame: 1 on a line, 2 in a plane."""
        return self.basis.shape[0]

    @property
    def polygonal(self) -> bool:
        """Whether regions are polygons, whose facets follow their vertices."""
        return self.dimension == 2 and self.stored_witnesses is None

    @property
    def on_a_line(self) -> bool:
        """Whether regions are intervals, from low to high, whose facets are their ends."""
        return self.dimension == 1 and self.stored_witnesses is None

    @property
    def status(self) -> Status:
        """How sure the set is."""
        return self.account.status

    @cached_property
    def _volumes(self) -> Volumes:
        """Volumes and centroids of polytopes in frame coordinates; infinite and NaN where unbounded."""
        if self.stored_witnesses is None:
            vertices, errors, scale = scaled_vertices(self)
            scaled, factor = volumes(self.offsets, vertices, errors, self.incidence, self.facet_offsets), scale.prod()
            return Volumes(scaled.volumes * factor, scaled.centroids * scale, scaled.bounds * factor)
        found = Volumes(
            np.full(len(self), np.nan), np.full(self.stored_witnesses.shape, np.nan), np.full(len(self), np.nan)
        )
        if self.dimension <= MOST_VOLUME_DIMENSIONS:
            found.volumes[~self.bounded] = np.inf
            own = np.flatnonzero(self.bounded)
            part = volumes_of(self, own)
            found.volumes[own], found.centroids[own], found.bounds[own] = part.volumes, part.centroids, part.bounds
        return found

    @cached_property
    def bounded(self) -> np.ndarray:
        """Whether each region is bounded, shape (regions,); decided exactly where cells are halfspaces."""
        if self.stored_witnesses is not None and not np.isfinite(self.account.measure):
            return bounded_regions(self)
        if self.on_a_line:
            return np.asarray(np.isfinite(self.vertices).reshape(-1, 2).all(axis=1))
        return np.ones(len(self), dtype=bool)

    @cached_property
    def measures(self) -> np.ndarray:
        """Length, area or volume of each region in input units, shape (regions,); `inf` if unbounded.

        Where cells are halfspaces, bounded regions get their vertices first, exactly, which takes milliseconds each;
        beyond 6 dimensions measures are NaN there.
        """
        if self.polygonal:
            frame_measures = polygon_areas(self.offsets, self.vertices)
        elif self.on_a_line:
            frame_measures = self.vertices[1::2, 0] - self.vertices[::2, 0]
        else:
            frame_measures = self._volumes.volumes
        return frame_measures * self.account.measure_scale

    @cached_property
    def centroids(self) -> np.ndarray:
        """Center of mass of each region in frame coordinates, shape (regions, k); NaN or infinite if unbounded."""
        if self.polygonal:
            return polygon_centroids(self.offsets, self.vertices)
        if self.on_a_line:
            with np.errstate(invalid="ignore"):
                return 0.5 * (self.vertices[::2] + self.vertices[1::2])
        return self._volumes.centroids

    @cached_property
    def witnesses(self) -> np.ndarray:
        """A point inside each region, in frame coordinates, shape (regions, k).

        The mean of the vertices; on an unbounded interval one unit beyond its finite end. NaN where cells are
        halfspaces and no inner point was found in float64, as in slivers.
        """
        if self.stored_witnesses is not None:
            return self.stored_witnesses
        if self.dimension >= 2:
            counts = np.diff(self.offsets)[:, None]
            total = np.add.reduceat(self.vertices, self.offsets[:-1], axis=0) if len(self) else self.vertices
            return total / counts
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
    def facets(self) -> Facets:
        """All pairs of regions that share a facet.

        Raises:
            InvalidOptionError: beyond dimension 2 the patterns are needed, and were not kept.
        """
        return find_facets(self)

    @cached_property
    def facet_neighbors(self) -> np.ndarray:
        """The region across each facet, (facets,): -1 on the domain's sides and where it was not found."""
        neighbors = np.full(self.facet_units.size, -1, dtype=np.int64)
        neighbors[self.facets.rows] = self.facets.regions[:, ::-1]
        return neighbors

    @cached_property
    def settled_cuts(self) -> np.ndarray:
        """`facet_cuts` with a number of its own for each facet that coordinates alone do not tell."""
        return self.facet_cuts if self.words is None and not self.polygonal else settled_cuts(self, self.facets)

    def adjacency(self) -> csr_array:
        """Which regions share a facet: a symmetric sparse array (regions, regions).

        An entry is 1 + the row of the facet in `facets`.
        """
        return adjacency_of(self.facets, len(self))

    @cached_property
    def _paired(self) -> bool:
        """Whether every inner edge was matched with exactly one other: then adjacency can be relied on."""
        if self.on_a_line:
            return True
        inner, rows = int((self.facet_cuts >= 0).sum()), self.facets.rows
        return rows.size == inner and np.unique(rows).size == inner

    @property
    def measure_error(self) -> float:
        """Relative difference between the sum of the measures and the domain's measure; NaN if unbounded or partial."""
        if not np.isfinite(self.account.measure) or not self.account.complete:
            return float("nan")
        return float(abs(self.measures.sum() - self.account.measure) / self.account.measure)

    @cached_property
    def f_vector(self) -> np.ndarray:
        """How many faces of each dimension the partition has: vertices, edges, ..., regions, shape (k + 1,).

        In a partial result faces are shared across facets whose two regions were found. Vertices at infinity do not
        count.

        Raises:
            InvalidOptionError: regions of dimension 3 or more without vertices, or without patterns; or which faces are
                the same is not known beyond doubt.
        """
        if self.on_a_line:
            breakpoints = len(self.facets.units) + int(np.isfinite(self.vertices[[0, -1]]).sum() if len(self) else 0)
            return np.array([breakpoints, len(self)])
        if self.polygonal:
            return polygon_faces(self.offsets, self.facet_cuts, self.facets.rows)
        faces = find_faces(self, self.facets)
        if not faces.proven:
            raise InvalidOptionError(
                "f_vector: which faces regions share is not beyond doubt; enumerate again, with exact arithmetic"
            )
        return faces.numbers

    def euler_characteristic(self) -> int:
        """The alternating sum of the f-vector, V - E + F in a plane: 1 for a proper complex of a bounded domain."""
        # a whole line lacks both of its ends
        return euler_characteristic(self.f_vector) + 2 * int(np.isinf(self.vertices).any())
