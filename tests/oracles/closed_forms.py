"""Counts that are known by theorem, and networks that have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import comb, nextafter, prod
from random import Random
from typing import Any

from .neutral import Net, activation, exact_matrix, mlp


def zaslavsky(hyperplanes: int, dimension: int) -> int:
    """The regions of hyperplanes in general position (Zaslavsky 1975)."""
    return sum(comb(hyperplanes, j) for j in range(min(hyperplanes, dimension) + 1))


def central(hyperplanes: int, dimension: int) -> int:
    """The regions of generic hyperplanes through the origin (Schlaefli; Zaslavsky 1975)."""
    return 2 * sum(comb(hyperplanes - 1, j) for j in range(dimension))


def parallel_classes(sizes: Sequence[int], dimension: int) -> int:
    """The regions of generic directions with `sizes` parallel hyperplanes each (Zaslavsky 1975): symmetric sums."""
    return sum(prod(chosen) for j in range(dimension + 1) for chosen in combinations(sizes, j))


def grid(sizes: Sequence[int]) -> int:
    """The boxes of an axis-aligned grid with `sizes` hyperplanes per axis."""
    return prod(size + 1 for size in sizes)


def lines_in_window(lines: Sequence[Sequence[Any]], corners: Sequence[Sequence[Any]]) -> int:
    """The parts of a convex window: 1 + lines through its interior + (multiplicity - 1) per interior meeting point.

    A line is (c, a, b): c + a x + b y = 0; repeated lines count once, and (c, 0, 0) is none.
    """
    window = exact_matrix(corners)

    def through_interior(line: Sequence[Fraction]) -> bool:
        heights = [line[0] + line[1] * x + line[2] * y for x, y in window]
        return min(heights) < 0 < max(heights)

    def leading_one(line: Sequence[Fraction]) -> tuple[Fraction, ...]:
        lead = line[1] or line[2]
        return tuple(value / lead for value in line)

    distinct = {leading_one(line) for line in exact_matrix(lines) if any(line[1:]) and through_interior(line)}
    through: dict[tuple[Fraction, Fraction], set[tuple[Fraction, ...]]] = {}
    for first, second in combinations(distinct, 2):
        (c, a, b), (f, d, e) = first, second
        determinant = a * e - b * d
        if determinant:
            point = ((b * f - c * e) / determinant, (c * d - a * f) / determinant)
            if _strictly_inside(point, window):
                through.setdefault(point, set()).update((first, second))
    return 1 + len(distinct) + sum(len(found) - 1 for found in through.values())


def _strictly_inside(point: tuple[Fraction, Fraction], window: Sequence[Sequence[Fraction]]) -> bool:
    turns = []
    for (ax, ay), (bx, by) in zip(window, [*window[1:], *window[:1]], strict=True):
        turns.append((bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax))
    return all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns)


def one_layer(forms: Sequence[Sequence[Any]], name: str = "relu") -> Net:
    """The network whose units are the forms (c, a_1, ..., a_n), with distinct positive read-out weights."""
    weight = [list(form[1:]) for form in forms]
    readout = [[3**i for i in range(len(forms))]]
    return mlp([(weight, [form[0] for form in forms]), (readout, [0])], name)


def grid_forms(sizes: Sequence[int]) -> list[list[int]]:
    """Axis-aligned hyperplanes x_i = 1, ..., sizes[i], the domain being (0, sizes[i] + 1) per axis."""
    return [[-k, *(int(j == i) for j in range(len(sizes)))] for i, size in enumerate(sizes) for k in range(1, size + 1)]


def resonance_forms(dimension: int) -> list[list[int]]:
    """All normals in {0, 1}^d but 0, through the origin: 2, 6, 32, 370, 11292 regions (OEIS A034997)."""
    return [[0, *((k >> i) & 1 for i in range(dimension))] for k in range(1, 2**dimension)]


def braid_forms(dimension: int) -> list[list[int]]:
    """x_i = x_j: d! regions."""
    return [[0, *(int(k == i) - int(k == j) for k in range(dimension))] for i, j in combinations(range(dimension), 2)]


def type_b_forms(dimension: int) -> list[list[int]]:
    """x_i = 0 and x_i = +- x_j: 2^d d! regions."""
    axes = [[0, *(int(k == i) for k in range(dimension))] for i in range(dimension)]
    pairs = combinations(range(dimension), 2)
    mixed = [[0, *(int(k == i) + s * int(k == j) for k in range(dimension))] for i, j in pairs for s in (1, -1)]
    return axes + mixed


def tangent_forms(count: int, dimension: int) -> list[list[Fraction]]:
    """Hyperplanes in general position all of whose regions meet the open unit cube.

    Hyperplane t holds the centered points e with t^d - e_1 t^(d-1) + e_2 t^(d-2) - ... = 0. A polynomial of degree d
    has at most d roots, so no d + 1 of them meet; d of them meet where e holds the elementary symmetric sums of their
    t, which is near the center for small t. None of the t is 0, so every unit depends on every coordinate.
    """
    steps = max(64, 2 ** (4 * count * dimension).bit_length())
    forms = []
    for j in range(count):
        t = Fraction(4 * j - 2 * count + 1, steps)
        normal = [(-1) ** k * t ** (dimension - k) for k in range(1, dimension + 1)]
        constant = t**dimension - sum(normal) / 2
        forms.append([constant, *normal])
    return forms


def folding_network(
    dimension: int, folds: int, layers: int, last: int, *, sign_choice: bool = True, width: int | None = None
) -> Net:
    """A network with folds^(d (layers - 1)) Z(last, d) regions in the unit cube (Montufar et al. 2014, Theorem 4).

    Every hidden layer but the last folds the cube `folds` times per coordinate with d * folds units; surplus units up
    to `width` are dead. With `sign_choice` the pattern "all last units off" does not occur (needs last > d), so that
    all regions have distinct maps.
    """
    if sign_choice and last <= dimension:
        raise ValueError("expected more last units than inputs, else every sign pattern occurs")
    width = dimension * folds if width is None else width
    fold = [
        [(folds if i == 0 else 2 * folds) * int(k == j) for k in range(dimension)]
        for j in range(dimension)
        for i in range(folds)
    ]
    shift = [-2 * i for _ in range(dimension) for i in range(folds)]
    fold += [[0] * dimension] * (width - dimension * folds)
    shift += [-1] * (width - dimension * folds)
    readout = [[(-1) ** i * int(k == j) for k in range(dimension) for i in range(folds)] for j in range(dimension)]
    readout = [row + [0] * (width - dimension * folds) for row in readout]

    # Monic polynomials of degree d have every sign vector with fewer than d changes on an increasing row of t, and
    # those with d changes that end in +; one that alternates and ends in - is missing: units on in it are turned.
    turned = [(-1 if sign_choice and (last - 1 - j) % 2 else 1) for j in range(last)]
    final = [[s * value for value in form] for s, form in zip(turned, tangent_forms(last, dimension), strict=True)]
    stages = [(fold, shift)] * (layers - 1) + [([form[1:] for form in final], [form[0] for form in final])]
    chained = [stages[0], *((_after(weight, readout), bias) for weight, bias in stages[1:])]
    return mlp([*chained, ([[3**j for j in range(last)]], [0])])


def _after(weight: Sequence[Sequence[Any]], readout: Sequence[Sequence[int]]) -> list[list[Any]]:
    columns = list(zip(*readout, strict=True))
    return [[sum(w * r for w, r in zip(row, column, strict=True)) for column in columns] for row in weight]


def tent_network(compositions: int) -> Net:
    """The tent map of [0, 1] composed with itself: 2^k pieces there (Telgarsky 2015)."""
    first = ([[2], [4]], [0, -2])
    later = ([[2, -2], [4, -4]], [0, -2])
    return mlp([first, *[later] * (compositions - 1), ([[1, -1]], [0])])


def crossing_within_an_ulp(seed: int) -> Net:
    """The x-axis, cut by several lines x = 1/2 + less than one unit in the last place, and a second layer."""
    rng = Random(seed)
    forms = [[0.0, 0.0, 1.0], [0.25, 0.0, 1.0]]
    for k in rng.sample([1, 3, 5, 7, 9, 11, 13], 5):
        sign, moved = rng.choice([-1, 1]), rng.random() < 0.5
        forms.append([-sign * (nextafter(k / 2, 9.0) if moved else k / 2), float(sign * k), 0.0])
    second = [[rng.choice([-2, -1, 0, 1, 2]) for _ in forms] for _ in range(3)]
    biases = [rng.choice([-1, 0, 1]) for _ in range(3)]
    first = ([form[1:] for form in forms], [form[0] for form in forms])
    return mlp([first, (second, biases), ([[1, 3, 9]], [0])])


def published_example() -> Net:
    """max(-y, min(0, -x)): 5 activation regions, 3 linear, 3 affine (Stargalla et al. 2025, arXiv 2505.16716)."""
    first = ([[1, 0], [0, 1], [0, -1]], [0, 0, 0])
    second = ([[1, -1, 1], [1, 0, 0]], [0, 0])
    return mlp([first, second, ([[1, -1]], [0])])


def absolute_network(forms: Sequence[Sequence[Any]]) -> Net:
    """Absolute values of forms, by one unit each."""
    layers = [("affine", [list(f[1:]) for f in forms], [f[0] for f in forms]), activation("abs", len(forms))]
    return Net.chain(len(forms[0]) - 1, [*layers, ("affine", [[1] * len(forms)], [0])])


@dataclass(frozen=True)
class FoldCase:
    """One row of the folding table: counts in the open unit cube, and (`whole`) on the whole line for d = 1."""

    dimension: int
    folds: int
    layers: int
    last: int
    activation: int
    affine_unsigned: int | None = None
    whole: int | None = None

    @property
    def predicted(self) -> int:
        """folds^(d (layers - 1)) Z(last, d): Montufar, Pascanu, Cho, Bengio 2014, Theorem 4."""
        copies: int = self.folds ** (self.dimension * (self.layers - 1))
        return copies * zaslavsky(self.last, self.dimension)


FOLD_CASES = (
    FoldCase(2, 2, 2, 4, 44, 41),
    FoldCase(2, 2, 2, 5, 64, 61),
    FoldCase(2, 3, 2, 6, 198, 190),
    FoldCase(2, 2, 3, 4, 176, 161),
    FoldCase(2, 2, 3, 6, 352, 337),
    FoldCase(2, 4, 2, 8, 592, 577),
    FoldCase(1, 2, 2, 2, 6, whole=7),
    FoldCase(1, 3, 3, 3, 36, whole=37),
    FoldCase(1, 2, 5, 2, 48, whole=50),
    FoldCase(1, 5, 4, 5, 750, whole=751),
)
"""The last column of two-input rows: distinct maps when "all off" occurs, one for all folds^(d (layers - 1)) copies."""
