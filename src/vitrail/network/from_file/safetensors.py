"""Weights of a sequential network from .safetensors files; the header is checked before any data are read."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import IO, Any

import numpy as np

from vitrail.errors import ModelFileError, ResourceLimitError
from vitrail.network.promote import quoted

__all__ = ["read_safetensors"]

MAXIMUM_HEADER = 100_000_000
MAXIMUM_TENSORS = 10_000

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "i1", "U8": "u1", "I16": "<i2", "U16": "<u2",
          "I32": "<i4", "U32": "<u4", "I64": "<i8", "U64": "<u8", "BOOL": "?"}  # fmt: skip

Layer = tuple[np.ndarray, np.ndarray | None]


def read_safetensors(path: Path) -> tuple[list[Layer], tuple[str, ...]]:
    """The layers of a sequential network, ordered by the number in their names ("0.weight", "0.bias", "2.weight", ...).

    Also returns notes. The file says nothing about what is between the layers: the caller chooses the activation.

    Raises:
        ModelFileError: truncated or corrupt, overlapping or missing data, tensors other than weights and biases of
            linear layers, or names that do not give an order.
        ResourceLimitError: a header or number of tensors beyond the limits.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            header, start = _header(file, size, path)
            _check_offsets(header, size - start, path)
            tensors = {name: _read(file, start, entry) for name, entry in header.items()}
    except OSError as error:
        raise ModelFileError(f"{quoted(path.name)} cannot be read: {type(error).__name__}") from error
    halves = any(entry["dtype"] == "BF16" for entry in header.values())
    return _layers(tensors, path), ("bfloat16 promoted exactly to float64",) if halves else ()


def _header(file: IO[bytes], size: int, path: Path) -> tuple[dict[str, Any], int]:
    name = quoted(path.name)
    length = int.from_bytes(file.read(8), "little")
    if length > MAXIMUM_HEADER:
        raise ResourceLimitError(f"{name} claims a header of {length:,} bytes; the limit is {MAXIMUM_HEADER:,}")
    if size < 8 or length > size - 8:
        raise ModelFileError(f"{name} is truncated or corrupt: a header of {length:,} bytes in a file of {size:,}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError("duplicate key")
        return dict(pairs)

    try:
        header = json.loads(file.read(length), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name} is corrupt: its header is no valid JSON ({type(error).__name__})") from error
    if not isinstance(header, dict) or len(header) > MAXIMUM_TENSORS:
        raise ModelFileError(f"{name} is corrupt: its header must be an object of at most {MAXIMUM_TENSORS:,} tensors")
    header.pop("__metadata__", None)
    return header, 8 + length


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_offsets(header: dict[str, Any], size: int, path: Path) -> None:
    spans = []
    for name, entry in header.items():
        place = f"{quoted(path.name)}: tensor {quoted(name)}"
        if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= set(entry):
            raise ModelFileError(f"{place} has no dtype, shape and data_offsets")
        shape, offsets = entry["shape"], entry["data_offsets"]
        valid = isinstance(shape, list) and isinstance(offsets, list) and len(offsets) == 2
        if not valid or not all(_whole(number) for number in [*shape, *offsets]):
            raise ModelFileError(f"{place} has an invalid shape or data_offsets")
        if not isinstance(entry["dtype"], str) or entry["dtype"] not in _TYPES:
            raise ModelFileError(f"{place} has dtype {quoted(str(entry['dtype']))}; supported: {', '.join(_TYPES)}")
        needed = math.prod(shape) * np.dtype(_TYPES[entry["dtype"]]).itemsize
        if offsets[1] - offsets[0] != needed:
            raise ModelFileError(f"{place} of shape {shape} needs {needed:,} bytes, its offsets give {offsets}")
        spans.append((offsets[0], offsets[1], place))
    end = 0
    for first, last, place in sorted(spans):
        if first != end:
            raise ModelFileError(f"{place} {'overlaps' if first < end else 'leaves a hole after'} the data before it")
        end = last
    if end != size:
        raise ModelFileError(
            f"{quoted(path.name)} is truncated or corrupt: {end:,} bytes of data declared, {size:,} found"
        )


def _read(file: IO[bytes], start: int, entry: dict[str, Any]) -> np.ndarray:
    first, last = entry["data_offsets"]
    file.seek(start + first)
    array = np.frombuffer(file.read(last - first), dtype=_TYPES[entry["dtype"]])
    if entry["dtype"] == "BF16":
        # a bfloat16 is the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.reshape(entry["shape"])


def _layers(tensors: dict[str, np.ndarray], path: Path) -> list[Layer]:
    name = quoted(path.name)
    groups: dict[str, dict[str, np.ndarray]] = {}
    for full, array in tensors.items():
        prefix, _, kind = full.rpartition(".")
        if kind not in ("weight", "bias"):
            raise ModelFileError(
                f"{name}: tensor {quoted(full)} is no weight or bias of a linear layer\nOnly sequential networks of "
                "linear layers can be read from weights alone; use Network.from_torch or from_onnx for others."
            )
        groups.setdefault(prefix, {})[kind] = array
    templates = {re.sub(r"\d+", "#", prefix) for prefix in groups}
    counts = {len(re.findall(r"\d+", prefix)) for prefix in groups}
    if not groups or (len(groups) > 1 and (len(templates) != 1 or counts != {1})):
        listed = ", ".join(quoted(prefix, 20) for prefix in list(groups)[:6])
        raise ModelFileError(
            f"{name}: the names do not say the order of the layers: {listed or 'no tensors'}; expected one number "
            "each, as in 0.weight, 0.bias, 2.weight"
        )
    order = sorted(groups, key=lambda prefix: [int(number) for number in re.findall(r"\d+", prefix)])
    for prefix in order:
        weight = groups[prefix].get("weight")
        if weight is None or weight.ndim != 2:
            found = "no weight" if weight is None else f"a weight of shape {weight.shape}"
            raise ModelFileError(f"{name}: layer {quoted(prefix)} has {found}; expected a linear layer (out, in)")
    return [(groups[prefix]["weight"], groups[prefix].get("bias")) for prefix in order]
