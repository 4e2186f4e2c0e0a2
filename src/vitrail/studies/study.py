"""What a study is: runs, the experiment of one run, and the figures and claims made of all of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from vitrail.data.mnist import ImageData, load_images
from vitrail.errors import InvalidOptionError
from vitrail.studies.claims import Claim, PaperClaim
from vitrail.studies.configuration import Configuration, Value, frozen_value

if TYPE_CHECKING:
    import pandas

__all__ = ["Context", "Run", "Study"]

_KEY_DIGITS = 32


@dataclass(frozen=True)
class Run:
    """One run of an experiment: the study it belongs to, the version of its code, and all of its settings.

    Settings are kept in the order of their names; `run["name"]` is one of them.

    Example:
        >>> run = Run.of("toy2024", 1, {"seed": 3, "widths": [16, 16]})
        >>> run["widths"], run.get("epochs", 0), len(run.key)
        ((16, 16), 0, 32)
        >>> run == Run.of("toy2024", 1, {"widths": (16, 16), "seed": 3})
        True
    """

    study: str
    schema: int
    settings: tuple[tuple[str, Value], ...]

    @classmethod
    def of(cls, study: str, schema: int, settings: Mapping[str, object]) -> Run:
        """Make a run of settings in any order; arrays become tuples.

        Raises:
            InvalidOptionError: a setting that is not a flag, a finite number, a text, or an array of these.
        """
        frozen = ((name, frozen_value(f"{study}: setting {name}", settings[name])) for name in sorted(settings))
        return cls(study, schema, tuple(frozen))

    @property
    def key(self) -> str:
        """A name of the run that depends on its study, schema and settings alone: 32 hexadecimal digits."""
        text = json.dumps([self.study, self.schema, self.settings], allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]

    def __getitem__(self, name: str) -> Value:
        """The setting of that name.

        Raises:
            InvalidOptionError: there is none.
        """
        found = dict(self.settings)
        if name not in found:
            raise InvalidOptionError(f"a run of {self.study} has no setting {name!r}; it has {', '.join(found)}")
        return found[name]

    def get(self, name: str, default: Value | None = None) -> Value | None:
        """The setting of that name, or the default where there is none."""
        return dict(self.settings).get(name, default)


@dataclass(frozen=True)
class Context:
    """What an experiment may use besides the settings of its run: images, from a folder."""

    data: Path | None = None

    def images(self, name: str) -> ImageData:
        """The images of that name (see `load_images`), read once in a process.

        Raises:
            InvalidOptionError: an unknown name.
            ModelFileError: the files are not found, or damaged.
            VitrailError: a package is missing that is needed for it.

        Example:
            >>> Context().images("digits").name
            'digits'
        """
        return _images(name, self.data, os.environ.get("VITRAIL_DATA"))


@lru_cache(maxsize=2)
def _images(name: str, folder: Path | None, environment: str | None) -> ImageData:
    # the environment decides where images are looked for, so it is part of what is remembered
    return load_images(name, folder)


@dataclass(frozen=True, kw_only=True)
class Study:
    """The experiments of one paper, and what the paper claims of them.

    Attributes:
        name: The name of its folder: first author, year.
        title: What is studied, in a few words.
        paper: The reference.
        schema: The version of the experiment's code: raise it whenever the same settings give other results.
        configuration: The settings with their sources.
        statements: What the paper claims, each with a number.
        plan: From the settings of a scale to the settings of every run. A setting named `data` names images that
            `load_images` knows; they are checked before the first run.
        experiment: From a run to a table of what was measured. It depends on the run and the images only, leaves
            global random numbers alone, and is a function of a module, so that other processes find it.
        claims: From the results of all runs to a claim for each statement.
        figures: From the results and a folder to the figures written into it.
    """

    name: str
    title: str
    paper: str
    schema: int
    configuration: Configuration
    statements: tuple[PaperClaim, ...]
    plan: Callable[[Mapping[str, Value]], Iterable[Mapping[str, object]]]
    experiment: Callable[[Run, Context], pandas.DataFrame]
    claims: Callable[[pandas.DataFrame], list[Claim]]
    figures: Callable[[pandas.DataFrame, Path], list[Path]]

    def __post_init__(self) -> None:
        """Check that the statements are numbered 1, 2, ..."""
        numbers = [statement.number for statement in self.statements]
        if numbers != list(range(1, len(numbers) + 1)) or not numbers:
            raise InvalidOptionError(f"{self.name}: expected statements numbered 1, 2, ..., found {numbers}")

    def runs(self, settings: Mapping[str, Value]) -> list[Run]:
        """The runs at these settings, each once, in the order of the plan.

        Raises:
            InvalidOptionError: no run, the same run twice, or a setting that is a number in one run and a text in
                another.
        """
        found = [Run.of(self.name, self.schema, chosen) for chosen in self.plan(settings)]
        if not found:
            raise InvalidOptionError(f"{self.name}: expected at least one run, found none in the plan")
        keys = [run.key for run in found]
        if len(set(keys)) < len(keys):
            twice = next(run for run in found if keys.count(run.key) > 1)
            raise InvalidOptionError(f"{self.name}: the plan has a run twice, {dict(twice.settings)}; give it a seed")
        kinds: dict[str, type] = {}
        for run in found:
            for name, value in run.settings:
                # a column of a table has one type; whole numbers and others mix
                kind = float if type(value) is int else type(value)
                if kinds.setdefault(name, kind) is not kind:
                    raise InvalidOptionError(
                        f"{self.name}: setting {name} is {kinds[name].__name__} in one run and {kind.__name__} "
                        f"({value!r}) in another; give it one kind"
                    )
        return found

    def claimed(self, results: pandas.DataFrame) -> list[Claim]:
        """The claims made of the results, in the order of the statements.

        Raises:
            InvalidOptionError: a statement without a claim, or a claim without a statement.
        """
        found = sorted(self.claims(results), key=lambda claim: claim.number)
        if [claim.number for claim in found] != [statement.number for statement in self.statements]:
            raise InvalidOptionError(
                f"{self.name}: expected one claim for each of {len(self.statements)} statements, "
                f"found claims {[claim.number for claim in found]}"
            )
        return found
