"""Points from files: arrays, tables and pictures."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from vitrail.errors import InvalidDomainError, InvalidOptionError, StoreError
from vitrail.files.archive import check_regular, read_arrays
from vitrail.files.whole import quoted, reason

__all__ = ["read_points", "take_rows"]

_CSV_BYTES = 2**30
_PIXELS = 2**26


def read_points(path: Path, shape: tuple[int, ...], option: str = "--input") -> np.ndarray:
    """The points in a file, shape (points, *shape), for a network with inputs of this shape.

    .npy and .npz: an array of points or one point, as stored; the only array of an .npz that fits. .csv: a point per
    line. .png: one point, gray or color as the network has channels, scaled to [0, 1]. Messages name the `option`.

    Raises:
        InvalidDomainError: the file is missing, damaged, of another kind, or does not fit the network.
    """
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".png": _png}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InvalidDomainError(f"{option}: {quoted(path)} is none of {', '.join(readers)}")
    try:
        check_regular(path)
        return reader(path, shape)
    except (StoreError, InvalidDomainError) as error:
        raise InvalidDomainError(f"{option}: {error}") from error
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise InvalidDomainError(f"{option}: {quoted(path)} is damaged: {reason(error)}") from error


def take_rows(arrays: Sequence[np.ndarray], rows: Sequence[int] | None = None) -> np.ndarray:
    """Rows of arrays of points, counted through all of them: float64 (rows, *shape); every row for None.

    Raises:
        InvalidOptionError: rows that there are not.

    Example:
        >>> take_rows([np.array([[1], [2]]), np.array([[3]])], [2, 0]).ravel().tolist()
        [3.0, 1.0]
    """
    if rows is None:
        return np.concatenate(arrays, dtype=np.float64)
    starts = np.cumsum([0, *(len(array) for array in arrays)])
    if max(rows) >= starts[-1]:
        raise InvalidOptionError(f"--rows: expected rows from 0 to {starts[-1] - 1}, found {max(rows)}")
    # row by row: of a large file only these are read
    files = np.searchsorted(starts, rows, side="right") - 1
    return np.stack([arrays[f][r - starts[f]] for f, r in zip(files, rows, strict=True)], dtype=np.float64)


def _npy(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    # a memory map: nothing is allocated, and a header that claims more than the file holds is refused
    array = np.lib.format.open_memmap(path, mode="r")
    found = _fit(array, shape)
    if found is None:
        raise InvalidDomainError(f"{quoted(path)} has shape {array.shape}; the network takes inputs of {shape}")
    return found


def _npz(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    arrays = read_arrays(path)
    fitting = {name: found for name, array in arrays.items() if (found := _fit(array, shape)) is not None}
    if len(fitting) != 1:
        names = ", ".join(f"{name[:20]!a} {array.shape}" for name, array in list(arrays.items())[:6])
        raise InvalidDomainError(
            f"{quoted(path)} has {len(fitting)} arrays that fit inputs of {shape}, not one; found {names}\n"
            "Save the points alone: numpy.save('points.npy', points)."
        )
    return next(iter(fitting.values()))


def _csv(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    if path.stat().st_size > _CSV_BYTES:
        raise InvalidDomainError(f"{quoted(path)} is larger than {_CSV_BYTES:,} bytes; save it as .npy")
    with warnings.catch_warnings(action="ignore"):
        array = np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8")
    found = _fit(array, shape)
    if found is None or array.size == 0:
        raise InvalidDomainError(
            f"{quoted(path)} has {array.shape[0]} lines of {array.shape[1]} numbers; the network takes inputs "
            f"of {shape}\nExpected one point per line, numbers with a decimal point, separated by commas."
        )
    return found


def _png(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    with path.open("rb") as file:
        head = file.read(24)
    if head[:8] != b"\x89PNG\r\n\x1a\n" or len(head) < 24:
        raise InvalidDomainError(f"{quoted(path)} is not a PNG picture")
    width, height = struct.unpack(">II", head[16:24])
    if width * height > _PIXELS or width * height not in _pictures(shape):
        raise InvalidDomainError(
            f"{quoted(path)} is {width} x {height} pixels; the network takes inputs of shape {shape}"
        )
    from matplotlib.image import imread

    picture = np.asarray(imread(path), dtype=np.float64)
    planes = picture[:, :, None] if picture.ndim == 2 else picture
    if planes.shape[2] in (2, 4):
        if (planes[:, :, -1] != 1).any():
            raise InvalidDomainError(f"{quoted(path)} has transparent pixels; expected an opaque picture")
        planes = planes[:, :, :-1]
    channels = _pictures(shape)[width * height]
    if channels == 1 and planes.shape[2] == 3 and (planes == planes[:, :, :1]).all():
        planes = planes[:, :, :1]
    if planes.shape[2] != channels:
        raise InvalidDomainError(
            f"{quoted(path)} has {planes.shape[2]} color channels; the network's input {shape} has {channels}"
        )
    inputs = planes.transpose(2, 0, 1)
    if len(shape) > 1 and _essential(inputs.shape) != _essential(shape):
        raise InvalidDomainError(f"{quoted(path)} is {width} x {height} pixels; the network takes {shape}")
    return inputs.reshape(1, *shape)


def _pictures(shape: tuple[int, ...]) -> dict[int, int]:
    """How many pixels a picture for inputs of this shape may have, with the number of channels for each."""
    size = int(np.prod(shape, dtype=np.int64))
    if len(shape) == 3:
        return {size // shape[0]: shape[0]}
    return {size: 1}


def _fit(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array as points (points, *shape), or None; axes are merged or split only where one side is flat."""
    size = int(np.prod(shape, dtype=np.int64))
    readings: list[Callable[[], tuple[int, ...]]] = [lambda: array.shape[1:], lambda: array.shape]
    if array.ndim == 0 or array.size == 0 or array.dtype.kind not in "iuf":
        return None
    for reading in readings:
        found = reading()
        flat = len(found) <= 1 or len(shape) <= 1
        if int(np.prod(found, dtype=np.int64)) == size and (flat or _essential(found) == _essential(shape)):
            return array.reshape(-1, *shape)
    return None


def _essential(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(side for side in shape if side != 1)
