"""Upper bounds of regions in balls: time on MNIST networks, and what every way to bound values gives alone.

    .venv/bin/python benchmarks/local_bound.py --centers 1000 --alone 100

Times are for the intersection of all ways, `--centers` test images with ten radii each from 0.01 to 1, on the networks
784-256-256-256-10 with torch's initial weights and after two epochs of Adam (without MNIST in ../shared/data or
VITRAIL_DATA: random points, and no trained network). Columns of the tables are means of log10 of the bounds; "ratio" is
that of the intersection to interval propagation. Exit code 1 if a bound is above that of intervals alone.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from cases import networks

import vitrail
from vitrail.balls import local_bound, sampled_regions_in_ball
from vitrail.bounds.values import log10_of

WIDTHS = (784, 256, 256, 256, 10)
RADII = np.logspace(-2, 0, 10)
SMALL = (((2, 8, 8, 1), 0.2), ((2, 8, 8, 1), 1.5), ((10, 16, 16, 16, 1), 0.2), ((20, 32, 32, 1), 0.2))
NETWORKS, CENTERS = 12, 4


def mnist() -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Training images in [0, 1] with labels, and test images; None where they are not at hand."""
    named = os.environ.get("VITRAIL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3")
    files = [folder / "mnist" / f"{name}-ubyte.gz" for name in names]
    if not all(file.is_file() for file in files):
        return None
    train, labels, test = (np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8) for file in files)
    return train[16:].reshape(-1, 784) / 255.0, labels[8:].astype(np.int64), test[16:].reshape(-1, 784) / 255.0


def trained(images: np.ndarray, labels: np.ndarray, epochs: int = 2) -> vitrail.Network:
    """The network after some epochs of Adam, batches of 128."""
    torch.manual_seed(0)
    modules: list[torch.nn.Module] = []
    for inputs, outputs in pairwise(WIDTHS):
        modules += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*modules[:-1])
    points, targets = torch.from_numpy(images).float(), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(points)).split(128):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(points[batch]), targets[batch]).backward()
            optimizer.step()
    linear = [module for module in modules if isinstance(module, torch.nn.Linear)]
    return vitrail.Network.from_arrays([(m.weight.detach().numpy(), m.bias.detach().numpy()) for m in linear])


def alone(net: vitrail.Network, centers: np.ndarray, radii: np.ndarray) -> dict[str, np.ndarray]:
    """Per way to bound values the log10 of the bounds, (centers, radii)."""
    bounds = local_bound(net, centers, radii, engines="all").bounds_by_engine
    return {engine: np.vectorize(log10_of, otypes=[float])(values) for engine, values in bounds.items()}


def small_networks() -> bool:
    """Mean log10 of samples and of every way on small random networks; whether no bound is above that of intervals."""
    print(f"{'network':>16} {'radius':>6} {'samples':>8} {'sphere':>7} {'interval':>8} {'relax.':>7} {'all':>7}")
    good = True
    for widths, radius in SMALL:
        rows = []
        for seed in range(NETWORKS):
            net = vitrail.Network.from_arrays(networks.he(widths, seed))
            centers = np.random.default_rng(seed).normal(size=(CENTERS, widths[0]))
            ways = alone(net, centers, np.array([radius]))
            best = local_bound(net, centers, radius).log10
            seen = [np.log10(max(1, sampled_regions_in_ball(net, center, radius, 20_000))) for center in centers]
            good &= bool((best <= ways["interval"] + 1e-9).all())
            rows.append([np.mean(seen), *(ways[e].mean() for e in ("sphere", "interval", "relaxation")), best.mean()])
        mean = np.mean(rows, axis=0)
        print(f"{widths!s:>16} {radius:6} " + " ".join(f"{value:7.2f}" for value in mean))
    return good


def large_network(name: str, net: vitrail.Network, centers: np.ndarray, some: int) -> bool:
    """Time and tables of one network; whether no bound is above that of intervals."""
    local_bound(net, centers[:2], RADII)
    started = time.perf_counter()
    found = local_bound(net, centers, RADII)
    seconds = time.perf_counter() - started
    print(f"\n{name}: {len(centers):,} centers x {RADII.size} radii in {seconds:.1f} s")
    ways = alone(net, centers[:some], RADII)
    best = found.log10[:some]
    print(f"{'radius':>8} {'all':>8} {'relax.':>8} {'sphere':>8} {'interval':>8} {'ratio':>6}  unstable units")
    for column, radius in enumerate(RADII):
        values = [best, *(ways[engine] for engine in ("relaxation", "sphere", "interval"))]
        means = [value[:, column].mean() for value in values]
        units = ", ".join(f"{count:.1f}" for count in found.unstable[:some, column].mean(axis=0))
        shown = " ".join(f"{mean:8.2f}" for mean in means)
        print(f"{radius:8.4f} {shown} {means[0] / max(means[3], 1e-9):6.3f}  {units}")
    return bool((best <= ways["interval"] + 1e-9).all())


def main() -> int:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--centers", type=int, default=1000)
    parser.add_argument("--alone", type=int, default=100, help="centers on which every way is run alone")
    options = parser.parse_args()
    data = mnist()
    points = np.random.default_rng(0).uniform(size=(options.centers, 784)) if data is None else data[2]
    centers, some = points[: options.centers], min(options.alone, options.centers)
    good = small_networks()
    random = vitrail.Network.from_arrays(networks.default_init(WIDTHS, 0))
    good &= large_network("initial weights", random, centers, some)
    if data is not None:
        good &= large_network("trained", trained(*data[:2]), centers, some)
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MiB")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
