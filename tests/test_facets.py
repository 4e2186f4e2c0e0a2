"""Facets whose ends lie closer together than float64 can tell: they are matched exactly."""

from __future__ import annotations

import random

import numpy as np
import pytest

import vitrail
from oracles import exact, neutral
from test_against_oracles import problems
from translate import to_network
from vitrail.cells.adjacency import facet_pairs


def crossing_within_an_ulp(seed: int) -> neutral.Net:
    """The x-axis, cut by several lines x = 1/2 + less than one unit in the last place, and a second layer."""
    rng = random.Random(seed)
    forms = [[0.0, 0.0, 1.0], [0.25, 0.0, 1.0]]
    for k in rng.sample([1, 3, 5, 7, 9, 11, 13], 5):
        sign, moved = rng.choice([-1, 1]), rng.random() < 0.5
        forms.append([-sign * float(np.nextafter(k / 2, 9.0) if moved else k / 2), float(sign * k), 0.0])
    second = [[rng.choice([-2, -1, 0, 1, 2]) for _ in forms] for _ in range(3)]
    biases = [rng.choice([-1, 0, 1]) for _ in range(3)]
    first = ([form[1:] for form in forms], [form[0] for form in forms])
    return neutral.mlp([first, (second, biases), ([[1, 3, 9]], [0])])


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
        found += facet_pairs(regions.offsets, regions.vertices, regions.vertex_errors, regions.edge_cuts).open.size > 0
    assert found >= 6
