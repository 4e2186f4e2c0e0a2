"""Regions around points in 784 dimensions: insphere beside HiGHS, distances beside the products they need.

    .venv/bin/python benchmarks/local.py --only insphere distances

Part of `make bench`; `make bench-local` runs it alone, about ten minutes. All but the hundred regions and ResNet-18
runs on one thread, in turn in one process; medians of the rounds. Networks are trained here on MNIST where the folder
of test data is there (VITRAIL_DATA, else ../shared/data), else only random weights are run. Absolute times belong to
the machine; the ratios are what is claimed. Exit code 1 if our radius is not HiGHS', or not certified.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import sys
import time
from pathlib import Path
from statistics import median

import highspy
import numpy as np
import torch
from cases import networks

import vitrail
from vitrail import local
from vitrail.engines.run import threads

WIDTHS = (100, 256, 512)
IMAGE = 784
DEEP = [[16] * 4, [32] * 4, [64] * 4, [128] * 4, [20] * 3, [40] * 3, [60] * 3, [80] * 3, [25] * 5, [50] * 5, [75] * 5]
DEEP += [[100] * 5]
"""The networks of Hanin and Rolnick 2019 whose distances to boundaries are studied."""
PARTS = ("insphere", "many", "facets", "distances", "resnet")
AGREE = 1e-7


def mnist() -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Training images in [0, 1] with labels, and test images; None where they are not at hand."""
    named = os.environ.get("VITRAIL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    files = [
        folder / "mnist" / f"{name}-ubyte.gz" for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3")
    ]
    if not all(file.is_file() for file in files):
        return None
    train, labels, test = (np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8) for file in files)
    return train[16:].reshape(-1, IMAGE) / 255.0, labels[8:].astype(np.int64), test[16:].reshape(-1, IMAGE) / 255.0


def trained(width: int, data: tuple[np.ndarray, np.ndarray, np.ndarray] | None) -> tuple[vitrail.Network, np.ndarray]:
    """784-W-W-W-10 after two epochs of Adam, and points to look at; random weights and points without the data."""
    layers = networks.he((IMAGE, width, width, width, 10), 0)
    if data is None:
        return vitrail.Network.from_arrays(layers), np.random.default_rng(0).uniform(size=(1000, IMAGE))
    images, labels, points = data
    torch.manual_seed(0)
    modules: list[torch.nn.Module] = []
    for weights, _ in layers:
        linear = torch.nn.Linear(*weights.shape[::-1])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights))
            linear.bias.zero_()
        modules += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*modules[:-1])
    inputs, targets = torch.from_numpy(images).float(), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(2):
        for batch in torch.randperm(len(inputs)).split(128):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs[batch]), targets[batch]).backward()
            optimizer.step()
    return vitrail.Network.from_torch(model.eval(), torch.zeros(1, IMAGE)), points


def highs(region: local.LocalRegion, solver: str) -> tuple[float, float]:
    """Radius and seconds of HiGHS on the program of the largest ball in [0, 1]^784."""
    rows, inputs = region.normals.shape
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = inputs + 1, rows + 2 * inputs
    model.col_cost_ = np.r_[np.zeros(inputs), -1.0]
    model.col_lower_, model.col_upper_ = np.r_[np.zeros(inputs), 0.0], np.r_[np.ones(inputs), 1.0]
    sides = np.arange(inputs)
    model.row_lower_ = np.full(rows + 2 * inputs, -np.inf)
    model.row_upper_ = np.concatenate([region.offsets, np.ones(inputs), np.zeros(inputs)])
    matrix = model.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.start_ = np.concatenate(
        [np.arange(rows) * (inputs + 1), rows * (inputs + 1) + 2 * np.arange(2 * inputs + 1)]
    )
    pairs = np.stack([sides, np.full(inputs, inputs)], axis=1).reshape(-1)
    matrix.index_ = np.concatenate([np.tile(np.arange(inputs + 1), rows), pairs, pairs])
    dense = np.column_stack([region.normals, np.ones(rows)]).reshape(-1)
    matrix.value_ = np.concatenate([dense, np.ones(2 * inputs), np.tile([-1.0, 1.0], inputs)])
    program = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("solver", solver)):
        program.setOptionValue(option, value)
    program.passModel(model)
    started = time.perf_counter()
    program.run()
    return float(program.getSolution().col_value[inputs]), time.perf_counter() - started


def inspheres(nets: dict[int, tuple[vitrail.Network, np.ndarray]], rounds: int, which: str) -> bool:
    """The largest ball of regions at points: seconds of HiGHS over ours."""
    print(f"Insphere in [0, 1]^784, {which}: seconds of one thread; HiGHS over ours")
    good = True
    for width, (net, points) in nets.items():
        ours: list[float] = []
        theirs: dict[str, list[float]] = {"simplex": [], "ipm": []}
        for number in range(rounds):
            region = vitrail.region_at(net, points[number], unit_box())
            started = time.perf_counter()
            ball = region.insphere()
            ours.append(time.perf_counter() - started)
            for solver, seconds in theirs.items():
                radius, took = highs(region, solver)
                seconds.append(took)
                agrees = abs(radius - ball.radius) <= AGREE * ball.radius
                if not agrees or ball.status.value != "certified":
                    good = False
                    print(f"  WRONG: {width}, point {number}, {solver}: {radius}, ours {ball}")
        ratios = {name: median(t / o for t, o in zip(seconds, ours, strict=True)) for name, seconds in theirs.items()}
        print(
            f"  3 x {width:3}, {3 * width:5,} rows: ours {median(ours):.3f} s; "
            + "; ".join(f"{name} {median(theirs[name]):.2f} s, {ratio:.1f}x" for name, ratio in ratios.items()),
            flush=True,
        )
    return good


def unit_box() -> vitrail.Box:
    """The pixels' box."""
    return vitrail.Box(np.zeros(IMAGE), np.ones(IMAGE))


def many(net: vitrail.Network, points: np.ndarray) -> None:
    """A hundred regions in one call."""
    started = time.perf_counter()
    table = local.report(net, points[:100], unit_box(), measures=("insphere",), progress=True)
    seconds = time.perf_counter() - started
    shown = table["status"].value_counts().to_dict()
    print(
        f"100 regions of 784-512-512-512-10 in one call: {seconds:.1f} s on {os.cpu_count()} cores, {shown}", flush=True
    )


def all_facets(nets: dict[int, tuple[vitrail.Network, np.ndarray]]) -> None:
    """All facets of one region, proven."""
    print("Facets of one region in [0, 1]^784")
    for width, (net, points) in nets.items():
        region = vitrail.region_at(net, points[0], unit_box())
        started = time.perf_counter()
        found = region.facets()
        seconds = time.perf_counter() - started
        print(f"  3 x {width:3}: {len(found)} of {len(region)} rows, {found.status.value}, {seconds:.1f} s", flush=True)


def distances(rounds: int) -> None:
    """10,000 points on each network: our seconds over those of the products alone."""
    print("Distances of 10,000 points: seconds, and over the products that they need")
    points = np.random.default_rng(0).uniform(size=(10_000, IMAGE))
    for hidden in DEEP:
        layers = networks.he((IMAGE, *hidden, 10), 0)
        net = vitrail.Network.from_arrays(layers)
        ours, products = [], []
        local.distance_to_boundary(net, points[:64])
        for _ in range(rounds):
            started = time.perf_counter()
            found = local.distance_to_boundary(net, points)
            ours.append(time.perf_counter() - started)
            products.append(matmuls([np.asarray(weights) for weights, _ in layers], points))
        ratio = median(a / b for a, b in zip(ours, products, strict=True))
        name = f"{len(hidden)} x {hidden[0]}"
        print(f"  {name:8} {median(ours):.2f} s, {ratio:.1f}x; {int(found.certified.sum()):,} certified", flush=True)


def matmuls(weights: list[np.ndarray], points: np.ndarray) -> float:
    """Seconds of the products: values of every layer, and the gradients of all units in a basis of the first layer."""
    columns, chunk = min(IMAGE, len(weights[0])), 64
    gradients = np.random.default_rng(1).normal(size=(chunk * columns, len(weights[0])))
    started = time.perf_counter()
    value = points
    for matrix in weights:
        value = value @ matrix.T
    for matrix in weights[1:-1]:
        for _ in range(-(-len(points) // chunk)):
            np.dot(gradients, matrix.T)
    return time.perf_counter() - started


def resnet() -> None:
    """The distance of one image in a ResNet-18 with random weights."""
    net = vitrail.Network.from_torch(ResNet18().eval(), torch.zeros(1, 3, 32, 32))
    image = np.random.default_rng(0).uniform(size=(3, 32, 32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    with threads(os.cpu_count() or 1):
        found = local.distance_to_boundary(net, image)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"ResNet-18, {net.number_of_units:,} units: distance {found.values[0]:.4g} ({found.status.value}), "
        f"{seconds:.0f} s, {after / 2**20:.2f} GiB resident, {(after - before) / 2**20:.2f} GiB more than before",
        flush=True,
    )


class Block(torch.nn.Module):
    """Two convolutions with batch norm, and a way around them."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = torch.nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = torch.nn.ModuleList([torch.nn.BatchNorm2d(after), torch.nn.BatchNorm2d(after)])
        around = [torch.nn.Conv2d(before, after, 1, stride, bias=False), torch.nn.BatchNorm2d(after)]
        self.around = torch.nn.Sequential(*around) if stride > 1 or before != after else torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both ways, added."""
        inner = self.norms[0](self.first(x)).relu()
        return (self.norms[1](self.second(inner)) + self.around(x)).relu()


class ResNet18(torch.nn.Module):
    """He et al. 2016 for images of 32 x 32 pixels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        stages = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        blocks = [block for a, b, s in stages for block in (Block(a, b, s), Block(b, b, 1))]
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(64))
        self.blocks = torch.nn.Sequential(*blocks)
        self.head = torch.nn.Linear(512, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.head(self.blocks(self.stem(x).relu()).mean(dim=(2, 3)))


def main() -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--widths", nargs="+", type=int, default=WIDTHS)
    with threads(1):
        return run(parser.parse_args())


def run(options: argparse.Namespace) -> int:
    """The parts, in their order."""
    good = True
    if {"insphere", "many", "facets"} & set(options.only):
        data = mnist()
        if data is None:
            print("No MNIST here: random weights and points instead of trained networks and images")
        nets = {width: trained(width, data) for width in options.widths}
        if "insphere" in options.only:
            if data is not None:
                good = inspheres(nets, options.rounds, "trained on MNIST, at its test images")
            rough = {width: trained(width, None) for width in options.widths}
            good &= inspheres(rough, options.rounds, "random weights, at random points")
        if "many" in options.only:
            many(*nets[max(nets)])
        if "facets" in options.only:
            all_facets(nets)
    if "distances" in options.only:
        distances(options.rounds)
    if "resnet" in options.only:
        resnet()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
