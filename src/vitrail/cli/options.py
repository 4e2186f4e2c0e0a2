"""The options that commands share, and what is read from their texts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated

import typer

from vitrail.errors import InvalidOptionError
from vitrail.options import one_of

__all__ = [
    "Activation",
    "BoxLimits",
    "DropOutputActivation",
    "InputFiles",
    "InputShape",
    "JsonOutput",
    "Model",
    "NegativeSlope",
    "OutputTensor",
    "Quiet",
    "Rows",
    "SpaceFlag",
    "VnnLib",
    "limits_of",
    "number",
    "rows_of",
    "shape_of",
    "whole_number",
    "words_of",
]

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="An .onnx, .npz (arrays W1, b1, ...) or .safetensors file.", show_default=False
    ),
]
InputShape = Annotated[
    str | None,
    typer.Option(metavar="SHAPE", help="Input shape without batch, e.g. 3,32,32 (.onnx with unknown sizes)."),
]
OutputTensor = Annotated[
    str | None, typer.Option(metavar="NAME", help="The output to take where an .onnx file has several.")
]
DropOutputActivation = Annotated[
    bool, typer.Option("--drop-output-activation", help="Leave out a last softmax, sigmoid, ... (.onnx).")
]
Activation = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Activation between the layers of a weights file: relu, leaky_relu, abs, ..."),
]
# numbers are read by this module, not by typer: its message does not show what was found
NegativeSlope = Annotated[str, typer.Option(metavar="NUMBER", help="Slope of leaky_relu below 0.", show_default=True)]
BoxLimits = Annotated[
    list[str] | None,
    typer.Option(
        "--box", metavar="LIMITS", help="Domain: lo,hi for all inputs; lo:hi,lo:hi,..., or --box again, for each."
    ),
]
VnnLib = Annotated[
    str | None, typer.Option("--vnnlib", metavar="FILE", help="Domain: the input box of a VNN-LIB property.")
]
SpaceFlag = Annotated[bool, typer.Option("--space", help="Domain: the whole input space.")]
InputFiles = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="FILE", help="Points: .npy, .npz, .csv (a point per row), .png; may be repeated."),
]
Rows = Annotated[
    str | None,
    typer.Option(metavar="ROWS", help="Which points of the files, counted from 0: 0,7,42 or 0:100 (0 to 99), or both."),
]
JsonOutput = Annotated[
    bool, typer.Option("--json", help='Print one JSON object instead of tables (infinity is "inf", unknown is null).')
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no tables; print the count only.")]

_ROWS = re.compile(r"(\d{1,18})(?:\s*:\s*(\d{1,18}))?")
_MOST_ROWS = 1_000_000  # a mistyped end of rows must not fill the memory
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def number(text: str, option: str) -> float:
    """A finite decimal number with a point; nothing else that a program might take for a number.

    Raises:
        InvalidOptionError: shows the text.

    Example:
        >>> number("-2.5e3", "--box")
        -2500.0
    """
    token = text.strip()
    value = float(token) if _NUMBER.fullmatch(token) else math.nan
    if not math.isfinite(value):
        raise InvalidOptionError(f"{option}: expected a finite number such as -1 or 0.25, found {_shown(token)}")
    return value


def whole_number(text: str | None, option: str, least: int) -> int | None:
    """A whole number of at least `least`; None stays None.

    Raises:
        InvalidOptionError: shows the text.

    Example:
        >>> whole_number("12", "--random", 0)
        12
    """
    if text is None:
        return None
    if not re.fullmatch(r"\s*\+?\d{1,18}\s*", text) or int(text) < least:
        raise InvalidOptionError(f"{option}: expected a whole number of at least {least}, found {_shown(text)}")
    return int(text)


def limits_of(text: str) -> list[tuple[float, float]]:
    """The limits in the text of --box: `lo,hi` for all inputs at once, or `lo:hi,lo:hi,...`, one pair per input.

    Raises:
        InvalidOptionError: another form; shows the part that is wrong and the right form.

    Example:
        >>> limits_of("-1,1"), limits_of("0:1,-2:2"), limits_of("[-1, 1]")
        ([(-1.0, 1.0)], [(0.0, 1.0), (-2.0, 2.0)], [(-1.0, 1.0)])
    """
    inner = text.strip()
    if inner[:1] + inner[-1:] in ("[]", "()"):
        inner = inner[1:-1]
    parts = inner.split(",")
    pairs = [part.split(":") for part in parts] if ":" in inner else [parts]
    for pair in pairs:
        if len(pair) != 2:
            raise InvalidOptionError(
                f"--box: expected lo,hi for all inputs or lo:hi,lo:hi with one pair per input, found {_shown(text)}\n"
                "For example: --box -1,1 or --box 0:1,-2:2 (numbers with a decimal point)."
            )
    return [(number(low, "--box"), number(high, "--box")) for low, high in pairs]


def rows_of(text: str, needed: int | None = None) -> list[int]:
    """The row numbers in the text of --rows, counted from 0; as many as are needed, or any number of them.

    `start:stop` stands for the rows from start to the one before stop.

    Raises:
        InvalidOptionError: not so many, more than a million, or not whole numbers from 0 on.

    Example:
        >>> rows_of("0,5", 2), rows_of("0:3,9")
        ([0, 5], [0, 1, 2, 9])
    """
    found: list[int] = []
    for part in (part.strip() for part in text.split(",")):
        match = _ROWS.fullmatch(part)
        if match is None:
            raise InvalidOptionError(
                "--rows: expected row numbers from 0 on, such as 0,1,2 or 0:100 (0 to 99), found " + _shown(part)
            )
        start = int(match[1])
        stop = start + 1 if match[2] is None else int(match[2])
        if stop <= start:
            raise InvalidOptionError(f"--rows: expected start:stop with start below stop, found {_shown(part)}")
        if len(found) + stop - start > _MOST_ROWS:
            raise InvalidOptionError(f"--rows: expected at most {_MOST_ROWS:,} rows, found more in {_shown(text)}")
        found += range(start, stop)
    if needed is not None and len(found) != needed:
        raise InvalidOptionError(f"--rows: expected {needed} row numbers, found {len(found)} in {_shown(text)}")
    return found


def words_of(text: str, option: str, allowed: Sequence[str]) -> list[str]:
    """The words in a text, separated by commas, each of the allowed ones at most once.

    Raises:
        InvalidOptionError: another word, or one twice.

    Example:
        >>> words_of("data, random", "--groups", ["data", "random"])
        ['data', 'random']
    """
    words = [one_of(option, part.strip(), allowed) for part in text.split(",")]
    for word in words:
        if words.count(word) > 1:
            raise InvalidOptionError(f"{option}: expected every word once, found {word!r} {words.count(word)} times")
    return words


def shape_of(text: str | None) -> tuple[int, ...] | None:
    """The sizes in the text of --input-shape.

    Raises:
        InvalidOptionError: not sizes of at least 1.

    Example:
        >>> shape_of("3,32,32"), shape_of(None)
        ((3, 32, 32), None)
    """
    if text is None:
        return None
    parts = [part.strip() for part in re.split(r"[,x]", text.strip())]
    if any(not re.fullmatch(r"[1-9]\d{0,8}", part) for part in parts):
        raise InvalidOptionError(f"--input-shape: expected sizes such as 3,32,32 (without batch), found {_shown(text)}")
    return tuple(int(part) for part in parts)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}")
