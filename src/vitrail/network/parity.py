"""The comparison of an imported network with its original: points, verdict, and what was found."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.evaluation import Evaluation

__all__ = ["Parity", "agree", "seeded_points"]


@dataclasses.dataclass(frozen=True)
class Parity:
    """Agreement of values and local affine maps with the original at seeded points.

    `reference` says what the original was run with, and in which precision. `value_error` and `map_error` are the
    largest absolute differences found; `value_bound` and `map_bound` the largest that rounding could explain at the
    entry where the difference came closest to it. `map_error` is None where the original gives no derivatives.
    `skipped` counts points without comparison of maps, because another piece lies within rounding there.

    Example:
        >>> Parity("torch float64", 4, 2, 1e-15, 1e-12, 0.0, 1e-12, 0).points
        4
    """

    reference: str
    points: int
    directions: int
    value_error: float
    value_bound: float
    map_error: float | None
    map_bound: float | None
    skipped: int


def seeded_points(example: Tensor, count: int = 8) -> Tensor:
    """Points to compare at: up to two examples, examples plus noise, and noise of the examples' scale.

    The same for every run, from a generator of their own; in the example's dtype, so that both sides get equal numbers.

    Example:
        >>> seeded_points(torch.zeros(3, 2), 4).shape
        torch.Size([4, 2])
    """
    generator = torch.Generator().manual_seed(0)
    wide = example.to(torch.float64)
    scale = float(wide.std()) if wide.numel() > 1 else float(wide.abs().max())
    scale = scale if scale > 0 else max(float(wide.abs().max()), 1.0)
    noise = scale * torch.randn((count, *example.shape[1:]), generator=generator, dtype=torch.float64)
    near = (count - 2) // 2
    noise[: min(2, len(example))] = 0.0
    rows = torch.arange(2 + near) % len(example)
    noise[: 2 + near] += wide[rows]
    return noise.to(example.dtype)


def agree(found: Evaluation, values: Tensor, maps: Tensor | None, reference: str) -> Parity:
    """The verdict: our values and derivatives against the original's, entry by entry, within the rounding bounds.

    `values` (N, *output_shape), `maps` (N, k, *output_shape) or None.

    Raises:
        InvalidModelError: a difference beyond the bound, or another shape; says how large and where.
    """
    ours, bound = found.forms, found.bound
    if tuple(values.shape) != tuple(ours[:, 0].shape):
        raise InvalidModelError(
            f"the import disagrees with the original ({reference}): output shape {tuple(ours[:, 0].shape)} here, "
            f"{tuple(values.shape)} there"
        )
    value_error, value_bound = _judge(ours[:, 0], values, bound[:, 0], "value", reference)
    sure = ~found.ambiguous
    skipped = int(found.ambiguous.sum())
    map_error = map_bound = None
    if maps is not None and bool(sure.any()):
        map_error, map_bound = _judge(ours[sure, 1:], maps[sure], bound[sure, 1:], "local affine map", reference)
    count = (len(ours), ours.shape[1] - 1)
    return Parity(reference, *count, value_error, value_bound, map_error, map_bound, skipped)


def _judge(ours: Tensor, theirs: Tensor, bound: Tensor, what: str, reference: str) -> tuple[float, float]:
    difference = (ours - theirs).abs()
    excess = torch.where(difference == 0, torch.zeros_like(bound), difference / bound)
    worst = int(torch.where(excess.isnan(), torch.inf, excess).argmax())
    error, allowed = float(difference.flatten()[worst]), float(bound.flatten()[worst])
    if not error <= allowed:
        place = [int(axis) for axis in torch.unravel_index(torch.tensor(worst), difference.shape)]
        raise InvalidModelError(
            f"the import disagrees with the original ({reference}): {what} differs by {error:.3g} at test point "
            f"{place[0]}, output {place[1:]}; rounding explains {allowed:.3g}\n"
            "Please report the model; check=False imports it without this check, at your own risk. A module that "
            "mixes samples of a batch, or has its own backward pass, also ends here."
        )
    return float(difference.max()), allowed
