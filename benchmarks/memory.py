"""Counting ten million regions in one plane: time and the largest resident memory, in a process of its own."""

from __future__ import annotations

import resource
import time

import cases  # noqa: F401  (finds the oracles)

import vitrail
from oracles import networks

net = vitrail.Network.from_arrays(networks.he((2, 6000, 1), 0))
started = time.perf_counter()
count = vitrail.count_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"2-6000-1: {count!r}, {time.perf_counter() - started:.1f} s, at most {peak:.2f} GiB resident")
