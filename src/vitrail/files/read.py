"""Reading a set of regions back: nothing is executed, every size is checked first, everything by the checksum."""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vitrail.account import Account
from vitrail.errors import StoreError
from vitrail.files.archive import check_regular, read_arrays
from vitrail.files.arrays import FORMAT, FRAME, KEY, OPTIONAL, SCHEMA, TYPES, checksum
from vitrail.files.seal import AGAIN, check_seal
from vitrail.files.whole import quoted, reason
from vitrail.patterns import PatternLayout
from vitrail.status import Arithmetic

__all__ = ["read", "read_metadata"]

_ACCOUNT = {
    "domain": str, "domain_digest": str, "measure": float, "measure_scale": float, "per_layer": int, "layers": str,
    "arithmetic": str, "cells": str, "decisions": int, "exact": int, "undecided": int, "unproven": int, "dirty": int,
    "complete": bool, "lower": int, "upper": int,
    "seconds": float,
}  # fmt: skip

_GIVES_OFFSETS = {"vertex_errors": "offsets", "facet_units": "facet_offsets"}
"""Columns of lists in a parquet file whose lengths are the differences of an array."""


def read(path: Path) -> dict[str, Any]:
    """What `write_parquet` or `write_npz` wrote, as the arguments of a `vitrail.regions.RegionSet`, bit for bit.

    The network is not in the file: `source` is None, and `stored_maps` are the affine maps if they were at hand.

    Raises:
        StoreError: the file is missing, damaged, inconsistent, larger than the memory, of another version of the
            format, or not written by Vitrail.
    """
    metadata, arrays = _load(path)
    try:
        return _arguments(metadata, arrays)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{quoted(path)} is inconsistent: {reason(error)}\n{AGAIN}") from error


def read_metadata(path: Path) -> dict[str, Any]:
    """Where a result file comes from: version of format and library, digest of the network, account; all checked.

    Raises:
        StoreError: as for `read`.
    """
    return _load(path)[0]


def _load(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    check_regular(path)
    with path.open("rb") as file:
        magic = file.read(4)
        if magic == b"PAR1":
            check_seal(file, quoted(path))
    if magic == b"PAR1":
        metadata, arrays = _load_parquet(path)
    elif magic in (b"PK\x03\x04", b"PK\x05\x06"):
        arrays = read_arrays(path, ratio=1)
        if "metadata" not in arrays:
            raise _foreign(path)
        metadata = _parse(path, arrays.pop("metadata").tobytes())
    else:
        raise _foreign(path)
    expected = metadata.pop("sha256", None)
    if expected != checksum(metadata, arrays):
        raise StoreError(f"{quoted(path)} is damaged: its checksum does not fit its content\n{AGAIN}")
    return metadata, arrays


def _foreign(path: Path) -> StoreError:
    return StoreError(
        f"{quoted(path)} is damaged, or not a result file of Vitrail\n"
        f"Expected a file written by to_parquet or to_npz. {AGAIN}"
    )


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _foreign(path) from error
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise _foreign(path)
    if metadata.get("schema") != SCHEMA:
        found, version = (ascii(metadata.get(key))[:20] for key in ("schema", "vitrail"))
        raise StoreError(
            f"{quoted(path)} has version {found} of the format (Vitrail {version}), but this Vitrail reads version "
            f"{SCHEMA}\nRead it with the Vitrail that wrote it, or compute it again."
        )
    return metadata


# ---- parquet -------------------------------------------------------------------------------------------------------


def _load_parquet(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    import pyarrow
    import pyarrow.parquet

    limit = min(path.stat().st_size + 1, 2**31 - 1)
    try:
        with pyarrow.parquet.ParquetFile(
            path, thrift_string_size_limit=limit, thrift_container_size_limit=limit
        ) as file:
            stored = file.schema_arrow.metadata or {}
            if KEY not in stored:
                raise _foreign(path)
            metadata = _parse(path, stored[KEY])
            _check_memory(path, file.metadata)
            names = [name for name in TYPES if name in file.schema_arrow.names]
            table = file.read(columns=names, use_threads=True)
        return metadata, _unpack(metadata, stored, table)
    except StoreError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise StoreError(f"{quoted(path)} is damaged: {reason(error)}\n{AGAIN}") from error


def _check_memory(path: Path, metadata: Any) -> None:
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    columns = itertools.chain.from_iterable((g.column(j) for j in range(g.num_columns)) for g in groups)
    declared = sum(max(c.total_uncompressed_size, 8 * c.num_values) for c in columns)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if max(declared, metadata.num_rows) > memory:
        raise StoreError(f"{quoted(path)} claims {declared:,} bytes, more than the memory of this machine ({memory:,})")


def _unpack(metadata: Mapping[str, Any], stored: Mapping[bytes, bytes], table: Any) -> dict[str, np.ndarray]:
    import pyarrow

    shapes = metadata["shapes"]
    arrays: dict[str, np.ndarray] = {}
    for name in FRAME:
        data = base64.b64decode(stored[name.encode()], validate=True)
        arrays[name] = np.frombuffer(bytearray(data), dtype=TYPES[name]).reshape(shapes[name])
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if column.null_count:
            raise ValueError(f"column {name} has missing values")
        if name != "dirty":
            if not (pyarrow.types.is_large_list(column.type) or pyarrow.types.is_list(column.type)):
                raise ValueError(f"column {name} has type {column.type}")
            lengths = np.diff(column.offsets.to_numpy())
            column = column.flatten()
            if name in _GIVES_OFFSETS and _GIVES_OFFSETS[name] in shapes:
                arrays[_GIVES_OFFSETS[name]] = np.concatenate([[0], np.cumsum(lengths)]).astype("<i8")
            if column.null_count:
                raise ValueError(f"column {name} has missing values")
        values = column.to_numpy(zero_copy_only=False)
        if values.dtype != np.dtype(TYPES[name]):
            raise ValueError(f"column {name} has type {values.dtype}")
        # a writable copy, as after a search: the kernels are compiled for that
        arrays[name] = np.array(values).reshape(shapes[name])
    return arrays


# ---- checks --------------------------------------------------------------------------------------------------------


def _arguments(metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    _check_types(arrays)
    layout = PatternLayout(tuple(_integers(metadata["units"])), tuple(_integers(metadata["bits"])))
    account = _account(metadata["account"])
    if any(b not in (1, 2, 4, 8, 16, 32) for b in layout.bits) or any(u < 0 for u in layout.units):
        raise ValueError("the layout of the patterns is none that Vitrail uses")
    if not len(layout.units) == len(layout.bits) == len(account.layers) == len(account.per_layer):
        raise ValueError("layout and account speak of different numbers of layers")
    _check_shapes(arrays, layout)
    found = {name: arrays.get(name) for name in set(TYPES) - {"maps", "witnesses"}}
    # what a file of lines or planes need not say
    found["facet_offsets"] = arrays.get("facet_offsets", arrays["offsets"])
    found["incidence"] = arrays.get("incidence", np.zeros((len(arrays["vertices"]), 0), dtype=np.int64))
    found |= {"stored_maps": arrays.get("maps"), "stored_witnesses": arrays.get("witnesses")}
    return found | {"layout": layout, "account": account, "source": None}


def _check_types(arrays: Mapping[str, np.ndarray]) -> None:
    missing = set(TYPES) - set(arrays) - set(OPTIONAL)
    extra = set(arrays) - set(TYPES)
    if missing or extra:
        raise ValueError(f"arrays missing: {sorted(missing)}, unknown: {sorted(extra)}")
    for name, array in arrays.items():
        if array.dtype != np.dtype(TYPES[name]):
            raise ValueError(f"array {name} has type {array.dtype}, expected {np.dtype(TYPES[name])}")


def _check_shapes(arrays: Mapping[str, np.ndarray], layout: PatternLayout) -> None:
    offsets, basis = arrays["offsets"], arrays["basis"]
    if basis.ndim != 2 or basis.shape[0] == 0:
        raise ValueError(f"basis has shape {basis.shape}, expected (k, n)")
    (k, n), count = basis.shape, offsets.size - 1
    beyond = "facet_offsets" in arrays
    facet_offsets = arrays.get("facet_offsets", offsets)
    for name, found in (("offsets", offsets), ("facet_offsets", facet_offsets)):
        if found.shape != (count + 1,) or count < 0 or found[0] != 0 or (np.diff(found) < 0).any():
            raise ValueError(f"{name} do not rise from 0")
    if k > 2 and not beyond:
        raise ValueError("facet_offsets are missing, which regions of more than 2 dimensions need")
    _check_sizes(np.diff(offsets), k, beyond, "witnesses" in arrays)
    total, facets = int(offsets[-1]), int(facet_offsets[-1])
    expected: dict[str, tuple[int, ...]] = {"origin": (n,), "vertices": (total, k), "dirty": (count,)}
    expected |= {"vertex_errors": (total,), "facet_units": (facets,), "facet_cuts": (facets,)}
    expected |= {"words": (count, layout.words)} if "words" in arrays else {}
    expected |= {"witnesses": (count, k)} if "witnesses" in arrays else {}
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape}")
    if "maps" in arrays and (arrays["maps"].ndim != 3 or arrays["maps"].shape[:2] != (count, k + 1)):
        raise ValueError(f"maps have shape {arrays['maps'].shape}, expected {(count, k + 1)} and outputs")
    _check_incidence(arrays, total, np.diff(facet_offsets))
    finite = np.isfinite(arrays["vertices"]) if k > 1 else ~np.isnan(arrays["vertices"])
    frame = all(np.isfinite(arrays[name]).all() for name in ("origin", "basis"))
    # a sliver may have no inner point in float64
    inside = not np.isinf(arrays.get("witnesses", np.zeros(0))).any()
    if not (finite.all() and frame and inside):
        raise ValueError("coordinates are not finite")
    units = arrays["facet_units"]
    if units.size and int(units.max()) >= sum(layout.units):
        raise ValueError(f"a facet is made by unit {int(units.max())} of {sum(layout.units)}")


def _check_sizes(sizes: np.ndarray, k: int, beyond: bool, witnesses: bool) -> None:
    """Check the numbers of vertices: none where there are witnesses instead, or enough for a cell."""
    wrong = sizes != 0 if witnesses else sizes != 2 if k == 1 and not beyond else sizes < k + 1
    if wrong.any():
        fewer = "some" if witnesses else "not 2" if k == 1 else f"fewer than {k + 1}"
        raise ValueError(f"offsets give a region of {fewer} vertices")


def _check_incidence(arrays: Mapping[str, np.ndarray], total: int, facets: np.ndarray) -> None:
    """Check that bits are those of facets that are there."""
    if "facet_offsets" not in arrays:
        return
    incidence = arrays.get("incidence", np.zeros((0, 0)))
    if incidence.ndim != 2 or len(incidence) != total:
        raise ValueError(f"incidence has shape {incidence.shape}, expected ({total}, words)")
    bits = np.zeros(total, dtype=np.int64)
    for word in range(incidence.shape[1]):
        column = incidence[:, word].view(np.uint64)
        used = np.where(column == 0, 0, np.frexp(column.astype(np.float64))[1])
        bits = np.where(column == 0, bits, 64 * word + used)
    owners = np.repeat(np.arange(facets.size), np.diff(arrays["offsets"]))
    # a word just below a power of two may round up to it, by one bit at most
    if (bits > facets[owners] + 1).any():
        raise ValueError("incidence names a facet that is not there")


def _integers(values: Any) -> list[int]:
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise ValueError("expected a list of integers")
    return values


def _account(values: Any) -> Account:
    if not isinstance(values, dict) or set(values) != set(_ACCOUNT):
        raise ValueError("the account has missing or unknown fields")
    fields: dict[str, Any] = {}
    for name, kind in _ACCOUNT.items():
        value = values[name]
        if kind is float:
            fields[name] = float.fromhex(value)
        elif name in ("per_layer", "layers"):
            if not isinstance(value, list) or any(type(item) is not kind for item in value):
                raise ValueError(f"account: {name} is no list of {kind.__name__}")
            fields[name] = tuple(value)
        elif type(value) is not kind:
            raise ValueError(f"account: {name} is no {kind.__name__}")
        else:
            fields[name] = value
    if fields["arithmetic"] not in list(Arithmetic):
        raise ValueError("account: the arithmetic is none that Vitrail uses")
    if math.isnan(fields["measure"]) or math.isnan(fields["measure_scale"]):
        raise ValueError("account: the measure is not a number")
    return Account(**fields)
