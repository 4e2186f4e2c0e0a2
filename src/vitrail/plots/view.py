"""What the pictures need to know about a set of regions and about a decision boundary."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vitrail.account import Account
from vitrail.patterns import PatternLayout

__all__ = ["BoundaryView", "RegionsView", "edge_layers", "headline", "scores_known"]


class RegionsView(Protocol):
    """A set of regions as the pictures see it; `RegionSet` is one. Arrays as described there."""

    @property
    def origin(self) -> np.ndarray:
        """Origin of the frame, shape (n,)."""

    @property
    def basis(self) -> np.ndarray:
        """Basis of the frame, shape (k, n)."""

    @property
    def dimension(self) -> int:
        """Dimension k of the frame: 1 on a line, 2 in a plane."""

    @property
    def offsets(self) -> np.ndarray:
        """First vertex of each region, shape (regions + 1,)."""

    @property
    def vertices(self) -> np.ndarray:
        """Frame coordinates, shape (total, k)."""

    @property
    def vertex_errors(self) -> np.ndarray:
        """Error bound of each vertex, shape (total,)."""

    @property
    def facet_offsets(self) -> np.ndarray:
        """First facet of each region, shape (regions + 1,)."""

    @property
    def facet_units(self) -> np.ndarray:
        """Unit behind each facet, edge or end, shape (facets,); negative on the domain's own boundary."""

    @property
    def incidence(self) -> np.ndarray:
        """Beyond dimension 2, the facets through each vertex as bits, shape (total, words)."""

    @property
    def words(self) -> np.ndarray | None:
        """Packed patterns, shape (regions, words)."""

    @property
    def layout(self) -> PatternLayout:
        """Units of each piecewise-linear op."""

    @property
    def account(self) -> Account:
        """How the regions were found."""

    @property
    def measures(self) -> np.ndarray:
        """Lengths or areas in input units, shape (regions,)."""

    @property
    def witnesses(self) -> np.ndarray:
        """A point inside each region, shape (regions, k)."""

    @property
    def affine_maps(self) -> np.ndarray:
        """Output forms, shape (regions, k + 1, outputs)."""

    @property
    def classes(self) -> np.ndarray:
        """Predicted class at each witness, shape (regions,)."""

    @property
    def source(self) -> object | None:
        """Where affine maps come from, or None in a set that was read from a file."""

    @property
    def stored_maps(self) -> np.ndarray | None:
        """Affine maps that were kept, or None."""

    def __len__(self) -> int:
        """Number of regions."""


class BoundaryView(Protocol):
    """A decision boundary as the pictures see it; `DecisionBoundary` is one. Arrays as described there."""

    @property
    def ends(self) -> np.ndarray:
        """Ends of the straight pieces, shape (pieces, 2, k)."""

    @property
    def regions(self) -> RegionsView:
        """The regions, cut by class."""

    @property
    def region_classes(self) -> np.ndarray:
        """Class of each of them, shape (regions,)."""

    @property
    def decision_regions(self) -> np.ndarray:
        """Decision region of each of them, shape (regions,)."""


def edge_layers(regions: RegionsView) -> np.ndarray:
    """The piecewise-linear op behind each edge or end, numbered from 0; -1 on the domain's own boundary."""
    layers = np.searchsorted(np.cumsum(regions.layout.units), regions.facet_units, side="right")
    return np.where(regions.facet_units >= 0, layers, -1)


def scores_known(regions: RegionsView) -> bool:
    """Whether the outputs can be drawn: the affine maps were kept, or the network and the patterns are at hand."""
    return regions.stored_maps is not None or (regions.source is not None and regions.words is not None)


def headline(regions: RegionsView) -> str:
    """The count with its definition and status, for a title.

    A partial search says "at least"; an uncertified one how many sign decisions it left open.
    """
    number, account = len(regions), regions.account
    count = f"{number:,} activation region{'' if number == 1 else 's'}"
    if not account.complete:
        return f"at least {count} (partial)"
    if not account.status.proven:
        return f"about {count} (uncertified, {account.undecided:,} undecided)"
    return f"{count} ({account.status.value})"
