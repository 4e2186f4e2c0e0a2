"""Compiled cutting of intervals: breakpoints of all units on many intervals, arrays in and arrays out.

An interval row is (low, high, low error, high error); the ends may be infinite. Its integer row is (source of the low
end, source of the high end): the unit, or below zero the end of the domain.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from vitrail.cells.screening import pack_octet
from vitrail.numerics.filters import SMALLEST, VALUE_ROUNDING

# infinite ends and NaN occur here, so no fast arithmetic that rules them out; see `polygon_kernels` for `_nrt`
OPTIONS = {"nogil": True, "cache": True, "fastmath": {"nsz", "contract"}, "error_model": "numpy", "_nrt": False}

CELLS_DONE, CELLS_OUT, UNDECIDED, DIRTY_OUT = range(4)


@njit(**OPTIONS)
def end_sign(c0, c1, bound0, bound1, t, error):
    """Sign at an end, 0 if undecided; at an infinite end the sign of the slope, then of the constant."""
    if np.isinf(t):
        if abs(c1) > bound1:
            return 1 if (c1 > 0.0) == (t > 0.0) else -1
        if c1 != 0.0 or bound1 > 0.0:
            return 0
        value, threshold = c0, bound0
    else:
        value = c0 + c1 * t
        threshold = bound0 + bound1 * (abs(t) + error) + abs(c1) * error + VALUE_ROUNDING * (abs(c0) + abs(c1 * t))
        threshold += SMALLEST * (1.0 + abs(t))
    if value > threshold:
        return 1
    return -1 if value < -threshold else 0


@njit(**OPTIONS)
def vanishes(c0, c1, bound0, bound1):
    """Whether the affine function is surely zero everywhere: a zero at an end is then a decision."""
    return c0 == 0.0 and c1 == 0.0 and bound0 == 0.0 and bound1 == 0.0


@njit(**OPTIONS)
def root(c0, c1, bound0, bound1, interval):
    """Zero of the affine function between the ends, and the bound on its error: it lies between the true ends."""
    low, high = interval[0], interval[1]
    t = min(max(-c0 / c1, low), high)
    residual = abs(c0 + c1 * t) + VALUE_ROUNDING * (abs(c0) + abs(c1 * t)) + bound0 + bound1 * abs(t)
    safe = abs(c1) - bound1
    error = residual / safe if safe > 0.0 else np.inf
    longest = max(high - t, t - low) + max(interval[2], interval[3])
    return t, min(error, longest + VALUE_ROUNDING * longest)


@njit(**OPTIONS)
def screen(form, breakpoints, bounds, m, interval, positive, unsure):
    """Per unit, whether it is positive in the middle, and whether its sign may change before the ends (vectorised).

    On an unbounded interval the comparison with NaN or infinity leaves every unit unsure.
    """
    low, high = interval[0], interval[1]
    reach = max(abs(low), abs(high)) + max(interval[2], interval[3])
    middle = low + 0.5 * (high - low)
    half = 0.5 * (high - low) + max(interval[2], interval[3]) + VALUE_ROUNDING * reach
    for u in range(form.shape[1]):
        c0, c1 = form[0, u] - breakpoints[m, u], form[1, u]
        value = c0 + c1 * middle
        change = abs(c1) * half + bounds[0, m, u] + bounds[1, m, u] * reach + VALUE_ROUNDING * abs(c0)
        positive[u] = value > 0.0
        unsure[u] = not change + SMALLEST * (1.0 + reach) < abs(value) < np.inf


@njit(**OPTIONS)
def sign_events(form, breakpoints, bounds, interval, bits, words, events, where, flags):
    """Pieces at the low end, and an event (root, error) with (bit position, change, row) for each row that crosses."""
    low, high, low_error, high_error = interval[0], interval[1], interval[2], interval[3]
    positive, unsure, positive_octets, unsure_octets = flags
    units = form.shape[1]
    count, undecided = 0, 0
    for m in range(breakpoints.shape[0]):
        screen(form, breakpoints, bounds, m, interval, positive, unsure)
        for octet in range((units + 7) // 8):
            if bits == 1 and unsure_octets[octet] == 0:
                words[octet >> 3] += pack_octet(positive_octets[octet]) << (8 * (octet & 7))
                continue
            for u in range(8 * octet, min(8 * octet + 8, units)):
                position = u * bits
                if np.isinf(breakpoints[m, u]):  # stands for none
                    continue
                if not unsure[u]:
                    words[position >> 6] += np.int64(positive[u]) << (position & 63)
                    continue
                c0, c1 = form[0, u] - breakpoints[m, u], form[1, u]
                b0, b1 = bounds[0, m, u], bounds[1, m, u]
                before = end_sign(c0, c1, b0, b1, low, low_error)
                after = end_sign(c0, c1, b0, b1, high, high_error)
                if before == 0 or after == 0:
                    undecided += not vanishes(c0, c1, b0, b1)
                if before * after < 0:
                    events[count, 0], events[count, 1] = root(c0, c1, b0, b1, interval)
                    undecided += not (abs(events[count, 0]) < np.inf and events[count, 1] < np.inf)
                    where[count, 0], where[count, 1], where[count, 2] = position, after, m * units + u
                    count += 1
                if before > 0 or (before == 0 and after > 0):
                    words[position >> 6] += 1 << (position & 63)
    return count, undecided


@njit(**OPTIONS)
def sort_events(events, order, count):
    """Write the order of the first `count` events by position; few are the rule, heap sort bounds the rest."""
    for i in range(count):
        order[i] = i
    if count <= 16:
        for i in range(1, count):
            k, j = order[i], i
            while j > 0 and events[order[j - 1], 0] > events[k, 0]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = k
        return
    for start in range(count // 2 - 1, -1, -1):
        sift(events, order, start, count)
    for end in range(count - 1, 0, -1):
        order[0], order[end] = order[end], order[0]
        sift(events, order, 0, end)


@njit(**OPTIONS)
def sift(events, order, start, end):
    """Restore the heap below `start`."""
    parent = start
    while 2 * parent + 1 < end:
        child = 2 * parent + 1
        if child + 1 < end and events[order[child + 1], 0] > events[order[child], 0]:
            child += 1
        if events[order[parent], 0] >= events[order[child], 0]:
            return
        order[parent], order[child] = order[child], order[parent]
        parent = child


@njit(**OPTIONS)
def winner_events(form, groups, bounds, interval, bits, words, events, where):
    """Winner of each group at the low end, and an event for each change of winner (upper envelope, left to right)."""
    low, high, low_error, high_error = interval[0], interval[1], interval[2], interval[3]
    count, undecided = 0, 0
    for g in range(groups.shape[0]):
        position = g * bits
        winner = -1
        for k in range(groups.shape[1]):
            u = groups[g, k]
            if u < 0:
                continue
            if winner < 0:
                winner = k
                continue
            w = groups[g, winner]
            c0, c1 = form[0, u] - form[0, w], form[1, u] - form[1, w]
            b0, b1 = bounds[0, 0, u] + bounds[0, 0, w], bounds[1, 0, u] + bounds[1, 0, w]
            sign = end_sign(c0, c1, b0, b1, low, low_error)
            if sign == 0 and u != w:
                undecided += not vanishes(c0, c1, b0, b1)
                sign = end_sign(c0, c1, b0, b1, high, high_error)
            if sign > 0:
                winner = k
        words[position >> 6] += winner << (position & 63)
        while True:
            w = groups[g, winner]
            best, best_t, best_error, best_slope = -1, high, 0.0, 0.0
            for k in range(groups.shape[1]):
                u = groups[g, k]
                if u < 0 or u == w:
                    continue
                c0, c1 = form[0, u] - form[0, w], form[1, u] - form[1, w]
                b0, b1 = bounds[0, 0, u] + bounds[0, 0, w], bounds[1, 0, u] + bounds[1, 0, w]
                sign = end_sign(c0, c1, b0, b1, high, high_error)
                if sign == 0:
                    undecided += not vanishes(c0, c1, b0, b1)
                if sign <= 0:
                    continue
                if c1 <= b1:
                    undecided += 1
                    continue
                t, error = root(c0, c1, b0, b1, interval)
                undecided += not (abs(t) < np.inf and error < np.inf)
                together = not abs(t - best_t) > error + best_error
                if best >= 0 and together:
                    undecided += 1
                if best < 0 or (not together and t < best_t) or (together and c1 > best_slope):
                    best, best_t, best_error, best_slope = k, t, error, c1
            if best < 0:
                break
            if count >= events.shape[0]:
                return -1, undecided
            events[count, 0], events[count, 1] = best_t, best_error
            row = (g * groups.shape[1] + winner) * groups.shape[1] + best
            where[count, 0], where[count, 1], where[count, 2] = position, best - winner, row
            count += 1
            winner = best
    return count, undecided


@njit(**OPTIONS)
def emit_pieces(interval, sources, parent, dirty, words, events, where, order, count, first_row, out, counters):
    """Append the pieces between the sorted events; events that their errors cannot tell apart make one breakpoint."""
    out_floats, out_integers, out_parent, out_words, out_dirty = out
    first, undecided = counters[CELLS_OUT], 0
    for e in range(1, count):
        a, b = order[e - 1], order[e]
        undecided += not events[b, 0] - events[a, 0] > events[b, 1] + events[a, 1]
    unclean = 1 if undecided > 0 or dirty else 0
    n = first
    low, low_error, low_source = interval[0], interval[2], sources[0]
    e = 0
    while True:
        last = e >= count
        high, high_error, high_source = interval[1], interval[3], sources[1]
        if not last:
            k = order[e]
            high, high_error, high_source = events[k, 0], events[k, 1], first_row + where[k, 2]
        if n >= out_parent.shape[0]:
            return False
        out_floats[n, 0], out_floats[n, 1], out_floats[n, 2], out_floats[n, 3] = low, high, low_error, high_error
        out_integers[n, 0], out_integers[n, 1] = low_source, high_source
        for w in range(words.shape[0]):
            out_words[n, w] = words[w]
        out_parent[n] = parent
        out_dirty[n] = unclean
        n += 1
        if last:
            break
        while True:
            k = order[e]
            words[where[k, 0] >> 6] += where[k, 1] << (where[k, 0] & 63)
            e += 1
            if e >= count or events[order[e], 0] - events[k, 0] > events[order[e], 1] + events[k, 1]:
                break
        low, low_error, low_source = high, high_error, high_source
    counters[CELLS_OUT] = n
    counters[UNDECIDED] += undecided
    counters[DIRTY_OUT] += unclean * (n - first)
    return True


@njit(**OPTIONS)
def cut_intervals(first, cells, forms, by_winner, table, bounds, first_row, bits, doubtful, out, work, counters):
    """Cut intervals `first`, `first + 1`, ... by all units of one op until the output is full.

    `table` holds the groups of a maximum, shape (groups, candidates), or nothing, and the breakpoints of an
    elementwise op, shape (breakpoints, units); `bounds` has shape (2, breakpoints or 1, units): for the constant and
    the coefficient. If `doubtful` has a place per cell, a cell with an undecided sign is marked there and has no
    children.
    """
    strict = doubtful.shape[0] > 0
    floats, integers, form_of, dirty = cells
    groups, breakpoints = table
    words, events, where, order, flags = work
    for c in range(first, floats.shape[0]):
        for w in range(words.shape[0]):
            words[w] = 0
        form = forms[form_of[c]]
        before, first_out, first_dirty = counters[UNDECIDED], counters[CELLS_OUT], counters[DIRTY_OUT]
        if by_winner:
            count, undecided = winner_events(form, groups, bounds, floats[c], bits, words, events, where)
        else:
            count, undecided = sign_events(form, breakpoints, bounds, floats[c], bits, words, events, where, flags)
        counters[UNDECIDED] += undecided
        sort_events(events, order, count)
        unclean = dirty[c] or undecided > 0
        if not emit_pieces(
            floats[c], integers[c], c, unclean, words, events, where, order, count, first_row, out, counters
        ):
            counters[UNDECIDED] = before
            counters[CELLS_DONE] = c
            return
        if strict and counters[UNDECIDED] > before:
            counters[UNDECIDED], counters[CELLS_OUT], counters[DIRTY_OUT] = before, first_out, first_dirty
            doubtful[c] = 1
    counters[CELLS_DONE] = floats.shape[0]
