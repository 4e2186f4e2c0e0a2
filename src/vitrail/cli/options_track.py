"""The options of `vitrail track` alone, the model files that they name, and the probes that they describe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from vitrail.cli.options import rows_of, words_of
from vitrail.cli.points import read_points, take_rows
from vitrail.errors import InvalidDomainError, InvalidOptionError, ModelFileError
from vitrail.files.whole import quoted

if TYPE_CHECKING:
    from vitrail.network.network import Network
    from vitrail.probes import Probe

__all__ = [
    "MODELS",
    "PROBES",
    "Animation",
    "Checkpoints",
    "LineCount",
    "ProbeOptions",
    "ProbeWords",
    "RecordsOut",
    "RecordsPlot",
    "TrackSeed",
    "model_files",
]

PROBES = ("lines", "plane", "distance", "patterns", "inspheres", "boundary")
MODELS = (".npz", ".safetensors", ".onnx")

Checkpoints = Annotated[
    list[str],
    typer.Argument(
        metavar="CHECKPOINT...",
        help="Model files in the order of training, .npz, .safetensors or .onnx; or a folder: its model files, "
        "2 before 10.",
        show_default=False,
    ),
]
ProbeWords = Annotated[
    str,
    typer.Option(
        "--probes",
        metavar="WORDS",
        help="What to measure: lines (between inputs), plane (through the first three), distance, patterns, "
        "inspheres (slow with many units), boundary (the classes along segments).",
    ),
]
LineCount = Annotated[str | None, typer.Option("--count", metavar="NUMBER", help="Lines, by default 100.")]
TrackSeed = Annotated[str | None, typer.Option("--seed", metavar="NUMBER", help="Seed of the lines, by default 0.")]
RecordsOut = Annotated[
    str | None, typer.Option("--out", metavar="FILE", help="Write the records, a row per model: .parquet.")
]
RecordsPlot = Annotated[str | None, typer.Option(metavar="FILE", help="Draw the records: .png, .svg or .pdf.")]
Animation = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Animate the plane: .gif, or .mp4 (with the program ffmpeg). With --out the regions stay beside it.",
    ),
]

_DIGITS = re.compile(r"(\d+)")
_NEEDED = {"lines": 2, "plane": 3, "boundary": 2}


def model_files(names: Sequence[str]) -> list[Path]:
    """The model files of the arguments: files as given, of a folder those in it, by name, with numbers as numbers.

    Raises:
        ModelFileError: a folder without model files.
        InvalidOptionError: one file twice.

    Example:
        >>> [path.name for path in model_files(["b.npz", "a.npz"])]
        ['b.npz', 'a.npz']
    """
    found: list[Path] = []
    for path in map(Path, names):
        if not path.is_dir():
            found.append(path)
            continue
        inside = [own for own in path.iterdir() if own.suffix.lower() in MODELS and own.is_file()]
        if not inside:
            raise ModelFileError(f"{quoted(path)}: expected a folder with files {', '.join(MODELS)}, found none in it")
        found += sorted(inside, key=_natural)
    for path in found:
        if found.count(path) > 1:
            raise InvalidOptionError(f"CHECKPOINT: expected every file once, found {quoted(path)} more than once")
    return found


def _natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Names in the order that people expect: runs of digits are compared as numbers."""
    parts = [part for part in _DIGITS.split(path.name) if part]
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], path.name


@dataclass(frozen=True)
class ProbeOptions:
    """The options of the probes as they were given, checked before any file is read.

    Raises:
        InvalidOptionError: no inputs, unknown words, or rows that are none.

    Example:
        >>> ProbeOptions("lines, plane", ("images.npy",)).names
        ['lines', 'plane']
    """

    words: str
    inputs: tuple[str, ...] = ()
    rows: str | None = None
    count: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        """Check the combination."""
        names = self.names
        if not self.inputs:
            raise InvalidOptionError("expected --input FILE with the inputs to look at, found none")
        if self.rows is not None:
            rows_of(self.rows)
        drawn = {"lines", "boundary"} & set(names)
        for option, value in (("--count", self.count), ("--seed", self.seed)):
            if value is not None and not drawn:
                raise InvalidOptionError(f"{option} goes with --probes lines or boundary, found neither")

    @property
    def names(self) -> list[str]:
        """The probes that were asked for."""
        return words_of(self.words, "--probes", PROBES)

    def probes(self, net: Network, keep: bool) -> list[Probe]:
        """Read the inputs and make the probes; `keep` keeps the regions of the plane.

        Raises:
            InvalidDomainError: files that cannot be read or do not fit the network, too few inputs.
            InvalidOptionError: rows that the files do not have.
        """
        # only here: these bring in torch and numba
        from vitrail import probes

        arrays = [read_points(Path(name), net.input_shape) for name in self.inputs]
        points = take_rows(arrays, None if self.rows is None else rows_of(self.rows))
        for name in self.names:
            if len(points) < _NEEDED.get(name, 1):
                raise InvalidDomainError(f"--probes {name}: expected {_NEEDED[name]} inputs, found {len(points)}")
        if not np.isfinite(points).all():
            raise InvalidDomainError("--input: found NaN or infinity; expected finite numbers")
        lines = probes.Lines(points, count=self.count or 100, seed=self.seed or 0)
        made: dict[str, Probe] = {}
        for name in self.names:
            if name == "lines":
                made[name] = lines
            elif name == "plane":
                made[name] = probes.Plane(points[0], points[1], points[2], keep=keep)
            elif name == "boundary":
                made[name] = probes.DecisionBoundary(lines.domains(net))
            elif name == "inspheres":
                made[name] = probes.Inspheres(points)
            else:
                made[name] = probes.Distance(points) if name == "distance" else probes.Patterns(points)
        return list(made.values())
