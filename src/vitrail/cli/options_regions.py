"""The options of `vitrail regions` alone."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "BoxLimits",
    "CellsName",
    "Certify",
    "Color",
    "CountOnly",
    "DefinitionName",
    "Directions",
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
    "SpaceFlag",
    "Steps",
    "TimeLimit",
    "VnnLib",
    "WalkFrom",
]

SegmentFlag = Annotated[bool, typer.Option("--segment", help="Domain: the segment between two points.")]
LineFlag = Annotated[bool, typer.Option("--line", help="Domain: the whole line through two points.")]
PlaneFlag = Annotated[bool, typer.Option("--plane", help="Domain: a window of the plane through three points.")]
BoxLimits = Annotated[
    list[str] | None,
    typer.Option(
        "--box", metavar="LIMITS", help="Domain: lo,hi for all inputs; lo:hi,lo:hi,..., or --box again, for each."
    ),
]
Directions = Annotated[
    str | None,
    typer.Option(
        "--slice", metavar="K", help="Domain: the parallelepiped of K directions from the first of K + 1 points."
    ),
]
VnnLib = Annotated[
    str | None, typer.Option("--vnnlib", metavar="FILE", help="Domain: the input box of a VNN-LIB property.")
]
SpaceFlag = Annotated[bool, typer.Option("--space", help="Domain: the whole input space.")]
CellsName = Annotated[
    str | None,
    typer.Option(
        "--cells", metavar="WORD", help="Cells beyond dimension 2: auto (up to 7 vertices), vertices, halfspaces."
    ),
]
WalkFrom = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Only regions around these inputs, from facet to facet (with --box, --vnnlib or --space)."
    ),
]
Steps = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="How many facets --walk-from crosses at most, by default 1.")
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
    str | None, typer.Option(metavar="NUMBER", help="Room around the points of a plane or slice, in sides (0.25).")
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
Plot = Annotated[
    str | None, typer.Option(metavar="FILE", help="Draw the regions, up to dimension 3: .png, .svg or .pdf.")
]
Color = Annotated[str | None, typer.Option(metavar="NAME", help="Colors of the plot: pattern, layer, area or class.")]
