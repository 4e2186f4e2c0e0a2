"""How many regions a plane through the data has, and how long the decision boundary in it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from vitrail import domains
from vitrail.boundaries import decision_boundary
from vitrail.domains import Domain
from vitrail.domains.checks import real_array
from vitrail.errors import InvalidOptionError
from vitrail.network.network import Network
from vitrail.options import one_of, positive_number
from vitrail.probes.reading import ProbeBase, Reading, is_domain, worst
from vitrail.search import enumerate_regions
from vitrail.status import Definition
from vitrail.store import Value

__all__ = ["DecisionBoundary", "Plane"]


@dataclass(frozen=True, eq=False)
class Plane(ProbeBase):
    """Count the regions in a plane through three inputs `a`, `b` and `c`, or in any `window` of two dimensions.

    The window through three inputs is that of `vitrail.Plane.through` with `margin`. `definitions` are those that are
    counted. With `boundary` the decision boundary is found, too; with `keep` the regions stay at hand for an animation
    (of a tracker: in files beside the records).

    Numbers: a count with the name of each definition, its status as `<definition>_status`, `per_unit_squared`:
    activation regions over the square of the number of units; `boundary_length` in input units, `boundary_per_area`,
    `boundary_status`; `area`.

    Raises:
        InvalidDomainError: inputs that are not numbers, or lie on one line.
        InvalidOptionError: neither or both of inputs and window, a window of other dimensions, unknown definitions.

    Example:
        >>> net = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, -1.0], [0.0, 0.0]], None)])
        >>> found = Plane(window=domains.Box([-1.0, -1.0], [1.0, 1.0]), definitions=("activation", "affine"))(net)
        >>> found["activation"], found["affine"], found["per_unit_squared"], found["activation_status"]
        (4, 4, 1.0, 'certified')
    """

    a: ArrayLike | None = None
    b: ArrayLike | None = None
    c: ArrayLike | None = None
    window: Domain | None = None
    margin: float = 0.25
    definitions: Sequence[str] = ("activation", "linear", "affine")
    boundary: bool = True
    keep: bool = False
    max_regions: int | None = None
    time_limit: float | None = None
    name: str = "plane"

    def __post_init__(self) -> None:
        """Check the options, and make the window."""
        given = [value is not None for value in (self.a, self.b, self.c)]
        if any(given) == (self.window is not None) or any(given) != all(given):
            raise InvalidOptionError(
                f"plane: expected three inputs a, b and c, or window=..., found {sum(given)} inputs and "
                f"{'a' if self.window is not None else 'no'} window"
            )
        positive_number("margin", self.margin)
        words = [own.value for own in Definition]
        chosen = (self.definitions,) if isinstance(self.definitions, str) else tuple(self.definitions)
        object.__setattr__(self, "definitions", tuple(one_of("definitions", word, words) for word in chosen))
        if self.a is not None and self.b is not None and self.c is not None:
            for name in "abc":
                object.__setattr__(self, name, real_array(name, getattr(self, name)))
        elif not is_domain(self.window) or self.window.frame.dimension != 2:
            raise InvalidOptionError(
                "window: expected a domain of two dimensions, a vitrail.Plane, say, found " + _described(self.window)
            )
        _ = self.domain

    @cached_property
    def domain(self) -> Domain:
        """The window."""
        if self.a is not None and self.b is not None and self.c is not None:
            return domains.Plane.through(self.a, self.b, self.c, self.margin)
        if self.window is None:
            raise InvalidOptionError("plane: expected three inputs or a window, found neither")
        return self.window

    def measure(self, net: Network) -> Reading:
        """Enumerate the plane."""
        window = self.domain
        regions = enumerate_regions(net, window, max_regions=self.max_regions, time_limit=self.time_limit)
        numbers: dict[str, Value] = {}
        for word in self.definitions:
            count = regions.count(word)
            numbers |= {word: int(count), f"{word}_status": count.status.value}
        units = net.number_of_units
        numbers["per_unit_squared"] = len(regions) / units**2 if units else float("nan")
        if self.boundary:
            found = decision_boundary(net, window, max_regions=self.max_regions, time_limit=self.time_limit)
            numbers["boundary_length"] = found.measure
            numbers["boundary_per_area"] = (
                found.measure / window.measure if np.isfinite(window.measure) else float("nan")
            )
            numbers["boundary_status"] = found.status.value
        numbers["area"] = window.measure
        return Reading(numbers, regions if self.keep else None)


@dataclass(frozen=True, eq=False)
class DecisionBoundary(ProbeBase):
    """Measure how much decision boundary some lines or planes have.

    `places` is a domain or a list of them, all of one dimension: segments, lines, planes, ... The boundary is that of
    the predicted class: the largest output, or the sign of a single one.

    Numbers: `crossed`, the share of the places where the class changes; `pieces`, their mean number (on a line: of
    changes of class); `size`, the mean length of the boundary in a plane (0 on lines, where it is points), and
    `density`, pieces per length on segments, length per area in planes, over all places together, NaN where these are
    infinite; `count` of places, `unproven` ones, and `status` of the least sure.

    Raises:
        InvalidOptionError: no domain, something else, or domains of different dimensions.

    Example:
        >>> net = Network.from_arrays([([[1.0]], None), ([[1.0], [-1.0]], [-1.0, 1.0])])
        >>> places = [domains.Segment([0.0], [2.0]), domains.Segment([3.0], [5.0])]
        >>> found = DecisionBoundary(places)(net)
        >>> found["crossed"], found["pieces"], found["density"]
        (0.5, 0.5, 0.25)
    """

    places: Domain | Sequence[Domain]
    max_regions: int | None = None
    time_limit: float | None = None
    name: str = "boundary"

    def __post_init__(self) -> None:
        """Check the domains."""
        places = tuple(self.places) if isinstance(self.places, Sequence) else (self.places,)
        for place in places:
            if not is_domain(place):
                raise InvalidOptionError(
                    f"places: expected domains, found {type(place).__name__}; vitrail.Segment, say"
                )
        if len({place.frame.dimension for place in places}) != 1:
            raise InvalidOptionError("places: expected domains of one dimension, found none or of several dimensions")
        object.__setattr__(self, "places", places)

    def measure(self, net: Network) -> Reading:
        """Find the boundary in all places."""
        places: tuple[Domain, ...] = tuple(self.places)  # type: ignore[arg-type]
        found = [
            decision_boundary(net, place, max_regions=self.max_regions, time_limit=self.time_limit) for place in places
        ]
        pieces = np.array([len(own) for own in found], dtype=np.float64)
        sizes = np.array([own.measure for own in found])
        room = sum(place.measure for place in places)
        total = pieces.sum() if places[0].frame.dimension == 1 else sizes.sum()
        numbers: dict[str, Value] = {
            "crossed": float((pieces > 0).mean()),
            "pieces": float(pieces.mean()),
            "size": float(sizes.mean()),
            "density": float(total / room) if np.isfinite(room) else float("nan"),
            "count": len(places),
            "unproven": sum(not own.status.proven for own in found),
            "status": worst(own.status for own in found).value,
        }
        return Reading(numbers)


def _described(window: object) -> str:
    if is_domain(window):
        return f"{window.description} of dimension {window.frame.dimension}"
    return type(window).__name__
