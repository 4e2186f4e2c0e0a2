"""The processes of the benchmark in three and more dimensions: started when needed, asked for one run at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from space_cases import LP, Case, small, write

HERE = Path(__file__).resolve().parent
PEER = HERE / ".venv" / "bin" / "python"
WAYS = ("count", "enumerate")
CORES = sorted(os.sched_getaffinity(0))[:2]
ALL, ONE, OTHER = ",".join(map(str, CORES)), str(CORES[0]), str(CORES[-1])


class Failed(Exception):
    """A run that gave no answer."""


class Side:
    """A process that answers requests."""

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str] | None = None) -> None:
        """Start it."""
        self.folder = folder
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )

    @property
    def ended(self) -> bool:
        """Whether there is nobody to ask."""
        return self.process.poll() is not None

    def send(self, case: Case, way: str = "", workers: int = 0, once: bool = False) -> None:
        """Ask for a run; `once` without one that warms it."""
        assert self.process.stdin is not None
        request = {"file": str(write(case, self.folder)), "way": way, "workers": workers, "once": once}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed("the process has ended") from None

    def receive(self) -> dict[str, Any]:
        """The answer to what was asked."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"the process has ended, exit code {self.process.wait()}"}
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def run(self, case: Case, way: str = "", workers: int = 0, once: bool = False) -> dict[str, Any]:
        """One run."""
        self.send(case, way, workers, once)
        return self.receive()

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()


class Bench:
    """The processes, how often everything is measured, and what went wrong."""

    def __init__(self, folder: Path, rounds: int) -> None:
        """Nothing is started yet."""
        self.folder, self.rounds = folder, rounds
        self.wrong: list[str] = []
        self._sides: dict[str, Side] = {}
        self._loaded: set[tuple[str, int]] = set()

    def fresh(self, cores: str) -> Side:
        """Vitrail on these cores, in a new process; the caller closes it."""
        return Side(self.folder, [sys.executable, str(HERE / "space_own.py"), cores])

    def own(self, cores: str) -> Side:
        """Vitrail on these cores; after a crash in a new process."""
        if cores not in self._sides or self._sides[cores].ended:
            self._sides[cores] = self.fresh(cores)
            self._loaded = {(where, dimension) for where, dimension in self._loaded if where != cores}
        return self._sides[cores]

    def affinitree(self) -> Side:
        """The peer, on one thread."""
        if LP not in self._sides or self._sides[LP].ended:
            if not PEER.exists():
                sys.exit(f"the peers' environment {PEER.parent.parent} is missing; run: make bench-space")
            command = [str(PEER), str(HERE / "peer_affinitree.py")]
            self._sides[LP] = Side(self.folder, command, {"OMP_NUM_THREADS": "1"})
        return self._sides[LP]

    def load(self, dimension: int, *cores: str) -> None:
        """Compile or load what a dimension needs, outside all times; say how long the first run took."""
        for where in cores:
            side = self.own(where)
            if (where, dimension) in self._loaded:
                continue
            self._loaded.add((where, dimension))
            started = time.perf_counter()
            for way in WAYS:
                self.attempt("first run", side, small(dimension), way, once=True)
            seconds = time.perf_counter() - started
            print(f"(first run in {dimension} dimensions, cores {where}: {seconds:.1f} s, not counted)", flush=True)

    def attempt(
        self, name: str, side: Side, case: Case, way: str = "", workers: int = 0, once: bool = False
    ) -> dict[str, Any]:
        """The answer to a request, after a look at its count and status; NaN for all numbers where there is none."""
        try:
            answer = side.run(case, way, workers, once)
        except Failed as failure:
            self.note(f"{name}, {case}, {way}: {failure}")
            return dict.fromkeys(("seconds", "regions", "extra", "peak"), float("nan"))
        if case.regions and answer["regions"] != case.regions:
            self.note(f"{name}, {case}, {way}: {answer['regions']:,} regions, expected {case.regions:,}")
        if answer.get("status", "certified") not in ("certified", "exact"):
            self.note(f"{name}, {case}, {way}: {answer['status']}")
        return answer

    def note(self, problem: str) -> None:
        """Remember what went wrong; the same is said once."""
        if problem not in self.wrong:
            self.wrong.append(problem)
            print(f"  WRONG: {problem}", flush=True)

    def close(self) -> None:
        """End the processes."""
        for side in self._sides.values():
            side.close()
