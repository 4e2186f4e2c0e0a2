"""Compare an imported graph with the ONNX model, run by onnx's own reference operators."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitrail.errors import InvalidModelError
from vitrail.network.evaluation import Evaluation, evaluate
from vitrail.network.from_onnx.read import Program
from vitrail.network.graph import Graph
from vitrail.network.parity import Parity, agree, seeded_points
from vitrail.numerics.filters import DIFFERENCE_STEPS, SINGLE_ROUNDOFF, UNIT_ROUNDOFF

__all__ = ["compare", "promoted"]


def compare(graph: Graph, program: Program, shape: tuple[int, ...], output_name: str) -> Parity:
    """Check values, and local affine maps by differences inside one region, in float64 where the model allows.

    Two points in one activation region differ by exactly the region's linear map, so no limit is involved.

    Raises:
        InvalidModelError: they disagree; the message has the largest difference and where.
    """
    points = seeded_points(torch.zeros(1, *graph.input_shape), count=6).to(torch.float64)
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn((len(points), 1, *graph.input_shape), generator=generator).to(torch.float64)
    run, unit, label = _runner(program, shape, output_name, points[:1])
    if run is None:
        return Parity(f"not compared: {label}", 0, 0, 0.0, 0.0, None, None, 0)
    steps = _steps_inside(graph, points, directions)
    moved = points + steps.reshape(-1, *(1,) * (points.ndim - 1)) * directions[:, 0]
    if unit > UNIT_ROUNDOFF:
        moved = moved.to(torch.float32).to(torch.float64)
        directions = (moved - points)[:, None] / torch.where(steps > 0, steps, 1.0).reshape(-1, *(1,) * points.ndim)
    here, there = evaluate(graph, points, directions, unit), evaluate(graph, moved, directions, unit)
    outputs = (len(points), *graph.output_shape)
    values, beyond = (_each(run, batch, shape).reshape(outputs) for batch in (points, moved))
    _check_batch(program, run, points, values, here.bound[:, 0])
    width = torch.where(steps > 0, steps, 1.0).reshape(-1, *(1,) * len(graph.output_shape))
    maps = ((beyond - values) / width)[:, None]
    bound = here.bound.clone()
    bound[:, 1] += (here.bound[:, 0] + there.bound[:, 0]) / width
    found = Evaluation(here.forms, bound, steps == 0)
    return agree(found, values, maps, label)


def _each(run: Runner, batch: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Run sample by sample."""
    return torch.from_numpy(np.stack([run(point.numpy().reshape(shape)) for point in batch]))


def _check_batch(program: Program, run: Runner, points: Tensor, values: Tensor, bound: Tensor) -> None:
    """A model with a free batch axis must treat the samples of a batch one by one, if it runs on a batch at all."""
    dims = program.input_dims
    if dims is None or len(dims) != points.ndim or dims[0] is not None:
        return
    try:
        together = torch.from_numpy(run(points.numpy()))
    except Exception:  # its reshapes may hold a batch of one: then there is nothing to mix
        return
    agrees = together.shape == values.shape and bool(((together - values).abs() <= bound).all())
    if not agrees:
        raise InvalidModelError(
            f"the model mixes the samples of a batch: {len(points)} samples together give another result than one by "
            f"one (shapes {tuple(together.shape)} and {tuple(values.shape)})\n"
            "Fix the batch axis of its input to 1 to analyse it on single samples."
        )


def _steps_inside(graph: Graph, points: Tensor, directions: Tensor) -> Tensor:
    """For every point the largest of a few steps along its direction that keeps the pattern; 0 where none does."""
    steps = torch.zeros(len(points), dtype=torch.float64)
    patterns = graph.pieces_at(points)
    for step in DIFFERENCE_STEPS:
        moved = graph.pieces_at(points + step * directions[:, 0])
        pairs = zip(patterns, moved, strict=True)
        same = np.logical_and.reduce([np.ones(len(points), bool), *((a == b).all(axis=1) for a, b in pairs)])
        steps = torch.where((steps == 0) & torch.from_numpy(same), step, steps)
    return steps


Runner = Callable[[np.ndarray], np.ndarray]


def _runner(
    program: Program, shape: tuple[int, ...], output_name: str, sample: Tensor
) -> tuple[Runner | None, float, str]:
    """The reference in float64, else in the model's own float32, else nothing and the reason."""
    from onnx.reference import ReferenceEvaluator

    reason = ""
    model = _runnable(program)
    for build, kind, unit in ((promoted, np.float64, UNIT_ROUNDOFF), (_same, np.float32, SINGLE_ROUNDOFF)):
        label = f"onnx reference {np.dtype(kind).name}"
        try:
            evaluator = ReferenceEvaluator(_with_output(build(model), output_name))

            def run(entry: np.ndarray, evaluator: Any = evaluator, kind: Any = kind) -> np.ndarray:
                found = evaluator.run([output_name], {program.input_name: entry.astype(kind)})[0]
                return np.asarray(found, dtype=np.float64)

            run(sample.numpy().reshape(shape))
            return run, unit, label
        except Exception as error:  # an operator outside the reference, or mixed types in a promoted model
            reason = f"{label} cannot run it ({type(error).__name__})"
    return None, 0.0, reason


def _runnable(program: Program) -> Any:
    """A copy that the reference operators run as the standard says: sorted nodes, batch norm in inference mode.

    Before opset 14 a batch norm with one output is in inference mode, but the reference (seen in onnx 1.23) mixes in
    the statistics of the batch with weight 1 - momentum (opset 9 to 13), or uses them alone (before).
    """
    from onnx import helper

    copied = _same(program.model)
    del copied.graph.node[:]
    copied.graph.node.extend(program.nodes)
    if program.opset >= 14:
        return copied
    for entry in copied.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = max(entry.version, 9)
    for node in copied.graph.node:
        if node.op_type == "BatchNormalization":
            kept = [attribute for attribute in node.attribute if attribute.name == "epsilon"]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute("momentum", 1.0)])
    return copied


def _same(model: Any) -> Any:
    copied = type(model)()
    copied.CopyFrom(model)
    return copied


def _with_output(model: Any, output_name: str) -> Any:
    from onnx import TensorProto, helper

    if output_name not in {entry.name for entry in model.graph.output}:
        model.graph.output.append(helper.make_tensor_value_info(output_name, TensorProto.UNDEFINED, None))
    return model


def promoted(model: Any) -> Any:
    """A copy of the model with every float tensor in float64; the numbers stay exactly the same."""
    from onnx import TensorProto, helper, numpy_helper

    copied = _same(model)
    narrow = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)

    def widen(tensor: Any) -> None:
        if tensor.data_type in narrow:
            wide = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name)
            tensor.CopyFrom(wide)

    for tensor in copied.graph.initializer:
        widen(tensor)
    for entry in itertools.chain(copied.graph.input, copied.graph.output, copied.graph.value_info):
        if entry.type.tensor_type.elem_type in narrow:
            entry.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in copied.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                widen(attribute.t)
            if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                numbers = np.asarray(helper.get_attribute_value(attribute), dtype=np.float64)
                attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(numbers)))
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in narrow:
                attribute.i = TensorProto.DOUBLE
    return copied
