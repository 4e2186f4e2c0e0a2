"""Linear regions of piecewise-linear networks: how a network cuts its inputs, and into what."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitrail import balls as balls
    from vitrail import boundaries as boundaries
    from vitrail import bounds as bounds
    from vitrail import constructions as constructions
    from vitrail import estimates as estimates
    from vitrail import local as local
    from vitrail import probes as probes
    from vitrail.balls.bounding import local_bound as local_bound
    from vitrail.certification.certificate import Certificate as Certificate
    from vitrail.certification.certificate import certify as certify
    from vitrail.count import Count as Count
    from vitrail.domains import Box as Box
    from vitrail.domains import Line as Line
    from vitrail.domains import Plane as Plane
    from vitrail.domains import Polygon as Polygon
    from vitrail.domains import Polytope as Polytope
    from vitrail.domains import Segment as Segment
    from vitrail.domains import Slice as Slice
    from vitrail.domains import Space as Space
    from vitrail.domains import read_vnnlib_box as read_vnnlib_box
    from vitrail.errors import VitrailError as VitrailError
    from vitrail.local.distance import distance_to_boundary as distance_to_boundary
    from vitrail.local.region import region_at as region_at
    from vitrail.local.region import regions_at as regions_at
    from vitrail.network.network import Network as Network
    from vitrail.regions import Region as Region
    from vitrail.regions import RegionSet as RegionSet
    from vitrail.search import count_regions as count_regions
    from vitrail.search import enumerate_regions as enumerate_regions
    from vitrail.status import Definition as Definition
    from vitrail.status import Kind as Kind
    from vitrail.status import Status as Status
    from vitrail.walking import Walk as Walk
    from vitrail.walking import walk as walk

__version__ = "0.1.0"

# where each public name lives; looked up when first used, so that `import vitrail` stays light
_HOMES = {
    "Box": "vitrail.domains",
    "Certificate": "vitrail.certification.certificate",
    "Count": "vitrail.count",
    "Definition": "vitrail.status",
    "Kind": "vitrail.status",
    "Line": "vitrail.domains",
    "Network": "vitrail.network.network",
    "Plane": "vitrail.domains",
    "Polygon": "vitrail.domains",
    "Polytope": "vitrail.domains",
    "Region": "vitrail.regions",
    "RegionSet": "vitrail.regions",
    "Segment": "vitrail.domains",
    "Slice": "vitrail.domains",
    "Space": "vitrail.domains",
    "Status": "vitrail.status",
    "VitrailError": "vitrail.errors",
    "Walk": "vitrail.walking",
    "balls": "vitrail.balls",
    "boundaries": "vitrail.boundaries",
    "bounds": "vitrail.bounds",
    "certify": "vitrail.certification.certificate",
    "constructions": "vitrail.constructions",
    "count_regions": "vitrail.search",
    "distance_to_boundary": "vitrail.local.distance",
    "enumerate_regions": "vitrail.search",
    "estimates": "vitrail.estimates",
    "local": "vitrail.local",
    "local_bound": "vitrail.balls.bounding",
    "probes": "vitrail.probes",
    "read_vnnlib_box": "vitrail.domains",
    "region_at": "vitrail.local.region",
    "regions_at": "vitrail.local.region",
    "walk": "vitrail.walking",
}

__all__ = [
    "Box",
    "Certificate",
    "Count",
    "Definition",
    "Kind",
    "Line",
    "Network",
    "Plane",
    "Polygon",
    "Polytope",
    "Region",
    "RegionSet",
    "Segment",
    "Slice",
    "Space",
    "Status",
    "VitrailError",
    "Walk",
    "__version__",
    "balls",
    "boundaries",
    "bounds",
    "certify",
    "constructions",
    "count_regions",
    "distance_to_boundary",
    "enumerate_regions",
    "estimates",
    "local",
    "local_bound",
    "probes",
    "read_vnnlib_box",
    "region_at",
    "regions_at",
    "walk",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vitrail' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    return module if _HOMES[name] == f"vitrail.{name}" else vars(module)[name]


def __dir__() -> list[str]:
    """The public names."""
    return __all__
