"""The peer's side, run by its own interpreter: reads a case per line, answers with seconds and regions."""

from __future__ import annotations

import json
import sys
import time

import cases
import numpy as np
import regioncam

from oracles import networks


def hidden(layers: networks.Layers) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights as this package wants them, float32 and transposed; the last layer cuts nothing."""
    return [(np.ascontiguousarray(w.T, dtype=np.float32), b.astype(np.float32)) for w, b in layers[:-1]]


def build(layers: list[tuple[np.ndarray, np.ndarray]], first: list[tuple[np.ndarray, np.ndarray]]) -> int:
    """Partition of the square [-1, 1]^2, mapped into the input space by `first`."""
    camera = regioncam.Regioncam(1.0)
    for weight, bias in first:
        camera.linear(weight, bias)
    for weight, bias in layers:
        camera.linear(weight, bias)
        camera.relu()
    return camera.num_faces


def segments(layers: list[tuple[np.ndarray, np.ndarray]], ends: np.ndarray) -> int:
    """Pieces of all segments; size 2 covers a segment from end to end."""
    total = 0
    for pair in ends:
        camera = regioncam.Regioncam1D.through_points(pair, 2.0)
        for weight, bias in layers:
            camera.linear(weight, bias)
            camera.relu()
        total += camera.num_edges
    return total


def measure(case: str) -> tuple[float, int]:
    """Seconds and regions of one run; networks are made outside the clock."""
    kind, size = case.split("-")
    if kind == "square":
        layers, first = hidden(cases.square(int(size))), []
    else:
        layers = hidden(cases.image_network())
        origin, basis = networks.image_plane(0)
        first = [(basis.astype(np.float32), origin.astype(np.float32))]
    ends = networks.image_points(0)[1].astype(np.float32)
    started = time.perf_counter()
    number = segments(layers, ends) if kind == "segments" else build(layers, first)
    return time.perf_counter() - started, number


for line in sys.stdin:
    seconds, number = measure(line.strip())
    print(json.dumps({"seconds": seconds, "regions": number}), flush=True)
