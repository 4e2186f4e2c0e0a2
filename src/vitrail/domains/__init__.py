"""Domains: convex sets of dimension one or two inside the input space, each with its frame."""

from __future__ import annotations

from vitrail.domains.boxes import Box, Polygon
from vitrail.domains.frame import Domain, Frame
from vitrail.domains.lines import Line, Segment
from vitrail.domains.planes import Plane
from vitrail.domains.polygons import side_lines

__all__ = ["Box", "Domain", "Frame", "Line", "Plane", "Polygon", "Segment", "side_lines"]
