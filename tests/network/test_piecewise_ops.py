"""Elementwise and Maximum: definitions, ties, absent pieces, continuity, forms along pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from vitrail.errors import InvalidModelError
from vitrail.network.ops import elementwise as e
from vitrail.network.ops.maximum import Maximum, pool_windows

numbers = st.floats(-8, 8, allow_nan=False).map(lambda x: round(x * 8) / 8)
Z = torch.tensor([[-7.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 7.0]], dtype=torch.float64)
N = (Z.shape[1],)

KINDS = {
    "relu": (e.relu(N), F.relu),
    "relu6": (e.relu6(N), F.relu6),
    "leaky": (e.leaky_relu(N, 0.25), lambda z: F.leaky_relu(z, 0.25)),
    "negative leaky": (e.leaky_relu(N, -2.0), lambda z: F.leaky_relu(z, -2.0)),
    "abs": (e.absolute_value(N), torch.abs),
    "hardtanh": (e.clamp(N, -1.0, 1.0), F.hardtanh),
    "lower": (e.clamp(N, 0.5, np.inf), lambda z: z.clamp(min=0.5)),
    "upper": (e.clamp(N, -np.inf, 0.5), lambda z: z.clamp(max=0.5)),
    "softshrink": (e.soft_shrink(N, 0.5), lambda z: F.softshrink(z, 0.5)),
    "hard sigmoid": (e.shifted_relu6(N), lambda z: F.relu6(z + 3)),
}


@pytest.mark.parametrize("name", KINDS)
def test_values_are_those_of_torch(name: str) -> None:
    op, expected = KINDS[name]
    assert op is not None
    assert torch.equal(op.forward(Z), expected(Z))
    assert op.units == N[0] and op.breakpoints.flags.c_contiguous and not op.slopes.flags.writeable


@pytest.mark.parametrize("name", KINDS)
def test_the_piece_is_the_interval_and_the_lower_one_on_a_breakpoint(name: str) -> None:
    op = KINDS[name][0]
    assert op is not None
    pieces = op.pieces_at(Z)[0]
    assert pieces.dtype == np.uint8
    for unit, z in enumerate(Z[0].tolist()):
        assert pieces[unit] == sum(z > point for point in op.breakpoints[:, unit])


@given(st.lists(numbers, min_size=3, max_size=3), st.lists(numbers, min_size=3, max_size=3), st.floats(-4, 4))
def test_forms_follow_the_given_piece(constants: list[float], slopes: list[float], t: float) -> None:
    op = e.clamp((3,), [-1.0, -np.inf, 0.0], [1.0, 2.0, np.inf])
    assert op is not None
    forms = torch.tensor([[constants, slopes]], dtype=torch.float64)
    point = forms[:, 0] + t * forms[:, 1]
    followed = op.apply(forms, op.pieces_at(point))
    assert torch.allclose(followed[:, 0] + t * followed[:, 1], op.forward(point))


def test_units_without_some_breakpoint_have_it_last_at_infinity() -> None:
    op = e.clamp((4,), [-1.0, -np.inf, 0.0, -np.inf], [1.0, 2.0, np.inf, np.inf])
    assert op is not None
    assert op.breakpoints.tolist() == [[-1.0, 2.0, 0.0, np.inf], [1.0, np.inf, np.inf, np.inf]]
    z = torch.tensor([[-5.0, -5.0, -5.0, -5.0], [5.0, 5.0, 5.0, 5.0]], dtype=torch.float64)
    assert op.forward(z).tolist() == [[-1.0, -5.0, 0.0, -5.0], [1.0, 2.0, 5.0, 5.0]]


def test_units_that_never_switch_make_no_op() -> None:
    assert e.leaky_relu((2,), 1.0) is None and e.clamp((2,), -np.inf, np.inf) is None and e.soft_shrink((2,), 0) is None
    partly = e.leaky_relu((2,), [1.0, 0.5])
    assert partly is not None and partly.breakpoints.tolist() == [[np.inf, 0.0]]


one = np.ones((1, 2))
BAD = {
    "jump": (one, np.vstack([0 * one, one]), np.zeros((2, 2))),
    "jump at the last unit": (0 * one, np.vstack([0 * one, one]), np.array([[0, 0], [0, 1e-300]])),
    "jump by one ulp": (0.1 * one, np.vstack([0 * one, one]), np.vstack([0 * one, np.nextafter(-0.1, 0) * one])),
    "order": (np.vstack([one, 0 * one]), np.zeros((3, 2)), np.zeros((3, 2))),
    "equal breakpoints": (np.vstack([one, one]), np.zeros((3, 2)), np.zeros((3, 2))),
    "nan": (np.nan * one, np.zeros((2, 2)), np.zeros((2, 2))),
    "infinite slope": (0 * one, np.vstack([0 * one, np.inf * one]), np.zeros((2, 2))),
    "minus infinity": (-np.inf * one, np.zeros((2, 2)), np.zeros((2, 2))),
    "shapes": (one, np.zeros((1, 2)), np.zeros((2, 2))),
    "units": (np.ones((1, 3)), np.zeros((2, 3)), np.zeros((2, 3))),
}


@pytest.mark.parametrize("name", BAD)
def test_tables_that_are_no_continuous_function_are_refused(name: str) -> None:
    with pytest.raises(InvalidModelError):
        e.Elementwise("bad", *BAD[name], (2,))


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), (np.nan, 1.0), (np.inf, np.inf), (-np.inf, -np.inf)])
def test_clamp_bounds_must_leave_room(bounds: tuple[float, float]) -> None:
    with pytest.raises(InvalidModelError):
        e.clamp((2,), *bounds)


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "ceil"), [
    (2, 2, 0, 1, False), (3, 2, 1, 1, False), (3, 1, 1, 1, False), (2, 1, 0, 2, False), (3, 2, 1, 1, True),
    (2, 3, 1, 1, True),
])  # fmt: skip
def test_pool_windows_are_those_of_torch(kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> None:
    for size in range(5, 12):
        table = pool_windows(size, kernel, stride, (padding, padding), dilation, ceil=ceil)
        op = Maximum(table, 1, ((size,),), (len(table),))
        x = torch.randn(4, size, dtype=torch.float64)
        expected = F.max_pool1d(x[:, None], kernel, stride, padding, dilation, ceil)[:, 0]
        assert torch.equal(op.forward([x]), expected)


groups = st.lists(
    st.lists(st.integers(-1, 4), min_size=3, max_size=3).filter(lambda g: max(g) >= 0), min_size=1, max_size=4
)


@given(groups, st.lists(st.integers(-2, 2), min_size=5, max_size=5), st.sampled_from([1, -1]))
def test_the_winner_is_the_first_best_candidate(table: list[list[int]], values: list[int], sign: int) -> None:
    op = Maximum(np.array(table), sign, ((2,), (3,)), (len(table),))
    x = torch.tensor([values], dtype=torch.float64)
    pieces = op.pieces_at([x[:, :2], x[:, 2:]])[0]
    for group, piece in zip(table, pieces, strict=True):
        present = [(sign * values[index], -position) for position, index in enumerate(group) if index >= 0]
        best, position = max(present)
        assert (sign * values[group[piece]], -int(piece)) == (best, position)
    expected = [max if sign > 0 else min for _ in table]
    out = op.forward([x[:, :2], x[:, 2:]])[0].tolist()
    assert out == [pick(values[i] for i in group if i >= 0) for pick, group in zip(expected, table, strict=True)]


def test_negative_values_win_over_padding() -> None:
    op = Maximum(np.array([[-1, 0], [1, -1]]), 1, ((2,),), (2,))
    assert op.forward([torch.tensor([[-5.0, -7.0]], dtype=torch.float64)]).tolist() == [[-5.0, -7.0]]


def test_forms_of_a_maximum_follow_the_winner() -> None:
    op = Maximum(np.array([[0, 3], [1, 2]]), 1, ((2,), (2,)), (2, 1))
    forms = [
        torch.arange(6.0, dtype=torch.float64).reshape(1, 3, 2),
        torch.arange(6.0, 12.0, dtype=torch.float64).reshape(1, 3, 2),
    ]
    for first in (0, 1):
        for second in (0, 1):
            result = op.apply(forms, np.array([[first, second]], dtype=np.uint8))
            joined = torch.cat(forms, 2)[0]
            assert torch.equal(result[0, :, 0, 0], joined[:, [0, 3][first]])
            assert torch.equal(result[0, :, 1, 0], joined[:, [1, 2][second]])
    assert torch.equal(op.apply(forms, torch.tensor([[1, 0]])), op.apply(forms, np.array([[1, 0]], dtype=np.uint16)))


@pytest.mark.parametrize("table", [[[0, 2]], [[-2, 0]], [[-1, -1]], [[0, 1], [0, 1]], [0, 1]])
def test_tables_of_candidates_are_checked(table: list[object]) -> None:
    with pytest.raises(InvalidModelError):
        Maximum(np.array(table), 1, ((2,),), (1,))
