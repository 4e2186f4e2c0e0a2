"""The command line: one file per sub-command, each calls one public function."""

from __future__ import annotations

from vitrail.cli.entry import main

__all__ = ["main"]
