"""Rounding constants of the floating-point filters (derivation in `docs/numerics.md`)."""

from __future__ import annotations

__all__ = [
    "CLEAR",
    "COST_TOLERANCE",
    "DIFFERENCE_STEPS",
    "ESTIMATE_OPERATIONS",
    "EXACT_FORM_ROUNDING",
    "FINE",
    "FLAT",
    "GAP_TOLERANCE",
    "HOPELESS",
    "LARGE",
    "LARGEST",
    "MAP_ESTIMATE_OPERATIONS",
    "MEET_ROUNDING",
    "MOST_DISTANCE_GAP",
    "MOST_GAP",
    "OVERFLOWING",
    "PIVOT_TOLERANCE",
    "PROOF_ROOM",
    "RANK_TOLERANCE",
    "RIDGE",
    "ROUNDOFFS",
    "SINGLE_ROUNDOFF",
    "SMALLEST",
    "SMALLEST_DETERMINANT",
    "SMALLEST_NORM",
    "SMALLEST_SQUARE",
    "TOUCHING",
    "UNDERFLOW_SAFE",
    "UNIT_ROUNDOFF",
    "VAGUE",
    "VALUE_ROUNDING",
    "gamma",
    "value_rounding",
]

UNIT_ROUNDOFF = 2.0**-53
"""Largest relative error of one rounded float64 operation."""

SINGLE_ROUNDOFF = 2.0**-24
"""Largest relative error of one rounded float32 operation."""

ROUNDOFFS = {"float64": UNIT_ROUNDOFF, "float32": SINGLE_ROUNDOFF, "float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Largest relative error of one rounded operation, by the name of the type."""

DIFFERENCE_STEPS = (2.0**-6, 2.0**-10, 2.0**-14, 2.0**-18)
"""Steps tried, largest first, for two points in one region whose difference shows the region's linear map."""

VALUE_ROUNDING = 8 * UNIT_ROUNDOFF
"""Relative error bound of `c0 + c1 x + c2 y` against `|c0| + |c1| + |c2|` for |x|, |y| <= 1, in any order, with
or without fused multiply-add (four roundings at most), doubled to cover the rounding of the bound's own evaluation."""

MEET_ROUNDING = 8 * UNIT_ROUNDOFF
"""Relative error bound of a 2 x 2 determinant against the sum of its two products (three roundings), with room."""


def gamma(operations: int) -> float:
    """Relative error bound of a chain of m rounded operations: m u / (1 - m u) (Higham 2002, Lemma 3.1).

    Example:
        >>> from vitrail.numerics.filters import gamma
        >>> 10 * 2.0**-53 < gamma(10) < 11 * 2.0**-53
        True
    """
    chain = operations * UNIT_ROUNDOFF
    return chain / (1.0 - chain)


def value_rounding(dimension: int) -> float:
    """Relative error bound of a form's value, a sum of k + 1 terms, as `VALUE_ROUNDING` is for k = 2.

    k + 2 roundings at most (products and sums, in any order), doubled to cover those of the bound's own evaluation.

    Example:
        >>> from vitrail.numerics.filters import value_rounding
        >>> value_rounding(1) == value_rounding(2) == VALUE_ROUNDING, value_rounding(4) / VALUE_ROUNDING
        (True, 1.5)
    """
    return 2 * max(4, dimension + 2) * UNIT_ROUNDOFF


FINE = 2.0**-40
"""A vertex with a larger error is computed again from its hyperplanes, which its chain of interpolations has left."""

FLAT = 2.0**-40
"""Sine of the angle below which two directions are refused as parallel: their plane would be mostly rounding."""

VAGUE = 2.0**-10
"""A gradient's norm that is known less well, relative to itself, is computed exactly where that is affordable."""

HOPELESS = 2.0**-16
"""A layer whose median error bound exceeds this share of its forms' size is not proven, but estimated."""

ESTIMATE_OPERATIONS = 64
"""Rounding units per layer and unit of size that the estimate grants an unproven layer (not a bound)."""

SMALLEST = 2.0**-1022
"""Smallest normal float64: what a norm is raised to before it divides."""

UNDERFLOW_SAFE = 2.0**-900
"""Magnitudes above this have relative rounding errors far above what underflow can add."""

SMALLEST_DETERMINANT = 2.0**-900
"""A determinant below this, its error taken off, may have lost digits to underflow: its point is not trusted."""

SMALLEST_NORM = 2.0**-500
"""More than a norm, a root of sums of squares, can lose to underflow."""

SMALLEST_SQUARE = 2.0**-900
"""Sums of squares above this have lost nothing to underflow that matters."""

MAP_ESTIMATE_OPERATIONS = 4096
"""Rounding units of size within which two maps are taken as equal where no proven bound is usable (an estimate)."""

LARGE = 2.0**500
"""Forms with larger coefficients are left to exact arithmetic: products of two of them could overflow."""

OVERFLOWING = 2.0**1000
"""The error bound of a form that is not to be decided in floating point; sums of a few stay finite."""

LARGEST = 2.0**1023 * (2.0 - 2.0**-52)
"""Largest float64."""

EXACT_FORM_ROUNDING = 2.0**-51
"""Relative error bound of an exact coefficient rounded to float64 by `Fixed.to_floats` or `unit_line`."""

COST_TOLERANCE = 2.0**-40
"""A linear program takes smaller coefficients of its objective for 0 (rows have largest coefficient 1); a guess, which
the check of its answer judges."""

GAP_TOLERANCE = 2.0**-30
"""An interior point method ends where its bounds agree to this share of the optimum; proofs are computed after that."""

MOST_DISTANCE_GAP = 2.0**-17
"""As `MOST_GAP`, for distances to decision boundaries, and as a share of the ball inside: rows are not known better."""

MOST_GAP = 1e-8
"""The largest gap between the proven bounds of an optimum, as a share of it, that is called certified."""

PIVOT_TOLERANCE = 2.0**-36
"""A linear program divides by nothing smaller (rows have largest coefficient 1); a guess as `COST_TOLERANCE` is."""

PROOF_ROOM = 1.0 + 2.0**-20
"""Factor that covers the rounding of sums of non-negative error bounds: far more than any such sum has terms."""

CLEAR = 4.0
"""A linear program looks for values of this many times the threshold, so that points between prove the sign."""

TOUCHING = 2.0**-20
"""A ball touches a row where their distance is below this share of its radius: what a caller is told, no decision."""

RANK_TOLERANCE = 2.0**-36
"""Directions along which unit rows change less than this are left out of a program; what it proves includes them."""

RIDGE = 2.0**-44
"""What is added to the diagonal of equations that rounding has made singular, as a share of its largest entry."""
