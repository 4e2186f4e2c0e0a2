"""Elementwise op and dense layer in one step for a batch of children: most of a child is its parent or sibling.

Children of one parent differ in few units, so one matrix product per parent covers the units whose piece all of them
share; a child adds one row of the weights for each other unit, or, when that is less, for each unit that differs from
the child before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.core.extending import intrinsic

# without numba's reference counts, which cost more than a short row; so no kernel here may allocate
_OPTIONS = {"nogil": True, "cache": True, "fastmath": {"nsz", "contract"}, "error_model": "numpy", "_nrt": False}


@intrinsic
def trailing_zeros(typingctx: Any, word: Any) -> Any:
    """Position of the lowest set bit of a non-zero word (one machine instruction)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.int64(types.int64), codegen


@intrinsic
def bit_count(typingctx: Any, word: Any) -> Any:
    """Number of set bits of a word (one machine instruction)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), codegen


@njit(**_OPTIONS)
def common_activations(forms, form_of, groups, words, bits, slopes, intercepts, scratch, out, varying):
    """Activations of the units whose piece the children of a group share, zero elsewhere; mark the others in `varying`.

    `groups` holds the first child of each group, and the number of children; `form_of` the row of `forms` of each
    child.
    """
    columns, units = forms.shape[1], forms.shape[2]
    mask = (1 << bits) - 1
    per_word = 64 // bits
    slope_of, intercept_of = scratch[0], scratch[1]
    for g in range(groups.shape[0] - 1):
        first = groups[g]
        for w in range(words.shape[1]):
            changed = 0
            for c in range(first + 1, groups[g + 1]):
                changed |= words[c, w] ^ words[first, w]
            varying[g, w] = changed
        for w in range(words.shape[1]):
            # a word at a time, so that the loop over its units is a vector loop
            word, other = words[first, w], varying[g, w]
            for u in range(w * per_word, min((w + 1) * per_word, units)):
                shift = (u - w * per_word) * bits
                if bits == 1:
                    slope = slopes[1, u] if (word >> shift) & 1 else slopes[0, u]
                    intercept = intercepts[1, u] if (word >> shift) & 1 else intercepts[0, u]
                else:
                    piece = (word >> shift) & mask
                    slope, intercept = slopes[piece, u], intercepts[piece, u]
                shared = (other >> shift) & mask == 0
                slope_of[u] = slope if shared else 0.0
                intercept_of[u] = intercept if shared else 0.0
        form, result = forms[form_of[first]], out[g]
        for u in range(units):
            result[0, u] = form[0, u] * slope_of[u] + intercept_of[u]
        for i in range(1, columns):
            for u in range(units):
                result[i, u] = form[i, u] * slope_of[u]


@njit(**_OPTIONS)
def add_row(out, coefficients, row):
    """out[i, :] += coefficients[i] * row."""
    if out.shape[0] == 3:
        a, b, c = coefficients[0], coefficients[1], coefficients[2]
        for o in range(row.shape[0]):
            value = row[o]
            out[0, o] += a * value
            out[1, o] += b * value
            out[2, o] += c * value
    else:
        for i in range(out.shape[0]):
            a = coefficients[i]
            for o in range(row.shape[0]):
                out[i, o] += a * row[o]


@njit(**_OPTIONS)
def children_forms(
    base, forms, form_of, groups, words, bits, slopes, intercepts, weights, varying, longest, scratch, out
):
    """Forms of every child after the dense layer; `weights` has shape (units, outputs), `base` one row per group.

    `longest` bounds the rows added in a chain of siblings, and with it the rounding error. `scratch` holds two rows.
    """
    columns = forms.shape[1]
    mask = (1 << bits) - 1
    coefficients = scratch[0]
    for g in range(groups.shape[0] - 1):
        chain = 0
        for c in range(groups[g], groups[g + 1]):
            form = forms[form_of[c]]
            from_sibling, from_base = 0, 0
            for w in range(words.shape[1]):
                from_base += bit_count(varying[g, w] & words[c, w]) if bits == 1 else bit_count(varying[g, w])
                if c > groups[g]:
                    from_sibling += bit_count(words[c, w] ^ words[c - 1, w])
            sibling = c > groups[g] and from_sibling < from_base and chain + from_sibling <= longest
            chain = chain + from_sibling if sibling else from_base
            source = out[c - 1] if sibling else base[g]
            for i in range(columns):
                for o in range(out.shape[2]):
                    out[c, i, o] = source[i, o]
            for w in range(words.shape[1]):
                changed = words[c, w] ^ words[c - 1, w] if sibling else varying[g, w]
                while changed != 0:
                    bit = trailing_zeros(changed)
                    field = bit - bit % bits
                    changed &= ~(mask << field)
                    u = (w * 64 + field) // bits
                    piece = (words[c, w] >> field) & mask
                    slope, intercept = slopes[piece, u], intercepts[piece, u]
                    if sibling:
                        old = (words[c - 1, w] >> field) & mask
                        slope -= slopes[old, u]
                        intercept -= intercepts[old, u]
                    if slope != 0.0 or intercept != 0.0:
                        for i in range(columns):
                            coefficients[i] = slope * form[i, u]
                        coefficients[0] += intercept
                        add_row(out[c], coefficients, weights[u])


def group_starts(parent: np.ndarray) -> np.ndarray:
    """First position of each run of equal parents, and the total number.

    Example:
        >>> group_starts(np.array([4, 4, 7]))
        array([0, 2, 3])
    """
    changes = np.flatnonzero(parent[1:] != parent[:-1]) + 1
    return np.concatenate([[0], changes, [parent.shape[0]]]).astype(np.int64)
