"""Bounds for convolutions: against every vector of numbers, against independent hyperplanes, and against counts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import comb, prod

import pytest
import torch

import vitrail
from vitrail.bounds import Architecture, BoundKind, Setting, xiong2020
from vitrail.bounds.architecture import Kernel, Layer
from vitrail.bounds.combinatorics import arrangement_cells
from vitrail.bounds.registry import evaluate_in
from vitrail.errors import InvalidOptionError, NotApplicableError, ResourceLimitError

STATEMENTS = {statement.name: statement for statement in xiong2020.STATEMENTS}
PRIME = 2**31 - 1


def kernel(shape: Sequence[int], size: Sequence[int], channels: int, stride: Sequence[int] | None = None) -> Kernel:
    return Kernel(tuple(shape), tuple(size), tuple(stride or (1,) * len(size)), channels)


def positions(k: Kernel) -> list[tuple[int, ...]]:
    return list(
        product(*(range((n - f) // s + 1) for n, f, s in zip(k.input_shape[1:], k.size, k.stride, strict=True)))
    )


def window(k: Kernel, place: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The inputs that a position sees, channel first, in the order of the kernel's weights."""
    for channel, *offset in product(range(k.input_shape[0]), *(range(f) for f in k.size)):
        yield (channel, *(i * s + o for i, s, o in zip(place, k.stride, offset, strict=True)))


def by_enumeration(k: Kernel) -> int:
    """The formula word by word: every vector t, against every set of positions."""
    seen = [set(window(k, place)) for place in positions(k)]
    sets = [chosen for r in range(1, len(seen) + 1) for chosen in combinations(range(len(seen)), r)]
    limits = [(chosen, len(set().union(*(seen[i] for i in chosen)))) for chosen in sets]
    vectors = product(*(range(min(k.channels, len(inputs)) + 1) for inputs in seen))
    return sum(
        prod(comb(k.channels, number) for number in t)
        for t in vectors
        if all(sum(t[i] for i in chosen) <= limit for chosen, limit in limits)
    )


def shared_count(k: Kernel, seed: int = 0) -> int:
    """The regions of random shared weights and biases, modulo a prime: the sets of hyperplanes of independent normals.

    That is their number where no set with dependent normals has a common point, which is checked.
    """
    rng = random.Random(seed)
    place_of = {x: i for i, x in enumerate(product(*(range(n) for n in k.input_shape)))}
    rows = []
    for _ in range(k.channels):
        weights = [rng.randrange(1, PRIME) for _ in range(k.input_shape[0] * prod(k.size))]
        bias = rng.randrange(1, PRIME)
        for place in positions(k):
            row = [0] * len(place_of) + [bias]
            for x, weight in zip(window(k, place), weights, strict=True):
                row[place_of[x]] = weight
            rows.append(row)

    def sets_from(i: int, basis: list[tuple[int, list[int]]]) -> int:
        if i == len(rows):
            return 1
        row = rows[i]
        for pivot, other in basis:
            row = [(x - row[pivot] * y) % PRIME for x, y in zip(row, other, strict=True)]
        pivot = next((j for j, x in enumerate(row[:-1]) if x), -1)
        if pivot < 0:
            assert row[-1]
            return sets_from(i + 1, basis)
        inverse = pow(row[pivot], -1, PRIME)
        return sets_from(i + 1, basis) + sets_from(i + 1, [*basis, (pivot, [x * inverse % PRIME for x in row])])

    return sets_from(0, [])


class Convolutions(torch.nn.Module):
    """ReLU convolutions one after the other, with PyTorch's random weights."""

    def __init__(self, kernels: Sequence[Kernel], seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.maps = torch.nn.ModuleList(
            (torch.nn.Conv1d, torch.nn.Conv2d)[len(k.size) - 1](k.input_shape[0], k.channels, k.size, k.stride).double()
            for k in kernels
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for one in self.maps:
            x = torch.relu(one(x))
        return x.flatten(1)


def counted(kernels: Sequence[Kernel], seed: int = 0) -> int:
    shape = kernels[0].input_shape
    net = vitrail.Network.from_torch(Convolutions(kernels, seed).eval(), torch.zeros(1, *shape).double())
    count = vitrail.count_regions(net, vitrail.Space(shape))
    assert count.kind.value == "exact"
    return int(count)


def setting(*kernels: Kernel, biased: bool = True, activation: str = "relu") -> Setting:
    layers = tuple(
        Layer(
            ((2, k.channels * prod(k.positions)),),
            activation,
            activation == "relu",
            dense=False,
            biased=biased,
            kernel=k,
        )
        for k in kernels
    )
    return Setting(Architecture(prod(kernels[0].input_shape) if kernels else 2, layers, None, homogeneous=not biased))


# counted exactly by deletion and restriction, with shared weights and biases
TABLE = [
    *(((1, 1, 3), (1, 2), channels, value) for channels, value in ((1, 4), (2, 15), (3, 40), (4, 85))),
    *(((1, 1, 4), (1, 2), channels, value) for channels, value in ((2, 55), (3, 217))),
    ((1, 2, 2), (2, 1), 3, 49),
]


@pytest.mark.parametrize(("shape", "size", "channels", "value"), TABLE)
def test_one_layer_has_the_counted_maxima(
    shape: tuple[int, ...], size: tuple[int, ...], channels: int, value: int
) -> None:
    k = kernel(shape, size, channels)
    assert xiong2020.one_layer_exact(k) == xiong2020.one_layer_upper(k) == value
    assert evaluate_in(STATEMENTS["xiong2020"], setting(k)).value == value


SHAPES = [
    *(((1, 5), (2,), (1,)), ((2, 4), (2,), (1,)), ((1, 6), (3,), (2,)), ((1, 5), (3,), (1,)), ((1, 6), (2,), (3,))),
    *(
        ((1, 3, 3), (2, 2), (1, 1)),
        ((2, 3, 3), (2, 2), (1, 1)),
        ((1, 3, 4), (2, 2), (1, 1)),
        ((1, 4, 2), (2, 1), (1, 1)),
    ),
    *(
        ((1, 4, 3), (2, 2), (2, 1)),
        ((1, 5, 4), (3, 2), (2, 1)),
        ((1, 4, 4), (2, 2), (2, 2)),
        ((1, 2, 2), (2, 2), (1, 1)),
    ),
    ((1, 3, 3, 2), (2, 2, 1), (1, 1, 1)),
]


@pytest.mark.parametrize(("shape", "size", "stride"), SHAPES)
def test_the_sum_is_that_over_all_vectors(
    shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    tried = 0
    for channels in (1, 2, 3, 4, 6):
        k = kernel(shape, size, channels, stride)
        places = prod(k.positions)
        if (min(channels, shape[0] * prod(size)) + 1) ** places * 2**places <= 3 * 10**5:
            assert xiong2020.one_layer_upper(k) == by_enumeration(k)
            tried += 1
    assert tried >= 1


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (3, 1), (3, 2), (4, 1), (4, 3), (2, 3)])
def test_one_axis_is_attained_by_shared_weights(size: int, stride: int) -> None:
    for channels, inputs, side in product((1, 2, 3), (1, 2), range(size, size + 5)):
        k = kernel((inputs, side), (size,), channels, (stride,))
        if channels * prod(k.positions) <= 10:
            assert shared_count(k) == xiong2020.one_layer_exact(k)


def test_one_channel_is_attained_on_two_axes() -> None:
    for shape, size in (((1, 3, 3), (2, 2)), ((2, 3, 4), (2, 2)), ((1, 4, 4), (3, 2))):
        k = kernel(shape, size, 1)
        assert shared_count(k) == xiong2020.one_layer_exact(k) == 2 ** prod(k.positions)


def test_two_channels_on_two_axes_stay_below_the_formula() -> None:
    """Two kernels commute under convolution, so that the hyperplanes of 2 x 2 positions are dependent."""
    below = [(kernel((1, 3, 3), (2, 2), 2), 255, 256), (kernel((1, 3, 3), (2, 2), 3), 3998, 4013)]
    for k, count, value in below:
        assert (shared_count(k), xiong2020.one_layer_upper(k)) == (count, value)
        with pytest.raises(NotApplicableError, match="one axis at most, or one output channel, found 2 x 2"):
            xiong2020.one_layer_exact(k)
        with pytest.raises(NotApplicableError, match="found 2 x 2 overlapping positions and"):
            evaluate_in(STATEMENTS["xiong2020"], setting(k))
        assert evaluate_in(STATEMENTS["xiong2020_upper"], setting(k)).value == value
    assert counted([below[0][0]]) == 255


@pytest.mark.parametrize(
    ("shape", "size", "stride", "channels"),
    [
        *(((1, 3), (2,), (1,), 3), ((1, 4), (2,), (1,), 2), ((2, 3), (2,), (1,), 3), ((1, 5), (3,), (2,), 3)),
        *(((1, 4), (2,), (2,), 3), ((1, 2, 2), (2, 1), (1, 1), 3), ((1, 2, 3), (1, 2), (1, 1), 2)),
    ],
)
def test_random_layers_have_as_many_regions(
    shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], channels: int
) -> None:
    k = kernel(shape, size, channels, stride)
    assert counted([k]) == xiong2020.one_layer_exact(k)


DEEP = [(2, 2, 16, 60), (2, 3, 28, 120), (3, 2, 36, 160)]


@pytest.mark.parametrize(("first", "second", "low", "high"), DEEP)
def test_two_layers(first: int, second: int, low: int, high: int) -> None:
    kernels = [kernel((1, 3), (2,), first), kernel((first, 2), (2,), second)]
    assert (xiong2020.lower(kernels), xiong2020.upper(kernels)) == (low, high)
    values = [evaluate_in(STATEMENTS[f"xiong2020_{name}"], setting(*kernels)).value for name in ("lower", "upper")]
    assert values == [low, high]
    seen = [counted(kernels, seed) for seed in range(3)]
    assert low <= max(seen) <= high


def test_lower_bounds_stay_below_upper_ones_and_layers_below_dense_ones() -> None:
    for inputs, side, sizes, channels in product(
        (1, 2), (4, 5), ((2, 2), (3, 1), (2, 3)), ((2, 2), (3, 2), (2, 1), (4, 3))
    ):
        kernels: list[Kernel] = []
        shape = (inputs, side)
        for size, number in zip(sizes, channels, strict=True):
            kernels.append(kernel(shape, (size,), number))
            shape = (number, *kernels[-1].positions)
        assert xiong2020.lower(kernels) <= xiong2020.upper(kernels)
        dense = [arrangement_cells(k.channels * prod(k.positions), inputs * side) for k in kernels]
        assert xiong2020.one_layer_upper(kernels[0]) <= dense[0]
        assert xiong2020.upper(kernels) == xiong2020.one_layer_upper(kernels[0]) * dense[1]
    assert xiong2020.lower([]) == xiong2020.upper([]) == 1


def test_large_layers_are_quick_or_refused() -> None:
    long = kernel((3, 200), (5,), 8)
    assert xiong2020.one_layer_exact(long) <= arrangement_cells(8 * 196, 600)
    wide = kernel((1, 28, 28), (5, 5), 6)
    assert xiong2020.cost(wide) > 2 * 10**6
    with pytest.raises(ResourceLimitError, match="found 24 x 24 positions; take the bound of a dense layer"):
        xiong2020.one_layer_upper(wide)
    apart = kernel((1, 28, 28), (4, 4), 20, (4, 4))
    assert xiong2020.one_layer_exact(apart) == arrangement_cells(20, 16) ** 49
    assert xiong2020.one_layer_exact(kernel((1, 28, 28), (5, 5), 1)) == 2**576


def test_costs_of_statements() -> None:
    deep = setting(kernel((1, 28, 28), (5, 5), 6), kernel((6, 24, 24), (24, 1), 2))
    assert STATEMENTS["xiong2020_upper"].cost(deep) > 2 * 10**6
    assert STATEMENTS["xiong2020_lower"].cost(deep) < 2 * 10**6


BAD: list[tuple[Kernel, str]] = [
    (kernel((1, 3), (4,), 1), "expected a size within the input"),
    (kernel((1, 3), (2, 2), 1), "a size and a stride for each axis"),
    (Kernel((), (), (), 1), "a size and a stride for each axis"),
    (kernel((1, 3), (2,), 1, (0,)), r"kernel.stride\[0\]: expected an integer of at least 1, found 0"),
    (kernel((0, 3), (2,), 1), r"kernel.input_shape\[0\]"),
    (Kernel((1, 3), (2,), (1,), True), "kernel.channels: expected an integer of at least 1, found True"),
    (Kernel((1, 3), (1.5,), (1,), 1), r"kernel.size\[0\]"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("bad", "message"), BAD)
def test_wrong_kernels_are_refused(bad: Kernel, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        xiong2020.one_layer_upper(bad)


def test_layers_must_fit() -> None:
    apart = [kernel((1, 3), (2,), 2), kernel((2, 3), (2,), 2)]
    for bound in (xiong2020.lower, xiong2020.upper):
        with pytest.raises(InvalidOptionError, match=r"expected layer 2 to read the shape \(2, 2\)"):
            bound(apart)
    few = [kernel((2, 3), (2,), 1), kernel((1, 2), (2,), 2)]
    with pytest.raises(
        NotApplicableError, match=r"expected at least the 2 channels of the input .* found 1 in layer 1"
    ):
        xiong2020.lower(few)


DENSE = Setting(Architecture.of("3-4-1"))
ONE = kernel((1, 4), (2,), 2)


@pytest.mark.parametrize(
    ("name", "where", "message"),
    [
        ("xiong2020", DENSE, "expected convolutions without padding and pooling, found another layer in layer 1"),
        ("xiong2020", setting(ONE, biased=False), "expected biases in every layer"),
        ("xiong2020", setting(ONE, activation="abs"), "found abs in layer 1"),
        ("xiong2020", setting(ONE, kernel((2, 3), (2,), 2)), "expected one hidden layer, found 2"),
        ("xiong2020", Setting(Architecture.of("3-1")), "expected one hidden layer, found 0"),
        ("xiong2020_upper", Setting(Architecture.of("3-1")), "expected a hidden layer, found none"),
        ("xiong2020_upper", setting(ONE, kernel((2, 2), (2,), 2)), "which the one before gives"),
        ("xiong2020_upper", setting(ONE, kernel((2, 3), (2,), 2), activation="leaky_relu"), "leaky_relu in layer 1"),
        ("xiong2020_lower", setting(kernel((2, 3), (2,), 1), kernel((1, 2), (2,), 2)), "at least the channels"),
        ("xiong2020_lower", setting(kernel((1, 4, 4), (2, 2), 2), kernel((2, 3, 3), (2, 2), 2)), "found 2 x 2"),
        ("xiong2020_lower", setting(ONE, biased=False), "expected biases in every layer"),
        ("xiong2020_lower", Setting(Architecture.of("3-1")), "expected a hidden layer, found none"),
    ],
)
def test_conditions(name: str, where: Setting, message: str) -> None:
    with pytest.raises(NotApplicableError, match=message):
        evaluate_in(STATEMENTS[name], where)


def test_kinds() -> None:
    kinds: dict[str, BoundKind] = {name: statement.kind for name, statement in STATEMENTS.items()}
    assert kinds == {
        "xiong2020": BoundKind.EXACT_MAXIMUM,
        "xiong2020_upper": BoundKind.UPPER,
        "xiong2020_lower": BoundKind.LOWER_ON_MAXIMUM,
    }
