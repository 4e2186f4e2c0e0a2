"""Whether stored affine maps are those of the patterns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vitrail.engines.roots import Roots
from vitrail.network.graph import Graph
from vitrail.network.rounding import FormBounds, form_bounds
from vitrail.numerics.filters import EXACT_FORM_ROUNDING, SMALLEST
from vitrail.numerics.fixed import Fixed
from vitrail.regions import RegionSet

__all__ = ["StoredMaps"]


@dataclass(frozen=True)
class StoredMaps:
    """The stored maps (regions, k + 1, outputs) in scaled coordinates, and the bound on their error (k + 1, outputs).

    `maps` is None where none are at hand.
    """

    maps: np.ndarray | None
    error: np.ndarray

    @classmethod
    def of(cls, regions: RegionSet, graph: Graph, roots: Roots) -> StoredMaps:
        """Those of a set of regions."""
        forms = roots.forms[0]
        lost = np.zeros_like(forms) if roots.remainder is None else roots.remainder[0]
        root = FormBounds(torch.from_numpy(np.abs(forms)), torch.from_numpy(np.abs(lost)))
        error = form_bounds(graph, root)[graph.output].error.flatten(1).numpy()
        if regions.stored_maps is None and regions.source is None:
            return cls(None, error)
        maps = regions.affine_maps.copy()
        maps[:, 1:] *= roots.scales[0][:, None]
        return cls(maps, error)

    def wrong(self, numbers: np.ndarray, output: Fixed) -> np.ndarray:
        """Of regions with these numbers, those whose stored maps are not the exact ones, (regions, k + 1, outputs)."""
        if self.maps is None:
            return numbers[:0]
        exact = output.to_floats().numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            # one rounding more, of the exact map
            reach = self.error + np.abs(exact) * 2 * EXACT_FORM_ROUNDING + SMALLEST
            off = ~(np.abs(self.maps[numbers] - exact) <= reach)
        return numbers[off.any(axis=(1, 2))]
