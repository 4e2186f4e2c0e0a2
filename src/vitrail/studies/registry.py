"""The studies that come with Vitrail: each is a folder here that has settings and exports `STUDY`."""

from __future__ import annotations

import importlib
from pathlib import Path

from vitrail.errors import InvalidOptionError
from vitrail.options import one_of
from vitrail.studies.study import Study

__all__ = ["get_study", "study_names"]

_HERE = Path(__file__).parent
_SETTINGS = "configuration.toml"


def study_names() -> list[str]:
    """The names of all studies, in alphabetical order; nothing of them is imported.

    Example:
        >>> all(name.isidentifier() for name in study_names())
        True
    """
    return sorted(path.parent.name for path in _HERE.glob(f"*/{_SETTINGS}") if (path.parent / "__init__.py").is_file())


def get_study(name: str) -> Study:
    """The study of that name.

    Raises:
        InvalidOptionError: there is none, or its folder exports no `STUDY` of that name.

    Example:
        >>> get_study("nobody1900")
        Traceback (most recent call last):
        ...
        vitrail.errors.InvalidOptionError: ...
    """
    names = study_names()
    if not names:
        raise InvalidOptionError(f"study: found {name!r}, but this installation has no studies; reinstall vitrail")
    one_of("study", name, names)
    found = getattr(importlib.import_module(f"{__package__}.{name}"), "STUDY", None)
    if not isinstance(found, Study) or found.name != name:
        raise InvalidOptionError(f"study {name!r}: expected its folder to export STUDY of that name, found {found!r}")
    return found
