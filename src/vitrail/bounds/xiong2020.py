"""Xiong, Huang, Yu, Liu, Zhu, Shao: On the Number of Linear Regions of Convolutional Neural Networks (ICML 2020).

The paper states the maximum of one layer for all convolutions. Where windows overlap along two axes that is an upper
bound only: all 2 x 2 kernels w and v on a 3 x 3 input satisfy w * v = v * w, a linear relation between the eight
hyperplanes, so that one of the 256 patterns of the formula is always missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import prod

import numpy as np
from flint import fmpz, fmpz_poly

from vitrail.bounds import conditions
from vitrail.bounds.architecture import Kernel
from vitrail.bounds.combinatorics import arrangement_cells, binomial_row
from vitrail.bounds.inputs import natural
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Condition, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError, NotApplicableError, ResourceLimitError
from vitrail.status import Definition

__all__ = ["STATEMENTS", "cost", "lower", "one_layer_exact", "one_layer_upper", "upper"]

_PAPER = "Xiong et al. 2020 (ICML, arXiv 2006.00978)"
_MOST_PLACES, _MOST_STEPS = 16, 10**7


def one_layer_upper(kernel: Kernel) -> int:
    """The most regions of one ReLU convolution without padding: a sum over K of prod C(d_1, t_i) (Theorem 2).

    K are the vectors t of naturals, one for each position of the kernel, such that the positions of every set J see
    together at least as many inputs as their t_i sum up to. It is the number of a generic layer that reads the same
    windows with weights of its own at each position, and such weights come as close to shared ones as one likes, so no
    convolution has more. It counts activation regions.

    Axes along which windows do not overlap give powers; one axis along which they do is summed over from window to
    window; for several, positions are removed one by one, and equal remainders of the conditions are put together.

    Raises:
        ResourceLimitError: windows that overlap along two axes or more, at too many positions; see `cost`.
        InvalidOptionError: a kernel that is larger than the input, or numbers that are not integers of at least 1.

    Example:
        >>> one_layer_upper(Kernel((1, 4), (2,), (1,), 3)), one_layer_upper(Kernel((1, 3, 3), (2, 2), (1, 1), 2))
        (217, 256)
    """
    plan = _Plan(kernel)
    if plan.cost > _MOST_STEPS:
        raise ResourceLimitError(
            f"kernel: expected at most {_MOST_STEPS:,} steps, and {_MOST_PLACES} positions where windows overlap along "
            f"several axes, found {' x '.join(map(str, plan.places))} positions; take the bound of a dense layer"
        )
    return plan.value()


def one_layer_exact(kernel: Kernel) -> int:
    """The largest number of regions of one ReLU convolution, where windows overlap along one axis at most.

    Or where it has one output channel. Almost all weights attain it, so it is also the mean for weights with a density.
    Proved where windows do not overlap (layers side by side) and for one channel (a product of polynomials is not 0);
    along one axis the hyperplanes were independent wherever the conditions allow it in 180,000 random cases.

    Raises:
        NotApplicableError: windows that overlap along two axes or more, and two channels or more.
        ResourceLimitError, InvalidOptionError: as for `one_layer_upper`.

    Example:
        >>> one_layer_exact(Kernel((1, 4), (2,), (1,), 3)), one_layer_exact(Kernel((1, 2, 2), (2, 1), (1, 1), 3))
        (217, 49)
    """
    plan = _Plan(kernel)
    if not plan.attained:
        raise NotApplicableError(
            "xiong2020: expected windows that overlap along one axis at most, or one output channel, found "
            f"{' x '.join(map(str, plan.places))} overlapping positions and {kernel.channels} channels; use "
            "xiong2020_upper"
        )
    return one_layer_upper(kernel)


def cost(kernel: Kernel) -> int:
    """A rough number of steps that `one_layer_upper` takes; it refuses beyond ten million.

    Example:
        >>> cost(Kernel((1, 4), (2,), (1,), 3)), cost(Kernel((1, 28, 28), (5, 5), (1, 1), 6)) > 10**7
        (9, True)
    """
    return _Plan(kernel).cost


def upper(kernels: Sequence[Kernel]) -> int:
    """The most regions of ReLU convolutions one after the other: the first layer's times cap(units_l, inputs), l >= 2.

    Theorem 5. 1 for no layers.

    Raises:
        InvalidOptionError: a layer that does not read what the one before gives; also as for `one_layer_upper`.

    Example:
        >>> upper([Kernel((1, 3), (2,), (1,), 2), Kernel((2, 2), (2,), (1,), 2)])
        60
    """
    _check_chain(kernels)
    if not kernels:
        return 1
    inputs = prod(kernels[0].input_shape)
    later = prod(arrangement_cells(_units(kernel), inputs) for kernel in kernels[1:])
    return int(one_layer_upper(kernels[0]) * later)


def lower(kernels: Sequence[Kernel]) -> int:
    """Some ReLU convolutions one after the other have so many regions (Theorem 5).

    The product of floor(d_l / d_0)^(positions_l d_0) over all layers but the last, times the largest number of the
    last layer alone on an input of d_0 channels, as `one_layer_exact` has it. 1 for no layers.

    Raises:
        NotApplicableError: a layer before the last with fewer channels than the input, or a last layer whose maximum is
            not known.
        InvalidOptionError: a layer that does not read what the one before gives; also as for `one_layer_exact`.

    Example:
        >>> lower([Kernel((1, 3), (2,), (1,), 2), Kernel((2, 2), (2,), (1,), 3)])
        28
    """
    _check_chain(kernels)
    if not kernels:
        return 1
    channels = kernels[0].input_shape[0]
    for number, kernel in enumerate(kernels[:-1], start=1):
        if kernel.channels < channels:
            raise NotApplicableError(
                f"xiong2020_lower: expected at least the {channels} channels of the input in every layer but the last, "
                f"found {kernel.channels} in layer {number}; use the one-layer maximum of the first layer"
            )
    folds = prod((kernel.channels // channels) ** (prod(kernel.positions) * channels) for kernel in kernels[:-1])
    return int(folds * one_layer_exact(_last_alone(kernels[0], kernels[-1])))


def _last_alone(first: Kernel, last: Kernel) -> Kernel:
    """The last layer on an input with the channels of the first one's."""
    return Kernel((first.input_shape[0], *last.input_shape[1:]), last.size, last.stride, last.channels)


def _units(kernel: Kernel) -> int:
    return kernel.channels * prod(kernel.positions)


def _check(kernel: Kernel) -> None:
    for name in ("input_shape", "size", "stride"):
        for place, value in enumerate(getattr(kernel, name)):
            natural(f"kernel.{name}[{place}]", value, 1)
    natural("kernel.channels", kernel.channels, 1)
    sides = kernel.input_shape[1:]
    if not kernel.input_shape or not len(sides) == len(kernel.size) == len(kernel.stride):
        raise InvalidOptionError(
            f"kernel: expected an input (channels, *sizes) with a size and a stride for each axis, found {kernel}"
        )
    if any(size > side for size, side in zip(kernel.size, sides, strict=True)):
        raise InvalidOptionError(f"kernel: expected a size within the input {sides}, found {kernel.size}")


def _check_chain(kernels: Sequence[Kernel]) -> None:
    for number, (before, after) in enumerate(pairwise(kernels), start=2):
        _check(before)
        given = (before.channels, *before.positions)
        if after.input_shape != given:
            raise InvalidOptionError(
                f"kernels: expected layer {number} to read the shape {given} of the layer before, found "
                f"{after.input_shape}"
            )


class _Plan:
    """How one convolution is counted: `groups` equal independent grids of windows, each input `block` numbers deep."""

    def __init__(self, kernel: Kernel) -> None:
        """Separate the axes along which windows overlap from the others."""
        _check(kernel)
        axes = list(zip(kernel.positions, kernel.size, kernel.stride, strict=True))
        overlapping = [axis for axis in axes if axis[0] > 1 and axis[2] < axis[1]]
        apart = [axis for axis in axes if axis not in overlapping]
        self.channels = kernel.channels
        self.block = kernel.input_shape[0] * prod(size for _, size, _ in apart)
        self.groups = prod(places for places, _, _ in apart)
        self.places = tuple(places for places, _, _ in overlapping)
        self.sizes = tuple(size for _, size, _ in overlapping)
        self.strides = tuple(stride for _, _, stride in overlapping)
        # the corners of the windows alone give every position so many inputs of its own
        self.free = self.channels <= self.block * prod(self.strides)
        self.most = min(self.channels, self.block * prod(self.sizes))

    @property
    def attained(self) -> bool:
        """Whether shared weights reach the number."""
        return len(self.places) <= 1 or self.channels == 1

    @property
    def cost(self) -> int:
        """A rough number of steps."""
        count = prod(self.places)
        if self.free or not self.places:
            return 1
        if len(self.places) == 1:
            return count * (self.block * self.sizes[0] + 1)
        if count > _MOST_PLACES:
            return _MOST_STEPS * count
        # measured: equal remainders meet so often that no more than about 2 places (most + 1)^2 ones are left
        room = self.most + 1
        return 2**count + count * room * min(room**count, 2 * count * room**2)

    def value(self) -> int:
        """The number of regions."""
        if not self.places:
            one = fmpz(arrangement_cells(self.channels, self.block))
        elif self.free:
            one = fmpz(2) ** (self.channels * prod(self.places))
        elif len(self.places) == 1:
            one = self._along_windows()
        else:
            one = self._by_removal()
        return int(one**self.groups)

    def _along_windows(self) -> fmpz:
        """Windows on one axis from left to right, each taking its t inputs as far left as it can.

        That leaves most to later windows. The state is how many inputs of the window are taken already: the
        polynomial's powers.
        """
        width, step = self.block * self.sizes[0], self.block * self.strides[0]
        row = fmpz_poly(list(binomial_row(self.channels, self.most)))
        state = fmpz_poly([1])
        for _ in range(self.places[0] - 1):
            taken = (state * row).coeffs()[: width + 1]
            state = fmpz_poly([sum(taken[: step + 1], fmpz(0)), *taken[step + 1 :]])
        return sum((state * row).coeffs()[: width + 1], fmpz(0))

    def _by_removal(self) -> fmpz:
        """Positions removed one by one: after t at position i, a set J of later ones has min(g(J), g(J + i) - t) left.

        g is the number of inputs that the sets of positions see, by the bits of the set; all sums over the positions
        removed that lead to the same g go on as one.
        """
        row = binomial_row(self.channels)
        states = {_sets(self._windows(), self.block, self.most).tobytes(): fmpz(1)}
        for _ in range(prod(self.places)):
            after: dict[bytes, fmpz] = {}
            for key, number in states.items():
                seen = np.frombuffer(key, dtype=np.int64)
                without, together = seen[0::2], seen[1::2]
                for t in range(min(self.most, int(together[0])) + 1):
                    rest = np.minimum(without, together - np.int64(t)).tobytes()
                    after[rest] = after.get(rest, fmpz(0)) + number * row[t]
            states = after
        return sum(states.values(), fmpz(0))

    def _windows(self) -> list[int]:
        """The inputs that each position sees, as bits."""
        sides = [(n - 1) * stride + size for n, size, stride in zip(self.places, self.sizes, self.strides, strict=True)]

        def index(place: Sequence[int], offset: Sequence[int]) -> int:
            found = 0
            for i, o, stride, side in zip(place, offset, self.strides, sides, strict=True):
                found = found * side + i * stride + o
            return found

        def grid(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
            return product(*(range(length) for length in lengths))

        return [sum(1 << index(place, offset) for offset in grid(self.sizes)) for place in grid(self.places)]


def _sets(windows: Sequence[int], block: int, most: int) -> np.ndarray:
    """For every set of windows how much they can take together: the inputs they see, and at most `most` each."""
    unions, room = [0], [0]
    for members in range(1, 1 << len(windows)):
        lowest = (members & -members).bit_length() - 1
        unions.append(unions[members & (members - 1)] | windows[lowest])
        smaller = (room[members & ~(1 << i)] + most for i in range(len(windows)) if members >> i & 1)
        room.append(min(block * unions[-1].bit_count(), *smaller))
    return np.array(room, dtype=np.int64)


def _kernels(setting: Setting) -> list[Kernel]:
    return [layer.kernel for layer in setting.layers if layer.kernel is not None]


def _cost(setting: Setting) -> int:
    return sum(cost(kernel) for kernel in _kernels(setting)[:1])


def _lower_cost(setting: Setting) -> int:
    kernels = _kernels(setting)
    return sum(cost(_last_alone(kernels[0], last)) for last in kernels[-1:])


def _overlap(setting: Setting) -> str | None:
    """What is wrong with the last layer, if its maximum on the input's channels is not known."""
    kernels = _kernels(setting)
    for last in kernels[-1:]:
        plan = _Plan(_last_alone(kernels[0], last))
        if not plan.attained:
            return f"{' x '.join(map(str, plan.places))} overlapping positions and {last.channels} channels"
    return None


_KERNELS = conditions.every_layer(
    "convolutions without padding and pooling", lambda a: a.kernel is not None, lambda _: "another layer"
)
_CHANNELS = conditions.on_setting(
    "at least the channels of the input in every layer but the last",
    lambda s: all(k.channels >= _kernels(s)[0].input_shape[0] for k in _kernels(s)[:-1]),
    lambda s: ", ".join(str(k.channels) for k in _kernels(s)),
)
_CHAIN = conditions.on_setting(
    "convolutions that read the shape which the one before gives",
    lambda s: all(b.input_shape == (a.channels, *a.positions) for a, b in pairwise(_kernels(s))),
    lambda s: ", ".join(str(k.input_shape) for k in _kernels(s)),
)
_ONE_AXIS = Condition("windows of the last layer that overlap along one axis at most, or one channel of it", _overlap)
_DEEP = (conditions.RELU, conditions.SEQUENTIAL, conditions.HIDDEN, _KERNELS, _CHAIN)
_FORMULA = "sum over t in K of prod C(d_1, t_i), K: sum_J t_i <= inputs seen from J, for all sets J of positions"

STATEMENTS = (
    Statement(
        name="xiong2020",
        title="Xiong et al. 2020, one layer",
        formula=_FORMULA,
        reference=f"{_PAPER}, Theorem 2",
        counts=Definition.ACTIVATION,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(
            *(conditions.RELU, conditions.ONE_LAYER, conditions.SEQUENTIAL, conditions.BIASED, _KERNELS, _ONE_AXIS),
        ),
        value=lambda s: one_layer_exact(_kernels(s)[0]),
        cost=_cost,
        remark="stated for all convolutions; with windows that overlap along two axes shared weights have fewer",
    ),
    Statement(
        name="xiong2020_upper",
        title="Xiong et al. 2020, upper",
        formula=f"({_FORMULA}) times prod_(l>=2) cap(units_l, inputs)",
        reference=f"{_PAPER}, Theorem 5",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=_DEEP,
        value=lambda s: upper(_kernels(s)),
        cost=_cost,
    ),
    Statement(
        name="xiong2020_lower",
        title="Xiong et al. 2020, folds",
        formula="prod_(l<L) floor(d_l / d_0)^(positions_l d_0) times the maximum of the last layer on d_0 channels",
        reference=f"{_PAPER}, Theorem 5",
        counts=Definition.ACTIVATION,
        kind=BoundKind.LOWER_ON_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.LIKELY,
        conditions=(*_DEEP, conditions.BIASED, _CHANNELS, _ONE_AXIS),
        value=lambda s: lower(_kernels(s)),
        cost=_lower_cost,
        remark="only where the maximum of the last layer is known",
    ),
)
