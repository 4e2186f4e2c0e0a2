"""The networks and domains of the benchmarks, from seeds alone, so that both sides build the same ones."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from oracles import networks

IMAGE_WIDTHS = networks.IMAGE_WIDTHS

# name: what is measured, for which target ratio
CASES = {
    "square-64": 8.0,
    "square-128": 12.0,
    "square-256": 20.0,
    "plane-784": 5.0,
    "segments-784": 3.0,
}


def square(width: int) -> networks.Layers:
    """2-W-W-W-1, He-normal weights, biases N(0, 0.25)."""
    return networks.he((2, width, width, width, 1), 0)


def image_network() -> networks.Layers:
    """784-100-100-100-10, He-normal."""
    return networks.he(IMAGE_WIDTHS, 0)
