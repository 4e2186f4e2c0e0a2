"""When a run is measured: at numbers of training steps."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Protocol

from vitrail.errors import InvalidOptionError
from vitrail.options import positive_integer

__all__ = ["Schedule", "parse_schedule"]

_EVERY = re.compile(r"every\s+(?:(?P<number>[\d./]+)\s+)?(?P<unit>steps?|epochs?)")
_MOST_EPOCHS = 10_000_000


class Schedule(Protocol):
    """Which numbers of steps are measured, and the text that says so."""

    @property
    def text(self) -> str:
        """What tells this schedule from others."""

    def __call__(self, step: int) -> bool:
        """Whether a network is measured after so many steps, 0 before the first."""


class _Every:
    """Every so many steps, which may be a fraction: then at the whole number below each multiple."""

    def __init__(self, steps: Fraction, text: str) -> None:
        self.steps, self.text = steps, text

    def __call__(self, step: int) -> bool:
        multiple = math.ceil(step / self.steps)
        return math.floor(multiple * self.steps) == step


class _At:
    """At some numbers of steps."""

    def __init__(self, steps: frozenset[int], text: str) -> None:
        self.steps, self.text = steps, text

    def __call__(self, step: int) -> bool:
        return step in self.steps


class _Asked:
    """Where a function says so."""

    text = "a function"

    def __init__(self, function: Callable[[int], bool]) -> None:
        self.function = function

    def __call__(self, step: int) -> bool:
        return bool(self.function(step))


def parse_schedule(
    schedule: str | Sequence[object] | Callable[[int], bool] | None, steps_per_epoch: int | None = None
) -> Schedule:
    """A schedule from what users write.

    A list of epochs, as a text ("0, 1/32, 1, 2") or a sequence of numbers: epoch e stands for floor(e steps_per_epoch)
    steps, in exact arithmetic, and epochs that fall on one step are measured once. "every 100 steps", "every epoch",
    "every 1/4 epoch", from step 0 on. A function from the number of steps to whether to measure. None: every epoch
    where `steps_per_epoch` is known, else every 100 steps.

    Raises:
        InvalidOptionError: another text, numbers that are negative or not finite, or epochs without `steps_per_epoch`.

    Example:
        >>> papers = parse_schedule("0, 1/32, 1/2, 1", steps_per_epoch=468)
        >>> [step for step in range(500) if papers(step)]
        [0, 14, 234, 468]
        >>> [step for step in range(8) if parse_schedule("every 3 steps")(step)]
        [0, 3, 6]
    """
    if steps_per_epoch is not None:
        positive_integer("steps_per_epoch", steps_per_epoch)
    if schedule is None:
        schedule = "every 100 steps" if steps_per_epoch is None else "every epoch"
    if callable(schedule):
        return _Asked(schedule)
    if isinstance(schedule, str) and schedule.strip().startswith("every"):
        return _every(schedule.strip(), steps_per_epoch)
    parts: object = schedule.split(",") if isinstance(schedule, str) else schedule
    if not isinstance(parts, Sequence) or not parts:
        raise InvalidOptionError(
            f'schedule: expected epochs such as "0, 1/2, 1", "every 100 steps" or a function, found {schedule!r}'
        )
    epochs = [_fraction(part) for part in parts]
    text = ", ".join(str(epoch) for epoch in epochs)
    if steps_per_epoch is None:
        if any(epochs):
            raise InvalidOptionError(f"schedule: {text} are epochs; expected steps_per_epoch, too, found none")
        return _At(frozenset([0]), text)
    return _At(frozenset(math.floor(epoch * steps_per_epoch) for epoch in epochs), text)


def _every(text: str, steps_per_epoch: int | None) -> Schedule:
    match = _EVERY.fullmatch(text)
    if match is None:
        raise InvalidOptionError(f'schedule: expected "every 100 steps" or "every 1/4 epoch", say, found {text!r}')
    number = Fraction(1) if match["number"] is None else _fraction(match["number"])
    of_epochs = match["unit"].startswith("epoch")
    if number == 0 or (not of_epochs and number.denominator > 1):
        kind = "a number above 0" if of_epochs else "a whole number above 0"
        raise InvalidOptionError(f"schedule: expected {kind}, found {match['number']} in {text!r}")
    if not of_epochs:
        return _Every(number, f"every {number} steps")
    if steps_per_epoch is None:
        raise InvalidOptionError(f"schedule: {text!r} speaks of epochs; expected steps_per_epoch, too, found none")
    return _Every(number * steps_per_epoch, f"every {number} epochs")


def _fraction(part: object) -> Fraction:
    """A number as it is written: 0.1 is one tenth."""
    text = str(part).strip()
    try:
        # a float is taken by its shortest decimal form: of 0.29 epochs of 100 steps users expect 29
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        found = Fraction(-1)
    if isinstance(part, bool) or not 0 <= found <= _MOST_EPOCHS:
        raise InvalidOptionError(f"schedule: expected epochs of at least 0 such as 1/32, 0.5 or 2, found {text!r}")
    return found
