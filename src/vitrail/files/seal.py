"""A checksum over a whole parquet file, checked before any parser sees the file.

Parquet readers take the footer from the end of a file and find the data by positions counted from its start, so bytes
between the two are free: there lie a magic word and the sha256 of everything else. Without it, a single damaged byte
in the footer can end the process inside the parquet library.
"""

from __future__ import annotations

import hashlib
from typing import IO

from vitrail.errors import StoreError

__all__ = ["AGAIN", "check_seal", "seal"]

AGAIN = "Compute and write the regions again, or take an undamaged copy of the file."
"""What to do about a damaged file."""

_MAGIC = b"VITRAIL1"
_SEAL_BYTES = len(_MAGIC) + 32
_CHUNK = 2**20
_END = 8  # length of the footer, then PAR1


def seal(file: IO[bytes]) -> None:
    r"""Put the checksum into a parquet file that is open for reading and writing.

    Example:
        >>> import io
        >>> file = io.BytesIO(b"PAR1" + b"data" + b"foot" + b"\x04\0\0\0" + b"PAR1")
        >>> seal(file); check_seal(file, "a file"); len(file.getvalue())
        60
    """
    size = file.seek(0, 2)
    footer = size - _footer_bytes(file, size)
    digest = _sha256(file, [(0, size)])
    file.seek(footer)
    tail = file.read()
    file.seek(footer)
    file.write(_MAGIC + digest + tail)


def check_seal(file: IO[bytes], name: str) -> None:
    """Refuse a file that was not sealed, or changed since.

    Raises:
        StoreError: not sealed, truncated or changed; `name` says which file.

    Example:
        >>> import io
        >>> check_seal(io.BytesIO(b"PAR1"), "a file")
        Traceback (most recent call last):
        ...
        vitrail.errors.StoreError: a file is damaged, or not a result file of Vitrail
        Compute and write the regions again, or take an undamaged copy of the file.
    """
    size = file.seek(0, 2)
    start = size - _footer_bytes(file, size) - _SEAL_BYTES
    found = b""
    if start >= 4:
        file.seek(start)
        found = file.read(_SEAL_BYTES)
    if not found.startswith(_MAGIC):
        raise StoreError(f"{name} is damaged, or not a result file of Vitrail\n{AGAIN}")
    if found[len(_MAGIC) :] != _sha256(file, [(0, start), (start + _SEAL_BYTES, size)]):
        raise StoreError(f"{name} is damaged: its checksum does not fit its content\n{AGAIN}")


def _footer_bytes(file: IO[bytes], size: int) -> int:
    """Bytes from the beginning of the footer to the end of the file; too many where there is no footer."""
    if size < 12:
        return size + 1
    file.seek(size - _END)
    end = file.read(_END)
    return _END + int.from_bytes(end[:4], "little") if end[4:] == b"PAR1" else size + 1


def _sha256(file: IO[bytes], parts: list[tuple[int, int]]) -> bytes:
    sha = hashlib.sha256()
    for start, stop in parts:
        file.seek(start)
        while start < stop and (chunk := file.read(min(_CHUNK, stop - start))):
            sha.update(chunk)
            start += len(chunk)
    return sha.digest()
