"""`vitrail local`: bounds on the number of regions that meet balls around inputs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.bounds.values import exact_text, portable
from vitrail.cli.at_report import counted
from vitrail.cli.network import ModelOptions
from vitrail.cli.options import (
    Activation,
    DropOutputActivation,
    InputFiles,
    InputShape,
    JsonOutput,
    Model,
    NegativeSlope,
    OutputTensor,
    Quiet,
    Rows,
    number,
    rows_of,
    whole_number,
)
from vitrail.cli.options_local import BallCountSeconds, BallNorm, BallPlot, BallTable, Radii, Samples, radii_of
from vitrail.cli.output import printable, rows_table, show, write_json, write_line
from vitrail.cli.points import read_points, take_rows
from vitrail.cli.targets import PICTURES, check_output, write_figure, write_table
from vitrail.errors import InvalidOptionError, VitrailError
from vitrail.options import one_of

if TYPE_CHECKING:
    from vitrail.balls import LocalBound
    from vitrail.network.network import Network

__all__ = ["EXAMPLES", "local"]

EXAMPLES = """\b
Examples:
  vitrail local model.onnx --input images.npy --radii 0.01:1:log10 --plot local.png
  vitrail local net.npz --input points.csv --rows 0:10 --radii 0.1,0.5 --norm inf --json
  vitrail local net.npz --input points.csv --samples 0 --count-seconds 0 --out bounds.parquet
"""

_TABLES = (".parquet", ".csv")
_FEW_INPUTS = 3
_SAMPLE_SECONDS = 60.0
_MOST_REASONS = 3


def local(
    model: Model,
    input_file: InputFiles = None,
    rows: Rows = None,
    radii: Radii = "0.01:1:log10",
    norm: BallNorm = "2",
    samples: Samples = "200",
    count_seconds: BallCountSeconds = "10",
    out: BallTable = None,
    plot: BallPlot = None,
    input_shape: InputShape = None,
    output_tensor: OutputTensor = None,
    drop_output_activation: DropOutputActivation = False,
    activation: Activation = None,
    negative_slope: NegativeSlope = "0.01",
    json_output: JsonOutput = False,
    quiet: Quiet = False,
) -> int:
    """Bound how many regions meet the balls around some inputs, and count them where that is affordable.

    The upper bounds are certified. Beside them stand what random points of each ball find, a lower bound, as far as a
    minute reaches, and exact counts as far as --count-seconds reach, both for the smallest radius first. It is counted
    in the ball, or of more than three inputs in the disc of a random plane through the center. How many balls were left
    out, and why, is told.
    """
    sizes, kind = radii_of(radii), one_of("--norm", norm, ["2", "inf"])
    drawn, seconds = whole_number(samples, "--samples", 0) or 0, number(count_seconds, "--count-seconds")
    if seconds < 0:
        raise InvalidOptionError(f"--count-seconds: expected seconds from 0 on, found {count_seconds!r}")
    if not input_file:
        raise InvalidOptionError("expected centers: --input FILE, found none")
    chosen = None if rows is None else rows_of(rows)
    for option, name, kinds in (("--out", out, _TABLES), ("--plot", plot, PICTURES)):
        if name is not None:
            check_output(option, name, kinds, model, input_file)
    options = ModelOptions(model, input_shape, output_tensor, drop_output_activation, activation, negative_slope)
    net = options.load()
    centers = take_rows([read_points(Path(name), net.input_shape) for name in input_file], chosen)
    started = time.perf_counter()
    found, table = _table(net, centers, sizes, kind, drawn, seconds)
    where = _counted_where(net) + (", at least" if _some_incomplete(table) else "")
    table.attrs |= {"network": net.digest, "norm": kind}
    if chosen is not None:
        table.insert(1, "row", np.repeat(chosen, len(sizes)))
    if out is not None:
        write_table(table, Path(out))
    if plot is not None:
        title = f"{ascii(Path(model).name)[1:-1]}: balls around {counted(len(centers), 'input')}"
        _draw(table, found, title, Path(plot), where)
    files, spent = {"out": out, "plot": plot}, time.perf_counter() - started
    if json_output:
        # the table's column is one of texts where a single bound is large; here every bound is for itself
        whole = zip(found.bounds.reshape(-1), found.products.reshape(-1), table.to_dict("records"), strict=True)
        records = [
            {key: _plain(value) for key, value in (row | {"bound": bound, "product": product}).items()}
            for bound, product, row in whole
        ]
        document: dict[str, Any] = {"command": "local", "model": options.describe(net), "norm": kind}
        document |= {"status": found.status.value, "rows": records, "notes": table.attrs["notes"]}
        write_json(document | {"seconds": spent, "files": files})
    elif quiet:
        write_line(exact_text(max(found.bounds.reshape(-1).tolist())))
    else:
        written = [name for name in (out, plot) if name is not None]
        _show(table, found, f"{ascii(Path(model).name)[1:-1]}, l{kind} balls", spent, written, where)
    return 0


def _table(
    net: Network, centers: np.ndarray, radii: np.ndarray, norm: str, samples: int, seconds: float
) -> tuple[LocalBound, Any]:
    """The bounds, and their table with what samples and counts say beside them, as far as their time reaches."""
    # only here: these bring in torch, numba and pandas
    import pandas

    from vitrail.balls import count_in_ball, local_bound, sampled_regions_in_ball

    found = local_bound(net, centers, radii, norm)
    table = found.to_frame()
    beside = {name: np.full(len(table), np.nan) for name in ("sampled", "counted_lower", "counted_upper")}
    # smallest balls first: they are the cheapest, and every center gets one before the larger ones
    order = np.argsort(np.tile(radii, len(centers)), kind="stable").tolist()
    balls = [(centers[row // len(radii)], float(radii[row % len(radii)])) for row in range(len(table))]
    inputs = centers[0].size
    frame = np.random.default_rng(0).normal(size=(2, inputs)) if inputs > _FEW_INPUTS else None

    def sample(row: int, left: float) -> None:
        beside["sampled"][row] = int(sampled_regions_in_ball(net, *balls[row], samples, norm))

    def count(row: int, left: float) -> None:
        number = count_in_ball(net, *balls[row], frame=frame, norm=norm, time_limit=left)
        beside["counted_lower"][row] = number.lower
        if number.status.complete and number.upper is not None:
            beside["counted_upper"][row] = number.upper

    notes = _in_turn(order, sample, _SAMPLE_SECONDS, "not sampled") if samples else []
    if seconds > 0 and frame is not None and norm != "2":
        notes.append(f"not counted: boxes of more than {_FEW_INPUTS} inputs")
    elif seconds > 0:
        notes += _in_turn(order, count, seconds, "not counted")
    unknown = "unknown where time ran out or that failed"
    texts = {
        "sampled": f"different patterns among random points of the ball: a lower bound, at least 1; {unknown}",
        "counted_lower": f"regions counted {_counted_where(net)}: proven ones; {unknown}",
        "counted_upper": "the same, with regions of which it is open whether they meet the ball; unknown if partial",
    }
    for name, values in beside.items():
        table[name] = pandas.array(values).astype("Int64")
    table.attrs["columns"] |= texts
    table.attrs["notes"] = notes
    return found, table


def _in_turn(order: list[int], look: Callable[[int, float], None], seconds: float, what: str) -> list[str]:
    """Look into balls one after the other while the seconds last; how many were left out, and why.

    An error says that one ball cannot be looked into; the bounds stand without that.
    """
    ends, late = time.perf_counter() + seconds, 0
    failed: Counter[str] = Counter()
    for done, row in enumerate(order):
        left = ends - time.perf_counter()
        if left <= 0:
            late = len(order) - done
            break
        try:
            look(row, left)
        except VitrailError as error:
            failed[str(error).partition("\n")[0]] += 1
    reasons = failed.most_common(_MOST_REASONS)
    others = failed.total() - sum(number for _, number in reasons)
    reasons += [("for other reasons", others)] * (others > 0)
    reasons += [(f"the {seconds:g} seconds for that ran out", late)] * (late > 0)
    return [f"{what}, {number:,} of {counted(len(order), 'ball')}: {reason}" for reason, number in reasons]


def _counted_where(net: Network) -> str:
    few = int(np.prod(net.input_shape, dtype=np.int64)) <= _FEW_INPUTS
    return "in the ball" if few else "in the disc of a random plane through the center"


def _some_incomplete(table: Any) -> bool:
    """Whether some counts are only lower bounds."""
    lower, upper = (table[name].to_numpy(dtype=float, na_value=np.nan) for name in ("counted_lower", "counted_upper"))
    return bool((~np.isnan(lower) & (lower != upper)).any())


def _draw(table: Any, found: LocalBound, title: str, path: Path, where: str) -> None:
    from vitrail.plots.balls import plot_local_bound
    from vitrail.plots.sheet import TITLE

    shape = found.bounds.shape
    numbers, sampled = (
        table[name].to_numpy(dtype=float, na_value=np.nan).reshape(shape) for name in ("counted_lower", "sampled")
    )
    ax = plot_local_bound(found.radii, found.log10, counted=numbers, sampled=sampled, counted_label=f"counted {where}")
    ax.set_title(title, **TITLE)
    write_figure(ax.figure, path)  # type: ignore[arg-type]


def _plain(value: object) -> Any:
    """A cell of the table as JSON has it."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or str(value) == "<NA>":
        return None
    return portable(value) if isinstance(value, int | float) else value


def _show(table: Any, found: LocalBound, title: str, seconds: float, written: list[str], where: str) -> None:
    """Medians over the centers, a line per radius."""
    lines = []
    for place, radius in enumerate(found.radii.tolist()):
        own = table.iloc[place :: len(found.radii)]
        low, middle, high = np.quantile(found.log10[:, place], (0.0, 0.5, 1.0))
        unstable, units = np.median(found.unstable[:, place].sum(axis=1)), int(found.units.sum())
        parts = [f"{radius:.6g}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{unstable:,.0f} of {units:,}"]
        for name in ("counted_lower", "sampled"):
            known = own[name].dropna()
            parts.append("" if not len(known) else f"{known.median():,.0f} ({len(known):,})")
        lines.append(parts)
    head = ("radius", "log10 bound", "range", "unstable units", f"counted {where}", "sampled")
    show(rows_table(f"{title}, medians over {len(found.bounds):,} centers", head, lines, right=range(6)))
    write_line(f"bounds {found.status.value}; in brackets how many balls were looked into; {seconds:.1f} s")
    for note in table.attrs["notes"]:
        write_line(printable(note))
    for name in written:
        write_line(f"written: {name}")
