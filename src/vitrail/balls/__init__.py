"""Regions that meet balls: certified upper bounds, exact counts where affordable, and counts of samples."""

from __future__ import annotations

from vitrail.balls.bounding import local_bound
from vitrail.balls.exact_count import count_in_ball
from vitrail.balls.result import LocalBound
from vitrail.balls.samples import sampled_regions_in_ball

__all__ = ["LocalBound", "count_in_ball", "local_bound", "sampled_regions_in_ball"]
