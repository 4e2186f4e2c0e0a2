"""Running a study: finished runs are kept and not repeated, a run that fails takes nothing with it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitrail.errors import InvalidOptionError, StoreError, VitrailError
from vitrail.files.whole import quoted, reason, write_whole
from vitrail.options import positive_integer
from vitrail.studies.claims import Claim, claims_frame, claims_markdown
from vitrail.studies.folder import Folder, Identity, open_folder, write_text
from vitrail.studies.study import Context, Run, Study
from vitrail.studies.workers import Task, perform_all, read_results

if TYPE_CHECKING:
    import pandas

__all__ = ["Failure", "Report", "reproduce"]


@dataclass(frozen=True)
class Failure:
    """A run that gave no results, with its settings and what went wrong."""

    run: Run
    problem: str


@dataclass(frozen=True)
class Report:
    """What a study came to: its claims, the files written, and what is missing.

    `done` runs were done now and `kept` ones were there before; `failures` gave nothing, so the study is `complete`
    only without them. Claims of an incomplete study are made of the results that are there; `notes` says so.
    """

    study: Study
    scale: str
    out: Path
    runs: int
    done: int
    kept: int
    failures: tuple[Failure, ...]
    claims: tuple[Claim, ...]
    figures: tuple[Path, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every run has results."""
        return not self.failures

    def to_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            "study": self.study.name,
            "title": self.study.title,
            "paper": self.study.paper,
            "scale": self.scale,
            "runs": self.runs,
            "done": self.done,
            "kept": self.kept,
            "complete": self.complete,
            "failures": [{"settings": dict(f.run.settings), "problem": f.problem} for f in self.failures],
            "claims": [claim.to_dict() for claim in self.claims],
            "notes": list(self.notes),
            "seconds": self.seconds,
            "files": {"folder": str(self.out), "figures": [str(path) for path in self.figures]},
        }


def reproduce(
    study: Study,
    out: str | Path,
    *,
    scale: str = "smoke",
    data: str | Path | None = None,
    workers: int = 1,
    progress: bool = False,
) -> Report:
    """Do the runs of a study that have no results yet, and make its figures and claims of all of them.

    `out` is made where it is missing. It gets `runs/` with a file per run, `results.parquet` with all of them,
    `claims.md`, `claims.csv` and `claims.parquet`, `figures/`, and `environment.json`: versions, machine, dates,
    seconds per run, failures with their tracebacks. Every file is written whole or not at all, so that a study that
    was interrupted goes on where it was; runs that failed are tried again. `data` is the folder of the images (see
    `load_images`). More than one worker are processes of one thread each; a program that calls this has to protect
    its main module, as for every use of `multiprocessing`. The results do not depend on the number of workers. One
    call at a time may work in a folder. `progress` shows a bar with the time left, estimated from the runs done.

    Raises:
        InvalidOptionError: an unknown scale, workers that are not a positive integer, or a study that is not sound.
        ModelFileError: the images are not found, or damaged.
        StoreError: the folder cannot be written or read, or holds results of another study, scale, or settings.
    """
    started = time.perf_counter()
    workers, base = positive_integer("workers", workers), Path(out)
    settings = study.configuration.settings(scale)
    runs = study.runs(settings)
    context = Context(None if data is None else Path(data).absolute())
    # images are looked for before the first run; their digests tell folders of other images apart
    names = sorted({str(run["data"]) for run in runs if run.get("data") is not None})
    digests = {name: context.images(name).digest for name in names}
    folder = open_folder(base, Identity(study.name, scale, study.schema, settings, digests), workers)
    folder.keep(runs)
    missing, failures = _perform(study, folder, runs, context, workers, progress)
    results, notes = _collect(folder, runs, failures)
    claims: tuple[Claim, ...] = ()
    figures: tuple[Path, ...] = ()
    if results is not None:
        claims = _claims(study, results, bool(failures), notes)
        _write_claims(study, scale, base, results, claims, notes)
        figures = _figures(study, results, base, bool(failures), notes)
    numbers = (len(runs), missing - len(failures), len(runs) - missing)
    seconds = time.perf_counter() - started
    return Report(study, scale, base, *numbers, tuple(failures), claims, figures, tuple(notes), seconds)


def _perform(
    study: Study, folder: Folder, runs: Sequence[Run], context: Context, workers: int, progress: bool
) -> tuple[int, list[Failure]]:
    """Do what is missing: how many runs that was, and those that failed."""
    from tqdm.auto import tqdm

    tasks = [Task(study.experiment, run, context, folder.runs) for run in runs]
    missing = [task for task in tasks if not task.path.exists()]
    failures = []
    bar = tqdm(
        total=len(runs),
        initial=len(runs) - len(missing),
        unit="run",
        desc=study.name,
        disable=not progress,
        smoothing=0,
    )
    try:
        with bar, contextlib.closing(perform_all(missing, workers)) as outcomes:
            # without smoothing the time left comes from the mean over all runs of this session
            for outcome in outcomes:
                folder.record(outcome)
                if outcome.problem is not None:
                    failures.append(Failure(outcome.run, outcome.problem))
                    bar.set_postfix_str(f"{len(failures)} failed")
                bar.update()
    finally:
        # also on an interruption: what was done stays, with its times
        folder.remove_partial_files()
        folder.save()
    return len(missing), failures


def _collect(
    folder: Folder, runs: Sequence[Run], failures: Sequence[Failure]
) -> tuple[pandas.DataFrame | None, list[str]]:
    """The results of all runs in one table, in the order of the plan, and what is missing in words."""
    import pandas

    failed = {failure.run.key for failure in failures}
    frames = []
    for run in runs:
        if run.key not in failed:
            frame, seconds = read_results(folder.runs / f"{run.key}.parquet", run)
            frames.append(frame)
            # the file knows it even where the session that wrote it was killed
            folder.seconds.setdefault(run.key, seconds)
    folder.save()
    notes = []
    if failures:
        notes.append(f"incomplete: {len(failures)} of {len(runs)} runs failed, and the claims rest on the others")
    return (pandas.concat(frames, ignore_index=True) if frames else None), notes


def _claims(study: Study, results: pandas.DataFrame, incomplete: bool, notes: list[str]) -> tuple[Claim, ...]:
    try:
        return tuple(study.claimed(results))
    except Exception as error:
        # with all results that is an error of the study; without some of them it is to be expected
        if not incomplete:
            raise
        notes.append(f"no claims: they need runs that failed ({type(error).__name__}: {str(error)[:200]})")
        return ()


def _figures(
    study: Study, results: pandas.DataFrame, out: Path, incomplete: bool, notes: list[str]
) -> tuple[Path, ...]:
    folder = out / "figures"
    try:
        folder.mkdir(exist_ok=True)
        return tuple(study.figures(results, folder))
    except OSError as error:
        if isinstance(error, VitrailError):
            raise
        raise StoreError(f"{quoted(folder)}: figures cannot be written ({reason(error)})") from error
    except Exception as error:
        if not incomplete:
            raise
        notes.append(f"no figures: they need runs that failed ({type(error).__name__}: {str(error)[:200]})")
        return ()


def _write_claims(
    study: Study, scale: str, out: Path, results: pandas.DataFrame, claims: Sequence[Claim], notes: Sequence[str]
) -> None:
    import pyarrow

    about = [f"paper: {study.paper}", f"scale: {scale}, {results['run'].nunique()} runs", *notes]
    page, frame = claims_markdown(study.title, claims, about), claims_frame(claims)
    write_text(out / "claims.md", page)
    write_text(out / "claims.csv", frame.to_csv(index=False))
    write_whole(out / "claims.parquet", lambda file: frame.to_parquet(file, index=False))
    try:
        write_whole(out / "results.parquet", lambda file: results.to_parquet(file, index=False))
    except pyarrow.ArrowException as error:
        problem = f"{study.name}: expected columns of the same type from all runs, found {reason(error)}"
        raise InvalidOptionError(f"{problem}; give them one type in the experiment") from error
