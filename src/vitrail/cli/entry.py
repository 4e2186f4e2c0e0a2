"""The entry point: run a command, turn what goes wrong into one line on stderr and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from vitrail.cli.app import app
from vitrail.cli.output import printable
from vitrail.errors import VitrailError

__all__ = ["main"]

USAGE, INPUT, FILE, INTERNAL, INTERRUPTED, BROKEN_PIPE = 2, 3, 6, 70, 130, 141
_LONGEST = 1000
# typer has a copy of click inside in some versions and depends on click in others: its public BadParameter leads to
# click's UsageError and ClickException in both
_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
_CLICK_ERROR: Any = typer.BadParameter.__mro__[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `arguments` are those of the process by default.

    0 complete, 2 usage, 3 bad input, model or domain, 4 unsupported operation, 5 not certified or partial under
    --require or wrong under --certify or failed runs of a study, 6 file cannot be read or written, 70 a bug, 130
    interrupted, 141 nobody reads the output any more.

    Example:
        >>> main(["--version"])
        vitrail 0.1.0
        0
    """
    _prepare_streams()
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _interrupted()
    except OSError as error:
        code = _output_failed(error)
    if code == INTERRUPTED and arguments is None:
        # threads in the middle of a computation would keep the process alive until they are done
        sys.stderr.flush()
        os._exit(code)
    return code


def _run(arguments: list[str]) -> int:
    """Run one command; every error but that of the output stream ends here."""
    try:
        code = app(args=arguments, prog_name="vitrail", standalone_mode=False)
        if code == INTERRUPTED:
            return _interrupted()
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except SystemExit as end:
        # typer and rich leave this way when the reader of the output is gone
        raise BrokenPipeError(errno.EPIPE, "broken pipe") from end
    except _CLICK_ERROR as error:
        return _fail(USAGE, error.format_message(), f"try: {_command_of(error)} --help")
    except VitrailError as error:
        first, _, rest = str(error).partition("\n")
        return _fail(error.exit_code, first, rest)
    except MemoryError:
        return _fail(
            INPUT, "out of memory", "lower --max-regions, use --count-only, or take a smaller domain or fewer points"
        )
    except OSError:
        raise
    except Exception as error:
        return _bug(error)


def _command_of(error: Any) -> str:
    context = error.ctx if isinstance(error, _USAGE_ERROR) else None
    return "vitrail" if context is None else str(context.command_path)


def _fail(code: int, message: str, hint: str = "") -> int:
    text = printable(message)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 3 :]}"
    lines = [f"error: {text}", *(f"hint: {printable(line.strip())}" for line in hint.splitlines() if line.strip())]
    sys.stderr.write("\n".join(lines) + "\n")
    return code


def _bug(error: Exception) -> int:
    if os.environ.get("VITRAIL_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    message = f"this is a bug in Vitrail: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return _fail(INTERNAL, message[:200], "please report it with the command line; VITRAIL_DEBUG=1 adds the traceback")


def _interrupted() -> int:
    sys.stderr.write("interrupted; nothing half-written is left behind\n")
    return INTERRUPTED


def _output_failed(error: OSError) -> int:
    """The output stream, or a file that no other error speaks of; what is still buffered is dropped."""
    _drop_output()
    if error.errno == errno.EPIPE:
        return BROKEN_PIPE
    return _fail(FILE, f"input or output failed: {error.strerror or error}")


def _prepare_streams() -> None:
    """A closed stream becomes one that goes nowhere; a character that a terminal cannot show is escaped."""
    for name in ("stdin", "stdout", "stderr"):
        stream = vars(sys)[name]
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            # kept open to the end of the process: it also keeps other files off the standard descriptors
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
