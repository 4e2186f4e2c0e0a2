"""Small networks with more regions than the bounds for plain ReLU networks allow, as those do not cover them."""

from __future__ import annotations

from fractions import Fraction

import torch

from vitrail.bounds.inputs import natural
from vitrail.constructions.affine import AffineMap, linear_layer
from vitrail.constructions.widths import check_size, dimension_of

__all__ = ["AbsoluteValue", "SkipConnection", "absolute_value_network", "skip_connection_network"]


class AbsoluteValue(torch.nn.Module):
    """The absolute value of every number.

    Example:
        >>> AbsoluteValue()(torch.tensor([-2.0, 3.0])).tolist()
        [2.0, 3.0]
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The absolute values."""
        return values.abs()


class SkipConnection(torch.nn.Module):
    """What a module makes of its input, followed by the input itself: (batch, n) to (batch, m + n).

    Example:
        >>> SkipConnection(AbsoluteValue())(torch.tensor([[-2.0, 3.0]])).tolist()
        [[2.0, 3.0, -2.0, 3.0]]
    """

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The module's output and its input, side by side."""
        return torch.cat([self.module(values), values], dim=1)


def absolute_value_network(input_dimension: int = 2, layers: int = 2) -> torch.nn.Sequential:
    """Layers of absolute values, as wide as the input, with one output: every pattern of signs occurs.

    Predicted on the whole space: 2^(d L) activation regions, linear regions and affine maps for d inputs and L layers.
    This attains the bound of Montufar (2017). For ReLU the bound of Serra, Tjandraatmadja and Ramalingam (2018),
    Theorem 1, is smaller, 11 instead of 16 for two layers of two: it counts on a unit that is off giving nothing to the
    layers behind, which an absolute value does not do.

    The first layer holds |x_j|, layer l > 1 holds |h_j - 2^(2-l)| of the layer before, which folds (0, 2^(3-l)) in half
    and all beyond onto what remains.

    Raises:
        InvalidOptionError: no integers of at least 1, or so many that float64 cannot hold the weights.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(absolute_value_network(2, 2), torch.zeros(1, 2))
        >>> vitrail.count_regions(net, vitrail.Space(2)).value
        16
    """
    dimension, depth = dimension_of(input_dimension), natural("layers", layers, 1)
    check_size([dimension, dimension], depth)
    identity = AffineMap.identity(dimension)
    modules: list[torch.nn.Module] = []
    for layer in range(depth):
        offset = -Fraction(2, 2**layer) if layer else Fraction(0)
        shifted = AffineMap.of(identity.matrix.tolist(), [offset] * dimension)
        modules += [linear_layer(shifted), AbsoluteValue()]
    # weights so far apart that offsets of different coordinates do not make up for each other
    weights = [2 ** ((depth + 1) * j) for j in range(dimension)]
    return torch.nn.Sequential(*modules, linear_layer(AffineMap.of([weights], [0]))).eval()


def skip_connection_network() -> torch.nn.Sequential:
    """A ReLU network of two inputs whose second layer, of two units, sees the inputs and the first layer's one unit.

    Predicted on the whole plane: 8 activation regions, 8 linear regions, 7 affine maps. Without the connection the
    bound of Serra, Tjandraatmadja and Ramalingam (2018), Theorem 1, is 4 and that of Montufar (2017) is 6; the product
    of the layers' own bounds, 2 and 4 (Raghu et al. 2017), is what still holds, and is attained.

    The first unit is relu(x); the others are relu(y - |x| + 1) and relu(1 - |x| - y), as |x| = 2 relu(x) - x. Their two
    bent lines cross on either side of the line x = 0; the output is the first plus twice the second.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(skip_connection_network(), torch.zeros(1, 2))
        >>> vitrail.count_regions(net, vitrail.Space(2)).value
        8
    """
    first = torch.nn.Sequential(linear_layer(AffineMap.of([[1, 0]], [0])), torch.nn.ReLU())
    second = linear_layer(AffineMap.of([[-2, 1, 1], [-2, 1, -1]], [1, 1]))
    readout = linear_layer(AffineMap.of([[1, 2]], [0]))
    return torch.nn.Sequential(SkipConnection(first), second, torch.nn.ReLU(), readout).eval()
