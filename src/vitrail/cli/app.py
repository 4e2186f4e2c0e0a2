"""The command `vitrail`: its sub-commands, help and version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitrail import __version__
from vitrail.cli import at, bounds, info, local, regions, reproduce, track
from vitrail.cli.options import JsonOutput

__all__ = ["app"]

_EPILOG = """\b
Examples:
  vitrail demo
  vitrail info model.onnx
  vitrail regions net.npz --box -1,1 --plot window.png
  vitrail regions model.onnx --plane --input images.npy --rows 0,7,42 --out regions.parquet
  vitrail regions model.onnx --segment --random 0 --json
  vitrail at model.onnx --input images.npy --rows 0:100 --plot report.png
  vitrail bounds 784-100-100-10
  vitrail local model.onnx --input images.npy --radii 0.01:1:log10
  vitrail track epoch-0.npz epoch-1.npz --input images.npy --out run.parquet --plot run.png
  vitrail reproduce hanin2019 --scale smoke

\b
Exit codes:
  0    complete
  2    usage: an unknown or wrong option
  3    bad input: model file, network, points or domain
  4    the network has operations that are not supported
  5    partial or not certified, where --require asked for more; --certify found something wrong; runs of a study
       failed
  6    a file cannot be read or written
  70   a bug in Vitrail: please report it (VITRAIL_DEBUG=1 adds the traceback)
  130  interrupted
"""

app = typer.Typer(
    name="vitrail",
    help="Linear regions of piecewise-linear neural networks: exact, with a statement of how sure each result is.",
    epilog=_EPILOG,
    add_completion=False,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    # plain help: no colors to switch off, fast, and the examples keep their lines
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"vitrail {__version__}")
        raise typer.Exit


@app.callback()
def _vitrail(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


app.command("info", epilog=info.EXAMPLES)(info.info)
app.command("regions", epilog=regions.EXAMPLES)(regions.regions)
app.command("at", epilog=at.EXAMPLES)(at.at)
app.command("bounds", epilog=bounds.EXAMPLES)(bounds.bounds)
app.command("local", epilog=local.EXAMPLES)(local.local)
app.command("track", epilog=track.EXAMPLES)(track.track)
app.command("reproduce", epilog=reproduce.EXAMPLES)(reproduce.reproduce)


@app.command("demo")
def _demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where pictures and tables go.")] = Path("vitrail-demo"),
    json_output: JsonOutput = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the names of the files.")] = False,
) -> int:
    """Show what Vitrail does on a small network that comes with it: pictures and tables in a folder."""
    from vitrail.cli.demo import run_demo

    return run_demo(out, quiet, json_output)
