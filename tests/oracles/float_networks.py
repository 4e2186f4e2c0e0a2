"""The random networks of `random_networks` with float32 numbers: generic, or degenerate but for one rounding.

A case keeps its family, its shape and its domain; only the numbers of its affine nodes are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from .neutral import Affine, Net
from .random_networks import FAMILIES, Case, random_case

KINDS = ("generic", "dyadic", "generic", "nudged")
"""The kinds of the seeds in turn: half of all networks are generic, half degenerate or a rounding away from it."""


def float_case(
    seed: int,
    kind: str | None = None,
    families: Sequence[str] = FAMILIES,
    *,
    dimensions: tuple[int, int] = (1, 2),
    units: int = 4,
) -> Case:
    """The case of a seed; all of its numbers are float32.

    Kinds: `generic` (normal weights), `dyadic` (small integers and halves, degenerate often), `nudged` (those, each
    number moved by at most one unit in its last float32 place; zeros stay). By default `KINDS` in turn.
    """
    kind = KINDS[seed % len(KINDS)] if kind is None else kind
    case = random_case(seed, families, dimensions=dimensions, units=units)
    generator = np.random.default_rng([seed, 23])
    if kind == "generic":
        return replace(case, net=_with_numbers(case.net, lambda _: _float32(generator.normal())))
    if kind == "nudged":
        return replace(case, net=_with_numbers(case.net, lambda value: _nudged(value, generator)))
    if kind != "dyadic":
        raise ValueError(f"unknown kind {kind!r}")
    return case


def _with_numbers(net: Net, change: Callable[[Fraction], Fraction]) -> Net:
    def changed(node: Affine) -> Affine:
        weight = tuple(tuple(change(value) for value in row) for row in node.weight)
        return replace(node, weight=weight, bias=tuple(change(value) for value in node.bias))

    return Net(tuple(changed(node) if isinstance(node, Affine) else node for node in net.nodes), net.output)


def _float32(value: float) -> Fraction:
    return Fraction(float(np.float32(value)))


def _nudged(value: Fraction, generator: np.random.Generator) -> Fraction:
    stored = np.float32(float(value))
    target = np.float32((-np.inf, float(stored), np.inf)[int(generator.integers(3))])
    return Fraction(float(np.nextafter(stored, target))) if value else value
