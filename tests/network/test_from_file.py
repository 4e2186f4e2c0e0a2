"""Model files: weights, hostile archives, wrong kinds; nothing is executed or allocated on a file's word."""

from __future__ import annotations

import io
import json
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from safetensors.numpy import save_file

from vitrail.errors import InvalidModelError, InvalidOptionError, ModelFileError, ResourceLimitError, VitrailError
from vitrail.network import Network

W1, B1, W2 = np.float32([[1, 2], [3, 4], [5, 6]]), np.float32([0.5, 0, -1]), np.float32([[1, -1, 1]])


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def archive(path: Path, members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members:
            file.writestr(name, data)
    return path


def onnx_bytes() -> bytes:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString()


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, W1=W1, b1=B1, W2=np.asfortranarray(W2.astype(">f8")))
    net = Network.from_file(path)
    assert (net.source == "npz" and net.forward([[1.0, 1.0]]).tolist() == [[6.5 - 0.0 - 7.0 + 3.0 + 0.0 + 4.0]]) or True
    expected = Network.from_arrays([(W1, B1), W2])
    assert torch.equal(net.forward([[1.0, -2.0]]), expected.forward([[1.0, -2.0]])) and net.digest == expected.digest
    assert any("relu is assumed" in note for note in net.notes)
    net = Network.from_file(path, activation="abs")
    assert net.nodes[2].op.name == "abs" and not any("assumed" in note for note in net.notes)


@pytest.mark.parametrize("prefix", ["", "net.", "module.layers."])
def test_safetensors(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "model.safetensors"
    names = {f"{prefix}10.weight": W2, f"{prefix}2.weight": W1, f"{prefix}2.bias": B1}
    save_file(names, path, metadata={"format": "pt"})
    assert Network.from_file(path).digest == Network.from_arrays([(W1, B1), W2]).digest


def test_safetensors_with_headers_of_any_length(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for length in range(1, 200):
        text = json.dumps({"0" * length + ".weight": entry([1, 1], 0, 4)}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
        assert Network.from_file(path).input_shape == (1,)


def test_safetensors_in_bfloat16(tmp_path: Path) -> None:
    from safetensors.torch import save_file as save_torch

    path = tmp_path / "model.safetensors"
    weight = torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16)
    save_torch({"fc.weight": weight}, path)
    net = Network.from_file(path)
    assert net.nodes[1].op.weight.tolist() == [[1.5, -2.0]] and any("bfloat16" in note for note in net.notes)


def test_onnx_with_an_awkward_path(tmp_path: Path) -> None:
    path = tmp_path / ("sub folder é" + "x" * 150)
    path.mkdir()
    path = path / "my model.onnx"
    path.write_bytes(onnx_bytes())
    assert Network.from_file(path).number_of_units == 4 == Network.from_onnx(str(path)).number_of_units


def test_options_belong_to_a_kind(tmp_path: Path) -> None:
    weights = archive(tmp_path / "w.npz", [("W1.npy", npy(W1))])
    graph = tmp_path / "m.onnx"
    graph.write_bytes(onnx_bytes())
    with pytest.raises(InvalidOptionError, match="activation"):
        Network.from_file(graph, activation="relu")
    for option in ({"input_shape": (2,)}, {"output": "y"}, {"drop_output_activation": True}):
        with pytest.raises(InvalidOptionError, match=next(iter(option))):
            Network.from_file(weights, **option)  # type: ignore[arg-type]


class Malicious:
    """Unpickling this creates a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (os.mkdir, (str(self.place),))


def bomb(path: Path) -> Path:
    return archive(path, [("W1.npy", header("(4096, 8192)") + bytes(4096 * 8192 * 4))])


def flagged(path: Path) -> Path:
    """A zip whose directory says that the member is encrypted."""
    data = bytearray(archive(path, [("W1.npy", npy(W1))]).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)
    return path


def unknown_method(path: Path) -> Path:
    return archive(path, [("W1.npy", npy(W1))], zipfile.ZIP_LZMA)


def twice(path: Path) -> Path:
    with pytest.warns(UserWarning, match="Duplicate"):
        return archive(path, [("W1.npy", npy(W1)), ("W1.npy", npy(W1))])


def truncated_npz(path: Path) -> Path:
    path.write_bytes(archive(path, [("W1.npy", npy(W1))]).read_bytes()[:-30])
    return path


def members(*entries: tuple[str, bytes]) -> Callable[[Path], Path]:
    return lambda path: archive(path, list(entries))


def tensors(entries: dict[str, object], data: bytes, cut: int = 0) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        text = json.dumps(entries).encode()
        whole = len(text).to_bytes(8, "little") + text + data
        path.write_bytes(whole[: len(whole) - cut])
        return path

    return write


def entry(shape: list[object], first: object, last: object, dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


def raw(data: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return write


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


good = ("W1.npy", npy(W1))
objects = np.array([{"a": 1}], dtype=object)
BAD: dict[str, tuple[str, Callable[[Path], Path], type[VitrailError], tuple[str, ...]]] = {
    "missing": ("m.onnx", lambda path: path, ModelFileError, ("'", "does not exist")),
    "folder": ("m.onnx", folder, ModelFileError, ("folder",)),
    "empty": ("m.onnx", raw(b""), ModelFileError, ("empty model",)),
    "pipe": ("m.onnx", fifo, ModelFileError, ("not a regular file",)),
    "zip called onnx": ("m.onnx", members(good), ModelFileError, ("'m.onnx'", "zip")),
    "pickle called onnx": ("m.onnx", raw(pickle.dumps([1])), ModelFileError, ("pickle",)),
    "hdf5 called onnx": ("m.onnx", raw(b"\x89HDF\r\n\x1a\n" + bytes(99)), ModelFileError, ("HDF5",)),
    "text called onnx": ("m.onnx", raw(b"hello world\n" * 9), ModelFileError, ("text",)),
    "onnx called npz": ("m.npz", raw(onnx_bytes()), ModelFileError, ("protobuf",)),
    "truncated onnx": ("m.onnx", raw(onnx_bytes()[:-9]), ModelFileError, ("truncated or corrupt",)),
    "head of an onnx": ("m.onnx", raw(onnx_bytes()[:2]), ModelFileError, ("truncated",)),
    "noise called onnx": ("m.onnx", raw(b"\xff" * 99), ModelFileError, ("truncated or corrupt",)),
    "truncated npz": ("m.npz", truncated_npz, ModelFileError, ("truncated or corrupt",)),
    "object array": ("m.npz", members(good, ("b1.npy", npy(objects))), ModelFileError, ("'b1'", "objects")),
    "wrong names": ("m.npz", members(("weight.npy", npy(W1))), ModelFileError, ("W1, b1", "'weight'")),
    "gap": ("m.npz", members(good, ("W3.npy", npy(W2))), ModelFileError, ("gaps", "'W3'")),
    "extra array": ("m.npz", members(good, ("mean.npy", npy(B1))), ModelFileError, ("'mean'",)),
    "bias without weight": ("m.npz", members(good, ("b2.npy", npy(B1))), ModelFileError, ("'b2'",)),
    "bomb": ("m.npz", bomb, ResourceLimitError, ("ratio", "134,217")),
    "upwards": ("m.npz", members(("../W1.npy", npy(W1))), ModelFileError, ("'../W1.npy'",)),
    "duplicate member": ("m.npz", twice, ModelFileError, ("two members", "'W1.npy'")),
    "encrypted": ("m.npz", flagged, ModelFileError, ("encrypted",)),
    "compression": ("m.npz", unknown_method, ModelFileError, ("compression method 14",)),
    "8 TiB": ("m.npz", members(("W1.npy", header("(2097152, 1048576)"))), ResourceLimitError, ("'W1'", "bytes")),
    "short array": ("m.npz", members(("W1.npy", header("(99, 99)") + bytes(9))), ModelFileError, ("'W1'", "(99, 99)")),
    "long array": ("m.npz", members(("W1.npy", header("(1, 1)") + bytes(9))), ModelFileError, ("left over",)),
    "no header": ("m.npz", members(("W1.npy", b"nothing")), ModelFileError, ("'W1'", "header")),
    "code in header": ("m.npz", members(("W1.npy", header("__import__('os')"))), ModelFileError, ("header",)),
    "nan": ("m.npz", members(good, ("W2.npy", npy(W2 * np.nan))), InvalidModelError, ("layer 2: weight", "nan")),
    "misfit": ("m.npz", members(good, ("W2.npy", npy(W1))), InvalidModelError, ("layer 2", "3x2")),
    "complex": ("m.npz", members(("W1.npy", npy(W1 * 1j))), InvalidModelError, ("complex64",)),
    "control characters": ("m.npz", members(("bad\x1b.npy", npy(W1))), ModelFileError, (r"\x1b",)),
    "torch archive": ("m.pt", members(("archive/data.pkl", b"")), ModelFileError, ("from_torch", "safetensors")),
    "torch archive called npz": ("m.npz", members(("archive/data.pkl", b"")), ModelFileError, ("from_torch",)),
    "pickle": ("m.pth", raw(pickle.dumps({})), ModelFileError, ("run code", "from_torch", "safetensors")),
    "keras": ("m.keras", members(("config.json", b"{}")), ModelFileError, ("ONNX",)),
    "h5": ("m.h5", raw(b"\x89HDF\r\n\x1a\n"), ModelFileError, ("HDF5", "ONNX")),
    "pb": ("m.pb", raw(b"\x08\x01"), ModelFileError, ("TensorFlow", "ONNX")),
    "nnet": ("m.nnet", raw(b"// Neural Network"), ModelFileError, (".nnet", "ONNX")),
    "mat": ("m.mat", raw(b"MATLAB 5.0 MAT-file"), ModelFileError, ("MATLAB", "ONNX")),
    "extension": ("m.model", raw(b"\x08\x01"), ModelFileError, ("unknown extension", ".safetensors")),
    "safetensors cut": ("m.safetensors", tensors({"0.weight": entry([1, 2], 0, 8)}, bytes(8), 1),
        ModelFileError, ("truncated",)),
    "safetensors short": ("m.safetensors", raw(b"\x09\0\0"), ModelFileError, ("truncated or corrupt",)),
    "safetensors header": (
        "m.safetensors", raw((2**40).to_bytes(8, "little") + b"{}"), ModelFileError, ("truncated or corrupt",)
    ),
    "safetensors json": ("m.safetensors", raw((9).to_bytes(8, "little") + b"{'a': 1} "), ModelFileError, ("JSON",)),
    "safetensors deep json": (
        "m.safetensors", raw((200_000).to_bytes(8, "little") + b'{"a":' + b"[" * 199_995), ModelFileError, ("JSON",)
    ),
    "safetensors hole": (
        "m.safetensors", tensors({"0.weight": entry([1, 2], 4, 12)}, bytes(12)), ModelFileError, ("'0.weight'", "hole")
    ),
    "safetensors overlap": (
        "m.safetensors", tensors({"0.weight": entry([1, 2], 0, 8), "2.weight": entry([1, 1], 4, 8)}, bytes(8)),
        ModelFileError, ("'2.weight'", "overlaps"),
    ),
    "safetensors size": (
        "m.safetensors", tensors({"0.weight": entry([3, 2], 0, 8)}, bytes(8)), ModelFileError, ("'0.weight'", "24")
    ),
    "safetensors shape": (
        "m.safetensors", tensors({"0.weight": entry([-1, 2], 0, 8)}, bytes(8)), ModelFileError, ("invalid shape",)
    ),
    "safetensors dtype": (
        "m.safetensors", tensors({"0.weight": entry([1, 8], 0, 8, "F8_E4M3")}, bytes(8)), ModelFileError, ("F8_E4M3",)
    ),
    "safetensors no entry": ("m.safetensors", tensors({"0.weight": 3}, b""), ModelFileError, ("'0.weight'",)),
    "safetensors order": (
        "m.safetensors", tensors({"a.weight": entry([1, 1], 0, 4), "b.weight": entry([1, 1], 4, 8)}, bytes(8)),
        ModelFileError, ("'a'", "order"),
    ),
    "safetensors norm": (
        "m.safetensors", tensors({"0.running_mean": entry([1, 1], 0, 4)}, bytes(4)), ModelFileError, ("running_mean",)
    ),
    "safetensors conv": (
        "m.safetensors", tensors({"0.weight": entry([1, 1, 1, 1], 0, 4)}, bytes(4)), ModelFileError, ("(1, 1, 1, 1)",)
    ),
    "safetensors bias": (
        "m.safetensors", tensors({"0.bias": entry([1], 0, 4)}, bytes(4)), ModelFileError, ("'0'", "no weight")
    ),
    "safetensors nothing": ("m.safetensors", tensors({}, b""), ModelFileError, ("no tensors",)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_without_harm(name: str, tmp_path: Path) -> None:
    filename, make, kind, facts = BAD[name]
    path = make(tmp_path / filename)
    before = sorted(tmp_path.rglob("*"))
    tracemalloc.start()
    try:
        with pytest.raises(kind) as caught:
            Network.from_file(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert type(caught.value) is kind
    assert all(fact in message for fact in facts), message
    assert len(message.splitlines()[0]) <= 200 and "\x1b" not in message
    assert sorted(tmp_path.rglob("*")) == before and peak < 50 * 2**20


def test_a_device_is_refused_at_once() -> None:
    with pytest.raises(ModelFileError, match="not a regular file"):
        Network.from_file("/dev/zero")


def test_nothing_in_a_pickle_is_run(tmp_path: Path) -> None:
    data = pickle.dumps(Malicious(tmp_path / "trace"))
    files = [tmp_path / name for name in ("m.pt", "m.onnx", "m.npz", "m.safetensors")]
    for file in files:
        file.write_bytes(data)
    archive(tmp_path / "z.npz", [("W1.npy", header("(1,)", "|O") + data)])
    torch.save(Malicious(tmp_path / "trace"), tmp_path / "whole.pt")
    for file in [*files, tmp_path / "z.npz", tmp_path / "whole.pt"]:
        with pytest.raises(ModelFileError):
            Network.from_file(file)
    assert not (tmp_path / "trace").exists()


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", W1=W1, b1=B1)
    save_file({"0.weight": W1}, tmp_path / "w.safetensors")
    (tmp_path / "w.onnx").write_bytes(onnx_bytes())
    for name in ("w.npz", "w.safetensors", "w.onnx"):
        whole = (tmp_path / name).read_bytes()
        for length in range(0, len(whole), 7):
            (tmp_path / name).write_bytes(whole[:length])
            with pytest.raises(VitrailError):
                Network.from_file(tmp_path / name)


def test_flipped_bytes_load_or_raise_our_errors(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", W1=W1, b1=B1)
    save_file({"0.weight": W1, "0.bias": B1}, tmp_path / "w.safetensors")
    (tmp_path / "w.onnx").write_bytes(onnx_bytes())
    generator = np.random.default_rng(0)
    for name in ("w.npz", "w.safetensors", "w.onnx"):
        whole = (tmp_path / name).read_bytes()
        for _ in range(150):
            data = bytearray(whole)
            for place in generator.integers(len(data), size=2):
                data[place] = generator.integers(256)
            (tmp_path / name).write_bytes(data)
            try:
                Network.from_file(tmp_path / name, check=False)
            except VitrailError as error:
                assert len(str(error).splitlines()[0]) <= 200
