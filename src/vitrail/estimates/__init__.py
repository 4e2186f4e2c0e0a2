"""Expectations at initialization, and sampling estimates on a given network, all with intervals."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitrail.estimates.constants import EstimatedConstants as EstimatedConstants
    from vitrail.estimates.constants import estimate_constants as estimate_constants
    from vitrail.estimates.counted import expected_count as expected_count
    from vitrail.estimates.counted import mean_regions_in_planes as mean_regions_in_planes
    from vitrail.estimates.counted import mean_regions_on_lines as mean_regions_on_lines
    from vitrail.estimates.crossings import expected_crossings as expected_crossings
    from vitrail.estimates.crossings import expected_regions as expected_regions
    from vitrail.estimates.density import expected_boundary_density as expected_boundary_density
    from vitrail.estimates.distances import ExpectedDistance as ExpectedDistance
    from vitrail.estimates.distances import expected_distance as expected_distance
    from vitrail.estimates.estimate import Estimate as Estimate
    from vitrail.estimates.initialization import Initialization as Initialization
    from vitrail.estimates.occupied import OccupiedRegions as OccupiedRegions
    from vitrail.estimates.occupied import occupied_regions as occupied_regions
    from vitrail.estimates.volumes import estimate_regions as estimate_regions

# where each public name lives; looked up when first used, so that an estimate alone does not load the searches
_HOMES = {
    "Estimate": "estimate",
    "EstimatedConstants": "constants",
    "ExpectedDistance": "distances",
    "Initialization": "initialization",
    "OccupiedRegions": "occupied",
    "estimate_constants": "constants",
    "estimate_regions": "volumes",
    "expected_boundary_density": "density",
    "expected_count": "counted",
    "expected_crossings": "crossings",
    "expected_distance": "distances",
    "expected_regions": "crossings",
    "mean_regions_in_planes": "counted",
    "mean_regions_on_lines": "counted",
    "occupied_regions": "occupied",
}

__all__ = [
    "Estimate",
    "EstimatedConstants",
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


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vitrail.estimates' has no attribute {name!r}")
    return vars(import_module(f"vitrail.estimates.{_HOMES[name]}"))[name]
