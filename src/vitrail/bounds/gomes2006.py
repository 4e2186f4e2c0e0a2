"""Gomes, Sabharwal, Selman: Model Counting, A New Strategy for Obtaining Good Bounds (AAAI 2006).

Parity constraints on the patterns of a network, as Serra and Ramalingam (AAAI 2020) use them: with s random parities
every pattern survives with probability 2^-s, so survivors in trial after trial speak for many patterns.
"""

from __future__ import annotations

import math
from fractions import Fraction
from math import comb

from vitrail.bounds.inputs import natural
from vitrail.errors import InvalidOptionError

__all__ = ["chernoff_error", "error_probability", "lower"]


def lower(parities: int, slack: int) -> int:
    """The number of patterns that trials with s parities and a slack of a < s speak for: 2^(s - a).

    The number of parities has to be chosen before looking at any trial. How sure it is, `error_probability` says.

    Raises:
        InvalidOptionError: a slack of 0, or not below the parities.

    Example:
        >>> lower(5, 2), lower(10, 1), lower(20, 2)
        (8, 512, 262144)
    """
    s, a = natural("parities", parities, 1), natural("slack", slack, 1)
    if a >= s:
        raise InvalidOptionError(f"slack: expected less than the {s} parities, found {a}; 2^(s - a) would say nothing")
    return 1 << (s - a)


def error_probability(slack: int, trials: int, feasible: int | None = None) -> Fraction:
    """How likely `feasible` of t trials (None: all) have a solution though there are fewer than 2^(s - a) patterns.

    An upper bound, exact as a fraction. By Markov's inequality one trial then has a solution with probability at most
    p = 2^-a, and trials are independent: the tail of a binomial distribution, p^t where all trials have a solution.

    Raises:
        InvalidOptionError: more feasible trials than trials.

    Example:
        >>> error_probability(2, 3) == Fraction(1, 2**6), error_probability(1, 7) == Fraction(1, 2**7)
        (True, True)
        >>> error_probability(2, 10, 8)
        Fraction(109, 262144)
    """
    a, t = natural("slack", slack, 1), natural("trials", trials, 1)
    f = _feasible(feasible, t)
    p = Fraction(1, 1 << a)
    return sum((comb(t, i) * p**i * (1 - p) ** (t - i) for i in range(f, t + 1)), start=Fraction(0))


def chernoff_error(slack: int, trials: int, feasible: int | None = None) -> float:
    """Chernoff's bound of `error_probability`: (e^d / (1 + d)^(1 + d))^(t / 2^a), d = 2^a f/t - 1; 1 where d <= 0.

    Serra and Ramalingam (2020) report one less it as their confidence (from memory). But for the rounding of a float it
    is never below the exact tail.

    Example:
        >>> round(chernoff_error(2, 10, 8), 6), chernoff_error(2, 8, 2)
        (0.022255, 1.0)
    """
    a, t = natural("slack", slack, 1), natural("trials", trials, 1)
    excess = Fraction((1 << a) * _feasible(feasible, t), t) - 1
    if excess <= 0:
        return 1.0
    rate = float(excess) - float(1 + excess) * math.log1p(float(excess))
    return math.exp(rate * t / (1 << a))


def _feasible(feasible: int | None, trials: int) -> int:
    f = trials if feasible is None else natural("feasible", feasible)
    if f > trials:
        raise InvalidOptionError(f"feasible: expected at most the {trials} trials, found {f}")
    return f
