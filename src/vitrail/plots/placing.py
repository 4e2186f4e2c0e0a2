"""Where a label fits inside a part of the plane: far from lines and from other things."""

from __future__ import annotations

import numpy as np

from vitrail.plots.view import RegionsView

__all__ = ["label_place"]

_LARGEST_REGIONS = 300


def label_place(
    regions: RegionsView, members: np.ndarray, segments: np.ndarray, obstacles: np.ndarray
) -> tuple[np.ndarray, float]:
    """The place inside the regions `members` that is farthest from everything, and its distance from it.

    `segments` (n, 2, 2) are lines to keep away from, `obstacles` (m, 2) points. Candidates are the middles of the
    largest regions and points between a middle and each corner, so every one lies inside.
    """
    largest = members[np.argsort(-regions.measures[members], kind="stable")[:_LARGEST_REGIONS]]
    places = []
    for i in largest:
        corners = regions.vertices[regions.offsets[i] : regions.offsets[i + 1]]
        middle = corners.mean(axis=0)
        places += [middle[None], middle + 0.35 * (corners - middle), middle + 0.7 * (corners - middle)]
    candidates = np.concatenate(places)
    room = _distance_to_segments(candidates, segments)
    if len(obstacles):
        room = np.minimum(room, np.linalg.norm(candidates[:, None] - obstacles[None], axis=2).min(axis=1))
    best = int(room.argmax())
    return candidates[best], float(room[best])


def _distance_to_segments(points: np.ndarray, segments: np.ndarray) -> np.ndarray:
    nearest = np.full(len(points), np.inf)
    for start, stop in segments:
        along = stop - start
        length = along @ along
        share = np.clip((points - start) @ along / length, 0.0, 1.0) if length > 0 else np.zeros(len(points))
        nearest = np.minimum(nearest, np.linalg.norm(points - start - share[:, None] * along, axis=1))
    return nearest
