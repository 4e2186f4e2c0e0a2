"""The table of measures against the single questions that it puts together."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import vitrail
from oracles.networks import he
from vitrail import local
from vitrail.errors import InvalidDomainError, InvalidOptionError
from vitrail.local.measures import MEASURES

BOX = vitrail.Box(np.zeros(4), np.ones(4))
EVERYTHING = ("distance", *MEASURES)


@pytest.fixture(scope="module")
def net() -> vitrail.Network:
    return vitrail.Network.from_arrays(he((4, 12, 12, 3), 5))


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(3).uniform(size=(11, 4))


@pytest.fixture(scope="module")
def table(net: vitrail.Network, points: np.ndarray) -> pd.DataFrame:
    return local.report(net, points, BOX, measures=EVERYTHING)


def test_rows_are_those_of_the_single_questions(net: vitrail.Network, points: np.ndarray, table: pd.DataFrame) -> None:
    assert table["point"].tolist() == list(range(11))
    distances = local.distance_to_boundary(net, points)
    for row, region in enumerate(local.regions_at(net, points, BOX)):
        found = table.iloc[row]
        ball, facets, neighbors = region.insphere(), region.facets(), region.neighbors()
        decision, directions = region.decision(), region.directions()
        assert found["prediction"] == region.prediction
        assert found["distance"] == pytest.approx(distances.values[row])
        assert found["distance"] == pytest.approx(region.distance)
        assert found["nearest_unit"] == distances.units[row]
        # products of other batches are rounded in another order
        radii = (found["radius"], found["radius_lower"], found["radius_upper"])
        assert radii == pytest.approx((ball.radius, *ball.interval), rel=1e-9)
        assert (found["touched_rows"], found["touched_sides"]) == (ball.active.size, ball.active_sides.size)
        assert found["mean_cosine"] == pytest.approx(directions.mean)
        assert found["facets"] == len(facets) == facets.by_layer.sum()
        assert [found["facets_layer_0"], found["facets_layer_1"]] == facets.by_layer.tolist()
        assert [found["kept_layer_0"], found["kept_layer_1"]] == facets.kept.tolist()
        assert found["reachable"] == decision.reachable.size
        assert found["crossed"] == (decision.reachable.size > 1)
        assert found["decision_distance"] == pytest.approx(decision.distance, rel=1e-5)
        assert found["class_changes"] == neighbors.changes.sum()
        assert found["class_unknown"] == (neighbors.predictions < 0).sum()
        assert found["gradient_unknown"] == np.isnan(neighbors.gradient_cosines).sum()
        assert found["gradient_cosine"] == pytest.approx(np.nanmean(neighbors.gradient_cosines))
        assert found["most_flips"] == 1
    assert set(table["status"]) == {"certified"}


def test_every_column_is_explained(table: pd.DataFrame) -> None:
    columns = table.attrs["columns"]
    assert list(columns) == list(table.columns)
    assert all(len(text) > 10 and text == text.strip() for text in columns.values())
    # what has no error bound is not called certified
    assert all("without error bound" in columns[f"{name}_status"] for name in ("directions", "facets", "neighbors"))


def test_only_what_is_asked_for(net: vitrail.Network, points: np.ndarray, table: pd.DataFrame) -> None:
    quick = local.report(net, points, measures=["distance"])
    assert "radius" not in quick and "distance" in quick
    balls = local.report(net, points, BOX, measures=["insphere"])
    assert "distance" not in balls
    assert balls["radius"].tolist() == pytest.approx(table["radius"].tolist(), rel=1e-9)
    assert local.report(net, points, measures="distance").equals(quick)
    with pytest.raises(InvalidOptionError, match="found none"):
        local.report(net, points, measures=[])


def test_distances_end_at_units_not_at_sides(net: vitrail.Network) -> None:
    corner = local.report(net, np.zeros(4), BOX, measures=["distance"])
    assert corner["distance"][0] == local.distance_to_boundary(net, np.zeros(4)).values[0] > 0.0
    assert local.distance_to_boundary(net, np.zeros(4), BOX).values[0] == 0.0


def test_groups(net: vitrail.Network, points: np.ndarray) -> None:
    one = local.report(net, points, measures="distance", group="data")
    assert set(one["group"]) == {"data"}
    names = [f"g{i % 2}" for i in range(11)]
    assert local.report(net, points, measures="distance", group=names)["group"].tolist() == names
    with pytest.raises(InvalidOptionError, match="11 points, found 2"):
        local.report(net, points, measures="distance", group=["a", "b"])


@pytest.mark.parametrize("workers", [1, 3])
def test_executors_do_not_matter(net: vitrail.Network, points: np.ndarray, table: pd.DataFrame, workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        again = local.report(net, points, BOX, measures=EVERYTHING, executor=pool)
    pd.testing.assert_frame_equal(again, table, rtol=1e-9)


def test_processes(net: vitrail.Network, points: np.ndarray, table: pd.DataFrame) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        again = local.report(net, points[:5], BOX, measures=["insphere"], executor=pool)
    assert again["radius"].tolist() == pytest.approx(table["radius"][:5].tolist(), rel=1e-9)


def test_progress_is_shown(net: vitrail.Network, points: np.ndarray, capfd: pytest.CaptureFixture[str]) -> None:
    local.report(net, points, BOX, measures=["insphere"], progress=True)
    assert "11/11" in capfd.readouterr().err
    local.report(net, points, BOX, measures=["insphere"])
    assert capfd.readouterr().err == ""


def test_what_is_wrong_is_said(net: vitrail.Network, points: np.ndarray) -> None:
    with pytest.raises(InvalidOptionError, match="insphere"):
        local.report(net, points, measures=["radius"])
    with pytest.raises(InvalidDomainError, match="input 1 is outside"):
        local.report(net, [[0.5] * 4, [2.0] * 4], BOX)
    with pytest.raises(InvalidDomainError, match="Box"):
        local.report(net, points, vitrail.Segment(np.zeros(4), np.ones(4)))


def test_the_weakest_status_counts(net: vitrail.Network, points: np.ndarray) -> None:
    # in a whole space classes are refuted within reach only
    table = local.report(net, points, measures=["distance", "decision"])
    single = [region.decision().status.value for region in local.regions_at(net, points)]
    assert table["status"].tolist() == single


def test_directions_of_many_regions(net: vitrail.Network, points: np.ndarray) -> None:
    regions = list(local.regions_at(net, points, BOX))
    whole = local.directions_at(net, points, BOX)
    assert whole.pairs == sum(region.directions().pairs for region in regions)
    facets = local.directions_at(net, points, BOX, facets=True, pairs="within")
    assert facets.rows.tolist() == [len(region.facets()) for region in regions]
    assert np.isnan(facets.across)
