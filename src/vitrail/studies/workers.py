"""Performing runs, here or in other processes; what goes wrong in one run is a word about that run."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vitrail.errors import InvalidOptionError, StoreError
from vitrail.files.seal import check_seal, seal
from vitrail.files.whole import quoted, reason, write_whole
from vitrail.studies.study import Context, Run

if TYPE_CHECKING:
    import pandas

__all__ = ["Outcome", "Task", "perform", "perform_all", "read_results", "write_results"]

_METADATA = b"vitrail.study"
_LONGEST = 500


@dataclass(frozen=True)
class Task:
    """An experiment, one of its runs, what it may use, and the folder that its results go to."""

    experiment: Callable[[Run, Context], pandas.DataFrame]
    run: Run
    context: Context
    folder: Path

    @property
    def path(self) -> Path:
        """The file of the results."""
        return self.folder / f"{self.run.key}.parquet"


@dataclass(frozen=True)
class Outcome:
    """What became of a run: seconds, and the problem where it failed; `details` then is the traceback."""

    run: Run
    seconds: float
    problem: str | None = None
    details: str = ""


def perform(task: Task) -> Outcome:
    """Do one run on one thread and write its results; an error in it becomes part of the outcome."""
    import torch

    started, threads = time.perf_counter(), torch.get_num_threads()
    # one thread: runs are the unit of parallel work, and results must not depend on how many threads there are
    torch.set_num_threads(1)
    try:
        frame = _checked(task.experiment(task.run, task.context))
        seconds = time.perf_counter() - started
        write_results(task.path, task.run, frame, seconds)
        return Outcome(task.run, seconds)
    except Exception as error:  # whatever an experiment raises: other runs must go on
        problem = f"{type(error).__name__}: {error}"[:_LONGEST]
        return Outcome(task.run, time.perf_counter() - started, problem, traceback.format_exc())
    finally:
        torch.set_num_threads(threads)


def perform_all(tasks: Sequence[Task], workers: int) -> Generator[Outcome, None, None]:
    """Do all runs, and give each outcome when it is there; one worker works in this process, more are processes.

    A process that dies (killed for its memory, say) takes only its own run with it: the runs that were in work at
    that time are each done again in a process of their own. Closing this early ends the processes.

    Raises:
        InvalidOptionError: several workers, and an experiment that other processes cannot import.
    """
    if workers == 1:
        yield from map(perform, tasks)
        return
    for name in {task.experiment.__qualname__ for task in tasks}:
        if not name.isidentifier():
            raise InvalidOptionError(
                f"workers: expected 1 for an experiment that is no function of a module, {name!r}, found {workers}"
            )
    todo = deque(tasks)
    while todo:
        suspects: list[Task] = []
        with _processes(min(workers, len(todo))) as pool:
            running: dict[Future[Outcome], Task] = {}
            while (todo or running) and not suspects:
                # no more than are worked on: then a process that dies leaves few suspects
                while todo and len(running) < workers:
                    task = todo.popleft()
                    try:
                        running[pool.submit(perform, task)] = task
                    except BrokenProcessPool:
                        suspects.append(task)
                        break
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    task = running.pop(future)
                    found = _result(future)
                    if found is None:
                        suspects.append(task)
                    else:
                        yield found
            for future, task in running.items():
                found = _result(future)
                if found is None:
                    suspects.append(task)
                else:
                    yield found
        yield from map(_alone, suspects)


def _alone(task: Task) -> Outcome:
    started = time.perf_counter()
    with _processes(1) as pool:
        found = _result(pool.submit(perform, task))
    if found is not None:
        return found
    problem = (
        "the process of this run died: it needed more memory than there is (take fewer workers), "
        "or could not import the experiment or the main program"
    )
    return Outcome(task.run, time.perf_counter() - started, problem)


def _result(future: Future[Outcome]) -> Outcome | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


@contextlib.contextmanager
def _processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """New processes, which are ended at once where this one is interrupted."""
    before = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_leave_interrupts_to_the_parent)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
            process.join()
        raise
    pool.shutdown()


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _checked(frame: object) -> pandas.DataFrame:
    import pandas

    if not isinstance(frame, pandas.DataFrame) or frame.empty:
        found = "an empty table" if isinstance(frame, pandas.DataFrame) else type(frame).__name__
        raise TypeError(f"an experiment gives a pandas table with at least one row; this one gave {found}")
    return frame.reset_index(drop=True)


def write_results(path: Path, run: Run, frame: pandas.DataFrame, seconds: float) -> None:
    """Write the results of a run, whole or not at all, with its settings and a checksum.

    Raises:
        StoreError: the file cannot be written.
    """
    import pyarrow
    import pyarrow.parquet

    about = {"study": run.study, "schema": run.schema, "key": run.key, "settings": dict(run.settings)}
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    kept = table.schema.metadata or {}
    table = table.replace_schema_metadata(kept | {_METADATA: json.dumps(about | {"seconds": seconds}).encode()})

    def write(file: IO[bytes]) -> None:
        pyarrow.parquet.write_table(table, file)
        seal(file)

    write_whole(path, write)


def read_results(path: Path, run: Run) -> tuple[pandas.DataFrame, float]:
    """Read the results of a run and the seconds it took; columns for the key and the settings come in front.

    The key is the column `run`; a setting that is an array becomes a text such as 16-16-16. A setting with the name of
    a measured column is left out.

    Raises:
        StoreError: the file is missing, damaged, or of another run.
    """
    import pyarrow
    import pyarrow.parquet

    name = quoted(path)
    try:
        with path.open("rb") as file:
            # before any parser of parquet sees the file: see vitrail.files.seal
            check_seal(file, name)
            file.seek(0)
            table = pyarrow.parquet.read_table(file)
        about: Any = json.loads((table.schema.metadata or {})[_METADATA])
        frame, key, seconds = table.to_pandas(), str(about["key"]), float(about["seconds"])
    except (pyarrow.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        found = str(error).partition("\n")[0] if isinstance(error, StoreError) else f"{name}: {reason(error)}"
        raise StoreError(f"{found}; expected the results of a run: delete the file, and it is done again") from error
    if key != run.key:
        raise StoreError(f"{name}: expected the results of run {run.key}, found those of {key[:80]!r}; delete it")
    leading = {"run": run.key} | {setting: _cell(value) for setting, value in run.settings}
    for place, (column, value) in enumerate((c, v) for c, v in leading.items() if c not in frame.columns):
        frame.insert(place, column, value)
    return frame, seconds


def _cell(value: object) -> object:
    return "-".join(str(_cell(item)) for item in value) if isinstance(value, tuple) else value
