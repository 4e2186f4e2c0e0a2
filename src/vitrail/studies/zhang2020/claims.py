"""What Zhang and Wu claim of batch norm, dropout, optimizers and places, and what became of each claim."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from vitrail.studies.claims import Claim, PaperClaim
from vitrail.studies.statistics import CONFIDENCE, paired_difference
from vitrail.studies.zhang2020.summary import DATA, LOG_EACH, LOG_MEAN, MEAN, at_end, by_seed, unproven

if TYPE_CHECKING:
    import pandas

__all__ = ["OPTIMIZERS", "STATEMENTS", "claims"]

OPTIMIZERS = ("plain", "sgd", "momentum", "rmsprop")
"""Networks that differ in the optimizer only; plain is Adam."""

_SIMILAR = 0.01
"""Test accuracies that differ by less are called similar: our limit, as the paper's is not known."""

_ABSTRACT = "abstract"
_LISTED = "from a list of the findings, the text was not seen"

_SAYS = {
    "bn balls": ("batch norm makes regions smaller: largest balls, at data", _ABSTRACT),
    "bn balls random": ("batch norm makes regions smaller: largest balls, at random points", _ABSTRACT),
    "bn balls boundary": ("batch norm makes regions smaller: largest balls, at decision boundaries", _ABSTRACT),
    "bn distances": ("batch norm makes regions smaller: distances from data to their boundaries", _ABSTRACT),
    "bn angles": ("batch norm makes the normals more orthogonal: all units", _ABSTRACT),
    "bn facets": ("batch norm makes the normals more orthogonal: facets only", _ABSTRACT),
    "dropout angles": ("dropout makes the normals less orthogonal: all units", _ABSTRACT),
    "dropout facets": ("dropout makes the normals less orthogonal: facets only", _ABSTRACT),
    "dropout data": ("dropout concentrates regions around decision boundaries: balls there and at data", _ABSTRACT),
    "dropout random": (
        "dropout concentrates regions around decision boundaries: balls there, at random points",
        _ABSTRACT,
    ),
    "dropout cuts": ("dropout concentrates regions around decision boundaries: cuts between two images", _ABSTRACT),
    "optimizers": ("optimizers give completely different regions", _ABSTRACT),
    "accuracies": ("while their test accuracies are similar", _ABSTRACT),
    "places": ("regions with data differ from others (in what way is not known here)", _LISTED),
    "conv bn balls": ("batch norm makes regions smaller: convolutions, largest balls, at data", _ABSTRACT),
    "conv bn balls random": (
        "batch norm makes regions smaller: convolutions, largest balls, at random points",
        _ABSTRACT,
    ),
    "conv bn distances": ("batch norm makes regions smaller: convolutions, distances from data", _ABSTRACT),
    "conv bn angles": ("batch norm makes the normals more orthogonal: convolutions", _ABSTRACT),
    "conv dropout angles": ("dropout makes the normals less orthogonal: convolutions", _ABSTRACT),
    "conv dropout cuts": ("dropout concentrates regions around decision boundaries: convolutions, cuts", _ABSTRACT),
    "decisions": ("decision boundaries in regions, and relevance of regions around, tell networks apart", _LISTED),
    "cifar": ("the same on CIFAR-10", "remembered, not sure"),
}
"""Every claim by a key, with its source; one claim of the paper is looked at in several ways."""

_BY_KEY = {key: PaperClaim(place, *said) for place, (key, said) in enumerate(_SAYS.items(), start=1)}
STATEMENTS = tuple(_BY_KEY.values())


def claims(results: pandas.DataFrame) -> list[Claim]:
    """A verdict on each of `STATEMENTS`; pairs are the networks of one seed, with the same images and order of batches.

    Radii and distances are compared by the means of their decimal logarithms, densities of cuts by the logarithms of
    their means. "At data" are training and test images together, of every network at its last report.
    """
    end = at_end(results)
    full, filters = ("batch norm", "plain"), ("convolution, batch norm", "convolution")
    drops, filters_drop = ("dropout", "plain"), ("convolution, dropout", "convolution")
    size, angle, near = "radius", "unit_cosine", ("boundary",)
    return [
        _change(end, "bn balls", full, size, DATA, how=LOG_EACH, below=0.0),
        _change(end, "bn balls random", full, size, ("random",), how=LOG_EACH, below=0.0),
        _change(end, "bn balls boundary", full, size, near, how=LOG_EACH, below=0.0),
        _change(end, "bn distances", full, "distance", DATA, how=LOG_EACH, below=0.0),
        _change(end, "bn angles", full, angle, DATA, below=0.0),
        _change(end, "bn facets", full, "facet_cosine", DATA, below=0.0),
        _change(end, "dropout angles", drops, angle, DATA, above=0.0),
        _change(end, "dropout facets", drops, "facet_cosine", DATA, above=0.0),
        _concentration(end, "dropout data", drops, size, near, DATA, below=0.0),
        _concentration(end, "dropout random", drops, size, near, ("random",), below=0.0),
        _concentration(end, "dropout cuts", drops, "cuts", near, ("between",), above=0.0),
        _different_optimizers(end),
        _similar_accuracies(end),
        _places(end),
        _change(end, "conv bn balls", filters, size, DATA, how=LOG_EACH, below=0.0),
        _change(end, "conv bn balls random", filters, size, ("random",), how=LOG_EACH, below=0.0),
        _change(end, "conv bn distances", filters, "distance", DATA, how=LOG_EACH, below=0.0),
        _change(end, "conv bn angles", filters, angle, DATA, below=0.0),
        _change(end, "conv dropout angles", filters_drop, angle, DATA, above=0.0),
        _concentration(end, "conv dropout cuts", filters_drop, "cuts", near, ("between",), above=0.0),
        _BY_KEY["decisions"].not_testable("which way they differ in the paper is not known here", ours=_decisions(end)),
        _BY_KEY["cifar"].not_testable("no training images of CIFAR-10 were at hand"),
    ]


def _change(
    end: pandas.DataFrame,
    key: str,
    networks: tuple[str, str],
    quantity: str,
    groups: Sequence[str],
    *,
    how: str = MEAN,
    above: float | None = None,
    below: float | None = None,
) -> Claim:
    """One network against another, at the same places."""
    network, other = networks
    first, second = _paired(end, (network, quantity, groups, how), (other, quantity, groups, how))
    sign = f"log10 of {quantity}, {network} / {other}" if how == LOG_EACH else f"{quantity}, {network} - {other}"
    what = sign + unproven(end, quantity, networks, groups)
    return _BY_KEY[key].over_pairs(what, first, second, above=above, below=below)


def _concentration(
    end: pandas.DataFrame,
    key: str,
    networks: tuple[str, str],
    quantity: str,
    here: Sequence[str],
    there: Sequence[str],
    *,
    above: float | None = None,
    below: float | None = None,
) -> Claim:
    """How much smaller or larger a quantity is here than there in one network, against the same in another."""
    # a short segment may have no cut, and a logarithm of its own would be infinite
    how = LOG_MEAN if quantity == "cuts" else LOG_EACH
    network, other = networks
    parts = [(name, quantity, groups, how) for name in networks for groups in (here, there)]
    near, far, other_near, other_far = _paired(end, *parts)
    what = f"log10 of {quantity}, {' and '.join(here)} / {' and '.join(there)}, {network} - {other}"
    what += unproven(end, quantity, networks, (*here, *there))
    return _BY_KEY[key].over_pairs(what, near - far, other_near - other_far, above=above, below=below)


def _different_optimizers(end: pandas.DataFrame) -> Claim:
    """The pair of optimizers that differ most, with an interval wide enough for having chosen it."""
    pairs = list(combinations(OPTIMIZERS, 2))
    radii = _paired(end, *((name, "radius", DATA, LOG_EACH) for name in OPTIMIZERS))
    claim = _BY_KEY["optimizers"]
    if radii[0].size < 2:
        return claim.not_testable("no claim from one run: an interval needs at least 2 seeds")
    of = dict(zip(OPTIMIZERS, radii, strict=True))
    first, second = max(pairs, key=lambda pair: abs(float(np.mean(of[pair[0]] - of[pair[1]]))))
    what = f"log10 of radius, {first} / {second}, the largest of {len(pairs)} differences"
    what += unproven(end, "radius", OPTIMIZERS, DATA)
    level = 1.0 - (1.0 - CONFIDENCE) / len(pairs)
    up = float(np.mean(of[first] - of[second])) > 0.0
    limits = {"above": 0.0} if up else {"below": 0.0}
    return claim.over_pairs(what, of[first], of[second], confidence=level, **limits)


def _similar_accuracies(end: pandas.DataFrame) -> Claim:
    """The pair of optimizers whose interval reaches farthest: the others lie inside where this one does."""
    table = end.groupby(["network", "seed"])["test_accuracy"].first().unstack("seed").reindex(OPTIMIZERS)
    table = table.dropna(axis="columns")
    claim = _BY_KEY["accuracies"]
    if table.shape[1] < 2:
        return claim.not_testable("no claim from one run: an interval needs at least 2 seeds")
    found = []
    for first, second in combinations(OPTIMIZERS, 2):
        what = f"test accuracy, {first} - {second}, the interval of six that reaches farthest"
        found.append(paired_difference(table.loc[first].to_numpy(), table.loc[second].to_numpy(), what))
    worst = max(found, key=lambda estimate: max(-estimate.low, estimate.high))
    return claim.judge(worst, above=-_SIMILAR, below=_SIMILAR)


def _places(end: pandas.DataFrame) -> Claim:
    """Regions at data against regions at random points in the plain network, larger or smaller."""
    data, random = _paired(end, ("plain", "radius", DATA, LOG_EACH), ("plain", "radius", ("random",), LOG_EACH))
    what = "log10 of radius, at data / at random points, plain" + unproven(end, "radius", ("plain",), (*DATA, "random"))
    up = data.size > 0 and float(np.mean(data - random)) > 0.0
    limits = {"above": 0.0} if up else {"below": 0.0}
    return _BY_KEY["places"].over_pairs(what, data, random, **limits)


def _decisions(end: pandas.DataFrame) -> str:
    """Numbers of decision boundaries and of relevance at data."""
    shown = []
    for name in ("plain", "batch norm", "dropout"):
        parts = [by_seed(end, name, quantity, DATA) for quantity in ("crossed", "transfer")]
        shown.append(f"{name} {parts[0].mean():.2f}, {parts[1].mean():.2f}")
    return f"share of regions at data crossed, and of test images that their maps classify alike: {'; '.join(shown)}"


def _paired(end: pandas.DataFrame, *parts: tuple[str, str, Sequence[str], str]) -> list[np.ndarray]:
    """A number per seed for each part, (seeds,), of the seeds that all parts have."""
    series = [by_seed(end, network, quantity, groups, how) for network, quantity, groups, how in parts]
    shared = sorted(set.intersection(*(set(own.index) for own in series)))
    return [own.loc[shared].to_numpy(dtype=np.float64) for own in series]
