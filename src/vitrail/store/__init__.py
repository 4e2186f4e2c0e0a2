"""Files that grow while something runs: complete at every moment, read back at any time."""

from __future__ import annotations

from vitrail.store.records import RecordsFile, Value, read_records, read_settings

__all__ = ["RecordsFile", "Value", "read_records", "read_settings"]
