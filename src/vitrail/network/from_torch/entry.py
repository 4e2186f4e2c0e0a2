"""The import of a torch module, start to end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from vitrail.errors import InvalidModelError
from vitrail.network.from_torch.compare import compare
from vitrail.network.from_torch.convert import convert, output_before_activation
from vitrail.network.from_torch.trace import check_module, trace
from vitrail.network.graph import Graph
from vitrail.network.parity import Parity
from vitrail.network.promote import check_finite

__all__ = ["import_module"]


def import_module(
    module: nn.Module, example_input: object, *, drop_output_activation: bool = False, check: bool = True
) -> tuple[Graph, Parity | None]:
    """The graph of a module and its comparison with the original; the module is not changed.

    Raises:
        InvalidModelError: training mode, numbers that are not finite, a batch dimension that is not kept apart, or an
            import that disagrees with the module.
        UnsupportedOpError: all operations that are not piecewise linear or not supported.
    """
    example = example_input if isinstance(example_input, Tensor) else _as_tensor(example_input)
    check_module(module, example)
    example = _like_parameters(module, example.detach())
    check_finite(example, "example_input")
    traced = trace(module, example)
    output, note = traced.output, ""
    if drop_output_activation:
        before = output_before_activation(traced)
        note = "drop_output_activation: the last operation is no activation, nothing was dropped"
        if before is not None:
            note = f"output activation {traced.output.target} dropped: the network ends before it"
            output = before
    graph = convert(module, traced, output)
    if note:
        graph = Graph(graph.nodes, graph.output, graph.source, (*graph.notes, note))
    parity = compare(graph, module, traced, output, example) if check else None
    return graph, parity


def _as_tensor(value: object) -> Tensor:
    several = isinstance(value, tuple | list) and any(isinstance(item, Tensor | np.ndarray) for item in value)
    kind = "several tensors" if several else type(value).__name__
    try:
        array = np.asarray(None if several else value)
        if array.dtype.kind not in "fiu":
            raise TypeError(str(array.dtype))
        return torch.from_numpy(array.astype(np.float64))
    except (ValueError, TypeError) as error:
        raise InvalidModelError(f"example_input must be one tensor or array of numbers, found {kind}") from error


def _like_parameters(module: nn.Module, example: Tensor) -> Tensor:
    """The example in the module's own dtype and on its device."""
    for tensor in module.parameters():
        if tensor.is_floating_point():
            return example.to(device=tensor.device, dtype=tensor.dtype)
    return example if example.is_floating_point() else example.to(torch.get_default_dtype())
