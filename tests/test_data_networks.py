"""Trained networks from the optional data folder: what is found in them agrees with the networks themselves."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import vitrail
from helpers import patterns_of
from oracles import exact
from oracles.neutral import mlp
from vitrail.network.network import Network
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.linear import Linear
from vitrail.status import Status


def check_points(network: Network, regions: vitrail.RegionSet, t: np.ndarray) -> float:
    """Check that the map of the region around each point gives the network's value; return the share of equal patterns.

    Patterns can differ where a unit is 0 on a whole region: the forward pass rounds that to either side.
    """
    inputs = (regions.origin + t @ regions.basis).reshape(-1, *network.input_shape)
    home = np.array([locate(regions, point) for point in t])
    maps = regions.affine_maps[home]
    values = maps[:, 0] + np.einsum("rk,rko->ro", t, maps[:, 1:])
    forward = network.forward(inputs).numpy().reshape(values.shape)
    np.testing.assert_allclose(values, forward, atol=1e-9 * np.abs(forward).max())
    pieces = np.concatenate(network.pieces_at(inputs), axis=1)
    found = np.concatenate(regions.patterns(), axis=1)[home]
    return float((pieces == found).all(axis=1).mean())


def locate(regions: vitrail.RegionSet, point: np.ndarray) -> int:
    """The region that holds a point best: its smallest distance to the inside of an edge is the largest."""
    if regions.dimension == 1:
        depth = np.minimum(point[0] - regions.vertices[::2, 0], regions.vertices[1::2, 0] - point[0])
        return int(depth.argmax())
    after = np.arange(1, len(regions.vertices) + 1)
    after[regions.offsets[1:] - 1] = regions.offsets[:-1]
    sides, offsets = regions.vertices[after] - regions.vertices, point - regions.vertices
    lengths = np.maximum(np.linalg.norm(sides, axis=1), 1e-300)
    depth = (sides[:, 0] * offsets[:, 1] - sides[:, 1] * offsets[:, 0]) / lengths
    return int(np.minimum.reduceat(depth, regions.offsets[:-1]).argmax())


@pytest.mark.parametrize("name", ["tllBench_n=2_N=M=8_m=1_instance_0_0", "vdp", "cartpole"])
def test_control_networks_in_planes_and_on_lines(data_folder: Path, name: str, rng: np.random.Generator) -> None:
    network = Network.from_onnx(data_folder / "onnx" / "lowdim" / f"{name}.onnx")
    size = int(np.prod(network.input_shape))
    a, b, c = rng.uniform(-2, 2, (3, *network.input_shape))
    domain = vitrail.Box([-2.0, -2.0], [2.0, 2.0]) if size == 2 else vitrail.Plane.through(a, b, c)
    regions = vitrail.enumerate_regions(network, domain)
    assert regions.measure_error < 1e-12
    assert regions.euler_characteristic() == 1
    low, high = domain.corners.min(axis=0), domain.corners.max(axis=0)
    equal = check_points(network, regions, rng.uniform(low, high, (300, 2)))
    line = vitrail.enumerate_regions(network, vitrail.Segment(a, b))
    equal_on_line = check_points(network, line, rng.uniform(0, 1, (300, 1)))
    assert regions.status is line.status is Status.CERTIFIED
    if regions.account.exact == line.account.exact == 0:
        assert equal == equal_on_line == 1.0


@pytest.mark.parametrize("name", ["Convnet_avgpool", "cifar_base_kw"])
def test_convolutional_networks_between_inputs(data_folder: Path, name: str, rng: np.random.Generator) -> None:
    network = Network.from_onnx(data_folder / "onnx" / "conv" / f"{name}.onnx")
    a, b = rng.uniform(0, 1, (2, *network.input_shape))
    regions = vitrail.enumerate_regions(network, vitrail.Segment(a, b))
    assert len(regions) > 10
    assert regions.measure_error < 1e-12
    assert check_points(network, regions, rng.uniform(0, 1, (200, 1))) > 0.99
    ends = regions.affine_maps[:, 0] + regions.vertices[1::2] * regions.affine_maps[:, 1]
    starts = regions.affine_maps[:, 0] + regions.vertices[::2] * regions.affine_maps[:, 1]
    # the pieces join: the function is continuous
    np.testing.assert_allclose(ends[:-1], starts[1:], atol=1e-9 * np.abs(starts).max())


def digits(data_folder: Path, count: int) -> np.ndarray:
    """The first test digits of MNIST in [0, 1], shape (count, 784)."""
    raw = gzip.decompress((data_folder / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(raw, dtype=np.uint8, count=784 * count, offset=16).reshape(count, 784) / 255


@pytest.mark.parametrize("depth", [2, 4])
def test_planes_through_digits(data_folder: Path, depth: int) -> None:
    network = Network.from_onnx(data_folder / "onnx" / "mnistfc" / f"mnist-net_256x{depth}.onnx")
    a, b, c = (d.reshape(network.input_shape) for d in digits(data_folder, 3))
    regions = vitrail.enumerate_regions(network, vitrail.Plane.through(a, b, c))
    assert regions.measure_error < 1e-12
    assert regions.status is Status.CERTIFIED
    assert regions.euler_characteristic() == 1
    # all but few of millions of signs are decided in floating point
    assert regions.account.exact < 1e-2 * regions.account.decisions
    values = regions.affine_maps[:, 0] + np.einsum("rk,rko->ro", regions.witnesses, regions.affine_maps[:, 1:])
    forward = network.forward(regions.witness_points.reshape(-1, *network.input_shape)).numpy().reshape(values.shape)
    np.testing.assert_allclose(values, forward, atol=1e-9 * np.abs(forward).max())


def test_a_trained_network_against_exact_arithmetic(data_folder: Path) -> None:
    network = Network.from_onnx(data_folder / "onnx" / "lowdim" / "vdp.onnx")
    layers = [(n.op.matrix, n.op.bias) for n in network.nodes if isinstance(n.op, Linear)]
    kinds = {n.op.kind for n in network.nodes if isinstance(n.op, Elementwise)}
    if kinds != {"relu"} or any(bias is None for _, bias in layers):
        pytest.fail(f"the file is no longer the network this test was written for: {kinds}")
    truth = exact.segment(
        mlp([(w.numpy(), b.numpy()) for w, b in layers]), [-2.0] * layers[0][0].shape[1], [2.0] * layers[0][0].shape[1]
    )
    start, stop = np.full(network.input_shape, -2.0), np.full(network.input_shape, 2.0)
    regions = vitrail.enumerate_regions(network, vitrail.Segment(start, stop))
    assert set(patterns_of(regions)) == truth.patterns()
    assert regions.status is Status.CERTIFIED
