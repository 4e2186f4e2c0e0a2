"""Maxout networks of one input with as many regions as their widths and rank allow."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vitrail.bounds.inputs import natural
from vitrail.constructions.affine import AffineMap, linear_layer
from vitrail.constructions.widths import check_size, checked_widths
from vitrail.errors import InvalidOptionError

__all__ = ["Maxout", "maxout_zigzag_network"]


class Maxout(torch.nn.Module):
    """The largest of each `rank` neighboring values: (batch, units x rank) to (batch, units).

    Example:
        >>> Maxout(2)(torch.tensor([[1.0, 3.0, -1.0, -2.0]])).tolist()
        [[3.0, -1.0]]
    """

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The maxima."""
        return values.unflatten(1, (-1, self.rank)).amax(2)

    def extra_repr(self) -> str:
        """The rank, as torch prints modules."""
        return f"rank={self.rank}"


def maxout_zigzag_network(widths: Sequence[int], rank: int) -> torch.nn.Sequential:
    """A maxout network of one input, each unit the largest of `rank` affine functions, with one output.

    Predicted on the whole line: the product of n_l (rank - 1) + 1 over all layers activation regions, linear regions
    and affine maps, for even widths before the last layer; with rank 2 any widths. It is the largest number there is
    (Montufar, Ren and Zhang 2022). All regions meet (0, 1).

    A layer before the last has N = n (rank - 1) breakpoints, at 1, ..., N of (N + 1) y, where a sum of its units turns
    between slopes N + 1 and -N - 1: up at the odd ones, which belong to units that are added, down at the even ones,
    which belong to units that are subtracted. This takes as many of either, or one more of the first. The last layer's
    slopes are all positive and grow along the line, so that every region has a map of its own.

    Raises:
        InvalidOptionError: no integers of at least 1, a rank below 2, or an odd width before the last layer with a rank
            above 2.
        ResourceLimitError: more than 2^20 weights.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_torch(maxout_zigzag_network([2, 2], 3), torch.zeros(1, 1))
        >>> vitrail.count_regions(net, vitrail.Space(1)).value
        25
    """
    pieces = natural("rank", rank, 2)
    checked = checked_widths(widths, 1, "a layer needs a unit")
    check_size([1, *checked, 1], pieces)
    modules: list[torch.nn.Module] = []
    height = AffineMap.identity(1)
    for place, width in enumerate(checked[:-1]):
        if width % 2 and pieces > 2:
            raise InvalidOptionError(
                f"widths[{place}]: expected an even width before the last layer with rank {pieces}, found {width}; "
                "a zigzag adds as many units as it subtracts; give an even width, or rank=2"
            )
        candidates, readout = _zigzag(width, pieces)
        modules += [linear_layer(candidates.after(height)), Maxout(pieces)]
        height = readout
    candidates, readout = _rising(checked[-1], pieces)
    modules += [linear_layer(candidates.after(height)), Maxout(pieces), linear_layer(readout)]
    return torch.nn.Sequential(*modules).eval()


def _zigzag(width: int, rank: int) -> tuple[AffineMap, AffineMap]:
    """Candidates of units that add up to a zigzag from 1 down to 0, up to 1, and so on along (0, 1); and their sum."""
    breakpoints = width * (rank - 1)
    added = (width + 1) // 2
    rows: list[tuple[int, int]] = []
    for unit in range(width):
        start = 1 + 2 * unit * (rank - 1) if unit < added else 2 + 2 * (unit - added) * (rank - 1)
        # the first unit alone is not level on the left, and makes the sum fall there
        rows += _bent(-1 if unit == 0 else 0, 2, range(start, start + 2 * (rank - 1), 2))
    signs = [1 if unit < added else -1 for unit in range(width)]
    return _scaled(rows, breakpoints + 1), AffineMap.of([signs], [1])


def _rising(width: int, rank: int) -> tuple[AffineMap, AffineMap]:
    """Candidates of units whose breakpoints are all different and inside (0, 1), and their sum, which rises."""
    rows: list[tuple[int, int]] = []
    for unit in range(width):
        start = 1 + unit * (rank - 1)
        rows += _bent(1, 1, range(start, start + rank - 1))
    return _scaled(rows, 2 ** (width * (rank - 1)).bit_length()), AffineMap.of([[1] * width], [0])


def _bent(slope: int, turn: int, breakpoints: range) -> list[tuple[int, int]]:
    """Slopes and offsets of the affine functions whose maximum turns up by `turn` at each breakpoint, from 0 at 0."""
    rows = [(slope, 0)]
    for breakpoint in breakpoints:
        rows.append((rows[-1][0] + turn, rows[-1][1] - turn * breakpoint))
    return rows


def _scaled(rows: Sequence[tuple[int, int]], scale: int) -> AffineMap:
    return AffineMap.of([[slope * scale] for slope, _ in rows], [offset for _, offset in rows])
