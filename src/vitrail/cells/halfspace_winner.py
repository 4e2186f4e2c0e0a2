"""Compiled cutting of cells of halfspaces by the winner of each group: one part per winner, never nested pairs."""

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
from vitrail.cells.halfspace_cut import (
    COUNT,
    SIZE,
    UNCLEAN,
    append_row,
    copy_node,
    emit,
    load_root,
    part,
)
from vitrail.cells.halfspace_kernels import CHUNK, CUTS, KEEPS, clear_marks, copy_point, normalize, probe_chunk
from vitrail.cells.polygon_cut import FULL, forget, next_node, pause, pauses
from vitrail.cells.polygon_kernels import copy_numbers
from vitrail.cells.simplex import OPTIONS, value_at

OPENED = COUNT
"""Row of the stack: the next group in the list of those that are not decided on the whole cell."""

NO_PART, PART, NO_ROOM = range(3)


@njit(**OPTIONS)
def ask_gap(form, w, u, limits, rounding, bounded, asked, k):
    """Write form w - form u to column k; the verdict of `normalize`, where no constant is decided far away."""
    bounds, totals = limits
    n = form.shape[0] - 1
    for j in range(n + 1):
        asked[j, k] = form[j, w] - form[j, u]
    verdict = normalize(asked, k, totals[w] + totals[u], rounding)
    if not bounded and abs(verdict) == 1:
        for j in range(1, n + 1):
            if bounds[j, w] + bounds[j, u] > 0.0:
                verdict = 2
    return verdict


@njit(**OPTIONS)
def repeated(group, k):
    """Whether a lower place holds the same candidate: that one wins then."""
    found = False
    for i in range(k):
        found = found or group[i] == group[k]
    return found


@njit(**OPTIONS)
def probe_node(depth, count, bounded, work):
    """Ask about the first `count` listed forms on a node, in one chunk at most."""
    nodes, asked, listed, probe = work[0], work[1], work[3], work[4]
    forms, _, points, stack, _ = nodes
    clear_marks(probe)
    probe_chunk(forms[depth], stack[SIZE, depth], asked, listed, 0, count, points[depth], bounded, probe)


@njit(**OPTIONS)
def contenders(depth, form, group, limits, rounding, bounded, found, work):
    """Write the candidates that may win on the node to `found`, the best at its inner point first.

    Returns how many they are and how many comparisons are not decided: those candidates are left out.
    """
    nodes, asked, listed, probe = work[0], work[1], work[3], work[4]
    points = nodes[2]
    best, most = -1, 0.0
    for k in range(group.shape[0]):
        if group[k] >= 0:
            value = value_at(form, group[k], points[depth])
            if best < 0 or value > most:
                best, most = k, value
    found[0], count, undecided = best, 1, 0
    k = 0
    while k < group.shape[0]:
        # a chunk of comparisons; `listed` holds their columns, then the places that they belong to
        asking = 0
        while k < group.shape[0] and asking < CHUNK:
            u = group[k]
            if u >= 0 and u != group[best] and not repeated(group, k):
                verdict = ask_gap(form, group[best], u, limits, rounding, bounded, asked, asking)
                if verdict == 0:
                    listed[asking], listed[CHUNK + asking] = asking, k
                    asking += 1
                elif verdict == 2:
                    undecided += 1
            k += 1
        probe_node(depth, asking, bounded, work)
        for i in range(asking):
            if probe[2][i] == CUTS or (probe[2][i] == KEEPS and probe[1][i] < 0.0):
                found[count] = listed[CHUNK + i]
                count += 1
            elif probe[2][i] != KEEPS:
                undecided += 1
    return count, undecided


@njit(**OPTIONS)
def win_part(depth, form, group, limits, rounding, place, found, count, first_row, first_cut, bounded, work):
    """Cut the node at `depth` down to where contender `place` is largest.

    Returns whether it wins on a part of full dimension, and how many comparisons are not decided.
    """
    nodes, asked, listed = work[0], work[1], work[3]
    points = nodes[2]
    winner, undecided = found[place], 0
    listed[0] = 0
    for s in range(count):
        k = found[s]
        if s == place:
            continue
        verdict = ask_gap(form, group[winner], group[k], limits, rounding, bounded, asked, 0)
        if verdict == 1:
            continue
        if verdict == -1:
            if asked[0, 0] < 0.0 or k < winner:
                return NO_PART, undecided
            continue
        crossed = False
        if verdict == 0:
            probe_node(depth, 1, bounded, work)
            crossed = work[4][2][0] == CUTS and part(depth, 0, bounded, work, points[depth + 1])
        if crossed:
            if value_at(asked, 0, points[depth]) < 0.0:
                copy_point(points[depth + 1], points[depth])
            low, high = min(s, place), max(s, place)
            cut = 2 * (first_cut + low * count + high) + (1 if place == high else 0)
            append_row(nodes, depth, asked, 0, 1.0, first_row + winner * group.shape[0] + k, cut)
        else:
            undecided += verdict == 2 or work[4][2][0] != KEEPS
            if value_at(asked, 0, points[depth]) < 0.0:
                return NO_PART, undecided
    return PART, undecided


@njit(**OPTIONS)
def divide(depth, g, form, group, limits, rounding, count, found, bits, first_row, bounded, work, counters):
    """Replace the node on top of the stack by its parts, one per winner among the contenders.

    Returns the new depth, -1 if the work memory is too small; and how many comparisons are not decided.
    """
    nodes = work[0]
    forms, _, _, stack, words = nodes
    if depth + count + 2 >= stack.shape[1] or stack[SIZE, depth] + count > forms.shape[2]:
        counters[WORK_FULL] = FULL_SCRATCH
        return -1, 0
    first_cut = counters[NEXT_CUT]
    counters[NEXT_CUT] += count * count
    undecided, parts = 0, 0
    for s in range(count):
        target = depth + 1 + parts
        copy_node(nodes, depth, target)
        stack[OPENED, target] = stack[OPENED, depth]
        outcome, doubts = win_part(target, form, group, limits, rounding, s, found, count, first_row, first_cut,
                                   bounded, work)  # fmt: skip
        undecided += doubts
        if outcome == PART:
            words[target, g * bits >> 6] += found[s] << (g * bits & 63)
            parts += 1
    if parts == 0:
        # undecided signs that contradict each other: nothing is lost, the cell goes to the best candidate, and says so
        words[depth, g * bits >> 6] += found[0] << (g * bits & 63)
        stack[UNCLEAN, depth] = 1
        return depth, undecided + 1
    for p in range(parts):
        copy_node(nodes, depth + 1 + p, depth + p)
        stack[OPENED, depth + p] = stack[OPENED, depth + 1 + p]
        stack[UNCLEAN, depth + p] = max(stack[UNCLEAN, depth + p], min(undecided, 1))
    return depth + parts - 1, undecided


@njit(**OPTIONS)
def open_groups(form, groups, limits, rounding, bits, bounded, found, work):
    """Set the piece of every group with one possible winner on the cell; list the others.

    Returns how many are listed, and how many comparisons are not decided.
    """
    nodes, rows = work[0], work[2]
    listed, undecided = 0, 0
    for g in range(groups.shape[0]):
        count, doubts = contenders(0, form, groups[g], limits, rounding, bounded, found, work)
        undecided += doubts
        if count == 1:
            nodes[4][0, g * bits >> 6] += found[0] << (g * bits & 63)
        else:
            rows[listed] = g
            listed += 1
    return listed, undecided


@njit(**OPTIONS)
def advance(depth, form, groups, limits, numbers, rounding, strict, listed, work, counters):
    """Take the node on top of the stack through its groups until one divides it; returns the new depth and the doubts.

    The depth is -1 where the work memory is too small. With no doubts, the node on top is finished where all its
    groups are passed.
    """
    first_row, bits, bounded = numbers
    nodes, rows, found = work[0], work[2], work[5]
    stack, words = nodes[3], nodes[4]
    while stack[OPENED, depth] < listed:
        g = rows[stack[OPENED, depth]]
        stack[OPENED, depth] += 1
        count, doubts = contenders(depth, form, groups[g], limits, rounding, bounded, found, work)
        if doubts > 0:
            counters[UNDECIDED] += doubts
            stack[UNCLEAN, depth] = 1
            if strict:
                return depth, doubts
        if count == 1:
            words[depth, g * bits >> 6] += found[0] << (g * bits & 63)
            continue
        number = first_row + g * groups.shape[1] * groups.shape[1]
        top, doubts = divide(depth, g, form, groups[g], limits, rounding, count, found, bits, number, bounded, work,
                             counters)  # fmt: skip
        counters[UNDECIDED] += doubts
        if top != depth or (doubts > 0 and strict):
            return top, doubts
    return depth, 0


@njit(**OPTIONS)
def cut_by_winner(first, cells, forms, groups, bounds, totals, numbers, rounding, doubtful, mode, out, work, counters):
    """Cut cells `first`, `first + 1`, ... by the winner of each group of candidate forms until the output is full.

    Like `cut_by_sign`; `groups` has shape (groups, candidates) and indexes the units of `forms`, -1 for none.
    `bounds` has shape (k + 1, forms), `totals` (forms,).
    """
    bounded, strict, limits = numbers[2], doubtful.shape[0] > 0, (bounds, totals)
    nodes, before = work[0], work[7]
    stack = nodes[3]
    resume, counters[RESUME] = counters[RESUME], 0
    for c in range(first, cells[4].shape[0]):
        copy_numbers(counters, before)
        form, depth, fits, doubts = forms[cells[4][c]], resume - 1, True, 0
        if c != first or resume == 0:
            load_root(cells, c, nodes)
            stack[OPENED, 0], depth = 0, 0
            counters[LISTED], doubts = open_groups(form, groups, limits, rounding, numbers[1], bounded, work[5], work)
            counters[UNDECIDED] += doubts
            stack[UNCLEAN, 0] = max(stack[UNCLEAN, 0], min(doubts, 1))
        while depth >= 0 and fits and not (strict and doubts > 0):
            if pauses(counters):
                pause(c, depth, counters)
                return
            listed = counters[LISTED]
            top, doubts = advance(depth, form, groups, limits, numbers, rounding, strict, listed, work, counters)
            fits = top >= 0
            if fits and doubts == 0 and stack[OPENED, top] == listed:
                fits = emit(top, c, mode, bounded, out, work, counters)
                top -= fits
            depth = top
        if strict and doubts > 0:
            forget(c, mode, before, out, counters)
            doubtful[c] = 1
        elif not fits:
            next_node(FULL, depth, c, mode, before, out, counters, doubtful)
            return
    counters[CELLS_DONE] = cells[4].shape[0]
