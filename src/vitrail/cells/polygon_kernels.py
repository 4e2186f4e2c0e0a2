"""Compiled geometry of convex polygons: screening units against cells, cutting cells, arrays in and arrays out.

A vertex row is (x, y, error) followed by the line of the edge that *leaves* it: (c0, c1, c2, bound), the affine
function that vanishes on the edge and a bound on its error over |x|, |y| <= 1. Its integer row is (source, cut): the
unit (or, below zero, the side of the domain) that made the edge, and the number of the cut, which the cell across the
edge shares. Vertices run counter-clockwise. `error` bounds the distance, in the maximum norm, of the stored to the
true vertex.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from vitrail.numerics.filters import MEET_ROUNDING, OVERFLOWING, SMALLEST, SMALLEST_DETERMINANT, VALUE_ROUNDING

FLOATS = 7
INTEGERS = 2

# without numba's reference counts, which cost more than the geometry of a small cell; so no kernel here may allocate
OPTIONS = {"nogil": True, "cache": True, "fastmath": {"nsz", "contract"}, "error_model": "numpy", "_nrt": False}
INLINE = {**OPTIONS, "inline": "always"}


@njit(**OPTIONS)
def meet(vertices, i, j, c0, c1, c2, bound, out, k):
    """Write to `out[k]` the point where the edge leaving vertex `i` (to vertex `j`) meets the line, with its error.

    Cramer's rule and one step on the residuals, which makes the point as good as the lines are. The true point lies on
    the edge, so the error is never more than the edge's length.
    """
    a0, a1, a2, a_bound = vertices[i, 3], vertices[i, 4], vertices[i, 5], vertices[i, 6]
    x_low, x_high = min(vertices[i, 0], vertices[j, 0]), max(vertices[i, 0], vertices[j, 0])
    y_low, y_high = min(vertices[i, 1], vertices[j, 1]), max(vertices[i, 1], vertices[j, 1])
    determinant = a1 * c2 - a2 * c1
    b1, b2 = abs(a1) + a_bound, abs(a2) + a_bound
    d1, d2 = abs(c1) + bound, abs(c2) + bound
    safe = abs(determinant) - MEET_ROUNDING * (b1 * d2 + b2 * d1) - (b1 + b2) * bound - (d1 + d2) * a_bound
    longest = max(x_high - x_low, y_high - y_low) + max(vertices[i, 2], vertices[j, 2]) + VALUE_ROUNDING
    if SMALLEST_DETERMINANT < safe < OVERFLOWING:
        inverse = 1.0 / determinant
        x = (a2 * c0 - c2 * a0) * inverse
        y = (c1 * a0 - a1 * c0) * inverse
        residual_a = a0 + a1 * x + a2 * y
        residual_c = c0 + c1 * x + c2 * y
        x = min(max(x - (c2 * residual_a - a2 * residual_c) * inverse, x_low), x_high)
        y = min(max(y - (a1 * residual_c - c1 * residual_a) * inverse, y_low), y_high)
        a_residual = abs(a0 + a1 * x + a2 * y) + VALUE_ROUNDING * (abs(a0) + b1 + b2) + a_bound
        c_residual = abs(c0 + c1 * x + c2 * y) + VALUE_ROUNDING * (abs(c0) + d1 + d2) + bound
        error = min(longest, max(d2 * a_residual + b2 * c_residual, d1 * a_residual + b1 * c_residual) / safe)
    else:
        value_i = c0 + c1 * vertices[i, 0] + c2 * vertices[i, 1]
        value_j = c0 + c1 * vertices[j, 0] + c2 * vertices[j, 1]
        share = value_i / (value_i - value_j)
        x = min(max(vertices[i, 0] + share * (vertices[j, 0] - vertices[i, 0]), x_low), x_high)
        y = min(max(vertices[i, 1] + share * (vertices[j, 1] - vertices[i, 1]), y_low), y_high)
        error = longest
    out[k, 0], out[k, 1], out[k, 2] = x, y, error


@njit(**INLINE)
def copy_numbers(source, target):
    """target[:] = source, which would allocate."""
    for i in range(source.shape[0]):
        target[i] = source[i]


@njit(**INLINE)
def copy_row(floats, integers, i, out_floats, out_integers, k):
    """Copy vertex `i` with its edge to row `k` of the output."""
    for f in range(FLOATS):
        out_floats[k, f] = floats[i, f]
    out_integers[k, 0] = integers[i, 0]
    out_integers[k, 1] = integers[i, 1]


@njit(**INLINE)
def copy_edge(floats, integers, i, out_floats, out_integers, k):
    """Copy the edge that leaves vertex `i` to row `k` of the output."""
    for f in range(3, FLOATS):
        out_floats[k, f] = floats[i, f]
    out_integers[k, 0] = integers[i, 0]
    out_integers[k, 1] = integers[i, 1]


@njit(**INLINE)
def set_edge(floats, integers, k, c0, c1, c2, bound, source, cut):
    """Make the line the edge that leaves vertex `k`."""
    floats[k, 3], floats[k, 4], floats[k, 5], floats[k, 6] = c0, c1, c2, bound
    integers[k, 0], integers[k, 1] = source, cut


@njit(**OPTIONS)
def bounding_box(floats, start, count):
    """Center and half widths of a box that holds the true polygon."""
    x_low = x_high = floats[start, 0]
    y_low = y_high = floats[start, 1]
    error = floats[start, 2]
    for i in range(start + 1, start + count):
        x, y = floats[i, 0], floats[i, 1]
        x_low, x_high = min(x_low, x), max(x_high, x)
        y_low, y_high = min(y_low, y), max(y_high, y)
        error = max(error, floats[i, 2])
    # the two roundings of center and half width are covered by widening by a few units in the last place of 1
    slack = error + VALUE_ROUNDING
    return (
        0.5 * (x_low + x_high),
        0.5 * (y_low + y_high),
        0.5 * (x_high - x_low) + slack,
        0.5 * (y_high - y_low) + slack,
    )


@njit(**OPTIONS)
def vertex_signs(floats, start, count, c0, c1, c2, b0, b1, b2, signs):
    """Sign of the affine function at each vertex, 0 where the error bound b0 + b1 |x| + b2 |y| does not decide.

    Returns (any positive, any negative, any undecided). Zeros between two vertices of one sign take that sign: a convex
    cell cannot be crossed there. So at most the two places where the sign changes keep a zero, one each.
    """
    positive = negative = False
    zeros = 0
    undecided = False
    for i in range(count):
        x, y = floats[start + i, 0], floats[start + i, 1]
        value = c0 + c1 * x + c2 * y
        threshold = b0 + b1 * abs(x) + b2 * abs(y) + (abs(c1) + abs(c2) + b1 + b2) * floats[start + i, 2] + SMALLEST
        if value > threshold:
            signs[i] = 1
            positive = True
        elif value < -threshold:
            signs[i] = -1
            negative = True
        else:
            signs[i] = 0
            zeros += 1
            # zero is decided only where the affine function is zero everywhere
            undecided = undecided or not (c0 == c1 == c2 == 0.0 and b0 == b1 == b2 == 0.0)
    if zeros > 0 and positive and negative:
        settle_zeros(floats, start, count, c0, c1, c2, signs)
    return positive, negative, undecided


@njit(**OPTIONS)
def settle_zeros(floats, start, count, c0, c1, c2, signs):
    """Keep, in each run of zeros between opposite signs, the one vertex nearest to the line; give the others a side."""
    first = 0
    while signs[first] == 0:
        first += 1
    step = 1
    while step <= count:
        i = (first + step) % count
        if signs[i] != 0:
            step += 1
            continue
        length = 1
        while signs[(first + step + length) % count] == 0:
            length += 1
        before = signs[(first + step - 1) % count]
        after = signs[(first + step + length) % count]
        best, best_value = -1, np.inf
        if before != after:
            for s in range(length):
                v = start + (first + step + s) % count
                value = abs(c0 + c1 * floats[v, 0] + c2 * floats[v, 1])
                if value < best_value:
                    best, best_value = s, value
        for s in range(length):
            if s != best:
                signs[(first + step + s) % count] = before if best < 0 or s < best else after
        step += length


@njit(**OPTIONS)
def sign_changes(signs, count):
    """Number of places, going around, where a definite sign differs from the one before (2 for a proper cut)."""
    last = 0
    for i in range(count):
        if signs[i] != 0:
            last = signs[i]
    changes = 0
    for i in range(count):
        if signs[i] != 0:
            changes += signs[i] != last
            last = signs[i]
    return changes


@njit(**OPTIONS)
def keep_side(floats, integers, start, count, c0, c1, c2, bound, source, cut, signs, side, out_floats, out_integers):
    """Write the part of the polygon on one side of the line to the output; return its number of vertices."""
    n = 0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        here, after = signs[i] * side, signs[j] * side
        if here >= 0:
            copy_row(floats, integers, start + i, out_floats, out_integers, n)
            if here == 0 and after < 0:
                set_edge(out_floats, out_integers, n, c0, c1, c2, bound, source, cut)
            n += 1
        if here * after < 0:
            meet(floats, start + i, start + j, c0, c1, c2, bound, out_floats, n)
            if here > 0:
                set_edge(out_floats, out_integers, n, c0, c1, c2, bound, source, cut)
            else:
                copy_edge(floats, integers, start + i, out_floats, out_integers, n)
            n += 1
    return n


@njit(**OPTIONS)
def split(floats, integers, start, count, c0, c1, c2, bound, source, cut, signs, out_floats, out_integers):
    """Write both parts of the polygon, the positive one first; return their numbers of vertices.

    The crossings are computed once, so both parts share their coordinates. The new edge has the number `2 cut` on the
    positive and `2 cut + 1` on the negative side.
    """
    p = 0
    while not (signs[p] > 0 and signs[p - 1 if p > 0 else count - 1] <= 0):
        p += 1
    before = p - 1 if p > 0 else count - 1
    n = 1  # row 0 is the point where the boundary enters the positive side
    if signs[before] == 0:
        copy_row(floats, integers, start + before, out_floats, out_integers, 0)
    else:
        meet(floats, start + before, start + p, c0, c1, c2, bound, out_floats, 0)
        copy_edge(floats, integers, start + before, out_floats, out_integers, 0)
    i = p
    while signs[i] > 0:
        copy_row(floats, integers, start + i, out_floats, out_integers, n)
        n += 1
        i = i + 1 if i + 1 < count else 0
    leaving = n
    if signs[i] == 0:
        copy_row(floats, integers, start + i, out_floats, out_integers, leaving + 1)
        out_floats[leaving, 0], out_floats[leaving, 1] = floats[start + i, 0], floats[start + i, 1]
        out_floats[leaving, 2] = floats[start + i, 2]
        i = i + 1 if i + 1 < count else 0
    else:
        last = i - 1 if i > 0 else count - 1
        meet(floats, start + last, start + i, c0, c1, c2, bound, out_floats, leaving)
        for f in range(3):
            out_floats[leaving + 1, f] = out_floats[leaving, f]
        copy_edge(floats, integers, start + last, out_floats, out_integers, leaving + 1)
    set_edge(out_floats, out_integers, leaving, c0, c1, c2, bound, source, 2 * cut)
    positive = leaving + 1
    n = positive + 1
    while signs[i] < 0:
        copy_row(floats, integers, start + i, out_floats, out_integers, n)
        n += 1
        i = i + 1 if i + 1 < count else 0
    for f in range(3):
        out_floats[n, f] = out_floats[0, f]
    set_edge(out_floats, out_integers, n, c0, c1, c2, bound, source, 2 * cut + 1)
    return positive, n + 1 - positive
