"""`vitrail regions`: the linear regions of a network on a segment, a line, a plane or a box."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

import vitrail
from vitrail.cli.domain import DomainOptions
from vitrail.cli.network import ModelOptions
from vitrail.cli.options import (
    Activation,
    DropOutputActivation,
    InputShape,
    JsonOutput,
    Model,
    NegativeSlope,
    OutputTensor,
    Quiet,
)
from vitrail.cli.output import show, write_json, write_line
from vitrail.cli.report import Report
from vitrail.cli.targets import Targets
from vitrail.errors import NotCertifiedError
from vitrail.options import one_of
from vitrail.status import Definition, Status

__all__ = ["regions"]


def regions(
    model: Model,
    segment: Annotated[bool, typer.Option("--segment", help="Domain: the segment between two points.")] = False,
    line: Annotated[bool, typer.Option("--line", help="Domain: the whole line through two points.")] = False,
    plane: Annotated[bool, typer.Option("--plane", help="Domain: a window of the plane through three points.")] = False,
    box: Annotated[
        str | None,
        typer.Option(metavar="LIMITS", help="Domain: lo,hi for all inputs, or lo:hi,lo:hi (one or two inputs)."),
    ] = None,
    input_file: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="FILE", help="Points: .npy, .npz, .csv (a point per row) or .png; may be repeated."
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(metavar="I,J[,K]", help="Which points of the files, from 0; by default the first ones."),
    ] = None,
    random: Annotated[
        int | None, typer.Option(metavar="SEED", help="Points: uniform in [0, 1] in every input, from this seed.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Room around the points of a plane, in window sides (0.25).")
    ] = None,
    definition: Annotated[
        str, typer.Option(metavar="NAME", help="What is counted: activation, linear or affine.")
    ] = "activation",
    count_only: Annotated[
        bool, typer.Option("--count-only", help="Count without keeping the regions: faster.")
    ] = False,
    max_regions: Annotated[int | None, typer.Option(metavar="NUMBER", help="Stop after so many regions.")] = None,
    time_limit: Annotated[float | None, typer.Option(metavar="SECONDS", help="Stop after so long.")] = None,
    require: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="complete or certified: exit with 5 where the result is not (it is still written)."
        ),
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write the regions: .parquet or .npz.")] = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Draw the regions: .png, .svg or .pdf.")] = None,
    color: Annotated[
        str | None, typer.Option(metavar="NAME", help="Colors of the plot: pattern, layer, area or class.")
    ] = None,
    input_shape: InputShape = None,
    output_tensor: OutputTensor = None,
    drop_output_activation: DropOutputActivation = False,
    activation: Activation = None,
    negative_slope: NegativeSlope = 0.01,
    json_output: JsonOutput = False,
    quiet: Quiet = False,
) -> int:
    """Find the linear regions of a network on a domain, and say how sure the result is.

    \b
    Examples:
      vitrail regions net.npz --box -1,1 --plot window.png
      vitrail regions model.onnx --plane --input images.npy --rows 0,7,42 --out regions.parquet
      vitrail regions model.onnx --line --random 0 --count-only --definition linear
    """
    chosen = Definition(one_of("--definition", definition, [d.value for d in Definition]))
    wanted = None if require is None else one_of("--require", require, ["complete", "certified"])
    choice = DomainOptions(segment, line, plane, box, tuple(input_file or ()), rows, random, margin)
    targets = Targets(out, plot, color, model, count_only)
    options = ModelOptions(model, input_shape, output_tensor, drop_output_activation, activation, negative_slope)
    net = options.load()
    domain = choice.domain(net.input_shape)
    progress = not (quiet or json_output) and sys.stderr.isatty()
    started = time.perf_counter()
    found = None
    if count_only:
        count = vitrail.count_regions(
            net, domain, chosen, max_regions=max_regions, time_limit=time_limit, progress=progress
        )
    else:
        found = vitrail.enumerate_regions(
            net, domain, max_regions=max_regions, time_limit=time_limit, progress=progress
        )
        count = found.count(chosen)
        targets.write(found)
    report = Report(options.describe(net), domain, count, found, time.perf_counter() - started, targets.written)
    if json_output:
        write_json(report.document())
    elif quiet:
        write_line(str(count))
    else:
        show(*report.tables())
    _check(wanted, count.status)
    return 0


def _check(wanted: str | None, status: Status) -> None:
    if (wanted == "complete" and not status.complete) or (wanted == "certified" and not status.proven):
        raise NotCertifiedError(f"--require {wanted}: the result is {status.value}\n{status.advice}")
