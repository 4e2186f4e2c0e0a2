"""Hyperplanes in general position on the moment curve, with weights that are exact in every dimension."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch

from vitrail.bounds.combinatorics import elementary_symmetric
from vitrail.bounds.inputs import natural
from vitrail.constructions.affine import AffineMap, fits_float64, relu_network
from vitrail.constructions.widths import check_size, dimension_of, flag

__all__ = ["Copies", "general_position_network", "last_layer"]

_READOUT_BITS = 40
"""Output weights are powers of two up to this one: larger ones would drown the smaller."""


@dataclass(frozen=True)
class Copies:
    """How the cube in front of a last layer is reached from the inputs: along each coordinate in affine pieces.

    `slabs` bounds their number per coordinate, `doublings` says that slopes differ by factors up to 2^doublings.
    """

    slabs: int = 1
    doublings: int = 0


def general_position_network(input_dimension: int, width: int, *, in_unit_cube: bool = False) -> torch.nn.Sequential:
    """One hidden layer of ReLU with as many regions as its width allows.

    Predicted on the whole space: C(n, 0) + ... + C(n, d) regions for n units and d inputs, the largest number there is
    (Schlaefli 1901, Zaslavsky 1975; for networks Pascanu, Montufar and Bengio 2013), computed by
    `vitrail.bounds.combinatorics.arrangement_cells`. All have different neighbors, so linear regions are as many, and
    up to width 40 all affine maps differ. With `in_unit_cube` all regions meet the open cube (0, 1)^d, so that the
    number holds there too.

    The hyperplane of unit i says that the polynomial t^d + x_d t^(d-1) + ... + x_1 vanishes at an integer t_i. Any d
    of these meet in one point, whose coordinates are the elementary symmetric polynomials of their t_i up to sign, and
    no d + 1 meet, as such a polynomial has d zeros.

    Raises:
        InvalidOptionError: no integers of at least 1, or so many units and inputs that float64 cannot hold the weights.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(general_position_network(2, 4), torch.zeros(1, 2))
        >>> vitrail.count_regions(net, vitrail.Space(2)).value
        11
    """
    dimension, units = dimension_of(input_dimension), natural("width", width, 1)
    check_size([dimension, max(units, dimension), 1])
    if flag("in_unit_cube", in_unit_cube):
        layer, readout = last_layer(dimension, units, Copies(), flipped=False)
        return relu_network([layer], readout)
    first = -(units // 2)
    places = range(first, first + units)
    plain = AffineMap.of(_powers(places, dimension), [place**dimension for place in places])
    return relu_network([plain], AffineMap.of([_weights(units, 0)], [0]))


def last_layer(dimension: int, units: int, copies: Copies, *, flipped: bool) -> tuple[AffineMap, AffineMap]:
    """Units in general position all of whose cells meet the open unit cube, and the weights of one output.

    `flipped` turns every second unit around, where there are more units than dimensions: no cell has all units off
    then. (A cell gives each polynomial's signs at the t_i, which change at most d times; all units off would be n
    changes.) The output's derivative by each coordinate of the cube is positive where any unit is on, so it jumps
    wherever a fold turns a coordinate around.

    Its derivative by the first coordinate is moreover a sum of different powers of two, which names the units that are
    on; and the scales of the other coordinates have low digits such that no small integer shift of the cube leaves the
    output as it is. So different cells of different copies have different maps, if float64 holds such numbers; if not,
    plain weights are taken.
    """
    signs = [-1 if flipped and units > dimension and (units - i) % 2 == 0 else 1 for i in range(units)]
    weights = _weights(units, copies.doublings)
    plain = _in_cube(dimension, units, [Fraction(0)] * dimension, signs)
    readout = AffineMap.of([[sign * weight for sign, weight in zip(signs, weights, strict=True)]], [0])
    if copies.slabs == 1 or dimension == 1 or (units > 1 and weights[-1] == 1):
        return plain, readout
    points = max(units, dimension)
    shift = 2 ** (copies.doublings + 1) * copies.slabs + 2
    digits = (2 * shift * sum(weights) * points ** (dimension - 1)).bit_length()
    last = Fraction(1, 2 ** (digits * (dimension - 1)))
    generic = _in_cube(dimension, units, [0 * last] + [last * 2 ** (digits * k) for k in range(dimension - 1)], signs)
    return (generic if fits_float64(generic) else plain), readout


def _weights(units: int, doublings: int) -> list[int]:
    """Powers of two whose sums over subsets do not coincide, even after doubling them `doublings` times; or ones."""
    step = doublings + 1
    return [2 ** (step * i if step * (units - 1) <= _READOUT_BITS else 0) for i in range(units)]


def _powers(places: range, dimension: int) -> list[list[int]]:
    return [[place**k for k in range(dimension)] for place in places]


def _in_cube(dimension: int, units: int, digits: list[Fraction], signs: list[int]) -> AffineMap:
    """The hyperplanes of t = 1, ..., n moved and scaled until all their vertices lie in the open unit cube.

    Every cell then meets the cube: it has a vertex, or, for fewer units than dimensions, touches one that further
    hyperplanes would make.
    """
    points = max(units, dimension)
    lowest = elementary_symmetric(range(1, dimension + 1), dimension)
    highest = elementary_symmetric(range(points - dimension + 1, points + 1), dimension)
    centers, scales = [], []
    for k in range(dimension):
        low, high = lowest[dimension - k], highest[dimension - k]
        centers.append((-1) ** (dimension - k) * Fraction(low + high, 2))
        scales.append(2 ** (high - low).bit_length() + digits[k])  # above the spread of the vertices
    matrix, offset = [], []
    for place, sign in zip(range(1, units + 1), signs, strict=True):
        powers = [sign * place**k for k in range(dimension)]
        matrix.append([power * scale for power, scale in zip(powers, scales, strict=True)])
        middle = [center - scale / Fraction(2) for center, scale in zip(centers, scales, strict=True)]
        offset.append(sign * place**dimension + sum(a * b for a, b in zip(powers, middle, strict=True)))
    return AffineMap.of(matrix, offset)
