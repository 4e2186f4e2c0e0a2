"""What `vitrail regions` says about a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context
from typing import TYPE_CHECKING

import numpy as np

import vitrail
from vitrail.cli.cells import cells_document, cells_rows, spread_table
from vitrail.cli.output import Json, properties, rows_table, show, write_json, write_line
from vitrail.cli.walk import walk_document, walk_table

if TYPE_CHECKING:
    from rich.table import Table

    from vitrail.domains import Domain
    from vitrail.walking import Walk

__all__ = ["Found", "Report", "decided"]

_DETAIL = (
    *("activation_regions", "by_layer", "measure_sum", "measure_error"),
    *("arithmetic", "decisions", "exact_decisions", "unproven", "dirty"),
    *("cells", "unbounded_regions", "spread", "f_vector", "euler_characteristic", "walk"),
)
_IN_FULL, _LONGEST = 10**12, 1024  # an upper bound of a partial count: a number, and bits
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


def _bounds(count: vitrail.Count) -> str:
    """Both bounds of a count, the upper one rounded up where it is long."""
    if count.upper is None:
        return f"at least {count.lower:,}"
    if count.upper < _IN_FULL:
        return f"{count.lower:,} to {count.upper:,}"
    short = Context(prec=3, rounding=ROUND_CEILING).create_decimal(count.upper)
    return f"at least {count.lower:,}, at most {short:.2e}"


@dataclass(frozen=True)
class Found:
    """A count, the regions behind it unless they were only counted, the walk that found them, and its seconds."""

    count: vitrail.Count
    regions: vitrail.RegionSet | None
    walk: Walk | None
    seconds: float

    def certify(self, progress: bool) -> vitrail.Certificate | None:
        """The regions, checked once more; None where they were only counted."""
        return None if self.regions is None else vitrail.certify(self.regions, progress=progress)


@dataclass(frozen=True)
class Report:
    """What was found, and what when it was checked."""

    model: Mapping[str, Json]
    domain: Domain
    found: Found
    certificate: vitrail.Certificate | None
    written: Mapping[str, Json]

    def write(self, json: bool, quiet: bool) -> None:
        """Print one JSON object, the count alone, or tables."""
        if json:
            write_json(self.document())
        elif quiet:
            write_line(str(self.found.count))
        else:
            show(*self.tables())

    def document(self) -> dict[str, Json]:
        """Everything as one JSON object; what only the regions tell is null where they were only counted."""
        count, regions = self.found.count, self.found.regions
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
            detail |= cells_document(regions)
        if self.found.walk is not None:
            detail["walk"] = walk_document(self.found.walk)
        counted: dict[str, Json] = {
            "value": int(count),
            "lower": count.lower,
            # beyond, it tells nothing, and few programs read so long a number
            "upper": count.upper if count.upper is None or count.upper.bit_length() <= _LONGEST else None,
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
        tail: dict[str, Json] = {"advice": count.status.advice, "seconds": self.found.seconds, "files": self.written}
        return head | detail | {"certificate": self._certificate()} | tail

    def _certificate(self) -> Json:
        """The checks as plain values; null where none were asked for."""
        if self.certificate is None:
            return None
        checks = [{"name": c.name, "holds": c.holds, "found": c.found} for c in self.certificate.checks]
        return {"status": self.certificate.status.value, "checks": checks}

    def tables(self) -> list[Table]:
        """The same for people."""
        count, regions, walk = self.found.count, self.found.regions, self.found.walk
        status = count.status.value if count.status.proven else f"{count.status.value}: {count.status.advice}"
        number = f"{int(count):,} ({count.kind.value})"
        if walk is not None and regions is not None and not count.status.complete:
            # what was asked for are the regions within so many steps, and these are all there
            number, status = f"{len(regions):,} found, at least {count.lower:,} exist", count.status.value
        rows = [
            (f"{count.definition.value} regions", number),
            ("status", status),
            ("bounds", _bounds(count)),
            ("domain", self.domain.description),
        ]
        tables = []
        if regions is not None:
            rows += [*self._details(regions), *cells_rows(regions)]
            account = regions.account
            layers = [(n, f"{r:,}") for n, r in zip(account.layers, account.per_layer, strict=True)]
            if layers:
                tables.append(rows_table("", ("layer", "regions after it"), layers, right=(1,)))
            if regions.dimension > 2 and len(regions):
                tables.append(spread_table(regions))
        if self.found.walk is not None:
            tables.append(walk_table(self.found.walk))
        if self.certificate is not None:
            checks = [(c.name, _HOLDS[c.holds], c.found) for c in self.certificate.checks]
            title = f"certificate: {self.certificate.status.value}"
            tables.append(rows_table(title, ("check", "holds", "found"), checks, right=()))
        rows.append(("seconds", f"{self.found.seconds:.3g}"))
        rows += [("written", str(name)) for name in self.written.values() if name is not None]
        return [properties(str(self.model["path"]), rows), *tables]

    def _details(self, regions: vitrail.RegionSet) -> list[tuple[str, str]]:
        account = regions.account
        rows = []
        if self.found.count.definition.value != "activation":
            rows.append(("activation regions", f"{len(regions):,}"))
        elif self.found.walk is None and int(self.found.count) != len(regions):  # what was found proves that more exist
            rows.append(("regions found", f"{len(regions):,}"))
        decisions = decided(account.decisions, account.exact, account.undecided)
        if account.unproven:
            decisions += f"; no sign of {account.unproven:,} units can be proven"
        return [*rows, ("measure check", self._measure_check(regions)), ("sign decisions", decisions)]

    def _measure_check(self, regions: vitrail.RegionSet) -> str:
        name = ("lengths", "areas", "volumes")[min(regions.dimension, 3) - 1]
        if not np.isfinite(self.domain.measure):
            return "none: the domain is unbounded"
        if np.isnan(regions.measures).any():
            return f"none: not all {name} are known"
        if not regions.account.complete:
            share = float(regions.measures.sum()) / self.domain.measure
            return f"the regions found cover {share:.1%} of the domain"
        return f"the sum of the {name} differs from the domain's by a share of {regions.measure_error:.2g}"
