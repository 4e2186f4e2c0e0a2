"""One table about many points: a row per point, a column per quantity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from os import cpu_count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from vitrail.domains import Domain, Space
from vitrail.engines.run import threads
from vitrail.errors import InvalidOptionError
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

_AT_ONCE = 4
"""Points of one task: more make progress coarse."""

_WORST_LAST = (Status.EXACT, Status.CERTIFIED, Status.PARTIAL, Status.UNCERTIFIED)


def report(
    net: Network,
    X: ArrayLike,
    domain: Domain | None = None,
    *,
    measures: Sequence[str] = ("distance", "insphere", "directions", "decision"),
    group: str | Sequence[str] | None = None,
    executor: Executor | None = None,
    progress: bool = False,
) -> pandas.DataFrame:
    """Measure the regions around the inputs X, one input or a batch: a table with a row for each, in their order.

    `measures` are among "distance" (to the nearest boundary of a unit, wherever the domain ends; quick, needs no
    region), "insphere", "directions", "decision", "facets" and "neighbors" (both slow in many dimensions). `group`
    names the group of all points or of each. `table.attrs["columns"]` says what every column means, and its unit.
    `status` is that of the weakest of the results in a row. The regions are worked on side by side by `executor`, by
    default by threads, one per core; `progress` shows a bar.

    Raises:
        InvalidDomainError: inputs that do not fit the network or lie outside the domain, or a domain of fewer
            dimensions than the input.
        InvalidOptionError: an unknown measure, or not as many groups as points.

    Example:
        >>> import vitrail
        >>> net = Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], None)])
        >>> table = report(net, [[1.0, 2.0], [-1.0, 0.5]], vitrail.Box([-2.0, -2.0], [4.0, 4.0]))
        >>> table[["distance", "nearest_unit", "radius"]].round(6).to_numpy().tolist()
        [[1.0, 0.0, 2.0], [0.5, 1.0, 1.0]]
    """
    import pandas  # slow to import

    chosen = [one_of("measures", name, ["distance", *MEASURES]) for name in measures]
    space = Space(net.input_shape or 1) if domain is None else domain
    points = points_in(net, X, space)
    names = [group] * len(points) if group is None or isinstance(group, str) else list(group)
    if len(names) != len(points):
        raise InvalidOptionError(
            f"group: expected one name, or one for each of {len(points)} points, found {len(names)}"
        )
    values = net.forward(points.reshape(-1, *net.input_shape)).reshape(len(points), -1).numpy()
    table: dict[str, object] = {"point": np.arange(len(points)), "group": names, "prediction": _classes(values)}
    columns = {
        "point": "number of the point among those given",
        "group": "group of the point, as given",
        "prediction": "predicted class: the largest output, for one output its sign as 0 or 1",
    }
    status = [Status.EXACT] * len(points)
    if "distance" in chosen:
        distances = distance_to_boundary(net, points, progress=progress)
        own = distances.to_frame()
        table |= {name: own[name].to_numpy() for name in own.columns if name not in columns}
        columns |= {name: text for name, text in own.attrs["columns"].items() if name not in columns}
        status = [Status.CERTIFIED if proven else Status.UNCERTIFIED for proven in distances.certified]
    asked = [name for name in MEASURES if name in chosen]
    if asked:
        layers = len(net.graph.piecewise)
        described = {name: text for measure in asked for name, text in MEASURES[measure].describe(layers).items()}
        found = _measured(net, points, space, asked, executor, progress)
        table |= {name: [row[name] for row, _ in found] for name in described}
        columns |= described
        status = [_weakest(a, b) for a, (_, b) in zip(status, found, strict=True)]
    table["status"] = [word.value for word in status]
    columns["status"] = "how sure the row is: the weakest status of its results"
    frame = pandas.DataFrame(table)
    frame.attrs["columns"] = {name: columns[name] for name in frame.columns}
    return frame


_Row = tuple[dict[str, object], Status]


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
    """Where to send tasks; products of threads side by side use one core each."""
    if executor is not None:
        yield executor.submit
        return
    with threads(1), ThreadPoolExecutor(cpu_count() or 1) as pool:
        yield pool.submit


def _measure(net: Network, points: np.ndarray, domain: Domain, measures: Sequence[str]) -> list[_Row]:
    """One task."""
    rows: list[_Row] = []
    for region in regions_at(net, points, domain):
        values: dict[str, object] = {}
        status = region.status
        for name in measures:
            found, sure = MEASURES[name].of(region)
            values |= found
            status = _weakest(status, sure)
        rows.append((values, status))
    return rows


def _weakest(a: Status, b: Status) -> Status:
    return max(a, b, key=_WORST_LAST.index)


def _classes(values: np.ndarray) -> np.ndarray:
    return values.argmax(axis=1) if values.shape[1] > 1 else (values[:, 0] > 0).astype(np.int64)
