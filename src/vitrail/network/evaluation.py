"""Running rounding-error bounds for comparing two evaluations of one network.

These bounds are for the import check only: they say how far two correct evaluations may differ (Higham 2002, section
3.3, running error analysis). The bounds that certify regions are elsewhere.
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


@dataclasses.dataclass(frozen=True)
class _Track:
    forms: Tensor  # (N, c, *shape): the value, then directional derivatives
    error: Tensor  # how far a correct evaluation may be from them
    size: Tensor  # magnitudes of the sums behind them


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Values and directional derivatives at points, with bounds.

    `forms` (N, 1 + k, *output_shape): column 0 the value, the others derivatives along the directions. `bound` has the
    same shape. `ambiguous` (N,): another piece within rounding would change a derivative.
    """

    forms: Tensor
    bound: Tensor
    ambiguous: Tensor


def evaluate(
    graph: Graph, points: Tensor, directions: Tensor, unit: float, map_unit: float | None = None
) -> Evaluation:
    """Evaluate in float64 and bound the difference to any evaluation with unit roundoff `unit`.

    `map_unit` is the unit roundoff of the derivatives, where it is another one.

    The bound is the running one, but never more than sqrt(unit) times the magnitude: in deep networks the worst case
    is so far from what happens that it would hide wrong imports; whoever loses half of all digits should be told.

    Example:
        >>> from vitrail.network.from_arrays import graph_from_arrays
        >>> graph = graph_from_arrays([[[2.0]]])
        >>> one = torch.ones(1, 1, dtype=torch.float64)
        >>> evaluate(graph, one, one[:, None], 2.0**-53).forms.tolist()
        [[[2.0], [2.0]]]
    """
    forms = torch.cat([points[:, None], directions], dim=1).to(torch.float64)
    ambiguous = torch.zeros(len(points), dtype=torch.bool)
    units = torch.full((forms.shape[1],), unit if map_unit is None else map_unit, dtype=torch.float64)
    units[0] = unit
    tracks = [_Track(forms, torch.zeros_like(forms), forms.abs())]
    for node in graph.nodes[1:]:
        inputs = [tracks[source] for source in node.inputs]
        if isinstance(node.op, AffineOp):
            track = _affine(node.op, inputs, units)
        elif isinstance(node.op, Elementwise):
            track, unsure = _elementwise(node.op, inputs[0], units)
            ambiguous |= unsure
        elif isinstance(node.op, Maximum):
            track, unsure = _maximum(node.op, inputs)
            ambiguous |= unsure
        else:
            raise TypeError(f"unknown op {node.op.name}")
        tracks.append(track)
    final = tracks[graph.output]
    scale = _flat(final.size).amax(dim=2)
    cap = (units.sqrt() * scale).reshape(*scale.shape, *(1,) * len(graph.output_shape))
    return Evaluation(final.forms, torch.minimum(final.error, cap.expand_as(final.error)), ambiguous)


def _affine(op: AffineOp, inputs: Sequence[_Track], units: Tensor) -> _Track:
    forms = op.apply([track.forms for track in inputs])
    magnitudes = op.absolute()
    error = _linear(magnitudes, [track.error for track in inputs])
    if op.terms == 0:
        return _Track(forms, error, _linear(magnitudes, [track.size for track in inputs]))
    size = magnitudes.apply([track.forms.abs() for track in inputs])
    return _Track(forms, error + 4 * (op.terms + 4) * _like(units, size) * size, size)


def _linear(op: AffineOp, tensors: Sequence[Tensor]) -> Tensor:
    cells, columns = tensors[0].shape[:2]
    result = op.linear([tensor.reshape(cells * columns, *tensor.shape[2:]) for tensor in tensors])
    return result.reshape(cells, columns, *op.shape)


def _elementwise(op: Elementwise, track: _Track, units: Tensor) -> tuple[_Track, Tensor]:
    values = track.forms[:, 0]
    forms = op.apply(track.forms, op.pieces_at(values))
    slopes = torch.from_numpy(abs(op.slopes).max(axis=0)).reshape(op.shape)
    intercepts = torch.from_numpy(abs(op.intercepts).max(axis=0)).reshape(op.shape)
    size = track.size * slopes
    size[:, 0] += intercepts
    error = track.error * slopes + 4 * _like(units, forms) * forms.abs()
    error[:, 0] += 4 * units[0] * intercepts
    breakpoints = torch.from_numpy(op.breakpoints.copy()).reshape(-1, 1, *op.shape)
    near = ((values - breakpoints).abs() <= track.error[:, 0]).any(dim=0)
    moves = (track.forms[:, 1:].abs() > track.error[:, 1:]).any(dim=1)
    return _Track(forms, error, size), (near & moves).reshape(len(values), -1).any(dim=1)


def _maximum(op: Maximum, inputs: Sequence[_Track]) -> tuple[_Track, Tensor]:
    forms = op.apply([track.forms for track in inputs], op.pieces_at([track.forms[:, 0] for track in inputs]))
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
    return _Track(forms, error.reshape(forms.shape), size.reshape(forms.shape)), unsure


def _flat(forms: Tensor) -> Tensor:
    return forms.reshape(*forms.shape[:2], -1)


def _like(units: Tensor, forms: Tensor) -> Tensor:
    return units.reshape(1, -1, *(1,) * (forms.ndim - 2))
