"""Compiled geometry of convex polytopes by their vertices, dimension 3 and more, arrays in and arrays out.

A vertex row is (x1, ..., xk, error); `error` bounds the distance, in the maximum norm, of the stored to the true
vertex. Beside it lie its *bits*: which facets of the cell it lies on. A facet row is (c0, ..., ck, bound), the affine
function that vanishes on it and a bound on its error over |x| <= 1; its integers are what made it and the number of
the cut. Topology comes from the bits alone, never from coordinates: two vertices are the ends of an edge when no third
one lies on all facets that both lie on.

`axes` and `parts` have the lengths k and the words of a vertex's bits. Where they are tuples the compiler knows these,
and unrolls the loops over them.
"""

from __future__ import annotations

from numba import njit

from vitrail.cells.bits import lowest_bit, popcount
from vitrail.cells.polygon_kernels import OPTIONS
from vitrail.numerics.filters import FINE, SMALLEST

INLINE = {**OPTIONS, "inline": "always"}


@njit(**OPTIONS)
def bounding_box(axes, floats, start, count, rounding, box):
    """Write center and half widths of a box that holds the true cell to `box` (2, k)."""
    error = 0.0
    for v in range(start, start + count):
        error = max(error, floats[v, len(axes)])
    for i in range(len(axes)):
        low = high = floats[start, i]
        for v in range(start + 1, start + count):
            low, high = min(low, floats[v, i]), max(high, floats[v, i])
        box[0, i] = 0.5 * (low + high)
        # the two roundings of center and half width are covered by widening by a few units in the last place of 1
        box[1, i] = 0.5 * (high - low) + error + rounding


@njit(**OPTIONS)
def copy_vertex(axes, parts, floats, bits, i, out_floats, out_bits, j):
    """Copy vertex `i` to row `j` of the output."""
    for f in range(len(axes) + 1):
        out_floats[j, f] = floats[i, f]
    for w in range(len(parts)):
        out_bits[j, w] = bits[i, w]


@njit(**OPTIONS)
def surely_zero(axes, floats, v, row):
    """Whether the form is exactly zero at a vertex: every product is, and the vertex and the form are exact there."""
    k = len(axes)
    zero = floats[v, k] == 0.0 and row[0] == 0.0 and row[k + 3] == 0.0
    for i in range(k):
        zero = zero and (floats[v, i] == 0.0 or (row[1 + i] == 0.0 and row[k + 4 + i] == 0.0))
    return zero


@njit(**OPTIONS)
def vertex_signs(axes, floats, start, count, row, signs, values):
    """Sign of a candidate at each vertex, 0 where it is zero or the error bound does not decide.

    A candidate is (c0, ..., ck, bound over |x| <= 1, sum of |c1|, ..., |ck| and of their bounds, b0, ..., bk). Returns
    how many are positive and negative, and whether one is undecided.
    """
    k = len(axes)
    positive = negative = 0
    undecided = False
    for v in range(count):
        value = row[0]
        for i in range(k):
            value += row[1 + i] * floats[start + v, i]
        threshold = row[k + 1] + row[k + 2] * floats[start + v, k] + SMALLEST
        values[v] = value
        if value > threshold:
            signs[v] = 1
            positive += 1
        elif value < -threshold:
            signs[v] = -1
            negative += 1
        else:
            signs[v] = 0
            undecided = undecided or not surely_zero(axes, floats, start + v, row)
    return positive, negative, undecided


@njit(**OPTIONS)
def is_simple(axes, parts, bits, v):
    """Whether a vertex lies on k facets only."""
    facets = 0
    for w in range(len(parts)):
        facets += popcount(bits[v, w])
    return facets == len(axes)


@njit(**OPTIONS)
def is_edge(axes, parts, bits, start, count, a, b, common):
    """Whether two vertices with at least k - 1 facets in common are the ends of an edge.

    They are where one is simple, as any k - 1 facets of that make an edge, or no third vertex lies on all these facets.
    """
    if is_simple(axes, parts, bits, a) or is_simple(axes, parts, bits, b):
        return True
    for v in range(start, start + count):
        if v in (a, b):
            continue
        holds = True
        for w in range(len(parts)):
            holds = holds and (bits[v, w] & common[w]) == common[w]
        if holds:
            return False
    return True


@njit(**OPTIONS)
def meet(axes, a, b, value_a, value_b, row, rounding, out):
    """Write to `out` the point where the form is zero between vertices `a` and `b` of opposite signs, with its error.

    Let h be the true form, a and b the true vertices, y the point between them at the computed share s, and t the
    threshold that bounds how far the values at both are off. Then |h(y)| <= t + 4u |h(b) - h(a)|, and as h is affine,
    the true point is no farther from y than |b - a| |h(y)| / |h(b) - h(a)|.
    """
    k = len(axes)
    share = value_a / (value_a - value_b)
    farther = max(a[k], b[k])
    off_a, off_b = row[k + 1] + row[k + 2] * a[k] + SMALLEST, row[k + 1] + row[k + 2] * b[k] + SMALLEST
    gap = abs(value_a - value_b)
    length = 0.0
    for i in range(k):
        length = max(length, abs(b[i] - a[i]))
        low, high = min(a[i], b[i]), max(a[i], b[i])
        out[i] = min(max(a[i] + share * (b[i] - a[i]), low), high)
    length += 2.0 * farther
    least = gap - off_a - off_b
    error = length
    if least > 0.0:
        error = min(length, length * (max(off_a, off_b) + rounding * gap) / least)
    # the rounding is relative to coordinates, which are at most 1
    out[k] = error + farther + rounding


@njit(**OPTIONS)
def sharpen(axes, matrix, forms, count, rounding, out):
    """Compute a vertex again from the k hyperplanes that meet there, if that makes its error smaller.

    `forms` (k, k + 2) are the hyperplanes. One Newton step with an approximate inverse R of their matrix M, then the
    bound |x - x*| <= |R| |residuals| / (1 - q), where q bounds |I - R M*| for the true M*; `matrix` is (k, 2 k) work.
    """
    k = len(axes)
    if count != k:
        return
    for i in range(k):
        for j in range(k):
            matrix[i, j] = forms[i, 1 + j]
            matrix[i, k + j] = 1.0 if i == j else 0.0
    for j in range(k):
        best = j
        for i in range(j + 1, k):
            if abs(matrix[i, j]) > abs(matrix[best, j]):
                best = i
        if not abs(matrix[best, j]) > SMALLEST:
            return
        for c in range(2 * k):
            matrix[j, c], matrix[best, c] = matrix[best, c], matrix[j, c]
        inverse = 1.0 / matrix[j, j]
        for c in range(2 * k):
            matrix[j, c] *= inverse
        for i in range(k):
            if i != j:
                factor = matrix[i, j]
                for c in range(2 * k):
                    matrix[i, c] -= factor * matrix[j, c]
    for i in range(k):
        step = 0.0
        for j in range(k):
            residual = forms[j, 0]
            for c in range(k):
                residual += forms[j, 1 + c] * out[c]
            step += matrix[i, k + j] * residual
        matrix[i, 0] = out[i] - step
    error = contraction = 0.0
    for i in range(k):
        reach = quotient = 0.0
        for j in range(k):
            residual = size = forms[j, 0]
            size = abs(size)
            for c in range(k):
                residual += forms[j, 1 + c] * matrix[c, 0]
                size += abs(forms[j, 1 + c])
            weight = abs(matrix[i, k + j])
            reach += weight * (abs(residual) + rounding * size + forms[j, k + 1])
            quotient += weight * (forms[j, k + 1] + rounding * size)
        for c in range(k):
            entry = -1.0 if c == i else 0.0
            for j in range(k):
                entry += matrix[i, k + j] * forms[j, 1 + c]
            quotient += abs(entry)
        error, contraction = max(error, reach), max(contraction, quotient)
    if not contraction < 0.5:
        return
    error = 2.0 * error + rounding
    if error < out[k]:
        for i in range(k):
            out[i] = min(max(matrix[i, 0], -1.0), 1.0)
        out[k] = error


@njit(**OPTIONS)
def cross(axes, parts, stack, start, count, slots, arena, row, rounding, scratch):
    """Write the points where the zero set of a candidate meets the cell's edges to the scratch rows; return how many.

    Bits of a point are the facets of its edge. -1: no room.
    """
    floats, bits = stack
    signs, values, order, new_floats, new_bits, common, matrix, meeting = scratch
    k = len(axes)
    positive, made = 0, 0
    for v in range(count):
        if signs[v] > 0:
            order[positive] = v
            positive += 1
    total = positive
    for v in range(count):
        if signs[v] < 0:
            order[total] = v
            total += 1
    for i in range(positive):
        p = start + order[i]
        for j in range(positive, total):
            n = start + order[j]
            shared = 0
            for w in range(len(parts)):
                shared += popcount(bits[p, w] & bits[n, w])
            if shared < k - 1:
                continue
            for w in range(len(parts)):
                common[w] = bits[p, w] & bits[n, w]
            if not is_edge(axes, parts, bits, start, count, p, n, common):
                continue
            if made >= new_floats.shape[0]:
                return -1
            meet(axes, floats[p], floats[n], values[order[i]], values[order[j]], row, rounding, new_floats[made])
            for w in range(len(parts)):
                new_bits[made, w] = common[w]
            if new_floats[made, k] > FINE and shared == k - 1:
                at = 0
                for w in range(len(parts)):
                    rest = common[w]
                    while rest != 0:
                        facet = slots[64 * w + lowest_bit(rest)]
                        for f in range(k + 2):
                            meeting[at, f] = arena[facet, f]
                        rest &= rest - 1
                        at += 1
                for f in range(k + 2):
                    meeting[at, f] = row[f]
                sharpen(axes, matrix, meeting, at + 1, rounding, new_floats[made])
            made += 1
    return made


@njit(**OPTIONS)
def gather(axes, parts, stack, start, count, signs, side, new_floats, new_bits, made, slot, out_floats, out_bits, at):
    """Write the part of the cell on one side, with the new vertices, to rows from `at`; return its vertices.

    `slot` is the bit of the new facet. The output may be the cell's own place.
    """
    floats, bits = stack
    n = at
    touched = False
    for v in range(count):
        touched = touched or signs[v] == 0
    for v in range(count):
        if signs[v] == side:
            copy_vertex(axes, parts, floats, bits, start + v, out_floats, out_bits, n)
            n += 1
        elif signs[v] == 0:
            copy_vertex(axes, parts, floats, bits, start + v, out_floats, out_bits, n)
            out_bits[n, slot >> 6] |= 1 << (slot & 63)
            n += 1
    for m in range(made):
        copy_vertex(axes, parts, new_floats, new_bits, m, out_floats, out_bits, n)
        out_bits[n, slot >> 6] |= 1 << (slot & 63)
        n += 1
    if touched:
        drop_lost(axes, parts, out_bits, at, n, slot)
    return n - at


@njit(**OPTIONS)
def drop_lost(axes, parts, bits, start, stop, slot):
    """Take facets without a vertex beside the hyperplane `slot` off the vertices on it: they only touch this part."""
    for w in range(len(parts)):
        kept = 0
        for v in range(start, stop):
            if (bits[v, slot >> 6] >> (slot & 63)) & 1 == 0:
                kept |= bits[v, w]
        if w == slot >> 6:
            kept |= 1 << (slot & 63)
        for v in range(start, stop):
            bits[v, w] &= kept


@njit(**OPTIONS)
def used_facets(parts, bits, start, count, used):
    """Write which facets some vertex lies on to `used`."""
    for w in range(len(parts)):
        found = 0
        for v in range(start, start + count):
            found |= bits[v, w]
        used[w] = found


@njit(**OPTIONS)
def compact(parts, bits, start, count, used):
    """Renumber the facets of a cell to 0, 1, ... in the order of their bits; return how many there are."""
    facets, gap = 0, False
    for w in range(len(parts)):
        gap = gap or (used[w] != 0 and facets < 64 * w) or (used[w] & (used[w] + 1)) != 0
        facets += popcount(used[w])
    if not gap:
        return facets
    for v in range(start, start + count):
        before = 0
        for w in range(len(parts)):
            rest = bits[v, w]
            bits[v, w] = 0
            while rest != 0:
                bit = lowest_bit(rest)
                at = before + popcount(used[w] & ((1 << bit) - 1))
                bits[v, at >> 6] |= 1 << (at & 63)
                rest &= rest - 1
            before += popcount(used[w])
    return facets
