"""Result files: everything a set of regions holds, as a parquet or npz file, and back; tables and graphs of it.

A file is written under another name in the same folder and then renamed, so that it is there as a whole or not at
all. It holds plain arrays and one JSON text with a checksum over everything; reading runs no code from it and checks
all of it.
"""

from __future__ import annotations

from vitrail.files.archive import read_arrays
from vitrail.files.arrays import FacetArrays, RegionArrays
from vitrail.files.read import read, read_metadata
from vitrail.files.tables import to_frame, to_networkx
from vitrail.files.whole import check_target, write_whole
from vitrail.files.write import write_npz, write_parquet

__all__ = [
    "FacetArrays",
    "RegionArrays",
    "check_target",
    "read",
    "read_arrays",
    "read_metadata",
    "to_frame",
    "to_networkx",
    "write_npz",
    "write_parquet",
    "write_whole",
]
