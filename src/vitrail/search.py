"""The two entry points: enumerate the regions of a network on a domain, or count them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import torch
from tqdm.auto import tqdm

from vitrail.account import Account, activation_count, status_of
from vitrail.cells.batch import CellBatch, Geometry
from vitrail.count import Count
from vitrail.domains import Domain, domain_digest
from vitrail.engines.budget import Budget
from vitrail.engines.found import Found, Wants
from vitrail.engines.kinds import KINDS, kind_of
from vitrail.engines.plan import Plan, make_plan
from vitrail.engines.roots import Roots
from vitrail.engines.run import Resources, compile_kernels, search, threads
from vitrail.errors import InvalidOptionError
from vitrail.network.graph import Graph
from vitrail.network.network import Network
from vitrail.network.rounding import FormBounds
from vitrail.options import one_of, positive_integer, positive_number
from vitrail.regions import RegionSet
from vitrail.shapes import MOST_EXACT_DIMENSIONS, inner_points, true_facets
from vitrail.source import Source
from vitrail.status import Arithmetic, Cells, Definition

__all__ = ["Limits", "count_regions", "enumerate_graph", "enumerate_regions"]

_DEFAULT_MEMORY = 2**30
_MINIMUM_MEMORY = 2**24

ALWAYS = "always"
"""The value of `exact` that decides every sign exactly."""

AUTO = "auto"
"""The value of `cells` that leaves the choice of their kind to the search."""


@dataclass(frozen=True)
class Limits:
    """Budgets of a search: regions, seconds, bytes of work memory; an executor, progress, and how cells are cut.

    `exact` is True (where floating point does not decide), False (never) or "always". `cells` is "auto", "vertices" or
    "halfspaces".

    Raises:
        InvalidOptionError: a budget that is not a positive number, or another value of `exact` or `cells`.
    """

    max_regions: int | None = None
    time_limit: float | None = None
    memory: int = _DEFAULT_MEMORY
    executor: Executor | None = None
    progress: bool = False
    exact: bool | str = True
    cells: str = AUTO

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.max_regions is not None:
            positive_integer("max_regions", self.max_regions)
        if self.time_limit is not None:
            positive_number("time_limit", self.time_limit)
        if positive_integer("memory", self.memory) < _MINIMUM_MEMORY:
            raise InvalidOptionError(f"memory: expected at least {_MINIMUM_MEMORY} bytes, found {self.memory}")
        if self.executor is not None and not isinstance(self.executor, Executor):
            raise InvalidOptionError(
                f"executor: expected a concurrent.futures.Executor, found {type(self.executor).__name__}; "
                "for dask: Client(...).get_executor()"
            )
        if not isinstance(self.exact, bool) and self.exact != ALWAYS:
            raise InvalidOptionError(f"exact: expected True, False or {ALWAYS!r}, found {self.exact!r}")
        one_of("cells", self.cells, [AUTO, Cells.VERTICES.value, Cells.HALFSPACES.value])

    @property
    def kind(self) -> Cells | None:
        """The kind of cell that is asked for, None where the choice is open."""
        return None if self.cells == AUTO else Cells(self.cells)

    @property
    def arithmetic(self) -> Arithmetic:
        """How signs are decided."""
        if self.exact == ALWAYS:
            return Arithmetic.EXACT
        return Arithmetic.FILTERED if self.exact else Arithmetic.FLOAT


def enumerate_regions(
    net: Network,
    domain: Domain,
    *,
    patterns: bool = True,
    max_regions: int | None = None,
    time_limit: float | None = None,
    memory: int = _DEFAULT_MEMORY,
    executor: Executor | None = None,
    progress: bool = False,
    exact: bool | str = True,
    cells: str = AUTO,
) -> RegionSet:
    """Find all activation regions of the network on a domain, with their geometry.

    `patterns=False` keeps the affine maps instead of the patterns, for networks with very many units. `max_regions` and
    `time_limit` (seconds) stop the search with what is there, status partial. `memory` bounds the bytes of forms that
    are worked on at a time; the regions themselves come on top. `executor` shares the work, by default among threads.

    Signs are decided in floating point where a proven rounding-error bound allows it, and exactly where it does not:
    the result is certified. `exact=False` leaves these undecided, and the result uncertified; `exact="always"` decides
    every sign exactly, slowly.

    Cells of dimension 3 to 7 know their vertices; beyond, and on unbounded domains, they are halfspaces decided by
    linear programs. `cells` forces one or the other, "vertices" or "halfspaces".

    Raises:
        InvalidDomainError: the domain does not fit the network's input.
        InvalidModelError: the network's numbers overflow on the domain.
        InvalidOptionError: a budget that is not a positive number, or another value of `exact` or `cells`.
        ResourceLimitError: exact arithmetic meets a sum of more than 2^19 terms.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> regions = enumerate_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
        >>> len(regions), regions.measures.tolist(), regions.count("linear").value
        (4, [1.0, 1.0, 1.0, 1.0], 4)
    """
    limits = Limits(max_regions, time_limit, memory, executor, progress, exact, cells)
    return enumerate_graph(net.graph, domain, patterns, limits)


@overload
def count_regions(
    net: Network,
    domain: Domain,
    definition: str | Definition = ...,
    *,
    max_regions: int | None = ...,
    time_limit: float | None = ...,
    memory: int = ...,
    executor: Executor | None = ...,
    progress: bool = ...,
    exact: bool | str = ...,
    cells: str = ...,
) -> Count: ...
@overload
def count_regions(
    net: Network,
    domain: Sequence[Domain],
    definition: str | Definition = ...,
    *,
    max_regions: int | None = ...,
    time_limit: float | None = ...,
    memory: int = ...,
    executor: Executor | None = ...,
    progress: bool = ...,
    exact: bool | str = ...,
    cells: str = ...,
) -> list[Count]: ...
def count_regions(
    net: Network,
    domain: Domain | Sequence[Domain],
    definition: str | Definition = Definition.ACTIVATION,
    *,
    max_regions: int | None = None,
    time_limit: float | None = None,
    memory: int = _DEFAULT_MEMORY,
    executor: Executor | None = None,
    progress: bool = False,
    exact: bool | str = True,
    cells: str = AUTO,
) -> Count | list[Count]:
    """Count the regions on a domain, or on each of many domains of one dimension at once, without keeping geometry.

    The definitions `linear` and `affine` need the adjacency and the maps, so they keep the regions while they count.
    Options as for `enumerate_regions`; for many domains the budgets are shared, and running out makes every count
    partial.

    Raises:
        InvalidDomainError: a domain does not fit the network's input, or domains of different dimensions.
        InvalidModelError: the network's numbers overflow on the domain.
        InvalidOptionError: an unknown definition, a budget that is not a positive number, or another value of `exact`.
        ResourceLimitError: exact arithmetic meets a sum of more than 2^19 terms.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> count_regions(net, vitrail.Line([0.0], [1.0]))
        Count(3, exact, certified, activation, whole line)
        >>> [int(c) for c in count_regions(net, [vitrail.Segment([-1.0], [x]) for x in (0.5, 2.0)])]
        [2, 3]
    """
    chosen = Definition(one_of("definition", definition, [d.value for d in Definition]))
    limits = Limits(max_regions, time_limit, memory, executor, progress, exact, cells)
    single = not isinstance(domain, Sequence)
    domains: list[Domain] = [domain] if not isinstance(domain, Sequence) else list(domain)
    if not domains:
        return []
    if chosen is not Definition.ACTIVATION:
        counts = [enumerate_graph(net.graph, d, True, limits).count(chosen) for d in domains]
        return counts[0] if single else counts
    setup, found = _search(net.graph, domains, Wants(geometry=False, patterns=False), limits)
    regions, dirty = found.regions.tolist(), found.dirty.tolist()
    proven = setup.plan.unproven == 0
    bounds = list(zip(found.lower_bounds(), found.upper_bounds(setup.plan, setup.roots.dimension), strict=True))
    counts = []
    for i, one in enumerate(domains):
        undecided = found.undecided if single else dirty[i]
        status = status_of(limits.arithmetic, found.complete, undecided, proven)
        touched = dirty[i] if proven else regions[i]
        counts.append(activation_count(status, regions[i], touched, undecided, one.description, bounds[i]))
    return counts[0] if single else counts


@dataclass(frozen=True)
class _Setup:
    """Frames in scaled coordinates, |t| <= 1 where bounded, and the plan for them."""

    plan: Plan
    roots: Roots
    cells: CellBatch


def enumerate_graph(graph: Graph, domain: Domain, patterns: bool, limits: Limits) -> RegionSet:
    """`enumerate_regions` for a graph of ops."""
    started = time.perf_counter()
    wants = Wants(geometry=True, patterns=patterns, maps=not patterns)
    setup, found = _search(graph, [domain], wants, limits)
    frame, scale = domain.frame, setup.roots.scales[0]
    geometry = Geometry.from_columns(found.kept.take, frame.dimension)
    geometry.vertices[:] *= scale
    geometry.errors[:] *= scale.max()
    words = maps = None
    if patterns:
        words = found.kept.take("words", np.zeros((0, setup.plan.layout.words), dtype=np.int64))
    else:
        maps = found.kept.take("maps", np.zeros((0, frame.dimension + 1, 1)))
        maps[:, 1:] /= scale[:, None]
    regions = RegionSet(
        frame.origin,
        frame.basis,
        geometry.offsets,
        geometry.vertices,
        geometry.errors,
        geometry.facet_offsets,
        setup.plan.unit_of(geometry.sources),
        geometry.cuts,
        geometry.incidence,
        found.kept.take("dirty", np.zeros(0, dtype=bool)),
        words=words,
        layout=setup.plan.layout,
        account=_account(setup, found, domain, started),
        source=Source(setup.plan, setup.roots, geometry.sources),
        stored_maps=maps,
        stored_witnesses=_witnesses(geometry, setup.plan, scale),
    )
    if geometry.unproven is None:
        return regions
    return _with_inner_points(_with_true_facets(regions, np.flatnonzero(geometry.unproven)))


def _with_inner_points(regions: RegionSet) -> RegionSet:
    """The regions with inner points that floating point did not prove, where exact arithmetic finds some."""
    source, stored = regions.source, regions.stored_witnesses
    if stored is None or regions.words is None or source is None or not source.may_be_exact:
        return regions
    missing = np.flatnonzero(np.isnan(stored).any(axis=1))
    if missing.size and regions.dimension <= MOST_EXACT_DIMENSIONS:
        stored[missing] = inner_points(regions, missing)
    return regions


def _witnesses(geometry: Geometry, plan: Plan, scale: np.ndarray) -> np.ndarray | None:
    """The inner points of halfspaces, also where there are none; None for other cells."""
    if plan.cells is not Cells.HALFSPACES:
        return None
    return np.zeros((0, scale.size)) if geometry.witnesses is None else geometry.witnesses * scale


def _with_true_facets(regions: RegionSet, rows: np.ndarray) -> RegionSet:
    """The regions without those of some unproven facets that are none; left as they are, these are undecided."""
    source, account = regions.source, regions.account
    if not rows.size or source is None:
        return regions
    if regions.words is None or not source.may_be_exact or regions.dimension > MOST_EXACT_DIMENSIONS:
        return replace(regions, account=replace(account, undecided=account.undecided + rows.size))
    wrong = rows[~true_facets(regions, rows)]
    kept = np.ones(regions.facet_units.size, dtype=bool)
    kept[wrong] = False
    before = np.concatenate([[0], np.cumsum(kept)])
    return replace(
        regions,
        facet_offsets=before[regions.facet_offsets],
        facet_units=regions.facet_units[kept],
        facet_cuts=regions.facet_cuts[kept],
        source=replace(source, rows=source.rows[kept]),
    )


def _search(graph: Graph, domains: Sequence[Domain], wants: Wants, limits: Limits) -> tuple[_Setup, Found]:
    with threads(1):
        setup = _prepare(graph, domains, wants, limits)
        if limits.time_limit is not None:
            compile_kernels(setup.plan, setup.roots, setup.cells, wants)
        budget = Budget(limits.max_regions, limits.time_limit)
        if not limits.progress:
            resources = Resources(limits.memory, budget, limits.executor)
            return setup, search(setup.plan, setup.roots, setup.cells, wants, resources)
        with closing(tqdm(total=1.0, unit="", bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}")) as bar:

            def report(share: float, regions: int) -> None:
                bar.n = share
                bar.set_postfix_str(f"{regions:,} regions")

            resources = Resources(limits.memory, budget, limits.executor, report)
            return setup, search(setup.plan, setup.roots, setup.cells, wants, resources)


def _prepare(graph: Graph, domains: Sequence[Domain], wants: Wants, limits: Limits) -> _Setup:
    roots = Roots.of(domains, graph.input_shape)
    kind = kind_of(roots, limits.kind, geometry=wants.geometry)
    magnitude = torch.from_numpy(_largest(roots.forms))
    error = torch.zeros_like(magnitude) if roots.remainder is None else torch.from_numpy(_largest(roots.remainder))
    bounds = FormBounds(magnitude, error)
    plan = make_plan(graph, torch.from_numpy(roots.forms), bounds, roots.bounded, limits.arithmetic, kind)
    return _Setup(plan, roots, KINDS[kind].start(roots))


def _largest(forms: np.ndarray) -> np.ndarray:
    """The largest absolute values over all frames."""
    low, high = torch.aminmax(torch.from_numpy(forms), dim=0)
    return np.maximum(high.numpy(), -low.numpy())


def _account(setup: _Setup, found: Found, domain: Domain, started: float) -> Account:
    plan = setup.plan
    return Account(
        domain=domain.description,
        domain_digest=domain_digest(domain),
        measure=domain.measure,
        measure_scale=domain.frame.measure_scale,
        per_layer=tuple(int(n) for n in found.per_stage[:, 0]),
        layers=tuple(plan.graph.nodes[stage.node].name for stage in plan.stages),
        arithmetic=plan.arithmetic.value,
        cells=plan.cells.value,
        decisions=found.decisions,
        exact=found.exact,
        undecided=found.undecided,
        unproven=plan.unproven,
        dirty=int(found.dirty[0]),
        complete=found.complete,
        lower=found.lower_bounds()[0],
        upper=found.upper_bounds(plan, setup.roots.dimension)[0],
        seconds=time.perf_counter() - started,
    )
