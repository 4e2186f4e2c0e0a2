"""Counts in three and more dimensions that several programs agree on, or exact arithmetic gave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import vitrail
from helpers import he
from oracles import networks
from space_comparison import structure_problems
from vitrail.domains import Slice, Space
from vitrail.network.network import Network
from vitrail.status import Cells, Kind, Status

WHOLE_SPACE = {(3, 8, 8, 1): 794, (4, 8, 8, 1): 2375, (3, 16, 16, 1): 4297}
"""`networks.golden`, activation regions of all inputs."""

HE = {
    (3, 16, 16, 16, 1): 4856,
    (3, 32, 32, 32, 1): 32887,
    (4, 16, 16, 16, 1): 36664,
    (5, 16, 16, 1): 43875,
    (6, 12, 12, 1): 12397,
}
"""`networks.he` in the box [-1, 1]^n."""

DEFAULT = {(3, 16, 16, 16, 1): 2845, (3, 32, 32, 32, 1): 23318, (4, 16, 16, 16, 1): 17007}
"""`networks.default_init` in the same box."""

BEYOND = {(8, 10, 10, 1): 13788, (10, 8, 8, 1): 6517}
"""`networks.he` with more inputs than cells with vertices are made for."""


def default(*widths: int) -> Network:
    return Network.from_arrays(networks.default_init(widths))


def box(inputs: int) -> vitrail.Box:
    return vitrail.Box([-1.0] * inputs, [1.0] * inputs)


def assert_exactly(count: vitrail.Count, expected: int) -> None:
    found = (int(count), count.kind, count.status, count.lower, count.upper)
    assert found == (expected, Kind.EXACT, Status.CERTIFIED, expected, expected)


@pytest.mark.parametrize("widths", WHOLE_SPACE, ids=str)
def test_the_whole_space(widths: tuple[int, ...]) -> None:
    network = Network.from_arrays(networks.golden(widths))
    assert_exactly(vitrail.count_regions(network, Space(widths[0])), WHOLE_SPACE[widths])


@pytest.mark.parametrize("widths", HE, ids=str)
def test_boxes_of_he_networks(widths: tuple[int, ...]) -> None:
    assert_exactly(vitrail.count_regions(he(*widths), box(widths[0])), HE[widths])


@pytest.mark.parametrize("widths", DEFAULT, ids=str)
def test_boxes_of_networks_with_default_initialisation(widths: tuple[int, ...]) -> None:
    assert_exactly(vitrail.count_regions(default(*widths), box(widths[0])), DEFAULT[widths])


@pytest.mark.slow
@pytest.mark.parametrize(("make", "expected"), [(he, 555_109), (default, 412_017)])
def test_half_a_million_regions(make: Callable[..., Network], expected: int) -> None:
    assert_exactly(vitrail.count_regions(make(4, 32, 32, 32, 1), box(4)), expected)


@pytest.mark.parametrize("widths", BEYOND, ids=str)
def test_boxes_of_more_inputs(widths: tuple[int, ...]) -> None:
    assert_exactly(vitrail.count_regions(he(*widths), box(widths[0])), BEYOND[widths])


@pytest.mark.parametrize(
    ("widths", "cells", "expected"),
    [
        ((3, 16, 16, 16, 1), Cells.VERTICES, 4856),
        ((3, 16, 16, 16, 1), Cells.HALFSPACES, 4856),
        ((6, 12, 12, 1), Cells.HALFSPACES, 12397),
    ],
    ids=str,
)
def test_either_kind_of_cell(widths: tuple[int, ...], cells: Cells, expected: int) -> None:
    assert_exactly(vitrail.count_regions(he(*widths), box(widths[0]), cells=cells.value), expected)


def test_the_regions_of_a_golden_network_are_a_partition() -> None:
    regions = vitrail.enumerate_regions(he(3, 16, 16, 16, 1), box(3))
    assert len(regions) == 4856
    assert (regions.status, regions.account.cells) == (Status.CERTIFIED, "vertices")
    assert structure_problems(regions) == []


def test_a_plane_or_line_of_a_golden_network_as_a_slice() -> None:
    """The published plane through an image network, once as a slice of two directions: the same regions."""
    network = Network.from_arrays(networks.he(networks.IMAGE_WIDTHS, 0))
    origin, basis = networks.image_plane(0)
    assert_exactly(vitrail.count_regions(network, Slice(origin, basis)), networks.IMAGE_PLANE_COUNTS["he"][0])
