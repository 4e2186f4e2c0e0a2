"""`vitrail regions`: the linear regions of a network on a domain of any dimension, or around some inputs."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import vitrail
from vitrail.cli.domain import DomainOptions
from vitrail.cli.network import ModelOptions
from vitrail.cli.options import (
    Activation,
    BoxLimits,
    DropOutputActivation,
    InputFiles,
    InputShape,
    JsonOutput,
    Model,
    NegativeSlope,
    OutputTensor,
    Quiet,
    Rows,
    SpaceFlag,
    VnnLib,
    number,
    whole_number,
)
from vitrail.cli.options_regions import (
    CellsName,
    Certify,
    Color,
    CountOnly,
    DefinitionName,
    Directions,
    Exact,
    LineFlag,
    Margin,
    MaxRegions,
    Out,
    PlaneFlag,
    Plot,
    Require,
    Seed,
    SegmentFlag,
    Steps,
    TimeLimit,
    WalkFrom,
)
from vitrail.cli.report import Found, Report
from vitrail.cli.targets import Targets
from vitrail.cli.walk import WalkOptions
from vitrail.errors import InvalidOptionError, NotCertifiedError
from vitrail.options import one_of
from vitrail.status import Definition, Status

if TYPE_CHECKING:
    from vitrail.domains import Domain

__all__ = ["EXAMPLES", "regions"]

EXAMPLES = """\b
Examples:
  vitrail regions net.npz --box -1,1 --plot window.png --certify
  vitrail regions model.onnx --plane --input images.npy --rows 0,7,42 --out regions.parquet
  vitrail regions model.onnx --line --random 0 --count-only --definition linear
  vitrail regions acasxu.onnx --vnnlib prop_3.vnnlib --time-limit 60
  vitrail regions digits.npz --walk-from digits.npy --rows 7 --steps 1
"""

_EXACT: dict[str, bool | str] = {"needed": True, "never": False, "always": "always"}
_FEW_DIMENSIONS, _UNASKED_SECONDS = 7, 60.0
_WITHOUT_NEVER = "leave out --exact never: exact arithmetic decides what floating point does not"


def regions(
    model: Model,
    segment: SegmentFlag = False,
    line: LineFlag = False,
    plane: PlaneFlag = False,
    box: BoxLimits = None,
    directions: Directions = None,
    vnnlib: VnnLib = None,
    space: SpaceFlag = False,
    input_file: InputFiles = None,
    rows: Rows = None,
    random: Seed = None,
    margin: Margin = None,
    walk_from: WalkFrom = None,
    steps: Steps = None,
    definition: DefinitionName = "activation",
    count_only: CountOnly = False,
    max_regions: MaxRegions = None,
    time_limit: TimeLimit = None,
    exact: Exact = "needed",
    cells: CellsName = None,
    certify: Certify = False,
    require: Require = None,
    out: Out = None,
    plot: Plot = None,
    color: Color = None,
    input_shape: InputShape = None,
    output_tensor: OutputTensor = None,
    drop_output_activation: DropOutputActivation = False,
    activation: Activation = None,
    negative_slope: NegativeSlope = "0.01",
    json_output: JsonOutput = False,
    quiet: Quiet = False,
) -> int:
    """Find the linear regions of a network on a domain, and say how sure the result is."""
    chosen = Definition(one_of("--definition", definition, [d.value for d in Definition]))
    wanted = None if require is None else one_of("--require", require, ["complete", "certified"])
    seed, room = whole_number(random, "--random", 0), None if margin is None else number(margin, "--margin")
    walk = WalkOptions(walk_from, whole_number(steps, "--steps", 0), None if walk_from is None else rows)
    choice = DomainOptions(
        *(segment, line, plane, tuple(box or ()), whole_number(directions, "--slice", 1), vnnlib, space),
        *(tuple(input_file or ()), None if walk_from is not None else rows, seed, room),
        default=None if walk_from is None else "space",
    )
    given = {"--count-only": count_only, "--cells": cells is not None, "--plot": plot is not None}
    walk.check(choice.kind, given | {"--exact always": exact == "always"})
    limits = _Limits.of(max_regions, time_limit, exact, cells, not (quiet or json_output) and sys.stderr.isatty())
    sources = tuple(name for name in (*(input_file or ()), walk_from, vnnlib) if name is not None)
    targets = Targets(out, plot, color, model, count_only, certify, sources)
    options = ModelOptions(model, input_shape, output_tensor, drop_output_activation, activation, negative_slope)
    net = options.load()
    domain = choice.domain(net.input_shape)
    targets.check(domain, limits.cells)
    found = limits.on(domain, walk).search(net, domain, chosen, count_only, walk)
    targets.write(found.regions)
    checked = found.certify(limits.progress) if certify else None
    Report(options.describe(net), domain, found, checked, targets.written).write(json_output, quiet)
    _check(checked, wanted, found.count.status, limits.exact is False)
    return 0


@dataclass(frozen=True)
class _Limits:
    """Budgets of a search, where it may be exact, which cells it uses, and whether to show its progress."""

    max_regions: int | None
    time_limit: float | None
    exact: bool | str
    cells: str
    progress: bool

    @classmethod
    def of(
        cls, max_regions: str | None, time_limit: str | None, exact: str, cells: str | None, progress: bool
    ) -> _Limits:
        seconds = None if time_limit is None else number(time_limit, "--time-limit")
        if seconds is not None and seconds <= 0:
            raise InvalidOptionError(f"--time-limit: expected seconds above 0, found {time_limit!r}")
        word = one_of("--exact", exact, list(_EXACT))
        kind = "auto" if cells is None else one_of("--cells", cells, ["auto", "vertices", "halfspaces"])
        return cls(whole_number(max_regions, "--max-regions", 1), seconds, _EXACT[word], kind, progress)

    def on(self, domain: Domain, walk: WalkOptions) -> _Limits:
        """These limits; where none was given and a search may have no end in a lifetime, one of time, and say so."""
        size = domain.frame.dimension
        near = walk.path is not None and walk.distance <= 1
        if near or size <= _FEW_DIMENSIONS or self.max_regions is not None or self.time_limit is not None:
            return self
        sys.stderr.write(
            f"note: {size} dimensions may hold more regions than can be found, so this stops after "
            f"{_UNASKED_SECONDS:.0f} seconds; set another limit with --time-limit or --max-regions, or look around "
            "some inputs with --walk-from\n"
        )
        return replace(self, time_limit=_UNASKED_SECONDS)

    def search(
        self, net: vitrail.Network, domain: Domain, definition: Definition, count_only: bool, walk: WalkOptions
    ) -> Found:
        """Count, enumerate, or walk."""
        started = time.perf_counter()
        budgets: dict[str, Any] = {"max_regions": self.max_regions, "time_limit": self.time_limit}
        budgets |= {"progress": self.progress, "exact": self.exact}
        if count_only:
            count = vitrail.count_regions(net, domain, definition, cells=self.cells, **budgets)
            return Found(count, None, None, time.perf_counter() - started)
        if walk.path is None:
            regions = vitrail.enumerate_regions(net, domain, cells=self.cells, **budgets)
            return Found(regions.count(definition), regions, None, time.perf_counter() - started)
        seeds = walk.points(net.input_shape)
        started = time.perf_counter()
        walked = vitrail.walk(net, seeds, domain, max_distance=walk.distance, **budgets)
        return Found(walked.regions.count(definition), walked.regions, walked, time.perf_counter() - started)


def _check(certificate: vitrail.Certificate | None, wanted: str | None, status: Status, never_exact: bool) -> None:
    """Complain about what was found, after all of it is written."""
    if certificate is not None and certificate.problems:
        advice = _WITHOUT_NEVER if never_exact else "this is a bug in Vitrail: please report it with the network"
        raise NotCertifiedError(f"--certify: the regions do not pass: {'; '.join(certificate.problems)}\n{advice}")
    if (wanted == "complete" and not status.complete) or (wanted == "certified" and not status.proven):
        advice = f"{status.advice}\n{_WITHOUT_NEVER}" if never_exact and status is Status.UNCERTIFIED else status.advice
        raise NotCertifiedError(f"--require {wanted}: the result is {status.value}\n{advice}")
