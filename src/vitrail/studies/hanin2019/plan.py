"""The runs of the study: five experiments, each with the settings that it depends on and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vitrail.errors import InvalidOptionError
from vitrail.studies.configuration import Value

__all__ = ["LABELS", "NAMES", "PICTURE", "POINTS", "SAWTOOTH", "TRAINING", "plan"]

TRAINING, LABELS, POINTS, SAWTOOTH, PICTURE = "training", "labels", "random points", "sawtooth", "picture"
"""The experiments: networks in training, noisy labels, random points in the plane, noise on a sawtooth, a picture."""

_COMMON = ("weight_variance", "learning_rate", "batch")
NAMES = (
    *("data", "seeds", "bias_std", *_COMMON),
    *("architectures", "plane_architectures", "long_architectures", "long_epochs", "short_epochs"),
    *("lines", "planes", "plane_half_side", "points"),
    *("noise_widths", "noise_epochs", "noise_fractions", "noise_images"),
    *("random_widths", "random_points", "random_learning_rates", "random_weight_variances", "random_bias_stds"),
    *("random_updates", "sawtooth_depths", "sawtooth_noises", "sawtooth_repeats", "picture_widths", "picture_epochs"),
)
"""All settings of the configuration."""


def plan(settings: Mapping[str, Value]) -> Iterator[dict[str, object]]:
    """The settings of every run, quick ones first, then seed by seed.

    Raises:
        InvalidOptionError: report epochs that the claims cannot be made of.

    Example:
        >>> from vitrail.studies.hanin2019 import STUDY
        >>> runs = list(plan(STUDY.configuration.settings("paper")))
        >>> {name: sum(run["experiment"] == name for run in runs) for name in (TRAINING, LABELS, SAWTOOTH)}
        {'training': 60, 'labels': 30, 'sawtooth': 20}
    """
    chosen: Mapping[str, Any] = settings
    _check_epochs(chosen["long_epochs"], chosen["short_epochs"])
    common = {name: chosen[name] for name in _COMMON}
    on_images = common | {"data": chosen["data"], "bias_std": chosen["bias_std"]}
    for seed in range(chosen["seeds"]):
        for depth in chosen["sawtooth_depths"]:
            repeats, noises = chosen["sawtooth_repeats"], chosen["sawtooth_noises"]
            yield {"experiment": SAWTOOTH, "seed": seed, "depth": depth, "noises": noises, "repeats": repeats}
    picture = {"experiment": PICTURE, "widths": chosen["picture_widths"], "epochs": chosen["picture_epochs"]}
    yield on_images | picture | {"seed": 0}
    for seed in range(chosen["seeds"]):
        for sweep in _sweeps(chosen):
            own = {"experiment": POINTS, "seed": seed, "widths": chosen["random_widths"]}
            yield common | own | {"updates": chosen["random_updates"]} | sweep
        for fraction in chosen["noise_fractions"]:
            noise = {"experiment": LABELS, "widths": chosen["noise_widths"], "epochs": chosen["noise_epochs"]}
            about = {"fraction": fraction, "images": chosen["noise_images"], "lines": chosen["lines"]}
            yield on_images | noise | about | {"seed": seed}
        for widths in chosen["architectures"]:
            epochs = chosen["long_epochs" if widths in chosen["long_architectures"] else "short_epochs"]
            planes = chosen["planes"] if widths in chosen["plane_architectures"] else 0
            sizes = {"lines": chosen["lines"], "points": chosen["points"], "planes": planes}
            training = {"experiment": TRAINING, "widths": widths, "epochs": epochs}
            yield on_images | training | sizes | {"half_side": chosen["plane_half_side"], "seed": seed}


def _check_epochs(long: Sequence[float], short: Sequence[float]) -> None:
    """Before hours of training: claims compare the epochs 0 and 1, a later one, and one that all networks have."""
    if not ({0, 1} <= set(long) and max(long) > 1 and 0 in short and len(set(long) & set(short)) > 1):
        raise InvalidOptionError(
            "long_epochs, short_epochs: expected 0, 1 and a later epoch in the first, 0 and another of these in the "
            f"second, found {tuple(long)} and {tuple(short)}; add what is missing"
        )


def _sweeps(chosen: Mapping[str, Any]) -> list[dict[str, object]]:
    """One thing changed at a time, from the common settings and the middle number of points."""
    lists = {
        "examples": chosen["random_points"],
        "learning_rate": chosen["random_learning_rates"],
        "weight_variance": chosen["random_weight_variances"],
        "bias_std": chosen["random_bias_stds"],
    }
    base = {
        "examples": lists["examples"][len(lists["examples"]) // 2],
        "learning_rate": chosen["learning_rate"],
        "weight_variance": chosen["weight_variance"],
        "bias_std": chosen["bias_std"],
    }
    changes = [base | {name: value} for name, values in lists.items() for value in values if value != base[name]]
    return [base, *changes]
