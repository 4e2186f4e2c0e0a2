"""Every family of torch operations against the module's own float64 forward pass and autograd Jacobian."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitrail.network import Network


class Lambda(nn.Module):
    """A function of the input and of stored tensors a (4, 4), v (4,), image-shaped c (3, 1, 1)."""

    def __init__(self, function: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        generator = torch.Generator().manual_seed(7)
        self.a = nn.Parameter(torch.randn(4, 4, generator=generator))
        self.register_buffer("v", torch.randn(4, generator=generator))
        self.register_buffer("c", torch.randn(3, 1, 1, generator=generator))
        self.register_buffer("mask", torch.tensor([True, False, True, True]))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


VECTOR: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "linear": lambda m, x: F.linear(x, m.a, m.v),
    "matmul right": lambda m, x: x @ m.a,
    "matmul left": lambda m, x: (m.a @ x.unsqueeze(2)).squeeze(2),
    "matmul vector": lambda m, x: (x @ m.v)[:, None],
    "addmm": lambda m, x: torch.addmm(m.v, x, m.a),
    "bmm": lambda m, x: torch.bmm(x.unsqueeze(1), m.a.expand(x.shape[0], 4, 4)).squeeze(1),
    "matmul stack": lambda m, x: torch.matmul(torch.stack([m.a, m.a + 1]), x.view(x.shape[0], 1, 4, 1)),
    "add, sub, alpha": lambda m, x: torch.add(x, x.flip(1), alpha=2) - torch.sub(x, m.v, alpha=3) + 1,
    "rsub": lambda m, x: 1 - x + (m.v - x),
    "mul, div, neg": lambda m, x: -(x * m.v) / 3 + x / m.v + 2 * x,
    "sum, mean": lambda m, x: (
        x.sum(1, keepdim=True) + x.mean(dim=1, keepdim=True) + x.view(-1, 2, 2).mean((1, 2))[:, None]
    ),
    "relu": lambda m, x: F.relu(x),
    "leaky": lambda m, x: F.leaky_relu(x, 0.3),
    "leaky slope 1": lambda m, x: F.leaky_relu(x, 1.0),
    "leaky negative slope": lambda m, x: F.leaky_relu(x, -0.5),
    "relu6": lambda m, x: F.relu6(8 * x),
    "hardtanh": lambda m, x: F.hardtanh(x, -0.5, 0.25),
    "hardsigmoid": lambda m, x: F.hardsigmoid(4 * x),
    "softshrink": lambda m, x: F.softshrink(x, 0.3),
    "threshold": lambda m, x: F.threshold(x, 0.3, 0.3),
    "abs": lambda m, x: x.abs(),
    "clamp": lambda m, x: x.clamp(-0.5, 0.5) + x.clamp(min=0.1) + x.clamp(max=-0.1) + torch.clip(x, -1),
    "clamp tensor": lambda m, x: torch.clamp(x, min=m.v - 0.5, max=m.v + 0.5),
    "rrelu": lambda m, x: F.rrelu(x, 0.1, 0.3, training=False),
    "prelu one": lambda m, x: F.prelu(x, m.v[:1]),
    "prelu four": lambda m, x: F.prelu(x, m.v),
    "maximum": lambda m, x: torch.maximum(x, x.flip(1)) - torch.minimum(x, m.v) + torch.max(x, -x),
    "maximum broadcast": lambda m, x: torch.maximum(x[:, None, :], x[:, :, None]),
    "maxout": lambda m, x: x.view(-1, 2, 2).amax(2) + x.view(-1, 2, 2).min(dim=1).values,
    "max all": lambda m, x: x.amax(dim=1, keepdim=True) - x.amin(dim=1, keepdim=True),
    "cat": lambda m, x: torch.cat([x, 2 * x, m.v.expand(x.shape[0], 4)], 1),
    "stack": lambda m, x: torch.stack([x, -x], 1) + torch.stack([x, -x], 2).transpose(1, 2),
    "split": lambda m, x: (lambda a, b: torch.cat([b, a], 1))(*x.split([1, 3], 1)) + torch.cat(x.chunk(3, 1)[::-1], 1),
    "unbind": lambda m, x: sum(x.view(-1, 2, 2).unbind(1)),
    "slices": lambda m, x: torch.cat([x[:, 1:3], x[:, ::2], x[:, -1:], x[:, [2, 0, 0]], x[:, 1, None]], 1),
    "narrow, roll": lambda m, x: x.roll(1, 1) + x.narrow(1, 1, 1) + x.repeat(1, 2)[:, 2:6],
    "pad": lambda m, x: F.pad(x, (1, 2)) + F.pad(x, (2, 1), value=0.5) + F.pad(x, (4, -1)),
    "pad modes": lambda m, x: F.pad(x[:, None], (2, 1), mode="reflect") + F.pad(x[:, None], (1, 2), mode="replicate"),
    "pad circular": lambda m, x: F.pad(x[:, None], (1, 2), mode="circular"),
    "views": lambda m, x: (
        x.view(x.shape[0], 2, 2).permute(0, 2, 1).reshape(-1, 4) + x.unflatten(1, (2, 2)).mT.flatten(1)
    ),
    "squeeze": lambda m, x: x.unsqueeze(1).unsqueeze(3).squeeze(1).squeeze(2),
    "expand": lambda m, x: x[:, :, None].expand(-1, -1, 3),
    "dropout": lambda m, x: F.dropout(x, 0.5, training=False),
    "casts": lambda m, x: x.contiguous().clone().to(x.dtype) + x.type_as(m.v),
    "mask": lambda m, x: torch.where(m.mask, x, -x) + x.masked_fill(m.mask, 0.5),
    "zeros like": lambda m, x: torch.cat([x, torch.zeros_like(x), torch.ones_like(x)], 1),
    "constant expression": lambda m, x: x @ (m.a * torch.tanh(m.v)),
    "maxpool 1d": lambda m, x: F.max_pool1d(x[:, None], 3, 1, 1),
    "avgpool 1d": lambda m, x: F.avg_pool1d(x[:, None], 3, 2, 1) + F.adaptive_avg_pool1d(x[:, None], 3)[..., :2],
    "conv1d": lambda m, x: F.conv1d(x[:, None], m.a[:, None, :3], m.v, padding=1),
    "scalar output": lambda m, x: (x @ m.v).relu(),
}


def in_place(m: nn.Module, x: Tensor) -> Tensor:
    y = x * 2
    y += m.v
    y = y.relu_() + 0
    y[:, 1] = x[:, 0]
    y[:, 2:] *= -1
    return y


VECTOR["in place"] = in_place

IMAGE: dict[str, nn.Module] = {
    "conv": nn.Conv2d(3, 4, 3, stride=2, padding=1),
    "conv same dilated": nn.Conv2d(3, 4, (2, 3), padding="same", dilation=2),
    "conv groups": nn.Conv2d(3, 6, 3, groups=3, bias=False),
    "conv reflect": nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect"),
    "conv valid": nn.Conv2d(3, 2, 3, padding="valid"),
    "max": nn.MaxPool2d(3, 2, 1),
    "max dilated": nn.MaxPool2d(2, 1, dilation=2),
    "max ceil": nn.MaxPool2d(3, 2, ceil_mode=True),
    "max adaptive": nn.AdaptiveMaxPool2d((3, 2)),
    "average": nn.AvgPool2d(2),
    "average padded": nn.AvgPool2d(3, 2, 1),
    "average padded, not counted": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average ceil": nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    "average ceil, not counted": nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    "average divisor": nn.AvgPool2d(2, divisor_override=3),
    "average adaptive": nn.AdaptiveAvgPool2d((4, 5)),
    "average global": nn.AdaptiveAvgPool2d(1),
    "mean": Lambda(lambda m, x: x.mean((2, 3))),
    "mean keep": Lambda(lambda m, x: x - x.mean((1, 2, 3), keepdim=True) + x.amax((2, 3), keepdim=True)),
    "normalise": Lambda(lambda m, x: (x - m.c) / m.c),
    "channels last": Lambda(lambda m, x: F.linear(x.permute(0, 2, 3, 1), m.a[:, :3])),
    "prelu": nn.PReLU(3, init=0.1),
    "shuffle": nn.Sequential(nn.Conv2d(3, 4, 1), nn.PixelShuffle(2)),
    "flatten": nn.Sequential(nn.Flatten(), nn.Linear(3 * 49, 2), nn.Identity(), nn.Dropout()),
}


def exercise(model: nn.Module, example: Tensor) -> Network:
    """Import, then compare values and full Jacobians on other points than the import's own check."""
    model = model.eval()
    net = Network.from_torch(model, example)
    assert net.parity is not None and net.parity.points == 8 and net.parity.map_error is not None
    double = copy.deepcopy(model).double()
    x = torch.randn((3, *example.shape[1:]), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    expected = double(x).detach()
    assert tuple(expected.shape[1:]) == net.output_shape
    assert torch.allclose(net.forward(x), expected, rtol=1e-12, atol=1e-12)
    point = x[:1]
    size = point.numel()
    jacobian = torch.autograd.functional.jacobian(lambda p: double(p).reshape(-1), point).reshape(-1, size)
    columns = torch.cat([point, torch.eye(size, dtype=torch.float64).reshape(size, *point.shape[1:])])[None]
    forms = net.follow(columns, net.pieces_at(point))
    assert torch.allclose(forms[0, 0], expected[0], rtol=1e-12, atol=1e-12)
    # torch differentiates hardsigmoid with 1/6 in float32
    tolerance = 1e-6 if any(node.op.name == "hard_sigmoid" for node in net.nodes) else 1e-12
    assert torch.allclose(forms[0, 1:].reshape(size, -1).T, jacobian, rtol=tolerance, atol=tolerance)
    return net


@pytest.mark.parametrize("name", VECTOR)
def test_vector_operations(name: str) -> None:
    exercise(Lambda(VECTOR[name]), torch.randn(2, 4, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("name", IMAGE)
def test_image_operations(name: str) -> None:
    exercise(IMAGE[name], torch.randn(2, 3, 7, 7, generator=torch.Generator().manual_seed(1)))


def test_batch_norm_with_unusual_statistics() -> None:
    norm = nn.BatchNorm2d(3)
    norm.weight.data = torch.tensor([1.5, 0.0, -2.0])
    norm.bias.data = torch.tensor([0.5, 1.0, 0.0])
    norm.running_mean = torch.tensor([3.0, -1.0, 0.25])
    norm.running_var = torch.tensor([0.0, 4.0, 9.0])
    net = exercise(norm, torch.randn(2, 3, 4, 4))
    assert net.nodes[1].op.name == "batch_norm" and any("batch norm" in note for note in net.notes)


def test_leaky_relu_of_slope_one_has_no_units() -> None:
    net = Network.from_torch(nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(1.0)), torch.zeros(1, 2))
    assert net.number_of_units == 0 and net.piecewise == ()


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)
        self.conv2, self.norm2 = nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        y += x
        return self.relu(y)


def test_residual_network_with_reused_modules() -> None:
    block = Residual()
    model = nn.Sequential(nn.Conv2d(1, 3, 3), block, block, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    net = exercise(model, torch.randn(1, 1, 6, 6))
    assert [node.op.name for node in net.nodes].count("relu") == 4
    assert net.nodes[1].name == "0" and any(node.name == "1.relu" for node in net.nodes)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_promoted_exactly(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).to(dtype)
    net = Network.from_torch(model, torch.zeros(1, 3))
    weight = net.nodes[1].op.weight
    assert weight is not None and torch.equal(weight, model[0].weight.detach().to(torch.float64))
    assert any("promoted" in note for note in net.notes) == (dtype != torch.float64)
