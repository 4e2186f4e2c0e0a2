"""The options of `vitrail at` alone, and the points that they describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from vitrail.cli.options import rows_of, words_of
from vitrail.cli.points import read_points, take_rows
from vitrail.errors import InvalidDomainError, InvalidOptionError

if TYPE_CHECKING:
    from vitrail.domains import Domain
    from vitrail.network.network import Network

__all__ = [
    "GROUPS",
    "MEASURES",
    "Count",
    "Groups",
    "Measures",
    "PointOptions",
    "Points",
    "RequireRows",
    "SeedNumber",
    "TableOut",
    "TablePlot",
]

GROUPS = ("data", "random", "boundary")
MEASURES = ("distance", "insphere", "directions", "decision", "facets", "neighbors")

Measures = Annotated[
    str,
    typer.Option(
        metavar="WORDS",
        help="What to measure: distance, insphere, directions, decision, facets, neighbors (the last two are slow "
        "with many inputs).",
    ),
]
Groups = Annotated[
    str,
    typer.Option(
        metavar="WORDS",
        help="Which points: data (the inputs), random (uniform in the box, or in the bounding box of the inputs), "
        "boundary (between inputs of different classes).",
    ),
]
Count = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Points of the groups random and boundary each; as many as inputs.")
]
SeedNumber = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Seed of the groups random and boundary, by default 0.")
]
RequireRows = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="certified: exit with 5 where a row, still written, is not."),
]
TableOut = Annotated[str | None, typer.Option(metavar="FILE", help="Write the table, a row per point: .parquet, .csv.")]
TablePlot = Annotated[str | None, typer.Option(metavar="FILE", help="Draw histograms by group: .png, .svg or .pdf.")]


@dataclass(frozen=True, eq=False)
class Points:
    """Points (m, n), the name of the group of each, and the row of the input that each comes from, -1 for random ones.

    A point next to the decision boundary comes from two rows: `rows` has the first, on whose side it lies.
    """

    points: np.ndarray
    groups: list[str]
    rows: np.ndarray


@dataclass(frozen=True)
class PointOptions:
    """The options of the points as they were given, checked before any file is read.

    Raises:
        InvalidOptionError: no inputs where groups need them, unknown groups, or options that do not go with them.

    Example:
        >>> PointOptions(("images.npy",), "0:100", "data,random").names
        ['data', 'random']
    """

    inputs: tuple[str, ...] = ()
    rows: str | None = None
    groups: str = "data"
    count: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        """Check the combination."""
        names = self.names
        if self.rows is not None:
            rows_of(self.rows)
        if names == ["data"]:
            for option, value in (("--count", self.count), ("--seed", self.seed)):
                if value is not None:
                    raise InvalidOptionError(f"{option} goes with --groups random or boundary, found only data")
        if self.inputs:
            return
        if names != ["random"]:
            raise InvalidOptionError(
                "expected --input FILE with the inputs to look at, found none\n"
                "Only --groups random does without, with --box and --count."
            )
        if self.rows is not None or self.count is None:
            problem = "--rows goes with --input FILE" if self.rows is not None else "--groups random needs --count"
            raise InvalidOptionError(f"{problem} where there is no --input FILE to count")

    @property
    def names(self) -> list[str]:
        """The groups that were asked for."""
        return words_of(self.groups, "--groups", GROUPS)

    def points(self, net: Network, domain: Domain) -> Points:
        """Read the inputs and draw the points of all groups.

        Raises:
            InvalidDomainError: files that cannot be read or do not fit, inputs outside the domain, no box to draw from.
            InvalidOptionError: rows that the files do not have, or no two classes to look between.
        """
        size = int(np.prod(net.input_shape, dtype=np.int64))
        arrays = [read_points(Path(name), net.input_shape) for name in self.inputs]
        rows = None if self.rows is None else rows_of(self.rows)
        data = take_rows(arrays, rows).reshape(-1, size) if arrays else None
        numbers = np.arange(0 if data is None else len(data)) if rows is None else np.array(rows)
        if data is not None and not np.isfinite(data).all():
            row, column = np.argwhere(~np.isfinite(data))[0]
            raise InvalidDomainError(
                f"--input: row {numbers[row]} has {data[row, column]} for input {column}; expected finite numbers"
            )
        found = [self._group(name, net, data, numbers, domain) for name in self.names]
        return Points(
            np.concatenate([part.points for part in found]),
            [name for part in found for name in part.groups],
            np.concatenate([part.rows for part in found]),
        )

    def _group(self, name: str, net: Network, data: np.ndarray | None, numbers: np.ndarray, domain: Domain) -> Points:
        # only here: these bring in torch and numba
        from vitrail.local.classes import inside
        from vitrail.local.groups import sample_points

        if name == "data" and data is not None:
            outside = np.flatnonzero(~inside(net, domain, data))
            if outside.size:
                raise InvalidDomainError(
                    f"--input: {outside.size:,} of {len(data):,} rows are outside the domain, the first is row "
                    f"{numbers[outside[0]]} ({domain.description})\nTake a larger domain, or other rows with --rows."
                )
            return Points(data, ["data"] * len(data), numbers)
        if name == "random":
            self._check_room(data, domain)
        count = len(numbers) if self.count is None else self.count
        try:
            drawn = sample_points(net, data, name, count, domain=domain, seed=self.seed or 0)
        except (InvalidDomainError, InvalidOptionError) as error:
            raise type(error)(f"--groups {name}: {error}") from error
        rows = numbers[drawn.rows[:, 0]] if drawn.rows.shape[1] else np.full(count, -1)
        return Points(drawn.points, [name] * count, rows)

    def _check_room(self, data: np.ndarray | None, domain: Domain) -> None:
        """Without limits of the domain random points fill the bounding box of the data, which must not be a point."""
        if np.isfinite(domain.limits).all():
            return
        if data is None:
            raise InvalidDomainError(
                "--groups random: expected --box LIMITS or --input FILE to draw from, found neither"
            )
        if (data == data[0]).all():
            raise InvalidDomainError(
                "--groups random: the bounding box of the inputs is a single point\n"
                "Give limits with --box, or several inputs."
            )
