"""How far two correct evaluations of one network may differ: for comparing an import with its original.

Two estimates, and the smaller one counts. The running error bound (Higham 2002, section 3.3) covers the worst case, but
in deep networks it multiplies the norms of all layers and would hide wrong imports. So rounding is also simulated: a
second evaluation along the same pieces gets seeded noise of the size of a layer's rounding after every op, and 64 times
its largest effect is allowed. This is for the import check only; the bounds that certify regions are elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from vitrail.network.graph import Graph
from vitrail.network.ops.base import AffineOp
from vitrail.network.ops.elementwise import Elementwise
from vitrail.network.ops.maximum import Maximum

__all__ = ["Evaluation", "evaluate"]

_MARGIN = 64.0


@dataclasses.dataclass(frozen=True)
class _Track:
    forms: Tensor  # (N, c, *shape): the value, then directional derivatives
    noisy: Tensor  # the same with simulated rounding
    error: Tensor  # how far a correct evaluation may be from them
    size: Tensor  # magnitudes of the sums behind them


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Values and directional derivatives at points, with what rounding may change.

    `forms` (N, 1 + k, *output_shape): column 0 the value, the others derivatives along the directions. `bound` has the
    same shape. `ambiguous` (N,): another piece within rounding would change a derivative.
    """

    forms: Tensor
    bound: Tensor
    ambiguous: Tensor


def evaluate(
    graph: Graph, points: Tensor, directions: Tensor, unit: float, map_unit: float | None = None
) -> Evaluation:
    """Evaluate in float64, and say how far an evaluation with unit roundoff `unit` may be from that.

    points (N, *input_shape), directions (N, k, *input_shape); `map_unit` is the unit roundoff of the derivatives, where
    it is another one.

    Example:
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> graph = graph_from_arrays([[[2.0]]])
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> evaluate(graph, one, one[:, None], 2.0**-53).forms.tolist()
        [[[2.0], [2.0]]]
    """
    forms = torch.cat([points[:, None], directions], dim=1).to(torch.float64)
    rounding = _Rounding(unit, unit if map_unit is None else map_unit, forms.shape[1])
    ambiguous = torch.zeros(len(points), dtype=torch.bool)
    tracks: dict[int, _Track] = {0: _Track(forms, forms, torch.zeros_like(forms), forms.abs())}
    last = {source: index for index, node in enumerate(graph.nodes) for source in node.inputs}
    for index, node in enumerate(graph.nodes[: graph.output + 1]):
        if index == 0:
            continue
        inputs = [tracks[source] for source in node.inputs]
        if isinstance(node.op, AffineOp):
            track = _affine(node.op, inputs, rounding)
        elif isinstance(node.op, Elementwise):
            track, unsure = _elementwise(node.op, inputs[0], rounding)
            ambiguous |= unsure
        elif isinstance(node.op, Maximum):
            track, unsure = _maximum(node.op, inputs)
            ambiguous |= unsure
        else:
            raise TypeError(f"unknown op {node.op.name}")
        tracks[index] = _limit(track)
        for source in set(node.inputs):
            if last[source] == index and source != graph.output:
                del tracks[source]
    final = tracks[graph.output]
    return Evaluation(final.forms, final.error, ambiguous)


class _Rounding:
    """Unit roundoffs per column, and seeded noise of their size."""

    def __init__(self, unit: float, map_unit: float, columns: int) -> None:
        self.units = torch.full((columns,), map_unit, dtype=torch.float64)
        self.units[0] = unit
        self.generator = torch.Generator().manual_seed(0)

    def error(self, size: Tensor, terms: int) -> Tensor:
        """The largest rounding error of sums of so many terms, for two evaluations in different orders."""
        return 4 * (terms + 4) * self.units.reshape(1, -1, *(1,) * (size.ndim - 2)) * size

    def noise(self, error: Tensor) -> Tensor:
        """Uniform noise up to an error."""
        return error * (2 * torch.rand(error.shape, generator=self.generator, dtype=torch.float64) - 1)


def _limit(track: _Track) -> _Track:
    """Allow no more than a multiple of the largest effect of the simulated rounding, over all points and entries."""
    effect = _flat((track.noisy - track.forms).abs()).amax(dim=(0, 2))
    allowed = _MARGIN * effect.reshape(1, -1, *(1,) * (track.forms.ndim - 2))
    return dataclasses.replace(track, error=torch.minimum(track.error, allowed))


def _affine(op: AffineOp, inputs: Sequence[_Track], rounding: _Rounding) -> _Track:
    forms = op.apply([track.forms for track in inputs])
    noisy = op.apply([track.noisy for track in inputs])
    magnitudes = op.absolute()
    error = _linear(magnitudes, [track.error for track in inputs])
    if op.terms == 0:
        return _Track(forms, noisy, error, _linear(magnitudes, [track.size for track in inputs]))
    size = magnitudes.apply([track.forms.abs() for track in inputs])
    own = rounding.error(size, op.terms)
    return _Track(forms, noisy + rounding.noise(own), error + own, size)


def _linear(op: AffineOp, tensors: Sequence[Tensor]) -> Tensor:
    cells, columns = tensors[0].shape[:2]
    result = op.linear([tensor.reshape(cells * columns, *tensor.shape[2:]) for tensor in tensors])
    return result.reshape(cells, columns, *op.shape)


def _elementwise(op: Elementwise, track: _Track, rounding: _Rounding) -> tuple[_Track, Tensor]:
    values = track.forms[:, 0]
    pieces = op.pieces_at(values)
    forms = op.apply(track.forms, pieces)
    slopes = torch.from_numpy(abs(op.slopes).max(axis=0)).reshape(op.shape)
    intercepts = torch.from_numpy(abs(op.intercepts).max(axis=0)).reshape(op.shape)
    size = track.size * slopes
    size[:, 0] += intercepts
    magnitude = forms.abs()
    magnitude[:, 0] += intercepts
    own = rounding.error(magnitude, 0) / 4
    noisy = op.apply(track.noisy, pieces) + rounding.noise(own)
    breakpoints = torch.from_numpy(op.breakpoints.copy()).reshape(-1, 1, *op.shape)
    near = ((values - breakpoints).abs() <= track.error[:, 0]).any(dim=0)
    moves = (track.forms[:, 1:].abs() > track.error[:, 1:]).any(dim=1)
    unsure = (near & moves).reshape(len(values), -1).any(dim=1)
    return _Track(forms, noisy, track.error * slopes + own, size), unsure


def _maximum(op: Maximum, inputs: Sequence[_Track]) -> tuple[_Track, Tensor]:
    winners = op.pieces_at([track.forms[:, 0] for track in inputs])
    forms = op.apply([track.forms for track in inputs], winners)
    noisy = op.apply([track.noisy for track in inputs], winners)
    joined = [
        torch.cat([_flat(part) for part in parts], dim=2)
        for parts in zip(*((track.forms, track.error, track.size) for track in inputs), strict=True)
    ]
    flat = _flat(forms)
    error, size = torch.zeros_like(flat), torch.zeros_like(flat)
    unsure = torch.zeros(len(flat), dtype=torch.bool)
    for column in torch.from_numpy(op.candidates.T.copy()):
        present, index = column >= 0, column.clamp(min=0)
        other, slack, magnitude = (part[:, :, index] for part in joined)
        error = torch.where(present, torch.maximum(error, slack), error)
        size = torch.where(present, torch.maximum(size, magnitude), size)
        gap = (flat - other).abs()
        near = present & (gap[:, 0] <= 2 * slack[:, 0])
        unsure |= (near & (gap[:, 1:] > 2 * slack[:, 1:]).any(dim=1)).any(dim=1)
    return _Track(forms, noisy, error.reshape(forms.shape), size.reshape(forms.shape)), unsure


def _flat(forms: Tensor) -> Tensor:
    return forms.reshape(*forms.shape[:2], -1)
