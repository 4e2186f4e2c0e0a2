"""Norms of gradients, summed up column by column, and bounds of how far they are off."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vitrail.local.gradients.basis import Basis
from vitrail.local.gradients.columns import add_columns, raised, root_of
from vitrail.local.gradients.kernels import follow
from vitrail.local.gradients.sweep import joined, row_errors
from vitrail.network.ops.maximum import Maximum
from vitrail.numerics.filters import PROOF_ROOM, SMALLEST_NORM, UNIT_ROUNDOFF

__all__ = ["DUAL", "Norms"]

DUAL = {"l2": "l2", "l1": "linf", "linf": "l1"}
"""The norm of the gradient that a distance in each norm is divided by."""

_KINDS = {"l2": 0, "l1": 1, "linf": 2}


class Norms:
    """Norms of gradients of some cells: of nodes, and of the differences of candidates."""

    def __init__(self, basis: Basis, norm: str, routes: Sequence[Tensor]) -> None:
        """For cells with these routes (see `sweep.routes_of`); `norm` is that of gradients."""
        self.basis, self.norm, self.routes = basis, norm, routes
        self._sums: dict[int, Tensor] = {}
        self._gaps: dict[int, Tensor] = {}

    def affine(self, node: int, forms: Tensor) -> None:
        """Take columns of an affine node."""
        add_columns(self.norm, self._sums, node, forms)

    def fused(self, node: int, forms: Tensor, slopes: Tensor, last: bool) -> bool:
        """Take columns of an affine node and follow the op that reads them, in place."""
        cells, columns = forms.shape[:2]
        if len(slopes) != cells or not forms.is_contiguous():
            return False
        if node not in self._sums:
            self._sums[node] = torch.zeros((cells, *forms.shape[2:]), dtype=torch.float64)
        flat, sums = forms.reshape(cells, columns, -1).numpy(), self._sums[node].reshape(cells, -1).numpy()
        follow(flat, slopes.numpy(), sums, _KINDS[self.norm], not last)
        return True

    def deciding(self, number: int, forms: Tensor) -> None:
        """Take columns of the forms that decide a piecewise op: differences where candidates compete."""
        graph = self.basis.graph
        op = graph.nodes[graph.piecewise[number]].op
        if not isinstance(op, Maximum):
            return
        groups = torch.from_numpy(op.candidates.copy()).clamp(min=0)
        winners = _winning(op, self.routes[number])
        cells, columns = len(winners), forms.shape[1]
        forms = forms.expand(cells, *forms.shape[1:])
        best = forms.gather(2, winners[:, None].expand(cells, columns, -1))
        add_columns(self.norm, self._gaps, number, best[..., None] - forms[:, :, groups])

    def finished(self, stop: int) -> list[tuple[Tensor, Tensor]]:
        """Norms, and bounds of how far these are off, of what decides each piecewise op; `stop` is the last node.

        Per op (cells or 1, units), or (cells, units, candidates) for differences to the winner.
        """
        graph, basis = self.basis.graph, self.basis
        start_norms, start_errors = basis.bounds(self.norm)
        norms = {node: root_of(self.norm, total)[:, None] for node, total in self._sums.items()} | start_norms
        nodes = range(basis.stop, stop + 1)
        sizes, errors = row_errors(graph, start_errors, raised(norms, basis.columns), self.routes, nodes)
        result = []
        for number, node in enumerate(graph.piecewise):
            op, sources = graph.nodes[node].op, graph.nodes[node].inputs
            if not isinstance(op, Maximum):
                source = sources[0]
                own = norms.get(source, sizes[source])
                result.append(self._bounded(own.flatten(1), errors[source].flatten(1)))
                continue
            off = joined(op, [errors[source] for source in sources])[:, 0].abs()
            size = joined(op, [sizes[source] for source in sources])[:, 0].abs()
            winners = _winning(op, self.routes[number])
            groups = torch.from_numpy(op.candidates.copy()).clamp(min=0)
            spread = (off + UNIT_ROUNDOFF * size).expand(len(winners), -1)
            each = spread.gather(1, winners)[..., None] + spread[:, groups]
            result.append(self._bounded(root_of(self.norm, self._gaps[number]), each))
        return result

    def _bounded(self, norms: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
        """Norms, and how far they are from those of the true gradients."""
        relative = (self.basis.columns + 8) * UNIT_ROUNDOFF + self.basis.stretch
        return norms, torch.add(errors, norms, alpha=relative) * (
            PROOF_ROOM * (1.0 + self.basis.stretch)
        ) + SMALLEST_NORM


def _winning(op: Maximum, pieces: Tensor) -> Tensor:
    """The candidate that wins in each group, (cells, units)."""
    return torch.from_numpy(op.candidates.copy())[torch.arange(op.units), pieces]
