"""Networks with known numbers of regions: the ones that attain the bounds, and the ones that break them elsewhere.

Every weight is an integer or a dyadic rational that float64 holds exactly, so a count is exactly what the docstring
predicts.
"""

from __future__ import annotations

from vitrail.constructions.beyond_relu import (
    AbsoluteValue,
    SkipConnection,
    absolute_value_network,
    skip_connection_network,
)
from vitrail.constructions.folding import folding_network, sawtooth_network
from vitrail.constructions.general_position import general_position_network
from vitrail.constructions.maxout import Maxout, maxout_zigzag_network
from vitrail.constructions.zigzag import folded_zigzag_network, zigzag_network
from vitrail.constructions.zonotope import zonotope_network

__all__ = [
    "AbsoluteValue",
    "Maxout",
    "SkipConnection",
    "absolute_value_network",
    "folded_zigzag_network",
    "folding_network",
    "general_position_network",
    "maxout_zigzag_network",
    "sawtooth_network",
    "skip_connection_network",
    "zigzag_network",
    "zonotope_network",
]
