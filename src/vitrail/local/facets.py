"""The facets of the region of a point: all of them, proven, or those that rays meet."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vitrail.domains import Domain
from vitrail.engines.cell_bounds import CellBounds, bounds_of_rows, decide
from vitrail.engines.cell_facets import FACET, IMPLIED, OPEN
from vitrail.engines.cell_rows import Groups, RegionRows
from vitrail.local.constraints import constraints_of
from vitrail.local.facet_rays import rows_met
from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.local.insphere import insphere
from vitrail.local.plans import LocalPlan, local_plan
from vitrail.local.points import full_domain, points_in
from vitrail.options import one_of, positive_integer
from vitrail.status import Kind, Status

__all__ = ["Facets", "facets"]

_MOST_FOR_A_BALL = 2**36
"""Multiplications of a step for the largest ball; beyond, rays start at the region's point."""


@dataclass(frozen=True, eq=False)
class Facets:
    """The facets of a region in a domain; rows are indices into the region's rows.

    `rows` (facets,) are facets: of rows that are one hyperplane the one with the lowest number, none where that is a
    side of the domain. `open` (rows,) were not decided. `kind` says whether `rows` are all facets or a lower bound.
    `missing` counts facets of rows that the region has left out as constant without a proof.

    `by_layer` (layers,) counts the facets by layer, `kept` (layers,) the rows of each layer that cut the polytope that
    the layers up to it make in the domain, so that `kept` less `by_layer` are cut off by deeper layers: the depth-wise
    exclusion of Zhang and Wu 2020. Of several rows that are one hyperplane only the first counts.

    `sides` are the sides of the domain, numbered as its `sides`, that are proven to bound the region, `open_sides`
    those that were not decided: in many dimensions rays alone look for them. `inner` (n,) is a point inside the region,
    and `witnesses` (facets, n) are points inside the facets, all up to rounding; NaN where exact arithmetic alone
    decided. `region` and `domain` are what was asked about.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [1.0, 0.0]], [0.0, 1.0]), ([[1.0, 1.0]], None)])
        >>> found = facets(vitrail.region_at(net, [1.0, 0.0]))
        >>> found, found.rows.tolist(), found.kept.tolist()
        (Facets(1 of 2 rows, exact, certified), [0], [1])
    """

    region: LocalHalfspaces
    domain: Domain
    rows: np.ndarray
    open: np.ndarray
    kind: Kind
    status: Status
    by_layer: np.ndarray
    kept: np.ndarray
    sides: np.ndarray
    open_sides: np.ndarray
    witnesses: np.ndarray
    inner: np.ndarray
    missing: int

    def __len__(self) -> int:
        """Number of facets."""
        return self.rows.size

    def __repr__(self) -> str:
        """How many, and how sure, in one line."""
        undecided = f", {self.open.size:,} open" if self.open.size else ""
        return f"Facets({len(self):,} of {len(self.region):,} rows{undecided}, {self.kind.value}, {self.status.value})"


def facets(
    region: LocalHalfspaces,
    domain: Domain | None = None,
    *,
    estimate: str | None = None,
    rays: int = 4096,
    seed: int = 0,
    exact: bool = True,
) -> Facets:
    """The rows of a region that bound it in a domain (its own if none is given), each decided with a proof.

    A row is a facet if it alone can be broken, and none if the others imply it (Zhang and Wu 2020: one linear program
    for each row). In few dimensions exact arithmetic decides what floating point does not, as in `walk`; in a bounded
    domain of many dimensions rays find most facets, and an interior point method looks at the other rows, which takes
    from a second (300 rows of 784 inputs) to a minute (1,536 rows). What rounding leaves open is asked again with exact
    forms, if `exact`.

    With `estimate="rays"` so many `rays` from the middle of the region find facets, from its rows alone: a lower bound,
    for large networks and unbounded domains. They are aimed at rows in random order, one each, and what is left of them
    at random. The middle is that of the largest ball, or the region's point where that program is too large. Then
    `kept` is a lower bound as well, and all sides are open.

    Raises:
        InvalidDomainError: a domain that does not fit the network's input or does not hold the region's point.
        InvalidModelError: the network's numbers overflow on the domain.
        InvalidOptionError: an unknown estimate, or no positive number of rays.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], None), ([[1.0, 1.0, 1.0]], None)])
        >>> region = vitrail.region_at(net, [1.0, 2.0], vitrail.Box([-4.0, -4.0], [4.0, 4.0]))
        >>> facets(region).rows.tolist(), facets(region, estimate="rays", rays=3).kind.value
        ([0, 1], 'lower bound')
    """
    number = positive_integer("rays", rays)
    within = region.domain if domain is None else full_domain(region.net, domain)
    if within is not region.domain:
        points_in(region.net, region.point, within)
    if estimate is not None and one_of("estimate", estimate, ("rays",)):
        return _estimated(region, within, number, seed)
    setup = local_plan(region.net.graph, within)
    _, rows, groups = setup.clear_rows(region.words[None], exact)
    found = _Search.of(setup, rows, groups)
    if exact and found.undecided and setup.may_be_exact and not found.bounds.is_exact:
        _, rows, groups = setup.rows(region.words[None], True)
        found = _Search.of(setup, rows, groups)
    return _made(region, within, setup, found)


@dataclass(frozen=True, eq=False)
class _Search:
    """What bounds the region, found in one arithmetic; and how many rows of each layer the layers up to it keep."""

    bounds: CellBounds
    kept: np.ndarray
    kept_open: int

    @classmethod
    def of(cls, setup: LocalPlan, rows: RegionRows, groups: Groups) -> _Search:
        bounds = bounds_of_rows(rows, groups, 1)
        stages = setup.plan.stage_of(bounds.rows.numbers[bounds.groups.first])
        return cls(bounds, *_kept(bounds, stages, len(setup.plan.stages)))

    @property
    def undecided(self) -> int:
        return self.bounds.undecided + self.kept_open


def _made(region: LocalHalfspaces, domain: Domain, setup: LocalPlan, search: _Search) -> Facets:
    """The result in terms of the region's rows and inputs."""
    bounds = search.bounds
    first, states = bounds.groups.first, bounds.decided.states
    numbers = bounds.rows.numbers[first]
    # rows that may be one hyperplane, or constant, leave open what is a facet
    unclear = np.zeros(first.size, dtype=bool) if bounds.is_exact else bounds.groups.sizes > 1
    groups = np.flatnonzero((states == FACET) & (numbers >= 0) & ~unclear)
    rows, listed = _rows_of(region, numbers[groups])
    order = np.argsort(rows)
    rows, groups = rows[order], groups[listed][order]
    lost = bounds.rows.zero[:, 1] if not bounds.is_exact else np.zeros(0, dtype=np.int64)
    unsure = (states[bounds.groups.of] == OPEN) | unclear[bounds.groups.of]
    open_rows, _ = _rows_of(region, np.concatenate([bounds.rows.numbers[unsure & (bounds.rows.numbers >= 0)], lost]))
    by_layer = np.bincount(region.layers[rows], minlength=len(region.pattern))
    missing = int((~listed).sum())
    every = bounds.undecided == 0 and not missing
    kind = Kind.EXACT if every else Kind.ESTIMATE if bounds.rows.open else Kind.LOWER_BOUND
    sure = not search.undecided and not missing and region.status.proven
    side_numbers, side_states = bounds.side_states()
    points = np.concatenate([bounds.decided.points, _witnesses(bounds, groups)])
    points = setup.inputs(points)
    return Facets(
        region,
        domain,
        rows,
        np.unique(open_rows),
        kind,
        Status.CERTIFIED if sure else Status.UNCERTIFIED,
        by_layer,
        search.kept,
        np.sort(side_numbers[side_states == FACET]),
        np.sort(side_numbers[side_states == OPEN]),
        points[1:],
        points[0],
        missing,
    )


def _rows_of(region: LocalHalfspaces, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The region's rows of some hyperplanes, and which hyperplanes have one: the others were left out as constant."""
    order = np.argsort(region.numbers)
    places = np.searchsorted(region.numbers[order], numbers)
    listed = places < order.size
    listed[listed] = region.numbers[order[places[listed]]] == numbers[listed]
    return order[places[listed]], listed


def _kept(bounds: CellBounds, stages: np.ndarray, layers: int) -> tuple[np.ndarray, int]:
    """How many groups of each layer cut what the layers up to it leave; and how many of them could not be decided.

    What is implied by earlier layers stays so, and a facet is kept where it stands. So only the others need a second
    look, without the rows of deeper layers.
    """
    states = bounds.decided.states
    kept = np.bincount(stages[(states == FACET) & (stages >= 0)], minlength=layers)
    here, is_open = np.ones(states.size, dtype=bool), 0
    for layer in range(layers):
        asked = (stages == layer) & (states != FACET)
        chosen = np.flatnonzero(here & (stages <= layer))
        if not asked.any():
            continue
        found = states[chosen]
        if layer + 1 < layers:
            found = decide(bounds.rows, bounds.groups, chosen, 1, bounds.is_exact, asked[chosen]).states
        own = asked[chosen]
        kept[layer] += int((found[own] == FACET).sum())
        is_open += int((found[own] == OPEN).sum())
        here[chosen[own & (found == IMPLIED)]] = False
    return kept, is_open


def _estimated(region: LocalHalfspaces, domain: Domain, rays: int, seed: int) -> Facets:
    """Facets that rays meet."""
    within, rows = constraints_of(region, domain), len(region.offsets)
    errors = np.stack([within.normal_errors, within.offset_errors])
    proven = region.status.proven and bool(np.isfinite(errors).all())
    if not proven:
        none = np.zeros(len(within.normals))
        within = replace(within, normal_errors=none, offset_errors=none)
    affordable = rows * region.point.size * min(rows, region.point.size) <= _MOST_FOR_A_BALL
    inner = insphere(region, domain).center if affordable else region.point
    found, witnesses = rows_met(within, inner, rows, rays, seed, bent=affordable and within.bounded)
    by_layer = np.bincount(region.layers[found], minlength=len(region.pattern))
    none = np.zeros(0, dtype=np.int64)
    return Facets(
        region,
        domain,
        found,
        np.setdiff1d(np.arange(rows), found),
        Kind.LOWER_BOUND,
        Status.CERTIFIED if proven else Status.UNCERTIFIED,
        by_layer,
        by_layer.copy(),
        none,
        np.arange(len(within.sides)),
        witnesses,
        inner,
        0,
    )


def _witnesses(bounds: CellBounds, groups: np.ndarray) -> np.ndarray:
    """Points of facets, (groups, k): where the way from the inner point to a point beyond crosses the row."""
    values, point = bounds.rows.values[bounds.groups.first[groups]], bounds.decided.points[0]
    beyond = bounds.decided.beyond[groups]
    here = values[:, 0] + values[:, 1:] @ point
    there = values[:, 0] + (values[:, 1:] * beyond).sum(axis=1)
    return point + (here / (here - there))[:, None] * (beyond - point)
