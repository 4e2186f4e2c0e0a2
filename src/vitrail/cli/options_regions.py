"""The options of `vitrail regions` alone."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "BoxLimits",
    "Certify",
    "Color",
    "CountOnly",
    "DefinitionName",
    "Exact",
    "InputFiles",
    "LineFlag",
    "Margin",
    "MaxRegions",
    "Out",
    "PlaneFlag",
    "Plot",
    "Require",
    "Rows",
    "Seed",
    "SegmentFlag",
    "TimeLimit",
]

SegmentFlag = Annotated[bool, typer.Option("--segment", help="Domain: the segment between two points.")]
LineFlag = Annotated[bool, typer.Option("--line", help="Domain: the whole line through two points.")]
PlaneFlag = Annotated[bool, typer.Option("--plane", help="Domain: a window of the plane through three points.")]
BoxLimits = Annotated[
    str | None,
    typer.Option(metavar="LIMITS", help="Domain: lo,hi for all inputs, or lo:hi,lo:hi (one or two inputs)."),
]
InputFiles = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="FILE", help="Points: .npy, .npz, .csv (a point per row), .png; may be repeated."),
]
Rows = Annotated[
    str | None, typer.Option(metavar="I,J[,K]", help="Which points of the files, from 0; by default the first ones.")
]
Seed = Annotated[str | None, typer.Option(metavar="SEED", help="Points: uniform in [0, 1] in every input.")]
Margin = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Room around the points of a plane, in window sides (0.25).")
]
DefinitionName = Annotated[str, typer.Option(metavar="NAME", help="What is counted: activation, linear or affine.")]
CountOnly = Annotated[bool, typer.Option("--count-only", help="Count without keeping the regions: faster.")]
MaxRegions = Annotated[str | None, typer.Option(metavar="NUMBER", help="Stop after so many regions.")]
TimeLimit = Annotated[str | None, typer.Option(metavar="SECONDS", help="Stop after so long.")]
Exact = Annotated[
    str,
    typer.Option(
        metavar="WORD", help="Exact arithmetic: needed (where floating point does not decide), never, always."
    ),
]
Certify = Annotated[
    bool,
    typer.Option("--certify", help="Check the regions exactly afterwards; exit with 5 where something does not hold."),
]
Require = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="complete or certified: exit with 5 where the result, still written, is not."),
]
Out = Annotated[str | None, typer.Option(metavar="FILE", help="Write the regions: .parquet or .npz.")]
Plot = Annotated[str | None, typer.Option(metavar="FILE", help="Draw the regions: .png, .svg or .pdf.")]
Color = Annotated[str | None, typer.Option(metavar="NAME", help="Colors of the plot: pattern, layer, area or class.")]
