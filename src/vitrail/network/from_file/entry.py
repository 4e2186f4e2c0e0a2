"""Which importer a file goes to: told from its content, which must agree with its extension."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from vitrail.errors import InvalidOptionError, ModelFileError
from vitrail.network.files import check_file, refuse_format, sniff
from vitrail.network.from_arrays import graph_from_arrays
from vitrail.network.from_file.npz import read_npz
from vitrail.network.from_file.safetensors import read_safetensors
from vitrail.network.from_onnx.entry import import_onnx
from vitrail.network.graph import Graph
from vitrail.network.parity import Parity
from vitrail.network.promote import quoted

__all__ = ["import_file"]

_KINDS = {".onnx": "protobuf", ".npz": "zip", ".safetensors": "safetensors"}
_REFUSED = {
    ".pt": "pickle", ".pth": "pickle", ".ckpt": "pickle", ".pkl": "pickle", ".h5": "HDF5", ".hdf5": "HDF5",
    ".keras": "HDF5", ".pb": "TensorFlow", ".nnet": "text", ".mat": "MATLAB",
}  # fmt: skip


def import_file(
    path: str | os.PathLike[str],
    *,
    activation: str | None = None,
    negative_slope: float = 0.01,
    input_shape: Sequence[int] | None = None,
    output: str | None = None,
    drop_output_activation: bool = False,
    check: bool = True,
) -> tuple[Graph, Parity | None]:
    """The graph of a model file: .onnx, .npz (W1, b1, W2, ...) or .safetensors (a sequential network).

    Raises:
        ModelFileError: missing, unsafe, truncated, of another kind than its extension says, or not supported.
        InvalidOptionError: an option that does not belong to this kind of file.
        InvalidModelError: layers that do not fit, numbers that are not finite.
        UnsupportedOpError: operations that are not supported.
        ResourceLimitError: sizes beyond the limits.
    """
    place = check_file(path)
    extension, content = place.suffix.lower(), sniff(place)
    if extension in _REFUSED:
        raise refuse_format(place, _REFUSED[extension])
    if extension not in _KINDS:
        if content in ("pickle", "HDF5", "MATLAB"):
            raise refuse_format(place, content)
        raise ModelFileError(
            f"{quoted(place.name)} has an unknown extension (it looks like {content}); supported: .onnx, .npz, "
            ".safetensors"
        )
    if content != _KINDS[extension]:
        damaged = extension == ".safetensors" and content in ("protobuf", "text")
        found = "truncated or corrupt" if damaged else f"no {extension[1:]} file: its content is {content}"
        raise ModelFileError(f"{quoted(place.name)} is {found}")
    if extension == ".onnx":
        if activation is not None:
            raise InvalidOptionError("activation is for .npz and .safetensors; an .onnx file has its own activations")
        return import_onnx(
            place,
            input_shape=input_shape,
            output=output,
            drop_output_activation=drop_output_activation,
            check=check,
        )
    for name, given in (("input_shape", input_shape), ("output", output)):
        if given is not None:
            raise InvalidOptionError(f"{name} is for .onnx files; {quoted(place.name)} holds layers of known sizes")
    if drop_output_activation:
        raise InvalidOptionError("drop_output_activation is for .onnx files; weights have no output activation")
    notes: tuple[str, ...] = ()
    if extension == ".npz":
        layers = read_npz(place)
    else:
        layers, notes = read_safetensors(place)
    kind = activation or "relu"
    graph = graph_from_arrays(layers, activation=kind, negative_slope=negative_slope, source=extension[1:])
    if activation is None and len(layers) > 1:
        notes = (*notes, "the file does not name the activation between its layers: relu is assumed")
    return dataclasses.replace(graph, notes=(*graph.notes, *notes)), None
