"""The ONNX import: every real network, every operator against the runtime, and every refusal."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from vitrail.errors import InvalidModelError, ModelFileError, ResourceLimitError, UnsupportedOpError
from vitrail.network import Network
from vitrail.network.evaluation import evaluate
from vitrail.network.from_onnx import registry

onnxruntime.set_default_logger_severity(4)
GENERATOR = np.random.default_rng(0)

Arrays = dict[str, np.ndarray]


def build(
    nodes: list[Any], arrays: Arrays, shape: list[Any] | None, opset: int = 17, outputs: tuple[str, ...] = ("y",)
) -> Any:
    """A model with input x and the given nodes."""
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "test", inputs, results, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(operator: str, *inputs: str, out: tuple[str, ...] = ("y",), **attributes: Any) -> Any:
    return helper.make_node(
        operator, list(inputs), list(out), name="_".join(["the", operator, *out]).removesuffix("_y"), **attributes
    )


def run_float32(model: Any, points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The runtime, one sample at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.stack([session.run(None, {name: point.reshape(shape)})[0] for point in points])


def within_rounding(net: Network, model: Any, shape: tuple[int, ...], count: int = 4) -> None:
    """Values agree with onnxruntime's float32 within the running-error bound."""
    points = GENERATOR.normal(size=(count, *net.input_shape)).astype(np.float32)
    exact = torch.from_numpy(points.astype(np.float64))
    found = evaluate(net.graph, exact, exact[:, None], 2.0**-24)
    theirs = torch.from_numpy(run_float32(model, points, shape).astype(np.float64)).reshape(found.forms[:, 0].shape)
    assert bool(((theirs - found.forms[:, 0]).abs() <= found.bound[:, 0]).all())
    assert torch.allclose(net.forward(points), found.forms[:, 0], rtol=1e-12, atol=1e-12)


REAL = [
    "acasxu/ACASXU_run2a_1_1_batch_2000", "acasxu/ACASXU_run2a_2_3_batch_2000", "acasxu/ACASXU_run2a_5_9_batch_2000",
    "conv/Convnet_avgpool", "conv/cifar_base_kw", "lowdim/cartpole", "lowdim/tllBench_n=2_N=M=8_m=1_instance_0_0",
    "lowdim/vdp", "mnistfc/mnist-net_256x2", "mnistfc/mnist-net_256x4", "layer-zoo/add", "layer-zoo/batchnorm",
    "layer-zoo/constant", "layer-zoo/conv", "layer-zoo/dropout", "layer-zoo/flatten", "layer-zoo/gemm",
    "layer-zoo/identity", "layer-zoo/leakyRelu", "layer-zoo/marabou_fc_2-2-3",
    "layer-zoo/marabou_linear2-3_bn1-linear3-1", "layer-zoo/matmul", "layer-zoo/maxpool", "layer-zoo/relu",
    "layer-zoo/reshape", "layer-zoo/transpose",
]  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_networks_agree_with_the_runtime(name: str, data_folder: Path) -> None:
    path = data_folder / "onnx" / f"{name}.onnx"
    net = Network.from_onnx(path)
    assert net.parity is not None and net.parity.reference == "onnx reference float64" and net.parity.points == 6
    model = onnx.load(path)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    within_rounding(net, model, tuple(dim.dim_value or 1 for dim in dims))


def test_every_network_of_the_folder_is_tested_or_refused(data_folder: Path) -> None:
    names = {str(path.relative_to(data_folder / "onnx"))[:-5] for path in (data_folder / "onnx").rglob("*.onnx")}
    refused = names - set(REAL)
    assert refused == {"layer-zoo/sigmoid", "layer-zoo/tanh"}
    for name in refused:
        with pytest.raises(UnsupportedOpError, match="not piecewise linear"):
            Network.from_onnx(data_folder / "onnx" / f"{name}.onnx")


W = GENERATOR.normal(size=(4, 3)).astype(np.float32)
V = GENERATOR.normal(size=4).astype(np.float32)
K = GENERATOR.normal(size=(2, 3, 3, 2)).astype(np.float32)
G = {"gamma": V[:3], "beta": V[1:], "mean": W[0], "var": np.abs(W[1])}


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


Case = tuple[list[Any], Arrays, list[Any], int]
CASES: dict[str, Case] = {
    "Gemm": ([node("Gemm", "x", "w", "v", alpha=0.5, beta=2.0)], {"w": W, "v": V[:3]}, ["N", 4], 13),
    "Gemm transposed": ([node("Gemm", "x", "w", transB=1)], {"w": W}, [1, 3], 11),
    "Gemm 7": ([node("Gemm", "x", "w", "v", transB=1)], {"w": W, "v": V[None]}, [1, 3], 7),
    "MatMul vector": ([node("MatMul", "x", "v")], {"v": V}, [1, 2, 4], 13),
    "MatMul left": ([node("MatMul", "w", "x")], {"w": W}, [1, 3, 2], 13),
    "MatMul unbatched": ([node("MatMul", "x", "w")], {"w": W}, [4], 10),
    "Conv": ([node("Conv", "x", "k", "b", strides=[2, 1], pads=[1, 0, 0, 1])], {"k": K, "b": V[:2]}, ["N", 3,
        6, 5], 11),
    "Conv same": ([node("Conv", "x", "k", auto_pad="SAME_UPPER")], {"k": K}, [1, 3, 6, 5], 11),
    "Conv same lower": ([node("Conv", "x", "k", auto_pad="SAME_LOWER", strides=[2, 2])], {"k": K}, [1, 3, 6, 5], 11),
    "Conv groups": ([node("Conv", "x", "k", group=3, dilations=[2, 1])], {"k": K.reshape(6, 1, 3, 2)}, [1, 3,
        6, 5], 11),
    "Conv 1-D": ([node("Conv", "x", "k")], {"k": K[0]}, [1, 3, 6], 11),
    "BatchNormalization": ([node("BatchNormalization", "x", *G)], G, ["N", 3, 2], 15),
    "BatchNormalization 9": ([node("BatchNormalization", "x", *G, momentum=0.5)], G, ["N", 3, 2], 9),
    "BatchNormalization 7": ([node("BatchNormalization", "x", *G, epsilon=0.1)], G, ["N", 3], 7),
    "AveragePool": ([node("AveragePool", "x", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 1, 1, 0])], {}, [1,
        2, 6, 5], 11),
    "AveragePool counted": (
        [node("AveragePool", "x", kernel_shape=[3], pads=[1, 1], count_include_pad=1)], {}, [1, 2, 6], 11,
    ),
    "GlobalAveragePool": ([node("GlobalAveragePool", "x")], {}, [1, 2, 3, 3], 7),
    "MaxPool": ([node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 1, 0, 0])], {}, [1, 2, 6, 5], 11),
    "MaxPool ceil, dilated": (
        [node("MaxPool", "x", kernel_shape=[2], strides=[2], dilations=[2], ceil_mode=1)], {}, [1, 2, 6], 12,
    ),
    "GlobalMaxPool": ([node("GlobalMaxPool", "x")], {}, [1, 2, 3, 3], 7),
    "Flatten": ([node("Flatten", "x")], {}, ["N", 2, 3], 9),
    "Reshape": ([node("Reshape", "x", "s")], {"s": ints(0, -1, 2)}, ["N", 2, 4], 9),
    "Reshape of a shape": (
        [node("Shape", "x", out=("s",)), node("Gather", "s", "i", out=("n",)), node("Concat", "n", "r",
            out=("t",), axis=0),
         node("Reshape", "x", "t")], {"i": ints(0), "r": ints(-1)}, ["N", 2, 4], 13,
    ),
    "Transpose": ([node("Transpose", "x", perm=[0, 2, 1])], {}, ["N", 2, 3], 13),
    "Squeeze attribute": ([node("Squeeze", "x", axes=[1])], {}, [1, 1, 3], 11),
    "Squeeze input": ([node("Squeeze", "x", "a")], {"a": ints(-1)}, [1, 3, 1], 13),
    "Unsqueeze": ([node("Unsqueeze", "x", "a")], {"a": ints(1, 3)}, [1, 3], 13),
    "Unsqueeze attribute": ([node("Unsqueeze", "x", axes=[-1])], {}, [1, 3], 12 - 1),
    "Slice": (
        [node("Slice", "x", "a", "b", "c", "d")],
        {"a": ints(-1, 0), "b": ints(-(2**40), 2**40), "c": ints(1, 2), "d": ints(-2, 2)}, [1, 5, 4], 13,
    ),
    "Slice attributes": ([node("Slice", "x", starts=[1], ends=[-1], axes=[1])], {}, [1, 5], 9),
    "Pad": ([node("Pad", "x", "p", "c")], {"p": ints(0, 1, 0, 2), "c": np.float32(0.5)}, ["N", 3], 13),
    "Pad attributes": ([node("Pad", "x", pads=[0, 2, 0, 1], mode="reflect")], {}, ["N", 4], 9),
    "Pad crop": ([node("Pad", "x", "p")], {"p": ints(0, -1, 0, 1)}, [1, 3], 13),
    "Concat": ([node("Concat", "x", "c", "x", axis=1)], {"c": V[None]}, [1, 3], 13),
    "Split": (
        [node("Split", "x", "s", out=("a", "b"), axis=1), node("Sub", "a", "b")], {"s": ints(2, 2)}, [1, 4], 13,
    ),
    "Split equal": ([node("Split", "x", out=("a", "b"), axis=1), node("Sub", "b", "a")], {}, [1, 4], 13),
    "Gather": ([node("Gather", "x", "i", axis=1)], {"i": ints(2, 0, -1, 2)}, [1, 3], 13),
    "Gather scalar": ([node("Gather", "x", "i", axis=2)], {"i": np.array(1)}, [1, 3, 2], 13),
    "Expand": ([node("Expand", "x", "s")], {"s": ints(1, 2, 3)}, [1, 1, 3], 13),
    "Add Sub": ([node("Add", "x", "v", out=("a",)), node("Sub", "v", "a", out=("b",)), node("Sub", "b", "x")],
        {"v": V}, [1, 4], 13),
    "Mul Div": ([node("Mul", "v", "x", out=("a",)), node("Div", "a", "w")], {"v": V, "w": 1 + np.abs(V)}, [1, 4], 13),
    "Normalisation": ([node("Sub", "x", "m", out=("a",)), node("Div", "a", "s")], {"m": V, "s": 2 + V**2}, [4], 10),
    "Neg": ([node("Neg", "x")], {}, [1, 4], 13),
    "ReduceMean": ([node("ReduceMean", "x", axes=[2], keepdims=0)], {}, [1, 2, 3], 13),
    "ReduceMean input": ([node("ReduceMean", "x", "a")], {"a": ints(1, -1)}, [1, 2, 3], 18),
    "ReduceSum": ([node("ReduceSum", "x", "a", keepdims=0)], {"a": ints(1)}, [1, 2, 3], 13),
    "ReduceMax": ([node("ReduceMax", "x", axes=[1])], {}, [1, 4, 2], 13),
    "ReduceMin": ([node("ReduceMin", "x", keepdims=0)], {}, [1, 4], 13),
    "Dropout": ([node("Dropout", "x")], {}, [1, 4], 13),
    "Cast": ([node("Cast", "x", out=("a",), to=TensorProto.DOUBLE), node("Cast", "a", to=TensorProto.FLOAT)],
        {}, [1, 4], 13),
    "Relu": ([node("Relu", "x")], {}, [1, 4], 14),
    "LeakyRelu": ([node("LeakyRelu", "x")], {}, [1, 4], 16),
    "PRelu": ([node("PRelu", "x", "s")], {"s": V[:2].reshape(2, 1)}, [1, 2, 3], 16),
    "Clip": ([node("Clip", "x", "a", "b")], {"a": np.float32(-0.5), "b": np.float32(0.5)}, [1, 4], 13),
    "Clip upper": ([node("Clip", "x", "", "b")], {"b": np.float32(0.5)}, [1, 4], 13),
    "Clip attributes": ([node("Clip", "x", min=0.0, max=0.5)], {}, [1, 4], 10),
    "Clip default": ([node("Clip", "x", min=0.1)], {}, [1, 4], 10),
    "HardSigmoid": ([node("HardSigmoid", "x")], {}, [1, 4], 13),
    "Shrink": ([node("Shrink", "x", lambd=0.3, bias=0.3)], {}, [1, 4], 9),
    "Abs": ([node("Abs", "x")], {}, [1, 4], 13),
    "Max Min": (
        [node("Neg", "x", out=("n",)), node("Max", "x", "n", "v", out=("a",)), node("Min", "a", "w", "x")],
        {"v": V, "w": V + 1}, [1, 4], 13,
    ),
    "Sum": ([node("Sum", "x", "v", "x")], {"v": V}, [1, 4], 13),
    "Constant": ([node("Constant", out=("c",), value_floats=[1.0, 2.0]), node("Mul", "x", "c")], {}, [1, 2], 13),
    "ConstantOfShape": (
        [node("ConstantOfShape", "s", out=("c",), value=numpy_helper.from_array(np.float32([2.0]))),
            node("Add", "x", "c")],
        {"s": ints(1, 4)}, [1, 4], 13,
    ),
}  # fmt: skip


BEYOND_THE_REFERENCE = {"Pad crop"}


@pytest.mark.parametrize("name", CASES)
def test_operators_agree_with_the_runtime_and_the_reference(name: str) -> None:
    nodes, arrays, shape, opset = CASES[name]
    model = build(nodes, arrays, shape, opset)
    before = model.SerializeToString()
    net = Network.from_onnx(model)
    assert model.SerializeToString() == before
    reference = "not compared" if name in BEYOND_THE_REFERENCE else "onnx reference float64"
    assert net.parity is not None and reference in net.parity.reference, net.parity
    within_rounding(net, model, tuple(size if isinstance(size, int) else 1 for size in shape))


def test_every_supported_operator_is_in_a_test() -> None:
    used = {entry.op_type for nodes, *_ in CASES.values() for entry in nodes}
    assert set(registry.HANDLERS) - used == {"Identity", "CastLike", "Size"}  # Identity: the real networks; see below


def test_cast_like_and_size() -> None:
    nodes = [node("Size", "x", out=("n",)), node("Cast", "n", out=("f",), to=1), node("CastLike", "x", "f", out=("c",)),
             node("Div", "c", "f")]  # fmt: skip
    net = Network.from_onnx(build(nodes, {}, [1, 4], 15))
    assert net.forward([[4.0, 8.0, 0.0, 2.0]]).tolist() == [[1.0, 2.0, 0.0, 0.5]]


def test_nodes_in_any_order() -> None:
    nodes = [node("Relu", "b"), node("Add", "a", "v", out=("b",)), node("MatMul", "x", "w", out=("a",))]
    arrays = {"v": V[:3], "w": W}
    net = Network.from_onnx(build(nodes, arrays, ["N", 4]))
    assert [entry.op.name for entry in net.nodes] == ["input", "linear", "shift", "relu"]
    assert net.digest == Network.from_onnx(build(nodes[::-1], arrays, ["N", 4])).digest


def test_a_broken_handler_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    family, original = registry.HANDLERS["LeakyRelu"]

    def wrong(builder: Any, call: Any) -> Any:
        call.attributes["alpha"] = 0.02
        return original(builder, call)

    monkeypatch.setitem(registry.HANDLERS, "LeakyRelu", (family, wrong))
    with pytest.raises(InvalidModelError, match="disagrees"):
        Network.from_onnx(build([node("LeakyRelu", "x")], {}, [1, 4]))
    assert Network.from_onnx(build([node("LeakyRelu", "x")], {}, [1, 4]), check=False).parity is None


def test_a_free_batch_axis_must_not_be_mixed() -> None:
    nodes = [node("ReduceMean", "x", axes=[0], out=("m",)), node("Sub", "x", "m")]
    with pytest.raises(InvalidModelError, match="mixes the samples"):
        Network.from_onnx(build(nodes, {}, ["N", 3], 13))
    assert Network.from_onnx(build(nodes, {}, [1, 3], 13)).forward([[1.0, 2.0, 3.0]]).tolist() == [[0.0, 0.0, 0.0]]
    fixed = [node("Reshape", "x", "s")]
    assert Network.from_onnx(build(fixed, {"s": ints(1, 3)}, ["N", 3], 13)).parity is not None


def test_what_the_reference_cannot_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> object:
        raise NotImplementedError

    monkeypatch.setattr("onnx.reference.ReferenceEvaluator.__init__", nothing)
    net = Network.from_onnx(build([node("Relu", "x")], {}, [1, 4]))
    assert net.parity is not None and net.parity.points == 0 and "not compared" in net.parity.reference
    assert any("not compared" in note for note in net.notes)


def test_input_shapes() -> None:
    relu = [node("Relu", "x")]
    assert Network.from_onnx(build(relu, {}, ["N", 3])).input_shape == (3,)
    assert Network.from_onnx(build(relu, {}, [None, 3])).input_shape == (3,)
    assert Network.from_onnx(build(relu, {}, [1, 1, 1, 5])).input_shape == (1, 1, 5)
    assert Network.from_onnx(build(relu, {}, [5])).input_shape == (5,)
    assert Network.from_onnx(build(relu, {}, ["N", "h", 3]), input_shape=(2, 3)).input_shape == (2, 3)
    assert Network.from_onnx(build(relu, {}, None), input_shape=(2, 3)).input_shape == (2, 3)
    fixed = Network.from_onnx(build(relu, {}, [32, 3]))
    assert fixed.input_shape == (32, 3) and any("input_shape=(3,)" in note for note in fixed.notes)
    assert Network.from_onnx(build(relu, {}, [32, 3]), input_shape=(3,)).input_shape == (3,)


def test_outputs_and_dropped_activations() -> None:
    nodes = [node("Relu", "x", out=("a",)), node("Abs", "a", out=("b",)), node("Softmax", "b", out=("c",))]
    model = build(nodes, {}, [1, 4], outputs=("a", "b"))
    assert Network.from_onnx(model, output="b").number_of_units == 8
    assert Network.from_onnx(model, output="a").number_of_units == 4
    net = Network.from_onnx(build(nodes, {}, [1, 4], outputs=("c",)), drop_output_activation=True)
    assert net.number_of_units == 8 and any("Softmax dropped" in note for note in net.notes)
    net = Network.from_onnx(build(nodes[:2], {}, [1, 4], outputs=("b",)), drop_output_activation=True)
    assert any("nothing was dropped" in note for note in net.notes)


def test_a_hard_coded_batch_of_one_and_half_precision() -> None:
    half = build([node("Cast", "x", out=("a",), to=10), node("Mul", "a", "w", out=("b",)), node("Cast", "b", to=1)],
                 {"w": np.float16([1.5, 3.0])}, [1, 2])  # fmt: skip
    net = Network.from_onnx(half)
    assert net.forward([[1.0, 1.0]]).tolist() == [[1.5, 3.0]]


UNSUPPORTED: dict[str, tuple[list[Any], Arrays, tuple[str, ...]]] = {
    "Sigmoid": ([node("Sigmoid", "x")], {}, ("Sigmoid", "'the_Sigmoid'", "not piecewise linear", "drop_output")),
    "Gelu": ([node("Relu", "x", out=("a",)), node("Erf", "a", out=("b",)), node("Relu", "b")], {}, ("Erf", "the_Erf")),
    "product": ([node("Mul", "x", "x")], {}, ("Mul", "product of two variables")),
    "quotient": ([node("Div", "x", "x")], {}, ("Div", "division by a variable")),
    "matmul": ([node("MatMul", "x", "x")], {}, ("MatMul", "product of two variables")),
    "ThresholdedRelu": ([node("ThresholdedRelu", "x")], {}, ("discontinuous",)),
    "Shrink": ([node("Shrink", "x", lambd=0.5, bias=0.0)], {}, ("Shrink", "discontinuous", "0.5")),
    "cast": ([node("Cast", "x", to=7)], {}, ("Cast", "discontinuous")),
    "transposed": ([node("ConvTranspose", "x", "k")], {"k": K}, ("ConvTranspose", "not supported")),
    "recurrent": ([node("LSTM", "x", "k", "k")], {"k": K[0]}, ("LSTM", "recurrent")),
    "quantised": (
        [node("QuantizeLinear", "x", "s", out=("q",)), node("DequantizeLinear", "q", "s")],
        {"s": np.float32(1.0)}, ("QuantizeLinear", "quantised", "2 unsupported"),
    ),
    "other domain": ([node("Relu", "x", out=("a",)), node("FusedGelu", "a", domain="com.microsoft")], {},
        ("com.microsoft",)),
    "index": ([node("MaxPool", "x", out=("a", "y"), kernel_shape=[1])], {}, ("index of a maximum",)),
    "several": (
        [node("Exp", "x", out=("a",)), node("Mul", "a", "x", out=("b",)), node("Sign", "b", out=("c",)),
            node("Tanh", "c")],
        {}, ("4 unsupported", "Exp", "Mul", "Sign", "Tanh"),
    ),
    "training batch norm": ([node("BatchNormalization", "x", *G, training_mode=1)], G, ("training_mode=1",)),
    "3-D convolution": ([node("Conv", "x", "k")], {"k": K[:, :, :, :, None]}, ("3 spatial axes",)),
    "division by zero": ([node("Div", "x", "z")], {"z": np.float32([0.0])}, ("constant 0",)),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_operators_are_refused_by_name_and_place(name: str) -> None:
    nodes, arrays, facts = UNSUPPORTED[name]
    with pytest.raises(UnsupportedOpError) as caught:
        Network.from_onnx(build(nodes, arrays, [1, 3, 3]))
    message = str(caught.value)
    assert all(fact in message for fact in facts), message
    assert len(message.splitlines()[0]) <= 200


def test_control_flow_is_refused_before_anything_runs() -> None:
    inner = helper.make_graph([node("Relu", "x", out=("z",))], "inner", [],
                              [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)])  # fmt: skip
    model = build([node("If", "c", then_branch=inner, else_branch=inner)], {"c": np.array(True)}, [1, 4])
    with pytest.raises(UnsupportedOpError, match="control flow"):
        Network.from_onnx(model)


def edited(change: Callable[[Any], object], nodes: list[Any] | None = None, shape: list[Any] | None = None) -> Any:
    model = build(nodes or [node("Add", "x", "v")], {"v": V}, shape or [1, 4])
    change(model)
    return model


def external(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def second_input(model: Any) -> None:
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))


NAN = np.float32([1.0, 2.0, 3.0, np.nan])
INVALID: dict[str, tuple[Any, type[Exception], tuple[str, ...]]] = {
    "nan": (build([node("Add", "x", "v")], {"v": NAN}, [1, 4]), InvalidModelError, ("'v'", "[3]", "1 of 4", "nan")),
    "external data": (edited(external), ModelFileError, ("'v'", "external data", "../../etc/passwd")),
    "several inputs": (edited(second_input), InvalidModelError, ("2 inputs", "'x'", "'z'")),
    "several outputs": (
        build([node("Split", "x", out=("a", "b"), axis=1)], {}, [1, 4], 13, ("a", "b")), InvalidModelError,
        ("2 outputs", "'a'", "'b'", "output="),
    ),
    "unknown dimension": (build([node("Relu", "x")], {}, ["N", "h"]), InvalidModelError, ("input_shape",)),
    "no shape": (build([node("Relu", "x")], {}, None), InvalidModelError, ("input_shape",)),
    "old opset": (build([node("Relu", "x")], {}, [1, 4], 6), UnsupportedOpError, ("opset 6", "7 to")),
    "new opset": (build([node("Relu", "x")], {}, [1, 4], 99), UnsupportedOpError, ("opset 99",)),
    "duplicate names": (
        build([node("Relu", "x"), node("Abs", "x")], {}, [1, 4]), ModelFileError, ("'y'", "produced twice"),
    ),
    "duplicate constants": (
        edited(lambda m: m.graph.initializer.append(m.graph.initializer[0])), ModelFileError, ("'v'", "two"),
    ),
    "dangling": (build([node("Add", "x", "nowhere")], {}, [1, 4]), ModelFileError, ("'nowhere'", "'the_Add'")),
    "cycle": (
        build([node("Add", "x", "y", out=("a",)), node("Relu", "a")], {}, [1, 4]), ModelFileError, ("cycle",),
    ),
    "nothing produces": (build([node("Relu", "x")], {}, [1, 4], outputs=("q",)), ModelFileError, ("'q'",)),
    "short data": (
        edited(lambda m: setattr(m.graph.initializer[0], "raw_data", b"\0" * 15)), ModelFileError, ("15 bytes", "16"),
    ),
    "negative size": (
        edited(lambda m: m.graph.initializer[0].dims.__setitem__(0, -4)), ModelFileError, ("'v'", "negative"),
    ),
    "huge size": (
        edited(lambda m: m.graph.initializer[0].dims.__setitem__(0, 2**60)), ResourceLimitError, ("'v'", "entries"),
    ),
    "text tensor": (
        edited(lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.STRING)), ModelFileError, ("STRING",),
    ),
    "float8": (
        edited(lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.FLOAT8E4M3FN)), ModelFileError,
        ("FLOAT8E4M3FN",),
    ),
    "negative variance": (
        build([node("BatchNormalization", "x", *G)], {**G, "var": np.float32([1, 1, -1])}, [1, 3]), InvalidModelError,
        ("channel 2", "-1.0"),
    ),
    "huge constant": (
        build([node("ConstantOfShape", "s", out=("c",)), node("Add", "x", "c")], {"s": ints(2**40, 2**40)}, [1, 4]),
        ResourceLimitError, ("ConstantOfShape",),
    ),
    "huge padding": (
        build([node("Pad", "x", "p")], {"p": ints(0, 2**40, 0, 0)}, [1, 4], 13), ResourceLimitError, ("padding",),
    ),
    "huge window": (
        build([node("MaxPool", "x", kernel_shape=[2**33], pads=[2**33, 2**33])], {}, [1, 1, 4], 13), ResourceLimitError,
        ("pooling",),
    ),
    "huge expansion": (
        build([node("Expand", "x", "s")], {"s": ints(2**20, 2**20, 4)}, [1, 4], 13), ResourceLimitError,
        ("broadcasting",),
    ),
    "huge convolution": (
        build([node("Conv", "x", "k", pads=[2**40, 0])], {"k": K[0]}, [1, 3, 4], 13), ResourceLimitError,
        ("convolution",),
    ),
    "negative stride": (
        build([node("Conv", "x", "k", strides=[0])], {"k": K[0]}, [1, 3, 4], 13), InvalidModelError, ("stride",),
    ),
    "missing attribute": (
        build([node("MaxPool", "x")], {}, [1, 1, 4], 13), InvalidModelError, ("'the_MaxPool'", "KeyError"),
    ),
    "control characters": (build([node("Add", "x", "bad\x1b[31m")], {}, [1, 4]), ModelFileError, (r"\x1b",)),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_invalid_models_say_what_and_where(name: str) -> None:
    model, kind, facts = INVALID[name]
    with pytest.raises(kind) as caught:
        Network.from_onnx(model)
    message = str(caught.value)
    assert all(fact in message for fact in facts), message
    assert len(message.splitlines()[0]) <= 200 and "\x1b" not in message


def test_wrong_choices_are_refused() -> None:
    model = build([node("Relu", "x")], {}, [1, 4])
    with pytest.raises(InvalidModelError, match=r"'q'.*'y'"):
        Network.from_onnx(model, output="q")
    with pytest.raises(InvalidModelError, match=r"\(5,\).*\[1, 4\]"):
        Network.from_onnx(model, input_shape=(5,))
    with pytest.raises(InvalidModelError, match="positive"):
        Network.from_onnx(model, input_shape=(0,))
    with pytest.raises(ModelFileError, match="int"):
        Network.from_onnx(3)  # type: ignore[arg-type]


def test_a_deep_graph_needs_no_recursion() -> None:
    names = ["x", *(f"t{index}" for index in range(3000))]
    nodes = [node("Neg", first, out=(second,)) for first, second in itertools.pairwise(names)]
    net = Network.from_onnx(build(nodes[::-1], {}, [1, 2], outputs=(names[-1],)), check=False)
    assert len(net.nodes) == 3001


def test_unused_constants_are_noted() -> None:
    net = Network.from_onnx(build([node("Relu", "x")], {"unused": NAN}, [1, 4]))
    assert any("1 initialisers" in note for note in net.notes)
