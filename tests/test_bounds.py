"""What bounds know of a network, where they refuse, and the table of all that apply."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import vitrail
from vitrail.bounds import (
    Architecture,
    BoundKind,
    Confidence,
    Constants,
    Need,
    Setting,
    available,
    evaluate,
    find,
    growth,
    table,
)
from vitrail.bounds.bounds_table import BoundsTable
from vitrail.bounds.from_network import architecture_of, rank_at_most, setting_of
from vitrail.bounds.values import exact_text, log10_of, portable, short
from vitrail.errors import InvalidOptionError, NotApplicableError
from vitrail.status import Definition


def from_torch(module: nn.Module, *shape: int) -> vitrail.Network:
    return vitrail.Network.from_torch(module.double().eval(), torch.zeros(1, *shape, dtype=torch.float64))


class Residual(nn.Module):
    """Two inputs, a layer of one unit, and two units that see it and the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 1), nn.Linear(3, 2), nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.first(x))
        return self.last(torch.relu(self.second(torch.cat([hidden, x], dim=1))))


# ---- architectures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("widths", "found"),
    [
        ("784-100-100-10", (784, (100, 100), 10)),
        (" 2 - 3 - 1 ", (2, (3,), 1)),
        ([2, 3], (2, (), 3)),
        (np.array([2, 3, 1]), (2, (3,), 1)),
    ],
)
def test_widths_are_read(widths: object, found: tuple[int, tuple[int, ...], int]) -> None:
    architecture = Architecture.of(widths if isinstance(widths, str) else list(widths))  # type: ignore[call-overload]
    assert (architecture.input_dimension, architecture.widths, architecture.outputs) == found


@pytest.mark.parametrize(
    "widths",
    ["2", "", "2-", "2--3", "2-0-1", "2-a-1", "2,3", "٢-٣", [2], [2, 0], [2, 1.5], [True, 2], [2, -1], "9" * 11 + "-1"],
)
def test_other_widths_are_refused(widths: object) -> None:
    with pytest.raises(InvalidOptionError, match="widths: expected"):
        Architecture.of(widths)  # type: ignore[arg-type]


@pytest.mark.parametrize(("activation", "rank"), [("maxout", None), ("maxout", 1), ("maxout", True), ("relu", 3)])
def test_ranks_go_with_maxout(activation: str, rank: object) -> None:
    with pytest.raises(InvalidOptionError, match="rank: "):
        Architecture.of("2-3-1", activation=activation, rank=rank)  # type: ignore[arg-type]


def test_unknown_activations_name_the_closest() -> None:
    with pytest.raises(InvalidOptionError, match="did you mean 'relu'"):
        Architecture.of("2-3-1", activation="rleu")


def test_architecture_of_a_fully_connected_network() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    found = architecture_of(from_torch(model, 5))
    assert (found.name, found.activation, found.sequential, found.homogeneous) == ("5-4-3-2", "relu", True, False)
    assert all(layer.dense and layer.biased and layer.switched_off and layer.bottleneck for layer in found.layers)
    assert [layer.reach for layer in found.layers] == [4, 3]


def test_a_bottleneck_between_layers_is_seen() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1), nn.Linear(1, 6), nn.ReLU(), nn.Linear(6, 1))
    net = from_torch(model, 5)
    found = architecture_of(net)
    assert [layer.reach for layer in found.layers] == [4, 1]
    assert [layer.dense for layer in found.layers] == [True, False]
    # 16 cells of the first layer at most, all but one of them cut at 6 points along one direction
    assert table(net, count=None)["vitrail_layered"].value == 15 * 7 + 1


def test_convolutions_are_seen_as_such() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, (1, 2)), nn.ReLU(), nn.Flatten(), nn.Linear(6, 1))
    found = architecture_of(from_torch(model, 1, 1, 3))
    kernel = found.layers[0].kernel
    assert kernel is not None and (kernel.input_shape, kernel.positions, kernel.channels) == ((1, 1, 3), (1, 2), 3)
    assert not found.layers[0].dense and found.layers[0].units == 6
    padded = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(27, 1))
    assert architecture_of(from_torch(padded, 1, 3, 3)).layers[0].kernel is None


def test_skip_connections_are_seen() -> None:
    net = from_torch(Residual(), 2)
    found = architecture_of(net)
    assert not found.sequential
    assert [layer.bottleneck for layer in found.layers] == [False, True]
    listed = table(net, count=None)
    assert {"serra2018", "montufar2017", "hinz2021"} & {row.name for row in listed} == set()
    with pytest.raises(NotApplicableError, match="skip connections"):
        listed["serra2018"]
    assert listed["vitrail_layered"].value == 8


@pytest.mark.parametrize(
    ("activation", "pieces", "off"),
    [
        (nn.ReLU(), 2, True),
        (nn.LeakyReLU(0.1), 2, False),
        (nn.Hardtanh(), 3, False),
        (nn.ReLU6(), 3, False),
    ],
)
def test_activations_are_seen(activation: nn.Module, pieces: int, off: bool) -> None:
    layer = architecture_of(from_torch(nn.Sequential(nn.Linear(2, 3), activation, nn.Linear(3, 1)), 2)).layers[0]
    assert (layer.pieces, layer.switched_off) == (((pieces, 3),), off)


def test_max_pooling_shares_its_candidates() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 2), nn.ReLU(), nn.MaxPool2d(2, stride=1), nn.Flatten(), nn.Linear(4, 1))
    found = architecture_of(from_torch(model, 1, 4, 4))
    assert found.layers[1].maximum and not found.layers[1].dense
    assert found.layers[1].pieces == ((4, 4),)


def test_biases_are_seen() -> None:
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False))
    net = from_torch(model, 2)
    assert architecture_of(net).homogeneous
    # the zonotope network needs biases from its second layer on
    below = {row.name for row in table(net, count=None) if row.kind is BoundKind.LOWER_ON_MAXIMUM}
    assert below == {"arora2018", "serra2018_zonotope"}
    # a plane need not contain the origin
    wide = from_torch(nn.Sequential(nn.Linear(3, 3, bias=False), nn.ReLU(), nn.Linear(3, 1)), 3)
    plane = vitrail.Plane([0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    assert not setting_of(wide, plane).architecture.homogeneous


def test_a_plane_is_a_space_of_two_inputs() -> None:
    net = from_torch(nn.Sequential(nn.Linear(7, 3), nn.ReLU(), nn.Linear(3, 1)), 7)
    plane = vitrail.Plane(np.zeros(7), np.eye(7)[0], np.eye(7)[1])
    assert table(net, plane, count=None).tightest_upper.value == 7  # type: ignore[union-attr]
    assert table(net, count=None).tightest_upper.value == 8  # type: ignore[union-attr]


# ---- ranks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "rank"),
    [
        (np.zeros((3, 2)), 0),
        (np.outer([1.0, 2.0, 1e300], [1e-300, 3.0]), None),
        (np.array([[0.1, 0.2], [0.3, 0.6]]), None),
        (np.eye(4)[:, :3], 3),
        (np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]]), 2),
    ],
)
def test_ranks_are_never_too_small(matrix: np.ndarray, rank: int | None) -> None:
    from fractions import Fraction

    rows = [[Fraction(value) for value in row] for row in matrix.tolist()]
    exact = 0
    for column in range(matrix.shape[1]):
        pivot = next((i for i in range(exact, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[exact], rows[pivot] = rows[pivot], rows[exact]
        for i in range(exact + 1, len(rows)):
            factor = rows[i][column] / rows[exact][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[exact], strict=True)]
        exact += 1
    assert rank_at_most(matrix) == exact
    assert rank is None or rank == exact


def test_ranks_of_large_matrices_are_not_computed() -> None:
    started = time.perf_counter()
    assert rank_at_most(np.ones((3000, 3000))) == 3000
    assert time.perf_counter() - started < 5


# ---- numbers -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 10**60))
@settings(max_examples=200, deadline=None)
def test_short_numbers_are_cut_not_rounded(value: int) -> None:
    text = short(value)
    if value < 10**15:
        assert int(text.replace(",", "")) == value
    else:
        digits, _, exponent = text.partition("e")
        shown = int(digits.replace(".", "")) * 10 ** (int(exponent) - 2)
        assert shown <= value < shown + 10 ** (int(exponent) - 2)
    assert math.isclose(log10_of(value), math.log10(value))


def test_numbers_of_any_size_are_written() -> None:
    huge = 10**47_712 + 7 * 10**30_000 + 3
    assert exact_text(huge) == "1" + "0" * 17_711 + "7" + "0" * 29_999 + "3"
    assert portable(huge) == exact_text(huge) and portable(2**53) == 2**53
    assert short(huge).endswith("e47712")


# ---- evaluation ----------------------------------------------------------------------------------------------------


def test_names_are_unique_and_described() -> None:
    names = [statement.name for statement in available()]
    assert len(names) == len(set(names)) >= 20
    for statement in available():
        assert statement.formula and statement.reference and statement.title and statement.needs
        assert statement.kind_for(statement.counts) is statement.kind


def test_unknown_names_name_the_closest() -> None:
    with pytest.raises(InvalidOptionError, match="did you mean 'serra2018'"):
        evaluate("sera2018", widths="2-3-1")
    with pytest.raises(InvalidOptionError, match="widths: expected"):
        evaluate("serra2018")


RELU_ONLY = [
    statement.name
    for statement in available()
    if statement.kind is BoundKind.UPPER
    and statement.needs == {Need.ARCHITECTURE}
    and any("ReLU" in condition.text for condition in statement.conditions)
]


@pytest.mark.parametrize("name", RELU_ONLY)
@pytest.mark.parametrize("activation", ["abs", "leaky_relu", "hardtanh", "maxout"])
def test_bounds_of_relu_are_not_given_for_others(name: str, activation: str) -> None:
    with pytest.raises(NotApplicableError, match=f"{name}: expected .*{activation}"):
        evaluate(name, widths="1-3-3-1", activation=activation, rank=3 if activation == "maxout" else None)


def test_relu_only_bounds_are_known() -> None:
    assert {"serra2018", "hinz2021"} <= set(RELU_ONLY)


def test_the_trap_of_absolute_values() -> None:
    # 16 regions are attained by |x| with widths 2, 2 and two inputs, where bounds for ReLU say 11
    assert evaluate("serra2018", widths="2-2-2-1").value == 11
    listed = table("2-2-2-1", activation="abs")
    assert min(row.value for row in listed if row.kind.above) == 16


@pytest.mark.parametrize("definition", list(Definition))
@pytest.mark.parametrize("widths", ["2-4-4-1", "1-3-3-1", "2-5-1"])
def test_definitions_go_one_way(definition: Definition, widths: str) -> None:
    order = [Definition.AFFINE, Definition.LINEAR, Definition.ACTIVATION]
    for row in table(widths, definition=definition.value):
        if row.kind.above:
            assert order.index(row.counts) >= order.index(definition)
        if row.kind.below:
            assert order.index(row.counts) <= order.index(definition)
        assert row.kind is not BoundKind.EXACT_MAXIMUM or row.counts is definition


def test_lower_bounds_on_activation_regions_say_nothing_of_linear_ones() -> None:
    with pytest.raises(NotApplicableError, match="says nothing about linear"):
        table("2-6-6-1", definition="linear")["serra2018_lower"]
    assert table("2-6-6-1", definition="activation")["serra2018_lower"].value == 352


# ---- the table -----------------------------------------------------------------------------------------------------


def rows_in_order(listed: BoundsTable) -> bool:
    plain = [row for row in listed.rows if "expectation" not in row.kind]
    return plain == list(listed.rows[: len(plain)]) and [r.value for r in plain] == sorted(r.value for r in plain)


@pytest.mark.parametrize("widths", ["2-4-4-1", "1-3-3-1", "784-100-100-10", "2-1-1-1", "3-5", "10-10-10-10-1"])
def test_tables_are_sorted_and_consistent(widths: str) -> None:
    listed = table(widths)
    assert rows_in_order(listed)
    assert len(listed) + len(listed.left_out) == len(available())
    assert listed.tightest_upper is not None
    upper = listed.tightest_upper
    assert all(row.value >= upper.value for row in listed if row.kind.above)
    if listed.tightest_lower is not None:
        assert listed.tightest_lower.value <= upper.value
    sure = listed.tightest_sure_upper
    assert sure is not None and sure.confidence is Confidence.SURE and sure.value >= upper.value
    document = json.loads(json.dumps(listed.to_dict()))
    assert len(document["bounds"]) == len(listed)
    frame = listed.to_frame()
    assert len(frame) == len(listed) and (frame["mark"] != "").any()
    assert widths.partition("-")[0] in str(listed)


def test_without_hidden_layers_there_is_one_region() -> None:
    assert {row.value for row in table("3-5") if row.kind.above} == {1}


def test_the_count_stands_beside() -> None:
    net = vitrail.Network.from_arrays(
        [([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 0.0, -1.0]), ([[1.0, 1.0, 1.0]], None)]
    )
    listed = table(net)
    assert listed.count is not None and int(listed.count) == 7 and listed.count.status.proven
    assert "this network" in str(listed) and listed.to_dict()["count"]["value"] == 7  # type: ignore[index]
    assert table(net, count=None).count is None
    window = table(net, vitrail.Box([0.5, 0.5], [2.0, 2.0]))
    assert int(window.count) == 1  # type: ignore[arg-type]
    given = vitrail.count_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
    assert table(net, count=given).count is given
    with pytest.raises(InvalidOptionError, match="count: expected"):
        table(net, count=5)
    with pytest.raises(InvalidOptionError, match="count: expected"):
        table(net, count="yes")


def test_domains_go_with_networks() -> None:
    with pytest.raises(InvalidOptionError, match="domain: goes with a network"):
        table("2-3-1", vitrail.Box([0.0, 0.0], [1.0, 1.0]))


def test_expectations_need_constants_and_a_box() -> None:
    net = vitrail.Network.from_arrays([(np.eye(2), np.ones(2)), (np.eye(2), np.ones(2)), (np.ones((1, 2)), None)])
    box = vitrail.Box([-1.0, -1.0], [1.0, 1.0])
    plain = {row.name for row in table(net, box, count=None)}
    more = table(net, box, count=None, constants=Constants.he(1.0))
    added = {row.name for row in more} - plain
    assert added and all("expectation" in more[name].kind for name in added)
    assert rows_in_order(more)


def test_deep_wide_networks_are_quick() -> None:
    # generous: the promise is a second on a quiet machine, measured in the benchmarks
    started = time.perf_counter()
    listed = table([784, *[1000] * 50, 10])
    assert time.perf_counter() - started < 20
    assert listed.tightest_upper is not None and listed.tightest_upper.log10 > 10_000
    assert len(json.dumps(listed.to_dict())) > 10_000 and str(listed)


# ---- growth --------------------------------------------------------------------------------------------------------


def test_growth_is_that_of_single_tables() -> None:
    found = growth(2, 4, 3)
    assert found.sizes == (1, 2, 3)
    for depth in found.sizes:
        listed = {
            row.name: row for word in ("activation", "linear") for row in table([2, *[4] * depth, 1], definition=word)
        }
        for name, row in found.series.items():
            value = row[depth - 1]
            if value is not None:
                assert value == listed[name].log10
    wide = growth(2, 4, 3, along="width", sizes=[2, 8])
    assert wide.series["serra2018"][1] == table("2-8-8-8-1")["serra2018"].log10


@pytest.mark.parametrize("arguments", [{"along": "depth"}, {"sizes": []}, {"sizes": [0]}])
def test_other_growth_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidOptionError):
        growth(2, 4, 3, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("activation", ["relu", "hardtanh", "abs"])
def test_many_units_in_few_dimensions_are_cheap(activation: str) -> None:
    # a power of a polynomial with a million terms would fill the memory
    found = table([2, 10**6, 10**6, 1], activation=activation)
    assert found.tightest_upper is not None and found.tightest_upper.log10 < 30


def test_settings_can_be_given() -> None:
    setting = Setting(Architecture.of("2-3-1"))
    assert table(setting)["serra2018"].value == evaluate("serra2018", setting).value == 7
    assert find("serra2018").failures(setting) == []
