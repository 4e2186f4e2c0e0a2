"""Result files: what is written comes back bit for bit; what is damaged, foreign or dangerous is refused."""

from __future__ import annotations

import dataclasses
import errno
import functools
import io
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest

import vitrail
from vitrail import files
from vitrail.errors import StoreError, VitrailError
from vitrail.files import arrays as file_arrays
from vitrail.files.seal import seal
from vitrail.regions import RegionSet

ARRAYS = ("origin", "basis", "offsets", "vertices", "vertex_errors", "facet_units", "facet_cuts", "dirty", "words")
FORMATS = ("npz", "parquet")


@functools.cache
def network(activation: str = "relu") -> vitrail.Network:
    rng = np.random.default_rng(5)
    layers = [(rng.normal(size=(6, 3)), rng.normal(size=6)), (rng.normal(size=(5, 6)), rng.normal(size=5))]
    return vitrail.Network.from_arrays([*layers, (rng.normal(size=(3, 5)), None)], activation=activation)


@functools.cache
def example(name: str) -> RegionSet:
    plane = vitrail.Plane([0.1, 0.2, 0.3], [1.0, 0.5, 0.0], [0.0, 1.0, -1.0])
    line = vitrail.Line([0.1, 0.2, 0.3], [1.0, 0.5, 0.25])
    if name == "plane":
        return vitrail.enumerate_regions(network(), plane)
    if name == "line":
        return vitrail.enumerate_regions(network(), line)
    if name == "segment":
        return vitrail.enumerate_regions(network(), vitrail.Segment([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]))
    if name == "three pieces":
        return vitrail.enumerate_regions(network("hardtanh"), plane)
    if name == "maps without patterns":
        return vitrail.enumerate_regions(network(), plane, patterns=False)
    if name == "partial":
        return vitrail.enumerate_regions(network(), plane, max_regions=2)
    if name == "no units":
        return vitrail.enumerate_regions(
            vitrail.Network.from_arrays([([[1.0, 2.0]], None)]), vitrail.Box([0, 0], [1, 1])
        )
    if name == "neither maps nor patterns":
        return dataclasses.replace(example("plane"), words=None, source=None)
    if name == "no regions":
        whole = example("plane")
        account = dataclasses.replace(whole.account, complete=False)
        rows = ("vertices", "vertex_errors", "facet_units", "facet_cuts", "incidence", "dirty", "words")
        some = {name: getattr(whole, name)[:0] for name in rows}
        start = whole.offsets[:1]
        return dataclasses.replace(whole, account=account, offsets=start, facet_offsets=start, **some)
    if name == "odd numbers":
        whole = example("plane")
        vertices, cuts = whole.vertices.copy(), whole.facet_cuts.copy()
        vertices[:3, 0] = -0.0, 5e-324, 1 + 2**-52
        cuts[:2] = 2**62 + 1, -1
        dirty = whole.dirty.copy()
        dirty[1::2] = True
        words = whole.words.copy()
        words[0, 0] = -(2**63)
        account = dataclasses.replace(whole.account, domain="a\nb\x1b \ud800é", seconds=0.1 + 0.2, measure=float("inf"))
        replaced = {"vertices": vertices, "facet_cuts": cuts, "dirty": dirty, "words": words, "account": account}
        return dataclasses.replace(whole, **replaced, source=None, stored_maps=whole.affine_maps)
    raise ValueError(name)


NAMES = (
    *("plane", "line", "segment", "three pieces", "maps without patterns", "partial", "no units"),
    *("neither maps nor patterns", "no regions", "odd numbers"),
)


def same_bits(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def differences(one: RegionSet, other: RegionSet) -> list[str]:
    # cuts are written with the facets resolved
    first = {name: getattr(one, "settled_cuts" if name == "facet_cuts" else name) for name in ARRAYS}
    found = [name for name in ARRAYS if not same_bits(first[name], getattr(other, name))]
    found += [name for name in ("layout", "account") if getattr(one, name) != getattr(other, name)]
    if file_arrays.maps_at_hand(one) and not same_bits(one.affine_maps, other.stored_maps):
        found.append("maps")
    return found


def write(regions: RegionSet, path: Path) -> Path:
    return files.write_npz(regions, path) if path.suffix == ".npz" else files.write_parquet(regions, path)


# ---- there and back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_round_trip(name: str, kind: str, tmp_path: Path) -> None:
    regions = example(name)
    path = write(regions, tmp_path / f"regions.{kind}")
    again = RegionSet.read(path)
    assert differences(regions, again) == []
    assert again.source is None
    assert same_bits(again.measures, regions.measures) and same_bits(again.witnesses, regions.witnesses)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    second = write(again, tmp_path / f"again.{kind}")
    assert differences(again, RegionSet.read(second)) == []


def test_differences_are_seen() -> None:
    whole = example("plane")
    for name in ARRAYS:
        array = getattr(whole, name).copy()
        array.flat[0] = ~array.flat[0] if array.dtype == bool else array.flat[0] + 1
        assert differences(whole, dataclasses.replace(whole, stored_maps=whole.affine_maps, **{name: array})) == [name]
    assert differences(whole, dataclasses.replace(whole, stored_maps=whole.affine_maps + 1)) == ["maps"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_set_that_was_read_works(kind: str, tmp_path: Path) -> None:
    regions = example("plane")
    again = RegionSet.read(write(regions, tmp_path / f"r.{kind}"))
    assert again.count() == regions.count() and again.status is regions.status
    assert np.array_equal(again.facets.regions, regions.facets.regions)
    assert np.array_equal(again.classes, regions.classes)
    assert all(np.array_equal(a, b) for a, b in zip(again.patterns(), regions.patterns(), strict=True))
    pandas.testing.assert_frame_equal(again.to_frame(), regions.to_frame())
    with pytest.raises(VitrailError, match="need the network"):
        again.count("linear")


@pytest.mark.parametrize("kind", FORMATS)
def test_metadata_say_where_it_comes_from(kind: str, tmp_path: Path) -> None:
    metadata = files.read_metadata(write(example("plane"), tmp_path / f"r.{kind}"))
    assert metadata["network"] == network().digest
    assert (metadata["format"], metadata["schema"]) == ("vitrail regions", 3)
    assert isinstance(metadata["vitrail"], str)
    without = dataclasses.replace(example("plane"), source=None)
    assert files.read_metadata(write(without, tmp_path / f"s.{kind}"))["network"] is None


def test_other_readers_can_read_it(tmp_path: Path) -> None:
    regions = example("plane")
    frame = pandas.read_parquet(write(regions, tmp_path / "r.parquet"))
    assert np.array_equal(frame["measure"], regions.measures)
    assert np.array_equal(np.concatenate(frame["vertices"].tolist()), regions.vertices.reshape(-1))
    assert np.array_equal(np.stack(frame["witness"].tolist()), regions.witnesses)
    with np.load(write(regions, tmp_path / "r.npz"), allow_pickle=False) as plain:
        assert same_bits(plain["vertices"], regions.vertices)


# ---- tables and graphs ---------------------------------------------------------------------------------------------


def test_frame() -> None:
    regions = example("three pieces")
    frame = regions.to_frame()
    assert list(frame.columns) == ["measure", "t1", "t2", "vertex_count", "vertices", "class", "pattern", "dirty"]
    assert len(frame) == len(regions) > 10
    assert frame["measure"].sum() == pytest.approx(regions.account.measure)
    row = frame.iloc[3]
    assert np.array_equal(np.array(row["vertices"]), regions[3].vertices) and row["vertex_count"] == len(
        row["vertices"]
    )
    assert row["class"] == int(network("hardtanh").forward(regions.witness_points[3:4])[0].argmax())
    words = np.array([int(row["pattern"][i : i + 16], 16) for i in range(0, len(row["pattern"]), 16)], dtype=np.uint64)
    pieces = regions.layout.unpack(words.view(np.int64)[None])
    assert all(np.array_equal(a[0], b) for a, b in zip(pieces, regions[3].pattern, strict=True))


def test_frame_where_something_is_missing() -> None:
    frame = example("neither maps nor patterns").to_frame()
    assert frame["class"].isna().all() and frame["pattern"].isna().all()
    assert len(example("no regions").to_frame()) == 0
    unbounded = example("line").to_frame()
    assert unbounded["measure"].iloc[0] == np.inf and unbounded["vertices"].iloc[-1][1] == [np.inf]


def test_graph() -> None:
    regions = example("plane")
    graph = regions.to_networkx()
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (len(regions), len(regions.facets.regions))
    for a, b, data in list(graph.edges(data=True))[:20]:
        one, other = (np.concatenate(regions[i].pattern) for i in (a, b))
        assert one[data["unit"]] != other[data["unit"]]
        assert data["layer"] == regions.account.layers[0 if data["unit"] < 6 else 1]
    assert graph.nodes[2]["measure"] == regions.measures[2]
    assert example("no regions").to_networkx().number_of_nodes() == 0


def test_graph_without_networkx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(VitrailError, match="pip install networkx"):
        files.to_networkx(example("segment"))


# ---- damage --------------------------------------------------------------------------------------------------------


def outcome(data: bytes, path: Path, original: RegionSet) -> str:
    """Refused or identical; anything else is an error of its own."""
    path.write_bytes(data)
    try:
        again = RegionSet.read(path)
    except StoreError as error:
        return check_message(error, path)
    assert differences(original, again) == []
    return "identical"


def check_message(error: VitrailError, path: Path) -> str:
    first = str(error).split("\n")[0]
    assert path.name in first and first.isprintable() and len(first) <= 320, first
    return "refused"


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated(kind: str, tmp_path: Path) -> None:
    regions = example("segment")
    data = write(regions, tmp_path / f"r.{kind}").read_bytes()
    lengths = [*range(64), *range(64, len(data), max(1, len(data) // 300)), *range(len(data) - 64, len(data))]
    outcomes = {outcome(data[:length], tmp_path / f"cut.{kind}", regions) for length in lengths}
    assert outcomes == {"refused"}
    assert outcome(data, tmp_path / f"cut.{kind}", regions) == "identical"


@pytest.mark.parametrize("kind", FORMATS)
def test_flipped_bytes(kind: str, tmp_path: Path) -> None:
    regions = example("segment")
    data = write(regions, tmp_path / f"r.{kind}").read_bytes()
    rng = np.random.default_rng(8)
    refused = 0
    places = [*range(0, len(data), max(1, len(data) // 700)), *range(len(data) - 200, len(data))]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= int(rng.integers(1, 256))
        refused += outcome(bytes(damaged), tmp_path / f"flip.{kind}", regions) == "refused"
    assert refused > len(places) // 2


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_left_out_or_put_in(kind: str, tmp_path: Path) -> None:
    regions = example("segment")
    data = write(regions, tmp_path / f"r.{kind}").read_bytes()
    for place in range(0, len(data), max(1, len(data) // 100)):
        for damaged in (data[:place] + data[place + 9 :], data[:place] + bytes(9) + data[place:]):
            outcome(damaged, tmp_path / f"shift.{kind}", regions)


def npz_bytes(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def parquet_bytes(table: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


class Trap:
    """Runs when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.marker),)


def test_foreign_files(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    deflated = io.BytesIO()
    np.savez_compressed(deflated, metadata=np.zeros(10_000_000, dtype=np.uint8))
    short = io.BytesIO()
    with zipfile.ZipFile(short, "w") as archive:
        header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"
        archive.writestr("metadata.npy", header.ljust(127) + b"\n" + bytes(64))
    cases = {
        "text.npz": b"measure,class\n1,2\n",
        "text.parquet": b"measure,class\n1,2\n",
        "weights.npz": npz_bytes(W1=np.eye(2)),
        "objects.npz": npz_bytes(metadata=np.array([Trap(marker)], dtype=object)),
        "bomb.npz": deflated.getvalue(),
        "terabytes.npz": short.getvalue(),
        "json.npz": npz_bytes(metadata=np.frombuffer(b'{"format": "other"}', dtype=np.uint8)),
        "deep.npz": npz_bytes(metadata=np.frombuffer(b"[" * 100_000, dtype=np.uint8)),
        "other.parquet": parquet_bytes(pyarrow.table({"measure": [1.0]})),
        "key.parquet": parquet_bytes(pyarrow.table({"measure": [1.0]}).replace_schema_metadata({b"vitrail": b"{}"})),
        "folder.zip": b"PK\x05\x06" + bytes(18),
        "empty.npz": b"",
    }
    for name, data in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(StoreError) as caught:
            RegionSet.read(path)
        check_message(caught.value, path)
    assert not marker.exists()


def test_no_file_at_all(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    for path, words in (("missing.npz", "does not exist"), (".", "is a folder"), ("pipe.npz", "pipe")):
        with pytest.raises(StoreError, match=words):
            RegionSet.read(tmp_path / path)
    with pytest.raises(StoreError, match="pipe"):
        RegionSet.read("/dev/zero")
    with pytest.raises(StoreError):
        RegionSet.read("a\0b")


def forged(path: Path, change: Callable[[dict[str, Any], dict[str, np.ndarray]], None]) -> Path:
    """A file whose content was changed and then given a right checksum again."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    metadata = json.loads(arrays.pop("metadata").tobytes())
    del metadata["sha256"]
    change(metadata, arrays)
    metadata["sha256"] = file_arrays.checksum(metadata, arrays)
    text = np.frombuffer(json.dumps(metadata).encode(), dtype=np.uint8)
    target = path.with_name("forged.npz")
    target.write_bytes(npz_bytes(metadata=text, **arrays))
    return target


def put(name: str, value: Any) -> Callable[[dict[str, Any], dict[str, np.ndarray]], None]:
    return lambda metadata, arrays: metadata.update({name: value})


def change(name: str, function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Any, dict[str, np.ndarray]], None]:
    return lambda metadata, arrays: arrays.update({name: function(arrays[name])})


def account(name: str, value: Any) -> Callable[[dict[str, Any], Any], None]:
    return lambda metadata, arrays: metadata["account"].update({name: value})


def with_first(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def function(array: np.ndarray) -> np.ndarray:
        copy = array.copy()
        copy.flat[0] = value
        return copy

    return function


INCONSISTENT = {
    "schema": (put("schema", 1), "version 1"),
    "schema text": (put("schema", "\x1b[31m"), "version"),
    "units": (put("units", [6]), "layers"),
    "units type": (put("units", [6.0, 5.0]), "integers"),
    "bits": (put("bits", [3, 1]), "layout"),
    "negative units": (put("units", [-6, 5]), "layout"),
    "huge units": (put("units", [2**80, 5]), "words"),
    "account field": (put("account", {"domain": "x"}), "account"),
    "account list": (put("account", []), "account"),
    "account type": (account("complete", 1), "complete"),
    "account float": (account("measure", "nan"), "measure"),
    "account number": (account("measure", 4.0), "inconsistent"),
    "account arithmetic": (account("arithmetic", "guessed"), "arithmetic"),
    "account layers": (account("layers", ["a", 2]), "layers"),
    "account layer count": (account("layers", ["a"]), "layers"),
    "offsets start": (change("offsets", with_first(1)), "offsets"),
    "offsets length": (change("offsets", lambda a: a[:-1]), "expected"),
    "offsets empty": (change("offsets", lambda a: a[:0]), "offsets"),
    "offsets backwards": (change("offsets", lambda a: a[[0, 2, 1, *range(3, len(a))]]), "offsets do not rise"),
    "offsets end": (change("offsets", lambda a: a + np.eye(1, len(a), len(a) - 1, dtype=np.int64)[0]), "shape"),
    "vertices type": (change("vertices", lambda a: a.astype(np.float32)), "float32"),
    "vertices shape": (change("vertices", lambda a: a[:, :1]), "shape"),
    "vertices nan": (change("vertices", with_first(np.nan)), "finite"),
    "vertices infinite": (change("vertices", with_first(np.inf)), "finite"),
    "origin": (change("origin", with_first(np.inf)), "finite"),
    "origin length": (change("origin", lambda a: a[:-1]), "origin"),
    "basis": (change("basis", lambda a: np.concatenate([a, a])), "basis"),
    "words": (change("words", lambda a: a[:, :1]), "words"),
    "maps": (change("maps", lambda a: a[:-1]), "maps"),
    "edge units": (change("facet_units", with_first(11)), "unit 11"),
    "missing": (lambda metadata, arrays: arrays.pop("dirty"), "missing"),
    "extra": (lambda metadata, arrays: arrays.update(extra=np.zeros(1)), "unknown"),
}


@pytest.mark.parametrize("case", INCONSISTENT)
def test_inconsistent(case: str, tmp_path: Path) -> None:
    path = write(example("plane"), tmp_path / "r.npz")
    changed, words = INCONSISTENT[case]
    target = forged(path, changed)
    with pytest.raises(StoreError, match=words) as caught:
        RegionSet.read(target)
    check_message(caught.value, target)


def sealed(path: Path, table: Any) -> Path:
    buffer = io.BytesIO(parquet_bytes(table))
    seal(buffer)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize("kind", ["null", "struct", "float32", "text", "missing", "shorter", "not lists", "frame"])
def test_parquet_of_another_make(kind: str, tmp_path: Path) -> None:
    path = write(example("plane"), tmp_path / "r.parquet")
    table = pyarrow.parquet.read_table(path)
    index, column = table.column_names.index("vertices"), table.column("vertices")
    lists = column.to_pylist()
    other = {
        "null": pyarrow.array([None, *lists[1:]]),
        "struct": pyarrow.array([{"a": 1.0}] * len(table)),
        "float32": column.cast(pyarrow.large_list(pyarrow.float32())),
        "text": pyarrow.array([["a"] * len(row) for row in lists]),
        "shorter": pyarrow.array([lists[0][:-1], *lists[1:]]),
        "not lists": pyarrow.array([1.0] * len(table)),
    }
    if kind == "missing":
        table = table.drop_columns(["vertices"])
    elif kind == "frame":
        table = table.replace_schema_metadata(table.schema.metadata | {b"basis": b"!"})
    else:
        table = table.set_column(index, "vertices", other[kind])
    with pytest.raises(StoreError) as caught:
        RegionSet.read(sealed(path, table))
    check_message(caught.value, path)


def test_sealing_nothing_else_gives_the_same(tmp_path: Path) -> None:
    path = write(example("plane"), tmp_path / "r.parquet")
    assert differences(example("plane"), RegionSet.read(sealed(path, pyarrow.parquet.read_table(path)))) == []


def test_forging_nothing_gives_the_same(tmp_path: Path) -> None:
    path = write(example("plane"), tmp_path / "r.npz")
    assert differences(example("plane"), RegionSet.read(forged(path, lambda metadata, arrays: None))) == []


def test_more_than_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(example("plane"), tmp_path / "r.parquet")
    monkeypatch.setattr(os, "sysconf", lambda name: 64)
    with pytest.raises(StoreError, match="memory"):
        RegionSet.read(path)


# ---- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_refused_targets(kind: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    targets = [
        (tmp_path / "none" / f"r.{kind}", "does not exist"),
        (tmp_path / "folder", "is a folder"),
        (tmp_path / "file" / f"r.{kind}", "not a folder"),
        (Path("/dev/null"), "device"),
        (tmp_path / ("r" * 300), "written"),
        (tmp_path / "a\0b", "written"),
    ]
    for path, words in targets:
        with pytest.raises(StoreError, match=words) as caught:
            write(example("segment"), path.with_suffix("") if kind == "parquet" else path)
        assert str(caught.value).isprintable()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    "problem", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError()]
)
def test_a_failing_write_leaves_the_old_file(problem: BaseException, tmp_path: Path) -> None:
    path = write(example("segment"), tmp_path / "r.npz")
    before = path.read_bytes()

    def fail(file: Any) -> None:
        file.write(b"half")
        raise problem

    expected = StoreError if isinstance(problem, OSError) else type(problem)
    with pytest.raises(expected):
        files.write_whole(path, fail)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["r.npz"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write(example("segment"), tmp_path / f"r.{kind}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_overwriting_and_links(kind: str, tmp_path: Path) -> None:
    path = write(example("segment"), tmp_path / f"r.{kind}")
    link = tmp_path / f"link.{kind}"
    link.symlink_to(path)
    write(example("line"), link)
    assert link.is_symlink() and differences(example("line"), RegionSet.read(path)) == []


def test_names_with_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b[31m é.npz"
    assert differences(example("segment"), RegionSet.read(write(example("segment"), path))) == []
    path.write_bytes(b"x")
    with pytest.raises(StoreError) as caught:
        RegionSet.read(path)
    assert str(caught.value).split("\n")[0].isprintable()


def test_arrays_of_other_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.asfortranarray(np.arange(6.0).reshape(2, 3)), b=np.int8(3))
    found = files.read_arrays(path)
    assert np.array_equal(found["a"], np.arange(6.0).reshape(2, 3)) and int(found["b"]) == 3
    assert list(files.read_arrays(path, only=["b"])) == ["b"]
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr("../a.npy", b"")
    with pytest.raises(StoreError, match="member"):
        files.read_arrays(path)
