"""The options of a walk, from regions of given inputs across facets, and what is said about its result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vitrail.cli.options import rows_of
from vitrail.cli.output import Json, rows_table
from vitrail.cli.points import read_points, take_rows
from vitrail.errors import InvalidOptionError

if TYPE_CHECKING:
    from rich.table import Table

    from vitrail.walking import Walk

__all__ = ["WalkOptions", "walk_document", "walk_table"]

_DOMAINS = ("box", "vnnlib", "space")
_CLASSES = 6  # are listed, those with most regions


@dataclass(frozen=True)
class WalkOptions:
    """The options of a walk as they were given, checked before any file is read; no file is no walk.

    `steps` are the facets to cross, by default 1; `rows` chooses among the inputs in the file, by default all of them.

    Raises:
        InvalidOptionError: steps without a file, or another option that does not go with a walk.

    Example:
        >>> WalkOptions("digits.npy", None, "7").distance
        1
    """

    path: str | None = None
    steps: int | None = None
    rows: str | None = None

    def __post_init__(self) -> None:
        """Check the combination."""
        if self.path is None and self.steps is not None:
            raise InvalidOptionError("--steps goes with --walk-from FILE, which is missing")
        if self.path is not None and self.rows is not None:
            rows_of(self.rows)

    @property
    def distance(self) -> int:
        """How many facets are crossed at most."""
        return 1 if self.steps is None else self.steps

    def check(self, kind: str, others: dict[str, bool]) -> None:
        """Refuse a kind of domain and other options, by name and whether they were given, that a walk does not take.

        Raises:
            InvalidOptionError: there is such an option.
        """
        if self.path is None:
            return
        for name, given in others.items():
            if given:
                raise InvalidOptionError(f"{name} does not go with --walk-from: leave out one of them")
        if kind not in _DOMAINS:
            raise InvalidOptionError(f"--walk-from goes with --box, --vnnlib or --space, not with --{kind}")

    def points(self, shape: tuple[int, ...]) -> np.ndarray:
        """The inputs to start from, shape (points, *shape), for a network with inputs of this shape.

        Raises:
            InvalidDomainError: a file that cannot be read or does not fit.
            InvalidOptionError: rows that the file does not have.
        """
        found = read_points(Path(self.path or ""), shape, "--walk-from")
        return take_rows([found], None if self.rows is None else rows_of(self.rows))


def walk_document(walk: Walk) -> dict[str, Json]:
    """Seeds and regions at every distance, for JSON."""
    by_distance = np.bincount(walk.distances).tolist()
    shells: list[Json] = [{"distance": i, "regions": number} for i, number in enumerate(by_distance)]
    return {"seeds": len(walk.seeds), "by_distance": shells}


def walk_table(walk: Walk) -> Table:
    """How many regions lie at every distance, how many facets they have, and what is predicted there."""
    facets, classes = np.diff(walk.regions.facet_offsets), walk.regions.classes
    # a class is that at a point inside, where one is known
    known = np.isfinite(walk.regions.witnesses).all(axis=1)
    rows = []
    for distance in range(int(walk.distances.max(initial=-1)) + 1):
        here = walk.distances == distance
        names, numbers = np.unique(classes[here & known], return_counts=True)
        largest = np.argsort(-numbers, kind="stable")[:_CLASSES]
        found = [f"{names[i]}: {numbers[i]:,}" for i in largest]
        found += [f"{len(names) - _CLASSES} more"] if len(names) > _CLASSES else []
        found += [f"not known: {(here & ~known).sum():,}"] if (here & ~known).any() else []
        spread = f"{facets[here].min():,} to {facets[here].max():,}" if here.any() else ""
        rows.append((str(distance), f"{int(here.sum()):,}", spread, ", ".join(found)))
    return rows_table("", ("facets crossed", "regions", "facets of each", "class: regions"), rows, right=(0, 1))
