"""Importing ONNX models: checked reading, handlers by operator, comparison with onnx's reference operators."""

from vitrail.network.from_onnx.entry import import_onnx

__all__ = ["import_onnx"]
