"""The files that commands write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.files import check_target, write_whole
from vitrail.options import one_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitrail.cli.output import Json
    from vitrail.domains import Domain
    from vitrail.regions import RegionSet

__all__ = ["PICTURES", "Targets", "check_output", "write_figure", "write_table"]

PICTURES = (".png", ".svg", ".pdf")
"""Endings of the names of pictures."""

_DRAWN, _CHECKED = 3, 16  # dimensions
_RESULTS = (".parquet", ".npz")
_COLORS = ["pattern", "layer", "area", "class"]


def check_output(option: str, name: str, kinds: Sequence[str], model: str, inputs: Sequence[str] = ()) -> None:
    """Refuse a file that cannot be written, or that is read: before anything is computed.

    Raises:
        InvalidOptionError: an unknown kind of file, the model file or an input file.
        StoreError: a place that nothing can be written to.

    Example:
        >>> check_output("--plot", "net.npz", (".png", ".npz"), "./net.npz")
        Traceback (most recent call last):
        ...
        vitrail.errors.InvalidOptionError: --plot: 'net.npz' is the model file; choose another name
    """
    path = Path(name)
    if path.suffix.lower() not in kinds:
        raise InvalidOptionError(f"{option}: expected a file name that ends in {', '.join(kinds)}, found {path.name!r}")
    check_target(path)
    for other, role in ((model, "the model file"), *((source, "an input file") for source in inputs)):
        if path.resolve() == Path(other).resolve():
            raise InvalidOptionError(f"{option}: {path.name!r} is {role}; choose another name")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a picture, whole or not at all, in the format that its name says.

    Raises:
        StoreError: the file cannot be written; what was there before is untouched.
    """
    kind = path.suffix.lower().removeprefix(".")
    write_whole(path, lambda file: figure.savefig(file, format=kind, dpi=200))


def write_table(table: Any, path: Path) -> None:
    """Write a table as .csv or .parquet, as its name says, whole or not at all.

    Raises:
        StoreError: the file cannot be written; what was there before is untouched.
    """

    def write(file: IO[bytes]) -> None:
        if path.suffix.lower() == ".csv":
            file.write(table.to_csv(index=False).encode())
        else:
            table.to_parquet(file, engine="pyarrow", compression="zstd", index=False)

    write_whole(path, write)


@dataclass(frozen=True)
class Targets:
    """Where regions and plot go, and whether they are checked: all of it known to be possible before the search.

    Raises:
        InvalidOptionError: an unknown kind of file, options that exclude each other, or the model file or an input file
            itself.
        StoreError: a place that nothing can be written to.

    Example:
        >>> Targets(None, None, None, "model.onnx", count_only=True).written
        {'out': None, 'plot': None}
    """

    out: str | None
    plot: str | None
    color: str | None
    model: str
    count_only: bool
    certify: bool = False
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check names and places."""
        if self.certify and self.count_only:
            raise InvalidOptionError(
                "--certify needs the regions, which --count-only does not keep: leave out one of them"
            )
        for option, name, kinds in (("--out", self.out, _RESULTS), ("--plot", self.plot, PICTURES)):
            if name is None:
                continue
            if self.count_only:
                raise InvalidOptionError(
                    f"{option} needs the regions, which --count-only does not keep: leave out one of them"
                )
            check_output(option, name, kinds, self.model, self.inputs)
        if self.color is not None:
            if self.plot is None:
                raise InvalidOptionError("--color goes with --plot FILE, which is missing")
            one_of("--color", self.color, _COLORS)

    def check(self, domain: Domain, cells: str) -> None:
        """Refuse to draw or to check what cannot be drawn or checked.

        Raises:
            InvalidOptionError: a plot of more than three dimensions, of an unbounded domain but a line, or of cells
                that are to be halfspaces; a check of more dimensions than exact linear programs can bear.
        """
        size, bounded = domain.frame.dimension, bool(np.isfinite(domain.limits).all())
        found = None
        if self.certify and size > _CHECKED:
            found = f"--certify: expected at most {_CHECKED} dimensions, found {size} dimensions"
        elif self.plot is not None and size > _DRAWN:
            found = (
                f"--plot: expected a line, or a bounded domain of up to {_DRAWN} dimensions, found {size} dimensions"
            )
        elif self.plot is not None and size > 1 and not (bounded and (size == 2 or cells != "halfspaces")):
            kind = "--cells halfspaces" if bounded else "an unbounded domain"
            found = f"--plot: expected a line, or a bounded domain of up to {_DRAWN} dimensions, found {kind}"
        if found is not None:
            raise InvalidOptionError(
                f"{found}\nTake a section through some inputs: --plane or --slice 3 with --input FILE."
            )

    @property
    def written(self) -> dict[str, Json]:
        """The names of the files, None where none was asked for."""
        return {"out": self.out, "plot": self.plot}

    def write(self, regions: RegionSet | None) -> None:
        """Write what was asked for; nothing of regions that were only counted.

        Raises:
            StoreError: a file cannot be written; what was there before is untouched.
        """
        if self.out is not None and regions is not None:
            path = Path(self.out)
            (regions.to_npz if path.suffix.lower() == ".npz" else regions.to_parquet)(path)
        if self.plot is not None and regions is not None:
            _draw(regions, Path(self.plot), self.color or "pattern")


def _draw(regions: RegionSet, path: Path, color: str) -> None:
    from matplotlib.figure import Figure

    from vitrail.plots.sections import plot_solid_with_sections

    if regions.dimension == _DRAWN and len(regions):
        figure = plot_solid_with_sections(regions, color)
    else:
        figure = Figure(figsize=(7.0, 6.0), layout="constrained")
        regions.plot(ax=figure.subplots(), color=color)
    write_figure(figure, path)
