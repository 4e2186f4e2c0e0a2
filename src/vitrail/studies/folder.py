"""The folder of a study: what it belongs to, on which machines it was computed, and how long each run took."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from vitrail.errors import StoreError
from vitrail.files.whole import quoted, reason, write_whole
from vitrail.studies.study import Run
from vitrail.studies.workers import Outcome

__all__ = ["Folder", "Identity", "open_folder", "write_text"]

_FORMAT = 1
_NAME = "environment.json"
_PACKAGES = ("vitrail", "torch", "numpy", "scipy", "numba", "pandas", "pyarrow")
_LARGEST = 2**26


@dataclass(frozen=True)
class Identity:
    """What all results in a folder have in common; another study, scale, schema, setting or data set is refused."""

    study: str
    scale: str
    schema: int
    settings: Mapping[str, object]
    data: Mapping[str, str]
    """Digests of the images, by name."""

    def to_dict(self) -> dict[str, object]:
        """As plain values, with a digest of the settings.

        Example:
            >>> sorted(Identity("toy2024", "smoke", 1, {"seeds": 2}, {}).to_dict())
            ['data', 'scale', 'schema', 'settings', 'settings_digest', 'study']
        """
        # through JSON: an array is the same, whatever held it
        settings = json.loads(json.dumps(dict(self.settings)))
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return {
            "study": self.study,
            "scale": self.scale,
            "schema": self.schema,
            "settings": settings,
            "settings_digest": digest,
            "data": dict(self.data),
        }


@dataclass
class Folder:
    """An open folder; `record` notes outcomes, `save` writes them to environment.json."""

    path: Path
    identity: Identity
    sessions: list[dict[str, object]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def runs(self) -> Path:
        """Where the results of runs are."""
        return self.path / "runs"

    def record(self, outcome: Outcome) -> None:
        """Note how long a run took, or why it failed."""
        key = outcome.run.key
        if outcome.problem is None:
            self.seconds[key] = outcome.seconds
            self.failures.pop(key, None)
        else:
            about = {"settings": dict(outcome.run.settings), "seconds": outcome.seconds}
            self.failures[key] = about | {"problem": outcome.problem, "details": outcome.details}

    def keep(self, runs: Sequence[Run]) -> None:
        """Forget failures of runs that are not among these."""
        keys = {run.key for run in runs}
        self.failures = {key: about for key, about in self.failures.items() if key in keys}

    def save(self) -> None:
        """Write environment.json.

        Raises:
            StoreError: it cannot be written.
        """
        document = {"format": _FORMAT, **self.identity.to_dict(), "sessions": self.sessions}
        document |= {"seconds": self.seconds, "failures": self.failures}
        write_text(self.path / _NAME, json.dumps(document, indent=1) + "\n")

    def remove_partial_files(self) -> None:
        """Remove what an ended process may have left half-written among the runs."""
        for path in self.runs.glob(".vitrail-*.partial"):
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """

    def write(file: IO[bytes]) -> None:
        file.write(text.encode())

    write_whole(path, write)


def open_folder(path: Path, identity: Identity, workers: int) -> Folder:
    """Open a folder for the results of a study, or make it; the session is noted in its environment.json.

    Raises:
        StoreError: it cannot be made or read, holds runs of unknown origin, or belongs to something else: the message
            names the field that differs.
    """
    folder = Folder(path, identity)
    try:
        folder.runs.mkdir(parents=True, exist_ok=True)
        known = (path / _NAME).exists()
        stray = not known and any(folder.runs.iterdir())
    except OSError as error:
        raise StoreError(f"{quoted(path)} cannot be used as a folder ({reason(error)}); choose another one") from error
    if stray:
        raise StoreError(f"{quoted(path)} has runs but no {_NAME}, which says what they are; choose another folder")
    if known:
        _take_up(folder)
    folder.sessions.append(_session(workers))
    folder.save()
    return folder


def _take_up(folder: Folder) -> None:
    path = folder.path / _NAME
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"more than {_LARGEST:,} bytes")
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise ValueError(f"not of format {_FORMAT}")
        folder.sessions = [dict(session) for session in found["sessions"]]
        folder.seconds = {str(key): float(value) for key, value in found["seconds"].items()}
        folder.failures = {str(key): dict(value) for key, value in found["failures"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = f"{quoted(path)}: expected what a study wrote there, found something else ({reason(error)})"
        raise StoreError(f"{problem}; choose another folder") from error
    expected = folder.identity.to_dict()
    for name in ("study", "scale", "schema", "data"):
        if found.get(name) != expected[name]:
            raise _differs(folder.path, name, found.get(name), expected[name])
    if found.get("settings_digest") != expected["settings_digest"]:
        theirs, ours = found.get("settings"), expected["settings"]
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for name in sorted(theirs.keys() | ours.keys()):
                if theirs.get(name) != ours.get(name):
                    raise _differs(folder.path, f"setting {name}", theirs.get(name), ours.get(name))
        raise _differs(folder.path, "settings_digest", found.get("settings_digest"), expected["settings_digest"])


def _differs(path: Path, name: str, theirs: object, ours: object) -> StoreError:
    return StoreError(
        f"{quoted(path)} holds results of another study or settings: {name} is {ascii(theirs)[:100]} there, "
        f"{ascii(ours)[:100]} here; choose another folder"
    )


def _session(workers: int) -> dict[str, object]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed as a package"
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": versions,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "system": platform.platform(),
        "workers": workers,
    }
