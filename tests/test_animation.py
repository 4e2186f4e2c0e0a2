"""Animations and pictures of records: frames, colors that stay, sizes that are kept to, what is not proven."""

from __future__ import annotations

import io
import itertools
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

import vitrail
from helpers import he, square
from vitrail import probes
from vitrail.errors import InvalidOptionError, ResourceLimitError, StoreError
from vitrail.plots.frames import draw_frame, gif_bytes, write_mp4
from vitrail.plots.palette import pattern_colors
from vitrail.plots.records import panels_of, plot_records

SIDE = 250


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, size=(count, SIDE // 5, SIDE // 5, 3)).astype(np.uint8)
    return [np.kron(block, np.ones((5, 5, 1), dtype=np.uint8)) for block in blocks]


def frames_of(data: bytes) -> list[np.ndarray]:
    with Image.open(io.BytesIO(data)) as image:
        found = []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            found.append(np.asarray(image.convert("RGB")))
        return found


@pytest.fixture
def run(tmp_path: Path) -> probes.Tracker:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    tracker = probes.Tracker(
        model, [probes.Plane(window=square(), keep=True)], tmp_path / "run.parquet", example_input=torch.zeros(1, 2),
        schedule="every step", steps_per_epoch=2, strict=True,
    )  # fmt: skip
    for _ in range(4):
        with torch.no_grad():
            model[0].bias += 0.2
        tracker.step(loss=1.0)
    return tracker


# ---- frames --------------------------------------------------------------------------------------------------------


def test_a_region_keeps_its_color() -> None:
    """The quadrant of one pattern has one color, wherever the lines between the quadrants are."""
    regions = [
        vitrail.enumerate_regions(
            vitrail.Network.from_arrays([(np.eye(2), [shift, 0.0]), ([[1.0, 1.0]], None)]), square()
        )
        for shift in (0.0, 0.5)
    ]
    pictures = [draw_frame(own, "a") for own in regions]
    moved = [draw_frame(own, "a", color="class") for own in regions]
    assert pictures[0].shape == pictures[1].shape and pictures[0].shape[0] % 2 == 0
    both_on = int(np.flatnonzero((np.concatenate(regions[0].patterns(), axis=1) == 1).all(axis=1))[0])
    words = regions[0].words
    assert words is not None
    expected = np.round(pattern_colors(words[both_on : both_on + 1])[0] * 255)
    height, width = pictures[0].shape[:2]
    at = height // 4, 3 * width // 4  # the upper right
    for picture in pictures:
        assert np.abs(picture[at].astype(int) - expected).max() <= 1
    assert (moved[0][at] == moved[1][at]).all() and (moved[0][at] != pictures[0][at]).any()
    # and what was on the other side of the line that moved has another color now
    left = height // 4, int(0.42 * width)
    assert (pictures[0][left] != pictures[1][left]).any()


def test_gif_has_all_frames_and_their_colors(run: probes.Tracker) -> None:
    path = run.animate(run.path.with_suffix(".gif"), pixels=400)
    found = frames_of(path.read_bytes())
    assert len(found) == 5 and {frame.shape for frame in found} == {found[0].shape} and found[0].shape[1] == 400
    assert all((a != b).any() for a, b in itertools.pairwise(found))
    for step, frame in enumerate(found):
        regions = vitrail.RegionSet.read(run.path.with_suffix(".frames") / f"plane-{step:010d}.npz")
        drawn = draw_frame(regions, "", pixels=400)
        inside = slice(80, -80)
        assert np.median(np.abs(drawn[inside, inside].astype(int) - frame[inside, inside])) <= 4
    with Image.open(path) as image:
        durations = []
        for i in range(5):
            image.seek(i)
            durations.append(image.info["duration"])
    assert durations == [500, 500, 500, 500, 1500]


def test_every_and_classes(run: probes.Tracker) -> None:
    path = run.animate(run.path.with_suffix(".gif"), pixels=300, every=3, color="class")
    assert len(frames_of(path.read_bytes())) == 3  # records 0, 3 and the last
    four = run.animate(run.path.with_suffix(".gif"), pixels=300, every=4)
    assert len(frames_of(four.read_bytes())) == 2


def test_size_is_kept_to() -> None:
    large = gif_bytes(noise(3), most_bytes=10**7)
    small = gif_bytes(noise(3) * 1, most_bytes=len(large))
    assert frames_of(large)[0].shape == frames_of(small)[0].shape == (SIDE, SIDE, 3)
    frames = [np.kron(frame, np.ones((2, 2, 1), dtype=np.uint8)) for frame in noise(2)]
    limit = len(gif_bytes(frames, most_bytes=10**8)) - 1
    shrunk = gif_bytes(frames, most_bytes=limit)
    assert len(shrunk) <= limit and 240 <= len(frames_of(shrunk)[0]) < 500
    with pytest.raises(ResourceLimitError, match="every=2"):
        gif_bytes(noise(3), most_bytes=10_000)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"seconds": 0}, "seconds"),
        ({"frames": []}, "none"),
        ({"frames": [*noise(1), np.zeros((250, 260, 3), dtype=np.uint8)]}, "one size"),
        ({"most_bytes": 0}, "most_bytes"),
    ],
)
def test_bad_gifs(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidOptionError, match=text):
        gif_bytes(options.pop("frames", noise(1)), **options)


def test_what_cannot_be_drawn(run: probes.Tracker, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="dimension 1"):
        draw_frame(vitrail.enumerate_regions(he(1, 3, 1), vitrail.Segment([0.0], [1.0])), "a")
    without = vitrail.enumerate_regions(he(2, 3, 1), square(), patterns=False)
    with pytest.raises(InvalidOptionError, match="without patterns"):
        draw_frame(without, "a")
    for options, text in [
        ({"color": "area"}, "pattern, class"), ({"pixels": 10}, "at least 240"), ({"every": 0}, "every"),
        ({"probe": "lines"}, "expected one of plane"),
    ]:  # fmt: skip
        with pytest.raises(InvalidOptionError, match=text):
            run.animate(tmp_path / "a.gif", **options)
    with pytest.raises(InvalidOptionError, match=r"\.gif or \.mp4"):
        run.animate(tmp_path / "a.png")
    with pytest.raises(StoreError, match="does not exist"):
        run.animate(tmp_path / "no" / "a.gif")
    assert not (tmp_path / "a.gif").exists()


def test_too_many_frames(run: probes.Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitrail.probes.animation._MOST_FRAMES", 2)
    with pytest.raises(ResourceLimitError, match="every=3"):
        run.animate(run.path.with_suffix(".gif"))


def test_which_of_several_planes(tmp_path: Path) -> None:
    two = [probes.Plane(window=square(), keep=True, name=name) for name in ("near", "far")]
    model = torch.nn.Linear(2, 2)
    tracker = probes.Tracker(model, two, tmp_path / "run.parquet", example_input=torch.zeros(1, 2), schedule="0")
    with pytest.raises(InvalidOptionError, match="near, far"):
        tracker.animate(tmp_path / "a.gif")
    assert len(frames_of(tracker.animate(tmp_path / "a.gif", probe="far", pixels=300).read_bytes())) == 1


def test_old_frames_go_with_their_records(run: probes.Tracker) -> None:
    folder = run.path.with_suffix(".frames")
    (folder / "notes.txt").write_text("mine")
    assert len(list(folder.glob("*.npz"))) == 5
    model = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    probes.Tracker(
        model, [probes.Plane(window=square(), keep=True)], run.path, example_input=torch.zeros(1, 2), schedule="0",
        overwrite=True,
    )  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "plane-0000000000.npz"]


# ---- video ---------------------------------------------------------------------------------------------------------

STUB = """#!/bin/sh
# the last argument is the file; the pictures come on the standard input
for last; do :; done
case "$last" in *.mp4) cat > "$last" ;; esac
exit 0
"""


def test_without_ffmpeg(run: probes.Tracker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidOptionError, match="needs the program ffmpeg"):
        run.animate(tmp_path / "a.mp4", pixels=300)
    assert list(tmp_path.glob("*.mp4")) == list(tmp_path.glob(".*.mp4")) == []


def test_with_a_stub_of_ffmpeg(run: probes.Tracker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The pictures reach the program one after the other, as they are."""
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(STUB)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    found = np.frombuffer(run.animate(tmp_path / "a.mp4", pixels=300).read_bytes(), dtype=np.uint8)
    first = draw_frame(vitrail.RegionSet.read(run.path.with_suffix(".frames") / "plane-0000000000.npz"), "", pixels=300)
    pictures = found.reshape(5, *first.shape[:2], 4)[..., :3]
    assert (pictures[0][70:-70] == first[70:-70]).all() and (pictures[0] != pictures[4]).any()
    assert sorted(path.name for path in tmp_path.iterdir() if "mp4" in path.name) == ["a.mp4"]
    with pytest.raises(InvalidOptionError, match="none"):
        write_mp4([], tmp_path / "b.mp4")


# ---- records -------------------------------------------------------------------------------------------------------


def table() -> pandas.DataFrame:
    frame = pandas.DataFrame(
        {
            "step": [0, 1, 40],
            "epoch": [0.0, 0.025, 1.0],
            "lines_mean": [3.0, 4.0, 300.0],
            "lines_sd": [1.0, 1.0, np.nan],
            "lines_status": ["certified", "partial", "exact"],
            "plane_activation": [5, 6, 7],
            "plane_linear": [5, 6, 7],
            "plane_activation_status": ["certified"] * 3,
            "own_a": [1.0, 2.0, 3.0],
            "loss": [np.nan, 2.0, 1.0],
            "seconds": [1.0] * 3,
        }
    )
    classes = {"lines": "Lines", "plane": "Plane", "own": "Mine"}
    frame.attrs["settings"] = {"units": 10, "probes": {name: {"class": word} for name, word in classes.items()}}
    return frame


def test_panels() -> None:
    found = {panel.label.partition(":")[0]: [name for name, _ in panel.columns] for panel in panels_of(table())}
    assert found == {
        "lines": ["lines_mean"], "plane": ["plane_activation", "plane_linear"], "own": ["own_a"], "loss": ["loss"]
    }  # fmt: skip


@pytest.mark.usefixtures("no_figures_left")
def test_plot_of_records() -> None:
    figure = plot_records(table())
    lines, plane, _, loss = figure.axes
    assert {ax.get_xlabel() for ax in figure.axes} == {"epoch"} and "10 units" in figure.get_suptitle()
    assert lines.get_yscale() == "log" and loss.get_yscale() == "linear" and lines.get_xscale() == "symlog"
    hollow = [line for line in lines.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]  # type: ignore[arg-type]
    assert [list(map(float, line.get_xdata())) for line in hollow] == [[0.025]]  # type: ignore[arg-type]
    legend, other = lines.get_legend(), plane.get_legend()
    assert legend is not None and "not proven" in [text.get_text() for text in legend.get_texts()]
    assert other is not None and [text.get_text() for text in other.get_texts()] == ["activation", "linear"]
    # curves that coincide can both be seen
    widths = [
        line.get_linewidth() for line in plane.lines if len(line.get_xdata()) == 3 and line.get_linestyle() == "-"
    ]  # type: ignore[arg-type]
    assert widths[0] > widths[1]


def test_chosen_columns_and_steps() -> None:
    frame = table().drop(columns="epoch")
    figure = plot_records(frame, ["loss", "seconds"])
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "seconds"]
    assert {ax.get_xlabel() for ax in figure.axes} == {"step"}
    for columns in (["lines_status"], ["nothing"]):
        with pytest.raises(InvalidOptionError, match=columns[0]):
            plot_records(frame, columns)
    with pytest.raises(InvalidOptionError, match="0 records"):
        plot_records(frame.iloc[:0])
    with pytest.raises(InvalidOptionError, match="at most 24"):
        plot_records(frame, ["loss"] * 25)
    assert len(plot_records(frame.iloc[:1]).axes) > 0
