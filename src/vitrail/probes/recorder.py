"""From networks to records: every probe's numbers, what failed, and the files that they go into."""

from __future__ import annotations

import importlib.metadata
import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vitrail.errors import InvalidDomainError, InvalidOptionError, StoreError
from vitrail.files.whole import quoted
from vitrail.network.network import Network
from vitrail.probes.reading import Probe, Reading, check_probes, settings_of
from vitrail.probes.snapshot import unchanged_randomness
from vitrail.regions import RegionSet
from vitrail.store import RecordsFile, Value

__all__ = ["KEYS", "Recorder", "frame_path"]

KEYS = ("step", "epoch", "checkpoint", "network", "network_error", "seconds")
"""Columns that are no probe's and no caller's."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_ERROR = 300


def frame_path(records: Path, probe: str, step: int) -> Path:
    """Where the regions that a probe keeps at one step are: in a folder beside the records.

    Example:
        >>> frame_path(Path("run.parquet"), "plane", 12).as_posix()
        'run.frames/plane-0000000012.npz'
    """
    return records.with_suffix(".frames") / f"{probe}-{step:010d}.npz"


class Recorder:
    """Measures networks with some probes and writes a record for each.

    A record has `step`, `epoch` (missing where it is not known), `checkpoint` (the name of a file, where there is one),
    `network` (its digest), the caller's numbers, for each probe `<probe>_<number>` and `<probe>_seconds`, and
    `seconds`, all of the time that the record took. Where a probe fails, `<probe>_error` says how and its numbers are
    missing; where the network cannot be had, `network_error`. The first failure of each kind is warned about; with
    `strict` it is raised.

    Raises:
        InvalidOptionError: probes that are none, or whose columns could not be told apart.
        StoreError: as `RecordsFile`.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        out: str | Path,
        settings: Mapping[str, Any],
        *,
        information: Mapping[str, Any] | None = None,
        writer: Any = None,
        strict: bool = False,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.probes = check_probes(probes)
        self.strict, self.writer = strict, writer
        if writer is not None and not callable(getattr(writer, "add_scalar", None)):
            raise InvalidOptionError(
                f"writer: expected something with add_scalar(tag, value, step), found {type(writer).__name__}"
            )
        self._check_name(Path(out))
        named = {probe.name: settings_of(probe) for probe in self.probes}
        self.file = RecordsFile(
            out,
            {**settings, "probes": named},
            information={"vitrail": _version(), **(information or {})},
            resume=resume,
            overwrite=overwrite,
        )
        self._complained: set[str] = set()
        if not self.file.rows:
            self.forget_frames(-1)

    @staticmethod
    def _check_name(path: Path) -> None:
        if path.suffix.lower() != ".parquet":
            raise InvalidOptionError(f"out: expected a file name that ends in .parquet, found {path.name!r}")

    @property
    def last_step(self) -> int | None:
        """The step of the last record, None where there is none."""
        return _step_of(self.file.rows[-1]) if self.file.rows else None

    def cut_after(self, step: int) -> int:
        """Forget the records, and the regions kept, of later steps; returns how many records that were."""
        count = sum(_step_of(row) <= step for row in self.file.rows)
        self.forget_frames(step)
        return self.file.cut(count)

    def forget_frames(self, step: int) -> None:
        """Remove the regions that this run's probes kept at later steps."""
        for probe in self.probes:
            folder = frame_path(self.file.path, probe.name, 0).parent
            for path in folder.glob(f"{probe.name}-*.npz") if folder.is_dir() else ():
                number = path.stem.rpartition("-")[2]
                if number.isdigit() and int(number) > step:
                    path.unlink(missing_ok=True)

    def check_extra(self, extra: Mapping[str, object]) -> None:
        """Refuse numbers of the caller that would be taken for something else.

        Raises:
            InvalidOptionError: a name that is a column of ours, or no word.
        """
        for name in extra:
            taken = name in KEYS or any(name.startswith(f"{probe.name}_") for probe in self.probes)
            if taken or not _WORD.fullmatch(str(name)):
                raise InvalidOptionError(
                    f"{name!r}: expected the name of a number of your own, found "
                    + ("one of the tracker's columns; use another name" if taken else "no word; use letters and digits")
                )

    def record(
        self,
        step: int,
        network: Callable[[], Network],
        *,
        epoch: float | None = None,
        checkpoint: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> dict[str, Value]:
        """Measure a network, add the record to the file, and return it."""
        started = time.perf_counter()
        row: dict[str, Value] = {"step": step, "epoch": epoch}
        if checkpoint is not None:
            row["checkpoint"] = checkpoint
        row["network"] = None
        row |= {name: self.file.fitting(name, value) for name, value in (extra or {}).items()}
        net = None
        try:
            net = network()
            row["network"] = net.digest
        except Exception as error:  # a model may fail in any way it likes; training goes on
            row["network_error"] = self._failed("network", step, error)
        for probe in self.probes if net is not None else ():
            before = time.perf_counter()
            try:
                with unchanged_randomness():
                    row |= self._read(probe, step, net)
            except Exception as error:  # as above
                row[f"{probe.name}_error"] = self._failed(probe.name, step, error)
            row[f"{probe.name}_seconds"] = time.perf_counter() - before
        row["seconds"] = time.perf_counter() - started
        self.file.append(row)
        self._publish(step, row)
        return self.file.rows[-1]

    def _read(self, probe: Probe, step: int, net: Any) -> dict[str, Value]:
        found: object = probe.measure(net)
        reading = found if isinstance(found, Reading) else Reading(found if isinstance(found, Mapping) else {})
        if not isinstance(found, Reading | Mapping):
            raise InvalidOptionError(
                f"probe {probe.name!r}: expected a Reading or a dict of numbers, found {type(found).__name__}"
            )
        if reading.regions is not None:
            self._keep(probe.name, step, reading.regions)
        named = {f"{probe.name}_{name}": value for name, value in reading.numbers.items()}
        return {name: self.file.fitting(name, value) for name, value in named.items()}

    def _keep(self, name: str, step: int, regions: RegionSet) -> None:
        path = frame_path(self.file.path, name, step)
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(f"{quoted(path.parent)} cannot be made: {error.strerror}; choose another place") from error
        regions.to_npz(path)

    def _failed(self, name: str, step: int, error: Exception) -> str:
        """Raise the error, or warn about the first one of a kind; what the record says about it."""
        mistaken = isinstance(error, InvalidDomainError | InvalidOptionError) and not self.file.rows
        if self.strict or mistaken:
            # what a probe was given does not fit the network: nothing later would change that
            raise error
        text = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_ERROR]
        if name not in self._complained:
            self._complained.add(name)
            warnings.warn(f"step {step}: {name} failed (said once; strict=True raises): {text}", stacklevel=4)
        return text

    def _publish(self, step: int, row: Mapping[str, Value]) -> None:
        if self.writer is None:
            return
        names = [probe.name for probe in self.probes]
        try:
            for column, value in row.items():
                own = next((name for name in names if column.startswith(f"{name}_")), None)
                if own is None or value is None or isinstance(value, str):
                    continue
                self.writer.add_scalar(f"{own}/{column.removeprefix(own + '_')}", float(value), step)
        except Exception as error:  # the record is safe in the file
            self._failed("writer", step, error)


def _version() -> str:
    try:
        return importlib.metadata.version("vitrail")
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        return "unknown"


def _step_of(row: Mapping[str, Value]) -> int:
    value = row["step"]
    if isinstance(value, bool) or not isinstance(value, int):
        raise StoreError(f"step: expected a whole number in every record, found {value!r}; the file is damaged")
    return value
