"""The networks that studies train: fully connected and small convolutional ones, drawn from a seed of their own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from vitrail.errors import InvalidOptionError
from vitrail.options import natural_integer, one_of, positive_integer, positive_number

__all__ = ["INITIALIZATIONS", "convolutional", "fully_connected", "own_random_numbers"]

INITIALIZATIONS = ("he normal", "torch default")
"""Of weights and biases: normal ones as in He et al. 2015, not truncated; or what torch draws by itself."""


def fully_connected(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    initialization: str = "he normal",
    weight_variance: float = 2.0,
    bias_std: float = 0.001,
    batch_norm: bool = False,
    dropout: float = 0.0,
    seed: int = 0,
) -> nn.Sequential:
    """A classifier of linear layers with ReLU after each hidden one; float32, in training mode.

    "he normal" draws weights with mean 0 and variance `weight_variance` / inputs of the layer, and normal biases of
    standard deviation `bias_std` in every layer, the last too; "torch default" uses neither number. Batch norm comes
    before ReLU, dropout with probability `dropout` after it, neither after the last layer. No hidden layer gives an
    affine map. The same seed gives the same numbers, and no global random number is drawn.

    Raises:
        InvalidOptionError: widths, numbers or a seed of another kind, or an unknown initialization.

    Example:
        >>> net = fully_connected(784, [64, 64], 10, seed=1)
        >>> [tuple(layer.weight.shape) for layer in net if isinstance(layer, nn.Linear)]
        [(64, 784), (64, 64), (10, 64)]
        >>> len(fully_connected(2, [3], 2, batch_norm=True, dropout=0.5))
        5
    """
    widths = _widths("widths", (inputs, *_sizes("hidden", hidden), outputs))
    share = _probability("dropout", dropout)
    one_of("initialization", initialization, INITIALIZATIONS)
    with own_random_numbers(_generator(seed)):
        layers: list[nn.Module] = []
        for before, after in pairwise(widths[:-1]):
            layers += [nn.Linear(before, after), *_between(nn.BatchNorm1d(after) if batch_norm else None, share)]
        layers.append(nn.Linear(widths[-2], widths[-1]))
        net = nn.Sequential(*layers)
        if initialization == "he normal":
            _draw(net, weight_variance, bias_std)
    return net


def convolutional(
    image_shape: Sequence[int],
    channels: Sequence[int],
    outputs: int,
    *,
    kernel: int = 3,
    pooling: str = "max",
    hidden: Sequence[int] = (),
    initialization: str = "he normal",
    weight_variance: float = 2.0,
    bias_std: float = 0.001,
    batch_norm: bool = False,
    dropout: float = 0.0,
    seed: int = 0,
) -> nn.Sequential:
    """A classifier of convolutions, each with ReLU and a pooling by 2, and linear layers; float32, in training mode.

    `image_shape` is (channels, height, width), the inputs are (batch, channels, height, width). Convolutions keep the
    size (an odd `kernel`, zeros around the image); `pooling` is "max", "average", or "none". Then come linear layers
    of widths `hidden` with ReLU, and the last one. Batch norm, dropout (after the linear layers only), initialization
    and seed are those of `fully_connected`.

    Raises:
        InvalidOptionError: sizes, numbers or a seed of another kind, an unknown word, or images too small to pool.

    Example:
        >>> net = convolutional((1, 28, 28), [8, 16], 10, hidden=[32])
        >>> net(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """
    sizes = _widths("image_shape", tuple(_sizes("image_shape", image_shape)))
    if len(sizes) != 3:
        raise InvalidOptionError(f"image_shape: expected (channels, height, width), found {tuple(image_shape)!r}")
    if positive_integer("kernel", kernel) % 2 == 0:
        raise InvalidOptionError(f"kernel: expected an odd number, which keeps the size of the image, found {kernel}")
    share = _probability("dropout", dropout)
    one_of("initialization", initialization, INITIALIZATIONS)
    pools = {"max": nn.MaxPool2d, "average": nn.AvgPool2d, "none": None}
    pool = pools[one_of("pooling", pooling, list(pools))]
    planes = _widths("channels", (sizes[0], *_sizes("channels", channels)))
    shrink = 1 if pool is None else 2 ** (len(planes) - 1)
    height, width = sizes[1] // shrink, sizes[2] // shrink
    if not (height and width):
        raise InvalidOptionError(
            f"channels: expected at most {int(math.log2(min(sizes[1:])))} poolings of images {sizes[1]} x {sizes[2]}, "
            f"found {len(planes) - 1}; take fewer, or pooling='none'"
        )
    widths = _widths("widths", (planes[-1] * height * width, *_sizes("hidden", hidden), outputs))
    with own_random_numbers(_generator(seed)):
        layers: list[nn.Module] = []
        for before, after in pairwise(planes):
            layers.append(nn.Conv2d(before, after, kernel, padding=kernel // 2))
            layers += _between(nn.BatchNorm2d(after) if batch_norm else None, 0.0)
            layers += [] if pool is None else [pool(2)]
        layers.append(nn.Flatten())
        for before, after in pairwise(widths[:-1]):
            layers += [nn.Linear(before, after), *_between(nn.BatchNorm1d(after) if batch_norm else None, share)]
        layers.append(nn.Linear(widths[-2], widths[-1]))
        net = nn.Sequential(*layers)
        if initialization == "he normal":
            _draw(net, weight_variance, bias_std)
    return net


@contextmanager
def own_random_numbers(generator: torch.Generator) -> Iterator[None]:
    """Inside, torch draws what it draws by itself on the CPU from this generator; outside, nothing has been drawn.

    Example:
        >>> before = torch.get_rng_state()
        >>> with own_random_numbers(torch.Generator().manual_seed(3)):
        ...     first = float(torch.rand(()))
        >>> first == float(torch.rand((), generator=torch.Generator().manual_seed(3)))
        True
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    outside = torch.get_rng_state()
    torch.set_rng_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(torch.get_rng_state())
        torch.set_rng_state(outside)


def _between(norm: nn.Module | None, dropout: float) -> list[nn.Module]:
    return [*([] if norm is None else [norm]), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]


def _draw(net: nn.Sequential, weight_variance: float, bias_std: float) -> None:
    variance, std = positive_number("weight_variance", weight_variance), _deviation("bias_std", bias_std)
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear | nn.Conv2d):
                layer.weight.normal_(0.0, math.sqrt(variance / layer.weight[0].numel()))
                # never None in the layers above
                if layer.bias is not None:
                    layer.bias.normal_(0.0, std)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(natural_integer("seed", seed))


def _sizes(name: str, values: object) -> list[int]:
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
        raise InvalidOptionError(f"{name}: expected sizes such as [64, 64], found {values!r}")
    return list(values)


def _widths(name: str, values: Sequence[object]) -> list[int]:
    return [positive_integer(name, int(v) if isinstance(v, np.integer) else v) for v in values]


def _probability(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise InvalidOptionError(f"{name}: expected a probability from 0 up to, not including, 1, found {value!r}")
    return float(value)


def _deviation(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InvalidOptionError(f"{name}: expected a finite standard deviation of at least 0, found {value!r}")
    return float(value)
