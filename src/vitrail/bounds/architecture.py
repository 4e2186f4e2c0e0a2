"""What bounds know of a network: its widths, its activations, its wiring, as integers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vitrail.bounds.inputs import natural
from vitrail.bounds.layered import Stage
from vitrail.errors import InvalidOptionError
from vitrail.options import one_of

__all__ = ["ACTIVATIONS", "Architecture", "Kernel", "Layer", "parse_widths"]

ACTIVATIONS = {
    "relu": (2, True),
    "leaky_relu": (2, False),
    "abs": (2, False),
    "hardtanh": (3, False),
    "maxout": (0, False),
}
"""Activations by name: pieces of a unit (0 = the rank decides), and whether a unit has two pieces, one constant."""

_MOST_LAYERS, _MOST_UNITS = 100_000, 10**9


@dataclass(frozen=True)
class Kernel:
    """The shape of a convolution without padding: input (channels, *sizes), kernel and stride along each axis.

    Example:
        >>> Kernel((1, 4), (2,), (1,), 3).positions
        (3,)
    """

    input_shape: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    channels: int

    @property
    def positions(self) -> tuple[int, ...]:
        """How many places the kernel takes along each axis."""
        sides = zip(self.input_shape[1:], self.size, self.stride, strict=True)
        return tuple((side - size) // stride + 1 for side, size, stride in sides)


@dataclass(frozen=True)
class Layer:
    """One layer of units.

    `pieces` lists the kinds of units as pairs (pieces of a unit, number of such units); a unit of one piece never
    switches. `switched_off`: every unit that switches has two pieces, one of them constant, as ReLU has. `reach` is the
    narrowest place through which everything that this layer reads has passed, None where nothing is known but the
    input's dimension; `bottleneck`: all that comes later sees the input through this layer alone. `dense`: every unit
    reads all of the layer before, with weights of its own, and `biased`, with a bias of its own. `maximum`: a unit
    takes the largest of its candidates. `kernel` is there where the layer is a plain convolution of the one before.

    Example:
        >>> Layer(((2, 16),), "relu", True).units
        16
    """

    pieces: tuple[tuple[int, int], ...]
    activation: str
    switched_off: bool
    bottleneck: bool = True
    reach: int | None = None
    dense: bool = True
    biased: bool = True
    maximum: bool = False
    kernel: Kernel | None = None

    @property
    def units(self) -> int:
        """How many units the layer has."""
        return sum(number for _, number in self.pieces)

    @property
    def switching(self) -> int:
        """How many of them can switch."""
        return sum(number for pieces, number in self.pieces if pieces > 1)

    @property
    def families(self) -> dict[int, int]:
        """How many units (value) have how many pieces more than one (key)."""
        found: dict[int, int] = {}
        for pieces, number in self.pieces:
            if pieces > 1 and number:
                found[pieces - 1] = found.get(pieces - 1, 0) + number
        return found

    def stage(self, rank: int | None = None) -> Stage:
        """The layer as a stage of the recursion over layers; `rank` bounds the rank of its weights."""
        limits = [limit for limit in (self.reach, rank) if limit is not None]
        return Stage(
            tuple(sorted(self.families.items())),
            steady=self.units - self.switching,
            switched_off=self.switched_off,
            bottleneck=self.bottleneck,
            reach=min(limits) if limits else None,
        )


@dataclass(frozen=True)
class Architecture:
    """What bounds know of a network.

    `sequential`: every layer reads the one before it alone, through one affine map. `homogeneous`: nothing that units
    see has a constant part, so that all regions are cones. Regions on a plane are those of a network of two inputs.

    Example:
        >>> Architecture.of("2-16-16-1")
        Architecture(2-16-16-1, relu)
    """

    input_dimension: int
    layers: tuple[Layer, ...]
    outputs: int | None
    sequential: bool = True
    homogeneous: bool = False
    source: str = field(default="widths", compare=False)

    @classmethod
    def of(
        cls, widths: str | Sequence[int], *, activation: str = "relu", rank: int | None = None, biased: bool = True
    ) -> Architecture:
        """A fully connected network from its widths: input, hidden layers, output; "784-100-100-10" or [784, ...].

        The output is an affine layer, which has no units. `activation` is relu, leaky_relu, abs, hardtanh or maxout,
        whose units take the largest of `rank` affine functions.

        Raises:
            InvalidOptionError: widths that are not at least two positive integers, an unknown activation, or a rank
                without maxout.
        """
        numbers = parse_widths(widths)
        pieces, switched_off = ACTIVATIONS[one_of("activation", activation, list(ACTIVATIONS))]
        if activation == "maxout":
            if rank is None:
                raise InvalidOptionError("rank: expected an integer of at least 2 with activation maxout, found none")
            pieces = natural("rank", rank, 2)
        elif rank is not None:
            raise InvalidOptionError(f"rank: goes with activation maxout, found activation {activation}; leave it out")
        layers = tuple(
            Layer(((pieces, width),), activation, switched_off, biased=biased, maximum=activation == "maxout")
            for width in numbers[1:-1]
        )
        return cls(numbers[0], layers, numbers[-1], homogeneous=not biased)

    def __repr__(self) -> str:
        """Widths and activations, in one line."""
        return f"Architecture({self.name}, {self.activation})"

    @property
    def name(self) -> str:
        """The widths, as in 784-100-100-10; of many layers the first and the last ones."""
        numbers = [self.input_dimension, *self.widths, *([] if self.outputs is None else [self.outputs])]
        words = [str(number) for number in numbers]
        return "-".join(words if len(words) <= 12 else [*words[:4], "...", *words[-3:]])

    @property
    def activation(self) -> str:
        """The activations that occur, in order of appearance."""
        return ", ".join(dict.fromkeys(layer.activation for layer in self.layers)) or "none"

    @property
    def widths(self) -> tuple[int, ...]:
        """The units of each layer."""
        return tuple(layer.units for layer in self.layers)

    @property
    def number_of_units(self) -> int:
        """All units together."""
        return sum(self.widths)

    def seen_from(self, dimension: int) -> Architecture:
        """The architecture on a domain of fewer dimensions: its first map reads the domain's coordinates.

        Convolutions are none there; and the first layer has a bias, since the domain need not contain the origin.

        Example:
            >>> Architecture.of("784-10-1").seen_from(2)
            Architecture(2-10-1, relu)
        """
        if dimension >= self.input_dimension:
            return self
        layers = tuple(
            replace(layer, kernel=None, biased=layer.biased or number == 0) for number, layer in enumerate(self.layers)
        )
        return replace(self, input_dimension=dimension, layers=layers, homogeneous=False)


def parse_widths(widths: str | Sequence[int]) -> tuple[int, ...]:
    """Widths as integers: input, hidden layers, output.

    Raises:
        InvalidOptionError: fewer than two, or some that are not positive integers.

    Example:
        >>> parse_widths("784-100-10"), parse_widths([2, 3])
        ((784, 100, 10), (2, 3))
    """
    if isinstance(widths, str):
        if not re.fullmatch(r"\s*\d{1,10}(\s*-\s*\d{1,10})+\s*", widths, flags=re.ASCII):
            raise InvalidOptionError(
                f"widths: expected the input, the hidden layers and the output as in 784-100-100-10, found {widths!r}"
            )
        numbers = tuple(int(part) for part in widths.split("-"))
    else:
        if not isinstance(widths, Sequence):
            raise InvalidOptionError(f"widths: expected input, hidden layers and output, found {widths!r}")
        if any(isinstance(width, bool) or not hasattr(width, "__index__") for width in widths):
            raise InvalidOptionError(f"widths: expected integers, found {list(widths)!r}")
        numbers = tuple(int(width) for width in widths)
    if len(numbers) < 2 or min(numbers) < 1:
        raise InvalidOptionError(
            f"widths: expected at least input and output, each 1 or more, found {'-'.join(map(str, numbers))!r}"
        )
    if len(numbers) > _MOST_LAYERS or sum(numbers) > _MOST_UNITS:
        raise InvalidOptionError(
            f"widths: expected at most {_MOST_LAYERS:,} layers and {_MOST_UNITS:,} units, found {len(numbers):,} and "
            f"{sum(numbers):,}"
        )
    return numbers
