"""What `vitrail regions` says about a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vitrail.cli.output import Json, properties, rows_table

if TYPE_CHECKING:
    from rich.table import Table

    import vitrail
    from vitrail.domains import Domain

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """A count and, unless it was only counted, the regions behind it."""

    model: Mapping[str, Json]
    domain: Domain
    count: vitrail.Count
    regions: vitrail.RegionSet | None
    seconds: float
    written: Mapping[str, Json]

    def document(self) -> dict[str, Json]:
        """Everything as one JSON object; what only the regions tell is null where they were only counted."""
        count, regions = self.count, self.regions
        measure = float(self.domain.measure)
        detail: dict[str, Json] = dict.fromkeys(
            ("activation_regions", "by_layer", "measure_sum", "measure_error", "decisions", "unproven", "dirty")
        )
        if regions is not None:
            account = regions.account
            detail |= {
                "activation_regions": len(regions),
                "by_layer": [
                    {"layer": n, "regions": r} for n, r in zip(account.layers, account.per_layer, strict=True)
                ],
                "measure_sum": float(regions.measures.sum()),
                "measure_error": regions.measure_error,
                "decisions": account.decisions,
                "unproven": account.unproven,
                "dirty": account.dirty,
            }
        counted: dict[str, Json] = {
            "value": int(count),
            "lower": count.lower,
            "upper": count.upper,
            "kind": count.kind.value,
            "status": count.status.value,
            "definition": count.definition.value,
            "undecided": count.undecided,
        }
        domain: dict[str, Json] = {
            "description": self.domain.description,
            "dimension": self.domain.frame.dimension,
            "measure": measure,
        }
        head: dict[str, Json] = {"command": "regions", "model": self.model, "domain": domain, "count": counted}
        return head | detail | {"advice": count.status.advice, "seconds": self.seconds, "files": self.written}

    def tables(self) -> list[Table]:
        """The same for people."""
        count = self.count
        status = count.status.value if count.status.proven else f"{count.status.value}: {count.status.advice}"
        rows = [
            (f"{count.definition.value} regions", f"{int(count):,} ({count.kind.value})"),
            ("status", status),
            (
                "bounds",
                f"{count.lower:,} to {count.upper:,}" if count.upper is not None else f"at least {count.lower:,}",
            ),
            ("domain", self.domain.description),
        ]
        tables = []
        if self.regions is not None:
            rows += self._details(self.regions)
            account = self.regions.account
            layers = [(n, f"{r:,}") for n, r in zip(account.layers, account.per_layer, strict=True)]
            if layers:
                tables.append(rows_table("", ("layer", "regions after it"), layers, right=(1,)))
        rows.append(("seconds", f"{self.seconds:.3g}"))
        rows += [("written", str(name)) for name in self.written.values() if name is not None]
        return [properties(str(self.model["path"]), rows), *tables]

    def _details(self, regions: vitrail.RegionSet) -> list[tuple[str, str]]:
        account = regions.account
        rows = []
        if self.count.definition.value != "activation":
            rows.append(("activation regions", f"{len(regions):,}"))
        decided = f"{account.decisions:,}, {account.undecided:,} of them undecided"
        if account.unproven:
            decided += f"; no sign of {account.unproven:,} units can be proven"
        return [*rows, ("measure check", self._measure_check(regions)), ("decisions", decided)]

    def _measure_check(self, regions: vitrail.RegionSet) -> str:
        name = "lengths" if regions.dimension == 1 else "areas"
        if not np.isfinite(self.domain.measure):
            return "none: the domain is unbounded"
        if not regions.account.complete:
            share = float(regions.measures.sum()) / self.domain.measure
            return f"the regions found cover {share:.1%} of the domain"
        return f"the sum of the {name} differs from the domain's by a share of {regions.measure_error:.2g}"
