"""Questions at given points: the region of each, its shape, its surroundings, and its decision boundary."""

from __future__ import annotations

from vitrail.local.decisions.decision import Decision, decision
from vitrail.local.directions import Directions, directions, isotropic_cosine, merge_directions
from vitrail.local.distance import Distances, distance_to_boundary
from vitrail.local.facets import Facets, facets
from vitrail.local.groups import PointGroup, sample_points
from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.local.insphere import Insphere, insphere
from vitrail.local.neighbors import Neighbors, neighbors
from vitrail.local.region import LocalRegion, directions_at, region_at, regions_at
from vitrail.local.relevance import Relevance, relevance
from vitrail.local.report import report
from vitrail.local.transfer import Transfer, transfer

__all__ = [
    "Decision",
    "Directions",
    "Distances",
    "Facets",
    "Insphere",
    "LocalHalfspaces",
    "LocalRegion",
    "Neighbors",
    "PointGroup",
    "Relevance",
    "Transfer",
    "decision",
    "directions",
    "directions_at",
    "distance_to_boundary",
    "facets",
    "insphere",
    "isotropic_cosine",
    "merge_directions",
    "neighbors",
    "region_at",
    "regions_at",
    "relevance",
    "report",
    "sample_points",
    "transfer",
]
