"""What claims and figures make of the results: the last report of each run, and one number per seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vitrail.options import one_of

if TYPE_CHECKING:
    import pandas

__all__ = ["DATA", "LOG_EACH", "LOG_MEAN", "MEAN", "PROVABLE", "WAYS", "at_end", "by_seed", "unproven"]

MEAN, LOG_EACH, LOG_MEAN = "mean", "mean of logarithms", "logarithm of the mean"
WAYS = (MEAN, LOG_EACH, LOG_MEAN)
"""From the points of a seed to one number; logarithms are decimal."""

PROVABLE = ("distance", "cuts", "radius", "sides", "crossed", "reachable", "decision_distance", "facets")
"""Quantities that are computed with a proof; the others are statistics in floating point."""

DATA = ("train", "test")
"""The groups of points that are images."""


def at_end(results: pandas.DataFrame) -> pandas.DataFrame:
    """The rows of the last report of each run.

    Example:
        >>> import pandas
        >>> at_end(pandas.DataFrame({"run": ["a", "a", "b"], "epoch": [0.0, 2.0, 1.0]}))["epoch"].tolist()
        [2.0, 1.0]
    """
    last = results.groupby("run")["epoch"].transform("max")
    return results[results["epoch"] == last]


def by_seed(
    rows: pandas.DataFrame, network: str, quantity: str, groups: Sequence[str], how: str = MEAN
) -> pandas.Series:
    """One number per seed, indexed by seed, of all points of the groups; `how` is one of `WAYS`.

    What is NaN has no value and is left out; an infinite number, or the logarithm of 0, stays and makes the mean
    infinite.

    Raises:
        InvalidOptionError: another way.

    Example:
        >>> import pandas
        >>> about = {"network": "plain", "quantity": "radius", "group": "test"}
        >>> table = pandas.DataFrame(about | {"seed": [0, 0, 1], "value": [1.0, 100.0, 1.0]})
        >>> [by_seed(table, "plain", "radius", ["test"], how).round(2).tolist() for how in WAYS]
        [[50.5, 1.0], [1.0, 0.0], [1.7, 0.0]]
    """
    one_of("how", how, WAYS)
    wanted = (rows["network"] == network) & (rows["quantity"] == quantity) & rows["group"].isin(list(groups))
    chosen = rows[wanted]
    values = chosen["value"].astype(float)
    with np.errstate(divide="ignore"):
        means = (np.log10(values) if how == LOG_EACH else values).groupby(chosen["seed"]).mean().sort_index()
        return np.log10(means) if how == LOG_MEAN else means


def unproven(rows: pandas.DataFrame, quantity: str, networks: Sequence[str], groups: Sequence[str]) -> str:
    """How many of the numbers are not proven, as a remark; empty where all are, and for statistics in floating point.

    Example:
        >>> import pandas
        >>> rows = {"network": "plain", "quantity": "radius", "group": "test", "certified": [True, False]}
        >>> unproven(pandas.DataFrame(rows), "radius", ["plain"], ["test"])
        ' (1 of 2 numbers not proven)'
    """
    if quantity not in PROVABLE:
        return ""
    wanted = rows["network"].isin(list(networks)) & (rows["quantity"] == quantity) & rows["group"].isin(list(groups))
    proven = rows.loc[wanted, "certified"].astype(bool)
    return f" ({int((~proven).sum())} of {len(proven)} numbers not proven)" if not proven.all() else ""
