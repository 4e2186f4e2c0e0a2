"""Compiled screening of units against polytopes: most do not change their sign on the box of a cell."""

from __future__ import annotations

from numba import njit

from vitrail.cells.polygon_cut import bit_position
from vitrail.cells.polygon_kernels import OPTIONS
from vitrail.cells.screening import pack_octet, padded
from vitrail.numerics.filters import SMALLEST


@njit(**OPTIONS)
def screen(axes, form, breakpoints, totals, box, positive, unsure):
    """Per row, whether it is positive at the center of the box, and whether its sign may change inside (vectorized).

    `positive` and `unsure` hold a byte per row; each breakpoint starts at a multiple of 64.
    """
    units = form.shape[1]
    for m in range(breakpoints.shape[0]):
        base = m * padded(units)
        for u in range(units):
            value = form[0, u] - breakpoints[m, u]
            reach = totals[m, u] + SMALLEST
            for i in range(len(axes)):
                value += form[1 + i, u] * box[0, i]
                reach += abs(form[1 + i, u]) * box[1, i]
            positive[base + u] = value > 0.0
            unsure[base + u] = not abs(value) > reach


@njit(**OPTIONS)
def write_candidate(axes, form, breakpoint, bounds, total, u, row):
    """The form of unit `u` less a breakpoint as a candidate: see `vertex_signs`."""
    k = len(axes)
    row[0] = form[0, u] - breakpoint
    slopes = 0.0
    for i in range(k):
        row[1 + i] = form[1 + i, u]
        slopes += abs(form[1 + i, u]) + bounds[1 + i, u]
    row[k + 1], row[k + 2] = total, slopes
    for i in range(k + 1):
        row[k + 3 + i] = bounds[i, u]


@njit(**OPTIONS)
def classify(axes, form, breakpoints, bounds, totals, bits, flags, words, candidates, rows):
    """Set the piece of the rows that the screening decided; gather the others; return how many there are.

    `flags` are the bytes that `screen` wrote, seen as words: eight rows at a time, since few are unsure.
    """
    positive, unsure, positive_octets, unsure_octets = flags
    units = form.shape[1]
    count = 0
    for m in range(breakpoints.shape[0]):
        base = m * padded(units)
        for octet in range((units + 7) // 8):
            at = base // 8 + octet
            if unsure_octets[at] == 0 and bits == 1:
                words[octet >> 3] += pack_octet(positive_octets[at]) << (8 * (octet & 7))
                continue
            for u in range(8 * octet, min(8 * octet + 8, units)):
                if not unsure[base + u]:
                    position = u * bits
                    words[position >> 6] += int(positive[base + u]) << (position & 63)
                else:
                    write_candidate(axes, form, breakpoints[m, u], bounds[:, m], totals[m, u], u, candidates[count])
                    rows[count] = m * units + u
                    count += 1
    return count


@njit(**OPTIONS)
def rescreen(axes, candidates, rows, units, bits, box, words, listed, start, count, target):
    """Screen the listed candidates on a smaller cell; copy the undecided ones to `target`; return their number."""
    kept = 0
    for s in range(start, start + count):
        row = listed[s]
        value = candidates[row, 0]
        reach = candidates[row, len(axes) + 1] + SMALLEST
        for i in range(len(axes)):
            value += candidates[row, 1 + i] * box[0, i]
            reach += abs(candidates[row, 1 + i]) * box[1, i]
        if value > reach:
            position = bit_position(rows[row], units, bits)
            words[position >> 6] += 1 << (position & 63)
        elif not value < -reach:
            listed[target + kept] = row
            kept += 1
    return kept
