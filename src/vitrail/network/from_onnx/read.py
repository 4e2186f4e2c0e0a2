"""From a file or a ModelProto to checked nodes and constants; nothing is trusted before it is checked."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitrail.errors import InvalidModelError, ModelFileError, ResourceLimitError, UnsupportedOpError
from vitrail.network.files import check_file, refuse_format, sniff
from vitrail.network.promote import promote, quoted

__all__ = ["Program", "load", "read_program", "read_tensor"]

MAXIMUM_NODES = 100_000
MAXIMUM_ENTRIES = 1_000_000_000
OLDEST_OPSET = 7


@dataclasses.dataclass(frozen=True)
class Program:
    """A checked ONNX graph: nodes in topological order, constants, the one input and the chosen output."""

    model: Any
    opset: int
    nodes: tuple[Any, ...]
    constants: dict[str, Tensor]
    input_name: str
    input_dims: tuple[int | None, ...] | None
    output_name: str
    notes: tuple[str, ...]


def load(source: Any) -> Any:
    """A ModelProto from a path (checked first) or as given.

    Raises:
        ModelFileError: not a readable ONNX file.
        ResourceLimitError: larger than 2 GiB.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if isinstance(source, onnx.ModelProto):
        return source
    if not isinstance(source, str | os.PathLike):
        raise ModelFileError(f"expected a path or an onnx.ModelProto, found {type(source).__name__}")
    path = check_file(source)
    kind = sniff(path)
    if kind != "protobuf":
        raise refuse_format(path, kind)
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except (DecodeError, ValueError) as error:
        raise ModelFileError(f"{_name(path)} is truncated or corrupt, or no ONNX file") from error
    except OSError as error:
        raise ModelFileError(f"{_name(path)} cannot be read: {type(error).__name__}") from error
    if not model.ir_version or not model.graph.output:
        raise ModelFileError(f"{_name(path)} is truncated or no ONNX model: it has no graph with an output")
    return model


def _name(path: Path) -> str:
    return quoted(path.name)


def read_program(model: Any, output: str | None) -> Program:
    """Check versions, names and wiring, read the constants, and sort the nodes that the output needs.

    Raises:
        ModelFileError: external data, duplicate or dangling names, a cycle, sizes that do not fit.
        InvalidModelError: several inputs, several outputs without a choice, numbers that are not finite.
        UnsupportedOpError: an opset that is too old or newer than the installed onnx knows.
    """
    graph = model.graph
    if len(graph.node) > MAXIMUM_NODES or len(graph.initializer) > MAXIMUM_NODES:
        raise ResourceLimitError(
            f"the ONNX graph has {len(graph.node):,} nodes and {len(graph.initializer):,} initialisers; the limit is "
            f"{MAXIMUM_NODES:,}"
        )
    _check_names(graph)
    if graph.sparse_initializer:
        raise ModelFileError("sparse initialisers are not supported; store them dense")
    opset = _opset(model)
    initializers: dict[str, Any] = {}
    for tensor in graph.initializer:
        if tensor.name in initializers:
            raise ModelFileError(f"two initialisers are called {quoted(tensor.name)}")
        initializers[tensor.name] = tensor
    inputs = [entry for entry in graph.input if entry.name not in initializers]
    if len(inputs) != 1:
        names = ", ".join(quoted(entry.name, 30) for entry in inputs[:6])
        raise InvalidModelError(
            f"the ONNX graph has {len(inputs)} inputs ({names}); expected one: make the others constants (initialisers)"
        )
    chosen = _choose_output(graph, output)
    nodes = _sort(graph, inputs[0].name, set(initializers), chosen)
    needed = {name for node in nodes for name in node.input} | {chosen}
    constants = {name: read_tensor(initializers[name], name) for name in initializers if name in needed}
    unused = len(initializers) - len(constants)
    notes = (f"{unused} initialisers that the output does not need were left out",) if unused else ()
    dims = _dims(inputs[0])
    return Program(model, opset, nodes, constants, inputs[0].name, dims, chosen, notes)


def _check_names(graph: Any) -> None:
    """Names that are not valid UTF-8 come out of the parser as bytes."""
    names = [entry.name for entry in (*graph.input, *graph.output, *graph.initializer)]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise ModelFileError(f"the ONNX graph has a name that is not valid UTF-8: {quoted(repr(wrong))}")


def _opset(model: Any) -> int:
    import onnx

    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    newest = onnx.defs.onnx_opset_version()
    if not versions:
        raise ModelFileError("the ONNX model does not say which opset it uses")
    if not OLDEST_OPSET <= max(versions) <= newest:
        raise UnsupportedOpError(
            f"the model uses ONNX opset {max(versions)}; opsets {OLDEST_OPSET} to {newest} are supported\n"
            "Convert it with onnx.version_converter, or install a newer onnx."
        )
    return max(versions)


def _choose_output(graph: Any, output: str | None) -> str:
    names = [entry.name for entry in graph.output]
    produced = {name for node in graph.node for name in node.output if name}
    listed = ", ".join(quoted(name, 30) for name in names[:6])
    if output is not None:
        if output not in produced:
            raise InvalidModelError(f"output {quoted(output)} is not in the ONNX graph; its outputs: {listed}")
        return output
    if len(names) != 1:
        raise InvalidModelError(f"the ONNX graph has {len(names)} outputs ({listed}); choose one with output=...")
    return names[0]


def _dims(entry: Any) -> tuple[int | None, ...] | None:
    kind = entry.type.tensor_type
    if not kind.HasField("shape"):
        return None
    dims = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim)
    if any(dim is not None and dim <= 0 for dim in dims[1:]) or math.prod(dim or 1 for dim in dims) > MAXIMUM_ENTRIES:
        raise ModelFileError(f"input {quoted(entry.name)} has impossible dimensions {list(dims)}")
    return tuple(None if dim is not None and dim <= 0 else dim for dim in dims)


def _sort(graph: Any, source: str, constants: set[str], output: str) -> tuple[Any, ...]:
    """The nodes that the output needs, in topological order, without recursion."""
    producer: dict[str, int] = {}
    for index, node in enumerate(graph.node):
        for name in node.output:
            if name and (name in producer or name in constants or name == source):
                raise ModelFileError(f"the name {quoted(name)} is produced twice in the ONNX graph")
            if name:
                producer[name] = index
    if output not in producer and output != source and output not in constants:
        raise ModelFileError(f"nothing produces the output {quoted(output)}")
    order: list[int] = []
    state: dict[int, int] = {}
    stack = [producer[output]] if output in producer else []
    while stack:
        index = stack[-1]
        waiting = []
        for name in graph.node[index].input:
            if name and name not in producer and name not in constants and name != source:
                place = quoted(graph.node[index].name or graph.node[index].op_type)
                raise ModelFileError(f"node {place} reads {quoted(name)}, which nothing produces")
            if name in producer and state.get(producer[name]) != 2:
                waiting.append(producer[name])
        if not waiting:
            if state.get(index) != 2:
                order.append(index)
            state[index] = 2
            stack.pop()
        elif state.get(index) == 1:
            place = quoted(graph.node[index].name or graph.node[index].op_type)
            raise ModelFileError(f"the ONNX graph has a cycle through node {place}")
        else:
            state[index] = 1
            stack.extend(waiting)
    return tuple(graph.node[index] for index in order)


_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""Bytes per entry of the supported TensorProto types: floats (16, b16, 32, 64), integers and bool."""


def read_tensor(tensor: Any, name: str) -> Tensor:
    """A TensorProto as float64 (from floats) or int64 (from integers and booleans), its sizes checked first.

    Raises:
        ModelFileError: external data, an unsupported type, sizes that do not fit the data.
        InvalidModelError: NaN or infinity.
        ResourceLimitError: more than 1e9 entries.
    """
    from onnx import TensorProto, numpy_helper

    place = f"tensor {quoted(name)}"
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        where = next((entry.value for entry in tensor.external_data if entry.key == "location"), "?")
        raise ModelFileError(
            f"{place} is stored outside the file (external data at {quoted(where)}), which is refused for safety\n"
            "Save the model in one file: onnx.save(onnx.load(path), 'one_file.onnx')."
        )
    if tensor.data_type not in _BYTES:
        kind = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in TensorProto.DataType.values() else "?"
        raise ModelFileError(
            f"{place} has type {kind} ({tensor.data_type}); floats, integers and booleans are supported"
        )
    if any(dim < 0 for dim in tensor.dims):
        raise ModelFileError(f"{place} has a negative dimension: {list(tensor.dims)}")
    entries = math.prod(tensor.dims)
    if entries > MAXIMUM_ENTRIES:
        raise ResourceLimitError(f"{place} claims {entries:,} entries; the limit is {MAXIMUM_ENTRIES:,}")
    if tensor.HasField("raw_data") and len(tensor.raw_data) != entries * _BYTES[tensor.data_type]:
        raise ModelFileError(
            f"{place} has {len(tensor.raw_data)} bytes where {list(tensor.dims)} needs "
            f"{entries * _BYTES[tensor.data_type]}"
        )
    try:
        array = numpy_helper.to_array(tensor)
        # bfloat16 has no numpy dtype of its own; float32 holds every bfloat16 exactly
        array = array.astype(np.float32) if tensor.data_type == TensorProto.BFLOAT16 else array
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelFileError(f"{place} is corrupt: its data do not fit its dimensions {list(tensor.dims)}") from error
    if array.dtype.kind in "iub":
        return torch.from_numpy(array.astype(np.int64))
    return promote(array, place)
