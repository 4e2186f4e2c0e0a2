"""Compiled cutting of convex polygons by the winner of each group of a maximum: one part per winner, never nested pairs."""

from __future__ import annotations

from numba import njit

from vitrail.cells.polygon_cut import CELLS_DONE, CELLS_OUT, DIRTY_OUT, NEXT_CUT, UNDECIDED, VERTICES_OUT, WORK_FULL, emit
from vitrail.cells.polygon_kernels import _OPTIONS, bounding_box, copy_row, keep_side, vertex_signs


@njit(**_OPTIONS)
def contenders(form, group, bounds, box, found):
    """Write the candidates that may win somewhere in the box to `found`, best at the center first; return their number."""
    x, y, half_x, half_y = box
    best, best_value = -1, 0.0
    for k in range(group.shape[0]):
        u = group[k]
        if u >= 0:
            value = form[0, u] + form[1, u] * x + form[2, u] * y
            if best < 0 or value > best_value:
                best, best_value = k, value
    found[0] = best
    count = 1
    b = group[best]
    for k in range(group.shape[0]):
        u = group[k]
        if u >= 0 and k != best and u != b:
            gap = (form[0, b] - form[0, u]) + (form[1, b] - form[1, u]) * x + (form[2, b] - form[2, u]) * y
            reach = abs(form[1, b] - form[1, u]) * half_x + abs(form[2, b] - form[2, u]) * half_y
            if gap <= reach + bounds[b] + bounds[u]:
                found[count] = k
                count += 1
    return count


@njit(**_OPTIONS)
def win_part(form, group, bounds, winner, found, count, source, first_cut, stack, start, size, spare, signs, counters):
    """Clip the polygon at the top of the stack to where `winner` is the largest; its vertices go right above it.

    Returns the number of vertices (0: it wins on no full-dimensional part) and whether a decision was undecided.
    """
    floats, integers = stack
    spare_floats, spare_integers = spare
    at = start + size
    for i in range(size):
        copy_row(floats, integers, start + i, floats, integers, at + i)
    n = size
    unclean = 0
    w = group[winner]
    for s in range(count):
        k = found[s]
        if k == winner:
            continue
        u = group[k]
        c0, c1, c2 = form[0, w] - form[0, u], form[1, w] - form[1, u], form[2, w] - form[2, u]
        bound = bounds[w] + bounds[u]
        positive, negative, undecided = vertex_signs(floats, at, n, c0, c1, c2, bound, signs)
        if undecided:
            counters[UNDECIDED] += 1
            unclean = 1
        if positive and negative:
            low, high = min(k, winner), max(k, winner)
            cut = 2 * (first_cut + low * group.shape[0] + high) + (1 if winner == high else 0)
            m = keep_side(floats, integers, at, n, c0, c1, c2, bound, source, cut, signs, 1, spare_floats, spare_integers)
            for i in range(m):
                copy_row(spare_floats, spare_integers, i, floats, integers, at + i)
            n = m
        elif negative or (not positive and k < winner):
            return 0, unclean
    return n, unclean


@njit(**_OPTIONS)
def cut_by_winner(first, cells, forms, groups, bounds, first_unit, bits, keep, out, work, counters):
    """Cut cells `first`, `first + 1`, ... by the winner of each group of candidate forms until the output is full.

    Like `cut_by_sign`; `groups` has shape (groups, candidates) and indexes the units of `forms`, -1 for none.
    """
    offsets, floats, integers, form_of, dirty = cells
    stack_floats, stack_integers, scratch_floats, scratch_integers, signs, stack, stack_words, listed, _ = work
    spare = (scratch_floats, scratch_integers)
    rows, found = stack[3], stack[6]
    words = stack_words[stack_words.shape[0] - 1]
    width = groups.shape[1]
    for c in range(first, offsets.shape[0] - 1):
        restart = (counters[CELLS_OUT], counters[VERTICES_OUT], counters[NEXT_CUT], counters[UNDECIDED], counters[DIRTY_OUT])
        form = forms[form_of[c]]
        start, size = 0, offsets[c + 1] - offsets[c]
        for i in range(size):
            copy_row(floats, integers, offsets[c] + i, stack_floats, stack_integers, i)
        words[:] = 0
        box = bounding_box(stack_floats, 0, size)
        open_count = 0
        for g in range(groups.shape[0]):
            if contenders(form, groups[g], bounds, box, found) == 1:
                position = g * bits
                words[position >> 6] += found[0] << (position & 63)
            else:
                rows[open_count] = g
                open_count += 1
        position_in_list, unclean, depth = 0, dirty[c], 0
        full = False
        while True:
            while position_in_list < open_count:
                g = rows[position_in_list]
                position_in_list += 1
                position = g * bits
                box = bounding_box(stack_floats, start, size)
                count = contenders(form, groups[g], bounds, box, found)
                if count == 1:
                    words[position >> 6] += found[0] << (position & 63)
                    continue
                if (
                    start + (width + 2) * (size + width + 2) > stack_floats.shape[0]
                    or size + width + 2 > scratch_floats.shape[0]
                    or depth + width + 1 >= stack.shape[1]
                ):
                    counters[WORK_FULL] = 1
                    full = True
                    break
                first_cut = counters[NEXT_CUT]
                counters[NEXT_CUT] += width * width
                at, parts = start, 0
                for s in range(count):
                    n, doubt = win_part(form, groups[g], bounds, found[s], found, count, first_unit + g, first_cut,
                                        (stack_floats, stack_integers), start, size, spare, signs, counters)  # fmt: skip
                    if doubt:
                        unclean = 1
                    if n == 0:
                        continue
                    # parts wait in `listed` until all are made, because they are clipped from the polygon below them
                    stack[0, depth + parts], stack[1, depth + parts], stack[7, depth + parts] = at, n, found[s]
                    for i in range(n):
                        copy_row(stack_floats, stack_integers, start + size + i, scratch_floats, scratch_integers,
                                 scratch_floats.shape[0] // 2 + (at - start) + i)  # fmt: skip
                    at += n
                    parts += 1
                for i in range(at - start):
                    copy_row(scratch_floats, scratch_integers, scratch_floats.shape[0] // 2 + i, stack_floats, stack_integers,
                             start + i)  # fmt: skip
                for p in range(parts):
                    stack[2, depth + p], stack[5, depth + p] = position_in_list, unclean
                    for w in range(words.shape[0]):
                        stack_words[depth + p, w] = words[w]
                    stack_words[depth + p, position >> 6] += stack[7, depth + p] << (position & 63)
                depth += parts - 1
                start, size = stack[0, depth], stack[1, depth]
                for w in range(words.shape[0]):
                    words[w] = stack_words[depth, w]
            if full:
                break
            if not emit(stack_floats, stack_integers, start, size, c, words, unclean, keep, out, counters):
                full = True
                break
            if depth == 0:
                break
            depth -= 1
            start, size = stack[0, depth], stack[1, depth]
            position_in_list, unclean = stack[2, depth], stack[5, depth]
            for w in range(words.shape[0]):
                words[w] = stack_words[depth, w]
        if full:
            counters[CELLS_OUT], counters[VERTICES_OUT], counters[NEXT_CUT] = restart[0], restart[1], restart[2]
            counters[UNDECIDED], counters[DIRTY_OUT] = restart[3], restart[4]
            counters[CELLS_DONE] = c
            return
    counters[CELLS_DONE] = offsets.shape[0] - 1
