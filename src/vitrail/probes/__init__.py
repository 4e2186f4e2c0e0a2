"""Measurements of networks that repeat: while they train, or from checkpoint to checkpoint."""

from __future__ import annotations

from vitrail.plots.records import plot_records
from vitrail.probes.animation import animate
from vitrail.probes.around import Distance, Inspheres, LocalBound
from vitrail.probes.checkpoints import track_checkpoints
from vitrail.probes.lines import Lines
from vitrail.probes.patterns import Patterns
from vitrail.probes.planes import DecisionBoundary, Plane
from vitrail.probes.reading import Probe, Reading
from vitrail.probes.schedule import parse_schedule
from vitrail.probes.tracker import Tracker
from vitrail.store import read_records

__all__ = [
    "DecisionBoundary",
    "Distance",
    "Inspheres",
    "Lines",
    "LocalBound",
    "Patterns",
    "Plane",
    "Probe",
    "Reading",
    "Tracker",
    "animate",
    "parse_schedule",
    "plot_records",
    "read_records",
    "track_checkpoints",
]
