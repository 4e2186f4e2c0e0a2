"""A segment between two images through a ResNet-20 for CIFAR-10 with batch norm and random weights: time and memory.

Images come from the data folder (VITRAIL_DATA, or `shared/data` beside the repository); without it they are random.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import vitrail


class Block(nn.Module):
    """Two convolutions and the identity, padded with zero channels where the size changes (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        """Make the layers."""
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm_first, self.norm_second = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.stride, self.extra = stride, (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Residual block."""
        y = self.norm_second(self.second(functional.relu(self.norm_first(self.first(x)))))
        if self.stride > 1:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.extra, self.extra))
        return functional.relu(x + y)


def resnet20() -> nn.Module:
    """Three stages of three blocks, 16, 32 and 64 channels."""
    blocks, inputs = [], 16
    for outputs, stride in ((16, 1), (32, 2), (64, 2)):
        for i in range(3):
            blocks.append(Block(inputs, outputs, stride if i == 0 else 1))
            inputs = outputs
    head = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*head, *blocks, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 10))


def images() -> np.ndarray:
    """CIFAR-10 test images in [0, 1], shape (count, 3, 32, 32)."""
    folder = Path(os.environ.get("VITRAIL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    file = folder / "cifar10_test_100.csv.gz"
    if not file.exists():
        print("no data folder: random images")
        return np.random.default_rng(0).uniform(size=(100, 3, 32, 32))
    with gzip.open(file, "rt") as text:
        rows = np.loadtxt(text, delimiter=",")
    return rows[:, 1:].reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2) / 255


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="share of the segment")
    share = parser.parse_args().share
    torch.manual_seed(0)
    data = images()
    model = resnet20()
    model(torch.tensor(data, dtype=torch.float32))  # running statistics of the batch norms
    net = vitrail.Network.from_torch(model.eval(), torch.tensor(data[:1], dtype=torch.float32))
    segment = vitrail.Segment(data[0], data[0] + share * (data[1] - data[0]))
    started = time.perf_counter()
    regions = vitrail.enumerate_regions(net, segment, patterns=False, progress=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    account = regions.account
    print(f"{net.number_of_units:,} units, {regions.count()!r}, length off by {regions.measure_error:.1e}")
    print(f"{account.undecided:,} undecided signs, {account.unproven:,} units in unproven layers")
    print(f"{time.perf_counter() - started:.0f} s, at most {peak:.2f} GiB resident")


if __name__ == "__main__":
    main()
