"""`vitrail track`: the same measurements on one model file after the other, the checkpoints of a training run."""

from __future__ import annotations

import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitrail.cli.network import ModelOptions
from vitrail.cli.options import (
    Activation,
    DropOutputActivation,
    InputFiles,
    InputShape,
    JsonOutput,
    NegativeSlope,
    OutputTensor,
    Quiet,
    Rows,
    whole_number,
)
from vitrail.cli.options_track import (
    Animation,
    Checkpoints,
    LineCount,
    ProbeOptions,
    ProbeWords,
    RecordsOut,
    RecordsPlot,
    TrackSeed,
    model_files,
)
from vitrail.cli.output import Json, properties, rows_table, show, write_json, write_line
from vitrail.cli.targets import PICTURES, check_output, write_figure
from vitrail.errors import InvalidOptionError, VitrailError

if TYPE_CHECKING:
    from vitrail.network.network import Network

__all__ = ["EXAMPLES", "track"]

EXAMPLES = """\b
Examples:
  vitrail track epoch0.npz epoch1.npz epoch10.npz --input images.npy
  vitrail track checkpoints/ --input images.npy --rows 0:100 --out run.parquet --plot run.png
  vitrail track checkpoints/ --input images.npy --probes plane --animate run.gif
"""

_SHOWN = (
    *("lines_mean", "lines_mean_per_unit", "plane_activation", "plane_boundary_length", "distance_mean"),
    *("patterns_redundancy", "patterns_dead", "inspheres_mean", "boundary_crossed"),
)
_MOVING = (".gif", ".mp4")


def track(
    checkpoints: Checkpoints,
    input_file: InputFiles = None,
    rows: Rows = None,
    probes: ProbeWords = "lines,plane,distance,patterns",
    count: LineCount = None,
    seed: TrackSeed = None,
    out: RecordsOut = None,
    plot: RecordsPlot = None,
    animate: Animation = None,
    input_shape: InputShape = None,
    output_tensor: OutputTensor = None,
    drop_output_activation: DropOutputActivation = False,
    activation: Activation = None,
    negative_slope: NegativeSlope = "0.01",
    json_output: JsonOutput = False,
    quiet: Quiet = False,
) -> int:
    """Measure a list of model files, a record each: regions on lines and in a plane, distances, patterns.

    The records are those of a tracker in a training loop. A model or a measurement that fails leaves its error in the
    record; the others go on, and the exit code is 3.
    """
    wanted = ProbeOptions(
        probes, tuple(input_file or ()), rows, whole_number(count, "--count", 1), whole_number(seed, "--seed", 0)
    )
    files = model_files(checkpoints)
    for option, name, kinds in (
        ("--out", out, (".parquet",)),
        ("--plot", plot, PICTURES),
        ("--animate", animate, _MOVING),
    ):
        if name is not None:
            check_output(option, name, kinds, str(files[0]), (*map(str, files[1:]), *wanted.inputs))
    if animate is not None and "plane" not in wanted.names:
        raise InvalidOptionError("--animate shows the plane: expected plane in --probes, found " + probes)
    options = [
        ModelOptions(str(path), input_shape, output_tensor, drop_output_activation, activation, negative_slope)
        for path in files
    ]
    networks = [(option.path, partial(_load, option)) for option in options]
    started = time.perf_counter()
    progress = not (quiet or json_output) and sys.stderr.isatty()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(out) if out is not None else Path(folder) / "run.parquet"
        records = _records(networks, wanted, target, animate is not None, progress)
        if plot is not None:
            _draw(target, Path(plot))
        if animate is not None:
            from vitrail.probes import animate as write_animation

            write_animation(target, animate)
    written: dict[str, Json] = {"out": out, "plot": plot, "animate": animate}
    report = _Report(records, wanted.names, time.perf_counter() - started, written)
    report.write(json_output, quiet)
    report.check()
    return 0


def _load(option: ModelOptions) -> Network:
    return option.load()


def _records(
    networks: Sequence[tuple[str, Callable[[], Network]]],
    wanted: ProbeOptions,
    target: Path,
    keep: bool,
    progress: bool,
) -> list[dict[str, Any]]:
    # only here: these bring in torch and numba
    from vitrail.probes import track_checkpoints

    # the inputs are read for the first model, which must be a good one
    made = wanted.probes(networks[0][1](), keep)
    with warnings.catch_warnings():
        # the report says it for all records
        warnings.simplefilter("ignore")
        return [
            dict(record)
            for record in track_checkpoints(
                networks,
                made,
                target,
                overwrite=True,
                progress=progress,
                information={"inputs": list(wanted.inputs), "rows": wanted.rows, "seed": wanted.seed or 0},
            )
        ]


def _draw(records: Path, path: Path) -> None:
    from vitrail.probes import plot_records, read_records

    write_figure(plot_records(read_records(records)), path)


@dataclass(frozen=True)
class _Report:
    """What the command says about its records."""

    records: Sequence[Mapping[str, Any]]
    probes: Sequence[str]
    seconds: float
    written: Mapping[str, Json]

    def write(self, as_json: bool, quiet: bool) -> None:
        """Write it as one JSON object, as the number of records, or as tables."""
        if as_json:
            write_json(
                {
                    "command": "track",
                    "probes": list(self.probes),
                    "records": list(self.records),
                    "errors": self.errors,
                    "seconds": self.seconds,
                    "files": self.written,
                }
            )
        elif quiet:
            write_line(str(len(self.records)))
        else:
            rows = [("records", f"{len(self.records):,}"), ("seconds", f"{self.seconds:.3g}")]
            rows += [("not proven", self._unproven())]
            rows += [("written", str(name)) for name in self.written.values() if name is not None]
            columns = [name for name in _SHOWN if any(name in record for record in self.records)]
            cells = [[str(own["checkpoint"]), *(_cell(own.get(name)) for name in columns)] for own in self.records]
            table = rows_table("", ["checkpoint", *columns], cells, right=range(1, len(columns) + 1))
            show(properties("track", rows), table)

    @property
    def errors(self) -> list[str]:
        """What failed, with the model file that it failed on."""
        return [
            f"{record['checkpoint']}: {name.removesuffix('_error')}: {value}"
            for record in self.records
            for name, value in record.items()
            if name.endswith("_error") and value is not None
        ]

    def _unproven(self) -> str:
        """How many statuses of the records are no proof."""
        words = [value for own in self.records for name, value in own.items() if name.endswith("_status")]
        number = sum(word not in ("exact", "certified") for word in words)
        return f"{number:,} of {len(words):,} statuses" if number else "nothing: all are certified"

    def check(self) -> None:
        """Complain about what failed, after everything is written.

        Raises:
            VitrailError: something did.
        """
        if self.errors:
            raise VitrailError(
                f"{len(self.errors):,} measurements failed; the first: {self.errors[0]}\n"
                "The columns <probe>_error of the records (--out FILE) say which; the others are complete."
            )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
