"""Compiled cutting of convex polytopes by the winner of each group: one part per winner, never nested pairs."""

from __future__ import annotations

from numba import njit

from vitrail.cells.cutting import (
    CELLS_DONE,
    FULL_BITS,
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
    forget,
    give_up,
    next_node,
    pause,
    pauses,
)
from vitrail.cells.polygon_kernels import OPTIONS, copy_numbers
from vitrail.cells.polytope_cut import TOP, add_facet, emit, free_slot, load_root
from vitrail.cells.polytope_kernels import bounding_box, copy_vertex, cross, gather, vertex_signs
from vitrail.numerics.filters import SMALLEST


@njit(**OPTIONS)
def contenders(axes, form, group, totals, box, found):
    """Write the candidates that may win in the box to `found`, best at the center first; return their number."""
    best, best_value = -1, 0.0
    for place in range(group.shape[0]):
        u = group[place]
        if u >= 0:
            value = form[0, u]
            for i in range(len(axes)):
                value += form[1 + i, u] * box[0, i]
            if best < 0 or value > best_value:
                best, best_value = place, value
    found[0] = best
    count = 1
    b = group[best]
    for place in range(group.shape[0]):
        u = group[place]
        if u >= 0 and place != best and u != b:
            gap = form[0, b] - form[0, u]
            reach = totals[b] + totals[u] + SMALLEST
            for i in range(len(axes)):
                slope = form[1 + i, b] - form[1 + i, u]
                gap += slope * box[0, i]
                reach += abs(slope) * box[1, i]
            if not gap > reach:
                found[count] = place
                count += 1
    return count


@njit(**OPTIONS)
def write_gap(axes, form, bounds, totals, w, u, row):
    """The form of candidate `w` less that of `u`, with the bounds of both: see `vertex_signs`."""
    k = len(axes)
    slopes = 0.0
    for i in range(k + 1):
        row[i] = form[i, w] - form[i, u]
        row[k + 3 + i] = bounds[i, w] + bounds[i, u]
        if i > 0:
            slopes += abs(row[i]) + row[k + 3 + i]
    row[k + 1], row[k + 2] = totals[w] + totals[u], slopes


@njit(**OPTIONS)
def win_part(axes, parts, depth, part, form, group, limits, place, count, first_row, first_cut, rounding, work,
             counters):  # fmt: skip
    """Clip a copy of the node at `depth`, at the place of node `part`, to where contender `place` is largest.

    Returns whether it wins on a full-dimensional part, whether a decision was undecided, and whether it had room.
    """
    bounds, totals = limits
    floats, bits, slots, arena_floats, arena_integers, _, scratch, stack, _, _, used, _, candidates = work[:13]
    found, row = stack[FOUND], candidates[0]
    start, at, n = stack[START, depth], stack[START, part], stack[SIZE, depth]
    if at + n > floats.shape[0]:
        counters[WORK_FULL] = FULL_SCRATCH
        return False, False, False
    for v in range(n):
        copy_vertex(axes, parts, floats, bits, start + v, floats, bits, at + v)
    copy_numbers(slots[depth], slots[part])
    winner, doubt = found[place], False
    for s in range(count):
        other = found[s]
        if s == place:
            continue
        write_gap(axes, form, bounds, totals, group[winner], group[other], row)
        positive, negative, undecided = vertex_signs(axes, floats, at, n, row, scratch[0], scratch[1])
        if undecided:
            counters[UNDECIDED] += 1
            doubt = True
        if positive > 0 and negative > 0:
            slot, made, top = free_slot(axes, parts, bits, at, n, used), -1, stack[TOP, part]
            if slot >= 0 and top < arena_floats.shape[0]:
                made = cross(axes, parts, (floats, bits), at, n, slots[part], arena_floats, row, rounding, scratch)
            if made < 0 or at + n + made > floats.shape[0]:
                counters[WORK_FULL] = FULL_BITS if slot < 0 else FULL_SCRATCH
                return False, doubt, False
            n = gather(axes, parts, (floats, bits), at, n, scratch[0], 1, scratch[3], scratch[4], made, slot,
                       floats, bits, at)  # fmt: skip
            low, high = min(s, place), max(s, place)
            source = first_row + winner * group.shape[0] + other
            cut = 2 * (first_cut + low * count + high) + (1 if place == high else 0)
            add_facet(axes, row, source, cut, slots[part], slot, top, arena_floats, arena_integers)
            stack[TOP, part] = top + 1
        elif negative > 0 or (positive == 0 and other < winner):
            return False, doubt, True
    stack[SIZE, part] = n
    return True, doubt, True


@njit(**OPTIONS)
def divide(axes, parts, depth, g, form, group, limits, count, bits, first_row, rounding, work, counters):
    """Replace the node on top of the stack by its parts, one per winner among the contenders; return the new depth.

    -1: the work memory is too small. The parts lie above the node, whose place stays empty.
    """
    slots, stack, stack_words = work[2], work[7], work[8]
    if depth + count + 1 >= stack.shape[1]:
        counters[WORK_FULL] = FULL_SCRATCH
        return -1
    found, position = stack[FOUND], g * bits
    first_cut = counters[NEXT_CUT]
    counters[NEXT_CUT] += count * count
    made, unclean = 0, stack[UNCLEAN, depth]
    place, top = stack[START, depth] + stack[SIZE, depth], stack[TOP, depth]
    for s in range(count):
        part = depth + 1 + made
        stack[START, part], stack[TOP, part] = place, top
        wins, doubt, fits = win_part(axes, parts, depth, part, form, group, limits, s, count, first_row, first_cut,
                                     rounding, work, counters)  # fmt: skip
        if not fits:
            return -1
        if doubt:
            unclean = 1
        if wins:
            stack[WON, part] = found[s]
            place, top = place + stack[SIZE, part], stack[TOP, part]
            made += 1
    if made == 0:
        # undecided signs that contradict each other: nothing is lost, the cell goes to the best candidate, and says so
        stack[UNCLEAN, depth] = 1
        counters[UNDECIDED] += 1
        stack_words[depth, position >> 6] += found[0] << (position & 63)
        return depth
    opened = stack[OPEN, depth]
    for p in range(made):
        node = depth + p
        stack[START, node], stack[SIZE, node] = stack[START, node + 1], stack[SIZE, node + 1]
        stack[WON, node] = stack[WON, node + 1]
        copy_numbers(slots[node + 1], slots[node])
    for p in range(made - 1, -1, -1):
        node = depth + p
        stack[OPEN, node], stack[UNCLEAN, node], stack[TOP, node] = opened, unclean, top
        copy_numbers(stack_words[depth], stack_words[node])
        stack_words[node, position >> 6] += stack[WON, node] << (position & 63)
    return depth + made - 1


@njit(**OPTIONS)
def open_groups(axes, form, groups, totals, box, bits, words, rows, found):
    """Set the piece of every group with one possible winner in the box; list the others; return how many there are."""
    listed = 0
    for g in range(groups.shape[0]):
        if contenders(axes, form, groups[g], totals, box, found) == 1:
            words[g * bits >> 6] += found[0] << (g * bits & 63)
        else:
            rows[listed] = g
            listed += 1
    return listed


@njit(**OPTIONS)
def cut_by_winner(
    axes, parts, first, cells, forms, groups, bounds, totals, first_row, bits, doubtful, mode, rounding, out, work,
    counters,
):  # fmt: skip
    """Cut cells `first`, `first + 1`, ... by the winner of each group of candidate forms until the output is full.

    Like `cut_by_sign`; `groups` has shape (groups, candidates) and indexes the units of `forms`, -1 for none. A node's
    OPEN is the next group of the list of undecided groups. `bounds` has shape (k + 1, forms), `totals` (forms,).
    """
    strict = doubtful.shape[0] > 0
    size_of_group = groups.shape[1] * groups.shape[1]
    floats, box, stack, stack_words, before = work[0], work[5], work[7], work[8], work[13]
    rows, found = stack[ROWS], stack[FOUND]
    resume, counters[RESUME] = counters[RESUME], 0
    for c in range(first, cells[3].shape[0]):
        copy_numbers(counters, before)
        form, depth, fits = forms[cells[3][c]], resume - 1, True
        if c != first or resume == 0:
            if not load_root(axes, parts, cells, c, work):
                counters[WORK_FULL] = FULL_SCRATCH
                give_up(c, before, counters)
                return
            clear(stack_words[0])
            bounding_box(axes, floats, 0, stack[SIZE, 0], rounding, box)
            counters[LISTED] = open_groups(axes, form, groups, totals, box, bits, stack_words[0], rows, found)
            depth = 0
        while depth >= 0 and fits:
            if pauses(counters):
                pause(c, depth, counters)
                return
            if stack[OPEN, depth] == counters[LISTED]:
                fits = emit(axes, parts, depth, c, stack_words[depth], mode, out, work, counters)
                depth -= fits
                continue
            g = rows[stack[OPEN, depth]]
            stack[OPEN, depth] += 1
            bounding_box(axes, floats, stack[START, depth], stack[SIZE, depth], rounding, box)
            count = contenders(axes, form, groups[g], totals, box, found)
            if count == 1:
                stack_words[depth, g * bits >> 6] += found[0] << (g * bits & 63)
                continue
            undecided = counters[UNDECIDED]
            number = first_row + g * size_of_group
            depth = divide(axes, parts, depth, g, form, groups[g], (bounds, totals), count, bits, number, rounding,
                           work, counters)  # fmt: skip
            fits = depth >= 0
            if strict and fits and counters[UNDECIDED] > undecided:
                forget(c, mode, before, out, counters)
                doubtful[c] = 1
                break
        if not fits:
            next_node(FULL, depth, c, mode, before, out, counters, doubtful)
            return
    counters[CELLS_DONE] = cells[3].shape[0]
