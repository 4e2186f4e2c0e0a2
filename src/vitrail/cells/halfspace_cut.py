"""Compiled cutting of cells of halfspaces by the units of one op, depth first, in preallocated memory.

A node of the stack has its rows, their labels, an inner point, and the list of candidates that may change their sign on
it. All candidates of a node are asked about before it is cut, so what keeps its sign is never asked about again below.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from vitrail.cells.cutting import (
    CELLS_DONE,
    CELLS_OUT,
    DIRTY_OUT,
    FULL_OUTPUT,
    FULL_SCRATCH,
    KEEP,
    NEXT_CUT,
    RESUME,
    UNDECIDED,
    VERTICES_OUT,
    WORK_FULL,
)
from vitrail.cells.halfspace_facets import find_redundant
from vitrail.cells.halfspace_kernels import (
    ACROSS,
    CHUNK,
    CUTS,
    DEEPEST,
    HERE,
    OPEN,
    center_point,
    clear_marks,
    copy_point,
    normalize,
    point_beyond,
    probe_chunk,
)
from vitrail.cells.polygon_cut import CUT, DONE, DOUBT, FINISHED, FULL, bit_position, clear, next_node, pause, pauses
from vitrail.cells.polygon_kernels import copy_numbers
from vitrail.cells.simplex import OPTIONS, value_at

SIZE, LIST, COUNT, UNCLEAN = range(4)
"""Rows of the stack: a node's rows, where its list of candidates begins, how many they are, and its dirt."""


@njit(**OPTIONS)
def load_root(cells, c, nodes):
    """Put cell `c` at the bottom of the stack, its rows as columns."""
    offsets, floats, integers, points, _, dirty = cells
    forms, labels, spots, stack, words = nodes
    start, size = offsets[c], offsets[c + 1] - offsets[c]
    for i in range(size):
        for j in range(floats.shape[1]):
            forms[0, j, i] = floats[start + i, j]
        labels[0, i, 0], labels[0, i, 1] = integers[start + i, 0], integers[start + i, 1]
    for j in range(points.shape[1]):
        spots[0, j] = points[c, j]
    stack[SIZE, 0], stack[LIST, 0], stack[COUNT, 0], stack[UNCLEAN, 0] = size, 0, 0, dirty[c]
    clear(words[0])


@njit(**OPTIONS)
def has_room_for_one(size, mode, out, counters):
    """Whether a cell of so many rows fits into the output."""
    fits = mode != KEEP or (counters[CELLS_OUT] < out[3].shape[0] and counters[VERTICES_OUT] + size <= out[0].shape[0])
    if not fits:
        counters[WORK_FULL] = FULL_OUTPUT
    return fits


@njit(**OPTIONS)
def emit(depth, parent, mode, bounded, out, work, counters):
    """Append the node to the output without the rows that others imply, or count it; False when the output is full."""
    nodes, probe, needed = work[0], work[4], work[5]
    forms, labels, points, stack, words = nodes
    dirty = stack[UNCLEAN, depth]
    if not has_room_for_one(stack[SIZE, depth], mode, out, counters):
        return False
    if mode == KEEP:
        floats, integers, offsets, parents, out_words, out_dirty, out_points = out
        n, v, size = counters[CELLS_OUT], counters[VERTICES_OUT], stack[SIZE, depth]
        find_redundant(forms[depth], size, points[depth], bounded, probe, needed)
        center_point(forms[depth], size, points[depth], bounded, probe[3], probe[4])
        for i in range(size):
            if needed[i] != 0:
                for j in range(floats.shape[1]):
                    floats[v, j] = forms[depth, j, i]
                integers[v, 0], integers[v, 1] = labels[depth, i, 0], labels[depth, i, 1]
                v += 1
        copy_point(points[depth], out_points[n])
        copy_numbers(words[depth], out_words[n])
        parents[n], out_dirty[n], offsets[n + 1] = parent, dirty, v
        counters[VERTICES_OUT] = v
    else:
        out[3][parent] += 1
        out[5][parent] += dirty
    counters[CELLS_OUT] += 1
    counters[DIRTY_OUT] += dirty
    return True


@njit(**OPTIONS)
def add_piece(words, position):
    """The piece at a bit position is one more."""
    words[position >> 6] += 1 << (position & 63)


@njit(**OPTIONS)
def examine(depth, bounded, work):
    """Ask about all candidates of a node; those that cut it stay in its list. Returns how many are not decided.

    The others have their piece in `words`: by the sign at the inner point where it is not decided.
    """
    nodes, asked, rows, listed, probe = work[0], work[1], work[2], work[3], work[4]
    forms, _, points, stack, words = nodes
    sides, states = probe[1], probe[2]
    units, bits = work[6][0], work[6][1]
    clear_marks(probe)
    at, end = stack[LIST, depth], stack[LIST, depth] + stack[COUNT, depth]
    kept, undecided = at, 0
    while at < end:
        count = min(CHUNK, end - at)
        probe_chunk(forms[depth], stack[SIZE, depth], asked, listed, at, count, points[depth], bounded, probe)
        for i in range(count):
            k = listed[at + i]
            if states[i] == CUTS:
                listed[kept] = k
                kept += 1
                continue
            undecided += states[i] == OPEN
            if sides[i] > 0.0:
                add_piece(words[depth], bit_position(rows[k], units, bits))
        at += count
    stack[COUNT, depth] = kept - stack[LIST, depth]
    return undecided


@njit(**OPTIONS)
def part(depth, k, bounded, work, target):
    """Write to `target` an inner point across candidate k from the node's own inner point; False if not proven.

    The inner point is first moved to where it has more room, if it can be.
    """
    nodes, asked, probe = work[0], work[1], work[4]
    forms, _, points, stack, _ = nodes
    size, spots, marks = stack[SIZE, depth], probe[3], probe[4]
    copy_point(points[depth], spots[HERE])
    if center_point(forms[depth], size, points[depth], bounded, spots, marks):
        same = value_at(asked, k, points[depth]) * value_at(asked, k, spots[ACROSS]) >= 0.0
        other = HERE if same else ACROSS
        if point_beyond(forms[depth], size, asked, k, -1, points[depth], spots[other], bounded, target):
            return True
        copy_point(spots[HERE], points[depth])
    return point_beyond(forms[depth], size, asked, k, -1, points[depth], spots[ACROSS], bounded, target)


@njit(**OPTIONS)
def append_row(nodes, depth, asked, k, sign, source, cut):
    """Add sign * candidate k to the rows of a node."""
    forms, labels, _, stack, _ = nodes
    size, last = stack[SIZE, depth], forms.shape[1] - 1
    for j in range(last):
        forms[depth, j, size] = sign * asked[j, k]
    forms[depth, last, size] = asked[last, k]
    labels[depth, size, 0], labels[depth, size, 1] = source, cut
    stack[SIZE, depth] = size + 1


@njit(**OPTIONS)
def copy_node(nodes, source, target):
    """Copy rows, labels, words and dirt of a node to another place of the stack."""
    forms, labels, points, stack, words = nodes
    size = stack[SIZE, source]
    for j in range(forms.shape[1]):
        for i in range(size):
            forms[target, j, i] = forms[source, j, i]
    for i in range(size):
        labels[target, i, 0], labels[target, i, 1] = labels[source, i, 0], labels[source, i, 1]
    copy_point(points[source], points[target])
    copy_numbers(words[source], words[target])
    stack[SIZE, target], stack[UNCLEAN, target] = size, stack[UNCLEAN, source]


@njit(**OPTIONS)
def has_room(depth, more, work):
    """Whether `more` nodes with one row more and as many candidates fit above a node."""
    nodes, listed = work[0], work[3]
    stack = nodes[3]
    return (
        depth + more < stack.shape[1]
        and stack[SIZE, depth] + more <= nodes[0].shape[2]
        and stack[LIST, depth] + (more + 1) * stack[COUNT, depth] <= listed.shape[0]
    )


@njit(**OPTIONS)
def divide(depth, k, work, counters):
    """Cut a node by candidate k: its negative part stays at `depth`, its positive part comes on top.

    The inner point of the part across is at `depth + 1` already.
    """
    nodes, asked, rows, listed, probe = work[0], work[1], work[2], work[3], work[4]
    _, _, points, stack, words = nodes
    units, bits, first_row = work[6][0], work[6][1], work[6][2]
    at, count = stack[LIST, depth], stack[COUNT, depth]
    cut, counters[NEXT_CUT] = counters[NEXT_CUT], counters[NEXT_CUT] + 1
    upper = depth + 1
    copy_point(points[upper], probe[3][HERE])
    copy_node(nodes, depth, upper)
    if value_at(asked, k, points[depth]) > 0.0:
        copy_point(probe[3][HERE], points[depth])
    else:
        copy_point(probe[3][HERE], points[upper])
    append_row(nodes, depth, asked, k, -1.0, first_row + rows[k], 2 * cut + 1)
    append_row(nodes, upper, asked, k, 1.0, first_row + rows[k], 2 * cut)
    add_piece(words[upper], bit_position(rows[k], units, bits))
    left = 0
    for i in range(count):
        if listed[at + i] != k:
            listed[at + left] = listed[at + i]
            left += 1
    for i in range(left):
        listed[at + left + i] = listed[at + i]
    stack[COUNT, depth], stack[LIST, upper], stack[COUNT, upper] = left, at + left, left


@njit(**OPTIONS)
def advance(depth, parent, strict, mode, bounded, out, work, counters):
    """Ask about the candidates of the node on top of the stack; finish it, or cut it in two.

    An undecided sign ends it if `strict`. Cut, its negative part stays at `depth` and its positive part comes on top.
    """
    nodes, asked, rows, listed, probe = work[0], work[1], work[2], work[3], work[4]
    _, _, points, stack, words = nodes
    units, bits = work[6][0], work[6][1]
    if not has_room_for_one(stack[SIZE, depth], mode, out, counters):
        # before anything is asked, as the answers move the inner point
        return FULL
    undecided = examine(depth, bounded, work)
    at, count = stack[LIST, depth], stack[COUNT, depth]
    k = probe[4][DEEPEST]
    if undecided > 0 and strict:
        return DOUBT
    if count > 0 and not has_room(depth, 1, work):
        counters[WORK_FULL] = FULL_SCRATCH
        return FULL
    if count > 0 and not part(depth, k, bounded, work, points[depth + 1]):
        # the point across lies too near to some row: nothing is proven about these candidates
        if strict:
            return DOUBT
        undecided += count
        for i in range(count):
            if value_at(asked, listed[at + i], points[depth]) > 0.0:
                add_piece(words[depth], bit_position(rows[listed[at + i]], units, bits))
        count = 0
    if undecided > 0:
        counters[UNDECIDED] += undecided
        stack[UNCLEAN, depth] = 1
    if count == 0:
        return DONE if emit(depth, parent, mode, bounded, out, work, counters) else FULL
    if count == 1 and mode != KEEP:
        for _ in range(2):
            emit(depth, parent, mode, bounded, out, work, counters)
        return DONE
    divide(depth, k, work, counters)
    return CUT


@njit(**OPTIONS)
def gather(form, breakpoints, bounds, totals, bits, bounded, rounding, words, asked, rows, listed):
    """List the rows `form - breakpoint` that are not constant; -1 where one cannot be decided in floating point."""
    units, n = form.shape[1], form.shape[0] - 1
    count, hopeless = 0, 0
    for m in range(breakpoints.shape[0]):
        for u in range(units):
            if np.isinf(breakpoints[m, u]):
                continue  # stands for none
            asked[0, count] = form[0, u] - breakpoints[m, u]
            for j in range(1, n + 1):
                asked[j, count] = form[j, u]
            verdict = normalize(asked, count, totals[m, u], rounding)
            if not bounded and abs(verdict) == 1:
                # a constant whose slopes may be wrong has no sign far away
                for j in range(1, n + 1):
                    if bounds[j, m, u] > 0.0:
                        verdict = 2
            if verdict == 0:
                rows[count], listed[count] = m * units + u, count
                count += 1
            elif verdict == 1:
                add_piece(words, u * bits)
            elif verdict == 2:
                hopeless += 1
                if asked[0, count] > 0.0:
                    add_piece(words, u * bits)
    return count, hopeless


@njit(**OPTIONS)
def go_on(depth, c, strict, mode, bounded, out, work, counters, doubtful):
    """Take cell `c` from the node at `depth` to its end; False where the kernel has to return before."""
    before = work[7]
    while depth >= 0:
        if pauses(counters):
            pause(c, depth, counters)
            return False
        outcome = advance(depth, c, strict, mode, bounded, out, work, counters)
        depth = next_node(outcome, depth, c, mode, before, out, counters, doubtful)
    return depth == FINISHED


@njit(**OPTIONS)
def cut_by_sign(
    first, cells, forms, breakpoints, bounds, totals, numbers, rounding, doubtful, mode, out, work, counters
):
    """Cut cells `first`, `first + 1`, ... by the rows `form - breakpoint` until the output is full.

    `cells` is (offsets, floats, integers, points, form_of, dirty); `forms` has shape (batch, k + 1, units); `numbers`
    are the number of the first row, the bits of a unit, and whether |t| <= 1. Otherwise as for polygons.
    """
    first_row, bits, bounded = numbers
    nodes, asked, rows, listed = work[0], work[1], work[2], work[3]
    form_of, strict = cells[4], doubtful.shape[0] > 0
    work[6][0], work[6][1], work[6][2] = forms.shape[2], bits, first_row
    stack, before = nodes[3], work[7]
    resume, counters[RESUME] = counters[RESUME], 0
    for c in range(first, form_of.shape[0]):
        copy_numbers(counters, before)
        if c == first and resume > 0:
            if not go_on(resume - 1, c, strict, mode, bounded, out, work, counters, doubtful):
                return
            continue
        load_root(cells, c, nodes)
        stack[COUNT, 0], hopeless = gather(
            forms[form_of[c]], breakpoints, bounds, totals, bits, bounded, rounding, nodes[4][0], asked, rows, listed
        )
        if hopeless > 0:
            if strict:
                doubtful[c] = 1
                continue
            counters[UNDECIDED] += hopeless
            stack[UNCLEAN, 0] = 1
        if not go_on(0, c, strict, mode, bounded, out, work, counters, doubtful):
            return
    counters[CELLS_DONE] = form_of.shape[0]
