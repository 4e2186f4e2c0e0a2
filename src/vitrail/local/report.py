"""One table about many points: a row per point, a column per quantity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from os import cpu_count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from vitrail.domains import Domain, Space
from vitrail.engines.run import threads
from vitrail.errors import InvalidOptionError
from vitrail.local.classes import classes_at
from vitrail.local.distance import distance_to_boundary
from vitrail.local.measures import MEASURES
from vitrail.local.points import points_in
from vitrail.local.region import regions_at
from vitrail.network.network import Network
from vitrail.options import one_of
from vitrail.status import Status

if TYPE_CHECKING:
    import pandas

__all__ = ["report"]

_AT_ONCE = 2
"""Points of one task: more make progress coarse."""

_WORST_LAST = (Status.EXACT, Status.CERTIFIED, Status.PARTIAL, Status.UNCERTIFIED)


def report(
    net: Network,
    X: ArrayLike,
    domain: Domain | None = None,
    *,
    measures: str | Sequence[str] = ("distance", "insphere", "directions", "decision"),
    group: str | Sequence[str] = "data",
    executor: Executor | None = None,
    progress: bool = False,
) -> pandas.DataFrame:
    """Measure the regions around the inputs X, one input or a batch: a table with a row for each, in their order.

    `measures` are one or some of "distance" (to the nearest boundary of a unit, wherever the domain ends; quick, needs
    no region), "insphere", "directions", "decision" (seconds in hundreds of inputs, minutes in thousands), "facets" and
    "neighbors" (ten times as long). `group` names the group of all points or of each. `table.attrs["columns"]` says
    what every column means, and its unit. `region` is the same where points share one. Each measure has a status of its
    own, `status` is the weakest in a row. The regions are worked on side by side by `executor`, by default by threads,
    one per core; `progress` shows a bar.

    Raises:
        InvalidDomainError: inputs that do not fit the network or lie outside the domain, or a domain of fewer
            dimensions than the input.
        InvalidOptionError: an unknown measure, none, or not as many groups as points.

    Example:
        >>> import vitrail
        >>> net = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], None)])
        >>> table = report(net, [[1.0, 2.0], [-1.0, 0.5]], vitrail.Box([-2.0, -2.0], [4.0, 4.0]))
        >>> table[["distance", "nearest_unit", "radius"]].round(6).to_numpy().tolist()
        [[1.0, 0.0, 2.0], [0.5, 1.0, 1.0]]
    """
    import pandas  # slow to import

    given = [measures] if isinstance(measures, str) else measures
    chosen = [one_of("measures", name, ["distance", *MEASURES]) for name in given]
    if not chosen:
        raise InvalidOptionError(f"measures: expected some of distance, {', '.join(MEASURES)}, found none")
    space = Space(net.input_shape or 1) if domain is None else domain
    points = points_in(net, X, space)
    names = [group] * len(points) if isinstance(group, str) else list(group)
    if len(names) != len(points):
        raise InvalidOptionError(
            f"group: expected one name, or one for each of {len(points)} points, found {len(names)}"
        )
    table: dict[str, object] = {"point": np.arange(len(points)), "group": names, "prediction": classes_at(net, points)}
    columns = {
        "point": "number of the point among those given",
        "group": "group of the point, as given",
        "prediction": "predicted class: the largest output, for one output its sign as 0 or 1",
    }
    statuses: dict[str, list[Status]] = {}
    if "distance" in chosen:
        distances = distance_to_boundary(net, points, progress=progress)
        own = distances.to_frame().drop(columns=["point", "certified"])
        table |= {name: own[name].to_numpy() for name in own.columns}
        columns |= {name: own.attrs["columns"][name] for name in own.columns}
        columns["distance"] = "l2 distance to the nearest boundary of a unit, in input units, wherever the domain ends"
        statuses["distance"] = [Status.CERTIFIED if proven else Status.UNCERTIFIED for proven in distances.certified]
    asked = [name for name in MEASURES if name in chosen]
    if asked:
        layers = len(net.graph.piecewise)
        found = _measured(net, points, space, asked, executor, progress)
        table["region"] = [row.region for row in found]
        columns["region"] = "digest of the pattern, the same for points in one region"
        for measure in asked:
            described = MEASURES[measure].describe(layers)
            table |= {name: [row.values[name] for row in found] for name in described}
            columns |= described
            statuses[measure] = [row.statuses[measure] for row in found]
    for measure, words in statuses.items():
        covers = MEASURES[measure].covers if measure in MEASURES else "the pattern, and the bounds of the distance"
        table[f"{measure}_status"] = [word.value for word in words]
        columns[f"{measure}_status"] = f"how sure: {covers}"
    table["status"] = [_weakest(words).value for words in zip(*statuses.values(), strict=True)]
    columns["status"] = "how sure the row is: the weakest status in it"
    frame = pandas.DataFrame(table)
    frame.attrs["columns"] = {name: columns[name] for name in frame.columns}
    return frame


@dataclass(frozen=True)
class _Row:
    """What was measured of one region: its digest, values by column, statuses by measure."""

    region: str
    values: dict[str, object]
    statuses: dict[str, Status]


def _measured(
    net: Network, points: np.ndarray, domain: Domain, measures: Sequence[str], executor: Executor | None, progress: bool
) -> list[_Row]:
    """The measures of the region of each point, in order."""
    parts = [points[start : start + _AT_ONCE] for start in range(0, len(points), _AT_ONCE)]
    rows: list[_Row] = []
    with _workers(executor) as submit, tqdm(total=len(points), unit=" regions", disable=not progress) as bar:
        futures = [submit(_measure, net, part, domain, tuple(measures)) for part in parts]
        try:
            for future in futures:
                rows += future.result()
                bar.update(len(rows) - bar.n)
        finally:
            for future in futures:
                future.cancel()
    return rows


@contextmanager
def _workers(executor: Executor | None) -> Iterator[Callable[..., Future[list[_Row]]]]:
    """Where to send tasks; products of threads side by side use one core each. What was begun is not waited for."""
    if executor is not None:
        yield executor.submit
        return
    with threads(1):
        pool = ThreadPoolExecutor(cpu_count() or 1)
        try:
            yield pool.submit
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _measure(net: Network, points: np.ndarray, domain: Domain, measures: Sequence[str]) -> list[_Row]:
    """One task."""
    rows: list[_Row] = []
    for region in regions_at(net, points, domain):
        values: dict[str, object] = {}
        statuses: dict[str, Status] = {}
        for name in measures:
            found, statuses[name] = MEASURES[name].of(region)
            values |= found
        rows.append(_Row(sha256(region.words.tobytes()).hexdigest()[:16], values, statuses))
    return rows


def _weakest(words: Sequence[Status]) -> Status:
    return max(words, key=_WORST_LAST.index)
