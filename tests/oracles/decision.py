"""Where one of several affine functions is the largest on a convex set: exact polygons, linear programs, projections.

Functions are forms (c_0, c_1, ..., c_n) with value c_0 + c_1 x_1 + ...; one per class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import inf, sqrt

import numpy as np
from scipy.optimize import linprog, nnls

from .brute import area, clip
from .neutral import Vector

Form = Sequence[Fraction]
Layers = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class PlaneDecision:
    """Of a polygon: each reachable class with its part, pairs with a common edge, and the distance to other classes."""

    parts: dict[int, list[Vector]]
    pieces: set[tuple[int, int]]
    distance: float


def minus(a: Form, b: Form) -> tuple[Fraction, ...]:
    """The difference of two forms."""
    return tuple(x - y for x, y in zip(a, b, strict=True))


def classes_of(forms: Sequence[Form]) -> list[Form]:
    """One form per class: of a single output f the classes 0 and f."""
    return list(forms) if len(forms) > 1 else [tuple(0 * c for c in forms[0]), forms[0]]


def in_polygon(corners: Sequence[Vector], forms: Sequence[Form], point: Vector) -> PlaneDecision:
    """The classes of a convex polygon, in rationals; the distance is from a point to all classes but the one there."""
    parts: dict[int, list[Vector]] = {}
    for c, own in enumerate(forms):
        if any(tuple(forms[d]) == tuple(own) for d in range(c)):
            continue
        part = list(corners)
        for other in forms:
            part = clip(part, minus(own, other))
        if area(part) > 0:
            parts[c] = part
    pieces = {(c, d) for c, d in combinations(parts, 2) if _length(parts[c], minus(forms[c], forms[d])) > 0}
    values = [at(form, point) for form in forms]
    own_class = values.index(max(values))
    away = [_distance(point, part) for c, part in parts.items() if c != own_class]
    return PlaneDecision(parts, pieces, min(away, default=inf))


def at(form: Form, point: Sequence[Fraction]) -> Fraction:
    """The value of a form."""
    return form[0] + sum((c * x for c, x in zip(form[1:], point, strict=True)), Fraction(0))


def _length(part: Sequence[Vector], form: Form) -> Fraction:
    """The largest squared distance of two corners on a line: 0 unless an edge lies on it."""
    on = [corner for corner in part if at(form, corner) == 0]
    return max((sum((d**2 for d in minus(p, q)), Fraction(0)) for p in on for q in on), default=Fraction(0))


def _distance(point: Vector, part: Sequence[Vector]) -> float:
    """From a point to a convex polygon: 0 inside, else to the nearest edge."""
    turns = []
    best = None
    for start, end in zip(part, [*part[1:], *part[:1]], strict=True):
        along, to = minus(end, start), minus(point, start)
        length = along[0] ** 2 + along[1] ** 2
        if length == 0:
            continue
        turns.append(along[0] * to[1] - along[1] * to[0])
        share = min(Fraction(1), max(Fraction(0), (along[0] * to[0] + along[1] * to[1]) / length))
        gap = (to[0] - share * along[0]) ** 2 + (to[1] - share * along[1]) ** 2
        best = gap if best is None else min(best, gap)
    if best is None or all(turn >= 0 for turn in turns) or all(turn <= 0 for turn in turns):
        return 0.0
    return sqrt(best)


# ---- any dimension, in floating point ------------------------------------------------------------------------------


def relu_rows(layers: Layers, point: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows A x <= b of a ReLU network's region of a point, and the forms of its outputs (outputs, n + 1)."""
    forms = np.column_stack([np.zeros(point.size), np.eye(point.size)])
    rows = []
    for number, (weight, bias) in enumerate(layers):
        forms = weight @ forms
        forms[:, 0] += bias
        if number == len(layers) - 1:
            break
        on = forms[:, 0] + forms[:, 1:] @ point > 0
        rows.append(np.where(on, -1.0, 1.0)[:, None] * forms)
        forms = forms * on[:, None]
    every = np.concatenate(rows)
    every = every[np.linalg.norm(every[:, 1:], axis=1) > 0]
    return every[:, 1:], -every[:, 0], forms


def most_lead(rows: np.ndarray, offsets: np.ndarray, limits: np.ndarray, forms: np.ndarray, winner: int) -> float:
    """The largest lead of a class over all others on A x <= b within limits (n, 2), at most 1."""
    others = np.delete(np.arange(len(forms)), winner)
    gaps = forms[others] - forms[winner]
    matrix = np.block([[rows, np.zeros((len(rows), 1))], [gaps[:, 1:], np.ones((len(others), 1))]])
    right = np.concatenate([offsets, -gaps[:, 0]])
    cost = np.append(np.zeros(rows.shape[1]), -1.0)
    found = linprog(cost, matrix, right, bounds=[*map(tuple, limits), (None, 1.0)], method="highs")
    return float(-found.fun)


def most_common_lead(
    rows: np.ndarray, offsets: np.ndarray, limits: np.ndarray, forms: np.ndarray, pair: tuple[int, int]
) -> float:
    """The largest lead of two classes over all others where these are level, at most 1; -inf where they never are."""
    others = np.delete(np.arange(len(forms)), pair)
    gaps, level = forms[others] - forms[pair[0]], forms[pair[0]] - forms[pair[1]]
    matrix = np.block([[rows, np.zeros((len(rows), 1))], [gaps[:, 1:], np.ones((len(others), 1))]])
    right = np.concatenate([offsets, -gaps[:, 0]])
    cost = np.append(np.zeros(rows.shape[1]), -1.0)
    found = linprog(
        cost,
        matrix,
        right,
        A_eq=np.append(level[1:], 0.0)[None],
        b_eq=[-level[0]],
        bounds=[*map(tuple, limits), (None, 1.0)],
        method="highs",
    )
    return float(-found.fun) if found.status == 0 else -inf


def projected_distance(rows: np.ndarray, offsets: np.ndarray, point: np.ndarray) -> float:
    """The distance of a point to {A x <= b}; inf where that is empty (Lawson and Hanson 1974, chapter 23)."""
    matrix = np.vstack([-rows.T, (rows @ point - offsets)[None]])
    target = np.append(np.zeros(point.size), 1.0)
    multipliers, _ = nnls(matrix, target, maxiter=100 * len(rows))
    residual = matrix @ multipliers - target
    if np.linalg.norm(residual) < 1e-9:
        return inf
    return float(np.linalg.norm(residual[:-1] / residual[-1]))
