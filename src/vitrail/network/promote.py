"""Stored numbers to float64, exactly or not at all."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from vitrail.errors import InvalidModelError

__all__ = ["check_finite", "promote", "quoted"]

_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_INTEGERS = {torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64}


def quoted(name: str, limit: int = 80) -> str:
    r"""A name from a model or a file, safe to print: control characters escaped, long names shortened.

    Example:
        >>> quoted("layer\n1")
        "'layer\\n1'"
    """
    text = ascii(name) if not name.isprintable() else repr(name)
    return text if len(text) <= limit else f"{text[: limit // 2]}...{text[-limit // 3 :]}"


def promote(value: object, name: str) -> Tensor:
    """A float64 copy of numbers of any real type, on the CPU, contiguous; every number is kept exactly.

    Accepts torch tensors, numpy arrays, nested sequences and arrays of `Fraction`.

    Raises:
        InvalidModelError: a type that is not real numbers, numbers that float64 cannot hold, NaN or infinity; the
            message names the tensor, the first index and how many.

    Example:
        >>> promote([[1, 2]], "weight").dtype
        torch.float64
    """
    result = _from_torch(value, name) if isinstance(value, Tensor) else _from_numpy(_as_array(value, name), name)
    check_finite(result, name)
    return result


def check_finite(tensor: Tensor, name: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        InvalidModelError: names the tensor, the first index and how many.

    Example:
        >>> check_finite(torch.zeros(2), "weight")
    """
    wrong = torch.nonzero(~torch.isfinite(tensor))
    if len(wrong):
        index = tuple(wrong[0].tolist())
        value = float(tensor[index])
        raise InvalidModelError(
            f"{name} must be finite: found {value!r} at index {list(index)}; {len(wrong)} of {tensor.numel()} entries "
            "are NaN or infinite\nRetrain or repair the model before analysing it."
        )


def _from_torch(tensor: Tensor, name: str) -> Tensor:
    if tensor.is_meta:
        raise InvalidModelError(f"{name} is on the meta device and has no values; load the weights first")
    if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
        raise InvalidModelError(f"{name} is not initialised yet; run the lazy module once: model(example_input)")
    if tensor.layout != torch.strided:
        raise InvalidModelError(f"{name} is sparse ({tensor.layout}); pass {name}.to_dense()")
    if tensor.is_quantized:
        raise InvalidModelError(f"{name} is quantised ({tensor.dtype}); pass {name}.dequantize()")
    if tensor.dtype not in _FLOATS | _INTEGERS:
        raise InvalidModelError(f"{name} must have real numbers, found dtype {tensor.dtype}")
    source = tensor.detach().cpu()
    result = source.to(torch.float64, copy=True).contiguous()
    _check_integers(source, result, name)
    return result


def _check_integers(source: Tensor, result: Tensor, name: str) -> None:
    if source.dtype == torch.int64 and not torch.equal(result.to(torch.int64), source):
        index = torch.nonzero(result.to(torch.int64) != source)[0].tolist()
        raise InvalidModelError(
            f"{name} has an integer that float64 cannot hold: {int(source[tuple(index)])} at index {index}"
        )


def _as_array(value: object, name: str) -> np.ndarray:
    if value is None:
        raise InvalidModelError(f"{name} must be an array of numbers, found None")
    try:
        array = np.asarray(value)
    except ValueError as error:
        row = _first_ragged_row(value)
        place = "" if row is None else f"; row {row} has another length than row 0"
        raise InvalidModelError(f"{name} must be a rectangular array of numbers{place}") from error
    return array


def _first_ragged_row(value: object) -> int | None:
    if not isinstance(value, list | tuple):
        return None
    lengths = [len(row) if isinstance(row, list | tuple) else 0 for row in value]
    return next((index for index, length in enumerate(lengths) if length != lengths[0]), None)


def _from_numpy(array: np.ndarray, name: str) -> Tensor:
    if array.dtype == object:
        return _from_fractions(array, name)
    if array.dtype.kind not in "fiu":
        kind = "bool" if array.dtype.kind == "b" else str(array.dtype)
        raise InvalidModelError(f"{name} must have real numbers, found dtype {kind}")
    with np.errstate(over="ignore"):
        result = array.astype(np.float64)
    back = result.astype(array.dtype) if array.dtype.kind == "f" else result
    lost = (back != array) & ~np.isnan(array) if array.dtype.kind == "f" else _integers_lost(array, result)
    if lost.any():
        index = [int(axis) for axis in np.argwhere(lost)[0]]
        raise InvalidModelError(
            f"{name} has numbers that float64 cannot hold exactly: {array[tuple(index)]!s} at index {index}; "
            "round them to float64 first"
        )
    return torch.from_numpy(np.array(result, dtype=np.float64, order="C"))


def _integers_lost(array: np.ndarray, result: np.ndarray) -> np.ndarray:
    if array.dtype.itemsize < 8:
        return np.zeros(array.shape, dtype=bool)
    large = np.abs(result) >= 2.0**53
    lost = np.zeros(array.shape, dtype=bool)
    lost[large] = [int(exact) != int(rounded) for exact, rounded in zip(array[large], result[large], strict=True)]
    return lost


def _from_fractions(array: np.ndarray, name: str) -> Tensor:
    result = np.empty(array.shape, dtype=np.float64)
    for index, entry in np.ndenumerate(array):
        if isinstance(entry, bool) or not isinstance(entry, Fraction | int | float):
            row = f" at index {list(index)}"
            raise InvalidModelError(f"{name} must have real numbers, found {type(entry).__name__}{row}")
        try:
            result[index] = float(entry)
            exact = not np.isfinite(result[index]) or Fraction(float(result[index])) == entry
        except OverflowError:
            exact = False
        if not exact:
            shown = str(entry) if len(str(entry)) <= 40 else f"{str(entry)[:37]}..."
            raise InvalidModelError(
                f"{name} has a number that float64 cannot hold exactly: {shown} at index {list(index)}; "
                "scale the network or round it to float64 first"
            )
    return torch.from_numpy(result)
