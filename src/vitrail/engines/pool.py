"""Work memory kept from one search of a network to the next: fresh memory costs more than a small search."""

from __future__ import annotations

from typing import ClassVar
from weakref import WeakKeyDictionary

from vitrail.engines.carry import Carrier
from vitrail.network.graph import Graph
from vitrail.status import Cells

__all__ = ["CarrierPool"]

_KEPT_BYTES = 2**25
"""A carrier with more memory for forms than this is not kept."""


class CarrierPool:
    """Carriers of one network, kind of cell, dimension and chunk size; threads take one each and give it back.

    The pool of a network goes with the network.
    """

    _pools: ClassVar[WeakKeyDictionary[Graph, dict[tuple[Cells, int, int], CarrierPool]]] = WeakKeyDictionary()

    def __init__(self) -> None:
        """Empty."""
        self._carriers: list[Carrier] = []

    @classmethod
    def of(cls, graph: Graph, use: tuple[Cells, int, int]) -> CarrierPool:
        """The pool of a network for one kind of cell, dimension and chunk size."""
        return cls._pools.setdefault(graph, {}).setdefault(use, cls())

    def take(self) -> Carrier | None:
        """A carrier, which is the caller's alone until it is given back; None if a new one has to be made."""
        try:
            return self._carriers.pop()
        except IndexError:
            return None

    def give_back(self, carrier: Carrier) -> None:
        """Keep a carrier for the next one who asks."""
        if carrier.bytes <= _KEPT_BYTES:
            self._carriers.append(carrier)
