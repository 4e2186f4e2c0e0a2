"""Records of networks that are at hand already: the checkpoints of a training run, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from vitrail.network.network import Network
from vitrail.probes.reading import Probe
from vitrail.probes.recorder import Recorder
from vitrail.store import Value

__all__ = ["track_checkpoints"]


def track_checkpoints(
    checkpoints: Iterable[tuple[str, Callable[[], Network]]],
    probes: Sequence[Probe],
    out: str | Path,
    *,
    strict: bool = False,
    overwrite: bool = False,
    information: dict[str, Any] | None = None,
    progress: bool = False,
) -> list[dict[str, Value]]:
    """Measure networks one after the other, a record each, into a file like that of a `Tracker`; returns the records.

    `checkpoints` are names, and functions that give the network when it is its turn; `step` counts them from 0. Where
    one cannot be read, its record has `network_error` and nothing else; with `strict` the error is raised.

    Raises:
        InvalidOptionError: probes of another kind.
        StoreError: a file that cannot be written, or that exists already (without `overwrite`).

    Example:
        >>> import tempfile
        >>> from vitrail.probes.lines import Lines
        >>> def network():
        ...     return Network.from_arrays([([[1.0], [1.0]], [-0.25, -0.5]), ([[1.0, 1.0]], None)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = track_checkpoints([("a", network)], [Lines([[0.0], [1.0]], count=1)], f"{folder}/a.parquet")
        >>> found[0]["checkpoint"], found[0]["lines_mean"]
        ('a', 3.0)
    """
    settings = {"checkpoints": True}
    recorder = Recorder(probes, out, settings, information=information, strict=strict, overwrite=overwrite)
    listed = list(checkpoints)
    found = [
        recorder.record(step, network, checkpoint=name)
        for step, (name, network) in enumerate(tqdm(listed, unit=" checkpoints", disable=not progress))
    ]
    if not found:
        recorder.file.write()
    return found
