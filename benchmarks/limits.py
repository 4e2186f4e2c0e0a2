"""The arithmetic that a partition needs at least, by the best algorithm known to us, and the machine's rate."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from vitrail.regions import RegionSet


@dataclass(frozen=True)
class Work:
    """Floating-point operations: forms of the parents (products), of the children (rows), and signs at cells."""

    products: float
    rows: float
    signs: float

    @property
    def operations(self) -> float:
        """All of them."""
        return self.products + self.rows + self.signs

    def __str__(self) -> str:
        """The three shares."""
        parts = {"products": self.products, "rows": self.rows, "signs": self.signs}
        return "(" + ", ".join(f"{name} {value / 1e9:.3f}" for name, value in parts.items()) + ")"


def work_of(regions: RegionSet, widths: tuple[int, ...]) -> Work:
    """Count, for a plane through a fully connected ReLU network, from the regions by layer.

    Forms have three columns. A cell's next forms differ from a neighbor's by one row: 2 * 3 * width operations. But
    the forms of a parent's children differ from those of another parent's in every unit: one product per parent of the
    layer before, over the units that are on (half of them). Every cell asks every unit for its sign: six operations.
    """
    cells = (1, *regions.account.per_layer)
    hidden = widths[1:-1]
    products = rows = signs = 0.0
    for layer, width in enumerate(hidden):
        signs += 6.0 * cells[layer] * width
        if layer > 0:
            before = hidden[layer - 1]
            products += 2.0 * 3 * cells[layer - 1] * before / 2 * width
            rows += 2.0 * 3 * (cells[layer] - cells[layer - 1]) * width
    return Work(products, rows, signs)


def flop_rate() -> float:
    """Operations per second of a float64 matrix product on one thread, the best of several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    a = torch.rand(768, 256, dtype=torch.float64)
    b = torch.rand(256, 256, dtype=torch.float64)
    best = 0.0
    for _ in range(50):
        started = time.perf_counter()
        torch.mm(a, b)
        best = max(best, 2 * 768 * 256 * 256 / (time.perf_counter() - started))
    torch.set_num_threads(before)
    return best
