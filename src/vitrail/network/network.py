"""The network that everything else works on, and its constructors."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor, nn

from vitrail.network.from_arrays import graph_from_arrays
from vitrail.network.from_file.entry import import_file
from vitrail.network.from_onnx.entry import import_onnx
from vitrail.network.from_torch.entry import import_module
from vitrail.network.graph import Graph, Node, SummaryRow
from vitrail.network.ops.base import Pieces, Shape
from vitrail.network.parity import Parity

if TYPE_CHECKING:
    import onnx

__all__ = ["Network"]


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A piecewise-linear network: a frozen graph of affine and piecewise-linear ops with float64 parameters.

    Make one with `from_torch`, `from_onnx`, `from_arrays` or `from_file`. Shapes are without the batch dimension.

    Example:
        >>> net = Network.from_arrays([([[1.0], [-1.0]], [0.0, 1.0]), ([[1.0, 1.0]], None)])
        >>> net.forward([[3.0]]).tolist(), net.number_of_units
        ([[3.0]], 2)
    """

    graph: Graph
    parity: Parity | None = None

    def __repr__(self) -> str:
        """Shapes and units, in one line."""
        layers = len(self.graph.piecewise)
        inputs, outputs = self.graph.input_shape, self.graph.output_shape
        return f"Network({inputs} to {outputs}, {self.number_of_units:,} units in {layers} layers)"

    @classmethod
    def from_arrays(
        cls, layers: Sequence[Any] | None, *, activation: str = "relu", negative_slope: float = 0.01
    ) -> Network:
        """Layers y = W x + b with an activation between them, none after the last; see `graph_from_arrays`.

        Raises:
            InvalidModelError: shapes that do not fit, types that are not real numbers, NaN or infinity.
            UnsupportedOpError: an activation that is not supported.
        """
        return cls(graph_from_arrays(layers, activation=activation, negative_slope=negative_slope))

    @classmethod
    def from_torch(
        cls, module: nn.Module, example_input: object, *, drop_output_activation: bool = False, check: bool = True
    ) -> Network:
        """A torch module in evaluation mode, traced by `torch.export`; the module is not changed.

        `example_input` is one tensor or array with a batch dimension in front (N >= 1 samples, N may be 1); the network
        is the module on one sample. A module that takes unbatched points must be wrapped: x.squeeze(0) in front,
        unsqueeze(0) behind. With `check`, values and local affine maps are compared with the module (see `parity`),
        also that the samples of a batch do not mix. `drop_output_activation` removes a final softmax, sigmoid, ...

        Raises:
            InvalidModelError: training mode, numbers that are not finite, a batch dimension that is not kept apart, or
                an import that disagrees with the module.
            UnsupportedOpError: all operations that are not piecewise linear or not supported, by name and place.

        Example:
            >>> import torch
            >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
            >>> Network.from_torch(model, torch.zeros(1, 2)).number_of_units
            3
        """
        graph, parity = import_module(module, example_input, drop_output_activation=drop_output_activation, check=check)
        return cls(graph, parity)

    @classmethod
    def from_onnx(
        cls,
        source: str | os.PathLike[str] | onnx.ModelProto,
        *,
        input_shape: Sequence[int] | None = None,
        output: str | None = None,
        drop_output_activation: bool = False,
        check: bool = True,
    ) -> Network:
        """An ONNX model from a file or in memory: opset 7 up to the newest that the installed onnx knows.

        A first input dimension that is unknown or 1 is the batch; `input_shape` (without the batch) resolves other
        unknown dimensions. `output` chooses among several outputs, or names an inner tensor. With `check`, values and
        local affine maps are compared with onnx's reference operators, in float64 where the model allows.

        Raises:
            ModelFileError: a file that is missing, no ONNX, truncated, inconsistent, or has external data.
            InvalidModelError: several inputs, an output that has to be chosen, unknown dimensions, numbers that are not
                finite, or an import that disagrees with the model.
            UnsupportedOpError: all nodes that are not supported, or an opset outside the known ones.
            ResourceLimitError: a file, tensor or graph beyond the limits.
        """
        graph, parity = import_onnx(
            source,
            input_shape=input_shape,
            output=output,
            drop_output_activation=drop_output_activation,
            check=check,
        )
        return cls(graph, parity)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        activation: str | None = None,
        negative_slope: float = 0.01,
        input_shape: Sequence[int] | None = None,
        output: str | None = None,
        drop_output_activation: bool = False,
        check: bool = True,
    ) -> Network:
        """A model file: .onnx, .npz (arrays W1, b1, W2, ...) or .safetensors (a sequential network of linear layers).

        The content decides, and must agree with the extension. `activation` and `negative_slope` are for weights alone
        (see `from_arrays`), the other options for .onnx (see `from_onnx`). Pickles (.pt, .pth) are never loaded.

        Raises:
            ModelFileError: missing, unsafe, truncated, of another kind than its extension says, or not supported.
            InvalidOptionError: an option that does not belong to this kind of file.
            InvalidModelError: layers that do not fit, numbers that are not finite.
            UnsupportedOpError: operations that are not supported.
            ResourceLimitError: sizes beyond the limits.
        """
        graph, parity = import_file(
            path,
            activation=activation,
            negative_slope=negative_slope,
            input_shape=input_shape,
            output=output,
            drop_output_activation=drop_output_activation,
            check=check,
        )
        return cls(graph, parity)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes in topological order; node 0 is the input."""
        return self.graph.nodes

    @property
    def output(self) -> int:
        """The index of the output node."""
        return self.graph.output

    @property
    def input_shape(self) -> Shape:
        """The shape of one input."""
        return self.graph.input_shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one output."""
        return self.graph.output_shape

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of every node's tensor."""
        return self.graph.shapes

    @property
    def source(self) -> str:
        """Where the network comes from: torch, onnx, arrays, npz or safetensors."""
        return self.graph.source

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the import."""
        return self.graph.notes

    @property
    def piecewise(self) -> tuple[int, ...]:
        """Indices of the nodes that have units, in order."""
        return self.graph.piecewise

    @property
    def number_of_units(self) -> int:
        """How many units the network has."""
        return self.graph.number_of_units

    @property
    def digest(self) -> str:
        """The sha256 of ops, parameters and wiring as 64 hex digits."""
        return self.graph.digest

    def summary(self) -> list[SummaryRow]:
        """One row per node: place, op, shape, units, pieces, stored numbers."""
        return self.graph.summary()

    def forward(self, x: ArrayLike | Tensor) -> Tensor:
        """Values in float64: x (N, *input_shape) to (N, *output_shape).

        Raises:
            InvalidModelError: x of another shape.
        """
        return self.graph.forward(x)

    def pieces_at(self, x: ArrayLike | Tensor) -> list[np.ndarray]:
        """The patterns of points x (N, *input_shape): one array (N, units) per node of `piecewise`.

        Raises:
            InvalidModelError: x of another shape.
        """
        return self.graph.pieces_at(x)

    def follow(self, forms: Tensor, pieces: Sequence[Pieces]) -> Tensor:
        """Forms (B, c, *input_shape) along patterns to forms (B, c, *output_shape) of the output.

        Raises:
            InvalidModelError: forms or patterns of another shape.
        """
        return self.graph.follow(forms, pieces)
