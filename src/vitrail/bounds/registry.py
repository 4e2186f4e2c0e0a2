"""All bounds by name, and their values where they apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vitrail.bounds import (
    arora2018,
    goujon2024,
    hanin2019complexity,
    hanin2019patterns,
    hinz2021,
    hu2018,
    montufar2014,
    montufar2017,
    montufar2022,
    own,
    pascanu2013,
    raghu2017,
    serra2018,
    serra2020,
    telgarsky2015,
    tseran2021,
    xiong2020,
    zaslavsky1975,
    zhang2018,
)
from vitrail.bounds.architecture import Architecture
from vitrail.bounds.setting import Setting
from vitrail.bounds.statement import BoundKind, Confidence, Number, Statement
from vitrail.bounds.values import log10_of, short
from vitrail.errors import NotApplicableError, ResourceLimitError
from vitrail.options import one_of
from vitrail.status import Definition

__all__ = ["BoundValue", "available", "evaluate", "evaluate_in", "find"]

_MODULES = (
    zaslavsky1975,
    pascanu2013,
    montufar2014,
    telgarsky2015,
    raghu2017,
    arora2018,
    montufar2017,
    hu2018,
    zhang2018,
    serra2018,
    hinz2021,
    serra2020,
    xiong2020,
    montufar2022,
    goujon2024,
    own,
    hanin2019complexity,
    hanin2019patterns,
    tseran2021,
)
_MOST_WORDS = 10**13
_STATEMENTS = {statement.name: statement for module in _MODULES for statement in module.STATEMENTS}


@dataclass(frozen=True)
class BoundValue:
    """The value of one bound: a number with the statement behind it, for regions of one definition.

    Example:
        >>> value = evaluate("serra2018", widths=[2, 4, 4, 1])
        >>> int(value), value.kind.value, value.counts.value
        (121, 'upper bound', 'activation')
    """

    statement: Statement
    value: Number
    setting: Setting
    definition: Definition

    @property
    def name(self) -> str:
        """The name of the bound."""
        return self.statement.name

    @property
    def kind(self) -> BoundKind:
        """What it bounds, among regions of the `definition`."""
        return self.statement.kind_for(self.definition) or self.statement.kind

    @property
    def counts(self) -> Definition:
        """Which regions the statement counts."""
        return self.statement.counts

    @property
    def confidence(self) -> Confidence:
        """How sure the statement is."""
        return self.statement.confidence

    @property
    def log10(self) -> float:
        """The decimal logarithm."""
        return log10_of(self.value)

    def __int__(self) -> int:
        """The value rounded to an integer in the direction in which the bound still holds."""
        if isinstance(self.value, int):
            return self.value
        exact = Fraction(self.value)
        return exact.__floor__() if self.kind is BoundKind.LOWER_ON_MAXIMUM else exact.__ceil__()

    def __float__(self) -> float:
        """The value as a float; infinite where it is too large for one."""
        try:
            return float(self.value)
        except OverflowError:
            return float("inf")

    def __repr__(self) -> str:
        """Name, value and kind, in one line."""
        likely = "" if self.confidence is Confidence.SURE else f", {self.confidence.value}"
        what = f"{self.kind.value} on {self.definition.value} regions"
        return f"BoundValue({self.name}, {short(self.value)}, {what}{likely})"


def available() -> tuple[Statement, ...]:
    """All bounds, paper by paper.

    Example:
        >>> len([statement for statement in available() if statement.name.startswith("serra2018")]) >= 5
        True
    """
    return tuple(_STATEMENTS.values())


def find(name: str) -> Statement:
    """The statement of a name.

    Raises:
        InvalidOptionError: there is none; the message names the closest one.

    Example:
        >>> find("serra2018").title
        'Serra et al. 2018'
    """
    return _STATEMENTS[one_of("name", name, list(_STATEMENTS))]


def evaluate(
    name: str,
    setting: Setting | None = None,
    *,
    widths: str | Sequence[int] | None = None,
    activation: str = "relu",
    rank: int | None = None,
) -> BoundValue:
    """The value of one bound, for the widths of a fully connected network or in a setting.

    `widths` are input, hidden layers and output, as integers or as in "784-100-10"; `activation` and `rank` as in
    `Architecture.of`. A setting (see `Setting`) may know weights, a domain and a distribution too.

    Raises:
        NotApplicableError: a condition of the bound does not hold; the message says which.
        InvalidOptionError: an unknown name, or widths that are none.
        ResourceLimitError: integers that are too large to be multiplied in an hour.

    Example:
        >>> evaluate("serra2018", widths="10-10-10-1").value
        616666
        >>> evaluate("serra2018", widths="2-2-2-1", activation="abs")
        Traceback (most recent call last):
        ...
        vitrail.errors.NotApplicableError: serra2018: expected units with two pieces of which one is constant (ReLU), \
found abs in layer 1; vitrail.bounds.table lists what applies
    """
    statement = find(name)
    if setting is None:
        setting = Setting(Architecture.of(() if widths is None else widths, activation=activation, rank=rank))
    return evaluate_in(statement, setting)


def evaluate_in(statement: Statement, setting: Setting) -> BoundValue:
    """The value of a statement in a setting.

    Raises:
        NotApplicableError: a condition does not hold.
        ResourceLimitError: integers that are too large to be multiplied in an hour.
    """
    failures = statement.failures(setting)
    if failures:
        raise NotApplicableError(f"{statement.name}: {'; '.join(failures)}; vitrail.bounds.table lists what applies")
    if setting.work > _MOST_WORDS:
        raise ResourceLimitError(
            f"{statement.name}: expected at most {_MOST_WORDS:.0e} words of large integers to multiply, found about "
            f"{setting.work:.0e}; ask for fewer units, inputs or layers"
        )
    return BoundValue(statement, statement.value(setting), setting, statement.counts)
