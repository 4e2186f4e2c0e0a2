"""Which ONNX operators are understood, and what to say about the others."""

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
    """One ONNX node: attributes by name, inputs as values, constant tensors, or None where left out."""

    operator: str
    attributes: dict[str, Any]
    inputs: tuple[Value | Tensor | None, ...]
    outputs: int
    opset: int

    def value(self, position: int = 0) -> Value:
        """An input that must depend on the network's input.

        Raises:
            Refusal: it is constant or missing.
        """
        found = self.inputs[position] if position < len(self.inputs) else None
        if not isinstance(found, Value):
            raise Refusal(f"input {position} is constant while another input is not")
        return found

    def optional(self, position: int) -> Tensor | None:
        """A constant input, or None where it is left out.

        Raises:
            Refusal: it depends on the network's input.
        """
        found = self.inputs[position] if position < len(self.inputs) else None
        if isinstance(found, Value):
            raise Refusal(f"input {position} depends on the network's input; only constants are supported there")
        return found

    def constant(self, position: int) -> Tensor:
        """A constant input that must be there.

        Raises:
            Refusal: it is missing or depends on the network's input.
        """
        found = self.optional(position)
        if found is None:
            raise Refusal(f"input {position} is missing")
        return found

    def operand(self, position: int) -> Operand:
        """A value, or a constant in float64."""
        found = self.inputs[position] if position < len(self.inputs) else None
        if found is None:
            raise Refusal(f"input {position} is missing")
        return found if isinstance(found, Value) else found.to(torch.float64)

    def integers(self, name: str, position: int) -> list[int] | None:
        """A list of integers from an attribute (older opsets) or a constant input (newer); None where left out."""
        if name in self.attributes:
            return [int(number) for number in self.attributes[name]]
        found = self.optional(position)
        return None if found is None else [int(number) for number in found.reshape(-1).tolist()]

    def real(self, name: str, default: float) -> float:
        """A float attribute; defaults are float32 numbers, like everything in an attribute."""
        return float(self.attributes.get(name, torch.tensor(default, dtype=torch.float32).item()))

    def number(self, name: str, position: int, default: float) -> float:
        """A number from an attribute (older opsets) or a constant input (newer)."""
        if name in self.attributes:
            return float(self.attributes[name])
        found = self.optional(position)
        return default if found is None else float(found)


Handler = Callable[[GraphBuilder, Call], Any]

HANDLERS: dict[str, tuple[str, Handler]] = {}
"""ONNX operator -> (row of the support table, handler)."""


def handles(family: str, *operators: str) -> Callable[[Handler], Handler]:
    """Register a handler for operators of the default domain, in a row of the support table."""

    def register(handler: Handler) -> Handler:
        for operator in operators:
            if operator in HANDLERS:
                raise ValueError(f"{operator} is registered twice")
            HANDLERS[operator] = (family, handler)
        return handler

    return register


DROPPABLE = {"Softmax", "LogSoftmax", "Sigmoid", "Tanh", "ArgMax"}
"""What `drop_output_activation` removes when it is the last node."""

_SMOOTH = [
    "Softmax",
    "LogSoftmax",
    "Sigmoid",
    "Tanh",
    "Gelu",
    "Elu",
    "Celu",
    "Selu",
    "Softplus",
    "Softsign",
    "Mish",
    "Swish",
    "HardSwish",
    "Exp",
    "Log",
    "Sqrt",
    "Pow",
    "Erf",
    "Reciprocal",
    "Sin",
    "Cos",
    "LayerNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "LRN",
    "LpNormalization",
    "ReduceL2",
    "ReduceLogSumExp",
    "Attention",
    "LpPool",
    "MeanVarianceNormalization",
]
_JUMPS = [
    "ArgMax",
    "ArgMin",
    "Ceil",
    "Floor",
    "Round",
    "Sign",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Equal",
    "ThresholdedRelu",
    "TopK",
]
_CONTROL = ["If", "Loop", "Scan", "SequenceMap"]
_QUANTIZED = ["QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"]
_RECURRENT = ["RNN", "GRU", "LSTM"]


def refusal_for(operator: str, last: bool) -> Refusal:
    """Why an operator is not supported, and the nearest way out."""
    advice = "docs/support.md lists the supported operations."
    if last and operator in DROPPABLE:
        advice = "It is the last operation: pass drop_output_activation=True to analyse the values before it."
    reasons = (
        (_SMOOTH, "not piecewise linear"),
        (_JUMPS, "discontinuous in its input"),
        (_CONTROL, "control flow"),
        (_QUANTIZED, "quantised arithmetic rounds inside the network"),
        (_RECURRENT, "recurrent layers multiply variables"),
    )
    return next(
        (Refusal(reason, advice) for names, reason in reasons if operator in names), Refusal("not supported", advice)
    )
