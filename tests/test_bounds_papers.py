"""The bounds of single papers: published values, closed forms, networks counted exactly, and what they refuse.

Numbers marked "counted" come from exact counts of networks; all others follow from the formulas of the papers by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations, product
from math import comb, inf, nan, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import closed_forms, exact, neutral
from vitrail.bounds import (
    Architecture,
    Setting,
    arora2018,
    gomes2006,
    hinz2021,
    hu2018,
    montufar2014,
    montufar2017,
    pascanu2013,
    raghu2017,
    serra2018,
    serra2020,
    telgarsky2015,
    zaslavsky1975,
    zhang2018,
)
from vitrail.bounds.architecture import Layer
from vitrail.bounds.registry import evaluate_in
from vitrail.bounds.statement import BoundKind, Statement
from vitrail.errors import InvalidOptionError, NotApplicableError, ResourceLimitError
from vitrail.status import Definition

MODULES = (
    *(zaslavsky1975, pascanu2013, montufar2014, telgarsky2015, raghu2017, arora2018, montufar2017),
    *(hu2018, zhang2018, hinz2021, serra2018, serra2020),
)
STATEMENTS: dict[str, Statement] = {statement.name: statement for m in MODULES for statement in m.STATEMENTS}


def cap(n: int, d: int) -> int:
    return sum(comb(n, j) for j in range(d + 1))


def setting(widths: str, activation: str = "relu", rank: int | None = None, **known: Any) -> Setting:
    biased = known.pop("biased", True)
    return Setting(Architecture.of(widths, activation=activation, rank=rank, biased=biased), **known)


def mixed(*layers: tuple[tuple[int, int], ...], inputs: int = 2, maximum: bool = False) -> Setting:
    """Layers of units of different pieces."""
    built = tuple(Layer(pieces, "mixed", switched_off=False, maximum=maximum) for pieces in layers)
    return Setting(Architecture(inputs, built, 1))


def value(name: str, where: Setting) -> int:
    return int(evaluate_in(STATEMENTS[name], where))


# ---- values -----------------------------------------------------------------------------------------------------


TABLE: list[tuple[Callable[..., int], tuple[Any, ...], int]] = [
    (zaslavsky1975.exact, (3, 2), 7),
    (zaslavsky1975.exact, (5, 3), 26),
    (zaslavsky1975.exact, (10, 4), 386),
    (zaslavsky1975.exact, (20, 2), 211),
    (zaslavsky1975.exact, (6, 10), 64),
    (zaslavsky1975.exact, (0, 3), 1),
    (zaslavsky1975.exact, (3, 0), 1),
    (zaslavsky1975.central, (3, 2), 6),
    (zaslavsky1975.central, (5, 3), 22),
    (zaslavsky1975.central, (10, 4), 260),
    (zaslavsky1975.central, (4, 6), 16),
    (zaslavsky1975.central, (5, 1), 2),
    (zaslavsky1975.central, (0, 3), 1),
    (zaslavsky1975.bounded, (3, 2), 1),
    (zaslavsky1975.bounded, (5, 3), 4),
    (zaslavsky1975.bounded, (10, 4), 126),
    (zaslavsky1975.bounded, (4, 6), 0),
    (zaslavsky1975.bounded, (0, 1), 0),
    (zaslavsky1975.unbounded, (3, 2), 6),
    (zaslavsky1975.unbounded, (5, 3), 22),
    (zaslavsky1975.unbounded, (10, 4), 260),
    (zaslavsky1975.faces, (4, 2, 0), 6),
    (zaslavsky1975.faces, (4, 2, 2), 11),
    (zaslavsky1975.faces, (6, 3, 1), 75),
    (zaslavsky1975.faces, (6, 3, 2), 96),
    (zaslavsky1975.faces, (1, 3, 1), 0),
    (zaslavsky1975.parallel, ([2, 2], 2), 9),
    (zaslavsky1975.parallel, ([3, 1, 2], 2), 18),
    (zaslavsky1975.parallel, ([2, 2, 2], 3), 27),
    (zaslavsky1975.parallel, ([2, 2, 2], 2), 19),
    (zaslavsky1975.parallel, ([1, 1, 1, 1], 2), 11),
    (zaslavsky1975.parallel, ([], 2), 1),
    (pascanu2013.exact, (2, 3), 7),
    (pascanu2013.exact, (4, 6), 57),
    (pascanu2013.lower, (2, [4, 4]), 22),
    (pascanu2013.lower, (3, [7, 9, 5]), 156),
    (pascanu2013.lower, (1, [3, 3, 3]), 36),
    (pascanu2013.lower, (2, [6, 6, 6]), 198),
    (pascanu2013.lower, (2, [6, 6]), 66),
    (pascanu2013.lower, (2, [4, 4, 4]), 44),
    (pascanu2013.lower, (2, [10, 10]), 280),
    (pascanu2013.lower, (3, [9, 9, 9]), 1170),
    (pascanu2013.lower, (2, [32, 32, 32]), 135424),
    (pascanu2013.lower, (10, [20, 20, 20]), 2466664),
    (pascanu2013.double_width_lower, (1, 3), 12),
    (pascanu2013.double_width_lower, (2, 2), 44),
    (pascanu2013.double_width_lower, (2, 3), 176),
    (pascanu2013.double_width_lower, (3, 4), 21504),
    (montufar2014.upper, ([2, 2],), 16),
    (montufar2014.upper, ([4, 4, 4],), 4096),
    (montufar2014.upper, ([],), 1),
    (montufar2014.lower, (1, [4, 4, 4]), 80),
    (montufar2014.lower, (2, [4, 4]), 44),
    (montufar2014.lower, (2, [6, 4]), 99),
    (montufar2014.lower, (3, [7, 9, 5]), 5616),
    (montufar2014.lower, (2, [6, 6]), 198),
    (montufar2014.lower, (2, [4, 4, 4]), 176),
    (montufar2014.lower, (2, [10, 10]), 1400),
    (montufar2014.lower, (2, [20]), 211),
    (montufar2014.lower, (3, [9, 9, 9]), 94770),
    (montufar2014.lower, (2, [32, 32, 32]), 34668544),
    (montufar2014.maxout_lower, (2, 2, 3), 9),
    (montufar2014.maxout_upper, (2, 2, 3), 9),
    (montufar2014.maxout_lower, (2, 3, 2), 4),
    (montufar2014.maxout_upper, (2, 3, 2), 8),
    (montufar2014.maxout_lower, (2, 3, 3), 9),
    (montufar2014.maxout_upper, (2, 3, 3), 27),
    (montufar2014.maxout_lower, (3, 5, 4), 64),
    (montufar2014.maxout_upper, (3, 5, 4), 1024),
    (montufar2014.maxout_deep_lower, (2, 3, 2), 16),
    (montufar2014.maxout_deep_lower, (2, 3, 3), 81),
    (montufar2014.maxout_deep_lower, (4, 5, 2), 256),
    (telgarsky2015.upper, ([3, 3],), 36),
    (telgarsky2015.upper, ([5] * 4,), 10000),
    (telgarsky2015.upper, ([4] * 3, 3), 1728),
    (telgarsky2015.sawtooth, (1,), 2),
    (telgarsky2015.sawtooth, (3,), 8),
    (telgarsky2015.sawtooth, (10,), 1024),
    (raghu2017.upper, (2, [4, 4]), 121),
    (raghu2017.upper, (2, [6, 6, 6]), 10648),
    (raghu2017.upper, (3, [5, 4, 3]), 3120),
    (raghu2017.hard_tanh_upper, (2, [4, 4]), 1089),
    (raghu2017.hard_tanh_upper, (2, [6, 6, 6]), 389017),
    (raghu2017.hard_tanh_upper, (3, [5, 4, 3]), 229905),
    (raghu2017.along, ([4, 4], 3), 75),
    (arora2018.lower, (2, 2, 3, 2), 12),
    (arora2018.lower, (2, 3, 3, 2), 18),
    (arora2018.lower, (2, 2, 3, 3), 36),
    (arora2018.lower, (3, 4, 5, 3), 350),
    (montufar2017.upper, (2, [4, 4]), 121),
    (montufar2017.upper, (2, [2, 2]), 16),
    (montufar2017.upper, (2, [3, 3, 3]), 343),
    (montufar2017.upper, (3, [5, 4, 3]), 3120),
    (montufar2017.upper, (10, [10, 10]), 1048576),
    (montufar2017.upper, (8, [4, 4, 4, 4]), 65536),
    (montufar2017.upper, (784, [11, 11]), 4194304),
    (montufar2017.upper, (784, [10, 12]), 4180992),
    (montufar2017.upper, (784, [10, 10, 10, 10]), 1099511627776),
    (montufar2017.upper, (32, [16] * 5), 1208925819614629174706176),
    (montufar2017.upper, (32, [20, 18, 16, 14, 12]), 1208925819614629174706176),
    (montufar2017.upper, (2, [32, 32, 32]), 148035889),
    (hu2018.exact, (2, 3, 1), 7),
    (hu2018.exact, (2, 3, 2), 19),
    (zhang2018.upper, (2, [4, 4]), 121),
    (zhang2018.upper, (3, [5, 4, 3]), 3120),
    (gomes2006.lower, (5, 2), 8),
    (gomes2006.lower, (10, 1), 512),
    (gomes2006.lower, (20, 2), 262144),
]


@pytest.mark.parametrize(("formula", "arguments", "expected"), TABLE)
def test_published_values(formula: Callable[..., int], arguments: tuple[Any, ...], expected: int) -> None:
    found = formula(*arguments)
    assert found == expected
    assert type(found) is int


NAMED = [
    ("zaslavsky1975", setting("4-6-1"), 57),
    ("zaslavsky1975", setting("2-3-1", "abs"), 7),
    ("zaslavsky1975_central", setting("4-10-1", biased=False), 260),
    ("pascanu2013", setting("4-6-1"), 57),
    ("pascanu2013_lower", setting("3-7-9-5-1"), 156),
    ("pascanu2013_double", setting("3-6-6-6-6-1"), 21504),
    ("montufar2014", setting("2-2-2-1", "maxout", 3), 81),
    ("montufar2014", mixed(((1, 3), (2, 2), (3, 1)), ((5, 2),)), 4 * 3 * 25),
    ("montufar2014_lower", setting("3-7-9-5-1"), 5616),
    ("montufar2014_lower", setting("1-6-1-1"), 7),
    ("montufar2014_maxout_lower", setting("2-3-1", "maxout", 3), 9),
    ("montufar2014_maxout_lower", mixed(((2, 5), (3, 1), (4, 1)), maximum=True), 12),
    ("montufar2014_maxout_lower", mixed(((2, 1),), inputs=3, maximum=True), 2),
    ("montufar2014_maxout", setting("3-5-1", "maxout", 4), 1024),
    ("montufar2014_maxout", mixed(((2, 1), (3, 1)), inputs=1, maximum=True), 6),
    ("montufar2014_maxout", mixed(((2, 1), (3, 3)), inputs=1, maximum=True), 32),
    ("montufar2014_maxout_deep", setting("2-3-2-5-1", "maxout", 3), 81),
    ("telgarsky2015", setting("1-4-4-4-1", "hardtanh"), 1728),
    ("telgarsky2015", mixed(((1, 2), (3, 2)), inputs=1), 12),
    ("raghu2017", setting("3-5-4-3-1", "hardtanh"), 229905),
    ("raghu2017", mixed(((1, 4), (2, 2), (3, 1)), ((2, 1),)), 20),
    ("arora2018", setting("2-7-3-4-1"), 54),
    ("montufar2017", setting("784-10-12-1", "abs"), 4180992),
    ("hu2018", setting("2-3-1", "hardtanh"), 19),
    ("hu2018", mixed(((4, 1), (2, 1), (3, 1), (1, 7))), 18),
    ("zhang2018", setting("3-5-4-3-1"), 3120),
    ("hinz2021", setting("784-10-10-10-10-1"), 201237225232),
]


@pytest.mark.parametrize(("name", "where", "expected"), NAMED)
def test_values_of_statements(name: str, where: Setting, expected: int) -> None:
    assert value(name, where) == expected


def test_every_statement_says_what_it_is() -> None:
    assert len(STATEMENTS) == sum(len(module.STATEMENTS) for module in MODULES)
    for statement in STATEMENTS.values():
        assert statement.formula and statement.reference and statement.needs
        assert type(statement.cost(setting("2-3-1"))) is int
    linear = {name for name, s in STATEMENTS.items() if s.counts is Definition.LINEAR}
    assert linear == {
        *("pascanu2013", "pascanu2013_lower", "pascanu2013_double"),
        *("montufar2014_lower", "montufar2014_maxout_lower", "montufar2014_maxout_deep"),
    }


# ---- conditions -------------------------------------------------------------------------------------------------


SKIPPING = Setting(Architecture(2, Architecture.of("2-3-3-1").layers, 1, sequential=False))
SHARED = Setting(Architecture(2, (Layer(((2, 3),), "relu", True, dense=False),) * 2, 1))
SHARED_ONE = Setting(Architecture(2, (Layer(((2, 3),), "relu", True, dense=False),), 1))
FAILING = [
    ("zaslavsky1975", setting("2-3-3-1"), "expected one hidden layer, found 2"),
    ("zaslavsky1975", setting("2-3-1", "hardtanh"), "units of two pieces, found hardtanh in layer 1"),
    ("zaslavsky1975", SHARED_ONE, "every weight free, found weights that are shared"),
    ("zaslavsky1975", setting("2-3-1", biased=False), "expected biases in every layer, found none"),
    ("zaslavsky1975_central", setting("2-3-1"), "expected a network without biases, found biases"),
    ("zaslavsky1975_weights", setting("2-3-1"), "expected the weights of a fully connected network"),
    ("pascanu2013", setting("2-3-1", "abs"), "found abs in layer 1"),
    ("pascanu2013_lower", setting("3-4-2-1"), "found 2 units in a layer for 3 inputs"),
    ("pascanu2013_lower", setting("1-6-1-1"), "two units in the last layer"),
    ("pascanu2013_lower", SHARED, "every weight free"),
    ("pascanu2013_lower", SKIPPING, "skip connections"),
    ("pascanu2013_double", setting("2-4-5-1"), "twice as many units as inputs, found 2-4-5-1"),
    ("montufar2014_lower", setting("2-3-3-1", biased=False), "expected biases"),
    ("montufar2014_lower", setting("2-1"), "expected a hidden layer, found none"),
    ("montufar2014_lower", setting("2-3-3-1", "leaky_relu"), "found leaky_relu in layer 1"),
    ("montufar2014_maxout_lower", setting("2-3-1"), "expected maxout units, found relu"),
    ("montufar2014_maxout", setting("2-3-3-1", "maxout", 3), "expected one hidden layer"),
    ("montufar2014_maxout_deep", setting("1-1-1-1", "maxout", 3), "two inputs and two units per layer"),
    ("montufar2014_maxout_deep", setting("2-1-2-1", "maxout", 3), "two inputs and two units per layer"),
    ("telgarsky2015", setting("2-3-1"), "expected one input, found 2"),
    ("raghu2017", setting("2-3-1", "maxout", 3), "one pre-activation decides, found maxout"),
    ("arora2018", setting("2-4-1-1"), "two units or more in every layer, found 2-4-1-1"),
    ("arora2018", setting("2-4-3-1", "abs"), "found abs"),
    ("montufar2017", setting("2-3-1", "hardtanh"), "expected units of two pieces"),
    ("montufar2017", SKIPPING, "skip connections"),
    ("hu2018", setting("2-3-3-1", "hardtanh"), "expected one hidden layer, found 2"),
    ("hu2018", setting("2-3-1", "maxout", 3), "found maxout"),
    ("zhang2018", setting("3-4-2-1"), "found 2 units in a layer for 3 inputs"),
    ("hinz2021", setting("2-3-3-1", "leaky_relu"), "found leaky_relu"),
    ("hinz2021", SKIPPING, "skip connections"),
    ("serra2020", setting("2-3-3-1"), "expected the weights"),
    ("serra2020", mixed(((2, 2),)), "plain ReLU units"),
]


@pytest.mark.parametrize(("name", "where", "message"), FAILING)
def test_conditions_are_named(name: str, where: Setting, message: str) -> None:
    with pytest.raises(NotApplicableError) as caught:
        evaluate_in(STATEMENTS[name], where)
    assert str(caught.value).startswith(f"{name}: expected ")
    assert message in str(caught.value)


def test_what_holds_with_skip_connections_and_shared_weights() -> None:
    for where in (SKIPPING, SHARED):
        applying = {name for name, statement in STATEMENTS.items() if not statement.failures(where)}
        assert {"montufar2014", "raghu2017"} <= applying
        assert not applying & {name for name, s in STATEMENTS.items() if s.kind.below}
    assert {name for name, s in STATEMENTS.items() if not s.failures(SKIPPING)} == {"montufar2014", "raghu2017"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zaslavsky1975.exact(-1, 2), "hyperplanes: expected an integer of at least 0, found -1"),
        (lambda: zaslavsky1975.exact(True, 2), "found True"),
        (lambda: zaslavsky1975.exact(2.0, 2), "found 2.0"),
        (lambda: zaslavsky1975.bounded(2, 0), "dimension: expected an integer of at least 1"),
        (lambda: zaslavsky1975.faces(4, 2, 3), "k: expected a dimension of faces of at most 2, found 3"),
        (lambda: zaslavsky1975.parallel([1, -1], 2), r"families\[1\]"),
        (lambda: pascanu2013.lower(0, [4]), "input_dimension: expected an integer of at least 1, found 0"),
        (lambda: pascanu2013.lower(2, [4, 0]), r"widths\[1\]"),
        (lambda: montufar2014.upper([2], 0), "pieces"),
        (lambda: montufar2014.lower(1, [2, 2.5]), r"widths\[1\]"),
        (lambda: montufar2014.maxout_lower(2, 0, 3), "width"),
        (lambda: telgarsky2015.upper([2], 0), "pieces"),
        (lambda: telgarsky2015.summed(0, 1), "first"),
        (lambda: raghu2017.along([3], -1), "segments"),
        (lambda: montufar2017.upper(-1, [2]), "input_dimension"),
        (lambda: hu2018.exact(2, 3, -1), "breakpoints"),
        (lambda: gomes2006.lower(5, 5), "slack: expected less than the 5 parities, found 5"),
        (lambda: gomes2006.lower(5, 0), "slack"),
        (lambda: gomes2006.error_probability(2, 3, 4), "feasible: expected at most the 3 trials, found 4"),
        (lambda: serra2020.upper([([[1.0]], [1.0, 2.0])]), r"found shapes \(1, 1\) and \(2,\)"),
        (lambda: serra2020.upper([([[1.0]], [0.0]), ([[1.0, 1.0]], [0.0])]), "weights of 1 columns.*layer 2, found 2"),
        (lambda: serra2020.upper([([[nan]], [0.0])]), "finite weights and biases"),
        (lambda: serra2020.upper([([["a"]], [0.0])]), "arrays of numbers"),
        (lambda: zaslavsky1975.arrangement_regions([[1, 2]], [1, 2]), r"shapes \(1, 2\) and \(2,\)"),
        (lambda: zaslavsky1975.arrangement_regions([[1, inf]], [1]), "finite numbers, found .* in row 0"),
        (lambda: zaslavsky1975.arrangement_regions([[1, nan]], [1]), "finite numbers"),
        (lambda: zaslavsky1975.arrangement_regions([[1, None]], [1]), "finite numbers"),
        (lambda: zaslavsky1975.arrangement_regions([1, 2], [1]), "expected normals of shape"),
    ],
)
def test_wrong_numbers_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pascanu2013.lower(2, [4, 1]), "found 1 in layer 2; use montufar2014_lower"),
        (lambda: pascanu2013.lower(2, []), "found no hidden layer"),
        (lambda: montufar2014.lower(2, []), "expected a hidden layer"),
        (lambda: montufar2014.maxout_deep_lower(1, 2, 3), "found one input and rank 3"),
        (lambda: arora2018.lower(2, 2, 1, 2), "found 1"),
        (lambda: zhang2018.upper(2, [3, 1]), "found 1 in layer 2"),
    ],
)
def test_formulas_outside_their_conditions_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(NotApplicableError, match=message):
        call()


# ---- orderings --------------------------------------------------------------------------------------------------


def small_architectures() -> Iterator[tuple[int, tuple[int, ...]]]:
    for inputs, depth in product(range(1, 5), range(1, 4)):
        yield from ((inputs, widths) for widths in product(range(1, 5), repeat=depth))


def test_orderings_on_small_architectures() -> None:
    for inputs, widths in small_architectures():
        where = Setting(Architecture.of([inputs, *widths, 1]))
        found = {n: value(n, where) for n, s in STATEMENTS.items() if not s.failures(where)}
        rising = [found["hinz2021"], found["serra2018"], found["montufar2017"], found["raghu2017"]]
        assert rising == sorted(rising)
        assert found["montufar2017"] <= found["montufar2014"] == 2 ** sum(widths)
        above = min(v for n, v in found.items() if STATEMENTS[n].kind.above)
        below = max(v for n, v in found.items() if STATEMENTS[n].kind.below)
        assert below <= above, (inputs, widths)
        assert montufar2014.linear_lower(inputs, widths) <= montufar2014.lower(inputs, widths) <= above
        if min(widths) >= inputs:
            assert pascanu2013.lower(inputs, widths) <= montufar2014.lower(inputs, widths)
        if min(widths[:-1], default=3) >= 3 and "pascanu2013_lower" in found:
            assert found["pascanu2013_lower"] <= found["serra2018_lower"]
        if "arora2018" in found and "serra2018_zonotope" in found:
            assert found["arora2018"] <= found["serra2018_zonotope"]
        if "zhang2018" in found:
            assert found["zhang2018"] == found["raghu2017"]
        if inputs == 1:
            assert raghu2017.upper(1, widths) == prod(n + 1 for n in widths) <= found["telgarsky2015"]
        if len(widths) == 1:
            assert len({found[n] for n in ("zaslavsky1975", "pascanu2013", "hu2018", "montufar2017", "hinz2021")}) == 1


@given(st.integers(1, 6), st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_lower_bounds_by_hand(inputs: int, widths: list[int]) -> None:
    *before, last = widths
    usable = range(1, min(inputs, *before) + 1) if before else range(1, inputs + 1)
    folded = {d: prod((n // d) ** d for n in before) for d in usable}
    assert montufar2014.lower(inputs, widths) == max(c * cap(last, d) for d, c in folded.items())
    by_copies = [c * cap(last, d) if last > d else c * (cap(last, d) - 1) + 1 for d, c in folded.items()]
    assert montufar2014.linear_lower(inputs, widths) == max(by_copies)
    assert raghu2017.upper(inputs, widths) == prod(cap(n, inputs) for n in widths)
    assert montufar2017.upper(inputs, widths) == prod(cap(n, min([inputs, *widths[:i]])) for i, n in enumerate(widths))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=4), st.integers(1, 4))
def test_units_of_mixed_pieces(pieces: list[tuple[int, int]], inputs: int) -> None:
    layer = tuple((p, n) for p, n in pieces if n) or ((2, 1),)
    breakpoints = [p - 1 for p, n in layer for _ in range(n)]
    expected = sum(prod(chosen) for j in range(inputs + 1) for chosen in combinations(breakpoints, j))
    assert value("hu2018", mixed(layer, inputs=inputs)) == expected == zaslavsky1975.parallel(breakpoints, inputs)
    assert value("raghu2017", mixed(layer, layer, inputs=inputs)) == expected**2
    assert value("montufar2014", mixed(layer, layer, inputs=inputs)) == prod(b + 1 for b in breakpoints) ** 2
    assert expected <= prod(b + 1 for b in breakpoints)


def test_large_architectures_are_quick() -> None:
    where = Setting(Architecture.of([784, *[1000] * 50, 10]))
    cheap = [s for s in STATEMENTS.values() if not s.failures(where) and s.cost(where) <= 2_000_000]
    found = {s.name: int(evaluate_in(s, where)) for s in cheap}
    assert {"montufar2014_lower", "raghu2017", "montufar2017", "arora2018", "serra2018"} <= set(found)
    assert STATEMENTS["hinz2021"].cost(where) > 2_000_000
    assert found["montufar2014_lower"] < found["montufar2017"] < 2**50_000 == found["montufar2014"]


# ---- networks counted exactly -----------------------------------------------------------------------------------


def test_six_folds_and_one_unit_have_fewer_linear_regions_than_the_published_product() -> None:
    # 7 alternating slopes (6 units, one of them turned), then one unit that cuts each of them
    steps = [(-2, 2), *[(2, -1), (-1, 1), (1, -1)], *[(-1, 1), (1, -1)]]
    places = list(range(1, 7))
    jumps = [after - before for before, after in steps]
    turned = 2  # the unit at place 3 is on to its left; its jump supplies the slope -2 at the left end
    weight = [[-1 if i == turned else 1] for i in range(6)]
    bias = [place if i == turned else -place for i, place in enumerate(places)]
    assert -jumps[turned] == steps[0][0]
    best = 0
    for level, sign in product([Fraction(k, 4) for k in range(12, 29)], (1, -1)):
        last = ([[sign * jump for jump in jumps]], [-sign * level])
        net = neutral.mlp([(weight, bias), last, ([[1]], [0])])
        found = exact.whole_line(net, [0], [1])
        assert found.count("linear") <= 11
        best = max(best, found.count("activation"))
    assert best == 14 >= montufar2014.lower(1, [6, 1]) == pascanu2013.lower(1, [6, 1]) == 12
    assert 11 >= montufar2014.linear_lower(1, [6, 1]) == 7


@pytest.mark.parametrize(("folds", "last"), [(2, 1), (6, 1), (6, 2), (5, 3)])
def test_folding_networks_have_at_least_so_many_linear_regions(folds: int, last: int) -> None:
    net = closed_forms.folding_network(1, folds, 2, last, sign_choice=last > 1)
    counted = exact.segment(net, [0], [1])
    assert counted.count("linear") >= montufar2014.linear_lower(1, [folds, last])
    assert counted.count("activation") >= montufar2014.lower(1, [folds, last])


def test_deep_maxout_of_one_input_has_fewer_regions_than_the_published_power(rng: np.random.Generator) -> None:
    most = 0
    for _ in range(300):
        rows = [(rng.integers(-9, 10, (3, 1)).tolist(), rng.integers(-9, 10, 3).tolist()) for _ in range(2)]
        layers: list[Any] = []
        for matrix, bias in rows:
            layers += [("affine", matrix, bias), ("max", [[0, 1, 2]], 1)]
        net = neutral.Net.chain(1, layers)
        most = max(most, exact.whole_line(net, [0], [1]).count("activation"))
    assert most == 7 < 3**2


def test_a_maxout_layer_of_rank_three_folds_six_sectors_onto_one() -> None:
    # two gauges of triangles turned against each other, then three pieces along each of them
    gauges = [[4, 0], [-2, 3], [-2, -3], [-4, 0], [2, -3], [2, 3]]
    pieces = ([[1, 0], [2, 0], [4, 0], [0, 1], [0, 3], [0, 5]], [0, -10, -31, 0, -20, -41])
    groups = ("max", [[0, 1, 2], [3, 4, 5]], 1)
    nodes = [("affine", gauges, [0] * 6), groups, ("affine", *pieces), groups, ("affine", [[1, 7]], [0])]
    counted = exact.box(neutral.Net.chain(2, nodes), [-40, -40], [40, 40])
    assert counted.count("linear") == 6 * 3**2 >= montufar2014.maxout_deep_lower(2, 2, 3) == 27


@pytest.mark.parametrize("layers", range(1, 6))
def test_sawtooth(layers: int) -> None:
    counted = exact.segment(closed_forms.tent_network(layers), [0], [1])
    assert counted.count("linear") == telgarsky2015.sawtooth(layers) <= telgarsky2015.upper([2] * layers)


# ---- arrangements of given hyperplanes --------------------------------------------------------------------------


def regions(forms: list[list[Any]]) -> int:
    return zaslavsky1975.arrangement_regions([form[1:] for form in forms], [form[0] for form in forms])


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        *((closed_forms.braid_forms(d), (2, 6, 24, 120)[d - 2]) for d in (2, 3, 4, 5)),
        *((closed_forms.type_b_forms(d), (8, 48, 384)[d - 2]) for d in (2, 3, 4)),
        *((closed_forms.resonance_forms(d), (2, 6, 32, 370)[d - 1]) for d in (1, 2, 3, 4)),
        (closed_forms.grid_forms([3, 2, 4]), 60),
        (closed_forms.tangent_forms(7, 3), 64),
        ([[0, 1, 0], [1, 0, 0], [0, 2, 0], [0, -3, 0]], 2),
        ([[1, 0, 0]], 1),
        ([[0.1, 1.0, 1.0], [0.2, 2.0, 2.0], [0.3, 3.0, 3.0]], 3),  # 0.3 is not 3 times 0.1 in floating point
        ([[Fraction(1, 10), 1, 1], [Fraction(1, 5), 2, 2]], 2),
        ([[0, *([0] * 40), 1], [0, 1, *([0] * 40)], [0, 1, *([0] * 39), 1]], 6),
    ],
)
def test_known_arrangements(forms: list[list[Any]], expected: int) -> None:
    assert regions(forms) == expected


small = st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=1, max_size=5)


@given(small)
def test_lines_against_the_counted_plane(lines: list[tuple[int, int, int]]) -> None:
    forms = [list(line) for line in lines]
    cutting = {tuple(Fraction(x, next(y for y in line[1:] if y)) for x in line) for line in lines if any(line[1:])}
    if not cutting:
        assert regions(forms) == 1
        return
    unique = [list(line) for line in sorted(cutting)]
    assert regions(forms) == len(exact.whole_plane_patterns(closed_forms.one_layer(unique)))


@given(st.lists(st.tuples(*[st.integers(-1, 1)] * 4), max_size=5))
def test_whitney_s_sum_over_central_families(planes: list[tuple[int, ...]]) -> None:
    found = zaslavsky1975.characteristic_polynomial(
        np.array([p[1:] for p in planes], dtype=object).reshape(len(planes), 3), [p[0] for p in planes]
    )
    distinct = {tuple(Fraction(x, next(y for y in p[1:] if y)) for x in p) for p in planes if any(p[1:])}
    expected = [0] * 4
    for size in range(len(distinct) + 1):
        for family in combinations(sorted(distinct), size):
            normals = np.array([[float(x) for x in p[1:]] for p in family]).reshape(size, 3)
            full = np.array([[float(x) for x in p] for p in family]).reshape(size, 4)
            rank = int(np.linalg.matrix_rank(normals)) if size else 0
            if not size or np.linalg.matrix_rank(full) == rank:
                expected[3 - rank] += (-1) ** size
    assert found == expected


def test_bounded_regions() -> None:
    triangle = [[1, 0], [0, 1], [1, 1]]
    assert zaslavsky1975.arrangement_bounded_regions(triangle, [0, 0, -1]) == 1
    assert zaslavsky1975.arrangement_bounded_regions([[1, 0], [1, 0]], [0, 1]) == 0
    assert zaslavsky1975.arrangement_bounded_regions([[1], [1], [1]], [0, 1, 2]) == 2
    for n, d in ((6, 2), (6, 3), (7, 4)):
        forms = closed_forms.tangent_forms(n, d)
        found = zaslavsky1975.arrangement_bounded_regions([f[1:] for f in forms], [f[0] for f in forms])
        assert found == zaslavsky1975.bounded(n, d)


def test_no_hyperplanes_and_no_dimensions() -> None:
    assert zaslavsky1975.arrangement_regions(np.zeros((0, 3)), []) == 1
    assert zaslavsky1975.arrangement_regions(np.zeros((2, 0)), [1, 2]) == 1
    assert zaslavsky1975.arrangement_bounded_regions(np.zeros((0, 3)), []) == 0
    assert zaslavsky1975.arrangement_regions(np.eye(60), np.zeros(60)) == 2**60


def test_many_hyperplanes_are_refused() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(ResourceLimitError, match="at most 100 intersections of hyperplanes, found up to 435"):
        zaslavsky1975.arrangement_regions(rng.normal(size=(30, 2)), rng.normal(size=30), limit=100)


def test_given_weights_of_one_layer() -> None:
    weights = (np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.zeros(4))
    where = setting("2-4-1", weights=(weights,))
    assert value("zaslavsky1975_weights", where) == 6 < value("zaslavsky1975", where) == 11
    assert STATEMENTS["zaslavsky1975_weights"].kind is BoundKind.UPPER
    wide = setting("30-60-1", weights=((np.ones((60, 30)), np.zeros(60)),))
    assert STATEMENTS["zaslavsky1975_weights"].cost(wide) > 2_000_000
    on_a_plane = setting("2-60-1", weights=((np.ones((60, 30)), np.zeros(60)),))
    assert STATEMENTS["zaslavsky1975_weights"].cost(on_a_plane) > 2_000_000


# ---- signs of weights -------------------------------------------------------------------------------------------


FIRST = ([[1, 0], [0, 1], [1, 1]], [0, 0, -1])
SIGNS = [
    ([FIRST, ([[1, 1, 1], [1, -1, 2], [-1, -2, -1]], [1, -1, -1])], 14, 10, 40),
    ([([[1, 0], [0, 1]], [0, 0]), ([[1, 2], [3, 1]], [-1, -1])], 11, 11, 11),
]


@pytest.mark.parametrize(("layers", "bound", "counted", "without_signs"), SIGNS)
def test_coefficient_bound(layers: Any, bound: int, counted: int, without_signs: int) -> None:
    assert serra2020.upper(layers) == bound
    widths = [len(bias) for _, bias in layers]
    assert serra2018.upper(2, widths) == without_signs
    net = neutral.mlp([*layers, ([[1] * widths[-1]], [0])])
    assert len(exact.whole_plane_patterns(net)) == counted
    weights = tuple((np.array(w, dtype=float), np.array(b, dtype=float)) for w, b in layers)
    assert value("serra2020", Setting(Architecture.of([2, *widths, 1]), weights=weights)) == bound


def by_sets(matrix: np.ndarray, bias: np.ndarray) -> tuple[list[int], list[int]]:
    """The coverage by trying every set of inputs unit by unit."""
    units, inputs = matrix.shape
    cut, on = [0] * (inputs + 1), [0] * (inputs + 1)
    for chosen in product((False, True), repeat=inputs):
        both = positive = 0
        for unit in range(units):
            seen = [bias[unit], *(matrix[unit, i] for i in range(inputs) if chosen[i])]
            both += max(seen) > 0 > min(seen)
            positive += max(seen) > 0
        for k in range(sum(chosen), inputs + 1):
            cut[k], on[k] = max(cut[k], both), max(on[k], positive)
    return cut, on


def reference(layers: list[tuple[np.ndarray, np.ndarray]], number: int, k: int, d: int) -> int:
    if number == len(layers):
        return 1
    if number == 0:
        a = t = len(layers[0][1])
    else:
        cut, on = by_sets(*layers[number])
        a, t = cut[k], on[k]
    return sum(comb(a, j) * reference(layers, number + 1, t - j, min(d, t - j)) for j in range(min(d, a) + 1))


signs = st.integers(0, 2**32 - 1)


@given(signs, st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 3))
def test_coefficient_bound_against_sets(seed: int, widths: list[int], inputs: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [inputs, *widths]
    layers = [(rng.integers(-1, 2, (n, m)), rng.integers(-1, 2, n)) for m, n in zip(sizes, widths, strict=False)]
    found = serra2020.upper(layers)
    assert found == reference(layers, 0, 0, inputs)
    assert found <= serra2018.upper(inputs, widths)
    if inputs == 2:
        net = neutral.mlp([*((w.tolist(), b.tolist()) for w, b in layers), ([[1] * widths[-1]], [0])])
        assert len(exact.whole_plane_patterns(net)) <= found
    assert serra2020.upper(layers, 1) <= found


@given(signs, st.integers(1, 6), st.integers(1, 6))
def test_summed_coverage_is_above_the_exact_one(seed: int, units: int, inputs: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, bias = rng.integers(-1, 2, (units, inputs)), rng.integers(-1, 2, units)
    sets, found = by_sets(matrix, bias), serra2020.coverage(matrix, bias)
    assert (list(found.cut), list(found.on), found.exact) == (*sets, True)
    padded = serra2020.coverage(np.hstack([matrix, np.zeros((units, 13 - inputs))]), bias)
    assert not padded.exact
    cut = [*sets[0], *[sets[0][-1]] * (13 - inputs)]
    on = [*sets[1], *[sets[1][-1]] * (13 - inputs)]
    assert all(a >= b for a, b in zip(padded.cut, cut, strict=True))
    assert all(a >= b for a, b in zip(padded.on, on, strict=True))
    assert (padded.cut[-1], padded.on[-1]) == (cut[-1], on[-1])


def test_coefficient_bound_of_no_layers() -> None:
    assert serra2020.upper([]) == 1


# ---- random parities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slack", "trials", "exponent"), [(2, 3, 6), (1, 7, 7), (2, 5, 10)])
def test_error_of_unanimous_trials(slack: int, trials: int, exponent: int) -> None:
    assert gomes2006.error_probability(slack, trials) == Fraction(1, 2**exponent)


@given(st.integers(1, 4), st.integers(1, 30), st.data())
def test_errors_of_some_trials(slack: int, trials: int, data: st.DataObject) -> None:
    feasible = data.draw(st.integers(0, trials))
    error = gomes2006.error_probability(slack, trials, feasible)
    p = Fraction(1, 2**slack)
    below = sum((comb(trials, i) * p**i * (1 - p) ** (trials - i) for i in range(feasible)), start=Fraction(0))
    assert error == 1 - below
    chernoff = gomes2006.chernoff_error(slack, trials, feasible)
    assert error * Fraction(999_999, 1_000_000) < chernoff <= 1
    if feasible * 2**slack <= trials:
        assert chernoff == 1
    else:
        excess = 2**slack * feasible / trials - 1
        expected = (math.e**excess / (1 + excess) ** (1 + excess)) ** (trials / 2**slack)
        assert chernoff == pytest.approx(expected, rel=1e-9)


def test_few_patterns_rarely_survive(rng: np.random.Generator) -> None:
    # fewer than 2^(s - a) = 8 patterns of 10 units, s = 5 parities: all of 2 trials have a survivor in 1 of 16 at most
    patterns, wrong, runs = rng.integers(0, 2, (7, 10)), 0, 2000
    for _ in range(runs):
        survived = []
        for _ in range(2):
            parities, sides = rng.integers(0, 2, (10, 5)), rng.integers(0, 2, 5)
            survived.append(bool(((patterns @ parities - sides) % 2 == 0).all(axis=1).any()))
        wrong += all(survived)
    assert 0 < wrong <= runs * gomes2006.error_probability(2, 2)
