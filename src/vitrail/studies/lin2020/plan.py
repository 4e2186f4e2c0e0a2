"""The runs of the study: each network, with each of its seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vitrail.errors import InvalidOptionError
from vitrail.studies.configuration import Value

__all__ = ["NAMES", "plan"]

_PER_NETWORK = ("images", "widths", "epochs", "batches", "seeds")
_COMMON = (
    *("initialization", "learning_rate", "radii", "claim_radius", "step"),
    *("centers", "sampled_centers", "samples"),
)
NAMES = (*_PER_NETWORK, *_COMMON)
"""All settings of the configuration."""


def plan(settings: Mapping[str, Value]) -> Iterator[dict[str, object]]:
    """The settings of every run, network by network in the order of the configuration.

    Raises:
        InvalidOptionError: the arrays with a place for each network differ in length, or claims would be judged at a
            radius that is not among the radii.

    Example:
        >>> from vitrail.studies.lin2020 import STUDY
        >>> runs = list(plan(STUDY.configuration.settings("paper")))
        >>> {name: sum(run["data"] == name for run in runs) for name in ("mnist", "digits")}
        {'mnist': 6, 'digits': 10}
    """
    chosen: Mapping[str, Any] = settings
    lengths = {name: len(chosen[name]) for name in _PER_NETWORK}
    if len(set(lengths.values())) > 1:
        raise InvalidOptionError(f"lin2020: expected one entry for each network in each of these, found {lengths}")
    if chosen["claim_radius"] not in chosen["radii"]:
        raise InvalidOptionError(
            f"claim_radius: expected one of the radii {chosen['radii']}, found {chosen['claim_radius']}; add it there"
        )
    common = {name: chosen[name] for name in _COMMON}
    for images, widths, epochs, batch, seeds in zip(*(chosen[name] for name in _PER_NETWORK), strict=True):
        own = {"data": images, "widths": widths, "epochs": epochs, "batch": batch}
        for seed in range(seeds):
            yield common | own | {"seed": seed}
