"""What the regions of one network in one domain have in common, and the rows of a region as the engines see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from vitrail.domains import Domain, Space
from vitrail.engines.along import Along, ExactAlong, FloatAlong
from vitrail.engines.bottleneck import Bottleneck, find_bottleneck
from vitrail.engines.cell_bounds import grouped_rows
from vitrail.engines.cell_rows import Groups, RegionRows, Sides
from vitrail.engines.plan import Plan
from vitrail.engines.roots import Roots
from vitrail.engines.seeds import domain_sides
from vitrail.local.gradients.decide import exact_columns
from vitrail.local.halfspaces import LocalHalfspaces
from vitrail.network.graph import Graph
from vitrail.status import Arithmetic
from vitrail.walking import plan_of

__all__ = ["Crossing", "LocalPlan", "crossing_of", "local_plan"]


@dataclass(frozen=True, eq=False)
class LocalPlan:
    """The plan of a network in a domain, and the domain's sides; `narrow` is what a whole space was replaced by."""

    plan: Plan
    roots: Roots
    sides: Sides
    narrow: Bottleneck | None

    @property
    def may_be_exact(self) -> bool:
        """Whether the network is small enough for exact forms."""
        return exact_columns(self.plan.graph) >= self.roots.dimension + 2

    def rows(self, words: np.ndarray, exact: bool) -> tuple[Along, RegionRows, Groups]:
        """The rows of regions with packed patterns, grouped, with exact forms if wanted; and what carried the forms."""
        along: Along = ExactAlong(self.plan, self.roots.exact()) if exact else FloatAlong(self.plan, self.roots.forms)
        return along, *grouped_rows(self.plan, along, self.sides, words)

    def clear_rows(self, words: np.ndarray, exact: bool = True) -> tuple[Along, RegionRows, Groups]:
        """The same in floating point, or exactly where this leaves something open, if that is allowed and possible."""
        found = self.rows(words, False)
        if found[1].open + found[2].open and exact and self.may_be_exact:
            return self.rows(words, True)
        return found

    def inputs(self, points: np.ndarray) -> np.ndarray:
        """Inputs (points, n) of scaled coordinates (points, k), up to rounding."""
        return self.narrow.inputs(points) if self.narrow is not None else points * self.roots.scales[0]


def local_plan(graph: Graph, domain: Domain) -> LocalPlan:
    """The plan of a network in a domain, in a smaller space if it reads a whole space through fewer numbers.

    Raises:
        InvalidModelError: a bound overflows float64.
    """
    shared: Any = domain  # domains are frozen and compared by identity, which their protocol does not say
    return _local_plan(graph, shared)


@lru_cache(maxsize=2)
def _local_plan(graph: Graph, domain: Domain) -> LocalPlan:
    """The same for all regions: the exact sides of a box of many inputs take seconds."""
    narrow = find_bottleneck(graph) if isinstance(domain, Space) else None
    if narrow is None:
        plan, roots = plan_of(graph, domain, Arithmetic.FILTERED)
    else:
        plan, roots = plan_of(narrow.graph, Space(narrow.graph.input_shape), Arithmetic.FILTERED)
    return LocalPlan(plan, roots, domain_sides(roots)[0], narrow)


@dataclass(frozen=True, eq=False)
class Crossing:
    """What tells the regions beyond facets: the rows of the region in groups, and the group of each facet, (facets,).

    `proven` says that nothing is open about the rows.
    """

    along: Along
    rows: RegionRows
    groups: Groups
    facets: np.ndarray
    proven: bool


def crossing_of(region: LocalHalfspaces, domain: Domain, facets: np.ndarray) -> Crossing:
    """What tells the regions beyond some of the region's rows, which are known to be facets in the domain."""
    along, rows, groups = local_plan(region.net.graph, domain).clear_rows(region.words[None])
    order = np.argsort(rows.numbers)
    places = order[np.searchsorted(rows.numbers[order], region.numbers[facets])]
    return Crossing(along, rows, groups, groups.of[places], rows.open + groups.open == 0)
