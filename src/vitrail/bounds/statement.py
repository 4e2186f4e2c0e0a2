"""What a bound says of itself: what it counts, of which kind it is, what it needs, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from vitrail.bounds.setting import Setting
from vitrail.status import Definition

__all__ = ["BoundKind", "Condition", "Confidence", "Need", "Number", "Statement"]

Number = int | Fraction | float
"""The value of a bound: an integer, or a fraction or a float where an expectation is bounded."""


class BoundKind(StrEnum):
    """What a bound bounds.

    Example:
        >>> BoundKind("upper bound").above, BoundKind.LOWER_ON_MAXIMUM.above
        (True, False)
    """

    EXACT_MAXIMUM = "exact maximum"
    """The largest number over all weights and biases of the architecture."""
    UPPER = "upper bound"
    """No network of the architecture (or: not the given network) has more."""
    LOWER_ON_MAXIMUM = "lower bound on the maximum"
    """Some network of the architecture has at least so many; a given one may have fewer."""
    EXACT_EXPECTATION = "exact expectation"
    """The mean over random networks."""
    UPPER_ON_EXPECTATION = "upper bound on the expectation"
    """The mean over random networks is at most that; single ones may have more."""

    @property
    def above(self) -> bool:
        """Whether no network in question has more regions than the value."""
        return self in (BoundKind.EXACT_MAXIMUM, BoundKind.UPPER)

    @property
    def below(self) -> bool:
        """Whether the maximum over the architecture is at least the value."""
        return self in (BoundKind.EXACT_MAXIMUM, BoundKind.LOWER_ON_MAXIMUM)


_ORDER = (Definition.AFFINE, Definition.LINEAR, Definition.ACTIVATION)
"""Definitions from the one that never counts more to the one that never counts fewer."""

_COARSER = {
    BoundKind.EXACT_MAXIMUM: BoundKind.UPPER,
    BoundKind.UPPER: BoundKind.UPPER,
    BoundKind.EXACT_EXPECTATION: BoundKind.UPPER_ON_EXPECTATION,
    BoundKind.UPPER_ON_EXPECTATION: BoundKind.UPPER_ON_EXPECTATION,
}
_FINER = {
    BoundKind.EXACT_MAXIMUM: BoundKind.LOWER_ON_MAXIMUM,
    BoundKind.LOWER_ON_MAXIMUM: BoundKind.LOWER_ON_MAXIMUM,
}


class Need(StrEnum):
    """What has to be known to evaluate a bound.

    Example:
        >>> Need("weights").value
        'weights'
    """

    ARCHITECTURE = "architecture"
    WEIGHTS = "weights"
    DOMAIN = "domain"
    DISTRIBUTION = "distribution"


class Confidence(StrEnum):
    """How sure it is that the statement is the paper's, and true.

    Example:
        >>> Confidence.LIKELY.advice
        'not read in the paper itself; no counterexample in numerical checks'
    """

    SURE = "sure"
    LIKELY = "likely"

    @property
    def advice(self) -> str:
        """What it means, in one sentence."""
        if self is Confidence.SURE:
            return "read in a text of the paper or proved independently, and checked numerically"
        return "not read in the paper itself; no counterexample in numerical checks"


@dataclass(frozen=True)
class Condition:
    """A condition of validity: `text` says what must hold, `failure` what is found instead, None where it holds.

    Example:
        >>> from vitrail.bounds.architecture import Architecture
        >>> one_layer = Condition("one hidden layer", lambda s: None if len(s.layers) == 1 else f"{len(s.layers)}")
        >>> one_layer.failure(Setting(Architecture.of("2-3-3-1")))
        '2'
    """

    text: str
    failure: Callable[[Setting], str | None]


@dataclass(frozen=True)
class Statement:
    """One bound of the literature.

    `formula` is the statement in words and symbols; `reference` says where it stands. `counts` is the definition of
    regions that it counts: an upper bound holds for every definition that never counts more, a lower one for those that
    never count fewer. `value` computes it in a setting where all `conditions` hold; `cost` estimates the number of
    large-integer operations, so that a table can leave out what would take minutes.

    Example:
        >>> from vitrail.bounds import find
        >>> found = find("serra2018")
        >>> found.kind.value, found.counts.value, found.confidence.value
        ('upper bound', 'activation', 'sure')
    """

    name: str
    title: str
    formula: str
    reference: str
    counts: Definition
    kind: BoundKind
    needs: frozenset[Need]
    confidence: Confidence
    conditions: tuple[Condition, ...]
    value: Callable[[Setting], Number]
    cost: Callable[[Setting], int] = lambda _: 0
    remark: str = ""

    def kind_for(self, definition: Definition) -> BoundKind | None:
        """What the value bounds among regions of another definition; None where it says nothing about them.

        There are at least as many activation regions as linear ones, and as many of these as affine pieces: an exact
        maximum of activation regions is an upper bound on the others, and no more than that.

        Example:
            >>> from vitrail.bounds import find
            >>> exact, lower = find("serra2018_one_input"), find("serra2018_lower")
            >>> exact.kind_for(Definition.LINEAR).value, lower.kind_for(Definition.LINEAR) is None
            ('upper bound', True)
        """
        finer = _ORDER.index(definition) - _ORDER.index(self.counts)
        if finer == 0:
            return self.kind
        kinds = _COARSER if finer < 0 else _FINER
        return kinds.get(self.kind)

    def failures(self, setting: Setting) -> list[str]:
        """The conditions that fail in a setting, each with what was found; empty where the bound applies."""
        found = []
        for condition in self.conditions:
            failure = condition.failure(setting)
            if failure is not None:
                found.append(f"expected {condition.text}, found {failure}")
        return found
