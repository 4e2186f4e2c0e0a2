"""The options of `vitrail regions` alone."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "CellsName",
    "Certify",
    "Color",
    "CountOnly",
    "DefinitionName",
    "Directions",
    "Exact",
    "LineFlag",
    "Margin",
    "MaxRegions",
    "Out",
    "PlaneFlag",
    "Plot",
    "Require",
    "Seed",
    "SegmentFlag",
    "Steps",
    "TimeLimit",
    "WalkFrom",
]

SegmentFlag = Annotated[bool, typer.Option("--segment", help="Domain: the segment between two points.")]
LineFlag = Annotated[bool, typer.Option("--line", help="Domain: the whole line through two points.")]
PlaneFlag = Annotated[bool, typer.Option("--plane", help="Domain: a window of the plane through three points.")]
Directions = Annotated[
    str | None,
    typer.Option(
        "--slice", metavar="K", help="Domain: the parallelepiped of K directions from the first of K + 1 points."
    ),
]
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
