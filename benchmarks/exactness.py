"""What certainty costs: counting with and without exact arithmetic, in turn, and the share that the filter decides.

    .venv/bin/python benchmarks/exactness.py

Generic networks, where floating point decides all but everything; fully degenerate int8 networks; and, where the data
folder is there (`VITRAIL_DATA`, or ../shared/data beside the repository), trained ones.
"""

from __future__ import annotations

import argparse
import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cases
import numpy as np

import vitrail
from vitrail.domains import Domain

FOLDER = Path(os.environ.get("VITRAIL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def seconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def compare(name: str, net: vitrail.Network, domain: Domain, rounds: int) -> None:
    """Count with and without exact arithmetic in turn; print medians, their ratio, and what the filter decided."""
    regions = vitrail.enumerate_regions(net, domain)
    account = regions.account
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(rounds):
        for exact, own in times.items():
            vitrail.count_regions(net, domain, exact=exact)
            own.append(seconds(lambda: vitrail.count_regions(net, domain, exact=exact)))  # noqa: B023
    ratio = median(a / b for a, b in zip(times[True], times[False], strict=True))
    loose = vitrail.count_regions(net, domain, exact=False)
    share = 100 * (1 - account.exact / max(account.decisions, 1))
    print(
        f"{name:34} {len(regions):8,} {regions.status.value}, filter decides {share:8.4f} % of {account.decisions:,}; "
        f"{median(times[True]):.4f} s, without exact arithmetic {median(times[False]):.4f} s "
        f"({int(loose):,} {loose.status.value}): {ratio:.2f}x",
        flush=True,
    )


def degenerate() -> None:
    """Small integers, with and without biases: nothing but coincidences."""
    for largest in (1, 3, 127):
        for biased in (False, True):
            generator = np.random.default_rng(largest)
            layers = []
            for outputs, inputs in ((32, 2), (32, 32), (1, 32)):
                draw = lambda *shape: generator.integers(-largest, largest + 1, shape).astype(np.int8)  # noqa: B023, E731
                layers.append((draw(outputs, inputs), draw(outputs) if biased and outputs > 1 else None))
            net = vitrail.Network.from_arrays(layers)
            box = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
            found = {}
            for exact in (True, "always"):
                taken = seconds(lambda: found.update({exact: vitrail.enumerate_regions(net, box, exact=exact)}))  # noqa: B023
                print(
                    f"int8 in [-{largest}, {largest}], {'biases' if biased else 'no biases':9} exact={exact!s:6} "
                    f"{len(found[exact]):6,} {found[exact].status.value}, {taken:.2f} s",
                    flush=True,
                )


def trained(rounds: int) -> None:
    """Networks of the data folder."""
    if not FOLDER.exists():
        print(f"no trained networks: {FOLDER} is missing")
        return
    raw = gzip.decompress((FOLDER / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    digits = np.frombuffer(raw, dtype=np.uint8, count=784 * 3, offset=16).reshape(3, 784) / 255
    control = vitrail.Network.from_onnx(next((FOLDER / "onnx" / "lowdim").glob("tll*.onnx")))
    compare("tllBench, box", control, vitrail.Box([-2.0, -2.0], [2.0, 2.0]), rounds)
    for depth in (2, 4):
        net = vitrail.Network.from_onnx(FOLDER / "onnx" / "mnistfc" / f"mnist-net_256x{depth}.onnx")
        a, b, c = digits.reshape(3, *net.input_shape)
        compare(f"mnistfc 256x{depth}, plane of digits", net, vitrail.Plane.through(a, b, c), rounds)
    net = vitrail.Network.from_onnx(FOLDER / "onnx" / "conv" / "Convnet_avgpool.onnx")
    a, b, _ = digits.reshape(3, *net.input_shape)
    compare("Convnet_avgpool, segment", net, vitrail.Segment(a, b), 1)


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    box = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
    for width in (64, 128, 256):
        compare(
            f"2-{width}-{width}-{width}-1, box", vitrail.Network.from_arrays(cases.square(width)), box, options.rounds
        )
    image = vitrail.Network.from_arrays(cases.image_network())
    points = np.random.default_rng(0).uniform(0, 1, (3, 784))
    compare("784-100-100-100-10, plane", image, vitrail.Plane.through(*points), options.rounds)
    degenerate()
    trained(options.rounds)


if __name__ == "__main__":
    main()
