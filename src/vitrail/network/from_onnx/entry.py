"""The import of an ONNX model, start to end."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from vitrail.network.from_onnx.compare import compare
from vitrail.network.from_onnx.convert import convert, resolve_input, without_activation
from vitrail.network.from_onnx.read import load, read_program
from vitrail.network.graph import Graph
from vitrail.network.parity import Parity

__all__ = ["import_onnx"]


def import_onnx(
    source: Any,
    *,
    input_shape: Sequence[int] | None = None,
    output: str | None = None,
    drop_output_activation: bool = False,
    check: bool = True,
) -> tuple[Graph, Parity | None]:
    """The graph of an ONNX model and its comparison with onnx's reference operators.

    Raises:
        ModelFileError: a file that is missing, no ONNX, truncated, inconsistent, or has external data.
        InvalidModelError: several inputs, an output that has to be chosen, unknown dimensions, numbers that are not
            finite, or an import that disagrees with the model.
        UnsupportedOpError: all nodes that are not supported, or an opset outside the known ones.
        ResourceLimitError: a file, tensor or graph beyond the limits.
    """
    model = load(source)
    program = read_program(model, output)
    shape, notes = resolve_input(program, input_shape)
    name = program.output_name
    before = without_activation(program) if drop_output_activation else None
    if drop_output_activation and before is None:
        notes = (*notes, "drop_output_activation: the last operation is no activation, nothing was dropped")
    if before is not None:
        notes = (*notes, f"output activation {program.nodes[-1].op_type} dropped: the network ends before it")
        name = before
    graph = convert(program, shape, name)
    graph = dataclasses.replace(graph, notes=(*program.notes, *notes, *graph.notes))
    parity = compare(graph, program, shape, name) if check else None
    if parity is not None and not parity.points:
        graph = dataclasses.replace(graph, notes=(*graph.notes, f"import check: {parity.reference}"))
    return graph, parity
