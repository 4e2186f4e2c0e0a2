"""Vitrail's side, a process of its own: reads a request per line, answers with seconds, regions, status and memory.

A request names the network's file, the way ("count" or "enumerate", which keeps geometry and patterns), and how many
worker processes share the work (0: threads, one per core). The argument says on which cores the process may run.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import space_cases

import vitrail

MIB = 2**20


def resident(field: str) -> float:
    """MiB resident: VmRSS now, VmHWM at most since the process began or since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / MIB
    raise ValueError(f"/proc/self/status has no {field}")


def forget_peak() -> None:
    """Let VmHWM begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def executor_of(pools: dict[int, ProcessPoolExecutor], workers: int) -> ProcessPoolExecutor | None:
    """So many worker processes, kept from one request to the next; none for 0."""
    if workers and workers not in pools:
        # fresh processes: after a fork, the threads that torch and numba have started would be missing
        pools[workers] = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    return pools.get(workers)


def answer(request: dict[str, Any], pools: dict[int, ProcessPoolExecutor]) -> dict[str, Any]:
    """Do what is asked; `extra` is the peak during the calls above what was resident before, `peak` the process's."""
    layers = space_cases.read(request["file"])
    net, inputs = vitrail.Network.from_arrays(layers), layers[0][0].shape[1]
    box = vitrail.Box([-1.0] * inputs, [1.0] * inputs)
    executor = executor_of(pools, request["workers"])
    status = ""

    def run() -> int:
        nonlocal status
        if request["way"] == "count":
            count = vitrail.count_regions(net, box, executor=executor)
            status = count.status.value
            return int(count)
        regions = vitrail.enumerate_regions(net, box, executor=executor)
        status = regions.status.value
        return len(regions)

    gc.collect()
    before, highest = resident("VmRSS"), resident("VmHWM")
    forget_peak()
    if request["once"]:
        started = time.perf_counter()
        regions = run()
        seconds = time.perf_counter() - started
    else:
        seconds, regions = space_cases.warmed(run)
    peak = resident("VmHWM")
    memory = {"extra": peak - before, "peak": max(highest, peak)}
    return {"seconds": seconds, "regions": regions, "status": status, **memory}


def main() -> None:
    """Answer until the requests end."""
    os.sched_setaffinity(0, {int(core) for core in sys.argv[1].split(",")})
    pools: dict[int, ProcessPoolExecutor] = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), pools)
        except Exception as error:  # what one case cannot do is no reason to leave out the others
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
    for pool in pools.values():
        pool.shutdown()


if __name__ == "__main__":
    main()
