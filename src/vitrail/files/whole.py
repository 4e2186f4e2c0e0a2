"""Writing a file as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO

from vitrail.errors import StoreError

__all__ = ["check_target", "quoted", "reason", "write_whole"]


def quoted(path: Path) -> str:
    r"""A path, safe to print: control characters escaped, the middle of a long one left out.

    Example:
        >>> quoted(Path("a\nb"))
        "'a\\nb'"
    """
    text = repr(str(path))
    return text if len(text) <= 120 else f"{text[:40]}...{text[-70:]}"


def reason(error: Exception) -> str:
    """What the system says about an error, in a few words.

    Example:
        >>> reason(OSError(28, "No space left on device"))
        'No space left on device'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ascii(text)[1:-1][:100] or type(error).__name__


def check_target(path: Path) -> None:
    """Refuse a path that nothing can be written to, before anything is computed.

    Raises:
        StoreError: its folder is missing or not writable, or it is a folder, a device or a pipe.

    Example:
        >>> check_target(Path("no/such/file.npz"))
        Traceback (most recent call last):
        ...
        vitrail.errors.StoreError: 'no/such/file.npz': the folder 'no/such' does not exist; create it first
    """
    name, folder = quoted(path), path.parent
    try:
        if not folder.is_dir():
            problem = "is not a folder" if folder.exists() else "does not exist; create it first"
            raise StoreError(f"{name}: the folder {quoted(folder)} {problem}")
        if path.is_dir():
            raise StoreError(f"{name} is a folder; give the name of a file in it")
        if path.exists() and not path.is_file():
            raise StoreError(f"{name} is a device, pipe or socket; give the name of a regular file")
        path.lstat()
    except FileNotFoundError:
        pass
    except StoreError:
        raise
    except (OSError, ValueError) as error:
        raise StoreError(f"{name} cannot be written: {reason(error)}; choose another name") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"{name} cannot be written: no permission to write into the folder {quoted(folder)}")


def write_whole(path: Path, write: Callable[[IO[bytes]], None]) -> Path:
    """Write a file under a temporary name in the same folder, then give it its name; returns the path.

    A symbolic link stays one: the file that it points to is replaced.

    Raises:
        StoreError: the file cannot be written; what was there before is untouched.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_whole(Path(folder) / "a.txt", lambda file: file.write(b"one"))
        ...     [(p.name, p.read_bytes()) for p in Path(folder).iterdir()]
        [('a.txt', b'one')]
    """
    check_target(path)
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".vitrail-{secrets.token_hex(8)}.partial"
    try:
        with temporary.open("x+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        problem = f"{quoted(path)} cannot be written: {reason(error)}"
        raise StoreError(f"{problem}; free space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path
