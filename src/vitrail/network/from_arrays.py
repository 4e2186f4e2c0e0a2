"""A fully connected network from its weight matrices and biases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from vitrail.errors import InvalidModelError, UnsupportedOpError
from vitrail.network.graph import Graph, Node
from vitrail.network.ops.base import Input, Op, Shape
from vitrail.network.ops.elementwise import absolute_value, clamp, leaky_relu, relu, relu6
from vitrail.network.ops.linear import Linear
from vitrail.network.promote import promote, quoted

__all__ = ["ACTIVATIONS", "graph_from_arrays"]

ACTIVATIONS = ("relu", "leaky_relu", "abs", "hardtanh", "relu6")


def graph_from_arrays(
    layers: Sequence[Any] | None, *, activation: str = "relu", negative_slope: float = 0.01, source: str = "arrays"
) -> Graph:
    """Layers y = W x + b with an activation between them, none after the last.

    `layers` lists pairs (W, b), W of shape (out, in), b (out,) or None, or W alone; arrays, tensors or nested lists of
    any real type, promoted exactly.

    Raises:
        InvalidModelError: no layers, shapes that do not fit, types that are not real numbers, NaN or infinity.
        UnsupportedOpError: an activation that is not piecewise linear or not known.

    Example:
        >>> graph_from_arrays([([[1.0], [-1.0]], [0.0, 0.5]), [[1.0, 1.0]]]).forward([[2.0]]).tolist()
        [[2.0]]
    """
    make = _activation(activation, negative_slope)
    if layers is None or len(layers) == 0:
        raise InvalidModelError("expected a list of layers (W, b) with at least one layer, found none")
    notes: list[str] = []
    pairs = [_read_layer(layer, index, notes) for index, layer in enumerate(layers, start=1)]
    nodes = [Node(Input((pairs[0][0].shape[1],)), (), "input")]
    for index, (weight, bias) in enumerate(pairs, start=1):
        known = nodes[-1].op.shape[0]
        if weight.shape[1] != known:
            raise InvalidModelError(
                f"layer {index}: weight is {weight.shape[0]}x{weight.shape[1]} but layer {index - 1} gives {known} "
                "values"
            )
        nodes.append(Node(Linear(weight, bias), (len(nodes) - 1,), f"layer{index}"))
        step = make(nodes[-1].op.shape) if index < len(pairs) else None
        if step is not None:
            nodes.append(Node(step, (len(nodes) - 1,), f"layer{index}.{activation}"))
    return Graph(tuple(nodes), len(nodes) - 1, source, tuple(notes))


def _activation(name: str, slope: float) -> Callable[[Shape], Op | None]:
    makers: dict[str, Callable[[Shape], Op | None]] = {
        "relu": relu,
        "leaky_relu": lambda shape: leaky_relu(shape, slope),
        "abs": absolute_value,
        "hardtanh": lambda shape: clamp(shape, -1.0, 1.0, "hardtanh"),
        "relu6": relu6,
    }
    if name not in makers:
        raise UnsupportedOpError(
            f"activation {quoted(str(name))} is unknown or not piecewise linear; supported: {', '.join(ACTIVATIONS)}"
        )
    return makers[name]


def _read_layer(layer: Any, index: int, notes: list[str]) -> tuple[Tensor, Tensor | None]:
    pair = isinstance(layer, tuple | list) and len(layer) == 2
    arrays = pair and isinstance(layer, list) and isinstance(layer[0], np.ndarray | Tensor) and layer[0].ndim == 2
    weight, bias = layer if pair and (isinstance(layer, tuple) or arrays) else (layer, None)
    matrix = promote(weight, f"layer {index}: weight")
    if matrix.ndim != 2:
        raise InvalidModelError(
            f"layer {index}: weight must be 2-D (out, in), found {matrix.ndim}-D of shape {tuple(matrix.shape)}"
        )
    if 0 in matrix.shape:
        rows, columns = matrix.shape
        raise InvalidModelError(f"layer {index}: weight is {rows}x{columns}; every layer needs units and inputs")
    vector = None if bias is None else promote(bias, f"layer {index}: bias")
    if vector is not None and tuple(vector.shape) != (matrix.shape[0],):
        raise InvalidModelError(
            f"layer {index}: bias has shape {tuple(vector.shape)} but weight has {matrix.shape[0]} rows"
        )
    dtypes = {_dtype(array) for array in (weight, bias) if array is not None}
    if dtypes - {"float64"}:
        notes.append(f"layer {index}: {', '.join(sorted(dtypes - {'float64'}))} promoted exactly to float64")
    return matrix, vector


def _dtype(array: object) -> str:
    return str(array.dtype).removeprefix("torch.") if isinstance(array, Tensor) else str(np.asarray(array).dtype)
