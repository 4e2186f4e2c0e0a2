"""Evaluating ONNX nodes whose inputs are all constant."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitrail.errors import VitrailError
from vitrail.network.builder import GraphBuilder, Refusal
from vitrail.network.promote import check_finite, quoted

__all__ = ["FOLDABLE", "fold"]

FOLDABLE = [
    "Abs",
    "Add",
    "Cast",
    "Concat",
    "Div",
    "Equal",
    "Exp",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Log",
    "MatMul",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Pow",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
]
"""Operators that are evaluated on constants; all of them keep sizes in check."""

_MAXIMUM_ENTRIES = 100_000_000


def fold(builder: GraphBuilder, model: Any, node: Any, inputs: tuple[Tensor | None, ...]) -> tuple[Tensor, ...]:
    """Evaluate one node with onnx's reference operators in float64.

    Raises:
        Refusal: the operator is not among the foldable ones, or fails.
    """
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    if node.op_type not in FOLDABLE:
        raise Refusal("not supported on constants", "docs/support.md lists the supported operations.")
    given = {name: item for name, item in zip(node.input, inputs, strict=True) if name and item is not None}
    if node.op_type == "Expand":
        wanted = torch.broadcast_shapes(given[node.input[0]].shape, given[node.input[1]].tolist())
        if np.prod(wanted, dtype=np.float64) > _MAXIMUM_ENTRIES:
            raise Refusal(f"expands a constant to {list(wanted)}")
    kinds = {torch.float64: TensorProto.DOUBLE, torch.int64: TensorProto.INT64}
    entries = [helper.make_tensor_value_info(name, kinds[item.dtype], item.shape) for name, item in given.items()]
    results = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in node.output if name]
    graph = helper.make_graph([node], "constant", entries, results)
    try:
        evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=list(model.opset_import)))
        found = evaluator.run(None, {name: item.numpy() for name, item in given.items()})
    except VitrailError:
        raise
    except Exception as error:  # the reference operators raise whatever numpy does
        raise Refusal(f"fails on its constants: {type(error).__name__}") from error
    if node.op_type not in (
        "Cast",
        "Concat",
        "Gather",
        "Identity",
        "Reshape",
        "Slice",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    ):
        builder.note("constant expressions are evaluated in float64")
    return tuple(_as_tensor(np.asarray(item), builder.place) for item in found)


def _as_tensor(array: np.ndarray, place: str) -> Tensor:
    if array.dtype.kind in "iub":
        return torch.from_numpy(array.astype(np.int64))
    result = torch.from_numpy(array.astype(np.float64))
    check_finite(result, f"constant expression at {quoted(place)}")
    return result
