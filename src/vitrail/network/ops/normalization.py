"""Batch normalisation in evaluation mode as one stored scale and shift per channel."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

import torch
from torch import Tensor

from vitrail.errors import InvalidModelError

__all__ = ["batch_norm_constants"]

_CONTEXT = Context(prec=60)


def batch_norm_constants(
    gamma: Tensor | None, beta: Tensor | None, mean: Tensor, variance: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Scale and shift (channels,) in float64, so that the layer is y = scale * x + shift.

    scale = gamma / sqrt(variance + epsilon), rounded once; shift = beta - mean * scale with that rounded scale,
    rounded once. The analysed network is the one with these two stored numbers (Ioffe & Szegedy 2015, algorithm 2).

    Raises:
        InvalidModelError: variance + epsilon <= 0 in a channel.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> [t.tolist() for t in batch_norm_constants(2 * one, one, 3 * one, 4 * one, 0.0)]
        [[1.0], [-2.0]]
    """
    wrong = torch.nonzero(~(variance + epsilon > 0)).flatten()
    if len(wrong):
        channel = int(wrong[0])
        raise InvalidModelError(
            f"batch norm: variance + eps must be positive, found {float(variance[channel])!r} + {epsilon!r} in channel "
            f"{channel} ({len(wrong)} channels in all)"
        )
    scales, shifts = [], []
    for channel in range(len(mean)):
        spread = _CONTEXT.add(Decimal(float(variance[channel])), Decimal(epsilon))
        factor = Decimal(1 if gamma is None else float(gamma[channel]))
        scale = float(_CONTEXT.divide(factor, _CONTEXT.sqrt(spread)))
        offset = Fraction(0 if beta is None else float(beta[channel]))
        scales.append(scale)
        shifts.append(float(offset - Fraction(float(mean[channel])) * Fraction(scale)))
    return torch.tensor(scales, dtype=torch.float64), torch.tensor(shifts, dtype=torch.float64)
