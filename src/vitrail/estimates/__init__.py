"""Expectations at initialization, and sampling estimates on a given network, all with intervals."""

from __future__ import annotations

from vitrail.estimates.constants import Constants, estimate_constants
from vitrail.estimates.counted import expected_count, mean_regions_in_planes, mean_regions_on_lines
from vitrail.estimates.crossings import expected_crossings, expected_regions
from vitrail.estimates.density import expected_boundary_density
from vitrail.estimates.distances import ExpectedDistance, expected_distance
from vitrail.estimates.estimate import Estimate
from vitrail.estimates.initialization import Initialization
from vitrail.estimates.occupied import OccupiedRegions, occupied_regions
from vitrail.estimates.volumes import estimate_regions

__all__ = [
    "Constants",
    "Estimate",
    "ExpectedDistance",
    "Initialization",
    "OccupiedRegions",
    "estimate_constants",
    "estimate_regions",
    "expected_boundary_density",
    "expected_count",
    "expected_crossings",
    "expected_distance",
    "expected_regions",
    "mean_regions_in_planes",
    "mean_regions_on_lines",
    "occupied_regions",
]
