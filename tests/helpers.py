"""What several tests share: from the package's results to the oracles' terms."""

from __future__ import annotations

import numpy as np

import vitrail
from oracles import networks
from oracles.random_networks import Case
from vitrail.regions import RegionSet


def square(half: float = 1.0) -> vitrail.Box:
    """The box [-half, half]^2."""
    return vitrail.Box([-half, -half], [half, half])


def he(*widths: int, seed: int = 0) -> vitrail.Network:
    """A He-normal network."""
    return vitrail.Network.from_arrays(networks.he(widths, seed))


def domain_of(case: Case) -> vitrail.Box:
    """The domain of a random case."""
    return vitrail.Box([-2.0] * case.dimension, [2.0] * case.dimension)


def patterns_of(regions: RegionSet) -> list[tuple[int, ...]]:
    """One tuple of pieces per region."""
    joined = np.concatenate([np.zeros((len(regions), 0), dtype=int), *regions.patterns()], axis=1)
    return [tuple(int(piece) for piece in row) for row in joined]
