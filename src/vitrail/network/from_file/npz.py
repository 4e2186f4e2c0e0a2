"""Weights from .npz files without numpy's loader: the zip directory and every array header are checked first."""

from __future__ import annotations

import math
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from vitrail.errors import ModelFileError, ResourceLimitError, VitrailError
from vitrail.network.files import refuse_format
from vitrail.network.promote import quoted

__all__ = ["read_npz"]

MAXIMUM_MEMBERS = 10_000
MAXIMUM_BYTES = 4 * 1024**3
MAXIMUM_RATIO = 100
RATIO_MATTERS_ABOVE = 16 * 1024**2
MAXIMUM_HEADER = 10_000


def read_npz(path: Path) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """The layers (W1, b1), (W2, b2), ... of an .npz file; a missing b is no bias.

    Raises:
        ModelFileError: not an .npz, truncated, encrypted, object arrays, names other than W1, b1, W2, ...
        ResourceLimitError: declared sizes, ratio or number of members beyond the limits.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _directory(path, archive)
            arrays = {name: _array(archive, info, name) for name, info in members.items()}
    except VitrailError:
        raise
    except zipfile.BadZipFile as error:
        raise ModelFileError(
            f"{quoted(path.name)} is truncated or corrupt: no valid zip directory or checksum"
        ) from error
    except (OSError, zlib.error, EOFError, LookupError, RuntimeError, ValueError, struct.error) as error:
        raise ModelFileError(f"{quoted(path.name)} is truncated or corrupt ({type(error).__name__})") from error
    return _layers(path, arrays)


def _directory(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    name = quoted(path.name)
    if any(info.filename.endswith(("data.pkl", ".pkl")) for info in infos[:MAXIMUM_MEMBERS]):
        raise refuse_format(path, "torch zip")
    if any(info.filename in ("config.json", "model.weights.h5") for info in infos[:MAXIMUM_MEMBERS]):
        raise refuse_format(path, "keras zip")
    if len(infos) > MAXIMUM_MEMBERS:
        raise ResourceLimitError(f"{name} has {len(infos):,} members; the limit is {MAXIMUM_MEMBERS:,}")
    total = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if total > MAXIMUM_BYTES or (total > RATIO_MATTERS_ABOVE and total > MAXIMUM_RATIO * max(packed, 1)):
        raise ResourceLimitError(
            f"{name} declares {total:,} bytes from {packed:,} compressed; the limits are {MAXIMUM_BYTES:,} bytes and a "
            f"ratio of {MAXIMUM_RATIO}"
        )
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        member = quoted(info.filename)
        if info.filename.removesuffix(".npy") in found:
            raise ModelFileError(f"{name} has two members called {member}")
        if "/" in info.filename or "\\" in info.filename or not info.filename.endswith(".npy"):
            raise ModelFileError(f"{name} has a member {member}; expected arrays W1.npy, b1.npy, W2.npy, ...")
        if info.flag_bits & 1:
            raise ModelFileError(f"{name}: member {member} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelFileError(f"{name}: member {member} uses compression method {info.compress_type}; save it anew")
        found[info.filename.removesuffix(".npy")] = info
    return found


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    place = f"array {quoted(name)}"
    with archive.open(info) as file:
        shape, fortran, dtype = _header(file, place)
        if dtype.hasobject:
            raise ModelFileError(f"{place} holds Python objects, which are never loaded; save plain numbers")
        size = math.prod(shape) * dtype.itemsize
        if size > MAXIMUM_BYTES:
            raise ResourceLimitError(f"{place} claims {size:,} bytes; the limit is {MAXIMUM_BYTES:,}")
        if any(side < 0 for side in shape) or size > info.file_size:
            raise ModelFileError(f"{place} claims shape {shape}, more than its {info.file_size:,} bytes hold")
        data = file.read(size)
        rest = file.read(1)
    if len(data) != size or rest:
        raise ModelFileError(f"{place} is truncated or has bytes left over: {len(data):,} of {size:,} bytes")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")


def _header(file: IO[bytes], place: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
        return readers[version](file, max_header_size=MAXIMUM_HEADER)
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ModelFileError(f"{place} is truncated or has no valid npy header") from error


def _layers(path: Path, arrays: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray | None]]:
    listed = ", ".join(quoted(name, 20) for name in sorted(arrays)[:8])
    numbers = sorted(int(match[1]) for name in arrays if (match := re.fullmatch(r"W([1-9]\d{0,4})", name)))
    expected = {f"W{number}" for number in numbers} | {f"b{number}" for number in numbers}
    extra = sorted(set(arrays) - expected)
    if not numbers or numbers != list(range(1, len(numbers) + 1)) or extra:
        raise ModelFileError(
            f"{quoted(path.name)}: expected arrays W1, b1, W2, b2, ... without gaps (b may be left out), found {listed}"
        )
    return [(arrays[f"W{number}"], arrays.get(f"b{number}")) for number in numbers]
