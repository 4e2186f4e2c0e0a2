"""Regions in three and more dimensions beside the peers: runs in processes of their own, in turn; medians and ratios.

    .venv/bin/python benchmarks/space.py --only peers --cases 3d-he-16 4d-he-16

Part of `make bench`; `make bench-space` runs it alone. affinitree runs here. Edge subdivision cannot be installed (it
has no license), and the solver that relucent needs comes with a license that forbids publishing benchmarks of it; both
were measured elsewhere and are compared through affinitree: its time here over ours, times theirs there over its there.
Absolute times belong to the machine; the ratios are what is claimed. Exit code 1 if a count is wrong or not certified,
or a run fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from itertools import product
from pathlib import Path
from statistics import median

from space_cases import CASES, EDGES, GROWTH, LP, SEARCH, Case, growing, small
from space_sides import ALL, CORES, ONE, OTHER, WAYS, Bench, Failed

PARTS = ("peers", "growth", "workers", "memory")
NAMES = {ALL: "two cores", ONE: "one core"}
KEYS = list(product(WAYS, NAMES))


def beside_peers(bench: Bench, names: list[str]) -> None:
    """Case by case, in turn: affinitree on the yardstick and on the case, Vitrail both ways on two cores and on one."""
    print("Beside the peers: their time over ours; in brackets what is aimed at")
    for name in names:
        case, yardstick = CASES[name], CASES[CASES[name].yardstick or name]
        bench.load(case.widths[0], *NAMES)
        ours: dict[tuple[str, str], list[float]] = {key: [] for key in KEYS}
        measures, direct = [], []
        for number in range(bench.rounds):
            measures.append(bench.attempt(LP, bench.affinitree(), yardstick)["seconds"])
            if yardstick is case:
                direct.append(measures[-1])
            elif number < case.direct_rounds:
                direct.append(bench.attempt(LP, bench.affinitree(), case)["seconds"])
            for (way, cores), own in ours.items():
                own.append(bench.attempt("vitrail", bench.own(cores), case, way)["seconds"])
        here = f"{LP} {median(direct):.3f} s" if direct else f"{LP} not run"
        print(f"{name}, {case}, {case.regions:,} regions: {here}")
        for (way, cores), own in ours.items():
            found = ratios(case, yardstick, own, measures, direct)
            text = "".join(f"   {peer} {ratio:.1f}x{aim(case, peer)}" for peer, ratio in found.items())
            print(f"  {way:9} {NAMES[cores]:9} {median(own):8.4f} s{text}", flush=True)


def ratios(
    case: Case, yardstick: Case, own: list[float], measures: list[float], direct: list[float]
) -> dict[str, float]:
    """Median by round of each peer's time over ours: measured here, or carried over by the yardstick."""
    found = {}
    if direct:
        found[LP] = median(theirs / ours for theirs, ours in zip(direct, own, strict=False))
    for peer, there in ((EDGES, case.edges), (SEARCH, case.relucent)):
        if there is not None and yardstick.affinitree is not None:
            factor = there / yardstick.affinitree
            found[peer] = median(factor * measure / ours for measure, ours in zip(measures, own, strict=True))
    return found


def aim(case: Case, peer: str) -> str:
    """The target in brackets, if there is one."""
    return f" ({case.targets[peer]:.0f}x)" if peer in case.targets else ""


def growth(bench: Bench, widths: list[int]) -> None:
    """Time per region of 4-W-W-W-1, all widths in turn."""
    print("\nGrowth: microseconds per region of 4-W-W-W-1, He-normal; in brackets against the first")
    bench.load(4, *NAMES)
    times: dict[tuple[str, str], dict[int, list[float]]] = {key: {width: [] for width in widths} for key in KEYS}
    regions: dict[int, float] = {}
    for _, width, (way, cores) in product(range(bench.rounds), widths, KEYS):
        answer = bench.attempt("vitrail", bench.own(cores), growing(width), way)
        if regions.setdefault(width, answer["regions"]) != answer["regions"]:
            bench.note(f"{growing(width)}: {answer['regions']:,} regions, and before {regions[width]:,}")
        times[way, cores][width].append(1e6 * answer["seconds"] / answer["regions"])
    print("  " + ", ".join(f"W{width} {number:,} regions" for width, number in regions.items()))
    for (way, cores), by_width in times.items():
        medians = {width: median(values) for width, values in by_width.items()}
        first = medians[widths[0]]
        line = "   ".join(f"W{width} {value:.2f} ({value / first:.2f}x)" for width, value in medians.items())
        print(f"  {way:9} {NAMES[cores]:9} {line}", flush=True)


def workers(bench: Bench, width: int) -> None:
    """One core against two, as threads and as worker processes, and what two copies side by side lose to each other."""
    case = growing(width)
    print(f"\nOne core against two: {case}; in brackets what is aimed at")
    if len(CORES) < 2:
        print("  only one core here")
        return
    bench.load(4, ALL, ONE, OTHER)
    kinds = {"threads": ((ONE, 0), (ALL, 0)), "processes": ((ALL, 1), (ALL, 2))}
    for way in WAYS:
        found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        together = []
        for number in range(bench.rounds + 1):
            for kind, runs in kinds.items():
                one, two = (
                    bench.attempt("vitrail", bench.own(cores), case, way, count, once=True)["seconds"]
                    for cores, count in runs
                )
                if number:  # the first round starts the processes and warms everything
                    found[kind].append((one, two))
            longer = side_by_side(bench, case, way)
            if number:
                together.append(2 * found["threads"][-1][0] / longer)
        for kind, pairs in found.items():
            one, two = (median(pair[i] for pair in pairs) for i in (0, 1))
            ratio = median(a / b for a, b in pairs)
            print(f"  {way:9} {kind:9} one {one:.3f} s, two {two:.3f} s: {ratio:.2f}x (1.7x)", flush=True)
        print(f"  {way:9} two copies at once, a core each, do {median(together):.2f} times the work of one", flush=True)


def side_by_side(bench: Bench, case: Case, way: str) -> float:
    """Seconds of a run while the other core does the same, the longer of the two."""
    pair, seconds = [bench.own(ONE), bench.own(OTHER)], []
    for side in pair:
        try:
            side.send(case, way, once=True)
        except Failed as failure:
            bench.note(f"side by side, {case}, {way}: {failure}")
    for side in pair:  # every answer is read, so that the next request does not get it
        try:
            seconds.append(side.receive()["seconds"])
        except Failed as failure:
            bench.note(f"side by side, {case}, {way}: {failure}")
    return max(seconds) if len(seconds) == 2 else float("nan")


def memory(bench: Bench, chosen: list[Case]) -> None:
    """Peak resident memory of fresh processes, after a small run of the same dimension."""
    print("\nMemory, MiB resident: at most, before the run, and what the run added")
    print(f"  aimed at for a million regions: 400 counting, 1,536 with geometry; else a quarter of what {EDGES} adds")
    for case, way in product(chosen, WAYS):
        side = bench.fresh(ALL)
        for each in WAYS:
            bench.attempt("first run", side, small(case.widths[0]), each, once=True)
        answer = bench.attempt("vitrail", side, case, way, once=True)
        side.close()
        peak, added = answer["peak"], answer["extra"]
        line = f"{case} {way:9} {answer['regions']:9,} regions: {peak:6.0f}, {peak - added:4.0f}, {added:6.1f}"
        if case.edges_memory:
            line += f"; {EDGES} added {case.edges_memory:.0f}, {case.edges_memory / added:.1f}x ours"
        print(f"  {line}", flush=True)


def main() -> int:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many (default 3)")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="parts (default: all)")
    parser.add_argument("--cases", choices=CASES, nargs="+", default=list(CASES), help="cases beside the peers")
    parser.add_argument("--widths", type=int, nargs="+", default=list(GROWTH), help="widths of the growth")
    parser.add_argument("--width", type=int, default=32, help="width for one core against two (default 32)")
    parser.add_argument("--largest", type=int, default=38, help="width for the memory (default 38)")
    options = parser.parse_args()
    print(f"cores {ALL}, load before {os.getloadavg()[0]:.2f}\n")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.rounds)
        try:
            if "peers" in options.only:
                beside_peers(bench, options.cases)
            if "growth" in options.only:
                growth(bench, options.widths)
            if "workers" in options.only:
                workers(bench, options.width)
            if "memory" in options.only:
                with_memory = [CASES[name] for name in options.cases if CASES[name].edges_memory]
                memory(bench, [growing(options.largest), *with_memory])
        finally:
            bench.close()
    print(f"\n{len(bench.wrong)} wrong" + "".join(f"\n  {problem}" for problem in bench.wrong))
    return 1 if bench.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
