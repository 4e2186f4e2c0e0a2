"""What the paper claims, for each of the two sets of images, and what the runs say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vitrail.studies.claims import Claim, PaperClaim
from vitrail.studies.lin2020.tables import image_sets, per_seed, reports

if TYPE_CHECKING:
    import pandas

__all__ = ["STATEMENTS", "claims"]

_SETS = {"mnist": "MNIST", "digits": "small digits"}
_WHAT = {
    "bound": "log10 of the bound",
    "regions": "log10 of exact counts in squares of the balls",
    "distance": "log10 of the mean distance",
}
_OTHERS = {
    "gaussian": "normal pixels",
    "uniform": "uniform pixels",
    "scaled": "uniform pixels scaled to the length of an image",
}


@dataclass(frozen=True)
class _Test:
    """One claim on one set of images: the end of training against report number `since`, or against other points."""

    data: str
    measure: str
    says: str
    source: str
    other: str | None = None
    since: int = 0

    def claim(self, number: int) -> PaperClaim:
        return PaperClaim(number, f"{_SETS[self.data]}: {self.says}", self.source)

    def judged(self, number: int, results: pandas.DataFrame) -> Claim:
        claim = self.claim(number)
        if self.data not in image_sets(results):
            return claim.not_testable(f"no run on {_SETS[self.data]} at this scale")
        own = results[results["data"] == self.data]
        radius, epochs = float(own["claim_radius"].iloc[0]), reports(own, self.data)
        last = epochs[-1]
        at = "" if self.measure == "distance" else f", radius {radius:g}"
        after = per_seed(own, self.data, self.measure, "train", last, radius)
        if self.other:
            before = per_seed(own, self.data, self.measure, self.other, last, radius)
            what = f"{_WHAT[self.measure]}, training points minus {_OTHERS[self.other]}, epoch {last:g}{at}"
        elif self.since >= len(epochs) - 1:
            return claim.not_testable(f"only {len(epochs)} reports in training")
        else:
            before = per_seed(own, self.data, self.measure, "train", epochs[self.since], radius)
            what = f"{_WHAT[self.measure]} at training points, epoch {last:g} minus {epochs[self.since]:g}{at}"
        falls = not self.other and self.measure != "distance"
        limit: dict[str, float] = {"below": 0.0} if falls else {"above": 0.0}
        return claim.over_pairs(what, after, before, **limit)


def _tests() -> list[_Test]:
    found = []
    abstract, reading = "abstract", "abstract, read as a statement on regions rather than on the bound"
    changes = {
        "bound": ("the bound falls for balls around training points", abstract),
        "distance": ("boundaries move away from training points", abstract),
        "regions": ("the regions around training points become fewer", reading),
    }
    for data in _SETS:
        for measure, (says, source) in changes.items():
            found.append(_Test(data, measure, f"in training, {says}", source))
            later = f"in training after its first steps, {says}"
            found.append(_Test(data, measure, later, f"{source}; by when is not said", since=1))
        for other, name in _OTHERS.items():
            more = f"after training, more regions around training points than around points of {name}"
            found.append(_Test(data, "bound", f"{more}, by the bound", abstract, other))
            found.append(_Test(data, "regions", f"{more}, counted", reading, other))
    return found


_TESTS = _tests()
_SOUND = PaperClaim(len(_TESTS) + 1, "the bound is an upper bound for the regions in a ball", "abstract")
_ATTACKS = PaperClaim(
    len(_TESTS) + 2, "the bound is evaluated around adversarial examples and backdoor triggers", "abstract"
)

STATEMENTS = (*(test.claim(number) for number, test in enumerate(_TESTS, 1)), _SOUND, _ATTACKS)
"""What the paper says: its two findings, each on both sets of images, by the bound and by exact counts."""


def claims(results: pandas.DataFrame) -> list[Claim]:
    """Judge every statement at the radius `claim_radius`, over seeds.

    Changes in training are those from the first report, and from the second one, to the last. A set of images without
    runs, or with a single seed, is not testable.
    """
    found = [test.judged(number, results) for number, test in enumerate(_TESTS, 1)]
    violations, balls = int(results["violations"].sum()), int((results["sampled_centers"] + results["centers"]).sum())
    ours = f"{violations} of {balls:,} comparisons with counts in squares and with samples violate it"
    found.append(_SOUND.check(ours, violations == 0, "every bound is at least what was counted or seen in its ball"))
    why = "the abstract says where the bound is evaluated, not with what result; there are no triggers here"
    return [*found, _ATTACKS.not_testable(why, ours=_attacked(results), seeds=_fewest_seeds(results))]


def _attacked(results: pandas.DataFrame) -> str:
    """The bound around adversarial points beside that around the images that they come from."""
    parts = []
    for data in image_sets(results):
        own = results[results["data"] == data]
        radius, last = float(own["claim_radius"].iloc[0]), reports(own, data)[-1]
        moved, plain = (
            float(np.mean(per_seed(own, data, "bound", group, last, radius))) for group in ("adversarial", "train")
        )
        parts.append(f"{_SETS.get(data, data)}: {moved:.4g} at adversarial points, {plain:.4g} at training points")
    return f"log10 of the bound, {'; '.join(parts)}"


def _fewest_seeds(results: pandas.DataFrame) -> int:
    return int(results.groupby("data")["seed"].nunique().min())
