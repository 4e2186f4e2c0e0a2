"""What a probe is, what it reads from a network, and what all probes share."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

from vitrail.domains import Box, Domain, Line, Plane, Polygon, Polytope, Segment, Slice, Space, domain_digest
from vitrail.errors import InvalidOptionError
from vitrail.network.network import Network
from vitrail.regions import RegionSet
from vitrail.status import Status
from vitrail.store import Value

__all__ = ["Probe", "ProbeBase", "Reading", "check_probes", "is_domain", "settings_of", "spread", "worst"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_DOMAINS = (Box, Line, Plane, Polygon, Polytope, Segment, Slice, Space)


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """What one probe found: numbers, truth values and texts by name, and regions where the probe keeps them."""

    numbers: Mapping[str, Value]
    regions: RegionSet | None = None


@runtime_checkable
class Probe(Protocol):
    """Something that measures a network: of a class of your own `name` and `measure` are enough.

    Example:
        >>> class Units:
        ...     name = "units"
        ...     def measure(self, net):
        ...         return Reading({"total": net.number_of_units})
        >>> isinstance(Units(), Probe)
        True
    """

    @property
    def name(self) -> str:
        """What the names of its columns begin with; letters, digits and underscores."""

    def measure(self, net: Network) -> Reading:
        """Measure a network."""


class ProbeBase:
    """What probes of this package share: called with a network they give their numbers."""

    def measure(self, net: Network) -> Reading:
        """Measure a network."""
        raise NotImplementedError

    def __call__(self, net: Network) -> dict[str, Value]:
        """The numbers alone."""
        return dict(self.measure(net).numbers)


def check_probes(probes: object) -> tuple[Probe, ...]:
    """The probes, if they are some and have names that can be told apart.

    Raises:
        InvalidOptionError: something else than a probe, a name that is no word, or one that another name begins with.

    Example:
        >>> check_probes([])
        Traceback (most recent call last):
        ...
        vitrail.errors.InvalidOptionError: probes: expected at least one, found none; give Lines(points), say
    """
    if not isinstance(probes, Sequence):
        raise InvalidOptionError(f"probes: expected a list of probes, found {type(probes).__name__}")
    if not probes:
        raise InvalidOptionError("probes: expected at least one, found none; give Lines(points), say")
    for i, probe in enumerate(probes):
        if isinstance(probe, type) or not isinstance(probe, Probe):
            found = f"the class {probe.__name__}" if isinstance(probe, type) else type(probe).__name__
            raise InvalidOptionError(f"probes: expected something with name and measure(net), found {found} at {i}")
        if not _NAME.fullmatch(str(probe.name)):
            raise InvalidOptionError(
                f"probes: expected a name of letters, digits and underscores, found {probe.name!r} at {i}"
            )
    names = [probe.name for probe in probes]
    for i, name in enumerate(names):
        for other in names[:i]:
            if name == other or name.startswith(f"{other}_") or other.startswith(f"{name}_"):
                raise InvalidOptionError(
                    f"probes: the columns of {name!r} and {other!r} could not be told apart; give one of them another "
                    'name: Plane(a, b, c, name="corner"), say'
                )
    return tuple(probes)


def settings_of(probe: Probe) -> dict[str, Any]:
    """What tells a probe from another one, for JSON: its class, and its fields with arrays as digests.

    Of a class of your own that is no dataclass only the name of the class counts.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Of:
        ...     name: str
        ...     points: np.ndarray
        >>> settings_of(Of("a", np.zeros((2, 3))))
        {'class': 'Of', 'name': 'a', 'points': 'float64 (2, 3) 17b0761f87b081d5'}
    """
    found: dict[str, Any] = {"class": type(probe).__name__}
    if dataclasses.is_dataclass(probe) and not isinstance(probe, type):
        for field in (own for own in dataclasses.fields(probe) if own.init):
            found[field.name] = _plain(getattr(probe, field.name))
    return found


def _plain(value: object) -> Any:
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
        return f"{value.dtype} {value.shape} {digest}"
    if is_domain(value):
        return f"{value.description} {domain_digest(value)}"
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return type(value).__name__


def is_domain(value: object) -> TypeGuard[Domain]:
    """Whether a value is a domain of this package.

    Example:
        >>> is_domain(Segment([0.0], [1.0])), is_domain([0.0, 1.0])
        (True, False)
    """
    return isinstance(value, _DOMAINS)


def worst(statuses: Iterable[Status]) -> Status:
    """The least sure of some statuses; exact of none.

    Example:
        >>> worst([Status.CERTIFIED, Status.PARTIAL]).value
        'partial'
    """
    order = list(Status)
    return max(statuses, key=order.index, default=Status.EXACT)


def spread(values: np.ndarray) -> dict[str, Value]:
    """Mean, standard deviation (of a sample), median, least and greatest of some finite numbers; NaN where undefined.

    Example:
        >>> spread(np.array([1.0, 3.0]))
        {'mean': 2.0, 'sd': 1.4142135623730951, 'median': 2.0, 'min': 1.0, 'max': 3.0}
    """
    if not values.size:
        return dict.fromkeys(("mean", "sd", "median", "min", "max"), float("nan"))
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if values.size > 1 else float("nan"),
        "median": float(np.median(values)),
        "min": float(values.min()),
        "max": float(values.max()),
    }
