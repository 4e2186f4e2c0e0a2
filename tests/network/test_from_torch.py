"""What the torch import refuses, what it leaves alone, and what its messages say."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitrail.errors import InvalidModelError, UnsupportedOpError, VitrailError
from vitrail.network import Network


class Lambda(nn.Module):
    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


def deep(last: nn.Module) -> nn.Module:
    """The offending layer at the very end of a few good ones."""
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), last)


UNSUPPORTED: dict[str, tuple[nn.Module, tuple[str, ...]]] = {
    "gelu": (nn.GELU(), ("gelu", "'5'", "not piecewise linear", "support.md")),
    "tanh": (nn.Tanh(), ("tanh", "'5'", "not piecewise linear", "drop_output_activation=True")),
    "silu": (nn.SiLU(), ("silu", "not piecewise linear")),
    "softmax": (nn.Softmax(1), ("softmax", "drop_output_activation=True")),
    "log softmax": (nn.LogSoftmax(1), ("log_softmax", "drop_output_activation=True")),
    "sigmoid": (nn.Sigmoid(), ("sigmoid", "drop_output_activation=True")),
    "argmax": (Lambda(lambda x: x.argmax(1)), ("argmax", "discontinuous", "drop_output_activation=True")),
    "layer norm": (nn.LayerNorm(4), ("layer_norm", "not piecewise linear")),
    "hardshrink": (nn.Hardshrink(), ("hardshrink", "discontinuous")),
    "hardswish": (nn.Hardswish(), ("hardswish", "not piecewise linear")),
    "threshold with a jump": (nn.Threshold(0.1, 20.0), ("threshold", "discontinuous", "0.1", "20.0")),
    "step": (Lambda(lambda x: (x > 0).to(x.dtype)), ("gt", "discontinuous")),
    "product": (Lambda(lambda x: x * x.flip(1)), ("mul", "product of two variables")),
    "quotient": (Lambda(lambda x: x / (x.abs() + 1)), ("div", "division by a variable")),
    "attention": (Lambda(lambda x: x @ x.mT @ x), ("matmul", "product of two variables")),
    "index of a maximum": (Lambda(lambda x: x.max(1).indices), ("index of a maximum is discontinuous",)),
    "cast to integers": (Lambda(lambda x: x.to(torch.int64)), ("cast to torch.int64 is discontinuous",)),
    "selection by the input": (Lambda(lambda x: torch.where(x > 0, x, 0.5 * x)), ("where", "gt")),
    "noise": (Lambda(lambda x: x + torch.rand(4)), ("rand", "random")),
    "sort": (Lambda(lambda x: x.sort(1).values), ("sort",)),
    "branch on data": (Lambda(lambda x: x if x.sum() > 0 else -x), ("cannot be traced", "control flow")),
    "transposed convolution": (
        nn.Sequential(nn.Unflatten(1, (1, 4)), nn.ConvTranspose1d(1, 1, 2)),
        ("conv_transpose1d", "not supported"),
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_operations_are_refused_by_name_and_place(name: str) -> None:
    layer, facts = UNSUPPORTED[name]
    with pytest.raises(UnsupportedOpError) as caught:
        Network.from_torch(deep(layer).eval(), torch.randn(2, 4))
    message = str(caught.value)
    assert all(fact in message for fact in facts), message
    assert len(message.splitlines()[0]) <= 200


def test_all_unsupported_operations_are_in_one_error() -> None:
    model = nn.Sequential(
        nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), nn.Tanh(), Lambda(lambda x: x * x), nn.Softmax(1)
    )
    with pytest.raises(UnsupportedOpError, match=r"^4 unsupported operations") as caught:
        Network.from_torch(model, torch.zeros(1, 4))
    message = str(caught.value)
    assert all(fact in message for fact in ("'1'", "'3'", "'4.mul'", "'5'", "drop_output_activation=True"))


class State(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return x + self.count


class FunctionalDropout(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5)


def broken(index: tuple[int, ...], value: float, name: str = "4") -> nn.Module:
    model = deep(nn.ReLU())
    with torch.no_grad():
        dict(model.named_modules())[name].weight[index] = value
    return model


def with_norm(**options: float) -> nn.Module:
    norm = nn.BatchNorm1d(4).eval()
    norm.running_var[-1] = options["variance"]
    return deep(norm).eval()


INVALID: dict[str, tuple[Callable[[], nn.Module], object, tuple[str, ...]]] = {
    "no module": (lambda: len, torch.zeros(1, 4), ("torch.nn.Module", "builtin_function")),  # type: ignore[dict-item]
    "batch norm in training mode": (lambda: deep(nn.BatchNorm1d(4)), torch.zeros(2, 4), ("'5'", "model.eval()")),
    "dropout in training mode": (lambda: deep(nn.Dropout()), torch.zeros(2, 4), ("'5'", "model.eval()")),
    "functional dropout": (lambda: deep(FunctionalDropout()), torch.zeros(2, 4), ("'5.dropout'", "model.eval()")),
    "no running statistics": (
        lambda: deep(nn.BatchNorm1d(4, track_running_stats=False)).eval(),
        torch.zeros(2, 4),
        ("'5'", "running statistics"),
    ),
    "negative variance": (lambda: with_norm(variance=-1.0), torch.zeros(1, 4), ("channel 3", "-1.0")),
    "nan weight": (lambda: broken((3, 2), float("nan")), torch.zeros(1, 4), ("4.weight", "[3, 2]", "1 of 16", "nan")),
    "infinite weight": (lambda: broken((0, 0), float("inf")), torch.zeros(1, 4), ("4.weight", "[0, 0]", "inf")),
    "nan example": (lambda: deep(nn.ReLU()), torch.full((1, 4), float("nan")), ("example_input", "[0, 0]")),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), torch.zeros(1, 4), ("0.weight", "model(example_input)")),
    "meta": (lambda: deep(nn.Linear(4, 4, device="meta")), torch.zeros(1, 4), ("5.weight", "meta")),
    "unbatched example": (lambda: deep(nn.ReLU()), torch.zeros(4), ("(1,)", "batch dimension", "x[None]")),
    "scalar example": (lambda: deep(nn.ReLU()), torch.tensor(1.0), ("batch dimension", "()")),
    "empty example": (lambda: deep(nn.ReLU()), torch.zeros(0, 4), ("batch dimension", "(0, 4)")),
    "two examples": (lambda: deep(nn.ReLU()), (torch.zeros(1, 4), torch.zeros(1, 4)), ("one tensor",)),
    "text example": (lambda: deep(nn.ReLU()), "four", ("example_input",)),
    "wrong width": (lambda: deep(nn.ReLU()), torch.zeros(1, 5), ("(1, 5)",)),
    "two outputs": (lambda: deep(Lambda(lambda x: (x, -x))), torch.zeros(1, 4), ("2 outputs", "wrap")),
    "prelu slopes": (lambda: deep(nn.PReLU(3)), torch.zeros(1, 4), ("4", "3")),
    "nan slope": (lambda: deep(nn.LeakyReLU(float("nan"))), torch.zeros(1, 4), ("leaky_relu", "nan")),
    "overflow of a constant": (
        lambda: deep(Lambda(lambda x: x * torch.exp(torch.full((4,), 800.0, dtype=torch.float64)).to(x.dtype))),
        torch.zeros(1, 4), ("scale", "'5.mul'", "inf"),
    ),
    "batch dimension squeezed": (lambda: deep(Lambda(lambda x: x.squeeze())), torch.zeros(1, 4), ("(4,)", "squeeze")),
    "batch dimension lost": (lambda: deep(Lambda(lambda x: x.view(-1, 2))), torch.zeros(1, 4), ("(2, 2)", "batch")),
    "batch mixed by mean": (lambda: deep(Lambda(lambda x: x - x.mean(0))), torch.randn(2, 4), ("batch",)),
    "batch mixed by reshape": (
        lambda: deep(Lambda(lambda x: x.view(4, -1).t().flip(0).reshape(-1, 4))), torch.randn(2, 4), ("batch",)
    ),
    "batch of one only": (lambda: deep(Lambda(lambda x: x.reshape(1, 4))), torch.randn(2, 4), ("batch",)),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_invalid_models_say_what_and_where(name: str) -> None:
    make, example, facts = INVALID[name]
    # weights for which the last units are not off at every probe: on a constant network nothing can be seen to mix
    torch.manual_seed(0)
    with pytest.raises(InvalidModelError) as caught:
        Network.from_torch(make(), example)
    message = str(caught.value)
    assert all(fact in message for fact in facts), message
    assert len(message.splitlines()[0]) <= 200


def test_state_that_changes_is_refused() -> None:
    with pytest.raises(UnsupportedOpError, match="changes its own state"):
        Network.from_torch(State(), torch.zeros(1, 4))


def test_the_module_and_the_random_state_are_untouched() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    model.eval()
    model[3].train()
    model[0].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    flags = [(p.requires_grad, p.dtype, p.grad) for p in model.parameters()]
    modes = [part.training for part in model.modules()]
    state = torch.random.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002  (the global state is what must not change)
    example = torch.randn(2, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    Network.from_torch(model, example)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [(p.requires_grad, p.dtype, p.grad) for p in model.parameters()] == flags
    assert [part.training for part in model.modules()] == modes
    assert example.grad is None


def test_the_network_keeps_its_numbers_when_the_module_is_trained_on() -> None:
    model = nn.Sequential(nn.Linear(2, 2).double())
    net = Network.from_torch(model, torch.zeros(1, 2))
    before = net.forward([[1.0, 2.0]])
    with torch.no_grad():
        model[0].weight.fill_(9.0)
    assert torch.equal(net.forward([[1.0, 2.0]]), before)


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid(), nn.Tanh()])
def test_a_last_activation_can_be_dropped(last: nn.Module) -> None:
    model = deep(last)
    net = Network.from_torch(model, torch.randn(2, 4), drop_output_activation=True)
    x = torch.randn(3, 4, dtype=torch.float64)
    assert torch.allclose(net.forward(x), model[:5].double()(x), rtol=1e-13)
    assert any("dropped" in note for note in net.notes)
    assert net.parity is not None and net.parity.map_error is not None


def test_only_the_last_activation_is_dropped() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4), nn.Sigmoid())
    with pytest.raises(UnsupportedOpError, match="1 unsupported operation"):
        Network.from_torch(model, torch.zeros(1, 4), drop_output_activation=True)


def test_argmax_can_be_dropped_and_nothing_to_drop_is_noted() -> None:
    net = Network.from_torch(deep(Lambda(lambda x: x.argmax(1))), torch.randn(2, 4), drop_output_activation=True)
    assert net.output_shape == (4,)
    net = Network.from_torch(deep(nn.ReLU()), torch.randn(2, 4), drop_output_activation=True)
    assert any("nothing was dropped" in note for note in net.notes)


def test_training_mode_without_switching_layers_is_accepted() -> None:
    model = deep(nn.ReLU()).train()
    assert Network.from_torch(model, torch.zeros(1, 4)).number_of_units == 12 and model.training


def test_a_module_that_insists_on_float32_is_compared_in_float32() -> None:
    model = deep(Lambda(lambda x: F.linear(x.float(), torch.ones(2, 4))))
    net = Network.from_torch(model, torch.randn(2, 4))
    assert net.parity is not None and "float32" in net.parity.reference and net.parity.value_bound < 1e-3


def test_messages_escape_control_characters() -> None:
    model = nn.Sequential()
    model.add_module("bad\x1b[31m", nn.Linear(4, 4))
    model.add_module("worse\x1b]0;", nn.GELU())
    with pytest.raises(VitrailError) as caught:
        Network.from_torch(model, torch.zeros(1, 4))
    assert "\x1b" not in str(caught.value)
