"""The runs of the study: each network, with each of its seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vitrail.errors import InvalidOptionError
from vitrail.studies.configuration import Value

__all__ = ["NAMES", "plan"]

_PER_NETWORK = {
    "networks": "network",
    "architectures": "architecture",
    "batch_norms": "batch_norm",
    "dropouts": "dropout",
    "optimizers": "optimizer",
    "learning_rates": "learning_rate",
    "epochs": "report_epochs",
    "train_images": "train_images",
    "points": "points",
    "early_points": "early_points",
    "deep_points": "deep_points",
}
"""Arrays of the configuration with a place for each network, and the setting of a run that each gives."""

_COMMON = (
    *("data", "initialization", "hidden", "channels", "convolution_hidden", "pooling", "batch"),
    *("distance_points", "segments", "segment_length", "targets", "relevance_radii"),
)
NAMES = (*_PER_NETWORK, *_COMMON, "seeds")
"""All settings of the configuration."""


def plan(settings: Mapping[str, Value]) -> Iterator[dict[str, object]]:
    """The settings of every run, seed by seed, so that an interrupted study has whole seeds.

    Raises:
        InvalidOptionError: the arrays with a place for each network differ in length.

    Example:
        >>> from vitrail.studies.zhang2020 import STUDY
        >>> runs = list(plan(STUDY.configuration.settings("paper")))
        >>> len(runs), runs[1]["network"], runs[1]["seed"], runs[1]["batch_norm"]
        (50, 'batch norm', 0, True)
    """
    chosen: Mapping[str, Any] = settings
    lengths = {name: len(chosen[name]) for name in _PER_NETWORK}
    if len(set(lengths.values())) > 1:
        raise InvalidOptionError(f"zhang2020: expected one entry for each network in each of these, found {lengths}")
    common = {name: chosen[name] for name in _COMMON}
    for seed in range(chosen["seeds"]):
        for places in zip(*(chosen[name] for name in _PER_NETWORK), strict=True):
            yield common | dict(zip(_PER_NETWORK.values(), places, strict=True)) | {"seed": seed}
