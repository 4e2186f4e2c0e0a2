"""The domain that the options describe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vitrail.cli.options import limits_of, rows_of
from vitrail.cli.points import read_points, take_rows
from vitrail.domains import Box, Line, Plane, Segment, Slice, Space
from vitrail.domains.vnnlib import read_vnnlib_limits
from vitrail.errors import InvalidDomainError, InvalidOptionError

if TYPE_CHECKING:
    from vitrail.domains import Domain

__all__ = ["DomainOptions"]

_POINTS = {"segment": 2, "line": 2, "plane": 3}
_MARGIN = 0.25  # around the points of a slice, in multiples of its directions


@dataclass(frozen=True)
class DomainOptions:
    """The options of a domain as they were given, checked before any file is read.

    `default` is the kind of domain where none was asked for; `directions` are those of --slice.

    Raises:
        InvalidOptionError: not exactly one domain, not exactly one source of points, options that exclude each other.

    Example:
        >>> DomainOptions(plane=True, random=0).kind
        'plane'
    """

    segment: bool = False
    line: bool = False
    plane: bool = False
    box: tuple[str, ...] = ()
    directions: int | None = None
    vnnlib: str | None = None
    space: bool = False
    inputs: tuple[str, ...] = ()
    rows: str | None = None
    random: int | None = None
    margin: float | None = None
    default: str | None = None

    def __post_init__(self) -> None:
        """Check the combination."""
        if not self._needed:
            given = [("--input", bool(self.inputs)), ("--rows", self.rows is not None)]
            given += [("--random", self.random is not None), ("--margin", self.margin is not None)]
            for name, present in given:
                if present:
                    raise InvalidOptionError(f"{name} does not go with --{self.kind}, which needs no points")
            for text in self.box:
                limits_of(text)
            return
        if bool(self.inputs) == (self.random is not None):
            found = "both" if self.inputs else "neither"
            raise InvalidOptionError(
                f"--{self.kind} needs points: expected --input FILE or --random SEED, found {found}"
            )
        if self.rows is not None:
            if self.random is not None:
                raise InvalidOptionError("--rows goes with --input, not with --random")
            rows_of(self.rows, self._needed)
        if self.margin is not None and self.kind not in ("plane", "slice"):
            raise InvalidOptionError(f"--margin goes with --plane or --slice, not with --{self.kind}")

    @cached_property
    def kind(self) -> str:
        """The one domain that was asked for: segment, line, plane, box, slice, vnnlib or space."""
        given = {"segment": self.segment, "line": self.line, "plane": self.plane, "box": bool(self.box)}
        given |= {"slice": self.directions is not None, "vnnlib": self.vnnlib is not None, "space": self.space}
        chosen = [name for name, present in given.items() if present]
        if not chosen and self.default is not None:
            return self.default
        if len(chosen) != 1:
            found = " and ".join(f"--{name}" for name in chosen) or "none"
            wanted = ", ".join(f"--{name}" for name in given)
            raise InvalidOptionError(f"expected exactly one of {wanted}, found {found}")
        return chosen[0]

    @property
    def _needed(self) -> int:
        """How many points the domain needs."""
        return 1 + (self.directions or 0) if self.kind == "slice" else _POINTS.get(self.kind, 0)

    def domain(self, shape: tuple[int, ...]) -> Domain:
        """The domain for a network with inputs of this shape; reads the files of points.

        Raises:
            InvalidDomainError: files that cannot be read or do not fit, degenerate domains.
            InvalidOptionError: rows that the files do not have.
        """
        inputs = int(np.prod(shape, dtype=np.int64))
        if self.kind == "box":
            return _box([pair for text in self.box for pair in limits_of(text)], inputs)
        if self.kind == "vnnlib":
            return _property(self.vnnlib or "", inputs)
        if self.kind == "space":
            return Space(shape or 1)
        points = self._points(shape)
        if self.kind == "segment":
            return Segment(*points)
        if self.kind == "line":
            with np.errstate(over="ignore"):
                return Line(points[0], points[1] - points[0])
        if self.kind == "slice":
            return _slice(points, _MARGIN if self.margin is None else self.margin)
        a, b, c = points
        return Plane.through(a, b, c) if self.margin is None else Plane.through(a, b, c, margin=self.margin)

    def _points(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        needed = self._needed
        if self.random is not None:
            return list(np.random.default_rng(self.random).random((needed, *shape)))
        arrays = [read_points(Path(name), shape) for name in self.inputs]
        total = sum(len(array) for array in arrays)
        if total < needed:
            raise InvalidDomainError(f"--{self.kind} needs {needed} points, found {total} in --input")
        return list(take_rows(arrays, range(needed) if self.rows is None else rows_of(self.rows, needed)))


def _box(limits: list[tuple[float, float]], inputs: int) -> Box:
    if len(limits) not in (1, inputs):
        raise InvalidDomainError(f"--box: found limits for {len(limits)} inputs, but the network takes {inputs}")
    low, high = zip(*(limits if len(limits) == inputs else limits * inputs), strict=True)
    return Box(list(low), list(high))


def _property(name: str, inputs: int) -> Box | Slice:
    """The box of a property; where it fixes some inputs, the slice of the others."""
    low, high = read_vnnlib_limits(name)
    if low.size != inputs:
        raise InvalidDomainError(f"--vnnlib: found limits for {low.size} inputs, but the network takes {inputs}")
    free = low < high
    if free.all():
        return Box(low, high)
    if not free.any():
        raise InvalidDomainError("--vnnlib: found equal limits for every input, a point; expected a box")
    return Slice(np.where(free, 0.0, low), np.eye(inputs)[free], low[free], high[free])


def _slice(points: list[np.ndarray], margin: float) -> Slice:
    """The parallelepiped from the first point along the ways to the others, with room on all sides."""
    if margin < 0:
        raise InvalidDomainError(f"--slice: expected a margin of at least 0, found {margin}")
    with np.errstate(over="ignore"):
        directions = np.stack(points[1:]) - points[0]
    return Slice(points[0], directions, -margin, 1.0 + margin)
