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

__all__ = ["Report", "decided"]

_DETAIL = (
    *("activation_regions", "by_layer", "measure_sum", "measure_error"),
    *("arithmetic", "decisions", "exact_decisions", "unproven", "dirty"),
)
_HOLDS = {True: "yes", False: "no", None: "-"}


def decided(decisions: int, exact: int, undecided: int) -> str:
    """How many signs were decided, and how.

    A decision is a unit on a cell, and an undecided sign that of a unit at a corner: these are no part of those.

    Example:
        >>> decided(1234, 56, 0), decided(1234, 0, 7)
        ('1,234, 56 of them exactly', '1,234, 0 of them exactly; 7 signs undecided')
    """
    more = f"; {undecided:,} signs undecided" if undecided else ""
    return f"{decisions:,}, {exact:,} of them exactly{more}"


@dataclass(frozen=True)
class Report:
    """A count and, unless it was only counted, the regions behind it and what was found when they were checked."""

    model: Mapping[str, Json]
    domain: Domain
    count: vitrail.Count
    regions: vitrail.RegionSet | None
    certificate: vitrail.Certificate | None
    seconds: float
    written: Mapping[str, Json]

    def document(self) -> dict[str, Json]:
        """Everything as one JSON object; what only the regions tell is null where they were only counted."""
        count, regions = self.count, self.regions
        measure = float(self.domain.measure)
        detail: dict[str, Json] = dict.fromkeys(_DETAIL)
        if regions is not None:
            account = regions.account
            detail |= {
                "activation_regions": len(regions),
                "by_layer": [
                    {"layer": n, "regions": r} for n, r in zip(account.layers, account.per_layer, strict=True)
                ],
                "measure_sum": float(regions.measures.sum()),
                "measure_error": regions.measure_error,
                "arithmetic": account.arithmetic,
                "decisions": account.decisions,
                "exact_decisions": account.exact,
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
        tail: dict[str, Json] = {"advice": count.status.advice, "seconds": self.seconds, "files": self.written}
        return head | detail | {"certificate": self._certificate()} | tail

    def _certificate(self) -> Json:
        """The checks as plain values; null where none were asked for."""
        if self.certificate is None:
            return None
        checks = [{"name": c.name, "holds": c.holds, "found": c.found} for c in self.certificate.checks]
        return {"status": self.certificate.status.value, "checks": checks}

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
        if self.certificate is not None:
            checks = [(c.name, _HOLDS[c.holds], c.found) for c in self.certificate.checks]
            title = f"certificate: {self.certificate.status.value}"
            tables.append(rows_table(title, ("check", "holds", "found"), checks, right=()))
        rows.append(("seconds", f"{self.seconds:.3g}"))
        rows += [("written", str(name)) for name in self.written.values() if name is not None]
        return [properties(str(self.model["path"]), rows), *tables]

    def _details(self, regions: vitrail.RegionSet) -> list[tuple[str, str]]:
        account = regions.account
        rows = []
        if self.count.definition.value != "activation":
            rows.append(("activation regions", f"{len(regions):,}"))
        decisions = decided(account.decisions, account.exact, account.undecided)
        if account.unproven:
            decisions += f"; no sign of {account.unproven:,} units can be proven"
        return [*rows, ("measure check", self._measure_check(regions)), ("sign decisions", decisions)]

    def _measure_check(self, regions: vitrail.RegionSet) -> str:
        name = "lengths" if regions.dimension == 1 else "areas"
        if not np.isfinite(self.domain.measure):
            return "none: the domain is unbounded"
        if not regions.account.complete:
            share = float(regions.measures.sum()) / self.domain.measure
            return f"the regions found cover {share:.1%} of the domain"
        return f"the sum of the {name} differs from the domain's by a share of {regions.measure_error:.2g}"
