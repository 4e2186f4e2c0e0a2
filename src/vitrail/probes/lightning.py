"""A callback for Lightning: a tracker that follows a fit.

`TrackerCallback` is made when it is first asked for, since Lightning is no dependency of this package.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from vitrail.errors import InvalidOptionError, VitrailError
from vitrail.probes.reading import Probe, check_probes
from vitrail.probes.tracker import Tracker

__all__ = ["make_callback_class"]

_HOMES = ("lightning.pytorch.callbacks", "pytorch_lightning.callbacks")


def __getattr__(name: str) -> Any:
    """The class of the callback, made when it is first asked for."""
    if name != "TrackerCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return make_callback_class()


@cache
def make_callback_class() -> type:
    """The class `TrackerCallback`, derived from the Callback of the Lightning that is installed.

    `TrackerCallback(probes, out, *, example_input, schedule=None, steps_per_epoch=None, module=None, **options)` takes
    what a `Tracker` takes. `module` is a function from the Lightning module to the torch module that is measured, that
    one itself by default. A step is a training batch; `steps_per_epoch` is that of the trainer where it is not given.
    Only the process of rank 0 measures. The loss of the step and every single number that the callback's user puts into
    the returned dict of `training_step` are recorded; the tracker is the attribute `tracker`, None before the fit.

    Raises:
        VitrailError: Lightning is not installed.
    """
    base = _callback_base()

    class TrackerCallback(base):  # type: ignore[misc, valid-type]
        """Measure a Lightning module while it is fitted; see `make_callback_class`."""

        def __init__(
            self,
            probes: Sequence[Probe],
            out: str | Path,
            *,
            example_input: object,
            schedule: Any = None,
            steps_per_epoch: int | None = None,
            module: Callable[[Any], nn.Module] | None = None,
            **options: Any,
        ) -> None:
            super().__init__()
            if module is not None and not callable(module):
                raise InvalidOptionError(f"module: expected a function, found {type(module).__name__}")
            self.probes, self.out, self.example_input = check_probes(probes), out, example_input
            self.schedule, self.steps_per_epoch = schedule, steps_per_epoch
            self.module, self.options = module, options
            self.tracker: Tracker | None = None

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Make the tracker, which measures step 0."""
            if not trainer.is_global_zero:
                return
            batches = trainer.num_training_batches
            known = int(batches) if isinstance(batches, int) or float(batches).is_integer() else None
            self.tracker = Tracker(
                pl_module if self.module is None else self.module(pl_module),
                self.probes,
                self.out,
                example_input=self.example_input,
                schedule=self.schedule,
                steps_per_epoch=self.steps_per_epoch if self.steps_per_epoch is not None else known,
                **self.options,
            )

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Count a step, and measure where the schedule says so."""
            if self.tracker is not None:
                self.tracker.step(**_numbers_of(outputs))

    TrackerCallback.__module__ = __name__
    TrackerCallback.__qualname__ = "TrackerCallback"
    return TrackerCallback


def _callback_base() -> Any:
    for home in _HOMES:
        try:
            return importlib.import_module(home).Callback
        except ImportError:
            continue
    raise VitrailError(
        "TrackerCallback needs Lightning, which is not installed\nInstall it: pip install 'vitrail[lightning]'"
    )


def _numbers_of(outputs: Any) -> dict[str, object]:
    """The single numbers in what a training step returned: a loss, or a dict with one."""
    named = outputs if isinstance(outputs, Mapping) else {"loss": outputs}
    return {str(name): value for name, value in named.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float) or getattr(value, "numel", lambda: 0)() == 1
