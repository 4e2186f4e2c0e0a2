"""Error bounds of single cells: they hold, they decide where the domain's do not, and wrong ones would be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import vitrail
from helpers import domain_of
from oracles.random_networks import random_case
from translate import to_network
from vitrail import search
from vitrail.engines.exact_forms import ExactForms
from vitrail.engines.plan import Plan
from vitrail.engines.sharper import Sharper
from vitrail.numerics.filters import OVERFLOWING
from vitrail.numerics.fixed import to_integers


def he(*widths: int, seed: int = 0) -> vitrail.Network:
    rng = np.random.default_rng(seed)
    return vitrail.Network.from_arrays(
        [(rng.normal(size=(b, a)) * np.sqrt(2 / a), rng.normal(size=b) * 0.5) for a, b in pairwise(widths)]
    )


def box(k: int) -> vitrail.Box:
    return vitrail.Box([-1.0] * k, [1.0] * k)


def hopeless(make: Callable[..., Plan]) -> Callable[..., Plan]:
    """A plan whose bounds decide nothing after the first stage."""

    def make_hopeless(*arguments: object) -> Plan:
        plan = make(*arguments)
        stages = [
            replace(stage, table=replace(stage.table, bounds=np.full_like(stage.table.bounds, OVERFLOWING)))
            for stage in plan.stages[1:]
        ]
        return replace(plan, stages=(*plan.stages[:1], *stages))

    return make_hopeless


def patterns(regions: vitrail.RegionSet) -> list[bytes]:
    assert regions.words is not None
    return sorted(row.tobytes() for row in regions.words)


CASES = {
    "plane": (he(2, 12, 12, 12, 2), box(2), {}),
    "space": (he(3, 8, 8, 8, 2), box(3), {}),
    "halfspaces": (he(3, 8, 8, 8, 2), box(3), {"cells": "halfspaces"}),
    "whole space": (he(3, 6, 6, 6, 2), vitrail.Space(3), {}),
    "slice": (he(6, 8, 8, 8, 2), vitrail.Slice(np.zeros(6), np.eye(6)[:3] + 0.1), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_hopeless_bounds_of_the_domain_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, domain, options = CASES[name]
    expected = vitrail.enumerate_regions(network, domain, **options)
    monkeypatch.setattr(search, "make_plan", hopeless(search.make_plan))
    regions = vitrail.enumerate_regions(network, domain, **options)
    count = vitrail.count_regions(network, domain, **options)
    assert regions.status is vitrail.Status.CERTIFIED and patterns(regions) == patterns(expected)
    assert count == len(regions) and count.status is vitrail.Status.CERTIFIED
    assert regions.account.exact < 0.2 * regions.account.decisions
    assert len(regions.facets.units) == len(expected.facets.units) and not regions.facets.open.size
    if name != "whole space":
        assert regions.account.upper == regions.account.lower == len(regions)
        assert vitrail.certify(regions).require().status is vitrail.Status.EXACT


@pytest.mark.parametrize("seed", range(30))
def test_any_network_with_hopeless_bounds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case = random_case(seed, dimensions=(2, 3))
    network, domain = to_network(case.net), domain_of(case)
    expected = vitrail.enumerate_regions(network, domain)
    monkeypatch.setattr(search, "make_plan", hopeless(search.make_plan))
    assert patterns(vitrail.enumerate_regions(network, domain)) == patterns(expected)
    assert vitrail.count_regions(network, domain) == len(expected)


def test_budgets_end_what_is_cut_again(monkeypatch: pytest.MonkeyPatch) -> None:
    network, domain, _ = CASES["space"]
    whole = vitrail.count_regions(network, domain)
    monkeypatch.setattr(search, "make_plan", hopeless(search.make_plan))
    for most in (1, 17, int(whole) - 1):
        part = vitrail.enumerate_regions(network, domain, max_regions=most)
        assert len(part) == most and part.status is vitrail.Status.PARTIAL
        assert most <= part.count().lower <= whole <= part.count().upper
    assert vitrail.count_regions(network, domain, max_regions=int(whole)).status is vitrail.Status.CERTIFIED


@pytest.mark.parametrize("seed", range(8))
def test_bounds_hold_against_exact_forms(seed: int) -> None:
    """Every coefficient of every form of random cells, in fractions; and a bound ten thousand times smaller fails."""
    regions = vitrail.enumerate_regions(he(3, 7, 7, 7, 7, 2, seed=seed), box(3))
    source, words = regions.source, regions.words
    assert source is not None and words is not None
    some = np.random.default_rng(seed).choice(len(regions), 12, replace=False)
    frames, ratios = np.zeros(len(some), dtype=np.int64), []
    for number in (1, 2, 3):
        history = words[some][:, : source.plan.layout.slice_of(number).start]
        exact_forms = ExactForms(source.plan, source.roots)
        exact = exact_forms.stage(number, exact_forms.along(frames, history)).forms
        for batch in Sharper(source.plan, source.roots).batches(number, frames, history):
            assert batch is not None
            part, forms, table = batch
            domain = source.plan.stages[number].table.bounds
            assert (table.bounds <= domain).all() and (table.bounds < 0.7 * domain).any()
            unit = Fraction(2) ** exact.power
            for cell, column, entry in np.ndindex(forms.shape):
                (true,) = to_integers(exact.digits.numpy()[:, part.start + cell, column, entry][:, None])
                off = abs(Fraction(float(forms[cell, column, entry])) - true * unit)
                ratios.append(float(off / Fraction(float(table.bounds[column, 0, entry]))))
    assert 0.0 < max(ratios) < 1.0
    assert max(ratios) * 1e4 > 1.0


def test_numbers_that_underflow_are_left_to_exact_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    layers = [(rng.normal(size=(5, 2)) * 2.0**-500, None), (rng.normal(size=(5, 5)), None), (np.ones((1, 5)), None)]
    network = vitrail.Network.from_arrays(layers)
    expected = vitrail.enumerate_regions(network, box(2), exact="always")
    monkeypatch.setattr(search, "make_plan", hopeless(search.make_plan))
    regions = vitrail.enumerate_regions(network, box(2))
    assert patterns(regions) == patterns(expected) and regions.account.exact > 0


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("small", ["weights", "biases", "slopes"])
def test_small_weights_do_not_make_zeros(k: int, small: str) -> None:
    """Products below the range of float64: what is lost to underflow is not taken for a zero."""
    one, tiny = np.eye(k), 2.0**-700
    shifted = one - np.eye(k, k=1)
    if small == "weights":
        layers = [(2.0**-390 * one, None), (tiny * shifted, None), (np.ones((1, k)), None)]
        network = vitrail.Network.from_arrays(layers)
    elif small == "biases":
        layers = [(2.0**-390 * one, np.full(k, 2.0**-391)), (tiny * shifted, None), (np.ones((1, k)), None)]
        network = vitrail.Network.from_arrays(layers)
    else:
        layers = [(2.0**-390 * one, None), (shifted, None), (np.ones((1, k)), None)]
        network = vitrail.Network.from_arrays(layers, activation="leaky_relu", negative_slope=tiny)
    exact = vitrail.enumerate_regions(network, box(k), exact="always")
    for options in ({}, {"cells": "halfspaces"}) if k > 2 else ({},):
        regions = vitrail.enumerate_regions(network, box(k), **options)
        assert patterns(regions) == patterns(exact) and len(regions) > 1
        assert vitrail.count_regions(network, box(k), **options) == len(exact)


@pytest.mark.parametrize("k", [2, 3])
def test_the_order_of_regions_does_not_depend_on_the_workers(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = he(k, 9, 9, 9, 2)
    monkeypatch.setattr(search, "make_plan", hopeless(search.make_plan))
    orders: list[vitrail.RegionSet] = []
    for workers in (1, 2, 5):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, workers=workers: set(range(workers)))
        regions = vitrail.enumerate_regions(network, box(k))
        orders.append(regions)
    for other in orders[1:]:
        np.testing.assert_array_equal(other.words, orders[0].words)
        # the products of other batches round in another order
        np.testing.assert_allclose(other.vertices, orders[0].vertices, atol=1e-12)
