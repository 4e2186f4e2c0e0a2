"""A tracker: measures a model while it trains, at the steps of a schedule, into one file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from vitrail.errors import InvalidOptionError, StoreError
from vitrail.files.whole import quoted
from vitrail.network.network import Network
from vitrail.options import natural_integer
from vitrail.plots.records import plot_records
from vitrail.probes.animation import animate
from vitrail.probes.reading import Probe
from vitrail.probes.recorder import Recorder
from vitrail.probes.schedule import parse_schedule
from vitrail.probes.snapshot import snapshot
from vitrail.store import Value, read_records

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

__all__ = ["Tracker"]


class Tracker:
    """Measure a model while it trains: call `step` after each training step.

    `model` is any torch module that `Network.from_torch` takes in evaluation mode, on any device; a copy on the CPU is
    measured, and the model itself, its mode, buffers, gradients and hooks, and the random numbers of torch, numpy and
    Python stay as they were. `probes` say what is measured, `schedule` when (see `parse_schedule`); epochs need
    `steps_per_epoch`. `example_input` is one input with a batch dimension in front.

    `out` is a parquet file with one row per record, complete at every moment (see `read_records`), also when the run is
    killed. Step 0, before any training, is measured here, where the schedule has it. A probe that fails leaves its
    numbers out of the record and its error in it; the first time there is a warning, with `strict` an error. `writer`
    is anything with `add_scalar(tag, value, step)`, such as the SummaryWriter of TensorBoard. `information` is kept
    with the records: a seed, say.

    With `resume` the file of an earlier run with the same settings is continued, at `start_step` (that of its last
    record, by default): the model must be the one after that many steps. Records of later steps are measured again.

    Raises:
        InvalidModelError, UnsupportedOpError: the model cannot be measured.
        InvalidOptionError: probes, a schedule or options of another kind.
        StoreError: a file that cannot be written, or exists already (without `resume` and `overwrite`); with `resume`,
            of other settings, or of another model at that step.

    Example:
        >>> import tempfile, torch
        >>> from vitrail.probes import Lines
        >>> _ = torch.manual_seed(0)
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tracker = Tracker(model, [Lines(count=5)], f"{folder}/run.parquet", example_input=torch.zeros(1, 2),
        ...                       schedule="every 2 steps")
        ...     for _ in range(4):
        ...         record = tracker.step(loss=0.5)
        ...     tracker.records()[["step", "lines_count", "loss"]].to_numpy().tolist()
        [[0.0, 5.0, nan], [2.0, 5.0, 0.5], [4.0, 5.0, 0.5]]
    """

    def __init__(
        self,
        model: nn.Module,
        probes: Sequence[Probe],
        out: str | Path,
        *,
        example_input: object,
        schedule: str | Sequence[object] | Callable[[int], bool] | None = None,
        steps_per_epoch: int | None = None,
        writer: Any = None,
        strict: bool = False,
        resume: bool = False,
        overwrite: bool = False,
        start_step: int | None = None,
        drop_output_activation: bool = False,
        information: dict[str, Any] | None = None,
    ) -> None:
        self.schedule = parse_schedule(schedule, steps_per_epoch)
        self.model, self.steps_per_epoch = model, steps_per_epoch
        self._example, self._drop = example_input, drop_output_activation
        if resume and overwrite:
            raise InvalidOptionError("expected one of resume and overwrite, found both")
        if start_step is not None:
            natural_integer("start_step", start_step)
            if not resume and start_step:
                raise InvalidOptionError(f"start_step: {start_step} goes with resume=True, which is missing")
        # the first import is checked against the model; later ones differ in their numbers only
        net = self._network(check=True)
        settings = {
            "schedule": self.schedule.text,
            "steps_per_epoch": steps_per_epoch,
            "input_shape": list(net.input_shape),
            "output_shape": list(net.output_shape),
            "units": net.number_of_units,
            "drop_output_activation": drop_output_activation,
        }
        self._recorder = Recorder(
            probes,
            out,
            settings,
            information=information,
            writer=writer,
            strict=strict,
            resume=resume,
            overwrite=overwrite,
        )
        self.current_step = self._start(net, start_step)
        self._checked: frozenset[str] = frozenset()
        if self.schedule(self.current_step) and self._recorder.last_step != self.current_step:
            self._recorder.record(self.current_step, lambda: net, epoch=self.epoch)
        elif not self._recorder.file.rows:
            self._recorder.file.write()

    def _start(self, net: Network, start_step: int | None) -> int:
        last = self._recorder.last_step
        step = start_step if start_step is not None else (last or 0)
        if last is None:
            return step
        removed = self._recorder.cut_after(step)
        if removed:
            warnings.warn(f"{removed} records after step {step} are measured again", stacklevel=4)
        rows = self._recorder.file.rows
        if rows and rows[-1]["step"] == step and rows[-1]["network"] not in (None, net.digest):
            raise StoreError(
                f"{quoted(self.path)}: the model is not the one that was recorded after {step} steps; load the weights "
                "of that step, give start_step=..., or start again with overwrite=True"
            )
        return step

    def _network(self, check: bool) -> Network:
        return snapshot(self.model, self._example, drop_output_activation=self._drop, check=check)

    @property
    def path(self) -> Path:
        """The file of the records."""
        return self._recorder.file.path

    @property
    def epoch(self) -> float | None:
        """How many epochs are behind, where that is known."""
        return None if self.steps_per_epoch is None else self.current_step / self.steps_per_epoch

    def step(self, **numbers: object) -> dict[str, Value] | None:
        """Count one training step, and measure the model if the schedule says so; the record, or None.

        `numbers` are recorded, too: of the steps that are measured, this step's.

        Raises:
            InvalidOptionError: numbers that are none, or have the name of another column.
            StoreError: the file cannot be written.
        """
        self._check(numbers)
        self.current_step += 1
        return self._record(numbers) if self.schedule(self.current_step) else None

    def record(self, **numbers: object) -> dict[str, Value]:
        """Measure the model now, whatever the schedule says; where this step has a record, that one is returned.

        Raises:
            InvalidOptionError, StoreError: as `step`.
        """
        self._check(numbers)
        if self._recorder.last_step == self.current_step:
            return self._recorder.file.rows[-1]
        return self._record(numbers)

    def _check(self, numbers: dict[str, object]) -> None:
        if not self._checked.issuperset(numbers):
            self._recorder.check_extra(numbers)
            self._checked |= set(numbers)

    def _record(self, numbers: dict[str, object]) -> dict[str, Value]:
        return self._recorder.record(
            self.current_step, lambda: self._network(check=False), epoch=self.epoch, extra=numbers
        )

    def records(self) -> pandas.DataFrame:
        """All records so far, as `read_records` reads them."""
        return read_records(self.path)

    def plot(self, columns: Sequence[str] | None = None, *, figure: Figure | None = None) -> Figure:
        """Draw the records against the epoch, or the step; see `vitrail.plots.records.plot_records`."""
        return plot_records(self.records(), columns, figure=figure)

    def animate(self, path: str | Path, **options: Any) -> Path:
        """Write an animation of a plane that a probe with keep=True keeps; see `animate`."""
        return animate(self.path, path, **options)
