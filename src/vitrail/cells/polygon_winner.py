"""Compiled cutting of convex polygons by the winner of each group: one part per winner, never nested pairs."""

from __future__ import annotations

from numba import njit

from vitrail.cells.cutting import (
    CELLS_DONE,
    FULL_SCRATCH,
    LISTED,
    NEXT_CUT,
    RESUME,
    UNDECIDED,
    WORK_FULL,
)
from vitrail.cells.polygon_cut import (
    FOUND,
    FULL,
    OPEN,
    ROWS,
    SIZE,
    START,
    UNCLEAN,
    WON,
    clear,
    emit,
    forget,
    load_root,
    next_node,
    pause,
    pauses,
)
from vitrail.cells.polygon_kernels import OPTIONS, bounding_box, copy_numbers, copy_row, keep_side, vertex_signs
from vitrail.numerics.filters import SMALLEST


@njit(**OPTIONS)
def contenders(form, group, bounds, box, found):
    """Write the candidates that may win in the box to `found`, best at the center first; return their number."""
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
            if not gap > reach + bounds[b] + bounds[u] + SMALLEST:
                found[count] = k
                count += 1
    return count


@njit(**OPTIONS)
def win_part(
    form, group, limits, place, found, count, first_row, first_cut, stack, start, size, spare, signs, counters
):
    """Clip the polygon at the top of the stack to where contender `place` is largest; its vertices go above it.

    Returns the number of vertices (0: it wins on no full-dimensional part) and whether a decision was undecided.
    """
    bounds, totals = limits
    floats, integers = stack
    spare_floats, spare_integers = spare
    at = start + size
    for i in range(size):
        copy_row(floats, integers, start + i, floats, integers, at + i)
    n = size
    unclean = 0
    winner = found[place]
    w = group[winner]
    for s in range(count):
        k = found[s]
        if s == place:
            continue
        u = group[k]
        c0, c1, c2 = form[0, w] - form[0, u], form[1, w] - form[1, u], form[2, w] - form[2, u]
        bound = totals[w] + totals[u]
        b0, b1, b2 = bounds[0, w] + bounds[0, u], bounds[1, w] + bounds[1, u], bounds[2, w] + bounds[2, u]
        positive, negative, undecided = vertex_signs(floats, at, n, c0, c1, c2, b0, b1, b2, signs)
        if undecided:
            counters[UNDECIDED] += 1
            unclean = 1
        if positive and negative:
            low, high = min(s, place), max(s, place)
            source = first_row + winner * group.shape[0] + k
            cut = 2 * (first_cut + low * count + high) + (1 if place == high else 0)
            m = keep_side(
                floats, integers, at, n, c0, c1, c2, bound, source, cut, signs, 1, spare_floats, spare_integers
            )
            for i in range(m):
                copy_row(spare_floats, spare_integers, i, floats, integers, at + i)
            n = m
        elif negative or (not positive and k < winner):
            return 0, unclean
    return n, unclean


@njit(**OPTIONS)
def divide(depth, g, form, group, limits, count, bits, first_row, work, counters):
    """Replace the node on top of the stack by its parts, one per winner among the contenders; return the new depth.

    -1: the work memory is too small.
    """
    stack_floats, stack_integers, scratch_floats, scratch_integers, signs, stack, stack_words, _, _, _ = work
    start, size, width = stack[START, depth], stack[SIZE, depth], group.shape[0]
    # the second half of the scratch memory collects the parts, because each is clipped from the polygon below them
    half = scratch_floats.shape[0] // 2
    if (
        start + 2 * (size + width) > stack_floats.shape[0]
        or (count + 1) * (size + width) > half
        or depth + count >= stack.shape[1]
    ):
        counters[WORK_FULL] = FULL_SCRATCH
        return -1
    found, position = stack[FOUND], g * bits
    first_cut = counters[NEXT_CUT]
    counters[NEXT_CUT] += count * count
    filled, parts, unclean = 0, 0, stack[UNCLEAN, depth]
    for s in range(count):
        n, doubt = win_part(form, group, limits, s, found, count, first_row, first_cut,
                            (stack_floats, stack_integers), start, size, (scratch_floats, scratch_integers), signs,
                            counters)  # fmt: skip
        unclean = max(unclean, doubt)
        if n > 0:
            for i in range(n):
                copy_row(
                    stack_floats, stack_integers, start + size + i, scratch_floats, scratch_integers, half + filled + i
                )
            stack[START, depth + parts], stack[SIZE, depth + parts] = start + filled, n
            stack[WON, depth + parts] = found[s]
            filled += n
            parts += 1
    if parts == 0:
        # undecided signs that contradict each other: nothing is lost, the cell goes to the best candidate, and says so
        stack[WON, depth], unclean, parts = found[0], 1, 1
        counters[UNDECIDED] += 1
    for i in range(filled):
        copy_row(scratch_floats, scratch_integers, half + i, stack_floats, stack_integers, start + i)
    opened = stack[OPEN, depth]
    for p in range(parts - 1, -1, -1):
        stack[OPEN, depth + p], stack[UNCLEAN, depth + p] = opened, unclean
        for w in range(stack_words.shape[1]):
            stack_words[depth + p, w] = stack_words[depth, w]
        stack_words[depth + p, position >> 6] += stack[WON, depth + p] << (position & 63)
    return depth + parts - 1


@njit(**OPTIONS)
def cut_by_winner(first, cells, forms, groups, bounds, totals, first_row, bits, doubtful, mode, out, work, counters):
    """Cut cells `first`, `first + 1`, ... by the winner of each group of candidate forms until the output is full.

    Like `cut_by_sign`; `groups` has shape (groups, candidates) and indexes the units of `forms`, -1 for none. A node's
    OPEN is the next group of the list of undecided groups. `bounds` has shape (3, forms), `totals` (forms,).
    """
    strict = doubtful.shape[0] > 0
    size_of_group = groups.shape[1] * groups.shape[1]
    stack_floats, stack_integers, stack, stack_words = work[0], work[1], work[5], work[6]
    rows, found, before = stack[ROWS], stack[FOUND], work[9]
    resume, counters[RESUME] = counters[RESUME], 0
    for c in range(first, cells[3].shape[0]):
        copy_numbers(counters, before)
        form, depth, fits = forms[cells[3][c]], resume - 1, True
        if c != first or resume == 0:
            load_root(cells, c, work)
            clear(stack_words[0])
            box, depth = bounding_box(stack_floats, 0, stack[SIZE, 0]), 0
            counters[LISTED] = open_groups(form, groups, totals, box, bits, stack_words[0], rows, found)
        while depth >= 0 and fits:
            if pauses(counters):
                pause(c, depth, counters)
                return
            start, size = stack[START, depth], stack[SIZE, depth]
            if stack[OPEN, depth] == counters[LISTED]:
                dirty, words = stack[UNCLEAN, depth], stack_words[depth]
                fits = emit(stack_floats, stack_integers, start, size, c, words, dirty, mode, out, counters)
                depth -= fits
                continue
            g = rows[stack[OPEN, depth]]
            stack[OPEN, depth] += 1
            count = contenders(form, groups[g], totals, bounding_box(stack_floats, start, size), found)
            if count == 1:
                stack_words[depth, g * bits >> 6] += found[0] << (g * bits & 63)
                continue
            undecided = counters[UNDECIDED]
            number = first_row + g * size_of_group
            depth = divide(depth, g, form, groups[g], (bounds, totals), count, bits, number, work, counters)
            fits = depth >= 0
            if strict and fits and counters[UNDECIDED] > undecided:
                forget(c, mode, before, out, counters)
                doubtful[c] = 1
                break
        if not fits:
            next_node(FULL, depth, c, mode, before, out, counters, doubtful)
            return
    counters[CELLS_DONE] = cells[3].shape[0]


@njit(**OPTIONS)
def open_groups(form, groups, bounds, box, bits, words, rows, found):
    """Set the piece of every group with one possible winner in the box; list the others; return how many there are."""
    listed = 0
    for g in range(groups.shape[0]):
        if contenders(form, groups[g], bounds, box, found) == 1:
            words[g * bits >> 6] += found[0] << (g * bits & 63)
        else:
            rows[listed] = g
            listed += 1
    return listed
