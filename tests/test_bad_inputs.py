"""Bad inputs: each gives the right class and exit code, one line that says what was found, and nothing is written."""

from __future__ import annotations

import datetime
import io
import json
import os
import pickle
import re
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vitrail
from vitrail import Box, Line, Plane, Polygon, Segment
from vitrail.cli import main
from vitrail.data import digits_network_path
from vitrail.errors import (
    InvalidDomainError,
    InvalidModelError,
    InvalidOptionError,
    ModelFileError,
    ResourceLimitError,
    StoreError,
    UnsupportedOpError,
    VitrailError,
)

NAN, INF = float("nan"), float("inf")
DIGITS = str(digits_network_path())
LONGEST = 240  # "about 200 characters", without "error: "


def check_line(line: str) -> None:
    assert line and line.isprintable() and len(line) <= LONGEST, line
    assert "Traceback" not in line and " object at 0x" not in line


def refusal(error: type[VitrailError], action: Callable[[], object]) -> str:
    """The first line of the error that the action raises."""
    started = time.perf_counter()
    with pytest.raises(VitrailError) as caught:
        action()
    assert type(caught.value) is error, repr(caught.value)
    assert time.perf_counter() - started < 5
    first = str(caught.value).split("\n")[0]
    check_line(first)
    return first


# ---- domains (rows 31 to 49) ---------------------------------------------------------------------------------------

DOMAINS: dict[str, tuple[Callable[[], object], str]] = {
    "box lo above hi": (lambda: Box([0.0, 2.0], [1.0, 1.0]), "lo 2.0 is above hi 1.0 in coordinate 1"),
    "box lo equals hi": (lambda: Box([0.0, 1.0], [1.0, 1.0]), r"lo equals hi \(1.0\) in coordinate 1.*Segment"),
    "box one point": (lambda: Box([0.0], [0.0]), "coordinate 0"),
    "box nan": (lambda: Box([0.0, NAN], [1.0, 1.0]), "nan at index 1|nan at index .1"),
    "box infinite": (lambda: Box([0.0, 0.0], [1.0, INF]), "inf at index"),
    "box minus infinity": (lambda: Box([-INF, 0.0], [1.0, 1.0]), "-inf at index"),
    "box lengths": (lambda: Box([0.0, 0.0], [1.0]), r"\(2,\) and \(1,\)"),
    "box lengths at the end": (lambda: Box([0.0], [1.0, 1.0]), r"\(1,\) and \(2,\)"),
    "box scalar": (lambda: Box(0.0, 1.0), r"\(\)"),
    "box empty": (lambda: Box([], []), "shape"),
    "box matrix": (lambda: Box([[0.0, 0.0]], [[1.0, 1.0]]), r"\(1, 2\)"),
    "box overflow": (lambda: Box([-1.7e308, 0.0], [1.7e308, 1.0]), "overflows"),
    "box text": (lambda: Box(["a", "b"], ["c", "d"]), "real numbers"),
    "box none": (lambda: Box(None, None), "real numbers"),
    "box dates": (lambda: Box([datetime.date(2020, 1, 1)], [datetime.date(2020, 1, 2)]), "real numbers"),
    "box complex": (lambda: Box([0.0], [1j]), "complex"),
    "box bool": (lambda: Box([False], [True]), "bool"),
    "box ragged": (lambda: Box([0.0, [1.0]], [1.0, 1.0]), "regular array"),
    "segment of one point": (lambda: Segment([1.0, 2.0], [1.0, 2.0]), "same point"),
    "segment of minus zero": (lambda: Segment([0.0], [-0.0]), "same point"),
    "segment shapes": (lambda: Segment([0.0, 0.0], [1.0]), r"\(2,\).*\(1,\)"),
    "segment shapes of one size": (lambda: Segment(np.zeros((2, 2)), np.ones(4)), r"\(2, 2\).*\(4,\)"),
    "segment nan": (lambda: Segment([0.0, 0.0], [1.0, NAN]), "stop: nan"),
    "segment infinite": (lambda: Segment([INF, 0.0], [1.0, 0.0]), "start: inf"),
    "segment overflow": (lambda: Segment([-1.7e308], [1.7e308]), "overflows"),
    "segment text": (lambda: Segment("here", "there"), "real numbers"),
    "segment empty": (lambda: Segment([], []), "shape"),
    "line without direction": (lambda: Line([1.0, 2.0], [0.0, -0.0]), "direction is zero"),
    "line shapes": (lambda: Line([1.0, 2.0], [1.0]), r"\(2,\).*\(1,\)"),
    "line infinite": (lambda: Line([0.0], [INF]), "direction: inf"),
    "line nan": (lambda: Line([NAN], [1.0]), "point: nan"),
    "plane parallel": (lambda: Plane([0.0] * 3, [1.0, 2.0, 3.0], [2.0, 4.0, 6.0]), "parallel"),
    "plane opposite": (lambda: Plane([0.0] * 3, [1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]), "parallel"),
    "plane nearly parallel": (lambda: Plane([0.0] * 2, [1.0, 1.0], [1.0, 1.0 + 2**-52]), "parallel"),
    "plane u zero": (lambda: Plane([0.0] * 2, [0.0, 0.0], [1.0, 0.0]), "zero"),
    "plane v zero": (lambda: Plane([0.0] * 2, [1.0, 0.0], [0.0, 0.0]), "zero"),
    "plane nan": (lambda: Plane([0.0, NAN], [1.0, 0.0], [0.0, 1.0]), "origin: nan"),
    "plane limits": (lambda: Plane([0.0] * 2, [1.0, 0.0], [0.0, 1.0], (-1.0, 1.0), (1.0, 1.0)), "coordinate 1"),
    "plane limits length": (lambda: Plane([0.0] * 2, [1.0, 0.0], [0.0, 1.0], (-1.0,), (1.0,)), r"\(2,\)"),
    "plane shapes": (lambda: Plane([0.0] * 2, [1.0, 0.0], [0.0, 1.0, 0.0]), r"\(2,\).*\(3,\)"),
    "through one line": (lambda: Plane.through([0.0, 0.0], [1.0, 1.0], [3.0, 3.0]), "on one line"),
    "through two points": (lambda: Plane.through([0.0, 0.0], [1.0, 1.0], [1.0, 1.0]), "on one line"),
    "through one point": (lambda: Plane.through([1.0, 0.0], [1.0, 0.0], [1.0, 0.0]), "on one line"),
    "through margin 0": (lambda: Plane.through([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], margin=0.0), "margin.*0.0"),
    "through margin nan": (lambda: Plane.through([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], margin=NAN), "margin.*nan"),
    "through shapes": (lambda: Plane.through([0.0, 0.0], [1.0, 0.0], [0.0, 1.0, 2.0]), r"\(3,\)"),
    "polygon of two": (lambda: Polygon([[0.0, 0.0], [1.0, 1.0]]), "at least 3.*found 2"),
    "polygon of repeats": (lambda: Polygon([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), "at least 3.*found 2"),
    "polygon flat": (lambda: Polygon([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), "one line"),
    "polygon not convex": (lambda: Polygon([[0.0, 0.0], [2.0, 0.0], [0.5, 0.5], [0.0, 2.0]]), "not convex at vertex 2"),
    "polygon crossing itself": (lambda: Polygon([[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]), "polygon"),
    "polygon star": (
        lambda: Polygon([[np.cos(4 * np.pi * i / 5), np.sin(4 * np.pi * i / 5)] for i in range(5)]),
        "not convex",
    ),
    "polygon in space": (lambda: Polygon([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), r"\(m, 2\)"),
    "polygon nan": (lambda: Polygon([[0.0, 0.0], [1.0, 0.0], [0.0, NAN]]), "nan"),
    "polygon none": (lambda: Polygon(None), "real numbers"),
}


@pytest.mark.parametrize("case", DOMAINS)
def test_domains(case: str) -> None:
    action, words = DOMAINS[case]
    message = refusal(InvalidDomainError, action)
    assert re.search(words, message), message


def test_domains_that_are_fine() -> None:
    assert Polygon([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).measure == 0.5  # clockwise
    assert len(Polygon([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).corners) == 3  # an exact repeat
    assert len(Polygon([[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [0.0, 1.0]]).corners) == 3  # a straight corner
    mixed = Segment(torch.tensor([0.1, 0.2]), np.array([1, 2], dtype=np.int8))
    assert np.ravel(mixed.start).tolist() == [float(np.float32(0.1)), float(np.float32(0.2))]
    trained = torch.tensor([0.5, 1.0], requires_grad=True)
    assert Line(trained, [1.0, 0.0]).frame.origin.tolist() == [0.5, 1.0] and trained.requires_grad


@pytest.mark.parametrize(
    "domain",
    [Segment([0.0] * 3, [1.0] * 3), Line([0.0], [1.0]), Plane(*np.eye(3)), Box([0.0], [1.0])],
    ids=lambda domain: type(domain).__name__,
)
def test_domains_in_another_space(domain: Any) -> None:
    net = vitrail.Network.from_arrays([([[1.0, 2.0]], [0.5])])
    for action in (vitrail.enumerate_regions, vitrail.count_regions):
        message = refusal(InvalidDomainError, lambda a=action: a(net, domain))  # type: ignore[misc]
        assert f"{domain.frame.origin.size} inputs" in message and "takes 2" in message


def test_domains_of_different_kinds() -> None:
    net = vitrail.Network.from_arrays([([[1.0, 2.0]], [0.5])])
    domains = [Segment([0.0, 0.0], [1.0, 1.0]), Box([0.0, 0.0], [1.0, 1.0])]
    assert "1 and 2" in refusal(InvalidDomainError, lambda: vitrail.count_regions(net, domains))


# ---- options (rows 51 to 56) ---------------------------------------------------------------------------------------

OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    **{f"max_regions {v!r}": ({"max_regions": v}, repr(v)) for v in (0, -5, 2.0, True, 1e30, "9", NAN)},
    **{f"time_limit {v!r}": ({"time_limit": v}, repr(v)) for v in (0, -1.0, NAN, INF, "9", True)},
    **{f"memory {v!r}": ({"memory": v}, repr(v)) for v in (0, -1, 1000, 1e9)},
    **{f"executor {v!r}": ({"executor": v}, type(v).__name__) for v in (0, -3, 10_000, "many")},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options(case: str) -> None:
    options, words = OPTIONS[case]
    net, box = vitrail.Network.from_arrays([([[1.0]], None)]), Box([0.0], [1.0])
    for action in (vitrail.enumerate_regions, vitrail.count_regions):
        message = refusal(InvalidOptionError, lambda a=action: a(net, box, **options))  # type: ignore[misc]
        assert next(iter(options)) in message and words in message


def test_unknown_definition() -> None:
    net, box = vitrail.Network.from_arrays([([[1.0]], None)]), Box([0.0], [1.0])
    for action in (vitrail.enumerate_regions(net, box).count, lambda d: vitrail.count_regions(net, box, d)):
        message = refusal(InvalidOptionError, lambda a=action: a("lineal"))  # type: ignore[misc]
        assert "'lineal'" in message and "did you mean 'linear'" in message
        refusal(InvalidOptionError, lambda a=action: a(None))  # type: ignore[misc]


# ---- the command line: every case in one folder, which stays as it was -----------------------------------------------


class Trap:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, ("executed",)


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, warnings.catch_warnings(action="ignore"):
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npy_header(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00v\x00" + text.ljust(117) + b"\n"


def vnnlib(bounds: str) -> bytes:
    """A property of two inputs."""
    return "".join(f"(declare-const X_{i} Real)" + bounds.format(i, i) for i in (0, 1)).encode()


def material() -> dict[str, bytes]:
    """Files that the cases use, by name."""
    two = npz(W1=np.array([[1.0, 0], [0, 1], [1, 1]]), b1=np.array([0, 0, -0.5]), W2=np.ones((1, 3)))
    encrypted = bytearray(zipped(("W1.npy", npy(np.eye(2)))))
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    unknown = zipped(("W1.npy", npy(np.eye(2))), method=zipfile.ZIP_LZMA)
    state = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2).state_dict(), state)
    module = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), module)
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (8).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0" + bytes(4)
    return {
        "two.npz": two,
        "empty.onnx": b"",
        "empty.npz": b"",
        "zip.onnx": two,
        "onnx.npz": b"\x08\x08\x12\x04test",
        "cut.npz": two[: len(two) // 2],
        "cut2.npz": two[:-1],
        "cut.onnx": b"\x08\x08\x12\x7ftest",
        "cut.safetensors": b"\x40\0\0\0\0\0\0\0{",
        "text.onnx": b"not a model\n",
        "pickle.pt": pickle.dumps(Trap(), protocol=2),
        "pickle.onnx": pickle.dumps(Trap(), protocol=4),
        "state.pt": state.getvalue(),
        "module.pth": module.getvalue(),
        **{f"m.{kind}": b"\x89HDF\r\n\x1a\nxxxx" for kind in ("h5", "keras")},
        **{f"m.{kind}": b"some text\n" for kind in ("pb", "nnet", "mat", "xyz")},
        "noextension": b"some text\n",
        "object.npz": npz(W1=np.array([Trap()], dtype=object)),
        "names.npz": npz(weights=np.eye(2), W2=np.eye(2)),
        "gap.npz": npz(W1=np.eye(2), W3=np.eye(2)),
        "lonely.npz": npz(W1=np.eye(2), b2=np.zeros(2)),
        "extra.npz": npz(W1=np.eye(2), epoch=np.zeros(1)),
        "bomb.npz": zipped(("W1.npy", npy_header("(40000000,)") + bytes(320_000_000)), method=zipfile.ZIP_DEFLATED),
        "outside.npz": zipped(("../W1.npy", npy(np.eye(2)))),
        "twice.npz": zipped(("W1.npy", npy(np.eye(2))), ("W1.npy", npy(np.eye(2)))),
        "encrypted.npz": bytes(encrypted),
        "lzma.npz": unknown,
        "terabytes.npz": zipped(("W1.npy", npy_header("(1099511627776,)") + bytes(64))),
        "negative.npz": zipped(("W1.npy", npy_header("(-1, 2)") + bytes(64))),
        "nan.npz": npz(W1=np.array([[1.0, NAN]])),
        "shapes.npz": npz(W1=np.ones((3, 2)), W2=np.ones((1, 4))),
        "five.npz": npz(W1=np.ones((1, 5)), W2=np.ones((1, 1))),
        "seventeen.npz": npz(W1=np.ones((1, 17)), W2=np.ones((1, 1))),
        "p.vnnlib": vnnlib("(assert (>= X_{} 0))(assert (<= X_{} 1))"),
        "flat.vnnlib": vnnlib("(assert (and (>= X_{} 0) (<= X_{} 0)))"),
        "or.vnnlib": b"(declare-const X_0 Real)\n(assert (or (<= X_0 1) (>= X_0 2)))",
        "deep.vnnlib": b"(" * 100_000,
        "p.npy": npy(np.array([[0.0, 0], [1, 0], [0, 1]])),
        "line.npy": npy(np.array([[0.0, 0], [1, 1], [2, 2]])),
        "same.npy": npy(np.zeros((3, 2))),
        "infinite.npy": npy(np.array([[0.0, 0], [1, INF]])),
        "huge.npy": npy(np.array([[-1.7e308, 0], [1.7e308, 0]])),
        "wide.npy": npy(np.zeros((3, 5))),
        "text.npy": npy(np.array([["a", "b"], ["c", "d"]])),
        "object.npy": b"".join([npy_header("(1,)", "'|O'"), pickle.dumps([Trap()])]),
        "terabytes.npy": npy_header("(549755813888, 2)") + bytes(64),
        "cut.npy": npy(np.zeros((3, 2)))[:-9],
        "empty.npy": b"",
        "fake.npy": b"hello",
        "many.npz": npz(a=np.zeros((2, 2)), b=np.ones((2, 2))),
        "none.npz": npz(a=np.zeros((2, 3))),
        "words.csv": b"x,y\n1,2\n",
        "comma.csv": b"0,5;1,5\n2,5;3,5\n",
        "ragged.csv": b"1,2\n3\n",
        "blank.csv": b"\n",
        "bytes.csv": b"\xff\xfe\x00",
        "cut.png": png,
        "big.png": png.replace((8).to_bytes(4, "big") * 2, b"\x7f\xff\xff\xff" * 2),
        "fake.png": b"hello",
        "a\n\x1b[31m.npz": b"\x80\x04x",
    }


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Import what the cases need, so that none of them is charged for it."""
    assert vitrail.Network and vitrail.enumerate_regions and vitrail.Count


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return material()


@pytest.fixture
def folder(files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files, also the current one; at the end nothing in it may have changed."""
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "pipe.onnx")
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.npz").mkdir()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    yield tmp_path
    assert sorted(tmp_path.rglob("*")) == before
    assert all((tmp_path / name).read_bytes() == data for name, data in files.items())


def run_all(cases: dict[str, tuple[int, str]], capsys: pytest.CaptureFixture[str]) -> None:
    """Run each command line; `cases` gives its exit code and words of its one line."""
    for command, (code, words) in cases.items():
        started = time.perf_counter()
        found = main(command.split("|"))
        seconds = time.perf_counter() - started
        out, err = capsys.readouterr()
        lines = err.split("\n")
        assert found == code, (command, found, err)
        assert out == "", command
        assert lines[0].startswith("error: ") and lines[-1] == "", (command, err)
        assert all(line.startswith("hint: ") for line in lines[1:-1]), (command, err)
        check_line(lines[0].removeprefix("error: "))
        assert all(line.isprintable() for line in lines[1:-1])
        for word in words.split("|"):
            assert word in err, (command, word, err)
        assert seconds < 5, command


BAD_USAGE = {
    "regons": (2, "regons|regions|vitrail --help"),
    "": (2, "No such command"),
    "regions": (2, "MODEL|vitrail regions --help"),
    "regions|two.npz|--bx|1,2": (2, "--bx|--box"),
    "regions|two.npz|--box=-1,1|--sgement": (2, "--sgement|--segment"),
    "regions|two.npz|other.npz|--box=-1,1": (2, "other.npz"),
    "regions|two.npz": (2, "exactly one of --segment, --line, --plane, --box|none"),
    "regions|two.npz|--box=-1,1|--plane": (2, "--plane and --box"),
    "regions|two.npz|--segment|--line|--random|0": (2, "--segment and --line"),
    "regions|two.npz|--plane": (2, "--input FILE or --random SEED|neither"),
    "regions|two.npz|--plane|--random|0|--input|p.npy": (2, "--input FILE or --random SEED|both"),
    "regions|two.npz|--plane|--random|0|--rows|0,1,2": (2, "--rows|--random"),
    "regions|two.npz|--box=-1,1|--rows|0,1": (2, "--rows|--box"),
    "regions|two.npz|--box=-1,1|--input|p.npy": (2, "--input|--box"),
    "regions|two.npz|--box=-1,1|--random|0": (2, "--random|--box"),
    "regions|two.npz|--box=-1,1|--margin|1": (2, "--margin|--box"),
    "regions|two.npz|--line|--random|0|--margin|1": (2, "--margin|--plane|--line"),
    "regions|two.npz|--line|--random|abc": (2, "--random|abc"),
    "regions|two.npz|--line|--random|1.5": (2, "--random|1.5"),
    "regions|two.npz|--line|--random|-1": (2, "--random|-1"),
    "regions|two.npz|--box": (2, "--box"),
    "regions|two.npz|--box|--segment": (2, "--segment"),
    **{
        f"regions|two.npz|--box={text}": (2, f"--box|{token}")
        for text, token in {
            "0,5:1": "0,5:1",
            "-1,5,1,5": "-1,5,1,5",
            "1.000,5,2": "1.000,5,2",
            "1_0,20": "1_0",
            "1e,2": "1e",
            "0,inf": "inf",
            "nan,1": "nan",
            "-inf:1,0:1": "-inf",
            "1e999,2": "1e999",
            "0x1,2": "0x1",
            "": "''",
            ",": "''",
            "1": "'1'",
            "1:2:3": "1:2:3",
            "0;1": "0;1",
            "a\x1b[31m,2": "\\x1b",
            "9" * 5000: "999...",
        }.items()
    },
    **{
        f"regions|two.npz|--segment|--input|p.npy|--rows={text}": (2, f"--rows|{token}")
        for text, token in {
            "0": "expected 2",
            "0,1,2": "expected 2",
            "0,-1": "-1",
            "0,x": "x",
            "0,3": "0 to 2",
            "": "''",
        }.items()
    },
    "regions|two.npz|--box=-1,1|--max-regions|0": (2, "--max-regions|'0'"),
    "regions|two.npz|--box=-1,1|--max-regions|1e30": (2, "--max-regions|1e30"),
    "regions|two.npz|--box=-1,1|--max-regions|-3": (2, "--max-regions|'-3'"),
    "regions|two.npz|--box=-1,1|--time-limit|0": (2, "--time-limit|'0'"),
    "regions|two.npz|--box=-1,1|--time-limit|nan": (2, "--time-limit|'nan'"),
    "regions|two.npz|--box=-1,1|--time-limit|soon": (2, "--time-limit|soon"),
    "regions|two.npz|--box=-1,1|--definition|lineal": (2, "--definition|'lineal'|'linear'"),
    "regions|two.npz|--box=-1,1|--require|certificated": (2, "--require|'certificated'|'certified'"),
    "regions|two.npz|--box=-1,1|--color|area": (2, "--color|--plot"),
    "regions|two.npz|--box=-1,1|--plot|a.png|--color|aera": (2, "--color|'aera'|'area'"),
    "regions|two.npz|--box=-1,1|--plot|a.gif": (2, "--plot|a.gif|.png"),
    "regions|two.npz|--box=-1,1|--out|a.csv": (2, "--out|a.csv|.parquet"),
    "regions|two.npz|--box=-1,1|--out|two.npz": (2, "--out|two.npz|model file"),
    "regions|two.npz|--box=-1,1|--out|a.npz|--count-only": (2, "--out|--count-only"),
    "regions|two.npz|--box=-1,1|--plot|a.png|--count-only": (2, "--plot|--count-only"),
    "regions|two.npz|--box=-1,1|--cells|vertex": (2, "--cells|'vertex'|'vertices'"),
    "regions|two.npz|--box=-1,1|--cells|vertices": (2, "cells: |dimension 3 and more, found dimension 2"),
    "regions|two.npz|--box=-1,1|--vnnlib|p.vnnlib": (2, "exactly one of|--box and --vnnlib"),
    "regions|two.npz|--box=-1,1|--space": (2, "exactly one of|--box and --space"),
    "regions|two.npz|--space|--random|0": (2, "--random does not go with --space"),
    "regions|two.npz|--vnnlib|p.vnnlib|--margin|1": (2, "--margin does not go with --vnnlib"),
    "regions|two.npz|--box=-1,1|--box=2": (2, "--box|'2'"),
    "regions|two.npz|--slice|2": (2, "--input FILE or --random SEED|neither"),
    "regions|two.npz|--slice|0|--random|0": (2, "--slice|at least 1|'0'"),
    "regions|two.npz|--slice|two|--random|0": (2, "--slice|'two'"),
    "regions|two.npz|--slice|2|--input|p.npy|--rows|0,1": (2, "expected 3 row numbers, found 2"),
    "regions|two.npz|--space|--plot|a.png": (2, "--plot|an unbounded domain|--plane"),
    "regions|seventeen.npz|--box=-1,1|--certify": (2, "--certify|at most 16 dimensions, found 17"),
    "regions|five.npz|--box=-1,1|--plot|a.png": (2, "--plot|up to 3 dimensions, found 5|--plane or --slice 3"),
    "regions|two.npz|--steps|1|--box=-1,1": (2, "--steps goes with --walk-from"),
    "regions|two.npz|--walk-from|p.npy|--steps|-1": (2, "--steps|at least 0|'-1'"),
    "regions|two.npz|--walk-from|p.npy|--steps|x": (2, "--steps|'x'"),
    "regions|two.npz|--walk-from|p.npy|--count-only": (2, "--count-only does not go with --walk-from"),
    "regions|two.npz|--walk-from|p.npy|--cells|auto": (2, "--cells does not go with --walk-from"),
    "regions|two.npz|--walk-from|p.npy|--plot|a.png": (2, "--plot does not go with --walk-from"),
    "regions|two.npz|--walk-from|p.npy|--exact|always": (2, "--exact always does not go with --walk-from"),
    "regions|two.npz|--walk-from|p.npy|--plane|--random|0": (2, "--walk-from goes with --box, --vnnlib or --space"),
    "regions|two.npz|--walk-from|p.npy|--input|p.npy": (2, "--input does not go with --space"),
    "regions|two.npz|--walk-from|p.npy|--rows|0,x": (2, "--rows|'x'"),
    "regions|two.npz|--walk-from|p.npy|--rows|3": (2, "--rows: expected rows from 0 to 2, found 3"),
    "info|two.npz|--input-shape|0": (2, "--input-shape|'0'"),
    "info|two.npz|--input-shape|2": (2, "input_shape"),
    "info|two.npz|--activation|gelu": (4, "gelu"),
    "info|two.npz|--negative-slope|x": (2, "--negative-slope|x"),
    "info|two.npz|--box|1,2": (2, "--box"),
}


def test_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_all(BAD_USAGE, capsys)


BAD_DOMAINS = {
    "regions|two.npz|--box|1,-1": (3, "lo 1.0 is above hi -1.0 in coordinate 0"),
    "regions|two.npz|--box|0:1,2:2": (3, "lo equals hi (2.0) in coordinate 1"),
    "regions|two.npz|--box=-1:1,-1:1,-1:1": (3, "3 inputs|takes 2"),
    "regions|two.npz|--box=-1.7e308,1.7e308": (3, "overflow"),
    "regions|two.npz|--segment|--input|p.npy|--rows|1,1": (3, "same point"),
    "regions|two.npz|--line|--input|same.npy": (3, "direction is zero"),
    "regions|two.npz|--plane|--input|line.npy": (3, "on one line"),
    "regions|two.npz|--plane|--input|same.npy": (3, "on one line"),
    "regions|two.npz|--plane|--input|p.npy|--margin|0": (3, "margin|0.0"),
    "regions|two.npz|--plane|--input|p.npy|--margin|nan": (2, "--margin|'nan'"),
    "regions|two.npz|--segment|--input|infinite.npy": (3, "inf"),
    "regions|two.npz|--line|--input|huge.npy": (3, "inf"),
    "regions|two.npz|--segment|--input|huge.npy": (3, "overflow"),
    "regions|two.npz|--segment|--input|wide.npy": (3, "(3, 5)|(2,)"),
    "regions|two.npz|--segment|--input|text.npy": (3, "text.npy"),
    "regions|two.npz|--segment|--input|object.npy": (3, "object.npy"),
    "regions|two.npz|--segment|--input|terabytes.npy": (3, "terabytes.npy|damaged"),
    "regions|two.npz|--segment|--input|cut.npy": (3, "cut.npy|damaged"),
    "regions|two.npz|--segment|--input|empty.npy": (3, "empty.npy|empty"),
    "regions|two.npz|--segment|--input|fake.npy": (3, "fake.npy|damaged"),
    "regions|two.npz|--segment|--input|missing.npy": (3, "missing.npy|does not exist"),
    "regions|two.npz|--segment|--input|pipe.npy": (3, "pipe.npy|pipe"),
    "regions|two.npz|--segment|--input|folder.npz": (3, "folder.npz|folder"),
    "regions|two.npz|--segment|--input|noextension": (3, "noextension|.npy"),
    "regions|two.npz|--segment|--input|many.npz": (3, "many.npz|2 arrays|'a'"),
    "regions|two.npz|--segment|--input|none.npz": (3, "none.npz|0 arrays|(2, 3)"),
    "regions|two.npz|--segment|--input|bomb.npz": (3, "bomb.npz|claims"),
    "regions|two.npz|--segment|--input|terabytes.npz": (3, "terabytes.npz|claims"),
    "regions|two.npz|--segment|--input|object.npz": (3, "object.npz|never loaded"),
    "regions|two.npz|--segment|--input|cut.npz": (3, "cut.npz|damaged"),
    "regions|two.npz|--segment|--input|words.csv": (3, "words.csv|x"),
    "regions|two.npz|--segment|--input|comma.csv": (3, "comma.csv|5;1"),
    "regions|two.npz|--segment|--input|ragged.csv": (3, "ragged.csv"),
    "regions|two.npz|--segment|--input|blank.csv": (3, "blank.csv"),
    "regions|two.npz|--segment|--input|bytes.csv": (3, "bytes.csv"),
    f"regions|{DIGITS}|--segment|--input|cut.png|--input|cut.png": (3, "cut.png|damaged"),
    f"regions|{DIGITS}|--segment|--input|big.png": (3, "big.png|2147483647"),
    f"regions|{DIGITS}|--segment|--input|fake.png": (3, "fake.png|PNG"),
    "regions|two.npz|--segment|--input|cut.png": (3, "cut.png|8 x 8|(2,)"),
    "regions|two.npz|--plane|--input|infinite.npy": (3, "needs 3 points, found 2"),
    "regions|five.npz|--box=-1,1|--box=0,1": (3, "2 inputs|takes 5"),
    "regions|five.npz|--vnnlib|p.vnnlib": (3, "found limits for 2 inputs, but the network takes 5"),
    "regions|two.npz|--vnnlib|flat.vnnlib": (3, "equal limits for every input"),
    "regions|two.npz|--vnnlib|missing.vnnlib": (3, "missing.vnnlib|does not exist"),
    "regions|two.npz|--vnnlib|p.npy": (3, "p.npy|line 1: not text"),
    "regions|two.npz|--vnnlib|words.csv": (3, "words.csv|line 1: expected a command"),
    "regions|two.npz|--vnnlib|or.vnnlib": (3, "or.vnnlib|line 2|disjunction"),
    "regions|two.npz|--vnnlib|deep.vnnlib": (3, "deep.vnnlib|64 deep"),
    "regions|two.npz|--slice|3|--random|0": (3, "3 directions in a space of 2 inputs"),
    "regions|two.npz|--slice|2|--input|line.npy": (3, "direction 1 depends on those before it"),
    "regions|two.npz|--slice|2|--random|0|--margin=-1": (3, "margin|-1.0"),
    "regions|two.npz|--slice|1|--input|huge.npy": (3, "inf"),
    "regions|two.npz|--walk-from|wide.npy": (3, "--walk-from|(3, 5)|(2,)"),
    "regions|two.npz|--walk-from|missing.npy": (3, "--walk-from|missing.npy|does not exist"),
    "regions|two.npz|--walk-from|infinite.npy": (3, "inf"),
    "regions|two.npz|--walk-from|p.npy|--box=2,3": (3, "seed"),
}


def test_domains_and_points(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_all(BAD_DOMAINS, capsys)


BAD_MODELS = {
    "missing.onnx": (ModelFileError, "missing.onnx|does not exist"),
    "folder": (ModelFileError, "folder"),
    "folder.npz": (ModelFileError, "folder.npz|is a folder"),
    "empty.onnx": (ModelFileError, "empty.onnx|empty"),
    "empty.npz": (ModelFileError, "empty.npz|empty"),
    "pipe.onnx": (ModelFileError, "pipe.onnx|not a regular file"),
    "/dev/zero": (ModelFileError, "/dev/zero|not a regular file"),
    "zip.onnx": (ModelFileError, "zip.onnx|zip"),
    "onnx.npz": (ModelFileError, "onnx.npz|protobuf"),
    "cut.npz": (ModelFileError, "cut.npz|truncated or corrupt"),
    "cut2.npz": (ModelFileError, "cut2.npz|truncated or corrupt"),
    "cut.onnx": (ModelFileError, "cut.onnx"),
    "cut.safetensors": (ModelFileError, "cut.safetensors|truncated or corrupt"),
    "text.onnx": (ModelFileError, "text.onnx|text"),
    "pickle.pt": (ModelFileError, "pickle.pt|never loaded|safetensors"),
    "pickle.onnx": (ModelFileError, "pickle.onnx"),
    "state.pt": (ModelFileError, "state.pt|never loaded|from_torch"),
    "module.pth": (ModelFileError, "module.pth|never loaded|state_dict"),
    "m.h5": (ModelFileError, "m.h5|not supported|ONNX"),
    "m.keras": (ModelFileError, "m.keras|not supported|ONNX"),
    "m.pb": (ModelFileError, "m.pb|not supported|ONNX"),
    "m.nnet": (ModelFileError, "m.nnet|not supported|ONNX"),
    "m.mat": (ModelFileError, "m.mat|not supported|ONNX"),
    "m.xyz": (ModelFileError, "m.xyz|unknown extension|.safetensors"),
    "noextension": (ModelFileError, "noextension|unknown extension"),
    "object.npz": (ModelFileError, "W1|never loaded"),
    "names.npz": (ModelFileError, "names.npz|W1, b1|weights"),
    "gap.npz": (ModelFileError, "gap.npz|without gaps"),
    "lonely.npz": (ModelFileError, "lonely.npz|b2"),
    "extra.npz": (ModelFileError, "extra.npz|epoch"),
    "bomb.npz": (ResourceLimitError, "bomb.npz|ratio"),
    "outside.npz": (ModelFileError, "outside.npz|../W1.npy"),
    "twice.npz": (ModelFileError, "twice.npz|two members"),
    "encrypted.npz": (ModelFileError, "encrypted.npz|encrypted"),
    "lzma.npz": (ModelFileError, "lzma.npz|compression"),
    "terabytes.npz": (ResourceLimitError, "W1|8,796,093,022,208"),
    "negative.npz": (ModelFileError, "W1"),
    "nan.npz": (InvalidModelError, "nan|[0, 1]"),
    "shapes.npz": (InvalidModelError, "layer 2|4|3"),
    "a\n\x1b[31m.npz": (ModelFileError, "\\x1b"),
    "n" * 300 + ".npz": (ModelFileError, "nnn"),
    "d/" * 3000 + "m.npz": (ModelFileError, "d/d/"),
    "nul\0.npz": (ModelFileError, "\\x00"),
    "\udcff.npz": (ModelFileError, "\\udcff"),
}


def test_model_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, (error, words) in BAD_MODELS.items():
        message = refusal(error, lambda n=name: vitrail.Network.from_file(n))  # type: ignore[misc]
        assert words.split("|")[0] in message, message
    for command in ("info|{}", "regions|{}|--box=-1,1"):
        run_all({command.format(name): (3, words) for name, (_, words) in BAD_MODELS.items()}, capsys)
    assert not (folder / "executed").exists()


def test_permissions(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # whoever runs the tests may be allowed to read everything
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    run_all({"info|two.npz": (3, "two.npz|permission denied")}, capsys)
    run_all({"regions|two.npz|--box=-1,1|--out|r.npz": (6, "r.npz|no permission")}, capsys)


def test_unsupported(folder: Path) -> None:
    message = refusal(UnsupportedOpError, lambda: vitrail.Network.from_file("two.npz", activation="tanh"))
    assert "tanh" in message and UnsupportedOpError.exit_code == 4


BAD_TARGETS = {
    "regions|two.npz|--box=-1,1|--out|none/r.npz": (6, "none/r.npz|does not exist"),
    "regions|two.npz|--box=-1,1|--out|folder.npz": (6, "folder.npz|is a folder"),
    "regions|two.npz|--box=-1,1|--out|two.npz/r.npz": (6, "two.npz/r.npz|not a folder"),
    "regions|two.npz|--box=-1,1|--plot|none/r.png": (6, "none/r.png|does not exist"),
    f"regions|two.npz|--box=-1,1|--out|{'r' * 300}.npz": (6, "rrr"),
    "regions|two.npz|--box=-1,1|--out|a\0.npz": (6, "\\x00"),
    "regions|missing.npz|--box=-1,1|--out|none/r.npz": (6, "none/r.npz"),
}


def test_targets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_all(BAD_TARGETS, capsys)


def test_nothing_is_written_when_the_search_fails(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise StoreError("a\x07b\nand a hint\nand another")

    monkeypatch.setitem(vars(vitrail), "enumerate_regions", fail)
    run_all({"regions|two.npz|--box=-1,1|--out|r.npz|--plot|r.png": (6, "a\\x07b|hint: and another")}, capsys)


def test_stdout_stays_empty_with_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_all({"info|nan.npz|--json": (3, "nan"), "regions|two.npz|--box=1,0|--json": (3, "above")}, capsys)
    assert main(["info", "two.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["units"] == 3


def test_the_checks_see() -> None:
    with pytest.raises(AssertionError):
        check_line("Traceback (most recent call last):")
    with pytest.raises(AssertionError):
        check_line("a" * (LONGEST + 1))
    with pytest.raises(AssertionError):
        check_line("a\x1b")
    with pytest.raises(AssertionError):
        refusal(InvalidOptionError, lambda: Box([0.0], [0.0]))
