"""The options of `vitrail bounds` alone."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AllBounds", "BiasDeviation", "BoundsPlot", "CountSeconds", "Rank", "Target"]

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="Widths, input-hidden-...-output, such as 784-100-100-10; or a model file.",
        show_default=False,
    ),
]
Rank = Annotated[str | None, typer.Option(metavar="NUMBER", help="Affine functions per unit, for --activation maxout.")]
CountSeconds = Annotated[
    str,
    typer.Option(
        metavar="SECONDS", help="Count the regions of a model file beside, where it takes so long at most; 0: never."
    ),
]
BiasDeviation = Annotated[
    str | None,
    typer.Option(
        "--he-bias",
        metavar="NUMBER",
        help="Bounds on the mean as well, over He's weights and normal biases of this deviation (in a box or segment).",
    ),
]
AllBounds = Annotated[bool, typer.Option("--all", help="Say also why the other bounds do not apply.")]
BoundsPlot = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Draw the bounds, for widths also against depth and width: .png, .svg or .pdf."),
]
