"""The settings of a study, at each scale, each with the source that it is taken from."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import numpy as np

from vitrail.errors import InvalidOptionError
from vitrail.options import one_of

__all__ = ["SCALES", "Configuration", "Origin", "Setting", "Value", "frozen_value", "read_configuration"]

SCALES = ("smoke", "paper")
"""A quick look at whether everything runs, and the sizes of the paper."""

Value = bool | int | float | str | tuple["Value", ...]
"""What a setting can be; an array of TOML is a tuple."""

_HOURS = "hours"
_LARGEST = 2**20


class Origin(StrEnum):
    """Where a setting comes from; the first word of its source.

    Example:
        >>> Origin("paper").meaning
        'read in the text of the paper'
    """

    PAPER = "paper"
    SCRIPT = "script"
    MEMORY = "memory"
    CHOICE = "choice"

    @property
    def meaning(self) -> str:
        """The origin in a few words."""
        return _MEANING[self]


_MEANING = {
    Origin.PAPER: "read in the text of the paper",
    Origin.SCRIPT: "read in a script that was released",
    Origin.MEMORY: "remembered or restated elsewhere; the text was not seen",
    Origin.CHOICE: "chosen here: the paper does not say, or a smaller size is wanted",
}


@dataclass(frozen=True)
class Setting:
    """A value with its source, such as "paper: section 4.1" or "choice: quick enough for tests"."""

    value: Value
    source: str

    @property
    def origin(self) -> Origin:
        """The first word of the source.

        Example:
            >>> Setting(128, "paper: section 4.1").origin.value
            'paper'
        """
        return Origin(self.source.partition(":")[0])


@dataclass(frozen=True)
class Configuration:
    """The settings of a study by scale, with their sources; made by `read_configuration`."""

    scales: Mapping[str, Mapping[str, Setting]]
    hours: Mapping[str, float]
    """Rough hours on one core, by scale."""

    def settings(self, scale: str) -> Mapping[str, Value]:
        """The values at a scale, by name.

        Raises:
            InvalidOptionError: another scale.
        """
        return MappingProxyType({name: setting.value for name, setting in self._at(scale).items()})

    def sources(self, scale: str) -> Mapping[str, str]:
        """The sources at a scale, by name.

        Raises:
            InvalidOptionError: another scale.
        """
        return MappingProxyType({name: setting.source for name, setting in self._at(scale).items()})

    def _at(self, scale: str) -> Mapping[str, Setting]:
        return self.scales[one_of("scale", scale, SCALES)]


def read_configuration(path: str | Path, names: Collection[str]) -> Configuration:
    """Read the settings of a study from a TOML file.

    The file has the tables `smoke` and `paper`, and `shared` for what holds at both scales. Every setting is a table
    of a `value` and a `source`, which is one of the words of `Origin`, a colon and the details: a place in the paper,
    or a reason. `names` are all settings that the study has, no more and no fewer. `hours` stands in both scales too:
    rough hours on one core.

    Raises:
        InvalidOptionError: the file is missing, too long or no TOML; a table, setting or key is unknown, missing or
            there twice; a setting has no source, or a value that is not a finite number, a text or an array of these.

    Example:
        >>> import tempfile
        >>> text = '''
        ... [shared]
        ... batch = {value = 128, source = "paper: section 4.1"}
        ... [smoke]
        ... hours = {value = 0.01, source = "choice: measured"}
        ... [paper]
        ... hours = {value = 10, source = "choice: measured"}
        ... '''
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "configuration.toml"
        ...     _ = path.write_text(text)
        ...     found = read_configuration(path, ["batch"])
        >>> dict(found.settings("paper")), found.hours["smoke"]
        ({'batch': 128}, 0.01)
    """
    path = Path(path)
    tables = _tables(path)
    shared = _settings(path, "shared", tables.get("shared", {}))
    scales, hours = {}, {}
    for scale in SCALES:
        own = _settings(path, scale, tables.get(scale, {}))
        twice = sorted(shared.keys() & own.keys())
        if twice:
            raise InvalidOptionError(
                f"{_place(path, scale)}: {_listed(twice)} stands in [shared] too; keep one of the two"
            )
        settings = shared | own
        hours[scale] = _hours(path, scale, settings.pop(_HOURS, None))
        unknown, missing = sorted(settings.keys() - set(names)), sorted(set(names) - settings.keys())
        if unknown:
            raise InvalidOptionError(
                f"{_place(path, scale)}: the study has no setting {_listed(unknown)}; it has {_listed(sorted(names))}"
            )
        if missing:
            raise InvalidOptionError(
                f"{_place(path, scale)}: expected the setting {_listed(missing)}, found none; add it"
            )
        scales[scale] = MappingProxyType(settings)
    return Configuration(MappingProxyType(scales), MappingProxyType(hours))


def frozen_value(place: str, value: object) -> Value:
    """A value of a setting: a flag, a finite number, a text, or an array of these as a tuple.

    Raises:
        InvalidOptionError: anything else.

    Example:
        >>> frozen_value("widths", [16, [16.5, "wide"]])
        (16, (16.5, 'wide'))
    """
    if isinstance(value, np.bool_ | np.integer | np.floating):
        value = value.item()
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        return tuple(frozen_value(place, item) for item in value)
    raise InvalidOptionError(
        f"{place}: expected a flag, a finite number, a text, or an array of these, found {value!r}"
    )


def _tables(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise InvalidOptionError(f"{str(path)!r}: expected at most {_LARGEST:,} bytes of settings; shorten it")
        tables = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise InvalidOptionError(f"{str(path)!r} cannot be read ({error.strerror}); a study needs this file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidOptionError(f"{str(path)!r}: not a TOML file: {error}") from error
    for name in tables:
        one_of(f"{str(path)!r}: name of a table", name, ("shared", *SCALES))
    return tables


def _settings(path: Path, table: str, content: object) -> dict[str, Setting]:
    if not isinstance(content, dict):
        raise InvalidOptionError(f"{_place(path, table)}: expected a table of settings, found {content!r}")
    return {name: _setting(f"{_place(path, table)}: {name}", found) for name, found in content.items()}


def _setting(place: str, found: object) -> Setting:
    if not isinstance(found, dict):
        raise InvalidOptionError(
            f"{place}: expected {{value = ..., source = '...'}}, found {found!r}; say where the value comes from"
        )
    for key in found:
        one_of(f"{place}: key", key, ("value", "source"))
    if "value" not in found:
        raise InvalidOptionError(f"{place}: expected a value, found none; add value = ...")
    source = found.get("source")
    words = ", ".join(origin.value for origin in Origin)
    if not isinstance(source, str):
        raise InvalidOptionError(f"{place}: expected a source, found {source!r}; add source = '...' with {words} first")
    origin, _, details = source.partition(":")
    one_of(f"{place}: first word of the source", origin, [word.value for word in Origin])
    if not details.strip():
        raise InvalidOptionError(f"{place}: expected '{origin}: where or why' as source, found {source!r}; add it")
    return Setting(frozen_value(f"{place}: value", found["value"]), source)


def _hours(path: Path, scale: str, setting: Setting | None) -> float:
    value = None if setting is None else setting.value
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise InvalidOptionError(f"{_place(path, scale)}: expected hours above 0 on one core, found {value!r}")
    return float(value)


def _place(path: Path, table: str) -> str:
    return f"{path.parent.name}/{path.name} [{table}]"


def _listed(names: Collection[str]) -> str:
    return ", ".join(repr(name) for name in names)
