"""Networks that have exactly as many regions as the theorem of 2013 promises: one coordinate is folded, no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod

import numpy as np
import torch

from vitrail.bounds import pascanu2013
from vitrail.constructions.affine import AffineMap, relu_network
from vitrail.constructions.folding import folding_network
from vitrail.constructions.folds import Fold, fold_then_cut
from vitrail.constructions.general_position import Copies, general_position_network
from vitrail.constructions.widths import check_size, checked_widths, dimension_of
from vitrail.constructions.zigzag import folded_zigzag_network
from vitrail.errors import InvalidOptionError
from vitrail.estimates.initialization import Initialization, Layers
from vitrail.network.network import Network
from vitrail.options import natural_integer, one_of

__all__ = ["CONSTRUCTIONS", "DRAWN", "constructed", "drawn", "one_fold_network", "perturbed", "predicted"]

DRAWN = ("he normal", "torch default")
"""Distributions of networks at initialization."""


def one_fold_network(input_dimension: int, widths: Sequence[int]) -> torch.nn.Sequential:
    """A ReLU network that folds its first input only, floor(n_l / d) times in layer l, and passes the others on.

    Predicted in the open cube (0, 1)^d, for d inputs and widths n_1, ..., n_L: the product of floor(n_l / d) over
    l < L, times C(n_L, 0) + ... + C(n_L, d) activation regions, exactly the lower bound of Pascanu, Montufar and
    Bengio (2013), Theorem 1. A coordinate that is not folded takes one unit, so that floor(n_l / d) + d - 1 units of a
    layer are in use, and the others always off. With n_L > d every second unit of the last layer is turned around, and
    no cell has all of them off.

    Raises:
        InvalidOptionError: no integers of at least 1, fewer units than inputs in a layer before the last, or so many
            units and inputs that float64 cannot hold the weights.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(one_fold_network(2, [4, 4]), torch.zeros(1, 2))
        >>> vitrail.count_regions(net, vitrail.Box([0.0, 0.0], [1.0, 1.0]), "affine").value
        22
    """
    dimension = dimension_of(input_dimension)
    checked = checked_widths(widths, dimension, "a coordinate that is passed on needs a unit; ask for fewer inputs")
    check_size([dimension, *checked[:-1], max(checked[-1], dimension), 1])
    folds = [_fold_first(dimension, width) for width in checked[:-1]]
    copies = Copies(slabs=prod(width // dimension for width in checked[:-1]))
    *layers, readout = fold_then_cut(AffineMap.identity(dimension), folds, checked[-1], copies, distinct=True)
    return relu_network(layers, readout)


CONSTRUCTIONS: dict[str, Callable[[int, Sequence[int]], torch.nn.Sequential]] = {
    "general position": lambda inputs, widths: general_position_network(inputs, *widths),
    "one fold": one_fold_network,
    "folding": folding_network,
    "zigzag": folded_zigzag_network,
}
"""Networks with a predicted number of regions, by name, from their inputs and widths."""


def constructed(name: str, inputs: int, widths: Sequence[int]) -> Network:
    """One of `CONSTRUCTIONS`, for counting; "general position" has one layer.

    Raises:
        InvalidOptionError: another name, or sizes that the construction refuses.

    Example:
        >>> constructed("folding", 2, [4, 4])
        Network((2,) to (1,), 8 units in 2 layers)
    """
    make = CONSTRUCTIONS[one_of("network", name, list(CONSTRUCTIONS))]
    return Network.from_torch(make(inputs, widths), torch.zeros(1, inputs))


def drawn(name: str, inputs: int, widths: Sequence[int], seed: int) -> Network:
    """A network of one output as it is before training, from one of the distributions `DRAWN`.

    "he normal" has normal weights of variance 2 / inputs of the layer and standard normal biases. Over the whole space
    the standard deviation of the biases does not matter, as long as it is the same in all layers and not 0: a factor
    there moves every boundary away from the origin by this factor, and leaves the number of regions as it is.

    Raises:
        InvalidOptionError: another name, or sizes or a seed of another kind.

    Example:
        >>> drawn("he normal", 2, [4, 4], seed=0)
        Network((2,) to (1,), 8 units in 2 layers)
    """
    one_of("network", name, DRAWN)
    law = Initialization.he(1.0) if name == "he normal" else Initialization.torch_default()
    rng = np.random.default_rng(natural_integer("seed", seed))
    return Network.from_arrays(law.layers([inputs, *widths, 1], rng))


def perturbed(module: torch.nn.Sequential, noise: float, seed: int) -> Layers:
    """Weights (outputs, inputs) and biases (outputs,) of all layers with normal noise, on those that are 0 too.

    Its standard deviation is `noise` times the root mean square of the layer's weights, or of its biases. The same
    seed draws the same numbers at every noise.

    Raises:
        InvalidOptionError: a seed of another kind, or a module without linear layers.

    Example:
        >>> import vitrail
        >>> square = vitrail.Box([0.0, 0.0], [1.0, 1.0])
        >>> net = vitrail.Network.from_arrays(perturbed(folding_network(2, [4, 4]), 0.0, seed=1))
        >>> vitrail.count_regions(net, square).value
        44
    """
    rng = np.random.default_rng(natural_integer("seed", seed))
    layers: Layers = []
    for layer in module:
        if isinstance(layer, torch.nn.Linear):
            arrays = [parameter.detach().numpy() for parameter in (layer.weight, layer.bias)]
            sizes = [float(np.sqrt(np.mean(np.square(array)))) for array in arrays]
            draws = [rng.standard_normal(array.shape) for array in arrays]
            weight, bias = (a + noise * s * d for a, s, d in zip(arrays, sizes, draws, strict=True))
            layers.append((weight, bias))
    if not layers:
        raise InvalidOptionError("module: expected linear layers with ReLU between them, found none")
    return layers


def _fold_first(dimension: int, width: int) -> Fold:
    """The first coordinate p = floor(width / dimension) times through (0, 1); the others as they are."""
    slabs = width // dimension
    rows = [[slabs if i == 0 else 2 * slabs] + [0] * (dimension - 1) for i in range(slabs)]
    offsets = [Fraction(-2 * i) for i in range(slabs)]
    for j in range(1, dimension):
        rows.append([int(i == j) for i in range(dimension)])
        offsets.append(Fraction(0))
    spare = width - len(rows)
    readout = [[0] * width for _ in range(dimension)]
    readout[0][:slabs] = [(-1) ** i for i in range(slabs)]
    for j in range(1, dimension):
        readout[j][slabs + j - 1] = 1
    units = AffineMap.of(rows + [[0] * dimension] * spare, offsets + [Fraction(-1)] * spare)
    return Fold(units, AffineMap.of(readout, [0] * dimension))


def predicted(name: str, inputs: int, widths: Sequence[int]) -> int:
    """How many activation regions a network of `CONSTRUCTIONS` has where it is counted."""
    power = {"general position": 1, "one fold": 1}.get(name, inputs)
    pieces = [width // inputs + (name == "zigzag") for width in widths[:-1]]
    return prod(piece**power for piece in pieces) * pascanu2013.exact(inputs, widths[-1])
