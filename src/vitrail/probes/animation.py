"""An animation of the plane that a probe looked at, over the records of a run."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from vitrail.errors import InvalidOptionError, ResourceLimitError, StoreError
from vitrail.files.whole import check_target, quoted, write_whole
from vitrail.options import positive_integer
from vitrail.plots.frames import draw_frame, gif_bytes, write_mp4
from vitrail.plots.view import headline
from vitrail.probes.recorder import frame_path
from vitrail.regions import RegionSet
from vitrail.store import read_records

__all__ = ["ANIMATIONS", "animate"]

ANIMATIONS = (".gif", ".mp4")
"""Endings of the names of animations."""

_MOST_FRAMES = 500  # all pictures are in memory at once


def animate(
    records: str | Path,
    path: str | Path,
    *,
    probe: str | None = None,
    color: str = "pattern",
    seconds: float = 0.5,
    every: int = 1,
    pixels: int = 640,
    most_bytes: int = 8_000_000,
) -> Path:
    """Write an animation of the regions that a probe with keep=True kept: a frame per record; returns the path.

    `records` is the file of a run, `path` ends in .gif or .mp4 (which needs the program ffmpeg). `probe` is the name of
    the probe, the only one that kept regions by default. `color` is "pattern" or "class", see
    `vitrail.plots.frames.draw_frame`; `every` takes every so many records, and the last one. Records where the probe
    failed have no frame; the title says which record a frame is of.

    Raises:
        InvalidOptionError: another ending, no or several probes that kept regions, unknown options.
        StoreError: a file that cannot be read or written.
        ResourceLimitError: more than 500 frames, or a GIF that stays larger than `most_bytes`.
    """
    source, target = Path(records), Path(path)
    kind = target.suffix.lower()
    if kind not in ANIMATIONS:
        raise InvalidOptionError(f"path: expected a file name that ends in {' or '.join(ANIMATIONS)}, found {path!r}")
    positive_integer("every", every)
    check_target(target)
    found = _kept(source, probe)
    chosen = found[::every] if len(found) % every == 1 or every == 1 else [*found[::every], found[-1]]
    if len(chosen) > _MOST_FRAMES:
        raise ResourceLimitError(
            f"animation: expected at most {_MOST_FRAMES} frames, found {len(chosen)}; take some with "
            f"every={-(-len(found) // _MOST_FRAMES)}"
        )
    # one after the other: many sets of regions would fill the memory
    pictures = []
    for file, row in chosen:
        regions = RegionSet.read(file)
        pictures.append(draw_frame(regions, _title(row, regions), color=color, pixels=pixels))
    if kind == ".gif":
        data = gif_bytes(pictures, seconds=seconds, most_bytes=most_bytes)

        def write(file: IO[bytes]) -> None:
            file.write(data)

        return write_whole(target, write)
    temporary = target.parent / f".vitrail-{secrets.token_hex(8)}.mp4"
    try:
        write_mp4(pictures, temporary, seconds=seconds)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _kept(source: Path, probe: str | None) -> list[tuple[Path, Mapping[str, Any]]]:
    """The files of regions with the record of each."""
    frame = read_records(source)
    names = list(frame.attrs["settings"].get("probes", {}))
    if probe is not None and probe not in names:
        raise InvalidOptionError(f"probe: expected one of {', '.join(names)}, found {probe!r}")
    rows = frame.to_dict("records")
    kept = {
        name: [(file, row) for row in rows if (file := frame_path(source, name, int(row["step"]))).exists()]
        for name in (names if probe is None else [probe])
    }
    having = [name for name, files in kept.items() if files]
    if len(having) > 1:
        raise InvalidOptionError(f"probe: expected the name of one of {', '.join(having)}, which all kept regions")
    if not having:
        raise StoreError(
            f"{quoted(source)}: no regions were kept in {quoted(frame_path(source, 'plane', 0).parent)}; "
            "track with Plane(..., keep=True)"
        )
    return kept[having[0]]


def _title(row: Mapping[str, Any], regions: RegionSet) -> str:
    checkpoint, epoch = row.get("checkpoint"), row.get("epoch")
    if isinstance(checkpoint, str):
        where = checkpoint
    elif isinstance(epoch, int | float) and epoch == epoch:
        where = f"epoch {epoch:.4g} (step {int(row['step']):,})"
    else:
        where = f"step {int(row['step']):,}"
    return f"{where}\n{headline(regions)}"
