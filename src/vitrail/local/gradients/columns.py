"""Sums over columns of gradients, which norms come from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from vitrail.numerics.filters import LARGE, SMALLEST_NORM, UNIT_ROUNDOFF

__all__ = ["add_columns", "lengths_of", "raised", "root_of", "spans"]


def add_columns(norm: str, sums: dict[int, Tensor], key: int, forms: Tensor) -> None:
    """Add columns of forms (cells, columns, *shape) to the sums that norms come from."""
    if norm == "l2":
        part = forms.square().sum(dim=1)
    else:
        part = forms.abs().sum(dim=1) if norm == "l1" else forms.abs().amax(dim=1)
    if key not in sums:
        sums[key] = part
    else:
        sums[key] = torch.maximum(sums[key], part) if norm == "linf" else sums[key] + part


def root_of(norm: str, sums: Tensor) -> Tensor:
    """Norms from sums of columns."""
    return sums.sqrt() if norm == "l2" else sums


def raised(norms: dict[int, Tensor], columns: int) -> dict[int, Tensor]:
    """Upper bounds of norms that were summed over so many columns."""
    factor = 1.0 + (columns + 8) * UNIT_ROUNDOFF
    return {key: value * factor + SMALLEST_NORM for key, value in norms.items()}


def lengths_of(rows: np.ndarray) -> np.ndarray:
    """The l2 norm of each row, (rows,), whose squares neither overflow nor vanish.

    Example:
        >>> found = lengths_of(np.array([[3.0, 4.0], [1.5 * 2.0**-700, 2.0**-699], [0.0, 0.0]]))
        >>> (found / [5.0, 2.5 * 2.0**-700, 1.0]).round(12).tolist()
        [1.0, 1.0, 0.0]
    """
    with np.errstate(over="ignore"):
        lengths = np.asarray(np.linalg.norm(rows, axis=1))
    extreme = np.flatnonzero(~((lengths > SMALLEST_NORM) & (lengths < LARGE)))
    largest = np.abs(rows[extreme]).max(axis=1, initial=0.0)
    scale = np.where((largest > 0.0) & np.isfinite(largest), largest, 1.0)
    lengths[extreme] = scale * np.linalg.norm(rows[extreme] / scale[:, None], axis=1)
    return lengths


def spans(count: int, step: int) -> Iterator[tuple[int, int]]:
    """The bounds of runs of at most `step` numbers below `count`.

    Example:
        >>> list(spans(5, 2))
        [(0, 2), (2, 4), (4, 5)]
    """
    return pairwise([*range(0, count, step), count])
