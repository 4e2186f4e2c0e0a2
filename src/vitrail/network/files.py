"""Looking at a model file before anything parses it: is it a regular file, how large, and what is it really?"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vitrail.errors import ModelFileError, ResourceLimitError
from vitrail.network.promote import quoted

__all__ = ["MAXIMUM_FILE_BYTES", "check_file", "refuse_format", "sniff"]

MAXIMUM_FILE_BYTES = 2 * 1024**3
"""The largest model file that is read, 2 GiB."""

_ADVICE = {
    "pickle": "a pickle (.pt, .pth) can run code when it is loaded, so it is never loaded",
    "torch zip": "a torch archive (.pt, .pth) holds a pickle that can run code when loaded, so it is never loaded",
    "HDF5": "HDF5 files (.h5, .keras, .mat) are not supported",
    "keras zip": "Keras archives (.keras) are not supported",
    "text": "it is a text file; formats such as .nnet are not supported",
    "TensorFlow": "TensorFlow graphs (.pb) are not supported",
    "MATLAB": "MATLAB files (.mat) are not supported",
}

_TORCH_WAYS_OUT = (
    "Two ways out: load it yourself and pass the module to Network.from_torch(model.eval(), example_input), or save "
    "the weights of a sequential network with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')."
)
_ONNX_WAY_OUT = "Export the model to ONNX and use Network.from_onnx."


def check_file(path: str | os.PathLike[str], limit: int = MAXIMUM_FILE_BYTES) -> Path:
    """The path, once it is known to be a readable, non-empty regular file below the size limit.

    Raises:
        ModelFileError: missing, a folder, a device or pipe, empty, or not readable.
        ResourceLimitError: larger than `limit` bytes.

    Example:
        >>> check_file("missing.onnx")
        Traceback (most recent call last):
        ...
        vitrail.errors.ModelFileError: 'missing.onnx' does not exist
    """
    place = Path(path)
    name = quoted(str(place), 120)
    try:
        status = place.stat()
    except FileNotFoundError as error:
        raise ModelFileError(f"{name} does not exist") from error
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{name} cannot be read: {type(error).__name__}") from error
    if stat.S_ISDIR(status.st_mode):
        raise ModelFileError(f"{name} is a folder; expected a model file")
    if not stat.S_ISREG(status.st_mode):
        raise ModelFileError(f"{name} is not a regular file (a device, pipe or socket); expected a model file")
    if status.st_size == 0:
        raise ModelFileError(f"{name} is empty (0 bytes): an empty model")
    if status.st_size > limit:
        raise ResourceLimitError(f"{name} has {status.st_size:,} bytes; the limit is {limit:,}")
    if not os.access(place, os.R_OK):
        raise ModelFileError(f"{name} cannot be read: permission denied")
    return place


def sniff(path: Path) -> str:
    r"""What the first bytes say: zip, npy, pickle, HDF5, safetensors, MATLAB, text, or protobuf (a guess).

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        ...     _ = file.write(b"PK\x03\x04"); file.flush(); sniff(Path(file.name))
        'zip'
    """
    with path.open("rb") as file:
        head = file.read(512)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if head[:6] == b"\x93NUMPY":
        return "npy"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "HDF5"
    if head[:6] == b"MATLAB":
        return "MATLAB"
    # before pickle: a safetensors header of 128 bytes starts like one
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= path.stat().st_size:
        return "safetensors"
    if len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "pickle"
    text = sum(byte in (9, 10, 13) or 32 <= byte < 127 for byte in head)
    return "text" if text == len(head) else "protobuf"


def refuse_format(path: Path, kind: str) -> ModelFileError:
    """The error for a format that is not read, with the way out."""
    name = quoted(path.name)
    torch_file = kind in ("pickle", "torch zip")
    reason = _ADVICE.get(kind, f"it looks like {kind}, which is not supported here")
    return ModelFileError(f"{name}: {reason}\n{_TORCH_WAYS_OUT if torch_file else _ONNX_WAY_OUT}")
