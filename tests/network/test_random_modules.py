"""Random small modules with integer weights, where ties and dead units are common: values must be exact."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from vitrail.network import Network

BENT = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Hardtanh, nn.Softshrink, nn.PReLU, nn.Identity)


class Graph(nn.Module):
    """Layers of width 4 whose inputs are sums, maxima or concatenations of earlier results."""

    def __init__(self, steps: list[tuple[int, int, str, int]], seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.steps = steps
        self.linear, self.bent = nn.ModuleList(), nn.ModuleList()
        for first, second, how, kind in steps:
            del first, second
            layer = nn.Linear(8 if how == "cat" else 4, 4)
            layer.weight.data = torch.randint(-2, 3, layer.weight.shape, generator=generator).float()
            layer.bias.data = torch.randint(-1, 2, (4,), generator=generator).float()
            self.linear.append(layer)
            self.bent.append(BENT[kind]())

    def forward(self, x: Tensor) -> Tensor:
        known = [x]
        for index, (first, second, how, _) in enumerate(self.steps):
            a, b = known[first % len(known)], known[second % len(known)]
            joined = {"cat": torch.cat([a, b], 1), "add": a + b, "max": torch.maximum(a, b)}[how]
            known.append(self.bent[index](self.linear[index](joined)))
        return known[-1]


step = st.tuples(
    st.integers(0, 5), st.integers(0, 5), st.sampled_from(["cat", "add", "max"]), st.integers(0, len(BENT) - 1)
)


@settings(max_examples=25)
@given(st.lists(step, min_size=1, max_size=5), st.integers(0, 1000))
def test_random_modules(steps: list[tuple[int, int, str, int]], seed: int) -> None:
    module = Graph(steps, seed).eval()
    net = Network.from_torch(
        module, torch.randint(-2, 3, (2, 4), generator=torch.Generator().manual_seed(seed)).float()
    )
    double = module.double()
    points = torch.randint(-3, 4, (20, 4), generator=torch.Generator().manual_seed(seed + 1)).double()
    with torch.no_grad():
        expected = double(points)
    assert torch.allclose(net.forward(points), expected, rtol=1e-14, atol=1e-14)
    patterns = net.pieces_at(points)
    followed = net.follow(points[:, None], patterns)[:, 0]
    assert torch.equal(followed, net.forward(points))
