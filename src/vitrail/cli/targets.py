"""The files that `vitrail regions` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitrail.errors import InvalidOptionError
from vitrail.files import check_target, write_whole
from vitrail.options import one_of

if TYPE_CHECKING:
    from vitrail.cli.output import Json
    from vitrail.regions import RegionSet

__all__ = ["Targets"]

_RESULTS, _PLOTS = (".parquet", ".npz"), (".png", ".svg", ".pdf")
_COLORS = ["pattern", "layer", "area", "class"]


@dataclass(frozen=True)
class Targets:
    """Where regions and plot go, checked before anything is computed.

    Raises:
        InvalidOptionError: an unknown kind of file, options that exclude each other, or the model file itself.
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

    def __post_init__(self) -> None:
        """Check names and places."""
        for option, name, kinds in (("--out", self.out, _RESULTS), ("--plot", self.plot, _PLOTS)):
            if name is None:
                continue
            if self.count_only:
                raise InvalidOptionError(
                    f"{option} needs the regions, which --count-only does not keep: leave out one of them"
                )
            path = Path(name)
            if path.suffix.lower() not in kinds:
                raise InvalidOptionError(
                    f"{option}: expected a file name that ends in {', '.join(kinds)}, found {path.name!r}"
                )
            check_target(path)
            if path.resolve() == Path(self.model).resolve():
                raise InvalidOptionError(f"{option}: {path.name!r} is the model file; choose another name")
        if self.color is not None:
            if self.plot is None:
                raise InvalidOptionError("--color goes with --plot FILE, which is missing")
            one_of("--color", self.color, _COLORS)

    @property
    def written(self) -> dict[str, Json]:
        """The names of the files, None where none was asked for."""
        return {"out": self.out, "plot": self.plot}

    def write(self, regions: RegionSet) -> None:
        """Write what was asked for.

        Raises:
            StoreError: a file cannot be written; what was there before is untouched.
        """
        if self.out is not None:
            path = Path(self.out)
            (regions.to_npz if path.suffix.lower() == ".npz" else regions.to_parquet)(path)
        if self.plot is not None:
            _draw(regions, Path(self.plot), self.color or "pattern")


def _draw(regions: RegionSet, path: Path, color: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    regions.plot(ax=figure.subplots(), color=color)
    kind = path.suffix.lower().removeprefix(".")
    write_whole(path, lambda file: figure.savefig(file, format=kind, dpi=200))
