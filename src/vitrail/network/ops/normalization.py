"""Batch normalisation in evaluation mode: the one number per channel that its stored numbers do not hold."""

from __future__ import annotations

from decimal import Context, Decimal

import torch
from torch import Tensor

from vitrail.errors import InvalidModelError

__all__ = ["batch_norm_scale"]

_CONTEXT = Context(prec=60)


def batch_norm_scale(gamma: Tensor | None, variance: Tensor, epsilon: float) -> Tensor:
    """Gamma / sqrt(variance + epsilon) of each channel, shape (channels,), rounded once to float64.

    The layer is y = scale * (x - mean) + beta (Ioffe & Szegedy 2015, algorithm 2), and the analysed network is the one
    with this scale; mean and beta are used as they are stored.

    Raises:
        InvalidModelError: variance + epsilon <= 0 in a channel.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> batch_norm_scale(3 * one, 4 * one, 0.0).tolist()
        [1.5]
    """
    wrong = torch.nonzero(~(variance + epsilon > 0)).flatten()
    if len(wrong):
        channel = int(wrong[0])
        raise InvalidModelError(
            f"batch norm: variance + eps must be positive, found {float(variance[channel])!r} + {epsilon!r} in channel "
            f"{channel} ({len(wrong)} channels in all)"
        )
    scales = []
    for channel in range(len(variance)):
        spread = _CONTEXT.add(Decimal(float(variance[channel])), Decimal(epsilon))
        factor = Decimal(1 if gamma is None else float(gamma[channel]))
        scales.append(float(_CONTEXT.divide(factor, _CONTEXT.sqrt(spread))))
    return torch.tensor(scales, dtype=torch.float64)
