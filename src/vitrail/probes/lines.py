"""How many regions lines through the data cross."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from vitrail.domains import Domain, Line, Segment
from vitrail.domains.checks import real_array, real_points
from vitrail.errors import InvalidDomainError
from vitrail.network.network import Network
from vitrail.network.ops.base import size_of
from vitrail.options import natural_integer, one_of, positive_integer
from vitrail.probes.reading import ProbeBase, Reading, spread, worst
from vitrail.search import count_regions
from vitrail.status import Definition

__all__ = ["Lines"]

_KINDS = ("segments", "origin")
_TRIES = 16


@dataclass(frozen=True, eq=False)
class Lines(ProbeBase):
    """Count the regions on lines.

    `kind` is "segments", between `count` pairs of different `points` drawn at random, or "origin": infinite lines from
    the origin through `count` of the points (fewer where there are fewer that are not the origin), as Hanin and Rolnick
    2019 have them (ICML, Complexity of linear regions). `points` are (m, *input shape), flattened or not; None draws
    them uniformly from [0, 1] per input. `seed` fixes the choice, so that every record looks at the same lines.

    Numbers: `mean`, `sd`, `median`, `min`, `max` of the counts, `mean_per_unit`, `count` of lines, `unproven`: how many
    of the counts have no proof, and `status`, that of the least sure one.

    Raises:
        InvalidDomainError: points that are not numbers, or (when measured) do not fit the network or are all equal.
        InvalidOptionError: options of another kind.

    Example:
        >>> net = Network.from_arrays([([[1.0], [1.0]], [0.5, -0.5]), ([[1.0, 1.0]], None)])
        >>> found = Lines([[-2.0], [2.0]], count=3)(net)
        >>> found["mean"], found["mean_per_unit"], found["count"], found["status"]
        (3.0, 1.5, 3, 'certified')
    """

    points: ArrayLike | None = None
    count: int = 100
    kind: str = "segments"
    definition: str = "activation"
    seed: int = 0
    max_regions: int | None = None
    time_limit: float | None = None
    name: str = "lines"
    _made: dict[tuple[int, ...], list[Domain]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the options."""
        if self.points is not None:
            object.__setattr__(self, "points", real_array("points", self.points))
        positive_integer("count", self.count)
        natural_integer("seed", self.seed)
        one_of("kind", self.kind, _KINDS)
        one_of("definition", self.definition, [own.value for own in Definition])

    def domains(self, net: Network) -> list[Domain]:
        """The lines in the input space of a network, made once for all networks of one input shape.

        Raises:
            InvalidDomainError: points that do not fit the network, or from which no line can be made.
        """
        if net.input_shape not in self._made:
            self._made[net.input_shape] = self._lines(net)
        return list(self._made[net.input_shape])

    def _lines(self, net: Network) -> list[Domain]:
        rng = np.random.default_rng(self.seed)
        if self.points is None:
            points = rng.random((2 * self.count, size_of(net.input_shape)))
        else:
            points = real_points("points", self.points, net.input_shape)
        if self.kind == "origin":
            points = points[points.any(axis=1)]
            chosen = rng.permutation(len(points))[: self.count]
            if not chosen.size:
                raise InvalidDomainError("points: expected one that is not the origin, found none; give others")
            return [Line(np.zeros_like(points[i]), points[i]) for i in chosen]
        if (points == points[0]).all():
            raise InvalidDomainError("points: expected two different ones to draw a segment between; give more points")
        first, second = _pairs(points, self.count, rng)
        return [Segment(points[i], points[j]) for i, j in zip(first, second, strict=True)]

    def measure(self, net: Network) -> Reading:
        """Count on all lines."""
        found = count_regions(
            net, self.domains(net), self.definition, max_regions=self.max_regions, time_limit=self.time_limit
        )
        counts = np.array(found, dtype=np.float64)
        units = net.number_of_units
        numbers = spread(counts) | {
            "mean_per_unit": float(counts.mean()) / units if units else float("nan"),
            "count": len(found),
            "unproven": sum(not own.status.proven for own in found),
            "status": worst(own.status for own in found).value,
        }
        return Reading(numbers)


def _pairs(points: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different points, drawn in pairs; of points of which at least two differ."""
    first, second = rng.integers(len(points), size=(2, count))
    for _ in range(_TRIES):
        same = np.flatnonzero((points[first] == points[second]).all(axis=1))
        if not same.size:
            return first, second
        first[same], second[same] = rng.integers(len(points), size=(2, same.size))
    # nearly all points are equal: draw among different ones
    rows = np.unique(points, axis=0, return_index=True)[1]
    start = rng.integers(len(rows), size=count)
    return rows[start], rows[(start + rng.integers(1, len(rows), size=count)) % len(rows)]
