"""`vitrail reproduce`: the experiments of a paper, run again, with a verdict on each of its claims."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vitrail.cli.options import JsonOutput, whole_number
from vitrail.cli.options_reproduce import (
    DataFolder,
    ListStudies,
    Scale,
    StudyFolder,
    StudyName,
    StudyQuiet,
    Workers,
)
from vitrail.cli.output import Json, printable, properties, rows_table, show, write_json, write_line
from vitrail.errors import InvalidOptionError
from vitrail.options import one_of

if TYPE_CHECKING:
    from rich.table import Table

    from vitrail.studies import Report, Study

__all__ = ["EXAMPLES", "reproduce"]

EXAMPLES = """\b
Examples:
  vitrail reproduce --list
  vitrail reproduce hanin2019
  vitrail reproduce hanin2019 --scale paper --out results --data datasets --workers 8
"""

_INCOMPLETE = 5
_MOST_WORKERS = 1024
_FAILURES_SHOWN = 10


def reproduce(
    study: StudyName = None,
    scale: Scale = "smoke",
    out: StudyFolder = None,
    data: DataFolder = None,
    workers: Workers = "1",
    list_studies: ListStudies = False,
    json_output: JsonOutput = False,
    quiet: StudyQuiet = False,
) -> int:
    """Run the experiments of a paper again and say which of its claims are reproduced.

    Finished runs are kept in the folder and not repeated: an interrupted study goes on where it was. A claim that is
    not reproduced is a finding, not an error; where runs failed, the exit code is 5.
    """
    from vitrail.studies import get_study, study_names
    from vitrail.studies import reproduce as run_study
    from vitrail.studies.configuration import SCALES

    if list_studies:
        if study is not None:
            raise InvalidOptionError(f"--list shows all studies; leave out {study!r}, or leave out --list")
        _list([get_study(name) for name in study_names()], SCALES, json_output, quiet)
        return 0
    if study is None:
        raise InvalidOptionError("expected the name of a study, found none; vitrail reproduce --list shows them")
    found, size = get_study(study), one_of("--scale", scale, SCALES)
    processes = whole_number(workers, "--workers", 1) or 1
    if processes > _MOST_WORKERS:
        raise InvalidOptionError(f"--workers: expected at most {_MOST_WORKERS}, found {processes}")
    folder = Path(f"vitrail-{found.name}-{size}" if out is None else out)
    progress = not (quiet or json_output) and sys.stderr.isatty()
    report = run_study(found, folder, scale=size, data=data, workers=processes, progress=progress)
    if json_output:
        document: dict[str, Json] = {"command": "reproduce"}
        write_json(document | report.to_dict())  # type: ignore[arg-type]
    elif quiet:
        write_line(printable(str(report.out)))
    else:
        _show(report)
    return 0 if report.complete else _INCOMPLETE


def _list(studies: list[Study], scales: tuple[str, ...], json_output: bool, quiet: bool) -> None:
    if json_output:
        write_json({"command": "reproduce", "studies": [_facts(study, scales) for study in studies]})
    elif quiet:
        for study in studies:
            write_line(study.name)
    elif studies:
        show(*(_study_table(study, scales) for study in studies))
    else:
        write_line("no studies in this installation")


def _facts(study: Study, scales: tuple[str, ...]) -> dict[str, Json]:
    sizes: dict[str, Json] = {
        scale: {
            "runs": len(study.runs(study.configuration.settings(scale))),
            "hours_on_one_core": study.configuration.hours[scale],
        }
        for scale in scales
    }
    claims: list[Json] = [{"number": s.number, "says": s.says, "source": s.source} for s in study.statements]
    return {"name": study.name, "title": study.title, "paper": study.paper, "claims": claims, "scales": sizes}


def _study_table(study: Study, scales: tuple[str, ...]) -> Table:
    rows = [("paper", study.paper)]
    for scale in scales:
        runs, hours = len(study.runs(study.configuration.settings(scale))), study.configuration.hours[scale]
        rows.append((f"{scale} scale", f"{runs:,} run{'s' * (runs != 1)}, about {_duration(hours)} on one core"))
    rows += [(f"claim {s.number}", f"{s.says} ({s.source})") for s in study.statements]
    return properties(f"{study.name}: {study.title}", rows)


def _duration(hours: float) -> str:
    seconds = 3600 * hours
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{hours:.3g} h"


def _show(report: Report) -> None:
    study = report.study
    facts = [
        ("paper", study.paper),
        ("scale", report.scale),
        ("runs", f"{report.runs:,}: {report.done:,} done now, {report.kept:,} kept, {len(report.failures):,} failed"),
        *(("note", note) for note in report.notes),
        ("time", f"{report.seconds:.1f} s"),
        ("folder", str(report.out)),
    ]
    tables = [properties(f"{study.name}: {study.title}", facts)]
    if report.failures:
        shown = report.failures[:_FAILURES_SHOWN]
        rows = [(", ".join(f"{k}={v}" for k, v in failure.run.settings), failure.problem) for failure in shown]
        left = len(report.failures) - len(shown)
        rows += [(f"... and {left:,} more", "environment.json in the folder has all, with tracebacks")] if left else []
        tables.append(rows_table("runs that failed", ("run", "problem"), rows, right=()))
    if report.claims:
        claims = [(str(c.number), f"{c.paper_says} ({c.source})", c.ours, c.label, c.why) for c in report.claims]
        tables.append(rows_table("claims", ("", "paper", "ours", "verdict", "why"), claims, right=(0,)))
    show(*tables)
