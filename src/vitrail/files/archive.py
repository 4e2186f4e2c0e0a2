"""Reading the arrays of an npz file: every declared size is checked before anything is allocated; no pickles."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from vitrail.errors import StoreError
from vitrail.files.whole import quoted, reason

__all__ = ["check_regular", "read_arrays"]

_HEADER_BYTES = 10_000
_MEMBERS = 10_000
_CHUNK = 2**24


def check_regular(path: Path) -> None:
    """Refuse a path that is not a readable, non-empty regular file; a pipe or device is not opened.

    Raises:
        StoreError: it is missing, empty, a folder, a device or a pipe.

    Example:
        >>> check_regular(Path("no-such-file"))
        Traceback (most recent call last):
        ...
        vitrail.errors.StoreError: 'no-such-file' does not exist
    """
    name = quoted(path)
    try:
        if path.is_dir():
            raise StoreError(f"{name} is a folder; expected a file")
        if not path.exists():
            raise StoreError(f"{name} does not exist")
        if not path.is_file():
            raise StoreError(f"{name} is a device, pipe or socket; expected a regular file")
        if path.stat().st_size == 0:
            raise StoreError(f"{name} is empty (0 bytes)")
        with path.open("rb"):
            pass
    except StoreError:
        raise
    except (OSError, ValueError) as error:
        raise StoreError(f"{name} cannot be read: {reason(error)}") from error


def read_arrays(path: Path, ratio: int = 100, only: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name, or those named in `only`; no file at all is not an npz file.

    `ratio` is how many times larger than the file its arrays may claim to be.

    Raises:
        StoreError: the file is missing, damaged, holds Python objects, or claims more than it can hold.

    Example:
        >>> from vitrail.data import digits_network_path
        >>> read_arrays(digits_network_path(), only=["b3"])["b3"].shape
        (10,)
    """
    check_regular(path)
    name = quoted(path)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = _directory(name, archive, ratio * path.stat().st_size)
            wanted = [info for info in infos if only is None or _stem(info) in only]
            return {_stem(info): _array(name, archive, info) for info in wanted}
    except zipfile.BadZipFile as error:
        raise StoreError(f"{name} is damaged, or not an npz file: {reason(error)}") from error
    except StoreError:
        raise
    except (OSError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, MemoryError) as error:
        raise StoreError(f"{name} is damaged: {type(error).__name__}") from error


def _stem(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _directory(name: str, archive: zipfile.ZipFile, limit: int) -> list[zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > _MEMBERS or len({info.filename for info in infos}) < len(infos):
        raise StoreError(f"{name} has {len(infos):,} members, too many or some twice; expected an npz file of arrays")
    if sum(info.file_size for info in infos) > limit:
        raise StoreError(f"{name} claims more data than a file of its size holds (limit {limit:,} bytes)")
    for info in infos:
        member = ascii(info.filename[:40])
        if not info.filename.endswith(".npy") or "/" in info.filename or "\\" in info.filename:
            raise StoreError(f"{name} has a member {member}; expected an npz file, only arrays")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise StoreError(f"{name}: member {member} is encrypted or compressed in an unusual way; save it anew")
    return infos


def _array(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    place = f"{name}: array {_stem(info)[:40]!a}"
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with archive.open(info) as file:
        try:
            header = readers[np.lib.format.read_magic(file)](file, max_header_size=_HEADER_BYTES)
        except (ValueError, KeyError, SyntaxError, TypeError, RecursionError) as error:
            raise StoreError(f"{place} is damaged: no valid header") from error
        shape, fortran, dtype = header
        if dtype.hasobject:
            raise StoreError(f"{place} holds Python objects, which are never loaded")
        size = math.prod(shape) * dtype.itemsize
        if any(side < 0 for side in shape) or size > info.file_size:
            raise StoreError(f"{place} claims shape {shape}, more than its {info.file_size:,} bytes hold")
        data, found = np.empty(size, dtype=np.uint8), 0
        while found < size and (part := file.read(min(_CHUNK, size - found))):
            data[found : found + len(part)] = np.frombuffer(part, dtype=np.uint8)
            found += len(part)
        if found != size or file.read(1):
            raise StoreError(f"{place} is damaged: {found:,} of {size:,} bytes, or some left over")
    return data.view(dtype).reshape(shape, order="F" if fortran else "C")
