"""Tables and graphs of a set of regions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.errors import VitrailError
from vitrail.files.arrays import RegionArrays, maps_at_hand

if TYPE_CHECKING:
    import networkx
    import pandas

__all__ = ["to_frame", "to_networkx"]


def to_frame(regions: RegionArrays) -> pandas.DataFrame:
    """A table with a row per region.

    Columns: `measure` in input units, the witness `t1`, ... and `vertices` (a list of points) in frame coordinates,
    `vertex_count`, beyond dimension 2 `facet_count`, `class` at the witness (missing where neither maps nor network are
    at hand), `pattern` (16 hexadecimal digits per word of 64 bits, see `vitrail.patterns`; missing where none was
    kept), `dirty`. A set without regions gives no rows; an unbounded region has measure `inf`, and on a line a vertex
    of `inf`. Cells of halfspaces have no vertices, and the measure NaN where it is not known.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> frame = to_frame(vitrail.enumerate_regions(net, vitrail.Segment([-1.0], [3.0])))
        >>> list(frame.columns)
        ['measure', 't1', 'vertex_count', 'vertices', 'class', 'pattern', 'dirty']
        >>> frame["measure"].tolist(), frame["pattern"].iloc[1]
        ([1.0, 1.0, 2.0], '0000000000000001')
    """
    import pandas

    count = regions.offsets.shape[0] - 1
    bounds = regions.offsets.tolist()
    points = regions.vertices.tolist()
    columns: dict[str, Any] = {"measure": regions.measures}
    columns |= {f"t{i + 1}": regions.witnesses[:, i] for i in range(regions.basis.shape[0])}
    columns["vertex_count"] = np.diff(regions.offsets)
    vertices = [points[start:stop] for start, stop in itertools.pairwise(bounds)]
    if regions.basis.shape[0] > 2:
        columns["facet_count"] = np.diff(regions.facet_offsets)
    columns["vertices"] = pandas.Series(vertices, dtype=object)
    classes = regions.classes if maps_at_hand(regions) else [pandas.NA] * count
    columns["class"] = pandas.array(classes, dtype="Int64")
    columns["pattern"] = pandas.Series(_hexadecimal(regions.words, count), dtype=object)
    columns["dirty"] = regions.dirty
    return pandas.DataFrame(columns)


def to_networkx(regions: RegionArrays) -> networkx.Graph:
    """The graph of regions and facets.

    Nodes 0, 1, ... are the regions with `measure` in input units and `witness` (a tuple) in frame coordinates; an edge
    is a shared facet with the `unit` that makes it and the `layer` of that unit. No regions give an empty graph.

    Raises:
        VitrailError: networkx is not installed.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], None)])
        >>> graph = to_networkx(vitrail.enumerate_regions(net, vitrail.Segment([-1.0], [3.0])))
        >>> list(graph.edges(data="unit"))
        [(0, 1, 0), (1, 2, 1)]
    """
    try:
        import networkx
    except ImportError:
        raise VitrailError(
            "to_networkx needs the package networkx, which is not installed\nInstall it: pip install networkx"
        ) from None
    graph = networkx.Graph(domain=regions.account.domain, status=regions.account.status.value)
    for i, (measure, witness) in enumerate(zip(regions.measures.tolist(), regions.witnesses.tolist(), strict=True)):
        graph.add_node(i, measure=measure, witness=tuple(witness))
    ends = np.cumsum(regions.layout.units)
    facets = regions.facets
    for (a, b), unit in zip(facets.regions.tolist(), facets.units.tolist(), strict=True):
        graph.add_edge(a, b, unit=unit, layer=regions.account.layers[int(np.searchsorted(ends, unit, side="right"))])
    return graph


def _hexadecimal(words: np.ndarray | None, count: int) -> list[str | None]:
    if words is None:
        return [None] * count
    digits, width = words.astype(">i8").tobytes().hex(), 16 * words.shape[1]
    return [digits[width * i : width * (i + 1)] for i in range(count)]
