"""Facets whose ends lie closer together than float64 can tell: they are matched exactly."""

from __future__ import annotations

import pytest

import vitrail
from oracles import exact
from oracles.closed_forms import crossing_within_an_ulp
from test_against_oracles import problems
from translate import to_network
from vitrail.cells.adjacency import facet_pairs


@pytest.mark.parametrize("seed", range(12))
def test_facets_shorter_than_an_ulp(seed: int) -> None:
    net = crossing_within_an_ulp(seed)
    regions = vitrail.enumerate_regions(to_network(net), vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
    assert regions.status.proven
    assert problems(exact.box(net, [-1, -1], [1, 1]), regions) == []


def test_these_facets_need_exact_ends() -> None:
    """The coordinates alone leave the order of some of them open: else the test above would test nothing."""
    found = 0
    for seed in range(12):
        net = to_network(crossing_within_an_ulp(seed))
        regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
        found += facet_pairs(regions.offsets, regions.vertices, regions.vertex_errors, regions.facet_cuts).open.size > 0
    assert found >= 6
