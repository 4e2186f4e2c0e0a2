"""No network has more regions than a bound says: random networks of every kind, searched ones, and known ones."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise, product
from math import comb, prod
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import vitrail
from oracles import exact
from oracles.brute import patterns_by_elimination
from oracles.neutral import Net, activation
from oracles.random_networks import random_case
from oracles.space import space
from translate import to_network
from vitrail import constructions
from vitrail.bounds import Architecture, BoundsTable, Need, Setting, available, table
from vitrail.bounds.bounds_table import on_expectation
from vitrail.bounds.from_network import setting_of
from vitrail.domains import Domain, Space
from vitrail.network.graph import Graph, Node
from vitrail.network.ops.base import Input
from vitrail.network.ops.convolution import Convolution
from vitrail.network.ops.elementwise import Elementwise, relu

DEFINITIONS = ("activation", "linear", "affine")

# ---- the checkers ---------------------------------------------------------------------------------------------------


def violations(found: BoundsTable, count: int) -> list[str]:
    """The rows that no network in question may exceed, and that a count exceeds."""
    return [f"{row.name}: {row.value} < {count}" for row in found if row.kind.above and row.value < count]


def contradictions(found: BoundsTable) -> list[str]:
    """Values on the maximum over an architecture that contradict each other: from below, from above, both."""
    rows = [row for row in found if not on_expectation(row) and row.statement.needs == {Need.ARCHITECTURE}]
    return [
        f"{low.name}: {low.value} > {high.name}: {high.value}"
        for low in rows
        for high in rows
        if low.kind.below and high.kind.above and low.value > high.value
    ]


@dataclass
class Tally:
    """What a sweep saw: networks, wrong rows, and how often every bound applied and was attained."""

    networks: int = 0
    wrong: list[str] = field(default_factory=list)
    applied: Counter[str] = field(default_factory=Counter)
    attained: Counter[str] = field(default_factory=Counter)
    counts: list[int] = field(default_factory=list)

    def add(self, where: str, found: BoundsTable, count: int) -> None:
        """Check one count against one table."""
        self.networks += 1
        self.counts.append(count)
        self.wrong += [f"{where}: {text}" for text in [*violations(found, count), *contradictions(found)]]
        above = [row for row in found if row.kind.above]
        self.applied.update(row.name for row in above)
        self.attained.update(row.name for row in above if row.value == count)

    def report(self) -> str:
        """A line per bound, for whoever runs the long sweeps."""
        lines = [f"{self.networks} tables, {len(self.wrong)} violations, counts up to {max(self.counts, default=0)}"]
        lines += [f"{name:26} {self.attained[name]:6} of {times:6}" for name, times in sorted(self.applied.items())]
        return "\n".join(lines)


# ---- random networks in plain numbers -------------------------------------------------------------------------------

STYLES = ("signs", "small", "large", "low rank", "repeated", "sparse")
TWO_PIECES = ("relu", "leaky_relu", "abs")


@dataclass
class Draft:
    """A network in the making: nodes in order, with random affine maps in which degeneracy is common."""

    rng: np.random.Generator
    inputs: int
    biased: bool = True
    degenerate: bool = True
    raw: list[tuple[Any, ...]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.raw, self.sizes = [("input", self.inputs)], [self.inputs]

    def integer(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def one_of(self, words: Sequence[str]) -> str:
        """One of some words."""
        return words[self.integer(0, len(words) - 1)]

    def node(self, raw: tuple[Any, ...], size: int) -> int:
        """A node; returns its index."""
        self.raw.append(raw)
        self.sizes.append(size)
        return len(self.raw) - 1

    def affine(self, source: int, size: int) -> int:
        """A random affine map of a node."""
        columns = self.sizes[source]
        style = self.one_of(STYLES) if self.degenerate else "large"
        largest = {"signs": 1, "large": 99}.get(style, 3)
        weight = self.rng.integers(-largest, largest + 1, (size, columns))
        bias = self.rng.integers(-largest, largest + 1, size)
        if style == "low rank":
            weight = self.rng.integers(-3, 4, (size, 1)) @ self.rng.integers(-3, 4, (1, columns))
        elif style == "repeated":
            factors = self.rng.integers(-1, 3, size)
            weight, bias = np.outer(factors, weight[0]), factors * bias[0] + self.rng.integers(0, 2, size)
        elif style == "sparse":
            weight = weight * self.rng.integers(0, 2, weight.shape)
        if not self.biased:
            bias = np.zeros_like(bias)
        return self.node(("affine", weight.tolist(), bias.tolist(), source), size)

    def bend(self, source: int, *names: str) -> int:
        """Units with one of some activations (all the same), or each with its own for "mixed" and "prelu"."""
        size, name = self.sizes[source], self.one_of(names or TWO_PIECES)
        if name == "mixed":
            parts = [activation(self.one_of((*TWO_PIECES, "hardtanh")), 1) for _ in range(size)]
        elif name == "prelu":
            left = [Fraction(int(s), 4) for s in self.rng.choice([0, 0, 4, 1, -4, 8], size)]
            left[0] = Fraction(0) if set(left) == {1} else left[0]
            # a slope of 1 bends nothing: such a unit has one piece
            parts = [("elementwise", [[]], [[1]], [[0]]) if s == 1 else activation("leaky_relu", 1, s) for s in left]
        else:
            parts = [activation(name, size)]
        points, slopes, intercepts = ([row for part in parts for row in part[place]] for place in (1, 2, 3))
        return self.node(("elementwise", points, slopes, intercepts, source), size)

    def layer(self, source: int, size: int, *names: str) -> int:
        """An affine map and units."""
        return self.bend(self.affine(source, size), *names)

    def maxout(self, source: int, ranks: Sequence[int]) -> int:
        """Units that take the largest (sometimes the smallest) of candidates of their own."""
        starts = np.cumsum([0, *ranks]).tolist()
        candidates = self.affine(source, starts[-1])
        groups = [list(range(a, b)) for a, b in pairwise(starts)]
        return self.node(("max", groups, 1 if self.integer(0, 3) else -1, candidates), len(groups))

    def pool(self, source: int) -> int:
        """Overlapping windows of a node."""
        size = self.sizes[source]
        width = min(size, self.integer(2, 3))
        groups = [list(range(start, start + width)) for start in range(size - width + 1)]
        return self.node(("max", groups, 1, source), len(groups))

    def join(self, left: int, right: int) -> int:
        """The sum of two nodes of one size, else both side by side."""
        if self.sizes[left] == self.sizes[right] and self.integer(0, 1):
            return self.node(("add", left, right), self.sizes[left])
        return self.node(("concat", left, right), self.sizes[left] + self.sizes[right])

    def net(self, last: int) -> Net:
        """The network, read out by an affine map or not."""
        if self.integer(0, 4):
            self.affine(last, self.integer(1, 2))
        return Net.build(self.raw)


def chain(*names: str) -> Callable[[Draft], int]:
    """Layers one after the other."""

    def build(draft: Draft) -> int:
        node, budget = 0, 5 if set(names) & {"hardtanh", "mixed"} else 7
        for _ in range(draft.integer(1, 3)):
            size = min(draft.integer(1, 4), budget)
            budget -= size
            node = draft.layer(node, size, *names) if size else node
        return node

    return build


def maxout(draft: Draft) -> int:
    node = 0
    for _ in range(draft.integer(1, 2)):
        node = draft.maxout(node, [3] * draft.integer(1, 2))
    return node


def ranks(draft: Draft) -> int:
    """Maxout units of different ranks, some of rank 1, and ReLU units behind or before them."""
    node = draft.layer(0, draft.integer(1, 2), "relu") if draft.integer(0, 1) else 0
    node = draft.maxout(node, [draft.integer(1, 4) for _ in range(draft.integer(1, 2))])
    return draft.layer(node, draft.integer(1, 2), "relu", "abs")


def pooled(draft: Draft) -> int:
    node = draft.pool(draft.layer(0, draft.integer(2, 4), "relu", "abs"))
    return draft.layer(node, draft.integer(1, 2), "relu")


def narrowed(draft: Draft) -> int:
    """Affine maps into one or two numbers between the layers, or before the first."""
    node = draft.affine(0, draft.integer(1, 2)) if draft.integer(0, 2) == 0 else 0
    node = draft.layer(node, draft.integer(1, 4), "relu", "abs")
    node = draft.layer(draft.affine(node, draft.integer(1, 2)), draft.integer(1, 3), "relu", "abs")
    return draft.layer(node, 1, "relu", "abs")


def skipping(draft: Draft) -> int:
    """Layers that read the input, or an earlier layer, next to the one before."""
    layers = [0]
    for _ in range(draft.integer(2, 3)):
        earlier = layers[draft.integer(0, len(layers) - 1)]
        source = layers[-1] if len(layers) == 1 else draft.join(layers[-1], earlier)
        layers.append(draft.layer(source, draft.integer(1, 2)))
    return layers[-1]


def residual(draft: Draft) -> int:
    """x + block(x), twice, with layers between."""
    size = draft.integer(1, 2)
    node = draft.layer(0, size) if draft.integer(0, 1) else draft.affine(0, size)
    for _ in range(2):
        block = draft.affine(draft.layer(node, draft.integer(1, 2)), size)
        node = draft.node(("add", node, block), size)
        node = draft.bend(node) if draft.integer(0, 1) else node
    return node


def branching(draft: Draft) -> int:
    """Two branches that part behind a layer (or the input) and meet before another one, or at the output."""
    trunk = draft.layer(0, draft.integer(1, 2)) if draft.integer(0, 1) else 0
    left, right = draft.layer(trunk, draft.integer(1, 2)), draft.layer(trunk, draft.integer(1, 2))
    if draft.integer(0, 1):
        right = draft.layer(right, 1)
    met = draft.join(left, right)
    return draft.layer(met, draft.integer(1, 2)) if draft.integer(0, 3) else met


def three_and_one(draft: Draft) -> int:
    """The widths of the bound for two inputs and layers of three units and one."""
    return draft.layer(draft.layer(0, 3, "relu"), 1, "relu")


KINDS: dict[str, Callable[[Draft], int]] = {
    **{name: chain(name) for name in ("relu", "leaky_relu", "abs", "hardtanh", "relu6", "prelu", "mixed")},
    "several activations": chain(*TWO_PIECES, "prelu"),
    "maxout": maxout,
    "ranks": ranks,
    "pooled": pooled,
    "narrowed": narrowed,
    "skipping": skipping,
    "residual": residual,
    "branching": branching,
    "three and one": three_and_one,
}


def draw(kind: str, seed: int, inputs: Sequence[int]) -> Net:
    """The network of a seed, of one of some numbers of inputs."""
    rng = np.random.default_rng([seed, *map(ord, kind)])
    draft = Draft(rng, int(rng.choice(inputs)), bool(rng.integers(0, 5)), bool(rng.integers(0, 5) < 3))
    return draft.net(KINDS[kind](draft))


def named(net: vitrail.Network) -> vitrail.Network:
    """The same network with activations by the names that imported models have, on which some conditions rest."""
    nodes = [
        replace(node, op=_named(node.op)) if isinstance(node.op, Elementwise) else node for node in net.graph.nodes
    ]
    return vitrail.Network(Graph(tuple(nodes), net.graph.output, "arrays"))


def _named(op: Elementwise) -> Elementwise:
    for name in ("relu", "leaky_relu", "abs", "hardtanh", "relu6"):
        _, points, slopes, _ = activation(name, op.units)
        if np.array_equal(op.breakpoints.T, points) and np.array_equal(op.slopes.T, np.array(slopes, dtype=float)):
            return replace(op, kind=name)
    return replace(op, kind="prelu" if not op.breakpoints[np.isfinite(op.breakpoints)].any() else "mixed")


def patterns_everywhere(net: Net) -> int:
    """The activation regions of the whole input space, by the oracles."""
    inputs = net.sizes[0]
    if inputs == 1:
        return len(exact.whole_line(net, [0], [1]).patterns())
    if inputs == 2:
        return len(exact.whole_plane_patterns(net))
    return len(space(net, []).cells)


# ---- random networks, whole space, counted by the oracles -----------------------------------------------------------


def sweep(kind: str, seeds: Iterable[int], inputs: Sequence[int]) -> Tally:
    """Random networks of a kind on their whole input space, counted by the oracles."""
    tally = Tally()
    for seed in seeds:
        net = draw(kind, seed, inputs)
        tally.add(f"{kind} {seed}", table(named(to_network(net)), count=None), patterns_everywhere(net))
    return tally


@cache
def small_sweep(kind: str) -> Tally:
    return sweep(kind, range(40), (1, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_random_networks_of_one_and_two_inputs(kind: str) -> None:
    tally = small_sweep(kind)
    assert tally.wrong == []
    assert sum(count > 2 for count in tally.counts) > tally.networks / 3


@pytest.mark.parametrize("kind", KINDS)
def test_random_networks_of_three_and_four_inputs(kind: str) -> None:
    tally = sweep(kind, range(6), (3, 4))
    assert tally.wrong == []
    assert max(tally.counts) > 4


def test_random_networks_of_the_oracles() -> None:
    """Extremes of two branches, pools, residual sums and others, all of them of tiny and often degenerate weights."""
    tally = Tally()
    for seed in range(120):
        case = random_case(seed)
        tally.add(
            f"{case.family} {seed}", table(named(to_network(case.net)), count=None), patterns_everywhere(case.net)
        )
    assert tally.wrong == []


def test_every_upper_bound_is_among_them() -> None:
    """All but those of convolutions, below, and one that is for linear regions only."""
    applied: set[str] = set()
    for kind in KINDS:
        applied |= set(small_sweep(kind).applied)
    upper = {row.name for row in available() if row.kind.above}
    assert upper - applied == {"xiong2020", "xiong2020_upper", "pascanu2013"}


def test_the_oracles_agree_on_some() -> None:
    """Every pattern tried one by one, against the cells that the count rests on."""
    for kind in KINDS:
        net = draw(kind, 3, (2,))
        if prod(net.pieces_per_unit) <= 300:
            assert len(patterns_by_elimination(net, [])) == patterns_everywhere(net), kind


# ---- all definitions and domains, counted by Vitrail ----------------------------------------------------------------


def domains_of(inputs: int, rng: np.random.Generator) -> Iterator[Domain]:
    """The whole space, a box, and lower-dimensional domains through small integers, not all of them near the origin."""
    point = rng.integers(-3, 4, inputs).astype(float)
    yield Space((inputs,))
    yield vitrail.Box(point - 2.0, point + 3.0)
    step = rng.integers(1, 4, inputs) * rng.choice([-1.0, 1.0], inputs)
    yield vitrail.Segment(point, point + 5 * step)
    yield vitrail.Line(point, point + step)
    if inputs > 2:
        across = np.eye(inputs)[0] - np.eye(inputs)[1]
        yield vitrail.Plane(point, np.abs(step), across, lo=[-4.0, -4.0], hi=[4.0, 4.0])
    if inputs > 3:
        yield vitrail.domains.Slice(point, np.triu(np.ones((3, inputs))), lo=-3.0, hi=3.0)


def count_everywhere(net: vitrail.Network, where: str, domains: Iterable[Domain]) -> Tally:
    """All definitions on some domains, counted by Vitrail, all of them exactly."""
    tally = Tally()
    for domain in domains:
        regions = vitrail.enumerate_regions(net, domain)
        for definition in DEFINITIONS:
            count = regions.count(definition)
            assert count.status.proven
            found = table(net, domain, count=None, definition=definition)
            tally.add(f"{where}, {count.domain}, {definition}", found, int(count))
    return tally


@pytest.mark.parametrize("kind", KINDS)
def test_all_definitions_and_domains(kind: str) -> None:
    for seed, inputs in enumerate((2, 4) if kind in ("relu", "skipping") else (1 + len(kind) % 2, 3), start=100):
        plain = draw(kind, seed, (inputs,))
        domains = list(domains_of(inputs, np.random.default_rng(seed)))
        tally = count_everywhere(named(to_network(plain)), f"{kind} {seed}", domains)
        assert tally.wrong == []
        assert tally.counts[0] == patterns_everywhere(plain)


# ---- convolutions ---------------------------------------------------------------------------------------------------

Modules = list[nn.Module]
CONVOLUTIONS: dict[str, tuple[tuple[int, ...], Callable[[], Modules]]] = {
    "one layer": ((1, 3), lambda: [nn.Conv1d(1, 2, 2), nn.ReLU()]),
    "one layer, no bias": ((1, 3), lambda: [nn.Conv1d(1, 2, 2, bias=False), nn.ReLU()]),
    "strides": ((1, 4), lambda: [nn.Conv1d(1, 2, 2, stride=2), nn.ReLU()]),
    "padding": ((1, 3), lambda: [nn.Conv1d(1, 1, 3, padding=1), nn.ReLU(), nn.Conv1d(1, 1, 2), nn.ReLU()]),
    "two layers": ((1, 4), lambda: [nn.Conv1d(1, 2, 2), nn.ReLU(), nn.Conv1d(2, 1, 2), nn.ReLU()]),
    "two channels": ((2, 2), lambda: [nn.Conv1d(2, 3, 1), nn.ReLU(), nn.Conv1d(3, 2, 2), nn.ReLU()]),
    "two axes": ((1, 2, 2), lambda: [nn.Conv2d(1, 2, (1, 2)), nn.ReLU(), nn.Conv2d(2, 2, (2, 1)), nn.ReLU()]),
    "two axes, padding": ((1, 2, 2), lambda: [nn.Conv2d(1, 1, 2, padding=1), nn.ReLU(), nn.MaxPool2d(2)]),
    "pooling": ((1, 4), lambda: [nn.Conv1d(1, 2, 2), nn.ReLU(), nn.MaxPool1d(2, stride=1)]),
    "pooling without units": ((1, 3), lambda: [nn.Conv1d(1, 2, 2), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(2, 2)]),
    "padded pooling": ((1, 3), lambda: [nn.Conv1d(1, 1, 1), nn.MaxPool1d(3, stride=1, padding=1)]),
    "means": (
        (1, 4),
        lambda: [nn.Conv1d(1, 2, 2), nn.ReLU(), nn.AvgPool1d(2, stride=1), nn.Conv1d(2, 1, 1), nn.ReLU()],
    ),
    "dense behind": ((1, 3), lambda: [nn.Conv1d(1, 1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 3), nn.ReLU()]),
    "groups and gaps": (
        (2, 2),
        lambda: [nn.Conv1d(2, 2, 1, groups=2), nn.ReLU(), nn.Conv1d(2, 1, 2, padding=1), nn.ReLU()],
    ),
}


def with_integers(modules: Modules, seed: int, largest: int) -> nn.Sequential:
    """The modules with random small integers as weights."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(*modules).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.from_numpy(rng.integers(-largest, largest + 1, tuple(parameter.shape)).astype(float)))
    return model


def unrolled(model: nn.Sequential, shape: tuple[int, ...]) -> Net:
    """The plain network of affine, ReLU and pooling modules: a matrix from the images of unit vectors."""
    layers: list[Sequence[Any]] = []
    inputs = prod(shape)
    for module in model:
        size = prod(shape)
        units = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
        with torch.no_grad():
            images, offset = module(units), module(torch.zeros_like(units[:1]))
        rows, shift = images.reshape(size, -1).T, offset.reshape(-1)
        if isinstance(module, nn.ReLU):
            layers.append(activation("relu", size))
        elif isinstance(module, nn.MaxPool1d | nn.MaxPool2d):
            layers.append(("max", [np.flatnonzero(row > 0).tolist() for row in rows.numpy()], 1))
        else:
            layers.append(("affine", (rows - shift[:, None]).tolist(), shift.tolist()))
        shape = tuple(images.shape[1:])
    return Net.chain(inputs, layers)


def imported(model: nn.Module, *shape: int) -> vitrail.Network:
    return vitrail.Network.from_torch(model, torch.zeros(1, *shape, dtype=torch.float64))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name: str) -> None:
    shape, modules = CONVOLUTIONS[name]
    tally = Tally()
    for seed, largest in enumerate((3, 50) if prod(shape) > 3 else (1, 3, 50, 99)):
        model = with_integers(modules(), seed, largest)
        net = imported(model, *shape)
        count = patterns_everywhere(unrolled(model, shape))
        tally.add(f"{name} {seed}", table(net, count=None), count)
        if largest == 50:
            assert int(vitrail.count_regions(net, Space(shape))) == count
            line = vitrail.Segment(-np.ones(shape), np.arange(1.0, 1.0 + prod(shape)).reshape(shape))
            tally.add(f"{name} {seed}, segment", table(net, line, count=None), vitrail.count_regions(net, line))
    assert tally.wrong == []
    assert max(tally.counts) > 3
    plain = [module for module in modules() if not isinstance(module, nn.ReLU)]
    if len(plain) == 1 and isinstance(plain[0], nn.Conv1d) and plain[0].bias is not None:
        assert tally.attained["xiong2020"] > 0


class Wired(nn.Module):
    """Two inputs, and what torch makes of them in one step of a block."""

    def __init__(self, join: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)
        self.join = join

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = torch.relu(self.first(x))
        return torch.relu(self.last(self.join(left, self.second(left))))


TORCH: dict[str, Callable[[], list[nn.Module]]] = {
    "shrinking": lambda: [nn.Linear(2, 2), nn.Softshrink(1.0), nn.Linear(2, 2), nn.ReLU()],
    "clamps": lambda: [nn.Linear(2, 2), nn.Hardtanh(0.0, 6.0), nn.Linear(2, 2), nn.ReLU6()],
    "negative slope": lambda: [nn.Linear(2, 2), nn.LeakyReLU(-1.0), nn.Linear(2, 2), nn.LeakyReLU(0.0)],
    "slopes of units": lambda: [nn.Linear(2, 3), nn.PReLU(3), nn.Linear(3, 2), nn.PReLU()],
    "normalized": lambda: [nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2, bias=False), nn.ReLU()],
    "sum": lambda: [Wired(torch.add)],
    "maximum": lambda: [Wired(torch.maximum)],
    "minimum": lambda: [Wired(torch.minimum), nn.Linear(2, 1), nn.ReLU()],
}


@pytest.mark.parametrize("name", TORCH)
def test_modules_of_torch(name: str) -> None:
    tally = Tally()
    for seed in range(3):
        model = with_integers(TORCH[name](), seed, 4)
        tallies = count_everywhere(
            imported(model, 2), f"{name} {seed}", [Space((2,)), vitrail.Segment([-9, 2], [7, 5])]
        )
        tally.wrong += tallies.wrong
        tally.counts += tallies.counts
    assert tally.wrong == []
    assert max(tally.counts) > 4


# ---- the checkers see what is wrong ---------------------------------------------------------------------------------


def test_a_bound_for_relu_given_to_absolute_values_is_seen() -> None:
    net = imported(constructions.absolute_value_network(2, 2), 2)
    count = int(vitrail.count_regions(net, Space(2)))
    assert count == 16
    lie = replace(setting_of(net), architecture=Architecture.of("2-2-2-1"))
    names = {text.split(":")[0] for text in violations(table(lie), count)}
    assert names >= {"serra2018", "hinz2021", "serra2018_ranks", "serra2020", "vitrail_layered"}
    assert not names & {"montufar2017", "raghu2017", "montufar2014"}
    assert violations(table(net, count=None), count) == []
    assert len(violations(table(net, count=None), 17)) >= 4


def test_a_bound_for_layers_in_a_row_given_to_skips_is_seen() -> None:
    net = imported(constructions.skip_connection_network(), 2)
    lie = Setting(Architecture.of("2-1-2-1"))
    names = {text.split(":")[0] for text in violations(table(lie), 8)}
    assert names >= {"serra2018", "hinz2021", "montufar2017", "goujon2024", "vitrail_layered"}
    assert "raghu2017" not in names
    assert violations(table(net, count=None), int(vitrail.count_regions(net, Space(2)))) == []


def test_bounds_for_other_numbers_are_seen() -> None:
    """A dimension, a bottleneck, missing biases, and pieces that the counted network does not have."""
    net = imported(constructions.general_position_network(3, 4), 3)
    count, true = int(vitrail.count_regions(net, Space(3))), setting_of(net)
    assert count == 15
    assert violations(table(true), count) == []
    (layer,) = true.layers
    flat = replace(true.architecture, input_dimension=2)
    narrow = replace(true.architecture, layers=(replace(layer, reach=2),))
    central = replace(true.architecture, homogeneous=True)
    few = replace(true.architecture, layers=(replace(layer, pieces=((2, 3),)),))
    lies = [Setting(flat), Setting(narrow), Setting(central), Setting(few), replace(true, ranks=(2,))]
    names = [{text.split(":")[0] for text in violations(table(lie), count)} for lie in lies]
    for found, expected in zip(
        names,
        ("zaslavsky1975", "vitrail_layered", "zaslavsky1975_central", "montufar2014", "serra2018_ranks"),
        strict=True,
    ):
        assert expected in found
    clamps = Net.chain(2, [("affine", [[1, 0], [0, 1]], [0, 0]), activation("hardtanh", 2)])
    assert patterns_everywhere(clamps) == 9
    assert violations(table(to_network(clamps), count=None), 9) == []
    assert violations(table(Setting(Architecture.of("2-2-1", activation="abs"))), 9) != []


def test_contradictions_are_seen() -> None:
    good = table("2-6-6-1")
    assert contradictions(good) == []
    wrong = [replace(row, value=10**6) if row.name == "serra2018_lower" else row for row in good]
    found = contradictions(replace(good, rows=tuple(wrong)))
    assert any("hinz2021" in text for text in found)
    assert all(text.startswith("serra2018_lower: 1000000 > ") for text in found)


def test_a_tally_reports() -> None:
    tally = Tally()
    tally.add("here", table("2-3-1"), 7)
    tally.add("there", table("2-3-1"), 8)
    assert tally.attained["zaslavsky1975"] == 1
    assert tally.applied["zaslavsky1975"] == 2
    assert any(text.startswith("there: zaslavsky1975: 7 < 8") for text in tally.wrong)
    assert "2 tables" in tally.report()


# ---- known networks -------------------------------------------------------------------------------------------------

# module, inputs, and the rows that their number of activation regions equals
KNOWN: dict[str, tuple[Callable[[], nn.Module], int, tuple[str, ...]]] = {
    "general position, plane": (
        lambda: constructions.general_position_network(2, 5),
        *(2, ("zaslavsky1975", "hu2018", "hinz2021")),
    ),
    "general position, space": (lambda: constructions.general_position_network(3, 4), 3, ("zaslavsky1975",)),
    "zigzag": (
        lambda: constructions.zigzag_network([3, 4, 2]),
        *(1, ("serra2018_one_input", "serra2018_lower", "hinz2021")),
    ),
    "folded zigzag": (lambda: constructions.folded_zigzag_network(2, [6, 3]), 2, ("serra2018_lower",)),
    "zonotope": (lambda: constructions.zonotope_network(2, 3, 4, 2), 2, ("serra2018_zonotope",)),
    "folding": (lambda: constructions.folding_network(2, [4, 4]), 2, ()),
    "folding, line": (lambda: constructions.folding_network(1, [4, 4]), 1, ()),
    "sawtooth": (lambda: constructions.sawtooth_network(3), 1, ()),
    "maxout": (lambda: constructions.maxout_zigzag_network([2, 2], 3), 1, ("montufar2022_upper", "montufar2022_lower")),
    "maxout of rank 2": (lambda: constructions.maxout_zigzag_network([3, 2], 2), 1, ("montufar2017",)),
    "absolute values": (lambda: constructions.absolute_value_network(2, 2), 2, ("montufar2017", "montufar2014")),
    "absolute values, space": (
        lambda: constructions.absolute_value_network(3, 1),
        3,
        ("zaslavsky1975_central", "montufar2017"),
    ),
    "skip connection": (lambda: constructions.skip_connection_network(), 2, ("raghu2017", "vitrail_layered")),
}
FOLDINGS = {"folding": "montufar2014_lower", "folding, line": "montufar2014_lower"}


@pytest.mark.parametrize("name", KNOWN)
def test_known_networks_lie_between_their_bounds(name: str) -> None:
    make, inputs, equal = KNOWN[name]
    net = imported(make(), inputs)
    found = table(net, count=None)
    count = int(vitrail.count_regions(net, Space(inputs)))
    assert violations(found, count) == []
    assert contradictions(found) == []
    assert {row: found[row].value for row in equal} == dict.fromkeys(equal, count)
    if name in FOLDINGS:
        assert found[FOLDINGS[name]].value <= count
    for definition in ("linear", "affine"):
        merged = vitrail.count_regions(net, Space(inputs), definition)
        assert violations(table(net, count=None, definition=definition), merged) == []


# ---- maxima found by search -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """Fully connected layers, with the input passed on to every one of them or not."""

    inputs: int
    widths: tuple[int, ...]
    activation: str = "relu"
    skip: bool = False
    rank: int = 1

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Rows and columns, biases among them, of every layer's weights."""
        before = [self.inputs, *(n + self.inputs * self.skip for n in self.widths[:-1])]
        return [(n * self.rank, columns + 1) for n, columns in zip(self.widths, before, strict=True)]

    @property
    def numbers(self) -> int:
        """How many weights and biases there are."""
        return sum(rows * columns for rows, columns in self.sizes)

    def net(self, numbers: Sequence[int]) -> Net:
        """The network of all weights in order, with no layer behind the last one's units."""
        raw: list[tuple[Any, ...]] = [("input", self.inputs)]
        start = 0
        for place, (rows, columns) in enumerate(self.sizes):
            if place and self.skip:
                raw.append(("concat", 0, len(raw) - 1))
            table_of = np.array(numbers[start : start + rows * columns]).reshape(rows, columns)
            start += rows * columns
            raw.append(("affine", table_of[:, :-1].tolist(), table_of[:, -1].tolist(), len(raw) - 1))
            if self.rank > 1:
                groups = np.arange(rows).reshape(-1, self.rank).tolist()
                raw.append(("max", groups, 1, len(raw) - 1))
            else:
                raw.append((*activation(self.activation, rows), len(raw) - 1))
        return Net.build(raw)


def climb(shape: Shape, seed: int, steps: int, largest: int = 4, until: int | None = None) -> Tally:
    """Change a few weights at a time, keep what does not have fewer regions, start anew where nothing helps.

    Stops twenty networks behind the first one with `until` regions.
    """
    rng, tally = np.random.default_rng([seed, 31]), Tally()
    best, idle = 0, 10**9
    numbers = np.zeros(shape.numbers, dtype=int)
    while tally.networks < steps and (until is None or until not in tally.counts[:-20]):
        if idle > 60:
            best, idle, tried = 0, 0, rng.integers(-largest, largest + 1, shape.numbers)
        else:
            places = rng.integers(0, shape.numbers, int(rng.integers(1, 4)))
            tried = numbers.copy()
            tried[places] = rng.integers(-largest, largest + 1, len(places))
        net = shape.net(tried.tolist())
        count = patterns_everywhere(net)
        tally.add(f"{shape} {tried.tolist()}", table(named(to_network(net)), count=None), count)
        idle = 0 if count > best else idle + 1
        if count >= best:
            best, numbers = count, tried
    return tally


# the largest numbers there are: no bound is below them, and searches find them
MAXIMA = {
    "relu 2;2,2": (Shape(2, (2, 2)), 11, "hinz2021"),
    "relu 2;2,1": (Shape(2, (2, 1)), 7, "hinz2021"),
    "relu 2;3,1": (Shape(2, (3, 1)), 13, "vitrail_three_one"),
    "relu 1;2,2": (Shape(1, (2, 2)), 7, "vitrail_narrow"),
    "abs 2;2,2": (Shape(2, (2, 2), "abs"), 16, "montufar2017"),
    "abs 2;1,1": (Shape(2, (1, 1), "abs"), 4, "montufar2017"),
    "skip 2;1,2": (Shape(2, (1, 2), skip=True), 8, "raghu2017"),
    "skip 2;2,2": (Shape(2, (2, 2), skip=True), 16, "raghu2017"),
    "skip abs 2;2,1": (Shape(2, (2, 1), "abs", skip=True), 8, "vitrail_layered"),
    "maxout 2;1,1": (Shape(2, (1, 1), rank=3), 9, "montufar2022_upper"),
}
# the largest numbers that searches find, below all bounds that are known
SEARCHED = {
    "relu 1;2,2,2": Shape(1, (2, 2, 2)),
    "relu 2;2,3": Shape(2, (2, 3)),
    "relu 2;3,2": Shape(2, (3, 2)),
    "relu 3;2,2": Shape(3, (2, 2)),
    "leaky 2;2,1": Shape(2, (2, 1), "leaky_relu"),
    "leaky 2;2,2": Shape(2, (2, 2), "leaky_relu"),
    "hardtanh 2;1,1": Shape(2, (1, 1), "hardtanh"),
    "abs 1;2,2,2": Shape(1, (2, 2, 2), "abs"),
    "abs 3;2,2": Shape(3, (2, 2), "abs"),
    "skip 1;2,2,2": Shape(1, (2, 2, 2), skip=True),
    "skip abs 2;1,1,1": Shape(2, (1, 1, 1), "abs", skip=True),
    "maxout 2;1,2": Shape(2, (1, 2), rank=3),
    "maxout 2;2,1": Shape(2, (2, 1), rank=3),
    "maxout 1;2,2": Shape(1, (2, 2), rank=3),
    "skip maxout 2;1,1": Shape(2, (1, 1), skip=True, rank=3),
}


@pytest.mark.parametrize("name", MAXIMA)
def test_searches_reach_the_known_maxima_and_no_more(name: str) -> None:
    shape, most, bound = MAXIMA[name]
    tally = climb(shape, 0, 150, until=most)
    assert tally.wrong == []
    assert max(tally.counts) == most
    assert tally.attained[bound] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [*MAXIMA, *SEARCHED])
def test_long_searches_find_no_more(name: str) -> None:
    shape = MAXIMA[name][0] if name in MAXIMA else SEARCHED[name]
    tallies = [climb(shape, seed, 300, largest) for seed, largest in enumerate((2, 9, 30), start=1)]
    report(name, tallies)
    assert [text for tally in tallies for text in tally.wrong] == []
    if name in MAXIMA:
        assert max(max(tally.counts) for tally in tallies) <= MAXIMA[name][1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_random_networks(kind: str) -> None:
    tallies = [sweep(kind, range(1000, 1400), (1, 2)), sweep(kind, range(1000, 1060), (3, 4))]
    report(kind, tallies)
    assert [text for tally in tallies for text in tally.wrong] == []


def report(name: str, tallies: Sequence[Tally]) -> None:
    """Say what a long run saw, for `pytest -s`."""
    total = Tally()
    for tally in tallies:
        total.networks += tally.networks
        total.wrong += tally.wrong
        total.counts += tally.counts
        total.applied += tally.applied
        total.attained += tally.attained
    sys.stdout.write(f"\n{name}: {total.report()}\n")


# ---- bounds among each other ----------------------------------------------------------------------------------------

# every chain: each value at most the next, where both apply
CHAINS = (
    ("hinz2021", "serra2018", "montufar2017", "raghu2017", "montufar2014"),
    ("serra2018", "vitrail_layered", "goujon2024", "montufar2014"),
    ("pascanu2013_lower", "montufar2014_lower", "hinz2021"),
    ("pascanu2013_double", "montufar2014_lower"),
    ("arora2018", "serra2018_zonotope", "hinz2021"),
    ("serra2018_lower", "hinz2021"),
    ("serra2018_lower", "serra2018_one_input", "hinz2021"),
    ("vitrail_three_one", "hinz2021"),
    ("vitrail_narrow", "serra2018"),
    ("raghu2017", "telgarsky2015"),
    ("montufar2022", "montufar2022_upper", "serra2018_maxout"),
    ("montufar2022", "montufar2014_maxout"),
    ("montufar2014_maxout_lower", "montufar2022"),
    ("montufar2014_maxout_deep", "montufar2022_upper"),
    ("montufar2022_lower", "montufar2022_upper"),
    ("zaslavsky1975_central", "montufar2017"),
    ("vitrail_layered", "raghu2017"),
)


def disorder(found: BoundsTable) -> list[str]:
    """The pairs of a chain that stand in the wrong order, of all rows that the table has."""
    values = {row.name: row.value for row in found}
    chains = [[name for name in chain if name in values] for chain in CHAINS]
    return [
        f"{a}: {values[a]} > {b}: {values[b]}" for names in chains for a, b in pairwise(names) if values[a] > values[b]
    ]


def architectures() -> Iterator[list[int]]:
    for inputs, depth in product(range(1, 5), range(1, 4)):
        for widths in product(range(1, 5) if depth == 3 else range(1, 7), repeat=depth):
            yield [inputs, *widths, 1]


@pytest.mark.parametrize(
    ("activation_name", "rank"), [("relu", None), ("abs", None), ("hardtanh", None), ("maxout", 2), ("maxout", 3)]
)
def test_bounds_are_in_order(activation_name: str, rank: int | None) -> None:
    seen: set[str] = set()
    for widths in architectures():
        for biased in (True, False):
            if biased or len(widths) < 5:
                where = Architecture.of(widths, activation=activation_name, rank=rank, biased=biased)
                found = table(where)
                assert disorder(found) == [], where
                assert contradictions(found) == [], where
                seen.update(row.name for row in found)
    assert len(seen) >= 6


def test_lower_bounds_of_serra_are_above_those_of_montufar_where_layers_are_wide() -> None:
    for inputs, last in product((1, 2), range(1, 8)):
        for width in range(3 * inputs, 3 * inputs + 4):
            found = table([inputs, width, last, 1])
            assert found["montufar2014_lower"].value <= found["serra2018_lower"].value


def test_one_convolution_has_at_most_the_maximum_of_a_dense_layer() -> None:
    for length, size, channels in product(range(1, 5), range(1, 4), range(1, 4)):
        if size <= length:
            found = table(imported_kernel(length, size, channels), count=None)
            units = channels * (length - size + 1)
            assert found["xiong2020"].value <= sum(comb(units, j) for j in range(length + 1))


def imported_kernel(length: int, size: int, channels: int) -> vitrail.Network:
    convolution = Convolution(torch.ones(channels, 1, size, dtype=torch.float64), (1, length), torch.ones(channels))
    nodes = [Node(Input((1, length)), (), "input"), Node(convolution, (0,), "convolution")]
    return vitrail.Network(Graph((*nodes, Node(relu(convolution.shape), (1,), "relu")), 2, "arrays"))


def test_disorder_is_seen() -> None:
    good = table("2-3-3-1")
    wrong = tuple(replace(row, value=1) if row.name == "serra2018" else row for row in good)
    assert disorder(good) == []
    assert any(text.startswith("hinz2021") for text in disorder(replace(good, rows=wrong)))


def test_maxima_of_activation_regions_are_no_lower_bounds_on_linear_ones() -> None:
    """One unit behind n >= 3 units of one input: at most 2 n + 2 - floor(n / 2) linear regions.

    With n + 1 zeros the unit's sign changes between any two neighboring breakpoints, so every other breakpoint lies
    where the unit is off, and the two regions at it have the map 0.
    """
    for n in (3, 4, 5):
        net = imported(constructions.zigzag_network([n, 1]), 1)
        most = 2 * n + 2 - n // 2
        assert vitrail.count_regions(net, Space(1)) == 2 * n + 2 > most
        assert vitrail.count_regions(net, Space(1), "linear") <= most
        for definition in ("linear", "affine"):
            lower = table([1, n, 1, 1], definition=definition).tightest_lower
            assert lower is None or lower.value <= most


def test_a_bias_behind_the_last_units_changes_no_bound() -> None:
    """Without biases in the hidden layers all regions are cones, whatever the output adds."""
    hidden = [(np.array([[1.0, 2.0], [2.0, -1.0], [1.0, -1.0]]), None)]
    plain, shifted = (
        table(vitrail.Network.from_arrays([*hidden, (np.ones((1, 3)), bias)]), count=None) for bias in (None, [1.0])
    )
    assert {row.name: row.value for row in plain} == {row.name: row.value for row in shifted}


def test_lower_bounds_need_biases_in_every_layer() -> None:
    """All units of a first layer of one input and no biases switch at 0: two cells, each cut by three units at most."""
    layers = [
        (np.array([[1.0], [2.0], [-1.0]]), None),
        (np.array([[1.0, -2, 1]] * 3), [1.0, 2, 3]),
        (np.ones((1, 3)), None),
    ]
    found = table(vitrail.Network.from_arrays(layers), count=None)
    assert found.tightest_lower is None or found.tightest_lower.value <= 2 * 4
