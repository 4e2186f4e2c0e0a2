"""Importing torch modules: trace, handlers by aten overload, comparison with the original."""

from vitrail.network.from_torch.entry import import_module

__all__ = ["import_module"]
