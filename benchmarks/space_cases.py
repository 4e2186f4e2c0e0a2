"""The networks in three and more dimensions, what was published for the peers, and what both sides share.

Published times and memory come from one quiet machine and one thread each: edge subdivision as skeleton plus listing of
the regions, relucent with two workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cases  # noqa: F401  (finds the oracles)
import numpy as np

from oracles import networks

WARM_SECONDS, LONG_SECONDS = 0.1, 1.0


@dataclass(frozen=True)
class Case:
    """A network on the box [-1, 1]^n: its true count, what peers needed (None: not run there), and the ratios aimed at.

    `yardstick` names the case on which affinitree runs in turn with this one, to compare this machine with the one of
    the published times: itself where empty. `direct_rounds` says how often it runs a case that has another yardstick.
    """

    family: str
    widths: tuple[int, ...]
    regions: int
    affinitree: float | None = None
    edges: float | None = None
    edges_memory: float | None = None
    relucent: float | None = None
    targets: dict[str, float] = field(default_factory=dict)
    yardstick: str = ""
    direct_rounds: int = 0

    def __str__(self) -> str:
        """Family and widths."""
        return f"{self.family} {'-'.join(map(str, self.widths))}"

    @property
    def layers(self) -> networks.Layers:
        """Weights and biases, seed 0."""
        return getattr(networks, self.family)(self.widths, 0)


LP = "affinitree"
EDGES = "edge subdivision"
SEARCH = "relucent"
_THREE, _FOUR = (3, 16, 16, 16, 1), (4, 16, 16, 16, 1)

CASES = {
    "3d-def-16": Case("default_init", _THREE, 2_845, 1.9, 0.067, relucent=48.0, targets={LP: 100, SEARCH: 500}),
    "3d-he-16": Case("he", _THREE, 4_856, 2.2, 0.096, targets={LP: 100}),
    "3d-he-32": Case(
        "he", (3, 32, 32, 32, 1), 32_887, None, 0.97, targets={LP: 100, EDGES: 12},
        yardstick="3d-he-16", direct_rounds=1,
    ),
    "4d-def-16": Case("default_init", _FOUR, 17_007, 11.2, 0.53, targets={LP: 100}),
    "4d-he-16": Case("he", _FOUR, 36_664, 28.7, 1.12, targets={LP: 100, EDGES: 8}),
    "4d-def-32": Case(
        "default_init", (4, 32, 32, 32, 1), 412_017, None, 25.3, 580, targets={EDGES: 12}, yardstick="4d-def-16",
    ),
    "5d-he-16": Case("he", (5, 16, 16, 1), 43_875, 20.7, 2.74, targets={EDGES: 4}),
    "6d-he-12": Case("he", (6, 12, 12, 1), 12_397, 3.3, 1.28, targets={EDGES: 3}),
    "8d-he-10": Case("he", (8, 10, 10, 1), 13_788, 3.3, 13.3, targets={LP: 4}),
    "10d-he-8": Case("he", (10, 8, 8, 1), 6_517, 1.34, targets={LP: 3}),
}  # fmt: skip

GROWTH = {16: 36_664, 20: None, 24: None, 32: 555_109, 38: 1_113_819}
"""Widths W of he 4-W-W-W-1 and their counts, where others have counted them too."""


def growing(width: int) -> Case:
    """4-W-W-W-1, He-normal; 0 regions stand for a count that nobody else has made."""
    return Case("he", (4, width, width, width, 1), GROWTH.get(width) or 0)


def small(dimension: int) -> Case:
    """A network that is there to load or compile what one dimension needs."""
    return Case("he", (dimension, 4, 4, 1), 0)


def write(case: Case, folder: Path) -> Path:
    """Write the layers for the other process, once; the peers' environment has no torch to draw them from."""
    path = folder / f"{case} seed 0.npz"
    if not path.exists():
        weights = {f"w{i}": weight for i, (weight, _) in enumerate(case.layers)}
        biases = {f"b{i}": bias for i, (_, bias) in enumerate(case.layers)}
        np.savez(path, **weights, **biases)
    return path


def read(path: str) -> networks.Layers:
    """What `write` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return [(arrays[f"w{i}"], arrays[f"b{i}"]) for i in range(len(arrays.files) // 2)]


def warmed(run: Callable[[], int]) -> tuple[float, int]:
    """Seconds and result of a run that follows at least a tenth of a second of the same; a long one warms itself."""
    spent = 0.0
    while True:
        started = time.perf_counter()
        number = run()
        seconds = time.perf_counter() - started
        if spent >= WARM_SECONDS or seconds >= LONG_SECONDS:
            return seconds, number
        spent += seconds
