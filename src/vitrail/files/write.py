"""Writing a set of regions to a parquet or npz file."""

from __future__ import annotations

import base64
import importlib.metadata
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from vitrail.files.arrays import FORMAT, FRAME, KEY, OPTIONAL, SCHEMA, RegionArrays, arrays_of, checksum
from vitrail.files.seal import seal
from vitrail.files.whole import check_target, write_whole

__all__ = ["write_npz", "write_parquet"]


def write_npz(regions: RegionArrays, path: Path) -> Path:
    """Write everything to an npz file of plain, uncompressed arrays and a JSON text; returns the path.

    Raises:
        StoreError: the file cannot be written; what was there before is untouched.

    Example:
        >>> import tempfile, vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [-0.5, -1.0]), ([[1.0, 1.0]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Line([0.0], [1.0]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_npz(regions, Path(folder) / "line.npz")
        ...     vitrail.RegionSet.read(path).vertices.ravel().tolist()
        [-inf, 0.5, 0.5, 1.0, 1.0, inf]
    """
    check_target(path)
    arrays = arrays_of(regions)
    arrays["metadata"] = np.frombuffer(_metadata_of(regions, arrays), dtype=np.uint8)
    return write_whole(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def write_parquet(regions: RegionArrays, path: Path) -> Path:
    """Write everything to a parquet file with a row per region; returns the path.

    For readers other than `RegionSet.read` it also has the columns `measure`, `witness` and `vertex_count` (see
    `to_frame`); points and affine maps are flattened there, row by row.

    Raises:
        StoreError: the file cannot be written; what was there before is untouched.
    """
    check_target(path)
    import pyarrow
    import pyarrow.parquet

    arrays = arrays_of(regions)
    count = regions.offsets.shape[0] - 1
    offsets, k = arrays["offsets"], regions.basis.shape[0]
    columns: dict[str, Any] = {
        "measure": pyarrow.array(regions.measures),
        "witness": _lists(regions.witnesses, np.arange(count + 1, dtype=np.int64) * k),
        "vertex_count": pyarrow.array(np.diff(offsets)),
        "dirty": pyarrow.array(arrays["dirty"]),
        "vertices": _lists(arrays["vertices"], offsets * k),
    }
    columns["vertex_errors"] = _lists(arrays["vertex_errors"], offsets)
    # the offsets of the facets are those of these lists
    facets = arrays.get("facet_offsets", offsets)
    columns |= {name: _lists(arrays[name], facets) for name in ("facet_units", "facet_cuts")}
    for name in OPTIONAL:
        if name in arrays and name != "facet_offsets":
            width = math.prod(arrays[name].shape[1:])
            rows = offsets if name == "incidence" else np.arange(count + 1, dtype=np.int64)
            columns[name] = _lists(arrays[name], rows * width)
    metadata = {KEY: _metadata_of(regions, arrays)}
    metadata |= {name.encode(): base64.b64encode(arrays[name].tobytes()) for name in FRAME}
    table = pyarrow.table(columns).replace_schema_metadata(metadata)

    def write(file: IO[bytes]) -> None:
        pyarrow.parquet.write_table(table, file, compression="zstd")
        seal(file)

    return write_whole(path, write)


def _metadata_of(regions: RegionArrays, arrays: Mapping[str, np.ndarray]) -> bytes:
    account: dict[str, Any] = {}
    for name, value in regions.account.to_dict().items():
        account[name] = float(value).hex() if isinstance(value, float | np.floating) else value
    try:
        version = importlib.metadata.version("vitrail")
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        version = "unknown"
    metadata = {
        "format": FORMAT,
        "schema": SCHEMA,
        "vitrail": version,
        "network": None if regions.source is None else regions.source.plan.graph.digest,
        "account": account,
        "units": list(regions.layout.units),
        "bits": list(regions.layout.bits),
        "shapes": {name: list(array.shape) for name, array in arrays.items()},
    }
    text = json.dumps(metadata | {"sha256": checksum(metadata, arrays)}, sort_keys=True, allow_nan=False)
    return text.encode()


def _lists(values: np.ndarray, offsets: np.ndarray) -> Any:
    import pyarrow

    return pyarrow.LargeListArray.from_arrays(pyarrow.array(offsets), pyarrow.array(values.reshape(-1)))
