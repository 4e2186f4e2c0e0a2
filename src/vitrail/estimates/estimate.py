"""An estimated number with its confidence interval, and how one is made of independent samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from vitrail.errors import InvalidOptionError

__all__ = ["Estimate", "check_confidence", "mean_estimate", "quantile"]

_RESAMPLES = 1999
_RESAMPLED_AT_ONCE = 2**22
_UNBOUNDED = 1000.0
"""So many standard errors come from resamples that missed what decides; they bound nothing."""

_FEW = 20
"""Below so many samples their skewness says nothing, and resampling them little."""


@dataclass(frozen=True)
class Estimate:
    """A number estimated from independent samples, with an interval; it is never a proof.

    The true number lies in [`low`, `high`] with probability `confidence`, as far as the method holds that `method`
    names; `samples` counts what is independent: networks, lines or points, as `method` says. `what` says in a sentence
    what is estimated, and `warnings` what may be wrong with it.

    Example:
        >>> Estimate(2.0, 1.5, 2.5, 0.95, 0.25, 30, "mean number of regions")
        Estimate(2, 95% in [1.5, 2.5], 30 samples, mean number of regions)
    """

    value: float
    low: float
    high: float
    confidence: float
    standard_error: float
    samples: int
    what: str
    method: str = "t interval over independent samples"
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Value, interval, samples and meaning, in one line."""
        doubt = f", {len(self.warnings)} warning{'s' * (len(self.warnings) > 1)}" if self.warnings else ""
        share = f"{100 * self.confidence:.4g}%"
        return (
            f"Estimate({self.value:.6g}, {share} in [{self.low:.6g}, {self.high:.6g}], {self.samples:,} samples{doubt},"
            f" {self.what})"
        )

    def to_dict(self) -> dict[str, object]:
        """Everything the estimate carries, for JSON, with `kind` estimate.

        Example:
            >>> Estimate(2.0, 1.5, 2.5, 0.95, 0.25, 30, "mean").to_dict()["kind"]
            'estimate'
        """
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "kind": "estimate",
            "confidence": self.confidence,
            "standard_error": self.standard_error,
            "samples": self.samples,
            "what": self.what,
            "method": self.method,
            "warnings": list(self.warnings),
        }

    def scaled(self, factor: float, shift: float = 0.0, *, what: str | None = None) -> Estimate:
        """The estimate of factor times the number plus shift, for a positive factor: per unit, say.

        Raises:
            InvalidOptionError: a factor that is not positive.

        Example:
            >>> Estimate(2.0, 1.5, 2.5, 0.95, 0.25, 30, "crossings").scaled(1.0, 1.0, what="regions")
            Estimate(3, 95% in [2.5, 3.5], 30 samples, regions)
        """
        if not 0 < factor < np.inf:
            raise InvalidOptionError(f"factor: expected a finite number above 0, found {factor!r}")
        value, low, high = (factor * number + shift for number in (self.value, self.low, self.high))
        error = factor * self.standard_error
        return replace(self, value=value, low=low, high=high, standard_error=error, what=what or self.what)


def check_confidence(value: object) -> float:
    """The value, if it lies strictly between 0 and 1.

    Raises:
        InvalidOptionError: it does not, or is no number.

    Example:
        >>> check_confidence(0.95)
        0.95
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise InvalidOptionError(f"confidence: expected a number between 0 and 1 such as 0.95, found {value!r}")
    return float(value)


def quantile(tail: float, samples: int) -> float:
    """How many standard errors a mean of so many normal samples is off with probability `tail` on one side.

    Example:
        >>> round(quantile(0.025, 10), 3)
        2.262
    """
    return float(-stdtrit(samples - 1, tail))


def mean_estimate(
    values: Sequence[float] | np.ndarray,
    what: str,
    over: str,
    confidence: float = 0.95,
    warnings: Sequence[str] = (),
) -> Estimate:
    """The mean of independent samples of one distribution, (samples,), with an interval.

    `over` names the samples, "networks" say. The interval is Student's, which needs a mean that is nearly normal: more
    than 25 times the squared skewness of samples (Cochran, Sampling Techniques, section 2.15). Where there are fewer,
    but 20 at least, the distribution of the studentized mean is bootstrapped instead (Hall, Annals of Statistics 16,
    1988), with fixed random numbers.

    Raises:
        InvalidOptionError: fewer than two samples, or a confidence not between 0 and 1.

    Example:
        >>> found = mean_estimate([1.0, 2.0, 3.0, 4.0], "mean length", "lines")
        >>> round(found.value, 3), round(found.low, 3), found.method
        (2.5, 0.446, 't interval over independent lines')
    """
    sample, level = np.asarray(values, dtype=np.float64), check_confidence(confidence)
    count = sample.size
    if count < 2:
        raise InvalidOptionError(
            f"{over}: expected at least 2 independent samples for an interval, found {count}; take more"
        )
    with np.errstate(invalid="ignore"):
        mean, deviation = float(sample.mean()), float(sample.std(ddof=1))
    error, doubts = deviation / count**0.5, list(warnings)
    factor = quantile(0.5 * (1.0 - level), count)
    low, high, method = mean - factor * error, mean + factor * error, f"t interval over independent {over}"
    if not np.isfinite(mean):
        low, high, error = -np.inf, np.inf, np.nan
        doubts.append("some samples are infinite: the interval says nothing")
    elif error == 0.0:
        doubts.append(f"all {count} {over} gave the same number: the interval has no width, which proves nothing")
    else:
        square = float(np.mean(((sample - mean) / sample.std()) ** 3)) ** 2
        # of so few normal samples the squared skewness is above 24 / count once in twenty times
        if count < _FEW and square > 24.0 / count:
            doubts.append(f"skewed, and only {count} {over}: the interval may be too narrow; take more")
        elif count >= _FEW and count < 25.0 * square:
            below, above = _studentized_quantiles(sample, mean, 0.5 * (1.0 - level))
            low, high = mean - above * error, mean - below * error
            if max(above, -below) > _UNBOUNDED:
                low, high = -np.inf if above > _UNBOUNDED else low, np.inf if below < -_UNBOUNDED else high
                doubts.append(f"very few of {count} {over} decide the mean: no interval can be given; take more")
            method = f"bootstrap interval of the studentized mean over independent {over}"
    return Estimate(mean, low, high, level, error, count, what, method, tuple(doubts))


def _studentized_quantiles(sample: np.ndarray, mean: float, tail: float) -> tuple[float, float]:
    """Quantiles of (resampled mean - mean) / its own standard error."""
    rng, count = np.random.default_rng(0), sample.size
    step, found = max(1, _RESAMPLED_AT_ONCE // count), []
    for start in range(0, _RESAMPLES, step):
        drawn = sample[rng.integers(count, size=(min(step, _RESAMPLES - start), count))]
        away, errors = drawn.mean(axis=1) - mean, drawn.std(axis=1, ddof=1) / count**0.5
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.where(away == 0.0, 0.0, away / errors))
    # of two neighbors one may be infinite, where all drawn samples were equal: no interpolation
    below, above = np.quantile(np.concatenate(found), [tail, 1.0 - tail], method="inverted_cdf")
    return float(below), float(above)
