"""What `vitrail regions` says about the cells themselves: how many facets and vertices, how large, how they fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitrail.cli.output import Json, rows_table
from vitrail.errors import InvalidOptionError
from vitrail.status import Cells

if TYPE_CHECKING:
    from rich.table import Table

    import vitrail

__all__ = ["cells_document", "cells_rows", "spread_table"]

_MOST_COUNTED = 200_000  # regions whose faces are counted without being asked
_SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)
_HOW = {
    Cells.VERTICES: "vertices: polytopes by their vertices",
    Cells.HALFSPACES: "halfspaces: polytopes by their facets, decided by linear programs",
}


def cells_document(regions: vitrail.RegionSet) -> dict[str, Json]:
    """Everything about the cells for JSON; null is what is not known, or would take long."""
    faces = _faces(regions)
    spread: Json = {
        name: {"mean": float(values.mean()), "quantiles": np.quantile(values, _SHARES).tolist()}
        for name, values in _numbers(regions).items()
    }
    return {
        "cells": regions.account.cells,
        "unbounded_regions": _unbounded(regions)[0],
        "spread": spread,
        "f_vector": None if faces is None else faces.tolist(),
        "euler_characteristic": None if faces is None else regions.euler_characteristic(),
    }


def cells_rows(regions: vitrail.RegionSet) -> list[tuple[str, str]]:
    """Rows of the first table; none for lines and planes."""
    if regions.dimension <= 2:
        return []
    rows = [("cells", _HOW.get(Cells(regions.account.cells), regions.account.cells))]
    unbounded, unknown = _unbounded(regions)
    if not np.isfinite(regions.account.measure) and unbounded is not None:
        known = len(regions) - unbounded - unknown
        rows.append(("bounded", f"{known:,} regions; unbounded {unbounded:,}; not known {unknown:,}"))
    faces = _faces(regions)
    if faces is not None:
        rows.append(("f-vector", f"{', '.join(f'{number:,}' for number in faces)} (vertices, edges, ..., regions)"))
        rows.append(("Euler characteristic", str(regions.euler_characteristic())))
    return rows


def spread_table(regions: vitrail.RegionSet) -> Table:
    """Quantiles of volume, facets and vertices over the regions."""
    rows = []
    for name, values in _numbers(regions).items():
        parts = [*np.quantile(values, _SHARES).tolist(), float(values.mean())]
        rows.append((name, *(f"{part:.3g}" for part in parts)))
    return rows_table("", ("per region", "least", "5 %", "median", "95 %", "most", "mean"), rows, right=range(1, 7))


def _numbers(regions: vitrail.RegionSet) -> dict[str, np.ndarray]:
    """What is known of every region, by name."""
    if not len(regions):
        return {}
    found = {"facets": np.diff(regions.facet_offsets)}
    if len(regions.vertices):
        found["vertices"] = np.diff(regions.offsets)
    measures = regions.measures
    if np.isfinite(measures).all():
        name = ("length", "area", "volume")[min(regions.dimension, 3) - 1]
        found = {name: measures, **found}
    return found


def _unbounded(regions: vitrail.RegionSet) -> tuple[int | None, int]:
    """How many regions are known to be unbounded, None where nothing is, and of how many it is not known."""
    measures = regions.measures
    unknown = int(np.isnan(measures).sum())
    return (None if unknown == len(regions) > 0 else int(np.isinf(measures).sum())), unknown


def _faces(regions: vitrail.RegionSet) -> np.ndarray | None:
    """The f-vector where regions are complete, proven, not too many and have vertices, and faces are told apart."""
    account = regions.account
    if not account.complete or not account.status.proven or not 0 < len(regions) <= _MOST_COUNTED:
        return None
    if not len(regions.vertices):
        return None
    try:
        return regions.f_vector
    except InvalidOptionError:  # vertices too close together: then nothing is said
        return None
