"""Records of a run in one parquet file that is complete at every moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vitrail.errors import InvalidOptionError, StoreError
from vitrail.files.archive import check_regular
from vitrail.files.whole import check_target, quoted, reason, write_whole
from vitrail.store.columns import Columns, Value, plain_value

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["RecordsFile", "Value", "read_records", "read_settings"]

_KEY = b"vitrail_records"
_FORMAT = 1
_SHOWN = 60


class RecordsFile:
    """A file that a record is added to at a time.

    Each record is written with all before it under another name and then renamed, so that whoever reads, and whenever
    the run ends, the file holds all finished records. That writes the whole file again: a few milliseconds for
    thousands of records. `settings` say what is recorded and how; a file with others is not continued. `information` is
    kept beside them and not compared.

    Raises:
        InvalidOptionError: settings or information that JSON cannot hold.
        StoreError: a place that nothing can be written to; a file that exists already, without `resume` and
            `overwrite`; with `resume` one that was not written by Vitrail or has other settings: the message names
            them.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "run.parquet"
        ...     file = RecordsFile(path, {"seed": 0})
        ...     file.append({"step": 0, "loss": 2.5})
        ...     file.append({"step": 1, "loss": 1.25})
        ...     read_records(path)["loss"].tolist()
        [2.5, 1.25]
    """

    def __init__(
        self,
        path: str | Path,
        settings: Mapping[str, Any],
        *,
        information: Mapping[str, Any] | None = None,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.settings, self.information = _plain("settings", settings), _plain("information", information or {})
        self.columns = Columns()
        self.rows: list[dict[str, Value]] = []
        check_target(self.path)
        if not self.path.exists():
            return
        if not (resume or overwrite):
            raise StoreError(
                f"{quoted(self.path)} exists already; choose another name, continue it with resume=True, "
                "or replace it with overwrite=True"
            )
        if resume:
            self._continue()

    def _continue(self) -> None:
        table, metadata = _read(self.path)
        found = metadata["settings"]
        differing = [name for name in {**self.settings, **found} if self.settings.get(name) != found.get(name)]
        if differing:
            listed = "; ".join(_difference(found, self.settings, name) for name in differing)
            raise StoreError(
                f"{quoted(self.path)} is of a run with other settings: {listed}\n"
                "Give the settings of that run, choose another name, or replace the file with overwrite=True."
            )
        for row in table.to_pylist():
            self._keep(row)

    def _keep(self, row: Mapping[str, Value]) -> None:
        self.columns.append(row)
        self.rows.append(dict(row))

    def __len__(self) -> int:
        """Number of records."""
        return len(self.rows)

    def fitting(self, name: str, value: object) -> Value:
        """A value as it can be added to a column.

        Raises:
            InvalidOptionError: it is none, or not of its column's kind.
        """
        plain = plain_value(name, value)
        self.columns.kind_with(name, plain)
        return plain

    def append(self, row: Mapping[str, object]) -> None:
        """Add a record and write the file.

        Raises:
            InvalidOptionError: a value that is none, or not of its column's kind.
            StoreError: the file cannot be written; what was there before is untouched.
        """
        self._keep({name: plain_value(name, value) for name, value in row.items()})
        self.write()

    def cut(self, count: int) -> int:
        """Forget all records but the first `count`; returns how many. The file changes when the next one is written."""
        rows, self.rows, self.columns = self.rows, [], Columns()
        for row in rows[:count]:
            self._keep(row)
        return len(rows) - len(self.rows)

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            StoreError: the file cannot be written; what was there before is untouched.
        """
        import pyarrow.parquet

        metadata = {"format": _FORMAT, "settings": self.settings, "information": self.information}
        text = json.dumps(metadata).encode()
        table = self.columns.table()
        table = table.replace_schema_metadata({_KEY: text})

        def write(file: IO[bytes]) -> None:
            pyarrow.parquet.write_table(table, file, compression="zstd", write_page_checksum=True)

        write_whole(self.path, write)


def read_records(path: str | Path) -> pandas.DataFrame:
    """The records of a run, a row each, in the order of time; also while the run goes on.

    What was not measured is missing. `attrs["settings"]` and `attrs["information"]` say what was recorded, and how. A
    run without records gives a table without rows.

    Raises:
        StoreError: a file that is missing, damaged, or not written by Vitrail.
    """
    table, metadata = _read(Path(path))
    frame = table.replace_schema_metadata(None).to_pandas()
    frame.attrs |= {"settings": metadata["settings"], "information": metadata["information"]}
    return frame


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings that the records of a run were made with.

    Raises:
        StoreError: as `read_records`.
    """
    return dict(_read(Path(path))[1]["settings"])


def _read(path: Path) -> tuple[pyarrow.Table, dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    name = quoted(path)
    check_regular(path)
    try:
        table = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True).read()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise StoreError(f"{name} is damaged or no parquet file: {reason(error)}; take a copy of it") from error
    text = (table.schema.metadata or {}).get(_KEY)
    if text is None:
        raise StoreError(f"{name} has no records of a run: expected a file that a tracker wrote; choose another one")
    try:
        metadata = json.loads(text)
        number = metadata["format"]
        whole = {key: dict(metadata[key]) for key in ("settings", "information")}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{name} is damaged: its settings cannot be read ({reason(error)})") from error
    if number != _FORMAT:
        raise StoreError(f"{name} has format {number!r}, expected {_FORMAT}; read it with a newer version of vitrail")
    return table, whole


def _plain(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they come back from a file."""
    try:
        found: dict[str, Any] = json.loads(json.dumps(dict(values)))
    except (TypeError, ValueError) as error:
        raise InvalidOptionError(
            f"{name}: expected texts and numbers by name, as JSON has them, found {error}"
        ) from None
    return found


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any], name: str) -> str:
    """Which setting differs; of settings with names inside, the first of these that does."""
    old, new = found.get(name), wanted.get(name)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        inner = next(key for key in {**new, **old} if old.get(key) != new.get(key))
        return f"{name}: {_difference(old, new, inner)}"
    return f"{name} is {_short(old)} in the file, {_short(new)} now"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
