"""The options of `vitrail reproduce` alone."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["DataFolder", "ListStudies", "Scale", "StudyFolder", "StudyName", "StudyQuiet", "Workers"]

StudyName = Annotated[
    str | None, typer.Argument(metavar="STUDY", help="Which study; --list shows all.", show_default=False)
]
Scale = Annotated[
    str, typer.Option(metavar="SCALE", help="smoke: small, to see that all runs; paper: the sizes of the paper.")
]
StudyFolder = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        help="Where results go, and are taken up again after an interruption; by default vitrail-STUDY-SCALE.",
    ),
]
DataFolder = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="The folder of the images (mnist/ in it); by default the one that VITRAIL_DATA names.",
    ),
]
Workers = Annotated[str, typer.Option(metavar="NUMBER", help="Processes that do runs at the same time.")]
ListStudies = Annotated[bool, typer.Option("--list", help="Show the studies, what they claim, and how long they take.")]
StudyQuiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no tables; print the folder only.")]
