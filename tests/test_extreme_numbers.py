"""Numbers near the ends of float64, and the kernels' error bounds where they are easy to get wrong."""

from __future__ import annotations

import numpy as np
import pytest

import vitrail
from helpers import he, square
from oracles import networks
from vitrail.cells.interval_cut import end_sign
from vitrail.network.network import Network
from vitrail.status import Status


def not_wrong(count: vitrail.Count, truth: int) -> None:
    """Check that a count is right, or says that it may not be, with bounds that hold."""
    if count.status.proven:
        assert int(count) == truth
    assert count.lower <= truth
    assert count.upper is None or truth <= count.upper


def test_products_that_underflow_are_not_certified_away() -> None:
    layers = [([[1e-200], [1e-200]], [0.0, -0.5e-200]), ([[1e-200, -3e-200]], None), ([[1.0]], None)]
    not_wrong(vitrail.count_regions(Network.from_arrays(layers), vitrail.Segment([-1.0], [1.0])), 4)


@pytest.mark.parametrize("scale", [1e-156, 1e-160, 1e-300])
def test_lines_whose_determinant_underflows(scale: float) -> None:
    weight = scale * np.array([[1.0, 0.3], [0.4, 1.0], [1.0, -1.0]])
    layers = [(weight, scale * np.array([0.1, 0.2, -0.3])), (np.ones((1, 3)), None)]
    regions = vitrail.enumerate_regions(Network.from_arrays(layers), square())
    not_wrong(regions.count(), 7)
    assert np.isfinite(regions.measures).all()


@pytest.mark.parametrize("exponent", [-500, -100, 100, 500])
def test_scaling_a_layer_by_a_power_of_two_changes_nothing(exponent: int) -> None:
    layers = networks.he((2, 12, 12, 1), 1)
    truth = int(vitrail.count_regions(Network.from_arrays(layers), square()))
    (w1, b1), (w2, b2), last = layers
    factor = 2.0**exponent
    scaled = [(w1 * factor, b1 * factor), (w2 / factor, b2), last]
    count = vitrail.count_regions(Network.from_arrays(scaled), square())
    not_wrong(count, truth)
    if abs(exponent) <= 100:
        assert count.status is Status.CERTIFIED
        assert int(count) == truth


def test_a_tiny_domain_far_from_the_origin() -> None:
    network = he(2, 30, 30, 1)
    domain = vitrail.Box([0.5, 0.25], [0.5 + 2.0**-30, 0.25 + 2.0**-30])
    regions = vitrail.enumerate_regions(network, domain)
    assert regions.measure_error < 1e-6  # corners are stored in units of 1, so 2^-52 of that against a side of 2^-30
    assert regions.count() >= 1


def test_the_sign_at_an_uncertain_end_allows_for_the_slope() -> None:
    # with errors 0.45 at the end and 1e-3 in the slope the true value may be -4.5e-4
    assert end_sign(0.550101, 1.0, 1e-9, 1e-3, -0.1, 0.45) == 0
    assert end_sign(0.5515, 1.0, 1e-9, 1e-3, -0.1, 0.45) == 1
