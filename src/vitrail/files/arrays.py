"""What a result file holds: the arrays and their types, what they are taken from, and the checksum over all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vitrail.account import Account
from vitrail.patterns import PatternLayout

if TYPE_CHECKING:
    from vitrail.source import Source

__all__ = [
    "FORMAT",
    "FRAME",
    "KEY",
    "OPTIONAL",
    "SCHEMA",
    "TYPES",
    "FacetArrays",
    "RegionArrays",
    "arrays_of",
    "checksum",
    "maps_at_hand",
]

FORMAT, SCHEMA = "vitrail regions", 3
TYPES = {
    "origin": "<f8", "basis": "<f8", "offsets": "<i8", "vertices": "<f8", "vertex_errors": "<f8", "facet_units": "<i8",
    "facet_cuts": "<i8", "dirty": "|b1", "words": "<i8", "maps": "<f8", "facet_offsets": "<i8", "incidence": "<i8",
    "witnesses": "<f8",
}  # fmt: skip
"""The arrays of a file and their types."""
FRAME, OPTIONAL = ("origin", "basis"), ("words", "maps", "facet_offsets", "incidence", "witnesses")
KEY = b"vitrail"
"""Under which a parquet file keeps the JSON text; in an npz file it is the array `metadata`."""


class FacetArrays(Protocol):
    """What a graph needs to know about facets: pairs of regions (facets, 2) and the unit of each (facets,)."""

    @property
    def regions(self) -> np.ndarray:
        """The two regions of each facet."""

    @property
    def units(self) -> np.ndarray:
        """The unit that makes each facet."""


class RegionArrays(Protocol):
    """What is written and shown of a set of regions; `vitrail.regions.RegionSet` has all of it, with these meanings."""

    @property
    def origin(self) -> np.ndarray:
        """Origin of the frame, shape (n,)."""

    @property
    def basis(self) -> np.ndarray:
        """Basis of the frame, shape (k, n)."""

    @property
    def offsets(self) -> np.ndarray:
        """Where each region's vertices begin, shape (regions + 1,)."""

    @property
    def vertices(self) -> np.ndarray:
        """Vertices in frame coordinates, shape (total, k)."""

    @property
    def vertex_errors(self) -> np.ndarray:
        """Error bound of each vertex, shape (total,)."""

    @property
    def facet_units(self) -> np.ndarray:
        """Unit that makes each facet, shape (facets,)."""

    @property
    def settled_cuts(self) -> np.ndarray:
        """Number of the cut that made each facet, shape (facets,); both sides of a facet have the same."""

    @property
    def facet_offsets(self) -> np.ndarray:
        """Where each region's facets begin, shape (regions + 1,)."""

    @property
    def incidence(self) -> np.ndarray:
        """Bit words of the facets through each vertex, (total, words); no words where facets follow the vertices."""

    @property
    def dirty(self) -> np.ndarray:
        """Whether an undecided sign touched each region, shape (regions,)."""

    @property
    def words(self) -> np.ndarray | None:
        """Packed patterns, shape (regions, words), or None."""

    @property
    def layout(self) -> PatternLayout:
        """How the patterns are packed."""

    @property
    def account(self) -> Account:
        """How the regions were found."""

    @property
    def source(self) -> Source | None:
        """What computes affine maps from patterns, or None."""

    @property
    def stored_maps(self) -> np.ndarray | None:
        """Affine maps that are at hand, shape (regions, k + 1, outputs), or None."""

    @property
    def stored_witnesses(self) -> np.ndarray | None:
        """Inner points of regions without vertices, shape (regions, k), or None."""

    @property
    def affine_maps(self) -> np.ndarray:
        """Affine maps, computed where they are not at hand."""

    @property
    def measures(self) -> np.ndarray:
        """Length or area of each region in input units."""

    @property
    def witnesses(self) -> np.ndarray:
        """A point inside each region, in frame coordinates."""

    @property
    def classes(self) -> np.ndarray:
        """Predicted class at each witness."""

    @property
    def facets(self) -> FacetArrays:
        """Pairs of regions that share a facet."""


def maps_at_hand(regions: RegionArrays) -> bool:
    """Whether the affine maps can be had without an error."""
    return regions.stored_maps is not None or (regions.source is not None and regions.words is not None)


def arrays_of(regions: RegionArrays) -> dict[str, np.ndarray]:
    """The arrays to write; without `words` or `maps` where they cannot be had, and without what others say already."""
    beyond = regions.incidence.shape[1] > 0 or regions.stored_witnesses is not None
    values: dict[str, np.ndarray | None] = {
        "origin": regions.origin,
        "basis": regions.basis,
        "offsets": regions.offsets,
        "vertices": regions.vertices,
        "vertex_errors": regions.vertex_errors,
        "facet_units": regions.facet_units,
        "facet_cuts": regions.settled_cuts,
        "dirty": regions.dirty,
        "words": regions.words,
        "maps": regions.affine_maps if maps_at_hand(regions) else None,
        "facet_offsets": regions.facet_offsets if beyond else None,
        "incidence": regions.incidence if beyond else None,
        "witnesses": regions.stored_witnesses,
    }
    return {name: np.ascontiguousarray(v, dtype=TYPES[name]) for name, v in values.items() if v is not None}


def checksum(metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """The sha256 over the JSON text (without its own checksum) and all arrays, as 64 hex digits."""
    sha = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
        sha.update(array.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()
