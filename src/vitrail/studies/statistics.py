"""Intervals over seeds: what one run shows is no evidence, so each of these refuses fewer than two."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import betaincinv, ndtri

from vitrail.errors import InvalidOptionError
from vitrail.estimates.estimate import Estimate, check_confidence, mean_estimate
from vitrail.options import natural_integer, positive_integer

__all__ = [
    "CONFIDENCE",
    "bootstrap",
    "mean_over_seeds",
    "paired_difference",
    "paired_signs",
    "slope_over_seeds",
    "wilson",
]

CONFIDENCE = 0.95
"""Of every interval, unless another is given."""

_FEW = 20


def mean_over_seeds(values: Sequence[float] | np.ndarray, what: str, confidence: float = CONFIDENCE) -> Estimate:
    """The mean of one number per seed, (seeds,), with Student's interval.

    NaN or infinite numbers give an interval that says nothing, with a warning.

    Raises:
        InvalidOptionError: fewer than two seeds, several numbers per seed, or a confidence not between 0 and 1.

    Example:
        >>> mean_over_seeds([1.0, 2.0, 3.0, 4.0], "regions per unit")
        Estimate(2.5, 95% in [0.44574, 4.55426], 4 samples, regions per unit)
    """
    return mean_estimate(_per_seed(values, what), what, "seeds", confidence)


def paired_difference(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    what: str,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """The mean of first minus second over seeds, with the interval of the paired t test.

    The same place in both, (seeds,), belongs to the same seed: the same data, initialization and order of batches.

    Raises:
        InvalidOptionError: unequal numbers of seeds, fewer than two, or a confidence not between 0 and 1.

    Example:
        >>> found = paired_difference([3.0, 4.0, 6.0], [1.0, 2.5, 4.0], "radius, plain minus batch norm")
        >>> round(found.value, 3), found.low > 0
        (1.833, True)
    """
    one, other = _pairs(first, second, what)
    return mean_estimate(one - other, what, "seeds", confidence)


def paired_signs(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    what: str,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """The share of seeds in which first is larger than second, with the exact interval of the sign test.

    It asks nothing of the distribution: an interval above 0.5 says that first is the larger one more often than not.
    Six seeds of six are needed for that at 95 %. Seeds with equal numbers are left out, and a warning counts them. The
    interval is that of Clopper and Pearson (Biometrika 26, 1934).

    Raises:
        InvalidOptionError: unequal numbers of seeds, fewer than two that differ, a NaN, or a confidence not between 0
            and 1.

    Example:
        >>> paired_signs([2.0] * 6, [1.0] * 6, "seeds with more regions")
        Estimate(1, 95% in [0.540742, 1], 6 samples, seeds with more regions)
    """
    one, other = _pairs(first, second, what)
    if np.isnan(one).any() or np.isnan(other).any():
        raise InvalidOptionError(f"{what}: expected numbers in all seeds, found NaN; a sign test has no place for it")
    wins, count = int((one > other).sum()), int((one != other).sum())
    _enough(count, what, "seeds that differ")
    tail = 0.5 * (1.0 - check_confidence(confidence))
    low = 0.0 if wins == 0 else float(betaincinv(wins, count - wins + 1, tail))
    high = 1.0 if wins == count else float(betaincinv(wins + 1, count - wins, 1.0 - tail))
    equal = one.size - count
    warnings = (f"{equal} of {one.size} seeds left out: equal numbers",) if equal else ()
    share, method = wins / count, "exact binomial interval over independent seeds"
    return Estimate(share, low, high, confidence, _binomial_error(share, count), count, what, method, warnings)


def wilson(successes: int, trials: int, what: str, confidence: float = CONFIDENCE) -> Estimate:
    """A share of independent trials with Wilson's interval (Journal of the American Statistical Association 22, 1927).

    Points of one network are not independent of each other: take one trial per seed, or a mean over seeds.

    Raises:
        InvalidOptionError: fewer than two trials, more successes than trials, or a confidence not between 0 and 1.

    Example:
        >>> found = wilson(8, 10, "regions crossed")
        >>> round(found.low, 4), round(found.high, 4)
        (0.4902, 0.9433)
    """
    hits, count = natural_integer("successes", successes), natural_integer("trials", trials)
    _enough(count, what, "trials")
    if hits > count:
        raise InvalidOptionError(f"{what}: expected at most {count} successes in {count} trials, found {hits}")
    z = float(-ndtri(0.5 * (1.0 - check_confidence(confidence))))
    share = hits / count
    center = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + (z / (2 * count)) ** 2) ** 0.5
    # at the ends the formula gives 0 and 1 but for rounding
    low = 0.0 if hits == 0 else center - half
    high = 1.0 if hits == count else center + half
    method = "Wilson interval over independent trials"
    return Estimate(share, low, high, confidence, _binomial_error(share, count), count, what, method)


def bootstrap(
    values: Sequence[float] | np.ndarray,
    statistic: Callable[[np.ndarray], float],
    what: str,
    confidence: float = CONFIDENCE,
    *,
    resamples: int = 1999,
    seed: int = 0,
) -> Estimate:
    """Any statistic of one row per seed, (seeds,) or (seeds, columns), with the percentile interval of the bootstrap.

    Seeds are drawn again with replacement, rows as they are. The interval is too narrow for few seeds: below 20 there
    is a warning. (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.)

    Raises:
        InvalidOptionError: fewer than two seeds, or a confidence, seed or number of resamples of another kind.

    Example:
        >>> found = bootstrap(np.arange(30.0), np.median, "median radius")
        >>> found.value, found.low < 14.5 < found.high, found.warnings
        (14.5, True, ())
    """
    rows = np.asarray(values, dtype=np.float64)
    count = rows.shape[0] if rows.ndim else 0
    _enough(count, what, "seeds")
    tail = 0.5 * (1.0 - check_confidence(confidence))
    rng = np.random.default_rng(natural_integer("seed", seed))
    draws = [rows[rng.integers(count, size=count)] for _ in range(positive_integer("resamples", resamples))]
    found = np.array([float(statistic(draw)) for draw in draws])
    value, error = float(statistic(rows)), float(found.std(ddof=1)) if found.size > 1 else float("nan")
    low, high = (float(bound) for bound in np.quantile(found, [tail, 1.0 - tail], method="inverted_cdf"))
    warnings = (f"only {count} seeds: a bootstrap interval is too narrow for so few",) if count < _FEW else ()
    method = f"percentile bootstrap over independent seeds, {resamples} resamples"
    return Estimate(value, low, high, confidence, error, count, what, method, warnings)


def slope_over_seeds(
    places: Sequence[float] | np.ndarray,
    values: Sequence[Sequence[float]] | np.ndarray,
    what: str,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """The slope of values (seeds, places) against places (places,): a least-squares slope per seed, and their mean.

    What one seed gives at several places (epochs, widths) is not independent, so the interval is over seeds, not over
    points. For an exponent give logarithms.

    Raises:
        InvalidOptionError: fewer than two seeds, fewer than two different places, other shapes, or a confidence not
            between 0 and 1.

    Example:
        >>> found = slope_over_seeds([1.0, 2.0, 3.0], [[2.0, 4.0, 6.0], [1.0, 4.0, 7.0]], "regions per unit")
        >>> found.value
        2.5
    """
    x, y = np.asarray(places, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 2 or y.shape[1] != x.size:
        raise InvalidOptionError(
            f"{what}: expected places (places,) and values (seeds, places), found shapes {x.shape} and {y.shape}"
        )
    if np.unique(x).size < 2 or not np.isfinite(x).all():
        raise InvalidOptionError(f"{what}: expected at least 2 different finite places for a slope, found {x.tolist()}")
    away = x - x.mean()
    return mean_over_seeds(y @ away / (away @ away), what, confidence)


def _per_seed(values: Sequence[float] | np.ndarray, what: str) -> np.ndarray:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1:
        raise InvalidOptionError(f"{what}: expected one number per seed, (seeds,), found shape {numbers.shape}")
    _enough(numbers.size, what, "seeds")
    return numbers


def _pairs(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, what: str
) -> tuple[np.ndarray, np.ndarray]:
    if np.shape(first) != np.shape(second):
        raise InvalidOptionError(
            f"{what}: expected pairs, one of each per seed, found shapes {np.shape(first)} and {np.shape(second)}"
        )
    return _per_seed(first, what), _per_seed(second, what)


def _enough(count: int, what: str, unit: str) -> None:
    if count < 2:
        raise InvalidOptionError(f"{what}: expected at least 2 {unit} for an interval, found {count}; take more")


def _binomial_error(share: float, count: int) -> float:
    return float((share * (1.0 - share) / count) ** 0.5)
