"""Compiled cutting of convex polytopes by the units of one op, depth first, in preallocated memory."""

from __future__ import annotations

from numba import njit

from vitrail.cells.bits import lowest_bit, popcount
from vitrail.cells.cutting import (
    CELLS_DONE,
    CELLS_OUT,
    COUNT,
    DIRTY_OUT,
    FACETS_OUT,
    FULL_BITS,
    FULL_OUTPUT,
    FULL_SCRATCH,
    KEEP,
    NEXT_CUT,
    RESUME,
    UNDECIDED,
    VERTICES_OUT,
    WORK_FULL,
)
from vitrail.cells.polygon_cut import (
    CUT,
    DONE,
    DOUBT,
    FINISHED,
    FULL,
    LIST,
    OPEN,
    ROWS,
    SIZE,
    START,
    UNCLEAN,
    bit_position,
    clear,
    count_whole,
    give_up,
    next_node,
    pause,
    pauses,
)
from vitrail.cells.polygon_kernels import OPTIONS, copy_numbers
from vitrail.cells.polytope_kernels import (
    bounding_box,
    compact,
    copy_vertex,
    cross,
    gather,
    used_facets,
    vertex_signs,
)
from vitrail.cells.polytope_screening import classify, rescreen, screen

TOP = 8
"""One more row of the stack: the first free row of the arena of facets."""

STACK_ROWS = 9


@njit(**OPTIONS)
def finish(parts, depth, count, parent, words, dirty, out, work, counters):
    """Make the vertices written behind the output a cell of it: number its facets and write them; False when full."""
    _, out_bits, out_offsets, out_parent, out_words, out_dirty = out[:6]
    facet_offsets, facet_floats, facet_integers = out[6:9]
    slots, arena_floats, arena_integers, used = work[2], work[3], work[4], work[10]
    n, v, f = counters[CELLS_OUT], counters[VERTICES_OUT], counters[FACETS_OUT]
    used_facets(parts, out_bits, v, count, used)
    facets = compact(parts, out_bits, v, count, used)
    if f + facets > facet_floats.shape[0]:
        counters[WORK_FULL] = FULL_OUTPUT
        return False
    at = f
    for w in range(len(parts)):
        rest = used[w]
        while rest != 0:
            row = slots[depth, 64 * w + lowest_bit(rest)]
            for i in range(facet_floats.shape[1]):
                facet_floats[at, i] = arena_floats[row, i]
            facet_integers[at, 0], facet_integers[at, 1] = arena_integers[row, 0], arena_integers[row, 1]
            rest &= rest - 1
            at += 1
    for w in range(words.shape[0]):
        out_words[n, w] = words[w]
    out_parent[n], out_dirty[n], out_offsets[n + 1], facet_offsets[n + 1] = parent, dirty, v + count, at
    counters[CELLS_OUT], counters[VERTICES_OUT], counters[FACETS_OUT] = n + 1, v + count, at
    counters[DIRTY_OUT] += dirty
    return True


@njit(**OPTIONS)
def emit(axes, parts, depth, parent, words, mode, out, work, counters):
    """Append the node on top of the stack to the output, or only count it; False when the output is full."""
    floats, bits, stack = work[0], work[1], work[7]
    start, count, dirty = stack[START, depth], stack[SIZE, depth], stack[UNCLEAN, depth]
    if mode != KEEP:
        count_whole(parent, dirty, out, counters)
        return True
    v = counters[VERTICES_OUT]
    if counters[CELLS_OUT] >= out[3].shape[0] or v + count > out[0].shape[0]:
        counters[WORK_FULL] = FULL_OUTPUT
        return False
    for i in range(count):
        copy_vertex(axes, parts, floats, bits, start + i, out[0], out[1], v + i)
    return finish(parts, depth, count, parent, words, dirty, out, work, counters)


@njit(**OPTIONS)
def emit_part(axes, parts, depth, side, made, slot, parent, words, out, work, counters):
    """Append one side of the node that is being cut to the output, which has room for it."""
    stack, scratch = work[7], work[6]
    start, count = stack[START, depth], stack[SIZE, depth]
    n = gather(axes, parts, (work[0], work[1]), start, count, scratch[0], side, scratch[3], scratch[4], made, slot,
               out[0], out[1], counters[VERTICES_OUT])  # fmt: skip
    finish(parts, depth, n, parent, words, stack[UNCLEAN, depth], out, work, counters)


@njit(**OPTIONS)
def has_room_for_two(parts, size, made, mode, out, used, counters):
    """Whether both sides of a cut fit into the output; `used` are the facets of what is cut."""
    facets = 0
    for w in range(len(parts)):
        facets += popcount(used[w])
    fits = mode != KEEP or (
        counters[CELLS_OUT] + 2 <= out[3].shape[0]
        and counters[VERTICES_OUT] + 2 * (size + made) <= out[0].shape[0]
        and counters[FACETS_OUT] + 2 * (facets + 1) <= out[7].shape[0]
    )
    if not fits:
        counters[WORK_FULL] = FULL_OUTPUT
    return fits


@njit(**OPTIONS)
def free_slot(axes, parts, bits, start, count, used):
    """A bit that no facet of the cell has, -1 if there is none."""
    used_facets(parts, bits, start, count, used)
    for w in range(len(parts)):
        if used[w] != -1:
            return 64 * w + lowest_bit(~used[w])
    return -1


@njit(**OPTIONS)
def add_facet(axes, row, source, cut, slots, slot, top, arena_floats, arena_integers):
    """Write a candidate as facet `top` of the arena and let the slot stand for it."""
    for i in range(len(axes) + 2):
        arena_floats[top, i] = row[i]
    arena_integers[top, 0], arena_integers[top, 1] = source, cut
    slots[slot] = top


@njit(**OPTIONS)
def finish_both(axes, parts, depth, made, slot, row, origin, position, parent, mode, out, work, counters):
    """Append both sides of the node that is being cut to the output, which has room for them, or count them."""
    slots, arena_floats, arena_integers, stack, words = work[2][depth], work[3], work[4], work[7], work[8][depth]
    if mode != KEEP:
        count_whole(parent, stack[UNCLEAN, depth], out, counters)
        count_whole(parent, stack[UNCLEAN, depth], out, counters)
        return
    source, cut = origin
    add_facet(axes, row, source, 2 * cut + 1, slots, slot, stack[TOP, depth], arena_floats, arena_integers)
    emit_part(axes, parts, depth, -1, made, slot, parent, words, out, work, counters)
    add_facet(axes, row, source, 2 * cut, slots, slot, stack[TOP, depth], arena_floats, arena_integers)
    words[position >> 6] += 1 << (position & 63)
    emit_part(axes, parts, depth, 1, made, slot, parent, words, out, work, counters)


@njit(**OPTIONS)
def push(axes, parts, depth, made, slot, above, row, origin, position, work):
    """Put the negative part of the node on top of the stack in its place, and the positive part above it."""
    floats, bits, slots, arena_floats, arena_integers, _, scratch, stack, stack_words = work[:9]
    start, size, top = stack[START, depth], stack[SIZE, depth], stack[TOP, depth]
    source, cut = origin
    stack[SIZE, depth + 1] = gather(axes, parts, (floats, bits), start, size, scratch[0], 1, scratch[3], scratch[4],
                                    made, slot, floats, bits, above)  # fmt: skip
    stack[SIZE, depth] = gather(axes, parts, (floats, bits), start, size, scratch[0], -1, scratch[3], scratch[4],
                                made, slot, floats, bits, start)  # fmt: skip
    copy_numbers(slots[depth], slots[depth + 1])
    add_facet(axes, row, source, 2 * cut + 1, slots[depth], slot, top, arena_floats, arena_integers)
    add_facet(axes, row, source, 2 * cut, slots[depth + 1], slot, top + 1, arena_floats, arena_integers)
    copy_numbers(stack_words[depth], stack_words[depth + 1])
    stack_words[depth + 1, position >> 6] += 1 << (position & 63)
    stack[START, depth + 1], stack[UNCLEAN, depth + 1] = above, stack[UNCLEAN, depth]
    stack[TOP, depth], stack[TOP, depth + 1] = top + 2, top + 2


@njit(**OPTIONS)
def advance(axes, parts, depth, parent, candidates, rows, numbers, strict, mode, rounding, out, work, counters):
    """Take the node on top of the stack through its candidates: finish it, or cut it in two.

    `numbers` are the units, the bits of each and the number of the first row. An undecided sign ends it if `strict`.
    Cut, its negative part stays at `depth` and its positive part comes on top, each screened against what is left.
    """
    floats, bits_of, slots, arena_floats, _, box, scratch, stack, stack_words, listed, used = work[:11]
    units, bits, first_row = numbers
    words = stack_words[depth]
    start, size = stack[START, depth], stack[SIZE, depth]
    at, end = stack[LIST, depth], stack[LIST, depth] + stack[OPEN, depth]
    while at < end:
        row = listed[at]
        at += 1
        positive, negative, undecided = vertex_signs(axes, floats, start, size, candidates[row], scratch[0], scratch[1])
        if undecided and strict:
            return DOUBT
        if undecided:
            counters[UNDECIDED], stack[UNCLEAN, depth] = counters[UNDECIDED] + 1, 1
        position = bit_position(rows[row], units, bits)
        if positive == 0 or negative == 0:
            if positive:
                words[position >> 6] += 1 << (position & 63)
            continue
        if at == end and mode == COUNT:
            # two more cells to count, and nobody asks for their shape
            counters[CELLS_OUT] += 2
            counters[DIRTY_OUT] += 2 * stack[UNCLEAN, depth]
            out[3][parent] += 2
            out[5][parent] += 2 * stack[UNCLEAN, depth]
            return DONE
        slot = free_slot(axes, parts, bits_of, start, size, used)
        made, top = -1, stack[TOP, depth]
        if slot >= 0 and top + 2 <= arena_floats.shape[0]:
            made = cross(axes, parts, (floats, bits_of), start, size, slots[depth], arena_floats, candidates[row],
                         rounding, scratch)  # fmt: skip
        above = start + max(size, size - positive + made)
        if made < 0 or above + size + made > floats.shape[0] or end + (end - at) > listed.shape[0] \
                or depth + 1 >= stack.shape[1]:  # fmt: skip
            counters[WORK_FULL] = FULL_BITS if slot < 0 else FULL_SCRATCH
            return FULL
        if at == end and not has_room_for_two(parts, size, made, mode, out, used, counters):
            # the node stays as it is, to go on with this candidate
            stack[LIST, depth], stack[OPEN, depth] = at - 1, 1
            counters[UNDECIDED] -= undecided
            return FULL
        source, cut, counters[NEXT_CUT] = first_row + rows[row], counters[NEXT_CUT], counters[NEXT_CUT] + 1
        if at == end:
            # no candidate is left: both parts are finished and go out without a detour over the stack
            finish_both(axes, parts, depth, made, slot, candidates[row], (source, cut), position, parent, mode, out,
                        work, counters)  # fmt: skip
            return DONE
        push(axes, parts, depth, made, slot, above, candidates[row], (source, cut), position, work)
        stack[LIST, depth + 1], stack[LIST, depth] = end, at
        bounding_box(axes, floats, above, stack[SIZE, depth + 1], rounding, box)
        stack[OPEN, depth + 1] = rescreen(
            axes, candidates, rows, units, bits, box, stack_words[depth + 1], listed, at, end - at, end
        )
        bounding_box(axes, floats, start, stack[SIZE, depth], rounding, box)
        stack[OPEN, depth] = rescreen(axes, candidates, rows, units, bits, box, words, listed, at, end - at, at)
        return CUT
    stack[LIST, depth], stack[OPEN, depth] = end, 0
    return DONE if emit(axes, parts, depth, parent, words, mode, out, work, counters) else FULL


@njit(**OPTIONS)
def load_root(axes, parts, cells, c, work):
    """Put cell `c` at the bottom of the stack; False where the work memory is too small."""
    offsets, cell_floats, cell_bits, _, dirty, facet_offsets, facet_floats, facet_integers = cells
    floats, bits, slots, arena_floats, arena_integers, stack = work[0], work[1], work[2], work[3], work[4], work[7]
    size, facets = offsets[c + 1] - offsets[c], facet_offsets[c + 1] - facet_offsets[c]
    if size > floats.shape[0] or facets > min(arena_floats.shape[0], slots.shape[1]):
        return False
    for i in range(size):
        for f in range(len(axes) + 1):
            floats[i, f] = cell_floats[offsets[c] + i, f]
        for w in range(len(parts)):
            bits[i, w] = cell_bits[offsets[c] + i, w] if w < cell_bits.shape[1] else 0
    for i in range(facets):
        for f in range(len(axes) + 2):
            arena_floats[i, f] = facet_floats[facet_offsets[c] + i, f]
        for f in range(2):
            arena_integers[i, f] = facet_integers[facet_offsets[c] + i, f]
        slots[0, i] = i
    stack[START, 0], stack[SIZE, 0], stack[LIST, 0], stack[OPEN, 0], stack[UNCLEAN, 0] = 0, size, 0, 0, dirty[c]
    stack[TOP, 0] = facets
    return True


@njit(**OPTIONS)
def go_on(axes, parts, depth, c, candidates, rows, numbers, mode, rounding, out, work, counters, doubtful):
    """Take cell `c` from the node at `depth` to its end; False where the kernel has to return before."""
    before = work[13]
    while depth >= 0:
        if pauses(counters):
            pause(c, depth, counters)
            return False
        outcome = advance(axes, parts, depth, c, candidates, rows, numbers, doubtful.shape[0] > 0, mode, rounding, out,
                          work, counters)  # fmt: skip
        depth = next_node(outcome, depth, c, mode, before, out, counters, doubtful)
    return depth == FINISHED


@njit(**OPTIONS)
def cut_by_sign(
    axes, parts, first, cells, forms, breakpoints, bounds, totals, first_row, bits, doubtful, mode, rounding, out, work,
    counters,
):  # fmt: skip
    """Cut cells `first`, `first + 1`, ... by the rows `form - breakpoint` until the output is full or a pause is due.

    `cells` is (offsets, floats, bits, form_of, dirty, facet offsets, facet floats, facet integers); `forms` has shape
    (batch, k + 1, units). A cell whose children do not fit is left for the next call: `counters[CELLS_DONE]` says where
    to go on. If `doubtful` has a place per cell, a cell with an undecided sign is marked there and has no children.
    """
    form_of = cells[3]
    numbers = (forms.shape[2], bits, first_row)
    box, stack, stack_words, listed = work[5], work[7], work[8], work[9]
    flags, candidates, before = work[11], work[12], work[13]
    rows = stack[ROWS]
    resume, counters[RESUME] = counters[RESUME], 0
    for c in range(first, form_of.shape[0]):
        copy_numbers(counters, before)
        if c != first or resume == 0:
            form = forms[form_of[c]]
            bounding_box(axes, cells[1], cells[0][c], cells[0][c + 1] - cells[0][c], rounding, box)
            screen(axes, form, breakpoints, totals, box, flags[0], flags[1])
            clear(stack_words[0])
            count = classify(axes, form, breakpoints, bounds, totals, bits, flags, stack_words[0], candidates, rows)
            if count == 0 and mode != KEEP:
                count_whole(c, cells[4][c], out, counters)
                continue
            if not load_root(axes, parts, cells, c, work):
                counters[WORK_FULL] = FULL_SCRATCH
                give_up(c, before, counters)
                return
            for k in range(count):
                listed[k] = k
            stack[OPEN, 0] = count
        depth = resume - 1 if c == first and resume > 0 else 0
        if not go_on(axes, parts, depth, c, candidates, rows, numbers, mode, rounding, out, work, counters, doubtful):
            return
    counters[CELLS_DONE] = form_of.shape[0]
