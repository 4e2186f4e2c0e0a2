"""How often Vitrail and the exact engine of the tests agree: random small networks with float32 weights, one by one.

    .venv/bin/python benchmarks/agreement.py --networks 10000

Half of the networks are generic, the others degenerate or one rounding away from it. Compared are patterns, vertices,
maps, adjacency, the Euler characteristic and the counts by all definitions; a difference that contradicts the result's
own status or bounds is silent, and there must be none. Exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from comparison import DEFINITIONS, Agreement, agree
from oracles.float_networks import KINDS, float_case
from oracles.random_networks import FAMILIES, Case


@dataclass
class Tally:
    """What the comparisons found."""

    networks: int = 0
    degenerate: int = 0
    decisions: int = 0
    decided_exactly: int = 0
    families: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    inputs: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in DEFINITIONS})
    with_exact_decisions: int = 0
    silent: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)

    def add(self, label: str, kind: str, case: Case, result: Agreement) -> None:
        """Count one comparison."""
        account = result.regions.account
        self.networks += 1
        self.degenerate += result.exact.is_degenerate
        self.decisions += account.decisions
        self.decided_exactly += account.exact
        self.with_exact_decisions += account.exact > 0
        self.families[case.family] += 1
        self.kinds[kind] += 1
        self.inputs[f"{case.dimension} input{'s' * (case.dimension > 1)}"] += 1
        for name in DEFINITIONS:
            self.statuses[name][result.regions.count(name).status.value] += 1
        self.silent += [f"{label}: {problem}" for problem in result.silent]
        self.announced += [f"{label}: {problem}" for problem in result.announced]

    def report(self) -> str:
        """The summary as text."""
        lines = [f"{self.networks} networks, {share(self.degenerate, self.networks)} degenerate"]
        for title, counter in (("by kind", self.kinds), ("by input", self.inputs), ("by family", self.families)):
            lines.append(f"{title}: " + ", ".join(f"{name} {count}" for name, count in sorted(counter.items())))
        for name, counter in self.statuses.items():
            lines.append(f"{name}: " + ", ".join(f"{count} {status}" for status, count in sorted(counter.items())))
        lines.append(
            f"{self.decisions} decisions, {self.decided_exactly} of them exactly, "
            f"in {share(self.with_exact_decisions, self.networks)} of the networks"
        )
        for title, problems in (("silent", self.silent), ("announced", self.announced)):
            lines.append(f"{len(problems)} {title} disagreements")
            lines += [f"  {problem}" for problem in problems]
        return "\n".join(lines)


def share(part: int, whole: int) -> str:
    """A part in per cent."""
    return f"{100 * part / max(whole, 1):.1f} %"


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=10_000, help="how many networks (default 10000)")
    parser.add_argument("--first-seed", type=int, default=0, help="seed of the first one (default 0)")
    parser.add_argument("--units", type=int, default=4, help="bound of the width of a layer (default 4)")
    parser.add_argument("--kind", choices=sorted(set(KINDS)), help="networks of one kind only (default: all in turn)")
    parser.add_argument("--family", choices=FAMILIES, help="networks of one family only (default: all)")
    parser.add_argument("--exact", choices=["true", "false", "always"], default="true", help="how signs are decided")
    options = parser.parse_args()
    exact = {"true": True, "false": False, "always": "always"}[options.exact]
    families = [options.family] if options.family else FAMILIES
    tally = Tally()
    for seed in range(options.first_seed, options.first_seed + options.networks):
        kind = options.kind or KINDS[seed % len(KINDS)]
        case = float_case(seed, kind, families, units=options.units)
        tally.add(f"seed {seed}, {kind} {case.family}", kind, case, agree(case, exact))
    print(tally.report())
    return 1 if tally.silent else 0


if __name__ == "__main__":
    sys.exit(main())
