"""What a set of regions came from: network and frame, which give maps and cells back, exactly if need be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vitrail.cells.exact import ExactCell
from vitrail.engines.exact_forms import ExactForms
from vitrail.engines.plan import Plan
from vitrail.engines.replay import replay
from vitrail.engines.roots import Roots
from vitrail.network.reach import reaches_output
from vitrail.numerics.predicates import Form
from vitrail.status import Arithmetic

__all__ = ["Source"]

_PAIRS_AT_ONCE = 512


@dataclass(frozen=True)
class Source:
    """The plan and the one frame of a search, and the hyperplane that made each facet of the set, `rows` (facets,).

    `crossings` says that no two facets share the number of a cut.
    """

    plan: Plan
    roots: Roots
    rows: np.ndarray
    crossings: bool = False

    @property
    def scale(self) -> np.ndarray:
        """The powers of two that divide the domain's coordinates, shape (k,)."""
        return self.roots.scales[0]

    @property
    def may_be_exact(self) -> bool:
        """Whether the search was allowed exact arithmetic."""
        return self.plan.arithmetic is not Arithmetic.FLOAT

    def maps(self, words: np.ndarray) -> np.ndarray:
        """Output forms from packed patterns, in the domain's own frame coordinates, (regions, k + 1, outputs)."""
        maps = replay(self.plan, torch.from_numpy(self.roots.forms), words)
        with np.errstate(over="ignore"):  # infinite then, and compared exactly
            maps[:, 1:] /= self.scale[:, None]
        return maps

    @property
    def tolerance(self) -> np.ndarray:
        """How far two computed maps that are equal may be apart, shape (k + 1, outputs)."""
        tolerance = 2.0 * self.plan.output_error
        with np.errstate(over="ignore"):
            return np.concatenate([tolerance[:1], tolerance[1:] / self.scale[:, None]])

    def differ(self, words: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """Whether the wiring lets the maps of two regions differ; False is a proof that they are equal."""
        answer = np.zeros(pairs.shape[0], dtype=bool)
        for start in range(0, pairs.shape[0], _PAIRS_AT_ONCE):
            part = pairs[start : start + _PAIRS_AT_ONCE]
            first, second = (self.plan.layout.unpack(words[part[:, side]]) for side in (0, 1))
            answer[start : start + _PAIRS_AT_ONCE] = reaches_output(self.plan.graph, first, second)
        return answer

    def map_numbers(self, words: np.ndarray) -> np.ndarray:
        """A number for the exact affine map of each region, (regions,): equal numbers where the maps are equal."""
        exact = ExactForms(self.plan, self.roots)
        numbers: dict[tuple[int, bytes], int] = {}
        result = np.empty(words.shape[0], dtype=np.int64)
        for start in range(0, words.shape[0], exact.batch):
            part = words[start : start + exact.batch]
            maps = exact.along(np.zeros(len(part), dtype=np.int64), part)[self.plan.graph.output].keys()
            result[start : start + len(part)] = [numbers.setdefault(key, len(numbers)) for key in maps]
        return result

    def exact_cells(
        self, words: np.ndarray, labels: list[list[tuple[int, int]]], incidence: list[list[int]]
    ) -> list[ExactCell]:
        """The exact cells of regions with these patterns, from the hyperplanes and cuts of their facets."""
        exact = ExactForms(self.plan, self.roots)
        result: list[ExactCell] = []
        for start in range(0, words.shape[0], exact.batch):
            part = words[start : start + exact.batch]
            frames = np.zeros(len(part), dtype=np.int64)
            own = slice(start, start + len(part))
            result += exact.cells(labels[own], incidence[own], frames, exact.along(frames, part))
        return result

    def facet_forms(self, words: np.ndarray, labels: list[list[tuple[int, int]]]) -> list[list[Form]]:
        """The exact forms of the facets of regions with these patterns, in coordinates divided by `scale`."""
        exact = ExactForms(self.plan, self.roots)
        result: list[list[Form]] = []
        for start in range(0, words.shape[0], exact.batch):
            part, own = words[start : start + exact.batch], slice(start, start + exact.batch)
            frames = np.zeros(len(part), dtype=np.int64)
            result += exact.facet_forms(labels[own], frames, exact.along(frames, part))
        return result
