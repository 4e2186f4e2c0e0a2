"""Running a search: tasks from the first stages, an executor for the rest, results in one fixed order."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import chain

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from vitrail.cells.batch import CellBatch, Children
from vitrail.engines.budget import Budget
from vitrail.engines.carry import Carrier
from vitrail.engines.columns import Columns
from vitrail.engines.exact import ExactCutter
from vitrail.engines.found import Found, Wants
from vitrail.engines.frontier import Means
from vitrail.engines.kinds import KINDS
from vitrail.engines.plan import Plan
from vitrail.engines.pool import CarrierPool
from vitrail.engines.refine import Pending, expand, refine
from vitrail.engines.roots import Roots
from vitrail.engines.sharper import Sharper
from vitrail.errors import ResourceLimitError

__all__ = ["Resources", "compile_kernels", "search", "threads"]

_CHUNK_BYTES = 2**22
"""Forms of one chunk: larger ones leave the cache, smaller ones cost more in handing over than they gain (measured)."""
_MINIMUM_CHUNK = 8
_TASKS_PER_WORKER = 4
_SMALLEST_TASK, _LARGEST_TASK = 320, 512
"""Cells: fewer are not worth the handing over, more make progress and budgets coarse."""
_LARGE_ROOTS = 2**18
"""Entries of the frames' forms: below, waking the threads takes longer than the first products."""
_MOST_AHEAD = 2**26
"""Bytes of cells that are made before the tasks begin; the others are made while these are worked on."""
_LOCAL_BITS, _STAGE_BITS, _TASK_BITS = 30, 12, 20
"""How the numbers of cuts are shared out: 62 bits, as a number is doubled to tell the two sides."""


@dataclass
class Resources:
    """What a search may use: bytes of memory, a budget, an executor (None: threads here), a progress callback."""

    memory: int
    budget: Budget
    executor: Executor | None = None
    report: Callable[[float, int], None] | None = None
    workers: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class _Job:
    """What all tasks of a search share: the plan, where it starts, what to keep, and cells per chunk."""

    plan: Plan
    roots: Roots
    wants: Wants
    chunk: int

    @cached_property
    def cutter(self) -> ExactCutter:
        """Exact arithmetic for the search; what it computes for one task serves the others in this process."""
        return ExactCutter(self.plan, self.roots)

    @cached_property
    def spare(self) -> list[Columns]:
        """Columns of tasks whose rows were taken over: their memory serves again."""
        return []

    def columns(self) -> Columns:
        """Empty columns."""
        try:
            return self.spare.pop()
        except IndexError:
            return Columns()

    def sent(self, task: Pending) -> _Job:
        """What a task in another process needs of it."""
        return _Job(self.plan, self.roots.only(np.unique(task.root)), self.wants, self.chunk)


def search(plan: Plan, roots: Roots, cells: CellBatch, wants: Wants, resources: Resources) -> Found:
    """Find the regions of all frames: `roots` says where they lie, `cells` is one cell per frame.

    Results come in one order, whatever the executor: of the frames, and within a frame of the cuts.
    """
    found = Found(len(cells), len(plan.stages))
    job = _Job(plan, roots, wants, _chunk_size(plan, roots.dimension, resources))
    start = Pending.start(cells, torch.from_numpy(roots.forms))
    with _means(job, 0) as means:
        with threads(resources.workers if roots.forms.size > _LARGE_ROOTS else 1):
            pending, rest = _first_tasks(means, start, resources, found)
        tasks = _Tasks(_split(pending, resources.workers, job.chunk), rest, job.chunk, resources.budget, found)
        if resources.executor is not None:
            _run_tasks(job, tasks, resources, resources.executor, found)
        else:
            _run_here(job, tasks, resources, found)
    if resources.report is not None and found.complete:
        resources.report(1.0, int(found.regions.sum()))
    return found


def compile_kernels(plan: Plan, roots: Roots, cells: CellBatch, wants: Wants) -> None:
    """Compile what cuts these cells, or load it: that takes seconds once, which belong to no budget of time."""
    job = _Job(plan, roots, wants, chunk=1)
    with _means(job, 0) as means:
        for stage, work in zip(plan.stages, means.carrier.work, strict=True):
            forms = np.zeros((1, roots.dimension + 1, stage.table.bounds.shape[2]))
            nothing = cells.take(0, 0).with_forms(np.zeros(0, dtype=np.int64))
            nothing.compile(forms, stage.table, work)


class _Tasks:
    """The tasks of a search, numbered from 1; threads may take from one. What is not at hand yet is made when asked."""

    def __init__(
        self, ready: Sequence[Pending], rest: Iterator[Pending], chunk: int, budget: Budget, found: Found
    ) -> None:
        self.known = len(ready)
        self._budget, self._found = budget, found
        self._tasks = chain(ready, (part for pending in rest for part in _split([pending], 1, chunk)))
        self._lock = threading.Lock()
        self._given = 0
        self._ended = False

    def take(self) -> tuple[int, Pending] | None:
        """The next task with its number; None where there is no more, or the budget ended before they were made."""
        with self._lock:
            if self._ended:
                return None
            task = next(self._tasks, None)
            if task is not None and self._given >= self.known and self._budget.spent():
                self._found.complete, task = False, None
            self._ended = task is None
            self._given += 1
            return None if task is None else (self._given, task)

    def stop(self) -> None:
        """Give out nothing more."""
        self._ended = True

    def share(self, done: int) -> float:
        """How much of the work so many tasks are, as far as it is known."""
        return done / max(self.known, self._given + (not self._ended))


class _Results:
    """What tasks found, added in the order of the tasks as soon as those before are there; threads may share one."""

    def __init__(self, job: _Job, tasks: _Tasks, resources: Resources, found: Found) -> None:
        self._job, self._tasks, self._resources, self._found = job, tasks, resources, found
        self._waiting: dict[int, Found] = {}
        self._lock = threading.Lock()
        self._added = self._done = self._regions = 0

    def put(self, number: int, result: Found) -> None:
        """Take over what task `number` found."""
        with self._lock:
            self._waiting[number] = result
            self._done, self._regions = self._done + 1, self._regions + int(result.regions.sum())
            while self._added + 1 in self._waiting:
                self._added += 1
                part = self._waiting.pop(self._added)
                self._found.add(part)
                if len(self._job.spare) < self._resources.workers:
                    self._job.spare.append(part.kept)

    def report(self) -> None:
        """Say how far the search is, if anybody wants to know."""
        if self._resources.report is not None:
            self._resources.report(self._tasks.share(self._done), self._regions)


def _run_here(job: _Job, tasks: _Tasks, resources: Resources, found: Found) -> None:
    """Share the tasks among this thread and as many others as there are cores besides; this one reports."""
    results = _Results(job, tasks, resources, found)

    def work(reports: bool) -> None:
        while (taken := tasks.take()) is not None:
            number, task = taken
            results.put(number, _run_task(job, task, number, resources.budget))
            if reports:
                results.report()

    others = max(0, min(resources.workers, tasks.known) - 1)
    if others == 0:
        work(reports=True)
        return
    with ThreadPoolExecutor(others) as pool:
        futures = [pool.submit(work, False) for _ in range(others)]
        try:
            work(reports=True)
        finally:
            tasks.stop()  # after an error or an interruption the others stop at their next task
        for future in futures:
            future.result()


def _first_tasks(
    means: Means, start: Pending, resources: Resources, found: Found
) -> tuple[list[Pending], Iterator[Pending]]:
    """Expand stage by stage until there are enough children to share out; the last stage is left to the tasks.

    Where children take much memory, the first ones and those that are still to be made.
    """
    pending = [start]
    enough = 2 * resources.workers * _TASKS_PER_WORKER
    while pending and (pending[0].stage < 0 or sum(len(p.children.cells) for p in pending) < enough):
        if pending[0].stage + 2 >= len(means.plan.stages):
            break
        made: list[Pending] = []
        ahead = 0
        parts = chain.from_iterable(expand(means, p, resources.budget, found) for p in pending)
        for part in parts:
            made.append(part)
            ahead += sum(array.nbytes for array in vars(part.children.cells).values() if isinstance(array, np.ndarray))
            if ahead > _MOST_AHEAD:
                return made, parts
        pending = made
    return pending, iter(())


def _split(pending: Sequence[Pending], workers: int, chunk: int) -> list[Pending]:
    """Share the children out in contiguous runs, so that results keep their order."""
    total = sum(len(p.children.cells) for p in pending)
    # as many tasks for every worker: a few, so that uneven ones even out, and more only where they would be large
    # where a cell is heavy, chunks are small, and so are the tasks: budgets and progress look at the end of each
    smallest, largest = min(_SMALLEST_TASK, chunk), min(_LARGEST_TASK, 4 * chunk)
    rounds = max(1, min(_TASKS_PER_WORKER, total // (workers * smallest)), total // (workers * largest))
    size = max(1, -(-total // (workers * rounds)))
    return [
        p.take(start, min(start + size, len(p.children.cells)))
        for p in pending
        for start in range(0, len(p.children.cells), size)
    ]


def _run_tasks(job: _Job, tasks: _Tasks, resources: Resources, executor: Executor, found: Found) -> None:
    """Submit the tasks, a few more at a time than there are workers; add the results in the order of the tasks."""
    shared = isinstance(executor, ThreadPoolExecutor)
    running: dict[Future[Found], int] = {}
    results = _Results(job, tasks, resources, found)
    # other processes cannot share what is left of a budget of regions, so then one task at a time gets all of it
    most = 4 * resources.workers if shared or resources.budget.remaining[0] is None else 1
    try:
        while True:
            while len(running) < most and (taken := tasks.take()) is not None:
                number, task = taken
                if shared:
                    future = executor.submit(_run_task, job, task, number, resources.budget)
                else:
                    budget = Budget(*resources.budget.remaining)
                    future = executor.submit(_run_sent_task, job.sent(task), *_to_send(task), number, budget)
                running[future] = number
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                if not shared:
                    resources.budget.add(int(result.regions.sum()))
                results.put(running.pop(future), result)
                results.report()
    finally:
        for future in running:
            future.cancel()


def _run_task(job: _Job, task: Pending, number: int, budget: Budget) -> Found:
    """Task `number`, counted from 1, in any thread or process."""
    found = Found(task.roots, len(job.plan.stages), job.columns())
    with _means(job, number) as means, threads(1):  # here too: the setting belongs to a thread
        refine(means, task, budget, found)
    return found


@contextmanager
def _means(job: _Job, number: int) -> Iterator[Means]:
    """What a task works with; its memory comes from the network's pool, and is lost when the task fails."""
    dimension = job.roots.dimension
    pool = CarrierPool.of(job.plan.graph, (job.plan.cells, dimension, job.chunk))
    carrier = pool.take() or _carrier(job.plan, job.chunk, dimension)
    for stage, work in enumerate(carrier.work):
        work.next_cut = _first_cut(number, stage)
    yield Means(job.plan, carrier, Sharper(job.plan, job.roots), job.cutter, job.wants)
    made = max([work.next_cut - _first_cut(number, stage) for stage, work in enumerate(carrier.work)], default=0)
    if made >= 2**_LOCAL_BITS or number >= 2**_TASK_BITS:
        raise ResourceLimitError(
            f"a search of more than 2^{_LOCAL_BITS} cuts in a task, or 2^{_TASK_BITS} tasks; expected fewer: divide "
            "the domain and search its parts"
        )
    pool.give_back(carrier)


def _to_send(task: Pending) -> tuple[Pending, dict[int, np.ndarray]]:
    """A task for another process, with only the forms that it reads, as arrays: torch would move tensors' memory."""
    used, parent = np.unique(task.children.parent, return_inverse=True)
    live = {node: forms.numpy()[used] for node, forms in task.live.items()}
    cells, words = task.children.cells.copy(), task.children.words.copy()
    children = Children(cells, parent.astype(np.int64), words, 0, len(cells))
    return Pending(task.stage, children, {}, task.root.copy(), task.history.copy(), task.roots), live


def _run_sent_task(job: _Job, task: Pending, live: dict[int, np.ndarray], number: int, budget: Budget) -> Found:
    """A task in another process."""
    task = replace(task, live={node: torch.from_numpy(forms) for node, forms in live.items()})
    return _run_task(job, task, number, budget)


def _chunk_size(plan: Plan, dimension: int, resources: Resources) -> int:
    """Cells per chunk: what the cache holds, fewer where a chunk per stage and worker would exceed the memory."""
    widest = max([stage.width for stage in plan.stages], default=1)
    per_cell = 8 * (dimension + 1) * widest
    in_cache = max(_MINIMUM_CHUNK, _CHUNK_BYTES // per_cell)
    # a chunk's forms, its children's gathered copies and a temporary of the same size
    in_memory = resources.memory // (4 * per_cell * (len(plan.stages) + 1) * resources.workers)
    return int(max(1, min(in_cache, in_memory)))


def _carrier(plan: Plan, chunk: int, dimension: int) -> Carrier:
    kind = KINDS[plan.cells]
    work = [kind.work(dimension, 4 * chunk + 256) for _ in plan.stages]
    return Carrier(chunk, work)


def _first_cut(task: int, stage: int) -> int:
    """First number for the cuts of one stage in one task: no two cuts of a search share a number."""
    return ((task << _STAGE_BITS) + stage) << _LOCAL_BITS


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of linear algebra that are loaded; looking for them takes milliseconds."""
    return ThreadpoolController()


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let each product use so many threads, one where tasks run side by side; the setting comes back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        with _libraries().limit(limits=number, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
