"""Bounds on the number of regions: one file per paper, and the table of all that apply."""

from vitrail.bounds import depth
from vitrail.bounds.architecture import Architecture
from vitrail.bounds.bounds_table import BoundsTable
from vitrail.bounds.growing import Growth, growth
from vitrail.bounds.registry import BoundValue, available, evaluate, find
from vitrail.bounds.setting import Constants, Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.bounds.tables import table

__all__ = [
    "Architecture",
    "BoundKind",
    "BoundValue",
    "BoundsTable",
    "Confidence",
    "Constants",
    "Growth",
    "Need",
    "Setting",
    "Statement",
    "available",
    "depth",
    "evaluate",
    "find",
    "growth",
    "table",
]
