"""The demo: a digit classifier on the plane through three digits and on the line between two of them."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrail.cli.output import printable, rows_table, show, write_json, write_line
from vitrail.cli.report import decided
from vitrail.data import digits_network_path, digits_samples
from vitrail.errors import StoreError

if TYPE_CHECKING:
    from rich.console import Console

    from vitrail.boundaries import DecisionBoundary
    from vitrail.regions import RegionSet

__all__ = ["run_demo"]

# samples of the classes 3, 4 and 0; on the line from the 3 to the 4 the network sees a 7
_SAMPLES = (7, 8, 1)
_NAMES = ("a", "b", "c")
_WHITE_TO_BLACK = 16.0
_DOTS_PER_INCH = 180
_FILES = ("plane.png", "line.png")


@dataclass(frozen=True)
class _Section:
    """The regions and the decision boundary on one domain."""

    regions: RegionSet
    boundary: DecisionBoundary


def run_demo(out: Path, quiet: bool = False, json: bool = False) -> int:
    """Analyze the digit classifier that ships with Vitrail, print a table, write plane.png and line.png into `out`.

    `out` is made where it is missing. `quiet` prints only the paths of the pictures, `json` one JSON object. Returns 0,
    the exit status.

    Raises:
        StoreError: the folder or a picture cannot be written.
    """
    from rich.console import Console

    messages = Console(stderr=True)
    started = time.perf_counter()
    with _working(messages, quiet or json):
        images, labels, plane, line = _analyze()
        paths = _draw(Path(out), images, labels, plane, line)
        report = _report(plane, line)
    report["digits"] = labels.tolist()
    report["seconds"] = time.perf_counter() - started
    report["files"] = [str(path) for path in paths]
    if json:
        write_json(report)
    elif quiet:
        for path in paths:
            write_line(printable(str(path)))
    else:
        _show(report)
    return 0


def _working(messages: Console, silent: bool) -> AbstractContextManager[object]:
    """Say what takes so long the first time: on a terminal while it lasts, elsewhere as one line."""
    if silent:
        return nullcontext()
    text = "Looking for regions (the first run compiles the kernels: about a minute) ..."
    if messages.is_terminal:
        return messages.status(text)
    messages.print(text)
    return nullcontext()


def _analyze() -> tuple[np.ndarray, np.ndarray, _Section, _Section]:
    # only here: these bring in torch and numba
    from vitrail.boundaries import decision_boundary
    from vitrail.domains import Domain, Plane, Segment
    from vitrail.network.network import Network
    from vitrail.search import enumerate_regions

    net = Network.from_file(digits_network_path())
    images, labels = (array[list(_SAMPLES)] for array in digits_samples())
    points = images.reshape(len(images), -1) / _WHITE_TO_BLACK

    def section(domain: Domain) -> _Section:
        return _Section(enumerate_regions(net, domain), decision_boundary(net, domain))

    return images, labels, section(Plane.through(*points)), section(Segment(points[0], points[1]))


def _draw(out: Path, images: np.ndarray, labels: np.ndarray, plane: _Section, line: _Section) -> list[Path]:
    from vitrail.plots.planes import plot_plane_with_points
    from vitrail.plots.segments import plot_line_with_images

    captions = [f"digit {label}" for label in labels]
    points = images / _WHITE_TO_BLACK
    figures = (
        plot_plane_with_points(plane.regions, plane.boundary, points, names=_NAMES, captions=captions),
        plot_line_with_images(line.regions, line.boundary, image_shape=images.shape[1:], names=_NAMES[:2]),
    )
    paths = [out / name for name in _FILES]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for figure, path in zip(figures, paths, strict=True):
            figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})
    except OSError as error:
        raise StoreError(f"demo: cannot write pictures into {str(out)!r} ({error}); choose another folder") from error
    return paths


def _report(plane: _Section, line: _Section) -> dict[str, Any]:
    """Everything that the demo found, as plain values."""
    report = {name: _facts(section) for name, section in (("plane", plane), ("line", line))}
    report["plane"]["decision_boundary"]["length"] = plane.boundary.measure  # on a line the boundary is points
    return report


def _facts(section: _Section) -> dict[str, Any]:
    regions, boundary = section.regions, section.boundary
    account = regions.account
    present = np.unique(boundary.region_classes).tolist()
    return {
        "domain": account.domain,
        "status": account.status.value,
        "counts": [regions.count(definition).to_dict() for definition in ("activation", "linear", "affine")],
        "regions_after_layer": dict(zip(account.layers, account.per_layer, strict=True)),
        "arithmetic": account.arithmetic,
        "decisions": account.decisions,
        "exact_decisions": account.exact,
        "undecided": account.undecided,
        "measure": account.measure,
        "measure_of_regions": float(regions.measures.sum()),
        "measure_relative_error": regions.measure_error,
        "euler_characteristic": regions.euler_characteristic(),
        "classes": present,
        "decision_regions": int(boundary.decision_regions.max()) + 1,
        "decision_boundary": {"pieces": len(boundary), "status": boundary.status.value},
        "search_seconds": account.seconds,
    }


def _show(report: dict[str, Any]) -> None:
    three, four, zero = report["digits"]
    plane, line = report["plane"], report["line"]
    where = f"the plane through a {three}, a {four} and a {zero}, and the line from the {three} to the {four}"
    title = f"A digit classifier, 64-24-24-10 with ReLU, on {where}"
    rows = list(zip(_row_names(plane), _rows(plane, "²"), _rows(line, ""), strict=True))
    show(rows_table(title, ("", "plane", "line"), rows, right=()))
    write_line(f"{report['seconds']:.1f} s in all; pictures:")
    for path in report["files"]:
        write_line(f"  {printable(path)}")


def _row_names(facts: dict[str, Any]) -> list[str]:
    layers = [f"  after {layer}" for layer in facts["regions_after_layer"]]
    counts = ["activation regions", *layers, "linear regions", "affine pieces"]
    checks = ["size of the domain", "sum over the regions", "Euler characteristic"]
    return [*counts, "sign decisions", *checks, "classes seen", "decision regions", "decision boundary", "search"]


def _rows(facts: dict[str, Any], power: str) -> list[str]:
    counts = [f"{c['value']:,} ({c['kind']}, {c['status']})" for c in facts["counts"]]
    boundary, euler = facts["decision_boundary"], facts["euler_characteristic"]
    pieces = boundary["pieces"]
    return [
        counts[0],
        *(f"{number:,}" for number in facts["regions_after_layer"].values()),
        *counts[1:],
        decided(facts["decisions"], facts["exact_decisions"], facts["undecided"]),
        f"{facts['measure']:.6g} input units{power}",
        f"differs by {facts['measure_relative_error']:.1g} of it",
        f"{euler} (as it must)" if euler == 1 else f"{euler} (it must be 1: please report this)",
        ", ".join(str(c) for c in facts["classes"]),
        f"{facts['decision_regions']} ({boundary['status']})",
        f"{pieces} pieces, {boundary['length']:.5g} input units long" if power else f"{pieces} points",
        f"{facts['search_seconds']:.3f} s",
    ]
