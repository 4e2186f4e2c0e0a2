"""The graph: wiring, values, patterns, affine maps along patterns, digest and summary; networks from arrays."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitrail.errors import InvalidModelError, UnsupportedOpError
from vitrail.network import Graph, Network, Node
from vitrail.network.ops.arithmetic import Add
from vitrail.network.ops.base import Input
from vitrail.network.ops.elementwise import relu
from vitrail.network.ops.linear import Linear

EYE = torch.eye(2, dtype=torch.float64)
X = Node(Input((2,)), (), "x")


def test_diamond_and_unused_nodes() -> None:
    nodes = (X, Node(Linear(EYE), (0,), "a"), Node(relu((2,)), (1,), "b"), Node(Add(((2,), (2,)), (1, -1)), (1,
        2), "c"),
             Node(relu((2,)), (0,), "unused"))  # fmt: skip
    graph = Graph(nodes, 3, "arrays")
    assert graph.forward([[-1.0, 2.0]]).tolist() == [[-1.0, 0.0]]
    assert graph.piecewise == (2, 4) and graph.number_of_units == 4 and graph.shapes == ((2,),) * 5
    assert [piece.tolist() for piece in graph.pieces_at([[-1.0, 2.0]])] == [[[0, 1]], [[0, 1]]]


BAD_GRAPHS = {
    "no nodes": ((), 0),
    "no input": ((Node(relu((2,)), (0,), "r"),), 0),
    "output": ((X,), 1),
    "forward reference": ((X, Node(relu((2,)), (1,), "r")), 1),
    "shape": ((X, Node(relu((3,)), (0,), "r")), 1),
    "second input": ((X, Node(Input((2,)), (), "y")), 0),
    "arity": ((X, Node(Add(((2,), (2,)), (1, 1)), (0,), "r")), 1),
}


@pytest.mark.parametrize("name", BAD_GRAPHS)
def test_wiring_is_checked(name: str) -> None:
    nodes, output = BAD_GRAPHS[name]
    with pytest.raises(InvalidModelError):
        Graph(nodes, output, "arrays")


layer_numbers = st.integers(-3, 3).map(float)


@given(st.data())
def test_following_a_pattern_gives_the_values_and_the_jacobian(data: st.DataObject) -> None:
    widths = data.draw(st.lists(st.integers(1, 4), min_size=3, max_size=4))
    layers = []
    for rows, columns in zip(widths[1:], widths, strict=False):
        weight = data.draw(st.lists(layer_numbers, min_size=rows * columns, max_size=rows * columns))
        bias = data.draw(st.lists(layer_numbers, min_size=rows, max_size=rows))
        layers.append((np.array(weight).reshape(rows, columns), np.array(bias)))
    net = Network.from_arrays(layers, activation=data.draw(st.sampled_from(["relu", "abs", "hardtanh", "leaky_relu"])))
    point = np.array([data.draw(st.lists(layer_numbers, min_size=widths[0], max_size=widths[0]))])
    pieces = net.pieces_at(point)
    columns = torch.tensor(np.concatenate([point, np.eye(widths[0])])[None])
    forms = net.follow(columns, pieces)
    assert torch.equal(forms[0, 0], net.forward(point)[0])
    step = 2.0**-30
    for axis in range(widths[0]):
        for sign in (1, -1):
            moved = point.copy()
            moved[0, axis] += sign * step
            if all(np.array_equal(a, b) for a, b in zip(net.pieces_at(moved), pieces, strict=True)):
                expected = forms[0, 0] + sign * step * forms[0, 1 + axis]
                assert torch.allclose(net.forward(moved)[0], expected, rtol=1e-12, atol=1e-12)


def test_follow_and_forward_check_shapes() -> None:
    net = Network.from_arrays([EYE, EYE])
    with pytest.raises(InvalidModelError, match="1 arrays of pieces"):
        net.follow(torch.zeros(1, 2, 2, dtype=torch.float64), [])
    with pytest.raises(InvalidModelError, match="forms"):
        net.follow(torch.zeros(1, 2, 3, dtype=torch.float64), [np.zeros((1, 2), np.uint8)])
    with pytest.raises(InvalidModelError, match="batch dimension"):
        net.forward([0.0, 0.0])


def test_digest_depends_on_numbers_and_wiring_but_not_on_names() -> None:
    first, second = Node(Linear(EYE), (0,), "a"), Node(Linear(2 * EYE), (1,), "b")
    graph = Graph((X, first, second), 2, "arrays")
    renamed = Graph((X, Node(first.op, (0,), "z"), second), 2, "onnx", ("note",))
    assert graph.digest == renamed.digest and len(graph.digest) == 64
    others = [
        Graph((X, first, second), 1, "arrays"),
        Graph((X, first, Node(second.op, (0,), "b")), 2, "arrays"),
        Graph((X, first, Node(Linear(2 * EYE + 1e-15), (1,), "b")), 2, "arrays"),
    ]
    assert len({graph.digest, *(other.digest for other in others)}) == 4


def test_networks_travel_between_processes() -> None:
    net = Network.from_arrays([(np.ones((3, 2)), np.ones(3)), np.ones((1, 3))], activation="relu6")
    twin = pickle.loads(pickle.dumps(net))
    assert twin.digest == net.digest and torch.equal(twin.forward([[1.0, 2.0]]), net.forward([[1.0, 2.0]]))


def test_summary_has_one_row_per_node() -> None:
    net = Network.from_arrays([(np.ones((3, 2)), np.ones(3)), np.ones((1, 3))], activation="hardtanh")
    rows = net.summary()
    assert [row.op for row in rows] == ["input", "linear", "hardtanh", "linear"]
    assert [(row.shape, row.units, row.pieces, row.parameters) for row in rows] == [
        ((2,), 0, 0, 0), ((3,), 0, 0, 9), ((3,), 3, 3, 0), ((1,), 0, 0, 3),
    ]  # fmt: skip
    assert (net.input_shape, net.output_shape, net.source, net.parity) == ((2,), (1,), "arrays", None)


good = np.ones((2, 2))
BAD_LAYERS: dict[str, tuple[object, tuple[str, ...]]] = {
    "columns": ([np.ones((5, 2)), np.ones((4, 3))], ("layer 2: weight is 4x3 but layer 1 gives 5 values",)),
    "bias": ([good, (good, np.ones(3))], ("layer 2", "(3,)", "2 rows")),
    "1-D": ([good, np.ones(2)], ("layer 2", "1-D", "(2,)")),
    "3-D": ([good, np.ones((1, 2, 2))], ("layer 2", "3-D")),
    "0-D": ([good, 1.0], ("layer 2", "0-D")),
    "no units": ([good, np.ones((0, 2))], ("layer 2", "0x2")),
    "no inputs": ([np.ones((2, 0))], ("layer 1", "2x0")),
    "no layers": ([], ("at least one layer",)),
    "none": (None, ("at least one layer",)),
    "weight none": ([good, (None, None)], ("layer 2: weight", "None")),
    "nan": ([good, (np.array([[1, 1], [1, np.nan]]), None)], ("layer 2: weight", "[1, 1]", "1 of 4", "nan")),
    "inf": ([good, (good, np.array([0, -np.inf]))], ("layer 2: bias", "[1]", "1 of 2", "-inf")),
    "complex": ([good, good.astype(complex)], ("layer 2: weight", "complex128")),
    "bool": ([good, good.astype(bool)], ("layer 2: weight", "bool")),
    "torch bool": ([good, torch.ones(2, 2).bool()], ("layer 2: weight", "bool")),
    "text": ([good, [["1", "2"]]], ("layer 2: weight", "<U1")),
    "objects": ([good, np.array([[1, "x"], [1, 1]], dtype=object)], ("layer 2: weight", "str", "[0, 1]")),
    "ragged": ([good, [[1, 2], [3]]], ("layer 2: weight", "row 1")),
    "third": ([good, [[Fraction(1, 2), Fraction(1, 3)]]], ("layer 2: weight", "1/3", "[0, 1]")),
    "too long": ([good, np.array([[1, np.longdouble(1) / 3]])], ("layer 2: weight", "float64", "[0, 1]")),
    "large integer": ([good, np.array([[1, 2**53 + 1]])], ("layer 2: weight", "9007199254740993")),
    "sparse": ([good, torch.eye(2).to_sparse()], ("layer 2: weight", "to_dense()")),
    "meta": ([good, torch.ones(2, 2, device="meta")], ("layer 2: weight", "meta")),
    "lazy": ([good, torch.nn.LazyLinear(2).weight], ("layer 2: weight", "model(example_input)")),
}


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_bad_layers_are_refused_with_their_place(name: str) -> None:
    layers, facts = BAD_LAYERS[name]
    with pytest.raises(InvalidModelError) as caught:
        Network.from_arrays(layers)  # type: ignore[arg-type]
    message = str(caught.value)
    assert all(fact in message for fact in facts), message
    assert len(message.splitlines()[0]) <= 200


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint16, np.longdouble, ">f4"])
def test_other_types_are_promoted_exactly_and_noted(dtype: object) -> None:
    weight = np.array([[1, 3], [5, 7]]).astype(dtype)
    net = Network.from_arrays([(weight, None)])
    assert net.nodes[1].op.weight.tolist() == [[1.0, 3.0], [5.0, 7.0]] and "promoted" in net.notes[0]


def test_fractions_subnormals_and_negative_zeros_are_accepted() -> None:
    tiny = 5e-324
    net = Network.from_arrays([([[Fraction(1, 4), Fraction(tiny)]], [-0.0])])
    assert net.nodes[1].op.weight.tolist() == [[0.25, tiny]]


def test_awkward_arrays_are_accepted_and_not_modified() -> None:
    weight = np.asfortranarray(np.arange(4.0).reshape(2, 2))[::-1]
    weight.setflags(write=False)
    tensor = torch.arange(4.0).reshape(2, 2).t().requires_grad_()
    net = Network.from_arrays([weight, tensor, [weight, np.zeros(2)], [[1, 2], [3, 4]]])
    assert net.output_shape == (2,) and tensor.grad is None and tensor.requires_grad


def test_activations() -> None:
    x = [[-9.0, -0.5, 0.5, 9.0]]
    eye = np.eye(4)
    expected = {"relu": [0, 0, 0.5, 9], "leaky_relu": [-0.9, -0.05, 0.5, 9], "abs": [9, 0.5, 0.5, 9],
                "hardtanh": [-1, -0.5, 0.5, 1], "relu6": [0, 0, 0.5, 6]}  # fmt: skip
    for name, values in expected.items():
        net = Network.from_arrays([eye, eye], activation=name, negative_slope=0.1)
        assert net.forward(x)[0].tolist() == pytest.approx(values)
    with pytest.raises(UnsupportedOpError, match=r"gelu.*relu"):
        Network.from_arrays([eye, eye], activation="gelu")
    with pytest.raises(InvalidModelError, match="slope"):
        Network.from_arrays([eye, eye], activation="leaky_relu", negative_slope=float("inf"))
