"""Regions at points where rounding is worst: numbers whose squares vanish, tiny regions far out, centers far away."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from torch import Tensor

import vitrail
from vitrail.errors import InvalidOptionError
from vitrail.local.constraints import constraints_of
from vitrail.local.decisions.decision import decision
from vitrail.local.decisions.inside import Inside
from vitrail.local.decisions.outputs import with_rows
from vitrail.local.distance import distance_to_boundary
from vitrail.local.gradients.basis import Basis
from vitrail.local.halfspaces import halfspaces_at
from vitrail.local.insphere import insphere
from vitrail.numerics.interior_point import Rows, climb
from vitrail.status import Status


def exact(values: object) -> list[Fraction]:
    return [Fraction(float(value)) for value in np.asarray(values).ravel()]


def one_unit(weights: np.ndarray) -> vitrail.Network:
    return vitrail.Network.from_arrays([(weights[None], None), ([[1.0]], None)])


@pytest.mark.parametrize(("inputs", "weights"), [(1e-170, 1e150), (1e-165, 1e140), (1e150, 1e-170), (1e-200, 1e180)])
def test_bounds_hold_where_squares_vanish(inputs: float, weights: float, rng: np.random.Generator) -> None:
    for _ in range(20):
        slopes, point = weights * rng.normal(size=6), inputs * rng.normal(size=6)
        # the sum almost cancels, so that its sign is a matter of rounding
        point[-1] = -(slopes[:-1] @ point[:-1]) / slopes[-1]
        net = one_unit(slopes)
        value = sum(a * b for a, b in zip(exact(slopes), exact(point), strict=True))
        square = value**2 / sum(a**2 for a in exact(slopes))
        found = distance_to_boundary(net, point)
        lower, upper = exact([found.lower[0], found.upper[0]])
        assert lower**2 <= square <= upper**2
        region = halfspaces_at(net, point)
        assert value == 0 or bool(region.pattern[0][0]) == (value > 0)


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e-152, 1e152, 1e170, 1e300])
def test_normals_of_gradients_of_any_size(scale: float) -> None:
    weights = np.array([[3.0, 4.0], [4.0, -3.0]])
    point = np.array([1.0, 0.5])
    region = halfspaces_at(vitrail.Network.from_arrays([(scale * weights, None), ([[1.0, 1.0]], None)]), point)
    assert np.abs(region.normals + weights / 5.0).max() < 1e-15
    assert np.abs(region.slacks - [1.0, 0.5]).max() < 1e-15
    assert region.status.proven == (scale < 1e150)
    assert insphere(region).radius > 0.4999
    assert distance_to_boundary(region.net, point).values[0] == pytest.approx(0.5, rel=1e-15)


def test_without_bounds_of_offsets_nothing_is_certified() -> None:
    point = np.array([1e160, 0.3e160])
    region = halfspaces_at(vitrail.Network.from_arrays([([[1.0, 2.0]], [1e160]), ([[1.0]], None)]), point)
    assert not np.isfinite(region.offset_errors).all()
    assert region.status is Status.UNCERTIFIED


def test_a_region_without_room_has_an_infinite_gap() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 1.0], [-1.0, -1.0]], [-1e8, 1e8 + 1e-8]), ([[1.0, 1.0]], None)])
    ball = insphere(halfspaces_at(net, [5e7, 5e7 + 5e-9]))
    assert ball.radius == 0.0
    assert ball.gap == np.inf
    assert "uncertified" in repr(ball)


def test_centers_far_away_are_within_reach() -> None:
    """A flat triangle seen from its sharp end: everything is near but the middle."""
    far = 0
    for exponent in range(2, 12):
        flat = 10.0**-exponent
        net = vitrail.Network.from_arrays(
            [([[0.0, -1.0], [flat, 1.0], [-1.5 * flat, 1.0]], [0.0, 1.0, 1.0]), ([[1.0, 1.0, 1.0]], None)]
        )
        region = halfspaces_at(net, [-0.9 / flat, -0.05])
        ball = insphere(region)
        away = np.abs(ball.center - region.point).max()
        far += away > 100.0
        assert ball.reach > away
        assert ball.radius <= ball.upper
    assert far > 3


def test_a_start_outside_proves_nothing() -> None:
    """Multipliers of a start that rounding has moved out are negative, and so is what they prove."""
    domain = vitrail.Box([0.0, 0.0], [2.0, 2.0])
    region = halfspaces_at(vitrail.Network.from_arrays([(np.eye(2), None), ([[1.0, 1.0]], None)]), [1.0, 1.0], domain)
    within = constraints_of(region, None)
    inside = Inside.of(within, region.point, 1.0)
    # a thin slab through this point, and a row that holds there
    held, slope = np.array([1.5, 0.5]), np.array([-(0.5**0.5), 0.5**0.5])
    normals = np.array([[0.6, 0.8], slope, -slope])
    offsets = normals @ held + [0.1, 0.01, 0.01]
    cuts = with_rows(within, normals, offsets, np.zeros(3), np.zeros(3))
    weights = np.array([1.0, 0.0, 0.0])
    for start in (held, np.array([1.508, 0.492])):
        is_inside = bool((normals @ start < offsets).all())
        point, none = inside.highest(cuts, weights, start, lambda x: bool((normals @ x < offsets).all()))
        assert (point is not None) == is_inside
        assert not none
        bound = inside.nearest(cuts, start, 3.0)[1]
        assert bound <= np.linalg.norm(held - region.point)
        assert (bound > 0.69) == is_inside


def test_a_tiny_region_does_not_lose_the_class_that_is_predicted() -> None:
    first = [
        [-0.4719434414328524, -1.205682038493259],
        [-1.5253659329194293, -0.43403158758673777],
        [1.0764276594627702, -0.8494838362840521],
        [-0.12276807431944985, 0.12943711794851134],
        [-0.5848707739673366, -0.46553558513376436],
    ]
    second = [
        [-0.3605665422122825, 0.16054350827165417, -0.8887892143885432, -0.508605987701301, -1.455264459183103],
        [-1.9050518134648773, -1.4760712924146684, -0.850394669307226, 1.132150136012043, 0.9195731916096171],
        [0.5511624286505924, -0.8751561119057469, -0.22043006629770776, 1.954231399976418, -1.0532433040231557],
        [1.037422780914048, -1.4614195583830154, -0.7049126320769091, -2.648602568994877, -0.6281516109546162],
        [-0.0023272691017738006, 1.3815348970998804, -3.0308610891143117, -1.395667204331188, 0.7377317229943157],
    ]
    shifts = [196.88050660461687, -5.154838707239709, 217.74433395236866, -30.86434826973545, 53.434426356781515]
    ends = [9.45141897358384e-12, 3.1111897456913496e-11, -8.4261086370778e-12, -2.70677219570300e-12, -1.73863763e-11]
    point = [-56.09083595739238, 185.24967746745838]
    region = halfspaces_at(
        vitrail.Network.from_arrays([(first, shifts), (second, ends)]), point, vitrail.Box([-300.0] * 2, [300.0] * 2)
    )
    # the class is the largest at the point, by more than rounding
    margins = region.output[1] - np.delete(region.output, 1)
    assert region.prediction == 1
    assert margins.min() > 1e-13
    found = decision(region)
    assert 1 in {*found.reachable.tolist(), *found.undecided.tolist()}


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_many_inputs_are_never_carried_all_at_once(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, most = 4000, 0
    net = vitrail.Network.from_arrays([(np.ones((3, inputs)), None), ([[1.0, 1.0, 1.0]], None)])
    run = Basis._run

    def watched(self: Basis, start: int, end: int) -> dict[int, Tensor]:
        nonlocal most
        found = run(self, start, end)
        most = max(most, *(form.numel() for form in found.values()))
        return found

    monkeypatch.setattr(Basis, "_run", watched)
    assert distance_to_boundary(net, np.ones(inputs), norm=norm).certified.all()
    assert len(halfspaces_at(net, np.ones(inputs))) == 3
    assert 0 < most < 100 * inputs


def test_rays_toward_parallel_walls_end_without_an_error() -> None:
    weights = [[1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, 1.0], [1.0, 1.0]]
    net = vitrail.Network.from_arrays([(weights, [0.0, -1.0, 0.0, 1.0, 0.0, 1.0]), (np.ones((1, 6)), None)])
    region = vitrail.region_at(net, [-0.5, 1.25], vitrail.Box([-2.0, -2.0], [2.0, 2.0]))
    found, every = region.facets(estimate="rays"), region.facets()
    assert set(found.rows.tolist()) <= set(every.rows.tolist()) | set(found.open.tolist())
    # of rows that are one hyperplane rays name any
    names = {tuple(np.round([*region.normals[row], region.offsets[row]], 9)) for row in every.rows}
    assert {tuple(np.round([*region.normals[row], region.offsets[row]], 9)) for row in found.rows} <= names


def test_facets_of_another_region_are_refused() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
    box = vitrail.Box([-2.0, -2.0], [2.0, 2.0])
    here, there = vitrail.region_at(net, [1.0, 1.0], box), vitrail.region_at(net, [-1.0, 1.0], box)
    assert len(here.neighbors(facets=here.facets())) == 2
    with pytest.raises(InvalidOptionError, match="of this region"):
        here.neighbors(facets=there.facets())
    with pytest.raises(InvalidOptionError, match="in this domain"):
        here.neighbors(vitrail.Space(2), facets=here.facets())


def test_from_outside_nothing_is_found_and_nothing_is_proven() -> None:
    rows = Rows(np.array([[1.0, 0.0]]), np.array([0.5]), np.zeros(2), np.ones(2))
    found = climb(rows, (np.array([0.75, 0.5]), 0.0), np.array([1.0, 1.0]))
    assert found.value == -np.inf
    assert found.proven_upper() >= 1.5


@pytest.mark.parametrize("seed", [-1, 0.5, "a"])
def test_seeds_are_natural_numbers(seed: object) -> None:
    net = vitrail.Network.from_arrays([([[1.0]], None), ([[1.0]], None)])
    region = vitrail.region_at(net, [1.0])
    for ask in (
        lambda: region.facets(estimate="rays", seed=seed),
        lambda: vitrail.local.relevance(net, [1.0], seed=seed),
    ):
        with pytest.raises(InvalidOptionError, match="seed"):
            ask()
