"""Compiled cutting of convex polygons by the units of one op, depth first, in preallocated memory."""

from __future__ import annotations

import numpy as np
from numba import njit

from vitrail.cells.cutting import (
    CELLS_DONE,
    CELLS_OUT,
    COUNT,
    DIRTY_OUT,
    FULL_OUTPUT,
    FULL_SCRATCH,
    KEEP,
    MOST,
    NEXT_CUT,
    RESUME,
    UNDECIDED,
    VERTICES_OUT,
    WORK_FULL,
)
from vitrail.cells.polygon_kernels import (
    OPTIONS,
    bounding_box,
    copy_numbers,
    copy_row,
    sign_changes,
    split,
    vertex_signs,
)
from vitrail.cells.screening import pack_octet, padded
from vitrail.numerics.filters import SMALLEST

START, SIZE, LIST, OPEN, UNCLEAN, ROWS, FOUND, WON = range(8)
"""Rows of the stack: a node's first vertex and size, its list of candidates, its dirt; and scratch rows of the op."""

CUT, DONE, FULL, DOUBT = range(4)
"""What becomes of a node."""

FINISHED, LEFT = -1, -2
"""No node of a cell is left, or some are but the kernel has to return."""


@njit(**OPTIONS)
def emit(floats, integers, start, count, parent, words, dirty, mode, out, counters):
    """Append a finished cell to the output, or only add it to its parent's tally; False when the output is full."""
    out_floats, out_integers, out_offsets, out_parent, out_words, out_dirty = out
    n, v = counters[CELLS_OUT], counters[VERTICES_OUT]
    if mode == KEEP:
        if n >= out_parent.shape[0] or v + count > out_floats.shape[0]:
            counters[WORK_FULL] = FULL_OUTPUT
            return False
        for i in range(count):
            copy_row(floats, integers, start + i, out_floats, out_integers, v + i)
        for w in range(words.shape[0]):
            out_words[n, w] = words[w]
        out_parent[n] = parent
        out_dirty[n] = dirty
        out_offsets[n + 1] = v + count
        counters[VERTICES_OUT] = v + count
    else:
        out_parent[parent] += 1
        out_dirty[parent] += dirty
    counters[CELLS_OUT] = n + 1
    counters[DIRTY_OUT] += dirty
    return True


@njit(**OPTIONS)
def screen(form, breakpoints, totals, box, positive, unsure):
    """Per row, whether it is positive at the center of the box, and whether its sign may change inside (vectorised).

    `positive` and `unsure` hold a byte per row; each breakpoint starts at a multiple of 64.
    """
    x, y, half_x, half_y = box
    units = form.shape[1]
    for m in range(breakpoints.shape[0]):
        base = m * padded(units)
        for u in range(units):
            value = (form[0, u] - breakpoints[m, u]) + form[1, u] * x + form[2, u] * y
            reach = abs(form[1, u]) * half_x + abs(form[2, u]) * half_y + totals[m, u] + SMALLEST
            positive[base + u] = value > 0.0
            unsure[base + u] = not abs(value) > reach


@njit(**OPTIONS)
def classify(form, breakpoints, bounds, totals, bits, flags, words, candidates, rows):
    """Set the piece of the rows that the screening decided; gather the others; return how many there are.

    A candidate is (c0, c1, c2, bound over |x|, |y| <= 1, b0, b1, b2), its row breakpoint * units + unit.

    `flags` are the bytes that `screen` wrote, seen as words: eight rows at a time, since few are unsure.
    """
    positive, unsure, positive_octets, unsure_octets = flags
    units = form.shape[1]
    count = 0
    for m in range(breakpoints.shape[0]):
        base = m * padded(units)
        for octet in range((units + 7) // 8):
            at = base // 8 + octet
            sure = unsure_octets[at] == 0
            if sure and bits == 1:
                words[octet >> 3] += pack_octet(positive_octets[at]) << (8 * (octet & 7))
                continue
            for u in range(8 * octet, min(8 * octet + 8, units)):
                if not unsure[base + u]:
                    position = u * bits
                    words[position >> 6] += np.int64(positive[base + u]) << (position & 63)
                else:
                    candidates[count, 0] = form[0, u] - breakpoints[m, u]
                    candidates[count, 1] = form[1, u]
                    candidates[count, 2] = form[2, u]
                    candidates[count, 3] = totals[m, u]
                    for i in range(3):
                        candidates[count, 4 + i] = bounds[i, m, u]
                    rows[count] = m * units + u
                    count += 1
    return count


@njit(**OPTIONS)
def bit_position(row, units, bits):
    """Where the piece of the row's unit lies among the packed pieces."""
    while row >= units:
        row -= units
    return row * bits


@njit(**OPTIONS)
def rescreen(candidates, rows, units, bits, box, words, listed, start, count, target):
    """Screen the listed candidates on a smaller cell; copy the undecided ones to `target`; return their number."""
    x, y, half_x, half_y = box
    kept = 0
    for s in range(start, start + count):
        k = listed[s]
        value = candidates[k, 0] + candidates[k, 1] * x + candidates[k, 2] * y
        radius = abs(candidates[k, 1]) * half_x + abs(candidates[k, 2]) * half_y + candidates[k, 3] + SMALLEST
        if value > radius:
            position = bit_position(rows[k], units, bits)
            words[position >> 6] += 1 << (position & 63)
        elif not value < -radius:
            listed[target + kept] = k
            kept += 1
    return kept


@njit(**OPTIONS)
def next_node(outcome, depth, c, mode, before, out, counters, doubtful):
    """The node of cell `c` to go on with after what became of the one at `depth`; FINISHED, or LEFT for the next call.

    An undecided sign takes back what was made of the cell. A cell that does not fit is left where it is, or as a whole.
    """
    if outcome == DOUBT:
        forget(c, mode, before, out, counters)
        doubtful[c] = 1
        return FINISHED
    if outcome == FULL:
        if counters[MOST] > 0 and counters[WORK_FULL] == FULL_OUTPUT:
            pause(c, depth, counters)
        else:
            give_up(c, before, counters)
        return LEFT
    return depth + 1 if outcome == CUT else depth - 1


@njit(**OPTIONS)
def has_room_for_two(vertices, mode, out, counters):
    """Whether two more cells with so many vertices together fit into the output."""
    n, v = counters[CELLS_OUT], counters[VERTICES_OUT]
    fits = mode != KEEP or (n + 2 <= out[3].shape[0] and v + vertices <= out[0].shape[0])
    if not fits:
        counters[WORK_FULL] = FULL_OUTPUT
    return fits


@njit(**OPTIONS)
def push(depth, a_size, b_size, position, work):
    """Put the negative part of the node on top of the stack in its place, and the positive part above it."""
    stack_floats, stack_integers, scratch_floats, scratch_integers, _, stack, stack_words, _, _, _ = work
    start = stack[START, depth]
    for i in range(b_size):
        copy_row(scratch_floats, scratch_integers, a_size + i, stack_floats, stack_integers, start + i)
    for i in range(a_size):
        copy_row(scratch_floats, scratch_integers, i, stack_floats, stack_integers, start + b_size + i)
    copy_numbers(stack_words[depth], stack_words[depth + 1])
    stack_words[depth + 1, position >> 6] += 1 << (position & 63)
    stack[START, depth + 1], stack[SIZE, depth + 1], stack[SIZE, depth] = start + b_size, a_size, b_size
    stack[UNCLEAN, depth + 1] = stack[UNCLEAN, depth]


@njit(**OPTIONS)
def advance(depth, parent, candidates, rows, numbers, strict, mode, out, work, counters):
    """Take the node on top of the stack through its candidates: finish it, or cut it in two.

    `numbers` are the units, the bits of each and the number of the first row. An undecided sign ends it if `strict`.
    Cut, its negative part stays at `depth` and its positive part comes on top, each screened against what is left.
    """
    stack_floats, stack_integers, scratch_floats, scratch_integers, signs, stack, stack_words, listed, _, _ = work
    units, bits, first_row = numbers
    words = stack_words[depth]
    start, size = stack[START, depth], stack[SIZE, depth]
    at, end = stack[LIST, depth], stack[LIST, depth] + stack[OPEN, depth]
    while at < end:
        k = listed[at]
        at += 1
        c0, c1, c2, bound = candidates[k, 0], candidates[k, 1], candidates[k, 2], candidates[k, 3]
        b0, b1, b2 = candidates[k, 4], candidates[k, 5], candidates[k, 6]
        positive, negative, undecided = vertex_signs(stack_floats, start, size, c0, c1, c2, b0, b1, b2, signs)
        if undecided and strict:
            return DOUBT
        if undecided:
            counters[UNDECIDED], stack[UNCLEAN, depth] = counters[UNDECIDED] + 1, 1
        position = bit_position(rows[k], units, bits)
        if not (positive and negative and sign_changes(signs, size) == 2):
            if positive:
                words[position >> 6] += 1 << (position & 63)
            continue
        room = min(stack_floats.shape[0] - start, scratch_floats.shape[0])
        if size + 4 > room or end + (end - at) > listed.shape[0] or depth + 1 >= stack.shape[1]:
            counters[WORK_FULL] = FULL_SCRATCH
            return FULL
        if at == end and mode == COUNT:
            # two more cells to count, and nobody asks for their shape
            counters[CELLS_OUT] += 2
            counters[DIRTY_OUT] += 2 * stack[UNCLEAN, depth]
            out[3][parent] += 2
            out[5][parent] += 2 * stack[UNCLEAN, depth]
            return DONE
        if at == end and not has_room_for_two(size + 4, mode, out, counters):
            # the node stays as it is, to go on with this candidate
            stack[LIST, depth], stack[OPEN, depth] = at - 1, 1
            counters[UNDECIDED] -= undecided
            return FULL
        source, cut, counters[NEXT_CUT] = first_row + rows[k], counters[NEXT_CUT], counters[NEXT_CUT] + 1
        a_size, b_size = split(stack_floats, stack_integers, start, size, c0, c1, c2, bound, source, cut,
                               signs, scratch_floats, scratch_integers)  # fmt: skip
        if at == end:
            # no candidate is left: both parts are finished and go out without a detour over the stack
            dirty = stack[UNCLEAN, depth]
            emit(scratch_floats, scratch_integers, a_size, b_size, parent, words, dirty, mode, out, counters)
            words[position >> 6] += 1 << (position & 63)
            emit(scratch_floats, scratch_integers, 0, a_size, parent, words, dirty, mode, out, counters)
            return DONE
        push(depth, a_size, b_size, position, work)
        stack[LIST, depth + 1], stack[LIST, depth] = end, at
        box = bounding_box(stack_floats, start + b_size, a_size)
        upper = stack_words[depth + 1]
        stack[OPEN, depth + 1] = rescreen(candidates, rows, units, bits, box, upper, listed, at, end - at, end)
        box = bounding_box(stack_floats, start, b_size)
        stack[OPEN, depth] = rescreen(candidates, rows, units, bits, box, words, listed, at, end - at, at)
        return CUT
    stack[LIST, depth], stack[OPEN, depth] = end, 0
    fits = emit(stack_floats, stack_integers, start, size, parent, words, stack[UNCLEAN, depth], mode, out, counters)
    return DONE if fits else FULL


@njit(**OPTIONS)
def clear(words):
    """No piece is set."""
    for w in range(words.shape[0]):
        words[w] = 0


@njit(**OPTIONS)
def count_whole(c, dirty, out, counters):
    """Count a cell that no unit cuts."""
    counters[CELLS_OUT] += 1
    counters[DIRTY_OUT] += dirty
    out[3][c] += 1
    out[5][c] += dirty


@njit(**OPTIONS)
def forget(c, mode, before, out, counters):
    """Take back the children of a cell that is left to exact arithmetic."""
    copy_numbers(before, counters)
    if mode != KEEP:
        out[3][c], out[5][c] = 0, 0


@njit(**OPTIONS)
def give_up(c, before, counters):
    """Leave a cell for the next call, which has more room."""
    need = counters[WORK_FULL]
    copy_numbers(before, counters)
    counters[WORK_FULL], counters[CELLS_DONE] = need, c


@njit(**OPTIONS)
def pause(c, depth, counters):
    """Go on with cell `c` at the node on top of the stack the next time."""
    counters[CELLS_DONE], counters[RESUME] = c, depth + 1


@njit(**OPTIONS)
def pauses(counters):
    """Whether so many cells were made that it is time for a pause."""
    return counters[MOST] > 0 and counters[CELLS_OUT] >= counters[MOST]


@njit(**OPTIONS)
def load_root(cells, c, work):
    """Put cell `c` at the bottom of the stack."""
    offsets, floats, integers, _, dirty = cells
    stack_floats, stack_integers, stack = work[0], work[1], work[5]
    size = offsets[c + 1] - offsets[c]
    for i in range(size):
        copy_row(floats, integers, offsets[c] + i, stack_floats, stack_integers, i)
    stack[START, 0], stack[SIZE, 0], stack[LIST, 0], stack[OPEN, 0], stack[UNCLEAN, 0] = 0, size, 0, 0, dirty[c]


@njit(**OPTIONS)
def go_on(depth, c, candidates, rows, numbers, strict, mode, out, work, counters, doubtful):
    """Take cell `c` from the node at `depth` to its end; False where the kernel has to return before."""
    before = work[9]
    while depth >= 0:
        if pauses(counters):
            pause(c, depth, counters)
            return False
        outcome = advance(depth, c, candidates, rows, numbers, strict, mode, out, work, counters)
        depth = next_node(outcome, depth, c, mode, before, out, counters, doubtful)
    return depth == FINISHED


@njit(**OPTIONS)
def cut_by_sign(first, cells, forms, breakpoints, bounds, totals, first_row, bits, doubtful, mode, out, work, counters):
    """Cut cells `first`, `first + 1`, ... by the rows `form - breakpoint` until the output is full or a pause is due.

    `cells` is (offsets, floats, integers, form_of, dirty); `forms` has shape (batch, 3, units). A cell whose children
    do not fit is left for the next call: `counters[CELLS_DONE]` says where to go on. If `doubtful` has a place per
    cell, a cell with an undecided sign is marked there and has no children.
    """
    form_of = cells[3]
    numbers = (forms.shape[2], bits, first_row)
    strict = doubtful.shape[0] > 0
    stack, listed = work[5], work[7]
    flags, candidates = work[8]
    rows = stack[ROWS]
    before = work[9]
    resume, counters[RESUME] = counters[RESUME], 0
    for c in range(first, form_of.shape[0]):
        copy_numbers(counters, before)
        if c == first and resume > 0:
            if not go_on(resume - 1, c, candidates, rows, numbers, strict, mode, out, work, counters, doubtful):
                return
            continue
        form = forms[form_of[c]]
        box = bounding_box(cells[1], cells[0][c], cells[0][c + 1] - cells[0][c])
        screen(form, breakpoints, totals, box, flags[0], flags[1])
        clear(work[6][0])
        count = classify(form, breakpoints, bounds, totals, bits, flags, work[6][0], candidates, rows)
        if count == 0 and mode != KEEP:
            count_whole(c, cells[4][c], out, counters)
            continue
        load_root(cells, c, work)
        for k in range(count):
            listed[k] = k
        stack[OPEN, 0] = count
        if not go_on(0, c, candidates, rows, numbers, strict, mode, out, work, counters, doubtful):
            return
    counters[CELLS_DONE] = form_of.shape[0]
