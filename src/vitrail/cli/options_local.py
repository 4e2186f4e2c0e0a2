"""The options of `vitrail local` alone, and what is read from their texts."""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
import typer

from vitrail.cli.options import number
from vitrail.errors import InvalidOptionError

__all__ = ["BallCountSeconds", "BallNorm", "BallPlot", "BallTable", "Radii", "Samples", "radii_of"]

Radii = Annotated[
    str,
    typer.Option(
        metavar="RADII", help="Radii in input units: numbers 0.1,0.5,1, or low:high:log10 (10 of them), low:high:lin5."
    ),
]
BallNorm = Annotated[str, typer.Option("--norm", metavar="WORD", help="Balls: 2, or inf for boxes.")]
Samples = Annotated[
    str,
    typer.Option(
        metavar="NUMBER",
        help="Random points per ball, whose patterns are a lower bound; of many balls the smallest first, as many as a "
        "minute allows; 0: none.",
    ),
]
BallCountSeconds = Annotated[
    str,
    typer.Option(
        metavar="SECONDS",
        help="Count exactly beside: for up to 3 inputs in the ball, else in a random plane through the center, within "
        "so many seconds in all, beside those for random points; 0: never.",
    ),
]
BallTable = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write a row per center and radius: .parquet, .csv.")
]
BallPlot = Annotated[str | None, typer.Option(metavar="FILE", help="Draw bounds against radii: .png, .svg or .pdf.")]

_RANGE = re.compile(r"([^:]+):([^:]+):(log|lin)(\d{1,4})")
_MOST = 1000


def radii_of(text: str) -> np.ndarray:
    """The radii in the text of --radii, in the order given.

    Raises:
        InvalidOptionError: another form, a radius that is not above 0, or more than a thousand.

    Example:
        >>> radii_of("0.5,2").tolist(), radii_of("0.01:1:log3").round(6).tolist(), radii_of("1:2:lin2").tolist()
        ([0.5, 2.0], [0.01, 0.1, 1.0], [1.0, 2.0])
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        values = [number(part, "--radii") for part in text.split(",")]
    else:
        low, high, count = number(match[1], "--radii"), number(match[2], "--radii"), int(match[4])
        if not 0 < low < high or count < 2:
            raise InvalidOptionError(
                f"--radii: expected low:high:log10 with 0 < low < high and 2 radii or more, found {text!r}"
            )
        values = (np.geomspace if match[3] == "log" else np.linspace)(low, high, min(count, _MOST + 1)).tolist()
    if len(values) > _MOST or min(values) <= 0:
        raise InvalidOptionError(f"--radii: expected 1 to {_MOST:,} numbers above 0, found {text[:60]!r}")
    return np.array(values)
