"""The entry point `walk`: regions from given points on, across facets, in any number of dimensions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from vitrail.account import Account
from vitrail.domains import Domain, Space, domain_digest
from vitrail.domains.checks import real_points
from vitrail.engines.along import Along, ExactAlong, FloatAlong
from vitrail.engines.bottleneck import Bottleneck, find_bottleneck
from vitrail.engines.budget import Budget
from vitrail.engines.plan import Plan, make_plan
from vitrail.engines.roots import Roots
from vitrail.engines.run import threads
from vitrail.engines.seeds import domain_sides, patterns_at, seed_coordinates, strictly_inside
from vitrail.engines.walk import Found, Limits, number_cuts, walk_regions
from vitrail.network.graph import Graph
from vitrail.network.network import Network
from vitrail.network.rounding import FormBounds
from vitrail.options import positive_integer, positive_number
from vitrail.regions import RegionSet
from vitrail.source import Source
from vitrail.status import Arithmetic, Cells

__all__ = ["Walk", "walk"]

_POINTS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Walk:
    """The regions that a walk found, in the order of their `distances` (regions,) from the nearest seed's region.

    A distance is a number of facets to cross. `seeds` (seeds,) is the region of each seed, -1 where the budget did not
    reach it.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> found = walk(net, [2.0])
        >>> len(found.regions), found.distances.tolist(), found.seeds.tolist()
        (3, [0, 1, 2], [0])
    """

    regions: RegionSet
    distances: np.ndarray
    seeds: np.ndarray


@dataclass(frozen=True)
class _Setup:
    """The plan on the domain; and what is walked: that, or the network behind a bottleneck in a space of its own."""

    plan: Plan
    roots: Roots
    narrow: Bottleneck | None
    walked: tuple[Plan, Roots]


def walk(
    net: Network,
    seeds: ArrayLike,
    domain: Domain | None = None,
    *,
    max_distance: int | None = None,
    max_regions: int | None = None,
    time_limit: float | None = None,
    progress: bool = False,
    exact: bool = True,
) -> Walk:
    """Find regions from those of given inputs on, breadth first across facets, in a domain of any dimension.

    `seeds` is one input or a batch of them. One on a boundary stands for the region that it enters when it moves a
    little towards the middle of the domain, and infinitely less along each coordinate in turn. `domain` is the whole
    input space if it is not given.

    `max_distance` is how many facets to cross at most, 0 for the seeds' regions alone. `max_regions` and `time_limit`
    (seconds) are budgets as in `enumerate_regions`. Where none of them ends the walk, it has found all regions of the
    domain, and its status says how they are proven; else it is partial. Facets of every region of the result are known,
    those to regions that are not in it too.

    Forms are exact, and so is what floating point does not decide: the result is certified. With `exact=False`
    everything is done in floating point, what its error bounds do not decide is counted as undecided, and a region
    behind a facet that is not proven is not visited.

    Raises:
        InvalidDomainError: a seed that is not in the domain or no input of the network; a domain that does not fit it.
        InvalidModelError: the network's numbers overflow on the domain.
        InvalidOptionError: a limit that is not a number of the kind that it counts.
        ResourceLimitError: exact arithmetic meets a sum of more than 2^19 terms.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> found = walk(net, [[3.0, 1.0]], max_distance=1)
        >>> len(found.regions), found.regions.status.value, len(walk(net, [0.0, 0.0]).regions)
        (3, 'partial', 4)
    """
    started = time.perf_counter()
    limits = _limits(max_distance, max_regions, time_limit)
    domain = Space(net.input_shape) if domain is None else domain
    points = real_points("seeds", seeds, net.input_shape)
    with threads(1), _reporting(limits, progress) as limits:
        setup = _prepare(net.graph, domain, Arithmetic.FILTERED if exact else Arithmetic.FLOAT)
        sides, middle = domain_sides(setup.roots)
        first = patterns_at(setup.plan, setup.roots, seed_coordinates(domain, setup.roots, sides, points), middle)
        plan, roots = setup.walked
        along: Along = ExactAlong(plan, roots.exact()) if exact else FloatAlong(plan, roots.forms)
        if setup.narrow is not None:
            sides, _ = domain_sides(roots)
        found, numbers = walk_regions(plan, along, sides, first, limits)
        witnesses = _witnesses(setup, found)
    regions = _region_set(setup, found, witnesses, domain, started)
    return Walk(regions, found.distances, numbers)


def _limits(max_distance: int | None, max_regions: int | None, time_limit: float | None) -> Limits:
    if isinstance(max_distance, bool) or not (max_distance is None or max_distance == 0):
        positive_integer("max_distance", max_distance)
    if max_regions is not None:
        positive_integer("max_regions", max_regions)
    if time_limit is not None:
        positive_number("time_limit", time_limit)
    return Limits(max_distance, Budget(max_regions, None), Budget(None, time_limit))


@contextmanager
def _reporting(limits: Limits, progress: bool) -> Iterator[Limits]:
    """The limits, with a bar on the terminal that shows how many regions are done, and how many are only known."""
    if not progress:
        yield limits
        return
    with closing(tqdm(unit=" regions")) as bar:

        def report(done: int, known: int) -> None:
            bar.update(done - bar.n)
            bar.set_postfix_str(f"{known - done:,} on the frontier")

        yield Limits(limits.max_distance, limits.regions, limits.seconds, report)


def _prepare(graph: Graph, domain: Domain, arithmetic: Arithmetic) -> _Setup:
    """What to walk on; a whole space of many inputs may be replaced by a smaller one."""
    plan, roots = plan_of(graph, domain, arithmetic)
    narrow = find_bottleneck(graph) if isinstance(domain, Space) else None
    if narrow is None:
        return _Setup(plan, roots, None, (plan, roots))
    return _Setup(plan, roots, narrow, plan_of(narrow.graph, Space(narrow.graph.input_shape), arithmetic))


def plan_of(graph: Graph, domain: Domain, arithmetic: Arithmetic) -> tuple[Plan, Roots]:
    """The plan of a graph on one domain, with cells of halfspaces.

    Raises:
        InvalidDomainError: the domain does not fit the network's input.
        InvalidModelError: a bound overflows float64.
    """
    roots = Roots.of([domain], graph.input_shape)
    magnitude = torch.from_numpy(np.abs(roots.forms).max(axis=0))
    lost = np.zeros_like(roots.forms) if roots.remainder is None else roots.remainder
    bounds = FormBounds(magnitude, torch.from_numpy(np.abs(lost).max(axis=0)))
    forms = torch.from_numpy(roots.forms)
    return make_plan(graph, forms, bounds, roots.bounded, arithmetic, Cells.HALFSPACES), roots


def _witnesses(setup: _Setup, found: Found) -> np.ndarray:
    """A point inside each region in scaled frame coordinates, NaN where none is known."""
    if setup.narrow is None:
        return found.points
    result = np.full((len(found.points), setup.roots.dimension), np.nan)
    for start in range(0, len(result), _POINTS_AT_ONCE):
        own = slice(start, start + _POINTS_AT_ONCE)
        inputs = setup.narrow.inputs(found.points[own])
        inside = strictly_inside(setup.plan, setup.roots, inputs, found.words[own])
        result[own][inside] = inputs[inside]
    return result


def _region_set(setup: _Setup, found: Found, witnesses: np.ndarray, domain: Domain, started: float) -> RegionSet:
    plan, frame, scale = setup.plan, domain.frame, setup.roots.scales[0]
    units = plan.unit_of(found.facet_rows)
    cuts, unmatched = number_cuts(found, units)
    dirty = found.dirty.copy()
    dirty[np.searchsorted(found.facet_offsets, unmatched, side="right") - 1] = True
    none = np.zeros((0, frame.dimension))
    return RegionSet(
        frame.origin,
        frame.basis,
        np.zeros(len(found.words) + 1, dtype=np.int64),
        none,
        np.zeros(0),
        found.facet_offsets,
        units,
        cuts,
        np.zeros((0, 0), dtype=np.int64),
        dirty,
        words=found.words,
        layout=plan.layout,
        account=Account(
            domain=domain.description,
            domain_digest=domain_digest(domain),
            measure=domain.measure,
            measure_scale=frame.measure_scale,
            per_layer=_per_layer(plan, found.words),
            layers=tuple(plan.graph.nodes[stage.node].name for stage in plan.stages),
            arithmetic=plan.arithmetic.value,
            cells=plan.cells.value,
            decisions=found.decisions,
            exact=found.exact,
            undecided=found.undecided + unmatched.size,
            unproven=plan.unproven,
            dirty=int(dirty.sum()),
            complete=found.complete,
            lower=found.known,
            upper=found.known if found.complete else 0,
            seconds=time.perf_counter() - started,
        ),
        source=Source(plan, setup.roots, found.facet_rows, crossings=True),
        stored_witnesses=witnesses * scale,
    )


def _per_layer(plan: Plan, words: np.ndarray) -> tuple[int, ...]:
    """Different patterns of the first stages."""
    stops = [plan.layout.slice_of(number).stop for number in range(len(plan.stages))]
    return tuple(len(np.unique(words[:, :stop], axis=0)) if len(words) else 0 for stop in stops)
