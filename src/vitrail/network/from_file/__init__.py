"""Importing model files: the kind is told from the content, hostile files are refused before anything is allocated."""

from vitrail.network.from_file.entry import import_file

__all__ = ["import_file"]
