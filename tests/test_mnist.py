"""Reading of images to train on: idx files taken for hostile, where they are found, downloads with a stand-in."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vitrail.data import mnist as module
from vitrail.data.mnist import IMAGE_SETS, ImageData, fashion_mnist, load_images, mnist, read_idx
from vitrail.errors import InvalidOptionError, ModelFileError, VitrailError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray) -> bytes:
    """The format as its description says: written with struct, number by number."""
    head = struct.pack(">HBB", 0, CODES[array.dtype.str[1:]], array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    letter = {"u1": "B", "i1": "b", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}[array.dtype.str[1:]]
    return head + struct.pack(f">{array.size}{letter}", *array.ravel().tolist())


@settings(max_examples=60, deadline=None)
@given(
    array=st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).flatmap(
        lambda kind: hnp.arrays(np.dtype(kind), hnp.array_shapes(max_dims=4, max_side=4, min_side=0))
    ),
    compressed=st.booleans(),
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, compressed: bool) -> None:
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(gzip.compress(idx(array)) if compressed else idx(array))
    found = read_idx(str(path))
    assert found.dtype == array.dtype and found.dtype.isnative and found.shape == array.shape
    np.testing.assert_array_equal(found, array)


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no bytes"),
        (GOOD[:3], "expected the start"),
        (b"\1" + GOOD[1:], "expected the start"),
        (GOOD[:2] + b"\x0a" + GOOD[3:], "expected the start"),
        (GOOD[:3] + b"\0" + GOOD[4:], "1 to 8 axes"),
        (GOOD[:3] + b"\xff" + GOOD[4:], "1 to 8 axes"),
        (GOOD[:9], "ends inside its 2 sizes"),
        (GOOD[:-1], "declare 6 bytes, found 5"),
        (GOOD + b"\0", "declare 6 bytes, found more"),
        (GOOD[:4] + b"\xff" * 8 + GOOD[12:], "limit"),
        (b"\0\0\x08\x01\xff\xff\xff\xff", "limit"),
        (b"PK\3\4" + bytes(50), "expected the start"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_hostile_files(tmp_path: Path, content: bytes, message: str, compressed: bool) -> None:
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(ModelFileError, match=message):
        read_idx(path)


def test_damaged_compression(tmp_path: Path) -> None:
    path, packed = tmp_path / "a.gz", gzip.compress(idx(np.arange(200, dtype=np.uint8)))
    for content in (packed[:-4], packed[:15], packed[:30] + b"\xff\xff" + packed[32:], packed[:2]):
        path.write_bytes(content)
        with pytest.raises(ModelFileError):
            read_idx(path)


def test_what_a_small_file_unpacks_to_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST", 1000)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 1000) + bytes(10_000_000)))
    with pytest.raises(ModelFileError, match="found more"):
        read_idx(path)
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 1001) + bytes(1001)))
    with pytest.raises(ModelFileError, match="limit"):
        read_idx(path)


def test_places_without_a_file(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "a folder"), (tmp_path / "none", "nothing there"), (Path("a\0b"), "a\\\\x00b")):
        with pytest.raises(ModelFileError, match=message):
            read_idx(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="pipe"):
        read_idx(tmp_path / "pipe")


# ---- whole sets ------------------------------------------------------------------------------------------------------


def write_set(folder: Path, shift: int = 0, labels: int = 10, names: tuple[str, ...] = FILES) -> None:
    """Small files in place of the real ones, where `small` is in force."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count, shape in zip(names, (6, 6, 3, 3), ((2, 2), (), (2, 2), ()), strict=True):
        top = 255 if shape else labels
        array = (np.arange(count * int(np.prod(shape, dtype=int))) + shift) % top
        path = folder / name
        content = idx(array.astype(np.uint8).reshape(count, *shape))
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Sets of 6 + 3 images of 2 x 2; those of `write_set` without shift are MNIST."""
    monkeypatch.delenv("VITRAIL_DATA", raising=False)
    monkeypatch.setattr(module, "_SHAPES", ((6, 2, 2), (6,), (3, 2, 2), (3,)))
    write_set(tmp_path / "original")
    numbers = [hashlib.sha256((tmp_path / "original" / name).read_bytes()[skip:]).hexdigest() for name, skip in
               zip(FILES, (16, 8, 16, 8), strict=True)]  # fmt: skip
    monkeypatch.setattr(module, "_MNIST_NUMBERS", tuple(numbers))
    return tmp_path


def test_where_files_are_found(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(small / "data" / "mnist", names=tuple(f"{name}.gz" for name in FILES))
    write_set(small / "data" / "fashion", shift=3)
    write_set(small / "points", names=tuple(name.replace("-idx", ".idx") for name in FILES))
    for folder in ("data", "data/mnist", "points", "original"):
        found = mnist(small / folder)
        assert found.name == "mnist" and found.white == 255 and found.train_images.shape == (6, 2, 2)
        assert found.test_labels.tolist() == [0, 1, 2]
    fashion = fashion_mnist(str(small / "data"))
    assert fashion.name == "fashion" and fashion.test_labels.tolist() == [3, 4, 5]
    assert fashion.digest != found.digest == mnist(small / "data").digest
    monkeypatch.setenv("VITRAIL_DATA", str(small / "data"))
    assert load_images("fashion").digest == fashion.digest and load_images("mnist").digest == found.digest
    assert load_images("mnist", small / "points").digest == found.digest


def test_the_two_sets_are_not_taken_for_each_other(small: Path) -> None:
    write_set(small / "other", shift=1)
    with pytest.raises(ModelFileError, match="numbers of mnist, found other numbers"):
        mnist(small / "other")
    with pytest.raises(ModelFileError, match="numbers of fashion, found those of MNIST"):
        fashion_mnist(small / "original")


def test_sets_that_are_refused(small: Path) -> None:
    write_set(small / "a", shift=3)
    (small / "a" / FILES[3]).write_bytes(idx(np.zeros((3, 1), np.uint8)))
    with pytest.raises(ModelFileError, match=r"t10k-labels.*expected uint8 of sizes \(3,\)"):
        fashion_mnist(small / "a")
    (small / "a" / FILES[3]).write_bytes(idx(np.zeros(3, np.int8)))
    with pytest.raises(ModelFileError, match="found int8"):
        fashion_mnist(small / "a")
    write_set(small / "b", shift=8, labels=12)
    with pytest.raises(ModelFileError, match="expected labels 0 to 9, found 11"):
        fashion_mnist(small / "b")
    (small / "b" / FILES[0]).unlink()
    with pytest.raises(ModelFileError, match="expected the files train-images"):
        fashion_mnist(small / "b")


def test_advice_where_nothing_is_found(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelFileError, match="VITRAIL_DATA is not set") as caught:
        mnist()
    first, _, hint = str(caught.value).partition("\n")
    assert FILES[2] in first and "https://ossci-datasets" in hint and "download=True" in hint
    monkeypatch.setenv("VITRAIL_DATA", str(small / "nowhere"))
    with pytest.raises(ModelFileError, match=r"nowhere.*from the environment variable"):
        mnist()
    monkeypatch.setenv("VITRAIL_DATA", "")
    with pytest.raises(ModelFileError, match="is not set"):
        mnist()


@pytest.mark.parametrize("name", ["MNIST", "cifar10", "", None])
def test_unknown_names(name: Any) -> None:
    with pytest.raises(InvalidOptionError, match="expected one of mnist, fashion, digits"):
        load_images(name)
    assert IMAGE_SETS == ("mnist", "fashion", "digits")


def test_digits_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.datasets import load_digits

    found, every = load_images("digits"), load_digits()
    assert (len(found.train_images), len(found.test_images), found.white) == (1438, 359, 16)
    assert found.train_images.max() == 16 and found.train_images.dtype == np.uint8
    np.testing.assert_array_equal(found.test_images[3], every.images[19])
    total = np.bincount(found.train_labels) + np.bincount(found.test_labels)
    np.testing.assert_array_equal(total, np.bincount(every.target))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(VitrailError, match="pip install scikit-learn"):
        load_images("digits")


def test_digest_tells_images_apart() -> None:
    one, label = np.zeros((1, 2, 2), np.uint8), np.zeros(1, np.uint8)
    base = ImageData(one, label, one, label, "a")
    others = [
        ImageData(one + 1, label, one, label, "a"),
        ImageData(one, label + 1, one, label, "a"),
        ImageData(one.reshape(1, 1, 4), label, one, label, "a"),
        ImageData(one, label, one, label, "a", white=16),
    ]
    assert len({base.digest, *(other.digest for other in others)}) == 5
    assert base.digest == ImageData(one.copy(), label, one, label, "b").digest


# ---- downloads -------------------------------------------------------------------------------------------------------


class Pooch(types.ModuleType):
    """In place of the package: gives files from a folder, or fails for some addresses; remembers what was asked."""

    def __init__(self, source: Path, cache: Path, failing: str = "never") -> None:
        super().__init__("pooch")
        self.source, self.cache, self.failing = source, cache, failing
        self.asked: list[tuple[str, str]] = []

    def os_cache(self, project: str) -> Path:
        return self.cache / project

    def retrieve(self, url: str, known_hash: str, fname: str, path: Path) -> str:
        self.asked.append((url, known_hash))
        if self.failing in url:
            raise OSError("no route")
        path.mkdir(parents=True, exist_ok=True)
        (path / fname).write_bytes(gzip.compress((self.source / fname.removesuffix(".gz")).read_bytes()))
        return str(path / fname)


def test_download_only_when_asked(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pooch = Pooch(small / "original", small / "cache", failing="ossci")
    monkeypatch.setitem(sys.modules, "pooch", pooch)
    with pytest.raises(ModelFileError):
        mnist(small / "data")
    assert pooch.asked == []
    found = mnist(small / "data", download=True)
    assert found.digest == mnist(small / "original").digest
    assert (small / "data" / "mnist" / f"{FILES[0]}.gz").is_file()
    # the first mirror failed for each file, the second gave it; what is there is not fetched again
    assert len(pooch.asked) == 8 and pooch.asked[1][0].startswith("https://storage.googleapis.com/")
    assert pooch.asked[0] == (
        f"https://ossci-datasets.s3.amazonaws.com/mnist/{FILES[0]}.gz",
        "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    )
    mnist(small / "data", download=True)
    assert len(pooch.asked) == 8
    load_images("mnist", download=True)
    assert (small / "cache" / "vitrail" / "mnist" / f"{FILES[0]}.gz").is_file()


def test_download_that_gives_something_else(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", Pooch(small / "original", small / "cache"))
    with pytest.raises(ModelFileError, match="found those of MNIST"):
        fashion_mnist(small / "data", download=True)


def test_downloads_that_fail(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", Pooch(small / "original", small / "cache", failing="/"))
    with pytest.raises(VitrailError, match=r"from any mirror: https://ossci.*no route.*https://storage"):
        mnist(small / "data", download=True)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(VitrailError, match=r"pip install 'vitrail\[data\]'"):
        mnist(small / "data", download=True)


# ---- the real files --------------------------------------------------------------------------------------------------


def test_the_real_mnist(data_folder: Path) -> None:
    found = mnist(data_folder)
    # as published with the data
    assert np.bincount(found.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(found.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert found.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert round(float(found.train_images.mean() / 255), 4) == 0.1307
    assert round(float(found.train_images.std() / 255), 4) == 0.3081
