"""Affine ops: values, forms, magnitudes, term counts and fingerprints, each against torch or by definition."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.ops.arithmetic import Add, Scale, Sum
from vitrail.network.ops.base import AffineOp
from vitrail.network.ops.concat import Concat
from vitrail.network.ops.convolution import Convolution
from vitrail.network.ops.linear import ConstantProduct, Linear
from vitrail.network.ops.maximum import pool_windows
from vitrail.network.ops.normalization import batch_norm_scale
from vitrail.network.ops.pooling import AveragePool, adaptive_windows, membership
from vitrail.network.ops.shape import Select, reshape, select


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def average(size: int, kernel: int) -> AveragePool:
    table = membership(pool_windows(size, kernel, kernel, (0, 0), 1), size)
    out = len(table)
    return AveragePool((2, size, size), (table, table), torch.full((out, out), 1 / kernel**2, dtype=torch.float64))


W, B = draw(4, 3), draw(4, seed=1)
K1, K2 = draw(4, 2, 3), draw(6, 2, 2, 3)
INDEX = np.array([[3, -1, 0], [0, 2, 5]])

OPS: dict[str, tuple[AffineOp, Callable[..., Tensor], int]] = {
    "linear": (Linear(W, B), lambda x: F.linear(x, W, B), 4),
    "linear without bias": (Linear(W), lambda x: x @ W.T, 3),
    "linear with lead": (Linear(W, B, (2,)), lambda x: F.linear(x, W, B), 4),
    "product left": (ConstantProduct(W, (3, 2), True), lambda x: W @ x, 3),
    "product right": (ConstantProduct(draw(2, 3, 4), (2, 5, 3), False), lambda x: x @ draw(2, 3, 4), 3),
    "conv1d": (Convolution(K1, (2, 6), B, (2,), ((1, 1),)), lambda x: F.conv1d(x, K1, B, 2, 1), 7),
    "conv1d uneven": (
        Convolution(K1, (2, 6), None, padding=((2, 0),)), lambda x: F.conv1d(F.pad(x, (2, 0)), K1), 6,
    ),
    "conv2d groups": (
        Convolution(K2, (4, 5, 6), None, (1, 2), ((1, 1), (0, 0)), (2, 1), 2),
        lambda x: F.conv2d(x, K2, None, (1, 2), (1, 0), (2, 1), 2),
        12,
    ),
    "conv1d with lead": (
        Convolution(K1, (5, 2, 6), B), lambda x: F.conv1d(x.reshape(-1, 2, 6), K1, B).reshape(-1, 5, 4, 4), 7,
    ),
    "scale": (Scale((2, 3), draw(3), draw(2, 1)), lambda x: x * draw(3) + draw(2, 1), 2),
    "scale alone": (Scale((3,), draw(3)), lambda x: x * draw(3), 1),
    "shift": (Scale((3,), None, draw(3)), lambda x: x + draw(3), 2),
    "negate": (Scale((3,), torch.tensor(-1.0, dtype=torch.float64)), lambda x: -x, 0),
    "sum": (Sum((2, 3, 4), (0, 2), 1.0, keep=False), lambda x: x.sum((1, 3)), 8),
    "mean": (Sum((2, 3), (1,), 1 / 3, keep=True), lambda x: x.mean(2, keepdim=True), 4),
    "add": (Add(((2, 3), (3,)), (1, -1)), lambda x, y: x - y[:, None], 2),
    "concat": (Concat(((2, 3), (2, 1)), 1), lambda x, y: torch.cat([x, y], 2), 0),
    "average": (average(6, 3), lambda x: F.avg_pool2d(x, 3), 10),
    "select": (
        select((2, 3), INDEX),
        lambda x: F.pad(x.reshape(len(x), -1), (0, 1))[:, torch.from_numpy(INDEX % 7)],
        0,
    ),
    "reshape": (reshape((2, 3), (3, 2)), lambda x: x.reshape(-1, 3, 2), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_values_are_those_of_torch(name: str) -> None:
    op, expected, _ = OPS[name]
    tensors = [draw(3, *shape, seed=position) for position, shape in enumerate(op.input_shapes)]
    values = op.forward(tensors)
    assert tuple(values.shape) == (3, *op.shape)
    assert torch.allclose(values, expected(*tensors), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", OPS)
def test_forms_are_values_at_points_of_the_frame(name: str) -> None:
    op = OPS[name][0]
    forms = [draw(2, 3, *shape, seed=position) for position, shape in enumerate(op.input_shapes)]
    before = [form.clone() for form in forms]
    result = op.apply(forms)
    assert tuple(result.shape) == (2, 3, *op.shape)
    at = [form[:, 0] + 0.5 * form[:, 1] - 2 * form[:, 2] for form in forms]
    assert torch.allclose(result[:, 0] + 0.5 * result[:, 1] - 2 * result[:, 2], op.forward(at), rtol=1e-12, atol=1e-12)
    assert all(torch.equal(form, old) for form, old in zip(forms, before, strict=True))


@pytest.mark.parametrize("name", OPS)
def test_terms_and_magnitudes_by_the_dense_matrix(name: str) -> None:
    op, _, terms = OPS[name]
    magnitudes = op.absolute()
    rows = torch.zeros(int(np.prod(op.shape)), dtype=torch.int64)
    for position, shape in enumerate(op.input_shapes):
        size = int(np.prod(shape))
        others = [torch.zeros(size, *other, dtype=torch.float64) for other in op.input_shapes]
        others[position] = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
        dense = op.linear(others).reshape(size, -1)
        assert torch.equal(magnitudes.linear(others).reshape(size, -1), dense.abs())
        rows += (dense != 0).sum(0)
    if op.bias is not None:
        assert magnitudes.bias is not None and torch.equal(magnitudes.bias, op.bias.abs())
        rows += (op.bias.expand(op.shape).reshape(-1) != 0).long()
    assert op.terms == terms
    assert terms == 0 or terms >= int(rows.max())


@pytest.mark.parametrize("name", OPS)
def test_an_op_without_rounding_is_exact(name: str) -> None:
    op = OPS[name][0]
    if op.terms == 0:
        tensors = [draw(4, *shape, seed=9) for shape in op.input_shapes]
        known = {0.0} | {abs(float(entry)) for tensor in tensors for entry in tensor.reshape(-1)}
        assert {abs(float(entry)) for entry in op.forward(tensors).reshape(-1)} <= known


def test_only_dense_vector_maps_have_a_weight() -> None:
    assert Linear(W, B).weight is W
    assert Linear(W, B, (2,)).weight is None and OPS["scale"][0].weight is None


def test_fingerprints_see_every_number_and_option() -> None:
    changed = W.clone()
    changed[-1, -1] += 1e-16 + changed[-1, -1].abs() * 2.0**-52
    ops = [Linear(W, B), Linear(changed, B), Linear(W), Linear(W, B, (2,)), Sum((2, 3), (1,), 1.0, True),
           Sum((2, 3), (1,), 1.0, False), Sum((2, 3), (0,), 1.0, True), reshape((2, 3), (6,)), reshape((6,),
               (6,))]  # fmt: skip
    assert len({op.fingerprint() for op in ops}) == len(ops)
    assert Linear(W.clone(), B.clone()).fingerprint() == Linear(W, B).fingerprint()


def test_the_scale_of_batch_norm_is_rounded_once() -> None:
    gamma, variance = draw(5, seed=0), draw(5, seed=3).abs()
    scale = batch_norm_scale(gamma, variance, 1e-5)
    for channel in range(5):
        # scale^2 (variance + eps) = gamma^2 up to the relative error of one rounding, checked in rationals
        spread = Fraction(float(variance[channel])) + Fraction(1e-5)
        square = Fraction(float(scale[channel])) ** 2 * spread / Fraction(float(gamma[channel])) ** 2
        assert abs(float(square - 1)) <= 2.0**-51


def test_batch_norm_without_variance_is_refused_by_channel() -> None:
    with pytest.raises(InvalidModelError, match=r"channel 2 \(1 channels"):
        batch_norm_scale(None, torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64), 1.0)


def test_adaptive_windows_are_those_of_torch() -> None:
    for size in range(1, 9):
        for count in range(1, size + 1):
            table = membership(adaptive_windows(size, count), size)
            values = draw(1, size)
            ours = (values @ table.T) / table.sum(1)
            assert torch.allclose(ours, F.adaptive_avg_pool1d(values, count))


INVALID: dict[str, Callable[[], object]] = {
    "linear bias": lambda: Linear(W, draw(3)),
    "linear shape": lambda: Linear(draw(3), None),
    "product": lambda: ConstantProduct(W, (4, 2), True),
    "conv channels": lambda: Convolution(K1, (3, 6)),
    "conv kernel too large": lambda: Convolution(K1, (2, 2)),
    "conv 3-D": lambda: Convolution(draw(1, 1, 2, 2, 2), (1, 4, 4, 4)),
    "conv bias": lambda: Convolution(K1, (2, 6), draw(3)),
    "scale": lambda: Scale((2,), draw(3)),
    "scale would grow": lambda: Scale((1,), draw(3)),
    "sum": lambda: Sum((2,), (1,), 1.0, True),
    "add": lambda: Add(((2,), (3,)), (1, 1)),
    "add signs": lambda: Add(((2,), (2,)), (1, 2)),
    "concat": lambda: Concat(((2, 3), (1, 2)), 1),
    "select": lambda: Select((2,), (1,), torch.tensor([2])),
    "reshape": lambda: reshape((2,), (3,)),
    "average": lambda: AveragePool((2, 3), (torch.ones(1, 4, dtype=torch.float64),), torch.ones(1)),
}


@pytest.mark.parametrize("name", INVALID)
def test_parameters_that_do_not_fit_are_refused(name: str) -> None:
    with pytest.raises(InvalidModelError):
        INVALID[name]()
