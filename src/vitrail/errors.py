"""The one hierarchy of errors: every message says what was expected, what was found, and what to do."""

from __future__ import annotations

__all__ = [
    "InvalidDomainError",
    "InvalidModelError",
    "InvalidOptionError",
    "ModelFileError",
    "NotApplicableError",
    "NotCertifiedError",
    "ResourceLimitError",
    "StoreError",
    "UnsupportedOpError",
    "VitrailError",
]


class VitrailError(Exception):
    """Base class of every error that Vitrail raises on purpose.

    Example:
        >>> from vitrail.errors import InvalidOptionError, VitrailError
        >>> issubclass(InvalidOptionError, VitrailError)
        True
    """

    exit_code = 3
    """Exit status of the command line for this class (`vitrail --help` lists them)."""


class InvalidOptionError(VitrailError, ValueError):
    """An option has a value outside what is allowed."""

    exit_code = 2


class InvalidModelError(VitrailError, ValueError):
    """The network is inconsistent: shapes, numbers, training mode, or an import that is not its source."""


class InvalidDomainError(VitrailError, ValueError):
    """The domain is empty, flat, not convex, unbounded where it must not be, or does not fit the network's input."""


class ModelFileError(VitrailError, ValueError):
    """The model file cannot be read safely: missing, truncated, corrupt, of an unsupported kind, or unsafe."""


class UnsupportedOpError(VitrailError, NotImplementedError):
    """The network has operations outside the supported piecewise-linear family; the message lists all of them."""

    exit_code = 4


class ResourceLimitError(VitrailError, MemoryError):
    """A declared size exceeds a limit; nothing was allocated."""


class NotApplicableError(VitrailError, ValueError):
    """A bound is asked for outside the conditions under which it is proved; the message names the one that fails."""


class NotCertifiedError(VitrailError, RuntimeError):
    """A result is partial or uncertified where a complete, certified one was required."""

    exit_code = 5


class StoreError(VitrailError, OSError):
    """A result file cannot be read or written."""

    exit_code = 6
