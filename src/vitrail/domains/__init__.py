"""Domains: convex sets in the input space, or in slices through it, each with its frame."""

from __future__ import annotations

from vitrail.domains.boxes import Box, Polygon
from vitrail.domains.frame import Domain, Frame, domain_digest
from vitrail.domains.lines import Line, Segment
from vitrail.domains.planes import Plane
from vitrail.domains.polygons import side_lines
from vitrail.domains.polytopes import Polytope
from vitrail.domains.slices import Slice
from vitrail.domains.spaces import Space
from vitrail.domains.vnnlib import read_vnnlib_box

__all__ = [
    "Box",
    "Domain",
    "Frame",
    "Line",
    "Plane",
    "Polygon",
    "Polytope",
    "Segment",
    "Slice",
    "Space",
    "domain_digest",
    "read_vnnlib_box",
    "side_lines",
]
