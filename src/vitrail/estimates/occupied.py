"""How many regions hold samples: a lower bound, and how much of the rest the samples have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri
from tqdm.auto import tqdm

from vitrail.count import Count
from vitrail.domains import Domain, Space
from vitrail.engines.row_places import layout_of, tables_of
from vitrail.errors import InvalidOptionError
from vitrail.estimates.estimate import Estimate, check_confidence
from vitrail.estimates.places import DOMAINS, inputs_of
from vitrail.local.classes import batches
from vitrail.local.gradients.decide import Decider
from vitrail.local.gradients.values import values_at
from vitrail.network.network import Network
from vitrail.options import natural_integer, positive_integer
from vitrail.patterns import pack
from vitrail.status import Definition, Status

__all__ = ["OccupiedRegions", "occupied_regions"]

_SAMPLES = 1000
_SATURATED = 0.9


@dataclass(frozen=True)
class OccupiedRegions:
    """How many activation regions samples lie in.

    `regions` is a lower bound of the number of regions, not an estimate of it. `singletons` and `doubletons` are the
    regions with one and with two of the `samples`. `coverage` estimates the probability that a further sample lies in a
    region that was met (Good and Turing; Good, Biometrika 40, 1953); its standard error is Esty's (Annals of Statistics
    11, 1983), and its interval holds for any number of samples (the high end by McAllester and Ortiz, Journal of
    Machine Learning Research 4, 2003). `chao` estimates the number of regions from below, whatever the regions'
    probabilities (Chao, Biometrics 43, 1987): it too falls short where many regions are rare.
    """

    regions: Count
    samples: int
    singletons: int
    doubletons: int
    coverage: Estimate
    chao: Estimate
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        """The bound, the samples and the coverage, in one line."""
        doubt = f", {len(self.warnings)} warning{'s' * (len(self.warnings) > 1)}" if self.warnings else ""
        return (
            f"OccupiedRegions(at least {self.regions.lower:,} regions, {self.samples:,} samples, "
            f"coverage {self.coverage.value:.3g}{doubt})"
        )

    def to_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            "regions": self.regions.to_dict(),
            "samples": self.samples,
            "singletons": self.singletons,
            "doubletons": self.doubletons,
            "coverage": self.coverage.to_dict(),
            "chao": self.chao.to_dict(),
            "warnings": list(self.warnings),
        }


def occupied_regions(
    net: Network,
    where: Domain | ArrayLike,
    *,
    samples: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = False,
) -> OccupiedRegions:
    """Count the different activation regions that samples lie in.

    `where` is a bounded domain, of which `samples` uniform points are drawn (1000 if not given), or an array of inputs
    (m, n), all of which are used; coverage and estimate then speak of independent draws like them. Patterns that
    rounding may hide are decided exactly where the network is small enough; `regions.lower` counts only regions of
    points whose pattern is proven. A point on a boundary stands for one region beside it.

    Warns where nine of ten samples have a region of their own: then the number says how many samples were drawn, and
    nothing about regions.

    Raises:
        InvalidDomainError: no inputs of the network, or a domain that is not bounded or of another space.
        InvalidOptionError: `samples` along with inputs, or an option of another kind.

    Example:
        >>> net = Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> occupied_regions(net, [[-1.0], [-2.0], [0.5], [0.6], [0.7]])
        OccupiedRegions(at least 2 regions, 5 samples, coverage 1)
    """
    level, rng = check_confidence(confidence), np.random.default_rng(natural_integer("seed", seed))
    if samples is not None and not isinstance(where, DOMAINS):
        raise InvalidOptionError("samples: goes with a domain, found it along with inputs; all of these are used")
    number = _SAMPLES if samples is None else positive_integer("samples", samples)
    inputs = inputs_of(where, net.input_shape, number, rng)
    words, proven = _patterns(net, inputs, progress)
    different, places, counts = np.unique(words, axis=0, return_inverse=True, return_counts=True)
    sure = len(different) if proven.all() else len(np.unique(words[proven], axis=0))
    place = where.description if isinstance(where, DOMAINS) else f"{len(inputs):,} inputs"
    regions = Count(
        len(different),
        lower=sure,
        upper=None,
        status=Status.PARTIAL if proven.all() else Status.UNCERTIFIED,
        definition=Definition.ACTIVATION,
        domain=place,
        undecided=int((~proven).sum()),
    )
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    warnings = _warnings(len(different), len(inputs), int((~proven).sum()))
    coverage = _coverage(places.reshape(-1), counts, level, rng, warnings)
    chao = _chao(len(different), once, twice, len(inputs), level, warnings)
    return OccupiedRegions(regions, len(inputs), once, twice, coverage, chao, warnings)


def _patterns(net: Network, inputs: np.ndarray, progress: bool) -> tuple[np.ndarray, np.ndarray]:
    """Packed patterns (m, words) of inputs, and which are proven, (m,)."""
    tables = tables_of(net.graph)
    layout = layout_of(tables)
    decider = Decider(net.graph, Space(net.input_shape or 1), tables)
    # a word of nothing, so that a network without units has a pattern too
    words = np.zeros((len(inputs), 1 + layout.words), dtype=np.int64)
    proven = np.zeros(len(inputs), dtype=bool)
    for part in tqdm(batches(net, len(inputs)), unit=" batches", disable=not progress):
        own = inputs[part]
        points = torch.from_numpy(np.array(own).reshape(-1, *net.input_shape))
        found = values_at(net.graph, points, outputs=False)
        proven[part] = decider.settle(own, found)
        packed = [pack(pieces, bits) for pieces, bits in zip(found.pieces, layout.bits, strict=True)]
        words[part, 1:] = np.concatenate([np.zeros((len(own), 0), dtype=np.int64), *packed], axis=1)
    return words, proven


def _warnings(regions: int, samples: int, unproven: int) -> tuple[str, ...]:
    found = []
    if unproven:
        found.append(f"the patterns of {unproven:,} samples are not proven: rounding may hide their regions")
    if samples > 1 and regions > _SATURATED * samples:
        found.append(
            f"saturated: {samples:,} samples lie in {regions:,} regions, so the number says how many samples were "
            "drawn; take many more, or count exactly on lines and planes"
        )
    return tuple(found)


def _coverage(
    places: np.ndarray, counts: np.ndarray, level: float, rng: np.random.Generator, warnings: tuple[str, ...]
) -> Estimate:
    """1 - singletons / samples, from the region of each sample (m,) and the samples of each region."""
    samples, tail = places.size, 0.5 * (1.0 - level)
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    share = once / samples
    order = rng.permutation(samples)
    first, rest = places[order[: samples // 2]], places[order[samples // 2 :]]
    hits = int(np.isin(rest, first).sum())
    # hits of fresh samples are binomial, and more samples only cover more (Clopper and Pearson)
    low = float(betaincinv(hits, rest.size - hits + 1, tail)) if hits else 0.0
    # how far the share may be from its mean (McDiarmid), that from the mean of the uncovered mass, and that from it
    away = np.sqrt(2.0 * np.log(2.0 / tail) / samples)
    high = 1.0 - share + away * (1.0 + np.exp(-0.5)) + 1.0 / samples
    return Estimate(
        1.0 - share,
        min(low, 1.0 - share),
        min(1.0, float(high)),
        level,
        float(np.sqrt(max(0.0, once * (1.0 - share) + 2.0 * twice)) / samples),
        samples,
        "probability that a further sample lies in a region that was met",
        "Good and Turing's estimate over independent points; low end: hits of one half of them in regions of the other "
        "(exact binomial); high end: concentration inequalities",
        warnings,
    )


def _chao(met: int, once: int, twice: int, samples: int, level: float, warnings: tuple[str, ...]) -> Estimate:
    """The bias-corrected estimate of the number of regions, with the interval for the logarithm of those not met."""
    unseen = once * (once - 1) / (2.0 * (twice + 1))
    value = met + unseen
    variance = (
        unseen
        + once * (2 * once - 1) ** 2 / (4.0 * (twice + 1) ** 2)
        + once**2 * twice * (once - 1) ** 2 / (4.0 * (twice + 1) ** 4)
    )
    low = high = float(met)
    if not unseen:
        none_left = "fewer than two regions were met just once: the interval has no width, but some may be missing"
        warnings = (*warnings, none_left)
    else:
        away = float(-ndtri(0.5 * (1.0 - level)))
        factor = float(np.exp(away * np.sqrt(np.log1p(variance / unseen**2))))
        low, high = met + unseen / factor, met + unseen * factor
    return Estimate(
        value,
        low,
        high,
        level,
        float(np.sqrt(variance)),
        samples,
        "number of activation regions, estimated from below out of those met once and twice",
        "Chao's estimate with a log-normal interval over independent points",
        warnings,
    )
