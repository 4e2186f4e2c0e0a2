"""Counts known from papers, closed forms and exact arithmetic; where each comes from stands beside it in `oracles`."""

from __future__ import annotations

import numpy as np
import pytest

import vitrail
from helpers import he, square
from oracles import closed_forms, networks
from translate import to_network
from vitrail.domains import Plane
from vitrail.network.network import Network
from vitrail.status import Kind, Status

SEGMENT = vitrail.Segment([0.0], [1.0])


@pytest.mark.parametrize("widths", networks.GOLDEN_COUNTS)
def test_golden_networks(widths: tuple[int, ...]) -> None:
    small, large, _ = networks.GOLDEN_COUNTS[widths]
    network = Network.from_arrays(networks.golden(widths))
    count = vitrail.count_regions(network, square())
    assert int(count) == small
    assert (count.kind, count.status, count.lower, count.upper) == (Kind.EXACT, Status.CERTIFIED, small, small)
    if large is not None:
        assert int(vitrail.count_regions(network, square(100.0))) == large


@pytest.mark.parametrize("width", [16, 32, 64, 128])
def test_he_and_default_initialisation(width: int) -> None:
    widths = (2, width, width, width, 1)
    assert int(vitrail.count_regions(he(*widths), square())) == networks.HE_COUNTS[width]
    default = Network.from_arrays(networks.default_init(widths))
    assert int(vitrail.count_regions(default, square())) == networks.DEFAULT_COUNTS[width]


@pytest.mark.parametrize("maker", ["he", "default_init"])
def test_planes_through_an_image_network(maker: str) -> None:
    for seed, expected in enumerate(networks.IMAGE_PLANE_COUNTS[maker]):
        network = Network.from_arrays(getattr(networks, maker)(networks.IMAGE_WIDTHS, seed))
        origin, (u, v) = networks.image_plane(seed)
        regions = vitrail.enumerate_regions(network, Plane(origin, u, v))
        assert len(regions) == expected
        assert regions.status is Status.CERTIFIED
        assert regions.euler_characteristic() == 1
        assert regions.measure_error < 1e-12


@pytest.mark.parametrize("maker", ["he", "default_init"])
def test_a_thousand_segments(maker: str) -> None:
    network = Network.from_arrays(getattr(networks, maker)(networks.IMAGE_WIDTHS, 0))
    _, ends = networks.image_points(0)
    counts = vitrail.count_regions(network, [vitrail.Segment(a, b) for a, b in ends])
    assert sum(counts) == networks.IMAGE_LINE_COUNTS[maker][0]
    assert {count.status for count in counts} == {Status.CERTIFIED}
    one = vitrail.enumerate_regions(network, vitrail.Segment(*ends[7]))
    assert len(one) == counts[7]


@pytest.mark.parametrize("lines", [3, 4, 5, 6, 8, 20, 60])
def test_zaslavsky(lines: int) -> None:
    generator = np.random.default_rng(lines)
    layers = [(generator.normal(size=(lines, 2)), generator.normal(size=lines)), (np.ones((1, lines)), None)]
    # intersections of Gaussian lines are heavy-tailed: a huge square holds all of these
    count = vitrail.count_regions(Network.from_arrays(layers), square(2.0**30))
    assert int(count) == closed_forms.zaslavsky(lines, 2)


@pytest.mark.parametrize("case", closed_forms.FOLD_CASES, ids=str)
def test_folding_networks(case: closed_forms.FoldCase) -> None:
    arguments = (case.dimension, case.folds, case.layers, case.last)
    network = to_network(closed_forms.folding_network(*arguments, sign_choice=False))
    domain = SEGMENT if case.dimension == 1 else vitrail.Box([0.0, 0.0], [1.0, 1.0])
    regions = vitrail.enumerate_regions(network, domain)
    assert regions.count() == case.activation == case.predicted
    if case.affine_unsigned is not None:
        assert regions.count("affine") == case.affine_unsigned
        signed = to_network(closed_forms.folding_network(*arguments, sign_choice=case.last > case.dimension))
        assert vitrail.count_regions(signed, domain, "affine") == case.activation
    if case.whole is not None:
        assert vitrail.count_regions(network, vitrail.Line([0.0], [1.0])) == case.whole


@pytest.mark.parametrize("compositions", range(1, 13))
def test_tent_maps(compositions: int) -> None:
    network = to_network(closed_forms.tent_network(compositions))
    assert vitrail.count_regions(network, SEGMENT, "linear") == 2**compositions


def test_the_definitions_differ_as_published() -> None:
    network = to_network(closed_forms.published_example())
    found = [int(vitrail.count_regions(network, square(), d)) for d in ("activation", "linear", "affine")]
    assert found == [5, 3, 3]  # Stargalla, Hertrich, Reichman 2025


@pytest.mark.parametrize("sizes", [(3, 4), (7, 1), (10, 10)])
def test_grids(sizes: tuple[int, int]) -> None:
    network = to_network(closed_forms.one_layer(closed_forms.grid_forms(sizes)))
    assert vitrail.count_regions(network, square(100.0)) == closed_forms.grid(sizes)


@pytest.mark.parametrize("family", networks.DEGENERATE_FAMILIES)
def test_degenerate_families(family: str) -> None:
    layers = networks.DEGENERATE_FAMILIES[family]()
    exact = networks_exact(layers)
    regions = vitrail.enumerate_regions(Network.from_arrays(layers), square())
    assert [int(regions.count(d)) for d in ("activation", "linear", "affine")] == exact
    assert regions.euler_characteristic() == 1


def networks_exact(layers: networks.Layers) -> list[int]:
    from oracles.exact import box

    subdivision = box(networks.exact_of(layers), [-1, -1], [1, 1])
    return [subdivision.count(d) for d in ("activation", "linear", "affine")]


def test_regions_on_infinite_lines_at_initialisation() -> None:
    """About N regions on a line, Hanin and Rolnick 2019 (ICML); measured values in [0.93, 1.08] N for such networks."""
    ratios = []
    for seed in range(6):
        layers = networks.he((64, 32, 32, 32, 10), seed)
        generator = np.random.default_rng([seed, 5])
        small = [(weight, 0.001 * generator.normal(size=bias.shape)) for weight, bias in layers]
        network = Network.from_arrays(small)
        lines = [vitrail.Line(np.zeros(64), generator.normal(size=64)) for _ in range(40)]
        ratios.append(np.mean([int(c) for c in vitrail.count_regions(network, lines)]) / 96)
    assert 0.85 <= np.mean(ratios) <= 1.15


def test_line_counts_do_not_change_when_all_biases_are_scaled() -> None:
    layers = networks.he((5, 16, 16, 1), 3)
    lines = [vitrail.Line(np.zeros(5), d) for d in np.random.default_rng(0).normal(size=(20, 5))]
    counts = vitrail.count_regions(Network.from_arrays(layers), lines)
    scaled = Network.from_arrays([(weight, bias * 2.0**-12) for weight, bias in layers])
    assert [int(c) for c in counts] == [int(c) for c in vitrail.count_regions(scaled, lines)]
