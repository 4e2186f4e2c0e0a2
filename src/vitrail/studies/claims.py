"""What a paper claims, what was found, and the rule that makes a verdict of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.estimates.estimate import Estimate
from vitrail.studies.statistics import CONFIDENCE, mean_over_seeds, paired_difference

if TYPE_CHECKING:
    import pandas

__all__ = ["Claim", "PaperClaim", "Verdict", "claims_frame", "claims_markdown"]

_ONE_RUN = "no claim from one run: an interval needs at least 2 seeds"


class Verdict(StrEnum):
    """What became of a claim.

    Example:
        >>> Verdict("not reproduced").meaning
        'the interval reaches out of what is claimed, or the claim fails exactly'
    """

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_TESTABLE = "not testable"

    @property
    def meaning(self) -> str:
        """The verdict in one sentence."""
        return _MEANING[self]


_MEANING = {
    Verdict.REPRODUCED: "the whole interval lies inside of what is claimed, or the claim holds exactly",
    Verdict.NOT_REPRODUCED: "the interval reaches out of what is claimed, or the claim fails exactly",
    Verdict.NOT_TESTABLE: "too few runs, or nothing that was computed speaks about it",
}


@dataclass(frozen=True)
class Claim:
    """A claim of a paper, what was found here, and the verdict; made by the methods of `PaperClaim`.

    `effect` with its interval [`low`, `high`] at `confidence` over `seeds` is None for what is decided exactly and for
    what is not testable. An undecided claim is not reproduced, with `decided` false: its interval holds numbers inside
    of what is claimed and others outside, so the data neither confirm nor refute it. `why` says how the verdict came.
    """

    number: int
    paper_says: str
    source: str
    ours: str
    effect: float | None
    low: float | None
    high: float | None
    confidence: float | None
    seeds: int
    verdict: Verdict
    why: str
    decided: bool = True

    @property
    def label(self) -> str:
        """The verdict, with a word where the data decide nothing.

        Example:
            >>> PaperClaim(1, "more", "abstract").over_seeds("extra", [-1.0, 1.0, 2.0], above=0.0).label
            'not reproduced (undecided)'
        """
        undecided = self.verdict is Verdict.NOT_REPRODUCED and not self.decided
        return f"{self.verdict.value} (undecided)" if undecided else self.verdict.value

    def to_dict(self) -> dict[str, object]:
        """Everything, for JSON and tables.

        Example:
            >>> PaperClaim(1, "more", "abstract").not_testable("no data").to_dict()["verdict"]
            'not testable'
        """
        return asdict(self) | {"verdict": self.verdict.value}


@dataclass(frozen=True)
class PaperClaim:
    """Something that a paper says, with the place where it says so; what was found turns it into a `Claim`.

    The rule, for a claim that a number lies above, below or between limits (which do not belong to what is claimed):
    a confidence interval wholly inside is reproduced; one wholly outside is not reproduced; any other is not
    reproduced, and undecided. An interval without width decides nothing: seeds that all give one number say nothing of
    their spread (`paired_signs` may). One run decides nothing either. Intervals hold claim by claim, not for all
    claims of a study at once.

    Example:
        >>> claim = PaperClaim(1, "more regions than units", "abstract")
        >>> claim.over_seeds("regions beyond units", [4.0, 5.0, 6.0], above=0.0).verdict.value
        'reproduced'
        >>> claim.over_seeds("regions beyond units", [4.0], above=0.0).why
        'no claim from one run: an interval needs at least 2 seeds'
    """

    number: int
    says: str
    source: str

    def over_seeds(
        self,
        what: str,
        values: Sequence[float] | np.ndarray,
        *,
        above: float | None = None,
        below: float | None = None,
        confidence: float = CONFIDENCE,
    ) -> Claim:
        """Judge the mean of one number per seed; fewer than two seeds are not testable.

        Raises:
            InvalidOptionError: no limit, limits in the wrong order, or a confidence not between 0 and 1.
        """
        _check_limits(above, below)
        if np.size(values) < 2:
            return self.not_testable(_ONE_RUN, ours=_alone(what, values), seeds=np.size(values))
        return self.judge(mean_over_seeds(values, what, confidence), above=above, below=below)

    def over_pairs(
        self,
        what: str,
        first: Sequence[float] | np.ndarray,
        second: Sequence[float] | np.ndarray,
        *,
        above: float | None = None,
        below: float | None = None,
        confidence: float = CONFIDENCE,
    ) -> Claim:
        """Judge the mean of first minus second, seed by seed; fewer than two seeds are not testable.

        Raises:
            InvalidOptionError: no limit, limits in the wrong order, unequal numbers of seeds, or a confidence not
                between 0 and 1.
        """
        _check_limits(above, below)
        if np.shape(first) == np.shape(second) and np.size(first) < 2:
            differences = np.ravel(np.subtract(first, second))
            return self.not_testable(_ONE_RUN, ours=_alone(what, differences), seeds=np.size(first))
        return self.judge(paired_difference(first, second, what, confidence), above=above, below=below)

    def judge(self, estimate: Estimate, *, above: float | None = None, below: float | None = None) -> Claim:
        """The verdict on an estimated number that is claimed to lie above `above`, below `below`, or between them.

        The limits themselves are not inside of what is claimed.

        Raises:
            InvalidOptionError: no limit, or limits in the wrong order.

        Example:
            >>> found = mean_over_seeds([0.9, 1.0, 1.1], "regions per unit")
            >>> PaperClaim(1, "about as many regions as units", "section 3").judge(found, above=0.5, below=2.0).why
            '95% interval [0.7516, 1.248] wholly between 0.5 and 2'
        """
        inside = _check_limits(above, below)
        low, high, level = estimate.low, estimate.high, f"{100 * estimate.confidence:g}%"
        shown = f"{level} interval [{low:.4g}, {high:.4g}]"
        outside = (above is not None and high <= above) or (below is not None and low >= below)
        verdict, decided = Verdict.NOT_REPRODUCED, False
        if math.isnan(estimate.value) or not low <= high:
            why = "undecided: the number found is not a number in some seeds"
        elif low == high:
            why = f"undecided: the {level} interval at {low:.4g} has no width, and so says nothing of other seeds"
        elif (above is None or low > above) and (below is None or high < below):
            verdict, decided, why = Verdict.REPRODUCED, True, f"{shown} wholly {inside}"
        elif outside:
            decided, why = True, f"{shown} wholly not {inside}"
        else:
            why = f"undecided: {shown} lies partly {inside}, partly not"
        if estimate.warnings:
            why += f" ({'; '.join(estimate.warnings)})"
        ours = f"{estimate.what}: {estimate.value:.4g} [{low:.4g}, {high:.4g}]"
        numbers = (estimate.value, low, high, estimate.confidence, estimate.samples)
        return Claim(self.number, self.says, self.source, ours, *numbers, verdict, why, decided)

    def check(self, ours: str, holds: bool, why: str) -> Claim:
        """The verdict on what is decided exactly: counts that were proven, identities that hold or do not.

        Raises:
            InvalidOptionError: `holds` is no truth value.

        Example:
            >>> PaperClaim(1, "44 regions", "theorem 1").check("44", 44 == 44, "exact count").verdict.value
            'reproduced'
        """
        given: object = holds
        if not isinstance(given, bool | np.bool_):
            raise InvalidOptionError(f"claim {self.number}: expected True or False for holds, found {given!r}")
        verdict = Verdict.REPRODUCED if given else Verdict.NOT_REPRODUCED
        return Claim(self.number, self.says, self.source, ours, None, None, None, None, 0, verdict, f"exactly: {why}")

    def not_testable(self, why: str, *, ours: str = "-", seeds: int = 0) -> Claim:
        """The claim with a reason for which nothing can be said of it.

        Example:
            >>> PaperClaim(1, "faster", "figure 2").not_testable("the paper does not say what it timed").label
            'not testable'
        """
        verdict = Verdict.NOT_TESTABLE
        found = Claim(self.number, self.says, self.source, ours, None, None, None, None, seeds, verdict, why)
        return replace(found, decided=False)


def claims_frame(claims: Sequence[Claim]) -> pandas.DataFrame:
    """A table with a row per claim: the fields of `Claim`, with the paper's words first, ours and the verdict next.

    Example:
        >>> list(claims_frame([PaperClaim(1, "more", "abstract").not_testable("no data")]).columns)[:4]
        ['number', 'paper', 'ours', 'verdict']
    """
    import pandas

    leading = ["number", "paper", "ours", "verdict"]
    rows = [claim.to_dict() for claim in claims]
    fields = [name for name in Claim.__dataclass_fields__ if name not in ("paper_says", *leading)]
    frame = pandas.DataFrame(rows, columns=[*Claim.__dataclass_fields__]).rename(columns={"paper_says": "paper"})
    return frame[[*leading, *fields]]


def claims_markdown(title: str, claims: Sequence[Claim], notes: Sequence[str] = ()) -> str:
    r"""A page with a table of the claims, and the notes above it.

    Example:
        >>> text = claims_markdown("Toy", [PaperClaim(1, "a | b", "abstract").not_testable("no data")], ["one seed"])
        >>> text.splitlines()[-1]
        '| 1 | a \\| b (abstract) | - | not testable | no data |'
    """
    lines = [f"# {title}", "", *(f"* {note}" for note in notes), *([""] if notes else [])]
    lines += ["|   | paper | ours | verdict | why |", "|---|---|---|---|---|"]
    for claim in claims:
        cells = (str(claim.number), f"{claim.paper_says} ({claim.source})", claim.ours, claim.label, claim.why)
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _alone(what: str, values: Sequence[float] | np.ndarray) -> str:
    return f"{what}: {float(np.ravel(values)[0]):.4g} in one run" if np.size(values) else "-"


def _check_limits(above: float | None, below: float | None) -> str:
    """What is claimed, in words."""
    limits = [limit for limit in (above, below) if limit is not None]
    if not limits or not all(math.isfinite(limit) for limit in limits):
        raise InvalidOptionError(f"expected a finite limit above or below, or both, found {above!r} and {below!r}")
    if above is not None and below is not None:
        if above >= below:
            raise InvalidOptionError(f"expected above < below, found {above!r} and {below!r}: nothing lies between")
        return f"between {above:g} and {below:g}"
    return f"above {above:g}" if above is not None else f"below {below:g}"
