"""`vitrail info`: what is in a model file."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from vitrail.cli.network import ModelOptions
from vitrail.cli.options import (
    Activation,
    DropOutputActivation,
    InputShape,
    JsonOutput,
    Model,
    NegativeSlope,
    OutputTensor,
)
from vitrail.cli.output import Json, properties, rows_table, show, write_json

if TYPE_CHECKING:
    import vitrail

__all__ = ["EXAMPLES", "info"]

EXAMPLES = """\b
Examples:
  vitrail info model.onnx
  vitrail info weights.npz --activation leaky_relu --json
"""


def info(
    model: Model,
    input_shape: InputShape = None,
    output_tensor: OutputTensor = None,
    drop_output_activation: DropOutputActivation = False,
    activation: Activation = None,
    negative_slope: NegativeSlope = "0.01",
    json_output: JsonOutput = False,
) -> int:
    """Say what is in a model file: operations, shapes, units, parameters, and what to know about the import."""
    options = ModelOptions(model, input_shape, output_tensor, drop_output_activation, activation, negative_slope)
    net = options.load()
    if json_output:
        write_json(_document(options, net))
    else:
        _show(options, net)
    return 0


def _document(options: ModelOptions, net: vitrail.Network) -> dict[str, Json]:
    nodes: list[Json] = [
        {
            "node": row.node,
            "name": row.name,
            "op": row.op,
            "inputs": list(row.inputs),
            "shape": list(row.shape),
            "units": row.units,
            "pieces": row.pieces,
            "parameters": row.parameters,
        }
        for row in net.summary()
    ]
    parity: Json = None if net.parity is None else dataclasses.asdict(net.parity)
    parameters = sum(row.parameters for row in net.summary())
    totals: dict[str, Json] = {"parameters": parameters, "notes": list(net.notes), "parity": parity, "nodes": nodes}
    head: dict[str, Json] = {"command": "info", "model": options.describe(net)}
    return head | totals


def _show(options: ModelOptions, net: vitrail.Network) -> None:
    rows = net.summary()
    facts = [
        ("source", net.source),
        ("input shape", _shape(net.input_shape)),
        ("output shape", _shape(net.output_shape)),
        ("units", f"{net.number_of_units:,} in {len(net.piecewise)} layers"),
        ("parameters", f"{sum(row.parameters for row in rows):,}"),
        ("digest", net.digest),
        *_parity(net),
        *(("note", note) for note in net.notes),
    ]
    cells = [
        (
            row.name,
            row.op,
            _shape(row.shape),
            f"{row.units:,}" if row.units else "",
            f"{row.parameters:,}" if row.parameters else "",
        )
        for row in rows
    ]
    nodes = rows_table("", ("node", "operation", "shape", "units", "parameters"), cells, right=(3, 4))
    show(properties(options.path, facts), nodes)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape) or "one number"


def _parity(net: vitrail.Network) -> list[tuple[str, str]]:
    parity = net.parity
    if parity is None:
        return [("comparison", "none: the file holds weights only, there is no other implementation to compare with")]
    values = f"values differ by at most {parity.value_error:.3g} (rounding explains {parity.value_bound:.3g})"
    if parity.map_error is None or parity.map_bound is None:
        maps = "no affine maps to compare"
    else:
        maps = f"affine maps by at most {parity.map_error:.3g} (rounding explains {parity.map_bound:.3g})"
    return [("comparison", f"with {parity.reference} at {parity.points} points: {values}, {maps}")]
