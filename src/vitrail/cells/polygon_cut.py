"""Compiled cutting of convex polygons by the units of one op, depth first, in preallocated memory."""

from __future__ import annotations

from numba import njit

from vitrail.cells.polygon_kernels import (
    _OPTIONS,
    bounding_box,
    copy_row,
    sign_changes,
    split,
    vertex_signs,
)

CELLS_DONE, CELLS_OUT, VERTICES_OUT, NEXT_CUT, UNDECIDED, DIRTY_OUT, WORK_FULL = range(7)
"""Positions in the vector of counters that a cutting kernel reads and updates; WORK_FULL: the work memory was too small."""


@njit(**_OPTIONS)
def emit(floats, integers, start, count, parent, words, dirty, keep, out, counters):
    """Append one finished cell to the output, or only add it to its parent's tally; False when the output is full."""
    out_floats, out_integers, out_offsets, out_parent, out_words, out_dirty = out
    n, v = counters[CELLS_OUT], counters[VERTICES_OUT]
    if keep:
        if n >= out_parent.shape[0] or v + count > out_floats.shape[0]:
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


@njit(**_OPTIONS)
def screen(form, breakpoints, bounds, box, centers, margins):
    """Value of every row at the center of the box, and by how much it exceeds what it can change inside (vectorised)."""
    x, y, half_x, half_y = box
    units = form.shape[1]
    for m in range(breakpoints.shape[0]):
        base = m * units
        for u in range(units):
            value = (form[0, u] - breakpoints[m, u]) + form[1, u] * x + form[2, u] * y
            centers[base + u] = value
            margins[base + u] = abs(value) - (abs(form[1, u]) * half_x + abs(form[2, u]) * half_y + bounds[m, u])


@njit(**_OPTIONS)
def classify(form, breakpoints, bounds, bits, centers, margins, words, candidates, rows):
    """Set the piece of the rows that the screening decided; gather the others; return how many there are."""
    units = form.shape[1]
    count = 0
    for m in range(breakpoints.shape[0]):
        base = m * units
        for u in range(units):
            if margins[base + u] > 0.0:
                position = u * bits
                words[position >> 6] += (1 if centers[base + u] > 0.0 else 0) << (position & 63)
            else:
                candidates[count, 0] = form[0, u] - breakpoints[m, u]
                candidates[count, 1] = form[1, u]
                candidates[count, 2] = form[2, u]
                candidates[count, 3] = bounds[m, u]
                rows[count] = u
                count += 1
    return count


@njit(**_OPTIONS)
def rescreen(candidates, rows, bits, box, words, listed, start, count, target):
    """Screen the listed candidates on a smaller cell; copy the undecided ones to `target`; return how many there are."""
    x, y, half_x, half_y = box
    kept = 0
    for s in range(start, start + count):
        k = listed[s]
        value = candidates[k, 0] + candidates[k, 1] * x + candidates[k, 2] * y
        radius = abs(candidates[k, 1]) * half_x + abs(candidates[k, 2]) * half_y + candidates[k, 3]
        if value > radius:
            position = rows[k] * bits
            words[position >> 6] += 1 << (position & 63)
        elif value >= -radius:
            listed[target + kept] = k
            kept += 1
    return kept


@njit(**_OPTIONS)
def cut_by_sign(first, cells, forms, breakpoints, bounds, first_unit, bits, keep, out, work, counters):
    """Cut cells `first`, `first + 1`, ... by the rows `form - breakpoint` until the output is full.

    `cells` is (offsets, floats, integers, form_of, dirty); `forms` has shape (batch, 3, units). A cell whose children do not
    fit is left for the next call: `counters[CELLS_DONE]` says where to go on.
    """
    offsets, floats, integers, form_of, dirty = cells
    stack_floats, stack_integers, scratch_floats, scratch_integers, signs, stack, stack_words, listed, reals = work
    centers, margins, candidates = reals
    rows = stack[3]
    words = stack_words[stack_words.shape[0] - 1]
    for c in range(first, offsets.shape[0] - 1):
        restart = (counters[CELLS_OUT], counters[VERTICES_OUT], counters[NEXT_CUT], counters[UNDECIDED], counters[DIRTY_OUT])
        form = forms[form_of[c]]
        start, size = 0, offsets[c + 1] - offsets[c]
        for i in range(size):
            copy_row(floats, integers, offsets[c] + i, stack_floats, stack_integers, i)
        words[:] = 0
        box = bounding_box(stack_floats, 0, size)
        screen(form, breakpoints, bounds, box, centers, margins)
        open_count = classify(form, breakpoints, bounds, bits, centers, margins, words, candidates, rows)
        for k in range(open_count):
            listed[k] = k
        list_start, unclean, depth = 0, dirty[c], 0
        full = False
        while True:
            # at this point the cell at `start` has the candidates listed[list_start : list_start + open_count]
            while open_count > 0:
                k = listed[list_start]
                list_start += 1
                open_count -= 1
                c0, c1, c2, bound = candidates[k, 0], candidates[k, 1], candidates[k, 2], candidates[k, 3]
                positive, negative, undecided = vertex_signs(stack_floats, start, size, c0, c1, c2, bound, signs)
                if undecided:
                    counters[UNDECIDED] += 1
                    unclean = 1
                position = rows[k] * bits
                if positive and negative and sign_changes(signs, size) == 2:
                    if (
                        start + size + 4 > stack_floats.shape[0]
                        or size + 4 > scratch_floats.shape[0]
                        or list_start + 2 * open_count > listed.shape[0]
                        or depth + 1 >= stack.shape[1]
                    ):
                        counters[WORK_FULL] = 1
                        full = True
                        break
                    cut = counters[NEXT_CUT]
                    counters[NEXT_CUT] = cut + 1
                    source = first_unit + rows[k]
                    a_size, b_size = split(stack_floats, stack_integers, start, size, c0, c1, c2, bound, source, cut,
                                           signs, scratch_floats, scratch_integers)  # fmt: skip
                    if open_count == 0:
                        full = not emit(scratch_floats, scratch_integers, a_size, b_size, c, words, unclean, keep, out, counters)
                        words[position >> 6] += 1 << (position & 63)
                        full = full or not emit(scratch_floats, scratch_integers, 0, a_size, c, words, unclean, keep, out, counters)
                        size = 0
                        break
                    for i in range(b_size):
                        copy_row(scratch_floats, scratch_integers, a_size + i, stack_floats, stack_integers, start + i)
                    for i in range(a_size):
                        copy_row(scratch_floats, scratch_integers, i, stack_floats, stack_integers, start + b_size + i)
                    stack[0, depth], stack[1, depth] = start, b_size
                    stack[2, depth], stack[4, depth], stack[5, depth] = list_start, open_count, unclean
                    for w in range(words.shape[0]):
                        stack_words[depth, w] = words[w]
                    depth += 1
                    start, size = start + b_size, a_size
                    words[position >> 6] += 1 << (position & 63)
                    target = list_start + open_count
                    box = bounding_box(stack_floats, start, size)
                    open_count = rescreen(candidates, rows, bits, box, words, listed, list_start, open_count, target)
                    list_start = target
                elif positive:
                    words[position >> 6] += 1 << (position & 63)
            if full:
                break
            if size > 0 and not emit(stack_floats, stack_integers, start, size, c, words, unclean, keep, out, counters):
                full = True
                break
            if depth == 0:
                break
            depth -= 1
            start, size = stack[0, depth], stack[1, depth]
            list_start, open_count, unclean = stack[2, depth], stack[4, depth], stack[5, depth]
            for w in range(words.shape[0]):
                words[w] = stack_words[depth, w]
            target = list_start + open_count
            box = bounding_box(stack_floats, start, size)
            open_count = rescreen(candidates, rows, bits, box, words, listed, list_start, open_count, target)
            list_start = target
        if full:
            counters[CELLS_OUT], counters[VERTICES_OUT], counters[NEXT_CUT] = restart[0], restart[1], restart[2]
            counters[UNDECIDED], counters[DIRTY_OUT] = restart[3], restart[4]
            counters[CELLS_DONE] = c
            return
    counters[CELLS_DONE] = offsets.shape[0] - 1
