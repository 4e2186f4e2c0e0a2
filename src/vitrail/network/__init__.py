"""Networks: a frozen graph of affine and piecewise-linear ops, and how to import one."""

from vitrail.network.graph import Graph, Node, SummaryRow
from vitrail.network.network import Network
from vitrail.network.parity import Parity

__all__ = ["Graph", "Network", "Node", "Parity", "SummaryRow"]
