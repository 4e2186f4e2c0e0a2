"""`vitrail at`: what the regions around some inputs look like, in all dimensions of the input."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.cli.at_report import AtReport, counted
from vitrail.cli.domain import DomainOptions
from vitrail.cli.network import ModelOptions
from vitrail.cli.options import (
    Activation,
    BoxLimits,
    DropOutputActivation,
    InputFiles,
    InputShape,
    JsonOutput,
    Model,
    NegativeSlope,
    OutputTensor,
    Quiet,
    Rows,
    SpaceFlag,
    VnnLib,
    whole_number,
    words_of,
)
from vitrail.cli.options_at import (
    MEASURES,
    Count,
    Groups,
    Measures,
    PointOptions,
    Points,
    RequireRows,
    SeedNumber,
    TableOut,
    TablePlot,
)
from vitrail.cli.targets import PICTURES, check_output, write_figure, write_table
from vitrail.errors import InvalidDomainError, InvalidOptionError, NotCertifiedError
from vitrail.options import one_of
from vitrail.status import Status

if TYPE_CHECKING:
    from vitrail.domains import Domain
    from vitrail.local.directions import Directions
    from vitrail.network.network import Network

__all__ = ["EXAMPLES", "at"]

EXAMPLES = """\b
Examples:
  vitrail at model.onnx --input images.npy --rows 0:100
  vitrail at model.onnx --input images.npy --groups data,random,boundary --plot report.png
  vitrail at net.npz --input points.csv --measures distance --out distances.parquet --require certified
  vitrail at net.npz --box -1,1 --groups random --count 1000 --measures distance,facets --json
"""

_TABLES = (".parquet", ".csv")
_PICTURED = MEASURES[:4]  # measures with a panel
_MOST_DRAWN = 50  # regions of a group whose angles are drawn: every one has rows^2 / 2 of them


def at(
    model: Model,
    input_file: InputFiles = None,
    rows: Rows = None,
    box: BoxLimits = None,
    vnnlib: VnnLib = None,
    space: SpaceFlag = False,
    measures: Measures = "distance,insphere,directions,decision",
    groups: Groups = "data",
    count: Count = None,
    seed: SeedNumber = None,
    require: RequireRows = None,
    out: TableOut = None,
    plot: TablePlot = None,
    input_shape: InputShape = None,
    output_tensor: OutputTensor = None,
    drop_output_activation: DropOutputActivation = False,
    activation: Activation = None,
    negative_slope: NegativeSlope = "0.01",
    json_output: JsonOutput = False,
    quiet: Quiet = False,
) -> int:
    """Measure the regions around some inputs: distances, largest balls, angles, decision boundaries.

    Regions are those in all dimensions of the input; the domain is the whole space where none is given. Distances are
    those to boundaries of units, wherever the domain ends; balls, facets and decision boundaries lie in the domain.
    """
    chosen = words_of(measures, "--measures", MEASURES)
    wanted = PointOptions(
        *(tuple(input_file or ()), rows, groups), whole_number(count, "--count", 1), whole_number(seed, "--seed", 0)
    )
    choice = _domain_options(box, vnnlib, space)
    needed = None if require is None else one_of("--require", require, ["certified"])
    sources = tuple(name for name in (*wanted.inputs, vnnlib) if name is not None)
    for option, name, kinds in (("--out", out, _TABLES), ("--plot", plot, PICTURES)):
        if name is not None:
            check_output(option, name, kinds, model, sources)
    if plot is not None and not set(chosen) & set(_PICTURED):
        raise InvalidOptionError(f"--plot draws {', '.join(_PICTURED)}: expected one of them in --measures, found none")
    options = ModelOptions(model, input_shape, output_tensor, drop_output_activation, activation, negative_slope)
    net = options.load()
    domain = _full(choice.domain(net.input_shape), net)
    points = wanted.points(net, domain)
    started = time.perf_counter()
    table = _table(net, points, domain, chosen, not (quiet or json_output) and sys.stderr.isatty())
    table.attrs |= {"network": net.digest, "domain": domain.description}
    if out is not None:
        write_table(table, Path(out))
    if plot is not None:
        title = f"{ascii(Path(model).name)[1:-1]}: {counted(len(table), 'point')}, {domain.description}"
        angles = _angles(net, points, domain) if "directions" in chosen else {}
        _draw(table, angles, title, Path(plot))
    seconds, files = time.perf_counter() - started, {"out": out, "plot": plot}
    report = AtReport(options.describe(net), domain, table, chosen, wanted.seed or 0, seconds, files)
    report.write(json_output, quiet)
    if needed is not None:
        _check(report.statuses, len(table))
    return 0


def _domain_options(box: list[str] | None, vnnlib: str | None, space: bool) -> DomainOptions:
    given = {"--box": bool(box), "--vnnlib": vnnlib is not None, "--space": space}
    chosen = [name for name, present in given.items() if present]
    if len(chosen) > 1:
        raise InvalidOptionError(f"expected at most one of {', '.join(given)}, found {' and '.join(chosen)}")
    return DomainOptions(box=tuple(box or ()), vnnlib=vnnlib, space=space, default="space")


def _full(domain: Domain, net: Network) -> Domain:
    fixed = int(np.prod(net.input_shape, dtype=np.int64)) - domain.frame.dimension
    if fixed:
        raise InvalidDomainError(
            f"--vnnlib: expected limits with room for every input, found {fixed} fixed\n"
            "Regions are measured in all dimensions of the input: give a wider property, or --box."
        )
    return domain


def _table(net: Network, points: Points, domain: Domain, measures: list[str], progress: bool) -> Any:
    """The table of `report`, with the row of the input that each point comes from."""
    # only here: these bring in torch, numba and pandas
    import pandas

    from vitrail.local.report import report

    table = report(net, points.points, domain, measures=measures, group=points.groups, progress=progress)
    rows = pandas.array(points.rows, dtype="Int64")
    rows[points.rows < 0] = pandas.NA
    table.insert(2, "row", rows)
    text = "row of the input, counted through all files; next to the boundary the one on whose side the point lies"
    names = dict(table.attrs["columns"]) | {"row": text}
    table.attrs["columns"] = {name: names[name] for name in table.columns}
    return table


def _angles(net: Network, points: Points, domain: Domain) -> dict[str, Directions]:
    """The angles of each group, in the regions of at most so many of its points, evenly spread among them."""
    from vitrail.local.directions import directions, merge_directions
    from vitrail.local.region import regions_at

    found = {}
    for name in dict.fromkeys(points.groups):
        own = points.points[np.array(points.groups) == name]
        chosen = np.linspace(0, len(own) - 1, min(len(own), _MOST_DRAWN)).round().astype(np.int64)
        found[name] = merge_directions(directions(region) for region in regions_at(net, own[chosen], domain))
    return found


def _draw(table: Any, angles: dict[str, Directions], title: str, path: Path) -> None:
    from vitrail.plots.local import plot_report

    numbers = [f"regions of {counted(len(found.rows), 'point')} of {name}" for name, found in angles.items()]
    write_figure(plot_report(table, angles, title=title, angles_title=", ".join(numbers)), path)


def _check(statuses: dict[str, int], total: int) -> None:
    """Complain about rows that are not proven, after everything is written."""
    proven = sum(statuses[status.value] for status in Status if status.proven)
    if proven < total:
        raise NotCertifiedError(
            f"--require certified: {total - proven:,} of {total:,} rows are not certified\n"
            "The columns distance_status, insphere_status, ... of the table (--out FILE) say which ones, by measure."
        )
