"""Vitrail and its peer side by side in one run, in turn, warm: medians and ratios; then the own limit and growth.

Run with `make bench`. Absolute times belong to the machine; the ratios are what is claimed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cases
import numpy as np
from limits import flop_rate, work_of

import vitrail
from oracles import networks

HERE = Path(__file__).resolve().parent
WARM_SECONDS = 0.1
PEER = HERE / ".venv" / "bin" / "python"


def runner(case: str) -> dict[str, Callable[[], int]]:
    """Vitrail's ways of doing a case: counting, and enumerating with patterns and geometry."""
    kind, size = case.split("-")
    if kind == "segments":
        net = vitrail.Network.from_arrays(cases.image_network())
        domains = [vitrail.Segment(a, b) for a, b in networks.image_points(0)[1]]
        return {"count": lambda: sum(int(c) for c in vitrail.count_regions(net, domains))}
    if kind == "plane":
        net = vitrail.Network.from_arrays(cases.image_network())
        origin, (u, v) = networks.image_plane(0)
        domain: vitrail.domains.Domain = vitrail.domains.Plane(origin, u, v)
    else:
        net = vitrail.Network.from_arrays(cases.square(int(size)))
        domain = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
    return {
        "count": lambda: int(vitrail.count_regions(net, domain)),
        "enumerate": lambda: len(vitrail.enumerate_regions(net, domain)),
    }


class Peer:
    """The peer's process, asked for one run at a time."""

    def __init__(self) -> None:
        """Start it."""
        if not PEER.exists():
            sys.exit(f"the peer's environment {PEER.parent.parent} is missing; run: make bench")
        self.process = subprocess.Popen(
            [str(PEER), str(HERE / "peer_regioncam.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def measure(self, case: str) -> tuple[float, int]:
        """Seconds and regions of one run."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], answer["regions"]


def timed(run: Callable[[], int]) -> tuple[float, int]:
    """Seconds and result."""
    started = time.perf_counter()
    number = run()
    return time.perf_counter() - started, number


def warmed(measure: Callable[[], tuple[float, int]]) -> tuple[float, int]:
    """Measure until a tenth of a second has gone into it, at least once, then once more: that one counts."""
    spent = 0.0
    while spent < WARM_SECONDS:
        spent += measure()[0]
    return measure()


def compare(case: str, peer: Peer, rounds: int) -> None:
    """Run a case in turn: peer, count, enumerate, peer, ...; print medians and the median of the ratios by round.

    Every measured run follows unmeasured ones of the same kind: whoever ran before has left the caches cold and the
    processors asleep.
    """
    ways = runner(case)
    times: dict[str, list[float]] = {"regioncam": [], **{way: [] for way in ways}}
    regions: dict[str, int] = {}
    for _ in range(rounds):
        seconds, regions["regioncam"] = warmed(lambda: peer.measure(case))
        times["regioncam"].append(seconds)
        for way, run in ways.items():
            seconds, regions[way] = warmed(lambda: timed(run))  # noqa: B023
            times[way].append(seconds)
    line = f"{case:14} regioncam {median(times['regioncam']):9.4f} s ({regions['regioncam']:,})"
    for way in ways:
        ratio = median(p / v for p, v in zip(times["regioncam"], times[way], strict=True))
        line += f"   {way} {median(times[way]):8.4f} s ({regions[way]:,}) {ratio:5.1f}x"
    print(f"{line}   target {cases.CASES[case]:.0f}x", flush=True)


def own_limit(rate: float) -> None:
    """The arithmetic that the best algorithm known to us needs, and how long it takes at the machine's matmul rate."""
    print("\nown limit: floating-point operations at the rate of a float64 product, one thread")
    for width in (64, 128, 256):
        net = vitrail.Network.from_arrays(cases.square(width))
        box = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
        regions = vitrail.enumerate_regions(net, box)
        work = work_of(regions, (2, width, width, width, 1))
        seconds = min(timed(lambda: len(vitrail.enumerate_regions(net, box)))[0] for _ in range(3))  # noqa: B023
        limit = work.operations / rate / 2
        print(f"  W={width}: {work.operations / 1e9:.3f} GFLOP {work} -> {limit:.4f} s on two cores, "
              f"ours {seconds:.4f} s, {seconds / limit:.1f}x the limit")  # fmt: skip


def growth() -> None:
    """Time per region as the number of regions grows, for networks of one shape."""
    print("\ngrowth: microseconds per region")
    box = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
    for name, shapes in {
        "one hidden layer": [(2, 160, 1), (2, 500, 1), (2, 1600, 1)],
        "two hidden layers": [(2, 90, 90, 1), (2, 300, 300, 1), (2, 1000, 1000, 1)],
        "three hidden layers": [(2, 64, 64, 64, 1), (2, 200, 200, 200, 1), (2, 700, 700, 700, 1)],
    }.items():
        for widths in shapes:
            net = vitrail.Network.from_arrays(networks.he(widths, 0))
            vitrail.count_regions(net, box)
            seconds, number = min(timed(lambda: int(vitrail.count_regions(net, box))) for _ in range(3))  # noqa: B023
            print(f"  {name:20} {'-'.join(map(str, widths)):18} {number:10,} regions {seconds:8.3f} s "
                  f"{1e6 * seconds / number:6.2f} us", flush=True)  # fmt: skip
    print("  one network, growing domain: 1,000 planes and more of 784-100-100-100-10")
    image = vitrail.Network.from_arrays(cases.image_network())
    generator = np.random.default_rng(0)
    for planes in (3, 30, 300):
        domains = [vitrail.Plane.through(*generator.uniform(0, 1, (3, 784))) for _ in range(planes)]
        vitrail.count_regions(image, domains[:1])
        seconds, number = timed(lambda: sum(int(c) for c in vitrail.count_regions(image, domains)))  # noqa: B023
        print(f"  {planes:4} planes {number:10,} regions {seconds:8.3f} s {1e6 * seconds / number:6.2f} us", flush=True)


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=["peers", "limit", "growth"])
    options = parser.parse_args()
    if options.only in (None, "peers"):
        peer = Peer()
        for case in cases.CASES:
            compare(case, peer, options.rounds)
    if options.only in (None, "limit"):
        own_limit(flop_rate())
    if options.only in (None, "growth"):
        growth()


if __name__ == "__main__":
    main()
