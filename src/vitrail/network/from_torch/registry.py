"""Which aten operations are understood, and what to say about the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vitrail.network.builder import GraphBuilder, Refusal, Value
from vitrail.network.lowering import Operand

__all__ = ["DROPPABLE", "HANDLERS", "Call", "Handler", "handles", "refusal_for"]


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an aten overload with its arguments by name, defaults filled in.

    Tensors that depend on the input are `Value`s, constants are float64 (or integer) tensors. `shape` is the shape of
    the result, `shapes` of every result where there are several.
    """

    target: Any
    arguments: dict[str, Any]
    shape: tuple[int, ...]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def value(self, name: str) -> Value:
        """An argument that must depend on the input.

        Raises:
            Refusal: it is a constant (the input enters through another argument).
        """
        found = self.arguments[name]
        if not isinstance(found, Value):
            raise Refusal(f"argument '{name}' is a constant while another argument depends on the input")
        return found

    def constant(self, name: str) -> Tensor:
        """An argument that must be constant.

        Raises:
            Refusal: it depends on the input.
        """
        found = self.arguments[name]
        if isinstance(found, Value):
            raise Refusal(f"argument '{name}' depends on the input; only constants are supported there")
        return torch.as_tensor(found)

    def optional(self, name: str) -> Tensor | None:
        """A constant argument that may be None."""
        return None if self.arguments[name] is None else self.constant(name)

    def operand(self, name: str) -> Operand:
        """A value, or a constant as a float64 tensor."""
        found = self.arguments[name]
        return found if isinstance(found, Value) else torch.as_tensor(found, dtype=torch.float64)


Handler = Callable[[GraphBuilder, Call], Any]

HANDLERS: dict[str, tuple[str, Handler]] = {}
"""aten overload -> (row of the support table, handler)."""


def handles(family: str, *targets: str) -> Callable[[Handler], Handler]:
    """Register a handler for exact aten overloads, in a row of the support table."""

    def register(handler: Handler) -> Handler:
        for target in targets:
            if f"aten.{target}" in HANDLERS:
                raise ValueError(f"aten.{target} is registered twice")
            HANDLERS[f"aten.{target}"] = (family, handler)
        return handler

    return register


DROPPABLE = {
    f"aten.{name}"
    for name in (
        "softmax.int",
        "_softmax.default",
        "log_softmax.int",
        "_log_softmax.default",
        "sigmoid.default",
        "log_sigmoid.default",
        "tanh.default",
        "argmax.default",
    )
}
"""What `drop_output_activation` removes when it is the last operation."""

_SMOOTH = [
    "celu",
    "elu",
    "erf",
    "exp",
    "gelu",
    "glu",
    "hardswish",
    "layer_norm",
    "log",
    "log_sigmoid",
    "log_softmax",
    "_log_softmax",
    "logsumexp",
    "mish",
    "native_layer_norm",
    "native_group_norm",
    "group_norm",
    "instance_norm",
    "norm",
    "linalg_vector_norm",
    "pow",
    "rsqrt",
    "selu",
    "sigmoid",
    "silu",
    "sin",
    "cos",
    "softmax",
    "_softmax",
    "softplus",
    "sqrt",
    "square",
    "std",
    "tanh",
    "tanhshrink",
    "var",
    "reciprocal",
    "scaled_dot_product_attention",
    "rms_norm",
    "atan",
    "arctan",
    "atanh",
]
_JUMPS = [
    "argmax",
    "argmin",
    "bernoulli",
    "ceil",
    "eq",
    "floor",
    "ge",
    "gt",
    "hardshrink",
    "heaviside",
    "le",
    "lt",
    "ne",
    "round",
    "sign",
    "trunc",
    "topk",
    "sort",
]
_RECURRENT = ["gru", "lstm", "rnn_tanh", "rnn_relu"]


def refusal_for(target: str, last: bool) -> Refusal:
    """Why an aten overload is not supported, and the nearest way out."""
    base = target.removeprefix("aten.").split(".")[0].rstrip("_") or target
    plain = base if base in _SMOOTH else base.lstrip("_")
    advice = ""
    if last and target in DROPPABLE:
        advice = "It is the last operation: pass drop_output_activation=True to analyse the values before it."
    if plain in _SMOOTH or base in _SMOOTH:
        return Refusal("not piecewise linear", advice or "docs/support.md lists the supported operations.")
    if plain in _JUMPS:
        return Refusal("discontinuous in its input", advice or "docs/support.md lists the supported operations.")
    if plain in _RECURRENT:
        return Refusal("recurrent layers multiply variables", "docs/support.md lists the supported operations.")
    return Refusal("not supported", "docs/support.md lists the supported operations.")
