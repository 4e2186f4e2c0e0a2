"""How long the table of all bounds takes, for deep and wide networks.

    .venv/bin/python benchmarks/bounds.py [--runs 5]

The aim: less than a second for 50 layers of 1,000 units and 784 inputs. Each run is a process of its own, so that
nothing is cached; what importing takes is shown apart.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

WIDTHS = ("2-16-16-1", "784-100-100-10", "784-1000x50-10", "1000-1000x50-10", "2-1000x50-10")
CODE = """
import sys, time
started = time.perf_counter()
from vitrail.bounds import table
loaded = time.perf_counter()
widths = [int(n) for n in sys.argv[1].split(",")]
found = table(widths)
done = time.perf_counter()
print(loaded - started, done - loaded, found.tightest_upper.log10, len(found))
"""


def widths_of(text: str) -> list[int]:
    """Widths, where 1000x50 stands for fifty layers of 1,000 units."""
    found: list[int] = []
    for part in text.split("-"):
        width, _, times = part.partition("x")
        found += [int(width)] * int(times or 1)
    return found


def main() -> int:
    """Time every architecture and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print(f"{'widths':>18}  {'import s':>8}  {'table s':>8}  {'log10 of the tightest upper':>27}  rows")
    slow = 0
    for text in WIDTHS:
        found = []
        for _ in range(runs):
            argument = ",".join(map(str, widths_of(text)))
            done = subprocess.run([sys.executable, "-c", CODE, argument], capture_output=True, text=True, check=True)
            found.append([float(word) for word in done.stdout.split()])
        loading, taking = (statistics.median(column) for column in list(zip(*found, strict=True))[:2])
        print(f"{text:>18}  {loading:8.3f}  {taking:8.3f}  {found[0][2]:27.2f}  {found[0][3]:.0f}")
        slow += taking >= 1
    return 1 if slow else 0


if __name__ == "__main__":
    raise SystemExit(main())
