"""The import check itself: deliberately broken imports must be caught, in values and in maps."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from vitrail.errors import InvalidModelError
from vitrail.network import Graph, Network, Node, lowering
from vitrail.network.evaluation import evaluate
from vitrail.network.from_torch import registry
from vitrail.network.ops.elementwise import leaky_relu, relu6
from vitrail.network.ops.linear import Linear
from vitrail.network.parity import agree, seeded_points


def model() -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(12):
        layers += [nn.Linear(16, 16), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(16, 3))


def break_handler(monkeypatch: pytest.MonkeyPatch, target: str, replacement: registry.Handler) -> None:
    family, _ = registry.HANDLERS[target]
    monkeypatch.setitem(registry.HANDLERS, target, (family, replacement))


def test_a_handler_with_a_wrong_function_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(builder, call):  # type: ignore[no-untyped-def]
        value = call.value("self")
        return builder.emit(relu6(builder.nodes[value.node].op.shape), [value], value.shape)

    break_handler(monkeypatch, "aten.relu.default", wrong)
    with pytest.raises(InvalidModelError, match="disagrees"):
        Network.from_torch(nn.Sequential(nn.Linear(2, 4), nn.ReLU()), 100 * torch.ones(1, 2))


def test_a_small_error_in_the_first_layer_of_a_deep_network_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    original = registry.HANDLERS["aten.linear.default"][1]
    calls = []

    def wrong(builder, call):  # type: ignore[no-untyped-def]
        calls.append(call)
        if len(calls) > 1:
            return original(builder, call)
        arguments = {**call.arguments, "weight": call["weight"] * (1 + 1e-5)}
        return original(builder, dataclasses.replace(call, arguments=arguments))

    break_handler(monkeypatch, "aten.linear.default", wrong)
    with pytest.raises(InvalidModelError, match=r"disagrees.*differs by") as caught:
        Network.from_torch(model(), torch.randn(1, 16))
    assert "test point" in str(caught.value) and "output [" in str(caught.value)


def test_a_wrong_epsilon_of_the_first_batch_norm_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layers = [part for _ in range(8) for part in (nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())]
    network = nn.Sequential(*layers).eval()
    original, calls = lowering.batch_norm, []

    def wrong(builder, value, gamma, beta, mean, variance, epsilon):  # type: ignore[no-untyped-def]
        calls.append(epsilon)
        return original(builder, value, gamma, beta, mean, variance, epsilon * (2 if len(calls) == 1 else 1))

    Network.from_torch(network, torch.randn(1, 3, 6, 6))
    monkeypatch.setattr(lowering, "batch_norm", wrong)
    with pytest.raises(InvalidModelError, match="disagrees"):
        Network.from_torch(network, torch.randn(1, 3, 6, 6))
    assert len(calls) == 8


def test_right_values_with_wrong_maps_are_caught() -> None:
    net = Network.from_torch(model(), torch.randn(1, 16))
    points = seeded_points(torch.randn(1, 16))
    directions = torch.randn(len(points), 1, 16, dtype=torch.float64)
    found = evaluate(net.graph, points, directions, 2.0**-53)
    agree(found, found.forms[:, 0], found.forms[:, 1:], "itself")
    with pytest.raises(InvalidModelError, match="local affine map differs"):
        agree(found, found.forms[:, 0], found.forms[:, 1:] * (1 + 1e-6), "itself")
    with pytest.raises(InvalidModelError, match="value differs"):
        agree(found, found.forms[:, 0] + 1e-6, found.forms[:, 1:], "itself")
    with pytest.raises(InvalidModelError, match="output shape"):
        agree(found, found.forms[:, 0, :2], None, "itself")
    with pytest.raises(InvalidModelError, match="value differs"):
        agree(found, torch.full_like(found.forms[:, 0], float("nan")), None, "itself")


def test_without_the_check_there_is_no_parity() -> None:
    assert Network.from_torch(model(), torch.zeros(1, 16), check=False).parity is None


def test_the_bound_covers_float32_and_is_not_vacuous() -> None:
    net = Network.from_torch(model(), torch.randn(1, 16))
    points = seeded_points(torch.randn(1, 16, generator=torch.Generator().manual_seed(2)))
    directions = torch.randn(len(points), 1, 16, dtype=torch.float64)
    found = evaluate(net.graph, points.to(torch.float64), directions, 2.0**-24)
    single = model()(points).detach().to(torch.float64)
    difference = (single - found.forms[:, 0]).abs()
    assert bool((difference <= found.bound[:, 0]).all())
    assert float(found.bound[:, 0].max()) < 0.01 * float(found.forms[:, 0].abs().max())


def test_points_on_a_breakpoint_are_skipped_and_counted() -> None:
    linear = nn.Linear(2, 1, bias=False)
    net = Network.from_torch(nn.Sequential(linear, nn.LeakyReLU(0.5)), torch.zeros(2, 2))
    assert net.parity is not None and net.parity.skipped == 2  # the two examples are 0
    net = Network.from_torch(nn.Sequential(linear, nn.LeakyReLU(0.5)), torch.ones(2, 2))
    assert net.parity is not None and net.parity.skipped == 0


def test_equal_candidates_with_equal_maps_are_not_skipped() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    net = Network.from_torch(network, torch.randn(2, 1, 8, 8))
    assert net.parity is not None and net.parity.skipped == 0 and net.parity.map_error is not None


def test_evaluate_agrees_with_follow() -> None:
    graph = Graph(
        (
            *Network.from_arrays([torch.eye(3)]).nodes[:1],
            Node(Linear(torch.randn(4, 3, dtype=torch.float64)), (0,), "a"),
            Node(leaky_relu((4,), 0.25), (1,), "b"),  # type: ignore[arg-type]
        ),
        2,
        "arrays",
    )
    points, directions = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 2, 3, dtype=torch.float64)
    found = evaluate(graph, points, directions, 2.0**-53)
    followed = graph.follow(torch.cat([points[:, None], directions], 1), graph.pieces_at(points))
    assert torch.equal(found.forms, followed)
