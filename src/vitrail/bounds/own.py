"""Bounds of no paper, each proved in its docstring; their names start with vitrail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from flint import fmpz, fmpz_poly

from vitrail.bounds import conditions
from vitrail.bounds.combinatorics import symmetric_of_families
from vitrail.bounds.hanin2019patterns import MOMENTS, SIDES
from vitrail.bounds.inputs import natural, widths_of
from vitrail.bounds.layered import Stage, layered_bound
from vitrail.bounds.serra2018 import upper as serra_upper
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Need, Statement
from vitrail.errors import InvalidOptionError
from vitrail.options import positive_number
from vitrail.status import Definition

__all__ = ["STATEMENTS", "THREE_ONE", "box_upper", "distance_lower", "narrow_upper", "stable_upper", "zero_bias_upper"]

THREE_ONE = 13
"""The largest number of activation regions of ReLU networks of two inputs and layers of three units and one.

Proof: 14 would need the unit g = c.h + b of the second layer to cut all seven cells of three generic lines (others have
six cells at most). Where all three are off g is constant, so that cell must not occur: then all three are on in the
bounded triangle, and beyond its corner v_i only unit i is on, with h_i >= H_i = h_i(v_i). To cut there, g needs
b c_i < 0 and |c_i| H_i < |b|, for each i. But in the triangle h_i = H_i times the barycentric coordinate i, so
|c.h| < |b| all over it, and g does not cut it. A network with 13 regions is known.
"""


def narrow_upper(widths: Sequence[int]) -> int:
    """The most activation regions of a ReLU network of one input, sharper where layers of one or two units occur.

    R_l = min((n_l + 1) R_(l-1), R_(l-1) + n_l c(n_(l-1)) R_(l-2)) with R_0 = 1, R_1 = n_1 + 1, c(1) = 1, c(2) = 2 and
    c(n) = n + 1 from 3 units on; at most `vitrail.bounds.serra2018.upper`. Proof: on an interval where layer l-2 is
    affine a unit of layer l is a combination of n_(l-1) ReLUs of affine functions: at most n_(l-1) + 1 pieces, so as
    many zeros. One ReLU and a constant have one zero at most. Three zeros of two ReLUs and a constant would need three
    slopes of alternating signs, but one of the slopes is 0 or the middle one is the sum of the others. 1 for no layers.

    Raises:
        InvalidOptionError: widths that are not integers of at least 1.

    Example:
        >>> narrow_upper([2, 3]), narrow_upper([2, 2, 2]), narrow_upper([3, 3, 3])
        (9, 19, 64)
    """
    layers = widths_of(widths)
    before, now, previous = fmpz(1), fmpz(1), 0
    for place, n in enumerate(layers):
        most = (n + 1) * now
        if place:
            zeros = previous if previous < 3 else previous + 1
            most = min(most, now + n * zeros * before)
        before, now, previous = now, most, n
    return min(int(now), serra_upper(1, layers))


def zero_bias_upper(stages: Sequence[Stage], dimension: int) -> int:
    """The most activation regions of a network without biases: twice the bound with biases for one input less.

    All regions are cones, and every open cone meets one of the planes x_1 = 1 and x_1 = -1, on each of which the
    network is one with biases. 2 for one input, 1 for no units that switch. The units' pieces must meet at 0, as those
    of ReLU, absolute values and maxout do and those of hard-tanh do not.

    Raises:
        InvalidOptionError: a dimension that is not an integer of at least 1.

    Example:
        >>> layers = [Stage(((1, 3),), switched_off=True)] * 2
        >>> zero_bias_upper(layers[:1], 2), zero_bias_upper(layers, 2), zero_bias_upper(layers, 1)
        (8, 32, 2)
    """
    inputs = natural("dimension", dimension, 1)
    if not any(stage.switching for stage in stages):
        return 1
    return 2 * layered_bound(stages, inputs - 1)


def stable_upper(dimension: int, layers: Sequence[tuple[int, int]]) -> int:
    """The most activation regions in a convex domain in which some units of a ReLU network are known not to switch.

    `layers` are pairs (units that may switch, units that are always on) for each layer, `dimension` that of the domain:
    1 on a line, 2 on a plane. Units that are always off cut nothing and pass nothing on. The recursion of
    `layered_bound`; the states of the units must be proved on the domain. 1 for no layers.

    Raises:
        InvalidOptionError: numbers that are not integers of at least 0, or entries that are not pairs.

    Example:
        >>> stable_upper(2, [(2, 1), (0, 1)]), stable_upper(2, [(2, 1), (2, 0)])
        (4, 15)
    """
    stages = []
    for place, pair in enumerate(layers):
        if len(pair) != 2:
            raise InvalidOptionError(
                f"layers[{place}]: expected a pair (units that may switch, units always on), found {pair!r}"
            )
        unstable, active = (natural(f"layers[{place}]", number) for number in pair)
        stages.append(Stage(((1, unstable),), steady=active, switched_off=True))
    return layered_bound(stages, natural("dimension", dimension))


def box_upper(sides: Sequence[float], families: Mapping[int, int], gradient: float, bias: float) -> Fraction:
    """The mean number of activation regions in a box is at most 2^n_0 sum_k e_k(sides) e_k(breakpoints) (C_g C_b)^k.

    `sides` are the n_0 side lengths, `families` says how many units (value) have how many breakpoints (key); for a cube
    and units of one breakpoint, 2^n_0 sum_k C(n_0, k) C(N, k) (C_grad C_bias side)^k. Moments of the gradient up to
    n_0. Proof: every region in the box has a vertex. One inside a k-dimensional face of the box is a common zero of k
    units, almost surely of no more, and at most 2^k regions touch it. A face has in the mean at most its volume times
    e_k(breakpoints) (C_grad C_bias)^k of those, by the co-area formula and Hoelder's inequality, and 2^(n_0 - k) faces
    have the same k directions. Exact for the floats given.

    Raises:
        InvalidOptionError: no sides, or numbers that are not positive and finite, or integers where needed.

    Example:
        >>> round(float(box_upper([2.0, 2.0], {1: 8}, 2**0.5, 0.3989422804014327)), 4)
        218.8191
    """
    lengths = [Fraction(positive_number(f"sides[{place}]", side)) for place, side in enumerate(sides)]
    if not lengths:
        raise InvalidOptionError("sides: expected at least one side length, found none")
    units = {natural("breakpoints", key, 1): natural("families", number) for key, number in families.items()}
    density = Fraction(positive_number("gradient", gradient)) * Fraction(positive_number("bias", bias))
    count = len(lengths)
    # floats are integers over powers of two, so the sum is one integer over a power of two
    unit = max(length.denominator for length in lengths)
    volumes = [fmpz_poly([1, int(length * unit)]) for length in lengths]
    while len(volumes) > 1:
        pairs = [a * b for a, b in zip(volumes[::2], volumes[1::2], strict=False)]
        volumes = pairs + volumes[2 * len(pairs) :]
    zeros = symmetric_of_families(units, count)
    total, power = fmpz(0), fmpz(1)
    for volume, number in zip(volumes[0].coeffs(), zeros, strict=True):
        total = total * (density.denominator * unit) + volume * number * power
        power *= density.numerator
    return Fraction(int(total) << count, (density.denominator * unit) ** count)


def distance_lower(gradients: float, bias: float) -> Fraction:
    """The mean distance from a fixed point to the next boundary is at least 1 / (4 C_bias sum E|grad z|).

    `gradients` is the sum over all units of the mean norms of their gradients at the point, `bias` as in `Constants`.
    The distance is in input units; the proof is in `vitrail.bounds.hanin2019complexity.distance_lower`.

    Raises:
        InvalidOptionError: numbers that are not positive and finite.

    Example:
        >>> round(float(distance_lower(28.284271247461902, 0.3989422804014327)), 6)
        0.022156
    """
    return 1 / (4 * Fraction(positive_number("gradients", gradients)) * Fraction(positive_number("bias", bias)))


def _box(setting: Setting) -> Fraction:
    if setting.lengths is None or setting.constants is None:
        raise InvalidOptionError("setting: expected lengths and constants, found none; give both")
    families: dict[int, int] = {}
    for layer in setting.layers:
        for extra, number in layer.families.items():
            families[extra] = families.get(extra, 0) + number
    return box_upper(setting.lengths, families, setting.constants.gradient, setting.constants.bias)


_HOMOGENEOUS = conditions.every_layer(
    "units whose pieces meet at 0",
    lambda layer: layer.maximum or all(pieces <= 2 for pieces, _ in layer.pieces),
    lambda layer: layer.activation,
)
_SHAPE = conditions.on_setting(
    "two inputs and hidden layers of three units and one",
    lambda s: s.input_dimension == 2 and s.widths == (3, 1),
    lambda s: s.architecture.name,
)


_PROOF = "no paper; proved in"

STATEMENTS = (
    Statement(
        name="vitrail_layered",
        title="Vitrail, any network",
        formula="R(l, d) = sum_j C(u_l, j) R(l+1, min(d, units on)), j <= d, at ReLU layers, cells R(l+1, d) at others",
        reference=f"{_PROOF} vitrail.bounds.layered, after Montufar 2017 and Serra et al. 2018",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(),
        value=lambda s: layered_bound(s.stages(), s.input_dimension),
        remark="for any wiring and any activations; serra2018 where all is ReLU and sequential",
    ),
    Statement(
        name="vitrail_layered_ranks",
        title="Vitrail, any network, ranks",
        formula="as vitrail_layered, with rank(W_l) as a further bound of d",
        reference=f"{_PROOF} vitrail.bounds.layered",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.WEIGHTS}),
        confidence=Confidence.SURE,
        conditions=(conditions.RANKS,),
        value=lambda s: layered_bound(s.stages(ranked=True), s.input_dimension),
    ),
    Statement(
        name="vitrail_narrow",
        title="Vitrail, one input",
        formula="R_l = min((n_l + 1) R_(l-1), R_(l-1) + n_l c(n_(l-1)) R_(l-2)), c = 1, 2, n + 1 for n = 1, 2, >= 3",
        reference=f"{_PROOF} vitrail.bounds.own.narrow_upper",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.RELU, conditions.SEQUENTIAL, conditions.ONE_INPUT),
        value=lambda s: narrow_upper(s.widths),
        remark="below serra2018 where a layer before the last has one or two units",
    ),
    Statement(
        name="vitrail_zero_bias",
        title="Vitrail, no biases",
        formula="2 R(n_0 - 1), R as in vitrail_layered",
        reference=f"{_PROOF} vitrail.bounds.own.zero_bias_upper",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.UNBIASED, _HOMOGENEOUS),
        value=lambda s: zero_bias_upper(s.stages(), s.input_dimension),
    ),
    Statement(
        name="vitrail_cube",
        title="Vitrail, boxes",
        formula="2^n_0 sum_k e_k(sides) e_k(breakpoints of units) (C_grad C_bias)^k",
        reference=f"{_PROOF} vitrail.bounds.own.box_upper, after Hanin, Rolnick 2019",
        counts=Definition.ACTIVATION,
        kind=BoundKind.UPPER_ON_EXPECTATION,
        needs=frozenset({Need.DISTRIBUTION, Need.DOMAIN}),
        confidence=Confidence.SURE,
        conditions=(
            *(conditions.ELEMENTWISE, conditions.DENSE, conditions.BIASED, conditions.BOX, conditions.CONSTANTS),
            *(SIDES, MOMENTS),
        ),
        value=_box,
    ),
    Statement(
        name="vitrail_three_one",
        title="Vitrail, 2-3-1",
        formula="13 for two inputs and hidden layers of three units and one",
        reference=f"{_PROOF} vitrail.bounds.own, at THREE_ONE",
        counts=Definition.ACTIVATION,
        kind=BoundKind.EXACT_MAXIMUM,
        needs=frozenset({Need.ARCHITECTURE}),
        confidence=Confidence.SURE,
        conditions=(conditions.RELU, conditions.SEQUENTIAL, conditions.DENSE, conditions.BIASED, _SHAPE),
        value=lambda _: THREE_ONE,
        remark="serra2018 and hinz2021 give 14",
    ),
)
