"""Pictures of a plane one after the other: the frames of an animation, as a GIF or an MP4."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.errors import InvalidOptionError, ResourceLimitError
from vitrail.options import one_of, positive_integer, positive_number
from vitrail.plots.palette import INK, class_colors, pattern_colors, tint
from vitrail.plots.panes import draw_panes, frame_axes
from vitrail.plots.sheet import class_shades, place
from vitrail.plots.view import RegionsView

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

__all__ = ["FRAME_COLORS", "draw_frame", "gif_bytes", "write_mp4"]

FRAME_COLORS = ("pattern", "class")

_DOTS = 100  # per inch
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.72, 0.14, 0.62, 0.62  # inches
_SMALLEST = 240  # pixels
_SHRINK = 0.8
_LAST = 3  # times as long as others is the last frame shown
_PALETTE = 256
_FLAT = 24  # pixels of a color that make an area, rather than an edge
_CLASSES = 10  # that are told apart by a fixed list of colors


def draw_frame(regions: RegionsView, title: str, *, color: str = "pattern", pixels: int = 640) -> np.ndarray:
    """One picture of the regions of a plane, uint8 (height, width, 3), `pixels` wide, with a title of up to two lines.

    With "pattern" a pane has the color of its pattern alone, with "class" that of the class at its middle, shaded by
    the pattern: the same region has the same color in every frame, whatever is around it.

    Raises:
        InvalidOptionError: regions of another dimension, none, or without patterns; an unknown color.

    Example:
        >>> import vitrail
        >>> net = vitrail.Network.from_arrays([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
        >>> regions = vitrail.enumerate_regions(net, vitrail.Box([-1.0, -1.0], [1.0, 1.0]))
        >>> draw_frame(regions, "epoch 0", pixels=300).shape
        (338, 300, 3)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    one_of("color", color, FRAME_COLORS)
    if positive_integer("pixels", pixels) < _SMALLEST:
        raise InvalidOptionError(f"pixels: expected at least {_SMALLEST}, found {pixels}")
    if regions.dimension != 2 or not len(regions) or regions.words is None:
        raise InvalidOptionError(
            f"animation: expected regions of a plane with their patterns, found {len(regions)} of dimension "
            f"{regions.dimension}{'' if regions.words is not None else ' without patterns'}"
        )
    extent = (regions.vertices.max(axis=0) - regions.vertices.min(axis=0)) * np.linalg.norm(regions.basis, axis=1)
    across = pixels / _DOTS
    width = across - _LEFT - _RIGHT
    height = float(np.clip(width * extent[1] / extent[0], 0.5 * width, 1.6 * width))
    # video needs even numbers of pixels
    up = 2 * round((height + _TOP + _BOTTOM) * _DOTS / 2) / _DOTS
    figure = Figure(figsize=(across, up), dpi=_DOTS)
    ax = place(figure, _LEFT, _BOTTOM, width, up - _TOP - _BOTTOM)
    colors = pattern_colors(regions.words) if color == "pattern" else class_shades(regions, regions.classes, regions)
    draw_panes(ax, regions, colors, lead=True)
    frame_axes(ax, regions)
    ax.tick_params(labelsize=8)
    ax.xaxis.label.set_fontsize(9)
    ax.yaxis.label.set_fontsize(9)
    figure.text(_LEFT / across, 1 - 0.1 / up, title, va="top", ha="left", fontsize=10.5, color=INK, linespacing=1.35)
    if color == "class":
        _explain_classes(figure, max(2, regions.affine_maps.shape[2]), across, up)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _explain_classes(figure: Figure, outputs: int, across: float, up: float) -> None:
    """The colors of all classes, whether they are seen or not, as far as there is a fixed list of them."""
    if outputs > _CLASSES:
        return
    for number, shade in enumerate(tint(class_colors(np.arange(outputs), outputs), np.full(outputs, 0.6))):
        left = across - _RIGHT - 0.19 * (outputs - number) + 0.095
        box = {"boxstyle": "square,pad=0.22", "facecolor": tuple(shade), "edgecolor": "none"}
        figure.text(left / across, 1 - 0.21 / up, str(number), ha="center", va="center", fontsize=8, bbox=box)


def gif_bytes(frames: Sequence[np.ndarray], *, seconds: float = 0.5, most_bytes: int = 8_000_000) -> bytes:
    """A GIF of pictures of one size, each shown for `seconds`, the last one longer, over and over.

    All frames share the colors of one palette, so that none flickers. A GIF of more than `most_bytes` is made again
    with smaller pictures.

    Raises:
        InvalidOptionError: no frames, frames of different sizes, or numbers that are not positive.
        ResourceLimitError: too many frames for that size.

    Example:
        >>> frames = [np.full((250, 250, 3), shade, dtype=np.uint8) for shade in (0, 128, 255)]
        >>> gif_bytes(frames)[:6]
        b'GIF89a'
    """
    from PIL import Image

    duration = round(1000 * positive_number("seconds", seconds))
    positive_integer("most_bytes", most_bytes)
    _check_frames(frames)
    pictures = [Image.fromarray(frame) for frame in frames]
    width, height = pictures[0].size
    while True:
        data = _encoded([picture.resize((width, height), Image.Resampling.LANCZOS) for picture in pictures], duration)
        if len(data) <= most_bytes:
            return data
        width, height = int(_SHRINK * width), int(_SHRINK * height)
        if min(width, height) < _SMALLEST:
            raise ResourceLimitError(
                f"animation: {len(frames)} frames take {len(data):,} bytes even when they are small, more than "
                f"{most_bytes:,}; leave out some with every=2, or allow more bytes"
            )


def _encoded(pictures: Sequence[Image], duration: int) -> bytes:
    from PIL import Image

    # panes are of one color each: small ones count for more than their pixels, the edges between them hardly
    colors, counts = _colors_of(pictures)
    sample = np.repeat(colors, np.ceil(np.sqrt(counts)).astype(np.int64), axis=0)
    palette = Image.fromarray(sample[None]).quantize(_PALETTE, method=Image.Quantize.MEDIANCUT, kmeans=2)
    indexed = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [duration] * (len(indexed) - 1) + [_LAST * duration]
    file = io.BytesIO()
    indexed[0].save(
        file, format="GIF", save_all=True, append_images=indexed[1:], duration=durations, loop=0, optimize=False
    )
    return file.getvalue()


def _colors_of(pictures: Sequence[Image]) -> tuple[np.ndarray, np.ndarray]:
    """The colors of flat areas in some pictures, uint8 (colors, 3), and how many pixels each has."""
    shifts = np.array([16, 8, 0])
    found, counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for picture in pictures:
        own, number = np.unique((np.asarray(picture, dtype=np.int64) << shifts).sum(axis=2), return_counts=True)
        own, number = own[number >= _FLAT], number[number >= _FLAT]
        found, index = np.unique(np.concatenate([found, own]), return_inverse=True)
        counts = np.bincount(index, weights=np.concatenate([counts, number])).astype(np.int64)
    if 2 * counts.sum() < sum(picture.width * picture.height for picture in pictures):
        # no panes, but something like photographs: a part of the pixels stands for all
        pixels = np.concatenate([np.asarray(picture)[::4, ::4].reshape(-1, 3) for picture in pictures])
        return pixels, np.ones(len(pixels), dtype=np.int64)
    return ((found[:, None] >> shifts) & 255).astype(np.uint8), counts


def write_mp4(frames: Iterable[np.ndarray], path: Path, *, seconds: float = 0.5) -> None:
    """Write pictures of one size as an MP4 with the program ffmpeg.

    Raises:
        InvalidOptionError: ffmpeg is not installed, no frames, or frames of different sizes.

    Example:
        >>> write_mp4([], Path("run.mp4"))
        Traceback (most recent call last):
        ...
        vitrail.errors.InvalidOptionError: ...
    """
    from matplotlib.animation import FFMpegWriter
    from matplotlib.figure import Figure

    pictures = list(frames)
    positive_number("seconds", seconds)
    if not FFMpegWriter.isAvailable():
        raise InvalidOptionError("animation: .mp4 needs the program ffmpeg, which is not found; write a .gif instead")
    _check_frames(pictures)
    height, width = pictures[0].shape[:2]
    figure = Figure(figsize=(width / _DOTS, height / _DOTS), dpi=_DOTS)
    ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_axis_off()
    shown: Any = ax.imshow(pictures[0], aspect="auto", interpolation="nearest")
    writer = FFMpegWriter(fps=1.0 / seconds, codec="h264", extra_args=["-pix_fmt", "yuv420p"])  # type: ignore[arg-type]
    with writer.saving(figure, str(path), dpi=_DOTS):
        for picture in pictures:
            shown.set_data(picture)
            writer.grab_frame()


def _check_frames(frames: Sequence[np.ndarray]) -> None:
    sizes = {frame.shape for frame in frames}
    if len(sizes) != 1:
        raise InvalidOptionError(f"animation: expected frames of one size, found {sorted(sizes) or 'none'}")
